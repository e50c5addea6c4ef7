"""README.md does what it says: every ```python block runs, and the excerpt is what the command prints.

A block with `>>>` is a doctest, another one a script; each stands alone.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def test_the_readme_has_a_block_for_each_kind_of_user():
    assert len(blocks("python")) >= 3
    assert README.count("```python") == len(blocks("python"))


@pytest.mark.parametrize("block", blocks("python"), ids=range(len(blocks("python"))))
def test_block_runs(block):
    if ">>>" not in block:
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
        return
    test = doctest.DocTestParser().get_doctest(block, {}, "README.md", "README.md", 0)
    said: list[str] = []
    failed = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append).failed
    assert failed == 0, "".join(said)


def test_the_excerpt_is_what_the_command_prints(tmp_path):
    (excerpt,) = blocks("text")
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", "run", "atom-flash-crash", "--no-out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = iter(" ".join(line.split()) for line in done.stderr.splitlines())
    shown = [" ".join(line.split()) for line in excerpt.splitlines()]
    # `in` walks the iterator on, so the lines must also come in this order.
    assert [line for line in shown if line not in printed] == []


def test_what_the_readme_points_to_exists():
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert [target for target in targets if not (ROOT / target).exists()] == []
