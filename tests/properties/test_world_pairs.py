"""Runs that must agree where they are the same: recording, blocks, idle agents, other markets, switches, forks.

The world is the crowded village: every behaviour is alive, makers leave and return (R-2, R-3, J-3, N-1; DESIGN: paired
counterfactuals with common random numbers).
"""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine import _core
from engine.reference import rng
from engine.reference.agents import Maker, Noise
from engine.reference.links import Draws
from engine.reference.world import JournalKind
from engine.testing.village import PERPETUAL, PRICE, SPOT, Village, crowded_village
from engine.testing.worlds import landmark_rows, rows_of
from engine.types import Side

END_MS = 800
BOTH = (PERPETUAL, SPOT)


def ran(village):
    village.native.run(END_MS)
    return village.native


def by_owner(native, *markets):
    """Return the rows of some markets, every landmark named by (market, number) instead of by its row."""
    landmarks = landmark_rows(native)
    names = {place: row[2:4] if place else None for place, row in enumerate(landmarks)}

    def rows(table, **named):
        at = table.names.index("market")
        found = [list(row) for row in rows_of(table) if row[at] in markets]
        for column in named:
            for row in found:
                row[table.names.index(column)] = names[row[table.names.index(column)]]
        return found

    own = [
        (*row[:5], names[row[5]], *row[6:8], row[8] and (*row[8][:4], names[row[8][4]]))
        for row in landmarks[1:]
        if row[2] in markets
    ]
    at = native.journal().names.index("kind")
    commands = [row for row in rows(native.journal()) if row[at] != JournalKind.DEPOSIT]  # whose `market` is an asset
    return rows(native.trades(), cause=1), commands, rows(native.prices(), cause=1), own


class TestOneRun:
    def test_the_digest_is_the_same_with_recording_off(self):
        recorded, silent = crowded_village(), crowded_village(record_trades=False, record_journal=False)
        assert ran(recorded).digest() == ran(silent).digest()
        assert recorded.native.counts() == silent.native.counts()
        assert len(silent.native.journal()) == 0

    def test_j4_the_digest_and_every_table_are_the_same_with_narrow_accounts_and_their_twins_follow(self):
        wide, narrow = crowded_village(), crowded_village(narrow=True)
        for village in (wide, narrow):
            village.native.record(orders=True, movements=True, accounts_every_ms=10, accounts="all")
        assert narrow.disagreements(END_MS) == []
        assert ran(wide).digest() == narrow.native.digest()
        assert wide.native.counts() == narrow.native.counts()
        for name in wide.native.table_names():
            assert rows_of(wide.native.table(name)) == rows_of(narrow.native.table(name)), name
        assert len(narrow.native.table("accounts")) > 100

    @given(cuts=st.lists(st.integers(1, 700), min_size=1, max_size=9), seed=st.integers(0, 9))
    @settings(max_examples=20)
    def test_the_digest_is_the_same_however_the_run_is_cut(self, cuts, seed):
        wanted = ran(crowded_village(seed))
        native = crowded_village(seed).native
        for place in count():
            events = cuts[place % len(cuts)]
            if native.run(END_MS, events=events) < events:
                break
        assert native.digest() == wanted.digest()
        assert native.counts() == wanted.counts()

    def test_j3_resumed_from_a_snapshot_at_every_kth_event_it_is_the_straight_run(self):
        wanted = ran(crowded_village())
        native, pieces = crowded_village().native, 0
        while native.run(END_MS, events=29 + pieces % 7) == 29 + pieces % 7:
            native = _core.World.restore(native.snapshot())
            pieces += 1
        assert pieces > 60
        assert native.digest() == wanted.digest()
        assert native.counts() == wanted.counts()
        assert rows_of(native.landmarks()) == rows_of(wanted.landmarks())
        native.check_invariants()

    def test_j3_a_fork_leaves_the_original_unharmed(self):
        wanted = ran(crowded_village())
        native = crowded_village().native
        native.run(300)
        before = native.digest()
        for seed in (None, 5, 6):
            native.fork(seed=seed).run(END_MS)
        assert native.digest() == before
        native.run(END_MS)
        assert native.digest() == wanted.digest()
        assert rows_of(native.trades()) == rows_of(wanted.trades())

    def test_j3_a_fork_with_the_old_seed_is_the_same_run_and_with_another_it_is_not(self):
        wanted = ran(crowded_village(seed=1))
        native = crowded_village(seed=1).native
        native.run(300)
        forks = [native.fork(seed=seed) for seed in (None, 1, 2)]
        for fork in forks:
            fork.run(END_MS)
        assert [fork.digest() == wanted.digest() for fork in forks] == [True, True, False]


class TestOthers:
    """Who has nothing to do with a market or an account changes no byte of theirs."""

    @pytest.mark.parametrize("kind", ["noise that starts late", "maker without a market", "value that never acts"])
    def test_an_idle_agent_changes_nothing(self, kind):
        def village(has_idler):
            found = crowded_village()
            account = found.world.account()
            if has_idler and kind == "noise that starts late":
                terms = {"market": PERPETUAL, "mean_gap_ms": 1.0, "qty_min": 1, "qty_max": 1}
                found.native.add_agents("noise", account, 99, start_ms=END_MS + 1, **terms)
            elif has_idler and kind == "maker without a market":
                found.native.add_agents("maker", account, 99, wake_every_ms=3)
            elif has_idler:
                terms = {"market": SPOT, "wake_every_ms": 3, "threshold": 0.9, "fair_ticks": PRICE, "qty_lots": 1}
                found.native.add_agents("value", account, 99, **terms)
            return found

        without, with_it = village(False), village(True)
        assert ran(with_it).digest() == ran(without).digest()
        assert rows_of(with_it.native.journal()) == rows_of(without.native.journal())
        assert rows_of(with_it.native.trades()) == rows_of(without.native.trades())
        assert rows_of(with_it.native.landmarks()) == rows_of(without.native.landmarks())

    def test_another_market_with_its_own_people_changes_no_row_of_the_others(self):
        def village(has_other):
            found = crowded_village()
            if has_other:
                world, native = found.world, found.native
                market = world.perpetual(0)
                people = world.account(10**12)
                for side in (Side.BUY, Side.SELL):
                    for level in range(20):
                        native.send_order(people, market, side, PRICE - side * (5 + 10 * level), 30, at_ms=0)
                rules = {"drawdown": 0.0005, "return_after_ms": 50, "half_spread": 0.001, "window_ms": 100}
                for ordinal in range(3):
                    account = world.account(10**12)
                    maker = native.add_agents("maker", account, 700 + ordinal, wake_every_ms=10, **rules)
                    native.add_quotes(maker, market, 20)
                terms = {"market": market, "mean_gap_ms": 3.0, "qty_min": 1, "qty_max": 60}
                native.add_agents("noise", world.account(10**12), 800, **terms)
            return found

        without, with_it = village(False), village(True)
        ran(without), ran(with_it)
        added = [row for row in landmark_rows(with_it.native)[1:] if row[2] == 2]
        assert len(added) > 10  # the other market's makers come and go, so its landmarks lie between the others
        assert by_owner(with_it.native, *BOTH) == by_owner(without.native, *BOTH)
        for account in range(without.native.account_count):
            for market in BOTH:
                assert with_it.native.position(account, market) == without.native.position(account, market)
            for asset in range(2):
                assert with_it.native.balance(account, asset) == without.native.balance(account, asset)


def latencies(follower):
    """Return the latency of each message by (account, market, sent, how many before it in that millisecond)."""
    found, before = {}, {}
    for account, messages in follower.sent.items():
        for sent_ms, message in zip(follower.sent_ms[account], messages, strict=True):
            at = account, message.market, sent_ms
            before[at] = before.get(at, -1) + 1
            found[(*at, before[at])] = message.due_ms - sent_ms
    return found


class TestPairs:
    """Two runs that differ by one switch share the draw of every (agent, purpose, time) that occurs in both."""

    @staticmethod
    def pair(switch):
        """Run the village twice, the second time with the switch; both are followed by their twins."""
        followers = []
        for has_switch in (False, True):
            # A law within 2 ms: where messages hardly ever wait for one another, a latency is a draw.
            village = crowded_village(law=("uniform", 1.0, 2.9))
            if has_switch:
                switch(village)
            follower = village.followed(END_MS)
            assert follower.disagreements(END_MS) == []
            followers.append(follower)
        return followers

    @staticmethod
    def big_sale(village):
        village.native.send_order(village.outside, PERPETUAL, Side.SELL, None, 900, at_ms=200)

    def test_what_is_sent_in_both_runs_takes_as_long_in_both(self):
        calm, moved = (latencies(follower) for follower in self.pair(self.big_sale))
        common = calm.keys() & moved.keys()
        assert len(common) > 500
        assert len(calm.keys() ^ moved.keys()) > 50  # the runs are not the same
        later = [at for at in common if at[2] > 250]
        assert len(later) > 200
        # First messages of their millisecond wait for none: what differs could only be the draw.
        assert all(calm[at] == moved[at] for at in common if at[3] == 0)

    def test_who_does_not_react_sends_the_same_at_the_same_time(self):
        calm, moved = self.pair(self.big_sale)
        for account, twin in calm.twins.items():
            if isinstance(twin, Noise) and not twin.slippage:  # else it looks at the price
                assert calm.sent[account] == moved.sent[account]

    def test_everybody_wakes_at_the_same_times(self):
        def wakes(follower):
            makers = [account for account, twin in follower.twins.items() if isinstance(twin, Maker)]
            return [follower.twins[account].wake_ms for account in makers]

        calm, moved = self.pair(self.big_sale)
        assert wakes(calm) == wakes(moved)
        assert len(wakes(calm)) == 4


class TestReseeding:
    """A fork with another seed draws otherwise from its moment on, and only from then on (R-2)."""

    @given(fork_ms=st.integers(1, 400), seed=st.integers(0, 2**64 - 1))
    @example(fork_ms=200, seed=1)
    @settings(max_examples=20)
    def test_r2_from_the_fork_on_every_draw_is_that_of_the_new_seed(self, fork_ms, seed):
        terms = {
            "market": PERPETUAL,
            "mean_gap_ms": 4.0,
            "qty_min": 1,
            "qty_max": 900,
            "latency_law": ("exponential", 9.0),
        }
        village = Village(7)
        account = village.add("noise", **terms)
        village.native.run(fork_ms)
        fork = village.native.fork(seed=seed)
        fork.run(500)
        twin = village.twins[account]
        sent = []
        while twin.wake_ms <= 500:
            if twin.wake_ms > fork_ms:
                twin.draws = Draws(rng.stream_of(seed, _core.member_key("noise", 0)))
                twin.link(PERPETUAL)._out.draws = twin.draws
            sent += twin.wake(twin.wake_ms, {})
        journal = fork.journal()
        got = [row[:2] for row in zip(journal["time_ms"].tolist(), journal["qty"].tolist(), strict=True)]
        assert got == [(message.due_ms, message.qty) for message in sent if fork_ms < message.due_ms <= 500]
