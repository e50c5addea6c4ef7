"""The arguments of the scalar methods, turned into commands (M-6, U-7).

Stands on `inputs` and `commands`.

Promises: arguments are checked in the order in which they are given; what is not of the right kind raises `InputError`
naming it. Whether the values are legal is not decided here.
"""

from __future__ import annotations

from typing import Any

from engine.errors import InputError
from engine.reference.commands import HANDLE_NONE, OWNER_NONE, Command
from engine.reference.inputs import INT8, INT32, INT64, UINT8, checked_flag, checked_int
from engine.reference.order import Naming
from engine.types import CommandKind, OrderFlag, OrderType

_RANGES = {
    "side": INT8,
    "price_ticks": INT32,
    "stop_ticks": INT32,
    "qty_lots": INT64,
    "time_in_force": UINT8,
    "self_trade_prevention": UINT8,
    "display_lots": INT64,
    "expires_ms": INT64,
    "slot_id": INT32,
    "order_id": INT64,
    "handle": INT64,
    "owner": INT32,
}
_OPTIONAL = ("slot_id", "order_id", "owner")
_FLAGS = {
    "post_only": OrderFlag.POST_ONLY,
    "reduce_only": OrderFlag.REDUCE_ONLY,
    "on_mark": OrderFlag.TRIGGER_ON_MARK,
}
_NAMINGS = {"slot_id": Naming.SLOT_ID, "order_id": Naming.ORDER_ID, "handle": Naming.HANDLE}


def place_command(order_type: OrderType, given: dict[str, Any]) -> Command:
    """Return the command that places an order with the given arguments.

    Raises
    ------
    InputError
        If an argument is no integer or no bool where one is due, does not fit, or two names are given.
    """
    checked = {field: _checked(field, value) for field, value in given.items()}
    naming, name = _place_name(checked.pop("slot_id"), checked.pop("order_id"))
    flags = OrderFlag.NONE
    for field, flag in _FLAGS.items():
        if checked.pop(field, False):
            flags |= flag
    owner = checked.pop("owner")
    return Command(
        kind=CommandKind.PLACE,
        naming=naming,
        name=name,
        order_type=order_type,
        flags=int(flags),
        owner=OWNER_NONE if owner is None else owner,
        time_ms=checked.pop("expires_ms", 0),
        **checked,
    )


def open_name(handle: int | None, slot_id: int | None, order_id: int | None) -> tuple[Naming, int]:
    """Return the naming and the name of an open order, of which exactly one must be given (M-6)."""
    given = {"handle": handle, "slot_id": slot_id, "order_id": order_id}
    names = {field: name for field, name in given.items() if name is not None}
    if len(names) != 1:
        raise InputError("handle", "exactly one of handle, slot_id, order_id", ", ".join(names) or "none of them")
    ((field, name),) = names.items()
    return _NAMINGS[field], checked_int(field, name, _RANGES[field])


def _checked(field: str, value: Any) -> Any:
    if field in _FLAGS:
        return checked_flag(field, value)
    if value is None and field in _OPTIONAL:
        return None
    return checked_int(field, value, _RANGES[field])


def _place_name(slot_id: int | None, order_id: int | None) -> tuple[Naming, int]:
    """Return how an order is named and its name; the handle of a new order is not known yet (M-6)."""
    if slot_id is not None and order_id is not None:
        raise InputError("order_id", "at most one of slot_id and order_id", "given beside slot_id")
    if slot_id is not None:
        return Naming.SLOT_ID, slot_id
    if order_id is not None:
        return Naming.ORDER_ID, order_id
    return Naming.HANDLE, HANDLE_NONE
