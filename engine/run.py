"""Run a scenario: build its parts, run them, fold their digests, gather figures and timeline.

Stands on `engine.scenarios`, `engine.scenario`, `engine.lineage`. Promises: the same scenario, seed and version give
the same `RunResult.digest`; Ctrl-C leaves what has been done readable (`RunResult.interrupted`), the part that was
running included.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine import _core
from engine._build import VERSION
from engine.errors import InputError, InvariantError
from engine.lineage import LandmarkKind, Lineage
from engine.part import Part
from engine.scenarios import load, story_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from engine.scenario import Scenario

__all__ = ["RunResult", "carry_out", "new_result", "run_scenario"]

NO_PRICE = 2**40
MASK64 = 2**64 - 1
WATCHED_EVENTS = 20_000  # between two looks of somebody who watches a run


@dataclass
class RunResult:
    """What a run of a scenario left behind."""

    scenario: str
    seed: int
    source: Scenario | None = field(default=None, repr=False)
    variants: dict[str, Scenario] = field(default_factory=dict, repr=False)  # of each part, in order
    parts: dict[str, Part] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    timeline: list[tuple[float, str]] = field(default_factory=list)
    timeline_part: str = ""
    interrupted: bool = False
    tables: dict[str, list[str]] = field(default_factory=dict)
    _measured: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)

    def measured(self) -> dict[str, dict[str, Any]]:
        """Return every part's figures, each taken once: a part does not run on after that."""
        for name, part in self.parts.items():
            if name not in self._measured:
                self._measured[name] = part_figures(part)
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
            "scenario_digest": None if self.source is None else scenario_digest(self.source),
            "interrupted": self.interrupted,
            **self.figures,
            "figures": figures,
            "tables": self.tables,
            "timeline": [{"time_s": time_s, "what": what} for time_s, what in self.timeline],
            "versions": {
                "firesale": VERSION,
                "python": platform.python_version(),
                "build": _core.build_flags(),
                "platform": sys.platform,
            },
        }


def scenario_digest(scenario: Scenario) -> str:
    """Return a digest of what a scenario says (16 hexadecimal digits)."""
    return hashlib.blake2b(scenario.to_toml().encode(), digest_size=8).hexdigest()


def part_figures(part: Part) -> dict[str, Any]:
    """Return one part's figures: lows, counts, liquidations by generation, bad debt, digest, invariants."""
    world = part.simulation.world
    table = world.landmarks()
    kinds = Counter(zip(table["kind"].tolist()[1:], table["generation"].tolist()[1:], strict=True))
    of_kind = {kind: sum(n for (k, _), n in kinds.items() if k == kind) for kind in LandmarkKind}
    generations = sorted((generation, n) for (k, generation), n in kinds.items() if k == LandmarkKind.LIQUIDATION)
    bad_debts = {
        name: float(asset.grid.value(-world.balance(2, asset.number)[0]))
        for name, asset in part.simulation.assets.items()
    }
    lows = part.lows
    figures: dict[str, Any] = {
        "market": part.market.name,
        "low": _float(lows[part.market.name]),
        "lows": {name: _float(low) for name, low in lows.items()},
        "now_ms": world.now_ms,
        "counts": world.counts(),
        "withdrawals": of_kind[LandmarkKind.WITHDRAWAL],
        "returns": of_kind[LandmarkKind.RETURN],
        "liquidations": of_kind[LandmarkKind.LIQUIDATION],
        "liquidations_by_generation": {str(generation): n for generation, n in generations},
        "liquidation_steps": of_kind[LandmarkKind.STEP],
        "bad_debt": bad_debts[part.market.quote.name],
        "bad_debts": {name: worth for name, worth in bad_debts.items() if worth},
        "invariants": "hold",
        "digest": f"{world.digest():016x}",
    }
    try:
        world.check_invariants()  # last: a world that fails here answers nothing any more
    except InvariantError as error:
        figures["invariants"] = str(error)
    return figures


def _float(price: Decimal | None) -> float | None:
    return None if price is None else float(price)


def timeline_of(part: Part) -> list[tuple[float, str]]:
    """Return the moments of a cascade, in order: shock, withdrawals, liquidations, low, recovery."""
    lineage = Lineage(part.simulation.world)
    trades = part.simulation.world.trades()
    on_market = trades["market"] == part.market.number
    times, prices = trades["time_ms"][on_market], trades["price_ticks"][on_market]
    rows: list[tuple[float, str]] = []
    names = {
        LandmarkKind.SHOCK: "shock: outside selling starts",
        LandmarkKind.WITHDRAWAL: "withdrawal: a maker cancels its bids on every market",
        LandmarkKind.LIQUIDATION: "liquidation: an account falls below maintenance",
        LandmarkKind.BAD_DEBT: "bad debt: an account ends under water",
        LandmarkKind.RETURN: "recovery: a maker comes back",
    }
    for kind, text in names.items():
        found = lineage.of_kind(kind)
        if found:
            rows.append((found[0].time_ms / 1000, f"first {text}"))
            if found[-1].time_ms > found[0].time_ms:
                rows.append((found[-1].time_ms / 1000, f"last of {len(found)} ({kind.name.lower()})"))
    for generation, count in lineage.generations().items():
        first = next(row for row in lineage.of_kind(LandmarkKind.LIQUIDATION) if row.generation == generation)
        rows.append((first.time_ms / 1000, f"liquidations of generation {generation} begin ({count} in all)"))
    if len(prices):
        at = int(prices.argmin())
        low, last = part.market.price.value(int(prices[at])), part.market.price.value(int(prices[-1]))
        rows.append((float(times[at]) / 1000, f"LOW {low} ({part.market.name})"))
        rows.append((float(times[-1]) / 1000, f"last trade {last}"))
    return sorted(rows)


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
    source = load(scenario) if isinstance(scenario, str) else scenario.check()
    if seed is not None:
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
        part = Part(part_name, scenario.simulation(), scenario.duration)
        result.parts[part_name] = part
        _run_part(part, watch)
        if finished is not None:
            finished(part_name, part)
    story = story_of(result.source.story)
    told = next(iter(result.variants))
    if story is not None:
        result.figures = story.figures(result.parts)
        told = story.TIMELINE_PART if story.TIMELINE_PART in result.parts else told
    result.timeline_part = told
    result.timeline = timeline_of(result.parts[told])


def _run_part(part: Part, watch: Callable[[Part], None] | None) -> None:
    """Run a part to its end, with pauses for somebody who watches: they change no byte of it."""
    if watch is None:
        part.simulation.run(until_ms=part.until_ms)
        return
    watch(part)
    while part.simulation.world.run(part.until_ms, events=WATCHED_EVENTS) == WATCHED_EVENTS:
        watch(part)
    watch(part)


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
