"""Part: one simulation of a scenario, the scenario itself or one of its variants, built and perhaps run.

Stands on `engine.simulation` and `engine.lineage`. Reading changes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal
    from os import PathLike

    from engine._core import ColumnTable
    from engine.lineage import Lineage
    from engine.scenario import Scenario
    from engine.simulation import Market, Simulation
    from engine.tables import Tables
    from engine.waterfall import Waterfall

__all__ = ["Part", "Recorded", "build_part"]


class Recorded(ABC):
    """Something that has tables; gives them by name (`docs/tables.md`)."""

    @property
    @abstractmethod
    def tables(self) -> Tables:
        """All tables by name, and in units."""

    @property
    def trades(self) -> ColumnTable:
        """Every trade."""
        return self.tables.trades

    @property
    def orders(self) -> ColumnTable:
        """Orders that arrived, were cancelled, or were missed by a cancel."""
        return self.tables.orders

    @property
    def quotes(self) -> ColumnTable:
        """Best bid and ask whenever they changed."""
        return self.tables.quotes

    @property
    def depth(self) -> ColumnTable:
        """The best levels of each side at a cadence."""
        return self.tables.depth

    @property
    def samples(self) -> ColumnTable:
        """Touch, prices and lots within 1 % at a cadence."""
        return self.tables.samples

    @property
    def prices(self) -> ColumnTable:
        """Published index and mark; last and mid if recorded."""
        return self.tables.prices

    @property
    def accounts(self) -> ColumnTable:
        """Balances and margin at a cadence."""
        return self.tables.accounts

    @property
    def movements(self) -> ColumnTable:
        """Every move of atoms in the ledger."""
        return self.tables.movements

    @property
    def waterfall(self) -> ColumnTable:
        """What liquidations did, row by row (X-15)."""
        return self.tables.waterfall

    @property
    def journal(self) -> ColumnTable:
        """The commands as they reached their books (J-1)."""
        return self.tables.journal

    @property
    def landmarks(self) -> ColumnTable:
        """The landmarks (G-1)."""
        found: ColumnTable = self.tables.landmarks
        return found


@dataclass
class Part(Recorded):
    """One simulation and what it is called; its tables are `trades`, `quotes` and so on.

    Parameters
    ----------
    name : str
        Name of the part: ``base`` or a variant.
    simulation : Simulation
        Built, and perhaps run.
    until_ms : int
        Where it ends.
    spill_rows : int
        Rows of a table that stay in memory when a run folder takes the older ones; 0: all.
    """

    name: str
    simulation: Simulation
    until_ms: int
    spill_rows: int = 0

    @property
    def tables(self) -> Tables:
        """All tables by name, and in units."""
        return self.simulation.tables

    @property
    def lineage(self) -> Lineage:
        """The landmarks and their causes up to now."""
        from engine.lineage import Lineage

        return Lineage(self.simulation)

    @property
    def waterfall_figures(self) -> Waterfall:
        """Who bore what of the losses, up to now; needs the table ``waterfall`` (rule X-15)."""
        from engine.waterfall import Waterfall

        return Waterfall(self.simulation)

    @property
    def figures(self) -> dict[str, Any]:
        """Lows, counts, liquidations by generation, bad debt, digest, as they are now."""
        from engine.figures import part_figures

        return part_figures(self)

    @property
    def digest(self) -> str:
        """The world's digest (16 hexadecimal digits)."""
        return f"{self.simulation.world.digest():016x}"

    @property
    def market(self) -> Market:
        """The market of its story: the first perpetual, else the first market."""
        markets = list(self.simulation.markets.values())
        return next((market for market in markets if market.base is None), markets[0])

    @property
    def low(self) -> Decimal | None:
        """Lowest trade price on the part's market, in its quote asset."""
        return self.lows[self.market.name]

    @property
    def lows(self) -> dict[str, Decimal | None]:
        """Lowest trade price of every market by its name, in its quote asset. O(trades + markets)."""
        import numpy as np

        trades, markets = self.simulation.world.trades(), self.simulation.markets
        none = np.iinfo(np.int64).max
        lows = np.full(max(market.number for market in markets.values()) + 1, none)
        for numbers, prices in zip(trades.chunks("market"), trades.chunks("price_ticks"), strict=True):
            np.minimum.at(lows, numbers.astype(np.intp), prices.astype(np.int64))  # ten times as fast as with a cast
        return {
            name: None if lows[market.number] == none else market.price.value(int(lows[market.number]))
            for name, market in markets.items()
        }

    def report(
        self, path: str | PathLike[str], *, markets: Sequence[str] | None = None, landmark: int | None = None
    ) -> None:
        """Write the part as one HTML file that opens without a network; parameters as for `RunResult.report`."""
        from engine.report import write

        write(path, self, markets=markets, landmark=landmark)


def build_part(scenario: Scenario, name: str) -> Part:
    """Build a part of a scenario.

    Parameters
    ----------
    scenario : Scenario
        Whole.
    name : str
        ``base`` or one of its variants.

    Returns
    -------
    Part

    Raises
    ------
    InputError
        There is no such variant, or the world refuses it.
    """
    changed = scenario.variant(name)
    return Part(name, changed.simulation(), changed.duration, changed.record.spill)
