# Link: the way between an account and a market, both ways (N-1 .. N-4).
#
#   agent --- base + law ---> (gateway: a queue, if the venue has one) ---> market          orders, cancels, mass quotes
#   agent <-- base + law --- market                                                         notices
#
# Stands on: state. Promises: a link is first in, first out each way; every message has a latency of its own, drawn by (agent,
# millisecond, market, how many before it in that millisecond), so another market changes none of them. A message takes at
# least 1 ms to the market.

from libc.string cimport memset

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.law cimport *
from engine.native.market cimport *
from engine.native.queue cimport *
from engine.native.rng cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *


cdef inline Law* law_at(State* state, slot_t slot) noexcept nogil:
    return <Law*>(state.laws.base) + slot


cdef inline time_ms_t latency_ms(State* state, Agent* agent, slot_t law, uint32_t purpose, uint32_t k, uint32_t market) noexcept nogil:
    """What a law adds to a message of this millisecond."""
    if law == NIL:
        return 0
    return law_ms(law_at(state, law), draw_bits_on(agent.stream, purpose, state.now_ms, k, market))


# Who sends to which market, or hears from there: all that an order and its link need, without a look at the holding.
cdef struct Sender:
    uint32_t account
    uint32_t market
    slot_t desk                  # its Desk there, NIL: there was no memory for one


# The sender of an account in a market; its holding and desk are made if need be. Its desk is NIL without memory (not latched). Moves
# balance rows when it makes a holding. O(markets of the account).
cdef inline Sender sender_of(State* state, uint32_t account, uint32_t market) noexcept nogil:
    cdef Sender sender
    cdef slot_t holding = holding_open(state, account, market)
    sender.account = account
    sender.market = market
    sender.desk = NIL if holding == NIL else desk_of(&state.accounts, holding)
    return sender


cdef inline Desk* link_desk(State* state, slot_t slot) noexcept nogil:
    """A desk, its draws counted from 0 in a new millisecond."""
    cdef Desk* desk = desk_at(&state.accounts, slot)
    if desk.drawn_ms != state.now_ms:
        desk.drawn_ms = state.now_ms
        desk.draws = desk.in_draws = 0
    return desk


# When a message that leaves at `left_ms` arrives at the market (or its gateway): a latency of its own, at least 1 ms, but never
# before the one sent before it. O(1).
cdef inline time_ms_t message_due(State* state, Agent* agent, Sender sender, time_ms_t left_ms) noexcept nogil:
    cdef Desk* desk = link_desk(state, sender.desk)
    cdef time_ms_t due_ms
    due_ms = left_ms + max64(1, agent.base_ms + latency_ms(state, agent, agent.law, PURPOSE_LATENCY, desk.draws, sender.market))
    desk.draws += 1
    desk.out_due_ms = max64(desk.out_due_ms, due_ms)
    return desk.out_due_ms


cdef inline time_ms_t picture_left_ms(State* state, Agent* agent, uint32_t market) noexcept nogil:
    """When an agent that wakes now has seen a market's book of now, and can answer (N-2)."""
    return state.now_ms + agent.picture_ms + latency_ms(state, agent, agent.picture_law, PURPOSE_PICTURE, 0, market)


# Schedule a message for a market: at its gateway first, if there is one. O(1) amortised.
cdef inline void message_schedule(State* state, uint32_t market, time_ms_t due_ms, uint16_t kind, uint32_t a, uint32_t b, uint32_t cause) noexcept nogil:
    cdef uint32_t venue = market_at(state, market).venue
    if venue_at(state, venue).has_gateway:
        kind |= <uint16_t>(KIND_AT_GATE | (venue << KIND_VENUE_SHIFT))
    venue_schedule(state, due_ms, PHASE_ORDERS, kind, a, b, cause)


# A message reaches its gateway (phase 8): it is through when those before it and itself have been served (N-3). Returns 1 if that is
# within this millisecond: the caller goes on with it. Else it is held: scheduled anew behind those held before, and so is one that is
# done in this millisecond but was served after a held one that is due in it. O(1) amortised.
cdef inline bint gateway_pass(State* state, Event* event) noexcept nogil:
    cdef Venue* venue = venue_at(state, event.kind >> KIND_VENUE_SHIFT)
    cdef time_ms_t done_ms
    venue.message_count += 1
    venue.free_us = max64(venue.free_us, state.now_ms * 1000) + venue.service_us
    event.kind &= KIND_MASK
    done_ms = max64(state.now_ms, ceil_div(venue.free_us, 1000) - 1)
    if done_ms == state.now_ms and venue.held_ms < done_ms:
        return 1
    venue.held_ms = done_ms
    event.time_ms = done_ms              # of this phase and maybe of now: it is the same message, not an effect of one (T-3)
    if queue_schedule(&state.queue, event):
        state.fault = FAULT_NO_MEMORY
    return 0


cdef inline Agent* hearer(State* state, uint32_t account, uint32_t what) noexcept nogil:
    """The agent of an account, if it hears such things; NULL otherwise."""
    cdef uint32_t agent = account_at(&state.accounts, account).agent
    if agent == NIL or not agent_at(state, agent).hears & what:
        return NULL
    return agent_at(state, agent)


# The desk of what is no market of an agent: its actions, and what lenders tell it. Made at the first. NIL without memory (latched). O(1).
cdef inline slot_t agent_desk(State* state, Agent* agent) noexcept nogil:
    if agent.desk == NIL:
        if slab_reserve(&state.accounts.desks, 1):
            state.fault = FAULT_NO_MEMORY
            return NIL
        agent.desk = slab_take(&state.accounts.desks)
        memset(desk_at(&state.accounts, agent.desk), 0, sizeof(Desk))
        desk_at(&state.accounts, agent.desk).drawn_ms = -1
    return agent.desk


# Send a notice to an agent on the link of a desk: it arrives in phase 9, after the way back. NULL without memory (latched). O(1).
cdef inline Notice* notice_on(State* state, Agent* agent, uint32_t number, slot_t slot, uint32_t market, uint8_t kind) noexcept nogil:
    cdef Desk* desk
    cdef Notice* notice
    if slot == NIL or slab_reserve(&state.notices, 1):
        state.fault = FAULT_NO_MEMORY
        return NULL
    desk = link_desk(state, slot)
    slot = slab_take(&state.notices)
    notice = notice_at(state, slot)
    notice.time_ms = state.now_ms
    notice.kind = kind
    notice.reason = 0
    notice.agent = number
    notice.market = market
    desk.in_due_ms = max64(desk.in_due_ms, state.now_ms + agent.base_ms
                           + latency_ms(state, agent, agent.law, PURPOSE_NOTICE, desk.in_draws, market))
    desk.in_draws += 1
    state.notice_count += 1
    venue_schedule(state, desk.in_due_ms, PHASE_OBSERVERS, EVENT_NOTICE, slot, 0, 0)
    return notice


# Send a notice about a market to the agent of an account that has a holding there: it arrives in phase 9, after the way back. NULL without
# memory (latched). O(markets of the account).
cdef inline Notice* notice_send(State* state, Agent* agent, uint32_t account, uint32_t market, uint8_t kind) noexcept nogil:
    return notice_on(state, agent, account_at(&state.accounts, account).agent, desk_of(&state.accounts, holding_find(&state.accounts, account, market)), market, kind)


cdef inline void notice_done(State* state, slot_t slot) noexcept nogil:
    """Free a notice that was handed over; a watcher may be told anew."""
    if notice_at(state, slot).kind == NOTICE_BOOK:
        watcher_at(state, notice_at(state, slot).slot).is_told = 0
    elif notice_at(state, slot).kind == NOTICE_LOAN and notice_at(state, slot).slot != NIL:
        (<ProtocolWatcher*>(state.lending.watchers.base) + notice_at(state, slot).slot).is_told = 0
    slab_give(&state.notices, slot)


# Tell the watchers of a market that its touch has changed, unless a notice is on its way already. O(watchers).
cdef inline void tell_watchers(State* state, Market* market) noexcept nogil:
    cdef slot_t slot = market.watchers
    cdef Watcher* watcher
    cdef Agent* agent
    cdef Notice* notice
    while slot != NIL:
        watcher = watcher_at(state, slot)
        if not watcher.is_told:
            agent = agent_at(state, watcher.agent)
            notice = notice_send(state, agent, <uint32_t>agent.account, watcher.market, NOTICE_BOOK)
            if notice == NULL:
                return
            watcher.is_told = 1
            notice.slot = slot
        slot = watcher.next
