# A pool that holds x * y (Z-5, Z-6).
#
#   out = y * in' / (10^6 x + in')       in' = in * (10^6 - fee)
#
# Stands on: amm_math, digest. Promises: x * y never falls by a swap, x * y / shares^2 never falls at all; a refused command writes nothing.

from engine.native.types cimport *
from engine.native.amm_math cimport *
from engine.native.digest cimport *
from engine.native.wide cimport *

cdef enum:
    PRODUCT_POOL_FORM = 1              # Z-15
    PRODUCT_SHARES_LOCKED = 1000       # Z-6

cdef struct ProductPool:
    int64_t fee_ppm          # of the amount sold
    int64_t shares           # all of them, the locked ones included; 0: empty
    atoms_t balances[2]


# O(1). Needs: amount > 0.
cdef inline int product_quote(const ProductPool* pool, int sold, int bought, atoms_t amount, SwapGives* out) noexcept nogil:
    cdef int64_t x = pool.balances[sold], y = pool.balances[bought]
    cdef u128_t effective = <u128_t>amount * <u128_t>(POOL_ONE_PPM - pool.fee_ppm), paid = 0
    if pool.shares == 0:
        return POOL_EMPTY
    if x + amount > POOL_AMOUNT_MAX:
        return POOL_BALANCE_OUT_OF_BOUNDS
    u128_mul_div(effective, <uint64_t>y, <u128_t>x * <u128_t>POOL_ONE_PPM + effective, False, &paid)
    if paid == 0:
        return POOL_NOTHING_OUT
    out.amount_in, out.amount_out, out.fee = amount, <int64_t>paid, pool_fee(amount, pool.fee_ppm)
    return POOL_NONE


# On refusal the pool is unchanged. O(1).
cdef inline int product_swap(ProductPool* pool, int sold, int bought, atoms_t amount, atoms_t minimum, SwapGives* out) noexcept nogil:
    cdef SwapGives gives = SwapGives(0, 0, 0)
    cdef int reason = product_quote(pool, sold, bought, amount, &gives)
    if reason:
        return reason
    if gives.amount_out < minimum:
        return POOL_BELOW_MINIMUM
    pool.balances[sold] += gives.amount_in
    pool.balances[bought] -= gives.amount_out
    out[0] = gives
    return POOL_NONE


# ceil(minted * balance / shares), held at 2^61 + 1, which no pool takes. Cannot fail.
cdef inline int64_t pool_taken(int64_t minted, int64_t balance, int64_t shares) noexcept nogil:
    cdef u128_t out = 0
    if u128_mul_div(<u128_t>minted, <uint64_t>balance, <u128_t>shares, True, &out) or out > <u128_t>POOL_AMOUNT_MAX:
        return POOL_AMOUNT_MAX + 1
    return <int64_t>out


# Shares for at most the given amounts, in the pool's proportion; the first deposit sets it. On refusal the pool is unchanged. O(1).
cdef inline int product_add(ProductPool* pool, const atoms_t* given, ShareGives* out) noexcept nogil:
    cdef int64_t minted, total
    cdef int64_t taken[2]
    cdef u128_t part = 0
    cdef int coin
    if pool.shares == 0:
        total = <int64_t>u128_root(<u128_t>given[0] * <u128_t>given[1])
        minted = total - PRODUCT_SHARES_LOCKED
        taken[0], taken[1] = given[0], given[1]
    else:
        minted = POOL_AMOUNT_MAX
        for coin in range(2):
            # A part beyond the bound is never the one that is taken: its coin's balance would pass its own.
            if not u128_mul_div(<u128_t>given[coin], <uint64_t>pool.shares, <u128_t>pool.balances[coin], False, &part) and \
                    part < <u128_t>minted:
                minted = <int64_t>part
        for coin in range(2):
            taken[coin] = pool_taken(minted, pool.balances[coin], pool.shares)
        total = pool.shares + minted
    if minted <= 0:
        return POOL_NOTHING_OUT
    if total > POOL_AMOUNT_MAX:
        return POOL_BALANCE_OUT_OF_BOUNDS
    for coin in range(2):
        if pool.balances[coin] + taken[coin] > POOL_AMOUNT_MAX:
            return POOL_BALANCE_OUT_OF_BOUNDS
    pool.shares = total
    out.shares = minted
    for coin in range(2):
        pool.balances[coin] += taken[coin]
        out.amounts[coin] = taken[coin]
    return POOL_NONE


# Burn shares for their part of both balances. On refusal the pool is unchanged. O(1). Needs: shares > 0.
cdef inline int product_remove(ProductPool* pool, int64_t shares, ShareGives* out) noexcept nogil:
    cdef int coin
    if shares > pool.shares - PRODUCT_SHARES_LOCKED:
        return POOL_SHARES_SHORT
    for coin in range(2):
        out.amounts[coin] = pool_part(pool.balances[coin], shares, pool.shares, False)
        pool.balances[coin] -= out.amounts[coin]
    pool.shares -= shares
    out.shares = shares
    return POOL_NONE


cdef inline uint64_t product_digest(const ProductPool* pool) noexcept nogil:
    cdef uint64_t h = digest_word(digest_word(digest_begin(DIGEST_POOL), PRODUCT_POOL_FORM), pool.fee_ppm)
    return digest_word(digest_word(digest_word(h, pool.balances[0]), pool.balances[1]), pool.shares)
