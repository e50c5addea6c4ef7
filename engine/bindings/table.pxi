# Table: columns that a kernel wrote, shown to Python without a copy.

from libc.stdlib cimport malloc
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
cdef class ColumnTable:
    """Rows as columns; made by the engine, read-only.

    ``table["price_ticks"]`` is a NumPy array. It is a view of the engine's memory when the table is one chunk (always so for
    `OrderBook.apply` up to two million rows), and a copy otherwise; `chunks` never copies. A view stays valid as long
    as it is referenced.
    """

    cdef Table table
    cdef readonly tuple names
    cdef tuple dtypes
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
        """Return the arrays of one column, chunk by chunk, without a copy.

        Parameters
        ----------
        name : str
            One of `names`.

        Returns
        -------
        list of numpy.ndarray
            At least one, possibly empty; rows in order.
        """
        import numpy
        cdef Block block
        cdef int64_t i, rows, left = self.table.row_count
        if name not in self.names:
            raise bad_input("name", "one of " + ", ".join(self.names), name)
        cdef int32_t column = self.names.index(name)
        dtype = numpy.dtype(self.dtypes[column])
        arrays = []
        for i in range(self.table.chunk_count):
            rows = min(left, <int64_t>1 << self.table.shift)
            if rows <= 0:
                break
            block = Block.__new__(Block)
            block.owner = self
            block.data = table_cell(&self.table, i << self.table.shift, column)
            block.size = rows * self.table.width[column]
            arrays.append(numpy.frombuffer(block, dtype=dtype))
            left -= rows
        return arrays or [numpy.empty(0, dtype)]

    def __repr__(self):
        return f"<{len(self)} rows of {', '.join(self.names)}>"


cdef ColumnTable adopt_table(Table* table, tuple names, tuple dtypes):
    """Move a kernel's table into a Python object; `table` is empty afterwards."""
    cdef ColumnTable result = ColumnTable.__new__(ColumnTable)
    result.table = table[0]
    result.names = names
    result.dtypes = dtypes
    table.chunks = NULL
    table.row_count = table.row_capacity = table.chunk_count = table.chunk_slots = 0
    return result


cdef ColumnTable lend_table(object lender, Table* table, tuple names, tuple dtypes):
    """Show the rows that a world has written so far; rows written later do not appear. Keeps the world alive."""
    cdef ColumnTable result = ColumnTable.__new__(ColumnTable)
    cdef size_t size = <size_t>table.chunk_count * sizeof(char*)
    result.is_lent = True
    result.table = table[0]
    result.table.chunks = <char**>malloc(size + 1)
    if result.table.chunks == NULL:
        result.table.chunk_count = result.table.row_count = 0
        raise MemoryError("no memory to list the chunks of a table")
    if size:
        memcpy(result.table.chunks, table.chunks, size)
    result.names = names
    result.dtypes = dtypes
    result.lender = lender
    return result
