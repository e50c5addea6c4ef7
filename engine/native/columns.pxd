# Table: rows kept as columns, in a list of equal chunks.
#
#   chunk 0: [col 0: chunk_rows x width0][col 1: ...]     chunk 1: [ ... ]     row r lives in chunk r >> shift
#
# Stands on: types, arith. Promises: adding a chunk moves nothing, so a view of a finished chunk stays valid while
# its table keeps it; a reserved row cannot fail; writers never look back beyond the chunk that they fill. With the shift chosen large enough a table is one chunk and its
# columns are plain contiguous arrays.

from libc.stdlib cimport free, malloc, realloc

from engine.native.types cimport *

cdef enum:
    TABLE_COLUMNS_MAX = 24

cdef struct Table:
    char** chunks                          # chunk_count blocks
    int64_t row_count                      # rows written
    int64_t row_capacity                   # rows that fit into the chunks there are
    int64_t chunk_count
    int64_t chunk_slots                    # length of the pointer array
    int64_t spilled_count                  # chunks 0 .. spilled_count - 1 were taken away: their pointers are NULL
    uint32_t shift                         # log2 of the rows of a chunk
    uint32_t row_bytes                     # sum of the widths
    int32_t column_count
    uint32_t width[TABLE_COLUMNS_MAX]      # bytes of a cell: 1, 2, 4 or 8
    uint32_t before[TABLE_COLUMNS_MAX]     # sum of the widths of the columns before


cdef inline void table_init(Table* table, const uint8_t* widths, int32_t column_count, uint32_t shift) noexcept nogil:
    """Make an empty table without memory. Cannot fail."""
    cdef int32_t c
    table.chunks = NULL
    table.row_count = table.row_capacity = table.chunk_count = table.chunk_slots = table.spilled_count = 0
    table.shift = shift
    table.row_bytes = 0
    table.column_count = column_count
    for c in range(column_count):
        table.width[c] = widths[c]
        table.before[c] = table.row_bytes
        table.row_bytes += widths[c]


cdef inline void forget_table(Table* table) noexcept nogil:
    """Make a table own nothing: its chunks are somebody else's now."""
    table.chunks = NULL
    table.row_count = table.row_capacity = table.chunk_count = table.chunk_slots = table.spilled_count = 0


cdef inline void table_release(Table* table) noexcept nogil:
    cdef int64_t i
    for i in range(table.chunk_count):
        free(table.chunks[i])
    free(table.chunks)
    forget_table(table)


cdef inline outlined_int table_add_chunks(Table* table, int64_t rows) noexcept nogil:
    """Add chunks until `rows` more rows fit. 0 if done, 1 if there is no memory (rows so far unharmed)."""
    cdef char* chunk
    cdef char** chunks
    cdef int64_t slots
    while table.row_capacity - table.row_count < rows:
        if table.chunk_count == table.chunk_slots:
            slots = table.chunk_slots * 2 if table.chunk_slots else 8
            chunks = <char**>realloc(table.chunks, <size_t>slots * sizeof(char*))
            if chunks == NULL:
                return 1
            table.chunks = chunks
            table.chunk_slots = slots
        chunk = <char*>malloc((<size_t>table.row_bytes) << table.shift)
        if chunk == NULL:
            return 1
        table.chunks[table.chunk_count] = chunk
        table.chunk_count += 1
        table.row_capacity += (<int64_t>1) << table.shift
    return 0


cdef inline bint table_reserve(Table* table, int64_t rows) noexcept nogil:
    """Make sure that `rows` more rows can be written. 0 if so, 1 if there is no memory. O(1) amortised."""
    if table.row_capacity - table.row_count >= rows:
        return 0
    return table_add_chunks(table, rows)


cdef inline int64_t table_full_chunks(Table* table) noexcept nogil:
    """Chunks in memory that no row will be written to any more."""
    return (table.row_count >> table.shift) - table.spilled_count


# Take the oldest full chunk out of a table; the caller frees it. Its rows keep their numbers and are read no more here.
# Needs: table_full_chunks > 0. Cannot fail. O(1).
cdef inline char* table_spill_chunk(Table* table) noexcept nogil:
    cdef char* chunk = table.chunks[table.spilled_count]
    table.chunks[table.spilled_count] = NULL
    table.spilled_count += 1
    return chunk


# Address of cell (row, column). Needs row < row_capacity, in a chunk that was not spilled. Cannot fail. O(1).
cdef inline char* table_cell(Table* table, int64_t row, int32_t column) noexcept nogil:
    cdef char* chunk = table.chunks[row >> table.shift]
    cdef size_t within = <size_t>(row & (((<int64_t>1) << table.shift) - 1))
    return chunk + ((<size_t>table.before[column]) << table.shift) + within * table.width[column]
