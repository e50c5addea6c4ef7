"""What the laws are judged with: distances between distributions, standard errors, tails.

Stands on numpy. Small and exact on purpose; SciPy is no dependency.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.intervals import crossing

if TYPE_CHECKING:
    from array import array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KS_CRITICAL = 1.63
"""Kolmogorov-Smirnov: ``sqrt(n) * distance`` exceeds this with probability 0.01."""

BATCHES = 50
"""Equal stretches for batch means."""

CELL_MIN = 5.0
"""Chi-square: cells are joined until each is expected to hold this many."""


def as_ints(column: array[int]) -> Ints:
    """View a column that a handler has filled as an array; the column can grow no more while the view lives."""
    return np.frombuffer(column, dtype=np.int64)


def ks_distance(probabilities: Floats) -> float:
    """Measure the largest gap between a sample and its law.

    Parameters
    ----------
    probabilities : array of float64, shape (n,)
        The law's distribution function at each observation, in any order; uniform if the law holds.

    Returns
    -------
    float
        Kolmogorov-Smirnov distance, 0 .. 1; 1 for an empty sample.

    Notes
    -----
    O(n log n).

    Examples
    --------
    >>> ks_distance(np.array([0.25, 0.75]))
    0.25
    """
    count = len(probabilities)
    if count == 0:
        return 1.0
    ordered = np.sort(probabilities)
    rank = np.arange(count)
    above = float(np.max((rank + 1) / count - ordered))
    below = float(np.max(ordered - rank / count))
    return max(above, below)


def ks_exponential(gaps: Floats, rate: float) -> float:
    """Measure the distance of gaps from the exponential law of a rate.

    Parameters
    ----------
    gaps : array of float64, shape (n,)
        Not negative.
    rate : float
        Per unit of the gaps.

    Returns
    -------
    float
        Kolmogorov-Smirnov distance.
    """
    return ks_distance(-np.expm1(-rate * gaps))


def chi_square_tail(statistic: float, degrees: int) -> float:
    """Return P(chi-square of `degrees` >= statistic), by the finite sums for whole and half orders.

    Parameters
    ----------
    statistic : float
        Not negative.
    degrees : int
        At least 1.

    Returns
    -------
    float

    Notes
    -----
    O(degrees). Source: Abramowitz and Stegun 26.4.4, 26.4.5.

    Examples
    --------
    >>> round(chi_square_tail(3.841459, 1), 6), round(chi_square_tail(18.307038, 10), 6)
    (0.05, 0.05)
    """
    half = 0.5 * statistic
    if half <= 0.0:
        return 1.0
    if degrees % 2 == 0:
        logs = [k * math.log(half) - half - math.lgamma(k + 1.0) for k in range(degrees // 2)]
        return min(1.0, math.fsum(map(math.exp, logs)))
    logs = [(k - 0.5) * math.log(half) - half - math.lgamma(k + 0.5) for k in range(1, degrees // 2 + 1)]
    return min(1.0, math.erfc(math.sqrt(half)) + math.fsum(map(math.exp, logs)))


def chi_square_critical(tail: float, degrees: int) -> float:
    """Return the statistic that is exceeded with probability `tail`.

    Examples
    --------
    >>> round(chi_square_critical(0.001, 5), 3)
    20.515
    """
    return crossing(lambda statistic: chi_square_tail(statistic, degrees) > tail)


def chi_square(counts: Ints, probabilities: Floats) -> tuple[float, int]:
    """Compare counts with a law on 0, 1, 2, ...

    Parameters
    ----------
    counts : array of int64, shape (m,)
        How often each value came; the last cell holds that value *and all above*.
    probabilities : array of float64, shape (m,)
        The law's shares of the same cells, adding up to 1.

    Returns
    -------
    tuple of float and int
        Pearson's statistic and its degrees of freedom. Neighbouring cells are joined until each expects `CELL_MIN`.

    Raises
    ------
    InputError
        Fewer than two cells can be made.
    """
    total = int(counts.sum())
    cells: list[list[float]] = []
    seen = expected = 0.0
    for count, share in zip(counts.tolist(), probabilities.tolist(), strict=True):
        seen, expected = seen + count, expected + share * total
        if expected >= CELL_MIN:
            cells.append([seen, expected])
            seen = expected = 0.0
    if cells:
        cells[-1][0] += seen
        cells[-1][1] += expected
    if len(cells) < 2:
        raise InputError("counts", f"enough for two cells of {CELL_MIN:g}", f"{total} observations")
    return math.fsum((seen - expected) ** 2 / expected for seen, expected in cells), len(cells) - 1


def batch_means(values: Floats, batches: int) -> tuple[float, float]:
    """Return the mean of a correlated series and its standard error, by the means of equal stretches.

    Parameters
    ----------
    values : array of float64, shape (n,)
        In order of time; what does not fill the last stretch is left out.
    batches : int
        Number of stretches, at least 2.

    Returns
    -------
    tuple of float
        Mean and standard error.

    Examples
    --------
    >>> batch_means(np.array([1.0, 1.0, 3.0, 3.0]), 2)
    (2.0, 1.0)
    """
    size = len(values) // batches
    means = values[: size * batches].reshape(batches, size).mean(axis=1)
    return float(means.mean()), float(means.std(ddof=1) / math.sqrt(batches))


def share_error(share: float, count: int) -> float:
    """Return the standard error of the share of `count` independent trials.

    Examples
    --------
    >>> share_error(0.5, 100)
    0.05
    """
    return math.sqrt(share * (1.0 - share) / count)


def time_area(change_ms: Ints, after: Ints, from_ms: int, until_ms: int) -> int:
    """Integrate a step path over time, exactly.

    Parameters
    ----------
    change_ms : array of int64, shape (n,)
        When the path changed, ascending; before the first change it is 0.
    after : array of int64, shape (n,)
        Its value from then on; of several in one millisecond the last holds.
    from_ms, until_ms : int
        The window, ms.

    Returns
    -------
    int
        Value times milliseconds.

    Examples
    --------
    >>> time_area(np.array([10, 20]), np.array([1, 3]), 0, 30)
    40
    """
    starts = np.clip(change_ms, from_ms, until_ms)
    lengths = np.diff(starts, append=until_ms)
    return int(np.dot(after, lengths))


def fano_factor(times_ms: Ints, window_ms: int, from_ms: int, until_ms: int) -> tuple[float, int]:
    """Return variance over mean of the counts in windows that follow one another.

    Parameters
    ----------
    times_ms : array of int64, shape (n,)
        Arrivals, ascending.
    window_ms : int
        Length of a window, ms.
    from_ms, until_ms : int
        Where the first begins and the last must have ended.

    Returns
    -------
    tuple of float and int
        The Fano factor (NaN without an arrival) and the number of windows.

    Examples
    --------
    >>> fano_factor(np.array([0, 1, 12, 13, 14, 15]), 10, 0, 20)
    (0.6666666666666666, 2)
    """
    windows = (until_ms - from_ms) // window_ms
    edges = from_ms + window_ms * np.arange(windows + 1)
    counts = np.diff(np.searchsorted(times_ms, edges))
    if windows < 2 or counts.sum() == 0:
        return math.nan, int(windows)
    return float(counts.var(ddof=1) / counts.mean()), int(windows)
