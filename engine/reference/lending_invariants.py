"""What must hold of lending after every row of a journal: rules Y-1, Y-2, Y-20, Y-21, Z-16, K-1, I-3, I-4.

Stands on `protocols`. Whole numbers, nothing rounded.

Promises: reads only; O(state).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from engine.reference.lending import ONE, lending_utilisation
from engine.reference.protocols import INDEX_MOST, MORPHO

if TYPE_CHECKING:
    from engine.reference.lending_world import LendingWorld
    from engine.reference.protocols import Reserve


class Indexes(NamedTuple):
    """Hold the indexes of a reserve, to be compared with those after the next row."""

    supply: int
    borrow: int


def indexes_of(world: LendingWorld) -> list[Indexes]:
    """Return the indexes of every reserve."""
    return [Indexes(reserve.supply_index, reserve.borrow_index) for reserve in world.lending.reserves]


def first_lending_broken(world: LendingWorld, before: list[Indexes]) -> str | None:
    """Return the first invariant that does not hold, in words; `before` are the indexes before the last row."""
    return (
        _reserves_broken(world)
        or _indexes_broken(world, before)
        or _sums_broken(world)
        or _lists_broken(world)
        or world.pools.broken()
        or world.routes.broken()
        or world.issuers.broken()
    )


def _reserves_broken(world: LendingWorld) -> str | None:
    for number, reserve in enumerate(world.lending.reserves):
        cash = world.lending.atoms(reserve)
        if min(cash, reserve.kept, reserve.deficit, reserve.scaled_supply, reserve.scaled_debt) < 0:
            return f"Y-15: reserve {number} has something below 0: {reserve}, cash {cash}"
        if not _is_covered(reserve, cash):
            return f"Y-20: what is claimed of reserve {number} is not there: {reserve}, cash {cash}"
        if not 0 <= lending_utilisation(world.lending.cash(reserve), reserve.debts) <= ONE:
            return f"Y-2: the utilisation of reserve {number} is not within 0 .. 1"
    return None


def _is_covered(reserve: Reserve, cash: int) -> bool:
    claimed = reserve.scaled_supply * reserve.supply_index + reserve.kept * ONE
    return claimed <= (cash + reserve.deficit) * ONE + reserve.scaled_debt * reserve.borrow_index


def _indexes_broken(world: LendingWorld, before: list[Indexes]) -> str | None:
    for number, (old, reserve) in enumerate(zip(before, world.lending.reserves, strict=False)):
        bears_losses = world.lending.protocols[reserve.protocol].terms.form == MORPHO
        falls = reserve.supply_index < old.supply and not bears_losses
        if falls or reserve.borrow_index < old.borrow:
            return f"Y-1: an index of reserve {number} falls: {old}, {reserve}"
        if max(reserve.supply_index, reserve.borrow_index) > INDEX_MOST:
            return f"Y-17: an index of reserve {number} is beyond its bound: {reserve}"
    return None


def _sums_broken(world: LendingWorld) -> str | None:
    supply: Counter[int] = Counter()
    debt: Counter[int] = Counter()
    for loan in world.lending.loans.values():
        for number, entry in loan.entries.items():
            supply[number] += entry.supply
            debt[number] += entry.debt
    for number, reserve in enumerate(world.lending.reserves):
        if (supply[number], debt[number]) != (reserve.scaled_supply, reserve.scaled_debt):
            return f"Y-20: the scaled sums of reserve {number} are not those of its entries: {reserve}"
    return None


def _lists_broken(world: LendingWorld) -> str | None:
    for number, protocol in enumerate(world.lending.protocols):
        for loan in protocol.work:
            if loan.level != protocol.last_level or loan.protocol != number:
                return f"Y-21: a loan on the work list of protocol {number} is not at its last level: {loan}"
    for loan in world.lending.loans.values():
        is_last = loan.level == world.lending.protocols[loan.protocol].last_level
        if is_last and not world.lending.is_working(loan):
            return f"Y-21: a loan at its last level is on no work list: {loan}"
    return None
