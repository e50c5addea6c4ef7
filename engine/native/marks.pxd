# Marks: what values the positions of a perpetual, by one of three rules (P-3, P-9, P-10), and the windows that they need.
#
#   RULE_MARK          median(index, mid, last)
#   RULE_BASIS         median(index with funding, index + mean(mid - index), last)
#   RULE_HYPERLIQUID   median(oracle + EMA(mid - oracle), median(bid, ask, last), median of other perpetuals), a fourth if one is missing
#
# Stands on: indexes. Each rule is a list of components; the mark is the median of those that exist (P-6), its mover that of the first that
# it equals.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.averages cimport *
from engine.native.book cimport NO_PRICE, book_best
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.pools cimport Pools
from engine.native.prices cimport *
from engine.native.sources cimport *
from engine.native.indexes cimport *

cdef enum:
    COMPONENTS_MOST = 4


cdef inline int64_t touch_median(Market* market) noexcept nogil:
    """Median of best bid, best ask and last, of those that exist; NO_PRICE if none does."""
    cdef Reading each[3]
    cdef int i
    each[0].ticks = book_best(&market.book, 0)
    each[1].ticks = book_best(&market.book, 1)
    each[2].ticks = market.book.last_price
    for i in range(3):
        each[i].weight = 1
    return reading_median(each, 3)


# Index with what is left to pay of the last funding rate: index x (1 + rate x time to funding / interval), rounded down (P-9). O(1).
cdef inline int64_t funded_index(Oracle* oracle, Market* market, time_ms_t now_ms) noexcept nogil:
    cdef time_ms_t interval_ms = oracle.interval_ms if oracle.interval_ms else market.funding_every_ms
    cdef time_ms_t left_ms = min64(max64(market.funding_next_ms - now_ms, 0), interval_ms)
    cdef int64_t change = 0
    if market.index_ticks == NO_PRICE:
        return NO_PRICE
    mul3_div2_floor(market.index_ticks, market.funding_ppb, left_ms, interval_ms, PPB, &change)
    return market.index_ticks + max64(-PRICE_MOST, min64(change, PRICE_MOST))


# Fill the windows of an oracle: the basis or the averages of a mark, the TWAPs of its sources (P-7, P-8). O(sources).
cdef inline void windows_sample(Feeds* feeds, Market* markets, Oracle* oracle, time_ms_t now_ms) noexcept nogil:
    cdef Market* market = &markets[oracle.market]
    cdef int64_t mid = market_mid(market), touch
    cdef uint32_t i
    for i in range(oracle.source_count):
        source_sample(feeds, markets, source_at(feeds, oracle.source_first + i), now_ms)
    if oracle.rule != RULE_BASIS and oracle.rule != RULE_HYPERLIQUID:
        return
    if oracle.rule == RULE_BASIS and mid != NO_PRICE and market.index_ticks != NO_PRICE:
        window_add(&feeds.cells, &oracle.basis, mid - market.index_ticks)
    if oracle.rule == RULE_HYPERLIQUID and mid != NO_PRICE and market.oracle_ticks != NO_PRICE:
        ema_add(&oracle.basis_ema, mid - market.oracle_ticks, now_ms)
    if oracle.rule == RULE_HYPERLIQUID:
        touch = touch_median(market)
        if touch != NO_PRICE:
            ema_add(&oracle.touch_ema, touch, now_ms)
    oracle.sampled_mover = touch_sample(market, oracle.sampled_ticks, mid, now_ms)
    if mid != NO_PRICE:
        oracle.sampled_ticks = mid


# ---- the rules: each writes its components; NO_PRICE is one that does not exist ----

cdef inline uint32_t mark_of_three(Market* market, Reading* each) noexcept nogil:
    """Index, own mid, own last (P-3)."""
    each[0].ticks = market.index_ticks
    each[1].ticks = market_mid(market)
    each[2].ticks = market.book.last_price
    return 3


cdef inline uint32_t mark_of_basis(Oracle* oracle, Market* market, time_ms_t now_ms, Reading* each) noexcept nogil:
    """Index with funding, index with its mean basis, own last (P-9)."""
    each[0].ticks = funded_index(oracle, market, now_ms)
    each[1].ticks = NO_PRICE
    if market.index_ticks != NO_PRICE and oracle.basis.filled:
        each[1].ticks = market.index_ticks + window_mean(&oracle.basis)
    each[2].ticks = market.book.last_price
    return 3


cdef inline uint32_t mark_of_hyperliquid(Feeds* feeds, Market* markets, Pools* pools, Oracle* oracle, Market* market, time_ms_t now_ms,
                                         Reading* each, Reading* others) noexcept nogil:
    """Oracle with its average basis, own touch, other perpetuals; with one of them missing the average touch (P-10)."""
    cdef int i, there = 0
    each[0].ticks = each[3].ticks = NO_PRICE
    if market.oracle_ticks != NO_PRICE and oracle.basis_ema.weight:
        each[0].ticks = market.oracle_ticks + ema_value(&oracle.basis_ema)
    each[1].ticks = touch_median(market)
    sources_read(feeds, markets, pools, oracle, now_ms, others)
    each[2].ticks = reading_median(others, oracle.source_count)
    for i in range(3):
        there += each[i].ticks != NO_PRICE
    if there == 2 and oracle.touch_ema.weight:
        each[3].ticks = ema_value(&oracle.touch_ema)
    return 4


# ---- their movers ----

# Who moved component `i` (P-15), by rule. Needs: it exists. Cannot fail. O(1).
cdef inline Mover component_mover(Oracle* oracle, Market* market, uint32_t i, int64_t ticks, Mover* touch, Mover* last, Mover* other) noexcept nogil:
    if oracle.rule == RULE_HYPERLIQUID:
        if i == 1:
            return touch[0] if ticks == book_best(&market.book, 0) or ticks == book_best(&market.book, 1) else last[0]
        return other[0] if i == 2 else oracle.sampled_mover
    if i == 0:
        return market.index_mover
    if i == 2:
        return last[0]
    return oracle.sampled_mover if oracle.rule == RULE_BASIS else touch[0]


# Sample a mark. 0 if no component exists. O(sources^2).
cdef inline bint mark_sample(Feeds* feeds, Market* markets, Pools* pools, Oracle* oracle, time_ms_t now_ms, Publication* out) noexcept nogil:
    cdef Reading each[COMPONENTS_MOST]
    cdef Reading others[SOURCES_MOST]
    cdef Market* market = &markets[oracle.market]
    cdef Mover touch, last, other = mover_nobody()
    cdef uint32_t i, count
    cdef int64_t value
    if oracle.rule == RULE_BASIS:
        count = mark_of_basis(oracle, market, now_ms, each)
    elif oracle.rule == RULE_HYPERLIQUID:
        count = mark_of_hyperliquid(feeds, markets, pools, oracle, market, now_ms, each, others)
    else:
        count = mark_of_three(market, each)
    for i in range(count):
        each[i].weight = 1
    value = reading_median(each, count)
    if value == NO_PRICE:
        return 0
    out.price_ticks = held_price(value)
    touch = touch_sample(market, market.mark_ticks, value, now_ms)
    last = last_sample(market, market.mark_ticks, value, now_ms)
    if oracle.rule == RULE_HYPERLIQUID:
        other = index_mover(feeds, markets, pools, oracle, others, 1, each[2].ticks, value, now_ms)
    out.mover = touch
    for i in range(count):
        if each[i].ticks == value:
            out.mover = component_mover(oracle, market, i, value, &touch, &last, &other)
            break
    return 1
