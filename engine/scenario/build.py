"""Build a scenario: the only file of this package that calls the native world.

The order is fixed, because it numbers accounts and settles ties: assets, markets and oracles; the accounts of the
populations in the file's order, then those of events; the orders from outside; the populations' behaviours, in the
file's order; the shocks. Each population's kind has one small function here; `BUILDERS` is the list.
"""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine import _core
from engine.errors import InputError
from engine.scenario.draws import draw, shuffled
from engine.scenario.events import OrderRow, Orders, Shock, read_rows
from engine.scenario.laws import Integers, Law, Lognormal, Uniform
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
    "latency_median_ms": "link",
    "latency_ms": "link",
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
        liquidation = _liquidation(scenario)
        self.scenario = scenario
        self.sim = Simulation(
            seed=scenario.seed,
            stage=liquidation.stage,
            stage_lots_min=liquidation.stage_min,
            stage_interval_ms=liquidation.every,
            depth_every_ms=scenario.record.depth_every,
        )
        self.accounts: dict[str, list[int]] = {}

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


def _liquidation(scenario: Scenario) -> Any:
    """Return the one liquidation rule of the world; a rule for each venue needs venues in the world."""
    from engine.scenario.markets import Liquidation

    rules = {name: venue for name, venue in scenario.venues.items() if venue.enabled}
    for name, venue in rules.items():
        if venue.gateway.service:
            raise InputError(
                f"venues.{name}.gateway.service", "0us: the world has no gateway yet", f"{venue.gateway.service}us"
            )
        if venue.liquidation != next(iter(rules.values())).liquidation:
            raise InputError(f"venues.{name}.liquidation", "one rule for all venues, which are one venue yet", name)
    return next((venue.liquidation for venue in rules.values()), Liquidation())


def _declare(building: _Building) -> None:
    """Declare assets, markets and oracles."""
    sim, scenario = building.sim, building.scenario
    for name, asset in scenario.assets.items():
        if asset.enabled:
            sim.asset(name, decimals=asset.decimals, supply=asset.supply)
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
        )
        return
    for fee in ("maker_fee", "taker_fee"):
        if getattr(market, fee):
            raise InputError(fee, "0: spot markets have no fees yet", getattr(market, fee))
    least = 1 if market.price_min is None else int(market.price_min / market.tick)
    sim.spot(name, sim.assets[market.base_asset], quote, tick=tick, lot=lot, price_min=least)


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
                building.accounts[name] = _accounts(building, name, count, population.brings)
    for name, event in building.scenario.events.items():
        if event.enabled and event.account is None:
            with _told_at("events", name):
                building.accounts[name] = _accounts(building, name, 1, event.brings)


def _accounts(building: _Building, name: str, count: int, brings: dict[str, Any]) -> list[int]:
    """Open a number of accounts, each with its deposits; a drawn deposit is rounded down to whole atoms."""
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
        numbers.append(building.sim.account(own, **{asset: next(each) for asset, each in deposits.items()}))
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
    building.sim.world.add_shock(
        _account_of(building, shock),
        building.markets[shock.market].number,
        side,
        building.lots(amount, shock.market),
        at_ms=building.scenario.time_ms(shock.at),
        slices=slices,
        every_ms=max(1, shock.over // slices),
    )


# ---- populations, one function each ----------------------------------------------------------------------------------


def _latency_law(population: Any) -> tuple[float, float]:
    """Return median and sigma of a lognormal way to the venue; a way without jitter has sigma 0."""
    link = population.link
    if link.jitter is None:
        return max(float(link.base), 0.001), 0.0
    if link.base or not isinstance(link.jitter, Lognormal) or link.jitter.max is not None:
        raise InputError("link", "a base, or a lognormal jitter without max: the world cannot do both yet", link.jitter)
    return link.jitter.median, link.jitter.sigma


def _fixed_latency_ms(population: Any) -> int:
    link = population.link
    if link.jitter is not None:
        raise InputError("link.jitter", f"nothing: a {population.kind} has a fixed latency yet", link.jitter)
    return int(link.base) or 1


def _refuse_not_yet(population: Any, fields: tuple[str, ...]) -> None:
    """Refuse what the world cannot do yet rather than leave it out."""
    for field in fields:
        value: Any = population
        for part in field.split("."):
            value = getattr(value, part, None)
        if value:
            raise InputError(field, "nothing: the world cannot do that yet", value)


def _market_makers(building: _Building, makers: Any) -> None:
    leaves = ("volatility", "inventory", "margin_ratio", "latency", "adl")
    _refuse_not_yet(makers, (*(f"leaves.{field}" for field in leaves), "mass_quotes", "returns.spread_decay"))
    if makers.mode != "ladder" or makers.returns.spread != 1.0 or isinstance(makers.size, Law):
        raise InputError(
            "mode", "a ladder of fixed size that returns with its own spread, for the time being", makers.mode
        )
    if makers.leaves is not None and makers.leaves.sides != "bids":
        raise InputError("leaves.sides", "bids: the world cannot do both yet", makers.leaves.sides)
    median, sigma = _latency_law(makers)
    drawdown = "leaves.drawdown" if makers.leaves is not None and makers.leaves.drawdown is not None else None
    fields = ["half_spread", "spacing", "skew", "anchor", "returns.after", "returns.size", "wake_every"]
    drawn = {field: building.members(makers, field) for field in [*fields, *([drawdown] if drawdown else [])]}
    for ordinal, account in enumerate(building.accounts[makers.name]):
        own = {field: next(values) for field, values in drawn.items()}
        maker = building.sim.world.add_maker(
            account,
            _core.member_key(makers.name, ordinal),
            wake_every_ms=int(own["wake_every"]),
            window_ms=makers.leaves.within if makers.leaves is not None else int(own["wake_every"]),
            return_after_ms=int(own["returns.after"]),
            latency_median_ms=median,
            latency_sigma=sigma,
            half_spread=float(own["half_spread"]),
            spacing=float(own["spacing"]),
            levels=makers.levels,
            anchor=float(own["anchor"]),
            fair_tau_ms=float(makers.fair_tau),
            drawdown=float(own["leaves.drawdown"]) if drawdown else 0.0,
            return_size=float(own["returns.size"]),
            skew=float(own["skew"]),
            start_ms=building.scenario.time_ms(makers.start),
        )
        for market in makers.on:
            lots = building.lots(makers.size, market)
            bound = {} if makers.inventory_max is None else {"inventory_max": int(makers.inventory_max * lots)}
            building.sim.world.add_quote(maker, building.markets[market].number, lots, **bound)


def _noise(building: _Building, noise: Any) -> None:
    gaps, latency_ms = building.members(noise, "every"), _fixed_latency_ms(noise)
    for ordinal, (account, gap_ms) in enumerate(zip(building.accounts[noise.name], gaps, strict=True)):
        market = noise.on[ordinal % len(noise.on)]
        low, high = _lot_bounds(building, noise.qty, market)
        building.sim.world.add_noise(
            account,
            _core.member_key(noise.name, ordinal),
            building.markets[market].number,
            mean_gap_ms=float(gap_ms),
            qty_min=low,
            qty_max=high,
            latency_ms=latency_ms,
            start_ms=building.scenario.time_ms(noise.start),
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


def _not_yet(_: _Building, population: Any) -> None:
    raise InputError("kind", f"one of {', '.join(sorted(_TODAY))}: the world has no other agents yet", population.kind)


_TODAY: dict[str, Callable[[_Building, Any], None]] = {
    "market-maker": _market_makers,
    "noise": _noise,
    "holders": _holders,
    "stale": _stale,
    "account": _account,
}

BUILDERS: dict[str, Callable[[_Building, Any], None]] = {
    **dict.fromkeys(
        (
            "zero-intelligence",
            "poisson-orders",
            "hawkes-orders",
            "momentum",
            "arbitrageur",
            "value",
            "python",
        ),
        _not_yet,
    ),
    **_TODAY,
}
