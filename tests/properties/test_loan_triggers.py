"""Exact triggers of loans (Y-21, Y-22, E-2): random loans in random prices stand where a full evaluation has them.

Two properties. After the phase 4 of every millisecond each level is that of a full evaluation, done here in fractions
from claims, debts and published ticks. And a *corner*: every price and the index of debt as far as each may move alone
without a look, all moved together, leave the level where it was.
"""

from __future__ import annotations

import random
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine import _core

FORMS = ("aave", "morpho", "comet", "loan")
DRAWS = st.integers(0, 2**32 - 1)
MILLION = 10**6
TICKS_MOST = 2**31 - 2
HOUR_MS = 3_600_000
CALL, LAST = 700_000, 800_000
STEPS = 40


class Shape(NamedTuple):
    """How large the numbers are: most atoms of a claim, and most ticks, of which a move is a part."""

    atoms: int
    ticks: int
    units: tuple


SHAPES = {
    "tiny": Shape(30, 20, ((1, 1), (1, 3), (2, 7))),
    "ordinary": Shape(10**12, 10**6, ((1, 10**4), (1, 1), (7, 10**6))),
    "huge": Shape(2**52, TICKS_MOST, ((1, 2**30), (1, 2**32), (3, 2**33))),
    "steep": Shape(1_000, 10**6, ((1_000, 1), (2**20, 1), (1, 1))),  # an atom is worth a lot
}


class Lab:
    """A protocol of some assets, each priced by a market of its own or fixed, and borrowers with several of them."""

    def __init__(self, seed, shape, form, borrowers):
        self.rng, self.shape, self.form = random.Random(seed), SHAPES[shape], form
        self.world = world = _core.World(seed)
        count = self.rng.randint(2, 4)
        self.assets = [world.add_asset(2**61) for _ in range(count + 1)]
        money = self.assets.pop()
        self.markets = [
            world.add_spot(asset, money, atoms_per_tick_lot=1, base_atoms_per_lot=1) for asset in self.assets
        ]
        terms = {"call_ppm": CALL, "liquidation_ppm": LAST} if form == "loan" else {}
        self.protocol = world.add_protocol(form, accrue_ms=self.rng.choice([0, 0, HOUR_MS // 4]), **terms)
        self.terms = [self.reserve(number) for number in range(count)]
        self.ticks = [self.rng.randint(1, self.shape.ticks) for _ in self.assets]
        for market, ticks in zip(self.markets, self.ticks, strict=True):
            world.publish(market, ticks, "oracle")
        self.bank = world.add_accounts()
        for asset in self.assets:
            world.deposit(self.bank, asset, 2**59)
            self.act(self.bank, "supply", 2**58, asset)
        self.borrowers = [self.borrower() for _ in range(borrowers)]
        world.run(world.now_ms + 1)

    def reserve(self, number):
        """Declare one asset; return (p, u, is it priced by ticks, threshold)."""
        rng, lent = self.rng, self.is_lent(number)
        price, unit = rng.choice(self.shape.units)
        is_fixed = rng.random() < 0.2 or (self.form == "morpho" and lent)
        if is_fixed and self.form == "morpho":
            price = unit = 1
        threshold = (
            0 if self.form == "morpho" and lent else rng.choice([0, 500_000, 750_000, 930_000, MILLION - 1, MILLION])
        )
        rate = rng.choice([(0, MILLION, 0, 0), (MILLION, MILLION, 0, 0), (8 * MILLION, MILLION, MILLION, 0)])
        if (
            self.form == "loan"
        ):  # what a sale accrues in phase 5 is looked at a millisecond later, and it sells every one
            rate = (0, MILLION, 0, 0)
        options = {} if is_fixed else {"market": self.markets[number]}
        if self.form == "loan" and threshold:
            options["sale_market"] = self.markets[number]
        self.world.add_reserve(
            self.protocol,
            self.assets[number],
            price=(price, unit),
            terms=(threshold, threshold, 0),
            lent=lent,
            curve=rate,
            **options,
        )
        return price, unit, not is_fixed, threshold

    def is_lent(self, number):
        return number == 0 if self.form in ("morpho", "comet") else self.rng.random() < 0.8

    def act(self, account, kind, atoms, asset):
        return self.world.act(account, kind, self.protocol, atoms, asset=asset)

    def borrower(self):
        """Open an account that has supplied some assets and borrowed some, mostly up to its room."""
        rng, account = self.rng, self.world.add_accounts()
        for asset in self.assets:
            atoms = rng.choice([0, 1, rng.randint(1, self.shape.atoms), self.shape.atoms])
            if atoms:
                self.world.deposit(account, asset, atoms)
                self.act(account, "supply", atoms, asset)
        for number in rng.sample(range(len(self.assets)), len(self.assets)):
            room = self.world.loan(account, self.protocol)["room"] or 0
            price, unit, is_priced, _ = self.terms[number]
            most = room * unit // (price * (self.ticks[number] if is_priced else 1))
            drawn = rng.choice([most, most - 1, most * 99 // 100, most * 9 // 10, most // 2, 0])
            for atoms in (drawn, drawn - 1):
                if 0 < atoms < 2**61 and self.act(account, "borrow", atoms, self.assets[number])[0] == 0:
                    break
        return account

    # ---- the judge ----

    def value(self, number, atoms, *, up, ticks):
        price, unit, is_priced, _ = self.terms[number]
        paid = atoms * price * (ticks[number] if is_priced else 1)
        return -(-paid // unit) if up else paid // unit

    def level(self, world, account, ticks):
        """The level by Y-7 and Y-14, in full."""
        weighted = worth = owed = 0
        for asset, (claim, debt) in world.loan(account, self.protocol)["assets"].items():
            number = self.assets.index(asset)
            threshold = self.terms[number][3]
            held = self.value(number, claim, up=False, ticks=ticks) if threshold else 0
            weighted, worth = weighted + held * threshold, worth + held
            owed += self.value(number, debt, up=True, ticks=ticks)
        if owed == 0:
            return 0
        if self.form == "loan":
            return (owed * MILLION >= worth * CALL) + (owed * MILLION >= worth * LAST)
        return int(weighted < owed * MILLION)

    def is_beyond(self, assets, ticks):
        """Whether a price passes 2^52 or the values of one side pass 2^61: then the health is unknown (Y-6, Y-16)."""
        held = owed = 0
        for asset, (claim, debt) in assets.items():
            number = self.assets.index(asset)
            price, _, is_priced, threshold = self.terms[number]
            if is_priced and price * ticks[number] > 2**52:
                return True
            held += self.value(number, claim, up=False, ticks=ticks) if threshold else 0
            owed += self.value(number, debt, up=True, ticks=ticks)
        return max(held, owed) > 2**61

    def judge(self, world, ticks, accounts=None):
        for account in accounts or self.borrowers:
            told = world.loan(account, self.protocol)
            if told["health_ppm"] is not None or not self.is_beyond(told["assets"], ticks):
                assert told["level"] == self.level(world, account, ticks), account
        world.check_invariants()

    # ---- what happens ----

    def moves(self):
        """Move some prices: by a tick, by a part, or anywhere."""
        for number, ticks in enumerate(self.ticks):
            if self.rng.random() < 0.6:
                step = self.rng.choice([1, 2, max(1, ticks // 1_000), max(1, ticks // 20), ticks])
                moved = ticks + self.rng.choice([-1, 1]) * step
                self.ticks[number] = min(max(1, moved), self.shape.ticks)
                self.world.publish(self.markets[number], self.ticks[number], "oracle")

    def writes(self):
        """Somebody acts; whatever comes of it is fine."""
        account = self.rng.choice([*self.borrowers, self.bank])
        kind = self.rng.choice(["supply", "withdraw", "borrow", "repay"])
        atoms = self.rng.choice([1, 2, self.rng.randint(1, self.shape.atoms), 2**61])
        self.act(account, kind, atoms, self.rng.choice(self.assets))

    def lives(self):
        """One step of the walk, ending behind a phase 4."""
        self.moves()
        if self.rng.random() < 0.3:
            self.writes()
        # A write is looked at in the millisecond after it, and a walk of a year brings interest.
        idle = self.rng.choice([1, 1, 1, 5, HOUR_MS]) if self.form != "loan" else 1
        self.world.run(self.world.now_ms + idle)
        if self.form != "loan":  # a forced sale goes on by itself
            self.world.run(self.world.now_ms + 1)
        self.judge(self.world, self.ticks)


@settings(max_examples=200, deadline=None)
@given(DRAWS, st.sampled_from(sorted(SHAPES)), st.sampled_from(FORMS), st.integers(1, 6))
def test_y21_every_level_is_that_of_a_full_evaluation(seed, shape, form, borrowers):
    lab = Lab(seed, shape, form, borrowers)
    lab.judge(lab.world, lab.ticks)
    for _ in range(STEPS):
        lab.lives()


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_y21_many_walks(shape, form):
    for seed in range(60):
        lab = Lab(seed, shape, form, 5)
        for _ in range(4 * STEPS):
            lab.lives()


# ---- corners ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("form", [form for form in FORMS if form != "loan"])
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_y22_many_corners(shape, form):
    for seed in range(0, 300_000, 1_000):
        Corner(seed, shape, form).check()


class Corner:
    """One borrower whose triggers are found by moving one thing at a time in copies of its world."""

    def __init__(self, seed, shape, form):
        self.lab = next(lab for lab in (Lab(seed + at, shape, form, 1) for at in range(1_000)) if self.is_telling(lab))
        for _ in range(self.lab.rng.choice([0, 0, 1, 3])):  # sometimes it is liquidatable by then
            self.lab.moves()
            self.lab.world.run(self.lab.world.now_ms + 1)
        self.world, self.account = self.lab.world, self.lab.borrowers[0]
        self.before = self.world.loan(self.account, self.lab.protocol)["level"]
        self.priced = [number for number, terms in enumerate(self.lab.terms) if terms[2]]

    @staticmethod
    def is_telling(lab):
        """Its borrower owes something, and a price counts."""
        assets = lab.world.loan(lab.borrowers[0], lab.protocol)["assets"]
        terms = {asset: lab.terms[lab.assets.index(asset)] for asset in assets}
        owes = any(debt for _, debt in assets.values())
        return owes and any(terms[asset][2] and (debt or terms[asset][3]) for asset, (_, debt) in assets.items())

    def moved(self, ticks, wait_ms=0):
        """A copy in which time has passed, every reserve has accrued, and prices were published."""
        copy = self.world.fork()
        if wait_ms:
            copy.run(copy.now_ms + wait_ms)
            for asset in self.lab.assets:
                copy.act(self.lab.bank, "supply", self.lab.protocol, 1, asset=asset)
        for number in self.priced:
            if ticks[number] != self.lab.ticks[number]:
                copy.publish(self.lab.markets[number], ticks[number], "oracle")
        return copy

    def pops(self, ticks, wait_ms=0):
        copy = self.moved(ticks, wait_ms)
        return copy.lending_counts()["pops"] > self.world.lending_counts()["pops"]

    def last_quiet(self, most, pops):
        """The largest move of 0 .. most that nothing waits for."""
        low, high = 0, most
        if most <= 0 or not pops(most):
            return max(0, most)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if pops(middle) else (middle, high)
        return low

    def shifted(self, moves):
        return [ticks + moves.get(number, 0) for number, ticks in enumerate(self.lab.ticks)]

    def quiet_moves(self, number):
        """How far one price may fall and rise alone."""
        now = self.lab.ticks[number]
        down = self.last_quiet(now - 1, lambda by: self.pops(self.shifted({number: -by})))
        up = self.last_quiet(TICKS_MOST - now, lambda by: self.pops(self.shifted({number: by})))
        return -down, up

    def quiet_ms(self):
        """How long interest may run before an accrual is looked at."""
        return self.last_quiet(50 * HOUR_MS, lambda ms: self.pops(self.lab.ticks, ms))

    def check(self):
        """Move everything to its last quiet place at once, in every combination of directions."""
        ends = [self.quiet_moves(number) for number in self.priced]
        wait_ms = self.quiet_ms()
        for corner in product(*ends):
            ticks = self.shifted(dict(zip(self.priced, corner, strict=True)))
            if self.lab.is_beyond(self.lab.world.loan(self.account, self.lab.protocol)["assets"], ticks):
                continue
            for wait in {0, wait_ms}:
                copy = self.moved(ticks, wait)
                # Interest may bring a trigger of the other index; a look is allowed, a level is not.
                assert self.lab.level(copy, self.account, ticks) == self.before, (corner, wait)
                copy.run(copy.now_ms + 1)
                assert copy.loan(self.account, self.lab.protocol)["level"] == self.before
                copy.check_invariants()
        return ends


@settings(max_examples=100, deadline=None)
@given(DRAWS, st.sampled_from(sorted(SHAPES)), st.sampled_from([form for form in FORMS if form != "loan"]))
@example(0, "tiny", "aave")
@example(1, "huge", "aave")
@example(2, "steep", "comet")
def test_y22_all_at_their_last_quiet_places_together(seed, shape, form):
    Corner(seed, shape, form).check()


@pytest.mark.parametrize(
    ("seed", "shape", "form"),
    [(1_017_000, "steep", "aave"), (1_648_000, "steep", "comet"), (1_431_000, "ordinary", "comet")],
)
def test_y22_corners_that_once_failed(seed, shape, form):
    Corner(seed, shape, form).check()


@pytest.mark.parametrize("falls_ppm", [1_000, 10_000, 100_000])
@pytest.mark.parametrize("atoms", [10**6, 10**12, 2**50])
def test_y22_one_price_alone_is_looked_at_near_the_boundary(atoms, falls_ppm):
    """A band is no smaller than it must be: a look comes in the last twentieth of the way, not before."""
    world, now = _core.World(1), 10**6
    coin, usd = (world.add_asset(2**61) for _ in range(2))
    market = world.add_spot(coin, usd, atoms_per_tick_lot=1, base_atoms_per_lot=1)
    protocol = world.add_protocol("aave")
    terms = (MILLION - falls_ppm, MILLION, 0)
    world.add_reserve(protocol, coin, price=(1, now), market=market, terms=terms)
    world.add_reserve(protocol, usd, price=(1, 1), lent=True)
    world.publish(market, now, "oracle")
    bank, account = (world.add_accounts() for _ in range(2))
    world.deposit(bank, usd, 2**52)
    world.deposit(account, coin, atoms)
    world.act(bank, "supply", protocol, 2**52, asset=usd)
    world.act(account, "supply", protocol, atoms, asset=coin)
    assert world.act(account, "borrow", protocol, world.loan(account, protocol)["room"], asset=usd)[0] == 0
    checks = world.lending_counts()["checks"]
    for by in (falls_ppm * 94 // 100, falls_ppm):
        world.publish(market, now - by, "oracle")
        world.run(world.now_ms + 1)
        assert (world.lending_counts()["checks"] > checks) == (by == falls_ppm)
        assert world.loan(account, protocol)["level"] == 0
    world.publish(market, now - falls_ppm - 1, "oracle")
    world.run(world.now_ms + 1, check=True)
    assert world.loan(account, protocol)["level"] == 1
