"""Random walks of margin worlds, in ordinary and in tiny numbers: what the property tests of the triggers run.

Stands on `margins`.

Promises: a walk is its seed and shape; every millisecond is compared with the scan, so a miss names the millisecond in
which it was made. Tiny numbers (a few lots, prices of a few hundred ticks, tiers close together) are where a rounding
or a tier that was forgotten decides.
"""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engine.errors import InputError
from engine.margin import (
    AccountMode,
    Boundary,
    Comparator,
    Ladder,
    MarginAction,
    binance_portfolio_margin,
    bybit,
    okx,
)
from engine.reference.margin import NewOrder
from engine.testing.margins import MarginWorld, Unit
from engine.types import RejectReason, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

USD, COIN, OTHER = range(3)
_GATES = (RejectReason.ACCOUNT_FROZEN, RejectReason.ACCOUNT_REDUCE_ONLY, RejectReason.INSUFFICIENT_MARGIN)

LADDERS = (
    Ladder(),
    binance_portfolio_margin(),
    bybit(),
    okx(),
    Ladder(
        (
            Boundary(MarginAction.WARN, 2_000_000),
            Boundary(MarginAction.WARN, 1_300_001, Comparator.AT_OR_BELOW),
            Boundary(MarginAction.REDUCE_ONLY, 1_100_000),
            Boundary(MarginAction.CANCEL, 1_000_000, Comparator.AT_OR_BELOW),
            Boundary(MarginAction.LIQUIDATE, 666_667),
        )
    ),
)


class Shape(NamedTuple):
    """Hold the range of numbers of a walk: each pair least and most."""

    ticks: tuple[int, int]
    lots: tuple[int, int]
    worth: tuple[int, int]
    coins: tuple[int, int]  # atoms of a coin that an account holds
    coin_worth: tuple[int, int]
    coin_lots: tuple[int, ...]  # base_atoms_per_lot to choose from
    tiers: tuple[int, int]  # between two floors, atoms


ORDINARY = Shape((5_000, 60_000), (10, 3_000), (1, 50), (10**5, 10**8), (1, 20), (1_000, 10_000), (10**6, 10**9))
TINY = Shape((200, 500), (1, 6), (1, 3), (1, 60), (1, 3), (1, 2, 7, 100), (40, 900))


def tiers(rng: random.Random, shape: Shape, *, kind: str) -> tuple[list[int], list[int]]:
    """Draw a schedule: up to six tiers, some with a first rate of 0."""
    floors = [0]
    for _ in range(rng.randrange(6)):
        floors.append(floors[-1] + rng.randint(*shape.tiers))
    rates = sorted(rng.choice((0, 4_000, 10_000, 50_000, 125_000, 333_333, 500_000, 900_001)) for _ in floors)
    if kind == "value":
        rates = [1_000_000 - rate for rate in rates]
    return floors, rates


class Walk:
    """Hold a random world and move it.

    Parameters
    ----------
    seed : int
        Of everything that is drawn.
    shape : Shape
        Its numbers.
    accounts : int
        How many, of all modes.

    Attributes
    ----------
    tickets : list of int
        Of the orders of accounts, in order.
    """

    SETTLES = (USD, USD, USD, COIN, OTHER)  # of each perpetual, in what it settles
    STALE_MS = (0, 0, 0, 9)  # to choose from

    def __init__(self, seed: int, shape: Shape, accounts: int = 24) -> None:
        self.rng = rng = random.Random(seed)
        self.shape = shape
        self.world = world = MarginWorld(seed, ladder=rng.choice(LADDERS))
        self.native = world.native
        for _ in range(3):
            world.asset(2**61)
        self.tickets: list[int] = []
        self.spots = [
            world.spot(coin, USD, worth=rng.randint(*shape.coin_worth), base_atoms_per_lot=rng.choice(shape.coin_lots))
            for coin in (COIN, OTHER)
        ]
        self.perpetuals = [self._perpetual(asset) for asset in self.SETTLES]
        self.house = world.account(2**50, 2**50, 2**50)
        loans = (0, 30_000, 50_000, 333_333)
        for asset, spot in ((USD, None), (COIN, self.spots[0]), (OTHER, self.spots[1])):
            value = None
            if rng.random() < (0.2 if spot is None else 0.8):
                value = world.schedule(*tiers(rng, shape, kind="value"), kind="value")
            world.count(asset, spot, value=value, loan_ppm=rng.choice(loans), lender=self.house)
        self.ticks = {market: rng.randint(*shape.ticks) for market in (*self.spots, *self.perpetuals)}
        for market in self.ticks:
            self.publish(market)
        modes = [mode for mode in AccountMode if mode is not AccountMode.CASH]
        self.accounts = [world.account(mode=rng.choice([*modes, AccountMode.UNIFIED])) for _ in range(accounts)]
        for account in self.accounts:
            self._endow(account)
        self.native.run(1, check=True)
        self.begun = world.differences()  # what the first check sees
        self.now_ms = self.native.now_ms

    def _perpetual(self, asset: int) -> int:
        rng, shape = self.rng, self.shape
        floors, rates = tiers(rng, shape, kind="requirement")
        initial = None
        if rng.random() < 0.7:
            initial = self.world.schedule(floors, [min(10**6, 2 * rate + 20_000) for rate in rates])
        worth = rng.randint(*shape.worth) if asset == USD else 1
        return self.world.perpetual(
            asset,
            worth=worth,
            maintenance=self.world.schedule(floors, rates),
            initial=initial,
            taker_fee_ppm=rng.choice((0, 500)),
            price_stale_ms=rng.choice(self.STALE_MS),
        )

    def _endow(self, account: int) -> None:
        """Give an account collateral and positions, often close to a boundary of its ladder."""
        rng, shape, world = self.rng, self.shape, self.world
        mode = world.mode(account)
        places = rng.sample(self.perpetuals, rng.randint(0 if mode is AccountMode.UNIFIED else 1, 4))
        if mode is AccountMode.ISOLATED:
            self.native.deposit(account, USD, self.notional(self.perpetuals[0], shape.lots[1]) * 4)
            for coin in (COIN, OTHER):
                self.native.deposit(account, coin, self.notional(self.perpetuals[3], shape.lots[1]) * 4)
            for market in places:
                world.choose(account, rng.choice((0, 1, 2, 5, 10, 20)), market)
        if mode is AccountMode.UNIFIED:
            for coin in (COIN, OTHER):
                if rng.random() < 0.7:
                    self.native.deposit(account, coin, rng.randint(*shape.coins))
        for market in places:
            self.open(account, market)
        for row, unit in world.units():
            if unit.account == account and mode is not AccountMode.ISOLATED:
                self._fund(row, unit)
        if mode is AccountMode.UNIFIED and rng.random() < 0.6:
            self.borrow(account, rng.choice((USD, COIN, OTHER)), rng.randint(*shape.coins))

    def _fund(self, row: dict[str, int], unit: Unit) -> None:
        """Bring a unit to some ratio above its last boundary."""
        del row
        worth = self.world.health(unit, self.world.prices())
        if worth is None:
            return
        ratio = self.world.ladder.boundaries[-1].ratio_ppm / 10**6
        wanted = int(worth.requirement_atoms * ratio * self.rng.choice((1, 1.02, 1.1, 1.4, 2, 4))) + self.rng.randrange(
            6
        )
        if wanted > worth.equity_atoms:
            self.native.deposit(unit.account, unit.asset, wanted - worth.equity_atoms)

    def notional(self, market: int, lots: int) -> int:
        """Return what lots are worth about now."""
        return lots * self.ticks[market] * self.world.terms[market].atoms_per_tick_lot

    # --- writes -------------------------------------------------------------------------------------------------------

    def publish(self, market: int) -> None:
        """Publish a market's price from outside."""
        self.native.publish(market, self.ticks[market], "index" if market in self.spots else "mark")

    def open(self, account: int, market: int) -> None:
        """Trade with the house outside the book, near the mark."""
        rng = self.rng
        price = max(1, int(self.ticks[market] * rng.uniform(0.97, 1.03)))
        pair = (account, self.house) if rng.random() < 0.5 else (self.house, account)
        self.native.open_trade(market, *pair, rng.randint(*self.shape.lots), price)

    def borrow(self, account: int, asset: int, atoms: int) -> None:
        """Borrow, or be refused with nothing moved."""
        before = self.native.digest()
        try:
            self.native.borrow(account, asset, atoms)
        except InputError:
            assert self.native.digest() == before

    def write(self) -> None:
        """Change what somebody has, from outside."""
        rng, native = self.rng, self.native
        account = rng.choice(self.accounts)
        mode, asset = self.world.mode(account), rng.choice((USD, COIN, OTHER))
        atoms = rng.randint(1, max(2, self.notional(self.perpetuals[0], self.shape.lots[1]) // 10))
        kind = rng.choice(("open", "open", "deposit", "withdraw", "borrow", "repay", "margin", "leverage"))
        if kind == "open":
            self.open(account, rng.choice(self.perpetuals))
        elif kind == "deposit":
            native.deposit(account, asset, atoms)
        elif kind == "withdraw":
            self.withdraw(account, asset, atoms)
        elif kind == "borrow" and mode is AccountMode.UNIFIED:
            self.borrow(account, asset, atoms)
        elif kind == "repay":
            owed, (held, reserved) = native.owed(account, asset), native.balance(account, asset)
            if min(owed, held - reserved) > 0:
                native.repay(account, asset, rng.randint(1, min(owed, held - reserved)))
        elif kind == "margin" and mode is AccountMode.ISOLATED:
            with suppress(InputError):
                native.add_margin(account, rng.choice(self.perpetuals), rng.choice((atoms, -atoms)))
        elif kind == "leverage":
            market = rng.choice(self.perpetuals) if mode is AccountMode.ISOLATED else None
            with suppress(InputError):  # somebody who has nothing yet
                self.world.choose(account, rng.choice((0, 1, 4, 20)), market)

    def withdraw(self, account: int, asset: int, atoms: int) -> None:
        """Withdraw; the scan says whether that is refused (C-6)."""
        world, native = self.world, self.native
        allowed = self._may_withdraw(account, asset, atoms)
        before = native.digest()
        try:
            native.withdraw(account, asset, atoms)
            done = True
        except InputError:
            done = False
            assert native.digest() == before
        assert done == allowed, f"{native.now_ms} ms: a withdrawal of {atoms} by {world.mode(account).name} {account}"

    def _may_withdraw(self, account: int, asset: int, atoms: int) -> bool:
        world = self.world
        held, reserved = self.native.balance(account, asset)
        mode, prices = world.mode(account), world.prices()
        if self.native.in_liquidation(account) or atoms > held - reserved:
            return False
        if mode is AccountMode.ISOLATED:
            return atoms <= world.isolated_free(account, asset)
        for _, unit in world.units():
            if unit.account != account or (mode is AccountMode.CROSS and unit.asset != asset):
                continue
            after = unit._replace(money=unit.money - atoms)
            if mode is AccountMode.UNIFIED:
                had, owed = unit.balances[asset]
                after = unit._replace(balances={**unit.balances, asset: (had - atoms, owed)})
            worth = world.health(after, prices)
            return worth is not None and worth.equity_atoms >= world.initial(after, prices)
        return True

    # --- orders -------------------------------------------------------------------------------------------------------

    def quote(self) -> None:
        """Let the house rest an order that others may meet, or meet theirs."""
        market, rng = self.rng.choice(self.perpetuals), self.rng
        price = max(1, int(self.ticks[market] * rng.uniform(0.96, 1.04)))
        side = rng.choice((Side.BUY, Side.SELL))
        self.native.send_order(
            self.house, market, side, price, rng.randint(*self.shape.lots), at_ms=self.native.now_ms + 1
        )
        self.native.run(self.native.now_ms + 1, check=True)

    def order(self) -> None:
        """Let an account order; the scan says why it is refused (C-4, C-6), if it is."""
        rng, native, world = self.rng, self.native, self.world
        rows = [(row, unit) for row, unit in world.units() if unit.account in self.accounts]
        row, unit = rng.choice(rows)
        own = [
            market
            for market in self.perpetuals
            if unit.mode is AccountMode.UNIFIED or unit.asset == world.perpetuals[market].asset
        ]
        market = row["market"] if unit.mode is AccountMode.ISOLATED else rng.choice(own)
        price = rng.choice((None, max(1, int(self.ticks[market] * rng.uniform(0.96, 1.04)))))
        order = NewOrder(rng.choice((Side.BUY, Side.SELL)), rng.randint(*self.shape.lots), price)
        wanted = world.verdict(row, unit, market, order)
        before = native.counts()["rejects"]
        at_ms = native.now_ms + 1
        ticket = native.send_order(unit.account, market, Side(order.side), price, order.qty_lots, at_ms=at_ms)
        self.tickets.append(ticket)
        native.run(native.now_ms + 1, check=True)
        after = native.counts()["rejects"]
        seen = [reason for reason in _GATES if after.get(reason, 0) > before.get(reason, 0)]
        assert seen == ([] if wanted is RejectReason.NONE else [wanted]), f"{native.now_ms} ms: {unit}, {order}, {seen}"

    # --- prices -------------------------------------------------------------------------------------------------------

    def move(self) -> Iterator[dict[int, int]]:
        """Draw one millisecond's prices: one round of publications, or several."""
        rng, markets = self.rng, list(self.ticks)
        kind = rng.choice(("tick", "tick", "joint", "jump", "vee", "edge", "edge", "corner"))
        if kind == "tick":
            market = rng.choice(markets)
            yield {market: self.ticks[market] + rng.choice((-1, 1))}
        elif kind == "joint":
            factor = rng.uniform(0.96, 1.03)
            yield {market: int(ticks * factor) for market, ticks in self.ticks.items()}
        elif kind == "jump":
            market = rng.choice(markets)
            yield {market: int(self.ticks[market] * rng.uniform(0.75, 1.35))}
        elif kind == "vee":
            before, factor = dict(self.ticks), rng.uniform(0.8, 1.2)
            chosen = rng.sample(markets, rng.randint(1, len(markets)))
            yield {market: int(before[market] * factor) for market in chosen}
            yield {market: before[market] + rng.choice((-1, 0, 0, 1)) for market in chosen}
        else:
            yield from self._to_the_edge(only_one=kind == "edge")

    def _to_the_edge(self, *, only_one: bool) -> Iterator[dict[int, int]]:
        """Move somebody's series to the ends of their bands: the last value that fires nothing, or the next."""
        bands = self.native.bands(self.rng.choice(self.accounts))
        if not bands:
            return
        ends = {}
        for market, _, low, high in [self.rng.choice(bands)] if only_one else bands:
            choices = [low + self.rng.choice((0, 1))] if low is not None else []
            if high is not None and high < 2**31 - 2:
                choices.append(high - self.rng.choice((0, 1)))
            if choices:
                ends[market] = self.rng.choice(choices)
        yield {market: ticks for market, ticks in ends.items() if ticks < 20 * self.ticks[market]}

    def step(self) -> None:
        """Move prices, or write first, and run one millisecond."""
        rng, native = self.rng, self.native
        if rng.random() < 0.5:
            self.write()
        rounds = list(self.move())
        if rng.random() < 0.5:  # from outside, before the millisecond: every series
            for ticks in rounds:
                self._note(ticks)
                for market in ticks:
                    self.publish(market)
        else:  # in phase 2 of it: marks
            times, markets, prices = [], [], []
            for ticks in rounds:
                self._note({market: value for market, value in ticks.items() if market in self.perpetuals})
                for market in ticks:
                    if market in self.perpetuals:
                        times.append(native.now_ms + 1)
                        markets.append(market)
                        prices.append(self.ticks[market])
            native.mark_rounds(np.array(times, "int64"), np.array(markets, "uint16"), np.array(prices, "int64"))
        if native.now_ms == self.now_ms:
            native.run(native.now_ms + 1, check=True)

    def _note(self, ticks: dict[int, int]) -> None:
        for market, value in ticks.items():
            self.ticks[market] = min(max(1, value), 40 * self.shape.ticks[1])

    def advance(self) -> list[str]:
        """Move prices, perhaps after a write, for a millisecond; return the differences that it shows."""
        self.now_ms = self.native.now_ms
        self.step()
        return self.world.differences() or self.corners()

    def trade(self) -> list[str]:
        """Let the house quote or somebody order, and the next check pass; return the differences that it shows."""
        self.rng.choice((self.quote, self.order, self.order))()
        self.native.run(self.native.now_ms + 1, check=True)
        return self.world.differences()

    def end(self) -> list[str]:
        """Return how the reference that has replayed the journal differs."""
        self.native.check_invariants()
        return self.world.disagreements()

    def run(self, steps: int) -> list[str]:
        """Walk, and return the first differences that a millisecond shows; empty if none did."""
        if self.begun:
            return self.begun
        for _ in range(steps):
            found = self.advance()
            if not found and self.rng.random() < 0.3:
                found = self.trade()
            if found:
                return found
        return self.end()

    def corners(self) -> list[str]:
        """Try the boxes of a few units."""
        pairs, rng = self.world.units(), self.rng
        for row, unit in rng.sample(pairs, min(len(pairs), 5)):
            choices = [[rng.random() for _ in range(8)] for _ in range(3)]
            found = self.world.corner_differences(row, unit, choices)
            if found:
                return [f"{self.native.now_ms} ms: {line}" for line in found]
        return []
