# Batch: replay columns of commands through one book.
#
# Stands on: matcher. Promises (M-12): the same fills, rejects, cancels and digest as the commands one by one, however the flow
# is cut. Rows are prefetched ahead: in a deep book a cancel is three dependent cache misses, and the batch is the one
# place that knows which order comes next.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.columns cimport *
from engine.native.idmap cimport *
from engine.native.ladder cimport *
from engine.native.match cimport *
from engine.native.matcher cimport *
from engine.native.orders cimport *

cdef enum:
    REJECTED_COMMAND = 0     # columns of the rejects table: int32 row of the batch
    REJECTED_REASON = 1      # uint8 RejectReason
    PREFETCH_RECORD = 24     # rows ahead to fetch order (or id entry) and level
    PREFETCH_NAMED = 16      # rows ahead to fetch the record behind an id entry
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
    const int64_t* handle    # no place rows
    const uint8_t* flags
    const uint8_t* self_trade
    const int64_t* display_lots
    const int32_t* stop_ticks
    const int64_t* time_ms
    int64_t count
    bint has_features        # flags, self_trade or display_lots is there


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
    elif naming == NAMED_ORDER_ID:
        prefetch(&pools.ids.entries[idmap_tag(&pools.ids, rows.order_id[i]) & pools.ids.mask])
    prefetch(level_at(&pools.ladders, cached.page * PAGE_LEVELS + (key & 255)))


cdef inline slot_t row_slot(BookPools* pools, CommandColumns* rows, int64_t i, uint32_t naming) noexcept nogil:
    """Where a row's order probably stands; any number if it stands nowhere."""
    if naming == NAMED_SLOT:
        return <slot_t>rows.slot_id[i]
    if naming == NAMED_ORDER_ID and pools.ids.entries != NULL:
        return pools.ids.entries[idmap_tag(&pools.ids, rows.order_id[i]) & pools.ids.mask].slot_plus_1 - 1
    return NIL


cdef inline void prefetch_neighbours(BookPools* pools, Book* book, CommandColumns* rows, int64_t i, uint32_t naming) noexcept nogil:
    cdef Ladder* ladder = &book.ladder[rows.side[i] == SIDE_SELL]
    cdef uint32_t key = ladder_key(ladder, rows.price_ticks[i])
    cdef CachedPage* cached = &ladder.cache[(key >> 8) & (PAGE_CACHE - 1)]
    cdef Order* order
    cdef slot_t slot
    if likely(cached.number == (key >> 8) + 1):
        prefetch(order_at(pools, level_at(&pools.ladders, cached.page * PAGE_LEVELS + (key & 255)).tail))
    if naming == NAMED_HANDLE:
        return
    slot = row_slot(pools, rows, i, naming)
    if likely(slot < pools.orders.count):
        order = order_at(pools, slot)
        prefetch(order_at(pools, order.prev))
        prefetch(order_at(pools, order.next))
        prefetch(level_at(&pools.ladders, order.level))


cdef inline void row_to_command(CommandColumns* rows, int64_t i, uint32_t naming, PlaceCommand* command) noexcept nogil:
    """The plain part of a row."""
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
    command.self_trade = STP_NONE


cdef inline void row_to_features(CommandColumns* rows, int64_t i, PlaceCommand* command) noexcept nogil:
    """The rest of a row."""
    command.flags = rows.flags[i] if rows.flags != NULL else 0
    command.self_trade = rows.self_trade[i] if rows.self_trade != NULL else 0
    command.display_lots = rows.display_lots[i] if rows.display_lots != NULL else 0
    command.stop_ticks = rows.stop_ticks[i] if rows.stop_ticks != NULL else 0
    command.expires_ms = rows.time_ms[i] if rows.time_ms != NULL else 0


cdef inline bint row_is_plain(CommandColumns* rows, int64_t i, PlaceCommand* command) noexcept nogil:
    """Whether a place row asks for nothing that the plain path does not know."""
    if not order_is_plain(command):
        return 0
    if likely(not rows.has_features):
        return 1
    return (rows.flags == NULL or rows.flags[i] == 0) and (rows.self_trade == NULL or rows.self_trade[i] == 0) \
        and (rows.display_lots == NULL or rows.display_lots[i] == 0)


cdef inline int row_execute(Matcher* matcher, CommandColumns* rows, int64_t i, uint32_t naming) noexcept nogil:
    """Execute one row; the plain path first. Returns a reject reason."""
    cdef BookPools* pools = &matcher.pools
    cdef Book* book = &matcher.book
    cdef PlaceCommand command
    cdef Outcome out
    cdef int64_t first_fill
    cdef int reason
    cdef uint8_t kind = rows.kind[i]
    if likely(not book.is_special):
        if kind == KIND_PLACE:
            row_to_command(rows, i, naming, &command)
            if likely(row_is_plain(rows, i, &command)):
                reason = book_check(pools, book, &command)
                if unlikely(reason):
                    return reason
                first_fill = pools.fills.row_count
                reason = book_place(pools, book, &command, NIL, &out)
                if unlikely(book.stop_count != 0) and pools.fills.row_count != first_fill:
                    matcher_after_plain(matcher, &command, first_fill)
                return reason
        elif likely(kind == KIND_CANCEL):
            return book_cancel(pools, book, row_name(rows, i, naming), naming, &out)
    row_to_command(rows, i, naming, &command)
    row_to_features(rows, i, &command)
    return matcher_execute(matcher, kind, &command, &out)


# Apply rows first .. last - 1. Returns how many were accepted, or -1 - i when row i could not even be recorded as
# rejected for want of memory (rows before it have taken effect, it and those behind have not). O(rows + fills).
cdef inline int64_t batch_apply(Matcher* matcher, CommandColumns* rows, int64_t first, int64_t last, uint32_t naming,
                                Table* rejects) noexcept nogil:
    cdef BookPools* pools = &matcher.pools
    cdef Book* book = &matcher.book
    cdef int64_t i, row, accepted = 0
    cdef int reason
    # invariant: rows before i have taken effect, in order
    for i in range(first, last):
        if likely(i + PREFETCH_RECORD < rows.count):
            prefetch_record(pools, book, rows, i + PREFETCH_RECORD, naming)
            if naming == NAMED_ORDER_ID:
                prefetch(order_at(pools, row_slot(pools, rows, i + PREFETCH_NAMED, naming)))
            prefetch_neighbours(pools, book, rows, i + PREFETCH_NEIGHBOURS, naming)
        reason = row_execute(matcher, rows, i, naming)
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
