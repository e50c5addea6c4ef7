"""Price, then time (M-1): each command's fills, cancels and the queues after it, foretold from the queues before it.

The model is a list of orders a side, best first and oldest first, and walks it as the rules say; it knows no stops, no
positions and no auction, and what a book refuses for reasons of bounds it takes from the book.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from flowkit import flows, same_class
from hypothesis import given
from randomflow import RandomFlow, book_shape, rows_of
from watched import Life, Watched

import engine
from engine.testing import strategies as flow
from engine.types import (
    CancelReason,
    CommandKind,
    OrderFlag,
    OrderType,
    RejectReason,
    SelfTradePrevention,
    TimeInForce,
)

FEATURES = flow.FEATURES - {"stops", "marks", "reduce_only", "states"}
UNFILLED, SELF_TRADE = CancelReason.UNFILLED, CancelReason.SELF_TRADE
# M-10: the last two checks of a place, which look at the other side.
FROM_THE_OTHER_SIDE = (RejectReason.POST_ONLY_WOULD_CROSS, RejectReason.FOK_NOT_FILLABLE)


class Foretold(NamedTuple):
    """What an order does that arrives: (maker, lots) of fills, (id, lots, reason) of cancels, and both sides after."""

    fills: list
    cancels: list
    opposite: list
    own: list
    untraded: int


def arrived(life, name, qty, opposite, own, displays):
    """Let an order meet the other side. Orders are [id, price, shown, owner, hidden], in order of priority."""
    opposite, own = [list(order) for order in opposite], [list(order) for order in own]
    terms, fills, cancels, left, is_ended = life.terms, [], [], qty, False
    while left and not is_ended and opposite and life.reaches(opposite[0][1]):
        maker = opposite[0]
        taken = min(left, maker[2])
        if life.has_prevention and maker[3] == terms.owner:
            mode = terms.self_trade_prevention
            if mode in (SelfTradePrevention.CANCEL_MAKER, SelfTradePrevention.CANCEL_BOTH):
                cancels.append((maker[0], maker[2] + maker[4], SELF_TRADE))
                opposite.pop(0)
            is_ended = mode in (SelfTradePrevention.CANCEL_TAKER, SelfTradePrevention.CANCEL_BOTH)
            if mode != SelfTradePrevention.DECREMENT:
                continue
            cancels += [(maker[0], taken, SELF_TRADE), (name, taken, SELF_TRADE)]
        else:
            fills.append((maker[0], taken))
        left -= taken
        maker[2] -= taken
        if not maker[2]:
            opposite.pop(0)
            if maker[4]:  # M-22: the next slice, behind all that rest at the price
                maker[2] = min(maker[4], displays[maker[0]])
                maker[4] -= maker[2]
                behind = sum(order[1] == maker[1] for order in opposite)
                opposite.insert(behind, maker)
    untraded = qty - sum(lots for _, lots in fills)
    if left and life.may_rest and not is_ended:
        shown = min(terms.display_lots or left, left)
        ahead = sum(terms.side * (order[1] - terms.price_ticks) >= 0 for order in own)
        own.insert(ahead, [name, terms.price_ticks, shown, terms.owner, left - shown])
    elif left:
        cancels.append((name, left, SELF_TRADE if is_ended else UNFILLED))
    return Foretold(fills, cancels, opposite, own, untraded)


def side_of(view, side):
    return [
        [order.id, order.price_ticks, order.leaves_lots, order.owner, order.hidden_lots]
        for order in view.orders
        if order.side == side
    ]


def check_arrival(watched, seen, life, own_before):
    """Compare what a PLACE or a REPLACE did with what was foretold."""
    side, qty = life.terms.side, seen.row.qty_lots
    displays = {name: one.terms.display_lots for name, one in watched.lives.items()}
    want = arrived(life, seen.id, qty, side_of(seen.before, -side), own_before, displays)
    crosses = any(life.reaches(order.price_ticks) for order in seen.before.orders if order.side == -side)
    reason = RejectReason.NONE
    if life.has(OrderFlag.POST_ONLY) and crosses:
        reason = RejectReason.POST_ONLY_WOULD_CROSS
    elif life.time_in_force == TimeInForce.FOK and want.untraded:
        reason = RejectReason.FOK_NOT_FILLABLE
    if not seen.result.accepted and seen.result.reject_reason not in FROM_THE_OTHER_SIDE:
        return
    assert seen.result.reject_reason == reason
    if reason == RejectReason.NONE:
        assert [(fill.maker_id, fill.qty_lots) for fill in seen.fills] == want.fills
        assert all(fill.taker_id == seen.id for fill in seen.fills)
        assert [(cancel.id, cancel.qty_lots, cancel.reason) for cancel in seen.cancels] == want.cancels
        assert side_of(seen.after, -side) == want.opposite
        assert side_of(seen.after, side) == want.own


def check_taken_off(seen, names, reason):
    """Compare a mass cancel, or an expiry, with the orders before: whole orders, in the order of the names."""
    lots = seen.before.open_lots()
    assert [(cancel.id, cancel.qty_lots, cancel.reason) for cancel in seen.cancels] == [
        (name, lots[name], reason) for name in names
    ]
    assert seen.after.orders == [order for order in seen.before.orders if order.id not in set(names)]


class Foreteller:
    """Foretell every command of a flow. `placed` are the names of open orders in the order of placing (M-9)."""

    def __init__(self, book, shape, naming):
        self.watched = Watched(book, shape, naming)
        self.placed = []

    def check(self, row):
        watched = self.watched
        seen = watched.sent(watched.aimed(row))
        row = seen.row
        before = seen.before.open_lots()
        self.placed = [name for name in self.placed if name in before]
        if row.kind == CommandKind.PLACE and self.is_plain(row):
            check_arrival(watched, seen, Life(row, 0), side_of(seen.before, row.side))
        elif row.kind == CommandKind.REPLACE and row.name in before:
            self.check_replaced(seen)
        elif seen.result.accepted and row.kind == CommandKind.CANCEL_OWNER:
            owned = [name for name in reversed(self.placed) if watched.lives[name].terms.owner == row.owner]
            check_taken_off(seen, owned, CancelReason.OWNER)
        elif seen.result.accepted and row.kind == CommandKind.CLEAR:
            check_taken_off(seen, [order.id for order in seen.before.orders], CancelReason.CLEARED)
        elif seen.result.accepted and row.kind == CommandKind.CLOCK:
            due = {name: watched.lives[name].terms.time_ms for name in self.placed if self.is_due(name, row.time_ms)}
            check_taken_off(seen, sorted(due, key=due.get), CancelReason.EXPIRED)
        elif row.kind in (CommandKind.CANCEL, CommandKind.REDUCE):
            assert (seen.fills, seen.cancels) == ([], [])  # what is left is the business of the invariants
        if row.kind == CommandKind.PLACE and seen.result.accepted:
            self.placed.append(seen.id)

    def is_plain(self, row):
        """Whether the row means something: the rest is refused before anybody looks at the other side."""
        return (
            row.side in (1, -1)
            and row.order_type in (OrderType.LIMIT, OrderType.MARKET)
            and row.time_in_force in tuple(TimeInForce)
            and row.self_trade_prevention in tuple(SelfTradePrevention)
        )

    def is_due(self, name, now_ms):
        life = self.watched.lives[name]
        return life.time_in_force == TimeInForce.GTT and life.terms.time_ms <= now_ms

    def check_replaced(self, seen):
        row, watched = seen.row, self.watched
        old = next(order for order in seen.before.orders if order.id == row.name)
        if row.price_ticks == old.price_ticks and row.qty_lots < old.leaves_lots + old.hidden_lots:
            assert (seen.fills, seen.cancels) == ([], [])  # it keeps its place
            return
        life = Life(watched.lives[row.name].terms._replace(price_ticks=row.price_ticks), 0)
        others = [order for order in side_of(seen.before, old.side) if order[0] != row.name]
        check_arrival(watched, seen, life, others)


LEFT_OUT = (CommandKind.MARK, CommandKind.POSITION, CommandKind.STATE)


def is_known(row):
    """Whether the model knows such a command; a hostile flow may turn any order into a stop."""
    return (
        flow.is_scalar(row)
        and row.kind not in LEFT_OUT
        and row.order_type not in (OrderType.STOP, OrderType.STOP_LIMIT)
    )


def foretold(book, given_flow):
    shape, naming, rows = given_flow
    foreteller = Foreteller(book, shape, naming)
    for row in filter(is_known, rows):
        foreteller.check(row)


@same_class
@given(given_flow=flows(features=FEATURES))
def test_m01_every_fill_is_foretold(book_class, given_flow):
    foretold(book_class(**given_flow[0].options()), given_flow)


@given(given_flow=flows(features=frozenset({"digest", "slot_ids", "handles", "bounds"}), hostile=False))
def test_m01_every_fill_of_a_plain_flow_is_foretold(given_flow):
    foretold(engine.OrderBook(**given_flow[0].options()), given_flow)


SEEDS = [*range(6), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 60))]


@pytest.mark.parametrize("naming", flow.NAMINGS)
@pytest.mark.parametrize("seed", SEEDS)
def test_m01_every_fill_of_a_random_flow_is_foretold(seed, naming):
    rng = np.random.default_rng((seed, flow.NAMINGS.index(naming)))
    shape = flow.narrowed(book_shape(rng), price_min=1, price_max=40)
    drawn = RandomFlow(rng, shape, naming=naming)
    foreteller = Foreteller(engine.OrderBook(**shape.options()), shape, naming)
    for _ in range(100):
        view = foreteller.watched.view
        _, columns = drawn.batch(20, list(view.open_lots()), view.now_ms, reopen=False)
        for row in rows_of(columns, naming):
            if is_known(row):
                foreteller.check(row._replace(flags=row.flags & ~int(OrderFlag.REDUCE_ONLY)))
