"""The populations of a scenario in the native world: one small function for each kind; `BUILDERS` is the list.

Stands on `engine.scenario.building`; the accounts are open when a builder is called.
"""

from __future__ import annotations

import copy
import sys
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine import _core
from engine.agents import ArrayAgent
from engine.errors import InputError
from engine.scenario.laws import Exponential, Integers, Law, Lognormal, Pareto, Uniform
from engine.types import Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from engine.scenario.building import Building

__all__ = ["BUILDERS", "SIDES", "jitter_law"]

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_JITTERS = {
    Lognormal: ("lognormal", "median", "sigma"),
    Exponential: ("exponential", "mean"),
    Pareto: ("pareto", "min", "alpha"),
}


def jitter_law(law: Law | float | None, field: str = "link.jitter") -> tuple[Any, ...] | None:
    """Return the law of a link, or of an oracle's lag, as the world takes it (R-7)."""
    if law is None:
        return None
    if not isinstance(law, Law):
        return "fixed", float(law)
    if isinstance(law, Uniform):
        return "uniform", float(law.low), float(law.high)
    if type(law) not in _JITTERS or getattr(law, "max", None) is not None:
        raise InputError(field, "lognormal, exponential, pareto (all without max) or uniform", law.law)
    name, *arguments = _JITTERS[type(law)]
    return name, *(float(getattr(law, argument)) for argument in arguments)


def _add(building: Building, kind: str, population: Any, **columns: Any) -> int:
    """Add a population's agents, with its links, keys and start; returns the number of the first."""
    accounts = building.accounts[population.name]
    return building.sim.world.add_agents(
        kind,
        accounts,
        [_core.member_key(population.name, ordinal) for ordinal in range(len(accounts))],
        start_ms=building.scenario.time_ms(population.start),
        latency_ms=population.link.base,
        latency_law=jitter_law(population.link.jitter),
        picture_ms=population.picture.base,
        picture_law=jitter_law(population.picture.jitter),
        **columns,
    )


def _times(values: Iterator[Any]) -> list[int]:
    """Return times in whole milliseconds; what was drawn shorter than one takes one."""
    return [max(1, int(value)) for value in values]


def _floats(values: Iterator[Any]) -> list[float]:
    return [float(value) for value in values]


def _stoikov(makers: Any) -> dict[str, Any]:
    """Return the parameters of the mode Avellaneda-Stoikov (A-2)."""
    if makers.mode == "ladder":
        return {}
    for field in ("risk_aversion", "decay", "sigma", "horizon"):
        if getattr(makers, field) is None:
            raise InputError(field, "a value: the mode avellaneda-stoikov needs it", "none")
    numbers = {"risk_aversion": makers.risk_aversion, "decay": makers.decay, "sigma": makers.sigma}
    return {"mode": 1, "horizon_s": makers.horizon / 1000, **numbers}


def _leaving(building: Building, makers: Any) -> dict[str, Any]:
    """Return the parameters of the rules by which makers leave; one that is not given is off."""
    leaves = makers.leaves
    if leaves is None:
        return {"window_ms": [min(16 * every, 1000) for every in _times(building.members(makers, "wake_every"))]}
    rules = {name: f"leaves.{name}" for name in ("drawdown", "volatility", "inventory", "margin_ratio")}
    given = {name: path for name, path in rules.items() if getattr(leaves, name) is not None}
    found: dict[str, Any] = {name: _floats(building.members(makers, path)) for name, path in given.items()}
    if leaves.latency is not None:
        found["slow_ms"] = _times(building.members(makers, "leaves.latency"))
    found |= {"leaves_both": int(leaves.sides == "both"), "leaves_adl": int(leaves.adl)}
    return {**found, "window_ms": leaves.within}


def _market_makers(building: Building, makers: Any) -> None:
    first = _add(
        building,
        "maker",
        makers,
        wake_every_ms=_times(building.members(makers, "wake_every")),
        return_after_ms=_times(building.members(makers, "returns.after")),
        return_size=_floats(building.members(makers, "returns.size")),
        return_spread=makers.returns.spread,
        spread_tau_ms=float(makers.returns.spread_decay),
        size_tau_ms=float(makers.returns.size_recovery),
        half_spread=_floats(building.members(makers, "half_spread")),
        spacing=_floats(building.members(makers, "spacing")),
        levels=makers.levels,
        tolerance=_floats(building.members(makers, "tolerance")),
        anchor=_floats(building.members(makers, "anchor")),
        fair_tau_ms=float(makers.fair_tau),
        skew=_floats(building.members(makers, "skew")),
        mass_quotes=int(makers.mass_quotes),
        **_leaving(building, makers),
        **_stoikov(makers),
    )
    for market in makers.on:
        lots = [building.lots(size, market) for size in building.members(makers, "size")]
        bound = (
            {} if makers.inventory_max is None else {"inventory_max": [int(makers.inventory_max * own) for own in lots]}
        )
        numbers = range(first, first + makers.count)
        building.sim.world.add_quotes(numbers, building.markets[market].number, lots, **bound)


def _noise(building: Building, noise: Any) -> None:
    markets = [noise.on[ordinal % len(noise.on)] for ordinal in range(noise.count)]
    bounds = [_lot_bounds(building, noise.qty, market) for market in markets]
    _add(
        building,
        "noise",
        noise,
        market=[building.markets[market].number for market in markets],
        mean_gap_ms=_floats(building.members(noise, "every")),
        qty_min=[low for low, _ in bounds],
        qty_max=[high for _, high in bounds],
        slippage=float(noise.slippage),
    )


_SIGNS = {"buy": 1, "sell": -1, "both": 0}


def _point(building: Building, population: Any) -> None:
    """Poisson and Hawkes orders; rates are per second in the scenario and per millisecond in the world."""
    low, high = _lot_bounds(building, population.qty, population.market)
    if population.kind == "poisson-orders":
        rates = {"mu": population.rate / 1000}
    else:
        rates = {name: getattr(population, name) / 1000 for name in ("mu", "alpha", "beta")}
    market = building.markets[population.market].number
    _add(building, "point", population, market=market, side=_SIGNS[population.side], qty_min=low, qty_max=high, **rates)


def _zero_intelligence(building: Building, crowd: Any) -> None:
    low, high = _lot_bounds(building, crowd.qty, crowd.market)
    if building.scenario.markets[crowd.market].price is None:
        raise InputError("market", "a market with an opening price, around which the first orders come", crowd.market)
    _add(
        building,
        "flow",
        crowd,
        market=building.markets[crowd.market].number,
        market_rate=crowd.market_rate / 1000,
        limit_rates=[rate / 1000 for rate in crowd.limit_rates],
        cancel_rates=[rate / 1000 for rate in crowd.cancel_rates],
        anchor_ticks=building.price_ticks(crowd.market),
        qty_min=low,
        qty_max=high,
    )


def _momentum(building: Building, traders: Any) -> None:
    _add(
        building,
        "momentum",
        traders,
        market=building.markets[traders.market].number,
        wake_every_ms=_times(building.members(traders, "wake_every")),
        lookback_ms=_times(building.members(traders, "lookback")),
        hold_ms=_times(building.members(traders, "hold")),
        threshold=_floats(building.members(traders, "threshold")),
        qty_lots=[building.lots(qty, traders.market) for qty in building.members(traders, "qty")],
    )


def _bounded(building: Building, traders: Any, market: str) -> dict[str, Any]:
    """Return the bound of what they are long or short, if there is one."""
    return {} if traders.inventory_max is None else {"inventory_max": building.lots(traders.inventory_max, market)}


def _arbitrageurs(building: Building, traders: Any) -> None:
    first, second = (building.markets[name] for name in traders.on)
    _add(
        building,
        "arbitrage",
        traders,
        market=first.number,
        other=second.number,
        other_account=building.others.get(traders.name, -1),
        price_ratio=float(first.price.step / second.price.step / traders.rate),
        lots_ratio=float(first.quantity.step / second.quantity.step * traders.rate),
        wake_every_ms=_times(building.members(traders, "wake_every")),
        threshold=_floats(building.members(traders, "threshold")),
        qty_lots=[building.lots(qty, traders.on[0]) for qty in building.members(traders, "qty")],
        **_bounded(building, traders, traders.on[0]),
    )


def _value(building: Building, traders: Any) -> None:
    market = building.markets[traders.market]
    _add(
        building,
        "value",
        traders,
        market=market.number,
        wake_every_ms=_times(building.members(traders, "wake_every")),
        fair_ticks=[market.price.floor_count(fair, "fair") for fair in building.members(traders, "fair")],
        threshold=_floats(building.members(traders, "threshold")),
        qty_lots=[building.lots(qty, traders.market) for qty in building.members(traders, "qty")],
        rests=int(traders.rests),
        calm_ms=traders.calm,
        **_bounded(building, traders, traders.market),
    )


def _hedgers(building: Building, hedgers: Any) -> None:
    """Open both legs of each member, the same quantity long and short (L-9), and add the agents that keep them even."""
    first, second = (building.markets[name] for name in hedgers.on)
    ratio = first.quantity.step / second.quantity.step
    others = building.accounts[hedgers.rest]
    world, price = building.sim.world, building.price_ticks(hedgers.on[1])
    for ordinal, (account, qty) in enumerate(
        zip(building.accounts[hedgers.name], building.members(hedgers, "qty"), strict=True)
    ):
        lots, other = building.lots(qty, hedgers.on[0]), others[ordinal % len(others)]
        if first.base is None:
            world.open_trade(first.number, account, other, lots, building.price_ticks(hedgers.on[0]))
        else:
            world.deposit(account, first.base.number, lots * first.base.grid.count(first.quantity.step, "lot"))
        world.open_trade(second.number, other, account, max(1, round(lots * ratio)), price)
    _add(
        building,
        "hedge",
        hedgers,
        market=first.number,
        other=second.number,
        lots_ratio=float(ratio),
        react_ms=_times(building.members(hedgers, "react")),
        tolerance_lots=[building.lots(amount, hedgers.on[1]) for amount in building.members(hedgers, "tolerance")],
        mode=int(hedgers.mode == "unwind"),
    )


def _python(building: Building, population: Any) -> None:
    """Make an agent for each member, or one array for all; it finds its markets in `markets`."""
    accounts, markets = building.accounts[population.name], [building.markets[name] for name in population.on]
    made = population.agent
    kind = type(made) if not isinstance(made, str) else _class_of(made, building.scenario.folder)
    is_array = issubclass(kind, ArrayAgent)
    for account in [accounts] if is_array else [[account] for account in accounts]:
        agent = _made(kind, population)
        agent.markets = markets
        building.sim.world.add_python(
            agent,
            account,
            [_core.member_key(population.name, accounts.index(each)) for each in account],
            name=population.name,
            as_array=is_array,
            watches=[] if is_array else [market.number for market in markets],
            start_ms=building.scenario.time_ms(population.start),
            latency_ms=population.link.base,
            latency_law=jitter_law(population.link.jitter),
            picture_ms=population.picture.base,
            picture_law=jitter_law(population.picture.jitter),
        )


def _class_of(name: str, folder: Path | None) -> type:
    """Import a class; a module may stand beside the scenario's file."""
    module, _, own = name.partition(":")
    beside = [] if folder is None else [str(folder.resolve())]
    sys.path[:0] = beside
    try:
        kind = getattr(import_module(module), own)
    except (ImportError, AttributeError) as error:
        raise InputError("agent", "a class that can be imported", f"{name}: {error}") from None
    finally:
        for each in beside:
            sys.path.remove(each)
    if not isinstance(kind, type):
        raise InputError("agent", "a class", name)
    return kind


def _made(kind: type, population: Any) -> Any:
    """Return a member's own agent: made from the class, or a copy of the one that is given."""
    if not isinstance(population.agent, str):
        return copy.deepcopy(population.agent)
    try:
        return kind(**population.parameters)
    except (TypeError, ValueError) as error:
        raise InputError("parameters", f"what {population.agent} takes", error) from None


def _lot_bounds(building: Building, qty: Any, market: str) -> tuple[int, int]:
    """Return the least and the most lots of a uniform quantity."""
    if isinstance(qty, (Integers, Uniform)):
        return building.lots(qty.low, market), building.lots(qty.high, market)
    if isinstance(qty, Law):
        raise InputError("qty", "integers or uniform: the world draws no other quantity yet", qty.law)
    return building.lots(qty, market), building.lots(qty, market)


def _holders(building: Building, holders: Any) -> None:
    """Open each position against the next member of `rest` (L-9); a deposit is worth cost by leverage."""
    name = holders.long or holders.short
    sim, market, price = building.sim, building.markets[name], building.price_ticks(name)
    others = building.accounts[holders.rest]
    drawn = zip(
        building.accounts[holders.name],
        building.members(holders, "leverage"),
        building.members(holders, "notional"),
        strict=True,
    )
    for ordinal, (account, leverage, notional) in enumerate(drawn):
        lots = market.lots_worth(notional, price)
        cost_atoms = Decimal(lots * price * market.atoms_per_tick_lot)
        # Thousandths of a turn: coarse enough that no float's last bit decides an atom.
        margin = cost_atoms / Decimal(max(1, int(leverage * 1000))) * 1000
        sim.world.deposit(account, *_deposit(building, holders.deposit, market, int(margin.to_integral_value())))
        other = others[ordinal % len(others)]
        buyer, seller = (account, other) if holders.long else (other, account)
        sim.world.open_trade(market.number, buyer, seller, lots, price)


def _deposit(building: Building, asset: str | None, market: Any, atoms: int) -> tuple[int, int]:
    """Return the asset's number and the atoms of a deposit worth so many atoms of what the market settles in."""
    if asset is None or asset == market.quote.name:
        return market.quote.number, max(1, atoms)
    for venue in building.scenario.venues.values():
        said = venue.collateral.get(asset)
        if said is not None and said.market is not None and building.venues.get(venue.name, 0) == market.venue:
            priced = building.markets[said.market]
            base = priced.base
            assert base is not None
            lots = Decimal(atoms) / (building.price_ticks(said.market) * priced.atoms_per_tick_lot)
            return base.number, max(1, int(lots * base.grid.count(priced.quantity.step, "lot")))
    raise InputError("deposit", f"collateral of {market.name}'s venue that has a market", asset)


def _stale(building: Building, stale: Any) -> None:
    """Rest a bid and the ask that mirrors it for each draw."""
    market, price = building.markets[stale.market], building.price_ticks(stale.market)
    (account,) = building.accounts[stale.name]
    farther = round(price * float(stale.asks_farther))
    at_ms = building.scenario.time_ms(stale.start)
    drawn = zip(building.members(stale, "distance"), building.members(stale, "notional"), strict=True)
    for distance, worth in drawn:
        bid = max(1, int(price * (1.0 - float(distance))))
        for word, ticks in (("buy", bid), ("sell", 2 * price - bid + farther)):
            if stale.side in (word, "both"):
                lots = market.lots_worth(worth, bid if word == "buy" else ticks)
                building.sim.world.send_order(account, market.number, SIDES[word], ticks, lots, at_ms=at_ms)


def _crowd(building: Building, crowd: Any) -> None:
    """Open a crowd's positions and declare what its members will do."""
    from engine.scenario.holders import open_crowd

    open_crowd(building, crowd)


def _borrowers(building: Building, population: Any) -> None:
    from engine.scenario.build_lenders import open_loans

    open_loans(building, population)


def _bots(building: Building, population: Any) -> None:
    from engine.scenario.build_lenders import bots

    _add(building, "bot", population, **bots(building, population))


def _loopers(building: Building, population: Any) -> None:
    from engine.scenario.build_lenders import loopers

    _add(building, "looper", population, **loopers(building, population))


def _pool_arbitrageurs(building: Building, population: Any) -> None:
    from engine.scenario.build_lenders import pool_arbitrageurs

    _add(building, "pool_arbitrage", population, **pool_arbitrageurs(building, population))


def _account(_: Building, __: Any) -> None:
    """Do nothing: the account is open, and others act through it."""


BUILDERS: dict[str, Callable[[Building, Any], None]] = {
    "market-maker": _market_makers,
    "zero-intelligence": _zero_intelligence,
    "poisson-orders": _point,
    "hawkes-orders": _point,
    "noise": _noise,
    "momentum": _momentum,
    "arbitrageur": _arbitrageurs,
    "value": _value,
    "hedgers": _hedgers,
    "holders": _holders,
    "stale": _stale,
    "account": _account,
    "crowd": _crowd,
    "borrowers": _borrowers,
    "bots": _bots,
    "loopers": _loopers,
    "pool-arbitrageurs": _pool_arbitrageurs,
    "python": _python,
}
