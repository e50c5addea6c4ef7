# What commands give back: a result per scalar call, tables per batch.

from engine.native.book cimport *
from engine.native.columns cimport *
from engine.native.orders cimport *

cdef uint8_t FILL_WIDTHS[FILL_COLUMNS]
FILL_WIDTHS[:] = [4, 8, 8, 4, 8, 4, 4]
cdef uint8_t REJECTED_WIDTHS[2]
REJECTED_WIDTHS[:] = [4, 1]
cdef uint8_t CANCELLED_WIDTHS[CANCELLED_COLUMNS]
CANCELLED_WIDTHS[:] = [4, 8, 4, 8, 1]
cdef uint8_t TRIGGERED_WIDTHS[TRIGGERED_COLUMNS]
TRIGGERED_WIDTHS[:] = [4, 8, 4, 4, 1]
cdef tuple FILL_NAMES = ("command", "maker_id", "taker_id", "price_ticks", "qty_lots", "maker_owner", "taker_owner")
cdef tuple FILL_DTYPES = ("i4", "i8", "i8", "i4", "i8", "i4", "i4")
cdef tuple REJECTED_NAMES = ("command", "reason")
cdef tuple REJECTED_DTYPES = ("i4", "u1")
cdef tuple CANCELLED_NAMES = ("command", "id", "owner", "qty_lots", "reason")
cdef tuple CANCELLED_DTYPES = ("i4", "i8", "i4", "i8", "u1")
cdef tuple TRIGGERED_NAMES = ("command", "id", "owner", "stop_ticks", "reject_reason")
cdef tuple TRIGGERED_DTYPES = ("i4", "i8", "i4", "i4", "u1")

cdef enum:
    SCALAR_SHIFT = 10        # rows of a chunk of the scalar calls' tables
    SINGLE_CHUNK_SHIFT = 19  # a batch's fills stay one chunk up to 2^19 rows: 21 MB, which malloc gives out again with its pages


@cython.final
@cython.freelist(64)
cdef class OrderResult:
    """What one command did.

    Attributes
    ----------
    id : int
        The name that stands in fills: slot_id, order_id or the engine's handle (-1 when a place without a name was rejected).
    filled_lots, leaves_lots, cancelled_lots : int
        Lots traded as taker, open now (resting, hidden or waiting), and gone without trading; they sum to the command's quantity
        (place, replace).
    reject_reason : int
        A `RejectReason`; 0 when the command was accepted. A rejected command changed nothing.
    """

    cdef readonly int64_t id
    cdef readonly int64_t filled_lots
    cdef readonly int64_t leaves_lots
    cdef readonly int64_t cancelled_lots
    cdef readonly int reject_reason

    @property
    def accepted(self):
        """Whether the command took effect."""
        return self.reject_reason == 0

    def __repr__(self):
        return (f"OrderResult(id={self.id}, filled_lots={self.filled_lots}, leaves_lots={self.leaves_lots}, "
                f"cancelled_lots={self.cancelled_lots}, reject_reason={self.reject_reason})")


cdef inline OrderResult order_result(int64_t name, int reason, Outcome* out):
    cdef OrderResult result = OrderResult.__new__(OrderResult)
    result.reject_reason = reason
    if reason == REJECT_NONE:
        result.id = out.id
        result.filled_lots = out.filled_lots
        result.leaves_lots = out.leaves_lots
        result.cancelled_lots = out.cancelled_lots
    else:
        result.id = name
    return result


@cython.final
cdef class ApplyResult:
    """What a batch did.

    Attributes
    ----------
    accepted_count : int
        Commands that took effect.
    fills : ColumnTable
        ``command`` (int32 row of the batch), ``maker_id``, ``taker_id`` (int64 names), ``price_ticks`` (int32), ``qty_lots``
        (int64), ``maker_owner``, ``taker_owner`` (int32), in order of execution.
    rejects : ColumnTable
        ``command`` (int32), ``reason`` (uint8, a `RejectReason`), in order.
    cancels : ColumnTable
        Lots that left without trading and were not named by their row (rule M-33): ``command`` (int32), ``id`` (int64), ``owner`` (int32),
        ``qty_lots`` (int64), ``reason`` (uint8, a `CancelReason`), in order.
    triggers : ColumnTable
        Stops that fired and ran (rule M-25): ``command`` (int32), ``id`` (int64), ``owner`` (int32), ``stop_ticks`` (int32), ``reject_reason``
        (uint8), in order.
    """

    cdef readonly int64_t accepted_count
    cdef readonly ColumnTable fills
    cdef readonly ColumnTable rejects
    cdef readonly ColumnTable cancels
    cdef readonly ColumnTable triggers

    def __repr__(self):
        return (f"ApplyResult(accepted_count={self.accepted_count}, fills={len(self.fills)}, rejects={len(self.rejects)}, "
                f"cancels={len(self.cancels)}, triggers={len(self.triggers)})")


cdef list fill_rows(Table* table):
    return [
        _fill_record((
            (<int64_t*>table_cell(table, row, FILL_MAKER))[0],
            (<int64_t*>table_cell(table, row, FILL_TAKER))[0],
            (<int32_t*>table_cell(table, row, FILL_PRICE))[0],
            (<int64_t*>table_cell(table, row, FILL_QTY))[0],
            (<int32_t*>table_cell(table, row, FILL_MAKER_OWNER))[0],
            (<int32_t*>table_cell(table, row, FILL_TAKER_OWNER))[0],
        ))
        for row in range(table.row_count)
    ]


cdef list cancel_rows(Table* table):
    return [
        _cancel_record((
            (<int64_t*>table_cell(table, row, CANCELLED_ID))[0],
            (<int32_t*>table_cell(table, row, CANCELLED_OWNER))[0],
            (<int64_t*>table_cell(table, row, CANCELLED_QTY))[0],
            (<uint8_t*>table_cell(table, row, CANCELLED_REASON))[0],
        ))
        for row in range(table.row_count)
    ]


cdef list trigger_rows(Table* table):
    return [
        _trigger_record((
            (<int64_t*>table_cell(table, row, TRIGGERED_ID))[0],
            (<int32_t*>table_cell(table, row, TRIGGERED_OWNER))[0],
            (<int32_t*>table_cell(table, row, TRIGGERED_STOP))[0],
            (<uint8_t*>table_cell(table, row, TRIGGERED_REASON))[0],
        ))
        for row in range(table.row_count)
    ]
