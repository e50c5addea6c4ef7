# Takers: a shock that sells (or buys) an amount over a time, and noise traders at exponential times.
#
# Stands on: venue, rng. A shock is an external input (phase 1) and a root of the lineage; noise is background.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.rng cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.venue cimport *

cdef struct Shock:
    qty_t left_lots              # still to trade
    int64_t slices_left          # orders still to send
    time_ms_t every_ms           # between orders
    int32_t account
    uint32_t market
    uint32_t landmark            # its SHOCK, 0 before the first order
    int8_t side
    uint8_t pad[3]

cdef struct Noise:
    uint64_t stream              # key of its draws
    double mean_gap_ms           # between orders
    qty_t qty_min
    qty_t qty_max
    time_ms_t latency_ms
    int32_t account
    uint32_t market

cdef struct Takers:
    Slab shocks
    Slab noise


cdef inline Shock* shock_at(Takers* takers, uint32_t slot) noexcept nogil:
    return <Shock*>(takers.shocks.base) + slot


cdef inline Noise* noise_at(Takers* takers, uint32_t slot) noexcept nogil:
    return <Noise*>(takers.noise.base) + slot


# One slice of a shock (phase 1): a market order that arrives in this millisecond. O(1).
cdef inline void shock_fire(State* state, Takers* takers, uint32_t slot) noexcept nogil:
    cdef Shock* shock = shock_at(takers, slot)
    cdef qty_t qty = ceil_div(shock.left_lots, shock.slices_left)
    if shock.landmark == 0:
        shock.landmark = venue_landmark(state, LANDMARK_SHOCK, shock.market, shock.account, 0, shock.left_lots)
    shock.left_lots -= qty
    shock.slices_left -= 1
    venue_send(state, shock.account, shock.market, shock.side, ORDER_IS_MARKET, 0, qty, state.now_ms, shock.landmark)
    if shock.left_lots > 0:
        venue_schedule(state, state.now_ms + shock.every_ms, PHASE_EXTERNAL, EVENT_SHOCK, slot, 0, shock.landmark)


# A noise trader wakes (phase 9): one market order on a random side, then an exponential pause. O(1).
cdef inline void noise_wake(State* state, Takers* takers, uint32_t slot, bint sends) noexcept nogil:
    cdef Noise* noise = noise_at(takers, slot)
    cdef uint64_t bits
    cdef int8_t side
    cdef qty_t qty
    if sends:
        side = SIDE_BUY if draw_bits(noise.stream, PURPOSE_SIDE, state.now_ms, 0) >> 63 else SIDE_SELL
        bits = draw_bits(noise.stream, PURPOSE_QTY, state.now_ms, 0)
        qty = noise.qty_min + <qty_t>integer_below(bits, <uint64_t>(noise.qty_max - noise.qty_min + 1))
        venue_send(state, noise.account, noise.market, side, ORDER_IS_MARKET, 0, qty, state.now_ms + noise.latency_ms, 0)
    bits = draw_bits(noise.stream, PURPOSE_WAKE, state.now_ms, 0)
    venue_schedule(state, state.now_ms + max64(1, round_half_up(law_exponential(bits, noise.mean_gap_ms))), PHASE_OBSERVERS,
                   EVENT_NOISE, slot, 1, 0)
