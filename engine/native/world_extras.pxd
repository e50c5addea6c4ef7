# World extras: what lending, pools, issuers and routes add to a world's digest and checks (J-4).
#
# Stands on: loan, pools, issuers. A word only where there is something to say: a world without them has the digest it had.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.digest cimport *
from engine.native.issuers cimport *
from engine.native.lending_math cimport *
from engine.native.loan cimport *
from engine.native.loans cimport *
from engine.native.pools cimport *
from engine.native.state cimport *
from engine.native.verify_issuers cimport *
from engine.native.verify_pools cimport pools_digest, verify_pools
from engine.native.wide cimport *


cdef inline uint64_t digest_wide(uint64_t h, Wide wide) noexcept nogil:
    return digest_word(digest_word(h, <int64_t>wide.low), <int64_t>wide.high)


cdef inline uint64_t reserve_digest(uint64_t h, Reserve* reserve) noexcept nogil:
    h = digest_wide(digest_wide(h, reserve.pool.supply_index), reserve.pool.borrow_index)
    h = digest_word(digest_word(h, reserve.pool.scaled_supply), reserve.pool.scaled_debt)
    h = digest_word(digest_word(h, reserve.kept), reserve.deficit)
    return digest_word(digest_word(h, reserve.rate), reserve.accrued_ms)


cdef inline uint64_t loans_digest(State* state, uint64_t h, uint32_t account) noexcept nogil:
    """Loans of an account that have something, their level and mode, and what they have."""
    cdef slot_t slot = account_at(&state.accounts, account).loans, at
    cdef Loan* loan
    cdef Entry* entry
    while slot != NIL:
        loan = loan_at(&state.lending, slot)
        slot = loan.next_of_account
        at = loan.first
        while at != NIL:
            entry = entry_at(&state.lending, at)
            if entry.scaled_supply or entry.scaled_debt:
                h = digest_word(digest_word(digest_word(h, -12), account), entry.reserve)
                h = digest_word(digest_word(h, entry.scaled_supply), entry.scaled_debt)
            at = entry.next
        if loan.level or loan.mode:
            h = digest_word(digest_word(digest_word(h, -13), loan.level), loan.mode)
    return h


cdef inline uint64_t extras_digest(State* state, uint64_t h) noexcept nogil:
    cdef uint32_t i
    for i in range(state.lending.reserves.count):
        h = reserve_digest(digest_word(h, -11), reserve_at(&state.lending, i))
    if state.lending.loans.count:
        for i in range(state.ledger.account_count):
            h = loans_digest(state, h, i)
    return issuers_digest(state, pools_digest(&state.amm, h))


cdef inline int extras_verify(State* state) noexcept nogil:
    cdef int fault = verify_pools(state)
    return fault if fault else issuers_verify(state)
