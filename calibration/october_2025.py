"""Calibrate the scenario october-2025: Optuna over its fitted parameters, against its fitted statistics alone.

    python calibration/october_2025.py --trials 200 --scale small

The result is `engine/scenarios/data/october_2025_calibration.json`: seed, versions, search space, every trial, the
best. Run it again with more trials and it goes on where it was. The extra `calibrate` brings Optuna.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "engine" / "scenarios" / "data" / "october_2025_calibration.json"
STORY = "october-2025"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("--trials", type=int, default=200, help="how many trials the file shall hold in the end")
    parser.add_argument("--scale", default=None, help="a scale of the scenario; its first by default")
    parser.add_argument("--seeds", type=int, default=4, help="runs of each trial")
    parser.add_argument("--seed", type=int, default=20251010, help="key of the search")
    parser.add_argument("--workers", type=int, default=None, help="processes; one for each processor by default")
    parser.add_argument("--out", type=Path, default=RESULT, help="the file, which is resumed if it is there")
    parser.add_argument("--story", default=STORY, help="a shipped scenario, or an importable module with its face")
    parser.add_argument(
        "--propose",
        action="append",
        default=[],
        metavar="NAME=VALUE,...",
        help="parameters by hand for the next trial, over the best one's; may be given again",
    )
    return parser.parse_args()


def told(trial: dict[str, Any]) -> None:
    reached = ", ".join(f"{name} {_shown(value)}" for name, value in trial["statistics"].items())
    moved = ", ".join(f"{name}={value:.4g}" for name, value in trial["parameters"].items())
    print(f"trial {trial['number']}: {trial['objective']:.4f}  ({moved})  {reached}", flush=True)


def _shown(value: float | None) -> str:
    return "untold" if value is None else f"{value:.4g}"


def main() -> int:
    wish = arguments()
    if importlib.util.find_spec("optuna") is None:
        print("calibration needs what is not installed: pip install 'firesale[calibrate]'", file=sys.stderr)
        return 4
    from engine.calibration import calibrate
    from engine.commands.generated import parse_parameter
    from engine.errors import InputError
    from engine.scenarios import names

    try:
        story: Any = wish.story if wish.story in names() else importlib.import_module(wish.story)
        found = calibrate(
            story,
            wish.out,
            trials=wish.trials,
            seed=wish.seed,
            scale=wish.scale,
            seeds=wish.seeds,
            workers=wish.workers,
            told=told,
            proposed=[dict(map(parse_parameter, text.split(","))) for text in wish.propose],
        )
    except (InputError, ModuleNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    if len(found["trials"]) < wish.trials:
        print(f"interrupted; {len(found['trials'])} of {wish.trials} trials are in {wish.out}", file=sys.stderr)
        return 130
    best = found["best"]
    print(f"best of {found['trial_count']}: trial {best['number']}, {best['objective']:.4f}")
    for name, value in best["parameters"].items():
        print(f"  {name} = {value:.6g}")
    print(f"written: {wish.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
