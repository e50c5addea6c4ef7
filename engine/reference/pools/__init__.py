"""Pools as readable programs: rules Z-1 .. Z-15.

Stands on `engine.errors`, `engine.types`, `inputs` and `digest`.

::

    base     what every pool has: bounds, outcomes, arguments
    product  Z-5, Z-6     stable  Z-7 .. Z-10     ranges  Z-11 .. Z-14

Promises: whole numbers only; a command is refused before anything is written, or done whole.
"""

from engine.reference.pools.base import ShareOutcome, SwapOutcome
from engine.reference.pools.product import ConstantProductPool
from engine.reference.pools.ranges import ConcentratedPool, sqrt_price_at
from engine.reference.pools.stable import StableSwapPool

__all__ = [
    "ConcentratedPool",
    "ConstantProductPool",
    "ShareOutcome",
    "StableSwapPool",
    "SwapOutcome",
    "sqrt_price_at",
]
