"""Build a scenario: the only file of this package that calls the native world.

The order is fixed, because it numbers accounts and settles ties: assets, markets and oracles; the accounts of the
populations in the file's order, then those of events; the orders from outside; the populations' behaviours, in the
file's order; the shocks. Each population's kind has one small function here; `BUILDERS` is the list.
"""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine import _core
from engine.agents import ArrayAgent
from engine.errors import InputError
from engine.scenario.draws import draw, shuffled
from engine.scenario.events import OrderRow, Orders, Shock, read_rows
from engine.scenario.laws import Exponential, Integers, Law, Lognormal, Pareto, Uniform
from engine.scenario.markets import Venue
from engine.scenario.paths import format_path
from engine.simulation import Simulation
from engine.types import Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.scenario.quantities import Amount
    from engine.scenario.scenario import Scenario
    from engine.simulation import Market

__all__ = ["BUILDERS", "build"]

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
# Names of the native parameters, where they differ from the scenario's.
FIELDS = {
    "window_ms": "leaves.within",
    "wake_every_ms": "wake_every",
    "return_after_ms": "returns.after",
    "return_size": "returns.size",
    "latency_ms": "link.base",
    "latency_law": "link.jitter",
    "picture_ms": "picture.base",
    "picture_law": "picture.jitter",
    "return_spread": "returns.spread",
    "spread_tau_ms": "returns.spread_decay",
    "volatility": "leaves.volatility",
    "inventory": "leaves.inventory",
    "margin_ratio": "leaves.margin_ratio",
    "slow_ms": "leaves.latency",
    "horizon_s": "horizon",
    "fair_ticks": "fair",
    "lookback_ms": "lookback",
    "hold_ms": "hold",
    "qty_min": "qty",
    "qty_max": "qty",
    "mean_gap_ms": "every",
    "fair_tau_ms": "fair_tau",
    "drawdown": "leaves.drawdown",
    "qty_lots": "qty",
    "at_ms": "at",
    "start_ms": "start",
}


@contextmanager
def _told_at(*path: str) -> Iterator[None]:
    """Name the scenario's path in what the world refuses."""
    try:
        yield
    except InputError as error:
        if error.field.startswith(f"{path[0]}."):
            raise
        field = FIELDS.get(error.field, error.field)
        raise InputError(f"{format_path(path)}.{field}", error.expected, error.was) from None


class _Building:
    """A scenario half built: its simulation, and the accounts by population or event."""

    def __init__(self, scenario: Scenario) -> None:
        liquidation = _venues_on(scenario)[0].liquidation
        self.scenario = scenario
        self.sim = Simulation(
            seed=scenario.seed,
            stage=liquidation.stage,
            stage_lots_min=liquidation.stage_min,
            stage_interval_ms=liquidation.every,
            depth_every_ms=scenario.record.depth_every,
        )
        self.accounts: dict[str, list[int]] = {}
        self.others: dict[str, list[int]] = {}  # accounts at the venue of an arbitrageur's second market
        self.venues: dict[str, int] = {}

    def venue_of_market(self, market: str) -> int:
        """Return the number of a market's venue."""
        return self.venues.get(self.scenario.markets[market].venue or "", 0)

    def venue_of(self, population: Any, markets: list[str]) -> int:
        """Return where the accounts of a population or event are: where it says, or where it trades."""
        if getattr(population, "venue", None) is not None:
            return self.venues[population.venue]
        return self.venue_of_market(markets[0]) if markets else 0

    @property
    def markets(self) -> dict[str, Market]:
        return self.sim.markets

    def price_ticks(self, market: str) -> int:
        """Return a market's opening price in ticks; `checks` has seen that it has one where one is needed."""
        return self.markets[market].ticks(self.scenario.markets[market].price or 0)

    def lots(self, amount: Amount, market: str) -> int:
        """Return an amount in lots of a market: an amount of the quote asset at the opening price, rounded down."""
        traded = self.markets[market]
        if amount.unit == "lots":
            return int(amount.number)
        if amount.unit == self.scenario.markets[market].quote_asset:
            return traded.lots_worth(amount.number, self.price_ticks(market))
        return traded.lots(amount.number)

    def members(self, population: Any, field: str) -> Iterator[Any]:
        """Return a parameter for each member: itself, or drawn (R-5) with the parameter's own place."""
        value: Any = population
        for part in field.split("."):
            value = getattr(value, part)
        if isinstance(value, Law):
            k = population.DRAWN.index(field)
            return iter(draw(value, self.scenario.seed, population.name, population.count, k))
        return iter([value] * population.count)


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
    building = _Building(scenario)
    _declare(building)
    if not building.markets:
        raise InputError("markets", "at least one market that is switched on", "none")
    _open_accounts(building)
    on = [event for event in scenario.events.values() if event.enabled]
    for event in on:
        if isinstance(event, Orders):
            with _told_at("events", event.name):
                _send_orders(building, event)
    for population in scenario.populations.values():
        if population.enabled:
            with _told_at("populations", population.name):
                BUILDERS[population.kind](building, population)
    for event in on:
        if isinstance(event, Shock):
            with _told_at("events", event.name):
                _add_shock(building, event)
    return building.sim


def _venues_on(scenario: Scenario) -> list[Any]:
    """Return the venues that are switched on; one with the usual rules if there is none."""
    return [venue for venue in scenario.venues.values() if venue.enabled] or [Venue(name="")]


def _open_venues(building: _Building) -> None:
    """The first venue is the world's own; the others are opened in the file's order."""
    first, *others = _venues_on(building.scenario)
    building.venues[first.name] = 0
    if first.gateway.service:
        building.sim.world.set_gateway(0, first.gateway.service)
    for venue in others:
        with _told_at("venues", venue.name):
            building.venues[venue.name] = building.sim.venue(
                venue.name,
                stage=venue.liquidation.stage,
                stage_lots_min=venue.liquidation.stage_min,
                stage_interval_ms=venue.liquidation.every,
                service_us=venue.gateway.service,
            )


def _declare(building: _Building) -> None:
    """Declare assets, markets and oracles."""
    sim, scenario = building.sim, building.scenario
    for name, asset in scenario.assets.items():
        if asset.enabled:
            sim.asset(name, decimals=asset.decimals, supply=asset.supply)
    if sim.assets:
        _open_venues(building)
    for name, market in scenario.markets.items():
        if market.enabled:
            with _told_at("markets", name):
                _open_market(building, name, market)
    for name, oracle in scenario.oracles.items():
        if oracle.enabled:
            with _told_at("oracles", name):
                _add_oracle(building, oracle)


def _open_market(building: _Building, name: str, market: Any) -> None:
    sim, (tick, lot) = building.sim, (f"{market.tick:f}", f"{market.lot:f}")
    quote = sim.assets[market.quote_asset]
    if market.kind == "perp":
        sim.perpetual(
            name,
            quote,
            tick=tick,
            lot=lot,
            maintenance=market.maintenance,
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


def _add_oracle(building: _Building, oracle: Any) -> None:
    world, number = building.sim.world, building.markets[oracle.market].number
    if oracle.kind == "index":
        source = building.markets[oracle.source].number
        world.add_index(number, source, every_ms=oracle.every, lag_ms=oracle.lag)
    else:
        world.add_mark(number, every_ms=oracle.every, lag_ms=oracle.lag)


# ---- accounts --------------------------------------------------------------------------------------------------------


def _open_accounts(building: _Building) -> None:
    """Open the accounts of every population, then those of the events that have one of their own."""
    for name, population in building.scenario.populations.items():
        if population.enabled:
            count = 1 if population.kind == "stale" else population.count
            with _told_at("populations", name):
                at = building.venue_of(population, population.markets())
                building.accounts[name] = _accounts(building, name, count, population.brings, at)
                if population.kind == "arbitrageur" and building.venue_of_market(population.on[1]) != at:
                    there = building.venue_of_market(population.on[1])
                    building.others[name] = _accounts(building, f"{name} there", count, population.brings, there)
    for name, event in building.scenario.events.items():
        if event.enabled and event.account is None:
            with _told_at("events", name):
                traded = [event.market] if getattr(event, "market", None) is not None else []
                building.accounts[name] = _accounts(building, name, 1, event.brings, building.venue_of(event, traded))


def _accounts(building: _Building, name: str, count: int, brings: dict[str, Any], venue: int) -> list[int]:
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
        numbers.append(building.sim.account(own, venue, **{asset: next(each) for asset, each in deposits.items()}))
    return numbers


# ---- events ----------------------------------------------------------------------------------------------------------


def _arrivals(building: _Building, event: Orders) -> list[OrderRow]:
    """Return an event's rows in the order in which they arrive; rows that differ in quantity only keep theirs."""
    given = event.rows if isinstance(event.rows, list) else read_rows(event.rows, building.scenario.folder)[0]
    rows = [event.whole(row) for row in given]
    if not event.shuffle:
        return rows
    alike: dict[Any, list[OrderRow]] = {}
    for row in rows:
        alike.setdefault(_likeness(row), []).append(row)
    following = {likeness: iter(each) for likeness, each in alike.items()}
    return [next(following[_likeness(rows[i])]) for i in shuffled(building.scenario.seed, len(rows), event.name)]


def _likeness(row: OrderRow) -> tuple[object, ...]:
    return (row.market, row.side, row.price, row.at, row.immediate, row.cancel_after)


def _account_of(building: _Building, event: Any) -> int:
    return building.accounts[event.account or event.name][0]


def _send_orders(building: _Building, event: Orders) -> None:
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


def _add_shock(building: _Building, shock: Shock) -> None:
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


# ---- populations, one function each ----------------------------------------------------------------------------------


_JITTERS = {
    Lognormal: ("lognormal", "median", "sigma"),
    Exponential: ("exponential", "mean"),
    Pareto: ("pareto", "min", "alpha"),
}


def _jitter(law: Law | None) -> tuple[Any, ...] | None:
    """Return a link's law as the world takes it (R-7)."""
    if law is None:
        return None
    if isinstance(law, Uniform):
        return "uniform", float(law.low), float(law.high)
    if type(law) not in _JITTERS or getattr(law, "max", None) is not None:
        raise InputError("link.jitter", "lognormal, exponential, pareto (all without max) or uniform", law.law)
    name, *arguments = _JITTERS[type(law)]
    return name, *(float(getattr(law, argument)) for argument in arguments)


def _add(building: _Building, kind: str, population: Any, **columns: Any) -> int:
    """Add a population's agents, with its links, keys and start; returns the number of the first."""
    accounts = building.accounts[population.name]
    return building.sim.world.add_agents(
        kind,
        accounts,
        [_core.member_key(population.name, ordinal) for ordinal in range(len(accounts))],
        start_ms=building.scenario.time_ms(population.start),
        latency_ms=population.link.base,
        latency_law=_jitter(population.link.jitter),
        picture_ms=population.picture.base,
        picture_law=_jitter(population.picture.jitter),
        **columns,
    )


def _whole(values: Iterator[Any]) -> list[int]:
    return [int(value) for value in values]


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


def _leaving(building: _Building, makers: Any) -> dict[str, Any]:
    """Return the parameters of the rules by which makers leave; one that is not given is off."""
    leaves = makers.leaves
    if leaves is None:
        return {"window_ms": [min(16 * every, 1000) for every in _whole(building.members(makers, "wake_every"))]}
    if leaves.adl:
        raise InputError("leaves.adl", "false: nobody is auto-deleveraged yet", leaves.adl)
    rules = {name: f"leaves.{name}" for name in ("drawdown", "volatility", "inventory", "margin_ratio")}
    given = {name: path for name, path in rules.items() if getattr(leaves, name) is not None}
    found: dict[str, Any] = {name: _floats(building.members(makers, path)) for name, path in given.items()}
    if leaves.latency is not None:
        found["slow_ms"] = _whole(building.members(makers, "leaves.latency"))
    return {**found, "window_ms": leaves.within, "leaves_both": int(leaves.sides == "both")}


def _market_makers(building: _Building, makers: Any) -> None:
    first = _add(
        building,
        "maker",
        makers,
        wake_every_ms=_whole(building.members(makers, "wake_every")),
        return_after_ms=_whole(building.members(makers, "returns.after")),
        return_size=_floats(building.members(makers, "returns.size")),
        return_spread=makers.returns.spread,
        spread_tau_ms=float(makers.returns.spread_decay),
        half_spread=_floats(building.members(makers, "half_spread")),
        spacing=_floats(building.members(makers, "spacing")),
        levels=makers.levels,
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


def _noise(building: _Building, noise: Any) -> None:
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
    )


_SIGNS = {"buy": 1, "sell": -1, "both": 0}


def _point(building: _Building, population: Any) -> None:
    """Poisson and Hawkes orders; rates are per second in the scenario and per millisecond in the world."""
    low, high = _lot_bounds(building, population.qty, population.market)
    if population.kind == "poisson-orders":
        rates = {"mu": population.rate / 1000}
    else:
        rates = {name: getattr(population, name) / 1000 for name in ("mu", "alpha", "beta")}
    market = building.markets[population.market].number
    _add(building, "point", population, market=market, side=_SIGNS[population.side], qty_min=low, qty_max=high, **rates)


def _zero_intelligence(building: _Building, crowd: Any) -> None:
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


def _momentum(building: _Building, traders: Any) -> None:
    _add(
        building,
        "momentum",
        traders,
        market=building.markets[traders.market].number,
        wake_every_ms=_whole(building.members(traders, "wake_every")),
        lookback_ms=_whole(building.members(traders, "lookback")),
        hold_ms=_whole(building.members(traders, "hold")),
        threshold=_floats(building.members(traders, "threshold")),
        qty_lots=[building.lots(qty, traders.market) for qty in building.members(traders, "qty")],
    )


def _arbitrageurs(building: _Building, traders: Any) -> None:
    first, second = (building.markets[name] for name in traders.on)
    _add(
        building,
        "arbitrage",
        traders,
        market=first.number,
        other=second.number,
        other_account=building.others.get(traders.name, -1),
        price_ratio=float(first.price.step / second.price.step),
        lots_ratio=float(first.quantity.step / second.quantity.step),
        wake_every_ms=_whole(building.members(traders, "wake_every")),
        threshold=_floats(building.members(traders, "threshold")),
        qty_lots=[building.lots(qty, traders.on[0]) for qty in building.members(traders, "qty")],
    )


def _value(building: _Building, traders: Any) -> None:
    market = building.markets[traders.market]
    _add(
        building,
        "value",
        traders,
        market=market.number,
        wake_every_ms=_whole(building.members(traders, "wake_every")),
        fair_ticks=[market.price.floor_count(fair, "fair") for fair in building.members(traders, "fair")],
        threshold=_floats(building.members(traders, "threshold")),
        qty_lots=[building.lots(qty, traders.market) for qty in building.members(traders, "qty")],
    )


def _python(building: _Building, population: Any) -> None:
    """Make an agent for each member, or one array for all; it finds its markets in `markets`."""
    module, _, name = population.agent.partition(":")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError("agent", "a class that can be imported", f"{population.agent}: {error}") from None
    accounts, markets = building.accounts[population.name], [building.markets[name] for name in population.on]
    is_array = isinstance(kind, type) and issubclass(kind, ArrayAgent)
    for account in [accounts] if is_array else [[account] for account in accounts]:
        try:
            agent = kind(**population.parameters)
        except (TypeError, ValueError) as error:
            raise InputError("parameters", f"what {population.agent} takes", error) from None
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
            latency_law=_jitter(population.link.jitter),
            picture_ms=population.picture.base,
            picture_law=_jitter(population.picture.jitter),
        )


def _lot_bounds(building: _Building, qty: Any, market: str) -> tuple[int, int]:
    """Return the least and the most lots of a uniform quantity."""
    if isinstance(qty, (Integers, Uniform)):
        return building.lots(qty.low, market), building.lots(qty.high, market)
    if isinstance(qty, Law):
        raise InputError("qty", "integers or uniform: the world draws no other quantity yet", qty.law)
    return building.lots(qty, market), building.lots(qty, market)


def _holders(building: _Building, holders: Any) -> None:
    """Open each position against the next member of `rest` (L-9); the deposit is cost by leverage."""
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
        sim.world.deposit(account, market.quote.number, max(1, int(margin.to_integral_value())))
        other = others[ordinal % len(others)]
        buyer, seller = (account, other) if holders.long else (other, account)
        sim.world.open_trade(market.number, buyer, seller, lots, price)


def _stale(building: _Building, stale: Any) -> None:
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


def _account(_: _Building, __: Any) -> None:
    """Do nothing: the account is open, and others act through it."""


BUILDERS: dict[str, Callable[[_Building, Any], None]] = {
    "market-maker": _market_makers,
    "zero-intelligence": _zero_intelligence,
    "poisson-orders": _point,
    "hawkes-orders": _point,
    "noise": _noise,
    "momentum": _momentum,
    "arbitrageur": _arbitrageurs,
    "value": _value,
    "holders": _holders,
    "stale": _stale,
    "account": _account,
    "python": _python,
}
