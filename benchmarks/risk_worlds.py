"""The worlds of the risk benchmark: accounts put into an engine, rounds of marks sent to it, and what it then says.

Margin and triggers only: a venue that notes a liquidation and sends no orders, narrow accounts, one boundary (equity
below the maintenance requirement). A round of marks is one millisecond of the world; rounds are a second apart.
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from risk_scan import NEVER
from risk_workloads import Accounts, Array, Trades, opening_trades

from engine._core import World
from engine.forest import LandmarkKind

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20251010
SUPPLY_MAX = 2**61
FIRST = 3  # the venue has accounts 0, 1, 2
ASSET = 0
EVERY_MS = 1_000


class Rounds(NamedTuple):
    """Marks by round, and when each round is published."""

    marks: Array  # (rounds, markets)
    times_ms: Array

    def columns(self, begin: int = 0, end: int | None = None) -> tuple[Array, Array, Array]:
        """Return times, markets and ticks of rounds begin <= r < end as `World.mark_rounds` takes them."""
        marks = self.marks[begin:end]
        markets = np.tile(np.arange(marks.shape[1], dtype=np.uint16), len(marks))
        return np.repeat(self.times_ms[begin:end], marks.shape[1]), markets, marks.ravel()


def rounds_after(world: World, marks: Array) -> Rounds:
    """Let rounds of marks follow on what the world has lived through."""
    return Rounds(marks, world.now_ms + EVERY_MS * np.arange(1, len(marks) + 1))


def build_world(accounts: Accounts) -> World:
    """Open every position at the first marks and arm all triggers."""
    world = World(SEED, stage_ppm=0, record_trades=False, record_journal=False)
    asset = world.add_asset(SUPPLY_MAX)
    schedules = []
    for tiers in accounts.schedules:
        floors, rates = np.array(tiers, np.int64).T
        schedules.append(world.add_schedule(np.ascontiguousarray(floors), np.ascontiguousarray(rates)))
    for schedule in accounts.schedule_of.tolist():
        world.add_perpetual(asset, atoms_per_tick_lot=1, maintenance=schedules[schedule])
    first = world.add_accounts(accounts.total, narrow=True)
    assert (asset, first) == (ASSET, FIRST)
    for market, mark in enumerate(accounts.marks.tolist()):
        world.publish(market, mark)
    world.deposits(names_of(np.arange(accounts.total)), asset, accounts.deposit)
    send_trades(world, opening_trades(accounts), accounts.marks[None])
    run_checks(world)
    return world


def send_trades(world: World, trades: Trades, marks: Array) -> None:
    """Send trades at the marks of their rounds."""
    world.open_trades(*trade_columns(trades, marks))


def names_of(accounts: Array) -> Array:
    """Return the engine's numbers of accounts."""
    return (FIRST + accounts).astype(np.int32)


def trade_columns(trades: Trades, marks: Array) -> tuple[Array, ...]:
    """Return markets, buyers, sellers, lots and prices as `World.open_trades` takes them."""
    prices = marks[trades.round, trades.market]
    return trades.market.astype(np.uint16), names_of(trades.buyer), names_of(trades.seller), trades.lots, prices


def run_checks(world: World) -> None:
    """Let the millisecond pass in which the margin checks of what was written are due."""
    world.run(world.now_ms + 1)


# ---- timed -----------------------------------------------------------------------------------------------------------


class Clock:
    """CPU seconds of this process inside a `with`."""

    seconds = 0.0

    def __enter__(self) -> Self:
        self._begin = time.process_time_ns()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = (time.process_time_ns() - self._begin) / 1e9


def rounds_seconds(world: World, rounds: Rounds) -> float:
    """Publish all rounds in one call."""
    columns = rounds.columns()
    with Clock() as clock:
        world.mark_rounds(*columns)
    return clock.seconds


def single_marks_seconds(world: World, marks: Array) -> float:
    """Publish the marks one to a millisecond, market by market, round by round."""
    markets = np.tile(np.arange(marks.shape[1], dtype=np.uint16), len(marks))
    times = world.now_ms + np.arange(1, len(markets) + 1)
    ticks = marks.ravel()
    with Clock() as clock:
        world.mark_rounds(times, markets, ticks)
    return clock.seconds


def trading_seconds(world: World, rounds: Rounds, trades: Trades) -> float:
    """Publish round by round and send the trades of each before the next, two calls a round."""
    steps = list(_steps(rounds, trades))
    mark_rounds, open_trades = world.mark_rounds, world.open_trades
    with Clock() as clock:
        for marks, made in steps:
            mark_rounds(*marks)
            if made is not None:
                open_trades(*made)
    return clock.seconds


def _steps(rounds: Rounds, trades: Trades) -> Iterator[tuple[tuple[Array, ...], tuple[Array, ...] | None]]:
    """Yield the columns of each round and of the trades after it."""
    width = rounds.marks.shape[1]
    marks = rounds.columns()
    made = trade_columns(trades, rounds.marks)
    bounds = np.searchsorted(trades.round, np.arange(len(rounds.marks) + 1)).tolist()
    for at, (begin, end) in enumerate(pairwise(bounds)):
        rows = tuple(column[begin:end] for column in made) if end > begin else None
        yield tuple(column[at * width : (at + 1) * width] for column in marks), rows


# ---- what the world says ---------------------------------------------------------------------------------------------


def risk_since(world: World, before: dict[str, int]) -> dict[str, int]:
    """Return what the index has done since `before`."""
    now = world.risk_counts()
    return {name: now[name] - before[name] for name in ("pops", "looks", "evaluations", "arms", "spares")}


def breach_rounds(world: World, rounds: Rounds, count: int) -> Array:
    """Return the round of each account's liquidation, NEVER without: the last one published when it began."""
    table = world.landmarks()
    rows = np.flatnonzero(table["kind"] == LandmarkKind.LIQUIDATION)
    when = np.searchsorted(rounds.times_ms, table["time_ms"][rows], side="right") - 1
    found = np.full(count, NEVER)
    # Written backwards, so that an account's first one stays; `breach_differences` is told how many there were.
    found[table["account"][rows[::-1]] - FIRST] = when[::-1]
    return found


def liquidation_count(world: World) -> int:
    """Count the liquidations that have begun."""
    return int((world.landmarks()["kind"] == LandmarkKind.LIQUIDATION).sum())


def breach_differences(found: Array, expected: Array, begun: int) -> list[str]:
    """Compare the rounds of breach, account by account; `begun` is how many liquidations there were in all."""
    differences = []
    counts = (int((expected != NEVER).sum()), begun)
    if counts[0] != counts[1]:
        differences.append(f"liquidations: expected {counts[0]}, was {counts[1]}")
    others = np.flatnonzero(found != expected)
    if len(others):
        first = int(others[0])
        text = f"account {first} of {len(others)}: expected round {expected[first]}, was {found[first]}"
        differences.append(f"round of the breach, {text}")
    return differences


def surplus_differences(world: World, accounts: Accounts, expected: Array) -> list[str]:
    """Compare the surplus of every account that was given positions, as the engine's own full scan has it."""
    table = world.margin_units()
    found = np.full(accounts.total, np.iinfo(np.int64).min)
    found[table["account"] - FIRST] = table["equity_atoms"] - table["requirement_atoms"]
    holders = np.unique(accounts.owner()[accounts.lots != 0])  # a market that nobody holds has an idle rest account
    others = holders[found[holders] != expected[holders]]
    if len(others) == 0:
        return []
    first = int(others[0])
    return [f"surplus, account {first} of {len(others)}: expected {expected[first]}, was {found[first]}"]
