# Replay: recorded orders and cancels, merged into the run as a cursor (T-6).
#
#   rows  [ done ... | this millisecond ... | later ... ]      one event for the next millisecond that has rows, not one a row
#
# Stands on: venue. A row is external input of its millisecond (phase 1) and reaches its book in phase 8, behind what was sent for that
# millisecond before and in the order of the rows.

from engine.native.types cimport *
from engine.native.market cimport *
from engine.native.orders cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *
from engine.native.venue cimport *


cdef inline Replay* replay_at(State* state, uint32_t number) noexcept nogil:
    return <Replay*>(state.replays.base) + number


cdef inline ReplayRow* replay_row(State* state, Replay* replay, uint32_t row) noexcept nogil:
    return <ReplayRow*>(state.replay_rows.base) + replay.first + row


cdef inline void replay_expect(State* state, uint32_t number) noexcept nogil:
    """Schedule the cursor for the time of its next row (phase 1)."""
    cdef Replay* replay = replay_at(state, number)
    if replay.next < replay.count:
        venue_schedule(state, replay_row(state, replay, replay.next).time_ms, PHASE_EXTERNAL, EVENT_REPLAY, number, 0, 0)


cdef inline void replay_begins(State* state, uint32_t number) noexcept nogil:
    """Rows are due in this millisecond (phase 1): they arrive in phase 8."""
    venue_schedule(state, state.now_ms, PHASE_ORDERS, EVENT_REPLAY_ROWS, number, 0, 0)


cdef inline void replay_place(State* state, ReplayRow* row) noexcept nogil:
    cdef Sender sender = sender_of(state, <uint32_t>row.account, row.market)
    if sender.desk == NIL:
        state.fault = FAULT_NO_MEMORY
        return
    row.slot = order_prepare(state, sender, row.side, row.flags, row.price_ticks, row.qty_lots, 0)
    if row.slot == NIL:
        return
    row.generation = cold_at(&state.pools, row.slot).generation
    row.is_done = 1
    venue_order_arrives(state, row.slot, row.generation)


# The rows of this millisecond (phase 8), and the cursor moves on. A cancel of what has ended, or never was, is a miss (V-5). O(rows and
# orders met).
cdef inline void replay_arrives(State* state, uint32_t number) noexcept nogil:
    cdef Replay* replay = replay_at(state, number)
    cdef ReplayRow* row
    cdef ReplayRow* placed
    while replay.next < replay.count and state.fault == FAULT_NONE:
        row = replay_row(state, replay, replay.next)
        if row.time_ms > state.now_ms:
            break
        replay.next += 1
        if row.kind == KIND_PLACE:
            replay_place(state, row)
            continue
        placed = replay_row(state, replay, <uint32_t>row.ref)
        if placed.is_done:
            venue_cancel_arrives(state, placed.slot, placed.generation, 0)
        else:
            state.cancel_miss_count += 1
    replay_expect(state, number)
