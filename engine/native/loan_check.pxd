# Loan check (phase 4): loans whose price or index has reached a trigger, each once, and what follows from another level (Y-21).
#
#   due -> health now -> same level: armed anew
#                        worse: by (health, account) -> MARGIN_CALL or LIQUIDATION below the publications that took it -> borrower, watchers told
#
# Stands on: loan_arming, loan_liquidation, published, link.

from libc.stdlib cimport qsort

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.arith cimport *
from engine.native.lending_math cimport *
from engine.native.lineage cimport *
from engine.native.link cimport *
from engine.native.loan cimport *
from engine.native.loan_arming cimport *
from engine.native.loan_liquidation cimport lending_landmark
from engine.native.loans cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.published cimport publication_landmark
from engine.native.slab cimport *
from engine.native.state cimport *

cdef enum:
    LENDING_LINK = 0xFFFE0000    # stands for the market in the keys of a notice's draws

# A loan that stands worse than before.
cdef struct LoanChange:
    LendingHealth health
    slot_t loan
    uint32_t account
    uint32_t level


cdef inline int compare_loans(const void* x, const void* y) noexcept nogil:
    """Health ratio W / D ascending, then account, then loan (Y-21). Compared as W / (10^6 D) in 10^-9, floored: ties by account."""
    cdef const LoanChange* a = <const LoanChange*>x
    cdef const LoanChange* b = <const LoanChange*>y
    cdef int64_t of_a = health_ppm(&a.health), of_b = health_ppm(&b.health)
    if of_a != of_b and not planted(SLIP_WORK_BY_ACCOUNT):
        return -1 if of_a < of_b else 1
    if a.account != b.account:
        return -1 if a.account < b.account else 1
    return -1 if a.loan < b.loan else 1


# ---- causes ----

# What the move of an entry's price since its triggers were set has taken from the loan, value atoms. O(1).
cdef inline atoms_t entry_took(State* state, Loan* loan, Entry* entry) noexcept nogil:
    cdef Reserve* reserve = reserve_at(&state.lending, entry.reserve)
    cdef atoms_t held = 0, owed = 0, took = 0
    cdef int64_t atom = 0, ticks
    if reserve.price_kind == PRICE_FIXED or entry.anchor_ticks <= 0 or entry_values(state, loan, entry, -1, &held, &owed, &atom):
        return 0
    ticks = published_ticks(market_at(state, reserve.market), reserve.price_kind)
    if ticks == NO_PRICE or mul_div_floor(held - owed, entry.anchor_ticks - ticks, ticks, &took):
        return 0
    return max64(0, took)


# The publications behind a loan's fall: the heaviest is the parent of its landmark, the others share by what they took (G-15). O(entries).
cdef inline uint32_t loan_landmark(State* state, LoanChange* change, uint16_t kind) noexcept nogil:
    cdef Loan* loan = loan_at(&state.lending, change.loan)
    cdef slot_t slot = loan.first, heaviest = NIL
    cdef atoms_t took, most = 0, total = 0
    cdef int64_t weight = 0
    cdef uint32_t parent = 0, market = NIL, landmark, shares = 0
    cdef Reserve* reserve
    while slot != NIL:                   # causes are recorded before what they caused
        took = entry_took(state, loan, entry_at(&state.lending, slot))
        if took:
            reserve = reserve_at(&state.lending, entry_at(&state.lending, slot).reserve)
            publication_landmark(state, reserve.market, reserve.price_kind)
            total = add_saturating(total, took)
            if took > most:
                most = took
                heaviest = slot
        slot = entry_at(&state.lending, slot).next
    if heaviest != NIL:
        reserve = reserve_at(&state.lending, entry_at(&state.lending, heaviest).reserve)
        market = reserve.market
        parent = publication_landmark(state, reserve.market, reserve.price_kind)
    loan.liquidation = 0
    landmark = lending_landmark(state, kind, loan, market, parent, change.health.collateral_value - change.health.debt_value)
    slot = loan.first
    while slot != NIL and landmark:
        if slot != heaviest:
            took = entry_took(state, loan, entry_at(&state.lending, slot))
            mul_div_floor(took, WEIGHT_ONE_PPM, max64(1, total), &weight)
            if weight:
                reserve = reserve_at(&state.lending, entry_at(&state.lending, slot).reserve)
                if lineage_share(&state.lineage, landmark, shares, publication_landmark(state, reserve.market, reserve.price_kind), <uint32_t>weight):
                    state.fault = FAULT_NO_MEMORY
                shares += 1
        slot = entry_at(&state.lending, slot).next
    return landmark


# ---- telling ----

cdef inline void loan_tell(State* state, uint32_t number, uint32_t protocol, uint32_t level, slot_t watcher, uint32_t cause) noexcept nogil:
    """Tell an agent of a level, or that there is work at a protocol it watches."""
    cdef Agent* agent = agent_at(state, number)
    cdef Notice* notice = notice_on(state, agent, number, agent_desk(state, agent), LENDING_LINK, NOTICE_LOAN)
    if notice == NULL:
        return
    notice.market = protocol
    notice.side = <int8_t>level
    notice.slot = watcher
    notice.cause = cause
    notice.number = notice.lots = notice.leaves_lots = 0
    notice.price_ticks = 0
    notice.generation = 0


# Tell the watchers of a protocol that there is work, those to whom no such notice is on its way. O(watchers).
cdef inline void watchers_tell(State* state, uint32_t number, uint32_t cause) noexcept nogil:
    cdef slot_t slot = protocol_at(&state.lending, number).watchers
    cdef ProtocolWatcher* watcher
    while slot != NIL:
        watcher = <ProtocolWatcher*>(state.lending.watchers.base) + slot
        if not watcher.is_told:
            watcher.is_told = 1
            loan_tell(state, watcher.agent, number, 0, slot, cause)
        slot = (<ProtocolWatcher*>(state.lending.watchers.base) + slot).next


# ---- the check ----

# A loan stands worse: its landmark, who is told, the work list. O(entries).
cdef inline void loan_falls(State* state, LoanChange* change) noexcept nogil:
    cdef Loan* loan = loan_at(&state.lending, change.loan)
    cdef Protocol* protocol = protocol_at(&state.lending, loan.protocol)
    cdef bint is_last = change.level == level_last(protocol)
    cdef uint32_t landmark = loan_landmark(state, change, LANDMARK_LIQUIDATION if is_last else LANDMARK_MARGIN_CALL)
    cdef uint32_t agent = account_at(&state.accounts, loan.account).agent
    loan.level = <uint8_t>change.level
    if agent != NIL and agent_at(state, agent).hears & HEARS_LOANS:
        loan_tell(state, agent, loan.protocol, change.level, NIL, landmark)
    loan_arm(state, change.loan)
    if not is_last:
        return
    loan.liquidation = landmark
    if not loan.is_working:
        work_join(state, change.loan)
    watchers_tell(state, loan.protocol, landmark)
    if protocol.form == FORM_LOAN and protocol.seller != NIL and not protocol.sale_is_queued:
        protocol.sale_is_queued = 1
        venue_schedule(state, state.now_ms, PHASE_LIQUIDATION, EVENT_SALE, loan.protocol, 0, landmark)


# Evaluate one loan that is due. 1 without memory. O(entries).
cdef inline bint loan_look(State* state, slot_t slot, Slab* changes) noexcept nogil:
    cdef Loan* loan = loan_at(&state.lending, slot)
    cdef Protocol* protocol = protocol_at(&state.lending, loan.protocol)
    cdef LoanChange* change
    cdef LendingHealth health
    cdef uint32_t level
    state.lending.check_count += 1
    if loan_settled(state, slot):
        return 0
    if loan_health(state, loan, 0, &health):
        loan_arm(state, slot)
        return 0
    level = level_of(protocol, &health)
    if level > loan.level:
        if slab_reserve(changes, 1):
            return 1
        change = <LoanChange*>slab_at(changes, slab_take(changes))
        change.health = health
        change.loan = slot
        change.account = loan.account
        change.level = level
        return 0
    if loan.is_working and level < level_last(protocol):
        work_leave(state, slot)
    loan.level = <uint8_t>level
    loan_arm(state, slot)
    return 0


# The check of a millisecond. O(loans that are due).
cdef inline outlined_int loans_check(State* state) noexcept nogil:
    cdef Slab changes
    cdef uint32_t i, count = state.lending.due.count
    cdef uint32_t* due = <uint32_t*>state.lending.due.base
    slab_init(&changes, sizeof(LoanChange), 0)
    for i in range(count):
        if i + LOAN_AHEAD < count:
            prefetch(loan_at(&state.lending, due[i + LOAN_AHEAD]))
            keep()
        if loan_at(&state.lending, due[i]).is_due:
            continue
        loan_at(&state.lending, due[i]).is_due = 1
        if loan_look(state, due[i], &changes):
            state.fault = FAULT_NO_MEMORY
    for i in range(count):
        loan_at(&state.lending, due[i]).is_due = 0
    state.lending.due.count = 0
    if changes.count > 1:
        qsort(changes.base, changes.count, sizeof(LoanChange), &compare_loans)
    for i in range(changes.count):
        loan_falls(state, <LoanChange*>slab_at(&changes, i))
    slab_release(&changes)
    return 0
