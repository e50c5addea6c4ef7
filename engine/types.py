"""Enumerations: the numbers that stand in commands, results and digests.

Stands on nothing but the standard library; the compiled core is not imported here, so both the core's bindings and the
reference twin may use these names.

Promises: the numbers are those of docs/rules.md (the list at the end of section M) and never change their meaning; a
new reason gets a new number.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Side(IntEnum):
    """Name the direction of an order; the number is the sign of the lots that it brings."""

    BUY = 1
    SELL = -1


class CommandKind(IntEnum):
    """Name what a command row asks for."""

    PLACE = 1
    CANCEL = 2
    REDUCE = 3
    REPLACE = 4
    CANCEL_OWNER = 5
    CLEAR = 6
    MARK = 7
    POSITION = 8
    CLOCK = 9
    STATE = 10


class OrderType(IntEnum):
    """Name whether an order carries a limit price, and whether it waits for a trigger price first (M-5, M-24)."""

    LIMIT = 1
    MARKET = 2
    STOP = 3
    STOP_LIMIT = 4


class TimeInForce(IntEnum):
    """Name what happens to the lots that do not trade at once (M-3, M-4, M-19, M-21).

    ``DEFAULT`` stands for "left out": GTC for an order with a limit, IOC for one without (M-5).
    """

    DEFAULT = 0
    GTC = 1
    IOC = 2
    FOK = 3
    GTT = 4


class OrderFlag(IntFlag):
    """Name what is asked of an order beside its type (M-20, M-24, M-26)."""

    NONE = 0
    POST_ONLY = 1
    REDUCE_ONLY = 2
    TRIGGER_ON_MARK = 4


class SelfTradePrevention(IntEnum):
    """Name what happens when an order meets one of its own owner (M-23)."""

    NONE = 0
    CANCEL_TAKER = 1
    CANCEL_MAKER = 2
    CANCEL_BOTH = 3
    DECREMENT = 4


class MarketState(IntEnum):
    """Name which commands a book takes (M-30)."""

    OPEN = 0
    CANCEL_ONLY = 1
    HALTED = 2
    AUCTION = 3


class CancelReason(IntEnum):
    """Name why lots left without trading and without being named by a command (M-33)."""

    UNFILLED = 1
    SELF_TRADE = 2
    EXPIRED = 3
    REDUCE_ONLY = 4
    OWNER = 5
    CLEARED = 6
    STOP_REFUSED = 7


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
    BAD_FLAGS = 19
    BAD_SELF_TRADE_PREVENTION = 20
    DISPLAY_OUT_OF_BOUNDS = 21
    TRIGGER_OUT_OF_BOUNDS = 22
    EXPIRY_NOT_AHEAD = 23
    POST_ONLY_WOULD_CROSS = 24
    FOK_NOT_FILLABLE = 25
    NOTHING_TO_REDUCE = 26
    REDUCE_TOO_LARGE = 27
    MARKET_STATE = 28
    STOP_WAITING = 29
    BOOK_CROSSED = 30
    TIME_OUT_OF_RANGE = 31
    BAD_STATE = 32
    INSUFFICIENT_MARGIN = 33  # the initial requirement with this order in it (C-6)
    ACCOUNT_REDUCE_ONLY = 34  # the account may only reduce (C-4)
    CASH_ACCOUNT = 35  # spot only (C-1)
    MARKET_HALTED = 36  # by its breaker (V-9)


class PoolReason(IntEnum):
    """Name why a pool refused a command (Z-2); a refused command changes nothing."""

    NONE = 0
    EMPTY = 1
    BEYOND_POOL = 2
    NOTHING_OUT = 3
    BELOW_MINIMUM = 4
    BALANCE_OUT_OF_BOUNDS = 5
    SHARES_SHORT = 6
    LIQUIDITY_OUT_OF_BOUNDS = 7
    TICKS_FULL = 8
    NO_CONVERGENCE = 9


class ActionReason(IntEnum):
    """Name why an action was refused (B-6, Y-24); from 33 on a pool did: its `PoolReason` + 32 (Z-16)."""

    DONE = 0
    NO_GAS = 1
    LACKING = 2  # the account has not that much free
    FROZEN = 3  # it is in liquidation
    NOTHING = 4  # 0, or it rounds to 0
    BELOW_MINIMUM = 5  # less than `least` would come out
    BOUND = 6  # beyond the bound of an amount
    NO_SUCH = 7  # the target has no such asset, party or position
    CLOSED = 8  # an outage, or the target does not do it
    CAP = 9
    NO_CASH = 10  # the target has not that much
    UNKNOWN_PRICE = 11
    NOT_LISTED = 12
    SHORT = 16  # more than the claim
    UNHEALTHY = 17
    HEALTHY = 18
    DUST = 19
    UNPROFITABLE = 20
    BY_POOL = 32
    POOL_EMPTY = 33
    POOL_BEYOND_POOL = 34
    POOL_NOTHING_OUT = 35
    POOL_BELOW_MINIMUM = 36
    POOL_BALANCE_OUT_OF_BOUNDS = 37
    POOL_SHARES_SHORT = 38
    POOL_LIQUIDITY_OUT_OF_BOUNDS = 39
    POOL_TICKS_FULL = 40
    POOL_NO_CONVERGENCE = 41
    NO_MEMORY = 255
