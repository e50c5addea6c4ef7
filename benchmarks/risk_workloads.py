"""Accounts, marks and fills that the risk benchmark runs: who holds what, how prices move, who trades in between.

Stands on NumPy alone and knows nothing of the engine: the world and the full scan both read these columns.

    client 0: | position | position |    client 1: | position | ...    a rest account for each market: its other side
              first[0]             first[1]

Every client's position is opened against the rest account of its market at the first marks, so the lots of a market
sum to 0.
A tick of a lot is one atom. One seed gives one workload.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Generator = np.random.Generator

PPM = 1_000_000
ATOMS = 10_000  # of one dollar
# Of a position; one of an account's positions is often most of it, as in the C prototype.
NOTIONAL_MEDIAN, NOTIONAL_SIGMA, NOTIONAL_MAX = 5_000 * ATOMS, 2.0, 50_000_000 * ATOMS
PRICE_TICKS = (40_000, 100_000)
NEAR_PPM = 10_000  # "near" is a surplus of at most 1 % of the notional
DRIFT_LEVERAGE_MEDIAN, DRIFT_LEVERAGE_SIGMA = 5.0, 0.6
SLIDE_LEVERAGE = (2.0, 50.0)
LONG_SHARE = 0.7
CORRELATION = 0.6  # of the steps of two markets

# Maintenance margin of four perpetuals of Binance, 24 October 2024: (floor in dollars, rate in ppm).
BTC = ((0, 4_000), (50_000, 5_000), (600_000, 6_500), (3_000_000, 10_000), (12_000_000, 20_000), (70_000_000, 25_000))
SOL = ((0, 5_000), (20_000, 6_500), (100_000, 10_000), (800_000, 20_000), (4_000_000, 25_000), (8_000_000, 50_000))
ATOM = ((0, 6_000), (10_000, 10_000), (50_000, 15_000), (80_000, 20_000), (200_000, 25_000), (600_000, 50_000))
ENA = ((0, 10_000), (10_000, 15_000), (80_000, 20_000), (400_000, 25_000), (800_000, 50_000), (4_000_000, 100_000))
SCHEDULES = tuple(tuple((floor * ATOMS, rate) for floor, rate in table) for table in (BTC, SOL, ATOM, ENA))


class Accounts(NamedTuple):
    """Clients and, behind them, the rest accounts, each with its deposit and its positions."""

    schedules: tuple[tuple[tuple[int, int], ...], ...]  # of tiers (floor_atoms, rate_ppm)
    schedule_of: Array  # by market
    marks: Array  # by market: ticks at which everything was opened
    first: Array  # by account, one more at the end: where its positions begin
    market: Array  # by position
    lots: Array  # by position, longs > 0
    deposit: Array  # by account, atoms
    clients: int

    @property
    def total(self) -> int:
        """Clients and rest accounts."""
        return len(self.deposit)

    def owner(self) -> Array:
        """Return the account of each position."""
        return np.repeat(np.arange(self.total), np.diff(self.first))


class Trades(NamedTuple):
    """Balanced trades, each at the mark of its market, in order of their rounds."""

    round: Array  # after the marks of which round
    market: Array
    buyer: Array
    seller: Array
    lots: Array

    def taken(self, rows: Array) -> Trades:
        """Return some of the rows."""
        return Trades(*(column[rows] for column in self))


# ---- accounts --------------------------------------------------------------------------------------------------------


def requirement(tiers: tuple[tuple[int, int], ...], notional: Array) -> Array:
    """Estimate maintenance margin in floats, to make deposits of; what is then true of them the scan says."""
    floors, rates = np.array(tiers, float).T
    base = np.concatenate([[0.0], np.cumsum(np.diff(floors) * rates[:-1])])
    tier = np.searchsorted(floors, notional, side="right") - 1
    return np.asarray((base[tier] + (notional - floors[tier]) * rates[tier]) / PPM)


def distinct_markets(generator: Generator, count: int, markets: int, width: int) -> Array:
    """Draw `width` different markets for each account, low numbers more often; rows in random order."""
    drawn = np.empty((count, width), np.int64)
    open_rows = np.arange(count)
    while len(open_rows):
        drawn[open_rows] = (markets * generator.random((len(open_rows), width)) ** 2).astype(np.int64)
        ordered = np.sort(drawn[open_rows], axis=1)
        open_rows = open_rows[(np.diff(ordered, axis=1) == 0).any(axis=1)]
    return drawn


def drift_surplus(generator: Generator, notional: Array, maintenance: Array, near_share: float) -> Array:
    """Choose surpluses: leverage lognormal around 5, and exactly `near_share` of all within 1 % of liquidation."""
    count = len(notional)
    leverage = DRIFT_LEVERAGE_MEDIAN * np.exp(DRIFT_LEVERAGE_SIGMA * generator.standard_normal(count))
    surplus = np.maximum(notional / leverage - maintenance, notional * (1.02 * NEAR_PPM / PPM))
    near = generator.permutation(count)[: round(near_share * count)]
    surplus[near] = notional[near] * generator.uniform(0.02, 0.98, len(near)) * NEAR_PPM / PPM
    return surplus


def slide_surplus(generator: Generator, notional: Array, leverage: tuple[float, float]) -> Array:
    """Choose surpluses: half the equity that a leverage within bounds, even in its logarithm, leaves."""
    low, high = np.log(leverage)
    return np.asarray(notional / np.exp(generator.uniform(low, high, len(notional))) / 2)


def make_accounts(
    seed: int,
    clients: int,
    markets: int,
    positions: tuple[int, int],
    *,
    near_share: float | None = None,
    leverage: tuple[float, float] = SLIDE_LEVERAGE,
) -> Accounts:
    """Make clients with `positions[0]` to `positions[1]` positions each and the accounts on the other side.

    With `near_share` the surpluses are those of `drift_surplus`, else of `slide_surplus` at that leverage.
    """
    generator = np.random.default_rng(seed)
    least, most = positions
    marks = generator.integers(*PRICE_TICKS, markets)
    schedule_of = np.arange(markets) % len(SCHEDULES)
    counts = generator.integers(least, most + 1, clients)
    held = np.arange(most) < counts[:, None]
    market = distinct_markets(generator, clients, markets, most)[held]
    drawn = NOTIONAL_MEDIAN * np.exp(NOTIONAL_SIGMA * generator.standard_normal(len(market)))
    size = np.maximum(np.rint(np.minimum(drawn, NOTIONAL_MAX) / marks[market]).astype(np.int64), 1)
    lots = np.where(generator.random(len(size)) < LONG_SHARE, size, -size)

    first = np.concatenate([[0], np.cumsum(counts)])
    notional = (size * marks[market]).astype(float)
    maintenance = np.empty(len(size))
    for schedule, tiers in enumerate(SCHEDULES):
        rows = np.flatnonzero(schedule_of[market] == schedule)
        maintenance[rows] = requirement(tiers, notional[rows])
    notional, maintenance = (np.add.reduceat(values, first[:-1]) for values in (notional, maintenance))
    if near_share is None:
        surplus = slide_surplus(generator, notional, leverage)
    else:
        surplus = drift_surplus(generator, notional, maintenance, near_share)
    deposit = np.ceil(maintenance + surplus).astype(np.int64) + most + 1  # + 1 atom for each rounding
    return with_rests(Accounts(SCHEDULES, schedule_of, marks, first, market, lots, deposit, clients))


def with_rests(accounts: Accounts) -> Accounts:
    """Add the rest accounts: one for each market, which holds the other side of all clients."""
    markets = len(accounts.marks)
    rest_lots = np.zeros(markets, np.int64)
    np.subtract.at(rest_lots, accounts.market, accounts.lots)
    # Twice what they hold: enough for any requirement and a doubling of all prices.
    rest_deposit = 2 * np.abs(rest_lots) * accounts.marks + 10**9
    return accounts._replace(
        first=np.concatenate([accounts.first, accounts.first[-1] + np.arange(1, markets + 1)]),
        market=np.concatenate([accounts.market, np.arange(markets)]),
        lots=np.concatenate([accounts.lots, rest_lots]),
        deposit=np.concatenate([accounts.deposit, rest_deposit]),
    )


def opening_trades(accounts: Accounts) -> Trades:
    """Return the trades that open every client's position against its rest account, in the order of the positions."""
    rows = np.arange(accounts.first[accounts.clients])
    client, rest = accounts.owner()[rows], accounts.clients + accounts.market[rows]
    lots = accounts.lots[rows]
    buyer, seller = np.where(lots > 0, (client, rest), (rest, client))
    return Trades(np.zeros(len(rows), np.int64), accounts.market[rows], buyer, seller, np.abs(lots))


# ---- marks -----------------------------------------------------------------------------------------------------------


def drift_marks(
    seed: int, start: Array, rounds: int, *, step_ppm: int = 300, slide_share: float = 0.15, slide_rounds: int = 100
) -> Array:
    """Walk all marks at once: correlated steps, in the middle a slide by `slide_share`; (rounds, markets)."""
    generator = np.random.default_rng(seed)
    common = generator.standard_normal((rounds, 1))
    own = generator.standard_normal((rounds, len(start)))
    steps = (np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * own) * step_ppm / PPM
    slide_rounds = min(slide_rounds, rounds)
    begin = (rounds - slide_rounds) // 2
    steps[begin : begin + slide_rounds] += np.log1p(-slide_share) / slide_rounds
    walked = np.rint(start * np.exp(np.cumsum(steps, axis=0)))
    return np.asarray(np.maximum(walked, 1), np.int64)


def slide_marks(start: Array, rounds: int, share: float = 0.2) -> Array:
    """Let all marks fall by `share` in equal steps; (rounds, markets)."""
    left = 1 - share * np.arange(1, rounds + 1) / rounds
    return np.rint(left[:, None] * start).astype(np.int64)


def quiet_marks(start: Array, rounds: int, *, ticks: int = 3) -> Array:
    """Let all marks go up and down by a few ticks; (rounds, markets)."""
    return start + np.where(np.arange(rounds) % 2 == 0, ticks, -ticks)[:, None]


# ---- trades between clients ------------------------------------------------------------------------------------------


def draw_trades(seed: int, accounts: Accounts, rounds: int, count: int, *, share: float = 0.05) -> Trades:
    """Draw trades between two clients that hold the market already, of up to `share` of the smaller position.

    They are spread evenly over the rounds. Either side may grow, shrink or close its position; no one gets a new one.
    """
    generator = np.random.default_rng(seed)
    clients_end = int(accounts.first[accounts.clients])
    owner, market, lots = (column[:clients_end] for column in (accounts.owner(), accounts.market, accounts.lots))
    order = np.argsort(market, kind="stable")
    ends = np.searchsorted(market[order], np.arange(len(accounts.marks) + 1))
    begin, end = ends[:-1], ends[1:]
    place = np.argsort(order)  # of a position in `order`
    several = np.flatnonzero((end - begin)[market] > 1)
    one = several[generator.integers(0, len(several), count)]
    width = (end - begin)[market[one]]
    step = 1 + (generator.random(count) * (width - 1)).astype(np.int64)  # never back to the position itself
    other = order[begin[market[one]] + (place[one] - begin[market[one]] + step) % width]
    smaller = np.minimum(np.abs(lots[one]), np.abs(lots[other]))
    size = np.maximum((smaller * share * generator.random(count)).astype(np.int64), 1)
    when = np.arange(count) * rounds // count
    return Trades(when, market[one], owner[one], owner[other], size)
