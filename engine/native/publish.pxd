# Publish: index and mark on their clocks (phase 2), and a row of the samples table (phase 9).
#
# Stands on: state, rows. A sample reads its source, a publication comes after the lag and queues the margin check (P-2, P-4).

from engine.native.types cimport *
from engine.native.account cimport *
from engine.native.arming cimport check_queue
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.match cimport *
from engine.native.orders cimport *
from engine.native.columns cimport *
from engine.native.ladder cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.prices cimport *
from engine.native.risk cimport *
from engine.native.rows cimport write_price
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.triggers cimport *


# ---- prices (phase 2) ----

cdef inline Publication* publication_at(State* state, slot_t slot) noexcept nogil:
    return <Publication*>(state.publications.base) + slot


cdef inline Oracle* oracle_at(State* state, uint32_t slot) noexcept nogil:
    return <Oracle*>(state.oracles.base) + slot


# A published series has another value: whoever waits for it is due in phase 4 (P-4, E-1). O(1) if nobody does.
cdef inline void series_moved(State* state, uint32_t market, uint32_t kind) noexcept nogil:
    cdef Market* row = market_at(state, market)
    cdef bint is_index = kind == ORACLE_INDEX
    if series_move(&state.risk.triggers, 2 * market + (SERIES_INDEX if is_index else SERIES_MARK),
                   <int32_t>(row.index_ticks if is_index else row.mark_ticks), &state.risk.due):
        state.fault = FAULT_NO_MEMORY
    if state.risk.due.count:
        check_queue(state)


# A value becomes the published index or mark; a mark queues its margin check for phase 4 (P-2, P-4). O(1).
cdef inline void venue_publish(State* state, slot_t slot) noexcept nogil:
    cdef Publication* publication = publication_at(state, slot)
    cdef Market* market = market_at(state, publication.market)
    venue_journal(state, JOURNAL_INDEX if publication.kind == ORACLE_INDEX else JOURNAL_MARK, publication.market, -1, 0, 0, 0, 0,
                  publication.price_ticks, 0)
    write_price(state, publication.market, <uint8_t>publication.kind, publication.price_ticks, publication.mover.cause)
    if publication.kind == ORACLE_INDEX:
        market.index_ticks = publication.price_ticks
        market.index_ms = state.now_ms
        market.index_mover = publication.mover
        market.index_landmark = 0
    else:
        market.mark_ticks = publication.price_ticks
        market.mark_ms = state.now_ms
        market.mark_mover = publication.mover
        market.mark_landmark = 0
    series_moved(state, publication.market, publication.kind)
    slab_give(&state.publications, slot)


# An oracle samples its source; the value is published after its lag, and the next sample scheduled (P-2). O(1).
cdef inline void venue_sample_price(State* state, uint32_t oracle_slot) noexcept nogil:
    cdef Oracle* oracle = oracle_at(state, oracle_slot)
    cdef Publication sample
    cdef bint known
    cdef slot_t slot
    sample.market = oracle.market
    sample.kind = oracle.kind
    if oracle.kind == ORACLE_INDEX:
        known = index_sample(market_at(state, oracle.source), market_at(state, oracle.market).index_ticks,
                             state.now_ms, &sample)
    else:
        known = mark_sample(market_at(state, oracle.market), state.now_ms, &sample)
    venue_schedule(state, state.now_ms + oracle.every_ms, PHASE_PRICES, EVENT_SAMPLE_PRICE, oracle_slot, 0, 0)
    if not known:
        return
    if slab_reserve(&state.publications, 1):
        state.fault = FAULT_NO_MEMORY
        return
    slot = slab_take(&state.publications)
    publication_at(state, slot)[0] = sample
    if oracle.lag_ms == 0:
        venue_publish(state, slot)
    else:
        venue_schedule(state, state.now_ms + oracle.lag_ms, PHASE_PRICES, EVENT_PUBLISH, slot, 0, 0)


# ---- observers (phase 9) ----

cdef inline void sample_depth(State* state, uint32_t market_id) noexcept nogil:
    cdef Market* market = market_at(state, market_id)
    cdef Table* table = &state.depth
    cdef int64_t row = table.row_count, middle = market_mid(market), within
    if table_reserve(table, 1):
        state.fault = FAULT_NO_MEMORY
        return
    if middle == NO_PRICE:
        middle = market.book.last_price
    (<int64_t*>table_cell(table, row, DEPTH_TIME))[0] = state.now_ms
    (<int64_t*>table_cell(table, row, DEPTH_BID))[0] = book_best(&market.book, 0)
    (<int64_t*>table_cell(table, row, DEPTH_ASK))[0] = book_best(&market.book, 1)
    (<int64_t*>table_cell(table, row, DEPTH_LAST))[0] = market.book.last_price
    (<int64_t*>table_cell(table, row, DEPTH_INDEX))[0] = market.index_ticks
    (<int64_t*>table_cell(table, row, DEPTH_MARK))[0] = market.mark_ticks
    (<int64_t*>table_cell(table, row, DEPTH_BID_LOTS))[0] = 0
    (<int64_t*>table_cell(table, row, DEPTH_ASK_LOTS))[0] = 0
    if middle != NO_PRICE:
        within = ceil_div(abs64(middle), 100)
        (<int64_t*>table_cell(table, row, DEPTH_BID_LOTS))[0] = book_depth_to(
            &state.pools, &market.book, 0, <price_t>max64(middle - within, market.book.price_min))
        (<int64_t*>table_cell(table, row, DEPTH_ASK_LOTS))[0] = book_depth_to(
            &state.pools, &market.book, 1, <price_t>min64(middle + within, market.book.price_max))
    (<uint16_t*>table_cell(table, row, DEPTH_MARKET))[0] = <uint16_t>market_id
    table.row_count = row + 1
