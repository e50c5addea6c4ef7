"""A scenario half built: the simulation, the accounts by population or event, and a scenario's amounts in lots.

Stands on `engine.simulation`. `build` fills it in order; `populations` adds the behaviours.
"""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.scenario.draws import draw
from engine.scenario.laws import Law
from engine.scenario.liquidations import liquidation_of
from engine.scenario.margins import ladder_of
from engine.scenario.markets import Venue
from engine.scenario.paths import format_path
from engine.scenario.quantities import Amount
from engine.simulation import Plan, Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.scenario.scenario import Scenario
    from engine.simulation import Market

__all__ = ["Building", "told_at", "venues_on"]

# Names of the native parameters, where they differ from the scenario's.
FIELDS = {
    "window_ms": "leaves.within",
    "within_ms": "within",
    "halt_ms": "halt",
    "wake_every_ms": "wake_every",
    "return_after_ms": "returns.after",
    "return_size": "returns.size",
    "latency_ms": "link.base",
    "latency_law": "link.jitter",
    "picture_ms": "picture.base",
    "picture_law": "picture.jitter",
    "return_spread": "returns.spread",
    "spread_tau_ms": "returns.spread_decay",
    "size_tau_ms": "returns.size_recovery",
    "volatility": "leaves.volatility",
    "inventory": "leaves.inventory",
    "margin_ratio": "leaves.margin_ratio",
    "slow_ms": "leaves.latency",
    "horizon_s": "horizon",
    "fair_ticks": "fair",
    "calm_ms": "calm",
    "lookback_ms": "lookback",
    "react_ms": "react",
    "tolerance_lots": "tolerance",
    "hold_ms": "hold",
    "qty_min": "qty",
    "qty_max": "qty",
    "mean_gap_ms": "every",
    "fair_tau_ms": "fair_tau",
    "drawdown": "leaves.drawdown",
    "qty_lots": "qty",
    "every_ms": "every",
    "ltv_ppm": "ltv",
    "price_ratio": "rate",
    "flee_ticks": "flee_price",
    "protocol": "lender",
    "at_ms": "at",
    "start_ms": "start",
}


@contextmanager
def told_at(*path: str) -> Iterator[None]:
    """Name the scenario's path in what the world refuses."""
    try:
        yield
    except InputError as error:
        if error.field.startswith(f"{path[0]}."):
            raise
        field = FIELDS.get(error.field, error.field)
        raise InputError(f"{format_path(path)}.{field}", error.expected, error.was) from None


class Building:
    """A scenario half built: its simulation, and the accounts by population or event."""

    def __init__(self, scenario: Scenario) -> None:
        first = venues_on(scenario)[0]
        self.scenario = scenario
        self.sim = Simulation(
            seed=scenario.seed,
            liquidation=liquidation_of(first.liquidation),
            ladder=None if first.ladder is None else ladder_of(first.ladder),
        )
        self.sim.plan = Plan(scenario.name, scenario.start, scenario.duration)
        self.sim.record(**scenario.record.switches())
        self.accounts: dict[str, list[int] | range] = {}
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
            return max(1, int(amount.number))
        if amount.unit == self.scenario.markets[market].quote_asset:
            return traded.lots_worth(amount.number, self.price_ticks(market))
        return max(1, traded.quantity.floor_count(amount.number, "qty"))  # on the grid unless it was drawn

    def members(self, population: Any, field: str) -> Iterator[Any]:
        """Return a parameter for each member: itself, or drawn (R-5) with the parameter's own place."""
        value: Any = population
        for part in field.split("."):
            value = getattr(value, part)
        if isinstance(value, Law):
            k = population.DRAWN.index(field)
            drawn = draw(value, self.scenario.seed, population.name, population.count, k)
            unit = value.amount_unit
            return iter(drawn if unit is None else [_amount(number, unit) for number in drawn])
        return iter([value] * population.count)


def _amount(number: Any, unit: str) -> Amount:
    """Return what was drawn in its unit; a choice has it already."""
    return number if isinstance(number, Amount) else Amount(Decimal(number), unit)


def venues_on(scenario: Scenario) -> list[Any]:
    """Return the venues that are switched on; one with the usual rules if there is none."""
    return [venue for venue in scenario.venues.values() if venue.enabled] or [Venue()]
