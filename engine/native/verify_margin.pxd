# Verify, margin: the walk that property tests make after every event: what is stored is what a full scan says (E-1), and no corner of
# any unit's box lies beyond a boundary (E-2): inside the bands nothing can have happened.
#
# Stands on: arming. Changes nothing in the end: prices are set to a corner's and back.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport NO_PRICE
from engine.native.health cimport *
from engine.native.market cimport *
from engine.native.risk cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.triggers cimport *
from engine.native.unit cimport *

cdef enum:
    CORNER_TERMS = 64            # a unit with more terms is scanned, its corner is not tried


cdef inline int64_t* series_value(State* state, uint32_t series) noexcept nogil:
    cdef Market* market = market_at(state, series >> 1)
    return &market.index_ticks if series & SERIES_INDEX else &market.mark_ticks


cdef inline int64_t corner_value(State* state, Term* term, bint falls) noexcept nogil:
    """The last value of a series, downwards or upwards, that fires no trigger of this unit."""
    cdef Holding* holding = holding_at(&state.accounts, term.holding)
    cdef slot_t slot = holding.trigger[TRIGGER_FALL if falls else TRIGGER_RISE]
    cdef Trigger* trigger
    if slot == NIL or trigger_at(&state.risk.triggers, slot).bucket == NIL:
        return 1 if falls else max64(term.ticks, market_at(state, term.series >> 1).book.price_max)
    trigger = trigger_at(&state.risk.triggers, slot)
    return trigger.at + 1 if falls else trigger.at - 1


cdef inline bint term_fears_falls(Term* term) noexcept nogil:
    return term.kind == TERM_LONG or (term.kind == TERM_COLLATERAL and not term.is_negative)


# Evaluate a unit with every price at the last value that fires nothing, against it or in its favour. O(markets of the account).
cdef inline void corner_health(State* state, slot_t slot, bint in_favour, Health* out) noexcept nogil:
    cdef int64_t value[CORNER_TERMS]
    cdef uint32_t series[CORNER_TERMS]
    cdef uint32_t i, count = 0
    cdef Term* term
    for i in range(state.risk.terms_first, state.risk.terms_end):
        term = term_at(&state.risk, i)
        series[count] = term.series
        value[count] = series_value(state, term.series)[0]
        series_value(state, term.series)[0] = corner_value(state, term, term_fears_falls(term) != in_favour)
        count += 1
    unit_health(state, slot, out)
    for i in range(count):
        series_value(state, series[i])[0] = value[i]


cdef inline int verify_unit(State* state, slot_t slot) noexcept nogil:
    """A unit's stored state is that of an evaluation now, and so is that of every point of its box."""
    cdef Unit* unit = unit_of_state(state, slot)
    cdef MarginRules* rules = rules_of(state, unit.account)
    cdef Health health
    if unit.liquidation:
        return FAULT_NONE
    unit_health(state, slot, &health)
    if not health.is_known or health.is_flat:
        return FAULT_NONE
    if ladder_state(rules, &health) != unit.state:
        return FAULT_MARGIN
    if state.risk.terms_end - state.risk.terms_first > CORNER_TERMS:
        return FAULT_NONE
    corner_health(state, slot, 0, &health)
    if health.is_known and unit.state < rules.count and surplus_to(&rules.boundary[unit.state], &health) < 0:
        return FAULT_MARGIN
    unit_health(state, slot, &health)
    corner_health(state, slot, 1, &health)
    if health.is_known and unit.state > 0 and surplus_to(&rules.boundary[unit.state - 1], &health) >= 0:
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
