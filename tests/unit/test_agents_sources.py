"""Shocks, noise, point processes and flows as stories (A-1, A-8, A-4, A-3); their laws are in tests/validation."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest

from engine import _core
from engine.testing.village import PERPETUAL, PRICE, PRICE_MAX, Village
from engine.types import Side, TimeInForce

PLACE, CANCEL = 3, 4


def rows(native, account, kind=PLACE):
    """Return (time_ms, side, price, qty, number) of an account's journal rows of a kind."""
    table = native.journal()
    names = ("kind", "account", "time_ms", "side", "price", "qty", "number")
    found = zip(*(table[name].tolist() for name in names), strict=True)
    return [row[2:] for row in found if row[:2] == (kind, account)]


class TestShock:
    """A-1: market orders of ceil(left / slices left), arriving in the millisecond in which they are sent."""

    @staticmethod
    def sold(qty_lots, slices, *, every_ms=10, start_ms=50, side=Side.SELL):
        village = Village()
        terms = {"qty_lots": qty_lots, "slices": slices, "every_ms": every_ms, "side": side}
        account = village.add("shock", market=PERPETUAL, start_ms=start_ms, **terms)
        village.native.run(10_000)
        return [(row[0], row[1], row[3]) for row in rows(village.native, account)]

    @pytest.mark.parametrize(
        ("qty_lots", "slices", "lots"),
        [(10, 1, [10]), (10, 3, [4, 3, 3]), (10, 10, [1] * 10), (11, 4, [3, 3, 3, 2]), (7, 6, [2, 1, 1, 1, 1, 1])],
    )
    def test_a1_each_slice_is_its_share_of_what_is_left_rounded_up(self, qty_lots, slices, lots):
        sold = self.sold(qty_lots, slices)
        assert [row[2] for row in sold] == lots
        assert sum(lots) == qty_lots

    def test_a1_slices_come_every_so_often_from_the_start_on(self):
        assert [row[0] for row in self.sold(3, 3, every_ms=7, start_ms=20)] == [20, 27, 34]

    def test_a1_it_may_buy(self):
        assert self.sold(5, 1, side=Side.BUY) == [(50, Side.BUY, 5)]

    def test_t2_its_order_arrives_before_those_that_agents_send_in_the_same_millisecond(self):
        village = Village()
        shock = village.add("shock", market=PERPETUAL, start_ms=50, side=Side.SELL, qty_lots=5)
        taker = village.add(
            "value", market=PERPETUAL, start_ms=50, wake_every_ms=99, threshold=0.0, fair_ticks=PRICE + 5, qty_lots=5
        )
        village.native.run(60)
        assert [row[0] for row in rows(village.native, shock)] == [50]
        assert [row[0] for row in rows(village.native, taker)] == [51]


class TestNoise:
    """A-8: market orders on a random side, of a random size, at exponential times."""

    @staticmethod
    def traded(until_ms=20_000, **terms):
        village = Village()
        account = village.add("noise", market=PERPETUAL, **{"mean_gap_ms": 5.0, "qty_min": 3, "qty_max": 6, **terms})
        village.native.run(until_ms)
        return rows(village.native, account)

    def test_a8_sides_and_sizes_are_drawn_evenly_between_their_bounds(self):
        traded = self.traded()
        count = len(traded)
        assert {row[2] for row in traded} == {0}  # market orders
        for found, cells in ((Counter(row[1] for row in traded), 2), (Counter(row[3] for row in traded), 4)):
            assert len(found) == cells
            error = math.sqrt(count / cells * (1 - 1 / cells))
            assert all(abs(number - count / cells) < 4 * error for number in found.values())
        assert {row[3] for row in traded} == {3, 4, 5, 6}

    def test_a8_one_size_when_the_bounds_are_equal(self):
        assert {row[3] for row in self.traded(2_000, qty_max=3)} == {3}

    def test_a8_it_sends_nothing_at_its_first_wake(self):
        traded = self.traded(2_000, start_ms=1_000)
        assert traded[0][0] > 1_001

    def test_a8_two_orders_are_never_sent_in_one_millisecond(self):
        times = [row[0] for row in self.traded(3_000, mean_gap_ms=1.0)]
        assert min(later - earlier for earlier, later in pairwise(times)) == 1

    @staticmethod
    def near(bid, ask, slippage, *, last=None, until_ms=200):
        """Let it send some orders while a bid and an ask stand; return (side, price, time in force) of those."""
        village = Village(levels=0)
        native, outside = village.native, village.outside
        if last is not None:
            for side in (Side.BUY, Side.SELL):
                native.send_order(outside, PERPETUAL, side, last, 1, at_ms=0)
        for side, price in ((Side.BUY, bid), (Side.SELL, ask)):
            if price is not None:
                native.send_order(outside, PERPETUAL, side, price, 10**6, at_ms=1)
        terms = {"mean_gap_ms": 5.0, "qty_min": 3, "qty_max": 6, "slippage": slippage, "start_ms": 2}
        account = village.add("noise", market=PERPETUAL, **terms)
        native.run(until_ms)
        table = native.journal()
        names = ("account", "kind", "side", "price", "time_in_force")
        found = zip(*(table[name].tolist() for name in names), strict=True)
        return [row[2:] for row in found if row[:2] == (account, PLACE)]

    @pytest.mark.parametrize(
        ("bid", "ask", "slippage", "buys", "sells"),
        [
            (9_990, 10_010, 0.01, 10_100, 9_900),  # the mid is 10,000
            (9_990, 10_011, 0.0001, 10_002, 9_999),  # 10,000.5 + 1.00005 and - 1.00005, rounded half up
            (9_990, 10_010, 1.0, 20_000, 1),  # no lower than the lowest price
            (600_000, 600_100, 0.9, PRICE_MAX, 60_005),  # no higher than the highest
        ],
    )
    def test_a8_within_its_slippage_of_the_mid_or_not_at_all(self, bid, ask, slippage, buys, sells):
        assert set(self.near(bid, ask, slippage)) == {
            (Side.BUY, buys, TimeInForce.IOC),
            (Side.SELL, sells, TimeInForce.IOC),
        }

    def test_a8_with_a_slippage_it_sends_nothing_until_it_sees_a_price(self):
        assert self.near(None, 10_010, 0.01) == []
        seen = [price for _, price, _ in self.near(None, 10_010, 0.01, last=10_000)]  # the last trade
        assert seen[0] == 10_100
        assert set(seen[1:]) == {10_110, 9_910}  # its first purchase, at 10,010, is the last trade then

    def test_a8_a_slippage_changes_no_draw(self):
        plain, near = (self.traded(2_000, slippage=slippage) for slippage in (0.0, 0.5))
        assert [(time, side, qty) for time, side, _, qty, _ in plain] == [
            (time, side, qty) for time, side, _, qty, _ in near
        ]
        assert 0 not in {row[2] for row in near}


class TestPoint:
    """A-4: market orders at the times of a process."""

    @staticmethod
    def traded(until_ms=3_000, **terms):
        village = Village(levels=0)
        account = village.add("point", market=PERPETUAL, **{"mu": 0.05, "qty_min": 1, "qty_max": 1, **terms})
        village.native.run(until_ms)
        return rows(village.native, account)

    @pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
    def test_a4_a_side_that_is_given_is_kept(self, side):
        assert {row[1] for row in self.traded(side=side)} == {side}

    def test_a4_without_one_both_sides_come(self):
        assert {row[1] for row in self.traded()} == {Side.BUY, Side.SELL}

    def test_a4_excitement_makes_it_faster(self):
        calm = self.traded(20_000)
        wild = self.traded(20_000, alpha=0.08, beta=0.1)
        assert len(wild) > 2 * len(calm)

    def test_a4_several_orders_may_fall_into_one_millisecond(self):
        times = Counter(row[0] for row in self.traded(500, mu=5.0))
        assert max(times.values()) > 5
        assert 2_200 < sum(times.values()) < 2_800

    def test_a4_nothing_comes_before_its_start(self):
        assert min(row[0] for row in self.traded(start_ms=1_000)) > 1_000

    def test_a4_more_than_a_millisecond_can_hold_comes_in_the_next_ones(self):
        # 10,000 a millisecond: 4,096 are sent in each, and none is lost.
        sent = self.traded(4, mu=10_000.0)
        assert max(Counter(row[0] for row in sent).values()) == 4_096


FLOW = {"qty_min": 1, "qty_max": 1, "anchor_ticks": PRICE}


class TestFlow:
    """A-3: arrivals by distance from the opposite best, lives by the rate at the distance."""

    @staticmethod
    def between_walls(until_ms=2_000, bid=PRICE - 20, ask=PRICE + 20, **terms):
        """Run a flow that only sends limit orders between an outside bid and ask."""
        village = Village(levels=0)
        for side, price in ((Side.BUY, bid), (Side.SELL, ask)):
            if price is not None:
                village.native.send_order(village.outside, PERPETUAL, side, price, 10**6, at_ms=0)
        base = {"market_rate": 0.0, "limit_rates": [0.0, 0.0, 0.05], "cancel_rates": [0.0, 0.0, 0.0], **FLOW}
        account = village.add("flow", market=PERPETUAL, **{"start_ms": 1, **base, **terms})
        village.native.run(until_ms)
        return village.native, account

    def test_a3_a_limit_order_stands_its_distance_from_the_opposite_best(self):
        native, account = self.between_walls(300, bid=PRICE + 19, ask=PRICE + 20)
        placed = rows(native, account)
        assert len(placed) > 10
        # three ticks off, and behind the walls: a buy below the wall's bid moves no best price
        assert {row[1:3] for row in placed} == {(Side.BUY, PRICE + 17), (Side.SELL, PRICE + 22)}

    def test_a3_an_order_may_improve_the_best_price(self):
        native, account = self.between_walls(300, bid=PRICE - 1, ask=PRICE + 3, limit_rates=[0.05, 0.0, 0.0])
        first = rows(native, account)[0]
        assert first[1:3] in {(Side.BUY, PRICE + 2), (Side.SELL, PRICE)}

    @pytest.mark.parametrize(
        ("bid", "ask", "buy", "sell"),
        [
            (None, None, PRICE - 3, PRICE + 3),  # the anchor on both sides
            (PRICE - 7, None, PRICE - 7 + 1 - 3, PRICE - 7 + 3),  # the ask is taken to be a tick above the bid
            (None, PRICE + 7, PRICE + 7 - 3, PRICE + 7 - 1 + 3),
        ],
    )
    def test_a3_an_empty_opposite_side_is_one_tick_behind_the_own_best_or_the_anchor(self, bid, ask, buy, sell):
        found = set()
        for start_ms in range(1, 40):  # the first order of each: another start, other draws
            native, account = self.between_walls(start_ms + 200, bid=bid, ask=ask, start_ms=start_ms)
            found.add(rows(native, account)[0][1:3])
        assert found == {(Side.BUY, buy), (Side.SELL, sell)}

    def test_a3_an_order_out_of_the_price_bounds_is_not_sent(self):
        native, account = self.between_walls(400, bid=None, ask=2)  # a buy three ticks below 2 has no price
        assert {row[1] for row in rows(native, account)} == {Side.SELL}
        assert native.counts()["rejects"] == {}

    def test_a3_an_order_lives_by_the_rate_at_its_distance(self):
        # Two distances: one cancelled at a tenth per ms, one never. The timer is one; thinning tells them apart.
        terms = {"limit_rates": [0.03, 0.03], "cancel_rates": [0.1, 0.0]}
        native, account = self.between_walls(4_000, bid=PRICE - 1, ask=PRICE, **terms)
        gone = {row[4] for row in rows(native, account, CANCEL)}
        near = [row for row in rows(native, account) if row[1:3] in {(Side.BUY, PRICE - 1), (Side.SELL, PRICE)}]
        far = [row for row in rows(native, account) if row[1:3] in {(Side.BUY, PRICE - 2), (Side.SELL, PRICE + 1)}]
        assert len(near) + len(far) == len(rows(native, account)) > 300
        assert not gone & {row[4] for row in far}
        assert {row[4] for row in near if row[0] < 3_800} <= gone

    def test_a3_beyond_the_last_distance_the_last_rate_holds(self):
        # The touch walks away from orders that were placed three ticks off; they are cancelled all the same.
        village = Village(levels=0)
        bid = village.native.send_order(village.outside, PERPETUAL, Side.BUY, PRICE - 1, 9, at_ms=0)
        ask = village.native.send_order(village.outside, PERPETUAL, Side.SELL, PRICE, 9, at_ms=0)
        terms = {"market_rate": 0.0, "limit_rates": [0.0, 0.0, 0.02], "cancel_rates": [0.0, 0.0, 0.05], **FLOW}
        account = village.add("flow", market=PERPETUAL, start_ms=1, **terms)
        for ticket in (bid, ask):
            village.native.send_cancel(ticket, at_ms=100)
        for side, price in ((Side.BUY, PRICE - 200), (Side.SELL, PRICE + 200)):
            village.native.send_order(village.outside, PERPETUAL, side, price, 9, at_ms=100)
        village.native.run(600)
        early = {row[4] for row in rows(village.native, account) if row[0] < 100}
        assert early
        assert early <= {row[4] for row in rows(village.native, account, CANCEL)}

    def test_a3_with_cancel_rates_of_zero_nothing_is_ever_cancelled(self):
        native, account = self.between_walls(2_000)
        assert rows(native, account, CANCEL) == []
        assert native.counts()["cancel_misses"] == 0

    def test_a3_market_orders_take_on_both_sides(self):
        native, account = self.between_walls(2_000, market_rate=0.05)
        taken = [row for row in rows(native, account) if row[2] == 0]
        assert {row[1] for row in taken} == {Side.BUY, Side.SELL}
        assert native.counts()["trades"] >= len(taken)

    def test_n1_two_flows_on_two_markets_know_nothing_of_each_other(self):
        def alone(markets):
            village = Village()
            for market in markets:
                terms = {"market_rate": 0.05, "limit_rates": [0.05, 0.05], "cancel_rates": [0.01, 0.02], **FLOW}
                key = _core.member_key("flow", market)
                account = village.world.account(10**12, 10**12)
                village.native.add_agents("flow", account, key, market=market, **terms)
            village.native.run(1_000)
            return [village.native.orders(market) for market in (0, 1)]

        both, first, second = alone((0, 1)), alone((0,)), alone((1,))
        prices = [[[order[:4] for order in market] for market in found] for found in (both, first, second)]
        assert prices[0][0] == prices[1][0]
        assert prices[0][1] == prices[2][1]
