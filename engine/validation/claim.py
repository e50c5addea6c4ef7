"""A number that is known exactly: what the engine makes of it, what it is, and how it was printed.

Stands on `line`. Everything here is deterministic: a line's band is 1e-9 of the exact number, or one smallest unit.
Beside the exact number stands the printed one, and one line a check counts those that the engine's number does not
round to; so a slip in the formula of the exact number cannot hide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from engine.validation.line import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

RELATIVE_BAND = Fraction(1, 10**9)


@dataclass(frozen=True)
class Claim:
    """State one number.

    Parameters
    ----------
    name : str
        Of the line, without the check's.
    measured : Fraction or int
        What the engine says.
    exact : Fraction or int
        What the closed form says.
    printed : str
        What was published, a slip set right: digits, with commas if you like; empty where nothing was.
    unit : Fraction or int
        One smallest unit of what was measured, 0 without one.
    note : str
        What else is worth knowing.
    """

    name: str
    measured: Fraction | int
    exact: Fraction | int
    printed: str = ""
    unit: Fraction | int = 0
    note: str = ""

    @property
    def is_as_printed(self) -> bool:
        """Whether the measured number, or one a smallest unit from it, rounds to the printed one.

        Examples
        --------
        >>> Claim("x", Fraction(2, 3), Fraction(2, 3), "0.667").is_as_printed
        True
        >>> Claim("x", Fraction(2, 3), Fraction(2, 3), "0.666").is_as_printed
        False
        """
        digits = self.printed.replace(",", "")
        half = Fraction(1, 2 * 10 ** len(digits.partition(".")[2]))
        return not digits or abs(self.measured - Fraction(digits)) <= half + self.unit

    def line(self, check: str) -> Line:
        """Return the comparison with the exact number."""
        band = max(RELATIVE_BAND * abs(Fraction(self.exact)), Fraction(self.unit))
        rule = "1e-9 of it" if band != self.unit else "one smallest unit" if self.unit else "exact"
        # A slip of the source is told in the note.
        word = "rounds to" if self.note.startswith("published") else "printed"
        note = "; ".join(part for part in (f"{word} {self.printed}" if self.printed else "", self.note) if part)
        return Line(f"{check}/{self.name}", float(self.measured), float(self.exact), float(band), rule, 1, note)


def claim_lines(check: str, claims: Sequence[Claim]) -> list[Line]:
    """Return a line for each claim, and one that counts the printed numbers that were missed."""
    printed = [claim for claim in claims if claim.printed]
    missed = [claim.name for claim in printed if not claim.is_as_printed]
    measured = float(len(missed)) if printed else math.nan
    note = "missed: " + ", ".join(missed) if missed else ""
    count = Line(f"{check}/printed numbers missed", measured, 0.0, 0.0, "exact", len(printed), note)
    return [*(claim.line(check) for claim in claims), count]
