"""Events of one millisecond fire in the documented order, whatever the hash seed and the thread.

Stands on `EventQueue`, `draws`, `timers`, `line`, `plan`, and on processes of this interpreter. Run as a module it
prints the fingerprint of the order that one process sees: ``python -m engine.validation.ties SEED COUNT``.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine import EventQueue
from engine.validation.draws import Stream
from engine.validation.line import Line
from engine.validation.timers import order_line

if TYPE_CHECKING:
    from engine._core import QueuedEvent
    from engine.validation.plan import Plan

Ints = NDArray[np.int64]

EVENTS, EVENTS_QUICK = 20_000, 2_000
MOMENTS = 50
"""Different times: hundreds of events share each."""

PRIORITIES = 5
HASH_SEEDS = ("0", "1", "4242", "random")


def draw_ties(seed: int, count: int) -> tuple[Ints, NDArray[np.int16]]:
    """Draw events that crowd on few moments: due times, ms, and priorities."""
    stream = Stream(seed, "validation/ties")
    times = np.floor(stream.uniforms(count) * MOMENTS).astype(np.int64) * 1000
    priorities = np.floor(stream.uniforms(count, count) * PRIORITIES).astype(np.int16) - np.int16(2)
    return times, priorities


def fire_ties(times_ms: Ints, priorities: NDArray[np.int16]) -> Ints:
    """Schedule the events one by one and return their numbers as a handler sees them."""
    queue = EventQueue()
    for number, (at, priority) in enumerate(zip(times_ms.tolist(), priorities.tolist(), strict=True)):
        queue.schedule(at, number, priority=priority)
    fired: list[int] = []

    def fire(event: QueuedEvent) -> None:
        fired.append(event.data)

    queue.run(MOMENTS * 1000, fire)
    return np.array(fired, dtype=np.int64)


def print_of(fired: Ints) -> str:
    """Return a fingerprint of an order of firing."""
    return hashlib.sha256(fired.astype("<i8").tobytes()).hexdigest()


def prints_elsewhere(seed: int, count: int) -> dict[str, str]:
    """Fire the same events in processes of several hash seeds and in a thread.

    Returns
    -------
    dict of str to str
        Where, and the fingerprint there; what a process said instead if it failed.
    """
    prints = {}
    package = Path(__file__).resolve().parents[2]
    for hash_seed in HASH_SEEDS:
        paths = os.pathsep.join(path for path in (str(package), os.environ.get("PYTHONPATH", "")) if path)
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": paths}
        command = [sys.executable, "-m", "engine.validation.ties", str(seed), str(count)]
        # The command is this interpreter and a module of this package.
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603
        prints[f"PYTHONHASHSEED={hash_seed}"] = done.stdout.strip() or done.stderr.strip()[-200:]
    answer: list[str] = []
    thread = threading.Thread(target=lambda: answer.append(print_of(fire_ties(*draw_ties(seed, count)))))
    thread.start()
    thread.join()
    prints["a thread"] = answer[0] if answer else "nothing"
    return prints


def same_print_line(here: str, elsewhere: dict[str, str]) -> Line:
    """Count the places whose order of firing differs from the one seen here."""
    different = [where for where, fingerprint in elsewhere.items() if fingerprint != here]
    measured = float(len(different)) if elsewhere else float("nan")
    note = "differs: " + ", ".join(different) if different else "equal: " + ", ".join(elsewhere)
    return Line("ties/places with another order", measured, 0.0, 0.0, "none", len(elsewhere), note)


def check_ties(plan: Plan) -> list[Line]:
    """Fire crowded events here, in other processes, in a thread."""
    count = plan.size(EVENTS, EVENTS_QUICK)
    times, priorities = draw_ties(plan.seed, count)
    fired = fire_ties(times, priorities)
    live = np.ones(count, dtype=np.bool_)
    return [
        order_line("ties/events out of order", fired, times, priorities, live),
        same_print_line(print_of(fired), prints_elsewhere(plan.seed, count)),
    ]


if __name__ == "__main__":
    print(print_of(fire_ties(*draw_ties(int(sys.argv[1]), int(sys.argv[2])))))
