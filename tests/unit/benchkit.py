"""What the tests of the benchmarks share: the scripts as modules, the bare C reference, and the shape of a report."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
NAMES = [
    "book-shapes",
    "kernel",
    "lending",
    "liquidation",
    "matcher",
    "memory",
    "october",
    "peers",
    "pools",
    "queue",
    "risk",
    "spill",
]
HELPERS = ["common", "flows", "drivers", "worlds", "world_runs", "simulators", "callers"]
HELPERS += ["risk_workloads", "risk_scan", "risk_peers", "risk_worlds", "liquidation_worlds"]
LIVE_ORDERS = 400  # instead of 10,000 and more: a debug build walks the whole book after every single call
LINE_FIELDS = {"name", "value", "unit", "ratio", "against", "check", "least", "most", "runs", "bar", "bar_met", "goal"}


def load_benchmarks():
    """Yield the benchmarks and what they share, by name; they are scripts, so they import one another as neighbours."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        names = [*HELPERS, *("bench_" + name.replace("-", "_") for name in NAMES)]
        yield {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(str(BENCHMARKS))


def small_reference(common):
    """Load the bare C reference, its flows with few live orders; skip where there is none."""
    try:
        module = common.load_flow()
    except common.ReferenceMissingError as reason:
        pytest.skip(str(reason))
    module.REGIMES = {name: (code, LIVE_ORDERS, *rest) for name, (code, _, *rest) in module.REGIMES.items()}
    return module


def printed_lines(capsys):
    """Read the one JSON object of stdout and check its shape."""
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    printed = json.loads(out)
    assert set(printed) == {"results", "machine", "flags"}
    assert {"cpu", "cpu_count", "load_average", "python"} <= set(printed["machine"])
    assert "engine" in printed["flags"]
    assert all(set(line) >= LINE_FIELDS for line in printed["results"])
    return printed["results"]
