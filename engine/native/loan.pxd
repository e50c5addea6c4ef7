# Loan: what a reserve's price, interest and cash are now, and what a loan is worth (Y-15 .. Y-18, Y-21).
#
#   account.loans -> loan_open -> entry_open            reserve_accrue -> indexes -> entry_claim, entry_owed -> loan_health -> loan_level_now
#
# Stands on: unit. Promises: indexes grow by Y-4 from the rate that stood; a health is at the stored indexes and the prices of now.

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.arith cimport *
from engine.native.book cimport NO_PRICE
from engine.native.ledger cimport *
from engine.native.lending_math cimport *
from engine.native.loans cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.prices cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.triggers cimport *
from engine.native.unit cimport check_queue
from engine.native.wide cimport *


# ---- finding ----

# The loan of an account at a protocol, NIL if it has none. O(loans of the account).
cdef inline slot_t loan_find(State* state, uint32_t account, uint32_t protocol) noexcept nogil:
    cdef slot_t slot = account_at(&state.accounts, account).loans
    while slot != NIL and loan_at(&state.lending, slot).protocol < protocol:
        slot = loan_at(&state.lending, slot).next_of_account
    return slot if slot != NIL and loan_at(&state.lending, slot).protocol == protocol else NIL


# As loan_find, made if need be. NIL without memory (not latched). O(loans of the account).
cdef inline slot_t loan_open(State* state, uint32_t account, uint32_t protocol) noexcept nogil:
    cdef slot_t slot = loan_find(state, account, protocol)
    cdef slot_t* link
    cdef Loan* loan
    if slot != NIL:
        return slot
    if slab_reserve(&state.lending.loans, 1):
        return NIL
    slot = slab_take(&state.lending.loans)
    loan = loan_at(&state.lending, slot)
    memset(loan, 0, sizeof(Loan))
    loan.first = loan.work_next = loan.work_prev = NIL
    loan.account = account
    loan.protocol = protocol
    link = &account_at(&state.accounts, account).loans
    while link[0] != NIL and loan_at(&state.lending, link[0]).protocol < protocol:
        link = &loan_at(&state.lending, link[0]).next_of_account
    loan.next_of_account = link[0]
    link[0] = slot
    return slot


# The entry of a loan in a reserve, made if need be. NIL without memory (not latched). O(entries).
cdef inline slot_t entry_open(State* state, slot_t loan, uint32_t reserve) noexcept nogil:
    cdef slot_t slot = entry_find(&state.lending, loan_at(&state.lending, loan), reserve)
    cdef slot_t* link
    cdef Entry* entry
    if slot != NIL:
        return slot
    if slab_reserve(&state.lending.entries, 1):
        return NIL
    slot = slab_take(&state.lending.entries)
    entry = entry_at(&state.lending, slot)
    entry.scaled_supply = entry.scaled_debt = 0
    entry.reserve = reserve
    entry.trigger[TRIGGER_FALL] = entry.trigger[TRIGGER_RISE] = entry.index_trigger[0] = entry.index_trigger[1] = NIL
    entry.anchor_ticks = 0
    link = &loan_at(&state.lending, loan).first
    while link[0] != NIL and entry_at(&state.lending, link[0]).reserve < reserve:
        link = &entry_at(&state.lending, link[0]).next
    entry.next = link[0]
    link[0] = slot
    return slot


# ---- a reserve ----

# What an asset's atoms are worth now (Y-16). 1 if that is unknown. O(1).
cdef inline bint reserve_price(State* state, Reserve* reserve, int64_t* price, int64_t* unit) noexcept nogil:
    cdef Market* market
    cdef int64_t ticks
    cdef time_ms_t published_ms
    price[0] = reserve.price
    unit[0] = reserve.unit
    if reserve.price_kind == PRICE_FIXED:
        return 0
    market = market_at(state, reserve.market)
    ticks = published_ticks(market, reserve.price_kind)
    published_ms = market.oracle_ms if reserve.price_kind == ORACLE_ORACLE else market.index_ms if reserve.price_kind == ORACLE_INDEX else market.mark_ms
    if ticks == NO_PRICE or (reserve.stale_ms and state.now_ms - published_ms > reserve.stale_ms):
        return 1
    return mul_overflows(ticks, reserve.price, price) or price[0] > LENDING_PRICE_MAX


cdef inline atoms_t reserve_cash(State* state, Reserve* reserve) noexcept nogil:
    """What may be paid out: the protocol's atoms less what is kept."""
    return max64(0, balance_at(&state.ledger, protocol_at(&state.lending, reserve.protocol).account, reserve.asset).atoms - (0 if planted(SLIP_KEPT_IS_CASH) else reserve.kept))


# An index in ppm, where triggers wait (Y-22).
cdef inline int32_t index_ppm(Wide index) noexcept nogil:
    cdef Wide ppm
    wide_mul_div(index, wide_of(1), wide_of(LENDING_PER_PPM), False, &ppm)
    return <int32_t>ppm.low


# A price or an index that loans wait on has another value: whom it reaches is looked at in the next phase 4 (Y-21). O(1) if it reaches nobody.
cdef inline void loan_series_moved(State* state, uint32_t series, int32_t value) noexcept nogil:
    if series_move(&state.lending.triggers, series, value, &state.lending.due):
        state.fault = FAULT_NO_MEMORY
    if state.lending.due.count:
        check_queue(state)


# Interest up to now at the rate that stood (Y-17). A step beyond the bound of an index changes no index. O(1).
cdef inline outlined_int reserve_accrue(State* state, uint32_t number) noexcept nogil:
    cdef Reserve* reserve = reserve_at(&state.lending, number)
    cdef time_ms_t dt_ms = state.now_ms - reserve.accrued_ms
    cdef LendingPool grown = reserve.pool
    cdef Wide most
    cdef atoms_t kept = 0
    reserve.accrued_ms = state.now_ms
    if dt_ms == 0 or reserve.rate == 0:
        return 0
    most = wide_product(INDEX_PPM_MOST, <uint64_t>LENDING_PER_PPM)
    if lending_accrue(&grown, reserve.rate, dt_ms, reserve.reserve_ppm, &kept):
        return 0
    if wide_compare(grown.borrow_index, most) > 0 or wide_compare(grown.supply_index, most) > 0:
        return 0
    reserve.pool = grown
    reserve.kept += 0 if planted(SLIP_INTEREST_NOT_KEPT) else kept
    loan_series_moved(state, 3 * number + LOAN_DEBT, index_ppm(grown.borrow_index))
    loan_series_moved(state, 3 * number + LOAN_SUPPLY, index_ppm(grown.supply_index))
    return 0


cdef inline void reserve_rerate(State* state, uint32_t number) noexcept nogil:
    """Its rate from now on, by utilisation (Y-17)."""
    cdef Reserve* reserve = reserve_at(&state.lending, number)
    cdef atoms_t debt = 0
    if scaled_atoms(reserve.pool.scaled_debt, reserve.pool.borrow_index, True, &debt):
        debt = LENDING_AMOUNT_MAX
    reserve.rate = lending_rate_of(&reserve.curve, lending_utilisation_of(reserve_cash(state, reserve), debt))


cdef inline void loan_accrue(State* state, slot_t slot) noexcept nogil:
    """Interest of every reserve that a loan has something in, ascending."""
    cdef slot_t entry
    if slot == NIL:
        return
    entry = loan_at(&state.lending, slot).first
    while entry != NIL:
        reserve_accrue(state, entry_at(&state.lending, entry).reserve)
        entry = entry_at(&state.lending, entry).next


# ---- an entry ----

# At the stored index. Beyond 2^61 they are held there, which no price that is known lets count. Cannot fail.
cdef inline atoms_t entry_claim(State* state, Entry* entry) noexcept nogil:
    cdef atoms_t atoms = 0
    if scaled_atoms(entry.scaled_supply, reserve_at(&state.lending, entry.reserve).pool.supply_index, False, &atoms):
        return LENDING_AMOUNT_MAX
    return atoms


cdef inline atoms_t entry_owed(State* state, Entry* entry) noexcept nogil:
    cdef atoms_t atoms = 0
    if scaled_atoms(entry.scaled_debt, reserve_at(&state.lending, entry.reserve).pool.borrow_index, True, &atoms):
        return LENDING_AMOUNT_MAX
    return atoms


cdef inline ReserveTerms* terms_of(Loan* loan, Reserve* reserve) noexcept nogil:
    """How an asset counts for this loan: by its mode or by itself (Y-8)."""
    return &reserve.moded if loan.mode and reserve.mode == loan.mode else &reserve.own


# ---- a loan ----

# What a loan is worth at prices of now and stored indexes: thresholds, or with `ltv` loan-to-value ratios (Y-7, Y-8). 1 if a price that
# counts is unknown, or a value is beyond its bound. O(entries).
cdef inline outlined_int loan_health(State* state, Loan* loan, bint ltv, LendingHealth* out) noexcept nogil:
    cdef slot_t slot = loan.first
    cdef Entry* entry
    cdef Reserve* reserve
    cdef LendingAmount amount
    cdef ReserveTerms* terms
    out.weighted = wide_of(0)
    out.collateral_value = out.debt_value = 0
    while slot != NIL:
        entry = entry_at(&state.lending, slot)
        slot = entry.next
        if entry.scaled_supply == 0 and entry.scaled_debt == 0:
            continue
        reserve = reserve_at(&state.lending, entry.reserve)
        terms = terms_of(loan, reserve)
        if reserve_price(state, reserve, &amount.price, &amount.unit):
            if entry.scaled_debt or terms.threshold_ppm:
                return 1
            continue
        if entry.scaled_supply and terms.threshold_ppm:
            amount.atoms = entry_claim(state, entry)
            if health_add_collateral(out, &amount, terms.ltv_ppm if ltv else terms.threshold_ppm):
                return 1
        if entry.scaled_debt:
            amount.atoms = entry_owed(state, entry)
            if health_add_debt(out, &amount):
                return 1
    return 0


cdef inline uint32_t level_last(Protocol* protocol) noexcept nogil:
    """The level at which a loan is liquidated."""
    return 2 if protocol.form == FORM_LOAN else 1


# The level of a health (Y-21). O(1).
cdef inline uint32_t level_of(Protocol* protocol, LendingHealth* health) noexcept nogil:
    if protocol.form == FORM_LOAN:
        return <uint32_t>loan_level_of(health, protocol.call_ppm, protocol.liquidation_ppm)
    return health.debt_value > 0 and health_compare(health, LENDING_MILLION) < 0


cdef inline bint loan_owes(State* state, Loan* loan) noexcept nogil:
    cdef slot_t slot = loan.first
    while slot != NIL:
        if entry_at(&state.lending, slot).scaled_debt:
            return 1
        slot = entry_at(&state.lending, slot).next
    return 0
