"""Unified accounts and the orders that an account can afford: rules C-3, C-6, with venues' collateral tables."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from marginkit import CENT, DOLLAR, PPM, Tiers, held, position

from engine import margin as face
from engine.errors import InputError
from engine.reference.liquidation_price import liquidation_price_ticks
from engine.reference.margin import (
    NewOrder,
    initial_requirement,
    only_reduces,
    open_loss,
    order_is_affordable,
    withdrawal_is_affordable,
)
from engine.reference.margin_ladder import state
from engine.reference.unified import (
    UnifiedAsset,
    counted_atoms,
    unified_health,
    unified_order_is_affordable,
    unified_withdrawal_is_affordable,
)

BUY, SELL = 1, -1


WBETH = 10**8  # atoms


def market_maker(index_ticks):
    """10,000 WBETH that count 95 %, a loan of 20 M at 5 %, and futures that require 0.6 M."""
    futures = position(100, 120_000, 120_000, rate_ppm=50_000)  # 12 M at 5 %
    staked = UnifiedAsset(
        balance_atoms=10_000 * WBETH,
        index_ticks=index_ticks,  # cents; a lot of 10,000 atoms is worth an atom of the unit at a tick
        atoms_per_tick_lot=1,
        base_atoms_per_lot=10_000,
        haircut=Tiers.plain(950_000),
    )
    dollars = UnifiedAsset(is_unit=True, owed_atoms=20_000_000 * DOLLAR, loan_ppm=50_000, holdings=(futures,))
    return unified_health([staked, dollars])


class TestMarketMaker:
    @pytest.mark.parametrize(
        ("index", "equity_millions", "ratio"),
        [
            ("4000", 18.00, 11.25),
            ("3000", 8.50, 5.31),
            ("2500", 3.75, 2.34),
            ("2282.11", 1.68, 1.05),
            ("430.65", -15.91, -9.94),
        ],
    )
    def test_ratio_of_equity_to_requirement(self, index, equity_millions, ratio):
        worth, required = market_maker(int(Fraction(index) * CENT))
        assert required == 1_600_000 * DOLLAR
        assert round(worth / (DOLLAR * 10**6), 2) == equity_millions
        assert round(worth / required, 2) == ratio

    def test_states(self):
        ladder = face.binance_portfolio_margin()
        assert [state(market_maker(index * CENT), ladder) for index in (4_000, 3_000, 2_500)] == [0, 0, 0]
        # 1.05 times 1.6 M is 1.68 M: at an index of 21.68 M / 9,500 = 2,282.105.
        assert state(market_maker(228_211), ladder) == 2
        assert state(market_maker(228_210), ladder) == 3
        assert state(market_maker(43_065), ladder) == 3

    def test_first_index_that_liquidates(self):
        boundary = face.binance_portfolio_margin().boundaries[-1]
        assert liquidation_price_ticks(market_maker, 400_000, 1, boundary) == 228_210

    def test_true_equity_is_fine_all_the_while(self):
        assert 10_000 * 3_800 - 20_000_000 == 18_000_000


PENGU = Tiers(((0, PPM), (200_000, 800_000), (400_000, 700_000), (800_000, 400_000), (1_000_000, 200_000)))
SATS = Tiers(((0, PPM), (800_000, 950_000), (1_200_000, 750_000), (4_000_000, 500_000)))
AGLD = Tiers(((0, 900_000), (1_000, 880_000), (1_800, 870_000)))


@pytest.mark.parametrize(
    ("schedule", "worth", "counted"),
    [
        (PENGU, 200_000, 200_000),
        (PENGU, 400_000, 360_000),  # 200,000 + 160,000
        (PENGU, 500_000, 430_000),  # + 70,000
        (PENGU, 800_000, 640_000),  # 360,000 + 280,000
        (PENGU, 1_000_000, 720_000),  # + 80,000
        (PENGU, 1_200_000, 760_000),  # + 40,000
        (SATS, 5_000_000, 3_780_000),  # 800,000 + 380,000 + 2,100,000 + 500,000
        (AGLD, 2_800, 2_474),  # 900 + 704 + 870
        (PENGU, 200_001, 200_000),  # 200,000.8, rounded down
        (PENGU, 0, 0),
        (PENGU, -300_000, -300_000),  # not haircut
    ],
)
def test_tiered_haircuts(schedule, worth, counted):
    asset = UnifiedAsset(balance_atoms=worth, index_ticks=1, haircut=schedule)
    assert counted_atoms(asset) == counted
    assert counted_atoms(replace(asset, haircut=None)) == worth


def test_values_are_rounded_down_and_requirements_up():
    third = {"index_ticks": 1, "base_atoms_per_lot": 3}  # one atom is worth a third of the unit's
    assert counted_atoms(UnifiedAsset(balance_atoms=5, **third)) == 1  # 1.67
    assert counted_atoms(UnifiedAsset(balance_atoms=-5, **third)) == -2  # towards minus infinity
    debt = UnifiedAsset(owed_atoms=5, loan_ppm=100_000, **third)
    assert unified_health([debt]) == (-2, 1)  # a tenth of 1.67
    futures = UnifiedAsset(balance_atoms=6, holdings=(held(1, 100, 100, rate_ppm=10_000),), **third)
    assert unified_health([futures]) == (2, 1)  # 1 atom required, worth 0.33


def test_a_balance_below_zero_is_a_liability_beside_what_is_owed():
    both = UnifiedAsset(is_unit=True, balance_atoms=-30, owed_atoms=70, loan_ppm=500_000)
    assert unified_health([both]) == (-100, 50)
    richer = replace(both, balance_atoms=30)
    assert unified_health([richer]) == (-40, 35)  # what one has does not shrink what one owes


def test_profit_in_one_asset_pays_for_a_position_in_another():
    coins = UnifiedAsset(balance_atoms=10, index_ticks=50, holdings=(held(2, 5, 9),))  # 10 + 8 coins of 50; ceil(0.9)
    dollars = UnifiedAsset(is_unit=True, holdings=(held(-10, 100, 150),))  # -500; 75
    assert unified_health([coins, dollars]) == (900 - 500, 50 + 75)


def test_an_index_is_needed_only_where_something_is():
    unknown = UnifiedAsset(index_ticks=None)
    dollars = UnifiedAsset(is_unit=True, balance_atoms=9)
    assert unified_health([unknown, dollars]) == (9, 0)
    for used in ({"balance_atoms": 1}, {"owed_atoms": 1}, {"holdings": (held(1, 5, 5),)}):
        assert unified_health([replace(unknown, **used), dollars]) is None
    assert unified_health([replace(dollars, holdings=(held(1, 5, None),))]) is None


def test_no_money_and_nothing_required_is_no_liquidation_but_less_is():
    ladder = face.binance_portfolio_margin()
    assert state(unified_health([UnifiedAsset(is_unit=True)]), ladder) == 0
    assert state(unified_health([UnifiedAsset(is_unit=True, balance_atoms=-1)]), ladder) == 3


# ---- C-6: orders ----------------------------------------------------------------------------------------------------


class TestOrders:
    """A market at a mark of 100 with 10 % initial margin."""

    def market(self, position_lots=0, **options):
        return held(position_lots, 100, 100, initial_ppm=100_000, **options)

    def test_exactly_enough_is_enough(self):
        order = NewOrder(BUY, 10, 100)  # 10 % of 1,000
        assert order_is_affordable(100, [self.market()], 0, order)
        assert not order_is_affordable(99, [self.market()], 0, order)

    def test_quotes_on_both_sides_count_once(self):
        quoted = self.market(bid_lots=10, ask_lots=10)
        assert initial_requirement(quoted) == 100
        assert initial_requirement(self.market(5, bid_lots=10, ask_lots=10)) == 150
        assert initial_requirement(self.market(-5, bid_lots=10, ask_lots=10)) == 150

    def test_an_order_that_reduces_reserves_nothing(self):
        long = self.market(10)
        for lots in (1, 10, 20):  # 20 lots flip to -10: not more than 10
            assert only_reduces(long, NewOrder(SELL, lots))
            assert order_is_affordable(-1_000, [long], 0, NewOrder(SELL, lots, 1))
        assert not only_reduces(long, NewOrder(SELL, 21))
        assert not order_is_affordable(-1_000, [long], 0, NewOrder(SELL, 21, 100))
        assert not only_reduces(long, NewOrder(BUY, 1))

    def test_what_rests_counts_towards_the_flip(self):
        assert not only_reduces(self.market(10, ask_lots=15), NewOrder(SELL, 6))
        assert only_reduces(self.market(10, ask_lots=15), NewOrder(SELL, 5))

    def test_a_limit_beyond_the_mark_loses_at_once(self):
        assert open_loss(self.market(), NewOrder(BUY, 10, 103)) == 30
        assert open_loss(self.market(), NewOrder(SELL, 10, 98)) == 20
        assert open_loss(self.market(), NewOrder(BUY, 10, 97)) == 0
        assert open_loss(self.market(), NewOrder(BUY, 10)) == 0
        assert order_is_affordable(130, [self.market()], 0, NewOrder(BUY, 10, 103))
        assert not order_is_affordable(129, [self.market()], 0, NewOrder(BUY, 10, 103))

    def test_a_chosen_leverage_asks_for_more_never_for_less(self):
        assert initial_requirement(self.market(10, leverage=3)) == 334  # a third of 1,000, up
        assert initial_requirement(self.market(10, leverage=20)) == 100

    def test_other_markets_of_the_unit_count(self):
        other = held(-10, 50, 60, initial_ppm=200_000)  # -100 unrealised, 120 initial
        order = NewOrder(BUY, 10, 100)
        assert order_is_affordable(100 + 120 + 100, [other, self.market()], 1, order)
        assert not order_is_affordable(100 + 120 + 99, [other, self.market()], 1, order)

    def test_a_withdrawal_leaves_the_initial_margin(self):
        held_ = [self.market(10)]
        assert withdrawal_is_affordable(150, held_, 50)
        assert not withdrawal_is_affordable(150, held_, 51)

    def test_a_market_without_an_initial_schedule_takes_no_orders(self):
        with pytest.raises(InputError, match="initial: expected a schedule"):
            order_is_affordable(100, [held(0, 1, 1)], 0, NewOrder(BUY, 1, 1))

    def test_unified(self):
        staked = UnifiedAsset(balance_atoms=100, index_ticks=10, haircut=Tiers.plain(500_000))  # counts 500
        dollars = UnifiedAsset(is_unit=True, owed_atoms=200, loan_ppm=100_000, holdings=(self.market(),))  # -200, 20
        assets = [staked, dollars]
        # 500 - 200 - 20 = 280 are left: 28 lots at the mark, or 20 lots that lose 4 each at once.
        for lots, limit, expected in ((28, 100, True), (29, 100, False), (20, 104, True), (20, 105, False)):
            assert unified_order_is_affordable(assets, 1, 0, NewOrder(BUY, lots, limit)) is expected
        assert unified_withdrawal_is_affordable(assets, 0, 56)  # 44 coins count 220
        assert not unified_withdrawal_is_affordable(assets, 0, 57)

    def test_unified_in_another_asset(self):
        coins = UnifiedAsset(balance_atoms=100, index_ticks=3, base_atoms_per_lot=2, holdings=(self.market(),))
        # 150 of the unit; 10 lots need 100 coins (150), and lose nothing; a tick of loss on a lot is 1.5, up to 2.
        assert unified_order_is_affordable([coins], 0, 0, NewOrder(BUY, 10, 100))
        assert not unified_order_is_affordable([coins], 0, 0, NewOrder(BUY, 11, 100))
        assert unified_order_is_affordable([coins], 0, 0, NewOrder(BUY, 9, 101))  # 135 and 13.5, up: 149
        assert not unified_order_is_affordable([coins], 0, 0, NewOrder(BUY, 9, 102))  # 27
        fewer = replace(coins, balance_atoms=99)  # worth 148.5, down: not enough for 149
        assert not unified_order_is_affordable([fewer], 0, 0, NewOrder(BUY, 9, 101))
        assert unified_order_is_affordable(
            [replace(coins, balance_atoms=-500, holdings=(self.market(10),))], 0, 0, NewOrder(SELL, 5, 1)
        )
