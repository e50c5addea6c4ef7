"""Looped collateral, exits and runs by hand; what backs a synthetic dollar."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import InputError, backing, illusion, loops

PAR = Fraction(1)


class TestIllusion:
    def test_by_hand(self):
        # 300 and 100 deposited; 100 and 100 are their owners'
        assert illusion.collateral_illusion([300, 100], [100, 100]) == 2

    @pytest.mark.parametrize("count", range(8))
    def test_of_one_loop_it_is_the_leverage(self, count):
        multiple = loops.loop_multiple("0.8", count)
        assert illusion.collateral_illusion([100_000 * multiple], [100_000]) == multiple

    def test_nobody_has_borrowed(self):
        assert illusion.collateral_illusion([5, 7], [5, 7]) == 1

    def test_one_may_be_under_water(self):
        assert illusion.collateral_illusion([30, 30], [-10, 20]) == 6

    def test_arrays_of_any_kind_and_sums_beyond_64_bits(self):
        gross = np.full(8, 2**62, dtype=np.int64)
        assert illusion.collateral_illusion(gross, gross // 4) == 4
        assert illusion.collateral_illusion(("0.3",), (Fraction(1, 10),)) == 3
        assert illusion.collateral_illusion(np.array([0.3]), [0.1]) == 3  # a float by its shortest form

    @pytest.mark.parametrize(
        ("gross", "net", "field"),
        [
            ([1, 2], [1], "net"),
            ([1, -2], [1, 1], "gross[1]"),
            ([1], [0], "net"),
            ([], [], "net"),
            (["a"], [1], "gross[0]"),
            ([float("nan")], [1], "gross[0]"),
            (3, [1], "gross"),
            ("12", [1], "gross"),
            ([True], [1], "gross[0]"),
        ],
    )
    def test_bad_input_is_named(self, gross, net, field):
        with pytest.raises(InputError) as raised:
            illusion.collateral_illusion(gross, net)
        assert str(raised.value).startswith(f"{field}: expected")


class TestExitCover:
    PRICES, QTYS = ["1.000", "0.990", "0.980", "0.979"], [10, 20, 30, 4000]

    def test_the_bound_is_included(self):
        # 10 + 19.8 + 29.4
        assert illusion.depth_within(self.PRICES, self.QTYS) == (60, Fraction("59.2"))

    def test_from_a_reference(self):
        assert illusion.depth_within(self.PRICES, self.QTYS, reference="1.01").coins == 30  # 0.9898 and above
        assert illusion.depth_within(self.PRICES, self.QTYS, reference="0.9").coins == 4060
        assert illusion.depth_within(self.PRICES, self.QTYS, reference=2).coins == 0

    def test_other_distances(self):
        assert illusion.depth_within(self.PRICES, self.QTYS, within_ppm=0).coins == 10
        assert illusion.depth_within(self.PRICES, self.QTYS, within_ppm=10**6).coins == 4060

    def test_cover(self):
        assert illusion.exit_cover(self.PRICES, self.QTYS, 592) == Fraction(1, 10)
        assert illusion.exit_cover(self.PRICES, self.QTYS, 0) is None
        assert illusion.exit_cover([], [], 5) == 0
        assert illusion.exit_cover(np.array([1.0]), np.array([300]), 600) == Fraction(1, 2)

    @pytest.mark.parametrize(
        ("prices", "qtys", "options", "field"),
        [
            ([1, 2], [1, 1], {}, "bids_price[1]"),
            ([0], [1], {}, "bids_price[0]"),
            ([1], [-1], {}, "bids_qty[0]"),
            ([1], [1, 1], {}, "bids_qty"),
            ([1], [1], {"within_ppm": -1}, "within_ppm"),
            ([1], [1], {"within_ppm": 0.5}, "within_ppm"),
            ([1], [1], {"reference": 0}, "reference"),
        ],
    )
    def test_bad_input_is_named(self, prices, qtys, options, field):
        with pytest.raises(InputError) as raised:
            illusion.exit_cover(prices, qtys, 1, **options)
        assert str(raised.value).startswith(f"{field}: expected")

    def test_nobody_sells_less_than_nothing(self):
        with pytest.raises(InputError, match="to_sell"):
            illusion.exit_cover([1], [1], -1)


class TestRun:
    def test_first_come_first_served(self):
        # Each sells 10: at 1; at 0.9; 5 at 0.9 and 5 at 0.5; 2 at 0.5, and 8 find no bid.
        run = illusion.run_payoffs([10] * 4, [6] * 4, [1, "0.9", "0.5"], [10, 15, 7])
        assert run.proceeds == (10, 9, 7, 1)
        assert run.payoff == (4, 3, 1, 0)
        assert run.shortfall == (0, 0, 0, 5)
        assert run.kept == (0, 0, 0, 8)
        assert len(run) == 4

    def test_an_order_of_its_own(self):
        run = illusion.run_payoffs([10, 20], [0, 0], [1, "0.5"], [20, 10], order=np.array([1, 0]))
        assert (run.position, run.payoff) == ((1, 0), (20, 5))

    def test_only_the_debt_is_sold_for(self):
        # 6 of 10 at 1; then 4 at 1 and 4 at a half; then 12 at a half are more than there are
        run = illusion.run_payoffs([10] * 3, [6] * 3, [1, "0.5"], [10, 100], sells="debt", kept_price=1)
        assert run.sold == (6, 8, 10)
        assert run.proceeds == (6, 6, 5)
        assert run.payoff == (4, 2, 0)
        assert run.shortfall == (0, 0, 1)

    def test_what_was_kept_pays_debt_too(self):
        run = illusion.run_payoffs([10], [6], [1], [4], kept_price="0.5")
        assert (run.proceeds, run.kept, run.payoff, run.shortfall) == ((4,), (6,), (1,), (0,))

    def test_nobody_and_nothing(self):
        assert len(illusion.run_payoffs([], [], [1], [1])) == 0
        assert illusion.run_payoffs([1], [0], [], []).payoff == (0,)
        assert illusion.run_payoffs([0], [0], [1], [1], sells="debt").sold == (0,)

    def test_the_arrays_are_read_only(self):
        prices, qtys = np.array([1.0, 0.5]), np.array([10, 5])
        before = prices.copy(), qtys.copy()
        first = illusion.run_payoffs([12], [3], prices, qtys)
        assert illusion.run_payoffs([12], [3], prices, qtys) == first
        assert all((now == then).all() for now, then in zip((prices, qtys), before, strict=True))

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"order": [0, 0]}, "order"),
            ({"order": [0]}, "order"),
            ({"order": [0, 2]}, "order[1]"),
            ({"order": [0, -1]}, "order[1]"),
            ({"sells": "half"}, "sells"),
            ({"kept_price": -1}, "kept_price"),
            ({"debt": [1]}, "debt"),
            ({"debt": [1, -1]}, "debt[1]"),
            ({"collateral": [1, -1]}, "collateral[1]"),
        ],
    )
    def test_bad_input_is_named(self, options, field):
        given_arrays = {"collateral": [1, 1], "debt": [1, 1], "bids_price": [1], "bids_qty": [1]}
        with pytest.raises(InputError) as raised:
            illusion.run_payoffs(**{**given_arrays, **options})
        assert str(raised.value).startswith(f"{field}: expected")


@st.composite
def ladders(draw):
    rows = draw(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 500)), max_size=12))
    rows.sort(reverse=True)
    return [Fraction(price, 1000) for price, _ in rows], [qty for _, qty in rows]


class TestRunProperties:
    @given(ladders(), st.integers(0, 12), st.integers(0, 400), st.integers(0, 400), st.sampled_from(["all", "debt"]))
    def test_of_equal_positions_none_does_better_than_the_one_before(self, ladder, count, coins, debt, sells):
        prices, qtys = ladder
        lowest = prices[-1] if prices else Fraction(0)
        for kept_price in {Fraction(0), lowest}:
            run = illusion.run_payoffs(
                [coins] * count, [debt] * count, prices, qtys, sells=sells, kept_price=kept_price
            )
            assert list(run.payoff) == sorted(run.payoff, reverse=True)
            assert list(run.shortfall) == sorted(run.shortfall)

    @given(ladders(), st.integers(0, 12), st.integers(1, 400), st.integers(0, 400))
    def test_those_who_sell_for_their_debt_keep_less_and_less(self, ladder, count, coins, debt):
        run = illusion.run_payoffs([coins] * count, [debt] * count, *ladder, sells="debt", kept_price=PAR)
        repaid = [place for place in range(count) if run.proceeds[place] == debt]
        assert repaid == list(range(len(repaid))) or debt == 0
        payoffs = [run.payoff[place] for place in repaid]
        assert payoffs == sorted(payoffs, reverse=True)

    @given(
        ladders(),
        st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=10),
        st.sampled_from(["all", "debt"]),
        st.randoms(use_true_random=False),
    )
    def test_coins_and_money_add_up(self, ladder, positions, sells, random):
        prices, qtys = ladder
        coins, debts = [row[0] for row in positions], [row[1] for row in positions]
        order = random.sample(range(len(positions)), len(positions))
        run = illusion.run_payoffs(coins, debts, prices, qtys, order=order, sells=sells)
        assert run.position == tuple(order)
        for row, place in enumerate(order):
            assert run.sold[row] + run.kept[row] == coins[place]
            assert run.payoff[row] - run.shortfall[row] == run.proceeds[row] - debts[place]
            assert min(run.payoff[row], run.shortfall[row]) == 0
        # Together they have walked the ladder from its top, whoever was first.
        sold, money = sum(run.sold), Fraction(0)
        left = sold
        for price, qty in zip(prices, qtys, strict=True):
            money += price * min(left, qty)
            left -= min(left, qty)
        assert (left, sum(run.proceeds)) == (0, money)

    @given(ladders(), st.lists(st.integers(0, 400), min_size=1, max_size=8))
    def test_the_order_moves_payoffs_and_not_their_sum(self, ladder, coins):
        nothing = [0] * len(coins)
        forth = illusion.run_payoffs(coins, nothing, *ladder)
        back = illusion.run_payoffs(coins, nothing, *ladder, order=range(len(coins) - 1, -1, -1))
        assert sum(forth.payoff) == sum(back.payoff)


class TestBacking:
    def test_the_worked_example(self):
        lost = backing.backing_loss(10**9, "0.2", "-0.1")
        assert lost == 20_000_000
        assert lost / 10**9 == Fraction(2, 100)

    @given(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(0, 10**6))
    def test_coins_and_as_many_short_are_worth_the_same_at_every_price(self, coins, price, entry):
        assert backing.backing(coins, price, entry) == coins * entry

    @given(
        st.integers(1, 10**6), st.integers(1, 10**4), st.integers(1, 10**4), st.integers(0, 100), st.integers(0, 10**4)
    )
    def test_the_loss_is_that_of_a_ledger(self, coins, entry, closed_at, percent, price):
        """Close a part of the short at a price, book its profit, and let the price move."""
        share = Fraction(percent, 100)
        profit = share * coins * (entry - closed_at)
        before = backing.backing(coins, closed_at, entry)
        after = backing.backing(coins, price, entry, short=(1 - share) * coins, cash=profit)
        change = Fraction(price, closed_at) - 1
        assert before - after == backing.backing_loss(coins * closed_at, share, change)

    @pytest.mark.parametrize(
        ("call", "field"),
        [
            (lambda: backing.backing(-1, 1, 1), "coins"),
            (lambda: backing.backing(1, -1, 1), "price"),
            (lambda: backing.backing(1, 1, -1), "entry"),
            (lambda: backing.backing(1, 1, 1, short=-1), "short"),
            (lambda: backing.backing(1, 1, 1, cash="x"), "cash"),
            (lambda: backing.backing_loss(-1, 0, 0), "value"),
            (lambda: backing.backing_loss(1, "1.01", 0), "closed"),
            (lambda: backing.backing_loss(1, 0, "-1.01"), "change"),
        ],
    )
    def test_bad_input_is_named(self, call, field):
        with pytest.raises(InputError) as raised:
            call()
        assert str(raised.value).startswith(f"{field}: expected")
