# OrderBook: the stand-alone matcher.

from engine.native.arith cimport next_pow2
from engine.native.batch cimport *
from engine.native.book cimport *
from engine.native.verify_book cimport BOOK_SOUND, book_fault_text, book_verify, pages_verify

cdef uint8_t FILL_WIDTHS[FILL_COLUMNS]
FILL_WIDTHS[:] = [4, 8, 8, 4, 8, 4, 4]
cdef uint8_t REJECTED_WIDTHS[2]
REJECTED_WIDTHS[:] = [4, 1]
cdef tuple FILL_NAMES = ("command", "maker_id", "taker_id", "price_ticks", "qty_lots", "maker_owner", "taker_owner")
cdef tuple FILL_DTYPES = ("i4", "i8", "i8", "i4", "i8", "i4", "i4")
cdef tuple REJECTED_NAMES = ("command", "reason")
cdef tuple REJECTED_DTYPES = ("i4", "u1")

cdef enum:
    SCALAR_SHIFT = 10        # rows of a chunk of the scalar calls' fills
    SINGLE_CHUNK_SHIFT = 22  # a batch's fills stay one chunk up to 2^22 rows
    POLL_ROWS = 65536        # rows between two looks at Ctrl-C (about 2 ms)

cdef extern from "stdint.h":
    const int64_t INT64_MAX_ "INT64_MAX"
    const int64_t INT64_MIN_ "INT64_MIN"


@cython.final
@cython.freelist(64)
cdef class OrderResult:
    """What one command did.

    Attributes
    ----------
    id : int
        The name that stands in fills: slot_id, order_id or the engine's handle (-1 when a place without a name was rejected).
    filled_lots, leaves_lots, cancelled_lots : int
        Lots traded as taker, resting now, and gone without trading; they sum to the command's quantity (place).
    reject_reason : int
        A `RejectReason`; 0 when the command was accepted. A rejected command changed nothing.
    """

    cdef readonly int64_t id
    cdef readonly int64_t filled_lots
    cdef readonly int64_t leaves_lots
    cdef readonly int64_t cancelled_lots
    cdef readonly int reject_reason

    @property
    def accepted(self):
        """Whether the command took effect."""
        return self.reject_reason == 0

    def __repr__(self):
        return (f"OrderResult(id={self.id}, filled_lots={self.filled_lots}, leaves_lots={self.leaves_lots}, "
                f"cancelled_lots={self.cancelled_lots}, reject_reason={self.reject_reason})")


cdef inline OrderResult order_result(int64_t name, int reason, Outcome* out):
    cdef OrderResult result = OrderResult.__new__(OrderResult)
    result.reject_reason = reason
    if reason == REJECT_NONE:
        result.id = out.id
        result.filled_lots = out.filled_lots
        result.leaves_lots = out.leaves_lots
        result.cancelled_lots = out.cancelled_lots
    else:
        result.id = name
    return result


@cython.final
cdef class ApplyResult:
    """What a batch did.

    Attributes
    ----------
    accepted_count : int
        Commands that took effect.
    fills : ColumnTable
        ``command`` (int32 row of the batch), ``maker_id``, ``taker_id`` (int64 names), ``price_ticks`` (int32), ``qty_lots``
        (int64), ``maker_owner``, ``taker_owner`` (int32), in order of execution.
    rejects : ColumnTable
        ``command`` (int32), ``reason`` (uint8, a `RejectReason`), in order.
    """

    cdef readonly int64_t accepted_count
    cdef readonly ColumnTable fills
    cdef readonly ColumnTable rejects

    def __repr__(self):
        return f"ApplyResult(accepted_count={self.accepted_count}, fills={len(self.fills)}, rejects={len(self.rejects)})"


cdef dict _COMMAND_COLUMNS = {
    "kind": "uint8", "side": "int8", "price_ticks": "int32", "qty_lots": "int64", "order_type": "uint8",
    "time_in_force": "uint8", "owner": "int32", "slot_id": "int32", "order_id": "int64", "handle": "int64",
}


cdef class CommandBatch:
    """The checked columns of one batch."""

    cdef CommandColumns rows
    cdef uint32_t naming
    cdef list held

    cdef const void* column(self, object commands, str name, bint required) except? NULL:
        cdef Column column
        if name not in commands:
            if required:
                raise bad_input(name, f"a column of {_COMMAND_COLUMNS[name]}", "nothing")
            return NULL
        column = border_column(commands[name], name, _COMMAND_COLUMNS[name], self.rows.count)
        self.held.append(column)
        self.rows.count = column.view.shape[0]
        return column.view.buf

    cdef int hold(self, object commands) except -1:
        self.held = []
        self.rows.count = -1
        if not hasattr(commands, "keys"):
            raise bad_input("commands", "a mapping from column names to arrays", type(commands).__name__)
        names = list(commands.keys())
        for name in names:
            if name not in _COMMAND_COLUMNS:
                raise bad_input(str(name), "one of the columns " + ", ".join(_COMMAND_COLUMNS), "an unknown column")
        naming = [name for name in ("slot_id", "order_id", "handle") if name in commands]
        if len(naming) > 1:
            raise bad_input(naming[1], "at most one of slot_id, order_id, handle", f"a column beside {naming[0]}")
        self.rows.kind = <const uint8_t*>self.column(commands, "kind", True)
        self.rows.side = <const int8_t*>self.column(commands, "side", True)
        self.rows.price_ticks = <const int32_t*>self.column(commands, "price_ticks", True)
        self.rows.qty_lots = <const int64_t*>self.column(commands, "qty_lots", True)
        self.rows.order_type = <const uint8_t*>self.column(commands, "order_type", False)
        self.rows.time_in_force = <const uint8_t*>self.column(commands, "time_in_force", False)
        self.rows.owner = <const int32_t*>self.column(commands, "owner", False)
        self.rows.slot_id = <const int32_t*>self.column(commands, "slot_id", False)
        self.rows.order_id = <const int64_t*>self.column(commands, "order_id", False)
        self.rows.handle = <const int64_t*>self.column(commands, "handle", False)
        if self.rows.count > 0x7FFFFFFF:
            raise bad_input("commands", "at most 2**31 - 1 rows", self.rows.count)
        self.naming = NAMED_HANDLE
        if "slot_id" in commands:
            self.naming = NAMED_SLOT
        elif "order_id" in commands:
            self.naming = NAMED_ORDER_ID
        return 0


@cython.final
cdef class OrderBook:
    """OrderBook(*, slots=0, owners=0, orders=0, price_min=1, price_max=2147483647, qty_max=2**61, notional_max=2**61)

    Match orders in price-time priority (rules M-1 .. M-14).

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

    Notes
    -----
    A command costs O(1) plus O(1) for each order that it trades with. Memory: 64 bytes per order slot plus 4 KiB for each run of
    256 ticks that was ever touched on a side.

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

    cdef BookPools pools
    cdef Book book
    cdef bint busy
    cdef bint broken

    def __cinit__(self, *, slots=0, owners=0, orders=0, price_min=1, price_max=0x7FFFFFFF, qty_max=1 << 61, notional_max=1 << 61):
        cdef int32_t slots_ = <int32_t>border_int(slots, "slots", 0, 0x7FFFFFFE)
        cdef int32_t owners_ = <int32_t>border_int(owners, "owners", 0, 0x7FFFFFFE)
        cdef uint32_t orders_ = <uint32_t>border_int(orders, "orders", 0, 0x7FFFFFFE)
        book_init(&self.book, 0)
        self.book.price_min = <price_t>border_int(price_min, "price_min", -0x80000000, 0x7FFFFFFF)
        self.book.price_max = <price_t>border_int(price_max, "price_max", self.book.price_min, 0x7FFFFFFF)
        self.book.qty_max = border_int(qty_max, "qty_max", 1, <int64_t>1 << 61)
        self.book.notional_max = border_int(notional_max, "notional_max", 1, <int64_t>1 << 61)
        if pools_init(&self.pools, slots_, owners_, FILL_WIDTHS, FILL_COLUMNS, SCALAR_SHIFT) \
                or (orders_ and pools_expect(&self.pools, orders_)):
            raise MemoryError("OrderBook: no memory for its slots, owners and orders")

    def __dealloc__(self):
        pools_release(&self.pools)

    cdef int enter(self) except -1:
        """Refuse a second user and a broken book."""
        if self.broken:
            raise _invariant_error("this book found an inner fault and refuses further commands")
        if self.busy:
            raise RuntimeError("OrderBook is in use by another call (it is not re-entrant)")
        return 0

    cdef OrderResult place(self, object side, object price_ticks, object qty_lots, int order_type, object time_in_force,
                           object slot_id, object order_id, object owner):
        cdef PlaceCommand command
        cdef Outcome out
        cdef int reason
        self.enter()
        command.side = <int8_t>border_int(side, "side", -128, 127)
        command.order_type = <uint8_t>order_type
        command.price_ticks = 0
        if order_type == TYPE_LIMIT:
            command.price_ticks = <price_t>border_int(price_ticks, "price_ticks", -0x80000000, 0x7FFFFFFF)
        command.qty_lots = border_int(qty_lots, "qty_lots", INT64_MIN_, INT64_MAX_)
        command.time_in_force = <uint8_t>border_int(time_in_force, "time_in_force", 0, 255)
        command.owner = NO_OWNER
        if owner is not None:
            command.owner = <int32_t>border_int(owner, "owner", -0x80000000, 0x7FFFFFFF)
        command.naming = NAMED_HANDLE
        command.name = -1
        if slot_id is not None:
            command.naming = NAMED_SLOT
            command.name = border_int(slot_id, "slot_id", -0x80000000, 0x7FFFFFFF)
            if order_id is not None:
                raise bad_input("order_id", "nothing beside slot_id", order_id)
        elif order_id is not None:
            command.naming = NAMED_ORDER_ID
            command.name = border_int(order_id, "order_id", INT64_MIN_, INT64_MAX_)
        command.command = 0
        command.cause = 0
        self.pools.fills.row_count = 0
        reason = book_check(&self.pools, &self.book, &command)
        if reason == REJECT_NONE:
            reason = book_place(&self.pools, &self.book, &command, NIL, &out)
        if ENGINE_DEBUG:
            self.check_invariants()
        return order_result(command.name, reason, &out)

    def limit(self, side, price_ticks, qty_lots, *, time_in_force=0, slot_id=None, order_id=None, owner=None):
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
            GTC (default) rests what does not trade, IOC cancels it.
        slot_id, order_id : int, optional
            The caller's name for the order (at most one); without them the engine's handle names it.
        owner : int, optional
            0 .. owners - 1.

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
        return self.place(side, price_ticks, qty_lots, TYPE_LIMIT, time_in_force, slot_id, order_id, owner)

    def market(self, side, qty_lots, *, slot_id=None, order_id=None, owner=None):
        """Place a market order: it takes what the other side has, and what is left is cancelled.

        Parameters
        ----------
        side : Side
            BUY (+1) or SELL (-1).
        qty_lots : int
            Quantity, lots.
        slot_id, order_id, owner : int, optional
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
        return self.place(side, 0, qty_lots, TYPE_MARKET, 0, slot_id, order_id, owner)

    def cancel(self, handle=None, *, slot_id=None, order_id=None):
        """Take a resting order off the book.

        Parameters
        ----------
        handle, slot_id, order_id : int
            The order's name: exactly one of them, of the kind that it was placed with.

        Returns
        -------
        OrderResult
            ``cancelled_lots`` is what was still open; UNKNOWN_ORDER when it does not rest (any more).

        Raises
        ------
        InputError
            None or several names, or one that is no integer.

        Notes
        -----
        O(1).
        """
        cdef Outcome out
        cdef uint32_t naming
        cdef int64_t name
        cdef int reason
        self.enter()
        if (handle is not None) + (slot_id is not None) + (order_id is not None) != 1:
            raise bad_input("handle", "exactly one of handle, slot_id, order_id", (handle, slot_id, order_id))
        if handle is not None:
            naming = NAMED_HANDLE
            name = border_int(handle, "handle", INT64_MIN_, INT64_MAX_)
        elif slot_id is not None:
            naming = NAMED_SLOT
            name = border_int(slot_id, "slot_id", -0x80000000, 0x7FFFFFFF)
        else:
            naming = NAMED_ORDER_ID
            name = border_int(order_id, "order_id", INT64_MIN_, INT64_MAX_)
        self.pools.fills.row_count = 0
        reason = book_cancel(&self.pools, &self.book, name, naming, &out)
        if ENGINE_DEBUG:
            self.check_invariants()
        return order_result(name, reason, &out)

    def apply(self, commands):
        """Apply a batch of commands in order, without the GIL.

        Parameters
        ----------
        commands : Mapping[str, array]
            One-dimensional contiguous columns of equal length, read in place: ``kind`` uint8 (`CommandKind`), ``side`` int8,
            ``price_ticks`` int32, ``qty_lots`` int64; optional ``order_type`` uint8 (else all LIMIT), ``time_in_force`` uint8 (0: the type's
            default), ``owner`` int32 (-1 none); at most one of ``slot_id`` int32, ``order_id`` int64, ``handle`` int64 (which CANCEL rows read).

        Returns
        -------
        ApplyResult
            Fills and rejects as columns; read-only views of the engine's memory.

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
        cdef Table rejects, scalar_fills
        cdef int64_t at = 0, upto, done
        cdef uint32_t shift = SCALAR_SHIFT
        self.enter()
        batch.hold(commands)
        # A fill ends its maker or its taker, so there are at most this many: with that chunk size the result is one chunk.
        cdef int64_t fills_max = 2 * batch.rows.count + self.book.ladder[0].order_count + self.book.ladder[1].order_count
        while shift < SINGLE_CHUNK_SHIFT and (<int64_t>1 << shift) < fills_max:
            shift += 1
        scalar_fills = self.pools.fills
        table_init(&self.pools.fills, FILL_WIDTHS, FILL_COLUMNS, shift)
        table_init(&rejects, REJECTED_WIDTHS, 2, SCALAR_SHIFT)
        self.busy = True
        try:
            while at < batch.rows.count:
                upto = min(at + POLL_ROWS, batch.rows.count)
                with nogil:
                    # three calls with a constant: the compiler makes three loops without a branch on the naming
                    if batch.naming == NAMED_SLOT:
                        done = batch_apply(&self.pools, &self.book, &batch.rows, at, upto, NAMED_SLOT, &rejects)
                    elif batch.naming == NAMED_ORDER_ID:
                        done = batch_apply(&self.pools, &self.book, &batch.rows, at, upto, NAMED_ORDER_ID, &rejects)
                    else:
                        done = batch_apply(&self.pools, &self.book, &batch.rows, at, upto, NAMED_HANDLE, &rejects)
                if done < 0:
                    raise MemoryError(f"OrderBook.apply: no memory to go on at row {-1 - done}; the rows before it have taken effect")
                result.accepted_count += done
                at = upto
                PyErr_CheckSignals()
        except BaseException:
            self.interrupted_result = result
            raise
        finally:
            self.busy = False
            result.fills = adopt_table(&self.pools.fills, FILL_NAMES, FILL_DTYPES)
            result.rejects = adopt_table(&rejects, REJECTED_NAMES, REJECTED_DTYPES)
            scalar_fills.row_count = 0
            self.pools.fills = scalar_fills
        if ENGINE_DEBUG:
            self.check_invariants()
        return result

    cdef public object interrupted_result

    def last_fills(self):
        """Return the fills of the most recent scalar command.

        Returns
        -------
        list of Fill
            (maker_id, taker_id, price_ticks, qty_lots, maker_owner, taker_owner), in order of execution.
        """
        cdef Table* fills = &self.pools.fills
        cdef int64_t row
        return [
            _fill_record((
                (<int64_t*>table_cell(fills, row, FILL_MAKER))[0],
                (<int64_t*>table_cell(fills, row, FILL_TAKER))[0],
                (<int32_t*>table_cell(fills, row, FILL_PRICE))[0],
                (<int64_t*>table_cell(fills, row, FILL_QTY))[0],
                (<int32_t*>table_cell(fills, row, FILL_MAKER_OWNER))[0],
                (<int32_t*>table_cell(fills, row, FILL_TAKER_OWNER))[0],
            ))
            for row in range(fills.row_count)
        ]

    @property
    def best_bid(self):
        """Highest bid, ticks; None when there is none."""
        price = book_best(&self.book, 0)
        return None if price == NO_PRICE else price

    @property
    def best_ask(self):
        """Lowest ask, ticks; None when there is none."""
        price = book_best(&self.book, 1)
        return None if price == NO_PRICE else price

    @property
    def last_price(self):
        """Price of the last trade, ticks; None before the first."""
        return None if self.book.last_price == NO_PRICE else self.book.last_price

    @property
    def trade_count(self):
        """Trades so far."""
        return self.book.trade_count

    @property
    def traded_lots(self):
        """Lots traded so far, mod 2**64."""
        return <uint64_t>self.book.traded_lots

    @property
    def order_count(self):
        """Resting orders."""
        return self.book.ladder[0].order_count + self.book.ladder[1].order_count

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
        return book_depth_list(&self.pools, &self.book, 0, most), book_depth_list(&self.pools, &self.book, 1, most)

    def queue(self, price_ticks):
        """Return the orders that rest at one price.

        Parameters
        ----------
        price_ticks : int
            Price, ticks.

        Returns
        -------
        list of tuple
            (id, leaves_lots), oldest first.

        Notes
        -----
        O(orders at that price).
        """
        self.enter()
        cdef price_t price = <price_t>border_int(price_ticks, "price_ticks", -0x80000000, 0x7FFFFFFF)
        return book_queue_list(&self.pools, &self.book, 0, price) or book_queue_list(&self.pools, &self.book, 1, price)

    def orders(self):
        """Return every resting order.

        Returns
        -------
        list of RestingOrder
            (id, side, price_ticks, leaves_lots, owner): bids from the best price down, then asks from the best up, oldest first.

        Notes
        -----
        O(orders).
        """
        self.enter()
        return book_order_list(&self.pools, &self.book, 0) + book_order_list(&self.pools, &self.book, 1)

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
        return book_digest(&self.pools, &self.book)

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
        cdef int fault = pages_verify(&self.pools)
        if fault == BOOK_SOUND:
            fault = book_verify(&self.pools, &self.book)
        if fault:
            self.broken = True
            raise _invariant_error(f"OrderBook fault {fault}: {book_fault_text(fault).decode()}; "
                                   f"{self.order_count} orders, best {self.best_bid} / {self.best_ask}")


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
                                       order.owner)))
            slot = order.next
        key = ladder_next(&pools.ladders, ladder, key + 1, &level)
    return rows
