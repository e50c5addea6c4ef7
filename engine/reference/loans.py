"""Supply, withdraw, borrow, repay, mode: rules Y-17, Y-18.

Stands on `protocols`, `actions` and `lending`.

::

    names and amounts -> interest up to now -> may it? -> entry and sums -> atoms -> rates -> the loan's level

Promises: a refused action leaves with `RefusedActionError`, and then only interest has accrued. Whether a loan may
stand is asked of the loan as it would be, before anything is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.reference.actions import ALL, ActionKind, Outcome, Refusal, RefusedActionError, refuse_if
from engine.reference.lending import (
    MILLION,
    lending_borrow,
    lending_deposit,
    lending_is_below,
    lending_repay,
    lending_withdraw,
)
from engine.reference.protocols import COMET, LOAN, Entry, Loan

if TYPE_CHECKING:
    from engine.reference.actions import Action
    from engine.reference.lending_world import LendingWorld
    from engine.reference.protocols import Reserve

MODES_MOST = 255


def lend(world: LendingWorld, action: Action) -> Outcome:
    """Supply, withdraw, borrow, repay or choose a mode."""
    if action.kind is ActionKind.MODE:
        return _mode(world, action)
    lending = world.lending
    protocol = lending.protocols[action.target]
    number = lending.find(protocol, action.asset)
    if number is None:
        raise RefusedActionError(Refusal.NO_SUCH)
    check_amount(action.atoms)
    whose = action.party if action.kind is ActionKind.REPAY else action.account
    loan = lending.loan(whose, action.target)
    acts = {
        ActionKind.SUPPLY: _supply,
        ActionKind.WITHDRAW: _withdraw,
        ActionKind.BORROW: _borrow,
        ActionKind.REPAY: _repay,
    }
    with lending.interest([number, *loan.entries]):
        outcome = acts[action.kind](world, action, loan, number)
    lending.look(loan)
    return outcome


def check_amount(atoms: int) -> None:
    """Refuse an amount that nothing could make lawful (Y-17)."""
    refuse_if(atoms < 1, Refusal.NOTHING)
    refuse_if(atoms > ALL, Refusal.BOUND)


def after(loan: Loan, number: int, entry: Entry) -> Loan:
    """Return a loan as it would be with another entry."""
    entries = {**loan.entries, number: entry}
    return Loan(loan.account, loan.protocol, {n: each for n, each in entries.items() if each != Entry()}, loan.mode)


def check_stands(world: LendingWorld, loan: Loan, *, by_ltv: bool = False) -> None:
    """Refuse what would leave a loan as it may not stand (Y-18)."""
    if not loan.owes:
        return
    by_ltv = by_ltv or world.lending.protocols[loan.protocol].terms.form in (COMET, LOAN)
    health = world.lending.health(loan, by_ltv=by_ltv)
    if health is None:
        raise RefusedActionError(Refusal.UNKNOWN_PRICE)
    # W >= 10^6 D is D <= floor(W / 10^6): with loan-to-value ratios there is room for all of D (Y-8).
    refuse_if(lending_is_below(health, MILLION), Refusal.UNHEALTHY)


def supplied(reserve: Reserve, entry: Entry, atoms: int) -> Entry:
    """Return an entry after a deposit; refused beyond the bounds of a balance, its own or of all (Y-5)."""
    try:
        scaled = lending_deposit(entry.supply, reserve.supply_index, atoms)
        lending_deposit(reserve.scaled_supply, reserve.supply_index, atoms)
    except InputError:
        raise RefusedActionError(Refusal.BOUND) from None
    return entry._replace(supply=scaled)


def _supply(world: LendingWorld, action: Action, loan: Loan, number: int) -> Outcome:
    reserve, entry = world.lending.reserves[number], loan.entry(number)
    refuse_if(reserve.supply_index == 0, Refusal.CLOSED)
    world.check_giving(action.account, action.asset, action.atoms)
    refuse_if(reserve.claims + action.atoms > reserve.terms.supply_cap, Refusal.CAP)
    more = supplied(reserve, entry, action.atoms)
    refuse_if(more == entry, Refusal.NOTHING)
    world.lending.put(world.lending.opened(loan.account, loan.protocol), number, more)
    world.spend(action.account, world.lending.protocols[action.target].terms.account, action.asset, action.atoms)
    return Outcome(paid=action.atoms)


def _withdraw(world: LendingWorld, action: Action, loan: Loan, number: int) -> Outcome:
    reserve, entry = world.lending.reserves[number], loan.entry(number)
    claim = reserve.claim(entry.supply)
    atoms = claim if action.atoms == ALL else action.atoms
    refuse_if(atoms < 1, Refusal.NOTHING)
    refuse_if(atoms > claim, Refusal.SHORT)
    refuse_if(atoms > world.lending.cash(reserve), Refusal.NO_CASH)
    less = entry._replace(supply=lending_withdraw(entry.supply, reserve.supply_index, atoms))
    check_stands(world, after(loan, number, less))
    world.lending.put(loan, number, less)
    world.spend(world.lending.protocols[action.target].terms.account, action.account, action.asset, atoms)
    return Outcome(got=atoms)


def _borrow(world: LendingWorld, action: Action, loan: Loan, number: int) -> Outcome:
    reserve, entry = world.lending.reserves[number], loan.entry(number)
    refuse_if(not reserve.terms.is_lent, Refusal.CLOSED)
    refuse_if(reserve.debts + action.atoms > reserve.terms.borrow_cap, Refusal.CAP)
    refuse_if(action.atoms > world.lending.cash(reserve), Refusal.NO_CASH)
    refuse_if(bool(loan.mode) and reserve.terms.mode != loan.mode, Refusal.CLOSED)  # its mode lends other assets
    try:
        more = entry._replace(debt=lending_borrow(entry.debt, reserve.borrow_index, action.atoms))
        lending_borrow(reserve.scaled_debt, reserve.borrow_index, action.atoms)
    except InputError:
        raise RefusedActionError(Refusal.BOUND) from None
    check_stands(world, after(loan, number, more), by_ltv=True)
    world.lending.put(loan, number, more)
    world.spend(world.lending.protocols[action.target].terms.account, action.account, action.asset, action.atoms)
    return Outcome(got=action.atoms)


def _repay(world: LendingWorld, action: Action, loan: Loan, number: int) -> Outcome:
    reserve, entry = world.lending.reserves[number], loan.entry(number)
    refuse_if(entry.debt == 0, Refusal.NOTHING)
    scaled, atoms = lending_repay(entry.debt, reserve.borrow_index, action.atoms)
    world.check_giving(action.account, action.asset, atoms)
    world.lending.put(loan, number, entry._replace(debt=scaled))
    world.spend(action.account, world.lending.protocols[action.target].terms.account, action.asset, atoms)
    return Outcome(paid=atoms)


def _mode(world: LendingWorld, action: Action) -> Outcome:
    """Choose a mode: all debts must be of it, and the loan must stand (Y-18)."""
    lending = world.lending
    refuse_if(not 0 <= action.atoms <= MODES_MOST, Refusal.NO_SUCH)
    loan = lending.loan(action.account, action.target)
    with lending.interest(loan.entries):
        owed = [number for number, entry in loan.entries.items() if entry.debt]
        modes = {lending.reserves[number].terms.mode for number in owed}
        refuse_if(action.atoms > 0 and bool(modes - {action.atoms}), Refusal.CLOSED)
        check_stands(world, Loan(loan.account, loan.protocol, loan.entries, action.atoms))
        loan = lending.opened(action.account, action.target)
        loan.mode = action.atoms
    lending.look(loan)
    return Outcome()
