"""The state of a book written out as words, for its digest (D-2).

Stands on `state` and `digest`.

Promises: the words of a book that uses none of the later features are those of the first version of the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.reference.digest import (
    WORD_BOOK_TERMS,
    WORD_NO_PRICE,
    WORD_ORDER_TERMS,
    WORD_POSITIONS,
    WORD_SIDE_END,
    WORD_STOPS,
)
from engine.reference.order import NO_EXPIRY
from engine.reference.stops import STOP_KINDS
from engine.types import MarketState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.reference.order import Order
    from engine.reference.state import BookState

_MODE_FACTOR = 256  # self-trade prevention stands above the flags in one word


def book_words(state: BookState, *, id_mask: int = -1) -> Iterator[int]:
    """Write out a book.

    Parameters
    ----------
    state : BookState
        The book.
    id_mask : int
        Which bits of an order's name count; a world's books show the number only (V-4).
    """
    for ladder in (state.bids, state.asks):
        for order in ladder.orders():
            yield from (order.price_ticks, order.shown_lots, order.id & id_mask, order.owner)
            yield from _terms_words(order)
        yield WORD_SIDE_END
    yield price_word(state.last_price)
    yield state.trade_count
    yield state.traded_lots
    if len(state.stops):
        yield from _stops_words(state, id_mask)
    if _has_book_terms(state):
        yield from (WORD_BOOK_TERMS, state.market_state, price_word(state.mark_price), state.now_ms, state.stops_run)
    if state.positions.are_told:
        yield WORD_POSITIONS
        for owner, position_lots in state.positions:
            yield from (owner, position_lots)
        yield WORD_SIDE_END


def price_word(price_ticks: int | None) -> int:
    """Return a price as a word."""
    return WORD_NO_PRICE if price_ticks is None else price_ticks


def _terms_words(order: Order) -> Iterator[int]:
    """Write out the terms of a resting order that a plain one does not have."""
    has_terms = order.flags or order.self_trade_prevention or order.display_lots or order.time_ms != NO_EXPIRY
    if has_terms:
        yield from (WORD_ORDER_TERMS, _mode_word(order), order.display_lots, order.hidden_lots, order.time_ms)


def _stops_words(state: BookState, id_mask: int) -> Iterator[int]:
    yield WORD_STOPS
    for stops in (*(state.stops.waiting(kind) for kind in STOP_KINDS), state.stops.fired):
        for stop in stops:
            yield from (stop.stop_ticks, stop.order_type, stop.time_in_force, stop.price_ticks, stop.shown_lots)
            yield from (stop.id & id_mask, stop.owner, _mode_word(stop), stop.display_lots, stop.time_ms)
        yield WORD_SIDE_END


def _has_book_terms(state: BookState) -> bool:
    is_open = state.market_state is MarketState.OPEN
    return not is_open or state.mark_price is not None or state.now_ms != 0 or state.stops_run != 0


def _mode_word(order: Order) -> int:
    return order.flags + _MODE_FACTOR * order.self_trade_prevention
