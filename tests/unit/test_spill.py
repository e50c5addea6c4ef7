"""Spilling: memory stays flat, no row is lost or twice, and files are whole or not there."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine import InputError, _core, frames, spill
from engine.runfolder import RunFolder
from engine.simulation import Simulation
from engine.testing.worlds import small_world

ROOT = Path(__file__).resolve().parents[2]
CHUNK_ROWS = 8_192
END_MS = 4_500
PATIENCE_S = 60


def busy_world():
    """Build a world that fills several chunks of every table in `END_MS`."""
    twin = small_world()
    account = twin.account(10**12, 10**10)
    for ordinal in range(6):
        key = _core.member_key("crowd", ordinal)
        twin.native.add_agents(
            "noise", account, key, market=ordinal % 2, mean_gap_ms=1.0, qty_min=1, qty_max=9, latency_ms=1
        )
    twin.native.record(
        orders=True,
        quotes=True,
        quote_sizes=True,
        last=True,
        mid_every_ms=1,
        depth_every_ms=2,
        samples_every_ms=1,
        accounts_every_ms=5,
        accounts="all",
        movements=True,
    )
    return twin.native


@pytest.fixture(scope="module")
def whole():
    """Run the world without a spill; every table has more than one chunk."""
    world = busy_world()
    world.run(END_MS)
    assert all(len(world.table(name)) > CHUNK_ROWS for name in world.table_names())
    assert len(world.table_names()) == 9
    return world


def same_rows(table, wanted):
    assert len(table) == len(wanted)
    for name in wanted.names:
        seen = table[name]
        assert seen.dtype == wanted[name].dtype
        assert np.array_equal(seen, wanted[name]), name


class TestEquality:
    @pytest.mark.parametrize("rows_resident", [1, CHUNK_ROWS, 3 * CHUNK_ROWS, 2**40])
    def test_spilled_or_not_the_rows_are_the_same(self, whole, tmp_path, rows_resident):
        world = busy_world()
        with world.spill(tmp_path, rows_resident=rows_resident) as files:
            world.run(END_MS)
        assert world.digest() == whole.digest()
        assert world.counts() == whole.counts()
        assert set(files.files) == set(whole.table_names())
        assert sorted(os.listdir(tmp_path)) == sorted(f"{name}.parquet" for name in whole.table_names())
        for name in whole.table_names():
            wanted = whole.table(name)
            same_rows(world.table(name), wanted)
            assert pq.read_table(tmp_path / f"{name}.parquet").equals(wanted.to_pyarrow())

    def test_read_in_the_middle_and_after_every_stretch(self, whole, tmp_path):
        world = busy_world()
        with world.spill(tmp_path, rows_resident=1):
            for until_ms in range(500, END_MS + 1, 1_000):
                world.run(until_ms)
                for name in whole.table_names():
                    table, wanted = world.table(name), whole.table(name)
                    rows = int((wanted["time_ms"] <= until_ms).sum())
                    assert len(table) == rows
                    for column in ("time_ms", *wanted.names[-2:]):
                        assert np.array_equal(table[column], wanted[column][:rows])
            world.run(END_MS)
        for name in whole.table_names():
            same_rows(world.table(name), whole.table(name))
            assert pq.read_table(tmp_path / f"{name}.parquet").equals(whole.table(name).to_pyarrow())
        assert sorted(os.listdir(tmp_path)) == sorted(f"{name}.parquet" for name in whole.table_names())

    def test_every_way_out_gives_all_rows(self, whole, tmp_path):
        world = busy_world()
        with world.spill(tmp_path / "runs", rows_resident=1):
            world.run(END_MS)
            table, wanted = world.table("orders"), whole.table("orders")
            assert table.past.rows > 0
            assert pa.table(table).equals(wanted.to_pyarrow())
            assert table.to_pyarrow().equals(wanted.to_pyarrow())
            assert table.to_pandas().equals(wanted.to_pandas())
            table.to_parquet(tmp_path / "copy.parquet")
        assert pq.read_table(tmp_path / "copy.parquet").equals(wanted.to_pyarrow())
        chunks = table.chunks("number")
        assert sum(map(len, chunks)) == len(wanted)
        assert not any(chunk.flags.writeable for chunk in chunks)

    def test_rows_that_were_there_before_the_spill_are_in_the_file(self, whole, tmp_path):
        world = busy_world()
        world.run(2_000)
        with world.spill(tmp_path, rows_resident=1):
            world.run(END_MS)
        assert pq.read_table(tmp_path / "depth.parquet").equals(whole.table("depth").to_pyarrow())

    def test_a_world_goes_on_after_its_spill_was_closed(self, whole, tmp_path):
        world = busy_world()
        with world.spill(tmp_path, rows_resident=1):
            world.run(2_000)
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        world.run(END_MS)
        for name in whole.table_names():
            same_rows(world.table(name), whole.table(name))
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files

    def test_check_and_events_work_while_spilling(self, tmp_path):
        world, plain = busy_world(), busy_world()
        with world.spill(tmp_path, rows_resident=1):
            assert world.run(END_MS, events=9_000) == plain.run(END_MS, events=9_000) == 9_000
            assert world.run(world.now_ms + 5, check=True) == plain.run(plain.now_ms + 5)
        assert world.digest() == plain.digest()

    def test_a_fork_of_a_spilling_world_spills_nothing(self, tmp_path):
        world = busy_world()
        with world.spill(tmp_path, rows_resident=1):
            world.run(2_000)
            fork = world.fork()
            fork.run(END_MS)
            world.run(END_MS)
            assert fork.digest() == world.digest()
            assert fork.table("depth").past is None
            assert fork.table_memory()["depth"][0] == fork.table_memory()["depth"][1] > 0
            fork.close_spill()  # it has none: nothing happens
        assert len(list(tmp_path.iterdir())) == 9


class TestFlatMemory:
    @pytest.mark.parametrize("rows_resident", [1, 2 * CHUNK_ROWS])
    def test_a_run_of_any_length_keeps_the_same_rows_in_memory(self, tmp_path, rows_resident):
        world = busy_world()
        most = 0
        with world.spill(tmp_path, rows_resident=rows_resident):
            for until_ms in range(250, 5 * END_MS, 250):
                world.run(until_ms)
                memory = world.table_memory()
                most = max(most, *(resident for _, resident, _ in memory.values()))
                for rows, resident, held in memory.values():
                    # What may stay, the chunk that is being filled, and no more than a look's worth of rows.
                    assert resident <= rows_resident + 2 * CHUNK_ROWS
                    assert held <= 100 * (resident + 2 * CHUNK_ROWS)
                    assert rows >= resident
        assert max(rows for rows, _, _ in memory.values()) > 5 * most

    def test_the_looks_come_closer_where_few_events_write_many_rows(self, tmp_path):
        world = small_world(longs=300).native
        world.record(accounts_every_ms=1, accounts="all")
        with world.spill(tmp_path, rows_resident=1):
            world.run(300)
            most = 0
            for until_ms in range(310, 500, 10):
                world.run(until_ms)
                most = max(most, world.table_memory()["accounts"][1])
        assert world.table_memory()["accounts"][0] > 100_000
        assert most < 4 * CHUNK_ROWS

    def test_views_of_spilled_chunks_stay_what_they_were(self, whole, tmp_path):
        world = busy_world()
        with world.spill(tmp_path, rows_resident=1):
            world.run(500)
            table = world.table("depth")
            column = table.chunks("qty_lots")[-1]
            arrow = table.to_pyarrow()
            wanted = whole.table("depth")["qty_lots"][: len(table)]
            world.run(END_MS)
        del world
        gc.collect()
        assert np.array_equal(column, wanted[len(wanted) - len(column) :])
        assert np.array_equal(table["qty_lots"], wanted)
        assert arrow["qty_lots"].to_pylist() == wanted.tolist()

    def test_many_views_of_many_moments(self, whole, tmp_path):
        world = busy_world()
        with world.spill(tmp_path, rows_resident=1):
            views = []
            for until_ms in range(100, END_MS + 1, 200):
                world.run(until_ms)
                views.append((world.table("movements"), world.table("movements").chunks("atoms")[-1]))
            world.run(END_MS)
        wanted = whole.table("movements")["atoms"]
        for table, last in views:
            assert np.array_equal(table["atoms"], wanted[: len(table)])
            assert np.array_equal(last, wanted[len(table) - len(last) : len(table)])


class TestFiles:
    def test_nothing_has_its_name_before_the_close(self, tmp_path):
        world = busy_world()
        (tmp_path / "depth.parquet").write_bytes(b"old")
        files = world.spill(tmp_path, rows_resident=1)
        world.run(2_000)
        assert (tmp_path / "depth.parquet").read_bytes() == b"old"
        assert all(path.name.startswith(".") for path in tmp_path.iterdir() if path.name != "depth.parquet")
        assert files.files == {}
        assert files.rows["depth"] > 0
        files.close()
        files.close()  # a second time changes nothing
        assert pq.read_metadata(tmp_path / "depth.parquet").num_rows == len(world.table("depth"))
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]

    def test_one_spill_is_one_row_group(self, tmp_path):
        world = busy_world()
        with world.spill(tmp_path, rows_resident=4 * CHUNK_ROWS):
            world.run(END_MS)
        metadata = pq.read_metadata(tmp_path / "depth.parquet")
        sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        assert len(sizes) > 2
        assert all(size % CHUNK_ROWS == 0 and size >= 2 * CHUNK_ROWS for size in sizes[:-1])

    def test_an_exception_leaves_whole_files(self, tmp_path):
        world = busy_world()

        def fails():
            with world.spill(tmp_path, rows_resident=1):
                world.run(2_000)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fails()
        for name in world.table_names():
            assert pq.read_metadata(tmp_path / f"{name}.parquet").num_rows == len(world.table(name))

    def test_a_spill_that_nobody_closes_leaves_nothing(self, tmp_path):
        world = busy_world()
        world.spill(tmp_path, rows_resident=1)
        world.run(2_000)
        assert list(tmp_path.iterdir())
        del world
        gc.collect()
        assert list(tmp_path.iterdir()) == []

    def test_ctrl_c_at_any_moment_leaves_whole_files_with_each_row_once(self, tmp_path):
        program = (
            "import sys\n"
            "sys.path.insert(0, 'tests/unit')\n"
            "from test_spill import busy_world\n"
            "world = busy_world()\n"
            "try:\n"
            "    with world.spill(sys.argv[1], rows_resident=1):\n"
            "        print('running', flush=True)\n"
            "        world.run(10**9)\n"
            "except KeyboardInterrupt:\n"
            "    print(world.now_ms, {name: rows for name, (rows, _, _) in world.table_memory().items()})\n"
        )
        for moment, after_s in enumerate((0.05, 0.11, 0.3)):
            folder = tmp_path / str(moment)
            process = subprocess.Popen(
                [sys.executable, "-c", program, str(folder)],
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            assert process.stdout.readline() == "running\n"
            time.sleep(after_s)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=PATIENCE_S)
            now_ms, _, counted = out.partition(" ")
            again = busy_world()
            again.run(int(now_ms))
            on = {name: rows for name, rows in eval(counted).items() if rows or name in again.table_names()}
            for name, rows in on.items():
                file = pq.read_table(folder / f"{name}.parquet")
                assert file.num_rows == rows
                # The clock stands between two events of its millisecond: what was before it is settled.
                settled = int((again.table(name)["time_ms"] < int(now_ms)).sum())
                assert file[:settled].equals(again.table(name).to_pyarrow()[:settled])
            assert sorted(os.listdir(folder)) == sorted(f"{name}.parquet" for name in on)

    def test_an_interrupt_within_the_writer_is_held_back_until_the_row_group_is_counted(self, tmp_path, monkeypatch):
        append = spill._SpilledTable.append
        appended = []

        def interrupted(self, batches, schema):
            append(self, batches, schema)
            appended.append(self.target.name)
            if len(appended) in (3, 7):
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(spill._SpilledTable, "append", interrupted)
        world, plain = busy_world(), busy_world()
        before = signal.getsignal(signal.SIGINT)
        with world.spill(tmp_path, rows_resident=1):
            for _ in range(2):
                with pytest.raises(KeyboardInterrupt):
                    world.run(END_MS)
            world.run(END_MS)
        assert signal.getsignal(signal.SIGINT) == before
        plain.run(END_MS)
        for name in plain.table_names():
            assert pq.read_table(tmp_path / f"{name}.parquet").equals(plain.table(name).to_pyarrow())

    def test_an_interrupt_within_the_writer_and_then_the_close(self, tmp_path, monkeypatch):
        append = spill._SpilledTable.append
        appended = []

        def interrupted(self, batches, schema):
            append(self, batches, schema)
            appended.append(self.target.name)
            if len(appended) == 4:
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(spill._SpilledTable, "append", interrupted)
        world = busy_world()
        with pytest.raises(KeyboardInterrupt), world.spill(tmp_path, rows_resident=1):
            world.run(END_MS)
        for name in world.table_names():
            assert pq.read_table(tmp_path / f"{name}.parquet").equals(world.table(name).to_pyarrow())

    def test_a_full_disk_stops_the_run_and_leaves_the_old_file(self, tmp_path, monkeypatch):
        writes = []

        class Full(pq.ParquetWriter):
            def write_table(self, *args, **kwargs):
                if "depth" in str(self.where):
                    writes.append(1)
                    if len(writes) == 3:
                        raise OSError("no space left on the device")
                return super().write_table(*args, **kwargs)

        monkeypatch.setattr(pq, "ParquetWriter", Full)
        world = busy_world()
        (tmp_path / "depth.parquet").write_bytes(b"old")
        files = world.spill(tmp_path, rows_resident=1)
        with pytest.raises(OSError, match="no space left"):
            world.run(END_MS)
        with pytest.raises(OSError, match="no space left"):
            files.close()
        assert (tmp_path / "depth.parquet").read_bytes() == b"old"
        assert "depth" not in files.files
        assert pq.read_metadata(tmp_path / "trades.parquet").num_rows == len(world.trades())
        with pytest.raises(OSError, match="no space left"):
            world.table("depth")["qty_lots"]
        del world, files
        gc.collect()
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]

    def test_a_file_that_was_taken_away_is_named(self, tmp_path):
        world = busy_world()
        with world.spill(tmp_path, rows_resident=1):
            world.run(2_000)
        (tmp_path / "depth.parquet").unlink()
        with pytest.raises(FileNotFoundError, match=r"depth\.parquet"):
            world.table("depth")["qty_lots"]


class TestInput:
    def test_u7_bad_arguments_change_nothing(self, tmp_path):
        world = busy_world()
        for arguments, field in (
            ({"rows_resident": 0}, "rows_resident"),
            ({"rows_resident": 1.5}, "rows_resident"),
            ({"folder": 7}, "folder"),
        ):
            with pytest.raises(InputError) as caught:
                world.spill(**{"folder": tmp_path / "new", **arguments})
            assert caught.value.field == field
        assert list(tmp_path.iterdir()) == []
        world.spill(tmp_path).close()

    def test_u7_a_file_in_the_way(self, tmp_path):
        (tmp_path / "file").write_text("here")
        for path in (tmp_path / "file", tmp_path / "file" / "below"):
            with pytest.raises(InputError, match="folder: expected a folder"):
                busy_world().spill(path)

    def test_u7_a_world_has_one_spill(self, tmp_path):
        world = busy_world()
        world.spill(tmp_path)
        with pytest.raises(InputError, match="folder: expected one spill for a world"):
            world.spill(tmp_path)

    def test_a_missing_package_names_its_extra(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
        with pytest.raises(ImportError, match=r"pyarrow is not installed.*firesale\[data\]"):
            busy_world().spill(tmp_path / "new")
        assert list(tmp_path.iterdir()) == []

    def test_a_short_run_has_files_of_its_switches(self, tmp_path):
        world = small_world().native
        world.record(orders=True)
        with world.spill(tmp_path):
            pass
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "journal.parquet", "orders.parquet", "prices.parquet", "trades.parquet",
        ]  # fmt: skip
        assert pq.read_table(tmp_path / "orders.parquet").num_rows == 0
        assert pq.read_schema(tmp_path / "orders.parquet").names == list(world.table("orders").names)

    def test_a_part_spills_into_its_run_folder(self, tmp_path):
        sim = Simulation(seed=1)
        sim.record(quotes=True)
        usdt = sim.asset("USDT", decimals=6, supply="1000000000")
        part = SimpleNamespace(simulation=sim, market=usdt)
        folder = RunFolder(tmp_path)
        folder.spill_part("main", part, rows_resident=1)
        sim.run(until_ms=5)
        folder.write_part("main", part)
        spilled = sorted(["trades", "prices", "quotes", "journal"])
        assert sorted(sim.world.spilled_files(tmp_path / "main")) == spilled
        assert sim.world.spilled_files(tmp_path) == []
        names = sorted([*spilled, "samples", "landmarks", "causes"])  # what has no rows is there too
        assert sorted(os.listdir(tmp_path / "main")) == [f"{name}.parquet" for name in sorted(names)]

    def test_a_simulation_spills_too(self, tmp_path):
        sim = Simulation(seed=1)
        with sim.spill(tmp_path, rows_resident=1) as files:
            sim.run(until_ms=5)
        assert files.folder == tmp_path
        assert frames.record_batches(sim.tables.prices) is not None
        assert set(files.files) == {"trades", "prices", "journal"}
