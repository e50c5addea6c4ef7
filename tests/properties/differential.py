"""Two books run the same random flow and must agree after every batch; where they do not, the flow is shortened.

Stands on `randomflow`, and on the public face of the books.

::

    seed -> episodes (a shape, two fresh books) -> batches: both run them, tables and digests are compared
                                                   now and then everything that shows, and the invariants of both
    a difference -> the shortest prefix (bisected) -> what is left when rows are taken out that do not matter

Promises: a failure names the seed, the episode and the batch, and lists commands that bring the two apart.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from randomflow import RandomFlow, book_shape, rows_of

from engine.testing import strategies as flow
from engine.testing.views import (
    CANCEL_COLUMNS,
    FILL_COLUMNS,
    REJECT_COLUMNS,
    TRIGGER_COLUMNS,
    book_view,
    positions_view,
    result_view,
    tables_view,
)
from engine.types import CancelReason, CommandKind, MarketState, RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES = {
    "fills": FILL_COLUMNS,
    "rejects": REJECT_COLUMNS,
    "cancels": CANCEL_COLUMNS,
    "triggers": TRIGGER_COLUMNS,
}
EPISODE_COMMANDS = 4000
BATCH_COMMANDS_MAX = 150
SCALAR_COMMANDS_MAX = 6  # a batch of no more is sent through the scalar methods
VIEWS_EVERY = 10  # batches
REPLAYS_MAX = 500  # about so many, while a failing flow is shortened


@dataclass(frozen=True)
class Step:
    """Hold one batch as it was sent."""

    naming: str
    columns: dict[str, np.ndarray]
    is_scalar: bool

    def __len__(self) -> int:
        """Return the number of commands."""
        return len(self.columns["kind"])

    def __str__(self) -> str:
        """Return its commands as `engine.testing.strategies` writes them."""
        sent = "sent" if self.is_scalar else "applied"
        return "\n".join(f"  {sent} by {self.naming}: {row}" for row in self.rows())

    def rows(self) -> list[flow.Row]:
        """Return its commands."""
        return rows_of(self.columns, self.naming)

    def singles(self) -> list[Step]:
        """Return steps of one command each."""
        return [replace(self, columns=flow.columns([row], self.naming, full=True)) for row in self.rows()]

    def cut(self, count: int) -> Step:
        """Return its first commands."""
        return replace(self, columns={name: column[:count] for name, column in self.columns.items()})


@dataclass
class Counts:
    """Count what a run has met, as the reference tells it."""

    commands: Counter = field(default_factory=Counter)
    accepted: int = 0
    fills: int = 0
    cancels: Counter = field(default_factory=Counter)
    triggers: int = 0
    triggers_refused: int = 0
    rejects: Counter = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """Say it in words."""

        def listed(counter: Counter, names: type) -> str:
            return ", ".join(f"{names(value).name} {count:,}" for value, count in sorted(counter.items()))

        known = Counter({kind: count for kind, count in self.commands.items() if kind in tuple(CommandKind)})
        return [
            f"commands {self.commands.total():,}: {listed(known, CommandKind)}",
            (
                f"accepted {self.accepted:,}, fills {self.fills:,}, "
                f"triggers {self.triggers:,} (of them refused {self.triggers_refused:,})"
            ),
            f"cancels {self.cancels.total():,}: {listed(self.cancels, CancelReason)}",
            f"rejects {self.rejects.total():,}: {listed(self.rejects, RejectReason)}",
        ]


class Pair:
    """Hold the two books of an episode."""

    def __init__(self, candidate: Callable, model: Callable, shape: flow.BookShape) -> None:
        self.shape = shape
        self.book = candidate(**shape.options())
        self.model = model(**shape.options())

    def run(self, step: Step, counts: Counts) -> str | None:
        """Run a batch on both; return what differs, or None."""
        run = self._run_scalar if step.is_scalar else self._run_batch
        differs = run(step, counts)
        if differs is None and self.book.digest() != self.model.digest():
            return "digest"
        return differs

    def _run_batch(self, step: Step, counts: Counts) -> str | None:
        want = self.model.apply(step.columns)
        got = self.book.apply(step.columns)
        counts.commands.update(step.columns["kind"].tolist())
        counts.accepted += want.accepted_count
        counts.fills += len(want.fills["command"])
        counts.cancels.update(map(int, want.cancels["reason"]))
        counts.triggers += len(want.triggers["command"])
        counts.triggers_refused += np.count_nonzero(want.triggers["reject_reason"])
        counts.rejects.update(want.rejects["reason"])
        if got.accepted_count != want.accepted_count:
            return f"accepted_count: {got.accepted_count}, expected {want.accepted_count}"
        for name, columns in TABLES.items():
            got_table, want_table = getattr(got, name), getattr(want, name)
            for column in columns:
                expected = np.array(want_table[column], dtype=np.int64)
                if not np.array_equal(np.asarray(got_table[column]), expected):
                    return f"{name}.{column}: {list(got_table[column])}, expected {want_table[column]}"
        return None

    def _run_scalar(self, step: Step, counts: Counts) -> str | None:
        for row in step.rows():
            want, got = (flow.sent(book, row, step.naming) for book in (self.model, self.book))
            fills, cancels, triggers = tables = tables_view(self.model)
            counts.commands[row.kind] += 1
            counts.accepted += want.accepted
            counts.fills += len(fills)
            counts.cancels.update(cancel[-1] for cancel in cancels)
            counts.triggers += len(triggers)
            counts.triggers_refused += sum(trigger[-1] != 0 for trigger in triggers)
            if not want.accepted:
                counts.rejects[int(want.reject_reason)] += 1
            if result_view(got) != result_view(want):
                return f"result of {row}: {result_view(got)}, expected {result_view(want)}"
            if tables_view(self.book) != tables:
                return f"tables of {row}: {tables_view(self.book)}, expected {tables}"
        return None

    def compare_views(self) -> str | None:
        """Compare everything that shows, and check both; return what differs."""
        got, want = book_view(self.book), book_view(self.model)
        for name, expected in want.items():
            if got[name] != expected:
                return f"{name}: {got[name]}, expected {expected}"
        if positions_view(self.book, self.shape.owners) != positions_view(self.model, self.shape.owners):
            return "positions"
        self.model.check_invariants()
        self.book.check_invariants()
        return None


class Differential:
    """Run random flows on two kinds of book.

    Parameters
    ----------
    candidate, model : callable
        Make a book of a shape; `candidate` is the one under test.
    seed : int
        All draws come from it.
    """

    def __init__(self, candidate: Callable, model: Callable, seed: int) -> None:
        self.candidate = candidate
        self.model = model
        self.seed = seed
        self.counts = Counts()
        self.episodes = 0

    def run(self, commands: int) -> Counts:
        """Run at least so many commands; raise AssertionError with a short flow where the books differ."""
        while self.counts.commands.total() < commands:
            left = commands - self.counts.commands.total()
            self._run_episode(min(EPISODE_COMMANDS, left))
            self.episodes += 1
        return self.counts

    def _run_episode(self, commands: int) -> None:
        rng = np.random.default_rng((self.seed, self.episodes))
        shape = book_shape(rng)
        drawn, pair = RandomFlow(rng, shape), Pair(self.candidate, self.model, shape)
        steps: list[Step] = []
        done = 0
        while done < commands:
            step = self._drawn_step(rng, drawn, pair.model)
            steps.append(step)
            done += len(step)
            differs = _outcome(partial(pair.run, step, self.counts))
            if differs is None and len(steps) % VIEWS_EVERY == 0:
                differs = _outcome(pair.compare_views)
            if differs is not None:
                raise AssertionError(self._report(shape, steps, differs))

    @staticmethod
    def _drawn_step(rng: np.random.Generator, drawn: RandomFlow, model: Any) -> Step:
        count = int(np.exp(rng.uniform(0, np.log(BATCH_COMMANDS_MAX))).round())  # as often 1 to 5 as 30 to 150
        known = [order.id for order in (*model.orders(), *model.stops())]
        reopen = model.state != MarketState.OPEN and rng.random() < 0.5
        naming, columns = drawn.batch(count, known, model.now_ms, reopen=reopen)
        step = Step(naming, columns, is_scalar=False)
        is_scalar = count <= SCALAR_COMMANDS_MAX and all(map(flow.is_scalar, step.rows()))
        return replace(step, is_scalar=is_scalar)

    # --- a failure is made short ---------------------------------------------------------------------------------

    def _report(self, shape: flow.BookShape, steps: list[Step], differs: str) -> str:
        enough = self._bisected(shape, steps)
        prefix = [*steps[:-1], steps[-1].cut(enough)]
        singles = [single for step in prefix for single in step.singles()]
        lines = [
            (
                f"seed {self.seed}, episode {self.episodes}, batch {len(steps) - 1}, "
                f"after {enough} of its {len(steps[-1])} commands: {differs}"
            ),
            f"book: {shape.options()}",
        ]
        if self._replayed(shape, singles) is None:
            lines.append(f"not found when the {len(singles)} commands are sent one by one; the last batch:")
            return "\n".join([*lines, *map(str, prefix[-1].singles())])
        short = self._thinned(shape, singles)
        lines.append(f"shortened from {len(singles)} commands to {len(short)}:")
        return "\n".join([*lines, *map(str, short), f"then: {self._replayed(shape, short)}"])

    def _replayed(self, shape: flow.BookShape, steps: list[Step]) -> str | None:
        """Return what differs between two fresh books after some steps, or None."""
        pair, counts = Pair(self.candidate, self.model, shape), Counts()
        for step in steps:
            differs = _outcome(partial(pair.run, step, counts))
            if differs is not None:
                return differs
        return _outcome(pair.compare_views)

    def _bisected(self, shape: flow.BookShape, steps: list[Step]) -> int:
        """Return how many commands of the last batch are needed. Holds: `low` are too few, `high` are enough."""
        low, high = 0, len(steps[-1])
        while high - low > 1:
            middle = (low + high) // 2
            if self._replayed(shape, [*steps[:-1], steps[-1].cut(middle)]) is None:
                low = middle
            else:
                high = middle
        return high

    def _thinned(self, shape: flow.BookShape, singles: list[Step]) -> list[Step]:
        """Take out runs of commands, long ones first, as long as the books still differ."""
        length, replays = len(singles) // 2, 0
        while length and replays < REPLAYS_MAX:
            start, was_shortened = 0, False
            while start < len(singles):
                fewer = singles[:start] + singles[start + length :]
                replays += 1
                if self._replayed(shape, fewer) is None:
                    start += length
                else:
                    singles, was_shortened = fewer, True
            if length > 1 or not was_shortened:
                length //= 2
        return singles


def _outcome(call: Callable[[], str | None]) -> str | None:
    """Return what differs; an exception of a book is a difference too."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001  # whatever a broken book raises belongs into the report
        return f"{type(error).__name__}: {error}"
