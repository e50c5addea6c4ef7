"""What does 10 October 2025 cost at full size, and how does that grow with accounts and with markets?

    python benchmarks/bench_october.py [--json] [--quick] [--only full accounts markets] [--minutes 40]

The scenario is `engine.scenarios.october_2025`; each size is built and run in a process of its own, on one core, and
its tables stay in memory. The recipe is in benchmarks/README.md. Exit status 1 if a world breaks a rule, the full size
is smaller than it says, or a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

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

PARTS = ("full", "accounts", "markets")
FULL, QUICK_MINUTES, MINUTES = "full", 0.5, 40.0
ACCOUNTS, QUICK_ACCOUNTS, ACCOUNTS_MARKETS = (10_000, 100_000, 400_000, 1_600_000), (1_000, 4_000), 100
MARKETS, QUICK_MARKETS, MARKETS_ACCOUNTS = (12, 100, 1_100), (12, 30), 100_000
CPU_BAR = Bar("8 min", 480.0, on_ratio=False, at_most=True, goal="105 s")
PEAK_BAR = Bar("4 GB", 4_000.0, on_ratio=False, at_most=True, goal="1.5 GB")
GROWTH_BAR = Bar("1.1", 1.1, on_ratio=False, at_most=True)
MESSAGES_LEAST, EARLY_LEAST, MAKERS_LEAST, FORCED_LEAST = 250_000_000, 1_000, 3, 100_000  # what full size means


@dataclass(frozen=True)
class Measured:
    """One size, built and run: what `engine.size.Gauge` reads of it, and which rules it broke."""

    size: dict[str, Any]
    differences: list[str]

    @property
    def seconds(self) -> float:
        """CPU of building and running."""
        return float(self.size["build_s"] + self.size["run_s"])


# ---- one size, in this process ---------------------------------------------------------------------------------------


def sized(markets: int, accounts: int) -> None:
    """Make the scale `full` of so many markets, all kinds in proportion, and accounts."""
    from engine.scenarios.october.draft import SIZES

    full = SIZES[FULL]
    part = markets / (full.coins + full.perpetuals + full.dex + full.bybit)
    counts = {name: max(3, round(getattr(full, name) * part)) for name in ("coins", "perpetuals", "dex", "bybit")}
    SIZES[FULL] = replace(full, **counts, accounts=accounts)


def run_here(markets: int, accounts: int, minutes: float) -> dict[str, Any]:
    """Build and run one size; 0 markets: the full one as it is, 0 minutes: to its end."""
    from engine.part import Part
    from engine.run import run_part
    from engine.scenarios import october_2025
    from engine.size import Gauge

    if markets:
        sized(markets, accounts)
    scenario = october_2025.scenario(FULL)
    gauge = Gauge(scenario)
    simulation = scenario.simulation()
    gauge.built()
    part = Part("base", simulation, round(minutes * 60_000) if minutes else scenario.duration)
    run_part(part, gauge=gauge)
    size = gauge.read(part)
    start = time.process_time()
    figures = part.figures
    size |= {"figures_s": round(time.process_time() - start, 3), "digest": figures["digest"]}
    return {"size": size, "differences": [] if figures["invariants"] == "hold" else [figures["invariants"]]}


def measure(markets: int, accounts: int, minutes: float) -> Measured:
    """Build and run one size in a process of its own."""
    line = [sys.executable, __file__, "--one", str(markets), str(accounts), str(minutes)]
    said = subprocess.run(line, check=True, capture_output=True, text=True).stdout
    found = Measured(**json.loads(said))
    messages = found.size["messages"]
    say(
        f"  {found.size['markets']:5} markets, {found.size['accounts']:9,} accounts: "
        f"build {found.size['build_s']:.1f} s, run {found.size['run_s']:.1f} s, "
        f"{messages['all'] / 1e6:.1f} M messages, {messages['mean']:.1f} a market and second, "
        f"peak {found.size['peak_mb']:.0f} MB"
    )
    return found


# ---- lines -----------------------------------------------------------------------------------------------------------


def short_of(size: dict[str, Any]) -> list[str]:
    """Return in what a run is smaller than the full size has to be."""
    messages = size["messages"]
    least = {
        "messages": (messages["all"], MESSAGES_LEAST),
        "messages of a market in the first minutes": (messages["early"]["least"], EARLY_LEAST),
        "makers on a market": (size["makers_least"], MAKERS_LEAST),
        "orders of liquidations": (size["forced_orders"], FORCED_LEAST),
    }
    return [f"{name}: {found:,}, at least {wanted:,}" for name, (found, wanted) in least.items() if found < wanted]


def full_lines(options: argparse.Namespace, judged: bool) -> list[Line]:
    """Measure the whole day at full size."""
    found = measure(12, 1_000, QUICK_MINUTES) if options.quick else measure(0, 0, 0)
    check = check_text(found.differences + ([] if options.quick else short_of(found.size)))
    more = {"size": found.size}
    rate = found.size["messages"]["all"] / found.seconds / 1e6
    return [
        figure_line("full day: CPU", "s", [found.seconds], check=check, bar=CPU_BAR.judged_if(judged), more=more),
        figure_line("full day: memory", "MB", [found.size["peak_mb"]], check=check, bar=PEAK_BAR.judged_if(judged)),
        figure_line("full day: messages by CPU", "M/s", [rate], check=check),
    ]


def exponent(sizes: list[float], figures: list[float]) -> float:
    """Return the exponent between the ends: figure ~ size ^ exponent."""
    return math.log(figures[-1] / figures[0]) / math.log(sizes[-1] / sizes[0])


def growth_lines(name: str, runs: list[Measured], judged: bool) -> list[Line]:
    """Make the lines of a growth: CPU of building, of running, and memory, against the counts of `name`."""
    counts = [float(run.size[name]) for run in runs]
    check = check_text([text for run in runs for text in run.differences])
    figures = {
        "build": [float(run.size["build_s"]) for run in runs],
        "run": [float(run.size["run_s"]) for run in runs],
        "memory": [float(run.size["peak_mb"]) for run in runs],
    }
    bar = GROWTH_BAR.judged_if(judged)
    return [
        figure_line(
            f"growth with {name}: {what}",
            "exponent",
            [exponent(counts, values)],
            check=check,
            bar=bar,
            more={"sizes": counts, "figures": values},
        )
        for what, values in figures.items()
    ]


def accounts_lines(options: argparse.Namespace, judged: bool) -> list[Line]:
    """Measure the growth with accounts."""
    markets = QUICK_MARKETS[0] if options.quick else ACCOUNTS_MARKETS
    steps = QUICK_ACCOUNTS if options.quick else ACCOUNTS
    return growth_lines("accounts", [measure(markets, each, options.minutes) for each in steps], judged)


def markets_lines(options: argparse.Namespace, judged: bool) -> list[Line]:
    """Measure the growth with markets."""
    steps, accounts = (QUICK_MARKETS, 1_000) if options.quick else (MARKETS, MARKETS_ACCOUNTS)
    return growth_lines("markets", [measure(each, accounts, options.minutes) for each in steps], judged)


MEASURES = dict(zip(PARTS, (full_lines, accounts_lines, markets_lines), strict=True))


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = new_parser(__doc__, runs=1)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS, help="parts to measure (all)")
    parser.add_argument("--minutes", type=float, help=f"simulated minutes of the growth's sizes ({MINUTES:g})")
    parser.add_argument("--one", nargs=3, metavar=("MARKETS", "ACCOUNTS", "MINUTES"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        markets, accounts, minutes = options.one
        print(json.dumps(run_here(int(markets), int(accounts), float(minutes))))
        return 0
    options.minutes = options.minutes or (QUICK_MINUTES if options.quick else MINUTES)
    started, flags = machine(), {"engine": engine_flags()}
    lines: list[Line] = []
    for part in options.only:
        found = MEASURES[part](options, is_judged(options))
        for line in found:
            say_line(line)
        lines += found
    return report(lines, flags=flags, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
