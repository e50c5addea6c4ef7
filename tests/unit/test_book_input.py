"""U-7: bad input raises `InputError` naming the field, before any write."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from engine.errors import InputError
from engine.testing.strategies import NOT_INTEGERS, Row, bad_calls, columns
from engine.types import CommandKind, OrderType, Side


@pytest.fixture
def book(book_class):
    """A book that holds something, so that a write would show."""
    book = book_class(slots=4, owners=2)
    book.limit(Side.BUY, 5, 3, slot_id=1, owner=0)
    book.limit(Side.SELL, 7, 2, order_id=7)
    book.limit(Side.SELL, 7, 2)
    return book


def good_batch(naming="order_id"):
    rows = [Row(CommandKind.PLACE, Side.SELL, 5, 1, OrderType.LIMIT, 0, -1, i) for i in range(3)]
    return columns(rows, naming, full=True)


class TestScalar:
    @pytest.mark.parametrize("call", bad_calls(), ids=lambda call: f"{call.method}-{call.field}")
    def test_bad_value_names_its_field(self, book, call):
        before = book.digest()
        with pytest.raises(InputError) as caught:
            getattr(book, call.method)(*call.positional, **call.keywords)
        assert caught.value.field == call.field
        assert str(caught.value).startswith(f"{call.field}: expected ")
        assert book.digest() == before

    def test_two_names(self, book):
        before = book.digest()
        for call in (
            lambda: book.limit(1, 5, 1, slot_id=0, order_id=1),
            lambda: book.market(1, 1, slot_id=0, order_id=1),
            lambda: book.cancel(slot_id=1, order_id=7),
            lambda: book.cancel(0, slot_id=1),
            lambda: book.cancel(0, order_id=7),
        ):
            with pytest.raises(InputError) as caught:
                call()
            assert caught.value.field in ("handle", "slot_id", "order_id")
        assert book.digest() == before

    @pytest.mark.parametrize(
        "names", [{}, {"handle": 0, "slot_id": 1}, {"slot_id": 1, "order_id": 7}, {"handle": 0, "order_id": 7}], ids=str
    )
    def test_what_names_an_open_order_needs_exactly_one_name(self, book, names):
        before = book.digest()
        for call in (
            lambda: book.cancel(**names),
            lambda: book.reduce("not looked at yet", **names),
            lambda: book.replace("not looked at yet", 1.5, **names),
        ):
            with pytest.raises(InputError) as caught:
                call()
            assert caught.value.field == "handle"
        assert book.digest() == before

    def test_arguments_are_checked_in_the_order_of_the_signature(self, book):
        # Each call spoils one argument less from the front; two names at once are seen last.
        spoiled = {
            "time_in_force": 256,
            "slot_id": 0.5,
            "order_id": 0.5,
            "owner": 0.5,
            "post_only": 1,
            "reduce_only": 1,
            "self_trade_prevention": 256,
            "display_lots": 0.5,
            "expires_ms": 0.5,
        }
        fields = list(spoiled)
        for first, field in enumerate(fields):
            with pytest.raises(InputError) as caught:
                book.limit(1, 5, 1, **{name: spoiled[name] for name in fields[first:]})
            assert caught.value.field == field
        with pytest.raises(InputError) as caught:
            book.limit(1, 5, 1, slot_id=0, order_id=0, expires_ms=0.5)
        assert caught.value.field == "expires_ms"
        with pytest.raises(InputError) as caught:
            book.stop(1, 5, 1, price_ticks=0.5, time_in_force=256, on_mark=1, slot_id=0.5)
        assert caught.value.field == "price_ticks"
        with pytest.raises(InputError) as caught:
            book.stop(1, 5, 1, time_in_force=256, on_mark=1, slot_id=0.5)
        assert caught.value.field == "time_in_force"
        with pytest.raises(InputError) as caught:
            book.stop(1, 5, 1, on_mark=1, slot_id=0.5)
        assert caught.value.field == "on_mark"

    @pytest.mark.parametrize("owner", [-1, 2, 2**31, 1.5, None, True])
    def test_position(self, book, owner):
        with pytest.raises(InputError) as caught:
            book.position(owner)
        assert caught.value.field == "owner"

    @pytest.mark.parametrize("levels", [-1, 1.5, None, "3", True])
    def test_depth(self, book, levels):
        with pytest.raises(InputError) as caught:
            book.depth(levels)
        assert caught.value.field == "levels"

    @pytest.mark.parametrize("price", [2**31, 1.5, None, math.nan])
    def test_queue(self, book, price):
        with pytest.raises(InputError) as caught:
            book.queue(price)
        assert caught.value.field == "price_ticks"

    def test_what_has_an_index_is_an_integer(self, book):
        class Two:
            def __index__(self):
                return 2

        assert book.limit(np.int8(1), np.int64(2), np.uint8(3), owner=np.int16(1), slot_id=Two()).accepted
        assert book.limit(Side.BUY, Two(), np.array(4)).accepted

    def test_an_enormous_integer_is_refused_and_shown_short(self, book):
        # Python cannot print it: "Exceeds the limit (4300 digits) for integer string conversion".
        with pytest.raises(InputError) as caught:
            book.limit(Side.BUY, 5, 10**5000)
        assert caught.value.field == "qty_lots"
        assert len(str(caught.value)) < 300

    def test_the_error_survives_a_pickle(self, book):
        with pytest.raises(InputError) as caught:
            book.limit(Side.BUY, 5, 1.5)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (again.field, str(again)) == ("qty_lots", str(caught.value))


OPTIONS = ("slots", "owners", "orders", "price_min", "price_max", "qty_max", "notional_max", "stops_per_ms")


class TestConstructor:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *((field, value) for field in OPTIONS for value in NOT_INTEGERS),
            ("slots", -1),
            ("slots", 2**31 - 1),
            ("owners", -1),
            ("owners", 2**31 - 1),
            ("price_min", -(2**31) - 1),
            ("price_max", 2**31),
            ("qty_max", 0),
            ("qty_max", 2**61 + 1),
            ("notional_max", 0),
            ("notional_max", 2**61 + 1),
            ("stops_per_ms", 0),
            ("stops_per_ms", 2**31),
        ],
        ids=repr,
    )
    def test_bad_argument(self, book_class, field, value):
        with pytest.raises(InputError) as caught:
            book_class(**{field: value})
        assert caught.value.field == field

    def test_price_bounds_the_wrong_way_round(self, book_class):
        with pytest.raises(InputError) as caught:
            book_class(price_min=6, price_max=5)
        assert caught.value.field in ("price_min", "price_max")
        assert book_class(price_min=5, price_max=5).limit(Side.BUY, 5, 1).accepted

    def test_bounds_at_their_limits(self, book_class):
        book = book_class(price_min=-(2**31), price_max=2**31 - 1, qty_max=2**61, notional_max=2**61)
        assert book.limit(Side.BUY, 1, 2**61).accepted
        assert book_class(qty_max=1, notional_max=1, stops_per_ms=1).limit(Side.BUY, 1, 1).accepted
        assert book_class(stops_per_ms=2**31 - 1).limit(Side.BUY, 1, 1).accepted

    def test_only_keywords(self, book_class):
        with pytest.raises(TypeError):
            book_class(4)


class TestColumns:
    WRONG_DTYPE = {
        "kind": (np.int8, np.bool_, np.uint16),
        "side": (np.uint8, np.int16, np.float64),
        "price_ticks": (np.int64, np.uint32, np.float32),
        "qty_lots": (np.int32, np.uint64, np.float64, np.object_),
        "order_type": (np.int8, np.uint32),
        "time_in_force": (np.int8, np.bool_),
        "owner": (np.int64, np.uint32),
        "flags": (np.int8, np.bool_),
        "self_trade_prevention": (np.int8, np.uint16),
        "display_lots": (np.int32, np.uint64, np.float64),
        "stop_ticks": (np.int64, np.uint32),
        "time_ms": (np.int32, np.uint64, np.dtype("datetime64[ms]")),
        "order_id": (np.int32, np.uint64, np.float64),
    }

    def refused(self, book, batch, field):
        before = book.digest()
        with pytest.raises(InputError) as caught:
            book.apply(batch)
        assert caught.value.field == field
        assert book.digest() == before

    @pytest.mark.parametrize(("field", "dtype"), [(f, d) for f, dtypes in WRONG_DTYPE.items() for d in dtypes])
    def test_dtype(self, book, field, dtype):
        batch = good_batch()
        self.refused(book, {**batch, field: batch[field].astype(dtype)}, field)

    @pytest.mark.parametrize(("naming", "dtype"), [("slot_id", np.int64), ("handle", np.uint64)])
    def test_dtype_of_names(self, book, naming, dtype):
        batch = good_batch(naming)
        self.refused(book, {**batch, naming: batch[naming].astype(dtype)}, naming)

    @pytest.mark.parametrize("field", ["price_ticks", "qty_lots", "owner", "order_id"])
    def test_byte_order(self, book, field):
        batch = good_batch()
        swapped = batch[field].astype(batch[field].dtype.newbyteorder())
        self.refused(book, {**batch, field: swapped}, field)

    @pytest.mark.parametrize("field", ["kind", "qty_lots", "order_id"])
    def test_not_an_array(self, book, field):
        self.refused(book, {**good_batch(), field: [1, 2, 3]}, field)
        self.refused(book, {**good_batch(), field: None}, field)
        self.refused(book, {**good_batch(), field: 1}, field)

    @pytest.mark.parametrize("field", ["kind", "price_ticks", "owner", "order_id"])
    def test_not_one_dimension(self, book, field):
        batch = good_batch()
        self.refused(book, {**batch, field: batch[field].reshape(1, 3)}, field)
        self.refused(book, {**batch, field: np.array(1, dtype=batch[field].dtype)}, field)

    @pytest.mark.parametrize("field", ["kind", "price_ticks", "owner", "order_id"])
    @pytest.mark.parametrize("step", [2, -1])
    def test_not_contiguous(self, book, field, step):
        batch = good_batch()
        wide = np.repeat(batch[field], 2) if step == 2 else batch[field]
        self.refused(book, {**batch, field: wide[::step]}, field)

    @pytest.mark.parametrize(
        "field", ["side", "price_ticks", "qty_lots", "order_type", "time_in_force", "owner", "flags", "time_ms"]
    )
    @pytest.mark.parametrize("length", [0, 2, 4])
    def test_unequal_lengths(self, book, field, length):
        batch = good_batch()
        self.refused(book, {**batch, field: np.resize(batch[field], length)}, field)

    @pytest.mark.parametrize("field", ["kind", "side", "price_ticks", "qty_lots"])
    def test_missing_column(self, book, field):
        batch = good_batch()
        del batch[field]
        self.refused(book, batch, field)

    def test_unknown_column(self, book):
        self.refused(book, {**good_batch(), "price": np.zeros(3)}, "price")

    @pytest.mark.parametrize("second", ["slot_id", "handle"])
    def test_two_naming_columns(self, book, second):
        batch = good_batch()
        batch[second] = good_batch(second)[second]
        before = book.digest()
        with pytest.raises(InputError) as caught:
            book.apply(batch)
        assert caught.value.field in ("order_id", second)
        assert book.digest() == before

    @pytest.mark.parametrize("commands", [None, 3, [("kind", 1)], "kind"])
    def test_not_a_mapping(self, book, commands):
        before = book.digest()
        with pytest.raises(InputError) as caught:
            book.apply(commands)
        assert caught.value.field == "commands"
        assert book.digest() == before

    def test_read_only_columns_are_fine_and_stay_as_they_are(self, book):
        batch = good_batch()
        for column in batch.values():
            column.flags.writeable = False
        assert book.apply(batch).accepted_count == 3

    def test_all_columns_are_checked_before_the_first_command_runs(self, book):
        batch = good_batch()
        batch["order_id"] = np.array([1.0, 2.0, 3.0])
        self.refused(book, batch, "order_id")
