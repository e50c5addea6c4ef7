# Clearance: what follows the fills of a liquidation step: its row in the waterfall table, and the fee to the insurance fund (X-14, X-15).
#
# Stands on: health, settle. The fee is no more than what the unit has left.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.columns cimport *
from engine.native.health cimport *
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.orders cimport *
from engine.native.planted cimport *
from engine.native.payment cimport *
from engine.native.policy cimport *
from engine.native.recorder cimport *
from engine.native.risk cimport *
from engine.native.rows cimport *
from engine.native.state cimport *
from engine.native.unit cimport *
from engine.native.waterfall cimport *


cdef inline atoms_t fills_worth(State* state, Market* market, int64_t first, qty_t* lots) noexcept nogil:
    """What the fill rows from `first` on are worth, and how many lots they are."""
    cdef Table* fills = &state.pools.fills
    cdef atoms_t worth = 0
    cdef qty_t n
    cdef int64_t row
    lots[0] = 0
    for row in range(first, fills.row_count):
        n = (<int64_t*>table_cell(fills, row, FILL_QTY))[0]
        lots[0] += n
        worth = add_saturating(worth, notional_atoms(market, n, (<int32_t*>table_cell(fills, row, FILL_PRICE))[0]))
    return worth


# What a unit has left, in atoms of the asset that a market settles in, rounded down (X-14). O(1).
cdef inline atoms_t left_to_settle(State* state, Unit* unit, Market* market, atoms_t equity) noexcept nogil:
    cdef Collateral* row
    cdef Market* priced
    cdef atoms_t left = 0
    if account_at(&state.accounts, unit.account).mode != MODE_UNIFIED or market.settles == NIL:
        return equity
    row = collateral_at(&state.risk, market.settles)
    if row.market == NIL:
        return equity
    priced = market_at(state, row.market)
    if mul_div_floor(equity, priced.base_atoms_per_lot, notional_atoms(priced, 1, priced.index_ticks), &left):
        return MONEY_BOUND if equity > 0 else 0
    return left


# Pay the clearance fee on a step's fills, as far as the unit has it (X-14). O(1).
cdef inline void clearance_pay(State* state, uint32_t market_id, slot_t slot, atoms_t worth, atoms_t equity, int64_t fee_ppm, uint32_t cause) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef uint32_t asset = market_at(state, market_id).quote_asset, fund = fund_of(state, market_at(state, market_id).venue)
    cdef atoms_t fee = 0
    mul_div_ceil(abs64(worth), fee_ppm, 1000000, &fee)
    if not planted(SLIP_FEE_ABOVE_LEFT):
        fee = min64(fee, max64(0, left_to_settle(state, unit, market_at(state, market_id), equity)))
    if fee <= 0:
        return
    pay(state, unit.account, slot, fund, NIL, asset, fee, market_id, PAYMENT_CLEARANCE)
    note_waterfall(state, WATERFALL_CLEARANCE, market_id, asset, <int32_t>unit.account, <int32_t>fund, 0, fee, NULL, cause)


# A step's order in a perpetual has traded: fill rows from `first` on are settled. O(fills + markets of the account).
cdef inline outlined_int step_filled(State* state, uint32_t market_id, PlaceCommand* command, int64_t first) noexcept nogil:
    cdef slot_t slot = holding_at(&state.accounts, holding_find(&state.accounts, <uint32_t>command.owner, market_id)).unit
    cdef Policy* policy = policy_at(state, market_at(state, market_id).venue)
    cdef Market* market = market_at(state, market_id)
    cdef Health health
    cdef qty_t lots
    cdef atoms_t worth
    if policy.fee_ppm == 0 and not state.recorder.records_waterfall:
        return 0
    worth = fills_worth(state, market, first, &lots)
    if slot == NIL:                          # a backstop trades out
        note_waterfall(state, WATERFALL_FILLED, market_id, market.quote_asset, command.owner, -1, lots, worth, NULL, command.cause)
        return 0
    unit_health(state, slot, &health)
    note_waterfall(state, WATERFALL_FILLED, market_id, market.quote_asset, command.owner, -1, lots, worth, &health, command.cause)
    if policy.fee_ppm and health.is_known:
        clearance_pay(state, market_id, slot, worth, health.equity, policy.fee_ppm, command.cause)
    return 0
