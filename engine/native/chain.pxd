# Chain: actions on their way, the blocks of a venue, gas, and what is told (B-2 .. B-5, B-8).
#
#   action_send -- link --> action_arrives --no blocks--> act         --blocks--> waiting --every_ms: by tip, as far as gas goes--> act -> notice
#
# Stands on: act, agent. Promises: a block's order follows from tips and arrivals; who does not fit waits, nobody is lost.

from libc.stdlib cimport qsort

from engine.native.types cimport *
from engine.native.act cimport *
from engine.native.actions cimport *
from engine.native.agent cimport *
from engine.native.arith cimport *
from engine.native.ledger cimport *
from engine.native.link cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.recorder cimport *
from engine.native.slab cimport *
from engine.native.spend cimport *
from engine.native.state cimport *

cdef enum:
    ACTION_LINK = 0xFFFF0000     # stands for the market in the keys of an action's draws
    EMPTY_BLOCKS_MOST = 64       # B-5

cdef struct Waiting:
    int64_t tip
    uint32_t order
    slot_t slot


cdef inline int compare_waiting(const void* x, const void* y) noexcept nogil:
    """Highest tip first, then arrival (B-3)."""
    cdef const Waiting* a = <const Waiting*>x
    cdef const Waiting* b = <const Waiting*>y
    if a.tip != b.tip and not planted(SLIP_BLOCK_BY_ARRIVAL):
        return -1 if a.tip > b.tip else 1
    return -1 if a.order < b.order else 1


# ---- sending ----

# Send an agent's action over its link; it leaves at `left_ms`. Fills in number, agent and account. Returns the number, 0 without memory
# (latched). O(1).
cdef inline int64_t action_send(State* state, uint32_t number, Action* action, time_ms_t left_ms) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Sender sender
    cdef slot_t slot
    sender.account = <uint32_t>agent.account
    sender.market = ACTION_LINK
    sender.desk = agent_desk(state, agent)
    if sender.desk == NIL or slab_reserve(&state.actions, 1):
        state.fault = FAULT_NO_MEMORY
        return 0
    slot = slab_take(&state.actions)
    action_at(state, slot)[0] = action[0]
    action = action_at(state, slot)
    desk_at(&state.accounts, sender.desk).orders_sent += 1
    action.number = desk_at(&state.accounts, sender.desk).orders_sent
    action.account = <uint32_t>agent.account
    action.agent = number
    action.next = NIL
    venue_schedule(state, message_due(state, agent, sender, left_ms), PHASE_ORDERS, EVENT_ACTION, slot, 0, action.cause)
    return action.number


# ---- executing ----

# Tell the agent of an action what became of it (B-8). O(1).
cdef inline void action_tell(State* state, Action* action, ActionResult* result) noexcept nogil:
    cdef Agent* agent
    cdef Notice* notice
    if action.agent == NIL or not agent_at(state, action.agent).hears & HEARS_ACTIONS:
        return
    agent = agent_at(state, action.agent)
    notice = notice_on(state, agent, action.agent, agent.desk, ACTION_LINK, NOTICE_ACTION)
    if notice == NULL:
        return
    notice.number = action.number
    notice.lots = result.got
    notice.leaves_lots = result.paid
    notice.slot = action.party
    notice.generation = action.asset | <uint32_t>action.other << 16
    notice.market = action.target
    notice.price_ticks = 0
    notice.cause = result.landmark if result.landmark else action.cause
    notice.side = <int8_t>action.kind
    notice.reason = <uint8_t>result.reason


# What became of an action: its row, its notice. O(1).
cdef inline void action_finish(State* state, Action* action, ActionResult* result, atoms_t gas) noexcept nogil:
    note_action(state, action, result, gas)
    action_tell(state, action, result)


# An action reaches its venue (phase 8): it is executed, or waits for a block. O(what it does).
cdef inline void action_arrives(State* state, slot_t slot) noexcept nogil:
    cdef Action* action = action_at(state, slot)
    cdef uint32_t venue = account_at(&state.accounts, action.account).venue
    cdef Chain* chain = chain_at(state, venue)
    cdef Action now
    cdef ActionResult result
    if chain.every_ms == 0:
        now = action[0]
        act(state, &now, &result)
        action_finish(state, &now, &result, 0)
        slab_give(&state.actions, slot)
        return
    action.arrived_ms = state.now_ms
    if chain.last == NIL:
        chain.first = slot
    else:
        action_at(state, chain.last).next = slot
    chain.last = slot
    block_schedule(state, venue)


cdef inline void block_schedule(State* state, uint32_t venue) noexcept nogil:
    """The venue's next block, unless it stands in the queue."""
    cdef Chain* chain = chain_at(state, venue)
    if not chain.is_queued:
        chain.is_queued = 1
        venue_schedule(state, (floor_div(state.now_ms, chain.every_ms) + 1) * chain.every_ms, PHASE_ORDERS, EVENT_BLOCK, venue, 0, 0)


# The base price after blocks that used nothing, then after one that used `gas` (B-5).
cdef inline void base_moves(Chain* chain, int64_t gas, int64_t empty) noexcept nogil:
    cdef int64_t target = floor_div(chain.gas_most, 2), step
    if target < 1:
        return                               # without a limit it stands
    while empty > 0 and chain.base_price > chain.base_least:
        chain.base_price = max64(chain.base_least, chain.base_price - floor_div(chain.base_price, 8))
        if chain.base_price < 8:
            break
        empty -= 1
    if gas < 0:
        return
    if mul_div_floor(chain.base_price, abs64(gas - target), 8 * target, &step):
        step = 0
    if gas > target:
        chain.base_price = min64(chain.base_price + max64(1, step), <int64_t>1 << 40)
    else:
        chain.base_price = max64(chain.base_least, chain.base_price - step)


# Take an action's gas (B-4). Whether it could be paid; *fee.
cdef inline bint gas_pay(State* state, Chain* chain, Action* action, atoms_t* fee) noexcept nogil:
    cdef uint32_t fees = fees_of(state, account_at(&state.accounts, action.account).venue)
    cdef int64_t price = add_saturating(chain.base_price, 0 if planted(SLIP_GAS_WITHOUT_TIP) else action.tip)
    if mul_overflows(ACTION_GAS[action.kind], price, fee):
        return 0
    if fee[0] == 0:
        return 1
    if may_give(state, action.account, chain.gas_asset, fee[0]):
        return 0
    spend(state, MOVEMENT_GAS, action.account, fees, chain.gas_asset, fee[0])
    venue_journal(state, JOURNAL_PAYMENT, chain.gas_asset, <int32_t>action.account, fees, 0, PAYMENT_GAS, 0, 0, fee[0])
    return 1


cdef inline bint gas_fits(Chain* chain, Action* action, int64_t used) noexcept nogil:
    return chain.gas_most == 0 or used + ACTION_GAS[action.kind] <= chain.gas_most


# What waits and arrived before now, in the order of the block. 1 without memory (latched).
cdef inline bint waiting_sort(State* state, Chain* chain, Slab* waiting) noexcept nogil:
    cdef slot_t slot = chain.first
    cdef Waiting* row
    while slot != NIL:
        if action_at(state, slot).arrived_ms < state.now_ms or planted(SLIP_BLOCK_TAKES_LATECOMERS):
            if slab_reserve(waiting, 1):
                state.fault = FAULT_NO_MEMORY
                return 1
            row = <Waiting*>slab_at(waiting, slab_take(waiting))
            row.tip = action_at(state, slot).tip
            row.order = waiting.count
            row.slot = slot
        slot = action_at(state, slot).next
    if waiting.count > 1:
        qsort(waiting.base, waiting.count, sizeof(Waiting), &compare_waiting)
    return 0


# Take those that were executed off the list of the waiting: their kind is 0 now. O(waiting).
cdef inline void waiting_sweep(State* state, Chain* chain) noexcept nogil:
    cdef slot_t slot = chain.first, next_slot, last = NIL
    chain.first = NIL
    while slot != NIL:
        next_slot = action_at(state, slot).next
        if action_at(state, slot).kind == 0:
            slab_give(&state.actions, slot)
        else:
            if last == NIL:
                chain.first = slot
            else:
                action_at(state, last).next = slot
            action_at(state, slot).next = NIL
            last = slot
        slot = next_slot
    chain.last = last


# One action of a block: gas, then itself. Gas that it used.
cdef inline int64_t block_act(State* state, uint32_t venue, slot_t slot) noexcept nogil:
    cdef Action now = action_at(state, slot)[0]
    cdef ActionResult result
    cdef atoms_t fee = 0
    cdef int64_t used = 0
    if gas_pay(state, chain_at(state, venue), &now, &fee):
        act(state, &now, &result)
        used = ACTION_GAS[now.kind]
    else:
        result.paid = result.got = fee = 0
        result.landmark = 0
        result.reason = REFUSED_NO_GAS
    action_finish(state, &now, &result, fee)
    action_at(state, slot).kind = 0
    return used


# A block (phase 8, B-3). O(waiting x log).
cdef inline void block_executes(State* state, uint32_t venue) noexcept nogil:
    cdef Chain* chain = chain_at(state, venue)
    cdef Slab waiting
    cdef Waiting* row
    cdef uint32_t i
    cdef int64_t used = 0, empty = 0
    chain.is_queued = 0
    empty = min64(EMPTY_BLOCKS_MOST, floor_div(state.now_ms - chain.block_ms, chain.every_ms) - 1)
    base_moves(chain, -1, 0 if planted(SLIP_EMPTY_BLOCKS_UNSEEN) else empty)
    chain.block_ms = state.now_ms
    chain.block_count += 1
    slab_init(&waiting, sizeof(Waiting), 0)
    if not waiting_sort(state, chain, &waiting):
        for i in range(waiting.count):
            row = <Waiting*>slab_at(&waiting, i)
            if not gas_fits(chain_at(state, venue), action_at(state, row.slot), used):
                break
            used += block_act(state, venue, row.slot)
    slab_release(&waiting)
    chain = chain_at(state, venue)
    chain.gas_used += used
    waiting_sweep(state, chain)
    base_moves(chain, used, 0)
    if chain.first != NIL:
        block_schedule(state, venue)
