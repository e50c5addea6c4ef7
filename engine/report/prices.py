"""Prices and depth of the markets that the page shows: five series, five clocks, and what rests within 1 %.

Stands on `engine.report.view` and `series`. Each series is drawn from the finest table that was recorded; which one it
was is said on the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.report.series import Chart, Series, blocks, line
from engine.tables import NO_PRICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from engine.report.view import View
    from engine.simulation import Market

    Column = tuple[NDArray[Any], NDArray[Any]]  # times, counts

__all__ = ["price_and_depth"]

INDEX, MARK, ORACLE, LAST, MID = 1, 2, 3, 4, 5  # kinds of the table prices
PRICE_STYLES: dict[str, dict[str, Any]] = {
    "last trade": {"color": 0},
    "book mid": {"color": 1},
    "index": {"color": 2, "dash": "dash"},
    "oracle": {"color": 3, "dash": "dot"},
    "mark": {"color": 4},
}
PRICES_TOLD = (
    "Five series with five clocks: the last trade; the mid of best bid and best ask (a gap: one side of the book was "
    "empty); the index and the oracle, which others publish; the mark, which values positions and triggers "
    "liquidations (rules P-1 to P-15, G-3). A price stands until the next one."
)
DEPTH_TOLD = (
    "Quantity that rests within 1 % of the mid on each side, sampled; of the last price while one side is empty. Asks "
    "are drawn downwards."
)


class _Gathered:
    """Rows of the shown markets, from one pass over each table."""

    def __init__(self, view: View) -> None:
        self.view = view
        size = max(view.by_number, default=0) + 1
        self._is_shown = np.zeros(size, bool)
        self._is_shown[[market.number for market in view.markets]] = True
        self._pieces: dict[tuple[str, int], list[Column]] = {}

    def add(self, key: str, market: NDArray[Any], times: NDArray[Any], counts: NDArray[Any]) -> None:
        """Take the rows of shown markets from a piece of a table."""
        rows = np.flatnonzero(self._is_shown[market])
        numbers = market[rows]
        for number in np.unique(numbers).tolist():
            own = rows[numbers == number]
            self._pieces.setdefault((key, number), []).append((times[own], counts[own]))

    def get(self, key: str, market: Market) -> Column | None:
        """Return times and counts of a series; None without a row."""
        pieces = self._pieces.get((key, market.number))
        if pieces is None:
            return None
        times, counts = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        return times, counts


def _gather(view: View) -> tuple[_Gathered, dict[str, str]]:
    """Return the rows of all series, and from which table each was read."""
    found = _Gathered(view)
    sources = {"index": "prices", "oracle": "prices", "mark": "prices"}
    kinds = {INDEX: "index", ORACLE: "oracle", MARK: "mark", LAST: "last trade", MID: "book mid"}
    seen: set[str] = set()
    for market, kind, times, ticks in blocks(view.world.table("prices"), "market", "kind", "time_ms", "price_ticks"):
        for number, name in kinds.items():
            rows = kind == number
            if rows.any():
                seen.add(name)
                found.add(name, market[rows], times[rows], ticks[rows])
    sources["last trade"] = "prices" if "last trade" in seen else _gather_last(view, found)
    sources["book mid"] = "prices" if "book mid" in seen else _gather_mid(view, found)
    return found, sources


def _gather_last(view: View, found: _Gathered) -> str:
    """Take last prices from the trades, else from the samples; returns from where."""
    if view.is_recorded("trades"):
        for market, times, ticks in blocks(view.world.table("trades"), "market", "time_ms", "price_ticks"):
            found.add("last trade", market, times, ticks)
        return "trades"
    for market, times, ticks in blocks(view.world.table("samples"), "market", "time_ms", "last"):
        found.add("last trade", market, times, ticks)
    return "samples"


def _gather_mid(view: View, found: _Gathered) -> str:
    """Take mids, rounded down (P-1), from the quotes, else from the samples; returns from where."""
    name, bid_name, ask_name = "samples", "best_bid", "best_ask"
    if view.is_recorded("quotes"):
        name, bid_name, ask_name = "quotes", "bid_ticks", "ask_ticks"
    for market, times, bid, ask in blocks(view.world.table(name), "market", "time_ms", bid_name, ask_name):
        is_whole = (bid != NO_PRICE) & (ask != NO_PRICE)
        found.add("book mid", market, times, np.where(is_whole, (bid + ask) >> 1, NO_PRICE))
    return name


def _gather_depth(view: View, found: _Gathered) -> None:
    for market, times, bids, asks in blocks(
        view.world.table("samples"), "market", "time_ms", "bid_lots_1pct", "ask_lots_1pct"
    ):
        found.add("bids", market, times, bids)
        found.add("asks", market, times, -asks)


def price_and_depth(view: View, twin: View | None = None) -> Iterator[tuple[Market, Chart, Chart]]:
    """Yield each shown market with the chart of its prices and that of its depth.

    Parameters
    ----------
    view : View
        Whose markets.
    twin : View, optional
        The same markets in another part of the run: its last prices and bids are drawn thin behind.
    """
    found, sources = _gather(view)
    _gather_depth(view, found)
    calm = None
    if twin is not None:
        calm = _Gathered(twin)
        _gather_last(twin, calm)
        _gather_depth(twin, calm)
    for market in view.markets:
        prices = list(_price_series(market, found, calm))
        yield market, _price_chart(view, market, prices, sources), _depth_chart(market, found, calm)


def _price_series(market: Market, found: _Gathered, calm: _Gathered | None) -> Iterator[Series]:
    column = None if calm is None else calm.get("last trade", market)
    if calm is not None and column is not None:
        name, columns = f"last trade, {calm.view.part.name}", found.view.columns
        yield line(name, *column, columns=columns, step=market.price.step, color=5, shape="hv", thin=True)
    for name, style in PRICE_STYLES.items():
        column = found.get(name, market)
        if column is not None:
            yield line(name, *column, columns=found.view.columns, step=market.price.step, shape="hv", **style)


def _price_chart(view: View, market: Market, series: list[Series], sources: dict[str, str]) -> Chart:
    there = {each.name for each in series if each}
    told = [PRICES_TOLD]
    lacking = [name for name in PRICE_STYLES if name not in there]
    if lacking:
        told.append(f"Not drawn: {_lacking(view, lacking)}.")
    drawn = [f"{name} from {sources[name]}" for name in PRICE_STYLES if name in there]
    told.append(f"Read: {', '.join(drawn)}." if drawn else "")
    missing = "" if there else "no price was recorded: neither trades nor samples, and nothing was published"
    return Chart(
        "prices",
        f"Prices of {market.name}",
        market.quote.name,
        " ".join(told),
        series,
        missing=missing,
        options={"height": 420},
    )


def _lacking(view: View, names: list[str]) -> str:
    """Return why series are not there."""
    reasons = []
    published = [name for name in names if name in ("index", "oracle", "mark")]
    if published:
        reasons.append(f"{', '.join(published)} (nothing of that kind was published for this market)")
    if "book mid" in names:
        reasons.append(
            "book mid (no samples or quotes: record.samples_every is 0)"
            if not view.is_recorded("samples")
            else "book mid (the book never had two sides at a sample)"
        )
    if "last trade" in names:
        is_blind = not (view.is_recorded("trades") or view.is_recorded("samples"))
        reasons.append("last trade (record.trades is off)" if is_blind else "last trade (nothing was traded)")
    return "; ".join(reasons)


def _depth_chart(market: Market, found: _Gathered, calm: _Gathered | None) -> Chart:
    unit = market.base.name if market.base is not None else "contracts"
    wanted: list[tuple[str, _Gathered, dict[str, Any]]] = [("bids", found, {"color": 1}), ("asks", found, {"color": 0})]
    if calm is not None:
        wanted.append(("bids", calm, {"color": 5, "thin": True}))
    series = []
    for name, source, style in wanted:
        column = source.get(name, market)
        if column is not None:
            label = name if source is found else f"{name}, {source.view.part.name}"
            columns, step = found.view.columns, market.quantity.step
            series.append(line(label, *column, columns=columns, step=step, none=None, shape="hv", **style))
    missing = "" if any(series) else "no depth: record.samples_every is 0"
    return Chart("depth", f"Resting within 1 %, {market.name}", unit, DEPTH_TOLD, series, missing=missing)
