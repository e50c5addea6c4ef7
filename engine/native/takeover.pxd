# Takeover: a backstop takes all that a unit has, at its bankruptcy value (X-8), and trades out (X-9).
#
#   phase 6: accepted -> positions at V_i and balances to the backstop -> the unit ends at exactly 0
#            not      -> the insurance fund pays what it can -> ADL (phase 7)
#
# Stands on: shortfall. Promises: the unit's worth is what the backstop gains or loses; a backstop's orders cannot bring its balance
# below 0.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.bankruptcy cimport *
from engine.native.book cimport NO_PRICE
from engine.native.funds cimport *
from engine.native.health cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.payment cimport *
from engine.native.policy cimport *
from engine.native.publish cimport backstop_look
from engine.native.recorder cimport *
from engine.native.risk cimport *
from engine.native.running cimport *
from engine.native.shortfall cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.transfer cimport *
from engine.native.unit cimport *
from engine.native.venue cimport *
from engine.native.waterfall cimport *


# ---- acceptance ----

cdef inline atoms_t balance_lacking(State* state, uint32_t account, uint32_t asset) noexcept nogil:
    """What an account lacks of an asset to pay back what it owes of it; below 0 what it has beyond."""
    cdef Balance* balance = balance_at(&state.ledger, account, asset)
    return balance.owed - balance.atoms


# Whether a unified account's backstop has the money for what is lacking of assets without positions. O(assets x markets of the account).
cdef inline bint has_the_money(State* state, uint32_t account, uint32_t backstop) noexcept nogil:
    cdef uint32_t asset
    cdef atoms_t lacking
    for asset in range(state.ledger.assets.count):
        lacking = balance_lacking(state, account, asset)
        if lacking > 0 and account_is_flat(state, account, asset) and lacking > balance_at(&state.ledger, backstop, asset).atoms:
            return 0
    return 1


cdef inline bint accepts(State* state, Unit* unit, atoms_t worth) noexcept nogil:
    """Whether the backstop takes a unit that is worth so much (X-8)."""
    cdef bint is_unified = account_at(&state.accounts, unit.account).mode == MODE_UNIFIED
    cdef uint32_t backstop = backstop_of(state, account_at(&state.accounts, unit.account).venue)
    if not policy_of(state, unit.account).takes_over:
        return 0
    if worth < 0 and add_saturating(backstop_worth(state, backstop, unit.asset, is_unified), worth) < (-1 if planted(SLIP_TAKEN_AT_A_LOSS) else 0):
        return 0
    return not is_unified or has_the_money(state, unit.account, backstop)


# ---- moving ----

# The backstop's holding in a market, which has no unit and is looked at when the market's mark is published. NIL without memory (latched).
cdef inline slot_t backstop_holding(State* state, uint32_t venue, uint32_t market_id) noexcept nogil:
    cdef slot_t slot = holding_of(&state.ledger, &state.accounts, market_at(state, market_id), backstop_of(state, venue), market_id)
    if slot == NIL:
        state.fault = FAULT_NO_MEMORY
        return NIL
    market_at(state, market_id).is_backed = 1
    if not venue_at(state, venue).unwinds:
        venue_at(state, venue).unwinds = 1
        venue_schedule(state, state.now_ms + policy_at(state, venue).unwind_ms, PHASE_LIQUIDATION, EVENT_UNWIND, venue, 0, 0)
    return slot


# A backstop whose balance of an asset is below 0 realises, at mark, what its positions there have gained, by market (X-9). O(its markets).
cdef inline void backstop_settles(State* state, uint32_t venue, uint32_t asset, uint32_t cause) noexcept nogil:
    cdef uint32_t account = backstop_of(state, venue)
    cdef slot_t slot = account_at(&state.accounts, account).holdings
    cdef Holding* holding
    cdef Market* market
    cdef atoms_t value
    while slot != NIL and balance_at(&state.ledger, account, asset).atoms < 0:
        holding = holding_at(&state.accounts, slot)
        market = market_at(state, holding.market)
        if holding.position_lots and market.quote_asset == asset and is_fresh(state, market, market.mark_ticks, market.mark_ms):
            value = notional_atoms(market, holding.position_lots, market.mark_ticks)
            if value > holding.cost_atoms:
                transfer(state, holding.market, slot, slot, 1 if holding.position_lots > 0 else -1, abs64(holding.position_lots), value, cause, TRANSFER_SETTLED)
        slot = holding.next_of_account


# A backstop has taken something over: that is the cause of what it does from now on; what it lacks its gains pay, and what they do not is looked
# at in phase 6 (X-9). O(assets x its markets).
cdef inline void backstop_took(State* state, uint32_t venue, uint32_t market, uint32_t cause) noexcept nogil:
    cdef uint32_t asset, account = backstop_of(state, venue)
    venue_at(state, venue).taken = cause
    venue_at(state, venue).taken_market = market
    for asset in range(state.ledger.assets.count):
        backstop_settles(state, venue, asset, cause)
        if balance_at(&state.ledger, account, asset).atoms >= 0:
            continue
        if account_is_flat(state, account, asset):
            shortfall_cover(state, account, NIL, asset, market, account != fund_of(state, venue), cause)
        else:
            backstop_look(state, venue)


# Positions that settle in an asset move at their bankruptcy values, bearing `equity` together. O(markets of both).
cdef inline void take_positions(State* state, Unit* unit, uint32_t asset, atoms_t equity, Health* health, uint32_t landmark) noexcept nogil:
    cdef Slab parts
    cdef Part* part
    cdef uint32_t i, venue = account_at(&state.accounts, unit.account).venue
    cdef slot_t receiver
    cdef int sign
    cdef qty_t lots
    slab_init(&parts, sizeof(Part), 0)
    if parts_collect(state, unit.account, unit.holding, asset, &parts):
        parts_share(&parts, equity)
        for i in range(parts.count):
            part = part_at(&parts, i)
            receiver = backstop_holding(state, venue, part.market)
            if receiver == NIL:
                break
            lots = abs64(holding_at(&state.accounts, part.holding).position_lots)
            sign = 1 if holding_at(&state.accounts, part.holding).position_lots > 0 else -1
            note_waterfall(state, WATERFALL_TAKEOVER, part.market, asset, <int32_t>unit.account, <int32_t>backstop_of(state, venue), sign * lots, part.value, health, landmark)
            transfer(state, part.market, part.holding, receiver, sign, lots, part.value, landmark, TRANSFER_TAKEOVER)
    slab_release(&parts)


# What an account has or lacks of an asset goes to or comes from the backstop, and what is owed is repaid. O(markets of the account).
cdef inline void take_balance(State* state, uint32_t account, uint32_t backstop, uint32_t asset, uint32_t landmark) noexcept nogil:
    cdef atoms_t lacking = balance_lacking(state, account, asset)
    if ledger_open(&state.ledger, backstop, asset):
        state.fault = FAULT_NO_MEMORY
        return
    if lacking > 0:
        pay(state, backstop, NIL, account, NIL, asset, lacking, NO_MARKET, PAYMENT_BALANCE)
        note_waterfall(state, WATERFALL_BALANCE, NO_MARKET, asset, <int32_t>account, <int32_t>backstop, 0, -lacking, NULL, landmark)
    if balance_at(&state.ledger, account, asset).owed > 0:
        funds_repay(state, account, asset, balance_at(&state.ledger, account, asset).owed)
    if lacking < 0:
        pay(state, account, NIL, backstop, NIL, asset, -lacking, NO_MARKET, PAYMENT_BALANCE)
        note_waterfall(state, WATERFALL_BALANCE, NO_MARKET, asset, <int32_t>account, <int32_t>backstop, 0, -lacking, NULL, landmark)


cdef inline void take_all(State* state, slot_t slot, Health* health, uint32_t landmark) noexcept nogil:
    """The whole unit moves to the backstop: positions, then balances (X-8)."""
    cdef Unit* unit = unit_of_state(state, slot)
    cdef uint32_t asset, account = unit.account
    cdef bint is_known = 1
    if account_at(&state.accounts, account).mode != MODE_UNIFIED:
        take_positions(state, unit, unit.asset, health.equity, health, landmark)
        return
    for asset in range(state.ledger.assets.count):
        if not account_is_flat(state, account, asset):
            take_positions(state, unit, asset, asset_net(state, account, asset, &is_known), health, landmark)
    for asset in range(state.ledger.assets.count):
        if balance_at(&state.ledger, account, asset).atoms or balance_at(&state.ledger, account, asset).owed > 0:
            take_balance(state, account, backstop_of(state, account_at(&state.accounts, account).venue), asset, landmark)


# Takeover of a unit (phase 6). One that is flat, unknown or healthy by now steps instead. O(assets and markets of both).
cdef inline outlined_int unit_takeover(State* state, slot_t slot, uint32_t cause) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef MarginRules* rules = rules_of(state, unit.account)
    cdef uint32_t landmark, market
    cdef atoms_t worth
    cdef Health health
    if unit.liquidation != cause or cause == 0:
        return 0
    unit_health(state, slot, &health)
    if health.is_flat or not health.is_known \
            or (surplus_to(&rules.boundary[rules.count - 1], &health) >= 0 and not planted(SLIP_TAKEN_WHILE_HEALTHY)):
        venue_schedule(state, state.now_ms, PHASE_LIQUIDATION, EVENT_STEP, slot, 0, cause)
        return 0
    worth = unit_worth(state, unit, &health)
    market = holding_at(&state.accounts, health.largest).market if health.largest != NIL else landmark_at(&state.lineage, cause).market
    if not accepts(state, unit, worth):
        if worth >= 0 and account_at(&state.accounts, unit.account).mode == MODE_UNIFIED:
            step_later(state, slot)          # it has what it owes: wait until it can be sold
            return 0
        if worth < 0:
            fund_pays(state, unit.account, slot, unit.asset, -worth, market, cause)
        venue_schedule(state, state.now_ms, PHASE_ADL, EVENT_ADL, slot, 0, cause)
        return 0
    landmark = venue_landmark(state, LANDMARK_TAKEOVER, market, <int32_t>unit.account, cause, worth)
    take_all(state, slot, &health, landmark)
    backstop_took(state, account_at(&state.accounts, unit.account).venue, market, landmark)
    unit_health(state, slot, &health)
    liquidation_ends(state, slot, &health)
    return 0
