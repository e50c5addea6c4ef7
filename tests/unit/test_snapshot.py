"""Snapshot, restore and fork: J-3."""

from __future__ import annotations

import numpy as np
import pytest

from engine import InputError, _core
from engine.testing.worlds import rows_of, small_world
from engine.types import Side

END_MS = 3_500
CHECKSUM_BYTES = 8
MAGIC_AT, LENGTH_AT, VERSION_AT, LAYOUT_AT = 0, 8, 16, 20  # offsets in the header, engine/native/snapshot.pxd


def straight():
    twin = small_world()
    twin.native.run(END_MS)
    return twin.native


def rows(table, start=0):
    return [np.asarray(table[name])[start:].tolist() for name in table]


class TestResume:
    def test_j3_resumed_at_every_kth_event_the_run_is_the_straight_one(self):
        wanted = straight()
        world = small_world().native
        resumed = 0
        while True:
            # Each piece is run by a world restored from the piece before it; k walks, so all kinds of moments occur.
            world = _core.World.restore(world.snapshot())
            pieces = 7 + resumed % 5
            resumed += 1
            if world.run(END_MS, events=pieces) < pieces:
                break
        assert resumed > 100
        assert world.now_ms == END_MS
        assert world.digest() == wanted.digest()
        assert world.counts() == wanted.counts()
        assert rows_of(world.landmarks()) == rows_of(wanted.landmarks())
        assert rows_of(world.causes()) == rows_of(wanted.causes())
        world.check_invariants()

    @pytest.mark.parametrize("events", [0, 1, 60, 400, 900, 1_300])
    def test_j3_one_resume_at_each_stage_of_the_story(self, events):
        wanted = straight()
        world = small_world().native
        world.run(END_MS, events=events)
        trades = world.counts()["trades"]
        copy = _core.World.restore(world.snapshot())
        assert copy.digest() == world.digest()
        assert len(copy.trades()) == 0  # output tables are not part of a snapshot
        copy.run(END_MS, check=True)
        assert copy.digest() == wanted.digest()
        assert copy.counts() == wanted.counts()
        assert rows(copy.trades()) == rows(wanted.trades(), trades)

    def test_j3_a_snapshot_changes_nothing_and_repeats_itself(self):
        world = small_world().native
        world.run(1_700)
        before, counts = world.digest(), world.counts()
        first, second = world.snapshot(), world.snapshot()
        assert first == second
        assert (world.digest(), world.counts()) == (before, counts)
        assert _core.World.restore(first).snapshot() == first

    def test_j3_a_restored_world_takes_new_declarations_and_orders(self):
        worlds = []
        for restored in (False, True):
            world = small_world().native
            world.run(1_000)
            if restored:
                world = _core.World.restore(world.snapshot())
            account = world.add_accounts()
            world.deposit(account, 0, 10**6)
            world.send_order(account, 1, Side.BUY, 990, 10, at_ms=1_200)
            world.run(END_MS, check=True)
            worlds.append(world)
        assert worlds[0].digest() == worlds[1].digest()


class TestFork:
    def test_j3_a_fork_and_its_original_go_on_independently(self):
        wanted = straight()
        original = small_world().native
        original.run(1_800)
        moment = original.digest()
        fork = original.fork()
        fork.send_order(3, 1, Side.SELL, None, 5_000, at_ms=1_900)
        fork.run(END_MS, check=True)
        assert original.digest() == moment
        original.run(END_MS, check=True)
        assert original.digest() == wanted.digest()
        assert fork.digest() != wanted.digest()

    def test_j3_a_fork_without_a_new_seed_repeats_the_original(self):
        original = small_world().native
        original.run(1_800)
        fork = original.fork()
        fork.run(END_MS)
        del original
        assert fork.digest() == straight().digest()

    def test_r2_a_new_seed_gives_other_draws_from_now_on(self):
        original = small_world().native
        original.run(1_000)
        moment = original.digest()
        fork = original.fork(seed=8)
        assert fork.digest() == moment  # the past is shared
        fork.run(END_MS)
        original.run(END_MS)
        assert fork.digest() != original.digest()

    def test_r2_reseeded_before_the_first_event_it_is_the_world_of_that_seed(self):
        fork = small_world(seed=7).native.fork(seed=2**64 - 3)
        other = small_world(seed=2**64 - 3).native
        fork.run(END_MS)
        other.run(END_MS)
        assert fork.digest() == other.digest()

    def test_u7_a_bad_seed_is_refused(self):
        with pytest.raises(InputError, match="seed: expected an integer"):
            small_world().native.fork(seed=1.5)


@pytest.fixture(scope="module")
def sound():
    world = small_world().native
    world.run(1_700)
    return world.snapshot()


class TestRefusals:
    @staticmethod
    def refused(data, reason):
        with pytest.raises(InputError, match=reason) as caught:
            _core.World.restore(data)
        assert caught.value.field == "data"

    @pytest.mark.parametrize("length", [0, 1, 31, 200])
    def test_j3_too_short(self, sound, length):
        self.refused(sound[:length], "too short")

    @pytest.mark.parametrize("cut", [1, 8, 1_000])
    def test_j3_truncated_or_padded(self, sound, cut):
        self.refused(sound[:-cut], "length")
        self.refused(sound + bytes(cut), "length")

    @pytest.mark.parametrize("wrong", [memoryview, list, lambda sound: None, lambda sound: "snapshot"])
    def test_u7_a_snapshot_of_the_wrong_type(self, sound, wrong):
        self.refused(wrong(sound), "bytes from World.snapshot")

    def test_j3_foreign_bytes(self, sound):
        self.refused(bytes(len(sound)), "no snapshot of this engine")
        self.refused(b"\x89PNG" + sound[4:], "no snapshot of this engine")

    def test_j3_another_version_or_layout(self, sound):
        for offset, reason in ((VERSION_AT, "version"), (LAYOUT_AT, "layout")):
            data = bytearray(sound)
            data[offset] ^= 0xFF
            self.refused(bytes(data), reason)

    def test_j3_damage_anywhere_is_found(self, sound):
        body = range(24, len(sound), len(sound) // 40)
        for offset in (*body, len(sound) - CHECKSUM_BYTES, len(sound) - 1):
            data = bytearray(sound)
            data[offset] ^= 1
            self.refused(bytes(data), "checksum")

    def test_j3_the_sound_one_is_accepted(self, sound):
        _core.World.restore(sound).check_invariants()
