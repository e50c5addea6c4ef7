"""How many messages a second does the matcher take, next to a bare C book on the same flow?

    python benchmarks/bench_matcher.py [--json] [--quick] [--n 1000000 5000000] [--regimes steady deep] [--runs 5]

The recipe is in benchmarks/README.md. Exit status 1 if a fill, a count or the book left behind differs, or a bar is
missed.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, NamedTuple

from common import (
    Bar,
    Line,
    ReferenceMissingError,
    check_text,
    engine_flags,
    is_judged,
    load_flow,
    machine,
    measured,
    missing,
    new_parser,
    reference_flags,
    report,
    runs_of,
    say,
    say_line,
    size_text,
)
from drivers import (
    BOURSE,
    Outcome,
    check_calls_by_slot,
    run_batch,
    run_calls_by_id,
    run_calls_by_slot,
    run_calls_with_fills,
    why_missing,
)
from flows import REGIMES, Flow, calls_of, make_flow

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

UNIT = "M/s"
SIZES, QUICK_SIZES = [1_000_000, 5_000_000], [10_000]
JUDGED_FROM = 1_000_000  # messages; in a shorter flow the first touch of memory is most of the time
CALLS_UP_TO = 1_000_000  # messages; longer flows are for the batches only, and run
LONG_RUNS_MAX = 3  # times at most

SLOT_LINE, ID_LINE = "batch by slot_id", "batch by order_id"
CALL_SLOT_LINE, CALL_ID_LINE = "call by call, slot_id", "call by call, order_id"
CALL_FILLS_LINE = "call by call, order_id, fills read"
BATCH_LINES = (SLOT_LINE, ID_LINE)
CALL_LINES = (CALL_SLOT_LINE, CALL_ID_LINE, CALL_FILLS_LINE)
AGAINST = {SLOT_LINE: "replay_slots", ID_LINE: "replay", **dict.fromkeys(CALL_LINES, BOURSE.name)}
CALL_BAR = Bar("3 x bourse", 3.0, goal="6 x bourse")
BARS = {
    SLOT_LINE: Bar("0.6 of replay_slots", 0.6, goal="0.9 of replay_slots"),
    ID_LINE: Bar("0.6 of replay", 0.6, goal="0.9 of replay"),
    CALL_SLOT_LINE: CALL_BAR,
    CALL_ID_LINE: CALL_BAR,
}


class Runner(NamedTuple):
    """One line's run, and the yardstick's that goes right before it.

    A line without one is held against the run of its yardstick that came last.
    """

    run: Callable[[], Outcome]
    yardstick: Callable[[], Outcome] | None = None


def lines_of(n: int) -> tuple[str, ...]:
    """List the lines of a flow of `n` messages."""
    return BATCH_LINES if n > CALLS_UP_TO else BATCH_LINES + CALL_LINES


def runners_of(reference: ModuleType, flow: Flow, n: int) -> dict[str, Runner]:
    """Return what is run for each line, in order."""
    runners = {
        SLOT_LINE: Runner(
            lambda: run_batch(flow, by_slot=True), lambda: (reference.replay_slots(flow.messages)[0], [])
        ),
        ID_LINE: Runner(
            lambda: run_batch(flow, by_slot=False), lambda: (reference.replay(flow.messages, hashing=0)[0], [])
        ),
    }
    if n > CALLS_UP_TO:
        return runners
    by_slot, by_id = calls_of(flow, by_slot=True), calls_of(flow, by_slot=False)
    bourse = None if why_missing(BOURSE) else lambda: BOURSE.run(flow, by_id)
    runners[CALL_SLOT_LINE] = Runner(lambda: run_calls_by_slot(flow, by_slot), bourse)
    runners[CALL_ID_LINE] = Runner(lambda: run_calls_by_id(flow, by_id), bourse)
    runners[CALL_FILLS_LINE] = Runner(lambda: run_calls_with_fills(flow, by_id))
    return runners


def run_in_turn(
    runners: dict[str, Runner], runs: int
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, list[str]], list[str]]:
    """Run everything `runs` times: seconds, the yardstick's seconds and differences by line, and the peer's own."""
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    against_seconds: dict[str, list[float]] = {name: [] for name in runners}
    differences: dict[str, list[str]] = {name: [] for name in runners}
    peer_differences: list[str] = []
    latest: dict[str, float] = {}
    for run in range(runs):
        for name, runner in runners.items():
            if runner.yardstick is not None:
                latest[AGAINST[name]], found = runner.yardstick()
                peer_differences += found
            if AGAINST[name] in latest:
                against_seconds[name].append(latest[AGAINST[name]])
            second, found = runner.run()
            seconds[name].append(second)
            differences[name] += [f"run {run}: {text}" for text in found]
    return seconds, against_seconds, differences, peer_differences


def bench_flow(reference: ModuleType, regime: str, n: int, runs: int, *, judged: bool) -> list[Line]:
    """Measure one flow, reference and engine in turn."""
    flow = make_flow(reference, regime, n)
    runners = runners_of(reference, flow, n)
    # A million tuples are not walked again whenever the loop makes an object; that holds for both sides.
    gc.collect()
    gc.freeze()
    try:
        seconds, against_seconds, differences, peer_differences = run_in_turn(runners, runs)
        if CALL_SLOT_LINE in runners:
            differences[CALL_SLOT_LINE] += check_calls_by_slot(flow, calls_of(flow, by_slot=True))
            # The loop that drops its results makes the very calls of the one that reads its fills.
            differences[CALL_ID_LINE] += differences[CALL_FILLS_LINE]
    finally:
        gc.unfreeze()
    note = why_missing(BOURSE)
    if peer_differences:
        note = f"no ratio, {BOURSE.name} does not do the same work: {peer_differences[0]}"
    lines = []
    for name in runners:
        more = {"regime": regime, "n": n, "fills": flow.expected["trades"], "slots": flow.slots}
        comparable = bool(against_seconds[name])
        if AGAINST[name] == BOURSE.name and note:
            more["note"], comparable = note, False
        bar = BARS.get(name)
        lines.append(
            measured(
                line_name(regime, n, name),
                n,
                seconds[name],
                check=check_text(differences[name]),
                unit=UNIT,
                against=AGAINST[name],
                against_seconds=against_seconds[name] if comparable else None,
                bar=bar and bar.judged_if(judged and n >= JUDGED_FROM),
                more=more,
            )
        )
        say_line(lines[-1])
    if note and n <= CALLS_UP_TO:
        say(f"{regime}: {note}")
    return lines


def line_name(regime: str, n: int, name: str) -> str:
    """Name a line."""
    return f"{regime} {size_text(n)}: {name}"


def missing_lines(regimes: list[str], sizes: list[int], reason: str) -> list[Line]:
    """Make the lines of a machine without the reference: its generator makes the flows, so there is nothing to run."""
    return [
        missing(line_name(regime, n, name), UNIT, AGAINST[name], reason, bar=BARS.get(name))
        for n in sizes
        for regime in regimes
        for name in lines_of(n)
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = new_parser(__doc__)
    parser.add_argument("--n", type=int, nargs="*", help="messages of a flow (1000000 5000000)")
    parser.add_argument("--regimes", nargs="*", choices=REGIMES, default=REGIMES)
    options = parser.parse_args(arguments)
    sizes = options.n or (QUICK_SIZES if options.quick else SIZES)
    runs = runs_of(options)
    started = machine()
    flags = {"engine": engine_flags()}
    lines: list[Line] = []
    try:
        reference = load_flow()
        flags["reference"] = reference_flags(reference)
        for n in sizes:
            most = runs if n <= CALLS_UP_TO else min(runs, LONG_RUNS_MAX)
            for regime in options.regimes:
                lines += bench_flow(reference, regime, n, most, judged=is_judged(options))
    except ReferenceMissingError as reason:
        say(str(reason))
        flags["reference"] = str(reason)
        lines = missing_lines(options.regimes, sizes, str(reason))
    return report(lines, flags=flags, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
