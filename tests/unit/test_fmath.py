"""R-6: exp, log and the normal quantile of our own: accuracy, domain, and the very bits."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest

from engine.reference import fmath

RELATIVE_MAX = 1e-15


def relative(got, want):
    return abs(got - want) / abs(want) if want else abs(got)


def walk(low, high, count):
    """Numbers from low to high without a short decimal pattern."""
    golden = (math.sqrt(5) - 1) / 2
    return (low + (high - low) * (i * golden % 1.0) for i in range(count))


class TestConstants:
    def test_series(self):
        assert fmath.EXP_SERIES == tuple(1 / math.factorial(n) for n in range(13, 1, -1))
        assert fmath.LOG_SERIES == tuple(2 / (2 * n + 1) for n in range(11, 0, -1))
        assert fmath.INV_LN2 == 1 / math.log(2)
        assert fmath.SQRT_HALF == math.sqrt(0.5)

    def test_ln2_high_times_an_exponent_is_exact(self):
        mantissa = int(math.frexp(fmath.LN2_HIGH)[0] * 2**53)
        assert mantissa % 2**21 == 0  # 32 bits are left, and an exponent has 11
        assert relative(fmath.LN2_HIGH + fmath.LN2_LOW, math.log(2)) < 2**-53


class TestExp:
    @pytest.mark.parametrize(("low", "high"), [(-708.0, 709.7), (-1.0, 1.0), (-1e-6, 1e-6), (-40.0, 40.0)])
    def test_accuracy(self, low, high):
        worst = max(relative(fmath.exp(x), math.exp(x)) for x in walk(low, high, 20000))
        assert worst < RELATIVE_MAX

    def test_domain(self):
        assert fmath.exp(0.0) == fmath.exp(-0.0) == 1.0
        assert fmath.exp(math.inf) == math.inf
        assert fmath.exp(-math.inf) == 0.0
        assert math.isnan(fmath.exp(math.nan))

    def test_overflow_and_underflow(self):
        assert fmath.exp(fmath.EXP_ARGUMENT_MAX) < math.inf
        assert fmath.exp(math.nextafter(fmath.EXP_ARGUMENT_MAX, math.inf)) == math.inf
        assert fmath.exp(fmath.EXP_ARGUMENT_MIN) == 5e-324
        assert fmath.exp(math.nextafter(fmath.EXP_ARGUMENT_MIN, -math.inf)) == 0.0
        assert relative(fmath.exp(-720.0), math.exp(-720.0)) < 1e-9  # subnormal: few bits are left

    @pytest.mark.parametrize(
        ("x", "bits"),
        [(1.0, "EXP_1"), (-0.5, "EXP_2"), (100.25, "EXP_3"), (-700.125, "EXP_4")],
    )
    def test_bits(self, x, bits):
        assert fmath.exp(x).hex() == GOLDEN[bits]


class TestLog:
    @pytest.mark.parametrize(("low", "high"), [(1e-9, 2.0), (0.999, 1.001), (1.0, 1e6), (1e300, 1.7e308)])
    def test_accuracy(self, low, high):
        worst = max(relative(fmath.log(x), math.log(x)) for x in walk(low, high, 20000))
        assert worst < RELATIVE_MAX

    def test_every_exponent(self):
        for e in range(-1074, 1024):
            for m in (1.0, 1.4142135623730951, 1.9999999999999998):
                x = math.ldexp(m, e)
                assert relative(fmath.log(x), math.log(x)) < RELATIVE_MAX

    def test_domain(self):
        assert fmath.log(1.0) == 0.0
        assert fmath.log(0.0) == fmath.log(-0.0) == -math.inf
        assert fmath.log(math.inf) == math.inf
        assert math.isnan(fmath.log(-1.0))
        assert math.isnan(fmath.log(-math.inf))
        assert math.isnan(fmath.log(math.nan))

    @pytest.mark.parametrize(("x", "bits"), [(0.1, "LOG_1"), (3.0, "LOG_2"), (1.0000001, "LOG_3"), (5e-324, "LOG_4")])
    def test_bits(self, x, bits):
        assert fmath.log(x).hex() == GOLDEN[bits]


class TestNormalQuantile:
    def test_accuracy(self):
        exact = NormalDist().inv_cdf
        points = [*walk(1e-9, 1.0, 5000), *(10.0**-n for n in range(1, 300)), 0.02425, 1 - 0.02425]
        worst = max(relative(fmath.normal_quantile(p), exact(p)) for p in points if 0.0 < p < 1.0)
        assert worst < 1.2e-9

    def test_symmetry(self):
        for n in range(1, 30):
            p = 2.0**-n  # so that 1 - p is exact
            assert fmath.normal_quantile(1.0 - p) == -fmath.normal_quantile(p)

    def test_domain(self):
        assert fmath.normal_quantile(0.5) == 0.0
        assert fmath.normal_quantile(0.0) == -math.inf
        assert fmath.normal_quantile(1.0) == math.inf
        for p in (-0.1, 1.1, math.nan, math.inf, -math.inf):
            assert math.isnan(fmath.normal_quantile(p))

    @pytest.mark.parametrize(("p", "bits"), [(0.01, "QUANTILE_1"), (0.3, "QUANTILE_2"), (0.99, "QUANTILE_3")])
    def test_bits(self, p, bits):
        assert fmath.normal_quantile(p).hex() == GOLDEN[bits]


# Computed once by the reference; the native transcription and every other machine must give the same.
GOLDEN = {
    "EXP_1": "0x1.5bf0a8b14576ap+1",
    "EXP_2": "0x1.368b2fc6f960ap-1",
    "EXP_3": "0x1.8c39b9134bac4p+144",
    "EXP_4": "0x1.e8cfc0420616bp-1011",
    "LOG_1": "-0x1.26bb1bbb55515p+1",
    "LOG_2": "0x1.193ea7aad030ap+0",
    "LOG_3": "0x1.ad7f2847b6492p-24",
    "LOG_4": "-0x1.74385446d71c3p+9",
    "QUANTILE_1": "-0x1.29c5c463cecf2p+1",
    "QUANTILE_2": "-0x1.0c7e395d14936p-1",
    "QUANTILE_3": "0x1.29c5c463cecf2p+1",
}
