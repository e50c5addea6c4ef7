"""What `firesale validate` does: run the checks of a set, print a table, print JSON, say whether all passed.

Stands on `registry`, and on rich for the table. The table goes to stderr, the JSON object to stdout.
"""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from engine._build import VERSION
from engine.errors import InputError
from engine.validation.registry import check_name, load

EXIT_PASSED, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


@dataclass
class ValidationRun:
    """What was measured; `lines` are as `Line.to_json` writes them, with check, seed and CPU seconds of the check."""

    what: str
    seed: int | None
    quick: bool
    lines: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False

    @property
    def failed(self) -> list[str]:
        """Names of the lines that failed."""
        return [line["name"] for line in self.lines if not line["pass"]]

    def to_json(self) -> dict[str, Any]:
        """Return the object that `firesale validate --json` prints; a number that is none is null."""
        lines = [
            {
                key: None if isinstance(value, float) and not math.isfinite(value) else value
                for key, value in line.items()
            }
            for line in self.lines
        ]
        seconds = sum({line["check"]: line["seconds"] for line in self.lines}.values())
        told: dict[str, Any] = {"what": self.what, "seed": self.seed, "quick": self.quick, "version": VERSION}
        told |= {"failed": self.failed, "seconds": round(seconds, 3), "lines": lines}
        return {**told, "interrupted": True} if self.interrupted else told


def validate(what: str, *, as_json: bool, seed: int | None, only: tuple[str, ...], quick: bool) -> int:
    """Run a set, print what it measured, and return the exit status.

    Parameters
    ----------
    what : str
        Name of the set.
    as_json : bool
        Print one JSON object to stdout.
    seed : int, optional
        Key of every draw; the set's own by default.
    only : tuple of str
        Checks to run; all by default.
    quick : bool
        Small sizes, wider bands.

    Returns
    -------
    int
        0 all lines pass, 1 a line fails, 2 no such set or check, 130 interrupted.
    """
    run = ValidationRun(what, seed, quick)
    try:
        check_name(what)
        run_checks(run, only)
    except InputError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        run.interrupted = True
    print_table(run)
    if as_json:
        print(json.dumps(run.to_json()))
    if run.interrupted:
        print("interrupted; what had been measured is above", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_FAILED if run.failed else EXIT_PASSED


def run_checks(run: ValidationRun, only: tuple[str, ...] = ()) -> None:
    """Run the checks of a set one by one; `run` holds the lines of those that were finished, whatever happens.

    Raises
    ------
    InputError
        There is no check of that name.
    """
    from engine.validation.plan import Plan

    chosen = load(run.what)
    if run.seed is None:
        run.seed = chosen.seed
    for name, check in chosen.chosen(only).items():
        print(f"== {name}", file=sys.stderr, flush=True)
        before = time.process_time()
        try:
            lines = [line.to_json() for line in check(Plan(run.seed, run.quick))]
        except Exception as error:  # noqa: BLE001  # a broken engine may raise anything, and the other checks still speak
            lines = [_broken_line(name, error)]
        seconds = round(time.process_time() - before, 3)
        run.lines += [{"check": name, **line, "seed": run.seed, "seconds": seconds} for line in lines]


def _broken_line(name: str, error: Exception) -> dict[str, Any]:
    """Return the line of a check that could not finish."""
    from engine.validation.line import Line

    return Line(f"{name}/runs", math.nan, 0.0, 0.0, "none", 0, f"{type(error).__name__}: {error}").to_json()


def print_table(run: ValidationRun) -> None:
    """Print one table of all lines to stderr."""
    from rich.console import Console
    from rich.table import Table

    size = ", quick: small sizes, wide bands" if run.quick else ""
    table = Table(title=f"firesale validate {run.what} (seed {run.seed}{size})")
    table.add_column("line", no_wrap=True)
    for column in ("measured", "expected", "band"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("rule", overflow="fold")
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("note", overflow="fold")
    for line in run.lines:
        numbers = [f"{line[key]:.6g}" for key in ("measured", "expected", "band")]
        verdict = "pass" if line["pass"] else "FAIL"
        table.add_row(line["name"], *numbers, line["rule"], f"{line['n']:,}", verdict, line["note"])
    console = Console(stderr=True, markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 180  # a file has no width: no line of the table is cut short
    console.print(table)
    console.print(f"{len(run.lines) - len(run.failed)} of {len(run.lines)} lines pass")
