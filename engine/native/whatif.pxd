# What if: the first price of one series, all others fixed, at which a unit would be liquidated (C-8, W-1).
#
#   price now -------------------------------------> far
#   S >= 0 ...... S >= 0 ...... S < 0 ..........        the nearest one below 0 is the price
#
# Stands on: arming. The exact surplus is concave in each price: what counts of an asset is concave in its amount, a requirement convex
# in a notional, both are linear in a price. So between two prices it is no lower than at the lower of the two, and the rounded one
# (S) by no more than all roundings below that: a range with more left at both ends holds no liquidation and is left out. What remains
# is looked at tick by tick, nearest first. Prices are set for the moment and set back: in the end nothing has changed.

from libc.string cimport memset

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.arming cimport rounds_at
from engine.native.book cimport NO_PRICE
from engine.native.health cimport *
from engine.native.market cimport *
from engine.native.risk cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *

cdef enum:
    WHATIF_DEPTH = 40            # halvings of a range of 2^31 ticks, and room
    WHATIF_NONE = -1             # no price of the range liquidates

# The series that is moved, and whose unit is asked.
cdef struct Probe:
    Market* market
    int64_t* ticks               # the published value, set for the moment
    time_ms_t* published_ms      # when it was: a value of now is fresh
    Boundary boundary            # the last one of the venue's ladder
    slot_t unit
    atoms_t notional             # of the unit, at the last price that was looked at

# What a unit has left at a price, and how much of it rounding may have hidden.
cdef struct Left:
    int64_t ticks
    atoms_t surplus
    atoms_t rounds

# Where a unit would be liquidated, and with how much.
cdef struct WhatIf:
    int64_t below_ticks          # WHATIF_NONE: nowhere in the range
    int64_t above_ticks
    atoms_t below_atoms          # notional of the position at that price (an index: of all positions of the unit)
    atoms_t above_atoms
    bint is_now                  # it is in liquidation, or beyond the boundary now


# Moves one series of a market: its index if it is a spot market, else its mark.
cdef inline Probe probe_of(State* state, uint32_t market_id) noexcept nogil:
    cdef Probe probe
    memset(&probe, 0, sizeof(Probe))
    probe.market = market_at(state, market_id)
    probe.ticks = &probe.market.index_ticks if probe.market.kind == MARKET_SPOT else &probe.market.mark_ticks
    probe.published_ms = &probe.market.index_ms if probe.market.kind == MARKET_SPOT else &probe.market.mark_ms
    probe.unit = NIL
    return probe


# What is left at a price. A unit with an unknown price elsewhere, or without a position, cannot be liquidated. O(markets of the account).
cdef inline outlined_int probe_look(State* state, Probe* probe, int64_t ticks, Left* left) noexcept nogil:
    cdef Health health
    probe.ticks[0] = ticks
    probe.published_ms[0] = state.now_ms
    unit_health(state, probe.unit, &health)
    left.ticks = ticks
    probe.notional = health.notional
    if health.is_flat or not health.is_known:
        left.surplus = MONEY_BOUND
        left.rounds = 0
        return 0
    left.surplus = surplus_to(&probe.boundary, &health)
    left.rounds = add_saturating(rounds_at(&health, &probe.boundary), 2)      # 2: what a comparator makes of an equality
    return 0


cdef inline bint is_clear(Left* a, Left* b) noexcept nogil:
    """No price between two, both included, is beyond."""
    return min64(a.surplus, b.surplus) >= max64(a.rounds, b.rounds)


# The first price from `start` (not included) to `far_ticks` (included) that is beyond the boundary, WHATIF_NONE if there is none.
# Needs: start is not beyond. O(log(range)) looks, and one a tick where less is left than rounding hides.
cdef inline outlined_qty_t probe_first(State* state, Probe* probe, Left* start, int64_t far_ticks) noexcept nogil:
    cdef Left near = start[0]
    cdef Left far[WHATIF_DEPTH]
    cdef int top = 0
    if near.ticks == far_ticks:
        return WHATIF_NONE
    probe_look(state, probe, far_ticks, &far[0])
    # invariant: no price from start to near is beyond; far[0 .. top] lie behind it, the nearest last
    while top >= 0:
        if is_clear(&near, &far[top]):
            near = far[top]
            top -= 1
        elif abs64(far[top].ticks - near.ticks) > 1:
            probe_look(state, probe, near.ticks + ((far[top].ticks - near.ticks) >> 1), &far[top + 1])
            top += 1
        elif far[top].surplus < 0:
            return far[top].ticks
        else:
            near = far[top]
            top -= 1
    return WHATIF_NONE


cdef inline atoms_t whatif_notional(State* state, Probe* probe, Holding* holding, int64_t ticks) noexcept nogil:
    """What stands behind a liquidation at a price: the position in this market; of an index all that the unit has."""
    cdef Left left
    if probe.market.kind == MARKET_PERPETUAL:
        return abs64(notional_atoms(probe.market, holding.position_lots, ticks))
    probe_look(state, probe, ticks, &left)
    return probe.notional


cdef inline bint is_exposed(State* state, Holding* holding) noexcept nogil:
    """A unit looks at this market's mark (perpetual) or index (spot) through this holding."""
    if holding.unit == NIL:
        return 0
    return market_at(state, holding.market).kind == MARKET_SPOT or holding.position_lots != 0


# Where the unit behind a holding would be liquidated between two prices around the one now. Needs: the series is published, low <=
# now <= high. Nothing has changed afterwards. O((log(range) + ticks within rounding) x markets of the account).
cdef inline void whatif_unit(State* state, Probe* probe, Holding* holding, int64_t low, int64_t high, WhatIf* out) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, holding.unit)
    cdef MarginRules* rules = rules_of(state, unit.account)
    cdef int64_t now_ticks = probe.ticks[0]
    cdef time_ms_t published_ms = probe.published_ms[0]
    cdef Left start
    out.below_ticks = out.above_ticks = WHATIF_NONE
    out.below_atoms = out.above_atoms = 0
    probe.unit = holding.unit
    probe.boundary = rules.boundary[rules.count - 1]
    probe_look(state, probe, now_ticks, &start)
    out.is_now = unit.liquidation != 0 or start.surplus < 0
    if not out.is_now:
        out.below_ticks = probe_first(state, probe, &start, low)
        out.above_ticks = probe_first(state, probe, &start, high)
        if out.below_ticks != WHATIF_NONE:
            out.below_atoms = whatif_notional(state, probe, holding, out.below_ticks)
        if out.above_ticks != WHATIF_NONE:
            out.above_atoms = whatif_notional(state, probe, holding, out.above_ticks)
    probe.ticks[0] = now_ticks
    probe.published_ms[0] = published_ms
