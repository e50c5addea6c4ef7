"""Does one fill, or one cancel, cost the same in a book of ten thousand levels or of a million orders at one price?

    python benchmarks/bench_book_shapes.py [--json] [--quick] [--orders 1000000] [--runs 5]

The recipe is in benchmarks/README.md. Exit status 1 if a fill or a queue is not what it must be, or a bar is missed.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from common import (
    Bar,
    Line,
    check_text,
    engine_flags,
    figure_line,
    is_judged,
    machine,
    new_parser,
    report,
    runs_of,
    say_line,
    size_text,
)

from engine import CommandKind, OrderBook, Side

Array = np.ndarray[Any, Any]

PRICE_TICKS = 1_000
LEVELS = (100, 1_000, 10_000)  # of a sweep; the first is the yardstick
SWEPT = 10_000  # fills between two looks at the clock, whatever the levels or the queue
ORDERS, QUICK_ORDERS = 1_000_000, 20_000
BOOKS = 10  # swept between two looks at the clock, at most
CHUNK = 100  # lots of a taker at one price, one maker each
CANCELS = 10_000
FLAT_BAR = Bar("at most 2 x", 2.0, at_most=True)


# ---- books -----------------------------------------------------------------------------------------------------------


def rows_of(kind: CommandKind, side: Side, price_ticks: Array, qty_lots: int, slot_id: Array) -> dict[str, Array]:
    """Make columns of commands that differ in price and slot only."""
    rows = len(slot_id)
    return {
        "kind": np.full(rows, kind, np.uint8),
        "side": np.full(rows, side, np.int8),
        "price_ticks": np.ascontiguousarray(price_ticks, np.int32),
        "qty_lots": np.full(rows, qty_lots, np.int64),
        "slot_id": np.ascontiguousarray(slot_id, np.int32),
    }


def one_lot_asks(prices: Array) -> dict[str, Array]:
    """Place one ask of one lot at each price, slots 0, 1, ... in that order."""
    return rows_of(CommandKind.PLACE, Side.SELL, prices, 1, np.arange(len(prices)))


def new_queue(orders: int, queue: int | None = None) -> OrderBook:
    """Fill a book with one-lot asks, `queue` at a price (all by default); slot `orders` is the taker's."""
    book = OrderBook(slots=orders + 1)
    book.apply(one_lot_asks(PRICE_TICKS + np.arange(orders) // (queue or orders)))
    return book


# ---- sweeps ----------------------------------------------------------------------------------------------------------


def sweep_differences(books: list[OrderBook], levels: int) -> list[str]:
    """Compare the fills of the last sweep of each book with one lot at each level, from the best price on."""
    expected = [(level, levels, PRICE_TICKS + level, 1) for level in range(levels)]
    wrong = [book for book in books if [tuple(fill[:4]) for fill in book.last_fills()] != expected]
    left = sum(book.order_count for book in books)
    differences = [f"sweeps with other fills: expected 0, was {len(wrong)}"] if wrong else []
    return differences + ([f"orders left: expected 0, was {left}"] if left else [])


def sweep(books: list[OrderBook], levels: int) -> tuple[float, list[str]]:
    """Take all levels of each book with one market order; return CPU ns a fill, of `SWEPT`, and what differs."""
    asks = one_lot_asks(np.arange(PRICE_TICKS, PRICE_TICKS + levels))
    seconds = 0.0
    differences: list[str] = []
    rounds = SWEPT // (levels * len(books))
    for _ in range(rounds):
        for book in books:
            book.apply(asks)
        start = time.thread_time()
        for book in books:
            book.market(Side.BUY, levels, slot_id=levels)
        seconds += time.thread_time() - start
        differences += sweep_differences(books, levels)
    return seconds / SWEPT * 1e9, differences


def bench_sweeps(runs: int, *, judged: bool) -> list[Line]:
    """Measure a sweep through few and many levels, in turn."""
    # The same few books are swept again and again: their memory has been touched, and stays in the cache.
    books = {levels: [OrderBook(slots=levels + 1) for _ in range(BOOKS)][: SWEPT // levels] for levels in LEVELS}
    figures: dict[int, list[float]] = {levels: [] for levels in LEVELS}
    differences: dict[int, list[str]] = {levels: [] for levels in LEVELS}
    for levels in LEVELS:
        sweep(books[levels], levels)
    for run in range(runs):
        for levels in LEVELS:
            figure, found = sweep(books[levels], levels)
            figures[levels].append(figure)
            differences[levels] += [f"run {run}: {text}" for text in found]
    lines = []
    for levels in LEVELS:
        first = levels == LEVELS[0]
        lines.append(
            figure_line(
                f"sweep of {size_text(levels)} levels, one order each",
                "ns/fill",
                figures[levels],
                check=check_text(differences[levels]),
                against=None if first else f"sweep of {LEVELS[0]} levels",
                against_figures=None if first else figures[LEVELS[0]],
                bar=FLAT_BAR.judged_if(judged) if levels == LEVELS[-1] else None,
                more={"levels": levels, "fills": SWEPT},
            )
        )
    return lines


# ---- one price -------------------------------------------------------------------------------------------------------


def eat(orders: int, queue: int, chunk: int) -> tuple[float, list[str]]:
    """Take `orders`, `queue` at a price, with takers of `chunk` lots; return CPU ns a fill and what differs.

    `SWEPT` fills a batch where takers are small enough: the memory of a batch's fills is used again by the next one, so
    that a long queue is not charged for more of it than a short one.
    """
    book = new_queue(orders, queue)
    takers = max(1, min(SWEPT, orders) // chunk)
    commands = rows_of(
        CommandKind.PLACE, Side.BUY, np.full(takers, PRICE_TICKS + orders), chunk, np.full(takers, orders)
    )
    seconds, filled = 0.0, 0
    differences: list[str] = []
    while filled < orders and not differences:
        start = time.thread_time()
        result = book.apply(commands)
        seconds += time.thread_time() - start
        fills = result.fills
        expected = filled + np.arange(takers * chunk)
        exact = (
            np.array_equal(fills["maker_id"], expected)  # first come, first served
            and np.array_equal(fills["command"], (expected - filled) // chunk)
            and bool(np.all(fills["qty_lots"] == 1))
            and np.array_equal(fills["price_ticks"], PRICE_TICKS + expected // queue)
        )
        filled += len(fills)
        if not exact:
            differences.append(f"fills: expected {len(expected)} first come, first served, was {len(fills)} others")
        del result, fills
    if book.order_count:
        differences.append(f"orders left: expected 0, was {book.order_count}")
    return seconds / orders * 1e9, differences


def bench_one_price(orders: int, runs: int, *, judged: bool) -> list[Line]:
    """Measure takers at short queues and at a long one, and one taker of the whole long queue, in turn."""
    short = min(SWEPT, orders)
    shapes = [
        (short, short, CHUNK),
        (orders, short, CHUNK),
        (orders, orders, CHUNK),
        (orders, orders, SWEPT),
        (orders, orders, orders),
    ]
    figures: list[list[float]] = [[] for _ in shapes]
    differences: list[list[str]] = [[] for _ in shapes]
    for run in range(runs):
        for at, shape in enumerate(shapes):
            figure, found = eat(*shape)
            figures[at].append(figure)
            differences[at] += [f"run {run}: {text}" for text in found]
    # The first fits the cache and the others do not, which costs alike whatever the prices: so the long queue is held
    # against as many orders in short queues. One taker of everything writes all its fills to fresh memory, which no
    # other shape does: a figure, no bar.
    yardsticks = [None, 0, 1, 1, 1]
    return [
        figure_line(
            shape_name(*shapes[at]),
            "ns/fill",
            figures[at],
            check=check_text(differences[at]),
            against=None if yard is None else shape_name(*shapes[yard]),
            against_figures=None if yard is None else figures[yard],
            bar=FLAT_BAR.judged_if(judged) if at in (2, 3) else None,
            more=dict(zip(("orders", "orders_at_a_price", "fills_per_taker"), shapes[at], strict=True)),
        )
        for at, yard in enumerate(yardsticks)
    ]


def shape_name(orders: int, queue: int, chunk: int) -> str:
    """Name a shape."""
    return f"{size_text(orders)} orders, {size_text(queue)} at a price, takers of {size_text(chunk)}"


def cancel(orders: int, slots: Array) -> tuple[float, list[str]]:
    """Cancel `slots` out of a queue of `orders` at one price, one batch."""
    book = new_queue(orders)
    commands = rows_of(CommandKind.CANCEL, Side.SELL, np.zeros(len(slots)), 0, slots)
    start = time.thread_time()
    result = book.apply(commands)
    seconds = time.thread_time() - start
    left = np.delete(np.arange(orders), slots)
    differences = []
    if len(result.rejects) or result.accepted_count != len(slots):
        differences.append(f"cancels: expected {len(slots)}, was {result.accepted_count}")
    if [order[0] for order in book.queue(PRICE_TICKS)] != left.tolist():
        differences.append("queue: expected the others in the order of their arrival, was another one")
    return seconds / len(slots) * 1e9, differences


def bench_cancels(orders: int, runs: int, *, judged: bool) -> list[Line]:
    """Measure cancels at the head, in the middle and all over a long queue, in turn."""
    count = min(CANCELS, orders // 10)
    places = {
        "at the head": np.arange(count),
        "in the middle": np.arange(orders // 2, orders // 2 + count),
        "all over": np.random.default_rng(20240229).permutation(orders)[:count],
    }
    figures: dict[str, list[float]] = {name: [] for name in places}
    differences: dict[str, list[str]] = {name: [] for name in places}
    for run in range(runs):
        for name, slots in places.items():
            figure, found = cancel(orders, slots)
            figures[name].append(figure)
            differences[name] += [f"run {run}: {text}" for text in found]
    bars = {"in the middle": FLAT_BAR.judged_if(judged)}
    head = next(iter(places))
    return [
        figure_line(
            f"{size_text(orders)} orders at one price, cancel {name}",
            "ns/cancel",
            figures[name],
            check=check_text(differences[name]),
            against=None if name == head else f"cancel {head}",
            against_figures=None if name == head else figures[head],
            bar=bars.get(name),
            more={"orders": orders, "cancels": count},
        )
        for name in places
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = new_parser(__doc__)
    parser.add_argument("--orders", type=int, help="orders at one price, a multiple of 10000 (1000000)")
    options = parser.parse_args(arguments)
    orders = options.orders or (QUICK_ORDERS if options.quick else ORDERS)
    if orders % SWEPT:
        parser.error(f"--orders: expected a multiple of {SWEPT}, was {orders}")
    runs, judged = runs_of(options), is_judged(options)
    started = machine()
    flags = {"engine": engine_flags()}
    lines: list[Line] = []
    for part in (
        bench_sweeps(runs, judged=judged),
        bench_one_price(orders, runs, judged=judged),
        bench_cancels(orders, runs, judged=judged),
    ):
        for line in part:
            say_line(line)
        lines += part
    return report(lines, flags=flags, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
