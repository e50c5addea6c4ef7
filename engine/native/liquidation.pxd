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
from engine.native.isolated cimport *
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
cdef inline outlined_int liquidation_begins(State* state, slot_t slot, uint32_t landmark) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    unit.liquidation = landmark
    if unit.holding == NIL:
        account_at(&state.accounts, unit.account).liquidation = landmark
    unit_disarm(state, slot)
    if liquidator(state, unit).stage_ppm:
        venue_schedule(state, state.now_ms, PHASE_LIQUIDATION, EVENT_STEP, slot, 0, landmark)
    return 0


# A unit is in liquidation no longer: its state is what the evaluation says, and it is back in the index. O(units and markets of the account).
cdef inline outlined_int liquidation_ends(State* state, slot_t slot, Health* health) noexcept nogil:
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
    return 0


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


# A liquidation step (phase 5): leave if healthy or flat, else cancel the account's orders and send one market order that
# reduces its largest position (X-4, X-5). O(markets of the account).
cdef inline outlined_int liquidation_step(State* state, slot_t slot) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef uint32_t account = unit.account, landmark = unit.liquidation, step
    cdef MarginRules* rules = rules_of(state, account)
    cdef Health health
    cdef Holding* holding
    cdef Venue* venue = liquidator(state, unit)
    cdef qty_t held, stage = 0
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
    if not health.is_known or health.largest == NIL:     # wait for the price (X-2), or for what can be sold
        step_later(state, slot)
        return 0
    holding = holding_at(&state.accounts, health.largest)
    held = abs64(holding.position_lots)
    mul_div_ceil(held, venue.stage_ppm, 1000000, &stage)
    stage = min64(min64(max64(stage, venue.stage_lots_min), held), market_at(state, holding.market).book.qty_max)
    step = venue_landmark(state, LANDMARK_STEP, holding.market, <int32_t>account, landmark, stage)
    unit_cancels(state, unit, step)
    venue_send(state, account, holding.market, SIDE_SELL if holding.position_lots > 0 else SIDE_BUY,
               ORDER_IS_MARKET | ORDER_OF_ENGINE, 0, stage, state.now_ms, step)
    step_later(state, slot)
    return 0


# Bring what is below 0 to exactly 0 from the bad-debt account of a market's venue: a balance, or with `unit` an isolated margin (L-10).
cdef inline void write_off(State* state, uint32_t account, uint32_t market_id, Unit* unit, atoms_t shortfall, uint32_t parent) noexcept nogil:
    cdef uint32_t settle = market_at(state, market_id).quote_asset
    cdef uint32_t payer = venue_of(state, market_id).accounts + ACCOUNT_BAD_DEBT
    if shortfall <= 0:
        return
    venue_landmark(state, LANDMARK_BAD_DEBT, market_id, <int32_t>account, parent, shortfall)
    venue_journal(state, JOURNAL_WRITE_OFF, settle, <int32_t>account, payer, unit != NULL, 0, 0, market_id if unit != NULL else 0, shortfall)
    if unit == NULL:
        move_atoms(state, MOVEMENT_WRITE_OFF, NO_MARKET, payer, account, settle, shortfall)
        return
    balance_at(&state.ledger, payer, settle).atoms -= shortfall
    unit.margin_atoms += shortfall
    note_movement(state, MOVEMENT_WRITE_OFF, market_id, <int32_t>payer, <int32_t>account, settle, shortfall)


# A flat account under water is brought to exactly 0 (phase 6, L-10): its isolated margin in that market, and its balance once nothing
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
        write_off(state, account, market_id, unit, -unit.margin_atoms, landmark if landmark else cause)
    if is_flat:
        write_off(state, account, market_id, NULL, -balance_at(&state.ledger, account, settle).atoms, landmark if landmark else cause)
    if landmark:
        unit_health(state, slot, &health)
        liquidation_ends(state, slot, &health)
    return 0
