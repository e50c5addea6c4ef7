# Breaker: a market's circuit breaker by itself (V-9): the highest prices of late, and until when orders are refused.
#
#   time   ... | -8 | -7 | ... | -1 | running |      parts of an eighth of the window; each remembers its highest trade
#                \_______ reference: the highest of all nine ______/
#
# Stands on: digest. Promises: a fall of the declared share within the window is never missed, at O(1) a trade and whatever many trades there are.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.digest cimport *
from engine.native.planted cimport *

cdef enum:
    BREAKER_PARTS = 9            # the running one and eight before it
    BREAKER_NONE = -1            # no trade; prices of a world are not negative (U-9)
    BREAKER_ONE_PPM = 1000000

cdef struct Breaker:
    int64_t fall_ppm             # the fall that halts, 1 .. 999,999
    time_ms_t part_ms            # an eighth of the window, rounded up
    time_ms_t halt_ms            # how long a halt is
    time_ms_t until_ms           # orders are refused before it; 0 until the first halt
    int64_t part                 # number of the part that high[0] is of: floor(time / part_ms)
    int64_t high[BREAKER_PARTS]  # highest trade price of it and of those before, newest first; BREAKER_NONE


cdef inline void breaker_forget(Breaker* breaker) noexcept nogil:
    cdef int i
    for i in range(BREAKER_PARTS):
        breaker.high[i] = BREAKER_NONE


cdef inline void breaker_init(Breaker* breaker, int64_t fall_ppm, time_ms_t within_ms, time_ms_t halt_ms) noexcept nogil:
    breaker.fall_ppm = fall_ppm
    breaker.part_ms = ceil_div(within_ms, BREAKER_PARTS - 1)
    breaker.halt_ms = halt_ms
    breaker.until_ms = breaker.part = 0
    breaker_forget(breaker)


cdef inline bint breaker_is_halted(const Breaker* breaker, time_ms_t now_ms) noexcept nogil:
    return now_ms < breaker.until_ms + (1 if planted(SLIP_HALT_TOO_LONG) else 0)


# The highest trade price of the part `age` parts before the one of now, BREAKER_NONE without a trade. Reads only. O(1).
cdef inline int64_t breaker_high(const Breaker* breaker, time_ms_t now_ms, int age) noexcept nogil:
    cdef int64_t at = age - (floor_div(now_ms, breaker.part_ms) - breaker.part)
    return breaker.high[at] if at >= 0 else BREAKER_NONE


cdef inline int64_t breaker_reference(const Breaker* breaker, time_ms_t now_ms) noexcept nogil:
    """The highest price that counts now, BREAKER_NONE without a trade."""
    cdef int64_t highest = BREAKER_NONE
    cdef int age
    for age in range(BREAKER_PARTS):
        highest = max64(highest, breaker_high(breaker, now_ms, age))
    return highest


# Time has come to `now_ms`: parts that are too old are forgotten. Needs: not before the last call. O(1).
cdef inline void breaker_roll(Breaker* breaker, time_ms_t now_ms) noexcept nogil:
    cdef int64_t steps = min64(BREAKER_PARTS, floor_div(now_ms, breaker.part_ms) - breaker.part)
    cdef int i
    if steps == 0:
        return
    if planted(SLIP_HALT_WINDOW_SHORT):
        breaker.high[BREAKER_PARTS - 2] = BREAKER_NONE
    for i in range(BREAKER_PARTS - 1, -1, -1):
        breaker.high[i] = breaker.high[i - steps] if i >= steps else BREAKER_NONE
    breaker.part = floor_div(now_ms, breaker.part_ms)


# A trade at a price; whether it stands so far below the reference that the market halts. `reference` is raised to it. Needs: breaker_roll of now.
cdef inline bint breaker_sees(Breaker* breaker, int64_t* reference, int64_t price) noexcept nogil:
    breaker.high[0] = max64(breaker.high[0], price)
    reference[0] = max64(reference[0], price)
    # Prices are below 2^31, so neither product passes 2^51.
    return price * BREAKER_ONE_PPM + (1 if planted(SLIP_HALT_BEYOND) else 0) <= reference[0] * (BREAKER_ONE_PPM - breaker.fall_ppm)


cdef inline void breaker_halts(Breaker* breaker, time_ms_t now_ms) noexcept nogil:
    """Orders are refused from now on; the first trade afterwards begins anew."""
    breaker.until_ms = now_ms + breaker.halt_ms
    if not planted(SLIP_HALT_REMEMBERS):
        breaker_forget(breaker)


cdef inline uint64_t breaker_digest(uint64_t h, const Breaker* breaker, time_ms_t now_ms) noexcept nogil:
    """The words of a breaker in a world's digest (J-4)."""
    cdef int age
    h = digest_word(digest_word(h, -18), breaker.until_ms if breaker_is_halted(breaker, now_ms) else -1)
    for age in range(BREAKER_PARTS):
        h = digest_word(h, breaker_high(breaker, now_ms, age))
    return h
