# Kernel: the dispatch loop over one World.
#
#   World = Venue (books, ledger, accounts, prices, lineage, queue, tables) + agents' columns
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
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.venue cimport *

cdef struct WorldData:
    Venue venue
    Makers makers
    Takers takers


cdef inline void world_release(WorldData* world) noexcept nogil:
    pools_release(&world.venue.pools)
    slab_release(&world.venue.ledger.assets)
    slab_release(&world.venue.ledger.balances)
    slab_release(&world.venue.accounts.accounts)
    slab_release(&world.venue.accounts.holdings)
    slab_release(&world.venue.lineage.landmarks)
    slab_release(&world.venue.lineage.causes)
    queue_release(&world.venue.queue)
    slab_release(&world.venue.markets)
    slab_release(&world.venue.publications)
    slab_release(&world.venue.oracles)
    table_release(&world.venue.journal)
    table_release(&world.venue.prices)
    table_release(&world.venue.depth)
    slab_release(&world.makers.makers)
    slab_release(&world.makers.quotes)
    slab_release(&world.takers.shocks)
    slab_release(&world.takers.noise)


cdef inline void kernel_dispatch(WorldData* world, Event* event) noexcept nogil:
    """Hand one event to its handler."""
    cdef Venue* venue = &world.venue
    if event.kind == EVENT_ORDER:
        venue_order_arrives(venue, event.a, event.b)
    elif event.kind == EVENT_CANCEL:
        venue_cancel_arrives(venue, event.a, event.b, event.cause)
    elif event.kind == EVENT_MAKER:
        maker_wake(venue, &world.makers, event.a)
    elif event.kind == EVENT_NOISE:
        noise_wake(venue, &world.takers, event.a, event.b)
    elif event.kind == EVENT_SAMPLE_PRICE:
        venue_sample_price(venue, event.a)
    elif event.kind == EVENT_PUBLISH:
        venue_publish(venue, event.a)
    elif event.kind == EVENT_CHECK:
        liquidation_check(venue, event.a, event.b)
    elif event.kind == EVENT_STEP:
        liquidation_step(venue, event.a, event.b)
    elif event.kind == EVENT_COVER:
        liquidation_cover(venue, event.a, event.b, event.cause)
    elif event.kind == EVENT_CANCEL_ACCOUNT:
        venue_cancel_account(venue, event.a, event.cause)
    elif event.kind == EVENT_SHOCK:
        shock_fire(venue, &world.takers, event.a)
    elif event.kind == EVENT_SAMPLE_DEPTH:
        venue_sample_depth(venue)
    else:
        venue.fault = FAULT_EVENT


# Run events due by `until_ms`, at most `most` of them. Returns how many ran; fewer than `most` means that none is left
# by then (now_ms is then `until_ms`) or that a fault is latched. O(events).
cdef inline int64_t kernel_run(WorldData* world, time_ms_t until_ms, int64_t most) noexcept nogil:
    cdef Venue* venue = &world.venue
    cdef Event event
    cdef int64_t ran = 0
    # invariant: everything before (now_ms, phase) has happened, in order
    while ran < most and venue.fault == FAULT_NONE:
        if not queue_take(&venue.queue, until_ms, &event):
            venue.now_ms = until_ms
            venue.phase = PHASE_OBSERVERS
            venue.queue.now_ms = until_ms
            break
        venue.now_ms = event.time_ms
        venue.phase = event.priority
        kernel_dispatch(world, &event)
        ran += 1
    venue.event_count += ran
    return ran
