"""Pools that stand alone: constant product, StableSwap, liquidity in ranges (rules Z-1 .. Z-15).

Stands on the core. Amounts are atoms of a coin, fees ppm, prices exact ratios of atoms. A world has pools of its own
with the same arithmetic (`World.add_pool`; docs/pools.md). `engine.reference.pools` has them as readable programs.

Promises: a command is carried out whole, or refused with a `PoolReason` and nothing has changed.
"""

from engine._core import (
    ConcentratedPool,
    ConstantProductPool,
    ShareOutcome,
    StableSwapPool,
    SwapOutcome,
    sqrt_price_at,
)
from engine.types import PoolReason

__all__ = [
    "ConcentratedPool",
    "ConstantProductPool",
    "PoolReason",
    "ShareOutcome",
    "StableSwapPool",
    "SwapOutcome",
    "sqrt_price_at",
]
