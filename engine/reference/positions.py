"""What owners hold, as far as the book has been told, and what that lets reduce-only orders do (M-26).

Stands on nothing.

Promises: before the first position is told nothing is kept and everybody holds 0; from then on the book's own fills
are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Positions:
    """Keep the position of every owner, lots, long above 0."""

    def __init__(self) -> None:
        self.are_told = False
        self._lots: dict[int, int] = {}  # by owner; without 0

    def __getitem__(self, owner: int) -> int:
        """Return the position of an owner; nobody's is 0."""
        return self._lots.get(owner, 0)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Walk (owner, position) of each that is not 0, by owner (D-2)."""
        return iter(sorted(self._lots.items()))

    def tell(self, owner: int, position_lots: int) -> None:
        """Set a position (POSITION)."""
        self.are_told = True
        self._set(owner, position_lots)

    def traded(self, owner: int, signed_lots: int) -> None:
        """Count one side of a fill."""
        if self.are_told and owner >= 0:
            self._set(owner, self[owner] + signed_lots)

    def reducible(self, owner: int, side: int) -> int:
        """Return the lots that an owner may trade on a side without opening or flipping a position."""
        return max(-side * self[owner], 0)

    def _set(self, owner: int, position_lots: int) -> None:
        self._lots[owner] = position_lots
        if position_lots == 0:
            del self._lots[owner]
