"""What a unified account in liquidation does about its liabilities: rule X-13.

Stands on `units` (prices, collateral).

::

    repay what is there -> L = what is lacking, in the unit -> sell other assets for L -> buy back what is owed

Promises: nothing is sold that is not free, nor where nobody bids; every order is a market order in the asset's price
market and a STEP of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engine.reference.journal import JournalKind
from engine.reference.ledger import ceil_div
from engine.types import Side

if TYPE_CHECKING:
    from engine.reference.market import Market
    from engine.reference.units import Unit
    from engine.reference.waterfall import WaterfallWorld

MILLION = 10**6
_DEPTH_ALL = 2**31 - 1


class Sellable(NamedTuple):
    """Hold an asset that can be sold: how many lots in which market, and what all that is free is worth there."""

    asset: int
    number: int
    lots: int
    worth: int  # of what is free, at index, rounded down
    ease: int  # value counted x bids near the best, in 10^6


def owes(world: WaterfallWorld, account: int) -> bool:
    """Tell whether an account has a liability in any asset (C-3)."""
    return any(balance.owed > 0 or balance.atoms < 0 for balance in world.ledger.balances[account])


def repay_all(world: WaterfallWorld, account: int) -> None:
    """Demand the repayment of what is owed and there, by asset."""
    for asset, balance in enumerate(world.ledger.balances[account]):
        repay(world, account, asset, min(balance.owed, balance.atoms - balance.reserved))


def repay(world: WaterfallWorld, account: int, asset: int, atoms: int) -> None:
    """Demand a repayment to the asset's lender, if there is anything to repay (L-12)."""
    if atoms > 0:
        lender = world.units.collateral[asset].lender
        assert lender is not None
        world.demand(JournalKind.REPAY, account=account, number=lender, market=asset, qty=atoms)


def sell_and_buy(world: WaterfallWorld, unit: Unit) -> bool:
    """Send the sales and purchases of a step; return whether there were any."""
    lacking = _lacking_worth(world, unit.account)
    if lacking <= 0:
        return False
    sales = _sales(world, unit, lacking)
    for each, target in sales:
        lots = min(each.lots, ceil_div(target, _lot_worth(world.markets[each.number])))
        if lots:
            _send(world, unit, each.number, Side.SELL, lots)
    return _buy_back(world, unit) or bool(sales)


def _lacking_worth(world: WaterfallWorld, account: int) -> int:
    """Return L: what is owed beyond what is there, asset by asset, each rounded up."""
    total = 0
    for asset, terms in world.units.collateral.items():
        balance = world.ledger.balances[account][asset]
        lacking = max(0, balance.owed - balance.atoms)
        if terms.market is None:
            total += lacking
        elif lacking:
            spot = world.markets[terms.market]
            total += ceil_div(lacking * _lot_worth(spot), spot.terms.base_atoms_per_lot)
    return total


def _lot_worth(spot: Market) -> int:
    assert spot.index is not None
    return spot.notional(1, spot.index)


def _free(world: WaterfallWorld, account: int, asset: int) -> int:
    return world.ledger.free(account, asset) - max(0, world.ledger.balances[account][asset].owed)


def _sales(world: WaterfallWorld, unit: Unit, lacking: int) -> list[tuple[Sellable, int]]:
    """Return what is to be sold, and for how much each."""
    there = _sellable(world, unit)
    if not there:
        return []
    if world.policy.sells == "pro_rata":
        total = sum(each.worth for each in there)
        return [(each, ceil_div(lacking * each.worth, total)) for each in there] if total else []
    if world.policy.sells == "custom":
        order = list(world.policy.sell_order)
        named = [each for each in there if each.asset in order]
        first = min(named, key=lambda each: order.index(each.asset)) if named else there[0]
        return [(first, lacking)]
    return [(max(there, key=lambda each: (each.ease, -each.asset)), lacking)]


def _sellable(world: WaterfallWorld, unit: Unit) -> list[Sellable]:
    """Return the assets of which a lot or more is free, and somebody bids for it, by number."""
    found = []
    for asset, terms in sorted(world.units.collateral.items()):
        if terms.market is None:
            continue
        spot, free = world.markets[terms.market], max(0, _free(world, unit.account, asset))
        lots = min(free // spot.terms.base_atoms_per_lot, spot.terms.qty_max)
        best = spot.book.best_bid
        if spot.index is None or not _lot_worth(spot) or best is None or not lots:
            continue
        worth = free * _lot_worth(spot) // spot.terms.base_atoms_per_lot
        counted = worth if terms.value is None else terms.value.value(worth)
        near = sum(size for ticks, size in spot.book.depth(_DEPTH_ALL)[0] if ticks >= best - best // 20)
        found.append(Sellable(asset, terms.market, lots, worth, counted * near * _lot_worth(spot) // MILLION))
    return found


def _buy_back(world: WaterfallWorld, unit: Unit) -> bool:
    """Buy what is owed, by number, as far as half of what is free of the unit of account goes at the index."""
    free, has_bought = _free(world, unit.account, unit.asset), False
    for asset, terms in sorted(world.units.collateral.items()):
        balance = world.ledger.balances[unit.account][asset]
        lacking = balance.owed - balance.atoms
        if terms.market is None or lacking <= 0:
            continue
        spot = world.markets[terms.market]
        if spot.index is None or not _lot_worth(spot) or spot.book.best_ask is None:
            continue
        most = max(0, free) // (2 * _lot_worth(spot))
        lots = min(ceil_div(lacking, spot.terms.base_atoms_per_lot), most, spot.terms.qty_max)
        if lots:
            _send(world, unit, terms.market, Side.BUY, lots)
            free -= 2 * _lot_worth(spot) * lots
            has_bought = True
    return has_bought


def _send(world: WaterfallWorld, unit: Unit, market: int, side: int, lots: int) -> None:
    if world.is_halted(market):
        return  # V-9: it waits, as if it had sent something
    world.mark("STEP", market, unit.account, lots)
    world.send(unit.account, market, side, lots)
