"""What an index, oracle or mark is made of, as people say it: sources and rules (P-9 .. P-12).

Stands on `engine.units`. Sources and rules are frozen values; `Simulation.index`, `.oracle` and `.mark` take them. Each
source is written in the ticks of its own market; the ratio to the publishing market's ticks is worked out exactly.

::

    Mid(spot, weight=2), Twap(other, window_ms=60_000), ConversionRate("1.08", IndexOf(eth))   -> index, oracle
    Median(), Binance(), Bybit(), Hyperliquid([Mid(perp, 3), ...])                             -> mark
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.units import Amount, Grid, exact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.simulation import Market

__all__ = [
    "Binance",
    "Bybit",
    "ConversionRate",
    "Fixed",
    "Hyperliquid",
    "IndexOf",
    "Last",
    "MarkRule",
    "Median",
    "Mid",
    "OracleOf",
    "Path",
    "Series",
    "Source",
    "Twap",
    "conversion_rate",
    "core_sources",
    "own_book",
    "redemption",
]

DAY_MS = 86_400_000
RATIO_MOST = 2**31 - 1
_PPB = Grid("0.000000001")


# ---- sources ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mid:
    """Take a market's mid, while it has one.

    Parameters
    ----------
    market : Market
        A market.
    weight : int
        Share in mean and median, 1 to 10^6.
    stale_ms : int, optional
        How long a mid that vanished still counts, ms; not at all by default.
    times : Mid, Last, IndexOf or OracleOf, optional
        Factor, such as the price of the asset in which the market quotes. With one there is no staleness limit by
        default, for the older of the two counts.
    """

    market: Market
    weight: int = 1
    stale_ms: int | None = None
    times: Series | None = None


@dataclass(frozen=True)
class Last:
    """Take a market's last price; `stale_ms` is its greatest age, without limit by default."""

    market: Market
    weight: int = 1
    stale_ms: int | None = None
    times: Series | None = None


@dataclass(frozen=True)
class IndexOf:
    """Take a market's published index; `stale_ms` is its greatest age, without limit by default."""

    market: Market
    weight: int = 1
    stale_ms: int | None = None
    times: Series | None = None


@dataclass(frozen=True)
class OracleOf:
    """Take a market's published oracle; `stale_ms` is its greatest age, without limit by default."""

    market: Market
    weight: int = 1
    stale_ms: int | None = None
    times: Series | None = None


Series = Mid | Last | IndexOf | OracleOf
"""A price that a market has; of a factor only kind and market count."""


@dataclass(frozen=True)
class Twap:
    """Take the mean of a market's mid over a window, ms; sampled as often as `sample_every_ms` of the index says."""

    market: Market
    window_ms: int
    weight: int = 1
    stale_ms: int | None = None
    times: Series | None = None


@dataclass(frozen=True)
class Path:
    """Take an outside path: a price in the publishing market's units holds from its time on.

    Parameters
    ----------
    times_ms : iterable of int
        Times, ms, that never fall.
    prices : iterable of Amount
        A price for each.
    weight : int
        Share in mean and median.
    stale_ms : int, optional
        How long a price counts, ms; without limit by default.
    """

    times_ms: Sequence[int]
    prices: Sequence[Amount]
    weight: int = 1
    stale_ms: int | None = None


@dataclass(frozen=True)
class ConversionRate:
    """Take a conversion rate times a price: liquid staking, redemption.

    Parameters
    ----------
    rate : Amount
        Units of what `of` prices for one unit of this market's asset, now; up to nine digits.
    of : Mid, Last, IndexOf or OracleOf, optional
        The price; left out, the rate itself is one in the publishing market's units.
    weight : int
        Share in mean and median.
    growth : Amount
        Share of the rate that each interval adds to it, from 0 to 1 in steps of 10^-9 (linear, no interest on it).
    growth_every_ms : int
        The interval, ms; a day by default.
    stale_ms : int, optional
        Greatest age of the price, ms; without limit by default.
    """

    rate: Amount
    of: Series | None = None
    weight: int = 1
    growth: Amount = 0
    growth_every_ms: int = DAY_MS
    stale_ms: int | None = None


@dataclass(frozen=True)
class Fixed:
    """Take a price that never changes, in the publishing market's units."""

    price: Amount
    weight: int = 1


Source = Series | Twap | Path | ConversionRate | Fixed
_KINDS = {Mid: "mid", Last: "last", IndexOf: "index", OracleOf: "oracle"}


def own_book(market: Market, *, cross: Market | None = None, base: Series | None = None) -> tuple[Source, ...]:
    """Return the sources of an index that rests on the venue's own books, as on 10 October 2025.

    Parameters
    ----------
    market : Market
        Its book, such as USDE/USDT or WBETH/USDT.
    cross, base : Market, and Mid, Last, IndexOf or OracleOf, optional
        A second book in another asset, such as WBETH/ETH, and that asset's price: 20 % own book, 80 % cross x base.

    Notes
    -----
    Binance, notice of 6 October 2025 on the WBETHUSDT and BNSOLUSDT price indexes (for BNSOLUSDT 30 % and 70 %).
    """
    if cross is None or base is None:
        return (Mid(market),)
    return (Mid(market, 20), Mid(cross, 80, times=base))


def conversion_rate(rate: Amount, of: Series, *, growth: Amount = 0) -> tuple[Source, ...]:
    """Return the source of an index that rests on a staking conversion rate: the fix for WBETH and BNSOL."""
    return (ConversionRate(rate, of, growth=growth),)


def redemption(market: Market, price: Amount, *, weight: int = 1, own_weight: int = 1) -> tuple[Source, ...]:
    """Return the own book and a redemption price: the fix for USDe. Give the index a `floor` beside it."""
    return (Mid(market, own_weight), Fixed(price, weight))


# ---- marks -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Median:
    """Mark with the median of index, own mid and own last (P-3)."""

    EVERY_MS = 1_000

    def core(self, _: Market) -> dict[str, Any]:
        """Return the options of `World.add_mark`."""
        return {"rule": "median"}


@dataclass(frozen=True)
class Binance:
    """Mark as Binance USD-M does: median of index with funding, index with its mean basis, and last (P-9).

    Parameters
    ----------
    window : int
        Samples of the basis; 30 since 18 September 2025 and before.
    sample_every_ms : int
        Their cadence; 1 s since that day, 5 s before.
    """

    window: int = 30
    sample_every_ms: int = 1_000
    EVERY_MS = 1_000

    def core(self, _: Market) -> dict[str, Any]:
        """Return the options of `World.add_mark`."""
        return {"rule": "basis", "window": self.window, "sample_every_ms": self.sample_every_ms}


@dataclass(frozen=True)
class Bybit:
    """Mark as Bybit does: like Binance, five minutes of basis and the funding spread over eight hours (P-9)."""

    window: int = 300
    sample_every_ms: int = 1_000
    interval_ms: int = 28_800_000
    EVERY_MS = 1_000

    def core(self, _: Market) -> dict[str, Any]:
        """Return the options of `World.add_mark`."""
        return {
            "rule": "basis",
            "window": self.window,
            "sample_every_ms": self.sample_every_ms,
            "interval_ms": self.interval_ms,
        }


@dataclass(frozen=True)
class Hyperliquid:
    """Mark as Hyperliquid does: oracle with average basis, own touch, and other venues' perpetuals (P-10).

    Parameters
    ----------
    others : sequence of Source
        The other perpetuals with their weights: Binance 3, OKX 2, Bybit 2, Gate 1, MEXC 1.
    basis_tau_ms, touch_tau_ms : int
        Time constants, ms.
    """

    others: Sequence[Source] = ()
    basis_tau_ms: int = 150_000
    touch_tau_ms: int = 30_000
    EVERY_MS = 3_000

    def core(self, market: Market) -> dict[str, Any]:
        """Return the options of `World.add_mark`."""
        return {
            "rule": "hyperliquid",
            "basis_tau_ms": self.basis_tau_ms,
            "touch_tau_ms": self.touch_tau_ms,
            "source": core_sources(self.others, market) if self.others else (),
        }


MarkRule = Median | Binance | Bybit | Hyperliquid


# ---- for the core ----------------------------------------------------------------------------------------------------


def core_sources(sources: Source | Iterable[Source] | Market, own: Market) -> list[dict[str, Any]]:
    """Return sources as `World.add_index` takes them.

    Parameters
    ----------
    sources : Source, Market or iterable of Source
        A market stands for its mid.
    own : Market
        The one whose price is published: prices become its ticks.

    Raises
    ------
    InputError
        What is no source, a price off the grid, or ticks that are too far apart; it names the source.
    """
    if isinstance(sources, Source):
        sources = (sources,)
    elif not isinstance(sources, Iterable):
        sources = (Mid(sources),)
    return [_core_source(each, own, f"sources[{place}]") for place, each in enumerate(sources)]


def _core_source(source: Source, own: Market, field: str) -> dict[str, Any]:
    tick = Fraction(own.price.step)
    if isinstance(source, Path):
        return _core_path(source, own, field)
    if isinstance(source, Fixed):
        return {"kind": "fixed", "ticks": own.ticks(source.price, f"{field}.price"), "weight": source.weight}
    if isinstance(source, ConversionRate):
        return _core_rate(source, tick, field)
    if not isinstance(source, Series | Twap):
        raise InputError(field, "a source such as Mid(market)", source)
    ratio = Fraction(source.market.price.step) / tick
    if isinstance(source, Twap):
        given = {"kind": "twap", "window_ms": source.window_ms}
    else:
        given = {"kind": _KINDS[type(source)]}
    given |= {"market": source.market.number, "weight": source.weight}
    if source.times is not None:
        ratio *= Fraction(source.times.market.price.step)
        given["factor"] = (_KINDS[type(source.times)], source.times.market.number)
    return given | _ratio(ratio, field) | _stale(source.stale_ms)


def _core_path(source: Path, own: Market, field: str) -> dict[str, Any]:
    ticks = array("q", [own.ticks(price, f"{field}.prices") for price in source.prices])
    columns = {"time_ms": array("q", source.times_ms), "price_ticks": ticks}
    return {"kind": "path", "weight": source.weight, **columns, **_stale(source.stale_ms)}


def _core_rate(source: ConversionRate, tick: Fraction, field: str) -> dict[str, Any]:
    rate = Fraction(exact(source.rate, f"{field}.rate"))
    if rate <= 0:
        raise InputError(f"{field}.rate", "a positive rate", source.rate)
    if source.of is None:
        given: dict[str, Any] = {"kind": "fixed", "ticks": 1}
    else:
        given = {"kind": _KINDS[type(source.of)], "market": source.of.market.number}
        rate *= Fraction(source.of.market.price.step)
    growth = _PPB.count(source.growth, f"{field}.growth")
    if growth:
        given |= {"growth_ppb": growth, "growth_every_ms": source.growth_every_ms}
    return given | {"weight": source.weight} | _ratio(rate / tick, field) | _stale(source.stale_ms)


def _ratio(ratio: Fraction, field: str) -> dict[str, int]:
    if max(ratio.numerator, ratio.denominator) > RATIO_MOST:
        raise InputError(field, f"a ratio of ticks with numerator and denominator up to {RATIO_MOST}", ratio)
    return {"numerator": ratio.numerator, "denominator": ratio.denominator}


def _stale(stale_ms: int | None) -> dict[str, int]:
    return {} if stale_ms is None else {"stale_ms": stale_ms}
