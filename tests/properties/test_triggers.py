"""The trigger index fires what a look at everything would (E-1), and finds it without one (E-6)."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine import InputError
from engine._core import TriggerIndex

TOP = 2**31 - 2

VALUES = st.one_of(
    st.integers(0, 40),
    st.integers(0, TOP),
    st.integers(0, 30).flatmap(lambda e: st.integers(max(0, 2**e - 2), min(TOP, 2**e + 2))),
)


def fired(waiting: dict[tuple[int, int, str], int], series: int, value: int) -> list[int]:
    """Look at everything: who waits on this series at a value that has been reached; they wait no longer."""
    reached = [
        key for key, at in waiting.items() if key[1] == series and (value <= at if key[2] == "fall" else value >= at)
    ]
    for key in reached:
        del waiting[key]
    return sorted(unit for unit, _, _ in reached)


class Triggers(RuleBasedStateMachine):
    """Set, drop and move at random, next to a dictionary that is read whole."""

    @initialize(spread=st.sampled_from([30, 5_000, TOP]))
    def begin(self, spread: int) -> None:
        """Start empty."""
        self.spread = spread
        self.index = TriggerIndex(2)
        self.waiting: dict[tuple[int, int, str], int] = {}

    @rule(unit=st.integers(0, 60), series=st.integers(0, 1), side=st.sampled_from(["fall", "rise"]), at=VALUES)
    def set(self, unit: int, series: int, side: str, at: int) -> None:
        """Let a unit wait, or wait elsewhere."""
        at %= self.spread
        self.index.set(unit, series, side, at)
        self.waiting[unit, series, side] = at

    @rule(units=st.integers(30, 200), side=st.sampled_from(["fall", "rise"]), low=VALUES, width=st.integers(1, 300))
    def crowd(self, units: int, side: str, low: int, width: int) -> None:
        """Let many wait close together."""
        for unit in range(100, 100 + units):
            at = min(TOP, low % self.spread + unit * 7 % width)
            self.index.set(unit, 0, side, at)
            self.waiting[unit, 0, side] = at

    @rule(unit=st.integers(0, 130), series=st.integers(0, 1), side=st.sampled_from(["fall", "rise"]))
    def drop(self, unit: int, series: int, side: str) -> None:
        """Let a unit wait no longer."""
        self.index.drop(unit, series, side)
        self.waiting.pop((unit, series, side), None)

    @rule(series=st.integers(0, 1), value=VALUES)
    def move(self, series: int, value: int) -> None:
        """Give a series a value."""
        value %= self.spread
        assert sorted(self.index.move(series, value)) == fired(self.waiting, series, value)

    @rule(series=st.integers(0, 1), step=st.integers(1, 40))
    def sweep(self, series: int, step: int) -> None:
        """Let a series fall over everything that waits below some value."""
        for value in range(min(self.spread, 2_000) - 1, -1, -step):
            assert sorted(self.index.move(series, value)) == fired(self.waiting, series, value)

    @invariant()
    def nothing_is_left_behind(self) -> None:
        """Pops counted are triggers gone."""
        assert self.index.counts[0] >= 0


Triggers.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestTriggers: Any = Triggers.TestCase


@given(st.lists(VALUES, min_size=1, max_size=400), st.lists(VALUES, min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_walk_fires_each_trigger_once(places: list[int], walk: list[int]) -> None:
    index = TriggerIndex(1)
    waiting: dict[tuple[int, int, str], int] = {}
    for unit, at in enumerate(places):
        side = "fall" if unit % 2 else "rise"
        index.set(unit, 0, side, at)
        waiting[unit, 0, side] = at
    for value in walk:
        assert sorted(index.move(0, value)) == fired(waiting, 0, value)


def test_a_crowd_at_one_place_is_read_in_proportion_to_what_fires() -> None:
    """A hundred thousand triggers within 1 %: each tick reads those that it fires and a few more (E-6)."""
    index, count = TriggerIndex(1), 100_000
    rng = random.Random(5)
    for unit in range(count):
        index.set(unit, 0, "fall", 60_000 - rng.randrange(600))
    for value in range(60_000, 59_399, -1):
        index.move(0, value)
    pops, looks, pages = index.counts
    assert pops == count
    assert looks < 4 * count  # the first look reads the crowd, each cut once more; then about one each
    assert pages == 0  # what is empty has been given back


def test_a_quiet_value_reads_nothing() -> None:
    index = TriggerIndex(1)
    for unit in range(1000):
        index.set(unit, 0, "fall", 900 - unit // 10)
        index.set(unit, 0, "rise", 1100 + unit // 10)
    for value in range(901, 1100):
        assert index.move(0, value) == []
    assert index.counts == (0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((-1, 0, "fall", 1), "unit"),
        ((0, 2, "fall", 1), "series"),
        ((0, 0, "down", 1), "side"),
        ((0, 0, "fall", -1), "at"),
    ],
)
def test_what_is_not_there_is_refused_by_name(arguments: tuple[Any, ...], field: str) -> None:
    with pytest.raises(InputError, match=field):
        TriggerIndex(2).set(*arguments)
