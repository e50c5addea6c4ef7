"""What the tests of the process pool run in workers: they import this module by its name."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import dataclass

from engine.errors import InvariantError


@dataclass(frozen=True)
class Work:
    """A task: what it does, with a seed."""

    seed: int
    does: str = "square"


class UntoldError(Exception):
    """An exception that cannot be unpickled: its arguments are not those of its base."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def work(task: Work) -> int:
    if task.does == "wait":
        threading.Event().wait(0.4)  # so that later tasks finish first
    elif task.does == "raise":
        raise InvariantError("a rule", "its state")
    elif task.does == "untold":
        raise UntoldError(1, 2)
    elif task.does == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif task.does == "sleep":
        threading.Event().wait(60)
    return task.seed**2


def interrupted() -> None:
    """Start long runs, let Ctrl-C come to the whole group as a terminal sends it, and say what is left."""
    import time

    from engine.pool import run_tasks

    at = [0.0]

    def ended(index: int, _: object) -> None:
        if index == 0:
            at[0] = time.monotonic()
            os.killpg(os.getpgid(0), signal.SIGINT)

    done = run_tasks(work, [Work(3), Work(4, "sleep"), Work(5, "sleep")], workers=2, finished=ended)
    print(done.entries, done.interrupted, time.monotonic() - at[0] < 1.0)
    from multiprocessing import active_children

    print(len(active_children()))


if __name__ == "__main__":
    interrupted()
    sys.exit(0)
