"""The worlds that the kernel is measured on, what happened in them, and their journal as messages for the bare C book.

A market has makers with five quotes a side who leave when the price falls, a noise trader and a value trader who holds
the price near its worth; some markets have a shock. Orders and notices travel on links of lognormal latency.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from flows import ADD, CANCEL, MARKET, differences_of

from engine import OrderType, Side, TimeInForce
from engine._core import World, member_key

if TYPE_CHECKING:
    from flows import Array, Columns

SEED = 20240229
SUPPLY_MAX = 2**60
QUOTE_ATOMS, BASE_ATOMS = 10**12, 10**11  # of each account
PRICE_TICKS = 100_000
LEVELS, QTY_LOTS = 5, 100
STANDING_TICKS = 200  # how far out an order stands that nobody cancels: a maker centres on a mid, so there must be one
LATENCY = {"latency_ms": 0, "latency_law": ("lognormal", 5.0, 0.5)}  # milliseconds, median and sigma
WARM_MS = 500  # makers place their first quotes within their first half second
SHOCK_LOTS = 6_000  # more than the makers' bids within the fall at which they leave
MIX_TRADES, MIX_CANCELS = 0.05, 0.40
RESTING_LEVELS, RESTING_ACCOUNTS = 500, 10
JOURNAL_PLACE, JOURNAL_CANCEL = 3, 4  # kinds of a row of `World.journal`
REFERENCE_LOW, REFERENCE_HIGH = 1_000, 65_000  # the bare C book takes prices below 65,536


class Shape(NamedTuple):
    """A world's size."""

    markets: int
    makers: int = 20
    mass_quotes: bool = False
    perpetual: bool = False
    shock_every: int = 10  # markets to one that has a shock; a single market has one
    until_ms: int = 4_000

    def name(self) -> str:
        """Say it in words."""
        kind = "perpetual market" if self.perpetual else "market"
        markets = f"1 {kind}" if self.markets == 1 else f"{self.markets:,} {kind}s"
        shocks = ", a shock in each" if self.markets > 1 and self.shock_every == 1 else ""
        marks = ", a mark each second" if self.perpetual else ""
        return f"{markets} x {self.makers} makers" + (", mass quotes" if self.mass_quotes else "") + marks + shocks


class Counts(NamedTuple):
    """What has happened in a world; a book message is an order or cancel that reached its book or missed there."""

    events: int
    orders: int
    cancels: int
    cancel_misses: int
    trades: int
    landmarks: int

    @property
    def messages(self) -> int:
        """Orders, cancels, and cancels whose order had gone."""
        return self.orders + self.cancels + self.cancel_misses

    def since(self, before: Counts) -> Counts:
        """Subtract what had happened before."""
        return Counts(*(now - then for now, then in zip(self, before, strict=True)))

    def told(self) -> dict[str, Any]:
        """Return every kind, and the shares of the mix."""
        shares = {"trade_share": self.trades / self.messages, "cancel_share": self.cancels / self.messages}
        return {
            **self._asdict(),
            "messages": self.messages,
            **{name: round(share, 4) for name, share in shares.items()},
        }

    def mix_differences(self) -> list[str]:
        """Say where the mix is not what the bars are meant for; misses are no cancels here."""
        told = self.told()
        return [
            f"mix: expected at least {least:.0%} {name}s, was {told[name + '_share']:.1%}"
            for name, least in (("trade", MIX_TRADES), ("cancel", MIX_CANCELS))
            if told[name + "_share"] < least
        ]


def counts_of(world: World) -> Counts:
    """Read a world's counts."""
    found = world.counts()
    kinds = [found[name] for name in ("events", "orders", "cancels", "cancel_misses", "trades")]
    return Counts(*kinds, landmarks=len(world.landmarks()))


def build_world(shape: Shape, *, recording: bool, journal: bool = False) -> World:
    """Build a world; nothing has run yet."""
    world = World(SEED, record_trades=recording, record_journal=journal)
    quote, base = world.add_asset(SUPPLY_MAX), world.add_asset(SUPPLY_MAX)
    first = world.add_accounts(shape.markets * (shape.makers + 4))
    for ordinal in range(shape.markets):
        if shape.perpetual:
            market = world.add_perpetual(
                quote, atoms_per_tick_lot=1, maintenance_ppm=1_000, maker_fee_ppm=100, taker_fee_ppm=300
            )
            world.add_mark(market, every_ms=1_000, lag_ms=5)
        else:
            market = world.add_spot(
                base, quote, atoms_per_tick_lot=1, base_atoms_per_lot=1, maker_fee_ppm=100, taker_fee_ppm=300
            )
        accounts = range(first + ordinal * (shape.makers + 4), first + (ordinal + 1) * (shape.makers + 4))
        for account in accounts:
            world.deposit(account, quote, QUOTE_ATOMS)
            world.deposit(account, base, BASE_ATOMS)
        add_makers(world, shape, ordinal, market, list(accounts[: shape.makers]))
        add_takers(world, shape, ordinal, market, accounts[shape.makers :])
    return world


def add_makers(world: World, shape: Shape, ordinal: int, market: int, accounts: list[int]) -> None:
    """Let makers quote on a market, each with a spread of its own."""
    makers = world.add_agents(
        "maker",
        accounts,
        [member_key(f"makers {ordinal}", each) for each in range(shape.makers)],
        start_ms=2,
        wake_every_ms=500,
        levels=LEVELS,
        half_spread=[0.0004 + 0.00002 * each for each in range(shape.makers)],
        spacing=0.0003,
        tolerance=0.0,
        skew=0.002,
        drawdown=0.001,
        window_ms=1_000,
        return_after_ms=1_000,
        mass_quotes=int(shape.mass_quotes),
        **LATENCY,
    )
    world.add_quotes(list(range(makers, makers + shape.makers)), market, QTY_LOTS, inventory_max=20 * QTY_LOTS)


def add_takers(world: World, shape: Shape, ordinal: int, market: int, accounts: range) -> None:
    """Put in who trades with the makers: noise, a value trader, and a shock at the market's own time."""
    standing, noise, value, shock = accounts
    for side in (Side.BUY, Side.SELL):
        world.send_order(standing, market, side, PRICE_TICKS - int(side) * STANDING_TICKS, QTY_LOTS, at_ms=1)
    world.add_agents(
        "noise",
        noise,
        member_key(f"noise {ordinal}", 0),
        start_ms=50,
        market=market,
        mean_gap_ms=42.0 * 20 / shape.makers,
        qty_min=1,
        qty_max=2 * QTY_LOTS,
        **LATENCY,
    )
    world.add_agents(
        "value",
        value,
        member_key(f"value {ordinal}", 0),
        start_ms=60,
        market=market,
        wake_every_ms=500,
        threshold=0.002,
        fair_ticks=PRICE_TICKS,
        qty_lots=3 * QTY_LOTS,
        **LATENCY,
    )
    if ordinal % shape.shock_every:
        return
    at_ms = WARM_MS + (shape.until_ms - WARM_MS) * (2 * ordinal + 1) // (2 * shape.markets)
    world.add_agents(
        "shock",
        shock,
        member_key(f"shock {ordinal}", 0),
        start_ms=at_ms,
        market=market,
        side=Side.SELL,
        qty_lots=SHOCK_LOTS * shape.makers // 20,
        slices=3,
        every_ms=20,
        **LATENCY,
    )


def lots_differences(world: World, markets: int) -> list[str]:
    """Follow every lot of a world that kept its journal: placed = traded + cancelled + resting + never to rest."""
    journal = {name: np.asarray(world.journal()[name]) for name in world.journal().names}
    trades = {name: np.asarray(world.trades()[name]) for name in world.trades().names}
    is_place, is_cancel = journal["kind"] == JOURNAL_PLACE, journal["kind"] == JOURNAL_CANCEL
    never_rests = is_place & never_rests_of(journal)
    names = key_of(journal["account"][never_rests], journal["number"][never_rests])
    took = np.isin(key_of(trades["taker_account"], trades["taker_order"]), names)
    traded = int(trades["qty_lots"].sum())
    lapsed = int(journal["qty"][never_rests].sum()) - int(trades["qty_lots"][took].sum())
    resting = sum(lots for market in range(markets) for side in world.depth(market, 2**31) for _, lots in side)
    cancelled = int(journal["qty"][is_cancel].sum())
    counts = counts_of(world)
    found = {"orders": counts.orders, "cancels": counts.cancels, "lots": 2 * traded + cancelled + resting + lapsed}
    expected = {
        "orders": int(is_place.sum()),
        "cancels": int(is_cancel.sum()),
        "lots": int(journal["qty"][is_place].sum()),
    }
    return [f"journal, {text}" for text in differences_of(found, expected)]


def never_rests_of(rows: Columns) -> Array:
    """Tell which rows of a journal are market orders or IOC."""
    return (rows["order_type"] == OrderType.MARKET) | (rows["time_in_force"] == TimeInForce.IOC)


def key_of(account: Array, number: Array) -> Array:
    """Name an order by its account and the account's number for it, in one word; an account has one market here."""
    return account.astype(np.int64) << 40 | number.astype(np.int64)


def build_resting(orders: int) -> World:
    """Build a world in whose one book that many orders rest: one lot each, a thousand prices."""
    world = World(SEED)
    quote, base = world.add_asset(SUPPLY_MAX), world.add_asset(SUPPLY_MAX)
    first = world.add_accounts(RESTING_ACCOUNTS)
    market = world.add_spot(base, quote, atoms_per_tick_lot=1, base_atoms_per_lot=1)
    for account in range(first, first + RESTING_ACCOUNTS):
        world.deposit(account, quote, QUOTE_ATOMS)
        world.deposit(account, base, BASE_ATOMS)
    for ordinal in range(orders):
        side = Side.SELL if ordinal % 2 else Side.BUY
        price_ticks = PRICE_TICKS - int(side) * (1 + ordinal // 2 % RESTING_LEVELS)
        world.send_order(first + ordinal % RESTING_ACCOUNTS, market, side, price_ticks, 1, at_ms=1)
    world.run(2)
    return world


# ---- the same messages for the bare C book ---------------------------------------------------------------------------


class Messages(NamedTuple):
    """The journal of a world with one market as the bare C book takes it, and its trades under the same names."""

    columns: Columns  # type, side, px, qty, oid, target: flow.py's
    fills: Columns


def messages_of(world: World) -> Messages:
    """Write the journal of a world with one market as messages of flow.py, prices moved into its range.

    An order's name there is a number among all orders of the run; here it is a number that its account counts.
    """
    journal = {name: np.asarray(world.journal()[name]) for name in world.journal().names}
    trades = {name: np.asarray(world.trades()[name]) for name in world.trades().names}
    kind = journal["kind"]
    rows = np.flatnonzero((kind == JOURNAL_PLACE) | (kind == JOURNAL_CANCEL))
    row = {name: column[rows] for name, column in journal.items()}
    names = key_of(row["account"], row["number"])
    known = np.unique(names)
    number = (np.searchsorted(known, names) + 1).astype(np.int32)
    is_cancel = row["kind"] == JOURNAL_CANCEL
    is_market = row["order_type"] == OrderType.MARKET
    limits = row["price"][~is_market]
    shift = int(limits.min()) - REFERENCE_LOW
    if int(limits.max()) - shift > REFERENCE_HIGH:
        raise ValueError(f"prices: expected within {REFERENCE_HIGH - REFERENCE_LOW} ticks, was {np.ptp(limits)}")
    columns = {
        "type": np.where(is_cancel, CANCEL, np.where(never_rests_of(row), MARKET, ADD)).astype(np.uint8),
        "side": (row["side"] != Side.BUY).astype(np.uint8),
        "px": np.where(is_market, np.where(row["side"] == Side.BUY, REFERENCE_HIGH, 0), row["price"] - shift),
        "qty": row["qty"].astype(np.int32),
        "oid": np.where(is_cancel, 0, number).astype(np.int32),
        "target": np.where(is_cancel, number, 0).astype(np.int32),
    }
    columns["px"] = columns["px"].astype(np.int32)
    fills = {
        f"{side}_id": np.searchsorted(known, key_of(trades[f"{side}_account"], trades[f"{side}_order"])) + 1
        for side in ("maker", "taker")
    }
    return Messages(columns, {**fills, "price_ticks": trades["price_ticks"] - shift, "qty_lots": trades["qty_lots"]})
