"""Small worlds for tests: a native World that remembers its declarations, so that the reference can replay it.

Stands on the native core and the reference; on nothing of the test tools, so that another process may import it.

Promises: `replayed` walks the journal of J-1 through `engine.reference.world`; `disagreements` lists every difference
that J-2 forbids, in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import _core
from engine.margin import AccountMode
from engine.reference.breaker import BreakerTerms
from engine.reference.ledger import SystemAccount
from engine.reference.market import MarketTerms
from engine.reference.schedule import Schedule
from engine.reference.world import Trade, World
from engine.types import RejectReason, Side

if TYPE_CHECKING:
    from collections.abc import Sequence

TRADE_COLUMNS = Trade._fields
_BEFORE_THE_BOOK = {
    RejectReason.ACCOUNT_FROZEN,
    RejectReason.NOTHING_TO_REDUCE,
    RejectReason.INSUFFICIENT_MARGIN,
    RejectReason.ACCOUNT_REDUCE_ONLY,
    RejectReason.CASH_ACCOUNT,
}
_TICKS = 1000  # the price around which `small_world` lives


def rows_of(table: _core.ColumnTable) -> list[tuple[int, ...]]:
    """Return a table's rows as tuples in the order of its columns."""
    return list(zip(*(table[name].tolist() for name in table.names), strict=True))


def landmark_rows(native: _core.World) -> list[tuple[Any, ...]]:
    """Return the landmarks as (time_ms, kind, market, number, account, parent, generation, value, mover).

    The mover is (time_ms, kind, account, number, cause), or None; the place in the list is the landmark's id.
    """
    rows = rows_of(native.landmarks())
    return [(*row[1:9], row[9:] if row[10] else None) for row in rows]


class TwinWorld:
    """Declare a native World and keep its terms for the reference.

    Parameters
    ----------
    seed : int
        Key of every draw (R-2).
    narrow : bool
        Open narrow accounts; nothing else differs.
    **options : int
        The other arguments of `engine._core.World`.
    """

    def __init__(self, seed: int = 1, *, narrow: bool = False, **options: Any) -> None:
        self.native = _core.World(seed, **options)
        self.narrow = narrow
        self.supplies: list[int] = []
        self.terms: list[MarketTerms] = []
        self.venue_accounts = [0]  # of each venue the first of its own (V-8)
        self.modes: dict[int, int] = {}  # of the accounts that are not CROSS
        self.schedules: dict[int, Schedule] = {}  # by number; plain rates of perpetuals take numbers in between

    def venue(self, **options: int) -> int:
        """Open another venue; an asset must be there."""
        number = self.native.add_venue(**options)
        self.venue_accounts.append(self.native.account_count - len(SystemAccount))
        return number

    def asset(self, supply_max: int = 2**61) -> int:
        """Declare an asset."""
        self.supplies.append(supply_max)
        return self.native.add_asset(supply_max)

    def schedule(self, floors: Sequence[int], rates_ppm: Sequence[int], *, kind: str = "requirement") -> int:
        """Declare a schedule (section S)."""
        number = self.native.add_schedule(floors, rates_ppm, kind=kind)
        self.schedules[number] = Schedule(floors, rates_ppm, kind=kind)
        return number

    def account(self, *deposits: int, venue: int = 0, mode: int = AccountMode.CROSS) -> int:
        """Open an account with a deposit of each asset, in order; 0 for none."""
        account = self.native.add_accounts(venue=venue, narrow=self.narrow, mode=mode)
        if mode != AccountMode.CROSS:
            self.modes[account] = mode
        for asset, atoms in enumerate(deposits):
            if atoms:
                self.native.deposit(account, asset, atoms)
        return account

    def spot(
        self, base: int, quote: int, *, worth: int = 1, base_atoms_per_lot: int = 1, venue: int = 0, **bounds: int
    ) -> int:
        """Open a spot market whose lot is worth `worth` quote atoms at one tick."""
        fees_to = self.venue_accounts[venue]
        terms = MarketTerms(quote, worth, base, base_atoms_per_lot, venue_accounts=fees_to, **bounds)  # type: ignore[arg-type]
        self.terms.append(terms)
        return self.native.add_spot(
            base, quote, atoms_per_tick_lot=worth, base_atoms_per_lot=base_atoms_per_lot, venue=venue, **bounds
        )

    def perpetual(
        self,
        settle: int,
        *,
        worth: int = 1,
        maintenance_ppm: int | None = 50_000,
        maintenance: int | None = None,
        initial: int | None = None,
        price_stale_ms: int = 0,
        venue: int = 0,
        **bounds: int,
    ) -> int:
        """Open a perpetual market whose lot is worth `worth` atoms at one tick; schedules by their numbers."""
        schedule = None if initial is None else self.schedules[initial]
        fees_to = self.venue_accounts[venue]
        terms = MarketTerms(settle, worth, venue_accounts=fees_to, **bounds)  # type: ignore[arg-type]
        self.terms.append(terms._replace(initial=schedule))
        return self.native.add_perpetual(
            settle,
            atoms_per_tick_lot=worth,
            maintenance_ppm=None if maintenance is not None else maintenance_ppm,
            maintenance=maintenance,
            initial=initial,
            price_stale_ms=price_stale_ms,
            venue=venue,
            **bounds,
        )

    def breaker(self, market: int, **terms: int) -> None:
        """Give a market a breaker (V-9), before anything is traded there."""
        self.native.add_breaker(market, **terms)
        self.terms[market] = self.terms[market]._replace(breaker=BreakerTerms(**terms))

    def replayed(self) -> World:
        """Replay the journal so far through the reference, and check its invariants (J-2)."""
        reference = World(self.supplies, self.native.account_count, self.terms, self.modes)
        reference.replay(self.native.journal())
        reference.check_invariants()
        return reference

    def trades(self) -> list[Trade]:
        """Return the native trades as the reference writes them."""
        table = self.native.trades()
        return [Trade(*map(int, row)) for row in zip(*(table[name].tolist() for name in TRADE_COLUMNS), strict=True)]

    def disagreements(self) -> list[str]:
        """Return what the reference sees otherwise than the native world (J-2); empty is right."""
        native, reference = self.native, self.replayed()
        found: list[str] = []

        def compare(what: str, got: object, want: object) -> None:
            if got != want:
                found.append(f"{what}: native {got!r}, reference {want!r}")

        compare("trades", self.trades(), reference.trades)
        for account in range(native.account_count):
            for asset in range(len(self.supplies)):
                compare(f"balance {account}/{asset}", native.balance(account, asset), reference.balance(account, asset))
                owed = reference.ledger.balances[account][asset].owed
                compare(f"owed {account}/{asset}", native.owed(account, asset), owed)
            for market in range(len(self.terms)):
                position = native.position(account, market)[:2]
                compare(f"position {account}/{market}", position, reference.position(account, market))
        for number, market_row in enumerate(reference.markets):
            state, book = native.market(number), market_row.book
            compare(f"clearing {number}", state["clearing"], market_row.clearing)
            if not market_row.terms.is_spot:
                compare(f"funding pool {number}", native.funding(number)[2], market_row.funding_pool)
            published = (state["last"], state["index"], state["mark"], state["oracle"])
            expected = (book.last_price, market_row.index, market_row.mark, market_row.oracle)
            compare(f"prices {number}", published, expected)
            if market_row.breaker is not None:
                halted = market_row.breaker
                until_ms = halted.until_ms if halted.is_halted(native.now_ms) else None
                expected_halt = halted.reference(native.now_ms), until_ms
                compare(f"breaker {number}", native.breaker(number), expected_halt)
            compare(f"depth {number}", native.depth(number, 10**6), book.depth(10**6))
        # Orders that a venue refuses for whose they are never reach the book, nor does one that has nothing to reduce.
        native_rejects = {
            reason: n for reason, n in native.counts()["rejects"].items() if reason not in _BEFORE_THE_BOOK
        }
        for reason in set(native_rejects) | set(reference.rejects):
            if reason != RejectReason.QTY_NOT_POSITIVE:
                compare(f"rejects {reason}", native_rejects.get(reason, 0), reference.rejects[RejectReason(reason)])
        compare("digest", native.digest(), reference.digest(native.now_ms))
        return found


def add_book(twin: TwinWorld, account: int, market: int, levels: int, qty_lots: int, *, step: int = 10) -> None:
    """Send a static ladder of `levels` orders on each side of 1,000 ticks, the best ones 5 ticks away."""
    for level in range(levels):
        twin.native.send_order(account, market, Side.BUY, _TICKS - 5 - step * level, qty_lots, at_ms=0)
        twin.native.send_order(account, market, Side.SELL, _TICKS + 5 + step * level, qty_lots, at_ms=0)


def small_world(
    seed: int = 7, *, makers: int = 3, longs: int = 12, shock_lots: int = 5_000, **options: Any
) -> TwinWorld:
    """Build a spot and a perpetual market with makers, noise, leveraged longs and a selling shock at 1,500 ms.

    A run of some 6,000 ms sees withdrawals, liquidations and cancels. Nothing has run yet.

    Parameters
    ----------
    seed : int
        Key of every draw.
    makers, longs : int
        How many of each.
    shock_lots : int
        What the shock sells, in ten slices.
    **options : int
        Further arguments of `engine._core.World`.

    Returns
    -------
    TwinWorld
        Asset 0 is the quote, 1 the base; market 0 the spot, 1 the perpetual.
    """
    twin = TwinWorld(seed, stage_ppm=300_000, stage_interval_ms=200, **options)
    native = twin.native
    quote, base = twin.asset(10**15), twin.asset(10**13)
    spot = twin.spot(base, quote, maker_fee_ppm=100, taker_fee_ppm=500)
    perpetual = twin.perpetual(quote, maintenance_ppm=30_000, taker_fee_ppm=500)
    native.add_index(perpetual, spot, every_ms=250, lag_ms=20)
    native.add_mark(perpetual, every_ms=250, lag_ms=30)
    wealth = (10**11, 10**9)
    standing = twin.account(*wealth)
    for market in (spot, perpetual):
        add_book(twin, standing, market, levels=60, qty_lots=150)
    for ordinal in range(makers):
        maker = native.add_agents(
            "maker",
            twin.account(*wealth),
            _core.member_key("makers", ordinal),
            wake_every_ms=100,
            window_ms=800,
            return_after_ms=1_500,
            latency_ms=0,
            latency_law=("lognormal", 8.0, 0.5),
            half_spread=0.002,
            spacing=0.002,
            levels=3,
            anchor=0.3,
            fair_tau_ms=5_000.0,
            drawdown=0.02,
            return_size=0.5,
        )
        native.add_quotes(maker, spot, 80)
        native.add_quotes(maker, perpetual, 80)
    short = twin.account(10**11)
    for ordinal in range(longs):
        collateral = 200 * _TICKS // (2 + ordinal)  # leverages 2, 3, 4, ...
        native.open_trade(perpetual, twin.account(collateral), short, 200, _TICKS)
    native.add_agents(
        "shock",
        twin.account(*wealth),
        0,
        market=perpetual,
        side=Side.SELL,
        qty_lots=shock_lots,
        start_ms=1_500,
        slices=10,
        every_ms=50,
    )
    trader = twin.account(*wealth)
    for ordinal, market in enumerate((spot, perpetual)):
        key = _core.member_key("noise", ordinal)
        native.add_agents("noise", trader, key, market=market, mean_gap_ms=40.0, qty_min=5, qty_max=60, latency_ms=5)
    return twin
