# Noise trader: orders on a random side, of a random size, at exponential times: market orders, or limited near the price that it sees.
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
    double slippage              # furthest price that it takes, share of what it sees; 0: any
    qty_t qty_min
    qty_t qty_max
    uint32_t market
    uint32_t pad


cdef inline Noise* noise_at(State* state, uint32_t row) noexcept nogil:
    return <Noise*>(rows_of(state, BEHAVIOUR_NOISE).base) + row


cdef inline void noise_trade(State* state, Agent* agent, Noise* noise) noexcept nogil:
    """One order: at market, or taking no further than its slippage from the price that it sees; none where it sees no price."""
    cdef Market* market = market_at(state, noise.market)
    cdef int8_t side = draw_side(state, agent, 0)
    cdef int64_t seen, limit = NO_PRICE
    if noise.slippage > 0.0:
        seen = believed_half_ticks(market)
        if seen == NO_PRICE:
            return
        limit = round_half_up(0.5 * <double>seen * (1.0 + side * noise.slippage))
        limit = max64(market.book.price_min, min64(limit, market.book.price_max))
    agent_take(state, agent, noise.market, side, limit, draw_lots(state, agent, 0, noise.qty_min, noise.qty_max),
               picture_left_ms(state, agent, noise.market), 0)


# It wakes: one order (not at its first wake), then an exponential pause. O(1).
cdef inline void noise_wake(State* state, uint32_t number, bint sends) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Noise* noise = noise_at(state, agent.row)
    if sends:
        noise_trade(state, agent, noise)
    agent_wake_at(state, number, state.now_ms + max64(1, round_half_up(law_exponential(
        draw_bits(agent.stream, PURPOSE_WAKE, state.now_ms, 0), noise.mean_gap_ms))), 1)
