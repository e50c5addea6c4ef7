"""Random worlds with funding and interest: rates, payments and debts are what the reference makes of them (F, L-13)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import _core
from engine.reference.funding import FundingInterval, funding_payments
from engine.reference.world import JournalKind
from engine.testing.worlds import TwinWorld, small_world
from engine.types import Side

PPB = 10**9
MIDDLE = 1_000
LIQUIDATION = 5
STEPS = 240

TERMS = st.fixed_dictionaries(
    {
        "every": st.one_of(st.integers(1, 90), st.just(STEPS)),  # steps
        "sample": st.integers(1, 70),
        "impact_atoms": st.one_of(st.integers(1, 60_000), st.just(10**7)),
        "interest_ppb": st.sampled_from([0, 100_000, PPB, -PPB]),
        "clamp_ppb": st.sampled_from([0, 500_000, PPB]),
        "cap_ppb": st.sampled_from([0, 1_000, 20_000_000, PPB]),
        "on": st.sampled_from(["mark", "oracle"]),
    }
)


def settlements(native: _core.World) -> list[tuple[int, int, int]]:
    """Return (time_ms, rate, price) of the journal's FUNDING rows."""
    table = native.journal()
    rows = zip(*(table[name].tolist() for name in ("kind", "time_ms", "number", "price")), strict=True)
    return [row[1:] for row in rows if row[0] == JournalKind.FUNDING]


class Stepped:
    """Step a perpetual through time while a trader, openings and publications change everything.

    Its prices are stale after `stale_ms`, 0 never; a step is `step_ms`.
    """

    def __init__(self, seed: int, step_ms: int, stale_ms: int, worth: int) -> None:
        self.random, self.step_ms = random.Random(seed), step_ms
        self.twin = TwinWorld(stage_ppm=250_000, stage_interval_ms=7 * step_ms)
        self.native, self.stale_ms, self.worth = self.twin.native, stale_ms, worth
        self.twin.asset(10**15)
        self.market = self.twin.perpetual(0, worth=worth, maintenance_ppm=20_000)
        if stale_ms:
            self.market = self.native.add_perpetual(
                0, atoms_per_tick_lot=worth, maintenance_ppm=20_000, price_stale_ms=stale_ms
            )
            self.twin.terms.append(self.twin.terms[0])
        self.accounts = [self.twin.account(self.random.choice([200, 3_000, 50_000]) * worth) for _ in range(6)]
        self.trader = self.twin.account(10**9)

    def act(self) -> None:
        """Do something now and then, after the phases of a step; orders arrive in the next one."""
        at_ms, draw = self.native.now_ms + self.step_ms, self.random
        for side in (Side.BUY, Side.SELL):
            if draw.random() < 0.3:
                price = MIDDLE - side * draw.randint(-3, 40)
                self.native.send_order(self.trader, self.market, side, price, draw.randint(1, 30), at_ms=at_ms)
        if draw.random() < 0.1:
            buyer, seller = draw.sample(self.accounts, 2)
            self.native.open_trade(self.market, buyer, seller, draw.randint(1, 5), draw.randint(980, 1_020))
        for kind in ("index", "mark", "oracle"):
            if draw.random() < 0.06:
                self.native.publish(self.market, draw.randint(950, 1_050), kind)

    def fresh(self, kind: str) -> int | None:
        """Return a published price that is not stale now."""
        row = self.native.market(self.market)
        if row[kind] is None or (self.stale_ms and self.native.now_ms - row[f"{kind}_ms"] > self.stale_ms):
            return None
        return row[kind]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    TERMS,
    st.sampled_from([1, 300_000]),  # of five minutes: rates of per cents
    st.sampled_from([0, 0, 15]),
    st.sampled_from([1, 7, 10**6]),
)
def test_rates_and_payments_are_the_references(seed, terms, step_ms, stale_steps, worth):
    world = Stepped(seed, step_ms, stale_steps * step_ms, worth)
    every, sample = terms["every"], terms["sample"]
    terms = {name: value for name, value in terms.items() if name not in ("every", "sample")}
    terms |= {"every_ms": every * step_ms, "sample_ms": sample * step_ms}
    terms["impact_atoms"] *= worth
    world.native.add_funding(world.market, **terms)
    rates = {name: terms[name] for name in ("interest_ppb", "clamp_ppb", "cap_ppb")}
    interval = FundingInterval(terms["every_ms"], terms["impact_atoms"], worth, **rates)
    wanted = []
    pays_on, base_kind = ("oracle", "oracle") if terms["on"] == "oracle" else ("mark", "index")
    for step in range(STEPS + 1):
        now_ms = step * step_ms
        world.native.run(max(now_ms - 1, world.native.now_ms), check=True)
        bids, asks = world.native.depth(world.market, 10**6)  # as the phases before 8 see them
        world.native.run(now_ms, check=True)
        if step % sample == 0:
            interval.sample(now_ms, bids, asks, world.fresh(base_kind))
        if step and step % every == 0:
            rate, price = interval.settle(now_ms), world.fresh(pays_on)
            wanted.append((now_ms, 0, 0) if rate is None or price is None else (now_ms, rate, price))
        world.act()
    assert settlements(world.native) == wanted
    assert world.twin.disagreements() == []
    rate, next_ms, pool = world.native.funding(world.market)
    assert next_ms == (STEPS // every + 1) * every * step_ms
    assert rate == next((rate for _, rate, price in reversed(wanted) if price), 0)
    assert 0 <= pool <= len(wanted) * 7


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 10**6), st.sampled_from([1, 13, 10**5]))
def test_every_mode_pays_the_same(seed, interest_ppb, worth):
    """Cross, isolated and unified holders of one market pay what their lots say, wherever their money stands."""
    draw = random.Random(seed)
    native = _core.World(1, stage_ppm=0)
    native.add_asset(10**15)
    native.add_collateral(0, 0)
    market = native.add_perpetual(0, atoms_per_tick_lot=worth, maintenance_ppm=20_000)
    accounts = [native.add_accounts(mode=draw.choice([1, 2, 3]), narrow=draw.random() < 0.5) for _ in range(12)]
    for account in accounts:
        native.deposit(account, 0, draw.choice([500, 5_000, 50_000]) * worth)
    for _ in range(20):
        native.open_trade(market, *draw.sample(accounts, 2), draw.randint(1, 20), MIDDLE)

    def money():
        table = native.margin_units()
        margins = dict.fromkeys(accounts, 0)
        for account, atoms in zip(table["account"].tolist(), table["margin_atoms"].tolist(), strict=True):
            margins[account] += atoms
        return {account: native.balance(account, 0)[0] + margins[account] for account in accounts}

    before, pool = money(), 0
    lots = [native.position(account, market)[0] for account in accounts]
    native.add_funding(market, every_ms=10, impact_atoms=1, interest_ppb=interest_ppb * 1_000, clamp_ppb=PPB)
    native.publish(market, MIDDLE, "index")
    for end_ms in range(10, 60, 10):
        price = draw.randint(900, 1_100)
        native.publish(market, price, "mark")
        native.run(end_ms, check=True)
        changes, kept = funding_payments(lots, price, worth, native.funding(market)[0])
        pool += kept
        for account, change in zip(accounts, changes, strict=True):
            before[account] += change
    assert money() == before
    assert native.funding(market)[2] == pool


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 200_000_000), st.integers(1, 30), st.booleans())
def test_interest_is_the_references(seed, rate_ppb, every_ms, lent):
    """Unified accounts that lack what they have lost owe more at each time, to the lender or the fund."""
    draw = random.Random(seed)
    twin = TwinWorld(stage_ppm=0)
    native = twin.native
    twin.asset(10**15)
    lender = twin.account(10**6)
    native.add_collateral(
        0, 0, lender=lender if lent else None, loan_ppm=1_000, loan_rate_ppb=rate_ppb, loan_every_ms=every_ms
    )
    market = twin.perpetual(0, maintenance_ppm=draw.choice([0, 20_000]))
    accounts = [native.add_accounts(mode=draw.choice([2, 3, 3])) for _ in range(6)]
    native.publish(market, MIDDLE)
    for now_ms in range(0, 100, 5):
        native.run(now_ms, check=True)
        buyer, seller = draw.sample(accounts, 2)
        native.open_trade(market, buyer, seller, draw.randint(1, 9), draw.randint(500, 1_500))
        if draw.random() < 0.3:
            native.deposit(draw.choice(accounts), 0, draw.randint(1, 4_000))
    native.run(120, check=True)
    assert twin.disagreements() == []
    owed = [native.owed(account, 0) for account in range(native.account_count)]
    assert sum(owed) == 0
    assert all(atoms >= 0 for account, atoms in enumerate(owed) if account != lender)
    assert lent or not any(owed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_small_world_with_funding_is_replayed(seed):
    """Makers, noise, leveraged longs and a shock, with funding in between."""
    twin = small_world(seed)
    native, perpetual = twin.native, 1
    native.add_funding(
        perpetual, every_ms=300, sample_ms=50, impact_atoms=20_000, interest_ppb=PPB, clamp_ppb=PPB, first_ms=900
    )
    native.run(2_050)  # within an interval, and in the cascade
    copy = _core.World.restore(native.snapshot())
    for until_ms in range(2_500, 4_001, 500):
        native.run(until_ms)
        native.check_invariants()
    copy.run(4_000)
    assert copy.digest() == native.digest()
    rows = settlements(native)
    assert [row[0] for row in rows] == list(range(900, 4_001, 300))
    assert any(rate for _, rate, _ in rows)
    assert LIQUIDATION in native.landmarks()["kind"].tolist()
    assert twin.disagreements() == []
