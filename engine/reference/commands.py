"""A command after the border: its terms, and the columns that a batch of them is read from (M-5).

Stands on `inputs` (the border) and `order` (what a command that places becomes).

Promises: a `Command` holds integers of the right width. Its terms can be judged without a book; everything else about
it is the book's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from engine.reference.inputs import checked_columns
from engine.reference.order import ENGINE_SLOT_NONE, NO_EXPIRY, Naming, Order
from engine.types import OrderFlag, OrderType, RejectReason, SelfTradePrevention, Side, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OWNER_NONE = -1
HANDLE_NONE = -1

_COLUMNS_REQUIRED = {"kind": "uint8", "side": "int8", "price_ticks": "int32", "qty_lots": "int64"}
_COLUMNS_OPTIONAL = {
    "order_type": "uint8",
    "time_in_force": "uint8",
    "owner": "int32",
    "flags": "uint8",
    "self_trade_prevention": "uint8",
    "display_lots": "int64",
    "stop_ticks": "int32",
    "time_ms": "int64",
}
_COLUMNS_NAMING = {"slot_id": "int32", "order_id": "int64", "handle": "int64"}
_NAMING_BY_COLUMN = {"slot_id": Naming.SLOT_ID, "order_id": Naming.ORDER_ID, "handle": Naming.HANDLE}
# What a column that is left out stands for; 0 where none is named.
_DEFAULTS = {"order_type": int(OrderType.LIMIT), "owner": OWNER_NONE}

# An int, for the complement of an IntFlag holds known bits only.
_FLAGS_KNOWN = int(OrderFlag.POST_ONLY | OrderFlag.REDUCE_ONLY | OrderFlag.TRIGGER_ON_MARK)

# M-5: what a time in force that is left out stands for, and the table of what may be combined.
_DEFAULT_TIME_IN_FORCE = {
    OrderType.LIMIT: TimeInForce.GTC,
    OrderType.MARKET: TimeInForce.IOC,
    OrderType.STOP: TimeInForce.IOC,
    OrderType.STOP_LIMIT: TimeInForce.GTC,
}
_LEGAL_TIMES_IN_FORCE = {
    OrderType.LIMIT: (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTT),
    OrderType.MARKET: (TimeInForce.IOC, TimeInForce.FOK),
    OrderType.STOP: (TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTT),
    OrderType.STOP_LIMIT: (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTT),
}
# Members of an IntEnum are looked up by value in these, so that 5 of a hostile column finds nothing.
_SIDES = frozenset(map(int, Side))
_ORDER_TYPES = frozenset(map(int, OrderType))
_TIMES_IN_FORCE = frozenset(map(int, TimeInForce))
_PREVENTIONS = frozenset(map(int, SelfTradePrevention))


class Command(NamedTuple):
    """Hold one command after the border: integers of the right width, whose values nobody has judged yet."""

    kind: int
    naming: Naming = Naming.HANDLE
    name: int = HANDLE_NONE  # not looked at when a handle-named order is placed
    side: int = 0
    order_type: int = OrderType.LIMIT
    time_in_force: int = TimeInForce.DEFAULT
    price_ticks: int = 0  # MARK: the mark
    qty_lots: int = 0  # POSITION: the position; STATE: the state
    owner: int = OWNER_NONE
    flags: int = OrderFlag.NONE
    self_trade_prevention: int = SelfTradePrevention.NONE
    display_lots: int = 0
    stop_ticks: int = 0
    time_ms: int = 0  # PLACE: when a GTT order expires; CLOCK: the new now


def terms_refusal(command: Command) -> RejectReason:
    """Check side, type, time in force, flags, self-trade prevention and their combination (M-5, M-10)."""
    if command.side not in _SIDES:
        return RejectReason.BAD_SIDE
    if command.order_type not in _ORDER_TYPES:
        return RejectReason.BAD_ORDER_TYPE
    if command.time_in_force not in _TIMES_IN_FORCE:
        return RejectReason.BAD_TIME_IN_FORCE
    if command.flags & ~_FLAGS_KNOWN:
        return RejectReason.BAD_FLAGS
    if command.self_trade_prevention not in _PREVENTIONS:
        return RejectReason.BAD_SELF_TRADE_PREVENTION
    order = order_of(command)
    if order.time_in_force not in _LEGAL_TIMES_IN_FORCE[OrderType(order.order_type)]:
        return RejectReason.ILLEGAL_COMBINATION
    if order.is_on_mark and not order.is_stop:
        return RejectReason.ILLEGAL_COMBINATION
    if (order.is_post_only or order.display_lots) and not order.may_rest:
        return RejectReason.ILLEGAL_COMBINATION
    return RejectReason.NONE


def order_of(command: Command) -> Order:
    """Return the order that a PLACE asks for; it has no engine slot yet. Needs an order type that exists.

    What the type has no use for is left out: it is not looked at, and does not stand in the digest (M-5).
    """
    order_type = OrderType(command.order_type)
    time_in_force = command.time_in_force or _DEFAULT_TIME_IN_FORCE[order_type]
    is_stop = order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
    has_limit = order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    return Order(
        seq=-1,
        naming=command.naming,
        id=command.name,
        engine_slot=ENGINE_SLOT_NONE,
        owner=command.owner,
        side=command.side,
        order_type=order_type,
        time_in_force=time_in_force,
        price_ticks=command.price_ticks if has_limit else 0,
        stop_ticks=command.stop_ticks if is_stop else 0,
        shown_lots=command.qty_lots,
        hidden_lots=0,
        display_lots=command.display_lots,
        flags=command.flags,
        self_trade_prevention=command.self_trade_prevention,
        time_ms=command.time_ms if time_in_force == TimeInForce.GTT else NO_EXPIRY,
    )


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
    fields = [
        columns.get(field, [_DEFAULTS.get(field, 0)] * count) for field in (*_COLUMNS_REQUIRED, *_COLUMNS_OPTIONAL)
    ]
    for name, row in zip(names, zip(*fields, strict=True), strict=True):
        values = dict(zip((*_COLUMNS_REQUIRED, *_COLUMNS_OPTIONAL), row, strict=True))
        yield Command(naming=naming, name=name, **values)
