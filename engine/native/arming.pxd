# Arming: how far every price of a unit may move, all at once, before the unit can be beyond its next boundary (E-2 .. E-5).
#
#   budget S'  = surplus + 1 - max(rounds, 1)          (back over the better boundary: deficit - rounds)
#   share rho  = S' / A                                A = sum over terms of amount x largest adverse slope over the whole box
#   band       = ticks -/+ (floor(ticks * rho) + 1)    fires there; inside it nothing can have happened
#
# Stands on: health. Terms that move with two prices count 9/8 and rho is at most 1/8: (1 + rho)rho <= 9/8 rho. All variables of a
# unit are set together; whoever lowers a surplus calls unit_wrote in the same event.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.health cimport *
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.risk cimport *
from engine.native.schedule cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.triggers cimport *
from engine.native.unit cimport *

cdef extern from *:
    """
    #define ENGINE_BUDGET_MOST ((int64_t)1 << 59)
    """
    const int64_t BUDGET_MOST "ENGINE_BUDGET_MOST"      # a larger one is cut, which is safe: 8 x it fits

cdef enum:
    UNITS_AHEAD = 8              # units fetched ahead: an evaluation is two misses long
    PULL_ONE = 8                 # weight of a term with one price, in eighths
    PULL_PRODUCT = 9             # with two
    WEIGHT_LEAST = 2             # of a series that has not moved that way of late
    WEIGHT_MOST = 32


cdef inline int32_t term_pace(State* state, Term* term, bint gains) noexcept nogil:
    """The pace of a term's series in the direction that takes from the unit; mirrored for gains."""
    cdef bint falls = term.kind == TERM_LONG or (term.kind == TERM_COLLATERAL and not term.is_negative)
    return series_at(&state.risk.triggers, term.series).pace[TRIGGER_FALL if falls != gains else TRIGGER_RISE]


cdef inline atoms_t part_up(atoms_t amount, int64_t ppm) noexcept nogil:
    """amount * ppm / 10^6 rounded up, 0 for a share below 0, held at MONEY_BOUND."""
    cdef atoms_t out
    if ppm <= 0:
        return 0
    if mul_div_ceil(amount, ppm, 1000000, &out):
        return MONEY_BOUND
    return min64(out, MONEY_BOUND)


# Adverse slopes of a position at a requirement ratio, with its rate the highest that it can reach in the box: a falling long
# loses what its notional loses, less the requirement that goes at the lowest rate; a rising short also needs more. A long whose
# requirement grows faster than its gain in some tier above fears a rise, even if no tier of this box does that.
cdef inline void position_pull(Term* term, int64_t ratio_ppm) noexcept nogil:
    cdef int64_t most = ceil_div(ratio_ppm * term.rate_ppm, 1000000)
    if term.kind == TERM_LONG:
        term.fall = part_up(term.amount, 1000000 - floor_div(ratio_ppm * (term.rate_ppm if planted(SLIP_LOWEST_OF_TODAY) else term.lowest_ppm), 1000000))
        term.rise = part_up(term.amount, most - term.floor_ppm)
        if term.rise == 0 and ratio_ppm * term.highest_ppm > 1000000 * <int64_t>term.floor_ppm and not planted(SLIP_RISE_LEFT_OPEN):
            term.rise = 1            # nothing inside this box, but beyond it: a band that holds the box shut
    else:
        term.rise = part_up(term.amount, 1000000 + most)
        term.fall = 0


# Adverse slopes of what one index prices: its net value at the highest share that counts, and the requirements in it. Where
# positions can turn the net value's sign inside the box, both ways.
cdef inline void collateral_pull(Term* term, int64_t ratio_ppm) noexcept nogil:
    cdef atoms_t turn = term.exposure >> BOX_SHIFT
    term.rise = part_up(term.requirement, ratio_ppm)
    if term.is_negative:
        term.rise = add_saturating(term.rise, term.amount)
        term.fall = part_up(turn - term.amount + 1, term.rate_ppm) if turn >= term.amount else 0
    else:
        term.fall = part_up(term.amount, term.rate_ppm)
        if turn >= term.amount:
            term.rise = add_saturating(term.rise, turn - term.amount + 1)


# Give every term its weight: the pace of its series in the direction that the boundary is afraid of (losing) or hopes for (gaining),
# between WEIGHT_LEAST and WEIGHT_MOST. Any weights are exact; these put the budget where it will be used (E-8). O(terms).
cdef inline void terms_weigh(State* state, bint gains) noexcept nogil:
    cdef uint32_t i
    cdef int32_t most = 0
    cdef Term* term
    for i in range(state.risk.terms_first, state.risk.terms_end):
        most = <int32_t>max64(most, term_pace(state, term_at(&state.risk, i), gains))
    for i in range(state.risk.terms_first, state.risk.terms_end):
        term = term_at(&state.risk, i)
        term.weight = WEIGHT_LEAST
        if most:
            term.weight += <uint8_t>floor_div(<int64_t>term_pace(state, term, gains) * (WEIGHT_MOST - WEIGHT_LEAST), most)


cdef inline bint pull_add(int64_t* sum, Term* term) noexcept nogil:
    """Add a term to A in eighths, weighted; 1 if the sum is beyond all bounds."""
    cdef int64_t weighted
    return mul_overflows(max64(term.fall, term.rise),
                         term.weight * (PULL_PRODUCT if term.is_product and not planted(SLIP_PRODUCT_AS_ONE) else PULL_ONE), &weighted) \
        or add_overflows(sum[0], weighted, sum)


# Pull of every term at the rates that stand in them, and eight times A: 0 if nothing moves it, -1 beyond all bounds. O(terms).
cdef inline int64_t pulls_sum(State* state, int64_t ratio_ppm) noexcept nogil:
    cdef uint32_t i
    cdef int64_t sum = 0
    cdef bint is_beyond = 0
    cdef Term* term
    for i in range(state.risk.terms_first, state.risk.terms_end):
        term = term_at(&state.risk, i)
        if term.kind == TERM_COLLATERAL:
            collateral_pull(term, ratio_ppm)
        else:
            position_pull(term, ratio_ppm)
        is_beyond |= pull_add(&sum, term)
    return -1 if is_beyond else sum


# Highest maintenance rate that a position can reach while no price moves by more than budget / sum (both in eighths of A).
cdef inline int64_t rate_reached(State* state, Term* term, Health* health, atoms_t budget, int64_t sum) noexcept nogil:
    cdef atoms_t more, weighted
    if term.rate_ppm == term.highest_ppm or planted(SLIP_HIGHEST_OF_TODAY):
        return term.rate_ppm
    if sum <= 0 or mul_overflows(term.notional, term.weight, &weighted) or mul_div_ceil(weighted, 8 * budget, sum, &more):
        more = MONEY_BOUND
    if health.has_products:
        more = min64(more, (term.notional >> BOX_SHIFT) + 1)
    return schedule_rate(&state.risk.schedules, term.schedule, add_saturating(term.notional, min64(more, MONEY_BOUND)) + 1)


cdef inline bint fears_a_climb(Term* term, int64_t ratio_ppm) noexcept nogil:
    """Whether a higher tier in the box would take more of a surplus: a short's does, a long's where its requirement may outgrow its gain."""
    return term.kind == TERM_SHORT or (term.kind == TERM_LONG and (ratio_ppm > 1000000 or term.floor_ppm < 1000000))


# Eight times A for losing surplus (or, mirrored, for gaining it): first with the rates of today, which gives too large a box, then with
# those that this box can reach, which is a smaller one. A position that gains only comes down the tiers. O(terms).
cdef inline int64_t box_sum(State* state, Health* health, int64_t ratio_ppm, atoms_t budget, bint gains) noexcept nogil:
    cdef uint32_t i
    cdef int64_t sum = pulls_sum(state, ratio_ppm)
    cdef bint again = 0
    cdef Term* term
    for i in range(state.risk.terms_first, state.risk.terms_end):
        again |= fears_a_climb(term_at(&state.risk, i), ratio_ppm)
    if sum < 0 or gains or not again:
        return sum
    for i in range(state.risk.terms_first, state.risk.terms_end):
        term = term_at(&state.risk, i)
        if term.kind != TERM_COLLATERAL:
            term.rate_ppm = <int32_t>rate_reached(state, term, health, budget, sum)
    return pulls_sum(state, ratio_ppm)


# Ticks that a series may move with this budget: floor(ticks * rho). O(1).
cdef inline int64_t box_ticks(Term* term, Health* health, atoms_t budget, int64_t sum) noexcept nogil:
    cdef int64_t ticks
    if sum < 0:
        return 0
    if sum == 0 or mul_div_floor(<int64_t>term.ticks * term.weight, 8 * budget, sum, &ticks):
        ticks = TRIGGER_NONE_UP
    if health.has_products and not planted(SLIP_BOX_NOT_HELD):
        ticks = min64(ticks, term.ticks >> BOX_SHIFT)
    return ticks + 1 if planted(SLIP_BAND_LATE) else ticks


# Narrow every term's band to what a budget allows; mirrored for gains: what a fall takes from a surplus a rise gives it. O(terms).
cdef inline void bands_narrow(State* state, Health* health, int64_t ratio_ppm, atoms_t budget, bint gains) noexcept nogil:
    cdef int64_t sum, ticks
    cdef uint32_t i
    cdef Term* term
    terms_weigh(state, gains)
    sum = box_sum(state, health, ratio_ppm, budget, gains)
    for i in range(state.risk.terms_first, state.risk.terms_end):
        term = term_at(&state.risk, i)
        ticks = box_ticks(term, health, budget, sum)
        if (term.rise if gains else term.fall) > 0:
            term.low = <int32_t>max64(term.low, max64(term.ticks - ticks - 1, TRIGGER_NONE_DOWN))
        if (term.fall if gains else term.rise) > 0:
            term.high = <int32_t>min64(term.high, min64(term.ticks + ticks + 1, TRIGGER_NONE_UP))


# Less is left than roundings can take: whatever moves, and whichever way, the unit may come across (E-3). O(terms).
cdef inline void bands_shut(State* state) noexcept nogil:
    cdef uint32_t i
    cdef Term* term
    for i in range(state.risk.terms_first, state.risk.terms_end):
        term = term_at(&state.risk, i)
        term.low = <int32_t>max64(term.low, max64(<int64_t>term.ticks - 1, TRIGGER_NONE_DOWN))
        term.high = <int32_t>min64(term.high, min64(<int64_t>term.ticks + 1, TRIGGER_NONE_UP))


# Narrow the bands to a budget that may be below 0. O(terms).
cdef inline void bands_spend(State* state, Health* health, int64_t ratio_ppm, atoms_t budget, bint gains) noexcept nogil:
    if budget < 0 and not planted(SLIP_SHUT_ONE_WAY):
        bands_shut(state)
    else:
        bands_narrow(state, health, ratio_ppm, min64(BUDGET_MOST, max64(0, budget)), gains)


# What all roundings together may have taken from a surplus at a boundary (E-3). `at_or_below` has an atom of its own that comes and goes
# with the requirement: where nothing is required 0 left is not beyond (C-4).
cdef inline atoms_t rounds_at(Health* health, Boundary* boundary) noexcept nogil:
    cdef atoms_t needed
    if boundary.ratio_ppm == 1000000 and (not boundary.at_or_below or planted(SLIP_STEP_AT_NOTHING)):
        return add_saturating(health.equity_rounds, health.requirement_rounds)
    if mul_div_ceil(health.requirement_rounds, boundary.ratio_ppm, 1000000, &needed):
        needed = MONEY_BOUND
    return add_saturating(add_saturating(health.equity_rounds, min64(needed, MONEY_BOUND)), 1)


# max(k, 1) of E-3: what stands between a surplus and the real one, and at least the atom by which 0 is not beyond.
cdef inline atoms_t rounds_slack(Health* health, Boundary* boundary) noexcept nogil:
    if planted(SLIP_SLACK_LEFT_OUT):
        return 1
    if planted(SLIP_DEBT_UNROUNDED) and health.notional == 0:
        return 0
    return max64(rounds_at(health, boundary), 1)


# ---- triggers ----

cdef inline void trigger_move(State* state, Holding* holding, uint32_t series, int side, int32_t at, slot_t unit) noexcept nogil:
    """Set one side of a holding, or take it off."""
    if at == (TRIGGER_NONE_DOWN if side == TRIGGER_FALL else TRIGGER_NONE_UP):
        trigger_drop(&state.risk.triggers, &holding.trigger[side])
    elif trigger_set(&state.risk.triggers, &holding.trigger[side], series, side, at, unit):
        state.fault = FAULT_NO_MEMORY


cdef inline bint band_stands(State* state, Holding* holding) noexcept nogil:
    """Whether no trigger of a holding has fired since they were set. Only a planted fault asks."""
    cdef int side
    for side in range(2):
        if holding.trigger[side] != NIL and trigger_at(&state.risk.triggers, holding.trigger[side]).bucket == NIL:
            return 0
    return holding.trigger[0] != NIL or holding.trigger[1] != NIL


cdef inline bint unit_stands(State* state) noexcept nogil:
    """Whether the unit of the last evaluation waits somewhere. Only a planted fault asks."""
    return state.risk.terms_first < state.risk.terms_end \
        and band_stands(state, holding_at(&state.accounts, term_at(&state.risk, state.risk.terms_first).holding))


cdef inline void bands_set(State* state, slot_t slot) noexcept nogil:
    """Set the triggers of all terms to their bands. O(terms)."""
    cdef uint32_t i
    cdef Term* term
    cdef Holding* holding
    for i in range(state.risk.terms_first, state.risk.terms_end):
        term = term_at(&state.risk, i)
        holding = holding_at(&state.accounts, term.holding)
        if planted(SLIP_ONE_BAND_SET) and band_stands(state, holding):
            continue
        holding.anchor_ticks = term.ticks
        trigger_move(state, holding, term.series, TRIGGER_FALL, term.low, slot)
        trigger_move(state, holding, term.series, TRIGGER_RISE, term.high, slot)


# Take a unit out of the index: all its triggers (in liquidation, frozen). O(markets of the account).
cdef inline outlined_int unit_disarm(State* state, slot_t slot) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef slot_t at = unit.holding if unit.holding != NIL else account_at(&state.accounts, unit.account).holdings
    cdef Holding* holding
    while at != NIL:
        holding = holding_at(&state.accounts, at)
        if holding.unit == slot:
            trigger_drop(&state.risk.triggers, &holding.trigger[TRIGGER_FALL])
            trigger_drop(&state.risk.triggers, &holding.trigger[TRIGGER_RISE])
        if unit.holding != NIL:
            return 0
        at = holding.next_of_account
    return 0


# Set every trigger of a unit anew, from the evaluation that has just been made of it (E-2 .. E-5). Its state must be that of this
# evaluation. While a price is unknown any publication wakes it. O(terms).
cdef inline outlined_int unit_arm(State* state, slot_t slot, Health* health) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef MarginRules* rules = rules_of(state, unit.account)
    cdef Boundary* boundary
    cdef atoms_t budget
    cdef uint32_t i
    cdef Term* term
    state.risk.arm_count += 1
    unit.allowance_atoms = 0
    for i in range(state.risk.terms_first, state.risk.terms_end):
        term = term_at(&state.risk, i)
        term.low = TRIGGER_NONE_DOWN if health.is_known else TRIGGER_NONE_UP - 1
        term.high = TRIGGER_NONE_UP
    if health.is_known and unit.state > 0:               # back over the better boundary
        boundary = &rules.boundary[unit.state - 1]
        budget = -surplus_to(boundary, health) - (0 if planted(SLIP_GAIN_UNROUNDED) else rounds_at(health, boundary))
        bands_spend(state, health, boundary.ratio_ppm, budget, 1)
    if health.is_known and unit.state < rules.count:     # over the next worse one
        boundary = &rules.boundary[unit.state]
        budget = surplus_to(boundary, health) + 1 - rounds_slack(health, boundary)
        if unit.flags & UNIT_WRITES == UNIT_WRITES and budget > 0:
            unit.allowance_atoms = budget >> 1
            budget -= unit.allowance_atoms
        bands_spend(state, health, boundary.ratio_ppm, budget, 0)
    bands_set(state, slot)
    return 0


# ---- writes ----

# A unit stands on the list of the next margin check (phase 4): this millisecond's if that is still to come. Cannot fail; latched.
cdef inline void unit_due(State* state, slot_t slot) noexcept nogil:
    cdef Slab* due = &state.risk.due
    if slab_reserve(due, 1):
        state.fault = FAULT_NO_MEMORY
        return
    (<uint32_t*>(due.base))[slab_take(due)] = slot
    check_queue(state)


cdef inline void units_ahead(State* state, uint32_t* due, uint32_t i, uint32_t count) noexcept nogil:
    """Fetch what the evaluations after this one of a list read: units two stages before their holdings."""
    cdef Unit* unit
    cdef slot_t slot
    cdef Holding* holding
    cdef int side
    if i + 4 * UNITS_AHEAD < count:
        prefetch(unit_of_state(state, due[i + 4 * UNITS_AHEAD]))
    if i + 3 * UNITS_AHEAD < count:
        unit = unit_of_state(state, due[i + 3 * UNITS_AHEAD])
        prefetch(account_at(&state.accounts, unit.account))
        prefetch(purse_at(&state.ledger, unit.account))
    if i + 2 * UNITS_AHEAD < count:
        unit = unit_of_state(state, due[i + 2 * UNITS_AHEAD])
        slot = account_at(&state.accounts, unit.account).holdings
        prefetch(balance_row(&state.ledger, purse_at(&state.ledger, unit.account).first))
        if slot != NIL:
            prefetch(holding_at(&state.accounts, slot))
    if i + UNITS_AHEAD < count:
        unit = unit_of_state(state, due[i + UNITS_AHEAD])
        slot = account_at(&state.accounts, unit.account).holdings
        if slot != NIL:
            holding = holding_at(&state.accounts, slot)
            for side in range(2):
                if holding.trigger[side] != NIL:
                    prefetch(trigger_at(&state.risk.triggers, holding.trigger[side]))
            if holding.next_of_account != NIL:
                prefetch(holding_at(&state.accounts, holding.next_of_account))
    keep()


# Something has changed what a unit has or must have: look at it, and set its triggers, in the same event (E-4). One that has come
# beyond a boundary, or back, is left to the next margin check. O(markets of the account).
cdef inline outlined_int unit_wrote(State* state, slot_t slot) noexcept nogil:
    cdef Health health
    cdef Unit* unit = unit_of_state(state, slot)
    if unit.liquidation:
        return 0
    unit_health(state, slot, &health)
    if unit.flags & UNIT_WRITES != UNIT_WRITES and not state.recorder.is_opening:
        unit.flags += UNIT_WRITE
    if health.is_known and ladder_state(rules_of(state, unit.account), &health) != unit.state:
        unit_due(state, slot)
    elif not (planted(SLIP_WRITE_UNSEEN) and unit_stands(state)):
        unit_arm(state, slot, &health)
    return 0


# An account's balance of an asset has changed: the unit that counts it looks again. O(1) without one.
cdef inline void balance_wrote(State* state, uint32_t account, uint32_t asset) noexcept nogil:
    cdef slot_t slot
    if account_at(&state.accounts, account).units == NIL:
        return
    slot = unit_find(state, account, asset)
    if slot != NIL:
        unit_wrote(state, slot)
