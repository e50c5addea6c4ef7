# Value trader: buys well below a price that it believes in, sells well above it (A-7).
#
# Stands on: agent.

from engine.native.types cimport *
from engine.native.agent cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.link cimport *
from engine.native.rng cimport *
from engine.native.slab cimport *
from engine.native.state cimport *

cdef struct Value:
    time_ms_t wake_every_ms
    double threshold             # distance from the fair price at which it acts, share
    int64_t fair_ticks
    qty_t qty_lots               # most lots at once
    qty_t inventory_max          # lots held, either way, beyond which it adds nothing
    qty_t known_lots             # as it has been told
    uint32_t market
    uint32_t pad


cdef inline Value* value_at(State* state, uint32_t row) noexcept nogil:
    return <Value*>(rows_of(state, BEHAVIOUR_VALUE).base) + row


# It wakes: take what is offered below (bid above) its fair price by the threshold, no further than that price. O(1).
cdef inline void value_wake(State* state, uint32_t number) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Value* row = value_at(state, agent.row)
    cdef Market* market = market_at(state, row.market)
    cdef int64_t low = round_half_up(<double>row.fair_ticks * (1.0 - row.threshold))
    cdef int64_t high = round_half_up(<double>row.fair_ticks * (1.0 + row.threshold))
    cdef int64_t bid = book_best(&market.book, 0), ask = book_best(&market.book, 1)
    cdef time_ms_t left_ms = picture_left_ms(state, agent, row.market)
    cdef qty_t lots
    if ask != NO_PRICE and ask <= low:
        lots = min64(row.qty_lots, row.inventory_max - row.known_lots)
        if lots > 0:
            agent_take(state, agent, row.market, SIDE_BUY, low, lots, left_ms, market.touch_mover.cause)
    elif bid != NO_PRICE and bid >= high:
        lots = min64(row.qty_lots, row.inventory_max + row.known_lots)
        if lots > 0:
            agent_take(state, agent, row.market, SIDE_SELL, high, lots, left_ms, market.touch_mover.cause)
    agent_sleep(state, agent, number, row.wake_every_ms)


cdef inline void value_hear(State* state, Notice* notice) noexcept nogil:
    """It is told of a fill or a transfer."""
    if moves_lots(notice) and notice.market == value_at(state, agent_at(state, notice.agent).row).market:
        value_at(state, agent_at(state, notice.agent).row).known_lots += notice.side * notice.lots
