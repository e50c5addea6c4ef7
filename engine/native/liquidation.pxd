# Liquidation, preset "plain" (X-4 .. X-6): staged reduction into the live book, write-off.
#
#   margin check (phase 4) -> phase 5: step -> phase 8: cancel, market order
#                               ^------ stage_interval_ms ------'
# Stands on: venue. Promises: nobody is liquidated who is not beyond its venue's last boundary at the step's prices; a step reduces
# and never flips; the engine reaches a book only by putting commands into the queue.

from engine.native.types cimport *
from engine.native.account cimport *
from engine.native.arith cimport *
from engine.native.arming cimport *
from engine.native.health cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.recorder cimport *
from engine.native.risk cimport *
from engine.native.rows cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *
from engine.native.venue cimport *


cdef inline Venue* liquidator(State* state, Unit* unit) noexcept nogil:
    """The venue whose preset liquidates a unit."""
    return venue_at(state, account_at(&state.accounts, unit.account).venue)


cdef inline void step_later(State* state, slot_t slot) noexcept nogil:
    """The unit's next step, an interval from now."""
    cdef Unit* unit = unit_of_state(state, slot)
    venue_schedule(state, state.now_ms + liquidator(state, unit).stage_interval_ms, PHASE_LIQUIDATION, EVENT_STEP, slot, 0, unit.liquidation)


# A unit's liquidation begins: it leaves the index and takes its first step. A venue without stages only notes it. O(markets of the account).
cdef inline void liquidation_begins(State* state, slot_t slot, uint32_t landmark) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    unit.liquidation = landmark
    if unit.holding == NIL:
        account_at(&state.accounts, unit.account).liquidation = landmark
    unit_disarm(state, slot)
    if liquidator(state, unit).stage_ppm:
        venue_schedule(state, state.now_ms, PHASE_LIQUIDATION, EVENT_STEP, slot, 0, landmark)


# A unit is in liquidation no longer: its state is what the evaluation says, and it is back in the index. O(units and markets of the account).
cdef inline void liquidation_ends(State* state, slot_t slot, Health* health) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef slot_t other = account_at(&state.accounts, unit.account).units
    unit.liquidation = 0
    account_at(&state.accounts, unit.account).liquidation = 0
    while other != NIL:
        if unit_of_state(state, other).liquidation and unit_of_state(state, other).holding == NIL:
            account_at(&state.accounts, unit.account).liquidation = unit_of_state(state, other).liquidation
        other = unit_of_state(state, other).next
    unit.state = <uint8_t>ladder_state(rules_of(state, unit.account), health)
    unit_arm(state, slot, health)


# A liquidation step (phase 5): leave if healthy or flat, else cancel the account's orders and send one market order that
# reduces its largest position (X-4, X-5). O(markets of the account).
cdef inline void liquidation_step(State* state, slot_t slot) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef uint32_t account = unit.account, landmark = unit.liquidation, step
    cdef MarginRules* rules = rules_of(state, account)
    cdef Health health
    cdef Holding* holding
    cdef Venue* venue = liquidator(state, unit)
    cdef qty_t held, stage = 0
    unit_health(state, slot, &health)
    if health.is_flat:
        if health.equity < 0 and account_at(&state.accounts, account).mode != MODE_UNIFIED:
            venue_schedule(state, state.now_ms, PHASE_BACKSTOP, EVENT_COVER, account, landmark_at(&state.lineage, landmark).market, landmark)
        else:
            liquidation_ends(state, slot, &health)
        return
    if health.is_known and surplus_to(&rules.boundary[rules.count - 1], &health) >= 0:
        liquidation_ends(state, slot, &health)
        return
    if not health.is_known or health.largest == NIL:     # wait for the price (X-2), or for what can be sold
        step_later(state, slot)
        return
    holding = holding_at(&state.accounts, health.largest)
    held = abs64(holding.position_lots)
    mul_div_ceil(held, venue.stage_ppm, 1000000, &stage)
    stage = min64(min64(max64(stage, venue.stage_lots_min), held), market_at(state, holding.market).book.qty_max)
    step = venue_landmark(state, LANDMARK_STEP, holding.market, <int32_t>account, landmark, stage)
    venue_schedule(state, state.now_ms, PHASE_ORDERS, EVENT_CANCEL_ACCOUNT, account, 0, step)
    venue_send(state, account, holding.market, SIDE_SELL if holding.position_lots > 0 else SIDE_BUY,
               ORDER_IS_MARKET | ORDER_OF_ENGINE, 0, stage, state.now_ms, step)
    step_later(state, slot)


# A flat account under water is brought to exactly 0 from the bad-debt account (phase 6, L-10). O(markets of the account).
cdef inline void liquidation_cover(State* state, uint32_t account, uint32_t market_id, uint32_t cause) noexcept nogil:
    cdef uint32_t settle = market_at(state, market_id).quote_asset, landmark = 0
    cdef uint32_t payer
    cdef slot_t slot = unit_find(state, account, settle)
    cdef Health health
    cdef atoms_t shortfall = -balance_at(&state.ledger, account, settle).atoms
    if slot != NIL:
        landmark = unit_of_state(state, slot).liquidation
    if landmark and landmark != cause:
        return                           # another liquidation has begun since, and will see to it
    if not account_is_flat(state, account, settle):
        if landmark:                     # a position was opened since: go on liquidating
            venue_schedule(state, state.now_ms, PHASE_LIQUIDATION, EVENT_STEP, slot, 0, landmark)
        return
    if shortfall > 0:
        venue_landmark(state, LANDMARK_BAD_DEBT, market_id, <int32_t>account, landmark if landmark else cause, shortfall)
        payer = venue_of(state, market_id).accounts + ACCOUNT_BAD_DEBT
        venue_journal(state, JOURNAL_WRITE_OFF, settle, <int32_t>account, payer, 0, 0, 0, 0, shortfall)
        move_atoms(state, MOVEMENT_WRITE_OFF, NO_MARKET, payer, account, settle, shortfall)
    if landmark:
        unit_health(state, slot, &health)
        liquidation_ends(state, slot, &health)
