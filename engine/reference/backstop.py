"""The account that takes over what the book could not close, and how it trades out of it: rule X-9.

Stands on `stage` and `units`.

Promises: a backstop's own orders cannot bring its balance below 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.reference.ledger import PPM, ceil_div
from engine.reference.selling import repay
from engine.reference.stage import Place, affordable_lots, band_limit
from engine.reference.transfers import TransferReason
from engine.types import Side

if TYPE_CHECKING:
    from engine.reference.waterfall import WaterfallWorld

LIQUIDATION = 5  # phase (T-2)


def give_to_backstop(
    world: WaterfallWorld, giver: int, market: int, lots: int, value: int, why: TransferReason
) -> None:
    """Move a position to the backstop, which begins to trade out (X-9)."""
    if not world.unwinds:
        world.unwinds = True
        world.schedule(world.now_ms + world.policy.unwind_ms, LIQUIDATION, lambda: unwind(world))
    world.transfer(market, giver, world.backstop, lots, value, why)


def lacking(world: WaterfallWorld, account: int, asset: int) -> int:
    """Return what an account lacks to pay back what it owes of an asset; below 0 what it has beyond."""
    balance = world.ledger.balances[account][asset]
    return balance.owed - balance.atoms


def move_balance(world: WaterfallWorld, account: int, asset: int) -> None:
    """Bring what an account has of an asset to exactly 0: what lacks comes, what is owed is repaid, the rest goes."""
    short = lacking(world, account, asset)
    if short > 0:
        world.pay(world.backstop, account, asset, short, TransferReason.BALANCE, None, side=0)
    repay(world, account, asset, world.ledger.balances[account][asset].owed)
    if short < 0:
        world.pay(account, world.backstop, asset, -short, TransferReason.BALANCE, None, side=0)


def settle_gains(world: WaterfallWorld, asset: int) -> None:
    """Let a backstop whose balance of an asset is below 0 realise what its positions there have gained (X-9)."""
    account = world.backstop
    for number in world.units.settling(asset):
        held, mark = world.units.held(account, number), world.units.mark(number)
        if world.ledger.balances[account][asset].atoms >= 0:
            return
        if held is not None and mark is not None and held.value > world.held(account, number).cost_atoms:
            world.transfer(number, account, account, abs(held.lots), held.value, TransferReason.SETTLED)


def unwind(world: WaterfallWorld) -> None:
    """Send one order of the backstop that its balance can pay for (X-9)."""
    account, policy = world.backstop, world.policy
    held = [number for number in range(len(world.markets)) if world.position(account, number)[0]]
    if not held:
        world.unwinds = False
        return
    world.schedule(world.now_ms + policy.unwind_ms, LIQUIDATION, lambda: unwind(world))
    places = [_place(world, number) for number in held if world.units.mark(number) is not None]
    if not places:
        return
    place = max(places, key=lambda each: (each.held.worth, -each.held.market))
    market = place.held.market
    if world.is_halted(market):
        return  # V-9: it waits
    limit = band_limit(place, policy.unwind_band_ppm)
    lots = min(ceil_div(place.lots * policy.unwind_ppm, PPM), place.terms.qty_max)
    balance = world.ledger.balances[account][place.terms.quote_asset].atoms
    most = affordable_lots(place, world.held(account, market).cost_atoms, limit, balance)
    lots = lots if most is None else min(lots, most)
    if lots < 1:
        return
    world.mark("STEP", market, account, lots)
    world.send(account, market, Side.SELL if place.held.lots > 0 else Side.BUY, lots, limit)


def _place(world: WaterfallWorld, number: int) -> Place:
    held, mark = world.units.held(world.backstop, number), world.units.mark(number)
    assert held is not None
    assert mark is not None
    return Place(world.markets[number].terms, mark, held)
