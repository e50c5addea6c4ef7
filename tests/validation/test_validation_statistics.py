"""The statistics that the laws are judged with, against printed tables and against samples worked by hand."""

from __future__ import annotations

import math
from array import array

import numpy as np
import pytest

from engine import InputError
from engine.validation import statistics as st
from engine.validation.draws import Stream
from engine.validation.line import Line
from engine.validation.plan import Plan


class TestDistances:
    def test_ks_of_a_perfect_grid_is_half_a_step(self):
        assert st.ks_distance((np.arange(10) + 0.5) / 10) == pytest.approx(0.05)

    def test_ks_sees_both_sides(self):
        assert st.ks_distance(np.array([0.0, 0.0])) == 1.0
        assert st.ks_distance(np.array([1.0, 1.0])) == 1.0

    def test_ks_of_nothing_is_the_worst(self):
        assert st.ks_distance(np.empty(0)) == 1.0

    def test_ks_takes_any_order(self):
        assert st.ks_distance(np.array([0.9, 0.1, 0.5])) == st.ks_distance(np.array([0.1, 0.5, 0.9]))

    def test_ks_refuses_one_sample_in_a_hundred(self):
        # 1,000 samples of 200: the share refused is 0.01, within four standard errors (0.0126).
        refused = sum(
            st.ks_distance(Stream(1, "ks", i).uniforms(200)) > st.KS_CRITICAL / math.sqrt(200) for i in range(1000)
        )
        assert 0 < refused <= 22

    def test_ks_exponential_knows_the_rate(self):
        gaps = Stream(1, "gaps").exponentials(10_000, 0.5)
        assert st.ks_exponential(gaps, 2.0) < st.KS_CRITICAL / 100
        assert st.ks_exponential(gaps, 2.2) > st.KS_CRITICAL / 100


class TestChiSquare:
    # Percentage points as every table prints them.
    TABLE = (
        (1, 0.05, 3.841),
        (1, 0.001, 10.828),
        (2, 0.05, 5.991),
        (5, 0.01, 15.086),
        (10, 0.001, 29.588),
        (25, 0.95, 14.611),
        (100, 0.05, 124.342),
    )

    @pytest.mark.parametrize(("degrees", "tail", "point"), TABLE)
    def test_tail_and_critical_value(self, degrees, tail, point):
        assert st.chi_square_tail(point, degrees) == pytest.approx(tail, rel=2e-3)
        assert st.chi_square_critical(tail, degrees) == pytest.approx(point, abs=6e-4)

    def test_tail_at_the_ends(self):
        assert st.chi_square_tail(0.0, 3) == 1.0
        assert st.chi_square_tail(1e-12, 4) == pytest.approx(1.0)
        assert st.chi_square_tail(3000.0, 7) == 0.0

    def test_two_degrees_are_an_exponential(self):
        assert st.chi_square_tail(3.0, 2) == pytest.approx(math.exp(-1.5))

    def test_statistic_by_hand(self):
        # Expected 50 and 50, seen 40 and 60: (10^2 + 10^2) / 50.
        assert st.chi_square(np.array([40, 60]), np.array([0.5, 0.5])) == (pytest.approx(4.0), 1)

    def test_thin_cells_are_joined(self):
        # Of 100: 48 and 47 are expected, then 3 + 1 + 1 join to 5.
        counts, shares = np.array([48, 47, 3, 1, 1]), np.array([0.48, 0.47, 0.03, 0.01, 0.01])
        assert st.chi_square(counts, shares) == (pytest.approx(0.0), 2)

    def test_a_thin_rest_joins_the_last_cell(self):
        # 1 is expected in the last cell, so it joins 49 before it: seen 50, expected 50.
        counts, shares = np.array([50, 40, 10]), np.array([0.5, 0.49, 0.01])
        assert st.chi_square(counts, shares) == (pytest.approx(0.0), 1)

    def test_too_few_are_refused(self):
        with pytest.raises(InputError) as caught:
            st.chi_square(np.array([2, 2]), np.array([0.5, 0.5]))
        assert caught.value.field == "counts"


class TestErrors:
    def test_batch_means_by_hand(self):
        # Means 2, 4, 6 of pairs; the seventh is left out. sd 2, over the root of 3.
        mean, error = st.batch_means(np.array([1.0, 3.0, 4.0, 4.0, 5.0, 7.0, 99.0]), 3)
        assert (mean, error) == (pytest.approx(4.0), pytest.approx(2 / math.sqrt(3)))

    def test_batch_means_see_correlation(self):
        # Each number ten times: as independent numbers the error would be too small by the root of 10.
        once = Stream(2, "batch").uniforms(5000)
        _, error = st.batch_means(np.repeat(once, 10), 50)
        assert error == pytest.approx(math.sqrt(1 / 12 / 5000), rel=0.4)

    def test_share_error(self):
        assert st.share_error(0.2, 400) == pytest.approx(0.02)


class TestPaths:
    def test_area_by_hand(self):
        change, after = np.array([10, 20, 20, 30]), np.array([1, 5, 3, 0])
        assert st.time_area(change, after, 0, 100) == 10 * 1 + 10 * 3
        assert st.time_area(change, after, 15, 25) == 5 * 1 + 5 * 3
        assert st.time_area(change, after, 30, 40) == 0
        assert st.time_area(change[:3], after[:3], 25, 45) == 20 * 3

    def test_fano_factor_by_hand(self):
        # Windows of 10 from 5: counts 1, 3; mean 2, variance 2. What is before, and after the last window, is left out.
        times = np.array([0, 4, 5, 15, 20, 24, 25, 26])
        assert st.fano_factor(times, 10, 5, 30) == (pytest.approx(1.0), 2)

    def test_fano_factor_of_nothing_is_no_number(self):
        assert math.isnan(st.fano_factor(np.array([], dtype=np.int64), 10, 0, 100)[0])
        assert math.isnan(st.fano_factor(np.array([1]), 10, 0, 10)[0])

    def test_a_filled_column_is_an_array(self):
        assert st.as_ints(array("q", [1, -2])).tolist() == [1, -2]


class TestLine:
    @pytest.mark.parametrize(
        ("measured", "is_good"),
        [(1.0, True), (1.5, True), (0.5, True), (1.51, False), (0.49, False), (math.nan, False)],
    )
    def test_a_line_passes_within_its_band(self, measured, is_good):
        line = Line("a/b", measured, 1.0, 0.5, "half", 3)
        assert line.passed is is_good
        assert line.to_json()["pass"] is is_good

    def test_a_quick_run_widens_by_the_root(self):
        assert Plan(1, quick=True).widening(900, 100) == pytest.approx(3.0)
        assert Plan(1).widening(900, 100) == 1.0
        assert (Plan(1, quick=True).size(900, 100), Plan(1).size(900, 100)) == (100, 900)
