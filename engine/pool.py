"""Process pool: run one function over many tasks, several at once, with nothing of the result left to chance.

Stands on `concurrent.futures`. Promises: results stand in the order of the tasks whatever finishes first, and are the
same for any number of workers; a task that fails is told by its label and loses no other, even when it takes its worker
process with it; Ctrl-C ends the workers at once and leaves what is done.

Processes are spawned, not forked: a fork of a process with threads or a half-run world is nobody's friend. Function,
tasks and results travel as pickles, so the function must stand in a module. Any `concurrent.futures.Executor` may be
given instead of the pool.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
import traceback
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import active_children, get_context
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Failure", "PoolRun", "run_tasks", "worker_count"]

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Failure:
    """A task that failed.

    Parameters
    ----------
    index : int
        Its place among the tasks.
    label : str
        What it is called, such as ``seed 7``.
    kind : str
        Name of the exception's type; ``WorkerLost`` if the process ended without a word.
    text : str
        What the exception says.
    trace : str
        Where it was raised.
    """

    index: int
    label: str
    kind: str
    text: str
    trace: str = ""

    def __str__(self) -> str:
        return f"{self.label}: {self.kind}: {self.text}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, without the trace."""
        return {"task": self.label, "kind": self.kind, "error": self.text}


@dataclass
class PoolRun(Generic[Result]):
    """What became of the tasks.

    Parameters
    ----------
    entries : list
        One for each task, in their order: its result, a `Failure`, or None if Ctrl-C came first.
    interrupted : bool
        Whether Ctrl-C came.
    """

    entries: list[Result | Failure | None] = field(default_factory=list)
    interrupted: bool = False

    @property
    def results(self) -> list[Result]:
        """The results there are, in the order of the tasks."""
        return [each for each in self.entries if each is not None and not isinstance(each, Failure)]

    @property
    def failures(self) -> list[Failure]:
        """The tasks that failed, in order."""
        return [each for each in self.entries if isinstance(each, Failure)]


def worker_count(workers: int | None = None) -> int:
    """Return how many processes to use: what is asked for, else one for each processor that we may use.

    Raises
    ------
    InputError
        Less than one, or no integer.
    """
    if workers is None:
        usable = getattr(os, "sched_getaffinity", None)
        return len(usable(0)) if usable is not None else os.cpu_count() or 1
    if type(workers) is not int or workers < 1:
        raise InputError("workers", "a whole number from 1", workers)
    return workers


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    workers: int | None = None,
    executor: Executor | None = None,
    label: Callable[[Task], str] | None = None,
    finished: Callable[[int, Result | Failure], None] | None = None,
) -> PoolRun[Result]:
    """Run a function over tasks, several at once.

    Parameters
    ----------
    function : callable
        Takes a task, returns a result that can be pickled; stands in a module.
    tasks : sequence
        What it is called with.
    workers : int, optional
        Processes; one for each processor by default. With 1 the tasks run here, one after the other.
    executor : concurrent.futures.Executor, optional
        Runs the tasks instead of a pool of ours, and stays open; gets `workers` tasks at a time if that is given.
    label : callable, optional
        What a task is called when it fails; ``seed N`` if it has a seed, else its place.
    finished : callable, optional
        Called here with index and result or `Failure` of each task as it ends.

    Returns
    -------
    PoolRun

    Raises
    ------
    InputError
        A function that other processes cannot import, or a wrong number of workers.

    Examples
    --------
    >>> run_tasks(abs, [-2, 1, -3], workers=1).results
    [2, 1, 3]
    """
    several = min(worker_count(workers), max(len(tasks), 1))
    if several > 1 or executor is not None:
        _check_pickles(function)
    job: _Job[Task, Result] = _Job(function, list(tasks), label or _label, finished)
    try:
        if executor is not None:
            job.drain(executor, range(len(tasks)), len(tasks) if workers is None else several)
        elif several == 1:
            for index in range(len(tasks)):
                job.put(index, _called(function, tasks[index]))
        else:
            _run_in_pool(job, several)
    except KeyboardInterrupt:
        job.run.interrupted = True
    return job.run


class _Job(Generic[Task, Result]):
    """The tasks of one call, and what has become of them."""

    def __init__(
        self,
        function: Callable[[Task], Result],
        tasks: list[Task],
        label: Callable[[Task], str],
        finished: Callable[[int, Result | Failure], None] | None,
    ) -> None:
        self.function, self.tasks, self.label, self.finished = function, tasks, label, finished
        self.run: PoolRun[Result] = PoolRun([None] * len(tasks))
        self._done = [False] * len(tasks)

    @property
    def left(self) -> list[int]:
        """Tasks that have not ended, in order."""
        return [index for index, done in enumerate(self._done) if not done]

    def put(self, index: int, answer: _Answer) -> None:
        """Keep what a task came to."""
        entry: Any = answer.value
        if answer.kind:
            entry = Failure(index, self._named(index), answer.kind, answer.text, answer.trace)
        self.run.entries[index], self._done[index] = entry, True
        if self.finished is not None:
            self.finished(index, entry)

    def _named(self, index: int) -> str:
        name = self.label(self.tasks[index])
        return name or f"task {index}"

    def drain(self, executor: Executor, indexes: Sequence[int], window: int) -> list[int]:
        """Run tasks on an executor, `window` at a time; returns those that were running when it broke, else none."""
        waiting, running = list(indexes), dict[Future[_Answer], int]()
        try:
            while waiting or running:
                while waiting and len(running) < window:
                    index = waiting.pop(0)
                    with _ctrl_c_later():
                        running[executor.submit(_called, self.function, self.tasks[index])] = index
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(ended, key=running.__getitem__):
                    error = future.exception()
                    if isinstance(error, BrokenProcessPool):
                        return sorted(running.values())
                    index = running.pop(future)
                    self.put(index, future.result() if error is None else _answer_of(error))
        except BrokenProcessPool:  # from submit: a worker ended between two waits
            return sorted({*running.values(), index})
        finally:
            for future in running:
                future.cancel()
        return []


def _run_in_pool(job: _Job[Task, Result], workers: int) -> None:
    """Run all tasks on processes of our own; a broken pool is made again for those that did not break it."""
    while job.left:
        suspects = _drain_once(job, job.left, workers)
        for index in suspects:  # one of them ended its worker: alone each tells whether it was it
            if index in job.left and _drain_once(job, [index], 1):
                job.put(
                    index, _Answer(kind="WorkerLost", text="its process ended without a word (memory, or a signal)")
                )


def _drain_once(job: _Job[Task, Result], indexes: list[int], workers: int) -> list[int]:
    before = active_children()
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin_worker)
    try:
        return job.drain(pool, indexes, workers)
    except KeyboardInterrupt:
        for process in active_children():  # a run may last minutes: nobody waits for it
            if process not in before:
                process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class _Answer:
    """What a worker sends back: a value, or an exception in words, since not every exception survives a pickle."""

    value: Any = None
    kind: str = ""
    text: str = ""
    trace: str = ""


def _answer_of(error: BaseException) -> _Answer:
    return _Answer(None, type(error).__name__, str(error), "".join(traceback.format_exception(error)))


def _called(function: Callable[[Any], Any], task: Any) -> _Answer:
    try:
        return _Answer(function(task))
    except Exception as error:  # noqa: BLE001  # whatever a run raises is told with its seed, and the others go on
        return _answer_of(error)


def _begin_worker() -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Hold Ctrl-C back while a worker may be spawned: it inherits the mask, and is not hit while it still imports."""
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _check_pickles(function: Callable[..., Any]) -> None:
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError("function", "one that stands in a module, so that other processes find it", error) from None


def _label(task: object) -> str:
    seed = getattr(task, "seed", None)
    return "" if seed is None else f"seed {seed}"
