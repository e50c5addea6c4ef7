"""Score a generated scenario: run it over seeds and hold what it gives against what was measured.

Stands on `engine.scorecard`, `engine.story_runs`, `engine.pool`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.pool import Failure, run_tasks
from engine.scenarios.generated import name_of, reference_of
from engine.scorecard import Scorecard, scorecard
from engine.story_runs import RunTask, StoryRun, asked_story, run_task, seed_list, task_label
from engine.switches import checked_off

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor

    from engine.part import Part
    from engine.scenarios.generated import Generated

__all__ = ["card_of", "score"]


def score(
    story: Any,
    scale: str | None = None,
    seeds: int | Sequence[int] = 8,
    *,
    first_seed: int | None = None,
    off: Iterable[str] = (),
    parameters: Mapping[str, float] | None = None,
    changes: Mapping[str, Any] | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    finished: Callable[[int, StoryRun | Failure], None] | None = None,
) -> Scorecard:
    """Score a generated scenario over seeds.

    Parameters
    ----------
    story : str, module or object
        A shipped scenario's name, or what has the face of `engine.scenarios.generated.Generated`.
    scale : str, optional
        One of its scales; the first by default.
    seeds : int or sequence of int, default 8
        How many from `first_seed` on, or which.
    first_seed : int, optional
        `engine.story_runs.FIRST_SEED` by default.
    off : iterable of str
        Switches that are off.
    parameters : mapping of str to float, optional
        Over the defaults, in the parameters' units.
    changes : mapping of str to Any, optional
        Values by path over the generated scenario.
    workers, executor, finished
        As `engine.pool.run_tasks` takes them.

    Returns
    -------
    Scorecard
        The same for any number of workers. A run that failed could not tell anything.

    Raises
    ------
    InputError
        No such scale, switch or parameter; before anything runs.
    """
    reference, face, size, given = asked_story(story, scale, parameters)
    gone = checked_off(face.SWITCHES, off)
    asked = seed_list(seeds, first_seed)
    tasks = [RunTask(reference, size, seed, gone, given, dict(changes or {}), ("statistics",)) for seed in asked]
    ran = run_tasks(run_task, tasks, workers=workers, executor=executor, label=task_label, finished=finished)
    ended = [(seed, entry) for seed, entry in zip(asked, ran.entries, strict=True) if entry is not None]
    runs = [None if isinstance(entry, Failure) else entry for _, entry in ended]
    return scorecard(
        face.STATISTICS,
        [None if run is None else run.statistics for run in runs],
        scenario=name_of(reference),
        scale=size,
        seeds=tuple(seed for seed, _ in ended),
        off=gone,
        parameters=given,
        digests=tuple(None if run is None else run.digest for run in runs),
        failures=tuple(ran.failures),
        interrupted=ran.interrupted,
    )


def card_of(story: Generated, part: Part, scale: str = "") -> Scorecard:
    """Score one run that has been run: its median is its own value.

    Parameters
    ----------
    story : module or object
        What generated the part's scenario.
    part : Part
        Run to its end.
    scale : str, optional
        For the title.

    Returns
    -------
    Scorecard
    """
    return scorecard(
        story.STATISTICS,
        [story.statistics(part)],
        scenario=name_of(reference_of(story)),
        scale=scale,
        seeds=(part.simulation.seed,),
        digests=(part.digest,),
    )
