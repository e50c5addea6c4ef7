"""Who pays for what a flat account lacks: rules X-10 and L-10.

Stands on `units`.

::

    lacks D -> insurance fund: what it has -> shared: by profit, capped -> bad debt: the rest, never netted silently

Promises: the fund's balance does not fall below 0 by a payment; nobody pays more of a shared loss than it has won.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.margin import AccountMode
from engine.reference.journal import JournalKind
from engine.reference.transfers import TransferReason

if TYPE_CHECKING:
    from engine.reference.units import Run, Unit
    from engine.reference.waterfall import WaterfallWorld


def backstop_worth(world: WaterfallWorld, account: int, asset: int, *, is_unified: bool) -> int:
    """Return W: what a backstop or the fund is worth in an asset, towards a unified unit in all of them (X-8)."""
    return world.units.worth_at_index(account) if is_unified else world.units.net(account, asset)[0]


def fund_pays(world: WaterfallWorld, account: int, unit: Unit | None, asset: int, lacking: int) -> int:
    """Let the insurance fund pay towards what is lacking, as far as X-10 lets it; return what it paid."""
    fund, policy, run = world.fund, world.policy, unit.run if unit is not None else None
    most = min(lacking, world.ledger.balances[fund][asset].atoms, world.units.net(fund, asset)[0])
    if policy.fund_most:
        most = min(most, policy.fund_most - (run.fund_paid if run is not None else 0))
    if most <= 0:
        return 0
    if run is not None:
        run.fund_paid += most
    world.pay(fund, account, asset, most, TransferReason.FUND, unit, side=1)
    return most


def share_loss(world: WaterfallWorld, account: int, unit: Unit | None, market: int, lacking: int) -> int:
    """Let those who profit in a market pay by profit; return what they paid (X-10)."""
    most = {
        holder: able for holder in sorted(world.markets[market].positions) if (able := _able(world, holder, market))
    }
    total = sum(most.values())
    paid = min(lacking, total)
    if paid <= 0:
        return 0
    world.mark("SHARED_LOSS", market, account, paid)
    parts = {holder: paid * able // total for holder, able in most.items()}
    left = paid - sum(parts.values())
    for place, (holder, part) in enumerate(parts.items()):
        atoms = part + (place < left)
        if atoms:
            _pay_share(world, holder, account, unit, market, atoms)
    return paid


def _able(world: WaterfallWorld, holder: int, market: int) -> int:
    """Return b: a holder's unrealised profit in a market, as far as its unit has it."""
    unit, mark = world.units.find(holder, market), world.markets[market].mark
    if unit is None or unit.run is not None or mark is None:
        return 0
    position = world.held(holder, market)
    profit = world.markets[market].notional(position.position_lots, mark) - position.cost_atoms
    health = world.units.standing(unit).health
    if not position.position_lots or profit <= 0 or health is None:
        return 0
    asset = world.markets[market].terms.quote_asset
    if unit.mode is AccountMode.UNIFIED and asset != unit.asset:  # cannot be split at the index: all or nothing
        return profit if world.units.converted(unit, market, profit) <= health.equity_atoms else 0
    return max(0, min(profit, health.equity_atoms))


def _pay_share(world: WaterfallWorld, holder: int, account: int, unit: Unit | None, market: int, atoms: int) -> None:
    payer = world.units.find(holder, market)
    is_isolated = payer is not None and payer.market is not None
    into_margin = unit is not None and unit.market is not None
    world.demand(
        JournalKind.PAYMENT,
        account=holder,
        number=account,
        market=world.markets[market].terms.quote_asset,
        qty=atoms,
        order_type=int(TransferReason.SHARE),
        side=2 * is_isolated + into_margin,
        price=market if is_isolated or into_margin else 0,
    )
    world.defund(holder, market)


def write_off(world: WaterfallWorld, account: int, unit: Unit | None, asset: int, market: int, lacking: int) -> None:
    """Let the bad-debt account pay the rest: nothing of it is netted silently (L-10)."""
    if lacking <= 0:
        return
    isolated = unit is not None and unit.market is not None
    world.mark("BAD_DEBT", market, account, lacking)
    world.demand(
        JournalKind.WRITE_OFF,
        account=account,
        number=world.bad_debt,
        market=asset,
        qty=lacking,
        side=int(isolated),
        price=market if isolated else 0,
    )


def cover_money(
    world: WaterfallWorld, account: int, unit: Unit | None, asset: int, market: int, *, from_fund: bool = True
) -> None:
    """Bring a balance, or the isolated margin of a unit, that is below 0 to exactly 0 (X-10, L-10)."""
    isolated = unit is not None and unit.market is not None
    money = world.funds.margins[account, market] if isolated else world.ledger.balances[account][asset].atoms
    lacking = -money
    if lacking > 0 and from_fund:
        lacking -= fund_pays(world, account, unit, asset, lacking)
    if lacking > 0 and world.policy.shares_losses and world.markets[market].terms.quote_asset == asset:
        lacking -= share_loss(world, account, unit, market, lacking)
    write_off(world, account, unit, asset, market, lacking)


def cover(world: WaterfallWorld, account: int, market: int, run: Run | None) -> None:
    """See to a flat account under water, in phase 6 (L-10, V-6)."""
    asset = world.markets[market].terms.quote_asset
    unit = world.units.find(account, market)
    isolated = unit if unit is not None and unit.market is not None else None
    if unit is not None and unit.run is not None and unit.run is not run:
        return  # another liquidation has begun since, and will see to it
    is_flat = world.units.is_flat_in(account, asset)
    if not (is_flat if isolated is None else world.position(account, market)[0] == 0):
        if unit is not None and unit.run is not None:  # a position was opened since
            world.step_again(unit, unit.run)
        return
    if isolated is not None:
        cover_money(world, account, isolated, asset, market)
    if is_flat:
        cover_money(world, account, None if isolated is not None else unit, asset, market)
    if unit is not None and unit.run is not None:
        world.ends(unit)
