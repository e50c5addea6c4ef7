# Holders: what accounts without an agent do: stop-losses, purchases of a dip, top-ups of margin (H-1 .. H-4).
#
#   mark reaches a plan's price -> due (phase 4) -> order over the member's link, cause = the publication -> phase 8
#   unit stands beyond a boundary -> EVENT_TOP_UP after a delay (phase 1) -> reserve pays -> unit looks again
#                                                                         -> over a route (K-5) -> EVENT_ARRIVAL -> unit looks again
#
# Stands on: venue, funds, agent, act. The margin check calls it: `holders_take` parts plans from units, `holders_fire` acts when all changes of
# the millisecond are made, `holder_stands` hears of each unit that has come to stand worse. An account in liquidation does nothing.

from libc.stdlib cimport qsort
from libc.string cimport memset

from engine.native.types cimport *
from engine.native.act cimport *
from engine.native.actions cimport *
from engine.native.arith cimport *
from engine.native.agent cimport agent_send
from engine.native.book cimport NO_PRICE
from engine.native.breaker cimport *
from engine.native.crowd cimport *
from engine.native.funds cimport *
from engine.native.health cimport *
from engine.native.ledger cimport *
from engine.native.issuers cimport *
from engine.native.link cimport *
from engine.native.market cimport *
from engine.native.orders cimport *
from engine.native.risk cimport *
from engine.native.rng cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.transit cimport *
from engine.native.triggers cimport *
from engine.native.unit cimport *
from engine.native.venue cimport *


# ---- plans ----

cdef inline int compare_rows(const void* x, const void* y) noexcept nogil:
    cdef uint32_t a = (<const uint32_t*>x)[0], b = (<const uint32_t*>y)[0]
    return -1 if a < b else a > b


# Part the plans that have fired from the units that are due; the units keep their order. Without memory the fault is latched. O(due).
cdef inline void holders_take(State* state) noexcept nogil:
    cdef Slab* fired = &state.crowds.fired
    cdef uint32_t* due = <uint32_t*>state.risk.due.base
    cdef uint32_t i, kept = 0
    fired.count = 0
    if state.crowds.plans.count == 0:
        return
    # invariant: due[0 .. kept) are the units among the first i
    for i in range(state.risk.due.count):
        if not due[i] & <uint32_t>PLAN_TAG:
            due[kept] = due[i]
            kept += 1
            continue
        if slab_reserve(fired, 1):
            state.fault = FAULT_NO_MEMORY
            return
        (<uint32_t*>(fired.base))[slab_take(fired)] = due[i] & ~<uint32_t>PLAN_TAG
    state.risk.due.count = kept


# The lots that a plan would trade now, signed; 0 if it has nothing to do. O(markets of the account).
cdef inline qty_t plan_lots(State* state, Plan* plan) noexcept nogil:
    cdef slot_t slot = holding_find(&state.accounts, plan.account, plan.market)
    cdef qty_t held = 0 if slot == NIL else holding_at(&state.accounts, slot).position_lots
    if account_at(&state.accounts, plan.account).liquidation or (slot != NIL and is_frozen(state, plan.account, plan.market)):
        return 0
    if plan.kind == PLAN_DIP:
        return plan.lots
    if (held > 0) != (plan.kind == PLAN_STOP_LONG):
        return 0
    return -held


# The member of a crowd as one who sends: its draws and its link. O(1).
cdef inline Agent member_of(State* state, Crowd* crowd, uint32_t account) noexcept nogil:
    cdef Agent member
    memset(&member, 0, sizeof(Agent))
    member.account = <int32_t>account
    member.base_ms = crowd.base_ms
    member.law = crowd.law
    member.picture_law = NIL
    member.stream = stream_of(state.seed, mix64(crowd.name + <uint64_t>(account - crowd.first) * GOLDEN))
    return member


cdef inline time_ms_t open_ms(State* state, Market* market) noexcept nogil:
    """Now, or when the market's halt ends (V-9)."""
    return breaker_at(state, market.breaker).until_ms if is_halted(state, market) else state.now_ms


# Send a plan's market order, which leaves when its market is open; a stop's only reduces. O(markets of the account).
cdef inline void plan_send(State* state, Plan* plan, qty_t lots, uint32_t cause) noexcept nogil:
    cdef Sender sender = sender_of(state, plan.account, plan.market)
    cdef Agent member = member_of(state, crowd_at(&state.crowds, plan.crowd), plan.account)
    cdef uint32_t flags = ORDER_IS_MARKET if plan.kind == PLAN_DIP else ORDER_IS_MARKET | ORDER_REDUCES
    if sender.desk == NIL:
        state.fault = FAULT_NO_MEMORY
        return
    state.crowds.order_count += 1
    agent_send(state, &member, sender, SIDE_BUY if lots > 0 else SIDE_SELL, flags, 0,
               min64(abs64(lots), market_at(state, plan.market).book.qty_max), open_ms(state, market_at(state, plan.market)), cause)


cdef inline void plans_sort(State* state) noexcept nogil:
    """The order of plans in a bucket of triggers is nobody's business: they act in that of their rows."""
    if state.crowds.fired.count > 1:
        qsort(state.crowds.fired.base, state.crowds.fired.count, 4, &compare_rows)


# The plan that fired in place i of this check, its trigger given back; its lots in *lots, 0 if there is nothing to do. O(markets of the account).
cdef inline Plan* plan_fired(State* state, uint32_t i, qty_t* lots) noexcept nogil:
    cdef Plan* plan = plan_at(&state.crowds, (<uint32_t*>state.crowds.fired.base)[i])
    trigger_drop(&state.risk.triggers, &plan.trigger)
    lots[0] = plan_lots(state, plan)
    return plan


# ---- top-ups ----

# A unit has come to stand worse: its holder tops it up after a while, if he does such things and it stands badly enough. O(log members).
cdef inline void holder_stands(State* state, slot_t slot) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef uint32_t row, crowd_row
    cdef Crowd* crowd
    cdef TopUp* top_up
    if state.crowds.top_ups.count == 0 or unit.liquidation:
        return
    crowd_row = crowd_find(&state.crowds, unit.account)
    if crowd_row == NIL:
        return
    crowd = crowd_at(&state.crowds, crowd_row)
    if unit.state < crowd.top_up_state:
        return
    row = top_up_find(&state.crowds, crowd, unit.account)
    if row == NIL:
        return
    top_up = top_up_at(&state.crowds, row)
    if top_up.left == 0 or top_up.is_coming:
        return
    top_up.is_coming = 1
    venue_schedule(state, state.now_ms + crowd.top_up_after_ms, PHASE_EXTERNAL, EVENT_TOP_UP, row, slot, 0)


# Bring a top-up to its unit: out of the reserve, into the account, and where the position has money of its own into that. 0 if it was
# paid. O(markets of both accounts).
cdef inline int top_up_pay(State* state, TopUp* top_up, slot_t slot, uint32_t reserve) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef uint32_t asset = unit.asset
    cdef slot_t holding = unit.holding
    cdef int fault = FUNDS_DONE
    if reserve != NIL:
        fault = funds_withdraw(state, reserve, asset, top_up.atoms)
        if fault == FUNDS_DONE and funds_deposit(state, top_up.account, asset, top_up.atoms):
            state.fault = FAULT_NO_MEMORY
    if fault == FUNDS_DONE and holding != NIL:
        fault = funds_margin(state, top_up.account, holding_at(&state.accounts, holding).market, top_up.atoms)
    return fault


# Send a top-up over its crowd's route, as a transfer of the reserve (K-5). 0 if it is on its way. O(markets of the reserve).
cdef inline int top_up_send(State* state, uint32_t row, slot_t slot, Crowd* crowd) noexcept nogil:
    cdef Route* route = route_at(&state.issuers, crowd.route)
    cdef Action action = action_of(ACTION_TRANSFER, crowd.route, route.asset, 0, top_up_at(&state.crowds, row).atoms, 0)
    cdef ActionResult result
    if route.asset != unit_of_state(state, slot).asset:
        return 1
    action.agent = action.next = NIL
    action.account = crowd.reserve
    action.party = top_up_at(&state.crowds, row).account
    act(state, &action, &result)
    note_action(state, &action, &result, 0)
    if result.reason:
        return 1
    transit_at(&state.issuers, route.way.last).top_up = row
    transit_at(&state.issuers, route.way.last).unit = slot
    top_up_at(&state.crowds, row).is_coming = 1
    return 0


# A top-up has been paid. While the unit stands as badly the next one follows, as long as there are more. O(markets of the account).
cdef inline void top_up_paid(State* state, uint32_t row, slot_t slot, Crowd* crowd) noexcept nogil:
    cdef TopUp* top_up = top_up_at(&state.crowds, row)
    cdef Health health
    top_up.left -= 1
    state.crowds.top_up_count += 1
    unit_health(state, slot, &health)
    if top_up.left and health.is_known and ladder_state(rules_of(state, top_up.account), &health) >= crowd.top_up_state:
        top_up.is_coming = 1
        venue_schedule(state, state.now_ms + crowd.top_up_after_ms, PHASE_EXTERNAL, EVENT_TOP_UP, row, slot, 0)


cdef inline bint top_up_is_late(State* state, TopUp* top_up, slot_t slot) noexcept nogil:
    """Nothing comes to an account in liquidation."""
    return unit_of_state(state, slot).liquidation or account_at(&state.accounts, top_up.account).liquidation


# A top-up has come (phase 1), or leaves for its route. O(markets of the account and the reserve).
cdef inline void top_up_arrives(State* state, uint32_t row, slot_t slot) noexcept nogil:
    cdef TopUp* top_up = top_up_at(&state.crowds, row)
    cdef Crowd* crowd = crowd_at(&state.crowds, crowd_find(&state.crowds, top_up.account))
    top_up.is_coming = 0
    if top_up_is_late(state, top_up, slot):
        return
    if crowd.route != NIL:
        if top_up_send(state, row, slot, crowd):
            state.crowds.missing_count += 1
    elif top_up_pay(state, top_up, slot, crowd.reserve):
        state.crowds.missing_count += 1
    else:
        top_up_paid(state, row, slot, crowd)


# What was on its way arrives (phase 8); a top-up goes on from there: into the margin of an isolated position, unless it comes too late.
# O(markets of the receiver).
cdef inline void holder_receives(State* state, slot_t slot) noexcept nogil:
    cdef Transit transit = transit_at(&state.issuers, slot)[0]
    cdef TopUp* top_up
    cdef slot_t holding
    transit_arrives(state, slot)
    if transit.top_up == NIL:
        return
    top_up = top_up_at(&state.crowds, transit.top_up)
    top_up.is_coming = 0
    if top_up_is_late(state, top_up, transit.unit):
        return
    holding = unit_of_state(state, transit.unit).holding
    if holding != NIL:
        funds_margin(state, top_up.account, holding_at(&state.accounts, holding).market, transit.atoms)
    top_up_paid(state, transit.top_up, transit.unit, crowd_at(&state.crowds, crowd_find(&state.crowds, top_up.account)))
