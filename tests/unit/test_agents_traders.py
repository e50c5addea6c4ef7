"""Momentum, arbitrage and value traders as stories, each rule on both sides of its boundary (A-5, A-6, A-7)."""

from __future__ import annotations

import pytest

from engine.testing.village import PERPETUAL, PRICE, SPOT, Village
from engine.types import OrderType, RejectReason, Side, TimeInForce


class Hand(Village):
    """A village whose books are written by hand."""

    def __init__(self):
        super().__init__(levels=0)
        self.tickets = {}

    def touch(self, at_ms, bid, ask, *, market=PERPETUAL, lots=100):
        """Replace the outside's bid and ask on a market."""
        for ticket in self.tickets.get(market, ()):
            self.native.send_cancel(ticket, at_ms=at_ms)
        self.tickets[market] = [
            self.native.send_order(self.outside, market, side, price, lots, at_ms=at_ms)
            for side, price in ((Side.BUY, bid), (Side.SELL, ask))
            if price is not None
        ]

    def sent(self, account):
        """Return (time_ms, market, side, price, qty) of an account's orders as they arrived."""
        table = self.native.journal()
        names = ("time_ms", "market", "side", "price", "qty")
        rows = zip(
            *(table[name].tolist() for name in ("kind", "account")),
            *(table[name].tolist() for name in names),
            strict=True,
        )
        return [row[2:] for row in rows if row[:2] == (3, account)]

    def held(self, account, market=PERPETUAL):
        return self.native.position(account, market)[0]


class TestMomentum:
    @staticmethod
    def after_a_move(to, *, until_ms=115, **terms):
        hand = Hand()
        hand.touch(0, PRICE - 1, PRICE + 1)
        hand.touch(100, to - 1, to + 1)
        terms = {"threshold": 0.01, "lookback_ms": 50, "hold_ms": 200, "qty_lots": 7, "wake_every_ms": 5, **terms}
        trader = hand.add("momentum", market=PERPETUAL, start_ms=1, **terms)
        hand.native.run(until_ms)
        return hand, trader

    @pytest.mark.parametrize(
        ("to", "side"),
        [(10_100, Side.BUY), (10_099, None), (9_900, Side.SELL), (9_901, None), (PRICE, None)],
    )
    def test_a5_it_follows_a_move_of_the_threshold_in_its_direction(self, to, side):
        hand, trader = self.after_a_move(to)
        assert [row[1:] for row in hand.sent(trader)] == ([] if side is None else [(PERPETUAL, side, 0, 7)])

    def test_a5_with_a_threshold_of_nothing_it_needs_a_move_all_the_same(self):
        still, mover = self.after_a_move(PRICE, threshold=0.0)
        assert still.sent(mover) == []
        moved, mover = self.after_a_move(PRICE + 1, threshold=0.0)
        assert len(moved.sent(mover)) == 1

    def test_a5_a_move_counts_against_the_price_that_it_saw_lookback_ago(self):
        # 0.6 % and 0.6 %, sixty milliseconds apart: together a move of the threshold, if one looks back far enough.
        for lookback_ms, follows in ((90, True), (30, False)):
            hand = Hand()
            hand.touch(0, 9_999, 10_001)
            hand.touch(100, 10_059, 10_061)
            hand.touch(160, 10_119, 10_121)
            terms = {"threshold": 0.01, "lookback_ms": lookback_ms, "hold_ms": 999, "qty_lots": 7, "wake_every_ms": 5}
            trader = hand.add("momentum", market=PERPETUAL, start_ms=1, **terms)
            hand.native.run(260)
            assert bool(hand.sent(trader)) is follows

    def test_a5_it_cannot_follow_before_it_has_looked_for_lookback_long(self):
        hand, trader = self.after_a_move(10_200, lookback_ms=150, until_ms=130)
        assert hand.sent(trader) == []
        hand.native.run(160)
        assert len(hand.sent(trader)) == 1

    def test_a5_it_takes_back_what_it_got_after_the_hold_and_only_then(self):
        hand, trader = self.after_a_move(10_200, until_ms=600)
        (entered, _, _, _, _), (left, *rest) = hand.sent(trader)[:2]
        assert rest == [PERPETUAL, Side.SELL, 0, 7]
        assert 200 <= left - entered <= 200 + 8  # one look, 5 ms or so, later
        hand.native.run(700)
        assert hand.held(trader) == 0

    def test_a5_it_takes_back_what_it_was_told_not_what_it_asked_for(self):
        hand = Hand()
        hand.touch(0, PRICE - 1, PRICE + 1, lots=3)
        hand.touch(100, 10_199, 10_201, lots=3)  # three of its seven lots can be had
        terms = {"threshold": 0.01, "lookback_ms": 50, "hold_ms": 60, "qty_lots": 7, "wake_every_ms": 5}
        trader = hand.add("momentum", market=PERPETUAL, start_ms=1, **terms)
        hand.native.run(150)
        assert hand.held(trader) == 3
        hand.native.run(180)
        assert [row[2:] for row in hand.sent(trader)][:2] == [(Side.BUY, 0, 7), (Side.SELL, 0, 3)]

    def test_a5_while_it_is_in_it_follows_no_other_move(self):
        hand, trader = self.after_a_move(10_200, until_ms=100)
        hand.touch(150, 10_499, 10_501)
        hand.touch(220, 9_999, 10_001)
        hand.native.run(290)
        assert len(hand.sent(trader)) == 1

    def test_n4_what_it_has_not_heard_of_it_does_not_take_back(self):
        hand, trader = self.after_a_move(10_200, hold_ms=30, latency_ms=100, until_ms=190)
        assert hand.held(trader) == 0  # on its way
        hand.native.run(900)
        assert hand.held(trader) != 0  # it closed before it heard of the fill, so the lots stayed
        assert hand.sent(trader)[0][2:] == (Side.BUY, 0, 7)


class TestArbitrage:
    @staticmethod
    def gap(first, second, *, until_ms=2, lots=(100, 100), **terms):
        """Let it look at two touches once."""
        hand = Hand()
        hand.touch(0, *first, market=PERPETUAL, lots=lots[0])
        hand.touch(0, *second, market=SPOT, lots=lots[1])
        terms = {"threshold": 0.01, "qty_lots": 30, "wake_every_ms": 10**6, "start_ms": 1, **terms}
        trader = hand.add("arbitrage", market=PERPETUAL, other=SPOT, **terms)
        hand.native.run(until_ms)
        return hand, hand.sent(trader), trader

    def test_a6_it_sells_where_it_is_dear_and_buys_where_it_is_cheap_at_the_prices_seen(self):
        _, sent, _ = self.gap((10_000, 10_050), (9_800, 9_900))
        assert sent == [(2, PERPETUAL, Side.SELL, 10_000, 30), (2, SPOT, Side.BUY, 9_900, 30)]
        _, sent, _ = self.gap((9_950, 10_000), (10_100, 10_200))
        assert sent == [(2, PERPETUAL, Side.BUY, 10_000, 30), (2, SPOT, Side.SELL, 10_100, 30)]

    @pytest.mark.parametrize(("ask", "trades"), [(9_900, True), (9_901, False)])
    def test_a6_a_gap_of_the_threshold_when_the_first_is_dear(self, ask, trades):
        assert bool(self.gap((10_000, 10_050), (9_800, ask))[1]) is trades

    @pytest.mark.parametrize(("bid", "trades"), [(10_200, True), (10_199, False)])
    def test_a6_a_gap_of_the_threshold_when_the_first_is_cheap(self, bid, trades):
        # 10,200 / 8,160 is 1.25, exact in binary
        assert bool(self.gap((8_100, 8_160), (bid, 10_300), threshold=0.25)[1]) is trades

    def test_a6_its_orders_are_immediate_or_cancel(self):
        hand, _, trader = self.gap((10_000, 10_050), (9_800, 9_900))
        table = hand.native.journal()
        kinds = zip(*(table[name].tolist() for name in ("account", "kind", "order_type", "time_in_force")), strict=True)
        assert [row[2:] for row in kinds if row[:2] == (trader, 3)] == [(OrderType.LIMIT, TimeInForce.IOC)] * 2

    @pytest.mark.parametrize(
        ("lots", "terms", "taken"),
        [
            ((100, 100), {}, (30, 30)),
            ((12, 100), {}, (12, 12)),
            ((100, 9), {}, (9, 9)),
            ((100, 100), {"inventory_max": 4}, (4, 4)),
            ((100, 9), {"lots_ratio": 3.0}, (3, 9)),
            ((100, 100), {"lots_ratio": 0.5}, (30, 15)),
        ],
    )
    def test_a6_it_takes_the_smallest_of_what_it_wants_what_stands_there_and_its_room(self, lots, terms, taken):
        _, sent, _ = self.gap((10_000, 10_050), (9_800, 9_900), lots=lots, **terms)
        assert tuple(row[4] for row in sent) == taken

    def test_a6_prices_are_compared_through_the_ratio(self):
        _, sent, _ = self.gap((1_000, 1_005), (9_800, 9_900), price_ratio=10.0)
        assert [row[2:4] for row in sent] == [(Side.SELL, 1_000), (Side.BUY, 9_900)]
        assert self.gap((1_000, 1_005), (9_950, 10_050), price_ratio=10.0)[1] == []

    def test_a6_at_its_limit_it_adds_nothing_but_turns_back(self):
        hand, _, trader = self.gap((10_000, 10_050), (9_800, 9_900), wake_every_ms=5, inventory_max=40, until_ms=60)
        assert hand.held(trader) == -40
        hand.touch(61, 9_500, 9_550, market=PERPETUAL)
        hand.native.run(120)
        assert hand.held(trader) == 40

    def test_a6_with_an_empty_side_there_is_no_gap(self):
        assert self.gap((None, 10_050), (9_800, 9_900))[1] == []
        assert self.gap((10_000, 10_050), (9_800, None))[1] == []

    def test_a6_one_leg_may_miss(self):
        hand, sent, trader = self.gap((10_000, 10_050), (9_800, 9_900), latency_ms=20, until_ms=1)
        assert sent == []
        hand.touch(10, 9_800, 9_990, market=SPOT)  # the cheap ask is gone before its order comes
        hand.native.run(40)
        assert hand.held(trader) == -30
        assert hand.native.trades()["market"].tolist() == [PERPETUAL]


class TestValue:
    @staticmethod
    def seen(bid, ask, *, until_ms=2, lots=100, **terms):
        hand = Hand()
        hand.touch(0, bid, ask, lots=lots)
        terms = {"threshold": 0.01, "fair_ticks": PRICE, "qty_lots": 30, "wake_every_ms": 10**6, "start_ms": 1, **terms}
        trader = hand.add("value", market=PERPETUAL, **terms)
        hand.native.run(until_ms)
        return hand, hand.sent(trader), trader

    @pytest.mark.parametrize(
        ("bid", "ask", "sent"),
        [
            (9_800, 9_900, [(2, PERPETUAL, Side.BUY, 9_900, 30)]),
            (9_800, 9_901, []),
            (10_100, 10_200, [(2, PERPETUAL, Side.SELL, 10_100, 30)]),
            (10_099, 10_200, []),
            (9_700, 9_800, [(2, PERPETUAL, Side.BUY, 9_900, 30)]),  # limited at its bound, not at the ask
            (None, None, []),
        ],
    )
    def test_a7_it_buys_at_or_below_its_bound_and_sells_at_or_above_the_other(self, bid, ask, sent):
        assert self.seen(bid, ask)[1] == sent

    @pytest.mark.parametrize(("fair", "ask", "buys"), [(9_950, 9_851, True), (9_950, 9_852, False)])
    def test_a7_its_bounds_are_rounded_half_up(self, fair, ask, buys):
        # 9,950 less one percent is 9,850.5
        assert bool(self.seen(9_700, ask, fair_ticks=fair)[1]) is buys

    def test_a7_it_goes_no_further_than_its_bound(self):
        hand = Hand()
        for price in (9_880, 9_900, 9_901):
            hand.native.send_order(hand.outside, PERPETUAL, Side.SELL, price, 10, at_ms=0)
        terms = {"threshold": 0.01, "fair_ticks": PRICE, "qty_lots": 99, "wake_every_ms": 10**6, "start_ms": 1}
        trader = hand.add("value", market=PERPETUAL, **terms)
        hand.native.run(5)
        assert hand.held(trader) == 20  # nothing at 9,901, and the rest does not stay
        assert [order[2] for order in hand.native.orders(PERPETUAL)] == [9_901]

    @pytest.mark.parametrize(("inventory_max", "held"), [(75, 75), (1, 1), (10**6, 100)])
    def test_a7_its_inventory_bounds_what_it_buys(self, inventory_max, held):
        hand, _, trader = self.seen(9_800, 9_900, wake_every_ms=10, inventory_max=inventory_max, until_ms=300)
        assert hand.held(trader) == held

    def test_a7_a_full_buyer_sells_twice_as_much(self):
        hand, _, trader = self.seen(9_800, 9_900, wake_every_ms=10, inventory_max=60, until_ms=300)
        hand.touch(301, 10_100, 10_200, lots=500)
        hand.native.run(600)
        assert hand.held(trader) == -60

    def test_n4_before_it_hears_it_may_buy_more_than_its_bound(self):
        hand, _, trader = self.seen(
            9_800, 9_900, wake_every_ms=10, inventory_max=30, qty_lots=30, latency_ms=25, lots=1_000, until_ms=400
        )
        assert hand.held(trader) > 30
        assert hand.native.position(trader, PERPETUAL)[2] == hand.held(trader) // 30  # none was sent after it had heard


class TestRestingValue:
    """A-7: one order at its bound, left there once the price has come, until it is filled or has ended."""

    @staticmethod
    def seen(bid, ask, *, until_ms=2, **terms):
        hand, sent, trader = TestValue.seen(bid, ask, until_ms=until_ms, rests=1, **terms)
        return hand, sent, trader

    @staticmethod
    def resting(hand, trader):
        """Return (side, price, open lots) of its orders in the book."""
        return [
            (order.side, order.price_ticks, order.leaves_lots)
            for order in hand.native.orders(PERPETUAL)
            if order.owner == trader
        ]

    @pytest.mark.parametrize(
        ("bid", "ask", "left"),
        [
            (9_890, 9_910, [(Side.BUY, 9_900, 30)]),  # a mid of its lower bound
            (9_891, 9_910, []),  # half a tick above it
            (10_090, 10_110, [(Side.SELL, 10_100, 30)]),
            (10_090, 10_109, []),
            (None, 9_800, []),  # it sees no price
        ],
    )
    def test_a7_it_leaves_an_order_once_the_mid_has_reached_its_bound(self, bid, ask, left):
        hand, sent, trader = self.seen(bid, ask)
        assert self.resting(hand, trader) == left
        assert [row[2:] for row in sent] == left

    def test_a7_what_crosses_trades_and_the_rest_stays(self):
        hand, _, trader = self.seen(9_800, 9_820, lots=12)
        assert hand.held(trader) == 12
        assert self.resting(hand, trader) == [(Side.BUY, 9_900, 18)]

    def test_a7_it_waits_with_one_order_however_far_the_price_goes(self):
        hand, _, trader = self.seen(9_890, 9_910, wake_every_ms=5, until_ms=50)
        hand.touch(51, 9_970, 10_030)  # the price comes back: the order stays
        hand.native.run(100)
        hand.touch(101, 10_200, 10_220)  # and even where it would sell
        hand.native.run(200)
        assert len(hand.sent(trader)) == 1
        assert self.resting(hand, trader) == [(Side.BUY, 9_900, 30)]

    def test_a7_a_part_leaves_it_waiting_and_the_whole_frees_it(self):
        hand, _, trader = self.seen(9_890, 9_910, wake_every_ms=5, until_ms=50)
        hand.native.send_order(hand.outside, PERPETUAL, Side.SELL, 9_900, 29, at_ms=51)
        hand.native.run(100)
        assert (hand.held(trader), len(hand.sent(trader))) == (29, 1)
        hand.native.send_order(hand.outside, PERPETUAL, Side.SELL, 9_900, 1, at_ms=101)
        hand.native.run(150)
        assert hand.held(trader) == 30
        assert len(hand.sent(trader)) == 2  # the price is still at its bound
        assert self.resting(hand, trader) == [(Side.BUY, 9_900, 30)]

    def test_a7_its_inventory_bounds_what_it_leaves(self):
        hand, _, trader = self.seen(9_890, 9_910, wake_every_ms=5, inventory_max=40, until_ms=50)
        hand.native.send_order(hand.outside, PERPETUAL, Side.SELL, 9_900, 30, at_ms=51)
        hand.native.run(100)
        assert self.resting(hand, trader) == [(Side.BUY, 9_900, 10)]
        hand.native.send_order(hand.outside, PERPETUAL, Side.SELL, 9_900, 10, at_ms=101)
        hand.native.run(200)
        assert self.resting(hand, trader) == []
        assert (hand.held(trader), len(hand.sent(trader))) == (40, 2)
        hand.touch(201, 10_090, 10_110)
        hand.native.run(300)
        assert self.resting(hand, trader) == [(Side.SELL, 10_100, 30)]

    def test_n4_until_it_has_heard_of_the_fill_it_believes_that_its_order_stands(self):
        hand, _, trader = self.seen(9_890, 9_910, wake_every_ms=5, latency_ms=50, until_ms=60)
        assert self.resting(hand, trader) == [(Side.BUY, 9_900, 30)]
        hand.native.send_order(hand.outside, PERPETUAL, Side.SELL, 9_900, 30, at_ms=100)  # it hears at 150
        hand.native.run(199)
        assert len(hand.sent(trader)) == 1
        hand.native.run(150 + 50 + 10)
        assert len(hand.sent(trader)) == 2

    def test_a7_an_order_that_was_refused_has_ended(self):
        hand = Hand()
        hand.touch(0, 9_890, 9_910, market=SPOT)
        poor = hand.world.account(0, 0)
        terms = {"threshold": 0.01, "fair_ticks": PRICE, "qty_lots": 30, "wake_every_ms": 20, "start_ms": 1, "rests": 1}
        hand.add("value", account=poor, market=SPOT, latency_ms=30, **terms)
        hand.native.run(400)
        refused = hand.native.counts()["rejects"]
        assert set(refused) == {RejectReason.INSUFFICIENT_FUNDS}
        # There and back takes 60 ms and a look comes every 20 or so: five or six times, not twenty.
        assert 4 <= refused[RejectReason.INSUFFICIENT_FUNDS] <= 7


class TestCarefulValue:
    """A-7: with calm_ms it buys only when the lowest price that it has seen is that old."""

    FAIR = {"threshold": 0.01, "fair_ticks": PRICE, "qty_lots": 30, "start_ms": 1}

    def story(self, *moves, calm_ms, until_ms, wake_every_ms=1, **terms):
        """Let the touch move at times; return when its first order arrived, and the market."""
        hand = Hand()
        for at_ms, bid, ask in moves:
            hand.touch(at_ms, bid, ask)
        trader = hand.add("value", market=PERPETUAL, calm_ms=calm_ms, wake_every_ms=wake_every_ms, **self.FAIR, **terms)
        hand.native.run(until_ms)
        return hand.sent(trader), hand

    @pytest.mark.parametrize("rests", [0, 1])
    def test_a7_no_purchase_until_the_low_is_as_old_as_its_calm_to_the_millisecond(self, rests):
        # Both are cheap from the start; it wakes each millisecond, and sees the low first when it wakes at 50.
        sent, _ = self.story((0, 9_800, 9_820), (50, 9_700, 9_720), calm_ms=40, until_ms=200, rests=rests)
        assert sent[0][:3] == (1 + 40 + 1, PERPETUAL, Side.BUY)  # the first price of all, seen at 1, is a low
        sent, _ = self.story((0, 9_800, 9_820), (30, 9_700, 9_720), calm_ms=40, until_ms=200, rests=rests)
        assert sent[0][0] == 30 + 40 + 1  # a new low at 30 begins anew
        sent, _ = self.story((0, 9_800, 9_820), (30, 9_700, 9_720), calm_ms=40, until_ms=70, rests=rests)
        assert sent == []

    def test_a7_an_equal_price_is_no_new_low_and_half_a_tick_is(self):
        for again, arrives in (((9_800, 9_820), 42), ((9_799, 9_820), 71)):
            sent, _ = self.story((0, 9_800, 9_820), (20, 9_900, 9_890 + 20), (30, *again), calm_ms=40, until_ms=200)
            assert sent[0][0] == arrives

    def test_a7_it_sells_without_a_calm(self):
        sent, _ = self.story((0, 10_200, 10_220), calm_ms=10**6, until_ms=5)
        assert sent[0][:4] == (2, PERPETUAL, Side.SELL, 10_100)

    def test_a7_a_low_of_long_ago_lets_it_buy_at_once(self):
        sent, _ = self.story((0, 9_700, 9_720), (2, 9_970, 9_990), (500, 9_800, 9_820), calm_ms=400, until_ms=600)
        assert sent[0][0] == 501
        sent, _ = self.story((0, 9_700, 9_720), (2, 9_970, 9_990), (500, 9_800, 9_820), calm_ms=600, until_ms=590)
        assert sent == []
