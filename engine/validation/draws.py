"""Keyed draws (R-1 .. R-6) as arrays: the bits of `engine._core.draw`, many at a time.

Stands on numpy. A stream is one member of a population; its i-th number is the draw ``k = i`` at ``time_ms = 0`` of
`PURPOSE`, so a number depends on seed, population, ordinal and i only, never on what else was drawn.

Philox in numpy runs over uint64, whose products of two 32-bit words are exact. The logarithm is R-6's, in its order of
operations: one ufunc an operation, so nothing can be fused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.reference import fmath, rng
from engine.validation.clock import to_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

Bits = NDArray[np.uint64]
Floats = NDArray[np.float64]

PURPOSE = 101
"""Purpose number of validation draws; the engine's own purposes (`native/rng.pxd`) stay below 100."""

BLOCK = 1 << 15
"""Draws made at a time: the ten rounds then stay in the cache."""

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox_bits(key: int, time_ms: int, first: int, count: int) -> Bits:
    """Draw 64 bits for each k from `first` on (R-1, R-3).

    Parameters
    ----------
    key : int
        Philox key of a stream and purpose (R-2).
    time_ms : int
        The millisecond of the draws.
    first, count : int
        k runs from `first` to ``first + count - 1``, below 2^32.

    Returns
    -------
    array of uint64, shape (count,)

    Notes
    -----
    O(count); about 90 ns a draw.
    """
    c0: Bits = np.full(count, time_ms & 0xFFFFFFFF, dtype=np.uint64)
    c1: Bits = np.full(count, time_ms >> 32, dtype=np.uint64)
    c2: Bits = np.arange(first, first + count, dtype=np.uint64)
    c3: Bits = np.zeros(count, dtype=np.uint64)
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(rng.PHILOX_ROUNDS):
        product_0 = c0 * np.uint64(rng.PHILOX_MULTIPLIER_0)
        product_1 = c2 * np.uint64(rng.PHILOX_MULTIPLIER_1)
        c0, c1 = (product_1 >> _HALF) ^ c1 ^ np.uint64(k0), product_1 & _LOW
        c2, c3 = (product_0 >> _HALF) ^ c3 ^ np.uint64(k1), product_0 & _LOW
        k0 = (k0 + rng.PHILOX_WEYL_0) & 0xFFFFFFFF
        k1 = (k1 + rng.PHILOX_WEYL_1) & 0xFFFFFFFF
    return c0 | (c1 << _HALF)


def log(x: Floats) -> Floats:
    """Take the natural logarithm of positive finite numbers, with the engine's bits (R-6).

    Examples
    --------
    >>> from engine._core import log as native_log
    >>> float(log(np.array([0.3]))[0]) == native_log(0.3)
    True
    """
    m, e = np.frexp(x)
    is_low = m < fmath.SQRT_HALF
    m = np.where(is_low, m + m, m)
    exponent = (e - is_low).astype(np.float64)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    total: Floats = np.full_like(z, fmath.LOG_SERIES[0])
    for coefficient in fmath.LOG_SERIES[1:]:
        total = total * z + coefficient
    remainder = z * total
    result: Floats = exponent * fmath.LN2_HIGH - ((s * (f - remainder) - exponent * fmath.LN2_LOW) - f)
    return result


class Stream:
    """Draw from one member of a population.

    Parameters
    ----------
    seed : int
        The run's seed.
    population : str
        Who draws.
    ordinal : int
        The member, from 0.
    """

    def __init__(self, seed: int, population: str, ordinal: int = 0) -> None:
        self._key = rng.key_of(rng.stream_of(seed, rng.id_key(population, ordinal)), PURPOSE)

    def bits(self, count: int, first: int = 0) -> Bits:
        """Return draws `first` to ``first + count - 1``: 64 bits each."""
        blocks = [
            philox_bits(self._key, 0, at, min(BLOCK, first + count - at)) for at in range(first, first + count, BLOCK)
        ]
        return np.concatenate(blocks) if blocks else np.empty(0, dtype=np.uint64)

    def uniforms(self, count: int, first: int = 0) -> Floats:
        """Return numbers strictly between 0 and 1 (R-4)."""
        result: Floats = ((self.bits(count, first) >> np.uint64(12)).astype(np.float64) + 0.5) * rng.UNIFORM_STEP
        return result

    def exponentials(self, count: int, mean: float, first: int = 0) -> Floats:
        """Return waiting times of the given mean (R-5)."""
        result: Floats = -mean * log(self.uniforms(count, first))
        return result

    def endless_uniforms(self) -> Iterator[float]:
        """Yield the stream's uniform numbers one by one, from the first."""
        first = 0
        while True:
            yield from self.uniforms(BLOCK, first).tolist()
            first += BLOCK

    def endless_waits_ms(self, mean: float, ms_per_unit: int) -> Iterator[int]:
        """Yield exponential waits one by one, from the first, rounded to the millisecond."""
        first = 0
        while True:
            yield from to_ms(self.exponentials(BLOCK, mean, first), ms_per_unit).tolist()
            first += BLOCK
