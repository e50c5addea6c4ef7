# Loan liquidation: what a liquidator repays and is given (Y-19), and what stays unpaid.
#
#   plan (reads) -> execute: debt down, collateral down, fee kept -- nothing left? -> what is owed is burned: deficit, or the suppliers' loss
#
# Stands on: lend. Promises: a plan changes nothing; what an execution takes from a loan is what it moves, keeps or books as deficit (Y-20).

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.arith cimport *
from engine.native.ledger cimport *
from engine.native.lend cimport *
from engine.native.lending_math cimport *
from engine.native.lineage cimport *
from engine.native.loan cimport *
from engine.native.loan_arming cimport *
from engine.native.loans cimport *
from engine.native.planted cimport *
from engine.native.recorder cimport *
from engine.native.spend cimport *
from engine.native.state cimport *

# What a liquidation would do.
cdef struct LoanPlan:
    LendingAmount held           # the collateral
    LendingAmount owed           # the debt
    Seizure seizure
    slot_t loan
    slot_t held_entry
    slot_t owed_entry


# A landmark of lending: on the market that the loan's liquidation names, else on `market`. 0 where the world has no market.
cdef inline uint32_t lending_landmark(State* state, uint16_t kind, Loan* loan, uint32_t market, uint32_t parent, int64_t value) noexcept nogil:
    if state.markets.count == 0:
        return 0
    if loan.liquidation:
        market = landmark_at(&state.lineage, loan.liquidation).market
    return venue_landmark(state, kind, 0 if market == NIL else market, <int32_t>loan.account, parent, value)


cdef inline int lending_refusal(int reason) noexcept nogil:
    """LendingReason as ActionReason."""
    if reason == LENDING_HEALTHY:
        return REFUSED_HEALTHY
    if reason == LENDING_NOTHING:
        return REFUSED_NOTHING
    if reason == LENDING_DUST:
        return REFUSED_DUST
    return REFUSED_SHORT if reason == LENDING_SHORT else REFUSED_BOUND


cdef inline bint loan_holds_else(State* state, Loan* loan, uint32_t reserve) noexcept nogil:
    """Whether a loan has collateral in another reserve."""
    cdef slot_t slot = loan.first
    cdef Entry* entry
    while slot != NIL:
        entry = entry_at(&state.lending, slot)
        if entry.reserve != reserve and entry.scaled_supply and terms_of(loan, reserve_at(&state.lending, entry.reserve)).threshold_ppm:
            return 1
        slot = entry.next
    return 0


# What repaying `cover` of one debt for one collateral would do, at stored indexes and prices of now (Y-10, Y-12). ActionReason; reads only.
# O(entries).
cdef inline int loan_plan(State* state, slot_t slot, uint32_t owed_reserve, uint32_t held_reserve, atoms_t cover, LoanPlan* plan) noexcept nogil:
    cdef Loan* loan = loan_at(&state.lending, slot)
    cdef Protocol* protocol = protocol_at(&state.lending, loan.protocol)
    cdef LendingHealth health
    cdef LendingTerms terms = protocol.terms
    cdef ReserveTerms* counts = terms_of(loan, reserve_at(&state.lending, held_reserve))
    cdef int reason
    plan.loan = slot
    plan.owed_entry = entry_find(&state.lending, loan, owed_reserve)
    plan.held_entry = entry_find(&state.lending, loan, held_reserve)
    if loan_health(state, loan, 0, &health) \
            or reserve_price(state, reserve_at(&state.lending, owed_reserve), &plan.owed.price, &plan.owed.unit) \
            or reserve_price(state, reserve_at(&state.lending, held_reserve), &plan.held.price, &plan.held.unit):
        return REFUSED_UNKNOWN_PRICE
    if health.debt_value == 0 or health_compare(&health, LENDING_MILLION) >= 0:
        return REFUSED_HEALTHY
    if plan.owed_entry == NIL or plan.held_entry == NIL or counts.threshold_ppm == 0 \
            or entry_at(&state.lending, plan.owed_entry).scaled_debt == 0 or entry_at(&state.lending, plan.held_entry).scaled_supply == 0:
        return REFUSED_NOTHING
    plan.owed.atoms = entry_owed(state, entry_at(&state.lending, plan.owed_entry))
    plan.held.atoms = entry_claim(state, entry_at(&state.lending, plan.held_entry))
    terms.bonus_ppm = counts.bonus_ppm
    if protocol.form == FORM_AAVE:
        reason = aave_liquidate(&plan.held, &plan.owed, cover, &health, &terms, &plan.seizure)
    else:
        reason = morpho_liquidate(&plan.held, plan.owed.atoms, cover, counts.threshold_ppm, &plan.seizure)
    if reason:
        return lending_refusal(reason)
    if plan.seizure.is_bare and loan_holds_else(state, loan, held_reserve) and not planted(SLIP_BARE_BY_ONE):
        plan.seizure.is_bare = 0
        plan.seizure.deficit = 0
    return REFUSED_NOTHING if plan.seizure.repaid == 0 else ACTION_DONE


# Suppliers bear a loss, as far as they have claims; what is beyond is deficit (Y-12).
cdef inline void suppliers_lose(State* state, uint32_t number, atoms_t loss) noexcept nogil:
    cdef Reserve* reserve = reserve_at(&state.lending, number)
    cdef atoms_t claims = 0, borne
    scaled_atoms(reserve.pool.scaled_supply, reserve.pool.supply_index, False, &claims)
    borne = min64(loss, claims)
    index_lose(&reserve.pool.supply_index, reserve.pool.scaled_supply, borne)
    reserve.deficit += loss - borne


# Burn all that a loan owes (Y-19): booked as deficit, or borne by suppliers. Returns what was burned, value atoms. O(entries).
cdef inline atoms_t loan_burn(State* state, Loan* loan, bint is_borne) noexcept nogil:
    cdef slot_t slot = loan.first
    cdef Entry* entry
    cdef Reserve* reserve
    cdef LendingAmount amount
    cdef atoms_t owed, value = 0, total = 0
    while slot != NIL:
        entry = entry_at(&state.lending, slot)
        slot = entry.next
        if entry.scaled_debt == 0:
            continue
        reserve = reserve_at(&state.lending, entry.reserve)
        owed = entry_owed(state, entry)
        amount.atoms = owed
        if not reserve_price(state, reserve, &amount.price, &amount.unit) and not lending_value(&amount, True, &value):
            total = add_saturating(total, value)
        entry_repay(state, entry, owed)
        if is_borne:
            suppliers_lose(state, entry.reserve, owed)
        elif not planted(SLIP_DEFICIT_FORGOTTEN):
            reserve.deficit += owed
    return total


# Do what was planned; the debt's atoms come from `payer`, the collateral goes to `payer`. Needs: it may give and get them. O(entries).
cdef inline void loan_execute(State* state, LoanPlan* plan, uint32_t payer, uint32_t cause, ActionResult* out) noexcept nogil:
    cdef Loan* loan = loan_at(&state.lending, plan.loan)
    cdef Protocol* protocol = protocol_at(&state.lending, loan.protocol)
    cdef Entry* held = entry_at(&state.lending, plan.held_entry)
    cdef Entry* owed = entry_at(&state.lending, plan.owed_entry)
    cdef Reserve* reserve = reserve_at(&state.lending, held.reserve)
    cdef LendingAmount repaid = plan.owed
    cdef atoms_t value = 0, burned
    cdef uint32_t step, market = reserve.market if reserve.price_kind != PRICE_FIXED else NIL
    repaid.atoms = plan.seizure.repaid
    lending_value(&repaid, True, &value)
    protocol.liquidation_count += 1
    protocol.repaid_value += value
    entry_repay(state, owed, plan.seizure.repaid)
    entry_take(state, held, plan.seizure.seized)
    reserve.kept += 0 if planted(SLIP_FEE_NOT_KEPT) else plan.seizure.fee
    spend(state, MOVEMENT_LENDING, payer, protocol.account, reserve_at(&state.lending, owed.reserve).asset, plan.seizure.repaid)
    spend(state, MOVEMENT_LENDING, protocol.account, payer, reserve.asset, plan.seizure.seized - plan.seizure.fee)
    step = lending_landmark(state, LANDMARK_STEP, loan, market, loan.liquidation if loan.liquidation else cause, plan.seizure.repaid)
    if plan.seizure.is_bare:
        burned = loan_burn(state, loan, protocol.form == FORM_MORPHO)
        if burned:
            lending_landmark(state, LANDMARK_BAD_DEBT, loan, market, step, burned)
    out.paid = plan.seizure.repaid
    out.got = plan.seizure.seized - plan.seizure.fee
    out.landmark = step


# The loan that an action names, its reserves' interest accrued: NIL if there is none, or a reserve is not the protocol's.
cdef inline slot_t loan_named(State* state, Action* action, uint32_t* owed_reserve, uint32_t* held_reserve) noexcept nogil:
    cdef Protocol* protocol = protocol_at(&state.lending, action.target)
    cdef slot_t slot = loan_find(state, action.party, action.target)
    owed_reserve[0] = reserve_find(&state.lending, protocol, action.asset)
    held_reserve[0] = reserve_find(&state.lending, protocol, action.other)
    if slot == NIL or owed_reserve[0] == NIL or held_reserve[0] == NIL or loan_at(&state.lending, slot).first == NIL:
        return NIL
    reserve_accrue(state, owed_reserve[0])
    reserve_accrue(state, held_reserve[0])
    loan_accrue(state, slot)
    return slot


cdef inline void loan_done(State* state, slot_t slot, uint32_t owed_reserve, uint32_t held_reserve, bint is_done) noexcept nogil:
    """After an action at a loan, done or refused: rates; where it was done, level and triggers."""
    reserve_rerate(state, owed_reserve)
    reserve_rerate(state, held_reserve)
    loan_rerate(state, slot)
    if is_done:
        loan_wrote(state, slot)


# Liquidate (Y-19, Aave and Morpho). ActionReason. O(entries).
cdef inline outlined_int liquidate_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    cdef uint32_t owed_reserve = NIL, held_reserve = NIL
    cdef Protocol* protocol = protocol_at(&state.lending, action.target)
    cdef LoanPlan plan
    cdef slot_t slot
    cdef int reason
    if protocol.form != FORM_AAVE and protocol.form != FORM_MORPHO:
        return REFUSED_CLOSED
    if action.atoms < 1:
        return REFUSED_NOTHING
    if action.atoms > ACTION_ALL:
        return REFUSED_BOUND
    slot = loan_named(state, action, &owed_reserve, &held_reserve)
    if slot == NIL:
        return REFUSED_NO_SUCH
    reason = loan_plan(state, slot, owed_reserve, held_reserve, action.atoms, &plan)
    if reason == ACTION_DONE:
        if plan.seizure.seized - plan.seizure.fee < action.least:
            reason = REFUSED_BELOW_MINIMUM
        elif plan.seizure.seized - plan.seizure.fee > reserve_cash(state, reserve_at(&state.lending, held_reserve)):
            reason = REFUSED_NO_CASH
        else:
            reason = may_give(state, action.account, action.asset, plan.seizure.repaid)
    if reason == ACTION_DONE and may_get(state, action.account, action.other):
        reason = REFUSED_NO_MEMORY
    if reason == ACTION_DONE:
        loan_execute(state, &plan, action.account, action.cause, out)
    loan_done(state, slot, owed_reserve, held_reserve, reason == ACTION_DONE)
    return reason


# ---- Compound v3 ----

cdef inline uint32_t comet_base(State* state, Protocol* protocol) noexcept nogil:
    """The one reserve that a Comet lends, NIL without."""
    cdef uint32_t i
    for i in range(protocol.reserve_first, protocol.reserve_first + protocol.reserve_count):
        if reserve_at(&state.lending, i).is_lent:
            return i
    return NIL


# What all collateral of a loan counts when it is absorbed, value atoms. Needs: its prices are known. O(entries).
cdef inline atoms_t comet_credits(State* state, Loan* loan) noexcept nogil:
    cdef slot_t slot = loan.first
    cdef Entry* entry
    cdef LendingAmount amount
    cdef ReserveTerms* terms
    cdef atoms_t credit = 0
    while slot != NIL:
        entry = entry_at(&state.lending, slot)
        slot = entry.next
        terms = terms_of(loan, reserve_at(&state.lending, entry.reserve))
        if entry.scaled_supply == 0 or terms.threshold_ppm == 0:
            continue
        reserve_price(state, reserve_at(&state.lending, entry.reserve), &amount.price, &amount.unit)
        amount.atoms = entry_claim(state, entry)
        credit += comet_credit(&amount, LENDING_MILLION - terms.bonus_ppm)
    return credit


# All collateral of a loan becomes the protocol's. O(entries).
cdef inline void comet_seize(State* state, Loan* loan) noexcept nogil:
    cdef slot_t slot = loan.first
    cdef Entry* entry
    cdef atoms_t claim
    while slot != NIL:
        entry = entry_at(&state.lending, slot)
        slot = entry.next
        if entry.scaled_supply == 0 or terms_of(loan, reserve_at(&state.lending, entry.reserve)).threshold_ppm == 0:
            continue
        claim = entry_claim(state, entry)
        entry_take(state, entry, claim)
        reserve_at(&state.lending, entry.reserve).kept += claim


# Absorb (Y-13, Y-19). ActionReason. O(entries).
cdef inline outlined_int absorb_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    cdef Protocol* protocol = protocol_at(&state.lending, action.target)
    cdef slot_t slot = loan_find(state, action.party, action.target), entry
    cdef uint32_t base = comet_base(state, protocol)
    cdef Reserve* reserve
    cdef LendingHealth health
    cdef LendingAmount debt
    cdef Absorption done
    cdef Loan* loan
    cdef int reason
    if protocol.form != FORM_COMET or base == NIL:
        return REFUSED_CLOSED
    if slot == NIL or loan_at(&state.lending, slot).first == NIL:
        return REFUSED_NO_SUCH
    reserve_accrue(state, base)
    loan_accrue(state, slot)
    loan = loan_at(&state.lending, slot)
    entry = entry_find(&state.lending, loan, base)
    reserve = reserve_at(&state.lending, base)
    if entry == NIL or entry_at(&state.lending, entry).scaled_debt == 0:
        reason = REFUSED_HEALTHY
    elif loan_health(state, loan, 0, &health) or reserve_price(state, reserve, &debt.price, &debt.unit):
        reason = REFUSED_UNKNOWN_PRICE
    else:
        debt.atoms = entry_owed(state, entry_at(&state.lending, entry))
        reason = comet_absorption(&debt, &health, comet_credits(state, loan), &done)
        reason = lending_refusal(reason) if reason else <int>ACTION_DONE
    if reason == ACTION_DONE:
        comet_seize(state, loan)
        entry_repay(state, entry_at(&state.lending, entry), debt.atoms)
        reserve.deficit += debt.atoms
        if done.left and not planted(SLIP_ABSORBED_LEFT_LOST) and entry_add(state, entry_at(&state.lending, entry), False, done.left) == ACTION_DONE:
            reserve.deficit += done.left
        protocol.liquidation_count += 1
        protocol.repaid_value += health.debt_value
        out.landmark = lending_landmark(state, LANDMARK_STEP, loan, NIL, loan.liquidation if loan.liquidation else action.cause, debt.atoms)
        if done.loss:
            lending_landmark(state, LANDMARK_BAD_DEBT, loan, NIL, out.landmark, done.loss)
    loan_done(state, slot, base, base, reason == ACTION_DONE)
    return reason


# Buy collateral at the storefront (Y-13, Y-19). ActionReason. O(1).
cdef inline outlined_int buy_collateral_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    cdef Protocol* protocol = protocol_at(&state.lending, action.target)
    cdef uint32_t base = reserve_find(&state.lending, protocol, action.asset), sold = reserve_find(&state.lending, protocol, action.other)
    cdef Reserve* paid
    cdef Reserve* held
    cdef atoms_t got = 0, fills
    cdef int reason
    if protocol.form != FORM_COMET:
        return REFUSED_CLOSED
    if base == NIL or sold == NIL or base == sold:
        return REFUSED_NO_SUCH
    if action.atoms < 1:
        return REFUSED_NOTHING
    if action.atoms > ACTION_ALL:
        return REFUSED_BOUND
    paid = reserve_at(&state.lending, base)
    held = reserve_at(&state.lending, sold)
    reserve_accrue(state, base)
    reserve_accrue(state, sold)
    reason = storefront_check(state, action, protocol, base, sold, &got)
    if reason == ACTION_DONE:
        fills = 0 if planted(SLIP_STOREFRONT_FILLS_LAST) else min64(action.atoms, paid.deficit)
        paid.deficit -= fills
        paid.kept += action.atoms - fills
        held.kept -= got
        spend(state, MOVEMENT_LENDING, action.account, protocol.account, action.asset, action.atoms)
        spend(state, MOVEMENT_LENDING, protocol.account, action.account, action.other, got)
        out.paid = action.atoms
        out.got = got
    reserve_rerate(state, base)
    reserve_rerate(state, sold)
    return reason


# What a payment would buy, *got. ActionReason. O(1).
cdef inline int storefront_check(State* state, Action* action, Protocol* protocol, uint32_t base, uint32_t sold, atoms_t* got) noexcept nogil:
    cdef Reserve* paid = reserve_at(&state.lending, base)
    cdef Reserve* held = reserve_at(&state.lending, sold)
    cdef LendingAmount give, stock
    cdef int reason
    if not paid.is_lent or paid.kept - paid.deficit >= protocol.target:
        return REFUSED_CLOSED
    if reserve_price(state, paid, &give.price, &give.unit) or reserve_price(state, held, &stock.price, &stock.unit):
        return REFUSED_UNKNOWN_PRICE
    give.atoms = action.atoms
    stock.atoms = held.kept
    if comet_buy(&give, &stock, protocol.store_front_ppm, LENDING_MILLION - held.own.bonus_ppm, got):
        return REFUSED_SHORT
    if got[0] == 0:
        return REFUSED_NOTHING
    if got[0] < action.least:
        return REFUSED_BELOW_MINIMUM
    reason = may_give(state, action.account, action.asset, action.atoms)
    if reason:
        return reason
    return REFUSED_NO_MEMORY if may_get(state, action.account, action.other) else ACTION_DONE
