"""What a simulation has declared: assets and markets with their grids, and the plan of a scenario.

`engine.simulation` makes them. Stands on `engine.units`. All are frozen; numbers are those of the world.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.units import Amount, Grid

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Asset", "Market", "Plan", "share_ppm"]


def share_ppm(share: Amount, field: str, *, least: int = 0) -> int:
    """Return a share of 0 to 1 in parts per million.

    Examples
    --------
    >>> share_ppm("0.02", "maintenance")
    20000
    """
    ppm = Grid("0.000001").count(share, field)
    if not least <= ppm <= 10**6:
        raise InputError(field, f"a share between {least} ppm and 1", share)
    return ppm


@dataclass(frozen=True)
class Asset:
    """An asset: its number in the world, the size of its atom and the most atoms that there may be."""

    name: str
    number: int
    grid: Grid
    supply_atoms: int

    @property
    def decimals(self) -> int:
        """Decimals of an atom."""
        return -int(self.grid.step.as_tuple().exponent)

    def atoms(self, amount: Amount, field: str = "amount") -> int:
        """Return an amount in atoms."""
        return self.grid.count(amount, field)


@dataclass(frozen=True)
class Market:
    """A market: its number in the world and its grids."""

    name: str
    number: int
    price: Grid
    quantity: Grid
    atoms_per_tick_lot: int
    quote: Asset
    base: Asset | None
    venue: int = 0

    def __index__(self) -> int:
        """Stand for the market's number wherever the core wants one."""
        return self.number

    def ticks(self, price: Amount, field: str = "price") -> int:
        """Return a price in ticks."""
        return self.price.count(price, field)

    def lots(self, quantity: Amount, field: str = "quantity") -> int:
        """Return a quantity in lots."""
        return self.quantity.count(quantity, field)

    def lots_worth(self, amount: Amount, price_ticks: int) -> int:
        """Return the whole lots that an amount of the quote asset buys at a positive price, at least 1."""
        if price_ticks < 1:
            raise InputError("price_ticks", "a positive price", price_ticks)
        return max(1, self.quote.grid.floor_count(amount, "amount") // (price_ticks * self.atoms_per_tick_lot))


@dataclass(frozen=True)
class Plan:
    """What a scenario's simulation knows of the scenario: its name, its clock and its end."""

    name: str
    start: datetime
    end_ms: int
