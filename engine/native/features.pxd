# Features: orders that ask for more than the plain path of match.pxd knows. Checks, FOK's count, and the way of any order into
# the book: a new one, a replaced one, a stop that has fired.
#
# Stands on: match. Promises (docs/rules.md M-10, M-16, M-19 .. M-23): checked, reserved, then written; a rejected command
# leaves the digest as it was. The book's queue of expiries and what follows a command (stops, reduce-only) are matcher.pxd's.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.columns cimport *
from engine.native.idmap cimport *
from engine.native.ladder cimport *
from engine.native.match cimport *
from engine.native.orders cimport *
from engine.native.planted cimport *
from engine.native.planted_moves cimport *
from engine.native.slab cimport *

cdef extern from *:
    """
    #include <stdint.h>
    #define ENGINE_CLOCK_MAX ((int64_t)1 << 62)
    /* M-5: the times in force of each order type, a bit each; row 0 is no type */
    static const uint8_t ENGINE_LEGAL_TIF[5] = { 0, 0x1E, 0x0C, 0x1C, 0x1E };
    """
    const int64_t CLOCK_MAX "ENGINE_CLOCK_MAX"
    const uint8_t LEGAL_TIF "ENGINE_LEGAL_TIF"[5]


# ---- checks (M-10), in its order ----

cdef inline bint type_has_limit(uint8_t order_type) noexcept nogil:
    return order_type == TYPE_LIMIT or order_type == TYPE_STOP_LIMIT


cdef inline bint type_is_stop(uint8_t order_type) noexcept nogil:
    return order_type == TYPE_STOP or order_type == TYPE_STOP_LIMIT


cdef inline bint tif_rests(uint8_t time_in_force) noexcept nogil:
    """Whether what does not trade stays."""
    return time_in_force == TIF_GTC or time_in_force == TIF_GTT


cdef inline int check_terms(PlaceCommand* command) noexcept nogil:
    """Side, type, time in force, flags, self-trade prevention, combination (M-5); fills in a default time in force."""
    cdef bint may_rest
    if command.side != SIDE_BUY and command.side != SIDE_SELL:
        return REJECT_BAD_SIDE
    if command.order_type < TYPE_LIMIT or command.order_type > TYPE_STOP_LIMIT:
        return REJECT_BAD_ORDER_TYPE
    if command.time_in_force > TIF_GTT:
        return REJECT_BAD_TIME_IN_FORCE
    if command.flags > (FLAG_POST_ONLY | FLAG_REDUCE_ONLY | FLAG_TRIGGER_ON_MARK):
        return REJECT_BAD_FLAGS
    if command.self_trade > STP_DECREMENT:
        return REJECT_BAD_SELF_TRADE_PREVENTION
    if command.time_in_force == TIF_DEFAULT:
        command.time_in_force = TIF_GTC if type_has_limit(command.order_type) else TIF_IOC
    if not (LEGAL_TIF[command.order_type] >> command.time_in_force) & 1:
        return REJECT_ILLEGAL_COMBINATION
    may_rest = type_has_limit(command.order_type) and tif_rests(command.time_in_force)
    if not may_rest and (command.flags & FLAG_POST_ONLY or command.display_lots != 0):
        return REJECT_ILLEGAL_COMBINATION
    if command.flags & FLAG_TRIGGER_ON_MARK and not type_is_stop(command.order_type):
        return REJECT_ILLEGAL_COMBINATION
    return REJECT_NONE


cdef inline bint place_is_legal(Book* book, PlaceCommand* command) noexcept nogil:
    """Whether the market state takes this place (M-30)."""
    if book.state == STATE_OPEN:
        return 1
    if book.state != STATE_AUCTION:
        return 0
    if type_is_stop(command.order_type):
        return 1
    return command.order_type == TYPE_LIMIT and tif_rests(command.time_in_force)


cdef inline bint display_is_legal(qty_t display, qty_t qty) noexcept nogil:
    """Slices of an iceberg (M-22)."""
    if planted(SLIP_SLICES_ONE_MORE):
        if ceil_div(qty, display) == SLICES_MAX + 1:
            return 1
    return 1 <= display <= qty and ceil_div(qty, display) <= SLICES_MAX


cdef inline int check_amounts(Book* book, PlaceCommand* command) noexcept nogil:
    """Bounds, trigger, display, expiry."""
    cdef int reason = check_bounds(book, command, type_has_limit(command.order_type))
    if reason:
        return reason
    if type_is_stop(command.order_type) and (command.stop_ticks < book.price_min or command.stop_ticks > book.price_max):
        return REJECT_TRIGGER_OUT_OF_BOUNDS
    if command.display_lots != 0 and not display_is_legal(command.display_lots, command.qty_lots):
        return REJECT_DISPLAY_OUT_OF_BOUNDS
    if planted(SLIP_EXPIRY_AT_NOW):
        if command.expires_ms == book.now_ms:
            return REJECT_NONE
    if command.time_in_force == TIF_GTT and not book.now_ms < command.expires_ms <= CLOCK_MAX:
        return REJECT_EXPIRY_NOT_AHEAD
    return REJECT_NONE


# FOK's count (M-19): whether the opposite side can give the whole order up to its limit. Reads only. O(levels met), or
# O(orders met) with self-trade prevention, icebergs or reduce-only makers about.
cdef inline bint fok_is_fillable(BookPools* pools, Book* book, PlaceCommand* command, int64_t limit_key) noexcept nogil:
    cdef bint opposite = command.side == SIDE_BUY
    cdef Ladder* ladder = &book.ladder[opposite]
    cdef uint8_t self_trade = command.self_trade if command.owner != NO_OWNER else STP_NONE
    cdef bint by_levels = self_trade == STP_NONE and book.reduce_count == 0 and book.hidden_lots[opposite] == 0
    cdef int64_t key = ladder.best_key
    cdef uint32_t level = ladder.best_level
    cdef qty_t total = 0, hidden
    cdef slot_t slot
    cdef Order* order
    # invariant: total counts the levels before `key`, and total < qty
    while key <= limit_key and key != KEY_NONE:
        if by_levels:
            total += level_at(&pools.ladders, level).qty_lots
        else:
            hidden = 0
            slot = level_at(&pools.ladders, level).head
            while slot != NIL:
                order = order_at(pools, slot)
                if self_trade != STP_NONE and order.owner == command.owner:
                    if planted(SLIP_FOK_COUNTS_OWN):
                        if self_trade == STP_CANCEL_MAKER:
                            total += order.leaves_lots
                    self_trade = STP_CANCEL_MAKER if planted(SLIP_FOK_COUNTS_PAST_OWN) else self_trade
                    if self_trade != STP_CANCEL_MAKER:
                        return total >= command.qty_lots
                elif not order.flags & ORDER_REDUCE_ONLY:
                    total += order.leaves_lots
                    hidden += order_hidden(pools, slot)
                if planted(SLIP_FOK_COUNTS_REDUCE_ONLY):
                    if order.flags & ORDER_REDUCE_ONLY:
                        total += order.leaves_lots
                slot = order.next
            hidden = 0 if planted(SLIP_FOK_SKIPS_HIDDEN) else hidden
            total += hidden
        if total >= command.qty_lots:
            return 1
        key = ladder_next(&pools.ladders, ladder, key + 1, &level)
    return 0


# ---- an order meets the market: a new one, a replaced one, a stop that has fired ----

# How it comes, and what was reserved for it.
cdef struct Arrival:
    int64_t limit_key        # largest key of the opposite ladder that it may trade at
    IdEntry* entry           # new order by order_id: its entry in the id map
    uint32_t level           # where it may rest
    slot_t slot              # of an open order (replaced, fired); NIL for a new one
    bint may_rest
    bint crosses             # it will meet somebody


cdef inline void arrival_init(Book* book, PlaceCommand* command, slot_t slot, Arrival* arrival) noexcept nogil:
    """Say how a command with checked terms would meet the book as it stands. `slot`: of the open order that it is, else NIL."""
    cdef int64_t best_key = book.ladder[command.side == SIDE_BUY].best_key
    arrival.slot = slot
    arrival.may_rest = tif_rests(command.time_in_force)
    arrival.limit_key = side_key(command.price_ticks, command.side == SIDE_BUY) if command.order_type == TYPE_LIMIT else KEY_NONE - 1
    arrival.crosses = book.state != STATE_AUCTION and best_key <= arrival.limit_key
    if planted(SLIP_AUCTION_MATCHES):
        arrival.crosses = best_key <= arrival.limit_key


# What it is asked (M-10, from "nothing to reduce" on). Cuts a reduce-only order to the position (M-26). `room_lots`: what of
# the side's lots will be gone by then.
cdef inline int check_arrival(BookPools* pools, Book* book, PlaceCommand* command, Arrival* arrival, qty_t room_lots) noexcept nogil:
    cdef qty_t allowed
    if command.flags & FLAG_REDUCE_ONLY:
        allowed = reducible(pools, book, command.owner, command.side == SIDE_SELL)
        if allowed == 0:
            return REJECT_NOTHING_TO_REDUCE
        allowed = command.qty_lots if planted(SLIP_REDUCE_ONLY_NOT_CUT) else allowed
        command.qty_lots = min64(command.qty_lots, allowed)
    room_lots = 0 if planted(SLIP_REPLACE_COUNTS_OLD_LOTS) else room_lots
    if arrival.may_rest and side_is_full(book, command.side == SIDE_SELL, command.qty_lots - room_lots):
        return REJECT_SIDE_FULL
    if planted(SLIP_POST_ONLY_AT_TOUCH):
        if command.flags & FLAG_POST_ONLY and book.ladder[command.side == SIDE_BUY].best_key == arrival.limit_key:
            return REJECT_NONE
    if command.flags & FLAG_POST_ONLY and arrival.crosses:
        return REJECT_POST_ONLY_WOULD_CROSS
    if command.time_in_force == TIF_FOK and not fok_is_fillable(pools, book, command, arrival.limit_key):
        return REJECT_FOK_NOT_FILLABLE
    return REJECT_NONE


cdef inline bint cancels_reserve_match(BookPools* pools, Book* book, PlaceCommand* command, bint crosses) noexcept nogil:
    """Reserve the rows of `cancels` that a match can write: two a meeting where meetings can cancel, and those of M-27."""
    cdef bint opposite = command.side == SIDE_BUY
    cdef int64_t rows = 4 + book.reduce_count
    if crosses and (command.self_trade != STP_NONE or book.reduce_count):
        rows += 2 * (book.ladder[opposite].order_count + book.slices[opposite])
    return cancels_reserve(pools, rows)


# Reserve everything that a featured order can need (M-14). 1 if there is no memory.
cdef inline bint arrival_reserve(BookPools* pools, Book* book, PlaceCommand* command, Arrival* arrival) noexcept nogil:
    arrival.level = 0
    arrival.entry = NULL
    if arrival.slot == NIL and (name_reserve(pools, command, &arrival.entry) or slab_reserve(&pools.extras, 1)):
        return 1
    if arrival.may_rest and level_reserve(pools, &book.ladder[command.side == SIDE_SELL],
                                          side_key(command.price_ticks, command.side == SIDE_SELL), &arrival.level):
        return 1
    if arrival.crosses and fills_reserve(pools, book, command):
        return 1
    return cancels_reserve_match(pools, book, command, arrival.crosses)


cdef inline void features_keep(BookPools* pools, PlaceCommand* command, slot_t slot, uint32_t flags) noexcept nogil:
    """Give a new open order its extra, if it has features that need one. Needs: one reserved."""
    cdef OrderExtra* extra
    if not flags & ORDER_EXTRA:
        return
    extra = extra_take(pools, slot)
    extra.display_lots = command.display_lots
    if flags & ORDER_EXPIRES:
        extra.expires_ms = command.expires_ms
        pools.expiring_count += 1


# Rest what is left of a featured order. Needs: level and extra reserved. Cannot fail. O(1).
cdef inline void featured_rest(BookPools* pools, Book* book, PlaceCommand* command, Arrival* arrival, slot_t slot, int64_t id, qty_t left) noexcept nogil:
    cdef uint32_t flags
    cdef qty_t shown = left
    cdef OrderExtra* extra
    if arrival.slot == NIL:
        flags = feature_flags(command)
        features_keep(pools, command, slot, flags)
    else:
        flags = order_at(pools, slot).flags & ~<uint32_t>(ORDER_SELL | ORDER_NAMING_MASK | ORDER_STOP | ORDER_FIRED)
        if planted(SLIP_REPLACE_LOSES_EXPIRY):
            flags &= ~<uint32_t>ORDER_EXPIRES
    if flags & ORDER_ICEBERG:
        extra = extra_at(pools, slot)
        shown = min64(extra.display_lots, left)
        shown = min64(extra.display_lots + 1, left) if planted(SLIP_ICEBERG_SHOWS_ONE_MORE) else shown
    book_rest(pools, book, command, slot, side_key(command.price_ticks, command.side == SIDE_SELL), arrival.level, flags, shown)
    if flags & ORDER_ICEBERG:
        iceberg_set_hidden(book, command.side == SIDE_SELL, extra_at(pools, slot), left - shown)
    if flags & ORDER_REDUCE_ONLY:
        book.reduce_count += 1
    if arrival.slot == NIL:
        order_begin(pools, slot, order_at(pools, slot), id, command.cause, command.naming, arrival.entry)


# Match and rest a checked order whose memory is reserved; `asked`: its quantity before a reduce-only cut. An open order stands
# nowhere when this is called. Cannot fail. O(orders met).
cdef inline void featured_enter(BookPools* pools, Book* book, PlaceCommand* command, Arrival* arrival, qty_t asked, Outcome* out) noexcept nogil:
    cdef qty_t left = command.qty_lots, cut = asked - command.qty_lots
    cdef uint64_t traded_before = book.traded_lots
    cdef bint stopped = 0
    cdef slot_t slot = arrival.slot
    if slot == NIL:
        slot = name_take(pools, command, NIL, &out.id)
    else:
        out.id = command.name
    if cut:
        cancel_record(pools, command.command, out.id, command.owner, cut, CANCEL_REDUCE_ONLY)
    if arrival.crosses:
        left = book_match(pools, book, command, out.id, arrival.limit_key, left, 1, &stopped)
    out.filled_lots = <qty_t>(book.traded_lots - traded_before)   # lots that self-trade prevention took are no trade
    out.leaves_lots = 0
    out.slot = NIL
    if left > 0 and arrival.may_rest and not stopped:
        featured_rest(pools, book, command, arrival, slot, out.id, left)
        out.leaves_lots = left
        out.slot = slot
        out.cancelled_lots = asked - out.filled_lots - left
        return
    out.cancelled_lots = asked - out.filled_lots
    if left > 0:
        cancel_record(pools, command.command, out.id, command.owner, left, CANCEL_SELF_TRADE if stopped else CANCEL_UNFILLED)
    if arrival.slot != NIL:
        order_end(pools, slot, order_at(pools, slot), out.id)
    elif command.naming != NAMED_SLOT:
        slot_return(pools, slot, command.naming)


# ---- a new order ----

# Make a stop wait (M-24). Needs: checked. Returns NO_MEMORY or NONE. O(1).
cdef inline int stop_wait(BookPools* pools, Book* book, PlaceCommand* command, Outcome* out) noexcept nogil:
    cdef bint sells = command.side == SIDE_SELL
    cdef uint32_t flags = feature_flags(command) | ORDER_STOP | ORDER_EXTRA | sells, level = 0
    cdef Ladder* ladder = ladder_for(book, flags)
    cdef IdEntry* entry = NULL
    cdef slot_t slot
    cdef Order* order
    cdef OrderExtra* extra
    if name_reserve(pools, command, &entry) or slab_reserve(&pools.extras, 1) \
            or level_reserve(pools, ladder, ladder_key(ladder, command.stop_ticks), &level):
        return REJECT_NO_MEMORY
    slot = name_take(pools, command, NIL, &out.id)
    order = order_at(pools, slot)
    order.leaves_lots = command.qty_lots
    order.level = level
    order.price_ticks = command.stop_ticks       # that is where it stands; its limit waits in the extra
    order.owner = command.owner
    order.flags = flags | (<uint32_t>command.naming << ORDER_NAMING_SHIFT)
    features_keep(pools, command, slot, flags)
    extra = extra_at(pools, slot)
    extra.stop_ticks = command.stop_ticks
    extra.price_ticks = command.price_ticks if command.order_type == TYPE_STOP_LIMIT else 0
    extra.order_type = command.order_type
    extra.time_in_force = command.time_in_force
    ladder_append(&pools.ladders, ladder, <Order*>pools.orders.base, slot, ladder_key(ladder, command.stop_ticks), level, command.qty_lots)
    if planted(SLIP_STOPS_YOUNGEST_FIRST):
        youngest_to_front(pools, order)
    order_begin(pools, slot, order, out.id, command.cause, command.naming, entry)
    book.stop_count += 1
    book.stop_lots += command.qty_lots
    out.filled_lots = out.cancelled_lots = 0
    out.leaves_lots = command.qty_lots
    out.slot = slot
    return REJECT_NONE


# Check and execute any order but an in-flight one. On reject the book is unchanged. O(orders met).
cdef inline int featured_place(BookPools* pools, Book* book, PlaceCommand* command, Outcome* out) noexcept nogil:
    cdef Arrival arrival
    cdef qty_t asked = command.qty_lots
    cdef int reason = check_terms(command)
    if reason:
        return reason
    if not place_is_legal(book, command):
        return REJECT_MARKET_STATE
    reason = check_amounts(book, command)
    if reason:
        return reason
    reason = check_name(pools, command)
    if reason:
        return reason
    if type_is_stop(command.order_type):
        if book.stop_lots > SIDE_QTY_MAX - command.qty_lots:
            return REJECT_SIDE_FULL
        return stop_wait(pools, book, command, out)
    arrival_init(book, command, NIL, &arrival)
    reason = check_arrival(pools, book, command, &arrival, 0)
    if reason:
        if planted(SLIP_REJECT_TAKES_SLOT):
            if command.naming != NAMED_SLOT and not pools_reserve_order(pools):
                slot_take(pools)
        return reason
    if arrival_reserve(pools, book, command, &arrival):
        return REJECT_NO_MEMORY
    featured_enter(pools, book, command, &arrival, asked, out)
    return REJECT_NONE


# ---- open orders change ----

cdef inline int find_named(BookPools* pools, int64_t name, uint32_t naming, slot_t* slot) noexcept nogil:
    """Slot of an open order, or why there is none (M-8)."""
    if naming == NAMED_SLOT and (name < 0 or name >= pools.slots):
        return REJECT_SLOT_OUT_OF_RANGE
    slot[0] = order_find(pools, name, naming)
    return REJECT_UNKNOWN_ORDER if slot[0] == NIL else REJECT_NONE


# Reduce by name (M-15). On reject the book is unchanged. O(1).
cdef inline int reduce_named(BookPools* pools, Book* book, int64_t name, uint32_t naming, qty_t lots, Outcome* out) noexcept nogil:
    cdef slot_t slot = NIL
    cdef qty_t open_lots
    cdef int reason = find_named(pools, name, naming, &slot)
    if reason:
        return reason
    if lots <= 0:
        return REJECT_QTY_NOT_POSITIVE
    open_lots = order_open(pools, slot)
    if lots > open_lots:
        return REJECT_REDUCE_TOO_LARGE
    out.id = name
    out.filled_lots = 0
    out.cancelled_lots = lots
    out.leaves_lots = open_lots - lots
    out.slot = slot
    if lots == open_lots:
        book_end(pools, book, slot, name)
        out.slot = NIL
    else:
        book_reduce(pools, book, slot, lots)
        if planted(SLIP_REDUCE_LOSES_PLACE):
            if not order_at(pools, slot).flags & ORDER_FIRED:
                order_to_back(pools, ladder_of(book, order_at(pools, slot)), slot)
    return REJECT_NONE


cdef inline void replace_terms(BookPools* pools, slot_t slot, PlaceCommand* command) noexcept nogil:
    """Give a replace the terms of the order that it replaces."""
    cdef Order* order = order_at(pools, slot)
    command.owner = order.owner
    command.cause = cold_at(pools, slot).cause if order_naming(order) != NAMED_SLOT else 0
    command.side = SIDE_SELL if order.flags & ORDER_SELL else SIDE_BUY
    command.order_type = TYPE_LIMIT
    command.time_in_force = TIF_GTT if order.flags & ORDER_EXPIRES else TIF_GTC
    command.flags = order_said_flags(order)
    command.self_trade = order_self_trade(order)
    command.display_lots = extra_at(pools, slot).display_lots if order.flags & ORDER_ICEBERG else 0
    if planted(SLIP_REPLACE_LOSES_SELF_TRADE):
        command.self_trade = STP_NONE


# Replace by name: command.name, price_ticks and qty_lots are given (M-16). On reject the book is unchanged. O(orders met).
cdef inline int replace_named(BookPools* pools, Book* book, PlaceCommand* command, Outcome* out) noexcept nogil:
    cdef Arrival arrival
    cdef qty_t open_lots, asked = command.qty_lots
    cdef slot_t slot = NIL
    cdef Order* order
    cdef int reason = find_named(pools, command.name, command.naming, &slot)
    if reason:
        return reason
    order = order_at(pools, slot)
    if order.flags & ORDER_STOP:
        return REJECT_STOP_WAITING
    replace_terms(pools, slot, command)
    reason = check_bounds(book, command, 1)
    if reason:
        return reason
    if command.display_lots and ceil_div(asked, command.display_lots) > SLICES_MAX:
        return REJECT_DISPLAY_OUT_OF_BOUNDS
    open_lots = order_open(pools, slot)
    arrival_init(book, command, slot, &arrival)
    reason = check_arrival(pools, book, command, &arrival, open_lots)
    if reason:
        return reason
    if planted(SLIP_REPLACE_SAME_KEEPS_PLACE):
        if command.price_ticks == order.price_ticks and asked == open_lots:
            out.id, out.leaves_lots, out.slot = command.name, asked, slot
            return REJECT_NONE
    if command.price_ticks == order.price_ticks and asked < open_lots:
        book_reduce(pools, book, slot, open_lots - asked)
        if planted(SLIP_REPLACE_SMALLER_LOSES_PLACE):
            order_to_back(pools, ladder_of(book, order), slot)
        out.id = command.name
        out.filled_lots = out.cancelled_lots = 0
        out.leaves_lots = asked
        out.slot = slot
        return REJECT_NONE
    if arrival_reserve(pools, book, command, &arrival):
        return REJECT_NO_MEMORY
    book_detach(pools, book, slot)
    featured_enter(pools, book, command, &arrival, asked, out)
    return REJECT_NONE
