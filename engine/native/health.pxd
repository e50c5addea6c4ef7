# Health: what a unit is worth and what it must have, as its venue computes it (C-2, C-3), with the terms that move it.
#
#   CROSS, ISOLATED   equity = money + sum(q * mark - cost)                    requirement = sum ceil(f(|q| * mark))
#   UNIFIED           equity = sum over assets of counted(e_a * index_a)       requirement = sum ceil(MM_a * index_a) + loans
#
# Stands on: unit. Reads only, but for scratch: the terms and the sums of a venue's collateral hold the last evaluation. Every rounding
# is against the unit, and `equity_rounds`, `requirement_rounds` bound what all of them can have taken (E-3).

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport NO_PRICE
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.risk cimport *
from engine.native.schedule cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *

cdef extern from *:
    """
    #define ENGINE_MONEY_BOUND ((int64_t)1 << 62)
    """
    const int64_t MONEY_BOUND "ENGINE_MONEY_BOUND"      # sums and products are held within it; no legal account reaches it (U-10)

cdef enum:
    BOX_SHIFT = 3                # with products no price may move by more than 1 / 2^3 while a band holds (E-5)

cdef struct Health:
    atoms_t equity               # atoms of the unit's asset
    atoms_t requirement          # maintenance, at ratio 1
    atoms_t initial              # initial requirement with the resting orders
    atoms_t notional             # sum of |position| at mark
    atoms_t equity_rounds        # the exact equity is less than this above `equity`
    atoms_t requirement_rounds   # the exact requirement is less than this below `requirement`
    slot_t largest               # holding with the largest notional, NIL without a position that has a mark
    bint is_flat                 # no position, no liability
    bint is_known                # every price is published and fresh
    bint has_products            # a term moves with two prices


# ---- sums ----

cdef inline bint is_fresh(State* state, Market* market, int64_t ticks, time_ms_t at_ms) noexcept nogil:
    """A value has been published, and not too long ago (C-5)."""
    return ticks != NO_PRICE and (market.price_stale_ms == 0 or state.now_ms - at_ms <= market.price_stale_ms)


cdef inline Term* term_add(State* state, Holding* holding, slot_t slot, uint32_t kind, int64_t ticks) noexcept nogil:
    """A new term; NULL without memory (latched)."""
    cdef Slab* terms = &state.risk.terms
    cdef Term* term = NULL
    if unlikely(slab_reserve(terms, 1)):
        state.fault = FAULT_NO_MEMORY
        return NULL
    term = <Term*>(terms.base) + terms.count
    terms.count += 1
    term.holding = slot
    term.series = 2 * holding.market + (SERIES_INDEX if kind == TERM_COLLATERAL else SERIES_MARK)
    term.ticks = <int32_t>ticks if ticks != NO_PRICE else -1
    term.kind = <uint8_t>kind
    term.is_product = term.is_negative = 0
    term.amount = term.notional = term.requirement = term.exposure = 0
    return term


# Worst case lots of a market if every order on one side fills (C-6).
cdef inline qty_t lots_with_orders(State* state, Holding* holding) noexcept nogil:
    cdef Desk* desk
    if holding.desk == NIL:
        return abs64(holding.position_lots)
    desk = desk_at(&state.accounts, holding.desk)
    return max64(abs64(holding.position_lots + desk.bid_lots), abs64(holding.position_lots - desk.ask_lots))


cdef inline atoms_t initial_at(State* state, Market* market, Unit* unit, qty_t lots, int64_t price) noexcept nogil:
    """Initial requirement of so many lots at a price: the market's, and at least what the chosen leverage asks (C-6)."""
    cdef atoms_t notional = notional_atoms(market, lots, price), needed = 0, chosen = 0
    if market.initial != NIL:
        needed = schedule_ceil(&state.risk.schedules, market.initial, notional)
    if unit.leverage_ppm:
        mul_div_ceil(notional, unit.leverage_ppm, 1000000, &chosen)
    return max64(needed, chosen)


cdef inline bint is_gated(Market* market, Unit* unit) noexcept nogil:
    """Whether new positions there have an initial requirement: the market's, or a leverage that was chosen (C-6)."""
    return market.initial != NIL or unit.leverage_ppm != 0


# Add a position to the sums of its settlement asset. Returns its unrealised PnL. Needs: position_lots is not 0. O(tiers).
cdef inline atoms_t unit_add_position(State* state, Unit* unit, Holding* holding, slot_t slot, Health* out, atoms_t* requirement, atoms_t* initial) noexcept nogil:
    cdef Market* market = market_at(state, holding.market)
    cdef bint is_long = holding.position_lots > 0
    cdef int64_t mark = market.mark_ticks
    cdef atoms_t value
    cdef Term* term = NULL
    out.is_flat = 0
    term = term_add(state, holding, slot, TERM_LONG if is_long else TERM_SHORT, mark)
    if not is_fresh(state, market, mark, market.mark_ms):
        out.is_known = 0
    if mark == NO_PRICE or unlikely(term == NULL):
        return 0
    value = notional_atoms(market, holding.position_lots, mark)
    term.notional = term.amount = value if is_long else -value
    term.schedule = market.maintenance
    term.lowest_ppm = schedule_row(&state.risk.schedules, market.maintenance).lowest_ppm
    term.highest_ppm = schedule_row(&state.risk.schedules, market.maintenance).highest_ppm
    term.rate_ppm = <int32_t>schedule_rate(&state.risk.schedules, market.maintenance, term.notional)
    term.floor_ppm = 1000000
    requirement[0] = add_saturating(requirement[0], schedule_ceil(&state.risk.schedules, market.maintenance, term.notional))
    if is_gated(market, unit):
        initial[0] = add_saturating(initial[0], initial_at(state, market, unit, lots_with_orders(state, holding), market.mark_ticks))
    return value - holding.cost_atoms


cdef inline void largest_note(Health* out, atoms_t notional, slot_t slot, atoms_t* largest) noexcept nogil:
    out.notional = add_saturating(out.notional, notional)
    if notional > largest[0]:
        largest[0] = notional
        out.largest = slot


# Health of a CROSS or ISOLATED unit. O(markets of the account).
cdef inline void own_health(State* state, Unit* unit, Health* out) noexcept nogil:
    cdef slot_t slot = unit.holding if unit.holding != NIL else account_at(&state.accounts, unit.account).holdings
    cdef Holding* holding
    cdef Market* market
    cdef atoms_t pnl, largest = -1
    out.equity = unit.margin_atoms if unit.holding != NIL else balance_at(&state.ledger, unit.account, unit.asset).atoms
    # invariant: the positions before `slot` are in the sums
    while slot != NIL:
        holding = holding_at(&state.accounts, slot)
        market = market_at(state, holding.market)
        if market.kind == MARKET_PERPETUAL and market.quote_asset == unit.asset:
            if holding.position_lots:
                pnl = unit_add_position(state, unit, holding, slot, out, &out.requirement, &out.initial)
                out.equity = add_saturating(out.equity, pnl)
                out.requirement_rounds += 1
                if market.mark_ticks != NO_PRICE and likely(state.risk.terms.count > 0):
                    largest_note(out, term_at(&state.risk, state.risk.terms.count - 1).notional, slot, &largest)
            elif is_gated(market, unit) and holding.desk != NIL and market.mark_ticks != NO_PRICE:
                out.initial = add_saturating(out.initial, initial_at(state, market, unit, lots_with_orders(state, holding), market.mark_ticks))
        if unit.holding != NIL:
            return
        slot = holding.next_of_account


# ---- unified accounts ----

cdef inline Collateral* collateral_touch(State* state, Unit* unit, slot_t slot, slot_t* touched) noexcept nogil:
    """A row of collateral with this unit's balance in it."""
    cdef Collateral* row = collateral_at(&state.risk, slot)
    cdef Balance* balance
    if row.stamp == state.risk.stamp:
        return row
    row.stamp = state.risk.stamp
    balance = balance_at(&state.ledger, unit.account, row.asset)
    row.net = balance.atoms - balance.owed
    row.liability = max64(0, balance.owed) + max64(0, -balance.atoms)
    row.requirement = row.initial = row.exposure = row.positions = 0
    row.holding = NIL
    row.touched_next = touched[0]
    touched[0] = slot
    return row


# atoms of an asset in atoms of the unit of account, at the index of its price market; without one they are the same. Held within
# MONEY_BOUND. O(1).
cdef inline atoms_t worth_floor(State* state, Collateral* row, atoms_t atoms) noexcept nogil:
    cdef Market* market
    cdef int64_t lot, out
    if row.market == NIL:
        return atoms
    market = market_at(state, row.market)
    lot = notional_atoms(market, 1, market.index_ticks)
    if mul_div_floor(atoms, lot, market.base_atoms_per_lot, &out) or abs64(out) > MONEY_BOUND:
        return MONEY_BOUND if atoms > 0 else -MONEY_BOUND
    return out


cdef inline atoms_t worth_ceil(State* state, Collateral* row, atoms_t atoms) noexcept nogil:
    return -worth_floor(state, row, -atoms)


# What a liability requires: ceil(liability * index * loan_ppm / 10^6), rounded once (C-3). The quotient by the lot's atoms leaves a rest
# below 2^40, so what both divisions leave fits in 63 bits. Held within MONEY_BOUND. O(1).
cdef inline atoms_t loan_needed(State* state, Collateral* row) noexcept nogil:
    cdef int64_t lot = 1, base = 1, worth, rest, needed
    if row.liability == 0 or row.loan_ppm == 0:
        return 0
    if row.market != NIL:
        lot = notional_atoms(market_at(state, row.market), 1, market_at(state, row.market).index_ticks)
        base = market_at(state, row.market).base_atoms_per_lot
    if mul_div_floor(row.liability, lot, base, &worth) or worth > MONEY_BOUND:
        return MONEY_BOUND
    rest = <int64_t>(<uint64_t>row.liability * <uint64_t>lot - <uint64_t>worth * <uint64_t>base)
    mul_div_floor(worth, row.loan_ppm, 1000000, &needed)
    worth = <int64_t>(<uint64_t>worth * <uint64_t>row.loan_ppm - <uint64_t>needed * 1000000)
    return needed + ceil_div(worth * base + rest * row.loan_ppm, 1000000 * base)


# An asset that the unit neither has nor owes, but where its orders would open positions: what they require. Without a price nothing
# more can be afforded. O(1).
cdef inline void promised_count(State* state, Collateral* row, Health* out) noexcept nogil:
    cdef Market* market = market_at(state, row.market)
    if row.initial:
        out.initial = add_saturating(out.initial, worth_ceil(state, row, row.initial) if is_fresh(state, market, market.index_ticks, market.index_ms)
                                     else MONEY_BOUND)


# Count one touched asset: its net value with haircut, its requirement, its term. O(tiers).
cdef inline void collateral_count(State* state, Collateral* row, Health* out) noexcept nogil:
    cdef Market* market
    cdef Term* term = NULL
    cdef atoms_t value, needed, loan, atom = 0
    if row.liability:
        out.is_flat = 0
    if row.market != NIL:
        market = market_at(state, row.market)
        if row.net == 0 and row.liability == 0 and row.positions == 0:
            promised_count(state, row, out)
            return
        if not is_fresh(state, market, market.index_ticks, market.index_ms):
            out.is_known = 0
        if row.holding == NIL:               # its holding is made with whatever brings the asset
            state.fault = FAULT_MARGIN
            return
        term = term_add(state, holding_at(&state.accounts, row.holding), row.holding, TERM_COLLATERAL, market.index_ticks)
        if market.index_ticks == NO_PRICE or unlikely(term == NULL):
            return
    value = worth_floor(state, row, row.net)
    loan = loan_needed(state, row)
    needed = add_saturating(worth_ceil(state, row, row.requirement), loan)
    out.requirement = add_saturating(out.requirement, needed)
    out.initial = add_saturating(out.initial, add_saturating(worth_ceil(state, row, max64(row.initial, row.requirement)), loan))
    if mul_overflows(worth_ceil(state, row, 1), row.positions, &atom) or atom > MONEY_BOUND:
        atom = MONEY_BOUND
    if row.market != NIL and not planted(SLIP_ATOM_OF_TODAY):    # what an atom is worth anywhere in the box
        atom = add_saturating(atom, (atom >> BOX_SHIFT) + 1)
    out.requirement_rounds = add_saturating(out.requirement_rounds, add_saturating(atom, 3 if row.market != NIL else 1))
    out.equity_rounds += 2 if row.market != NIL or row.value != NIL else 0
    if row.market != NIL:
        term.amount = abs64(value) + 1
        term.is_negative = value < 0
        term.requirement = add_saturating(needed, 2)
        term.exposure = row.exposure
        term.rate_ppm = schedule_row(&state.risk.schedules, row.value).highest_ppm if row.value != NIL else 1000000
        if planted(SLIP_HAIRCUT_OF_TODAY) and row.value != NIL:
            term.rate_ppm = <int32_t>schedule_rate(&state.risk.schedules, row.value, max64(0, value))
    if value > 0 and row.value != NIL:
        value = schedule_floor(&state.risk.schedules, row.value, value)
    out.equity = add_saturating(out.equity, value)


# Turn the positions' terms, the first `count`, into the unit of account. Needs: the collateral's are not there yet. O(terms).
cdef inline void terms_convert(State* state, Health* out, uint32_t count) noexcept nogil:
    cdef uint32_t i
    cdef Term* term = NULL
    cdef Collateral* row
    cdef atoms_t largest = -1
    for i in range(state.risk.terms_first, count):
        term = term_at(&state.risk, i)
        if term.ticks < 0:
            continue
        row = collateral_at(&state.risk, market_at(state, term.series >> 1).settles)
        if row.market != NIL:
            if market_at(state, row.market).index_ticks == NO_PRICE:
                continue
            term.amount = worth_ceil(state, row, term.notional)
            term.is_product = 1
            out.has_products = 1
        if row.value != NIL:
            term.floor_ppm = schedule_row(&state.risk.schedules, row.value).lowest_ppm
        row.exposure = add_saturating(row.exposure, term.amount)
        largest_note(out, term.amount, term.holding, &largest)


# Health of a UNIFIED unit. O(markets of the account).
cdef inline void unified_health(State* state, Unit* unit, Health* out) noexcept nogil:
    cdef slot_t slot = account_at(&state.accounts, unit.account).holdings, touched = NIL
    cdef Holding* holding
    cdef Market* market
    cdef Collateral* row
    state.risk.stamp += 1
    collateral_touch(state, unit, collateral_find(&state.risk, account_at(&state.accounts, unit.account).venue, unit.asset), &touched)
    # invariant: the positions and collateral before `slot` are in their rows
    while slot != NIL:
        holding = holding_at(&state.accounts, slot)
        market = market_at(state, holding.market)
        if market.kind == MARKET_SPOT:
            if market.collateral != NIL:
                collateral_touch(state, unit, market.collateral, &touched).holding = slot
        elif holding.position_lots:
            row = collateral_touch(state, unit, market.settles, &touched)
            row.net = add_saturating(row.net, unit_add_position(state, unit, holding, slot, out, &row.requirement, &row.initial))
            row.positions += 1
        elif is_gated(market, unit) and holding.desk != NIL and market.mark_ticks != NO_PRICE:
            row = collateral_touch(state, unit, market.settles, &touched)
            row.initial = add_saturating(row.initial, initial_at(state, market, unit, lots_with_orders(state, holding), market.mark_ticks))
        slot = holding.next_of_account
    terms_convert(state, out, state.risk.terms.count)
    while touched != NIL:
        row = collateral_at(&state.risk, touched)
        collateral_count(state, row, out)
        touched = row.touched_next


# ---- a unit ----

cdef inline void health_begin(State* state, Health* out) noexcept nogil:
    """An evaluation without anything in it yet; the terms of the last one are gone."""
    state.risk.terms.count = state.risk.terms_first = state.risk.terms_end = state.risk.terms_kept
    out.equity = out.requirement = out.initial = out.notional = 0
    out.equity_rounds = out.requirement_rounds = 0
    out.largest = NIL
    out.is_flat = out.is_known = 1
    out.has_products = 0


# Evaluate a unit at all published values (C-2, C-3). The terms stand in state.risk.terms until the next evaluation.
# O(markets of the account).
cdef inline outlined_int unit_health(State* state, slot_t slot, Health* out) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    health_begin(state, out)
    state.risk.evaluation_count += 1
    if account_at(&state.accounts, unit.account).mode == MODE_UNIFIED:
        unified_health(state, unit, out)
    else:
        own_health(state, unit, out)
    out.initial = max64(out.initial, out.requirement)
    state.risk.terms_end = state.risk.terms.count
    return 0


# Surplus to a boundary: below 0 the unit is beyond it (C-4). O(1).
cdef inline atoms_t surplus_to(Boundary* boundary, Health* health) noexcept nogil:
    cdef atoms_t needed
    if health.requirement == 0:
        return health.equity
    if boundary.at_or_below:
        if mul_div_floor(health.requirement, boundary.ratio_ppm, 1000000, &needed):
            needed = MONEY_BOUND
        needed = add_saturating(needed, 1)
    elif boundary.ratio_ppm == 1000000:
        needed = health.requirement
    elif mul_div_ceil(health.requirement, boundary.ratio_ppm, 1000000, &needed):
        needed = MONEY_BOUND
    return add_saturating(health.equity, -min64(needed, MONEY_BOUND))


# Number of boundaries that a unit is beyond (C-4); a flat one is free. O(boundaries).
cdef inline uint32_t ladder_state(MarginRules* rules, Health* health) noexcept nogil:
    cdef uint32_t i
    if health.is_flat:
        return 0
    for i in range(rules.count):
        if surplus_to(&rules.boundary[i], health) >= 0:
            return i
    return rules.count


# Health of all of an account's positions that settle in an asset; flat with the balance as equity where it has no unit. For views.
cdef inline outlined_int account_health(State* state, uint32_t account, uint32_t asset, Health* out) noexcept nogil:
    cdef slot_t slot = unit_find(state, account, asset)
    if slot != NIL:
        unit_health(state, slot, out)
        return 0
    out.equity = balance_at(&state.ledger, account, asset).atoms
    out.requirement = out.initial = out.notional = out.equity_rounds = out.requirement_rounds = 0
    out.largest = NIL
    out.is_flat = out.is_known = 1
    out.has_products = 0
    return 0
