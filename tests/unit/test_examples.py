"""Every script of `examples/` runs as a reader would run it, and prints what its docstring promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A line that each must print: its shape, not its figures, which change with the rules.
EXPECTED = {
    "adl_laboratory.py": r"hyperliquid_adjusted  \d\.\d+ +\d+ +\d+  +1\.000 +\d+\.\d +[\d,]+ +\d+ +\d+ of \d+",
    "find_a_bug.py": r"Draw \d \(commands\): \[Row\(kind=1, side=-?1, .*\)\]",
    "hundred_futures.py": r"  50 % are at or below \d+\.\d\d\d",
    "lineage_of_a_crash.py": r"  \d+\.\d %  SHOCK by 'whale' at 60\.0 s",
    "liquidation_bots.py": r"1/10 +3 +\d+ +\d+ +\d+ +[\d,]+ +-?[\d,]+ +-?[\d,]+ +\d+\.\d +5\.\d\d +[\d,]+ +\d+ +[\d,]+",
    "loop_unwind.py": r"low of the peg 0\.[45]\d+ with its own book as oracle, 0\.9\d+ with the redemption value",
    "passive_leverage.py": r"L' = 2\.000 / \(1 - 0\.800 x 0\.\d+\) = (3\.\d+), in the book \1",
    "python_agent.py": r"bought [1-9]\d* lots of a fall; at the end [\d,]+\.\d\d USD and \d+\.\d+ COIN",
    "replay_a_flow.py": r"200,000 commands: [\d,]+ accepted, [\d,]+ fills of [\d,]+ lots",
    "synthetic_dollar.py": r"stays naked: 20\.000 million lost, 2\.00 % of the supply, to a reserve of 62",
    "unified_contagion.py": r"the root of it: SHOCK by 'seller' at 5\.0 s",
    "why_did_it_fall.py": r"\d+ causes back: SHOCK by 'whale' at 60\.0 s",
}


def test_every_example_is_here():
    assert sorted(EXPECTED) == sorted(path.name for path in (ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_example_runs(name, tmp_path, tmp_path_factory):
    # What Hypothesis keeps for itself, whoever calls it.
    hypothesis = str(tmp_path_factory.mktemp("hypothesis"))
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HYPOTHESIS_STORAGE_DIRECTORY": hypothesis},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert any(re.fullmatch(EXPECTED[name], line) for line in done.stdout.splitlines()), done.stdout
    assert list(tmp_path.iterdir()) == []  # an example leaves nothing behind
