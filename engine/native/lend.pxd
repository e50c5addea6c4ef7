# Lend: supply, withdraw, borrow, repay, mode (Y-17, Y-18).
#
#   names and amounts -> interest up to now -> may it? -> scaled balances and sums -> atoms -> the loan's level and triggers
#
# Stands on: loan_arming, spend. Promises: refused, nothing but accrued interest has changed; the sums of a reserve are those of its entries.

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.arith cimport *
from engine.native.ledger cimport *
from engine.native.lending_math cimport *
from engine.native.loan cimport *
from engine.native.loan_arming cimport *
from engine.native.loans cimport *
from engine.native.planted cimport *
from engine.native.recorder cimport *
from engine.native.spend cimport *
from engine.native.state cimport *

# Who acts where: the protocol, the reserve, the loan concerned and its entry.
cdef struct Deal:
    uint32_t reserve
    slot_t loan                  # NIL: it has none
    slot_t entry                 # NIL: none in the reserve


cdef inline void loan_rerate(State* state, slot_t slot) noexcept nogil:
    """Rates from now on of every reserve that a loan has something in."""
    cdef slot_t entry
    if slot == NIL:
        return
    entry = loan_at(&state.lending, slot).first
    while entry != NIL:
        reserve_rerate(state, entry_at(&state.lending, entry).reserve)
        entry = entry_at(&state.lending, entry).next


cdef inline void deal_find(State* state, Action* action, uint32_t account, Deal* deal) noexcept nogil:
    """The loan and entry of an account in the deal's reserve."""
    deal.loan = loan_find(state, account, action.target)
    deal.entry = NIL if deal.loan == NIL else entry_find(&state.lending, loan_at(&state.lending, deal.loan), deal.reserve)


# The deal's loan and entry, made if need be. REFUSED_NO_MEMORY otherwise.
cdef inline int deal_open(State* state, Action* action, uint32_t account, Deal* deal) noexcept nogil:
    deal.loan = loan_open(state, account, action.target)
    if deal.loan == NIL:
        return REFUSED_NO_MEMORY
    deal.entry = entry_open(state, deal.loan, deal.reserve)
    return REFUSED_NO_MEMORY if deal.entry == NIL else ACTION_DONE


# Whether a loan may stand as it is now: after a loan by its loan-to-value ratios, else as its form has it (Y-18). ActionReason. O(entries).
cdef inline int loan_stands(State* state, slot_t slot, bint by_ltv) noexcept nogil:
    cdef Loan* loan = loan_at(&state.lending, slot)
    cdef uint32_t form = protocol_at(&state.lending, loan.protocol).form
    cdef LendingHealth health
    if not loan_owes(state, loan):
        return ACTION_DONE
    by_ltv = by_ltv or form == FORM_COMET or form == FORM_LOAN
    if loan_health(state, loan, by_ltv, &health):
        return REFUSED_UNKNOWN_PRICE
    return REFUSED_UNHEALTHY if health_compare(&health, LENDING_MILLION) < 0 else ACTION_DONE


# ---- scaled balances, with their sums ----

# Add atoms to an entry's supply, or to its debt. REFUSED_BOUND: unchanged.
cdef inline int entry_add(State* state, Entry* entry, bint is_debt, atoms_t atoms) noexcept nogil:
    cdef LendingPool* pool = &reserve_at(&state.lending, entry.reserve).pool
    cdef int64_t* scaled = &entry.scaled_debt if is_debt else &entry.scaled_supply
    cdef int64_t* total = &pool.scaled_debt if is_debt else &pool.scaled_supply
    cdef int64_t before = scaled[0]
    cdef atoms_t all_atoms = 0
    if scaled_add(scaled, pool.borrow_index if is_debt else pool.supply_index, atoms, is_debt):
        return REFUSED_BOUND
    total[0] += scaled[0] - before
    if total[0] > LENDING_AMOUNT_MAX or scaled_atoms(total[0], pool.borrow_index if is_debt else pool.supply_index, True, &all_atoms):
        total[0] -= scaled[0] - before
        scaled[0] = before
        return REFUSED_BOUND
    return ACTION_DONE


cdef inline void entry_take(State* state, Entry* entry, atoms_t atoms) noexcept nogil:
    """Take at most its claim from an entry's supply. Cannot fail."""
    cdef LendingPool* pool = &reserve_at(&state.lending, entry.reserve).pool
    cdef int64_t before = entry.scaled_supply
    scaled_withdraw(&entry.scaled_supply, pool.supply_index, atoms)
    pool.scaled_supply -= before - entry.scaled_supply


cdef inline void entry_repay(State* state, Entry* entry, atoms_t atoms) noexcept nogil:
    """Take a repayment from an entry's debt. Cannot fail."""
    cdef LendingPool* pool = &reserve_at(&state.lending, entry.reserve).pool
    cdef int64_t before = entry.scaled_debt
    cdef atoms_t paid
    scaled_repay(&entry.scaled_debt, pool.borrow_index, atoms, &paid)
    pool.scaled_debt -= before - entry.scaled_debt


# ---- actions ----

cdef inline int lend_supply(State* state, Action* action, Deal* deal, ActionResult* out) noexcept nogil:
    cdef Reserve* reserve = reserve_at(&state.lending, deal.reserve)
    cdef int reason
    cdef atoms_t claims = 0
    cdef int64_t before
    if reserve.pool.supply_index.low == 0 and reserve.pool.supply_index.high == 0:
        return REFUSED_CLOSED
    reason = may_give(state, action.account, action.asset, action.atoms)
    if reason:
        return reason
    if scaled_atoms(reserve.pool.scaled_supply, reserve.pool.supply_index, False, &claims) or action.atoms > reserve.supply_cap - (0 if planted(SLIP_CAP_COUNTS_NOTHING) else claims):
        return REFUSED_CAP
    reason = deal_open(state, action, action.account, deal)
    if reason:
        return reason
    before = entry_at(&state.lending, deal.entry).scaled_supply
    reason = entry_add(state, entry_at(&state.lending, deal.entry), False, action.atoms)
    if reason:
        return reason
    if entry_at(&state.lending, deal.entry).scaled_supply == before:
        return REFUSED_NOTHING
    spend(state, MOVEMENT_LENDING, action.account, protocol_at(&state.lending, action.target).account, action.asset, action.atoms)
    out.paid = action.atoms
    return ACTION_DONE


cdef inline int lend_withdraw(State* state, Action* action, Deal* deal, ActionResult* out) noexcept nogil:
    cdef Reserve* reserve = reserve_at(&state.lending, deal.reserve)
    cdef Entry before
    cdef LendingPool pool = reserve.pool
    cdef Entry* entry
    cdef int reason
    cdef atoms_t atoms = action.atoms, claim
    claim = 0 if deal.entry == NIL else entry_claim(state, entry_at(&state.lending, deal.entry))
    if atoms == ACTION_ALL:
        atoms = claim
    if atoms == 0:
        return REFUSED_NOTHING
    if atoms > claim:
        return REFUSED_SHORT
    if atoms > reserve_cash(state, reserve):
        return REFUSED_NO_CASH
    if may_get(state, action.account, action.asset):
        return REFUSED_NO_MEMORY
    entry = entry_at(&state.lending, deal.entry)
    before = entry[0]
    entry_take(state, entry, atoms)
    reason = ACTION_DONE if planted(SLIP_WITHDRAWAL_UNASKED) else loan_stands(state, deal.loan, 0)
    if reason:
        entry[0] = before
        reserve.pool = pool
        return reason
    spend(state, MOVEMENT_LENDING, protocol_at(&state.lending, action.target).account, action.account, action.asset, atoms)
    out.got = atoms
    return ACTION_DONE


cdef inline int lend_borrow(State* state, Action* action, Deal* deal, ActionResult* out) noexcept nogil:
    cdef Reserve* reserve = reserve_at(&state.lending, deal.reserve)
    cdef Entry before
    cdef LendingPool pool
    cdef int reason
    cdef atoms_t owed = 0
    cdef int64_t price, unit
    if not reserve.is_lent:
        return REFUSED_CLOSED
    if scaled_atoms(reserve.pool.scaled_debt, reserve.pool.borrow_index, True, &owed) or action.atoms > reserve.borrow_cap - owed:
        return REFUSED_CAP
    if action.atoms > reserve_cash(state, reserve):
        return REFUSED_NO_CASH
    if deal.loan != NIL and loan_at(&state.lending, deal.loan).mode and reserve.mode != loan_at(&state.lending, deal.loan).mode:
        return REFUSED_CLOSED                # its mode lends other assets (Y-8)
    if deal.loan == NIL or loan_at(&state.lending, deal.loan).first == NIL:      # nothing stands behind it
        return REFUSED_UNKNOWN_PRICE if reserve_price(state, reserve, &price, &unit) else REFUSED_UNHEALTHY
    if deal_open(state, action, action.account, deal) or may_get(state, action.account, action.asset):
        return REFUSED_NO_MEMORY
    pool = reserve.pool
    before = entry_at(&state.lending, deal.entry)[0]
    reason = entry_add(state, entry_at(&state.lending, deal.entry), True, action.atoms)
    if reason:
        return reason
    reason = loan_stands(state, deal.loan, not planted(SLIP_BORROW_BY_THRESHOLD))
    if reason:
        entry_at(&state.lending, deal.entry)[0] = before
        reserve.pool = pool
        return reason
    spend(state, MOVEMENT_LENDING, protocol_at(&state.lending, action.target).account, action.account, action.asset, action.atoms)
    out.got = action.atoms
    return ACTION_DONE


cdef inline int lend_repay(State* state, Action* action, Deal* deal, ActionResult* out) noexcept nogil:
    cdef Entry* entry
    cdef int reason
    cdef atoms_t atoms
    if deal.entry == NIL or entry_at(&state.lending, deal.entry).scaled_debt == 0:
        return REFUSED_NOTHING
    entry = entry_at(&state.lending, deal.entry)
    atoms = min64(action.atoms, entry_owed(state, entry))
    reason = may_give(state, action.account, action.asset, atoms)
    if reason:
        return reason
    entry_repay(state, entry, atoms)
    spend(state, MOVEMENT_LENDING, action.account, protocol_at(&state.lending, action.target).account, action.asset, atoms)
    out.paid = atoms
    return ACTION_DONE


# Another mode for an account: its debts must be of it, and its loan must stand (Y-18). O(entries).
cdef inline int lend_mode(State* state, Action* action) noexcept nogil:
    cdef slot_t slot = loan_open(state, action.account, action.target), at
    cdef Loan* loan
    cdef uint8_t before
    cdef int reason = ACTION_DONE
    if slot == NIL:
        return REFUSED_NO_MEMORY
    if action.atoms < 0 or action.atoms > 255:
        return REFUSED_NO_SUCH
    loan_accrue(state, slot)
    loan = loan_at(&state.lending, slot)
    before = loan.mode
    loan.mode = <uint8_t>action.atoms
    at = loan.first
    while at != NIL:
        if entry_at(&state.lending, at).scaled_debt and loan.mode and reserve_at(&state.lending, entry_at(&state.lending, at).reserve).mode != loan.mode:
            reason = REFUSED_CLOSED
        at = entry_at(&state.lending, at).next
    if reason == ACTION_DONE:
        reason = loan_stands(state, slot, 0)
    if reason:
        loan.mode = before
    else:
        loan_wrote(state, slot)
    loan_rerate(state, slot)
    return reason


# Supply, withdraw, borrow or repay (Y-18). ActionReason; refused, only interest has accrued. O(entries of the loan).
cdef inline outlined_int lend_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    cdef Deal deal
    cdef int reason
    cdef uint32_t whose = action.party if action.kind == ACTION_REPAY else action.account
    if action.kind == ACTION_MODE:
        return lend_mode(state, action)
    deal.reserve = reserve_find(&state.lending, protocol_at(&state.lending, action.target), action.asset)
    if deal.reserve == NIL:
        return REFUSED_NO_SUCH
    if action.atoms < 1:
        return REFUSED_NOTHING
    if action.atoms > ACTION_ALL:
        return REFUSED_BOUND
    deal_find(state, action, whose, &deal)
    if not planted(SLIP_INTEREST_AT_NEW_RATE):
        reserve_accrue(state, deal.reserve)
        loan_accrue(state, deal.loan)
    if action.kind == ACTION_SUPPLY:
        reason = lend_supply(state, action, &deal, out)
    elif action.kind == ACTION_WITHDRAW:
        reason = lend_withdraw(state, action, &deal, out)
    elif action.kind == ACTION_BORROW:
        reason = lend_borrow(state, action, &deal, out)
    else:
        reason = lend_repay(state, action, &deal, out)
    reserve_rerate(state, deal.reserve)
    loan_rerate(state, deal.loan)
    if planted(SLIP_INTEREST_AT_NEW_RATE):
        reserve_accrue(state, deal.reserve)
    if reason == ACTION_DONE and not planted(SLIP_LOAN_WRITE_UNSEEN):
        loan_wrote(state, deal.loan)
    else:
        loan_prune(state, deal.loan)         # a refused action may have opened an entry
    return reason
