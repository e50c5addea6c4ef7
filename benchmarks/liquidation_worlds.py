"""The worlds of the liquidation benchmark: leveraged accounts, makers' resting orders, a slide; what must come out.

The accounts are those of the risk benchmark (`risk_workloads.py`). The makers are accounts of their own behind them,
with more money than any fall takes; their resting bids are real orders in the book. Bids lie below the first mark, so
nothing trades before somebody has to sell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from risk_scan import NEVER
from risk_worlds import ASSET, FIRST, Clock, Rounds, breach_differences, breach_rounds, build_world

from engine.forest import LandmarkKind
from engine.types import Side

if TYPE_CHECKING:
    from collections.abc import Mapping

    from risk_workloads import Accounts, Array

    from engine._core import World

Columns = "Mapping[str, Array]"

VENUE, FUND = 0, 1  # the venue's accounts are 0 fees, 1 insurance fund, 2 bad debt
MAKERS = 20
MAKER_DEPOSIT = 2**56
NOTHING = 2**62

# Rows of the waterfall table.
STEP, FILLED, TAKEOVER, ADL, REST, BALANCE, PAID, CLEARANCE, SHARED, BAD_DEBT = range(1, 11)
# In a millisecond of one account: takeover or the fund's payment, then ADL, what nobody took, shared loss, bad debt.
ORDER = {TAKEOVER: 0, BALANCE: 0, PAID: 0, ADL: 1, REST: 2, SHARED: 3, BAD_DEBT: 4}


class Bids(NamedTuple):
    """Resting bids of the makers."""

    market: Array
    price_ticks: Array
    lots: Array


def even_bids(mark: int, lots: int, levels: int, depth: float) -> Bids:
    """Spread lots evenly over levels from just below a mark down to `depth` of it."""
    prices = np.unique(np.linspace(round(mark * (1 - depth)), mark - 1, levels).astype(np.int64))[::-1]
    return Bids(np.zeros(len(prices), np.int64), prices, np.full(len(prices), -(-lots // len(prices))))


def following_bids(accounts: Accounts, slide: Array, breaches: Array, share: float, band: int) -> Bids:
    """Bid in each market, at the mark of each `band`-th round, for a share of the longs that breach up to it.

    So an order that closes at the bankruptcy price finds some lots, but not all. What is not sold at one level is bid
    for still when marks are lower.
    """
    breach = breaches[accounts.owner()]
    rows = np.flatnonzero((breach != NEVER) & (accounts.lots > 0))
    bands = len(slide) // band
    wanted = np.zeros((bands, slide.shape[1]), np.int64)
    np.add.at(wanted, (np.minimum(breach[rows] // band, bands - 1), accounts.market[rows]), accounts.lots[rows])
    lots = (wanted * share).astype(np.int64)
    level, market = np.nonzero(lots)
    return Bids(market, slide[(level + 1) * band - 1, market], lots[level, market])


def crash_world(accounts: Accounts, bids: Bids, fund: int, **policy: Any) -> bytes:
    """Open every position, let the makers quote, say how the venue liquidates; return the world as it is then."""
    world = build_world(accounts)
    maker = world.add_accounts(MAKERS, narrow=True)
    for account in range(maker, maker + MAKERS):
        world.deposit(account, ASSET, MAKER_DEPOSIT)
    if fund:
        world.deposit(FUND, ASSET, fund)
    due = world.now_ms + 1
    for at, (market, price, lots) in enumerate(zip(*(column.tolist() for column in bids), strict=True)):
        world.send_order(maker + at % MAKERS, market, Side.BUY, price, lots, at_ms=due)
    world.run(due + 1)
    world.set_policy(VENUE, **policy)
    return world.snapshot()


def crash_seconds(world: World, rounds: Rounds, rest_ms: int) -> float:
    """Publish all rounds and let the world run on for a while; return CPU seconds."""
    columns = rounds.columns()
    end = int(rounds.times_ms[-1]) + rest_ms
    with Clock() as clock:
        world.mark_rounds(*columns)
        world.run(end)
    return clock.seconds


# ---- what must have come out -----------------------------------------------------------------------------------------


def round_differences(world: World, rounds: Rounds, accounts: Accounts, expected: Array) -> list[str]:
    """Compare who was liquidated in which round with the full scan; nobody else was."""
    table = world.landmarks()
    begun = table["account"][table["kind"] == LandmarkKind.LIQUIDATION] - FIRST
    others = begun[(begun < 0) | (begun >= accounts.total)]
    if len(others):
        return [f"liquidations of others than clients: expected 0, was {len(others)}"]
    return breach_differences(breach_rounds(world, rounds, accounts.total), expected, len(begun))


def first_differences(world: World, rounds: Rounds, accounts: Accounts, expected: Array, rows: Columns) -> list[str]:
    """Compare each account's first liquidation with the scan, but of those whom ADL or a shared loss has met."""
    met = rows["counterparty"][np.isin(rows["kind"], (ADL, SHARED))].astype(np.int64) - FIRST
    met = np.unique(met[(met >= 0) & (met < accounts.total)])
    found, known = breach_rounds(world, rounds, accounts.total), expected.copy()
    found[met] = known[met] = NEVER
    return breach_differences(found, known, int((found != NEVER).sum()))


def flat_differences(world: World, accounts: Array) -> list[str]:
    """Compare the positions of liquidated accounts in the one market with 0."""
    held = [account for account in (FIRST + accounts).tolist() if world.position(account, 0)[0]]
    return [f"positions after liquidation: expected 0, was {len(held)}, first of account {held[0]}"] if held else []


def forced_differences(trades: Columns, accounts: Accounts, breaches: Array) -> list[str]:
    """Compare, account by account, the lots that its liquidation's orders traded with the position it had."""
    caused = trades["cause"] > 0
    taker = trades["taker_account"][caused].astype(np.int64) - FIRST
    signed = trades["qty_lots"][caused] * trades["aggressor_side"][caused]
    inside = (taker >= 0) & (taker < accounts.total)
    found = np.zeros(accounts.total, np.int64)
    np.add.at(found, taker[inside], signed[inside])
    held = np.add.reduceat(accounts.lots, accounts.first[:-1])
    expected = np.where(breaches != NEVER, -held, 0)
    others = np.flatnonzero(found != expected)
    differences = (
        [] if inside.all() else [f"forced trades of others than clients: expected 0, was {int((~inside).sum())}"]
    )
    if len(others):
        first = int(others[0])
        text = f"account {first} of {len(others)}: expected {expected[first]}, was {found[first]}"
        differences.append(f"forced lots, {text}")
    return differences


def beyond_differences(units: Columns) -> list[str]:
    """Nobody stands beyond the boundary who is not in liquidation, as the full scan of the world has it."""
    beyond = units["equity_atoms"] < units["requirement_atoms"]
    idle = np.flatnonzero(beyond & (units["is_known"] != 0) & (units["liquidation"] == 0))
    if len(idle) == 0:
        return []
    return [
        f"beyond the boundary and not in liquidation: expected 0, was {len(idle)}, first {units['account'][idle[0]]}"
    ]


def step_differences(rows: Columns) -> list[str]:
    """Each order of a liquidation was sent for somebody with less equity than required; the fund's way out is none."""
    steps = (rows["kind"] == STEP) & (rows["account"] != FUND)
    healthy = np.flatnonzero(steps & (rows["equity_atoms"] >= rows["requirement_atoms"]))
    differences = [] if steps.any() else ["steps: expected some, was 0"]
    if len(healthy):
        differences.append(f"steps of the healthy: expected 0, was {len(healthy)}, first row {healthy[0]}")
    return differences


def order_differences(rows: Columns) -> list[str]:
    """Within a millisecond of one account: fund before ADL, ADL before a shared loss, that before bad debt."""
    stage = np.full(BAD_DEBT + 1, -1)
    stage[list(ORDER)] = list(ORDER.values())
    chosen = np.flatnonzero(stage[rows["kind"]] >= 0)
    by = np.lexsort((chosen, rows["time_ms"][chosen], rows["account"][chosen]))
    at = chosen[by]
    same = (np.diff(rows["account"][at]) == 0) & (np.diff(rows["time_ms"][at]) == 0)
    same &= rows["account"][at[1:]] != FUND  # it may be relieved in one asset after another
    wrong = np.flatnonzero(same & (np.diff(stage[rows["kind"][at]]) < 0))
    if len(wrong) == 0:
        return []
    return [f"order of the waterfall: expected 0 rows too early, was {len(wrong)}, first row {at[wrong[0] + 1]}"]


def least_differences(counts: Mapping[str, int], least: Mapping[str, int]) -> list[str]:
    """What had to happen for the benchmark to mean something did happen."""
    found = [(name, floor, counts[name]) for name, floor in least.items() if counts[name] < floor]
    return [f"{name}: expected {floor} or more, was {count}" for name, floor, count in found]


def waterfall_counts(rows: Columns, liquidations: int) -> dict[str, int]:
    """Count what happened; lots of orders sent and of orders filled without the fund's way out."""
    kind, lots = rows["kind"], rows["qty_lots"]
    clients = rows["account"] != FUND

    def number(which: int) -> int:
        return int((kind == which).sum())

    sent, filled = (lots[(kind == which) & clients].sum() for which in (STEP, FILLED))
    return {
        "liquidations": liquidations,
        "orders": int(((kind == STEP) & clients).sum()),
        "unwinding_orders": int(((kind == STEP) & ~clients).sum()),
        "filled_ppm": int(filled * 10**6 // max(int(sent), 1)),
        "takeovers": number(TAKEOVER),
        "adl_fills": number(ADL),
        "adl_lots": int(lots[kind == ADL].sum()),
        "left_to_backstop": number(REST),
        "fund_payments": number(PAID),
        "shared_losses": number(SHARED),
        "bad_debts": number(BAD_DEBT),
        "bad_debt_atoms": int(rows["atoms"][kind == BAD_DEBT].sum()),
    }
