"""One side's price levels, each a queue of resting orders (M-1).

Stands on sortedcontainers.

::

    SortedDict    best price first: key = -side * price, so one code path serves both sides
      key  -> Level(price_ticks, qty_lots)
                queue: seq -> Order, oldest first

Promises: a level is there only while it holds orders; the lots of a level are the sum over its queue, the lots of the
ladder the sum over its levels.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from sortedcontainers import SortedDict

if TYPE_CHECKING:
    from collections.abc import Iterator


class Naming(IntEnum):
    """Name the way in which an order was named (M-6)."""

    SLOT_ID = 0
    ORDER_ID = 1
    HANDLE = 2


@dataclass(slots=True)
class Order:
    """Hold one order from its acceptance to its end."""

    seq: int  # count of accepted orders before it: the time in price-time priority (M-1)
    naming: Naming
    id: int  # its name, as it stands in fills
    engine_slot: int  # M-7; NIL when it is named by slot_id
    side: int  # +1 bid, -1 ask
    price_ticks: int
    leaves_lots: int  # >= 1 while it rests
    owner: int  # -1 none


@dataclass(slots=True)
class Level:
    """Hold the orders of one price, oldest first."""

    price_ticks: int
    qty_lots: int = 0  # sum of leaves_lots over the queue
    queue: OrderedDict[int, Order] = field(default_factory=OrderedDict)  # by seq


class Ladder:
    """Keep the resting orders of one side.

    Parameters
    ----------
    side : int
        +1 for bids, -1 for asks.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        self.lots = 0  # sum over the levels (U-3)
        self._levels: Any = SortedDict()

    def __len__(self) -> int:
        """Return the number of levels."""
        return len(self._levels)

    def __iter__(self) -> Iterator[Level]:
        """Walk the levels from best to worst."""
        return iter(self._levels.values())

    def best(self) -> Level | None:
        """Return the best level, or None when the side is empty."""
        level: Level | None = self._levels.peekitem(0)[1] if self._levels else None
        return level

    def level(self, price_ticks: int) -> Level | None:
        """Return the level at a price, or None."""
        level: Level | None = self._levels.get(self._key(price_ticks))
        return level

    def add(self, order: Order) -> None:
        """Put an order at the end of the queue at its price (M-3)."""
        level: Level = self._levels.setdefault(self._key(order.price_ticks), Level(order.price_ticks))
        level.queue[order.seq] = order
        level.qty_lots += order.leaves_lots
        self.lots += order.leaves_lots

    def take(self, order: Order, qty_lots: int) -> None:
        """Take lots from a resting order; it leaves the ladder with its last lot, and keeps its place until then."""
        level: Level = self._levels[self._key(order.price_ticks)]
        order.leaves_lots -= qty_lots
        level.qty_lots -= qty_lots
        self.lots -= qty_lots
        if order.leaves_lots == 0:
            del level.queue[order.seq]
        if not level.queue:
            del self._levels[self._key(order.price_ticks)]

    def _key(self, price_ticks: int) -> int:
        return -self.side * price_ticks

    def first_broken(self, price_min: int, price_max: int) -> str | None:
        """Return the first invariant that does not hold, or None. O(orders)."""
        lots = 0
        for level in self:
            at = f"side {self.side} price {level.price_ticks}"
            orders = list(level.queue.values())
            if not price_min <= level.price_ticks <= price_max:
                return f"U-2: {at}: outside {price_min} .. {price_max}"
            if not orders:
                return f"ladder: {at}: an empty level is kept"
            if any(order.leaves_lots < 1 for order in orders):
                return f"M-4: {at}: an order without lots rests"
            if any((order.side, order.price_ticks) != (self.side, level.price_ticks) for order in orders):
                return f"ladder: {at}: an order stands in the wrong queue"
            if [order.seq for order in orders] != sorted(order.seq for order in orders):
                return f"M-1: {at}: the queue is not in order of arrival"
            if level.qty_lots != sum(order.leaves_lots for order in orders):
                return f"ladder: {at}: the level's lots are not the sum of its orders'"
            lots += level.qty_lots
        if self.lots != lots:
            return f"ladder: side {self.side}: the side's lots are not the sum of its levels'"
        return None
