"""Run the benchmarks of the checkout, each in a process of its own, and put their results together.

Stands on the standard library, and on rich for the table. The benchmarks lie beside the package (`benchmarks/`), not in
it: they need the bare C references and a compiler, which an installed wheel has no use for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import InputError

__all__ = ["BenchRun", "benchmark_folder", "benchmark_scripts", "print_table", "run_benchmarks"]

EQUAL = "equal"


@dataclass
class BenchRun:
    """What the benchmarks reported; `results` are their lines, each with the name of its benchmark."""

    results: list[dict[str, Any]] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=dict)
    flags: dict[str, dict[str, str]] = field(default_factory=dict)  # by benchmark
    interrupted: bool = False
    failed: bool = False  # a benchmark said so, or ended without a report

    def to_json(self) -> dict[str, Any]:
        """Return the object that `firesale bench --json` prints."""
        interrupted = {"interrupted": True} if self.interrupted else {}
        return {"results": self.results, "machine": self.machine, "flags": self.flags, **interrupted}


def benchmark_folder() -> Path:
    """Return the folder of the benchmarks, whether it is there or not."""
    return Path(__file__).resolve().parent.parent / "benchmarks"


def benchmark_scripts(only: tuple[str, ...] = (), *, folder: Path | None = None) -> dict[str, Path]:
    """Find the benchmarks by name: `bench_book_shapes.py` is book-shapes.

    Parameters
    ----------
    only : tuple of str
        Names to choose; all by default.
    folder : Path, optional
        Where they lie; by default beside the package.

    Returns
    -------
    dict of str to Path
        In alphabetic order.

    Raises
    ------
    InputError
        There are none, or none of that name.
    """
    folder = folder or benchmark_folder()
    scripts = {path.stem[len("bench_") :].replace("_", "-"): path for path in sorted(folder.glob("bench_*.py"))}
    if not scripts:
        raise InputError("bench", f"benchmarks in {folder} (a checkout has them, an installed package has not)", "none")
    for name in only:
        if name not in scripts:
            raise InputError("only", "one of " + ", ".join(scripts), name)
    return {name: path for name, path in scripts.items() if not only or name in only}


def run_benchmarks(scripts: dict[str, Path], *, quick: bool) -> BenchRun:
    """Run benchmarks one after the other; what they say to people goes to stderr as they say it.

    Parameters
    ----------
    scripts : dict of str to Path
        Names and files.
    quick : bool
        Small sizes, one run, no bar judged.

    Returns
    -------
    BenchRun
        On Ctrl-C with what was finished before.
    """
    run = BenchRun()
    try:
        for name, script in scripts.items():
            print(f"== {name}", file=sys.stderr, flush=True)
            _take_over(run, name, _run_script(script, quick=quick))
    except KeyboardInterrupt:
        run.interrupted = True
    return run


def _run_script(script: Path, *, quick: bool) -> subprocess.CompletedProcess[str]:
    # A fresh process each: no benchmark measures the memory that another one left behind.
    command = [sys.executable, str(script), "--json", *(["--quick"] if quick else [])]
    paths = [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    # The command is this interpreter and a file of the checkout.
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)  # noqa: S603


def _take_over(run: BenchRun, name: str, done: subprocess.CompletedProcess[str]) -> None:
    """Add a benchmark's report; one that ended without is a line that says so."""
    run.failed = run.failed or done.returncode != 0
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        run.failed = True
        check = f"the benchmark ended with exit status {done.returncode} and no report"
        nothing = dict.fromkeys(("value", "unit", "ratio", "against", "bar", "bar_met", "goal"))
        run.results.append({"benchmark": name, "name": name, **nothing, "check": check})
        return
    run.results += [{"benchmark": name, **line} for line in report["results"]]
    run.machine = run.machine or report["machine"]
    run.flags[name] = report["flags"]


def print_table(run: BenchRun) -> None:
    """Print one table of all lines to stderr."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="firesale bench (CPU time; medians)")
    for column in ("benchmark", "line"):
        table.add_column(column, overflow="fold")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    for column in ("against", "bar", "check"):
        table.add_column(column, overflow="fold")
    for line in run.results:
        table.add_row(line["benchmark"], line["name"], *_cells(line))
    console = Console(stderr=True, markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 180  # a file has no width: no line of the table is cut short
    console.print(table)


def _cells(line: dict[str, Any]) -> list[str]:
    """Write value, ratio, yardstick, bar and check of a line."""
    if line["value"] is None:
        return ["-", "-", line["against"] or "", line["bar"] or "", f"not measured: {line['check']}"]
    against = "" if line["against"] is None else str(line["against"])
    if line.get("against_value") is not None:
        against += f" ({line['against_value']:g})"
    judgement = {None: "not judged", True: "met", False: "MISSED"}[line["bar_met"]]
    return [
        f"{line['value']:g} {line['unit']}",
        "-" if line["ratio"] is None else f"{line['ratio']:.2f}",
        against,
        f"{line['bar']}: {judgement}" if line["bar"] else "",
        line["check"],
    ]
