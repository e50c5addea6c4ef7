"""`firesale score` and `firesale run --counterfactuals`: what they print and write, their exit codes, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading

import pytest
import tinystory
from click.testing import CliRunner

import engine.scenarios
from engine import cli
from engine.counterfactuals import counterfactuals
from engine.run import run_scenario
from engine.scenario import Scenario
from engine.scoring import score

NAME = "tiny-crash"


@pytest.fixture(autouse=True)
def shipped(tmp_path, monkeypatch):
    """Let the tiny story be a shipped scenario: a file, and a module of its name."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / "tiny_crash.toml").write_text(tinystory.scenario("small").to_toml(), encoding="utf-8")
    (folder / "tiny_crash.py").touch()
    (folder / "plain.toml").write_text(
        tinystory.scenario("small").but({"name": "plain", "story": None}).to_toml(), encoding="utf-8"
    )
    monkeypatch.setattr(engine.scenarios, "_FOLDER", folder)
    monkeypatch.setitem(sys.modules, "engine.scenarios.tiny_crash", tinystory)
    monkeypatch.chdir(tmp_path)


def invoked(*args):
    return CliRunner().invoke(cli.main, [str(arg) for arg in args])


class TestLoad:
    def test_the_file_is_the_first_scale(self):
        assert engine.scenarios.load(NAME) == tinystory.scenario("small")
        assert engine.scenarios.load(NAME, "small") == engine.scenarios.load(NAME)

    def test_a_scale_a_seed_a_switch_and_a_parameter_go_to_the_module(self):
        found = engine.scenarios.load(NAME, "medium", seed=3, off=["shock"], parameters={"noise": 4})
        assert found == tinystory.scenario("medium", seed=3, off=["shock"], parameters={"noise": 4})
        assert found.populations["longs"].count == 80
        assert run_scenario(NAME, seed=3).digest == run_scenario(tinystory.scenario(seed=3)).digest

    def test_what_it_has_not_is_refused_by_name(self):
        for name, arguments, field in (
            (NAME, {"scale": "huge"}, "scale"),
            (NAME, {"off": ["gravity"]}, "off"),
            (NAME, {"parameters": {"gravity": 1}}, "parameters"),
            (NAME, {"parameters": {"noise": 9}}, "noise"),
            ("plain", {"scale": "small"}, "scale"),
            ("plain", {"off": ["shock"]}, "off"),
            ("plain", {"parameters": {"noise": 1}}, "parameters"),
        ):
            with pytest.raises(engine.InputError) as error:
                engine.scenarios.load(name, **arguments)
            assert error.value.field == field

    def test_a_file_takes_a_seed_and_nothing_else(self):
        assert engine.scenarios.load("plain", seed=4).seed == 4
        assert engine.scenarios.generator_of("plain") is None


class TestRun:
    def test_scale_switch_parameter_and_set_are_run(self):
        done = invoked(
            "run", NAME, "--scale", "medium", "--off", "shock", "--parameter", "noise=1", "--parameter", "noise=3",
            "--set", "duration=8s", "--seed", 5, "--json", "--no-out",
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        asked = tinystory.scenario("medium", seed=5, off=["shock"], parameters={"noise": 3}).but({"duration": "8s"})
        assert json.loads(done.stdout)["digest"] == run_scenario(asked).digest
        assert "tiny: {'base': 0}" in done.stderr

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (("run", "plain", "--scale", "small", "--no-out"), "scale: expected nothing: plain is a file"),
            (("run", NAME, "--scale", "huge", "--no-out"), "scale: expected one of small, medium, was huge"),
            (("run", NAME, "--off", "shok", "--no-out"), "did you mean shock?"),
            (("run", NAME, "--parameter", "noise", "--no-out"), "parameter: expected NAME=VALUE, was noise"),
            (("run", NAME, "--parameter", "noise=much", "--no-out"), "parameter noise: expected a number, was much"),
            (("run", NAME, "--seeds", 2, "--no-out"), "--seeds and --workers go with --counterfactuals"),
            (("run", NAME, "--counterfactuals", "--off", "shock", "--no-out"), "takes each link away itself"),
            (("run", "plain", "--counterfactuals", "--no-out"), "counterfactuals: expected a scenario that a module"),
            (("score", "plain"), "scenario: expected one that a module generates"),
            (("score", "nowhere"), "scenario: expected one of plain, tiny-crash, was nowhere"),
            (("score", NAME, "--scale", "huge"), "scale: expected one of small, medium"),
            (("score", NAME, "--off", "gravity"), "off: expected one of makers-withdraw"),
            (("score", NAME, "--seeds", 0), "0 is not in the range x>=1"),
        ],
    )
    def test_a_wrong_wish_is_refused_by_name(self, args, said):
        done = invoked(*args)
        assert done.exit_code == 2
        assert said in done.stderr
        assert done.stdout == ""

    def test_a_scale_of_a_file_is_refused(self, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text(tinystory.scenario().to_toml(), encoding="utf-8")
        done = invoked("run", path, "--scale", "small", "--no-out")
        assert (done.exit_code, "scale: expected nothing" in done.stderr) == (2, True)

    def test_counterfactuals_stand_beside_the_run(self, tmp_path):
        out = tmp_path / "out"
        args = ("--counterfactuals", "--seeds", 2, "--workers", 1, "--seed", 7, "--json", "--out", out)
        done = invoked("run", NAME, *args)
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)
        table = told["counterfactuals"]
        assert table == json.loads((out / "counterfactuals.json").read_text())
        assert table == json.loads(
            json.dumps(counterfactuals(tinystory, seeds=2, first_seed=7, workers=1).to_json())
        ) | {"scenario": table["scenario"]}
        assert list(table["switches"]) == list(tinystory.SWITCHES)
        assert table["seeds"] == [7, 8]
        assert (out / "run.json").is_file()
        for words in ("change without each link", "Shapley share", "Altcoins are lowest at minute"):
            assert words in done.stderr

    def test_a_run_of_the_table_that_fails_gives_exit_code_3(self, monkeypatch):
        def broken(part):
            raise RuntimeError("a story's mistake")

        monkeypatch.setattr(tinystory, "outcomes", broken)
        monkeypatch.setattr(tinystory, "statistics", broken)
        done = invoked("run", NAME, "--counterfactuals", "--seeds", 1, "--workers", 1, "--json", "--no-out")
        assert done.exit_code == 3
        told = json.loads(done.stdout)
        assert told["digest"] == run_scenario(NAME).digest  # the run itself is whole
        assert {each["task"] for each in told["counterfactuals"]["failed"]} >= {"seed 20251010, without shock"}

    def test_ctrl_c_in_the_table_leaves_the_run_and_the_seeds_that_were_whole(self, monkeypatch, tmp_path):
        outcomes, seen = tinystory.outcomes, []

        def slow(part):
            seen.append(part.simulation.seed)
            if seen[-1] == 20251011:
                threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
                threading.Event().wait(30)
            return outcomes(part)

        monkeypatch.setattr(tinystory, "outcomes", slow)
        args = ("--counterfactuals", "--seeds", 3, "--workers", 1, "--json", "--out", tmp_path / "out")
        done = invoked("run", NAME, *args)
        assert done.exit_code == 130
        assert "interrupted; 1 seeds were whole" in done.stderr
        told = json.loads(done.stdout)
        assert (told["interrupted"], told["counterfactuals"]["interrupted"]) == (False, True)
        assert told["counterfactuals"]["seeds"] == [20251010]
        assert json.loads((tmp_path / "out" / "run.json").read_text())["digest"] == told["digest"]


class TestScore:
    def test_stdout_is_one_json_object_with_the_promised_names(self, tmp_path):
        done = invoked("score", NAME, "--seeds", 3, "--workers", 1, "--json", "--out", tmp_path / "deep" / "er")
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)
        for entry in told["statistics"]:
            assert {"name", "measured", "simulated", "band", "inside", "fitted"} <= set(entry)
            assert {"low", "high", "unit", "source"} <= set(entry)
            assert len(entry["per_seed"]) == 3
        assert told["totals"] == {
            "statistics": 6, "free": 5, "hits": 3, "share": 0.6, "fitted": 1, "fitted_inside": 0,
        }  # fmt: skip
        assert (told["scale"], told["off"], told["failed"], told["interrupted"]) == ("small", [], [], False)
        assert told == json.loads((tmp_path / "deep" / "er" / "score.json").read_text())
        assert "3 of 5 free statistics inside their bands (60 %)" in done.stderr
        assert "fall of COIN-PERP" in done.stderr

    def test_a_switch_makes_it_worse(self):
        told = json.loads(invoked("score", NAME, "--seeds", 2, "--workers", 1, "--off", "longs", "--json").stdout)
        assert (told["off"], told["totals"]["hits"]) == (["longs"], 1)
        assert {each["name"]: each["inside"] for each in told["statistics"]}["liquidations"] is False

    def test_set_and_parameter_reach_the_runs(self):
        args = ("--seeds", 1, "--workers", 1, "--set", "duration=8s", "--parameter", "noise=1", "--json")
        told = json.loads(invoked("score", NAME, *args).stdout)
        asked = score(tinystory, seeds=1, parameters={"noise": 1}, changes={"duration": "8s"}, workers=1)
        assert told["digests"] == list(asked.digests)
        assert told["parameters"] == {"noise": 1}
        assert told["digests"] != list(score(tinystory, seeds=1, workers=1).digests)

    def test_a_run_that_fails_is_told_with_its_seed_and_the_exit_code(self, monkeypatch):
        def broken(part):
            if part.simulation.seed == 20251011:
                raise RuntimeError("a story's mistake")
            return statistics(part)

        statistics = tinystory.statistics
        monkeypatch.setattr(tinystory, "statistics", broken)
        done = invoked("score", NAME, "--seeds", 3, "--workers", 1, "--json")
        assert done.exit_code == 3
        assert "failed: seed 20251011: RuntimeError: a story's mistake" in done.stderr
        told = json.loads(done.stdout)
        assert told["failed"] == [{"task": "seed 20251011", "kind": "RuntimeError", "error": "a story's mistake"}]
        assert told["statistics"][0]["per_seed"][1] is None
        assert told["digests"][1] is None

    def test_ctrl_c_leaves_the_seeds_that_had_run(self, monkeypatch):
        statistics, done_seeds = tinystory.statistics, []

        def slow(part):
            if len(done_seeds) == 2:
                threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
                threading.Event().wait(30)
            done_seeds.append(1)
            return statistics(part)

        monkeypatch.setattr(tinystory, "statistics", slow)
        done = invoked("score", NAME, "--seeds", 5, "--workers", 1, "--json")
        assert done.exit_code == 130
        told = json.loads(done.stdout)
        assert (told["interrupted"], told["seeds"]) == (True, [20251010, 20251011])


def test_help_names_the_options():
    for command, options in (
        ("run", ("--scale", "--off", "--parameter", "--counterfactuals", "--seeds", "--workers")),
        ("score", ("--scale", "--off", "--parameter", "--seeds", "--workers", "--out", "--json")),
    ):
        told = invoked(command, "--help").stdout
        assert [option for option in options if option not in told] == []


def test_the_story_is_data():
    assert Scenario.from_toml(tinystory.scenario("medium").to_toml()) == tinystory.scenario("medium")
