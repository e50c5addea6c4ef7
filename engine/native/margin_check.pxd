# Margin check (phase 4): evaluate every unit that is due, once, at all published values, and move those along their venue's ladder
# that stand elsewhere now (C-4, E-4, X-3).
#
#   triggers fired, writes ---> due ---> evaluate: same state -> arm anew
#                                          other state -> sorted by (margin ratio, account) -> landmark, action, arm
#
# Stands on: liquidation. A change names its causes: the publications that took the surplus since its triggers were last set,
# weighted by what each took (G-15).

from libc.stdlib cimport qsort

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.arming cimport *
from engine.native.crowd cimport Plan
from engine.native.health cimport *
from engine.native.holders cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.risk cimport *
from engine.native.published cimport *
from engine.native.running cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *
from engine.native.venue cimport *

cdef enum:
    CHECK_FEW = 16               # terms of a unit that loses its allowance when a price makes it due
    CHANGE_AHEAD = 4             # changes fetched ahead
    CAUSES_MOST = 64             # publications named by one change: those that weigh most come first in the terms

# A unit that stands elsewhere on its ladder than before, with the evaluation that says so.
cdef struct Change:
    Health health
    uint32_t terms_first         # its terms
    uint32_t terms_end
    slot_t unit
    uint32_t account
    uint32_t state               # where it stands now


cdef inline int compare_changes(const void* x, const void* y) noexcept nogil:
    """Margin ratio ascending, then account, then unit (X-3); ratios by cross-multiplication."""
    cdef const Change* a = <const Change*>x
    cdef const Change* b = <const Change*>y
    cdef int order = cmp_products(a.health.equity, max64(1, b.health.notional), b.health.equity, max64(1, a.health.notional))
    if order:
        return order
    if a.account != b.account:
        return -1 if a.account < b.account else 1
    return -1 if a.unit < b.unit else 1


# ---- causes ----

# What the move of a term's series since its trigger was set has taken from the unit (gains: has given it). O(1).
cdef inline atoms_t term_took(State* state, Term* term, bint gains) noexcept nogil:
    cdef int64_t anchor = holding_at(&state.accounts, term.holding).anchor_ticks
    cdef int64_t fallen = anchor - term.ticks
    cdef atoms_t took = 0
    if anchor <= 0 or term.ticks <= 0:
        return 0
    if term.kind == TERM_SHORT or (term.kind == TERM_COLLATERAL and term.is_negative):
        fallen = -fallen
    if gains:
        fallen = -fallen
    if fallen > 0:
        mul_div_floor(term.amount, fallen, term.ticks, &took)
    return took


# A term whose series was published in this millisecond, NIL if none was: what has just become known has moved from nowhere. O(terms).
cdef inline uint32_t term_published(State* state, Change* change) noexcept nogil:
    cdef uint32_t i
    cdef Market* market
    for i in range(change.terms_first, change.terms_end):
        market = market_at(state, term_at(&state.risk, i).series >> 1)
        if (market.index_ms if term_at(&state.risk, i).series & SERIES_INDEX else market.mark_ms) == state.now_ms:
            return i
    return NIL


# Note in every term of a change what its move took; *total: all of it. Returns the heaviest, ties: the lower series; where nothing took
# anything, one that has just been published, NIL without. O(terms).
cdef inline uint32_t heaviest_term(State* state, Change* change, bint gains, atoms_t* total) noexcept nogil:
    cdef uint32_t i, heaviest = NIL
    cdef atoms_t most = 0
    cdef Term* term
    total[0] = 0
    for i in range(change.terms_first, change.terms_end):
        term = term_at(&state.risk, i)
        term.took = term_took(state, term, gains)
        total[0] = add_saturating(total[0], term.took)
        if term.took > most or (term.took and term.took == most and term.series < term_at(&state.risk, heaviest).series):
            most = term.took
            heaviest = i
    return heaviest if heaviest != NIL else term_published(state, change)


# Record a change's landmark: its parents are the publications behind it, by what each took. Returns it; 0 without memory (latched).
cdef inline uint32_t change_landmark(State* state, Change* change, uint16_t kind, bint gains) noexcept nogil:
    cdef atoms_t total
    cdef int64_t weight
    cdef uint32_t i, heaviest = heaviest_term(state, change, gains, &total), parent = 0, landmark, shares = 0
    cdef uint32_t market = 0
    for i in range(change.terms_first, change.terms_end):        # causes are recorded before what they caused
        if shares < CAUSES_MOST and term_at(&state.risk, i).took:
            series_landmark(state, term_at(&state.risk, i).series)
            shares += 1
    shares = 0
    if heaviest != NIL:
        market = term_at(&state.risk, heaviest).series >> 1
        parent = series_landmark(state, term_at(&state.risk, heaviest).series)
    elif change.health.largest != NIL:
        market = holding_at(&state.accounts, change.health.largest).market
    landmark = venue_landmark(state, kind, market, <int32_t>change.account, parent,
                              change.health.equity if kind == LANDMARK_LIQUIDATION else <int64_t>change.state)
    for i in range(change.terms_first, change.terms_end):
        if i == heaviest or shares == CAUSES_MOST or landmark == 0:
            continue
        mul_div_floor(term_at(&state.risk, i).took, WEIGHT_ONE_PPM, max64(1, total), &weight)
        if weight:
            parent = series_landmark(state, term_at(&state.risk, i).series)
            if lineage_share(&state.lineage, landmark, shares, parent, <uint32_t>weight):
                state.fault = FAULT_NO_MEMORY
            shares += 1
    return landmark


# ---- changes ----

cdef inline void change_tell(State* state, Change* change, uint8_t kind, uint32_t landmark) noexcept nogil:
    """Tell the account's agent, on the link to a market that it knows."""
    cdef Holding* holding
    cdef slot_t slot = account_at(&state.accounts, change.account).holdings
    if slot == NIL:
        return
    holding = holding_at(&state.accounts, change.health.largest if change.health.largest != NIL else slot)
    tell(state, HEARS_ENDS, kind, change.account, holding.market, NIL, 0, 0, 0, market_at(state, holding.market).mark_ticks
         if market_at(state, holding.market).mark_ticks != NO_PRICE else 0, 0, 0, landmark, 0)


# Move one unit along its ladder: its landmark, what its venue does there, its triggers. O(markets of the account).
cdef inline outlined_int change_make(State* state, Change* change) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, change.unit)
    cdef MarginRules* rules = rules_of(state, change.account)
    cdef uint32_t before = unit.state, action, landmark
    cdef bint gains = change.state < before
    action = rules.boundary[change.state - 1].action if change.state else <uint32_t>ACTION_NONE
    unit.state = <uint8_t>change.state
    state.risk.terms_first = change.terms_first
    state.risk.terms_end = change.terms_end
    landmark = change_landmark(state, change, LANDMARK_LIQUIDATION if action == ACTION_LIQUIDATE else LANDMARK_MARGIN_STATE, gains)
    change_tell(state, change, NOTICE_LIQUIDATION if action == ACTION_LIQUIDATE else NOTICE_MARGIN, landmark)
    if action == ACTION_LIQUIDATE:
        liquidation_begins(state, change.unit, landmark)
        return 0
    if action == ACTION_CANCEL and not gains:
        unit_cancels(state, unit, landmark)
    unit_arm(state, change.unit, &change.health)
    if not gains:
        holder_stands(state, change.unit)
    return 0


# Evaluate one unit that is due; a change is noted, its terms are kept. 1 without memory. O(markets of the account).
cdef inline bint check_unit(State* state, slot_t slot, Slab* changes) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef Change* change
    cdef Health health
    cdef uint32_t now
    if unit.liquidation:
        return 0
    unit_health(state, slot, &health)
    now = ladder_state(rules_of(state, unit.account), &health) if health.is_known else unit.state
    if state.risk.terms_end - state.risk.terms_first <= CHECK_FEW:
        unit.flags &= ~UNIT_WRITES           # prices move it; one with many markets trades all the time and keeps its allowance
    if now == unit.state:
        unit_arm(state, slot, &health)
        return 0
    if slab_reserve(changes, 1):
        return 1
    change = <Change*>slab_at(changes, slab_take(changes))
    change.health = health
    change.terms_first = state.risk.terms_first
    change.terms_end = state.risk.terms_kept = state.risk.terms_end
    change.unit = slot
    change.account = unit.account
    change.state = now
    return 0


# Holders act on marks that have reached their plans, in the order of the plans (H-2). O(fired, and the markets of their accounts).
cdef inline void plans_fire(State* state) noexcept nogil:
    cdef uint32_t i
    cdef qty_t lots = 0
    cdef Plan* plan
    plans_sort(state)
    for i in range(state.crowds.fired.count):
        plan = plan_fired(state, i, &lots)
        if lots:
            plan_send(state, plan, lots, series_landmark(state, 2 * <uint32_t>plan.market + SERIES_MARK))
    state.crowds.fired.count = 0


cdef inline void change_ahead(State* state, Slab* changes, uint32_t i) noexcept nogil:
    """Fetch what the changes after this one write: units and accounts, then the holdings that their triggers hang from."""
    cdef Change* change
    if i + 2 * CHANGE_AHEAD < changes.count:
        change = <Change*>slab_at(changes, i + 2 * CHANGE_AHEAD)
        prefetch(unit_of_state(state, change.unit))
        prefetch(account_at(&state.accounts, change.account))
    if i + CHANGE_AHEAD < changes.count:
        change = <Change*>slab_at(changes, i + CHANGE_AHEAD)
        if account_at(&state.accounts, change.account).holdings != NIL:
            prefetch(holding_at(&state.accounts, account_at(&state.accounts, change.account).holdings))
        if change.health.largest != NIL:
            prefetch(holding_at(&state.accounts, change.health.largest))
    keep()


# The margin check of a millisecond. O(units due, and the markets of their accounts).
cdef inline outlined_int margin_check(State* state) noexcept nogil:
    cdef Slab changes
    cdef uint32_t i, count
    cdef uint32_t* due = <uint32_t*>state.risk.due.base
    cdef Unit* unit
    holders_take(state)
    count = state.risk.due.count
    state.risk.check_is_queued = 0
    slab_init(&changes, sizeof(Change), 0)
    # invariant: each unit before i that fired has been evaluated once
    for i in range(count):
        units_ahead(state, <uint32_t*>state.risk.due.base, i, count)
        unit = unit_of_state(state, due[i])
        if unit.flags & UNIT_STAMPED:
            continue
        unit.flags |= UNIT_STAMPED
        if check_unit(state, due[i], &changes):
            state.fault = FAULT_NO_MEMORY
    for i in range(count):
        unit_of_state(state, due[i]).flags &= ~UNIT_STAMPED
    state.risk.due.count = 0
    if changes.count > 1:
        qsort(changes.base, changes.count, sizeof(Change), &compare_changes)
    for i in range(changes.count):
        change_ahead(state, &changes, i)
        change_make(state, <Change*>slab_at(&changes, i))
    state.risk.terms_kept = state.risk.terms_first = state.risk.terms_end = 0
    slab_release(&changes)
    plans_fire(state)
    return 0
