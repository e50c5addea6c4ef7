"""Build a scenario's oracles: what it says of sources and rules becomes those of `engine.prices`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import prices
from engine.scenario.feeds import feed_of
from engine.scenario.populations import jitter_law

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.feeds import Feed
    from engine.scenario.building import Building
    from engine.scenario.markets import IndexOracle, MarkOracle, PriceOracle, PriceSource

__all__ = ["add_oracle"]

_SERIES: dict[str, Callable[..., prices.Source]] = {
    "mid": prices.Mid,
    "last": prices.Last,
    "index": prices.IndexOf,
    "oracle": prices.OracleOf,
}


# The arguments of an index, by the scenario's keys.
_OPTIONS = {
    "every": "every_ms",
    "lag": "lag_ms",
    "combine": "combine",
    "sample_every": "sample_every_ms",
    "outlier": "outlier",
    "clamp": "clamp",
    "floor": "floor",
    "deviation": "deviation",
    "heartbeat": "heartbeat_ms",
}


def add_oracle(building: Building, oracle: IndexOracle | PriceOracle | MarkOracle) -> None:
    """Declare one oracle of a scenario."""
    sim, market = building.sim, building.markets[oracle.market]
    outages = [tuple(building.scenario.time_ms(each) for each in window) for window in oracle.outages]
    silent: dict[str, Any] = {"outages": outages}
    if oracle.jitter is not None:
        silent["latency_law"] = jitter_law(oracle.jitter, "jitter")
    if oracle.kind == "mark":
        sim.mark(market, _rule(building, oracle), every_ms=_mark_every_ms(oracle), lag_ms=oracle.lag, **silent)
        return
    declare = sim.index if oracle.kind == "index" else sim.oracle
    if oracle.feed is None:
        declare(market, _sources(building, oracle), **_options(oracle), **silent)
    else:
        declare(market, _feed(building, oracle), **_options(oracle), **silent)


def _options(oracle: IndexOracle | PriceOracle) -> dict[str, Any]:
    """Return what an oracle says; beside a feed only what it says itself."""
    said = oracle.model_fields_set if oracle.feed is not None else _OPTIONS.keys()
    options = {name: getattr(oracle, key) for key, name in _OPTIONS.items() if key in said}
    return {name: value for name, value in options.items() if value is not None}


def _feed(building: Building, oracle: IndexOracle | PriceOracle) -> Feed:
    """Return an oracle's feed; what `source` or `sources` say stands for its only book."""
    assert oracle.feed is not None
    feed = feed_of(oracle.feed)
    if oracle.source is None and not oracle.sources:
        return feed
    return feed.on({feed.books[0]: _sources(building, oracle)})


def _mark_every_ms(oracle: MarkOracle) -> int | None:
    """A mark that says no cadence has its rule's."""
    return oracle.every if "every" in oracle.model_fields_set else None


def _rule(building: Building, oracle: MarkOracle) -> prices.MarkRule:
    if oracle.rule == "median":
        return prices.Median()
    if oracle.rule == "hyperliquid":
        return prices.Hyperliquid([_source(building, each) for each in oracle.sources])
    preset = prices.Binance() if oracle.rule == "binance" else prices.Bybit()
    window = preset.window if oracle.window is None else oracle.window
    sample_every_ms = preset.sample_every_ms if oracle.sample_every is None else oracle.sample_every
    return type(preset)(window=window, sample_every_ms=sample_every_ms)


def _sources(building: Building, oracle: IndexOracle | PriceOracle) -> list[prices.Source]:
    if oracle.source is not None:
        return [prices.Mid(building.markets[oracle.source])]
    return [_source(building, each) for each in oracle.sources]


def _source(building: Building, source: PriceSource) -> prices.Source:
    """Return a source; what its kind needs is there, `checks.oracles` has seen to it."""
    markets, weight, stale_ms = building.markets, source.weight, source.stale
    times = None if source.times is None else prices.Mid(markets[source.times])
    if source.kind == "fixed":
        assert source.price is not None
        return prices.Fixed(source.price, weight)
    if source.kind == "path":
        return prices.Path([building.scenario.time_ms(each) for each in source.at], source.prices, weight, stale_ms)
    if source.kind == "rate":
        assert source.rate is not None
        of = None if source.market is None else prices.IndexOf(markets[source.market])
        return prices.ConversionRate(source.rate, of, weight, source.growth, source.growth_every, stale_ms)
    assert source.market is not None
    if source.kind == "twap":
        assert source.window is not None
        return prices.Twap(markets[source.market], source.window, weight, stale_ms, times)
    return _SERIES[source.kind](markets[source.market], weight, stale_ms, times)
