# Verify issuers: what issuers and routes add to a world's digest, and what must hold of them (J-4, K-1, I-3).
#
# Stands on: state, issuers. Reads only.

from engine.native.types cimport *
from engine.native.digest cimport *
from engine.native.issuers cimport *
from engine.native.ledger cimport *
from engine.native.state cimport *


cdef inline atoms_t allotment_used(Allotment* allotment, time_ms_t now_ms) noexcept nogil:
    """Of the window of now."""
    return allotment.most - allotment_left(allotment, now_ms) if allotment.most else 0


cdef inline uint64_t way_digest(Issuers* issuers, uint64_t h, Transits* way) noexcept nogil:
    """What is on its way, by departure: receiver and atoms. O(it)."""
    cdef slot_t slot = way.first
    while slot != NIL:
        h = digest_word(digest_word(digest_word(h, -16), transit_at(issuers, slot).account), transit_at(issuers, slot).atoms)
        slot = transit_at(issuers, slot).next
    return h


# Words only where there are routes or issuers.
cdef inline uint64_t issuers_digest(State* state, uint64_t h) noexcept nogil:
    cdef Issuers* issuers = &state.issuers
    cdef Route* route
    cdef Issuer* issuer
    cdef uint32_t i
    for i in range(issuers.routes.count):
        route = route_at(issuers, i)
        h = digest_word(digest_word(digest_word(h, -15), route.transfer_count), allotment_used(&route.cap, state.now_ms))
        h = way_digest(issuers, h, &route.way)
    for i in range(issuers.issuers.count):
        issuer = issuer_at(issuers, i)
        h = digest_word(digest_word(h, -17), issuer_rate(issuer, state.now_ms))
        h = digest_word(digest_word(h, issuer.minted), issuer.redeemed)
        h = digest_word(digest_word(h, allotment_used(&issuer.mint_cap, state.now_ms)), allotment_used(&issuer.redeem_cap, state.now_ms))
        h = way_digest(issuers, h, &issuer.way)
    return h


# Whether a way's links agree, everything on it lies ahead, and its account has exactly what is on its way. O(it).
cdef inline bint way_is_sound(State* state, Transits* way, uint32_t account, uint32_t asset) noexcept nogil:
    cdef slot_t slot = way.first, before = NIL
    cdef atoms_t total = 0
    cdef Transit* transit
    # invariant: total is the sum over everything before `slot`
    while slot != NIL:
        transit = transit_at(&state.issuers, slot)
        if transit.previous != before or transit.atoms < 1 or transit.due_ms < state.now_ms:
            return 0
        total += transit.atoms
        before = slot
        slot = transit.next
    return way.last == before and (account == NIL or total == balance_at(&state.ledger, account, asset).atoms)


cdef inline int issuers_verify(State* state) noexcept nogil:
    cdef Issuers* issuers = &state.issuers
    cdef Route* route
    cdef Issuer* issuer
    cdef uint32_t i
    for i in range(issuers.routes.count):
        route = route_at(issuers, i)
        if not way_is_sound(state, &route.way, route.account, route.asset) or (route.cap.most and allotment_left(&route.cap, state.now_ms) < 0):
            return FAULT_ISSUERS
    for i in range(issuers.issuers.count):
        issuer = issuer_at(issuers, i)
        if not way_is_sound(state, &issuer.way, issuer.cooling, issuer.token) or asset_at(&state.ledger, issuer.token).net_deposits < 0:
            return FAULT_ISSUERS
        if issuer.vault != NIL and balance_at(&state.ledger, issuer.vault, issuer.token).atoms < 0:
            return FAULT_ISSUERS
    return FAULT_NONE
