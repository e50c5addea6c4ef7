"""The command: what it prints and writes, its exit codes, and Ctrl-C at every stage."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from engine import __version__, cli, runfolder
from engine.commands.interrupt import CtrlC
from engine.commands.run import Wish, run
from engine.run import RunResult, run_scenario
from engine.testing.worlds import landmark_rows, rows_of

ROOT = Path(__file__).resolve().parents[2]
NAME = "atom-flash-crash"
PARTS = ["exact", "exact-limit", "same-sell", "endogenous", "makers-stayed"]
TABLES = {
    "trades": lambda world: len(world.trades()),
    "prices": lambda world: len(world.prices()),
    "samples": lambda world: len(world.samples()),
    "journal": lambda world: len(world.journal()),
    "landmarks": lambda world: len(world.landmarks()),
    "causes": lambda world: len(world.causes()),
}
PATIENCE_S = 60


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def firesale(*args, program=("-m", "engine.cli")):
    return subprocess.Popen(
        [sys.executable, *program, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def invoked(*args):
    return CliRunner().invoke(cli.main, [str(arg) for arg in args])


def leftovers(folder):
    """Return the temporary files that a run left behind."""
    return [path.name for path in folder.rglob(".*")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Run the scenario once, as a process; return (folder, stdout, stderr)."""
    folder = tmp_path_factory.mktemp("run") / "deep" / "er"
    process = firesale("run", NAME, "--json", "--out", folder)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return folder, out, err


@pytest.fixture(scope="module")
def result():
    return run_scenario(NAME)


class TestRun:
    def test_stdout_is_one_json_object(self, whole, result):
        _, out, _ = whole
        assert out.count("\n") == 1
        told = json.loads(out)
        assert told["prints_equal"] == 71
        assert 0 < told["low"]["exact"] < told["low"]["endogenous"] < told["low"]["makers_stayed"]
        assert list(told["low"]) == ["exact", "endogenous", "makers_stayed"]
        assert told["digest"] == result.digest
        assert told["interrupted"] is False
        assert told["tables"] == {name: list(TABLES) for name in PARTS}

    def test_run_json_is_the_same_object(self, whole):
        folder, out, _ = whole
        assert json.loads((folder / "run.json").read_text(encoding="utf-8")) == json.loads(out)

    def test_people_are_told_on_stderr(self, whole, result):
        _, _, err = whole
        for word in ("first shock", "first withdrawal", "first liquidation", "LOW", "first recovery", "lows, USDT"):
            assert word in err
        assert "71 of 71 prints equal, 9170.080188 USDT" in err
        assert "invariants hold in 5 of 5 parts" in err
        assert f"digest {result.digest}" in err

    def test_the_tables_have_every_row(self, whole, result):
        folder, _, _ = whole
        assert list(result.parts) == PARTS
        for name, part in result.parts.items():
            rows = {table: pq.read_table(folder / name / f"{table}.parquet").num_rows for table in TABLES}
            assert rows == {table: count(part.simulation.world) for table, count in TABLES.items()}

    def test_the_tables_hold_what_the_world_holds(self, whole, result):
        folder, _, _ = whole
        world = result.parts["endogenous"].simulation.world
        read = {table: pq.read_table(folder / "endogenous" / f"{table}.parquet") for table in TABLES}
        trades = world.trades()
        for column in trades:
            assert read["trades"][column].to_pylist() == trades[column].tolist()
        rows = landmark_rows(world)
        assert read["landmarks"]["id"].to_pylist() == list(range(len(rows)))
        for index, column in enumerate(
            ("time_ms", None, "market", "number", "account", "parent", "generation", "value")
        ):
            if column is not None:
                assert read["landmarks"][column].to_pylist() == [row[index] for row in rows]
        assert set(read["landmarks"]["kind"].to_pylist()) >= {"SHOCK", "WITHDRAWAL", "LIQUIDATION", "STEP"}
        movers = [None if row[8] is None else row[8][2] for row in rows]
        assert read["landmarks"]["mover_account"].to_pylist() == movers
        assert [tuple(row.values()) for row in read["causes"].to_pylist()] == rows_of(world.causes())
        # A price that there was not is null, no number.
        marks = read["samples"]["mark"].to_pylist()
        assert None in marks
        assert max(mark for mark in marks if mark is not None) < 10_000

    def test_the_report_tells_the_run(self, whole, result):
        folder, _, _ = whole
        page = (folder / "report.html").read_text(encoding="utf-8")
        assert result["endogenous"].digest in page
        assert f"firesale run {NAME}" in page

    def test_nothing_else_is_left(self, whole):
        folder, _, _ = whole
        assert sorted(path.name for path in folder.iterdir()) == sorted(
            ["report.html", "run.json", "scenario.toml", *PARTS]
        )
        assert leftovers(folder) == []

    def test_no_out_writes_nothing(self, tmp_path, monkeypatch, result):
        monkeypatch.chdir(tmp_path)
        done = invoked("run", NAME, "--no-out")
        assert done.exit_code == 0
        assert f"digest {result.digest}" in done.output
        assert list(tmp_path.iterdir()) == []

    def test_the_seed_is_told_and_counts(self, monkeypatch, tmp_path, result):
        monkeypatch.chdir(tmp_path)
        done = invoked("run", NAME, "--no-out", "--json", "--seed", "3")
        told = json.loads(done.output[done.output.index('{"scenario"') :].splitlines()[0])
        assert (told["seed"], told["prints_equal"]) == (3, 71)
        assert told["digest"] != result.digest

    def test_a_broken_invariant_exits_1(self, monkeypatch, result):
        broken = {name: {**figures, "invariants": "L-2"} for name, figures in result.measured().items()}
        monkeypatch.setattr("engine.run.RunResult.measured", lambda self: broken)
        assert invoked("run", NAME, "--no-out").exit_code == cli.EXIT_FAILED == 1


class TestUsage:
    def test_an_unknown_scenario_exits_2_and_names_the_field(self, tmp_path):
        done = invoked("run", "atom-flash", "--out", tmp_path / "out")
        assert done.exit_code == 2
        assert (
            "scenario: expected one of atom-flash-crash, october-2025, two-venues, or a file such as mine.toml, was "
            in done.output
        )
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        "args",
        [
            ["run", NAME, "--no-such-option"],
            ["run"],
            ["no-such-command"],
            ["run", NAME, "--seed", "x"],
            ["run", NAME, "b"],
        ],
    )
    def test_bad_usage_exits_2(self, args):
        assert invoked(*args).exit_code == 2

    @pytest.mark.parametrize("extras", [["report"], ["data", "report"]])
    def test_a_missing_extra_exits_4_and_is_named(self, monkeypatch, tmp_path, extras):
        monkeypatch.setattr(runfolder, "missing_extras", lambda: extras)
        done = invoked("run", NAME, "--out", tmp_path / "out")
        assert done.exit_code == 4
        assert f"firesale[{','.join(extras)}]" in done.output
        assert not (tmp_path / "out").exists()
        assert invoked("run", NAME, "--no-out").exit_code == 0

    def test_a_missing_module_is_a_missing_extra(self, monkeypatch):
        assert runfolder.missing_extras() == []
        monkeypatch.setattr(runfolder.importlib.util, "find_spec", lambda module: None)
        assert runfolder.missing_extras() == ["data", "report"]

    def test_a_folder_that_cannot_be_made_exits_2(self, tmp_path):
        (tmp_path / "file").write_text("here")
        for path in ("file", "file/below"):
            done = invoked("run", NAME, "--out", tmp_path / path)
            assert done.exit_code == 2
            assert "out" in done.output
        assert (tmp_path / "file").read_text() == "here"

    def test_scenarios_are_listed(self):
        done = invoked("scenarios")
        assert done.exit_code == 0
        assert done.output.startswith(f"{NAME}: ")

    def test_version(self):
        assert invoked("--version").output.strip().endswith(__version__)

    @pytest.mark.parametrize(
        "args", [["--help"], ["run", "--help"], ["check", "--help"], ["report", "--help"], ["bench", "--help"]]
    )
    def test_help_loads_no_library(self, args):
        program = (
            "import sys\n"
            "from engine.cli import main\n"
            "try:\n"
            f"    main({args!r})\n"
            "except SystemExit as end:\n"
            "    assert end.code == 0\n"
            "print(sorted(sys.modules), file=sys.stderr)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment()
        )
        assert done.stdout.startswith("Usage: ")
        loaded = set(eval(done.stderr))
        assert loaded & {"numpy", "pydantic", "rich", "pyarrow", "plotly", "engine.run", "engine.simulation"} == set()

    def test_the_handler_is_put_back(self):
        before = signal.getsignal(signal.SIGINT)
        invoked("run", NAME, "--no-out")
        assert signal.getsignal(signal.SIGINT) == before

    def test_a_thread_may_run_it(self):
        codes = []
        thread = threading.Thread(target=lambda: codes.append(run(Wish(NAME))))
        thread.start()
        thread.join(PATIENCE_S)
        assert codes == [0]


def interrupted(process, stage, *, after_s=0.0):
    """Send Ctrl-C when the process says that it does `stage`; return (exit code, stdout, stderr)."""
    err = ""
    for line in process.stderr:
        err += line
        if line.startswith(stage):
            break
    time.sleep(after_s)
    sent = time.perf_counter()
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=PATIENCE_S)
    seconds = time.perf_counter() - sent
    print(f"Ctrl-C while {stage!r}: ended after {seconds * 1000:.0f} ms (required: 100 ms)")
    assert seconds < 5.0
    return process.returncode, out, err + rest


class TestInterrupt:
    def check_folder(self, folder, out):
        """Check that what an interrupted run left is valid; return run.json."""
        told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        assert told["interrupted"] is True
        assert told == json.loads(out)
        assert leftovers(folder) == []
        for name, figures in told["figures"].items():
            assert figures["invariants"] == "hold"
            for table in told["tables"].get(name, []):
                rows = pq.read_table(folder / name / f"{table}.parquet").num_rows
                assert table != "trades" or rows == figures["counts"]["trades"]
        on_disk = {(path.parent.name, path.stem) for path in folder.glob("*/*.parquet")}
        assert on_disk == {(name, table) for name, tables in told["tables"].items() for table in tables}
        return told

    @pytest.mark.parametrize(
        "stage", ["running exact", "running endogenous", "running makers-stayed", "writing the report"]
    )
    def test_the_folder_is_valid_whatever_was_going_on(self, tmp_path, stage):
        process = firesale("run", NAME, "--json", "--out", tmp_path)
        code, out, err = interrupted(process, stage)
        assert (code, "Traceback" in err) == (130, False), err
        told = self.check_folder(tmp_path, out)
        assert list(told["figures"]) == PARTS[: len(told["figures"])]
        if stage == "writing the report":
            assert list(told["figures"]) == PARTS
            assert not (tmp_path / "report.html").exists()

    def test_a_long_part_stops_between_two_events(self, tmp_path):
        shown = firesale("scenarios", NAME)
        (tmp_path / "long.toml").write_text(shown.communicate(timeout=PATIENCE_S)[0].replace('"5min"', '"12d"'))
        process = firesale("run", tmp_path / "long.toml", "--json", "--out", tmp_path)
        code, out, err = interrupted(process, "running endogenous", after_s=0.5)
        assert (code, "Traceback" in err) == (130, False), err
        told = self.check_folder(tmp_path, out)
        assert list(told["figures"]) == PARTS[:4]
        assert 0 < told["figures"]["endogenous"]["now_ms"] < 12 * 86_400_000
        assert told["figures"]["endogenous"]["counts"]["trades"] > 0
        assert told["figures"]["endogenous"]["counts"]["events"] > runfolder.EVENTS_AFTER_CTRL_C
        assert [len(told["tables"][name]) for name in PARTS[:3]] == [len(TABLES)] * 3
        # What would take longer to write than Ctrl-C has is left out, unless it was being spilled as the run went.
        assert "landmarks" not in told["tables"].get("endogenous", [])

    def test_without_a_folder_stdout_is_valid(self):
        code, out, _ = interrupted(firesale("run", NAME, "--json", "--no-out"), "running exact")
        assert code == 130
        assert json.loads(out)["interrupted"] is True

    def test_while_libraries_load(self, tmp_path):
        program = (
            "import signal, engine.runfolder, engine.cli\n"
            "engine.runfolder.load_libraries = lambda: signal.raise_signal(signal.SIGINT)\n"
            "engine.cli.main()\n"
        )
        process = firesale("run", NAME, "--json", "--out", tmp_path / "out", program=("-c", program))
        out, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, "Traceback" in err) == (130, False), err
        told = self.check_folder(tmp_path / "out", out)
        assert (told["scenario"], told["figures"]) == (NAME, {})

    def test_an_older_folder_is_replaced_file_by_file(self, tmp_path):
        (tmp_path / "run.json").write_text("old")
        (tmp_path / "mine.txt").write_text("kept")
        code, out, _ = interrupted(firesale("run", NAME, "--json", "--out", tmp_path), "running exact")
        assert code == 130
        assert json.loads((tmp_path / "run.json").read_text()) == json.loads(out)
        assert (tmp_path / "mine.txt").read_text() == "kept"


@pytest.fixture
def handlers():
    """Put Ctrl-C back; these tests work in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals reach the main thread only, and this is another one")
    before = signal.getsignal(signal.SIGINT)
    yield before
    signal.signal(signal.SIGINT, before)


class TestCtrlC:
    def test_it_is_a_keyboard_interrupt_and_waits_afterwards(self, handlers):
        with pytest.raises(KeyboardInterrupt), CtrlC():
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # what is left is being written: nothing happens

    def test_one_that_is_raised_in_a_destructor_arrives_all_the_same(self, handlers):
        class Swallows:
            def __del__(self):
                signal.raise_signal(signal.SIGINT)

        hook, alarm = sys.unraisablehook, signal.getsignal(signal.SIGALRM)

        def draw():
            Swallows()
            time.sleep(PATIENCE_S)

        with pytest.raises(KeyboardInterrupt), CtrlC():
            draw()
        assert (sys.unraisablehook, signal.getsignal(signal.SIGALRM)) == (hook, alarm)

    def test_one_that_a_library_swallows_comes_again(self, handlers):
        def swallows():
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            time.sleep(PATIENCE_S)

        with pytest.raises(KeyboardInterrupt), CtrlC():
            swallows()

    def test_other_errors_in_destructors_are_reported_as_ever(self, handlers, monkeypatch):
        class Fails:
            def __del__(self):
                raise ValueError("lost")

        seen = []
        monkeypatch.setattr(sys, "unraisablehook", lambda what: seen.append(what.exc_type))
        with CtrlC():
            Fails()
        assert seen == [ValueError]


class TestWholeFiles:
    def test_a_writer_that_fails_leaves_the_old_file(self, tmp_path):
        path = tmp_path / "table.parquet"
        path.write_bytes(b"old")

        def fails(target):
            target.write_bytes(b"half of the new")
            raise OSError("the disk is full")

        with pytest.raises(OSError, match="disk is full"):
            runfolder._write_whole(path, fails)
        assert path.read_bytes() == b"old"
        assert [each.name for each in tmp_path.iterdir()] == ["table.parquet"]

    def test_a_writer_that_is_interrupted_leaves_nothing_new(self, tmp_path):
        def stops(target):
            target.write_bytes(b"half")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            runfolder._write_whole(tmp_path / "new", stops)
        assert list(tmp_path.iterdir()) == []

    def test_a_good_writer_replaces_the_old_file(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"old")
        runfolder._write_whole(path, lambda target: target.write_bytes(b"new"))
        assert path.read_bytes() == b"new"
        assert [each.name for each in tmp_path.iterdir()] == ["file"]

    def test_after_an_interrupt_a_small_part_is_written_still(self, tmp_path, result):
        cut = RunResult(NAME, 1, parts=dict(result.parts), interrupted=True)
        runfolder.RunFolder(tmp_path).close(cut)
        small = [name for name in PARTS if name != "endogenous"]
        assert json.loads((tmp_path / "run.json").read_text())["tables"] == {name: list(TABLES) for name in small}

    def test_a_table_is_written_once(self, tmp_path, result, monkeypatch):
        written = []
        write = runfolder._write_table
        monkeypatch.setattr(
            runfolder, "_write_table", lambda path, columns: (written.append(path), write(path, columns))
        )
        folder = runfolder.RunFolder(tmp_path)
        folder.write_part("exact", result.parts["exact"])
        folder.close(result)
        assert len(written) == len(set(written)) == len(TABLES) * len(PARTS)
