"""Margin units of a world, rule by rule: ladders, unknown prices, modes, orders, withdrawals (C-1 .. C-7)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from marginworldkit import CASH, COIN, UNIFIED, USD, Stage, refused
from worldkit import BUY, LIQUIDATION, PERCENT, SELL, agree, journal, landmarks, place, rejects

from engine.margin import Boundary, Comparator, Ladder, MarginAction
from engine.reference.margin import NewOrder, order_is_affordable
from engine.reference.world import JournalKind
from engine.testing.margins import MarginWorld
from engine.types import RejectReason

MARGIN_STATE = 8
LADDER = Ladder(
    (
        Boundary(MarginAction.WARN, 2_000_000),
        Boundary(MarginAction.REDUCE_ONLY, 1_500_000),
        Boundary(MarginAction.CANCEL, 1_200_000),
        Boundary(MarginAction.LIQUIDATE, 1_000_000),
    )
)


class TestLadder:
    """A long of 10 bought at 100 with 400: equity 10 P - 600 against a requirement of P."""

    STEPS = [(75, 0), (74, 1), (71, 1), (70, 2), (69, 2), (68, 3), (67, 3), (66, 4)]

    @pytest.mark.parametrize(("mark", "state"), STEPS)
    def test_c4_the_state_is_the_number_of_boundaries_that_it_is_beyond(self, mark, state):
        stage = Stage(ladder=LADDER)
        account = stage.long(400)
        stage.price(100)
        assert stage.unit(account)["state"] == 0
        stage.price(mark)
        assert stage.unit(account)["state"] == state
        assert stage.native.margin(account).state == state
        stage.agree()

    def test_c4_each_step_is_told_once_with_the_state_that_it_led_to(self):
        stage = Stage(ladder=LADDER)
        account = stage.long(400)
        for mark in (100, 74, 73, 70, 71, 75, 66):
            stage.price(mark)
            stage.agree()
        # 100 free; 74 warned, 70 reduce-only; 71 (1.55) and 75 (2.0 exactly) back up; 66 at once beyond all of them.
        assert landmarks(stage.world, MARGIN_STATE) == [
            (2, account, 1),
            (4, account, 2),
            (5, account, 1),
            (6, account, 0),
        ]
        assert landmarks(stage.world, LIQUIDATION) == [(7, account, 60)]

    def test_c4_at_or_below_is_beyond_on_the_boundary_itself(self):
        ladder = Ladder((Boundary(MarginAction.LIQUIDATE, 2_000_000, Comparator.AT_OR_BELOW),))
        for ladder_, liquidated in ((ladder, True), (Ladder((Boundary(MarginAction.LIQUIDATE, 2_000_000),)), False)):
            stage = Stage(ladder=ladder_)
            account = stage.long(400)
            stage.price(76)
            assert not stage.native.in_liquidation(account)
            stage.price(75)  # 150 against 75
            assert stage.native.in_liquidation(account) == liquidated
            stage.agree()

    def test_c4_reduce_only_takes_what_reduces_and_no_more(self):
        stage = Stage(ladder=LADDER)
        account = stage.long(400)
        stage.price(100)
        stage.send(stage.maker, BUY, 60, 1_000)
        stage.price(70)
        assert stage.send(account, BUY, 50, 1) is RejectReason.ACCOUNT_REDUCE_ONLY
        assert stage.send(account, SELL, 90, 11) is RejectReason.ACCOUNT_REDUCE_ONLY
        assert stage.send(account, SELL, 90, 6) is None
        assert stage.send(account, SELL, 90, 5) is RejectReason.ACCOUNT_REDUCE_ONLY  # 6 rest already, 10 are held
        assert stage.send(account, SELL, None, 4) is None
        assert stage.native.position(account, stage.market)[0] == 6
        assert stage.resting(account) == [(SELL, 90, 6)]
        stage.agree()

    def test_c4_cancel_takes_the_orders_off_and_warn_does_not(self):
        stage = Stage(ladder=LADDER)
        account = stage.long(400)
        stage.price(100)
        stage.send(account, SELL, 120, 3)
        stage.price(74)
        assert stage.resting(account) == [(SELL, 120, 3)]
        stage.price(68)
        assert stage.resting(account) == []
        assert stage.native.position(account, stage.market)[0] == 10
        stage.agree()

    def test_c4_a_deposit_brings_it_back_in_the_next_check(self):
        stage = Stage(ladder=LADDER)
        account = stage.long(400)
        stage.price(70)
        stage.native.deposit(account, USD, 100)
        assert stage.unit(account)["state"] == 2  # the margin check is of the next millisecond
        stage.next()
        assert stage.unit(account)["state"] == 0
        stage.agree()

    def test_c4_without_a_requirement_nothing_left_is_not_beyond(self):
        ladder = Ladder((Boundary(MarginAction.LIQUIDATE, 1_000_000, Comparator.AT_OR_BELOW),))
        stage = Stage(ladder=ladder)
        market = stage.world.perpetual(USD, maintenance_ppm=0)
        account = stage.long(100, market=market)
        stage.price(90, market)
        assert not stage.native.in_liquidation(account)  # equity 0, requirement 0
        stage.price(89, market)
        assert stage.native.in_liquidation(account)
        stage.agree()


class TestUnknown:
    def test_c5_without_a_mark_the_state_stays(self):
        stage = Stage(ladder=LADDER)
        account = stage.long(400)
        stage.price(70)
        unmarked = stage.perpetual()
        stage.native.open_trade(unmarked, account, stage.maker, 1, 100)
        stage.next()
        stage.price(10)
        row = stage.unit(account)
        assert (row["is_known"], row["state"]) == (0, 2)
        assert not stage.native.in_liquidation(account)
        stage.price(100, unmarked)
        assert stage.native.in_liquidation(account)  # known in this millisecond, and far beyond
        stage.agree()

    def test_c5_a_stale_mark_is_unknown_until_the_next_one(self):
        stage = Stage(price_stale_ms=5)
        other = stage.perpetual()
        account = stage.long(200)
        stage.native.open_trade(other, account, stage.maker, 10, 100)
        stage.price(100)
        stage.price(100, other)
        stage.native.run(stage.native.now_ms + 5, check=True)
        stage.price(90, other)  # equity 100, requirement 190; but the other mark is 7 ms old
        assert stage.unit(account)["is_known"] == 0
        assert not stage.native.in_liquidation(account)
        stage.price(100)
        assert stage.native.in_liquidation(account)
        stage.agree()

    def test_c5_with_a_stale_mark_nothing_is_withdrawn_and_nothing_opened(self):
        stage = Stage(price_stale_ms=5)
        account = stage.long(1_000)
        stage.price(100)
        stage.native.run(stage.native.now_ms + 6, check=True)
        refused("atoms", stage.native.withdraw, account, USD, 1)
        assert stage.send(account, BUY, 50, 1) is RejectReason.INSUFFICIENT_MARGIN
        assert stage.send(account, SELL, 150, 10) is None  # it only reduces
        stage.agree()


class TestModes:
    def test_c1_a_cash_account_has_spot_only(self):
        stage = Stage()
        account = stage.world.account(1_000, mode=CASH)
        assert stage.send(account, BUY, 100, 1) is RejectReason.CASH_ACCOUNT
        assert stage.send(account, BUY, 100, 1, stage.spot) is None
        refused("buyer", stage.native.open_trade, stage.market, account, stage.maker, 1, 100)
        refused("seller", stage.native.open_trade, stage.market, stage.maker, account, 1, 100)
        stage.agree()

    def test_c1_a_unified_account_has_no_position_in_what_settles_in_no_collateral(self):
        world = MarginWorld()
        assert (world.asset(10**9), world.asset(10**9)) == (USD, COIN)
        market, maker = world.perpetual(COIN), world.account(10**6, 10**6)
        world.count(USD)
        account = world.account(10**6, mode=UNIFIED)
        refused("buyer", world.native.open_trade, market, account, maker, 1, 100)
        place(world, account, market, BUY, 10, 1)
        assert rejects(world) == {RejectReason.CASH_ACCOUNT: 1}
        agree(world)

    def test_c3_collateral_counts_with_its_share_and_debt_in_full(self):
        stage = Stage(unified=True)
        account = stage.world.account(0, 100, mode=UNIFIED)
        stage.index(50)
        stage.native.open_trade(stage.market, account, stage.maker, 10, 100)
        stage.price(100)
        row = stage.unit(account)
        assert row["equity_atoms"] == 4_500  # 90 % of 100 * 50
        stage.native.borrow(account, USD, 1_000)
        stage.native.withdraw(account, USD, 1_000)
        row = stage.unit(account)
        assert (row["equity_atoms"], row["requirement_atoms"]) == (3_500, 100 + 50)  # and 5 % of the loan
        stage.agree()

    def test_c3_a_loans_requirement_is_rounded_once(self):
        world = MarginWorld()
        assert (world.asset(10**9), world.asset(10**9)) == (USD, COIN)
        spot = world.spot(COIN, USD, base_atoms_per_lot=3)
        market, maker = world.perpetual(USD), world.account(10**6, 10**6)
        world.count(USD)
        world.count(COIN, spot, loan_ppm=3 * PERCENT, lender=maker)
        account = world.account(1_000, mode=UNIFIED)
        world.native.publish(spot, 10, "index")
        world.native.borrow(account, COIN, 10)
        world.native.open_trade(market, account, maker, 1, 100)
        world.native.publish(market, 100)
        world.native.run(1, check=True)
        # 3 % of 10 * 10 / 3 = 33.33 is 0.99999, so 1; of 34 it would be 1.02, so 2. The position needs 5.
        assert world.native.margin(account).requirement == 1 + 5
        assert world.differences() == []
        agree(world)


class TestGate:
    CASES = [
        (10, BUY, 100, 10, True),  # 20 lots need 400
        (10, BUY, 100, 11, False),
        (10, BUY, 110, 6, True),  # 16 lots need 320, and 6 * 10 are lost at once
        (10, BUY, 110, 7, False),
        (10, SELL, 100, 30, True),  # 20 short at most: as many
        (10, SELL, 100, 31, False),
        (10, SELL, 90, 20, True),  # the other 10 only reduce: nothing grows
        (10, SELL, None, 20, True),
    ]

    @pytest.mark.parametrize(("lots", "side", "price", "qty", "accepted"), CASES)
    def test_c6_an_order_is_accepted_while_the_initial_requirement_is_covered(self, lots, side, price, qty, accepted):
        stage = Stage()
        account = stage.long(400, lots)
        stage.price(100)
        assert (stage.send(account, side, price, qty) is None) == accepted
        held = replace(stage.world.holding(stage.market, lots, 100 * lots, 0, 0, 0), mark_ticks=100)
        assert order_is_affordable(400, [held], 0, NewOrder(side, qty, price)) == accepted
        stage.agree()

    def test_c6_quotes_on_both_sides_count_once(self):
        stage = Stage()
        account = stage.world.account(200)
        stage.price(100)
        assert stage.send(account, BUY, 90, 10) is None
        assert stage.send(account, SELL, 110, 10) is None
        assert stage.send(account, SELL, 110, 1) is RejectReason.INSUFFICIENT_MARGIN
        stage.agree()

    def test_c6_a_chosen_leverage_asks_for_more_even_without_an_initial_schedule(self):
        for initial in (True, False):
            stage = Stage(initial=initial)
            account = stage.world.account(1_000)
            stage.price(100)
            stage.world.choose(account, 2, stage.market)
            assert stage.send(account, BUY, 100, 21) is RejectReason.INSUFFICIENT_MARGIN
            assert stage.send(account, BUY, 100, 20) is None  # half of 2,000
            stage.agree()

    def test_c6_orders_in_a_market_whose_asset_it_does_not_have_count(self):
        stage = Stage(unified=True)
        coin_market = stage.perpetual(COIN)
        account = stage.world.account(1_000, mode=UNIFIED)
        stage.price(100, coin_market)
        stage.next()
        assert stage.send(account, BUY, 100, 1, coin_market) is RejectReason.INSUFFICIENT_MARGIN  # no index yet
        stage.index(10)
        assert stage.send(account, BUY, 100, 5, coin_market) is None  # 20 % of 500 coins at 10
        assert stage.send(account, BUY, 100, 1, coin_market) is RejectReason.INSUFFICIENT_MARGIN
        stage.agree()

    def test_c6_a_withdrawal_leaves_the_initial_requirement_and_what_is_refused_moves_nothing(self):
        stage = Stage()
        account = stage.long(1_000)
        stage.price(90)  # equity 900, initial 180
        before = stage.native.digest()
        refused("atoms", stage.native.withdraw, account, USD, 721)
        refused("atoms", stage.native.withdraw, account, USD, 1_001)
        assert stage.native.digest() == before
        stage.native.withdraw(account, USD, 720)
        refused("atoms", stage.native.withdraw, account, USD, 1)
        assert stage.native.balance(account, USD) == (280, 0)
        stage.next()
        stage.agree()

    def test_c6_a_profit_that_is_not_realised_does_not_leave(self):
        stage = Stage()
        account = stage.long(100)
        stage.price(200)
        refused("atoms", stage.native.withdraw, account, USD, 101)
        stage.native.withdraw(account, USD, 100)
        stage.next()
        stage.agree()


class TestReduceOnly:
    def test_c7_resting_reduce_only_orders_are_cut_newest_first(self):
        stage = Stage()
        account = stage.long(10_000)
        stage.price(100)
        for price, lots in ((120, 4), (110, 3), (115, 3)):
            assert stage.send(account, SELL, price, lots, reduce_only=True) is None
        assert stage.send(account, SELL, 130, 1, reduce_only=True) is RejectReason.NOTHING_TO_REDUCE
        stage.send(stage.maker, BUY, 90, 5)
        assert stage.send(account, SELL, 90, 5) is None  # 5 are left to reduce: 3 + 2 go, the newest first
        assert stage.resting(account) == [(SELL, 110, 1), (SELL, 120, 4)]
        assert journal(stage.world, JournalKind.REDUCE)[0][5] == 2
        stage.agree()

    def test_c7_one_that_arrives_is_cut_to_what_is_left_to_reduce(self):
        stage = Stage()
        account = stage.long(10_000)
        stage.price(100)
        assert stage.send(account, SELL, 120, 4) is None
        assert stage.send(account, SELL, 110, 100, reduce_only=True) is None
        assert stage.resting(account) == [(SELL, 110, 6), (SELL, 120, 4)]
        assert stage.send(account, BUY, 90, 1, reduce_only=True) is RejectReason.NOTHING_TO_REDUCE
        stage.agree()
