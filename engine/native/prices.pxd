# Prices: oracles that sample a source on their cadence and publish after their lag (P-1 .. P-3).
#
# Stands on: market. last, mid, index and mark are four series with four clocks; nothing reads one for another.

from engine.native.types cimport *
from engine.native.book cimport NO_PRICE
from engine.native.lineage cimport *
from engine.native.market cimport *

cdef enum OracleKind:
    ORACLE_INDEX = 1             # mid of the source market
    ORACLE_MARK = 2              # median of index, own mid, own last

cdef struct Oracle:
    time_ms_t every_ms           # cadence of the samples
    time_ms_t lag_ms             # sample to publication
    uint32_t market              # whose index or mark it publishes
    uint32_t source              # index: the market whose mid it reads
    uint32_t kind                # OracleKind
    uint32_t pad

# A value on its way from sample to publication.
cdef struct Publication:
    int64_t price_ticks
    Mover mover                  # the command behind its chosen component (G-4)
    uint32_t market
    uint32_t kind                # OracleKind; free-list link while unused


cdef inline int64_t median3(int64_t a, int64_t b, int64_t c) noexcept nogil:
    if a > b:
        a, b = b, a
    if b > c:
        b = c
    return a if a > b else b


cdef inline bint index_sample(Market* source, int64_t published, time_ms_t now_ms, Publication* out) noexcept nogil:
    """The mid of the source market; 0 if it has none."""
    out.price_ticks = market_mid(source)
    out.mover = extremes_sample(&source.touch_moves, &source.touch_mover, published, out.price_ticks, now_ms)
    return out.price_ticks != NO_PRICE


# Median of index, mid and last, of those that exist (P-3), with the mover of the component that it equals (ties:
# index, mid, last): of mid and last the command that moved it most in the mark's direction since the last sample (G-4).
# 0 if none exists. O(1).
cdef inline bint mark_sample(Market* market, time_ms_t now_ms, Publication* out) noexcept nogil:
    cdef int64_t index = market.index_ticks, mid = market_mid(market), last = market.book.last_price, value
    cdef int known = (index != NO_PRICE) + (mid != NO_PRICE) + (last != NO_PRICE)
    if known == 0:
        return 0
    if known == 3:
        value = median3(index, mid, last)
    else:                        # NO_PRICE is above every price: the lower of two, or the one
        value = index if index < mid else mid
        value = value if value < last else last
    out.price_ticks = value
    out.mover = extremes_sample(&market.touch_moves, &market.touch_mover, market.mark_ticks, value, now_ms)
    if value == index:
        out.mover = market.index_mover
    elif value != mid:
        out.mover = extremes_sample(&market.last_moves, &market.last_mover, market.mark_ticks, value, now_ms)
    extremes_mark(&market.last_moves, now_ms)
    return 1
