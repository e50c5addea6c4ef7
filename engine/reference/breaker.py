"""A market's circuit breaker as a readable program: rule V-9.

Stands on nothing.

::

    trade -> highest price of its part -> reference: highest of the running part and the eight before
          -> at or below reference x (1 - fall)? -> halted for a while, the highest prices are forgotten

Promises: a fall of the declared share within the window is never missed, whatever stood between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Breaker", "BreakerTerms"]

PPM = 10**6
PARTS = 8  # of the window; the running one comes on top
WORD = -18  # before a breaker's words in the digest (J-4)


class BreakerTerms(NamedTuple):
    """Declare a breaker: the fall that halts (ppm), the window in which it is looked for, how long a halt is (ms)."""

    fall_ppm: int
    within_ms: int
    halt_ms: int


class Breaker:
    """Follow the trades of a market and say when it halts.

    Parameters
    ----------
    terms : BreakerTerms
        Its declaration.

    Examples
    --------
    >>> breaker = Breaker(BreakerTerms(fall_ppm=100_000, within_ms=80, halt_ms=50))
    >>> breaker.traded(0, [100, 95]), breaker.traded(79, [91, 90, 89])
    (None, 90)
    >>> breaker.is_halted(128), breaker.is_halted(129)
    (True, False)
    """

    def __init__(self, terms: BreakerTerms) -> None:
        self.terms = terms
        self.until_ms = 0
        self.highest: dict[int, int] = {}  # of the parts in which something was traded, by number

    def is_halted(self, now_ms: int) -> bool:
        """Tell whether orders are refused."""
        return now_ms < self.until_ms

    def traded(self, now_ms: int, prices: Iterable[int]) -> int | None:
        """Hear of a command's trades, in order; return the price that halts the market, None if none does."""
        part = self._part(now_ms)
        for price in prices:
            self.highest[part] = max(price, self.highest.get(part, price))
            reference = self.reference(now_ms)
            assert reference is not None
            if price * PPM <= reference * (PPM - self.terms.fall_ppm):
                self.until_ms = now_ms + self.terms.halt_ms
                self.highest.clear()
                return price
        return None

    def reference(self, now_ms: int) -> int | None:
        """Return the highest price that counts now; None without a trade."""
        return max((price for price in self._highest(now_ms) if price is not None), default=None)

    def words(self, now_ms: int) -> Iterator[int]:
        """Return what stands of it in a world's digest (J-4)."""
        yield WORD
        yield self.until_ms if self.is_halted(now_ms) else -1
        for price in self._highest(now_ms):
            yield -1 if price is None else price

    def _part(self, now_ms: int) -> int:
        part_ms = -(-self.terms.within_ms // PARTS)
        return now_ms // part_ms

    def _highest(self, now_ms: int) -> list[int | None]:
        """Return the highest price of each part that counts, the running one first."""
        running = self._part(now_ms)
        return [self.highest.get(running - age) for age in range(PARTS + 1)]
