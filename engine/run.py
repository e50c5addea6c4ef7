"""Run a scenario: build its parts, run them, fold their digests, gather figures and timeline.

Stands on `engine.scenarios`, `engine.scenario`, `engine.lineage`. Promises: the same scenario, seed and version give
the same `RunResult.digest`; Ctrl-C leaves what has been done readable (`RunResult.interrupted`), the part that was
running included.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine import _core
from engine._build import VERSION
from engine.errors import InputError
from engine.figures import part_figures, timeline_of
from engine.part import Part, Recorded
from engine.scenarios import load, story_of
from engine.size import EARLY_MS, Gauge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from engine.lineage import Lineage
    from engine.scenario import Scenario
    from engine.tables import Tables

__all__ = ["RunResult", "carry_out", "new_result", "run_part", "run_scenario"]

MASK64 = 2**64 - 1
TRADES_AFTER_CTRL_C = 200_000  # to find the lows among more takes longer than Ctrl-C has
WATCHED_EVENTS = 20_000  # between two looks of somebody who watches a run


@dataclass
class RunResult(Recorded):
    """What a run of a scenario left behind.

    Its parts by name are `parts`, or ``run["calm"]``. A run of one part has that part's tables, lineage and figures
    itself: ``run.trades``, ``run.lineage``, ``run.figures``.

    Examples
    --------
    >>> from engine.run import run_scenario
    >>> run = run_scenario("atom-flash-crash", parts=["exact"])
    >>> len(run.trades), run.figures["low"], run["exact"].digest
    (71, 0.001, '4ae217453a89ea7e')
    """

    scenario: str
    seed: int
    source: Scenario | None = field(default=None, repr=False)
    variants: dict[str, Scenario] = field(default_factory=dict, repr=False)  # of each part, in order
    parts: dict[str, Part] = field(default_factory=dict)
    story_figures: dict[str, Any] = field(default_factory=dict)  # what a shipped scenario tells beside
    timeline: list[tuple[float, str]] = field(default_factory=list)
    timeline_part: str = ""
    interrupted: bool = False
    sizes: dict[str, dict[str, Any]] = field(default_factory=dict)  # of each part that has run: `engine.size`
    written: dict[str, list[str]] = field(default_factory=dict)  # tables in the run folder, by part
    scorecard: list[dict[str, Any]] = field(default_factory=list)  # rows for the report, where somebody scored the run
    counterfactuals: list[dict[str, Any]] = field(default_factory=list)  # likewise, of switches
    attribution: list[dict[str, Any]] = field(default_factory=list)  # and what each link carries
    verdict: list[str] = field(default_factory=list)  # and what follows, in sentences
    command: str = ""  # which started it, for the report
    _measured: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> Part:
        """Return a part by its name."""
        if name not in self.parts:
            raise InputError("part", f"one of {', '.join(self.parts) or 'nothing'}", name)
        return self.parts[name]

    @property
    def part(self) -> Part:
        """The part of a run that has one only."""
        if len(self.parts) != 1:
            raise InputError("part", f"one of the run's parts: run[name] of {', '.join(self.parts)}", "the whole run")
        return next(iter(self.parts.values()))

    @property
    def tables(self) -> Tables:
        """The part's tables by name."""
        return self.part.tables

    @property
    def lineage(self) -> Lineage:
        """The part's landmarks and their causes."""
        return self.part.lineage

    @property
    def figures(self) -> dict[str, Any]:
        """The part's figures."""
        return self.measured()[self.part.name]

    def measured(self) -> dict[str, dict[str, Any]]:
        """Return every part's figures, each taken once: a part does not run on after that."""
        for name, part in self.parts.items():
            if name not in self._measured:
                is_long = self.interrupted and part.simulation.world.counts()["trades"] > TRADES_AFTER_CTRL_C
                self._measured[name] = part_figures(part, lows=not is_long)
        return self._measured

    @property
    def digest(self) -> str:
        """One digest over the parts' world digests, in order (16 hexadecimal digits)."""
        h = 0xCBF29CE484222325
        for figures in self.measured().values():
            h = ((h ^ int(figures["digest"], 16)) * 0x9E3779B97F4A7C15) & MASK64
            h ^= h >> 32
        return f"{h:016x}"

    def to_json(self) -> dict[str, Any]:
        """Return what `run.json` holds."""
        figures = self.measured()
        return {
            "scenario": self.scenario,
            "seed": self.seed,
            "digest": self.digest,
            "scenario_digest": scenario_digest(self.source),
            "interrupted": self.interrupted,
            **self.story_figures,
            "figures": figures,
            "sizes": self.sizes,
            "tables": self.written,
            "timeline": [{"time_s": time_s, "what": what} for time_s, what in self.timeline],
            "versions": versions(),
        }

    def report(
        self, path: str | PathLike[str], *, markets: Sequence[str] | None = None, landmark: int | None = None
    ) -> None:
        """Write the run as one HTML file that opens without a network: the part that the timeline is told of.

        Parameters
        ----------
        path : path
            The file.
        markets : sequence of str, optional
            Which markets to show; else the story's, and those that fell furthest.
        landmark : int, optional
            Which liquidation to tell from its shock on; else of the deepest generation the one that lost most.

        Raises
        ------
        ImportError
            The extra ``report`` is not installed.
        InputError
            No part has run, or there is no such market or landmark.
        """
        from engine.report import write

        told = self.timeline_part if self.timeline_part in self.parts else next(iter(self.parts), "")
        write(path, self[told], self, markets=markets, landmark=landmark)


def versions() -> dict[str, Any]:
    """Return what a run was made with."""
    return {
        "firesale": VERSION,
        "python": platform.python_version(),
        "build": _core.build_flags(),
        "platform": sys.platform,
    }


def scenario_digest(scenario: Scenario | None) -> str | None:
    """Return a digest of what a scenario says (16 hexadecimal digits); None of one that is no data."""
    if scenario is None or not scenario.is_data:
        return None
    return hashlib.blake2b(scenario.to_toml().encode(), digest_size=8).hexdigest()


def new_result(scenario: str | Scenario, seed: int | None = None, *, parts: Sequence[str] | None = None) -> RunResult:
    """Return the empty result of a scenario; `carry_out` fills it.

    Parameters
    ----------
    scenario : str or Scenario
        A shipped scenario's name, or any scenario.
    seed : int, optional
        Else the scenario's own.
    parts : sequence of str, optional
        Which parts; else those that the scenario names.

    Returns
    -------
    RunResult

    Raises
    ------
    InputError
        No such scenario or variant, or a seed that is no integer.
    """
    source = load(scenario, seed=seed) if isinstance(scenario, str) else scenario.check()
    if seed is not None and not isinstance(scenario, str):
        source = source.but({"seed": seed})
    wanted = list(source.parts if parts is None else parts)
    if not wanted or len(set(wanted)) < len(wanted):
        raise InputError("parts", "at least one part, each once", wanted)
    story_of(source.story)
    # All are checked now: a wrong one is not told only when the parts before it have run.
    return RunResult(source.name, source.seed, source, {name: source.variant(name) for name in wanted})


def carry_out(
    result: RunResult,
    *,
    progress: Callable[[str], None] | None = None,
    built: Callable[[str, Part], None] | None = None,
    finished: Callable[[str, Part], None] | None = None,
    watch: Callable[[Part], None] | None = None,
) -> None:
    """Run every part of a result's scenario; after a KeyboardInterrupt the result holds what has been done.

    Parameters
    ----------
    result : RunResult
        From `new_result`.
    progress : callable, optional
        Called with a part's name before it is built.
    built : callable, optional
        Called with a part's name and the part before it runs.
    finished : callable, optional
        Called with a part's name and the part after it ran, before the next one is built.
    watch : callable, optional
        Called with the running part every `WATCHED_EVENTS` events; it must not change it.
    """
    if result.source is None:
        raise InputError("result", "a result of new_result", result.scenario)
    for part_name, scenario in result.variants.items():
        if progress is not None:
            progress(part_name)
        gauge = Gauge(scenario)
        part = Part(part_name, scenario.simulation(), scenario.duration, scenario.record.spill)
        gauge.built()
        result.parts[part_name] = part
        if built is not None:
            built(part_name, part)
        try:
            run_part(part, watch, gauge)
        except KeyboardInterrupt:
            result.sizes[part_name] = gauge.read(part)
            raise
        result.sizes[part_name] = gauge.read(part)
        if finished is not None:
            finished(part_name, part)
    story = story_of(result.source.story)
    told = next(iter(result.variants))
    if story is not None:
        result.story_figures = story.figures(result.parts)
        told = story.TIMELINE_PART if story.TIMELINE_PART in result.parts else told
    result.timeline_part = told
    result.timeline = timeline_of(result.parts[told])


def run_part(part: Part, watch: Callable[[Part], None] | None = None, gauge: Gauge | None = None) -> None:
    """Run a part to its end, with pauses for a gauge and for somebody who watches: they change no byte of it."""
    world = part.simulation.world
    if watch is not None:
        watch(part)
    for until_ms in sorted({min(EARLY_MS, part.until_ms), part.until_ms}):
        if watch is None:
            part.simulation.run(until_ms=until_ms)
        else:
            while world.run(until_ms, events=WATCHED_EVENTS) == WATCHED_EVENTS:
                watch(part)
            watch(part)
        if gauge is not None:
            gauge.passes(part)
    world.finish()  # Python agents are told that the run has ended


def run_scenario(
    scenario: str | Scenario,
    *,
    seed: int | None = None,
    parts: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> RunResult:
    """Run the parts of a scenario.

    Parameters
    ----------
    scenario : str or Scenario
        One of `engine.scenarios.names()`, or any scenario.
    seed : int, optional
        Else the scenario's own.
    parts : sequence of str, optional
        Which parts; else those that the scenario names.
    progress : callable, optional
        Called with a part's name before it runs.

    Returns
    -------
    RunResult

    Raises
    ------
    InputError
        No such scenario, or a seed that is no integer.
    InvariantError
        The engine found an inner fault.
    """
    result = new_result(scenario, seed, parts=parts)
    try:
        carry_out(result, progress=progress)
    except KeyboardInterrupt:
        result.interrupted = True
    return result
