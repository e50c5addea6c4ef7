# Momentum trader: follows a move, and closes after a time (A-5).
#
# Stands on: agent. It remembers the price at each of its wakes; when the price has moved by the threshold since `lookback_ms` ago and it
# is flat, it takes in that direction; after `hold_ms` it takes the other way what it has been told that it got.

from engine.native.types cimport *
from engine.native.agent cimport *
from engine.native.arith cimport *
from engine.native.book cimport NO_PRICE
from engine.native.link cimport *
from engine.native.slab cimport *
from engine.native.state cimport *

cdef enum:
    MOMENTUM_SAMPLES = 64

cdef struct Momentum:
    time_ms_t wake_every_ms
    time_ms_t lookback_ms
    time_ms_t hold_ms
    time_ms_t close_at_ms        # while it holds
    double threshold             # move that it follows, share of the price
    qty_t qty_lots
    qty_t known_lots             # bought or sold, as it has been told
    uint32_t market
    uint32_t is_in               # it has followed and not closed yet
    uint32_t sample_count
    uint32_t pad
    time_ms_t sample_ms[MOMENTUM_SAMPLES]
    int64_t sample_half_ticks[MOMENTUM_SAMPLES]


cdef inline Momentum* momentum_at(State* state, uint32_t row) noexcept nogil:
    return <Momentum*>(rows_of(state, BEHAVIOUR_MOMENTUM).base) + row


cdef inline int64_t price_before(Momentum* row, time_ms_t then_ms) noexcept nogil:
    """The youngest remembered price that is not younger than a time; NO_PRICE without. O(samples)."""
    cdef uint32_t back, i
    for back in range(1, 1 + min64(row.sample_count, MOMENTUM_SAMPLES)):
        i = (row.sample_count - back) & (MOMENTUM_SAMPLES - 1)
        if row.sample_ms[i] <= then_ms:
            return row.sample_half_ticks[i]
    return NO_PRICE


cdef inline void momentum_close(State* state, Agent* agent, Momentum* row, time_ms_t left_ms, uint32_t cause) noexcept nogil:
    """Take back what it holds."""
    row.is_in = 0
    if row.known_lots:
        agent_take(state, agent, row.market, -1 if row.known_lots > 0 else 1, NO_PRICE, abs64(row.known_lots), left_ms, cause)


# It wakes: remember, close what is due, or follow. O(samples).
cdef inline void momentum_wake(State* state, uint32_t number) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Momentum* row = momentum_at(state, agent.row)
    cdef Market* market = market_at(state, row.market)
    cdef int64_t seen = believed_half_ticks(market), before
    cdef time_ms_t left_ms = picture_left_ms(state, agent, row.market)
    if seen != NO_PRICE and seen > 0:
        before = price_before(row, state.now_ms - row.lookback_ms)
        row.sample_ms[row.sample_count & (MOMENTUM_SAMPLES - 1)] = state.now_ms
        row.sample_half_ticks[row.sample_count & (MOMENTUM_SAMPLES - 1)] = seen
        row.sample_count += 1
        if row.is_in:
            if state.now_ms >= row.close_at_ms:
                momentum_close(state, agent, row, left_ms, market.touch_mover.cause)
        elif before != NO_PRICE and <double>abs64(seen - before) >= row.threshold * <double>before and seen != before:
            row.is_in = 1
            row.close_at_ms = state.now_ms + row.hold_ms
            agent_take(state, agent, row.market, 1 if seen > before else -1, NO_PRICE, row.qty_lots, left_ms, market.touch_mover.cause)
    agent_sleep(state, agent, number, row.wake_every_ms)


cdef inline void momentum_hear(State* state, Notice* notice) noexcept nogil:
    """It is told of a fill or a transfer."""
    if moves_lots(notice) and notice.market == momentum_at(state, agent_at(state, notice.agent).row).market:
        momentum_at(state, agent_at(state, notice.agent).row).known_lots += notice.side * notice.lots
