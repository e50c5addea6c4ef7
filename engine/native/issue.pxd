# Issue: actions at issuers and on routes, and what arrives (sections I and K).
#
# Stands on: spend, issuers.

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.issuers cimport *
from engine.native.spend cimport *
from engine.native.state cimport *


# ActionReason; unchanged unless done.
cdef inline outlined_int issuer_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    return REFUSED_CLOSED


cdef inline outlined_int route_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    return REFUSED_CLOSED


# A transit arrives (phase 8).
cdef inline void transit_arrives(State* state, slot_t slot) noexcept nogil:
    state.fault = FAULT_EVENT
