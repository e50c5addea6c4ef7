# Ledger: who owns how many atoms of what, double entry, exact (L-1, L-2).
#
#   balances[account * assets + asset] = {atoms, reserved}          net_deposits[asset]
#
# Stands on: slab, arith. Promises: atoms move, they never appear; deposits stay within the asset's supply, so no sum
# over accounts can overflow. The clearing accounts of perpetual markets stand in their market.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.slab cimport *

cdef enum:
    ACCOUNT_FEES = 0         # a venue's own accounts, counted from its first one (V-7)
    ACCOUNT_INSURANCE = 1
    ACCOUNT_BAD_DEBT = 2
    SYSTEM_ACCOUNTS = 3

cdef struct Asset:
    atoms_t supply_max       # U-4: net deposits never exceed it
    atoms_t net_deposits     # deposits - withdrawals

cdef struct Balance:
    atoms_t atoms            # owned; negative only for a perpetual account under water, and bad debt
    atoms_t reserved         # of which promised to resting spot orders

cdef struct Ledger:
    Slab assets              # Asset
    Slab balances            # Balance, account-major; asset count fixed before the first account
    uint32_t account_count
    uint32_t pad


cdef inline void ledger_init(Ledger* ledger) noexcept nogil:
    slab_init(&ledger.assets, sizeof(Asset), 0)
    slab_init(&ledger.balances, sizeof(Balance), 0)
    ledger.account_count = 0


cdef inline Asset* asset_at(Ledger* ledger, uint32_t asset) noexcept nogil:
    return <Asset*>(ledger.assets.base) + asset


cdef inline Balance* balance_at(Ledger* ledger, uint32_t account, uint32_t asset) noexcept nogil:
    return <Balance*>(ledger.balances.base) + <size_t>account * ledger.assets.count + asset


cdef inline bint ledger_add_accounts(Ledger* ledger, uint32_t count) noexcept nogil:
    """Add accounts with zero balances. 0 if done, 1 if there is no memory."""
    cdef uint64_t rows = <uint64_t>count * ledger.assets.count, _
    if rows >= NIL or slab_reserve(&ledger.balances, <uint32_t>rows):
        return 1
    for _ in range(rows):
        slab_take(&ledger.balances)
    ledger.account_count += count
    return 0


cdef inline void ledger_move(Ledger* ledger, uint32_t payer, uint32_t receiver, uint32_t asset, atoms_t atoms) noexcept nogil:
    """Move atoms from one account to another. Needs: supply bounds hold (U-4). Cannot fail."""
    balance_at(ledger, payer, asset).atoms -= atoms
    balance_at(ledger, receiver, asset).atoms += atoms


cdef inline bint ledger_deposit(Ledger* ledger, uint32_t account, uint32_t asset, atoms_t atoms) noexcept nogil:
    """Bring atoms in from outside. 0 if done, 1 if the supply would be exceeded (unchanged). Needs atoms > 0."""
    cdef Asset* row = asset_at(ledger, asset)
    if atoms > row.supply_max - row.net_deposits:
        return 1
    row.net_deposits += atoms
    balance_at(ledger, account, asset).atoms += atoms
    return 0
