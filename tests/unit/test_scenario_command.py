"""`firesale run FILE`, `check` and `scenarios NAME`: what they print, and their exit codes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from rich.console import Console
from scenariokit import SMALL, changed

from engine import cli
from engine.commands.ticker import Ticker
from engine.run import carry_out, new_result, run_scenario
from engine.scenario import Scenario
from engine.scenarios import load, path_of

NAME = "atom-flash-crash"


def invoked(*args):
    return CliRunner().invoke(cli.main, [str(arg) for arg in args])


@pytest.fixture
def mine(tmp_path):
    """Return the small scenario as a file."""
    path = tmp_path / "mine.toml"
    path.write_text(SMALL, encoding="utf-8")
    return path


class TestRunFile:
    def test_a_file_runs_like_a_shipped_scenario(self, mine, tmp_path):
        done = invoked("run", mine, "--json", "--out", tmp_path / "out")
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)
        assert told["digest"] == run_scenario(Scenario.from_toml(SMALL)).digest
        assert (told["scenario"], list(told["figures"])) == ("two-markets", ["base"])
        for words in (
            "timeline (part 'base')",
            "lows COIN/EUR",
            "invariants hold in 1 of 1 parts: base",
            told["digest"],
        ):
            assert words in done.stderr
        trades = pq.read_table(tmp_path / "out" / "base" / "trades.parquet").num_rows
        assert trades == told["figures"]["base"]["counts"]["trades"] > 0
        assert (tmp_path / "out" / "report.html").stat().st_size > 1_000

    def test_the_folder_holds_the_scenario_that_was_run(self, mine, tmp_path):
        invoked("run", mine, "--set", "duration=2s", "--seed", 9, "--out", tmp_path / "out")
        kept = Scenario.from_toml(tmp_path / "out" / "scenario.toml")
        assert (kept.duration, kept.seed) == (2_000, 9)
        assert kept == Scenario.from_toml(SMALL).but({"duration": "2s", "seed": 9})

    def test_the_folder_is_named_after_the_file(self, mine, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert invoked("run", mine, "--set", "duration=1s").exit_code == 0
        assert (tmp_path / "runs" / "mine" / "run.json").is_file()

    def test_variants_run_in_the_order_in_which_they_are_named(self, mine):
        done = invoked("run", mine, "--no-out", "--json", "--variant", "calm", "--variant", "base")
        assert list(json.loads(done.stdout)["figures"]) == ["calm", "base"]

    def test_a_printed_scenario_is_the_scenario(self, tmp_path):
        printed = invoked("scenarios", NAME).stdout
        assert printed == path_of(NAME).read_text(encoding="utf-8")
        (tmp_path / "copy.toml").write_text(printed, encoding="utf-8")
        done = invoked("run", tmp_path / "copy.toml", "--no-out", "--json")
        shipped = invoked("run", NAME, "--no-out", "--json")
        assert json.loads(done.stdout)["digest"] == json.loads(shipped.stdout)["digest"]
        assert json.loads(done.stdout)["prints_equal"] == 71

    def test_parts_of_a_story_tell_what_they_know(self):
        done = invoked("run", NAME, "--no-out", "--json", "--variant", "makers-stayed")
        told = json.loads(done.stdout)
        assert told["low"] == {"makers_stayed": 3.851}
        assert "prints_equal" not in told
        assert "the same seed, makers who stay" in done.stderr


class TestSet:
    def test_settings_are_but(self, mine):
        done = invoked(
            "run", mine, "--no-out", "--json", "--set", "populations.makers.levels=3", "--set", "duration=3s"
        )
        other = Scenario.from_toml(SMALL).but({"populations.makers.levels": 3, "duration": "3s"})
        assert json.loads(done.stdout)["digest"] == run_scenario(other).digest

    def test_the_last_setting_of_a_path_counts(self, mine):
        done = invoked("run", mine, "--no-out", "--json", "--set", "duration=3s", "--set", "duration=2s")
        assert json.loads(done.stdout)["figures"]["base"]["now_ms"] == 2_000

    @pytest.mark.parametrize(
        ("setting", "said"),
        [
            ("populations.maker.levels=3", "populations.maker.levels: expected one of opener, makers, "),
            ("populations.makers.levels=30", "populations.makers.levels: expected at most 8, was 30"),
            ("populations.makers.level=3", "populations.makers.level: expected a known key"),
            ("oracles.mark.every=2", "oracles.mark.every: expected a duration such as"),
            ("duration", "set: expected path=value, was duration"),
            ("a..b=1", "expected keys joined by dots"),
        ],
    )
    def test_a_wrong_one_names_path_expected_and_found_and_exits_2(self, mine, setting, said):
        done = invoked("run", mine, "--no-out", "--set", setting)
        assert done.exit_code == 2
        assert said in done.stderr

    def test_an_unknown_variant_exits_2(self, mine):
        done = invoked("run", mine, "--no-out", "--variant", "clam")
        assert done.exit_code == 2
        assert "variant: expected one of base, calm" in done.stderr


class TestCheck:
    def test_a_whole_file_is_told_what_it_holds(self, mine):
        done = invoked("check", mine, "--json")
        assert done.exit_code == 0
        told = json.loads(done.stdout)
        assert (told["ok"], told["problems"]) == (True, [])
        assert told["holds"]["populations"] == [
            "opener",
            "makers x 4",
            "old-spot x 100",
            "old-perp x 100",
            "shorts",
            "longs x 100",
            "noise x 2",
        ]
        assert "'two-markets' is whole" in done.stderr

    def test_three_broken_fields_give_three_located_errors_and_mended_it_runs(self, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text(changed(("count = 4", "count = 0"), ("seed = 7", "seeds = 7"), ('"500ms" }', '"500 ms?" }')))
        for command in (["check"], ["run", "--no-out"]):
            done = invoked(*command, path)
            assert done.exit_code == 2
            assert done.stdout == ""
            lines = [line for line in done.stderr.splitlines() if line.startswith(str(path))]
            assert len(lines) == 4  # the unknown key is also a missing one
            assert [line.split(" ")[1] for line in lines] == [
                "seed:",
                "seeds:",
                "venues.cex.liquidation.every:",
                "populations.makers.count:",
            ]
        path.write_text(SMALL)
        assert invoked("check", path).exit_code == 0
        assert invoked("run", path, "--no-out", "--set", "duration=1s").exit_code == 0

    def test_errors_as_json(self, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text(changed(("count = 4", "count = 0")))
        done = invoked("check", path, "--json")
        (problem,) = json.loads(done.stdout)["problems"]
        assert done.exit_code == 2
        assert problem == {
            "file": str(path),
            "line": SMALL[: SMALL.index("count = 4")].count("\n") + 1,
            "column": 9,
            "path": "populations.makers.count",
            "expected": "at least 1",
            "was": "0",
        }

    def test_what_the_world_refuses_has_its_place_too(self, tmp_path):
        path = tmp_path / "mine.toml"
        agent = '[populations.mine]\nkind = "python"\non = ["COIN/EUR"]\nagent = "nowhere:Agent"\n\n[events.opening]'
        path.write_text(changed(("[events.opening]", agent)))
        done = invoked("check", path)
        assert done.exit_code == 2
        line = SMALL[: SMALL.index("[events.opening]")].count("\n") + 4
        assert f"{path}:{line}:9 populations.mine.agent: expected a class that can be imported" in done.stderr

    @pytest.mark.parametrize("name", ["none.toml", "atom"])
    def test_no_file_exits_2(self, tmp_path, monkeypatch, name):
        monkeypatch.chdir(tmp_path)
        for args in (["check", name], ["check", name, "--json"], ["run", name, "--no-out"]):
            done = invoked(*args)
            assert done.exit_code == 2
            assert "scenario: expected" in done.stderr

    def test_shipped_scenarios_are_whole(self):
        assert invoked("check", NAME).exit_code == 0
        assert load(NAME).to_data()["name"] == tomllib.loads(path_of(NAME).read_text())["name"]

    def test_an_unknown_name_is_not_printed(self):
        done = invoked("scenarios", "atom")
        assert (done.exit_code, done.stdout) == (2, "")

    def test_a_variant_that_brings_more_than_there_is_is_told(self, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text(SMALL + '\n[variants.new]\nset = { "populations.noise.brings.EUR" = "9bn" }\n')
        done = invoked("check", path)
        assert done.exit_code == 2
        assert "populations.noise.brings.EUR: at most the 9919900000 EUR that its supply has left" in done.stderr


class TestCompletion:
    def completions(self, args, incomplete):
        shell = ShellComplete(cli.main, {}, "firesale", "_FIRESALE_COMPLETE")
        return [item.value for item in shell.get_completions(args, incomplete)]

    def test_names_of_scenarios(self):
        assert self.completions(["run"], "at") == [NAME]
        assert self.completions(["scenarios"], "") == [NAME, "october-2025", "two-venues"]
        (file,) = ShellComplete(cli.main, {}, "firesale", "X").get_completions(["check"], "mi")
        assert file.type == "file"

    def test_names_of_variants(self, mine):
        assert self.completions(["run", NAME, "--variant"], "ex") == ["exact", "exact-limit"]
        assert self.completions(["run", str(mine), "--variant"], "") == ["base", "calm", "brave", "brave-and-slow"]
        assert self.completions(["run", "none.toml", "--variant"], "") == []


class TestTicker:
    def test_it_shows_time_pace_and_landmarks_and_changes_nothing(self):
        out = io.StringIO()
        console = Console(file=out, force_terminal=True, width=160)
        result = new_result(Scenario.from_toml(SMALL))
        with Ticker(list(result.variants), console) as ticker:
            carry_out(result, progress=ticker.begin, watch=ticker.watch)
            ticker.say("drawing")
        said = out.getvalue()
        for words in (
            "base",
            "20.0 s",
            "events/s",
            "first shock (fall)",
            "first withdrawal (makers",
            "liquidation",
            "drawing",
        ):
            assert words in said
        assert result.digest == run_scenario(Scenario.from_toml(SMALL)).digest

    def test_it_is_silent_where_stderr_is_no_terminal(self, mine):
        done = subprocess.run(
            [sys.executable, "-m", "engine.cli", "run", str(mine), "--no-out"],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(cli.__file__).resolve().parent.parent,
        )
        assert "\x1b" not in done.stderr
        assert "events/s" not in done.stderr
        assert done.stderr.startswith("running base\n")


class TestPythonAgents:
    """A module beside the scenario's file is found, whatever folder the command is called from."""

    AGENT = '\n[populations.mine]\nkind = "python"\non = ["COIN/EUR"]\nagent = "beside:Mine"\nbrings = { EUR = "1M" }\n'

    def told(self, tmp_path, body):
        (tmp_path / "beside.py").write_text(f"from engine import Agent\nclass Mine(Agent):\n{body}")
        (tmp_path / "mine.toml").write_text(SMALL + self.AGENT, encoding="utf-8")
        return subprocess.run(
            [sys.executable, "-m", "engine.cli", "run", str(tmp_path / "mine.toml"), "--no-out", "--json"],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(cli.__file__).resolve().parent.parent,
        )

    def test_it_runs_to_its_end(self, tmp_path):
        body = "    def on_end(self, context):\n        print('the end', context.time_ms)\n"
        done = self.told(tmp_path, body)
        assert done.returncode == 0, done.stderr
        assert "the end 20000" in done.stdout

    def test_its_mistake_is_told_and_exits_2(self, tmp_path):
        done = self.told(tmp_path, "    def on_start(self, context):\n        1 / 0\n")
        assert (done.returncode, done.stdout) == (2, "")
        assert "agent 'mine'" in done.stderr
        assert "ZeroDivisionError" in done.stderr
        assert "Traceback" not in done.stderr
