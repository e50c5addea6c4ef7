"""Issuers: what makes and destroys tokens, and keeps those that are staked: section I.

Stands on `routes` (windows, caps, transits) and `actions`.

::

    backing --mint--> token   token --redeem--> backing   token --stake--> shares --unstake--> cooldown --> token

Promises: a refused action changes nothing. What is made and destroyed is counted with deposits (I-3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from engine.reference.actions import ALL, ActionKind, Outcome, Refusal, refuse_if
from engine.reference.ledger import PPM
from engine.reference.routes import Allotment, Transit, Transits, outage_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.reference.actions import Action
    from engine.reference.journal import JournalRow
    from engine.reference.lending_world import LendingWorld
    from engine.reference.routes import Windows

BILLION = 10**9
GROWTH_MOST = 7 * BILLION
QUOTIENT_MOST = 2**63 - 1


class IssuerTerms(NamedTuple):
    """Declare an issuer (I-1)."""

    backing: int
    token: int
    account: int  # holds the backing
    venue: int = 0
    rate_ppb: int = BILLION
    growth_ppb: int = 0
    growth_ms: int = 0
    mint_ppm: int = 0
    redeem_ppm: int = 0
    mint_cap_atoms: int = 0
    mint_cap_ms: int = 86_400_000
    redeem_cap_atoms: int = 0
    redeem_cap_ms: int = 86_400_000
    listed: tuple[int, ...] | None = None
    staked: int | None = None
    cooldown_ms: int = 0
    outages: Windows = ()


@dataclass
class Issuer:
    """Hold an issuer; `vault` and `cooling` are accounts, where there is staking."""

    terms: IssuerTerms
    since_ms: int = 0
    vault: int | None = None
    cooling: int | None = None
    minted: int = 0
    redeemed: int = 0
    mint_cap: Allotment = field(init=False)
    redeem_cap: Allotment = field(init=False)
    way: Transits = field(default_factory=Transits)  # what cools down

    def __post_init__(self) -> None:
        """Begin with nothing used of the caps."""
        self.mint_cap = Allotment(self.terms.mint_cap_atoms, self.terms.mint_cap_ms)
        self.redeem_cap = Allotment(self.terms.redeem_cap_atoms, self.terms.redeem_cap_ms)

    def rate(self, now_ms: int) -> int:
        """Return what 10^9 atoms of the token are worth, atoms of the backing (I-1).

        Examples
        --------
        >>> terms = IssuerTerms(0, 1, 3, growth_ppb=10**8, growth_ms=1_000)
        >>> Issuer(terms).rate(2_999)
        1200000000
        """
        terms = self.terms
        grown = terms.growth_ppb * ((now_ms - self.since_ms) // terms.growth_ms) if terms.growth_ms else 0
        return terms.rate_ppb * (BILLION + min(grown, GROWTH_MOST)) // BILLION

    def rewards(self, action: Action) -> bool:
        """Tell whether an action is a reward (I-4)."""
        is_own = action.account == self.terms.account
        return action.kind is ActionKind.MINT and is_own and self.vault is not None


class Issuers:
    """Hold the issuers of a world.

    Parameters
    ----------
    world : LendingWorld
        Whose accounts act.
    """

    def __init__(self, world: LendingWorld) -> None:
        self.world = world
        self.issuers: list[Issuer] = []

    def act(self, action: Action) -> Outcome:
        """Mint, redeem, stake or unstake."""
        issuer = self.issuers[action.target]
        self._check_admitted(issuer, action)
        got = self._quoted(issuer, action)
        refuse_if(got > QUOTIENT_MOST, Refusal.BOUND)
        refuse_if(got < 1, Refusal.NOTHING)
        refuse_if(got < action.least, Refusal.BELOW_MINIMUM)
        if issuer.rewards(action):
            self._reward(issuer, action, got)
        else:
            acts = {
                ActionKind.MINT: self._mint,
                ActionKind.REDEEM: self._redeem,
                ActionKind.STAKE: self._stake,
                ActionKind.UNSTAKE: self._unstake,
            }
            acts[action.kind](issuer, action, got)
        return Outcome(paid=action.atoms, got=got)

    # --- may it, and for how much ------------------------------------------------------------------------------------

    def _check_admitted(self, issuer: Issuer, action: Action) -> None:
        """Refuse what an issuer does not take at all, in the order of I-2."""
        terms, is_staking = issuer.terms, action.kind in (ActionKind.STAKE, ActionKind.UNSTAKE)
        refuse_if(action.atoms < 1, Refusal.NOTHING)
        refuse_if(action.atoms > ALL, Refusal.BOUND)
        is_own = action.account in (terms.account, issuer.vault, issuer.cooling)
        refuse_if(is_own and not issuer.rewards(action), Refusal.NOT_LISTED)
        is_kept_out = terms.listed is not None and action.account not in terms.listed
        refuse_if(is_kept_out and not is_own and not is_staking, Refusal.NOT_LISTED)
        refuse_if(is_staking and issuer.vault is None, Refusal.CLOSED)
        now_ms = self.world.now_ms
        refuse_if(outage_end(terms.outages, now_ms) != now_ms, Refusal.CLOSED)

    def _quoted(self, issuer: Issuer, action: Action) -> int:
        """Return what comes out (I-2, I-4)."""
        terms, atoms, rate = issuer.terms, action.atoms, issuer.rate(self.world.now_ms)
        if action.kind is ActionKind.MINT:
            fee_ppm = 0 if issuer.rewards(action) else terms.mint_ppm
            return atoms * (PPM - fee_ppm) // PPM * BILLION // rate
        if action.kind is ActionKind.REDEEM:
            return atoms * rate // BILLION * (PPM - terms.redeem_ppm) // PPM
        assert terms.staked is not None
        assert issuer.vault is not None
        shares, held = self.world.ledger.net_deposits[terms.staked], self._has(issuer.vault, terms.token)
        if action.kind is ActionKind.STAKE:
            refuse_if(shares > 0 and held == 0, Refusal.BOUND)
            return atoms * shares // held if shares else atoms
        refuse_if(shares == 0, Refusal.NOTHING)
        return atoms * held // shares

    def _check_room(self, asset: int, atoms: int) -> None:
        ledger = self.world.ledger
        refuse_if(atoms > ledger.supplies[asset] - ledger.net_deposits[asset], Refusal.BOUND)

    # --- what is done ------------------------------------------------------------------------------------------------

    def _mint(self, issuer: Issuer, action: Action, tokens: int) -> None:
        terms, world = issuer.terms, self.world
        self._check_room(terms.token, tokens)
        issuer.mint_cap.check(world.now_ms, tokens)
        world.check_giving(action.account, terms.backing, action.atoms)
        world.spend(action.account, terms.account, terms.backing, action.atoms)
        self._make(action.account, terms.token, tokens)
        issuer.mint_cap.use(world.now_ms, tokens)
        issuer.minted += tokens

    def _reward(self, issuer: Issuer, action: Action, tokens: int) -> None:
        assert issuer.vault is not None
        self._check_room(issuer.terms.token, tokens)
        self.world.check_giving(action.account, issuer.terms.backing, action.atoms)
        self._make(issuer.vault, issuer.terms.token, tokens)
        issuer.minted += tokens

    def _redeem(self, issuer: Issuer, action: Action, backing: int) -> None:
        terms, world = issuer.terms, self.world
        issuer.redeem_cap.check(world.now_ms, action.atoms)
        world.check_giving(action.account, terms.token, action.atoms)
        refuse_if(world.giving_refusal(terms.account, terms.backing, backing) is not None, Refusal.NO_CASH)
        self._make(action.account, terms.token, -action.atoms)
        world.spend(terms.account, action.account, terms.backing, backing)
        issuer.redeem_cap.use(world.now_ms, action.atoms)
        issuer.redeemed += action.atoms

    def _stake(self, issuer: Issuer, action: Action, shares: int) -> None:
        terms, world = issuer.terms, self.world
        assert terms.staked is not None
        assert issuer.vault is not None
        self._check_room(terms.staked, shares)
        world.check_giving(action.account, terms.token, action.atoms)
        world.spend(action.account, issuer.vault, terms.token, action.atoms)
        self._make(action.account, terms.staked, shares)

    def _unstake(self, issuer: Issuer, action: Action, tokens: int) -> None:
        terms, world = issuer.terms, self.world
        assert terms.staked is not None
        assert issuer.vault is not None
        assert issuer.cooling is not None
        world.check_giving(action.account, terms.staked, action.atoms)
        refuse_if(world.giving_refusal(issuer.vault, terms.token, tokens) is not None, Refusal.NO_CASH)
        self._make(action.account, terms.staked, -action.atoms)
        world.spend(issuer.vault, issuer.cooling if terms.cooldown_ms else action.account, terms.token, tokens)
        if terms.cooldown_ms:
            due_ms = outage_end(terms.outages, world.now_ms + terms.cooldown_ms)
            issuer.way.rows.append(Transit(action.account, tokens, due_ms))

    def _make(self, account: int, asset: int, atoms: int) -> None:
        """Let tokens come into being, or below 0 cease to be (I-3)."""
        self.world.ledger.net_deposits[asset] += atoms
        self.world.ledger.balances[account][asset].atoms += atoms
        self.world.units.open_unified(account)

    def arrive(self, row: JournalRow) -> None:
        """Let what has cooled down be its account's (I-4)."""
        issuer = self.issuers[row.market]
        assert issuer.cooling is not None
        issuer.way.arrive(row)
        self.world.spend(issuer.cooling, row.account, issuer.terms.token, row.qty)

    # --- what must hold ----------------------------------------------------------------------------------------------

    def words(self, now_ms: int) -> Iterator[int]:
        """Yield what the state digest says of issuers (I-5)."""
        for issuer in self.issuers:
            yield from (-17, issuer.rate(now_ms), issuer.minted, issuer.redeemed)
            yield from (issuer.mint_cap.used(now_ms), issuer.redeem_cap.used(now_ms))
            yield from issuer.way.words()

    def broken(self) -> str | None:
        """Return what does not hold of an issuer, in words (K-6)."""
        for issuer in self.issuers:
            if issuer.cooling is not None:
                has = self._has(issuer.cooling, issuer.terms.token)
                found = issuer.way.broken(issuer.cooling, has, self.world.now_ms)
                if found is not None:
                    return found
        return None

    def _has(self, account: int, asset: int) -> int:
        return self.world.ledger.balances[account][asset].atoms
