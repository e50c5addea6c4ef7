"""Distributions wherever a number may stand: three ways of writing, one law; drawn once per member."""

from __future__ import annotations

from decimal import Decimal

import pytest

import engine as en
from engine import _core
from engine.scenario.draws import draw, shuffled
from engine.scenario.laws import Drawn, Law, parse_call
from engine.scenario.quantities import LATENCY, NUMBER, QTY, SUPPLY

MS = Drawn(LATENCY)


class TestWriting:
    @pytest.mark.parametrize(
        ("compact", "table", "made"),
        [
            ("lognormal(5ms, 0.6)", {"law": "lognormal", "median": "5ms", "sigma": 0.6}, en.lognormal("5ms", 0.6)),
            ("pareto(2ms, 1.3)", {"law": "pareto", "min": "2ms", "alpha": 1.3}, en.pareto("2ms", alpha=1.3)),
            (
                "pareto(2ms, 1.3, max=1s)",
                {"law": "pareto", "min": "2ms", "alpha": 1.3, "max": "1s"},
                en.pareto("2ms", 1.3, "1s"),
            ),
            ("uniform(1ms, 2ms)", {"law": "uniform", "low": "1ms", "high": "2ms"}, en.uniform("1ms", "2ms")),
            ("integers(1ms, 5ms)", {"law": "integers", "low": "1ms", "high": "5ms"}, en.integers("1ms", "5ms")),
            ("exponential(3ms)", {"law": "exponential", "mean": "3ms"}, en.exponential("3ms")),
            ("choice(1ms, 4ms)", {"law": "choice", "values": ["1ms", "4ms"]}, en.choice(["1ms", "4ms"])),
        ],
    )
    def test_a_string_a_table_and_a_python_call_are_the_same_law(self, compact, table, made):
        read = MS.validate(compact)
        assert read == MS.validate(table) == MS.validate(made)
        assert isinstance(read, Law)
        assert MS.validate(MS.write(read)) == read

    def test_arguments_are_in_the_unit_of_the_field(self):
        assert MS.validate("lognormal(0.25s)").median == 250.0
        assert Drawn(SUPPLY).validate("pareto(2k, 1.3)").min == Decimal(2000)

    def test_a_plain_quantity_is_no_law(self):
        assert MS.validate("12ms") == 12.0
        assert parse_call("12ms") is None

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ("lognormall(5ms)", "did you mean lognormal"),
            ("lognormal(5)", "a time on the way"),
            ("lognormal(5ms, x)", "a number such as"),
            ("lognormal(5ms, 1, 2ms, 3)", "at most 3 arguments"),
            ("uniform(2ms, 1ms)", "not below the lower"),
            ("pareto(1ms, 0)", "positive exponent"),
            ("pareto(1ms)", "alpha"),
            ("choice()", "at least one value"),
            ({"law": "uniform", "low": "1ms"}, "high"),
            ({"law": "gauss"}, "one of lognormal"),
            ({"median": "5ms"}, "one of lognormal"),
            ({"law": "choice", "values": ["1ms"], "weights": [1, 2]}, "1 weights"),
        ],
    )
    def test_errors_say_what_was_expected(self, wrong, said):
        with pytest.raises(Exception, match="expected") as caught:
            MS.validate(wrong)
        assert said in str(caught.value)


class TestDraws:
    def test_draws_are_those_of_the_core(self):
        law = en.pareto(1500, 1.4).in_units(NUMBER)
        assert draw(law, 5, "longs", 20, 1) == _core.draw_law("pareto", 1500.0, 1.4, 5, "longs", 20, 1)

    def test_a_cap_is_a_cap(self):
        free, capped = en.pareto(1500, 1.4).in_units(NUMBER), en.pareto(1500, 1.4, 4000).in_units(NUMBER)
        assert draw(capped, 5, "longs", 50, 1) == [min(value, 4000.0) for value in draw(free, 5, "longs", 50, 1)]
        assert max(draw(free, 5, "longs", 50, 1)) > 4000

    def test_integers_are_whole_and_reach_both_ends(self):
        drawn = draw(en.integers(3, 6).in_units(NUMBER), 1, "loopers", 200, 0)
        assert set(drawn) == {3.0, 4.0, 5.0, 6.0}

    def test_a_choice_goes_by_its_weights(self):
        drawn = draw(en.choice([1, 2, 3], [0, 1, 3]).in_units(NUMBER), 1, "who", 400, 0)
        assert set(drawn) == {2.0, 3.0}
        assert 250 < drawn.count(3.0) < 350

    def test_a_law_of_lots_draws_lots(self):
        drawn = draw(en.uniform(10, 20).in_units(QTY), 1, "who", 50, 0)
        assert all(10 <= value <= 20 for value in drawn)

    def test_another_member_another_population_another_parameter(self):
        law = en.uniform(0, 1).in_units(NUMBER)
        one = draw(law, 1, "a", 3, 0)
        assert len({*one, *draw(law, 1, "b", 3, 0), *draw(law, 1, "a", 3, 1), *draw(law, 2, "a", 3, 0)}) == 12
        assert draw(law, 1, "a", 5, 0)[:3] == one  # more members change no draw of those there were

    def test_shuffled_is_a_permutation_by_seed_and_name(self):
        assert sorted(shuffled(1, 50, "x")) == list(range(50))
        assert shuffled(1, 50, "x") == shuffled(1, 50, "x") != shuffled(2, 50, "x") != shuffled(2, 50, "y")
