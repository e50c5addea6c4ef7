"""A centralised lender sells the collateral of loans at their last level into the book, one at a time: rule Y-23.

Stands on `loan_liquidations`, `loans` and `protocols`.

::

    phase 5: settle what was sent -> next loan of the work list: at the last level still? -> collateral to the seller
                                                                       -> market order (phase 8) -> next millisecond

Promises: between two steps the seller owns exactly what belongs to the loan being sold. A step accrues before it does
anything, and sets rates after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.reference.actions import RefusedActionError
from engine.reference.journal import JournalKind
from engine.reference.lending import MILLION, lending_repay, lending_withdraw
from engine.reference.loan_liquidations import burn, take_all
from engine.reference.loans import supplied
from engine.types import Side

if TYPE_CHECKING:
    from engine.reference.lending_world import LendingWorld
    from engine.reference.protocols import Loan, Protocol

LIQUIDATION = 5  # phase (T-2)
PAUSE_MS = 1_000  # after a step that fetched nothing


def queue_sale(world: LendingWorld, number: int, after_ms: int = 0) -> None:
    """Let a protocol take the next step of its sales."""
    world.lending.protocols[number].sale_is_queued = True
    world.schedule(world.now_ms + after_ms, LIQUIDATION, lambda: _step(world, number))


def _step(world: LendingWorld, number: int) -> None:
    """Settle what was sent, then sell of the first loan that still stands at the last level."""
    protocol = world.lending.protocols[number]
    protocol.sale_is_queued = False
    if protocol.sold is not None:
        pause = protocol.terms.sale_ms if _fetched(world, protocol) else max(protocol.terms.sale_ms, PAUSE_MS)
        _settle(world, number, protocol)
        if protocol.work and pause > 1:  # the step began a millisecond ago
            queue_sale(world, number, pause - 1)
            return
    while protocol.work:
        if _is_handled(world, number, protocol, protocol.work[0]):
            return


def _is_handled(world: LendingWorld, number: int, protocol: Protocol, loan: Loan) -> bool:
    """Look at a loan anew and sell, or wait; False: it has left the list, and the next one is asked."""
    lending = world.lending
    with lending.interest(loan.entries):
        lending.look(loan)
        if not lending.is_working(loan):
            return False
        if lending.health(loan) is None:
            queue_sale(world, number, protocol.terms.sale_ms)
            return True
        if not _sellable(world, loan):
            _write_off(world, loan)
            return False
        chosen = _chosen(world, loan)
        lots = _lots(world, protocol, loan, chosen)
        if lots < 1:  # the protocol has lent out what it would sell
            queue_sale(world, number, protocol.terms.sale_ms)
            return True
        _begin(world, number, loan, chosen, lots)
    return True


def _claimed_lots(world: LendingWorld, loan: Loan, reserve: int) -> int:
    """Return how many whole lots a loan claims in a reserve that has a market."""
    terms, claim = world.lending.reserves[reserve].terms, _claim(world, loan, reserve)
    return 0 if terms.sale_market is None else claim // world.markets[terms.sale_market].terms.base_atoms_per_lot


def _claim(world: LendingWorld, loan: Loan, reserve: int) -> int:
    return world.lending.reserves[reserve].claim(loan.entry(reserve).supply)


def _sellable(world: LendingWorld, loan: Loan) -> list[int]:
    """Return the collateral of which a loan claims a lot at least."""
    return [number for number in world.lending.collateral(loan) if _claimed_lots(world, loan, number)]


def _chosen(world: LendingWorld, loan: Loan) -> int:
    """Return the collateral with the largest value, ties to the lower reserve; all prices are known."""
    rows = []
    for number in _sellable(world, loan):
        price = world.lending.price(world.lending.reserves[number])
        assert price is not None
        rows.append((-(_claim(world, loan, number) * price[0] // price[1]), number))
    return min(rows)[1]


def _lots(world: LendingWorld, protocol: Protocol, loan: Loan, number: int) -> int:
    """Return the lots that one step sells: the share that is declared, one at least, as far as cash goes."""
    reserve, claim = world.lending.reserves[number], _claim(world, loan, number)
    assert reserve.terms.sale_market is not None
    terms = world.markets[reserve.terms.sale_market].terms
    most = min(claim, world.lending.cash(reserve)) // terms.base_atoms_per_lot
    part = claim * protocol.terms.sale_ppm // MILLION // terms.base_atoms_per_lot
    return min(most, max(1, part), terms.qty_max)


def _begin(world: LendingWorld, number: int, loan: Loan, reserve_number: int, lots: int) -> None:
    """Hand collateral to the seller and send its order."""
    lending = world.lending
    protocol, reserve, entry = lending.protocols[number], lending.reserves[reserve_number], loan.entry(reserve_number)
    market, seller = reserve.terms.sale_market, protocol.terms.seller
    assert market is not None
    assert seller is not None
    atoms = lots * world.markets[market].terms.base_atoms_per_lot
    world.demand(JournalKind.SALE, account=loan.account, market=number, side=1)
    left = lending_withdraw(entry.supply, reserve.supply_index, atoms)
    lending.put(loan, reserve_number, entry._replace(supply=left))
    world.spend(protocol.terms.account, seller, reserve.terms.asset, atoms)
    world.mark_loan("STEP", loan, lots)
    protocol.sold = loan, reserve_number
    world.send(seller, market, Side.SELL, lots)
    queue_sale(world, number, 1)


def _fetched(world: LendingWorld, protocol: Protocol) -> int:
    """Return what the seller has got for what it sent."""
    assert protocol.sold is not None
    market, seller = world.lending.reserves[protocol.sold[1]].terms.sale_market, protocol.terms.seller
    assert market is not None
    assert seller is not None
    return world.ledger.balances[seller][world.markets[market].terms.quote_asset].atoms


def _settle(world: LendingWorld, number: int, protocol: Protocol) -> None:
    """Let what was fetched repay the debt, the rest be the borrower's, and what was not sold go back."""
    assert protocol.sold is not None
    lending, (loan, reserve_number) = world.lending, protocol.sold
    protocol.sold = None
    world.demand(JournalKind.SALE, account=loan.account, market=number, side=-1)
    market = lending.reserves[reserve_number].terms.sale_market
    assert market is not None
    quote = world.markets[market].terms.quote_asset
    with lending.interest([reserve_number, *loan.entries]):
        _give_back(world, protocol, loan, reserve_number)
        _pay_down(world, protocol, loan, lending.find(protocol, quote), quote)
    lending.look(loan)
    if lending.is_working(loan):  # the next one's turn
        lending.leave(loan)
        protocol.work.append(loan)


def _give_back(world: LendingWorld, protocol: Protocol, loan: Loan, number: int) -> None:
    """Return to the loan's supply what the seller still has of it."""
    reserve, seller = world.lending.reserves[number], protocol.terms.seller
    assert seller is not None
    unsold = world.ledger.balances[seller][reserve.terms.asset].atoms
    if not unsold:
        return
    world.spend(seller, protocol.terms.account, reserve.terms.asset, unsold)
    try:
        world.lending.put(loan, number, supplied(reserve, loan.entry(number), unsold))
    except RefusedActionError:
        reserve.kept += unsold


def _pay_down(world: LendingWorld, protocol: Protocol, loan: Loan, number: int | None, asset: int) -> None:
    """Repay the debt in the asset that was fetched, and give the borrower the rest."""
    seller = protocol.terms.seller
    assert seller is not None
    fetched = world.ledger.balances[seller][asset].atoms
    paid = 0
    if number is not None and loan.entry(number).debt:
        entry, reserve = loan.entry(number), world.lending.reserves[number]
        scaled, paid = lending_repay(entry.debt, reserve.borrow_index, fetched)
        world.lending.put(loan, number, entry._replace(debt=scaled))
        world.spend(seller, protocol.terms.account, asset, paid)
    world.spend(seller, loan.account, asset, fetched - paid)


def _write_off(world: LendingWorld, loan: Loan) -> None:
    """Let what is too small to be sold become the lender's, and burn what is owed."""
    take_all(world, loan)
    world.mark_loan("BAD_DEBT", loan, burn(world, loan))
    world.lending.look(loan)
