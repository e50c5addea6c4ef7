# Backstop: an account that has taken positions over trades out of them, and is looked at when their marks are published (X-9).
#
#   unwinds: every unwind_ms, phase 5 -> one limit order, immediate-or-cancel, that its balance can pay for
#   mark published -> phase 6: worth below under_atoms? -> relief by ADL (phase 7)
#
# Stands on: takeover. Promises: a backstop's own orders cannot bring its balance below 0.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.bankruptcy cimport *
from engine.native.book cimport NO_PRICE
from engine.native.health cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.policy cimport *
from engine.native.recorder cimport *
from engine.native.shortfall cimport *
from engine.native.stage cimport *
from engine.native.state cimport *
from engine.native.takeover cimport *
from engine.native.venue cimport *
from engine.native.waterfall cimport *


# The backstop's position with the largest notional at mark; *is_flat: it has none. NIL if none has a mark. O(markets of the backstop).
cdef inline slot_t backstop_largest(State* state, uint32_t account, bint* is_flat) noexcept nogil:
    cdef slot_t slot = account_at(&state.accounts, account).holdings, largest = NIL
    cdef Holding* holding
    cdef Market* market
    cdef atoms_t most = -1, worth
    is_flat[0] = 1
    while slot != NIL:
        holding = holding_at(&state.accounts, slot)
        market = market_at(state, holding.market)
        if holding.position_lots:
            is_flat[0] = 0
            if is_fresh(state, market, market.mark_ticks, market.mark_ms):
                worth = notional_atoms(market, abs64(holding.position_lots), market.mark_ticks)
                if worth > most:
                    most = worth
                    largest = slot
        slot = holding.next_of_account
    return largest


# Lots that a backstop's balance can pay for, if all of them trade at the limit and pay their fees (X-9). O(1).
cdef inline qty_t lots_affordable(State* state, Holding* holding, int64_t limit, qty_t lots) noexcept nogil:
    cdef Market* market = market_at(state, holding.market)
    cdef atoms_t worth = notional_atoms(market, 1, limit), loss, fee = 0
    cdef qty_t held = abs64(holding.position_lots)
    if holding.position_lots > 0:
        loss = ceil_div(holding.cost_atoms, held) - worth
    else:
        loss = worth - floor_div(-holding.cost_atoms, held)
    mul_div_ceil(abs64(worth), market.taker_fee_ppm, 1000000, &fee)
    loss = add_saturating(loss, fee)
    if loss <= 0 or planted(SLIP_UNWIND_NOT_CUT):
        return lots
    return min64(lots, floor_div(max64(0, balance_at(&state.ledger, holding.account, market.quote_asset).atoms), loss))


# One step of a backstop's way out (phase 5). O(its markets).
cdef inline outlined_int backstop_unwinds(State* state, uint32_t venue) noexcept nogil:
    cdef Policy* policy = policy_at(state, venue)
    cdef uint32_t account = backstop_of(state, venue), step
    cdef Holding* holding
    cdef bint is_flat, sells
    cdef slot_t slot = backstop_largest(state, account, &is_flat)
    cdef qty_t lots = 0
    cdef int64_t limit
    if is_flat:
        venue_at(state, venue).unwinds = 0
        return 0
    venue_schedule(state, state.now_ms + policy.unwind_ms, PHASE_LIQUIDATION, EVENT_UNWIND, venue, 0, 0)
    if slot == NIL or is_halted(state, market_at(state, holding_at(&state.accounts, slot).market)):
        return 0
    holding = holding_at(&state.accounts, slot)
    sells = holding.position_lots > 0
    limit = band_limit(market_at(state, holding.market), sells, policy.unwind_band_ppm)
    mul_div_ceil(abs64(holding.position_lots), policy.unwind_ppm, 1000000, &lots)
    lots = lots_affordable(state, holding, limit, min64(lots, market_at(state, holding.market).book.qty_max))
    if lots < 1:
        return 0
    step = venue_landmark(state, LANDMARK_STEP, holding.market, <int32_t>account, venue_at(state, venue).taken, lots)
    note_waterfall(state, WATERFALL_STEP, holding.market, market_at(state, holding.market).quote_asset, <int32_t>account, -1, lots, 0, NULL, step)
    venue_send(state, account, holding.market, SIDE_SELL if sells else SIDE_BUY, ORDER_IS_IOC | ORDER_OF_ENGINE, <price_t>limit, lots,
               state.now_ms, step)
    return 0


# Is a backstop worth enough in each asset that its positions settle in? (phase 6). O(markets of the backstop x assets).
cdef inline outlined_int backstop_check(State* state, uint32_t venue) noexcept nogil:
    cdef uint32_t account = backstop_of(state, venue), asset
    cdef bint is_known
    venue_at(state, venue).is_looked_at = 0
    for asset in range(state.ledger.assets.count):
        if account_is_flat(state, account, asset):
            shortfall_cover(state, account, NIL, asset, venue_at(state, venue).taken_market, account != fund_of(state, venue), venue_at(state, venue).taken)
            continue
        backstop_settles(state, venue, asset, venue_at(state, venue).taken)
        is_known = 1
        if asset_net(state, account, asset, &is_known) < policy_at(state, venue).under_atoms and is_known:
            venue_schedule(state, state.now_ms, PHASE_ADL, EVENT_RELIEF, venue, asset, venue_at(state, venue).taken)
    return 0
