"""What does a swap in a pool cost, called from Python one by one, next to the readable twin, and in a world?

    python benchmarks/bench_pools.py [--json] [--quick] [--runs 5] [--swaps 100000]

Seeded swaps in both directions through a StableSwap pool around balance and one far from it, a constant product, and a
pool of twenty ranges. Then the balanced StableSwap pool in a world: `World.pool_quote`, a swap by `World.act`, the same
call refused before it reaches a pool (what Python and the dispatch cost), and the difference. The recipe is in
benchmarks/README.md. Exit status 1 if a result differs from the reference's (the first swaps, one by one, and the state
after them) or a bar is missed.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from typing import TYPE_CHECKING, Any

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
)

from engine import _core
from engine.reference import pools as reference

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

SWAPS, QUICK_SWAPS, CHECKED = 100_000, 2_000, 2_000
MILLION = 10**12  # a million coins of six decimals
STABLE_BAR = Bar("under 1 us", 1.0, on_ratio=False, at_most=True)

Swaps = list[tuple[int, int, int]]


def stable_pool(module: ModuleType) -> Any:
    """Fifty million of each, A = 200, 1 bp."""
    pool = module.StableSwapPool(200, 100)
    pool.add([50 * MILLION, 50 * MILLION])
    return pool


def leaning_pool(module: ModuleType) -> Any:
    """The same after forty million of one were sold."""
    pool = stable_pool(module)
    pool.swap(0, 1, 40 * MILLION)
    return pool


def product_pool(module: ModuleType) -> Any:
    """Fifty million of each, 30 bp."""
    pool = module.ConstantProductPool(3_000)
    pool.add([50 * MILLION, 50 * MILLION])
    return pool


def range_pool(module: ModuleType) -> Any:
    """Twenty ranges around the price, 5 bp."""
    pool = module.ConcentratedPool(module.sqrt_price_at(0), 500, 10)
    for owner in range(20):
        pool.add(-10 * (owner + 1) - 200, 10 * (owner + 1), 50 * MILLION, owner)
    return pool


POOLS: dict[str, Callable[[ModuleType], Any]] = {
    "stable, balanced": stable_pool,
    "stable, 90 to 10": leaning_pool,
    "constant product": product_pool,
    "twenty ranges": range_pool,
}


def drawn_swaps(count: int) -> Swaps:
    """Draw swaps in both directions, up to 20,000 coins each."""
    generator = random.Random(7)
    return [(side, 1 - side, generator.randrange(10**6, MILLION // 50)) for side in generator.choices((0, 1), k=count)]


def differences(build: Callable[[ModuleType], Any], swaps: Swaps) -> list[str]:
    """Compare the native pool with the reference, swap by swap, and the state after them."""
    ours, theirs = build(_core), build(reference)
    for at, swap in enumerate(swaps):
        first, second = ours.swap(*swap), theirs.swap(*swap)
        if (first.amount_out, first.fee, first.reason) != (second.amount_out, second.fee, second.reason):
            return [f"swap {at}: expected {second}, was {first}"]
    return [] if ours.digest() == theirs.digest() else ["digest after the swaps"]


def microseconds(pool: Any, swaps: Swaps) -> float:
    """Return the CPU time of a swap."""
    swap = pool.swap
    start = time.thread_time()
    for sold, bought, amount in swaps:
        swap(sold, bought, amount)
    return (time.thread_time() - start) * 1e6 / len(swaps)


def measure(name: str, swaps: Swaps, runs: int, *, judged: bool) -> Line:
    """Measure one pool: native and reference in turn."""
    build = POOLS[name]
    few = swaps[:CHECKED]
    ours, theirs = [], []
    for _ in range(runs):
        theirs.append(microseconds(build(reference), few))
        ours.append(microseconds(build(_core), swaps))
    bar = STABLE_BAR.judged_if(judged) if name.startswith("stable") else None
    line = figure_line(
        f"swap, {name}",
        "us",
        ours,
        check=check_text(differences(build, few)),
        against="the reference in Python",
        against_figures=theirs,
        bar=bar,
        more={"swaps": len(swaps)},
    )
    say_line(line)
    return line


class WorldPool:
    """The balanced StableSwap pool in a world, with an account that may swap."""

    def __init__(self) -> None:
        world = _core.World(1)
        self.coins = [world.add_asset(2**60) for _ in range(2)]
        self.pool = world.add_pool("stable", self.coins, amplification=200, fee_ppm=100)
        self.account = world.add_accounts()
        for asset in self.coins:
            world.deposit(self.account, asset, 2**58)
        world.add_coins(self.account, self.pool, [50 * MILLION, 50 * MILLION])
        self.world = world

    def quoted(self, swaps: Swaps) -> list[int]:
        """Quote every swap of a list."""
        quote, pool, coins = self.world.pool_quote, self.pool, self.coins
        return [quote(pool, coins[sold], coins[bought], atoms)[1] for sold, bought, atoms in swaps]

    def swapped(self, swaps: Swaps) -> list[int]:
        """Swap every one of a list."""
        act, account, pool, coins = self.world.act, self.account, self.pool, self.coins
        return [
            act(account, "swap", pool, atoms, asset=coins[sold], other=coins[bought])[2]
            for sold, bought, atoms in swaps
        ]

    def refused(self, swaps: Swaps) -> list[int]:
        """Ask for swaps of a coin into itself: the call, its journal row and the dispatch, but no pool."""
        act, account, pool, coins = self.world.act, self.account, self.pool, self.coins
        return [act(account, "swap", pool, atoms, asset=coins[sold], other=coins[sold])[2] for sold, _, atoms in swaps]


def world_microseconds(what: str, swaps: Swaps) -> float:
    """Return the CPU time of a call in a fresh world."""
    call = getattr(WorldPool(), what)
    start = time.thread_time()
    call(swaps)
    return (time.thread_time() - start) * 1e6 / len(swaps)


def world_differences(swaps: Swaps) -> list[str]:
    """Compare what a world's pool gives with the pool that stands alone, swap by swap."""
    inside, alone = WorldPool(), stable_pool(_core)
    quotes = [alone.quote(*swap).amount_out for swap in swaps]
    problems = [] if inside.quoted(swaps) == quotes else ["quotes"]
    given = inside.swapped(swaps)
    problems += [] if given == [alone.swap(*swap).amount_out for swap in swaps] else ["swaps"]
    return problems + ([] if inside.world.pool(inside.pool)["balances"] == alone.balances else ["balances"])


WORLD_LINES = {
    "a world's quote": "quoted",
    "a world's swap by an action": "swapped",
    "the same call, refused by its names": "refused",
}
NATIVE_LINE = "a world's swap, less the refused call"


def measure_world(swaps: Swaps, runs: int, *, judged: bool) -> list[Line]:
    """Measure the pool in a world next to the one that stands alone: every call in turn, then what of it is no call."""
    times: dict[str, list[float]] = {what: [] for what in WORLD_LINES.values()}
    alone = []
    for _ in range(runs):
        alone.append(microseconds(stable_pool(_core), swaps))
        for what, found in times.items():
            found.append(world_microseconds(what, swaps))
    times["native"] = [a - b for a, b in zip(times["swapped"], times["refused"], strict=True)]
    check, lines = check_text(world_differences(swaps[:CHECKED])), []
    for name, what in {**WORLD_LINES, NATIVE_LINE: "native"}.items():
        line = figure_line(
            name,
            "us",
            times[what],
            check=check,
            against="a pool that stands alone",
            against_figures=alone,
            bar=STABLE_BAR.judged_if(judged) if what == "native" else None,
            more={"swaps": len(swaps)},
        )
        say_line(line)
        lines.append(line)
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = new_parser(__doc__)
    parser.add_argument("--swaps", type=int, help=f"swaps of a run ({SWAPS:,})")
    options = parser.parse_args(arguments)
    swaps = drawn_swaps(options.swaps or (QUICK_SWAPS if options.quick else SWAPS))
    started = machine()
    gc.freeze()
    lines = [measure(name, swaps, runs_of(options), judged=is_judged(options)) for name in POOLS]
    lines += measure_world(swaps, runs_of(options), judged=is_judged(options))
    return report(lines, flags={"engine": engine_flags()}, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
