# Publish: index, oracle and mark on their clocks (phase 2), and a row of the samples table (phase 9).
#
#   oracle's clock -> windows -> rule -> worth publishing? -- lag --> venue_publish <- a value from outside
#
# Stands on: state, rows, marks. A sample reads its sources, a publication comes after the lag and queues the margin check (P-2, P-4).

from engine.native.types cimport *
from engine.native.account cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.match cimport *
from engine.native.orders cimport *
from engine.native.columns cimport *
from engine.native.ladder cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.law cimport Law, law_ms
from engine.native.loan_arming cimport reserves_moved
from engine.native.market cimport *
from engine.native.prices cimport *
from engine.native.risk cimport *
from engine.native.rng cimport *
from engine.native.sources cimport *
from engine.native.indexes cimport *
from engine.native.marks cimport *
from engine.native.rows cimport write_price
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.triggers cimport *
from engine.native.unit cimport check_queue


# ---- prices (phase 2) ----

cdef inline Publication* publication_at(State* state, slot_t slot) noexcept nogil:
    return <Publication*>(state.publications.base) + slot


cdef inline Oracle* oracle_at(State* state, uint32_t slot) noexcept nogil:
    return <Oracle*>(state.oracles.base) + slot


# A published series has another value: whoever waits for it is due in phase 4 (P-4, E-1). O(1) if nobody does.
cdef inline void series_moved(State* state, uint32_t market, int kind) noexcept nogil:
    cdef Market* row = market_at(state, market)
    cdef bint is_index = kind == ORACLE_INDEX
    if state.lending.reserves.count:
        reserves_moved(state, market, kind, published_ticks(row, kind))
    if kind == ORACLE_ORACLE:
        return                           # lending reads it; no margin unit does
    if series_move(&state.risk.triggers, 2 * market + (SERIES_INDEX if is_index else SERIES_MARK),
                   <int32_t>(row.index_ticks if is_index else row.mark_ticks), &state.risk.due):
        state.fault = FAULT_NO_MEMORY
    if state.risk.due.count:
        check_queue(state)


cdef inline uint8_t journal_kind(uint32_t kind) noexcept nogil:
    if kind == ORACLE_INDEX:
        return JOURNAL_INDEX
    return JOURNAL_MARK if kind == ORACLE_MARK else JOURNAL_ORACLE


# Look at a venue's backstop in phase 6, unless that is queued (X-9). O(1).
cdef inline void backstop_look(State* state, uint32_t venue) noexcept nogil:
    if not venue_at(state, venue).is_looked_at:
        venue_at(state, venue).is_looked_at = 1
        venue_schedule(state, state.now_ms, PHASE_BACKSTOP, EVENT_BACKSTOP, venue, 0, 0)


# A market where a venue's backstop has had a position has a new mark: it is looked at if it has one now. O(markets of the backstop).
cdef inline outlined_int backstop_marked(State* state, uint32_t market) noexcept nogil:
    cdef uint32_t venue = market_at(state, market).venue
    cdef slot_t slot = holding_find(&state.accounts, backstop_of(state, venue), market)
    if slot != NIL and holding_at(&state.accounts, slot).position_lots:
        backstop_look(state, venue)
    return 0


# A value becomes the published index, mark or oracle; who waits for it is due in phase 4 (P-2, P-4). Takes the publication over. O(1).
cdef inline void venue_publish(State* state, slot_t slot) noexcept nogil:
    cdef Publication* publication = publication_at(state, slot)
    cdef uint32_t market_id = publication.market, kind = publication.kind
    cdef Market* market = market_at(state, market_id)
    venue_journal(state, journal_kind(kind), market_id, -1, 0, 0, 0, 0, publication.price_ticks, 0)
    write_price(state, market_id, <uint8_t>kind, publication.price_ticks, publication.mover.cause)
    if kind == ORACLE_INDEX:
        market.index_ticks = publication.price_ticks
        market.index_ms = state.now_ms
        market.index_mover = publication.mover
        market.index_landmark = 0
    elif kind == ORACLE_ORACLE:
        market.oracle_ticks = publication.price_ticks
        market.oracle_ms = state.now_ms
        market.oracle_mover = publication.mover
        market.oracle_landmark = 0
    else:
        state.risk.marks += 1
        market.mark_ticks = publication.price_ticks
        market.mark_ms = state.now_ms
        market.mark_mover = publication.mover
        market.mark_landmark = 0
        if unlikely(market.is_backed):
            backstop_marked(state, market_id)
    slab_give(&state.publications, slot)
    series_moved(state, market_id, <int>kind)


# A value from outside is published now (P-14): nobody moved it. Returns 1, and changes nothing, without memory. O(1).
cdef inline bint publish_outside(State* state, uint32_t market, uint32_t kind, int64_t ticks) noexcept nogil:
    cdef slot_t slot
    if slab_reserve(&state.publications, 1):
        return 1
    slot = slab_take(&state.publications)
    publication_at(state, slot).price_ticks = ticks
    publication_at(state, slot).mover = mover_nobody()
    publication_at(state, slot).market = market
    publication_at(state, slot).kind = kind
    venue_publish(state, slot)
    return 0


cdef inline time_ms_t publication_due(State* state, Oracle* oracle) noexcept nogil:
    """When what is sampled now is published: after lag and draw, never before what was sampled earlier (P-13)."""
    cdef time_ms_t due_ms = state.now_ms + oracle.lag_ms
    cdef uint64_t bits
    if oracle.law != NIL:
        bits = draw_bits_on(stream_of(state.seed, oracle.key), PURPOSE_PUBLICATION, state.now_ms, 0, oracle.market)
        due_ms += law_ms(<Law*>(state.laws.base) + oracle.law, bits)
    return max64(due_ms, oracle.due_ms)


cdef inline bint is_worth_publishing(Oracle* oracle, int64_t ticks, time_ms_t now_ms) noexcept nogil:
    """Whether a sample is published: it moved far enough, or the heartbeat has passed (P-13)."""
    if oracle.deviation_ppm == 0 or oracle.sent_ticks == NO_PRICE:
        return 1
    if oracle.heartbeat_ms and now_ms - oracle.sent_ms >= oracle.heartbeat_ms:
        return 1
    return cmp_products(abs64(ticks - oracle.sent_ticks), 1000000, oracle.sent_ticks, oracle.deviation_ppm) >= 0


# Send a sample on its way. Without memory the fault is latched. O(1) amortised.
cdef inline void oracle_send(State* state, Oracle* oracle, Publication* sample) noexcept nogil:
    cdef slot_t slot
    if slab_reserve(&state.publications, 1):
        state.fault = FAULT_NO_MEMORY
        return
    slot = slab_take(&state.publications)
    publication_at(state, slot)[0] = sample[0]
    oracle.sent_ticks = sample.price_ticks
    oracle.sent_ms = state.now_ms
    oracle.due_ms = publication_due(state, oracle)
    if oracle.due_ms == state.now_ms:
        venue_publish(state, slot)
    else:
        venue_schedule(state, oracle.due_ms, PHASE_PRICES, EVENT_PUBLISH, slot, 0, 0)


cdef inline void sources_sent(Feeds* feeds, Oracle* oracle, const Reading* readings) noexcept nogil:
    """Remember what went into a publication, to tell the next one's mover (P-15)."""
    cdef uint32_t i
    for i in range(oracle.source_count):
        if readings[i].ticks != NO_PRICE:
            source_at(feeds, oracle.source_first + i).sent_ticks = readings[i].ticks


cdef inline bint oracle_sample(State* state, Oracle* oracle, Publication* sample) noexcept nogil:
    """Sample an oracle's rule now; 0 if there is nothing to publish."""
    cdef Reading readings[SOURCES_MOST]
    cdef Market* markets = <Market*>state.markets.base
    sample.market = oracle.market
    sample.kind = oracle.kind
    if oracle.kind == ORACLE_MARK:
        return mark_sample(&state.feeds, markets, &state.amm, oracle, state.now_ms, sample)
    if not index_sample(&state.feeds, markets, &state.amm, oracle, state.now_ms, readings, sample) \
            or not is_worth_publishing(oracle, sample.price_ticks, state.now_ms):
        return 0
    sources_sent(&state.feeds, oracle, readings)
    return 1


# The clock of an oracle: its windows take a sample if theirs is due, then the value is sampled if its is, and published after its lag (P-2,
# P-13). In an outage neither is taken, and the clock goes on (P-16). O(sources^2).
cdef inline void venue_sample_price(State* state, uint32_t oracle_slot) noexcept nogil:
    cdef Oracle* oracle = oracle_at(state, oracle_slot)
    cdef Publication sample
    cdef bint publishes = 0, is_out = oracle_is_out(&state.feeds, oracle, state.now_ms)
    cdef time_ms_t due_ms
    if oracle.window_every_ms and oracle.window_next_ms <= state.now_ms:
        if not is_out:
            windows_sample(&state.feeds, <Market*>state.markets.base, oracle, state.now_ms)
        oracle.window_next_ms = state.now_ms + oracle.window_every_ms
    if oracle.next_ms <= state.now_ms:
        publishes = not is_out and oracle_sample(state, oracle, &sample)
        oracle.next_ms = state.now_ms + oracle.every_ms
    due_ms = min64(oracle.next_ms, oracle.window_next_ms) if oracle.window_every_ms else oracle.next_ms
    venue_schedule(state, due_ms, PHASE_PRICES, EVENT_SAMPLE_PRICE, oracle_slot, 0, 0)
    if publishes:
        oracle_send(state, oracle, &sample)


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
    (<int64_t*>table_cell(table, row, DEPTH_OPEN_LOTS))[0] = market.open_lots
    (<uint16_t*>table_cell(table, row, DEPTH_MARKET))[0] = <uint16_t>market_id
    table.row_count = row + 1
