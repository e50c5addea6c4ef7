"""The benchmarks' checks: right passes, tampered fails, and what cannot run says so."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
MESSAGES = 5_000
LIVE_ORDERS = 400  # instead of 10,000 and more: a debug build walks the whole book after every single call
LINE_FIELDS = {"name", "value", "unit", "ratio", "against", "check", "least", "most", "runs", "bar"}


@pytest.fixture(scope="module")
def benchmark_modules():
    """The benchmarks are scripts, so they import one another as neighbours."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield {
            name: importlib.import_module(name) for name in ("common", "bench_matcher", "bench_queue", "bench_world")
        }
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def matcher(benchmark_modules):
    return benchmark_modules["bench_matcher"]


@pytest.fixture(scope="module")
def reference(benchmark_modules):
    try:
        module = benchmark_modules["common"].load_flow()
    except benchmark_modules["common"].ReferenceMissingError as reason:
        pytest.skip(str(reason))
    module.REGIMES = {name: (code, LIVE_ORDERS, *rest) for name, (code, _, *rest) in module.REGIMES.items()}
    return module


@pytest.fixture(scope="module")
def flow(matcher, reference):
    return matcher.make_flow(reference, "steady", MESSAGES)


@pytest.fixture
def fills(flow):
    """The fills of a run by order_id, as columns that may be written to."""
    from engine import OrderBook

    columns = OrderBook().apply(flow.by_id).fills
    return {name: columns[name].copy() for name in columns.names}


class TestMatcherCheck:
    def test_every_way_to_name_an_order_gives_the_references_fills(self, matcher, flow):
        by_slot, by_id = (matcher.calls_of(flow, by_slot=chosen) for chosen in (True, False))
        assert matcher.run_batch(flow, by_slot=False)[1] == []
        assert matcher.run_batch(flow, by_slot=True)[1] == []
        assert matcher.run_calls_by_slot(flow, by_slot)[1] == []
        assert matcher.run_calls_by_id(flow, by_id)[1] == []
        assert matcher.run_calls_with_fills(flow, by_id)[1] == []

    def test_the_hash_is_the_same_in_c_and_in_python(self, matcher, fills, flow):
        columns = [fills[name] for name in ("maker_id", "taker_id", "price_ticks", "qty_lots")]
        assert matcher.fill_hash(fills) == matcher.fill_hash_python(*columns) == flow.expected["hash"] & (2**64 - 1)

    def test_two_makers_at_one_price_swapped_fail(self, matcher, flow, fills):
        """FIFO broken once and nothing else: rows, lots and prices stay as they were."""
        first = neighbours_at_one_price(fills)
        assert matcher.fill_differences(fills, flow.expected) == []
        fills["maker_id"][[first, first + 1]] = fills["maker_id"][[first + 1, first]]
        found = matcher.fill_differences(fills, flow.expected)
        assert len(found) == 1
        assert found[0].startswith("hash of the fills: ")

    def test_two_makers_at_one_price_swapped_by_slot_fail(self, matcher, flow):
        from engine import OrderBook

        columns = OrderBook(slots=flow.slots).apply(flow.by_slot).fills
        fills = {name: columns[name].copy() for name in columns.names}
        slot_id = flow.by_slot["slot_id"]
        assert matcher.fill_differences(matcher.ids_of_slots(fills, flow.messages, slot_id), flow.expected) == []
        first = neighbours_at_one_price(fills)
        fills["maker_id"][[first, first + 1]] = fills["maker_id"][[first + 1, first]]
        assert matcher.fill_differences(matcher.ids_of_slots(fills, flow.messages, slot_id), flow.expected) != []

    def test_two_orders_at_one_price_sent_the_other_way_round_fail(self, matcher, flow, fills):
        """Swapped in the flow itself, so that the engine's own run is another one."""
        first = neighbours_at_one_price(fills)
        makers = fills["maker_id"][[first, first + 1]]
        rows = [int(np.flatnonzero((flow.messages["oid"] == maker) & (flow.by_id["kind"] == 1))[0]) for maker in makers]
        swapped = {name: column.copy() for name, column in flow.by_id.items()}
        for column in swapped.values():
            column[rows] = column[rows[::-1]]
        assert matcher.run_batch(flow._replace(by_id=swapped), by_slot=False)[1] != []

    @pytest.mark.parametrize("row", [0, -1], ids=["first", "last"])
    def test_one_fill_dropped_fails(self, matcher, flow, fills, row):
        dropped = {name: np.delete(column, row) for name, column in fills.items()}
        found = matcher.fill_differences(dropped, flow.expected)
        assert [text.partition(":")[0] for text in found] == ["fills", "traded lots", "hash of the fills"]

    @pytest.mark.parametrize("column", ["maker_id", "taker_id", "price_ticks", "qty_lots"])
    def test_a_number_off_by_one_fails(self, matcher, flow, fills, column):
        fills[column][len(fills[column]) // 2] += 1
        assert any("hash of the fills" in text for text in matcher.fill_differences(fills, flow.expected))

    def test_a_book_left_in_another_state_fails(self, matcher, flow):
        from engine import OrderBook, Side

        book = OrderBook()
        book.apply(flow.by_id)
        assert matcher.book_differences(book, flow.expected) == []
        book.limit(Side.BUY, 1, 1)
        found = matcher.book_differences(book, flow.expected)
        assert [text.partition(":")[0] for text in found] == ["live_bids", "bid_qty"]

    def test_a_difference_is_the_exit_status(self, matcher, flow, reference, monkeypatch, capsys):
        wrong = flow._replace(expected={**flow.expected, "hash": flow.expected["hash"] ^ 1})
        monkeypatch.setattr(matcher, "make_flow", lambda *_: wrong)
        assert matcher.main(["--json", "--n", str(MESSAGES), "--regimes", "steady", "--runs", "1"]) == 1
        checks = {line["name"]: line["check"] for line in json.loads(capsys.readouterr().out)["results"]}
        assert "hash of the fills" in checks["steady: batch by slot_id"]


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

    def test_world_prints_one_object(self, benchmark_modules, capsys):
        arguments = ["--json", "--makers", "5", "--until-ms", "5000", "--runs", "1"]
        assert benchmark_modules["bench_world"].main(arguments) == 0
        lines = printed_lines(capsys)
        assert all(line["check"] == "equal" and line["ratio"] is None for line in lines)
        assert lines[0]["trades"] > 0

    @pytest.mark.parametrize("absent", ["folder", "gcc"])
    def test_without_the_reference_nothing_is_made_up(
        self, matcher, benchmark_modules, monkeypatch, capsys, absent, tmp_path
    ):
        if absent == "gcc":
            (tmp_path / "flow.py").write_text("")
            monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("FIRESALE_BENCH", str(tmp_path))
        assert matcher.main(["--json", "--regimes", "steady"]) == 0
        for line in printed_lines(capsys):
            assert line["value"] is None
            assert line["ratio"] is None
            assert line["check"].startswith("no bare C reference: ")
        assert (
            benchmark_modules["bench_queue"].main(["--json", "--pending", "100", "--holds", "1000", "--runs", "1"]) == 0
        )
        measured = {line["name"]: line for line in printed_lines(capsys)}
        assert measured["100 pending: hold / C wheel"]["ratio"] is None
        assert measured["100 pending: hold"]["check"] == "equal"  # heapq vouches for it


def printed_lines(capsys):
    """Read the one JSON object of stdout and check its shape."""
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    printed = json.loads(out)
    assert set(printed) == {"results", "machine", "flags"}
    assert {"cpu", "cpu_count", "load_average", "python"} <= set(printed["machine"])
    assert "engine" in printed["flags"]
    assert all(set(line) >= LINE_FIELDS for line in printed["results"])
    return printed["results"]
