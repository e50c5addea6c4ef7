"""Blocks and gas at their edges (B-2 .. B-5): kinds of actions, venues, what overtakes, what an empty chain does."""

from __future__ import annotations

import pytest
from lendkit import ALL, DOLLAR, Refusal, Town

from engine import Agent, InputError, _core
from engine.reference.ledger import SystemAccount

EVERY = 1_000
SUPPLY_GAS, FLASH_GAS = 200_000, 800_000  # B-4
GAS_MOVEMENT = 18
ETHER = 10**15


class Sender(Agent):
    """Send its actions (kind, atoms, tip) as soon as it is started, and keep what it is told. Pickles."""

    def __init__(self, protocol, asset, actions):
        self.protocol, self.asset, self.actions, self.told = protocol, asset, actions, []

    def on_start(self, context):
        for kind, atoms, tip in self.actions:
            context.send_action(kind, self.protocol, atoms, asset=self.asset, tip=tip)

    def on_action(self, context, notice):
        self.told.append((context.time_ms, notice.time_ms, notice.kind, notice.reason, notice.paid))


class Chain(Town):
    """Blocks a second apart; whoever sends has an account of its own, and a link that is as long as the story says."""

    def __init__(self, *, every_ms=EVERY, **blocks):
        super().__init__(bank=0)
        self.world.set_blocks(0, every_ms=every_ms, gas_asset=self.gas, **blocks)
        self.world.record(actions=True, movements=True)

    def send(self, arrives_ms, *actions, gas=ETHER, latency_ms=1):
        """Let somebody send actions that arrive at a time, a supply of a dollar by default."""
        account = self.trader(usd=1_000, gas=gas)
        agent = Sender(self.protocol, self.usd, actions or (("supply", DOLLAR, 0),))
        self.world.add_python(agent, account, account, start_ms=arrives_ms - latency_ms, latency_ms=latency_ms)
        return account, agent

    def supplies(self, arrives_ms, count):
        return [self.send(arrives_ms)[0] for _ in range(count)]

    def rows(self, *names):
        table = self.world.table("actions")
        return list(zip(*(table[name].tolist() for name in names), strict=True))

    def told(self, name):
        return self.world.blocks(0)[name]

    def at(self, time_ms):
        self.world.run(time_ms, check=True)
        return self


class TestTimes:
    def test_b3_nobody_waits_no_block_and_no_event(self):
        chain = Chain()
        chain.at(1)
        assert chain.world.run(10**7, check=True) == 0
        chain.send(10**7 + 1)
        chain.at(10**7 + 5 * EVERY)
        assert (chain.told("block_count"), chain.rows("time_ms")) == (1, [(10**7 + EVERY,)])

    @pytest.mark.parametrize("latency_ms", [1, 2_900])
    def test_b3_long_on_its_way_makes_no_difference_in_the_blocks_millisecond(self, latency_ms):
        chain = Chain()
        early, _ = chain.send(2_500)
        late, _ = chain.send(3_000, latency_ms=latency_ms)  # of 2,900: on its way before the block was due
        chain.at(3_000)
        assert (chain.rows("time_ms", "account"), chain.told("waiting")) == ([(3_000, early)], 1)
        chain.at(4_000)
        assert chain.rows("time_ms", "account")[1:] == [(4_000, late)]

    def test_b8_what_is_acted_at_once_neither_waits_nor_pays(self):
        chain = Chain(base_price=7)
        account = chain.trader(usd=5)
        assert chain.act(account, "supply", DOLLAR, asset=chain.usd) == (0, DOLLAR, 0)
        chain.at(5_000)
        assert (chain.told("block_count"), chain.told("gas_used")) == (0, 0)

    def test_b4_each_venue_has_its_own_blocks_and_its_own_fee_account(self):
        town = Town(bank=0)
        world, here = town.world, town.world.add_venue()
        fees = world.account_count - len(SystemAccount)
        protocol = world.add_protocol("aave", venue=here)
        world.add_reserve(protocol, town.usd, price=(1, 1), lent=True)
        world.set_blocks(here, every_ms=400, gas_asset=town.gas, base_price=3)
        account = world.add_accounts(venue=here)
        world.deposit(account, town.usd, DOLLAR)
        world.deposit(account, town.gas, ETHER)
        world.add_python(Sender(protocol, town.usd, [("supply", DOLLAR, 2)]), account, 1, start_ms=500)
        world.run(5_000, check=True)
        assert world.reserve(protocol, town.usd)["claims"] == DOLLAR
        assert (town.has(fees, town.gas), town.has(0, town.gas)) == (5 * SUPPLY_GAS, 0)
        assert (world.blocks(0)["every_ms"], world.blocks(here)["block_count"]) == (0, 1)

    def test_b3_its_terms_stay_while_somebody_waits(self):
        chain = Chain()
        chain.send(10)
        chain.at(500)
        before = chain.world.digest()
        with pytest.raises(InputError, match="venue where no action waits"):
            chain.world.set_blocks(0, every_ms=10, gas_asset=chain.gas)
        assert (chain.world.digest(), chain.told("every_ms")) == (before, EVERY)
        chain.at(1_000).world.set_blocks(0, every_ms=10, gas_asset=chain.gas)
        chain.send(1_001)
        chain.at(1_010)
        assert chain.rows("time_ms") == [(1_000,), (1_010,)]


class TestOrder:
    def test_b3_who_does_not_fit_holds_up_a_smaller_one_behind(self):
        chain = Chain(gas_most=1_000_000)
        first = [chain.send(10, ("supply", DOLLAR, 9))[0] for _ in range(4)]  # 800,000
        large, _ = chain.send(10, ("flash_liquidate", DOLLAR, 5))  # 800,000 more do not fit
        small, _ = chain.send(10, ("supply", DOLLAR, 1))  # 200,000 would
        chain.at(1_000)
        assert chain.rows("account") == [(account,) for account in first]
        chain.at(2_000)
        assert chain.rows("time_ms", "account")[4:] == [(2_000, large), (2_000, small)]  # both fit exactly
        assert chain.told("gas_used") == 5 * SUPPLY_GAS + FLASH_GAS

    def test_b3_a_higher_tip_overtakes_even_ones_own_action(self):
        chain = Chain()
        _, agent = chain.send(10, ("supply", DOLLAR, 1), ("withdraw", ALL, 2))
        chain.at(1_001)
        assert chain.rows("number", "reason", "paid_atoms") == [(2, Refusal.NOTHING, 0), (1, 0, DOLLAR)]
        assert [row[2:] for row in agent.told] == [("withdraw", Refusal.NOTHING, 0), ("supply", 0, DOLLAR)]


class TestBasePrice:
    """The limit is 2,000,000, its half five supplies."""

    @pytest.mark.parametrize(
        ("count", "before", "after"),
        [
            (10, 1_000, 1_125),  # full: an eighth more
            (6, 1_000, 1_025),  # 1,000 * 200,000 / 8,000,000
            (5, 1_000, 1_000),  # half: it stands
            (4, 1_000, 975),
            (1, 1_125, 1_013),  # 112.5 less, rounded down
            (10, 0, 1),  # up by one at least
            (6, 39, 40),
            (10, 7, 8),
            (10, 16, 18),
            (4, 39, 39),  # 0.98 less: nothing
        ],
    )
    def test_b5_after_one_block(self, count, before, after):
        chain = Chain(gas_most=2_000_000, base_price=before)
        chain.supplies(10, count)
        assert chain.at(1_000).told("base_price") == after

    @pytest.mark.parametrize(("block", "empty"), [(1, 0), (3, 2), (64, 63), (65, 64), (66, 64), (5_000, 64)])
    def test_b5_blocks_before_the_first_were_empty(self, block, empty):
        chain = Chain(gas_most=2_000_000, base_price=10**9)
        account = chain.supplies(block * EVERY - 1, 5)[0]
        price = 10**9
        for _ in range(empty):
            price -= price // 8
        chain.at(block * EVERY)
        assert chain.told("base_price") == price
        assert chain.has(account, chain.gas) == ETHER - SUPPLY_GAS * price


class TestGas:
    @pytest.mark.parametrize(
        ("kind", "gas"),
        [
            ("supply", 200_000),
            ("withdraw", 200_000),
            ("borrow", 200_000),
            ("repay", 200_000),
            ("mode", 100_000),
            ("liquidate", 500_000),
            ("flash_liquidate", 800_000),
            ("absorb", 400_000),
            ("buy_collateral", 250_000),
            ("swap", 150_000),
            ("add_liquidity", 250_000),
            ("remove_liquidity", 250_000),
            ("mint", 150_000),
            ("redeem", 150_000),
            ("stake", 150_000),
            ("unstake", 150_000),
            ("transfer", 60_000),
        ],
    )
    def test_b4_what_a_kind_costs_refused_too(self, kind, gas):
        chain = Chain(base_price=3)
        account, _ = chain.send(10, (kind, 10**9 * DOLLAR, 4))  # nobody has that, or there is no such target
        chain.at(1_000)
        [(reason, paid, got, fee)] = chain.rows("reason", "paid_atoms", "got_atoms", "gas_atoms")
        assert reason not in (0, Refusal.NO_GAS)
        assert (paid, got, fee) == (0, 0, 7 * gas)
        assert (chain.has(account, chain.gas), chain.has(0, chain.gas)) == (ETHER - 7 * gas, 7 * gas)
        assert chain.told("gas_used") == gas
        moved = chain.world.table("movements")
        rows = zip(*(moved[name].tolist() for name in ("kind", "payer", "receiver", "asset", "atoms")), strict=True)
        assert [row[1:] for row in rows if row[0] == GAS_MOVEMENT] == [(account, 0, chain.gas, 7 * gas)]

    def test_b4_gas_is_paid_before_the_action_is_done(self):
        chain = Chain()
        chain.world.set_blocks(0, every_ms=EVERY, gas_asset=chain.usd, base_price=1)
        whole = 1_000 * DOLLAR
        all_in, _ = chain.send(10, ("supply", whole, 0))  # gas takes 200,000 of the same dollars first
        fits, _ = chain.send(10, ("supply", whole - SUPPLY_GAS, 0))
        chain.at(1_000)
        assert chain.rows("account", "reason") == [(all_in, Refusal.LACKING), (fits, 0)]
        assert (chain.has(all_in, chain.usd), chain.has(fits, chain.usd)) == (whole - SUPPLY_GAS, 0)

    def test_b4_nothing_is_lost(self):
        chain = Chain(base_price=123, gas_most=10**6)
        for count, arrives in ((9, 10), (3, 1_700), (7, 2_000)):
            chain.supplies(arrives, count)
        everybody = range(chain.world.account_count)
        chain.at(20_000)
        assert sum(chain.has(account, chain.gas) for account in everybody) == 19 * ETHER
        assert chain.has(0, chain.gas) == sum(fee for (fee,) in chain.rows("gas_atoms")) > 0


@pytest.mark.parametrize("at_ms", [10, 700, 1_000, 1_999, 2_400])
def test_j3_python_senders_with_actions_on_their_way_and_waiting(at_ms):
    chain = Chain(base_price=50, gas_most=10**6)
    chain.supplies(10, 7)
    for _ in range(3):
        chain.send(500, ("supply", DOLLAR, 4))
    for _ in range(4):
        chain.send(2_000, latency_ms=1_600)
    chain.at(at_ms)
    copy = _core.World.restore(chain.world.snapshot())
    assert copy.blocks(0) == chain.world.blocks(0)
    for world in (chain.world, copy):
        world.run(9_000, check=True)
    assert copy.digest() == chain.world.digest()
    assert copy.blocks(0) == chain.world.blocks(0)
    assert chain.told("gas_used") == 14 * SUPPLY_GAS
