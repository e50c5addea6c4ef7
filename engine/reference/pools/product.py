"""A pool that holds x * y: rules Z-5, Z-6.

Stands on `base` and `digest`.

::

    x * y = k          out = y * in / (x + in), in after the fee
    a swap moves along the curve, the fee pushes it outward; shares are parts of both balances

Promises: x * y never falls by a swap, and x * y / shares^2 never falls at all.
"""

from __future__ import annotations

from math import isqrt

from engine.reference.digest import DigestKind, digest_of
from engine.reference.inputs import checked_int
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

SHARES_LOCKED = 1_000
FORM = 1


class ConstantProductPool:
    """Hold two coins at a constant product."""

    def __init__(self, fee_ppm: int = 3_000) -> None:
        self.fee_ppm = checked_int("fee_ppm", fee_ppm, FEE)
        self.balances = (0, 0)
        self.shares = 0

    def quote(self, sold: int, bought: int, amount_in: int) -> SwapOutcome:
        """Return what a swap would give (Z-5)."""
        sold, bought = checked_pair(sold, bought, 2)
        amount = checked_int("amount_in", amount_in, POSITIVE)
        if self.shares == 0:
            return SwapOutcome(reason=PoolReason.EMPTY)
        x, y = self.balances[sold], self.balances[bought]
        if x + amount > AMOUNT_MAX:
            return SwapOutcome(reason=PoolReason.BALANCE_OUT_OF_BOUNDS)
        effective = amount * (ONE_PPM - self.fee_ppm)
        out = y * effective // (x * ONE_PPM + effective)
        if out == 0:
            return SwapOutcome(reason=PoolReason.NOTHING_OUT)
        return SwapOutcome(amount, out, ceil_div(amount * self.fee_ppm, ONE_PPM))

    def swap(self, sold: int, bought: int, amount_in: int, *, amount_out_min: int = 0) -> SwapOutcome:
        """Swap, unless it gives less than the minimum."""
        minimum = checked_int("amount_out_min", amount_out_min, AMOUNT)
        outcome = self.quote(sold, bought, amount_in)
        if outcome.reason:
            return outcome
        if outcome.amount_out < minimum:
            return SwapOutcome(reason=PoolReason.BELOW_MINIMUM)
        moved = [0, 0]
        moved[sold], moved[bought] = outcome.amount_in, -outcome.amount_out
        self.balances = (self.balances[0] + moved[0], self.balances[1] + moved[1])
        return outcome

    def add(self, amounts: list[int]) -> ShareOutcome:
        """Add at most the given amounts, in the proportion of the pool (Z-6)."""
        given = checked_amounts(amounts, 2)
        try:
            return self._added(given)
        except RefusedError as refused:
            return ShareOutcome(reason=refused.reason)

    def _added(self, given: list[int]) -> ShareOutcome:
        if self.shares == 0:
            taken = given
            total = isqrt(given[0] * given[1])
            minted = total - SHARES_LOCKED
            if minted <= 0:
                raise RefusedError(PoolReason.NOTHING_OUT)
        else:
            parts = [amount * self.shares // held for amount, held in zip(given, self.balances, strict=True)]
            minted = min(parts)
            if minted == 0:
                raise RefusedError(PoolReason.NOTHING_OUT)
            taken = [ceil_div(minted * held, self.shares) for held in self.balances]
            total = self.shares + minted
        after = (self.balances[0] + taken[0], self.balances[1] + taken[1])
        if max(after) > AMOUNT_MAX or total > AMOUNT_MAX:
            raise RefusedError(PoolReason.BALANCE_OUT_OF_BOUNDS)
        self.balances, self.shares = after, total
        return ShareOutcome(minted, (taken[0], taken[1]), (0, 0))

    def remove(self, shares: int) -> ShareOutcome:
        """Burn shares for their part of both balances (Z-6)."""
        burnt = checked_int("shares", shares, POSITIVE)
        if burnt > self.shares - SHARES_LOCKED:
            return ShareOutcome(reason=PoolReason.SHARES_SHORT)
        paid = (burnt * self.balances[0] // self.shares, burnt * self.balances[1] // self.shares)
        self.balances = (self.balances[0] - paid[0], self.balances[1] - paid[1])
        self.shares -= burnt
        return ShareOutcome(burnt, paid, (0, 0))

    def price(self, sold: int, bought: int) -> tuple[int, int] | None:
        """Return atoms bought per atom sold at the margin, without fee (Z-4); None for an empty pool."""
        sold, bought = checked_pair(sold, bought, 2)
        return reduced(self.balances[bought], self.balances[sold]) if self.shares else None

    def invariant(self) -> int:
        """Return x * y."""
        return self.balances[0] * self.balances[1]

    def digest(self) -> int:
        """Return the digest (Z-15)."""
        return digest_of(DigestKind.POOL, [FORM, self.fee_ppm, *self.balances, self.shares])
