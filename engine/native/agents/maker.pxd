# Market maker: a ladder on each of its markets, one risk budget over all of them.
#
#   wake: look -> fell too fast somewhere? cancel the bids everywhere -> quote what has moved
#
# Stands on: venue, rng. Floats are used for decisions only; every price and quantity is rounded before it is sent.
# Each order and each cancel travels with its own drawn latency (R-3) on a link that keeps their order, so a withdrawal
# races the sellers and a cancel never overtakes its order.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.fmath cimport fexp
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.orders cimport *
from engine.native.rng cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.venue cimport *

cdef enum:
    MAKER_LEVELS_MAX = 8
    MAKER_SAMPLES = 32           # prices remembered for the drawdown rule

cdef enum MakerState:
    MAKER_QUOTING = 0
    MAKER_WITHDRAWN = 1

# Parameters of one maker, and its state. One row per account.
cdef struct Maker:
    uint64_t stream              # key of its draws (R-2)
    time_ms_t wake_every_ms      # how often it looks
    time_ms_t window_ms          # of the drawdown rule
    time_ms_t return_after_ms
    time_ms_t return_at_ms       # while withdrawn
    double latency_median_ms
    double latency_sigma
    double half_spread           # of the price, for example 0.0005
    double spacing               # between levels, of the price
    double anchor                # weight of the slow fair value against the mid
    double fair_tau_ms           # memory of the fair value
    double drawdown              # fall within the window that makes it leave; 0 = never leaves
    double return_size           # share of its quantity after a return
    double skew                  # how far its centre moves against a full inventory, share of the price
    int32_t account
    int32_t level_count
    uint32_t landmark            # its last WITHDRAWAL or RETURN
    uint32_t state               # MakerState
    uint32_t has_returned        # it quotes return_size of its quantity
    slot_t quotes                # its first Quote
    uint32_t draws               # draws of this wake so far

# One maker on one market.
cdef struct Quote:
    double fair                  # slow average of what it sees, 0 before the first look
    qty_t qty_lots               # per level
    qty_t inventory_max          # lots bought or sold since the start at which it stops adding
    qty_t inventory_start        # what it held at its first look
    time_ms_t seen_ms            # last look
    time_ms_t link_due_ms        # arrival of the last message sent: links are first in, first out
    uint32_t market
    slot_t next                  # next market of the maker
    uint32_t sample_count        # samples written
    uint32_t pad
    time_ms_t sample_ms[MAKER_SAMPLES]
    int64_t sample_ticks[MAKER_SAMPLES]
    slot_t order[2][MAKER_LEVELS_MAX]        # [0] bids, [1] asks
    uint32_t generation[2][MAKER_LEVELS_MAX]
    int64_t price[2][MAKER_LEVELS_MAX]

cdef struct Makers:
    Slab makers
    Slab quotes


cdef inline Maker* maker_at(Makers* makers, uint32_t slot) noexcept nogil:
    return <Maker*>(makers.makers.base) + slot


cdef inline Quote* quote_at(Makers* makers, uint32_t slot) noexcept nogil:
    return <Quote*>(makers.quotes.base) + slot


cdef inline time_ms_t message_due(Maker* maker, Quote* quote, time_ms_t now_ms) noexcept nogil:
    """When the next message to a market arrives: a latency of its own, but never before the one sent before it."""
    cdef uint64_t bits = draw_bits(maker.stream, PURPOSE_LATENCY, now_ms, maker.draws)
    maker.draws += 1
    quote.link_due_ms = max64(quote.link_due_ms, now_ms + max64(1, round_half_up(
        law_lognormal(bits, maker.latency_median_ms, maker.latency_sigma))))
    return quote.link_due_ms


cdef inline int64_t maker_reference(Market* market) noexcept nogil:
    """What it believes the price to be: the mid, or the last trade where the spread is over 5 % or a side is empty."""
    cdef int64_t bid = book_best(&market.book, 0), ask = book_best(&market.book, 1)
    if bid != NO_PRICE and ask != NO_PRICE and (ask - bid) * 20 <= ask:
        return (bid + ask) >> 1
    if market.book.last_price != NO_PRICE:
        return market.book.last_price
    return market_mid(market)


cdef inline qty_t maker_holds(State* state, Maker* maker, uint32_t market_id) noexcept nogil:
    """Lots that it holds: its position, or its base balance on a spot market."""
    cdef Market* market = market_at(state, market_id)
    cdef slot_t holding
    if market.kind == MARKET_SPOT:
        return floor_div(balance_at(&state.ledger, maker.account, market.base_asset).atoms, market.base_atoms_per_lot)
    holding = holding_find(&state.accounts, maker.account, market_id)
    return 0 if holding == NIL else holding_at(&state.accounts, holding).position_lots


# Look at one market: update fair value and samples. Returns the fall from the highest price of the window, as a share.
cdef inline double maker_look(State* state, Maker* maker, Quote* quote) noexcept nogil:
    cdef int64_t seen = maker_reference(market_at(state, quote.market)), high = 0
    cdef uint32_t i, first
    if seen == NO_PRICE or seen <= 0:
        return 0.0
    if quote.fair == 0.0:
        quote.fair = <double>seen
        quote.inventory_start = maker_holds(state, maker, quote.market)
    else:
        quote.fair += (<double>seen - quote.fair) * (1.0 - fexp(-<double>(state.now_ms - quote.seen_ms) / maker.fair_tau_ms))
    quote.seen_ms = state.now_ms
    i = quote.sample_count & (MAKER_SAMPLES - 1)
    quote.sample_ms[i] = state.now_ms
    quote.sample_ticks[i] = seen
    quote.sample_count += 1
    first = quote.sample_count - MAKER_SAMPLES if quote.sample_count > MAKER_SAMPLES else 0
    for i in range(first, quote.sample_count):
        if quote.sample_ms[i & (MAKER_SAMPLES - 1)] >= state.now_ms - maker.window_ms:
            high = max64(high, quote.sample_ticks[i & (MAKER_SAMPLES - 1)])
    return <double>(high - seen) / <double>high


cdef inline void maker_cancel(State* state, Maker* maker, Quote* quote, int side, int level, uint32_t cause) noexcept nogil:
    """Send a cancel for one of its orders, if it is alive."""
    cdef slot_t slot = quote.order[side][level]
    if slot != NIL and order_is_alive(state, slot, quote.generation[side][level]):
        venue_schedule(state, message_due(maker, quote, state.now_ms), PHASE_ORDERS, EVENT_CANCEL, slot,
                       quote.generation[side][level], cause)
    quote.order[side][level] = NIL


# One level of a side: keep it if it stands where it should, else cancel and send anew. O(1).
cdef inline void maker_quote_level(State* state, Maker* maker, Quote* quote, int side, int level, int64_t target, qty_t qty,
                                   int64_t tolerance, uint32_t cause) noexcept nogil:
    cdef slot_t slot = quote.order[side][level]
    if slot != NIL and order_is_alive(state, slot, quote.generation[side][level]):
        if abs64(quote.price[side][level] - target) <= tolerance:
            return
    maker_cancel(state, maker, quote, side, level, cause)
    slot = venue_send(state, maker.account, quote.market, SIDE_SELL if side else SIDE_BUY, 0, <price_t>target, qty,
                      message_due(maker, quote, state.now_ms), cause)
    if slot == NIL:
        return
    quote.order[side][level] = slot
    quote.generation[side][level] = cold_at(&state.pools, slot).generation
    quote.price[side][level] = target


# Bring one market's quotes up to date: asks always, bids unless withdrawn; never crossing what it sees. O(levels).
cdef inline void maker_requote(State* state, Maker* maker, Quote* quote, bint returns) noexcept nogil:
    cdef Market* market = market_at(state, quote.market)
    cdef int64_t seen = maker_reference(market), bid, ask, target
    cdef int64_t bid_bound = market.book.price_max, ask_bound = market.book.price_min
    cdef double centre, away, held
    cdef qty_t qty = quote.qty_lots
    cdef uint32_t cause = maker.landmark if returns else market.touch_mover.cause    # G-5
    cdef int level, side
    if quote.fair == 0.0 or seen == NO_PRICE:
        return
    held = <double>(maker_holds(state, maker, quote.market) - quote.inventory_start) / <double>quote.inventory_max
    centre = maker.anchor * quote.fair + (1.0 - maker.anchor) * <double>seen
    centre *= 1.0 - maker.skew * min(1.0, max(-1.0, held))
    bid = book_best(&market.book, 0)
    ask = book_best(&market.book, 1)
    if ask != NO_PRICE:
        bid_bound = ask - 1
    if bid != NO_PRICE:
        ask_bound = bid + 1
    if maker.has_returned:
        qty = max64(1, round_half_up(<double>qty * maker.return_size))
    for side in range(2):
        if side == 0 and (maker.state == MAKER_WITHDRAWN or held >= 1.0) or side == 1 and held <= -1.0:
            continue
        for level in range(maker.level_count):
            away = centre * (maker.half_spread + level * maker.spacing)
            if side == 0:
                target = min64(round_half_up(centre - away), bid_bound)
            else:
                target = max64(round_half_up(centre + away), ask_bound)
            target = max64(market.book.price_min, min64(target, market.book.price_max))
            maker_quote_level(state, maker, quote, side, level, target, qty, round_half_up(centre * maker.half_spread * 0.5), cause)


cdef inline void maker_withdraw(State* state, Makers* makers, Maker* maker, Quote* seen) noexcept nogil:
    """One rule fired on one market: the bids leave on all of them, each cancel with its own latency."""
    cdef slot_t slot = maker.quotes
    cdef Quote* quote
    cdef int level
    maker.state = MAKER_WITHDRAWN
    maker.return_at_ms = state.now_ms + maker.return_after_ms
    maker.landmark = venue_landmark(state, LANDMARK_WITHDRAWAL, seen.market, maker.account,
                                    market_at(state, seen.market).touch_mover.cause, maker_reference(market_at(state, seen.market)))
    while slot != NIL:
        quote = quote_at(makers, slot)
        for level in range(maker.level_count):
            maker_cancel(state, maker, quote, 0, level, maker.landmark)
        slot = quote.next


# A maker wakes (phase 9): look at every market, leave or return, requote, sleep. O(markets x levels).
cdef inline void maker_wake(State* state, Makers* makers, uint32_t maker_slot) noexcept nogil:
    cdef Maker* maker = maker_at(makers, maker_slot)
    cdef slot_t slot = maker.quotes
    cdef double fall, worst = 0.0
    cdef Quote* worst_quote = NULL
    cdef time_ms_t pause
    cdef bint returns = 0
    maker.draws = 0
    while slot != NIL:
        fall = maker_look(state, maker, quote_at(makers, slot))
        if fall > worst:
            worst = fall
            worst_quote = quote_at(makers, slot)
        slot = quote_at(makers, slot).next
    if maker.state == MAKER_QUOTING and maker.drawdown > 0.0 and worst >= maker.drawdown and worst_quote != NULL:
        maker_withdraw(state, makers, maker, worst_quote)
    elif maker.state == MAKER_WITHDRAWN and state.now_ms >= maker.return_at_ms:
        maker.state = MAKER_QUOTING
        returns = maker.has_returned = 1
        maker.landmark = venue_landmark(state, LANDMARK_RETURN, quote_at(makers, maker.quotes).market, maker.account, maker.landmark, 0)
    slot = maker.quotes
    while slot != NIL:
        maker_requote(state, maker, quote_at(makers, slot), returns)
        slot = quote_at(makers, slot).next
    pause = max64(1, round_half_up(law_uniform(draw_bits(maker.stream, PURPOSE_WAKE, state.now_ms, 0),
                                               0.5 * <double>maker.wake_every_ms, 1.5 * <double>maker.wake_every_ms)))
    venue_schedule(state, state.now_ms + pause, PHASE_OBSERVERS, EVENT_MAKER, maker_slot, 0, 0)
