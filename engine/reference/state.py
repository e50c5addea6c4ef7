"""The state of a book, and the few writes that everything else is made of.

Stands on `ladder`, `stops`, `names`, `positions`.

::

    names ----> Order: stands in a ladder, waits as a stop, has been fired, or is arriving (being matched)
    owners ---> the same orders, in order of placing (M-9)
    expiries -> those with an expiry, next to expire first (M-21)
    tables      what the running command has done so far (M-33)

Promises: an order that is `opened` is found in all of these, one that has `ended` in none; no lot leaves without being
counted (M-13).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from sortedcontainers import SortedDict

from engine.records import Cancel, Fill, Trigger
from engine.reference.ladder import Ladder
from engine.reference.names import Names
from engine.reference.order import NO_EXPIRY, Naming, Order, Stand
from engine.reference.positions import Positions
from engine.reference.stops import Stops
from engine.types import MarketState, Side

if TYPE_CHECKING:
    from engine.types import CancelReason

# U-2, U-3: no quantity, no notional and no side of a book passes this.
LOTS_LIMIT = 2**61


class Bounds(NamedTuple):
    """Hold what a book is made with."""

    owners: int
    price_min: int
    price_max: int
    qty_max: int
    notional_max: int
    stops_per_ms: int

    def has_price(self, price_ticks: int) -> bool:
        """Tell whether a price lies within the bounds (U-2)."""
        return self.price_min <= price_ticks <= self.price_max

    def has_owner(self, owner: int) -> bool:
        """Tell whether there is such an owner (M-9)."""
        return 0 <= owner < self.owners


@dataclass(slots=True)
class Tables:
    """Hold what one command, and the stops that ran after it, did (M-33)."""

    fills: list[Fill] = field(default_factory=list)
    cancels: list[Cancel] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)


class BookState:
    """Hold everything that a book is, and the table rows of its running command.

    Parameters
    ----------
    bounds : Bounds
        What it is made with.
    slots : int
        How many slots the caller may name orders by (M-6).
    """

    def __init__(self, bounds: Bounds, slots: int) -> None:
        self.bounds = bounds
        self.names = Names(slots)
        self.bids = Ladder(Side.BUY)
        self.asks = Ladder(Side.SELL)
        self.stops = Stops()
        self.positions = Positions()
        self.owners: dict[int, dict[int, Order]] = {}  # by owner, then by seq: in order of placing (M-9)
        self.expiries: Any = SortedDict()  # (time_ms, seq) -> Order (M-21)
        self.market_state = MarketState.OPEN
        self.last_price: int | None = None
        self.mark_price: int | None = None
        self.now_ms = 0
        self.stops_run = 0  # in this millisecond (M-25)
        self.trade_count = 0
        self.traded_lots = 0
        self.accepted_lots = 0  # of all orders accepted (M-13)
        self.cancelled_lots = 0  # that left without trading (M-13)
        self.placed_count = 0  # the next order's seq
        self.tables = Tables()

    def ladder(self, side: int) -> Ladder:
        """Return the ladder of a side."""
        return self.bids if side == Side.BUY else self.asks

    def is_crossed(self) -> bool:
        """Tell whether the book is crossed or locked (M-11, M-31)."""
        best_bid, best_ask = self.bids.best_price(), self.asks.best_price()
        return best_bid is not None and best_ask is not None and best_bid >= best_ask

    # --- orders come and go ----------------------------------------------------------------------------------------

    def named(self, order: Order) -> None:
        """Give a new order its place in the order of placing, its engine slot and its name (M-6, M-7)."""
        if order.naming is not Naming.SLOT_ID:
            order.engine_slot = self.names.slot_taken()
        if order.naming is Naming.HANDLE:
            order.id = self.names.handle(order.engine_slot)
        order.seq = self.placed_count
        self.placed_count += 1

    def opened(self, order: Order) -> None:
        """Enter an order that rests or waits now. One that was open before keeps its place everywhere (M-9)."""
        self.names.enter(order)
        if order.owner >= 0:
            self.owners.setdefault(order.owner, {})[order.seq] = order
        if order.time_ms != NO_EXPIRY:
            self.expiries[order.time_ms, order.seq] = order

    def ended(self, order: Order) -> None:
        """Strike out an order that has ended, open before or not, and give its engine slot back (M-7)."""
        self.names.strike(order)
        if order.owner in self.owners:
            self.owners[order.owner].pop(order.seq, None)
            if not self.owners[order.owner]:
                del self.owners[order.owner]
        self.expiries.pop((order.time_ms, order.seq), None)

    def orders_of(self, owner: int) -> list[Order]:
        """Return the open orders of an owner, in order of placing (M-9)."""
        return list(self.owners.get(owner, {}).values())

    # --- lots leave ------------------------------------------------------------------------------------------------

    def cancelled(self, order: Order, qty_lots: int, reason: CancelReason | None) -> None:
        """Count lots that have left an order without trading; a row of `cancels`, unless the command named them."""
        self.cancelled_lots += qty_lots
        if reason is not None:
            self.tables.cancels.append(Cancel(order.id, order.owner, qty_lots, int(reason)))

    def take_off(self, order: Order, qty_lots: int, reason: CancelReason | None) -> None:
        """Take lots off an open order, which keeps its place; with the last one it ends (M-8, M-15)."""
        if order.stand is Stand.RESTING:
            self.ladder(order.side).cut(order, qty_lots)
        else:
            self.stops.cut(order, qty_lots)
        self.cancelled(order, qty_lots, reason)
        if order.open_lots == 0:
            self.ended(order)

    def taken(self, maker: Order, qty_lots: int) -> None:
        """Take shown lots of a resting order that was met; an iceberg shows its next slice, or the order ends."""
        self.ladder(maker.side).take(maker, qty_lots)
        if maker.open_lots == 0:
            self.ended(maker)
