# Batch: replay columns of commands through one book.
#
# Stands on: book. Promises (M-12): the same fills, rejects and digest as the commands one by one, however the flow is
# cut. Rows are prefetched ahead: in a deep book a cancel is three dependent cache misses, and the batch is the one
# place that knows which order comes next.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.columns cimport *
from engine.native.idmap cimport *
from engine.native.ladder cimport *

cdef enum:
    REJECTED_COMMAND = 0     # columns of the rejects table: int32 row of the batch
    REJECTED_REASON = 1      # uint8 RejectReason
    PREFETCH_RECORD = 24      # rows ahead to fetch order (or id entry) and level
    PREFETCH_NAMED = 16       # rows ahead to fetch the record behind an id entry
    PREFETCH_NEIGHBOURS = 8  # rows ahead to fetch what those point to

# Columns of one batch; all of `count` rows. NULL where a column was left out.
cdef struct CommandColumns:
    const uint8_t* kind
    const int8_t* side
    const int32_t* price_ticks
    const int64_t* qty_lots
    const uint8_t* order_type
    const uint8_t* time_in_force
    const int32_t* owner
    const int32_t* slot_id   # at most one of these three names the orders
    const int64_t* order_id
    const int64_t* handle    # cancels only
    int64_t count


cdef inline int64_t row_name(CommandColumns* rows, int64_t i, uint32_t naming) noexcept nogil:
    if naming == NAMED_SLOT:
        return rows.slot_id[i]
    if naming == NAMED_ORDER_ID:
        return rows.order_id[i]
    return rows.handle[i] if rows.handle != NULL else -1


# Fetch what a later row will touch. Reads what may be stale and fetches addresses that may be nobody's: a prefetch
# cannot fault, and without branches on the row's kind (which no predictor learns) it costs no mispredictions.
# Changes nothing.
cdef inline void prefetch_record(BookPools* pools, Book* book, CommandColumns* rows, int64_t i, uint32_t naming) noexcept nogil:
    cdef Ladder* ladder = &book.ladder[rows.side[i] == SIDE_SELL]
    cdef uint32_t key = ladder_key(ladder, rows.price_ticks[i])
    cdef CachedPage* cached = &ladder.cache[(key >> 8) & (PAGE_CACHE - 1)]
    if naming == NAMED_SLOT:
        prefetch(order_at(pools, <slot_t>rows.slot_id[i]))
    elif naming == NAMED_ORDER_ID and pools.ids.entries != NULL:
        prefetch(&pools.ids.entries[idmap_home(&pools.ids, rows.order_id[i])])
    prefetch(level_at(&pools.ladders, cached.page * PAGE_LEVELS + (key & 255)))


cdef inline void prefetch_named(BookPools* pools, CommandColumns* rows, int64_t i) noexcept nogil:
    """Between the two: the record behind an id entry that has arrived meanwhile."""
    cdef slot_t slot
    if pools.ids.entries == NULL:
        return
    slot = pools.ids.entries[idmap_home(&pools.ids, rows.order_id[i])].slot
    prefetch(order_at(pools, slot))
    prefetch(cold_at(pools, slot))


cdef inline void prefetch_neighbours(BookPools* pools, Book* book, CommandColumns* rows, int64_t i, uint32_t naming) noexcept nogil:
    cdef Ladder* ladder = &book.ladder[rows.side[i] == SIDE_SELL]
    cdef uint32_t key = ladder_key(ladder, rows.price_ticks[i])
    cdef CachedPage* cached = &ladder.cache[(key >> 8) & (PAGE_CACHE - 1)]
    cdef Order* order
    cdef slot_t slot
    if likely(cached.number == (key >> 8) + 1):
        prefetch(order_at(pools, level_at(&pools.ladders, cached.page * PAGE_LEVELS + (key & 255)).tail))
    if naming == NAMED_SLOT:
        slot = <slot_t>rows.slot_id[i]
    elif naming == NAMED_ORDER_ID and pools.ids.entries != NULL:
        slot = pools.ids.entries[idmap_home(&pools.ids, rows.order_id[i])].slot
    else:
        return
    if likely(slot < pools.orders.count):
        order = order_at(pools, slot)
        prefetch(order_at(pools, order.prev))
        prefetch(order_at(pools, order.next))
        prefetch(level_at(&pools.ladders, order.level))


cdef inline void row_to_command(CommandColumns* rows, int64_t i, uint32_t naming, PlaceCommand* command) noexcept nogil:
    command.name = row_name(rows, i, naming)
    command.qty_lots = rows.qty_lots[i]
    command.price_ticks = rows.price_ticks[i]
    command.side = rows.side[i]
    command.order_type = rows.order_type[i] if rows.order_type != NULL else TYPE_LIMIT
    command.time_in_force = rows.time_in_force[i] if rows.time_in_force != NULL else TIF_DEFAULT
    command.owner = rows.owner[i] if rows.owner != NULL else NO_OWNER
    command.command = <int32_t>i
    command.naming = <uint8_t>naming
    command.cause = 0


# Apply rows first .. last - 1. Returns how many were accepted, or -1 - i when row i could not even be recorded as
# rejected for want of memory (rows before it have taken effect, it and those behind have not). O(rows + fills).
cdef inline int64_t batch_apply(BookPools* pools, Book* book, CommandColumns* rows, int64_t first, int64_t last,
                                uint32_t naming, Table* rejects) noexcept nogil:
    cdef PlaceCommand command
    cdef Outcome out
    cdef int64_t i, row, accepted = 0
    cdef int reason
    # invariant: rows before i have taken effect, in order
    for i in range(first, last):
        if likely(i + PREFETCH_RECORD < rows.count):
            prefetch_record(pools, book, rows, i + PREFETCH_RECORD, naming)
            if naming == NAMED_ORDER_ID:
                prefetch_named(pools, rows, i + PREFETCH_NAMED)
            prefetch_neighbours(pools, book, rows, i + PREFETCH_NEIGHBOURS, naming)
        if rows.kind[i] == KIND_PLACE:
            row_to_command(rows, i, naming, &command)
            reason = book_check(pools, book, &command)
            if likely(reason == REJECT_NONE):
                reason = book_place(pools, book, &command, NIL, &out)
        elif rows.kind[i] == KIND_CANCEL:
            reason = book_cancel(pools, book, row_name(rows, i, naming), naming, &out)
        else:
            reason = REJECT_BAD_KIND
        if likely(reason == REJECT_NONE):
            accepted += 1
            continue
        if table_reserve(rejects, 1):
            return -1 - i
        row = rejects.row_count
        (<int32_t*>table_cell(rejects, row, REJECTED_COMMAND))[0] = <int32_t>i
        (<uint8_t*>table_cell(rejects, row, REJECTED_REASON))[0] = <uint8_t>reason
        rejects.row_count = row + 1
    return accepted
