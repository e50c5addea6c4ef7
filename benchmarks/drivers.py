"""How the engine and each peer are driven through a flow: one function each, the clock around the messages only.

Every function returns (CPU seconds, what differs from the reference). A peer is a package of the extra `peers`, driven
through its public Python API; what it can tell of its result is compared, and `Peer.compared` says what that is.
"""

from __future__ import annotations

import importlib
import importlib.util
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from flows import (
    ADD,
    CANCEL,
    NO_ASK,
    NO_BID,
    Calls,
    Columns,
    Flow,
    book_differences,
    columns_of,
    differences_of,
    fill_differences,
    ids_of_slots,
)

from engine import OrderBook

if TYPE_CHECKING:
    from collections.abc import Callable

Outcome = tuple[float, list[str]]
FILL_COLUMNS = ("maker_id", "taker_id", "price_ticks", "qty_lots")


# ---- the engine ------------------------------------------------------------------------------------------------------


def run_batch(flow: Flow, *, by_slot: bool) -> Outcome:
    """Apply the flow as one batch to a fresh book."""
    book = OrderBook(slots=flow.slots) if by_slot else OrderBook(orders=flow.slots)
    commands = flow.by_slot if by_slot else flow.by_id
    start = time.thread_time()
    result = book.apply(commands)
    seconds = time.thread_time() - start
    fills = columns_of(result.fills)
    if by_slot:
        fills = ids_of_slots(fills, flow.messages, flow.by_slot["slot_id"])
    differences = fill_differences(fills, flow.expected) + book_differences(book, flow.expected)
    if len(result.rejects):
        differences.append(f"rejects: expected 0, was {len(result.rejects)}")
    return seconds, differences


def run_calls_by_slot(flow: Flow, calls: Calls) -> Outcome:
    """Send one call per message, orders named by slot_id; the loop drops the results."""
    book = OrderBook(slots=flow.slots)
    limit, market, cancel = book.limit, book.market, book.cancel
    start = time.thread_time()
    for kind, side, price, qty, name in calls:
        if kind == ADD:
            limit(side, price, qty, slot_id=name)
        elif kind == CANCEL:
            cancel(slot_id=name)
        else:
            market(side, qty, slot_id=name)
    seconds = time.thread_time() - start
    return seconds, book_differences(book, flow.expected)


def run_calls_by_id(flow: Flow, calls: Calls) -> Outcome:
    """Send one call per message, orders named by order_id; the loop drops the results."""
    book = OrderBook(orders=flow.slots)
    limit, market, cancel = book.limit, book.market, book.cancel
    start = time.thread_time()
    for kind, side, price, qty, name in calls:
        if kind == ADD:
            limit(side, price, qty, order_id=name)
        elif kind == CANCEL:
            cancel(order_id=name)
        else:
            market(side, qty, order_id=name)
    seconds = time.thread_time() - start
    return seconds, book_differences(book, flow.expected)


def run_calls_with_fills(flow: Flow, calls: Calls) -> Outcome:
    """Send one call per message and read every fill inside the clock."""
    book = OrderBook(orders=flow.slots)
    limit, market, cancel, last_fills = book.limit, book.market, book.cancel, book.last_fills
    rows: list[tuple[int, ...]] = []
    start = time.thread_time()
    for kind, side, price, qty, name in calls:
        if kind == ADD:
            if limit(side, price, qty, order_id=name).filled_lots:
                rows += last_fills()
        elif kind == CANCEL:
            cancel(order_id=name)
        elif market(side, qty, order_id=name).filled_lots:
            rows += last_fills()
    seconds = time.thread_time() - start
    return seconds, fill_differences(fills_of_rows(rows), flow.expected) + book_differences(book, flow.expected)


def check_calls_by_slot(flow: Flow, calls: Calls) -> list[str]:
    """Send the calls of `run_calls_by_slot` once more, untimed, and compare every fill."""
    book = OrderBook(slots=flow.slots)
    rows: list[tuple[int, ...]] = []
    commands: list[int] = []
    for command, (kind, side, price, qty, name) in enumerate(calls):
        if kind == CANCEL:
            book.cancel(slot_id=name)
            continue
        if kind == ADD:
            result = book.limit(side, price, qty, slot_id=name)
        else:
            result = book.market(side, qty, slot_id=name)
        if result.filled_lots:
            fills = book.last_fills()
            rows += fills
            commands += [command] * len(fills)
    columns = {**fills_of_rows(rows), "command": np.array(commands, np.int64)}
    fills_by_id = ids_of_slots(columns, flow.messages, flow.by_slot["slot_id"])
    return fill_differences(fills_by_id, flow.expected) + book_differences(book, flow.expected)


def fills_of_rows(rows: list[tuple[int, ...]]) -> Columns:
    """Make columns of the rows of `OrderBook.last_fills`."""
    table = np.array(rows, np.int64).reshape(len(rows), -1 if rows else len(FILL_COLUMNS))
    return dict(zip(FILL_COLUMNS, table.T[: len(FILL_COLUMNS)], strict=True))


# ---- the peers -------------------------------------------------------------------------------------------------------


class Peer(NamedTuple):
    """A package that is driven one call a message, orders named as in `Flow.by_id`."""

    name: str  # distribution, as pip knows it
    module: str
    compared: str
    batch_api: str
    run: Callable[[Flow, Calls], Outcome]


def why_missing(peer: Peer) -> str | None:
    """Say why a peer cannot be driven here; None if it can."""
    if importlib.util.find_spec(peer.module) is None:
        return f"{peer.name} is not installed (pip install 'firesale[peers]')"
    try:
        importlib.import_module(peer.module)
    except (ImportError, OSError) as error:
        return f"{peer.name} cannot be loaded: {error}"
    return None


def run_bourse(flow: Flow, calls: Calls) -> Outcome:
    """Drive bourse, the clock set before each call: orders of equal times overwrite one another.

    It numbers orders itself in the order of their placement and records its trades inside the clock.
    """
    book = importlib.import_module("bourse.core").OrderBook(0, 1, True)
    place, cancel, set_time = book.place_order, book.cancel_order, book.set_time
    handles = [0] * (int(flow.messages["oid"].max()) + 1)
    start = time.thread_time()
    for at, (kind, side, price, qty, name) in enumerate(calls, start=1):
        set_time(at)
        if kind == ADD:
            handles[name] = place(side > 0, qty, 1, price)
        elif kind == CANCEL:
            cancel(handles[name])
        else:
            place(side > 0, qty, 1)
    seconds = time.thread_time() - start
    trades = book.get_trades()  # (time, side, price, lots, taker, maker)
    table = np.array(trades, np.int64).reshape(len(trades), 6).T
    placed = flow.messages["oid"][flow.messages["type"] != CANCEL]
    fills = {"maker_id": placed[table[5]], "taker_id": placed[table[4]], "price_ticks": table[2], "qty_lots": table[3]}
    left = {"bid_qty": book.bid_vol(), "ask_qty": book.ask_vol()}
    return seconds, fill_differences(fills, flow.expected) + differences_of(left, flow.expected)


def run_orderly_chaos(flow: Flow, calls: Calls) -> Outcome:
    """Drive orderly-chaos, whose calls return the lots that traded at once."""
    book = importlib.import_module("orderly_chaos").LimitOrderBook()
    sides = importlib.import_module("orderly_chaos").Side
    limit, market, cancel = book.limit, book.market, book.cancel
    side_of = {1: sides.BUY, -1: sides.SELL}
    traded = 0
    start = time.thread_time()
    for kind, side, price, qty, name in calls:
        if kind == ADD:
            traded += limit(side_of[side], name, qty, price)
        elif kind == CANCEL:
            cancel(name)
        else:
            traded += market(side_of[side], name, qty)
    seconds = time.thread_time() - start
    found = {"qty": traded, **counts_and_volumes(book)}
    book.close()
    return seconds, differences_of(found, flow.expected)


def run_limit_order_book(flow: Flow, calls: Calls) -> Outcome:
    """Drive limit-order-book, which reports no trades: what it leaves behind is all there is to compare."""
    book = importlib.import_module("limit_order_book").LimitOrderBook()
    limits, markets = {1: book.limit_buy, -1: book.limit_sell}, {1: book.market_buy, -1: book.market_sell}
    cancel = book.cancel
    start = time.thread_time()
    for kind, side, price, qty, name in calls:
        if kind == ADD:
            limits[side](name, qty, price)
        elif kind == CANCEL:
            cancel(name)
        else:
            markets[side](name, qty)
    seconds = time.thread_time() - start
    return seconds, differences_of(counts_and_volumes(book), flow.expected)


def counts_and_volumes(book: Any) -> dict[str, int]:
    """Read what orderly-chaos and limit-order-book leave behind; an empty side is None or 0 there."""
    return {
        "live_bids": book.count_buy(),
        "live_asks": book.count_sell(),
        "best_bid": book.best_buy() or NO_BID,
        "best_ask": book.best_sell() or NO_ASK,
        "bid_qty": book.volume_buy(),
        "ask_qty": book.volume_sell(),
    }


LEFT_BEHIND = "live orders, lots and best price of each side"
BOURSE = Peer(
    "bourse",
    "bourse",
    "every fill (order-sensitive hash), resting lots of each side",
    "StepEnvNumpy takes arrays, but shuffles the messages of a step: it cannot replay a flow",
    run_bourse,
)
PEERS = (
    BOURSE,
    Peer("orderly-chaos", "orderly_chaos", f"traded lots; {LEFT_BEHIND}", "none from Python", run_orderly_chaos),
    Peer("limit-order-book", "limit_order_book", LEFT_BEHIND, "none", run_limit_order_book),
)
