"""Worlds with Python agents beside their twins: the native behaviour, the reference, another process, an idle agent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from agentkit import Quoter, Scripted, add
from worldkit import BUY, QUOTE, SELL, agree

from engine import Agent, _core
from engine.testing.worlds import rows_of, small_world

ROOT = Path(__file__).resolve().parents[2]


class PythonNoise(Agent):
    """Rule A-8 in Python, with the draws of R-3: what the native noise trader does."""

    def __init__(self, seed, key, mean_gap_ms, qty_min, qty_max):
        self.seed, self.key, self.mean_gap_ms = seed, key, mean_gap_ms
        self.qty_min, self.qty_max = qty_min, qty_max

    def bits(self, context, purpose):
        return _core.draw(self.seed, self.key, purpose, context.time_ms, 0)

    def on_start(self, context):
        u = ((self.bits(context, 3) >> 12) + 0.5) * 2.0**-52
        context.wake_in(max(1, int(-self.mean_gap_ms * _core.log(u) + 0.5)))

    def on_wake(self, context):
        side = BUY if self.bits(context, 4) >> 63 else SELL
        lots = self.qty_min + (self.bits(context, 5) * (self.qty_max - self.qty_min + 1) >> 64)
        context.place(1, side, lots)
        self.on_start(context)


class TestTwins:
    def test_a8_the_same_noise_in_python_gives_the_same_run_as_the_native_one(self):
        key = _core.member_key("twin noise", 0)
        law = {"latency_ms": 3, "latency_law": ("lognormal", 8.0, 0.5), "picture_law": ("exponential", 4.0)}
        worlds = []
        for native in (True, False):
            twin = small_world(seed=11)
            account = twin.account(10**11, 10**9)
            if native:
                twin.native.add_agents("noise", account, key, market=1, mean_gap_ms=12.0, qty_min=3, qty_max=40, **law)
            else:
                twin.native.add_python(PythonNoise(11, key, 12.0, 3, 40), account, key, **law)
            twin.native.run(3_000)
            worlds.append(twin.native)
        mine = (worlds[0].trades()["taker_account"] == account).sum()
        assert mine > 100
        assert rows_of(worlds[0].trades()) == rows_of(worlds[1].trades())
        assert worlds[0].digest() == worlds[1].digest()

    def test_j2_a_world_with_a_python_quoter_replays_in_the_reference(self):
        twin = small_world()
        quoter = Quoter(1, 25)
        account = add(twin, quoter, 10**11, 10**9, watches=[1], latency_law=("exponential", 5.0))
        twin.native.run(3_000)
        assert quoter.held_lots == twin.native.position(account, 1)[0]  # after the last notice
        assert quoter.told > 50
        assert (twin.native.trades()["maker_account"] == account).sum() > 20
        agree(twin)

    def test_an_idle_agent_changes_no_row_of_the_others(self):
        def idle(agent, context):
            context.uniform(), context.depth(1), context.balance(QUOTE)
            context.wake_in(7)

        worlds = []
        for present in (False, True):
            twin = small_world()
            account = twin.account(10**9)
            if present:
                agent = Scripted(start=idle, wake=idle)
                twin.native.add_python(agent, account, 1, watches=[0, 1])
            twin.native.run(2_500)
            worlds.append(twin.native)
        assert len(agent.heard) > 400
        for table in ("trades", "journal", "prices", "landmarks", "causes"):
            assert rows_of(getattr(worlds[0], table)()) == rows_of(getattr(worlds[1], table)())
        assert worlds[0].digest() == worlds[1].digest()


STORY = """
from agentkit import Crowd, Quoter, add
from engine import _core
from engine.testing.worlds import small_world
twin = small_world()
add(twin, Quoter(1, 25), 10**11, 10**9, watches=[1], latency_law=("exponential", 5.0))
members = [twin.account(10**11, 10**9) for _ in range(5)]
keys = [_core.member_key("crowd", ordinal) for ordinal in range(5)]
twin.native.add_python(Crowd(1), members, keys, as_array=True)
twin.native.run(2_000)
digest = twin.native.digest()
"""


class TestDeterminism:
    def test_the_same_seed_gives_the_same_digest_in_one_process_and_in_others(self):
        def here():
            found = {}
            exec(STORY, found)
            return found["digest"]

        def elsewhere(hash_seed):
            path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "unit")])
            done = subprocess.run(
                [sys.executable, "-c", STORY + "print(digest)"],
                env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": hash_seed},
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            return int(done.stdout)

        assert len({here(), here(), elsewhere("0"), elsewhere("12345")}) == 1

    def test_where_a_run_is_cut_does_not_matter(self):
        digests = set()
        for pieces in ([1_500], [1, 2, 3, 700, 701, 1_500]):
            twin = small_world()
            add(twin, Quoter(1, 25), 10**11, 10**9, watches=[1])
            for until_ms in pieces:
                twin.native.run(until_ms)
            digests.add(twin.native.digest())
        assert len(digests) == 1
