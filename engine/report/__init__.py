"""The report: one offline HTML file of a run, with charts, the story of one liquidation, and all that repeats it.

`write` makes it; `RunResult.report` and `Part.report` call it, and a run folder has it as ``report.html``. The charts
are plotly's (extra ``report``), whose script stands in the file. See `docs/report.md`.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from engine.part import Part
    from engine.run import RunResult

__all__ = ["is_installed", "write"]

EXTRA = "report"


def is_installed() -> bool:
    """Tell whether the extra ``report`` is there."""
    return importlib.util.find_spec("plotly") is not None


def write(
    path: str | PathLike[str],
    part: Part,
    result: RunResult | None = None,
    *,
    markets: Sequence[str] | None = None,
    landmark: int | None = None,
) -> None:
    """Write the report of a part as one HTML file, under a temporary name first.

    Parameters
    ----------
    path : path
        The file.
    part : Part
        It has run, and does not run on.
    result : RunResult, optional
        Its run: the page then has the timeline, the other parts, the scorecard and the command too.
    markets : sequence of str, optional
        Which markets to show; else the story's, and those that fell furthest.
    landmark : int, optional
        Which liquidation to tell; else of the deepest generation the one that lost most.

    Raises
    ------
    ImportError
        Names the extra that is missing.
    InputError
        There is no such market or landmark; no file is written.

    Notes
    -----
    O(rows) in NumPy, some seconds for twenty million trades. The file is below 8 MB, of which plotly's script is 4.8.
    """
    if not is_installed():
        text = f"plotly is not installed; it comes with the extra '{EXTRA}': pip install 'firesale[{EXTRA}]'"
        raise ImportError(text, name="plotly")
    from engine.frames import write_whole
    from engine.report.page import Page

    html = Page(part, result, markets, landmark).html()
    write_whole(Path(path), lambda target: _write_text(target, html))


def _write_text(target: Path, text: str) -> None:
    target.write_text(text, encoding="utf-8")
