"""A step of a liquidation: rules X-4 and X-6, and V-9 for steps.

Stands on `stage` (how large, at what price), `selling` (unified accounts) and `takeover`.

::

    flat? leave, L-10 . healthy? leave . unknown? wait . worth too little? takeover . owes? sell . takeover due? . order
                                           ^------------------------ interval_ms --------------------------------'

Promises: nobody is liquidated who is not beyond the last boundary at the step's prices; a step reduces, and never
flips. The first step that does anything also takes the unit's orders off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.margin import AccountMode
from engine.reference.ledger import PPM, ceil_div
from engine.reference.selling import owes, repay_all, sell_and_buy
from engine.reference.shortfall import cover
from engine.reference.stage import Place, stage_limit, stage_lots, tier_of
from engine.reference.takeover import take_over
from engine.reference.transfers import TransferReason
from engine.reference.units import bankruptcy_values
from engine.types import Side

if TYPE_CHECKING:
    from engine.reference.margin import Health
    from engine.reference.units import Run, Standing, Unit
    from engine.reference.waterfall import WaterfallWorld

BACKSTOP = 6  # phase (T-2)


def step(world: WaterfallWorld, unit: Unit, run: Run) -> None:
    """Do the first thing of X-4 that applies, in phase 5."""
    if unit.run is not run:
        return  # that liquidation is over
    is_unified = unit.mode is AccountMode.UNIFIED
    if is_unified and run.is_begun:
        repay_all(world, unit.account)
    standing = world.units.standing(unit)
    if standing.is_flat:
        _leave_flat(world, unit, run)
    elif standing.health is None:
        step_later(world, unit, run)
    elif not world.units.is_beyond(standing):
        world.ends(unit)
    elif _is_worth_too_little(world, standing.health):
        _send_takeover(world, unit, run)
    elif is_unified and owes(world, unit.account) and _settles_debts(world, unit, run):
        step_later(world, unit, run)
    elif not standing.held or _must_be_taken(world, run, standing):
        _send_takeover(world, unit, run)
    else:
        _send_order(world, unit, run, standing)
        step_later(world, unit, run)


def step_later(world: WaterfallWorld, unit: Unit, run: Run) -> None:
    """Step again an interval from now."""
    world.step_again(unit, run, world.policy.interval_ms)


def _leave_flat(world: WaterfallWorld, unit: Unit, run: Run) -> None:
    """Leave liquidation, in phase 6 if its money has to be brought to 0 first (L-10)."""
    account, asset = unit.account, unit.asset
    is_under = unit.market is not None and world.funds.margins[account, unit.market] < 0
    if world.ledger.balances[account][asset].atoms < 0 and world.units.is_flat_in(account, asset):
        is_under = True
    if is_under and unit.mode is not AccountMode.UNIFIED:
        market = run.market if unit.market is None else unit.market
        world.schedule(world.now_ms, BACKSTOP, lambda: cover(world, account, market, run))
    else:
        world.ends(unit)


def _is_worth_too_little(world: WaterfallWorld, health: Health) -> bool:
    least_ppm = world.policy.takeover_ppm
    return least_ppm is not None and health.equity_atoms * PPM < least_ppm * health.requirement_atoms


def _must_be_taken(world: WaterfallWorld, run: Run, standing: Standing) -> bool:
    """Tell whether the steps are used up, or the largest position is in too low a tier for the book (X-6)."""
    policy = world.policy
    is_used_up = 0 < policy.steps_most <= run.steps
    return is_used_up or tier_of(_place(world, standing)) < policy.tier_least


def _place(world: WaterfallWorld, standing: Standing) -> Place:
    held = standing.largest
    mark = world.units.mark(held.market)
    assert mark is not None
    return Place(world.markets[held.market].terms, mark, held)


def _begin(world: WaterfallWorld, unit: Unit, run: Run) -> None:
    run.is_begun = True
    world.cancel_orders(unit.account, unit.market)


def _send_takeover(world: WaterfallWorld, unit: Unit, run: Run) -> None:
    """Have the unit taken over in phase 6: of the next millisecond if its orders have to go first."""
    due_ms = world.now_ms
    if not run.is_begun:
        _begin(world, unit, run)
        due_ms += 1
    world.schedule(due_ms, BACKSTOP, lambda: take_over(world, unit, run))


def _settles_debts(world: WaterfallWorld, unit: Unit, run: Run) -> bool:
    """Take the orders off, or sell and buy back what is lacking (X-13); False if there is nothing to be done."""
    if run.is_begun:
        return sell_and_buy(world, unit)
    _begin(world, unit, run)
    return True


def _send_order(world: WaterfallWorld, unit: Unit, run: Run, standing: Standing) -> None:
    """Send the order that reduces the largest position (X-5)."""
    place, policy = _place(world, standing), world.policy
    assert standing.health is not None
    if world.is_halted(place.held.market):
        return  # V-9: it waits
    whole_before_ms = run.whole_until_ms
    lots = stage_lots(policy, place, is_whole=world.now_ms < run.whole_until_ms)
    if policy.whole_ms and lots < place.lots:
        run.whole_until_ms = world.now_ms + policy.whole_ms
    limit = stage_limit(policy, place, standing.health, _bankruptcy_value(world, unit, standing))
    market, side = place.held.market, Side.SELL if place.held.lots > 0 else Side.BUY
    world.mark("STEP", market, unit.account, lots)
    _begin(world, unit, run)
    run.steps += 1
    world.send(
        unit.account,
        market,
        side,
        lots,
        limit,
        is_fok=policy.is_fok and limit is not None,
        then=lambda first: _clear(world, unit, market, first),
        otherwise=lambda: _take_back(unit, run, whole_before_ms),
    )


def _take_back(unit: Unit, run: Run, whole_before_ms: int) -> None:
    """Let a step not count whose order found its market halted (V-9)."""
    if unit.run is run:
        run.steps -= 1
        run.whole_until_ms = whole_before_ms


def _bankruptcy_value(world: WaterfallWorld, unit: Unit, standing: Standing) -> int:
    """Return V of the largest position among those that settle in its asset (X-7)."""
    largest = standing.largest
    asset = world.markets[largest.market].terms.quote_asset
    together = [held for held in standing.held if world.markets[held.market].terms.quote_asset == asset]
    assert standing.health is not None
    equity = standing.health.equity_atoms
    if unit.mode is AccountMode.UNIFIED:
        equity, _ = world.units.net(unit.account, asset)
    return dict(zip(together, bankruptcy_values(together, equity), strict=True))[largest]


def _clear(world: WaterfallWorld, unit: Unit, market: int, first: int) -> None:
    """Let the fills of a step pay their clearance fee, as far as the unit has it (X-14)."""
    worth = sum(world.markets[market].notional(trade.qty_lots, trade.price_ticks) for trade in world.trades[first:])
    health = world.units.standing(unit).health
    if health is None:
        return
    left = world.units.converted_back(unit, market, health.equity_atoms)
    fee = min(ceil_div(worth * world.policy.fee_ppm, PPM), max(0, left))
    if fee:
        asset = world.markets[market].terms.quote_asset
        world.pay(unit.account, world.fund, asset, fee, TransferReason.CLEARANCE, unit, side=2)
