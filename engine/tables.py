"""Tables: everything that a run has recorded, by name, and in units for people.

Stands on `engine._core.World` and `engine.simulation`'s markets and assets; pandas (extra ``frames``) is imported where
it is used. A table is the world's own columns in ticks, lots and atoms; `Tables.scaled` gives prices, quantities and
amounts by the grids of markets and assets. What the columns are stands in `docs/tables.md`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import InputError
from engine.frames import need

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from engine._core import ColumnTable, World
    from engine.simulation import Asset, Market
    from engine.units import Grid

    Array = np.ndarray[Any, Any]

__all__ = ["NO_NUMBER", "NO_PRICE", "Tables"]

WITHOUT_UNITS = ("journal", "actions")
NO_NUMBER = 65535  # of a market: a row that has none
NO_PRICE = 2**40  # of a price: none
SAMPLE_PRICES = ("best_bid", "best_ask", "last", "index", "mark")
# Columns whose name in units is not their name without the unit.
RENAMED = {
    "bid_lots": "bid_qty",
    "ask_lots": "ask_qty",
    "bid_lots_1pct": "bid_qty_1pct",
    "ask_lots_1pct": "ask_qty_1pct",
    "qty_lots": "qty",
    "atoms": "amount",
}


def _unit_of(column: str) -> str | None:
    """Return what a column counts: ticks, lots, atoms, or nothing."""
    if column in SAMPLE_PRICES or column.endswith("_ticks"):
        return "ticks"
    if "_lots" in column:
        return "lots"
    return "atoms" if column.endswith("atoms") else None


def _name_in_units(column: str) -> str:
    return RENAMED.get(column) or column.removesuffix("_ticks").removesuffix("_lots").removesuffix("_atoms")


def _scaled(values: Array, numbers: Array, grids: Mapping[int, Grid], none: int | None, *, exact: bool) -> Array:
    """Return counts as values, each row by the grid of its market or asset; a row without one has no value."""
    result = np.full(len(values), None if exact else np.nan, dtype=object if exact else np.float64)
    known = np.ones(len(values), dtype=bool) if none is None else values != none
    for number, grid in grids.items():
        rows = known & (numbers == number)
        if exact:
            result[rows] = [grid.value(count) for count in values[rows].tolist()]
        else:
            step = Fraction(grid.step)  # 4001 / 1000 is the float of 4.001; 4001 * 0.001 is not
            result[rows] = values[rows] * step.numerator / step.denominator
    return result


class Tables:
    """The tables of one world by name: ``run.trades``, ``run["quotes"]``.

    Parameters
    ----------
    world : engine._core.World
        Each access shows its rows as they stand.
    markets : iterable of Market, optional
        For values in units; `Simulation.tables` passes its own.
    assets : iterable of Asset, optional
        Likewise.

    Examples
    --------
    >>> from engine import Side
    >>> from engine.simulation import Simulation
    >>> sim = Simulation(seed=1)
    >>> sim.record(quotes=True)
    >>> usdt = sim.asset("USDT", decimals=6, supply="1000000000")
    >>> atom = sim.asset("ATOM", decimals=3, supply="1000000000")
    >>> spot = sim.spot("ATOM/USDT", atom, usdt, tick="0.001", lot="0.001")
    >>> maker = sim.account("maker", USDT="100")
    >>> ticket = sim.place(maker, spot, Side.BUY, "4.001", "5", at_ms=0)
    >>> events = sim.run(until_ms=10)
    >>> sim.tables.quotes["bid_ticks"].tolist(), sim.tables.scaled("quotes")["bid"].tolist()
    ([4001], [4.001])
    >>> sim.tables.scaled("quotes", exact=True)["bid_qty"].tolist()
    [Decimal('5.000')]
    """

    def __init__(self, world: World, markets: Iterable[Market] = (), assets: Iterable[Asset] = ()) -> None:
        self.world = world
        self._markets = {market.number: market for market in markets}
        self._assets = {asset.number: asset for asset in assets}

    @property
    def names(self) -> list[str]:
        """The tables that are recorded or have rows."""
        return self.world.table_names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __getitem__(self, name: str) -> ColumnTable:
        return self.world.table(name)

    @property
    def trades(self) -> ColumnTable:
        """Every trade."""
        return self["trades"]

    @property
    def orders(self) -> ColumnTable:
        """Orders that arrived, were cancelled, or were missed by a cancel."""
        return self["orders"]

    @property
    def quotes(self) -> ColumnTable:
        """Best bid and ask whenever they changed."""
        return self["quotes"]

    @property
    def depth(self) -> ColumnTable:
        """The best levels of each side at a cadence."""
        return self["depth"]

    @property
    def samples(self) -> ColumnTable:
        """Touch, prices and lots within 1 % at a cadence."""
        return self["samples"]

    @property
    def prices(self) -> ColumnTable:
        """Published index and mark; last and mid if recorded."""
        return self["prices"]

    @property
    def accounts(self) -> ColumnTable:
        """Balances and margin at a cadence."""
        return self["accounts"]

    @property
    def movements(self) -> ColumnTable:
        """Every move of atoms in the ledger."""
        return self["movements"]

    @property
    def waterfall(self) -> ColumnTable:
        """What liquidations did, row by row: steps, takeovers, ADL, who paid what (X-15)."""
        return self["waterfall"]

    @property
    def actions(self) -> ColumnTable:
        """Every executed action at protocols, pools, issuers and routes, done or refused (B-6)."""
        return self["actions"]

    @property
    def journal(self) -> ColumnTable:
        """The commands as they reached their books (J-1)."""
        return self["journal"]

    @property
    def landmarks(self) -> Any:
        """The landmarks, as `World.landmarks` gives them."""
        return self.world.landmarks()

    def scaled(self, name: str, *, exact: bool = False) -> dict[str, Array]:
        """Return a table's columns with prices, quantities and amounts in units.

        Parameters
        ----------
        name : str
            A table but ``journal`` and ``actions``, whose rows have no common units.
        exact : bool
            `decimal.Decimal`, and None for none, in object arrays; else float64 and NaN.

        Returns
        -------
        dict of str to numpy.ndarray
            ``price_ticks`` becomes ``price``, ``bid_lots`` ``bid_qty``, ``balance_atoms`` ``balance``; other columns
            are as they were.

        Raises
        ------
        InputError
            No such table, no units, or markets or assets that this view does not know.

        Notes
        -----
        O(rows x markets).
        """
        if name in WITHOUT_UNITS:
            raise InputError("name", "a table whose columns have units", name)
        table = self[name]
        columns: dict[str, Array] = {}
        for column in table.names:
            unit = _unit_of(column)
            if unit is None:
                columns[column] = table[column]
                continue
            owner = "asset" if unit == "atoms" else "market"
            grids = self._grids(unit, set(np.unique(table[owner]).tolist()) - {NO_NUMBER})
            none = table.nulls.get(column)
            columns[_name_in_units(column)] = _scaled(table[column], table[owner], grids, none, exact=exact)
        return columns

    def _grids(self, unit: str, numbers: set[int]) -> dict[int, Grid]:
        """Return the grid of each market or asset that occurs."""
        if unit == "atoms":
            grids = {number: asset.grid for number, asset in self._assets.items()}
        else:
            markets = self._markets.items()
            grids = {number: market.price if unit == "ticks" else market.quantity for number, market in markets}
        missing = numbers - grids.keys()
        if missing:
            field = "assets" if unit == "atoms" else "markets"
            raise InputError(field, f"numbers that occur in the table, among them {min(missing)}", sorted(grids))
        return {number: grids[number] for number in sorted(numbers)}

    def frame(self, name: str, *, exact: bool = False) -> Any:
        """Return `scaled` as a `pandas.DataFrame` (extra ``frames``) with markets and assets by name."""
        pandas = need("pandas")
        columns: dict[str, Any] = dict(self.scaled(name, exact=exact))
        for column, named in (("market", self._markets), ("asset", self._assets)):
            if column in columns and named:
                numbers = sorted(named)
                codes = np.full(NO_NUMBER + 1, -1)
                codes[numbers] = np.arange(len(numbers))
                names = [named[number].name for number in numbers]
                columns[column] = pandas.Categorical.from_codes(codes[columns[column]], categories=names)
        return pandas.DataFrame(columns)
