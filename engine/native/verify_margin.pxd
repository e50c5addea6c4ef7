# Verify, margin: the walk that property tests make after every event: what is stored is what a full scan says (E-1), and no corner of
# any unit's box lies beyond a boundary (E-2): inside the bands nothing can have happened.
#
# Stands on: arming. Changes nothing in the end: prices are set to a corner's and back.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport NO_PRICE
from engine.native.health cimport *
from engine.native.margin_sums cimport sums_hold
from engine.native.market cimport *
from engine.native.risk cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.triggers cimport *
from engine.native.unit cimport *

cdef enum:
    CORNER_TERMS = 64            # a unit with more terms is scanned, its corners are not tried
    CORNER_ALL = 4               # up to so many terms every corner is tried; else the one against it and the one in its favour
    CORNER_REACH = 8             # without a band upwards: so many times the value now


cdef inline int64_t* series_value(State* state, uint32_t series) noexcept nogil:
    cdef Market* market = market_at(state, series >> 1)
    return &market.index_ticks if series & SERIES_INDEX else &market.mark_ticks


cdef inline int64_t corner_value(State* state, Term* term, bint falls) noexcept nogil:
    """The last value of a series, downwards or upwards, that fires no trigger of this unit."""
    cdef Holding* holding = holding_at(&state.accounts, term.holding)
    cdef slot_t slot = holding.trigger[TRIGGER_FALL if falls else TRIGGER_RISE]
    cdef Trigger* trigger
    if slot == NIL or trigger_at(&state.risk.triggers, slot).bucket == NIL:
        return 1 if falls else max64(term.ticks, min64(<int64_t>CORNER_REACH * term.ticks, market_at(state, term.series >> 1).book.price_max))
    trigger = trigger_at(&state.risk.triggers, slot)
    return trigger.at + 1 if falls else trigger.at - 1


cdef inline uint64_t corner_against(State* state) noexcept nogil:
    """The corner against the unit of the last evaluation: bit i says that its term i rises."""
    cdef uint64_t corner = 0
    cdef uint32_t i
    cdef Term* term
    for i in range(state.risk.terms_first, state.risk.terms_end):
        term = term_at(&state.risk, i)
        if term.kind == TERM_SHORT or (term.kind == TERM_COLLATERAL and term.is_negative):
            corner |= <uint64_t>1 << (i - state.risk.terms_first)
    return corner


# Evaluate a unit with every price at the last value that fires nothing, upwards where its bit is set. Needs: the last evaluation is its
# own. O(markets of the account).
cdef inline void corner_health(State* state, slot_t slot, uint64_t corner, Health* out) noexcept nogil:
    cdef int64_t value[CORNER_TERMS]
    cdef uint32_t series[CORNER_TERMS]
    cdef uint32_t i, count = 0
    cdef Term* term
    for i in range(state.risk.terms_first, state.risk.terms_end):
        term = term_at(&state.risk, i)
        series[count] = term.series
        value[count] = series_value(state, term.series)[0]
        series_value(state, term.series)[0] = corner_value(state, term, not (corner >> count) & 1)
        count += 1
    unit_health(state, slot, out)
    for i in range(count):
        series_value(state, series[i])[0] = value[i]


# Whether a corner of a unit's box lies on another side of a boundary than the unit. O(markets of the account).
cdef inline bint corner_is_beyond(State* state, slot_t slot, uint64_t corner) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef MarginRules* rules = rules_of(state, unit.account)
    cdef Health health
    unit_health(state, slot, &health)        # its terms
    corner_health(state, slot, corner, &health)
    if not health.is_known:
        return 0
    if unit.state < rules.count and surplus_to(&rules.boundary[unit.state], &health) < 0:
        return 1
    return unit.state > 0 and surplus_to(&rules.boundary[unit.state - 1], &health) >= 0


cdef inline int verify_unit(State* state, slot_t slot) noexcept nogil:
    """A unit's stored state is that of an evaluation now, and so is that of every corner of its box."""
    cdef Unit* unit = unit_of_state(state, slot)
    cdef Health health
    cdef uint32_t terms
    cdef uint64_t corner, against
    if not sums_hold(state, slot):
        return FAULT_MARGIN
    if unit.liquidation:
        return FAULT_NONE
    unit_health(state, slot, &health)
    if not health.is_known or health.is_flat:
        return FAULT_NONE
    if ladder_state(rules_of(state, unit.account), &health) != unit.state:
        return FAULT_MARGIN
    terms = state.risk.terms_end - state.risk.terms_first
    if terms > CORNER_TERMS:
        return FAULT_NONE
    against = corner_against(state)
    if corner_is_beyond(state, slot, against) or corner_is_beyond(state, slot, ~against):
        return FAULT_MARGIN
    if terms <= CORNER_ALL:
        for corner in range(<uint64_t>1 << terms):
            if corner_is_beyond(state, slot, corner):
                return FAULT_MARGIN
    return FAULT_NONE


# Every unit, unless a margin check is still to come. O(units and their markets).
cdef inline int verify_units(State* state) noexcept nogil:
    cdef slot_t slot
    if state.risk.check_is_queued:
        return FAULT_NONE
    for slot in range(state.risk.units.count):
        if verify_unit(state, slot):
            return FAULT_MARGIN
    return FAULT_NONE
