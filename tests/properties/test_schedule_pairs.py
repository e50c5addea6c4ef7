"""Native and reference schedules agree, and both with the exact fraction (S-1 .. S-5), ordinary and tiny tables."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from schedulekit import HELD_AT, SCHEDULES, exact_amount

AMOUNT_MAX = 2**63 - 1
MAGNITUDES = st.sampled_from([2**6, 2**20, 2**43, 2**45, 2**61])
RATES = st.one_of(st.integers(0, 10**6), st.sampled_from([0, 1, 4_000, 333_333, 999_999, 10**6]))


@st.composite
def tables(draw, magnitudes=MAGNITUDES):
    """Draw floors, rates and kind of a legal schedule; of one magnitude, so that tiers are narrow as well as wide."""
    magnitude = draw(magnitudes)
    borders = draw(st.sets(st.integers(1, magnitude), max_size=min(63, magnitude)))
    floors = [0, *sorted(borders)]
    kind = draw(st.sampled_from(["requirement", "value"]))
    rates = draw(st.lists(RATES, min_size=len(floors), max_size=len(floors)))
    return floors, sorted(rates, reverse=kind == "value"), kind


def amounts_near(floors, extra):
    """Return amounts at and beside every border, where the long product begins behind each, and some others."""
    beside = [floor + step for floor in floors for step in (-1, 0, 1, 2**43 - 1, 2**43, 2**45 - 1)]
    beside += [HELD_AT - 1, HELD_AT, HELD_AT + 1, AMOUNT_MAX]
    return sorted({min(max(v, 0), AMOUNT_MAX) for v in [*beside, *extra]})


def made(table, engine):
    floors, rates, kind = table
    return SCHEDULES[engine](floors, rates, kind=kind)


@given(tables(), st.lists(st.integers(0, AMOUNT_MAX), max_size=20))
def test_native_is_reference(table, extra):
    native, reference = made(table, "native"), made(table, "reference")
    amounts = amounts_near(table[0], extra)
    column = np.array(amounts)
    assert native.requirement(column).tolist() == [reference.requirement(v) for v in amounts]
    assert native.value(column).tolist() == [reference.value(v) for v in amounts]
    assert native.rate(column).tolist() == [reference.rate(v) for v in amounts]


@given(tables(), st.lists(st.integers(0, AMOUNT_MAX), max_size=20))
def test_s2_ceil_and_floor_bracket_the_fraction(table, extra):
    floors, rates, _ = table
    native = made(table, "native")
    for v in amounts_near(floors, extra):
        exact = exact_amount(floors, rates, v)
        assert native.requirement(v) == min(exact.__ceil__(), HELD_AT)
        assert native.value(v) == min(exact.__floor__(), HELD_AT)


@given(tables(), st.integers(0, 2**61))
def test_s1_continuous_and_never_falling(table, elsewhere):
    native = made(table, "native")
    for begin in [0, elsewhere, *(max(floor - 40, 0) for floor in table[0][:8])]:
        walk = np.arange(begin, begin + 80)
        for reading in (native.requirement, native.value):
            steps = np.diff(reading(walk))
            assert 0 <= steps.min()
            assert steps.max() <= 1  # a rate of at most 10^6: an atom more asks for an atom more at most


@given(tables(st.sampled_from([2, 5, 12, 50])))
def test_tiny_tables_amount_by_amount(table):
    floors, rates, _ = table
    native, reference = made(table, "native"), made(table, "reference")
    for v in range(floors[-1] + 20):
        exact = exact_amount(floors, rates, v)
        assert native.requirement(v) == reference.requirement(v) == exact.__ceil__()
        assert native.value(v) == reference.value(v) == exact.__floor__()
        assert native.rate(v) == reference.rate(v) == rates[max(i for i, floor in enumerate(floors) if floor <= v)]


@given(tables(), st.integers(0, 2**60), st.integers(0, 2**60))
def test_s3_sizes_do_not_pay_when_split(table, first, second):
    floors, rates, kind = table
    native = made(table, "native")
    if kind == "requirement":  # convex: together at least what each part asks for, less the atom that each rounds up
        assert native.requirement(first + second) >= native.requirement(first) + native.requirement(second) - 1
    else:  # concave: together at most what the parts count for, plus the atom that they round down
        assert native.value(first + second) <= native.value(first) + native.value(second) + 1
    exact = exact_amount(floors, rates, first + second)
    assert exact <= first + second
