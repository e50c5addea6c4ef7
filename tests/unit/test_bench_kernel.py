"""The kernel's benchmark: right passes, tampered fails, and what cannot run says so."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from benchkit import load_benchmarks, printed_lines, small_reference


@pytest.fixture(scope="module")
def benchmark_modules():
    yield from load_benchmarks()


@pytest.fixture(scope="module")
def reference(benchmark_modules):
    return small_reference(benchmark_modules["common"])


@pytest.fixture(scope="module")
def kernel(benchmark_modules):
    return benchmark_modules["bench_kernel"]


@pytest.fixture(scope="module")
def worlds(benchmark_modules):
    return benchmark_modules["worlds"]


@pytest.fixture(scope="module")
def world_runs(benchmark_modules):
    return benchmark_modules["world_runs"]


@pytest.fixture(scope="module")
def simulators(benchmark_modules):
    return benchmark_modules["simulators"]


@pytest.fixture
def journalled(worlds):
    """A small world of mass quotes that has run with its journal."""
    shape = worlds.Shape(1, makers=5, mass_quotes=True, until_ms=6_000)
    world = worlds.build_world(shape, recording=True, journal=True)
    world.run(shape.until_ms)
    return world


class ForgedWorld:
    """A world whose journal or counts are told otherwise."""

    def __init__(self, world, **columns):
        self._world = world
        self._columns = columns

    def journal(self):
        table = self._world.journal()
        self.names = table.names
        return _Columns({name: self._columns.get(name, table[name]) for name in table.names})

    def __getattr__(self, name):
        return getattr(self._world, name)


class _Columns(dict):
    @property
    def names(self):
        return list(self)


class TestKernelBenchmark:
    SMALL = ("--json", "--quick", "--markets", "3", "--makers", "4")

    def test_the_worlds_print_one_object(self, kernel, reference, monkeypatch, capsys):
        monkeypatch.setattr(kernel, "QUICK_ONE_MARKET_MS", 5_000)
        assert kernel.main([*self.SMALL, "--only", "worlds", "sustained"]) == 0
        lines = printed_lines(capsys)
        assert [line["bar"] for line in lines] == ["6 M/s", "2.5 M/s", "3.5 M/s", None, None, None, None]
        assert all(line["check"] == "equal" and line["value"] > 0 and line["bar_met"] is None for line in lines)
        assert lines[0]["against"] == "replay of its journal"
        assert lines[0]["ratio"] > 0
        assert lines[-1]["against"] == "its first third"
        for line in lines:
            assert line["messages"] == line["orders"] + line["cancels"] + line["cancel_misses"] > 0
            if line["bar"]:
                assert line["trade_share"] >= 0.05
                assert line["cancel_share"] >= 0.40
        assert lines[5]["landmarks"] > lines[1]["landmarks"] > 0  # a shock in each market, and in one

    def test_queue_snapshots_and_repeated_runs_print_one_object(self, kernel, reference, monkeypatch, capsys):
        monkeypatch.setattr(kernel, "QUICK_REPEATS", 3)
        monkeypatch.setattr(kernel, "QUICK_SNAPSHOT_ORDERS", 2_000)
        monkeypatch.setattr(kernel, "QUEUE_BARS", {1_000: kernel.bar(20.0, 35.0)})
        assert kernel.main([*self.SMALL, "--only", "queue", "snapshot", "repeat"]) == 0
        lines = {line["name"]: line for line in printed_lines(capsys)}
        measured = [line for line in lines.values() if line["value"] is not None]
        assert len(lines) == 5
        assert len(measured) >= 4
        assert all(line["check"] == "equal" and line["bar_met"] is None for line in measured)
        assert lines["snapshot of 2k resting orders, first"]["orders"] == 2_000

    def test_without_the_reference_one_market_has_no_ratio(self, kernel, monkeypatch, capsys, tmp_path):
        monkeypatch.setenv("FIRESALE_BENCH", str(tmp_path))
        monkeypatch.setattr(kernel, "QUICK_ONE_MARKET_MS", 2_000)
        assert kernel.main([*self.SMALL, "--only", "worlds"]) == 0
        line = printed_lines(capsys)[0]
        assert line["value"] > 0
        assert line["ratio"] is None
        assert line["check"] == "equal"

    def test_a_missed_bar_is_the_exit_status(self, kernel, monkeypatch, capsys):
        monkeypatch.setattr(kernel, "is_judged", lambda options: True)
        monkeypatch.setattr(kernel, "MARKETS", 0)
        monkeypatch.setattr(kernel, "QUEUE_BARS", {1_000: kernel.bar(1e9, 2e9)})
        arguments = ["--json", "--quick", "--markets", "1", "--only", "queue"]
        assert kernel.main(arguments) == 1
        assert printed_lines(capsys)[0]["bar_met"] is False

    def test_a_thin_mix_fails(self, worlds):
        enough = worlds.Counts(events=200, orders=60, cancels=40, cancel_misses=0, trades=5, landmarks=1)
        assert enough.mix_differences() == []
        assert enough._replace(trades=4).mix_differences() == ["mix: expected at least 5% trades, was 4.0%"]
        fewer = enough._replace(cancels=39, cancel_misses=1)
        assert fewer.mix_differences() == ["mix: expected at least 40% cancels, was 39.0%"]

    def test_a_world_that_is_another_without_recording_fails(self, world_runs, worlds, monkeypatch):
        build = worlds.build_world

        def another(shape, *, recording, journal=False):
            return build(shape._replace(makers=shape.makers - (not recording)), recording=recording)

        monkeypatch.setattr(world_runs, "build_world", another)
        line = world_runs.bench_shape(worlds.Shape(1, makers=4, until_ms=1_500), 1, judge=None)
        assert "digest with recording off: expected " in line.check

    def test_lots_are_followed_from_order_to_end(self, worlds, journalled):
        assert worlds.lots_differences(journalled, 1) == []

    def test_one_cancel_that_is_not_in_the_journal_fails(self, worlds, journalled):
        kind = journalled.journal()["kind"].copy()
        kind[np.flatnonzero(kind == worlds.JOURNAL_CANCEL)[0]] = 0
        found = worlds.lots_differences(ForgedWorld(journalled, kind=kind), 1)
        assert [text.partition(":")[0] for text in found] == ["journal, cancels", "journal, lots"]

    def test_one_lot_more_in_an_order_fails(self, worlds, journalled):
        qty = journalled.journal()["qty"].copy()
        qty[np.flatnonzero(journalled.journal()["kind"] == worlds.JOURNAL_PLACE)[0]] += 1
        found = worlds.lots_differences(ForgedWorld(journalled, qty=qty), 1)
        assert [text.partition(":")[0] for text in found] == ["journal, lots"]

    def test_the_bare_c_book_makes_the_worlds_trades_of_its_journal(self, world_runs, worlds, reference, journalled):
        messages = worlds.messages_of(journalled)
        assert len(messages.fills["maker_id"]) > 0
        assert world_runs.journal_differences(reference, journalled, messages) == []

    def test_two_orders_of_the_journal_swapped_fail(self, world_runs, worlds, reference, journalled):
        messages = worlds.messages_of(journalled)
        makers = messages.fills["maker_id"]
        swapped = {name: column.copy() for name, column in messages.columns.items()}
        rows = [int(np.flatnonzero(swapped["oid"] == maker)[0]) for maker in (makers[0], makers[-1])]
        for column in swapped.values():
            column[rows] = column[rows[::-1]]
        found = world_runs.journal_differences(reference, journalled, messages._replace(columns=swapped))
        assert any("hash of the fills" in text for text in found)

    def test_a_snapshot_of_another_world_fails(self, kernel, worlds):
        world, other = worlds.build_resting(100), worlds.build_resting(101)
        assert kernel.snapshot_differences(world, world.snapshot(), 100) == []
        found = kernel.snapshot_differences(world, other.snapshot(), 100)
        assert [text.partition(":")[0] for text in found] == ["digest", "resting orders"]

    def test_callers_are_counted_beside_bourse(self, kernel, simulators, monkeypatch, capsys):
        monkeypatch.setattr(kernel, "why_no_bourse", lambda: "bourse is not installed")
        run = simulators.PeerRun(2.0, {"calls": 3_000_000, "orders": 1}, [])
        monkeypatch.setitem(kernel.CALLERS, kernel.CALLBACK_LINE, lambda agents, steps: run)
        assert kernel.main(["--json", "--quick", "--only", "callers"]) == 0
        callbacks, arrays = printed_lines(capsys)
        assert (callbacks["value"], callbacks["check"], callbacks["bar"]) == (1.5, "equal", "0.3 M/s")
        assert arrays["check"] == "equal"
        assert arrays["orders"] > arrays["trades"] > 0
        assert arrays["note"] == "bourse is not installed"

    def test_python_agents_that_lose_an_order_fail(self, benchmark_modules):
        callers = benchmark_modules["callers"]
        world, accounts = callers.crowd_world(3)
        world.add_python(callers.RandomCrowd(), accounts, [1, 2, 3], as_array=True)
        callers.run_crowd(world, 10)
        sent = world.counts()["orders"]
        assert callers.differences_of(world, sent) == []
        assert [text.partition(":")[0] for text in callers.differences_of(world, sent - 1)] == ["orders"]

    def test_without_crowdbook_its_lines_say_so(self, kernel, simulators, monkeypatch, capsys):
        monkeypatch.setattr(simulators, "CROWDBOOK", "no-such-command")
        assert kernel.main([*self.SMALL, "--only", "peers"]) == 0
        lines = printed_lines(capsys)
        assert [line["against"] for line in lines] == ["crowdbook, requests", "crowdbook, events"]
        assert all(line["value"] is None and "is not installed" in line["check"] for line in lines)

    def test_crowdbook_is_run_and_counted(self, kernel, simulators, monkeypatch, capsys, tmp_path):
        """A command that writes the log of two trades and, like crowdbook, none without `--log`."""
        rows = ["time,kind", "1,new", "1,modify", "2,cancel", "2,trade", *["2,filled"] * 2]
        command = tmp_path / "crowdbook"
        command.write_text(f"#!{sys.executable}\nimport sys\nif '--log' in sys.argv:\n")
        with command.open("a") as script:
            script.write(f"    open(sys.argv[-1], 'w').write({chr(10).join(rows)!r})\n")
        command.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert kernel.main([*self.SMALL, "--only", "peers"]) == 0
        requests, events = printed_lines(capsys)
        assert requests["peer_kinds"] == {"new": 1, "modify": 1, "cancel": 1, "trade": 1, "filled": 2}
        assert requests["check"] == events["check"] == "equal"
        assert requests["ratio"] > 0

    def test_a_crowdbook_that_loses_a_fill_fails(self, simulators):
        assert simulators.crowdbook_differences({"filled": 4, "trade": 2}) == []
        assert simulators.crowdbook_differences({"filled": 3, "trade": 2}) == ["fills: expected 4, was 3"]
        assert simulators.crowdbook_differences({}) == ["fills: expected 0, was 0"]

    def test_bourse_is_run_and_counted(self, simulators):
        absent = simulators.why_no_bourse()
        if absent:
            pytest.skip(absent)
        for run in (simulators.run_bourse_agents(10, 20), simulators.run_bourse_arrays(10, 20)):
            assert run.differences == []
            assert run.kinds["calls"] == 200
            assert run.kinds["orders"] > 0
