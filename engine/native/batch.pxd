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
from engine.native.planted cimport *

cdef enum:
    REJECTED_COMMAND = 0     # columns of the rejects table: int32 row of the batch
    REJECTED_REASON = 1      # uint8 RejectReason
    LOOK_FIRST = 24          # rows ahead to fetch order (or id entry) and level
    LOOK_SECOND = 16         # rows ahead to fetch the record behind an id entry
    LOOK_LAST = 8            # rows ahead to fetch what those point to
    AHEAD = 32               # rows that are remembered between the looks: a power of two above LOOK_FIRST

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


# What is remembered of the rows looked at, by row modulo AHEAD.
cdef struct Lookahead:
    uint32_t level[AHEAD]    # of the row's price, NIL if its page was not at hand; a level's index stays right
    uint32_t home[AHEAD]     # of the row's order_id in the id map
    uint32_t rebuilds        # of the id map when the homes were computed


# Fetch what a later row will touch. Reads what may be stale and fetches addresses that may be nobody's: a prefetch
# cannot fault, and without branches on the row's kind (which no predictor learns) it costs no mispredictions.
cdef inline void look_first(BookPools* pools, Book* book, CommandColumns* rows, int64_t i, uint32_t naming, Lookahead* ahead) noexcept nogil:
    cdef bint asks = rows.side[i] == SIDE_SELL
    cdef uint32_t key = side_key(rows.price_ticks[i], asks), level
    cdef CachedPage* cached = &book.ladder[asks].cache[(key >> 8) & (PAGE_CACHE - 1)]
    if naming == NAMED_SLOT:
        prefetch(order_at(pools, <slot_t>rows.slot_id[i]))
    elif naming == NAMED_ORDER_ID:
        ahead.home[i & (AHEAD - 1)] = <uint32_t>idmap_home(&pools.ids, rows.order_id[i])
        prefetch(&pools.ids.entries[ahead.home[i & (AHEAD - 1)]])
    level = cached.first_level + (key & 255)
    prefetch(level_at(&pools.ladders, level))
    ahead.level[i & (AHEAD - 1)] = level if cached.number == (key >> 8) + 1 else NIL


# The second look, by order_id: the id's entry has arrived.
cdef inline void look_second(BookPools* pools, int64_t i, Lookahead* ahead) noexcept nogil:
    prefetch(order_at(pools, pools.ids.entries[ahead.home[i & (AHEAD - 1)]].slot_plus_1 - 1))


# The last look, when the record has arrived: the neighbours of an order that goes, the youngest order of the level that one
# comes to. Chosen without a branch, and only what the row's kind will touch: in a deep book the misses that may be under way
# at once are what is scarce.
cdef inline void look_last(BookPools* pools, CommandColumns* rows, int64_t i, uint32_t naming, Lookahead* ahead) noexcept nogil:
    cdef uint32_t level = ahead.level[i & (AHEAD - 1)]
    cdef bint comes = rows.kind[i] == KIND_PLACE
    cdef slot_t slot = 0, tail, older, younger
    cdef Order* order
    tail = level_at(&pools.ladders, level).tail if level != NIL else NIL
    if naming == NAMED_SLOT:
        slot = <slot_t>rows.slot_id[i]
    elif naming == NAMED_ORDER_ID:
        slot = pools.ids.entries[ahead.home[i & (AHEAD - 1)]].slot_plus_1 - 1
    # a row may name anything, and a fetch beyond the slab would cost a page walk for nothing
    slot = slot if slot < pools.orders.count else 0
    if unlikely(pools.orders.count == 0):
        return
    order = order_at(pools, slot)
    older = tail if comes else order.prev
    younger = tail if comes else order.next
    prefetch(order_at(pools, older if older != NIL else slot))
    prefetch(order_at(pools, younger if younger != NIL else slot))


cdef inline void look_anew(BookPools* pools, CommandColumns* rows, int64_t i, uint32_t naming, Lookahead* ahead) noexcept nogil:
    """Forget the levels and compute the homes of the rows from i on: at the start, and when the id map was rebuilt."""
    cdef int64_t row
    ahead.rebuilds = pools.ids.rebuilds
    for row in range(i, i + AHEAD):
        ahead.level[row & (AHEAD - 1)] = NIL
        ahead.home[row & (AHEAD - 1)] = 0
        if naming == NAMED_ORDER_ID and row < rows.count:
            ahead.home[row & (AHEAD - 1)] = <uint32_t>idmap_home(&pools.ids, rows.order_id[row])


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
    if planted(SLIP_BATCH_FORGETS_SELF_TRADE):
        return (rows.flags == NULL or rows.flags[i] == 0) and (rows.display_lots == NULL or rows.display_lots[i] == 0)
    return (rows.flags == NULL or rows.flags[i] == 0) and (rows.self_trade == NULL or rows.self_trade[i] == 0) \
        and (rows.display_lots == NULL or rows.display_lots[i] == 0)


cdef inline inlined_int row_execute(Matcher* matcher, CommandColumns* rows, int64_t i, uint32_t naming, Lookahead* ahead) noexcept nogil:
    """Execute one row; the plain path first. Returns a reject reason."""
    cdef BookPools* pools = &matcher.pools
    cdef Book* book = &matcher.book
    cdef PlaceCommand command, featured
    cdef Outcome out, unread
    cdef uint8_t kind = rows.kind[i]
    if likely(not book.is_special):
        if kind == KIND_PLACE:
            row_to_command(rows, i, naming, &command)
            command.home = ahead.home[i & (AHEAD - 1)]
            if likely(row_is_plain(rows, i, &command)):
                return matcher_place_plain(matcher, &command, ahead.level[i & (AHEAD - 1)], &out)
        elif likely(kind == KIND_CANCEL):
            return book_cancel(pools, book, row_name(rows, i, naming), naming, ahead.home[i & (AHEAD - 1)], &out)
    row_to_command(rows, i, naming, &featured)
    row_to_features(rows, i, &featured)
    featured.home = ahead.home[i & (AHEAD - 1)]
    return matcher_execute(matcher, kind, &featured, &unread)


# Apply rows first .. last - 1. Returns how many were accepted, or -1 - i when row i could not even be recorded as
# rejected for want of memory (rows before it have taken effect, it and those behind have not). O(rows + fills).
cdef inline int64_t batch_apply(Matcher* matcher, const CommandColumns* columns, int64_t first, int64_t last, uint32_t naming,
                                Table* rejects) noexcept nogil:
    cdef BookPools* pools = &matcher.pools
    cdef Book* book = &matcher.book
    cdef CommandColumns rows = columns[0]        # a copy: nothing that is written here can be one of its addresses
    cdef Lookahead ahead
    cdef int64_t i, row, accepted = 0, sure = min64(last, rows.count - LOOK_FIRST)
    cdef int reason
    look_anew(pools, &rows, first, naming, &ahead)
    # invariant: rows before i have taken effect, in order
    for i in range(first, last):
        if planted(SLIP_STALE_HOMES):
            ahead.rebuilds = pools.ids.rebuilds
        if naming == NAMED_ORDER_ID and unlikely(pools.ids.rebuilds != ahead.rebuilds):
            look_anew(pools, &rows, i, naming, &ahead)
        if likely(i < sure):
            look_first(pools, book, &rows, i + LOOK_FIRST, naming, &ahead)
            if naming == NAMED_ORDER_ID:
                look_second(pools, i + LOOK_SECOND, &ahead)
            look_last(pools, &rows, i + LOOK_LAST, naming, &ahead)
        reason = row_execute(matcher, &rows, i, naming, &ahead)
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
