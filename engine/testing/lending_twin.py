"""A native world with lending, pools, issuers and routes beside the reference that decides for itself.

Stands on `waterfall_twin` and `engine.reference.lending_world`.

::

    native: act, run, check=True -> journal, landmarks, actions table, digest
    inputs of that journal       -> reference: decides, demands the other rows -> the same          compared

Promises: both sides are compared after every run, and the reference looks at its invariants after every row. A
difference comes back in words, with the millisecond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from engine.errors import InvariantError
from engine.margin import AccountMode
from engine.reference.actions import ActionKind, Refusal, action_of
from engine.reference.blocks import Blocks, BlockTerms
from engine.reference.issuers import Issuer, IssuerTerms
from engine.reference.journal import JournalKind
from engine.reference.lending_invariants import first_lending_broken, indexes_of
from engine.reference.lending_world import Acted, LendingWorld
from engine.reference.policy import Policy
from engine.reference.pools import ConcentratedPool, ConstantProductPool, StableSwapPool
from engine.reference.protocols import Entry, ProtocolTerms
from engine.reference.routes import Route, RouteTerms
from engine.reference.transfers import TransferReason
from engine.reference.waterfall import Landmark
from engine.reference.world_pools import WorldPool
from engine.testing.waterfall_twin import TOLD, WatchedWorld, WaterfallTwin, out_of_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.margin import Ladder
    from engine.reference.journal import JournalRow
    from engine.reference.protocols import ReserveTerms

FORMS = ("aave", "morpho", "comet", "loan")
_ACTED = ("time_ms", "account", "kind", "target", "atoms", "reason", "paid_atoms", "got_atoms")
_POOLS = {"product": ConstantProductPool, "stable": StableSwapPool, "ranges": ConcentratedPool}
_LENDS = (ActionKind.SUPPLY, ActionKind.WITHDRAW, ActionKind.BORROW, ActionKind.REPAY)
_MARGIN_CALL = 12  # a landmark's native number (G-1)


class _Declared(NamedTuple):
    """Hold a protocol as it was opened."""

    terms: ProtocolTerms
    reserves: Sequence[ReserveTerms]
    now_ms: int


class WatchedLending(WatchedWorld, LendingWorld):
    """Be the deciding reference, and look at its invariants after every row."""

    def apply(self, row: JournalRow) -> None:
        """Apply a row; nothing that must always hold may be broken by it."""
        before = indexes_of(self)
        entry = self._entry(row)
        super().apply(row)
        broken = first_lending_broken(self, before) or self._gained(row, entry)
        if broken is not None:
            raise InvariantError(broken, repr(row))

    def _entry(self, row: JournalRow) -> Entry:
        """Return what the loan of an action has in the reserve that it names."""
        number = self._reserve(row)
        return Entry() if number is None else self.lending.loan(_whose(row), row.market).entry(number)

    def _reserve(self, row: JournalRow) -> int | None:
        is_ours = row.kind == JournalKind.ACTION and row.order_type in _LENDS
        if not is_ours or row.market >= len(self.lending.protocols):
            return None
        return self.lending.find(self.lending.protocols[row.market], action_of(row).asset)

    def _gained(self, row: JournalRow, before: Entry) -> str | None:
        """Tell whether an account has come out better than it paid, by rounding (Y-5)."""
        number = self._reserve(row)
        if number is None:
            return None
        after, reserve, done = self._entry(row), self.lending.reserves[number], self.acted[-1]
        if not reserve.supply_index:
            return None
        claims = reserve.claim(after.supply) - reserve.claim(before.supply)
        owed = reserve.owed(after.debt) - reserve.owed(before.debt)
        if claims - owed > done.paid - done.got:
            return f"Y-5: {done} has changed claims by {claims} and debt by {owed}"
        return None


def _whose(row: JournalRow) -> int:
    """Return whose loan an action is about."""
    action = action_of(row)
    return action.party if action.kind is ActionKind.REPAY else action.account


class LendingTwin(WaterfallTwin):
    """Be a world at one venue with lending, and its deciding reference beside it.

    Parameters
    ----------
    seed : int
        Key of every draw.
    policy : Policy, optional
        The venue's.
    ladder : Ladder, optional
        The venue's.
    """

    def __init__(self, seed: int, policy: Policy | None = None, ladder: Ladder | None = None) -> None:
        super().__init__(seed, policy or Policy(), ladder)
        self.protocols: list[_Declared] = []
        self.pools: list[WorldPool] = []
        self.routes: list[Route] = []
        self.issuers: list[Issuer] = []
        self.venues: dict[int, int] = {}  # by account
        self.blocks: dict[int, Blocks] = {}  # by venue
        self.lenders: set[int] = set()  # who has loans, and no positions: their landmarks are lending's
        self.acted_done = 0  # rows of the actions table, and the reference's landmarks, that were compared
        self.decided_done = 0
        self.native.record(actions=True)

    # --- declaring ---------------------------------------------------------------------------------------------------

    def protocol(self, form: int, reserves: Sequence[ReserveTerms], **options: int) -> int:
        """Open a protocol of a form (Y-15) with its reserves."""
        now_ms = self.native.now_ms
        number = self.native.add_protocol(FORMS[form - 1], **options)
        for terms in reserves:
            self._reserve(number, terms)
        told = self.native.protocol(number)
        declared = ProtocolTerms(form, told["account"], told["seller"], **options)
        self.protocols.append(_Declared(declared, reserves, now_ms))
        return number

    def _reserve(self, protocol: int, terms: ReserveTerms) -> None:
        self.native.add_reserve(
            protocol,
            terms.asset,
            price=terms.price,
            market=terms.market,
            series=terms.series,
            stale_ms=terms.stale_ms,
            terms=(terms.own.ltv_ppm, terms.own.threshold_ppm, terms.own.bonus_ppm),
            mode=terms.mode,
            mode_terms=(terms.moded.ltv_ppm, terms.moded.threshold_ppm, terms.moded.bonus_ppm),
            curve=terms.curve,
            reserve_ppm=terms.reserve_ppm,
            lent=terms.is_lent,
            supply_cap=terms.supply_cap,
            borrow_cap=terms.borrow_cap,
            sale_market=terms.sale_market,
        )

    def pool(self, form: str, assets: tuple[int, ...], **options: Any) -> int:
        """Open an empty pool (Z-16)."""
        number = self.native.add_pool(form, assets, **options)
        self.pools.append(WorldPool(_POOLS[form](**options), self.native.pool(number)["account"], assets))
        return number

    def route(self, terms: RouteTerms) -> int:
        """Open a route (K-1)."""
        declared = terms._asdict()
        law = None if terms.law is None else tuple(terms.law)
        number = self.native.add_route(**{**declared, "law": law})
        self.routes.append(Route(terms, self.native.route(number)["account"]))
        return number

    def issuer(self, terms: IssuerTerms) -> int:
        """Open an issuer (I-1)."""
        number = self.native.add_issuer(**terms._asdict())
        told = self.native.issuer(number)
        self.issuers.append(Issuer(terms, self.native.now_ms, told["vault"], told["cooling"]))
        return number

    def set_blocks(self, terms: BlockTerms, venue: int = 0) -> None:
        """Give a venue blocks (B-3)."""
        self.native.set_blocks(venue, **terms._asdict())
        self.blocks[venue] = Blocks(terms, self.native.now_ms)

    def account(self, *deposits: int, venue: int = 0, mode: int = AccountMode.CROSS) -> int:
        """Open an account at a venue with a deposit of each asset, in order; 0 for none."""
        account = super().account(*deposits, venue=venue, mode=mode)
        self.venues[account] = venue
        return account

    def begin(self) -> None:
        """End the declarations: the reference is made."""
        self.reference = world = WatchedLending(
            self.supplies,
            self.native.account_count,
            self.terms,
            self.modes,
            policy=self.policy,
            ladder=self.ladder,
            collateral=self.collateral,
            seed=self.seed,
        )
        for each in self.protocols:
            world.add_protocol(*each)
        world.pools.pools, world.routes.routes, world.issuers.issuers = self.pools, self.routes, self.issuers
        world.blocks = self.blocks
        world.venues, world.fees = self.venues, list(self.venue_accounts)
        self.outside()

    @property
    def decided(self) -> LendingWorld:
        """Return the reference."""
        assert isinstance(self.reference, LendingWorld)
        return self.reference

    # --- following ---------------------------------------------------------------------------------------------------

    def act(self, account: int, kind: ActionKind, target: int, atoms: int = 0, **named: int) -> tuple[int, int, int]:
        """Let an account act at once; return (reason, paid, got)."""
        result = self.native.act(account, kind.name.lower(), target, atoms, **named)
        self.reached[f"{kind.name} {reason_name(result[0])}"] += 1
        return result

    def run(self, until_ms: int) -> list[str]:
        """Run both sides; return the differences, in words."""
        reference = self.decided
        try:
            self.outside()
        except InvariantError as error:
            return [f"{reference.now_ms} ms, outside: {error}"]
        self.native.run(until_ms, check=True)
        told = self._landmarks()
        named = ("LIQUIDATION", "MARGIN_STATE")
        reference.named.extend(
            (mark.account, mark.kind, mark.market)
            for mark in told
            if mark.kind in named and mark.account not in self.lenders
        )
        rows = list(self._new_rows())
        self._note_reached(rows, told)
        try:
            reference.run(until_ms, rows)
            out_of_order(reference, rows)
        except InvariantError as error:
            return [f"{reference.now_ms} ms: {error}"]
        found = self._landmark_differences(told) + self._action_differences()
        if self.native.digest() != reference.digest(self.native.now_ms):
            found += ["digest", *self._state_differences()]
        if self.trades() != reference.trades:
            found.append("trades")
        return [f"{until_ms} ms: {line}" for line in found]

    def disagreements(self) -> list[str]:
        """Return what the last run has left different; all of it was compared by `run`."""
        return []

    def _landmarks(self) -> list[Landmark]:
        """Return the new landmarks, calls of loans among them."""
        table, first = self.native.landmarks(), self.landmarks_done
        names = ("time_ms", "kind", "market", "account", "value")
        rows = list(zip(*(table[name][first:].tolist() for name in names), strict=True))
        others = iter(super()._landmarks())
        found = []
        for time_ms, kind, *rest in rows:
            if kind == _MARGIN_CALL:
                found.append(Landmark(time_ms, "MARGIN_CALL", *rest))
            elif kind in TOLD:
                found.append(next(others))
        return found

    def _landmark_differences(self, told: list[Landmark]) -> list[str]:
        """Compare new landmarks: of loans without the market, which is a matter of lineage."""
        found, decided = [], self.decided.landmarks[self.decided_done :]
        self.decided_done = len(self.decided.landmarks)
        for is_lent in (False, True):
            native, reference = (self._of(marks, is_lent=is_lent) for marks in (told, decided))
            if native != reference:
                pairs = [pair for pair in zip(native, reference, strict=False) if pair[0] != pair[1]]
                counts = f"{len(native)} and {len(reference)}"
                found.append(f"landmarks, {counts}; (native, reference): {pairs[:1] or (native, reference)}")
        return found

    def _of(self, marks: list[Landmark], *, is_lent: bool) -> list[Landmark]:
        ours = [mark for mark in marks if (mark.account in self.lenders) == is_lent]
        return [mark._replace(market=0) for mark in ours] if is_lent else ours

    def _action_differences(self) -> list[str]:
        """Compare what became of each action; one without gas never reached its target (B-4)."""
        table, decided = self.native.table("actions"), self.decided.acted
        columns = (table[name].tolist() for name in _ACTED)
        native = [row for row in map(Acted._make, zip(*columns, strict=True)) if row.reason != Refusal.NO_GAS]
        new = slice(self.acted_done, None)
        self.acted_done = len(native)
        if native[new] == decided[new]:
            return []
        pairs = [pair for pair in zip(native[new], decided[new], strict=False) if pair[0] != pair[1]]
        return [f"actions, (native, reference): {pairs[:1] or (len(native), len(decided))}"]

    def _note_reached(self, rows: list[JournalRow], told: list[Landmark]) -> None:
        for row in rows:
            if row.kind == JournalKind.ACTION:
                self.reached[f"SENT {ActionKind(row.order_type).name}"] += 1
            if row.kind == JournalKind.PAYMENT and row.order_type == TransferReason.GAS:
                self.reached["GAS"] += 1
            if row.kind in (JournalKind.ACCRUE, JournalKind.SALE, JournalKind.ARRIVAL):
                self.reached[f"{JournalKind(row.kind).name} {row.side}"] += 1
        ours = [mark for mark in told if mark.account in self.lenders]
        for mark in ours:
            self.reached[f"{mark.kind} LOAN"] += 1
        rows = [row for row in rows if row.kind != JournalKind.PAYMENT or row.order_type != TransferReason.GAS]
        super()._note_reached(rows, [mark for mark in told if mark.account not in self.lenders])

    def _state_differences(self) -> list[str]:
        found, lending = super()._state_differences(), self.decided.lending
        for number, each in enumerate(self.protocols):
            for reserve in lending.protocols[number].reserves:
                ours = lending.reserves[reserve]
                theirs = self.native.reserve(number, ours.terms.asset)
                names = ("supply_index", "borrow_index", "scaled_supply", "scaled_debt", "kept", "deficit", "rate")
                pairs = {name: (theirs[name], getattr(ours, name)) for name in names}
                differ = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
                if differ:
                    found.append(f"reserve {reserve} of protocol {number} (native, reference): {differ}")
            levels = self.native.loans(number)
            for account, level in zip(levels["account"], levels["level"], strict=True):
                own = lending.loan(account, number).level
                if level != own:
                    found.append(f"level of {account} at {number} ({FORMS[each.terms.form - 1]}): {level}, {own}")
        for number, pool in enumerate(self.decided.pools.pools):
            balances = self.native.pool(number)["balances"], pool.pool.balances
            if balances[0] != balances[1]:
                found.append(f"pool {number} (native, reference): {balances}")
        return found


def reason_name(reason: int) -> str:
    """Return why an action was refused, by name."""
    if not reason:
        return "DONE"
    return Refusal(reason).name if reason < 32 else "POOL"
