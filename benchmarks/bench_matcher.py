"""How many messages a second does the matcher take, next to a bare C book on the same flow?

    python benchmarks/bench_matcher.py [--json] [--n 1000000] [--regimes steady deep cascade] [--runs 5]

The recipe is in benchmarks/README.md. Exit status 1 if a fill, a count or the book left behind differs.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import importlib
import importlib.util
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from common import (
    Line,
    ReferenceMissingError,
    address,
    check_text,
    compile_c,
    engine_flags,
    load_flow,
    machine,
    measured,
    missing,
    reference_flags,
    report,
    say,
    say_line,
)

from engine import CommandKind, OrderBook, OrderType, Side

if TYPE_CHECKING:
    from types import ModuleType

    from engine._core import ColumnTable

Array = np.ndarray[Any, Any]
Columns = Mapping[str, Array]
Calls = list[tuple[int, int, int, int, int]]  # message type, side, price, quantity, name

REGIMES = ["steady", "deep", "cascade"]
UNIT = "M/s"
WORD = 2**64 - 1
ADD, CANCEL, MARKET = 0, 1, 2  # message types of flow.py
NO_BID, NO_ASK = -1, 65536  # what the reference says for an empty side
SLOT_LINE, ID_LINE = "batch by slot_id", "batch by order_id"
CALL_SLOT_LINE, CALL_ID_LINE = "call by call, slot_id", "call by call, order_id"
CALL_FILLS_LINE = "call by call, order_id, fills read"
LINES = (SLOT_LINE, ID_LINE, CALL_SLOT_LINE, CALL_ID_LINE, CALL_FILLS_LINE)
BOURSE = "bourse"
AGAINST = {
    SLOT_LINE: "replay_slots",
    ID_LINE: "replay",
    **dict.fromkeys((CALL_SLOT_LINE, CALL_ID_LINE, CALL_FILLS_LINE), BOURSE),
}
BARS = {SLOT_LINE: "ratio 0.4", CALL_SLOT_LINE: "2 M/s", CALL_ID_LINE: "2 M/s"}


class Flow(NamedTuple):
    """A flow of the reference, as it drew it and as columns of commands."""

    messages: Columns  # type, side, px, qty, oid, target: flow.py's
    expected: dict[str, int]  # what the reference reports, hash included
    by_id: dict[str, Array]  # columns for OrderBook.apply, orders named by order_id
    by_slot: dict[str, Array]  # the same, named by slot_id
    slots: int  # how many slots they need


# ---- checking --------------------------------------------------------------------------------------------------------


@functools.cache
def helpers() -> ctypes.CDLL | None:
    """Compile helpers.c; None where gcc is absent."""
    try:
        library = compile_c(Path(__file__).with_name("helpers.c"))
    except (OSError, ReferenceMissingError):
        return None
    library.fill_hash.restype = ctypes.c_uint64
    library.assign_slots.restype = ctypes.c_int64
    return library


def fill_hash_python(maker: Array, taker: Array, price: Array, qty: Array) -> int:
    """Compute the hash of refbook.c in Python."""
    h = 1469598103934665603
    for row in zip(maker.tolist(), taker.tolist(), price.tolist(), qty.tolist(), strict=True):
        word = row[0] * 0x9E3779B97F4A7C15 + row[1] * 31 + row[2] * 131071 + row[3]
        h = ((h ^ (word & WORD)) * 1099511628211) & WORD
    return h


def fill_hash(fills: Columns) -> int:
    """Compute the order-sensitive hash over (maker, taker, price, quantity) of all fills, as refbook.c does."""
    maker, taker, qty = (np.ascontiguousarray(fills[name], np.int64) for name in ("maker_id", "taker_id", "qty_lots"))
    price = np.ascontiguousarray(fills["price_ticks"], np.int32)
    library = helpers()
    if library is None:
        return fill_hash_python(maker, taker, price, qty)
    rows = ctypes.c_int64(len(maker))
    return int(library.fill_hash(rows, address(maker), address(taker), address(price), address(qty)))


def fill_differences(fills: Columns, expected: dict[str, int]) -> list[str]:
    """Compare every recorded fill, named by order ids, with what the reference reports."""
    rows, traded, found = len(fills["maker_id"]), int(np.sum(fills["qty_lots"])), fill_hash(fills)
    differences = []
    if rows != expected["trades"]:
        differences.append(f"fills: expected {expected['trades']}, was {rows}")
    if traded != expected["qty"]:
        differences.append(f"traded lots: expected {expected['qty']}, was {traded}")
    if found != expected["hash"] & WORD:
        differences.append(f"hash of the fills: expected {expected['hash'] & WORD:016x}, was {found:016x}")
    return differences


def book_differences(book: OrderBook, expected: dict[str, int]) -> list[str]:
    """Compare the book that a flow left behind with the reference's."""
    bids, asks = book.depth(2**31)
    sides = [1 if order.side == Side.BUY else 0 for order in book.orders()]
    found = {
        "trades": book.trade_count,
        "qty": book.traded_lots,
        "live_bids": sum(sides),
        "live_asks": len(sides) - sum(sides),
        "best_bid": NO_BID if book.best_bid is None else book.best_bid,
        "best_ask": NO_ASK if book.best_ask is None else book.best_ask,
        "bid_qty": sum(qty for _, qty in bids),
        "ask_qty": sum(qty for _, qty in asks),
    }
    return [f"{name}: expected {expected[name]}, was {was}" for name, was in found.items() if was != expected[name]]


def ids_of_slots(fills: Columns, messages: Columns, slot_id: Array) -> Columns:
    """Rewrite fills named by slots as fills named by order ids.

    A taker is the order of its command. A maker is the last order placed under its slot before that command: a slot in
    use is given to nobody else, so a wrong slot gives a wrong order and another hash.
    """
    oid = messages["oid"].astype(np.int64)
    command = np.asarray(fills["command"], np.int64)
    slot = np.asarray(fills["maker_id"], np.int64)
    placed = np.flatnonzero(messages["type"] != CANCEL)
    stride = len(oid) + 1
    keys = np.sort(slot_id[placed].astype(np.int64) * stride + placed)
    at = np.searchsorted(keys, slot * stride + command) - 1
    found = keys[np.maximum(at, 0)]
    known = (at >= 0) & (found // stride == slot)
    maker = np.where(known, oid[np.where(known, found % stride, 0)], -1)
    # The taker's own slot is checked too: it must be the one that its command named.
    taker = np.where(fills["taker_id"] == slot_id[command], oid[command], -1)
    return {"maker_id": maker, "taker_id": taker, "price_ticks": fills["price_ticks"], "qty_lots": fills["qty_lots"]}


def columns_of(table: ColumnTable) -> Columns:
    """Take the columns of a result as NumPy arrays."""
    return {name: table[name] for name in table.names}


# ---- flows -----------------------------------------------------------------------------------------------------------


def commands_of(messages: Columns) -> dict[str, Array]:
    """Write the messages of flow.py as columns of commands, orders named by order_id."""
    is_cancel = messages["type"] == CANCEL
    return {
        "kind": np.where(is_cancel, CommandKind.CANCEL, CommandKind.PLACE).astype(np.uint8),
        "side": np.where(messages["side"] == 0, Side.BUY, Side.SELL).astype(np.int8),
        "price_ticks": np.ascontiguousarray(messages["px"], np.int32),
        "qty_lots": messages["qty"].astype(np.int64),
        "order_type": np.where(messages["type"] == MARKET, OrderType.MARKET, OrderType.LIMIT).astype(np.uint8),
        "order_id": np.where(is_cancel, messages["target"], messages["oid"]).astype(np.int64),
    }


def slots_of(messages: Columns, fills: Columns) -> tuple[Array, int]:
    """Assign slots as a caller with a last-in first-out pool would; return them and how many there are."""
    library = helpers()
    if library is None:
        raise ReferenceMissingError("no slot assignment: gcc is not installed")
    oid_max = int(messages["oid"].max())
    slot = np.zeros(len(messages["type"]), np.int32)
    filled = [np.ascontiguousarray(fills[name]) for name in ("command", "maker_id", "qty_lots")]
    slots = library.assign_slots(
        ctypes.c_int64(len(slot)),
        *[address(messages[name]) for name in ("type", "qty", "oid", "target")],
        ctypes.c_int64(len(filled[0])),
        *[address(column) for column in filled],
        ctypes.c_int64(oid_max),
        address(slot),
    )
    if slots < 0:
        raise RuntimeError("the fills of the run by order_id are not those of the flow, so no slots can be assigned")
    return slot, int(slots)


def make_flow(reference: ModuleType, regime: str, n: int) -> Flow:
    """Draw a flow, what is expected of it, and its commands under both names."""
    messages, _ = reference.generate(regime, n)
    _, expected = reference.replay(messages, hashing=1)
    by_id = commands_of(messages)
    fills = columns_of(OrderBook().apply(by_id).fills)
    slot, slots = slots_of(messages, fills)
    by_slot = {name: column for name, column in by_id.items() if name != "order_id"} | {"slot_id": slot}
    return Flow(messages, expected, by_id, by_slot, slots)


# ---- runs ------------------------------------------------------------------------------------------------------------


def run_batch(flow: Flow, *, by_slot: bool) -> tuple[float, list[str]]:
    """Apply the flow as one batch to a fresh book; return its CPU seconds and what differs."""
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


def calls_of(flow: Flow, *, by_slot: bool) -> Calls:
    """Build the tuples that the call-by-call loop goes through."""
    name = flow.by_slot["slot_id"] if by_slot else flow.by_id["order_id"]
    columns = [flow.by_id[column] for column in ("side", "price_ticks", "qty_lots")]
    return list(zip(*[column.tolist() for column in (flow.messages["type"], *columns, name)], strict=True))


def run_calls_by_slot(flow: Flow, calls: Calls) -> tuple[float, list[str]]:
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


def run_calls_by_id(flow: Flow, calls: Calls) -> tuple[float, list[str]]:
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


def run_calls_with_fills(flow: Flow, calls: Calls) -> tuple[float, list[str]]:
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
    table = np.array(rows, np.int64).reshape(len(rows), 6)
    fills = dict(zip(("maker_id", "taker_id", "price_ticks", "qty_lots"), table.T[:4], strict=True))
    return seconds, fill_differences(fills, flow.expected) + book_differences(book, flow.expected)


def bourse_is_installed() -> bool:
    """Tell whether the fastest peer that takes one call a message can be compared with (the extra `peers`)."""
    return importlib.util.find_spec("bourse") is not None


def run_bourse(flow: Flow, calls: Calls) -> tuple[float, list[str]]:
    """Send one call per message to bourse, the clock set before each: orders of equal times overwrite one another."""
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
    trades = book.get_trades()
    found = {"trades": len(trades), "qty": sum(trade[3] for trade in trades)}
    expected = flow.expected
    return seconds, [
        f"{name}: expected {expected[name]}, was {was}" for name, was in found.items() if was != expected[name]
    ]


def runners_of(reference: ModuleType, flow: Flow) -> dict[str, Callable[[], tuple[float, list[str]]]]:
    """Return what is run, by its name: each yardstick just before the lines that are held against it."""
    by_slot, by_id = calls_of(flow, by_slot=True), calls_of(flow, by_slot=False)
    runners: dict[str, Callable[[], tuple[float, list[str]]]] = {
        "replay_slots": lambda: (reference.replay_slots(flow.messages)[0], []),
        SLOT_LINE: lambda: run_batch(flow, by_slot=True),
        "replay": lambda: (reference.replay(flow.messages, hashing=0)[0], []),
        ID_LINE: lambda: run_batch(flow, by_slot=False),
    }
    if bourse_is_installed():
        runners[BOURSE] = lambda: run_bourse(flow, by_id)
    runners[CALL_SLOT_LINE] = lambda: run_calls_by_slot(flow, by_slot)
    runners[CALL_ID_LINE] = lambda: run_calls_by_id(flow, by_id)
    runners[CALL_FILLS_LINE] = lambda: run_calls_with_fills(flow, by_id)
    return runners


def bench_regime(reference: ModuleType, regime: str, n: int, runs: int) -> list[Line]:
    """Measure one flow, reference and engine in turn."""
    flow = make_flow(reference, regime, n)
    runners = runners_of(reference, flow)
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    differences: dict[str, list[str]] = {name: [] for name in runners}
    for run in range(runs):
        for name, runner in runners.items():
            second, found = runner()
            seconds[name].append(second)
            differences[name] += [f"run {run}: {text}" for text in found]
    lines = []
    for name in LINES:
        yardstick = AGAINST.get(name)
        if yardstick not in runners or differences[yardstick]:
            yardstick = None  # not installed, or it does not do the same work
        lines.append(
            measured(
                f"{regime}: {name}",
                n,
                seconds[name],
                check=check_text(differences[name]),
                unit=UNIT,
                against=yardstick,
                against_seconds=seconds[yardstick] if yardstick else None,
                bar=BARS.get(name),
                more={"regime": regime, "n": n, "fills": flow.expected["trades"], "slots": flow.slots},
            )
        )
        say_line(lines[-1])
    for text in differences.get(BOURSE, []):
        say(f"{regime}: no ratio to bourse: {text}")
    return lines


def missing_lines(regimes: list[str], reason: str) -> list[Line]:
    """Make the lines of a machine without the reference: its generator makes the flows, so there is nothing to run."""
    return [missing(f"{regime}: {name}", UNIT, AGAINST[name], reason) for regime in regimes for name in LINES]


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.add_argument("--n", type=int, default=1_000_000, help="messages of a flow")
    parser.add_argument("--regimes", nargs="*", choices=REGIMES, default=REGIMES)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each side")
    options = parser.parse_args(arguments)
    started = machine()
    flags = {"engine": engine_flags()}
    lines: list[Line] = []
    try:
        reference = load_flow()
        flags["reference"] = reference_flags(reference)
        for regime in options.regimes:
            lines += bench_regime(reference, regime, options.n, options.runs)
    except ReferenceMissingError as reason:
        say(str(reason))
        flags["reference"] = str(reason)
        lines = missing_lines(options.regimes, str(reason))
    return report(lines, flags=flags, as_json=options.json, started=started)


if __name__ == "__main__":
    sys.exit(main())
