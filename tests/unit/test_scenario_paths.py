"""The path grammar: one way to name a value, for `but`, --set, variants and sweeps."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import InputError
from engine.scenario.paths import format_path, parse_path, parse_setting, set_value

KEYS = st.text(min_size=1, max_size=8).filter(lambda text: text != "*")
PATHS = st.tuples(KEYS, st.lists(KEYS | st.integers(0, 999), max_size=4)).map(lambda pair: (pair[0], *pair[1]))


@given(PATHS)
def test_a_written_path_reads_back(path):
    assert parse_path(format_path(path)) == path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("seed", ("seed",)),
        ("populations.makers.leaves.drawdown", ("populations", "makers", "leaves", "drawdown")),
        ("markets.ATOM/USDT.tick", ("markets", "ATOM/USDT", "tick")),
        ('markets."A.B".tick', ("markets", "A.B", "tick")),
        ("populations.stale bids.enabled", ("populations", "stale bids", "enabled")),
        ("events.open.rows[0].price", ("events", "open", "rows", 0, "price")),
        ("a[1][2]", ("a", 1, 2)),
    ],
)
def test_paths(text, path):
    assert parse_path(text) == path


@pytest.mark.parametrize("wrong", ["", ".", "a.", ".a", "a..b", 'a"b"', "a[x]", 'a."b', "a]b", None, 5])
def test_what_is_no_path_is_refused(wrong):
    with pytest.raises(InputError, match="path: expected"):
        parse_path(wrong)


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("a.b=2s", ("a.b", "2s")),
        ("a.b=12", ("a.b", 12)),
        ("a.b=0.5", ("a.b", Decimal("0.5"))),
        ("a.b=true", ("a.b", True)),
        ('a.b="x=y"', ("a.b", "x=y")),
        ("a.b=[1, 2]", ("a.b", [1, 2])),
        ("a.b={ c = 1 }", ("a.b", {"c": 1})),
        ("a.b=20%", ("a.b", "20%")),
        ("a.b=lognormal(5ms, 0.5)", ("a.b", "lognormal(5ms, 0.5)")),
        ("a.b=", ("a.b", "")),
    ],
)
def test_settings(text, setting):
    assert parse_setting(text) == setting


@pytest.mark.parametrize("wrong", ["a.b", "=5", " =5", ""])
def test_what_is_no_setting_is_refused(wrong):
    with pytest.raises(InputError, match="set: expected path=value"):
        parse_setting(wrong)


class TestSet:
    def data(self):
        return {"seed": 1, "populations": {"makers": {"on": ["a", "b"]}, "noise": {"count": 2}}}

    def test_a_value_is_set_and_a_table_with_defaults_need_not_be_there(self):
        data = self.data()
        set_value(data, parse_path("populations.makers.on[1]"), "c")
        set_value(data, parse_path("populations.makers.leaves.drawdown"), "1%")
        set_value(data, parse_path("record.samples_every"), "1s")
        assert data["populations"]["makers"] == {"on": ["a", "c"], "leaves": {"drawdown": "1%"}}
        assert data["record"] == {"samples_every": "1s"}

    def test_a_star_is_every_object(self):
        data = self.data()
        set_value(data, parse_path("populations.*.enabled"), False)
        assert [each["enabled"] for each in data["populations"].values()] == [False, False]

    def test_an_object_may_be_brought_whole(self):
        data = self.data()
        set_value(data, ("populations", "new"), {"kind": "account"})
        assert data["populations"]["new"] == {"kind": "account"}

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            (
                "populations.maker.count",
                r"populations.maker.count: expected one of makers, noise \(did you mean makers\?\), was maker",
            ),
            ("populations.makers.on[2]", r"populations.makers.on\[2\]: expected an index below 2, was 2"),
            ("seed.x", "seed.x: expected a key or an index that seed has, was int"),
            ("populations.makers.on.x", "expected a key or an index that populations.makers.on has, was list"),
        ],
    )
    def test_a_path_that_leads_nowhere_says_what_there_is(self, path, said):
        data = self.data()
        with pytest.raises(InputError, match=said):
            set_value(data, parse_path(path), 1)
        assert data == self.data()
