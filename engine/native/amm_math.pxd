# What every pool has: bounds (Z-1), outcomes (Z-2), the part of a balance that shares stand for.
#
# Stands on: wide. Promises: pure arithmetic, no state; whatever is rounded is rounded for the pool.

from engine.native.types cimport *
from engine.native.wide cimport *

cdef enum:
    POOL_COINS_MAX = 4
    POOL_ONE_PPM = 1000000
    POOL_FEE_PPM_MAX = 100000

cdef extern from *:
    """
    #include <stdint.h>
    static const int64_t ENGINE_POOL_AMOUNT_MAX = (int64_t)1 << 61;
    """
    const int64_t POOL_AMOUNT_MAX "ENGINE_POOL_AMOUNT_MAX"     # of an amount, a balance, shares and liquidity (Z-1)

# What a swap gives. All 0 when it was refused.
cdef struct SwapGives:
    atoms_t amount_in        # taken, fee included
    atoms_t amount_out       # paid
    atoms_t fee              # product and range pools: of the coin sold; stable pool: of the coin bought

# What shares were minted or burnt for. All 0 when it was refused.
cdef struct ShareGives:
    int64_t shares
    atoms_t amounts[POOL_COINS_MAX]    # taken or paid, by coin
    atoms_t fees[POOL_COINS_MAX]       # stable pool: charged; range pool: paid out beside the amounts


# amount * part / whole, rounded up or down. Needs: 0 <= part <= whole, so the result fits; whole > 0. Cannot fail.
cdef inline int64_t pool_part(int64_t amount, int64_t part, int64_t whole, bint up) noexcept nogil:
    cdef u128_t out = 0
    u128_mul_div(<u128_t>amount, <uint64_t>part, <u128_t>whole, up, &out)
    return <int64_t>out


# ceil(amount * fee_ppm / 10^6). Needs: amount >= 0. Cannot fail.
cdef inline int64_t pool_fee(int64_t amount, int64_t fee_ppm) noexcept nogil:
    return pool_part(amount, fee_ppm, POOL_ONE_PPM, True)
