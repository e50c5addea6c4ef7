# Pools: the records of pools that stand in a world (Z-16, Z-17); their arithmetic is in product_pool, stable_pool and range_pool.
#
#   WorldPool -> form, row of products | stables | ranges         RangeShare: positions of all range pools, ascending by (pool, lower, upper, account)
#
# Stands on: the three pools, slab.

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
