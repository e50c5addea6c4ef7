"""Blocks of a venue: when actions are executed, and what gas costs: rules B-3 .. B-5.

Stands on `actions`.

::

    ACTION rows of a millisecond = a block:  gas <= limit . price paid = base + tip . tips fall . then the base moves

Promises: order, time and gas are inputs; a block that the rules do not allow raises `InvariantError`. Who could not
pay has no row, and uses nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.errors import InvariantError

EMPTY_MOST = 64  # blocks without an action that count since the last (B-5)
PRICE_MOST = 2**40


class BlockTerms(NamedTuple):
    """Declare the blocks of a venue; prices in atoms of the gas asset for a unit of gas."""

    every_ms: int
    gas_asset: int
    gas_most: int = 0  # 0: no limit
    base_price: int = 0
    base_least: int = 0


class Blocks:
    """Follow the blocks of a venue.

    Parameters
    ----------
    terms : BlockTerms
        As declared.
    now_ms : int
        When they were.

    Examples
    --------
    A block that uses less than half of its limit lowers the base price by up to an eighth:

    >>> blocks = Blocks(BlockTerms(10, 0, gas_most=1_000_000, base_price=80, base_least=8), 0)
    >>> blocks.executes(10, 200_000, 200_000 * 83)
    >>> blocks.executes(20, 200_000, 200_000 * 74)
    >>> blocks.base_price
    74
    """

    def __init__(self, terms: BlockTerms, now_ms: int) -> None:
        self.terms = terms
        self.base_price = terms.base_price
        self.block_ms = now_ms // terms.every_ms * terms.every_ms
        self.used: int | None = None  # gas of the block at block_ms, None before the first
        self.tip = PRICE_MOST

    def executes(self, time_ms: int, gas: int, fee: int) -> None:
        """Execute an action in the block of a millisecond."""
        if time_ms % self.terms.every_ms:
            raise InvariantError("B-3: an action between blocks", f"{time_ms} ms")
        if time_ms != self.block_ms or self.used is None:
            self._begin(time_ms)
        assert self.used is not None
        tip, rest = fee // gas - self.base_price, fee % gas
        if rest or tip < 0 or tip > self.tip:
            raise InvariantError("B-3, B-4: gas that is not base price and tip, or tips that rise", f"{fee}, {self}")
        self.used += gas
        self.tip = tip
        if self.terms.gas_most and self.used > self.terms.gas_most:
            raise InvariantError("B-3: a block with more gas than its limit", f"{time_ms} ms: {self.used}")

    def _begin(self, time_ms: int) -> None:
        """Let the base price move for the last block, and for all that had none since (B-5)."""
        if self.terms.gas_most:
            if self.used is not None:
                self._move(self.used)
            empty = (time_ms - self.block_ms) // self.terms.every_ms - 1
            for _ in range(min(EMPTY_MOST, empty)):
                self._move(0)
        self.block_ms, self.used, self.tip = time_ms, 0, PRICE_MOST

    def _move(self, used: int) -> None:
        target = self.terms.gas_most // 2
        step = self.base_price * abs(used - target) // (8 * target)
        if used > target:
            self.base_price = min(PRICE_MOST, self.base_price + max(1, step))
        else:
            self.base_price = max(self.terms.base_least, self.base_price - step)

    def __repr__(self) -> str:
        """Tell where the blocks stand."""
        return f"Blocks(base_price={self.base_price}, block_ms={self.block_ms}, used={self.used}, tip={self.tip})"
