# Loan arming: how far each price and index may move before a loan is looked at again (Y-22), and the list of those at their last level.
#
#   loan_wrote, loans_check -> level -> bands towards the worse and the better one -> triggers of its entries        last: on the work list
#
# Stands on: loan. Promises: inside its bands a loan stands where it stood, whatever moves within them together (the budget is that of
# section E: linear terms of one variable, debt of a priced asset a product of two).


from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.lending_math cimport *
from engine.native.loan cimport *
from engine.native.loans cimport *
from engine.native.planted cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.triggers cimport *
from engine.native.unit cimport check_queue
from engine.native.wide cimport *

cdef enum:
    INDEX_SHARE = 64             # an index gets so small a part of the budget: it moves a thousandth of what prices do

# What a loan's surplus is made of, at one boundary.
cdef struct Stakes:
    atoms_t surplus              # above it, value atoms
    atoms_t slack                # what roundings, and a ppm of each index, may take
    atoms_t pull                 # surplus that a move of all variables by their whole value would take, products with their cross terms
    bint has_products


cdef inline void loan_due(State* state, slot_t slot) noexcept nogil:
    """Look at a loan in the next phase 4. Cannot fail; latched."""
    if slab_reserve(&state.lending.due, 1):
        state.fault = FAULT_NO_MEMORY
        return
    (<uint32_t*>(state.lending.due.base))[slab_take(&state.lending.due)] = slot
    check_queue(state)


# A series has moved: reserves that it prices tell the loans that wait there. O(reserves of the series).
cdef inline outlined_int reserves_moved(State* state, uint32_t market, uint32_t kind, int64_t ticks) noexcept nogil:
    cdef uint32_t at = 3 * market + kind - 1
    cdef slot_t number
    if at >= state.lending.series_first.count:
        return 0
    number = (<uint32_t*>(state.lending.series_first.base))[at]
    while number != NIL:
        loan_series_moved(state, 3 * number + LOAN_PRICE, <int32_t>ticks)
        number = reserve_at(&state.lending, number).next_priced
    return 0


# ---- the work list ----

cdef inline void work_join(State* state, slot_t slot) noexcept nogil:
    """To the end of its protocol's list. Needs: it is on none."""
    cdef Loan* loan = loan_at(&state.lending, slot)
    cdef Protocol* protocol = protocol_at(&state.lending, loan.protocol)
    loan.is_working = 1
    loan.work_next = NIL
    loan.work_prev = protocol.work_last
    if protocol.work_last == NIL:
        protocol.work_first = slot
    else:
        loan_at(&state.lending, protocol.work_last).work_next = slot
    protocol.work_last = slot
    protocol.work_count += 1


cdef inline void work_leave(State* state, slot_t slot) noexcept nogil:
    cdef Loan* loan = loan_at(&state.lending, slot)
    cdef Protocol* protocol = protocol_at(&state.lending, loan.protocol)
    if not loan.is_working:
        return
    if loan.work_prev == NIL:
        protocol.work_first = loan.work_next
    else:
        loan_at(&state.lending, loan.work_prev).work_next = loan.work_next
    if loan.work_next == NIL:
        protocol.work_last = loan.work_prev
    else:
        loan_at(&state.lending, loan.work_next).work_prev = loan.work_prev
    loan.is_working = 0
    loan.work_next = loan.work_prev = NIL
    protocol.work_count -= 1


# ---- bands ----

cdef inline void entry_disarm(State* state, Entry* entry) noexcept nogil:
    trigger_drop(&state.lending.triggers, &entry.trigger[TRIGGER_FALL])
    trigger_drop(&state.lending.triggers, &entry.trigger[TRIGGER_RISE])
    trigger_drop(&state.lending.triggers, &entry.index_trigger[0])
    trigger_drop(&state.lending.triggers, &entry.index_trigger[1])


cdef inline void loan_disarm(State* state, slot_t slot) noexcept nogil:
    """Take a loan out of the index. O(entries)."""
    cdef slot_t entry = loan_at(&state.lending, slot).first
    while entry != NIL:
        entry_disarm(state, entry_at(&state.lending, entry))
        entry = entry_at(&state.lending, entry).next


# What an entry's collateral counts towards the boundary, its share rounded up, and what its debt is worth. 1 if its price is unknown.
cdef inline bint entry_values(State* state, Loan* loan, Entry* entry, int64_t share_ppm, atoms_t* held, atoms_t* owed, int64_t* atom) noexcept nogil:
    cdef Reserve* reserve = reserve_at(&state.lending, entry.reserve)
    cdef int64_t threshold = terms_of(loan, reserve).threshold_ppm
    cdef LendingAmount amount
    held[0] = owed[0] = atom[0] = 0
    if reserve_price(state, reserve, &amount.price, &amount.unit):
        return entry.scaled_debt > 0 or (entry.scaled_supply > 0 and threshold > 0)
    atom[0] = ceil_div(amount.price, amount.unit)
    atom[0] = add_saturating(atom[0], ceil_div(atom[0], 8))      # what an atom is worth wherever the box lets its price go
    if entry.scaled_supply and threshold:
        amount.atoms = entry_claim(state, entry)
        if lending_value(&amount, False, held):
            return 1
        mul_div_ceil(held[0], share_ppm if share_ppm >= 0 else threshold, LENDING_MILLION, held)
    if entry.scaled_debt:
        amount.atoms = entry_owed(state, entry)
        if lending_value(&amount, True, owed):
            return 1
    return 0


# What a value gives to the pull: it moves with its price and with an index. (1 + r)(1 + r / 64) - 1 <= r (1 + 9 / 512) for r <= 1 / 8.
cdef inline atoms_t pull_of(State* state, Entry* entry, atoms_t value, Stakes* out) noexcept nogil:
    cdef int64_t product = 0
    if reserve_at(&state.lending, entry.reserve).price_kind == PRICE_FIXED:
        return ceil_div(value, INDEX_SHARE)
    out.has_products = 1
    mul_div_ceil(value, 521, 512, &product)
    return product


# The stakes of a loan at a boundary: `share_ppm` of collateral counts, -1: by its thresholds. 1 if a price is unknown. O(entries).
cdef inline bint loan_stakes(State* state, Loan* loan, int64_t share_ppm, Stakes* out) noexcept nogil:
    cdef slot_t slot = loan.first
    cdef Entry* entry
    cdef atoms_t held = 0, owed = 0, sum_held = 0, sum_owed = 0
    cdef int64_t atom = 0
    out.slack = 1
    out.pull = 0
    out.has_products = 0
    while slot != NIL:
        entry = entry_at(&state.lending, slot)
        slot = entry.next
        if entry_values(state, loan, entry, share_ppm, &held, &owed, &atom):
            return 1
        if held:
            sum_held = add_saturating(sum_held, held)
            out.slack = add_saturating(out.slack, add_saturating(atom + 2, ceil_div(held, LENDING_MILLION)))
            out.pull = add_saturating(out.pull, pull_of(state, entry, held, out))
        if owed:
            sum_owed = add_saturating(sum_owed, owed)
            out.slack = add_saturating(out.slack, add_saturating(atom + 2, ceil_div(owed, LENDING_MILLION)))
            out.pull = add_saturating(out.pull, pull_of(state, entry, owed, out))
    out.surplus = sum_held - sum_owed
    return 0


cdef inline int64_t box_part(int64_t value, atoms_t budget, atoms_t pull, bint is_bounded) noexcept nogil:
    """How far a variable may move: floor(value * rho)."""
    cdef int64_t part = 0
    if mul_div_floor(value, budget, max64(1, pull), &part):
        part = value
    return min64(part, floor_div(value, 8)) if is_bounded else min64(part, value)


cdef inline void entry_wait(State* state, Entry* entry, int side, int64_t at, slot_t loan) noexcept nogil:
    """A trigger on an entry's price, the nearer one if there are two."""
    cdef slot_t* slot = &entry.trigger[side]
    cdef int32_t now
    if at < 1 or at >= TRIGGER_NONE_UP:
        return
    if slot[0] != NIL and trigger_at(&state.lending.triggers, slot[0]).bucket != NIL:
        now = trigger_at(&state.lending.triggers, slot[0]).at
        if (now >= at) if side == TRIGGER_FALL else (now <= at):
            return
    if trigger_set(&state.lending.triggers, slot, 3 * entry.reserve + LOAN_PRICE, side, <int32_t>at, loan):
        state.fault = FAULT_NO_MEMORY


# A trigger on an index, which only rises. A ppm of it is part of the slack, so that it may move within the one it stands in; without a
# budget any step may matter, and the next one is looked at.
cdef inline void index_wait(State* state, Entry* entry, int series, Wide index, atoms_t budget, Stakes* stakes, slot_t loan) noexcept nogil:
    cdef int64_t ppm = index_ppm(index), far
    far = floor_div(box_part(ppm, budget, stakes.pull, stakes.has_products), INDEX_SHARE) + 1 if budget else 0
    if ppm + far < TRIGGER_NONE_UP and trigger_set(&state.lending.triggers, &entry.index_trigger[series - LOAN_DEBT], 3 * entry.reserve + series,
                                                   TRIGGER_RISE, <int32_t>(ppm + far), loan):
        state.fault = FAULT_NO_MEMORY


# Set the triggers of one boundary: `loses` fears it from above, else it hopes for it from below. O(entries).
cdef inline void bands_of(State* state, slot_t slot, Stakes* stakes, bint loses) noexcept nogil:
    cdef Loan* loan = loan_at(&state.lending, slot)
    cdef atoms_t budget = max64(0, (stakes.surplus if loses else -stakes.surplus) - (0 if planted(SLIP_LOAN_SLACK_LEFT_OUT) else stakes.slack))
    cdef slot_t at = loan.first
    cdef Entry* entry
    cdef Reserve* reserve
    cdef int64_t ticks, far
    while at != NIL:
        entry = entry_at(&state.lending, at)
        at = entry.next
        reserve = reserve_at(&state.lending, entry.reserve)
        if reserve.price_kind != PRICE_FIXED and (entry.scaled_debt or (entry.scaled_supply and terms_of(loan, reserve).threshold_ppm)):
            ticks = published_ticks(market_at(state, reserve.market), reserve.price_kind)
            far = box_part(ticks, budget, stakes.pull, stakes.has_products) + 1
            entry.anchor_ticks = <int32_t>ticks
            if entry.scaled_supply and terms_of(loan, reserve).threshold_ppm:
                entry_wait(state, entry, TRIGGER_FALL if loses else TRIGGER_RISE, ticks - far if loses else ticks + far, slot)
            if entry.scaled_debt:
                entry_wait(state, entry, TRIGGER_RISE if loses else TRIGGER_FALL, ticks + far if loses else ticks - far, slot)
        if entry.scaled_debt and loses and not planted(SLIP_LOAN_INDEX_UNSEEN):
            index_wait(state, entry, LOAN_DEBT, reserve.pool.borrow_index, budget, stakes, slot)
        if entry.scaled_supply and not loses:
            index_wait(state, entry, LOAN_SUPPLY, reserve.pool.supply_index, budget, stakes, slot)


cdef inline void loan_wait_for_price(State* state, slot_t slot) noexcept nogil:
    """A price is unknown: any publication looks at it again. O(entries)."""
    cdef slot_t at = loan_at(&state.lending, slot).first
    cdef Entry* entry
    while at != NIL:
        entry = entry_at(&state.lending, at)
        at = entry.next
        if reserve_at(&state.lending, entry.reserve).price_kind != PRICE_FIXED and (entry.scaled_debt or entry.scaled_supply):
            entry_wait(state, entry, TRIGGER_FALL, TRIGGER_NONE_UP - 1, slot)


# Set every trigger of a loan anew, for the level that it has (Y-22). O(entries).
cdef inline outlined_int loan_arm(State* state, slot_t slot) noexcept nogil:
    cdef Loan* loan = loan_at(&state.lending, slot)
    cdef Protocol* protocol = protocol_at(&state.lending, loan.protocol)
    cdef Stakes stakes
    cdef int64_t share = -1
    state.lending.arm_count += 1
    loan_disarm(state, slot)
    if not loan_owes(state, loan):
        return 0
    if loan.level < level_last(protocol):
        if protocol.form == FORM_LOAN:
            share = protocol.liquidation_ppm if loan.level else protocol.call_ppm
        if loan_stakes(state, loan, share, &stakes):
            loan_wait_for_price(state, slot)
            return 0
        stakes.slack += protocol.form == FORM_LOAN           # at the boundary it is beyond it
        bands_of(state, slot, &stakes, 1)
    if loan.level and not planted(SLIP_LOAN_GAIN_UNSEEN):    # back over the better one
        if protocol.form == FORM_LOAN:
            share = protocol.call_ppm if loan.level == 1 else protocol.liquidation_ppm
        if loan_stakes(state, loan, share, &stakes):
            loan_wait_for_price(state, slot)
            return 0
        bands_of(state, slot, &stakes, 0)
    return 0


# A loan is its entries that are not empty. Needs: its reserves have their rates. O(entries).
cdef inline void loan_prune(State* state, slot_t slot) noexcept nogil:
    cdef slot_t* link
    cdef slot_t at
    if slot == NIL:
        return
    link = &loan_at(&state.lending, slot).first
    while link[0] != NIL:
        at = link[0]
        if entry_at(&state.lending, at).scaled_supply or entry_at(&state.lending, at).scaled_debt:
            link = &entry_at(&state.lending, at).next
            continue
        link[0] = entry_at(&state.lending, at).next
        entry_disarm(state, entry_at(&state.lending, at))
        slab_give(&state.lending.entries, at)


# A loan that owes nothing is free, whatever prices are known. Whether it does. O(entries).
cdef inline bint loan_settled(State* state, slot_t slot) noexcept nogil:
    if loan_owes(state, loan_at(&state.lending, slot)):
        return 0
    loan_at(&state.lending, slot).level = 0
    work_leave(state, slot)
    loan_disarm(state, slot)
    return 1


# An action has changed a loan: its level now, and its triggers, in the same event. One that stands worse than before is left to the
# next check of phase 4, which says why. O(entries).
cdef inline outlined_int loan_wrote(State* state, slot_t slot) noexcept nogil:
    cdef Loan* loan = loan_at(&state.lending, slot)
    cdef Protocol* protocol = protocol_at(&state.lending, loan.protocol)
    cdef LendingHealth health
    cdef uint32_t level
    loan_prune(state, slot)
    if loan_settled(state, slot):
        return 0
    if loan_health(state, loan, 0, &health):
        loan_arm(state, slot)
        return 0
    level = level_of(protocol, &health)
    if level > loan.level:
        loan_due(state, slot)
        return 0
    if level < level_last(protocol):
        work_leave(state, slot)
    loan.level = <uint8_t>level
    loan_arm(state, slot)
    return 0
