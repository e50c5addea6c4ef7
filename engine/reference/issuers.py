"""Issuers and routes: what makes and destroys tokens, and what carries assets: sections I and K.

Stands on `actions`.

::

    backing --mint--> token          token --redeem--> backing          token --stake--> shares --unstake--> cooldown
    account --transfer--> route's account --ARRIVAL--> party

Promises: a refused action changes nothing. When something arrives is an input (K-4): who may get it, and how much, is
decided here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import InvariantError
from engine.reference.actions import ActionKind, Outcome, Refusal, refuse_if
from engine.reference.ledger import PPM
from engine.reference.loans import check_amount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.reference.actions import Action
    from engine.reference.journal import JournalRow
    from engine.reference.lending_world import LendingWorld

BILLION = 10**9


class Transit(NamedTuple):
    """Hold atoms on their way to an account."""

    account: int
    atoms: int
    least_ms: int  # it does not arrive before


@dataclass
class Allotment:
    """Bound how much may pass in each window of so many ms since 0; `most` 0: any."""

    most: int = 0
    every_ms: int = 0
    window: int = -1
    used: int = 0

    def left(self, now_ms: int) -> int | None:
        """Return what may still pass in this window, None for any."""
        if not self.most:
            return None
        return self.most - (self.used if now_ms // self.every_ms == self.window else 0)

    def use(self, now_ms: int, atoms: int) -> None:
        """Count what passes."""
        if self.most:
            left = self.left(now_ms)
            assert left is not None
            self.window, self.used = now_ms // self.every_ms, self.most - left + atoms


def is_out(outages: tuple[tuple[int, int], ...], now_ms: int) -> bool:
    """Tell whether a time lies in a window [from, to) (K-3)."""
    return any(begin <= now_ms < end for begin, end in outages)


@dataclass
class Route:
    """Carry one asset."""

    account: int  # what is on its way
    asset: int
    receivers: frozenset[int] | None = None  # accounts at its far end; None: all
    fee_atoms: int = 0
    least_ms: int = 0
    outages: tuple[tuple[int, int], ...] = ()
    cap: Allotment = field(default_factory=Allotment)
    transits: list[Transit] = field(default_factory=list)


@dataclass
class Issuer:
    """Make and destroy a token against its backing (I-1), and keep a vault of staked ones (I-4)."""

    account: int
    backing: int
    token: int
    rate_ppb: int = BILLION
    growth_ppb: int = 0
    growth_ms: int = 0
    mint_ppm: int = 0
    redeem_ppm: int = 0
    mint_cap: Allotment = field(default_factory=Allotment)
    redeem_cap: Allotment = field(default_factory=Allotment)
    listed: frozenset[int] | None = None
    outages: tuple[tuple[int, int], ...] = ()
    staked: int | None = None
    vault: int | None = None
    cooling: int | None = None
    cooldown_ms: int = 0
    grown_ms: int = 0
    minted: int = 0
    redeemed: int = 0
    shares: int = 0
    transits: list[Transit] = field(default_factory=list)

    def grow(self, now_ms: int) -> None:
        """Let the rate grow at each multiple of `growth_ms` since the start (I-1)."""
        while self.growth_ms and self.grown_ms + self.growth_ms <= now_ms:
            self.grown_ms += self.growth_ms
            self.rate_ppb += self.rate_ppb * self.growth_ppb // BILLION


class Issuers:
    """Hold the issuers and routes of a world.

    Parameters
    ----------
    world : LendingWorld
        Whose accounts act.
    """

    def __init__(self, world: LendingWorld) -> None:
        self.world = world
        self.issuers: list[Issuer] = []
        self.routes: list[Route] = []

    # --- issuers -----------------------------------------------------------------------------------------------------

    def act(self, action: Action) -> Outcome:
        """Mint, redeem, stake or unstake."""
        acts = {
            ActionKind.MINT: self._mint,
            ActionKind.REDEEM: self._redeem,
            ActionKind.STAKE: self._stake,
            ActionKind.UNSTAKE: self._unstake,
        }
        issuer = self.issuers[action.target]
        issuer.grow(self.world.now_ms)
        check_amount(action.atoms)
        return acts[action.kind](issuer, action)

    def _check_open(self, issuer: Issuer, account: int) -> None:
        refuse_if(is_out(issuer.outages, self.world.now_ms), Refusal.CLOSED)
        refuse_if(issuer.listed is not None and account not in issuer.listed, Refusal.NOT_LISTED)

    def _mint(self, issuer: Issuer, action: Action) -> Outcome:
        self._check_open(issuer, action.account)
        self.world.check_giving(action.account, issuer.backing, action.atoms)
        made = action.atoms * (PPM - issuer.mint_ppm) // PPM * BILLION // issuer.rate_ppb
        self._check_passing(issuer.mint_cap, made, made, action.least)
        self.world.spend(action.account, issuer.account, issuer.backing, action.atoms)
        self._make(action.account, issuer.token, made)
        issuer.minted += made
        issuer.mint_cap.use(self.world.now_ms, made)
        return Outcome(paid=action.atoms, got=made)

    def _redeem(self, issuer: Issuer, action: Action) -> Outcome:
        self._check_open(issuer, action.account)
        self.world.check_giving(action.account, issuer.token, action.atoms)
        worth = action.atoms * issuer.rate_ppb // BILLION * (PPM - issuer.redeem_ppm) // PPM
        self._check_passing(issuer.redeem_cap, action.atoms, worth, action.least)
        refuse_if(self.world.giving_refusal(issuer.account, issuer.backing, worth) is not None, Refusal.NO_CASH)
        self._make(action.account, issuer.token, -action.atoms)
        self.world.spend(issuer.account, action.account, issuer.backing, worth)
        issuer.redeemed += action.atoms
        issuer.redeem_cap.use(self.world.now_ms, action.atoms)
        return Outcome(paid=action.atoms, got=worth)

    def _check_passing(self, cap: Allotment, tokens: int, got: int, least: int) -> None:
        refuse_if(got < 1, Refusal.NOTHING)
        refuse_if(got < least, Refusal.BELOW_MINIMUM)
        left = cap.left(self.world.now_ms)
        refuse_if(left is not None and tokens > left, Refusal.CAP)

    def _make(self, account: int, asset: int, atoms: int) -> None:
        """Let tokens come into being, or below 0 cease to be (I-3)."""
        self.world.ledger.net_deposits[asset] += atoms
        self.world.ledger.balances[account][asset].atoms += atoms

    def _stake(self, issuer: Issuer, action: Action) -> Outcome:
        refuse_if(issuer.vault is None, Refusal.CLOSED)
        assert issuer.vault is not None
        assert issuer.staked is not None
        self.world.check_giving(action.account, issuer.token, action.atoms)
        assets = self.world.ledger.balances[issuer.vault][issuer.token].atoms
        made = action.atoms * issuer.shares // assets if issuer.shares else action.atoms
        refuse_if(made < 1, Refusal.NOTHING)
        refuse_if(made < action.least, Refusal.BELOW_MINIMUM)
        self.world.spend(action.account, issuer.vault, issuer.token, action.atoms)
        self._make(action.account, issuer.staked, made)
        issuer.shares += made
        return Outcome(paid=action.atoms, got=made)

    def _unstake(self, issuer: Issuer, action: Action) -> Outcome:
        refuse_if(issuer.vault is None, Refusal.CLOSED)
        assert issuer.vault is not None
        assert issuer.staked is not None
        assert issuer.cooling is not None
        self.world.check_giving(action.account, issuer.staked, action.atoms)
        assets = self.world.ledger.balances[issuer.vault][issuer.token].atoms
        tokens = action.atoms * assets // issuer.shares
        refuse_if(tokens < 1, Refusal.NOTHING)
        refuse_if(tokens < action.least, Refusal.BELOW_MINIMUM)
        self._make(action.account, issuer.staked, -action.atoms)
        issuer.shares -= action.atoms
        self.world.spend(issuer.vault, issuer.cooling, issuer.token, tokens)
        issuer.transits.append(Transit(action.account, tokens, self.world.now_ms + issuer.cooldown_ms))
        return Outcome(paid=action.atoms, got=tokens)

    # --- routes ------------------------------------------------------------------------------------------------------

    def transfer(self, action: Action) -> Outcome:
        """Send atoms to an account at a route's far end (K-1)."""
        route, now_ms = self.routes[action.target], self.world.now_ms
        is_there = route.receivers is None or action.party in route.receivers
        refuse_if(not is_there, Refusal.NO_SUCH)
        check_amount(action.atoms)
        sent = action.atoms - route.fee_atoms
        refuse_if(sent < 1, Refusal.NOTHING)
        refuse_if(is_out(route.outages, now_ms), Refusal.CLOSED)
        left = route.cap.left(now_ms)
        refuse_if(left is not None and action.atoms > left, Refusal.CAP)
        self.world.check_giving(action.account, route.asset, action.atoms)
        self.world.spend(action.account, self.world.fees, route.asset, route.fee_atoms)
        self.world.spend(action.account, route.account, route.asset, sent)
        route.cap.use(now_ms, action.atoms)
        route.transits.append(Transit(action.party, sent, now_ms + max(1, route.least_ms)))
        return Outcome(paid=action.atoms, got=sent)

    def arrive(self, row: JournalRow) -> None:
        """Let the first of what is on its way to a party arrive (K-2, K-4, I-4)."""
        if row.side:
            issuer = self.issuers[row.market]
            account, asset, transits, outages = issuer.cooling, issuer.token, issuer.transits, ()
        else:
            route = self.routes[row.market]
            account, asset, transits, outages = route.account, route.asset, route.transits, route.outages  # type: ignore[assignment]
        first = next((each for each in transits if each.account == row.account), None)
        is_right = first is not None and first.atoms == row.qty and first.least_ms <= row.time_ms
        if not is_right or is_out(outages, row.time_ms) or account is None:
            raise InvariantError("K-2: an arrival of what is not on its way, or too early", repr(row))
        assert first is not None
        transits.remove(first)
        self.world.spend(account, row.account, asset, row.qty)

    # --- what must hold ----------------------------------------------------------------------------------------------

    def words(self) -> Iterator[int]:
        """Yield what the state digest says of issuers and routes."""
        yield from ()

    def broken(self) -> str | None:
        """Return what does not hold of issuers and routes, in words (K-1, I-4)."""
        for number, route in enumerate(self.routes):
            if self._has(route.account, route.asset) != sum(each.atoms for each in route.transits):
                return f"K-1: the account of route {number} has something else than what is on its way"
        for number, issuer in enumerate(self.issuers):
            if issuer.cooling is not None:
                cooling = sum(each.atoms for each in issuer.transits)
                if self._has(issuer.cooling, issuer.token) != cooling:
                    return f"I-4: the cooldown account of issuer {number} has something else than what cools down"
            if issuer.staked is not None and self._total(issuer.staked) != issuer.shares:
                return f"I-4: the staked tokens of issuer {number} are not its shares"
        return None

    def _has(self, account: int, asset: int) -> int:
        return self.world.ledger.balances[account][asset].atoms

    def _total(self, asset: int) -> int:
        return self.world.ledger.total(asset)
