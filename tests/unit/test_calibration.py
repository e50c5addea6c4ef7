"""Calibration: only fitted statistics are looked at, the file resumes, and another search is refused."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tinystory

from engine.calibration import FAR, best_of, calibrate, objective
from engine.errors import InputError
from engine.scorecard import Statistic, factor, points, scorecard

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "calibration" / "october_2025.py"
needs_optuna = pytest.mark.skipif(
    importlib.util.find_spec("optuna") is None, reason="optuna is not installed (extra calibrate)"
)


def statistic(name, band, measured, unit="", *, fitted=True):
    return Statistic(name, "a figure", unit, measured, band, "a source", "V", fitted=fitted)


class TestObjective:
    LINES = (
        statistic("fall", points(5), 20, "%"),
        statistic("volume", factor(2), 10),
        statistic("free", points(5), 20, "%", fitted=False),
    )

    def of(self, **values):
        return objective(scorecard(self.LINES, [values]))

    def test_it_is_in_half_widths(self):
        assert self.of(fall=20, volume=10, free=20) == 0
        assert self.of(fall=25, volume=20, free=20) == pytest.approx(1)
        assert self.of(fall=35, volume=10, free=20) == pytest.approx((9 / 2) ** 0.5)

    def test_a_free_statistic_does_not_count(self):
        assert self.of(fall=25, volume=10, free=20) == self.of(fall=25, volume=10, free=99)

    def test_far_off_is_worse_the_farther_and_untold_is_worst(self):
        values = [self.of(fall=20 + 5 * off, volume=10, free=20) for off in (FAR, 2 * FAR, 2.5 * FAR)]
        worst = self.of(fall=None, volume=10, free=20)
        assert values == sorted(values)
        assert values[-1] < worst == pytest.approx(2 * FAR / 2**0.5)
        assert self.of(fall=20, volume=0, free=20) == worst


@needs_optuna
class TestSearch:
    def run(self, path, trials, **options):
        return calibrate(tinystory, path, trials=trials, seed=3, seeds=1, workers=1, **options)

    def test_what_the_file_holds(self, tmp_path):
        path, seen = tmp_path / "deep" / "found.json", []
        found = self.run(path, 4, told=seen.append)
        assert json.loads(path.read_text()) == found
        assert [trial["number"] for trial in found["trials"]] == [0, 1, 2, 3]
        assert seen == found["trials"]
        assert found["trials"][0]["parameters"] == {"drawdown": 0.5, "sale": 800}  # as declared
        assert [space["name"] for space in found["search_space"]] == ["drawdown", "sale"]
        for trial in found["trials"]:
            assert 0.1 <= trial["parameters"]["drawdown"] <= 2
            assert trial["parameters"]["sale"] in range(400, 1301)
            assert set(trial["statistics"]) == {"fall"}  # no other is kept
        assert found["best"]["objective"] == min(trial["objective"] for trial in found["trials"])
        assert best_of(path) == found["best"]["parameters"]
        assert set(found["versions"]) == {"firesale", "optuna", "python"}
        assert (found["seed"], found["trial_count"], len(found["date"])) == (3, 4, 10)

    def test_resumed_it_gives_the_trials_of_one_that_was_not_stopped(self, tmp_path):
        self.run(tmp_path / "two.json", 3)
        resumed = self.run(tmp_path / "two.json", 12)  # beyond Optuna's ten trials at random
        whole = self.run(tmp_path / "one.json", 12)
        assert resumed["trials"] == whole["trials"]
        assert self.run(tmp_path / "one.json", 5)["trials"] == whole["trials"]

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"seed": 4}, "calibration seed"),
            ({"seeds": 2}, "calibration seeds"),
            ({"scale": "medium"}, "calibration scale"),
            ({"trials": 0}, "trials"),
        ],
    )
    def test_another_search_is_refused(self, tmp_path, options, field):
        path = tmp_path / "found.json"
        self.run(path, 1)
        with pytest.raises(InputError) as error:
            calibrate(tinystory, path, **{"trials": 2, "seed": 3, "seeds": 1, "workers": 1, **options})
        assert error.value.field == field

    def test_proposals_come_after_the_declared_values_and_over_the_best(self, tmp_path):
        path = tmp_path / "found.json"
        found = self.run(path, 4, proposed=[{"sale": 900}, {"drawdown": 1.25, "sale": 700}])
        declared, one, two, sampled = found["trials"]
        assert declared["parameters"] == {"drawdown": 0.5, "sale": 800}
        assert one["parameters"] == {"drawdown": 0.5, "sale": 900}
        assert two["parameters"] == {"drawdown": 1.25, "sale": 700}
        assert [trial.get("proposed", False) for trial in found["trials"]] == [False, True, True, False]
        assert sampled["parameters"] != two["parameters"]
        more = self.run(path, 5, proposed=[{"sale": 1000}])
        best = min(found["trials"], key=lambda trial: trial["objective"])
        assert more["trials"][4]["parameters"] == {**best["parameters"], "sale": 1000}

    @pytest.mark.parametrize(("proposal", "field"), [({"sales": 900}, "parameters"), ({"sale": 9000}, "sale")])
    def test_a_proposal_outside_the_search_is_refused_before_a_run(self, tmp_path, proposal, field):
        with pytest.raises(InputError) as error:
            self.run(tmp_path / "found.json", 1, proposed=[proposal])
        assert error.value.field == field
        assert not (tmp_path / "found.json").exists()

    def test_a_file_goes_on_when_the_best_has_been_declared(self, tmp_path, monkeypatch):
        path = tmp_path / "found.json"
        whole = self.run(path, 1)
        drawdown = dataclasses.replace(tinystory.PARAMETERS["drawdown"], value=0.75)
        monkeypatch.setattr(tinystory, "PARAMETERS", {**tinystory.PARAMETERS, "drawdown": drawdown})
        assert self.run(path, 2)["trials"][0] == whole["trials"][0]
        narrow = dataclasses.replace(drawdown, high=1.0)
        monkeypatch.setattr(tinystory, "PARAMETERS", {**tinystory.PARAMETERS, "drawdown": narrow})
        with pytest.raises(InputError) as error:
            self.run(path, 3)
        assert error.value.field == "calibration search_space"

    def test_a_file_that_is_no_calibration_is_refused(self, tmp_path):
        path = tmp_path / "found.json"
        for text in ("{", "[]", "{}"):
            path.write_text(text)
            with pytest.raises(InputError):
                self.run(path, 1)
            with pytest.raises(InputError):
                best_of(path)

    @pytest.mark.parametrize("what", ["PARAMETERS", "STATISTICS"])
    def test_a_story_without_anything_fitted_is_refused(self, tmp_path, monkeypatch, what):
        monkeypatch.setattr(tinystory, what, {} if what == "PARAMETERS" else ())
        with pytest.raises(InputError) as error:
            self.run(tmp_path / "found.json", 1)
        assert error.value.field == what.lower()

    def test_the_script_runs_and_goes_on(self, tmp_path):
        path = tmp_path / "found.json"
        places = [str(ROOT), str(Path(tinystory.__file__).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        words = ["--story", "tinystory", "--scale", "small", "--seeds", "1", "--workers", "1"]
        for trials, said in ((2, "best of 2"), (3, "trial 2:")):
            done = subprocess.run(
                [sys.executable, SCRIPT, *words, "--trials", str(trials), "--out", path],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert said in done.stdout
        assert json.loads(path.read_text())["trial_count"] == 3
