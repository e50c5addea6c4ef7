"""Body of `firesale score`: run a generated scenario over seeds, show its scorecard, write it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from engine.commands import EXIT_INTERRUPTED, EXIT_RUNS_FAILED, EXIT_USAGE, say, say_error
from engine.commands.generated import Counter, Shape, ctrl_c_stops_runs
from engine.commands.scenario import changes_of
from engine.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from engine.pool import Failure
    from engine.scorecard import Scorecard
    from engine.story_runs import StoryRun

__all__ = ["score", "show", "write_json"]


def score(
    source: str,
    shape: Shape,
    *,
    seeds: int,
    first_seed: int | None,
    settings: tuple[str, ...],
    workers: int | None,
    folder: Path | None,
    as_json: bool,
) -> int:
    """Score a scenario over seeds; returns the exit code."""
    try:
        card = _scored(source, shape, seeds, first_seed, changes_of(settings), workers)
        if folder is not None:
            write_json(folder / "score.json", card.to_json())
    except InputError as error:
        say_error(error)
        return EXIT_USAGE
    except OSError as error:
        say(f"out: expected a folder that can be written, was {folder}: {error}")
        return EXIT_USAGE
    except KeyboardInterrupt:
        say("interrupted before the runs began")
        return EXIT_INTERRUPTED
    show(card)
    if as_json:
        click.echo(json.dumps(card.to_json()))
    if card.interrupted:
        say("interrupted; the seeds that had run are above")
        return EXIT_INTERRUPTED
    return EXIT_RUNS_FAILED if card.failures else 0


def _scored(
    source: str,
    shape: Shape,
    seeds: int,
    first_seed: int | None,
    changes: dict[str, Any],
    workers: int | None,
) -> Scorecard:
    from engine.scoring import score as score_story

    with Counter("scoring") as counter:

        def ended(index: int, entry: StoryRun | Failure) -> None:
            counter.ended(index, seeds, entry)

        with ctrl_c_stops_runs():
            return score_story(
                source,
                shape.scale,
                seeds,
                first_seed=first_seed,
                off=shape.off,
                parameters=shape.values,
                changes=changes,
                workers=workers,
                finished=ended,
            )


def show(what: Any) -> None:
    """Print what shows itself by rich to stderr; a file has no width, so that no line of it is cut short."""
    from rich.console import Console

    console = Console(stderr=True, markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 180
    console.print(what)


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write an object; a killed command leaves the old file or the new one, never half."""
    from engine.frames import write_whole

    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, indent=2) + "\n"

    def write(target: Path) -> None:
        target.write_text(text, encoding="utf-8")

    write_whole(path, write)
    say(f"written: {path}")
