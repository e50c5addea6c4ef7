# Flash: a liquidation that pays with what it seizes, sold in a pool in the same action (Y-19).
#
#   protocol lends the cover -> liquidation -> swap of what was seized -> cover back -> the rest is the liquidator's
#
# Stands on: loan_liquidation, pool_act. All or nothing: what the pool would pay is asked before anything is written.

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.loan cimport *
from engine.native.loan_liquidation cimport *
from engine.native.loans cimport *
from engine.native.planted cimport *
from engine.native.pool_act cimport *
from engine.native.recorder cimport *
from engine.native.spend cimport *
from engine.native.state cimport *


# ActionReason of what is planned, and of the swap that would sell it.
cdef inline int flash_check(State* state, Action* action, LoanPlan* plan, uint32_t owed_reserve, uint32_t held_reserve, SwapPlan* swap) noexcept nogil:
    cdef atoms_t seized = plan.seizure.seized - plan.seizure.fee
    cdef int reason
    if seized > reserve_cash(state, reserve_at(&state.lending, held_reserve)) \
            or plan.seizure.repaid > reserve_cash(state, reserve_at(&state.lending, owed_reserve)):
        return REFUSED_NO_CASH
    if seized == 0:
        return REFUSED_UNPROFITABLE
    reason = swap_plan(state, action.pool, action.other, action.asset, seized, 0, swap)
    if reason:
        return reason
    if swap.gives.amount_out <= plan.seizure.repaid:
        return REFUSED_UNPROFITABLE
    if may_get(state, action.account, action.other) or may_get(state, action.account, action.asset):
        return REFUSED_NO_MEMORY
    return ACTION_DONE


# Flash liquidate (Y-19). ActionReason. O(entries + what the pool takes).
cdef inline outlined_int flash_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    cdef uint32_t owed_reserve = NIL, held_reserve = NIL
    cdef Protocol* protocol = protocol_at(&state.lending, action.target)
    cdef LoanPlan plan
    cdef slot_t slot
    cdef int reason
    cdef SwapPlan swap
    if protocol.form != FORM_AAVE and protocol.form != FORM_MORPHO:
        return REFUSED_CLOSED
    if action.pool >= state.amm.pools.count or world_pool_at(&state.amm, action.pool).venue != protocol.venue:
        return REFUSED_NO_SUCH
    if action.atoms < 1:
        return REFUSED_NOTHING
    if action.atoms > ACTION_ALL:
        return REFUSED_BOUND
    slot = loan_named(state, action, &owed_reserve, &held_reserve)
    if slot == NIL:
        return REFUSED_NO_SUCH
    reason = loan_plan(state, slot, owed_reserve, held_reserve, action.atoms, &plan)
    if reason == ACTION_DONE:
        reason = flash_check(state, action, &plan, owed_reserve, held_reserve, &swap)
    if reason == ACTION_DONE:
        spend(state, MOVEMENT_LENDING, protocol.account, action.account, action.asset, plan.seizure.repaid)
        loan_execute(state, &plan, action.account, action.cause, out)
        swap_execute(state, action.account, &swap, out.landmark)
        if not planted(SLIP_COVER_NOT_GIVEN_BACK):
            spend(state, MOVEMENT_LENDING, action.account, protocol.account, action.asset, plan.seizure.repaid)
        out.got = swap.gives.amount_out - plan.seizure.repaid
    loan_done(state, slot, owed_reserve, held_reserve, reason == ACTION_DONE)
    return reason
