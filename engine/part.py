"""Part: one simulation of a scenario, the scenario itself or one of its variants, built and perhaps run.

Stands on `engine.simulation`. Reading changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from engine.scenario import Scenario
    from engine.simulation import Market, Simulation

__all__ = ["Part", "build_part"]


@dataclass
class Part:
    """One simulation and what it is called.

    Parameters
    ----------
    name : str
        Name of the part: ``base`` or a variant.
    simulation : Simulation
        Built, and perhaps run.
    until_ms : int
        Where it ends.
    """

    name: str
    simulation: Simulation
    until_ms: int

    @property
    def market(self) -> Market:
        """The market of its story: the first perpetual, else the first market."""
        markets = list(self.simulation.markets.values())
        return next((market for market in markets if market.base is None), markets[0])

    def low_ticks_of(self, market: Market) -> int | None:
        """Lowest trade price of a market, ticks."""
        trades = self.simulation.world.trades()
        prices = trades["price_ticks"][trades["market"] == market.number]
        return int(prices.min()) if len(prices) else None

    @property
    def low(self) -> Decimal | None:
        """Lowest trade price on the part's market, in its quote asset."""
        return self.lows[self.market.name]

    @property
    def lows(self) -> dict[str, Decimal | None]:
        """Lowest trade price of every market by its name, in its quote asset."""
        found = {}
        for name, market in self.simulation.markets.items():
            ticks = self.low_ticks_of(market)
            found[name] = None if ticks is None else market.price.value(ticks)
        return found


def build_part(scenario: Scenario, name: str) -> Part:
    """Build a part of a scenario.

    Parameters
    ----------
    scenario : Scenario
        Whole.
    name : str
        ``base`` or one of its variants.

    Returns
    -------
    Part

    Raises
    ------
    InputError
        There is no such variant, or the world refuses it.
    """
    changed = scenario.variant(name)
    return Part(name, changed.simulation(), changed.duration)
