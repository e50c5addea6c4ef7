"""Random small worlds with a waterfall: the reference decides, row by row, what the native engine did (section X)."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from engine.testing.waterfall_walks import lived

QUICK, CHUNK = 100, 50

# Worlds that once showed a difference, by what was wrong: (seed, the fewest steps that showed it).
EXAMPLES = {
    "a fill-or-kill step filled a part, or was no reject (M-19, X-5)": (28, 1),
    "a look at the backstop was left out in the millisecond after one (X-9)": (22, 4),
    "a loss was shared in the asset of another market (X-10)": (35, 9),
    "the backstop was looked at for a mark of a market that it has left (X-9)": (234, 16),
    "a share from one isolated margin into another was told as one to a balance (J-1)": (84, 27),
    "a loss of nothing was shared (X-10)": (83, 33),
}

# What the quick worlds must have seen, or they are no test of it.
REACHED = {
    f"{what} {mode}"
    for what in ("LIQUIDATION", "STEP", "TAKEOVER", "ADL", "REST", "FUND", "CLEARANCE")
    for mode in ("CROSS", "ISOLATED", "UNIFIED")
} | {
    "ADL BACKSTOP",
    "STEP BACKSTOP",
    "BALANCE UNIFIED",
    "SALE UNIFIED",
    "REPAY UNIFIED",
    "SHARED_LOSS ISOLATED",
    "SHARED_LOSS UNIFIED",
    "WRITE_OFF CROSS",
    "WRITE_OFF ISOLATED",
    "WRITE_OFF UNIFIED",
}


@cache
def life(seed):
    return lived(seed)


@pytest.mark.parametrize("first", range(0, QUICK, 10))
def test_native_does_what_the_rules_decide(first):
    assert [line for seed in range(first, first + 10) for line in life(seed)[0]] == []


def test_the_worlds_see_every_part_of_the_waterfall():
    reached = sum((life(seed)[1] for seed in range(QUICK)), Counter())
    assert sorted(REACHED - reached.keys()) == []


@pytest.mark.parametrize("what", EXAMPLES)
def test_what_once_went_wrong(what):
    assert lived(*EXAMPLES[what])[0] == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(QUICK, 1_000, CHUNK))
def test_many_worlds(first):
    assert [line for seed in range(first, first + CHUNK) for line in lived(seed)[0]] == []
