"""What do liquidations cost: their orders in the live book, and the whole waterfall with a million accounts in a crash?

    python benchmarks/bench_liquidation.py [--json] [--quick] [--only book crash] [--accounts 1000000]

The recipe is in benchmarks/README.md. Exit status 1 if what came out differs from what must have, or a bar is missed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from bench_risk import at_most
from common import (
    Line,
    check_text,
    engine_flags,
    figure_line,
    is_judged,
    machine,
    missing,
    new_parser,
    report,
    runs_of,
    say_line,
    size_text,
)
from liquidation_worlds import (
    FUND,
    VENUE,
    Bids,
    beyond_differences,
    crash_seconds,
    crash_world,
    even_bids,
    first_differences,
    flat_differences,
    following_bids,
    forced_differences,
    least_differences,
    order_differences,
    round_differences,
    step_differences,
    waterfall_counts,
)
from risk_peers import MAINTENANCE_PPM, lrvx_engine, lrvx_seconds, why_no_lrvx
from risk_scan import NEVER, Scan
from risk_workloads import make_accounts, slide_marks
from risk_worlds import ASSET, liquidation_count, risk_since, rounds_after

from engine._core import World

if TYPE_CHECKING:
    import argparse

    from risk_workloads import Accounts, Array

PARTS = ("book", "crash")
SEED = 7
SLIDE_ROUNDS = 200
RUNS_MAX = 3  # of what takes seconds, or is held against something that does

BOOK_ACCOUNTS, QUICK_BOOK_ACCOUNTS = 100_000, 500
BOOK_LEVERAGE = (1.2, 5.0)  # a third of all is liquidated
BOOK_FINER = 16  # finer ticks than the risk benchmark's, so that an order meets several levels
BOOK_LEVELS, QUICK_BOOK_LEVELS, BOOK_DEPTH = 100_000, 500, 0.25
BOOK_SPARE = 1.5  # lots bid for, of those that will be sold
BOOK_POLICY = {"stage_ppm": 10**6, "interval_ms": 10}
BOOK_BAR = at_most(0.2, "s", 0.05)

CRASH_ACCOUNTS, QUICK_CRASH_ACCOUNTS = 1_000_000, 2_000
CRASH_MARKETS, QUICK_CRASH_MARKETS = 1_000, 10
CRASH_POSITIONS = (1, 3)
CRASH_BAND, CRASH_SHARE = 5, 0.8  # rounds to a level of bids; lots bid for, of the longs that breach
CRASH_FUND_EACH = 1_000_000  # atoms for each account: used up in the first tenth of the fall
CRASH_REST_MS = 5_000
CRASH_BAR = at_most(8, "s", 3)
CRASH_POLICY: dict[str, Any] = {
    "stage_ppm": 10**6,
    "interval_ms": 1,
    "order": "bankruptcy",
    "steps_most": 1,
    "takes_over": True,
    "adl": "binance",
    "rank_ms": 1_000,
    "unwind_ms": 1_000,
}
GAP_ACCOUNTS, GAP_MARKETS, GAP_ROUNDS = 20_000, 20, 4  # 5 % a mark: many are worth less than nothing when it comes
# By what must have come out: one closes against others what its fund cannot bear, one sells and shares what is lacking.
GAP_POLICIES: dict[str, dict[str, Any]] = {
    "adl_lots": {**CRASH_POLICY, "takes_over": False},
    "shared_losses": {"stage_ppm": 10**6, "interval_ms": 100, "shares_losses": True},
}


# ---- orders in the live book -----------------------------------------------------------------------------------------


class Book(NamedTuple):
    """Accounts with one position each in one market, the makers' book, and what must come out."""

    accounts: Accounts
    start: bytes
    slide: Array  # marks (rounds, 1)
    breaches: Array  # by account: round of the slide


def make_book(size: int, levels: int) -> Book:
    """Make the accounts, scan what is to come, and rest bids for all that will be sold."""
    accounts = make_accounts(SEED, size, 1, (1, 1), leverage=BOOK_LEVERAGE)
    accounts = accounts._replace(
        schedules=(((0, MAINTENANCE_PPM),),), marks=accounts.marks * BOOK_FINER, deposit=accounts.deposit * BOOK_FINER
    )
    slide = slide_marks(accounts.marks, SLIDE_ROUNDS)
    breaches = Scan(accounts, slide).run().round
    sold = int(accounts.lots[breaches != NEVER].sum())
    bids = even_bids(int(accounts.marks[0]), int(sold * BOOK_SPARE), levels, BOOK_DEPTH)
    return Book(accounts, crash_world(accounts, bids, 0, **BOOK_POLICY), slide, breaches)


def run_book(book: Book) -> tuple[float, list[str], dict[str, Any]]:
    """Let the one market fall; return CPU seconds, what differed, and what happened."""
    world = World.restore(book.start)
    world.record(trades=True)
    rounds = rounds_after(world, book.slide)
    seconds = crash_seconds(world, rounds, 1_000)
    liquidated = np.flatnonzero(book.breaches != NEVER)
    trades = world.trades()
    differences = round_differences(world, rounds, book.accounts, book.breaches)
    differences += flat_differences(world, liquidated)
    differences += forced_differences(trades, book.accounts, book.breaches)
    world.check_invariants()
    lots = int(trades["qty_lots"].sum())
    return seconds, differences, {"liquidations": len(liquidated), "trades": len(trades["qty_lots"]), "lots": lots}


def run_lrvx(book: Book) -> tuple[float, list[str]]:
    """Send lrvx the same fall; return marks a second, and whether it has liquidated as many.

    Everything is divided by BOOK_FINER, which changes no liquidation and is exact in binary: values above 2^40 or so
    overflow the numbers of lrvx, and it then liquidates the healthy.
    """
    coarse = book.accounts._replace(marks=book.accounts.marks / BOOK_FINER, deposit=book.accounts.deposit / BOOK_FINER)
    engine = lrvx_engine(coarse)
    rate = len(book.slide) / lrvx_seconds(engine, (book.slide[:, 0] / BOOK_FINER).tolist())
    expected, was = int((book.breaches != NEVER).sum()), engine.liquidations_count()
    return rate, [] if was == expected else [f"lrvx, liquidations: expected {expected}, was {was}"]


def book_lines(options: argparse.Namespace, judged: bool) -> list[Line]:
    """Measure whole positions sold as market orders into the makers' book, next to lrvx, which has none."""
    size, levels = (QUICK_BOOK_ACCOUNTS, QUICK_BOOK_LEVELS) if options.quick else (BOOK_ACCOUNTS, BOOK_LEVELS)
    book = make_book(size, levels)
    absent = why_no_lrvx()
    seconds, theirs, differences, peer, more = [], [], [], [], {}
    for _ in range(min(runs_of(options), RUNS_MAX) if absent is None else runs_of(options)):
        if absent is None:
            rate, found = run_lrvx(book)
            theirs.append(rate)
            peer += found
        taken, found, more = run_book(book)
        seconds.append(taken)
        differences += found
    more = {"accounts": size, **more}
    check = check_text(differences)
    name = f"liquidations in the live book, {size_text(size)} positions"
    lines = [figure_line(name, "s", seconds, check=check, bar=BOOK_BAR.judged_if(judged), more=more, digits=4)]
    name, unit = "sliding marks of that market, orders matched", "marks/s"
    if absent is not None:
        lines.append(missing(name, unit, "lrvx", absent))
    else:
        rates = [SLIDE_ROUNDS / taken for taken in seconds]
        check = check_text(differences + peer)
        lines.append(figure_line(name, unit, rates, check=check, against="lrvx", against_figures=theirs, more=more))
    for line in lines:
        say_line(line)
    return lines


# ---- the waterfall ---------------------------------------------------------------------------------------------------


class Crash(NamedTuple):
    """Accounts all over the markets, the makers' books, and the fall."""

    accounts: Accounts
    start: bytes
    slide: Array  # marks (rounds, markets)
    breaches: Array  # by account: round in which it first breaches, if nobody writes to it before


def make_crash(size: int, markets: int, rounds: int, policy: dict[str, Any]) -> Crash:
    """Make the accounts, and books that take most of what will be sold."""
    accounts = make_accounts(SEED, size, markets, CRASH_POSITIONS)
    slide = slide_marks(accounts.marks, SLIDE_ROUNDS)
    bids: Bids = following_bids(accounts, slide, Scan(accounts, slide).run().round, CRASH_SHARE, CRASH_BAND)
    start = crash_world(accounts, bids, CRASH_FUND_EACH * size, **policy)
    lived = slide[SLIDE_ROUNDS // rounds - 1 :: SLIDE_ROUNDS // rounds]
    return Crash(accounts, start, lived, Scan(accounts, lived).run().round)


def run_crash(crash: Crash, *, waterfall: bool = False) -> tuple[float, World, dict[str, int]]:
    """Let all markets fall; return CPU seconds, the world after it, and what the index did."""
    world = World.restore(crash.start)
    world.record(trades=True, waterfall=waterfall)
    rounds = rounds_after(world, crash.slide)
    before = world.risk_counts()
    seconds = crash_seconds(world, rounds, CRASH_REST_MS)
    return seconds, world, risk_since(world, before)


def waterfall_check(crash: Crash, digest: int | None, least: dict[str, int]) -> tuple[list[str], dict[str, int]]:
    """Run once more with the waterfall recorded; return what is not as it must be, and what happened."""
    _, world, _ = run_crash(crash, waterfall=True)
    world.check_invariants()
    rows = world.table("waterfall")
    rounds = rounds_after(World.restore(crash.start), crash.slide)
    counts = waterfall_counts(rows, liquidation_count(world))
    fund = world.balance(FUND, ASSET)[0]
    differences = [] if digest in (None, world.digest()) else ["digest with the waterfall recorded: another one"]
    differences += [] if fund >= 0 else [f"insurance fund: expected 0 or more, was {fund}"]
    differences += first_differences(world, rounds, crash.accounts, crash.breaches, rows)
    differences += beyond_differences(world.margin_units())
    differences += step_differences(rows) + order_differences(rows)
    differences += least_differences(counts, least)
    worth = world.backstop(VENUE)[1].get(ASSET, 0)
    counts |= {"fund_before": CRASH_FUND_EACH * crash.accounts.clients, "fund_after": fund, "fund_worth": worth}
    return differences, counts


def crash_lines(options: argparse.Namespace, judged: bool) -> list[Line]:
    """Measure a fall of all markets by 20 %: orders, takeover, fund, ADL."""
    markets = QUICK_CRASH_MARKETS if options.quick else CRASH_MARKETS
    size = options.accounts
    crash = make_crash(size, markets, SLIDE_ROUNDS, CRASH_POLICY)
    seconds: list[float] = []
    digests: list[int] = []
    done: dict[str, int] = {}
    for _ in range(min(runs_of(options), RUNS_MAX)):
        taken, world, done = run_crash(crash)
        seconds.append(taken)
        digests.append(world.digest())
        del world  # two at a time are too much for a small machine
    least = {"liquidations": size // 2 + 1, "orders": 1, "takeovers": 1, "adl_lots": 1}
    differences, counts = waterfall_check(crash, digests[0], least)
    differences += [] if len(set(digests)) == 1 else [f"digests: expected one, was {len(set(digests))}"]
    differences += gap_differences(min(size, GAP_ACCOUNTS), min(markets, GAP_MARKETS))
    name = f"crash of 20 % in {SLIDE_ROUNDS} marks, {size_text(size)} accounts, {markets:,} markets"
    more = {
        **counts,
        **done,
        "accounts": size,
        "each_us": round(min(seconds) * 1e6 / max(1, counts["liquidations"]), 2),
    }
    bar = CRASH_BAR.judged_if(judged and size >= CRASH_ACCOUNTS)
    lines = [figure_line(name, "s", seconds, check=check_text(differences), bar=bar, more=more)]
    for line in lines:
        say_line(line)
    return lines


def gap_differences(size: int, markets: int) -> list[str]:
    """Let a few accounts fall in gaps, not timed: the fund pays first, then ADL or those who won."""
    differences = []
    for name, policy in GAP_POLICIES.items():
        crash = make_crash(size, markets, GAP_ROUNDS, policy)
        found, _ = waterfall_check(crash, None, {"fund_payments": 1, name: 1})
        differences += [f"in gaps, {text}" for text in found]
    return differences


# ---- the command line ------------------------------------------------------------------------------------------------

MEASURES = dict(zip(PARTS, (book_lines, crash_lines), strict=True))


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = new_parser(__doc__)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS, help="parts to measure (all)")
    parser.add_argument("--accounts", type=int, help=f"accounts of the crash ({CRASH_ACCOUNTS})")
    options = parser.parse_args(arguments)
    options.accounts = options.accounts or (QUICK_CRASH_ACCOUNTS if options.quick else CRASH_ACCOUNTS)
    started = machine()
    flags = {"engine": engine_flags()}
    lines: list[Line] = []
    for part in options.only:
        lines += MEASURES[part](options, is_judged(options))
    return report(lines, flags=flags, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
