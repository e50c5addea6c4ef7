"""docs/scenarios.md does what it says: the file is whole, the Python runs, the errors are those that are printed."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from engine import cli
from engine.run import run_scenario
from engine.scenario import Scenario
from engine.scenario.agents import POPULATION_KINDS
from engine.scenario.laws import LAWS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")


def block(words):
    """Return the one block that opens with some words."""
    (found,) = re.findall(rf"^```{words}\n(.*?)^```$", PAGE, re.M | re.S)
    return found


def test_the_whole_file_runs_and_tells_its_story():
    sc = Scenario.from_toml(block("toml"))
    figures = run_scenario(sc, parts=["base", "calm", "makers-stay"]).measured()
    assert {part["invariants"] for part in figures.values()} == {"hold"}
    assert figures["base"]["liquidations"] > figures["calm"]["liquidations"] == 0
    assert figures["base"]["withdrawals"] > figures["makers-stay"]["withdrawals"] == 0
    assert figures["base"]["low"] < 1 < 3.8 < figures["makers-stay"]["low"]


def test_the_python_runs():
    exec(compile(block("python"), "docs/scenarios.md", "exec"), {"__name__": "page"})


def test_the_errors_are_what_check_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("broken.toml").write_text(block("toml broken"), encoding="utf-8")
    done = CliRunner().invoke(cli.main, ["check", "broken.toml"])
    assert done.exit_code == 2
    assert done.stderr == block("text errors")


def test_every_kind_and_every_law_is_on_the_page():
    for kind in POPULATION_KINDS:
        assert f"| `{kind}`" in PAGE
    for law in LAWS:
        assert f'| `"{law}(' in PAGE
