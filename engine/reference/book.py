"""The order book as a readable program: section M of the rules in plain Python.

Stands on `arguments` and `commands` (what is asked), `checks` (why it is refused), `execution` (what it does),
`matching` (how orders meet), `state` with its `ladder`, `stops`, `names` and `positions`, `words` (the digest),
`invariants` and `inputs` (the border).

::

    caller -> border (InputError) -> checks (RejectReason) -> execution -> OrderResult; fills, cancels, triggers
              nothing written        nothing written          cannot fail

Promises: the same commands give the same results, tables and digest as the native book, which shares no logic with
these files. Memory is never short here, so `NO_MEMORY` (M-14) does not occur.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import InputError, InvariantError
from engine.records import ApplyResult, Cancel, Fill, OrderResult, RestingOrder, Trigger, WaitingStop
from engine.reference.arguments import open_name, place_command
from engine.reference.commands import Command, commands_of
from engine.reference.digest import DigestKind, digest_of
from engine.reference.execution import executed
from engine.reference.inputs import INT32, INT64, UINT8, IntRange, checked_int
from engine.reference.invariants import first_broken, open_orders
from engine.reference.order import Stand
from engine.reference.state import LOTS_LIMIT, BookState, Bounds
from engine.reference.words import book_words
from engine.types import CommandKind, OrderType, SelfTradePrevention, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.reference.ladder import Ladder

_BOUND = IntRange(1, LOTS_LIMIT)
_CAPACITY = IntRange(0, 2**31 - 2)
_LEVELS = IntRange(0, 2**31 - 1)
_STOPS_PER_MS = IntRange(1, 2**31 - 1)

# The columns behind `command`: the fields of the record.
_TABLES = {"fills": Fill._fields, "cancels": Cancel._fields, "triggers": Trigger._fields}


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
        Bounds of a limit, trigger or mark price, in ticks, int32 (U-2).
    qty_max : int
        Bound of an order's quantity, in lots, 1 .. 2^61 (U-2).
    notional_max : int
        Bound of price x quantity of a limit order, in tick lots, 1 .. 2^61 (U-2).
    stops_per_ms : int
        How many fired stops may run in one millisecond of the book's clock, 1 .. 2^31 - 1 (M-25).

    Raises
    ------
    InputError
        If a bound is no integer, out of its range, or `price_min` is above `price_max`.

    Examples
    --------
    >>> from engine.types import Side
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
        stops_per_ms: int = 10_000,
    ) -> None:
        checked_int("orders", orders, _CAPACITY)
        bounds = Bounds(
            owners=checked_int("owners", owners, _CAPACITY),
            price_min=checked_int("price_min", price_min, INT32),
            price_max=checked_int("price_max", price_max, INT32),
            qty_max=checked_int("qty_max", qty_max, _BOUND),
            notional_max=checked_int("notional_max", notional_max, _BOUND),
            stops_per_ms=checked_int("stops_per_ms", stops_per_ms, _STOPS_PER_MS),
        )
        if bounds.price_min > bounds.price_max:
            raise InputError("price_min", f"at most price_max ({bounds.price_max})", bounds.price_min)
        self._state = BookState(bounds, checked_int("slots", slots, _CAPACITY))

    # --- placing ---------------------------------------------------------------------------------------------------

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
        post_only: bool = False,
        reduce_only: bool = False,
        self_trade_prevention: int = SelfTradePrevention.NONE,
        display_lots: int = 0,
        expires_ms: int = 0,
    ) -> OrderResult:
        """Place a limit order: it trades while it crosses; the rest comes to rest (GTC, GTT) or is cancelled.

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
        post_only : bool
            Refuse it if it would trade (M-20).
        reduce_only : bool
            Cut it to what makes the owner's position smaller (M-26).
        self_trade_prevention : int
            `SelfTradePrevention`: what happens when it meets an order of its owner (M-23).
        display_lots : int
            How many lots an iceberg shows; 0 shows all (M-22).
        expires_ms : int
            When a GTT order ends, in ms of the book's clock (M-21).

        Returns
        -------
        OrderResult
            What was filled, rests (hidden lots included) and was cancelled; or the reason of the reject, and the book
            is unchanged.

        Raises
        ------
        InputError
            If an argument is no integer, does not fit its column, or two names are given.
        """
        return self._placed(
            order_type=OrderType.LIMIT,
            side=side,
            price_ticks=price_ticks,
            qty_lots=qty_lots,
            time_in_force=time_in_force,
            slot_id=slot_id,
            order_id=order_id,
            owner=owner,
            post_only=post_only,
            reduce_only=reduce_only,
            self_trade_prevention=self_trade_prevention,
            display_lots=display_lots,
            expires_ms=expires_ms,
        )

    def market(
        self,
        side: int,
        qty_lots: int,
        *,
        time_in_force: int = TimeInForce.DEFAULT,
        slot_id: int | None = None,
        order_id: int | None = None,
        owner: int | None = None,
        reduce_only: bool = False,
        self_trade_prevention: int = SelfTradePrevention.NONE,
    ) -> OrderResult:
        """Place a market order: it takes what the other side has, and the rest is cancelled (M-4).

        Parameters and errors are those of `limit`; left out, the time in force is IOC.
        """
        return self._placed(
            order_type=OrderType.MARKET,
            side=side,
            qty_lots=qty_lots,
            time_in_force=time_in_force,
            slot_id=slot_id,
            order_id=order_id,
            owner=owner,
            reduce_only=reduce_only,
            self_trade_prevention=self_trade_prevention,
        )

    def stop(
        self,
        side: int,
        stop_ticks: int,
        qty_lots: int,
        *,
        price_ticks: int | None = None,
        time_in_force: int = TimeInForce.DEFAULT,
        on_mark: bool = False,
        slot_id: int | None = None,
        order_id: int | None = None,
        owner: int | None = None,
        post_only: bool = False,
        reduce_only: bool = False,
        self_trade_prevention: int = SelfTradePrevention.NONE,
        display_lots: int = 0,
        expires_ms: int = 0,
    ) -> OrderResult:
        """Place a stop: an order that waits until a price is reached and then runs as a command of its own (M-24).

        Parameters
        ----------
        stop_ticks : int
            The trigger price, in ticks, int32: a buy fires at or above it, a sell at or below.
        price_ticks : int, optional
            The limit of the order that it becomes; without it that is a market order.
        on_mark : bool
            Look at the mark instead of the last price.

        The other parameters and the errors are those of `limit`; the time in force is that of the order that it
        becomes.

        Returns
        -------
        OrderResult
            The waiting lots as what is left, even if it fires at once: what it does then is said by `last_triggers`
            and `last_fills`.
        """
        return self._placed(
            order_type=OrderType.STOP if price_ticks is None else OrderType.STOP_LIMIT,
            side=side,
            stop_ticks=stop_ticks,
            qty_lots=qty_lots,
            price_ticks=0 if price_ticks is None else price_ticks,
            time_in_force=time_in_force,
            on_mark=on_mark,
            slot_id=slot_id,
            order_id=order_id,
            owner=owner,
            post_only=post_only,
            reduce_only=reduce_only,
            self_trade_prevention=self_trade_prevention,
            display_lots=display_lots,
            expires_ms=expires_ms,
        )

    def _placed(self, *, order_type: OrderType, **given: Any) -> OrderResult:
        """Check the arguments in the order in which they are given, then run the command."""
        return self._scalar(place_command(order_type, given))

    # --- taking off and changing -----------------------------------------------------------------------------------

    def cancel(
        self, handle: int | None = None, *, slot_id: int | None = None, order_id: int | None = None
    ) -> OrderResult:
        """Take an open order off by its name, an iceberg whole, a waiting stop too (M-8).

        Raises
        ------
        InputError
            If not exactly one name is given, or it is no integer that fits.
        """
        naming, name = open_name(handle, slot_id, order_id)
        return self._scalar(Command(kind=CommandKind.CANCEL, naming=naming, name=name))

    def reduce(
        self, qty_lots: int, handle: int | None = None, *, slot_id: int | None = None, order_id: int | None = None
    ) -> OrderResult:
        """Take lots off an open order, which keeps its place: hidden ones first (M-15).

        Parameters
        ----------
        qty_lots : int
            The lots to take off, int64.
        handle, slot_id, order_id : int
            The order's name: exactly one of them.

        Returns
        -------
        OrderResult
            The lots taken off as cancelled, the open ones that are left as leaves.

        Raises
        ------
        InputError
            If not exactly one name is given, or an argument is no integer that fits.
        """
        naming, name = open_name(handle, slot_id, order_id)
        qty = checked_int("qty_lots", qty_lots, INT64)
        return self._scalar(Command(kind=CommandKind.REDUCE, naming=naming, name=name, qty_lots=qty))

    def replace(
        self,
        price_ticks: int,
        qty_lots: int,
        handle: int | None = None,
        *,
        slot_id: int | None = None,
        order_id: int | None = None,
    ) -> OrderResult:
        """Give a resting order another price and open quantity (M-16).

        At the same price and with fewer lots it keeps its place; otherwise it is taken off and placed anew under the
        same name, and may trade.

        Parameters
        ----------
        price_ticks : int
            The new limit, in ticks, int32.
        qty_lots : int
            The new open quantity, in lots, int64.
        handle, slot_id, order_id : int
            The order's name: exactly one of them.

        Returns
        -------
        OrderResult
            filled + leaves + cancelled is the new quantity.

        Raises
        ------
        InputError
            If not exactly one name is given, or an argument is no integer that fits.
        """
        naming, name = open_name(handle, slot_id, order_id)
        price = checked_int("price_ticks", price_ticks, INT32)
        qty = checked_int("qty_lots", qty_lots, INT64)
        return self._scalar(
            Command(kind=CommandKind.REPLACE, naming=naming, name=name, price_ticks=price, qty_lots=qty)
        )

    def cancel_owner(self, owner: int) -> OrderResult:
        """Take off all open orders of an owner, the newest first (M-17); cancelled are the lots of all of them."""
        return self._scalar(Command(kind=CommandKind.CANCEL_OWNER, owner=checked_int("owner", owner, INT32)))

    def clear(self) -> OrderResult:
        """Take off everything: bids, asks, stops (M-18); cancelled are the lots of all of them."""
        return self._scalar(Command(kind=CommandKind.CLEAR))

    # --- telling the book something --------------------------------------------------------------------------------

    def set_mark(self, price_ticks: int) -> OrderResult:
        """Set the mark, in ticks, int32, which stops may wait for (M-24, M-32)."""
        return self._scalar(Command(kind=CommandKind.MARK, price_ticks=checked_int("price_ticks", price_ticks, INT32)))

    def set_position(self, owner: int, position_lots: int) -> OrderResult:
        """Tell an owner's position, in lots, long above 0 (M-26); from the first one on the book keeps them all."""
        known = checked_int("owner", owner, INT32)
        lots = checked_int("position_lots", position_lots, INT64)
        return self._scalar(Command(kind=CommandKind.POSITION, owner=known, qty_lots=lots))

    def advance(self, now_ms: int) -> OrderResult:
        """Move the book's clock to a time, in ms, never back; what is due expires (M-21)."""
        return self._scalar(Command(kind=CommandKind.CLOCK, time_ms=checked_int("now_ms", now_ms, INT64)))

    def set_state(self, state: int) -> OrderResult:
        """Set the market's state, a `MarketState` (M-30, M-31)."""
        return self._scalar(Command(kind=CommandKind.STATE, qty_lots=checked_int("state", state, UINT8)))

    # --- what the last command did ---------------------------------------------------------------------------------

    def _scalar(self, command: Command) -> OrderResult:
        return executed(self._state, command)

    def last_fills(self) -> list[Fill]:
        """Return the fills of the most recent scalar command and the stops it fired, in execution order."""
        return list(self._state.tables.fills)

    def last_cancels(self) -> list[Cancel]:
        """Return what left without trading in the most recent scalar command, in order of happening (M-33)."""
        return list(self._state.tables.cancels)

    def last_triggers(self) -> list[Trigger]:
        """Return the stops that ran after the most recent scalar command (M-25)."""
        return list(self._state.tables.triggers)

    # --- commands, a batch at a time -------------------------------------------------------------------------------

    def apply(self, commands: Mapping[str, Any]) -> ApplyResult:
        """Run a batch of commands: it gives what they give one by one (M-12).

        Parameters
        ----------
        commands : Mapping of str to array, shape (n,)
            ``kind`` uint8, ``side`` int8, ``price_ticks`` int32, ``qty_lots`` int64; optionally ``order_type`` uint8
            (left out: all LIMIT), ``time_in_force`` uint8 (0: the type's default), ``owner`` int32 (-1: none),
            ``flags`` uint8, ``self_trade_prevention`` uint8, ``display_lots`` int64, ``stop_ticks`` int32, ``time_ms``
            int64; and at most one naming column, ``slot_id`` int32, ``order_id`` int64 or ``handle`` int64. The last
            one names open orders only; with it, or with no naming column, orders that are placed are named by handle.
            A column is a numpy array, or anything else of just that type that answers the buffer protocol,
            ``__array_interface__`` or ``__arrow_c_array__``. The columns are read, not kept.

        Returns
        -------
        ApplyResult
            How many commands were accepted; the fills, rejects, cancels and triggers. Columns are lists.

        Raises
        ------
        InputError
            If a column is missing, unknown, or of the wrong type, shape, layout or length. Nothing was written.
        """
        tables: dict[str, dict[str, list[int]]] = {
            table: {column: [] for column in ("command", *columns)} for table, columns in _TABLES.items()
        }
        rejects: dict[str, list[int]] = {"command": [], "reason": []}
        accepted_count = 0
        kept = self._state.tables  # what `last_fills` tells is about the last scalar command
        for index, command in enumerate(commands_of(commands)):
            result = executed(self._state, command)
            accepted_count += result.accepted
            if not result.accepted:
                rejects["command"].append(index)
                rejects["reason"].append(int(result.reject_reason))
            for table, columns in _TABLES.items():
                for record in getattr(self._state.tables, table):
                    for column, value in zip(("command", *columns), (index, *record), strict=True):
                        tables[table][column].append(value)
        self._state.tables = kept
        return ApplyResult(accepted_count, tables["fills"], rejects, tables["cancels"], tables["triggers"])

    # --- views -----------------------------------------------------------------------------------------------------

    @property
    def best_bid(self) -> int | None:
        """Return the highest bid in ticks, or None."""
        return self._state.bids.best_price()

    @property
    def best_ask(self) -> int | None:
        """Return the lowest ask in ticks, or None."""
        return self._state.asks.best_price()

    @property
    def last_price(self) -> int | None:
        """Return the price of the last trade in ticks, or None before the first."""
        return self._state.last_price

    @property
    def mark_price(self) -> int | None:
        """Return the mark in ticks, or None before the first."""
        return self._state.mark_price

    @property
    def now_ms(self) -> int:
        """Return the book's clock, in ms."""
        return self._state.now_ms

    @property
    def state(self) -> int:
        """Return the market's state, a `MarketState`."""
        return self._state.market_state

    @property
    def trade_count(self) -> int:
        """Return the number of trades so far."""
        return self._state.trade_count

    @property
    def traded_lots(self) -> int:
        """Return the lots traded so far, each trade counted once."""
        return self._state.traded_lots % 2**64

    @property
    def order_count(self) -> int:
        """Return the number of orders at rest; stops are not counted."""
        return len(self._state.names) - self.stop_count

    @property
    def stop_count(self) -> int:
        """Return the number of stops that wait, or have been fired and have not run."""
        return len(self._state.stops)

    def depth(self, levels: int = 10) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return up to `levels` pairs (price_ticks, shown lots) of bids and of asks, best first."""
        limit = checked_int("levels", levels, _LEVELS)
        return _depth(self._state.bids, limit), _depth(self._state.asks, limit)

    def queue(self, price_ticks: int) -> list[tuple[int, int]]:
        """Return (id, shown lots) of the orders at a price, oldest first: of the bids there, else of the asks."""
        price = checked_int("price_ticks", price_ticks, INT32)
        level = self._state.bids.level(price) or self._state.asks.level(price)
        return [] if level is None else [(order.id, order.shown_lots) for order in level.queue.values()]

    def orders(self) -> list[RestingOrder]:
        """Return all orders at rest: bids from best to worst, then asks; in a level the oldest first."""
        return [
            RestingOrder(order.id, order.side, order.price_ticks, order.shown_lots, order.owner, order.hidden_lots)
            for ladder in (self._state.bids, self._state.asks)
            for order in ladder.orders()
        ]

    def stops(self) -> list[WaitingStop]:
        """Return all stops: waiting buys and sells on last, buys and sells on mark, then the fired ones (D-2)."""
        return [
            WaitingStop(
                id=stop.id,
                side=stop.side,
                stop_ticks=stop.stop_ticks,
                order_type=stop.order_type,
                price_ticks=stop.price_ticks,
                leaves_lots=stop.shown_lots,
                owner=stop.owner,
                on_mark=stop.is_on_mark,
                is_fired=stop.stand is Stand.FIRED,
            )
            for stop in self._state.stops
        ]

    def position(self, owner: int) -> int:
        """Return an owner's position in lots, long above 0; 0 until one is told (M-26)."""
        return self._state.positions[checked_int("owner", owner, IntRange(0, self._state.bounds.owners - 1))]

    def digest(self) -> int:
        """Return the digest of the state (D-2)."""
        return digest_of(DigestKind.BOOK, self._words())

    def _words(self) -> Iterator[int]:
        return book_words(self._state)

    def check_invariants(self) -> None:
        """Walk everything and raise `InvariantError` naming the first invariant that does not hold. O(state)."""
        broken = first_broken(self._state)
        if broken is not None:
            raise InvariantError(broken, self._dump())

    def _dump(self) -> str:
        state = self._state
        lines = [repr(order) for order in open_orders(state)]
        lines.append(f"last_price={state.last_price} trades={state.trade_count} traded_lots={state.traded_lots}")
        lines.append(f"state={state.market_state!r} mark_price={state.mark_price} now_ms={state.now_ms}")
        return "\n".join(lines)


def _depth(ladder: Ladder, limit: int) -> list[tuple[int, int]]:
    return [(level.price_ticks, level.shown_lots) for _, level in zip(range(limit), ladder, strict=False)]
