"""The vectors of lending: our own on the reference and on the native engine, and planted errors."""

from __future__ import annotations

import copy

import pytest

from engine.testing import vectors

LONG = {
    "collateral": [{"qty": "3/2", "price": "100/3", "liq_threshold": "4/5"}],
    "debt": [{"qty": "81/2", "price": "1"}],
}
HALF = {
    "collateral": 100,
    "price_c": 10,
    "threshold": "1/2",
    "debt": 510,
    "price_d": 1,
    "cover": 510,
    "bonus": "1/10",
}
STEP = {"rate": "50000000000000000000000000", "seconds": 31_536_000}
YEARS = {"ray": "1" + 27 * "0", "scaled_balance": 333, "steps": [STEP, STEP]}
TAKEN = {"close_factor": "1/2", "repaid": 255, "seized": 27, "debt_after": 255, "collateral_after": 73, "bad_debt": 0}
ALL_GONE = {"close_factor": "1", "repaid": 910, "seized": 100, "debt_after": 90, "collateral_after": 0, "bad_debt": 90}
UNTOUCHED = {"ok": False, "repaid": 0, "seized": 0, "debt_after": 499, "collateral_after": 100, "bad_debt": 0}

CASES = {
    "health of thirds": ("lending_health", LONG, {"health_factor": "80/81", "liquidatable": True}),
    "exactly 1": (
        "lending_health",
        {**LONG, "debt": [{"qty": "40", "price": "1"}]},
        {"health_factor": "1", "liquidatable": False},
    ),
    "half": ("lending_liquidation", HALF, {"ok": True, **TAKEN}),
    "healthy": ("lending_liquidation", {**HALF, "debt": 499}, UNTOUCHED),
    "all collateral": (  # 1000 / 1.1 = 909.09, up
        "lending_liquidation",
        {**HALF, "debt": 1000, "cover": 1000},
        {"ok": True, **ALL_GONE},
    ),
    "two years": (
        "lending_index",
        YEARS,
        {"index": ["105" + 25 * "0", "11025" + 23 * "0"], "debt": 368, "deposit": 367},
    ),
}


def vector_of(case):
    kind, given, expect = CASES[case]
    return {"id": case, "kind": kind, "input": copy.deepcopy(given), "expect": copy.deepcopy(expect)}


@pytest.fixture
def engine(engine_name):
    return vectors.engine_of(reference=engine_name == "reference")


@pytest.mark.parametrize("case", list(CASES))
def test_own_vector_passes(engine, case):
    assert vectors.vector_outcome(engine, vector_of(case)) == ([], "")


@pytest.mark.parametrize(("case", "name"), [(case, name) for case, row in CASES.items() for name in row[2]])
def test_a_planted_error_is_found(engine, case, name):
    vector = vector_of(case)
    value = vector["expect"][name]
    wrong = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else "7/3"
    vector["expect"][name] = [*value[:-1], value[-1] + "0"] if isinstance(value, list) else wrong
    lines = vectors.vector_differences(engine, vector)
    assert [line.split(":")[0] for line in lines] == [name]


@pytest.mark.parametrize("case", list(CASES))
def test_unknown_fields_and_missing_inputs_fail(engine, case):
    vector = vector_of(case)
    vector["expect"]["colour"] = "blue"
    assert any("colour" in line for line in vectors.vector_differences(engine, vector))
    for name in CASES[case][1]:
        vector = vector_of(case)
        del vector["input"][name]
        assert vectors.vector_differences(engine, vector), name


def test_a_rounding_is_told(engine):
    vector = vector_of("health of thirds")
    vector["input"]["collateral"][0]["liq_threshold"] = "1/3"
    vector["expect"] = {"health_factor": "100/243", "liquidatable": True}  # 50 / 3 / 40.5; the engine holds 0.333333
    lines, note = vectors.vector_outcome(engine, vector)
    assert (lines, "ppm" in note) == ([], True)
    for wrong in ("333332/810000", "333335/810000"):
        vector["expect"]["health_factor"] = wrong
        assert vectors.vector_differences(engine, vector)


def test_an_index_finer_than_the_engines_is_compared_to_an_atom_of_it(engine):
    vector = vector_of("two years")
    vector["input"]["steps"] = [{"rate": "3" + 25 * "1", "seconds": 86_400}]
    exact = 10**27 + int("3" + 25 * "1") * 86_400 // 31_536_000
    vector["expect"] = {"index": [str(exact)], "debt": 334, "deposit": 333}
    lines, note = vectors.vector_outcome(engine, vector)
    assert (lines, bool(note)) == ([], True)
    vector["expect"]["index"] = [str(exact + 2 * 10**9)]
    assert vectors.vector_differences(engine, vector)
