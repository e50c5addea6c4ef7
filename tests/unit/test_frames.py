"""Column tables as Arrow, pandas, polars and Parquet: same rows, no copy, whole files."""

from __future__ import annotations

import importlib.util
import os
import sys

import nanoarrow as na
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine import CommandKind, OrderBook, frames
from engine.testing.worlds import small_world

NONE = 2**40  # D-2: no price
CHUNK_ROWS = 8_192
END_MS = 1_000


@pytest.fixture(scope="module")
def world():
    """Run a world whose depth table has many chunks."""
    world = small_world().native
    world.record(orders=True, quotes=True, depth_every_ms=1, mid_every_ms=10, movements=True)
    world.run(END_MS)
    return world


def with_nulls(table, name):
    values = table[name].tolist()
    return [None if value == table.nulls.get(name) else value for value in values]


NAMES = ["trades", "orders", "quotes", "depth", "samples", "prices", "accounts", "movements", "journal"]


class TestArrow:
    @pytest.mark.parametrize("name", NAMES)
    def test_pyarrow_sees_every_row_of_every_table(self, world, name):
        table = world.table(name)
        seen = pa.table(table)
        assert seen.column_names == list(table.names)
        assert [str(kind) for kind in seen.schema.types] == [str(np.dtype(dtype)) for dtype in table.dtypes]
        for column in table.names:
            assert seen[column].to_pylist() == with_nulls(table, column)
        assert seen.equals(table.to_pyarrow())
        seen.validate(full=True)

    def test_what_is_missing_is_null(self, world):
        orders, quotes = world.table("orders"), world.table("quotes")
        market_orders = int((orders["price_ticks"] == NONE).sum())
        assert market_orders > 0
        assert pa.table(orders)["price_ticks"].null_count == market_orders
        assert quotes["ask_ticks"].tolist().count(NONE) == 2  # each market begins with a bid
        assert pa.table(quotes)["ask_ticks"].null_count == 2

    def test_chunks_become_batches_without_a_copy(self, world):
        table = world.table("depth")
        blocks = table.chunks("qty_lots")
        assert len(blocks) == -(-len(table) // CHUNK_ROWS) > 3
        seen = table.to_pyarrow()["qty_lots"]
        assert [chunk.buffers()[1].address for chunk in seen.chunks] == [block.ctypes.data for block in blocks]
        assert all(chunk.buffers()[0] is None for chunk in seen.chunks)  # no bitmap where nothing is missing

    def test_the_engine_s_memory_outlives_the_world(self):
        world = small_world().native
        world.record(depth_every_ms=1)
        world.run(300)
        wanted = world.table("depth")["qty_lots"].tolist()
        seen = world.table("depth").to_pyarrow()
        del world
        assert seen["qty_lots"].to_pylist() == wanted

    def test_other_readers_of_the_stream_agree(self, world):
        table = world.table("quotes")
        array = na.Array(table)
        assert len(array) == len(table)
        assert [row["ask_ticks"] for row in array.to_pylist()] == with_nulls(table, "ask_ticks")
        assert na.c_schema(table).n_children == len(table.names)

    def test_a_table_may_be_read_many_times(self, world):
        table = world.table("trades")
        assert pa.table(table).equals(pa.table(table))

    def test_an_empty_table_has_columns(self):
        table = small_world().native.table("orders")
        assert pa.table(table).num_rows == 0
        assert pa.table(table).column_names == list(table.names)
        assert table.to_pandas().shape == (0, len(table.names))

    def test_a_book_s_tables_are_arrow_too(self):
        book = OrderBook(slots=4)
        columns = {
            "kind": np.full(2, CommandKind.PLACE, np.uint8),
            "side": np.array([1, -1], np.int8),
            "price_ticks": np.full(2, 100, np.int32),
            "qty_lots": np.array([5, 3], np.int64),
            "slot_id": np.arange(2, dtype=np.int32),
        }
        fills = book.apply(columns).fills
        assert pa.table(fills)["qty_lots"].to_pylist() == fills["qty_lots"].tolist() == [3]


class TestPandasAndPolars:
    @pytest.mark.parametrize("name", NAMES)
    def test_pandas_sees_every_row(self, world, name):
        table = world.table(name)
        frame = table.to_pandas()
        assert list(frame.columns) == list(table.names)
        for column in table.names:
            assert [None if value is pd.NA else value for value in frame[column].tolist()] == with_nulls(table, column)

    def test_a_column_that_may_lack_values_is_nullable_always(self, world):
        assert str(world.table("orders").to_pandas()["price_ticks"].dtype) == "Int64"
        assert str(world.table("trades").to_pandas()["price_ticks"].dtype) == "int32"

    def test_a_frame_by_name_and_unit(self):
        from engine.simulation import Simulation

        sim = Simulation(seed=1)
        sim.record(quotes=True)
        usdt = sim.asset("USDT", decimals=6, supply="1000000000")
        atom = sim.asset("ATOM", decimals=3, supply="1000000000")
        spot = sim.spot("ATOM/USDT", atom, usdt, tick="0.001", lot="0.001")
        sim.place(sim.account("maker", USDT="100"), spot, 1, "4.001", "5", at_ms=1)
        sim.run(until_ms=5)
        frame = sim.tables.frame("quotes")
        assert frame["bid"].tolist() == [4.001]
        assert frame["market"].tolist() == ["ATOM/USDT"]
        assert frame["ask"].isna().tolist() == [True]

    def test_polars_sees_every_row_or_the_extra_is_named(self, world):
        table = world.table("orders")
        if importlib.util.find_spec("polars") is None:
            with pytest.raises(ImportError, match=r"polars is not installed; .*firesale\[frames\]"):
                table.to_polars()
            return
        frame = table.to_polars()
        for column in table.names:
            assert frame[column].to_list() == with_nulls(table, column)

    @pytest.mark.parametrize(
        ("package", "extra", "call"),
        [
            ("pandas", "frames", lambda table: table.to_pandas()),
            ("polars", "frames", lambda table: table.to_polars()),
            ("pyarrow", "data", lambda table: table.to_pyarrow()),
            ("pyarrow", "data", lambda table: table.to_parquet("x.parquet")),
        ],
    )
    def test_a_missing_package_names_its_extra(self, world, monkeypatch, tmp_path, package, extra, call):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setitem(sys.modules, package, None)  # as if it were not there
        with pytest.raises(ImportError, match=rf"{package} is not installed.*firesale\[{extra}\]"):
            call(world.table("trades"))
        assert list(tmp_path.iterdir()) == []


class TestParquet:
    @pytest.mark.parametrize("name", NAMES)
    def test_a_file_has_every_row(self, world, tmp_path, name):
        world.table(name).to_parquet(tmp_path / "table.parquet")
        assert pq.read_table(tmp_path / "table.parquet").equals(world.table(name).to_pyarrow())
        assert os.listdir(tmp_path) == ["table.parquet"]

    def test_times_and_prices_are_delta_encoded_and_all_is_zstd(self, world, tmp_path):
        world.table("orders").to_parquet(tmp_path / "orders.parquet")
        group = pq.read_metadata(tmp_path / "orders.parquet").row_group(0)
        columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
        assert {column.compression for column in columns.values()} == {"ZSTD"}
        for name in ("time_ms", "price_ticks", "number"):
            assert "DELTA_BINARY_PACKED" in columns[name].encodings
        assert "RLE_DICTIONARY" in columns["market"].encodings

    def test_a_writer_that_fails_leaves_the_old_file(self, world, tmp_path, monkeypatch):
        target = tmp_path / "trades.parquet"
        world.table("trades").to_parquet(target)
        old = target.read_bytes()

        def torn(table):
            yield from list(record_batches(table))[:1]
            raise KeyboardInterrupt

        record_batches = frames.record_batches
        monkeypatch.setattr(frames, "record_batches", torn)
        with pytest.raises(KeyboardInterrupt):
            world.table("depth").to_parquet(target)
        assert target.read_bytes() == old
        assert os.listdir(tmp_path) == ["trades.parquet"]

    def test_a_folder_that_is_not_there_is_an_error_of_the_system(self, world, tmp_path):
        with pytest.raises(FileNotFoundError):
            world.table("trades").to_parquet(tmp_path / "no" / "trades.parquet")
