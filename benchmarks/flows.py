"""The flows that the matcher and its peers are measured on, and how their results are checked.

Stands on the bare C reference (`common.load_flow`), whose generator draws the flows and whose replay says what every
book must report, and on helpers.c. Nothing here is timed.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from common import ReferenceMissingError, address, compile_c

from engine import CommandKind, OrderBook, OrderType, Side

if TYPE_CHECKING:
    from types import ModuleType

    from engine._core import ColumnTable

Array = np.ndarray[Any, Any]
Columns = Mapping[str, Array]
Calls = list[tuple[int, int, int, int, int]]  # message type, side, price, quantity, name

REGIMES = ["steady", "deep", "cascade"]
WORD = 2**64 - 1
ADD, CANCEL, MARKET = 0, 1, 2  # message types of flow.py
NO_BID, NO_ASK = -1, 65536  # what the reference says for an empty side


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
    found = {
        "trades": book.trade_count,
        "qty": book.traded_lots,
        "live_bids": sum(len(book.queue(price)) for price, _ in bids),
        "live_asks": sum(len(book.queue(price)) for price, _ in asks),
        "best_bid": NO_BID if book.best_bid is None else book.best_bid,
        "best_ask": NO_ASK if book.best_ask is None else book.best_ask,
        "bid_qty": sum(qty for _, qty in bids),
        "ask_qty": sum(qty for _, qty in asks),
    }
    return differences_of(found, expected)


def differences_of(found: dict[str, int], expected: dict[str, int]) -> list[str]:
    """Compare some of the reference's figures."""
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


def calls_of(flow: Flow, *, by_slot: bool) -> Calls:
    """Build the tuples that the call-by-call loop goes through."""
    name = flow.by_slot["slot_id"] if by_slot else flow.by_id["order_id"]
    columns = [flow.by_id[column] for column in ("side", "price_ticks", "qty_lots")]
    return list(zip(*[column.tolist() for column in (flow.messages["type"], *columns, name)], strict=True))
