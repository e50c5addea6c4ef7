"""Build a scenario's oracles: what it says of sources and rules becomes those of `engine.prices`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import prices

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.scenario.building import Building
    from engine.scenario.markets import IndexOracle, MarkOracle, PriceOracle, PriceSource

__all__ = ["add_oracle"]

_SERIES: dict[str, Callable[..., prices.Source]] = {
    "mid": prices.Mid,
    "last": prices.Last,
    "index": prices.IndexOf,
    "oracle": prices.OracleOf,
}


def add_oracle(building: Building, oracle: IndexOracle | PriceOracle | MarkOracle) -> None:
    """Declare one oracle of a scenario."""
    sim, market = building.sim, building.markets[oracle.market]
    if oracle.kind == "mark":
        sim.mark(market, _rule(building, oracle), every_ms=_mark_every_ms(oracle), lag_ms=oracle.lag)
        return
    options: dict[str, Any] = {"combine": oracle.combine, "sample_every_ms": oracle.sample_every}
    options |= {"outlier": oracle.outlier, "clamp": oracle.clamp, "deviation": oracle.deviation}
    if oracle.floor is not None:
        options["floor"] = oracle.floor
    declare = sim.index if oracle.kind == "index" else sim.oracle
    declare(
        market,
        _sources(building, oracle),
        every_ms=oracle.every,
        lag_ms=oracle.lag,
        heartbeat_ms=oracle.heartbeat,
        **options,
    )


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
