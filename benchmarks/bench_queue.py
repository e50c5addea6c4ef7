"""How many events a second does the queue take, next to a bare C wheel and heaps on the same times?

    python benchmarks/bench_queue.py [--json] [--quick] [--pending 10000 1000000] [--holds 2000000] [--runs 5]

The hold model: take the next event, schedule it again after a delay drawn from 1 .. 60,000 ms. The recipe is in
benchmarks/README.md. Exit status 1 if the order of the events differs or a bar is missed.
"""

from __future__ import annotations

import ctypes
import heapq
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import (
    GCC_LINE,
    Bar,
    Line,
    ReferenceMissingError,
    address,
    bench_folder,
    check_text,
    compile_c,
    engine_flags,
    is_judged,
    machine,
    measured,
    missing,
    new_parser,
    report,
    runs_of,
    say,
    say_line,
)

from engine import EventQueue

Array = np.ndarray[Any, Any]

WINDOW_MS = 60_000
WORD = 2**64 - 1
UNIT = "M/s"
HEAPQ_HOLDS_MAX = 200_000  # the second yardstick is slow
BARS = {10_000: Bar("15 M/s", 15.0, on_ratio=False)}
PENDING, QUICK_PENDING = [10_000, 1_000_000], [1_000, 10_000]
HOLDS, QUICK_HOLDS = 2_000_000, 20_000
ENGINE_LINE, HEAPQ_LINE = "hold", "heapq hold"
REFERENCE_LINES = ("C wheel", "C binary heap", "C 4-ary heap")

# evq.c is a program; with its main renamed it is a library. `draws` gives the very random sequence that it uses.
SHIM = r"""
#define main evq_main
#include "evq.c"
#undef main
double shim_wheel(int64_t n, uint64_t w, int64_t holds, uint64_t *check) { return wheel(n, w, holds, check); }
double shim_heap2(int64_t n, uint64_t w, int64_t holds, uint64_t *check) { return heap(2, n, w, holds, check); }
double shim_heap4(int64_t n, uint64_t w, int64_t holds, uint64_t *check) { return heap(4, n, w, holds, check); }
void shim_draws(int64_t count, uint64_t w, int64_t *out)
{
    s = 88172645463325252ULL;
    for (int64_t i = 0; i < count; i++) out[i] = rnd() % w;
}
"""


def load_shim() -> ctypes.CDLL:
    """Compile evq.c of the reference as a library."""
    source = bench_folder() / "evq.c"
    if not source.is_file():
        raise ReferenceMissingError(f"no bare C queues: expected {source}")
    with tempfile.TemporaryDirectory() as folder:
        shim = Path(folder) / "shim.c"
        shim.write_text(SHIM, encoding="utf-8")
        library = compile_c(shim, folders=[source.parent])
    for name in ("shim_wheel", "shim_heap2", "shim_heap4"):
        getattr(library, name).restype = ctypes.c_double
    return library


def run_reference(shim: ctypes.CDLL, function: str, pending: int, holds: int) -> tuple[float, int]:
    """Run one of the C queues; return its CPU seconds and check value."""
    check = ctypes.c_uint64()
    arguments = (ctypes.c_int64(pending), ctypes.c_uint64(WINDOW_MS), ctypes.c_int64(holds), ctypes.byref(check))
    return float(getattr(shim, function)(*arguments)), int(check.value)


def draws_of(shim: ctypes.CDLL | None, pending: int, holds: int) -> tuple[Array, Array]:
    """Return the first times and the delays: those of evq.c, or of a seeded generator without it."""
    if shim is None:
        numbers = np.random.default_rng(20240229).integers(0, WINDOW_MS, pending + holds)
    else:
        numbers = np.zeros(pending + holds, np.int64)
        shim.shim_draws(ctypes.c_int64(len(numbers)), ctypes.c_uint64(WINDOW_MS), address(numbers))
    return numbers[:pending], numbers[pending:] + 1


def run_engine(times: Array, delays: Array) -> tuple[float, int]:
    """Run the engine's queue; return its CPU seconds and check value."""
    queue = EventQueue()
    queue.schedule_batch(times, np.arange(len(times), dtype=np.int64))
    start = time.thread_time()
    check = queue.hold(delays)
    return time.thread_time() - start, check


def run_heapq(times: Array, delays: Array) -> tuple[float, int]:
    """Run Python's heapq on tuples (time, sequence, number); return its CPU seconds and check value."""
    heap = list(zip(times.tolist(), range(len(times)), range(len(times)), strict=True))
    heapq.heapify(heap)
    waits, sequence, check = delays.tolist(), len(times), 0
    replace = heapq.heapreplace
    start = time.thread_time()
    for wait in waits:
        due, _, number = heap[0]
        check = (check * 31 + number + due) & WORD
        replace(heap, (due + wait, sequence, number))
        sequence += 1
    return time.thread_time() - start, check


def check_differences(found: dict[str, set[int]], expected: str) -> list[str]:
    """Compare check values: every run of every queue must give the one value of `expected`."""
    wanted = found[expected]
    if len(wanted) != 1:
        return [f"{expected}: its own runs differ"]
    value = next(iter(wanted))
    return [
        f"{name}: check expected {value:016x}, was {other:016x}"
        for name, others in found.items()
        for other in sorted(others - wanted)
    ]


def bench_pending(
    shim: ctypes.CDLL | None, reason: str, pending: int, holds: int, runs: int, *, judged: bool
) -> list[Line]:
    """Measure one number of pending events, C queues and engine in turn."""
    times, delays = draws_of(shim, pending, holds)
    functions = dict(zip(REFERENCE_LINES, ("shim_wheel", "shim_heap2", "shim_heap4"), strict=True)) if shim else {}
    seconds: dict[str, list[float]] = {name: [] for name in (ENGINE_LINE, *functions)}
    checks: dict[str, set[int]] = {name: set() for name in (ENGINE_LINE, *functions)}
    for _ in range(runs):
        for name, function in functions.items():
            assert shim is not None
            second, check = run_reference(shim, function, pending, holds)
            seconds[name].append(second)
            checks[name].add(check)
        second, check = run_engine(times, delays)
        seconds[ENGINE_LINE].append(second)
        checks[ENGINE_LINE].add(check)

    few = delays[:HEAPQ_HOLDS_MAX]
    heapq_second, heapq_check = run_heapq(times, few)
    engine_second, engine_check = run_engine(times, few)
    heapq_found = {HEAPQ_LINE: {heapq_check}, ENGINE_LINE: {engine_check}}
    heapq_text = check_text(check_differences(heapq_found, HEAPQ_LINE))

    more = {"pending": pending, "holds": holds, "window_ms": WINDOW_MS}
    bar = BARS.get(pending)
    bar = bar and bar.judged_if(judged)
    label = f"{pending:,} pending: "
    lines = []
    for name in functions:
        pair = {ENGINE_LINE: checks[ENGINE_LINE], name: checks[name]}
        lines.append(
            measured(
                f"{label}{ENGINE_LINE} / {name}",
                holds,
                seconds[ENGINE_LINE],
                check=check_text(check_differences(pair, name)),
                unit=UNIT,
                against=name,
                against_seconds=seconds[name],
                bar=bar,
                more=more,
            )
        )
    if not functions:
        # Without the C queues heapq alone vouches for the order, on its smaller count.
        name = f"{label}{ENGINE_LINE}"
        lines.append(measured(name, holds, seconds[ENGINE_LINE], check=heapq_text, unit=UNIT, bar=bar, more=more))
        lines.append(missing(f"{label}{ENGINE_LINE} / {REFERENCE_LINES[0]}", UNIT, REFERENCE_LINES[0], reason))
    lines.append(
        measured(
            f"{label}{ENGINE_LINE} / {HEAPQ_LINE}",
            len(few),
            [engine_second],
            check=heapq_text,
            unit=UNIT,
            against=HEAPQ_LINE,
            against_seconds=[heapq_second],
            more={**more, "holds": len(few)},
        )
    )
    for line in lines:
        say_line(line)
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = new_parser(__doc__)
    parser.add_argument("--pending", type=int, nargs="*", help="events pending (10000 1000000)")
    parser.add_argument("--holds", type=int, help="events taken and scheduled again (2000000)")
    options = parser.parse_args(arguments)
    pendings = options.pending or (QUICK_PENDING if options.quick else PENDING)
    holds = options.holds or (QUICK_HOLDS if options.quick else HOLDS)
    started = machine()
    flags = {"engine": engine_flags(), "reference": " ".join(GCC_LINE)}
    shim, reason = None, ""
    try:
        shim = load_shim()
    except ReferenceMissingError as missing_reference:
        reason = flags["reference"] = str(missing_reference)
        say(reason)
    lines: list[Line] = []
    for pending in pendings:
        lines += bench_pending(shim, reason, pending, holds, runs_of(options), judged=is_judged(options))
    return report(lines, flags=flags, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
