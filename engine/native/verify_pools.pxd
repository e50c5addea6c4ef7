# Verify pools: walk a world's pools, name the first broken invariant, and digest them (Z-18).
#
# Stands on: state, pools. Reads only. For tests and debug builds: O(pools x accounts' coins + rows + ticks).

from engine.native.types cimport *
from engine.native.amm_math cimport *
from engine.native.arith cimport *
from engine.native.digest cimport *
from engine.native.ledger cimport *
from engine.native.pools cimport *
from engine.native.product_pool cimport *
from engine.native.range_pool cimport *
from engine.native.stable_pool cimport *
from engine.native.state cimport *
from engine.native.wide cimport *


cdef inline bint pool_holds(State* state, const WorldPool* pool) noexcept nogil:
    """Whether a pool's account has exactly what the pool holds, all of it free."""
    cdef uint32_t asset
    cdef Balance* balance
    cdef int coin
    for asset in range(state.ledger.assets.count):
        balance = balance_at(&state.ledger, pool.account, asset)
        coin = pool_coin(pool, asset)
        if balance.reserved or balance.owed or balance.atoms != (0 if coin < 0 else pool_balances(&state.amm, pool)[coin]):
            return 0
    return 1


cdef inline bint shares_are_sound(Pools* pools, uint32_t number) noexcept nogil:
    """Whether the accounts' shares, each at least 1, and the locked ones are all shares of a pool."""
    cdef WorldPool* pool = world_pool_at(pools, number)
    cdef uint32_t at = share_find(pools, number, 0)
    cdef int64_t held = 0
    while at < pools.shares.count and share_at(pools, at).pool == number:
        if share_at(pools, at).shares < 1:
            return 0
        held += share_at(pools, at).shares
        at += 1
    if pool.form == STABLE_POOL_FORM:
        return held == stable_at(pools, pool).shares
    return held == (product_at(pools, pool).shares - PRODUCT_SHARES_LOCKED if product_at(pools, pool).shares else 0)


cdef inline bint ticks_are_sound(const RangePool* pool, const RangeTick* ticks) noexcept nogil:
    """Whether the ticks ascend, are in use, lie where `below` says, and what is active is what they say."""
    cdef uint32_t slot
    cdef int64_t active = 0, net = 0
    cdef u128_t s = wide_joined(pool.s[0], pool.s[1])
    for slot in range(pool.tick_count):
        if ticks[slot].gross < 1 or (slot and ticks[slot].tick <= ticks[slot - 1].tick):
            return 0
        # At the tick itself s may stand on either side: a swap that ends there has not crossed it falling.
        if slot < pool.below and wide_joined(ticks[slot].s[0], ticks[slot].s[1]) > s \
                or slot >= pool.below and wide_joined(ticks[slot].s[0], ticks[slot].s[1]) <= s:
            return 0
        net += ticks[slot].net
        active = net if slot < pool.below else active
    return net == 0 and active == pool.liquidity


# Whether the balances of a pool of ranges cover what all its positions could take out now, fees included, and its sums are theirs.
# O(positions x log ticks).
cdef inline bint ranges_are_sound(Pools* pools, uint32_t number) noexcept nogil:
    cdef WorldPool* pool = world_pool_at(pools, number)
    cdef RangePool* ranges = range_at(pools, pool)
    cdef uint32_t at = range_share_find(pools, number, -RANGE_TICK_MAX, -RANGE_TICK_MAX, 0)
    cdef RangePosition position
    cdef RangeShare* row
    cdef atoms_t amounts[2]
    cdef int64_t liquidity = 0
    cdef int64_t claims[2]
    cdef int coin
    claims[0] = claims[1] = 0
    while at < pools.positions.count and range_share_at(pools, at).pool == number:
        row = range_share_at(pools, at)
        position = row.position
        if position.liquidity < 1 or range_amounts(ranges, row.lower, row.upper, position.liquidity, False, amounts):
            return 0
        range_settle(ranges, ticks_of(pools, pool), row.lower, row.upper, &position)
        liquidity += position.liquidity
        for coin in range(2):
            claims[coin] = add_saturating(claims[coin], add_saturating(amounts[coin], position.owed[coin]))
        at += 1
    return liquidity == ranges.liquidity_total and claims[0] <= ranges.balances[0] and claims[1] <= ranges.balances[1] \
        and ticks_are_sound(ranges, ticks_of(pools, pool))


cdef inline bint pool_rows_ascend(Pools* pools) noexcept nogil:
    cdef uint32_t at
    cdef RangeShare* row
    for at in range(1, pools.shares.count):
        if share_find(pools, share_at(pools, at).pool, share_at(pools, at).account) != at \
                or share_find(pools, share_at(pools, at - 1).pool, share_at(pools, at - 1).account) != at - 1:
            return 0
    for at in range(1, pools.positions.count):
        row = range_share_at(pools, at)
        if range_share_compare(range_share_at(pools, at - 1), row.pool, row.lower, row.upper, row.account) >= 0:
            return 0
    return 1


# FAULT_POOLS or FAULT_NONE (Z-18).
cdef inline int verify_pools(State* state) noexcept nogil:
    cdef uint32_t number
    cdef WorldPool* pool
    if not pool_rows_ascend(&state.amm):
        return FAULT_POOLS
    for number in range(state.amm.pools.count):
        pool = world_pool_at(&state.amm, number)
        if not pool_holds(state, pool):
            return FAULT_POOLS
        if not (ranges_are_sound(&state.amm, number) if pool.form == RANGE_POOL_FORM else shares_are_sound(&state.amm, number)):
            return FAULT_POOLS
    return FAULT_NONE


# ---- digest ----

# What a pool of a world adds to the digest by itself (Z-15). O(ticks + positions).
cdef inline uint64_t pool_digest(Pools* pools, uint32_t number) noexcept nogil:
    cdef WorldPool* pool = world_pool_at(pools, number)
    cdef uint32_t at
    cdef uint64_t h
    if pool.form == PRODUCT_POOL_FORM:
        return product_digest(product_at(pools, pool))
    if pool.form == STABLE_POOL_FORM:
        return stable_digest(stable_at(pools, pool))
    h = range_digest_pool(range_at(pools, pool), ticks_of(pools, pool))
    at = range_share_find(pools, number, -RANGE_TICK_MAX, -RANGE_TICK_MAX, 0)
    while at < pools.positions.count and range_share_at(pools, at).pool == number:
        h = range_digest_position(h, range_share_at(pools, at).lower, range_share_at(pools, at).upper, range_share_at(pools, at).account, &range_share_at(pools, at).position)
        at += 1
    return digest_word(h, RANGE_DIGEST_END)


cdef inline uint64_t pools_digest(Pools* pools, uint64_t h) noexcept nogil:
    """Every pool, and behind it its accounts' shares (Z-18)."""
    cdef uint32_t number, at = 0
    for number in range(pools.pools.count):
        h = digest_word(digest_word(h, -14), <int64_t>pool_digest(pools, number))
        while at < pools.shares.count and share_at(pools, at).pool == number:
            h = digest_word(digest_word(digest_word(h, -15), share_at(pools, at).account), share_at(pools, at).shares)
            at += 1
    return h
