"""What every pool has: bounds (Z-1), outcomes with a reason (Z-2), the arguments of a swap, ratios (Z-4).

Stands on `engine.errors`, `engine.types` and `inputs`.

Promises: what no state of the pool could accept raises `InputError`; what its state forbids is an outcome with a
reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from engine.errors import InputError
from engine.reference.inputs import IntRange, checked_int
from engine.types import PoolReason

AMOUNT_MAX = 2**61
ONE_PPM = 10**6
FEE = IntRange(0, 100_000)
AMOUNT = IntRange(0, AMOUNT_MAX)
POSITIVE = IntRange(1, AMOUNT_MAX)


@dataclass(frozen=True)
class SwapOutcome:
    """Say what a swap gives, or why it is refused."""

    amount_in: int = 0
    amount_out: int = 0
    fee: int = 0
    reason: PoolReason = PoolReason.NONE

    @property
    def accepted(self) -> bool:
        """Whether the command is, or would be, carried out."""
        return self.reason == PoolReason.NONE


@dataclass(frozen=True)
class ShareOutcome:
    """Say what was minted or burnt for which amounts, or why it is refused."""

    shares: int = 0
    amounts: tuple[int, ...] = ()
    fees: tuple[int, ...] = ()
    reason: PoolReason = PoolReason.NONE

    @property
    def accepted(self) -> bool:
        """Whether the command is, or would be, carried out."""
        return self.reason == PoolReason.NONE


class RefusedError(Exception):
    """Leave a computation with a reason; nothing has been written."""

    def __init__(self, reason: PoolReason) -> None:
        self.reason = reason
        super().__init__(reason.name)


def ceil_div(a: int, b: int) -> int:
    """Return a / b rounded up, b > 0."""
    return -(-a // b)


def reduced(numerator: int, denominator: int) -> tuple[int, int]:
    """Return a ratio in lowest terms (Z-4)."""
    common = gcd(numerator, denominator)
    return numerator // common, denominator // common


def checked_pair(sold: object, bought: object, coin_count: int) -> tuple[int, int]:
    """Return the two coins of a swap or a price, which differ."""
    coins = IntRange(0, coin_count - 1)
    first, second = checked_int("sold", sold, coins), checked_int("bought", bought, coins)
    if first == second:
        raise InputError("bought", f"another coin than {first}, the one sold", second)
    return first, second


def checked_amounts(amounts: object, coin_count: int) -> list[int]:
    """Return one amount for each coin, at least one of them above 0."""
    if not isinstance(amounts, (list, tuple)):
        raise InputError("amounts", f"a list or tuple of {coin_count} integers", type(amounts).__name__)
    if len(amounts) != coin_count:
        raise InputError("amounts", f"{coin_count} integers, one for each coin", f"{len(amounts)} of them")
    checked = [checked_int(f"amounts[{coin}]", amount, AMOUNT) for coin, amount in enumerate(amounts)]
    if not any(checked):
        raise InputError("amounts", "at least one amount above 0", "only zeros")
    return checked
