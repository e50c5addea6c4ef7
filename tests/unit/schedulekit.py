"""Schedules for the tests: both engines' classes, the exact function as a fraction, published tables."""

from __future__ import annotations

from fractions import Fraction

from engine import _core
from engine.reference import schedule as reference

SCHEDULES = {"reference": reference.Schedule, "native": _core.Schedule}
USDT = 10**6  # atoms of one USDT
HELD_AT = 2**62  # S-2

# (cap in USDT, maximum leverage, maintenance ppm, cum in USDT): the venue's table, typed apart from the presets.
BRACKETS = {
    "BTCUSDT": [
        (50_000, 125, 4_000, 0),
        (600_000, 100, 5_000, 50),
        (3_000_000, 75, 6_500, 950),
        (12_000_000, 50, 10_000, 11_450),
        (70_000_000, 25, 20_000, 131_450),
        (100_000_000, 20, 25_000, 481_450),
        (230_000_000, 10, 50_000, 2_981_450),
        (480_000_000, 5, 100_000, 14_481_450),
        (600_000_000, 4, 125_000, 26_481_450),
        (800_000_000, 3, 150_000, 41_481_450),
        (1_200_000_000, 2, 250_000, 121_481_450),
        (1_800_000_000, 1, 500_000, 421_481_450),
    ],
    "SOLUSDT": [
        (20_000, 100, 5_000, 0),
        (100_000, 75, 6_500, 30),
        (800_000, 50, 10_000, 380),
        (4_000_000, 25, 20_000, 8_380),
        (8_000_000, 20, 25_000, 28_380),
        (40_000_000, 10, 50_000, 228_380),
        (80_000_000, 5, 100_000, 2_228_380),
        (100_000_000, 4, 125_000, 4_228_380),
        (200_000_000, 2, 250_000, 16_728_380),
        (400_000_000, 1, 500_000, 66_728_380),
    ],
    "ATOMUSDT": [
        (10_000, 75, 6_000, 0),
        (50_000, 50, 10_000, 40),
        (80_000, 40, 15_000, 290),
        (200_000, 25, 20_000, 690),
        (600_000, 20, 25_000, 1_690),
        (2_000_000, 10, 50_000, 16_690),
        (4_000_000, 5, 100_000, 116_690),
        (5_000_000, 4, 125_000, 216_690),
        (12_000_000, 2, 250_000, 841_690),
        (20_000_000, 1, 500_000, 3_841_690),
    ],
    "ENAUSDT": [
        (10_000, 75, 10_000, 0),
        (80_000, 50, 15_000, 50),
        (400_000, 25, 20_000, 450),
        (800_000, 20, 25_000, 2_450),
        (4_000_000, 10, 50_000, 22_450),
        (8_000_000, 5, 100_000, 222_450),
        (10_000_000, 4, 125_000, 422_450),
        (20_000_000, 2, 250_000, 1_672_450),
        (40_000_000, 1, 500_000, 6_672_450),
    ],
}


def exact_amount(floors, rates, v: int) -> Fraction:
    """Return f(v) as the sum over the tiers of what lies in each times its rate (S-1)."""
    ends = [*floors[1:], max(v, floors[-1])]
    parts = (min(max(v - floor, 0), end - floor) * rate for floor, end, rate in zip(floors, ends, rates, strict=True))
    return Fraction(sum(parts), 10**6)


def floors_of(rows) -> list[int]:
    """Return the floors of published rows, in atoms of USDT."""
    return [0, *(cap * USDT for cap, _, _, _ in rows[:-1])]
