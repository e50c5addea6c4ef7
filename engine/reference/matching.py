"""How an order that arrives meets the other side: priority, trades, self-trade prevention, fill-or-kill.

Stands on `state`.

Promises: `matched` cannot fail; `fillable_lots` writes nothing, and what it counts a match would trade (M-19).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.records import Fill
from engine.types import CancelReason, SelfTradePrevention

if TYPE_CHECKING:
    from engine.reference.order import Order
    from engine.reference.state import BookState


def matched(state: BookState, taker: Order) -> bool:
    """Trade while the order has lots and crosses: best price first, oldest order first (M-1).

    Returns
    -------
    bool
        Whether self-trade prevention cancels what is left of the taker (M-23).
    """
    ladder = state.ladder(-taker.side)
    while taker.shown_lots and (level := ladder.best()) is not None and taker.reaches(level.price_ticks):
        maker = next(iter(level.queue.values()))
        if not _is_left_after_cut(state, maker):
            continue
        if not _is_self_trade(taker, maker):
            _trade(state, maker, taker, min(maker.shown_lots, taker.shown_lots))
        elif _self_trade_ends_taker(state, maker, taker):
            return True
    return False


def _is_left_after_cut(state: BookState, maker: Order) -> bool:
    """Cut a reduce-only order that is met to what its owner's position allows now; tell whether it is there still.

    M-27: fills of this very command may have made the position smaller since the order was last looked at.
    """
    if maker.is_reduce_only:
        excess_lots = maker.open_lots - state.positions.reducible(maker.owner, maker.side)
        if excess_lots > 0:
            state.take_off(maker, excess_lots, CancelReason.REDUCE_ONLY)
    return maker.open_lots > 0


def _is_self_trade(taker: Order, maker: Order) -> bool:
    """Tell whether the taker wants to be kept from this maker (M-23); orders without an owner never are."""
    has_mode = taker.self_trade_prevention != SelfTradePrevention.NONE
    return has_mode and taker.owner >= 0 and taker.owner == maker.owner


def _self_trade_ends_taker(state: BookState, maker: Order, taker: Order) -> bool:
    """Do what the taker's mode says (M-23); tell whether what is left of the taker is to be cancelled."""
    mode = taker.self_trade_prevention
    if mode == SelfTradePrevention.DECREMENT:
        qty_lots = min(maker.shown_lots, taker.shown_lots)
        state.cancelled(maker, qty_lots, CancelReason.SELF_TRADE)
        state.taken(maker, qty_lots)
        taker.shown_lots -= qty_lots
        state.cancelled(taker, qty_lots, CancelReason.SELF_TRADE)
        return False
    if mode in (SelfTradePrevention.CANCEL_MAKER, SelfTradePrevention.CANCEL_BOTH):
        state.take_off(maker, maker.open_lots, CancelReason.SELF_TRADE)
    return mode in (SelfTradePrevention.CANCEL_TAKER, SelfTradePrevention.CANCEL_BOTH)


def _trade(state: BookState, maker: Order, taker: Order, qty_lots: int) -> None:
    """Make one trade at the maker's price (M-2)."""
    taker.shown_lots -= qty_lots
    state.taken(maker, qty_lots)
    state.last_price = maker.price_ticks
    state.trade_count += 1
    state.traded_lots += qty_lots
    state.positions.traded(maker.owner, maker.side * qty_lots)
    state.positions.traded(taker.owner, taker.side * qty_lots)
    state.tables.fills.append(Fill(maker.id, taker.id, maker.price_ticks, qty_lots, maker.owner, taker.owner))


def fillable_lots(state: BookState, taker: Order, enough_lots: int) -> int:
    """Count the lots that an order is sure to trade, in priority order up to its limit (M-19).

    The count may stop once it has reached `enough_lots`.
    """
    counted_lots = 0
    for level in state.ladder(-taker.side):
        if counted_lots >= enough_lots or not taker.reaches(level.price_ticks):
            break
        hidden_lots = 0  # they come to the back of the level, behind all that shows now
        for maker in level.queue.values():
            is_own = _is_self_trade(taker, maker)
            if is_own and taker.self_trade_prevention != SelfTradePrevention.CANCEL_MAKER:
                return counted_lots
            if not is_own and not maker.is_reduce_only:
                counted_lots += maker.shown_lots
                hidden_lots += maker.hidden_lots
        counted_lots += hidden_lots
    return counted_lots
