"""A random number of milliseconds, by a table: rule R-7.

Stands on `rng`.

::

    bits  [ cell: 10 | the rest: 54 ]      both ends of the cell give the same value? that one : the law of all 64 bits

Promises: a value is that of the law rounded half up, held within 0 .. `MS_MAX`.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.reference import rng

CELL_BITS = 10
REST_BITS = 64 - CELL_BITS
MS_MAX = 10**9


class Law(NamedTuple):
    """Describe a law over milliseconds: its name and parameters, as `World.add_agents` takes them.

    Examples
    --------
    >>> Law("fixed", 2.5).ms(0), Law("uniform", 4.0, 8.0).ms(2**63)
    (3, 6)
    """

    name: str
    a: float
    b: float = 0.0

    def ms(self, bits: int) -> int:
        """Return the milliseconds that 64 drawn bits stand for (R-7)."""
        first = bits >> REST_BITS << REST_BITS
        low, high = self.exact_ms(first), self.exact_ms(first + 2**REST_BITS - 1)
        return low if low == high else self.exact_ms(bits)

    def exact_ms(self, bits: int) -> int:
        """Return the law of these bits, rounded half up and held within the bounds."""
        value = self.value(bits)
        if value >= MS_MAX:
            return MS_MAX
        return max(0, rng.round_half_up(value))

    def value(self, bits: int) -> float:
        """Return the law of these bits, a real number (R-5)."""
        if self.name == "fixed":
            return self.a
        if self.name == "uniform":
            return rng.uniform(bits, self.a, self.b)
        if self.name == "exponential":
            return rng.exponential(bits, self.a)
        if self.name == "lognormal":
            return rng.lognormal(bits, self.a, self.b)
        return rng.pareto(bits, self.a, self.b)
