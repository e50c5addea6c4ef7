# The digest of a book (D-2): its state as a sequence of words, in the order of the rules.
#
# Stands on: book, digest. Reads only. A book that uses no feature has the digest that it had before there were any.

from engine.native.types cimport *
from engine.native.book cimport *
from engine.native.digest cimport *
from engine.native.ladder cimport *
from engine.native.orders cimport *
from engine.native.planted cimport *

cdef enum:
    WORD_SIDE_END = -2
    WORD_FEATURES = -3
    WORD_STOPS = -4
    WORD_MARKET = -5
    WORD_POSITIONS = -6


cdef inline int64_t features_word(Order* order) noexcept nogil:
    """Flags and self-trade prevention of an order, as it was placed."""
    return order_said_flags(order) + 256 * <int64_t>order_self_trade(order)


cdef inline uint64_t digest_order(uint64_t h, BookPools* pools, slot_t slot) noexcept nogil:
    cdef Order* order = order_at(pools, slot)
    cdef bint has_features = features_word(order) != 0 or order.flags & (ORDER_ICEBERG | ORDER_EXPIRES)
    cdef OrderExtra* extra
    h = digest_word(h, order.price_ticks)
    h = digest_word(h, order.leaves_lots)
    h = digest_word(h, order_id(pools, slot, order))
    h = digest_word(h, order.owner)
    if not has_features:
        return h
    h = digest_word(h, WORD_FEATURES)
    h = digest_word(h, features_word(order))
    if not order.flags & ORDER_EXTRA:
        return digest_word(digest_word(digest_word(h, 0), 0), -1)
    extra = extra_at(pools, slot)
    h = digest_word(h, extra.display_lots)
    if planted(SLIP_DIGEST_SKIPS_HIDDEN):
        return digest_word(digest_word(h, 0), extra.expires_ms)
    h = digest_word(h, extra.hidden_lots)
    return digest_word(h, extra.expires_ms)


cdef inline uint64_t digest_stop(uint64_t h, BookPools* pools, slot_t slot) noexcept nogil:
    cdef Order* order = order_at(pools, slot)
    cdef OrderExtra* extra = extra_at(pools, slot)
    h = digest_word(h, extra.stop_ticks)
    h = digest_word(h, extra.order_type)
    h = digest_word(h, extra.time_in_force)
    h = digest_word(h, extra.price_ticks)
    h = digest_word(h, order.leaves_lots)
    h = digest_word(h, order_id(pools, slot, order))
    h = digest_word(h, order.owner)
    h = digest_word(h, features_word(order))
    h = digest_word(h, extra.display_lots)
    return digest_word(h, extra.expires_ms)


cdef inline uint64_t digest_ladder(uint64_t h, BookPools* pools, Ladder* ladder, bint stops) noexcept nogil:
    """Every order of a ladder, best price first, oldest first, and the end word."""
    cdef int64_t key = ladder.best_key
    cdef uint32_t level = ladder.best_level
    cdef slot_t slot
    while key != KEY_NONE:
        slot = level_at(&pools.ladders, level).head
        while slot != NIL:
            h = digest_stop(h, pools, slot) if stops else digest_order(h, pools, slot)
            slot = order_at(pools, slot).next
        key = ladder_next(&pools.ladders, ladder, key + 1, &level)
    return digest_word(h, WORD_SIDE_END)


cdef inline uint64_t book_digest(BookPools* pools, Book* book) noexcept nogil:
    """State digest (D-2). O(orders)."""
    cdef uint64_t h = digest_begin(DIGEST_BOOK)
    cdef slot_t slot
    cdef int k
    cdef int32_t owner
    for k in range(2):
        h = digest_ladder(h, pools, &book.ladder[k], 0)
    h = digest_word(h, book.last_price)
    h = digest_word(h, book.trade_count)
    h = digest_word(h, <int64_t>book.traded_lots)
    if book.stop_count or book.fired_count:
        h = digest_word(h, WORD_STOPS)
        for k in range(TRIGGERS):
            h = digest_ladder(h, pools, &book.trigger[k], 1)
        slot = book.fired_head
        slot = NIL if planted(SLIP_DIGEST_SKIPS_FIRED) else slot
        while slot != NIL:
            h = digest_stop(h, pools, slot)
            slot = order_at(pools, slot).next
        h = digest_word(h, WORD_SIDE_END)
    if book.state != STATE_OPEN or book.mark != NO_PRICE or book.now_ms or book.stops_run:
        h = digest_word(h, WORD_MARKET)
        h = digest_word(h, book.state)
        h = digest_word(h, book.mark)
        h = digest_word(h, book.now_ms)
        h = digest_word(h, book.stops_run)
    if book.tracks_positions:
        h = digest_word(h, WORD_POSITIONS)
        for owner in range(pools.owners):
            if position_at(pools, owner)[0]:
                h = digest_word(h, owner)
                h = digest_word(h, position_at(pools, owner)[0])
        h = digest_word(h, WORD_SIDE_END)
    return h
