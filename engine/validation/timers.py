"""A cancelled timer leaves no trace, and the past takes no event.

Stands on `EventQueue`, `draws`, `line`, `plan`. Timers with random times and priorities are scheduled and half of them
cancelled, some before anything has fired, some between firings. What fires must be what a sort of the others by (time,
priority, insertion) gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine import EventQueue
from engine.errors import InputError
from engine.validation.draws import Stream
from engine.validation.line import Line

if TYPE_CHECKING:
    from engine.validation.plan import Plan

Ints = NDArray[np.int64]

TIMERS, TIMERS_QUICK = 100_000, 10_000
HORIZON_MS = 10**7
PRIORITIES = 3
TAKEN_AT_ONCE = 1000
PAST_TRIES = 1000


def draw_timers(seed: int, count: int) -> tuple[Ints, NDArray[np.int16], NDArray[np.bool_]]:
    """Draw timers: when, with which priority, and whether it is to be cancelled (exactly half are)."""
    stream = Stream(seed, "validation/timers")
    times = np.floor(stream.uniforms(count) * HORIZON_MS).astype(np.int64)
    priorities = np.floor(stream.uniforms(count, count) * PRIORITIES).astype(np.int16) - np.int16(1)
    is_doomed = np.zeros(count, dtype=np.bool_)
    is_doomed[np.argsort(stream.uniforms(count, 2 * count), kind="stable")[: count // 2]] = True
    return times, priorities, is_doomed


def fire_timers(times_ms: Ints, priorities: NDArray[np.int16], is_doomed: NDArray[np.bool_]) -> Ints:
    """Schedule timers, cancel the doomed ones, half of them between firings, and return the numbers of those that fire.

    Parameters
    ----------
    times_ms : array of int64, shape (n,)
        Due times, ms.
    priorities : array of int16, shape (n,)
        Smaller first.
    is_doomed : array of bool, shape (n,)
        Which are cancelled.

    Returns
    -------
    array of int64
        Rows of the input, as they fired.
    """
    queue = EventQueue()
    first = queue.schedule_batch(times_ms, np.arange(len(times_ms)), priorities)
    early: list[int] = []
    late: list[int] = []
    for number in np.flatnonzero(is_doomed).tolist():
        (late if times_ms[number] >= HORIZON_MS // 2 and number % 2 else early).append(number)
    for number in early:
        queue.cancel(first + number)
    fired = []
    steps = np.linspace(HORIZON_MS // 4, HORIZON_MS // 2, 10).astype(np.int64).tolist()
    for step, at in enumerate(steps):
        fired.append(queue.pop_batch(at - 1)["data"])
        for number in late[step :: len(steps)]:
            queue.cancel(first + number)
    while len(queue):
        fired.append(queue.pop_batch(HORIZON_MS, TAKEN_AT_ONCE)["data"])
    return np.concatenate(fired)


def order_line(
    name: str, fired: Ints, times_ms: Ints, priorities: NDArray[np.int16], is_live: NDArray[np.bool_]
) -> Line:
    """Compare what fired with the documented order (T-1, Q-1).

    Parameters
    ----------
    name : str
        Of the line.
    fired : array of int64
        Rows, as they fired.
    times_ms, priorities, is_live : array, shape (n,)
        Of each row: due time, priority, whether it should fire; rows stand in the order of scheduling.

    Returns
    -------
    Line
        Measured: places in which the two differ.
    """
    rows = np.flatnonzero(is_live)
    order = np.lexsort((rows, priorities[rows], times_ms[rows]))
    due = rows[order]
    both = min(len(due), len(fired))
    different = int((due[:both] != fired[:both]).sum()) + abs(len(due) - len(fired))
    measured = float(different) if both else float("nan")
    return Line(name, measured, 0.0, 0.0, "(time, priority, insertion)", len(due))


def past_line(seed: int, tries: int = PAST_TRIES) -> Line:
    """Try to schedule before now, at random moments of a run; count the tries that were taken or left a trace.

    Notes
    -----
    Rule T-5.
    """
    uniforms = Stream(seed, "validation/timers/past").uniforms(2 * tries)
    queue = EventQueue()
    queue.schedule_batch(np.sort(np.floor(uniforms[:tries] * HORIZON_MS)).astype(np.int64) + 1)
    wrong = 0
    for share in uniforms[tries:].tolist():
        queue.pop()
        now, count = queue.now_ms, queue.scheduled_count
        try:
            queue.schedule(int(share * now))
        except InputError:
            wrong += (queue.now_ms, queue.scheduled_count) != (now, count)
        else:
            wrong += 1
    return Line("timers/events taken into the past", float(wrong), 0.0, 0.0, "none", tries)


def check_timers(plan: Plan) -> list[Line]:
    """Cancel half of many timers, and try the past."""
    times, priorities, is_doomed = draw_timers(plan.seed, plan.size(TIMERS, TIMERS_QUICK))
    fired = fire_timers(times, priorities, is_doomed)
    name = "timers/others moved by a cancelled timer"
    return [order_line(name, fired, times, priorities, ~is_doomed), past_line(plan.seed)]
