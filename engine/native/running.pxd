# Running: the beginning and the end of a unit's liquidation, and where it stands meanwhile (X-2, X-4).
#
#   begins: out of the trigger index, a Run, a first step        ends: its state is what the evaluation says, back in the index
#
# Stands on: arming, policy.

from engine.native.types cimport *
from engine.native.arming cimport *
from engine.native.health cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.policy cimport *
from engine.native.risk cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *

cdef enum:
    NO_RUN = -1                  # in place of a Run's slot: a liquidation that is only noted


cdef inline Run* run_of(State* state, Unit* unit) noexcept nogil:
    """Where a running liquidation stands. Needs: it takes steps."""
    return run_at(state, <slot_t>unit.allowance_atoms)


cdef inline void step_later(State* state, slot_t slot) noexcept nogil:
    """The unit's next step, an interval from now."""
    cdef Unit* unit = unit_of_state(state, slot)
    venue_schedule(state, state.now_ms + policy_of(state, unit.account).interval_ms, PHASE_LIQUIDATION, EVENT_STEP, slot, 0, unit.liquidation)


# The order of a unit's step has found its market halted: the step does not count (V-9). O(1).
cdef inline void step_taken_back(State* state, slot_t slot, uint32_t cause) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef Run* run
    if unit.liquidation == 0 or unit.allowance_atoms == NO_RUN or landmark_at(&state.lineage, cause).parent != unit.liquidation:
        return                       # that liquidation has ended
    run = run_of(state, unit)
    run.steps -= 1
    run.whole_until_ms = run.whole_before_ms


# A unit's liquidation begins: it leaves the index and takes its first step. A venue without stages only notes it. O(markets of the account).
cdef inline outlined_int liquidation_begins(State* state, slot_t slot, uint32_t landmark) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef Run* run
    unit.liquidation = landmark
    if unit.holding == NIL:
        account_at(&state.accounts, unit.account).liquidation = landmark
    unit_disarm(state, slot)
    unit.allowance_atoms = NO_RUN
    if policy_of(state, unit.account).stage_ppm == 0:
        return 0
    if slab_reserve(&state.runs, 1):
        state.fault = FAULT_NO_MEMORY
        return 1
    unit.allowance_atoms = slab_take(&state.runs)
    run = run_of(state, unit)
    run.whole_until_ms = run.whole_before_ms = run.fund_paid = 0
    run.steps = run.is_begun = 0
    venue_schedule(state, state.now_ms, PHASE_LIQUIDATION, EVENT_STEP, slot, 0, landmark)
    return 0


# A unit is in liquidation no longer: its state is what the evaluation says, and it is back in the index. O(units and markets of the account).
cdef inline outlined_int liquidation_ends(State* state, slot_t slot, Health* health) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef slot_t other = account_at(&state.accounts, unit.account).units
    if unit.allowance_atoms != NO_RUN:
        slab_give(&state.runs, <slot_t>unit.allowance_atoms)
    unit.allowance_atoms = 0
    unit.liquidation = 0
    account_at(&state.accounts, unit.account).liquidation = 0
    while other != NIL:
        if unit_of_state(state, other).liquidation and unit_of_state(state, other).holding == NIL:
            account_at(&state.accounts, unit.account).liquidation = unit_of_state(state, other).liquidation
        other = unit_of_state(state, other).next
    unit.state = <uint8_t>ladder_state(rules_of(state, unit.account), health)
    unit_arm(state, slot, health)
    return 0
