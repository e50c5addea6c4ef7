# Stage: how large an order of a liquidation step is, and at what price (X-5).
#
# Stands on: bankruptcy. Reads only. Promises: 1 <= lots <= what is held; a limit lies within the market's bounds.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.bankruptcy cimport *
from engine.native.health cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.policy cimport *
from engine.native.risk cimport *
from engine.native.schedule cimport *
from engine.native.slab cimport *
from engine.native.state cimport *


# ---- size ----

cdef inline uint32_t tier_number(State* state, Market* market, atoms_t notional) noexcept nogil:
    """Which tier of the maintenance schedule holds a notional, from 1; at a border the higher one (S-5)."""
    cdef Tier* first = <Tier*>state.risk.schedules.tiers.base + schedule_row(&state.risk.schedules, market.maintenance).first
    cdef atoms_t beyond = min64(notional, SCHEDULE_BOUND) + 1 - planted(SLIP_BORDER_COUNTS_LOW)
    return <uint32_t>(schedule_tier(&state.risk.schedules, market.maintenance, beyond) - first) + 1


cdef inline qty_t lots_to_tier(State* state, Market* market, atoms_t notional, qty_t held, uint32_t down) noexcept nogil:
    """Lots to give up to stand so many tiers lower: just below the floor of the next one; all of them below the first."""
    cdef uint32_t number = tier_number(state, market, notional)
    cdef Tier* first = <Tier*>state.risk.schedules.tiers.base + schedule_row(&state.risk.schedules, market.maintenance).first
    if number <= down:
        return held
    return held - floor_div(first[number - down].floor_atoms - 1, max64(1, notional_atoms(market, 1, market.mark_ticks)))


# Lots of a step for a position worth `notional` (X-5); notes until when steps are whole. O(tiers).
cdef inline qty_t stage_lots(State* state, Policy* policy, Run* run, Holding* holding, atoms_t notional) noexcept nogil:
    cdef Market* market = market_at(state, holding.market)
    cdef qty_t held = abs64(holding.position_lots), lots = held
    cdef atoms_t worth = max64(1, notional_atoms(market, 1, market.mark_ticks))
    if policy.size == SIZE_TIER:
        lots = lots_to_tier(state, market, notional, held, policy.tiers_down)
    elif not (policy.large_atoms and notional <= policy.large_atoms) and state.now_ms >= run.whole_until_ms + planted(SLIP_WHOLE_ONE_MORE):
        mul_div_ceil(held, policy.stage_ppm, 1000000, &lots)
        if planted(SLIP_STEP_ROUNDED_DOWN):
            mul_div_floor(held, policy.stage_ppm, 1000000, &lots)
        lots = max64(lots, policy.stage_lots_min)
    if policy.stage_atoms_min:
        lots = max64(lots, ceil_div(policy.stage_atoms_min, worth))
    if policy.stage_atoms_most:
        lots = min64(lots, max64(1, floor_div(policy.stage_atoms_most, worth)))
    lots = max64(1, min64(min64(lots, held), market.book.qty_max))
    if policy.whole_ms and lots < held:
        run.whole_until_ms = state.now_ms + policy.whole_ms
    return lots


# ---- price ----

cdef inline int64_t within_bounds(Market* market, int64_t limit) noexcept nogil:
    return min64(max64(limit, market.book.price_min), market.book.price_max)


cdef inline int64_t band_limit(Market* market, bint sells, int64_t band_ppm) noexcept nogil:
    """A limit so far beyond the mark. Needs: it has one."""
    cdef int64_t width = 0
    mul_div_floor(market.mark_ticks, band_ppm, 1000000, &width)
    return within_bounds(market, market.mark_ticks - width if sells else market.mark_ticks + width)


cdef inline int64_t value_limit(Market* market, bint sells, qty_t lots, atoms_t value) noexcept nogil:
    """The limit at which a position, `lots` in all, fetches a value (signed like it) or more. A value on the other side of 0: the bound of that side."""
    cdef int64_t worth = 0
    if mul_overflows(lots, market.atoms_per_tick_lot, &worth) or worth <= 0:
        return market.book.price_min if sells else market.book.price_max
    if sells:
        return within_bounds(market, ceil_div(value, worth)) if value >= 0 else market.book.price_min
    return within_bounds(market, floor_div(-value, worth)) if value <= 0 else market.book.price_min


# The bankruptcy value of one position of a unit, after its evaluation (X-7). O(markets of the account).
cdef inline atoms_t bankruptcy_value(State* state, Unit* unit, slot_t slot, Health* health) noexcept nogil:
    cdef Slab parts
    cdef atoms_t value = 0, equity = health.equity
    cdef uint32_t i, asset = market_at(state, holding_at(&state.accounts, slot).market).quote_asset
    cdef bint is_known = 1
    slab_init(&parts, sizeof(Part), 0)
    if account_at(&state.accounts, unit.account).mode == MODE_UNIFIED:
        equity = asset_net(state, unit.account, asset, &is_known)
    if parts_collect(state, unit.account, unit.holding, asset, &parts):
        parts_share(&parts, equity)
        for i in range(parts.count):
            if part_at(&parts, i).holding == slot:
                value = part_at(&parts, i).value
    slab_release(&parts)
    return value


# How far below the mark a position may be filled: its requirement x (1 - equity / requirement) x spread (X-5). O(tiers).
cdef inline atoms_t fillable_discount(State* state, Policy* policy, Holding* holding, atoms_t notional, Health* health) noexcept nogil:
    cdef int64_t share = 0
    cdef atoms_t discount, needed = schedule_ceil(&state.risk.schedules, market_at(state, holding.market).maintenance, notional)
    if health.requirement > 0 and mul_div_floor(health.equity, 1000000, health.requirement, &share):
        share = 0 if health.equity > 0 else -1000000
    share = min64(1000000, max64(0, 1000000 - share))
    if mul_div_floor(needed, share * policy.spread_ppm, 1000000000000, &discount):
        return MONEY_BOUND
    return discount


# The limit of a step's order for a unit's position. Needs: the policy's orders have one; the unit's last evaluation. O(markets of the account).
cdef inline int64_t stage_limit(State* state, Policy* policy, Unit* unit, slot_t slot, atoms_t notional, Health* health) noexcept nogil:
    cdef Holding* holding = holding_at(&state.accounts, slot)
    cdef Market* market = market_at(state, holding.market)
    cdef bint sells = holding.position_lots > 0
    cdef atoms_t discount
    if policy.order == STAGE_BAND:
        return band_limit(market, sells, policy.band_ppm)
    if policy.order == STAGE_BANKRUPTCY:
        return value_limit(market, sells, abs64(holding.position_lots), bankruptcy_value(state, unit, slot, health))
    discount = fillable_discount(state, policy, holding, notional, health)
    return value_limit(market, sells, abs64(holding.position_lots), notional - discount if sells else -add_saturating(notional, discount))
