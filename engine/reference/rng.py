"""Keyed random draws: rules R-1 .. R-5.

Stands on `fmath`, for the laws.

::

    (seed, population, ordinal, purpose) -> 64-bit key      who draws, and what for (R-2)
    (time_ms, k, subject)                -> 128-bit counter  when, the how-manieth, about what (R-3)
    Philox4x32-10(counter, key)          -> 64 bits -> a number of the law (R-4, R-5)

Promises: a draw depends on its key and counter only, not on what else was drawn or in which order. All integers are
taken mod 2^64; a law uses one draw.
"""

from __future__ import annotations

import math

from engine.reference.fmath import exp, log, normal_quantile

_MASK32 = 2**32 - 1
_MASK64 = 2**64 - 1

# 2^64 divided by the golden ratio, and the splitmix64 finaliser.
GOLDEN = 0x9E3779B97F4A7C15
MIX_MULTIPLIER_1 = 0xBF58476D1CE4E5B9
MIX_MULTIPLIER_2 = 0x94D049BB133111EB
FNV_START = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3

# Salmon et al., SC'11: the multipliers of Philox4x32, and what each round adds to the key.
PHILOX_MULTIPLIER_0 = 0xD2511F53
PHILOX_MULTIPLIER_1 = 0xCD9E8D57
PHILOX_WEYL_0 = 0x9E3779B9
PHILOX_WEYL_1 = 0xBB67AE85
PHILOX_ROUNDS = 10

UNIFORM_STEP = 2.0**-52

Counter = tuple[int, int, int, int]


def mix64(z: int) -> int:
    """Return 64 well-mixed bits: the splitmix64 finaliser (R-2)."""
    z &= _MASK64
    z ^= z >> 30
    z = z * MIX_MULTIPLIER_1 & _MASK64
    z ^= z >> 27
    z = z * MIX_MULTIPLIER_2 & _MASK64
    return z ^ z >> 31


def fnv1a64(data: bytes) -> int:
    """Return the 64-bit FNV-1a hash of bytes (R-2)."""
    h = FNV_START
    for byte in data:
        h = (h ^ byte) * FNV_PRIME & _MASK64
    return h


def id_key(population: str, ordinal: int) -> int:
    """Return the key of one member of a population (R-2)."""
    return mix64(fnv1a64(population.encode()) + ordinal * GOLDEN)


def stream_of(seed: int, member_key: int) -> int:
    """Return the stream of one member under a seed (R-2)."""
    return mix64(mix64(seed + GOLDEN) ^ member_key)


def key_of(stream: int, purpose: int) -> int:
    """Return the Philox key of one purpose of a stream (R-2)."""
    return mix64(stream + purpose * GOLDEN)


def philox4x32(counter: Counter, key: tuple[int, int]) -> Counter:
    """Return the four output words of Philox4x32-10 (R-1); all words are 32 bits."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(PHILOX_ROUNDS):
        product_0 = PHILOX_MULTIPLIER_0 * c0
        product_1 = PHILOX_MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (
            (product_1 >> 32) ^ c1 ^ k0,
            product_1 & _MASK32,
            (product_0 >> 32) ^ c3 ^ k1,
            product_0 & _MASK32,
        )
        k0 = (k0 + PHILOX_WEYL_0) & _MASK32
        k1 = (k1 + PHILOX_WEYL_1) & _MASK32
    return c0, c1, c2, c3


def bits64(key: int, time_ms: int, k: int, subject: int = 0) -> int:
    """Return draw number `k` (from 0) of a key in a millisecond, about a subject: 64 bits (R-3)."""
    w0, w1, _, _ = philox4x32(
        (time_ms & _MASK32, time_ms >> 32 & _MASK32, k & _MASK32, subject & _MASK32),
        (key & _MASK32, key >> 32 & _MASK32),
    )
    return w0 | w1 << 32


def uniform01(bits: int) -> float:
    """Return a number strictly between 0 and 1, exactly (R-4)."""
    return ((bits >> 12) + 0.5) * UNIFORM_STEP


def integer_below(bits: int, n: int) -> int:
    """Return an integer in 0 .. n - 1 (R-4), ``1 <= n <= 2^64``."""
    return bits * n >> 64


def uniform(bits: int, a: float, b: float) -> float:
    """Return a number between a and b (R-5)."""
    return a + (b - a) * uniform01(bits)


def exponential(bits: int, mean: float) -> float:
    """Return a waiting time of the given mean (R-5)."""
    return -mean * log(uniform01(bits))


def pareto(bits: int, minimum: float, alpha: float) -> float:
    """Return a number above `minimum` whose tail falls with the power `alpha` (R-5)."""
    return minimum * exp(-log(uniform01(bits)) / alpha)


def lognormal(bits: int, median: float, sigma: float) -> float:
    """Return a number whose logarithm is normal around that of `median` (R-5)."""
    return median * exp(sigma * normal_quantile(uniform01(bits)))


def integers(bits: int, a: int, b: int) -> int:
    """Return an integer in a .. b, both included (R-5)."""
    return a + integer_below(bits, b - a + 1)


def round_half_up(x: float) -> int:
    """Return the nearest integer, a half rounded up (R-5): ``floor(x + 0.5)``."""
    return math.floor(x + 0.5)
