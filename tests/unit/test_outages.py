"""Oracles that fall silent, native and reference: P-16."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from pricekit import INDEX, MARK, ORACLE, Tape, follow_index
from worldkit import QUOTE, agree, opened

from engine import InputError, Simulation, _core
from engine.prices import Fixed
from engine.reference.prices import IndexRule, Sender, Window, basis_mark, is_out

FAR = 2**61  # the latest end


class World:
    """Hold a perpetual alone."""

    def __init__(self):
        self.twin = opened()
        self.native = self.twin.native
        self.market = self.twin.perpetual(QUOTE)

    def published(self, kind=ORACLE):
        table = self.native.prices()
        rows = zip(table["kind"].tolist(), table["time_ms"].tolist(), table["price_ticks"].tolist(), strict=True)
        return [row[1:] for row in rows if row[0] == kind]


def staircase(count):
    """Be a source that is 1,000 at 0 ms and rises by one each millisecond."""
    times = np.arange(count, dtype=np.int64)
    return {"kind": "path", "time_ms": times, "price_ticks": times + 1_000}


class TestWindows:
    def test_p16_both_ends_to_the_millisecond(self):
        world = World()
        world.native.add_oracle(world.market, [staircase(100)], every_ms=5, outages=[(10, 20), (26, 30), (41, 44)])
        world.native.run(50, check=True)
        # Nothing at 10 and 15; at 20 the window has ended. 26 .. 30 and 41 .. 44 lie between two samples.
        assert [ms for ms, _ in world.published()] == [0, 5, 20, 25, 30, 35, 40, 45, 50]
        assert all(ticks == 1_000 + ms for ms, ticks in world.published())
        agree(world.twin)

    def test_p16_the_first_sample_comes_at_the_ordinary_cadence(self):
        world = World()
        world.native.add_oracle(world.market, [staircase(100)], every_ms=7, outages=[(8, 23)])
        world.native.run(40)
        assert [ms for ms, _ in world.published()] == [0, 7, 28, 35]  # not at 23

    def test_p16_windows_may_meet_and_lie_in_the_past(self):
        world = World()
        world.native.run(50)
        outages = [(0, 10), (20, 30), (60, 70), (70, 71), (71, 80), (FAR - 1, FAR)]
        world.native.add_oracle(world.market, [staircase(200)], every_ms=1, outages=outages)
        world.native.run(90)
        times = [ms for ms, _ in world.published()]
        assert times == [*range(51, 60), *range(80, 91)]

    def test_p16_what_is_on_its_way_arrives(self):
        world = World()
        world.native.add_oracle(world.market, [staircase(100)], every_ms=10, lag_ms=15, outages=[(11, 40)])
        world.native.run(60)
        assert world.published() == [(15, 1_000), (25, 1_010), (55, 1_040)]

    def test_p16_a_value_from_outside_is_published_in_an_outage(self):
        world = World()
        world.native.add_index(world.market, [staircase(100)], every_ms=1, lag_ms=0, outages=[(5, 20)])
        world.native.run(10)
        assert world.native.market(world.market)["index"] == 1_004
        world.native.publish(world.market, 77, "index")
        world.native.run(19)
        assert world.native.market(world.market)["index"] == 77
        world.native.run(20)
        assert world.native.market(world.market)["index"] == 1_020
        agree(world.twin)

    def test_p16_an_outage_from_the_start_to_the_end(self):
        world = World()
        world.native.add_oracle(world.market, [staircase(10)], every_ms=1, outages=[(0, FAR)])
        world.native.run(1_000)
        assert world.published() == []
        assert world.native.market(world.market)["oracle"] is None


class TestDeviation:
    def test_p16_the_heartbeat_counts_on(self):
        world = World()
        options = {"every_ms": 10, "deviation_ppm": 900_000, "heartbeat_ms": 50}
        world.native.add_oracle(world.market, [staircase(300)], outages=[(45, 75)], **options)
        world.native.run(150)
        # Due at 50, 60 and 70, which are in the outage; published at 80, and from there on after 50 ms again.
        assert [ms for ms, _ in world.published()] == [0, 80, 130]

    def test_p16_the_deviation_is_measured_from_what_was_sent_before(self):
        world = World()
        fall = {
            "kind": "path",
            "time_ms": np.array([0, 12, 18], np.int64),
            "price_ticks": np.array([10_000, 5_000, 9_980], np.int64),
        }
        world.native.add_oracle(world.market, [fall], every_ms=1, deviation_ppm=5_000, outages=[(10, 17)])
        world.native.run(30)
        # Half of the price is gone in the outage; it is told at the first sample after it.
        assert world.published() == [(0, 10_000), (17, 5_000), (18, 9_980)]
        quiet = World()
        quiet.native.add_oracle(quiet.market, [fall], every_ms=1, deviation_ppm=5_000, outages=[(10, 18)])
        quiet.native.run(30)
        assert quiet.published() == [(0, 10_000)]  # 9,980 is 0.2 % away: nobody ever heard of the fall


class TestNativeIsReference:
    @pytest.mark.parametrize("seed", [1, 2])
    @pytest.mark.parametrize("sender", [Sender(), Sender(2_000, 60)])
    def test_p16_windows_of_a_twap_and_ages(self, seed, sender):
        tape = Tape(seed)
        (wild, calm), (market, _) = tape.spots, tape.perpetuals
        specs = [
            {"kind": "twap", "market": wild, "window_ms": 60, "stale_ms": 20},
            {"kind": "mid", "market": calm, "weight": 2, "stale_ms": 30},
            {"kind": "last", "market": wild, "stale_ms": 60},
        ]
        outages = [(40, 90), (90, 103), (200, 201), (310, 345)]
        published, wanted = follow_index(
            tape, market, specs, IndexRule(), sender, every_ms=5, sample_every_ms=3, until_ms=500, outages=outages
        )
        assert published == wanted
        assert not any(is_out(outages, ms) for ms, _ in published)
        assert max(after - before for (before, _), (after, _) in pairwise(published)) >= 65
        agree(tape.twin)

    def test_p16_a_basis_takes_no_samples(self):
        tape = Tape(4, busy=0.6)
        spot, perp = tape.spots[0], tape.perpetuals[0]
        outages, window, wanted = [(30, 80), (120, 150)], Window(10), []
        tape.native.add_index(perp, spot, every_ms=4, lag_ms=0)
        tape.native.add_mark(perp, every_ms=6, lag_ms=0, rule="basis", window=10, sample_every_ms=3, outages=outages)
        tape.native.run(0)
        for now_ms, books in tape.steps(300):
            seen = books[perp]
            if is_out(outages, now_ms):
                continue
            if now_ms % 3 == 0:
                window.add(None if seen.mid is None or seen.index is None else seen.mid - seen.index)
            mark = basis_mark(seen.index, seen.index, window.mean(), seen.last)
            if now_ms % 6 == 0 and mark is not None:
                wanted.append((now_ms, mark))
        assert tape.published(perp, MARK) == wanted
        assert tape.published(perp, INDEX) != []
        agree(tape.twin)


class TestSnapshot:
    @pytest.mark.parametrize("at_ms", [5, 15, 25])
    def test_j3_before_in_and_after_a_window(self, at_ms):
        world = World()
        world.native.add_oracle(world.market, [staircase(100)], every_ms=2, outages=[(10, 20), (40, 50)])
        world.native.run(at_ms)
        copy = _core.World.restore(world.native.snapshot())
        for native in (world.native, copy):
            native.run(80)
        times = copy.prices()["time_ms"].tolist()
        assert times == [ms for ms, _ in world.published() if ms > at_ms]
        assert copy.digest() == world.native.digest()


class TestInput:
    BAD = [
        (5, "outages"),
        ("10", "outages"),
        ({1: 2}, "outages"),
        ([(0, 1)] * 65_537, "outages"),
        ([5], "outages[0]"),
        ([(1, 2, 3)], "outages[0]"),
        ([(-1, 2)], "outages[0].from_ms"),
        ([(1.0, 2)], "outages[0].from_ms"),
        ([(1, 2), (True, 4)], "outages[1].from_ms"),
        ([(5, 5)], "outages[0].to_ms"),
        ([(5, 4)], "outages[0].to_ms"),
        ([(5, FAR + 1)], "outages[0].to_ms"),
        ([(5, 2**70)], "outages[0].to_ms"),
        ([(5, None)], "outages[0].to_ms"),
        ([(5, 8), (7, 9)], "outages[1].from_ms"),  # they overlap
        ([(5, 8), (1, 2)], "outages[1].from_ms"),  # out of order
    ]

    @pytest.mark.parametrize(("outages", "field"), BAD)
    def test_u7(self, outages, field):
        world = World()
        before = world.native.snapshot()
        for declare in (
            lambda: world.native.add_index(world.market, 0, every_ms=1, lag_ms=0, outages=outages),
            lambda: world.native.add_oracle(world.market, 0, every_ms=1, outages=outages),
            lambda: world.native.add_mark(world.market, every_ms=1, lag_ms=0, outages=outages),
        ):
            with pytest.raises(InputError) as caught:
                declare()
            assert caught.value.field == field
            assert world.native.snapshot() == before

    def test_the_most_that_there_may_be_is_good(self):
        world = World()
        outages = [(2 * k, 2 * k + 1) for k in range(65_536)]
        world.native.add_oracle(world.market, [staircase(10)], every_ms=1, outages=outages)
        world.native.run(9)
        assert [ms for ms, _ in world.published()] == [1, 3, 5, 7, 9]


def test_by_name_index_oracle_and_mark_take_outages():
    sim = Simulation(seed=1)
    usdt = sim.asset("USDT", decimals=6, supply="1000000000")
    perp = sim.perpetual("ETH-PERP", usdt, tick="0.1", lot="0.001", maintenance="0.02")
    sim.index(perp, Fixed("4000"), every_ms=10, outages=[(5, 25)])
    sim.oracle(perp, Fixed("4001"), every_ms=10, outages=[(0, 11)])
    sim.mark(perp, every_ms=10, outages=[(15, 45)], latency_law=("fixed", 3.0))
    sim.run(until_ms=50)
    table = sim.world.prices()
    times = {kind: table["time_ms"][table["kind"] == kind].tolist() for kind in (INDEX, ORACLE, MARK)}
    assert times[INDEX] == [0, 30, 40, 50]
    assert times[ORACLE] == [20, 30, 40, 50]
    assert times[MARK] == [3, 13]  # the mark of 50 ms arrives at 53
