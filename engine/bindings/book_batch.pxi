# The columns of a batch: checked, held, handed to the kernel as addresses.

from engine.native.batch cimport *

cdef int64_t _NOTHING = 0


cdef dict _COMMAND_COLUMNS = {
    "kind": "uint8", "side": "int8", "price_ticks": "int32", "qty_lots": "int64", "order_type": "uint8",
    "time_in_force": "uint8", "owner": "int32", "slot_id": "int32", "order_id": "int64", "handle": "int64",
    "flags": "uint8", "self_trade_prevention": "uint8", "display_lots": "int64", "stop_ticks": "int32", "time_ms": "int64",
}


cdef class CommandBatch:
    """The checked columns of one batch."""

    cdef CommandColumns rows
    cdef uint32_t naming
    cdef list held

    cdef const void* column(self, object commands, str name, bint required) except? NULL:
        cdef Column column
        if name not in commands:
            if required:
                raise bad_input(name, f"a column of {_COMMAND_COLUMNS[name]}", "nothing")
            return NULL
        column = border_column(commands[name], name, _COMMAND_COLUMNS[name], self.rows.count)
        self.held.append(column)
        self.rows.count = column.length
        # an empty column may have no address, and NULL means that the column was left out
        return column.data if column.data != NULL else <const void*>&_NOTHING

    cdef int hold(self, object commands) except -1:
        self.held = []
        self.rows.count = -1
        if not hasattr(commands, "keys"):
            raise bad_input("commands", "a mapping from column names to arrays", type(commands).__name__)
        names = list(commands.keys())
        for name in names:
            if name not in _COMMAND_COLUMNS:
                raise bad_input(str(name), "one of the columns " + ", ".join(_COMMAND_COLUMNS), "an unknown column")
        naming = [name for name in ("slot_id", "order_id", "handle") if name in commands]
        if len(naming) > 1:
            raise bad_input(naming[1], "at most one of slot_id, order_id, handle", f"a column beside {naming[0]}")
        self.rows.kind = <const uint8_t*>self.column(commands, "kind", True)
        self.rows.side = <const int8_t*>self.column(commands, "side", True)
        self.rows.price_ticks = <const int32_t*>self.column(commands, "price_ticks", True)
        self.rows.qty_lots = <const int64_t*>self.column(commands, "qty_lots", True)
        self.rows.order_type = <const uint8_t*>self.column(commands, "order_type", False)
        self.rows.time_in_force = <const uint8_t*>self.column(commands, "time_in_force", False)
        self.rows.owner = <const int32_t*>self.column(commands, "owner", False)
        self.rows.slot_id = <const int32_t*>self.column(commands, "slot_id", False)
        self.rows.order_id = <const int64_t*>self.column(commands, "order_id", False)
        self.rows.handle = <const int64_t*>self.column(commands, "handle", False)
        self.rows.flags = <const uint8_t*>self.column(commands, "flags", False)
        self.rows.self_trade = <const uint8_t*>self.column(commands, "self_trade_prevention", False)
        self.rows.display_lots = <const int64_t*>self.column(commands, "display_lots", False)
        self.rows.stop_ticks = <const int32_t*>self.column(commands, "stop_ticks", False)
        self.rows.time_ms = <const int64_t*>self.column(commands, "time_ms", False)
        self.rows.has_features = self.rows.flags != NULL or self.rows.self_trade != NULL or self.rows.display_lots != NULL
        if self.rows.count > 0x7FFFFFFF:
            raise bad_input("commands", "at most 2**31 - 1 rows", self.rows.count)
        self.naming = NAMED_HANDLE
        if "slot_id" in commands:
            self.naming = NAMED_SLOT
        elif "order_id" in commands:
            self.naming = NAMED_ORDER_ID
        return 0
