"""A pool whose liquidity lies in ranges of prices: rules Z-11 .. Z-14 (v3, as Uniswap has it).

Stands on `base` and `digest`.

::

    price    ---- tick a ======= tick b ----       s = sqrt(price) * 2^96; a position is active for s_a <= s < s_b
    in a range   coin 0: L (1/s - 1/s_b)   coin 1: L (s - s_a)     L the sum of the active positions
    a swap walks s from tick to tick; at each, L changes by the tick's net

Promises: every amount taken is rounded up, every amount given down; the balances cover all positions and fees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from math import isqrt

from engine.errors import InputError
from engine.reference.digest import WORD_SIDE_END, DigestKind, digest_of
from engine.reference.inputs import IntRange, checked_int
from engine.reference.pools.base import (
    AMOUNT,
    AMOUNT_MAX,
    FEE,
    ONE_PPM,
    POSITIVE,
    RefusedError,
    ShareOutcome,
    SwapOutcome,
    ceil_div,
    checked_pair,
    reduced,
)
from engine.types import PoolReason

TICK_MAX = 400_000
TICKS_MAX = 1_024
TICK = IntRange(-TICK_MAX, TICK_MAX)
SPACING = IntRange(1, 16_384)
OWNER = IntRange(0, 2**31 - 1)
ONE = 2**96  # of a square root of a price
GROWTH_ONE = 2**64  # of fees per unit of liquidity
GROWTH_MASK = 2**128 - 1
WORD = 2**64 - 1
FORM = 3
PRECISION = 512


@cache
def step_factors() -> tuple[int, ...]:
    """Return 1.0001^(-2^k / 2) * 2^128 to the nearest, k = 0 .. 18 (Z-11)."""
    power = isqrt(2 ** (2 * PRECISION) * 10_000 // 10_001)
    factors = []
    for _ in range(19):
        factors.append((power >> (PRECISION - 129)) + 1 >> 1)
        power = power * power >> PRECISION
    return tuple(factors)


def sqrt_price_at(tick: int) -> int:
    """Return s at a tick: sqrt(1.0001^tick) * 2^96, rounded up (Z-11)."""
    return _sqrt_price(checked_int("tick", tick, TICK))


@cache
def _sqrt_price(tick: int) -> int:
    ratio = 2**128
    for k, factor in enumerate(step_factors()):
        if abs(tick) >> k & 1:
            ratio = ratio * factor >> 128
    return ceil_div(2**224, ratio) if tick > 0 else ceil_div(ratio, 2**32)


def amount_0(low: int, high: int, liquidity: int, *, up: bool) -> int:
    """Return the atoms of coin 0 between two square roots of prices (Z-12)."""
    numerator, denominator = liquidity * (high - low) * ONE, low * high
    return ceil_div(numerator, denominator) if up else numerator // denominator


def amount_1(low: int, high: int, liquidity: int, *, up: bool) -> int:
    """Return the atoms of coin 1 between two square roots of prices (Z-12)."""
    numerator = liquidity * (high - low)
    return ceil_div(numerator, ONE) if up else numerator // ONE


@dataclass
class Tick:
    """Hold what begins and ends at a tick, and the growth on its other side."""

    net: int = 0
    gross: int = 0
    outside: list[int] = field(default_factory=lambda: [0, 0])


@dataclass
class Position:
    """Hold the liquidity of an owner in a range, and the fees it has earned."""

    liquidity: int = 0
    inside: list[int] = field(default_factory=lambda: [0, 0])
    owed: list[int] = field(default_factory=lambda: [0, 0])


@dataclass
class Walk:
    """Hold a swap under way; the pool is written when it has ended well."""

    s: int
    liquidity: int
    remaining: int
    growth: list[int]
    out: int = 0
    fee: int = 0
    crossed: list[tuple[int, list[int]]] = field(default_factory=list)


class ConcentratedPool:
    """Hold two coins, liquidity in ranges of ticks."""

    def __init__(self, sqrt_price: int, fee_ppm: int = 3_000, tick_spacing: int = 60) -> None:
        bounds = IntRange(sqrt_price_at(-TICK_MAX), sqrt_price_at(TICK_MAX))
        self.sqrt_price = checked_int("sqrt_price", sqrt_price, bounds)
        self.fee_ppm = checked_int("fee_ppm", fee_ppm, FEE)
        self.tick_spacing = checked_int("tick_spacing", tick_spacing, SPACING)
        self.balances = (0, 0)
        self.growth = [0, 0]
        self.ticks: dict[int, Tick] = {}
        self.positions: dict[tuple[int, int, int], Position] = {}

    @property
    def liquidity(self) -> int:
        """Return the active liquidity (Z-11)."""
        return sum(tick.net for at, tick in self.ticks.items() if sqrt_price_at(at) <= self.sqrt_price)

    # ---- swaps ----

    def quote(self, sold: int, bought: int, amount_in: int) -> SwapOutcome:
        """Return what a swap would give (Z-13)."""
        sold, bought = checked_pair(sold, bought, 2)
        amount = checked_int("amount_in", amount_in, POSITIVE)
        try:
            walk = self._walked(sold, amount)
        except RefusedError as refused:
            return SwapOutcome(reason=refused.reason)
        return SwapOutcome(amount, walk.out, walk.fee)

    def swap(self, sold: int, bought: int, amount_in: int, *, amount_out_min: int = 0) -> SwapOutcome:
        """Swap, unless it gives less than the minimum."""
        minimum = checked_int("amount_out_min", amount_out_min, AMOUNT)
        sold, bought = checked_pair(sold, bought, 2)
        amount = checked_int("amount_in", amount_in, POSITIVE)
        try:
            walk = self._walked(sold, amount)
        except RefusedError as refused:
            return SwapOutcome(reason=refused.reason)
        if walk.out < minimum:
            return SwapOutcome(reason=PoolReason.BELOW_MINIMUM)
        for at, outside in walk.crossed:
            self.ticks[at].outside = outside
        self.sqrt_price, self.growth = walk.s, walk.growth
        balances = list(self.balances)
        balances[sold] += amount
        balances[bought] -= walk.out
        self.balances = (balances[0], balances[1])
        return SwapOutcome(amount, walk.out, walk.fee)

    def _walked(self, sold: int, amount: int) -> Walk:
        """Return a swap carried out on paper (Z-13)."""
        if not self.ticks:
            raise RefusedError(PoolReason.EMPTY)
        if self.balances[sold] + amount > AMOUNT_MAX:
            raise RefusedError(PoolReason.BALANCE_OUT_OF_BOUNDS)
        walk = Walk(self.sqrt_price, self.liquidity, amount, list(self.growth))
        falls = sold == 0
        # Falling, the tick at s itself comes first; rising, it lies behind.
        ahead = [at for at in self.ticks if (sqrt_price_at(at) <= walk.s) == falls]
        for at in sorted(ahead, reverse=falls):
            self._step(walk, sqrt_price_at(at), sold)
            reached = walk.s == sqrt_price_at(at)
            if reached and falls and walk.remaining and self._is_stuck(walk, walk.liquidity - self.ticks[at].net):
                walk.fee += walk.remaining  # it moves nothing: all of it is fee where s stands
                self._credit(walk, sold, walk.remaining)
                walk.remaining = 0
            if reached and (walk.remaining or not falls):
                self._cross(walk, at, falls)
            if not walk.remaining:
                break
        if walk.remaining:
            raise RefusedError(PoolReason.BEYOND_POOL)
        if not walk.out:
            raise RefusedError(PoolReason.NOTHING_OUT)
        return walk

    def _step(self, walk: Walk, target: int, sold: int) -> None:
        """Go to the target or as far as the amount reaches."""
        s, liquidity = walk.s, walk.liquidity
        after_fee = walk.remaining * (ONE_PPM - self.fee_ppm) // ONE_PPM
        taken = (amount_1 if sold else amount_0)(min(s, target), max(s, target), liquidity, up=True)
        if after_fee >= taken:
            walk.s = target
            fee = ceil_div(taken * self.fee_ppm, ONE_PPM - self.fee_ppm)
        else:
            if sold:
                walk.s = s + after_fee * ONE // liquidity
            else:
                walk.s = ceil_div(liquidity * ONE * s, liquidity * ONE + after_fee * s)
            taken = (amount_1 if sold else amount_0)(min(s, walk.s), max(s, walk.s), liquidity, up=True)
            fee = walk.remaining - taken
        walk.out += (amount_0 if sold else amount_1)(min(s, walk.s), max(s, walk.s), liquidity, up=False)
        walk.remaining -= taken + fee
        walk.fee += fee
        self._credit(walk, sold, fee)

    def _credit(self, walk: Walk, sold: int, fee: int) -> None:
        """Credit a fee to the liquidity that is active."""
        if walk.liquidity:
            walk.growth[sold] = walk.growth[sold] + fee * GROWTH_ONE // walk.liquidity & GROWTH_MASK

    def _is_stuck(self, walk: Walk, liquidity: int) -> bool:
        """Tell whether what is left, with the liquidity below s, is too little to take s there."""
        scaled, after_fee = liquidity * ONE, walk.remaining * (ONE_PPM - self.fee_ppm) // ONE_PPM
        return liquidity > 0 and ceil_div(scaled * walk.s, scaled + after_fee * walk.s) >= walk.s

    def _cross(self, walk: Walk, at: int, falls: bool) -> None:
        tick = self.ticks[at]
        outside = [now - old & GROWTH_MASK for now, old in zip(walk.growth, tick.outside, strict=True)]
        walk.crossed.append((at, outside))
        walk.liquidity += -tick.net if falls else tick.net

    # ---- positions ----

    def _range(self, lower: int, upper: int, owner: int) -> tuple[int, int, int]:
        low = checked_int("lower", lower, TICK)
        high = checked_int("upper", upper, TICK)
        for name, at in (("lower", low), ("upper", high)):
            if at % self.tick_spacing:
                raise InputError(name, f"a multiple of {self.tick_spacing}, the tick spacing", at)
        if low >= high:
            raise InputError("upper", f"more than {low}, the lower tick", high)
        return low, high, checked_int("owner", owner, OWNER)

    def amounts(self, lower: int, upper: int, liquidity: int, *, up: bool) -> tuple[int, int]:
        """Return what liquidity in a range is worth now, atoms of both coins, rounded up or down (Z-12)."""
        low, high = sqrt_price_at(lower), sqrt_price_at(upper)
        at = min(max(self.sqrt_price, low), high)
        return amount_0(at, high, liquidity, up=up), amount_1(low, at, liquidity, up=up)

    def _inside(self, lower: int, upper: int) -> list[int]:
        """Return the growth of fees between two ticks (Z-14)."""
        grown = []
        for coin in (0, 1):
            below, above = self.ticks[lower].outside[coin], self.ticks[upper].outside[coin]
            if sqrt_price_at(lower) > self.sqrt_price:
                below = self.growth[coin] - below
            if sqrt_price_at(upper) <= self.sqrt_price:
                above = self.growth[coin] - above
            grown.append(self.growth[coin] - below - above & GROWTH_MASK)
        return grown

    def _settle(self, key: tuple[int, int, int]) -> Position:
        """Credit a position with what it has earned since it was last looked at (Z-14)."""
        position, inside = self.positions[key], self._inside(*key[:2])
        for coin in (0, 1):
            earned = position.liquidity * (inside[coin] - position.inside[coin] & GROWTH_MASK) // GROWTH_ONE
            position.owed[coin] += earned
        position.inside = inside
        return position

    def add(self, lower: int, upper: int, liquidity: int, owner: int = 0) -> ShareOutcome:
        """Add liquidity to a range (Z-14)."""
        key = self._range(lower, upper, owner)
        added = checked_int("liquidity", liquidity, POSITIVE)
        amounts = self.amounts(key[0], key[1], added, up=True)
        after = (self.balances[0] + amounts[0], self.balances[1] + amounts[1])
        if sum(position.liquidity for position in self.positions.values()) + added > AMOUNT_MAX:
            return ShareOutcome(reason=PoolReason.LIQUIDITY_OUT_OF_BOUNDS)
        if max(after) > AMOUNT_MAX:
            return ShareOutcome(reason=PoolReason.BALANCE_OUT_OF_BOUNDS)
        if len(self.ticks.keys() | set(key[:2])) > TICKS_MAX:
            return ShareOutcome(reason=PoolReason.TICKS_FULL)
        for at, net in ((key[0], added), (key[1], -added)):
            if at not in self.ticks:
                crossed = sqrt_price_at(at) <= self.sqrt_price
                self.ticks[at] = Tick(outside=list(self.growth) if crossed else [0, 0])
            self.ticks[at].net += net
            self.ticks[at].gross += added
        if key not in self.positions:
            self.positions[key] = Position(inside=self._inside(*key[:2]))
        self._settle(key).liquidity += added
        self.balances = after
        return ShareOutcome(added, amounts, (0, 0))

    def remove(self, lower: int, upper: int, liquidity: int, owner: int = 0) -> ShareOutcome:
        """Take liquidity out of a range, with all its fees; 0 takes the fees alone (Z-14)."""
        key = self._range(lower, upper, owner)
        removed = checked_int("liquidity", liquidity, AMOUNT)
        if key not in self.positions or self.positions[key].liquidity < removed:
            return ShareOutcome(reason=PoolReason.SHARES_SHORT)
        position = self._settle(key)
        amounts = self.amounts(key[0], key[1], removed, up=False)
        fees = (position.owed[0], position.owed[1])
        position.owed = [0, 0]
        position.liquidity -= removed
        if not position.liquidity:
            del self.positions[key]
        for at, net in ((key[0], removed), (key[1], -removed)):
            self.ticks[at].net -= net
            self.ticks[at].gross -= removed
            if not self.ticks[at].gross:
                del self.ticks[at]
        self.balances = (self.balances[0] - amounts[0] - fees[0], self.balances[1] - amounts[1] - fees[1])
        return ShareOutcome(removed, amounts, fees)

    # ---- readings ----

    def price(self, sold: int, bought: int) -> tuple[int, int]:
        """Return atoms bought per atom sold at the margin, without fee (Z-4)."""
        sold, bought = checked_pair(sold, bought, 2)
        square, one = self.sqrt_price**2, ONE**2
        return reduced(one, square) if sold else reduced(square, one)

    def invariant(self) -> int:
        """Return the active liquidity."""
        return self.liquidity

    def digest(self) -> int:
        """Return the digest (Z-15)."""
        words = [FORM, self.fee_ppm, self.tick_spacing, *_words(self.sqrt_price, *self.growth), *self.balances]
        for at, tick in sorted(self.ticks.items()):
            words += [at, tick.net, tick.gross, *_words(*tick.outside)]
        words.append(WORD_SIDE_END)
        for key, position in sorted(self.positions.items()):
            words += [*key, position.liquidity, *_words(*position.inside), *position.owed]
        return digest_of(DigestKind.POOL, [*words, WORD_SIDE_END])


def _words(*numbers: int) -> list[int]:
    """Return 128-bit numbers as words, the low one first."""
    return [word for number in numbers for word in (number & WORD, number >> 64)]
