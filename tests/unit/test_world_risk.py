"""Prices, liquidation and time of a world, rule by rule (P, X, T); see test_world.py for how a story ends."""

from __future__ import annotations

import pytest
from worldkit import (
    BAD_DEBT,
    BAD_DEBT_LANDMARK,
    BASE,
    BUY,
    CANCEL_ROW,
    LIQUIDATION,
    PERCENT,
    PLACE_ROW,
    PUBLICATION,
    QUOTE,
    SELL,
    STEP,
    agree,
    journal,
    landmarks,
    opened,
    place,
    rejects,
)

from engine.testing.worlds import landmark_rows
from engine.types import RejectReason


class TestPrices:
    def test_p1_p2_index_is_the_sources_mid_rounded_down_and_late(self):
        twin = opened()
        spot, perpetual = twin.spot(BASE, QUOTE), twin.perpetual(QUOTE)
        twin.native.add_index(perpetual, spot, every_ms=10, lag_ms=3)
        trader = twin.account(10_000, 1_000)
        twin.native.send_order(trader, spot, BUY, 100, 1, at_ms=1)
        ask = twin.native.send_order(trader, spot, SELL, 103, 1, at_ms=2)
        twin.native.run(12, check=True)
        assert twin.native.market(perpetual)["index"] is None  # sampled at 10, on its way
        twin.native.run(13, check=True)
        assert twin.native.market(perpetual)["index"] == 101  # (100 + 103) / 2 = 101.5
        twin.native.send_cancel(ask, at_ms=15)
        twin.native.run(60, check=True)
        # With one side empty there is no mid: nothing more is published, the old value stays.
        assert twin.native.market(perpetual)["index"] == 101
        table = twin.native.prices()
        assert (table["time_ms"].tolist(), table["price_ticks"].tolist()) == ([13], [101])
        agree(twin)

    def test_p2_the_value_is_the_samples_not_the_publications(self):
        twin = opened()
        spot, perpetual = twin.spot(BASE, QUOTE), twin.perpetual(QUOTE)
        twin.native.add_index(perpetual, spot, every_ms=10, lag_ms=5)
        trader = twin.account(10_000, 1_000)
        twin.native.send_order(trader, spot, BUY, 100, 1, at_ms=1)
        twin.native.send_order(trader, spot, SELL, 104, 1, at_ms=1)
        twin.native.send_order(trader, spot, BUY, 102, 1, at_ms=10)  # phase 8: after the sample of phase 2
        twin.native.run(30, check=True)
        table = twin.native.prices()
        assert table["time_ms"].tolist() == [15, 25]
        assert table["price_ticks"].tolist() == [102, 103]
        agree(twin)

    # (index, mid, last, mark): the middle one of three, the lower one of two, the one.
    MARKS = [
        (100, 110, 120, 110),
        (120, 100, 110, 110),
        (110, 120, 100, 110),
        (100, 120, 110, 110),
        (110, 100, 120, 110),
        (120, 110, 100, 110),
        (105, 105, 90, 105),
        (100, 110, None, 100),
        (110, 100, None, 100),
        (None, 120, 110, 110),
        (None, 110, 120, 110),
        (100, None, 120, 100),
        (100, None, None, 100),
        (None, 110, None, 110),
        (None, None, 120, 120),
    ]

    @pytest.mark.parametrize(("index", "mid", "last", "mark"), MARKS)
    def test_p3_mark_is_the_median_of_those_that_exist(self, index, mid, last, mark):
        twin = opened()
        spot, perpetual = twin.spot(BASE, QUOTE), twin.perpetual(QUOTE)
        twin.native.add_index(perpetual, spot, every_ms=20, lag_ms=0)
        twin.native.add_mark(perpetual, every_ms=20, lag_ms=0)
        trader, other = twin.account(10**6, 1_000), twin.account(10**6, 1_000)
        if last is not None:
            place(twin, trader, perpetual, SELL, last, 1)
            place(twin, other, perpetual, BUY, last, 1)
        for market, middle in ((spot, index), (perpetual, mid)):
            if middle is not None:
                place(twin, trader, market, BUY, middle - 1, 1)
                place(twin, trader, market, SELL, middle + 1, 1)
        twin.native.run(19, check=True)
        assert twin.native.market(perpetual)["mark"] is None
        twin.native.run(20, check=True)
        state = twin.native.market(perpetual)
        assert (state["index"], state["last"], state["mark"]) == (index, last, mark)
        agree(twin)

    def test_p3_without_any_component_there_is_no_mark(self):
        twin = opened()
        perpetual = twin.perpetual(QUOTE)
        twin.native.add_mark(perpetual, every_ms=5, lag_ms=1)
        twin.native.run(50, check=True)
        assert twin.native.market(perpetual)["mark"] is None
        assert len(twin.native.prices()) == 0


class Margin:
    """Hold a perpetual with a mark of 90 from 10 ms on: a bid at 89, an ask at 91, nothing traded.

    Maintenance is 10 %. A long of 10 lots at 100 has then lost 100 and needs 90.
    """

    def __init__(self, *, bid_lots=1_000, marks=1, mark_every_ms=10, **options):
        self.twin = opened(**options)
        self.markets = [self.twin.perpetual(QUOTE, maintenance_ppm=10 * PERCENT) for _ in range(marks)]
        self.market = self.markets[0]
        self.native = self.twin.native
        self.maker = self.twin.account(10**9)
        self.short = self.twin.account(10**9)
        for market in self.markets:
            self.native.add_mark(market, every_ms=mark_every_ms, lag_ms=0)
            self.bid = self.native.send_order(self.maker, market, BUY, 89, bid_lots, at_ms=1)
            self.ask = self.native.send_order(self.maker, market, SELL, 91, 1_000, at_ms=1)

    def long(self, collateral, lots=10, market=None):
        account = self.twin.account(collateral)
        self.native.open_trade(self.market if market is None else market, account, self.short, lots, 100)
        return account

    def lots(self, account, market=None):
        return self.native.position(account, self.market if market is None else market)[0]


class TestLiquidation:
    def test_x1_x2_equity_equal_to_maintenance_is_healthy(self):
        margin = Margin()
        account = margin.long(100 + 90)  # equity 190 - 100 = 90 = 10 % of 900
        margin.native.run(1_000, check=True)
        assert margin.native.market(margin.market)["mark"] == 90
        assert not margin.native.in_liquidation(account)
        assert landmarks(margin.twin, PUBLICATION, LIQUIDATION, STEP) == []
        agree(margin.twin)

    def test_x1_x2_one_atom_below_is_liquidated_in_the_marks_millisecond(self):
        margin = Margin()
        account = margin.long(100 + 90 - 1)
        margin.native.run(9, check=True)
        assert not margin.native.in_liquidation(account)
        margin.native.run(10, check=True)
        assert margin.native.in_liquidation(account)
        # P-4, X-4: publication, check, step and order are all of 10 ms.
        assert landmarks(margin.twin, PUBLICATION) == [(10, -1, 90)]
        assert landmarks(margin.twin, LIQUIDATION) == [(10, account, 89)]  # the equity that was found
        assert landmarks(margin.twin, STEP) == [(10, account, 3)]  # ceil(10 x 0.25)
        assert margin.lots(account) == 7
        agree(margin.twin)

    def test_x1_the_requirement_is_rounded_up(self):
        margin = Margin()
        market = margin.twin.perpetual(QUOTE, maintenance_ppm=10 * PERCENT + 1)
        margin.native.add_mark(market, every_ms=10, lag_ms=0)
        margin.native.send_order(margin.maker, market, BUY, 89, 1_000, at_ms=1)
        margin.native.send_order(margin.maker, market, SELL, 91, 1_000, at_ms=1)
        account = margin.long(100 + 90, market=market)  # needs ceil(900 x 0.100001 = 90.0009) = 91, has 90
        margin.native.run(10, check=True)
        assert margin.native.in_liquidation(account)
        agree(margin.twin)

    def test_x1_a_short_is_measured_by_the_same_rule(self):
        margin = Margin()
        healthy, breaching = margin.twin.account(100 + 90), margin.twin.account(100 + 90 - 1)
        for account in (healthy, breaching):
            margin.native.open_trade(margin.market, margin.short, account, 10, 80)  # at 90 it has lost 100
        margin.native.run(10, check=True)
        assert not margin.native.in_liquidation(healthy)
        assert margin.native.in_liquidation(breaching)
        assert margin.lots(breaching) == -7
        agree(margin.twin)

    def test_x1_equity_sums_over_the_positions(self):
        margin = Margin(marks=2)
        first, second = margin.markets
        account = margin.long(2 * (100 + 90) - 1, market=first)
        margin.native.open_trade(second, account, margin.short, 10, 100)
        other = margin.long(2 * (100 + 90), market=first)
        margin.native.open_trade(second, other, margin.short, 10, 100)
        margin.native.run(10, check=True)
        assert margin.native.in_liquidation(account)
        assert not margin.native.in_liquidation(other)
        agree(margin.twin)

    def test_x2_without_a_mark_nobody_is_checked(self):
        margin = Margin()
        unmarked = margin.twin.perpetual(QUOTE)
        account = margin.long(1, market=unmarked)
        margin.native.run(1_000, check=True)
        assert not margin.native.in_liquidation(account)
        agree(margin.twin)

    def test_x2_with_an_unmarked_position_a_running_liquidation_waits_an_interval(self):
        margin = Margin(stage_ppm=10 * PERCENT, stage_interval_ms=10)
        account = margin.long(1)
        margin.native.run(15, check=True)
        assert landmarks(margin.twin, STEP) == [(10, account, 1)]
        unmarked = margin.twin.perpetual(QUOTE)
        margin.native.open_trade(unmarked, account, margin.short, 1, 100)
        margin.native.run(35, check=True)
        assert margin.native.in_liquidation(account)  # it waits; it does not leave
        assert landmarks(margin.twin, STEP) == [(10, account, 1)]
        # A mark of 100 from 35 ms on: the steps go on, at the next beat.
        margin.native.add_mark(unmarked, every_ms=1, lag_ms=0)
        for side, price in ((BUY, 99), (SELL, 101)):
            margin.native.send_order(margin.maker, unmarked, side, price, 100, at_ms=35)
        margin.native.run(40, check=True)
        assert landmarks(margin.twin, STEP) == [(10, account, 1), (40, account, 1)]
        agree(margin.twin)

    def test_x2_an_account_with_an_unmarked_position_is_not_checked(self):
        margin = Margin()
        account = margin.long(1)
        unmarked = margin.twin.perpetual(QUOTE)
        margin.native.open_trade(unmarked, account, margin.short, 1, 100)
        margin.native.run(1_000, check=True)
        assert not margin.native.in_liquidation(account)
        agree(margin.twin)

    def test_x2_l10_an_account_that_holds_an_unmarked_position_is_not_flat(self):
        margin = Margin(stage_ppm=100 * PERCENT, stage_interval_ms=10)
        account = margin.long(10)
        margin.native.run(15, check=True)  # sold all at 89; the account is 100 under water
        assert (margin.lots(account), margin.native.balance(account, QUOTE)[0]) == (0, 10 - 110)
        unmarked = margin.twin.perpetual(QUOTE)
        margin.native.open_trade(unmarked, account, margin.short, 5, 100)
        margin.native.run(100, check=True)
        assert margin.lots(account, unmarked) == 5
        assert margin.native.balance(BAD_DEBT, QUOTE) == (0, 0)
        agree(margin.twin)

    def test_x2_units_of_one_account_are_liquidated_side_by_side(self):
        twin = opened(stage_ppm=100 * PERCENT, stage_interval_ms=50)
        markets = [twin.perpetual(asset) for asset in (QUOTE, BASE)]
        maker, account = twin.account(10**6, 10**6), twin.account(101 + 15, 101 + 15)
        for market in markets:
            twin.native.add_mark(market, every_ms=10, lag_ms=0)
            twin.native.send_order(maker, market, BUY, 89, 1_000, at_ms=1)
            twin.native.send_order(maker, market, SELL, 91, 1_000, at_ms=1)
            twin.native.open_trade(market, account, maker, 10, 100)
        twin.native.run(200, check=True)
        found = [(row[0], row[2]) for row in landmark_rows(twin.native) if row[1] == LIQUIDATION]
        assert found == [(10, markets[0]), (10, markets[1])]  # one unit for each settlement asset
        assert [twin.native.position(account, market)[0] for market in markets] == [0, 0]
        agree(twin)

    def test_x4_a_stage_is_capped_at_qty_max(self):
        twin = opened(stage_ppm=100 * PERCENT, stage_interval_ms=10)
        market = twin.perpetual(QUOTE, qty_max=10)
        twin.native.add_mark(market, every_ms=10, lag_ms=0)
        maker, account = twin.account(10**6), twin.account(1)
        for _ in range(10):
            twin.native.send_order(maker, market, BUY, 89, 10, at_ms=1)
        twin.native.send_order(maker, market, SELL, 91, 10, at_ms=1)
        for _ in range(5):
            twin.native.open_trade(market, account, maker, 10, 100)
        twin.native.run(1_000, check=True)
        assert landmarks(twin, STEP) == [(10 * step, account, 10) for step in range(1, 6)]
        assert twin.native.position(account, market)[0] == 0
        assert rejects(twin) == {}
        agree(twin)

    def test_x3_the_worst_ratio_first_not_the_least_equity(self):
        margin = Margin()
        mild = margin.long(100 + 50)  # 50 of 900: 5.6 %
        severe = margin.long(1_000 + 400, lots=100)  # 400 of 9,000: 4.4 %
        margin.native.run(10, check=True)
        assert landmarks(margin.twin, LIQUIDATION) == [(10, severe, 400), (10, mild, 50)]
        orders = [row[1] for row in journal(margin.twin, PLACE_ROW) if row[3] == SELL and row[4] == 0]
        assert orders == [severe, mild]
        agree(margin.twin)

    def test_x3_equal_ratios_go_by_account_id(self):
        margin = Margin()
        accounts = [margin.long(100 + 50), margin.long(1_000 + 500, lots=100), margin.long(100 + 50)]
        margin.native.run(10, check=True)
        assert [account for _, account, _ in landmarks(margin.twin, LIQUIDATION)] == accounts
        agree(margin.twin)

    @pytest.mark.parametrize(
        ("options", "stages"),
        [
            ({"stage_ppm": 25 * PERCENT}, [3, 2, 2, 1, 1, 1]),  # ceil of a quarter of 10, 7, 5, 3, 2, 1
            ({"stage_ppm": 25 * PERCENT, "stage_lots_min": 4}, [4, 4, 2]),
            ({"stage_ppm": 100 * PERCENT}, [10]),
            ({"stage_ppm": 1, "stage_lots_min": 100}, [10]),
        ],
    )
    def test_x4_steps_are_staged_and_spaced(self, options, stages):
        margin = Margin(mark_every_ms=10**6, stage_interval_ms=7, **options)
        account = margin.long(100 + 5)
        margin.native.run(2 * 10**6, check=True)
        steps = landmarks(margin.twin, STEP)
        assert steps == [(10**6 + 7 * i, account, lots) for i, lots in enumerate(stages)]
        assert margin.lots(account) == 0
        agree(margin.twin)

    def test_x4_the_largest_notional_is_reduced_first_and_ties_go_to_the_lower_market(self):
        margin = Margin(marks=3, stage_ppm=100 * PERCENT, stage_interval_ms=5)
        account = margin.long(1, lots=10, market=margin.markets[0])
        margin.native.open_trade(margin.markets[2], account, margin.short, 11, 100)
        margin.native.open_trade(margin.markets[1], account, margin.short, 10, 100)
        margin.native.run(1_000, check=True)
        steps = [row[2] for row in landmark_rows(margin.native) if row[1] == STEP]
        assert steps == [margin.markets[2], margin.markets[0], margin.markets[1]]
        agree(margin.twin)

    def test_x4_the_next_step_sees_what_was_filled(self):
        margin = Margin(bid_lots=2, stage_ppm=50 * PERCENT, stage_interval_ms=5)
        account = margin.long(100 + 5)
        margin.native.run(16, check=True)
        # Of the first 5 lots only 2 found a buyer; the next step takes half of the 8 that are left.
        assert landmarks(margin.twin, STEP) == [(10, account, 5), (15, account, 4)]
        assert margin.lots(account) == 8
        agree(margin.twin)

    def test_x4_the_accounts_orders_are_cancelled_on_all_markets(self):
        margin = Margin()
        spot = margin.twin.spot(BASE, QUOTE)
        account = margin.long(100 + 89)
        margin.native.send_order(account, margin.market, BUY, 50, 1, at_ms=2)
        margin.native.send_order(account, spot, BUY, 9, 2, at_ms=2)
        margin.native.run(9, check=True)
        assert margin.native.balance(account, QUOTE) == (189, 18)
        margin.native.run(10, check=True)
        assert margin.native.balance(account, QUOTE)[1] == 0
        cancelled = [row[1] for row in journal(margin.twin, CANCEL_ROW) if row[0] == 10]
        assert cancelled == [account, account]
        agree(margin.twin)

    def test_x5_x6_a_step_that_finds_the_account_healthy_does_nothing(self):
        margin = Margin(stage_interval_ms=5)
        account = margin.long(100 + 89)
        margin.native.run(14, check=True)
        assert margin.native.in_liquidation(account)
        # 3 lots sold at 89 cost 3 atoms against the mark: equity 86, and 7 lots need 63 only.
        margin.native.run(15, check=True)
        assert not margin.native.in_liquidation(account)
        margin.native.run(1_000, check=True)
        assert landmarks(margin.twin, STEP) == [(10, account, 3)]
        assert margin.lots(account) == 7
        agree(margin.twin)

    @pytest.mark.parametrize(("bought_first", "engine_sells"), [(8, [2]), (10, [])])
    def test_x5_a_step_never_flips(self, bought_first, engine_sells):
        # The account's own ask at 90 trades in the step's millisecond, before the engine's order for 10 lots arrives.
        margin = Margin(stage_ppm=100 * PERCENT, mark_every_ms=10**6)
        account = margin.long(100 + 5)
        margin.native.send_order(account, margin.market, SELL, 91, bought_first, at_ms=0)
        margin.native.send_order(margin.maker, margin.market, BUY, 91, bought_first, at_ms=10**6)
        margin.native.run(10**6, check=True)
        assert landmarks(margin.twin, STEP) == [(10**6, account, 10)]
        sold = [row[5] for row in journal(margin.twin, PLACE_ROW) if row[0] == 10**6 and row[1] == account]
        assert sold == engine_sells
        assert margin.lots(account) == 0
        agree(margin.twin)

    def test_v3_an_account_in_liquidation_is_frozen_but_may_cancel(self):
        margin = Margin(stage_interval_ms=100)
        account = margin.long(100 + 5)
        margin.native.run(10, check=True)
        place(margin.twin, account, margin.market, BUY, 80, 1)
        assert rejects(margin.twin) == {RejectReason.ACCOUNT_FROZEN: 1}
        assert margin.native.market(margin.market)["orders"] == 2
        margin.native.run(10_000, check=True)
        assert not margin.native.in_liquidation(account)
        place(margin.twin, account, margin.market, BUY, 80, 1)
        assert margin.native.market(margin.market)["orders"] == 3
        assert rejects(margin.twin) == {RejectReason.ACCOUNT_FROZEN: 1}
        agree(margin.twin)

    def test_v3_an_order_on_its_way_is_refused_when_it_arrives(self):
        margin = Margin()
        account = margin.long(100 + 5)
        margin.native.send_order(account, margin.market, BUY, 80, 1, at_ms=10)  # sent long before the check
        margin.native.run(10, check=True)
        assert rejects(margin.twin) == {RejectReason.ACCOUNT_FROZEN: 1}
        agree(margin.twin)

    def test_v3_a_cancel_of_a_frozen_account_passes(self):
        margin = Margin(stage_ppm=25 * PERCENT)
        account = margin.long(100 + 5)
        ticket = margin.native.send_order(account, margin.market, SELL, 200, 1, at_ms=2)
        margin.native.send_cancel(ticket, at_ms=10)  # arrives before the engine's own cancel
        margin.native.run(10, check=True)
        counts = margin.native.counts()
        assert (counts["cancels"], counts["cancel_misses"]) == (1, 0)
        agree(margin.twin)

    def test_l10_a_flat_account_under_water_is_brought_to_exactly_zero(self):
        margin = Margin(stage_ppm=100 * PERCENT, stage_interval_ms=5)
        account = margin.long(100 + 5)
        margin.native.run(14, check=True)
        assert margin.native.balance(account, QUOTE)[0] == 105 - 110  # ten lots bought at 100 and sold at 89
        assert margin.native.in_liquidation(account)
        margin.native.run(15, check=True)
        assert margin.native.balance(account, QUOTE) == (0, 0)
        assert margin.native.balance(BAD_DEBT, QUOTE) == (-5, 0)
        assert not margin.native.in_liquidation(account)
        assert landmarks(margin.twin, BAD_DEBT_LANDMARK) == [(15, account, 5)]
        agree(margin.twin)

    def test_l10_a_flat_account_with_something_left_keeps_it(self):
        margin = Margin(stage_ppm=100 * PERCENT, stage_interval_ms=5)
        account, exact = margin.long(100 + 11), margin.long(100 + 10)
        margin.native.run(15, check=True)
        assert margin.native.balance(account, QUOTE)[0] == 111 - 110
        assert margin.native.balance(exact, QUOTE)[0] == 0
        assert margin.native.balance(BAD_DEBT, QUOTE) == (0, 0)
        assert landmarks(margin.twin, BAD_DEBT_LANDMARK) == []
        assert not margin.native.in_liquidation(account)
        assert not margin.native.in_liquidation(exact)
        agree(margin.twin)


class TestTime:
    def test_t3_an_order_for_the_running_millisecond_comes_in_the_next(self):
        twin = opened()
        market, account = twin.perpetual(QUOTE), twin.account()
        twin.native.run(5)
        twin.native.send_order(account, market, BUY, 10, 1, at_ms=5)  # millisecond 5 has had its pass
        twin.native.run(5)
        assert twin.native.market(market)["orders"] == 0
        twin.native.run(6)
        assert [row[0] for row in journal(twin, PLACE_ROW)] == [6]

    def test_t3_prices_are_sampled_once_a_millisecond(self):
        # A mark of 10 ms liquidates, the sale moves the price in phase 8, and the next mark is that of 11 ms.
        margin = Margin(bid_lots=3, mark_every_ms=1)
        margin.native.send_order(margin.maker, margin.market, BUY, 50, 1_000, at_ms=1)
        margin.native.run(1, check=True)
        account = margin.long(100 + 89)
        margin.native.run(2, check=True)
        table = margin.native.prices()
        assert (table["time_ms"].tolist(), table["price_ticks"].tolist()) == ([2], [90])
        assert margin.lots(account) == 7
        margin.native.run(3, check=True)
        # last is 89 and the mid (50 + 91) / 2 = 70: of two the lower
        assert margin.native.prices()["price_ticks"].tolist() == [90, 70]
        agree(margin.twin)

    def test_t4_a_cancel_sent_before_the_engines_order_wins(self):
        margin = Margin(stage_ppm=100 * PERCENT)
        account = margin.long(100 + 5)
        margin.native.send_cancel(margin.bid, at_ms=10)  # seq of now: before that of the step's order
        margin.native.run(10, check=True)
        assert margin.native.counts()["cancels"] == 1
        assert margin.lots(account) == 10  # nobody left to sell to
        agree(margin.twin)

    def test_t4_a_cancel_sent_after_the_engines_order_loses(self):
        margin = Margin(bid_lots=10, stage_ppm=100 * PERCENT)
        account = margin.long(100 + 5)
        while not landmarks(margin.twin, STEP):
            assert margin.native.run(10, events=1, check=True) == 1
        assert margin.native.now_ms == 10  # the world stands in phase 5 of 10 ms, the engine's order is on its way
        margin.native.send_cancel(margin.bid, at_ms=10)
        margin.native.run(10, check=True)
        counts = margin.native.counts()
        assert (counts["cancels"], counts["cancel_misses"], counts["trades"]) == (0, 1, 1)
        assert margin.lots(account) == 0
        agree(margin.twin)

    def test_t4_orders_of_one_millisecond_match_in_the_order_of_sending(self):
        twin = opened()
        market = twin.perpetual(QUOTE)
        accounts = [twin.account() for _ in range(3)]
        for account in reversed(accounts):
            twin.native.send_order(account, market, BUY, 10, 1, at_ms=4)
        twin.native.run(4, check=True)
        assert [order.owner for order in twin.native.orders(market)] == accounts[::-1]
        agree(twin)
