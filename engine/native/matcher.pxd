# Matcher: a stand-alone book with its clock: every kind of command, and what follows one.
#
#   command -> legal now? -> checked, reserved, executed -> reduce-only orders trimmed -> stops reached and run
#
# Stands on: stops, queue. Promises (docs/rules.md M-12, M-21, M-25, M-30): one function per kind and one way behind them all, so
# scalar calls and batches cannot differ. Expiries wait in an event queue; an event whose order has ended meanwhile finds
# nothing, and when such events outnumber the living ones they are swept out.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.columns cimport *
from engine.native.features cimport *
from engine.native.ladder cimport *
from engine.native.match cimport *
from engine.native.orders cimport *
from engine.native.planted cimport *
from engine.native.queue cimport *
from engine.native.slab cimport *
from engine.native.stops cimport *

cdef struct Matcher:
    BookPools pools
    Book book
    Queue expiries           # Event.a the order's slot, .b the stamp of its extra
    bint is_out_of_memory    # a fired stop could not even be refused: latched, the book takes no more commands


# ---- clock and expiries (M-21) ----

cdef inline bint expiry_is_live(BookPools* pools, Event* event) noexcept nogil:
    """Whether an expiry event still finds the order that it was scheduled for."""
    cdef Order* order
    cdef OrderExtra* extra
    order = order_at(pools, event.a)
    if order.leaves_lots == 0 or not order.flags & ORDER_EXPIRES:
        return 0
    extra = extra_at(pools, event.a)
    if planted(SLIP_EXPIRY_OF_ANOTHER):
        return 1
    return extra.stamp == event.b and extra.expires_ms == event.time_ms


cdef inline bint expiries_sweep(Matcher* matcher) noexcept nogil:
    """Throw away the events of orders that have ended. 1 if there was no memory to do it (nothing changed). O(n log n)."""
    cdef Queue* queue = &matcher.expiries
    cdef int64_t i, count = queue.pending_count, live = 0
    cdef size_t bytes = <size_t>(count + 1) * sizeof(Event)
    cdef Event* events = <Event*>alloc_zeroed(bytes)
    if events == NULL or queue_collect(queue, events):
        free_zeroed(events, bytes)
        return 1
    for i in range(count):
        if expiry_is_live(&matcher.pools, &events[i]):
            events[live] = events[i]
            live += 1
    queue_sort(events, live)
    queue_clear_events(queue)
    queue.pending_count = live
    # cannot fail: the queue holds fewer events than its memory was made for
    for i in range(live):
        queue_insert(queue, &events[i])
    free_zeroed(events, bytes)
    return 0


cdef inline bint expiry_reserve(Matcher* matcher) noexcept nogil:
    """Make sure that one expiry can be scheduled. 1 if there is no memory."""
    if matcher.expiries.pending_count > 1024 + 2 * matcher.pools.expiring_count:
        expiries_sweep(matcher)
    return queue_reserve(&matcher.expiries)


cdef inline void expiry_schedule(Matcher* matcher, slot_t slot) noexcept nogil:
    """Schedule the expiry of an order that has just been placed. Needs: ORDER_EXPIRES, expiry_reserve. Cannot fail."""
    cdef Event event
    cdef OrderExtra* extra = extra_at(&matcher.pools, slot)
    event.time_ms = extra.expires_ms
    event.a = slot
    event.b = extra.stamp
    event.cause = 0
    event.priority = 0
    event.kind = 0
    queue_schedule(&matcher.expiries, &event)


cdef inline int clock_advance(Matcher* matcher, int32_t row, time_ms_t now_ms) noexcept nogil:
    """Move the clock: take off what is due, by (time, order of placing). O(due)."""
    cdef Event event
    if now_ms < matcher.book.now_ms or now_ms > CLOCK_MAX:
        return REJECT_TIME_OUT_OF_RANGE
    if cancels_reserve(&matcher.pools, matcher.pools.expiring_count):
        return REJECT_NO_MEMORY
    if now_ms > matcher.book.now_ms:
        matcher.book.stops_run = 0
    matcher.book.now_ms = now_ms
    now_ms -= planted(SLIP_EXPIRES_LATE)
    while queue_take(&matcher.expiries, now_ms, &event):
        if expiry_is_live(&matcher.pools, &event):
            book_cancel_for(&matcher.pools, &matcher.book, event.a, row, CANCEL_EXPIRED)
    return REJECT_NONE


# ---- the other kinds ----

cdef inline int place_any(Matcher* matcher, PlaceCommand* command, Outcome* out) noexcept nogil:
    """Place an order of any kind. On reject nothing has changed but memory."""
    cdef int reason
    if command.time_in_force == TIF_GTT and expiry_reserve(matcher):
        return REJECT_NO_MEMORY
    reason = featured_place(&matcher.pools, &matcher.book, command, out)
    if reason == REJECT_NONE and out.slot != NIL and order_at(&matcher.pools, out.slot).flags & ORDER_EXPIRES:
        expiry_schedule(matcher, out.slot)
    return reason


cdef inline int cancel_owner(Matcher* matcher, int32_t owner, int32_t row, Outcome* out) noexcept nogil:
    """Take off everything of an owner, newest first (M-17). O(its orders)."""
    cdef slot_t slot
    cdef int64_t count = 0
    if owner < 0 or owner >= matcher.pools.owners:
        return REJECT_OWNER_OUT_OF_RANGE
    slot = head_at(&matcher.pools, owner)[0]
    while slot != NIL:
        count += 1
        slot = cold_at(&matcher.pools, slot).owner_next
    if cancels_reserve(&matcher.pools, count):
        return REJECT_NO_MEMORY
    while head_at(&matcher.pools, owner)[0] != NIL:
        if planted(SLIP_CANCEL_OWNER_SKIPS_LAST):
            if cold_at(&matcher.pools, head_at(&matcher.pools, owner)[0]).owner_next == NIL:
                break
        out.cancelled_lots += book_cancel_for(&matcher.pools, &matcher.book, head_at(&matcher.pools, owner)[0], row, CANCEL_OWNER)
    return REJECT_NONE


cdef inline void clear_ladder(Matcher* matcher, Ladder* ladder, int32_t row, Outcome* out) noexcept nogil:
    """Take off every order of a ladder, best price and oldest first. Needs: rows reserved. Cannot fail."""
    while ladder.best_key != KEY_NONE:
        out.cancelled_lots += book_cancel_for(&matcher.pools, &matcher.book, level_at(&matcher.pools.ladders, ladder.best_level).head,
                                              row, CANCEL_CLEARED)


cdef inline int clear_all(Matcher* matcher, int32_t row, Outcome* out) noexcept nogil:
    """Take off everything (M-18). O(orders)."""
    cdef Book* book = &matcher.book
    cdef int k
    if cancels_reserve(&matcher.pools, <int64_t>book.ladder[0].order_count + book.ladder[1].order_count + book.stop_count + book.fired_count):
        return REJECT_NO_MEMORY
    for k in range(2):
        clear_ladder(matcher, &book.ladder[k], row, out)
    if planted(SLIP_CLEAR_LEAVES_STOPS):
        return REJECT_NONE
    for k in range(TRIGGERS):
        clear_ladder(matcher, &book.trigger[k], row, out)
    while book.fired_head != NIL:
        out.cancelled_lots += book_cancel_for(&matcher.pools, book, book.fired_head, row, CANCEL_CLEARED)
    return REJECT_NONE


cdef inline int set_mark(Book* book, price_t mark) noexcept nogil:
    if mark < book.price_min or mark > book.price_max:
        return REJECT_PRICE_OUT_OF_BOUNDS
    book.mark = mark
    return REJECT_NONE


cdef inline int set_position(Matcher* matcher, int32_t owner, int64_t lots) noexcept nogil:
    """Tell the book an owner's position (M-26)."""
    cdef int32_t _
    if owner < 0 or owner >= matcher.pools.owners:
        return REJECT_OWNER_OUT_OF_RANGE
    if lots > SIDE_QTY_MAX or lots < -SIDE_QTY_MAX:
        return REJECT_QTY_OUT_OF_BOUNDS
    if not matcher.book.tracks_positions:
        if slab_reserve(&matcher.pools.positions, matcher.pools.owners):
            return REJECT_NO_MEMORY
        for _ in range(matcher.pools.owners):
            (<int64_t*>slab_at(&matcher.pools.positions, slab_take(&matcher.pools.positions)))[0] = 0
        matcher.book.tracks_positions = 1
        book_update_special(&matcher.book)
    if cancels_reserve(&matcher.pools, matcher.book.reduce_count):
        return REJECT_NO_MEMORY
    position_at(&matcher.pools, owner)[0] = lots
    return REJECT_NONE


cdef inline int set_state(Book* book, int64_t state) noexcept nogil:
    if state < STATE_OPEN or state > STATE_AUCTION:
        return REJECT_BAD_STATE
    if state == STATE_OPEN and book_is_crossed(book):
        return REJECT_BOOK_CROSSED
    book.state = <int32_t>state
    book_update_special(book)
    return REJECT_NONE


cdef inline bint kind_is_legal(Book* book, uint8_t kind) noexcept nogil:
    """Whether the market state takes this kind (M-30); places are judged with their terms."""
    if planted(SLIP_HALTED_CANCELS):
        if kind == KIND_CANCEL:
            return 1
    if kind == KIND_REPLACE:
        return book.state == STATE_OPEN or book.state == STATE_AUCTION
    if kind == KIND_REDUCE or kind == KIND_CANCEL or kind == KIND_CANCEL_OWNER:
        return book.state != STATE_HALTED
    return 1


cdef inline int command_of_kind(Matcher* matcher, uint8_t kind, PlaceCommand* command, Outcome* out) noexcept nogil:
    """Check and execute one command of any kind, without what follows it."""
    cdef BookPools* pools = &matcher.pools
    cdef Book* book = &matcher.book
    if kind == KIND_PLACE:
        return place_any(matcher, command, out)
    if not kind_is_legal(book, kind):
        return REJECT_MARKET_STATE
    if kind == KIND_CANCEL:
        return book_cancel(pools, book, command.name, command.naming, command.home, out)
    if kind == KIND_REDUCE:
        return reduce_named(pools, book, command.name, command.naming, command.qty_lots, out)
    if kind == KIND_REPLACE:
        return replace_named(pools, book, command, out)
    if kind == KIND_CANCEL_OWNER:
        return cancel_owner(matcher, command.owner, command.command, out)
    if kind == KIND_CLEAR:
        return clear_all(matcher, command.command, out)
    if kind == KIND_MARK:
        return set_mark(book, command.price_ticks)
    if kind == KIND_POSITION:
        return set_position(matcher, command.owner, command.qty_lots)
    if kind == KIND_CLOCK:
        return clock_advance(matcher, command.command, command.expires_ms)
    if kind == KIND_STATE:
        return set_state(book, command.qty_lots)
    return REJECT_BAD_KIND


# Execute one command of any kind and what follows it. Returns a reject reason, the book then unchanged. `command` holds the
# columns of its row; a kind reads what it has a use for. O(orders met + stops fired).
cdef inline outlined_int matcher_execute(Matcher* matcher, uint8_t kind, PlaceCommand* command, Outcome* out) noexcept nogil:
    cdef Book* book = &matcher.book
    cdef int64_t first_fill = matcher.pools.fills.row_count
    cdef int32_t owner
    cdef int reason
    out.id = -1
    out.filled_lots = out.leaves_lots = out.cancelled_lots = 0
    out.slot = NIL
    reason = command_of_kind(matcher, kind, command, out)
    if reason:
        return reason
    owner = command.owner if kind == KIND_PLACE or kind == KIND_REPLACE or kind == KIND_POSITION else NO_OWNER
    trim_after(&matcher.pools, book, owner, command.command, first_fill)
    stops_reach_trades(&matcher.pools, book, first_fill, command.side)
    if kind == KIND_MARK or kind == KIND_STATE or kind == KIND_PLACE:
        stops_reach_now(&matcher.pools, book)
    if stops_run_all(&matcher.pools, book, command.command):
        matcher.is_out_of_memory = 1
    return REJECT_NONE


# What follows a plain order that has traded where stops wait (M-25). O(stops fired).
cdef inline outlined_int matcher_after_plain(Matcher* matcher, int8_t side, int32_t row, int64_t first_fill) noexcept nogil:
    stops_reach_trades(&matcher.pools, &matcher.book, first_fill, side)
    if stops_run_all(&matcher.pools, &matcher.book, row):
        matcher.is_out_of_memory = 1
    return 0


# Check and execute a plain order, and what follows it: what matcher_execute does, for most orders of most flows. `level`: that of
# its price if the caller knows it, else NIL. Needs: order_is_plain, no features, not is_special. On reject the book is unchanged.
# O(orders met + stops fired).
cdef inline inlined_int matcher_place_plain(Matcher* matcher, PlaceCommand* command, uint32_t level, Outcome* out) noexcept nogil:
    cdef BookPools* pools = &matcher.pools
    cdef Book* book = &matcher.book
    cdef int64_t first_fill = pools.fills.row_count
    cdef int reason = book_check(pools, book, command)
    if unlikely(reason):
        return reason
    reason = book_place(pools, book, command, NIL, level, out)
    first_fill = pools.fills.row_count if planted(SLIP_PLAIN_FORGETS_STOPS) else first_fill
    if unlikely(book.stop_count != 0) and pools.fills.row_count != first_fill:
        matcher_after_plain(matcher, command.side, command.command, first_fill)
    return reason
