"""A command after the border: its terms, and the columns and arguments that it is read from (M-5, M-6).

Stands on `inputs` (the border) and `ladder` (the ways of naming).

Promises: a `Command` holds integers of the right width. Its terms can be judged without a book; everything else about
it is the book's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from engine.errors import InputError
from engine.reference.inputs import INT32, INT64, checked_columns, checked_int
from engine.reference.ladder import Naming
from engine.types import OrderType, RejectReason, Side, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OWNER_NONE = -1
HANDLE_NONE = -1

_COLUMNS_REQUIRED = {"kind": "uint8", "side": "int8", "price_ticks": "int32", "qty_lots": "int64"}
_COLUMNS_OPTIONAL = {"order_type": "uint8", "time_in_force": "uint8", "owner": "int32"}
_COLUMNS_NAMING = {"slot_id": "int32", "order_id": "int64", "handle": "int64"}
_NAMING_BY_COLUMN = {"slot_id": Naming.SLOT_ID, "order_id": Naming.ORDER_ID, "handle": Naming.HANDLE}

# M-5: what a time in force that is left out stands for, and what may be combined.
_DEFAULT_TIME_IN_FORCE = {OrderType.LIMIT: TimeInForce.GTC, OrderType.MARKET: TimeInForce.IOC}
_LEGAL_COMBINATIONS = {
    (OrderType.LIMIT, TimeInForce.GTC),
    (OrderType.LIMIT, TimeInForce.IOC),
    (OrderType.MARKET, TimeInForce.IOC),
}


class Command(NamedTuple):
    """Hold one command after the border: integers of the right width, whose values nobody has judged yet."""

    kind: int
    naming: Naming
    name: int  # not looked at when a handle-named order is placed
    side: int = 0
    order_type: int = OrderType.LIMIT
    time_in_force: int = TimeInForce.DEFAULT
    price_ticks: int = 0
    qty_lots: int = 0
    owner: int = OWNER_NONE

    def rests(self) -> bool:
        """Tell whether lots that do not trade come to rest (M-3, M-4, M-5). Needs a legal combination."""
        default = _DEFAULT_TIME_IN_FORCE[OrderType(self.order_type)]
        return (self.time_in_force or default) == TimeInForce.GTC


def terms_refusal(command: Command) -> RejectReason:
    """Check side, order type, time in force and their combination (M-5)."""
    if command.side not in (Side.BUY, Side.SELL):
        return RejectReason.BAD_SIDE
    if command.order_type not in (OrderType.LIMIT, OrderType.MARKET):
        return RejectReason.BAD_ORDER_TYPE
    if command.time_in_force not in (TimeInForce.DEFAULT, TimeInForce.GTC, TimeInForce.IOC):
        return RejectReason.BAD_TIME_IN_FORCE
    default = _DEFAULT_TIME_IN_FORCE[OrderType(command.order_type)]
    if (command.order_type, command.time_in_force or default) not in _LEGAL_COMBINATIONS:
        return RejectReason.ILLEGAL_COMBINATION
    return RejectReason.NONE


def place_name(slot_id: int | None, order_id: int | None) -> tuple[Naming, int]:
    """Return how an order is named and its name; the handle of a new order is not known yet (M-6)."""
    if slot_id is not None and order_id is not None:
        raise InputError("order_id", "at most one of slot_id and order_id", "given beside slot_id")
    if slot_id is not None:
        return Naming.SLOT_ID, checked_int("slot_id", slot_id, INT32)
    if order_id is not None:
        return Naming.ORDER_ID, checked_int("order_id", order_id, INT64)
    return Naming.HANDLE, HANDLE_NONE


def commands_of(columns: Mapping[str, Any]) -> Iterator[Command]:
    """Check the columns of a batch, all of them at once, and return its commands (U-7).

    Raises
    ------
    InputError
        If a column is missing, unknown, or of the wrong type, shape, layout or length.
    """
    return _rows(
        checked_columns(columns, required=_COLUMNS_REQUIRED, optional=_COLUMNS_OPTIONAL, names=_COLUMNS_NAMING)
    )


def _rows(columns: Mapping[str, list[int]]) -> Iterator[Command]:
    """Turn checked columns into commands, with the defaults for columns that are left out."""
    naming_column = next((column for column in _NAMING_BY_COLUMN if column in columns), None)
    naming = _NAMING_BY_COLUMN.get(naming_column or "handle", Naming.HANDLE)
    count = len(columns["kind"])
    # Without a naming column a CANCEL row names nothing: -1 is no order's handle, so it is rejected (M-8).
    names = columns[naming_column] if naming_column else [HANDLE_NONE] * count
    order_types = columns.get("order_type", [int(OrderType.LIMIT)] * count)
    times_in_force = columns.get("time_in_force", [int(TimeInForce.DEFAULT)] * count)
    owners = columns.get("owner", [OWNER_NONE] * count)
    for i in range(count):
        yield Command(
            kind=columns["kind"][i],
            naming=naming,
            name=names[i],
            side=columns["side"][i],
            order_type=order_types[i],
            time_in_force=times_in_force[i],
            price_ticks=columns["price_ticks"][i],
            qty_lots=columns["qty_lots"][i],
            owner=owners[i],
        )
