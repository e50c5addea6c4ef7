# Pool price: a pool's marginal price as a whole number, for those who read it (P-11; Z-4).
#
#   floor(atoms * price), price a ratio of up to 256 bits: y / x | slopes of the curve | s^2 / 2^192
#
# Stands on: pools. Reads only. The ratio itself is told at the border, in Python's integers.

from engine.native.types cimport *
from engine.native.amm_math cimport *
from engine.native.pools cimport *
from engine.native.product_pool cimport *
from engine.native.range_pool cimport *
from engine.native.stable_pool cimport *
from engine.native.wide cimport *

cdef extern from *:
    """
    #include <stdint.h>
    static const int64_t ENGINE_POOL_PRICE_MAX = (int64_t)1 << 62;
    static const int64_t ENGINE_POOL_UNIT_MAX = (int64_t)1 << 60;
    """
    const int64_t POOL_PRICE_MAX "ENGINE_POOL_PRICE_MAX"       # a greater one is none
    const int64_t POOL_UNIT_MAX "ENGINE_POOL_UNIT_MAX"         # of the atoms that are priced


# x_j (ann x_i + P) scale_i atoms / (x_i (ann x_j + P) scale_j) (Z-8): 61 + 123 + 30 + 60 bits over 214. 1 where there is none. O(Newton steps).
cdef inline bint stable_price(const StablePool* pool, int sold, int bought, int64_t atoms, u128_t* out) noexcept nogil:
    cdef StableCoins coins
    cdef int64_t rising[POOL_COINS_MAX]
    cdef int64_t d = 0
    cdef u128_t term = 0, wide
    cdef uint64_t slope[2]
    cdef uint64_t by[2]
    cdef uint64_t part[3]
    cdef uint64_t top[5]
    cdef uint64_t low[5]
    cdef int k
    stable_coins(pool, &coins)
    for k in range(coins.count):
        rising[k] = coins.x[k]
    stable_sort(rising, coins.count)
    if stable_invariant(&coins, &d) or stable_term(rising, coins.count, d, &term):
        return 1
    wide = <u128_t>coins.ann * <u128_t>coins.x[sold] + term
    slope[0], slope[1], by[0] = wide_low(wide), wide_high(wide), <uint64_t>coins.x[bought]
    words_product(slope, 2, by, 1, part)
    wide = <u128_t>pool.scales[sold] * <u128_t>atoms
    by[0], by[1] = wide_low(wide), wide_high(wide)
    words_product(part, 3, by, 2, top)
    wide = <u128_t>coins.ann * <u128_t>coins.x[bought] + term
    slope[0], slope[1], by[0] = wide_low(wide), wide_high(wide), <uint64_t>coins.x[sold]
    words_product(slope, 2, by, 1, part)
    by[0] = <uint64_t>pool.scales[bought]
    words_product(part, 3, by, 1, low)
    return words_ratio(top, 5, low, 4, False, out)


# s^2 atoms / 2^192 of coin 1 for atoms of coin 0, or the inverse (Z-11). 1 where it does not fit. O(1).
cdef inline bint range_price(const RangePool* pool, int sold, int64_t atoms, u128_t* out) noexcept nogil:
    cdef uint64_t square[4]
    cdef uint64_t top[5]
    cdef uint64_t one[4]
    cdef uint64_t given = <uint64_t>atoms
    words_product(pool.s, 2, pool.s, 2, square)
    one[0] = one[1] = one[2] = 0
    one[3] = 1                       # 2^192
    if sold == 0:
        words_product(square, 4, &given, 1, top)
        return words_ratio(top, 5, one, 4, False, out)
    one[3] = given
    return words_ratio(one, 4, square, 4, False, out)


# Atoms of one coin for so many of another at the marginal price without fee, rounded down; -1 for an empty pool or beyond 2^62. Needs:
# 1 <= atoms <= 2^60, coins that differ. Cannot fail. O(Newton steps).
cdef inline int64_t pool_price(Pools* pools, const WorldPool* pool, int sold, int bought, int64_t atoms) noexcept nogil:
    cdef u128_t price = 0
    cdef bint is_none = 1
    cdef const atoms_t* balances = pool_balances(pools, pool)
    if pool.form == PRODUCT_POOL_FORM and product_at(pools, pool).shares:
        is_none = u128_mul_div(<u128_t>balances[bought], <uint64_t>atoms, <u128_t>balances[sold], False, &price)
    elif pool.form == STABLE_POOL_FORM and stable_at(pools, pool).shares:
        is_none = stable_price(stable_at(pools, pool), sold, bought, atoms, &price)
    elif pool.form == RANGE_POOL_FORM and range_at(pools, pool).tick_count:
        is_none = range_price(range_at(pools, pool), sold, atoms, &price)
    return -1 if is_none or price > <u128_t>POOL_PRICE_MAX else <int64_t>price
