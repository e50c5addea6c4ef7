"""Spill: the files that a run hands the oldest rows of its tables to, so that its memory stays flat.

Stands on `engine.frames` and pyarrow (extra ``data``); nothing of the core, whose `World.spill` makes the objects here
and calls them between blocks of events.

    trades   .trades.parquet.PID.0   [group][group][group]        one part, until somebody reads while the run goes on:
             .trades.parquet.PID.1   [group]                      that seals the part and the next rows open another one
    close -> trades.parquet          all parts and what was still in memory

Promises: nothing is written outside the folder; a file has its own name only when it is whole; each row is written
once, whatever Ctrl-C comes between.
"""

from __future__ import annotations

import os
import signal
import threading
import weakref
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from engine.errors import InputError
from engine.frames import need, parquet_writer, record_batches, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import numpy as np

    from engine._core import ColumnTable, World

__all__ = ["PastRows", "Spill", "Store"]


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the block has ended: what is in a file and what is counted must not part."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    came: list[Any] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            handler(*came[0])


class _SpilledTable:
    """The parts of one table, in order, and the writer of the last one."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.rows = 0  # in all parts
        self.parts: list[Path] = []
        self.writer: Any = None
        self.failure: str | None = None  # what went wrong first; nothing is written after it
        self.is_finished = False

    def append(self, batches: list[Any], schema: Any) -> None:
        """Write record batches as one row group."""
        self._check()
        rows = sum(batch.num_rows for batch in batches)
        pa = need("pyarrow")
        try:
            if self.writer is None:
                # The part is on the list before it exists, so that it is cleared away whatever happens.
                self.parts.append(self.target.with_name(f".{self.target.name}.{os.getpid()}.{len(self.parts)}"))
                self.writer = parquet_writer(self.parts[-1], schema)
            if rows:
                self.writer.write_table(pa.Table.from_batches(batches, schema=schema), row_group_size=rows)
        except OSError as error:
            self.failure = str(error)
            raise
        self.rows += rows

    def _check(self) -> None:
        if self.failure is not None:
            # Not the first error itself: its traceback would keep alive what was being written.
            raise OSError(f"{self.target}: not written any more since: {self.failure}")

    def seal(self) -> None:
        """End the open part, so that it can be read."""
        if self.writer is not None:
            writer, self.writer = self.writer, None
            try:
                writer.close()
            except OSError as error:
                self.failure = str(error)
                raise

    def finish(self) -> None:
        """Make the parts one file under the target's name."""
        self._check()
        self.seal()
        if len(self.parts) > 1:
            merged = self.target.with_name(f".{self.target.name}.{os.getpid()}.merged")
            parts = [*self.parts]
            self.parts.append(merged)
            _merge(parts, merged)
            merged.replace(self.target)
        else:
            self.parts[0].replace(self.target)
        _remove(self.parts)
        self.parts[:] = []  # in place: the finaliser looks at this list
        self.is_finished = True

    def files(self) -> list[Path]:
        """Return the files that hold the rows now, in order."""
        self._check()
        self.seal()
        return [self.target] if self.is_finished else [*self.parts]


def _merge(parts: list[Path], target: Path) -> None:
    """Copy the row groups of several files into one, one at a time."""
    parquet = need("pyarrow.parquet")
    with parquet_writer(target, parquet.read_schema(parts[0])) as writer:
        for part in parts:
            with parquet.ParquetFile(part) as file:
                for group in range(file.num_row_groups):
                    rows = file.read_row_group(group)
                    writer.write_table(rows, row_group_size=rows.num_rows)


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _remove_all(tables: dict[str, _SpilledTable]) -> None:
    for table in tables.values():
        table.writer = None
        _remove(table.parts)


class PastRows:
    """The first rows of a table, which were spilled: how a `ColumnTable` reads them back."""

    def __init__(self, store: Store, name: str, rows: int) -> None:
        self._store, self._name, self.rows = store, name, rows

    def batches(self, columns: list[str] | None = None) -> Iterator[Any]:
        """Yield `pyarrow.RecordBatch`, at least one for each row group."""
        parquet = need("pyarrow.parquet")
        # Opened together: the files may be merged and renamed while the rows are read.
        files = [parquet.ParquetFile(path) for path in self._store.files(self._name)]
        left = self.rows
        try:
            for file in files:
                for group in range(file.num_row_groups):
                    for batch in file.read_row_group(group, columns=columns).combine_chunks().to_batches():
                        if left > 0:
                            yield batch.slice(0, left)
                            left -= batch.num_rows
        finally:
            for file in files:
                file.close()

    def arrays(self, name: str, none: int | None) -> list[np.ndarray[Any, Any]]:
        """Return one column, an array for each row group; null becomes the number that stands for it."""
        import pyarrow.compute as pc

        arrays = []
        for batch in self.batches([name]):
            column = batch.column(0)
            values = (column if none is None else pc.fill_null(column, none)).to_numpy(zero_copy_only=False)
            values.flags.writeable = False
            arrays.append(values)
        return arrays


class Store:
    """The folder of a spill and its tables; `World` appends and finishes them.

    Parameters
    ----------
    folder : str or path-like
        Made if need be.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        need("pyarrow.parquet")
        if not isinstance(folder, (str, os.PathLike)):
            raise InputError("folder", "a path", folder)
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise InputError("folder", "a folder", f"{folder}, where a file stands in the way") from error
        self._tables: dict[str, _SpilledTable] = {}
        weakref.finalize(self, _remove_all, self._tables)  # a spill that is never closed leaves nothing behind

    def _table(self, name: str) -> _SpilledTable:
        return self._tables.setdefault(name, _SpilledTable(self.folder / f"{name}.parquet"))

    def append(self, name: str, first_row: int, table: ColumnTable) -> None:
        """Write rows of which the first has a number; those that are there already are left alone.

        An interrupt may come between a row group and the moment in which the world lets go of its rows.
        """
        with _uninterrupted():
            self._append(self._table(name), first_row, table)

    def _append(self, spilled: _SpilledTable, first_row: int, table: ColumnTable) -> None:
        pa = need("pyarrow")
        skip = spilled.rows - first_row
        batches = []
        for batch in record_batches(table):
            if skip < batch.num_rows:
                batches.append(batch.slice(max(skip, 0)))
            skip -= batch.num_rows
        spilled.append(batches, pa.schema(schema_of(table)))

    def finish(self, name: str, first_row: int, tail: ColumnTable) -> None:
        """Write the last rows of a table and give its file its name."""
        with _uninterrupted():
            spilled = self._table(name)
            if not spilled.is_finished:
                self._append(spilled, first_row, tail)
                spilled.finish()

    def is_open(self, name: str) -> bool:
        """Tell whether a table has rows here and is not finished."""
        return name in self._tables and not self._tables[name].is_finished

    def past(self, name: str, rows: int) -> PastRows:
        """Return the first rows of a table."""
        return PastRows(self, name, rows)

    def files(self, name: str) -> list[Path]:
        """Return the files that hold a table's rows now."""
        with _uninterrupted():
            return self._tables[name].files()

    def rows(self) -> dict[str, int]:
        """Return the rows written so far, by table."""
        return {name: table.rows for name, table in self._tables.items()}

    def finished(self) -> dict[str, Path]:
        """Return the finished files by table."""
        return {name: table.target for name, table in self._tables.items() if table.is_finished}

    def finished_in(self, folder: str | os.PathLike[str]) -> list[str]:
        """Return the names of the finished tables if this is their folder."""
        return list(self.finished()) if self.folder.resolve() == Path(folder).resolve() else []


class Spill:
    """A running spill: close it, or use it in a ``with``."""

    def __init__(self, world: World, store: Store) -> None:
        self._world, self._store = world, store

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._store.folder

    @property
    def rows(self) -> dict[str, int]:
        """Rows in the files so far, by table."""
        return self._store.rows()

    @property
    def files(self) -> dict[str, Path]:
        """The finished files by table; empty before `close`."""
        return self._store.finished()

    def close(self) -> None:
        """Write what is in memory as the last row groups and give the files their names; tables stay readable."""
        self._world.close_spill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
