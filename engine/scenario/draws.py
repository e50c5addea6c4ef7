"""Draws of a scenario: a parameter for each member of a population, and the order of what arrives shuffled.

Keyed like every draw (R-2, R-5): a population's draws depend on the seed, its name, the member and the parameter's
place.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Any

import numpy as np

from engine import _core
from engine.errors import InputError
from engine.scenario.laws import Choice, Exponential, Integers, Law, Lognormal, Pareto, Uniform

__all__ = ["draw", "draw_column", "shuffled"]

SHUFFLE_PURPOSE = 1
Array = np.ndarray[Any, Any]


def _number(value: object) -> float:
    return float(getattr(value, "number", value))  # type: ignore[arg-type]


def draw(law: Law, seed: int, population: str, count: int, k: int) -> list[Any]:
    """Draw one number of a law for each member of a population (R-5).

    Parameters
    ----------
    law : Law
        With its arguments read.
    seed, population, count, k
        As for the core's `draw_law`.

    Returns
    -------
    list
        Floats; of a choice, its values.

    Examples
    --------
    >>> from engine.scenario.laws import integers
    >>> from engine.scenario.quantities import NUMBER
    >>> draw(integers(3, 6).in_units(NUMBER), 1, "loopers", 4, 0)
    [5.0, 5.0, 3.0, 3.0]
    """

    def drawn(name: str, first: object, second: object) -> list[float]:
        return _core.draw_law(name, _number(first), _number(second), seed, population, count, k)

    if isinstance(law, Lognormal):
        values = drawn("lognormal", law.median, law.sigma)
    elif isinstance(law, Pareto):
        values = drawn("pareto", law.min, law.alpha)
    elif isinstance(law, Exponential):
        values = drawn("exponential", law.mean, 0.0)
    elif isinstance(law, Uniform):
        return drawn("uniform", law.low, law.high)
    elif isinstance(law, Integers):
        low, high = _number(law.low), _number(law.high)
        return [low + int(u * (high - low + 1)) for u in drawn("uniform", 0.0, 1.0)]
    elif isinstance(law, Choice):
        return _chosen(law, drawn("uniform", 0.0, 1.0))
    else:
        raise InputError("law", "a known law", law)
    return values if law.max is None else [min(value, _number(law.max)) for value in values]


def draw_column(law: Any, seed: int, population: str, count: int, k: int) -> Array:
    """Draw one number for each member as a column: the numbers of `draw`, for very many members.

    Parameters
    ----------
    law : Law or number
        With its arguments read; a number is everybody's.
    seed, population, count, k
        As for `draw`.

    Returns
    -------
    numpy.ndarray of float64, shape (count,)

    Examples
    --------
    >>> from engine.scenario.laws import integers
    >>> from engine.scenario.quantities import NUMBER
    >>> draw_column(integers(3, 6).in_units(NUMBER), 1, "loopers", 4, 0).tolist()
    [5.0, 5.0, 3.0, 3.0]
    """
    if not isinstance(law, Law):
        return np.full(count, _number(law))

    def drawn(name: str, first: object, second: object) -> Array:
        return _core.draw_column(name, _number(first), _number(second), seed, population, 0, count, k)["value"]

    if isinstance(law, Lognormal):
        values = drawn("lognormal", law.median, law.sigma)
    elif isinstance(law, Pareto):
        values = drawn("pareto", law.min, law.alpha)
    elif isinstance(law, Exponential):
        values = drawn("exponential", law.mean, 0.0)
    elif isinstance(law, Uniform):
        return drawn("uniform", law.low, law.high)
    elif isinstance(law, Integers):
        low, high = _number(law.low), _number(law.high)
        whole: Array = low + np.floor(drawn("uniform", 0.0, 1.0) * (high - low + 1))
        return whole
    elif isinstance(law, Choice):
        shares = np.array(list(accumulate(law.weights or [1.0] * len(law.values))))
        places = np.searchsorted(shares, drawn("uniform", 0.0, 1.0) * shares[-1], side="right")
        found: Array = np.array([_number(value) for value in law.values])[np.minimum(places, len(law.values) - 1)]
        return found
    else:
        raise InputError("law", "a known law", law)
    capped: Array = values if law.max is None else np.minimum(values, _number(law.max))
    return capped


def _chosen(law: Choice, uniforms: list[float]) -> list[Any]:
    shares = list(accumulate(law.weights or [1.0] * len(law.values)))
    last = len(law.values) - 1
    return [law.values[min(last, bisect_right(shares, u * shares[-1]))] for u in uniforms]


def shuffled(seed: int, count: int, name: str) -> list[int]:
    """Return 0 .. count - 1 in an order drawn by the seed, keyed like every other draw (R-2)."""
    keys = [_core.draw(seed, _core.member_key(name, i), SHUFFLE_PURPOSE, 0, 0) for i in range(count)]
    return sorted(range(count), key=keys.__getitem__)
