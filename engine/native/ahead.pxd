# Ahead: fetch what the next orders and cancels will touch, while the one before them runs.
#
#   chunk that is being read  [ event | event | ... ]   its markets, balances, levels and neighbours
#   the chunk behind it       [ event | event | ... ]   its orders' records
#
# Stands on: venue, mass_quote. Changes nothing but the time: a world of many markets waits for memory at every message (measured, 1,000
# markets: 2.9 -> 3.4 M messages/s, mass quotes 4.5 -> 4.7), a small one lives in the caches and would only pay (12.3 -> 10.7),
# so it is switched on by the number of markets.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.ladder cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.orders cimport *
from engine.native.queue cimport *
from engine.native.risk cimport *
from engine.native.slab cimport *
from engine.native.state cimport *

cdef enum:
    AHEAD_MARKETS = 64           # fewer fit into the caches
    MARKET_LINES = 4             # cache lines of a market that an order reads first


cdef inline void ahead_far(State* state, slot_t slot) noexcept nogil:
    """Fetch the records of a chunk's messages, and the chunk behind it."""
    cdef Chunk* chunk = chunk_at(&state.queue, slot)
    cdef uint32_t i
    keep()
    for i in range(chunk.read, chunk.count):
        if chunk.event[i].kind == EVENT_ORDER or chunk.event[i].kind == EVENT_CANCEL:
            prefetch(order_at(&state.pools, chunk.event[i].a))
        elif chunk.event[i].kind == EVENT_MASS_QUOTE:
            prefetch(mass_quote_at(state, chunk.event[i].a))
    if chunk.next != NIL:
        for i in range(4):
            prefetch(<char*>chunk_at(&state.queue, chunk.next) + 64 * i)


cdef inline void ahead_owner(State* state, uint32_t account) noexcept nogil:
    """Fetch what an order and its cancel read of their account: its first balances, and whom to tell."""
    keep()
    prefetch(account_at(&state.accounts, account))
    prefetch(balance_row(&state.ledger, purse_at(&state.ledger, account).first))


cdef inline void ahead_order(State* state, slot_t slot) noexcept nogil:
    """Fetch what an arriving order reads: its market, balance, account and owner's list. Its record has been fetched."""
    cdef Order* order = order_at(&state.pools, slot)
    cdef uint32_t i
    keep()
    for i in range(MARKET_LINES):
        prefetch(<char*>market_at(state, order.level) + 64 * i)
    ahead_owner(state, <uint32_t>order.owner)
    prefetch(head_at(&state.pools, order.owner))


cdef inline void ahead_cancel(State* state, slot_t slot) noexcept nogil:
    """Fetch what a cancel writes: the order's level and its neighbours there and in its owner's list."""
    cdef Order* order = order_at(&state.pools, slot)
    cdef OrderCold* cold = cold_at(&state.pools, slot)
    keep()
    if order.leaves_lots == 0:
        return
    ahead_owner(state, <uint32_t>order.owner)
    prefetch(level_at(&state.pools.ladders, order.level))
    prefetch(page_at(&state.pools.ladders, order.level >> 8))
    if order.next != NIL:
        prefetch(order_at(&state.pools, order.next))
    if order.prev != NIL:
        prefetch(order_at(&state.pools, order.prev))
    if cold.owner_next != NIL:
        prefetch(order_at(&state.pools, cold.owner_next))
    if cold.owner_prev != NIL:
        prefetch(order_at(&state.pools, cold.owner_prev))


cdef inline bint is_of_unit(Event* event) noexcept nogil:
    return event.kind == EVENT_STEP or event.kind == EVENT_TAKEOVER


cdef inline void ahead_unit(State* state, slot_t slot) noexcept nogil:
    """Fetch what a step of a liquidation reads of its account. Its unit has been fetched."""
    cdef uint32_t account = unit_at(&state.risk, slot).account
    keep()
    prefetch(account_at(&state.accounts, account))
    prefetch(purse_at(&state.ledger, account))
    prefetch(landmark_at(&state.lineage, unit_at(&state.risk, slot).liquidation))


cdef inline void ahead_wakes(State* state) noexcept nogil:
    """Fetch record and account of whoever the rare heap wakes next, and the heads of those near its top."""
    cdef Event* top = <Event*>state.queue.rare.base
    cdef Agent* agent
    cdef int i
    if state.queue.rare.count < 8:
        return
    for i in range(3):
        if is_of_unit(&top[i]):
            ahead_unit(state, top[i].a)
    for i in range(3, 15):
        if i < <int>state.queue.rare.count and is_of_unit(&top[i]):
            prefetch(unit_at(&state.risk, top[i].a))
    if top.kind == EVENT_WAKE:
        agent = agent_at(state, top.a)
        prefetch(slab_at(&state.rows[agent.behaviour], agent.row))
        prefetch(<char*>slab_at(&state.rows[agent.behaviour], agent.row) + 64)
        prefetch(account_at(&state.accounts, <uint32_t>agent.account))
    keep()
    for i in range(1, 7):
        if top[i].kind == EVENT_WAKE:
            prefetch(agent_at(state, top[i].a))
        elif top[i].kind == EVENT_NOTICE:
            prefetch(notice_at(state, top[i].a))


# When the first event of a chunk has been taken: fetch for the rest of it, and for the next one. O(events of a chunk).
cdef inline void look_ahead(State* state, Event* event) noexcept nogil:
    cdef slot_t slot = state.queue.wheel[0].slot[event.time_ms & (WHEEL_SLOTS - 1)].head
    cdef Chunk* chunk
    cdef uint32_t i
    if event.priority != PHASE_ORDERS:
        ahead_wakes(state)
        return
    if slot == NIL:
        return
    chunk = chunk_at(&state.queue, slot)
    if chunk.read != 1:
        return
    if chunk.next != NIL:
        ahead_far(state, chunk.next)
    for i in range(1, chunk.count):
        if chunk.event[i].kind == EVENT_ORDER:
            ahead_order(state, chunk.event[i].a)
        elif chunk.event[i].kind == EVENT_CANCEL:
            ahead_cancel(state, chunk.event[i].a)
