"""One symbol of a tracebook conversation: the peer's orders said as commands of a book, and the book said back.

Stands on the public face of a book and on `decimal`. `tracebook` has the table of what is said how.

Promises: a price is whole ticks and a quantity whole lots before the book sees it; no float takes part.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.testing.tracebook_messages import (
    INT64_LIMIT,
    NO_OWNER,
    ORDER_TYPES,
    canonical,
    is_within_digits,
    places_of,
    rounded,
)
from engine.types import RejectReason, SelfTradePrevention, Side
from engine.units import EXACT

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.testing.tracebook_messages import Config, Event


TICKS_LIMIT = 2**31 - 1  # U-1
LOTS_LIMIT = 2**61  # U-2
OWNERS_LIMIT = 2**16  # of one book, and only where self-trade prevention is on

Json = Any
Book = Any  # engine.OrderBook or engine.reference.OrderBook


class RefusedError(Exception):
    """Carry the peer's reason code of an event that changes nothing."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


# --- one book -------------------------------------------------------------------------------------------------------


class Trade(NamedTuple):
    """Hold one trade in the protocol's terms."""

    buy_order_id: int
    sell_order_id: int
    price: str
    quantity: str


class Market:
    """One symbol: a book, and what the peer wants to hear about it that a book does not know.

    A lot is as fine as the quantities so far have needed, at most `quantity_places`: a lot of 10^-12 units for everyone
    would leave the book's bounds (U-2) no room for large orders. A finer quantity rebuilds the book on finer lots.

    Parameters
    ----------
    book_class : callable
        What makes a book.
    config : Config
        What ``hello`` asked for.
    """

    def __init__(self, book_class: Callable[..., Book], config: Config) -> None:
        self.book_class = book_class
        self.config = config
        self.lot_places = 0
        self.owners: dict[int, int] = {}  # of the resting orders, by id
        self.owner_indexes: dict[int, int] = {}  # by owner; a book counts its owners from 0
        self.book = self._opened()

    def apply(self, event: Event) -> list[Trade]:
        """Do what an event asks for and return its trades, or raise `RefusedError`."""
        if event.op == "clear":
            self.book.clear()
            trades = []
        elif event.op == "new":
            trades = self._placed(event)
        elif event.order_id not in self.owners:
            raise RefusedError("ORDER_NOT_ACTIVE", f"order {event.order_id} is not active")
        else:
            trades = {"cancel": self._cancelled, "reduce": self._reduced, "replace": self._replaced}[event.op](event)
        open_ids = [order.id for order in self.book.orders()]
        self.owners = {order_id: self.owners[order_id] for order_id in open_ids}
        return trades

    def queues(self) -> dict[str, list[Json]]:
        """Return both queues, best price first and the oldest order first."""
        queues: dict[str, list[Json]] = {"bids": [], "asks": []}
        for order in self.book.orders():
            queues["bids" if order.side == Side.BUY else "asks"].append(
                {
                    "order_id": int(order.id),
                    "price": self._price_text(order.price_ticks),
                    "remaining_quantity": self._quantity_text(order.leaves_lots),
                    "owner": self.owners[order.id],
                    "order_type": "LIMIT",
                }
            )
        return queues

    def _placed(self, event: Event) -> list[Trade]:
        # The peer looks for the id first, then at the numbers.
        if event.order_id in self.owners:
            raise RefusedError("DUPLICATE_ORDER_ID", f"order {event.order_id} is already active")
        if event.order_id >= INT64_LIMIT:
            raise RefusedError("INVALID_ORDER", "order_id: expected an int64")
        if not -INT64_LIMIT <= event.owner < INT64_LIMIT:
            raise RefusedError("INVALID_ORDER", "owner: expected an int64")
        assert event.side is not None, "Event.check refuses a new order without a side"
        named = {
            "order_id": event.order_id,
            "owner": self._owner_index(event.owner),
            "self_trade_prevention": self.config.prevention,
        }
        if event.order_type == "MARKET":
            lots = self._lots(event.quantity, "INVALID_ORDER")
            result = self.book.market(event.side, lots, **named)
        else:
            ticks = self._ticks(event.price, "INVALID_ORDER")
            lots = self._lots(event.quantity, "INVALID_ORDER")
            result = self.book.limit(event.side, ticks, lots, time_in_force=ORDER_TYPES[event.order_type], **named)
        if result.reject_reason == RejectReason.FOK_NOT_FILLABLE:
            return []  # the peer takes it, and kills it
        self._expect(result, "INVALID_ORDER")
        self.owners[event.order_id] = event.owner
        return self._trades(event.side)

    def _cancelled(self, event: Event) -> list[Trade]:
        self._expect(self.book.cancel(order_id=event.order_id), "INVALID_CANCEL")
        return []

    def _reduced(self, event: Event) -> list[Trade]:
        lots = self._lots(event.quantity, "INVALID_ORDER")
        self._expect(self.book.reduce(lots, order_id=event.order_id), "INVALID_ORDER")
        return []

    def _replaced(self, event: Event) -> list[Trade]:
        code = "INVALID_REPLACEMENT"
        ticks = None if event.price is None else self._ticks(event.price, code)
        lots = None if event.quantity is None else self._lots(event.quantity, code)  # this may rebuild the book
        old = next(order for order in self.book.orders() if order.id == event.order_id)
        ticks = old.price_ticks if ticks is None else ticks
        lots = old.leaves_lots if lots is None else lots
        if ticks == old.price_ticks and lots < old.leaves_lots:
            # The rest of it cannot fail: less of the same at the same price is within every bound.
            self._expect(self.book.reduce(old.leaves_lots - lots, order_id=event.order_id), code)
        self._expect(self.book.replace(ticks, lots, order_id=event.order_id), code)
        return self._trades(old.side)

    def _expect(self, result: Any, code: str) -> None:
        if not result.accepted:
            raise RefusedError(code, f"the book refused it: {RejectReason(result.reject_reason).name}")

    def _trades(self, side: int) -> list[Trade]:
        trades = []
        for fill in self.book.last_fills():
            ids = int(fill.taker_id), int(fill.maker_id)
            buyer, seller = ids if side == Side.BUY else ids[::-1]
            trades.append(
                Trade(buyer, seller, self._price_text(fill.price_ticks), self._quantity_text(fill.qty_lots)),
            )
        return trades

    def _price_text(self, ticks: int) -> str:
        return canonical(EXACT.multiply(int(ticks), self.config.tick))

    def _quantity_text(self, lots: int) -> str:
        return canonical(Decimal(int(lots)).scaleb(-self.lot_places, EXACT))

    def _ticks(self, price: Decimal | None, code: str) -> int:
        if price is None or price <= 0:
            raise RefusedError(code, "price: expected a positive number")
        if not is_within_digits(price):
            raise RefusedError(code, "price: expected a number of moderate length")
        ticks = int(EXACT.divide(price, self.config.tick).to_integral_value(ROUND_HALF_EVEN, EXACT))
        if not 1 <= ticks <= TICKS_LIMIT:
            raise RefusedError(code, f"price: expected 1 .. {TICKS_LIMIT} ticks, was {ticks}")
        return ticks

    def _lots(self, quantity: Decimal | None, code: str) -> int:
        if quantity is None or quantity <= 0:
            raise RefusedError(code, "quantity: expected a positive number")
        if not is_within_digits(quantity):
            raise RefusedError(code, "quantity: expected a number of moderate length")
        exact = rounded(quantity, self.config.quantity_places)
        places = places_of(exact)
        lots = int(exact.scaleb(max(places, self.lot_places), EXACT))
        if not 1 <= lots <= LOTS_LIMIT:
            raise RefusedError(code, f"quantity: expected 1 .. {LOTS_LIMIT} lots, was {lots}")
        if places > self.lot_places:
            self._refine(places, code)
        return lots

    def _refine(self, places: int, code: str) -> None:
        """Put every order into a new book, in order of priority, on finer lots; refused if they do not fit there."""
        scale = 10 ** (places - self.lot_places)
        book = self._opened()
        for order in self.book.orders():
            lots = order.leaves_lots * scale
            owner = None if order.owner < 0 else order.owner
            options = {"order_id": order.id, "owner": owner, "self_trade_prevention": self.config.prevention}
            if lots > LOTS_LIMIT or not book.limit(order.side, order.price_ticks, lots, **options).accepted:
                raise RefusedError(code, f"quantity: {places} decimal places are too fine for the orders in the book")
        self.book, self.lot_places = book, places

    def _opened(self) -> Book:
        is_watched = self.config.prevention != SelfTradePrevention.NONE
        return self.book_class(owners=OWNERS_LIMIT if is_watched else 0)

    def _owner_index(self, owner: int) -> int | None:
        if self.config.prevention == SelfTradePrevention.NONE or owner == NO_OWNER:
            return None
        index = self.owner_indexes.setdefault(owner, len(self.owner_indexes))
        if index >= OWNERS_LIMIT:
            raise RefusedError("INVALID_ORDER", f"owner: expected at most {OWNERS_LIMIT} owners of one symbol")
        return index
