"""Enumerations: the numbers that stand in commands, results and digests.

Stands on nothing but the standard library; the compiled core is not imported here, so both the core's bindings and the
reference twin may use these names.

Promises: the numbers are those of docs/rules.md (the list at the end of section M) and never change their meaning; a
new reason gets a new number.
"""

from __future__ import annotations

from enum import IntEnum


class Side(IntEnum):
    """Name the direction of an order; the number is the sign of the lots that it brings."""

    BUY = 1
    SELL = -1


class CommandKind(IntEnum):
    """Name what a command row asks for."""

    PLACE = 1
    CANCEL = 2


class OrderType(IntEnum):
    """Name whether an order carries a limit price."""

    LIMIT = 1
    MARKET = 2


class TimeInForce(IntEnum):
    """Name what happens to the lots that do not trade at once (M-3, M-4).

    ``DEFAULT`` stands for "left out": GTC for a limit order, IOC for a market order (M-5).
    """

    DEFAULT = 0
    GTC = 1
    IOC = 2


class RejectReason(IntEnum):
    """Name why a well-formed command changed nothing (U-7); 0 means that it was accepted."""

    NONE = 0
    BAD_KIND = 1
    BAD_SIDE = 2
    BAD_ORDER_TYPE = 3
    BAD_TIME_IN_FORCE = 4
    ILLEGAL_COMBINATION = 5
    PRICE_OUT_OF_BOUNDS = 6
    QTY_NOT_POSITIVE = 7
    QTY_OUT_OF_BOUNDS = 8
    NOTIONAL_OUT_OF_BOUNDS = 9
    OWNER_OUT_OF_RANGE = 10
    SLOT_OUT_OF_RANGE = 11
    SLOT_IN_USE = 12
    DUPLICATE_ORDER_ID = 13
    UNKNOWN_ORDER = 14
    SIDE_FULL = 15
    NO_MEMORY = 16
    INSUFFICIENT_FUNDS = 17
    ACCOUNT_FROZEN = 18
