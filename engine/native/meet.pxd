# Meet: what happens when a taker meets a maker that is not plain, one meeting at a time.
#
#   own order of the taker's owner -> self-trade prevention (M-23)
#   reduce-only maker -> cut to what its owner's position allows (M-27)
#   iceberg -> its next slice goes to the back (M-22)
#
# Stands on: book. The loop of match.pxd hands over the best level's oldest order and finds every sum as it should be before
# and after. Positions are kept here too (M-26), so a book that tracks them meets every maker this way.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.ladder cimport *
from engine.native.orders cimport *
from engine.native.planted cimport *
from engine.native.planted_moves cimport *


# Take lots from the shown slice of a resting order, by a trade or not; an emptied iceberg shows its next slice at the back
# of its level, any other emptied order ends. Needs: 0 < lots <= leaves. Cannot fail. O(1).
cdef inline void maker_take(BookPools* pools, Book* book, slot_t slot, qty_t lots) noexcept nogil:
    cdef Order* order = order_at(pools, slot)
    cdef bint asks = order.flags & ORDER_SELL
    cdef Ladder* ladder = &book.ladder[asks]
    cdef OrderExtra* extra
    cdef qty_t slice
    if lots < order.leaves_lots:
        book_take_shown(pools, ladder, order, lots)
        return
    if not order.flags & ORDER_ICEBERG or extra_at(pools, slot).hidden_lots == 0:
        book_end(pools, book, slot, order_id(pools, slot, order))
        return
    extra = extra_at(pools, slot)
    slice = min64(extra.display_lots, extra.hidden_lots)
    ladder_unlink(&pools.ladders, ladder, <Order*>pools.orders.base, slot)
    iceberg_set_hidden(book, asks, extra, extra.hidden_lots - slice)
    order.leaves_lots = slice
    ladder_append(&pools.ladders, ladder, <Order*>pools.orders.base, slot, ladder_key(ladder, order.price_ticks), order.level, slice)
    if planted(SLIP_ICEBERG_KEEPS_PLACE):
        youngest_to_front(pools, order)


# The taker meets an order of its own owner. Returns 1 if the taker ends here. Needs: 2 rows of `cancels`. Cannot fail. O(1).
cdef inline bint meet_own(BookPools* pools, Book* book, PlaceCommand* command, int64_t taker, slot_t slot, qty_t* want) noexcept nogil:
    cdef Order* order = order_at(pools, slot)
    cdef qty_t lots
    if command.self_trade == STP_CANCEL_TAKER:
        return 1
    if command.self_trade == STP_DECREMENT:
        lots = min64(order.leaves_lots, want[0])
        cancel_record(pools, command.command, order_id(pools, slot, order), order.owner, lots, CANCEL_SELF_TRADE)
        cancel_record(pools, command.command, taker, command.owner, lots, CANCEL_SELF_TRADE)
        if planted(SLIP_DECREMENT_DROPS_HIDDEN):
            if order.flags & ORDER_ICEBERG:
                iceberg_set_hidden(book, order.flags & ORDER_SELL, extra_at(pools, slot), 0)
        maker_take(pools, book, slot, lots)
        want[0] -= lots
        return 0
    book_cancel_for(pools, book, slot, command.command, CANCEL_SELF_TRADE)
    if planted(SLIP_BOTH_SPARES_TAKER):
        return 0
    return command.self_trade == STP_CANCEL_BOTH


# Cut a reduce-only maker to what its owner's position allows now (M-27). Returns 1 if nothing of it is left. Needs: a row of
# `cancels`. Cannot fail. O(1).
cdef inline bint meet_reduce_only(BookPools* pools, Book* book, PlaceCommand* command, slot_t slot) noexcept nogil:
    cdef Order* order = order_at(pools, slot)
    cdef qty_t allowed = reducible(pools, book, order.owner, order.flags & ORDER_SELL)
    cdef qty_t excess = order_open(pools, slot) - allowed
    if planted(SLIP_MET_UNCUT):
        return 0
    if excess <= 0:
        return 0
    if allowed == 0:
        book_cancel_for(pools, book, slot, command.command, CANCEL_REDUCE_ONLY)
        return 1
    cancel_record(pools, command.command, order_id(pools, slot, order), order.owner, excess, CANCEL_REDUCE_ONLY)
    book_reduce(pools, book, slot, excess)
    return 0


# One meeting with the oldest order of the best opposite level. Takes what it does off *want; returns 1 if the taker ends
# here (self-trade). Needs: want > 0, a fill row and two rows of `cancels` reserved. Cannot fail. O(1).
cdef inline outlined_int meet(BookPools* pools, Book* book, PlaceCommand* command, int64_t taker, slot_t slot, qty_t* want) noexcept nogil:
    cdef Order* order = order_at(pools, slot)
    cdef qty_t take
    if planted(SLIP_NOBODY_IS_OWNER):
        if command.self_trade != STP_NONE and order.owner == command.owner:
            return meet_own(pools, book, command, taker, slot, want)
    if command.self_trade != STP_NONE and order.owner == command.owner and order.owner != NO_OWNER:
        return meet_own(pools, book, command, taker, slot, want)
    if order.flags & ORDER_REDUCE_ONLY and meet_reduce_only(pools, book, command, slot):
        return 0
    take = min64(order.leaves_lots, want[0])
    fill_record(pools, command, taker, order_id(pools, slot, order), order.owner, order.price_ticks, take)
    book.trade_count += 1
    book.traded_lots += <uint64_t>take
    book.last_price = order.price_ticks
    if book.tracks_positions:
        position_add(pools, order.owner, -command.side * take)
        position_add(pools, command.owner, command.side * take)
        if planted(SLIP_POSITION_FORGETS_TAKER):
            position_add(pools, command.owner, -command.side * take)
    maker_take(pools, book, slot, take)
    want[0] -= take
    return 0
