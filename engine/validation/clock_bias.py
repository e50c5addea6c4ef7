"""What a millisecond clock costs an M/M/1 queue: exactly, and as the engine shows it.

Stands on `clock`, `queues`, `statistics`, `line`, `plan`. A queue whose gaps and services are rounded exponentials is a
queue on a lattice of step h = 1 / ms_per_unit, and stays solvable, for a rounded exponential that passes a bound passes
it by a geometric number of steps. With A the gap and S the service in steps, z > 1 solves ``E z^(S - A) = 1``; the
share that waits is ``sigma = 1 - (1 - 1/z) / (1 - e^-(mu h))``, and ``P(wait >= k h) = sigma z^-(k - 1)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.clock import COARSE_MS_PER_UNIT, MS_PER_UNIT
from engine.validation.line import Line
from engine.validation.queues import CUSTOMERS, CUSTOMERS_QUICK, STATIONS, StationLaw, StationPath, draw_station
from engine.validation.statistics import BATCHES, batch_means

if TYPE_CHECKING:
    from engine.validation.plan import Plan


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


def clock_bias_lines(fine: StationPath, coarse: StationPath, law: StationLaw) -> list[Line]:
    """Show what a millisecond clock costs an M/M/1 queue: the same draws on two clocks.

    Parameters
    ----------
    fine, coarse : StationPath
        The same draws at `MS_PER_UNIT` and at `COARSE_MS_PER_UNIT`.
    law : StationLaw
        M/M/1.

    Returns
    -------
    list of Line
        Measured: the difference, pair by pair. Expected: the exact difference of the two lattice queues.
    """
    exact_fine = lattice_queue(law.arrival_rate, law.service_rate, fine.ms_per_unit)
    exact_coarse = lattice_queue(law.arrival_rate, law.service_rate, coarse.ms_per_unit)
    wait_fine = (fine.start_ms - fine.arrival_ms) / fine.ms_per_unit
    wait_coarse = (coarse.start_ms - coarse.arrival_ms) / coarse.ms_per_unit
    pairs = {
        "P(wait>0)": (wait_fine > 0.0, wait_coarse > 0.0, exact_coarse.waits - exact_fine.waits),
        "P(wait>1)": (wait_fine > 1.0, wait_coarse > 1.0, exact_coarse.waits_over_one - exact_fine.waits_over_one),
        "Wq": (wait_fine, wait_coarse, exact_coarse.mean_wait - exact_fine.mean_wait),
    }
    lines = []
    for what, (on_fine, on_coarse, expected) in pairs.items():
        difference, error = batch_means(on_coarse.astype(np.float64) - on_fine.astype(np.float64), BATCHES)
        note = f"bias of {law.name} at {coarse.ms_per_unit} ms a unit against {fine.ms_per_unit}"
        lines.append(Line(f"clock/bias of {what}", difference, expected, 4.0 * error, "4 s.e.", len(wait_fine), note))
    return lines


def check_clock(plan: Plan) -> list[Line]:
    """Run M/M/1 at load 0.5 on both clocks and compare."""
    law, customers = STATIONS[0], plan.size(CUSTOMERS, CUSTOMERS_QUICK)
    fine, coarse = (draw_station(law, plan.seed, customers, unit) for unit in (MS_PER_UNIT, COARSE_MS_PER_UNIT))
    return clock_bias_lines(fine, coarse, law)
