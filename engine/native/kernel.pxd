# Kernel: the dispatch loop over one World.
#
#   World = State (books, ledger, accounts, prices, lineage, queue, tables) + agents' columns
#
# Stands on: everything below. All state lives in slabs that a World holds by value: no pointer between records, no
# Python object, so a snapshot is a copy of slabs.

from engine.native.types cimport *
from engine.native.agents.flow cimport *
from engine.native.agents.maker cimport *
from engine.native.book cimport *
from engine.native.match cimport *
from engine.native.orders cimport *
from engine.native.columns cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.liquidation cimport *
from engine.native.market cimport *
from engine.native.queue cimport *
from engine.native.publish cimport *
from engine.native.recorder cimport *
from engine.native.samples cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.venue cimport *

cdef struct WorldData:
    State state
    Makers makers
    Takers takers


cdef inline void world_release(WorldData* world) noexcept nogil:
    pools_release(&world.state.pools)
    slab_release(&world.state.ledger.assets)
    slab_release(&world.state.ledger.balances)
    slab_release(&world.state.accounts.accounts)
    slab_release(&world.state.accounts.holdings)
    slab_release(&world.state.lineage.landmarks)
    slab_release(&world.state.lineage.causes)
    queue_release(&world.state.queue)
    slab_release(&world.state.markets)
    slab_release(&world.state.publications)
    slab_release(&world.state.oracles)
    table_release(&world.state.journal)
    table_release(&world.state.prices)
    table_release(&world.state.depth)
    recorder_release(&world.state.recorder)
    slab_release(&world.makers.makers)
    slab_release(&world.makers.quotes)
    slab_release(&world.takers.shocks)
    slab_release(&world.takers.noise)


cdef inline void kernel_dispatch(WorldData* world, Event* event) noexcept nogil:
    """Hand one event to its handler."""
    cdef State* state = &world.state
    if event.kind == EVENT_ORDER:
        venue_order_arrives(state, event.a, event.b)
    elif event.kind == EVENT_CANCEL:
        venue_cancel_arrives(state, event.a, event.b, event.cause)
    elif event.kind == EVENT_MAKER:
        maker_wake(state, &world.makers, event.a)
    elif event.kind == EVENT_NOISE:
        noise_wake(state, &world.takers, event.a, event.b)
    elif event.kind == EVENT_SAMPLE_PRICE:
        venue_sample_price(state, event.a)
    elif event.kind == EVENT_PUBLISH:
        venue_publish(state, event.a)
    elif event.kind == EVENT_CHECK:
        liquidation_check(state, event.a, event.b)
    elif event.kind == EVENT_STEP:
        liquidation_step(state, event.a, event.b)
    elif event.kind == EVENT_COVER:
        liquidation_cover(state, event.a, event.b, event.cause)
    elif event.kind == EVENT_CANCEL_ACCOUNT:
        venue_cancel_account(state, event.a, event.cause)
    elif event.kind == EVENT_SHOCK:
        shock_fire(state, &world.takers, event.a)
    elif event.kind == EVENT_SAMPLE:
        record_sample(state, event.a, event.b)
    else:
        state.fault = FAULT_EVENT


# Run events due by `until_ms`, at most `most` of them. Returns how many ran; fewer than `most` means that none is left
# by then (now_ms is then `until_ms`) or that a fault is latched. O(events).
cdef inline int64_t kernel_run(WorldData* world, time_ms_t until_ms, int64_t most) noexcept nogil:
    cdef State* state = &world.state
    cdef Event event
    cdef int64_t ran = 0
    # invariant: everything before (now_ms, phase) has happened, in order
    while ran < most and state.fault == FAULT_NONE:
        if not queue_take(&state.queue, until_ms, &event):
            state.now_ms = until_ms
            state.phase = PHASE_OBSERVERS
            state.queue.now_ms = until_ms
            break
        state.now_ms = event.time_ms
        state.phase = event.priority
        kernel_dispatch(world, &event)
        ran += 1
    state.event_count += ran
    return ran
