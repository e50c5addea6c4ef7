"""Python agents of the engine, for comparison with bourse's: each quotes at random, one at a time or as arrays.

As bourse's random agents do, each member sends an order at a random price or cancels the one it has, half of the time
each; every message travels on a link.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from simulators import PeerRun

from engine import Agent, ArrayAgent, Side
from engine._core import World, member_key

if TYPE_CHECKING:
    from engine._core import ArrayContext, Context, SentOrder

SEED = 20240229
LOW_TICKS, HIGH_TICKS = 20, 80
PAUSE_MS = 100
WEALTH = 10**12


class RandomQuoter(Agent):
    """Cancel what it has, or place an order at a random price; then sleep."""

    calls = 0
    order: SentOrder | None = None

    def on_start(self, context: Context) -> None:
        """Sleep first."""
        context.wake_in(PAUSE_MS)

    def on_wake(self, context: Context) -> None:
        """Act."""
        self.calls += 1
        if self.order is not None and self.order.is_open:
            context.cancel(self.order)
            self.order = None
        else:
            draw = context.uniform()
            side = Side.BUY if draw < 0.5 else Side.SELL
            self.order = context.place(0, side, 10, LOW_TICKS + int(draw * 1e6) % (HIGH_TICKS - LOW_TICKS))
        context.wake_in(PAUSE_MS)


class RandomCrowd(ArrayAgent):
    """All members at once: cancel the orders of the last step, place new ones at random prices."""

    orders = 0

    def on_start(self, context: ArrayContext) -> None:
        """Sleep first."""
        self.members = np.arange(context.count)
        self.lots = np.full(context.count, 10, dtype=np.int64)
        self.tickets: np.ndarray | None = None
        context.wake_in(PAUSE_MS)

    def on_wake(self, context: ArrayContext) -> None:
        """Act."""
        draws = context.uniform()
        sides = np.where(draws < 0.5, 1, -1).astype(np.int8)
        prices = (LOW_TICKS + (draws * 1e6).astype(np.int64) % (HIGH_TICKS - LOW_TICKS)).astype(np.int32)
        if self.tickets is not None:
            context.cancel(0, self.members, self.tickets)
        self.tickets = context.place(0, self.members, sides, self.lots, prices)
        self.orders += context.count
        context.wake_in(PAUSE_MS)


def crowd_world(agents: int) -> tuple[World, list[int]]:
    """Build one market and the accounts of a crowd."""
    world = World(SEED, record_journal=False)
    quote, base = world.add_asset(2**60), world.add_asset(2**60)
    first = world.add_accounts(agents)
    world.add_spot(base, quote, atoms_per_tick_lot=1, base_atoms_per_lot=1)
    accounts = list(range(first, first + agents))
    for account in accounts:
        world.deposit(account, quote, WEALTH)
        world.deposit(account, base, WEALTH)
    return world, accounts


def run_crowd(world: World, steps: int) -> float:
    """Run so many steps; return the CPU seconds."""
    start = time.thread_time()
    world.run((steps + 2) * PAUSE_MS)
    return time.thread_time() - start


def differences_of(world: World, sent: int) -> list[str]:
    """Check what the world says against what was sent and against its own ledger."""
    counts = world.counts()
    world.check_invariants()
    refused = sum(counts["rejects"].values())
    differences = [] if counts["trades"] else ["trades: expected some, was 0"]
    if refused or sent - counts["orders"] not in range(2_000):  # the last messages are on their way still
        differences.append(f"orders: expected {sent} and no refusal, was {counts['orders']} and {refused}")
    return differences


def run_callbacks(agents: int, steps: int) -> PeerRun:
    """Call every agent in every step."""
    world, accounts = crowd_world(agents)
    quoters = [RandomQuoter() for _ in accounts]
    for ordinal, (quoter, account) in enumerate(zip(quoters, accounts, strict=True)):
        world.add_python(quoter, account, member_key("quoters", ordinal), latency_ms=1)
    seconds = run_crowd(world, steps)
    counts = world.counts()
    kinds = {"calls": sum(quoter.calls for quoter in quoters), **{name: counts[name] for name in ("orders", "trades")}}
    return PeerRun(seconds, kinds, differences_of(world, counts["orders"]))


def run_arrays(agents: int, steps: int) -> PeerRun:
    """Step a population with one order of each member in every step."""
    world, accounts = crowd_world(agents)
    crowd = RandomCrowd()
    keys = [member_key("crowd", ordinal) for ordinal in range(agents)]
    world.add_python(crowd, accounts, keys, as_array=True, latency_ms=1)
    seconds = run_crowd(world, steps)
    counts = world.counts()
    kinds = {"orders": counts["orders"], "cancels": counts["cancels"], "trades": counts["trades"]}
    return PeerRun(seconds, kinds, differences_of(world, crowd.orders))
