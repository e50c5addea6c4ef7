# Payment: money that a venue moves from one account to another, outside the book (X-8, X-10, X-14): its movement, its journal row.
#
# Stands on: rows. Promises: balances and margins still sum to the deposits (L-2).

from engine.native.types cimport *
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.recorder cimport *
from engine.native.risk cimport *
from engine.native.rows cimport *
from engine.native.state cimport *
from engine.native.unit cimport *


cdef inline uint8_t payment_movement(uint8_t why) noexcept nogil:
    if why == PAYMENT_BALANCE:
        return MOVEMENT_TAKEOVER
    if why == PAYMENT_FUND:
        return MOVEMENT_FUND
    return MOVEMENT_SHARED_LOSS if why == PAYMENT_SHARE else MOVEMENT_CLEARANCE


# Pay atoms of an asset; of an isolated position (`*_unit` not NIL, ISOLATED) from or into its margin. `market` is named by the movement where
# no margin names its own, NO_MARKET for none. Both have a row. Cannot fail. O(1).
cdef inline void pay(State* state, uint32_t payer, slot_t payer_unit, uint32_t receiver, slot_t receiver_unit, uint32_t asset, atoms_t atoms, uint32_t market, uint8_t why) noexcept nogil:
    cdef Unit* from_margin = NULL
    cdef Unit* to_margin = NULL
    cdef bint of_margin
    if payer_unit != NIL and unit_of_state(state, payer_unit).holding != NIL:
        from_margin = unit_of_state(state, payer_unit)
        market = holding_at(&state.accounts, from_margin.holding).market
    if receiver_unit != NIL and unit_of_state(state, receiver_unit).holding != NIL:
        to_margin = unit_of_state(state, receiver_unit)
        market = holding_at(&state.accounts, to_margin.holding).market
    if from_margin != NULL:
        from_margin.margin_atoms -= atoms
    else:
        balance_at(&state.ledger, payer, asset).atoms -= atoms
    if to_margin != NULL:
        to_margin.margin_atoms += atoms
    else:
        balance_at(&state.ledger, receiver, asset).atoms += atoms
    of_margin = from_margin != NULL or to_margin != NULL
    note_movement(state, payment_movement(why), market, <int32_t>payer, <int32_t>receiver, asset, atoms)
    venue_journal(state, JOURNAL_PAYMENT, asset, <int32_t>payer, receiver, (2 if from_margin != NULL else 0) + (1 if to_margin != NULL else 0),
                  why, 0, market if of_margin else 0, atoms)
