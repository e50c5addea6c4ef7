# Loan sale: a centralised lender sells the collateral of a loan at its last level into the spot book, one loan at a time (Y-23).
#
#   phase 5: settle what was sent -> next loan of the work list -> collateral to the seller -> market order (phase 8) -> ... -> debt repaid, or burned
#
# Stands on: loan_liquidation, venue. Promises: between two steps the seller owns exactly what belongs to the loan being sold.

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.arith cimport *
from engine.native.ledger cimport *
from engine.native.lend cimport *
from engine.native.lending_math cimport *
from engine.native.lineage cimport *
from engine.native.loan cimport *
from engine.native.loan_arming cimport *
from engine.native.loan_liquidation cimport *
from engine.native.loans cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.recorder cimport *
from engine.native.spend cimport *
from engine.native.state cimport *
from engine.native.venue cimport *

cdef enum:
    LOAN_HAS_NOTHING = 1         # of sale_begins: no collateral that could be sold
    LOAN_WAITS = 2               # the protocol has lent it out
    SALE_PAUSE_MS = 1000         # after a step that fetched nothing: an empty book is asked once a second, not each millisecond


cdef inline qty_t sale_lots(State* state, Protocol* protocol, Reserve* reserve, atoms_t claim) noexcept nogil:
    """Whole lots of a claim that one step sells: the share that is said, at least one."""
    cdef Market* market = market_at(state, reserve.sale_market)
    cdef qty_t whole = floor_div(claim, market.base_atoms_per_lot), lots
    cdef atoms_t part = 0
    mul_div_floor(claim, protocol.sale_ppm, LENDING_MILLION, &part)
    lots = min64(whole, max64(1, floor_div(part, market.base_atoms_per_lot)))
    return min64(lots, market.book.qty_max)


# The entry whose collateral is sold next: most value, ties the lower reserve. NIL: nothing of it makes a lot. O(entries).
cdef inline slot_t sale_entry(State* state, Protocol* protocol, Loan* loan) noexcept nogil:
    cdef slot_t slot = loan.first, best = NIL
    cdef Entry* entry
    cdef Reserve* reserve
    cdef LendingAmount amount
    cdef atoms_t value = 0, most = -1
    while slot != NIL:
        entry = entry_at(&state.lending, slot)
        reserve = reserve_at(&state.lending, entry.reserve)
        amount.atoms = entry_claim(state, entry)
        if terms_of(loan, reserve).threshold_ppm and reserve.sale_market != NIL and sale_lots(state, protocol, reserve, amount.atoms) > 0 \
                and not reserve_price(state, reserve, &amount.price, &amount.unit) and not lending_value(&amount, False, &value) and value > most:
            most = value
            best = slot
        slot = entry.next
    return best


# Nothing is left that could be sold: what is too small becomes the lender's, what is owed is burned (Y-23). O(entries).
cdef inline void sale_bare(State* state, slot_t slot) noexcept nogil:
    cdef Loan* loan = loan_at(&state.lending, slot)
    cdef slot_t at = loan.first
    cdef Entry* entry
    cdef atoms_t claim, burned
    while at != NIL:
        entry = entry_at(&state.lending, at)
        at = entry.next
        if entry.scaled_supply and terms_of(loan, reserve_at(&state.lending, entry.reserve)).threshold_ppm:
            claim = entry_claim(state, entry)
            entry_take(state, entry, claim)
            reserve_at(&state.lending, entry.reserve).kept += claim
    burned = loan_burn(state, loan, 0)
    lending_landmark(state, LANDMARK_BAD_DEBT, loan, NIL, loan.liquidation, burned)
    loan_rerate(state, slot)
    loan_wrote(state, slot)


# Send the next part of a loan's collateral to the book. LOAN_HAS_NOTHING if there is none. O(entries).
cdef inline int sale_begins(State* state, uint32_t number, slot_t slot) noexcept nogil:
    cdef Protocol* protocol = protocol_at(&state.lending, number)
    cdef Loan* loan = loan_at(&state.lending, slot)
    cdef slot_t at = sale_entry(state, protocol, loan)
    cdef Entry* entry
    cdef Reserve* reserve
    cdef atoms_t atoms
    cdef qty_t lots
    cdef uint32_t step
    if at == NIL:
        return LOAN_HAS_NOTHING
    entry = entry_at(&state.lending, at)
    reserve = reserve_at(&state.lending, entry.reserve)
    lots = min64(sale_lots(state, protocol, reserve, entry_claim(state, entry)),
                 floor_div(reserve_cash(state, reserve), market_at(state, reserve.sale_market).base_atoms_per_lot))
    if lots < 1:
        return LOAN_WAITS
    atoms = lots * market_at(state, reserve.sale_market).base_atoms_per_lot
    venue_journal(state, JOURNAL_SALE, number, <int32_t>loan.account, 0, 1, 0, 0, 0, 0)
    if may_get(state, protocol.seller, reserve.asset):
        state.fault = FAULT_NO_MEMORY
        return 0
    entry_take(state, entry, atoms)
    spend(state, MOVEMENT_LENDING, protocol.account, protocol.seller, reserve.asset, atoms)
    step = lending_landmark(state, LANDMARK_STEP, loan, reserve.sale_market, loan.liquidation, lots)
    loan_rerate(state, slot)
    protocol.sold = slot
    protocol.sold_reserve = entry.reserve
    protocol.sale_is_queued = 1
    venue_send(state, protocol.seller, reserve.sale_market, SIDE_SELL, ORDER_IS_MARKET, 0, lots, state.now_ms, step)
    venue_schedule(state, state.now_ms + 1, PHASE_LIQUIDATION, EVENT_SALE, number, 0, step)
    return 0


cdef inline bint sale_fetched(State* state, Protocol* protocol) noexcept nogil:
    """Whether the seller has got anything for what it sent."""
    cdef uint32_t market = reserve_at(&state.lending, protocol.sold_reserve).sale_market
    return balance_at(&state.ledger, protocol.seller, market_at(state, market).quote_asset).atoms > 0


# What the seller fetched repays the loan, the rest is the borrower's; what was not sold goes back. O(entries).
cdef inline void sale_settles(State* state, uint32_t number) noexcept nogil:
    cdef Protocol* protocol = protocol_at(&state.lending, number)
    cdef slot_t slot = protocol.sold, at
    cdef Loan* loan = loan_at(&state.lending, slot)
    cdef Reserve* reserve = reserve_at(&state.lending, protocol.sold_reserve)
    cdef uint32_t quote = market_at(state, reserve.sale_market).quote_asset, debt
    cdef atoms_t fetched = balance_at(&state.ledger, protocol.seller, quote).atoms, unsold = balance_at(&state.ledger, protocol.seller, reserve.asset).atoms, paid = 0
    protocol.sold = NIL
    venue_journal(state, JOURNAL_SALE, number, <int32_t>loan.account, 0, -1, 0, 0, 0, 0)
    reserve_accrue(state, protocol.sold_reserve)
    loan_accrue(state, slot)
    at = entry_open(state, slot, protocol.sold_reserve)
    if at == NIL:
        state.fault = FAULT_NO_MEMORY
        return
    if unsold:
        spend(state, MOVEMENT_LENDING, protocol.seller, protocol.account, reserve.asset, unsold)
        if planted(SLIP_UNSOLD_KEPT) or entry_add(state, entry_at(&state.lending, at), False, unsold):
            reserve.kept += unsold
    debt = reserve_find(&state.lending, protocol, quote)
    at = NIL if debt == NIL else entry_find(&state.lending, loan, debt)
    if at != NIL and fetched:
        paid = min64(fetched, entry_owed(state, entry_at(&state.lending, at)))
        entry_repay(state, entry_at(&state.lending, at), paid)
        spend(state, MOVEMENT_LENDING, protocol.seller, protocol.account, quote, paid)
        protocol.repaid_value += paid
    if fetched > paid:
        if may_get(state, loan.account, quote):
            state.fault = FAULT_NO_MEMORY
            return
        spend(state, MOVEMENT_LENDING, protocol.seller, protocol.account if planted(SLIP_SALE_REST_KEPT) else loan.account, quote, fetched - paid)
    protocol.liquidation_count += 1
    reserve_rerate(state, protocol.sold_reserve)
    loan_rerate(state, slot)
    loan_wrote(state, slot)
    if loan.is_working:                  # the next one's turn
        work_leave(state, slot)
        work_join(state, slot)


# A step of a protocol's forced sale (phase 5): settle what was sent, and sell what comes next. O(loans that have recovered, entries).
cdef inline void sale_step(State* state, uint32_t number) noexcept nogil:
    cdef Protocol* protocol = protocol_at(&state.lending, number)
    cdef LendingHealth health
    cdef slot_t slot
    cdef time_ms_t pause_ms
    cdef int begun
    protocol.sale_is_queued = 0
    if protocol.sold != NIL:
        pause_ms = protocol.sale_ms if sale_fetched(state, protocol) else max64(protocol.sale_ms, SALE_PAUSE_MS)
        sale_settles(state, number)
        if pause_ms > 1 and protocol.work_first != NIL:
            protocol.sale_is_queued = 1
            venue_schedule(state, state.now_ms + pause_ms - 1, PHASE_LIQUIDATION, EVENT_SALE, number, 0, 0)
            return
    # invariant: whoever was looked at has left the list, or is being sold
    while protocol.work_first != NIL and state.fault == FAULT_NONE:
        slot = protocol.work_first
        loan_accrue(state, slot)
        loan_rerate(state, slot)
        loan_wrote(state, slot)
        if not loan_at(&state.lending, slot).is_working:
            continue
        if loan_health(state, loan_at(&state.lending, slot), 0, &health):
            protocol.sale_is_queued = 1          # a price is unknown: again later
            venue_schedule(state, state.now_ms + max64(1, protocol.sale_ms), PHASE_LIQUIDATION, EVENT_SALE, number, 0, 0)
            return
        begun = sale_begins(state, number, slot)
        if begun == LOAN_WAITS:
            protocol.sale_is_queued = 1
            venue_schedule(state, state.now_ms + max64(1, protocol.sale_ms), PHASE_LIQUIDATION, EVENT_SALE, number, 0, 0)
        if begun != LOAN_HAS_NOTHING:
            return
        sale_bare(state, slot)
        if loan_at(&state.lending, slot).is_working:
            work_leave(state, slot)
