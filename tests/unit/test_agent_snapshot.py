"""Snapshot, restore and fork with Python agents and populations alive, and of a Simulation with its names: J-3."""

from __future__ import annotations

import sys

import pytest
from agentkit import Crowd, Quoter, Scripted, ScriptedArray, add
from worldkit import BUY, QUOTE

from engine import Agent, InputError, Simulation, _core
from engine.testing.worlds import rows_of, small_world

END_MS = 2_200
LAW = ("exponential", 6.0)


def mixed_world():
    """A small world with native agents, a Python quoter that watches, a crowd, and recorded rows."""
    twin = small_world()
    add(twin, Quoter(1, 25), 10**11, 10**9, watches=[1], latency_law=LAW, picture_law=LAW, name="quoter")
    accounts = [twin.account(10**11, 10**9) for _ in range(6)]
    keys = [_core.member_key("crowd", ordinal) for ordinal in range(6)]
    twin.native.add_python(Crowd(1), accounts, keys, as_array=True, name="crowd", latency_law=LAW)
    return twin.native


class TestResume:
    def test_j3_resumed_at_every_kth_event_the_run_is_the_straight_one(self):
        wanted = mixed_world()
        wanted.run(END_MS)
        world = mixed_world()
        resumed = 0
        while True:
            world = _core.World.restore(world.snapshot())
            pieces = 11 + resumed % 6
            resumed += 1
            if world.run(END_MS, events=pieces) < pieces:
                break
        assert resumed > 150
        assert world.digest() == wanted.digest()
        assert world.counts() == wanted.counts()
        assert rows_of(world.landmarks()) == rows_of(wanted.landmarks())
        world.check_invariants()

    def test_j3_a_snapshot_repeats_itself_and_may_be_written_into_a_buffer(self):
        world = mixed_world()
        world.run(1_000)
        digest = world.digest()
        data, buffer = world.snapshot(), bytearray(3)
        assert world.snapshot(into=buffer) is buffer
        assert bytes(buffer) == data
        assert world.digest() == digest
        for source in (data, buffer):
            assert _core.World.restore(source).digest() == digest

    @pytest.mark.parametrize("wrong", [b"", memoryview(bytearray(8)), 5])
    def test_u7_a_buffer_is_a_bytearray(self, wrong):
        with pytest.raises(InputError, match="into: expected a bytearray"):
            mixed_world().snapshot(into=wrong)

    def test_j3_what_an_agent_keeps_of_orders_and_notices_is_the_same_after_a_restore(self):
        twin = small_world()
        add(twin, Clerk(), 10**9, start_ms=0)
        twin.native.run(45)
        copy = _core.World.restore(twin.native.snapshot())
        cancels = copy.counts()["cancels"]
        NOTED.clear()
        copy.run(50)  # it cancels the order that it kept, which it may only if it is the one that the engine knows
        ((known, kept, notice),) = NOTED
        assert known is kept
        assert (kept.price_ticks, kept.qty_lots, kept.leaves_lots, kept.side) == (900, 5, 5, BUY)
        assert (notice.kind, notice.lots, notice.order.number, notice.order.leaves_lots) == (1, 2, 2, 0)
        copy.run(55)
        assert copy.counts()["cancels"] > cancels
        assert kept.is_open is False


NOTED = []


class Clerk(Agent):
    """Keep an order and a notice, and say later what has become of them."""

    def on_start(self, context):
        self.kept = context.place(1, BUY, 5, 900)
        context.place(1, BUY, 2)
        context.wake_at(50)

    def on_fill(self, context, fill):
        self.notice = fill

    def on_wake(self, context):
        NOTED.append((context.orders[0], self.kept, self.notice))
        context.cancel(self.kept)


class Counter(Agent):
    """Count its own wakes, and keep the count in a list."""

    def __init__(self):
        self.seen = []

    def on_start(self, context):
        self.on_wake(context)

    def on_wake(self, context):
        self.seen.append(context.uniform())
        COUNTED.append((len(self.seen), self.seen[-1]))
        context.wake_in(100)


COUNTED = []


class TestFork:
    def test_j3_a_fork_has_agents_of_its_own(self):
        twin = small_world()
        counter = Counter()
        add(twin, counter, start_ms=0)
        twin.native.run(450)
        fork = twin.native.fork()
        fork.run(1_050)
        assert len(counter.seen) == 5  # the copy counted on its own
        COUNTED.clear()
        twin.native.run(1_050)
        assert [count for count, _ in COUNTED] == [6, 7, 8, 9, 10, 11]
        assert fork.digest() == twin.native.digest()

    def test_r2_a_fork_with_a_seed_gives_its_agents_other_draws(self):
        twin = small_world()
        add(twin, Counter(), start_ms=0)
        twin.native.run(450)
        drawn = {}
        for name, seed in (("same", None), ("again", None), ("other", 99)):
            COUNTED.clear()
            twin.native.fork(seed=seed).run(750)
            drawn[name] = list(COUNTED)
        assert len(drawn["same"]) == 3
        assert drawn["same"] == drawn["again"]
        assert not {draw for _, draw in drawn["same"]} & {draw for _, draw in drawn["other"]}

    def test_r2_reseeded_the_mixed_world_goes_another_way(self):
        world = mixed_world()
        world.run(1_000)
        forks = [world.fork(seed=seed) for seed in (1, 1, 2)]
        for fork in forks:
            fork.run(END_MS)
            fork.check_invariants()
        digests = [fork.digest() for fork in forks]
        assert digests[0] == digests[1] != digests[2]


def local_agent():
    class Local(Agent):
        def on_start(self, context):
            context.wake_in(1)

    return Local()


class Keeper(Agent):
    """Keep what it is given."""

    def __init__(self, kept=None):
        self.kept = kept

    def on_start(self, context):
        if self.kept is None:
            self.kept = context
        context.wake_in(100)


class Hostile(Agent):
    """Fail when it is pickled."""

    def __getstate__(self):
        raise KeyError("no state today")


class TestRefusals:
    @pytest.mark.parametrize(
        ("agent", "reason"),
        [
            (local_agent, "Local"),
            (lambda: Scripted(start=lambda agent, context: None), "pickle"),
            (Hostile, "KeyError: 'no state today'"),
            (Keeper, "a context belongs to its world"),
            (lambda: Keeper(_core.World(1)), "World"),
        ],
        ids=["local class", "lambda", "hostile", "context", "world"],
    )
    def test_j3_an_agent_that_pickle_cannot_keep_is_named_and_nothing_changes(self, agent, reason):
        straight, twin = small_world(), small_world()
        for world in (straight, twin):
            add(world, agent())
            world.native.run(50)
        for call in (twin.native.snapshot, twin.native.fork):
            with pytest.raises(InputError, match="agents: expected Python agents that pickle can keep") as caught:
                call()
            assert reason in str(caught.value.was)
        for world in (straight, twin):
            world.native.run(1_000, check=True)
        assert twin.native.digest() == straight.native.digest()

    def test_j3_a_class_that_is_gone_is_named(self, monkeypatch):
        twin = small_world()
        add(twin, Counter())
        data = twin.native.snapshot()
        monkeypatch.delattr(sys.modules[__name__], "Counter")
        with pytest.raises(
            InputError, match=r"data: expected a snapshot whose Python agents can be loaded here.*Counter"
        ):
            _core.World.restore(data)

    def test_j3_damage_in_the_agents_part_is_found(self):
        world = mixed_world()
        world.run(300)
        data = world.snapshot()
        tail = int.from_bytes(data[-16:-8], "little")
        assert tail > 200
        for offset in (*range(len(data) - 16 - tail, len(data) - 16, 7), len(data) - 1, len(data) - 8):
            damaged = bytearray(data)
            damaged[offset] ^= 1
            with pytest.raises(InputError, match="checksum"):
                _core.World.restore(bytes(damaged))
        for offset in range(len(data) - 16, len(data) - 8):  # the length of the part
            damaged = bytearray(data)
            damaged[offset] ^= 1
            with pytest.raises(InputError, match=r"length|checksum"):
                _core.World.restore(bytes(damaged))

    def test_j3_a_cut_in_the_agents_part_is_found(self):
        data = mixed_world().snapshot()
        for cut in (1, 8, 16, 100):
            with pytest.raises(InputError, match="data: expected a snapshot of this build"):
                _core.World.restore(data[:-cut])


def named_simulation():
    sim = Simulation(seed=4)
    usd, coin = (sim.asset(name, decimals=0, supply=10**9) for name in ("USD", "COIN"))
    market = sim.spot("COIN/USD", coin, usd, tick="1", lot="1")
    sim.place(sim.account("seller", COIN=50), market, 1 - 2, 1_000, 50, at_ms=0)
    sim.add(Quoter(market.number, 2), sim.account("quoter", USD=10**6, COIN=100), watches=[market])
    sim.add(Crowd(market.number), [sim.account(f"member {i}", USD=10**6, COIN=100) for i in range(4)], name="crowd")
    return sim


class TestSimulation:
    @pytest.mark.parametrize("copied", [lambda sim: Simulation.restore(sim.snapshot()), Simulation.fork])
    def test_j3_names_and_units_are_kept_and_the_copy_runs_on_alike(self, copied):
        straight, sim = named_simulation(), named_simulation()
        straight.run(until_ms=800)
        sim.run(until_ms=400)
        copy = copied(sim)
        assert (copy.seed, copy.assets, copy.markets, copy.accounts) == (
            sim.seed,
            sim.assets,
            sim.markets,
            sim.accounts,
        )
        copy.run(until_ms=800, check=True)
        assert copy.world.digest() == straight.world.digest()
        assert len(copy.world.journal()) > 50

    @pytest.mark.parametrize("copied", [lambda sim: Simulation.restore(sim.snapshot()), Simulation.fork])
    def test_j3_the_copy_is_declared_further_by_name_and_the_original_does_not_see_it(self, copied):
        sim = named_simulation()
        copy = copied(sim)
        with pytest.raises(InputError, match="name"):
            copy.account("quoter")
        new = copy.account("late", USD=10)
        ticket = copy.place(new, copy.markets["COIN/USD"], BUY, 1, 1, at_ms=1)
        copy.cancel(ticket, at_ms=2)
        copy.spot("USD/COIN", copy.assets["USD"], copy.assets["COIN"], tick="1", lot="1")
        copy.run(until_ms=50, check=True)
        assert copy.world.balance(new, QUOTE) == (10, 0)
        assert "late" not in sim.accounts.values()
        assert "USD/COIN" not in sim.markets
        assert sim.account("late", USD=10) == new

    def test_r2_a_fork_with_a_seed_draws_by_that_seed(self):
        sim = named_simulation()
        sim.run(until_ms=400)
        forks = [sim.fork(seed=seed) for seed in (7, 7, 8)]
        for fork in forks:
            fork.run(until_ms=900)
        assert [fork.seed for fork in forks] == [7, 7, 8]
        digests = [fork.world.digest() for fork in forks]
        assert digests[0] == digests[1] != digests[2]
        assert list(forks[0].draw("uniform", 0, 1, "x", 3, 0)) == list(
            Simulation(seed=7).draw("uniform", 0, 1, "x", 3, 0)
        )

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda data: b"", "another kind"),
            (lambda data: data[:40], "another kind"),
            (lambda data: bytes(len(data)), "another kind"),
            (lambda data: b"\x89PNG" + data[4:], "another kind"),
            (lambda data: mixed_world().snapshot(), "another kind"),
            (lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:], "names"),
            (lambda data: data[:9] + bytes([data[9] ^ 1]) + data[10:], "names"),
            (lambda data: data[:-1], "build"),
            (lambda data: data[:-300] + bytes([data[-300] ^ 1]) + data[-299:], "checksum"),
            (lambda data: bytearray(data), "bytes from Simulation.snapshot"),
            (lambda data: "text", "bytes from Simulation.snapshot"),
        ],
    )
    def test_j3_foreign_or_damaged_bytes_are_refused(self, change, reason):
        with pytest.raises(InputError, match=reason) as caught:
            Simulation.restore(change(named_simulation().snapshot()))
        assert caught.value.field == "data"

    def test_j3_a_simulations_snapshot_is_none_of_a_world(self):
        with pytest.raises(InputError, match="no snapshot of this engine"):
            _core.World.restore(named_simulation().snapshot())

    def test_finish_tells_the_end_once(self):
        sim = named_simulation()
        agents = Scripted(), ScriptedArray()
        sim.add(agents[0], sim.account("hero"))
        sim.add(agents[1], [sim.account("late")])
        sim.run(until_ms=30)
        sim.finish()
        sim.finish()
        assert [agent.heard for agent in agents] == [[("start", 0), ("end", 30)]] * 2
