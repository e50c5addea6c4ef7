"""Margin and funding by venues' worked examples, to the last digit: rules C-1 .. C-8 and F-1 .. F-3.

Grid of the examples with a price in dollars: a tick is a cent, a lot a thousandth, an atom a millionth of a dollar.
"""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import pytest
from marginkit import BRACKETS, PPM, Tiers, held, tier_rows

from engine import margin as face
from engine.errors import InputError
from engine.margin import AccountMode, Boundary, Comparator, Ladder, MarginAction
from engine.reference import funding
from engine.reference.liquidation_price import bankruptcy_price_ticks, health_at_mark, liquidation_price_ticks
from engine.reference.margin import (
    Health,
    NewOrder,
    equity,
    health,
    initial_requirement,
    only_reduces,
    open_loss,
    order_is_affordable,
    requirement,
    withdrawal_is_affordable,
)
from engine.reference.margin_ladder import next_state, state, surplus
from engine.reference.unified import (
    UnifiedAsset,
    counted_atoms,
    unified_health,
    unified_order_is_affordable,
    unified_withdrawal_is_affordable,
)

BUY, SELL = 1, -1
CENT = 100  # ticks of a dollar
LOT = 1000  # lots of a coin
DOLLAR = 10**6  # atoms
W = DOLLAR // (CENT * LOT)  # 10 atoms for a lot at a tick
TICKS_MAX = 2**31 - 1


def btc_tiers():
    return Tiers.brackets([(cap, rate) for cap, rate, _ in BRACKETS["BTCUSDT"]], DOLLAR)


def position(coins, entry, mark, **options):
    return held(coins * LOT, entry * CENT, mark * CENT, w=W, **options)


def cents(price):
    """Return a price of a closed form, rounded to cents."""
    return round(float(price), 2)


# ---- C-2, C-8: one position -------------------------------------------------------------------------------------------


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


def test_each_position_is_rounded_by_itself():
    # 5 % of 10 is 0.5: twice rounded up.
    assert requirement([held(1, 10, 10), held(-1, 10, 10)]) == 2
    assert requirement([held(2, 10, 10)]) == 1


def test_cross_positions_share_a_balance_and_isolated_ones_do_not():
    winner, loser = held(10, 100, 120), held(10, 100, 85)
    assert health(100, [winner, loser]) == (150, 60 + 43)  # 42.5 is rounded up
    assert state(health(100, [winner, loser]), Ladder()) == 0
    assert [state(health(50, [each]), Ladder()) for each in (winner, loser)] == [0, 1]


# ---- C-4: ladders -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ladder", "at_the_requirement"),
    [
        (face.binance_futures(), 0),
        (face.hyperliquid(), 0),
        (face.dydx(), 0),
        (face.bybit(), 1),
        (face.okx(), 2),
        (face.binance_portfolio_margin(), 3),
    ],
)
def test_comparators_at_exact_equality(ladder, at_the_requirement):
    worst = len(ladder.boundaries)
    assert state(Health(1_000, 1_000), ladder) == at_the_requirement
    assert state(Health(999, 1_000), ladder) == worst
    assert state(Health(-1, 0), ladder) == worst
    assert state(Health(0, 0), ladder) == 0  # nothing is required
    assert state(Health(10**12, 1), ladder) == 0


@pytest.mark.parametrize(
    ("equity_atoms", "expected"),
    [(1_501, 0), (1_500, 1), (1_201, 1), (1_200, 2), (1_051, 2), (1_050, 3), (1_000, 3), (-1, 3)],
)
def test_portfolio_margin_by_ratio(equity_atoms, expected):
    assert state(Health(equity_atoms, 1_000), face.binance_portfolio_margin()) == expected


def test_okx_warns_at_three_times_the_requirement():
    assert [state(Health(worth, 100), face.okx()) for worth in (301, 300, 101, 100)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("comparator", "first_beyond"),
    [(Comparator.BELOW, 1), (Comparator.AT_OR_BELOW, 1)],
)
def test_a_bound_between_two_atoms(comparator, first_beyond):
    """1.05 times 1 is 1.05: 1 is beyond it by either comparator, 2 by neither."""
    boundary = Boundary(MarginAction.LIQUIDATE, 1_050_000, comparator)
    assert surplus(Health(first_beyond, 1), boundary) == -1
    assert surplus(Health(first_beyond + 1, 1), boundary) == 0


def test_a_unit_that_is_unknown_keeps_its_state():
    unknown = health(0, [held(1, 100, None), held(1, 100, 50)])
    assert unknown is None
    assert [next_state(before, unknown, face.okx()) for before in (0, 1, 2)] == [0, 1, 2]
    assert next_state(0, Health(-1, 0), face.okx()) == 2
    assert next_state(2, Health(10, 1), face.okx()) == 0


def test_a_flat_holding_needs_no_mark():
    assert health(7, [held(0, 100, None)]) == (7, 0)
    with pytest.raises(InputError, match="mark_ticks: expected a mark"):
        equity(7, [held(1, 100, None)])


class TestDeclarations:
    def test_numbers_are_stable(self):
        assert [int(mode) for mode in AccountMode] == [0, 1, 2, 3]
        assert [mode.name for mode in AccountMode] == ["CASH", "ISOLATED", "CROSS", "UNIFIED"]
        assert {action.name: int(action) for action in MarginAction} == {
            "WARN": 1,
            "REDUCE_ONLY": 2,
            "CANCEL": 3,
            "LIQUIDATE": 4,
        }

    def test_are_frozen_values(self):
        ladder = face.okx()
        with pytest.raises(FrozenInstanceError):
            ladder.boundaries = ()
        assert copy.deepcopy(ladder) == pickle.loads(pickle.dumps(ladder)) == ladder
        assert hash(ladder) == hash(face.okx())

    def test_numbers_become_members(self):
        boundary = Boundary(4, PPM, 1)
        assert boundary.action is MarginAction.LIQUIDATE
        assert boundary.comparator is Comparator.AT_OR_BELOW
        assert Ladder([boundary]) == face.bybit()

    @pytest.mark.parametrize("action", [0, 5, "WARN", None, True, 1.0])
    def test_unknown_actions_are_refused(self, action):
        with pytest.raises(InputError, match="action: expected a MarginAction"):
            Boundary(action, PPM)

    @pytest.mark.parametrize("ratio_ppm", [0, -1, 10**9 + 1, 1.5, "1", None, True])
    def test_bad_ratios_are_refused(self, ratio_ppm):
        with pytest.raises(InputError, match="ratio_ppm: expected an integer from 1"):
            Boundary(MarginAction.WARN, ratio_ppm)

    @pytest.mark.parametrize("comparator", [2, -1, "below", None, False])
    def test_unknown_comparators_are_refused(self, comparator):
        with pytest.raises(InputError, match="comparator: expected a Comparator"):
            Boundary(MarginAction.WARN, PPM, comparator)

    @pytest.mark.parametrize(
        "boundaries",
        [
            (),
            5,
            (Boundary(1, 2 * PPM), None),
            (Boundary(1, PPM), Boundary(4, PPM)),  # ratios fall
            (Boundary(1, PPM), Boundary(4, 2 * PPM)),
            (Boundary(4, 2 * PPM), Boundary(1, PPM)),  # actions do not become milder
        ],
    )
    def test_bad_ladders_are_refused(self, boundaries):
        with pytest.raises(InputError, match="boundaries: expected"):
            Ladder(boundaries)

    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ((float("nan"), 1, 1, 0), "position"),
            ((1, "x", 1, 0), "entry"),
            ((1, 1, "1/0", 0), "collateral"),
            ((1, 1, None, 0), "collateral"),
            ((1, 1, 1, 2), "tiers"),
            ((1, 1, 1, [(1, 0)]), "tiers"),
            ((1, 1, 1, [(0, 0), (0, 0)]), "tiers"),
            ((1, 1, 1, [(0, 0, 0)]), "tiers"),
            ((1, 1, 1, []), "tiers"),
            ((1, 1, 1, None), "tiers"),
        ],
    )
    def test_bad_numbers_of_closed_forms_are_named(self, given, named):
        with pytest.raises(InputError) as caught:
            face.liquidation_price(*given)
        assert caught.value.field == named


# ---- C-3: unified accounts --------------------------------------------------------------------------------------------


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


# ---- C-6: orders ------------------------------------------------------------------------------------------------------


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
        assert unified_order_is_affordable(
            [replace(coins, balance_atoms=-500, holdings=(self.market(10),))], 0, 0, NewOrder(SELL, 5, 1)
        )


# ---- leverage under a shock -------------------------------------------------------------------------------------------


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


# ---- F: funding -------------------------------------------------------------------------------------------------------

HOUR = 3_600_000
PERCENT_PPB = 10**7


@pytest.mark.parametrize(
    ("premium", "hours", "rate"),
    [
        ("0.10", 8, "0.05"),
        ("-2.00", 8, "-1.95"),
        ("0.02", 8, "0.01"),
        ("0.10", 4, "0.025"),
        ("0.10", 1, "0.00625"),  # 62,500 ppb
        ("-0.02", 8, "0.01"),
        ("-0.10", 8, "-0.05"),
    ],
)
def test_funding_rates(premium, hours, rate):
    assert funding.funding_rate_ppb(int(Fraction(premium) * PERCENT_PPB), hours * HOUR) == Fraction(rate) * PERCENT_PPB


def test_a_funding_rate_is_capped_either_way():
    cap = 4 * PERCENT_PPB  # 4 % an hour
    for premium, rate in ((400, 4), (-400, -4), (16, None)):
        was = funding.funding_rate_ppb(premium * PERCENT_PPB, HOUR, cap_ppb=cap)
        assert was == (rate * PERCENT_PPB if rate else (16 * PERCENT_PPB - 500_000) // 8)


@pytest.mark.parametrize(
    ("dividend", "nearest"), [(4, 1), (3, 0), (-4, -1), (-3, 0), (12, 2), (-12, -2), (8, 1), (0, 0), (20, 3)]
)
def test_a_half_goes_away_from_zero(dividend, nearest):
    assert funding.half_away(dividend, 8) == nearest
    assert funding.funding_rate_ppb(dividend, HOUR, interest_ppb=dividend) == nearest


@pytest.mark.parametrize(
    ("bid", "ask", "index", "ppb"),
    [
        (10_010, 10_020, 10_000, 1_000_000),
        (9_970, 9_980, 10_000, -2_000_000),
        (9_999, 10_001, 10_000, 0),
        (None, None, 10_000, 0),
        (10_003, None, 10_000, 300_000),
        (None, 9_999, 30_000, -666_700_000),  # 20,001 / 30,000
        (4, 5, 3, 333_333_333),
        (1, 2, 3, -333_333_334),  # down
    ],
)
def test_premium_samples(bid, ask, index, ppb):
    assert funding.premium_ppb(bid, ask, index) == ppb


def test_a_premium_needs_an_index():
    with pytest.raises(InputError, match="index_ticks: expected at least 1"):
        funding.premium_ppb(1, 2, 0)


def test_the_mean_premium_is_weighted_with_time_and_rounded_down():
    assert funding.premium_mean_ppb([(0, 100)], 1) == 100
    assert funding.premium_mean_ppb([(1_000, 100), (1_001, -100)], 1_004) == -50
    assert funding.premium_mean_ppb([(0, -1), (1, 0), (2, 0)], 3) == -1
    for samples, end in (([], 5), ([(5, 1)], 5), ([(3, 1), (2, 1)], 9), ([(3, 1), (3, 1)], 9)):
        with pytest.raises(InputError, match="samples: expected times that rise"):
            funding.premium_mean_ppb(samples, end)


def test_longs_pay_shorts_and_the_pool_keeps_the_rounding():
    assert funding.funding_payments([1, -1], 1_000, 1, 10**6) == ([-1, 1], 0)
    assert funding.funding_payments([1, -1], 1_000, 1, -(10**6)) == ([1, -1], 0)
    assert funding.funding_payments([3, -1, -2, 0], 500, 1, 10**6) == ([-2, 0, 1, 0], 1)  # 1.5; 0.5 and 1
    assert funding.funding_payments([3, -1, -2, 0], 500, 1, -(10**6)) == ([1, -1, -1, 0], 1)
