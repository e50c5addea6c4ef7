"""Parameters and switches: what they refuse, and what a table of them says."""

from __future__ import annotations

import math

import pytest

from engine.errors import InputError
from engine.scenarios.parameters import Parameter, read_parameters, settled
from engine.switches import Switch, checked_off

DEPTH = Parameter("depth", 2.0, "M USDT", "U", "RULEBOOK 8", fitted=True, low=1.0, high=4.0)
COUNT = Parameter("count", 12, "", "chosen", "a dozen", low=1, whole=True)
TABLE = """
[depth]
value = 2.0
unit = "M USDT"
mark = "U"
source = "RULEBOOK 8"
fitted = true
range = [1.0, 4.0]

["makers.count"]
value = 12
unit = ""
mark = "chosen"
source = "a dozen"
whole = true
"""


def said(**changes):
    fields = {"name": "x", "value": 1.0, "unit": "", "mark": "V", "source": "s", **changes}
    return Parameter(**fields)


class TestParameter:
    @pytest.mark.parametrize("value", [1.0, 4.0, 2])
    def test_both_ends_of_the_range_are_allowed(self, value):
        assert DEPTH.checked(value) == value

    @pytest.mark.parametrize("value", [0.999, 4.001, math.nan, math.inf, "2", None, True])
    def test_what_is_outside_or_no_number_is_refused_by_name(self, value):
        with pytest.raises(InputError) as error:
            DEPTH.checked(value)
        assert error.value.field == "depth"
        assert "M USDT" in error.value.expected

    def test_a_whole_one_takes_whole_numbers(self):
        assert COUNT.checked(3.0) == 3
        for value in (0, 2.5):
            with pytest.raises(InputError):
                COUNT.checked(value)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"name": ""}, "parameter"),
            ({"mark": "sure"}, "x.mark"),
            ({"source": ""}, "x.source"),
            ({"low": 2, "high": 1}, "x.range"),
            ({"low": math.nan}, "x.low"),
            ({"high": "4"}, "x.high"),
            ({"fitted": True}, "x.range"),
            ({"fitted": True, "low": 1, "high": 1}, "x.range"),
            ({"log": True, "low": 0}, "x.low"),
            ({"value": 5, "high": 4}, "x"),
            ({"value": math.inf}, "x"),
        ],
    )
    def test_fields_that_contradict_each_other_are_refused(self, changes, field):
        with pytest.raises(InputError) as error:
            said(**changes)
        assert error.value.field == field


class TestSettled:
    def test_what_is_given_lies_over_the_defaults(self):
        known = {"depth": DEPTH, "count": COUNT}
        assert settled(known) == {"depth": 2.0, "count": 12}
        assert list(settled(known, {"count": 3}).items()) == [("depth", 2.0), ("count", 3)]

    @pytest.mark.parametrize(
        ("given", "field", "words"),
        [
            ({"dept": 1}, "parameters", "did you mean depth?"),
            ({"depth": 9}, "depth", "1 .. 4"),
            ({"count": 0}, "count", "1 .. -"),
        ],
    )
    def test_an_unknown_name_and_a_value_out_of_range_are_refused(self, given, field, words):
        with pytest.raises(InputError) as error:
            settled({"depth": DEPTH, "count": COUNT}, given)
        assert error.value.field == field
        assert words in str(error.value)


class TestTable:
    def test_a_table_is_read_in_order(self, tmp_path):
        path = tmp_path / "parameters.toml"
        path.write_text(TABLE, encoding="utf-8")
        assert read_parameters(path) == read_parameters(TABLE)
        found = read_parameters(TABLE)
        assert list(found) == ["depth", "makers.count"]
        assert found["depth"] == DEPTH
        assert found["makers.count"].to_json() == {
            "name": "makers.count",
            "value": 12,
            "unit": "",
            "mark": "chosen",
            "source": "a dozen",
            "fitted": False,
            "range": [None, None],
        }

    @pytest.mark.parametrize(
        ("old", "new", "field"),
        [
            ("value = 2.0", "", "depth.value"),
            ('mark = "U"', "", "depth.mark"),
            ('mark = "U"', "mark = 1", "depth.mark"),
            ("value = 2.0", "value = 9.0", "depth"),
            ("value = 2.0", 'value = "2"', "depth"),
            ("range = [1.0, 4.0]", "range = [1.0]", "depth.range"),
            ("range = [1.0, 4.0]", "range = 4", "depth.range"),
            ("range = [1.0, 4.0]", 'range = ["1", 4]', "depth.low"),
            ("fitted = true", "fitted = 1", "depth.fitted"),
            ("fitted = true", "fited = true", "depth.fited"),
            ("[depth]", "depth = 1\n[other]", "depth"),
            ("[depth]", "[depth", "parameters"),
        ],
    )
    def test_what_is_wrong_is_refused_by_name(self, old, new, field):
        with pytest.raises(InputError) as error:
            read_parameters(TABLE.replace(old, new, 1))
        assert error.value.field == field

    def test_a_file_that_is_not_there_is_refused(self, tmp_path):
        with pytest.raises(InputError) as error:
            read_parameters(tmp_path / "nothing.toml")
        assert error.value.field == "parameters"


class TestSwitches:
    KNOWN = {name: Switch(name, "a link", "its events") for name in ("loops", "bots", "makers-withdraw")}

    def test_any_order_gives_the_declared_one(self):
        assert checked_off(self.KNOWN, []) == ()
        assert checked_off(self.KNOWN, {"bots": 1, "loops": 2}) == ("loops", "bots")
        assert checked_off(self.KNOWN, ["makers-withdraw", "loops", "loops"]) == ("loops", "makers-withdraw")

    @pytest.mark.parametrize(("off", "words"), [(["bot"], "did you mean bots?"), ("loops", "a list of switches")])
    def test_what_is_not_declared_is_refused(self, off, words):
        with pytest.raises(InputError) as error:
            checked_off(self.KNOWN, off)
        assert error.value.field == "off"
        assert words in error.value.expected

    def test_a_switch_says_what_it_removes(self):
        with pytest.raises(InputError) as error:
            Switch("loops", "no loops", "")
        assert error.value.field == "switch loops: removes"
