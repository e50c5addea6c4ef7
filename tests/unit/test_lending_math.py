"""Lending by hand: the worked examples of the protocols, on the reference and on the native engine (Y-1 .. Y-14)."""

from __future__ import annotations

from fractions import Fraction

import pytest

from engine import InputError, lending
from engine.testing.lending_vectors import lending_of

ONE = 10**18
YEAR_MS = 365 * 86_400_000
USD = 10**6  # value atoms, and atoms of a stablecoin
DOLLAR = (1, 1)  # price, unit
NOTHING_DONE = (0, 0, 0, 0, False)


@pytest.fixture
def maths(engine_name):
    return lending_of(reference=engine_name == "reference")


def usde_account(maths, price_milli, *, debt=900_000, held=1_000_000, bonus=40_000):
    """Return a million USDe at a price in thousandths, its debt in USDC, the account's health and Aave's terms."""
    collateral, owed = (held * USD, price_milli, 1000), (debt * USD, *DOLLAR)
    health = maths.lending_health([(*collateral, 920_000)], [owed])
    return collateral, owed, health, (bonus, *lending.aave("USDe").terms(6)[1:])


# ---- rates and indexes -----------------------------------------------------------------------------------------------


class TestRates:
    def test_y2_utilisation(self, maths):
        assert maths.lending_utilisation(0, 0) == 0
        assert maths.lending_utilisation(5, 0) == 0
        assert maths.lending_utilisation(0, 5) == ONE
        assert maths.lending_utilisation(2, 1) == 333_333_333_333_333_334  # up
        assert maths.lending_utilisation(2**61, 2**61) == ONE // 2

    @pytest.mark.parametrize(
        ("percent", "rate"),
        [
            (0, 0),
            (70, 49_456_521_739_130_435),  # 0.70 / 0.92 * 6.5 % = 4.9456 ... %, up
            (92, 65 * 10**15),
            (95, 196_250_000_000_000_000),  # 6.5 % + 0.03 / 0.08 * 35 %
            (99, 371_250_000_000_000_000),
            (100, 415 * 10**15),
        ],
    )
    def test_y2_the_stablecoin_curve(self, maths, percent, rate):
        numbers = lending.aave_curve("stablecoin").numbers
        assert maths.lending_rate(percent * 10**16, *numbers) == rate

    def test_y2_a_base_rate_and_a_kink_at_all(self, maths):
        assert maths.lending_rate(ONE, 10_000, 10**6, 40_000, 0) == 5 * 10**16
        assert maths.lending_rate(0, 10_000, 1, 40_000, 500_000) == 10**16
        assert maths.lending_rate(ONE, 0, 1, 0, 9 * 10**6) == 9 * ONE

    def test_y3_a_linear_step(self, maths):
        assert maths.lending_grown(ONE, 5 * 10**16, YEAR_MS, True) == 105 * 10**16
        assert maths.lending_grown(ONE, 5 * 10**16, YEAR_MS, False) == 105 * 10**16
        assert maths.lending_grown(ONE, 1, 1, True) == ONE + 1
        assert maths.lending_grown(ONE, 1, 1, False) == ONE

    def test_y3_compounds_from_one_accrual_to_the_next(self, maths):
        half = maths.lending_grown(ONE, 10**17, YEAR_MS // 2, True)
        assert maths.lending_grown(half, 10**17, YEAR_MS // 2, True) == 1_102_500_000_000_000_000  # 1.05 squared

    def test_y1_an_index_beyond_its_bound_is_refused(self, maths):
        assert maths.lending_grown(2**96, ONE, 0, True) == 2**96
        assert maths.lending_grown(2**95, ONE, YEAR_MS, True) == 2**96
        for index, rate, dt_ms in ((2**96, 1, 1), (2**95, ONE, YEAR_MS + 1), (100 * ONE, 9 * ONE, 2**63 - 1)):
            with pytest.raises(InputError, match="dt_ms"):
                maths.lending_grown(index, rate, dt_ms, True)

    def test_y4_what_suppliers_gain_is_what_borrowers_pay(self, maths):
        # 800 of 1,000 lent at 10 %: 80, of which the reserve keeps 8.
        accrued = maths.lending_accrued(ONE, ONE, 1000 * USD, 800 * USD, 10**17, YEAR_MS, 100_000)
        assert accrued == (1_072 * 10**15, 11 * 10**17, 8 * USD)

    def test_y4_without_suppliers_the_reserve_keeps_all(self, maths):
        assert maths.lending_accrued(ONE, ONE, 0, 800, 10**17, YEAR_MS, 0) == (ONE, 11 * 10**17, 80)

    def test_y4_without_debt_nothing_but_the_debt_index_moves(self, maths):
        assert maths.lending_accrued(ONE, ONE, 1000, 0, 10**17, YEAR_MS, 0) == (ONE, 11 * 10**17, 0)


# ---- scaled balances -------------------------------------------------------------------------------------------------


class TestBalances:
    def test_y5_debt_up_deposit_down(self, maths):
        assert maths.lending_owed(333, 105 * 10**16) == 350  # 349.65
        assert maths.lending_claim(333, 105 * 10**16) == 349

    def test_y5_a_withdrawal_of_the_whole_claim_leaves_nothing(self, maths):
        assert maths.lending_withdraw(333, 105 * 10**16, 349) == 0
        assert maths.lending_withdraw(333, 105 * 10**16, 348) == 1  # 348 / 1.05 = 331.4, up
        assert maths.lending_withdraw(333, 105 * 10**16, 0) == 333

    def test_y5_a_withdrawal_beyond_the_claim_is_refused(self, maths):
        with pytest.raises(InputError, match="atoms"):
            maths.lending_withdraw(333, 105 * 10**16, 350)

    def test_y5_a_repayment_beyond_what_is_owed_is_cut(self, maths):
        assert maths.lending_repay(333, 105 * 10**16, 2**61) == (0, 350)
        assert maths.lending_repay(333, 105 * 10**16, 350) == (0, 350)
        assert maths.lending_repay(333, 105 * 10**16, 349) == (1, 349)  # 349 / 1.05 = 332.4, down
        assert maths.lending_repay(0, ONE, 5) == (0, 0)

    def test_y5_bounds(self, maths):
        assert maths.lending_deposit(0, ONE, 2**61) == 2**61
        assert maths.lending_borrow(0, 2 * ONE, 2**61) == 2**60
        for call in (maths.lending_deposit, maths.lending_borrow):
            with pytest.raises(InputError, match="atoms"):
                call(1, ONE, 2**61)
        for call in (maths.lending_claim, maths.lending_owed):
            with pytest.raises(InputError, match="scaled"):
                call(2**61, ONE + 1)

    def test_y12_a_loss_is_borne_pro_rata(self, maths):
        index = maths.lending_after_loss(1000, 12 * 10**17, 300)  # 1,200 claimed, 900 left
        assert index == 9 * 10**17
        assert [maths.lending_claim(scaled, index) for scaled in (600, 400)] == [540, 360]
        assert maths.lending_after_loss(1000, ONE, 0) == ONE
        assert maths.lending_after_loss(1000, ONE, 1000) == 0
        with pytest.raises(InputError, match="loss"):
            maths.lending_after_loss(1000, ONE, 1001)


# ---- health ----------------------------------------------------------------------------------------------------------


class TestHealth:
    def test_y7_usde_at_0_975(self, maths):
        _, _, health, _ = usde_account(maths, 975)
        assert maths.lending_health_ppm(health) == 996_666  # 0.99667
        assert maths.lending_is_below(health, 10**6)
        assert maths.lending_ltv_ppm(health) == 923_077  # 0.900 / 0.975, up

    def test_y7_strictly_below(self, maths):
        assert not maths.lending_is_below((200, 200 * 500_000, 100), 10**6)
        assert maths.lending_is_below((199, 199 * 500_000, 100), 10**6)

    def test_y7_nothing_owed_or_nothing_there(self, maths):
        assert maths.lending_health([], []) == (0, 0, 0)
        assert maths.lending_health_ppm((10, 10, 0)) == maths.lending_ltv_ppm((0, 0, 10)) == 2**62
        assert maths.lending_ltv_ppm((0, 0, 0)) == maths.lending_health_ppm((0, 0, 10)) == 0
        assert not maths.lending_is_below((0, 0, 0), 10**6)

    def test_y6_collateral_down_debt_up(self, maths):
        assert maths.lending_health([(10, 1, 3, 500_000)], [(10, 1, 3)]) == (3, 1_500_000, 4)

    def test_y7_several_assets(self, maths):
        health = maths.lending_health([(100, 2, 1, 800_000), (50, 4, 1, 500_000)], [(60, 1, 1), (40, 3, 1)])
        assert health == (400, 260 * 10**6, 180)
        assert maths.lending_health_ppm(health) == 1_444_444

    def test_y8_room_and_e_mode(self, maths):
        own, mode = 720_000, lending.aave("sUSDe Stablecoins")  # the same collateral, outside and inside the mode
        for ltv, room in ((own, 220), (mode.ltv_ppm, 400), (400_000, 0)):
            assert maths.lending_room(maths.lending_health([(1000, 1, 1, ltv)], [(500, 1, 1)])) == room

    def test_y9_price_of_a_liquidation(self, maths):
        # 1,000,000 USDe at 92 %: liquidated below 900,000 / 920,000 = 0.978260 ...
        price = maths.lending_price(10**6, 10**6, 900_000, 920_000, False)
        assert price == 978_260
        for at, below in ((price, True), (price + 1, False)):
            health = maths.lending_health([(10**6, at, 10**6, 920_000)], [(900_000, 1, 1)])
            assert maths.lending_is_below(health, 10**6) == below

    def test_y9_equality(self, maths):
        assert maths.lending_price(100, 1, 400, 800_000, False) == 4  # 4 * 100 * 0.8 = 320 < 400, 5 is just enough
        assert maths.lending_price(100, 1, 400, 800_000, True) == 5
        assert maths.lending_price(2**61, 1, 1, 10**6, False) == 0
        assert maths.lending_price(1, 2**52, 2**61, 1, True) == 2**52


# ---- Aave ------------------------------------------------------------------------------------------------------------


class TestAave:
    def test_y10_the_worked_example(self, maths):
        collateral, debt, health, terms = usde_account(maths, 975)
        done = maths.aave_liquidation(collateral, debt, 900_000 * USD, health, terms)
        # base 461,538.461538; seized * 1.04, fee a tenth of the bonus
        assert done == (None, 450_000 * USD, 479_999_999_999, 1_846_153_847, 0, False)
        assert round((done[2] - done[3]) / USD, 2) == 478_153.85
        left = maths.lending_health([(collateral[0] - done[2], 975, 1000, 920_000)], [(debt[0] - done[1], *DOLLAR)])
        assert maths.lending_health_ppm(left) == 1_036_533  # 1.0365

    def test_y10_healthy(self, maths):
        collateral, debt, health, terms = usde_account(maths, 979)
        assert maths.aave_liquidation(collateral, debt, USD, health, terms) == ("healthy", *NOTHING_DONE)

    def test_y10_close_factor_at_0_95(self, maths):
        # 0.95 * 900,000 / 0.92 = 929,347.8: above it half, at or below it all
        for price, repaid in ((930, 450_000), (929, 900_000)):
            collateral, debt, health, terms = usde_account(maths, price)
            done = maths.aave_liquidation(collateral, debt, 2**61, health, terms)
            # at 0.929 the collateral is all seized: 929,000 / 1.04
            assert done[1] == (repaid * USD if price == 930 else 893_269_230_770)

    def test_y10_exactly_0_95_is_not_above(self, maths):
        terms = (0, 0, 500_000, 950_000, 0, 0)
        health = maths.lending_health([(9500, 1, 1, 10**6)], [(10_000, 1, 1)])
        assert maths.aave_liquidation((9500, 1, 1), (10_000, 1, 1), 9000, health, terms)[1] == 9000
        health = maths.lending_health([(9501, 1, 1, 10**6)], [(10_000, 1, 1)])
        assert maths.aave_liquidation((9501, 1, 1), (10_000, 1, 1), 9000, health, terms)[1] == 5000

    def test_y10_half_is_of_all_debt(self, maths):
        terms = (50_000, 0, 500_000, 950_000, 2000, 1000)
        collateral = (13_200, 1, 1)
        health = maths.lending_health([(*collateral, 750_000)], [(6000, 1, 1), (4000, 1, 1)])
        assert maths.lending_health_ppm(health) == 990_000
        assert maths.aave_liquidation(collateral, (6000, 1, 1), 6000, health, terms)[1] == 5000
        assert maths.aave_liquidation(collateral, (4000, 1, 1), 4000, health, terms)[1] == 4000  # below a half

    @pytest.mark.parametrize(("debt", "repaid"), [(1999, 1999), (2000, 1000)])
    def test_y10_small_debts_are_closed_whole(self, maths, debt, repaid):
        terms = (0, 0, 500_000, 950_000, 2000, 1000)
        collateral = (debt * 4 // 3 + 1000, 1, 1)
        weight = debt * 10**6 * 99 // 100 // collateral[0]
        health = maths.lending_health([(*collateral, weight)], [(debt, 1, 1)])
        assert maths.lending_is_below(health, 10**6)
        assert maths.aave_liquidation(collateral, (debt, 1, 1), debt, health, terms)[:2] == (None, repaid)

    @pytest.mark.parametrize(("held", "repaid"), [(1999, 1999), (2000, 1000)])
    def test_y10_debts_with_little_collateral_are_closed_whole(self, maths, held, repaid):
        terms = (0, 0, 500_000, 950_000, 2000, 1000)
        health = maths.lending_health([(held, 1, 1, 990_000)], [(2000, 1, 1)])
        assert maths.aave_liquidation((held, 1, 1), (2000, 1, 1), 2000, health, terms)[:2] == (None, repaid)

    @pytest.mark.parametrize(("cover", "reason"), [(2000, None), (2001, "dust"), (2999, "dust"), (3000, None)])
    def test_y10_dust(self, maths, cover, reason):
        terms = (0, 0, 10**6, 950_000, 2000, 1000)
        health = maths.lending_health([(9000, 1, 1, 300_000)], [(3000, 1, 1)])
        assert maths.aave_liquidation((9000, 1, 1), (3000, 1, 1), cover, health, terms)[0] == reason

    def test_y10_seize_more_than_there_is_is_cut_and_the_rest_is_a_deficit(self, maths):
        collateral, debt, health, terms = usde_account(maths, 800)
        done = maths.aave_liquidation(collateral, debt, 900_000 * USD, health, terms)
        # 800,000 / 1.04 = 769,230.769230 ..., up
        assert done[:3] == (None, 769_230_769_231, 1_000_000 * USD)
        assert done[4:] == (130_769_230_769, True)

    def test_y10_no_deficit_while_other_collateral_is_left(self, maths):
        collateral, debt, _, terms = usde_account(maths, 800)
        health = maths.lending_health([(*collateral, 920_000), (1, 1, 1, 0)], [debt])
        assert maths.aave_liquidation(collateral, debt, 2**61, health, terms)[4:] == (0, False)

    def test_y10_nothing(self, maths):
        terms = (0, 0, 500_000, 950_000, 0, 0)
        assert maths.aave_liquidation((0, 1, 1), (9, 1, 1), 9, (0, 0, 9), terms) == ("nothing", *NOTHING_DONE)
        assert maths.aave_liquidation((9, 1, 1), (0, 1, 1), 9, (9, 0, 9), terms) == ("nothing", *NOTHING_DONE)

    def test_y11_toxic(self, maths):
        """Health 0.956 is below 0.92 * 1.04 = 0.9568: the liquidation lowers it, though it pays off debt."""
        collateral, debt, health, terms = usde_account(maths, 975, debt=938_285, bonus=40_000)
        before = Fraction(health[1], health[2])
        assert maths.lending_health_ppm(health) == 955_999
        done = maths.aave_liquidation(collateral, debt, 100_000 * USD, health, terms)
        after = maths.lending_health([(collateral[0] - done[2], 975, 1000, 920_000)], [(debt[0] - done[1], *DOLLAR)])
        assert done[0] is None
        assert Fraction(after[1], after[2]) < before

    def test_y11_where_collateral_stops_covering(self, maths):
        assert lending.covering_price(1_000_000, 900_000, 40_000) == Fraction("0.936")
        for price, deficit in ((936, False), (935, True)):
            collateral, debt, health, terms = usde_account(maths, price)
            terms = (*terms[:3], 10**6, *terms[4:])  # all may be repaid
            done = maths.aave_liquidation(collateral, debt, 900_000 * USD, health, terms)
            assert (done[4] > 0) == deficit

    def test_y10_a_health_of_another_account_is_refused(self, maths):
        with pytest.raises(InputError, match="health"):
            maths.aave_liquidation((10, 1, 1), (5, 1, 1), 1, (9, 0, 5), (0, 0, 0, 0, 0, 0))
        with pytest.raises(InputError, match="health"):
            maths.aave_liquidation((10, 1, 1), (5, 1, 1), 1, (10, 0, 4), (0, 0, 0, 0, 0, 0))


class TestFixedSpread:
    """One call up to the close factor, and two of which the first stops an atom short of a health of 1."""

    @pytest.mark.parametrize(
        ("held", "owed", "threshold", "bonus", "one", "first", "second", "two"),
        [
            (10_500, 8_400, 750_000, 80_000, 336, 2_763.157895, 2_818.421053, 446.526316),
            (10_000, 8_100, 800_000, 100_000, 405, 833.333333, 3_633.333333, 446.666667),
            (1_000_000, 840_000, 830_000, 50_000, 21_000, 77_821.011673, 381_089.494163, 22_945.525292),
        ],
    )
    def test_y10_two_calls_earn_more(self, maths, held, owed, threshold, bonus, one, first, second, two):
        terms = (bonus, 0, 500_000, 0, 0, 0)
        scale = 10**9

        def call(held, owed, cover):
            health = maths.lending_health([(held, 1, 1, threshold)], [(owed, 1, 1)])
            reason, repaid, seized, *_ = maths.aave_liquidation((held, 1, 1), (owed, 1, 1), cover, health, terms)
            assert reason is None
            return repaid, seized

        held, owed = held * scale, owed * scale
        repaid, seized = call(held, owed, owed)
        assert seized - repaid == one * scale
        limit = Fraction(owed * 10**6 - threshold * held, 10**6 - threshold * (10**6 + bonus) // 10**6)
        stop = limit.numerator // limit.denominator - 20  # seized is rounded down, worth a few atoms of debt
        repaid, seized = call(held, owed, stop)
        again, more = call(held - seized, owed - repaid, owed)
        assert repaid / scale == pytest.approx(first, abs=1e-6)
        assert again / scale == pytest.approx(second, abs=1e-6)
        assert (seized + more - repaid - again) / scale == pytest.approx(two, abs=1e-6)

    @pytest.mark.parametrize(
        ("bonus", "ltv"), [(45_000, 0.956938), (50_000, 0.952381), (80_000, 0.925926), (100_000, 0.909091)]
    )
    def test_y11_toxic_frontier(self, bonus, ltv):
        assert float(lending.toxic_ltv(bonus)) == pytest.approx(ltv, abs=1e-6)

    @pytest.mark.parametrize(("ltv", "after"), [(880_000, 0.852713), (930_000, 0.951894)])
    def test_y11_one_step(self, maths, ltv, after):
        held, owed = 10**12, ltv * 10**6
        terms = (100_000, 0, 500_000, 0, 0, 0)
        health = maths.lending_health([(held, 1, 1, 500_000)], [(owed, 1, 1)])
        _, repaid, seized, *_ = maths.aave_liquidation((held, 1, 1), (owed, 1, 1), owed, health, terms)
        assert (owed - repaid) / (held - seized) == pytest.approx(after, abs=1e-6)

    def test_y8_loops(self, maths):
        """Deposit, borrow 80 %, deposit that: 100,000 become 500,000 in the limit."""
        held, owed, seen = 100_000, 0, []
        for _ in range(6):
            seen.append((held, owed))
            room = maths.lending_room(maths.lending_health([(held, 1, 1, 800_000)], [(owed, 1, 1)]))
            held, owed = held + room, owed + room
        assert seen == [
            (100_000, 0),
            (180_000, 80_000),
            (244_000, 144_000),
            (295_200, 195_200),
            (336_160, 236_160),
            (368_928, 268_928),
        ]

    @pytest.mark.parametrize(
        ("threshold", "price"), [(830_000, 878_246), (850_000, 857_582), (900_000, 809_938), (950_000, 767_310)]
    )
    def test_y9_where_the_loop_is_liquidated(self, maths, threshold, price):
        found = maths.lending_price(368_928 * USD, USD, 268_928 * USD, threshold, False)
        assert round(found / USD, 6) == pytest.approx(price / USD, abs=1.5e-6)


# ---- Morpho, Compound v3, centralised loans --------------------------------------------------------------------------


class TestMorpho:
    @pytest.mark.parametrize(
        ("lltv", "factor"),
        [
            (385_000, 1.15),
            (625_000, 1.1268),
            (770_000, 1.0741),
            (860_000, 1.0438),
            (915_000, 1.0262),
            (945_000, 1.0168),
            (965_000, 1.0106),
        ],
    )
    def test_y12_factor(self, maths, lltv, factor):
        assert round(maths.morpho_factor(lltv) / ONE, 4) == factor
        assert maths.morpho_factor(lltv) == lending.morpho(lltv).factor

    def test_y12_ends_of_the_factor(self, maths):
        assert maths.morpho_factor(10**6) == ONE
        assert maths.morpho_factor(0) == 115 * ONE // 100
        assert maths.morpho_factor(860_000) == 1_043_841_336_116_910_229

    def test_y12_a_part_is_liquidated(self, maths):
        assert maths.morpho_liquidation((1_000_000, 1, 1), 860_000, 1, 860_000)[0] == "healthy"
        assert maths.morpho_liquidation((1_000_000, 1, 1), 860_001, 100_000, 860_000) == (None, 100_000, 104_384, 0)
        assert maths.morpho_liquidation((0, 1, 1), 5, 5, 860_000) == ("nothing", 0, 0, 0)

    def test_y12_more_than_owed_is_cut(self, maths):
        assert maths.morpho_liquidation((1_000_000, 1, 1), 870_000, 2**61, 860_000)[1] == 870_000

    def test_y12_more_than_there_is_is_cut_and_the_rest_is_bad_debt(self, maths):
        # 1,000,000 / 1.04384... = 958,000 and a trace, for the factor is rounded down; up
        assert maths.morpho_liquidation((1_000_000, 1, 1), 970_000, 970_000, 860_000) == (
            None,
            958_001,
            1_000_000,
            11_999,
        )


class TestCompound:
    def test_y13_penalty_and_discount(self, maths):
        assert (lending.comet().penalty, lending.comet().discount) == (Fraction(7, 100), Fraction(42, 1000))
        assert maths.comet_quote((958_000, 1, 1), (2**61, 1, 1), 0, 1, 600_000, 930_000) == (None, 1_000_000)
        assert maths.comet_quote((957_999, 1, 1), (2**61, 1, 1), 0, 1, 600_000, 930_000) == (None, 999_998)

    def test_y13_absorb(self, maths):
        def absorbed(debt):
            return maths.comet_absorb([(1000, 1, 1, 850_000, 930_000)], (debt, 1, 1))

        assert absorbed(850) == ("healthy", 0, 0, 0)
        assert absorbed(851) == (None, 930, 79, 0)  # what is above the debt is the account's
        assert absorbed(950) == (None, 930, 0, 20)  # what lacks is the reserves'

    def test_y13_storefront_is_closed_or_short(self, maths):
        assert maths.comet_quote((10, 1, 1), (100, 1, 1), 5, 5, 0, 10**6) == ("closed", 0)
        assert maths.comet_quote((100, 1, 1), (100, 1, 1), 4, 5, 0, 10**6) == (None, 100)
        assert maths.comet_quote((101, 1, 1), (100, 1, 1), 4, 5, 0, 10**6) == ("short", 0)
        assert maths.comet_quote((0, 1, 1), (100, 1, 1), 4, 5, 10**6, 0) == ("short", 0)  # a price of 0 sells nothing


class TestLoans:
    def test_y14_worked_prices(self, maths):
        terms = lending.loan("Binance BNB")
        # 1.7 BTC and a debt of 10,000; the next price up is no call any more.
        for ltv, price, level in ((terms.call_ppm, 7843, 1), (terms.liquidation_ppm, 7087, 2)):
            assert maths.lending_price(17, 10, 10_000, ltv, True) == price
            for at, expected in ((price, level), (price + 2, level - 1)):
                health = maths.lending_health([(17, at, 10, 0)], [(10_000, 1, 1)])
                assert maths.loan_level(health, terms.call_ppm, terms.liquidation_ppm) == expected

    def test_y14_at_or_above(self, maths):
        assert [maths.loan_level((1000, 0, debt), 750_000, 830_000) for debt in (749, 750, 829, 830)] == [0, 1, 1, 2]
        assert maths.loan_level((0, 0, 0), 750_000, 830_000) == 0
        assert maths.loan_level((0, 0, 1), 750_000, 830_000) == 2

    def test_y14_initial(self, maths):
        initial = lending.loan("Binance BNB").initial_ppm
        assert maths.lending_room(maths.lending_health([(1000, 1, 1, initial)], [])) == 650
