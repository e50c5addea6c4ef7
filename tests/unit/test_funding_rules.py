"""Premium, funding rate and payments by venues' worked examples: rules F-1 .. F-3."""

from __future__ import annotations

from fractions import Fraction

import pytest

from engine.errors import InputError
from engine.reference import funding

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
