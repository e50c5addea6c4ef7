"""One line of a validation: what was measured, what the law says, and how far apart they may be.

Stands on nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """State one comparison; it passes when ``abs(measured - expected) <= band``.

    A distance (Kolmogorov-Smirnov, chi-square, a count of misplaced events) is compared with 0: its band is the
    critical value. A measured NaN fails.

    Parameters
    ----------
    name : str
        ``check/quantity``.
    measured, expected, band : float
        In the same unit.
    rule : str
        Where the band comes from, in words.
    n : int
        Observations behind the measured number.
    note : str
        What else is worth knowing.
    """

    name: str
    measured: float
    expected: float
    band: float
    rule: str
    n: int
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the measured number lies within the band."""
        return bool(abs(self.measured - self.expected) <= self.band)  # a bool, not NumPy's: it goes into JSON

    def to_json(self) -> dict[str, Any]:
        """Return the line as `firesale validate --json` prints it.

        Examples
        --------
        >>> Line("mm1/L", 1.01, 1.0, 0.03, "3 %", 1000).to_json()["pass"]
        True
        """
        return {
            "name": self.name,
            "measured": self.measured,
            "expected": self.expected,
            "band": self.band,
            "pass": self.passed,
            "rule": self.rule,
            "n": self.n,
            "note": self.note,
        }
