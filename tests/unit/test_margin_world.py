"""Margin units of a world, rule by rule: C-1 .. C-6, L-10 .. L-12, J-4; walks: properties/test_margin_walks.py."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worldkit import BAD_DEBT, BUY, LIQUIDATION, PERCENT, SELL, STEP, agree, journal, landmarks, place, rejects

from engine import InputError
from engine.margin import AccountMode, Boundary, Comparator, Ladder, MarginAction
from engine.reference.margin import NewOrder, order_is_affordable
from engine.reference.world import JournalKind
from engine.testing.margins import MarginWorld
from engine.types import RejectReason

USD, COIN = 0, 1
RICH = 10**9
MARGIN_STATE, BAD_DEBT_LANDMARK = 8, 7
LADDER = Ladder(
    (
        Boundary(MarginAction.WARN, 2_000_000),
        Boundary(MarginAction.REDUCE_ONLY, 1_500_000),
        Boundary(MarginAction.CANCEL, 1_200_000),
        Boundary(MarginAction.LIQUIDATE, 1_000_000),
    )
)
ISOLATED, CROSS, UNIFIED, CASH = AccountMode.ISOLATED, AccountMode.CROSS, AccountMode.UNIFIED, AccountMode.CASH


class Stage:
    """Hold a perpetual in dollars, a maker who is rich, and a spot market whose index prices a coin.

    Maintenance is 10 %, the initial requirement 20 %; a lot is worth an atom at a tick.
    """

    def __init__(self, *, ladder=None, initial=True, unified=False, **options):
        stale_ms = options.pop("price_stale_ms", 0)
        self.world = MarginWorld(ladder=ladder, **options)
        self.native = self.world.native
        assert (self.world.asset(10**15), self.world.asset(10**15)) == (USD, COIN)
        self.initial = self.world.schedule([0], [20 * PERCENT]) if initial else None
        self.spot = self.world.spot(COIN, USD)
        self.market = self.perpetual(price_stale_ms=stale_ms)
        self.maker = self.world.account(RICH, RICH)
        if unified:
            self.world.count(USD, loan_ppm=5 * PERCENT, lender=self.maker)
            value = self.world.schedule([0], [90 * PERCENT], kind="value")
            self.world.count(COIN, self.spot, value=value, loan_ppm=10 * PERCENT, lender=self.maker)

    def perpetual(self, settle=USD, **options):
        return self.world.perpetual(settle, maintenance_ppm=10 * PERCENT, initial=self.initial, **options)

    def price(self, ticks, market=None, series="mark"):
        self.native.publish(self.market if market is None else market, ticks, series)
        self.next()

    def index(self, ticks):
        self.price(ticks, self.spot, "index")

    def next(self):
        self.native.run(self.native.now_ms + 1, check=True)

    def long(self, atoms, lots=10, price=100, *, market=None, mode=CROSS):
        account = self.world.account(atoms, mode=mode)
        self.native.open_trade(self.market if market is None else market, account, self.maker, lots, price)
        return account

    def send(self, account, side, price, lots, market=None, **options):
        """Send an order; returns its reason if its account may not send it."""
        before = rejects(self.world)
        place(self.world, account, self.market if market is None else market, side, price, lots, **options)
        after = rejects(self.world)
        new = [RejectReason(reason) for reason in after if after[reason] > before.get(reason, 0)]
        return new[0] if new else None

    def resting(self, account, market=None):
        orders = self.native.orders(self.market if market is None else market)
        return [(int(order.side), order.price_ticks, order.leaves_lots) for order in orders if order.owner == account]

    def unit(self, account, market=None):
        rows = [row for row in self.world.rows() if row["account"] == account]
        return next(row for row in rows if market is None or row["market"] == market)

    def agree(self):
        assert self.world.differences() == []
        agree(self.world)


def refused(field, call, *arguments, **options):
    with pytest.raises(InputError) as error:
        call(*arguments, **options)
    assert error.value.field == field


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


class TestIsolated:
    """A long of 10 at 100 brings 20 % of 1,000 as its margin."""

    def test_l11_it_brings_its_initial_requirement_and_takes_its_share_back(self):
        stage = Stage()
        account = stage.long(1_000, mode=ISOLATED)
        assert (stage.unit(account)["margin_atoms"], stage.native.balance(account, USD)[0]) == (200, 800)
        stage.price(100)
        stage.native.open_trade(stage.market, stage.maker, account, 3, 110)
        # 30 won: 230, of which floor(230 * 3 / 10) = 69 go back.
        assert (stage.unit(account)["margin_atoms"], stage.native.balance(account, USD)[0]) == (161, 869)
        stage.native.open_trade(stage.market, stage.maker, account, 8, 100)
        # All of it goes back, and the short of 1 brings 20.
        assert (stage.unit(account)["margin_atoms"], stage.native.balance(account, USD)[0]) == (20, 1_010)
        stage.next()
        stage.agree()

    @pytest.mark.parametrize(
        ("leverage", "initial", "margin"), [(0, False, 1_000), (4, False, 250), (10, True, 200), (2, True, 500)]
    )
    def test_l11_leverage_and_schedule_say_what_it_brings(self, leverage, initial, margin):
        stage = Stage(initial=initial)
        account = stage.world.account(5_000, mode=ISOLATED)
        stage.world.choose(account, leverage, stage.market)
        stage.native.open_trade(stage.market, account, stage.maker, 10, 100)
        assert stage.unit(account)["margin_atoms"] == margin
        stage.agree()

    def test_l11_no_more_than_is_free(self):
        stage = Stage()
        account = stage.long(150, mode=ISOLATED)
        assert (stage.unit(account)["margin_atoms"], stage.native.balance(account, USD)[0]) == (150, 0)
        stage.agree()

    def test_l11_an_order_is_accepted_while_what_orders_bring_is_free_and_that_is_not_withdrawn(self):
        stage = Stage()
        account = stage.world.account(1_000, mode=ISOLATED)
        stage.price(100)
        assert stage.send(account, BUY, 90, 40) is None  # would bring 800
        assert stage.send(account, BUY, 90, 11) is RejectReason.INSUFFICIENT_MARGIN
        refused("atoms", stage.native.withdraw, account, USD, 201)
        refused("atoms", stage.native.add_margin, account, stage.market, 201)
        stage.native.withdraw(account, USD, 200)
        stage.agree()

    def test_l11_a_loss_is_limited_to_its_margin_and_others_are_untouched(self):
        stage = Stage(stage_ppm=100 * PERCENT, stage_interval_ms=1)
        other = stage.perpetual()
        account = stage.long(1_000, mode=ISOLATED)
        stage.native.open_trade(other, account, stage.maker, 10, 100)
        stage.price(100)
        stage.price(100, other)
        assert stage.send(account, SELL, 150, 10, other) is None
        stage.send(account, SELL, 150, 10)
        stage.send(stage.maker, BUY, 70, 1_000)
        stage.price(85)  # equity 50, requirement 85: sold at 70, 300 lost
        stage.native.run(stage.native.now_ms + 5, check=True)
        assert [stage.native.position(account, market)[0] for market in (stage.market, other)] == [0, 10]
        assert stage.unit(account, stage.market)["margin_atoms"] == 0
        assert stage.unit(account, other)["margin_atoms"] == 200
        assert stage.native.balance(account, USD)[0] == 600
        assert stage.native.balance(BAD_DEBT, USD)[0] == -100
        assert landmarks(stage.world, STEP, BAD_DEBT_LANDMARK)[-1][1:] == (account, 100)
        assert (stage.resting(account), stage.resting(account, other)) == ([], [(SELL, 150, 10)])
        agree(stage.world)

    def test_l10_closed_by_its_own_order_under_water_it_is_brought_to_0(self):
        stage = Stage()
        account = stage.long(1_000, mode=ISOLATED)
        stage.price(100)
        stage.send(stage.maker, BUY, 70, 1_000)
        assert stage.send(account, SELL, None, 10) is None  # 300 lost of a margin of 200
        assert stage.unit(account)["margin_atoms"] == -100
        stage.agree()
        stage.next()
        assert (stage.unit(account)["margin_atoms"], stage.native.balance(account, USD)[0]) == (0, 800)
        assert stage.native.balance(BAD_DEBT, USD)[0] == -100
        stage.agree()

    def test_l11_margin_is_added_and_taken_out(self):
        stage = Stage()
        account = stage.long(1_000, mode=ISOLATED)
        stage.price(100)
        stage.native.add_margin(account, stage.market, 300)
        assert (stage.unit(account)["margin_atoms"], stage.native.balance(account, USD)[0]) == (500, 500)
        refused("atoms", stage.native.add_margin, account, stage.market, -301)
        refused("atoms", stage.native.add_margin, account, stage.market, 501)
        stage.native.add_margin(account, stage.market, -300)
        stage.next()
        stage.agree()

    def test_j4_a_flat_positions_margin_is_in_the_digest(self):
        stage = Stage()
        account = stage.world.account(1_000, mode=ISOLATED)
        stage.world.choose(account, 5, stage.market)
        before = stage.native.digest()
        stage.native.add_margin(account, stage.market, 10)
        assert stage.native.digest() != before
        agree(stage.world)


class TestLoans:
    def test_l12_what_is_owed_is_lent(self):
        stage = Stage(unified=True)
        account = stage.world.account(1_000, mode=UNIFIED)
        stage.index(10)
        stage.native.borrow(account, COIN, 50)
        assert (stage.native.owed(account, COIN), stage.native.owed(stage.maker, COIN)) == (50, -50)
        assert stage.native.balance(account, COIN)[0] == 50
        stage.native.repay(account, COIN, 20)
        assert (stage.native.owed(account, COIN), stage.native.balance(account, COIN)[0]) == (30, 30)
        stage.agree()

    def test_l12_a_loan_that_is_not_covered_moves_nothing(self):
        stage = Stage(unified=True)
        account = stage.world.account(1_000, mode=UNIFIED)
        stage.index(10)
        before = stage.native.digest()
        refused("atoms", stage.native.borrow, account, COIN, RICH + 1)  # more than the lender has
        refused("atoms", stage.native.borrow, account, COIN, 1_001)  # 10 % of 10,010, against 1,000
        refused("atoms", stage.native.repay, account, COIN, 1)
        assert stage.native.digest() == before
        stage.agree()

    def test_l12_e4_a_lender_with_a_position_is_looked_at_again(self):
        world = MarginWorld()
        assert world.asset(10**9) == USD
        market = world.perpetual(USD, maintenance_ppm=10 * PERCENT)
        maker, lender = world.account(10**6), world.account(500)
        world.count(USD, lender=lender)
        borrower = world.account(1_000, mode=UNIFIED)
        world.native.open_trade(market, lender, maker, 10, 100)
        world.native.publish(market, 100)
        world.native.run(1, check=True)
        world.native.borrow(borrower, USD, 401)  # 99 are left against a requirement of 100
        world.native.run(2, check=True)
        assert world.native.in_liquidation(lender)
        assert world.differences() == []
        agree(world)


class TestInput:
    BAD = [
        ("withdraw", "account", lambda s, a: (2, USD, 1)),
        ("withdraw", "asset", lambda s, a: (a, 2, 1)),
        ("withdraw", "atoms", lambda s, a: (a, USD, 0)),
        ("borrow", "atoms", lambda s, a: (a, USD, 1.5)),
        ("borrow", "account", lambda s, a: (10**6, USD, 1)),
        ("repay", "asset", lambda s, a: (a, -1, 1)),
        ("add_margin", "market", lambda s, a: (a, s.spot, 1)),
        ("add_margin", "atoms", lambda s, a: (a, s.market, 2**62)),
        ("set_leverage", "leverage", lambda s, a: (a, 1_001)),
        ("set_leverage", "account", lambda s, a: (s.world.account(), 5)),  # it has nothing yet
        ("bands", "account", lambda s, a: (-1,)),
        ("owed", "asset", lambda s, a: (a, "x")),
        ("margin", "account", lambda s, a: (s.world.account(),)),
    ]

    @pytest.mark.parametrize(("method", "field", "arguments"), BAD, ids=[f"{row[0]}-{row[1]}" for row in BAD])
    def test_u7_bad_input_is_named_and_changes_nothing(self, method, field, arguments):
        stage = Stage(unified=True)
        account = stage.long(1_000)
        wanted = arguments(stage, account)
        before = stage.native.digest()
        refused(field, getattr(stage.native, method), *wanted)
        assert stage.native.digest() == before

    LADDERS = [
        ([], "boundaries"),
        ([(4, 10**6, False)] * 9, "boundaries"),
        ([(1, 10**6, False)], "boundaries"),
        ([(5, 10**6, False)], "boundaries[0]"),
        ([(4, 0, False)], "boundaries[0].ratio_ppm"),
        ([(1, 10**6, False), (4, 10**6, False)], "boundaries[1]"),
        ([(2, 2 * 10**6, False), (1, 10**6, False)], "boundaries[1]"),
        (7, "boundaries"),
    ]

    @pytest.mark.parametrize(("boundaries", "field"), LADDERS)
    def test_c4_what_is_no_ladder_is_named(self, boundaries, field):
        refused(field, MarginWorld().native.set_ladder, 0, boundaries)

    def test_c4_a_ladder_comes_before_the_first_position(self):
        stage = Stage()
        stage.long(1_000)
        refused("boundaries", stage.native.set_ladder, 0, [(4, 10**6, False)])

    def test_e1_the_bands_of_an_account_are_those_of_its_series(self):
        stage = Stage()
        account = stage.long(1_000)
        assert stage.native.bands(account) == [(stage.market, "mark", 2**31 - 2, None)]  # unknown: any publication
        stage.price(100)
        # Equity 1,000 and 100 required; a fall takes 10 a tick and gives 1 back: 900 / 9 = 100 ticks.
        assert stage.native.bands(account) == []
        stage.native.withdraw(account, USD, 500)
        # 400 to lose, less the atom that rounding can take, at 10 - 1 a tick: 44 ticks, and due one further down.
        assert stage.native.bands(account) == [(stage.market, "mark", 100 - 44 - 1, None)]
