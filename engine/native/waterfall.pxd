# Waterfall: the writer of the waterfall table, behind its switch (X-15).
#
# Stands on: health, rows. Promises: nothing but the table changes; without memory the fault is latched.

from engine.native.types cimport *
from engine.native.arith cimport unlikely
from engine.native.book cimport NO_PRICE
from engine.native.columns cimport *
from engine.native.health cimport Health
from engine.native.recorder cimport *
from engine.native.rows cimport *
from engine.native.state cimport *

cdef inline outlined_int write_waterfall(State* state, uint8_t kind, uint32_t market, uint32_t asset, int32_t account, int32_t counterparty,
                                         qty_t lots, atoms_t atoms, Health* health, uint32_t landmark) noexcept nogil:
    cdef Table* table = &state.recorder.waterfall
    cdef int64_t row = row_begin(state, table)
    if row < 0:
        return 1
    put8(table, row, WATERFALL_TIME, state.now_ms)
    put8(table, row, WATERFALL_LOTS, lots)
    put8(table, row, WATERFALL_ATOMS, atoms)
    put8(table, row, WATERFALL_MARK, market_at(state, market).mark_ticks if market != NO_MARKET else NO_PRICE)
    put8(table, row, WATERFALL_EQUITY, health.equity if health != NULL else 0)
    put8(table, row, WATERFALL_REQUIREMENT, health.requirement if health != NULL else 0)
    put8(table, row, WATERFALL_NOTIONAL, health.notional if health != NULL else 0)
    put4(table, row, WATERFALL_ACCOUNT, account)
    put4(table, row, WATERFALL_COUNTERPARTY, counterparty)
    put4(table, row, WATERFALL_LANDMARK, landmark)
    put2(table, row, WATERFALL_MARKET, market)
    put2(table, row, WATERFALL_ASSET, asset)
    put1(table, row, WATERFALL_KIND, kind)
    table.row_count = row + 1


# Something happened in the waterfall (X-15). `health`: of the account's unit, NULL where it is not said. Cannot fail. O(1).
cdef inline void note_waterfall(State* state, uint8_t kind, uint32_t market, uint32_t asset, int32_t account, int32_t counterparty,
                                qty_t lots, atoms_t atoms, Health* health, uint32_t landmark) noexcept nogil:
    if unlikely(state.recorder.records_waterfall):
        write_waterfall(state, kind, market, asset, account, counterparty, lots, atoms, health, landmark)
