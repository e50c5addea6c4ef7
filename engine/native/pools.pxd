# Pools: the records of pools that stand in a world (Z-16, Z-17); their arithmetic is in product_pool, stable_pool and range_pool.
#
#   WorldPool -> form, row of products | stables | ranges         RangeShare: positions of all range pools, ascending by (pool, lower, upper, account)
#
# Stands on: the three pools, slab. Records and the ways from one to another; no rule. Invariant: the two slabs in order have no gaps.

from libc.string cimport memmove, memset

from engine.native.types cimport *
from engine.native.amm_math cimport *
from engine.native.product_pool cimport *
from engine.native.range_pool cimport *
from engine.native.slab cimport *
from engine.native.stable_pool cimport *

cdef struct WorldPool:
    int64_t swap_count
    uint32_t venue
    uint32_t account             # holds its balances
    uint32_t form                # PRODUCT_POOL_FORM, STABLE_POOL_FORM, RANGE_POOL_FORM
    uint32_t row                 # of its form's slab
    uint32_t coin_count
    uint32_t cause               # of the last action that moved its price
    uint16_t assets[POOL_COINS_MAX]

# Shares of an account in a pool.
cdef struct PoolShare:
    int64_t shares
    uint32_t pool
    uint32_t account

# A position in a pool of ranges.
cdef struct RangeShare:
    RangePosition position
    int64_t lower
    int64_t upper
    uint32_t pool
    uint32_t account

cdef struct Pools:
    Slab pools                   # WorldPool
    Slab products                # ProductPool
    Slab stables                 # StablePool
    Slab ranges                  # RangePool
    Slab ticks                   # RangeTick: RANGE_TICKS_MAX of each range pool
    Slab shares                  # PoolShare, ascending by (pool, account)
    Slab positions               # RangeShare, ascending by (pool, lower, upper, account)


cdef inline void pools_begin(Pools* pools) noexcept nogil:
    slab_init(&pools.pools, sizeof(WorldPool), 0)
    slab_init(&pools.products, sizeof(ProductPool), 0)
    slab_init(&pools.stables, sizeof(StablePool), 0)
    slab_init(&pools.ranges, sizeof(RangePool), 0)
    slab_init(&pools.ticks, sizeof(RangeTick), 0)
    slab_init(&pools.shares, sizeof(PoolShare), 0)
    slab_init(&pools.positions, sizeof(RangeShare), 0)


cdef inline WorldPool* world_pool_at(Pools* pools, uint32_t pool) noexcept nogil:
    return <WorldPool*>(pools.pools.base) + pool


cdef inline ProductPool* product_at(Pools* pools, const WorldPool* pool) noexcept nogil:
    return <ProductPool*>(pools.products.base) + pool.row


cdef inline StablePool* stable_at(Pools* pools, const WorldPool* pool) noexcept nogil:
    return <StablePool*>(pools.stables.base) + pool.row


cdef inline RangePool* range_at(Pools* pools, const WorldPool* pool) noexcept nogil:
    return <RangePool*>(pools.ranges.base) + pool.row


cdef inline RangeTick* ticks_of(Pools* pools, const WorldPool* pool) noexcept nogil:
    return <RangeTick*>(pools.ticks.base) + <size_t>pool.row * RANGE_TICKS_MAX


cdef inline atoms_t* pool_balances(Pools* pools, const WorldPool* pool) noexcept nogil:
    """What a pool holds, by coin."""
    if pool.form == PRODUCT_POOL_FORM:
        return product_at(pools, pool).balances
    if pool.form == STABLE_POOL_FORM:
        return stable_at(pools, pool).balances
    return range_at(pools, pool).balances


cdef inline int pool_coin(const WorldPool* pool, uint32_t asset) noexcept nogil:
    """The number of an asset's coin, -1 if the pool has none."""
    cdef uint32_t coin
    for coin in range(pool.coin_count):
        if pool.assets[coin] == asset:
            return <int>coin
    return -1


# ---- rows in order ----

# Open a gap for a record, all zeros. Needs a reserve before. Cannot fail. O(count).
cdef inline void* ordered_insert(Slab* slab, uint32_t at) noexcept nogil:
    cdef char* row = slab.base + <size_t>at * slab.stride
    memmove(row + slab.stride, row, <size_t>(slab.count - at) * slab.stride)
    memset(row, 0, slab.stride)
    slab.count += 1
    return row


# Close the gap of a record. Cannot fail. O(count).
cdef inline void ordered_remove(Slab* slab, uint32_t at) noexcept nogil:
    cdef char* row = slab.base + <size_t>at * slab.stride
    slab.count -= 1
    memmove(row, row + slab.stride, <size_t>(slab.count - at) * slab.stride)
    memset(slab.base + <size_t>slab.count * slab.stride, 0, slab.stride)


cdef inline PoolShare* share_at(Pools* pools, uint32_t at) noexcept nogil:
    return <PoolShare*>(pools.shares.base) + at


cdef inline RangeShare* range_share_at(Pools* pools, uint32_t at) noexcept nogil:
    return <RangeShare*>(pools.positions.base) + at


# The first row of shares not before (pool, account). O(log rows).
cdef inline uint32_t share_find(Pools* pools, uint32_t pool, uint32_t account) noexcept nogil:
    cdef uint32_t low = 0, high = pools.shares.count, middle
    cdef PoolShare* row
    while low < high:                # rows[:low] < (pool, account) <= rows[high:]
        middle = (low + high) >> 1
        row = share_at(pools, middle)
        if row.pool < pool or (row.pool == pool and row.account < account):
            low = middle + 1
        else:
            high = middle
    return low


cdef inline int64_t shares_of(Pools* pools, uint32_t pool, uint32_t account) noexcept nogil:
    """What an account has of a pool's shares. O(log rows)."""
    cdef uint32_t at = share_find(pools, pool, account)
    if at == pools.shares.count or share_at(pools, at).pool != pool or share_at(pools, at).account != account:
        return 0
    return share_at(pools, at).shares


# Give an account shares, or take some that it has. Needs a reserve before. Cannot fail. O(rows).
cdef inline void shares_change(Pools* pools, uint32_t pool, uint32_t account, int64_t change) noexcept nogil:
    cdef uint32_t at = share_find(pools, pool, account)
    cdef PoolShare* row
    if at == pools.shares.count or share_at(pools, at).pool != pool or share_at(pools, at).account != account:
        row = <PoolShare*>ordered_insert(&pools.shares, at)
        row.pool, row.account = pool, account
    row = share_at(pools, at)
    row.shares += change
    if row.shares == 0:
        ordered_remove(&pools.shares, at)


cdef inline int range_share_compare(const RangeShare* row, uint32_t pool, int64_t lower, int64_t upper, uint32_t account) noexcept nogil:
    """Sign of a row less (pool, lower, upper, account)."""
    if row.pool != pool:
        return -1 if row.pool < pool else 1
    if row.lower != lower:
        return -1 if row.lower < lower else 1
    if row.upper != upper:
        return -1 if row.upper < upper else 1
    return 0 if row.account == account else -1 if row.account < account else 1


# The first position not before (pool, lower, upper, account). O(log rows).
cdef inline uint32_t range_share_find(Pools* pools, uint32_t pool, int64_t lower, int64_t upper, uint32_t account) noexcept nogil:
    cdef uint32_t low = 0, high = pools.positions.count, middle
    while low < high:                # rows[:low] < the one looked for <= rows[high:]
        middle = (low + high) >> 1
        if range_share_compare(range_share_at(pools, middle), pool, lower, upper, account) < 0:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline bint range_share_is(Pools* pools, uint32_t at, uint32_t pool, int64_t lower, int64_t upper, uint32_t account) noexcept nogil:
    """Whether a row is there, and that of (pool, lower, upper, account)."""
    return at < pools.positions.count and range_share_compare(range_share_at(pools, at), pool, lower, upper, account) == 0
