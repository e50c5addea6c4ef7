"""Hypothesis state machines: an engine and the reference walk side by side and must agree after every step.

Stands on Hypothesis, the reference, `strategies` and `views`.

Promises: a step sends the same call to both, compares what it gives, then everything that the two show of their state,
and checks the invariants of both. A subclass names the engine under test::

    class NativeBook(BookMachine):
        candidate = staticmethod(engine.OrderBook)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.reference import EventQueue, OrderBook
from engine.testing import strategies as flow
from engine.testing.views import (
    EVENT_COLUMNS,
    apply_view,
    book_view,
    columns_view,
    outcome,
    queue_view,
    result_view,
    rows_view,
)
from engine.types import RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable

_NAMINGS = st.sampled_from(flow.NAMINGS)


class BookMachine(RuleBasedStateMachine):
    """Walk a book and the reference through the same commands."""

    candidate: ClassVar[Callable[..., Any]]

    @initialize(shape=flow.book_shapes())
    def opened(self, shape: flow.BookShape) -> None:
        """Make the two books."""
        self.shape = shape
        self.reference = OrderBook(**shape.options())
        self.book = type(self).candidate(**shape.options())
        self.known: list[int] = []  # names that stand or stood in the book, whatever their naming

    @rule(data=st.data(), naming=_NAMINGS)
    def commanded(self, data: st.DataObject, naming: str) -> None:
        """Send one command through the scalar methods."""
        row = data.draw(flow.rows(self.shape, naming, self.known).filter(flow.is_scalar), label="command")
        before = self.reference.digest()
        want = flow.sent(self.reference, row, naming)
        got = flow.sent(self.book, row, naming)
        assert result_view(got) == result_view(want)
        assert got.accepted == want.accepted
        assert rows_view(self.book.last_fills()) == rows_view(self.reference.last_fills())
        if want.reject_reason != RejectReason.NONE:
            # U-7: a refused command leaves the digest as it was; `agree` carries this over to the other book.
            assert self.reference.digest() == before
        self.known.append(want.id)

    @rule(data=st.data(), naming=_NAMINGS)
    def applied(self, data: st.DataObject, naming: str) -> None:
        """Send a batch."""
        batch = data.draw(st.lists(flow.rows(self.shape, naming, self.known), max_size=12), label="batch")
        columns = flow.columns(batch, naming)
        assert apply_view(self.book.apply(columns)) == apply_view(self.reference.apply(columns))
        self.known += [order.id for order in self.reference.orders() if order.id not in self.known]

    @rule(call=flow.bad_inputs())
    def refused(self, call: flow.BadCall) -> None:
        """Send what is no command at all."""
        for book in (self.reference, self.book):
            before = book.digest()
            got = outcome(lambda: getattr(book, call.method)(*call.positional, **call.keywords))  # noqa: B023
            assert got == ("InputError", call.field)
            assert book.digest() == before

    @invariant()
    def agree(self) -> None:
        """Compare everything that shows, and check both."""
        assert book_view(self.book) == book_view(self.reference)
        for levels in (0, 1):
            assert list(map(rows_view, self.book.depth(levels))) == list(map(rows_view, self.reference.depth(levels)))
        self.reference.check_invariants()
        self.book.check_invariants()


_TIMES_BEHIND = st.sampled_from((-1, 0, 0, 1, 1, 2, 5, 40))
_PRIORITIES = st.sampled_from((0, 0, 0, 1, -1, -(2**15), 2**15 - 1))
_DATA = st.integers(-3, 30) | st.sampled_from((-(2**63), 2**63 - 1))


class QueueMachine(RuleBasedStateMachine):
    """Walk an event queue and the reference through the same calls; times are drawn relative to the clock."""

    candidate: ClassVar[Callable[..., Any]]

    @initialize(start_ms=st.sampled_from((0, 7, 2**62 - 50)))
    def opened(self, start_ms: int) -> None:
        """Make the two queues."""
        self.reference = EventQueue(start_ms)
        self.queue = type(self).candidate(start_ms)

    def both(self, call: Callable[[Any], Any]) -> None:
        """Make the same call on both and compare what it gives."""
        want = outcome(lambda: call(self.reference))
        assert outcome(lambda: call(self.queue)) == want

    @rule(behind_ms=_TIMES_BEHIND, data=_DATA, priority=_PRIORITIES)
    def scheduled(self, behind_ms: int, data: int, priority: int) -> None:
        """Add one event, or try one in the past."""
        time_ms = self.reference.now_ms + behind_ms
        self.both(lambda queue: queue.schedule(time_ms, data, priority=priority))

    @rule(batch=st.lists(st.tuples(_TIMES_BEHIND, _DATA, _PRIORITIES), max_size=8), full=st.booleans())
    def scheduled_batch(self, batch: list[tuple[int, int, int]], *, full: bool) -> None:
        """Add several events at once, or none of them."""
        times = np.array([self.reference.now_ms + row[0] for row in batch], dtype=np.int64)
        data = np.array([row[1] for row in batch], dtype=np.int64) if full else None
        priority = np.array([row[2] for row in batch], dtype=np.int16) if full else None
        self.both(lambda queue: queue.schedule_batch(times, data, priority))

    @rule(data=st.data())
    def cancelled(self, data: st.DataObject) -> None:
        """Cancel a handle that is pending, gone, or was never given out."""
        handle = data.draw(st.integers(-1, self.reference.scheduled_count + 1), label="handle")
        self.both(lambda queue: queue.cancel(handle))

    @rule()
    def popped(self) -> None:
        """Take the next event."""
        self.both(lambda queue: queue.pop())

    @rule(behind_ms=_TIMES_BEHIND, limit=st.none() | st.integers(0, 4))
    def popped_batch(self, behind_ms: int, limit: int | None) -> None:
        """Take the events that are due, or some of them."""
        until_ms = self.reference.now_ms + behind_ms
        self.both(
            lambda queue: [
                number for row in columns_view(queue.pop_batch(until_ms, limit), EVENT_COLUMNS) for number in row
            ]
        )

    @rule(behind_ms=_TIMES_BEHIND)
    def ran(self, behind_ms: int) -> None:
        """Run with a handler that schedules and cancels (Q-3, Q-5)."""
        until_ms = self.reference.now_ms + behind_ms

        def fired(queue: Any) -> list[int]:
            seen: list[int] = []

            def on_event(event: Any) -> None:
                seen.extend(map(int, event))
                if 0 < event.data < 20:  # each generation is half of the one before, so the run ends
                    queue.schedule(min(event.time_ms + event.data % 3, 2**62), event.data // 2, priority=event.data % 2)
                if event.data % 4 == 1:
                    seen.append(queue.cancel(event.handle + 1))

            seen.append(queue.run(until_ms, on_event))
            return seen

        self.both(fired)

    @precondition(lambda self: len(self.reference) > 20)
    @rule()
    def emptied(self) -> None:
        """Run without a handler until far ahead."""
        until_ms = min(self.reference.now_ms + 100, 2**62)
        self.both(lambda queue: queue.run(until_ms))

    @invariant()
    def agree(self) -> None:
        """Compare everything that shows, and check both."""
        assert queue_view(self.queue) == queue_view(self.reference)
        self.reference.check_invariants()
        self.queue.check_invariants()
