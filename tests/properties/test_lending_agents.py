"""Bots, loopers, blocks, pools and forced sales in small random worlds: nothing breaks or is lost."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import _core
from engine.reference.actions import GAS, ActionKind
from engine.reference.journal import JournalKind

DRAWS = st.integers(0, 2**32 - 1)
MILLION = 10**6
FORMS = ("aave", "morpho", "comet", "loan")
RICH = 2**45
STEPS, STEP_MS = 30, 60


class Street:
    """A lender, a book, a pool, bots and loopers, all drawn from a seed."""

    def __init__(self, seed, form):
        self.rng = rng = random.Random(seed)
        self.world = world = _core.World(seed)
        self.coin, self.usd, self.gas = (world.add_asset(2**61) for _ in range(3))
        lot = rng.choice([1, 10, 1_000])
        self.market = world.add_spot(
            self.coin,
            self.usd,
            atoms_per_tick_lot=rng.choice([1, 100]),
            base_atoms_per_lot=lot,
            taker_fee_ppm=rng.choice([0, 500]),
        )
        atoms_per_tick = world.market(self.market).get("atoms_per_tick_lot", 1)
        minima = rng.choice([{}, {"close_value_min": 2_000, "left_value_min": 1_000}]) if form == "aave" else {}
        sale = {"sale_ppm": rng.choice([MILLION, 300_000]), "sale_ms": rng.choice([1, 20])} if form == "loan" else {}
        self.protocol = world.add_protocol(form, accrue_ms=rng.choice([0, 50]), **minima, **sale)
        terms = (600_000, 600_000, 0) if form == "loan" else (800_000, 850_000, rng.choice([0, 40_000]))
        self.ticks = rng.randint(50, 5_000)
        coin = {"price": (atoms_per_tick, lot), "market": self.market, "terms": terms}
        world.add_reserve(self.protocol, self.coin, **coin, **({"sale_market": self.market} if form == "loan" else {}))
        curve = (rng.choice([0, 5 * MILLION]), 900_000, 100_000, MILLION)
        world.add_reserve(self.protocol, self.usd, price=(1, 1), lent=True, curve=curve, reserve_ppm=100_000)
        world.publish(self.market, self.ticks, "oracle")
        self.maker = self.account(coin=RICH, usd=RICH)
        world.act(self.maker, "supply", self.protocol, RICH // 2, asset=self.usd)
        self.quotes()
        self.pool = world.add_pool("product", [self.coin, self.usd], fee_ppm=rng.choice([0, 3_000]))
        coins = rng.choice([10**4, 10**7])
        world.add_coins(self.maker, self.pool, [coins, max(1, coins * self.ticks * atoms_per_tick // lot)])
        if rng.random() < 0.5:
            self.most = rng.choice([0, 1_000_000])
            world.set_blocks(0, every_ms=rng.choice([20, 100]), gas_asset=self.gas, gas_most=self.most, base_price=1)
        else:
            self.most = 0
        world.record(actions=True)
        world.run(1)
        self.loopers = [self.looper() for _ in range(rng.randint(1, 5))]
        self.bots = [self.bot() for _ in range(rng.randint(0, 3))] if form in ("aave", "morpho") else []

    def account(self, **atoms):
        account = self.world.add_accounts()
        for name, count in {"gas": 10**12, **atoms}.items():
            if count:
                self.world.deposit(account, getattr(self, name), count)
        return account

    def quotes(self):
        """Rest a few bids and asks around the price."""
        for step in range(1, 6):
            for side in (1, -1):
                price = max(1, self.ticks - side * step * max(1, self.ticks // 100))
                lots = self.rng.choice([1, 100, 10_000])
                self.world.send_order(self.maker, self.market, side, price, lots, at_ms=self.world.now_ms + 1)

    def add(self, kind, account, **parameters):
        self.world.add_agents(
            kind,
            [account],
            [_core.member_key(kind, account)],
            market=self.market,
            protocol=self.protocol,
            latency_ms=self.rng.choice([0, 7, 40]),
            pool=self.rng.choice([-1, self.pool]),
            **parameters,
        )
        return account

    def looper(self):
        rng = self.rng
        return self.add(
            "looper",
            self.account(coin=rng.choice([1, 50, 10**5, 10**7])),
            loops=rng.randint(0, 6),
            ltv_ppm=rng.choice([300_000, 590_000, 790_000, MILLION]),
            slippage_ppm=rng.choice([0, 20_000, MILLION]),
            every_ms=rng.choice([10, 100]),
            flee_health_ppm=rng.choice([0, 1_050_000, 3_000_000]),
            flee_ticks=rng.choice([0, self.ticks]),
            flee_rate_ppm=rng.choice([0, 5_000_001]),
            share_ppm=rng.choice([MILLION, 400_000, 1]),
        )

    def bot(self):
        rng, account = self.rng, self.account(usd=self.rng.choice([0, 1_000, RICH]))
        if rng.random() < 0.3:
            key = _core.member_key("bot", account)
            terms = {"market": self.market, "protocol": self.protocol, "pool": self.pool, "flash": 1}
            self.world.add_agents("bot", [account], [key], every_ms=30, latency_ms=5, **terms)
            return account
        return self.add(
            "bot",
            account,
            every_ms=rng.choice([1, 50]),
            scan=rng.choice([1, 16]),
            margin=rng.choice([0.0, 0.01]),
            tip_ppm=rng.choice([0, 500_000]),
            capital=rng.choice([0, 10**6]),
        )

    @staticmethod
    def lives(world, plan):
        """Do what was drawn for a step."""
        market, ticks, orders, span = plan
        if ticks is not None:
            world.publish(market, ticks, "oracle")
        for account, side, price, lots in orders:
            world.send_order(account, market, side, price, lots, at_ms=world.now_ms + 1)
        world.run(world.now_ms + span, check=True)

    def plan(self):
        """Draw a step: a price, some orders, a span of time."""
        moved = None
        if self.rng.random() < 0.5:
            self.ticks = min(max(20, self.ticks * self.rng.choice([970, 985, 1_010, 700, 1_300]) // 1_000), 20_000)
            moved = self.ticks
        orders = []
        for side in (1, -1):
            if self.rng.random() < 0.5:
                price = max(1, self.ticks - side * self.rng.randint(1, max(2, self.ticks // 50)))
                orders.append((self.maker, side, price, self.rng.choice([1, 50, 5_000])))
        return self.market, moved, orders, self.rng.choice([1, STEP_MS, 5 * STEP_MS])

    def conserved(self):
        """Every atom is somewhere, and each block kept to its gas."""
        told = self.world.protocol(self.protocol)
        holders = [0, self.maker, *self.loopers, *self.bots, told["account"], self.world.pool(self.pool)["account"]]
        holders += [told["seller"]] if told["seller"] is not None else []
        for asset, total in ((self.coin, self.deposited("coin")), (self.usd, self.deposited("usd"))):
            assert sum(self.world.balance(account, asset)[0] for account in holders) == total

    def deposited(self, name):
        rows = self.world.journal()
        asset = getattr(self, name)
        chosen = (rows["kind"] == JournalKind.DEPOSIT) & (rows["market"] == asset)
        return int(rows["qty"][chosen].sum())

    def gas_kept(self):
        """No block used more than its limit."""
        rows = self.world.table("actions")
        used = {}
        for at, kind, gas in zip(*(rows[name].tolist() for name in ("time_ms", "kind", "gas_atoms")), strict=True):
            if gas:
                used[at] = used.get(at, 0) + GAS[ActionKind(kind)]
        assert not self.most or all(total <= self.most for total in used.values())


def lived(seed, form):
    """Let a street live, and once again from a snapshot in its middle."""
    street = Street(seed, form)
    middle, later = None, []
    for step in range(STEPS):
        if step == STEPS // 2:
            middle = street.world.snapshot()
        plan = street.plan()
        later += [plan] if middle is not None else []
        street.lives(street.world, plan)
        street.conserved()
    street.gas_kept()
    copy = _core.World.restore(middle)
    for plan in later:
        street.lives(copy, plan)
    assert copy.digest() == street.world.digest()
    return street


@settings(max_examples=60, deadline=None)
@given(DRAWS, st.sampled_from(FORMS))
def test_nothing_breaks_is_lost_or_depends_on_a_restart(seed, form):
    lived(seed, form)


@pytest.mark.parametrize("form", FORMS)
def test_the_streets_see_what_they_are_for(form):
    """Loops are built and left; bots win, in books and pools; a lender sells."""
    stages, won, liquidations = set(), 0, 0
    for seed in range(60):
        street = lived(seed, form)
        stages |= {row["stage"] for row in street.world.loopers(street.loopers).values()}
        won += sum(row["won"] for row in street.world.bots(street.bots).values())
        liquidations += street.world.protocol(street.protocol)["liquidations"]
    assert {"holds", "leaves", "out"} <= stages
    assert (won > 5) == (form in ("aave", "morpho"))
    assert (liquidations > 5) == (form != "comet")


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_many_streets(form):
    for seed in range(1_000, 1_500):
        lived(seed, form)
