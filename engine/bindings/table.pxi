# Table: columns that a kernel wrote, shown to Python without a copy.

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from engine.native.columns cimport *


@cython.final
cdef class Block:
    """One column of one chunk as a read-only buffer; keeps its table alive."""

    cdef object owner
    cdef void* data
    cdef Py_ssize_t size

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.data, self.size, 1, flags)

    def __releasebuffer__(self, Py_buffer* buffer):
        pass


@cython.final
cdef class SpilledChunk:
    """The memory of one chunk that was taken out of a world's table; views of it keep it alive."""

    cdef char* data

    def __dealloc__(self):
        free(self.data)


@cython.final
cdef class ColumnTable:
    """Rows as columns; made by the engine, read-only.

    ``table["price_ticks"]`` is a NumPy array. It is a view of the engine's memory when the table is one chunk (always so for
    `OrderBook.apply` up to two million rows), and a copy otherwise; `chunks` never copies. A view stays valid as long
    as it is referenced. Rows that a run has spilled (`World.spill`) are read from their file, before those in memory.

    A table answers ``__arrow_c_stream__``: polars, pyarrow, duckdb and pandas read it without a copy, spilled rows apart.
    """

    cdef object __weakref__
    cdef Table table
    cdef readonly tuple names
    cdef readonly tuple dtypes
    cdef readonly dict nulls     # by column the number that stands for "none", null in Arrow
    cdef readonly object past    # engine.spill.PastRows of the rows that were spilled when the table was lent, or None
    cdef list kept               # chunks that were spilled since
    cdef object lender           # a world that owns the chunks
    cdef bint is_lent            # said apart: the garbage collector may clear `lender` before __dealloc__ asks

    def __cinit__(self):
        table_init(&self.table, NULL, 0, 0)

    def __init__(self):
        raise TypeError("tables are made by the engine")

    def __dealloc__(self):
        if self.is_lent:
            self.table.chunk_count = 0   # the chunks are the lender's; the list of their addresses is ours
        table_release(&self.table)

    def __len__(self):
        return self.table.row_count

    def __iter__(self):
        return iter(self.names)

    def keys(self):
        """Return the names of the columns."""
        return self.names

    def __getitem__(self, str name):
        blocks = self.chunks(name)
        if len(blocks) == 1:
            return blocks[0]
        import numpy
        joined = numpy.concatenate(blocks)
        joined.flags.writeable = False
        return joined

    def chunks(self, str name):
        """Return the arrays of one column, chunk by chunk, without a copy of what is in memory.

        Parameters
        ----------
        name : str
            One of `names`.

        Returns
        -------
        list of numpy.ndarray
            At least one, possibly empty; rows in order. Spilled rows come first, an array for each row group.
        """
        import numpy
        arrays = self.resident_chunks(name)
        if self.past is not None:
            arrays = self.past.arrays(name, self.nulls.get(name)) + arrays
        return arrays or [numpy.empty(0, numpy.dtype(self.dtypes[self.names.index(name)]))]

    def resident_chunks(self, str name):
        """As `chunks`, but only of the rows in memory, and empty if there is none."""
        import numpy
        cdef Block block
        cdef int64_t i, rows, first = self.table.spilled_count, left = self.table.row_count - (first << self.table.shift)
        if name not in self.names:
            raise bad_input("name", "one of " + ", ".join(self.names), name)
        cdef int32_t column = self.names.index(name)
        dtype = numpy.dtype(self.dtypes[column])
        arrays = []
        for i in range(first, self.table.chunk_count):
            rows = min(left, <int64_t>1 << self.table.shift)
            if rows <= 0:
                break
            block = Block.__new__(Block)
            block.owner = self
            block.data = table_cell(&self.table, i << self.table.shift, column)
            block.size = rows * self.table.width[column]
            arrays.append(numpy.frombuffer(block, dtype=dtype))
            left -= rows
        return arrays

    def __arrow_c_schema__(self):
        """Return the schema as an Arrow PyCapsule."""
        from engine import frames
        return frames.schema_of(self).__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema=None):
        """Return the rows as an Arrow PyCapsule stream, a record batch for each chunk, without a copy of what is in memory."""
        from engine import frames
        return frames.stream_of(self).__arrow_c_stream__(requested_schema)

    def to_pyarrow(self):
        """Return a `pyarrow.Table` (extra ``data``); the columns are views of the engine's memory, spilled rows apart."""
        from engine import frames
        return frames.to_pyarrow(self)

    def to_pandas(self):
        """Return a `pandas.DataFrame` (extra ``frames``); columns that may lack a value are of dtype ``Int64``."""
        from engine import frames
        return frames.to_pandas(self)

    def to_polars(self):
        """Return a `polars.DataFrame` (extra ``frames``)."""
        from engine import frames
        return frames.to_polars(self)

    def to_parquet(self, path):
        """Write the rows as a Parquet file (extra ``data``): zstd, times and prices delta-encoded, "none" as null.

        Parameters
        ----------
        path : str or path-like
            The file; it is written under a temporary name beside it and renamed, so there is the old one or the whole new one.
        """
        from engine import frames
        frames.to_parquet(self, path)

    def __repr__(self):
        return f"<{len(self)} rows of {', '.join(self.names)}>"


cdef ColumnTable adopt_table(Table* table, tuple names, tuple dtypes):
    """Move a kernel's table into a Python object; `table` is empty afterwards."""
    cdef ColumnTable result = ColumnTable.__new__(ColumnTable)
    result.table = table[0]
    result.names = names
    result.dtypes = dtypes
    result.nulls = {}
    forget_table(table)
    return result


cdef ColumnTable lend_chunks(object lender, Table* table, int64_t first, int64_t count, tuple names, tuple dtypes, dict nulls):
    """Show some chunks of a world's table as a table of their own; keeps the world alive."""
    cdef ColumnTable result = ColumnTable.__new__(ColumnTable)
    cdef size_t size = <size_t>count * sizeof(char*)
    result.is_lent = True
    result.table = table[0]
    result.table.chunk_count = count
    result.table.spilled_count = 0
    result.table.row_count = min(table.row_count - (first << table.shift), count << table.shift)
    result.table.chunks = <char**>malloc(size + 1)
    if result.table.chunks == NULL:
        forget_table(&result.table)
        raise MemoryError("no memory to list the chunks of a table")
    if size:
        memcpy(result.table.chunks, table.chunks + first, size)
    result.names = names
    result.dtypes = dtypes
    result.nulls = nulls
    result.kept = []
    result.lender = lender
    return result


cdef ColumnTable lend_table(object lender, Table* table, tuple names, tuple dtypes, dict nulls):
    """Show the rows that a world has written so far; rows written later do not appear."""
    cdef ColumnTable result = lend_chunks(lender, table, 0, table.chunk_count, names, dtypes, nulls)
    result.table.row_count = table.row_count
    result.table.spilled_count = table.spilled_count
    return result
