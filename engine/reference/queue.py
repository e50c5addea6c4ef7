"""The stand-alone event queue as a readable program: rules Q-1 .. Q-5.

Stands on heapq, `inputs` (the border), `digest`.

::

    heap      (time_ms, priority, handle), smallest first: the total order of Q-1
    pending   handle -> Event; a heap entry whose handle is no longer pending was cancelled, and is dropped when met

Promises: the same calls give the same events, handles and digest as the native queue.
"""

from __future__ import annotations

import heapq
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import InputError, InvariantError
from engine.records import Event
from engine.reference.digest import DigestKind, digest_of
from engine.reference.inputs import INT16, INT64, IntRange, checked_column, checked_int

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

TIME_MAX_MS = 2**62
_TIME = IntRange(0, TIME_MAX_MS)
_LIMIT = IntRange(0, 2**63 - 1)


class EventQueue:
    """Fire events in the order of time, priority and insertion, readably.

    Parameters
    ----------
    start_ms : int
        The clock's start, 0 .. 2^62.

    Examples
    --------
    >>> queue = EventQueue()
    >>> queue.schedule(5, 7), queue.schedule(3, 8)
    (0, 1)
    >>> queue.pop()
    Event(time_ms=3, priority=0, data=8, handle=1)
    >>> queue.now_ms
    3
    """

    def __init__(self, start_ms: int = 0) -> None:
        self._now_ms = checked_int("start_ms", start_ms, _TIME)
        self._heap: list[tuple[int, int, int]] = []
        self._pending: dict[int, Event] = {}
        self._scheduled_count = 0  # the next handle
        self._is_firing = False

    # --- commands --------------------------------------------------------------------------------------------------

    def schedule(self, time_ms: int, data: int = 0, *, priority: int = 0) -> int:
        """Add an event and return its handle: the count of events scheduled before it (Q-4).

        Parameters
        ----------
        time_ms : int
            When it is due, now_ms .. 2^62 (T-5, Q-5).
        data : int
            Anything, int64.
        priority : int
            Smaller fires first within a millisecond, int16.

        Raises
        ------
        InputError
            If the time is past or out of range, or an argument is no integer that fits. Nothing was written.
        """
        due_ms = self._checked_due("time_ms", time_ms)
        payload = checked_int("data", data, INT64)
        return self._added(due_ms, checked_int("priority", priority, INT16), payload)

    def schedule_batch(self, times_ms: Any, data: Any = None, priority: Any = None) -> int:
        """Add an event a row, all or none of them, and return the first one's handle.

        Parameters
        ----------
        times_ms : numpy array of int64, shape (n,)
            When they are due, each now_ms .. 2^62.
        data : numpy array of int64, shape (n,), optional
            Left out: 0.
        priority : numpy array of int16, shape (n,), optional
            Left out: 0.

        Returns
        -------
        int
            The handle of row 0; row i has this plus i. For no rows, the handle that the next event will get.

        Raises
        ------
        InputError
            If an array has the wrong type, shape, layout or length, or a time is past or out of range.
        """
        times = checked_column("times_ms", times_ms, "int64")
        payloads = [0] * len(times) if data is None else checked_column("data", data, "int64")
        priorities = [0] * len(times) if priority is None else checked_column("priority", priority, "int16")
        for field, column in (("data", payloads), ("priority", priorities)):
            if len(column) != len(times):
                raise InputError(field, f"{len(times)} rows, as times_ms has", f"{len(column)} rows")
        for i, time_ms in enumerate(times):
            self._checked_due(f"times_ms[{i}]", time_ms)
        first = self._scheduled_count
        for row in zip(times, priorities, payloads, strict=True):
            self._added(*row)
        return first

    def cancel(self, handle: int) -> bool:
        """Remove a pending event and return True; return False if it was fired, cancelled or never scheduled (Q-4)."""
        return self._pending.pop(checked_int("handle", handle, INT64), None) is not None

    def peek(self) -> Event | None:
        """Return the event that would fire next, or None; the clock stays."""
        while self._heap and self._heap[0][2] not in self._pending:
            heapq.heappop(self._heap)
        return self._pending[self._heap[0][2]] if self._heap else None

    def pop(self) -> Event | None:
        """Remove and return the next event, or None; the clock becomes its time (Q-2)."""
        self._refuse_reentry()
        return self._popped(TIME_MAX_MS)

    def pop_batch(self, until_ms: int, limit: int | None = None) -> dict[str, NDArray[Any]]:
        """Remove and return the events with ``time_ms <= until_ms``, at most `limit` of them.

        The clock becomes the time of the last one, as with `pop`; it does not move on to `until_ms`, for with a limit
        there may be more to come.

        Returns
        -------
        dict
            The columns time_ms int64, priority int16, data int64, handle int64, in firing order.

        Raises
        ------
        InputError
            If `until_ms` is past or out of range, or `limit` is negative.
        RuntimeError
            If a handler calls it (Q-5).
        """
        self._refuse_reentry()
        until = self._checked_due("until_ms", until_ms)
        count_max = len(self._pending) if limit is None else checked_int("limit", limit, _LIMIT)
        events: list[Event] = []
        while len(events) < count_max and (event := self._popped(until)) is not None:
            events.append(event)
        return {
            "time_ms": np.array([event.time_ms for event in events], dtype=np.int64),
            "priority": np.array([event.priority for event in events], dtype=np.int16),
            "data": np.array([event.data for event in events], dtype=np.int64),
            "handle": np.array([event.handle for event in events], dtype=np.int64),
        }

    def run(self, until_ms: int, handler: Callable[[Event], object] | None = None) -> int:
        """Fire every event due until `until_ms`, those included that handlers add, and leave the clock there (Q-2,
        Q-3).

        Parameters
        ----------
        until_ms : int
            The last millisecond that fires, now_ms .. 2^62.
        handler : callable, optional
            Called with each event. It may schedule and cancel, not run or pop (Q-5). If it raises, the run ends
            there: the event counts as fired and the clock stays at its time.

        Returns
        -------
        int
            How many events fired.

        Raises
        ------
        InputError
            If `until_ms` is past or out of range.
        RuntimeError
            If a handler calls it (Q-5).
        """
        self._refuse_reentry()
        until = self._checked_due("until_ms", until_ms)
        fired_count = 0
        with self._firing():
            while (event := self._popped(until)) is not None:
                fired_count += 1
                if handler is not None:
                    handler(event)
        self._now_ms = until
        return fired_count

    # --- the rules -------------------------------------------------------------------------------------------------

    def _checked_due(self, field: str, time_ms: object) -> int:
        """Return a time that is in range (Q-5) and not past (T-5)."""
        due_ms = checked_int(field, time_ms, _TIME)
        if due_ms < self._now_ms:
            raise InputError(field, f"a time not before now_ms ({self._now_ms})", due_ms)
        return due_ms

    def _added(self, time_ms: int, priority: int, data: int) -> int:
        handle = self._scheduled_count
        self._scheduled_count += 1
        self._pending[handle] = Event(time_ms, priority, data, handle)
        heapq.heappush(self._heap, (time_ms, priority, handle))
        return handle

    def _popped(self, until_ms: int) -> Event | None:
        event = self.peek()
        if event is None or event.time_ms > until_ms:
            return None
        heapq.heappop(self._heap)
        del self._pending[event.handle]
        self._now_ms = event.time_ms
        return event

    def _refuse_reentry(self) -> None:
        if self._is_firing:
            raise RuntimeError("Q-5: a handler may schedule and cancel; it may not run or pop")

    @contextmanager
    def _firing(self) -> Iterator[None]:
        self._is_firing = True
        try:
            yield
        finally:
            self._is_firing = False

    # --- views -----------------------------------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        """Return the clock."""
        return self._now_ms

    @property
    def scheduled_count(self) -> int:
        """Return how many events were ever scheduled."""
        return self._scheduled_count

    def __len__(self) -> int:
        """Return how many events are pending."""
        return len(self._pending)

    def digest(self) -> int:
        """Return the digest of the state (D-3). O(n log n)."""
        return digest_of(DigestKind.QUEUE, self._words())

    def _words(self) -> Iterator[int]:
        yield self._now_ms
        yield self._scheduled_count
        for event in sorted(self._pending.values(), key=_firing_key):
            yield from (event.time_ms, event.priority, event.data)

    def check_invariants(self) -> None:
        """Walk everything and raise `InvariantError` naming the first invariant that does not hold. O(n log n)."""
        broken = self._first_broken()
        if broken is not None:
            raise InvariantError(broken, f"now_ms={self._now_ms}\n" + "\n".join(map(repr, self._pending.values())))

    def _first_broken(self) -> str | None:
        entries = [entry for entry in self._heap if entry[2] in self._pending]
        if sorted(entries) != sorted(map(_firing_key, self._pending.values())):
            return "queue: the heap's live entries are not the pending events"
        if any(self._heap[(i - 1) // 2] > self._heap[i] for i in range(1, len(self._heap))):
            return "queue: a parent in the heap fires after its child"
        if any(event.time_ms < self._now_ms for event in self._pending.values()):
            return "T-5: an event is due in the past"
        if any(not 0 <= handle < self._scheduled_count for handle in self._pending):
            return "Q-4: a pending handle was never given out"
        if not 0 <= self._now_ms <= TIME_MAX_MS:
            return "Q-5: the clock is out of range"
        return None


def _firing_key(event: Event) -> tuple[int, int, int]:
    """Return the total order of Q-1; a handle counts insertions."""
    return event.time_ms, event.priority, event.handle
