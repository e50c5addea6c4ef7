# Pool act: actions at the pools of a world (Z-16).
#
# Stands on: spend, pools.

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.pools cimport *
from engine.native.spend cimport *
from engine.native.state cimport *


# What a pool would pay, *got. ActionReason; reads only.
cdef inline int pool_quote(State* state, uint32_t pool, uint32_t sold, uint32_t bought, atoms_t atoms, atoms_t* got) noexcept nogil:
    return REFUSED_CLOSED


# Sell at a pool for an account. ActionReason; unchanged unless done. Needs: the account may give and get.
cdef inline int pool_swap(State* state, uint32_t account, uint32_t pool, uint32_t sold, uint32_t bought, atoms_t atoms, atoms_t least, uint32_t cause, atoms_t* got) noexcept nogil:
    return REFUSED_CLOSED


# ActionReason; unchanged unless done.
cdef inline outlined_int pool_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    return REFUSED_CLOSED
