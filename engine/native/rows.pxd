# Rows: the writers of the recorder's tables, each behind its switch.
#
# Stands on: state. A hook is one line in the code that acts: it asks a switch and, if the table is on, calls a writer, which
# reserves the row before it writes. Promises: nothing but tables changes; without memory the fault is latched.

from engine.native.types cimport *
from engine.native.arith cimport unlikely
from engine.native.book cimport *
from engine.native.columns cimport *
from engine.native.ladder cimport KEY_NONE, level_at
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.recorder cimport *
from engine.native.slab cimport *
from engine.native.state cimport *


cdef inline void put8(Table* table, int64_t row, int32_t column, int64_t value) noexcept nogil:
    (<int64_t*>table_cell(table, row, column))[0] = value


cdef inline void put4(Table* table, int64_t row, int32_t column, int64_t value) noexcept nogil:
    (<int32_t*>table_cell(table, row, column))[0] = <int32_t>value


cdef inline void put2(Table* table, int64_t row, int32_t column, int64_t value) noexcept nogil:
    (<uint16_t*>table_cell(table, row, column))[0] = <uint16_t>value


cdef inline void put1(Table* table, int64_t row, int32_t column, int64_t value) noexcept nogil:
    (<int8_t*>table_cell(table, row, column))[0] = <int8_t>value


cdef inline int64_t row_begin(State* state, Table* table) noexcept nogil:
    """The row to write, -1 without memory (latched). The row counts once its writer has raised row_count."""
    if table_reserve(table, 1):
        state.fault = FAULT_NO_MEMORY
        return -1
    return table.row_count


# ---- orders ----

cdef inline outlined_int write_order(State* state, uint8_t kind, uint32_t market, PlaceCommand* command, qty_t filled,
                                     qty_t leaves, int reason) noexcept nogil:
    cdef Table* table = &state.recorder.orders
    cdef int64_t row = row_begin(state, table)
    if row < 0:
        return 1
    put8(table, row, ORDER_TIME, state.now_ms)
    put8(table, row, ORDER_NUMBER, command.name)
    put8(table, row, ORDER_PRICE, NO_PRICE if command.order_type == TYPE_MARKET else command.price_ticks)
    put8(table, row, ORDER_QTY, command.qty_lots)
    put8(table, row, ORDER_FILLED, filled)
    put8(table, row, ORDER_LEAVES, leaves)
    put4(table, row, ORDER_ACCOUNT, command.owner)
    put4(table, row, ORDER_CAUSE, command.cause)
    put2(table, row, ORDER_MARKET, market)
    put1(table, row, ORDER_KIND, kind)
    put1(table, row, ORDER_SIDE, command.side)
    put1(table, row, ORDER_TYPE, command.order_type)
    put1(table, row, ORDER_TIF, command.time_in_force)
    put1(table, row, ORDER_REJECT, reason)
    table.row_count = row + 1


# An order was looked at on arrival: rejected, or matched. Cannot fail. O(1).
cdef inline void note_arrival(State* state, uint32_t market, PlaceCommand* command, int reason, qty_t filled, qty_t leaves) noexcept nogil:
    cdef PlaceCommand copy                   # a command whose address is given away could not stay in registers
    if unlikely(state.recorder.records_orders):
        copy = command[0]
        write_order(state, ORDER_ARRIVED, market, &copy, filled, leaves, reason)


cdef inline outlined_int write_removal(State* state, uint8_t kind, uint32_t market, int32_t account, int64_t number, int8_t side,
                                       int64_t price, qty_t lots, uint32_t cause) noexcept nogil:
    cdef PlaceCommand command
    command.name = number
    command.qty_lots = lots
    command.price_ticks = <price_t>price     # unused with TYPE_MARKET
    command.owner = account
    command.cause = cause
    command.side = side
    command.order_type = TYPE_LIMIT if price != NO_PRICE else TYPE_MARKET
    command.time_in_force = TIF_DEFAULT
    write_order(state, kind, market, &command, 0, 0, REJECT_NONE)


# A resting order is about to be taken off, or was just. Cannot fail. O(1).
cdef inline void note_cancel(State* state, uint32_t market, int32_t account, int64_t number, int8_t side, int64_t price, qty_t lots,
                             uint32_t cause) noexcept nogil:
    if unlikely(state.recorder.records_orders):
        write_removal(state, ORDER_CANCELLED, market, account, number, side, price, lots, cause)


cdef inline outlined_int write_miss(State* state, slot_t slot, uint32_t generation, uint32_t cause) noexcept nogil:
    cdef Order* order = order_at(&state.pools, slot)
    cdef OrderCold* cold = cold_at(&state.pools, slot)
    if cold.generation != generation:        # gone, and its slot may be another order's by now
        write_removal(state, ORDER_MISSED, NO_MARKET, NO_OWNER, -1, 0, NO_PRICE, 0, cause)
    else:                                    # in flight: the market and the lots stand where venue_send put them
        write_removal(state, ORDER_MISSED, order.level, order.owner, cold.id, SIDE_SELL if order.flags & ORDER_SELL else SIDE_BUY,
                      NO_PRICE if order.flags & ORDER_IS_MARKET else order.price_ticks, cold.word, cause)


# A cancel found no resting order (V-5). Cannot fail. O(1).
cdef inline void note_miss(State* state, slot_t slot, uint32_t generation, uint32_t cause) noexcept nogil:
    if unlikely(state.recorder.records_orders):
        write_miss(state, slot, generation, cause)


# ---- touch and last ----

cdef inline void write_price(State* state, uint32_t market, uint8_t kind, int64_t price, uint32_t cause) noexcept nogil:
    """One row of the prices table."""
    cdef Table* table = &state.prices
    cdef int64_t row = row_begin(state, table)
    if row < 0:
        return
    put8(table, row, PRICE_TIME, state.now_ms)
    put8(table, row, PRICE_TICKS, price)
    put4(table, row, PRICE_CAUSE, cause)
    put2(table, row, PRICE_MARKET, market)
    put1(table, row, PRICE_KIND, kind)
    table.row_count = row + 1


cdef inline void write_quote(State* state, uint32_t market, TouchSeen* now, uint32_t cause) noexcept nogil:
    cdef Table* table = &state.recorder.quotes
    cdef int64_t row = row_begin(state, table)
    if row < 0:
        return
    put8(table, row, QUOTE_TIME, state.now_ms)
    put8(table, row, QUOTE_BID, now.bid_ticks)
    put8(table, row, QUOTE_BID_LOTS, now.bid_lots)
    put8(table, row, QUOTE_ASK, now.ask_ticks)
    put8(table, row, QUOTE_ASK_LOTS, now.ask_lots)
    put4(table, row, QUOTE_CAUSE, cause)
    put2(table, row, QUOTE_MARKET, market)
    table.row_count = row + 1


cdef inline TouchSeen* touch_seen(State* state, uint32_t market) noexcept nogil:
    """What the last rows of a market said; NULL without memory (latched)."""
    cdef Slab* seen = &state.recorder.seen
    cdef TouchSeen* row
    if market >= seen.count:
        if slab_reserve(seen, state.markets.count - seen.count):
            state.fault = FAULT_NO_MEMORY
            return NULL
        while seen.count < state.markets.count:
            row = <TouchSeen*>slab_at(seen, slab_take(seen))
            row.bid_ticks = row.ask_ticks = row.last_ticks = NO_PRICE
            row.bid_lots = row.ask_lots = 0
    return <TouchSeen*>(seen.base) + market


cdef inline qty_t best_lots(State* state, Market* market, int side) noexcept nogil:
    if market.book.ladder[side].best_key == KEY_NONE:
        return 0
    return level_at(&state.pools.ladders, market.book.ladder[side].best_level).qty_lots


cdef inline outlined_int write_touch(State* state, uint32_t market_id, uint32_t cause) noexcept nogil:
    cdef Market* market = market_at(state, market_id)
    cdef TouchSeen* seen = touch_seen(state, market_id)
    cdef TouchSeen now
    cdef bint moved, resized
    if seen == NULL:
        return 1
    now.bid_ticks = book_best(&market.book, 0)
    now.ask_ticks = book_best(&market.book, 1)
    now.bid_lots = best_lots(state, market, 0)
    now.ask_lots = best_lots(state, market, 1)
    now.last_ticks = market.book.last_price
    moved = now.bid_ticks != seen.bid_ticks or now.ask_ticks != seen.ask_ticks
    resized = now.bid_lots != seen.bid_lots or now.ask_lots != seen.ask_lots
    if state.recorder.touch & TOUCH_LAST and now.last_ticks != seen.last_ticks:
        write_price(state, market_id, PRICE_OF_LAST, now.last_ticks, cause)
    if (state.recorder.touch & (TOUCH_PRICES | TOUCH_LOTS) and moved) or (state.recorder.touch & TOUCH_LOTS and resized):
        write_quote(state, market_id, &now, cause)
    seen[0] = now


# A command has changed a book, or may have. Cannot fail. O(1).
cdef inline void note_book(State* state, uint32_t market, uint32_t cause) noexcept nogil:
    if unlikely(state.recorder.touch != 0):
        write_touch(state, market, cause)


# ---- movements ----

cdef inline outlined_int write_movement(State* state, uint8_t kind, uint32_t market, int32_t payer, int32_t receiver, uint32_t asset,
                                        atoms_t atoms) noexcept nogil:
    cdef Table* table = &state.recorder.movements
    cdef int64_t row
    if atoms == 0:
        return 0
    if atoms < 0:                            # a row says who pays
        payer, receiver = receiver, payer
        atoms = -atoms
    row = row_begin(state, table)
    if row < 0:
        return 1
    put8(table, row, MOVEMENT_TIME, state.now_ms)
    put8(table, row, MOVEMENT_ATOMS, atoms)
    put4(table, row, MOVEMENT_PAYER, payer)
    put4(table, row, MOVEMENT_RECEIVER, receiver)
    put2(table, row, MOVEMENT_ASSET, asset)
    put2(table, row, MOVEMENT_MARKET, market)
    put1(table, row, MOVEMENT_WHY, kind)
    table.row_count = row + 1


# Atoms moved, or are about to. Cannot fail. O(1).
cdef inline void note_movement(State* state, uint8_t kind, uint32_t market, int32_t payer, int32_t receiver, uint32_t asset,
                               atoms_t atoms) noexcept nogil:
    if unlikely(state.recorder.records_movements):
        write_movement(state, kind, market, payer, receiver, asset, atoms)


# Move atoms between two accounts and note why. Needs what ledger_move needs. Cannot fail. O(1).
cdef inline void move_atoms(State* state, uint8_t kind, uint32_t market, uint32_t payer, uint32_t receiver, uint32_t asset,
                            atoms_t atoms) noexcept nogil:
    ledger_move(&state.ledger, payer, receiver, asset, atoms)
    note_movement(state, kind, market, <int32_t>payer, <int32_t>receiver, asset, atoms)


cdef inline void note_realised(State* state, uint32_t market, uint32_t account, uint32_t asset, atoms_t atoms) noexcept nogil:
    """Realised PnL went from the market's clearing account to an account, or back if it is negative."""
    note_movement(state, MOVEMENT_OPENING if state.recorder.is_opening else MOVEMENT_REALISED, market, CLEARING,
                  <int32_t>account, asset, atoms)
