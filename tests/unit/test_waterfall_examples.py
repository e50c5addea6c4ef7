"""Worked examples of the liquidation waterfall to the last digit: flow by venue, ADL scores, pro rata, fund, quotes."""

from __future__ import annotations

from fractions import Fraction

import pytest

from engine import InputError, liquidation
from engine.adl import (
    binance_score,
    bybit_score,
    hyperliquid_score,
    shared_loss,
    taken_in_order,
    water_filling,
    water_filling_lots,
)
from engine.bankruptcy import bankruptcy_quote, fillable_price, liquidation_fill, shortfall
from engine.margin import bankruptcy_price, liquidation_price

F = Fraction
BTCUSDT = [(0, "0.004"), (50_000, "0.005"), (600_000, "0.0065"), (3_000_000, "0.01"), (12_000_000, "0.02")]


class TestPricesOfLiquidation:
    def test_binance_long_of_ten(self):
        price = liquidation_price(10, 120_000, 60_000, BTCUSDT)
        assert price == F(60_000 + 950 - 1_200_000, 1) / (10 * (F("0.0065") - 1))
        assert round(float(price), 2) == 114_650.23
        bankrupt = bankruptcy_price(10, 120_000, 60_000)
        assert bankrupt == 114_000
        assert round(float((price - bankrupt) / price * 100), 3) == 0.567  # all the slippage that the venue has

    def test_binance_short_of_ten(self):
        assert round(float(liquidation_price(-10, 110_000, 110_000, BTCUSDT)), 2) == 120_312.97
        assert bankruptcy_price(-10, 110_000, 110_000) == 121_000

    def test_hyperliquid_takes_over_at_two_thirds(self):
        first, takeover = (liquidation_price(10, 120_000, 60_000, F(1, 80) * share) for share in (F(1), F(2, 3)))
        assert (round(float(first), 2), round(float(takeover), 2)) == (115_443.04, 114_957.98)
        assert round(float((first - takeover) / first * 100), 2) == 0.42
        policy = liquidation.hyperliquid()
        assert policy.takeover == F("0.666667")
        assert (policy.large, policy.stage, policy.whole_for) == (100_000, F("0.2"), 30_000)


class TestDydx:
    def test_bankruptcy_quote_of_one_position_of_several(self):
        quote = bankruptcy_quote(1000, -500, 12, 42)
        assert quote == 1000 + F(500 * 12, 42) == F(8000, 7)
        assert (round(float(quote), 2), round(float(quote / 10), 2)) == (1142.86, 114.29)

    def test_closing_every_part_at_its_quote_leaves_nothing(self):
        parts = [(1000, 12), (-3000, 25), (250, 5)]  # notional, requirement
        worth = 370
        assert sum(bankruptcy_quote(notional, worth, part, 42) for notional, part in parts) == 1000 - 3000 + 250 - worth

    @pytest.mark.parametrize("side", [1, -1])
    def test_fillable_price(self, side):
        assert fillable_price(side, 100, "0.012", "0.5") == 100 - side * F("0.9")
        assert fillable_price(side, 100, "0.012", 1) == fillable_price(side, 100, "0.012", 7) == 100
        assert fillable_price(side, 100, "0.012", 0) == fillable_price(side, 100, "0.012", -3) == 100 - side * F("1.8")
        assert fillable_price(side, 100, "0.012", "0.5", adjustment=2) == 100 - side * F("1.8")

    @pytest.mark.parametrize(
        ("price", "cash", "fund", "bad_debt"),
        [
            (9400, 306, 94, 0),
            (9050, 0, 50, 0),  # the fee is capped by what is left
            (9000, 0, 0, 0),
            (8900, 0, -100, 0),
            (7900, 0, -1000, 100),  # the fund has no more
        ],
    )
    def test_a_fill_above_and_below_bankruptcy(self, price, cash, fund, bad_debt):
        fill = liquidation_fill(-9000, 1, price, -1, fee="0.01", fund=1000)
        assert (fill.cash, fill.position, fill.fund, fill.bad_debt) == (cash, 0, fund, bad_debt)

    def test_what_is_no_reduction_is_refused(self):
        for quantity in (1, 0, -2):
            with pytest.raises(InputError, match="quantity: expected a quantity that reduces a position of 1"):
                liquidation_fill(-9000, 1, 9400, quantity, fee="0.01", fund=0)
        with pytest.raises(InputError, match="requirement"):
            bankruptcy_quote(1, 1, 1, 0)
        with pytest.raises(InputError, match="position"):
            fillable_price(0, 1, 1, 1)


class TestScores:
    def test_binance_three_people(self):
        people = {"S1": (500_000, 100_000, 20_000), "S2": (2_000_000, 5_000_000, 60_000), "S3": (50_000, 10_000, 4_000)}
        scores = {name: binance_score(*each) for name, each in people.items()}
        assert scores == {"S1": F(1, 6), "S2": F(6, 1750), "S3": F(1, 3)}
        assert [round(float(score), 4) for score in scores.values()] == [0.1667, 0.0034, 0.3333]
        assert sorted(scores, key=lambda name: -scores[name]) == ["S3", "S1", "S2"]

    def test_binance_on_its_boundaries(self):
        assert binance_score(-5, 10, 3) == 0
        assert binance_score(5, -5, 3) == 0  # nothing left: the denominator is 0
        assert binance_score(5, "0.5", 11) == 5 * F(11) / F("5.5")  # a wallet below 1 counts as 1

    def test_hyperliquid_three_shorts(self):
        shorts = {"A": (-10, 122_000, 600_000), "B": (-100, 118_000, 20_000_000), "C": (-50, 108_000, 250_000)}
        for adjusted, told in ((False, [1.547, 0.480, 20.965]), (True, [2.033, 0.590, 21.600])):
            scores = {
                name: hyperliquid_score(q, 106_400, entry, value, adjusted=adjusted)
                for name, (q, entry, value) in shorts.items()
            }
            assert [round(float(score), 3) for score in scores.values()] == told
            assert sorted(scores, key=lambda name: -scores[name]) == ["C", "A", "B"]
        assert hyperliquid_score(-10, 106_400, 122_000, 600_000) == F(106_400, 122_000) * F(1_064_000, 600_000)

    def test_for_longs_both_forms_are_one(self):
        assert hyperliquid_score(5, 120, 80, 300, adjusted=True) == hyperliquid_score(5, 120, 80, 300) == 3

    def test_bybit(self):
        assert bybit_score(2, 110, 100, 44) == F(1, 10) * 5
        assert bybit_score(-2, 90, 100, 18) == F(1, 10) * 10
        assert bybit_score(0, 90, 100, 18) == 0

    @pytest.mark.parametrize("name", ["mark", "entry", "account_value"])
    def test_what_is_not_above_0_is_refused(self, name):
        given = {"mark": 1, "entry": 1, "account_value": 1, name: 0}
        with pytest.raises(InputError, match=f"{name}: expected a number above 0, was 0"):
            hyperliquid_score(1, **given)


class TestProRata:
    def test_the_steps_of_capped_water_filling(self):
        # Equal weights, caps 1, 3, 10 and 8 to share: 3 steps of 1, then 2 of 2, then 1 is left for the last.
        assert water_filling(8, [1, 1, 1], [1, 3, 10]) == [1, 3, 4]
        assert water_filling(7, [1, 1, 1], [1, 3, 10]) == [1, 3, 3]
        assert water_filling(100, [1, 1, 1], [1, 3, 10]) == [1, 3, 10]
        assert water_filling(0, [1, 1], [1, 1]) == [0, 0]
        assert water_filling(6, [0, 1], [5, 9]) == [0, 6]

    def test_only_profit_is_taken_h_is_budget_by_profits(self):
        profits = [300, 100]
        assert water_filling(100, profits, profits) == [75, 25]  # h = 100 / 400 of each

    def test_whole_lots_one_each_for_what_is_left(self):
        assert water_filling_lots(8, [1, 1, 1], [1, 3, 10]) == [1, 3, 4]
        assert water_filling_lots(11, [1, 1, 1], [9, 9, 9]) == [4, 4, 3]
        assert water_filling_lots(11, [3, 2, 1], [9, 9, 9]) == [6, 4, 1]  # 5.5, 3.66, 1.83: two lots are left over

    @pytest.mark.parametrize("seed", range(40))
    def test_whole_lots_are_conserved_and_capped(self, seed):
        state = seed * 2_654_435_761 + 1
        numbers = []
        for _ in range(13):
            state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
            numbers.append(state >> 60)
        weights, caps, lots = numbers[:6], numbers[6:12], 3 * numbers[12]
        taken = water_filling_lots(lots, weights, caps)
        room = sum(cap for cap, weight in zip(caps, weights, strict=True) if weight)
        assert sum(taken) == min(lots, room)
        assert all(0 <= each <= cap for each, cap in zip(taken, caps, strict=True))
        assert all(weight or not each for each, weight in zip(taken, weights, strict=True))

    def test_bad_numbers_are_named(self):
        for field, act in (
            ("caps", lambda: water_filling(1, [1], [])),
            (r"weights\[1\]", lambda: water_filling(1, [1, -1], [1, 1])),
            ("lots", lambda: water_filling_lots(-1, [1], [1])),
            (r"caps\[0\]", lambda: water_filling_lots(1, [1], [0.5])),
            ("budget", lambda: water_filling("x", [1], [1])),
        ):
            with pytest.raises(InputError, match=f"^{field}: "):
                act()

    def test_in_order(self):
        assert taken_in_order(7, [5, 5]) == ([5, 2], 0)
        assert taken_in_order(11, [5, 5]) == ([5, 5], 1)


class TestFund:
    def test_a_slice_below_bankruptcy(self):
        assert shortfall("0.4", "0.8747", "0.78") == F("0.03788")
        assert shortfall("0.4", "0.8747", "0.8747") == shortfall("0.4", "0.8747", "0.9") == 0
        assert shortfall("-0.4", "0.8747", "0.9") == F("0.01012")

    def test_fund_first_the_rest_is_shared(self):
        fund, losses = 30, [20, 25]
        assert shared_loss(sum(losses) - fund, [30, 60]) == [5, 10]
        assert shared_loss(16, [30, 60]) == [6, 10]  # 5.33 and 10.67: the atom by order
        assert shared_loss(91, [30, 60]) == [30, 60]
        assert shared_loss(7, [0, -4]) == [0, 0]
