"""A backstop takes all that a unit has, at its bankruptcy value: rules X-7 and X-8.

Stands on `shortfall`, `backstop` and `deleveraging`.

::

    phase 6: accepted -> positions at V_i, balances -> the unit ends at exactly 0, the backstop is worth E more
             not      -> the insurance fund pays what it can -> ADL (phase 7)

Promises: nobody is taken over who is not beyond the last boundary at the takeover's prices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.margin import AccountMode
from engine.reference.backstop import give_to_backstop, lacking, move_balance
from engine.reference.deleveraging import backstop_took, deleverage
from engine.reference.shortfall import backstop_worth, fund_pays
from engine.reference.transfers import TransferReason
from engine.reference.units import bankruptcy_values

if TYPE_CHECKING:
    from engine.reference.units import Run, Standing, Unit
    from engine.reference.waterfall import WaterfallWorld

ADL = 7  # phase (T-2)


def take_over(world: WaterfallWorld, unit: Unit, run: Run) -> None:
    """Let the backstop take a unit, or the fund pay for it and ADL come (X-8)."""
    if unit.run is not run:
        return
    standing = world.units.standing(unit)
    if not world.units.is_beyond(standing):  # flat, unknown or healthy by now
        world.step_again(unit, run)
        return
    worth = world.units.worth(unit)
    if not _accepts(world, unit, worth):
        if worth >= 0 and unit.mode is AccountMode.UNIFIED:  # it has what it owes: wait until that can be sold
            world.step_again(unit, run, world.policy.interval_ms)
            return
        fund_pays(world, unit.account, unit, unit.asset, -worth)
        world.schedule(world.now_ms, ADL, lambda: deleverage(world, unit, run))
        return
    market = standing.largest.market if standing.held else run.market
    world.mark("TAKEOVER", market, unit.account, worth)
    _take_positions(world, unit, standing)
    if unit.mode is AccountMode.UNIFIED:
        for asset in range(len(world.ledger.supplies)):
            move_balance(world, unit.account, asset)
    backstop_took(world, market)
    world.ends(unit)


def _accepts(world: WaterfallWorld, unit: Unit, worth: int) -> bool:
    is_unified = unit.mode is AccountMode.UNIFIED
    if not world.policy.takes_over:
        return False
    if worth < 0 and backstop_worth(world, world.backstop, unit.asset, is_unified=is_unified) + worth < 0:
        return False
    return not is_unified or all(
        lacking(world, unit.account, asset) <= max(0, world.ledger.balances[world.backstop][asset].atoms)
        for asset in range(len(world.ledger.supplies))
        if world.units.is_flat_in(unit.account, asset)
    )


def _take_positions(world: WaterfallWorld, unit: Unit, standing: Standing) -> None:
    """Move every position at its bankruptcy value, asset by asset (X-7)."""
    assert standing.health is not None
    assets = sorted({world.markets[held.market].terms.quote_asset for held in standing.held})
    for asset in assets:
        together = [held for held in standing.held if world.markets[held.market].terms.quote_asset == asset]
        equity = standing.health.equity_atoms
        if unit.mode is AccountMode.UNIFIED:
            equity, _ = world.units.net(unit.account, asset)
        for held, value in zip(together, bankruptcy_values(together, equity), strict=True):
            give_to_backstop(world, unit.account, held.market, abs(held.lots), value, TransferReason.TAKEOVER)
