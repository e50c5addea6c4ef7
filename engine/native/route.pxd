# Route: a transfer leaves a venue for another (K-1 .. K-3).
#
#   names, amount -> window, cap -> may it give? -> fee to the venue -> the rest on its way
#
# Stands on: transit, link. Promises: refused, nothing has changed; for a party nothing overtakes what left before it on the same route.

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.arith cimport *
from engine.native.issuers cimport *
from engine.native.law cimport *
from engine.native.ledger cimport *
from engine.native.link cimport *
from engine.native.market cimport *
from engine.native.recorder cimport *
from engine.native.rng cimport *
from engine.native.slab cimport *
from engine.native.spend cimport *
from engine.native.state cimport *
from engine.native.transit cimport *


# When what leaves now for a party arrives: after the least time and a draw, at least 1 ms, not before what left before it, not in an outage.
# Counts the draw. O(1); with a law O(what is on its way).
cdef inline time_ms_t route_due(State* state, Route* route, uint32_t account, uint32_t party) noexcept nogil:
    cdef time_ms_t due_ms = state.now_ms + route.least_ms
    cdef uint64_t bits
    if route.law != NIL:
        if route.drawn_ms != state.now_ms:
            route.drawn_ms = state.now_ms
            route.draws = 0
        bits = draw_bits_on(stream_of(state.seed, route.key), PURPOSE_TRANSFER, state.now_ms, route.draws, account)
        route.draws += 1
        due_ms += law_ms(law_at(state, route.law), bits)
    due_ms = max64(due_ms, state.now_ms + 1)
    if route.law != NIL:                 # without one nothing can overtake
        due_ms = max64(due_ms, way_due(&state.issuers, &route.way, party))
    return outage_end(&state.issuers, route.outage_first, route.outage_count, due_ms)


# Whether a transfer may leave, in the order of K-1. ActionReason; reads only, but for rows of balances and room that it reserves.
cdef inline int route_admits(State* state, Route* route, Action* action) noexcept nogil:
    cdef int reason
    if account_at(&state.accounts, action.party).venue != route.to_venue:
        return REFUSED_NO_SUCH
    if action.atoms < 1 or action.atoms <= route.fee_atoms:
        return REFUSED_NOTHING
    if action.atoms > ACTION_ALL:
        return REFUSED_BOUND
    if action.atoms - route.fee_atoms < action.least:
        return REFUSED_BELOW_MINIMUM
    if outage_end(&state.issuers, route.outage_first, route.outage_count, state.now_ms) != state.now_ms:
        return REFUSED_CLOSED
    if not allotment_fits(&route.cap, state.now_ms, action.atoms - route.fee_atoms):
        return REFUSED_CAP
    reason = may_give(state, action.account, route.asset, action.atoms)
    if reason:
        return reason
    return REFUSED_NO_MEMORY if slab_reserve(&state.issuers.transits, 1) else ACTION_DONE


# Transfer (K-1). ActionReason; unchanged unless done. O(markets of the account + windows); with a law + what is on its way.
cdef inline outlined_int route_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    cdef Route* route = route_at(&state.issuers, action.target)
    cdef int reason = route_admits(state, route, action)
    if reason:
        return reason
    out.paid = action.atoms
    out.got = action.atoms - route.fee_atoms
    route.transfer_count += 1
    allotment_use(&route.cap, state.now_ms, out.got)
    spend(state, MOVEMENT_ROUTE, action.account, fees_of(state, route.venue), route.asset, route.fee_atoms)
    spend(state, MOVEMENT_ROUTE, action.account, route.account, route.asset, out.got)
    transit_leaves(state, &route.way, action.target, False, action.party, out.got, route_due(state, route, action.account, action.party), action.cause)
    return ACTION_DONE
