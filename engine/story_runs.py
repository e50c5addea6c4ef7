"""Runs of a generated scenario as tasks of a pool: a seed, what is off, and what the run is asked.

Stands on `engine.scenarios.generated`, `engine.run`, `engine.pool`. Promises: a task says all that its run depends on,
so the same task gives the same `StoryRun` in any process; two tasks of one seed draw from the same streams.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.scenarios.generated import Generated, checked_scale, plain, reference_of, story_by
from engine.scenarios.parameters import settled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FIRST_SEED", "RunTask", "StoryRun", "asked_story", "run_task", "seed_list", "task_label"]

FIRST_SEED = 20251010
"""The first of several seeds where nobody says another; the others follow it."""


@dataclass(frozen=True)
class RunTask:
    """A run of a generated scenario.

    Parameters
    ----------
    story : Any
        From `engine.scenarios.generated.reference_of`.
    scale : str
        One of the story's scales.
    seed : int
        Key of every random draw.
    off : tuple of str
        Switches that are off, from `engine.switches.checked_off`.
    parameters : mapping of str to float
        Over the defaults.
    changes : mapping of str to Any
        Values by path over the generated scenario, as `Scenario.but` takes them.
    asks : tuple of str
        ``outcomes``, ``statistics`` or both.
    """

    story: Any
    scale: str
    seed: int
    off: tuple[str, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    asks: tuple[str, ...] = ("outcomes",)


@dataclass(frozen=True)
class StoryRun:
    """What a run gave; None where it cannot tell.

    Parameters
    ----------
    seed : int
        Its seed.
    off : tuple of str
        What was off.
    digest : str
        Of its world, 16 hexadecimal digits.
    cpu_s : float
        CPU time of building and running, seconds; the one value that differs between two equal runs.
    outcomes, statistics : dict of str to float or None
        What was asked; empty if it was not.
    """

    seed: int
    off: tuple[str, ...]
    digest: str
    cpu_s: float = field(compare=False)
    outcomes: dict[str, float | None] = field(default_factory=dict)
    statistics: dict[str, float | None] = field(default_factory=dict)


def run_task(task: RunTask) -> StoryRun:
    """Build, run and ask one scenario; its invariants are checked at the end.

    Raises
    ------
    InputError
        The story refuses scale, switch or parameter.
    InvariantError
        The engine found an inner fault.
    """
    from engine.part import build_part
    from engine.run import run_part

    before = time.process_time()
    story = story_by(task.story)
    scenario = story.scenario(task.scale, seed=task.seed, off=task.off, parameters=dict(task.parameters) or None)
    part = build_part(scenario.but(task.changes) if task.changes else scenario, "base")
    run_part(part)
    seconds = time.process_time() - before
    outcomes = plain(story.outcomes(part)) if "outcomes" in task.asks else {}
    statistics = plain(story.statistics(part)) if "statistics" in task.asks else {}
    digest = part.digest
    part.simulation.world.check_invariants()  # last: a world that fails here answers nothing any more
    return StoryRun(task.seed, task.off, digest, seconds, outcomes, statistics)


def asked_story(
    story: Any, scale: str | None, parameters: Mapping[str, float] | None
) -> tuple[Any, Generated, str, dict[str, float]]:
    """Return what a call over seeds asks for: reference, story, scale and parameters, all checked.

    Raises
    ------
    InputError
        No such story, scale or parameter.
    """
    reference = reference_of(story)
    face, given = story_by(reference), dict(parameters or {})
    settled(face.PARAMETERS, given)
    return reference, face, checked_scale(face, scale), given


def task_label(task: RunTask) -> str:
    """Return what a task is called when it fails."""
    return f"seed {task.seed}" + (f", without {', '.join(task.off)}" if task.off else "")


def seed_list(seeds: int | Sequence[int], first: int | None = None) -> list[int]:
    """Return the seeds of paired runs: so many from `first` on, or those given.

    Raises
    ------
    InputError
        No seed at all, or one given twice.

    Examples
    --------
    >>> seed_list(3, 7), seed_list([5, 2])
    ([7, 8, 9], [5, 2])
    """
    if isinstance(seeds, int):
        if isinstance(seeds, bool) or seeds < 1:
            raise InputError("seeds", "at least 1", seeds)
        begin = FIRST_SEED if first is None else first
        return list(range(begin, begin + seeds))
    wanted = list(seeds)
    if not wanted or len(set(wanted)) < len(wanted):
        raise InputError("seeds", "at least one seed, each once", wanted)
    return wanted
