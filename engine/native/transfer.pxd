# Transfer: a position that a venue moves from one account to another, outside the book (L-14, X-8, X-11).
#
#   giver: closes n lots at v ---- n lots ----> receiver: closes the other side first, opens the rest
#
# Stands on: venue. Promises: positions and costs of the market still sum to 0 with its clearing (L-7);
# the journal has a row of it, whoever is met looks at its margin in the same event (E-4), keeps its reduce-only orders within its
# position, and is told.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.arming cimport *
from engine.native.book cimport NO_PRICE
from engine.native.isolated cimport *
from engine.native.ledger cimport *
from engine.native.margin_sums cimport sums_traded
from engine.native.market cimport *
from engine.native.payment cimport *
from engine.native.planted cimport *
from engine.native.recorder cimport *
from engine.native.risk cimport *
from engine.native.rows cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *
from engine.native.venue cimport *


cdef inline void realise(State* state, uint32_t market_id, Holding* holding, atoms_t realised) noexcept nogil:
    """Realised PnL of a transfer, between clearing and whoever holds it."""
    cdef Market* market = market_at(state, market_id)
    cdef Unit* unit = unit_of_state(state, holding.unit) if holding.unit != NIL else NULL
    market.clearing -= realised
    if unit != NULL and unit.holding != NIL:
        unit.margin_atoms += realised
    else:
        balance_at(&state.ledger, holding.account, market.quote_asset).atoms += realised
    note_movement(state, MOVEMENT_TRANSFER, market_id, CLEARING, <int32_t>holding.account, market.quote_asset, realised)


cdef inline void transfer_give(State* state, uint32_t market_id, slot_t slot, int sign, qty_t lots, atoms_t value) noexcept nogil:
    """The giver closes lots of its position at a value. An isolated one keeps its margin until it is flat."""
    cdef Holding* holding = holding_at(&state.accounts, slot)
    cdef Unit* unit = unit_of_state(state, holding.unit) if holding.unit != NIL else NULL
    cdef atoms_t released = 0
    mul_div_ceil(holding.cost_atoms, lots, abs64(holding.position_lots), &released)
    holding.cost_atoms -= released
    position_change(market_at(state, market_id), holding, -sign * lots)
    realise(state, market_id, holding, value - released)
    if unit != NULL and unit.holding != NIL and unit.margin_atoms > 0 and (holding.position_lots == 0 or planted(SLIP_MARGIN_RELEASED_EARLY)):
        isolated_move(state, unit, -unit.margin_atoms)


cdef inline void transfer_take(State* state, uint32_t market_id, slot_t slot, int sign, qty_t lots, atoms_t value) noexcept nogil:
    """The receiver closes what it holds on the other side, and opens the rest."""
    cdef Market* market = market_at(state, market_id)
    cdef Holding* holding = holding_at(&state.accounts, slot)
    cdef qty_t before = holding.position_lots, closing = 0
    cdef atoms_t released = 0, part = 0
    if before and (before > 0) != (sign > 0):
        closing = min64(lots, abs64(before))
        mul_div_ceil(holding.cost_atoms, closing, abs64(before), &released)
        mul_div_floor(value, closing, lots, &part)
        if planted(SLIP_TAKEN_PART_ROUNDED_UP):
            mul_div_ceil(value, closing, lots, &part)
        holding.cost_atoms -= released
        position_change(market, holding, sign * closing)
        realise(state, market_id, holding, -part - released)
    position_change(market, holding, sign * (lots - closing))
    holding.cost_atoms += value - part
    if holding.unit != NIL and unit_of_state(state, holding.unit).holding != NIL:
        isolated_settle(state, market, unit_of_state(state, holding.unit), before, 0)


cdef inline void transfer_tell(State* state, uint32_t market_id, slot_t slot, int8_t side, qty_t lots, int64_t price, uint32_t cause, uint8_t why) noexcept nogil:
    cdef Holding* holding = holding_at(&state.accounts, slot)
    tell(state, HEARS_FILLS | HEARS_TRANSFERS, NOTICE_TRANSFER, holding.account, market_id, NIL, 0, 0, side, price, lots, 0, cause, why)


# Move `lots` of a position, whose sign is `sign`, from one holding to another at a value (L-14). The receiver opens only where its holding
# has no unit, a backstop's. Cannot fail. O(markets and orders of the receiver).
cdef inline outlined_int transfer(State* state, uint32_t market_id, slot_t giver, slot_t receiver, int sign, qty_t lots, atoms_t value, uint32_t cause, uint8_t why) noexcept nogil:
    cdef uint32_t account = holding_at(&state.accounts, receiver).account, unit = holding_at(&state.accounts, receiver).unit
    cdef Market* market = market_at(state, market_id)
    cdef int64_t price = 0, worth
    transfer_give(state, market_id, giver, sign, lots, value)
    transfer_take(state, market_id, receiver, sign, lots, value)
    if holding_at(&state.accounts, giver).unit != NIL:
        sums_traded(state, unit_of_state(state, holding_at(&state.accounts, giver).unit), holding_at(&state.accounts, giver))
    if unit != NIL:
        sums_traded(state, unit_of_state(state, unit), holding_at(&state.accounts, receiver))
    venue_journal(state, JOURNAL_TRANSFER, market_id, <int32_t>holding_at(&state.accounts, giver).account, account, <int8_t>sign, why, 0, value, lots)
    if not mul_overflows(lots, market.atoms_per_tick_lot, &worth) and worth > 0:
        price = min64(floor_div(abs64(value), worth), 2147483647)
    transfer_tell(state, market_id, giver, -sign, lots, price, cause, why)
    transfer_tell(state, market_id, receiver, sign, lots, price, cause, why)
    if unit == NIL:
        return 0
    unit_wrote(state, unit)
    account_defund(state, account, market.quote_asset, market_id, cause)
    venue_trim(state, account, market_id, cause)
    return 0
