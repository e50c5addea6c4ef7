"""The triggers find what a scan of all units finds, in the same millisecond (E-1 .. E-4), and no box hides a breach."""

from __future__ import annotations

import pytest

from engine import InvariantError, _core
from engine.testing.margin_walks import ORDINARY, TINY, Walk

SHAPES = {"ordinary": ORDINARY, "tiny": TINY}
STEPS = 60

# For each simpler rule that fails (a planted fault, docs/planted-faults.md) a walk on which it does.
EXAMPLES: dict[str, tuple[str, int]] = {}
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
@pytest.mark.parametrize("block", range(20))
def test_e1_e2_e4_many_walks(shape, block):
    found = {seed: walked(shape, seed, 150) for seed in range(1_000 + 50 * block, 1_050 + 50 * block)}
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
