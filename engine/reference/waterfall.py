"""A world that liquidates: it decides what section X says, and demands that a journal has just that.

Stands on `world`, `units`, `liquidating`, `takeover` and `deleveraging`.

::

    journal row that is an input  -> applied as the base world does        (deposits, trades, prices, others' orders)
    own events, by (time, phase)  -> 4 margin check -> 5 step -> 6 takeover, cover -> 7 ADL -> 8 cancels, orders
                                     each demands its rows: the next ones of the journal must be exactly these

Promises: whatever the engine decided in a native run is decided here again, from the declarations and the inputs. A
row that was not decided here, one that is missing, or another one in its place raises `InvariantError`. Which market
a LIQUIDATION or MARGIN_STATE names is a matter of lineage (G-15) and is taken over from the run.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import InvariantError
from engine.margin import AccountMode, MarginAction
from engine.reference.deleveraging import Rankings, backstop_is_looked_at
from engine.reference.journal import JournalKind, JournalRow
from engine.reference.ledger import Position, SystemAccount
from engine.reference.liquidating import step
from engine.reference.shortfall import cover
from engine.reference.units import Run, Standing, Unit, Units
from engine.reference.world import World
from engine.types import OrderType, Side, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from engine.margin import Ladder
    from engine.reference.market import MarketTerms
    from engine.reference.policy import Policy
    from engine.reference.transfers import TransferReason
    from engine.reference.units import Collateral

EXTERNAL, PRICES, FUNDING, MARGIN, LIQUIDATION, BACKSTOP, ADL, ORDERS, OBSERVERS = range(1, 10)  # T-2

# Phase of a row that is an input.
_PHASES = {
    JournalKind.INDEX: PRICES,
    JournalKind.MARK: PRICES,
    JournalKind.ORACLE: PRICES,
    JournalKind.FUNDING: FUNDING,
    JournalKind.INTEREST: FUNDING,
    JournalKind.PLACE: ORDERS,
    JournalKind.CANCEL: ORDERS,
    JournalKind.REDUCE: ORDERS,
}
_DECIDED = {JournalKind.TRANSFER, JournalKind.PAYMENT, JournalKind.WRITE_OFF}


class Event(NamedTuple):
    """Hold what is to be done, in the order of (time, phase, seq) (T-1).

    `is_now` is asked in phase 8 alone, where others' orders come in between: whether the journal's next row is the
    event's, or it needs none.
    """

    due_ms: int
    phase: int
    seq: int
    act: Callable[[], None]
    is_now: Callable[[JournalRow], bool] | None


class Landmark(NamedTuple):
    """Hold what is worth telling; `kind` is the name of a `LandmarkKind`."""

    time_ms: int
    kind: str
    market: int
    account: int
    value: int


class WaterfallWorld(World):
    """Replay the inputs of a journal and decide everything else of section X.

    Parameters
    ----------
    supplies, account_count, markets, modes
        As for `World`; a perpetual's terms need their maintenance schedule. One venue.
    policy : Policy
        The venue's.
    ladder : Ladder
        The venue's.
    collateral : mapping of int to Collateral
        What counts in unified accounts, by asset.
    seed : int
        Key of the draw of ADL without a ranking.
    """

    def __init__(
        self,
        supplies: Sequence[int],
        account_count: int,
        markets: Sequence[MarketTerms],
        modes: Mapping[int, int] | None = None,
        *,
        policy: Policy,
        ladder: Ladder,
        collateral: Mapping[int, Collateral] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(supplies, account_count, markets, modes)
        self.policy = policy
        self.seed = seed
        first = markets[0].venue_accounts
        self.fund = first + SystemAccount.INSURANCE_FUND
        self.bad_debt = first + SystemAccount.BAD_DEBT
        self.backstop = self.fund if policy.backstop is None else policy.backstop
        outsiders = frozenset({first + account for account in SystemAccount} | {self.backstop})
        self.units = Units(self, ladder, collateral or {}, outsiders)
        self.rankings = Rankings(self)
        self.landmarks: list[Landmark] = []
        # The market of each LIQUIDATION and MARGIN_STATE of the next run, as (account, kind, market), in order.
        self.named: deque[tuple[int, str, int]] = deque()
        self.phase = 0
        self.feed: deque[JournalRow] = deque()
        self._queue: list[Event] = []
        self._seq = itertools.count()
        self._check_is_queued = False
        self.looks_at_backstop = False  # a look at it is queued
        self.unwinds = False
        self.taken_market = 0  # of the last TAKEOVER: what relief and its losses are told of

    # --- time --------------------------------------------------------------------------------------------------------

    def schedule(
        self,
        due_ms: int,
        phase: int,
        act: Callable[[], None],
        is_now: Callable[[JournalRow], bool] | None = None,
    ) -> None:
        """Put an event into the queue; what is due in a phase that has begun comes a millisecond later (T-3)."""
        if due_ms <= self.now_ms:
            due_ms = self.now_ms + (phase <= self.phase)
        heapq.heappush(self._queue, Event(due_ms, phase, next(self._seq), act, is_now))

    def outside(self, rows: Iterable[JournalRow]) -> None:
        """Apply inputs that came between two runs, while the clock stood (T-3a)."""
        self.feed = deque(rows)
        while self.feed:
            self._input(self.feed.popleft())

    def run(self, until_ms: int, rows: Iterable[JournalRow]) -> None:
        """Run to the end of a millisecond; `rows` are all that the journal has got in that run."""
        self.feed = deque(rows)
        while True:
            event = self._queue[0] if self._queue and self._queue[0].due_ms <= until_ms else None
            row = self.feed[0] if self.feed else None
            if event is None and row is None:
                break
            if row is not None and self._comes_first(row, event):
                self.feed.popleft()
                self.phase = self.phase_of(row)
                self._input(row)
                self.after_event()
                continue
            event = heapq.heappop(self._queue)
            self.now_ms, self.phase = event.due_ms, event.phase
            event.act()
            self.after_event()
        self.now_ms, self.phase = until_ms, OBSERVERS
        if self.named:
            raise InvariantError("C-4: the run has a change of a unit that the scan does not find", repr(self.named[0]))

    def _comes_first(self, row: JournalRow, event: Event | None) -> bool:
        if event is None:
            return True
        at = (row.time_ms, self.phase_of(row))
        if self.is_decided(row):  # has no phase of its own: what is due is asked first, and demands it or does not
            at = (row.time_ms, OBSERVERS)
        if at != (event.due_ms, event.phase):
            return at < (event.due_ms, event.phase)
        return event.is_now is not None and not event.is_now(row)

    # --- rows --------------------------------------------------------------------------------------------------------

    def phase_of(self, row: JournalRow) -> int:
        """Return the phase of a row that is an input (T-2)."""
        return _PHASES.get(JournalKind(row.kind), EXTERNAL)

    def is_decided(self, row: JournalRow) -> bool:
        """Tell whether a row may only be there because the rules decide on it."""
        return row.kind in _DECIDED

    def _input(self, row: JournalRow) -> None:
        """Apply a row that others caused."""
        if self.is_decided(row):
            raise InvariantError("X: the journal has a row that the rules do not decide on", repr(row))
        if row.kind == JournalKind.PLACE and self.is_frozen(row.account, row.market):
            raise InvariantError("V-3: an order of an account in liquidation, or one that X-4 does not send", repr(row))
        self._note_units(row)
        self._take(row)
        if row.kind in (JournalKind.INDEX, JournalKind.MARK):
            self._published(row)

    def demand(self, kind: JournalKind, then: Callable[[int], None] | None = None, **words: int) -> JournalRow:
        """Take the journal's next row, which must be the one decided on; a PLACE brings its number along."""
        blank = {"number": 0, "qty": 0, "price": 0, "account": 0, "market": 0, "side": 0}
        wanted = JournalRow(
            **{**blank, "order_type": 0, "time_in_force": 0, **words, "time_ms": self.now_ms, "kind": int(kind)}
        )
        row = self.feed.popleft() if self.feed else None
        if row is not None and kind is JournalKind.PLACE:
            wanted = wanted._replace(number=row.number)
        if row != wanted:
            raise InvariantError(
                "X: the journal does not have the row that the rules decide on", f"{wanted}, was {row}"
            )
        self._take(wanted, then)
        return wanted

    def _take(self, row: JournalRow, then: Callable[[int], None] | None = None) -> None:
        """Apply a row, what follows its trades at once, the cancels that are due (V-6); margins are looked at again."""
        trades = len(self.trades)
        self.apply(row)
        if then is not None and len(self.trades) > trades:
            then(trades)
        while self.owed:
            if not self.feed:
                raise InvariantError("V-6: an unfunded account's orders are not cancelled", repr(sorted(self.owed)))
            self.apply(self.feed.popleft())
        if row.kind == JournalKind.PLACE and not self.markets[row.market].terms.is_spot:
            for trade in self.trades[trades:]:
                self.defund(trade.maker_account, row.market)
            if len(self.trades) > trades:
                self.defund(row.account, row.market)
        if row.kind == JournalKind.TRANSFER and row.number not in self.units.outsiders:
            self.defund(row.number, row.market)
            self._take_trims(row.number, row.market)
        if row.kind == JournalKind.FUNDING:
            for account in self.payers:
                self.defund(account, row.market)
            self._backstop_paid(row)
        if not self._check_is_queued:
            self._check_is_queued = True
            self.schedule(self.now_ms, MARGIN, self._check)

    def _backstop_paid(self, row: JournalRow) -> None:
        """A backstop that funding has left below 0 is looked at (X-9)."""
        asset = self.markets[row.market].terms.quote_asset
        pays = self.position(self.backstop, row.market)[0] * row.number > 0
        if pays and self.ledger.balances[self.backstop][asset].atoms < 0:
            backstop_is_looked_at(self)

    def _take_trims(self, account: int, market: int) -> None:
        """Apply what keeps an account's reduce-only orders within its position, right after that (C-7)."""
        kinds = (JournalKind.CANCEL, JournalKind.REDUCE)
        while self.feed and self.feed[0].kind in kinds and self.feed[0][4:6] == (account, market):
            self.apply(self.feed.popleft())

    def _note_units(self, row: JournalRow) -> None:
        """Whoever can come to hold something has its unit before (C-1)."""
        if row.kind in (JournalKind.DEPOSIT, JournalKind.BORROW):
            self.units.open_unified(row.account)
        elif row.kind in (JournalKind.OPEN, JournalKind.PLACE, JournalKind.LEVERAGE, JournalKind.MARGIN):
            if self.markets[row.market].terms.is_spot:
                self.units.open_unified(row.account)
                return
            self.units.open(row.account, row.market)
            if row.kind == JournalKind.OPEN:
                self.units.open(row.number, row.market)

    def _published(self, row: JournalRow) -> None:
        """A mark tells its time, and the backstop is looked at where it has a position (C-5, X-9)."""
        if row.kind != JournalKind.MARK:
            return
        self.units.marked_ms[row.market] = self.now_ms
        if self.position(self.backstop, row.market)[0]:
            backstop_is_looked_at(self)

    def _check_holder(self, account: int, row: JournalRow) -> None:
        if row.kind == JournalKind.PLACE and account == self.backstop:
            return  # it trades out
        super()._check_holder(account, row)

    # --- margin ------------------------------------------------------------------------------------------------------

    def is_frozen(self, account: int, market: int) -> bool:
        """Tell whether an account's own orders are refused in a market (V-3)."""
        if self.funds.mode(account) is AccountMode.ISOLATED:
            unit = self.units.find(account, market)
            return unit is not None and not self.markets[market].terms.is_spot and unit.run is not None
        return self.in_liquidation(account)

    def in_liquidation(self, account: int) -> bool:
        """Tell whether a unit of the whole account is in liquidation."""
        return any(unit.account == account and unit.market is None and unit.run is not None for unit in self.units)

    def _check(self) -> None:
        """Evaluate every unit, and move those along the ladder that stand elsewhere now (C-4, X-3)."""
        self._check_is_queued = False
        changes = []
        for unit in self.units:
            standing = self.units.standing(unit)
            if unit.run is None and standing.health is not None and self.units.state(standing) != unit.state:
                ratio = Fraction(standing.health.equity_atoms, max(1, standing.notional))
                changes.append((ratio, unit.account, unit.number, unit, standing))
        for *_, unit, standing in sorted(changes, key=lambda change: change[:3]):
            self._change(unit, standing)

    def _change(self, unit: Unit, standing: Standing) -> None:
        before, unit.state = unit.state, self.units.state(standing)
        action = self.units.ladder.boundaries[unit.state - 1].action if unit.state else None
        is_worse = unit.state > before
        if action is not MarginAction.LIQUIDATE:
            self.mark("MARGIN_STATE", self._named(unit, "MARGIN_STATE"), unit.account, unit.state)
            if action is MarginAction.CANCEL and is_worse:
                self.cancel_orders(unit.account, unit.market)
            return
        assert standing.health is not None
        unit.run = run = Run(self._named(unit, "LIQUIDATION"))
        self.mark("LIQUIDATION", run.market, unit.account, standing.health.equity_atoms)
        if self.policy.stage_ppm:
            self.step_again(unit, run)

    def step_again(self, unit: Unit, run: Run, after_ms: int = 0) -> None:
        """Let a liquidation go on with a step after a while, or as soon as its phase comes."""
        self.schedule(self.now_ms + after_ms, LIQUIDATION, lambda: step(self, unit, run))

    def after_event(self) -> None:
        """Hear that an event, or an input, is done: for those who look at invariants."""

    def _named(self, unit: Unit, kind: str) -> int:
        """Return the market that the run has named for a change (G-15); whose change it is must agree."""
        account, name, market = self.named.popleft() if self.named else (None, None, 0)
        if (account, name) != (unit.account, kind):
            raise InvariantError(
                "C-4: the run has another change of a unit than the scan",
                f"{self.now_ms} ms: expected {kind} of {unit.account}, was {name} of {account}",
            )
        return market

    def ends(self, unit: Unit) -> None:
        """Let a liquidation be over; where the unit stands now is no news."""
        unit.run = None
        unit.state = self.units.state(self.units.standing(unit))

    def is_halted(self, market: int) -> bool:
        """Tell whether a market's breaker refuses orders now (V-9)."""
        return self.markets[market].is_halted(self.now_ms)

    def halts(self, market: int, price_ticks: int) -> None:
        """Note that a market halts."""
        self.mark("HALT", market, -1, price_ticks)

    def mark(self, kind: str, market: int, account: int, value: int) -> None:
        """Note a landmark."""
        self.landmarks.append(Landmark(self.now_ms, kind, market, account, value))

    # --- what the engine sends ---------------------------------------------------------------------------------------

    def cancel_orders(self, account: int, market: int | None) -> None:
        """Take an account's orders off in phase 8, on one market or on all."""

        def orders() -> set[tuple[int, int, int]]:
            return {
                (account, number, order.id & (2**32 - 1))
                for number, each in enumerate(self.markets)
                if market in (None, number)
                for order in each.book.orders()
                if order.owner == account
            }

        def act() -> None:
            self.owed |= orders()
            while self.owed:
                if not self.feed:
                    raise InvariantError("X-4: orders that the engine takes off rest on", repr(sorted(self.owed)))
                self.apply(self.feed.popleft())

        def is_now(row: JournalRow) -> bool:
            del row  # it alone does not tell: one of the orders may go for another reason
            rest = orders()
            next_rows = list(itertools.islice(self.feed, len(rest)))
            gone = {(each.account, each.market, each.number) for each in next_rows if each.kind == JournalKind.CANCEL}
            return gone == rest

        self.schedule(self.now_ms, ORDERS, act, is_now)

    def send(
        self,
        account: int,
        market: int,
        side: int,
        lots: int,
        limit: int | None = None,
        *,
        is_fok: bool = False,
        then: Callable[[int], None] | None = None,
        otherwise: Callable[[], None] | None = None,
    ) -> None:
        """Send an order of the engine, which arrives in phase 8: it only reduces, or sells what is free.

        `then` hears of its trades, with the number of the first one's row; `otherwise` that it was refused in a halt.
        """
        words = {
            "order_type": int(OrderType.MARKET if limit is None else OrderType.LIMIT),
            "time_in_force": int(TimeInForce.FOK if is_fok else TimeInForce.IOC),
            "price": limit or 0,
        }

        def row() -> dict[str, int] | None:
            left, terms = lots, self.markets[market].terms
            if not terms.is_spot:
                left = min(lots, max(0, -side * self.position(account, market)[0]))
            elif side == Side.SELL:
                assert terms.base_asset is not None
                left = min(lots, max(0, self.ledger.free(account, terms.base_asset)) // terms.base_atoms_per_lot)
            return {"account": account, "market": market, "side": side, "qty": left, **words} if left else None

        def act() -> None:
            wanted = row()
            was_halted = self.is_halted(market)
            if wanted is not None:
                self.demand(JournalKind.PLACE, then, **wanted)
            if wanted is not None and was_halted and otherwise is not None:
                otherwise()

        def is_now(seen: JournalRow) -> bool:
            wanted = row()
            is_own = seen.kind == JournalKind.PLACE and (seen.account, seen.market) == (account, market)
            return wanted is None or is_own

        self.schedule(self.now_ms, ORDERS, act, is_now)

    # --- who is left without money -----------------------------------------------------------------------------------

    def defund(self, account: int, market: int) -> None:
        """See to an account that a loss may have left flat and under water (V-6)."""
        asset, mode = self.markets[market].terms.quote_asset, self.funds.mode(account)
        if mode is AccountMode.ISOLATED:
            unit = self.units.find(account, market)
            is_closed = self.position(account, market)[0] == 0
            if unit is not None and unit.run is None and is_closed and self.funds.margins[account, market] < 0:
                self.schedule(self.now_ms, BACKSTOP, lambda: cover(self, account, market, None))
        is_under = self.ledger.balances[account][asset].atoms < 0 and self.ledger.free(account, asset) < 0
        is_own = mode is not AccountMode.UNIFIED and not self.in_liquidation(account)
        if is_under and is_own and self.units.is_flat_in(account, asset):
            self.schedule(self.now_ms, BACKSTOP, lambda: cover(self, account, market, None))

    def pay(
        self, payer: int, receiver: int, asset: int, atoms: int, why: TransferReason, unit: Unit | None, side: int
    ) -> None:
        """Demand a payment; `side` says whose isolated margin it is, if `unit` has one."""
        isolated = unit is not None and unit.market is not None
        self.demand(
            JournalKind.PAYMENT,
            account=payer,
            number=receiver,
            market=asset,
            qty=atoms,
            order_type=int(why),
            side=side if isolated else 0,
            price=unit.market if unit is not None and unit.market is not None else 0,
        )

    def transfer(self, market: int, giver: int, receiver: int, lots: int, value: int, why: TransferReason) -> None:
        """Demand a transfer of a part of the giver's position."""
        sign = Side.BUY if self.position(giver, market)[0] > 0 else Side.SELL
        self.demand(
            JournalKind.TRANSFER,
            account=giver,
            number=receiver,
            market=market,
            qty=lots,
            price=value,
            side=int(sign),
            order_type=int(why),
        )

    def held(self, account: int, market: int) -> Position:
        """Return an account's position in a market."""
        return self.markets[market].positions.get(account, Position())
