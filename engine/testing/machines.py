"""Hypothesis state machines: an engine and the reference walk side by side and must agree after every step.

Stands on Hypothesis, the reference, `strategies` and `views`.

Promises: a step sends the same call to both, compares what it gives, then everything that the two show of their state,
and checks the invariants of both. A subclass names the engine under test::

    class NativeBook(BookMachine):
        candidate = staticmethod(engine.OrderBook)

and, for a book that does not know everything, ``features``: what of `strategies.FEATURES` is drawn and compared.
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
    positions_view,
    queue_view,
    result_view,
    rows_view,
    tables_view,
)
from engine.types import RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable


class BookMachine(RuleBasedStateMachine):
    """Walk a book and the reference through the same commands.

    ``candidate`` makes the book under test, ``features`` says what it knows: with an empty set only plain limit and
    market orders (GTC and IOC) and cancels by `order_id` are drawn, one by one, and only what they show is compared.
    """

    candidate: ClassVar[Callable[..., Any]]
    features: ClassVar[frozenset[str]] = flow.FEATURES
    # More reach deeper in the same time; with 1 a falsifying example is shrunk further.
    commands_per_step: ClassVar[int] = 4

    @initialize(data=st.data())
    def opened(self, data: st.DataObject) -> None:
        """Make the two books."""
        self.shape = data.draw(flow.book_shapes(self.features), label="shape")
        self.reference = OrderBook(**self.shape.options())
        self.book = type(self).candidate(**self.shape.options())
        # Names that stand or stood in the book, by naming.
        self.known: dict[str, list[int]] = {naming: [] for naming in flow.NAMINGS}

    def naming(self, data: st.DataObject) -> str:
        """Draw how orders are named in the next step."""
        known = flow.namings(self.features)
        return known[0] if len(known) == 1 else data.draw(st.sampled_from(known), label="naming")

    def drawn(self, data: st.DataObject, naming: str, label: str, max_size: int) -> list[flow.Row]:
        """Draw commands that fit the book as it stands."""
        flows = flow.row_flows(
            self.shape,
            naming,
            self.known[naming][-8:],
            features=self.features,
            hostile="hostile" in self.features,
            now_ms=self.reference.now_ms,
            max_size=max_size,
        )
        return data.draw(flows, label=label)

    @rule(data=st.data())
    def commanded(self, data: st.DataObject) -> None:
        """Send some commands through the scalar methods."""
        naming = self.naming(data)
        for row in filter(flow.is_scalar, self.drawn(data, naming, "commands", max_size=self.commands_per_step)):
            before = self.reference.digest()
            want = flow.sent(self.reference, row, naming)
            got = flow.sent(self.book, row, naming)
            assert result_view(got) == result_view(want)
            assert got.accepted == want.accepted
            assert tables_view(self.book, self.features) == tables_view(self.reference, self.features)
            if want.reject_reason != RejectReason.NONE:
                # U-7: a refused command leaves the digest as it was; `agree` carries this over to the other book.
                assert self.reference.digest() == before
            self.known[naming].append(want.id)
            self.agree()

    @precondition(lambda self: "batches" in self.features)
    @rule(data=st.data(), full=st.booleans())
    def applied(self, data: st.DataObject, *, full: bool) -> None:
        """Send a batch."""
        naming = self.naming(data)
        batch = self.drawn(data, naming, "batch", max_size=12)
        columns = flow.columns(batch, naming, full=full and bool(self.features - flow.ACCESS))
        got, want = self.book.apply(columns), self.reference.apply(columns)
        assert apply_view(got, self.features) == apply_view(want, self.features)
        opened = {*(order.id for order in self.reference.orders()), *(stop.id for stop in self.reference.stops())}
        self.known[naming] += sorted(opened - set(self.known[naming]))

    @precondition(lambda self: "bad_input" in self.features)
    @rule(call=flow.bad_inputs())
    def refused(self, call: flow.BadCall) -> None:
        """Send what is no command at all."""
        for book in (self.reference, self.book):
            before = book_view(book, self.features)
            got = outcome(lambda: getattr(book, call.method)(*call.positional, **call.keywords))  # noqa: B023
            assert got == ("InputError", call.field)
            assert book_view(book, self.features) == before

    @invariant()
    def agree(self) -> None:
        """Compare everything that shows, and check both."""
        assert book_view(self.book, self.features) == book_view(self.reference, self.features)
        if "reduce_only" in self.features:
            owners = self.shape.owners
            assert positions_view(self.book, owners) == positions_view(self.reference, owners)
        for levels in (0, 1):
            assert list(map(rows_view, self.book.depth(levels))) == list(map(rows_view, self.reference.depth(levels)))
        self.reference.check_invariants()
        if self.features == flow.FEATURES or hasattr(self.book, "check_invariants"):
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
