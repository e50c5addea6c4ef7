# Value trader: buys well below a price that it believes in, sells well above it (A-7).
#
# Stands on: agent. One that rests leaves an order at its bound once the price has got there, and waits. One that is careful buys only
# when the lowest price that it has seen is old enough: it does not catch a falling knife.

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
    time_ms_t calm_ms            # age of the lowest price that it has seen, from which on it buys
    time_ms_t low_ms             # when it saw that
    int64_t low_half_ticks       # and the price, 0 before the first look
    int64_t rests                # it leaves its order in the book
    int64_t order_number         # of the order that it believes stands
    qty_t order_lots             # and its open lots, 0: none stands
    uint32_t market
    uint32_t pad


cdef inline Value* value_at(State* state, uint32_t row) noexcept nogil:
    return <Value*>(rows_of(state, BEHAVIOUR_VALUE).base) + row


cdef inline bint value_waits(State* state, Value* row) noexcept nogil:
    """Whether the price that it sees has fallen too lately for it to buy. Notes a new low."""
    cdef int64_t seen
    if row.calm_ms == 0:
        return 0
    seen = believed_half_ticks(market_at(state, row.market))
    if seen != NO_PRICE and (row.low_half_ticks == 0 or seen < row.low_half_ticks):
        row.low_half_ticks = seen
        row.low_ms = state.now_ms
    return state.now_ms - row.low_ms < row.calm_ms


# It wakes, with an order in the book or not: once the price that it sees has reached a bound it leaves an order there. O(1).
cdef inline void value_rest(State* state, Agent* agent, Value* row, int64_t low, int64_t high, bint waits) noexcept nogil:
    cdef Market* market = market_at(state, row.market)
    cdef Sender sender
    cdef int64_t seen = believed_half_ticks(market)
    cdef slot_t slot
    cdef int8_t side = SIDE_BUY if seen <= 2 * low else SIDE_SELL
    cdef qty_t lots = min64(row.qty_lots, row.inventory_max - side * row.known_lots)
    if row.order_lots > 0 or seen == NO_PRICE or (seen > 2 * low and seen < 2 * high) or lots <= 0 or (waits and side == SIDE_BUY):
        return
    sender = sender_of(state, <uint32_t>agent.account, row.market)
    if sender.desk == NIL:
        state.fault = FAULT_NO_MEMORY
        return
    slot = agent_send(state, agent, sender, side, 0, <price_t>(low if side == SIDE_BUY else high), lots,
                      picture_left_ms(state, agent, row.market), market.touch_mover.cause)
    if slot != NIL:
        row.order_number = cold_at(&state.pools, slot).id
        row.order_lots = lots


# It wakes: take what is offered below (bid above) its fair price by the threshold, no further than that price. O(1).
cdef inline void value_wake(State* state, uint32_t number) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Value* row = value_at(state, agent.row)
    cdef Market* market = market_at(state, row.market)
    cdef int64_t low = round_half_up(<double>row.fair_ticks * (1.0 - row.threshold))
    cdef int64_t high = round_half_up(<double>row.fair_ticks * (1.0 + row.threshold))
    cdef int64_t bid = book_best(&market.book, 0), ask = book_best(&market.book, 1)
    cdef time_ms_t left_ms = picture_left_ms(state, agent, row.market)
    cdef bint waits = value_waits(state, row)
    cdef qty_t lots
    if row.rests:
        value_rest(state, agent, row, low, high, waits)
    elif ask != NO_PRICE and ask <= low and not waits:
        lots = min64(row.qty_lots, row.inventory_max - row.known_lots)
        if lots > 0:
            agent_take(state, agent, row.market, SIDE_BUY, low, lots, left_ms, market.touch_mover.cause)
    elif bid != NO_PRICE and bid >= high:
        lots = min64(row.qty_lots, row.inventory_max + row.known_lots)
        if lots > 0:
            agent_take(state, agent, row.market, SIDE_SELL, high, lots, left_ms, market.touch_mover.cause)
    agent_sleep(state, agent, number, row.wake_every_ms)


cdef inline void value_hear(State* state, Notice* notice) noexcept nogil:
    """It is told of a fill or a transfer, or that its order has ended."""
    cdef Value* row = value_at(state, agent_at(state, notice.agent).row)
    if notice.market != row.market:
        return
    if moves_lots(notice):
        row.known_lots += notice.side * notice.lots
    if row.order_lots > 0 and notice.number == row.order_number and notice.kind != NOTICE_TRANSFER:
        row.order_lots = row.order_lots - notice.lots if notice.kind == NOTICE_FILL else 0
