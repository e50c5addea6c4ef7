"""The order book as a readable program: rules M-1 .. M-14 in plain Python.

Stands on `commands` (what is asked), `ladder` (one side's levels), `names` (names and engine slots), `inputs` (the
border), `digest`.

::

    caller -> border (InputError) -> _refusal (RejectReason) -> _placed | _cancelled -> OrderResult, fills
              nothing written        nothing written           cannot fail

Promises: the same commands give the same results, fills and digest as the native book, which shares no logic with this
file. Memory is never short here, so `NO_MEMORY` (M-14) does not occur.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import InputError, InvariantError
from engine.records import ApplyResult, Fill, OrderResult, RestingOrder
from engine.reference.commands import HANDLE_NONE, OWNER_NONE, Command, commands_of, place_name, terms_refusal
from engine.reference.digest import WORD_NO_PRICE, WORD_SIDE_END, DigestKind, digest_of
from engine.reference.inputs import INT8, INT32, INT64, UINT8, IntRange, checked_int
from engine.reference.ladder import Ladder, Level, Naming, Order
from engine.reference.names import NIL, Names
from engine.types import CommandKind, OrderType, RejectReason, Side, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# U-2, U-3: no quantity, no notional and no side of a book passes this.
LOTS_LIMIT = 2**61
_BOUND = IntRange(1, LOTS_LIMIT)
_CAPACITY = IntRange(0, 2**31 - 2)
_LEVELS = IntRange(0, 2**31 - 1)

_FILL_COLUMNS = ("command", "maker_id", "taker_id", "price_ticks", "qty_lots", "maker_owner", "taker_owner")


class OrderBook:
    """Match orders by price-time priority, readably.

    Parameters
    ----------
    slots : int
        How many orders the caller may name by `slot_id`, 0 .. 2^31 - 2 (M-6).
    owners : int
        How many owners there are, 0 .. 2^31 - 2 (M-9).
    orders : int
        A hint for the native book's memory; checked and otherwise without meaning here.
    price_min, price_max : int
        Bounds of a limit price, in ticks, int32 (U-2).
    qty_max : int
        Bound of an order's quantity, in lots, 1 .. 2^61 (U-2).
    notional_max : int
        Bound of price x quantity of a limit order, in tick lots, 1 .. 2^61 (U-2).

    Raises
    ------
    InputError
        If a bound is no integer, out of its range, or `price_min` is above `price_max`.

    Examples
    --------
    >>> book = OrderBook()
    >>> resting = book.limit(Side.SELL, 101, 5)
    >>> book.market(Side.BUY, 7)[1:4]  # filled, leaves, cancelled
    (5, 0, 2)
    >>> book.last_fills()[0].price_ticks
    101
    """

    def __init__(
        self,
        *,
        slots: int = 0,
        owners: int = 0,
        orders: int = 0,
        price_min: int = 1,
        price_max: int = 2**31 - 1,
        qty_max: int = LOTS_LIMIT,
        notional_max: int = LOTS_LIMIT,
    ) -> None:
        self._owners = checked_int("owners", owners, _CAPACITY)
        checked_int("orders", orders, _CAPACITY)
        self._price_min = checked_int("price_min", price_min, INT32)
        self._price_max = checked_int("price_max", price_max, INT32)
        if self._price_min > self._price_max:
            raise InputError("price_min", f"at most price_max ({self._price_max})", self._price_min)
        self._qty_max = checked_int("qty_max", qty_max, _BOUND)
        self._notional_max = checked_int("notional_max", notional_max, _BOUND)
        self._names = Names(checked_int("slots", slots, _CAPACITY))
        self._bids = Ladder(Side.BUY)
        self._asks = Ladder(Side.SELL)
        self._last_price: int | None = None
        self._trade_count = 0
        self._traded_lots = 0
        self._accepted_lots = 0  # of all orders accepted (M-13)
        self._cancelled_lots = 0  # by a cancel, or because they might not rest (M-13)
        self._placed_count = 0  # the next order's seq
        self._last_fills: list[Fill] = []

    # --- commands, one at a time -----------------------------------------------------------------------------------

    def limit(
        self,
        side: int,
        price_ticks: int,
        qty_lots: int,
        *,
        time_in_force: int = TimeInForce.DEFAULT,
        slot_id: int | None = None,
        order_id: int | None = None,
        owner: int | None = None,
    ) -> OrderResult:
        """Place a limit order: it trades while it crosses; the rest comes to rest (GTC) or is cancelled (IOC).

        Parameters
        ----------
        side : int
            `Side.BUY` or `Side.SELL`.
        price_ticks : int
            The limit, in ticks, int32.
        qty_lots : int
            The quantity, in lots, int64.
        time_in_force : int
            `TimeInForce`; left out, GTC (M-5).
        slot_id, order_id : int, optional
            The order's name (M-6); with neither the engine names it by a handle.
        owner : int, optional
            Who stands behind it (M-9).

        Returns
        -------
        OrderResult
            What was filled, rests and was cancelled; or the reason of the reject, and the book is unchanged.

        Raises
        ------
        InputError
            If an argument is no integer, does not fit its column, or two names are given.
        """
        naming, name = place_name(slot_id, order_id)
        return self._scalar(
            Command(
                kind=CommandKind.PLACE,
                naming=naming,
                name=name,
                side=checked_int("side", side, INT8),
                time_in_force=checked_int("time_in_force", time_in_force, UINT8),
                price_ticks=checked_int("price_ticks", price_ticks, INT32),
                qty_lots=checked_int("qty_lots", qty_lots, INT64),
                owner=OWNER_NONE if owner is None else checked_int("owner", owner, INT32),
            )
        )

    def market(
        self,
        side: int,
        qty_lots: int,
        *,
        slot_id: int | None = None,
        order_id: int | None = None,
        owner: int | None = None,
    ) -> OrderResult:
        """Place a market order: it takes what the other side has, and the rest is cancelled (M-4).

        Parameters and errors are those of `limit`, without price and time in force.
        """
        naming, name = place_name(slot_id, order_id)
        return self._scalar(
            Command(
                kind=CommandKind.PLACE,
                naming=naming,
                name=name,
                side=checked_int("side", side, INT8),
                order_type=OrderType.MARKET,
                qty_lots=checked_int("qty_lots", qty_lots, INT64),
                owner=OWNER_NONE if owner is None else checked_int("owner", owner, INT32),
            )
        )

    def cancel(
        self, handle: int | None = None, *, slot_id: int | None = None, order_id: int | None = None
    ) -> OrderResult:
        """Take a resting order off by its name (M-8).

        Raises
        ------
        InputError
            If not exactly one name is given, or it is no integer that fits.
        """
        if handle is None and slot_id is None and order_id is None:
            raise InputError("handle", "exactly one of handle, slot_id, order_id", "none of them")
        if handle is not None and (slot_id is not None or order_id is not None):
            raise InputError("handle", "exactly one of handle, slot_id, order_id", "given beside another")
        if handle is not None:
            naming, name = Naming.HANDLE, checked_int("handle", handle, INT64)
        else:
            naming, name = place_name(slot_id, order_id)
        return self._scalar(Command(kind=CommandKind.CANCEL, naming=naming, name=name))

    def last_fills(self) -> list[Fill]:
        """Return the fills of the most recent scalar command, in execution order."""
        return list(self._last_fills)

    # --- commands, a batch at a time -------------------------------------------------------------------------------

    def apply(self, commands: Mapping[str, Any]) -> ApplyResult:
        """Run a batch of commands: it gives what they give one by one (M-12).

        Parameters
        ----------
        commands : Mapping of str to numpy array, shape (n,)
            ``kind`` uint8, ``side`` int8, ``price_ticks`` int32, ``qty_lots`` int64; optionally ``order_type`` uint8
            (left out: all LIMIT), ``time_in_force`` uint8 (0: the type's default), ``owner`` int32 (-1: none); and at
            most one naming column, ``slot_id`` int32, ``order_id`` int64 or ``handle`` int64. The last one names what
            a CANCEL row takes off; with it, or with no naming column, orders that are placed are named by handle. The
            arrays are read, not kept.

        Returns
        -------
        ApplyResult
            How many commands were accepted; the fills; the rejects. Columns are lists.

        Raises
        ------
        InputError
            If a column is missing, unknown, or of the wrong type, shape, layout or length. Nothing was written.
        """
        checked = commands_of(commands)
        fills: dict[str, list[int]] = {column: [] for column in _FILL_COLUMNS}
        rejects: dict[str, list[int]] = {"command": [], "reason": []}
        accepted_count = 0
        for index, command in enumerate(checked):
            result, command_fills = self._executed(command)
            accepted_count += result.accepted
            if not result.accepted:
                rejects["command"].append(index)
                rejects["reason"].append(int(result.reject_reason))
            for fill in command_fills:
                for column, value in zip(_FILL_COLUMNS, (index, *fill), strict=True):
                    fills[column].append(value)
        return ApplyResult(accepted_count, fills, rejects)

    # --- the rules -------------------------------------------------------------------------------------------------

    def _scalar(self, command: Command) -> OrderResult:
        """Run one command and keep its fills for `last_fills`."""
        result, self._last_fills = self._executed(command)
        return result

    def _executed(self, command: Command) -> tuple[OrderResult, list[Fill]]:
        """Check everything, and only then write (M-10)."""
        reason = self._refusal(command)
        if reason is not RejectReason.NONE:
            by_handle = command.kind != CommandKind.CANCEL and command.naming is Naming.HANDLE
            return OrderResult(HANDLE_NONE if by_handle else command.name, 0, 0, 0, reason), []
        if command.kind == CommandKind.CANCEL:
            return self._cancelled(command), []
        return self._placed(command)

    def _refusal(self, command: Command) -> RejectReason:
        """Return the first reason to refuse a command, in the order of M-10."""
        if command.kind == CommandKind.CANCEL:
            return self._names.cancel_refusal(command.naming, command.name)
        if command.kind != CommandKind.PLACE:
            return RejectReason.BAD_KIND
        return (
            terms_refusal(command)
            or self._amount_refusal(command)
            or self._names.place_refusal(command.naming, command.name)
            or self._room_refusal(command)
        )

    def _amount_refusal(self, command: Command) -> RejectReason:
        """Check price, quantity, notional and owner (U-2, M-9); a market order's price is not looked at (M-5)."""
        has_price = command.order_type == OrderType.LIMIT
        if has_price and not self._price_min <= command.price_ticks <= self._price_max:
            return RejectReason.PRICE_OUT_OF_BOUNDS
        if command.qty_lots < 1:
            return RejectReason.QTY_NOT_POSITIVE
        if command.qty_lots > self._qty_max:
            return RejectReason.QTY_OUT_OF_BOUNDS
        if has_price and abs(command.price_ticks) * command.qty_lots > self._notional_max:
            return RejectReason.NOTIONAL_OUT_OF_BOUNDS
        if command.owner != OWNER_NONE and not 0 <= command.owner < self._owners:
            return RejectReason.OWNER_OUT_OF_RANGE
        return RejectReason.NONE

    def _room_refusal(self, command: Command) -> RejectReason:
        """Check the room on the order's side (U-3), as if none of it traded: nobody has matched yet."""
        if command.rests() and self._ladder(command.side).lots + command.qty_lots > LOTS_LIMIT:
            return RejectReason.SIDE_FULL
        return RejectReason.NONE

    def _placed(self, command: Command) -> tuple[OrderResult, list[Fill]]:
        """Match an order that has passed the checks, then let it rest or end. Cannot fail."""
        # M-7: the engine's slot is taken before the match, so the slots that the makers give back come too late for it.
        engine_slot = NIL if command.naming is Naming.SLOT_ID else self._names.slot_taken()
        order = Order(
            seq=self._placed_count,
            naming=command.naming,
            id=self._names.handle(engine_slot) if command.naming is Naming.HANDLE else command.name,
            engine_slot=engine_slot,
            side=command.side,
            price_ticks=command.price_ticks,
            leaves_lots=command.qty_lots,
            owner=command.owner,
        )
        self._placed_count += 1
        self._accepted_lots += command.qty_lots
        fills = self._matched(order, has_limit=command.order_type == OrderType.LIMIT)
        left_lots = order.leaves_lots
        if left_lots and command.rests():
            self._ladder(order.side).add(order)
            self._names.rested(order)
            return OrderResult(order.id, command.qty_lots - left_lots, left_lots, 0, RejectReason.NONE), fills
        self._names.slot_given_back(engine_slot, command.naming)
        self._cancelled_lots += left_lots
        return OrderResult(order.id, command.qty_lots - left_lots, 0, left_lots, RejectReason.NONE), fills

    def _matched(self, taker: Order, *, has_limit: bool) -> list[Fill]:
        """Trade while the order has lots and crosses: best price first, oldest order first (M-1)."""
        ladder = self._ladder(-taker.side)
        fills: list[Fill] = []
        while taker.leaves_lots and (level := ladder.best()) is not None:
            # A buy crosses what is at or below its limit, a sell what is at or above it.
            if has_limit and taker.side * (taker.price_ticks - level.price_ticks) < 0:
                break
            maker = next(iter(level.queue.values()))
            fills.append(self._traded(maker, taker, min(maker.leaves_lots, taker.leaves_lots)))
        return fills

    def _traded(self, maker: Order, taker: Order, qty_lots: int) -> Fill:
        """Make one trade at the maker's price (M-2)."""
        taker.leaves_lots -= qty_lots
        self._ladder(maker.side).take(maker, qty_lots)
        if maker.leaves_lots == 0:
            self._names.ended(maker)
        self._last_price = maker.price_ticks
        self._trade_count += 1
        self._traded_lots += qty_lots
        return Fill(maker.id, taker.id, maker.price_ticks, qty_lots, maker.owner, taker.owner)

    def _cancelled(self, command: Command) -> OrderResult:
        """Take off the order of a name that has passed the check (M-8). Cannot fail."""
        order = self._names.order(command.naming, command.name)
        qty_lots = order.leaves_lots
        self._ladder(order.side).take(order, qty_lots)
        self._names.ended(order)
        self._cancelled_lots += qty_lots
        return OrderResult(command.name, 0, 0, qty_lots, RejectReason.NONE)

    def _ladder(self, side: int) -> Ladder:
        return self._bids if side == Side.BUY else self._asks

    # --- views -----------------------------------------------------------------------------------------------------

    @property
    def best_bid(self) -> int | None:
        """Return the highest bid in ticks, or None."""
        return _best_price(self._bids)

    @property
    def best_ask(self) -> int | None:
        """Return the lowest ask in ticks, or None."""
        return _best_price(self._asks)

    @property
    def last_price(self) -> int | None:
        """Return the price of the last trade in ticks, or None before the first."""
        return self._last_price

    @property
    def trade_count(self) -> int:
        """Return the number of trades so far."""
        return self._trade_count

    @property
    def traded_lots(self) -> int:
        """Return the lots traded so far, each trade counted once."""
        return self._traded_lots % 2**64

    @property
    def order_count(self) -> int:
        """Return the number of orders at rest."""
        return len(self._names)

    def depth(self, levels: int = 10) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return up to `levels` pairs (price_ticks, qty_lots) of bids and of asks, best first."""
        limit = checked_int("levels", levels, _LEVELS)
        return _depth(self._bids, limit), _depth(self._asks, limit)

    def queue(self, price_ticks: int) -> list[tuple[int, int]]:
        """Return (id, leaves_lots) of the orders at a price, oldest first, of the side that has orders there (M-11)."""
        price = checked_int("price_ticks", price_ticks, INT32)
        level = self._bids.level(price) or self._asks.level(price)
        return [] if level is None else [(order.id, order.leaves_lots) for order in level.queue.values()]

    def orders(self) -> list[RestingOrder]:
        """Return all orders at rest: bids from best to worst, then asks; in a level the oldest first."""
        return [
            RestingOrder(order.id, order.side, order.price_ticks, order.leaves_lots, order.owner)
            for order in self._resting()
        ]

    def digest(self) -> int:
        """Return the digest of the state (D-2)."""
        return digest_of(DigestKind.BOOK, self._words())

    def _resting(self) -> Iterator[Order]:
        for ladder in (self._bids, self._asks):
            for level in ladder:
                yield from level.queue.values()

    def _words(self) -> Iterator[int]:
        for ladder in (self._bids, self._asks):
            for level in ladder:
                for order in level.queue.values():
                    yield from (order.price_ticks, order.leaves_lots, order.id, order.owner)
            yield WORD_SIDE_END
        yield WORD_NO_PRICE if self._last_price is None else self._last_price
        yield self._trade_count
        yield self._traded_lots

    # --- invariants ------------------------------------------------------------------------------------------------

    def check_invariants(self) -> None:
        """Walk everything and raise `InvariantError` naming the first invariant that does not hold. O(orders)."""
        broken = (
            self._crossing_broken()
            or self._bids.first_broken(self._price_min, self._price_max)
            or self._asks.first_broken(self._price_min, self._price_max)
            or self._names.first_broken(self._resting())
            or self._lots_broken()
        )
        if broken is not None:
            raise InvariantError(broken, self._dump())

    def _crossing_broken(self) -> str | None:
        best_bid, best_ask = self.best_bid, self.best_ask
        if best_bid is not None and best_ask is not None and best_bid >= best_ask:
            return f"M-11: best bid {best_bid} is not below best ask {best_ask}"
        return None

    def _lots_broken(self) -> str | None:
        for ladder in (self._bids, self._asks):
            if ladder.lots > LOTS_LIMIT:
                return f"U-3: {ladder.lots} lots rest on side {ladder.side}"
        resting_lots = self._bids.lots + self._asks.lots
        if self._accepted_lots != 2 * self._traded_lots + self._cancelled_lots + resting_lots:
            return (
                f"M-13: accepted {self._accepted_lots} is not 2 x traded {self._traded_lots} "
                f"+ cancelled {self._cancelled_lots} + resting {resting_lots}"
            )
        return None

    def _dump(self) -> str:
        lines = [repr(order) for order in self._resting()]
        lines.append(f"last_price={self._last_price} trades={self._trade_count} traded_lots={self._traded_lots}")
        return "\n".join(lines)


def _best_price(ladder: Ladder) -> int | None:
    level = ladder.best()
    return None if level is None else level.price_ticks


def _depth(ladder: Ladder, limit: int) -> list[tuple[int, int]]:
    def pair(level: Level) -> tuple[int, int]:
        return level.price_ticks, level.qty_lots

    return [pair(level) for _, level in zip(range(limit), ladder, strict=False)]
