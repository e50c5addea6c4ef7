"""One side's price levels, each a queue of resting orders (M-1), and how lots leave them (M-15, M-22).

Stands on sortedcontainers and `order`.

::

    SortedDict    best price first: key = -side * price, so one code path serves both sides
      key  -> Level(price_ticks, shown_lots)
                queue: seq -> Order, next to trade first

Promises: a level is there only while it holds orders; its lots are the shown ones of its queue, the lots of the ladder
the shown and hidden ones of all its orders.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sortedcontainers import SortedDict

from engine.reference.order import Order, Stand

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Level:
    """Hold the orders of one price, the next to trade first."""

    price_ticks: int
    shown_lots: int = 0  # sum over the queue; hidden lots do not show (M-22)
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
        self.lots = 0  # shown and hidden (U-3)
        self._levels: Any = SortedDict()
        self._queued_count = 0  # how often an order has gone to the back of a queue

    def __len__(self) -> int:
        """Return the number of levels."""
        return len(self._levels)

    def __iter__(self) -> Iterator[Level]:
        """Walk the levels from best to worst."""
        return iter(self._levels.values())

    def orders(self) -> Iterator[Order]:
        """Walk the orders: from the best to the worst level, the next to trade first."""
        for level in self:
            yield from level.queue.values()

    def best(self) -> Level | None:
        """Return the best level, or None when the side is empty."""
        level: Level | None = self._levels.peekitem(0)[1] if self._levels else None
        return level

    def best_price(self) -> int | None:
        """Return the best price in ticks, or None when the side is empty."""
        level = self.best()
        return None if level is None else level.price_ticks

    def level(self, price_ticks: int) -> Level | None:
        """Return the level at a price, or None."""
        level: Level | None = self._levels.get(self._key(price_ticks))
        return level

    def add(self, order: Order) -> None:
        """Let an order rest at the end of the queue at its price (M-3); an iceberg shows its first slice (M-22)."""
        if order.display_lots:
            lots = order.open_lots
            order.shown_lots = min(order.display_lots, lots)
            order.hidden_lots = lots - order.shown_lots
        order.stand = Stand.RESTING
        level: Level = self._levels.setdefault(self._key(order.price_ticks), Level(order.price_ticks))
        level.queue[order.seq] = order
        self._stamp(order)
        level.shown_lots += order.shown_lots
        self.lots += order.open_lots

    def take(self, order: Order, qty_lots: int) -> None:
        """Take shown lots. The order keeps its place until they are gone; then it shows its next slice, or leaves."""
        level: Level = self._levels[self._key(order.price_ticks)]
        order.shown_lots -= qty_lots
        level.shown_lots -= qty_lots
        self.lots -= qty_lots
        if order.shown_lots == 0 and order.hidden_lots:
            # M-22: the next slice goes to the back of its level.
            order.shown_lots = min(order.display_lots, order.hidden_lots)
            order.hidden_lots -= order.shown_lots
            level.shown_lots += order.shown_lots
            level.queue.move_to_end(order.seq)
            self._stamp(order)
        elif order.shown_lots == 0:
            del level.queue[order.seq]
            order.stand = Stand.ARRIVING
        if not level.queue:
            del self._levels[self._key(order.price_ticks)]

    def cut(self, order: Order, qty_lots: int) -> None:
        """Take lots off, hidden ones first; what is left of the order keeps its place (M-15)."""
        from_hidden = min(qty_lots, order.hidden_lots)
        order.hidden_lots -= from_hidden
        self.lots -= from_hidden
        if from_hidden < qty_lots:
            self.take(order, qty_lots - from_hidden)

    def _stamp(self, order: Order) -> None:
        order.queued = self._queued_count
        self._queued_count += 1

    def _key(self, price_ticks: int) -> int:
        return -self.side * price_ticks

    def first_broken(self, price_min: int, price_max: int) -> str | None:
        """Return the first invariant that does not hold, or None. O(orders)."""
        for level in self:
            at = f"side {self.side} price {level.price_ticks}"
            orders = list(level.queue.values())
            stamps = [order.queued for order in orders]
            if not price_min <= level.price_ticks <= price_max:
                return f"U-2: {at}: outside {price_min} .. {price_max}"
            if not orders:
                return f"ladder: {at}: an empty level is kept"
            if any((order.side, order.price_ticks) != (self.side, level.price_ticks) for order in orders):
                return f"ladder: {at}: an order stands in the wrong queue"
            if stamps != sorted(stamps):
                return f"M-1: {at}: the queue is not in order of arrival"
            if level.shown_lots != sum(order.shown_lots for order in orders):
                return f"ladder: {at}: the level's lots are not the sum of its orders'"
            for order in orders:
                if (broken := _order_broken(order)) is not None:
                    return f"{broken}: {order}"
        if self.lots != sum(order.open_lots for order in self.orders()):
            return f"ladder: side {self.side}: the side's lots are not the sum of its orders'"
        return None


def _order_broken(order: Order) -> str | None:
    """Return what is wrong with one order at rest, or None."""
    if order.stand is not Stand.RESTING:
        return "ladder: an order rests that stands elsewhere"
    if not order.may_rest:
        return "M-4: an order rests that may not"
    if order.shown_lots < 1 or order.hidden_lots < 0:
        return "M-4: an order without lots rests"
    if order.display_lots and order.shown_lots > order.display_lots:
        return "M-22: an iceberg shows more than a slice"
    if order.hidden_lots and not order.display_lots:
        return "M-22: an order that is no iceberg hides lots"
    return None
