"""The command `firesale validate`: what it prints, its exit codes, and Ctrl-C."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine import cli
from engine.validation import command, events
from engine.validation.line import Line

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60
GOOD, BAD = Line("good/x", 1.0, 1.0, 0.0, "exact", 1), Line("bad/x", math.nan, 1.0, 0.5, "half", 1)


def invoked(*args):
    return CliRunner().invoke(cli.main, ["validate", *map(str, args)])


@pytest.fixture
def checks(monkeypatch):
    """Replace the checks of the set; return the dict to fill."""
    planted = {}
    monkeypatch.setattr(events, "CHECKS", planted)
    return planted


def test_quick_and_json():
    result = invoked("events", "--quick", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    assert (told["what"], told["quick"], told["seed"], told["failed"]) == ("events", True, events.SEED, [])
    assert list(dict.fromkeys(line["check"] for line in told["lines"])) == list(events.CHECKS)
    for line in told["lines"]:
        assert {"name", "measured", "expected", "band", "pass", "seed", "n", "seconds"} <= set(line)
        assert line["pass"] is (abs(line["measured"] - line["expected"]) <= line["band"])
        assert line["name"] in result.stderr
    assert f"{len(told['lines'])} of {len(told['lines'])} lines pass" in result.stderr


def test_only_and_seed():
    result = invoked("events", "--quick", "--json", "--only", "ties", "--only", "fifo", "--seed", "5")
    told = json.loads(result.stdout)
    assert [line["check"] for line in told["lines"]] == ["ties", "ties", "fifo", "fifo"]
    assert {line["seed"] for line in told["lines"]} == {5}


def test_without_json_stdout_is_empty():
    result = invoked("events", "--quick", "--only", "timers")
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_failed_line_exits_with_1(checks):
    checks |= {"good": lambda plan: [GOOD], "bad": lambda plan: [BAD]}
    result = invoked("events", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["failed"] == ["bad/x"]
    assert [line["measured"] for line in told["lines"]] == [1.0, None]  # a NaN is no JSON
    assert "FAIL" in result.stderr


def test_a_check_that_breaks_is_a_failed_line_and_the_others_speak(checks):
    def broken(plan):
        raise KeyError("no such order")

    checks |= {"broken": broken, "good": lambda plan: [GOOD]}
    result = invoked("events", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["failed"] == ["broken/runs"]
    assert [line["name"] for line in told["lines"]] == ["broken/runs", "good/x"]
    assert "KeyError" in told["lines"][0]["note"]


@pytest.mark.parametrize("args", [("nothing",), ("events", "--only", "nothing")])
def test_an_unknown_name_lists_what_there_is(args):
    result = invoked(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "expected one of" in result.stderr
    assert "was nothing" in result.stderr


def test_no_name_is_a_usage_error():
    assert invoked().exit_code == 2


def test_interrupted_prints_what_there_is(checks):
    def interrupted(plan):
        raise KeyboardInterrupt

    checks |= {"good": lambda plan: [GOOD], "long": interrupted, "never": lambda plan: [BAD]}
    result = invoked("events", "--json")
    assert result.exit_code == 130
    told = json.loads(result.stdout)
    assert told["interrupted"] is True
    assert [line["name"] for line in told["lines"]] == ["good/x"]


def test_ctrl_c_ends_a_process_and_leaves_its_lines():
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    arguments = ["-m", "engine.cli", "validate", "events", "--json", "--only", "ties", "--only", "mm4"]
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    # The long check comes first in the set's order: Ctrl-C falls into its run.
    assert process.stderr.readline() == "== mm4\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, err
    told = json.loads(out)
    assert told["interrupted"] is True
    assert told["lines"] == []
    assert "Traceback" not in err


def test_help_loads_nothing_heavy():
    probe = (
        "import sys\nfrom click.testing import CliRunner\nfrom engine import cli\n"
        "print(CliRunner().invoke(cli.main, ['validate', '--help']).exit_code, "
        "sorted({'numpy', 'rich', 'engine.validation.events'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True, env=environment)
    assert done.stdout == "0 []\n"


def test_seconds_are_counted_once_a_check():
    line = {"pass": True, "name": "a"}
    run = command.ValidationRun("x", 1, quick=True)
    run.lines = [{**line, "check": "a", "seconds": 2.0}, {**line, "check": "a", "seconds": 2.0}]
    run.lines += [{**line, "check": "b", "seconds": 0.5}]
    assert run.to_json()["seconds"] == 2.5
