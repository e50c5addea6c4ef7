"""Money of margin units, rule by rule: isolated margin, loans, bad input (L-10 .. L-12, J-4, U-7)."""

from __future__ import annotations

import pytest
from marginworldkit import COIN, ISOLATED, RICH, UNIFIED, USD, Stage, refused
from worldkit import BAD_DEBT, BAD_DEBT_LANDMARK, BUY, PERCENT, SELL, STEP, agree, landmarks

from engine.testing.margins import MarginWorld
from engine.types import RejectReason


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
