"""Pricing: the part of a simulation that declares what publishes index, oracle and mark, with names and units.

Stands on `engine.prices`, `engine.feeds` and the world. `Simulation` inherits it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.feeds import Feed
from engine.prices import MarkRule, Median, core_sources
from engine.units import Amount, Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from engine._core import World
    from engine.prices import Source
    from engine.simulation import Market

__all__ = ["Pricing"]


def _ppm(share: Amount, field: str) -> int:
    ppm = Grid("0.000001").count(share, field)
    if not 0 <= ppm <= 10**6:
        raise InputError(field, "a share between 0 and 1", share)
    return ppm


class Pricing(ABC):
    """Declare prices; for a class that has a world and knows its markets."""

    world: World
    markets: dict[str, Market]

    @abstractmethod
    def _own_market(self, market: object) -> Market:
        """Return a market of this simulation, or refuse it."""

    def index(
        self,
        market: Market,
        sources: Source | Market | Iterable[Source] | Feed,
        **options: Any,
    ) -> None:
        """Publish a market's index from sources (P-11 .. P-13, P-16).

        Parameters
        ----------
        market : Market
            Whose index.
        sources : Source, Market, iterable of Source, or Feed
            See `engine.prices`; a market stands for its mid. A feed of `engine.oracles` finds its books by name and
            has options of its own, which those that are given replace.
        **options
            ``every_ms`` (1,000) and ``lag_ms`` (0): cadence of the samples, and from sample to publication;
            ``combine`` ("mean" or "median"); ``outlier``, ``clamp``, ``deviation`` as shares; ``floor``, a price;
            ``heartbeat_ms``, ``sample_every_ms``, ``latency_law``, ``outages`` as `World.add_index` takes them.

        Raises
        ------
        InputError
            Names the argument; nothing was added.

        Examples
        --------
        >>> from engine import Simulation
        >>> from engine.prices import Fixed, Mid
        >>> sim = Simulation(seed=1)
        >>> usdt = sim.asset("USDT", decimals=6, supply="1000000000")
        >>> perp = sim.perpetual("USDE-PERP", usdt, tick="0.0001", lot="1", maintenance="0.02")
        >>> sim.index(perp, [Fixed("1"), Fixed("0.65")], floor="0.9")  # a redemption price, an own book, a soft floor
        >>> events = sim.run(until_ms=0)
        >>> sim.world.market(perp)["index"]  # (1 + 0.65) / 2, held at 0.9
        9000
        """
        self._publish_series(self.world.add_index, market, sources, options)

    def oracle(
        self,
        market: Market,
        sources: Source | Market | Iterable[Source] | Feed,
        **options: Any,
    ) -> None:
        """Publish a market's oracle, which collateral and lending read; arguments as for `index`."""
        self._publish_series(self.world.add_oracle, market, sources, options)

    def _publish_series(
        self,
        declare: Callable[..., None],
        market: Market,
        sources: Source | Market | Iterable[Source] | Feed,
        options: Mapping[str, Any],
    ) -> None:
        own = self._own_market(market)
        given: dict[str, Any] = {"every_ms": 1_000, "lag_ms": 0}
        if isinstance(sources, Feed):
            given |= sources.options
            sources = sources.resolve(self.markets)
        declare(own.number, core_sources(sources, own), **_options(own, given | dict(options)))

    def mark(
        self,
        market: Market,
        rule: MarkRule | None = None,
        *,
        every_ms: int | None = None,
        lag_ms: int = 0,
        latency_law: tuple[Any, ...] | None = None,
        outages: Sequence[tuple[int, int]] = (),
    ) -> None:
        """Publish a perpetual's mark by a rule (P-3, P-9, P-10, P-16).

        Parameters
        ----------
        market : Market
            A perpetual.
        rule : Median, Binance, Bybit or Hyperliquid, optional
            Median by default.
        every_ms : int, optional
            Cadence, ms; by default the rule's: 1 s, of Hyperliquid 3 s.
        lag_ms : int
            From sample to publication, ms.
        latency_law, outages
            As for `index`.

        Raises
        ------
        InputError
            Names the argument; nothing was added.
        """
        own = self._own_market(market)
        chosen = Median() if rule is None else rule
        if not isinstance(chosen, MarkRule):
            raise InputError("rule", "a rule such as Binance()", rule)
        cadence_ms = chosen.EVERY_MS if every_ms is None else every_ms
        self.world.add_mark(
            own.number,
            every_ms=cadence_ms,
            lag_ms=lag_ms,
            latency_law=latency_law,
            outages=outages,
            **chosen.core(own),
        )

    def publish(self, market: Market, price: Amount, series: str = "mark") -> None:
        """Publish a price from outside now, as "index", "mark" or "oracle" (P-14)."""
        own = self._own_market(market)
        self.world.publish(own.number, own.ticks(price), series)


def _options(own: Market, options: dict[str, Any]) -> dict[str, Any]:
    """Turn shares and prices of an index into the core's units."""
    given = dict(options)
    for share in ("outlier", "clamp", "deviation"):
        if share in given:
            given[f"{share}_ppm"] = _ppm(given.pop(share), share)
    if "floor" in given:
        given["floor_ticks"] = own.ticks(given.pop("floor"), "floor")
    return given
