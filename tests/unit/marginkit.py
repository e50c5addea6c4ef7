"""What the tests of margin share: a schedule of their own, venues' tables, and short ways to make holdings."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from engine.reference.margin import Holding

PPM = 10**6
CENT = 100  # ticks of a dollar
LOT = 1000  # lots of a coin
DOLLAR = 10**6  # atoms
W = DOLLAR // (CENT * LOT)  # 10 atoms for a lot at a tick
NO_TIER = (None, 0)


@dataclass(frozen=True)
class Tiers:
    """A schedule as (floor, rate in ppm) rows, worked out slice by slice in exact fractions; any rates, any order."""

    rows: tuple[tuple[int, int], ...]

    @classmethod
    def plain(cls, rate_ppm):
        return cls(((0, rate_ppm),))

    @classmethod
    def brackets(cls, table, atoms_per_unit=1):
        """Make tiers of (cap in units, rate) rows; the last cap is where the table ends."""
        floors = [0, *(cap * atoms_per_unit for cap, _ in table[:-1])]
        return cls(tuple(zip(floors, (int(Fraction(rate) * PPM) for _, rate in table), strict=True)))

    def exact(self, v):
        total = Fraction(0)
        for (floor, rate), (ceiling, _) in pairwise([*self.rows, NO_TIER]):
            inside = v - floor if ceiling is None else min(v, ceiling) - floor
            total += Fraction(max(inside, 0) * rate, PPM)
        return total

    def requirement(self, v):
        return -(-self.exact(v) // 1)

    def value(self, v):
        return self.exact(v) // 1


# Binance brackets of 24 October 2024: (cap, rate, cum), USDT.
BRACKETS = {
    "BTCUSDT": [
        (50_000, "0.004", 0),
        (600_000, "0.005", 50),
        (3_000_000, "0.0065", 950),
        (12_000_000, "0.01", 11_450),
        (70_000_000, "0.02", 131_450),
        (100_000_000, "0.025", 481_450),
        (230_000_000, "0.05", 2_981_450),
        (480_000_000, "0.1", 14_481_450),
        (600_000_000, "0.125", 26_481_450),
        (800_000_000, "0.15", 41_481_450),
        (1_200_000_000, "0.25", 121_481_450),
        (1_800_000_000, "0.5", 421_481_450),
    ],
    "SOLUSDT": [
        (20_000, "0.005", 0),
        (100_000, "0.0065", 30),
        (800_000, "0.01", 380),
        (4_000_000, "0.02", 8_380),
        (8_000_000, "0.025", 28_380),
        (40_000_000, "0.05", 228_380),
        (80_000_000, "0.1", 2_228_380),
        (100_000_000, "0.125", 4_228_380),
        (200_000_000, "0.25", 16_728_380),
        (400_000_000, "0.5", 66_728_380),
    ],
    "ATOMUSDT": [
        (10_000, "0.006", 0),
        (50_000, "0.01", 40),
        (80_000, "0.015", 290),
        (200_000, "0.02", 690),
        (600_000, "0.025", 1_690),
        (2_000_000, "0.05", 16_690),
        (4_000_000, "0.1", 116_690),
        (5_000_000, "0.125", 216_690),
        (12_000_000, "0.25", 841_690),
        (20_000_000, "0.5", 3_841_690),
    ],
    "ENAUSDT": [
        (10_000, "0.01", 0),
        (80_000, "0.015", 50),
        (400_000, "0.02", 450),
        (800_000, "0.025", 2_450),
        (4_000_000, "0.05", 22_450),
        (8_000_000, "0.1", 222_450),
        (10_000_000, "0.125", 422_450),
        (20_000_000, "0.25", 1_672_450),
        (40_000_000, "0.5", 6_672_450),
    ],
}


def tier_rows(name):
    """Return a table as `engine.margin` takes it: (lowest notional, rate)."""
    table = BRACKETS[name]
    return list(zip([0, *(cap for cap, _, _ in table[:-1])], (rate for _, rate, _ in table), strict=True))


def held(position_lots, entry_ticks, mark_ticks, *, w=1, rate_ppm=50_000, tiers=None, initial_ppm=None, **options):
    """Make a holding that was opened at one price."""
    initial = None if initial_ppm is None else Tiers.plain(initial_ppm)
    return Holding(
        position_lots=position_lots,
        cost_atoms=position_lots * entry_ticks * w,
        mark_ticks=mark_ticks,
        atoms_per_tick_lot=w,
        maintenance=tiers or Tiers.plain(rate_ppm),
        initial=initial,
        **options,
    )


def position(coins, entry, mark, **options):
    """Make a holding of whole coins at prices in dollars."""
    return held(coins * LOT, entry * CENT, mark * CENT, w=W, **options)
