"""A world with lending, pools, issuers and routes that decides for itself: sections B, I, K, Y and Z in a world.

Stands on `waterfall`, `protocols`, `loans`, `loan_liquidations`, `loan_sales`, `world_pools` and `issuers`.

::

    journal row ACTION, ACCRUE, ARRIVAL, gas  -> inputs: that they come, and when
    what an action does, or why it is refused -> decided here
    own events: 4 loans with another level -> 5 forced sales, which demand their SALE rows and orders

Promises: as `WaterfallWorld`. What became of each action stands in `acted`, which the actions table must equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from engine.errors import InvariantError
from engine.reference.actions import GAS, ActionKind, Outcome, Refusal, RefusedActionError, action_of
from engine.reference.issuers import Issuers
from engine.reference.journal import JournalKind
from engine.reference.ledger import SystemAccount
from engine.reference.lending import lending_health_ppm
from engine.reference.loan_liquidations import absorb, buy_collateral, flash_liquidate, liquidate
from engine.reference.loan_sales import queue_sale
from engine.reference.loans import lend
from engine.reference.protocols import LOAN, Lending
from engine.reference.routes import Routes
from engine.reference.spending import giving_refusal
from engine.reference.transfers import TransferReason
from engine.reference.waterfall import FUNDING, ORDERS, WaterfallWorld
from engine.reference.world_pools import WorldPools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from engine.reference.actions import Action
    from engine.reference.blocks import Blocks
    from engine.reference.journal import JournalRow
    from engine.reference.lending import Health
    from engine.reference.protocols import Loan, ProtocolTerms, ReserveTerms

_SERIES = {JournalKind.INDEX: "index", JournalKind.MARK: "mark", JournalKind.ORACLE: "oracle"}
_PHASES = {JournalKind.ACTION: ORDERS, JournalKind.ARRIVAL: ORDERS, JournalKind.ACCRUE: FUNDING}
_LOAN_ACTS: dict[ActionKind, Callable[[LendingWorld, Action], Outcome]] = {
    **dict.fromkeys(
        (ActionKind.SUPPLY, ActionKind.WITHDRAW, ActionKind.BORROW, ActionKind.REPAY, ActionKind.MODE), lend
    ),
    ActionKind.LIQUIDATE: liquidate,
    ActionKind.FLASH_LIQUIDATE: flash_liquidate,
    ActionKind.ABSORB: absorb,
    ActionKind.BUY_COLLATERAL: buy_collateral,
}


class Acted(NamedTuple):
    """Hold what became of an action."""

    time_ms: int
    account: int
    kind: int
    target: int
    atoms: int
    reason: int
    paid: int
    got: int


class LendingWorld(WaterfallWorld):
    """Replay the inputs of a journal, actions among them, and decide everything else.

    Parameters
    ----------
    *arguments, **options
        As for `WaterfallWorld`. Protocols, pools, issuers and routes are added afterwards, in their order.

    Examples
    --------
    >>> from engine.margin import Ladder
    >>> from engine.reference.journal import JournalRow
    >>> from engine.reference.market import MarketTerms
    >>> from engine.reference.policy import Policy
    >>> from engine.reference.protocols import AAVE, ProtocolTerms, ReserveTerms
    >>> markets = [MarketTerms(quote_asset=0, atoms_per_tick_lot=1, base_asset=1)]
    >>> world = LendingWorld([10**6, 10**6], 5, markets, policy=Policy(), ladder=Ladder())
    >>> world.add_protocol(ProtocolTerms(AAVE, account=3), [ReserveTerms(0, (1, 1), is_lent=True)])
    >>> world.outside([
    ...     JournalRow(0, 0, 500, 0, 4, 0, JournalKind.DEPOSIT, 0, 0, 0),
    ...     JournalRow(0, 0, 300, 0, 4, 0, JournalKind.ACTION, 0, ActionKind.SUPPLY, 0),
    ... ])
    >>> world.acted[0].paid, world.balance(4, 0)[0], world.lending.reserves[0].claims
    (300, 200, 300)
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Fees account of each venue, and the venue of each account that does not stand at the first.
        self.fees = [self.markets[0].terms.venue_accounts + SystemAccount.FEES]
        self.venues: dict[int, int] = {}
        self.lending = Lending(self)
        self.pools = WorldPools(self)
        self.issuers = Issuers(self)
        self.routes = Routes(self, self.seed)
        self.acted: list[Acted] = []
        self.gas_row: JournalRow | None = None  # gas that was paid for the next action
        self.blocks: dict[int, Blocks] = {}  # of the venues that have them
        self.is_outside = False  # what comes is not part of a run

    def add_protocol(self, terms: ProtocolTerms, reserves: Iterable[ReserveTerms], now_ms: int = 0) -> None:
        """Open a protocol with its reserves (Y-15)."""
        self.lending.add(terms, reserves, now_ms)

    def outside(self, rows: Iterable[JournalRow]) -> None:
        """Apply inputs that came between two runs, while the clock stood (T-3a, B-8)."""
        self.is_outside = True
        super().outside(rows)
        self.is_outside = False

    # --- rows --------------------------------------------------------------------------------------------------------

    def phase_of(self, row: JournalRow) -> int:
        """Return the phase of a row that is an input (T-2)."""
        if _is_gas(row):
            return ORDERS
        return _PHASES.get(JournalKind(row.kind)) or super().phase_of(row)

    def is_decided(self, row: JournalRow) -> bool:
        """Tell whether a row may only be there because the rules decide on it."""
        return row.kind == JournalKind.SALE or (super().is_decided(row) and not _is_gas(row))

    def _handler(self, kind: JournalKind) -> Callable[[JournalRow], None]:
        handlers: Mapping[JournalKind, Callable[[JournalRow], None]] = {
            JournalKind.ACTION: self._action,
            JournalKind.ACCRUE: self._accrue,
            JournalKind.SALE: self._sale,
            JournalKind.ARRIVAL: self._arrive,
            JournalKind.POOL: self.pools.at_once,
        }
        return handlers.get(kind) or super()._handler(kind)

    def _publish(self, row: JournalRow) -> None:
        super()._publish(row)
        self.lending.published_ms[row.market, _SERIES[JournalKind(row.kind)]] = row.time_ms

    def _pay(self, row: JournalRow) -> None:
        """Let gas be paid by who can (B-4), and everything else as ever."""
        if not _is_gas(row):
            super()._pay(row)
            return
        refusal = giving_refusal(self, row.account, row.market, row.qty)
        if refusal is not None or row.number != self.fees[self.venue(row.account)] or row.qty < 1:
            raise InvariantError("B-4: gas that the account cannot pay, or not to the fees account", repr(row))
        self.spend(row.account, row.number, row.market, row.qty)
        self.gas_row = row

    def _accrue(self, row: JournalRow) -> None:
        """Let interest grow in every reserve of a protocol (Y-17)."""
        protocol = self.lending.protocols[row.market]
        if not protocol.terms.accrue_ms or row.time_ms % protocol.terms.accrue_ms:
            raise InvariantError("Y-17: interest at a time that is not its protocol's", repr(row))
        with self.lending.interest(protocol.reserves):
            pass

    def _arrive(self, row: JournalRow) -> None:
        """Let what was on its way arrive (K-4, I-4)."""
        (self.issuers if row.side else self.routes).arrive(row)

    def _sale(self, row: JournalRow) -> None:
        """Hear that a step of a forced sale begins, or is settled; what it does is done by who demands the row."""

    def _action(self, row: JournalRow) -> None:
        """Execute an action, or refuse it (B-6)."""
        action = action_of(row)
        gas, self.gas_row = self.gas_row, None
        if gas is not None and gas.account != action.account:
            raise InvariantError("B-4: gas that another account paid", repr((gas, row)))
        blocks = self.blocks.get(self.venue(action.account))
        if blocks is not None and not self.is_outside:  # B-8: from outside it is executed at once
            blocks.executes(row.time_ms, GAS[action.kind], 0 if gas is None else gas.qty)
        try:
            outcome = self._done(action)
        except RefusedActionError as refused:
            outcome = Outcome(refused.reason)
        what = (row.time_ms, action.account, int(action.kind), action.target, action.atoms)
        self.acted.append(Acted(*what, *outcome))

    def _done(self, action: Action) -> Outcome:
        kind, target = action.kind, action.target
        venues = self._venues_of(kind)
        if target >= len(venues) or venues[target] != self.venue(action.account):
            raise RefusedActionError(Refusal.NO_SUCH)
        if kind in _LOAN_ACTS:
            return _LOAN_ACTS[kind](self, action)
        if kind is ActionKind.TRANSFER:
            return self.routes.transfer(action)
        return self.issuers.act(action) if kind >= ActionKind.MINT else self.pools.act(action)

    def _venues_of(self, kind: ActionKind) -> list[int]:
        """Return at which venue each target of a kind stands; protocols and pools stand at the first (B-1)."""
        if kind <= ActionKind.BUY_COLLATERAL:
            return [0] * len(self.lending.protocols)
        if kind <= ActionKind.REMOVE_LIQUIDITY:
            return [0] * len(self.pools.pools)
        if kind <= ActionKind.UNSTAKE:
            return [issuer.terms.venue for issuer in self.issuers.issuers]
        return [route.terms.venue for route in self.routes.routes]

    def venue(self, account: int) -> int:
        """Return where an account stands."""
        return self.venues.get(account, 0)

    # --- what accounts give and get ----------------------------------------------------------------------------------

    def giving_refusal(self, account: int, asset: int, atoms: int) -> Refusal | None:
        """Return why an account may not give atoms away, None if it may (B-7)."""
        return giving_refusal(self, account, asset, atoms)

    def check_giving(self, account: int, asset: int, atoms: int) -> None:
        """Refuse the action if an account may not give atoms away (B-7)."""
        refusal = self.giving_refusal(account, asset, atoms)
        if refusal is not None:
            raise RefusedActionError(refusal)

    def spend(self, payer: int, receiver: int, asset: int, atoms: int) -> None:
        """Move atoms by an action; that the payer has them was asked."""
        self.ledger.move(payer, receiver, asset, atoms)
        self.units.open_unified(receiver)

    # --- loans -------------------------------------------------------------------------------------------------------

    def mark_loan(self, kind: str, loan: Loan, value: int) -> None:
        """Note a landmark of a loan; on which market it stands is a matter of lineage, and not decided here."""
        self.mark(kind, 0, loan.account, value)

    def _check(self) -> None:
        """Look at units, then at every loan; loans that stand worse fall, the weakest first (Y-21)."""
        super()._check()
        falls: list[tuple[int, int, int, Loan, Health]] = []
        for (account, protocol), loan in sorted(self.lending.loans.items()):
            now = self.lending.stands(loan)
            if now is not None and now[0] > loan.level:
                falls.append((lending_health_ppm(now[1]), account, protocol, loan, now[1]))
            else:
                self.lending.look(loan)
        for *_, loan, health in sorted(falls, key=lambda fall: fall[:3]):
            self._fall(loan, health)

    def _fall(self, loan: Loan, health: Health) -> None:
        """Let a loan stand worse: its landmark, and at the last level the work list."""
        protocol = self.lending.protocols[loan.protocol]
        loan.level = self.lending.level(loan, health)
        is_last = loan.level == protocol.last_level
        self.mark_loan("LIQUIDATION" if is_last else "MARGIN_CALL", loan, health[0] - health[2])
        if not is_last:
            return
        protocol.work.append(loan)
        if protocol.terms.form == LOAN and not protocol.sale_is_queued:
            queue_sale(self, loan.protocol)

    # --- views -------------------------------------------------------------------------------------------------------

    def _words(self, now_ms: int) -> Iterator[int]:
        yield from super()._words(now_ms)
        yield from self.lending.words()
        yield from self.pools.words()
        yield from self.routes.words(now_ms)
        yield from self.issuers.words(now_ms)


def _is_gas(row: JournalRow) -> bool:
    """Tell whether a row is a payment of gas (B-4)."""
    return row.kind == JournalKind.PAYMENT and row.order_type == TransferReason.GAS
