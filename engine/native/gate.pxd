# Gate: may an account send this order? Initial margin, reduce-only (C-1, C-6, C-7).
#
# Stands on: isolated, margin_sums. Changes nothing but what is kept of the sums. What adds no risk always passes: its market's lots,
# with every order of one side filled, do not grow.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport NO_PRICE
from engine.native.health cimport *
from engine.native.isolated cimport *
from engine.native.ledger cimport *
from engine.native.margin_sums cimport *
from engine.native.market cimport *
from engine.native.risk cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *


# Lots that an order may have at most if it is only to reduce: what of the position its side's resting orders leave. O(1).
cdef inline qty_t reducing_lots(State* state, Holding* holding, int8_t side) noexcept nogil:
    cdef qty_t resting = 0
    if holding.position_lots == 0 or (holding.position_lots > 0) == (side == SIDE_BUY):
        return 0
    if holding.desk != NIL:
        resting = desk_at(&state.accounts, holding.desk).ask_lots if side == SIDE_SELL else desk_at(&state.accounts, holding.desk).bid_lots
    return max64(0, abs64(holding.position_lots) - resting)


cdef inline atoms_t open_loss(Market* market, PlaceCommand* command) noexcept nogil:
    """What a limit order would lose at once if it filled at its limit (C-6)."""
    if command.order_type == TYPE_MARKET:
        return 0
    return max64(0, notional_atoms(market, command.side * command.qty_lots, command.price_ticks - market.mark_ticks))


cdef inline atoms_t open_loss_worth(State* state, Market* market, PlaceCommand* command) noexcept nogil:
    """The open loss in the unit's own atoms."""
    cdef atoms_t loss = open_loss(market, command)
    if loss == 0 or account_at(&state.accounts, command.owner).mode != MODE_UNIFIED or market.settles == NIL:
        return loss
    return worth_ceil(state, collateral_at(&state.risk, market.settles), loss)


# Whether a unit affords the orders that rest with it, and this loss beside. O(markets of the account).
cdef inline bint unit_affords(State* state, slot_t slot, atoms_t loss) noexcept nogil:
    cdef Health health
    unit_health(state, slot, &health)
    return health.is_known and health.equity - loss >= health.initial


# What an evaluation finds where sums have said that a unit affords its orders. For debug builds: it does not count among the evaluations that
# were needed. O(markets of the account).
cdef inline bint is_afforded_as_evaluated(State* state, slot_t slot, atoms_t loss) noexcept nogil:
    cdef int64_t needed = state.risk.evaluation_count
    cdef bint affords = unit_affords(state, slot, loss)
    state.risk.evaluation_count = needed
    return affords


# Whether a unit affords an order: as if it rested, equity less its open loss covers the initial requirement. What the kept sums do not let
# pass is evaluated (C-9). O(markets of the account).
cdef inline bint is_affordable(State* state, Market* market, Holding* holding, PlaceCommand* command) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, holding.unit)
    cdef Desk* desk = desk_at(&state.accounts, holding.desk)         # it has sent this order
    cdef qty_t* lots = &desk.bid_lots if command.side == SIDE_BUY else &desk.ask_lots
    cdef qty_t before = lots_with_orders(state, holding)
    cdef atoms_t loss
    cdef bint affords
    if not is_gated(market, unit):
        return 1
    lots[0] += command.qty_lots
    if lots_with_orders(state, holding) <= before:
        lots[0] -= command.qty_lots
        return 1
    if not is_fresh(state, market, market.mark_ticks, market.mark_ms):
        lots[0] -= command.qty_lots
        return 0
    if unit.holding != NIL:
        affords = funds_free(state, unit.account, unit.asset) >= open_loss(market, command)
        lots[0] -= command.qty_lots
        return affords
    loss = open_loss_worth(state, market, command)
    affords = sums_afford(state, holding.unit, holding.market, loss)
    if IS_DEBUG and affords and not is_afforded_as_evaluated(state, holding.unit, loss):
        state.fault = FAULT_MARGIN           # what is kept is never in favour of the account
    if not affords:
        affords = unit_affords(state, holding.unit, loss)
        if affords:
            sums_keep(state, holding.unit)
    lots[0] -= command.qty_lots
    return affords


# Why an account may not send this order to a perpetual, REJECT_NONE if it may (C-1, C-4, C-6). O(markets of the account).
cdef inline outlined_int gate_check(State* state, Market* market, uint32_t market_id, PlaceCommand* command) noexcept nogil:
    cdef Holding* holding = holding_at(&state.accounts, holding_find(&state.accounts, command.owner, market_id))
    cdef Unit* unit
    cdef MarginRules* rules
    if holding.unit == NIL:
        return REJECT_CASH_ACCOUNT
    unit = unit_of_state(state, holding.unit)
    if unlikely(unit.state != 0):
        rules = rules_of(state, command.owner)
        if rules.boundary[unit.state - 1].action >= ACTION_REDUCE_ONLY and command.qty_lots > reducing_lots(state, holding, command.side):
            return REJECT_ACCOUNT_REDUCE_ONLY
    if command.qty_lots > 0 and not is_affordable(state, market, holding, command):
        return REJECT_INSUFFICIENT_MARGIN
    return REJECT_NONE
