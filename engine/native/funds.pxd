# Funds: money that enters, leaves or is lent: deposits, withdrawals, loans, isolated margin (L-2, L-11, L-12, C-6).
#
#   outside <-> balance        lender.balance -> borrower.balance, and owed: borrower +x, lender -x        balance <-> unit.margin_atoms
#
# Stands on: settle. Promises: what is refused changes nothing; after each of them L-2 holds, the owed amounts of an asset sum to 0,
# and the unit's triggers are set anew.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.arming cimport *
from engine.native.health cimport *
from engine.native.isolated cimport *
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.recorder cimport *
from engine.native.risk cimport *
from engine.native.rows cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *

cdef enum FundsFault:
    FUNDS_DONE = 0
    FUNDS_LACKING = 1            # the account has not that much free
    FUNDS_FROZEN = 2             # it is in liquidation
    FUNDS_UNKNOWN = 3            # a price that would decide is unknown or stale
    FUNDS_NO_LENDER = 4          # the asset is not lent at this venue
    FUNDS_OWES_LESS = 5          # more than is owed
    FUNDS_NO_MEMORY = 6
    FUNDS_NO_UNIT = 7            # no isolated position there
    FUNDS_BOUND = 8              # beyond the bound of an amount


# What an account may take out of its balance of an asset: what is free, and no more than leaves its unit its initial requirement.
# Returns FundsFault for taking `atoms`. O(markets of the account).
cdef inline outlined_int funds_check(State* state, uint32_t account, uint32_t asset, atoms_t atoms) noexcept nogil:
    cdef Balance* balance = balance_at(&state.ledger, account, asset)
    cdef slot_t slot = unit_find(state, account, asset)
    cdef Health health
    if account_at(&state.accounts, account).liquidation:
        return FUNDS_FROZEN
    if atoms > funds_free(state, account, asset):
        return FUNDS_LACKING
    if slot == NIL:
        return FUNDS_DONE
    balance.atoms -= atoms               # as if: the evaluation says what would be left
    unit_health(state, slot, &health)
    balance.atoms += atoms
    if not health.is_known:
        return FUNDS_UNKNOWN
    return FUNDS_DONE if health.equity >= health.initial else FUNDS_LACKING


# Bring atoms in from outside. 0 if done, else LedgerFault; unchanged. O(markets of the account).
cdef inline outlined_int funds_deposit(State* state, uint32_t account, uint32_t asset, atoms_t atoms) noexcept nogil:
    cdef int fault = LEDGER_NO_MEMORY if collateral_open(state, account, asset) else ledger_deposit(&state.ledger, account, asset, atoms)
    if fault:
        return fault
    venue_journal(state, JOURNAL_DEPOSIT, asset, <int32_t>account, 0, 0, 0, 0, 0, atoms)
    note_movement(state, MOVEMENT_DEPOSIT, NO_MARKET, OUTSIDE, <int32_t>account, asset, atoms)
    balance_wrote(state, account, asset)
    return LEDGER_SOUND


# Take atoms out of the world (C-6). FundsFault; unchanged unless 0. O(markets of the account).
cdef inline int funds_withdraw(State* state, uint32_t account, uint32_t asset, atoms_t atoms) noexcept nogil:
    cdef int fault = funds_check(state, account, asset, atoms)
    if fault:
        return fault
    balance_at(&state.ledger, account, asset).atoms -= atoms
    asset_at(&state.ledger, asset).net_deposits -= atoms
    venue_journal(state, JOURNAL_WITHDRAW, asset, <int32_t>account, 0, 0, 0, 0, 0, atoms)
    note_movement(state, MOVEMENT_WITHDRAWAL, NO_MARKET, <int32_t>account, OUTSIDE, asset, atoms)
    balance_wrote(state, account, asset)
    return FUNDS_DONE


# A loan has changed what its lender has: who has lent it may have positions too (E-4).
cdef inline void lender_wrote(State* state, slot_t row, uint32_t asset) noexcept nogil:
    if not planted(SLIP_LENDER_UNSEEN):
        balance_wrote(state, collateral_at(&state.risk, row).lender, asset)


# Lend an account atoms from its venue's lender of the asset (L-12): it must afford the loan with its initial requirement.
# FundsFault; unchanged unless 0. O(markets of the account).
cdef inline int funds_borrow(State* state, uint32_t account, uint32_t asset, atoms_t atoms) noexcept nogil:
    cdef slot_t row = collateral_find(&state.risk, account_at(&state.accounts, account).venue, asset), slot
    cdef Balance* owner
    cdef Balance* lender
    cdef Health health
    if row == NIL or collateral_at(&state.risk, row).lender == NIL or collateral_at(&state.risk, row).lender == account \
            or account_at(&state.accounts, account).mode != MODE_UNIFIED:
        return FUNDS_NO_LENDER
    if account_at(&state.accounts, account).liquidation:
        return FUNDS_FROZEN
    if collateral_open(state, account, asset) or ledger_open(&state.ledger, account, asset):
        return FUNDS_NO_MEMORY
    owner = balance_at(&state.ledger, account, asset)
    lender = balance_at(&state.ledger, collateral_at(&state.risk, row).lender, asset)
    if atoms > lender.atoms - lender.reserved:
        return FUNDS_LACKING
    if atoms > (<int64_t>1 << 61) - owner.owed:
        return FUNDS_BOUND
    slot = account_at(&state.accounts, account).units
    owner.owed += atoms
    owner.atoms += atoms
    unit_health(state, slot, &health)
    if not health.is_known or health.equity < health.initial:
        owner.owed -= atoms
        owner.atoms -= atoms
        return FUNDS_UNKNOWN if not health.is_known else FUNDS_LACKING
    lender.owed -= atoms
    lender.atoms -= atoms
    venue_journal(state, JOURNAL_BORROW, asset, <int32_t>account, collateral_at(&state.risk, row).lender, 0, 0, 0, 0, atoms)
    note_movement(state, MOVEMENT_LOAN, NO_MARKET, <int32_t>collateral_at(&state.risk, row).lender, <int32_t>account, asset, atoms)
    unit_wrote(state, slot)
    lender_wrote(state, row, asset)
    return FUNDS_DONE


# Pay back what is owed (L-12). FundsFault; unchanged unless 0. O(markets of the account).
cdef inline int funds_repay(State* state, uint32_t account, uint32_t asset, atoms_t atoms) noexcept nogil:
    cdef slot_t row = collateral_find(&state.risk, account_at(&state.accounts, account).venue, asset)
    cdef Balance* owner = balance_at(&state.ledger, account, asset)
    cdef Balance* lender
    if row == NIL or collateral_at(&state.risk, row).lender == NIL:
        return FUNDS_NO_LENDER
    if atoms > owner.owed:
        return FUNDS_OWES_LESS
    if atoms > owner.atoms - owner.reserved:
        return FUNDS_LACKING
    lender = balance_at(&state.ledger, collateral_at(&state.risk, row).lender, asset)
    owner.owed -= atoms
    owner.atoms -= atoms
    lender.owed += atoms
    lender.atoms += atoms
    venue_journal(state, JOURNAL_REPAY, asset, <int32_t>account, collateral_at(&state.risk, row).lender, 0, 0, 0, 0, atoms)
    note_movement(state, MOVEMENT_REPAYMENT, NO_MARKET, <int32_t>account, <int32_t>collateral_at(&state.risk, row).lender, asset, atoms)
    balance_wrote(state, account, asset)
    lender_wrote(state, row, asset)
    return FUNDS_DONE


# Move atoms between an account's balance and the margin of its isolated position; negative takes out (L-11). FundsFault; unchanged
# unless 0. O(1).
cdef inline int funds_margin(State* state, uint32_t account, uint32_t market_id, atoms_t atoms) noexcept nogil:
    cdef slot_t holding = holding_find(&state.accounts, account, market_id), slot
    cdef Market* market = market_at(state, market_id)
    cdef Balance* balance
    cdef Unit* unit
    cdef Health health
    if holding == NIL or holding_at(&state.accounts, holding).unit == NIL \
            or unit_of_state(state, holding_at(&state.accounts, holding).unit).holding == NIL:
        return FUNDS_NO_UNIT
    slot = holding_at(&state.accounts, holding).unit
    unit = unit_of_state(state, slot)
    balance = balance_at(&state.ledger, account, market.quote_asset)
    if unit.liquidation and atoms < 0:
        return FUNDS_FROZEN
    if atoms > 0 and atoms > funds_free(state, account, market.quote_asset):
        return FUNDS_LACKING
    if atoms < 0:
        unit.margin_atoms += atoms       # as if
        unit_health(state, slot, &health)
        unit.margin_atoms -= atoms
        if not health.is_known:
            return FUNDS_UNKNOWN
        if health.equity < health.initial or unit.margin_atoms < -atoms:
            return FUNDS_LACKING
    unit.margin_atoms += atoms
    balance.atoms -= atoms
    venue_journal(state, JOURNAL_MARGIN, market_id, <int32_t>account, 0, 0, 0, 0, 0, atoms)
    unit_wrote(state, slot)
    return FUNDS_DONE
