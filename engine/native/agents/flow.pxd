# Zero-intelligence flow: unit by unit as Cont, Stoikov and Talreja have it (A-3).
#
#   limit orders at distance i from the opposite best: rate limit_rate[i], each side      market orders: market_rate, each side
#   a resting order at distance i is cancelled at rate cancel_rate[i], distance as it is then
#
# Stands on: agent. One agent is the whole crowd of a market. Arrivals are one Poisson process of the summed rate, split by a draw; each
# order has a timer of the highest cancel rate, thinned by the rate at its distance when it fires.

from engine.native.types cimport *
from engine.native.agent cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.link cimport *
from engine.native.market cimport *
from engine.native.orders cimport *
from engine.native.rng cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *

cdef enum:
    FLOW_DISTANCES = 64

cdef struct Flow:
    double at_ms                 # time of the next arrival
    double total_rate            # of all arrivals, per ms
    double cancel_rate_most      # highest of cancel_rate
    double market_rate           # per ms and side
    double limit_rate[FLOW_DISTANCES]    # per ms and side, at distance i + 1
    double cancel_rate[FLOW_DISTANCES]   # per ms and order; beyond the last one as the last
    qty_t qty_min
    qty_t qty_max
    int64_t anchor_ticks         # where a best price is taken to be while a side is empty
    uint32_t market
    uint32_t distances
    uint32_t begun
    uint32_t pad


cdef inline Flow* flow_at(State* state, uint32_t row) noexcept nogil:
    return <Flow*>(rows_of(state, BEHAVIOUR_FLOW).base) + row


cdef inline void flow_prepare(Flow* flow) noexcept nogil:
    """Sum the rates once they are all there."""
    cdef uint32_t i
    flow.total_rate = 2.0 * flow.market_rate
    flow.cancel_rate_most = 0.0
    for i in range(flow.distances):
        flow.total_rate += 2.0 * flow.limit_rate[i]
        flow.cancel_rate_most = max(flow.cancel_rate_most, flow.cancel_rate[i])


cdef inline int64_t opposite_best(Flow* flow, Market* market, bint asks) noexcept nogil:
    """Best price that an order of this side looks at; with that side empty one tick behind its own best, or the anchor."""
    cdef int64_t best = book_best(&market.book, 1 - asks)
    if best != NO_PRICE:
        return best
    best = book_best(&market.book, asks)
    if best == NO_PRICE:
        return flow.anchor_ticks
    return best - 1 if asks else best + 1


cdef inline void flow_arm(State* state, Agent* agent, Flow* flow, uint32_t number, slot_t slot, uint32_t generation, time_ms_t from_ms, uint32_t k) noexcept nogil:
    """Set the timer of an order: exponential with the highest rate (A-3); drawn by its number, for slots are shared with other markets."""
    if flow.cancel_rate_most > 0.0:
        venue_schedule(state, from_ms + max64(1, round_half_up(law_exponential(
            draw_bits_on(agent.stream, PURPOSE_LIFE, state.now_ms, k, <uint32_t>cold_at(&state.pools, slot).id), 1.0 / flow.cancel_rate_most))), PHASE_OBSERVERS,
            EVENT_TIMER, slot, generation, number)


# Send one arrival, drawn by its share of the rate: draw k of this millisecond. O(distances).
cdef inline void flow_send(State* state, Agent* agent, Flow* flow, uint32_t number, uint32_t k) noexcept nogil:
    cdef Market* market = market_at(state, flow.market)
    cdef double at = uniform01(draw_bits(agent.stream, PURPOSE_KIND, state.now_ms, k)) * flow.total_rate * 0.5
    cdef int8_t side = draw_side(state, agent, k)
    cdef bint asks = side == SIDE_SELL
    cdef qty_t qty = draw_lots(state, agent, k, flow.qty_min, flow.qty_max)
    cdef time_ms_t left_ms = picture_left_ms(state, agent, flow.market)
    cdef int64_t price
    cdef uint32_t i = 0
    cdef Sender sender
    cdef slot_t slot
    if at < flow.market_rate:
        agent_take(state, agent, flow.market, side, NO_PRICE, qty, left_ms, 0)
        return
    at -= flow.market_rate
    while i + 1 < flow.distances and at >= flow.limit_rate[i]:
        at -= flow.limit_rate[i]
        i += 1
    price = opposite_best(flow, market, asks) + (<int64_t>i + 1 if asks else -<int64_t>i - 1)
    sender = sender_of(state, <uint32_t>agent.account, flow.market)
    if sender.desk == NIL:
        state.fault = FAULT_NO_MEMORY
        return
    if price < market.book.price_min or price > market.book.price_max:
        return
    slot = agent_send(state, agent, sender, side, 0, <price_t>price, qty, left_ms, 0)
    if slot != NIL:
        flow_arm(state, agent, flow, number, slot, cold_at(&state.pools, slot).generation, left_ms, k)


# It wakes: every arrival whose time rounds to now or before, then sleep until the next. O(arrivals).
cdef inline void flow_wake(State* state, uint32_t number) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Flow* flow = flow_at(state, agent.row)
    cdef uint32_t k = 0
    if not flow.begun:
        flow.begun = 1
        flow.at_ms = <double>state.now_ms + law_exponential(draw_bits(agent.stream, PURPOSE_WAKE, state.now_ms, 0), 1.0 / flow.total_rate)
        k = 1
    while round_half_up(flow.at_ms) <= state.now_ms and k < 4096:
        flow_send(state, agent, flow, number, k)
        flow.at_ms += law_exponential(draw_bits(agent.stream, PURPOSE_WAKE, state.now_ms, k), 1.0 / flow.total_rate)
        k += 1
    agent_wake_at(state, number, max64(state.now_ms + 1, round_half_up(flow.at_ms)), 1)


# An order's timer: cancel it with the share that the rate at its distance is of the highest, else wait again. O(1).
cdef inline void flow_timer(State* state, uint32_t number, slot_t slot, uint32_t generation) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Flow* flow = flow_at(state, agent.row)
    cdef Order* order = order_at(&state.pools, slot)
    cdef bint asks
    cdef int64_t distance
    if cold_at(&state.pools, slot).generation != generation:
        return                           # it has ended
    if order.leaves_lots == 0:           # it is on its way still
        flow_arm(state, agent, flow, number, slot, generation, state.now_ms, 0)
        return
    asks = order.flags & ORDER_SELL
    distance = abs64(opposite_best(flow, market_at(state, flow.market), asks) - order.price_ticks)
    distance = max64(1, min64(distance, flow.distances))
    if uniform01(draw_bits_on(agent.stream, PURPOSE_KIND, state.now_ms, 0,
                              <uint32_t>cold_at(&state.pools, slot).id)) * flow.cancel_rate_most < flow.cancel_rate[distance - 1]:
        agent_cancel(state, agent, sender_of(state, <uint32_t>agent.account, flow.market), slot, generation,
                     picture_left_ms(state, agent, flow.market), 0)
    else:
        flow_arm(state, agent, flow, number, slot, generation, state.now_ms, 0)
