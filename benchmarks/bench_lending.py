"""What do loans cost: to be evaluated and waited for, an oracle's tick that concerns nobody, and a depeg with bots?

    python benchmarks/bench_lending.py [--json] [--quick] [--only arm tick depeg] [--loans 100000]

One protocol (Aave's rules, threshold 92 %, bonus 4 %), borrowers with a token against a dollar at 3 to 7 times their
equity. The recipe is in benchmarks/README.md. Exit status 1 if what came out differs from what must have, or a bar is
missed.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
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
    runs_of,
    say_line,
    size_text,
)

from engine._core import World, member_key

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

    Amounts = NDArray[np.int64]

PARTS = ("arm", "tick", "depeg")
LOANS, QUICK_LOANS = 100_000, 2_000
SEED = 7
COIN = 10**6  # atoms
TICKS = 10_000  # of a dollar
THRESHOLD_PPM, LTV_PPM, BONUS_PPM, ONE_PPM = 920_000, 900_000, 40_000, 1_000_000
ARM_BAR = Bar("at most 1 us", 1.0, on_ratio=False, at_most=True)
DEPEG_BAR = Bar("at most 5 s", 5.0, on_ratio=False, at_most=True)
QUIET_TICKS = 20_000
FALL_TICKS, FALL_ROUNDS = 10, 150  # 15 % in 150 s
REST_MS = 250_000
BOTS, BOT_SCAN = 10, 64
LOOK_MS, FLEE_PPM = 10_000, 1_005_000
RUNS_MAX = 3


def borrowers(count: int) -> tuple[Amounts, Amounts]:
    """Draw what each has supplied and owes, atoms: equity lognormal (median 20,000), 3 to 7 times looped."""
    rng = np.random.default_rng(SEED)
    equity = np.exp(rng.normal(np.log(20_000), 1.0, count)).clip(2_500, 1e6)
    times = rng.choice([3.0, 4.0, 5.0, 6.0, 7.0], count)
    return (equity * times * COIN).astype(np.int64), (equity * (times - 1) * COIN).astype(np.int64)


class Lending:
    """A world with a protocol and its borrowers at a price of one dollar."""

    def __init__(self, count: int, *, journal: bool = False) -> None:
        world = World(SEED, record_journal=journal)
        self.world = world
        self.token, self.dollar = (world.add_asset(2**61) for _ in range(2))
        self.market = world.add_spot(self.token, self.dollar, atoms_per_tick_lot=COIN // TICKS, base_atoms_per_lot=COIN)
        self.protocol = world.add_protocol("aave", close_value_min=2_000 * COIN, left_value_min=1_000 * COIN)
        terms = (LTV_PPM, THRESHOLD_PPM, BONUS_PPM)
        price = (COIN // TICKS, COIN)
        world.add_reserve(self.protocol, self.token, price=price, market=self.market, terms=terms)
        world.add_reserve(self.protocol, self.dollar, price=(1, 1), lent=True)
        lender = world.add_accounts()
        world.deposit(lender, self.dollar, 10**18)
        world.act(lender, "supply", self.protocol, 10**18, asset=self.dollar)
        world.publish(self.market, TICKS, "oracle")
        self.supplied, self.owed = borrowers(count)
        first = world.add_accounts(count)
        self.accounts = np.arange(first, first + count, dtype=np.int32)
        world.deposits(self.accounts, self.token, self.supplied)
        columns = self.accounts.tolist(), self.token, self.supplied.tolist(), self.dollar, self.owed.tolist()
        self.refused = world.lend_columns(self.protocol, *columns)

    def scan(self, ticks: int) -> NDArray[np.bool_]:
        """Tell by a scan which loans are liquidatable at a price: floor(value) * threshold < debt * 10^6."""
        value = self.supplied * ticks // TICKS
        return value * (THRESHOLD_PPM // 1000) < self.owed * (ONE_PPM // 1000)

    def differences(self, ticks: int) -> list[str]:
        """Compare what the world says of every loan with the scan."""
        told = self.world.loans(self.protocol)
        level = dict(zip(told["account"], told["level"], strict=True))
        found = np.array([level[account] for account in self.accounts.tolist()], dtype=bool)
        wrong = int((found != self.scan(ticks)).sum())
        return ([] if wrong == 0 else [f"levels: {wrong} differ from a scan"]) + (
            [f"declaring: {self.refused} actions refused"] if self.refused else []
        )


def arm_lines(options: argparse.Namespace, judged: bool) -> list[Line]:
    """Measure a loan's evaluation with setting its triggers anew."""
    lending = Lending(options.loans)
    figures = []
    for _ in range(runs_of(options)):
        start = time.thread_time()
        count = lending.world.rearm_loans(lending.protocol)
        figures.append((time.thread_time() - start) * 1e6 / count)
    lending.world.publish(lending.market, TICKS - FALL_TICKS * FALL_ROUNDS, "oracle")
    lending.world.run(1)
    check = check_text(lending.differences(TICKS - FALL_TICKS * FALL_ROUNDS))
    name = f"a loan evaluated and armed, {size_text(options.loans)} loans"
    return [figure_line(name, "us", figures, check=check, bar=ARM_BAR.judged_if(judged), more={"loans": options.loans})]


def tick_lines(options: argparse.Namespace, _judged: bool) -> list[Line]:
    """Measure an oracle's tick that reaches nobody, next to a scan of all loans by numpy."""
    lending = Lending(options.loans)
    world, ours, theirs = lending.world, [], []
    for _ in range(runs_of(options)):
        start = time.thread_time()
        for ticks in range(QUIET_TICKS):
            world.publish(lending.market, TICKS + ticks % 2, "oracle")
        ours.append((time.thread_time() - start) * 1e9 / QUIET_TICKS)
        start = time.thread_time()
        for ticks in range(20):
            lending.scan(TICKS + ticks % 2)
        theirs.append((time.thread_time() - start) * 1e9 / 20)
    world.run(1)
    check = check_text(lending.differences(TICKS + (QUIET_TICKS - 1) % 2))
    name = f"an oracle's tick that reaches nobody, {size_text(options.loans)} loans"
    against = "a scan by numpy"
    return [figure_line(name, "ns", ours, check=check, against=against, against_figures=theirs)]


class Depeg:
    """Loopers that look at their health, a ladder of bids, bots; the oracle falls by 15 %."""

    def __init__(self, count: int, *, actions: bool = False) -> None:
        self.lending = Lending(count)
        lending, world = self.lending, self.lending.world
        world.record(actions=actions)
        maker = world.add_accounts()
        world.deposit(maker, lending.dollar, 10**18)
        lots = int(lending.supplied.sum()) // COIN // (FALL_TICKS * FALL_ROUNDS)
        for i in range(2 * FALL_TICKS * FALL_ROUNDS):
            world.send_order(maker, lending.market, 1, TICKS - 1 - i, max(1, lots), at_ms=1)
        on: dict[str, Any] = {"market": lending.market, "protocol": lending.protocol}
        keys = [member_key("loopers", i) for i in range(count)]
        world.add_agents(
            "looper", lending.accounts.tolist(), keys, **on, built=1, every_ms=LOOK_MS, flee_health_ppm=FLEE_PPM
        )
        first = world.add_accounts(BOTS)
        self.bots = list(range(first, first + BOTS))
        for account in self.bots:
            world.deposit(account, lending.dollar, 10**16)
        keys = [member_key("bots", i) for i in range(BOTS)]
        world.add_agents("bot", self.bots, keys, **on, every_ms=100, scan=BOT_SCAN, latency_ms=20)

    def run(self) -> float:
        """Let the price fall, a tick of the oracle a second; return CPU seconds."""
        world, market = self.lending.world, self.lending.market
        start = time.thread_time()
        for step in range(FALL_ROUNDS):
            world.run((step + 1) * 1_000)
            world.publish(market, TICKS - (step + 1) * FALL_TICKS, "oracle")
        world.run(FALL_ROUNDS * 1_000 + REST_MS)
        return time.thread_time() - start

    def differences(self) -> list[str]:
        """Say what is not as it must be after the fall."""
        world, protocol = self.lending.world, self.lending.protocol
        world.check_invariants()
        told = world.loans(protocol)
        wrong = sum(
            (health < ONE_PPM) != bool(level) for health, level in zip(told["health_ppm"], told["level"], strict=True)
        )
        differences = [f"levels: {wrong} differ from their health"] if wrong else []
        reserve = world.reserve(protocol, self.lending.dollar)
        lent = 10**18 - reserve["cash"] + reserve["kept"]
        if lent != reserve["debt"] + reserve["deficit"]:
            differences.append(f"debt and deficit: expected {lent}, was {reserve['debt'] + reserve['deficit']}")
        return differences

    def counts(self) -> dict[str, Any]:
        """Say what happened."""
        world, protocol = self.lending.world, self.lending.protocol
        stages = [row["stage"] for row in world.loopers(self.lending.accounts.tolist()).values()]
        return {
            "liquidations": world.protocol(protocol)["liquidations"],
            "still_below": world.protocol(protocol)["work"],
            "left": stages.count("out") + stages.count("leaves"),
            "actions": sum(row["sent"] for row in world.bots(self.bots).values()),
            "deficit_atoms": world.reserve(protocol, self.lending.dollar)["deficit"],
            "events": world.counts()["events"],
        }


def table_differences(count: int) -> list[str]:
    """Run a smaller one with its actions recorded: counts, atoms and profits are those of the rows."""
    depeg = Depeg(count, actions=True)
    depeg.run()
    rows = depeg.lending.world.table("actions")
    done = (rows["kind"] == 6) & (rows["reason"] == 0)
    bots = depeg.lending.world.bots(depeg.bots).values()
    pairs = {
        "liquidations": (int(done.sum()), depeg.counts()["liquidations"]),
        "won": (int(done.sum()), sum(row["won"] for row in bots)),
        "repaid": (int(rows["paid_atoms"][done].sum()), sum(row["repaid"] for row in bots)),
        "seized": (int(rows["got_atoms"][done].sum()), sum(row["seized"] for row in bots)),
    }
    found = [f"{name}: expected {of_rows}, was {was}" for name, (of_rows, was) in pairs.items() if of_rows != was]
    return found if done.any() else [*found, "no liquidation at all"]


def depeg_lines(options: argparse.Namespace, judged: bool) -> list[Line]:
    """Measure loopers and bots through a depeg."""
    seconds, differences, digests, more = [], [], set(), {}
    for _ in range(min(runs_of(options), RUNS_MAX)):
        depeg = Depeg(options.loans)
        seconds.append(depeg.run())
        differences += depeg.differences()
        digests.add(depeg.lending.world.digest())
        more = depeg.counts()
        del depeg
    if len(digests) != 1:
        differences.append(f"digests: expected one, was {len(digests)}")
    differences += table_differences(min(options.loans, QUICK_LOANS))
    name = f"{size_text(options.loans)} loopers through a depeg of 15 %, {BOTS} bots"
    bar = DEPEG_BAR.judged_if(judged and options.loans >= LOANS)
    return [figure_line(name, "s", seconds, check=check_text(differences), bar=bar, more=more)]


# ---- the command line ------------------------------------------------------------------------------------------------

MEASURES = dict(zip(PARTS, (arm_lines, tick_lines, depeg_lines), strict=True))


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = new_parser(__doc__)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS, help="parts to measure (all)")
    parser.add_argument("--loans", type=int, help=f"borrowers ({LOANS})")
    options = parser.parse_args(arguments)
    options.loans = options.loans or (QUICK_LOANS if options.quick else LOANS)
    started = machine()
    lines: list[Line] = []
    for part in options.only:
        for line in MEASURES[part](options, is_judged(options)):
            say_line(line)
            lines.append(line)
    return report(lines, flags={"engine": engine_flags()}, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
