"""What an account may give to a protocol, a pool, an issuer or a route: rule B-7.

Stands on `units`, `margin` and `unified`.

Promises: reads only. A unit's initial requirement counts its resting orders (C-6) and is never below its requirement.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.margin import AccountMode
from engine.reference.actions import Refusal
from engine.reference.margin import equity, initial_requirement, is_known, requirement
from engine.reference.unified import unified_health, unified_is_known, unified_requirement
from engine.types import Side

if TYPE_CHECKING:
    from engine.reference.margin import Holding
    from engine.reference.unified import UnifiedAsset
    from engine.reference.units import Unit
    from engine.reference.waterfall import WaterfallWorld


def giving_refusal(world: WaterfallWorld, account: int, asset: int, atoms: int) -> Refusal | None:
    """Return why an account may not give atoms away, None if it may."""
    if world.in_liquidation(account):
        return Refusal.FROZEN
    if atoms > world.ledger.free(account, asset):
        return Refusal.LACKING
    unit = next((each for each in world.units if _is_money_of(each, account, asset)), None)
    if unit is None:
        return None
    left = (_unified_left if unit.mode is AccountMode.UNIFIED else _cross_left)(world, unit, asset, atoms)
    if left is None:
        return Refusal.UNKNOWN_PRICE
    return Refusal.LACKING if left < 0 else None


def _is_money_of(unit: Unit, account: int, asset: int) -> bool:
    """Tell whether an account's balance of an asset is what a unit is tested with."""
    if unit.account != account or unit.market is not None:
        return False
    return unit.mode is AccountMode.UNIFIED or unit.asset == asset


def _cross_left(world: WaterfallWorld, unit: Unit, asset: int, atoms: int) -> int | None:
    """Return equity less initial requirement afterwards; None where a mark is unknown."""
    holdings = [_holding(world, unit.account, number) for number in world.units.settling(asset)]
    if not is_known(holdings):
        return None
    money = world.ledger.balances[unit.account][asset].atoms - atoms
    return equity(money, holdings) - max(_initial(holdings), requirement(holdings))


def _unified_left(world: WaterfallWorld, unit: Unit, asset: int, atoms: int) -> int | None:
    """As `_cross_left`, in the unit of account."""
    assets = world.units.assets(unit.account)
    if asset in assets:
        assets[asset] = replace(assets[asset], balance_atoms=assets[asset].balance_atoms - atoms)
    after = list(assets.values())
    health = unified_health(after)
    if health is None or not unified_is_known(after):
        return None

    def needed(each: UnifiedAsset) -> int:
        market_of = world.units.settling(next(number for number, other in assets.items() if other is each))
        holdings = [_holding(world, unit.account, number) for number in market_of]
        return max(_initial(holdings), requirement(holdings))

    return health.equity_atoms - unified_requirement(after, needed)


def _holding(world: WaterfallWorld, account: int, market: int) -> Holding:
    """Return a position with the account's resting orders and the market's initial schedule."""
    own = [order for order in world.markets[market].book.orders() if order.owner == account]
    bids = sum(order.leaves_lots for order in own if order.side == Side.BUY)
    asks = sum(order.leaves_lots for order in own if order.side == Side.SELL)
    initial = world.markets[market].terms.initial
    return replace(world.units.holding(account, market), initial=initial, bid_lots=bids, ask_lots=asks)


def _initial(holdings: list[Holding]) -> int:
    """Return the sum of initial requirements; a market without a schedule asks for none."""
    return sum(initial_requirement(each) for each in holdings if each.initial is not None)
