# Ledger: who owns how many atoms of what, double entry, exact (L-1, L-2).
#
#   purses[account] = {first, is_wide}                                net_deposits[asset]
#
#   wide     first -> [ asset 0 | asset 1 | ... ]                     one row an asset, side by side: O(1)
#   narrow   first -> asset 3 -> asset 17 -> NIL                      only what it ever had, ascending: a million accounts fit
#            any other asset -> row 0, "nothing": read as 0, never written
#
# Stands on: slab, arith. Promises: atoms move, they never appear; deposits stay within the asset's supply, so no sum
# over accounts can overflow; who may come to own atoms has a row for them before they move. The clearing accounts of perpetual
# markets stand in their market.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.slab cimport *

cdef enum:
    ACCOUNT_FEES = 0         # a venue's own accounts, counted from its first one (V-7)
    ACCOUNT_INSURANCE = 1
    ACCOUNT_BAD_DEBT = 2
    SYSTEM_ACCOUNTS = 3

cdef enum:
    NOTHING = 0              # the row of an asset that a narrow account has no row for

cdef enum LedgerFault:
    LEDGER_SOUND = 0
    LEDGER_SUPPLY = 1        # more than the asset's supply has left
    LEDGER_NO_MEMORY = 2

cdef struct Asset:
    atoms_t supply_max       # U-4: net deposits never exceed it
    atoms_t net_deposits     # deposits - withdrawals

cdef struct Balance:
    atoms_t atoms            # owned; negative only for a perpetual account under water, and bad debt
    atoms_t reserved         # of which promised to resting spot orders
    atoms_t owed             # borrowed from the lender of the account's venue
    uint32_t asset
    slot_t next              # narrow: its row of the next higher asset it has one of, NIL the last

cdef struct Purse:
    slot_t first             # its first Balance; narrow: NIL without any
    uint32_t is_wide

cdef struct Ledger:
    Slab assets              # Asset; their count is fixed before the first account
    Slab purses              # Purse, a row an account
    Slab balances            # Balance
    uint32_t account_count
    uint32_t pad


cdef inline void ledger_init(Ledger* ledger) noexcept nogil:
    slab_init(&ledger.assets, sizeof(Asset), 0)
    slab_init(&ledger.purses, sizeof(Purse), 0)
    slab_init(&ledger.balances, sizeof(Balance), 0)
    ledger.account_count = 0


cdef inline Asset* asset_at(Ledger* ledger, uint32_t asset) noexcept nogil:
    return <Asset*>(ledger.assets.base) + asset


cdef inline Purse* purse_at(Ledger* ledger, uint32_t account) noexcept nogil:
    return <Purse*>(ledger.purses.base) + account


cdef inline Balance* balance_row(Ledger* ledger, slot_t slot) noexcept nogil:
    return <Balance*>(ledger.balances.base) + slot


cdef inline outlined_slot_t balance_find(Ledger* ledger, slot_t slot, uint32_t asset) noexcept nogil:
    """Row of an asset in the list that begins at `slot`, NOTHING if it has none. O(rows of the account)."""
    while slot != NIL and balance_row(ledger, slot).asset < asset:
        slot = balance_row(ledger, slot).next
    if slot != NIL and balance_row(ledger, slot).asset == asset:
        return slot
    return NOTHING


# What an account has of an asset. Write to it only where `ledger_open` was called before: else it may be NOTHING. O(1), narrow: O(rows of
# the account).
cdef inline Balance* balance_at(Ledger* ledger, uint32_t account, uint32_t asset) noexcept nogil:
    cdef Purse* purse = purse_at(ledger, account)
    if likely(purse.is_wide):
        return balance_row(ledger, purse.first + asset)
    return balance_row(ledger, balance_find(ledger, purse.first, asset))


# Make sure that an account has a row for an asset. 0 if it has, 1 without memory (unchanged). Moves rows: refetch what `balance_at` gave.
# O(1), narrow: O(rows of the account).
cdef inline bint ledger_open(Ledger* ledger, uint32_t account, uint32_t asset) noexcept nogil:
    cdef slot_t* link = &purse_at(ledger, account).first
    cdef slot_t fresh
    cdef Balance* row
    if purse_at(ledger, account).is_wide or balance_find(ledger, link[0], asset) != NOTHING:
        return 0
    if slab_reserve(&ledger.balances, 1):
        return 1
    fresh = slab_take(&ledger.balances)
    while link[0] != NIL and balance_row(ledger, link[0]).asset < asset:
        link = &balance_row(ledger, link[0]).next
    row = balance_row(ledger, fresh)
    row.atoms = row.reserved = row.owed = 0
    row.asset = asset
    row.next = link[0]
    link[0] = fresh
    return 0


cdef inline void ledger_add_wide(Ledger* ledger) noexcept nogil:
    """Add one wide account. Needs: purse and rows are reserved. Cannot fail. O(assets)."""
    cdef Purse* purse = purse_at(ledger, slab_take(&ledger.purses))
    cdef uint32_t asset
    purse.first = ledger.balances.count
    purse.is_wide = 1
    for asset in range(ledger.assets.count):
        balance_row(ledger, slab_take(&ledger.balances)).asset = asset
        balance_row(ledger, purse.first + asset).next = NIL


# Add accounts with zero balances; wide ones begin on an even row, so that with two assets both stand in one cache line. 0 if done, 1 if
# there is no memory. O(count), wide: O(count x assets).
cdef inline bint ledger_add_accounts(Ledger* ledger, uint32_t count, bint is_wide) noexcept nogil:
    cdef uint64_t rows = 2 + (<uint64_t>count * ledger.assets.count if is_wide else 0)
    cdef Purse* purse
    cdef uint32_t _
    if rows >= NIL or slab_reserve(&ledger.purses, count) or slab_reserve(&ledger.balances, <uint32_t>rows):
        return 1
    if ledger.balances.count == NOTHING:
        slab_take(&ledger.balances)
    if is_wide and ledger.balances.count & 1:
        slab_take(&ledger.balances)
    for _ in range(count):
        if is_wide:
            ledger_add_wide(ledger)
        else:
            purse = purse_at(ledger, slab_take(&ledger.purses))
            purse.first = NIL
            purse.is_wide = 0
    ledger.account_count += count
    return 0


cdef inline void ledger_move(Ledger* ledger, uint32_t payer, uint32_t receiver, uint32_t asset, atoms_t atoms) noexcept nogil:
    """Move atoms from one account to another. Needs: supply bounds hold (U-4), both have a row. Cannot fail."""
    balance_at(ledger, payer, asset).atoms -= atoms
    balance_at(ledger, receiver, asset).atoms += atoms


cdef inline int ledger_deposit(Ledger* ledger, uint32_t account, uint32_t asset, atoms_t atoms) noexcept nogil:
    """Bring atoms in from outside. A LedgerFault, and then nothing has changed. Needs atoms > 0."""
    cdef Asset* row = asset_at(ledger, asset)
    if atoms > row.supply_max - row.net_deposits:
        return LEDGER_SUPPLY
    if ledger_open(ledger, account, asset):
        return LEDGER_NO_MEMORY
    row.net_deposits += atoms
    balance_at(ledger, account, asset).atoms += atoms
    return LEDGER_SOUND
