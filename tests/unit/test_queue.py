"""The event queue, rule by rule; every test runs on the reference and on the native engine."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.errors import InputError
from engine.testing.views import EVENT_COLUMNS, columns_view, queue_view, row_view

TIME_MAX = 2**62


def popped(queue):
    """All pending events as (time, priority, data, handle), in firing order."""
    rows = []
    while (event := queue.pop()) is not None:
        rows.append(row_view(event))
    return rows


def int64(*numbers):
    return np.array(numbers, dtype=np.int64)


class TestOrder:
    def test_q1_time_then_priority_then_insertion(self, queue_class):
        queue = queue_class()
        queue.schedule(2, 10)
        queue.schedule(1, 11)
        queue.schedule(1, 12, priority=-1)
        queue.schedule(1, 13)
        queue.schedule(1, 14, priority=1)
        assert [row[2] for row in popped(queue)] == [12, 11, 13, 14, 10]

    @pytest.mark.parametrize("priority", [-(2**15), 0, 2**15 - 1])
    @pytest.mark.parametrize("data", [-(2**63), -1, 0, 2**63 - 1])
    def test_q1_the_whole_of_int16_and_int64(self, queue_class, priority, data):
        queue = queue_class()
        assert queue.schedule(0, data, priority=priority) == 0
        event = queue.pop()
        assert (event.time_ms, event.priority, event.data, event.handle) == (0, priority, data, 0)

    def test_q1_far_and_near(self, queue_class):
        queue = queue_class()
        times = [TIME_MAX, 0, 2**40, 2**20, 2**30, 1, 2**50, 1000, 2**61]
        for time_ms in times:
            queue.schedule(time_ms)
        assert [row[0] for row in popped(queue)] == sorted(times)

    def test_many_ties_keep_insertion_order(self, queue_class):
        queue = queue_class()
        for i in range(1000):
            queue.schedule(i % 3, i)
        rows = popped(queue)
        assert [row[3] for row in rows] == sorted(range(1000), key=lambda i: (i % 3, i))


class TestClock:
    def test_q2_starts_at_start_ms(self, queue_class):
        assert queue_class().now_ms == 0
        assert queue_class(7).now_ms == 7
        assert queue_class(start_ms=TIME_MAX).now_ms == TIME_MAX

    def test_q2_becomes_the_time_of_each_event(self, queue_class):
        queue = queue_class()
        queue.schedule(5)
        queue.schedule(9)
        assert row_view(queue.peek()) == (5, 0, 0, 0)
        assert queue.now_ms == 0
        queue.pop()
        assert queue.now_ms == 5
        assert queue.run(12) == 1
        assert queue.now_ms == 12
        assert queue.pop() is None
        assert queue.peek() is None
        assert queue.now_ms == 12

    def test_q2_never_goes_back(self, queue_class):
        queue = queue_class(10)
        before = queue_view(queue)
        for call in (lambda: queue.run(9), lambda: queue.pop_batch(9)):
            with pytest.raises(InputError) as caught:
                call()
            assert caught.value.field == "until_ms"
        assert queue_view(queue) == before
        assert queue.run(10) == 0

    def test_t5_nothing_in_the_past(self, queue_class):
        queue = queue_class(10)
        before = queue_view(queue)
        with pytest.raises(InputError) as caught:
            queue.schedule(9)
        assert caught.value.field == "time_ms"
        assert queue_view(queue) == before
        assert queue.schedule(10) == 0

    @pytest.mark.parametrize("until_ms", [4, 5, 6])
    def test_q3_until_is_inclusive(self, queue_class, until_ms):
        queue = queue_class()
        queue.schedule(5)
        assert queue.run(until_ms) == (until_ms >= 5)

    def test_q3_events_that_handlers_add_fire_in_this_run(self, queue_class):
        queue = queue_class()
        seen = []

        def on_event(event):
            seen.append((event.time_ms, event.data))
            assert queue.now_ms == event.time_ms
            if event.data:
                queue.schedule(event.time_ms, event.data - 1)
                queue.schedule(event.time_ms + 10, 0)

        queue.schedule(1, 2)
        assert queue.run(10, on_event) == 3
        assert seen == [(1, 2), (1, 1), (1, 0)]
        assert queue.run(11, on_event) == 2
        assert len(queue) == 0

    def test_q3_a_smaller_priority_added_now_fires_next(self, queue_class):
        queue = queue_class()
        seen = []

        def on_event(event):
            seen.append(event.data)
            if event.data == 1:
                queue.schedule(5, 9, priority=-3)

        queue.schedule(5, 1)
        queue.schedule(5, 2)
        queue.run(5, on_event)
        assert seen == [1, 9, 2]


class TestHandles:
    def test_q4_handles_count_what_was_scheduled(self, queue_class):
        queue = queue_class()
        assert [queue.schedule(t) for t in (5, 3, 4)] == [0, 1, 2]
        queue.pop()
        queue.cancel(0)
        assert queue.schedule(9) == 3
        assert queue.scheduled_count == 4
        assert len(queue) == 2

    def test_q4_cancel(self, queue_class):
        queue = queue_class()
        first, second = queue.schedule(1), queue.schedule(2)
        assert queue.cancel(second) is True
        assert queue.cancel(second) is False
        queue.pop()
        assert queue.cancel(first) is False
        assert len(queue) == 0

    @pytest.mark.parametrize("handle", [-(2**63), -1, 1, 2**32, 2**63 - 1])
    def test_q4_unknown_handles_change_nothing(self, queue_class, handle):
        queue = queue_class()
        queue.schedule(1)
        before = queue_view(queue)
        assert queue.cancel(handle) is False
        assert queue_view(queue) == before

    def test_q4_a_cancelled_head_is_passed_over(self, queue_class):
        queue = queue_class()
        head = queue.schedule(1)
        queue.schedule(2, 7)
        queue.cancel(head)
        assert queue.peek().data == 7
        assert queue.pop().time_ms == 2


class TestReentry:
    @pytest.mark.parametrize(
        "call", [lambda q: q.run(9), lambda q: q.pop(), lambda q: q.pop_batch(9)], ids=["run", "pop", "pop_batch"]
    )
    def test_q5_a_handler_may_not_run_or_pop(self, queue_class, call):
        queue = queue_class()
        raised = []

        def on_event(event):
            with pytest.raises(RuntimeError):
                call(queue)
            raised.append(event.data)

        queue.schedule(1)
        queue.schedule(2)
        assert queue.run(5, on_event) == 2
        assert len(raised) == 2
        queue.check_invariants()

    def test_q5_a_handler_may_schedule_cancel_and_look(self, queue_class):
        queue = queue_class()

        def on_event(event):
            assert queue.cancel(1) is True
            assert queue.schedule_batch(int64(7, 8)) == 2
            assert queue.peek().time_ms == 7

        queue.schedule(1)
        queue.schedule(2)
        assert queue.run(1, on_event) == 1
        assert [row[0] for row in popped(queue)] == [7, 8]

    def test_a_handler_that_raises_ends_the_run(self, queue_class):
        queue = queue_class()

        def on_event(event):
            raise KeyError(event.data)

        queue.schedule(1)
        queue.schedule(2)
        with pytest.raises(KeyError):
            queue.run(5, on_event)
        assert (queue.now_ms, len(queue)) == (1, 1)
        assert queue.run(5) == 1
        queue.check_invariants()


class TestBatches:
    def test_schedule_batch_is_one_by_one(self, queue_class):
        one, many = queue_class(), queue_class()
        rows = [(5, 1, 0), (3, 2, -1), (5, 3, 7), (3, 4, -1)]
        for time_ms, data, priority in rows:
            one.schedule(time_ms, data, priority=priority)
        times, data, priority = zip(*rows, strict=True)
        assert many.schedule_batch(int64(*times), int64(*data), np.array(priority, dtype=np.int16)) == 0
        assert queue_view(many) == queue_view(one)
        assert popped(many) == popped(one)

    def test_schedule_batch_defaults(self, queue_class):
        queue = queue_class()
        queue.schedule(1)
        assert queue.schedule_batch(int64(4, 2)) == 1
        assert queue.schedule_batch(int64()) == 3
        assert popped(queue) == [(1, 0, 0, 0), (2, 0, 0, 2), (4, 0, 0, 1)]

    @pytest.mark.parametrize("bad", [-1, 9, TIME_MAX + 1])
    def test_schedule_batch_is_all_or_nothing(self, queue_class, bad):
        queue = queue_class(10)
        before = queue_view(queue)
        with pytest.raises(InputError) as caught:
            queue.schedule_batch(int64(10, 11, bad))
        assert caught.value.field.startswith("times_ms")
        assert queue_view(queue) == before

    def test_pop_batch(self, queue_class):
        queue = queue_class()
        queue.schedule_batch(int64(5, 3, 9), int64(1, 2, 3))
        assert columns_view(queue.pop_batch(8), EVENT_COLUMNS) == [(3, 0, 2, 1), (5, 0, 1, 0)]
        # The clock is where the last event was, as after pop.
        assert queue.now_ms == 5
        assert columns_view(queue.pop_batch(8), EVENT_COLUMNS) == []
        assert queue.now_ms == 5

    def test_pop_batch_columns_and_limit(self, queue_class):
        queue = queue_class()
        queue.schedule_batch(int64(5, 3, 9))
        columns = queue.pop_batch(100, 2)
        assert [columns[name].dtype for name in EVENT_COLUMNS] == [np.int64, np.int16, np.int64, np.int64]
        assert list(columns["time_ms"]) == [3, 5]
        assert columns_view(queue.pop_batch(100, limit=0), EVENT_COLUMNS) == []
        assert len(queue) == 1


class TestInput:
    WRONG = (1.0, math.nan, "1", None, True, np.bool_(False), 1j, np.array(1.5))

    def refused(self, queue, call, field):
        before = queue_view(queue)
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.field == field
        assert queue_view(queue) == before

    @pytest.mark.parametrize("wrong", [*WRONG, 2**200, TIME_MAX + 1, -1], ids=repr)
    def test_q5_times(self, queue_class, wrong):
        queue = queue_class()
        queue.schedule(3)
        self.refused(queue, lambda: queue.schedule(wrong), "time_ms")
        self.refused(queue, lambda: queue.run(wrong), "until_ms")
        self.refused(queue, lambda: queue.pop_batch(wrong), "until_ms")
        with pytest.raises(InputError) as caught:
            queue_class(wrong)
        assert caught.value.field == "start_ms"

    @pytest.mark.parametrize("wrong", [*WRONG, 2**63, -(2**63) - 1], ids=repr)
    def test_data_and_handles(self, queue_class, wrong):
        queue = queue_class()
        self.refused(queue, lambda: queue.schedule(1, wrong), "data")
        self.refused(queue, lambda: queue.cancel(wrong), "handle")

    @pytest.mark.parametrize("wrong", [*WRONG, 2**15, -(2**15) - 1], ids=repr)
    def test_priority(self, queue_class, wrong):
        queue = queue_class()
        self.refused(queue, lambda: queue.schedule(1, priority=wrong), "priority")

    @pytest.mark.parametrize("wrong", [-1, 1.5, "2", True])
    def test_limit(self, queue_class, wrong):
        queue = queue_class()
        queue.schedule(1)
        self.refused(queue, lambda: queue.pop_batch(5, wrong), "limit")

    @pytest.mark.parametrize(
        "wrong",
        [None, [1], 1, int64(1).astype(">i8"), np.arange(4)[::2], np.arange(4)[::-1], int64([1]), np.zeros(1)],
        ids=["None", "list", "int", "byte order", "strided", "reversed", "two dimensions", "float"],
    )
    def test_columns(self, queue_class, wrong):
        queue = queue_class()
        self.refused(queue, lambda: queue.schedule_batch(wrong), "times_ms")

    def test_columns_of_unequal_length_or_type(self, queue_class):
        queue = queue_class()
        times = int64(1, 2)
        self.refused(queue, lambda: queue.schedule_batch(times, int64(1)), "data")
        self.refused(queue, lambda: queue.schedule_batch(times, None, np.zeros(3, dtype=np.int16)), "priority")
        self.refused(queue, lambda: queue.schedule_batch(times, times.astype(np.int32)), "data")
        self.refused(queue, lambda: queue.schedule_batch(times, None, times), "priority")
