"""Names of accounts: one each, and of a crowd one for all with the member's place behind it.

Stands on nothing. A million members take the memory of one name.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping

__all__ = ["AccountNames"]


class AccountNames(Mapping[int, str]):
    """The accounts that have a name, by number.

    Parameters
    ----------
    names : mapping of int to str
        Single ones to begin with.

    Examples
    --------
    >>> names = AccountNames({3: "maker"})
    >>> names.add_block(10, 1_000_000, "holders")
    >>> names[12], names[3], "holders 5" in names.values(), names.is_taken("holders 5"), len(names)
    ('holders 2', 'maker', True, True, 1000001)
    """

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = dict(names)
        self._taken = set(self._names.values())
        self._blocks: list[tuple[int, int, str]] = []  # (first, count, name), ascending

    def add(self, number: int, name: str) -> None:
        """Name one account."""
        self._names[number] = name
        self._taken.add(name)

    def add_block(self, first: int, count: int, name: str) -> None:
        """Name accounts that follow one another: NAME 0, NAME 1 and so on. They lie behind all blocks before."""
        self._blocks.append((first, count, name))
        self._taken.add(name)

    def is_taken(self, name: str) -> bool:
        """Tell whether an account has that name, or a block."""
        if name in self._taken:
            return True
        own, _, place = name.rpartition(" ")
        counts = [count for _, count, block in self._blocks if block == own]
        return bool(counts) and place.isdecimal() and str(int(place)) == place and int(place) < counts[0]

    def copy(self) -> AccountNames:
        """Return an independent copy."""
        copy = AccountNames(self._names)
        copy._blocks, copy._taken = list(self._blocks), set(self._taken)
        return copy

    def __getitem__(self, number: int) -> str:
        if number in self._names:
            return self._names[number]
        place = bisect_right(self._blocks, number, key=lambda block: block[0]) - 1
        if place >= 0:
            first, count, name = self._blocks[place]
            if number < first + count:
                return f"{name} {number - first}"
        raise KeyError(number)

    def __iter__(self) -> Iterator[int]:
        yield from self._names
        for first, count, _ in self._blocks:
            yield from range(first, first + count)

    def __len__(self) -> int:
        return len(self._names) + sum(count for _, count, _ in self._blocks)
