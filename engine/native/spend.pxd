# Spend: what an account gives to and gets from a protocol, a pool, an issuer or a route (B-7).
#
# Stands on: funds. Promises: who cannot give is told before anything is written; after a move both sides' margin is looked at (E-4).

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.arming cimport *
from engine.native.funds cimport *
from engine.native.ledger cimport *
from engine.native.recorder cimport *
from engine.native.rows cimport *
from engine.native.state cimport *
from engine.native.unit cimport *


# Whether an account may give atoms (>= 0) of an asset: an ActionReason. O(markets of the account).
cdef inline int may_give(State* state, uint32_t account, uint32_t asset, atoms_t atoms) noexcept nogil:
    cdef int fault = funds_check(state, account, asset, atoms)
    if fault == FUNDS_DONE:
        return ACTION_DONE
    if fault == FUNDS_FROZEN:
        return REFUSED_FROZEN
    return REFUSED_UNKNOWN_PRICE if fault == FUNDS_UNKNOWN else REFUSED_LACKING


# Make sure that an account can be given an asset. REFUSED_NO_MEMORY otherwise. Moves balance rows.
cdef inline int may_get(State* state, uint32_t account, uint32_t asset) noexcept nogil:
    if ledger_open(&state.ledger, account, asset) or collateral_open(state, account, asset):
        return REFUSED_NO_MEMORY
    return ACTION_DONE


# Move atoms by an action. Needs: may_give said yes or the payer is the target's own account, may_get was asked. Cannot fail.
cdef inline void spend(State* state, uint8_t why, uint32_t payer, uint32_t receiver, uint32_t asset, atoms_t atoms) noexcept nogil:
    if atoms == 0:
        return
    move_atoms(state, why, NO_MARKET, payer, receiver, asset, atoms)
    balance_wrote(state, payer, asset)
    balance_wrote(state, receiver, asset)
