# Indexes: several sources become one value: mean or median, without outliers, clamped, not below a floor (P-12).
#
#   readings -> outliers out -> weighted mean or median -> clamp to the last publication -> floor
#
# Stands on: sources. The oracle series of a market is made the same way. Promises: a value is within 1 .. PRICE_MOST; without a source that
# counts there is none.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport NO_PRICE
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.pools cimport Pools
from engine.native.prices cimport *
from engine.native.sources cimport *

cdef enum:
    OUTLIERS_FROM = 3            # with two sources nobody can say which one is wrong


cdef inline void sources_read(Feeds* feeds, Market* markets, Pools* pools, Oracle* oracle, time_ms_t now_ms, Reading* readings) noexcept nogil:
    """Read every source of an oracle."""
    cdef uint32_t i
    cdef Source* source
    for i in range(oracle.source_count):
        source = source_at(feeds, oracle.source_first + i)
        readings[i].ticks = source_read(feeds, markets, pools, source, now_ms)
        readings[i].weight = source.weight


cdef inline bint deviates(int64_t ticks, int64_t median, int64_t most_ppm) noexcept nogil:
    """Whether a value is further from the median than so many ppm of it."""
    return cmp_products(abs64(ticks - median), 1000000, median, most_ppm) > 0


# Take the one outlier out. Returns the median of all sources if more than one deviates, NO_PRICE otherwise. O(sources^2).
cdef inline int64_t outliers_leave(Oracle* oracle, Reading* readings) noexcept nogil:
    cdef Reading alike[SOURCES_MOST]
    cdef uint32_t i, there = 0, outlier = 0, deviating = 0
    cdef int64_t median
    for i in range(oracle.source_count):
        alike[i].ticks = readings[i].ticks
        alike[i].weight = 1
        there += readings[i].ticks != NO_PRICE
    if oracle.outlier_ppm == 0 or there < OUTLIERS_FROM:
        return NO_PRICE
    median = reading_median(alike, oracle.source_count)
    for i in range(oracle.source_count):
        if readings[i].ticks != NO_PRICE and deviates(readings[i].ticks, median, oracle.outlier_ppm):
            deviating += 1
            outlier = i
    if deviating > 1:
        return median
    if deviating == 1:
        readings[outlier].ticks = NO_PRICE
    return NO_PRICE


cdef inline int64_t reading_mean(const Reading* readings, uint32_t count) noexcept nogil:
    """The weighted mean, rounded down; NO_PRICE if there is nothing."""
    cdef int64_t total = 0, weight = 0
    cdef uint32_t i
    for i in range(count):
        if readings[i].ticks != NO_PRICE:
            total += readings[i].ticks * readings[i].weight
            weight += readings[i].weight
    return floor_div(total, weight) if weight else NO_PRICE


cdef inline int64_t clamped(Oracle* oracle, int64_t value) noexcept nogil:
    """Not further from the last publication than allowed, a tick at least; then not below the floor."""
    cdef int64_t step = 0
    if oracle.clamp_ppm and oracle.sent_ticks != NO_PRICE:
        mul_div_floor(oracle.sent_ticks, oracle.clamp_ppm, 1000000, &step)
        step = max64(1, step)
        value = min64(oracle.sent_ticks + step, max64(oracle.sent_ticks - step, value))
    return held_price(max64(value, oracle.floor_ticks))


# Who moved it (P-15): of a median the source that it equals, of a mean the one that pulled most in the publication's direction since
# the last one, else the heaviest. `raw` is the value before clamp and floor. Every source is marked as sampled. O(sources).
cdef inline Mover index_mover(Feeds* feeds, Market* markets, Pools* pools, Oracle* oracle, const Reading* readings, bint is_median,
                              int64_t raw, int64_t value, time_ms_t now_ms) noexcept nogil:
    cdef int64_t published = published_ticks(&markets[oracle.market], oracle.kind), pull, strongest = 0, heaviest = 0
    cdef Mover each, chosen = mover_nobody()
    cdef bint is_chosen = 0
    cdef Source* source
    cdef uint32_t i
    for i in range(oracle.source_count):
        source = source_at(feeds, oracle.source_first + i)
        each = source_mover(markets, pools, source, published, value, now_ms)
        if readings[i].ticks == NO_PRICE or (is_median and is_chosen):
            continue
        pull = 0 if source.sent_ticks == NO_PRICE else readings[i].weight * (readings[i].ticks - source.sent_ticks)
        pull = -pull if value < published else pull
        if is_median and readings[i].ticks == raw:
            is_chosen = 1
            chosen = each
        elif not is_median and pull > strongest:
            strongest = pull
            chosen = each
        elif strongest == 0 and readings[i].weight > heaviest:
            heaviest = readings[i].weight
            chosen = each
    return chosen


# Sample an index or oracle series (P-12). 0 if no source counts. `readings` are left as they were used. O(sources^2).
cdef inline bint index_sample(Feeds* feeds, Market* markets, Pools* pools, Oracle* oracle, time_ms_t now_ms, Reading* readings, Publication* out) noexcept nogil:
    cdef int64_t raw
    cdef bint is_median = oracle.rule == RULE_MEDIAN_OF
    sources_read(feeds, markets, pools, oracle, now_ms, readings)
    raw = outliers_leave(oracle, readings)
    if raw != NO_PRICE:
        is_median = 1
    elif is_median:
        raw = reading_median(readings, oracle.source_count)
    else:
        raw = reading_mean(readings, oracle.source_count)
    out.price_ticks = NO_PRICE if raw == NO_PRICE else clamped(oracle, raw)
    out.mover = index_mover(feeds, markets, pools, oracle, readings, is_median, raw, out.price_ticks, now_ms)
    return raw != NO_PRICE
