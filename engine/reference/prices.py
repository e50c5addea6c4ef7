"""Marks and indexes as readable classes that are fed with samples: rules P-3, P-5 .. P-13, P-16.

Stands on plain integers. None is "there is no such price". Whoever feeds it says what a market's prices were when the
rule looked, in phase 2: nothing here knows a market or a clock.

::

    mid - index  -> Window ---+
    index, rate, last --------+-> basis_mark ---> mark
    oracle, mid  -> Ema ------+
    bid, ask, last -> Ema ----+-> hyperliquid_mark
    price, factor -> Source --+-> IndexRule -> Sender -> index or oracle

Promises: the same words as the native kernels' for the same samples, to the last tick, without a line in common.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "PRICE_MOST",
    "Ema",
    "IndexRule",
    "Sender",
    "Source",
    "Window",
    "basis_mark",
    "decay_ppb",
    "funded_index",
    "hyperliquid_mark",
    "is_out",
    "median",
    "weighted_median",
]

PRICE_MOST = 2**31 - 1  # P-5
GROWTH_MOST = 7  # P-11
OUTLIERS_FROM = 3  # P-12
PPM, PPB = 10**6, 10**9
NS_PER_MS = 10**6
EMA_TAUS = 22
_DIGITS = Context(prec=60, rounding=ROUND_HALF_UP)


# ---- medians ---------------------------------------------------------------------------------------------------------


def weighted_median(readings: Iterable[tuple[int | None, int]]) -> int | None:
    """Return the least value that has half of the weight or more at or below it (P-6).

    Parameters
    ----------
    readings : iterable of (ticks, weight)
        Ticks None is left out.

    Returns
    -------
    int or None
        None if there is nothing. O(n log n).

    Examples
    --------
    >>> weighted_median([(100, 3), (90, 2), (120, 1)])
    100
    >>> weighted_median([(100, 1), (None, 5), (90, 1)])
    90
    """
    there = sorted((ticks, weight) for ticks, weight in readings if ticks is not None)
    below, total = 0, sum(weight for _, weight in there)
    for ticks, weight in there:
        below += weight
        if 2 * below >= total:
            return ticks
    return None


def median(*values: int | None) -> int | None:
    """Return the median of those that exist, of an even number the lower one (P-6); of index, mid, last it is P-3."""
    return weighted_median((value, 1) for value in values)


def _held(ticks: int | None) -> int | None:
    """Hold a computed mark within what may be published (P-5)."""
    return None if ticks is None else min(max(ticks, 1), PRICE_MOST)


# ---- averages --------------------------------------------------------------------------------------------------------


class Window:
    """Hold the last samples; their mean is rounded down (P-7).

    Examples
    --------
    >>> window = Window(2)
    >>> for sample in (-3, -4, -5):
    ...     window.add(sample)
    >>> window.mean()  # -4.5
    -5
    """

    def __init__(self, length: int) -> None:
        self.samples: deque[int] = deque(maxlen=length)

    def add(self, sample: int | None) -> None:
        """Add a sample; what does not exist adds none."""
        if sample is not None:
            self.samples.append(sample)

    def mean(self) -> int | None:
        """Return the mean of the samples, None without any."""
        return floor(Fraction(sum(self.samples), len(self.samples))) if self.samples else None


def decay_ppb(dt_ms: int, tau_ms: int) -> int:
    """Return exp(-dt / tau) in 10^-9, rounded half up; 0 from 22 tau on (P-8).

    Examples
    --------
    >>> decay_ppb(3_000, 150_000), decay_ppb(6_000, 150_000)
    (980198673, 960789439)
    """
    if dt_ms >= EMA_TAUS * tau_ms:
        return 0
    exponent = _DIGITS.divide(Decimal(-dt_ms), Decimal(tau_ms))
    return int((_DIGITS.exp(exponent) * PPB).quantize(Decimal(1), rounding=ROUND_HALF_UP))


@dataclass
class Ema:
    """Average samples at uneven times, exponentially (P-8).

    Parameters
    ----------
    tau_ms : int
        Time constant, ms.
    first_ms : int
        How long before the first sample another one is thought to be, ms.
    """

    tau_ms: int
    first_ms: int
    weighted: int = 0  # sum of sample x weight, ticks x ns
    weight: int = 0  # ns
    sampled_ms: int = 0

    def add(self, sample: int | None, now_ms: int) -> None:
        """Add a sample; what does not exist adds none."""
        if sample is None:
            return
        dt_ms = min(now_ms - self.sampled_ms if self.weight else self.first_ms, EMA_TAUS * self.tau_ms)
        decay, weight = decay_ppb(dt_ms, self.tau_ms), dt_ms * NS_PER_MS
        self.weighted = floor(Fraction(self.weighted * decay, PPB)) + sample * weight
        self.weight = floor(Fraction(self.weight * decay, PPB)) + weight
        self.sampled_ms = now_ms

    def value(self) -> int | None:
        """Return the average, rounded half up; None without a sample."""
        return floor(Fraction(self.weighted, self.weight) + Fraction(1, 2)) if self.weight else None


# ---- marks -----------------------------------------------------------------------------------------------------------


def funded_index(index: int | None, rate_ppb: int, left_ms: int, interval_ms: int) -> int | None:
    """Return the index with what is left to pay of the last funding rate, rounded down (P-9).

    Parameters
    ----------
    index : int or None
        Ticks.
    rate_ppb : int
        Rate of an interval.
    left_ms, interval_ms : int
        Time to the next funding, and between two; an interval of 0 means that there is none.

    Examples
    --------
    106,000 in ticks of 0.01, -0.0300 %, 2.5 of 8 hours left.

    >>> funded_index(10_600_000, -300_000, 9_000_000, 28_800_000)
    10599006
    """
    if index is None or interval_ms == 0:
        return index
    left = min(max(left_ms, 0), interval_ms)
    return index + floor(Fraction(index * rate_ppb * left, interval_ms * PPB))


def basis_mark(funded: int | None, index: int | None, mean_basis: int | None, last: int | None) -> int | None:
    """Return the mark of rule "basis": median of P1, P2 and last (P-9).

    Examples
    --------
    In ticks of 0.01: P1 105,990.06, P2 = 106,000 - 850, last 103,900.

    >>> basis_mark(10_599_006, 10_600_000, -85_000, 10_390_000)
    10515000
    """
    with_basis = None if index is None or mean_basis is None else index + mean_basis
    return _held(median(funded, with_basis, last))


def hyperliquid_mark(
    oracle: int | None,
    mean_basis: int | None,
    touch: int | None,
    others: Sequence[tuple[int | None, int]],
    mean_touch: int | None,
) -> int | None:
    """Return the mark of rule "hyperliquid" (P-10).

    Parameters
    ----------
    oracle, mean_basis : int or None
        Oracle, and average of mid - oracle.
    touch, mean_touch : int or None
        Median of bid, ask and last, and its average.
    others : sequence of (ticks, weight)
        Other perpetuals.

    Examples
    --------
    107,500 - 900, the book's 104,800, the other venues' 106,200.

    >>> hyperliquid_mark(107_500, -900, 104_800, [(106_200, 3)], 105_000)
    106200
    """
    with_basis = None if oracle is None or mean_basis is None else oracle + mean_basis
    components = [with_basis, touch, weighted_median(others)]
    if components.count(None) == 1:
        components.append(mean_touch)
    return _held(median(*components))


# ---- indexes ---------------------------------------------------------------------------------------------------------


@dataclass
class Source:
    """Be one source: price x factor x ratio x growth, with an age (P-11).

    Parameters
    ----------
    weight : int
        Share in mean and median.
    numerator, denominator : int
        Ratio to the publishing market's ticks.
    growth_ppb, growth_every_ms, growth_from_ms : int
        How the ratio grows; every 0 is not at all.
    stale_ms : int or None
        Older values are left out; None is no limit.
    """

    weight: int = 1
    numerator: int = 1
    denominator: int = 1
    growth_ppb: int = 0
    growth_every_ms: int = 0
    growth_from_ms: int = 0
    stale_ms: int | None = None
    seen: int | None = None  # last product that was there
    seen_ms: int = 0  # of when it is

    def look(
        self, now_ms: int, price: int | None, age_ms: int = 0, factor: int | None = 1, factor_age_ms: int = 0
    ) -> None:
        """Tell it what price and factor are now and how old."""
        if price is not None and factor is not None:
            self.seen, self.seen_ms = price * factor, now_ms - max(age_ms, factor_age_ms)

    def growth(self, now_ms: int) -> Fraction:
        """Return what the ratio is multiplied with now."""
        if self.growth_every_ms == 0 or now_ms < self.growth_from_ms:
            return Fraction(1)
        intervals = floor(Fraction(now_ms - self.growth_from_ms, self.growth_every_ms))
        return 1 + min(Fraction(GROWTH_MOST), Fraction(self.growth_ppb * intervals, PPB))

    def read(self, now_ms: int) -> int | None:
        """Return its value now, None if it is stale or no price."""
        if self.seen is None or (self.stale_ms is not None and now_ms - self.seen_ms > self.stale_ms):
            return None
        value = floor(self.seen * Fraction(self.numerator, self.denominator) * self.growth(now_ms))
        return value if 1 <= value <= PRICE_MOST else None


@dataclass
class IndexRule:
    """Make one value of several readings (P-12).

    Parameters
    ----------
    is_median : bool
        Weighted median instead of mean.
    outlier_ppm, clamp_ppm : int
        Bounds, 0 for none.
    floor_ticks : int
        Least value.

    Examples
    --------
    >>> rule = IndexRule(outlier_ppm=50_000)
    >>> rule.value([(100, 1), (101, 1), (140, 1)], sent=None)  # 140 is left out
    100
    """

    is_median: bool = False
    outlier_ppm: int = 0
    clamp_ppm: int = 0
    floor_ticks: int = 1

    def value(self, readings: Sequence[tuple[int | None, int]], sent: int | None) -> int | None:
        """Return the value; `sent` is what this oracle published, or sent on its way, before."""
        there = [(ticks, weight) for ticks, weight in readings if ticks is not None]
        if not there:
            return None
        raw = self._combined(there)
        if self.clamp_ppm and sent is not None:
            step = max(1, floor(Fraction(sent * self.clamp_ppm, PPM)))
            raw = min(max(raw, sent - step), sent + step)
        return min(max(raw, self.floor_ticks, 1), PRICE_MOST)

    def _combined(self, there: list[tuple[int, int]]) -> int:
        middle = median(*(ticks for ticks, _ in there))
        assert middle is not None
        if self.outlier_ppm and len(there) >= OUTLIERS_FROM:
            near = [each for each in there if abs(each[0] - middle) * PPM <= self.outlier_ppm * middle]
            if len(near) < len(there) - 1:
                return middle
            there = near
        if self.is_median:
            found = weighted_median(there)
            assert found is not None
            return found
        return floor(Fraction(sum(ticks * weight for ticks, weight in there), sum(weight for _, weight in there)))


@dataclass
class Sender:
    """Decide which samples are published, and remember the last one (P-13)."""

    deviation_ppm: int = 0
    heartbeat_ms: int = 0
    sent: int | None = None
    sent_ms: int = field(default=0)

    def send(self, ticks: int | None, now_ms: int) -> bool:
        """Tell whether a sample is published; if so it is the last one sent."""
        if ticks is None or not self._is_worth(ticks, now_ms):
            return False
        self.sent, self.sent_ms = ticks, now_ms
        return True

    def _is_worth(self, ticks: int, now_ms: int) -> bool:
        if self.sent is None or self.deviation_ppm == 0:
            return True
        is_old = bool(self.heartbeat_ms) and now_ms - self.sent_ms >= self.heartbeat_ms
        return is_old or abs(ticks - self.sent) * PPM >= self.deviation_ppm * self.sent


def is_out(outages: Iterable[tuple[int, int]], now_ms: int) -> bool:
    """Tell whether an oracle is in an outage, and takes no sample of anything (P-16).

    Examples
    --------
    >>> [is_out([(10, 20), (20, 21), (30, 40)], now_ms) for now_ms in (9, 10, 20, 21, 30, 40)]
    [False, True, True, False, True, False]
    """
    return any(from_ms <= now_ms < to_ms for from_ms, to_ms in outages)
