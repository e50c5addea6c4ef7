# Schedule: tiers and haircuts as integer functions (rules S-1 .. S-5), and the one check of a schedule at the border.

from engine.native.schedule cimport *


# One to SCHEDULE_TIERS_MAX integers between 0 and `high`, of a list, a tuple, a range or an int64 array, written to `out`; returns how many.
cdef uint32_t schedule_column(object values, str field, int64_t high, int64_t* out) except 0:
    cdef Column column
    cdef int64_t i, count
    cdef tuple numbers = ()
    cdef str expected = f"1 to {SCHEDULE_TIERS_MAX} integers"
    if isinstance(values, (list, tuple, range)):
        count = len(values)
        if count <= SCHEDULE_TIERS_MAX:
            numbers = tuple(values)      # a copy: what an entry's __index__ may do to a list does not matter any more
            count = len(numbers)
    else:
        column = border_column(values, field, "int64", -1)
        count = column.length
        if count <= SCHEDULE_TIERS_MAX:
            numbers = tuple([(<const int64_t*>column.data)[i] for i in range(count)])
    if not 1 <= count <= SCHEDULE_TIERS_MAX:
        raise bad_input(field, expected, f"{count} of them")
    for i in range(count):
        out[i] = border_int(numbers[i], f"{field}[{i}]", 0, high)
    return <uint32_t>count


# Check a schedule (S-1, S-3) and add it. On InputError nothing is changed.
cdef slot_t schedule_from_border(Schedules* schedules, object floors, object rates, object kind) except? 0xFFFFFFFF:
    cdef int64_t floor[SCHEDULE_TIERS_MAX]
    cdef int64_t rate[SCHEDULE_TIERS_MAX]
    cdef uint32_t i, count = schedule_column(floors, "floors", <int64_t>1 << 61, floor)
    cdef uint32_t rate_count = schedule_column(rates, "rates", SCHEDULE_ONE_PPM, rate)
    cdef bint is_value = isinstance(kind, str) and kind == "value"
    cdef slot_t schedule
    if not is_value and not (isinstance(kind, str) and kind == "requirement"):
        raise bad_input("kind", "'requirement' or 'value'", kind)
    if rate_count != count:
        raise bad_input("rates", f"{count} rates, one for each floor", f"{rate_count} rates")
    if floor[0] != 0:
        raise bad_input("floors[0]", "0", floor[0])
    for i in range(1, count):
        if floor[i] <= floor[i - 1]:
            raise bad_input(f"floors[{i}]", f"more than {floor[i - 1]}, the floor before it", floor[i])
        if is_value and rate[i] > rate[i - 1]:
            raise bad_input(f"rates[{i}]", f"at most {rate[i - 1]}: the rates of a value do not rise (S-3)", rate[i])
        if not is_value and rate[i] < rate[i - 1]:
            raise bad_input(f"rates[{i}]", f"at least {rate[i - 1]}: the rates of a requirement do not fall (S-3)", rate[i])
    schedule = schedule_add(schedules, floor, rate, count)
    if schedule == NIL:
        raise MemoryError("no memory for another schedule")
    return schedule


ctypedef int64_t (*schedule_reading)(Schedules*, slot_t, atoms_t) noexcept nogil


# A reading of one amount, or of each amount of an int64 array.
cdef object schedule_read(Schedules* schedules, schedule_reading reading, object v):
    cdef Column column
    cdef int64_t i
    if hasattr(v, "__index__") and not getattr(v, "shape", ()):
        return reading(schedules, 0, border_int(v, "v", 0, INT64_MAX_))
    column = border_column(v, "v", "int64", -1)
    cdef const int64_t* amounts = <const int64_t*>column.data
    for i in range(column.length):
        if amounts[i] < 0:
            raise bad_input("v", "amounts of 0 and more", f"{amounts[i]} in row {i}")
    import numpy
    results = numpy.empty(column.length, dtype=numpy.int64)
    cdef int64_t[::1] out = results
    with nogil:
        for i in range(column.length):
            out[i] = reading(schedules, 0, amounts[i])
    return results


@cython.final
cdef class Schedule:
    """Schedule(floors, rates, *, kind="requirement")

    Take amounts of money to a margin requirement or a collateral value, tier by tier (rules S-1 .. S-5).

    Parameters
    ----------
    floors : list, tuple or range of int, or array of int64
        Where each tier begins, atoms: first 0, then strictly rising up to 2**61; 1 to 64 of them.
    rates : as floors
        Rate of each tier, ppm, 0 .. 10**6.
    kind : str
        ``"requirement"`` (the rates do not fall) or ``"value"`` (they do not rise).

    Raises
    ------
    InputError
        A table that breaks S-1 or S-3; the row is named.

    Examples
    --------
    >>> from engine._core import Schedule
    >>> margin = Schedule([0, 50_000, 600_000], [4_000, 5_000, 6_500])   # 0.4 %, 0.5 %, 0.65 %
    >>> margin.requirement(1_000_000), margin.rate(600_000)              # 1,000,000 * 0.65 % - 950
    (5550, 6500)
    """

    cdef Schedules schedules     # one row: number 0

    def __cinit__(self, floors, rates, *, kind="requirement"):
        schedules_init(&self.schedules)
        schedule_from_border(&self.schedules, floors, rates, kind)

    def __dealloc__(self):
        schedules_release(&self.schedules)

    def requirement(self, v):
        """Return the schedule's amount, rounded up.

        Parameters
        ----------
        v : int or array of int64, shape (n,)
            Amounts, atoms, 0 and more.

        Returns
        -------
        int or array of int64, shape (n,)
            Atoms, held at 2**62.

        Notes
        -----
        O(tiers) an amount.
        """
        return schedule_read(&self.schedules, schedule_ceil, v)

    def value(self, v):
        """Return the schedule's amount, rounded down; otherwise as `requirement`."""
        return schedule_read(&self.schedules, schedule_floor, v)

    def rate(self, v):
        """Return the rate of the tier that holds an amount, ppm; at a border the higher tier's (rule S-5). Arrays as for `requirement`."""
        return schedule_read(&self.schedules, schedule_rate, v)

    @property
    def lowest_ppm(self):
        """Least rate of all tiers, ppm."""
        return schedule_row(&self.schedules, 0).lowest_ppm

    @property
    def highest_ppm(self):
        """Largest rate of all tiers, ppm."""
        return schedule_row(&self.schedules, 0).highest_ppm
