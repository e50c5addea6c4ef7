# Walk a whole book and name the first broken invariant.
#
# Stands on: matcher. Reads only. For debug builds and property tests: O(orders + levels).

from libc.string cimport memset

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.bitset cimport bits_empty, bits_has
from engine.native.book cimport *
from engine.native.idmap cimport *
from engine.native.ladder cimport *
from engine.native.matcher cimport Matcher
from engine.native.orders cimport *
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
    BOOK_HIDDEN = 13
    BOOK_REDUCE_ONLY = 14
    BOOK_STOPS = 15
    BOOK_EXPIRIES = 16
    BOOK_STOP_REACHED = 17


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
    if fault == BOOK_HIDDEN:
        return b"an iceberg that shows more than its display, or hidden sums that are not those of the icebergs (M-22)"
    if fault == BOOK_REDUCE_ONLY:
        return b"reduce-only lots beyond a position, or a wrong count of such orders (M-27)"
    if fault == BOOK_STOPS:
        return b"stops whose count or lots do not agree"
    if fault == BOOK_EXPIRIES:
        return b"orders with an expiry that are not those with an event, or that are overdue (M-21)"
    if fault == BOOK_STOP_REACHED:
        return b"a stop that has been reached and still waits (M-25)"
    return b"sound"


# What a walk over one book adds up.
cdef struct BookSums:
    uint64_t named           # orders named by order_id
    int64_t expiring
    int64_t reduce_only
    qty_t hidden
    int64_t slices
    qty_t stop_lots
    int64_t stops


cdef inline int links_verify(BookPools* pools, Order* order, slot_t slot) noexcept nogil:
    """An order's owner's links, each way."""
    cdef OrderCold* cold = cold_at(pools, slot)
    if order.owner == NO_OWNER:
        return BOOK_SOUND
    if order.owner < 0 or order.owner >= pools.owners:
        return BOOK_OWNER_LIST
    if cold.owner_prev == NIL and head_at(pools, order.owner)[0] != slot:
        return BOOK_OWNER_LIST
    if cold.owner_prev != NIL and cold_at(pools, cold.owner_prev).owner_next != slot:
        return BOOK_OWNER_LIST
    if cold.owner_next != NIL and cold_at(pools, cold.owner_next).owner_prev != slot:
        return BOOK_OWNER_LIST
    return BOOK_SOUND


cdef inline int features_verify(BookPools* pools, Order* order, slot_t slot, BookSums* sums) noexcept nogil:
    """Iceberg, expiry and reduce-only of one order; adds to the sums."""
    cdef OrderExtra* extra
    if order.flags & (ORDER_ICEBERG | ORDER_EXPIRES | ORDER_STOP) and not order.flags & ORDER_EXTRA:
        return BOOK_HIDDEN
    if order.flags & ORDER_EXTRA:
        extra = extra_at(pools, slot)
        if order.flags & ORDER_ICEBERG and not order.flags & ORDER_STOP:
            if extra.display_lots < 1 or order.leaves_lots > extra.display_lots or extra.hidden_lots < 0:
                return BOOK_HIDDEN
            sums.hidden += extra.hidden_lots
            sums.slices += ceil_div(extra.hidden_lots, extra.display_lots)
        elif extra.hidden_lots != 0:
            return BOOK_HIDDEN
        if (extra.expires_ms >= 0) != ((order.flags & ORDER_EXPIRES) != 0):
            return BOOK_EXPIRIES
    sums.expiring += (order.flags & ORDER_EXPIRES) != 0
    if not order.flags & ORDER_STOP:
        sums.reduce_only += (order.flags & ORDER_REDUCE_ONLY) != 0
    return BOOK_SOUND


cdef inline int name_verify(BookPools* pools, Order* order, slot_t slot, BookSums* sums) noexcept nogil:
    """An order's name finds it."""
    cdef uint32_t naming = order_naming(order)
    cdef int64_t id = order_id(pools, slot, order)
    sums.named += naming == NAMED_ORDER_ID
    if naming == NAMED_HANDLE and id != slot_handle(pools, slot):
        return BOOK_ID_MAP
    if naming != NAMED_LOCAL and order_find(pools, id, naming) != slot:
        return BOOK_ID_MAP
    return BOOK_SOUND


cdef inline int order_verify(BookPools* pools, slot_t slot, BookSums* sums) noexcept nogil:
    """One open order, wherever it stands: its lots, name, owner's links and features."""
    cdef Order* order = order_at(pools, slot)
    cdef int fault
    if order.leaves_lots <= 0 or order.flags & ORDER_IN_FLIGHT:
        return BOOK_EMPTY_ORDER
    fault = name_verify(pools, order, slot, sums)
    if fault:
        return fault
    fault = links_verify(pools, order, slot)
    if fault:
        return fault
    return features_verify(pools, order, slot, sums)


cdef inline bint stands_right(BookPools* pools, Ladder* ladder, Order* order, uint32_t level, bint sells, bint stops) noexcept nogil:
    """Whether an order's own price, side and kind are those of its level."""
    if order.level != level or (order.flags & ORDER_SELL) != <uint32_t>sells or ((order.flags & ORDER_STOP) != 0) != stops:
        return 0
    return (page_at(&pools.ladders, level >> 8).number << 8 | (level & 255)) == ladder_key(ladder, order.price_ticks)


cdef inline int ladder_verify(BookPools* pools, Ladder* ladder, bint sells, bint stops, BookSums* sums) noexcept nogil:
    """One ladder: levels in order, queues, sums."""
    cdef uint32_t level = 0, orders = 0
    cdef int64_t key = ladder_next(&pools.ladders, ladder, 0, &level), before = -1, qty = -sums.hidden, level_qty
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
            if not stands_right(pools, ladder, order_at(pools, slot), level, sells, stops):
                return BOOK_ORDER_PRICE
            fault = order_verify(pools, slot, sums)
            if fault:
                return fault
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
    if qty + sums.hidden != ladder.qty_lots or orders != ladder.order_count:
        return BOOK_SIDE_TOTALS
    return BOOK_SOUND


cdef inline int fired_verify(BookPools* pools, Book* book, BookSums* sums) noexcept nogil:
    """The queue of fired stops."""
    cdef slot_t slot = book.fired_head, prev = NIL
    cdef int64_t count = 0
    cdef Order* order
    cdef int fault
    while slot != NIL:
        order = order_at(pools, slot)
        if order.prev != prev or count == book.fired_count:
            return BOOK_QUEUE_LINKS
        if not order.flags & ORDER_FIRED or not order.flags & ORDER_STOP:
            return BOOK_STOPS
        fault = order_verify(pools, slot, sums)
        if fault:
            return fault
        sums.stop_lots += order.leaves_lots
        count += 1
        prev = slot
        slot = order.next
    return BOOK_SOUND if count == book.fired_count and prev == book.fired_tail else BOOK_STOPS


cdef inline bint stop_is_overdue(Book* book) noexcept nogil:
    """Whether a stop waits in an OPEN book although its price has been reached (M-25)."""
    cdef int k
    cdef int64_t price
    if book.state != STATE_OPEN:
        return 0
    for k in range(TRIGGERS):
        price = book.mark if k & 2 else book.last_price
        if price != NO_PRICE and book.trigger[k].best_key <= ladder_key(&book.trigger[k], <price_t>price):
            return 1
    return 0


cdef inline int stops_verify(BookPools* pools, Book* book, BookSums* sums) noexcept nogil:
    """The four ladders of waiting stops and the fired ones."""
    cdef int k, fault
    for k in range(TRIGGERS):
        fault = ladder_verify(pools, &book.trigger[k], k & 1, 1, sums)
        if fault:
            return fault
        sums.stops += book.trigger[k].order_count
        sums.stop_lots += book.trigger[k].qty_lots
    fault = fired_verify(pools, book, sums)
    if fault:
        return fault
    if sums.stops != book.stop_count or sums.stop_lots != book.stop_lots:
        return BOOK_STOPS
    return BOOK_STOP_REACHED if stop_is_overdue(book) else BOOK_SOUND


cdef inline int reduce_only_verify(BookPools* pools, Book* book) noexcept nogil:
    """No owner's resting reduce-only lots pass his position (M-27). O(owners + their orders)."""
    cdef int32_t owner
    cdef slot_t slot
    cdef Order* order
    cdef qty_t lots[2]
    if book.reduce_count == 0:
        return BOOK_SOUND
    for owner in range(pools.owners):
        lots[0] = lots[1] = 0
        slot = head_at(pools, owner)[0]
        while slot != NIL:
            order = order_at(pools, slot)
            if order.flags & ORDER_REDUCE_ONLY and not order.flags & ORDER_STOP:
                lots[order.flags & ORDER_SELL] += order_open(pools, slot)
            slot = cold_at(pools, slot).owner_next
        if lots[0] > reducible(pools, book, owner, 0) or lots[1] > reducible(pools, book, owner, 1):
            return BOOK_REDUCE_ONLY
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
    cdef BookSums sums
    cdef int64_t reduce_only = 0
    cdef int fault, side
    memset(&sums, 0, sizeof(BookSums))
    for side in range(2):
        sums.hidden = sums.slices = 0
        fault = ladder_verify(pools, &book.ladder[side], side, 0, &sums)
        if fault:
            return fault
        if sums.hidden != book.hidden_lots[side] or sums.slices != book.slices[side]:
            return BOOK_HIDDEN
    reduce_only = sums.reduce_only
    fault = stops_verify(pools, book, &sums)
    if fault:
        return fault
    if sums.named > pools.ids.count:
        return BOOK_ID_COUNT
    if sums.expiring > pools.expiring_count:
        return BOOK_EXPIRIES
    if reduce_only != book.reduce_count:
        return BOOK_REDUCE_ONLY
    if book.state == STATE_OPEN and book_is_crossed(book):
        return BOOK_CROSSED
    return reduce_only_verify(pools, book)


# The first broken invariant of a stand-alone book. Reads only. O(orders + levels + pages).
cdef inline int matcher_verify(Matcher* matcher) noexcept nogil:
    cdef int fault = pages_verify(&matcher.pools)
    if fault:
        return fault
    fault = book_verify(&matcher.pools, &matcher.book)
    if fault:
        return fault
    if matcher.pools.expiring_count > matcher.expiries.pending_count:
        return BOOK_EXPIRIES
    return BOOK_SOUND
