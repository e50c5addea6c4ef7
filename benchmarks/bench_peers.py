"""How many messages a second do the order books of PyPI take from Python, next to the engine on the same flow?

    python benchmarks/bench_peers.py [--json] [--quick] [--n 100000 1000000] [--runs 5]

Peers that are installed (`pip install 'firesale[peers]'`) are run, one call a message; the others say that they are
not. The recipe is in benchmarks/README.md. Exit status 1 if a book's result differs from the reference's.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

from common import (
    Line,
    ReferenceMissingError,
    check_text,
    engine_flags,
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
from drivers import PEERS, Outcome, Peer, run_batch, run_calls_by_id, why_missing
from flows import calls_of, make_flow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

UNIT = "M/s"
REGIME = "steady"
SIZES, QUICK_SIZES = [100_000, 1_000_000], [10_000]
LONG_FROM, LONG_RUNS_MAX = 1_000_000, 3  # the slowest peer takes seconds a run there
CALL_LINE, BATCH_LINE = "call by call", "batch"
LINES = (CALL_LINE, BATCH_LINE)


def line_name(n: int, line: str, peer: Peer) -> str:
    """Name a line."""
    return f"{REGIME} {size_text(n)}: {line} / {peer.name}"


def run_in_turn(
    runners: dict[str, Callable[[], Outcome]], runs: int
) -> tuple[dict[str, list[float]], dict[str, list[str]]]:
    """Run everything `runs` times in turn; return seconds and differences by name."""
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    differences: dict[str, list[str]] = {name: [] for name in runners}
    for run in range(runs):
        for name, runner in runners.items():
            second, found = runner()
            seconds[name].append(second)
            differences[name] += [f"{name}, run {run}: {text}" for text in found]
    return seconds, differences


def bench_peer(reference: ModuleType, peer: Peer, n: int, runs: int) -> list[Line]:
    """Measure one peer and the engine in turn."""
    reason = why_missing(peer)
    if reason:
        return [missing(line_name(n, line, peer), UNIT, peer.name, reason) for line in LINES]
    flow = make_flow(reference, REGIME, n)
    calls = calls_of(flow, by_slot=False)
    runners = {
        peer.name: lambda: peer.run(flow, calls),
        CALL_LINE: lambda: run_calls_by_id(flow, calls),
        BATCH_LINE: lambda: run_batch(flow, by_slot=False),
    }
    gc.collect()
    gc.freeze()
    try:
        seconds, differences = run_in_turn(runners, runs)
    finally:
        gc.unfreeze()
    more = {"n": n, "regime": REGIME, "compared": peer.compared, "peer_batch_api": peer.batch_api}
    return [
        measured(
            line_name(n, line, peer),
            n,
            seconds[line],
            check=check_text(differences[line] + differences[peer.name]),
            unit=UNIT,
            against=peer.name,
            against_seconds=seconds[peer.name],
            more=more,
        )
        for line in LINES
    ]


def bench_peers(reference: ModuleType, peers: Sequence[Peer], sizes: list[int], runs: int) -> list[Line]:
    """Measure every peer at every size."""
    lines = []
    for n in sizes:
        for peer in peers:
            for line in bench_peer(reference, peer, n, runs if n < LONG_FROM else min(runs, LONG_RUNS_MAX)):
                say_line(line)
                lines.append(line)
    for peer in peers:
        say(f"{peer.name}: compared with the reference: {peer.compared}; batch interface: {peer.batch_api}")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = new_parser(__doc__)
    parser.add_argument("--n", type=int, nargs="*", help="messages of a flow (100000 1000000)")
    options = parser.parse_args(arguments)
    sizes = options.n or (QUICK_SIZES if options.quick else SIZES)
    started = machine()
    flags = {"engine": engine_flags()}
    try:
        reference = load_flow()
        flags["reference"] = reference_flags(reference)
        lines = bench_peers(reference, PEERS, sizes, runs_of(options))
    except ReferenceMissingError as reason:
        say(str(reason))
        flags["reference"] = str(reason)
        lines = [
            missing(line_name(n, line, peer), UNIT, peer.name, str(reason))
            for n in sizes
            for peer in PEERS
            for line in LINES
        ]
    return report(lines, flags=flags, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
