"""Random small worlds with a waterfall: the reference decides, row by row, what the native engine did (section X)."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from engine import _core
from engine.testing.waterfall_walks import HaltingTown, lived, lived_in

QUICK, CHUNK = 100, 50
HALTING = 40

# Worlds that once showed a difference, by what was wrong: (seed, the fewest steps that showed it).
EXAMPLES = {
    "a fill-or-kill step filled a part, or was no reject (M-19, X-5)": (28, 1),
    "a look at the backstop was left out in the millisecond after one (X-9)": (22, 4),
    "a loss was shared in the asset of another market (X-10)": (35, 9),
    "the backstop was looked at for a mark of a market that it has left (X-9)": (234, 16),
    "a share from one isolated margin into another was told as one to a balance (J-1)": (84, 27),
    "a loss of nothing was shared (X-10)": (83, 33),
}

# For each slip (a planted fault, docs/planted-faults.md) worlds that show it. TAKEN_AT_A_LOSS and BORDER_COUNTS_LOW,
# which are seen at a single atom, have examples of their own (unit/test_waterfall_borders.py).
SLIPS = {
    "LAST_PART_SHARED": (7, 11, 14),
    "PART_ROUNDED_DOWN": (7, 11, 14),
    "STEP_ROUNDED_DOWN": (10, 27, 50),
    "WHOLE_ONE_MORE": (15, 25, 27),
    "STEP_FLIPS": (4, 27, 81),
    "TAKEN_WITH_ORDERS": (1, 3, 5),
    "TAKEN_WHILE_HEALTHY": (92, 117),
    "UNWIND_NOT_CUT": (12, 27, 40),
    "FUND_PAYS_AGAIN": (272, 409),
    "LOSS_SHARED_WITH_LIQUIDATED": (47,),
    "SHARED_ATOMS_KEPT": (84,),
    "ROOM_IGNORES_EQUITY": (196, 423),
    "LIQUIDATED_IS_MET": (5, 25, 29),
    "VALUE_ROUNDED_UP": (29, 38, 56),
    "TIES_BY_SLOT": (115,),
    "RANKING_OUTLIVES": (104,),
    "DRAW_FORGOTTEN": (3, 18, 40),
    "REMAINDER_TO_LAST": (12, 38, 39),
    "SALE_ROUNDED_DOWN": (59, 71, 95),
    "FEE_ABOVE_LEFT": (4, 9, 15),
    "MARGIN_RELEASED_EARLY": (5, 12, 18),
    "TAKEN_PART_ROUNDED_UP": (14, 16, 26),
}
IS_CHECKED = "LAST_PART_SHARED" in _core.planted_faults()

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


@cache
def halting_life(seed):
    return lived_in(HaltingTown(seed), seed, 40)


@pytest.mark.parametrize("first", range(0, HALTING, 10))
def test_v9_native_does_what_the_rules_decide_where_markets_halt(first):
    assert [line for seed in range(first, first + 10) for line in halting_life(seed)[0]] == []


def test_v9_the_worlds_that_halt_liquidate_all_the_same():
    reached = sum((halting_life(seed)[1] for seed in range(HALTING)), Counter())
    assert reached["HALT CROSS"] > HALTING  # a market's: it names no account
    assert {"STEP CROSS", "STEP ISOLATED", "SALE UNIFIED", "STEP BACKSTOP", "TAKEOVER CROSS"} <= reached.keys()


# In 145 a step that was refused in the millisecond of a halt would have made a takeover due, in 332 the next one whole.
@pytest.mark.parametrize("seed", [145, 332])
def test_v9_a_step_that_a_halt_refused_is_taken_back(seed):
    assert halting_life(seed)[0] == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(HALTING, 400, CHUNK))
def test_v9_many_worlds_that_halt(first):
    worlds = ((seed, HaltingTown(seed)) for seed in range(first, min(400, first + CHUNK)))
    assert [line for seed, town in worlds for line in lived_in(town, seed, 40)[0]] == []


@pytest.mark.parametrize("what", EXAMPLES)
def test_what_once_went_wrong(what):
    assert lived(*EXAMPLES[what])[0] == []


@pytest.mark.parametrize("slip", SLIPS)
def test_worlds_that_show_a_slip_are_right(slip):
    assert [line for seed in SLIPS[slip] for line in life(seed)[0]] == []


@pytest.mark.skipif(not IS_CHECKED, reason="this core was built without FIRESALE_FAULTS=1")
@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_found_out(slip):
    _core.plant(slip)
    try:
        assert [seed for seed in SLIPS[slip] if not lived(seed)[0]] == []
    finally:
        _core.plant(None)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(QUICK, 1_000, CHUNK))
def test_many_worlds(first):
    assert [line for seed in range(first, first + CHUNK) for line in lived(seed)[0]] == []
