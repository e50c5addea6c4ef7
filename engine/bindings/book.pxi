# OrderBook: the stand-alone matcher. Its commands, one by one and in batches; what can be asked of it is in book_views.pxi.

include "book_views.pxi"

cdef enum:
    POLL_ROWS = 65536        # rows between two looks at Ctrl-C (about 2 ms)

cdef object _ZERO = 0        # what a caller who leaves a number out passes: compared by identity


# ---- the border of scalar commands ----

cdef inline int border_new_name(PlaceCommand* command, object slot_id, object order_id, object owner) except -1:
    """Name and owner of a new order; without a name the engine's handle will be it (M-6)."""
    command.naming = NAMED_HANDLE
    command.name = -1
    if slot_id is not None:
        command.naming = NAMED_SLOT
        command.name = border_int(slot_id, "slot_id", -0x80000000, 0x7FFFFFFF)
    if order_id is not None:
        command.naming = NAMED_ORDER_ID
        command.name = border_int(order_id, "order_id", INT64_MIN_, INT64_MAX_)
    command.owner = NO_OWNER
    if owner is not None:
        command.owner = <int32_t>border_int(owner, "owner", -0x80000000, 0x7FFFFFFF)
    return 0


cdef inline int border_one_name(object slot_id, object order_id) except -1:
    if slot_id is not None and order_id is not None:
        raise bad_input("order_id", "nothing beside slot_id", order_id)
    return 0


cdef inline int border_features(PlaceCommand* command, object post_only, object reduce_only, object self_trade_prevention,
                                object display_lots, object expires_ms, bint is_plain) except -1:
    """The features of a new order; `is_plain`: the caller has seen that there are none."""
    command.flags = command.self_trade = 0
    command.display_lots = command.expires_ms = 0
    if is_plain:
        return 0
    if border_bool(post_only, "post_only"):
        command.flags |= FLAG_POST_ONLY
    if border_bool(reduce_only, "reduce_only"):
        command.flags |= FLAG_REDUCE_ONLY
    command.self_trade = <uint8_t>border_int(self_trade_prevention, "self_trade_prevention", 0, 255)
    command.display_lots = border_int(display_lots, "display_lots", INT64_MIN_, INT64_MAX_)
    command.expires_ms = border_int(expires_ms, "expires_ms", INT64_MIN_, INT64_MAX_)
    return 0


cdef inline int border_open_name(PlaceCommand* command, object handle, object slot_id, object order_id) except -1:
    """The name of an open order: exactly one."""
    if (handle is not None) + (slot_id is not None) + (order_id is not None) != 1:
        raise bad_input("handle", "exactly one of handle, slot_id, order_id", (handle, slot_id, order_id))
    command.owner = NO_OWNER
    if handle is not None:
        command.naming = NAMED_HANDLE
        command.name = border_int(handle, "handle", INT64_MIN_, INT64_MAX_)
    elif slot_id is not None:
        command.naming = NAMED_SLOT
        command.name = border_int(slot_id, "slot_id", -0x80000000, 0x7FFFFFFF)
    else:
        command.naming = NAMED_ORDER_ID
        command.name = border_int(order_id, "order_id", INT64_MIN_, INT64_MAX_)
    return 0


@cython.final
cdef class OrderBook(_BookViews):
    """OrderBook(*, slots=0, owners=0, orders=0, price_min=1, price_max=2147483647, qty_max=2**61, notional_max=2**61, stops_per_ms=10000)

    Match orders in price-time priority (section M of the rules).

    Parameters
    ----------
    slots : int
        How many dense names the caller may choose for `slot_id` (the fastest way to name an order).
    owners : int
        Valid owners are 0 .. owners - 1.
    orders : int
        How many orders that are not named by `slot_id` may be expected to rest together: their memory is taken now instead of
        by doubling. A hint, no bound.
    price_min, price_max : int
        Bounds of limit prices, ticks, within int32.
    qty_max : int
        Largest quantity of a command, lots.
    notional_max : int
        Largest ``abs(price) * quantity`` of a limit order.
    stops_per_ms : int
        How many fired stops may run in one millisecond of the book's clock (rule M-25).

    Notes
    -----
    A command costs O(1) plus O(1) for each order that it trades with. Memory: 64 bytes per order (32 per `slot_id` without owners) plus 4 KiB for each
    run of 256 ticks that was ever touched on a side; 8 to 32 more for an `order_id`.

    Examples
    --------
    >>> from engine import OrderBook, Side
    >>> book = OrderBook()
    >>> ask = book.limit(Side.SELL, 101, 5)
    >>> book.limit(Side.BUY, 101, 2).filled_lots
    2
    >>> book.best_ask, book.depth()
    (101, ([], [(101, 3)]))
    >>> book.cancel(ask.id).cancelled_lots
    3
    """

    # ---- commands ----

    cdef OrderResult execute(self, uint8_t kind, PlaceCommand* command, bint is_plain):
        """Run one scalar command; `is_plain` says that it is a place without features."""
        cdef Matcher* matcher = &self.matcher
        cdef Outcome out
        cdef int reason
        command.command = 0
        command.cause = 0
        command.home = idmap_home(&matcher.pools.ids, command.name)
        matcher.pools.fills.row_count = matcher.pools.cancels.row_count = matcher.pools.triggers.row_count = 0
        if is_plain and not matcher.book.is_special and order_is_plain(command):
            reason = matcher_place_plain(matcher, command, NIL, &out)
        elif kind == KIND_CANCEL and not matcher.book.is_special:
            reason = book_cancel(&matcher.pools, &matcher.book, command.name, command.naming, command.home, &out)
        else:
            reason = matcher_execute(matcher, kind, command, &out)
        if ENGINE_DEBUG:
            self.check_invariants()
        if matcher.is_out_of_memory:
            self.no_memory()
        return order_result(command.name, reason, &out)

    cdef int no_memory(self) except -1:
        self.broken = True
        raise MemoryError("OrderBook: no memory to run a stop that has fired; the book refuses further commands")

    def limit(self, side, price_ticks, qty_lots, *, time_in_force=0, slot_id=None, order_id=None, owner=None, post_only=False,
              reduce_only=False, self_trade_prevention=0, display_lots=0, expires_ms=0):
        """Place a limit order.

        Parameters
        ----------
        side : Side
            BUY (+1) or SELL (-1).
        price_ticks : int
            Limit, ticks.
        qty_lots : int
            Quantity, lots.
        time_in_force : TimeInForce, optional
            GTC (default) rests what does not trade, GTT does until `expires_ms`, IOC cancels it, FOK is all or nothing.
        slot_id, order_id : int, optional
            The caller's name for the order (at most one); without them the engine's handle names it.
        owner : int, optional
            0 .. owners - 1.
        post_only : bool, optional
            Refuse it rather than let it take (rule M-20).
        reduce_only : bool, optional
            Cut it to what reduces the owner's position (rules M-26, M-27).
        self_trade_prevention : SelfTradePrevention, optional
            What happens when it meets an order of its owner (rule M-23).
        display_lots : int, optional
            Shown slice of an iceberg, lots (rule M-22); 0 shows everything.
        expires_ms : int, optional
            When a GTT order ends, ms of the book's clock (rule M-21).

        Returns
        -------
        OrderResult

        Raises
        ------
        InputError
            A value is no integer or does not fit its column. What the rules refuse is no exception but `reject_reason`.

        Notes
        -----
        O(1) plus O(1) per order met.
        """
        cdef PlaceCommand command
        cdef bint is_plain
        self.enter()
        command.order_type = TYPE_LIMIT
        command.side = <int8_t>border_int(side, "side", -128, 127)
        command.price_ticks = <price_t>border_int(price_ticks, "price_ticks", -0x80000000, 0x7FFFFFFF)
        command.qty_lots = border_int(qty_lots, "qty_lots", INT64_MIN_, INT64_MAX_)
        command.time_in_force = <uint8_t>border_int(time_in_force, "time_in_force", 0, 255)
        border_new_name(&command, slot_id, order_id, owner)
        is_plain = post_only is False and reduce_only is False and self_trade_prevention is _ZERO and display_lots is _ZERO \
            and expires_ms is _ZERO
        border_features(&command, post_only, reduce_only, self_trade_prevention, display_lots, expires_ms, is_plain)
        border_one_name(slot_id, order_id)
        return self.execute(KIND_PLACE, &command, is_plain)

    def market(self, side, qty_lots, *, time_in_force=0, slot_id=None, order_id=None, owner=None, reduce_only=False,
               self_trade_prevention=0):
        """Place a market order: it takes what the other side has, and what is left is cancelled.

        Parameters
        ----------
        side : Side
            BUY (+1) or SELL (-1).
        qty_lots : int
            Quantity, lots.
        time_in_force : TimeInForce, optional
            IOC (default), or FOK: all or nothing.
        slot_id, order_id, owner, reduce_only, self_trade_prevention : optional
            As for `limit`.

        Returns
        -------
        OrderResult

        Raises
        ------
        InputError
            As for `limit`.

        Notes
        -----
        O(1) per order met.
        """
        cdef PlaceCommand command
        cdef bint is_plain = reduce_only is False and self_trade_prevention is _ZERO
        self.enter()
        command.order_type = TYPE_MARKET
        command.price_ticks = 0
        command.side = <int8_t>border_int(side, "side", -128, 127)
        command.qty_lots = border_int(qty_lots, "qty_lots", INT64_MIN_, INT64_MAX_)
        command.time_in_force = <uint8_t>border_int(time_in_force, "time_in_force", 0, 255)
        border_new_name(&command, slot_id, order_id, owner)
        border_features(&command, False, reduce_only, self_trade_prevention, _ZERO, _ZERO, is_plain)
        border_one_name(slot_id, order_id)
        return self.execute(KIND_PLACE, &command, is_plain)

    def stop(self, side, stop_ticks, qty_lots, *, price_ticks=None, time_in_force=0, on_mark=False, slot_id=None, order_id=None,
             owner=None, post_only=False, reduce_only=False, self_trade_prevention=0, display_lots=0, expires_ms=0):
        """Place a stop: it waits until its trigger price is reached, then runs as a market or limit order (rules M-24, M-25).

        Parameters
        ----------
        side : Side
            BUY (+1) fires at or above the trigger price, SELL (-1) at or below.
        stop_ticks : int
            Trigger price, ticks.
        qty_lots : int
            Quantity, lots.
        price_ticks : int, optional
            Limit of a stop-limit order, ticks; without it the fired order is a market order.
        time_in_force : TimeInForce, optional
            Of the fired order; GTT also ends the waiting.
        on_mark : bool, optional
            Watch the mark (`set_mark`) instead of the last price.
        slot_id, order_id, owner, post_only, reduce_only, self_trade_prevention, display_lots, expires_ms : optional
            As for `limit`; judged when it fires where they depend on the book.

        Returns
        -------
        OrderResult
            ``leaves_lots`` are the waiting lots, even where the stop fires at once: that is a command of its own after this one
            (`last_triggers`, `last_fills`).

        Raises
        ------
        InputError
            As for `limit`.

        Notes
        -----
        O(1), plus what it fires.
        """
        cdef PlaceCommand command
        self.enter()
        command.order_type = TYPE_STOP if price_ticks is None else TYPE_STOP_LIMIT
        command.price_ticks = 0
        command.side = <int8_t>border_int(side, "side", -128, 127)
        command.stop_ticks = <price_t>border_int(stop_ticks, "stop_ticks", -0x80000000, 0x7FFFFFFF)
        command.qty_lots = border_int(qty_lots, "qty_lots", INT64_MIN_, INT64_MAX_)
        if price_ticks is not None:
            command.price_ticks = <price_t>border_int(price_ticks, "price_ticks", -0x80000000, 0x7FFFFFFF)
        command.time_in_force = <uint8_t>border_int(time_in_force, "time_in_force", 0, 255)
        cdef bint looks_at_mark = border_bool(on_mark, "on_mark")
        border_new_name(&command, slot_id, order_id, owner)
        border_features(&command, post_only, reduce_only, self_trade_prevention, display_lots, expires_ms, False)
        border_one_name(slot_id, order_id)
        if looks_at_mark:
            command.flags |= FLAG_TRIGGER_ON_MARK
        return self.execute(KIND_PLACE, &command, False)

    def cancel(self, handle=None, *, slot_id=None, order_id=None):
        """Take an open order off the book, a waiting stop too.

        Parameters
        ----------
        handle, slot_id, order_id : int
            The order's name: exactly one of them, of the kind that it was placed with.

        Returns
        -------
        OrderResult
            ``cancelled_lots`` is what was still open; UNKNOWN_ORDER when it is not open (any more).

        Raises
        ------
        InputError
            None or several names, or one that is no integer.

        Notes
        -----
        O(1).
        """
        cdef PlaceCommand command
        self.enter()
        border_open_name(&command, handle, slot_id, order_id)
        return self.execute(KIND_CANCEL, &command, False)

    def reduce(self, qty_lots, handle=None, *, slot_id=None, order_id=None):
        """Take lots off an open order, which keeps its place in the queue (rule M-15).

        Parameters
        ----------
        qty_lots : int
            Lots to take off, hidden ones first; all that is open ends the order.
        handle, slot_id, order_id : int
            The order's name, exactly one.

        Returns
        -------
        OrderResult
            ``cancelled_lots`` went, ``leaves_lots`` are still open.

        Raises
        ------
        InputError
            As for `cancel`.

        Notes
        -----
        O(1).
        """
        cdef PlaceCommand command
        self.enter()
        border_open_name(&command, handle, slot_id, order_id)
        command.qty_lots = border_int(qty_lots, "qty_lots", INT64_MIN_, INT64_MAX_)
        return self.execute(KIND_REDUCE, &command, False)

    def replace(self, price_ticks, qty_lots, handle=None, *, slot_id=None, order_id=None):
        """Give a resting order another price and open quantity (rule M-16).

        Parameters
        ----------
        price_ticks : int
            New limit, ticks.
        qty_lots : int
            New open quantity, lots. Only with the same price and a smaller quantity does the order keep its place.
        handle, slot_id, order_id : int
            The order's name, exactly one.

        Returns
        -------
        OrderResult
            As for a new order of this quantity; on a reject the old order stands untouched.

        Raises
        ------
        InputError
            As for `cancel`.

        Notes
        -----
        O(1) plus O(1) per order met.
        """
        cdef PlaceCommand command
        self.enter()
        border_open_name(&command, handle, slot_id, order_id)
        command.price_ticks = <price_t>border_int(price_ticks, "price_ticks", -0x80000000, 0x7FFFFFFF)
        command.qty_lots = border_int(qty_lots, "qty_lots", INT64_MIN_, INT64_MAX_)
        return self.execute(KIND_REPLACE, &command, False)

    def cancel_owner(self, owner):
        """Take off all open orders of an owner, newest first (rule M-17).

        Parameters
        ----------
        owner : int
            0 .. owners - 1.

        Returns
        -------
        OrderResult
            ``cancelled_lots`` is their sum; `last_cancels` has them one by one.

        Notes
        -----
        O(its orders).
        """
        cdef PlaceCommand command
        self.enter()
        command.name = -1
        command.owner = <int32_t>border_int(owner, "owner", -0x80000000, 0x7FFFFFFF)
        return self.execute(KIND_CANCEL_OWNER, &command, False)

    def clear(self):
        """Take off everything, stops too (rule M-18).

        Returns
        -------
        OrderResult
            ``cancelled_lots`` is the sum; `last_cancels` has the orders one by one.

        Notes
        -----
        O(orders).
        """
        cdef PlaceCommand command
        self.enter()
        command.name = -1
        return self.execute(KIND_CLEAR, &command, False)

    def set_mark(self, price_ticks):
        """Tell the book the mark, at which stops with `on_mark` look.

        Parameters
        ----------
        price_ticks : int
            Mark, ticks.

        Returns
        -------
        OrderResult

        Notes
        -----
        O(1), plus the stops that it fires.
        """
        cdef PlaceCommand command
        self.enter()
        command.name = -1
        command.price_ticks = <price_t>border_int(price_ticks, "price_ticks", -0x80000000, 0x7FFFFFFF)
        return self.execute(KIND_MARK, &command, False)

    def set_position(self, owner, position_lots):
        """Tell the book an owner's position; from then on it keeps all owners' positions by its fills (rule M-26).

        Parameters
        ----------
        owner : int
            0 .. owners - 1.
        position_lots : int
            Lots, negative when short.

        Returns
        -------
        OrderResult

        Notes
        -----
        O(owner's orders); the first time O(owners).
        """
        cdef PlaceCommand command
        self.enter()
        command.name = -1
        command.owner = <int32_t>border_int(owner, "owner", -0x80000000, 0x7FFFFFFF)
        command.qty_lots = border_int(position_lots, "position_lots", INT64_MIN_, INT64_MAX_)
        return self.execute(KIND_POSITION, &command, False)

    def advance(self, now_ms):
        """Move the book's clock: GTT orders that are due end, stops held back by `stops_per_ms` run (rules M-21, M-25).

        Parameters
        ----------
        now_ms : int
            New time, ms; not before `now_ms`.

        Returns
        -------
        OrderResult

        Notes
        -----
        O(orders that end).
        """
        cdef PlaceCommand command
        self.enter()
        command.name = -1
        command.expires_ms = border_int(now_ms, "now_ms", INT64_MIN_, INT64_MAX_)
        return self.execute(KIND_CLOCK, &command, False)

    def set_state(self, state):
        """Set the market state, which decides what commands are legal (rule M-30).

        Parameters
        ----------
        state : MarketState

        Returns
        -------
        OrderResult

        Notes
        -----
        O(1), plus the stops that fire when it becomes OPEN.
        """
        cdef PlaceCommand command
        self.enter()
        command.name = -1
        command.qty_lots = border_int(state, "state", 0, 255)
        return self.execute(KIND_STATE, &command, False)

    def apply(self, commands):
        """Apply a batch of commands in order, without the GIL.

        Parameters
        ----------
        commands : Mapping[str, array]
            One-dimensional contiguous columns of equal length, read in place: NumPy arrays, or what answers the buffer protocol,
            ``__arrow_c_array__`` (without nulls) or ``__array_interface__`` with these types. ``kind`` uint8 (`CommandKind`), ``side`` int8,
            ``price_ticks`` int32, ``qty_lots`` int64; optional ``order_type`` uint8 (else all LIMIT), ``time_in_force`` uint8 (0: the type's
            default), ``owner`` int32 (-1 none), ``flags`` uint8 (`OrderFlag`), ``self_trade_prevention`` uint8, ``display_lots`` int64,
            ``stop_ticks`` int32, ``time_ms`` int64 (all 0 where left out); at most one of ``slot_id`` int32, ``order_id`` int64, ``handle`` int64
            (with which CANCEL, REDUCE and REPLACE rows name their order).

            A row reads: PLACE everything (``time_ms``: when a GTT order expires); CANCEL its name; REDUCE name and ``qty_lots``; REPLACE name,
            ``price_ticks``, ``qty_lots``; CANCEL_OWNER ``owner``; CLEAR nothing; MARK ``price_ticks``; POSITION ``owner`` and ``qty_lots`` (signed);
            CLOCK ``time_ms``; STATE ``qty_lots`` (a `MarketState`).

        Returns
        -------
        ApplyResult
            Fills, rejects, cancels and triggers as columns; read-only views of the engine's memory.

        Raises
        ------
        InputError
            A column is missing, unknown, or has another dtype, byte order, shape or stride; nothing was applied.
        KeyboardInterrupt
            Ctrl-C: the rows before it have taken effect; their result is in `interrupted_result`.

        Notes
        -----
        O(rows + fills).

        Examples
        --------
        >>> import numpy as np
        >>> from engine import OrderBook
        >>> result = OrderBook(slots=2).apply({
        ...     "kind": np.array([1, 1], np.uint8), "side": np.array([-1, 1], np.int8),
        ...     "price_ticks": np.array([100, 105], np.int32), "qty_lots": np.array([5, 3]), "slot_id": np.array([0, 1], np.int32)})
        >>> result.fills["price_ticks"].tolist(), result.fills["qty_lots"].tolist()
        ([100], [3])
        """
        cdef CommandBatch batch = CommandBatch()
        cdef ApplyResult result = ApplyResult.__new__(ApplyResult)
        cdef BookPools* pools = &self.matcher.pools
        cdef Table rejects, scalar_fills, scalar_cancels, scalar_triggers
        cdef int64_t at = 0, upto, done
        cdef uint32_t shift = SCALAR_SHIFT
        self.enter()
        batch.hold(commands)
        # A fill ends its maker or its taker (or a slice), so a plain flow has at most this many: with that chunk size the
        # result is one chunk.
        cdef int64_t fills_max = 2 * batch.rows.count + self.order_count
        while shift < SINGLE_CHUNK_SHIFT and (<int64_t>1 << shift) < fills_max:
            shift += 1
        scalar_fills, scalar_cancels, scalar_triggers = pools.fills, pools.cancels, pools.triggers
        table_init(&pools.fills, FILL_WIDTHS, FILL_COLUMNS, shift)
        table_init(&pools.cancels, CANCELLED_WIDTHS, CANCELLED_COLUMNS, shift)
        table_init(&pools.triggers, TRIGGERED_WIDTHS, TRIGGERED_COLUMNS, SCALAR_SHIFT)
        table_init(&rejects, REJECTED_WIDTHS, 2, SCALAR_SHIFT)
        self.busy = True
        try:
            while at < batch.rows.count:
                upto = min(at + POLL_ROWS, batch.rows.count)
                with nogil:
                    # three calls with a constant: the compiler makes three loops without a branch on the naming
                    if batch.naming == NAMED_SLOT:
                        done = batch_apply(&self.matcher, &batch.rows, at, upto, NAMED_SLOT, &rejects)
                    elif batch.naming == NAMED_ORDER_ID:
                        done = batch_apply(&self.matcher, &batch.rows, at, upto, NAMED_ORDER_ID, &rejects)
                    else:
                        done = batch_apply(&self.matcher, &batch.rows, at, upto, NAMED_HANDLE, &rejects)
                if done < 0:
                    raise MemoryError(f"OrderBook.apply: no memory to go on at row {-1 - done}; the rows before it have taken effect")
                if self.matcher.is_out_of_memory:
                    self.no_memory()
                result.accepted_count += done
                at = upto
                PyErr_CheckSignals()
        except BaseException:
            self.interrupted_result = result
            raise
        finally:
            self.busy = False
            result.fills = adopt_table(&pools.fills, FILL_NAMES, FILL_DTYPES)
            result.cancels = adopt_table(&pools.cancels, CANCELLED_NAMES, CANCELLED_DTYPES)
            result.triggers = adopt_table(&pools.triggers, TRIGGERED_NAMES, TRIGGERED_DTYPES)
            result.rejects = adopt_table(&rejects, REJECTED_NAMES, REJECTED_DTYPES)
            scalar_fills.row_count = scalar_cancels.row_count = scalar_triggers.row_count = 0
            pools.fills, pools.cancels, pools.triggers = scalar_fills, scalar_cancels, scalar_triggers
        if ENGINE_DEBUG:
            self.check_invariants()
        return result
