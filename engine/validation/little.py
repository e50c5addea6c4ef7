"""Little's law: the time average of a count is arrival rate times mean stay, residues at both ends counted.

Stands on `statistics`, `line`.
"""

from __future__ import annotations

import numpy as np

from engine.validation.line import Line
from engine.validation.statistics import Ints, time_area


def little_line(name: str, counted: tuple[Ints, Ints], stays: tuple[Ints, Ints], window_ms: tuple[int, int]) -> Line:
    """Compare the time average of a count with arrival rate times mean stay, residues counted.

    Parameters
    ----------
    name : str
        Of the line.
    counted : tuple of array
        (when the count changed, ms; the count from then on).
    stays : tuple of array
        (arrivals, ms; departures, ms) of every customer.
    window_ms : tuple of int
        Begin and end of the observation, ms.

    Returns
    -------
    Line
        Both sides are whole lot-milliseconds over the same length, so the band is 0.

    Notes
    -----
    Right side: the whole stays of those who arrived within the window (arrival rate times mean stay), plus what those
    who were there before spend in it, minus what is spent after its end.
    """
    begin, end = window_ms
    arrival, depart = stays
    came = (arrival >= begin) & (arrival < end)
    earlier = arrival < begin
    whole = int((depart[came] - arrival[came]).sum())
    residue_before = int(np.clip(np.minimum(depart[earlier], end) - begin, 0, None).sum())
    residue_after = int(np.clip(depart[came] - end, 0, None).sum())
    length = end - begin
    note = f"rate x stay {whole / length:.6f}, residues {residue_before / length:+.2e} {-residue_after / length:+.2e}"
    right = whole + residue_before - residue_after
    return Line(name, time_area(*counted, begin, end) / length, right / length, 0.0, "exact", int(came.sum()), note)
