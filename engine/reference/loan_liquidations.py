"""Liquidations in a world: liquidate, flash liquidate, absorb, and the storefront: rules Y-10, Y-12, Y-13, Y-19.

Stands on `loans`, `protocols` and `lending_liquidation` (the arithmetic).

::

    loan named -> interest -> what would it repay and seize? -> may it? -> entries, kept, deficit -> atoms -> landmarks
                                                                   flash: P lends the cover, a pool buys what is seized

Promises: as `loans`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engine.errors import InputError
from engine.reference.actions import Outcome, Refusal, RefusedActionError, refuse_if
from engine.reference.lending import (
    MILLION,
    debt_value,
    lending_after_loss,
    lending_is_below,
    lending_repay,
    lending_withdraw,
)
from engine.reference.lending_liquidation import aave_liquidation, comet_absorb, comet_quote, morpho_liquidation
from engine.reference.loans import check_amount, supplied
from engine.reference.protocols import AAVE, COMET, MORPHO

if TYPE_CHECKING:
    from engine.reference.actions import Action
    from engine.reference.lending import Health
    from engine.reference.lending_world import LendingWorld
    from engine.reference.protocols import Loan, Protocol, Reserve

_REFUSALS = {
    "healthy": Refusal.HEALTHY,
    "nothing": Refusal.NOTHING,
    "dust": Refusal.DUST,
    "short": Refusal.SHORT,
    "closed": Refusal.CLOSED,
}


class Plan(NamedTuple):
    """Say what a liquidation would do: of which debt, with which collateral, and whether it leaves none."""

    loan: Loan
    owed: int  # reserve
    held: int
    repaid: int
    seized: int  # with the fee
    fee: int
    is_bare: bool

    @property
    def got(self) -> int:
        """Return what the liquidator gets, atoms of the collateral."""
        return self.seized - self.fee


def liquidate(world: LendingWorld, action: Action) -> Outcome:
    """Repay a part of somebody's debt for its collateral (Aave, Morpho)."""
    protocol = _liquidating(world, action)
    loan, owed, held = _named(world, action, protocol)
    lending = world.lending
    with lending.interest([owed, held, *loan.entries]):
        plan = _plan(world, loan, owed, held, action.atoms)
        refuse_if(plan.got < action.least, Refusal.BELOW_MINIMUM)
        refuse_if(plan.got > lending.cash(lending.reserves[held]), Refusal.NO_CASH)
        world.check_giving(action.account, action.asset, plan.repaid)
        _execute(world, plan, action.account)
    lending.look(loan)
    return Outcome(paid=plan.repaid, got=plan.got)


def flash_liquidate(world: LendingWorld, action: Action) -> Outcome:
    """Liquidate with atoms of the protocol, and sell what is seized in a pool within the action."""
    protocol = _liquidating(world, action, is_flash=True)
    loan, owed, held = _named(world, action, protocol)
    lending, pools = world.lending, world.pools
    with lending.interest([owed, held, *loan.entries]):
        plan = _plan(world, loan, owed, held, action.atoms)
        lacks = plan.got > lending.cash(lending.reserves[held])
        refuse_if(lacks or plan.repaid > lending.cash(lending.reserves[owed]), Refusal.NO_CASH)
        refuse_if(plan.got == 0, Refusal.UNPROFITABLE)
        proceeds = pools.quote(action.pool, action.other, action.asset, plan.got)
        refuse_if(proceeds <= plan.repaid, Refusal.UNPROFITABLE)
        world.spend(protocol.terms.account, action.account, action.asset, plan.repaid)
        _execute(world, plan, action.account)
        pools.sell(action.account, action.pool, action.other, action.asset, plan.got)
        world.spend(action.account, protocol.terms.account, action.asset, plan.repaid)
    lending.look(loan)
    return Outcome(paid=plan.repaid, got=proceeds - plan.repaid)


def _liquidating(world: LendingWorld, action: Action, *, is_flash: bool = False) -> Protocol:
    """Return the protocol of a liquidation, whose form does it."""
    protocol = world.lending.protocols[action.target]
    refuse_if(protocol.terms.form not in (AAVE, MORPHO), Refusal.CLOSED)
    if is_flash:
        world.pools.check(action.pool)
    check_amount(action.atoms)
    return protocol


def _named(world: LendingWorld, action: Action, protocol: Protocol) -> tuple[Loan, int, int]:
    """Return the loan that an action names, and the reserves of debt and collateral."""
    loan = world.lending.loan(action.party, action.target)
    owed, held = (world.lending.find(protocol, asset) for asset in (action.asset, action.other))
    if owed is None or held is None or not loan.is_there:
        raise RefusedActionError(Refusal.NO_SUCH)
    return loan, owed, held


def _plan(world: LendingWorld, loan: Loan, owed: int, held: int, cover: int) -> Plan:
    """Return what repaying `cover` would do, at stored indexes and prices of now (Y-10, Y-12)."""
    lending = world.lending
    health = lending.health(loan)
    named = [lending.price(lending.reserves[number]) for number in (owed, held)]
    if health is None or None in named:
        raise RefusedActionError(Refusal.UNKNOWN_PRICE)
    refuse_if(not lending_is_below(health, MILLION), Refusal.HEALTHY)
    refuse_if(loan.entry(owed).debt == 0 or held not in lending.collateral(loan), Refusal.NOTHING)
    debt = _amount(world, owed, lending.reserves[owed].owed(loan.entry(owed).debt))
    collateral = _amount(world, held, lending.reserves[held].claim(loan.entry(held).supply))
    counts, terms = lending.counts(loan, held), lending.protocols[loan.protocol].terms
    try:
        if terms.form == AAVE:
            rules = (counts.bonus_ppm, terms.fee_ppm, terms.close_ppm, terms.full_below_ppm)
            minima = (terms.close_value_min, terms.left_value_min)
            reason, repaid, seized, fee, _, is_bare = aave_liquidation(
                collateral, debt, cover, health, (*rules, *minima)
            )
        else:
            reason, repaid, seized, _ = morpho_liquidation(collateral, debt[0], cover, counts.threshold_ppm)
            fee, is_bare = 0, seized == collateral[0] and not _others(world, loan, held)
    except InputError:  # an amount beyond 2^61
        raise RefusedActionError(Refusal.BOUND) from None
    if reason is not None:
        raise RefusedActionError(_REFUSALS[reason])
    refuse_if(repaid == 0, Refusal.NOTHING)
    return Plan(loan, owed, held, repaid, seized, fee, is_bare)


def _others(world: LendingWorld, loan: Loan, held: int) -> bool:
    """Tell whether a loan has collateral besides that of one reserve, an atom at least."""
    lending = world.lending
    others = [number for number in lending.collateral(loan) if number != held]
    return any(lending.reserves[number].claim(loan.entry(number).supply) for number in others)


def _amount(world: LendingWorld, number: int, atoms: int) -> tuple[int, int, int]:
    """Return atoms of a reserve with their price, which is known."""
    price = world.lending.price(world.lending.reserves[number])
    assert price is not None
    return (atoms, *price)


def _execute(world: LendingWorld, plan: Plan, payer: int) -> None:
    """Move debt, collateral and atoms; burn what a bare loan still owes; note the landmarks (Y-19, Y-25)."""
    lending, loan = world.lending, plan.loan
    account = lending.protocols[loan.protocol].terms.account
    _repay(world, loan, plan.owed, plan.repaid)
    _take(world, loan, plan.held, plan.seized)
    lending.reserves[plan.held].kept += plan.fee
    world.spend(payer, account, lending.reserves[plan.owed].terms.asset, plan.repaid)
    world.spend(account, payer, lending.reserves[plan.held].terms.asset, plan.got)
    world.mark_loan("STEP", loan, plan.repaid)
    if plan.is_bare:
        burned = burn(world, loan, is_borne=lending.protocols[loan.protocol].terms.form == MORPHO)
        if burned:
            world.mark_loan("BAD_DEBT", loan, burned)


def _repay(world: LendingWorld, loan: Loan, number: int, atoms: int) -> None:
    """Take a repayment from a debt, whose atoms come from elsewhere."""
    entry, reserve = loan.entry(number), world.lending.reserves[number]
    scaled, _ = lending_repay(entry.debt, reserve.borrow_index, atoms)
    world.lending.put(loan, number, entry._replace(debt=scaled))


def _take(world: LendingWorld, loan: Loan, number: int, atoms: int) -> None:
    """Take atoms, at most the claim, from a supply."""
    entry, reserve = loan.entry(number), world.lending.reserves[number]
    left = 0 if reserve.supply_index == 0 else lending_withdraw(entry.supply, reserve.supply_index, atoms)
    world.lending.put(loan, number, entry._replace(supply=left))


def burn(world: LendingWorld, loan: Loan, *, is_borne: bool = False) -> int:
    """Burn all that a loan owes: as deficit, or borne by suppliers; return its value at prices that are known."""
    lending, total = world.lending, 0
    for number, entry in sorted(loan.entries.items()):
        if not entry.debt:
            continue
        reserve = lending.reserves[number]
        owed = reserve.owed(entry.debt)
        price = lending.price(reserve)
        total += 0 if price is None else debt_value("debt", (owed, *price))
        lending.put(loan, number, entry._replace(debt=0))
        if is_borne:
            _lose(reserve, owed)
        else:
            reserve.deficit += owed
    return total


def _lose(reserve: Reserve, loss: int) -> None:
    """Let suppliers bear a loss as far as they have claims; the rest is deficit (Y-12)."""
    borne = min(loss, reserve.claims)
    if borne:
        reserve.supply_index = lending_after_loss(reserve.scaled_supply, reserve.supply_index, borne)
    reserve.deficit += loss - borne


# ---- Compound v3 -----------------------------------------------------------------------------------------------------


def absorb(world: LendingWorld, action: Action) -> Outcome:
    """Let the protocol take all collateral of a loan and pay its debt (Y-13)."""
    lending = world.lending
    protocol = lending.protocols[action.target]
    base = lending.base(protocol)
    if protocol.terms.form != COMET or base is None:
        raise RefusedActionError(Refusal.CLOSED)
    loan = lending.loan(action.party, action.target)
    refuse_if(not loan.is_there, Refusal.NO_SUCH)
    with lending.interest([base, *loan.entries]):
        _absorb(world, loan, base)
    lending.look(loan)
    return Outcome()


def _absorb(world: LendingWorld, loan: Loan, base: int) -> None:
    lending, reserve = world.lending, world.lending.reserves[base]
    owed = reserve.owed(loan.entry(base).debt)
    refuse_if(owed == 0, Refusal.HEALTHY)
    health = lending.health(loan)
    if health is None:
        raise RefusedActionError(Refusal.UNKNOWN_PRICE)
    left, loss = _absorption(world, loan, base, health)
    take_all(world, loan)
    _repay(world, loan, base, owed)
    reserve.deficit += owed
    if left:
        _credit(world, loan, base, left)
    world.mark_loan("STEP", loan, owed)
    if loss:
        world.mark_loan("BAD_DEBT", loan, loss)


def _absorption(world: LendingWorld, loan: Loan, base: int, health: Health) -> tuple[int, int]:
    """Return what is left to the account and what the reserves lose, atoms of the base."""
    lending = world.lending
    rows = []
    for number in lending.collateral(loan):
        counts = lending.counts(loan, number)
        amount = _amount(world, number, lending.reserves[number].claim(loan.entry(number).supply))
        rows.append((*amount, counts.threshold_ppm, MILLION - counts.bonus_ppm))
    debt = _amount(world, base, lending.reserves[base].owed(loan.entry(base).debt))
    refuse_if(not lending_is_below(health, MILLION), Refusal.HEALTHY)
    try:
        reason, _, left, loss = comet_absorb(rows, debt)
    except InputError:
        raise RefusedActionError(Refusal.BOUND) from None
    if reason is not None:
        raise RefusedActionError(_REFUSALS[reason])
    return left, loss


def _credit(world: LendingWorld, loan: Loan, base: int, left: int) -> None:
    """Let what is left become supply of the base, paid for by its deficit; nothing where no more fits (Y-19)."""
    reserve = world.lending.reserves[base]
    try:
        world.lending.put(loan, base, supplied(reserve, loan.entry(base), left))
    except RefusedActionError:
        return
    reserve.deficit += left


def buy_collateral(world: LendingWorld, action: Action) -> Outcome:
    """Buy seized collateral at the storefront (Y-13)."""
    lending = world.lending
    protocol = lending.protocols[action.target]
    refuse_if(protocol.terms.form != COMET, Refusal.CLOSED)
    base, sold = (lending.find(protocol, asset) for asset in (action.asset, action.other))
    if base is None or sold is None or base == sold:
        raise RefusedActionError(Refusal.NO_SUCH)
    check_amount(action.atoms)
    with lending.interest([base, sold]):
        got = _bought(world, action, protocol, lending.reserves[base], lending.reserves[sold])
    return Outcome(paid=action.atoms, got=got)


def _bought(world: LendingWorld, action: Action, protocol: Protocol, paid: Reserve, held: Reserve) -> int:
    """Sell kept atoms of an asset; what is paid fills the deficit first. Return what was bought (Y-19)."""
    is_open = paid.terms.is_lent and paid.kept - paid.deficit < protocol.terms.target_atoms
    refuse_if(not is_open, Refusal.CLOSED)
    got = _quoted(world, protocol, paid, held, action.atoms)
    refuse_if(got == 0, Refusal.NOTHING)
    refuse_if(got < action.least, Refusal.BELOW_MINIMUM)
    world.check_giving(action.account, action.asset, action.atoms)
    filled = min(action.atoms, paid.deficit)
    paid.deficit -= filled
    paid.kept += action.atoms - filled
    held.kept -= got
    world.spend(action.account, protocol.terms.account, action.asset, action.atoms)
    world.spend(protocol.terms.account, action.account, action.other, got)
    return got


def _quoted(world: LendingWorld, protocol: Protocol, paid: Reserve, held: Reserve, atoms: int) -> int:
    """Return how much of an asset a payment buys; that the storefront is open was asked."""
    prices = world.lending.price(paid), world.lending.price(held)
    if prices[0] is None or prices[1] is None:
        raise RefusedActionError(Refusal.UNKNOWN_PRICE)
    factor_ppm = MILLION - held.terms.own.bonus_ppm
    share_ppm = protocol.terms.store_front_ppm
    reason, got = comet_quote((atoms, *prices[0]), (held.kept, *prices[1]), 0, 1, share_ppm, factor_ppm)
    if reason is not None:
        raise RefusedActionError(_REFUSALS[reason])
    return got


def take_all(world: LendingWorld, loan: Loan) -> None:
    """Let all collateral of a loan become the protocol's (Y-19, Y-23)."""
    for number in world.lending.collateral(loan):
        reserve, entry = world.lending.reserves[number], loan.entry(number)
        reserve.kept += reserve.claim(entry.supply)
        world.lending.put(loan, number, entry._replace(supply=0))
