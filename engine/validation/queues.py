"""Waiting lines on the event queue: M/M/1, M/M/4, M/D/1, and Little's law on each.

Stands on `EventQueue`, `clock`, `draws`, `statistics`, `little`, `line`, `plan`. Customers arrive one by one, wait in
the order of their arrival for one of `servers` equal servers, and leave. Arrivals and departures are events of the
queue; a departure is scheduled when its service starts. Two events of one millisecond happen in the order in which they
were scheduled.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine import EventQueue
from engine.validation.clock import MS_PER_UNIT, to_ms
from engine.validation.draws import Stream
from engine.validation.line import Line
from engine.validation.little import little_line
from engine.validation.statistics import as_ints, time_area

if TYPE_CHECKING:
    from engine._core import QueuedEvent
    from engine.validation.plan import Plan

Ints = NDArray[np.int64]

CUSTOMERS, CUSTOMERS_QUICK = 1_000_000, 100_000
END_MS = 1 << 62
_ARRIVAL = -1


@dataclass(frozen=True)
class StationLaw:
    """Describe a station in equilibrium; rates per unit of model time.

    Parameters
    ----------
    name : str
        First part of its lines' names.
    arrival_rate, service_rate : float
        Of the line, of one server.
    servers : int
        How many.
    band_share : float
        How far a measured number may lie from the law's, as a share of it, at `CUSTOMERS` customers.
    quantities : tuple of str
        What is compared, of the keys of `expected`.
    is_service_constant : bool
        A constant service (one server only) instead of an exponential one.
    """

    name: str
    arrival_rate: float
    service_rate: float
    servers: int
    band_share: float
    quantities: tuple[str, ...]
    is_service_constant: bool = False

    def expected(self) -> dict[str, float]:
        """Return the law's numbers: L, Lq, W, Wq, P(wait>0), P(wait>1).

        Notes
        -----
        Source: Erlang's delay formula; Pollaczek and Khinchin for a constant service.
        """
        load = self.arrival_rate / self.service_rate
        spare = self.servers * self.service_rate - self.arrival_rate
        waits = load if self.servers == 1 else erlang_c(self.servers, load)
        wait = waits / spare * (0.5 if self.is_service_constant else 1.0)
        numbers = {
            "L": self.arrival_rate * wait + load,
            "Lq": self.arrival_rate * wait,
            "W": wait + 1.0 / self.service_rate,
            "Wq": wait,
            "P(wait>0)": waits,
        }
        if not self.is_service_constant:
            numbers["P(wait>1)"] = waits * math.exp(-spare)
        return numbers


ALL_OF_MM1 = ("L", "Lq", "W", "Wq", "P(wait>1)")
STATIONS = (
    StationLaw("mm1-0.5", 0.5, 1.0, 1, 0.03, ALL_OF_MM1),
    StationLaw("mm1-0.8", 0.8, 1.0, 1, 0.05, ALL_OF_MM1),
    StationLaw("mm4", 3.0, 1.0, 4, 0.04, ("P(wait>0)", "Wq")),
    StationLaw("md1", 0.8, 1.0, 1, 0.04, ("Wq",), is_service_constant=True),
)


def erlang_c(servers: int, load: float) -> float:
    """Return the share of customers who must wait.

    Parameters
    ----------
    servers : int
        Equal servers.
    load : float
        Arrival rate over the service rate of one, below `servers`.

    Returns
    -------
    float

    Examples
    --------
    >>> round(erlang_c(4, 3.0), 5)
    0.50943
    """
    blocking = 1.0
    for k in range(1, servers + 1):
        blocking = load * blocking / (k + load * blocking)
    return blocking / (1.0 - load / servers * (1.0 - blocking))


@dataclass(frozen=True)
class StationPath:
    """What happened at a station; times in ms, of customers in the order of their arrival.

    ``in_system[i]`` is the number present from ``change_ms[i]`` on, counted while the events ran.
    """

    arrival_ms: Ints
    start_ms: Ints
    depart_ms: Ints
    change_ms: Ints
    in_system: Ints
    servers: int
    ms_per_unit: int


def draw_station(law: StationLaw, seed: int, customers: int, ms_per_unit: int = MS_PER_UNIT) -> StationPath:
    """Draw gaps and services of a station and run it."""
    gaps = Stream(seed, f"validation/{law.name}/gaps").exponentials(customers, 1.0 / law.arrival_rate)
    if law.is_service_constant:
        services = np.full(customers, 1.0 / law.service_rate)
    else:
        services = Stream(seed, f"validation/{law.name}/services").exponentials(customers, 1.0 / law.service_rate)
    return simulate_station(to_ms(gaps, ms_per_unit), to_ms(services, ms_per_unit), law.servers, ms_per_unit)


def simulate_station(gaps_ms: Ints, services_ms: Ints, servers: int, ms_per_unit: int = MS_PER_UNIT) -> StationPath:
    """Run a station on the event queue until the last customer has left.

    Parameters
    ----------
    gaps_ms : array of int64, shape (n,)
        Between one arrival and the next, ms; the first from time 0.
    services_ms : array of int64, shape (n,)
        By customer, ms.
    servers : int
        How many.
    ms_per_unit : int
        The clock, handed on.

    Returns
    -------
    StationPath

    Notes
    -----
    O(n): two events a customer.
    """
    queue = EventQueue()
    schedule = queue.schedule
    gaps, services = gaps_ms.tolist(), services_ms.tolist()
    customers = len(gaps)
    arrival, start, change, in_system = array("q"), array("q"), array("q"), array("q")
    depart = array("q", bytes(8 * customers))
    present, idle = 0, servers

    def serve_next(now: int) -> None:
        who = len(start)
        start.append(now)
        schedule(now + services[who], who)

    def fire(event: QueuedEvent) -> None:
        nonlocal present, idle
        now, who = event.time_ms, event.data
        if who == _ARRIVAL:
            present += 1
            arrival.append(now)
            if len(arrival) < customers:
                schedule(now + gaps[len(arrival)], _ARRIVAL)
            if idle:
                idle -= 1
                serve_next(now)
        else:
            present -= 1
            depart[who] = now
            if len(start) < len(arrival):
                serve_next(now)
            else:
                idle += 1
        change.append(now)
        in_system.append(present)

    schedule(gaps[0], _ARRIVAL)
    queue.run(END_MS, fire)
    customers_ms = (as_ints(arrival), as_ints(start), as_ints(depart))
    return StationPath(*customers_ms, as_ints(change), as_ints(in_system), servers, ms_per_unit)


def measure_station(path: StationPath) -> dict[str, float]:
    """Measure a path: averages over time from 0 to the last arrival, averages over customers of all."""
    until = int(path.arrival_ms[-1])
    unit = path.ms_per_unit
    waits = path.start_ms - path.arrival_ms
    waiting = np.maximum(path.in_system - path.servers, 0)
    return {
        "L": time_area(path.change_ms, path.in_system, 0, until) / until,
        "Lq": time_area(path.change_ms, waiting, 0, until) / until,
        "W": float((path.depart_ms - path.arrival_ms).mean()) / unit,
        "Wq": float(waits.mean()) / unit,
        "P(wait>0)": float((waits > 0).mean()),
        "P(wait>1)": float((waits > unit).mean()),
    }


def station_lines(path: StationPath, law: StationLaw, plan: Plan) -> list[Line]:
    """Compare a path with its law, and its count over time with its stays (Little).

    Parameters
    ----------
    path : StationPath
        From `simulate_station`, or filled from elsewhere.
    law : StationLaw
        What it should obey.
    plan : Plan
        For the width of the bands.

    Returns
    -------
    list of Line
    """
    share = law.band_share * plan.widening(CUSTOMERS, CUSTOMERS_QUICK)
    measured, expected = measure_station(path), law.expected()
    count = len(path.arrival_ms)
    lines = [
        Line(f"{law.name}/{what}", measured[what], expected[what], share * expected[what], f"{share:.3g} of it", count)
        for what in law.quantities
    ]
    # From the middle of one service to the middle of another, so that there are residues to count.
    first, last = (int(path.start_ms[who] + path.depart_ms[who]) >> 1 for who in (count // 10, count - count // 10))
    little = little_line(
        f"{law.name}/little", (path.change_ms, path.in_system), (path.arrival_ms, path.depart_ms), (first, last)
    )
    return [*lines, little]


def check_station(law: StationLaw, plan: Plan) -> list[Line]:
    """Run a station and judge it."""
    return station_lines(draw_station(law, plan.seed, plan.size(CUSTOMERS, CUSTOMERS_QUICK)), law, plan)
