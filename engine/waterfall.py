"""The waterfall of a run: who bore its losses, and how the venue got there (rule X-15).

Stands on the tables that `engine._core.World` hands over and on `engine.bearing` for the figures. Reads only.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from engine import _core, bearing
from engine.bearing import WaterfallKind, chosen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from engine._core import World
    from engine.bearing import BrokenHedges, ForcedVolume, Haircuts, Path, ToxicSteps
    from engine.simulation import Simulation

__all__ = ["Waterfall", "WaterfallKind"]

MOVEMENT_TRANSFER = 13  # realised PnL of a transfer (L-14)


class Waterfall:
    """The waterfall of a run up to now.

    Parameters
    ----------
    run : World or Simulation
        Recorded with ``record(waterfall=True)``; with ``movements=True`` the fund's path and shares of profit are known
        too. Rows are copied, later ones do not appear. With a `Simulation` what is printed has units.
    hedgers : collection of int, optional
        Accounts whose hedges to look at; by default those of the native hedgers (A-9).

    Attributes
    ----------
    table : ColumnTable
        The rows.
    """

    def __init__(self, run: World | Simulation, *, hedgers: Collection[int] | None = None) -> None:
        self._named: Simulation | None = None if isinstance(run, _core.World) else run
        self._world = run if isinstance(run, _core.World) else run.world
        self.table = self._world.table("waterfall")
        self._movements = self._world.table("movements")
        self.hedgers = self._world.accounts_of("hedge") if hedgers is None else list(hedgers)

    @cached_property
    def haircuts(self) -> Haircuts:
        """What ADL and loss sharing cost each counterparty against the mark of the moment."""
        return self.haircuts_at(None)

    def haircuts_at(self, marks_ticks: Mapping[int, int] | None) -> Haircuts:
        """Return the haircuts against other prices, ticks by market: what was taken, seen from later."""
        markets = np.unique(chosen(self.table, [WaterfallKind.ADL], "market")[0]).tolist()
        worth = {market: self._world.market(market)["atoms_per_tick_lot"] for market in markets}
        return bearing.haircuts(self.table, worth, marks_ticks=marks_ticks, realised_atoms=self._realised())

    def _realised(self) -> dict[tuple[int, int], int] | None:
        """PnL that transfers realised, by account and asset; None if movements are not recorded."""
        if not len(self._movements["kind"]):
            return None
        rows = self._movements["kind"] == MOVEMENT_TRANSFER
        found: dict[tuple[int, int], int] = {}
        names = ("payer", "receiver", "asset", "atoms")
        for payer, receiver, asset, atoms in zip(*(self._movements[n][rows].tolist() for n in names), strict=True):
            found[payer, asset] = found.get((payer, asset), 0) - atoms
            found[receiver, asset] = found.get((receiver, asset), 0) + atoms
        return found

    @property
    def budget_atoms(self) -> dict[int, int]:
        """What the counterparties had to bear, by asset; see `engine.bearing.budget_atoms`."""
        return bearing.budget_atoms(self.table)

    @property
    def overshoot(self) -> float | None:
        """Total haircut / budget needed; see `engine.bearing.overshoot`."""
        return bearing.overshoot(self.haircuts.total_atoms, self.budget_atoms)

    @property
    def hedges_broken(self) -> BrokenHedges:
        """Hedgers whose leg ADL closed; see `engine.bearing.hedges_broken`."""
        return bearing.hedges_broken(self.table, self.hedgers)

    @property
    def toxic_steps(self) -> ToxicSteps:
        """Steps that made it worse; see `engine.bearing.toxic_steps`."""
        return bearing.toxic_steps(self.table)

    @property
    def first_adl_after_ms(self) -> int | None:
        """From the first takeover to the first ADL, ms; see `engine.bearing.first_adl_after_ms`."""
        return bearing.first_adl_after_ms(self.table)

    def fund_path(self, account: int, asset: int) -> Path:
        """Return the balance of an insurance fund by time, from the recorded movements."""
        return bearing.fund_path(self._movements, account, asset)

    def forced_volume(self, window: int | str = "1s") -> ForcedVolume:
        """Return the forced volume by windows; see `engine.bearing.forced_volume`."""
        return bearing.forced_volume(self.table, window=window)

    def counts(self) -> dict[str, int]:
        """Return how many rows of each kind there are, those that there are."""
        numbers, counts = np.unique(self.table["kind"], return_counts=True)
        return {
            WaterfallKind(number).name.lower(): count
            for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
        }

    def _amounts(self, atoms: Mapping[int, int]) -> str:
        """Return amounts by asset for people."""
        if self._named is None:
            return ", ".join(f"{count} atoms of asset {asset}" for asset, count in atoms.items()) or "nothing"
        assets = {asset.number: asset for asset in self._named.assets.values()}
        shown = (f"{assets[number].grid.value(count)} {assets[number].name}" for number, count in atoms.items())
        return ", ".join(shown) or "nothing"

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self.counts().items())
        return f"Waterfall({counts or 'empty'})"

    def __str__(self) -> str:
        toxic, ratio, after = self.toxic_steps, self.overshoot, self.first_adl_after_ms
        worst: dict[int, int] = {}
        for asset, atoms in zip(self.haircuts.asset.tolist(), self.haircuts.atoms.tolist(), strict=True):
            worst[asset] = max(worst.get(asset, 0), atoms)
        return "\n".join(
            [
                f"steps {toxic.steps}, of which {toxic.toxic} toxic",
                f"borne by counterparties {self._amounts(self.haircuts.total_atoms)}, "
                f"needed {self._amounts(self.budget_atoms)}" + ("" if ratio is None else f": overshoot {ratio:.3f}"),
                f"largest haircut {self._amounts(worst)}",
                str(self.hedges_broken),
                "no takeover before ADL" if after is None else f"first ADL {after} ms after the first takeover",
            ]
        )
