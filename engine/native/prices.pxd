# Prices: the records of what publishes a market's index, mark and oracle (P-1 .. P-16).
#
#   sources -> (windows) -> Oracle: rule -> Publication -- lag --> Market.index, .mark, .oracle
#
# Stands on: market, averages. last, mid, index, oracle and mark are five series with five clocks; nothing reads one for another.

from libc.string cimport memset

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.averages cimport *
from engine.native.book cimport NO_PRICE
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.slab cimport *

# The series that an oracle publishes; PriceKind of the prices table says the same (recorder.pxd).
cdef enum OracleKind:
    ORACLE_INDEX = 1
    ORACLE_MARK = 2
    ORACLE_ORACLE = 3

cdef enum PriceRule:
    RULE_MEAN = 1                # weighted mean of sources (P-12)
    RULE_MEDIAN_OF = 2           # their weighted median
    RULE_MARK = 3                # mark: median of index, own mid, own last (P-3)
    RULE_BASIS = 4               # mark: median of index with funding, index with mean basis, own last (P-9)
    RULE_HYPERLIQUID = 5         # mark: P-10

cdef enum SourceKind:
    SOURCE_NONE = 0              # of a factor only
    SOURCE_MID = 1
    SOURCE_LAST = 2
    SOURCE_INDEX = 3
    SOURCE_ORACLE = 4
    SOURCE_TWAP = 5              # these and the pool are no factors
    SOURCE_PATH = 6
    SOURCE_FIXED = 7
    SOURCE_POOL = 8              # a pool's marginal price

cdef enum:
    SOURCES_MOST = 32            # of an oracle
    OUTAGES_MOST = 65536         # windows of an oracle
    PRICE_MOST = 0x7FFFFFFF      # largest published value, ticks; the least is 1 (P-5)

# What an index or oracle is made of: a price, times a factor, times a ratio that may grow (P-11).
cdef struct Source:
    int64_t weight               # 1 .. 10^6
    int64_t numerator            # of the ratio to the publishing market's ticks, 1 .. 2^31 - 1
    int64_t denominator
    int64_t growth_ppb           # the ratio grows by so much of itself, 0 .. 10^9
    time_ms_t growth_every_ms    # each such interval, 0 = never
    time_ms_t growth_from_ms     # the first of which begins here
    time_ms_t stale_ms           # older values are left out, -1 = none is
    int64_t fixed_ticks          # FIXED; POOL: atoms of the coin sold that it prices
    int64_t seen_ticks           # last value that was there, before the ratio
    time_ms_t seen_ms            # of when it is, -1 = none yet
    int64_t sent_ticks           # its value in the last publication, NO_PRICE before
    Window window                # TWAP
    int64_t sampled_ticks        # TWAP: the last sample, NO_PRICE before
    time_ms_t sampled_ms         # when
    Mover sampled_mover          # who moved it
    uint32_t kind                # SourceKind
    uint32_t market              # POOL: the pool
    uint32_t factor_kind         # SourceKind of the factor, SOURCE_NONE = 1
    uint32_t factor_market
    uint32_t point_first         # PATH: its points
    uint32_t point_count
    uint32_t point_next          # the first one that lies ahead
    uint16_t sold                # POOL: its coins
    uint16_t bought

# One value of an outside path: it holds from its time on. Of outages (P-16) the ticks are 1 where a window begins and 0 where it ends.
cdef struct PathPoint:
    time_ms_t time_ms
    int64_t ticks

cdef struct Feeds:
    Slab sources                 # Source, those of an oracle side by side
    Slab cells                   # int64, samples in windows
    Slab points                  # PathPoint, of paths and of outages

# A clock and a rule: it samples on one cadence, fills its windows on another, and publishes late.
cdef struct Oracle:
    time_ms_t every_ms           # cadence of the samples
    time_ms_t next_ms            # the next one
    time_ms_t window_every_ms    # cadence of the windows' samples, 0 = it has none
    time_ms_t window_next_ms
    time_ms_t lag_ms             # sample to publication, least
    time_ms_t due_ms             # when the latest one on its way is published: none overtakes
    time_ms_t heartbeat_ms       # P-13: published after this even if it has not moved, 0 = not
    int64_t deviation_ppm        # a sample is published if it moved this far, 0 = every sample
    int64_t outlier_ppm          # P-12: further than this from the median is an outlier, 0 = none is
    int64_t clamp_ppm            # largest move of a publication, 0 = any
    int64_t floor_ticks          # least value, 1 = any
    int64_t sent_ticks           # its last value that was published or is on its way, NO_PRICE before
    time_ms_t sent_ms            # when it was sampled
    time_ms_t interval_ms        # P-9: funding interval, 0 = the market's
    uint64_t key                 # of the draws of its lag (R-2)
    Window basis                 # P-9: mid - index
    Ema basis_ema                # P-10: mid - oracle
    Ema touch_ema                # P-10: median of bid, ask, last
    int64_t sampled_ticks        # mid of the windows' last sample, NO_PRICE before
    Mover sampled_mover          # who moved it
    uint32_t market              # whose series it publishes
    uint32_t kind                # OracleKind
    uint32_t rule                # PriceRule
    uint32_t source_first
    uint32_t source_count
    slot_t law                   # Law of the lag on top, NIL none
    uint32_t outage_first        # its points: where each window begins and ends, in turn, never falling
    uint32_t outage_count        # two for each window
    uint32_t outage_next         # the first one that lies ahead
    uint32_t pad

# A value on its way from sample to publication.
cdef struct Publication:
    int64_t price_ticks
    Mover mover                  # the command behind its chosen component (G-4)
    uint32_t market
    uint32_t kind                # OracleKind; free-list link while unused


cdef inline void feeds_init(Feeds* feeds) noexcept nogil:
    slab_init(&feeds.sources, sizeof(Source), 0)
    slab_init(&feeds.cells, sizeof(int64_t), 0)
    slab_init(&feeds.points, sizeof(PathPoint), 0)


cdef inline Source* source_at(Feeds* feeds, uint32_t slot) noexcept nogil:
    return <Source*>(feeds.sources.base) + slot


# Whether an oracle is in one of its outages now (P-16). Cannot fail. O(windows passed since it was asked last).
cdef inline bint oracle_is_out(Feeds* feeds, Oracle* oracle, time_ms_t now_ms) noexcept nogil:
    cdef PathPoint* points
    if oracle.outage_count == 0:
        return 0
    points = <PathPoint*>slab_at(&feeds.points, oracle.outage_first)
    # invariant: the points before outage_next are not ahead
    while oracle.outage_next < oracle.outage_count and points[oracle.outage_next].time_ms <= now_ms:
        oracle.outage_next += 1
    return oracle.outage_next > 0 and points[oracle.outage_next - 1].ticks == 1


cdef inline bint is_price(int64_t ticks) noexcept nogil:
    """Whether a value may be published (P-5)."""
    return 1 <= ticks <= PRICE_MOST


cdef inline int64_t held_price(int64_t ticks) noexcept nogil:
    """A computed value, held within what may be published (P-5)."""
    return max64(1, min64(ticks, PRICE_MOST))


cdef inline int64_t published_ticks(Market* market, uint32_t kind) noexcept nogil:
    """What is published of a series, NO_PRICE before the first."""
    if kind == ORACLE_INDEX:
        return market.index_ticks
    return market.mark_ticks if kind == ORACLE_MARK else market.oracle_ticks


# Who moved a market's mid or last in the direction from `published` to `value` since it was last sampled (G-4).
cdef inline Mover touch_sample(Market* market, int64_t published, int64_t value, time_ms_t now_ms) noexcept nogil:
    return extremes_sample(&market.touch_moves, &market.touch_mover, published, value, now_ms)


cdef inline Mover last_sample(Market* market, int64_t published, int64_t value, time_ms_t now_ms) noexcept nogil:
    return extremes_sample(&market.last_moves, &market.last_mover, published, value, now_ms)


cdef inline Mover mover_nobody() noexcept nogil:
    """The mover of a value from outside: no command stands behind it."""
    cdef Mover mover
    memset(&mover, 0, sizeof(Mover))
    return mover


# One value of several, with its weight; NO_PRICE where there is none.
cdef struct Reading:
    int64_t ticks
    int64_t weight


# The lower weighted median of the readings that are there: the least of them that has half of the weight at or below it (P-6).
# NO_PRICE if there is none. Cannot fail. O(count^2), for the few components of a price.
cdef inline int64_t reading_median(const Reading* readings, uint32_t count) noexcept nogil:
    cdef int64_t total = 0, below, median = NO_PRICE
    cdef uint32_t i, j
    for i in range(count):
        if readings[i].ticks != NO_PRICE:
            total += readings[i].weight
    for i in range(count):
        if readings[i].ticks >= median:          # NO_PRICE is above every price
            continue
        below = 0
        for j in range(count):
            if readings[j].ticks <= readings[i].ticks:
                below += readings[j].weight
        if 2 * below >= total:
            median = readings[i].ticks
    return median
