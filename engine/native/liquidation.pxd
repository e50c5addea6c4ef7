# Liquidation: the steps of a unit beyond its venue's last boundary (X-4 .. X-6).
#
#   margin check (phase 4) -> phase 5: step -> healthy? leave . takeover due? phase 6 . sales . order -> phase 8: cancel, order
#                               ^-------------------------- interval_ms ---------------------------------------'
# Stands on: takeover, selling, stage. Promises: nobody is liquidated who is not beyond its venue's last boundary at the step's prices; a
# step reduces and never flips; the engine reaches a book only by putting commands into the queue.

from engine.native.types cimport *
from engine.native.account cimport *
from engine.native.arith cimport *
from engine.native.health cimport *
from engine.native.isolated cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.policy cimport *
from engine.native.recorder cimport *
from engine.native.risk cimport *
from engine.native.running cimport *
from engine.native.selling cimport *
from engine.native.shortfall cimport *
from engine.native.slab cimport *
from engine.native.stage cimport *
from engine.native.state cimport *
from engine.native.unit cimport *
from engine.native.venue cimport *
from engine.native.waterfall cimport *


cdef inline uint32_t market_of_unit(State* state, Unit* unit) noexcept nogil:
    """The market whose venue covers what a unit has lost: its own, or the one that its liquidation began with."""
    if unit.holding != NIL:
        return holding_at(&state.accounts, unit.holding).market
    return landmark_at(&state.lineage, unit.liquidation).market


# Whether a flat unit leaves something for L-10: a balance below 0 (not UNIFIED), or its isolated margin. O(markets of the account).
cdef inline bint owes_flat(State* state, Unit* unit) noexcept nogil:
    if account_at(&state.accounts, unit.account).mode == MODE_UNIFIED:
        return 0
    return unit.margin_atoms < 0 or (balance_at(&state.ledger, unit.account, unit.asset).atoms < 0
                                     and account_is_flat(state, unit.account, unit.asset))


cdef inline bint is_below_takeover(Policy* policy, Health* health) noexcept nogil:
    """Whether a unit is worth so little that it is taken over at once (X-6)."""
    return policy.takeover_ppm >= 0 and cmp_products(health.equity, 1000000, health.requirement, policy.takeover_ppm) < 0


# Takeover in phase 6: of this millisecond, of the next one if the unit's orders have to go first. O(1).
cdef inline void takeover_send(State* state, slot_t slot, Run* run) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef time_ms_t due_ms = state.now_ms
    if not run.is_begun:
        unit_cancels(state, unit, unit.liquidation)
        run.is_begun = 1
        due_ms += 0 if planted(SLIP_TAKEN_WITH_ORDERS) else 1
    venue_schedule(state, due_ms, PHASE_BACKSTOP, EVENT_TAKEOVER, slot, 0, unit.liquidation)


# One order that reduces the unit's largest position (X-5). O(markets of the account).
cdef inline void stage_send(State* state, slot_t slot, Health* health) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef Policy* policy = policy_of(state, unit.account)
    cdef Run* run = run_of(state, unit)
    cdef Holding* holding = holding_at(&state.accounts, health.largest)
    cdef Market* market = market_at(state, holding.market)
    cdef atoms_t notional = abs64(notional_atoms(market, holding.position_lots, market.mark_ticks))
    cdef bint sells = holding.position_lots > 0
    cdef qty_t lots
    cdef int64_t limit = 0
    cdef uint32_t step, flags = ORDER_IS_MARKET | ORDER_OF_ENGINE, market_id = holding.market
    if is_halted(state, market):             # it waits (V-9)
        return
    run.whole_before_ms = run.whole_until_ms
    lots = stage_lots(state, policy, run, holding, notional)
    if policy.order != STAGE_MARKET:
        limit = stage_limit(state, policy, unit, health.largest, notional, health)
        flags = ORDER_OF_ENGINE | (ORDER_IS_FOK if policy.is_fok else ORDER_IS_IOC)
    step = venue_landmark(state, LANDMARK_STEP, market_id, <int32_t>unit.account, unit.liquidation, lots)
    note_waterfall(state, WATERFALL_STEP, market_id, market.quote_asset, <int32_t>unit.account, -1, lots, 0, health, step)
    unit_cancels(state, unit, step)
    run.is_begun = 1
    run.steps += 1
    venue_send(state, unit.account, market_id, SIDE_SELL if sells else SIDE_BUY, flags, <price_t>limit, lots, state.now_ms, step)


cdef inline bint owes_something(State* state, uint32_t account) noexcept nogil:
    """Whether an account has a liability in any asset (C-3)."""
    cdef uint32_t asset
    for asset in range(state.ledger.assets.count):
        if balance_at(&state.ledger, account, asset).owed > 0 or balance_at(&state.ledger, account, asset).atoms < 0:
            return 1
    return 0


# A liability of a unified account: the first step takes its orders off, later ones repay, sell and buy back (X-13). 0 if there is nothing
# for it to do. O(collateral x levels).
cdef inline bint settles_debts(State* state, slot_t slot, Health* health) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef Run* run = run_of(state, unit)
    if not run.is_begun:
        run.is_begun = 1
        unit_cancels(state, unit, unit.liquidation)
        return 1
    return unit_sells(state, slot, health)


cdef inline bint must_be_taken(State* state, Policy* policy, Run* run, Health* health) noexcept nogil:
    """Steps are used up, or the largest position stands in a tier that is taken over (X-6)."""
    cdef Holding* holding
    cdef Market* market
    if policy.steps_most and run.steps >= policy.steps_most:
        return 1
    if policy.tier_least == 0 or health.largest == NIL:
        return 0
    holding = holding_at(&state.accounts, health.largest)
    market = market_at(state, holding.market)
    return tier_number(state, market, abs64(notional_atoms(market, holding.position_lots, market.mark_ticks))) < policy.tier_least


# A liquidation step (phase 5): the first of X-4 that applies. O(markets of the account, collateral x levels).
cdef inline outlined_int liquidation_step(State* state, slot_t slot, uint32_t cause) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef uint32_t account = unit.account, landmark = unit.liquidation
    cdef MarginRules* rules = rules_of(state, account)
    cdef Policy* policy = policy_of(state, unit.account)
    cdef bint is_unified = account_at(&state.accounts, account).mode == MODE_UNIFIED
    cdef Health health
    if landmark == 0 or landmark != cause or unit.allowance_atoms == NO_RUN:
        return 0                             # that liquidation has ended
    if is_unified and run_of(state, unit).is_begun:
        repay_all(state, account)
    unit_health(state, slot, &health)
    if health.is_flat:
        if owes_flat(state, unit):
            venue_schedule(state, state.now_ms, PHASE_BACKSTOP, EVENT_COVER, account, market_of_unit(state, unit), landmark)
        else:
            liquidation_ends(state, slot, &health)
        return 0
    if health.is_known and surplus_to(&rules.boundary[rules.count - 1], &health) >= 0:
        liquidation_ends(state, slot, &health)
        return 0
    if not health.is_known:                  # wait for the price (X-2)
        step_later(state, slot)
        return 0
    if is_below_takeover(policy, &health):
        takeover_send(state, slot, run_of(state, unit))
        return 0
    if is_unified and owes_something(state, account) and settles_debts(state, slot, &health):
        step_later(state, slot)
        return 0
    if health.largest == NIL or must_be_taken(state, policy, run_of(state, unit), &health):
        takeover_send(state, slot, run_of(state, unit))
        return 0
    stage_send(state, slot, &health)
    step_later(state, slot)
    return 0


# A flat account under water is brought to exactly 0 (phase 6, L-10, X-10): its isolated margin in that market, and its balance once nothing
# settles in the asset any more. O(markets of the account).
cdef inline outlined_int liquidation_cover(State* state, uint32_t account, uint32_t market_id, uint32_t cause) noexcept nogil:
    cdef uint32_t settle = market_at(state, market_id).quote_asset, landmark = 0
    cdef slot_t own = isolated_unit(state, account, market_id)
    cdef slot_t slot = own if own != NIL else unit_find(state, account, settle)
    cdef Unit* unit = unit_of_state(state, slot) if slot != NIL else NULL
    cdef bint is_flat = account_is_flat(state, account, settle)
    cdef Health health
    if unit != NULL:
        landmark = unit.liquidation
    if landmark and landmark != cause:
        return 0                         # another liquidation has begun since, and will see to it
    if not (is_flat if own == NIL else holding_at(&state.accounts, unit.holding).position_lots == 0):
        if landmark:                     # a position was opened since: go on liquidating
            venue_schedule(state, state.now_ms, PHASE_LIQUIDATION, EVENT_STEP, slot, 0, landmark)
        return 0
    if own != NIL:
        shortfall_cover(state, account, own, settle, market_id, 1, landmark if landmark else cause)
    if is_flat:
        shortfall_cover(state, account, NIL if own != NIL else slot, settle, market_id, 1, landmark if landmark else cause)
    if landmark:
        unit_health(state, slot, &health)
        liquidation_ends(state, slot, &health)
    return 0
