"""The triggers find what a scan of all units finds, in the same millisecond (E-1 .. E-4), and no box hides a breach."""

from __future__ import annotations

import pytest

from engine import InvariantError, _core
from engine.testing.margin_walks import ORDINARY, TINY, Walk

SHAPES = {"ordinary": ORDINARY, "tiny": TINY}
STEPS = 60

# For each simpler rule that fails (a planted fault, docs/planted-faults.md) a walk on which it does. ATOM_OF_TODAY and
# LENDER_UNSEEN have examples of their own (unit/test_margin_bands.py, unit/test_margin_funds.py).
EXAMPLES: dict[str, tuple[str, int]] = {
    "SLACK_LEFT_OUT": ("tiny", 4),
    "DEBT_UNROUNDED": ("tiny", 18),
    "GAIN_UNROUNDED": ("tiny", 0),
    "SHUT_ONE_WAY": ("tiny", 17),
    "STEP_AT_NOTHING": ("tiny", 16),
    "LOWEST_OF_TODAY": ("ordinary", 0),
    "HIGHEST_OF_TODAY": ("tiny", 2),
    "HAIRCUT_OF_TODAY": ("ordinary", 1),
    "RISE_LEFT_OPEN": ("ordinary", 1),
    "PRODUCT_AS_ONE": ("ordinary", 0),
    "BOX_NOT_HELD": ("ordinary", 0),
    "BAND_LATE": ("tiny", 0),
    "ONE_BAND_SET": ("ordinary", 1),
    "WRITE_UNSEEN": ("tiny", 1),
    "CHECKED_BETWEEN": ("ordinary", 2),
}
IS_CHECKED = "SLACK_LEFT_OUT" in _core.planted_faults()


def walked(shape, seed, steps=STEPS):
    """Return what a walk finds; a fault that the world's own checks find counts too."""
    try:
        return Walk(seed, SHAPES[shape]).run(steps)
    except (AssertionError, InvariantError) as error:
        return [repr(error)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(24))
def test_e1_e2_e4_every_millisecond_is_that_of_a_scan(shape, seed):
    assert walked(shape, seed) == []


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("block", range(4))
def test_e1_e2_e4_many_walks(shape, block):
    found = {seed: walked(shape, seed, 150) for seed in range(1_000 + 25 * block, 1_025 + 25 * block)}
    assert {seed: lines for seed, lines in found.items() if lines} == {}


@pytest.mark.parametrize("fault", EXAMPLES)
def test_e2_e3_e5_where_a_simpler_rule_fails_this_one_does_not(fault):
    assert walked(*EXAMPLES[fault]) == []


@pytest.mark.skipif(not IS_CHECKED, reason="this core was built without FIRESALE_FAULTS=1")
@pytest.mark.parametrize("fault", EXAMPLES)
def test_a_simpler_rule_is_found_out(fault):
    _core.plant(fault)
    try:
        assert walked(*EXAMPLES[fault]) != []
    finally:
        _core.plant(None)
