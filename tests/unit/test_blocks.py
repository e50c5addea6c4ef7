"""Blocks and gas (B-2 .. B-5, B-8): when an action is executed, in what order, and what it costs."""

from __future__ import annotations

import pytest
from loankit import ALL, FEES, UNIT, ActionReason, Sender, Town

from engine import Agent, InputError, _core
from engine.reference.ledger import SystemAccount

EVERY = 1_000
SUPPLY_GAS, FLASH_GAS = 200_000, 800_000  # B-4
GAS_MOVEMENT = 18
ETHER = 10**15


class Chain(Town):
    """Open a lender at a venue with blocks; gas is paid in an asset of its own."""

    def __init__(self, *, venue=0, every_ms=EVERY, **blocks):
        super().__init__()
        self.ether = self.native.add_asset(2**61)
        self.venue = venue
        self.fees = FEES
        if venue:
            assert self.native.add_venue() == venue
            self.fees = self.native.account_count - len(SystemAccount)
        self.protocol = self.native.add_protocol("aave", venue=venue)
        self.native.add_reserve(self.protocol, self.dollar, price=(1, 1), lent=True)
        if every_ms:
            self.native.set_blocks(venue, every_ms=every_ms, gas_asset=self.ether, **blocks)
        self.senders = []

    def send(self, arrives_ms, kind="supply", atoms=UNIT, *, ether=ETHER, latency_ms=1, dollars=1_000, **named):
        """Let an account of its own send an action that arrives at a time."""
        account = self.account(0, dollars, venue=self.venue)
        if ether:
            self.native.deposit(account, self.ether, ether)
        sender = Sender(kind, self.protocol, atoms, asset=self.dollar, **named)
        left = arrives_ms - latency_ms
        self.native.add_python(sender, account, len(self.senders), start_ms=left, latency_ms=latency_ms)
        self.senders.append(sender)
        return account

    def supplies(self, arrives_ms, count, **named):
        return [self.send(arrives_ms, **named) for _ in range(count)]

    def told(self, name):
        return self.native.blocks(self.venue)[name]

    def executed(self):
        """Time and account of all actions, in order."""
        return self.actions("time_ms", "account")


class TestTimes:
    def test_b3_at_the_next_multiple(self):
        chain = Chain()
        sent = [(1, 1_000), (999, 1_000), (1_500, 2_000), (3_000, 4_000), (6_999, 7_000)]
        accounts = [chain.send(arrives) for arrives, _ in sent]
        chain.run(10_000)
        assert chain.executed() == [(at, account) for (_, at), account in zip(sent, accounts, strict=True)]
        assert chain.told("block_count") == 4  # 1, 2, 4 and 7 s: no block without an action that waits
        assert [sender.heard[0][:2] for sender in chain.senders] == [(at + 1, at) for _, at in sent]

    def test_b3_no_action_no_block_no_event(self):
        chain = Chain()
        assert chain.run(10**7) == 0
        assert chain.native.blocks(0) == {
            "every_ms": EVERY,
            "block_count": 0,
            "gas_used": 0,
            "base_price": 0,
            "waiting": 0,
        }

    @pytest.mark.parametrize("latency_ms", [1, 2_900])
    def test_b3_what_arrives_in_the_blocks_millisecond_waits(self, latency_ms):
        chain = Chain()
        early = chain.send(2_500)
        late = chain.send(3_000, latency_ms=latency_ms)  # long on its way: its arrival was queued before the block
        chain.run(3_000)
        assert (chain.executed(), chain.told("waiting")) == ([(3_000, early)], 1)
        chain.run(4_000)
        assert (chain.executed(), chain.told("waiting")) == ([(3_000, early), (4_000, late)], 0)

    def test_b2_without_blocks_at_once_and_for_free(self):
        chain = Chain(every_ms=0)
        account = chain.send(1_234, tip=10**6)
        chain.run(5_000)
        assert chain.executed() == [(1_234, account)]
        assert chain.actions("gas_atoms") == [(0,)]
        assert chain.balance(account, chain.ether) == ETHER
        assert chain.senders[0].heard == [(1_235, 1_234, "supply", ActionReason.DONE, UNIT, 0)]

    def test_b8_what_is_acted_at_once_neither_waits_nor_pays(self):
        chain = Chain(base_price=7)
        account = chain.account(0, 5)
        assert chain.act(account, "supply", UNIT, chain.dollar) == (0, UNIT, 0)
        assert (chain.told("block_count"), chain.told("gas_used")) == (0, 0)

    def test_b3_each_venue_has_its_own_blocks_and_fee_account(self):
        chain = Chain(venue=1, every_ms=400, base_price=3, gas_most=10**6)
        account = chain.send(500)
        chain.run(5_000)
        assert chain.executed() == [(800, account)]
        # Blocks at 400 ms were due and empty: 3 - floor(3 / 8) = 3.
        assert chain.balance(chain.fees, chain.ether) == SUPPLY_GAS * 3
        assert chain.balance(FEES, chain.ether) == 0
        assert chain.native.blocks(0)["every_ms"] == 0


class TestOrder:
    def test_b3_by_tip_then_by_arrival(self):
        chain = Chain()
        tips = [(1, 1), (2, 5), (3, 3), (4, 5), (900, 9), (901, 0)]
        accounts = [chain.send(arrives, tip=tip) for arrives, tip in tips]
        chain.run(1_000)
        assert [account for _, account in chain.executed()] == [accounts[i] for i in (4, 1, 3, 2, 0, 5)]

    def test_b3_the_limit_is_a_limit(self):
        chain = Chain(gas_most=5 * SUPPLY_GAS)
        accounts = chain.supplies(10, 11)
        times = []
        for block in (1_000, 2_000, 3_000):
            chain.run(block)
            times.append((chain.told("gas_used") // SUPPLY_GAS, chain.told("waiting")))
        assert times == [(5, 6), (10, 1), (11, 0)]  # five fit exactly
        assert [account for _, account in chain.executed()] == accounts

    def test_b3_who_does_not_fit_holds_up_all_behind(self):
        chain = Chain(gas_most=1_000_000)
        first = chain.supplies(10, 4, tip=9)  # 800,000
        flash = chain.send(10, "flash_liquidate", tip=5)  # 800,000 more do not fit
        small = chain.send(10, tip=1)  # 200,000 would
        chain.run(1_000)
        assert [account for _, account in chain.executed()] == first
        chain.run(2_000)
        assert chain.executed()[4:] == [(2_000, flash), (2_000, small)]  # 1,000,000: both fit exactly
        assert chain.told("gas_used") == 4 * SUPPLY_GAS + FLASH_GAS + SUPPLY_GAS

    def test_b3_who_waits_is_overtaken_by_a_higher_tip(self):
        chain = Chain(gas_most=800_000)
        accounts = chain.supplies(10, 5, tip=1)
        late = chain.supplies(1_500, 4, tip=2)
        chain.run(2_000)
        assert [account for _, account in chain.executed()] == accounts[:4] + late
        chain.run(3_000)
        assert chain.executed()[-1] == (3_000, accounts[4])

    def test_b3_without_a_limit_all_fit(self):
        chain = Chain(base_price=11)
        chain.supplies(10, 40)
        chain.run(1_000)
        assert (chain.told("block_count"), chain.told("gas_used")) == (1, 40 * SUPPLY_GAS)
        assert chain.told("base_price") == 11  # B-5: it stands


class TestBasePrice:
    """The limit is 2,000,000, its half 1,000,000: five supplies; prices worked by hand."""

    def chain(self, base_price=1_000, **options):
        return Chain(gas_most=2_000_000, base_price=base_price, **options)

    @pytest.mark.parametrize(
        ("count", "after"),
        [
            (10, 1_125),  # full: an eighth more
            (6, 1_025),  # 1,000 * 200,000 / 8,000,000 = 25
            (5, 1_000),  # half: it stands
            (4, 975),
            (1, 900),  # 1,000 * 800,000 / 8,000,000 = 100
        ],
    )
    def test_b5_full_half_and_emptier(self, count, after):
        chain = self.chain()
        chain.supplies(10, count)
        chain.run(1_000)
        assert chain.told("base_price") == after

    def test_b5_rounded_down(self):
        chain = self.chain(1_125)
        chain.send(10)
        chain.run(1_000)
        assert chain.told("base_price") == 1_125 - 112  # 112.5

    @pytest.mark.parametrize(("base_price", "after"), [(0, 1), (7, 8), (15, 16), (16, 18)])
    def test_b5_up_by_one_at_least(self, base_price, after):
        chain = self.chain(base_price)
        chain.supplies(10, 10)
        chain.run(1_000)
        assert chain.told("base_price") == after

    def test_b5_empty_blocks_count_before_the_next(self):
        chain = self.chain()
        chain.supplies(10, 5)  # half: 1,000 stands
        late = chain.supplies(4_500, 5)  # 2, 3 and 4 s had none: 1,000 - 125 = 875 - 109 = 766 - 95 = 671
        chain.run(5_000)
        assert chain.told("base_price") == 671
        assert chain.balance(late[0], chain.ether) == ETHER - SUPPLY_GAS * 671

    def test_b5_blocks_before_the_first_count_too(self):
        chain = self.chain(800)
        account = chain.send(2_500)  # 1 and 2 s had none: 800 - 100 = 700 - 87 = 613
        chain.run(3_000)
        assert chain.balance(account, chain.ether) == ETHER - SUPPLY_GAS * 613

    @pytest.mark.parametrize(("block", "empty"), [(64, 63), (65, 64), (66, 64), (5_000, 64)])
    def test_b5_no_more_than_64_of_them(self, block, empty):
        chain = self.chain(10**12)
        chain.supplies(block * EVERY - 1, 5)
        chain.run(block * EVERY)
        price = 10**12
        for _ in range(empty):
            price -= price // 8
        assert chain.told("base_price") == price

    def test_b5_not_below_its_least(self):
        chain = self.chain(1_000, base_least=950)
        chain.send(10)  # to 900, held at 950
        late = chain.send(9_500)
        chain.run(1_000)
        assert chain.told("base_price") == 950
        chain.run(10_000)
        assert chain.told("base_price") == 950
        assert chain.balance(late, chain.ether) == ETHER - SUPPLY_GAS * 950


class TestGas:
    def test_b4_gas_times_base_price_and_tip(self):
        chain = Chain(base_price=40, gas_most=2_000_000)
        chain.native.record(movements=True)
        account = chain.send(10, tip=2)
        chain.run(1_000)
        fee = SUPPLY_GAS * 42
        assert chain.balance(account, chain.ether) == ETHER - fee
        assert chain.balance(FEES, chain.ether) == fee
        moved = chain.native.table("movements")
        rows = zip(*(moved[name].tolist() for name in ("kind", "payer", "receiver", "asset", "atoms")), strict=True)
        assert [row[1:] for row in rows if row[0] == GAS_MOVEMENT] == [(account, FEES, chain.ether, fee)]

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
    def test_b4_a_refused_action_pays_what_its_kind_costs(self, kind, gas):
        chain = Chain(base_price=3)
        account = chain.send(10, kind, 10**9 * UNIT)  # nobody has that, or there is no such target
        chain.run(1_000)
        ((reason, paid, got, fee),) = chain.actions("reason", "paid_atoms", "got_atoms", "gas_atoms")
        assert reason not in (ActionReason.DONE, ActionReason.NO_GAS)
        assert (paid, got, fee) == (0, 0, 3 * gas)
        assert chain.balance(account, chain.ether) == ETHER - 3 * gas
        assert chain.balance(FEES, chain.ether) == 3 * gas
        assert chain.told("gas_used") == gas

    def test_b4_who_cannot_pay_does_nothing_and_uses_nothing(self):
        chain = Chain(base_price=3, gas_most=5 * SUPPLY_GAS)
        short = SUPPLY_GAS * (3 + 9) - 1
        poor = chain.send(10, ether=short, tip=9)
        none = chain.send(10, ether=0, tip=8)
        just = chain.send(10, ether=short + 1, tip=9)
        rich = chain.supplies(10, 4)
        chain.run(1_000)
        assert chain.actions("account", "reason", "paid_atoms", "gas_atoms") == [
            (poor, ActionReason.NO_GAS, 0, 0),
            (just, ActionReason.DONE, UNIT, short + 1),
            (none, ActionReason.NO_GAS, 0, 0),
            *((account, ActionReason.DONE, UNIT, SUPPLY_GAS * 3) for account in rich),
        ]
        assert (chain.told("gas_used"), chain.told("waiting")) == (5 * SUPPLY_GAS, 0)
        assert (chain.balance(poor, chain.ether), chain.balance(just, chain.ether)) == (short, 0)
        assert chain.balance(poor, chain.dollar) == 1_000 * UNIT
        chain.run(1_001)
        assert chain.senders[0].heard == [(1_001, 1_000, "supply", ActionReason.NO_GAS, 0, 0)]

    def test_b4_gas_is_paid_before_the_action(self):
        chain = Chain(base_price=1)
        chain.native.set_blocks(0, every_ms=EVERY, gas_asset=chain.dollar, base_price=1)
        whole = 1_000 * UNIT
        all_in = chain.send(10, atoms=whole)  # gas takes 200,000 of the same dollars first
        fits = chain.send(10, atoms=whole - SUPPLY_GAS)
        chain.run(1_000)
        assert chain.actions("account", "reason") == [(all_in, ActionReason.LACKING), (fits, ActionReason.DONE)]
        assert (chain.balance(all_in, chain.dollar), chain.balance(fits, chain.dollar)) == (whole - SUPPLY_GAS, 0)

    def test_b4_nothing_is_lost(self):
        chain = Chain(base_price=123, gas_most=10**6)
        for count, arrives in ((9, 10), (3, 1_700), (7, 2_000)):
            chain.supplies(arrives, count, tip=count)
        before = sum(chain.balance(a, chain.ether) for a in range(chain.native.account_count))
        chain.run(20_000)
        assert sum(chain.balance(a, chain.ether) for a in range(chain.native.account_count)) == before == 19 * ETHER
        assert chain.balance(FEES, chain.ether) == sum(fee for (fee,) in chain.actions("gas_atoms")) > 0


def acted(native):
    """What became of all actions."""
    table = native.table("actions")
    return list(zip(*(table[name].tolist() for name in ("time_ms", "account", "reason", "gas_atoms")), strict=True))


class TestSnapshot:
    @pytest.mark.parametrize("at_ms", [10, 700, 1_000, 1_999, 2_400])
    def test_j3_with_actions_on_their_way_and_waiting(self, at_ms):
        chain = Chain(base_price=50, gas_most=10**6)
        chain.supplies(10, 7)
        chain.supplies(500, 3, tip=4)
        chain.supplies(2_000, 4, latency_ms=1_600)
        chain.run(at_ms)
        copy = _core.World.restore(chain.native.snapshot())
        assert copy.blocks(0) == chain.native.blocks(0)
        for native in (chain.native, copy):
            native.run(9_000, check=True)
        assert copy.digest() == chain.native.digest()
        assert copy.blocks(0) == chain.native.blocks(0)
        assert chain.native.blocks(0)["gas_used"] == 14 * SUPPLY_GAS
        straight, restored = (acted(native) for native in (chain.native, copy))
        assert restored == [row for row in straight if row[0] > at_ms]  # a snapshot has no tables
        assert len(straight) == 14

    def test_b3_terms_stay_while_something_waits(self):
        chain = Chain()
        chain.send(10)
        chain.run(500)
        with pytest.raises(InputError, match="venue where no action waits"):
            chain.native.set_blocks(0, every_ms=10, gas_asset=chain.ether)
        chain.run(1_000)
        chain.native.set_blocks(0, every_ms=10, gas_asset=chain.ether)
        assert chain.told("every_ms") == 10


class Hasty(Agent):
    """Supply, then withdraw all of it with a higher tip."""

    def __init__(self, chain):
        self.chain = chain

    def on_start(self, context):
        named = {"asset": self.chain.dollar}
        assert context.send_action("supply", self.chain.protocol, UNIT, tip=1, **named) == 1
        assert context.send_action("withdraw", self.chain.protocol, ALL, tip=2, **named) == 2


def test_b3_a_higher_tip_overtakes_ones_own_action():
    chain = Chain()
    hasty = chain.account(0, 10)
    chain.native.deposit(hasty, chain.ether, ETHER)
    chain.native.add_python(Hasty(chain), hasty, 1)
    chain.run(1_000)
    assert chain.actions("number", "reason", "paid_atoms") == [
        (2, ActionReason.NOTHING, 0),
        (1, ActionReason.DONE, UNIT),
    ]
