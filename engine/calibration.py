"""Calibration: move the fitted parameters of a generated scenario until its fitted statistics are as measured.

Stands on `engine.scoring` and on Optuna (extra ``calibrate``), imported here only. The objective looks at *fitted*
statistics alone, and no other is kept, so that the free ones stay a test. Promises: seed, scale and search space
decide every trial; a calibration that was stopped and resumed gives the trials of one that was not; the file holds
whole trials only, and is the old one or the new one at any moment.
"""

from __future__ import annotations

import json
import math
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from engine._build import VERSION
from engine.errors import InputError
from engine.scenarios.generated import Generated, checked_scale, name_of, reference_of, story_by
from engine.scenarios.parameters import settled
from engine.scoring import score
from engine.story_runs import seed_list

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from engine.scenarios.parameters import Parameter
    from engine.scorecard import Line, Scorecard

__all__ = ["best_of", "calibrate", "objective"]

FAR = 10.0
"""Half-widths of a band beyond which a distance grows as its logarithm: one statistic far off shall not drown the rest.
One that no run can tell counts twice as much."""
OBJECTIVE = (
    f"root mean square over the fitted statistics of their distance in half-widths of the band, log beyond {FAR:g}"
)
KEPT = ("story", "scale", "seed", "seeds", "search_space", "statistics", "objective")
"""What a file that is resumed must agree in."""


def objective(card: Scorecard) -> float:
    """Return how far the fitted statistics of a scorecard are off: 0 as measured, 1 at the bands' ends.

    Parameters
    ----------
    card : Scorecard
        Of runs with the parameters that are tried.

    Returns
    -------
    float
        Root mean square of the distances of the medians, those beyond `FAR` tamed.

    Examples
    --------
    >>> from engine.scorecard import Statistic, points, scorecard
    >>> fall = Statistic("fall", "fall of BTC", "%", 16.8, points(5), "DROPS", "V", fitted=True)
    >>> objective(scorecard([fall], [{"fall": 21.8}, {"fall": 21.8}]))
    1.0
    """
    off = []
    for line in card.lines:
        if line.statistic.fitted:
            off.append(_distance(line))
    return math.sqrt(math.fsum(each * each for each in off) / len(off))


def _distance(line: Line) -> float:
    if line.simulated is None:
        return 2 * FAR
    distance = line.statistic.band.distance(line.statistic.measured, line.simulated)
    return distance if distance <= FAR else min(FAR * (1 + math.log(distance / FAR)), 2 * FAR)


def calibrate(
    story: Any,
    path: Path,
    *,
    trials: int,
    seed: int,
    scale: str | None = None,
    seeds: int | Sequence[int] = 4,
    workers: int | None = None,
    told: Callable[[dict[str, Any]], None] | None = None,
    proposed: Sequence[Mapping[str, float]] = (),
) -> dict[str, Any]:
    """Calibrate a generated scenario, or go on with a calibration that a file holds.

    Parameters
    ----------
    story : str, module or object
        As `engine.scoring.score` takes it.
    path : Path
        The file: written after each trial; if it is there its trials count.
    trials : int
        How many the file shall hold at the end, at least 1.
    seed : int
        Key of the search.
    scale : str, optional
        The story's first by default.
    seeds : int or sequence of int, default 4
        Runs of each trial.
    workers : int, optional
        As `engine.pool.run_tasks` takes it.
    told : callable, optional
        Called with each trial as it ends.
    proposed : sequence of mapping of str to float, optional
        Parameters by hand, tried before the sampler goes on; what one leaves out has the best trial's value. The file
        marks such trials.

    Returns
    -------
    dict
        What the file holds.

    Raises
    ------
    InputError
        Nothing is fitted, the file is of another search, or a proposal is none of the search space.

    Notes
    -----
    Optuna's TPE sampler. Trial 0 has the declared values. Every trial gets a sampler of its own, keyed by `seed` and
    the trial's number: all that a trial depends on is those and the trials before it.
    """
    if trials < 1:
        raise InputError("trials", "at least 1", trials)
    reference = reference_of(story)
    face = story_by(reference)
    search = [parameter for parameter in face.PARAMETERS.values() if parameter.fitted]
    found = _head(face, search, name_of(reference), checked_scale(face, scale), seed, seed_list(seeds))
    found["trials"] = _resumed(path, found)
    for proposal in proposed:
        settled({each.name: each for each in search}, proposal)
    study, waiting = _study(search, found["trials"]), list(proposed)
    try:
        while len(found["trials"]) < trials:
            by_hand = waiting.pop(0) if waiting and found["trials"] else None  # trial 0 has the declared values
            if by_hand is not None:
                study.enqueue_trial({**_best(found["trials"])["parameters"], **by_hand})
            trial = _asked(study, search, seed, len(found["trials"]))
            card = score(story, found["scale"], found["seeds"], parameters=trial.params, workers=workers)
            if card.interrupted:
                break
            value = objective(card)
            study.tell(trial, value)
            entry = _entry(len(found["trials"]), trial.params, value, card)
            if by_hand is not None:
                entry["proposed"] = True
            found["trials"].append(entry)
            _write(path, found)
            if told is not None:
                told(entry)
    except KeyboardInterrupt:  # between two runs
        pass
    return found


def _best(trials: list[dict[str, Any]]) -> dict[str, Any]:
    return min(trials, key=lambda each: each["objective"])


def best_of(path: Path) -> dict[str, float]:
    """Return the parameters of a calibration's best trial.

    Raises
    ------
    InputError
        The file is no calibration.
    """
    best = _read(path).get("best")
    if not isinstance(best, dict):
        raise InputError("calibration", "a file with a best trial", str(path))
    parameters: dict[str, float] = best["parameters"]
    return parameters


def _head(
    face: Generated, search: list[Parameter], story: str, scale: str, seed: int, seeds: list[int]
) -> dict[str, Any]:
    """Return what the file says of the search itself."""
    fitted = [statistic for statistic in face.STATISTICS if statistic.fitted]
    if not search:
        raise InputError("parameters", "at least one that is fitted", list(face.PARAMETERS))
    if not fitted:
        raise InputError("statistics", "at least one that is fitted", [each.name for each in face.STATISTICS])
    space = [
        {
            "name": each.name,
            "unit": each.unit,
            "range": [each.low, each.high],
            "log": each.log,
            "whole": each.whole,
            "declared": each.value,
        }
        for each in search
    ]
    aims = [
        {"name": each.name, "unit": each.unit, "measured": float(each.measured), "band": str(each.band)}
        for each in fitted
    ]
    head = {"story": story, "scale": scale, "seed": seed, "seeds": seeds, "objective": OBJECTIVE}
    return {**head, "search_space": space, "statistics": aims}


def _read(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("calibration", "a file that a calibration has written", f"{path}: {error}") from None
    if not isinstance(held, dict):
        raise InputError("calibration", "a file that a calibration has written", str(path))
    return held


def _resumed(path: Path, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the trials of an earlier part of the same search."""
    if not path.is_file():
        return []
    held = _read(path)
    for key in KEPT:
        if _compared(held, key) != _compared(wanted, key):
            raise InputError(f"calibration {key}", f"what {path.name} was made with, or another file", wanted[key])
    trials: list[dict[str, Any]] = held["trials"]
    return trials


def _compared(held: dict[str, Any], key: str) -> Any:
    """Return a part of a file as it is compared: declared values may have become the best ones since."""
    value = held.get(key)
    if key != "search_space" or not isinstance(value, list):
        return value
    return [{name: each for name, each in row.items() if name != "declared"} for row in value]


def _distributions(search: list[Parameter]) -> dict[str, Any]:
    from optuna.distributions import FloatDistribution, IntDistribution

    found: dict[str, Any] = {}
    for each in search:
        if each.low is None or each.high is None:
            raise InputError(f"{each.name}.range", "two ends, since it is fitted", [each.low, each.high])
        if each.whole:
            found[each.name] = IntDistribution(math.ceil(each.low), math.floor(each.high), log=each.log)
        else:
            found[each.name] = FloatDistribution(float(each.low), float(each.high), log=each.log)
    return found


def _study(search: list[Parameter], trials: list[dict[str, Any]]) -> Any:
    """Return a study that knows the trials there are."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study, distributions = optuna.create_study(direction="minimize"), _distributions(search)
    for each in trials:
        study.add_trial(
            optuna.trial.create_trial(params=each["parameters"], distributions=distributions, value=each["objective"])
        )
    return study


def _asked(study: Any, search: list[Parameter], seed: int, number: int) -> Any:
    """Return the next trial."""
    import optuna

    study.sampler = optuna.samplers.TPESampler(seed=(seed * 1_000_003 + number) % 2**32)
    if number == 0:
        study.enqueue_trial({each.name: each.value for each in search})
    return study.ask(_distributions(search))


def _entry(number: int, parameters: dict[str, float], value: float, card: Scorecard) -> dict[str, Any]:
    fitted = [line for line in card.lines if line.statistic.fitted]
    return {
        "number": number,
        "objective": value,
        "parameters": parameters,
        "statistics": {line.statistic.name: line.simulated for line in fitted},
        "failed": [failure.to_json() for failure in card.failures],
    }


def _write(path: Path, found: dict[str, Any]) -> None:
    from importlib.metadata import version

    from engine.frames import write_whole

    trials = found["trials"]
    best = _best(trials)
    versions = {"firesale": VERSION, "optuna": version("optuna"), "python": platform.python_version()}
    found |= {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": versions,
        "trial_count": len(trials),
        "best": {key: best[key] for key in ("number", "objective", "parameters", "statistics")},
    }
    found["trials"] = found.pop("trials")  # last: it is long
    text = json.dumps(found, indent=1) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda target: _write_text(target, text))


def _write_text(target: Path, text: str) -> None:
    target.write_text(text, encoding="utf-8")
