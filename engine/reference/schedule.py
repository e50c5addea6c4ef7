"""Tiers and haircuts as a readable program: rules S-1 .. S-5.

Stands on `inputs` (the border).

::

    tiers    (floor, rate), (floor, rate), ...      floor in atoms, rate in ppm
    bases    f at each floor, in millionths of an atom: whole numbers, so every step but the last is exact

Promises: the same amounts and the same refusals as the native schedule; plain integers, so nothing overflows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.reference.inputs import IntRange, checked_int

if TYPE_CHECKING:
    from collections.abc import Sequence

MILLION = 10**6
TIERS_MAX = 64  # S-1
AMOUNT_MAX = 2**62  # S-2
_FLOOR = IntRange(0, 2**61)
_RATE = IntRange(0, MILLION)
_AMOUNT = IntRange(0, 2**63 - 1)
_CUM = IntRange(0, 2**61)


class Schedule:
    """Take amounts of money to a requirement or a value, tier by tier.

    Parameters
    ----------
    floors : sequence of int
        Where each tier begins, atoms: first 0, then strictly rising up to 2^61; 1 to 64 of them.
    rates : sequence of int
        Rate of each tier, ppm, 0 .. 10^6.
    kind : str
        ``"requirement"`` (the rates do not fall) or ``"value"`` (they do not rise).

    Raises
    ------
    InputError
        A table that breaks S-1 or S-3.

    Examples
    --------
    >>> margin = Schedule([0, 50_000, 600_000], [4_000, 5_000, 6_500])
    >>> margin.requirement(1_000_000), margin.rate(600_000)
    (5550, 6500)
    """

    def __init__(self, floors: Sequence[int], rates: Sequence[int], *, kind: str = "requirement") -> None:
        self.floors = _checked_numbers("floors", floors, _FLOOR)
        self.rates = _checked_numbers("rates", rates, _RATE)
        if kind not in ("requirement", "value"):
            raise InputError("kind", "'requirement' or 'value'", kind)
        if len(self.rates) != len(self.floors):
            raise InputError("rates", f"{len(self.floors)} rates, one for each floor", f"{len(self.rates)} rates")
        if self.floors[0] != 0:
            raise InputError("floors[0]", "0", self.floors[0])
        for row in range(1, len(self.floors)):
            _check_row(row, self.floors, self.rates, kind)
        self._bases_millionths = _bases(self.floors, self.rates)

    @classmethod
    def from_caps(cls, rows: Sequence[tuple[int, int, int]]) -> Schedule:
        """Make a requirement of a table as venues publish it (S-4).

        Parameters
        ----------
        rows : sequence of (int, int, int)
            Of each tier the amount at which it ends, its rate and what is deducted: atoms, ppm, atoms.

        Raises
        ------
        InputError
            A ``cum`` that does not follow from the rows before it: the table jumps there.

        Examples
        --------
        >>> Schedule.from_caps([(50_000, 4_000, 0), (600_000, 5_000, 50)]).requirement(600_000)
        2950
        >>> Schedule.from_caps([(50_000, 4_000, 0), (600_000, 5_000, 49)])
        Traceback (most recent call last):
        engine.errors.InputError: cum[1]: expected 50, so that the table does not jump (S-4), was 49
        """
        caps = _checked_numbers("caps", [row[0] for row in rows], _FLOOR)
        for number, cap in enumerate(caps):
            before = caps[number - 1] if number else 0
            if cap <= before:
                raise InputError(f"caps[{number}]", f"more than {before}, where the tier begins", cap)
        schedule = cls([0, *caps[:-1]], [row[1] for row in rows])
        expected_millionths = 0
        for number, (_, rate, given) in enumerate(rows):
            if number > 0:
                expected_millionths += caps[number - 1] * (rate - rows[number - 1][1])
            cum = checked_int(f"cum[{number}]", given, _CUM)
            if cum * MILLION != expected_millionths:
                expected = _millionths_text(expected_millionths)
                raise InputError(f"cum[{number}]", f"{expected}, so that the table does not jump (S-4)", cum)
        return schedule

    def requirement(self, v: int) -> int:
        """Return the schedule's amount, rounded up (S-2)."""
        return min(-(-self._exact_millionths(v) // MILLION), AMOUNT_MAX)

    def value(self, v: int) -> int:
        """Return the schedule's amount, rounded down (S-2)."""
        return min(self._exact_millionths(v) // MILLION, AMOUNT_MAX)

    def rate(self, v: int) -> int:
        """Return the rate of the tier that holds an amount, ppm; at a border the higher tier's (S-5)."""
        return self.rates[self._tier(checked_int("v", v, _AMOUNT))]

    def _tier(self, v: int) -> int:
        return max(row for row, floor in enumerate(self.floors) if floor <= v)

    def _exact_millionths(self, v: int) -> int:
        tier = self._tier(checked_int("v", v, _AMOUNT))
        return self._bases_millionths[tier] + (v - self.floors[tier]) * self.rates[tier]


def _checked_numbers(field: str, numbers: Sequence[int], bounds: IntRange) -> tuple[int, ...]:
    if not 1 <= len(numbers) <= TIERS_MAX:
        raise InputError(field, f"1 to {TIERS_MAX} integers", f"{len(numbers)} of them")
    return tuple(checked_int(f"{field}[{row}]", number, bounds) for row, number in enumerate(numbers))


def _check_row(row: int, floors: Sequence[int], rates: Sequence[int], kind: str) -> None:
    if floors[row] <= floors[row - 1]:
        raise InputError(f"floors[{row}]", f"more than {floors[row - 1]}, the floor before it", floors[row])
    before, rate = rates[row - 1], rates[row]
    if kind == "value" and rate > before:
        raise InputError(f"rates[{row}]", f"at most {before}: the rates of a value do not rise (S-3)", rate)
    if kind == "requirement" and rate < before:
        raise InputError(f"rates[{row}]", f"at least {before}: the rates of a requirement do not fall (S-3)", rate)


def _bases(floors: Sequence[int], rates: Sequence[int]) -> list[int]:
    bases = [0]
    for row in range(1, len(floors)):
        bases.append(bases[-1] + (floors[row] - floors[row - 1]) * rates[row - 1])
    return bases


def _millionths_text(millionths: int) -> str:
    whole, rest = divmod(millionths, MILLION)
    return f"{whole}.{rest:06}".rstrip("0") if rest else str(whole)
