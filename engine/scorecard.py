"""Scorecard: what was measured beside what a scenario gives over seeds, and whether it lies in the band.

Stands on nothing but numpy and `engine.errors`; `engine.scoring` does the runs. Promises: a statistic is inside when
the *median* over the seeds lies in its band, so one lucky seed helps nobody; one that half of the runs or more cannot
tell is not inside; one that the calibration used (`fitted`) is no hit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import InputError
from engine.scenarios.parameters import MARKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "Band",
    "Line",
    "Scorecard",
    "Statistic",
    "at_least",
    "at_most",
    "exact",
    "factor",
    "minutes",
    "points",
    "scorecard",
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


@dataclass(frozen=True)
class Line:
    """A statistic and what the runs gave.

    Parameters
    ----------
    statistic : Statistic
        What was measured, and its band.
    per_seed : tuple of float or None
        What each run gave; None: it could not tell.
    """

    statistic: Statistic
    per_seed: tuple[float | None, ...]

    @property
    def told(self) -> list[float]:
        """The values of the runs that could tell."""
        return [value for value in self.per_seed if value is not None]

    @property
    def simulated(self) -> float | None:
        """Median over the runs that could tell; None if those are half of the runs or fewer."""
        told = self.told
        return float(np.median(told)) if 2 * len(told) > len(self.per_seed) else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """5 % and 95 % quantile over the runs that could tell (linear between them); None without a median."""
        if self.simulated is None:
            return None
        low, high = np.quantile(self.told, [0.05, 0.95])
        return float(low), float(high)

    @property
    def inside(self) -> bool:
        """Whether the median lies in the band."""
        simulated = self.simulated
        return simulated is not None and self.statistic.band.holds(self.statistic.measured, simulated)

    @property
    def hit(self) -> bool:
        """Whether it is inside, and was not fitted."""
        return self.inside and not self.statistic.fitted

    def to_json(self) -> dict[str, Any]:
        """Return one entry of ``statistics``; an open end of the band is null."""
        statistic, spread = self.statistic, self.spread or (None, None)
        ends = statistic.band.ends(statistic.measured)
        return {
            "name": statistic.name,
            "text": statistic.text,
            "unit": statistic.unit,
            "measured": float(statistic.measured),
            "simulated": self.simulated,
            "low": spread[0],
            "high": spread[1],
            "band": [end if math.isfinite(end) else None for end in ends],
            "band_text": str(statistic.band),
            "inside": self.inside,
            "fitted": statistic.fitted,
            "source": statistic.source,
            "mark": statistic.mark,
            "per_seed": list(self.per_seed),
        }


@dataclass(frozen=True)
class Scorecard:
    """All statistics of a scenario over seeds; printed it is a table.

    Parameters
    ----------
    lines : tuple of Line
        In the order of the story.
    scenario, scale : str
        What was run.
    seeds : tuple of int
        The runs, in order.
    off : tuple of str
        Switches that were off.
    parameters : dict of str to float
        What was set over the defaults.
    digests : tuple of str or None
        Of each run's world; None of one that failed.
    failures : tuple
        Runs that failed (`engine.pool.Failure`); they could not tell anything.
    interrupted : bool
        Whether Ctrl-C came; seeds that had not run are left out.
    """

    lines: tuple[Line, ...]
    scenario: str = ""
    scale: str = ""
    seeds: tuple[int, ...] = ()
    off: tuple[str, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    digests: tuple[str | None, ...] = ()
    failures: tuple[Any, ...] = ()
    interrupted: bool = False

    def __getitem__(self, name: str) -> Line:
        """Return a statistic's line by its name."""
        for line in self.lines:
            if line.statistic.name == name:
                return line
        raise InputError("statistic", "one of " + ", ".join(line.statistic.name for line in self.lines), name)

    @property
    def free(self) -> list[Line]:
        """The lines that the calibration did not use."""
        return [line for line in self.lines if not line.statistic.fitted]

    @property
    def hits(self) -> list[Line]:
        """The free lines that are inside."""
        return [line for line in self.free if line.inside]

    @property
    def share(self) -> float:
        """Share of the free lines that are inside, 0 .. 1; 0 if no line is free."""
        return len(self.hits) / len(self.free) if self.free else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return what `firesale score --json` prints."""
        fitted = [line for line in self.lines if line.statistic.fitted]
        return {
            "scenario": self.scenario,
            "scale": self.scale,
            "seeds": list(self.seeds),
            "off": list(self.off),
            "parameters": dict(self.parameters),
            "statistics": [line.to_json() for line in self.lines],
            "totals": {
                "statistics": len(self.lines),
                "free": len(self.free),
                "hits": len(self.hits),
                "share": self.share,
                "fitted": len(fitted),
                "fitted_inside": sum(line.inside for line in fitted),
            },
            "digests": list(self.digests),
            "failed": [failure.to_json() for failure in self.failures],
            "interrupted": self.interrupted,
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return the lines as the rows of a table: what a reader needs of each, the band in words."""
        told = [line.to_json() for line in self.lines]
        return [
            {
                "name": each["text"],
                "measured": each["measured"],
                "simulated": each["simulated"],
                "low": each["low"],
                "high": each["high"],
                "unit": each["unit"],
                "band": each["band_text"],
                "inside": each["inside"],
                "fitted": each["fitted"],
                "mark": each["mark"],
            }
            for each in told
        ]

    @property
    def title(self) -> str:
        """What was run, in a line."""
        off = f", without {', '.join(self.off)}" if self.off else ""
        return f"{self.scenario}, scale {self.scale}, {len(self.seeds)} seeds{off}"

    @property
    def verdict(self) -> str:
        """How many are inside, in a line."""
        fitted = len(self.lines) - len(self.free)
        return (
            f"{len(self.hits)} of {len(self.free)} free statistics inside their bands "
            f"({100 * self.share:.0f} %); {fitted} fitted, no hits"
        )

    def __rich__(self) -> Any:
        """Return the table that people see."""
        from rich.table import Table

        table = Table(title=self.title, caption=self.verdict)
        table.add_column("statistic", overflow="fold")
        for column in ("measured", "simulated", "5 .. 95 %", "band"):
            table.add_column(column, justify="right", no_wrap=True)
        for column in ("unit", "inside", "fitted", "mark"):
            table.add_column(column, no_wrap=True)
        for line in self.lines:
            table.add_row(*_cells(line))
        return table

    def __str__(self) -> str:
        lines = [self.title, *(excerpt(line) for line in self.lines), self.verdict]
        return "\n".join(lines)


def excerpt(line: Line) -> str:
    """Return a line for people, without a table."""
    text, measured, simulated, spread, band, unit, inside, fitted, _ = _cells(line)
    note = " (fitted)" if fitted else ""
    return f"  {inside:>3}  {text}: {simulated} {unit} ({spread}), measured {measured}, {band}{note}"


def _cells(line: Line) -> tuple[str, ...]:
    statistic, is_exact = line.statistic, line.statistic.band.kind == "exact"
    spread = "-" if line.spread is None else " .. ".join(_number(end, is_exact=is_exact) for end in line.spread)
    return (
        statistic.text,
        _number(float(statistic.measured), is_exact=is_exact),
        _number(line.simulated, is_exact=is_exact),
        spread,
        str(statistic.band),
        statistic.unit,
        "yes" if line.inside else "no",
        "fitted" if statistic.fitted else "",
        statistic.mark,
    )


def _number(value: float | None, *, is_exact: bool) -> str:
    if value is None:
        return "-"
    if is_exact and value in (0, 1):
        return "yes" if value else "no"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def scorecard(
    statistics: Sequence[Statistic], runs: Sequence[Mapping[str, float | None] | None], **about: Any
) -> Scorecard:
    """Hold what runs gave against what was measured.

    Parameters
    ----------
    statistics : sequence of Statistic
        In the order in which they are shown.
    runs : sequence of mapping or None
        What each run's `statistics` gave, by name; None: the run failed, and could not tell anything.
    **about
        The other fields of `Scorecard`.

    Returns
    -------
    Scorecard

    Raises
    ------
    InputError
        Two statistics of one name, or a run that does not name one of them.

    Examples
    --------
    >>> fall = Statistic("btc_fall", "fall of BTC", "%", 16.8, points(5), "DROPS", "V")
    >>> card = scorecard([fall], [{"btc_fall": 14.0}, {"btc_fall": 15.0}, {"btc_fall": 40.0}])
    >>> card["btc_fall"].simulated, card.share
    (15.0, 1.0)
    """
    names = [statistic.name for statistic in statistics]
    if len(set(names)) < len(names):
        raise InputError("statistics", "names that differ", names)
    for run in runs:
        missing = [name for name in names if run is not None and name not in run]
        if missing:
            raise InputError("statistics", f"a value or None for {missing[0]}", "none of that name")
    found = [{} if run is None else run for run in runs]
    lines = tuple(Line(statistic, tuple(_told(run.get(statistic.name)) for run in found)) for statistic in statistics)
    return Scorecard(lines, **about)


def _told(value: float | None) -> float | None:
    """Return a finite number; what is none the run could not tell."""
    return None if value is None or not math.isfinite(value) else float(value)
