# Walk a whole book and name the first broken invariant.
#
# Stands on: book. Reads only. For debug builds and property tests: O(orders + levels).

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.bitset cimport bits_empty, bits_has
from engine.native.book cimport *
from engine.native.idmap cimport *
from engine.native.ladder cimport *
from engine.native.slab cimport *

cdef enum BookFault:
    BOOK_SOUND = 0
    BOOK_CROSSED = 1
    BOOK_LEVEL_ORDER = 2
    BOOK_LEVEL_BIT = 3
    BOOK_QUEUE_LINKS = 4
    BOOK_EMPTY_ORDER = 5
    BOOK_ORDER_PRICE = 6
    BOOK_LEVEL_QTY = 7
    BOOK_SIDE_TOTALS = 8
    BOOK_ID_MAP = 9
    BOOK_OWNER_LIST = 10
    BOOK_ID_COUNT = 11
    BOOK_BEST = 12


cdef inline const char* book_fault_text(int fault) noexcept nogil:
    if fault == BOOK_CROSSED:
        return b"best bid at or above best ask (M-11)"
    if fault == BOOK_LEVEL_ORDER:
        return b"a level out of price order"
    if fault == BOOK_LEVEL_BIT:
        return b"a level whose bit does not agree with its quantity"
    if fault == BOOK_QUEUE_LINKS:
        return b"a queue whose links do not agree"
    if fault == BOOK_EMPTY_ORDER:
        return b"a resting order without lots, or still in flight"
    if fault == BOOK_ORDER_PRICE:
        return b"an order at another price or side than its level"
    if fault == BOOK_LEVEL_QTY:
        return b"a level quantity that is not the sum of its orders"
    if fault == BOOK_SIDE_TOTALS:
        return b"side totals that are not the sum of the levels"
    if fault == BOOK_ID_MAP:
        return b"an order that its name does not find"
    if fault == BOOK_OWNER_LIST:
        return b"an owner's list that does not hold its order"
    if fault == BOOK_ID_COUNT:
        return b"an id map with more names than orders"
    if fault == BOOK_BEST:
        return b"a best level that is not the first"
    return b"sound"


cdef inline int order_verify(BookPools* pools, Ladder* ladder, slot_t slot, uint32_t level, bint asks) noexcept nogil:
    """One order: its lots, price, side, name and owner's links."""
    cdef Order* order = order_at(pools, slot)
    cdef OrderCold* cold = cold_at(pools, slot)
    cdef uint32_t naming = order_naming(order)
    if order.leaves_lots <= 0 or order.flags & ORDER_IN_FLIGHT:
        return BOOK_EMPTY_ORDER
    if order.level != level or (order.flags & ORDER_SELL) != <uint32_t>asks:
        return BOOK_ORDER_PRICE
    if (page_at(&pools.ladders, level >> 8).number << 8 | (level & 255)) != ladder_key(ladder, order.price_ticks):
        return BOOK_ORDER_PRICE
    if naming != NAMED_LOCAL and book_find(pools, order_id(pools, slot, order), naming) != slot:
        if naming != NAMED_HANDLE:
            return BOOK_ID_MAP
        if cold.id != ((<int64_t>cold.generation << 32) | (slot - <slot_t>pools.slots)):
            return BOOK_ID_MAP
    if order.owner != NO_OWNER:
        if order.owner < 0 or order.owner >= pools.owners:
            return BOOK_OWNER_LIST
        if cold.owner_prev == NIL and head_at(pools, order.owner)[0] != slot:
            return BOOK_OWNER_LIST
        if cold.owner_prev != NIL and cold_at(pools, cold.owner_prev).owner_next != slot:
            return BOOK_OWNER_LIST
        if cold.owner_next != NIL and cold_at(pools, cold.owner_next).owner_prev != slot:
            return BOOK_OWNER_LIST
    return BOOK_SOUND


cdef inline int side_verify(BookPools* pools, Book* book, bint asks, uint64_t* named) noexcept nogil:
    """One side: levels in order, queues, sums."""
    cdef Ladder* ladder = &book.ladder[asks]
    cdef uint32_t level = 0, orders = 0
    cdef int64_t key = ladder_next(&pools.ladders, ladder, 0, &level), before = -1, qty = 0, level_qty
    cdef slot_t slot, prev
    cdef int fault
    if key != ladder.best_key or (key != KEY_NONE and level != ladder.best_level):
        return BOOK_BEST
    # invariant: levels up to `before` are sound; qty and orders are their sums
    while key != KEY_NONE:
        if key <= before:
            return BOOK_LEVEL_ORDER
        if level_at(&pools.ladders, level).qty_lots <= 0 or page_at(&pools.ladders, level >> 8).ladder_tag != ladder.tag:
            return BOOK_LEVEL_BIT
        prev = NIL
        level_qty = 0
        slot = level_at(&pools.ladders, level).head
        while slot != NIL:
            if order_at(pools, slot).prev != prev or orders == ladder.order_count:
                return BOOK_QUEUE_LINKS
            fault = order_verify(pools, ladder, slot, level, asks)
            if fault:
                return fault
            named[0] += order_naming(order_at(pools, slot)) == NAMED_ORDER_ID
            level_qty += order_at(pools, slot).leaves_lots
            orders += 1
            prev = slot
            slot = order_at(pools, slot).next
        if level_at(&pools.ladders, level).tail != prev:
            return BOOK_QUEUE_LINKS
        if level_qty != level_at(&pools.ladders, level).qty_lots:
            return BOOK_LEVEL_QTY
        qty += level_qty
        before = key
        key = ladder_next(&pools.ladders, ladder, key + 1, &level)
    if qty != ladder.qty_lots or orders != ladder.order_count:
        return BOOK_SIDE_TOTALS
    return BOOK_SOUND


cdef inline int pages_verify(BookPools* pools) noexcept nogil:
    """Every level of every page: its bit says whether it holds lots; every path above agrees."""
    cdef uint32_t page, digit
    cdef PageHead* head
    cdef Node* low
    for page in range(pools.ladders.pages.count):
        head = page_at(&pools.ladders, page)
        for digit in range(PAGE_LEVELS):
            if bits_has(&head.bits, digit) != (level_at(&pools.ladders, page * PAGE_LEVELS + digit).qty_lots > 0):
                return BOOK_LEVEL_BIT
        low = node_at(&pools.ladders, head.low)
        if low.child[head.number & 255] != page:
            return BOOK_LEVEL_BIT
        if bits_has(&low.bits, head.number & 255) == bits_empty(&head.bits):
            return BOOK_LEVEL_BIT
    return BOOK_SOUND


# The first broken invariant of one book, its pages' bits apart. Reads only. O(orders + levels).
cdef inline int book_verify(BookPools* pools, Book* book) noexcept nogil:
    cdef uint64_t named = 0
    cdef int fault
    fault = side_verify(pools, book, 0, &named)
    if fault:
        return fault
    fault = side_verify(pools, book, 1, &named)
    if fault:
        return fault
    if named > pools.ids.count:
        return BOOK_ID_COUNT
    if book_best(book, 0) != NO_PRICE and book_best(book, 1) != NO_PRICE and book_best(book, 0) >= book_best(book, 1):
        return BOOK_CROSSED
    return BOOK_SOUND
