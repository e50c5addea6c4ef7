"""What must hold of a book between two commands.

Stands on `state`.

Promises: everything is walked; the first invariant that does not hold is named, with its rule. O(state).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.reference.execution import is_resting_reduce_only
from engine.reference.order import NO_EXPIRY
from engine.reference.state import LOTS_LIMIT
from engine.reference.stops import STOP_KINDS
from engine.types import MarketState, Side

if TYPE_CHECKING:
    from engine.reference.order import Order
    from engine.reference.state import BookState


def first_broken(state: BookState) -> str | None:
    """Return the first invariant that does not hold, or None."""
    bounds = state.bounds
    return (
        _crossing_broken(state)
        or state.bids.first_broken(bounds.price_min, bounds.price_max)
        or state.asks.first_broken(bounds.price_min, bounds.price_max)
        or state.stops.first_broken(bounds.price_min, bounds.price_max)
        or state.names.first_broken(open_orders(state))
        or _owners_broken(state)
        or _expiries_broken(state)
        or _lots_broken(state)
        or _stops_broken(state)
        or _reduce_only_broken(state)
    )


def open_orders(state: BookState) -> list[Order]:
    """Return all open orders, as D-2 writes them out."""
    return [*state.bids.orders(), *state.asks.orders(), *state.stops]


def _crossing_broken(state: BookState) -> str | None:
    if state.market_state is MarketState.OPEN and state.is_crossed():
        return f"M-11: best bid {state.bids.best_price()} is not below best ask {state.asks.best_price()}"
    return None


def _owners_broken(state: BookState) -> str | None:
    owned = {order.seq: order for order in open_orders(state) if order.owner >= 0}
    listed = {seq: order for orders in state.owners.values() for seq, order in orders.items()}
    if owned != listed:
        return "M-9: the owners' orders are not the open orders that have an owner"
    for owner, orders in state.owners.items():
        if not orders or any(order.owner != owner for order in orders.values()):
            return f"M-9: the list of owner {owner} is empty or holds another's order"
        if list(orders) != sorted(orders):
            return f"M-9: the orders of owner {owner} do not stand in order of placing"
    return None


def _expiries_broken(state: BookState) -> str | None:
    timed = {(order.time_ms, order.seq): order for order in open_orders(state) if order.time_ms != NO_EXPIRY}
    if timed != dict(state.expiries):
        return "M-21: the expiries are not those of the open orders that expire"
    if any(time_ms <= state.now_ms for time_ms, _ in timed):
        return f"M-21: an order is open that expired at or before {state.now_ms}"
    return None


def _lots_broken(state: BookState) -> str | None:
    for ladder in (state.bids, state.asks):
        if ladder.lots > LOTS_LIMIT:
            return f"U-3: {ladder.lots} lots rest on side {ladder.side}"
    for kind in STOP_KINDS:
        if state.stops.lots[kind] > LOTS_LIMIT:
            return f"U-3: {state.stops.lots[kind]} lots wait in {kind}"
    open_lots = sum(order.open_lots for order in open_orders(state))
    if state.accepted_lots != 2 * state.traded_lots + state.cancelled_lots + open_lots:
        return (
            f"M-13: accepted {state.accepted_lots} is not 2 x traded {state.traded_lots} "
            f"+ cancelled {state.cancelled_lots} + open {open_lots}"
        )
    return None


def _stops_broken(state: BookState) -> str | None:
    if state.stops_run > state.bounds.stops_per_ms:
        return f"M-25: {state.stops_run} stops ran in one millisecond"
    if state.market_state is not MarketState.OPEN:
        return None
    if state.stops.fired and state.stops_run < state.bounds.stops_per_ms:
        return "M-25: a fired stop has not run though the millisecond has room"
    for kind in STOP_KINDS:
        price = state.mark_price if kind.on_mark else state.last_price
        if price is not None and state.stops.next_is_reached(kind, price):
            return f"M-25: a stop of {kind} waits though {price} reaches it"
    return None


def _reduce_only_broken(state: BookState) -> str | None:
    for owner in {-1, *state.owners}:
        orders = [order for order in open_orders(state) if order.owner == owner and is_resting_reduce_only(order)]
        for side in Side:
            lots = sum(order.open_lots for order in orders if order.side == side)
            if lots > state.positions.reducible(owner, side):
                return f"M-27: {lots} reduce-only lots of owner {owner} rest, his position is {state.positions[owner]}"
    return None
