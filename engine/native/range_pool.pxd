# A pool whose liquidity lies in ranges of prices (Z-11 .. Z-14): v3, as Uniswap has it.
#
#   ticks   [ t0 | t1 | t2 | ... ]  rising; `below` of them lie at or below s        s = sqrt(price) * 2^96, in 68 .. 125 bits
#                  ^ below                                                           active: s_lower <= s < s_upper
#   falling s meets ticks[below - 1], rising s meets ticks[below]; at a tick the active liquidity changes by its net
#
# Stands on: amm_math, digest. Promises: amounts taken are rounded up, amounts paid down; the balances cover all positions and fees; a
# refused command writes nothing. The caller owns the ticks (RANGE_TICKS_MAX of them) and the positions.

from libc.string cimport memcpy, memmove, memset

from engine.native.types cimport *
from engine.native.amm_math cimport *
from engine.native.digest cimport *
from engine.native.wide cimport *

cdef enum:
    RANGE_POOL_FORM = 3              # Z-15
    RANGE_TICK_MAX = 400000          # Z-11
    RANGE_TICKS_MAX = 1024
    RANGE_SPACING_MAX = 16384
    RANGE_DIGEST_END = -2

cdef extern from *:
    """
    #include <stdint.h>
    /* 1.0001^(-2^k / 2) * 2^128 to the nearest, low word first */
    static const uint64_t ENGINE_TICK_FACTORS[19][2] = {
        {0xaa2d162d1a594001, 0xfffcb933bd6fad37},
        {0x59a46990580e213a, 0xfff97272373d4132},
        {0xef12357cf3c7fdcc, 0xfff2e50f5f656932},
        {0x1c3624eaa0941cd0, 0xffe5caca7e10e4e6},
        {0xc9db58835c926644, 0xffcb9843d60f6159},
        {0x472e6896dfb254c0, 0xff973b41fa98c081},
        {0x43ec78b326b52861, 0xff2ea16466c96a38},
        {0x11c461f1969c3053, 0xfe5dee046a99a2a8},
        {0xdcffc83b479aa3a4, 0xfcbe86c7900a88ae},
        {0x6f2b074cf7815e54, 0xf987a7253ac41317},
        {0x940c7a398e4b70f3, 0xf3392b0822b70005},
        {0x43b29c7fa6e889d9, 0xe7159475a2c29b74},
        {0x845ad8f792aa5825, 0xd097f3bdfd2022b8},
        {0x8a65dc1f90e061e5, 0xa9f746462d870fdf},
        {0x90bb3df62baf32f7, 0x70d869a156d2a1b8},
        {0x81231505542fcfa6, 0x31be135f97d08fd9},
        {0xc677de54f3e99bc9, 0x09aa508b5b7a84e1},
        {0x6699c329225ee604, 0x005d6af8dedb8119},
        {0x1ea926041bedfe98, 0x00002216e584f5fa}
    };
    static inline engine_u128 engine_tick_factor(int k) { return engine_joined(ENGINE_TICK_FACTORS[k][0], ENGINE_TICK_FACTORS[k][1]); }
    """
    u128_t tick_factor "engine_tick_factor"(int k) noexcept nogil      # 0 <= k < 19

# 128-bit numbers are kept as two words, low first, so that a record that holds one needs no alignment of its own.
cdef struct RangeTick:
    int64_t tick
    int64_t net                      # liquidity that begins here less what ends here
    int64_t gross                    # liquidity that begins or ends here; 0: no tick
    uint64_t s[2]                    # range_sqrt(tick)
    uint64_t outside[2][2]           # by coin: growth of fees on the other side of the tick than s, mod 2^128

cdef struct RangePosition:
    int64_t liquidity
    uint64_t inside[2][2]            # by coin: growth in the range when it was last settled, mod 2^128
    atoms_t owed[2]                  # fees earned until then, not yet paid

cdef struct RangePool:
    uint64_t s[2]
    uint64_t growth[2][2]            # by coin: fees per unit of active liquidity * 2^64, mod 2^128
    int64_t fee_ppm                  # of the amount sold
    int64_t tick_spacing
    atoms_t balances[2]
    int64_t liquidity                # active
    int64_t liquidity_total          # of all positions, at most 2^61
    uint32_t tick_count
    uint32_t below                   # ticks at or below s

# A swap under way.
cdef struct RangeWalk:
    u128_t s
    u128_t growth                    # of the coin sold
    int64_t liquidity
    int64_t remaining
    int64_t paid
    int64_t fee
    uint32_t below


# ---- prices and amounts ----

# sqrt(1.0001^tick) * 2^96, rounded up (Z-11). Needs: |tick| <= RANGE_TICK_MAX. Cannot fail. 19 steps.
cdef inline u128_t range_sqrt(int64_t tick) noexcept nogil:
    cdef uint64_t distance = <uint64_t>(-tick if tick < 0 else tick)
    cdef uint64_t one[4]
    cdef uint64_t by[2]
    cdef u128_t ratio = ~<u128_t>0, s = 0
    cdef bint begun = False
    cdef int k
    if tick == 0:
        return <u128_t>1 << 96
    for k in range(19):
        if distance >> k & 1:
            s = tick_factor(k)
            ratio = u128_mul_high(ratio, s) if begun else s
            begun = True
    if tick < 0:
        return (ratio >> 32) + <u128_t>((ratio & <u128_t>0xFFFFFFFF) != 0)
    memset(one, 0, sizeof(one))
    one[3] = <uint64_t>1 << 32                       # 2^224
    by[0], by[1] = wide_low(ratio), wide_high(ratio)
    words_ratio(one, 4, by, 2, True, &s)
    return s


# Atoms of coin 0 between two square roots, L * 2^96 * (high - low) / (low * high) (Z-12). 1 (and 2^61 + 1) beyond 2^61.
cdef inline bint range_amount_0(u128_t low, u128_t high, int64_t liquidity, bint up, int64_t* out) noexcept nogil:
    cdef uint64_t gap[2]
    cdef uint64_t a[2]
    cdef uint64_t b[2]
    cdef uint64_t by[4]
    cdef uint64_t top[5]
    cdef uint64_t scale[2]
    cdef u128_t wide = <u128_t>liquidity << 32        # * 2^96 = two words of 48 bits each way: L << 32, then one word up
    gap[0], gap[1] = wide_low(high - low), wide_high(high - low)
    scale[0], scale[1] = wide_low(wide), wide_high(wide)
    top[0] = 0
    words_product(scale, 2, gap, 2, &top[1])
    a[0], a[1], b[0], b[1] = wide_low(low), wide_high(low), wide_low(high), wide_high(high)
    words_product(a, 2, b, 2, by)
    out[0] = POOL_AMOUNT_MAX + 1
    if words_ratio(top, 5, by, 4, up, &wide) or wide > <u128_t>POOL_AMOUNT_MAX:
        return True
    out[0] = <int64_t>wide
    return False


# Atoms of coin 1 between two square roots, L * (high - low) / 2^96 (Z-12). 1 (and 2^61 + 1) beyond 2^61.
cdef inline bint range_amount_1(u128_t low, u128_t high, int64_t liquidity, bint up, int64_t* out) noexcept nogil:
    cdef u128_t wide = 0
    out[0] = POOL_AMOUNT_MAX + 1
    if u128_mul_div(high - low, <uint64_t>liquidity, <u128_t>1 << 96, up, &wide) or wide > <u128_t>POOL_AMOUNT_MAX:
        return True
    out[0] = <int64_t>wide
    return False


cdef inline bint range_amount(int coin, u128_t one, u128_t other, int64_t liquidity, bint up, int64_t* out) noexcept nogil:
    cdef u128_t low = one if one < other else other, high = other if one < other else one
    return range_amount_1(low, high, liquidity, up, out) if coin else range_amount_0(low, high, liquidity, up, out)


# s after an amount of coin 0 came in: L 2^96 s / (L 2^96 + amount s), rounded up (Z-13). Needs: liquidity > 0. Cannot fail.
cdef inline u128_t range_fallen(u128_t s, int64_t liquidity, int64_t amount) noexcept nogil:
    cdef uint64_t root[2]
    cdef uint64_t wide[3]
    cdef uint64_t top[5]
    cdef uint64_t by[4]
    cdef u128_t scale = <u128_t>liquidity << 32, sum
    cdef uint64_t given = <uint64_t>amount
    root[0], root[1] = wide_low(s), wide_high(s)
    wide[0], wide[1], wide[2] = 0, wide_low(scale), wide_high(scale)
    words_product(wide, 3, root, 2, top)
    words_product(root, 2, &given, 1, by)
    sum = <u128_t>by[1] + <u128_t>wide[1]
    by[1] = wide_low(sum)
    sum = <u128_t>by[2] + <u128_t>wide[2] + <u128_t>wide_high(sum)
    by[2], by[3] = wide_low(sum), wide_high(sum)
    words_ratio(top, 5, by, 4, True, &s)
    return s


# ---- swaps ----

# Go to the target or as far as the amount reaches (Z-13). Cannot fail.
cdef inline void range_step(const RangePool* pool, RangeWalk* walk, u128_t target, int sold) noexcept nogil:
    cdef int64_t after_fee = pool_part(walk.remaining, POOL_ONE_PPM - pool.fee_ppm, POOL_ONE_PPM, False)
    cdef int64_t taken = 0, paid = 0, fee
    cdef u128_t start = walk.s, wide = 0
    range_amount(sold, start, target, walk.liquidity, True, &taken)
    if after_fee >= taken:
        walk.s = target
        u128_mul_div(<u128_t>taken, <uint64_t>pool.fee_ppm, <u128_t>(POOL_ONE_PPM - pool.fee_ppm), True, &wide)
        fee = <int64_t>wide
    else:
        if sold:
            u128_mul_div(<u128_t>1 << 96, <uint64_t>after_fee, <u128_t>walk.liquidity, False, &wide)
            walk.s = start + wide
        else:
            walk.s = range_fallen(start, walk.liquidity, after_fee)
        range_amount(sold, start, walk.s, walk.liquidity, True, &taken)
        fee = walk.remaining - taken
    range_amount(1 - sold, start, walk.s, walk.liquidity, False, &paid)
    walk.paid += paid
    walk.remaining -= taken + fee
    walk.fee += fee
    if walk.liquidity > 0:
        u128_mul_div(<u128_t>fee << 64, 1, <u128_t>walk.liquidity, False, &wide)
        walk.growth += wide


cdef inline void range_cross(const RangePool* pool, RangeTick* tick, const RangeWalk* walk, int sold) noexcept nogil:
    """Turn a tick's growth over to its other side. Cannot fail."""
    cdef u128_t now, turned
    cdef int coin
    for coin in range(2):
        now = walk.growth if coin == sold else wide_joined(pool.growth[coin][0], pool.growth[coin][1])
        turned = now - wide_joined(tick.outside[coin][0], tick.outside[coin][1])
        tick.outside[coin][0], tick.outside[coin][1] = wide_low(turned), wide_high(turned)


cdef inline bint range_falls_on(const RangePool* pool, const RangeWalk* walk, int64_t liquidity) noexcept nogil:
    """Whether what is left takes s below where it stands, with the liquidity that is active there."""
    cdef int64_t after_fee = pool_part(walk.remaining, POOL_ONE_PPM - pool.fee_ppm, POOL_ONE_PPM, False)
    return liquidity == 0 or range_fallen(walk.s, liquidity, after_fee) < walk.s


cdef inline void range_keep_rest(RangeWalk* walk) noexcept nogil:
    """What is left moves nothing: all of it is fee where s stands."""
    cdef u128_t wide = 0
    if walk.liquidity > 0:
        u128_mul_div(<u128_t>walk.remaining << 64, 1, <u128_t>walk.liquidity, False, &wide)
        walk.growth += wide
    walk.fee += walk.remaining
    walk.remaining = 0


# Walk a swap from tick to tick (Z-13); with `writes` its crossings are written too. At most one step per tick. Needs: walk.remaining > 0.
cdef inline outlined_int range_walk(const RangePool* pool, RangeTick* ticks, RangeWalk* walk, int sold, bint writes) noexcept nogil:
    cdef bint falls = sold == 0
    cdef RangeTick* tick
    cdef u128_t target
    while walk.remaining > 0:
        if walk.below == (0 if falls else pool.tick_count):
            return POOL_BEYOND_POOL
        tick = ticks + (walk.below - 1 if falls else walk.below)
        target = wide_joined(tick.s[0], tick.s[1])
        range_step(pool, walk, target, sold)
        # A tick that s falls onto is crossed when s goes on: it is active at s itself.
        if falls and walk.s == target and walk.remaining > 0 and not range_falls_on(pool, walk, walk.liquidity - tick.net):
            range_keep_rest(walk)
        elif walk.s == target and (walk.remaining > 0 or not falls):
            walk.liquidity += -tick.net if falls else tick.net
            walk.below += <uint32_t>(-1 if falls else 1)
            if writes:
                range_cross(pool, tick, walk, sold)
    return POOL_NONE if walk.paid > 0 else POOL_NOTHING_OUT


cdef inline void range_begin(const RangePool* pool, int sold, atoms_t amount, RangeWalk* walk) noexcept nogil:
    """Set a walk to the pool's state. Cannot fail."""
    walk.s = wide_joined(pool.s[0], pool.s[1])
    walk.growth = wide_joined(pool.growth[sold][0], pool.growth[sold][1])
    walk.liquidity, walk.below = pool.liquidity, pool.below
    walk.remaining, walk.paid, walk.fee = amount, 0, 0


# What a swap would give (Z-13); the ticks are not written. O(ticks crossed). Needs: amount > 0.
cdef inline int range_quote(const RangePool* pool, RangeTick* ticks, int sold, atoms_t amount, SwapGives* out) noexcept nogil:
    cdef RangeWalk walk
    cdef int reason
    if pool.tick_count == 0:
        return POOL_EMPTY
    if pool.balances[sold] + amount > POOL_AMOUNT_MAX:
        return POOL_BALANCE_OUT_OF_BOUNDS
    range_begin(pool, sold, amount, &walk)
    reason = range_walk(pool, ticks, &walk, sold, False)
    if reason:
        return reason
    out.amount_in, out.amount_out, out.fee = amount, walk.paid, walk.fee
    return POOL_NONE


# Carry out a swap that range_quote accepted just now. Cannot fail. O(ticks crossed).
cdef inline void range_execute(RangePool* pool, RangeTick* ticks, int sold, atoms_t amount) noexcept nogil:
    cdef RangeWalk walk
    range_begin(pool, sold, amount, &walk)
    range_walk(pool, ticks, &walk, sold, True)
    pool.s[0], pool.s[1] = wide_low(walk.s), wide_high(walk.s)
    pool.growth[sold][0], pool.growth[sold][1] = wide_low(walk.growth), wide_high(walk.growth)
    pool.liquidity, pool.below = walk.liquidity, walk.below
    pool.balances[sold] += amount
    pool.balances[1 - sold] -= walk.paid


# Walked twice: whether it ends well is known before the first tick is written. On refusal the pool is unchanged. O(ticks crossed).
cdef inline int range_swap(RangePool* pool, RangeTick* ticks, int sold, atoms_t amount, atoms_t minimum, SwapGives* out) noexcept nogil:
    cdef SwapGives gives = SwapGives(0, 0, 0)
    cdef int reason = range_quote(pool, ticks, sold, amount, &gives)
    if reason:
        return reason
    if gives.amount_out < minimum:
        return POOL_BELOW_MINIMUM
    range_execute(pool, ticks, sold, amount)
    out[0] = gives
    return POOL_NONE


# ---- positions ----

# The first tick not below `tick`. O(log ticks).
cdef inline uint32_t range_find(const RangePool* pool, const RangeTick* ticks, int64_t tick) noexcept nogil:
    cdef uint32_t low = 0, high = pool.tick_count, middle
    while low < high:                # ticks[:low] < tick <= ticks[high:]
        middle = (low + high) >> 1
        if ticks[middle].tick < tick:
            low = middle + 1
        else:
            high = middle
    return low


# Change the liquidity that begins (or ends) at a tick; the tick is put in or taken out as need be. Needs: room for one more. O(ticks).
cdef inline void range_write_tick(RangePool* pool, RangeTick* ticks, int64_t at, int64_t change, bint ends) noexcept nogil:
    cdef uint32_t slot = range_find(pool, ticks, at)
    cdef u128_t s = range_sqrt(at)
    cdef bint is_below = s <= wide_joined(pool.s[0], pool.s[1])
    cdef RangeTick* tick = ticks + slot
    if slot == pool.tick_count or tick.tick != at:
        memmove(tick + 1, tick, (pool.tick_count - slot) * sizeof(RangeTick))
        memset(tick, 0, sizeof(RangeTick))
        tick.tick, tick.s[0], tick.s[1] = at, wide_low(s), wide_high(s)
        if is_below:
            memcpy(tick.outside, pool.growth, sizeof(pool.growth))
        pool.tick_count += 1
        pool.below += <uint32_t>is_below
    tick.net += -change if ends else change
    tick.gross += change
    if is_below:
        pool.liquidity += -change if ends else change
    if tick.gross == 0:
        pool.tick_count -= 1
        pool.below -= <uint32_t>is_below
        memmove(tick, tick + 1, (pool.tick_count - slot) * sizeof(RangeTick))


# Growth of a coin's fees on the far side of a tick, seen from a range above it (is_lower) or below it (Z-14). Cannot fail.
cdef inline u128_t range_beyond(const RangePool* pool, const RangeTick* tick, int coin, bint is_lower) noexcept nogil:
    cdef u128_t outside = wide_joined(tick.outside[coin][0], tick.outside[coin][1])
    cdef bint is_below = wide_joined(tick.s[0], tick.s[1]) <= wide_joined(pool.s[0], pool.s[1])
    return outside if is_below == is_lower else wide_joined(pool.growth[coin][0], pool.growth[coin][1]) - outside


# Credit a position with what it has earned since it was last settled (Z-14). Needs: its ticks exist. Cannot fail.
cdef inline void range_settle(const RangePool* pool, const RangeTick* ticks, int64_t lower, int64_t upper, RangePosition* position) noexcept nogil:
    cdef const RangeTick* low = ticks + range_find(pool, ticks, lower)
    cdef const RangeTick* high = ticks + range_find(pool, ticks, upper)
    cdef u128_t inside, earned = 0
    cdef int coin
    for coin in range(2):
        inside = wide_joined(pool.growth[coin][0], pool.growth[coin][1]) \
            - range_beyond(pool, low, coin, True) - range_beyond(pool, high, coin, False)
        u128_mul_div(inside - wide_joined(position.inside[coin][0], position.inside[coin][1]), <uint64_t>position.liquidity,
                     <u128_t>1 << 64, False, &earned)
        position.owed[coin] += <int64_t>earned
        position.inside[coin][0], position.inside[coin][1] = wide_low(inside), wide_high(inside)


cdef inline bint range_amounts(const RangePool* pool, int64_t lower, int64_t upper, int64_t liquidity, bint up, atoms_t* amounts) noexcept nogil:
    """Say what a liquidity in a range stands for. 1 beyond 2^61."""
    cdef u128_t low = range_sqrt(lower), high = range_sqrt(upper), at = wide_joined(pool.s[0], pool.s[1])
    at = low if at < low else high if at > high else at
    return range_amount_0(at, high, liquidity, up, &amounts[0]) | range_amount_1(low, at, liquidity, up, &amounts[1])


# Add liquidity to a position, which is all zeros when it is new (Z-14). On refusal nothing is changed. O(ticks).
cdef inline int range_add(RangePool* pool, RangeTick* ticks, int64_t lower, int64_t upper, int64_t liquidity,
                          RangePosition* position, ShareGives* out) noexcept nogil:
    cdef uint32_t low = range_find(pool, ticks, lower), high = range_find(pool, ticks, upper), more = 0
    cdef int coin
    if pool.liquidity_total + liquidity > POOL_AMOUNT_MAX:
        return POOL_LIQUIDITY_OUT_OF_BOUNDS
    if range_amounts(pool, lower, upper, liquidity, True, out.amounts):
        return POOL_BALANCE_OUT_OF_BOUNDS
    for coin in range(2):
        if pool.balances[coin] + out.amounts[coin] > POOL_AMOUNT_MAX:
            return POOL_BALANCE_OUT_OF_BOUNDS
    more += <uint32_t>(low == pool.tick_count or ticks[low].tick != lower)
    more += <uint32_t>(high == pool.tick_count or ticks[high].tick != upper)
    if pool.tick_count + more > RANGE_TICKS_MAX:
        return POOL_TICKS_FULL
    range_write_tick(pool, ticks, lower, liquidity, False)
    range_write_tick(pool, ticks, upper, liquidity, True)
    range_settle(pool, ticks, lower, upper, position)     # a new one has no liquidity: only its starting growth is noted
    position.liquidity += liquidity
    pool.liquidity_total += liquidity
    for coin in range(2):
        pool.balances[coin] += out.amounts[coin]
    out.shares = liquidity
    return POOL_NONE


# Take liquidity out of a position, and all its fees (Z-14). On refusal nothing is changed. O(ticks).
cdef inline int range_remove(RangePool* pool, RangeTick* ticks, int64_t lower, int64_t upper, int64_t liquidity,
                             RangePosition* position, ShareGives* out) noexcept nogil:
    cdef int coin
    if liquidity > position.liquidity:
        return POOL_SHARES_SHORT
    range_settle(pool, ticks, lower, upper, position)
    range_amounts(pool, lower, upper, liquidity, False, out.amounts)
    if liquidity > 0:
        range_write_tick(pool, ticks, lower, -liquidity, False)
        range_write_tick(pool, ticks, upper, -liquidity, True)
    position.liquidity -= liquidity
    pool.liquidity_total -= liquidity
    for coin in range(2):
        out.fees[coin] = position.owed[coin]
        position.owed[coin] = 0
        pool.balances[coin] -= out.amounts[coin] + out.fees[coin]
    out.shares = liquidity
    return POOL_NONE


# ---- digest ----

cdef inline uint64_t range_digest_wide(uint64_t h, const uint64_t* words) noexcept nogil:
    return digest_word(digest_word(h, <int64_t>words[0]), <int64_t>words[1])


cdef inline uint64_t range_digest_pool(const RangePool* pool, const RangeTick* ticks) noexcept nogil:
    """Digest the pool and its ticks; the positions follow (Z-15). O(ticks)."""
    cdef uint64_t h = digest_word(digest_word(digest_begin(DIGEST_POOL), RANGE_POOL_FORM), pool.fee_ppm)
    cdef uint32_t slot
    h = range_digest_wide(digest_word(h, pool.tick_spacing), pool.s)
    h = range_digest_wide(range_digest_wide(h, pool.growth[0]), pool.growth[1])
    h = digest_word(digest_word(h, pool.balances[0]), pool.balances[1])
    for slot in range(pool.tick_count):
        h = digest_word(digest_word(digest_word(h, ticks[slot].tick), ticks[slot].net), ticks[slot].gross)
        h = range_digest_wide(range_digest_wide(h, ticks[slot].outside[0]), ticks[slot].outside[1])
    return digest_word(h, RANGE_DIGEST_END)


cdef inline uint64_t range_digest_position(uint64_t h, int64_t lower, int64_t upper, int64_t owner, const RangePosition* position) noexcept nogil:
    h = digest_word(digest_word(digest_word(digest_word(h, lower), upper), owner), position.liquidity)
    h = range_digest_wide(range_digest_wide(h, position.inside[0]), position.inside[1])
    return digest_word(digest_word(h, position.owed[0]), position.owed[1])
