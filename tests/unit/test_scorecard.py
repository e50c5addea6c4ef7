"""Scorecard: bands at their edges, medians, what cannot be told, what is fitted, and what it shows."""

from __future__ import annotations

import io
import json
import math

import pytest
from rich.console import Console

from engine.errors import InputError
from engine.scorecard import Statistic, at_least, at_most, exact, factor, minutes, points, scorecard


def statistic(band, measured, unit="", name="one", **options):
    return Statistic(name, "a figure", unit, measured, band, "a source", "V", **options)


def card(band, measured, values, unit="", **options):
    return scorecard([statistic(band, measured, unit, **options)], [{"one": value} for value in values])


class TestBands:
    @pytest.mark.parametrize(
        ("band", "unit", "measured", "inside", "outside"),
        [
            (points(5), "%", 16.8, [11.8, 16.8, 21.8], [11.7, 21.9, -16.8]),
            (points(5), "%", 70, [65, 75], [64.99, 75.01]),
            (minutes(2), "min", 35, [33, 37], [32.9, 37.1]),
            (factor(1.5), "bn", 3.21, [3.21 / 1.5, 3.21 * 1.5], [2.13, 4.82, 0, -3.21]),
            (factor(3), "", 20, [20 / 3, 60], [6.6, 60.1]),
            (exact, "", True, [1], [0, 0.5, 2]),
            (exact, "", False, [0], [1, 0.5]),
            (at_least, "", 1000, [1000, 1e9], [999.9, 0]),
            (at_most, "", 0.4, [0.4, 0, -1], [0.41]),
        ],
    )
    def test_both_ends_are_inside_and_nothing_beyond(self, band, unit, measured, inside, outside):
        for value in inside:
            assert card(band, measured, [value], unit)["one"].inside, value
        for value in outside:
            assert not card(band, measured, [value], unit)["one"].inside, value

    def test_distance_is_in_half_widths(self):
        assert points(5).distance(20, 25) == 1
        assert points(5).distance(20, 10) == 2
        assert minutes(2).distance(35, 36) == 0.5
        assert math.isclose(factor(1.5).distance(2, 3), 1)
        assert math.isclose(factor(1.5).distance(2, 2 / 1.5**2), 2)
        assert factor(1.5).distance(2, 0) == math.inf
        assert at_least.distance(100, 150) == 0 < at_least.distance(100, 50) == 0.5
        assert (exact.distance(1, 1), exact.distance(1, 0)) == (0, 1)

    @pytest.mark.parametrize(
        ("make", "field"),
        [
            (lambda: points(0), "points"),
            (lambda: points(-5), "points"),
            (lambda: minutes(math.nan), "minutes"),
            (lambda: factor(1), "factor"),
            (lambda: factor(math.inf), "factor"),
            (lambda: statistic(points(5), 0.168), "one.unit"),
            (lambda: statistic(minutes(2), 35, "%"), "one.unit"),
            (lambda: statistic(factor(2), 0), "one.measured"),
            (lambda: statistic(exact, 0.5), "one.measured"),
            (lambda: statistic(at_least, math.nan), "one.measured"),
            (lambda: statistic("points", 5), "one.band"),
            (lambda: Statistic("one", "a figure", "", 1, exact, "a source", "sure"), "one.mark"),
            (lambda: Statistic("one", "a figure", "", 1, exact, "", "V"), "statistic one: source"),
        ],
    )
    def test_what_does_not_belong_together_is_refused(self, make, field):
        with pytest.raises(InputError) as error:
            make()
        assert error.value.field == field


class TestMedian:
    def test_the_median_counts_and_not_the_mean_or_one_seed(self):
        found = card(points(5), 20, [19, 21, 90], "%")["one"]
        assert (found.simulated, found.inside) == (21, True)
        assert not card(points(5), 20, [20, 90, 90], "%")["one"].inside
        assert card(exact, True, [1, 0, 1])["one"].inside
        assert not card(exact, True, [1, 0])["one"].inside  # the median is 0.5

    def test_the_spread_is_from_5_to_95_percent(self):
        low, high = card(at_least, 0, range(101))["one"].spread
        assert (low, high) == (5, 95)

    @pytest.mark.parametrize(
        ("values", "simulated"),
        [
            ([None], None),
            ([20, None], None),
            ([20, 22, None, None], None),
            ([20, 22, None], 21),
            ([20, math.nan, 22], 21),
        ],
    )
    def test_what_half_of_the_runs_cannot_tell_is_not_inside(self, values, simulated):
        line = card(points(5), 20, values, "%")["one"]
        assert line.simulated == simulated
        assert line.inside == (simulated is not None)
        assert (line.spread is None) == (simulated is None)

    def test_a_run_that_failed_cannot_tell(self):
        found = scorecard([statistic(points(5), 20, "%")], [None, {"one": 20}, None])
        assert found["one"].per_seed == (None, 20, None)
        assert not found["one"].inside

    def test_it_can_fail(self):
        assert card(points(5), 20, [99], "%").share == 0


class TestTotals:
    def whole(self):
        names = {"hit": (20, False), "missed": (50, False), "fit": (20, True), "fit missed": (50, True)}
        lines = [statistic(points(5), 20, "%", name, fitted=fitted) for name, (_, fitted) in names.items()]
        return scorecard(lines, [{name: value for name, (value, _) in names.items()}] * 2, scenario="x", seeds=(1, 2))

    def test_a_fitted_one_is_no_hit(self):
        found = self.whole()
        assert [line.statistic.name for line in found.free] == ["hit", "missed"]
        assert [line.statistic.name for line in found.hits] == ["hit"]
        assert found.share == 0.5
        assert (found["fit"].inside, found["fit"].hit, found["hit"].hit) == (True, False, True)

    def test_without_a_free_one_nothing_is_hit(self):
        assert scorecard([], []).share == 0

    def test_json_has_the_promised_names(self):
        told = json.loads(json.dumps(self.whole().to_json(), allow_nan=False))
        assert told["statistics"][0] == {
            "name": "hit",
            "text": "a figure",
            "unit": "%",
            "measured": 20.0,
            "simulated": 20.0,
            "low": 20.0,
            "high": 20.0,
            "band": [15.0, 25.0],
            "band_text": "+-5 points",
            "inside": True,
            "fitted": False,
            "source": "a source",
            "mark": "V",
            "per_seed": [20.0, 20.0],
        }
        assert told["totals"] == {
            "statistics": 4, "free": 2, "hits": 1, "share": 0.5, "fitted": 2, "fitted_inside": 1,
        }  # fmt: skip

    def test_rows_are_for_readers(self):
        row = self.whole().rows()[2]
        assert (row["name"], row["band"], row["inside"], row["fitted"]) == ("a figure", "+-5 points", True, True)

    def test_an_open_end_and_an_untold_figure_are_null(self):
        told = card(at_least, 5, [None]).to_json()["statistics"][0]
        assert (told["band"], told["simulated"], told["low"], told["inside"]) == ([5.0, None], None, None, False)

    def test_people_see_a_table_and_lines(self):
        console = Console(file=io.StringIO(), width=150)
        console.print(self.whole())
        table = console.file.getvalue()
        assert "1 of 2 free statistics inside their bands (50 %); 2 fitted, no hits" in table
        assert table.count("fitted") == 4  # head, two lines, totals
        assert "  no  a figure: 50 % (50 .. 50), measured 20, +-5 points (fitted)" in str(self.whole())

    def test_names_that_do_not_fit_are_refused(self):
        one = statistic(exact, True)
        for lines, runs, field in (
            ([one, one], [], "statistics"),
            ([one], [{"other": 1}], "statistics"),
        ):
            with pytest.raises(InputError) as error:
                scorecard(lines, runs)
            assert error.value.field == field
        with pytest.raises(InputError) as error:
            self.whole()["nowhere"]
        assert error.value.field == "statistic"
