"""The state digest, version 1 (D-1).

Stands on nothing.

Promises: the same words give the same 64 bits everywhere and always; another order or another word gives others.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

DIGEST_VERSION = 1
WORD_MASK = 2**64 - 1

# D-1: the start value is that of FNV-1a, the multiplier 2^64 divided by the golden ratio.
DIGEST_START = 0xCBF29CE484222325
DIGEST_MULTIPLIER = 0x9E3779B97F4A7C15
DIGEST_SHIFT = 32

# D-1: "none" as a word; D-2: the end of a side, and a last price that does not exist.
WORD_NONE = -1
WORD_SIDE_END = -2
# D-2: what opens the parts that are there only where there is something to say.
WORD_ORDER_TERMS = -3
WORD_STOPS = -4
WORD_BOOK_TERMS = -5
WORD_POSITIONS = -6
WORD_NO_PRICE = 2**40


class DigestKind(IntEnum):
    """Name what a digest is of; the second word of every digest."""

    BOOK = 1
    QUEUE = 2
    WORLD = 3
    POOL = 4


def mixed(digest: int, word: int) -> int:
    """Return the digest after one more word, taken as 64 bits of two's complement."""
    digest ^= word & WORD_MASK
    digest = digest * DIGEST_MULTIPLIER & WORD_MASK
    return digest ^ digest >> DIGEST_SHIFT


def digest_of(kind: DigestKind, words: Iterable[int]) -> int:
    """Return the digest of a state that is written out as words.

    Examples
    --------
    >>> digest_of(DigestKind.BOOK, [1, 2]) == digest_of(DigestKind.BOOK, [2, 1])
    False
    """
    digest = mixed(mixed(DIGEST_START, DIGEST_VERSION), kind)
    for word in words:
        digest = mixed(digest, word)
    return digest
