"""How many book messages a second does a world run, and what do its queue, its snapshots and its last run cost?

    python benchmarks/bench_kernel.py [--json] [--quick] [--only worlds queue] [--markets 1000] [--runs 5]

The recipe is in benchmarks/README.md. Exit status 1 if a check differs or a bar is missed.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

import bench_queue
from bench_memory import resident_bytes
from callers import run_arrays, run_callbacks
from common import (
    Bar,
    Line,
    ReferenceMissingError,
    check_text,
    engine_flags,
    figure_line,
    is_judged,
    machine,
    measured,
    missing,
    new_parser,
    report,
    runs_of,
    say,
    say_line,
    size_text,
)
from flows import differences_of
from simulators import (
    REQUESTS,
    PeerRun,
    crowdbook_runs,
    run_bourse_agents,
    run_bourse_arrays,
    why_no_bourse,
    why_no_crowdbook,
)
from world_runs import bench_one_market, bench_shape, run_world, world_differences
from worlds import WARM_MS, Shape, build_resting, build_world, counts_of

from engine._core import World

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

UNIT = "M/s"
PARTS = ("worlds", "sustained", "callers", "queue", "snapshot", "repeat", "peers")


def bar(least: float, goal: float) -> Bar:
    """Make a bar on millions a second."""
    return Bar(f"{least:g} {UNIT}", least, on_ratio=False, goal=f"{goal:g} {UNIT}")


# Simulated time of a run; the bare C book is held against the one market.
ONE_MARKET_MS, MANY_MARKETS_MS, SUSTAINED_MS = 4_000_000, 4_000, 30_500
QUICK_ONE_MARKET_MS, QUICK_MANY_MARKETS_MS, QUICK_SUSTAINED_MS = 20_000, 1_500, 2_000
MARKETS, QUICK_MARKETS = 1_000, 10
ONE_BAR, MANY_BAR, MASS_BAR = bar(6.0, 12.0), bar(2.5, 5.0), bar(3.5, 6.5)
SUSTAINED_RUNS_MAX = 3

CALLBACK_LINE, CALLBACK_BAR, CALLBACK_PEER = "Python callbacks", bar(0.3, 1.0), "bourse StepEnv, Python agents"
ARRAY_LINE, ARRAY_BAR, ARRAY_PEER = "array agents, orders", bar(2.0, 5.0), "bourse StepEnvNumpy, arrays"
PEER_AGENTS, PEER_STEPS, QUICK_PEER_STEPS = 200, 1_000, 20
CROWDBOOK_SECONDS, QUICK_CROWDBOOK_SECONDS = 600, 20

QUEUE_BARS = {10_000: bar(20.0, 35.0), 1_000_000: bar(8.0, 15.0)}
QUEUE_HOLDS, QUICK_QUEUE_HOLDS = 2_000_000, 20_000

SNAPSHOT_ORDERS, QUICK_SNAPSHOT_ORDERS = 1_000_000, 10_000
SNAPSHOT_BARS = {
    "first": Bar("at most 120 ms", 120.0, on_ratio=False, at_most=True, goal="45 ms"),
    "into a recycled buffer": Bar("at most 60 ms", 60.0, on_ratio=False, at_most=True, goal="25 ms"),
}

REPEATS, QUICK_REPEATS = 1_000, 30
REPEAT_ENDS = 50  # runs at either end whose medians are compared
REPEAT_WARM = 10
REPEAT_SHAPE = Shape(1, until_ms=20_000)
REPEAT_BAR = Bar("at most 1.05 x", 1.05, on_ratio=True, at_most=True, goal="1 x")
MEMORY_BAR = Bar("at most 1 MiB", 1.0, on_ratio=False, at_most=True)


# ---- worlds ----------------------------------------------------------------------------------------------------------


def world_lines(options: argparse.Namespace, judged: bool, flags: dict[str, str]) -> list[Line]:
    """Measure one market and many."""
    runs, quick = runs_of(options), options.quick
    one = Shape(1, options.makers, until_ms=QUICK_ONE_MARKET_MS if quick else ONE_MARKET_MS)
    many = Shape(options.markets, options.makers, until_ms=QUICK_MANY_MARKETS_MS if quick else MANY_MARKETS_MS)
    line, flags["reference"] = bench_one_market(one, runs, judge=ONE_BAR.judged_if(judged))
    lines = [line]
    say_line(line)
    for shape, judge in (
        (many, MANY_BAR),
        (many._replace(mass_quotes=True), MASS_BAR),
        (one._replace(mass_quotes=True), None),
        (one._replace(perpetual=True), None),
        (many._replace(shock_every=1), None),
    ):
        lines.append(bench_shape(shape, runs, judge=judge and judge.judged_if(judged)))
        say_line(lines[-1])
    return lines


def sustained_lines(options: argparse.Namespace, _judged: bool, _: dict[str, str]) -> list[Line]:
    """Run many markets for longer and hold the last third against the first."""
    shape = Shape(options.markets, options.makers, until_ms=QUICK_SUSTAINED_MS if options.quick else SUSTAINED_MS)
    third_ms = (shape.until_ms - WARM_MS) // 3
    rates: list[list[float]] = [[], [], []]
    differences: list[str] = []
    start = build_world(shape, recording=True).snapshot()
    for run in range(min(runs_of(options), SUSTAINED_RUNS_MAX)):
        world = World.restore(start)
        world.run(WARM_MS)
        before = counts_of(world)
        for third in range(3):
            begin = time.thread_time()
            world.run(WARM_MS + (third + 1) * third_ms)
            seconds = time.thread_time() - begin
            counts = counts_of(world)
            rates[third].append(counts.since(before).messages / seconds / 1e6)
            before = counts
        differences += [f"run {run}: {text}" for text in world_differences(world, recording=True)]
    more = {"until_ms": shape.until_ms, **counts.told(), "second_third_value": round(statistics.median(rates[1]), 3)}
    line = figure_line(
        f"{shape.name()}, the last third of {shape.until_ms // 1000} s",
        UNIT,
        rates[2],
        check=check_text(differences),
        against="its first third",
        against_figures=rates[0],
        more=more,
    )
    say_line(line)
    return [line]


# ---- Python agents ---------------------------------------------------------------------------------------------------

# By line, what measures the engine: takes agents and steps, returns a PeerRun whose `kinds` has "calls" or "orders".
CALLERS: dict[str, Callable[[int, int], PeerRun]] = {CALLBACK_LINE: run_callbacks, ARRAY_LINE: run_arrays}


def caller_lines(options: argparse.Namespace, judged: bool, _: dict[str, str]) -> list[Line]:
    """Measure Python callbacks and array agents, each beside bourse."""
    steps = QUICK_PEER_STEPS if options.quick else PEER_STEPS
    return [
        caller_line(
            options, CALLBACK_LINE, "calls", CALLBACK_BAR.judged_if(judged), CALLBACK_PEER, run_bourse_agents, steps
        ),
        caller_line(options, ARRAY_LINE, "orders", ARRAY_BAR.judged_if(judged), ARRAY_PEER, run_bourse_arrays, steps),
    ]


def caller_line(
    options: argparse.Namespace,
    name: str,
    kind: str,
    judge: Bar,
    against: str,
    peer: Callable[[int, int], PeerRun],
    steps: int,
) -> Line:
    """Measure one kind of Python agent, bourse's run right before the engine's."""
    absent = why_no_bourse()
    ours: list[PeerRun] = []
    theirs: list[PeerRun] = []
    for _ in range(runs_of(options)):
        if absent is None:
            theirs.append(peer(PEER_AGENTS, steps))
        ours.append(CALLERS[name](PEER_AGENTS, steps))
    their_rates = [run.kinds[kind] / run.seconds / 1e6 for run in theirs]
    their_checks = [f"{against}: {text}" for run in theirs for text in run.differences]
    more = {"note": absent} if absent else {"peer_kinds": theirs[-1].kinds}
    line = figure_line(
        name,
        UNIT,
        [run.kinds[kind] / run.seconds / 1e6 for run in ours],
        check=check_text([*(text for run in ours for text in run.differences), *their_checks]),
        against=against if their_rates else None,
        against_figures=their_rates or None,
        bar=judge,
        more={**more, **ours[-1].kinds},
    )
    say_line(line)
    return line


# ---- queue -----------------------------------------------------------------------------------------------------------


def queue_lines(options: argparse.Namespace, judged: bool, _: dict[str, str]) -> list[Line]:
    """Hold the event queue to the kernel's bars, by the means of bench_queue."""
    holds = QUICK_QUEUE_HOLDS if options.quick else QUEUE_HOLDS
    try:
        shim = bench_queue.load_shim()
    except ReferenceMissingError as reason:
        say(str(reason))
        shim = None
    lines = []
    for pending, judge in QUEUE_BARS.items():
        times, delays = bench_queue.draws_of(shim, pending, holds)
        seconds, against_seconds = [], []
        checks: dict[str, set[int]] = {"queue": set(), "yardstick": set()}
        for _ in range(runs_of(options)):
            if shim is not None:
                second, value = bench_queue.run_reference(shim, "shim_wheel", pending, holds)
                against_seconds.append(second)
                checks["yardstick"].add(value)
            second, value = bench_queue.run_engine(times, delays)
            seconds.append(second)
            checks["queue"].add(value)
        if shim is None:
            checks["yardstick"].add(bench_queue.run_heapq(times, delays)[1])
        lines.append(
            measured(
                f"queue, {size_text(pending)} pending",
                holds,
                seconds,
                check=check_text(bench_queue.check_differences(checks, "yardstick")),
                against="C wheel" if shim is not None else None,
                against_seconds=against_seconds or None,
                bar=judge.judged_if(judged),
                more={"pending": pending, "holds": holds},
            )
        )
        say_line(lines[-1])
    return lines


# ---- snapshot --------------------------------------------------------------------------------------------------------


def snapshot_lines(options: argparse.Namespace, judged: bool, _: dict[str, str]) -> list[Line]:
    """Measure a snapshot into fresh memory, and into a buffer that has been written to before."""
    orders = QUICK_SNAPSHOT_ORDERS if options.quick else SNAPSHOT_ORDERS
    world = build_resting(orders)
    label = f"snapshot of {size_text(orders)} resting orders, "
    fresh: list[float] = []
    recycled: list[float] = []
    data = world.snapshot()
    buffer = bytearray(data)
    for _ in range(runs_of(options)):
        del data  # the C library gives a block of this size back, so the next snapshot's memory is fresh
        begin = time.thread_time()
        data = world.snapshot()
        fresh.append((time.thread_time() - begin) * 1e3)
        begin = time.thread_time()
        world.snapshot(into=buffer)
        recycled.append((time.thread_time() - begin) * 1e3)
    more = {"bytes": len(data), "orders": world.market(0)["orders"]}
    differences = snapshot_differences(world, data, orders)
    judges = {name: each.judged_if(judged) for name, each in SNAPSHOT_BARS.items()}
    first, second = SNAPSHOT_BARS
    lines = [figure_line(label + first, "ms", fresh, check=check_text(differences), bar=judges[first], more=more)]
    check = check_text(snapshot_differences(world, bytes(buffer), orders))
    lines.append(figure_line(label + second, "ms", recycled, check=check, bar=judges[second], more=more))
    for line in lines:
        say_line(line)
    return lines


def snapshot_differences(world: World, data: bytes, orders: int) -> list[str]:
    """Restore a snapshot and compare its state with the world's."""
    restored = World.restore(data)
    found = {"digest": restored.digest(), "resting orders": restored.market(0)["orders"]}
    return differences_of(found, {"digest": world.digest(), "resting orders": orders})


# ---- repeated runs ---------------------------------------------------------------------------------------------------


def repeat_lines(options: argparse.Namespace, judged: bool, _: dict[str, str]) -> list[Line]:
    """Build and run one small world again and again in this process: time and memory of the last against the first."""
    repeats = QUICK_REPEATS if options.quick else REPEATS
    ends = min(REPEAT_ENDS, repeats // 3)
    seconds: list[float] = []
    digests = set()
    resident = 0
    for run in range(REPEAT_WARM + repeats):
        if run == REPEAT_WARM + ends:
            resident = resident_bytes()
        begin = time.thread_time()
        world = build_world(REPEAT_SHAPE, recording=True)
        world.run(REPEAT_SHAPE.until_ms)
        seconds.append((time.thread_time() - begin) * 1e3)
        digests.add(world.digest())
        del world
    grown = (resident_bytes() - resident) / 2**20
    check = check_text([] if len(digests) == 1 else [f"digests: expected 1, was {len(digests)}"])
    counted = seconds[REPEAT_WARM:]
    more = {"repeats": repeats, "until_ms": REPEAT_SHAPE.until_ms}
    lines = [
        figure_line(
            f"run {repeats:,} in one process",
            "ms",
            [statistics.median(counted[-ends:])],
            check=check,
            against=f"run 1 (medians of {ends})",
            against_figures=[statistics.median(counted[:ends])],
            bar=REPEAT_BAR.judged_if(judged),
            more=more,
        ),
        figure_line(
            f"memory grown by {repeats - ends:,} runs",
            "MiB",
            [grown],
            check=check,
            bar=MEMORY_BAR.judged_if(judged),
            more=more,
        ),
    ]
    for line in lines:
        say_line(line)
    return lines


# ---- other simulators ------------------------------------------------------------------------------------------------


def peer_lines(options: argparse.Namespace, _judged: bool, _: dict[str, str]) -> list[Line]:
    """Measure the world of one market beside crowdbook's: requests against book messages, log rows against events."""
    shape = Shape(1, options.makers, until_ms=QUICK_ONE_MARKET_MS if options.quick else ONE_MARKET_MS)
    names = {kind: f"{shape.name()}: {kind} / crowdbook" for kind in ("requests", "events")}
    absent = why_no_crowdbook()
    if absent:
        lines = [missing(name, UNIT, f"crowdbook, {kind}", absent) for kind, name in names.items()]
        for line in lines:
            say_line(line)
        return lines
    start = build_world(shape, recording=True).snapshot()
    theirs, ours = [], []
    for run in crowdbook_runs(QUICK_CROWDBOOK_SECONDS if options.quick else CROWDBOOK_SECONDS, runs_of(options)):
        theirs.append(run)
        ours.append(run_world(start, shape, recording=True))
    check = check_text(
        [f"crowdbook: {text}" for run in theirs for text in run.differences]
        + [text for run in ours for text in run.differences]
    )
    kinds = theirs[-1].kinds
    peer = {"requests": sum(kinds.get(kind, 0) for kind in REQUESTS), "events": sum(kinds.values())}
    our = {"requests": ours[-1].counts.messages, "events": ours[-1].counts.events}
    lines = [
        figure_line(
            name,
            UNIT,
            [our[kind] / run.seconds / 1e6 for run in ours],
            check=check,
            against=f"crowdbook, {kind}",
            against_figures=[peer[kind] / run.seconds / 1e6 for run in theirs],
            more={"peer_kinds": kinds},
        )
        for kind, name in names.items()
    ]
    for line in lines:
        say_line(line)
    return lines


# ---- the command line ------------------------------------------------------------------------------------------------

MEASURES = dict(
    zip(
        PARTS,
        (world_lines, sustained_lines, caller_lines, queue_lines, snapshot_lines, repeat_lines, peer_lines),
        strict=True,
    )
)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = new_parser(__doc__)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS, help="parts to measure (all)")
    parser.add_argument("--markets", type=int, help=f"markets of the large worlds ({MARKETS})")
    parser.add_argument("--makers", type=int, default=20, help="makers on each market (20)")
    options = parser.parse_args(arguments)
    options.markets = options.markets or (QUICK_MARKETS if options.quick else MARKETS)
    started = machine()
    flags = {"engine": engine_flags()}
    judged = is_judged(options) and options.markets >= MARKETS and options.makers == Shape(1).makers
    lines: list[Line] = []
    for part in options.only:
        lines += MEASURES[part](options, judged, flags)
    return report(lines, flags=flags, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
