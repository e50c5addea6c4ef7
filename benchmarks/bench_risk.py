"""What do margin and triggers cost: a mark that reaches nobody, an account re-armed, a slide that liquidates most?

    python benchmarks/bench_risk.py [--json] [--quick] [--only index drift table lrvx memory] [--accounts 1000000]

The recipe is in benchmarks/README.md. Exit status 1 if a liquidation differs from the full scan's or a bar is missed.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from bench_memory import resident_bytes
from common import (
    Bar,
    Line,
    ReferenceMissingError,
    check_text,
    engine_flags,
    figure_line,
    is_judged,
    machine,
    missing,
    new_parser,
    report,
    runs_of,
    say,
    say_line,
    size_text,
)
from risk_peers import (
    MAINTENANCE_PPM,
    PROGRAM_FLAGS,
    Prototype,
    PrototypeProgram,
    lrvx_engine,
    lrvx_seconds,
    why_no_lrvx,
)
from risk_scan import NEVER, Scan
from risk_workloads import draw_trades, drift_marks, make_accounts, quiet_marks, slide_marks
from risk_worlds import (
    ASSET,
    FIRST,
    Clock,
    breach_differences,
    breach_rounds,
    build_world,
    liquidation_count,
    names_of,
    risk_since,
    rounds_after,
    rounds_seconds,
    run_checks,
    send_trades,
    single_marks_seconds,
    surplus_differences,
    trading_seconds,
)

from engine._core import World

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from risk_workloads import Accounts, Array, Trades

PARTS = ("index", "drift", "table", "lrvx", "memory")
SEED = 7
ACCOUNTS, QUICK_ACCOUNTS = 1_000_000, 2_000
SLOW_RUNS_MAX = 3  # of what takes more than a second

PROTOTYPE = "C prototype of the index"
INDEX_MARKETS, INDEX_POSITIONS = 1_000, (1, 3)
SINGLE_ROUNDS, FULL_ROUNDS, SLIDE_ROUNDS = 1_000, 200, 200
QUICK_SINGLE_ROUNDS = 4
REARMS, QUICK_REARMS = 1_000_000, 2_000
REARM_SHARE = 0.001  # of the smaller position, at least a lot

DRIFT_MARKETS, DRIFT_POSITIONS, DRIFT_NEAR = 20, (2, 5), 0.05
DRIFT_ROUNDS, QUICK_DRIFT_ROUNDS = 10_000, 300
DRIFT_TRADES_A_ROUND = 10
DRIFT_OFFERED = 4  # trades offered for one made: the scan takes those between living accounts

TABLE_ACCOUNTS, QUICK_TABLE_ACCOUNTS = (1_000, 10_000, 100_000, 1_000_000), (500, 1_000)
TABLE_MARKETS, TABLE_QUIET_MARKS = 20, 200_000
LRVX_ACCOUNTS, QUICK_LRVX_ACCOUNTS = 100_000, 500
LRVX_QUIET_MARKS, OUR_QUIET_MARKS = 100, 200_000
MEMORY_ACCOUNTS, MEMORY_POSITIONS = 1_600_000, (2, 2)


def at_most(limit: float, unit: str, goal: float | None = None) -> Bar:
    """Make a bar on the figure itself."""
    told = None if goal is None else f"{goal:g} {unit}"
    return Bar(f"at most {limit:g} {unit}", limit, on_ratio=False, at_most=True, goal=told)


QUIET_BAR, ROUND_BAR, REARM_BAR = at_most(200, "ns", 50), at_most(200, "us", 50), at_most(600, "ns", 300)
SLIDE_BAR, SLIDE_EACH_BAR = at_most(3, "s", 1), at_most(3, "each", 2)
DRIFT_BAR, DRIFT_EACH_BAR = at_most(3, "s"), at_most(20, "each")
MEMORY_BAR = at_most(300, "B")


# ---- the index: quiet marks, re-arming, the slide --------------------------------------------------------------------


class Index(NamedTuple):
    """The accounts of the index lines as a snapshot of their world, and what must come out."""

    accounts: Accounts
    start: bytes
    quiet: Array  # marks (rounds, markets)
    slide: Array
    breaches: Array  # by account: round of the slide
    trades: Trades  # small ones between random clients
    surplus_quiet: Array  # by account, after the quiet marks
    surplus_traded: Array  # after the trades


Figures = dict[str, list[float]]
Differences = dict[str, list[str]]


def make_index(options: argparse.Namespace) -> Index:
    """Make the accounts, open their world, and scan what is to come."""
    accounts = make_accounts(SEED, options.accounts, INDEX_MARKETS, INDEX_POSITIONS)
    start = build_world(accounts).snapshot()
    quiet = quiet_marks(accounts.marks, QUICK_SINGLE_ROUNDS if options.quick else SINGLE_ROUNDS)
    slide = slide_marks(accounts.marks, SLIDE_ROUNDS)
    rearms = QUICK_REARMS if options.quick else REARMS
    trades = draw_trades(SEED + 1, accounts, 1, rearms // 2, share=REARM_SHARE)
    everyone = np.arange(accounts.total)
    scan = Scan(accounts, accounts.marks[None], trades, per_round=len(trades.lots))
    scan.run()
    surplus_traded = scan.surplus(everyone, accounts.marks, accounts.marks)
    surplus_quiet = Scan(accounts, slide).surplus(everyone, quiet[-1], quiet[-1])
    breaches = Scan(accounts, slide).run().round
    return Index(accounts, start, quiet, slide, breaches, trades, surplus_quiet, surplus_traded)


def index_lines(options: argparse.Namespace, judged: bool, flags: dict[str, str]) -> list[Line]:
    """Measure quiet marks, re-arming and the slide, the C prototype right before each run."""
    index = make_index(options)
    theirs: list[Prototype] = []
    figures: Figures = {name: [] for name in ("quiet", "round", "trade", "deposit", "slide", "each")}
    differences: Differences = {name: [] for name in figures}
    more: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        program = prototype_program(stack, flags)
        for _ in range(runs_of(options)):
            if program is not None:
                theirs.append(program.run(options.accounts, INDEX_MARKETS, INDEX_POSITIONS[1]))
            world = World.restore(index.start)
            run_quiet(world, index, figures, differences)
            more["slide"] = more["each"] = run_slide(world, index, figures, differences)
            more |= run_rearms(World.restore(index.start), index, figures, differences)
    if theirs:
        more["slide"]["against_liquidations"] = theirs[-1].liquidations
    lines = index_report(size_text(options.accounts), judged, theirs, figures, differences, more)
    for line in lines:
        say_line(line)
    return lines


def prototype_program(stack: ExitStack, flags: dict[str, str]) -> PrototypeProgram | None:
    """Build the C prototype, or say why not."""
    try:
        program = stack.enter_context(PrototypeProgram())
    except ReferenceMissingError as reason:
        flags["prototype"] = str(reason)
        say(str(reason))
        return None
    flags["prototype"] = " ".join(PROGRAM_FLAGS)
    return program


def run_quiet(world: World, index: Index, figures: Figures, differences: Differences) -> None:
    """Send marks that reach no trigger: one to a millisecond, then all markets in each."""
    before = world.risk_counts()
    figures["quiet"].append(single_marks_seconds(world, index.quiet) / index.quiet.size * 1e9)
    full = np.tile(index.quiet[-2:], (FULL_ROUNDS // 2, 1))
    figures["round"].append(rounds_seconds(world, rounds_after(world, full)) / len(full) * 1e6)
    pops = risk_since(world, before)["pops"]
    found = [f"pops: expected 0, was {pops}"] if pops else []
    if len(figures["quiet"]) == 1:
        found += surplus_differences(world, index.accounts, index.surplus_quiet)
    differences["quiet"] += found
    differences["round"] += found


def run_slide(world: World, index: Index, figures: Figures, differences: Differences) -> dict[str, Any]:
    """Let everything fall and compare who breached when; return what the index did."""
    rounds = rounds_after(world, index.slide)
    before = world.risk_counts()
    figures["slide"].append(rounds_seconds(world, rounds))
    done = risk_since(world, before)
    begun = liquidation_count(world)
    figures["each"].append(done["evaluations"] / max(begun, 1))
    found = breach_differences(breach_rounds(world, rounds, index.accounts.total), index.breaches, begun)
    differences["slide"] += found
    differences["each"] += found
    return {**done, "liquidations": begun, "accounts": index.accounts.clients, "rounds": len(rounds.marks)}


def run_rearms(world: World, index: Index, figures: Figures, differences: Differences) -> dict[str, dict[str, Any]]:
    """Write to random accounts: small trades between two of them, then a deposit of an atom; return what was armed."""
    trades, more = index.trades, {}
    touched = np.concatenate([trades.buyer, trades.seller])
    names, atoms = names_of(touched), np.ones(len(touched), np.int64)
    added = np.bincount(touched, minlength=index.accounts.total)
    writes: dict[str, tuple[Callable[[], None], Array]] = {
        "trade": (lambda: send_trades(world, trades, index.accounts.marks[None]), index.surplus_traded),
        "deposit": (lambda: world.deposits(names, ASSET, atoms), index.surplus_traded + added),
    }
    for name, (write, surplus) in writes.items():
        before = world.risk_counts()
        with Clock() as clock:
            write()
            run_checks(world)
        figures[name].append(clock.seconds / len(touched) * 1e9)
        more[name] = {**risk_since(world, before), "written": len(touched)}
        if len(figures[name]) == 1:
            differences[name] += surplus_differences(world, index.accounts, surplus)
    return more


def index_report(
    size: str,
    judged: bool,
    theirs: list[Prototype],
    figures: Figures,
    differences: Differences,
    more: dict[str, dict[str, Any]],
) -> list[Line]:
    """Make the lines of the index; the prototype has accounts of its own, of the same kind."""
    rows = {
        "quiet": (f"quiet mark, {size} accounts", "ns", QUIET_BAR, "quiet_ns"),
        "round": (f"round of {INDEX_MARKETS:,} quiet marks, {size} accounts", "us", ROUND_BAR, None),
        "trade": (f"re-arm by a small trade, {size} accounts", "ns", REARM_BAR, "rearm_ns"),
        "deposit": (f"re-arm by a deposit, {size} accounts", "ns", REARM_BAR, "rearm_ns"),
        "slide": (f"slide of 20 % in {SLIDE_ROUNDS} rounds, {size} accounts", "s", SLIDE_BAR, "slide_s"),
        "each": ("slide: evaluations to a liquidation", "each", SLIDE_EACH_BAR, "evaluations_each"),
    }
    lines = []
    for name, (text, unit, bar, field) in rows.items():
        yardstick = [getattr(run, field) for run in theirs] if field else []
        has_ratio = min(yardstick, default=0) > 0  # a small run of it takes less than it prints
        lines.append(
            figure_line(
                text,
                unit,
                figures[name],
                check=check_text(differences[name] + [text for run in theirs if field for text in run.differences]),
                against=PROTOTYPE if has_ratio else None,
                against_figures=yardstick if has_ratio else None,
                bar=bar.judged_if(judged),
                more=more.get(name),
            )
        )
    return lines


# ---- drifting marks --------------------------------------------------------------------------------------------------


def drift_lines(options: argparse.Namespace, judged: bool, _: dict[str, str]) -> list[Line]:
    """Measure drifting marks with trades between them: seconds in all, and pops to a liquidation."""
    count = QUICK_DRIFT_ROUNDS if options.quick else DRIFT_ROUNDS
    accounts = make_accounts(SEED, options.accounts, DRIFT_MARKETS, DRIFT_POSITIONS, near_share=DRIFT_NEAR)
    marks = drift_marks(SEED + 1, accounts.marks, count)
    wanted = count * DRIFT_TRADES_A_ROUND
    offered = draw_trades(SEED + 2, accounts, count, wanted * DRIFT_OFFERED)
    expected = Scan(accounts, marks, offered, per_round=DRIFT_TRADES_A_ROUND).run()
    trades = offered.taken(expected.trades)
    differences = [] if len(trades.lots) == wanted else [f"trades: expected {wanted}, was {len(trades.lots)}"]
    start = build_world(accounts).snapshot()
    seconds, pops_each, more = [], [], {}
    for _run in range(min(runs_of(options), SLOW_RUNS_MAX)):
        world = World.restore(start)
        rounds = rounds_after(world, marks)
        before = world.risk_counts()
        seconds.append(trading_seconds(world, rounds, trades))
        done = risk_since(world, before)
        begun = liquidation_count(world)
        pops_each.append(done["pops"] / max(begun, 1))
        differences += breach_differences(breach_rounds(world, rounds, accounts.total), expected.round, begun)
        more = {
            **done,
            "liquidations": begun,
            "trades": len(trades.lots),
            "rounds": count,
            "accounts": accounts.clients,
        }
    check = check_text(differences)
    name = f"drifting marks, {size_text(accounts.clients)} accounts, {count:,} rounds"
    pops = "drifting marks: pops to a liquidation"
    lines = [
        figure_line(name, "s", seconds, check=check, bar=DRIFT_BAR.judged_if(judged), more=more),
        figure_line(pops, "each", pops_each, check=check, bar=DRIFT_EACH_BAR.judged_if(judged), more=more),
    ]
    for line in lines:
        say_line(line)
    return lines


# ---- the cost of a mark, by accounts ---------------------------------------------------------------------------------


def table_lines(options: argparse.Namespace, _judged: bool, _: dict[str, str]) -> list[Line]:
    """Measure a mark by the number of accounts: one that reaches nobody, and those of the slide."""
    lines = []
    for size in QUICK_TABLE_ACCOUNTS if options.quick else TABLE_ACCOUNTS:
        lines += table_row(size, min(runs_of(options), SLOW_RUNS_MAX))
        for line in lines[-2:]:
            say_line(line)
    say(cost_table(lines))
    return lines


def table_row(size: int, runs: int) -> list[Line]:
    """Measure one number of accounts."""
    accounts = make_accounts(SEED, size, TABLE_MARKETS, INDEX_POSITIONS)
    quiet = quiet_marks(accounts.marks, TABLE_QUIET_MARKS // TABLE_MARKETS)
    slide = slide_marks(accounts.marks, SLIDE_ROUNDS)
    expected = Scan(accounts, slide).run().round
    start = build_world(accounts).snapshot()
    quiet_ns, crossing_us, differences, more = [], [], [], {}
    for _ in range(runs):
        world = World.restore(start)
        before = world.risk_counts()
        quiet_ns.append(single_marks_seconds(world, quiet) / quiet.size * 1e9)
        pops = risk_since(world, before)["pops"]
        differences += [f"pops: expected 0, was {pops}"] if pops else []
        rounds = rounds_after(world, slide)
        before = world.risk_counts()
        seconds = rounds_seconds(world, rounds)
        done = risk_since(world, before)
        begun = liquidation_count(world)
        crossing_us.append(seconds / slide.size * 1e6)
        differences += breach_differences(breach_rounds(world, rounds, accounts.total), expected, begun)
        each = round(seconds * 1e9 / max(done["evaluations"], 1))
        more = {**done, "liquidations": begun, "marks": slide.size, "evaluation_ns": each}
    check = check_text(differences)
    text = f"mark, {size_text(size)} accounts: "
    return [
        figure_line(text + "quiet", "ns", quiet_ns, check=check, more={"accounts": size}),
        figure_line(text + "crossing", "us", crossing_us, check=check, more={"accounts": size, **more}),
    ]


def cost_table(lines: list[Line]) -> str:
    """Write the lines of `table_lines` as rows of Markdown."""
    rows = ["| accounts | quiet mark, ns | mark of the slide, us | evaluations a mark | ns an evaluation |"]
    rows.append("|---|---|---|---|---|")
    for quiet, crossing in zip(lines[::2], lines[1::2], strict=True):
        more = crossing.more
        evaluations = more["evaluations"] / more["marks"]
        cells = (size_text(more["accounts"]), quiet.value, crossing.value, f"{evaluations:.2f}", more["evaluation_ns"])
        rows.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(rows)


# ---- lrvx ------------------------------------------------------------------------------------------------------------


def lrvx_lines(options: argparse.Namespace, _judged: bool, _: dict[str, str]) -> list[Line]:
    """Measure marks of one market in lrvx, which looks at every position, and in the engine: quiet, and a slide."""
    size = QUICK_LRVX_ACCOUNTS if options.quick else LRVX_ACCOUNTS
    names = [f"{kind} marks, {size_text(size)} positions in one market" for kind in ("quiet", "sliding")]
    absent = why_no_lrvx()
    if absent:
        lines = [missing(name, "marks/s", "lrvx", absent) for name in names]
    else:
        lines = lrvx_measured(names, size, min(runs_of(options), SLOW_RUNS_MAX))
    for line in lines:
        say_line(line)
    return lines


def lrvx_measured(names: list[str], size: int, runs: int) -> list[Line]:
    """Measure both side by side on the same accounts and compare how many they liquidate."""
    accounts = make_accounts(SEED, size, 1, (1, 1))
    accounts = accounts._replace(schedules=(((0, MAINTENANCE_PPM),),))
    slide = slide_marks(accounts.marks, SLIDE_ROUNDS)
    quiet = quiet_marks(accounts.marks, OUR_QUIET_MARKS)
    expected = Scan(accounts, slide).run().round
    start = build_world(accounts).snapshot()
    ours: list[list[float]] = [[], []]
    theirs: list[list[float]] = [[], []]
    differences = []
    for _ in range(runs):
        engine = lrvx_engine(accounts)
        few = quiet[:LRVX_QUIET_MARKS, 0].tolist()
        theirs[0].append(len(few) / lrvx_seconds(engine, few))
        world = World.restore(start)
        ours[0].append(len(quiet) / single_marks_seconds(world, quiet))
        theirs[1].append(len(slide) / lrvx_seconds(engine, slide[:, 0].tolist()))
        rounds = rounds_after(world, slide)
        ours[1].append(len(slide) / rounds_seconds(world, rounds))
        begun = liquidation_count(world)
        differences += breach_differences(breach_rounds(world, rounds, accounts.total), expected, begun)
        if engine.liquidations_count() != begun:
            differences.append(f"lrvx, liquidations: expected {begun}, was {engine.liquidations_count()}")
    more = {"liquidations": int((expected != NEVER).sum()), "accounts": size}
    check = check_text(differences)
    return [
        figure_line(name, "marks/s", mine, check=check, against="lrvx", against_figures=peer, more=more)
        for name, mine, peer in zip(names, ours, theirs, strict=True)
    ]


# ---- memory ----------------------------------------------------------------------------------------------------------


def memory_lines(options: argparse.Namespace, judged: bool, _: dict[str, str]) -> list[Line]:
    """Add up what the slabs of a world take for accounts with two positions; the tables are no part of it."""
    size = options.accounts if options.quick else MEMORY_ACCOUNTS
    accounts = make_accounts(SEED, size, INDEX_MARKETS, MEMORY_POSITIONS)
    before = resident_bytes()
    world = build_world(accounts)
    resident = (resident_bytes() - before) / accounts.total
    slabs = {name: rows * width / accounts.total for name, (rows, width) in world.memory().items() if rows}
    found = world.account_count - FIRST
    check = check_text([] if found == accounts.total else [f"accounts: expected {accounts.total}, was {found}"])
    largest = dict(sorted(((name, round(each, 1)) for name, each in slabs.items()), key=lambda row: -row[1])[:8])
    more = {"accounts": size, "resident": round(resident, 1), "slabs": largest}
    name = f"memory of an account with two positions, {size_text(size)} of them"
    judge = MEMORY_BAR.judged_if(judged)
    lines = [figure_line(name, "B", [sum(slabs.values())], check=check, bar=judge, more=more, digits=1)]
    say_line(lines[0])
    return lines


# ---- the command line ------------------------------------------------------------------------------------------------

MEASURES = dict(zip(PARTS, (index_lines, drift_lines, table_lines, lrvx_lines, memory_lines), strict=True))


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = new_parser(__doc__)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS, help="parts to measure (all)")
    parser.add_argument("--accounts", type=int, help=f"accounts of the index and of drifting marks ({ACCOUNTS})")
    options = parser.parse_args(arguments)
    options.accounts = options.accounts or (QUICK_ACCOUNTS if options.quick else ACCOUNTS)
    started = machine()
    flags = {"engine": engine_flags()}
    judged = is_judged(options) and options.accounts >= ACCOUNTS
    lines: list[Line] = []
    for part in options.only:
        lines += MEASURES[part](options, judged, flags)
    return report(lines, flags=flags, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
