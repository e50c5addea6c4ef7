# World, lineage: the slabs of landmarks and causes copied into tables of columns.

cdef tuple LANDMARK_NAMES = ("id", "time_ms", "kind", "market", "number", "account", "parent", "generation", "value",
                             "mover_time_ms", "mover_kind", "mover_account", "mover_number", "mover_cause")
cdef tuple LANDMARK_DTYPES = ("u4", "i8", "u1", "u2", "u4", "i4", "u4", "u4", "i8", "i8", "u1", "i4", "i8", "u4")
cdef tuple CAUSE_NAMES = ("child", "parent", "weight_ppm")
cdef tuple CAUSE_DTYPES = ("u4", "u4", "u4")
cdef uint8_t LANDMARK_WIDTHS[14]
LANDMARK_WIDTHS[:] = [4, 8, 1, 2, 4, 4, 4, 4, 8, 8, 1, 4, 8, 4]
cdef uint8_t CAUSE_WIDTHS[3]
CAUSE_WIDTHS[:] = [4, 4, 4]


cdef int open_table(Table* table, const uint8_t* widths, int32_t column_count, int64_t rows) except -1:
    """Make a table with room for its rows in one chunk, so that its columns are views."""
    cdef uint32_t shift = 6
    while (<int64_t>1 << shift) < rows:
        shift += 1
    table_init(table, widths, column_count, shift)
    if table_reserve(table, rows):
        table_release(table)
        raise MemoryError("no memory to copy the lineage")
    table.row_count = rows
    return 0


cdef void write_landmark(Table* table, int64_t row, Landmark* landmark) noexcept nogil:
    """Write one landmark; the mover's cells are 0, its account -1, where it has none."""
    cdef Mover* mover = &landmark.mover
    cdef bint is_moved = mover.kind != MOVER_NONE
    (<uint32_t*>table_cell(table, row, 0))[0] = <uint32_t>row
    (<int64_t*>table_cell(table, row, 1))[0] = landmark.time_ms
    (<uint8_t*>table_cell(table, row, 2))[0] = <uint8_t>landmark.kind
    (<uint16_t*>table_cell(table, row, 3))[0] = landmark.market
    (<uint32_t*>table_cell(table, row, 4))[0] = landmark.number
    (<int32_t*>table_cell(table, row, 5))[0] = landmark.account
    (<uint32_t*>table_cell(table, row, 6))[0] = landmark.parent
    (<uint32_t*>table_cell(table, row, 7))[0] = landmark.generation
    (<int64_t*>table_cell(table, row, 8))[0] = landmark.value
    (<int64_t*>table_cell(table, row, 9))[0] = mover.time_ms if is_moved else 0
    (<uint8_t*>table_cell(table, row, 10))[0] = <uint8_t>mover.kind
    (<int32_t*>table_cell(table, row, 11))[0] = mover.account if is_moved else -1
    (<int64_t*>table_cell(table, row, 12))[0] = mover.number if is_moved else 0
    (<uint32_t*>table_cell(table, row, 13))[0] = mover.cause if is_moved else 0


cdef ColumnTable landmark_table(Lineage* lineage):
    """Copy the landmarks. O(landmarks)."""
    cdef Table table
    cdef int64_t row
    open_table(&table, LANDMARK_WIDTHS, 14, lineage.landmarks.count)
    for row in range(table.row_count):
        write_landmark(&table, row, landmark_at(lineage, <uint32_t>row))
    return adopt_table(&table, LANDMARK_NAMES, LANDMARK_DTYPES)


cdef ColumnTable cause_table(Lineage* lineage):
    """Copy the rows of the causes table. O(rows)."""
    cdef Table table
    cdef int64_t row
    cdef CauseRow* cause
    open_table(&table, CAUSE_WIDTHS, 3, lineage.causes.count)
    for row in range(table.row_count):
        cause = <CauseRow*>slab_at(&lineage.causes, <slot_t>row)
        (<uint32_t*>table_cell(&table, row, 0))[0] = cause.child
        (<uint32_t*>table_cell(&table, row, 1))[0] = cause.parent
        (<uint32_t*>table_cell(&table, row, 2))[0] = cause.weight_ppm
    return adopt_table(&table, CAUSE_NAMES, CAUSE_DTYPES)
