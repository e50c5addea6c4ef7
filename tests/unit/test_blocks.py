"""Blocks (B-2 .. B-9): when they come, in which order they take what waits, how far gas goes, what it costs."""

from __future__ import annotations

import random

import pytest
from lendkit import DOLLAR, Refusal, Town

from engine import _core
from engine.agents import Agent
from engine.reference.blocks import Blocks, BlockTerms

SUPPLY_GAS, MODE_GAS, LIQUIDATE_GAS = 200_000, 100_000, 500_000
GWEI = 1_000
PAYMENT_ROW, ACTION_ROW = 18, 19


class Sender(Agent):
    """Send actions of its plan: (time, kind, atoms, tip)."""

    def __init__(self, town, plan):
        self.town, self.plan, self.told = town, sorted(plan, key=lambda row: row[0]), []

    def on_start(self, context):
        self.on_wake(context)

    def on_wake(self, context):
        while self.plan and self.plan[0][0] <= context.time_ms:
            _, kind, atoms, tip = self.plan.pop(0)
            context.send_action(kind, self.town.protocol, atoms, asset=self.town.usd, tip=tip)
        if self.plan:
            context.wake_at(self.plan[0][0])

    def on_action(self, context, notice):
        self.told.append((context.time_ms, notice.number, notice.kind, notice.reason, notice.paid, notice.got))


class Chain(Town):
    """A protocol at a venue with blocks a second apart, and senders whose messages take 10 ms."""

    def __init__(self, **terms):
        super().__init__(bank=0)
        self.terms = {"every_ms": 1_000, "base_price": 0, **terms}
        self.world.set_blocks(0, gas_asset=self.gas, **self.terms)
        self.world.record(actions=True)

    def sender(self, *plan, gas=10**15, usd=1_000, latency_ms=10):
        account = self.trader(usd=usd, gas=gas)
        agent = Sender(self, plan)
        key = _core.member_key("sender", account)
        self.world.add_python(agent, [account], [key], start_ms=0, latency_ms=latency_ms)
        agent.account = account
        return agent

    def done(self):
        """Return (time, account, atoms, reason, gas) of what was executed, in order."""
        rows = self.world.table("actions")
        names = ("time_ms", "account", "atoms", "reason", "gas_atoms")
        return list(zip(*(rows[name].tolist() for name in names), strict=True))

    def at(self, time_ms):
        self.world.run(time_ms, check=True)
        return self


class TestWhen:
    def test_b2_without_blocks_it_is_executed_as_it_arrives_and_costs_nothing(self):
        town = Town(bank=0)
        town.world.record(actions=True)
        account = town.trader(usd=5)
        agent = Sender(town, [(100, "supply", DOLLAR, 7)])
        town.world.add_python(agent, [account], [1], start_ms=0, latency_ms=10)
        town.world.run(109, check=True)
        assert town.reserve(town.usd)["claims"] == 0
        town.world.run(120, check=True)
        assert town.reserve(town.usd)["claims"] == DOLLAR
        assert agent.told == [(120, 1, "supply", 0, DOLLAR, 0)]  # 10 ms there, 10 ms back
        assert town.world.table("actions")["gas_atoms"].tolist() == [0]
        assert town.world.blocks(0)["block_count"] == 0

    def test_b3_blocks_stand_at_multiples_of_their_time(self):
        chain = Chain()
        chain.sender((100, "supply", 1, 0), (1_500, "supply", 2, 0), (4_999, "supply", 3, 0))
        chain.at(10_000)
        # The last one arrives in 5,009 and waits for 6,000.
        assert [row[0] for row in chain.done()] == [1_000, 2_000, 6_000]
        assert chain.world.blocks(0) == {
            "every_ms": 1_000,
            "block_count": 3,
            "gas_used": 600_000,
            "base_price": 0,
            "waiting": 0,
        }

    def test_b3_what_arrives_in_the_blocks_millisecond_waits_for_the_next(self):
        chain = Chain()
        early, late = chain.sender((989, "supply", 1, 0)), chain.sender((990, "supply", 2, 9))
        chain.at(1_000)
        assert [row[:3] for row in chain.done()] == [(1_000, early.account, 1)]
        assert chain.world.blocks(0)["waiting"] == 1
        chain.at(2_000)
        assert [row[:3] for row in chain.done()][1:] == [(2_000, late.account, 2)]

    def test_b3_alone_in_the_blocks_millisecond_it_makes_no_block_of_it(self):
        chain = Chain()
        chain.sender((990, "supply", 1, 0))
        chain.at(1_999)
        assert (chain.done(), chain.world.blocks(0)["block_count"]) == ([], 0)
        assert chain.at(2_000).world.blocks(0)["block_count"] == 1

    def test_b8_an_agent_is_told_over_its_link(self):
        chain = Chain()
        agent = chain.sender((0, "supply", 5, 0), (0, "withdraw", 6, 0), latency_ms=70)
        chain.at(1_069)
        assert agent.told == []
        chain.at(1_070)
        assert agent.told == [(1_070, 1, "supply", 0, 5, 0), (1_070, 2, "withdraw", Refusal.SHORT, 0, 0)]


class TestOrder:
    def test_b3_the_highest_tip_is_first_then_who_came_first(self):
        chain = Chain()
        plans = [(0, 5), (1, 9), (2, 5), (3, 0), (4, 9)]
        agents = [chain.sender((at, "supply", 100 + number, tip)) for number, (at, tip) in enumerate(plans)]
        chain.at(1_000)
        order = [row[1] for row in chain.done()]
        assert order == [agents[number].account for number in (1, 4, 0, 2, 3)]

    def test_b3_who_does_not_fit_waits_and_all_behind_it(self):
        # 800,000 of gas: four supplies; the fifth and what is behind it wait, though a mode (100,000) would have fitted
        chain = Chain(gas_most=899_999)
        first = chain.sender(*[(0, "supply", atoms, 9) for atoms in range(1, 5)])
        middle, small = chain.sender((0, "supply", 7, 5)), chain.sender((0, "mode", 0, 1))
        chain.at(1_000)
        assert {row[1] for row in chain.done()} == {first.account}
        assert chain.world.blocks(0)["waiting"] == 2
        chain.at(2_000)
        assert [row[1] for row in chain.done()[4:]] == [middle.account, small.account]
        assert chain.world.blocks(0)["gas_used"] == 5 * SUPPLY_GAS + MODE_GAS

    def test_b3_who_waits_can_be_overtaken(self):
        chain = Chain(gas_most=800_000)
        crowd = chain.sender(*[(0, "supply", atoms, 1) for atoms in range(1, 8)])
        rich = chain.sender((1_500, "supply", 50, 2))
        chain.at(3_000)
        assert [row[0] for row in chain.done()] == [1_000] * 4 + [2_000] * 4
        assert [row[1] for row in chain.done()][4:] == [rich.account] + [crowd.account] * 3

    def test_b3_nobody_is_lost(self):
        chain = Chain(gas_most=1_000_000, base_price=10)
        agents = [chain.sender(*[(at * 7, "supply", 1, at % 3) for at in range(30)], usd=1) for _ in range(5)]
        chain.at(60_000)
        rows = chain.done()
        assert len(rows) == 150
        assert {row[3] for row in rows} == {0}
        assert chain.world.blocks(0)["waiting"] == 0
        assert all(len(agent.told) == 30 for agent in agents)
        assert max(sum(SUPPLY_GAS for row in rows if row[0] == at) for at in {row[0] for row in rows}) == 1_000_000


class TestGas:
    def test_b4_base_price_and_tip_go_to_the_venues_fees_whatever_becomes_of_it(self):
        chain = Chain(base_price=30, base_least=30)
        agent = chain.sender((0, "supply", DOLLAR, 4), (0, "withdraw", 2 * DOLLAR, 2), gas=20_000_000)
        chain.at(1_100)
        assert [row[3:] for row in chain.done()] == [(0, 34 * SUPPLY_GAS), (Refusal.SHORT, 32 * SUPPLY_GAS)]
        assert chain.has(agent.account, chain.gas) == 20_000_000 - 66 * SUPPLY_GAS
        assert chain.has(0, chain.gas) == 66 * SUPPLY_GAS
        assert chain.reserve(chain.usd)["claims"] == DOLLAR

    def test_b4_who_cannot_pay_does_nothing_and_uses_no_gas_of_the_block(self):
        chain = Chain(base_price=10, gas_most=800_000)
        poor = chain.sender((0, "supply", 9, 1_000), gas=1_010 * SUPPLY_GAS - 1)
        rich = chain.sender(*[(0, "supply", atoms, 0) for atoms in range(1, 5)])
        chain.at(1_100)
        rows = chain.done()
        assert rows[0][1:] == (poor.account, 9, Refusal.NO_GAS, 0)
        assert [row[1] for row in rows[1:]] == [rich.account] * 4
        assert chain.has(poor.account, chain.gas) == 1_010 * SUPPLY_GAS - 1
        assert poor.told[0][3] == Refusal.NO_GAS
        assert chain.world.blocks(0)["gas_used"] == 4 * SUPPLY_GAS

    def test_b4_an_atom_more_and_it_can(self):
        chain = Chain(base_price=10)
        able = chain.sender((0, "supply", 9, 1_000), gas=1_010 * SUPPLY_GAS)
        chain.at(1_000)
        assert chain.has(able.account, chain.gas) == 0
        assert chain.reserve(chain.usd)["claims"] == 9

    def test_b9_the_payment_stands_before_the_action_in_the_journal(self):
        chain = Chain(base_price=10)
        chain.sender((0, "supply", 9, 0))
        chain.at(1_000)
        kinds = chain.world.journal()["kind"].tolist()
        assert kinds[-2:] == [PAYMENT_ROW, ACTION_ROW]

    def test_b5_the_base_price_follows_the_blocks(self):
        chain = Chain(base_price=GWEI, base_least=10, gas_most=2_000_000)
        # Full, full, half, a tenth, then nothing for three blocks, then a tenth.
        counts = {0: 10, 1: 10, 2: 5, 3: 1, 7: 1}
        chain.sender(*[(1_000 * at, "supply", 1, 0) for at, count in counts.items() for _ in range(count)])
        expected = [
            (1_000, 1_125),  # + 1000 * 1,000,000 / (8 * 1,000,000)
            (2_000, 1_265),  # + 140.6
            (3_000, 1_265),  # half: - 0
            (4_000, 1_139),  # - 1265 * 0.8 / 8 = 126.5
        ]
        for at, price in expected:
            assert chain.at(at).world.blocks(0)["base_price"] == price, at
        chain.at(8_000)
        # Three empty ones: 1139 - 142 = 997, - 124 = 873, - 109 = 764; then 764 - 764 * 0.8 / 8 = 688
        assert chain.world.blocks(0)["base_price"] == 688
        prices = [row[4] // SUPPLY_GAS for row in chain.done()]
        assert prices == [1_000] * 10 + [1_125] * 10 + [1_265] * 5 + [1_265] + [764]

    def test_b5_it_rises_by_one_at_least_and_stops_at_its_least(self):
        chain = Chain(base_price=3, base_least=2, gas_most=800_000)
        chain.sender(*[(0, "supply", 1, 0)] * 4, (1_000, "supply", 1, 0))
        assert chain.at(1_000).world.blocks(0)["base_price"] == 4
        assert chain.at(2_000).world.blocks(0)["base_price"] == 4  # floor(4 * 1/2 / 8): nothing
        high = Chain(base_price=100, base_least=99, gas_most=800_000)
        high.sender((0, "supply", 1, 0), (500_000, "supply", 1, 0))
        assert high.at(600_000).world.blocks(0)["base_price"] == 99

    def test_b5_sixty_four_empty_blocks_at_most(self):
        chain = Chain(base_price=10**9, base_least=0, gas_most=800_000)
        chain.sender(*[(at * 1_000_000, "supply", 1, 0) for at in (0, 1)])
        chain.at(1_001_000)
        price = 10**9 - 10**9 // 16  # a quarter of the limit
        for _ in range(64):
            price -= price // 8
        assert chain.world.blocks(0)["base_price"] == price - price // 16
        assert price > 1

    def test_b5_without_a_limit_the_base_price_stands(self):
        chain = Chain(base_price=50)
        chain.sender(*[(at * 5_000, "supply", 1, 0) for at in range(4)])
        assert chain.at(60_000).world.blocks(0)["base_price"] == 50
        assert {row[4] for row in chain.done()} == {50 * SUPPLY_GAS}

    @pytest.mark.parametrize("seed", range(5))
    def test_b5_the_reference_follows_a_random_chain(self, seed):
        draw = random.Random(seed)
        terms = {
            "gas_most": draw.choice([800_000, 1_500_000, 3_000_000]),
            "base_price": draw.choice([1, 7, 10**4, 10**9]),
        }
        terms["base_least"] = draw.choice([0, 1])
        chain = Chain(**terms)
        sent = [(draw.randrange(0, 40_000), "supply", 1, draw.randrange(4)) for _ in range(60)]
        chain.sender(*sent, gas=2**60)
        chain.at(120_000)
        rows = chain.done()
        assert len(rows) == 60
        judge = Blocks(BlockTerms(1_000, chain.gas, **terms), 0)
        for time_ms, _, _, _, fee in rows:
            judge.executes(time_ms, SUPPLY_GAS, fee)  # says so where price, tips or order differ
        assert rows[-1][4] == SUPPLY_GAS * (judge.base_price + judge.tip)


class TestSnapshot:
    def test_what_waits_and_the_price_are_in_the_snapshot(self):
        chain = Chain(base_price=10, gas_most=1_000_000)
        bot, rich = chain.trader(usd=10**5, gas=10**15), chain.trader(usd=10**6)
        assert chain.act(rich, "supply", 10**6 * DOLLAR, asset=chain.usd)[0] == 0
        for debt in (890, 895, 900):
            chain.borrower(1_000, debt)
        chain.world.add_agents(
            "bot", [bot], [1], market=chain.market, protocol=chain.protocol, every_ms=50, latency_ms=5
        )
        chain.bids([(9_500 - step, 500) for step in range(20)])
        chain.falls(9_500)
        chain.at(500)
        assert chain.world.blocks(0)["waiting"] == 3
        copies = [_core.World.restore(chain.world.snapshot()), chain.world.fork()]
        for copy in copies:
            assert copy.blocks(0) == chain.world.blocks(0)
        chain.at(5_000)
        assert chain.world.bots([bot])[bot]["won"] >= 3  # two to a block
        for copy in copies:
            copy.run(5_000, check=True)
            assert copy.digest() == chain.world.digest()
            assert copy.blocks(0) == chain.world.blocks(0)
