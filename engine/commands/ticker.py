"""A run as it goes, on a terminal: simulated time, events per second, time left, and landmarks as they come.

Stands on rich. It reads between two blocks of events and changes nothing; reading the landmarks takes time that grows
with their number, so it looks less often as they grow.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from engine.lineage import LandmarkKind

if TYPE_CHECKING:
    from engine.part import Part

__all__ = ["Ticker"]

LOOK_EVERY_S = 0.25
LOOK_SHARE = 0.05  # of the wall clock at most
TOLD = (
    LandmarkKind.SHOCK,
    LandmarkKind.WITHDRAWAL,
    LandmarkKind.RETURN,
    LandmarkKind.LIQUIDATION,
    LandmarkKind.BAD_DEBT,
    LandmarkKind.MARGIN_CALL,
    LandmarkKind.UNWIND,
)


class Ticker:
    """Show a run's parts, one bar each.

    Parameters
    ----------
    parts : list of str
        Their names, in order.
    console : rich.console.Console, optional
        Where to; stderr by default.
    """

    def __init__(self, parts: list[str], console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._width = max(map(len, parts), default=0)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[clock]}"),
            TextColumn("{task.fields[pace]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[seen]}"),
            console=self._console,
        )
        self._task: Any = None
        self._next_look = 0.0
        self._began = 0.0
        self._told: set[LandmarkKind] = set()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, part: str) -> None:
        """Begin a part."""
        self._task = self._progress.add_task(part.ljust(self._width), total=None, clock="", pace="", seen="")
        self._began, self._next_look = time.perf_counter(), 0.0
        self._told = set()

    def say(self, text: str) -> None:
        """Say a line above the bars."""
        self._progress.console.print(text, highlight=False, markup=False)

    def watch(self, part: Part) -> None:
        """Look at the running part, if it is time to."""
        world, now = part.simulation.world, time.perf_counter()
        is_end = world.now_ms >= part.until_ms
        if now < self._next_look and not is_end:
            return
        events = world.counts()["events"]
        seen = self._landmarks(part)
        self._progress.update(
            self._task,
            total=part.until_ms,
            completed=world.now_ms,
            clock=f"{world.now_ms / 1000:.1f} s",
            pace=f"{events / max(now - self._began, 1e-9):,.0f} events/s",
            seen=seen,
        )
        took = time.perf_counter() - now
        self._next_look = now + max(LOOK_EVERY_S, took / LOOK_SHARE)

    def _landmarks(self, part: Part) -> str:
        """Tell the first landmark of each kind, and return how many there are of each."""
        table = part.simulation.world.landmarks()
        kinds = table["kind"]
        counts = {kind: int(np.count_nonzero(kinds == kind)) for kind in TOLD}
        new = [kind for kind, count in counts.items() if count and kind not in self._told]
        for row, kind in sorted((int((kinds == kind).argmax()), kind) for kind in new):
            self._told.add(kind)
            who = part.simulation.accounts.get(int(table["account"][row]), "-")
            time_s = int(table["time_ms"][row]) / 1000
            self.say(f"{time_s:10.3f} s  first {kind.name.lower().replace('_', ' ')} ({who})")
        return ", ".join(f"{n} {kind.name.lower()}" for kind, n in counts.items() if n)
