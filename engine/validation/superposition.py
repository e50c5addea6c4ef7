"""Poisson sources merged by the event queue are one Poisson source of the summed rate.

Stands on `EventQueue`, `clock`, `draws`, `statistics`, `line`, `plan`. The rates are those of the six busiest clocks of
a book after Cont, Stoikov and Talreja (2010): market orders and limit orders one and two ticks off, each on two sides.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine import EventQueue
from engine.validation.clock import MS_PER_UNIT, to_ms
from engine.validation.draws import Stream
from engine.validation.line import Line
from engine.validation.statistics import KS_CRITICAL, ks_exponential, share_error

if TYPE_CHECKING:
    from engine.validation.plan import Plan

Ints = NDArray[np.int64]

RATES = (0.94, 0.94, 1.85, 1.85, 1.51, 1.51)
EVENTS, EVENTS_QUICK = 1_000_000, 50_000
TAKEN_AT_ONCE = 50_000


def simulate_superposition(rates: tuple[float, ...], seed: int, units: float) -> tuple[Ints, Ints]:
    """Let the event queue merge independent Poisson sources.

    Parameters
    ----------
    rates : tuple of float
        Of each source, per unit.
    seed : int
        Key of the draws.
    units : float
        How long, units of model time.

    Returns
    -------
    tuple of array
        (times, ms; source of each), int64, as the queue fired them.
    """
    queue = EventQueue()
    until = round(units * MS_PER_UNIT)
    for source, rate in enumerate(rates):
        # Enough draws to pass the end: six standard deviations more than are expected.
        count = math.ceil(rate * units + 6.0 * math.sqrt(rate * units) + 10.0)
        gaps = Stream(seed, "validation/superposition", source).exponentials(count, 1.0 / rate)
        queue.schedule_batch(np.cumsum(to_ms(gaps)), np.full(count, source, dtype=np.int64))
    times, sources = [], []
    while True:
        # In pieces, so that Ctrl-C finds a gap.
        fired = queue.pop_batch(until, TAKEN_AT_ONCE)
        times.append(fired["time_ms"])
        sources.append(fired["data"])
        if len(fired) < TAKEN_AT_ONCE:
            return np.concatenate(times), np.concatenate(sources)


def poisson_lines(name: str, times_ms: Ints, rate: float) -> list[Line]:
    """Judge arrivals against a Poisson source: the mean gap, and the law of the gaps.

    Parameters
    ----------
    name : str
        First part of the lines' names.
    times_ms : array of int64, shape (n,)
        Arrivals from time 0, ms, ascending.
    rate : float
        Per unit of model time.

    Returns
    -------
    list of Line
    """
    gaps = np.diff(times_ms, prepend=0) / MS_PER_UNIT
    count = len(gaps)
    root = math.sqrt(max(count, 1))
    mean = float(gaps.mean()) if count else math.nan
    return [
        Line(f"{name}/mean gap", mean, 1.0 / rate, 4.0 / (rate * root), "4 s.e.", count),
        Line(f"{name}/gaps, KS", ks_exponential(gaps, rate), 0.0, KS_CRITICAL / root, "1.63/sqrt(n)", count),
    ]


def superposition_lines(
    times_ms: Ints, source: Ints, rates: tuple[float, ...], name: str = "superposition"
) -> list[Line]:
    """Judge merged sources: gaps of the summed rate, and each source's share.

    Parameters
    ----------
    times_ms : array of int64, shape (n,)
        Arrivals from time 0, ms, ascending.
    source : array of int64, shape (n,)
        0 .. len(rates) - 1.
    rates : tuple of float
        Per unit.
    name : str
        First part of the lines' names.

    Returns
    -------
    list of Line
    """
    lines = poisson_lines(name, times_ms, sum(rates))
    count = len(source)
    for number, rate in enumerate(rates):
        share = rate / sum(rates)
        band = 4.0 * share_error(share, max(count, 1))
        measured = float(np.count_nonzero(source == number)) / count if count else math.nan
        lines.append(Line(f"{name}/share of source {number}", measured, share, band, "4 s.e.", count))
    return lines


def check_superposition(plan: Plan) -> list[Line]:
    """Merge the six sources and judge what came."""
    units = plan.size(EVENTS, EVENTS_QUICK) / sum(RATES)
    return superposition_lines(*simulate_superposition(RATES, plan.seed, units), RATES)
