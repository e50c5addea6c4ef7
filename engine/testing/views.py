"""What two engines must agree on, as plain tuples of ints: the state of a book or queue, and the result of a call.

Stands on the public face only, so that it reads the native engine and the reference alike.

Promises: equal views mean equal behaviour as far as the face shows it; types (numpy or plain integers) do not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from engine.errors import InputError
from engine.testing.strategies import ACCESS, FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FILL_COLUMNS = ("command", "maker_id", "taker_id", "price_ticks", "qty_lots", "maker_owner", "taker_owner")
REJECT_COLUMNS = ("command", "reason")
CANCEL_COLUMNS = ("command", "id", "owner", "qty_lots", "reason")
TRIGGER_COLUMNS = ("command", "id", "owner", "stop_ticks", "reject_reason")
EVENT_COLUMNS = ("time_ms", "priority", "data", "handle")

_STOPS = frozenset({"stops", "marks"})

Row = tuple[int, ...]


def row_view(row: Iterable[Any]) -> Row:
    """Return a record as plain ints."""
    return tuple(int(number) for number in row)


def rows_view(rows: Iterable[Iterable[Any]]) -> list[Row]:
    """Return records as plain ints."""
    return [row_view(row) for row in rows]


def result_view(result: Any) -> Row:
    """Return what became of a command."""
    return row_view((result.id, result.filled_lots, result.leaves_lots, result.cancelled_lots, result.reject_reason))


def columns_view(table: Mapping[str, Any], columns: Iterable[str]) -> list[Row]:
    """Return the rows of a table of columns."""
    return list(zip(*(list(map(int, table[column])) for column in columns), strict=True))


def tables_view(book: Any, features: frozenset[str] = FEATURES) -> tuple[list[Row], ...]:
    """Return the fills, cancels and triggers of the last scalar command (M-33)."""
    return (
        rows_view(book.last_fills()),
        rows_view(book.last_cancels()) if features - ACCESS else [],
        rows_view(book.last_triggers()) if features & _STOPS else [],
    )


class ApplyView(NamedTuple):
    """Hold what a batch gave."""

    accepted_count: int
    fills: list[Row]
    rejects: list[Row]
    cancels: list[Row]
    triggers: list[Row]


def apply_view(result: Any, features: frozenset[str] = FEATURES) -> ApplyView:
    """Return the accepted count and the four tables of a batch (M-33).

    A book without any of the later features need not tell cancels, one without stops no triggers.
    """
    return ApplyView(
        int(result.accepted_count),
        columns_view(result.fills, FILL_COLUMNS),
        columns_view(result.rejects, REJECT_COLUMNS),
        columns_view(result.cancels, CANCEL_COLUMNS) if features - ACCESS else [],
        columns_view(result.triggers, TRIGGER_COLUMNS) if features & _STOPS else [],
    )


def book_view(book: Any, features: frozenset[str] = FEATURES) -> dict[str, Any]:
    """Return everything that a book shows of its state, as far as its features go."""
    bids, asks = book.depth(2**20)
    orders = rows_view(book.orders())
    view: dict[str, Any] = {
        "best": (book.best_bid, book.best_ask, book.last_price),
        # Mod 2^64, as in the digest (D-1): no rule bounds the sum of all trades.
        "counts": (int(book.trade_count), int(book.traded_lots) % 2**64, int(book.order_count)),
        "depth": (rows_view(bids), rows_view(asks)),
        "orders": orders if "icebergs" in features else [order[:5] for order in orders],
        "queues": [rows_view(book.queue(int(level[0]))) for level in (*bids, *asks)],
    }
    if "digest" in features:
        view["digest"] = int(book.digest())
    if features & _STOPS:
        view["stops"] = (int(book.stop_count), rows_view(book.stops()))
    if "marks" in features:
        view["mark"] = book.mark_price
    if "gtt" in features or "stops" in features:
        view["now_ms"] = int(book.now_ms)
    if "states" in features:
        view["state"] = int(book.state)
    return view


def positions_view(book: Any, owners: int) -> list[int]:
    """Return the position of every owner."""
    return [int(book.position(owner)) for owner in range(owners)]


def queue_view(queue: Any) -> dict[str, Any]:
    """Return everything that an event queue shows of its state."""
    head = queue.peek()
    return {
        "now_ms": int(queue.now_ms),
        "pending": len(queue),
        "scheduled_count": int(queue.scheduled_count),
        "head": None if head is None else row_view(head),
        "digest": int(queue.digest()),
    }


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call gives as plain ints, or the field that its `InputError` names."""
    try:
        result = call()
    except InputError as error:
        return "InputError", error.field
    if result is None or isinstance(result, (bool, int)):
        return result
    return row_view(result)
