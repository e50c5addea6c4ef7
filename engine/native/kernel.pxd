# Kernel: the dispatch loop over one World.
#
#   World = State (books, ledger, accounts, agents, prices, lineage, queue, tables)
#
# Stands on: everything below. All state lives in slabs that a World holds by value: no pointer between records, no
# Python object, so a snapshot is a copy of slabs.

from engine.native.types cimport *
from engine.native.adl cimport *
from engine.native.chain cimport *
from engine.native.ahead cimport *
from engine.native.agents.arbitrage cimport *
from engine.native.agents.bot cimport *
from engine.native.agents.flow cimport *
from engine.native.agents.hedge cimport *
from engine.native.agents.looper cimport *
from engine.native.agents.maker cimport *
from engine.native.agents.momentum cimport *
from engine.native.agents.noise cimport *
from engine.native.agents.point cimport *
from engine.native.agents.pool_arbitrage cimport *
from engine.native.agents.shock cimport *
from engine.native.agents.value cimport *
from engine.native.backstop cimport *
from engine.native.columns cimport *
from engine.native.funding cimport *
from engine.native.holders cimport holder_receives, top_up_arrives
from engine.native.interest cimport *
from engine.native.link cimport *
from engine.native.margin_check cimport *
from engine.native.liquidation cimport *
from engine.native.loan_check cimport loans_check
from engine.native.loan_sale cimport sale_step
from engine.native.loan_clock cimport protocol_accrues
from engine.native.mass_quote cimport *
from engine.native.planted cimport *
from engine.native.publish cimport *
from engine.native.queue cimport *
from engine.native.replay cimport *
from engine.native.recorder cimport *
from engine.native.samples cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.takeover cimport *
from engine.native.venue cimport *

cdef extern from *:
    """
    #define ENGINE_KERNEL_ALL INT64_MAX
    """
    const int64_t KERNEL_ALL "ENGINE_KERNEL_ALL"      # as many events as there are

cdef enum:
    WORLD_SLABS = 84 + 13        # the behaviours' rows last

cdef struct WorldData:
    State state
    Event call                   # what a Python agent is called for
    bint has_call                # the loop has stopped for it


cdef inline Slab* world_slab(WorldData* world, int i) noexcept nogil:
    """Slab number i of a world: the one list of them, in the snapshot's order."""
    cdef Slab* slabs[WORLD_SLABS]
    cdef State* state = &world.state
    cdef int behaviour
    slabs[0] = &state.pools.ladders.pages
    slabs[1] = &state.pools.ladders.levels
    slabs[2] = &state.pools.ladders.nodes
    slabs[3] = &state.pools.orders
    slabs[4] = &state.pools.cold
    slabs[5] = &state.pools.heads
    slabs[6] = &state.ledger.assets
    slabs[7] = &state.ledger.balances
    slabs[8] = &state.accounts.accounts
    slabs[9] = &state.accounts.holdings
    slabs[10] = &state.lineage.landmarks
    slabs[11] = &state.lineage.causes
    slabs[12] = &state.queue.chunks
    slabs[13] = &state.queue.rare
    slabs[14] = &state.queue.far
    slabs[15] = &state.markets
    slabs[16] = &state.publications
    slabs[17] = &state.oracles
    slabs[18] = &state.venues
    slabs[19] = &state.agents
    slabs[20] = &state.laws
    slabs[21] = &state.notices
    slabs[22] = &state.pools.extras
    slabs[23] = &state.pools.positions
    slabs[24] = &state.pools.free_slots
    slabs[25] = &state.mass_quotes
    slabs[26] = &state.quotes
    slabs[27] = &state.watchers
    slabs[28] = &state.replays
    slabs[29] = &state.replay_rows
    slabs[30] = &state.ledger.purses
    slabs[31] = &state.accounts.desks
    slabs[32] = &state.risk.triggers.triggers
    slabs[33] = &state.risk.triggers.series
    slabs[34] = &state.risk.triggers.roots
    slabs[35] = &state.risk.triggers.pages
    slabs[36] = &state.risk.schedules.tiers
    slabs[37] = &state.risk.schedules.rows
    slabs[38] = &state.risk.units
    slabs[39] = &state.risk.rules
    slabs[40] = &state.risk.collateral
    slabs[41] = &state.risk.terms
    slabs[42] = &state.risk.due
    slabs[43] = &state.feeds.sources
    slabs[44] = &state.feeds.cells
    slabs[45] = &state.feeds.points
    slabs[46] = &state.fundings
    slabs[47] = &state.crowds.rows
    slabs[48] = &state.crowds.plans
    slabs[49] = &state.crowds.top_ups
    slabs[50] = &state.crowds.fired
    slabs[51] = &state.policies
    slabs[52] = &state.runs
    slabs[53] = &state.sell_order
    slabs[54] = &state.roster
    slabs[55] = &state.lending.protocols
    slabs[56] = &state.lending.reserves
    slabs[57] = &state.lending.loans
    slabs[58] = &state.lending.entries
    slabs[59] = &state.lending.watchers
    slabs[60] = &state.lending.due
    slabs[61] = &state.lending.series_first
    slabs[62] = &state.lending.triggers.triggers
    slabs[63] = &state.lending.triggers.series
    slabs[64] = &state.lending.triggers.roots
    slabs[65] = &state.lending.triggers.pages
    slabs[66] = &state.amm.pools
    slabs[67] = &state.amm.products
    slabs[68] = &state.amm.stables
    slabs[69] = &state.amm.ranges
    slabs[70] = &state.amm.ticks
    slabs[71] = &state.amm.shares
    slabs[72] = &state.amm.positions
    slabs[73] = &state.issuers.issuers
    slabs[74] = &state.issuers.routes
    slabs[75] = &state.issuers.transits
    slabs[76] = &state.issuers.outages
    slabs[77] = &state.issuers.listed
    slabs[78] = &state.chains
    slabs[79] = &state.actions
    slabs[80] = &state.risk.sums
    slabs[81] = &state.risk.shares
    slabs[82] = &state.risk.later
    slabs[83] = &state.breakers
    for behaviour in range(BEHAVIOURS):
        slabs[84 + behaviour] = &state.rows[behaviour]
    return slabs[i]


cdef inline void world_release(WorldData* world) noexcept nogil:
    cdef State* state = &world.state
    cdef int i
    for i in range(WORLD_SLABS):
        slab_release(world_slab(world, i))
    pools_release(&state.pools)          # its id map and tables; a slab that is released may be so again
    queue_release(&state.queue)
    table_release(&state.journal)
    table_release(&state.prices)
    table_release(&state.depth)
    recorder_release(&state.recorder)


# Wake an agent (phase 9; a shock: phase 1).
cdef inline void agent_wake(State* state, uint32_t number, uint32_t token) noexcept nogil:
    cdef uint32_t behaviour = agent_at(state, number).behaviour
    if behaviour == BEHAVIOUR_MAKER:
        maker_wake(state, number)
    elif behaviour == BEHAVIOUR_FLOW:
        flow_wake(state, number)
    elif behaviour == BEHAVIOUR_POINT:
        point_wake(state, number)
    elif behaviour == BEHAVIOUR_NOISE:
        noise_wake(state, number, token)
    elif behaviour == BEHAVIOUR_MOMENTUM:
        momentum_wake(state, number)
    elif behaviour == BEHAVIOUR_ARBITRAGE:
        arbitrage_wake(state, number)
    elif behaviour == BEHAVIOUR_VALUE:
        value_wake(state, number)
    elif behaviour == BEHAVIOUR_HEDGE:
        hedge_wake(state, number)
    elif behaviour == BEHAVIOUR_BOT:
        bot_wake(state, number)
    elif behaviour == BEHAVIOUR_LOOPER:
        looper_wake(state, number)
    elif behaviour == BEHAVIOUR_POOL_ARBITRAGE:
        pool_arbitrage_wake(state, number)
    elif behaviour == BEHAVIOUR_SHOCK:
        shock_fire(state, number)
    else:
        state.fault = FAULT_EVENT


# Hand a notice to its agent, and free it.
cdef inline void agent_hear(State* state, slot_t slot) noexcept nogil:
    cdef Notice* notice = notice_at(state, slot)
    cdef uint32_t behaviour = agent_at(state, notice.agent).behaviour
    if behaviour == BEHAVIOUR_MAKER:
        maker_hear(state, notice)
    elif behaviour == BEHAVIOUR_MOMENTUM:
        momentum_hear(state, notice)
    elif behaviour == BEHAVIOUR_ARBITRAGE:
        arbitrage_hear(state, notice)
    elif behaviour == BEHAVIOUR_VALUE:
        value_hear(state, notice)
    elif behaviour == BEHAVIOUR_HEDGE:
        hedge_hear(state, notice)
    elif behaviour == BEHAVIOUR_BOT:
        bot_hear(state, notice)
    elif behaviour == BEHAVIOUR_LOOPER:
        looper_hear(state, notice)
    elif behaviour == BEHAVIOUR_POOL_ARBITRAGE:
        pool_arbitrage_hear(state, notice)
    notice_done(state, slot)


cdef inline void world_call(WorldData* world, Event* event) noexcept nogil:
    """Stop the loop: this event is for a Python agent."""
    world.call = event[0]
    world.has_call = 1


cdef inline bint adl_asks_python(State* state, Event* event) noexcept nogil:
    """Whether an ADL event needs a ranking that a Python function has to make first."""
    cdef bint longs
    if event.kind == EVENT_RELIEF:
        return python_asked(state, backstop_of(state, event.a), NIL, &longs) != NIL
    return unit_of_state(state, event.a).liquidation == event.cause \
        and python_asked(state, unit_of_state(state, event.a).account, unit_of_state(state, event.a).holding, &longs) != NIL


cdef inline void kernel_dispatch(WorldData* world, Event* event) noexcept nogil:
    """Hand one event to its handler."""
    cdef State* state = &world.state
    if event.kind & KIND_AT_GATE and not gateway_pass(state, event):
        return
    if event.kind == EVENT_ORDER:
        venue_order_arrives(state, event.a, event.b)
    elif event.kind == EVENT_CANCEL:
        venue_cancel_arrives(state, event.a, event.b, event.cause)
    elif event.kind == EVENT_MASS_QUOTE:
        mass_quote_arrives(state, event.a)
    elif event.kind == EVENT_WAKE:
        if agent_at(state, event.a).behaviour == BEHAVIOUR_PYTHON:
            world_call(world, event)
        else:
            agent_wake(state, event.a, event.b)
    elif event.kind == EVENT_NOTICE:
        if agent_at(state, notice_at(state, event.a).agent).behaviour == BEHAVIOUR_PYTHON:
            world_call(world, event)
        else:
            agent_hear(state, event.a)
    elif event.kind == EVENT_TIMER:
        flow_timer(state, event.cause, event.a, event.b)
    elif event.kind == EVENT_SAMPLE_PRICE:
        venue_sample_price(state, event.a)
    elif event.kind == EVENT_PUBLISH:
        venue_publish(state, event.a)
    elif event.kind == EVENT_CHECK:
        margin_check(state)
        if state.lending.due.count:
            loans_check(state)
    elif event.kind == EVENT_PREMIUM:
        funding_sample(state, event.a)
    elif event.kind == EVENT_FUNDING:
        funding_settle(state, event.a)
    elif event.kind == EVENT_INTEREST:
        interest_settle(state, event.a, event.b)
    elif event.kind == EVENT_STEP:
        liquidation_step(state, event.a, event.cause)
    elif event.kind == EVENT_COVER:
        liquidation_cover(state, event.a, event.b, event.cause)
    elif event.kind == EVENT_TAKEOVER:
        unit_takeover(state, event.a, event.cause)
    elif event.kind == EVENT_ADL:
        if adl_asks_python(state, event):
            world_call(world, event)
        else:
            unit_adl(state, event.a, event.cause)
    elif event.kind == EVENT_BACKSTOP:
        backstop_check(state, event.a)
    elif event.kind == EVENT_UNWIND:
        backstop_unwinds(state, event.a)
    elif event.kind == EVENT_RELIEF:
        if adl_asks_python(state, event):
            world_call(world, event)
        else:
            backstop_relief(state, event.a, event.b, event.cause)
    elif event.kind == EVENT_CANCEL_ACCOUNT:
        venue_cancel_account(state, event.a, event.b, event.cause)
    elif event.kind == EVENT_TOP_UP:
        top_up_arrives(state, event.a, event.b)
    elif event.kind == EVENT_REPLAY:
        replay_begins(state, event.a)
    elif event.kind == EVENT_REPLAY_ROWS:
        replay_arrives(state, event.a)
    elif event.kind == EVENT_ACTION:
        action_arrives(state, event.a)
    elif event.kind == EVENT_BLOCK:
        block_executes(state, event.a)
    elif event.kind == EVENT_ACCRUE:
        protocol_accrues(state, event.a)
    elif event.kind == EVENT_SALE:
        sale_step(state, event.a)
    elif event.kind == EVENT_ARRIVAL:
        holder_receives(state, event.a)
    elif event.kind == EVENT_SAMPLE:
        record_sample(state, event.a, event.b)
    else:
        state.fault = FAULT_EVENT


# Run events due by `until_ms`, at most `most` of them. Returns how many ran; fewer than `most` means that none is left
# by then (now_ms is then `until_ms`), that a fault is latched, or that a Python agent is to be called (has_call). O(events).
cdef inline int64_t kernel_run(WorldData* world, time_ms_t until_ms, int64_t most) noexcept nogil:
    cdef State* state = &world.state
    cdef Event event
    cdef int64_t ran = 0
    cdef bint looks = state.markets.count >= AHEAD_MARKETS
    # invariant: everything before (now_ms, phase) has happened, in order
    while ran < most and state.fault == FAULT_NONE and not world.has_call:
        if not queue_take(&state.queue, until_ms, &event):
            state.now_ms = until_ms
            state.phase = PHASE_OBSERVERS
            state.queue.now_ms = until_ms
            break
        state.now_ms = event.time_ms
        state.phase = event.priority
        if looks:
            look_ahead(state, &event)
        kernel_dispatch(world, &event)
        ran += 1
    state.event_count += ran
    return ran


# Publish marks from outside: rows of one time together in phase 2 of their millisecond, behind everything before it, then run until the
# end of that millisecond. Returns events that ran. Needs: times do not fall, from now on; no Python agents. O(rows + events).
cdef inline int64_t marks_from_outside(WorldData* world, const int64_t* times_ms, const uint16_t* markets, const int64_t* ticks, int64_t count) noexcept nogil:
    cdef State* state = &world.state
    cdef int64_t i = 0, ran = 0
    cdef time_ms_t now_ms
    # invariant: the rows before i are published and what followed until their time has happened
    while i < count and state.fault == FAULT_NONE:
        now_ms = times_ms[i]
        if now_ms > state.now_ms:
            ran += kernel_run(world, now_ms - 1, KERNEL_ALL)
            state.now_ms = now_ms
            state.phase = PHASE_PRICES
        while i < count and times_ms[i] == now_ms:
            if publish_outside(state, markets[i], ORACLE_MARK, ticks[i]):
                state.fault = FAULT_NO_MEMORY
            if planted(SLIP_CHECKED_BETWEEN):
                margin_check(state)
            i += 1
        ran += kernel_run(world, now_ms, KERNEL_ALL)
    return ran
