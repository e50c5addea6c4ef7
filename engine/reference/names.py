"""Which open order has which name: the three ways to name an order, and the engine's slots (M-6, M-7).

Stands on `order`.

Promises: a name finds at most one order; the three ways are three separate spaces, so slot 5, order id 5 and handle 5
may be open at once; engine slots are handed out in the order that M-7 lays down, for that order shows in the handles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.reference.order import ENGINE_SLOT_NONE, Naming, Order
from engine.types import RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterable

_SLOT_BITS = 32
_SLOT_MASK = 2**_SLOT_BITS - 1


class Names:
    """Map names to open orders and hand out the engine's slots.

    Parameters
    ----------
    slots : int
        How many slots the caller may name orders by.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._open: dict[tuple[Naming, int], Order] = {}
        self._generations: list[int] = []  # by engine slot: orders named by handle that gave it back, mod 2^31
        self._free: list[int] = []  # engine slots given back, the last one on top

    def place_refusal(self, naming: Naming, name: int) -> RejectReason:
        """Say why an order may not be placed under a name (M-6)."""
        if naming is Naming.SLOT_ID:
            if not 0 <= name < self._slots:
                return RejectReason.SLOT_OUT_OF_RANGE
            if (naming, name) in self._open:
                return RejectReason.SLOT_IN_USE
        if naming is Naming.ORDER_ID and (naming, name) in self._open:
            return RejectReason.DUPLICATE_ORDER_ID
        return RejectReason.NONE

    def open_refusal(self, naming: Naming, name: int) -> RejectReason:
        """Say why no open order has a name (M-8)."""
        if naming is Naming.SLOT_ID and not 0 <= name < self._slots:
            return RejectReason.SLOT_OUT_OF_RANGE
        if (naming, name) not in self._open:
            # A stale handle ends here too: its generation makes it another number than the slot's handle of now.
            return RejectReason.UNKNOWN_ORDER
        return RejectReason.NONE

    def slot_taken(self) -> int:
        """Take an engine slot: the one given back last, else the next fresh one (M-7)."""
        if self._free:
            return self._free.pop()
        self._generations.append(0)
        return len(self._generations) - 1

    def slot_given_back(self, engine_slot: int, naming: Naming) -> None:
        """Give an engine slot back; an order's handle dies with this (M-7). ENGINE_SLOT_NONE is no slot and passes."""
        if engine_slot == ENGINE_SLOT_NONE:
            return
        if naming is Naming.HANDLE:
            self._generations[engine_slot] = (self._generations[engine_slot] + 1) % 2**31
        self._free.append(engine_slot)

    def handle(self, engine_slot: int) -> int:
        """Return the handle of the order that holds an engine slot now (M-7)."""
        return self._generations[engine_slot] << _SLOT_BITS | engine_slot

    def enter(self, order: Order) -> None:
        """Enter an open order; a second time changes nothing."""
        self._open[order.naming, order.id] = order

    def strike(self, order: Order) -> None:
        """Strike out an order that has ended, entered or not, and give its engine slot back."""
        self._open.pop((order.naming, order.id), None)
        self.slot_given_back(order.engine_slot, order.naming)

    def order(self, naming: Naming, name: int) -> Order:
        """Return the open order of a name that `open_refusal` has passed."""
        return self._open[naming, name]

    def __len__(self) -> int:
        """Return the number of open orders."""
        return len(self._open)

    def first_broken(self, opened: Iterable[Order]) -> str | None:
        """Return the first invariant that does not hold, or None. O(orders + slots)."""
        orders = list(opened)
        if len(orders) != len(self._open):
            return f"M-6: {len(orders)} orders are open, {len(self._open)} are named"
        for order in orders:
            if self._open.get((order.naming, order.id)) is not order:
                return f"M-6: the open order {order} is not found by its name"
            if order.naming is Naming.HANDLE and order.id != self.handle(order.engine_slot):
                return f"M-7: {order} holds a stale handle"
            if (order.naming is Naming.SLOT_ID) != (order.engine_slot == ENGINE_SLOT_NONE):
                return f"M-7: {order} must hold an engine slot unless it is named by slot_id"
        held = [order.engine_slot & _SLOT_MASK for order in orders if order.engine_slot != ENGINE_SLOT_NONE]
        if sorted(held + self._free) != list(range(len(self._generations))):
            return "M-7: the engine slots held and free are not each slot once"
        return None
