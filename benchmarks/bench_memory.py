"""How much memory does a resting order take?

    python benchmarks/bench_memory.py [--json] [--quick] [--orders 1000000] [--runs 3]

Resident memory, a fresh process for each figure. The recipe is in benchmarks/README.md. Exit status 1 if a book does
not hold what was placed, or a bar is missed.
"""

from __future__ import annotations

import ctypes
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

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
LEVELS = 1_000  # prices that the orders are spread over, round and round
WIDE_LEVELS = 65_536  # prices side by side, one order each
ORDERS, QUICK_ORDERS = 1_000_000, 20_000
ORDER_BAR = Bar("at most 64 bytes", 64.0, on_ratio=False, at_most=True)


PR_SET_THP_DISABLE = 41  # of prctl(2)
LIBC = ctypes.CDLL(None)


class Shape(NamedTuple):
    """One figure: how orders are named, and whether the book is told to expect them."""

    text: str
    naming: str
    expected: bool = False
    wide: bool = False  # bytes a level, instead of bytes an order
    bar: Bar | None = None


SHAPES = {
    "slot": Shape("by slot_id", "slot_id", bar=ORDER_BAR),
    "handle": Shape("by handle", "handle", bar=ORDER_BAR),
    "handle-expected": Shape("by handle, OrderBook(orders=)", "handle", expected=True),
    "id": Shape("by order_id", "order_id"),
    "id-expected": Shape("by order_id, OrderBook(orders=)", "order_id", expected=True),
    "levels": Shape("levels side by side, one order each", "slot_id", wide=True),
}


# ---- in a process of its own -----------------------------------------------------------------------------------------


def resident_bytes() -> int:
    """Read how much memory this process holds; what the C library keeps of freed memory is given back first."""
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def asks(prices: Array, naming: str, first: int) -> dict[str, Array]:
    """Make columns that place an ask of one lot at each price."""
    rows = len(prices)
    columns: dict[str, Array] = {
        "kind": np.full(rows, CommandKind.PLACE, np.uint8),
        "side": np.full(rows, Side.SELL, np.int8),
        "price_ticks": prices.astype(np.int32),
        "qty_lots": np.ones(rows, np.int64),
    }
    if naming != "handle":
        columns[naming] = np.arange(first, first + rows, dtype=np.int32 if naming == "slot_id" else np.int64)
    return columns


def base_and_more(shape: Shape, orders: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Make the two batches that are placed, `orders` in all.

    The first look is between them, so that orders are counted without the levels that the first batch touched, or
    levels without the slots that a book touches when it is made. A book that takes the memory of its orders when it is
    made is looked at before that, and its levels are counted in.
    """
    if shape.wide:
        base = asks(np.full(WIDE_LEVELS, PRICE_TICKS), shape.naming, 0)
        return base, asks(PRICE_TICKS + 1 + np.arange(WIDE_LEVELS), shape.naming, WIDE_LEVELS)
    base = asks(PRICE_TICKS + np.arange(LEVELS), shape.naming, 0)
    return base, asks(PRICE_TICKS + np.arange(orders - LEVELS) % LEVELS, shape.naming, LEVELS)


def measure(shape: Shape, orders: int, *, huge_pages: bool) -> dict[str, Any]:
    """Fill one book; return how many bytes it grew by for each order (or level), and what differs."""
    if not huge_pages:
        LIBC.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    base, more = base_and_more(shape, orders)
    total = len(base["kind"]) + len(more["kind"])
    OrderBook(slots=10).apply(asks(np.full(10, PRICE_TICKS), shape.naming, 0))  # code and columns are met here first
    before = resident_bytes()
    book = OrderBook(slots=total if shape.naming == "slot_id" else 0, orders=total if shape.expected else 0)
    accepted = book.apply(base).accepted_count
    counted = total
    if shape.wide or not (shape.expected or shape.naming == "slot_id"):
        before, counted = resident_bytes(), len(more["kind"])
    accepted += book.apply(more).accepted_count
    grown = resident_bytes() - before
    lots = sum(qty for _, qty in book.depth(2**31)[1])
    found = {"accepted": accepted, "resting orders": book.order_count, "resting lots": lots}
    differences = [f"{name}: expected {total}, was {was}" for name, was in found.items() if was != total]
    return {"bytes": grown / counted, "differences": differences}


# ---- lines -----------------------------------------------------------------------------------------------------------


def measure_apart(name: str, orders: int, *, huge_pages: bool) -> dict[str, Any]:
    """Run `measure` in a fresh process."""
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", name, "--orders", str(orders)]
    if huge_pages:
        command.append("--huge-pages")
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def bench_memory(orders: int, runs: int, *, judged: bool) -> list[Line]:
    """Measure every shape, a process for each figure."""
    lines = []
    for name, shape in SHAPES.items():
        found = [measure_apart(name, orders, huge_pages=False) for _ in range(runs)]
        with_huge_pages = measure_apart(name, orders, huge_pages=True)
        differences = [text for each in [*found, with_huge_pages] for text in each["differences"]]
        count = WIDE_LEVELS if shape.wide else orders
        lines.append(
            figure_line(
                f"{count:,} {shape.text}" if shape.wide else f"{size_text(count)} resting orders {shape.text}",
                "B/level" if shape.wide else "B/order",
                [each["bytes"] for each in found],
                check=check_text(differences),
                bar=shape.bar and shape.bar.judged_if(judged),
                more={"orders": count, "with_huge_pages": round(with_huge_pages["bytes"], 1)},
                digits=1,
            )
        )
        say_line(lines[-1])
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = new_parser(__doc__, runs=3)
    parser.add_argument("--orders", type=int, help="resting orders (1000000)")
    parser.add_argument("--measure", choices=list(SHAPES), help="fill one book in this process, print what it takes")
    parser.add_argument("--huge-pages", action="store_true", help="with --measure: leave huge pages on")
    options = parser.parse_args(arguments)
    orders = options.orders or (QUICK_ORDERS if options.quick else ORDERS)
    if options.measure:
        print(json.dumps(measure(SHAPES[options.measure], orders, huge_pages=options.huge_pages)))
        return 0
    started = machine()
    flags = {"engine": engine_flags()}
    lines = bench_memory(orders, runs_of(options), judged=is_judged(options))
    return report(lines, flags=flags, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
