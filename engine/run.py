"""Run a shipped scenario: build its parts, run them, fold their digests, gather figures and timeline.

Stands on `engine.scenarios`, `engine.lineage`. Promises: the same scenario, seed and version give the same
`RunResult.digest`; Ctrl-C leaves what has been done readable (`RunResult.interrupted`), the part that was running
included.
"""

from __future__ import annotations

import platform
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine import _core
from engine._build import VERSION
from engine.errors import InvariantError
from engine.lineage import LandmarkKind, Lineage
from engine.scenarios import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.scenarios.atom_flash_crash import Part

__all__ = ["RunResult", "carry_out", "new_result", "run_scenario"]

NO_PRICE = 2**40
MASK64 = 2**64 - 1


@dataclass
class RunResult:
    """What a run of a scenario left behind."""

    scenario: str
    seed: int
    parts: dict[str, Part] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    timeline: list[tuple[float, str]] = field(default_factory=list)
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


def part_figures(part: Part) -> dict[str, Any]:
    """Return one part's figures: low, counts, liquidations by generation, bad debt, digest, invariants."""
    world = part.simulation.world
    table = world.landmarks()
    kinds = Counter(zip(table["kind"].tolist()[1:], table["generation"].tolist()[1:], strict=True))
    of_kind = {kind: sum(n for (k, _), n in kinds.items() if k == kind) for kind in LandmarkKind}
    generations = sorted((generation, n) for (k, generation), n in kinds.items() if k == LandmarkKind.LIQUIDATION)
    bad_debt = -world.balance(2, part.market.quote.number)[0]
    figures: dict[str, Any] = {
        "market": part.market.name,
        "low": None if part.low is None else float(part.low),
        "now_ms": world.now_ms,
        "counts": world.counts(),
        "withdrawals": of_kind[LandmarkKind.WITHDRAWAL],
        "returns": of_kind[LandmarkKind.RETURN],
        "liquidations": of_kind[LandmarkKind.LIQUIDATION],
        "liquidations_by_generation": {str(generation): n for generation, n in generations},
        "liquidation_steps": of_kind[LandmarkKind.STEP],
        "bad_debt": float(part.market.quote.grid.value(bad_debt)),
        "invariants": "hold",
        "digest": f"{world.digest():016x}",
    }
    try:
        world.check_invariants()  # last: a world that fails here answers nothing any more
    except InvariantError as error:
        figures["invariants"] = str(error)
    return figures


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


def new_result(name: str, seed: int | None = None) -> RunResult:
    """Return the empty result of a scenario, with its own seed if none is given; `carry_out` fills it."""
    return RunResult(name, load(name).DEFAULT_SEED if seed is None else seed)


def carry_out(
    result: RunResult,
    *,
    progress: Callable[[str], None] | None = None,
    finished: Callable[[str, Part], None] | None = None,
) -> None:
    """Run every part of a result's scenario; after a KeyboardInterrupt the result holds what has been done.

    Parameters
    ----------
    result : RunResult
        From `new_result`.
    progress : callable, optional
        Called with a part's name before it runs.
    finished : callable, optional
        Called with a part's name and the part after it ran, before the next one is built.
    """
    scenario = load(result.scenario)
    for part_name, build in scenario.parts(result.seed):
        if progress is not None:
            progress(part_name)
        part = build()
        result.parts[part_name] = part
        part.simulation.run(until_ms=part.until_ms)
        if finished is not None:
            finished(part_name, part)
    result.figures = scenario.figures(result.parts)
    result.timeline = timeline_of(result.parts[scenario.TIMELINE_PART])


def run_scenario(name: str, *, seed: int | None = None, progress: Callable[[str], None] | None = None) -> RunResult:
    """Run every part of a shipped scenario.

    Parameters
    ----------
    name : str
        One of `engine.scenarios.names()`.
    seed : int, optional
        Else the scenario's own.
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
    result = new_result(name, seed)
    try:
        carry_out(result, progress=progress)
    except KeyboardInterrupt:
        result.interrupted = True
    return result
