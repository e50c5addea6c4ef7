"""What two engines must agree on, as plain tuples of ints: the state of a book or queue, and the result of a call.

Stands on the public face only, so that it reads the native engine and the reference alike.

Promises: equal views mean equal behaviour as far as the face shows it; types (numpy or plain integers) do not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FILL_COLUMNS = ("command", "maker_id", "taker_id", "price_ticks", "qty_lots", "maker_owner", "taker_owner")
REJECT_COLUMNS = ("command", "reason")
EVENT_COLUMNS = ("time_ms", "priority", "data", "handle")

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


def apply_view(result: Any) -> tuple[int, list[Row], list[Row]]:
    """Return the accepted count, the fills and the rejects of a batch."""
    return (
        int(result.accepted_count),
        columns_view(result.fills, FILL_COLUMNS),
        columns_view(result.rejects, REJECT_COLUMNS),
    )


def book_view(book: Any) -> dict[str, Any]:
    """Return everything that a book shows of its state."""
    bids, asks = book.depth(2**20)
    return {
        "best": (book.best_bid, book.best_ask, book.last_price),
        # Mod 2^64, as in the digest (D-1): no rule bounds the sum of all trades.
        "counts": (int(book.trade_count), int(book.traded_lots) % 2**64, int(book.order_count)),
        "depth": (rows_view(bids), rows_view(asks)),
        "orders": rows_view(book.orders()),
        "queues": [rows_view(book.queue(int(level[0]))) for level in (*bids, *asks)],
        "digest": int(book.digest()),
    }


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
