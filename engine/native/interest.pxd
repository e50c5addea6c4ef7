# Interest: what is owed grows at its time, for every borrower at once (L-13, decision 24).
#
#   liability --ceil--> borrower.owed += x, lender.owed -= x                 nobody lends: balance -x, insurance fund +x
#
# Stands on: arming. Promises: the owed amounts of an asset sum to 0 and atoms never appear; borrowers go by their number; each unit is
# looked at in the same event.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.arming cimport *
from engine.native.averages cimport PPB
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.recorder cimport *
from engine.native.risk cimport *
from engine.native.rows cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *

cdef extern from *:
    """
    #include <stdint.h>
    static const int64_t ENGINE_OWED_MOST = (int64_t)1 << 61;
    """
    const int64_t OWED_MOST "ENGINE_OWED_MOST"          # L-13: of what is owed, lent, lacking or in the fund


# Charge one account interest on what it lacks of an asset. Needs: both have a row of it. Cannot fail. O(markets of the account).
cdef inline void interest_charge(State* state, Collateral* terms, uint32_t account, uint32_t payee) noexcept nogil:
    cdef uint32_t asset = terms.asset
    cdef Balance* owner = balance_at(&state.ledger, account, asset)
    cdef Balance* other = balance_at(&state.ledger, payee, asset)
    cdef bint is_lent = terms.lender != NIL
    cdef atoms_t due = 0, room
    mul_div_ceil(max64(0, owner.owed) + max64(0, -owner.atoms), terms.loan_rate_ppb, PPB, &due)
    if is_lent:
        room = min64(OWED_MOST - owner.owed, OWED_MOST + other.owed)
    else:
        room = min64(OWED_MOST + owner.atoms, OWED_MOST - other.atoms)
    due = min64(due, room)
    if due <= 0:
        return
    venue_journal(state, JOURNAL_INTEREST, asset, <int32_t>account, payee, 0, 0, 0, terms.loan_rate_ppb, due)
    if is_lent:
        owner.owed += due
        other.owed -= due
    else:
        move_atoms(state, MOVEMENT_INTEREST, NO_MARKET, account, payee, asset, due)
    balance_wrote(state, account, asset)


# Interest on an asset falls due at a venue (phase 3), and will again. O(accounts, and the markets of those that lack the asset).
cdef inline void interest_settle(State* state, slot_t slot, uint32_t venue) noexcept nogil:
    cdef Collateral* terms = collateral_at(&state.risk, slot)
    cdef uint32_t payee = terms.lender if terms.lender != NIL else fund_of(state, venue)
    cdef uint32_t account
    cdef Account* owner
    cdef Balance* balance
    venue_schedule(state, state.now_ms + terms.loan_every_ms, PHASE_FUNDING, EVENT_INTEREST, slot, venue, 0)
    if ledger_open(&state.ledger, payee, terms.asset) or collateral_open(state, payee, terms.asset):
        state.fault = FAULT_NO_MEMORY
        return
    for account in range(state.ledger.account_count):
        owner = account_at(&state.accounts, account)
        if owner.mode != MODE_UNIFIED or owner.venue != venue or account == payee:
            continue
        balance = balance_at(&state.ledger, account, terms.asset)
        if balance.owed > 0 or balance.atoms < 0:
            interest_charge(state, terms, account, payee)
    balance_wrote(state, payee, terms.asset)


cdef inline void interest_begin(State* state, slot_t slot, uint32_t venue) noexcept nogil:
    """The first interest on an asset falls due at the next whole multiple of its interval."""
    cdef time_ms_t every_ms = collateral_at(&state.risk, slot).loan_every_ms
    venue_schedule(state, (floor_div(state.now_ms, every_ms) + 1) * every_ms, PHASE_FUNDING, EVENT_INTEREST, slot, venue, 0)
