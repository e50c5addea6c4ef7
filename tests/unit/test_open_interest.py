"""Open interest in the samples: the sum of a perpetual's longs, however its positions came and went (L-5, G-12)."""

from __future__ import annotations

import struct
from collections import Counter

import numpy as np
import pytest

from engine import _core
from engine.errors import InvariantError
from engine.testing.waterfall_walks import Town
from engine.testing.worlds import TwinWorld
from engine.types import Side

MASK = 2**64 - 1
LAYOUT_BYTES = 24  # header of a snapshot, engine/native/snapshot.pxd
ODD_LOTS = 987_654_321_123  # no other number of the small world


def longs(world, market, accounts):
    return sum(max(0, world.position(account, market)[0]) for account in range(accounts))


def last_samples(world, markets):
    """Return the open interest of each market in the last sample."""
    table = world.samples()
    return {market: int(table["open_lots"][table["market"] == market][-1]) for market in markets}


class TestByHand:
    @pytest.fixture
    def village(self):
        twin = TwinWorld(depth_every_ms=1)
        twin.asset(2**60), twin.asset(2**60)
        perpetual, spot = twin.perpetual(0), twin.spot(1, 0)
        accounts = [twin.account(2**50, 2**50) for _ in range(3)]
        return twin.native, perpetual, spot, accounts

    def trade(self, world, market, buyer, seller, lots, price=100):
        at_ms = world.now_ms + 1
        world.send_order(seller, market, Side.SELL, price, lots, at_ms=at_ms)
        world.send_order(buyer, market, Side.BUY, price, lots, at_ms=at_ms)
        world.run(at_ms, check=True)
        return int(world.samples()["open_lots"][world.samples()["market"] == market][-1])

    def test_it_rises_with_new_pairs_stays_when_one_takes_over_and_falls_when_both_close(self, village):
        world, perpetual, _, (a, b, c) = village
        assert self.trade(world, perpetual, a, b, 10) == 10
        assert self.trade(world, perpetual, c, b, 5) == 15
        assert self.trade(world, perpetual, c, a, 4) == 15  # a sells four of its longs to c
        assert self.trade(world, perpetual, b, c, 9) == 6  # both close
        assert self.trade(world, perpetual, b, a, 9) == 3  # a turns short by 3, b from -6 to 3
        assert [world.position(account, perpetual)[0] for account in (a, b, c)] == [-3, 3, 0]

    def test_it_counts_what_was_opened_as_a_balanced_trade(self, village):
        world, perpetual, _, (a, b, c) = village
        world.open_trade(perpetual, a, b, 7, 100)
        world.open_trades(
            np.array([perpetual] * 2, dtype=np.uint16),
            np.array([c, a], dtype=np.int32),
            np.array([a, b], dtype=np.int32),
            np.array([3, 2], dtype=np.int64),
            np.array([100, 100], dtype=np.int64),
        )
        world.run(1, check=True)
        assert last_samples(world, [perpetual])[perpetual] == 7 - 3 + 3 + 2

    def test_a_spot_market_has_none(self, village):
        world, perpetual, spot, (a, b, _) = village
        assert self.trade(world, spot, a, b, 1_000) == 0
        assert last_samples(world, [perpetual, spot]) == {perpetual: 0, spot: 0}
        assert len(world.trades()) == 1


def test_in_worlds_with_takeovers_and_adl_it_is_the_sum_of_the_longs():
    """Walk all positions at every step of random worlds; L-14 moves positions in all of its ways."""
    reached, seen = Counter(), 0
    for seed in range(8):
        town = Town(seed)
        town.native.record(samples_every_ms=1)
        for _ in range(25):
            before_ms = town.native.now_ms
            found = town.live(1)
            assert found == [], (seed, found)
            times = town.native.samples()["time_ms"]
            if town.native.now_ms == before_ms or not len(times) or times[-1] != town.native.now_ms:
                continue  # what it did last is in no sample yet, or a restored world has none
            count = max(town.house, *town.accounts) + 1
            walked = {market: longs(town.native, market, count) for market in town.perpetuals}
            assert last_samples(town.native, town.perpetuals) == walked, (seed, town.native.now_ms)
            assert set(last_samples(town.native, town.spots).values()) == {0}
            seen += any(walked.values())
        reached += town.world.reached
    assert seen > 50
    for what in ("TAKEOVER", "ADL", "LIQUIDATION", "STEP"):
        assert any(name.startswith(f"{what} ") for name in reached), reached


# ---- a wrong one -----------------------------------------------------------------------------------------------------


def checksum(data):
    """Return the checksum of engine/native/snapshot.pxd over bytes."""
    seed = 0xCBF29CE484222325 ^ len(data)
    lanes = [seed, seed, ~seed & MASK, (seed + 1) & MASK]

    def lane(h, word):
        h = (h ^ word) * 0x9E3779B97F4A7C15 & MASK
        return h ^ h >> 32

    whole = len(data) // 32 * 32
    for words in struct.iter_unpack("<4Q", data[:whole] + data[whole:].ljust(32, b"\0")):
        lanes = [lane(h, word) for h, word in zip(lanes, words, strict=True)]
    h = lanes[0]
    for other in lanes[1:]:
        h = lane(h, other)
    return h


def test_verify_refuses_an_open_interest_that_is_not_the_sum_of_the_longs():
    twin = TwinWorld()
    twin.asset(2**61)
    perpetual = twin.perpetual(0)
    long, short = (twin.account(2**50) for _ in range(2))
    twin.native.open_trade(perpetual, long, short, ODD_LOTS, 1)
    world = twin.native
    whole = world.snapshot()
    size = int.from_bytes(whole[8:16], "little")  # Python's part, none here, comes behind
    sound, behind = whole[:size], whole[size:]
    assert checksum(sound[:-8]) == int.from_bytes(sound[-8:], "little")
    needle, found = ODD_LOTS.to_bytes(8, "little"), []
    at = sound.find(needle, LAYOUT_BYTES)
    while at >= 0:
        data = sound[:at] + (ODD_LOTS - 1).to_bytes(8, "little") + sound[at + 8 : -8]
        wrong = _core.World.restore(data + checksum(data).to_bytes(8, "little") + behind)
        if wrong.digest() == world.digest():  # J-4 holds positions and costs, so what was changed is none of them
            with pytest.raises(InvariantError):
                wrong.check_invariants()
            found.append(at)
        at = sound.find(needle, at + 1)
    assert len(found) == 1
    _core.World.restore(whole).check_invariants()
