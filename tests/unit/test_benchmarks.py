"""The benchmarks' checks: right passes, tampered fails, and what cannot run says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from benchkit import LINE_FIELDS, NAMES, ROOT, load_benchmarks, printed_lines, small_reference
from click.testing import CliRunner

from engine import bench, cli
from engine.errors import InputError

MESSAGES = 5_000


@pytest.fixture(scope="module")
def benchmark_modules():
    yield from load_benchmarks()


@pytest.fixture(scope="module")
def reference(benchmark_modules):
    return small_reference(benchmark_modules["common"])


@pytest.fixture(scope="module")
def matcher(benchmark_modules):
    return benchmark_modules["bench_matcher"]


@pytest.fixture(scope="module")
def flows(benchmark_modules):
    return benchmark_modules["flows"]


@pytest.fixture(scope="module")
def drivers(benchmark_modules):
    return benchmark_modules["drivers"]


@pytest.fixture(scope="module")
def shapes(benchmark_modules):
    return benchmark_modules["bench_book_shapes"]


@pytest.fixture(scope="module")
def flow(flows, reference):
    return flows.make_flow(reference, "steady", MESSAGES)


@pytest.fixture
def fills(flow):
    """The fills of a run by order_id, as columns that may be written to."""
    from engine import OrderBook

    columns = OrderBook().apply(flow.by_id).fills
    return {name: columns[name].copy() for name in columns.names}


class TestMatcherCheck:
    def test_every_way_to_name_an_order_gives_the_references_fills(self, drivers, flows, flow):
        by_slot, by_id = (flows.calls_of(flow, by_slot=chosen) for chosen in (True, False))
        assert drivers.run_batch(flow, by_slot=False)[1] == []
        assert drivers.run_batch(flow, by_slot=True)[1] == []
        assert drivers.run_calls_by_slot(flow, by_slot)[1] == []
        assert drivers.run_calls_by_id(flow, by_id)[1] == []
        assert drivers.run_calls_with_fills(flow, by_id)[1] == []
        assert drivers.check_calls_by_slot(flow, by_slot) == []

    def test_one_slot_taken_for_another_fails(self, drivers, flows, flow):
        """Two calls swap their names, so other orders are filled and cancelled than those of the flow."""
        calls = flows.calls_of(flow, by_slot=True)
        first, second = [at for at, call in enumerate(calls) if call[0] == flows.ADD][100:102]
        calls[first], calls[second] = ((*calls[a][:4], calls[b][4]) for a, b in ((first, second), (second, first)))
        assert drivers.check_calls_by_slot(flow, calls) != []

    def test_the_hash_is_the_same_in_c_and_in_python(self, flows, fills, flow):
        columns = [fills[name] for name in ("maker_id", "taker_id", "price_ticks", "qty_lots")]
        assert flows.fill_hash(fills) == flows.fill_hash_python(*columns) == flow.expected["hash"] & (2**64 - 1)

    def test_two_makers_at_one_price_swapped_fail(self, drivers, flows, flow, fills):
        """FIFO broken once and nothing else: rows, lots and prices stay as they were."""
        first = neighbours_at_one_price(fills)
        assert flows.fill_differences(fills, flow.expected) == []
        fills["maker_id"][[first, first + 1]] = fills["maker_id"][[first + 1, first]]
        found = flows.fill_differences(fills, flow.expected)
        assert len(found) == 1
        assert found[0].startswith("hash of the fills: ")

    def test_two_makers_at_one_price_swapped_by_slot_fail(self, drivers, flows, flow):
        from engine import OrderBook

        columns = OrderBook(slots=flow.slots).apply(flow.by_slot).fills
        fills = {name: columns[name].copy() for name in columns.names}
        slot_id = flow.by_slot["slot_id"]
        assert flows.fill_differences(flows.ids_of_slots(fills, flow.messages, slot_id), flow.expected) == []
        first = neighbours_at_one_price(fills)
        fills["maker_id"][[first, first + 1]] = fills["maker_id"][[first + 1, first]]
        assert flows.fill_differences(flows.ids_of_slots(fills, flow.messages, slot_id), flow.expected) != []

    def test_two_orders_at_one_price_sent_the_other_way_round_fail(self, drivers, flows, flow, fills):
        """Swapped in the flow itself, so that the engine's own run is another one."""
        first = neighbours_at_one_price(fills)
        makers = fills["maker_id"][[first, first + 1]]
        rows = [int(np.flatnonzero((flow.messages["oid"] == maker) & (flow.by_id["kind"] == 1))[0]) for maker in makers]
        swapped = {name: column.copy() for name, column in flow.by_id.items()}
        for column in swapped.values():
            column[rows] = column[rows[::-1]]
        assert drivers.run_batch(flow._replace(by_id=swapped), by_slot=False)[1] != []

    @pytest.mark.parametrize("row", [0, -1], ids=["first", "last"])
    def test_one_fill_dropped_fails(self, flows, flow, fills, row):
        dropped = {name: np.delete(column, row) for name, column in fills.items()}
        found = flows.fill_differences(dropped, flow.expected)
        assert [text.partition(":")[0] for text in found] == ["fills", "traded lots", "hash of the fills"]

    @pytest.mark.parametrize("column", ["maker_id", "taker_id", "price_ticks", "qty_lots"])
    def test_a_number_off_by_one_fails(self, flows, flow, fills, column):
        fills[column][len(fills[column]) // 2] += 1
        assert any("hash of the fills" in text for text in flows.fill_differences(fills, flow.expected))

    def test_a_book_left_in_another_state_fails(self, drivers, flows, flow):
        from engine import OrderBook, Side

        book = OrderBook()
        book.apply(flow.by_id)
        assert flows.book_differences(book, flow.expected) == []
        book.limit(Side.BUY, 1, 1)
        found = flows.book_differences(book, flow.expected)
        assert [text.partition(":")[0] for text in found] == ["live_bids", "bid_qty"]

    def test_a_difference_is_the_exit_status(self, matcher, flow, reference, monkeypatch, capsys):
        wrong = flow._replace(expected={**flow.expected, "hash": flow.expected["hash"] ^ 1})
        monkeypatch.setattr(matcher, "make_flow", lambda *_: wrong)
        assert matcher.main(["--json", "--n", str(MESSAGES), "--regimes", "steady", "--runs", "1"]) == 1
        checks = {line["name"]: line["check"] for line in json.loads(capsys.readouterr().out)["results"]}
        assert "hash of the fills" in checks["steady 5k: batch by slot_id"]


def neighbours_at_one_price(fills):
    """Find two fills in a row of one taker with two makers at one price and equal lots."""
    same = [fills[name][1:] == fills[name][:-1] for name in ("taker_id", "price_ticks", "qty_lots")]
    rows = np.flatnonzero(np.logical_and.reduce(same) & (fills["maker_id"][1:] != fills["maker_id"][:-1]))
    assert len(rows)
    return int(rows[0])


class TestReports:
    def test_matcher_prints_one_object(self, matcher, reference, monkeypatch, capsys):
        monkeypatch.setattr(matcher, "load_flow", lambda: reference)
        assert matcher.main(["--json", "--n", str(MESSAGES), "--regimes", "deep", "cascade", "--runs", "2"]) == 0
        lines = printed_lines(capsys)
        assert [line["check"] for line in lines] == ["equal"] * 10
        assert all(line["value"] > 0 and line["runs"] == 2 and line["fills"] > 0 for line in lines)
        batches = [line for line in lines if "batch" in line["name"]]
        assert len(batches) == 4
        assert all(line["ratio"] > 0 and line["against"].startswith("replay") for line in batches)
        assert [line["bar"] for line in lines[:2]] == ["0.6 of replay_slots", "0.6 of replay"]
        assert all(line["bar_met"] is None for line in lines)  # a short flow is not judged

    def test_queue_prints_one_object(self, benchmark_modules, reference, capsys):
        arguments = ["--json", "--pending", "500", "5000", "--holds", "20000", "--runs", "1"]
        assert benchmark_modules["bench_queue"].main(arguments) == 0
        lines = printed_lines(capsys)
        assert [line["against"] for line in lines] == ["C wheel", "C binary heap", "C 4-ary heap", "heapq hold"] * 2
        assert all(line["check"] == "equal" and line["ratio"] > 0 for line in lines)

    def test_queue_check_sees_another_order(self, benchmark_modules):
        differences = benchmark_modules["bench_queue"].check_differences
        assert differences({"hold": {1}, "C wheel": {1}}, "C wheel") == []
        assert len(differences({"hold": {1, 2}, "C wheel": {1}}, "C wheel")) == 1
        assert len(differences({"hold": {1}, "C wheel": {1, 2}}, "C wheel")) == 1

    def test_spill_counts_the_rows_of_its_files(self, benchmark_modules, capsys, tmp_path):
        assert benchmark_modules["bench_spill"].main(["--json", "--events", "30000", "--folder", str(tmp_path)]) == 0
        lines = printed_lines(capsys)
        assert [(line["check"], line["bar_met"]) for line in lines] == [("equal", None)] * 2
        assert lines[0]["rows"] > 30_000
        assert list(tmp_path.iterdir()) == []

    def test_spill_sees_a_file_that_lacks_rows(self, benchmark_modules, tmp_path):
        bench_spill = benchmark_modules["bench_spill"]
        world, files, _ = bench_spill.run_spilling(3_000, tmp_path)
        assert bench_spill.differences_of(world, files) == []
        world.table("quotes").to_parquet(files.files["trades"])
        assert len(bench_spill.differences_of(world, files)) == 1

    @pytest.mark.parametrize("absent", ["folder", "gcc"])
    def test_without_the_reference_nothing_is_made_up(
        self, matcher, benchmark_modules, monkeypatch, capsys, absent, tmp_path
    ):
        if absent == "gcc":
            (tmp_path / "flow.py").write_text("")
            monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("FIRESALE_BENCH", str(tmp_path))
        assert matcher.main(["--json", "--regimes", "steady"]) == 0
        assert benchmark_modules["bench_peers"].main(["--json"]) == 0
        lines = [line for printed in capsys.readouterr().out.splitlines() for line in json.loads(printed)["results"]]
        assert len(lines) == (5 + 2) + 2 * 6  # steady at two sizes; three peers at two sizes
        for line in lines:
            assert line["value"] is None
            assert line["ratio"] is None
            assert line["bar_met"] is None
            assert line["check"].startswith("no bare C reference: ")
        assert (
            benchmark_modules["bench_queue"].main(["--json", "--pending", "100", "--holds", "1000", "--runs", "1"]) == 0
        )
        measured = {line["name"]: line for line in printed_lines(capsys)}
        assert measured["100 pending: hold / C wheel"]["ratio"] is None
        assert measured["100 pending: hold"]["check"] == "equal"  # heapq vouches for it


class TestBars:
    def test_a_bar_is_met_missed_or_not_judged(self, benchmark_modules):
        common = benchmark_modules["common"]
        half, small = common.Bar("half", 0.5), common.Bar("small", 64.0, on_ratio=False, at_most=True)
        assert [half.is_met(9.0, ratio) for ratio in (0.5, 0.499, None)] == [True, False, None]
        assert [small.is_met(value, None) for value in (64.0, 64.1)] == [True, False]
        assert half.judged_if(False).is_met(9.0, 0.1) is None

    @pytest.mark.parametrize(("limit", "status"), [(0.0, 0), (1e9, 1)])
    def test_a_missed_bar_is_the_exit_status(
        self, benchmark_modules, matcher, reference, monkeypatch, capsys, limit, status
    ):
        bar = benchmark_modules["common"].Bar("some", limit)
        monkeypatch.setattr(matcher, "BARS", {matcher.SLOT_LINE: bar})
        monkeypatch.setattr(matcher, "JUDGED_FROM", 0)
        monkeypatch.setattr(matcher, "is_judged", lambda options: True)
        monkeypatch.setattr(matcher, "load_flow", lambda: reference)
        assert matcher.main(["--json", "--n", "1000", "--regimes", "steady", "--runs", "1"]) == status
        assert printed_lines(capsys)[0]["bar_met"] is (status == 0)

    def test_a_long_flow_has_the_batch_lines_only(self, matcher):
        assert len(matcher.lines_of(1_000_000)) == 5
        assert matcher.lines_of(5_000_000) == (matcher.SLOT_LINE, matcher.ID_LINE)

    def test_each_run_is_held_against_the_yardstick_right_before_it(self, matcher):
        log = []

        def runner(name):
            return lambda: (log.append(name), (float(len(log)), []))[1]

        runners = {
            matcher.CALL_ID_LINE: matcher.Runner(runner("by id"), runner("bourse")),
            matcher.CALL_FILLS_LINE: matcher.Runner(runner("fills")),
        }
        seconds, against_seconds, _, _ = matcher.run_in_turn(runners, 2)
        assert log == ["bourse", "by id", "fills"] * 2
        assert seconds == {matcher.CALL_ID_LINE: [2.0, 5.0], matcher.CALL_FILLS_LINE: [3.0, 6.0]}
        assert against_seconds == {matcher.CALL_ID_LINE: [1.0, 4.0], matcher.CALL_FILLS_LINE: [1.0, 4.0]}


class TestPeers:
    @pytest.fixture
    def peer(self, drivers, flow):
        """A peer that is always there: the engine itself, with what it tells."""
        from engine import OrderBook

        def run(flow, calls):
            result = OrderBook().apply(flow.by_id)
            found = {"trades": len(result.fills), "qty": int(result.fills["qty_lots"].sum()) + self.extra}
            return 1.0, drivers.differences_of(found, flow.expected)

        self.extra = 0
        return drivers.Peer("json-peer", "json", "trades, traded lots", "none", run)

    def test_a_peer_is_run_and_compared(self, benchmark_modules, reference, peer):
        lines = benchmark_modules["bench_peers"].bench_peers(reference, [peer], [MESSAGES], 1)
        assert [line.name for line in lines] == ["steady 5k: call by call / json-peer", "steady 5k: batch / json-peer"]
        assert all(line.check == "equal" and line.ratio > 1 and not line.failed for line in lines)
        assert lines[0].more["compared"] == "trades, traded lots"

    def test_a_peer_with_another_result_says_so(self, benchmark_modules, reference, peer):
        self.extra = 1
        lines = benchmark_modules["bench_peers"].bench_peers(reference, [peer], [MESSAGES], 1)
        assert all(line.check.startswith("json-peer, run 0: qty: expected ") and line.failed for line in lines)

    def test_a_missing_peer_says_so(self, benchmark_modules, drivers, reference, monkeypatch, capsys):
        peers = benchmark_modules["bench_peers"]
        monkeypatch.setattr(peers, "PEERS", [each._replace(module="no_such_module") for each in drivers.PEERS])
        monkeypatch.setattr(peers, "load_flow", lambda: reference)
        assert peers.main(["--json", "--quick"]) == 0
        lines = printed_lines(capsys)
        assert [line["against"] for line in lines] == [each.name for each in drivers.PEERS for _ in range(2)]
        assert all(line["value"] is None and line["ratio"] is None for line in lines)
        assert all(f"{line['against']} is not installed" in line["check"] for line in lines)

    def test_a_peer_that_cannot_be_loaded_says_so(self, drivers, monkeypatch):
        def fails(name):
            raise OSError("no such library")

        monkeypatch.setattr(drivers.importlib, "import_module", fails)
        peer = drivers.BOURSE._replace(module="json")
        assert drivers.why_missing(peer) == "bourse cannot be loaded: no such library"

    def test_without_bourse_the_calls_have_no_ratio(self, drivers, matcher, reference, monkeypatch, capsys):
        monkeypatch.setattr(matcher, "BOURSE", drivers.BOURSE._replace(module="no_such_module"))
        monkeypatch.setattr(matcher, "load_flow", lambda: reference)
        assert matcher.main(["--json", "--n", "1000", "--regimes", "steady", "--runs", "1"]) == 0
        calls = printed_lines(capsys)[2:]
        assert all(line["value"] > 0 and line["check"] == "equal" for line in calls)
        assert all(line["ratio"] is None and "is not installed" in line["note"] for line in calls)

    def test_installed_peers_agree_with_the_reference(self, drivers, flows, flow):
        installed = [peer for peer in drivers.PEERS if drivers.why_missing(peer) is None]
        if not installed:
            pytest.skip("none of the extra `peers` is installed")
        calls = flows.calls_of(flow, by_slot=False)
        assert {peer.name: peer.run(flow, calls)[1] for peer in installed} == {peer.name: [] for peer in installed}


class TestBookShapes:
    def test_every_shape_is_exact(self, shapes, capsys):
        assert shapes.main(["--json", "--orders", "10000", "--runs", "1", "--quick"]) == 0
        lines = printed_lines(capsys)
        assert [line["unit"] for line in lines] == ["ns/fill"] * 8 + ["ns/cancel"] * 3
        assert all(line["check"] == "equal" and line["value"] > 0 and line["bar_met"] is None for line in lines)
        assert sum(line["bar"] is not None for line in lines) == 4  # a sweep, two queues, a cancel

    def test_a_sweep_that_ends_early_fails(self, shapes):
        from engine import OrderBook, Side

        book = OrderBook(slots=11)
        book.apply(shapes.one_lot_asks(np.arange(shapes.PRICE_TICKS, shapes.PRICE_TICKS + 10)))
        book.market(Side.BUY, 9, slot_id=10)
        assert shapes.sweep_differences([book], 10) == [
            "sweeps with other fills: expected 0, was 1",
            "orders left: expected 0, was 1",
        ]

    def test_a_queue_served_out_of_turn_fails(self, shapes, monkeypatch):
        """The first two orders come the other way round."""
        asks = shapes.one_lot_asks

        def swapped(prices):
            columns = asks(prices)
            columns["slot_id"][:2] = columns["slot_id"][1::-1]
            return columns

        assert shapes.eat(200, 200, 100)[1] == shapes.eat(200, 50, 100)[1] == []
        assert shapes.cancel(200, np.arange(100, 110))[1] == []
        monkeypatch.setattr(shapes, "one_lot_asks", swapped)
        assert "first come, first served" in shapes.eat(200, 200, 100)[1][0]
        assert shapes.cancel(200, np.arange(100, 110))[1][0].startswith("queue: ")

    def test_a_cancel_that_is_refused_fails(self, shapes):
        assert shapes.cancel(200, np.array([5, 5]))[1] == ["cancels: expected 2, was 1"]


class TestMemory:
    def test_memory_prints_one_object(self, benchmark_modules, capsys):
        memory = benchmark_modules["bench_memory"]
        assert memory.main(["--json", "--quick", "--orders", "5000"]) == 0
        lines = printed_lines(capsys)
        assert [line["unit"] for line in lines] == ["B/order"] * 5 + ["B/level"]
        assert all(line["check"] == "equal" and line["value"] >= 0 for line in lines)
        assert [line["bar"] for line in lines] == ["at most 64 bytes"] * 2 + [None] * 4

    def test_a_book_that_holds_less_fails(self, benchmark_modules, monkeypatch):
        memory = benchmark_modules["bench_memory"]
        monkeypatch.setattr(memory, "PRICE_TICKS", 0)  # below the lowest price of a book
        found = memory.measure(memory.SHAPES["handle"], 2_000, huge_pages=True)["differences"]
        assert [text.partition(":")[0] for text in found] == ["accepted", "resting orders", "resting lots"]


def firesale_bench(*args):
    """Run the command as a process; return (exit status, stdout, stderr)."""
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", "bench", *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.returncode, done.stdout, done.stderr


class TestCommand:
    def test_the_matcher_in_one_object_and_one_table(self, reference):
        code, out, err = firesale_bench("--only", "matcher", "--json", "--quick")
        assert code == 0, err
        assert out.count("\n") == 1
        told = json.loads(out)
        assert set(told) == {"results", "machine", "flags"}
        assert len(told["results"]) == 15
        for line in told["results"]:
            assert set(line) >= LINE_FIELDS | {"benchmark"}
            assert (line["benchmark"], line["check"], line["bar_met"]) == ("matcher", "equal", None)
        assert {"engine", "reference"} <= set(told["flags"]["matcher"])
        assert "firesale bench" in err
        assert "cascade 10k: batch by order_id" in err

    def test_every_file_is_a_name(self):
        assert list(bench.benchmark_scripts()) == NAMES
        assert list(bench.benchmark_scripts(("queue", "matcher"))) == ["matcher", "queue"]

    def test_an_unknown_name_exits_2(self):
        done = CliRunner().invoke(cli.main, ["bench", "--only", "matchr"])
        assert done.exit_code == 2
        assert f"only: expected one of {', '.join(NAMES)}, was matchr" in done.output

    def test_an_installed_package_without_benchmarks_exits_2(self, monkeypatch, tmp_path):
        monkeypatch.setattr(bench, "benchmark_folder", lambda: tmp_path)
        done = CliRunner().invoke(cli.main, ["bench"])
        assert done.exit_code == 2
        assert "bench: expected benchmarks in " in done.output
        with pytest.raises(InputError):
            bench.benchmark_scripts()

    @pytest.mark.parametrize("status", [0, 1])
    def test_exit_status_and_lines_of_several_files(self, monkeypatch, tmp_path, status):
        line = {"name": "one", "value": 1.5, "unit": "M/s", "ratio": 0.5, "against": "two", "check": "equal"}
        line |= {"against_value": 3.0, "bar": "0.6 of two", "bar_met": False if status else None, "goal": None}
        report = json.dumps({"results": [line], "machine": {"cpu": "x"}, "flags": {"engine": "release"}})
        for name, code in (("bench_a.py", 0), ("bench_b_c.py", status)):
            (tmp_path / name).write_text(f"import sys\nprint({report!r})\nsys.exit({code})\n")
        monkeypatch.setattr(bench, "benchmark_folder", lambda: tmp_path)
        done = CliRunner().invoke(cli.main, ["bench", "--json"])
        assert done.exit_code == status
        told = json.loads(next(text for text in done.output.splitlines() if text.startswith("{")))
        assert [row["benchmark"] for row in told["results"]] == ["a", "b-c"]
        assert told["machine"] == {"cpu": "x"}
        assert ("MISSED" in done.output) == bool(status)

    def test_a_benchmark_that_breaks_is_a_line(self, tmp_path):
        (tmp_path / "bench_a.py").write_text("raise SystemExit(3)\n")
        run = bench.run_benchmarks(bench.benchmark_scripts(folder=tmp_path), quick=True)
        assert run.failed
        assert run.results[0]["value"] is None
        assert run.results[0]["check"] == "the benchmark ended with exit status 3 and no report"
        bench.print_table(run)

    def test_ctrl_c_keeps_what_was_measured(self, monkeypatch, tmp_path):
        for name in ("bench_a.py", "bench_b.py"):
            (tmp_path / name).write_text("")

        def run_script(script, *, quick):
            if script.stem == "bench_b":
                raise KeyboardInterrupt
            report = json.dumps({"results": [], "machine": {"cpu": "x"}, "flags": {}})
            return subprocess.CompletedProcess([], 0, report)

        monkeypatch.setattr(bench, "_run_script", run_script)
        monkeypatch.setattr(bench, "benchmark_folder", lambda: tmp_path)
        done = CliRunner().invoke(cli.main, ["bench", "--json"])
        assert done.exit_code == cli.EXIT_INTERRUPTED
        assert '"interrupted": true' in done.output
        assert '"cpu": "x"' in done.output

    def test_what_is_missing_is_told_whole(self, capsys):
        """The extra's name in square brackets is no markup."""
        nothing = dict.fromkeys(("value", "unit", "ratio", "against", "bar", "bar_met", "goal"))
        check = "bourse is not installed (pip install 'firesale[peers]')"
        bench.print_table(bench.BenchRun([{"benchmark": "peers", "name": "x", **nothing, "check": check}]))
        assert "firesale[peers]" in capsys.readouterr().err
