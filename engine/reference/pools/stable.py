"""A pool of coins that should be worth the same: rules Z-7 .. Z-10 (StableSwap, as Curve has it).

Stands on `base` and `digest`.

::

    A n^n S + D = A D n^n + D^(n+1) / (n^n prod x)     S the sum; x scaled balances; D their sum if all were equal
    swap: D stays, x_in rises, Newton finds x_out      everything rounded so that the exact D never falls

Promises: the exact D never falls by a swap, and D / shares never falls; Newton ends (Z-7).
"""

from __future__ import annotations

from engine.errors import InputError
from engine.reference.digest import DigestKind, digest_of
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
    checked_amounts,
    checked_pair,
    reduced,
)
from engine.types import PoolReason

COINS = IntRange(2, 4)
AMPLIFICATION = IntRange(1, 10**6)
SCALE = IntRange(1, 10**9)
RATIO_MAX = 2**20
STEPS_MAX = 255
C_MAX = 2**126
FORM = 2
# Z-7, Z-8: Newton's D lies less than 1 below the exact one, its y at most 2 below.
D_SLACK = 1
Y_SLACK = 2


def product_term(xs: list[int], d: int) -> int:
    """Return D^(n+1) / (n^n prod x), divided by the smallest balance first (Z-7)."""
    term = d
    for x in sorted(xs):
        term = term * d // x
    size: int = len(xs) ** len(xs)
    return term // size


def invariant_of(xs: list[int], ann: int) -> int:
    """Return D: Newton from the sum downwards, until it falls by no more than 1 (Z-7)."""
    n, total = len(xs), sum(xs)
    d = total
    for _ in range(STEPS_MAX):
        term = product_term(xs, d)
        before, d = d, (ann * total + term * n) * d // ((ann - 1) * d + (n + 1) * term)
        if d >= before - 1:
            return d
    raise RefusedError(PoolReason.NO_CONVERGENCE)


def checked_c(c: int) -> int:
    """Return a product of Z-8 that stays in bounds; balances that fit (Z-9) give no other."""
    if c >= C_MAX:
        raise RefusedError(PoolReason.NO_CONVERGENCE)
    return c


def balance_of(xs: list[int], coin: int, ann: int, d: int) -> int:
    """Return the balance of a coin that gives D with the others: Newton from its balance now (Z-8)."""
    n, c, others = len(xs), d, 0
    for x in sorted(x for k, x in enumerate(xs) if k != coin):
        c = checked_c(c * d // (x * n))
        others += x
    c = checked_c(c * d // (ann * n))
    b, y = others + d // ann, xs[coin]
    for _ in range(STEPS_MAX):
        slope = 2 * y + b - d
        if slope <= 0:
            break
        before, y = y, (y * y + c) // slope
        if y > AMOUNT_MAX:
            break
        if y >= before - 1:
            return y
    raise RefusedError(PoolReason.NO_CONVERGENCE)


def check_fits(xs: list[int]) -> None:
    """Refuse balances beyond the bounds (Z-9)."""
    if sum(xs) > AMOUNT_MAX:
        raise RefusedError(PoolReason.BALANCE_OUT_OF_BOUNDS)
    if min(xs) < 1 or max(xs) > RATIO_MAX * min(xs):
        raise RefusedError(PoolReason.BEYOND_POOL)


class StableSwapPool:
    """Hold two to four coins that should be worth the same."""

    def __init__(self, amplification: int, fee_ppm: int = 400, scales: tuple[int, ...] = (1, 1)) -> None:
        self.amplification = checked_int("amplification", amplification, AMPLIFICATION)
        self.fee_ppm = checked_int("fee_ppm", fee_ppm, FEE)
        if not isinstance(scales, (list, tuple)):
            raise InputError("scales", "a list or tuple of 2 to 4 integers", type(scales).__name__)
        if not COINS.low <= len(scales) <= COINS.high:
            raise InputError("scales", "2 to 4 integers, one for each coin", f"{len(scales)} of them")
        self.scales = tuple(checked_int(f"scales[{coin}]", scale, SCALE) for coin, scale in enumerate(scales))
        self.balances = (0,) * len(self.scales)
        self.shares = 0

    @property
    def _ann(self) -> int:
        return self.amplification * len(self.scales)

    def _scaled(self, balances: tuple[int, ...]) -> list[int]:
        return [balance * scale for balance, scale in zip(balances, self.scales, strict=True)]

    def quote(self, sold: int, bought: int, amount_in: int) -> SwapOutcome:
        """Return what a swap would give (Z-8)."""
        sold, bought = checked_pair(sold, bought, len(self.scales))
        amount = checked_int("amount_in", amount_in, POSITIVE)
        try:
            return self._quoted(sold, bought, amount)
        except RefusedError as refused:
            return SwapOutcome(reason=refused.reason)

    def _quoted(self, sold: int, bought: int, amount: int) -> SwapOutcome:
        if self.shares == 0:
            raise RefusedError(PoolReason.EMPTY)
        xs = self._scaled(self.balances)
        if sum(xs) + amount * self.scales[sold] > AMOUNT_MAX:
            raise RefusedError(PoolReason.BALANCE_OUT_OF_BOUNDS)
        d = invariant_of(xs, self._ann)
        xs[sold] += amount * self.scales[sold]
        gross = xs[bought] - balance_of(xs, bought, self._ann, d + D_SLACK) - Y_SLACK
        if gross <= 0:
            raise RefusedError(PoolReason.NOTHING_OUT)
        out = (gross - ceil_div(gross * self.fee_ppm, ONE_PPM)) // self.scales[bought]
        if out <= 0:
            raise RefusedError(PoolReason.NOTHING_OUT)
        xs[bought] -= out * self.scales[bought]
        check_fits(xs)
        return SwapOutcome(amount, out, gross // self.scales[bought] - out)

    def swap(self, sold: int, bought: int, amount_in: int, *, amount_out_min: int = 0) -> SwapOutcome:
        """Swap, unless it gives less than the minimum."""
        minimum = checked_int("amount_out_min", amount_out_min, AMOUNT)
        outcome = self.quote(sold, bought, amount_in)
        if outcome.reason:
            return outcome
        if outcome.amount_out < minimum:
            return SwapOutcome(reason=PoolReason.BELOW_MINIMUM)
        balances = list(self.balances)
        balances[sold] += outcome.amount_in
        balances[bought] -= outcome.amount_out
        self.balances = tuple(balances)
        return outcome

    def add(self, amounts: list[int]) -> ShareOutcome:
        """Add the given amounts, with a fee on what changes the proportion (Z-10)."""
        given = checked_amounts(amounts, len(self.scales))
        try:
            return self._added(given)
        except RefusedError as refused:
            return ShareOutcome(reason=refused.reason)

    def _added(self, given: list[int]) -> ShareOutcome:
        after = tuple(balance + amount for balance, amount in zip(self.balances, given, strict=True))
        xs = self._scaled(after)
        if self.shares == 0 and min(given) == 0:
            raise RefusedError(PoolReason.EMPTY)
        check_fits(xs)
        d_after = invariant_of(xs, self._ann)
        if self.shares == 0:
            minted = d_after
            fees = [0] * len(xs)
        else:
            minted, fees = self._minted(xs, d_after)
        if minted <= 0:
            raise RefusedError(PoolReason.NOTHING_OUT)
        if self.shares + minted > AMOUNT_MAX:
            raise RefusedError(PoolReason.BALANCE_OUT_OF_BOUNDS)
        self.balances, self.shares = after, self.shares + minted
        return ShareOutcome(minted, tuple(given), tuple(fees))

    def _minted(self, xs: list[int], d_after: int) -> tuple[int, list[int]]:
        n, held = len(xs), self._scaled(self.balances)
        d_before = invariant_of(held, self._ann)
        charged = []
        for x, old in zip(xs, held, strict=True):
            away = abs(min(d_after * old // d_before, AMOUNT_MAX) - x)
            charged.append(ceil_div(away * self.fee_ppm * n, 4 * (n - 1) * ONE_PPM))
        net = [x - fee for x, fee in zip(xs, charged, strict=True)]
        check_fits(net)
        risen = invariant_of(net, self._ann) - D_SLACK - (d_before + D_SLACK)
        minted = self.shares * max(0, risen) // (d_before + D_SLACK)
        return minted, [ceil_div(fee, scale) for fee, scale in zip(charged, self.scales, strict=True)]

    def remove(self, shares: int) -> ShareOutcome:
        """Burn shares for their part of every balance (Z-10)."""
        burnt = checked_int("shares", shares, POSITIVE)
        if burnt > self.shares:
            return ShareOutcome(reason=PoolReason.SHARES_SHORT)
        paid = tuple(burnt * balance // self.shares for balance in self.balances)
        after = tuple(balance - amount for balance, amount in zip(self.balances, paid, strict=True))
        try:
            if burnt < self.shares:
                check_fits(self._scaled(after))
        except RefusedError as refused:
            return ShareOutcome(reason=refused.reason)
        self.balances, self.shares = after, self.shares - burnt
        return ShareOutcome(burnt, paid, (0,) * len(paid))

    def remove_one(self, shares: int, coin: int) -> ShareOutcome:
        """Burn shares for one coin alone, with a fee on what changes the proportion (Z-10)."""
        burnt = checked_int("shares", shares, POSITIVE)
        coin = checked_int("coin", coin, IntRange(0, len(self.scales) - 1))
        try:
            return self._removed_one(burnt, coin)
        except RefusedError as refused:
            return ShareOutcome(reason=refused.reason)

    def _removed_one(self, burnt: int, coin: int) -> ShareOutcome:
        if burnt > self.shares:
            raise RefusedError(PoolReason.SHARES_SHORT)
        if burnt == self.shares:
            raise RefusedError(PoolReason.BEYOND_POOL)
        n, ann, xs = len(self.scales), self._ann, self._scaled(self.balances)
        d = invariant_of(xs, ann)
        d_after = d + D_SLACK - burnt * (d - D_SLACK) // self.shares
        without_fee = balance_of(xs, coin, ann, d_after)
        net = []
        for k, x in enumerate(xs):
            kept = x * d_after // d
            away = abs(kept - without_fee if k == coin else x - kept)
            net.append(x - ceil_div(away * self.fee_ppm * n, 4 * (n - 1) * ONE_PPM))
        if min(net) < 1:
            raise RefusedError(PoolReason.BEYOND_POOL)
        gross = net[coin] - balance_of(net, coin, ann, d_after) - Y_SLACK
        out = max(0, gross) // self.scales[coin]
        if out == 0:
            raise RefusedError(PoolReason.NOTHING_OUT)
        fee = max(0, xs[coin] - without_fee) // self.scales[coin] - out
        xs[coin] -= out * self.scales[coin]
        check_fits(xs)
        paid = tuple(out if k == coin else 0 for k in range(n))
        self.balances = tuple(balance - amount for balance, amount in zip(self.balances, paid, strict=True))
        self.shares -= burnt
        return ShareOutcome(burnt, paid, tuple(max(0, fee) if k == coin else 0 for k in range(n)))

    def price(self, sold: int, bought: int) -> tuple[int, int] | None:
        """Return atoms bought per atom sold at the margin, without fee (Z-4); None for an empty pool."""
        sold, bought = checked_pair(sold, bought, len(self.scales))
        if self.shares == 0:
            return None
        xs = self._scaled(self.balances)
        term = product_term(xs, invariant_of(xs, self._ann))
        x, y = xs[sold], xs[bought]
        numerator = y * (self._ann * x + term) * self.scales[sold]
        return reduced(numerator, x * (self._ann * y + term) * self.scales[bought])

    def invariant(self) -> int:
        """Return D (Z-7), 0 for an empty pool."""
        return invariant_of(self._scaled(self.balances), self._ann) if self.shares else 0

    def digest(self) -> int:
        """Return the digest (Z-15)."""
        words = [FORM, self.fee_ppm, self.amplification, len(self.scales)]
        for balance, scale in zip(self.balances, self.scales, strict=True):
            words += [balance, scale]
        return digest_of(DigestKind.POOL, [*words, self.shares])
