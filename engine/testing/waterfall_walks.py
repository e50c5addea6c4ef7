"""Random small worlds with a waterfall, from a seed: what the property test of section X runs.

Stands on `waterfall_twin` and `margin_walks` (ladders, tiers, shapes of numbers).

::

    seed -> policy, ladder, schedules, accounts near a boundary -> prices, orders, money from outside -> differences

Promises: a world is its seed. Tiny numbers (a few lots, prices of a few hundred ticks, tiers close together) are where
a rounding that was forgotten decides.
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from engine.errors import InputError, InvariantError
from engine.margin import AccountMode
from engine.reference.policy import Policy
from engine.testing.margin_walks import LADDERS, ORDINARY, TINY, Shape, tiers
from engine.testing.waterfall_twin import WaterfallTwin
from engine.types import Side

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from engine._core import World

USD, COIN = range(2)


def newest_first(candidates: Mapping[str, Any]) -> list[int]:
    """Be a rule of ADL that anybody could write: the accounts that were opened last go first."""
    accounts = [int(account) for account in candidates["account"]]
    return sorted(range(len(accounts)), key=lambda index: -accounts[index])


_RULES = ("binance", "hyperliquid", "hyperliquid_adjusted", "bybit", "contracts", "pnl", "unranked", newest_first)


def random_policy(rng: random.Random, shape: Shape, backstop: int | None) -> Policy:
    """Draw every dimension of a policy."""
    lot = shape.ticks[1] * shape.worth[1]
    steps_most, tier_least = rng.choice((0, 0, 1, 3)), rng.choice((0, 0, 0, 2, 3))
    takeover_ppm = rng.choice((None, None, 0, 333_333, 666_667, 1_000_000))
    takes_over, adl = rng.random() < 0.5, rng.choice((None, *_RULES))
    if (steps_most or tier_least or takeover_ppm is not None) and not takes_over and adl is None:
        adl = rng.choice(_RULES)  # a takeover that can come due must have somewhere to go
    return Policy(
        stage_ppm=rng.choice((1, 200_000, 250_000, 500_000, 1_000_000)),
        stage_lots_min=rng.choice((1, 1, 2, shape.lots[1] // 2 or 1)),
        interval_ms=rng.choice((1, 2, 7, 20)),
        stage_atoms_min=rng.choice((0, 0, lot // 2, 3 * lot)),
        stage_atoms_most=rng.choice((0, 0, 1, 2 * lot)),
        large_atoms=rng.choice((0, 0, lot, 5 * lot)),
        whole_ms=rng.choice((0, 0, 5, 40)),
        size=rng.choice(("share", "share", "tier")),
        tiers_down=rng.choice((1, 1, 2)),
        order=rng.choice(("market", "band", "bankruptcy", "fillable")),
        is_fok=rng.random() < 0.3,
        band_ppm=rng.choice((0, 1_000, 30_000, 1_000_000)),
        spread_ppm=rng.choice((0, 500_000, 1_500_000)),
        steps_most=steps_most,
        takeover_ppm=takeover_ppm,
        tier_least=tier_least,
        takes_over=takes_over,
        backstop=backstop,
        fee_ppm=rng.choice((0, 0, 5_000, 15_001)),
        fund_most=rng.choice((0, 0, lot // 3 + 1)),
        adl=adl,
        close=rng.choice(("bankruptcy", "bankruptcy", "mark")),
        cancels_orders=rng.random() < 0.5,
        rank_ms=rng.choice((0, 0, 3, 50)) * (not callable(adl)),
        shares_losses=rng.random() < 0.5,
        under_atoms=rng.choice((0, 0, 0, lot)),
        unwind_ms=rng.choice((1, 5, 30)),
        unwind_ppm=rng.choice((100_000, 500_000, 1_000_000)),
        unwind_band_ppm=rng.choice((0, 10_000, 200_000)),
        sells=rng.choice(("haircut_liquidity", "pro_rata", "custom")),
        sell_order=(),
    )


class Town:
    """Hold a random world and let it live.

    Parameters
    ----------
    seed : int
        Of everything that is drawn.
    twin : type of WaterfallTwin, optional
        What follows the native world; by default the reference that decides for itself.
    """

    def __init__(self, seed: int, twin: type[WaterfallTwin] = WaterfallTwin) -> None:
        self.rng = rng = random.Random(seed)
        self.shape = shape = rng.choice((TINY, TINY, ORDINARY))
        self.coin_count = rng.choice((1, 2))
        backstop = 4 if rng.random() < 0.5 else None  # 0 .. 2 are the venue's own, 3 is the house
        policy = random_policy(rng, shape, backstop)
        if policy.sells == "custom":
            order = rng.sample(range(1, self.coin_count + 1), self.coin_count)
            policy = Policy(**{**asdict(policy), "sell_order": tuple(order)})
        self.world = world = twin(seed, policy, rng.choice(LADDERS))
        for _ in range(1 + self.coin_count):
            world.asset(2**61)
        self.house = world.account(*[2**50] * (1 + self.coin_count))
        self.spots = [self._spot(coin) for coin in range(1, 1 + self.coin_count)]
        settling = [USD, *rng.choices((USD, USD, USD, COIN), k=rng.randrange(3))]
        self.perpetuals = [self._perpetual(asset) for asset in settling]
        self._collateral()
        self.ticks = {market: rng.randint(*shape.ticks) for market in (*self.spots, *self.perpetuals)}
        for market in self.ticks:
            self.publish(market)
        self._fundings()
        self._backstop(backstop)
        modes = (AccountMode.CROSS, AccountMode.ISOLATED, AccountMode.UNIFIED)
        self.accounts = [world.account(mode=rng.choice(modes)) for _ in range(rng.randint(3, 9))]
        for account in self.accounts:
            self._endow(account)
        self._break()
        world.begin()

    @property
    def native(self) -> World:
        """The native world; another one once a twin has restored a snapshot of it."""
        return self.world.native

    # --- declaring ---------------------------------------------------------------------------------------------------

    def _spot(self, coin: int) -> int:
        shape, rng = self.shape, self.rng
        return self.world.spot(
            coin,
            USD,
            worth=rng.randint(*shape.coin_worth),
            base_atoms_per_lot=rng.choice(shape.coin_lots),
            taker_fee_ppm=rng.choice((0, 700)),
        )

    def _perpetual(self, asset: int) -> int:
        rng, shape = self.rng, self.shape
        floors, rates = tiers(rng, shape, kind="requirement")
        initial = None
        if rng.random() < 0.5:
            initial = self.world.schedule(floors, [min(10**6, 2 * rate + 20_000) for rate in rates])
        return self.world.perpetual(
            asset,
            worth=rng.randint(*shape.worth) if asset == USD else 1,
            maintenance=self.world.schedule(floors, rates),
            initial=initial,
            taker_fee_ppm=rng.choice((0, 500)),
            maker_fee_ppm=rng.choice((0, 100)),
            price_stale_ms=rng.choice((0, 0, 0, 30)),
            qty_max=rng.choice((2**61, shape.lots[1] // 2 + 1)),
        )

    def _collateral(self) -> None:
        for asset in range(1 + self.coin_count):
            spot = None if asset == USD else self.spots[asset - 1]
            value = None
            if self.rng.random() < (0.2 if spot is None else 0.7):
                value = self.world.schedule(*tiers(self.rng, self.shape, kind="value"), kind="value")
            rate_ppb = self.rng.choice((0, 0, 10**7))
            self.world.count(asset, spot, value, self.rng.choice((0, 30_000, 333_333)), self.house, rate_ppb)

    def _fundings(self) -> None:
        """Let some perpetuals settle funding, at rates that cost an atom or a fortune."""
        for market in self.perpetuals:
            if self.rng.random() < 0.25:
                self.native.publish(market, self.ticks[market], "index")
                self.native.add_funding(
                    market,
                    every_ms=self.rng.choice((20, 70)),
                    sample_ms=5,
                    impact_atoms=self.ticks[market],
                    interest_ppb=self.rng.choice((10**5, 10**9)),
                    clamp_ppb=10**9,
                )

    def _backstop(self, backstop: int | None) -> None:
        """Give the fund, and the backstop if there is one, something or nothing."""
        rng, lot = self.rng, self.shape.ticks[1] * self.shape.worth[1]
        if backstop is not None:
            assert self.world.account() == backstop
        for account in (1, backstop):
            for asset in range(1 + self.coin_count):
                atoms = rng.choice((0, rng.randint(1, lot), 20 * lot * self.shape.lots[1]))
                if account is not None and atoms:
                    self.native.deposit(account, asset, atoms)

    def _break(self) -> None:
        """Give markets breakers; here none has one."""

    def _endow(self, account: int) -> None:
        """Give an account positions, and money that brings it near a boundary."""
        rng, mode = self.rng, self.world.modes.get(account, AccountMode.CROSS)
        if mode is AccountMode.ISOLATED:
            for market in self.perpetuals:
                with suppress(InputError):
                    self.native.set_leverage(account, rng.choice((2, 5, 10, 20)), market=market)
        worth = 0
        chosen = rng.sample(self.perpetuals, rng.randint(1, len(self.perpetuals)))
        if mode is AccountMode.UNIFIED:
            for asset in range(1, 1 + self.coin_count):
                if rng.random() < 0.7:
                    self.native.deposit(account, asset, rng.randint(*self.shape.coins))
        lots = {market: rng.randint(*self.shape.lots) for market in chosen}
        for market in chosen:
            worth = lots[market] * self.ticks[market] * self.world.terms[market].atoms_per_tick_lot
            asset = self.world.terms[market].quote_asset
            share = rng.choice((0.05, 0.1, 0.2, 0.5))
            if mode is AccountMode.UNIFIED and rng.random() < 0.6:  # backed by coins: a loss leaves a liability
                self._deposit_coins(account, int(worth * (share + 0.2)))
            else:
                self.native.deposit(account, asset, max(1, int(worth * share) + rng.randrange(4)))
            with suppress(InputError):
                self.open(account, market, lots[market])
        if mode is AccountMode.UNIFIED and rng.random() < 0.7:
            with suppress(InputError):
                self.native.borrow(account, rng.randrange(1 + self.coin_count), rng.randint(*self.shape.coins))

    def _deposit_coins(self, account: int, worth: int) -> None:
        """Deposit coins that are worth about so much."""
        spot = self.rng.choice(self.spots)
        terms = self.world.terms[spot]
        assert terms.base_asset is not None
        lot_worth = self.ticks[spot] * terms.atoms_per_tick_lot
        self.native.deposit(account, terms.base_asset, max(1, worth * terms.base_atoms_per_lot // lot_worth))

    # --- living ------------------------------------------------------------------------------------------------------

    def publish(self, market: int) -> None:
        """Publish a market's price from outside."""
        self.native.publish(market, self.ticks[market], "index" if market in self.spots else "mark")

    def open(self, account: int, market: int, lots: int) -> None:
        """Trade with the house or another account outside the book, near the mark."""
        rng = self.rng
        price = max(1, int(self.ticks[market] * rng.uniform(0.97, 1.03)))
        other = self.house
        pair = (account, other) if rng.random() < 0.5 else (other, account)
        self.native.open_trade(market, *pair, lots, price)

    def quote(self) -> None:
        """Let the house rest a few orders, thin or deep."""
        rng, at_ms = self.rng, self.native.now_ms + 1
        for _ in range(rng.randint(1, 6)):
            market = rng.choice(list(self.ticks))
            side = rng.choice((Side.BUY, Side.SELL))
            price = max(1, int(self.ticks[market] * (1 - side * rng.uniform(-0.01, 0.2))))
            lots = rng.randint(*self.shape.lots) * rng.choice((1, 5))
            self.native.send_order(self.house, market, side, price, lots, at_ms=at_ms)

    def order(self) -> None:
        """Let an account send an order, which may be refused."""
        rng = self.rng
        market = rng.choice(list(self.ticks))
        price = rng.choice((None, max(1, int(self.ticks[market] * rng.uniform(0.9, 1.1)))))
        self.native.send_order(
            rng.choice(self.accounts),
            market,
            rng.choice((Side.BUY, Side.SELL)),
            price,
            rng.randint(*self.shape.lots),
            at_ms=self.native.now_ms + rng.randint(1, 3),
            reduce_only=market in self.perpetuals and rng.random() < 0.3,
        )

    def write(self) -> None:
        """Change what somebody has, from outside, if the rules let it."""
        rng, native = self.rng, self.native
        account, asset = rng.choice(self.accounts), rng.randrange(1 + self.coin_count)
        atoms = rng.randint(1, 3 * self.shape.ticks[1])
        kind = rng.choice(("deposit", "withdraw", "borrow", "repay", "margin", "open", "fund"))
        with suppress(InputError):
            if kind == "deposit":
                native.deposit(account, asset, atoms)
            elif kind == "withdraw":
                native.withdraw(account, asset, atoms)
            elif kind == "borrow":
                native.borrow(account, asset, atoms)
            elif kind == "repay":
                native.repay(account, asset, atoms)
            elif kind == "margin":
                native.add_margin(account, rng.choice(self.perpetuals), rng.choice((atoms, -atoms)))
            elif kind == "fund":
                native.deposit(1, asset, atoms)
            else:
                self.open(account, rng.choice(self.perpetuals), rng.randint(*self.shape.lots))

    def move(self) -> None:
        """Move prices: a tick, a few per cent of all, or a jump of one."""
        rng = self.rng
        kind = rng.choice(("tick", "joint", "joint", "jump"))
        if kind == "joint":
            factor = rng.uniform(0.93, 1.07)
            moved = {market: int(ticks * factor) for market, ticks in self.ticks.items()}
        else:
            market = rng.choice(list(self.ticks))
            factor = rng.uniform(0.7, 1.4)
            moved = {
                market: self.ticks[market] + rng.choice((-1, 1)) if kind == "tick" else int(self.ticks[market] * factor)
            }
        for market, ticks in moved.items():
            self.ticks[market] = min(max(1, ticks), 20 * self.shape.ticks[1])
        marks = [market for market in moved if market in self.perpetuals]
        for market in moved:
            if market in self.spots or rng.random() < 0.5:
                self.publish(market)
                marks = [each for each in marks if each != market]
        if marks:
            self._publish_later(marks)

    def _publish_later(self, marks: list[int]) -> None:
        """Publish marks in phase 2 of the next millisecond, which is run to its end."""
        self.world.mark_round({market: self.ticks[market] for market in marks})

    def live(self, steps: int) -> list[str]:
        """Let the world live for some steps; return the first differences that one shows."""
        rng = self.rng
        for _ in range(steps):
            self.rng.choice((self.quote, self.quote, self.order, self.write, lambda: None))()
            if rng.random() < 0.7:
                self.move()
            found = self.world.run(self.native.now_ms + rng.choice((0, 1, 1, 2, 5, 20)))
            if found:
                return found
        self.native.check_invariants()
        return self.world.disagreements()


class HaltingTown(Town):
    """Be a town with breakers on all of its markets (V-9), in which somebody often sells down the book."""

    def _break(self) -> None:
        rng = self.rng
        for market in (*self.spots, *self.perpetuals):
            self.world.breaker(
                market,
                fall_ppm=rng.choice((1, 1, 1_000, 20_000, 100_000)),
                within_ms=rng.choice((1, 9, 40, 200)),
                halt_ms=rng.choice((1, 2, 5, 20, 60)),
            )

    def quote(self) -> None:
        """Let the house quote, and sell into what it bids as the next marks come."""
        super().quote()
        rng, at_ms = self.rng, self.native.now_ms + self.rng.randint(1, 2)
        for market in rng.sample(list(self.ticks), k=min(2, len(self.ticks))):
            lots = rng.randint(*self.shape.lots) * rng.choice((1, 4))
            self.native.send_order(self.house, market, Side.SELL, None, lots, at_ms=at_ms)


def lived(seed: int, steps: int = 40) -> tuple[list[str], Counter[str]]:
    """Build a world and let it live.

    Parameters
    ----------
    seed : int
        Of the world.
    steps : int
        How long.

    Returns
    -------
    tuple of (list of str, Counter)
        How native and reference differ, in words, empty is right; and what has happened, by name.
    """
    return lived_in(Town(seed), seed, steps)


def lived_in(town: Any, seed: int, steps: int) -> tuple[list[str], Counter[str]]:
    """Let a town live: how native and reference differ, in words, and what has happened."""
    try:
        found = town.live(steps)
    except InvariantError as error:
        found = [f"{town.native.now_ms} ms: {error}"]
    return [f"seed {seed}: {line}" for line in found], town.world.reached
