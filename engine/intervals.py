"""Intervals of paired runs: Student's law by hand, and what a change did to the same seeds.

Stands on numpy. SciPy is no dependency.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Difference", "crossing", "paired_difference", "student_quantile", "student_within"]

LEVEL = 0.95
"""Share of the paired intervals that cover the true difference, if differences are normal."""


def student_within(t: float, degrees: int) -> float:
    """Return P(|T| <= t) of Student's law, by the finite sums for odd and even degrees of freedom.

    Parameters
    ----------
    t : float
        Not negative.
    degrees : int
        At least 1.

    Returns
    -------
    float

    Notes
    -----
    O(degrees). Source: Abramowitz and Stegun 26.7.3, 26.7.4.

    Examples
    --------
    >>> round(student_within(1.0, 1), 6), round(student_within(4.302653, 2), 6)
    (0.5, 0.95)
    """
    angle = math.atan2(t, math.sqrt(degrees))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = degrees % 2
    term, total = 1.0, 0.0
    # Powers of the cosine up to degrees - 2; of odd degrees the first one is 1, their factors are 2/3, 4/5, ...
    for k in range(degrees // 2):
        total += term
        term *= square * (2 * k + 1 + odd) / (2 * k + 2 + odd)
    if not odd:
        return sine * total
    return 2.0 / math.pi * (angle + sine * math.cos(angle) * total)


def student_quantile(level: float, degrees: int) -> float:
    """Return the t that Student's law stays within, both ways, with probability `level`.

    Parameters
    ----------
    level : float
        Above 0, below 1.
    degrees : int
        At least 1.

    Returns
    -------
    float

    Raises
    ------
    InputError
        A level or degrees outside their ranges.

    Notes
    -----
    Bisection to the last bit.

    Examples
    --------
    >>> round(student_quantile(0.95, 31), 4)
    2.0395
    """
    if not 0 < level < 1:
        raise InputError("level", "above 0 and below 1", level)
    if degrees < 1:
        raise InputError("degrees", "at least 1", degrees)
    return crossing(lambda t: student_within(t, degrees) < level)


def crossing(is_below: Callable[[float], bool]) -> float:
    """Return the number from 0 on at which a condition ceases to hold, by bisection to the last bit.

    Examples
    --------
    >>> crossing(lambda x: x * x < 9.0)
    3.0
    """
    low, high = 0.0, 1.0
    while is_below(high):
        high *= 2.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return 0.5 * (low + high)


@dataclass(frozen=True)
class Difference:
    """What a change did to the same seeds.

    Parameters
    ----------
    pairs : int
        Seeds in which both runs could tell.
    base, changed : float or None
        Means over the pairs, without the change and with it; None without a pair.
    mean : float or None
        Mean of ``changed - base`` over the pairs.
    low, high : float or None
        95 % interval of that mean (Student, on the pairs); None with fewer than two.
    same_sign : float or None
        Share of the pairs whose difference has the sign of the mean; of a mean of 0, those without a difference.
    """

    pairs: int
    base: float | None
    changed: float | None
    mean: float | None
    low: float | None
    high: float | None
    same_sign: float | None

    @property
    def is_told(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "pairs": self.pairs,
            "base": self.base,
            "without": self.changed,
            "difference": self.mean,
            "low": self.low,
            "high": self.high,
            "same_sign": self.same_sign,
        }


def paired_difference(base: Sequence[float | None], changed: Sequence[float | None]) -> Difference:
    """Compare two runs of each seed.

    Parameters
    ----------
    base, changed : sequence of float or None
        The same seeds in the same order; None: the run could not tell, and the pair is left out.

    Returns
    -------
    Difference

    Examples
    --------
    >>> found = paired_difference([1.0, 2.0, 3.0, None], [2.0, 3.0, 4.5, 9.0])
    >>> found.pairs, round(found.mean, 4), round(found.low, 4), found.same_sign
    (3, 1.1667, 0.4496, 1.0)
    """
    pairs = [(one, two) for one, two in zip(base, changed, strict=True) if one is not None and two is not None]
    if not pairs:
        return Difference(0, None, None, None, None, None, None)
    before, after = np.array(pairs, dtype=np.float64).T
    moved = after - before
    mean, count = float(moved.mean()), len(pairs)
    sign = float((np.sign(moved) == np.sign(mean)).mean())
    low = high = None
    if count > 1:
        half = student_quantile(LEVEL, count - 1) * float(moved.std(ddof=1)) / math.sqrt(count)
        low, high = mean - half, mean + half
    return Difference(count, float(before.mean()), float(after.mean()), mean, low, high, sign)
