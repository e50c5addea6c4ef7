# Point process: market orders at the times of a Poisson or Hawkes process (A-4).
#
#   intensity(t) = mu + sum over past orders of alpha * exp(-beta * (t - t_i))          alpha = 0: Poisson
#
# Stands on: agent. The next time is drawn exactly, without thinning (Dassios and Zhao 2013): the earlier of an exponential time of
# rate mu and of the excited part, whose law has a closed inverse. Times are kept as doubles beside the clock, and rounded half up
# to the millisecond only to be sent; several of them may fall into one.

from engine.native.types cimport *
from engine.native.agent cimport *
from engine.native.arith cimport *
from engine.native.book cimport NO_PRICE
from engine.native.fmath cimport fexp, flog
from engine.native.link cimport *
from engine.native.rng cimport *
from engine.native.slab cimport *
from engine.native.state cimport *

cdef struct Point:
    double mu                    # base rate, per ms
    double alpha                 # jump of the rate at an order, per ms
    double beta                  # its decay, per ms
    double at_ms                 # time of the next order
    double excited               # the rate above mu just before it
    qty_t qty_min
    qty_t qty_max
    int64_t side                 # SIDE_BUY, SIDE_SELL, 0 for a random one
    uint32_t market
    uint32_t begun               # at_ms is set


cdef inline Point* point_at(State* state, uint32_t row) noexcept nogil:
    return <Point*>(rows_of(state, BEHAVIOUR_POINT).base) + row


# Move on from the time of one order (or the start) to the next: draws 2 k and 2 k + 1 of this millisecond. Cannot fail. O(1).
cdef inline void point_next(State* state, Agent* agent, Point* point, uint32_t k) noexcept nogil:
    cdef double gap = -flog(uniform01(draw_bits(agent.stream, PURPOSE_WAKE, state.now_ms, 2 * k))) / point.mu
    cdef double share
    if point.excited > 0.0:
        share = 1.0 + point.beta * flog(uniform01(draw_bits(agent.stream, PURPOSE_WAKE, state.now_ms, 2 * k + 1))) / point.excited
        if share > 0.0:
            gap = min(gap, -flog(share) / point.beta)
        point.excited *= fexp(-point.beta * gap)
    point.at_ms += gap


# It wakes: every order whose time rounds to now or before, then sleep until the next one. O(orders).
cdef inline void point_wake(State* state, uint32_t number) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Point* point = point_at(state, agent.row)
    cdef uint32_t k = 0
    cdef int8_t side
    if not point.begun:
        point.begun = 1
        point.at_ms = <double>state.now_ms
        point_next(state, agent, point, k)
        k = 1
    # invariant: every order before at_ms has been sent; k pairs of draws have been used in this millisecond
    while round_half_up(point.at_ms) <= state.now_ms and k < 4096:
        side = draw_side(state, agent, k) if point.side == 0 else <int8_t>point.side
        agent_take(state, agent, point.market, side, NO_PRICE, draw_lots(state, agent, k, point.qty_min, point.qty_max),
                   picture_left_ms(state, agent, point.market), 0)
        point.excited += point.alpha
        point_next(state, agent, point, k)
        k += 1
    agent_wake_at(state, number, max64(state.now_ms + 1, round_half_up(point.at_ms)), 1)
