"""What each kind of command does once it has passed its checks, and what follows it: trimming, then stops.

Stands on `state`, `checks`, `matching`.

::

    command -> refusal (checks)          nothing written
            -> _RUNS[kind]               match, rest, take off, set
            -> _followed                 M-27: reduce-only lots are trimmed; M-25: what was reached is fired
            -> fired stops, one by one   each checked again, matched, and followed in the same way

Promises: one command in, its result out; the rows of its tables stand in `state.tables`. A refused command writes
nothing. Cannot fail otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engine.errors import InvariantError
from engine.records import OrderResult, Trigger
from engine.reference.checks import arrival_refusal, arriving_lots, refusal, replaced
from engine.reference.commands import HANDLE_NONE, OWNER_NONE, order_of
from engine.reference.matching import matched
from engine.reference.order import Naming, Stand
from engine.reference.state import Tables
from engine.reference.stops import StopKind
from engine.types import CancelReason, CommandKind, MarketState, RejectReason, Side, TimeInForce

if TYPE_CHECKING:
    from engine.reference.commands import Command
    from engine.reference.order import Order
    from engine.reference.state import BookState

# The kinds whose result bears the name that they were given, whatever its naming.
_BY_NAME = (CommandKind.CANCEL, CommandKind.REDUCE, CommandKind.REPLACE)
_NOTHING = OrderResult(HANDLE_NONE, 0, 0, 0, RejectReason.NONE)


class Ran(NamedTuple):
    """Say what a command did, and who acted, for what follows it."""

    result: OrderResult
    owner: int = OWNER_NONE
    side: int = 0  # of the order that arrived; 0 where none did


def executed(state: BookState, command: Command) -> OrderResult:
    """Run one command, and the stops that it fires."""
    state.tables = Tables()
    reason = refusal(state, command)
    if reason is not RejectReason.NONE:
        return OrderResult(_refused_name(command), 0, 0, 0, reason)
    ran = _RUNS[CommandKind(command.kind)](state, command)
    _followed(state, ran, first_fill=0)
    _run_fired(state)
    return ran.result


def _refused_name(command: Command) -> int:
    """Return the name in the result of a reject: the one given, or -1."""
    is_named = command.kind in _BY_NAME or (command.kind == CommandKind.PLACE and command.naming is not Naming.HANDLE)
    return command.name if is_named else HANDLE_NONE


# --- orders arrive --------------------------------------------------------------------------------------------------


def _placed(state: BookState, command: Command) -> Ran:
    order = order_of(command)
    # M-7: the engine's slot is taken before the match, so the slots that the makers give back come too late for it.
    state.named(order)
    state.accepted_lots += order.shown_lots
    if order.is_stop:
        state.stops.add(order)
        state.opened(order)
        return Ran(OrderResult(order.id, 0, order.shown_lots, 0, RejectReason.NONE), order.owner)
    return Ran(_arrived(state, order), order.owner, order.side)


def _arrived(state: BookState, order: Order) -> OrderResult:
    """Cut, match, and let rest or end an order that has passed its checks: one placed, replaced or fired."""
    asked_lots, first_fill = order.shown_lots, len(state.tables.fills)
    cut_lots = asked_lots - arriving_lots(state, order)
    if cut_lots:
        order.shown_lots -= cut_lots
        state.cancelled(order, cut_lots, CancelReason.REDUCE_ONLY)  # M-26
    is_self_trade = False
    if state.market_state is not MarketState.AUCTION:  # M-31: there nothing trades
        is_self_trade = matched(state, order)
    left_lots = order.shown_lots
    filled_lots = sum(fill.qty_lots for fill in state.tables.fills[first_fill:])
    if left_lots and order.time_in_force == TimeInForce.FOK:
        raise InvariantError(f"M-19: {left_lots} lots of a fill-or-kill order did not trade", repr(order))
    if left_lots and order.may_rest and not is_self_trade:
        state.ladder(order.side).add(order)
        state.opened(order)
        return _result(order, asked_lots, filled_lots, left_lots)
    if left_lots:
        state.cancelled(order, left_lots, CancelReason.SELF_TRADE if is_self_trade else CancelReason.UNFILLED)
    state.ended(order)
    return _result(order, asked_lots, filled_lots, 0)


def _result(order: Order, asked_lots: int, filled_lots: int, leaves_lots: int) -> OrderResult:
    """Return the result of an order that arrived: asked = filled + leaves + cancelled (M-4)."""
    return OrderResult(order.id, filled_lots, leaves_lots, asked_lots - filled_lots - leaves_lots, RejectReason.NONE)


def _replaced(state: BookState, command: Command) -> Ran:
    """Give an order another price and quantity (M-16)."""
    old = state.names.order(command.naming, command.name)
    if command.price_ticks == old.price_ticks and command.qty_lots < old.open_lots:
        state.take_off(old, old.open_lots - command.qty_lots, None)
        return Ran(_result(old, command.qty_lots, 0, command.qty_lots), old.owner, old.side)
    new = replaced(old, command)
    # The order is not struck out, so that name, slot, owner's list and expiry stay; it arrives under the same seq.
    old_lots = old.open_lots
    state.ladder(old.side).cut(old, old_lots)
    state.cancelled(old, old_lots, None)
    state.accepted_lots += command.qty_lots
    new.stand = Stand.ARRIVING
    return Ran(_arrived(state, new), new.owner, new.side)


# --- orders are taken off -------------------------------------------------------------------------------------------


def _cancelled(state: BookState, command: Command) -> Ran:
    order = state.names.order(command.naming, command.name)
    qty_lots = order.open_lots
    state.take_off(order, qty_lots, None)
    return Ran(OrderResult(command.name, 0, 0, qty_lots, RejectReason.NONE), order.owner)


def _reduced(state: BookState, command: Command) -> Ran:
    order = state.names.order(command.naming, command.name)
    state.take_off(order, command.qty_lots, None)
    return Ran(OrderResult(command.name, 0, order.open_lots, command.qty_lots, RejectReason.NONE), order.owner)


def _owner_cancelled(state: BookState, command: Command) -> Ran:
    newest_first = reversed(state.orders_of(command.owner))  # M-17
    return Ran(_all_taken_off(state, list(newest_first), CancelReason.OWNER), command.owner)


def _cleared(state: BookState, _command: Command) -> Ran:
    in_order = [*state.bids.orders(), *state.asks.orders(), *state.stops]  # M-18
    return Ran(_all_taken_off(state, in_order, CancelReason.CLEARED))


def _all_taken_off(state: BookState, orders: list[Order], reason: CancelReason) -> OrderResult:
    qty_lots = sum(order.open_lots for order in orders)
    for order in orders:
        state.take_off(order, order.open_lots, reason)
    return OrderResult(HANDLE_NONE, 0, 0, qty_lots, RejectReason.NONE)


# --- what a book is told --------------------------------------------------------------------------------------------


def _mark_set(state: BookState, command: Command) -> Ran:
    state.mark_price = command.price_ticks
    return Ran(_NOTHING)


def _position_told(state: BookState, command: Command) -> Ran:
    state.positions.tell(command.owner, command.qty_lots)
    return Ran(_NOTHING, command.owner)


def _clock_moved(state: BookState, command: Command) -> Ran:
    """Move the clock and take off what is due, by (time, order of placing) (M-21)."""
    if command.time_ms > state.now_ms:
        state.stops_run = 0  # M-25: a new millisecond
    state.now_ms = command.time_ms
    while state.expiries and state.expiries.peekitem(0)[0][0] <= state.now_ms:
        _, order = state.expiries.peekitem(0)
        state.take_off(order, order.open_lots, CancelReason.EXPIRED)
    return Ran(_NOTHING)


def _market_state_set(state: BookState, command: Command) -> Ran:
    state.market_state = MarketState(command.qty_lots)
    return Ran(_NOTHING)


# --- what follows a command -----------------------------------------------------------------------------------------


def _followed(state: BookState, ran: Ran, first_fill: int) -> None:
    """Do what follows a command or a fired stop; `first_fill` is where its fills begin in the table."""
    _trim_reduce_only(state, ran, first_fill)
    if state.market_state is MarketState.OPEN and len(state.stops):
        _fire_reached(state, ran, first_fill)


def _trim_reduce_only(state: BookState, ran: Ran, first_fill: int) -> None:
    """Take off the reduce-only lots that positions do not allow any more (M-27)."""
    if not state.positions.are_told:
        return
    owners = [owner for fill in state.tables.fills[first_fill:] for owner in (fill.maker_owner, fill.taker_owner)]
    for owner in dict.fromkeys([*owners, ran.owner]):
        orders = [order for order in state.orders_of(owner) if is_resting_reduce_only(order)]
        for side in Side:
            of_side = [order for order in orders if order.side == side]
            excess_lots = sum(order.open_lots for order in of_side) - state.positions.reducible(owner, side)
            for order in reversed(of_side):  # the newest first
                if excess_lots <= 0:
                    break
                qty_lots = min(excess_lots, order.open_lots)
                excess_lots -= qty_lots
                state.take_off(order, qty_lots, CancelReason.REDUCE_ONLY)


def is_resting_reduce_only(order: Order) -> bool:
    """Tell whether an open order counts against its owner's position (M-27)."""
    return order.is_reduce_only and order.stand is Stand.RESTING


def _fire_reached(state: BookState, ran: Ran, first_fill: int) -> None:
    """Move the stops that the command has reached to the fired ones, in the order of M-25."""
    prices = [fill.price_ticks for fill in state.tables.fills[first_fill:]]
    has_bought = bool(prices) and ran.side == Side.BUY
    if state.last_price is not None:
        # All between the first and the last trade price is reached; without a trade, what the last price reaches.
        reached = {Side.BUY: max(prices, default=state.last_price), Side.SELL: min(prices, default=state.last_price)}
        # A buyer's trades rise: sells are reached by the first of them, buys by the last. A seller's fall.
        for side in (Side.SELL, Side.BUY) if has_bought else (Side.BUY, Side.SELL):
            state.stops.fire(StopKind(on_mark=False, side=side), reached[side])
    if state.mark_price is not None:
        for side in (Side.BUY, Side.SELL):
            state.stops.fire(StopKind(on_mark=True, side=side), state.mark_price)


def _run_fired(state: BookState) -> None:
    """Run the fired stops, as many as this millisecond still has room for (M-25)."""
    while state.stops.fired and state.market_state is MarketState.OPEN and state.stops_run < state.bounds.stops_per_ms:
        stop = state.stops.fired.popleft()
        stop.stand = Stand.ARRIVING
        state.stops_run += 1
        first_fill = len(state.tables.fills)
        # M-10: from "nothing to reduce" on; all before that was checked when it was placed.
        reason = arrival_refusal(state, stop)
        state.tables.triggers.append(Trigger(stop.id, stop.owner, stop.stop_ticks, int(reason)))
        if reason is RejectReason.NONE:
            ran = Ran(_arrived(state, stop), stop.owner, stop.side)
            _followed(state, ran, first_fill)
        else:
            state.cancelled(stop, stop.shown_lots, CancelReason.STOP_REFUSED)
            state.ended(stop)


_RUNS = {
    CommandKind.PLACE: _placed,
    CommandKind.CANCEL: _cancelled,
    CommandKind.REDUCE: _reduced,
    CommandKind.REPLACE: _replaced,
    CommandKind.CANCEL_OWNER: _owner_cancelled,
    CommandKind.CLEAR: _cleared,
    CommandKind.MARK: _mark_set,
    CommandKind.POSITION: _position_told,
    CommandKind.CLOCK: _clock_moved,
    CommandKind.STATE: _market_state_set,
}
