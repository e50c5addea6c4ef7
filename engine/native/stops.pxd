# Stops: which ones a command has reached, in which order they run, and the trimming of reduce-only orders after each command.
#
#   trigger[k] (waiting, by trigger price)  --reached-->  fired queue  --one by one-->  featured_enter
#
# Stands on: features. Promises (docs/rules.md M-24, M-25, M-27): a fired stop runs as a command of its own, after the command
# that reached it, in an OPEN book and at most stops_per_ms in one millisecond.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.columns cimport *
from engine.native.features cimport *
from engine.native.ladder cimport *
from engine.native.match cimport *
from engine.native.orders cimport *
from engine.native.planted cimport *
from engine.native.planted_moves cimport *


# ---- reduce-only (M-27) ----

cdef inline bint order_is_trimmed(Order* order) noexcept nogil:
    """Whether an open order counts as reduce-only: a stop does once it has run."""
    return (order.flags & (ORDER_REDUCE_ONLY | ORDER_STOP)) == ORDER_REDUCE_ONLY


# Take off what an owner's resting reduce-only orders have too much, newest first. Needs: rows of `cancels` reserved
# (reduce_count of them). Cannot fail. O(its orders).
cdef inline void trim_owner(BookPools* pools, Book* book, int32_t owner, int32_t command) noexcept nogil:
    cdef qty_t excess[2]
    cdef qty_t lots
    cdef slot_t slot, next_slot
    cdef Order* order
    cdef bint asks
    if owner == NO_OWNER:
        return
    excess[0] = -reducible(pools, book, owner, 0)
    excess[1] = -reducible(pools, book, owner, 1)
    slot = head_at(pools, owner)[0]
    while slot != NIL:
        order = order_at(pools, slot)
        if order_is_trimmed(order):
            excess[order.flags & ORDER_SELL] += order_open(pools, slot)
        slot = cold_at(pools, slot).owner_next
    slot = head_at(pools, owner)[0]
    slot = oldest_of(pools, slot) if planted(SLIP_TRIM_OLDEST_FIRST) and slot != NIL else slot
    # invariant: excess holds what the orders from `slot` on, with all behind them, have too much on each side
    while slot != NIL and (excess[0] > 0 or excess[1] > 0):
        order = order_at(pools, slot)
        next_slot = cold_at(pools, slot).owner_next
        next_slot = cold_at(pools, slot).owner_prev if planted(SLIP_TRIM_OLDEST_FIRST) else next_slot
        asks = order.flags & ORDER_SELL
        if order_is_trimmed(order) and excess[asks] > 0:
            lots = order_open(pools, slot)
            if lots <= excess[asks]:
                book_cancel_for(pools, book, slot, command, CANCEL_REDUCE_ONLY)
            else:
                lots = excess[asks]
                cancel_record(pools, command, order_id(pools, slot, order), owner, lots, CANCEL_REDUCE_ONLY)
                book_reduce(pools, book, slot, lots)
            excess[asks] -= lots
        slot = next_slot


cdef inline void trim_after(BookPools* pools, Book* book, int32_t owner, int32_t command, int64_t first_fill) noexcept nogil:
    """Trim the owners of a command's fills, row by row, then the commanding one. Cannot fail. O(fills x their orders)."""
    cdef int64_t row
    if book.reduce_count == 0:
        return
    for row in range(first_fill, pools.fills.row_count):
        trim_owner(pools, book, (<int32_t*>table_cell(&pools.fills, row, FILL_MAKER_OWNER))[0], command)
        trim_owner(pools, book, (<int32_t*>table_cell(&pools.fills, row, FILL_TAKER_OWNER))[0], command)
    trim_owner(pools, book, owner, command)


# ---- reached ----

cdef inline void stops_reach(BookPools* pools, Book* book, int k, int64_t price) noexcept nogil:
    """Move the stops of one ladder that `price` has reached to the queue of fired ones, nearest first. Cannot fail. O(moved)."""
    cdef Ladder* ladder = &book.trigger[k]
    cdef int64_t key = ladder_key(ladder, <price_t>price)
    cdef Order* order
    cdef slot_t slot
    key -= planted(SLIP_STOP_LATE)
    # invariant: what has been reached and is still in the ladder comes behind what is in the queue
    while ladder.best_key <= key:
        slot = level_at(&pools.ladders, ladder.best_level).head
        ladder_unlink(&pools.ladders, ladder, <Order*>pools.orders.base, slot)
        order = order_at(pools, slot)
        order.flags |= ORDER_FIRED
        order.prev = book.fired_tail
        order.next = NIL
        if book.fired_tail != NIL:
            order_at(pools, book.fired_tail).next = slot
        else:
            book.fired_head = slot
        book.fired_tail = slot
        book.fired_count += 1
        book.stop_count -= 1


cdef inline void stops_reach_pair(BookPools* pools, Book* book, int first_of_pair, int64_t buys_price, int64_t sells_price, bint sells_first) noexcept nogil:
    """Both ladders that look at one series: buys up to the one price, sells down to the other."""
    sells_first = not sells_first if planted(SLIP_STOPS_WRONG_SIDE_FIRST) else sells_first
    if sells_first:
        stops_reach(pools, book, first_of_pair + 1, sells_price)
    stops_reach(pools, book, first_of_pair, buys_price)
    if not sells_first:
        stops_reach(pools, book, first_of_pair + 1, sells_price)


# What the trades of a command, its fills from `first_fill` on, have reached (M-25). Cannot fail.
cdef inline void stops_reach_trades(BookPools* pools, Book* book, int64_t first_fill, int8_t taker_side) noexcept nogil:
    cdef int64_t first, last
    if book.stop_count == 0 or pools.fills.row_count == first_fill or book.state != STATE_OPEN:
        return
    first = (<int32_t*>table_cell(&pools.fills, first_fill, FILL_PRICE))[0]
    last = book.last_price
    first = last if planted(SLIP_STOPS_SEE_LAST_ONLY) else first
    stops_reach_pair(pools, book, 0, max64(first, last), min64(first, last), taker_side == SIDE_BUY)


# What stands reached as the prices are now: after a new mark, a placed stop, the state OPEN. Cannot fail.
cdef inline void stops_reach_now(BookPools* pools, Book* book) noexcept nogil:
    if book.stop_count == 0 or book.state != STATE_OPEN:
        return
    if book.last_price != NO_PRICE:
        stops_reach_pair(pools, book, 0, book.last_price, book.last_price, 0)
    if book.mark != NO_PRICE:
        stops_reach_pair(pools, book, 2, book.mark, book.mark, 0)


# ---- run ----

cdef inline void stop_to_command(BookPools* pools, slot_t slot, int32_t row, PlaceCommand* command) noexcept nogil:
    cdef Order* order = order_at(pools, slot)
    cdef OrderExtra* extra = extra_at(pools, slot)
    command.name = order_id(pools, slot, order)
    command.qty_lots = order.leaves_lots
    command.price_ticks = extra.price_ticks
    command.owner = order.owner
    command.cause = 0
    command.command = row
    command.side = SIDE_SELL if order.flags & ORDER_SELL else SIDE_BUY
    command.order_type = TYPE_LIMIT if extra.order_type == TYPE_STOP_LIMIT else TYPE_MARKET
    command.time_in_force = extra.time_in_force
    if command.order_type == TYPE_MARKET and command.time_in_force == TIF_GTT:
        command.time_in_force = TIF_IOC
    command.naming = <uint8_t>order_naming(order)
    command.flags = order_said_flags(order)
    command.self_trade = order_self_trade(order)
    command.stop_ticks = extra.stop_ticks
    command.display_lots = extra.display_lots
    command.expires_ms = extra.expires_ms


# Run the oldest fired stop as a command. Needs: there is one. Returns 1 if there was no memory even to refuse it (nothing
# changed). O(orders met).
cdef inline bint stop_run(BookPools* pools, Book* book, int32_t row) noexcept nogil:
    cdef slot_t slot = book.fired_head
    cdef PlaceCommand command
    cdef Arrival arrival
    cdef Outcome out
    cdef qty_t asked
    cdef int64_t first_fill = pools.fills.row_count
    cdef int reason
    if cancels_reserve(pools, 1) or triggers_reserve(pools, 1):
        return 1
    stop_to_command(pools, slot, row, &command)
    asked = command.qty_lots
    arrival_init(book, &command, slot, &arrival)
    reason = check_arrival(pools, book, &command, &arrival, 0)
    if reason == REJECT_NONE and arrival_reserve(pools, book, &command, &arrival):
        reason = REJECT_NO_MEMORY
    book.stops_run += 1
    book.stops_run -= planted(SLIP_STOPS_NOT_COUNTED)
    trigger_record(pools, row, command.name, command.owner, command.stop_ticks, reason)
    if reason:
        book_cancel_for(pools, book, slot, row, CANCEL_STOP_REFUSED)
        return 0
    book_detach(pools, book, slot)
    featured_enter(pools, book, &command, &arrival, asked, &out)
    trim_after(pools, book, command.owner, row, first_fill)
    stops_reach_trades(pools, book, first_fill, command.side)
    return 0


# Run what has fired, as far as this millisecond allows. Returns 1 without memory. O(fired + orders met).
cdef inline bint stops_run_all(BookPools* pools, Book* book, int32_t row) noexcept nogil:
    while book.fired_head != NIL and book.state == STATE_OPEN and book.stops_run < book.stops_per_ms:
        if stop_run(pools, book, row):
            return 1
    return 0
