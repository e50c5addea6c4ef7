"""Ctrl-C: at once while libraries load, `KeyboardInterrupt` while a scenario runs, later while the rest is written."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

from engine.commands import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CtrlC", "interrupted_before", "on_ctrl_c"]


def on_ctrl_c(handler: Any) -> None:
    """Set what Ctrl-C does from now on; a thread may not, and leaves it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)


class CtrlC:
    """Make Ctrl-C a KeyboardInterrupt that arrives.

    One that is raised in a destructor or in a weak reference's callback goes nowhere (while matplotlib draws, 4 of 40),
    so it is raised again a moment later.
    """

    RETRY_S = 0.002
    AGAIN_S = 0.02

    def __enter__(self) -> Self:
        self._hook = sys.unraisablehook
        if threading.current_thread() is threading.main_thread():
            self._alarm = signal.signal(signal.SIGALRM, self)
            sys.unraisablehook = self._went_nowhere
            on_ctrl_c(self)
        return self

    def __exit__(self, *_: object) -> None:
        """From here on Ctrl-C waits: what is left to do is short, and makes the folder whole."""
        on_ctrl_c(signal.SIG_IGN)
        if threading.current_thread() is threading.main_thread():
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._alarm)
            sys.unraisablehook = self._hook

    def __call__(self, *_: object) -> None:
        # Until it has arrived it comes again: what a compiled library makes of it nobody knows.
        signal.setitimer(signal.ITIMER_REAL, self.AGAIN_S)
        raise KeyboardInterrupt

    def _went_nowhere(self, what: Any) -> None:
        if issubclass(what.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, self.RETRY_S)
        else:
            self._hook(what)


def interrupted_before(name: str, seed: int | None, folder: Path | None, *, as_json: bool) -> None:
    """End at once while libraries are still loading: nothing has run, and an import cannot be cut short cleanly."""
    nothing: dict[str, Any] = {"digest": None, "interrupted": True, "figures": {}, "tables": {}, "timeline": []}
    text = json.dumps({"scenario": name, "seed": seed, **nothing})
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".run.json.{os.getpid()}"
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(folder / "run.json")
    if as_json:
        os.write(1, (text + "\n").encode())
    os.write(2, b"interrupted before the run began\n")
    os._exit(EXIT_INTERRUPTED)
