"""The set "events": laws that an event engine owes its users.

Stands on the modules that it lists. A check is a function of a `Plan` that returns lines; its name is the first part of
its lines' names, and what `--only` takes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from engine.validation.clock_bias import check_clock
from engine.validation.fifo import check_fifo
from engine.validation.hawkes import LAWS, check_hawkes
from engine.validation.native_sources import check_native_flow, check_native_hawkes, check_native_poisson
from engine.validation.poisson_book import check_poisson_book
from engine.validation.populations import check_birth_death, check_mm_infinity
from engine.validation.queues import STATIONS, check_station
from engine.validation.superposition import check_superposition
from engine.validation.ties import check_ties
from engine.validation.timers import check_timers

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.validation.line import Line
    from engine.validation.plan import Plan

SUMMARY = "queues, populations, Hawkes arrivals, timers, order of events, the clock, native sources (validation set V5)"
SEED = 20251010

CHECKS: dict[str, Callable[[Plan], list[Line]]] = {
    "superposition": check_superposition,
    **{law.name: partial(check_station, law) for law in STATIONS},
    "mm-infinity": check_mm_infinity,
    "birth-death": check_birth_death,
    **{law.name: partial(check_hawkes, law) for law in LAWS},
    "poisson-book": check_poisson_book,
    "timers": check_timers,
    "ties": check_ties,
    "fifo": check_fifo,
    "clock": check_clock,
    "native-poisson": check_native_poisson,
    "native-hawkes": check_native_hawkes,
    "native-flow": check_native_flow,
}
