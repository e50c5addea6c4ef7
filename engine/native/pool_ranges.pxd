# Pool ranges: liquidity in the ranges of a world's pools, added and removed at once (Z-17).
#
#   (pool, lower, upper, account) -> its row among the positions -> range_pool -> atoms
#
# Stands on: pool_act. Promises: refused, nothing has changed; a position without liquidity has no row.

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.amm_math cimport *
from engine.native.pool_act cimport *
from engine.native.pools cimport *
from engine.native.range_pool cimport *
from engine.native.slab cimport *
from engine.native.state cimport *


cdef inline void range_journal(State* state, uint8_t what, uint32_t account, uint32_t number, int64_t lower, int64_t upper, int64_t liquidity) noexcept nogil:
    venue_journal(state, JOURNAL_POOL, number, <int32_t>account, upper, 0, what, 0, lower, liquidity)


# Add liquidity to an account's range. ActionReason; unchanged unless done. Needs: a pool of ranges, ticks that Z-14 allows, liquidity
# 1 .. 2^61. O(ticks + positions).
cdef inline outlined_int pool_add_range(State* state, uint32_t account, uint32_t number, int64_t lower, int64_t upper, int64_t liquidity, ShareGives* gives) noexcept nogil:
    cdef WorldPool* pool = world_pool_at(&state.amm, number)
    cdef RangePool* ranges = range_at(&state.amm, pool)
    cdef uint32_t at = range_share_find(&state.amm, number, lower, upper, account)
    cdef bint is_there = range_share_is(&state.amm, at, number, lower, upper, account)
    cdef RangePosition position
    cdef RangeShare* row
    cdef int reason
    range_journal(state, POOL_RANGE_ADDED, account, number, lower, upper, liquidity)
    range_amounts(ranges, lower, upper, liquidity, True, gives.amounts)      # beyond the bound nobody has that much
    reason = may_give_coins(state, account, pool, gives.amounts)
    if reason:
        return reason
    if slab_reserve(&state.amm.positions, 1):
        return REFUSED_NO_MEMORY
    memset(&position, 0, sizeof(RangePosition))
    if is_there:
        position = range_share_at(&state.amm, at).position
    reason = pool_refusal(range_add(ranges, ticks_of(&state.amm, pool), lower, upper, liquidity, &position, gives))
    if reason:
        return reason
    row = range_share_at(&state.amm, at)
    if not is_there:
        row = <RangeShare*>ordered_insert(&state.amm.positions, at)
        row.lower, row.upper, row.pool, row.account = lower, upper, number, account
    row.position = position
    spend_coins(state, account, pool.account, pool, gives.amounts)
    return ACTION_DONE


# Take liquidity out of an account's range, and all its fees; 0 takes the fees alone. As pool_add_range, liquidity from 0.
cdef inline outlined_int pool_remove_range(State* state, uint32_t account, uint32_t number, int64_t lower, int64_t upper, int64_t liquidity, ShareGives* gives) noexcept nogil:
    cdef WorldPool* pool = world_pool_at(&state.amm, number)
    cdef uint32_t at = range_share_find(&state.amm, number, lower, upper, account)
    cdef int reason
    range_journal(state, POOL_RANGE_REMOVED, account, number, lower, upper, liquidity)
    if not range_share_is(&state.amm, at, number, lower, upper, account):
        return pool_refusal(POOL_SHARES_SHORT)
    if may_get_coins(state, account, pool):
        return REFUSED_NO_MEMORY
    reason = range_remove(range_at(&state.amm, pool), ticks_of(&state.amm, pool), lower, upper, liquidity, &range_share_at(&state.amm, at).position, gives)
    if reason:
        return pool_refusal(reason)
    if range_share_at(&state.amm, at).position.liquidity == 0:
        ordered_remove(&state.amm.positions, at)
    spend_coins(state, pool.account, account, pool, gives.amounts)
    spend_coins(state, pool.account, account, pool, gives.fees)
    return ACTION_DONE
