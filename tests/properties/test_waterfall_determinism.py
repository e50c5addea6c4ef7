"""Random worlds with a waterfall repeat themselves: snapshots, forks, pauses, processes, tables, orders of opening.

The worlds are those of `engine.testing.waterfall_walks`, without the reference: what they do is compared with itself.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

import engine
from engine import _core
from engine.margin import AccountMode
from engine.testing.waterfall_twin import WaterfallTwin
from engine.testing.waterfall_walks import Town, newest_first
from engine.testing.worlds import TwinWorld, landmark_rows, rows_of

SEEDS = (4, 5, 7, 12, 14, 16, 27, 40, 47, 71, 84, 115)
STEPS = 40
KINDS = STEP, FILLED, TAKEOVER, ADL, REST, BALANCE, FUND, CLEARANCE, SHARE, BAD_DEBT = range(1, 11)
TABLES = ("trades", "journal", "prices", "waterfall")

PROGRAM = f"""
from engine.testing.waterfall_walks import Town
for seed in {SEEDS}:
    town = Town(seed)
    assert town.live({STEPS}) == []
    print(town.native.digest(), end=" ")
print(hash("firesale"))
"""


class Alone(WaterfallTwin):
    """Be the native world alone, and keep the rows of those that were left behind for a restored one."""

    def __init__(self, *declared):
        super().__init__(*declared)
        self.drawn = random.Random(self.seed)
        self.rows = defaultdict(list)
        self.restored = 0
        self.native.record(waterfall=True)

    def begin(self):
        """End the declarations; nobody follows."""
        super().begin()
        self.reference = None

    def outside(self):
        """Tell nobody what was done from outside."""

    def run(self, until_ms):
        """Run; a difference cannot come up here."""
        self.native.run(until_ms)
        return []

    def go_on_with(self, other):
        """Leave the native world for one that stands where it stands."""
        self.collect()
        self.native = other
        self.restored += 1

    def collect(self):
        """Keep the rows of the native world; a restored one begins without any (J-3)."""
        for name in TABLES:
            self.rows[name] += rows_of(self.native.table(name))

    def disagreements(self):
        """Return nothing: there is nobody to disagree."""
        return []


class Restored(Alone):
    """Run a few events at a time, and often go on from a snapshot."""

    def run(self, until_ms):
        for _ in range(self.drawn.randrange(4)):
            self.native.run(until_ms, events=self.drawn.randrange(12))
            self.go_on_with(_core.World.restore(self.native.snapshot()))
        return super().run(until_ms)


class Forked(Alone):
    """Fork between two events, and let the copies do something else."""

    def run(self, until_ms):
        self.native.run(until_ms, events=self.drawn.randrange(12))
        before = self.native.digest()
        repeats, strays = self.native.fork(), self.native.fork(seed=self.drawn.randrange(2**63))
        for account in range(5, strays.account_count):
            strays.deposit(account, 0, 10**6)
            strays.send_order(account, 0, 1, 1, 1, at_ms=strays.now_ms + 1)
        strays.run(until_ms + 50, check=True)
        repeats.run(until_ms)
        assert self.native.digest() == before
        super().run(until_ms)
        assert repeats.digest() == self.native.digest()
        self.restored += 1
        return []


class Stepped(Alone):
    """Run event by event."""

    def run(self, until_ms):
        while self.native.run(until_ms, events=1):
            self.restored += 1
        return super().run(until_ms)


class Untold(Alone):
    """Keep no table of the waterfall."""

    def begin(self):
        self.native.record(waterfall=False)
        super().begin()


def lived(seed, twin, steps=STEPS):
    """Let a world live; return the twin, and all that can be compared of it."""
    town = Town(seed, twin)
    assert town.live(steps) == []
    town.world.collect()
    native = town.native
    return town.world, {"digest": native.digest(), "landmarks": landmark_rows(native), **town.world.rows}


@cache
def straight(seed):
    return lived(seed, Alone)[1]


def test_the_worlds_reach_every_part():
    reached = {kind for seed in SEEDS for *_, kind in straight(seed)["waterfall"]}
    assert reached == set(KINDS)


@pytest.mark.parametrize("seed", SEEDS)
class TestRuns:
    def test_j3_a_snapshot_between_any_two_events_goes_on_as_the_straight_run(self, seed):
        world, found = lived(seed, Restored)
        assert world.restored > STEPS // 2
        assert found == straight(seed)

    def test_j3_a_fork_repeats_its_original_and_leaves_it_unharmed(self, seed):
        world, found = lived(seed, Forked)
        assert world.restored == STEPS
        assert found == straight(seed)

    def test_event_by_event_is_all_at_once(self, seed):
        world, found = lived(seed, Stepped)
        assert world.restored > STEPS // 2
        assert found == straight(seed)

    def test_x15_the_table_of_the_waterfall_changes_nothing(self, seed):
        _, found = lived(seed, Untold)
        told = straight(seed)
        assert found["waterfall"] == []
        assert told["waterfall"] != []
        assert {**found, "waterfall": []} == {**told, "waterfall": []}


def test_processes_and_hash_seeds_agree():
    root = str(Path(engine.__file__).parent.parent)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": root},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in ("0", "4294967295")
    ]
    answers = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert [[int(digest) for digest in digests] for *digests, _ in answers] == 2 * [
        [straight(seed)["digest"] for seed in SEEDS]
    ]
    assert answers[0][-1] != answers[1][-1]  # the hash seeds did differ


# ---- the order in which positions were opened ------------------------------------------------------------------------

PRICE = 1_000
RULES = ("binance", "hyperliquid", "hyperliquid_adjusted", "bybit", "contracts", "pnl", "unranked", newest_first)


def crashed(rule, seed, order):
    """Open the positions of a seed in an order, let both marks move, and return who was closed against whom.

    Nobody trades on both sides of a market, so a position and its cost are the same in whatever order they come about.
    """
    drawn = random.Random(seed)
    twin = TwinWorld(seed)
    native, usd = twin.native, twin.asset()
    rates = twin.schedule([0], [20_000])
    markets = [twin.perpetual(usd, maintenance=rates) for _ in range(2)]
    native.set_policy(0, steps_most=1, interval_ms=1, adl=rule, close=drawn.choice(("bankruptcy", "mark")))
    modes = [drawn.choice((AccountMode.CROSS, AccountMode.ISOLATED)) for _ in range(16)]
    accounts = [twin.account(drawn.choice((40_000, 60_000, 400_000)), mode=mode) for mode in modes]
    opened = []
    for market in markets:
        native.publish(market, PRICE, "mark")
        for account in (account for account, mode in zip(accounts, modes, strict=True) if mode is AccountMode.ISOLATED):
            native.deposit(account, 0, 10**6)  # each trade brings its whole margin, whichever comes first (L-11)
            native.set_leverage(account, 10, market=market)
        sides = drawn.sample(accounts, len(accounts))
        for _ in range(20):
            pair = drawn.choice(sides[:8]), drawn.choice(sides[8:])
            opened.append((market, *pair, drawn.randint(1, 30), PRICE + drawn.choice((-20, 0, 0, 20))))
    order.shuffle(opened)
    for row in opened:
        native.open_trade(*row)
    native.record(waterfall=True)
    for factor in (0.8, 1.25, 0.6):
        for market in markets:
            native.publish(market, int(PRICE * factor), "mark")
        native.run(native.now_ms + 5, check=True)
    table = native.table("waterfall")
    names = ("time_ms", "market", "account", "counterparty", "qty_lots", "atoms")
    rows = list(zip(*(table[name][table["kind"] == ADL].tolist() for name in names), strict=True))
    return rows, native.digest()


@pytest.mark.parametrize("rule", RULES)
def test_x12_adl_does_not_see_in_which_order_positions_were_opened(rule):
    met = 0
    for seed in range(6):
        first, *others = (crashed(rule, seed, random.Random(order)) for order in range(4))
        assert others == 3 * [first]
        met += len(first[0])
    assert met > 40
