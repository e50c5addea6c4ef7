"""What the tests of a book share: how a result, a table and a queue are read."""

from __future__ import annotations

from engine.testing.strategies import columns
from engine.testing.views import apply_view, row_view, rows_view
from engine.types import RejectReason

LOTS_LIMIT = 2**61  # U-2, U-3


def amounts(result):
    """filled, leaves, cancelled of an accepted command."""
    assert result.reject_reason == RejectReason.NONE
    assert result.accepted
    return row_view((result.filled_lots, result.leaves_lots, result.cancelled_lots))


def rejected(result):
    """The reason of a reject, whose amounts are all 0."""
    assert not result.accepted
    assert row_view((result.filled_lots, result.leaves_lots, result.cancelled_lots)) == (0, 0, 0)
    return RejectReason(result.reject_reason)


def fills(book):
    """(maker, taker, price, lots) of the last command and the stops that it fired."""
    return [row[:4] for row in rows_view(book.last_fills())]


def cancels(book):
    """(id, lots, reason) of the last command and the stops that it fired."""
    return [(row[0], row[2], row[3]) for row in rows_view(book.last_cancels())]


def triggers(book):
    """(id, reason) of the stops that the last command fired."""
    return [(row[0], row[3]) for row in rows_view(book.last_triggers())]


def queue(book, price):
    """(id, shown lots) at a price."""
    return rows_view(book.queue(price))


def hidden(book):
    """Hidden lots by order id."""
    return {row[0]: row[5] for row in rows_view(book.orders())}


def stop_ids(book):
    """The ids of all stops, waiting and fired, in the order of D-2."""
    return [row[0] for row in rows_view(book.stops())]


def applied(book, rows, naming="order_id"):
    """What a batch of rows gives."""
    return apply_view(book.apply(columns(rows, naming)))
