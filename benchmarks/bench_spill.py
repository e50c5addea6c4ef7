"""How much memory does a long run take whose tables spill to Parquet?

    python benchmarks/bench_spill.py [--json] [--quick] [--events 100000000] [--folder FOLDER]

Every table is on. Peak resident memory of this process; the files go to a temporary folder (some 5 GB at 10^8 events)
and are removed. The recipe is in benchmarks/README.md. Exit status 1 if a file has not the rows that the world counted,
or the bar is missed.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from common import (
    Bar,
    Line,
    check_text,
    engine_flags,
    figure_line,
    is_judged,
    machine,
    new_parser,
    report,
    say,
    say_line,
)
from worlds import Shape, build_world

if TYPE_CHECKING:
    from engine import _core
    from engine.spill import Spill

EVENTS, QUICK_EVENTS = 100_000_000, 300_000
FOREVER_MS = 2**40
RSS_BAR = Bar("below 1 GB", 1_000.0, on_ratio=False, at_most=True)
CADENCES_MS = {"mid_every_ms": 100, "samples_every_ms": 100, "depth_every_ms": 1_000, "accounts_every_ms": 1_000}


def peak_megabytes() -> float:
    """Read the most memory that this process has held, in 10^6 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def run_spilling(events: int, folder: Path) -> tuple[_core.World, Spill, float]:
    """Run a world with every table on and spilling; return it, its files and the CPU seconds."""
    world = build_world(Shape(1), recording=True, journal=True)
    switches = ("orders", "quotes", "quote_sizes", "last", "movements", "waterfall", "actions")
    world.record(**dict.fromkeys(switches, True), **CADENCES_MS, accounts="all")
    start = time.process_time()
    with world.spill(folder) as spill:
        world.run(FOREVER_MS, events=events)
    return world, spill, time.process_time() - start


def differences_of(world: _core.World, spill: Spill) -> list[str]:
    """Compare the rows in the files with what the world has counted."""
    counts, written = world.counts(), {name: rows for name, (rows, _, _) in world.table_memory().items()}
    told = {
        "trades": counts["trades"],
        "orders": counts["orders"] + counts["cancels"] + counts["cancel_misses"],
    }
    differences = []
    for name, rows in {**written, **told}.items():
        found = pq.read_metadata(spill.files[name]).num_rows
        if found != rows:
            differences.append(f"{name}: expected {rows} rows, was {found}")
    return differences


def bench_spill(events: int, parent: Path | None, *, judged: bool) -> list[Line]:
    """Measure one run."""
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        start_mb = peak_megabytes()
        world, spill, seconds = run_spilling(events, Path(folder))
        peak_mb = peak_megabytes()
        rows = sum(spill.rows.values())
        file_mb = sum(path.stat().st_size for path in spill.files.values()) / 1e6
        check = check_text(differences_of(world, spill))
    more = {
        "events": events,
        "rows": rows,
        "start_mb": round(start_mb, 1),
        "files_mb": round(file_mb, 1),
        "cpu_s": round(seconds, 1),
    }
    tables = len(spill.files)
    say(f"{events:,} events, {rows:,} rows in {tables} tables, {file_mb:,.0f} MB of files, {seconds:.1f} s of CPU")
    return [
        figure_line(
            "peak RSS, every table spilling", "MB", [peak_mb], check=check, bar=RSS_BAR.judged_if(judged), more=more
        ),
        figure_line("events, every table spilling", "M/s", [events / seconds / 1e6], check=check, more=more),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = new_parser(__doc__, runs=1)
    parser.add_argument("--events", type=int, help=f"events of the run ({EVENTS})")
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    options = parser.parse_args(arguments)
    events = options.events or (QUICK_EVENTS if options.quick else EVENTS)
    started = machine()
    flags = {"engine": engine_flags()}
    lines = bench_spill(events, options.folder, judged=is_judged(options) and events >= EVENTS)
    for line in lines:
        say_line(line)
    return report(lines, flags=flags, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
