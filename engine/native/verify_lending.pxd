# Verify lending: walk protocols, reserves and loans, and name the first broken invariant (Y-20, Y-21).
#
# Stands on: loan_arming. Reads only. For tests and debug builds: O(state).

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.ledger cimport *
from engine.native.lending_math cimport *
from engine.native.loan cimport *
from engine.native.loan_arming cimport *
from engine.native.loans cimport *
from engine.native.state cimport *
from engine.native.wide cimport *


# scaled supply * J + kept <= cash + scaled debt * I + deficit, exactly, in 10^-18 (Y-20).
cdef inline bint reserve_covers(State* state, Reserve* reserve) noexcept nogil:
    cdef atoms_t cash = balance_at(&state.ledger, protocol_at(&state.lending, reserve.protocol).account, reserve.asset).atoms
    cdef Wide left, right, part
    if cash < 0 or reserve.kept < 0 or reserve.deficit < 0:
        return 0
    if wide_mul_div(wide_of(reserve.pool.scaled_supply), reserve.pool.supply_index, wide_of(1), False, &left) \
            or wide_mul_div(wide_of(reserve.pool.scaled_debt), reserve.pool.borrow_index, wide_of(1), False, &right):
        return 0
    part = wide_product(<uint64_t>reserve.kept, <uint64_t>LENDING_ONE)
    if wide_add(left, part, &left):
        return 0
    part = wide_product(<uint64_t>cash, <uint64_t>LENDING_ONE)
    if wide_add(right, part, &right):
        return 0
    part = wide_product(<uint64_t>reserve.deficit, <uint64_t>LENDING_ONE)
    return not wide_add(right, part, &right) and wide_compare(left, right) <= 0


cdef inline int verify_reserves(State* state) noexcept nogil:
    """Scaled sums are those of the entries, and what is claimed is there."""
    cdef uint32_t i, j
    cdef int64_t supply, debt
    cdef Entry* entry
    cdef slot_t slot
    for i in range(state.lending.reserves.count):
        supply = debt = 0
        for j in range(state.lending.loans.count):
            slot = entry_find(&state.lending, loan_at(&state.lending, j), i)
            if slot != NIL:
                entry = entry_at(&state.lending, slot)
                supply += entry.scaled_supply
                debt += entry.scaled_debt
        if supply != reserve_at(&state.lending, i).pool.scaled_supply or debt != reserve_at(&state.lending, i).pool.scaled_debt \
                or not reserve_covers(state, reserve_at(&state.lending, i)):
            return FAULT_LENDING
    return FAULT_NONE


# Every loan stands where its health now says, unless it is due, or a price is unknown; the lists agree with the loans (Y-21).
cdef inline int verify_loans(State* state) noexcept nogil:
    cdef uint32_t i, level, working = 0, listed = 0
    cdef Loan* loan
    cdef LendingHealth health
    for i in range(state.lending.loans.count):
        loan = loan_at(&state.lending, i)
        working += loan.is_working
        if state.lending.due.count:
            continue
        if loan_health(state, loan, 0, &health):
            continue
        level = level_of(protocol_at(&state.lending, loan.protocol), &health)
        if level != loan.level or (level == level_last(protocol_at(&state.lending, loan.protocol))) != loan.is_working:
            return FAULT_LENDING
    for i in range(state.lending.protocols.count):
        listed += protocol_at(&state.lending, i).work_count
    return FAULT_NONE if working == listed else FAULT_LENDING


cdef inline int verify_lending(State* state) noexcept nogil:
    cdef int fault = verify_reserves(state)
    return fault if fault else verify_loans(state)
