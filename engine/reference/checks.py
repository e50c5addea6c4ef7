"""Why a command is refused: the checks of each kind, in the order in which they are made (M-10).

Stands on `state`, `commands`, `matching`.

Promises: nothing is written; the first check that fails is the reason.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.reference.commands import order_of, terms_refusal
from engine.reference.matching import fillable_lots
from engine.reference.order import Stand
from engine.reference.state import LOTS_LIMIT
from engine.reference.stops import kind_of
from engine.types import CommandKind, MarketState, RejectReason, TimeInForce

if TYPE_CHECKING:
    from engine.reference.commands import Command
    from engine.reference.order import Order
    from engine.reference.state import BookState

TIME_MAX_MS = 2**62  # M-21
SLICES_MAX = 10_000  # M-22

_MARKET_STATES = frozenset(map(int, MarketState))

# M-30: what is legal beside the kinds that always are; PLACE in AUCTION is looked at more closely.
_ALWAYS_LEGAL = {CommandKind.CLEAR, CommandKind.MARK, CommandKind.POSITION, CommandKind.CLOCK, CommandKind.STATE}
_REDUCING = {CommandKind.REDUCE, CommandKind.CANCEL, CommandKind.CANCEL_OWNER}
_LEGAL_KINDS = {
    MarketState.OPEN: {CommandKind.PLACE, CommandKind.REPLACE, *_REDUCING},
    MarketState.CANCEL_ONLY: _REDUCING,
    MarketState.HALTED: set(),
    MarketState.AUCTION: {CommandKind.PLACE, CommandKind.REPLACE, *_REDUCING},
}


def refusal(state: BookState, command: Command) -> RejectReason:
    """Return the first reason to refuse a command, or NONE."""
    if command.kind not in _CHECKS:
        return RejectReason.BAD_KIND
    return _CHECKS[CommandKind(command.kind)](state, command)


def _place_refusal(state: BookState, command: Command) -> RejectReason:
    reason = terms_refusal(command)
    if reason is not RejectReason.NONE:
        return reason
    order = order_of(command)
    return (
        _placing_state_refusal(state, order)
        or amount_refusal(state, order)
        or _trigger_refusal(state, order)
        or _display_refusal(order)
        or _expiry_refusal(state, order)
        or _owner_refusal(state, order)
        or state.names.place_refusal(command.naming, command.name)
        or (_stop_room_refusal(state, order) if order.is_stop else arrival_refusal(state, order))
    )


def _state_refusal(state: BookState, command: Command) -> RejectReason:
    """Check that a kind is legal in the market's state (M-30)."""
    is_legal = command.kind in _ALWAYS_LEGAL or command.kind in _LEGAL_KINDS[state.market_state]
    return RejectReason.NONE if is_legal else RejectReason.MARKET_STATE


def _placing_state_refusal(state: BookState, order: Order) -> RejectReason:
    """Check that an order may be placed in the market's state: in an auction what waits for its end (M-30)."""
    is_legal = CommandKind.PLACE in _LEGAL_KINDS[state.market_state]
    if state.market_state is MarketState.AUCTION:
        is_legal = order.is_stop or order.may_rest
    return RejectReason.NONE if is_legal else RejectReason.MARKET_STATE


def amount_refusal(state: BookState, order: Order) -> RejectReason:
    """Check price, quantity and notional (U-2); an order without a limit has no price to look at (M-5)."""
    if order.has_limit and not state.bounds.has_price(order.price_ticks):
        return RejectReason.PRICE_OUT_OF_BOUNDS
    if order.open_lots < 1:
        return RejectReason.QTY_NOT_POSITIVE
    if order.open_lots > state.bounds.qty_max:
        return RejectReason.QTY_OUT_OF_BOUNDS
    if order.has_limit and abs(order.price_ticks) * order.open_lots > state.bounds.notional_max:
        return RejectReason.NOTIONAL_OUT_OF_BOUNDS
    return RejectReason.NONE


def _trigger_refusal(state: BookState, order: Order) -> RejectReason:
    """Check a stop's trigger price (M-24)."""
    is_out = order.is_stop and not state.bounds.has_price(order.stop_ticks)
    return RejectReason.TRIGGER_OUT_OF_BOUNDS if is_out else RejectReason.NONE


def _display_refusal(order: Order) -> RejectReason:
    """Check an iceberg's display (M-22)."""
    if order.display_lots == 0:
        return RejectReason.NONE
    if not 1 <= order.display_lots <= order.open_lots:
        return RejectReason.DISPLAY_OUT_OF_BOUNDS
    return _slices_refusal(order)


def _slices_refusal(order: Order) -> RejectReason:
    """Check that an iceberg has not too many slices; the last one may be smaller (M-22)."""
    is_too_fine = order.display_lots > 0 and order.open_lots > SLICES_MAX * order.display_lots
    return RejectReason.DISPLAY_OUT_OF_BOUNDS if is_too_fine else RejectReason.NONE


def _expiry_refusal(state: BookState, order: Order) -> RejectReason:
    """Check that the expiry of a GTT order lies ahead (M-21)."""
    is_timed = order.time_in_force == TimeInForce.GTT
    is_bad = is_timed and not state.now_ms < order.time_ms <= TIME_MAX_MS
    return RejectReason.EXPIRY_NOT_AHEAD if is_bad else RejectReason.NONE


def _owner_refusal(state: BookState, order: Order) -> RejectReason:
    """Check the owner of an order, who may be none (M-9)."""
    is_known = order.owner == -1 or state.bounds.has_owner(order.owner)
    return RejectReason.NONE if is_known else RejectReason.OWNER_OUT_OF_RANGE


def _stop_room_refusal(state: BookState, stop: Order) -> RejectReason:
    """Check the room among the waiting stops of its kind (U-3)."""
    is_full = state.stops.lots[kind_of(stop)] + stop.open_lots > LOTS_LIMIT
    return RejectReason.SIDE_FULL if is_full else RejectReason.NONE


# --- an order that arrives: placed, replaced or fired ---------------------------------------------------------------


def arriving_lots(state: BookState, order: Order) -> int:
    """Return the lots that may arrive: a reduce-only order is cut to the position that it may reduce (M-26)."""
    if not order.is_reduce_only:
        return order.open_lots
    return min(order.open_lots, state.positions.reducible(order.owner, order.side))


def arrival_refusal(state: BookState, order: Order, freed_lots: int = 0) -> RejectReason:
    """Check an order against the book as it stands: "nothing to reduce" and what comes after it (M-10).

    Parameters
    ----------
    state : BookState
        The book.
    order : Order
        The order as it would arrive.
    freed_lots : int
        Lots on its own side that go before it comes: those of an order that is replaced (M-16).
    """
    lots = arriving_lots(state, order)
    if lots == 0:
        return RejectReason.NOTHING_TO_REDUCE
    # U-3: as if none of it traded, for nobody has matched yet.
    if order.may_rest and state.ladder(order.side).lots - freed_lots + lots > LOTS_LIMIT:
        return RejectReason.SIDE_FULL
    if order.is_post_only and state.market_state is not MarketState.AUCTION and _would_cross(state, order):
        return RejectReason.POST_ONLY_WOULD_CROSS
    if order.time_in_force == TimeInForce.FOK and fillable_lots(state, order, lots) < lots:
        return RejectReason.FOK_NOT_FILLABLE
    return RejectReason.NONE


def _would_cross(state: BookState, order: Order) -> bool:
    """Tell whether an order's limit reaches the best opposite price, whoever stands there (M-20)."""
    best = state.ladder(-order.side).best_price()
    return best is not None and order.reaches(best)


# --- the other kinds ------------------------------------------------------------------------------------------------


def _cancel_refusal(state: BookState, command: Command) -> RejectReason:
    return _state_refusal(state, command) or state.names.open_refusal(command.naming, command.name)


def _reduce_refusal(state: BookState, command: Command) -> RejectReason:
    reason = _cancel_refusal(state, command)
    if reason is not RejectReason.NONE:
        return reason
    if command.qty_lots < 1:
        return RejectReason.QTY_NOT_POSITIVE
    is_too_large = command.qty_lots > state.names.order(command.naming, command.name).open_lots
    return RejectReason.REDUCE_TOO_LARGE if is_too_large else RejectReason.NONE


def _replace_refusal(state: BookState, command: Command) -> RejectReason:
    reason = _cancel_refusal(state, command)
    if reason is not RejectReason.NONE:
        return reason
    old = state.names.order(command.naming, command.name)
    if old.stand is not Stand.RESTING:
        return RejectReason.STOP_WAITING
    new = replaced(old, command)
    return amount_refusal(state, new) or _slices_refusal(new) or arrival_refusal(state, new, freed_lots=old.open_lots)


def replaced(old: Order, command: Command) -> Order:
    """Return the order that a REPLACE puts in the place of an old one (M-16)."""
    return replace(old, price_ticks=command.price_ticks, shown_lots=command.qty_lots, hidden_lots=0)


def _cancel_owner_refusal(state: BookState, command: Command) -> RejectReason:
    return _state_refusal(state, command) or _known_owner_refusal(state, command)


def _known_owner_refusal(state: BookState, command: Command) -> RejectReason:
    """Check that a command names an owner that there is; none (-1) is no owner (M-9)."""
    return RejectReason.NONE if state.bounds.has_owner(command.owner) else RejectReason.OWNER_OUT_OF_RANGE


def _clear_refusal(_state: BookState, _command: Command) -> RejectReason:
    return RejectReason.NONE


def _mark_refusal(state: BookState, command: Command) -> RejectReason:
    is_in_bounds = state.bounds.has_price(command.price_ticks)  # M-32
    return RejectReason.NONE if is_in_bounds else RejectReason.PRICE_OUT_OF_BOUNDS


def _position_refusal(state: BookState, command: Command) -> RejectReason:
    reason = _known_owner_refusal(state, command)
    if reason is not RejectReason.NONE:
        return reason
    return RejectReason.NONE if abs(command.qty_lots) <= LOTS_LIMIT else RejectReason.QTY_OUT_OF_BOUNDS


def _clock_refusal(state: BookState, command: Command) -> RejectReason:
    is_ahead = state.now_ms <= command.time_ms <= TIME_MAX_MS  # M-21: never back
    return RejectReason.NONE if is_ahead else RejectReason.TIME_OUT_OF_RANGE


def _market_state_refusal(state: BookState, command: Command) -> RejectReason:
    if command.qty_lots not in _MARKET_STATES:
        return RejectReason.BAD_STATE
    # M-31: only an auction can leave a book crossed.
    if command.qty_lots == MarketState.OPEN and state.is_crossed():
        return RejectReason.BOOK_CROSSED
    return RejectReason.NONE


_CHECKS = {
    CommandKind.PLACE: _place_refusal,
    CommandKind.CANCEL: _cancel_refusal,
    CommandKind.REDUCE: _reduce_refusal,
    CommandKind.REPLACE: _replace_refusal,
    CommandKind.CANCEL_OWNER: _cancel_owner_refusal,
    CommandKind.CLEAR: _clear_refusal,
    CommandKind.MARK: _mark_refusal,
    CommandKind.POSITION: _position_refusal,
    CommandKind.CLOCK: _clock_refusal,
    CommandKind.STATE: _market_state_refusal,
}
