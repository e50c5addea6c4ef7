# Allowance: a trade that a unit can pay for out of what was kept back when its bands were set, without looking at its other markets (E-7).
#
#   what the unit has at the worst corner of its box >= allowance >= 0          a trade costs at most `charge` there: allowance -= charge
#
# Stands on: arming. A maker of 1,000 markets is filled all day: setting its 1,000 bands for every fill would cost 30 us each. The cost
# of a trade is taken at the end of its market's band that the position is afraid of, where the unit's surplus is least; a new
# position gets a band of its own, 1/32 either way, and pays for all of it. Where this is not enough, or not simple, unit_wrote looks at everything.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.arming cimport *
from engine.native.book cimport NO_PRICE
from engine.native.health cimport *
from engine.native.margin_sums cimport sums_traded
from engine.native.market cimport *
from engine.native.risk cimport *
from engine.native.schedule cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.triggers cimport *
from engine.native.unit cimport *

cdef enum:
    ALLOWED_SHIFT = 5            # band of a new position: ticks / 2^5

cdef extern from *:
    """
    #define ENGINE_STEEPEST ((int64_t)1000000000000)
    """
    const int64_t STEEPEST "ENGINE_STEEPEST"      # ppm of ppm: a requirement that grows faster than the notional makes a gain a loss


cdef inline bint is_hung(State* state, Holding* holding, int side) noexcept nogil:
    """Whether a holding waits on a side of its series."""
    return holding.trigger[side] != NIL and trigger_at(&state.risk.triggers, holding.trigger[side]).bucket != NIL


cdef inline atoms_t required_at(State* state, Market* market, qty_t lots, int64_t ticks, int64_t ratio_ppm) noexcept nogil:
    """Requirement of so many lots at a price and a boundary's ratio, rounded up."""
    return part_up(schedule_ceil(&state.risk.schedules, market.maintenance, notional_atoms(market, abs64(lots), ticks)), ratio_ppm)


# What going from `before` to `after` lots at `price` takes from a unit at `ticks`, at most: equity there, and requirement. O(tiers).
cdef inline atoms_t move_charge(State* state, Market* market, qty_t before, qty_t after, int64_t price, int64_t ticks, int64_t ratio_ppm) noexcept nogil:
    cdef atoms_t gain = notional_atoms(market, after - before, ticks - price)
    cdef atoms_t more = required_at(state, market, after, ticks, ratio_ppm) - required_at(state, market, before, ticks, ratio_ppm)
    return max64(0, add_saturating(more, -gain))


# Charge for giving up, shrinking or growing a position that has a band, at the end of it that it is afraid of; -1: look at everything. O(tiers).
cdef inline atoms_t held_charge(State* state, Market* market, Holding* holding, qty_t before, qty_t after, int64_t price, int64_t ratio_ppm) noexcept nogil:
    cdef int side = TRIGGER_FALL if before > 0 else TRIGGER_RISE
    cdef int32_t at
    if is_hung(state, holding, TRIGGER_RISE if before > 0 else TRIGGER_FALL):
        return -1
    if not is_hung(state, holding, side):    # a long that may fall to nothing
        return move_charge(state, market, before, after, price, 0, ratio_ppm) if before > 0 else -1
    at = trigger_at(&state.risk.triggers, holding.trigger[side]).at
    return move_charge(state, market, before, after, price, at + 1 if before > 0 else at - 1, ratio_ppm)


# Charge for a new position, and the trigger that bounds it; -1: look at everything. O(tiers).
cdef inline atoms_t new_charge(State* state, Market* market, qty_t after, int64_t price, int64_t ratio_ppm, int32_t* at) noexcept nogil:
    cdef int64_t width = market.mark_ticks >> ALLOWED_SHIFT
    if not is_fresh(state, market, market.mark_ticks, market.mark_ms) or market.mark_ticks - width < 2 or market.mark_ticks + width >= TRIGGER_NONE_UP - 1:
        return -1
    at[0] = <int32_t>(market.mark_ticks - width - 1 if after > 0 else market.mark_ticks + width + 1)
    return move_charge(state, market, 0, after, price, at[0] + 1 if after > 0 else at[0] - 1, ratio_ppm)


cdef inline bint is_simple(State* state, Unit* unit, Market* market) noexcept nogil:
    """A unit that is free and known, with an allowance, and a position that counts in its own asset, in full, and fears one direction only."""
    cdef Collateral* row
    if unit.allowance_atoms <= 0 or unit.state or unit.holding != NIL:
        return 0
    if rules_of(state, unit.account).boundary[0].ratio_ppm * schedule_row(&state.risk.schedules, market.maintenance).highest_ppm > STEEPEST:
        return 0
    if account_at(&state.accounts, unit.account).mode != MODE_UNIFIED:
        return 1
    row = collateral_at(&state.risk, market.settles)
    return row.market == NIL and row.value == NIL


# Pay for a trade out of the allowance; 0 if it cannot be, and nothing is changed. O(tiers).
cdef inline outlined_int allowance_pays(State* state, slot_t slot, qty_t before, int64_t price, int64_t fee_ppm) noexcept nogil:
    cdef Holding* holding = holding_at(&state.accounts, slot)
    cdef Unit* unit = unit_of_state(state, holding.unit)
    cdef Market* market = market_at(state, holding.market)
    cdef qty_t now = holding.position_lots
    cdef int64_t ratio_ppm
    cdef atoms_t charge, opening = 0
    cdef int32_t at = 0
    cdef bint keeps = before != 0 and now != 0 and (before > 0) == (now > 0)
    if not is_simple(state, unit, market):
        return 0
    ratio_ppm = rules_of(state, unit.account).boundary[0].ratio_ppm
    charge = held_charge(state, market, holding, before, now if keeps else 0, price, ratio_ppm) if before else 0
    if now and not keeps:
        opening = new_charge(state, market, now, price, ratio_ppm, &at)
    if charge < 0 or opening < 0:
        return 0
    charge = add_saturating(add_saturating(charge, opening), part_up(notional_atoms(market, abs64(now - before), price), fee_ppm))
    charge = add_saturating(charge, 4 + 4 * ceil_div(ratio_ppm, 1000000))      # roundings of both ways, and of one more requirement
    if charge > unit.allowance_atoms:
        return 0
    if not keeps:
        trigger_drop(&state.risk.triggers, &holding.trigger[TRIGGER_FALL])
        trigger_drop(&state.risk.triggers, &holding.trigger[TRIGGER_RISE])
    if now and not keeps:
        holding.anchor_ticks = <int32_t>market.mark_ticks
        trigger_move(state, holding, 2 * holding.market + SERIES_MARK, TRIGGER_FALL if now > 0 else TRIGGER_RISE, at, holding.unit)
    unit.allowance_atoms -= charge
    return 1


cdef inline outlined_int unit_later(State* state, slot_t slot) noexcept nogil:
    """A unit is looked at when all opening trades of the call are booked; at once without memory for that."""
    cdef Slab* later = &state.risk.later
    if slab_reserve(later, 1):
        return unit_wrote(state, slot)
    (<uint32_t*>(later.base))[slab_take(later)] = slot
    unit_of_state(state, slot).flags |= UNIT_LATER
    return 0


# A position has traded from `before` lots to what it is now: pay from the allowance, or look at the unit. O(markets of the account) then.
cdef inline void unit_traded(State* state, slot_t slot, qty_t before, int64_t price, int64_t fee_ppm) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, holding_at(&state.accounts, slot).unit)
    if unit.sums != NIL:
        sums_traded(state, unit, holding_at(&state.accounts, slot))
    if unit.liquidation:
        return
    if unit.flags & UNIT_LATER:
        return
    if allowance_pays(state, slot, before, price, fee_ppm):
        state.risk.spare_count += 1
    elif state.recorder.is_opening:
        unit_later(state, holding_at(&state.accounts, slot).unit)
    else:
        unit_wrote(state, holding_at(&state.accounts, slot).unit)
