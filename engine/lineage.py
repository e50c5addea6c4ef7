"""Lineage of a run: its landmarks, their causes, and the answer to "why" (rules G-1 .. G-7).

Stands on the rows that `engine._core.World.landmarks` and `causes` hand over. Reads only.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import InputError

if TYPE_CHECKING:
    from engine._core import World

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
    world : World
        The run; rows are copied, later ones do not appear.
    """

    def __init__(self, world: World) -> None:
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

    def why(self, landmark_id: int) -> list[str]:
        """Return a landmark's causes as readable lines, itself first."""
        lines = []
        for row in self.chain(landmark_id):
            whom = f" of account {row.account}" if row.account >= 0 else ""
            line = f"{row.time_ms / 1000:.3f} s  {row.kind.name}{whom} (market {row.market}, value {row.value})"
            if row.mover is not None:
                mover = row.mover
                line += f", moved by the {mover.kind.name} of account {mover.account}'s order {mover.number}"
                line += f" at {mover.time_ms / 1000:.3f} s"
            lines.append(line)
        return lines
