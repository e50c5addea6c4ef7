# Sources: the value of one source of an index now, its age, and who moved it (P-11).
#
#   price (mid, last, index, oracle, TWAP, path, fixed, pool) x factor (another market's price) x numerator / denominator x growth
#
# Stands on: prices, pool_price. Promises: a value is within 1 .. PRICE_MOST or NO_PRICE; reading changes nothing but the source's own memory.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.averages cimport *
from engine.native.book cimport NO_PRICE
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.pool_price cimport pool_price
from engine.native.pools cimport *
from engine.native.prices cimport *
from engine.native.slab cimport *

cdef enum:
    GROWTH_MOST_PPB = 7000000000     # a ratio ends at 8 times itself: the products below stay within 127 bits


# A market's series now, NO_PRICE if there is none, and how old it is. Cannot fail. O(1).
cdef inline int64_t series_ticks(Market* market, uint32_t kind, time_ms_t now_ms, time_ms_t* age_ms) noexcept nogil:
    age_ms[0] = 0
    if kind == SOURCE_MID:
        return market_mid(market)
    if kind == SOURCE_LAST:
        age_ms[0] = now_ms - market.last_mover.time_ms
        return market.book.last_price
    if kind == SOURCE_INDEX:
        age_ms[0] = now_ms - market.index_ms
        return market.index_ticks
    age_ms[0] = now_ms - market.oracle_ms
    return market.oracle_ticks


# The value of a path now, and since when; NO_PRICE before its first point. O(points passed).
cdef inline int64_t path_ticks(Feeds* feeds, Source* source, time_ms_t now_ms, time_ms_t* age_ms) noexcept nogil:
    cdef PathPoint* points = <PathPoint*>slab_at(&feeds.points, source.point_first)
    # invariant: the points before point_next are not ahead
    while source.point_next < source.point_count and points[source.point_next].time_ms <= now_ms:
        source.point_next += 1
    if source.point_next == 0:
        return NO_PRICE
    age_ms[0] = now_ms - points[source.point_next - 1].time_ms
    return points[source.point_next - 1].ticks


cdef inline int64_t pool_ticks(Pools* pools, Source* source) noexcept nogil:
    """The marginal price of a pool now, NO_PRICE while it is empty, below 1 or 2^40 and more."""
    cdef int64_t price = pool_price(pools, world_pool_at(pools, source.market), source.sold, source.bought, source.fixed_ticks)
    return price if 1 <= price < NO_PRICE else NO_PRICE


cdef inline int64_t source_ticks(Feeds* feeds, Market* markets, Pools* pools, Source* source, time_ms_t now_ms, time_ms_t* age_ms) noexcept nogil:
    """The price of a source before factor and ratio, NO_PRICE if there is none, and its age."""
    age_ms[0] = 0
    if source.kind == SOURCE_POOL:
        return pool_ticks(pools, source)
    if source.kind == SOURCE_FIXED:
        return source.fixed_ticks
    if source.kind == SOURCE_PATH:
        return path_ticks(feeds, source, now_ms, age_ms)
    if source.kind == SOURCE_TWAP:
        if source.window.filled == 0:
            return NO_PRICE
        age_ms[0] = now_ms - source.sampled_ms
        return window_mean(&source.window)
    return series_ticks(&markets[source.market], source.kind, now_ms, age_ms)


cdef inline int64_t source_growth_ppb(Source* source, time_ms_t now_ms) noexcept nogil:
    """What the ratio has grown to, 10^-9 of itself: linear in the whole intervals that have passed."""
    cdef int64_t grown = 0
    if source.growth_every_ms and now_ms > source.growth_from_ms:
        if mul_overflows(source.growth_ppb, floor_div(now_ms - source.growth_from_ms, source.growth_every_ms), &grown):
            grown = GROWTH_MOST_PPB
    return PPB + min64(grown, GROWTH_MOST_PPB)


cdef inline void source_look(Feeds* feeds, Market* markets, Pools* pools, Source* source, time_ms_t now_ms) noexcept nogil:
    """Remember price x factor and of when they are, if both are there."""
    cdef time_ms_t age_ms = 0, factor_age_ms = 0
    cdef int64_t value = source_ticks(feeds, markets, pools, source, now_ms, &age_ms), factor = 1
    if value == NO_PRICE:
        return
    if source.factor_kind != SOURCE_NONE:
        factor = series_ticks(&markets[source.factor_market], source.factor_kind, now_ms, &factor_age_ms)
        if factor == NO_PRICE or value > PRICE_MOST:
            return
    source.seen_ticks = value * factor           # each is below 2^31, or a pool's price below 2^40 alone
    source.seen_ms = now_ms - max64(age_ms, factor_age_ms)


# The value of a source in the publishing market's ticks, rounded down once; NO_PRICE if there is none, it is stale or no price
# (P-11). What was there last is remembered, so that a mid that vanished counts until it is stale. O(1) amortised.
cdef inline int64_t source_read(Feeds* feeds, Market* markets, Pools* pools, Source* source, time_ms_t now_ms) noexcept nogil:
    cdef int64_t value
    source_look(feeds, markets, pools, source, now_ms)
    if source.seen_ms < 0 or (source.stale_ms >= 0 and now_ms - source.seen_ms > source.stale_ms):
        return NO_PRICE
    if mul3_div2_floor(source.seen_ticks, source.numerator, source_growth_ppb(source, now_ms), source.denominator, PPB, &value):
        return NO_PRICE
    return value if is_price(value) else NO_PRICE


# Take a sample for a TWAP; a market without a mid gives none. Cannot fail. O(1).
cdef inline void source_sample(Feeds* feeds, Market* markets, Source* source, time_ms_t now_ms) noexcept nogil:
    cdef Market* market = &markets[source.market]
    cdef int64_t mid = market_mid(market)
    if source.kind != SOURCE_TWAP or mid == NO_PRICE:
        return
    window_add(&feeds.cells, &source.window, mid)
    source.sampled_mover = touch_sample(market, source.sampled_ticks, mid, now_ms)
    source.sampled_ticks = mid
    source.sampled_ms = now_ms


cdef inline Mover series_mover(Market* market, uint32_t kind, int64_t published, int64_t value, time_ms_t now_ms) noexcept nogil:
    """Who moved a series in the direction from `published` to `value` (G-4)."""
    if kind == SOURCE_MID:
        return touch_sample(market, published, value, now_ms)
    if kind == SOURCE_LAST:
        return last_sample(market, published, value, now_ms)
    return market.index_mover if kind == SOURCE_INDEX else market.oracle_mover


cdef inline Mover pool_mover(Pools* pools, uint32_t pool) noexcept nogil:
    """Who moved a pool's price: no order did, but there is a cause."""
    cdef Mover mover = mover_nobody()
    mover.cause = world_pool_at(pools, pool).cause
    return mover


# Who moved a source (P-15): of a TWAP the mover of its last sample, of a pool its last action, of an outside value that of its factor, or
# nobody. O(1).
cdef inline Mover source_mover(Market* markets, Pools* pools, Source* source, int64_t published, int64_t value, time_ms_t now_ms) noexcept nogil:
    if source.kind == SOURCE_TWAP:
        return source.sampled_mover
    if source.kind == SOURCE_POOL:
        return pool_mover(pools, source.market)
    if source.kind < SOURCE_TWAP:
        return series_mover(&markets[source.market], source.kind, published, value, now_ms)
    if source.factor_kind != SOURCE_NONE:
        return series_mover(&markets[source.factor_market], source.factor_kind, published, value, now_ms)
    return mover_nobody()
