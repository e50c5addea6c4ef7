"""The same seed gives the same bytes: in another process, under another hash seed, beside strangers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.testing.worlds import TwinWorld, add_book, landmark_rows, rows_of, small_world
from engine.types import Side

END_MS = 4_000
PROGRAM = (
    "from engine.testing.worlds import small_world\n"
    "twin = small_world()\n"
    f"twin.native.run({END_MS})\n"
    "print(twin.native.digest(), hash('firesale'))\n"
)


def run(**options):
    twin = small_world(**options)
    twin.native.run(END_MS)
    return twin.native


def columns(table, market=None, leave_out=()):
    keep = slice(None) if market is None else np.asarray(table["market"]) == market
    return {name: np.asarray(table[name])[keep].tolist() for name in table if name not in leave_out}


class TestProcesses:
    def test_two_processes_and_three_hash_seeds_agree(self):
        root = str(Path(engine.__file__).parent.parent)
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": root},
                stdout=subprocess.PIPE,
                text=True,
            )
            for hash_seed in ("0", "1", "4294967295")
        ]
        answers = [process.communicate(timeout=60)[0].split() for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0]
        assert {int(digest) for digest, _ in answers} == {run().digest()}
        assert len({text for _, text in answers}) == 3  # the hash seeds did differ


class TestSeeds:
    def test_the_same_seed_gives_the_same_tables(self):
        first, second = run(), run()
        assert first.digest() == second.digest()
        assert columns(first.trades()) == columns(second.trades())
        assert columns(first.journal()) == columns(second.journal())
        assert columns(first.prices()) == columns(second.prices())
        assert rows_of(first.landmarks()) == rows_of(second.landmarks())

    def test_another_seed_gives_another_run(self):
        assert run(seed=7).digest() != run(seed=8).digest()

    def test_seeds_count_mod_2_to_the_64(self):
        assert run(seed=-1).digest() == run(seed=2**64 - 1).digest()


class TestRecording:
    @pytest.mark.parametrize("options", [{"record_trades": False}, {"record_journal": False}])
    def test_what_is_recorded_does_not_change_the_run(self, options):
        plain, other = run(), run(**options)
        assert other.digest() == plain.digest()
        assert other.counts() == plain.counts()
        assert rows_of(other.landmarks()) == rows_of(plain.landmarks())
        assert len(other.trades()) == (0 if "record_trades" in options else len(plain.trades()))
        assert len(other.journal()) == (0 if "record_journal" in options else len(plain.journal()))

    def test_samples_of_the_depth_do_not_change_the_run(self):
        plain, sampled = run(), run(depth_every_ms=50)
        assert len(sampled.samples()) == 2 * (END_MS // 50 + 1)  # two markets, from 0 on
        assert sampled.digest() == plain.digest()
        assert columns(sampled.trades()) == columns(plain.trades())


class TestStrangers:
    def test_an_idle_account_changes_no_trade(self):
        plain = run()
        twin = small_world()
        twin.account(1_000, 1_000)
        twin.native.run(END_MS)
        assert columns(twin.native.trades()) == columns(plain.trades())
        assert columns(twin.native.prices()) == columns(plain.prices())

    def test_an_unrelated_market_changes_no_trade_elsewhere(self):
        plain = run()
        twin = self.with_neighbour()
        twin.native.run(END_MS)
        neighbour = len(twin.terms) - 1
        assert twin.native.market(neighbour)["trades"] > 0
        for market in (0, 1):
            # `cause` is a landmark's slot in the whole world; what it stands for is compared below.
            got = columns(twin.native.trades(), market, leave_out=("cause",))
            assert got == columns(plain.trades(), market, leave_out=("cause",))
            assert self.named_causes(twin.native, market) == self.named_causes(plain, market)

    @staticmethod
    def with_neighbour() -> TwinWorld:
        twin = small_world()
        market = twin.perpetual(0)
        account = twin.account(10**11)
        add_book(twin, account, market, levels=20, qty_lots=50)
        twin.native.add_mark(market, every_ms=100, lag_ms=0)
        # A shock of its own, and a long that it liquidates: landmarks of both markets alternate.
        twin.native.open_trade(market, twin.account(60 * 100), account, 100, 1_000)
        twin.native.add_agents(
            "shock", account, 0, market=market, side=Side.SELL, qty_lots=700, start_ms=1_450, slices=5, every_ms=60
        )
        return twin

    @staticmethod
    def named_causes(native, market):
        """Return the causes of a market's trades by what G-1 names a landmark with: market and number."""
        landmarks = landmark_rows(native)
        return [landmarks[cause][1:4] for cause in columns(native.trades(), market)["cause"]]
