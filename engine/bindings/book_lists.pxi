# What a book shows as lists of rows.

from engine.native.book cimport *
from engine.native.ladder cimport *
from engine.native.orders cimport *


cdef list book_depth_list(BookPools* pools, Book* book, bint asks, int64_t most):
    cdef Ladder* ladder = &book.ladder[asks]
    cdef int64_t key = ladder.best_key
    cdef uint32_t level = ladder.best_level
    rows = []
    while key != KEY_NONE and len(rows) < most:
        rows.append((ladder_price(ladder, <uint32_t>key), level_at(&pools.ladders, level).qty_lots))
        key = ladder_next(&pools.ladders, ladder, key + 1, &level)
    return rows


cdef list book_queue_list(BookPools* pools, Book* book, bint asks, price_t price):
    cdef Ladder* ladder = &book.ladder[asks]
    cdef uint32_t key = ladder_key(ladder, price), level = 0
    cdef slot_t slot
    rows = []
    if ladder_next(&pools.ladders, ladder, key, &level) != <int64_t>key:
        return rows
    slot = level_at(&pools.ladders, level).head
    while slot != NIL:
        rows.append((order_id(pools, slot, order_at(pools, slot)), order_at(pools, slot).leaves_lots))
        slot = order_at(pools, slot).next
    return rows


cdef list book_order_list(BookPools* pools, Book* book, bint asks):
    cdef Ladder* ladder = &book.ladder[asks]
    cdef int64_t key = ladder.best_key
    cdef uint32_t level = ladder.best_level
    cdef Order* order
    cdef slot_t slot
    rows = []
    while key != KEY_NONE:
        slot = level_at(&pools.ladders, level).head
        while slot != NIL:
            order = order_at(pools, slot)
            rows.append(_order_record((order_id(pools, slot, order), -1 if asks else 1, order.price_ticks, order.leaves_lots,
                                       order.owner, order_hidden(pools, slot))))
            slot = order.next
        key = ladder_next(&pools.ladders, ladder, key + 1, &level)
    return rows


cdef object stop_row(BookPools* pools, slot_t slot):
    cdef Order* order = order_at(pools, slot)
    cdef OrderExtra* extra = extra_at(pools, slot)
    return _stop_record((order_id(pools, slot, order), -1 if order.flags & ORDER_SELL else 1, extra.stop_ticks, extra.order_type,
                         extra.price_ticks, order.leaves_lots, order.owner, bool(order.flags & ORDER_ON_MARK),
                         bool(order.flags & ORDER_FIRED)))


cdef list book_stop_list(BookPools* pools, Book* book):
    cdef Ladder* ladder
    cdef int64_t key
    cdef uint32_t level
    cdef slot_t slot
    cdef int k
    rows = []
    for k in range(TRIGGERS):
        ladder = &book.trigger[k]
        key = ladder.best_key
        level = ladder.best_level
        while key != KEY_NONE:
            slot = level_at(&pools.ladders, level).head
            while slot != NIL:
                rows.append(stop_row(pools, slot))
                slot = order_at(pools, slot).next
            key = ladder_next(&pools.ladders, ladder, key + 1, &level)
    slot = book.fired_head
    while slot != NIL:
        rows.append(stop_row(pools, slot))
        slot = order_at(pools, slot).next
    return rows
