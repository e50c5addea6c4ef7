# Book: two ladders of resting orders, four of waiting stops, and what ends or shrinks an order in them.
#
#   ladder[0] bids   ladder[1] asks          trigger[0] buys, [1] sells on last    [2] buys, [3] sells on mark
#   fired  stops that have been reached and have not run yet, oldest first
#
# Stands on: orders. Promises: every function here keeps the ladders, the sums of hidden lots and slices and the count of
# reduce-only orders in step; rows are written to memory that was reserved before, so nothing fails half way.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.columns cimport *
from engine.native.ladder cimport *
from engine.native.orders cimport *
from engine.native.planted cimport *
from engine.native.slab cimport *

# Columns of a row of `cancels` and `triggers` (M-33).
cdef enum CancelColumn:
    CANCELLED_COMMAND = 0    # int32
    CANCELLED_ID = 1         # int64
    CANCELLED_OWNER = 2      # int32
    CANCELLED_QTY = 3        # int64
    CANCELLED_REASON = 4     # uint8 CancelReason
    CANCELLED_COLUMNS = 5

cdef enum TriggerColumn:
    TRIGGERED_COMMAND = 0    # int32
    TRIGGERED_ID = 1         # int64
    TRIGGERED_OWNER = 2      # int32
    TRIGGERED_STOP = 3       # int32 ticks
    TRIGGERED_REASON = 4     # uint8 RejectReason
    TRIGGERED_COLUMNS = 5

cdef enum:
    TRIGGERS = 4             # ladders of waiting stops
    SLICES_MAX = 10000       # of an iceberg (M-22)

cdef extern from *:
    """
    #include <stdint.h>
    static const int64_t ENGINE_SIDE_QTY_MAX = (int64_t)1 << 61;   /* U-3 */
    static const int64_t ENGINE_NO_PRICE = (int64_t)1 << 40;       /* D-2: the word for "no price" */
    """
    const int64_t SIDE_QTY_MAX "ENGINE_SIDE_QTY_MAX"
    const int64_t NO_PRICE "ENGINE_NO_PRICE"

cdef struct Book:
    Ladder ladder[2]         # [0] bids, [1] asks
    price_t price_min        # U-2
    price_t price_max
    qty_t qty_max
    int64_t notional_max
    int64_t last_price       # ticks of the last trade, NO_PRICE before the first
    int64_t trade_count
    uint64_t traded_lots     # mod 2^64
    int32_t is_special       # the plain path is closed: not OPEN, or positions are tracked
    int32_t stop_count       # waiting stops, the fired ones not counted
    # what only books with the features of M-19 .. M-32 use
    qty_t hidden_lots[2]     # sum over the icebergs of a side
    int64_t slices[2]        # slices they still hide: a taker may fill so many rows more than there are orders
    int64_t reduce_count     # resting reduce-only orders
    int64_t mark             # ticks, NO_PRICE before the first
    time_ms_t now_ms
    int32_t state            # MarketState
    int32_t tracks_positions     # POSITION was said once (M-26)
    int32_t stops_per_ms     # M-25
    int32_t stops_run        # in this millisecond
    qty_t stop_lots          # of all stops, waiting and fired (U-3)
    int64_t fired_count
    slot_t fired_head
    slot_t fired_tail
    Ladder trigger[TRIGGERS]


cdef inline void book_init(Book* book, uint32_t market) noexcept nogil:
    """Make an empty book; the caller sets the bounds."""
    cdef int k
    ladder_init(&book.ladder[0], 0, market * 2)
    ladder_init(&book.ladder[1], 1, market * 2 + 1)
    for k in range(TRIGGERS):
        # buys fire by rising price, like asks are taken; sells by falling price, like bids
        ladder_init(&book.trigger[k], not k & 1, <uint32_t>0x80000000 | market * 2 | (k & 1))
    book.last_price = book.mark = NO_PRICE
    book.trade_count = 0
    book.traded_lots = 0
    book.is_special = 0
    book.stop_count = 0
    book.hidden_lots[0] = book.hidden_lots[1] = 0
    book.slices[0] = book.slices[1] = 0
    book.reduce_count = 0
    book.now_ms = 0
    book.state = STATE_OPEN
    book.tracks_positions = 0
    book.stops_per_ms = 10000
    book.stops_run = 0
    book.stop_lots = 0
    book.fired_count = 0
    book.fired_head = book.fired_tail = NIL


cdef inline void book_update_special(Book* book) noexcept nogil:
    book.is_special = book.state != STATE_OPEN or book.tracks_positions


# ---- rows of the tables ----

cdef inline void fill_record(BookPools* pools, PlaceCommand* command, int64_t taker, int64_t maker, int32_t maker_owner,
                             price_t price, qty_t qty) noexcept nogil:
    """Write one fill row. Needs: the row is reserved. Cannot fail."""
    cdef Table* fills = &pools.fills
    cdef int64_t row = fills.row_count, within = row & (((<int64_t>1) << fills.shift) - 1)
    cdef char* chunk = fills.chunks[row >> fills.shift]
    # table_cell with the widths of FILL_* known to the compiler: 7 stores instead of 7 look-ups (cascade flow: -9 % time)
    (<int32_t*>chunk)[within] = command.command
    (<int64_t*>(chunk + (<int64_t>4 << fills.shift)))[within] = maker
    (<int64_t*>(chunk + (<int64_t>12 << fills.shift)))[within] = taker
    (<int32_t*>(chunk + (<int64_t>20 << fills.shift)))[within] = price
    (<int64_t*>(chunk + (<int64_t>24 << fills.shift)))[within] = qty
    (<int32_t*>(chunk + (<int64_t>32 << fills.shift)))[within] = maker_owner
    (<int32_t*>(chunk + (<int64_t>36 << fills.shift)))[within] = command.owner
    fills.row_count = row + 1


# Write one row of `cancels`. A world keeps none: its table has no columns. Needs: the row is reserved. Cannot fail.
cdef inline void cancel_record(BookPools* pools, int32_t command, int64_t id, int32_t owner, qty_t qty, int reason) noexcept nogil:
    cdef Table* table = &pools.cancels
    cdef int64_t row = table.row_count
    if table.column_count == 0:
        return
    (<int32_t*>table_cell(table, row, CANCELLED_COMMAND))[0] = command
    (<int64_t*>table_cell(table, row, CANCELLED_ID))[0] = id
    (<int32_t*>table_cell(table, row, CANCELLED_OWNER))[0] = owner
    (<int64_t*>table_cell(table, row, CANCELLED_QTY))[0] = qty
    (<uint8_t*>table_cell(table, row, CANCELLED_REASON))[0] = <uint8_t>reason
    table.row_count = row + 1


cdef inline void trigger_record(BookPools* pools, int32_t command, int64_t id, int32_t owner, price_t stop_ticks, int reason) noexcept nogil:
    """Write one row of `triggers`; as cancel_record."""
    cdef Table* table = &pools.triggers
    cdef int64_t row = table.row_count
    if table.column_count == 0:
        return
    (<int32_t*>table_cell(table, row, TRIGGERED_COMMAND))[0] = command
    (<int64_t*>table_cell(table, row, TRIGGERED_ID))[0] = id
    (<int32_t*>table_cell(table, row, TRIGGERED_OWNER))[0] = owner
    (<int32_t*>table_cell(table, row, TRIGGERED_STOP))[0] = stop_ticks
    (<uint8_t*>table_cell(table, row, TRIGGERED_REASON))[0] = <uint8_t>reason
    table.row_count = row + 1


cdef inline bint cancels_reserve(BookPools* pools, int64_t rows) noexcept nogil:
    """Make sure that `rows` cancels can be recorded. 0 if so, 1 if there is no memory."""
    return pools.cancels.column_count != 0 and table_reserve(&pools.cancels, rows)


cdef inline bint triggers_reserve(BookPools* pools, int64_t rows) noexcept nogil:
    """As cancels_reserve, for stops that run."""
    return pools.triggers.column_count != 0 and table_reserve(&pools.triggers, rows)


# ---- icebergs ----

cdef inline int64_t slices_of(OrderExtra* extra) noexcept nogil:
    """Slices that an iceberg still hides; 0 for no iceberg."""
    return ceil_div(extra.hidden_lots, extra.display_lots) if extra.display_lots else 0


# Hide `hidden` lots behind an order, or other ones than before. Needs: ORDER_ICEBERG. Cannot fail. O(1).
cdef inline void iceberg_set_hidden(Book* book, bint asks, OrderExtra* extra, qty_t hidden) noexcept nogil:
    book.hidden_lots[asks] += hidden - extra.hidden_lots
    book.ladder[asks].qty_lots += hidden - extra.hidden_lots
    book.slices[asks] -= slices_of(extra)
    extra.hidden_lots = hidden
    book.slices[asks] += slices_of(extra)


# ---- orders leave ----

cdef inline qty_t order_open(BookPools* pools, slot_t slot) noexcept nogil:
    """Open lots of an order, shown and hidden."""
    return order_at(pools, slot).leaves_lots + order_hidden(pools, slot)


cdef inline Ladder* ladder_for(Book* book, uint32_t flags) noexcept nogil:
    """The ladder for an order with these flags: a side's, or one of the waiting stops'."""
    if unlikely(flags & ORDER_STOP):
        return &book.trigger[(2 if flags & ORDER_ON_MARK else 0) + (flags & ORDER_SELL)]
    return &book.ladder[flags & ORDER_SELL]


cdef inline Ladder* ladder_of(Book* book, Order* order) noexcept nogil:
    """The ladder that an order stands in. Needs: not ORDER_FIRED."""
    return ladder_for(book, order.flags)


cdef inline void fired_unlink(BookPools* pools, Book* book, slot_t slot) noexcept nogil:
    """Take a stop out of the queue of fired ones. Cannot fail. O(1)."""
    cdef Order* order = order_at(pools, slot)
    if order.prev != NIL:
        order_at(pools, order.prev).next = order.next
    else:
        book.fired_head = order.next
    if order.next != NIL:
        order_at(pools, order.next).prev = order.prev
    else:
        book.fired_tail = order.prev
    book.fired_count -= 1


# Take an order out of wherever it stands, with its hidden lots; it keeps its leaves, name, owner and extra. Cannot fail. O(1).
cdef inline void book_detach(BookPools* pools, Book* book, slot_t slot) noexcept nogil:
    cdef Order* order = order_at(pools, slot)
    cdef bint asks = order.flags & ORDER_SELL
    if unlikely(order.flags & ORDER_STOP):
        book.stop_lots -= order.leaves_lots
        if planted(SLIP_STOP_LOTS_KEPT):
            book.stop_lots += order.leaves_lots
    if unlikely(order.flags & ORDER_FIRED):
        fired_unlink(pools, book, slot)
        return
    ladder_unlink(&pools.ladders, ladder_of(book, order), <Order*>pools.orders.base, slot)
    if unlikely(order.flags & ORDER_STOP):
        book.stop_count -= 1
        return
    if unlikely(order.flags & ORDER_MEETS_SLOWLY):
        if order.flags & ORDER_ICEBERG:
            iceberg_set_hidden(book, asks, extra_at(pools, slot), 0)
        if order.flags & ORDER_REDUCE_ONLY:
            book.reduce_count -= 1


# End an open order: it rests, waits or has fired. Its name and slot are free afterwards. Returns its open lots. Cannot fail. O(1).
cdef inline outlined_qty_t book_end(BookPools* pools, Book* book, slot_t slot, int64_t id) noexcept nogil:
    cdef qty_t lots = order_open(pools, slot)
    book_detach(pools, book, slot)
    order_end(pools, slot, order_at(pools, slot), id)
    return lots


# As book_end, with a row of `cancels`. Needs: a row reserved. Cannot fail. O(1).
cdef inline qty_t book_cancel_for(BookPools* pools, Book* book, slot_t slot, int32_t command, int reason) noexcept nogil:
    cdef Order* order = order_at(pools, slot)
    cdef int64_t id = order_id(pools, slot, order)
    cdef int32_t owner = order.owner
    cdef qty_t lots = book_end(pools, book, slot, id)
    cancel_record(pools, command, id, owner, lots, reason)
    return lots


cdef inline void book_take_shown(BookPools* pools, Ladder* ladder, Order* order, qty_t lots) noexcept nogil:
    """Take shown lots off an order that keeps some. Cannot fail."""
    order.leaves_lots -= lots
    ladder.qty_lots -= lots
    level_at(&pools.ladders, order.level).qty_lots -= lots


# Take lots off an open order, hidden ones first; it keeps its place (M-15). Needs: 0 < lots < its open lots. Cannot fail. O(1).
cdef inline void book_reduce(BookPools* pools, Book* book, slot_t slot, qty_t lots) noexcept nogil:
    cdef Order* order = order_at(pools, slot)
    cdef qty_t hidden = order_hidden(pools, slot), from_hidden = min64(hidden, lots)
    if planted(SLIP_REDUCE_SHOWN_FIRST):
        if hidden:
            from_hidden = max64(0, lots - (order.leaves_lots - 1))
    if from_hidden:
        iceberg_set_hidden(book, order.flags & ORDER_SELL, extra_at(pools, slot), hidden - from_hidden)
        lots -= from_hidden
    if order.flags & ORDER_STOP:
        book.stop_lots -= lots
    if order.flags & ORDER_FIRED:
        order.leaves_lots -= lots
    elif lots:
        book_take_shown(pools, ladder_of(book, order), order, lots)


# ---- positions (M-26) ----

cdef inline qty_t reducible(BookPools* pools, Book* book, int32_t owner, bint sells) noexcept nogil:
    """Lots by which an order of this side may reduce the owner's position."""
    cdef int64_t position
    if owner == NO_OWNER or not book.tracks_positions:
        return 0
    position = position_at(pools, owner)[0]
    return max64(0, position if sells else -position)


cdef inline void position_add(BookPools* pools, int32_t owner, qty_t lots) noexcept nogil:
    if owner != NO_OWNER:
        position_at(pools, owner)[0] = add_saturating(position_at(pools, owner)[0], lots)


# ---- queries ----

cdef inline int64_t book_best(Book* book, bint asks) noexcept nogil:
    """Best price of a side, NO_PRICE if it is empty."""
    if book.ladder[asks].best_key == KEY_NONE:
        return NO_PRICE
    return ladder_price(&book.ladder[asks], <uint32_t>book.ladder[asks].best_key)


cdef inline bint book_is_crossed(Book* book) noexcept nogil:
    """Whether best bid and best ask cross or lock."""
    cdef int64_t bid = book_best(book, 0), ask = book_best(book, 1)
    if planted(SLIP_LOCKED_OPENS):
        if bid == ask:
            return 0
    return bid != NO_PRICE and ask != NO_PRICE and bid >= ask


cdef inline qty_t book_depth_to(BookPools* pools, Book* book, bint asks, price_t worst) noexcept nogil:
    """Lots resting on a side from its best price to `worst`, both included. O(levels met)."""
    cdef Ladder* ladder = &book.ladder[asks]
    cdef int64_t key = ladder.best_key, last = ladder_key(ladder, worst)
    cdef uint32_t level = ladder.best_level
    cdef qty_t total = 0
    while key <= last:
        total += level_at(&pools.ladders, level).qty_lots
        key = ladder_next(&pools.ladders, ladder, key + 1, &level)
    return total
