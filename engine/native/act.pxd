# Act: one action, executed (B-6 .. B-9).
#
#   action -> its target's file -> done, or refused with a reason -> journal, actions table
#
# Stands on: flash (and with it lending, pools), issue, route.

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.columns cimport *
from engine.native.flash cimport *
from engine.native.issue cimport *
from engine.native.issuers cimport *
from engine.native.lend cimport *
from engine.native.loan_liquidation cimport *
from engine.native.loans cimport *
from engine.native.market cimport *
from engine.native.pool_act cimport *
from engine.native.pools cimport *
from engine.native.recorder cimport *
from engine.native.route cimport *
from engine.native.rows cimport *
from engine.native.state cimport *


# The venue of what an action names, NIL where there is no such thing. O(1).
cdef inline uint32_t action_venue(State* state, Action* action) noexcept nogil:
    if action_of_lending(action.kind):
        return protocol_at(&state.lending, action.target).venue if action.target < state.lending.protocols.count else NIL
    if action_of_pool(action.kind):
        return world_pool_at(&state.amm, action.target).venue if action.target < state.amm.pools.count else NIL
    if action_of_issuer(action.kind):
        return issuer_at(&state.issuers, action.target).venue if action.target < state.issuers.issuers.count else NIL
    return route_at(&state.issuers, action.target).venue if action.target < state.issuers.routes.count else NIL


cdef inline int act_dispatch(State* state, Action* action, ActionResult* out) noexcept nogil:
    if action_venue(state, action) != account_at(&state.accounts, action.account).venue:
        return REFUSED_NO_SUCH
    if action.kind <= ACTION_MODE:
        return lend_act(state, action, out)
    if action.kind == ACTION_LIQUIDATE_LOAN:
        return liquidate_act(state, action, out)
    if action.kind == ACTION_FLASH_LIQUIDATE:
        return flash_act(state, action, out)
    if action.kind == ACTION_ABSORB:
        return absorb_act(state, action, out)
    if action.kind == ACTION_BUY_COLLATERAL:
        return buy_collateral_act(state, action, out)
    if action_of_pool(action.kind):
        return pool_act(state, action, out)
    return route_act(state, action, out) if action.kind == ACTION_TRANSFER else issuer_act(state, action, out)


cdef inline outlined_int write_action(State* state, Action* action, ActionResult* result, atoms_t gas) noexcept nogil:
    cdef Table* table = &state.recorder.actions
    cdef int64_t row = row_begin(state, table)
    if row < 0:
        return 1
    put8(table, row, ACTED_TIME, state.now_ms)
    put8(table, row, ACTED_NUMBER, action.number)
    put8(table, row, ACTED_ATOMS, action.atoms)
    put8(table, row, ACTED_PAID, result.paid)
    put8(table, row, ACTED_GOT, result.got)
    put8(table, row, ACTED_GAS, gas)
    put4(table, row, ACTED_ACCOUNT, <int32_t>action.account)
    put4(table, row, ACTED_PARTY, <int32_t>action.party)
    put4(table, row, ACTED_CAUSE, action.cause)
    put4(table, row, ACTED_LANDMARK, result.landmark)
    put2(table, row, ACTED_TARGET, action.target)
    put2(table, row, ACTED_ASSET, action.asset)
    put2(table, row, ACTED_OTHER, action.other)
    put1(table, row, ACTED_KIND, action.kind)
    put1(table, row, ACTED_REASON, result.reason)
    table.row_count = row + 1
    return 0


# What became of an action goes into the actions table, if it is recorded. Cannot fail. O(1).
cdef inline void note_action(State* state, Action* action, ActionResult* result, atoms_t gas) noexcept nogil:
    if unlikely(state.recorder.records_actions):
        write_action(state, action, result, gas)


# Execute an action (B-6). Its journal row comes first: what follows from it stands behind. O(what it does).
cdef inline outlined_int act(State* state, Action* action, ActionResult* out) noexcept nogil:
    out.paid = out.got = 0
    out.landmark = 0
    venue_journal(state, JOURNAL_ACTION, action.target, <int32_t>action.account,
                  <int64_t>action.asset | <int64_t>action.other << 16 | <int64_t>action.party << 32, 0, action.kind, 0,
                  <int64_t>action.pool if action.kind == ACTION_FLASH_LIQUIDATE else action.least, action.atoms)
    out.reason = <uint32_t>act_dispatch(state, action, out)
    if out.reason == REFUSED_NO_MEMORY:
        state.fault = FAULT_NO_MEMORY
    if out.reason:
        out.paid = out.got = 0
    return 0
