# Averages: a window of the last samples with its running sum (P-7), and an exponential average over uneven times (P-8).
#
#   cells  [ ... | s4 s5 | s1 s2 s3 | ... ]      a window owns `length` cells; `next` is the oldest once it is full
#
# Stands on: slab. Integers only: exp(-dt / tau) is rounded to 10^-9, weights are nanoseconds, the weighted sum has 128 bits. Promises:
# nothing here overflows for samples within +-2^31 and the bounds of the fields below.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.slab cimport *

cdef enum:
    WINDOW_MOST = 100000         # samples in a window
    EMA_TAU_MOST = 86400000      # a day, so that 22 tau in nanoseconds times 2^31 and 10^9 stay within 127 bits
    EMA_TAUS = 22                # after so many nothing is left of what was before (exp_ppb is 0)
    NS_PER_MS = 1000000
    PPB = 1000000000

# Invariant: sum is that of the `filled` newest samples.
cdef struct Window:
    int64_t sum
    uint32_t first               # its first cell
    uint32_t length              # cells, 0: no window
    uint32_t filled              # samples in it
    uint32_t next                # where the next one goes

cdef struct Ema:
    int64_t weighted[2]          # sum of sample x weight, a 128-bit number
    int64_t weight               # sum of the weights, ns; 0 before the first sample
    time_ms_t tau_ms             # 1 .. EMA_TAU_MOST, 0: no average
    time_ms_t first_ms           # weight of the first sample
    time_ms_t sampled_ms         # when the last one was taken


# Add a sample; a full window loses its oldest. Needs: length > 0. Cannot fail. O(1).
cdef inline void window_add(Slab* cells, Window* window, int64_t sample) noexcept nogil:
    cdef int64_t* cell = <int64_t*>slab_at(cells, window.first + window.next)
    if window.filled == window.length:
        window.sum -= cell[0]
    else:
        window.filled += 1
    cell[0] = sample
    window.sum += sample
    window.next = 0 if window.next + 1 == window.length else window.next + 1


cdef inline int64_t window_mean(Window* window) noexcept nogil:
    """Mean of the samples, rounded down. Needs one at least."""
    return floor_div(window.sum, window.filled)


# Add a sample: what was before fades by exp(-dt / tau), the new one weighs dt (P-8). Cannot fail. O(1).
cdef inline void ema_add(Ema* ema, int64_t sample, time_ms_t now_ms) noexcept nogil:
    cdef time_ms_t dt_ms = now_ms - ema.sampled_ms if ema.weight else ema.first_ms
    cdef int64_t decay
    dt_ms = min64(dt_ms, EMA_TAUS * ema.tau_ms)
    decay = exp_ppb(dt_ms, ema.tau_ms)
    wide_fade(ema.weighted, decay, PPB)
    wide_add_product(ema.weighted, sample, dt_ms * NS_PER_MS)
    mul_div_floor(ema.weight, decay, PPB, &ema.weight)
    ema.weight += dt_ms * NS_PER_MS
    ema.sampled_ms = now_ms


cdef inline int64_t ema_value(Ema* ema) noexcept nogil:
    """The average, rounded half up. Needs one sample at least."""
    return wide_ratio_nearest(ema.weighted, ema.weight)
