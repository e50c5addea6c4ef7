"""What lending refuses at the border, and its presets (Y-1 .. Y-14)."""

from __future__ import annotations

import pytest

from engine import InputError, lending
from engine.testing.lending_vectors import lending_of

ONE = 10**18


@pytest.fixture
def maths(engine_name):
    return lending_of(reference=engine_name == "reference")


HEALTH = (10, 10, 10)
TERMS = (0, 0, 0, 0, 0, 0)
A = (10, 1, 1)
BAD = [
    ("lending_utilisation", (-1, 0), "cash"),
    ("lending_utilisation", (0, 2**61 + 1), "debt"),
    ("lending_utilisation", (0, 1.0), "debt"),
    ("lending_rate", (ONE + 1, 0, 1, 0, 0), "utilisation"),
    ("lending_rate", (0, 0, 0, 0, 0), "kink_ppm"),
    ("lending_rate", (0, 1, 1, 0, 9 * 10**6), "steep_ppm"),
    ("lending_grown", (0, 0, 0, True), "index"),
    ("lending_grown", (2**96 + 1, 0, 0, True), "index"),
    ("lending_grown", (True, 0, 0, True), "index"),
    ("lending_grown", ("1", 0, 0, True), "index"),
    ("lending_grown", (ONE, -1, 0, True), "rate"),
    ("lending_grown", (ONE, 0, -1, True), "dt_ms"),
    ("lending_grown", (ONE, 0, 0, 1), "up"),
    ("lending_accrued", (ONE, ONE, 0, 0, 0, 0, 10**6 + 1), "reserve_ppm"),
    ("lending_accrued", (ONE, 2**96, 1, 2**61, ONE, 0, None), "reserve_ppm"),
    ("lending_accrued", (2**96, ONE, 2**61, 0, 0, 0, 0), "dt_ms"),
    ("lending_claim", (-1, ONE), "scaled"),
    ("lending_repay", (1, ONE, -1), "atoms"),
    ("lending_health", ([(1, 1, 1)], []), "collateral[0]"),
    ("lending_health", ([(1, 0, 1, 1)], []), "collateral[0].price"),
    ("lending_health", ([(1, 1, 2**52 + 1, 1)], []), "collateral[0].unit"),
    ("lending_health", ([(1, 1, 1, 10**6 + 1)], []), "collateral[0].threshold_ppm"),
    ("lending_health", ([(2**61, 1, 1, 1), (1, 1, 1, 1)], []), "collateral[1]"),
    ("lending_health", ([], [(2**61, 2, 1)]), "debts[0]"),
    ("lending_health", ([], [A, [1, 1, 1]]), "debts[1]"),
    ("lending_health_ppm", ((1, -1, 1),), "health.weighted"),
    ("lending_health_ppm", ((1, 2**62 * 10**6, 1),), "health.weighted"),
    ("lending_is_below", (HEALTH, -1), "ppm"),
    ("lending_health", (None, []), "collateral"),
    ("lending_health", ([], {}), "debts"),
    ("comet_absorb", (3, A), "collateral"),
    ("lending_price", (0, 1, 1, 1, True), "atoms"),
    ("lending_price", (1, 1, 0, 1, True), "debt_value"),
    ("lending_price", (1, 1, 1, 0, True), "threshold_ppm"),
    ("aave_liquidation", (A, A, 0, HEALTH, TERMS), "cover"),
    ("aave_liquidation", (A, A, 1, HEALTH, TERMS[1:]), "terms"),
    ("aave_liquidation", (A, A, 1, HEALTH, (10**6 + 1, *TERMS[1:])), "terms.bonus_ppm"),
    ("aave_liquidation", ((2**61, 2, 1), A, 1, HEALTH, TERMS), "collateral"),
    ("aave_liquidation", (A, (2**61, 2, 1), 1, HEALTH, TERMS), "debt"),
    ("morpho_factor", (10**6 + 1,), "lltv_ppm"),
    ("morpho_liquidation", ((2**61, 2, 1), 1, 1, 1), "collateral"),
    ("morpho_liquidation", (A, 1, 0, 1), "cover"),
    ("comet_absorb", ([(2**61, 1, 1, 1, 1), (1, 1, 1, 1, 1)], A), "collateral[1]"),
    ("comet_absorb", ([(10, 1, 1, 1, 1)], (2**61, 2, 1)), "debt"),
    ("comet_absorb", ([(2**61, 1, 1, 0, 10**6)], (1, 1, 2)), "debt"),
    ("comet_quote", (A, A, -1, 1, 1, 1), "reserves"),
    ("loan_level", (HEALTH, 0, 1), "call_ppm"),
    ("loan_level", (HEALTH, 2, 1), "liquidation_ppm"),
]


@pytest.mark.parametrize(("name", "arguments", "field"), BAD)
def test_bad_input_names_the_field(maths, name, arguments, field):
    with pytest.raises(InputError) as caught:
        getattr(maths, name)(*arguments)
    assert caught.value.field == field


class TestPresets:
    @pytest.mark.parametrize(
        ("name", "numbers"),
        [
            ("sUSDe Stablecoins", (900_000, 920_000, 40_000)),
            ("PT-sUSDe Jul-25", (900_000, 920_000, 30_000)),
            ("PT-USDe Jul-25", (910_000, 930_000, 33_000)),
            ("PT-eUSDe Aug-25", (901_000, 922_000, 35_000)),
            ("PT-USDe Feb-26", (885_000, 905_000, 41_000)),
        ],
    )
    def test_aave(self, name, numbers):
        market = lending.aave(name)
        assert (market.ltv_ppm, market.threshold_ppm, market.bonus_ppm) == numbers
        assert market.is_verified
        assert market.terms(0) == (market.bonus_ppm, 100_000, 500_000, 950_000, 2000, 1000)

    def test_what_no_source_says_is_marked(self):
        assert not lending.aave("USDe e-mode").is_verified
        assert not lending.aave_curve("stablecoin").is_verified
        assert not lending.loan("Binance BTC").is_verified
        assert lending.loan("Binance BNB").is_verified

    def test_curve_after_the_vote(self):
        assert lending.aave_curve("stablecoin after 25 Oct 2025").slope_ppm == 60_000

    @pytest.mark.parametrize(
        ("call", "field"),
        [
            (lambda: lending.aave("USDC"), "name"),
            (lambda: lending.morpho(800_000), "lltv_ppm"),
            (lambda: lending.loan("x"), "name"),
            (lambda: lending.AaveMarket("x", 900_000, 800_000, 0, ""), "ltv_ppm"),
            (lambda: lending.AaveMarket("x", 0, 10**6 + 1, 0, ""), "threshold_ppm"),
            (lambda: lending.AaveMarket("x", 0, 0, 0, "", close_value_min=-1), "close_value_min"),
            (lambda: lending.RateCurve("x", 0, 0, 0, 0, ""), "kink_ppm"),
            (lambda: lending.RateCurve("x", 1, 1, 0, 9 * 10**6, ""), "steep_ppm"),
            (lambda: lending.LoanTerms("x", 800_000, 750_000, 830_000, ""), "call_ppm"),
            (lambda: lending.CometFactors(-1, 0, ""), "liquidation_ppm"),
            (lambda: lending.MorphoMarket(True, ""), "lltv_ppm"),
            (lambda: lending.covering_price(0, 1, 0), "collateral"),
        ],
    )
    def test_bad_parameters(self, call, field):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.field == field
