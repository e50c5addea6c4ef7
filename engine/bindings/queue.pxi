# EventQueue: the stand-alone queue (rules Q-1 .. Q-5).

from libc.stdlib cimport free

from engine.native.queue cimport *


cdef inline int64_t event_data(Event* event) noexcept nogil:
    return <int64_t>((<uint64_t>event.b << 32) | event.a)


@cython.final
@cython.freelist(64)
cdef class QueuedEvent:
    """An event: ``time_ms``, ``priority``, ``data`` and its ``handle``."""

    cdef readonly int64_t time_ms
    cdef readonly int64_t data
    cdef readonly int64_t handle
    cdef readonly int priority

    def __iter__(self):
        return iter((self.time_ms, self.priority, self.data, self.handle))

    def __repr__(self):
        return f"QueuedEvent(time_ms={self.time_ms}, priority={self.priority}, data={self.data}, handle={self.handle})"


cdef QueuedEvent queued_event(Event* event):
    cdef QueuedEvent result = QueuedEvent.__new__(QueuedEvent)
    result.time_ms = event.time_ms
    result.priority = event.priority
    result.data = event_data(event)
    result.handle = event.seq
    return result


cdef uint8_t POPPED_WIDTHS[4]
POPPED_WIDTHS[:] = [8, 2, 8, 8]
cdef tuple POPPED_NAMES = ("time_ms", "priority", "data", "handle")
cdef tuple POPPED_DTYPES = ("i8", "i2", "i8", "i8")


@cython.final
cdef class EventQueue:
    """EventQueue(start_ms=0)

    Fire events in the order (time_ms, priority, insertion).

    Parameters
    ----------
    start_ms : int
        The first `now_ms`.

    Notes
    -----
    Scheduling and firing are O(1) amortised for priority 0, O(log n) for others and beyond twelve days.

    Examples
    --------
    >>> from engine import EventQueue
    >>> queue = EventQueue()
    >>> first = queue.schedule(20, 7)
    >>> second = queue.schedule(10, 8)
    >>> queue.cancel(first), queue.pop().data, queue.now_ms, len(queue)
    (True, 8, 10, 0)
    """

    cdef Queue queue
    cdef bint busy

    def __cinit__(self, start_ms=0):
        queue_init(&self.queue, border_int(start_ms, "start_ms", 0, TIME_MAX), 0, True)

    def __dealloc__(self):
        queue_release(&self.queue)

    cdef int enter(self) except -1:
        if self.busy:
            raise RuntimeError("EventQueue is running: a handler may schedule and cancel, not run or pop (Q-5)")
        return 0

    cdef int64_t add(self, int64_t time_ms, int64_t data, int16_t priority) except -1:
        cdef Event event
        event.time_ms = time_ms
        event.a = <uint32_t>(<uint64_t>data & 0xFFFFFFFF)
        event.b = <uint32_t>(<uint64_t>data >> 32)
        event.cause = 0
        event.kind = 0
        event.priority = priority
        if queue_schedule(&self.queue, &event):
            raise MemoryError("EventQueue: no memory for another event")
        return event.seq

    def schedule(self, time_ms, data=0, *, priority=0):
        """Schedule an event.

        Parameters
        ----------
        time_ms : int
            When it is due, ms; at least `now_ms`.
        data : int
            Any int64, handed back when it fires.
        priority : int
            int16; smaller fires first within a millisecond.

        Returns
        -------
        int
            Handle for `cancel`.

        Raises
        ------
        InputError
            A time in the past or out of range, or a value that does not fit; nothing is scheduled.
        """
        cdef int64_t at = border_int(time_ms, "time_ms", self.queue.now_ms, TIME_MAX)
        cdef int64_t word = border_int(data, "data", INT64_MIN_, INT64_MAX_)
        return self.add(at, word, <int16_t>border_int(priority, "priority", -0x8000, 0x7FFF))

    def schedule_batch(self, times_ms, data=None, priority=None):
        """Schedule many events; all or none.

        Parameters
        ----------
        times_ms : array of int64, shape (n,)
            Due times, ms.
        data : array of int64, shape (n,), optional
            Else 0.
        priority : array of int16, shape (n,), optional
            Else 0.

        Returns
        -------
        int
            Handle of the first; the others follow one by one.

        Raises
        ------
        InputError
            Names the column, and the row of a time in the past.
        """
        cdef Column times = border_column(times_ms, "times_ms", "int64", -1)
        cdef int64_t n = times.length, i, first = self.queue.seq_next
        cdef const int64_t* at = <const int64_t*>times.data
        cdef Column words = None if data is None else border_column(data, "data", "int64", n)
        cdef Column ranks = None if priority is None else border_column(priority, "priority", "int16", n)
        for i in range(n):
            if not self.queue.now_ms <= at[i] <= TIME_MAX:
                raise bad_input(f"times_ms[{i}]", f"a time between {self.queue.now_ms} and {TIME_MAX}", at[i])
        for i in range(n):
            self.add(at[i], 0 if words is None else (<const int64_t*>words.data)[i],
                     0 if ranks is None else (<const int16_t*>ranks.data)[i])
        return first

    def cancel(self, handle):
        """Cancel a pending event.

        Parameters
        ----------
        handle : int
            From `schedule`.

        Returns
        -------
        bool
            Whether it was pending; otherwise nothing changes.
        """
        cdef int64_t seq = border_int(handle, "handle", INT64_MIN_, INT64_MAX_)
        cdef Event* scratch
        if not queue_cancel(&self.queue, seq):
            return False
        if self.queue.dead_count > self.queue.pending_count + 4096:
            scratch = <Event*>malloc(<size_t>(self.queue.pending_count + 1) * sizeof(Event))
            if scratch != NULL:   # without memory the dead stay a while longer
                queue_compact(&self.queue, scratch)
                free(scratch)
        return True

    cdef list pending(self):
        """Every pending event in firing order."""
        cdef Event* events = <Event*>malloc(<size_t>(self.queue.pending_count + 1) * sizeof(Event))
        cdef int64_t i
        if events == NULL:
            raise MemoryError("EventQueue: no memory to list its events")
        try:
            if queue_collect(&self.queue, events):
                raise _invariant_error("EventQueue: the events found are not as many as counted")
            queue_sort(events, self.queue.pending_count)
            return [queued_event(&events[i]) for i in range(self.queue.pending_count)]
        finally:
            free(events)

    def peek(self):
        """Return the event that would fire next, or None.

        Notes
        -----
        O(n log n): the wheels are not sorted ahead of time.
        """
        events = self.pending()
        return events[0] if events else None

    def pop(self):
        """Take the next event; `now_ms` becomes its time.

        Returns
        -------
        QueuedEvent or None
        """
        cdef Event event
        self.enter()
        if not queue_take(&self.queue, TIME_MAX, &event):
            return None
        return queued_event(&event)

    def pop_batch(self, until_ms, limit=None):
        """Take every event due by a time, as columns.

        Parameters
        ----------
        until_ms : int
            Last time, ms, included.
        limit : int, optional
            At most this many.

        Returns
        -------
        ColumnTable
            ``time_ms`` int64, ``priority`` int16, ``data`` int64, ``handle`` int64, in firing order. `now_ms` becomes the time of the last one.
        """
        cdef int64_t until = border_int(until_ms, "until_ms", self.queue.now_ms, TIME_MAX)
        cdef int64_t most = INT64_MAX_ if limit is None else border_int(limit, "limit", 0, INT64_MAX_)
        cdef int64_t row = 0
        cdef Event event
        cdef Table table
        self.enter()
        table_init(&table, POPPED_WIDTHS, 4, 16)
        while row < most:
            if table_reserve(&table, 1):
                table_release(&table)
                raise MemoryError("EventQueue: no memory for the events taken")
            if not queue_take(&self.queue, until, &event):
                break
            (<int64_t*>table_cell(&table, row, 0))[0] = event.time_ms
            (<int16_t*>table_cell(&table, row, 1))[0] = event.priority
            (<int64_t*>table_cell(&table, row, 2))[0] = event_data(&event)
            (<int64_t*>table_cell(&table, row, 3))[0] = event.seq
            row += 1
            table.row_count = row
        return adopt_table(&table, POPPED_NAMES, POPPED_DTYPES)

    def run(self, until_ms, handler=None):
        """Fire every event due by a time, those scheduled meanwhile included.

        Parameters
        ----------
        until_ms : int
            Last time, ms, included; `now_ms` afterwards.
        handler : callable, optional
            Called with each `QueuedEvent`; may schedule and cancel.

        Returns
        -------
        int
            Events fired.
        """
        cdef int64_t until = border_int(until_ms, "until_ms", self.queue.now_ms, TIME_MAX), fired = 0
        cdef Event event
        self.enter()
        self.busy = True
        try:
            while queue_take(&self.queue, until, &event):
                fired += 1
                if handler is not None:
                    handler(queued_event(&event))
                if (fired & 4095) == 0:
                    PyErr_CheckSignals()
        finally:
            self.busy = False
        self.queue.now_ms = until
        return fired

    def hold(self, delays_ms):
        """Run the hold model: take the next event and schedule it again after a delay, once per row.

        Parameters
        ----------
        delays_ms : array of int64, shape (n,)
            Delays, ms, each at least 0.

        Returns
        -------
        int
            Order-sensitive check: for each event taken ``check = check * 31 + data + time_ms`` mod 2**64.

        Raises
        ------
        InputError
            A negative delay, or an empty queue.
        """
        cdef Column delays = border_column(delays_ms, "delays_ms", "int64", -1)
        cdef const int64_t* delay = <const int64_t*>delays.data
        cdef int64_t n = delays.length, i, block, at = 0
        cdef uint64_t check = 0
        cdef bint failed = 0
        self.enter()
        if n and not self.queue.pending_count:
            raise bad_input("delays_ms", "nothing while the queue is empty", f"{n} rows")
        for i in range(n):
            if not 0 <= delay[i] <= TIME_MAX >> 20:
                raise bad_input(f"delays_ms[{i}]", f"a delay between 0 and {TIME_MAX >> 20}", delay[i])
        self.busy = True
        try:
            while at < n and not failed:
                block = min(at + POLL_ROWS, n)
                with nogil:
                    failed = queue_hold(&self.queue, delay, at, block, &check)
                at = block
                PyErr_CheckSignals()
        finally:
            self.busy = False
        if failed:
            raise MemoryError("EventQueue: no memory for another event")
        return check

    @property
    def now_ms(self):
        """Time of the last event taken, or where `run` left it."""
        return self.queue.now_ms

    @property
    def scheduled_count(self):
        """Events ever scheduled; the next handle."""
        return self.queue.seq_next

    def __len__(self):
        return self.queue.pending_count

    def digest(self):
        """Return the state digest (rule D-3).

        Returns
        -------
        int
            64 bits.

        Notes
        -----
        O(n log n).
        """
        cdef uint64_t h = digest_begin(DIGEST_QUEUE)
        h = digest_word(h, self.queue.now_ms)
        h = digest_word(h, self.queue.seq_next)
        for event in self.pending():
            h = digest_word(h, (<QueuedEvent>event).time_ms)
            h = digest_word(h, (<QueuedEvent>event).priority)
            h = digest_word(h, (<QueuedEvent>event).data)
        return h

    def check_invariants(self):
        """Walk the whole queue and raise if anything is inconsistent.

        Raises
        ------
        InvariantError
            An event in the past, or events found and counted that differ.
        """
        for event in self.pending():
            if (<QueuedEvent>event).time_ms < self.queue.now_ms:
                raise _invariant_error(f"EventQueue: {event!r} is due before now_ms {self.queue.now_ms}")


# Hold operations first .. last - 1. 1 if there was no memory.
cdef bint queue_hold(Queue* queue, const int64_t* delay, int64_t first, int64_t last, uint64_t* check) noexcept nogil:
    cdef Event event
    cdef int64_t i
    for i in range(first, last):
        if not queue_take(queue, TIME_MAX, &event):
            return 1
        check[0] = check[0] * 31 + <uint64_t>event_data(&event) + <uint64_t>event.time_ms
        event.time_ms += delay[i]
        if queue_schedule(queue, &event):
            return 1
    return 0
