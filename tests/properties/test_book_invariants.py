"""What must hold after every command, whatever was sent: section M as one sees it from outside.

Each check is a function of a watched book and of what was seen of one command; it looks at no more than the public face
and what the watcher has counted. Drawn flows run one check at a time, so that a failure is shrunk for that check alone;
random flows, which are longer and reach deeper, run them all.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from flowkit import flows, same_class
from hypothesis import given, settings
from randomflow import RandomFlow, book_shape, rows_of
from watched import Watched

import engine
from engine import _core
from engine.testing import strategies as flow
from engine.testing.views import rows_view
from engine.types import (
    CancelReason,
    CommandKind,
    MarketState,
    OrderFlag,
    RejectReason,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

PLACE, CANCEL, REDUCE, REPLACE = CommandKind.PLACE, CommandKind.CANCEL, CommandKind.REDUCE, CommandKind.REPLACE


def m11_never_crossed(watched, seen):
    book = watched.book
    if seen.after.state == MarketState.OPEN and None not in (book.best_bid, book.best_ask):
        assert book.best_bid < book.best_ask


def m02_makers_price_inside_both_limits(watched, seen):
    for fill in seen.fills:
        maker, taker = watched.lives[fill.maker_id], watched.lives[fill.taker_id]
        assert maker.terms.side == -taker.terms.side
        assert fill.price_ticks == maker.terms.price_ticks
        assert taker.reaches(fill.price_ticks)
        assert fill.qty_lots > 0
        assert (fill.maker_owner, fill.taker_owner) == (maker.terms.owner, taker.terms.owner)
    # M-1: an order takes the best price first, so its prices never get better.
    for fill, later in pairwise(seen.fills):
        if fill.taker_id == later.taker_id:
            assert watched.lives[fill.taker_id].terms.side * (later.price_ticks - fill.price_ticks) >= 0
    if seen.fills:
        assert seen.after.last_price == seen.fills[-1].price_ticks


def m13_every_lot_is_accounted_for(watched, seen):
    open_lots = seen.after.open_lots()
    assert open_lots.keys() <= watched.lives.keys()
    for name, life in watched.lives.items():
        assert life.entered == life.traded + life.cancelled + open_lots.get(name, 0), name
    totals = watched.totals
    assert totals["entered"] == 2 * totals["traded"] + totals["cancelled"] + sum(open_lots.values())
    assert watched.book.traded_lots == totals["traded"] % 2**64
    if seen.result.accepted and seen.row.kind in (PLACE, REPLACE):
        result = seen.result
        assert result.filled_lots + result.leaves_lots + result.cancelled_lots == seen.row.qty_lots
        if seen.id in watched.takers(seen) and seen.id not in {trigger.id for trigger in seen.triggers}:
            assert result.filled_lots == sum(fill.qty_lots for fill in seen.fills if fill.taker_id == seen.id)


def m33_views_agree(watched, seen):
    """Levels, queues, counts and best prices are those of the orders."""
    book, orders = watched.book, seen.after.orders
    depth = dict(zip((Side.BUY, Side.SELL), map(rows_view, book.depth(2**20)), strict=True))
    for side, levels in depth.items():
        prices = [order.price_ticks for order in orders if order.side == side]
        assert prices == sorted(prices, reverse=side == Side.BUY)
        assert [price for price, _ in levels] == list(dict.fromkeys(prices))
        for price, shown in levels:
            queue = [order for order in orders if (order.side, order.price_ticks) == (side, price)]
            assert shown == sum(order.leaves_lots for order in queue)
            if side == Side.BUY or price not in dict(depth[Side.BUY]):  # in an auction both sides may stand at a price
                assert rows_view(book.queue(price)) == [(order.id, order.leaves_lots) for order in queue]
        assert (book.best_bid if side == Side.BUY else book.best_ask) == (levels[0][0] if levels else None)
        assert rows_view(book.depth(1)[side == Side.SELL]) == levels[:1]
    assert [order.side for order in orders] == sorted((order.side for order in orders), reverse=True)
    assert all(order.leaves_lots > 0 for order in orders)
    assert book.order_count == len(orders)
    assert book.stop_count == len(seen.after.stops)


def m06_names_find_what_is_open(watched, seen):
    """A reduce by no lots finds an open order and nothing else, and changes nothing."""
    halted = seen.after.state == MarketState.HALTED
    opened = seen.after.open_lots()
    gone = [name for name in (watched.ended.keys() | watched.lives.keys()) if name not in opened]
    for names, reason in ((opened, RejectReason.QTY_NOT_POSITIVE), (gone, RejectReason.UNKNOWN_ORDER)):
        for name in names:
            result = watched.book.reduce(0, **{watched.naming: name})
            assert result.reject_reason == (RejectReason.MARKET_STATE if halted else reason), name
    if seen.row.kind == CANCEL and seen.result.accepted:
        again = flow.sent(watched.book, seen.row, watched.naming)
        assert again.reject_reason == RejectReason.UNKNOWN_ORDER
    assert watched.book.digest() == seen.after.digest


def u07_rejects_change_nothing(watched, seen):
    if not seen.result.accepted:
        assert seen.after == seen.before
        assert (seen.fills, seen.cancels, seen.triggers) == ([], [], [])
        assert (seen.result.filled_lots, seen.result.leaves_lots, seen.result.cancelled_lots) == (0, 0, 0)


def m04_what_rests_may_rest(watched, seen):
    """No market order, no IOC, no FOK rests; and what a FOK leaves untraded is what M-26 has cut off."""
    for order in seen.after.orders:
        assert watched.lives[order.id].may_rest
    for name, life in watched.takers(seen).items():
        if life.time_in_force == TimeInForce.FOK:
            assert {cancel.reason for cancel in seen.cancels if cancel.id == name} <= {CancelReason.REDUCE_ONLY}


def m20_post_only_never_takes(watched, seen):
    assert not any(watched.lives[fill.taker_id].has(OrderFlag.POST_ONLY) for fill in seen.fills)


def m22_icebergs_show_no_more_than_their_display(watched, seen):
    for order in seen.after.orders:
        display = watched.lives[order.id].terms.display_lots
        assert order.hidden_lots == 0 or display > 0
        assert not display or order.leaves_lots <= display


def m16_changes_keep_or_lose_the_place(watched, seen):
    if not seen.result.accepted or seen.row.kind not in (CANCEL, REDUCE, REPLACE):
        return
    old = seen.before.open_lots()[seen.id]
    keeps_place = seen.row.kind != REPLACE
    left = {CANCEL: 0, REDUCE: old - seen.row.qty_lots, REPLACE: seen.row.qty_lots}[seen.row.kind]
    if seen.row.kind == REPLACE:
        standing = next(order for order in seen.before.orders if order.id == seen.id)
        keeps_place = seen.row.price_ticks == standing.price_ticks and left < old
    if keeps_place:  # M-8, M-15, M-16: and nobody else's place or lots change
        assert seen.after.orders == after_reduced(seen.before.orders, seen.id, left)
        assert seen.after.stops == [
            stop._replace(leaves_lots=left) if stop.id == seen.id else stop
            for stop in seen.before.stops
            if stop.id != seen.id or left
        ]
    elif seen.id in seen.after.open_lots() and not seen.triggers:
        order = next(order for order in seen.after.orders if order.id == seen.id)
        level = [one for one in seen.after.orders if (one.side, one.price_ticks) == (order.side, order.price_ticks)]
        assert level[-1] == order


def after_reduced(orders, name, left):
    """The orders once one has `left` lots: hidden ones go first, and without lots it ends."""
    reduced = []
    for order in orders:
        if order.id == name:
            shown = min(order.leaves_lots, left)
            order = order._replace(leaves_lots=shown, hidden_lots=left - shown)
        if order.leaves_lots:
            reduced.append(order)
    return reduced


def m21_nothing_is_open_past_its_time(watched, seen):
    for name in seen.after.open_lots():
        life = watched.lives[name]
        assert life.time_in_force != TimeInForce.GTT or seen.after.now_ms < life.terms.time_ms
    assert seen.after.now_ms >= seen.before.now_ms


def m24_stops_wait_for_their_price(watched, seen):
    for order in seen.after.orders:
        assert not watched.lives[order.id].is_stop or watched.lives[order.id].has_fired
    traded = {fill.price_ticks for fill in seen.fills}
    were_fired = {stop.id for stop in seen.before.stops if stop.is_fired}
    for trigger in seen.triggers:
        life = watched.lives[trigger.id]
        assert life.is_stop
        assert trigger[1:3] == (life.terms.owner, life.terms.stop_ticks)
        on_last = {seen.before.last_price, seen.after.last_price, *traded}
        prices = {seen.after.mark_price} if life.has(OrderFlag.TRIGGER_ON_MARK) else on_last
        assert trigger.id in were_fired or any(is_reached(life.terms, price) for price in prices)
    if seen.after.state == MarketState.OPEN:
        for stop in seen.after.stops:
            price = seen.after.mark_price if stop.on_mark else seen.after.last_price
            assert stop.is_fired or not is_reached(stop, price)
    assert len(seen.triggers) <= watched.shape.stops_per_ms


def is_reached(stop, price):
    return price is not None and stop.side * (price - stop.stop_ticks) >= 0


def m26_reduce_only_never_opens_or_flips(watched, seen):
    held = dict(watched.positions_before)
    for fill in seen.fills if seen.result.accepted else ():
        for name, owner in ((fill.maker_id, fill.maker_owner), (fill.taker_id, fill.taker_owner)):
            life = watched.lives[name]
            if life.has(OrderFlag.REDUCE_ONLY):
                assert fill.qty_lots <= -life.terms.side * held[owner], name
        watched.traded(held, fill)
    assert seen.after.positions == list(watched.positions.values())
    resting = {}
    for order in seen.after.orders:
        if watched.lives[order.id].has(OrderFlag.REDUCE_ONLY):
            key = order.owner, order.side
            resting[key] = resting.get(key, 0) + order.leaves_lots + order.hidden_lots
    for (owner, side), lots in resting.items():  # M-27
        assert lots <= -side * watched.positions[owner]


def m33_cancels_have_their_reason(watched, seen):
    refused = {trigger.id for trigger in seen.triggers if trigger.reject_reason}
    takers = watched.takers(seen)
    for cancel in seen.cancels:
        life = watched.lives[cancel.id]
        assert cancel.owner == life.terms.owner
        assert cancel.qty_lots > 0
        is_as_said = {
            CancelReason.UNFILLED: cancel.id in takers and not life.may_rest,
            CancelReason.SELF_TRADE: may_lose_to_itself(cancel.id, life, takers),
            CancelReason.EXPIRED: seen.row.kind == CommandKind.CLOCK and life.terms.time_ms <= seen.after.now_ms,
            CancelReason.REDUCE_ONLY: life.has(OrderFlag.REDUCE_ONLY),
            CancelReason.OWNER: (seen.row.kind, seen.row.owner) == (CommandKind.CANCEL_OWNER, cancel.owner),
            CancelReason.CLEARED: seen.row.kind == CommandKind.CLEAR,
            CancelReason.STOP_REFUSED: cancel.id in refused,
        }
        assert is_as_said[CancelReason(cancel.reason)], cancel


def may_lose_to_itself(name, life, takers):
    """M-23: an arriving order with a mode, or one of its owner that its limit reaches and that its mode touches."""
    if name in takers and life.has_prevention:
        return True
    return any(
        taker.has_prevention
        and taker.terms.owner == life.terms.owner
        and taker.terms.side == -life.terms.side
        and taker.terms.self_trade_prevention != SelfTradePrevention.CANCEL_TAKER
        and taker.reaches(life.terms.price_ticks)
        for taker in takers.values()
    )


CHECKS = [
    m02_makers_price_inside_both_limits,
    m04_what_rests_may_rest,
    m06_names_find_what_is_open,
    m11_never_crossed,
    m13_every_lot_is_accounted_for,
    m16_changes_keep_or_lose_the_place,
    m20_post_only_never_takes,
    m21_nothing_is_open_past_its_time,
    m22_icebergs_show_no_more_than_their_display,
    m24_stops_wait_for_their_price,
    m26_reduce_only_never_opens_or_flips,
    m33_cancels_have_their_reason,
    m33_views_agree,
    u07_rejects_change_nothing,
]


def walked(book_class, given_flow, checks):
    shape, naming, rows = given_flow
    watched = Watched(book_class(**shape.options()), shape, naming)
    for seen in watched.walk(rows):
        for check in checks:
            check(watched, seen)
    watched.book.check_invariants()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@given(given_flow=flows())
def test_after_every_command(check, given_flow):
    walked(engine.OrderBook, given_flow, [check])


@same_class
@given(given_flow=flows(max_size=60))
def test_after_every_command_all_together(book_class, given_flow):
    walked(book_class, given_flow, CHECKS)


@pytest.mark.slow
@settings(max_examples=3000)
@given(given_flow=flows(max_size=60))
def test_after_every_command_of_many_flows(given_flow):
    walked(engine.OrderBook, given_flow, CHECKS)


# Flows that reach deeper than drawn ones; a debug build walks the whole book after every call.
IS_RELEASE = _core.build_flags().startswith("release")
SEEDS = [*range(5 if IS_RELEASE else 1), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 40))]


@pytest.mark.parametrize("naming", flow.NAMINGS)
@pytest.mark.parametrize("seed", SEEDS)
def test_after_every_command_of_a_random_flow(seed, naming):
    rng = np.random.default_rng((seed, flow.NAMINGS.index(naming)))
    shape = book_shape(rng)
    drawn, watched = RandomFlow(rng, shape, naming=naming), Watched(engine.OrderBook(**shape.options()), shape, naming)
    for _ in range(60):
        reopen = watched.view.state != MarketState.OPEN and rng.random() < 0.5
        _, columns = drawn.batch(20, list(watched.view.open_lots()), watched.view.now_ms, reopen=reopen)
        for row in rows_of(columns, naming):
            if flow.is_scalar(row):
                seen = watched.sent(row)
                for check in CHECKS:
                    check(watched, seen)
    watched.book.check_invariants()
