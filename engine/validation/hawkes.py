"""Hawkes arrivals with an exponential kernel, grown on the event queue.

Stands on `EventQueue`, `clock`, `draws`, `statistics`, `line`, `plan`. The intensity is ``mu + sum over past arrivals
of alpha e^(-beta (t - t_i))``.

The path is grown as a family tree: immigrants come at rate mu; every arrival has a Poisson number of children with mean
``alpha / beta``, each an exponential wait of mean ``1 / beta`` later, and every child is an event that its parent
schedules. The judgement does not know the tree: it counts arrivals in windows and integrates the intensity.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine import EventQueue
from engine.validation.clock import MS_PER_UNIT
from engine.validation.draws import BLOCK, Stream
from engine.validation.line import Line
from engine.validation.statistics import KS_CRITICAL, as_ints, fano_factor, ks_exponential

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine._core import QueuedEvent
    from engine.validation.plan import Plan

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# At the table's 10^5 units the s.e. of a Fano factor over 1,000 windows of 100 units is 4.5 %, so a band of 6 % would
# refuse one right engine in six. Ten times as long, the same bands are four standard errors.
UNITS, UNITS_QUICK = 1_000_000, 200_000
WARM_UP_UNITS = 200
"""Left out at the beginning: the process starts without a past, and forgets that at rate beta - alpha."""

WINDOWS_UNITS = (1, 10, 100)
_IMMIGRANT, _CHILD = 0, 1


@dataclass(frozen=True)
class HawkesLaw:
    """Describe a stationary Hawkes process; rates per unit, ``alpha < beta``.

    `rate_band` and `fano_band` are shares of what is expected.
    """

    name: str
    mu: float
    alpha: float
    beta: float
    rate_band: float
    fano_band: float

    @property
    def rate(self) -> float:
        """Mean arrivals per unit."""
        return self.mu / (1.0 - self.alpha / self.beta)

    def fano(self, window: float) -> float:
        """Return variance over mean of the count in a window.

        Parameters
        ----------
        window : float
            Units of model time.

        Returns
        -------
        float

        Notes
        -----
        Source: Hawkes (1971), integrated covariance. With n = alpha / beta and g = beta - alpha it is
        ``v + (1 - v) (1 - e^(-g T)) / (g T)``, ``v = 1 / (1 - n)^2``.

        Examples
        --------
        >>> round(HawkesLaw("", 0.2, 0.8, 1.0, 0, 0).fano(10.0), 3)
        14.624
        """
        limit = 1.0 / (1.0 - self.alpha / self.beta) ** 2
        fading = (self.beta - self.alpha) * window
        return limit - (limit - 1.0) * -math.expm1(-fading) / fading


LAWS = (
    HawkesLaw("hawkes-0.5", 0.5, 0.5, 1.0, 0.02, 0.06),
    HawkesLaw("hawkes-0.8", 0.2, 0.8, 1.0, 0.04, 0.12),
)


def simulate_hawkes(law: HawkesLaw, seed: int, units: float) -> Ints:
    """Grow a Hawkes process on the event queue.

    Parameters
    ----------
    law : HawkesLaw
        mu, alpha, beta; the name is part of the draws' key.
    seed : int
        Key of the draws.
    units : float
        How long, units of model time.

    Returns
    -------
    array of int64, shape (n,)
        Arrivals, ms, ascending.

    Notes
    -----
    O(n): one event an arrival.
    """
    queue = EventQueue()
    schedule = queue.schedule
    who = f"validation/{law.name}"
    gaps = Stream(seed, f"{who}/immigrants").endless_waits_ms(1.0 / law.mu, MS_PER_UNIT)
    delays = Stream(seed, f"{who}/delays").endless_waits_ms(1.0 / law.beta, MS_PER_UNIT)
    families = endless_poisson(Stream(seed, f"{who}/families"), law.alpha / law.beta)
    times = array("q")

    def fire(event: QueuedEvent) -> None:
        now = event.time_ms
        times.append(now)
        if event.data == _IMMIGRANT:
            schedule(now + next(gaps), _IMMIGRANT)
        for _ in range(next(families)):
            schedule(now + next(delays), _CHILD)

    schedule(next(gaps), _IMMIGRANT)
    queue.run(round(units * MS_PER_UNIT), fire)
    return as_ints(times)


def endless_poisson(stream: Stream, mean: float) -> Iterator[int]:
    """Yield Poisson numbers one by one, by inversion: one draw a number."""
    terms = [math.exp(-mean)]
    while terms[-1] > 1e-18 or len(terms) < mean:
        terms.append(terms[-1] * mean / len(terms))
    steps = np.cumsum(terms)
    first = 0
    while True:
        yield from np.searchsorted(steps, stream.uniforms(BLOCK, first), side="left").tolist()
        first += BLOCK


def compensator_gaps(times_ms: Ints, law: HawkesLaw) -> Floats:
    """Integrate the intensity from each arrival to the next (time rescaling).

    Parameters
    ----------
    times_ms : array of int64, shape (n,)
        All arrivals from time 0, ms, ascending.
    law : HawkesLaw
        The intensity.

    Returns
    -------
    array of float64, shape (n,)
        Independent exponential numbers of mean 1 if the law holds; the first from time 0.

    Notes
    -----
    O(n). Source: Ogata (1988); the excitation after arrival i is ``a_i = 1 + a_(i-1) e^(-beta gap_i)``.
    """
    gaps = np.diff(times_ms, prepend=0) / MS_PER_UNIT
    fades = np.exp(-law.beta * gaps)
    before = array("d")
    excited = 0.0
    for fade in fades.tolist():
        before.append(excited)
        excited = 1.0 + excited * fade
    excitation = np.frombuffer(before, dtype=np.float64)
    result: Floats = law.mu * gaps + law.alpha / law.beta * excitation * (1.0 - fades)
    return result


def hawkes_lines(times_ms: Ints, law: HawkesLaw, until_ms: int, plan: Plan) -> list[Line]:
    """Judge arrivals against a Hawkes law: rate, Fano factors, rescaled time.

    Parameters
    ----------
    times_ms : array of int64, shape (n,)
        All arrivals from time 0, ms, ascending, of a process that starts without a past.
    law : HawkesLaw
        What it should obey.
    until_ms : int
        End of the observation, ms.
    plan : Plan
        For the width of the bands.

    Returns
    -------
    list of Line
    """
    wider = plan.widening(UNITS, UNITS_QUICK)
    begin = WARM_UP_UNITS * MS_PER_UNIT
    seen = int(np.searchsorted(times_ms, until_ms, side="left") - np.searchsorted(times_ms, begin, side="left"))
    share = law.rate_band * wider
    rate = seen / (until_ms - begin) * MS_PER_UNIT
    lines = [Line(f"{law.name}/rate", rate, law.rate, share * law.rate, f"{share:.3g} of it", seen)]
    share = law.fano_band * wider
    for window in WINDOWS_UNITS:
        fano, windows = fano_factor(times_ms, window * MS_PER_UNIT, begin, until_ms)
        exact = law.fano(window)
        name = f"{law.name}/Fano factor, T={window}"
        lines.append(Line(name, fano, exact, share * exact, f"{share:.3g} of it", windows))
    rescaled = compensator_gaps(times_ms, law)
    band = KS_CRITICAL / math.sqrt(max(len(rescaled), 1))
    distance = ks_exponential(rescaled, 1.0)
    lines.append(Line(f"{law.name}/rescaled time, KS", distance, 0.0, band, "1.63/sqrt(n)", len(rescaled)))
    return lines


def check_hawkes(law: HawkesLaw, plan: Plan) -> list[Line]:
    """Grow a process and judge it."""
    units = plan.size(UNITS, UNITS_QUICK)
    return hawkes_lines(simulate_hawkes(law, plan.seed, units), law, units * MS_PER_UNIT, plan)
