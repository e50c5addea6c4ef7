# What OrderBook stands on: its memory, and what can be asked of it. The commands are in book.pxi.

from engine.native.batch cimport *
from engine.native.book cimport *
from engine.native.book_digest cimport book_digest
from engine.native.match cimport *
from engine.native.matcher cimport *
from engine.native.orders cimport *
from engine.native.queue cimport queue_init, queue_release
from engine.native.verify_book cimport BOOK_SOUND, book_fault_text, matcher_verify


cdef class _BookViews:
    """Own one book; refuse a second user and a broken book; answer questions."""

    cdef Matcher matcher
    cdef bint busy
    cdef bint broken
    cdef public object interrupted_result

    def __cinit__(self, *, slots=0, owners=0, orders=0, price_min=1, price_max=0x7FFFFFFF, qty_max=1 << 61, notional_max=1 << 61,
                  stops_per_ms=10000):
        cdef int32_t slots_ = <int32_t>border_int(slots, "slots", 0, 0x7FFFFFFE)
        cdef int32_t owners_ = <int32_t>border_int(owners, "owners", 0, 0x7FFFFFFE)
        cdef uint32_t orders_ = <uint32_t>border_int(orders, "orders", 0, 0x7FFFFFFE)
        cdef Book* book = &self.matcher.book
        cdef BookPools* pools = &self.matcher.pools
        book_init(book, 0)
        queue_init(&self.matcher.expiries, 0, 0, False)
        book.price_min = <price_t>border_int(price_min, "price_min", -0x80000000, 0x7FFFFFFF)
        book.price_max = <price_t>border_int(price_max, "price_max", book.price_min, 0x7FFFFFFF)
        book.qty_max = border_int(qty_max, "qty_max", 1, <int64_t>1 << 61)
        book.notional_max = border_int(notional_max, "notional_max", 1, <int64_t>1 << 61)
        book.stops_per_ms = <int32_t>border_int(stops_per_ms, "stops_per_ms", 1, 0x7FFFFFFF)
        if pools_init(pools, slots_, owners_, FILL_WIDTHS, FILL_COLUMNS, SCALAR_SHIFT) or (orders_ and pools_expect(pools, orders_)):
            raise MemoryError("OrderBook: no memory for its slots, owners and orders")
        table_init(&pools.cancels, CANCELLED_WIDTHS, CANCELLED_COLUMNS, SCALAR_SHIFT)
        table_init(&pools.triggers, TRIGGERED_WIDTHS, TRIGGERED_COLUMNS, SCALAR_SHIFT)

    def __dealloc__(self):
        pools_release(&self.matcher.pools)
        queue_release(&self.matcher.expiries)

    @cython.final
    cdef int enter(self) except -1:
        """Refuse a second user and a broken book."""
        if self.broken:
            raise _invariant_error("this book found an inner fault and refuses further commands")
        if self.busy:
            raise RuntimeError("OrderBook is in use by another call (it is not re-entrant)")
        return 0

    def last_fills(self):
        """Return the fills of the most recent scalar command and of the stops that it fired.

        Returns
        -------
        list of Fill
            (maker_id, taker_id, price_ticks, qty_lots, maker_owner, taker_owner), in order of execution.
        """
        return fill_rows(&self.matcher.pools.fills)

    def last_cancels(self):
        """Return the lots that the most recent scalar command, and the stops that it fired, made leave without trading (rule M-33).

        Returns
        -------
        list of Cancel
            (id, owner, qty_lots, reason), in order.
        """
        return cancel_rows(&self.matcher.pools.cancels)

    def last_triggers(self):
        """Return the stops that ran after the most recent scalar command.

        Returns
        -------
        list of Trigger
            (id, owner, stop_ticks, reject_reason), in order.
        """
        return trigger_rows(&self.matcher.pools.triggers)

    @property
    def best_bid(self):
        """Highest bid, ticks; None when there is none."""
        price = book_best(&self.matcher.book, 0)
        return None if price == NO_PRICE else price

    @property
    def best_ask(self):
        """Lowest ask, ticks; None when there is none."""
        price = book_best(&self.matcher.book, 1)
        return None if price == NO_PRICE else price

    @property
    def last_price(self):
        """Price of the last trade, ticks; None before the first."""
        return None if self.matcher.book.last_price == NO_PRICE else self.matcher.book.last_price

    @property
    def trade_count(self):
        """Trades so far."""
        return self.matcher.book.trade_count

    @property
    def traded_lots(self):
        """Lots traded so far, mod 2**64."""
        return <uint64_t>self.matcher.book.traded_lots

    @property
    def mark_price(self):
        """The mark that was last told, ticks; None before the first."""
        return None if self.matcher.book.mark == NO_PRICE else self.matcher.book.mark

    @property
    def now_ms(self):
        """The book's clock, ms; 0 at first (rule M-21)."""
        return self.matcher.book.now_ms

    @property
    def state(self):
        """A `MarketState` (rule M-30)."""
        return self.matcher.book.state

    @property
    def stop_count(self):
        """Stops that wait, or have fired and not run yet."""
        return self.matcher.book.stop_count + self.matcher.book.fired_count

    @property
    def order_count(self):
        """Resting orders; stops are not counted."""
        return self.matcher.book.ladder[0].order_count + self.matcher.book.ladder[1].order_count

    def depth(self, levels=10):
        """Return the best levels of both sides.

        Parameters
        ----------
        levels : int
            How many levels of each side at most.

        Returns
        -------
        tuple of list
            (bids, asks), each (price_ticks, qty_lots), best first.

        Notes
        -----
        O(levels).
        """
        self.enter()
        cdef int64_t most = border_int(levels, "levels", 0, INT64_MAX_)
        return book_depth_list(&self.matcher.pools, &self.matcher.book, 0, most), book_depth_list(&self.matcher.pools, &self.matcher.book, 1, most)

    def queue(self, price_ticks):
        """Return the orders that rest at one price.

        Parameters
        ----------
        price_ticks : int
            Price, ticks.

        Returns
        -------
        list of tuple
            (id, shown lots), oldest first; of bids, or of asks where no bid stands at that price.

        Notes
        -----
        O(orders at that price).
        """
        self.enter()
        cdef price_t price = <price_t>border_int(price_ticks, "price_ticks", -0x80000000, 0x7FFFFFFF)
        return book_queue_list(&self.matcher.pools, &self.matcher.book, 0, price) or book_queue_list(&self.matcher.pools, &self.matcher.book, 1, price)

    def orders(self):
        """Return every resting order.

        Returns
        -------
        list of RestingOrder
            (id, side, price_ticks, leaves_lots, owner, hidden_lots): bids from the best price down, then asks from the best up, oldest
            first; ``leaves_lots`` are the shown ones.

        Notes
        -----
        O(orders).
        """
        self.enter()
        return book_order_list(&self.matcher.pools, &self.matcher.book, 0) + book_order_list(&self.matcher.pools, &self.matcher.book, 1)

    def stops(self):
        """Return every stop that waits, or has fired and not run yet.

        Returns
        -------
        list of WaitingStop
            Buys on last, sells on last, buys on mark, sells on mark, each in the order in which they would fire; then the fired
            ones.

        Notes
        -----
        O(stops).
        """
        self.enter()
        return book_stop_list(&self.matcher.pools, &self.matcher.book)

    def position(self, owner):
        """Return an owner's position as the book knows it (rule M-26).

        Parameters
        ----------
        owner : int
            0 .. owners - 1.

        Returns
        -------
        int
            Lots, negative when short; 0 until a position was told.
        """
        self.enter()
        cdef int32_t who = <int32_t>border_int(owner, "owner", 0, self.matcher.pools.owners - 1)
        return position_at(&self.matcher.pools, who)[0] if self.matcher.book.tracks_positions else 0

    def digest(self):
        """Return the state digest (rule D-2); equal books have equal digests, native or reference.

        Returns
        -------
        int
            64 bits.

        Notes
        -----
        O(orders).
        """
        self.enter()
        return book_digest(&self.matcher.pools, &self.matcher.book)

    def check_invariants(self):
        """Walk the whole book and raise if anything is inconsistent.

        Raises
        ------
        InvariantError
            Names the first broken invariant. The book refuses further commands.

        Notes
        -----
        O(orders + levels).
        """
        self.enter()
        cdef int fault = matcher_verify(&self.matcher)
        if fault:
            self.broken = True
            number = str(<object>fault)
            raise _invariant_error(f"OrderBook fault {number}: {book_fault_text(fault).decode()}; "
                                   f"{self.order_count} orders, best {self.best_bid} / {self.best_ask}")
