"""How a world is timed and its result checked: recorded and bare in turn, and beside the bare C book on its journal."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

from common import Bar, Line, ReferenceMissingError, check_text, load_flow, measured, reference_flags, say
from flows import differences_of, fill_differences
from worlds import WARM_MS, Counts, Messages, Shape, build_world, counts_of, lots_differences, messages_of

from engine._core import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

REFERENCE = "replay of its journal"


class WorldRun(NamedTuple):
    """A timed stretch of a world: CPU seconds, what happened, the digest at its end and what was not in order."""

    seconds: float
    counts: Counts
    digest: int
    differences: list[str]


def run_world(start: bytes, shape: Shape, *, recording: bool) -> WorldRun:
    """Run a world on from a snapshot; the first half second is not timed: it makes the memory that it needs."""
    world = World.restore(start)
    world.run(WARM_MS)
    before = counts_of(world)
    begin = time.thread_time()
    world.run(shape.until_ms)
    seconds = time.thread_time() - begin
    counts = counts_of(world).since(before)
    differences = world_differences(world, recording=recording)
    return WorldRun(seconds, counts, world.digest(), differences)


def world_differences(world: World, *, recording: bool) -> list[str]:
    """Walk the world, and compare its trades and messages with what its tables and counters say."""
    world.check_invariants()  # raises: a world that is not in order has no rate
    found = world.counts()
    rows, expected = len(world.trades()), found["trades"] if recording else 0
    differences = [] if rows == expected else [f"trades recorded: expected {expected}, was {rows}"]
    rejects = sum(found["rejects"].values())
    if rejects:
        differences.append(f"rejects: expected 0, was {rejects}")
    return differences


def bench_shape(
    shape: Shape, runs: int, *, judge: Bar | None, name: str = "", yardstick: Callable[[], float] | None = None
) -> Line:
    """Measure a world with everything recorded and with nothing recorded, in turn."""
    starts = {recording: build_world(shape, recording=recording).snapshot() for recording in (True, False)}
    seconds: dict[bool, list[float]] = {True: [], False: []}
    against_seconds: list[float] = []
    differences: list[str] = []
    found: dict[bool, WorldRun] = {}
    for run in range(runs):
        if yardstick is not None:
            against_seconds.append(yardstick())
        for recording, start in starts.items():
            found[recording] = run_world(start, shape, recording=recording)
            seconds[recording].append(found[recording].seconds)
            differences += [f"run {run}: {text}" for text in found[recording].differences]
        recorded, bare = found[True], found[False]
        if recorded.digest != bare.digest:
            differences.append(
                f"run {run}: digest with recording off: expected {recorded.digest:016x}, was {bare.digest:016x}"
            )
    counts = found[True].counts
    if judge is not None:
        differences += counts.mix_differences()
    if shape.mass_quotes:
        differences += journalled_differences(shape)
    bare_rate = statistics.median(counts.messages / second / 1e6 for second in seconds[False])
    events_rate = statistics.median(counts.events / second / 1e6 for second in seconds[True])
    more = {
        **counts.told(),
        "events_value": round(events_rate, 3),
        "unrecorded_value": round(bare_rate, 3),
        "until_ms": shape.until_ms,
        "digest": f"{found[True].digest:016x}",
    }
    return measured(
        name or shape.name(),
        counts.messages,
        seconds[True],
        check=check_text(differences),
        against=REFERENCE if yardstick else None,
        against_seconds=against_seconds if yardstick else None,
        bar=judge,
        more=more,
    )


def journalled_differences(shape: Shape) -> list[str]:
    """Run a world once more with its journal and follow its lots: no message of a mass quote is lost or doubled."""
    world = build_world(shape, recording=True, journal=True)
    world.run(shape.until_ms)
    return lots_differences(world, shape.markets)


def bench_one_market(shape: Shape, runs: int, *, judge: Bar) -> tuple[Line, str]:
    """Measure the world of one market beside the bare C book on that world's own journal."""
    try:
        reference = load_flow()
    except ReferenceMissingError as reason:
        say(str(reason))
        return bench_shape(shape, runs, judge=judge), str(reason)
    world = build_world(shape, recording=True, journal=True)
    world.run(WARM_MS)
    warm_rows = len(world.journal())
    world.run(shape.until_ms)
    messages = messages_of(world)
    differences = journal_differences(reference, world, messages)
    # The reference replays the whole run; the engine's clock starts after the first half second.
    share = (len(messages.columns["type"]) - warm_rows) / len(messages.columns["type"])
    line = bench_shape(shape, runs, judge=judge, yardstick=lambda: reference.replay(messages.columns, 0)[0] * share)
    if differences:
        line.check = check_text([*([] if line.check == "equal" else [line.check]), *differences])
    return line, reference_flags(reference)


def journal_differences(reference: ModuleType, world: World, messages: Messages) -> list[str]:
    """Compare every trade of the run, and what rests at its end, with those of the bare C book on its journal."""
    _, expected = reference.replay(messages.columns, 1)
    found = world.market(0)
    left = {"trades": found["trades"], "qty": found["traded_lots"]}
    resting = expected["live_bids"] + expected["live_asks"]
    differences = fill_differences(messages.fills, expected) + differences_of(left, expected)
    if found["orders"] != resting:
        differences.append(f"resting orders: expected {resting}, was {found['orders']}")
    return [f"{REFERENCE}: {text}" for text in differences]
