"""One order as the book keeps it, from its acceptance to its end.

Stands on `engine.types`.

Promises: an order is judged and changed elsewhere; here stands only what it is, and what follows from its terms alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from engine.types import OrderFlag, OrderType, TimeInForce

ENGINE_SLOT_NONE = -1  # M-7: of an order that is named by slot_id
NO_EXPIRY = -1  # D-2: the time of an order that does not expire

_LIMITED = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)
_LASTING = (TimeInForce.GTC, TimeInForce.GTT)


class Naming(IntEnum):
    """Name the way in which an order was named (M-6)."""

    SLOT_ID = 0
    ORDER_ID = 1
    HANDLE = 2


class Stand(IntEnum):
    """Name where an order stands; all but the first are open (M-6)."""

    ARRIVING = 0  # it is being matched, and stands nowhere
    RESTING = 1  # in a ladder
    WAITING = 2  # a stop that has not been reached (M-24)
    FIRED = 3  # a stop that has been reached and has not run (M-25)


@dataclass(slots=True)
class Order:
    """Hold one order.

    ``shown_lots`` are all of its lots, except while an iceberg rests: then ``hidden_lots`` wait behind them (M-22).
    """

    seq: int  # count of accepted orders before it: the order of placing (M-9, M-21, M-25, M-27)
    naming: Naming
    id: int  # its name, as it stands in fills
    engine_slot: int  # M-7; NIL when it is named by slot_id
    owner: int  # -1 none
    side: int  # +1 bid, -1 ask
    order_type: int
    time_in_force: int  # never DEFAULT
    price_ticks: int  # 0 without a limit
    stop_ticks: int  # 0 unless it is a stop
    shown_lots: int
    hidden_lots: int
    display_lots: int  # 0 none (M-22)
    flags: int
    self_trade_prevention: int
    time_ms: int  # when it expires; NO_EXPIRY unless GTT (M-21)
    stand: Stand = Stand.ARRIVING
    queued: int = 0  # count of queue entries before its own: the time in price-time priority (M-1)

    @property
    def open_lots(self) -> int:
        """Return its lots, shown and hidden."""
        return self.shown_lots + self.hidden_lots

    @property
    def has_limit(self) -> bool:
        """Tell whether it has a limit price (M-5)."""
        return self.order_type in _LIMITED

    @property
    def is_stop(self) -> bool:
        """Tell whether it waits for a trigger price first (M-24)."""
        return self.order_type in _STOPS

    @property
    def may_rest(self) -> bool:
        """Tell whether lots that do not trade come to rest (M-3, M-4, M-5)."""
        return self.has_limit and self.time_in_force in _LASTING

    @property
    def is_post_only(self) -> bool:
        """Tell whether it may not take (M-20)."""
        return bool(self.flags & OrderFlag.POST_ONLY)

    @property
    def is_reduce_only(self) -> bool:
        """Tell whether it may only make a position smaller (M-26)."""
        return bool(self.flags & OrderFlag.REDUCE_ONLY)

    @property
    def is_on_mark(self) -> bool:
        """Tell whether its trigger looks at the mark (M-24)."""
        return bool(self.flags & OrderFlag.TRIGGER_ON_MARK)

    def reaches(self, price_ticks: int) -> bool:
        """Tell whether its limit allows a trade at a price: a buy at or below the limit, a sell at or above (M-3)."""
        return not self.has_limit or self.side * (self.price_ticks - price_ticks) >= 0
