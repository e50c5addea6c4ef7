# Mass quote: cancels and orders of one agent for one market that travel as one event (N-5).
#
#   open -> add cancels and orders -> send: one latency, one event -> arrive: each is a message of its own, in the order of adding
#
# Stands on: venue. What a maker of twenty quotes sends when it moves is one event in the queue instead of twenty; every order and
# cancel still goes through the venue by itself.

from engine.native.types cimport *
from engine.native.link cimport *
from engine.native.market cimport *
from engine.native.orders cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.venue cimport *


# Open a mass quote. NIL without memory (latched). O(1).
cdef inline slot_t mass_quote_open(State* state, uint32_t cause) noexcept nogil:
    cdef slot_t slot
    if slab_reserve(&state.mass_quotes, 1):
        state.fault = FAULT_NO_MEMORY
        return NIL
    slot = slab_take(&state.mass_quotes)
    mass_quote_at(state, slot).count = 0
    mass_quote_at(state, slot).cause = cause
    return slot


cdef inline void mass_quote_add(State* state, slot_t mass_quote, slot_t slot, uint32_t generation, uint32_t is_cancel) noexcept nogil:
    """Add one message. Needs: fewer than MASS_QUOTE_MOST so far. Cannot fail."""
    cdef MassQuote* row = mass_quote_at(state, mass_quote)
    cdef MassItem* item = &row.item[row.count]
    item.slot = slot
    item.generation = generation
    item.is_cancel = is_cancel
    row.count += 1


# Send a mass quote over the link; an empty one is dropped. O(1).
cdef inline void mass_quote_send(State* state, Agent* agent, Sender sender, slot_t mass_quote, time_ms_t left_ms) noexcept nogil:
    if mass_quote_at(state, mass_quote).count == 0:
        slab_give(&state.mass_quotes, mass_quote)
        return
    state.mass_quote_count += 1
    message_schedule(state, sender.market, message_due(state, agent, sender, left_ms), EVENT_MASS_QUOTE, mass_quote, 0,
                     mass_quote_at(state, mass_quote).cause)


# A mass quote arrives (phase 8): its messages one by one. O(messages and orders met).
cdef inline void mass_quote_arrives(State* state, slot_t mass_quote) noexcept nogil:
    cdef MassQuote* row = mass_quote_at(state, mass_quote)
    cdef uint32_t i
    for i in range(row.count):
        if row.item[i].is_cancel:
            venue_cancel_arrives(state, row.item[i].slot, row.item[i].generation, row.cause)
        else:
            venue_order_arrives(state, row.item[i].slot, row.item[i].generation)
    slab_give(&state.mass_quotes, mass_quote)
