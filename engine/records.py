"""The rows that a book and a queue hand back.

Stands on `engine.types`. Plain named tuples without behaviour: they compare equal field by field, so a row of the
native engine equals the same row of the reference.

Promises: the fields, their order and their units stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from engine.types import RejectReason

if TYPE_CHECKING:
    from collections.abc import Mapping


class OrderResult(NamedTuple):
    """Say what became of one command; ``orig = filled + leaves + cancelled`` when accepted, all three 0 when not.

    ``id`` is the order's name as it stands in fills (M-6), -1 when a place named by handle was rejected.
    """

    id: int
    filled_lots: int
    leaves_lots: int
    cancelled_lots: int
    reject_reason: RejectReason

    @property
    def accepted(self) -> bool:
        """Tell whether the command was accepted."""
        return self.reject_reason == RejectReason.NONE


class Fill(NamedTuple):
    """Join two orders in one trade; the price is the maker's (M-2), an owner of -1 is none (M-9)."""

    maker_id: int
    taker_id: int
    price_ticks: int
    qty_lots: int
    maker_owner: int
    taker_owner: int


class Cancel(NamedTuple):
    """Describe lots that left an order without trading; ``reason`` is a `CancelReason` (M-33)."""

    id: int
    owner: int
    qty_lots: int
    reason: int


class Trigger(NamedTuple):
    """Describe a stop that fired and ran; ``reject_reason`` is 0 unless it was refused then (M-25)."""

    id: int
    owner: int
    stop_ticks: int
    reject_reason: int


class ApplyResult(NamedTuple):
    """Say what became of a batch of commands (M-33).

    ``fills`` has the columns command, maker_id, taker_id, price_ticks, qty_lots, maker_owner, taker_owner; ``rejects``
    the columns command, reason; ``cancels`` the columns command, id, owner, qty_lots, reason; ``triggers`` the columns
    command, id, owner, stop_ticks, reject_reason. ``command`` is the index in the batch (M-12).
    """

    accepted_count: int
    fills: Mapping[str, Any]
    rejects: Mapping[str, Any]
    cancels: Mapping[str, Any]
    triggers: Mapping[str, Any]


class RestingOrder(NamedTuple):
    """Describe one order at rest; ``leaves_lots`` are its shown lots, ``hidden_lots`` those behind them."""

    id: int
    side: int
    price_ticks: int
    leaves_lots: int
    owner: int
    hidden_lots: int


class WaitingStop(NamedTuple):
    """Describe one stop that waits or has been fired and has not run yet (M-24, M-25)."""

    id: int
    side: int
    stop_ticks: int
    order_type: int
    price_ticks: int
    leaves_lots: int
    owner: int
    on_mark: bool
    is_fired: bool


class Event(NamedTuple):
    """Describe one event of the stand-alone queue (Q-1, Q-4)."""

    time_ms: int
    priority: int
    data: int
    handle: int
