"""Scorecard: what was measured beside what a scenario gives over seeds, and whether it lies in the band.

Stands on nothing but numpy and `engine.errors`; `engine.scoring` does the runs. Promises: a statistic is inside when
the *median* over the seeds lies in its band, so one lucky seed helps nobody; one that half of the runs or more cannot
tell is not inside; one that the calibration used (`fitted`) is no hit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.errors import InputError
from engine.scenarios.parameters import MARKS

__all__ = [
    "Band",
    "Statistic",
    "at_least",
    "at_most",
    "exact",
    "factor",
    "minutes",
    "points",
]

UNITS = {"points": "%", "minutes": "min"}  # a band in a unit of its own; the others are relative or have none
EDGE = 1e-9  # of the measured value: what a decimal bound may lose when it becomes a binary one


@dataclass(frozen=True)
class Band:
    """Which simulated values count as what was measured.

    Parameters
    ----------
    kind : str
        ``points``, ``minutes``, ``factor``, ``exact``, ``at_least`` or ``at_most``.
    width : float
        Of points and minutes the distance, of a factor the factor; 0 for the others.
    """

    kind: str
    width: float = 0.0

    def ends(self, measured: float) -> tuple[float, float]:
        """Return its lowest and highest value around what was measured; both ends count as inside."""
        if self.kind in UNITS:
            return measured - self.width, measured + self.width
        if self.kind == "factor":
            return measured / self.width, measured * self.width
        return (
            -math.inf if self.kind == "at_most" else measured,
            math.inf if self.kind == "at_least" else measured,
        )

    def holds(self, measured: float, simulated: float) -> bool:
        """Tell whether a simulated value counts as the measured one.

        Examples
        --------
        >>> points(5).holds(16.8, 21.8), points(5).holds(16.8, 21.9), factor(1.5).holds(30.0, 20.0)
        (True, False, True)
        """
        low, high = self.ends(measured)
        slack = 0.0 if self.kind == "exact" else EDGE * abs(measured)
        return low - slack <= simulated <= high + slack

    def distance(self, measured: float, simulated: float) -> float:
        """Return how far off a value is, in half-widths of the band: 0 as measured, 1 at the band's end.

        Of a bound, and of `exact`, it is 0 inside and the relative distance beyond the bound outside.
        """
        if self.kind in UNITS:
            return abs(simulated - measured) / self.width
        if self.kind == "factor":
            return abs(math.log(simulated / measured)) / math.log(self.width) if simulated > 0 else math.inf
        if self.holds(measured, simulated):
            return 0.0
        return abs(simulated - measured) / max(abs(measured), 1.0)

    def __str__(self) -> str:
        return {
            "points": f"+-{self.width:g} points",
            "minutes": f"+-{self.width:g} min",
            "factor": f"factor {self.width:g}",
            "exact": "exact",
            "at_least": "at least",
            "at_most": "at most",
        }[self.kind]


def points(width: float) -> Band:
    """Return the band of so many percentage points each way; the statistic's unit is ``%``."""
    return Band("points", _positive("points", width))


def minutes(width: float) -> Band:
    """Return the band of so many minutes each way; the statistic's unit is ``min``."""
    return Band("minutes", _positive("minutes", width))


def factor(width: float) -> Band:
    """Return the band of a factor each way; both what was measured and what is simulated are positive."""
    if _positive("factor", width) <= 1:
        raise InputError("factor", "more than 1", width)
    return Band("factor", width)


exact = Band("exact")
"""The band of an ordering: 1 if it holds, 0 if not, and the median must be what was measured."""
at_least = Band("at_least")
"""The band of a figure whose source gives a lower bound only."""
at_most = Band("at_most")
"""The band of a figure whose source gives an upper bound only."""


def _positive(name: str, width: float) -> float:
    if type(width) not in (int, float) or not (math.isfinite(width) and width > 0):
        raise InputError(name, "a finite number above 0", width)
    return float(width)


@dataclass(frozen=True)
class Statistic:
    """A figure of the real day, and the band in which a simulated one must lie.

    Parameters
    ----------
    name : str
        What a story's `statistics` calls it.
    text : str
        What it is, in words.
    unit : str
        ``%`` with `points`, ``min`` with `minutes`; else any, or empty.
    measured : float
        What was measured, in `unit`; True and False stand for 1 and 0.
    band : Band
        `points`, `minutes`, `factor`, `exact`, `at_least` or `at_most`.
    source : str
        Where it was measured.
    mark : str
        How well it is known: one of `engine.scenarios.parameters.MARKS`.
    fitted : bool, default False
        Whether the calibration used it; it is no hit then.

    Raises
    ------
    InputError
        A field is missing, or band and unit do not belong together.
    """

    name: str
    text: str
    unit: str
    measured: float
    band: Band
    source: str
    mark: str
    fitted: bool = False

    def __post_init__(self) -> None:
        for each in ("name", "text", "source"):
            if not getattr(self, each):
                raise InputError(f"statistic {self.name}: {each}", "a text", getattr(self, each))
        if self.mark not in MARKS:
            raise InputError(f"{self.name}.mark", f"one of {', '.join(MARKS)}", self.mark)
        if not isinstance(self.band, Band):
            raise InputError(f"{self.name}.band", "a band such as points(5)", self.band)
        if not math.isfinite(self.measured):
            raise InputError(f"{self.name}.measured", "a finite number", self.measured)
        unit = UNITS.get(self.band.kind, self.unit)
        if self.unit != unit:
            raise InputError(f"{self.name}.unit", f"{unit}, since its band is in {self.band.kind}", self.unit)
        if self.band.kind == "factor" and self.measured <= 0:
            raise InputError(f"{self.name}.measured", "more than 0, since its band is a factor", self.measured)
        if self.band.kind == "exact" and self.measured not in (0, 1):
            raise InputError(f"{self.name}.measured", "True or False, since its band is exact", self.measured)
