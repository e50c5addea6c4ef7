"""What the command line says of a generated scenario: scale, switches, parameters; and how many runs have ended."""

from __future__ import annotations

import importlib
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from engine.commands import say
from engine.commands.interrupt import on_ctrl_c
from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.pool import Failure
    from engine.story_runs import StoryRun

__all__ = ["Counter", "Shape", "ctrl_c_stops_runs", "parse_parameter"]

LINES = 20  # about so many are said of many runs where stderr is no terminal


@dataclass(frozen=True)
class Shape:
    """Which of a generated scenario's runs is meant.

    Parameters
    ----------
    scale : str, optional
        One of its scales.
    off : tuple of str
        Switches that are off.
    parameters : tuple of str
        ``NAME=VALUE`` each.
    """

    scale: str | None = None
    off: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, float]:
        """The parameters by name; the last value of a name counts."""
        return dict(map(parse_parameter, self.parameters))


def parse_parameter(text: str) -> tuple[str, float]:
    """Return name and number of ``NAME=VALUE``; a whole number stays one.

    Raises
    ------
    InputError
        No equals sign, or no number behind it.

    Examples
    --------
    >>> parse_parameter("maker_threshold=0.8"), parse_parameter("markets=12")
    (('maker_threshold', 0.8), ('markets', 12))
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError("parameter", "NAME=VALUE", text)
    for kind in (int, float):
        try:
            return name.strip(), kind(value)
        except ValueError:
            continue
    raise InputError(f"parameter {name.strip()}", "a number", value)


@contextmanager
def ctrl_c_stops_runs() -> Iterator[None]:
    """Let Ctrl-C stop a pool's runs; before it and after it Ctrl-C does what it did."""
    before = signal.getsignal(signal.SIGINT)
    on_ctrl_c(signal.default_int_handler)
    try:
        yield
    finally:
        on_ctrl_c(before)


class Counter:
    """Say how many runs have ended: a bar on a terminal, else a line now and then."""

    def __init__(self, what: str, total: int | None = None) -> None:
        self._what, self._total, self._ended = what, total, 0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        for module in ("rich.console", "rich.table"):
            importlib.import_module(module)  # what is shown after Ctrl-C: there is no time to load it then
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task(self._what, total=self._total)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def ended(self, _: int, total: int, entry: StoryRun | Failure) -> None:
        """Count a run that has ended."""
        from engine.pool import Failure

        self._ended += 1
        if isinstance(entry, Failure):
            say(f"failed: {entry}")
        if self._bar is not None:
            self._bar.update(self._task, completed=self._ended, total=total)
        elif self._ended % max(1, total // LINES) == 0 or self._ended == total:
            say(f"{self._what}: {self._ended} of {total} runs")
