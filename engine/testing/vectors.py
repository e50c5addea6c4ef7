"""Run test vectors of schema 1 on the native engine or on the reference.

usage: python -m engine.testing.vectors [--reference] [--kind GLOB]... FILE...

Stands on `matching_vectors`, `margin_vectors`, `waterfall_vectors`, `lending_vectors` and on the public classes,
imported when a run starts.

Promises: a line per failure, a line ``skipped ID: reason`` per vector of an optional kind, a line ``rounded ID: how``
per vector whose numbers the engine's units cannot hold exactly, and last ``N passed, N failed, N skipped``. A vector of
a kind that it has is run completely, never skipped; a kind that nobody knows is a failure. Exit code 0: none failed; 1:
some failed; 2: a file, an option or the engine is unusable.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.testing.lending_vectors import LENDING_KINDS, lending_of, lending_outcome
from engine.testing.margin_vectors import MARGIN_KINDS, Outcome, margin_outcome
from engine.testing.matching_vectors import matching_differences
from engine.testing.waterfall_vectors import WATERFALL_KINDS, waterfall_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SCHEMA = 1

OPTIONAL_KINDS = frozenset({"pro_rata"})

Vector = dict[str, Any]
Json = Any


class UnusableError(Exception):
    """Say that a file or an engine cannot be used at all."""


class Skipped(Exception):  # noqa: N818  # not an error: nobody has to have the kind
    """Say why a vector is not run."""


@dataclass(frozen=True)
class Engine:
    """Hold the classes that vectors are run on; without a world, positions are kept by the reference."""

    book: Callable[..., Any]
    queue: Callable[..., Any]
    world: Callable[..., Any] | None = None


@dataclass
class Tally:
    """Count what became of the vectors."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __str__(self) -> str:
        """Return the last line of a run."""
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


# --- event queue ----------------------------------------------------------------------------------------------------


def event_queue_differences(engine: Engine, vector: Vector) -> list[str]:
    """Run a vector of kind ``event_queue``; event names become data."""
    queue = engine.queue()
    names: list[Json] = []  # by data
    handles: dict[Json, int] = {}  # by name, of the event scheduled last under it
    fired: list[list[Json]] = []
    refused: list[tuple[int, Json]] = []

    def on_event(event: Any) -> None:
        fired.append([int(event.time_ms), names[int(event.data)]])

    for index, command in enumerate(vector["input"]["commands"]):
        match command:
            case ["at", time_ms, name, *priority]:
                try:
                    handles[name] = queue.schedule(time_ms, len(names), priority=priority[0] if priority else 0)
                    names.append(name)
                except InputError:
                    refused.append((index, command))
            case ["cancel", name]:
                if name not in handles or not queue.cancel(handles[name]):
                    refused.append((index, command))
            case ["run", until_ms]:
                try:
                    queue.run(until_ms, on_event)
                except InputError:
                    refused.append((index, command))
            case _:
                raise ValueError(f"command {index}: expected at, cancel or run, was {command!r}")
    return _queue_differences(vector["expect"], fired, refused, len(queue))


def _queue_differences(
    want: dict[str, Json], fired: list[list[Json]], refused: list[tuple[int, Json]], pending: int
) -> list[str]:
    lines = []
    if fired != want["fired"]:
        lines.append(f"fired: expected {want['fired']}, was {fired}")
    rejected = want["rejected"]
    same = len(rejected) == len(refused) and all(
        _is_named(entry, index, command) for entry, (index, command) in zip(rejected, refused, strict=True)
    )
    if not same:
        lines.append(f"rejected: expected {rejected}, was {[command for _, command in refused]}")
    if pending != want["pending"]:
        lines.append(f"pending: expected {want['pending']}, was {pending}")
    return lines


def _is_named(entry: Json, index: int, command: list[Json]) -> bool:
    """Tell whether an entry of ``rejected`` means a command.

    The README does not say how a refused command is written; we take it by index, by event name, as [time, name], or
    whole.
    """
    return entry in (index, command, command[1:], command[2] if command[0] == "at" else command[1])


# --- the runner -----------------------------------------------------------------------------------------------------

_RUNNERS: dict[str, Callable[[Engine, Vector], Outcome]] = {
    "matching": lambda engine, vector: Outcome(matching_differences(engine.book, vector)),
    "event_queue": lambda engine, vector: Outcome(event_queue_differences(engine, vector)),
    **dict.fromkeys(MARGIN_KINDS, lambda engine, vector: margin_outcome(vector, engine.world)),
    **dict.fromkeys(WATERFALL_KINDS, lambda engine, vector: waterfall_outcome(vector, engine.world)),
    **dict.fromkeys(
        LENDING_KINDS,
        lambda engine, vector: lending_outcome(vector, lending_of(reference=engine.world is None)),
    ),
}


def vector_differences(engine: Engine, vector: Vector) -> list[str]:
    """Run one vector and return what differs, a line each; raises as `vector_outcome`."""
    return vector_outcome(engine, vector).differences


def vector_outcome(engine: Engine, vector: Vector) -> Outcome:
    """Run one vector and return what differs, a line each, with a note on what was rounded.

    Raises
    ------
    Skipped
        If the vector is of an optional kind.
    """
    kind = str(vector.get("kind"))
    if kind in OPTIONAL_KINDS:
        raise Skipped(f"kind {kind} is optional")
    runner = _RUNNERS.get(kind)
    if runner is None:
        return Outcome([f"kind: expected one of {', '.join(sorted(_RUNNERS))}, was {kind!r}"])
    try:
        return runner(engine, vector)
    except Skipped:
        raise
    except Exception as error:  # noqa: BLE001  # a vector that cannot be read or run is a failure, and the next one runs
        return Outcome([f"{type(error).__name__}: {error}"])


def vectors_of(path: Path) -> list[Vector]:
    """Return the vectors of a file, or raise `UnusableError` saying what is wrong with it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnusableError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise UnusableError(f"{path}: expected JSON, was {error}") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        was = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise UnusableError(f"{path}: schema: expected {SCHEMA}, was {was!r}")
    vectors = content.get("vectors")
    if not isinstance(vectors, list) or not all(isinstance(vector, dict) for vector in vectors):
        raise UnusableError(f"{path}: vectors: expected a list of objects, was something else")
    return vectors


def engine_of(*, reference: bool) -> Engine:
    """Import the reference or the native classes, or raise `UnusableError`."""
    module = "engine.reference" if reference else "engine"
    try:
        found = importlib.import_module(module)
        return Engine(found.OrderBook, found.EventQueue, None if reference else found.World)
    except (ImportError, AttributeError) as error:
        raise UnusableError(f"{module}: {error}") from None


def run(engine: Engine, vectors: Sequence[Vector], tell: Callable[[str], object] = print) -> Tally:
    """Run vectors, tell a line per failure and per skip, and return the counts."""
    tally = Tally()
    for vector in vectors:
        name = vector.get("id", "?")
        try:
            lines, note = vector_outcome(engine, vector)
        except Skipped as skip:
            tally.skipped += 1
            tell(f"skipped {name}: {skip}")
            continue
        tally.passed += not lines
        tally.failed += bool(lines)
        for line in lines:
            tell(f"FAILED {name} ({vector.get('title', 'untitled')}): {line}")
        if note:
            tell(f"rounded {name}: {note}")
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser("python -m engine.testing.vectors", description="Run test vectors of schema 1.")
    parser.add_argument("--reference", action="store_true", help="run on the Python reference, not on the engine")
    parser.add_argument("--kind", action="append", metavar="GLOB", help="run only kinds that match (may be repeated)")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    globs = options.kind or ["*"]
    try:
        engine = engine_of(reference=options.reference)
        vectors = [vector for path in options.files for vector in vectors_of(path)]
    except UnusableError as error:
        print(error, file=sys.stderr)
        return 2
    chosen = [vector for vector in vectors if any(fnmatchcase(str(vector.get("kind")), glob) for glob in globs)]
    tally = run(engine, chosen)
    print(tally)
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
