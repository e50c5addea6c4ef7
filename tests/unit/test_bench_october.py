"""The October benchmark in tiny sizes: its lines, what it calls too small, and its exponents."""

from __future__ import annotations

import pytest
from benchkit import load_benchmarks, printed_lines

PER_SIZE = {"markets": 12, "makers_least": 3, "forced_orders": 100_000, "peak_mb": 100.0, "build_s": 1.0, "run_s": 1.0}
ENOUGH = {**PER_SIZE, "messages": {"all": 250_000_000, "early": {"least": 1_000}}}


@pytest.fixture(scope="module")
def october():
    for modules in load_benchmarks():
        yield modules["bench_october"]


@pytest.mark.slow
def test_a_quick_run_has_every_line(october, capsys):
    assert october.main(["--quick", "--json"]) == 0
    lines = printed_lines(capsys)
    assert [line["check"] for line in lines] == ["equal"] * 9
    assert [line["bar_met"] for line in lines] == [None] * 9
    assert lines[0]["size"]["messages"]["all"] > 0


def test_what_is_smaller_than_the_full_size_is_named(october):
    assert october.short_of(ENOUGH) == []
    assert october.short_of({**ENOUGH, "makers_least": 2}) == ["makers on a market: 2, at least 3"]
    few = {**ENOUGH, "messages": {"all": 249_999_999, "early": {"least": 999}}, "forced_orders": 99_999}
    assert len(october.short_of(few)) == 3


def test_exponents_are_those_between_the_ends(october):
    assert october.exponent([10.0, 100.0, 1_000.0], [1.0, 5.0, 100.0]) == pytest.approx(1.0)
    runs = [
        october.Measured({**PER_SIZE, "accounts": count, "run_s": seconds}, differences)
        for count, seconds, differences in ((1_000, 1.0, []), (100_000, 10.0, ["a rule"]))
    ]
    build, run, memory = october.growth_lines("accounts", runs, judged=True)
    assert (build.value, run.value, memory.value) == (0.0, 0.5, 0.0)
    assert {line.check for line in (build, run, memory)} == {"a rule"}
