"""`import engine` stays light: what only reports, scenarios or the command line need is loaded where it is used."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = [
    *("pydantic", "click", "pyarrow", "plotly", "matplotlib", "rich", "nanoarrow"),
    *("numpy", "sortedcontainers", "hypothesis"),
]
MODULES_MAX = 100  # beyond what the interpreter itself has loaded; it was 40 when this was written

PROBE = """
import json, sys, time
before, start = set(sys.modules), time.process_time()
import engine
seconds = time.process_time() - start
print(json.dumps({"modules": sorted(set(sys.modules) - before), "seconds": seconds}))
"""


def imported():
    """Import the package in a fresh interpreter; return the modules that this loaded and its CPU seconds."""
    done = subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    return found["modules"], found["seconds"]


def test_import_loads_nothing_heavy():
    modules, seconds = imported()
    print(f"import engine: {len(modules)} modules, {seconds:.3f} s CPU")
    assert {name.partition(".")[0] for name in modules} & set(HEAVY) == set()
    assert "engine.reference" not in modules
    assert len(modules) <= MODULES_MAX
