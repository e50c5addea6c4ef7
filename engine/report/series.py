"""Series of a chart: whole numbers over time, thinned without losing a low or a high.

Stands on NumPy. A value on the page is the table's own count; the step that makes a price or an amount of it stands
beside, and the page multiplies. Promises: `thinned` keeps the first, lowest, highest and last row of each column of
pixels, so that a line drawn at that width looks as if every row had been drawn; nothing is averaged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.tables import NO_PRICE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from engine._core import ColumnTable

__all__ = ["Chart", "Series", "blocks", "counted", "level", "line", "summed", "thinned"]

LOW_BITS = 2**31 - 1


def blocks(table: ColumnTable, *names: str) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield some columns of a table piece by piece; twenty million rows never lie in memory twice."""
    yield from zip(*(table.chunks(name) for name in names), strict=True)


def thinned(times: NDArray[Any], values: NDArray[Any], columns: int) -> NDArray[np.int64]:
    """Return the rows to draw: first, lowest, highest and last of each of some columns of equal time.

    Parameters
    ----------
    times : array of int, shape (rows,)
        Ascending, ms.
    values : array of int or float, shape (rows,)
        What is drawn.
    columns : int
        Pixels; at most four rows of each are kept.

    Notes
    -----
    O(rows). Up to four rows a column all are kept.

    Examples
    --------
    >>> import numpy as np

    from engine.tables import NO_PRICE
    >>> values = np.array([5, 6, 1, 9, 5, 5, 5, 4, 7, 7])
    >>> thinned(np.arange(10), values, 1).tolist()
    [0, 2, 3, 9]
    """
    rows = len(times)
    if rows <= 4 * columns:
        return np.arange(rows)
    span = int(times[-1]) - int(times[0]) + 1
    place = (times.astype(np.int64) - int(times[0])) * columns // span
    first = np.flatnonzero(np.diff(place, prepend=-1))
    end = np.append(first[1:], rows)
    kept = [first, end - 1]
    for extreme in (np.minimum, np.maximum):
        best = np.repeat(extreme.reduceat(values, first), end - first)
        hits = np.flatnonzero(values == best)
        _, earliest = np.unique(place[hits], return_index=True)
        kept.append(hits[earliest])
    return np.unique(np.concatenate(kept)).astype(np.int64)


def summed(keys: NDArray[Any], values: NDArray[Any], size: int) -> list[int]:
    """Return the exact sum of the non-negative values of each key, also where one passes int64.

    Examples
    --------
    >>> import numpy as np

    from engine.tables import NO_PRICE
    >>> summed(np.array([1, 1, 0]), np.array([2**62, 2**62, 5]), 3)
    [5, 9223372036854775808, 0]
    """
    high, low = np.zeros(size, np.int64), np.zeros(size, np.int64)
    np.add.at(high, keys, values >> 31)
    np.add.at(low, keys, values & LOW_BITS)
    return [(above << 31) + below for above, below in zip(high.tolist(), low.tolist(), strict=True)]


@dataclass
class Series:
    """One line, or one colour of bars.

    Parameters
    ----------
    name : str
        In the legend.
    time_ms : list of int
        Since the start of the run.
    counts : list of int, float or None
        Ticks, lots, atoms, or a plain number; None is a gap.
    step : Decimal
        What one of `counts` is worth.
    rows : int
        How many points it has unthinned.
    style : dict
        ``color`` (a place in the palette), ``heat``, ``dash``, ``pattern``, ``shape``, ``thin``, ``stems``.
    """

    name: str
    time_ms: list[int]
    counts: list[Any]
    step: Decimal = Decimal(1)
    rows: int = 0
    style: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.time_ms)

    @property
    def is_thinned(self) -> bool:
        """Whether rows were left out."""
        return self.rows > len(self.time_ms)

    def to_json(self) -> dict[str, Any]:
        """Return what the page draws: value = count * numerator / denominator."""
        ratio = Fraction(self.step)
        return {
            "name": self.name,
            "t": self.time_ms,
            "v": self.counts,
            "scale": [ratio.numerator, ratio.denominator],
            "rows": self.rows or len(self.time_ms),
            **self.style,
        }


def line(
    name: str,
    times: NDArray[Any],
    counts: NDArray[Any],
    *,
    columns: int,
    step: Decimal = Decimal(1),
    none: int | None = NO_PRICE,
    **style: Any,
) -> Series:
    """Return a thinned line; a count that stands for none becomes a gap where it begins.

    Examples
    --------
    >>> import numpy as np

    from engine.tables import NO_PRICE
    >>> made = line("last", np.array([1, 2, 3, 4]), np.array([7, 2**40, 2**40, 8]), columns=9)
    >>> made.time_ms, made.counts, made.rows
    ([1, 2, 4], [7, None, 8], 3)
    """
    known = np.ones(len(times), bool) if none is None else np.asarray(counts != none)
    rows = np.flatnonzero(known)
    if not len(rows):
        return Series(name, [], [], step, 0, style)
    gaps = _gaps(times, known, columns)
    whole = len(rows) + len(gaps)
    drawn = np.union1d(rows[thinned(times[rows], counts[rows], columns)], gaps)
    shown = [
        value if there else None for value, there in zip(counts[drawn].tolist(), known[drawn].tolist(), strict=True)
    ]
    return Series(name, times[drawn].tolist(), shown, step, whole, style)


def _gaps(times: NDArray[Any], known: NDArray[np.bool_], columns: int) -> NDArray[np.int64]:
    """Return the rows where a gap begins; of more than there are columns those at least a column wide."""
    begins = np.flatnonzero(~known & np.append(True, known[:-1]))
    if len(begins) <= columns:
        return begins
    ends = np.flatnonzero(known & np.append(False, ~known[:-1]))
    until = np.append(times[ends], times[-1])[np.searchsorted(ends, begins)]
    is_wide = (until - times[begins]) * columns >= int(times[-1]) - int(times[0])
    return np.asarray(begins[is_wide], np.int64)


def level(
    name: str, times: NDArray[Any], counts: NDArray[Any], *, until_ms: int, columns: int, **options: Any
) -> Series:
    """Return the line of what stays until it changes: from 0 at the start to the end of the run.

    Examples
    --------
    >>> import numpy as np

    from engine.tables import NO_PRICE
    >>> made = level("fund", np.array([3]), np.array([5]), until_ms=9, columns=9)
    >>> made.time_ms, made.counts
    ([0, 3, 9], [0, 5, 5])
    """
    made = line(name, times, counts, columns=columns, none=None, shape="hv", **options)
    if made.time_ms:
        made.time_ms, made.counts = [*made.time_ms, until_ms], [*made.counts, made.counts[-1]]
        if made.time_ms[0] > 0:
            made.time_ms, made.counts = [0, *made.time_ms], [0, *made.counts]
    return made


def counted(name: str, times: NDArray[Any], width_ms: int, **style: Any) -> Series:
    """Return how many moments lie in each window that has any, at the window's start.

    Examples
    --------
    >>> import numpy as np

    from engine.tables import NO_PRICE
    >>> made = counted("liquidations", np.array([1, 8, 25]), 10)
    >>> made.time_ms, made.counts
    ([0, 20], [2, 1])
    """
    windows, counts = np.unique(times.astype(np.int64) // width_ms, return_counts=True)
    return Series(name, (windows * width_ms).tolist(), counts.tolist(), style=style)


@dataclass
class Chart:
    """One picture of the page with its words.

    Parameters
    ----------
    key : str
        Its name in the page's data.
    title, unit : str
        Above it, and along its axis.
    told : str
        What is seen and which rule defines it.
    series : sequence of Series
        Those that have rows are drawn.
    kind : str
        ``"lines"`` or ``"bars"``.
    missing : str
        What the run did not record, where that leaves nothing to draw.
    options : dict
        ``height``, pixels; ``width_ms`` of bars; ``x``, the name of an axis that is no clock; ``line_at``, a level;
        ``plain``, no legend.
    """

    key: str
    title: str
    unit: str
    told: str
    series: Sequence[Series]
    kind: str = "lines"
    missing: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(self.series)

    @property
    def is_thinned(self) -> bool:
        """Whether a series left rows out."""
        return any(each.is_thinned for each in self.series)

    def to_json(self) -> dict[str, Any]:
        """Return what the page draws."""
        drawn = [each.to_json() for each in self.series if each]
        return {
            "key": self.key,
            "title": self.title,
            "unit": self.unit,
            "kind": self.kind,
            "series": drawn,
            **self.options,
        }
