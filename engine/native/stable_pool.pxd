# A pool of coins that should be worth the same (Z-7 .. Z-10): StableSwap, as Curve has it.
#
#   A n^n S + D = A D n^n + D^(n+1) / (n^n prod x)       x: balances scaled to one unit, S their sum; ann = A n as Curve counts it
#
# Stands on: amm_math, digest. Promises: the exact D never falls by a swap, D / shares never falls at all; a refused command writes nothing.
# Bits: S <= 2^61 and balances within 2^20 of one another (Z-9) keep D^(n+1) / prod x below 2^122, so 128 bits hold every term and only
# their products pass through the wide quotient. Every Newton loop ends after STABLE_STEPS_MAX steps (38 were the most ever seen).

from libc.string cimport memset

from engine.native.types cimport *
from engine.native.amm_math cimport *
from engine.native.digest cimport *
from engine.native.wide cimport *

cdef enum:
    STABLE_POOL_FORM = 2             # Z-15
    STABLE_STEPS_MAX = 255
    STABLE_RATIO_BITS = 20           # Z-9
    STABLE_D_SLACK = 1               # Newton's D lies less than 1 below the exact one and at most 1 above (Z-7)
    STABLE_Y_SLACK = 2               # Newton's y lies at most 2 below the exact one (Z-8)
    STABLE_C_BITS = 126

cdef struct StablePool:
    int64_t amplification            # A, 1 .. 10^6
    int64_t fee_ppm                  # of the coin bought
    int64_t shares                   # 0: empty
    atoms_t balances[POOL_COINS_MAX]
    int64_t scales[POOL_COINS_MAX]   # scaled = atoms * scale; 1 .. 10^9
    int32_t coin_count               # 2 .. 4

cdef struct StableCoins:
    int64_t x[POOL_COINS_MAX]        # scaled balances
    int32_t count
    int64_t ann                      # A * n


# ---- Newton ----

cdef inline void stable_sort(int64_t* values, int count) noexcept nogil:
    """Sort a few numbers, smallest first. Cannot fail."""
    cdef int i, j
    cdef int64_t value
    for i in range(1, count):
        value, j = values[i], i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value


cdef inline int64_t stable_sum(const StableCoins* coins) noexcept nogil:
    cdef int64_t total = 0
    cdef int k
    for k in range(coins.count):
        total += coins.x[k]
    return total


# D^(n+1) / (n^n prod x), divided by the smallest balance first, where the rounding costs least (Z-7). 1 when it does not fit.
cdef inline bint stable_term(const int64_t* rising, int count, int64_t d, u128_t* term) noexcept nogil:
    cdef u128_t by
    cdef int k
    term[0] = <u128_t>d
    for k in range(count):
        by = <u128_t>rising[k]
        if k == count - 1:       # floor(floor(a / x) / n^n) = floor(a / (x n^n)): one division less
            by = by * <u128_t>(4 if count == 2 else 27 if count == 3 else 256)
        if u128_mul_div(term[0], <uint64_t>d, by, False, term):
            return True
    return False


# D of scaled balances: from the sum downwards until it falls by no more than 1 (Z-7).
cdef inline outlined_int stable_invariant(const StableCoins* coins, int64_t* d) noexcept nogil:
    cdef int64_t rising[POOL_COINS_MAX]
    cdef int64_t before, ann = coins.ann
    cdef int k, _, n = coins.count
    cdef u128_t term = 0, total, fallen = 0
    for k in range(n):
        rising[k] = coins.x[k]
    stable_sort(rising, n)
    d[0] = stable_sum(coins)
    total = <u128_t>ann * <u128_t>d[0]
    for _ in range(STABLE_STEPS_MAX):
        before = d[0]
        if stable_term(rising, n, before, &term):
            return POOL_NO_CONVERGENCE
        if u128_mul_div(total + term * <u128_t>n, <uint64_t>before, <u128_t>(ann - 1) * <u128_t>before + term * <u128_t>(n + 1), False, &fallen):
            return POOL_NO_CONVERGENCE
        if fallen > <u128_t>(POOL_AMOUNT_MAX + 1):
            return POOL_NO_CONVERGENCE
        d[0] = <int64_t>fallen
        if d[0] >= before - 1:
            return POOL_NONE
    return POOL_NO_CONVERGENCE


# The balance of a coin that gives D with the others: from its balance now (Z-8), which is above it, so the first step cannot overflow.
cdef inline int stable_balance(const StableCoins* coins, int coin, int64_t d, int64_t* y) noexcept nogil:
    cdef int64_t rising[POOL_COINS_MAX]
    cdef int64_t others = 0, slope, before
    cdef int k, _, count = 0, n = coins.count
    cdef u128_t c = <u128_t>d, b = 0, next_y = 0
    for k in range(n):
        if k != coin:
            rising[count] = coins.x[k]
            others += coins.x[k]
            count += 1
    stable_sort(rising, count)
    for k in range(count + 1):
        b = <u128_t>(rising[k] if k < count else coins.ann) * <u128_t>n
        if u128_mul_div(c, <uint64_t>d, b, False, &c) or c >= <u128_t>1 << STABLE_C_BITS:
            return POOL_NO_CONVERGENCE
    u128_mul_div(<u128_t>d, 1, <u128_t>coins.ann, False, &b)
    y[0] = coins.x[coin]
    for _ in range(STABLE_STEPS_MAX):
        slope = 2 * y[0] + others + <int64_t>b - d
        if slope <= 0:
            return POOL_NO_CONVERGENCE
        before = y[0]
        u128_mul_div(<u128_t>before * <u128_t>before + c, 1, <u128_t>slope, False, &next_y)
        if next_y > <u128_t>POOL_AMOUNT_MAX:
            return POOL_NO_CONVERGENCE
        y[0] = <int64_t>next_y
        if y[0] >= before - 1:
            return POOL_NONE
    return POOL_NO_CONVERGENCE


# ---- bounds ----

# Within 2^61 together, and within 2^20 of one another (Z-9). Needs: each at most 2^61.
cdef inline int stable_fits(const StableCoins* coins) noexcept nogil:
    cdef int64_t least = coins.x[0], most = coins.x[0], total = 0
    cdef int k
    for k in range(coins.count):
        if coins.x[k] > POOL_AMOUNT_MAX or total > POOL_AMOUNT_MAX - coins.x[k]:
            return POOL_BALANCE_OUT_OF_BOUNDS
        total += coins.x[k]
        least = coins.x[k] if coins.x[k] < least else least
        most = coins.x[k] if coins.x[k] > most else most
    if least < 1 or most >> STABLE_RATIO_BITS > least or (most >> STABLE_RATIO_BITS == least and most != least << STABLE_RATIO_BITS):
        return POOL_BEYOND_POOL
    return POOL_NONE


cdef inline void stable_coins(const StablePool* pool, StableCoins* coins) noexcept nogil:
    """Scale the balances, which fit. Cannot fail."""
    cdef int k
    memset(coins, 0, sizeof(StableCoins))
    coins.count, coins.ann = pool.coin_count, pool.amplification * pool.coin_count
    for k in range(pool.coin_count):
        coins.x[k] = pool.balances[k] * pool.scales[k]


# Scale a balance with an amount more, held at 2^61 + 1, which fits no pool. Cannot fail.
cdef inline int64_t stable_scaled(int64_t atoms, int64_t scale) noexcept nogil:
    cdef u128_t scaled = <u128_t>atoms * <u128_t>scale
    return <int64_t>scaled if scaled <= <u128_t>POOL_AMOUNT_MAX else POOL_AMOUNT_MAX + 1


# ---- swaps ----

# What a swap would give (Z-8). O(Newton steps). Needs: amount > 0.
cdef inline int stable_quote(const StablePool* pool, int sold, int bought, atoms_t amount, SwapGives* out) noexcept nogil:
    cdef StableCoins coins
    cdef int64_t d = 0, y = 0, more, gross, paid, scale = pool.scales[bought]
    cdef int reason
    if pool.shares == 0:
        return POOL_EMPTY
    stable_coins(pool, &coins)
    more = stable_scaled(amount, pool.scales[sold])
    if more > POOL_AMOUNT_MAX - stable_sum(&coins):
        return POOL_BALANCE_OUT_OF_BOUNDS
    reason = stable_invariant(&coins, &d)
    if reason == POOL_NONE:
        coins.x[sold] += more
        reason = stable_balance(&coins, bought, d + STABLE_D_SLACK, &y)
    if reason:
        return reason
    gross = coins.x[bought] - y - STABLE_Y_SLACK
    if gross <= 0:
        return POOL_NOTHING_OUT
    paid = pool_part(gross - pool_fee(gross, pool.fee_ppm), 1, scale, False)
    if paid <= 0:
        return POOL_NOTHING_OUT
    coins.x[bought] -= paid * scale
    reason = stable_fits(&coins)
    if reason:
        return reason
    out.amount_in, out.amount_out, out.fee = amount, paid, pool_part(gross, 1, scale, False) - paid
    return POOL_NONE


# On refusal the pool is unchanged. O(Newton steps).
cdef inline int stable_swap(StablePool* pool, int sold, int bought, atoms_t amount, atoms_t minimum, SwapGives* out) noexcept nogil:
    cdef SwapGives gives = SwapGives(0, 0, 0)
    cdef int reason = stable_quote(pool, sold, bought, amount, &gives)
    if reason:
        return reason
    if gives.amount_out < minimum:
        return POOL_BELOW_MINIMUM
    pool.balances[sold] += gives.amount_in
    pool.balances[bought] -= gives.amount_out
    out[0] = gives
    return POOL_NONE


# ---- shares ----

# The fee on what a balance is away from the pool's proportion: ceil(|away| * fee * n / (4 (n - 1) 10^6)) (Z-10).
cdef inline int64_t stable_away_fee(const StablePool* pool, int64_t away) noexcept nogil:
    cdef int64_t n = pool.coin_count
    return pool_part(away if away >= 0 else -away, pool.fee_ppm * n, 4 * (n - 1) * POOL_ONE_PPM, True)


# Shares for what was added to a pool that had some. `coins` hold the new balances and are left without the fees. 0: too little.
cdef inline int stable_minted(const StablePool* pool, StableCoins* coins, int64_t d_after, int64_t* minted, ShareGives* out) noexcept nogil:
    cdef StableCoins held
    cdef int64_t d_before = 0, d_net = 0, charged
    cdef u128_t part = 0
    cdef int k, reason
    stable_coins(pool, &held)
    reason = stable_invariant(&held, &d_before)
    if reason:
        return reason
    for k in range(coins.count):
        u128_mul_div(<u128_t>d_after, <uint64_t>held.x[k], <u128_t>d_before, False, &part)
        if part > <u128_t>POOL_AMOUNT_MAX:
            part = <u128_t>POOL_AMOUNT_MAX
        charged = stable_away_fee(pool, <int64_t>part - coins.x[k])
        coins.x[k] -= charged
        out.fees[k] = pool_part(charged, 1, pool.scales[k], True)
    reason = stable_fits(coins)
    if reason == POOL_NONE:
        reason = stable_invariant(coins, &d_net)
    if reason:
        return reason
    d_net -= d_before + 2 * STABLE_D_SLACK
    if d_net > 0:
        if u128_mul_div(<u128_t>pool.shares, <uint64_t>d_net, <u128_t>(d_before + STABLE_D_SLACK), False, &part) or part > <u128_t>POOL_AMOUNT_MAX:
            return POOL_BALANCE_OUT_OF_BOUNDS
        minted[0] = <int64_t>part
    return POOL_NONE


# Add amounts (Z-10). On refusal the pool is unchanged; *out counts only when there is none. O(Newton steps).
cdef inline int stable_add(StablePool* pool, const atoms_t* given, ShareGives* out) noexcept nogil:
    cdef StableCoins coins
    cdef int64_t d_after = 0, minted = 0
    cdef int k, reason
    memset(&coins, 0, sizeof(coins))
    coins.count, coins.ann = pool.coin_count, pool.amplification * pool.coin_count
    for k in range(pool.coin_count):
        if pool.shares == 0 and given[k] == 0:
            return POOL_EMPTY
        coins.x[k] = stable_scaled(pool.balances[k] + given[k], pool.scales[k])
    reason = stable_fits(&coins)
    if reason == POOL_NONE:
        reason = stable_invariant(&coins, &d_after)
    if reason:
        return reason
    if pool.shares == 0:
        minted = d_after
    else:
        reason = stable_minted(pool, &coins, d_after, &minted, out)
        if reason:
            return reason
    if minted <= 0:
        return POOL_NOTHING_OUT
    if pool.shares + minted > POOL_AMOUNT_MAX:
        return POOL_BALANCE_OUT_OF_BOUNDS
    pool.shares += minted
    out.shares = minted
    for k in range(pool.coin_count):
        pool.balances[k] += given[k]
        out.amounts[k] = given[k]
    return POOL_NONE


# Burn shares for their part of every balance (Z-10). On refusal the pool is unchanged. O(coins). Needs: shares > 0.
cdef inline int stable_remove(StablePool* pool, int64_t shares, ShareGives* out) noexcept nogil:
    cdef StableCoins coins
    cdef int k, reason
    if shares > pool.shares:
        return POOL_SHARES_SHORT
    stable_coins(pool, &coins)
    for k in range(pool.coin_count):
        out.amounts[k] = pool_part(pool.balances[k], shares, pool.shares, False)
        coins.x[k] -= out.amounts[k] * pool.scales[k]
    if shares < pool.shares:
        reason = stable_fits(&coins)
        if reason:
            return reason
    for k in range(pool.coin_count):
        pool.balances[k] -= out.amounts[k]
    pool.shares -= shares
    out.shares = shares
    return POOL_NONE


# The scaled balance that a coin falls to when shares are burnt for it alone: *y without a fee, *y_net with it, of *x_net (Z-10).
cdef inline int stable_one_coin(const StablePool* pool, StableCoins* coins, int coin, int64_t shares,
                                int64_t* y, int64_t* x_net, int64_t* y_net) noexcept nogil:
    cdef StableCoins net
    cdef int64_t d = 0, d_after, kept
    cdef u128_t part = 0
    cdef int k, reason = stable_invariant(coins, &d)
    if reason:
        return reason
    d_after = d + STABLE_D_SLACK - pool_part(d - STABLE_D_SLACK, shares, pool.shares, False)
    reason = stable_balance(coins, coin, d_after, y)
    if reason:
        return reason
    net = coins[0]
    for k in range(net.count):
        u128_mul_div(<u128_t>coins.x[k], <uint64_t>d_after, <u128_t>d, False, &part)
        kept = <int64_t>part
        net.x[k] -= stable_away_fee(pool, kept - y[0] if k == coin else coins.x[k] - kept)
        if net.x[k] < 1:
            return POOL_BEYOND_POOL
    x_net[0] = net.x[coin]
    return stable_balance(&net, coin, d_after, y_net)


# Burn shares for one coin (Z-10). On refusal the pool is unchanged. O(Newton steps). Needs: shares > 0.
cdef inline int stable_remove_one(StablePool* pool, int64_t shares, int coin, ShareGives* out) noexcept nogil:
    cdef StableCoins coins
    cdef int64_t y = 0, x_net = 0, y_net = 0, paid, fee, scale = pool.scales[coin]
    cdef int reason
    if shares > pool.shares:
        return POOL_SHARES_SHORT
    if shares == pool.shares:
        return POOL_BEYOND_POOL
    stable_coins(pool, &coins)
    reason = stable_one_coin(pool, &coins, coin, shares, &y, &x_net, &y_net)
    if reason:
        return reason
    x_net -= y_net + STABLE_Y_SLACK
    if x_net < scale:
        return POOL_NOTHING_OUT
    paid = pool_part(x_net, 1, scale, False)
    fee = pool_part(coins.x[coin] - y, 1, scale, False) - paid if coins.x[coin] > y else 0
    coins.x[coin] -= paid * scale
    reason = stable_fits(&coins)
    if reason:
        return reason
    pool.balances[coin] -= paid
    pool.shares -= shares
    out.shares, out.amounts[coin], out.fees[coin] = shares, paid, fee if fee > 0 else 0
    return POOL_NONE


cdef inline uint64_t stable_digest(const StablePool* pool) noexcept nogil:
    cdef uint64_t h = digest_word(digest_word(digest_begin(DIGEST_POOL), STABLE_POOL_FORM), pool.fee_ppm)
    cdef int k
    h = digest_word(digest_word(h, pool.amplification), pool.coin_count)
    for k in range(pool.coin_count):
        h = digest_word(digest_word(h, pool.balances[k]), pool.scales[k])
    return digest_word(h, pool.shares)
