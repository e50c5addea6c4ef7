# Schedule: tiers of a margin requirement, or of a collateral's haircut, as one piecewise-linear integer function (S-1 .. S-5).
#
#   row  [ first | count | lowest | highest ]             f(v) = base + (v - floor) * rate / 10^6, in the tier that holds v
#           |
#   tiers [ 0, rate, base | floor, rate, base | ... | END ]      END: a floor that no amount passes, so no search asks for the count
#
# Stands on: slab. Promises: nothing can fail once a schedule is added; f is exact and rounded once, in the direction of the name.
# With rates of at most 10^6 ppm f(v) <= v, so nothing overflows for any int64. Schedules are added, never changed or removed.

from engine.native.types cimport *
from engine.native.arith cimport likely, max64, min64, per_million
from engine.native.slab cimport *

cdef enum:
    SCHEDULE_TIERS_MAX = 64
    SCHEDULE_ONE_PPM = 1000000

cdef extern from *:
    """
    #define ENGINE_SCHEDULE_END INT64_MAX
    #define ENGINE_SCHEDULE_BOUND ((int64_t)1 << 62)
    #define ENGINE_SCHEDULE_SHORT ((int64_t)1 << 43)
    """
    const int64_t SCHEDULE_END "ENGINE_SCHEDULE_END"          # floor of the entry behind the last tier
    const int64_t SCHEDULE_BOUND "ENGINE_SCHEDULE_BOUND"      # results are held here (S-2)
    const int64_t SCHEDULE_SHORT "ENGINE_SCHEDULE_SHORT"      # below it, an excess times a rate fits 63 bits: 2^43 * 10^6 < 2^63 - 2 * 10^6

# A tier. f(floor_atoms) = base_atoms + base_ppm / 10^6, exactly. 32 bytes, two to a cache line.
cdef struct Tier:
    int64_t floor_atoms      # where it begins, 0 .. 2^61
    int64_t rate_ppm         # its slope, 0 .. 10^6
    atoms_t base_atoms       # whole atoms of f(floor)
    int64_t base_ppm         # their fraction, millionths of an atom, 0 .. 10^6 - 1

cdef struct ScheduleRow:
    uint32_t first           # its first tier
    uint32_t count           # tiers, 1 .. SCHEDULE_TIERS_MAX; the END entry behind them is not counted
    int32_t lowest_ppm       # least rate of all tiers
    int32_t highest_ppm      # largest rate of all tiers

cdef struct Schedules:
    Slab tiers               # Tier, a schedule's one behind the other, each schedule closed by an END entry
    Slab rows                # ScheduleRow


cdef inline void schedules_init(Schedules* schedules) noexcept nogil:
    """Make it empty, without memory. Cannot fail."""
    slab_init(&schedules.tiers, sizeof(Tier), 0)
    slab_init(&schedules.rows, sizeof(ScheduleRow), 0)


cdef inline void schedules_release(Schedules* schedules) noexcept nogil:
    slab_release(&schedules.tiers)
    slab_release(&schedules.rows)


cdef inline ScheduleRow* schedule_row(Schedules* schedules, slot_t schedule) noexcept nogil:
    return <ScheduleRow*>schedules.rows.base + schedule


# The last tier whose floor lies below `v`, or the first one. Cannot fail. O(tiers). The step from the first tier to the second is an
# addition, not a jump: accounts lie in both, in no order (2.7 ns an evaluation instead of 9.2 where half lie in each).
cdef inline Tier* schedule_tier(Schedules* schedules, slot_t schedule, int64_t v) noexcept nogil:
    cdef Tier* tier = <Tier*>schedules.tiers.base + schedule_row(schedules, schedule).first
    tier += <int>(tier[1].floor_atoms < v)
    while tier[1].floor_atoms < v:
        tier += 1
    return tier


# floor(f(v) + carry_ppm / 10^6), held at the bound, 0 below 0. Cannot fail. O(tiers). At a border the lower tier is taken: f is
# continuous. No 128 bits: for a long excess e = whole * 10^6 + rest, and whole * rate is an integer and at most e.
cdef inline atoms_t schedule_sum(Schedules* schedules, slot_t schedule, atoms_t v, int64_t carry_ppm) noexcept nogil:
    cdef int64_t amount = max64(v, 0)
    cdef Tier* tier = schedule_tier(schedules, schedule, amount)
    cdef int64_t excess = amount - tier.floor_atoms, whole, rest
    cdef int64_t fraction_ppm = tier.base_ppm + carry_ppm
    if likely(excess < SCHEDULE_SHORT):
        return tier.base_atoms + <int64_t>per_million(<uint64_t>(excess * tier.rate_ppm + fraction_ppm))
    whole = <int64_t>per_million(<uint64_t>excess)
    rest = excess - whole * SCHEDULE_ONE_PPM
    rest = <int64_t>per_million(<uint64_t>(rest * tier.rate_ppm + fraction_ppm))
    return min64(tier.base_atoms + whole * tier.rate_ppm + rest, SCHEDULE_BOUND)


# f(v) rounded up: a requirement (S-2). Cannot fail. O(tiers).
cdef inline atoms_t schedule_ceil(Schedules* schedules, slot_t schedule, atoms_t v) noexcept nogil:
    return schedule_sum(schedules, schedule, v, SCHEDULE_ONE_PPM - 1)


# f(v) rounded down: a value (S-2). Cannot fail. O(tiers).
cdef inline atoms_t schedule_floor(Schedules* schedules, slot_t schedule, atoms_t v) noexcept nogil:
    return schedule_sum(schedules, schedule, v, 0)


# Rate of the tier that holds `v`, at a border the higher one's (S-5). Cannot fail. O(tiers).
cdef inline int64_t schedule_rate(Schedules* schedules, slot_t schedule, atoms_t v) noexcept nogil:
    return schedule_tier(schedules, schedule, min64(v, SCHEDULE_BOUND) + 1).rate_ppm


# Write the tiers at `out`, each with its base, and the END entry behind them. Cannot fail. O(count).
cdef inline void schedule_fill(Tier* out, const int64_t* floors, const int64_t* rates, uint32_t count) noexcept nogil:
    cdef int64_t width, whole, fraction_ppm
    cdef uint32_t i
    out[0].base_atoms = out[0].base_ppm = 0
    for i in range(count):
        out[i].floor_atoms = floors[i]
        out[i].rate_ppm = rates[i]
        if i:
            width = floors[i] - floors[i - 1]
            whole = <int64_t>per_million(<uint64_t>width)
            fraction_ppm = (width - whole * SCHEDULE_ONE_PPM) * rates[i - 1] + out[i - 1].base_ppm
            out[i].base_atoms = out[i - 1].base_atoms + whole * rates[i - 1] + <int64_t>per_million(<uint64_t>fraction_ppm)
            out[i].base_ppm = fraction_ppm - <int64_t>per_million(<uint64_t>fraction_ppm) * SCHEDULE_ONE_PPM
    out[count].floor_atoms = SCHEDULE_END
    out[count].rate_ppm = out[count].base_atoms = out[count].base_ppm = 0


# Add a schedule. The caller has checked S-1: 1 .. SCHEDULE_TIERS_MAX tiers, the first floor 0, floors rising up to 2^61, rates 0 .. 10^6.
# NIL without memory, and then nothing is changed. O(count).
cdef inline slot_t schedule_add(Schedules* schedules, const int64_t* floors, const int64_t* rates, uint32_t count) noexcept nogil:
    cdef uint32_t i
    cdef slot_t schedule
    cdef ScheduleRow* row
    if slab_reserve(&schedules.tiers, count + 1) or slab_reserve(&schedules.rows, 1):
        return NIL
    schedule = slab_take(&schedules.rows)
    row = schedule_row(schedules, schedule)
    row.first = schedules.tiers.count        # no tier is ever given back: fresh slots follow one another
    row.count = count
    row.lowest_ppm = row.highest_ppm = <int32_t>rates[0]
    for i in range(count):
        row.lowest_ppm = <int32_t>min64(row.lowest_ppm, rates[i])
        row.highest_ppm = <int32_t>max64(row.highest_ppm, rates[i])
    while schedules.tiers.count < row.first + count + 1:
        slab_take(&schedules.tiers)
    schedule_fill(<Tier*>slab_at(&schedules.tiers, row.first), floors, rates, count)
    return schedule
