"""What must hold after every row of a world's journal: L-2, L-7, L-12, V-1, V-6, U-10.

Stands on `ledger` and `market`.

Promises: reads only; O(state).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from engine.reference.market import EXPOSURE_MAX

if TYPE_CHECKING:
    from engine.reference.world import World


def first_broken(world: World) -> str | None:
    """Return the first invariant of a world that does not hold, in words."""
    return _positions_broken(world) or _balances_broken(world) or _reserved_broken(world) or _exposure_broken(world)


def _positions_broken(world: World) -> str | None:
    for number, market in enumerate(world.markets):
        if sum(position.position_lots for position in market.positions.values()) != 0:
            return f"L-7: the positions of market {number} do not sum to 0"
        if market.clearing + sum(position.cost_atoms for position in market.positions.values()) != 0:
            return f"L-7: clearing and costs of market {number} do not sum to 0"
    return None


def _balances_broken(world: World) -> str | None:
    for asset, deposits in enumerate(world.ledger.net_deposits):
        clearing = sum(market.clearing for market in world.markets if market.terms.quote_asset == asset)
        pools = sum(market.funding_pool for market in world.markets if market.terms.quote_asset == asset)
        margins = sum(
            atoms
            for (_, number), atoms in world.funds.margins.items()
            if world.markets[number].terms.quote_asset == asset
        )
        if world.ledger.total(asset) + clearing + pools + margins != deposits:
            return f"L-2: balances, clearing, funding pools and margins of asset {asset} do not sum to its deposits"
        if sum(row[asset].owed for row in world.ledger.balances) != 0:
            return f"L-12: what is owed of asset {asset} does not sum to 0"
    return None


def _exposure_broken(world: World) -> str | None:
    if world.owed:
        return f"V-6: orders of unfunded accounts still rest: {sorted(world.owed)}"
    for number, market in enumerate(world.markets):
        lots: Counter[int] = Counter()
        atoms: Counter[int] = Counter()
        for order in () if market.terms.is_spot else market.book.orders():
            lots[order.owner] += order.leaves_lots
            atoms[order.owner] += market.notional(order.leaves_lots, order.price_ticks)
        if lots != market.working_lots or atoms != market.working_atoms:
            return f"U-10: the working lots or atoms of market {number} are not those of its orders"
        for account in lots.keys() | market.positions.keys():
            if max(market.exposure(account)) > EXPOSURE_MAX:
                return f"U-10: account {account} is beyond the exposure bound of market {number}"
    return None


def _reserved_broken(world: World) -> str | None:
    reserved: Counter[tuple[int, int]] = Counter()
    for market in world.markets:
        for order in market.book.orders() if market.terms.is_spot else ():
            asset, atoms = market.reservation(order.side, order.leaves_lots, order.price_ticks)
            reserved[order.owner, asset] += atoms
    for account, row in enumerate(world.ledger.balances):
        for asset, balance in enumerate(row):
            if balance.reserved != reserved[account, asset]:
                promised = reserved[account, asset]
                return f"V-1: account {account}, asset {asset}: {balance.reserved} reserved, orders hold {promised}"
    return None
