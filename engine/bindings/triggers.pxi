# TriggerIndex: the trigger index by itself, for property tests and measurements. A world has its own (risk.pxd).

from engine.native.triggers cimport *


@cython.final
cdef class TriggerIndex:
    """Numbers that wait for a series to reach a value (rule E-1).

    Parameters
    ----------
    series_count : int
        Priced variables, numbered from 0.

    Examples
    --------
    >>> from engine._core import TriggerIndex
    >>> index = TriggerIndex(1)
    >>> index.set(7, 0, "fall", 100)
    >>> index.move(0, 101), index.move(0, 99), index.move(0, 98)
    ([], [7], [])
    """

    cdef Triggers triggers
    cdef Slab due
    cdef dict slots

    def __cinit__(self, series_count):
        triggers_init(&self.triggers)
        slab_init(&self.due, 4, 0)
        self.slots = {}
        if triggers_add_series(&self.triggers, <uint32_t>border_int(series_count, "series_count", 1, 1 << 20)):
            raise MemoryError("TriggerIndex: no memory")

    def __dealloc__(self):
        slab_release(&self.triggers.triggers)
        slab_release(&self.triggers.series)
        slab_release(&self.triggers.roots)
        slab_release(&self.triggers.pages)
        slab_release(&self.due)

    cdef uint32_t series_number(self, object series) except? 0xFFFFFFFF:
        return <uint32_t>border_int(series, "series", 0, <int64_t>self.triggers.series.count - 1)

    cdef int side_number(self, object side) except -1:
        if side not in ("fall", "rise"):
            raise bad_input("side", "'fall' or 'rise'", side)
        return TRIGGER_FALL if side == "fall" else TRIGGER_RISE

    def set(self, unit, series, side, at):
        """Let a unit wait on a side of a series; one that waits there already waits at the new value.

        Parameters
        ----------
        unit : int
            Its number, 0 .. 2**31 - 1.
        series : int
            Which series.
        side : str
            ``"fall"``: fires at a value at or below; ``"rise"``: at or above.
        at : int
            The value, 0 .. 2**31 - 2.
        """
        cdef uint32_t unit_ = <uint32_t>border_int(unit, "unit", 0, 0x7FFFFFFF), series_ = self.series_number(series)
        cdef int side_ = self.side_number(side)
        cdef int32_t value = <int32_t>border_int(at, "at", 0, 0x7FFFFFFE)
        cdef slot_t slot = self.slots.get((unit, series, side), NIL)
        if trigger_set(&self.triggers, &slot, series_, side_, value, unit_):
            raise MemoryError("TriggerIndex.set: no memory")
        self.slots[unit, series, side] = slot

    def drop(self, unit, series, side):
        """Let a unit wait there no longer; one that does not is no error."""
        cdef slot_t slot = self.slots.pop((unit, series, side), NIL)
        trigger_drop(&self.triggers, &slot)

    def move(self, series, value):
        """Give a series a value; returns the units that it fires, in no order, each once for each side."""
        cdef uint32_t series_ = self.series_number(series), i
        cdef int32_t value_ = <int32_t>border_int(value, "value", 0, 0x7FFFFFFE)
        self.due.count = 0
        if series_move(&self.triggers, series_, value_, &self.due):
            raise MemoryError("TriggerIndex.move: no memory")
        return [(<uint32_t*>self.due.base)[i] for i in range(self.due.count)]

    @property
    def counts(self):
        """Triggers fired, triggers read to find them, pages in use."""
        return self.triggers.pop_count, self.triggers.look_count, self.triggers.pages.count - self.triggers.pages.free_count
