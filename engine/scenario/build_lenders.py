"""The lending side of a scenario: blocks, lenders, pools, what is supplied at the start, bots, loopers, arbitrageurs.

Stands on `engine.scenario.building`. Blocks, lenders and pools are declared behind markets and oracles; what is
supplied when all accounts are open.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from engine.borrowers import bot_columns, looper_columns
from engine.errors import InputError
from engine.loops import loop_multiple
from engine.scenario.building import told_at, venues_on
from engine.scenario.lenders import LenderPrice, curve_of, mode_of, rules_of, terms_of
from engine.schedules import ONE_PPM
from engine.types import ActionReason

if TYPE_CHECKING:
    from engine.scenario.building import Building

__all__ = [
    "add_to_pools",
    "bots",
    "declare_lenders",
    "declare_pools",
    "loopers",
    "open_loans",
    "pool_arbitrageurs",
    "supply",
]


def declare_lenders(building: Building) -> None:
    """Give venues their blocks, and open the lenders in the file's order."""
    for venue in venues_on(building.scenario):
        if venue.blocks is not None:
            with told_at("venues", venue.name, "blocks"):
                said = venue.blocks
                building.sim.blocks(
                    building.venues[venue.name],
                    every=said.every,
                    gas_asset=building.sim.assets[said.gas_asset],
                    gas_limit=said.gas_limit,
                    base_price=said.base_price,
                    base_least=said.base_least,
                )
    for name, lender in building.scenario.lenders.items():
        if lender.enabled:
            with told_at("lenders", name):
                _open(building, name, lender)


def _open(building: Building, name: str, lender: Any) -> None:
    def price(said: Any) -> Any:
        return (building.markets[said.market], said.series) if isinstance(said, LenderPrice) else said

    building.sim.lending(
        name,
        lender.form,
        venue=building.venues.get(lender.venue or "", 0),
        collateral={asset: terms_of(said) for asset, said in lender.collateral.items()},
        borrow={asset: curve_of(said) for asset, said in lender.borrow.items()},
        oracle={asset: price(said) for asset, said in lender.oracle.items()},
        stale=lender.stale,
        modes={mode: mode_of(said) for mode, said in lender.modes.items()},
        supply_caps=lender.supply_caps,
        borrow_caps=lender.borrow_caps,
        kept=lender.kept,
        accrue_every=lender.accrue_every,
        sells_on={asset: building.markets[market] for asset, market in lender.sells_on.items()},
        **rules_of(lender),
    )


def declare_pools(building: Building) -> None:
    """Open the pools in the file's order."""
    for name, pool in building.scenario.pools.items():
        if pool.enabled:
            with told_at("pools", name):
                building.sim.pool(
                    name,
                    pool.form,
                    [building.sim.assets[asset] for asset in pool.assets],
                    venue=building.venues.get(pool.venue or "", 0),
                    fee=pool.fee,
                    amplification=pool.amplification,
                    price=pool.price,
                    tick_spacing=pool.tick_spacing,
                )


def add_to_pools(building: Building) -> None:
    """Let the first accounts of populations add what the pools say."""
    for name, pool in building.scenario.pools.items():
        if not pool.enabled:
            continue
        own = building.sim.pools[name]
        for population, amounts in pool.supplied.items():
            with told_at("pools", name, "supplied", population):
                done = building.sim.add_liquidity(building.accounts[population][0], own, amounts)
                _took(done.reason)
        for place, said in enumerate(pool.ranges):
            with told_at("pools", name, f"ranges[{place}]"):
                account = building.accounts[said.account][0]
                _took(
                    ActionReason(building.sim.world.add_range(account, own, said.lower, said.upper, said.liquidity)[0])
                )


def _took(reason: ActionReason) -> None:
    if reason is not ActionReason.DONE:
        raise InputError("supply", "what it takes and the account has", reason.name)


def supply(building: Building) -> None:
    """Let the first accounts of populations supply what the lenders say."""
    for name, lender in building.scenario.lenders.items():
        for population, amount in lender.supplied.items() if lender.enabled else ():
            with told_at("lenders", name, "supplied", population):
                account, own = building.accounts[population][0], building.sim.lenders[name]
                asset = building.sim.assets[amount.unit]
                _took(building.sim.act(account, "supply", own, amount.number, asset=asset).reason)


def _members(building: Building, population: Any, fields: tuple[str, ...]) -> dict[str, list[Any]]:
    """Return the values of the fields that are said, one for each member."""
    return {
        field: list(building.members(population, field)) for field in fields if getattr(population, field) is not None
    }


def bots(building: Building, population: Any) -> dict[str, Any]:
    """Return the columns of liquidation bots."""
    own, market = building.sim.lenders[population.lender], building.markets[population.on]
    fields = ("every", "scan", "flash", "least_gain", "least_profit", "tip", "gas_asset_price", "capital")
    columns = bot_columns(market, building.sim.gas_assets.get(own.venue), _members(building, population, fields))
    return {**columns, "market": market.number, "protocol": own.number, "pool": _pool(building, population)}


def _pool(building: Building, population: Any) -> int:
    return -1 if population.pool is None else building.sim.pools[population.pool].number


def pool_arbitrageurs(building: Building, population: Any) -> dict[str, Any]:
    """Return the columns of arbitrageurs between a pool and a book."""
    market = building.markets[population.on]
    base = market.base
    if base is None:
        raise InputError("on", "a spot market", population.on)
    said = _members(building, population, population.DRAWN)
    columns: dict[str, Any] = {
        "wake_every_ms": [max(1, int(each)) for each in said["wake_every"]],
        "threshold": [float(each) for each in said["threshold"]],
        "slippage": [float(each) for each in said["slippage"]],
        "market": market.number,
        "pool": _pool(building, population),
    }
    if "most" in said:
        columns["atoms_max"] = [max(1, base.grid.floor_count(each, "most")) for each in said["most"]]
    return columns


def loopers(building: Building, population: Any) -> dict[str, Any]:
    """Return the columns of loopers; the loops that are built stand then."""
    own, market = building.sim.lenders[population.lender], building.markets[population.on]
    columns: dict[str, Any] = looper_columns(market, _members(building, population, population.DRAWN))
    if population.built:
        _publish_openings(building, population.lender)
        multiples = [
            loop_multiple(Fraction(ltv, ONE_PPM), loops)
            for ltv, loops in zip(columns["ltv_ppm"], columns["loops"], strict=True)
        ]
        accounts, price = list(building.accounts[population.name]), building.scenario.markets[population.on].price
        building.sim.declare_loops(own, market, accounts, multiples, price=price or 1)
    return {
        **columns,
        "market": market.number,
        "protocol": own.number,
        "pool": _pool(building, population),
        "built": int(population.built),
    }


def open_loans(building: Building, population: Any) -> None:
    """Let borrowers supply what they bring and borrow their share of its worth, which leaves the venue."""
    sim, own = building.sim, building.sim.lenders[population.lender]
    _publish_openings(building, population.lender)
    said = building.scenario.lenders[population.lender]
    debt = sim.assets[population.borrow]
    own_worth = _opening_worth(building, said, debt)
    worth = {asset: _opening_worth(building, said, sim.assets[asset]) / own_worth for asset in population.brings}
    for account, ltv in zip(building.accounts[population.name], building.members(population, "ltv"), strict=True):
        total = Fraction(0)
        for asset in population.brings:
            atoms = sim.world.balance(account, sim.assets[asset].number)[0]
            total += atoms * worth[asset]
            reason = ActionReason(sim.world.act(account, "supply", own, atoms, asset=sim.assets[asset].number)[0])
            if reason is not ActionReason.DONE:
                raise InputError(f"brings.{asset}", "what the lender takes", f"{atoms} atoms: {reason.name}")
        owed = int(total * Fraction(ltv))
        if owed:
            reason = ActionReason(sim.world.act(account, "borrow", own, owed, asset=debt.number)[0])
            if reason is not ActionReason.DONE:
                raise InputError("ltv", "what the lender lends against what they bring", f"{ltv}: {reason.name}")
            sim.world.withdraw(account, debt.number, owed)


def _opening_worth(building: Building, lender: Any, asset: Any) -> Fraction:
    """Return what an atom of an asset is worth at its opening price; a unit of it is 1 if nothing is said."""
    opening: Any = lender.oracle.get(asset.name, 1)
    if isinstance(opening, LenderPrice):
        opening = building.scenario.markets[opening.market].price
    return Fraction(opening) / Fraction(10**asset.decimals)


def _publish_openings(building: Building, name: str) -> None:
    """Publish the opening price of a series that prices a lender's asset and has not been published (P-14)."""
    for said in building.scenario.lenders[name].oracle.values():
        if isinstance(said, LenderPrice):
            market = building.markets[said.market]
            state: Any = building.sim.world.market(market.number)
            opening = building.scenario.markets[said.market].price
            if state[said.series] is None and opening is not None:
                building.sim.publish(market, opening, said.series)
