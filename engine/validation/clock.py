"""The clock of the laws: how long a unit of model time is, and what a millisecond clock costs.

Stands on numpy and `line`. One unit of model time is 10^6 ms; a gap is rounded half up to the millisecond. The bias of
a coarser clock is known exactly: an M/M/1 queue whose gaps and services are rounded exponentials is a queue on a
lattice of step h = 1 / ms_per_unit, and stays solvable, for a rounded exponential that passes a bound passes it by a
geometric number of steps. With A the gap and S the service in steps, z > 1 solves ``E z^(S - A) = 1``; the share that
waits is ``sigma = 1 - (1 - 1/z) / (1 - e^-(mu h))``, and ``P(wait >= k h) = sigma z^-(k - 1)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MS_PER_UNIT = 10**6
"""Milliseconds in one unit of model time."""

COARSE_MS_PER_UNIT = 10**3
"""A clock that is coarse enough to see what it costs."""


def to_ms(durations: NDArray[np.float64], ms_per_unit: int = MS_PER_UNIT) -> NDArray[np.int64]:
    """Round durations half up to the millisecond.

    Parameters
    ----------
    durations : array of float64, shape (n,)
        In units of model time.
    ms_per_unit : int
        The clock.

    Returns
    -------
    array of int64, shape (n,)
        Milliseconds.

    Examples
    --------
    >>> to_ms(np.array([0.0004, 0.0005, 1.0]), 1000).tolist()
    [0, 1, 1000]
    """
    return np.floor(durations * ms_per_unit + 0.5).astype(np.int64)


@dataclass(frozen=True)
class LatticeQueue:
    """The stationary M/M/1 queue of a millisecond clock; all shares and times exact."""

    waits: float  # P(wait > 0)
    waits_over_one: float  # P(wait > 1 unit)
    mean_wait: float  # units


def lattice_queue(arrival_rate: float, service_rate: float, ms_per_unit: int) -> LatticeQueue:
    """Solve M/M/1 on a lattice: gaps and services rounded half up to the millisecond.

    Parameters
    ----------
    arrival_rate, service_rate : float
        Per unit; the service is the faster.
    ms_per_unit : int
        The clock.

    Returns
    -------
    LatticeQueue

    Notes
    -----
    Bisection to the last bit of z. Source: ladder heights of the random walk of S - A (see the head of this file).

    Examples
    --------
    >>> fine = lattice_queue(0.5, 1.0, 10**6)
    >>> round(fine.waits_over_one, 5), round(fine.mean_wait, 5)
    (0.30327, 1.0)
    """
    step = 1.0 / ms_per_unit

    def excess(exponent: float) -> float:
        grow, shrink = math.exp(exponent * step), math.exp(-exponent * step)
        return _generating(service_rate, step, grow) * _generating(arrival_rate, step, shrink) - 1.0

    low, high = 0.5 * (service_rate - arrival_rate), service_rate - 0.5 * arrival_rate
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if excess(middle) > 0.0 else (middle, high)
    decay = math.exp(-low * step)
    stop = -math.expm1(-service_rate * step)
    sigma = 1.0 + math.expm1(-low * step) / stop
    return LatticeQueue(
        waits=sigma,
        waits_over_one=sigma * decay**ms_per_unit,
        mean_wait=step * sigma / (stop * (1.0 - sigma)),
    )


def _generating(rate: float, step: float, z: float) -> float:
    """Return E z^K of an exponential of a rate, rounded half up to K steps."""
    stay = math.exp(-rate * step)
    none = math.exp(-0.5 * rate * step)
    return -math.expm1(-0.5 * rate * step) + none * (1.0 - stay) * z / (1.0 - stay * z)
