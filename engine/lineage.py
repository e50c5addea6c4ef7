"""Lineage of a run: its landmarks, their causes, and the answer to "why" (rules G-1 .. G-7).

Stands on the rows that `engine._core.World.landmarks` and `causes` hand over. Reads only.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from engine import _core
from engine.errors import InputError

if TYPE_CHECKING:
    from engine._core import World
    from engine.simulation import Simulation

__all__ = ["Landmark", "LandmarkKind", "Lineage", "Mover", "MoverKind"]


class LandmarkKind(IntEnum):
    """What a landmark is (G-1)."""

    BACKGROUND = 0
    SHOCK = 1
    WITHDRAWAL = 2
    RETURN = 3
    PUBLICATION = 4
    LIQUIDATION = 5
    STEP = 6
    BAD_DEBT = 7


class MoverKind(IntEnum):
    """What moved a price (G-3)."""

    NONE = 0
    PLACE = 1
    CANCEL = 2
    TRADE = 3


# Calling an enumeration costs more than all the rest of a row.
_KINDS = {int(kind): kind for kind in LandmarkKind}
_MOVER_KINDS = {int(kind): kind for kind in MoverKind}


class Mover(NamedTuple):
    """The command behind a publication."""

    time_ms: int
    kind: MoverKind
    account: int
    number: int
    cause: int


class Landmark(NamedTuple):
    """One landmark; `id` is its row, 0 the background."""

    id: int
    time_ms: int
    kind: LandmarkKind
    market: int
    number: int
    account: int
    parent: int
    generation: int
    value: int
    mover: Mover | None


class Lineage:
    """The causes of a run up to now.

    Parameters
    ----------
    run : World or Simulation
        The run; rows are copied, later ones do not appear. With a `Simulation` the lines of `why` have names and units.
    """

    def __init__(self, run: World | Simulation) -> None:
        self._named: Simulation | None = None if isinstance(run, _core.World) else run
        world = run if isinstance(run, _core.World) else run.world
        self.landmarks: list[Landmark] = []
        for row_id, row in enumerate(world.landmarks()):
            time_ms, kind, market, number, account, parent, generation, value, mover = row
            by = None if mover is None else Mover(mover[0], _MOVER_KINDS[mover[1]], mover[2], mover[3], mover[4])
            self.landmarks.append(
                Landmark(row_id, time_ms, _KINDS[kind], market, number, account, parent, generation, value, by)
            )
        self.causes: list[tuple[int, int, int]] = list(world.causes())

    def of_kind(self, kind: LandmarkKind) -> list[Landmark]:
        """Return the landmarks of one kind, in order."""
        return [row for row in self.landmarks[1:] if row.kind == kind]

    def generations(self) -> dict[int, int]:
        """Return how many liquidations each generation has (G-7)."""
        return dict(sorted(Counter(row.generation for row in self.of_kind(LandmarkKind.LIQUIDATION)).items()))

    def chain(self, landmark_id: int) -> list[Landmark]:
        """Return a landmark and its ancestors by heaviest cause, the root last.

        Raises
        ------
        InputError
            There is no such landmark.
        """
        if not 0 < landmark_id < len(self.landmarks):
            raise InputError("landmark_id", f"a landmark between 1 and {len(self.landmarks) - 1}", landmark_id)
        rows = []
        while landmark_id:
            rows.append(self.landmarks[landmark_id])
            landmark_id = rows[-1].parent
        return rows

    def _account(self, number: int) -> str:
        return f"account {number}" if self._named is None else self._named.accounts[number]

    def _where(self, row: Landmark) -> str:
        """Return a landmark's market and value, with units where the run has names."""
        if self._named is None:
            return f"market {row.market}, value {row.value}"
        market = next(market for market in self._named.markets.values() if market.number == row.market)
        if row.kind in (LandmarkKind.PUBLICATION, LandmarkKind.WITHDRAWAL):
            return f"{market.name} at {market.price.value(row.value)}"
        if row.kind in (LandmarkKind.SHOCK, LandmarkKind.STEP):
            return f"{market.name}, {market.quantity.value(row.value)} to trade"
        if row.kind in (LandmarkKind.LIQUIDATION, LandmarkKind.BAD_DEBT):
            meaning = "equity" if row.kind == LandmarkKind.LIQUIDATION else "written off"
            return f"{market.name}, {meaning} {market.quote.grid.value(row.value)} {market.quote.name}"
        return market.name

    def why(self, landmark_id: int) -> list[str]:
        """Return a landmark's causes as readable lines, itself first."""
        lines = []
        for row in self.chain(landmark_id):
            whom = f" of {self._account(row.account)}" if row.account >= 0 else ""
            line = f"{row.time_ms / 1000:.3f} s  {row.kind.name}{whom} ({self._where(row)})"
            if row.mover is not None:
                mover = row.mover
                line += f", moved by the {mover.kind.name} of {self._account(mover.account)}'s order {mover.number}"
                line += f" at {mover.time_ms / 1000:.3f} s"
            lines.append(line)
        return lines
