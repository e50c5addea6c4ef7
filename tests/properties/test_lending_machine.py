"""A world with lending and pools as a state machine: Hypothesis chooses who does what, and nothing is ever gained.

Invariants after every step: `World.check_invariants` (Y-20, Y-21, pools), atoms of an asset are all there, indexes never
fall (but Morpho's index of supply, Y-12), utilisation lies in 0 .. 1. Within a step: out and in again gains nothing, and
a liquidation raises health where Y-11 says so.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine import _core

ALL = 2**61
ONE = 10**18
MILLION = 10**6
ACCOUNTS = 5
RICH = 2**50
BONUS = 50_000
FORMS = ("aave", "morpho", "comet")
TERMS = {"aave": (800_000, 850_000, BONUS), "morpho": (860_000, 860_000, 0), "comet": (800_000, 850_000, 70_000)}

WHO = st.integers(0, ACCOUNTS - 1)
WHERE = st.integers(0, len(FORMS) - 1)
ATOMS = st.one_of(st.integers(1, 20), st.integers(1, 10**6), st.integers(1, RICH), st.just(ALL))


class Town(RuleBasedStateMachine):
    """Three protocols that lend dollars against a coin, a pool of both, and five accounts that have both."""

    @initialize(
        ticks=st.integers(1, 10**6),
        tiny=st.booleans(),
        rate=st.integers(0, 8 * MILLION),
        loans=st.lists(st.integers(1, 2**40), min_size=3, max_size=9),
    )
    def begin(self, ticks: int, tiny: bool, rate: int, loans: list[int]) -> None:
        """Open the town; `tiny` makes a coin's atom worth up to a million dollar atoms."""
        self.world = world = _core.World(1)
        self.coin, self.usd = (world.add_asset(2**61) for _ in range(2))
        self.market = world.add_spot(self.coin, self.usd, atoms_per_tick_lot=1, base_atoms_per_lot=1)
        self.ticks, self.unit = ticks, 1 if tiny else 10**5
        for form in FORMS:
            number = world.add_protocol(form, accrue_ms=1_000)
            coin = {"price": (1, self.unit), "market": self.market, "terms": TERMS[form]}
            world.add_reserve(number, self.coin, **coin)
            curve = (rate // 4, 800_000, rate // 4, rate // 2)
            world.add_reserve(number, self.usd, price=(1, 1), lent=True, curve=curve, reserve_ppm=100_000)
        world.publish(self.market, ticks, "oracle")
        self.accounts = [world.add_accounts() for _ in range(ACCOUNTS)]
        for account in self.accounts:
            world.deposit(account, self.coin, RICH)
            world.deposit(account, self.usd, RICH)
        self.pool = world.add_pool("product", [self.coin, self.usd], fee_ppm=3_000)
        assert world.add_coins(self.accounts[0], self.pool, [2**40, 2**40])[0] == 0
        for number in range(len(FORMS)):
            assert world.act(self.accounts[0], "supply", number, 2**48, asset=self.usd)[0] == 0
        for at, atoms in enumerate(loans):  # loans up to the last atom that there is room for
            account, number = self.accounts[1 + at % (ACCOUNTS - 1)], at % len(FORMS)
            world.act(account, "supply", number, atoms, asset=self.coin)
            room = world.loan(account, number)["room"]
            world.act(account, "borrow", number, room, asset=self.usd)
        world.run(1)
        self.indexes = self.read_indexes()

    # ---- reading ----

    def reserves(self) -> list[dict[str, int]]:
        """Every reserve of every protocol."""
        return [self.world.reserve(number, asset) for number in range(len(FORMS)) for asset in (self.coin, self.usd)]

    def read_indexes(self) -> list[tuple[int, int]]:
        return [(told["supply_index"], told["borrow_index"]) for told in self.reserves()]

    def assets(self, account: int, protocol: int) -> dict[int, tuple[int, int]]:
        """Claim and debt by asset."""
        found: dict[int, tuple[int, int]] = self.world.loan(account, protocol)["assets"]
        return found

    def worth(self, account: int, protocol: int) -> tuple[int, int]:
        """What an account has of both assets: in hand, claims, less debts."""
        found = []
        for asset in (self.coin, self.usd):
            claim, debt = self.assets(account, protocol).get(asset, (0, 0))
            found.append(self.world.balance(account, asset)[0] + claim - debt)
        return found[0], found[1]

    def health(self, account: int, protocol: int) -> Fraction | None:
        """Health in full, None without debt."""
        held, owed = (
            self.assets(account, protocol).get(self.coin, (0, 0))[0],
            self.world.loan(account, protocol)["debt_value"],
        )
        threshold = TERMS[FORMS[protocol]][1]
        return Fraction(held * self.ticks // self.unit * threshold, owed * MILLION) if owed else None

    def target(self, party: int, where: int) -> int:
        """Somebody who stands at the last level if there is one, else anybody."""
        due = [account for account in self.accounts if self.world.loan(account, where)["level"]]
        return due[party % len(due)] if due else self.accounts[party]

    def touched(self) -> None:
        """Let every reserve accrue, so that what follows in this step moves no index."""
        for number in range(len(FORMS)):
            for asset in (self.coin, self.usd):
                self.world.act(self.accounts[0], "supply", number, 1, asset=asset)

    # ---- rules ----

    @rule(who=WHO, where=WHERE, atoms=ATOMS, of_coin=st.booleans())
    def supplies(self, who: int, where: int, atoms: int, of_coin: bool) -> None:
        """Supply, and take all of what came in out again: nothing is gained."""
        account, asset = self.accounts[who], self.coin if of_coin else self.usd
        self.touched()
        before = self.worth(account, where)
        self.world.act(account, "supply", where, min(atoms, RICH), asset=asset)
        after = self.worth(account, where)
        assert after[0] <= before[0]
        assert after[1] <= before[1]

    @rule(who=WHO, where=WHERE, atoms=ATOMS, of_coin=st.booleans())
    def withdraws(self, who: int, where: int, atoms: int, of_coin: bool) -> None:
        """Withdraw a part or all."""
        account, asset = self.accounts[who], self.coin if of_coin else self.usd
        self.touched()
        before = self.worth(account, where)
        reason, _, got = self.world.act(account, "withdraw", where, atoms, asset=asset)
        after = self.worth(account, where)
        assert after[0] <= before[0]
        assert after[1] <= before[1]
        assert (got > 0) == (reason == 0)

    @rule(who=WHO, where=WHERE, atoms=ATOMS, back=st.booleans())
    def borrows(self, who: int, where: int, atoms: int, back: bool) -> None:
        """Borrow, or all there is room for; maybe repay it at once: nothing is gained."""
        account = self.accounts[who]
        self.touched()
        room = self.world.loan(account, where)["room"] or 0
        before = self.worth(account, where)
        wanted = max(1, room) if atoms == ALL else atoms
        reason, _, got = self.world.act(account, "borrow", where, wanted, asset=self.usd)
        assert self.worth(account, where)[1] <= before[1]
        if reason == 0:
            event(f"borrowed at {FORMS[where]}")
            assert got == wanted
            assert self.world.loan(account, where)["health_ppm"] >= MILLION
            if back:
                self.world.act(account, "repay", where, got, asset=self.usd)
                assert self.worth(account, where)[1] <= before[1]

    @rule(who=WHO, party=WHO, where=WHERE, atoms=ATOMS)
    def repays(self, who: int, party: int, where: int, atoms: int) -> None:
        """Repay somebody's loan, never more than is owed."""
        payer, owing = self.accounts[who], self.accounts[party]
        self.touched()
        owed = self.assets(owing, where).get(self.usd, (0, 0))[1]
        reason, paid, _ = self.world.act(payer, "repay", where, atoms, asset=self.usd, party=owing)
        assert paid <= min(atoms, owed)
        if reason == 0 and atoms >= owed:
            assert self.assets(owing, where).get(self.usd, (0, 0))[1] == 0

    @rule(who=WHO, party=WHO, where=st.integers(0, 1), atoms=ATOMS)
    def liquidates(self, who: int, party: int, where: int, atoms: int) -> None:
        """Liquidate: refused for the healthy, and health rises where Y-11 says so."""
        liquidator, owing = self.accounts[who], self.target(party, where)
        self.touched()
        before = self.health(owing, where)
        options = {"asset": self.usd, "other": self.coin, "party": owing}
        reason, paid, got = self.world.act(liquidator, "liquidate", where, atoms, **options)
        if reason:
            return
        event(f"liquidated at {FORMS[where]}")
        assert before is not None
        assert before < 1
        after, threshold = self.health(owing, where), Fraction(TERMS[FORMS[where]][1], MILLION)
        bonus = 1 + Fraction(BONUS, MILLION) if where == 0 else 1 / (1 - Fraction(3, 10) * (1 - threshold))
        if after is not None and before > threshold * bonus:
            # Two atoms of value are rounding.
            assert after >= before - 2 * threshold / self.world.loan(owing, where)["debt_value"]

    @rule(who=WHO, party=WHO)
    def absorbs(self, who: int, party: int) -> None:
        """Absorb at the Comet: no debt is left."""
        owing = self.target(party, 2)
        self.touched()
        before = self.health(owing, 2)
        reason, *_ = self.world.act(self.accounts[who], "absorb", 2, party=owing)
        assert (reason == 0) == (before is not None and before < 1)
        if reason == 0:
            event("absorbed")
            told = self.assets(owing, 2)
            assert told.get(self.coin, (0, 0)) == (0, 0)
            assert told.get(self.usd, (0, 0))[1] == 0

    @rule(who=WHO, atoms=ATOMS)
    def buys_collateral(self, who: int, atoms: int) -> None:
        """Buy at the storefront, never below what the oracle says less the discount."""
        atoms = min(atoms, RICH)
        reason, paid, got = self.world.act(
            self.accounts[who], "buy_collateral", 2, atoms, asset=self.usd, other=self.coin
        )
        if reason == 0:
            event("collateral bought")
            assert paid == atoms
            assert Fraction(got * self.ticks, self.unit) * Fraction(958, 1_000) <= paid

    @rule(who=WHO, party=WHO, where=st.integers(0, 1), atoms=ATOMS)
    def flash_liquidates(self, who: int, party: int, where: int, atoms: int) -> None:
        """Liquidate without money: a profit or nothing."""
        account = self.accounts[who]
        money = self.world.balance(account, self.usd)[0]
        options = {"asset": self.usd, "other": self.coin, "party": self.target(party, where), "pool": self.pool}
        reason, _, got = self.world.act(account, "flash_liquidate", where, atoms, **options)
        assert self.world.balance(account, self.usd)[0] == money + got
        assert (got > 0) == (reason == 0)
        if reason == 0:
            event("flash liquidated")

    @rule(who=WHO, atoms=ATOMS, sells=st.booleans())
    def swaps(self, who: int, atoms: int, sells: bool) -> None:
        """Swap, and back: the fee is lost."""
        account, atoms = self.accounts[who], min(atoms, 2**40)
        assets = (self.coin, self.usd) if sells else (self.usd, self.coin)
        reason, _, got = self.world.act(account, "swap", self.pool, atoms, asset=assets[0], other=assets[1])
        if reason == 0:
            assert got > 0

    @rule(who=WHO, coins=st.integers(1, 2**40))
    def adds_and_removes(self, who: int, coins: int) -> None:
        """Add liquidity and take it out again: nothing is gained."""
        account = self.accounts[who]
        before = [self.world.balance(account, asset)[0] for asset in (self.coin, self.usd)]
        mine = self.world.pool_shares(account, self.pool)
        reason, shares, _ = self.world.add_coins(account, self.pool, [coins, coins])
        if reason == 0:
            assert self.world.pool_shares(account, self.pool) == mine + shares
            self.world.act(account, "remove_liquidity", self.pool, shares)
            after = [self.world.balance(account, asset)[0] for asset in (self.coin, self.usd)]
            assert after[0] <= before[0]
            assert after[1] <= before[1]

    @rule(factor=st.one_of(st.integers(900, 999), st.integers(950, 1_050), st.integers(1, 3_000)))
    def price_moves(self, factor: int) -> None:
        """Move the oracle."""
        self.ticks = min(max(1, self.ticks * factor // 1_000), 10**7)
        self.world.publish(self.market, self.ticks, "oracle")
        self.world.run(self.world.now_ms + 1)

    @rule(ms=st.one_of(st.integers(1, 10), st.integers(1, 100_000)))
    def time_passes(self, ms: int) -> None:
        """Let interest run."""
        self.world.run(self.world.now_ms + ms, check=True)

    @rule()
    def goes_on_from_a_snapshot(self) -> None:
        """Be restored."""
        other = _core.World.restore(self.world.snapshot())
        assert other.digest() == self.world.digest()
        self.world = other

    # ---- invariants ----

    @invariant()
    def all_is_well(self) -> None:
        """Everything walks; no atom is lost; indexes rise; utilisation is a share."""
        if not hasattr(self, "world"):
            return
        self.world.check_invariants()
        holders = [*self.accounts, *(self.world.protocol(number)["account"] for number in range(len(FORMS)))]
        holders.append(self.world.pool(self.pool)["account"])
        for asset in (self.coin, self.usd):
            assert sum(self.world.balance(account, asset)[0] for account in holders) == ACCOUNTS * RICH
        indexes = self.read_indexes()
        for at, (old, new) in enumerate(zip(self.indexes, indexes, strict=True)):
            assert new[1] >= old[1]
            assert new[0] >= old[0] or FORMS[at // 2] == "morpho"
        self.indexes = indexes
        assert all(0 <= told["utilisation"] <= ONE for told in self.reserves())


Town.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestTown: Any = Town.TestCase
