# Unit: which unit an account's position or collateral belongs to, and the holdings that an evaluation walks (C-1 .. C-3).
#
# Stands on: state. Promises: whoever can come to own a position, or collateral of a unified account, has its unit and the holding
# where its triggers hang before a command is checked.

from engine.native.types cimport *
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.policy cimport *
from engine.native.risk cimport *
from engine.native.slab cimport *
from engine.native.state cimport *


cdef inline Unit* unit_of_state(State* state, slot_t slot) noexcept nogil:
    return unit_at(&state.risk, slot)


cdef inline MarginRules* rules_of(State* state, uint32_t account) noexcept nogil:
    """The margin rules of the venue where an account stands."""
    return rules_at(&state.risk, account_at(&state.accounts, account).venue)


cdef inline Policy* policy_of(State* state, uint32_t account) noexcept nogil:
    """The policy of the venue where an account stands."""
    return policy_at(state, account_at(&state.accounts, account).venue)


# The unit of an account that settles in an asset (CROSS) or its one unit (UNIFIED); NIL if it has none. O(units of the account).
cdef inline slot_t unit_find(State* state, uint32_t account, uint32_t asset) noexcept nogil:
    cdef Account* owner = account_at(&state.accounts, account)
    cdef slot_t slot = owner.units
    if owner.mode == MODE_UNIFIED:
        return slot
    while slot != NIL and (unit_of_state(state, slot).holding != NIL or unit_of_state(state, slot).asset != asset):
        slot = unit_of_state(state, slot).next
    return slot


# Make a unit and hang it into its account. NIL without memory. O(1) amortised.
cdef inline slot_t unit_make(State* state, uint32_t account, uint32_t asset, slot_t holding) noexcept nogil:
    cdef slot_t slot
    cdef Unit* unit
    if slab_reserve(&state.risk.units, 1):
        return NIL
    slot = slab_take(&state.risk.units)
    unit = unit_of_state(state, slot)
    unit.margin_atoms = unit.allowance_atoms = 0
    unit.account = account
    unit.liquidation = 0
    unit.holding = holding
    unit.next = account_at(&state.accounts, account).units
    unit.asset = <uint16_t>asset
    unit.state = unit.flags = 0
    unit.leverage_ppm = 0
    unit.sums = NIL
    account_at(&state.accounts, account).units = slot
    return slot


cdef inline bint may_hold(State* state, uint32_t account, Market* market) noexcept nogil:
    """Whether an account may have a position in a perpetual: not a CASH one, a UNIFIED one only in what settles in collateral (C-1)."""
    cdef uint8_t mode = account_at(&state.accounts, account).mode
    return mode != MODE_CASH and not (mode == MODE_UNIFIED and market.settles == NIL)


# The unit that tests a position of an account in a market, made if need be. NIL without memory. O(units of the account).
cdef inline slot_t unit_open(State* state, uint32_t account, Market* market, slot_t holding) noexcept nogil:
    cdef uint32_t mode = account_at(&state.accounts, account).mode
    cdef slot_t slot
    if mode == MODE_ISOLATED:
        return unit_make(state, account, market.quote_asset, holding)
    slot = unit_find(state, account, market.quote_asset)
    if slot == NIL:
        slot = unit_make(state, account, rules_of(state, account).unit_asset if mode == MODE_UNIFIED else market.quote_asset, NIL)
    return slot


# Make the holding where the index of an asset reaches a unified account, and its unit; without a price market there is none to make.
# 0 if done, 1 without memory. O(markets of the account + collateral of the venue).
cdef inline outlined_int collateral_open(State* state, uint32_t account, uint32_t asset) noexcept nogil:
    cdef Account* owner = account_at(&state.accounts, account)
    cdef slot_t row, holding
    cdef uint32_t market
    if owner.mode != MODE_UNIFIED:
        return 0
    if owner.units == NIL and unit_make(state, account, rules_of(state, account).unit_asset, NIL) == NIL:
        return 1
    row = collateral_find(&state.risk, owner.venue, asset)
    if row == NIL or collateral_at(&state.risk, row).market == NIL:
        return 0
    market = collateral_at(&state.risk, row).market
    holding = holding_of(&state.ledger, &state.accounts, market_at(state, market), account, market)
    if holding == NIL:
        return 1
    holding_at(&state.accounts, holding).unit = account_at(&state.accounts, account).units
    return 0


cdef inline outlined_slot_t holding_open_new(State* state, uint32_t account, uint32_t market_id) noexcept nogil:
    cdef slot_t slot = holding_of(&state.ledger, &state.accounts, market_at(state, market_id), account, market_id), unit = NIL
    cdef uint32_t mode = account_at(&state.accounts, account).mode
    cdef Market* market = market_at(state, market_id)
    if slot == NIL:
        return NIL
    if market.kind == MARKET_PERPETUAL and may_hold(state, account, market):
        unit = unit_open(state, account, market, slot)
        if unit == NIL:
            return NIL
        holding_at(&state.accounts, slot).unit = unit
    if mode == MODE_UNIFIED and (collateral_open(state, account, market.quote_asset)
                                 or (market.kind == MARKET_SPOT and collateral_open(state, account, market.base_asset))):
        return NIL
    return slot


# Holding of an account in a market, with its unit, made if need be. NIL if there is no memory. O(markets of the account).
cdef inline slot_t holding_open(State* state, uint32_t account, uint32_t market_id) noexcept nogil:
    cdef slot_t slot = holding_find(&state.accounts, account, market_id)
    if slot != NIL and (holding_at(&state.accounts, slot).unit != NIL or market_at(state, market_id).kind == MARKET_SPOT):
        return slot
    return holding_open_new(state, account, market_id)


cdef inline void check_queue(State* state) noexcept nogil:
    """Queue the check of phase 4, of units and then of loans, unless it is."""
    if not state.risk.check_is_queued:
        state.risk.check_is_queued = 1
        venue_schedule(state, state.now_ms, PHASE_MARGIN, EVENT_CHECK, 0, 0, 0)
