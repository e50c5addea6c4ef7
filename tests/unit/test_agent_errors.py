"""What goes wrong in a Python agent: its exceptions, re-entry, kept contexts, bad input (U-7)."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from agentkit import SPOT, Quoter, Scripted, add, spot_world
from worldkit import BASE, BUY, QUOTE, SELL, agree

from engine import Agent, AgentError, ArrayAgent, InputError, Simulation, _core
from engine.testing.worlds import small_world

MOST = 2**63 - 1


class SecretError(Exception):
    """An error of a user's own."""


def failing(*_told):
    raise SecretError("no idea")


class TestExceptions:
    def test_an_agents_exception_names_agent_number_and_time_and_carries_the_cause(self):
        twin = spot_world()
        add(twin, Scripted(), name="calm")
        add(twin, Scripted(start=failing), name="nervous", start_ms=25)
        with pytest.raises(AgentError, match=r"agent 'nervous' \(number 1\) at 25 ms: SecretError: no idea") as caught:
            twin.native.run(100)
        error = caught.value
        assert (error.name, error.number, error.time_ms) == ("nervous", 1, 25)
        assert error.error is error.__cause__
        assert isinstance(error.error, SecretError)

    def test_an_agent_without_a_name_is_named_by_its_number(self):
        twin = spot_world()
        twin.native.add_python(Scripted(start=failing), twin.account(), 1)
        with pytest.raises(AgentError, match=r"^agent 0 at 0 ms: SecretError: no idea$"):
            twin.native.run(10)

    def test_it_survives_the_trip_from_another_process(self):
        error = pickle.loads(pickle.dumps(AgentError("nervous", 1, 25, SecretError("no idea"))))
        assert str(error) == "agent 'nervous' (number 1) at 25 ms: SecretError: no idea"
        assert isinstance(error.error, SecretError)

    def test_an_exception_whose_text_fails_is_told_all_the_same(self):
        class HostileError(Exception):
            def __str__(self):
                raise ValueError("no text")

        def hostile(agent, context):
            raise HostileError

        twin = spot_world()
        add(twin, Scripted(start=hostile))
        with pytest.raises(AgentError, match="HostileError: an unprintable HostileError"):
            twin.native.run(20)

    @pytest.mark.parametrize("kind", ["start", "wake", "book", "fill", "cancel", "reject", "end"])
    def test_the_run_is_valid_after_an_exception_in_any_callback_and_goes_on(self, kind):
        def orders(agent, context):
            context.place(SPOT, BUY, 100, immediate=False)
            context.place(SPOT, SELL, 10**9, 110)
            context.wake_in(1)

        acts = {"start": orders}
        acts[kind] = (lambda agent, context: (orders(agent, context), failing())) if kind == "start" else failing
        agent = Scripted(**acts)
        twin = spot_world()
        add(twin, agent, watches=[SPOT])

        def whole_run():
            twin.native.run(100, check=True)
            twin.native.finish()

        with pytest.raises(AgentError) as caught:
            whole_run()
        assert type(caught.value.__cause__) is SecretError
        stopped = twin.native.now_ms
        assert stopped == caught.value.time_ms
        agree(twin)
        assert len(twin.native.journal()) >= 4
        agent.acts = {}
        twin.native.run(200, check=True)
        assert twin.native.now_ms == 200
        agree(twin)

    def test_what_was_sent_before_the_exception_is_sent(self):
        def start(agent, context):
            context.place(SPOT, BUY, 3)
            failing()

        twin = spot_world()
        agent = Scripted(start=start)
        add(twin, agent)
        with pytest.raises(AgentError):
            twin.native.run(100)
        twin.native.run(100)
        assert twin.native.trades()["qty_lots"].tolist() == [3]

    def test_ctrl_c_passes_through_and_the_run_goes_on(self):
        def interrupted(agent, context):
            raise KeyboardInterrupt

        straight, twin = (small_world() for _ in range(2))
        for world in (straight, twin):
            world.quoter = Quoter(1, 20)
            add(world, world.quoter, 10**11, 10**9)
        add(straight, Scripted(start=lambda agent, context: None), name="other")
        add(twin, Scripted(start=interrupted), name="other")
        with pytest.raises(KeyboardInterrupt):
            twin.native.run(1_000)
        twin.native.check_invariants()
        for world in (straight, twin):
            world.native.run(1_000)
        assert twin.native.digest() == straight.native.digest()


class TestReEntry:
    def calls(self, twin):
        native = twin.native
        return {
            "run": lambda: native.run(1_000),
            "finish": native.finish,
            "snapshot": native.snapshot,
            "fork": native.fork,
            "digest": native.digest,
            "check": native.check_invariants,
            "order": lambda: native.send_order(3, SPOT, BUY, 90, 1, at_ms=500),
            "deposit": lambda: native.deposit(3, QUOTE, 1),
            "accounts": lambda: native.add_accounts(1),
            "agents": lambda: native.add_python(Scripted(), 3, 1),
            "replay": lambda: native.add_replay({}),
            "trades": native.trades,
            "balance": lambda: native.balance(3, QUOTE),
        }

    def test_every_method_of_the_world_refuses_a_call_from_a_callback(self):
        refused = []

        def start(agent, context):
            for name, call in self.calls(twin).items():
                with pytest.raises(RuntimeError, match="running in another call"):
                    call()
                refused.append(name)

        twin, quiet = spot_world(), spot_world()
        add(twin, Scripted(start=start))
        add(quiet, Scripted())
        twin.native.run(50, check=True)
        quiet.native.run(50)
        assert refused == list(self.calls(twin))
        assert twin.native.digest() == quiet.native.digest()

    def test_uncaught_it_is_the_agents_error(self):
        twin = spot_world()
        add(twin, Scripted(start=lambda agent, context: twin.native.run(20)))
        with pytest.raises(AgentError, match="RuntimeError: World is running in another call"):
            twin.native.run(50)

    @staticmethod
    def uses(context):
        return [
            lambda: context.touch(SPOT),
            lambda: context.book(SPOT),
            lambda: context.depth(SPOT),
            lambda: context.position(SPOT),
            lambda: context.balance(QUOTE),
            context.uniform,
            lambda: context.place(SPOT, BUY, 1, 90),
            lambda: context.cancel(None),
            context.cancel_all,
            lambda: context.wake_in(1),
            lambda: context.wake_at(10**6),
        ]

    def test_a_kept_context_is_dead_outside_its_call(self):
        kept = []
        twin = spot_world()
        add(twin, Scripted(start=lambda agent, context: kept.append(context)))
        twin.native.run(50)
        before = twin.native.digest(), twin.native.counts()
        for use in self.uses(kept[0]):
            with pytest.raises(RuntimeError, match="only while its agent is called"):
                use()
        assert (twin.native.digest(), twin.native.counts()) == before

    def test_another_agents_context_is_dead_within_ones_own_call(self):
        kept, refused = [], []

        def steal(agent, context):
            for use in self.uses(kept[0]):
                with pytest.raises(RuntimeError, match="only while its agent is called"):
                    use()
                refused.append(use)

        twin = spot_world()
        add(twin, Scripted(start=lambda agent, context: kept.append(context)))
        add(twin, Scripted(start=steal), name="thief", start_ms=20)
        twin.native.run(50)
        assert len(refused) == 11
        assert twin.native.counts()["orders"] == 4

    def test_a_context_cannot_be_kept_by_pickle_or_made_by_hand(self):
        kept = []
        twin = spot_world()
        add(twin, Scripted(start=lambda agent, context: kept.append(context)))
        twin.native.run(50)
        with pytest.raises(TypeError, match="keep orders and numbers instead"):
            pickle.dumps(kept[0])
        for made in (_core.Context(), _core.ArrayContext()):
            for read in ("time_ms", "account", "accounts"):
                if hasattr(type(made), read):
                    with pytest.raises(RuntimeError, match="made by the engine"):
                        getattr(made, read)


BAD_CALLS = {
    "market": [
        lambda context: context.touch(1),
        lambda context: context.book(-1),
        lambda context: context.depth("spot"),
        lambda context: context.position(None),
        lambda context: context.place(1, BUY, 1),
        lambda context: context.place(True, BUY, 1),
        lambda context: context.cancel_all(7),
    ],
    "asset": [lambda context: context.balance(2), lambda context: context.balance(0.0)],
    "levels": [lambda context: context.depth(SPOT, -1), lambda context: context.depth(SPOT, 1.5)],
    "side": [
        lambda context: context.place(SPOT, 0, 1),
        lambda context: context.place(SPOT, "BUY", 1),
        lambda context: context.place(SPOT, 2, 1),
    ],
    "qty_lots": [
        lambda context: context.place(SPOT, BUY, 1.0),
        lambda context: context.place(SPOT, BUY, None),
        lambda context: context.place(SPOT, BUY, MOST + 1),
    ],
    "price_ticks": [
        lambda context: context.place(SPOT, BUY, 1, 99.5),
        lambda context: context.place(SPOT, BUY, 1, 2**31),
        lambda context: context.place(SPOT, BUY, 1, float("nan")),
    ],
    "ms": [
        lambda context: context.wake_in(0),
        lambda context: context.wake_in(-5),
        lambda context: context.wake_in(2**60),
    ],
    "time_ms": [
        lambda context: context.wake_at(context.time_ms),
        lambda context: context.wake_at(0),
        lambda context: context.wake_at(MOST),
        lambda context: context.wake_at(20.5),
    ],
    "order": [
        lambda context: context.cancel(None),
        lambda context: context.cancel(1),
        lambda context: context.cancel([]),
    ],
}


class TestBadInput:
    @pytest.mark.parametrize("field", BAD_CALLS)
    def test_u7_bad_input_of_a_context_names_the_field_and_sends_nothing(self, field):
        fields = []

        def start(agent, context):
            for call in BAD_CALLS[field]:
                with pytest.raises(InputError) as caught:
                    call(context)
                fields.append(caught.value.field)
            assert context.orders == []

        twin, quiet = spot_world(), spot_world()
        add(twin, Scripted(start=start))
        add(quiet, Scripted())
        for world in (twin, quiet):
            world.native.run(10_000, check=True)
        assert fields == [field] * len(BAD_CALLS[field])
        assert twin.native.counts() == quiet.native.counts()
        assert twin.native.digest() == quiet.native.digest()

    def test_u7_another_agents_order_cannot_be_cancelled(self):
        kept = []

        def steal(agent, context):
            with pytest.raises(InputError, match="order: expected a SentOrder of this agent"):
                context.cancel(kept[0])

        thief = Scripted(start=steal)
        twin = spot_world()
        add(twin, Scripted(start=lambda agent, context: kept.append(context.place(SPOT, BUY, 1, 90))))
        add(twin, thief, name="thief", start_ms=20)
        twin.native.run(50)
        assert thief.times() == [("start", 20)]
        assert len(twin.native.orders(SPOT)) == 5

    def test_v8_a_market_of_another_venue_is_refused(self):
        twin = spot_world()
        venue = twin.native.add_venue()
        there = twin.native.add_spot(BASE, QUOTE, atoms_per_tick_lot=1, base_atoms_per_lot=1, venue=venue)
        refused = []

        def start(agent, context):
            with pytest.raises(InputError, match="market: expected a market at the account's venue 0"):
                context.place(there, BUY, 1, 90)
            refused.append(context.touch(there))

        add(twin, Scripted(start=start))
        twin.native.run(50)
        assert refused == [(None, None)]

    @pytest.mark.parametrize(
        ("field", "change"),
        [
            ("accounts", {"accounts": 0}),
            ("accounts", {"accounts": 999}),
            ("accounts", {"accounts": [4, 5], "keys": [1, 2]}),
            ("accounts", {"accounts": []}),
            ("keys", {"keys": 1.5}),
            ("keys", {"keys": [1, 2]}),
            ("name", {"name": 3}),
            ("watches", {"watches": [0, 0]}),
            ("watches", {"watches": [1]}),
            ("watches", {"watches": [0], "as_array": True}),
            ("start_ms", {"start_ms": -1}),
            ("latency_ms", {"latency_ms": -1}),
            ("latency_law", {"latency_law": ("normal", 1, 2)}),
            ("latency_law a", {"latency_law": ("exponential", -1)}),
            ("picture_ms", {"picture_ms": 0.5}),
            ("picture_law", {"picture_law": 5}),
            ("agent", {"agent": type("Wrong", (Agent,), {"on_wake": 5})()}),
        ],
    )
    def test_u7_a_bad_declaration_names_the_field_and_adds_nobody(self, field, change):
        twin = spot_world()
        twin.account(10**6, 10**6), twin.account(10**6, 10**6)
        right = {"agent": Scripted(), "accounts": 4, "keys": 1}
        before = twin.native.counts()
        with pytest.raises(InputError) as caught:
            twin.native.add_python(**(right | change))
        assert caught.value.field == field
        assert twin.native.counts() == before
        assert twin.native.add_python(**right) == 0

    def test_n4_an_account_has_one_agent_that_hears(self):
        twin = spot_world()
        account = add(twin, Scripted())
        with pytest.raises(InputError, match="accounts: expected an account without an agent that hears"):
            twin.native.add_python(Scripted(), account, 2)
        with pytest.raises(InputError, match="accounts: expected accounts without an agent that hears"):
            twin.native.add_agents("maker", account, 3, wake_every_ms=10)


class TestSimulationAdd:
    @pytest.fixture
    def sim(self):
        sim = Simulation(seed=1)
        usd, coin = (sim.asset(name, decimals=0, supply=10**9) for name in ("USD", "COIN"))
        sim.spot("COIN/USD", coin, usd, tick="1", lot="1")
        return sim

    @pytest.mark.parametrize("agent", [object(), None, Agent, ArrayAgent, 5])
    def test_u7_only_an_agent_can_be_added(self, sim, agent):
        with pytest.raises(InputError, match="agent: expected an Agent or an ArrayAgent"):
            sim.add(agent, sim.account("hero", USD=100))

    def test_u7_watches_are_markets_of_this_simulation(self, sim):
        other = Simulation(seed=1)
        usd, coin = (other.asset(name, decimals=0, supply=10**9) for name in ("USD", "COIN"))
        strange = other.spot("COIN/USD", coin, usd, tick="1", lot="1")
        with pytest.raises(InputError, match="market: expected a market of this simulation"):
            sim.add(Agent(), sim.account("hero", USD=100), watches=[strange])

    def test_it_is_named_after_its_account_and_draws_by_that_name(self, sim):
        drawn = []
        for name, start in (("hero", lambda agent, context: drawn.append(context.uniform())), ("coward", failing)):
            sim.add(Scripted(start=start), sim.account(name, USD=100), watches=list(sim.markets.values()))
        with pytest.raises(AgentError, match="agent 'coward'"):
            sim.run(until_ms=10)
        bits = _core.draw(1, _core.member_key("hero", 0), 11, 0, 0)
        assert drawn == [((bits >> 12) + 0.5) * 2.0**-52]

    def test_accounts_of_a_population_may_be_an_array(self, sim):
        accounts = np.array([sim.account(f"member {i}", USD=100) for i in range(3)])
        assert sim.add(ArrayAgent(), accounts, name="crowd") == 0
        assert sim.add(Agent(), sim.account("hero")) == 3
