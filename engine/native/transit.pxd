# Transit: atoms on their way: they leave, and they arrive (K-2 .. K-4, I-4).
#
#   payer -> account of the route, or of the cooldown --delay, outage--> (phase 8) -> receiver
#
# Stands on: spend, issuers. Promises: that account has exactly what is on its way from it; what arrives stands in the journal.

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.arith cimport *
from engine.native.issuers cimport *
from engine.native.recorder cimport *
from engine.native.slab cimport *
from engine.native.spend cimport *
from engine.native.state cimport *


# Let atoms leave; the account of the route (of the cooldown) has them already. Needs: a transit is reserved, due_ms lies ahead. Without
# memory for the event the fault is latched. O(1).
cdef inline void transit_leaves(State* state, Transits* way, uint32_t route, bint is_cooldown, uint32_t account, atoms_t atoms, time_ms_t due_ms, uint32_t cause) noexcept nogil:
    cdef slot_t slot = slab_take(&state.issuers.transits)
    cdef Transit* transit = transit_at(&state.issuers, slot)
    transit.atoms = atoms
    transit.due_ms = due_ms
    transit.account = account
    transit.route = route
    transit.is_cooldown = is_cooldown
    transit.cause = cause
    transit.top_up = transit.unit = transit.next = NIL
    transit.previous = way.last
    if way.last == NIL:
        way.first = slot
    else:
        transit_at(&state.issuers, way.last).next = slot
    way.last = slot
    venue_schedule(state, due_ms, PHASE_ORDERS, EVENT_ARRIVAL, slot, 0, cause)


cdef inline void transit_unlink(Issuers* issuers, Transits* way, slot_t slot) noexcept nogil:
    """Take a transit off its list and give its slot back. O(1)."""
    cdef Transit* transit = transit_at(issuers, slot)
    if transit.previous == NIL:
        way.first = transit.next
    else:
        transit_at(issuers, transit.previous).next = transit.next
    if transit.next == NIL:
        way.last = transit.previous
    else:
        transit_at(issuers, transit.next).previous = transit.previous
    slab_give(&issuers.transits, slot)


# When the last of what is on its way to an account arrives, 0 for nothing. O(what is on its way).
cdef inline time_ms_t way_due(Issuers* issuers, Transits* way, uint32_t account) noexcept nogil:
    cdef slot_t slot = way.last
    # invariant: behind `slot` nothing left for the account; what left for it later never arrives earlier
    while slot != NIL:
        if transit_at(issuers, slot).account == account:
            return transit_at(issuers, slot).due_ms
        slot = transit_at(issuers, slot).previous
    return 0


# A transit arrives (phase 8): its journal row, then the atoms are the receiver's. Without memory the fault is latched. O(markets of the receiver).
cdef inline void transit_arrives(State* state, slot_t slot) noexcept nogil:
    cdef Transit transit = transit_at(&state.issuers, slot)[0]
    cdef Route* route
    cdef Issuer* issuer
    cdef uint32_t held, asset
    if transit.is_cooldown:
        issuer = issuer_at(&state.issuers, transit.route)
        transit_unlink(&state.issuers, &issuer.way, slot)
        held = issuer.cooling
        asset = issuer.token
    else:
        route = route_at(&state.issuers, transit.route)
        transit_unlink(&state.issuers, &route.way, slot)
        held = route.account
        asset = route.asset
    venue_journal(state, JOURNAL_ARRIVAL, transit.route, <int32_t>transit.account, 0, <int8_t>transit.is_cooldown, 0, 0, 0, transit.atoms)
    if may_get(state, transit.account, asset):
        state.fault = FAULT_NO_MEMORY
        return
    spend(state, MOVEMENT_ISSUER if transit.is_cooldown else MOVEMENT_ROUTE, held, transit.account, asset, transit.atoms)
