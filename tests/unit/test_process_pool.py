"""The process pool: order, failures, any number of workers, Ctrl-C, and any executor."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import workerkit
from workerkit import Work, work

from engine.errors import InputError
from engine.pool import Failure, run_tasks, worker_count

ROOT = Path(__file__).resolve().parents[2]
TASKS = [Work(5, "wait"), Work(1), Work(2), Work(3)]
SQUARES = [25, 1, 4, 9]


class TestOrder:
    @pytest.mark.parametrize("workers", [1, 2, 3])
    def test_results_stand_in_the_order_of_the_tasks(self, workers):
        seen = []
        done = run_tasks(work, TASKS, workers=workers, finished=lambda index, _: seen.append(index))
        assert (done.entries, done.results, done.failures, done.interrupted) == (SQUARES, SQUARES, [], False)
        assert sorted(seen) == [0, 1, 2, 3]
        assert (seen == [0, 1, 2, 3]) == (workers == 1)  # the first one waits, and others end before it

    def test_any_executor_may_run_them_and_stays_open(self):
        with ThreadPoolExecutor(2) as executor:
            assert run_tasks(work, TASKS, executor=executor).entries == SQUARES
            assert run_tasks(work, TASKS, executor=executor, workers=1).entries == SQUARES
            assert executor.submit(work, Work(7)).result() == 49

    def test_nothing_to_do_is_done(self):
        assert run_tasks(work, []).entries == []


class TestFailures:
    @pytest.mark.parametrize("workers", [1, 2])
    def test_one_that_raises_is_told_with_its_seed_and_loses_no_other(self, workers):
        done = run_tasks(work, [Work(1), Work(2, "raise"), Work(3, "untold"), Work(4)], workers=workers)
        assert done.results == [1, 16]
        first, second = done.failures
        assert (first.index, first.label, first.kind, first.text) == (
            1,
            "seed 2",
            "InvariantError",
            "a rule\nits state",
        )
        assert (second.label, second.kind, second.text) == ("seed 3", "UntoldError", "1 and 2")
        assert str(second) == "seed 3: UntoldError: 1 and 2"
        assert "workerkit.py" in first.trace
        assert first.to_json() == {"task": "seed 2", "kind": "InvariantError", "error": "a rule\nits state"}

    def test_one_that_takes_its_process_with_it_is_found_and_loses_no_other(self):
        tasks = [Work(1), Work(2, "die"), Work(3, "wait"), Work(4), Work(5)]
        done = run_tasks(work, tasks, workers=2)
        assert done.results == [1, 9, 16, 25]
        assert [(each.index, each.label, each.kind) for each in done.failures] == [(1, "seed 2", "WorkerLost")]

    def test_a_task_is_called_what_one_says(self):
        done = run_tasks(work, [Work(2, "raise")], workers=1, label=lambda task: f"the one of {task.seed}")
        assert [each.label for each in done.failures] == ["the one of 2"]

    def test_a_task_without_a_seed_is_called_by_its_place(self):
        done = run_tasks(abs, [1, "x"], workers=1)
        assert isinstance(done.entries[1], Failure)
        assert done.failures[0].label == "task 1"

    def test_a_function_that_no_other_process_finds_is_refused(self):
        with pytest.raises(InputError) as error:
            run_tasks(lambda task: task, [1, 2], workers=2)
        assert error.value.field == "function"

    @pytest.mark.parametrize("workers", [0, -1, 1.5, True])
    def test_a_wrong_number_of_workers_is_refused(self, workers):
        with pytest.raises(InputError) as error:
            run_tasks(work, TASKS, workers=workers)
        assert error.value.field == "workers"

    def test_by_default_there_is_one_for_each_processor(self):
        assert worker_count() == len(os.sched_getaffinity(0))
        assert worker_count(3) == 3


class TestCtrlC:
    def test_it_leaves_what_is_done_and_no_process(self):
        path = os.pathsep.join([str(ROOT), str(Path(workerkit.__file__).parent)])
        done = subprocess.run(
            [sys.executable, "-m", "workerkit"],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            start_new_session=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")  # no worker says a word, either
        assert done.stdout.splitlines() == ["[9, None, None] True True", "0"]

    def test_one_after_the_other_it_leaves_what_is_done(self):
        def ended(index, _):
            if index == 1:
                raise KeyboardInterrupt

        done = run_tasks(work, TASKS, workers=1, finished=ended)
        assert (done.entries, done.interrupted) == ([25, 1, None, None], True)
