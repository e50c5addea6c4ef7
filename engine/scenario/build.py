"""Build a scenario: what is declared and where, accounts, and what happens from outside; in this order.

The order is fixed, because it numbers accounts and settles ties: assets, markets, oracles, lenders and pools; the
accounts of the populations in the file's order, then those of events; what lenders and pools are supplied; the orders
from outside; the populations' behaviours, in the file's order (`engine.scenario.populations`); the shocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.scenario.agents import Arbitrageur
from engine.scenario.build_lenders import add_to_pools, declare_lenders, declare_pools, supply
from engine.scenario.build_prices import add_oracle
from engine.scenario.building import Building, told_at, venues_on
from engine.scenario.crowds import Crowd
from engine.scenario.draws import draw, shuffled
from engine.scenario.events import OrderRow, Orders, Shock
from engine.scenario.laws import Law
from engine.scenario.liquidations import liquidation_of
from engine.scenario.margins import ladder_of, tiers_of, value_of
from engine.scenario.populations import BUILDERS, SIDES
from engine.types import Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.scenario.scenario import Scenario
    from engine.simulation import Simulation

__all__ = ["build"]


def build(scenario: Scenario) -> Simulation:
    """Return a scenario's simulation, built and not yet run.

    Parameters
    ----------
    scenario : Scenario
        Whole (`Scenario.check`).

    Returns
    -------
    Simulation

    Raises
    ------
    InputError
        The world refuses something, or cannot do it yet; it names the path.
    """
    building = Building(scenario)
    _declare(building)
    if not building.markets:
        raise InputError("markets", "at least one market that is switched on", "none")
    _open_accounts(building)
    supply(building)
    add_to_pools(building)
    on = [event for event in scenario.events.values() if event.enabled]
    for event in on:
        if isinstance(event, Orders):
            with told_at("events", event.name):
                _send_orders(building, event)
    for population in scenario.populations.values():
        if population.enabled:
            with told_at("populations", population.name):
                BUILDERS[population.kind](building, population)
    for event in on:
        if isinstance(event, Shock):
            with told_at("events", event.name):
                _add_shock(building, event)
    return building.sim


def _open_venues(building: Building) -> None:
    """The first venue is the world's own; the others are opened in the file's order."""
    first, *others = venues_on(building.scenario)
    building.venues[first.name] = 0
    if first.gateway.service:
        building.sim.world.set_gateway(0, first.gateway.service)
    for venue in others:
        with told_at("venues", venue.name):
            building.venues[venue.name] = building.sim.venue(
                venue.name,
                liquidation=liquidation_of(venue.liquidation),
                service_us=venue.gateway.service,
                ladder=None if venue.ladder is None else ladder_of(venue.ladder),
            )


def _declare(building: Building) -> None:
    """Declare assets, markets, oracles and lenders."""
    sim, scenario = building.sim, building.scenario
    for name, asset in scenario.assets.items():
        if asset.enabled:
            sim.asset(name, decimals=asset.decimals, supply=asset.supply)
    if sim.assets:
        _open_venues(building)
    for name, market in scenario.markets.items():
        if market.enabled:
            with told_at("markets", name):
                _open_market(building, name, market)
            _add_breaker(building, name, market)
    for name, oracle in scenario.oracles.items():
        if oracle.enabled:
            with told_at("oracles", name):
                add_oracle(building, oracle)
    _publish_openings(building)
    declare_lenders(building)
    declare_pools(building)


def _publish_openings(building: Building) -> None:
    """Publish opening prices where orders would be refused without (C-5): marks if gated, indexes of collateral."""
    scenario, collateral = building.scenario, set()
    for venue in venues_on(scenario):
        collateral |= {each.market for each in venue.collateral.values() if each.market is not None}
    published = {(oracle.market, oracle.kind) for oracle in scenario.oracles.values() if oracle.enabled}
    for name, market in scenario.markets.items():
        if not market.enabled or market.price is None:
            continue
        gated = market.kind == "perp" and (market.tiers is not None or market.initial is not None)
        for series, is_needed in (("mark", gated), ("index", name in collateral)):
            if is_needed and (name, series) in published:
                building.sim.publish(building.markets[name], market.price, series)


def _open_market(building: Building, name: str, market: Any) -> None:
    sim, (tick, lot) = building.sim, (f"{market.tick:f}", f"{market.lot:f}")
    quote = sim.assets[market.quote_asset]
    if market.kind == "perp":
        sim.perpetual(
            name,
            quote,
            tick=tick,
            lot=lot,
            maintenance=market.maintenance,
            initial=market.initial,
            tiers=None if market.tiers is None else tiers_of(market.tiers),
            price_stale_ms=market.price_stale,
            taker_fee=market.taker_fee,
            maker_fee=market.maker_fee,
            venue=building.venue_of_market(name),
        )
        return
    least = 1 if market.price_min is None else int(market.price_min / market.tick)
    sim.spot(
        name,
        sim.assets[market.base_asset],
        quote,
        tick=tick,
        lot=lot,
        price_min=least,
        taker_fee=market.taker_fee,
        maker_fee=market.maker_fee,
        venue=building.venue_of_market(name),
    )


def _add_breaker(building: Building, name: str, market: Any) -> None:
    if market.breaker is not None:
        with told_at("markets", name, "breaker"):
            building.sim.breaker(
                building.markets[name],
                fall=market.breaker.fall,
                within_ms=market.breaker.within,
                halt_ms=market.breaker.halt,
            )


# ---- accounts --------------------------------------------------------------------------------------------------------


def _open_accounts(building: Building) -> None:
    """Open the accounts of every population, then those of the events that have one of their own.

    Who lends at a venue comes first: what counts there is declared before anybody has a unified account.
    """
    lenders = {each.lender for venue in venues_on(building.scenario) for each in venue.collateral.values()}
    on = [each for each in building.scenario.populations.values() if each.enabled]
    for population in [each for each in on if each.name in lenders]:
        _open_population(building, population)
    _declare_collateral(building)
    for population in [each for each in on if each.name not in lenders]:
        _open_population(building, population)
    _back_venues(building)
    for name, event in building.scenario.events.items():
        if event.enabled and event.account is None:
            with told_at("events", name):
                traded = event.markets(building.scenario.folder) if len(building.venues) > 1 else []
                at = building.venue_of(event, traded)
                building.accounts[name] = _accounts(building, name, 1, event.brings, at)


def _back_venues(building: Building) -> None:
    """Give insurance funds what they begin with, and venues the accounts that take over."""
    for venue in venues_on(building.scenario):
        number = building.venues[venue.name]
        for amount in venue.insurance_fund:
            with told_at("venues", venue.name, "insurance_fund"):
                building.sim.fund(number, building.sim.assets[amount.unit], amount.number)
        if venue.backstop is not None:
            with told_at("venues", venue.name, "backstop"):
                building.sim.backstop(number, building.accounts[venue.backstop][0])


def _open_population(building: Building, population: Any) -> None:
    """Open the accounts of one population."""
    name, mode, count = population.name, population.margin, 1 if population.kind == "stale" else population.count
    with told_at("populations", name):
        at = building.venue_of(population, population.markets())
        if isinstance(population, Crowd):
            building.accounts[name] = building.sim.open_accounts(name, count, at, mode=mode)
            return
        building.accounts[name] = _accounts(building, name, count, population.brings, at, mode)
        if isinstance(population, Arbitrageur):
            there, own = building.venue_of_market(population.on[1]), f"{name} there"
            if there != at:
                building.others[name] = _accounts(building, own, count, population.brings, there, mode)


def _declare_collateral(building: Building) -> None:
    """Declare what counts at each venue, the unit of account before all others."""
    for venue in venues_on(building.scenario):
        ordered = sorted(venue.collateral.items(), key=lambda item: item[1].market is not None)
        for asset, said in ordered:
            with told_at("venues", venue.name, "collateral", asset):
                building.sim.collateral(
                    building.venues[venue.name],
                    building.sim.assets[asset],
                    market=None if said.market is None else building.markets[said.market],
                    value=value_of(said.value),
                    loan=said.loan,
                    lender=None if said.lender is None else building.accounts[said.lender][0],
                )


def _accounts(
    building: Building, name: str, count: int, brings: dict[str, Any], venue: int, mode: str = "cross"
) -> list[int]:
    """Open a number of accounts at a venue, each with its deposits; a drawn deposit is rounded down to whole atoms."""
    deposits: dict[str, Iterator[Any]] = {}
    for k, (asset, amount) in enumerate(brings.items()):
        if isinstance(amount, Law):
            grid = building.sim.assets[asset].grid
            drawn = draw(amount, building.scenario.seed, f"{name} brings", count, k)
            deposits[asset] = iter([grid.value(grid.floor_count(worth, asset)) for worth in drawn])
        else:
            deposits[asset] = iter([amount] * count)
    numbers = []
    for ordinal in range(count):
        own = name if count == 1 else f"{name} {ordinal}"
        try:
            brought = {asset: next(each) for asset, each in deposits.items()}
            numbers.append(building.sim.account(own, venue, mode=mode, **brought))
        except InputError as error:
            field = f"brings.{error.field}" if error.field in brings else error.field
            raise InputError(field, error.expected, error.was) from None
    return numbers


# ---- events ----------------------------------------------------------------------------------------------------------


def _arrivals(building: Building, event: Orders) -> list[OrderRow]:
    """Return an event's rows in the order in which they arrive; rows that differ in quantity only keep theirs."""
    rows = event.listed(building.scenario.folder)
    if not event.shuffle:
        return rows
    alike: dict[Any, list[OrderRow]] = {}
    for row in rows:
        alike.setdefault(_likeness(row), []).append(row)
    following = {likeness: iter(each) for likeness, each in alike.items()}
    return [next(following[_likeness(rows[i])]) for i in shuffled(building.scenario.seed, len(rows), event.name)]


def _likeness(row: OrderRow) -> tuple[object, ...]:
    return (row.market, row.side, row.price, row.at, row.immediate, row.cancel_after)


def _account_of(building: Building, event: Any) -> int:
    return building.accounts[event.account or event.name][0]


def _send_orders(building: Building, event: Orders) -> None:
    sim, account = building.sim, _account_of(building, event)
    first = building.scenario.time_ms(event.at)
    for place, row in enumerate(_arrivals(building, event)):
        market = str(row.market)
        traded, at_ms = building.markets[market], first + place * event.every + row.at
        lots = building.lots(row.quantity, market)
        ticks = None if row.price is None else traded.ticks(row.price)
        ticket = sim.world.send_order(
            account,
            traded.number,
            SIDES[str(row.side)],
            ticks,
            lots,
            at_ms=at_ms,
            immediate=row.immediate and row.price is not None,
        )
        if row.cancel_after is not None:
            sim.cancel(ticket, at_ms=at_ms + row.cancel_after)


def _add_shock(building: Building, shock: Shock) -> None:
    amount, side = (shock.sell, Side.SELL) if shock.sell is not None else (shock.buy, Side.BUY)
    if amount is None:
        raise InputError("sell", "one of sell and buy", "neither")
    slices = shock.slice_count
    building.sim.world.add_agents(
        "shock",
        _account_of(building, shock),
        0,
        market=building.markets[shock.market].number,
        side=side,
        qty_lots=building.lots(amount, shock.market),
        start_ms=building.scenario.time_ms(shock.at),
        slices=slices,
        every_ms=max(1, shock.over // slices),
    )
