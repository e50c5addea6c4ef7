"""Frames: a column table as Arrow, pandas, polars and Parquet.

Stands on numpy and, imported where it is used, nanoarrow (base), pyarrow (extra ``data``), pandas and polars (extra
``frames``); nothing of the core. Promises: what is in memory is not copied on its way to Arrow; the number that stands
for "none" in a column becomes null; a file is written under a temporary name and renamed, so there is the old one or
the whole new one.
"""

from __future__ import annotations

import importlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine._core import ColumnTable

__all__ = ["parquet_writer", "record_batches", "schema_of", "stream_of", "write_whole"]

EXTRAS = {"pyarrow": "data", "pyarrow.parquet": "data", "pandas": "frames", "polars": "frames"}
ARROW_NAMES = {
    f"{sign}{size}": f"{word}{8 * size}" for sign, word in (("i", "int"), ("u", "uint")) for size in (1, 2, 4, 8)
}
ROWS_OF_A_GROUP = 2**17
# Columns that grow or move in small steps; the rest are few different numbers, or noise.
DELTA_WORDS = ("time", "price", "ticks", "bid", "ask", "last", "index", "mark", "number", "order")


def need(module: str) -> Any:
    """Import an optional package, or say which extra brings it.

    Raises
    ------
    ImportError
        Names the package and the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package, extra = module.partition(".")[0], EXTRAS[module]
        text = f"{package} is not installed; it comes with the extra '{extra}': pip install 'firesale[{extra}]'"
        raise ImportError(text, name=package) from error


# ---- Arrow -----------------------------------------------------------------------------------------------------------


def schema_of(table: ColumnTable) -> Any:
    """Return the schema of a table as a nanoarrow schema."""
    import nanoarrow as na

    kinds = zip(table.names, table.dtypes, strict=True)
    return na.c_schema(na.struct({name: getattr(na, ARROW_NAMES[dtype])() for name, dtype in kinds}))


def _batches(table: ColumnTable) -> Iterator[Any]:
    """Yield each chunk in memory as a nanoarrow struct array that keeps the engine's memory alive."""
    import nanoarrow as na
    from nanoarrow.c_array import c_array_from_buffers

    kinds = [getattr(na, ARROW_NAMES[dtype])() for dtype in table.dtypes]
    schema = schema_of(table)
    for blocks in zip(*(table.resident_chunks(name) for name in table.names), strict=True):
        rows, columns = len(blocks[0]), []
        for name, kind, block in zip(table.names, kinds, blocks, strict=True):
            bits, nulls = None, 0
            if name in table.nulls:
                known = block != table.nulls[name]
                nulls = rows - int(np.count_nonzero(known))
                bits = np.packbits(known, bitorder="little") if nulls else None
            columns.append(c_array_from_buffers(kind, rows, [bits, block], null_count=nulls))
        yield c_array_from_buffers(schema, rows, [None], null_count=0, children=columns)


def stream_of(table: ColumnTable) -> Any:
    """Return an object that answers ``__arrow_c_stream__`` with the rows of a table, the spilled ones first.

    Notes
    -----
    Spilled rows are read from their file, row group by row group, as the stream is consumed.
    """
    if table.past is not None:
        pa = need("pyarrow")
        return pa.RecordBatchReader.from_batches(pa.schema(schema_of(table)), record_batches(table))
    from nanoarrow.c_array_stream import CArrayStream

    return CArrayStream.from_c_arrays(list(_batches(table)), schema_of(table), move=True, validate=False)


def record_batches(table: ColumnTable) -> Iterator[Any]:
    """Yield the rows of a table as `pyarrow.RecordBatch`, the spilled ones first."""
    pa = need("pyarrow")
    if table.past is not None:
        yield from table.past.batches()
    for batch in _batches(table):
        yield pa.record_batch(batch)


def to_pyarrow(table: ColumnTable) -> Any:
    """Return a `pyarrow.Table`."""
    pa = need("pyarrow")
    return pa.Table.from_batches(record_batches(table), schema=pa.schema(schema_of(table)))


def to_polars(table: ColumnTable) -> Any:
    """Return a `polars.DataFrame`."""
    return need("polars").DataFrame(table)


def to_pandas(table: ColumnTable) -> Any:
    """Return a `pandas.DataFrame`; columns that may lack a value are of dtype ``Int64`` and the like."""
    pandas = need("pandas")
    columns: dict[str, Any] = {}
    for name in table.names:
        values = table[name]
        if name in table.nulls:
            values = pandas.arrays.IntegerArray(values.copy(), values == table.nulls[name])
        columns[name] = values
    return pandas.DataFrame(columns)


# ---- Parquet ---------------------------------------------------------------------------------------------------------


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file under a temporary name beside it and rename it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        with suppress(OSError):  # what went wrong before is the news
            temporary.unlink(missing_ok=True)


def parquet_writer(path: Path, schema: Any) -> Any:
    """Open a `pyarrow.parquet.ParquetWriter`: zstd, times, prices and numbers delta-encoded, the rest by dictionary."""
    integer = need("pyarrow").types.is_integer
    wide = [field.name for field in schema if integer(field.type) and field.type.bit_width >= 32]
    delta = [name for name in wide if any(word in name for word in DELTA_WORDS)]
    others = [field.name for field in schema if field.name not in delta]
    return need("pyarrow.parquet").ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=others,
        column_encoding=dict.fromkeys(delta, "DELTA_BINARY_PACKED"),
    )


def to_parquet(table: ColumnTable, path: str | os.PathLike[str]) -> None:
    """Write a table as one Parquet file; in memory stands one row group at a time."""
    pa = need("pyarrow")
    schema = pa.schema(schema_of(table))

    def write(target: Path) -> None:
        with parquet_writer(target, schema) as writer:
            for group in _row_groups(record_batches(table), schema):
                writer.write_table(group)

    write_whole(Path(path), write)


def _row_groups(batches: Iterator[Any], schema: Any) -> Iterator[Any]:
    """Gather record batches into tables of some 131,072 rows."""
    pa = need("pyarrow")
    waiting: list[Any] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= ROWS_OF_A_GROUP:
            yield pa.Table.from_batches(waiting, schema=schema)
            waiting, rows = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting, schema=schema)
