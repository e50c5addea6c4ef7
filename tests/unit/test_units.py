"""Grids: exact or refused (U-4, U-5, U-8)."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest

from engine import InputError
from engine.units import Grid, exact

MILLI = Grid("0.001")


class TestExact:
    @pytest.mark.parametrize(
        ("value", "number"),
        [
            (7, "7"),
            (-7, "-7"),
            ("1.688", "1.688"),
            (Decimal("1.10"), "1.10"),
            (0.1, "0.1"),  # its shortest form, not the 55 digits of the binary number
            (1e-9, "1E-9"),
            (np.float64(0.1), "0.1"),
            (np.int64(7), "7"),
            (2**80, str(2**80)),
        ],
    )
    def test_u8_what_is_taken(self, value, number):
        assert exact(value, "price") == Decimal(number)

    @pytest.mark.parametrize(
        "value",
        [
            *(True, False, np.True_, None, b"1", [1], 1j, np.array([1.5]), np.array([1, 2])),
            *("", "abc", "1,5", "0x10", "nan", "inf", "-Infinity", "sNaN"),
            *(float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")),
        ],
    )
    def test_u7_what_is_refused(self, value):
        with pytest.raises(InputError) as caught:
            exact(value, "price")
        assert caught.value.field == "price"


class TestCount:
    @pytest.mark.parametrize(
        ("value", "count"),
        [
            ("1.688", 1688),
            (1.688, 1688),
            (0, 0),
            ("-0.001", -1),
            ("1.6880000", 1688),
            (2**61, 2**61 * 1000),
            ("1E3", 10**6),
        ],
    )
    def test_whole_steps(self, value, count):
        assert MILLI.count(value, "price") == count

    @pytest.mark.parametrize("value", ["1.6885", 0.0001, "1E-9", 0.1 + 0.2])
    def test_off_the_grid(self, value):
        with pytest.raises(InputError, match=r"price: expected a multiple of 0\.001"):
            MILLI.count(value, "price")

    @pytest.mark.parametrize(
        "value", ["1.000" + 30 * "0" + "1", "1" + 20 * "0" + "." + 30 * "0" + "1", "1E-99999999999"]
    )
    def test_more_digits_than_a_decimal_context_has_are_not_rounded_away(self, value):
        with pytest.raises(InputError, match="a multiple of"):
            MILLI.count(value, "price")

    def test_a_number_too_large_to_count_is_refused_at_once(self):
        with pytest.raises(InputError, match="price: expected a number of fewer digits"):
            MILLI.count("1E+999999999", "price")

    def test_the_callers_decimal_context_changes_nothing(self):
        with localcontext() as context:
            context.prec = 3
            assert MILLI.count("123456.789", "price") == 123456789
            with pytest.raises(InputError):
                MILLI.count("123456.7891", "price")

    def test_a_step_that_is_no_power_of_ten(self):
        nickel = Grid("0.05")
        assert nickel.count("0.15", "price") == 3
        assert nickel.count(0.15, "price") == 3
        with pytest.raises(InputError):
            nickel.count("0.16", "price")


class TestValue:
    def test_there_and_back(self):
        for count in (-1688, 0, 1, 1688, 2**61):
            assert MILLI.count(MILLI.value(count), "price") == count

    @pytest.mark.parametrize(
        ("value", "count"), [("1.6889", 1688), (1.6889, 1688), ("1.688", 1688), ("-0.0001", -1), (0, 0)]
    )
    def test_floor_count_rounds_down(self, value, count):
        assert MILLI.floor_count(value, "amount") == count

    def test_floor_count_refuses_what_is_no_number(self):
        with pytest.raises(InputError, match="amount"):
            MILLI.floor_count(float("nan"), "amount")
