"""What the benchmarks share: the bare C reference and where it is, C compiled at run time, and one shape of report.

The reference lives outside the project (`../shared/bench` beside the checkout, or `$FIRESALE_BENCH`) and is built at
run time. Where it or gcc is absent a benchmark says so and reports no ratio; it never makes one up.
"""

from __future__ import annotations

import argparse
import ast
import ctypes
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
BENCH_VARIABLE = "FIRESALE_BENCH"
GCC_LINE = ["gcc", "-O3", "-march=native", "-shared", "-fPIC", "-w"]
EQUAL = "equal"


class ReferenceMissingError(Exception):
    """Say why there is nothing to compare with."""


# ---- the reference ---------------------------------------------------------------------------------------------------


def bench_folder() -> Path:
    """Find the folder of the bare C reference and make sure that gcc can build it."""
    folder = Path(os.environ.get(BENCH_VARIABLE) or ROOT.parent / "shared" / "bench")
    if not (folder / "flow.py").is_file():
        raise ReferenceMissingError(f"no bare C reference: expected flow.py in {folder} (or ${BENCH_VARIABLE})")
    if shutil.which("gcc") is None:
        raise ReferenceMissingError("no bare C reference: gcc is not installed")
    return folder


def load_flow() -> ModuleType:
    """Import flow.py of the reference by its path."""
    path = bench_folder() / "flow.py"
    spec = importlib.util.spec_from_file_location("firesale_bench_flow", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reference_flags(flow: ModuleType) -> str:
    """Read the compiler line of flow.lib from its source; the library may have been built by an earlier run."""
    path = flow.__file__
    assert path is not None
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.List) and node.elts and getattr(node.elts[0], "value", None) == "gcc":
            parts = [str(part.value) for part in node.elts if isinstance(part, ast.Constant)]
            return " ".join(part for part in parts if part != "-o")
    return "unknown: no gcc line in flow.py"


def compile_c(source: Path, *, folders: list[Path] | None = None) -> ctypes.CDLL:
    """Compile one C file with the reference's switches and load it; the file on disk does not outlive the call."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / f"{source.stem}.so"
        includes = [f"-I{name}" for name in folders or []]
        subprocess.run([*GCC_LINE, *includes, "-o", str(library), str(source)], check=True)
        return ctypes.CDLL(str(library))


def address(array: np.ndarray[Any, Any]) -> ctypes.c_void_p:
    """Pass an array to C; the caller keeps it alive and contiguous."""
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


# ---- lines -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """What a line must reach; `goal` is what it should reach. Only a full measurement of a release build is judged."""

    text: str
    limit: float
    on_ratio: bool = True
    at_most: bool = False
    goal: str | None = None
    judged: bool = True

    def judged_if(self, condition: bool) -> Bar:
        """Return the bar as words only where the figures say nothing."""
        return replace(self, judged=self.judged and condition)

    def is_met(self, value: float, ratio: float | None) -> bool | None:
        """Tell whether the printed figure reaches the bar; None where there is nothing to judge."""
        figure = ratio if self.on_ratio else value
        if figure is None or not self.judged:
            return None
        return figure <= self.limit if self.at_most else figure >= self.limit


@dataclass
class Line:
    """One figure in `unit` (median, least and most of the runs) and, if there is a yardstick, the ratio to it.

    `ratio` is the median of the ratios run by run, each run's yardstick measured right before it. `check` is "equal",
    what differed, or why there was nothing to compare. `bar_met` is None where there is no bar or nothing to judge.
    """

    name: str
    value: float | None
    unit: str
    ratio: float | None
    against: str | None
    check: str
    least: float | None = None
    most: float | None = None
    runs: int = 0
    against_value: float | None = None
    bar: str | None = None
    bar_met: bool | None = None
    goal: str | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Tell whether something was compared and differed, or a bar was missed."""
        return self.bar_met is False or (self.value is not None and self.check != EQUAL)


def figure_line(
    name: str,
    unit: str,
    figures: list[float],
    *,
    check: str,
    against: str | None = None,
    against_figures: list[float] | None = None,
    bar: Bar | None = None,
    more: dict[str, Any] | None = None,
    digits: int = 3,
) -> Line:
    """Make a line of figures, run by run; `against_figures` are those of the yardstick in the same runs."""
    value, ratio, against_value = round(statistics.median(figures), digits), None, None
    if against_figures is not None:
        pairs = zip(figures, against_figures, strict=True)
        ratio = round(statistics.median(ours / theirs for ours, theirs in pairs), 3)
        against_value = round(statistics.median(against_figures), digits)
    return Line(
        name,
        value,
        unit,
        ratio,
        against,
        check,
        least=round(min(figures), digits),
        most=round(max(figures), digits),
        runs=len(figures),
        against_value=against_value,
        bar=bar.text if bar else None,
        bar_met=bar.is_met(value, ratio) if bar else None,
        goal=bar.goal if bar else None,
        more=more or {},
    )


def measured(
    name: str,
    count: int,
    seconds: list[float],
    *,
    check: str,
    unit: str = "M/s",
    against: str | None = None,
    against_seconds: list[float] | None = None,
    bar: Bar | None = None,
    more: dict[str, Any] | None = None,
) -> Line:
    """Make a line of `count` operations that took `seconds` of CPU time, run by run: millions a second."""
    rates = [count / second / 1e6 for second in seconds]
    against_rates = None if against_seconds is None else [count / second / 1e6 for second in against_seconds]
    return figure_line(
        name, unit, rates, check=check, against=against, against_figures=against_rates, bar=bar, more=more
    )


def missing(name: str, unit: str, against: str | None, reason: str, *, bar: Bar | None = None) -> Line:
    """Make a line that was not measured."""
    line = Line(name, None, unit, None, against, reason)
    if bar is not None:
        line.bar, line.goal = bar.text, bar.goal
    return line


def check_text(differences: list[str]) -> str:
    """Turn a list of differences into a line's `check`."""
    return EQUAL if not differences else "; ".join(differences)


def size_text(count: int) -> str:
    """Write a round number shortly: 5M, 100k."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if count >= unit and count % unit == 0:
            return f"{count // unit}{letter}"
    return f"{count:,}"


# ---- the command line ------------------------------------------------------------------------------------------------


def new_parser(doc: str | None, *, runs: int = 5) -> argparse.ArgumentParser:
    """Make a parser with the options that every benchmark has; `doc` opens with its question."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="small sizes and one run: checks results, judges no bar")
    parser.add_argument("--runs", type=int, help=f"counted runs of each side ({runs}; 1 if quick)")
    parser.set_defaults(runs_default=runs)
    return parser


def runs_of(options: argparse.Namespace) -> int:
    """Say how many runs of each side are counted."""
    return int(options.runs or (1 if options.quick else options.runs_default))


def is_judged(options: argparse.Namespace) -> bool:
    """Tell whether the bars count: a quick run or a debug build says nothing about speed."""
    return not options.quick and is_release()


# ---- the report ------------------------------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """Describe the machine and how loaded it is now."""
    model = platform.processor()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        model = next(row.partition(":")[2].strip() for row in text.splitlines() if row.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "cpu": model,
        "cpu_count": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "gcc": gcc_version(),
    }


def gcc_version() -> str | None:
    """Return the first line of `gcc --version`, None without gcc."""
    if shutil.which("gcc") is None:
        return None
    return subprocess.run(["gcc", "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]


def say(text: str) -> None:
    """Tell people; stdout is for the JSON object."""
    print(text, file=sys.stderr, flush=True)


def say_line(line: Line) -> None:
    """Print one line for people."""
    if line.value is None:
        say(f"{line.name:<52} not measured: {line.check}")
        return
    text = f"{line.name:<52} {line.value:8.2f} {line.unit:<8} ({line.least:.2f} .. {line.most:.2f}, {line.runs} runs)"
    if line.ratio is not None:
        text += f"  {line.ratio:.2f} of {line.against} ({line.against_value:.2f})"
    if line.bar:
        judgement = {None: "not judged", True: "met", False: "MISSED"}[line.bar_met]
        text += f"  bar {line.bar}: {judgement}"
    say(f"{text}  check: {line.check}")


def report(lines: list[Line], *, flags: dict[str, str], as_json: bool, started: dict[str, Any]) -> int:
    """Print the flags and, if asked, the JSON object; return the exit status.

    1 if a check differs or a bar is missed.
    """
    say("")
    for side, text in flags.items():
        say(f"flags, {side}: {text}")
    say(f"machine: {started['cpu']}, {started['cpu_count']} CPUs, load {started['load_average'][0]} at the start")
    if as_json:
        results = []
        for line in lines:
            row = asdict(line)
            more = row.pop("more")
            results.append({**row, **more})
        print(json.dumps({"results": results, "machine": started, "flags": flags}))
    return 1 if any(line.failed for line in lines) else 0


def is_release() -> bool:
    """Tell whether the core was built for speed."""
    from engine import _core

    return _core.build_flags().startswith("release")


def engine_flags() -> str:
    """Return the flags of the engine's build; a debug build is worth a word."""
    from engine import _core

    if not is_release():
        say("This is no release build: the figures say nothing about speed. `make build` makes one.")
    return _core.build_flags()
