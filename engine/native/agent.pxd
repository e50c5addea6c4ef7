# Agent: what every behaviour does: see a market, send, cancel, take from the book, sleep.
#
#   wake (phase 9): picture of the book as it is now -> decision -> messages leave when the picture has arrived (N-2)
#
# Stands on: venue. A behaviour (agents/) reads the state through these and reaches a book only by messages in the queue. Floats are
# for decisions; every price and quantity is rounded before it is sent.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.ladder cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.link cimport *
from engine.native.market cimport *
from engine.native.orders cimport *
from engine.native.rng cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *
from engine.native.venue cimport *


# ---- messages ----

# Send an agent's order over its link; it leaves at `left_ms`. As venue_send otherwise. O(1).
cdef inline slot_t agent_send(State* state, Agent* agent, Sender sender, int8_t side, uint32_t flags, price_t price, qty_t qty,
                              time_ms_t left_ms, uint32_t cause) noexcept nogil:
    cdef slot_t slot = order_prepare(state, sender, side, flags, price, qty, cause)
    if slot != NIL:
        message_schedule(state, sender.market, message_due(state, agent, sender, left_ms), EVENT_ORDER, slot,
                         cold_at(&state.pools, slot).generation, cause)
    return slot


# Send an agent's cancel over its link. O(1).
cdef inline void agent_cancel(State* state, Agent* agent, Sender sender, slot_t slot, uint32_t generation, time_ms_t left_ms,
                              uint32_t cause) noexcept nogil:
    message_schedule(state, sender.market, message_due(state, agent, sender, left_ms), EVENT_CANCEL, slot, generation, cause)


# Send an order that takes: at most what stands at its price or better when it arrives, the rest is cancelled. `price` NO_PRICE: a
# market order. O(markets of the account).
cdef inline slot_t agent_take_for(State* state, Agent* agent, uint32_t account, uint32_t market, int8_t side, int64_t price, qty_t qty,
                                  time_ms_t left_ms, uint32_t cause) noexcept nogil:
    cdef Sender sender = sender_of(state, account, market)
    if sender.desk == NIL:
        state.fault = FAULT_NO_MEMORY
        return NIL
    if price == NO_PRICE:
        return agent_send(state, agent, sender, side, ORDER_IS_MARKET, 0, qty, left_ms, cause)
    return agent_send(state, agent, sender, side, ORDER_IS_IOC, <price_t>price, qty, left_ms, cause)


cdef inline slot_t agent_take(State* state, Agent* agent, uint32_t market, int8_t side, int64_t price, qty_t qty, time_ms_t left_ms,
                              uint32_t cause) noexcept nogil:
    """agent_take_for its own account."""
    return agent_take_for(state, agent, <uint32_t>agent.account, market, side, price, qty, left_ms, cause)


cdef inline void agent_wake_at(State* state, uint32_t agent, time_ms_t due_ms, uint32_t token) noexcept nogil:
    """Wake an agent at a time (phase 9)."""
    venue_schedule(state, due_ms, PHASE_OBSERVERS, EVENT_WAKE, agent, token, 0)


# Wake an agent after an average pause, uniform between half of it and one and a half. O(1).
cdef inline void agent_sleep(State* state, Agent* agent, uint32_t number, time_ms_t every_ms) noexcept nogil:
    agent_wake_at(state, number, state.now_ms + max64(1, round_half_up(law_uniform(
        draw_bits(agent.stream, PURPOSE_WAKE, state.now_ms, 0), 0.5 * <double>every_ms, 1.5 * <double>every_ms))), 1)


# ---- what it is told ----

cdef inline bint moves_lots(Notice* notice) noexcept nogil:
    """Whether a notice changes what the account holds: a fill, or a transfer by the venue (L-14). Both say side and lots."""
    return notice.kind == NOTICE_FILL or notice.kind == NOTICE_TRANSFER


# ---- what it sees ----

cdef inline int64_t believed_half_ticks(Market* market) noexcept nogil:
    """What it believes the price to be, in half ticks: the mid, or the last trade where the spread is over 5 % or a side is empty.

    Not the published mid, which is rounded down (P-1): makers who quote around that let the price creep down by itself.
    """
    cdef int64_t bid = book_best(&market.book, 0), ask = book_best(&market.book, 1)
    if bid != NO_PRICE and ask != NO_PRICE and (ask - bid) * 20 <= ask:
        return bid + ask
    if market.book.last_price != NO_PRICE:
        return 2 * market.book.last_price
    return NO_PRICE if bid == NO_PRICE or ask == NO_PRICE else bid + ask


cdef inline qty_t lots_at_best(State* state, Market* market, bint asks) noexcept nogil:
    """Lots at the best price of a side, 0 if it is empty."""
    if market.book.ladder[asks].best_key == KEY_NONE:
        return 0
    return level_at(&state.pools.ladders, market.book.ladder[asks].best_level).qty_lots


cdef inline qty_t lots_held(State* state, uint32_t account, uint32_t market_id) noexcept nogil:
    """Lots that an account holds: its position, or its base balance on a spot market."""
    cdef Market* market = market_at(state, market_id)
    cdef slot_t holding
    if market.kind == MARKET_SPOT:
        return floor_div(balance_at(&state.ledger, account, market.base_asset).atoms, market.base_atoms_per_lot)
    holding = holding_find(&state.accounts, account, market_id)
    return 0 if holding == NIL else holding_at(&state.accounts, holding).position_lots


cdef inline qty_t draw_lots(State* state, Agent* agent, uint32_t k, qty_t least, qty_t most) noexcept nogil:
    """A uniform quantity between two bounds, both included."""
    return least + <qty_t>integer_below(draw_bits(agent.stream, PURPOSE_QTY, state.now_ms, k), <uint64_t>(most - least + 1))


cdef inline int8_t draw_side(State* state, Agent* agent, uint32_t k) noexcept nogil:
    return SIDE_BUY if draw_bits(agent.stream, PURPOSE_SIDE, state.now_ms, k) >> 63 else SIDE_SELL
