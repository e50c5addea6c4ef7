"""Liquidation and bankruptcy prices and requirements by venues' worked examples, to the last digit: rules C-2, C-8.

Grid of the examples with a price in dollars: a tick is a cent, a lot a thousandth, an atom a millionth of a dollar.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from marginkit import BRACKETS, CENT, DOLLAR, Tiers, held, position, tier_rows

from engine import margin as face
from engine.errors import InputError
from engine.margin import Boundary, Ladder, MarginAction
from engine.reference.liquidation_price import bankruptcy_price_ticks, health_at_mark, liquidation_price_ticks
from engine.reference.margin import health, initial_requirement, requirement
from engine.reference.margin_ladder import state

BUY, SELL = 1, -1
TICKS_MAX = 2**31 - 1


def btc_tiers():
    return Tiers.brackets([(cap, rate) for cap, rate, _ in BRACKETS["BTCUSDT"]], DOLLAR)


def cents(price):
    """Return a price of a closed form, rounded to cents."""
    return round(float(price), 2)


class TestBinanceLong:
    """10 BTC at 120,000, isolated, 20 x: 60,000 of margin."""

    holding = position(10, 120_000, 120_000, tiers=btc_tiers(), initial_ppm=50_000)
    money = 60_000 * DOLLAR

    def test_initial_margin_is_a_twentieth(self):
        assert initial_requirement(self.holding) == self.money

    def test_at_entry_equity_is_the_margin(self):
        # 1.2 M is in the third tier: 0.65 % less 950.
        assert health(self.money, [self.holding]) == (60_000 * DOLLAR, (7_800 - 950) * DOLLAR)

    def test_liquidation_price(self):
        exact = face.liquidation_price(10, 120_000, 60_000, tier_rows("BTCUSDT"))
        assert exact == Fraction(60_000 + 950 - 1_200_000) / (10 * (Fraction("0.0065") - 1))
        assert cents(exact) == 114_650.23
        # The first cent that breaches is the one below it; the one to quote is 114,650.23.
        health_at = health_at_mark(self.money, [self.holding], 0)
        assert liquidation_price_ticks(health_at, 120_000 * CENT, 1) == 11_465_022
        assert state(health_at(11_465_023), Ladder()) == 0
        assert state(health_at(11_465_022), Ladder()) == 1

    def test_at_that_price_equity_is_the_requirement(self):
        exact = face.liquidation_price(10, 120_000, 60_000, tier_rows("BTCUSDT"))
        assert cents(60_000 + 10 * (exact - 120_000)) == 6_502.26
        assert cents(10 * exact * Fraction("0.0065") - 950) == 6_502.26

    def test_no_other_tier_holds_its_own_price(self):
        inside = []
        for number, ((floor, rate), (cap, _, cum)) in enumerate(
            zip(tier_rows("BTCUSDT"), BRACKETS["BTCUSDT"], strict=True), start=1
        ):
            price = (60_000 + cum - 1_200_000) / (10 * (Fraction(rate) - 1))
            inside += [number] * (floor <= 10 * price <= cap)
        assert inside == [3]

    def test_bankruptcy_price(self):
        assert face.bankruptcy_price(10, 120_000, 60_000) == 114_000
        health_at = health_at_mark(self.money, [self.holding], 0)
        assert health_at(114_000 * CENT).equity_atoms == 0
        assert bankruptcy_price_ticks(health_at, 120_000 * CENT, 1) == 114_000 * CENT - 1

    def test_all_the_slippage_the_venue_has(self):
        exact = face.liquidation_price(10, 120_000, 60_000, tier_rows("BTCUSDT"))
        assert round(float((exact - 114_000) / exact) * 100, 3) == 0.567


class TestBinanceShort:
    """10 BTC at 110,000, isolated, 10 x: 110,000 of margin."""

    holding = position(-10, 110_000, 110_000, tiers=btc_tiers())
    money = 110_000 * DOLLAR

    def test_liquidation_price(self):
        exact = face.liquidation_price(-10, 110_000, 110_000, tier_rows("BTCUSDT"))
        assert exact == Fraction(110_000 + 950 + 1_100_000) / (10 * Fraction("1.0065"))
        assert cents(exact) == 120_312.97
        health_at = health_at_mark(self.money, [self.holding], 0)
        assert liquidation_price_ticks(health_at, 110_000 * CENT, TICKS_MAX) == 12_031_297

    def test_bankruptcy_price(self):
        assert face.bankruptcy_price(-10, 110_000, 110_000) == 121_000
        health_at = health_at_mark(self.money, [self.holding], 0)
        assert bankruptcy_price_ticks(health_at, 110_000 * CENT, TICKS_MAX) == 121_000 * CENT + 1


class TestHyperliquidLong:
    """10 BTC at 120,000, account value 60,000, maintenance 1.25 %."""

    holding = position(10, 120_000, 120_000, rate_ppm=12_500)
    money = 60_000 * DOLLAR

    def test_liquidation_price(self):
        assert health(self.money, [self.holding]).requirement_atoms == 15_000 * DOLLAR
        exact = face.liquidation_price_from_mark(10, 120_000, 60_000 - 15_000, "0.0125")
        assert exact == 120_000 - Fraction(45_000, 10) / Fraction("0.9875")
        assert cents(exact) == 115_443.04
        assert exact == face.liquidation_price(10, 120_000, 60_000, "0.0125")
        health_at = health_at_mark(self.money, [self.holding], 0)
        assert liquidation_price_ticks(health_at, 120_000 * CENT, 1) == 11_544_303

    def test_backstop_price(self):
        # Equity = 2/3 of the requirement: the rate of a backstop is 2/3 of 1.25 %.
        rate = Fraction(2, 3) * Fraction("0.0125")
        exact = face.liquidation_price_from_mark(10, 120_000, 60_000 - 1_200_000 * rate, rate)
        assert exact == Fraction(1_200_000 - 60_000) / (10 * (1 - rate))
        assert cents(exact) == 114_957.98
        health_at = health_at_mark(self.money, [self.holding], 0)
        two_thirds = Boundary(MarginAction.LIQUIDATE, 666_667)
        assert liquidation_price_ticks(health_at, 120_000 * CENT, 1, two_thirds) == 11_495_798

    def test_room_between_first_order_and_takeover(self):
        first = face.liquidation_price(10, 120_000, 60_000, "0.0125")
        takeover = face.liquidation_price(10, 120_000, 60_000, Fraction("0.0125") * 2 / 3)
        assert round(float((first - takeover) / first) * 100, 2) == 0.42


@pytest.mark.parametrize("name", BRACKETS)
class TestBrackets:
    def test_what_is_deducted_makes_the_requirement_continuous(self, name):
        tiers = Tiers.brackets([(cap, rate) for cap, rate, _ in BRACKETS[name]])
        for cap, rate, cum in BRACKETS[name]:
            assert tiers.exact(cap) == cap * Fraction(rate) - cum

    @pytest.mark.parametrize("side", [BUY, SELL])
    def test_at_the_liquidation_price_equity_is_the_requirement(self, name, side):
        tiers = Tiers.brackets([(cap, rate) for cap, rate, _ in BRACKETS[name]])
        for cap, _, _ in BRACKETS[name]:
            size = Fraction(cap * 3, 4)  # at an entry of 1
            collateral = size / 3  # enough for the tiers up to 25 %
            price = face.liquidation_price(side * size, 1, collateral, tier_rows(name))
            assert collateral + side * size * (price - 1) == tiers.exact(size * price)


def test_without_a_position_there_is_no_liquidation_price():
    for position_ in (0, "0", Fraction(0)):
        with pytest.raises(InputError, match="position: expected a position other than 0"):
            face.liquidation_price(position_, 1, 1, 0)


def test_a_long_that_is_paid_in_full_has_no_liquidation_price():
    assert face.liquidation_price(1, 100, 100, "0.1") is None
    assert face.liquidation_price_from_mark(1, 100, 90, "0.1") is None  # equity 100, requirement 10
    paid = held(1, 100, 100, rate_ppm=100_000)
    health_at = health_at_mark(100, [paid], 0)
    assert liquidation_price_ticks(health_at, 100, 1) is None
    assert bankruptcy_price_ticks(health_at, 100, 1) is None


def test_a_unit_that_has_breached_is_liquidated_at_the_mark():
    health_at = health_at_mark(5, [held(1, 100, 100, rate_ppm=100_000)], 0)
    assert liquidation_price_ticks(health_at, 100, 1) == 100
    assert bankruptcy_price_ticks(health_at_mark(-5, [held(1, 100, 100)], 0), 100, 1) == 100


def test_a_breach_that_a_lower_price_heals_is_found_all_the_same():
    """Three times half of the notional falls faster with the price than a long's equity does."""
    long, thrice = held(1, 100, 100, rate_ppm=500_000), Boundary(MarginAction.WARN, 3_000_000)
    health_at = health_at_mark(120, [long], 0)
    assert state(health_at(100), Ladder((thrice,))) == 1  # 120 of 150
    assert state(health_at(20), Ladder((thrice,))) == 0  # 40 of 30
    assert liquidation_price_ticks(health_at, 100, 1, thrice) == 100
    # And one tick in the middle: at 50 equity is 29 and thrice 10 is required, at 49 it is 28 and 27.
    dear = health_at_mark(79, [held(1, 100, 100, tiers=Tiers(((0, 0), (40, 1_000_000), (50, 0))))], 0)
    assert [state(dear(price), Ladder((thrice,))) for price in (51, 50, 49, 25)] == [0, 1, 0, 0]
    assert liquidation_price_ticks(dear, 100, 25, thrice) == 50
    assert liquidation_price_ticks(dear, 49, 25, thrice) is None


def test_each_position_is_rounded_by_itself():
    # 5 % of 10 is 0.5: twice rounded up.
    assert requirement([held(1, 10, 10), held(-1, 10, 10)]) == 2
    assert requirement([held(2, 10, 10)]) == 1


def test_cross_positions_share_a_balance_and_isolated_ones_do_not():
    winner, loser = held(10, 100, 120), held(10, 100, 85)
    assert health(100, [winner, loser]) == (150, 60 + 43)  # 42.5 is rounded up
    assert state(health(100, [winner, loser]), Ladder()) == 0
    assert [state(health(50, [each]), Ladder()) for each in (winner, loser)] == [0, 1]


# ---- leverage under a shock -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leverage", "share", "shock", "after"),
    [(2, 1, "1/3", 3), (2, 1, "0.5", 4), (2, "0.5", "2/3", 3), (3, 0, 1, 3), ("2.1", 1, "0.43", Fraction(210, 57))],
)
def test_leverage_after_a_shock(leverage, share, shock, after):
    assert face.leverage_after_shock(leverage, share, shock) == after


@pytest.mark.parametrize("shock", ["1", "1.5"])
def test_a_shock_that_takes_all_equity_has_no_leverage(shock):
    with pytest.raises(InputError, match="shock: expected a loss that leaves equity"):
        face.leverage_after_shock(2, 1, shock)
