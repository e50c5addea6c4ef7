"""Columns that are no numpy arrays (U-7): buffers, `__array_interface__`, Arrow arrays; on both engines."""

from __future__ import annotations

import array
import ctypes
import gc
import weakref

import nanoarrow
import numpy as np
import pyarrow as pa
import pytest

from engine.errors import InputError
from engine.testing.strategies import Row, columns
from engine.testing.views import apply_view
from engine.types import CommandKind, OrderType, Side

ROWS = [
    Row(CommandKind.PLACE, Side.SELL, 5, 3, OrderType.LIMIT, 0, 1, 1),
    Row(CommandKind.PLACE, Side.BUY, 5, 2, OrderType.LIMIT, 0, 0, 2, flags=2, time_ms=9),
    Row(CommandKind.PLACE, Side.BUY, 6, 2, OrderType.LIMIT, 4, 0, 3, display_lots=1, time_ms=9),
    Row(CommandKind.PLACE, Side.SELL, 1, 2, OrderType.STOP, 0, 0, 4, self_trade_prevention=1, stop_ticks=4),
    Row(CommandKind.CANCEL, 0, 0, 0, 0, 0, 0, 4),
]
BATCH = columns(ROWS, "order_id", full=True)
TYPE_CODES = {"uint8": "B", "int8": "b", "int32": "i", "int64": "q"}
CTYPES = {"uint8": ctypes.c_uint8, "int8": ctypes.c_int8, "int32": ctypes.c_int32, "int64": ctypes.c_int64}


class Interface:
    """Answers `__array_interface__` and nothing else; asking it for a copy is an error."""

    def __init__(self, column, **changes):
        self.column = column
        self.__array_interface__ = {**column.__array_interface__, **changes}

    def __array__(self, *args, **kwargs):
        raise AssertionError("the memory is there to be read in place")


class Arrow:
    """Answers `__arrow_c_array__` and nothing else."""

    def __init__(self, column):
        self.column = column
        self.asked_count = 0

    def __arrow_c_array__(self, requested_schema=None):
        self.asked_count += 1
        return self.column.__arrow_c_array__(requested_schema)


def in_the_middle(column):
    """An Arrow array that begins and ends inside a larger one, so that its offset counts."""
    around = np.concatenate([column[:1] + 1, column, column[:1] + 1]).astype(column.dtype)
    return pa.array(around).slice(1, len(column))


KINDS = {
    "array.array": lambda column: array.array(TYPE_CODES[str(column.dtype)], column.tolist()),
    "memoryview": memoryview,
    "bytes": lambda column: memoryview(column.tobytes()).cast(TYPE_CODES[str(column.dtype)]),
    "ctypes": lambda column: (CTYPES[str(column.dtype)] * len(column))(*column.tolist()),
    "array_interface": Interface,
    "pyarrow": pa.array,
    "pyarrow slice": in_the_middle,
    "pyarrow behind a capsule": lambda column: Arrow(pa.array(column)),
    "nanoarrow": lambda column: nanoarrow.c_array(pa.array(column)),
}


@pytest.fixture
def book(book_class):
    """A book that holds something, so that a write would show."""
    book = book_class(owners=2)
    book.set_position(0, -9)
    book.limit(Side.BUY, 1, 3, order_id=77)
    return book


@pytest.fixture
def want(book_class):
    """What the numpy columns give."""
    book = book_class(owners=2)
    book.set_position(0, -9)
    book.limit(Side.BUY, 1, 3, order_id=77)
    return apply_view(book.apply(BATCH)), book.digest()


def refused(book, batch, field):
    before = book.digest()
    with pytest.raises(InputError) as caught:
        book.apply(batch)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: expected ")
    assert book.digest() == before


class TestGood:
    @pytest.mark.parametrize("kind", KINDS)
    def test_all_columns_of_one_kind(self, book, want, kind):
        result = book.apply({field: KINDS[kind](column) for field, column in BATCH.items()})
        assert (apply_view(result), book.digest()) == want

    def test_columns_of_many_kinds(self, book, want):
        kinds = list(KINDS.values())
        batch = {field: kinds[i % len(kinds)](column) for i, (field, column) in enumerate(BATCH.items())}
        assert (apply_view(book.apply(batch)), book.digest()) == want

    @pytest.mark.parametrize("kind", KINDS)
    def test_no_rows(self, book, kind):
        before = book.digest()
        if kind == "bytes":
            return  # an empty memoryview cannot be cast
        result = book.apply({field: KINDS[kind](column[:0].copy()) for field, column in BATCH.items()})
        assert apply_view(result) == (0, [], [], [], [])
        assert book.digest() == before

    def test_bytes_are_a_column_of_uint8(self, book, want):
        result = book.apply({**BATCH, "kind": bytes(BATCH["kind"]), "flags": bytearray(BATCH["flags"])})
        assert (apply_view(result), book.digest()) == want

    def test_a_read_only_interface(self, book, want):
        frozen = BATCH["qty_lots"].copy()
        frozen.flags.writeable = False
        assert (apply_view(book.apply({**BATCH, "qty_lots": Interface(frozen)})), book.digest()) == want

    def test_an_arrow_array_is_asked_once(self, book):
        column = Arrow(pa.array(BATCH["qty_lots"]))
        book.apply({**BATCH, "qty_lots": column})
        assert column.asked_count == 1

    def test_an_arrow_array_that_knows_no_null_count(self, book, want):
        # A bitmap without a zero in it: the array might have nulls, and has none.
        values = pa.array(BATCH["qty_lots"])
        bitmap = pa.py_buffer(b"\xff")
        column = pa.Array.from_buffers(pa.int64(), len(values), [bitmap, values.buffers()[1]])
        assert (apply_view(book.apply({**BATCH, "qty_lots": column})), book.digest()) == want

    def test_nothing_is_kept_and_nothing_is_written(self, book):
        class Watched(np.ndarray):
            pass

        column = BATCH["qty_lots"].copy().view(Watched)
        interface = Interface(BATCH["price_ticks"].copy())
        book.apply({**BATCH, "qty_lots": column, "price_ticks": interface})
        assert column.tolist() == BATCH["qty_lots"].tolist()
        gone = weakref.ref(column), weakref.ref(interface)
        del column, interface
        gc.collect()
        assert [reference() for reference in gone] == [None, None]


class TestBad:
    @pytest.mark.parametrize("field", ["kind", "price_ticks", "qty_lots", "flags", "time_ms", "order_id"])
    @pytest.mark.parametrize("kind", ["array.array", "memoryview", "ctypes", "array_interface", "pyarrow", "nanoarrow"])
    def test_the_type_must_be_exact(self, book, field, kind):
        other = {"uint8": np.int8, "int32": np.int64, "int64": np.int32}[str(BATCH[field].dtype)]
        refused(book, {**BATCH, field: KINDS[kind](BATCH[field].astype(other))}, field)

    @pytest.mark.parametrize(
        "column",
        [
            pa.array([1.0] * 5),
            pa.array([True] * 5),
            pa.array([1] * 5, pa.uint64()),
            pa.array([1] * 5, pa.timestamp("ms")),
            pa.array([1] * 5).dictionary_encode(),
            pa.array(["1"] * 5),
            pa.array([[1]] * 5),
            pa.nulls(5),
            pa.array([1, 2, None, 3, 4]),
            pa.array([1, 2, None, 3, 4]).slice(1),
            pa.chunked_array([[1, 2], [3, 4, 5]]),
            pa.table({"qty_lots": [1, 2, 3, 4, 5]}),
        ],
        ids=lambda column: str(getattr(column, "type", "table")),
    )
    def test_arrow(self, book, column):
        refused(book, {**BATCH, "qty_lots": column}, "qty_lots")

    def test_a_null_outside_the_slice_is_none_of_ours(self, book, want):
        column = pa.array([None, *BATCH["qty_lots"].tolist(), None], pa.int64()).slice(1, len(ROWS))
        assert (apply_view(book.apply({**BATCH, "qty_lots": column})), book.digest()) == want

    @pytest.mark.parametrize(
        "changes",
        [
            {"typestr": "<f8"},
            {"typestr": ">i8"},
            {"typestr": "<u8"},
            {"shape": (1, 5)},
            {"shape": ()},
            {"strides": (-8,)},
            {"strides": (16,), "shape": (2,)},
            {"typestr": None},
            {"shape": None},
            {"data": "nonsense"},
        ],
        ids=str,
    )
    def test_array_interface(self, book, changes):
        refused(book, {**BATCH, "qty_lots": Interface(BATCH["qty_lots"].copy(), **changes)}, "qty_lots")

    @pytest.mark.parametrize("name", ["__array_interface__", "__arrow_c_array__"])
    @pytest.mark.parametrize("answer", [None, 1, "nonsense", (), (None, None), (1, 2, 3), {}])
    def test_an_answer_that_is_none(self, book, name, answer):
        attribute = answer if name == "__array_interface__" else lambda self, requested_schema=None: answer
        column = type("Odd", (), {name: attribute})()
        refused(book, {**BATCH, "qty_lots": column}, "qty_lots")

    @pytest.mark.parametrize("name", ["__array_interface__", "__arrow_c_array__"])
    def test_an_answer_that_raises(self, book, name):
        def raising(self, *args):
            raise RuntimeError("no")

        refused(book, {**BATCH, "qty_lots": type("Odd", (), {name: property(raising)})()}, "qty_lots")
        if name == "__arrow_c_array__":
            refused(book, {**BATCH, "qty_lots": type("Odd", (), {name: raising})()}, "qty_lots")

    @pytest.mark.parametrize(
        "column",
        [[1] * 5, (1,) * 5, range(5), "12345", 5, None, np.int64(5), {}, object()],
        ids=lambda column: type(column).__name__,
    )
    def test_what_is_no_column(self, book, column):
        refused(book, {**BATCH, "qty_lots": column}, "qty_lots")

    def test_not_contiguous_buffers(self, book):
        wide = np.repeat(BATCH["qty_lots"], 2)
        refused(book, {**BATCH, "qty_lots": memoryview(wide)[::2]}, "qty_lots")
        refused(book, {**BATCH, "qty_lots": memoryview(wide.reshape(2, 5))}, "qty_lots")

    @pytest.mark.parametrize("kind", KINDS)
    def test_unequal_lengths(self, book, kind):
        refused(book, {**BATCH, "qty_lots": KINDS[kind](BATCH["qty_lots"][:4].copy())}, "qty_lots")
