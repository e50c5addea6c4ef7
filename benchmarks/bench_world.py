"""How many events a second does a whole world run: makers, a noise trader, ledger, journal and trades of one market?

    python benchmarks/bench_world.py [--json] [--quick] [--makers 20] [--levels 5] [--until-ms 600000] [--runs 5]

There is no yardstick yet and no bar: an honest figure. The recipe is in benchmarks/README.md. Exit status 1 if a run
without recording ends in another state.
"""

from __future__ import annotations

import sys
import time

from common import Line, check_text, engine_flags, machine, measured, new_parser, report, runs_of, say, say_line

from engine import Side, _core

PRICE_TICKS = 100_000
SUPPLY_MAX = 2**60
WEALTH_ATOMS = 10**14
QTY_LOTS = 100
UNTIL_MS, QUICK_UNTIL_MS = 600_000, 5_000


def make_world(makers: int, levels: int, *, recording: bool) -> tuple[_core.World, int]:
    """Build one spot market with makers who quote and a noise trader; nothing has run yet."""
    world = _core.World(20240229, record_trades=recording, record_journal=recording)
    quote, base = world.add_asset(SUPPLY_MAX), world.add_asset(SUPPLY_MAX)
    first = world.add_accounts(makers + 2)
    market = world.add_spot(base, quote, atoms_per_tick_lot=1, base_atoms_per_lot=1)
    for account in range(first, first + makers + 2):
        world.deposit(account, quote, WEALTH_ATOMS)
        world.deposit(account, base, WEALTH_ATOMS)
    # A maker centres on the mid, so somebody has to stand there first: thin, far out and never cancelled.
    standing, trader = first + makers, first + makers + 1
    for side in (Side.BUY, Side.SELL):
        world.send_order(standing, market, side, PRICE_TICKS - int(side) * 200, QTY_LOTS, at_ms=1)
    for ordinal in range(makers):
        maker = world.add_agents(
            "maker",
            first + ordinal,
            _core.member_key("makers", ordinal),
            wake_every_ms=100,
            window_ms=1_000,
            return_after_ms=1_000,
            latency_ms=0,
            latency_law=("lognormal", 8.0, 0.5),
            half_spread=0.0005,
            spacing=0.0005,
            levels=levels,
            anchor=0.3,
            fair_tau_ms=60_000.0,
            drawdown=0.0,
            return_size=1.0,
            start_ms=2,
        )
        world.add_quotes(maker, market, QTY_LOTS)
    key = _core.member_key("noise", 0)
    world.add_agents(
        "noise",
        trader,
        key,
        market=market,
        mean_gap_ms=20.0,
        qty_min=1,
        qty_max=4 * QTY_LOTS,
        latency_ms=5,
        start_ms=100,
    )
    return world, market


def run_world(makers: int, levels: int, until_ms: int, *, recording: bool) -> tuple[float, _core.World, int]:
    """Run a fresh world; return its CPU seconds, the world and its market."""
    world, market = make_world(makers, levels, recording=recording)
    start = time.thread_time()
    world.run(until_ms)
    return time.thread_time() - start, world, market


def bench_world(makers: int, levels: int, until_ms: int, runs: int) -> list[Line]:
    """Measure the world with recording and without, in turn."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    differences: list[str] = []
    counts: dict[str, int] = {}
    for run in range(runs):
        digests = {}
        for recording in (True, False):
            second, world, market = run_world(makers, levels, until_ms, recording=recording)
            seconds[recording].append(second)
            digests[recording] = world.digest()
            world.check_invariants()
            found = world.counts()
            if recording:
                rows = len(world.trades())
                if rows != found["trades"]:
                    differences.append(f"run {run}: trades recorded: expected {found['trades']}, was {rows}")
                counts = {
                    "events": found["events"],
                    "messages": found["orders"] + found["cancels"],
                    "trades": found["trades"],
                    "rejects": sum(found["rejects"].values()),
                    "resting": world.market(market)["orders"],
                }
        if digests[True] != digests[False]:
            differences.append(
                f"run {run}: digest without recording: expected {digests[True]:016x}, was {digests[False]:016x}"
            )
    check = check_text(differences)
    more = {"makers": makers, "levels": levels, "until_ms": until_ms, **counts}
    say(
        f"{makers} makers x {levels} levels, {until_ms:,} ms: "
        + ", ".join(f"{n:,} {name}" for name, n in counts.items())
    )
    recorded, bare = seconds[True], seconds[False]
    return [
        measured("events, trades and journal recorded", counts["events"], recorded, check=check, more=more),
        measured("events, nothing recorded", counts["events"], bare, check=check, more=more),
        measured("book messages, all recorded", counts["messages"], recorded, check=check, more=more),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = new_parser(__doc__)
    parser.add_argument("--makers", type=int, default=20)
    parser.add_argument("--levels", type=int, default=5, help="quotes of a maker on each side, 1 .. 8")
    parser.add_argument("--until-ms", type=int, help="simulated time (600000)")
    options = parser.parse_args(arguments)
    until_ms = options.until_ms or (QUICK_UNTIL_MS if options.quick else UNTIL_MS)
    started = machine()
    flags = {"engine": engine_flags()}
    lines = bench_world(options.makers, options.levels, until_ms, runs_of(options))
    for line in lines:
        say_line(line)
    return report(lines, flags=flags, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
