"""The vectors of accounts in margin: our own on the reference and on a native world, and planted errors."""

from __future__ import annotations

import copy
from fractions import Fraction
from pathlib import Path

import pytest

from engine.testing import vectors

OWN = Path(__file__).parents[1] / "vectors" / "margin_own.json"
GIVEN = vectors.vectors_of(OWN)
ROUNDED = {"pp10", "pf05"}  # what the engine's units cannot hold exactly


@pytest.fixture
def engine(engine_name):
    return vectors.engine_of(reference=engine_name == "reference")


def wrong(value):
    """Return another value of the same kind, the smallest step away that no rounding explains."""
    if isinstance(value, bool):
        return not value
    return "1/97" if value is None else str(Fraction(value) + Fraction(1, 1000))


def planted_errors():
    for vector in GIVEN:
        for name, value in vector["expect"].items():
            if name == "payments":
                for who, payment in value.items():
                    yield pytest.param(vector, {name: {**value, who: wrong(payment)}}, id=f"{vector['id']}-{who}")
            else:
                yield pytest.param(vector, {name: wrong(value)}, id=f"{vector['id']}-{name}")


@pytest.mark.parametrize("vector", GIVEN, ids=[vector["id"] for vector in GIVEN])
def test_own_vector_passes(engine, vector):
    outcome = vectors.vector_outcome(engine, vector)
    assert outcome.differences == []
    assert bool(outcome.note) == (vector["id"] in ROUNDED)


@pytest.mark.parametrize(("vector", "planted"), list(planted_errors()))
def test_a_planted_error_is_found(engine, vector, planted):
    (name,) = planted
    lines = vectors.vector_differences(engine, {**vector, "expect": {**vector["expect"], **planted}})
    assert lines
    assert lines[0].startswith(name)


def test_a_rounding_is_told(engine):
    told = []
    tally = vectors.run(engine, [vector for vector in GIVEN if vector["id"] in ROUNDED], told.append)
    assert (tally.passed, tally.failed) == (2, 0)
    assert [line.split(":")[0] for line in told] == ["rounded pp10", "rounded pf05"]


@pytest.mark.parametrize("vector", GIVEN[::5], ids=lambda vector: vector["id"])
def test_an_unknown_field_fails(engine, vector):
    lines = vectors.vector_differences(engine, {**vector, "expect": {**vector["expect"], "colour": "blue"}})
    assert any("colour" in line for line in lines)


@pytest.mark.parametrize("vector", GIVEN[::5], ids=lambda vector: vector["id"])
def test_a_missing_input_fails(engine, vector):
    for name in vector["input"]:
        planted = copy.deepcopy(vector)
        del planted["input"][name]
        assert vectors.vector_differences(engine, planted), name


@pytest.mark.parametrize(
    "fills",
    [[["buy", "1", "3000000001/3000000007"]], [["buy", str(2**57), "1"]], [["hold", "1", "1"]], [["buy", "x", "1"]]],
)
def test_what_the_engine_cannot_hold_fails(engine, fills):
    vector = {"kind": "perp_position_accounting", "input": {"fills": fills}, "expect": {"position": "1"}}
    assert vectors.vector_differences(engine, vector) != []
