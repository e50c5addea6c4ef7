# Match: the hot path. The loop that every taker runs through, and the plain order: limit or market, GTC or IOC, nothing else.
#
# Stands on: book, meet. Promises (docs/rules.md M-1 .. M-14): a command is checked, its memory reserved, and only then is
# anything written. What an order does not use costs it one test: makers with features carry ORDER_MEETS_SLOWLY in the
# flags that are loaded anyway, takers with features go through features.pxd, which calls the same loop.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.columns cimport *
from engine.native.idmap cimport *
from engine.native.ladder cimport *
from engine.native.meet cimport *
from engine.native.orders cimport *
from engine.native.planted cimport *
from engine.native.planted_moves cimport *


# ---- checks ----

cdef inline int check_bounds(Book* book, PlaceCommand* command, bint has_limit) noexcept nogil:
    """Price, quantity and notional bounds (U-2)."""
    cdef int64_t notional
    if planted(SLIP_PRICE_BOUND_REFUSED):
        if has_limit and command.price_ticks == book.price_max:
            return REJECT_PRICE_OUT_OF_BOUNDS
    if has_limit and unlikely(command.price_ticks < book.price_min or command.price_ticks > book.price_max):
        return REJECT_PRICE_OUT_OF_BOUNDS
    if unlikely(command.qty_lots <= 0):
        return REJECT_QTY_NOT_POSITIVE
    if unlikely(command.qty_lots > book.qty_max):
        return REJECT_QTY_OUT_OF_BOUNDS
    if planted(SLIP_NOTIONAL_SIGNED):
        if command.price_ticks < 0:
            return REJECT_NONE
    if planted(SLIP_NOTIONAL_WRAPS):
        if has_limit:
            notional = <int64_t>(<uint64_t>abs64(command.price_ticks) * <uint64_t>command.qty_lots)
            return REJECT_NOTIONAL_OUT_OF_BOUNDS if notional > book.notional_max else REJECT_NONE
    if has_limit and unlikely(mul_overflows(abs64(command.price_ticks), command.qty_lots, &notional) or notional > book.notional_max):
        return REJECT_NOTIONAL_OUT_OF_BOUNDS
    return REJECT_NONE


cdef inline int check_name(BookPools* pools, PlaceCommand* command) noexcept nogil:
    """Owner and name (M-6, M-9)."""
    if command.owner != NO_OWNER and unlikely(<uint32_t>command.owner >= <uint32_t>pools.owners):
        return REJECT_OWNER_OUT_OF_RANGE
    if command.naming == NAMED_SLOT:
        if unlikely(<uint64_t>command.name >= <uint64_t>pools.slots):
            return REJECT_SLOT_OUT_OF_RANGE
        if unlikely(order_at(pools, <slot_t>command.name).leaves_lots != 0):
            return REJECT_SLOT_IN_USE
    elif command.naming == NAMED_ORDER_ID:
        if planted(SLIP_DUPLICATE_ID):
            return REJECT_NONE
        if unlikely(idmap_seek(&pools.ids, order_keys(pools), command.name, command.home) != NULL):
            return REJECT_DUPLICATE_ORDER_ID
    return REJECT_NONE


cdef inline bint side_is_full(Book* book, bint asks, qty_t more) noexcept nogil:
    """Whether a side has no room for so many lots (U-3)."""
    return book.ladder[asks].qty_lots + more > SIDE_QTY_MAX


cdef inline bint order_is_plain(PlaceCommand* command) noexcept nogil:
    """Whether type and time in force are what book_check and book_place know; the fields of features are the caller's to see."""
    return (command.order_type == TYPE_LIMIT or command.order_type == TYPE_MARKET) and command.time_in_force <= TIF_IOC


# Whether a plain order is legal in an OPEN book (M-10). Writes nothing but the command's default. Needs: order_is_plain.
# Cannot fail. O(1).
cdef inline inlined_int book_check(BookPools* pools, Book* book, PlaceCommand* command) noexcept nogil:
    cdef bint has_limit = command.order_type == TYPE_LIMIT
    cdef int reason
    if unlikely(command.side != SIDE_BUY and command.side != SIDE_SELL):
        return REJECT_BAD_SIDE
    if command.time_in_force == TIF_DEFAULT:
        command.time_in_force = TIF_GTC if has_limit else TIF_IOC
    elif unlikely(not has_limit and command.time_in_force == TIF_GTC):
        return REJECT_ILLEGAL_COMBINATION
    reason = check_bounds(book, command, has_limit)
    if unlikely(reason):
        return reason
    reason = check_name(pools, command)
    if unlikely(reason):
        return reason
    if command.time_in_force == TIF_GTC and unlikely(side_is_full(book, command.side == SIDE_SELL, command.qty_lots)):
        return REJECT_SIDE_FULL
    return REJECT_NONE


# ---- the loop ----

cdef inline bint meets_slowly(Book* book, PlaceCommand* command, Order* maker, bint featured) noexcept nogil:
    """Whether a meeting belongs to meet.pxd. `featured` is a constant: 0 where neither taker nor book has features."""
    if maker.flags & ORDER_MEETS_SLOWLY:
        return 1
    return featured and (book.tracks_positions or (command.self_trade != STP_NONE and maker.owner == command.owner))


# Trade `want` lots through the opposite levels up to `limit_key`, oldest first in each (M-1, M-2). Returns what is left; sets
# *stopped if self-trade prevention ended the taker. Needs: want > 0, a fill row for each maker and slice that it can reach
# (and for `featured` takers two rows of `cancels` for each). Cannot fail. O(orders met).
cdef inline inlined_qty_t book_match(BookPools* pools, Book* book, PlaceCommand* command, int64_t taker, int64_t limit_key, qty_t want,
                                     bint featured, bint* stopped) noexcept nogil:
    cdef Ladder* ladder = &book.ladder[command.side == SIDE_BUY]
    cdef Order* orders = <Order*>pools.orders.base
    cdef Order* maker
    cdef Level* level
    # meet.pxd gets copies: a command whose address went there could not stay in registers here (plain place: -8 % time)
    cdef PlaceCommand copy
    cdef qty_t take, before, wanted
    cdef slot_t slot
    cdef price_t price
    cdef int64_t maker_id
    cdef uint32_t level_index
    # invariant: every level better than best_key is empty; every sum is as it should be
    while want > 0 and ladder.best_key <= limit_key:
        level_index = ladder.best_level
        level = level_at(&pools.ladders, level_index)
        slot = level.head
        maker = &orders[slot]
        if unlikely(meets_slowly(book, command, maker, featured)):
            copy = command[0]
            wanted = want
            if meet(pools, book, &copy, taker, slot, &wanted):
                stopped[0] = 1
                return wanted
            want = wanted
            continue
        price = side_price(<uint32_t>ladder.best_key, command.side == SIDE_BUY)
        price = command.price_ticks if planted(SLIP_TAKERS_PRICE) else price
        before = want
        # invariant: slot is the oldest order of the level and plain; those before it are filled and gone; the sums of the
        # ladder and of the book lag behind by before - want
        while True:
            prefetch(&orders[maker.next])
            take = min64(maker.leaves_lots, want)
            maker_id = order_id(pools, slot, maker)
            fill_record(pools, command, taker, maker_id, maker.owner, price, take)
            book.trade_count += 1
            level.qty_lots -= take
            want -= take
            if take < maker.leaves_lots:
                maker.leaves_lots -= take
                maker.prev = NIL
                if planted(SLIP_PLACE_LOST_BY_FILL):
                    order_to_back(pools, ladder, slot)
                break
            level.head = maker.next
            if planted(SLIP_OWNER_LINK_KEPT):
                maker.owner = NO_OWNER
            order_end(pools, slot, maker, maker_id)
            if planted(SLIP_OWNER_LINK_KEPT):
                maker.owner = (<int32_t*>table_cell(&pools.fills, pools.fills.row_count - 1, FILL_MAKER_OWNER))[0]
            ladder.order_count -= 1
            slot = level.head
            if slot == NIL:
                break
            maker = &orders[slot]
            if want == 0 or meets_slowly(book, command, maker, featured):
                maker.prev = NIL
                break
        ladder.qty_lots -= before - want
        book.traded_lots += <uint64_t>(before - want)
        book.last_price = price
        if level.qty_lots == 0:
            ladder_level_emptied(&pools.ladders, ladder, level_index, <uint32_t>ladder.best_key)
    return want


# ---- the plain order ----

cdef inline bint name_reserve(BookPools* pools, PlaceCommand* command, IdEntry** entry) noexcept nogil:
    """Reserve the slot and the id's entry of a new order. 1 if there is no memory."""
    if command.naming == NAMED_ORDER_ID:
        if unlikely(pools_reserve_order(pools)):
            return 1
        entry[0] = idmap_reserve(&pools.ids, order_keys(pools), command.name, command.home)
        return entry[0] == NULL
    return command.naming == NAMED_HANDLE and pools_reserve_order(pools)


cdef inline bint level_reserve(BookPools* pools, Ladder* ladder, uint32_t key, uint32_t* level) noexcept nogil:
    """Reserve the level of a key; its index in *level. 1 if there is no memory."""
    cdef slot_t page = ladder_page(&pools.ladders, ladder, key, 1)
    level[0] = page * PAGE_LEVELS + (key & 255)
    return page == NIL


cdef inline bint fills_reserve(BookPools* pools, Book* book, PlaceCommand* command) noexcept nogil:
    """Reserve a fill row for each order and slice that a taker can meet. 1 if there is no memory."""
    cdef bint opposite = command.side == SIDE_BUY
    return table_reserve(&pools.fills, min64(book.ladder[opposite].order_count + book.slices[opposite], command.qty_lots))


cdef inline slot_t name_take(BookPools* pools, PlaceCommand* command, slot_t sent_slot, int64_t* id) noexcept nogil:
    """Slot and id of a new order. Needs: name_reserve. `sent_slot`: reserved at send (LOCAL)."""
    cdef slot_t slot
    id[0] = command.name
    if command.naming == NAMED_SLOT:
        return <slot_t>command.name
    if command.naming == NAMED_LOCAL:
        return sent_slot
    slot = slot_take(pools)
    if command.naming == NAMED_HANDLE:
        id[0] = slot_handle(pools, slot)
    return slot


# Rest an order at the back of its level (M-3). Needs: its level reserved; it stands nowhere. Cannot fail. O(1).
cdef inline void book_rest(BookPools* pools, Book* book, PlaceCommand* command, slot_t slot, uint32_t key, uint32_t level,
                           uint32_t flags, qty_t shown) noexcept nogil:
    cdef bint asks = command.side == SIDE_SELL
    cdef Order* order = order_at(pools, slot)
    order.leaves_lots = shown
    order.level = level
    order.price_ticks = command.price_ticks
    order.owner = command.owner
    order.flags = flags | (<uint32_t>command.naming << ORDER_NAMING_SHIFT) | asks
    ladder_append(&pools.ladders, &book.ladder[asks], <Order*>pools.orders.base, slot, key, level, shown)
    if planted(SLIP_YOUNGEST_FIRST):
        youngest_to_front(pools, order)


# Execute a plain order that book_check has passed. `sent_slot`: the slot reserved at send (LOCAL naming), else NIL. `level`: that
# of its price if the caller knows it, else NIL. Returns a reject reason (only NO_MEMORY, book unchanged) or NONE with
# *out filled in. O(orders met).
cdef inline inlined_int book_place(BookPools* pools, Book* book, PlaceCommand* command, slot_t sent_slot, uint32_t level,
                                   Outcome* out) noexcept nogil:
    cdef bint has_limit = command.order_type == TYPE_LIMIT, rests = command.time_in_force == TIF_GTC, stopped = 0
    cdef bint asks = command.side == SIDE_SELL
    cdef uint32_t key = side_key(command.price_ticks, asks)
    cdef int64_t limit_key = <int64_t>~key if has_limit else KEY_NONE - 1
    cdef bint crosses = book.ladder[1 - asks].best_key <= limit_key
    cdef IdEntry* entry = NULL
    cdef qty_t left = command.qty_lots
    cdef slot_t slot
    rests = has_limit if planted(SLIP_IOC_RESTS) else rests
    if unlikely(name_reserve(pools, command, &entry)):
        return REJECT_NO_MEMORY
    if rests and level == NIL and unlikely(level_reserve(pools, &book.ladder[asks], key, &level)):
        return REJECT_NO_MEMORY
    if crosses and unlikely(fills_reserve(pools, book, command)):
        return REJECT_NO_MEMORY
    if not rests and unlikely(cancels_reserve(pools, 1)):
        return REJECT_NO_MEMORY
    slot = name_take(pools, command, sent_slot, &out.id)
    if crosses:
        left = book_match(pools, book, command, out.id, limit_key, left, 0, &stopped)
    out.filled_lots = command.qty_lots - left
    out.leaves_lots = out.cancelled_lots = 0
    out.slot = NIL
    if left > 0 and rests:
        book_rest(pools, book, command, slot, key, level, 0, left)
        order_begin(pools, slot, order_at(pools, slot), out.id, command.cause, command.naming, entry)
        out.leaves_lots = left
        out.slot = slot
        return REJECT_NONE
    if left > 0:
        cancel_record(pools, command.command, out.id, command.owner, left, CANCEL_UNFILLED)
        out.cancelled_lots = left
        pools.cancels.row_count -= planted(SLIP_UNFILLED_NOT_TOLD)
    if planted(SLIP_SLOT_KEPT_BY_TAKER):
        return REJECT_NONE
    if command.naming != NAMED_SLOT:
        slot_return(pools, slot, command.naming)
    return REJECT_NONE


# Cancel by name (M-8); `home`: of an order_id. Returns a reject reason; on reject the book is unchanged. Needs: a state that
# allows it. O(1).
cdef inline inlined_int book_cancel(BookPools* pools, Book* book, int64_t name, uint32_t naming, uint64_t home, Outcome* out) noexcept nogil:
    cdef IdEntry* entry = NULL
    cdef slot_t slot
    cdef Order* order
    if naming == NAMED_ORDER_ID:
        entry = idmap_seek(&pools.ids, order_keys(pools), name, home)
        if unlikely(entry == NULL):
            return REJECT_UNKNOWN_ORDER
        slot = entry.slot_plus_1 - 1
    else:
        if naming == NAMED_SLOT and unlikely(<uint64_t>name >= <uint64_t>pools.slots):
            return REJECT_SLOT_OUT_OF_RANGE
        slot = order_find(pools, name, naming)
        if unlikely(slot == NIL):
            return REJECT_UNKNOWN_ORDER
    order = order_at(pools, slot)
    out.id = name
    out.filled_lots = 0
    out.leaves_lots = 0
    out.slot = NIL
    if unlikely(order.flags & (ORDER_MEETS_SLOWLY | ORDER_STOP)):
        out.cancelled_lots = book_end(pools, book, slot, name)
        return REJECT_NONE
    out.cancelled_lots = order.leaves_lots
    ladder_unlink(&pools.ladders, &book.ladder[order.flags & ORDER_SELL], <Order*>pools.orders.base, slot)
    if planted(SLIP_SIDE_LOTS_KEPT):
        book.ladder[order.flags & ORDER_SELL].qty_lots += order.leaves_lots
    order_end_entry(pools, slot, order, naming, entry)
    return REJECT_NONE
