# Noise trader: market orders on a random side, of a random size, at exponential times.
#
# Stands on: agent.

from engine.native.types cimport *
from engine.native.agent cimport *
from engine.native.arith cimport *
from engine.native.book cimport NO_PRICE
from engine.native.link cimport *
from engine.native.rng cimport *
from engine.native.slab cimport *
from engine.native.state cimport *

cdef struct Noise:
    double mean_gap_ms           # between orders
    qty_t qty_min
    qty_t qty_max
    uint32_t market
    uint32_t pad


cdef inline Noise* noise_at(State* state, uint32_t row) noexcept nogil:
    return <Noise*>(rows_of(state, BEHAVIOUR_NOISE).base) + row


# It wakes: one order (not at its first wake), then an exponential pause. O(1).
cdef inline void noise_wake(State* state, uint32_t number, bint sends) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Noise* noise = noise_at(state, agent.row)
    if sends:
        agent_take(state, agent, noise.market, draw_side(state, agent, 0), NO_PRICE,
                   draw_lots(state, agent, 0, noise.qty_min, noise.qty_max), picture_left_ms(state, agent, noise.market), 0)
    agent_wake_at(state, number, state.now_ms + max64(1, round_half_up(law_exponential(
        draw_bits(agent.stream, PURPOSE_WAKE, state.now_ms, 0), noise.mean_gap_ms))), 1)
