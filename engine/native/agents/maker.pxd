# Market maker: a ladder on each of its markets, one risk budget over all of them (A-2).
#
#   wake: look -> a rule fires on one market? cancel on all of them -> else bring the quotes up to date
#
# Stands on: agent, mass_quote. It knows of its own orders and lots what notices have told it: until it hears of a fill it believes that
# the quote stands, and its cancel of it is a miss. Each order and cancel travels with its own latency on the link of its market, so a
# withdrawal races the sellers and a cancel never overtakes its order.

from libc.math cimport sqrt

from engine.native.types cimport *
from engine.native.account cimport *
from engine.native.agent cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.fmath cimport fexp, flog
from engine.native.health cimport *
from engine.native.lineage cimport *
from engine.native.link cimport *
from engine.native.margin_sums cimport account_standing
from engine.native.market cimport *
from engine.native.mass_quote cimport *
from engine.native.orders cimport *
from engine.native.rng cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.venue cimport *

cdef enum:
    MAKER_LEVELS_MAX = 8
    MAKER_SAMPLES = 32           # prices remembered for the rules of drawdown and volatility

cdef enum MakerMode:
    MODE_LADDER = 0
    MODE_STOIKOV = 1             # Avellaneda and Stoikov (2008): reservation price and spread

cdef enum MakerState:
    MAKER_QUOTING = 0
    MAKER_WITHDRAWN = 1

# Parameters of one maker, and its state. One row per account; a rule of 0 is off.
cdef struct Maker:
    time_ms_t wake_every_ms      # mean pause between looks
    time_ms_t window_ms          # of the rules of drawdown and volatility
    time_ms_t return_after_ms
    time_ms_t return_at_ms       # while withdrawn
    time_ms_t returned_ms        # when it came back last
    double half_spread           # of the price, for example 0.0005
    double spacing               # between levels, of the price
    double tolerance             # of the half spread: a quote this near to its target stays
    double anchor                # weight of the slow fair value against the mid
    double fair_tau_ms           # memory of the fair value
    double skew                  # how far its centre moves against a full inventory, share of the price
    double risk_aversion         # mode STOIKOV: gamma, per tick of price and quote of inventory
    double decay                 # mode STOIKOV: k, decay of the fill rate with distance, per tick
    double sigma                 # mode STOIKOV: ticks per square root of a second
    double horizon_s             # mode STOIKOV: T - t
    double drawdown              # leaves: fall within the window, share
    double volatility            # leaves: root of the summed squared returns within the window
    double inventory             # leaves: share of inventory_max
    double margin_ratio          # leaves: equity / notional below this
    time_ms_t latency_ms         # leaves: an order's way there and back took longer
    double return_size           # share of its quantity after a return
    double return_spread         # factor on its spread at a return
    double spread_tau_ms         # memory of that factor: it decays to 1; 0 keeps it
    double size_tau_ms           # memory of return_size: it grows to 1; 0 keeps it
    int64_t mode                 # MakerMode
    int64_t level_count
    int64_t leaves_both          # it takes its asks off too
    int64_t sends_mass_quotes    # one event for a market's messages (N-5)
    int64_t leaves_adl           # leaves: lots of it were closed by ADL
    uint32_t state               # MakerState
    uint32_t has_returned
    slot_t quotes                # its first Quote
    uint32_t is_slow             # the last order that it heard of took longer than latency_ms

# One of its orders, as far as it knows.
cdef struct Quoted:
    int64_t number               # the order's number
    qty_t lots                   # open lots
    time_ms_t left_ms            # when it was sent
    slot_t slot                  # NIL: none stands
    uint32_t generation
    int64_t price

# One maker on one market.
cdef struct Quote:
    double fair                  # slow average of what it sees, 0 before the first look
    qty_t qty_lots               # per level
    qty_t inventory_max          # lots bought or sold since the start at which it stops adding
    qty_t known_lots             # bought or sold since its first look, as it has been told
    time_ms_t seen_ms            # last look
    time_ms_t left_ms            # when what it saw has arrived (N-2)
    uint32_t market
    slot_t desk                  # its Desk there
    slot_t next                  # next market of the maker
    uint32_t sample_count        # samples written
    uint32_t adl_landmark        # ADL that it has heard of here and not answered yet
    uint32_t is_closed           # it has heard of one
    Quoted order[2][MAKER_LEVELS_MAX]    # [0] bids, [1] asks
    time_ms_t sample_ms[MAKER_SAMPLES]
    int64_t sample_half_ticks[MAKER_SAMPLES]


cdef inline Maker* maker_at(State* state, uint32_t row) noexcept nogil:
    return <Maker*>(rows_of(state, BEHAVIOUR_MAKER).base) + row


cdef inline Quote* quote_at(State* state, uint32_t slot) noexcept nogil:
    return <Quote*>(state.quotes.base) + slot


cdef inline Sender quote_sender(Agent* agent, Quote* quote) noexcept nogil:
    cdef Sender sender
    sender.account = <uint32_t>agent.account
    sender.market = quote.market
    sender.desk = quote.desk
    return sender


# ---- looking ----

cdef inline void remember(State* state, Quote* quote, int64_t seen) noexcept nogil:
    cdef uint32_t i = quote.sample_count & (MAKER_SAMPLES - 1)
    quote.sample_ms[i] = state.now_ms
    quote.sample_half_ticks[i] = seen
    quote.sample_count += 1


cdef inline double window_fall(State* state, Maker* maker, Quote* quote, int64_t seen) noexcept nogil:
    """The fall from the highest remembered price of the window, as a share. O(samples)."""
    cdef int64_t high = seen
    cdef uint32_t i
    for i in range(quote.sample_count - min64(quote.sample_count, MAKER_SAMPLES), quote.sample_count):
        if quote.sample_ms[i & (MAKER_SAMPLES - 1)] >= state.now_ms - maker.window_ms:
            high = max64(high, quote.sample_half_ticks[i & (MAKER_SAMPLES - 1)])
    return <double>(high - seen) / <double>high


cdef inline double window_volatility(State* state, Maker* maker, Quote* quote) noexcept nogil:
    """The root of the summed squared returns between the remembered prices of the window. O(samples)."""
    cdef int64_t before = 0, here
    cdef double total = 0.0, move
    cdef uint32_t i
    for i in range(quote.sample_count - min64(quote.sample_count, MAKER_SAMPLES), quote.sample_count):
        if quote.sample_ms[i & (MAKER_SAMPLES - 1)] >= state.now_ms - maker.window_ms:
            here = quote.sample_half_ticks[i & (MAKER_SAMPLES - 1)]
            if before:
                move = <double>(here - before) / <double>before
                total += move * move
            before = here
    return sqrt(total)


# Look at one market: fair value and samples. Returns whether a rule about its price, its inventory or ADL there fires. O(samples) if such a rule is on.
cdef inline bint maker_look(State* state, Agent* agent, Maker* maker, Quote* quote) noexcept nogil:
    cdef int64_t seen
    prefetch(desk_at(&state.accounts, quote.desk))       # on its way while the market is looked at
    seen = believed_half_ticks(market_at(state, quote.market))
    quote.left_ms = picture_left_ms(state, agent, quote.market)
    if seen == NO_PRICE or seen <= 0:
        return quote.is_closed
    if quote.fair == 0.0:
        quote.fair = 0.5 * <double>seen
    elif maker.anchor > 0.0:
        quote.fair += (0.5 * <double>seen - quote.fair) * (1.0 - fexp(-<double>(state.now_ms - quote.seen_ms) / maker.fair_tau_ms))
    quote.seen_ms = state.now_ms
    # What it sees is remembered whichever rule fires: the next look compares with it.
    if maker.drawdown > 0.0 or maker.volatility > 0.0:
        remember(state, quote, seen)
    if quote.is_closed:
        return 1
    if maker.inventory > 0.0 and <double>abs64(quote.known_lots) >= maker.inventory * <double>quote.inventory_max:
        return 1
    if maker.drawdown > 0.0 and window_fall(state, maker, quote, seen) >= maker.drawdown:
        return 1
    return maker.volatility > 0.0 and window_volatility(state, maker, quote) >= maker.volatility


cdef inline bint maker_is_pressed(State* state, Agent* agent, Maker* maker) noexcept nogil:
    """Whether a rule about the whole account fires: margin ratio, latency. O(markets of the account)."""
    cdef Health health
    if maker.latency_ms and maker.is_slow:
        return 1
    if maker.margin_ratio == 0.0:
        return 0
    account_standing(state, <uint32_t>agent.account, market_at(state, quote_at(state, maker.quotes).market).quote_asset, &health)
    return health.is_known and health.notional > 0 and <double>health.equity < maker.margin_ratio * <double>health.notional


# ---- quoting ----

cdef inline void quote_cancel(State* state, Agent* agent, Quote* quote, Quoted* order, slot_t mass_quote, uint32_t cause) noexcept nogil:
    """Send a cancel for one of its orders, if it believes that it stands."""
    if order.slot == NIL:
        return
    if mass_quote != NIL:
        mass_quote_add(state, mass_quote, order.slot, order.generation, 1)
    else:
        agent_cancel(state, agent, quote_sender(agent, quote), order.slot, order.generation, quote.left_ms, cause)
    order.slot = NIL


# One level of a side: keep it if it stands where it should, else cancel and send anew. O(1).
cdef inline void quote_level(State* state, Agent* agent, Quote* quote, int side, int level, int64_t target, qty_t qty, int64_t tolerance,
                             slot_t mass_quote, uint32_t cause) noexcept nogil:
    cdef Quoted* order = &quote.order[side][level]
    cdef int8_t way = SIDE_SELL if side else SIDE_BUY
    if order.slot != NIL and abs64(order.price - target) <= tolerance:
        return
    quote_cancel(state, agent, quote, order, mass_quote, cause)
    if mass_quote != NIL:
        order.slot = order_prepare(state, quote_sender(agent, quote), way, 0, <price_t>target, qty, cause)
    else:
        order.slot = agent_send(state, agent, quote_sender(agent, quote), way, 0, <price_t>target, qty, quote.left_ms, cause)
    if order.slot == NIL:
        return
    order.generation = cold_at(&state.pools, order.slot).generation
    order.number = cold_at(&state.pools, order.slot).id
    order.lots = qty
    order.price = target
    order.left_ms = quote.left_ms
    if mass_quote != NIL:
        mass_quote_add(state, mass_quote, order.slot, order.generation, 0)


cdef inline double maker_spread(State* state, Maker* maker) noexcept nogil:
    """The factor on its spread: wider after a return, decaying (A-2)."""
    if not maker.has_returned or maker.return_spread == 1.0:
        return 1.0
    if maker.spread_tau_ms == 0.0:
        return maker.return_spread
    return 1.0 + (maker.return_spread - 1.0) * fexp(-<double>(state.now_ms - maker.returned_ms) / maker.spread_tau_ms)


cdef inline double maker_size(State* state, Maker* maker) noexcept nogil:
    """The share of its quantity that it quotes: less after a return, growing (A-2)."""
    if not maker.has_returned or maker.size_tau_ms == 0.0:
        return maker.return_size if maker.has_returned else 1.0
    return 1.0 - (1.0 - maker.return_size) * fexp(-<double>(state.now_ms - maker.returned_ms) / maker.size_tau_ms)


# Centre and half spread of a market's quotes, in ticks (A-2).
cdef inline void maker_centre(State* state, Maker* maker, Quote* quote, double seen, double* centre, double* half) noexcept nogil:
    cdef double held = <double>quote.known_lots / <double>quote.inventory_max, risk
    if maker.mode == MODE_STOIKOV:
        risk = maker.risk_aversion * maker.sigma * maker.sigma * maker.horizon_s
        centre[0] = seen - <double>quote.known_lots / <double>quote.qty_lots * risk
        half[0] = 0.5 * risk + flog(1.0 + maker.risk_aversion / maker.decay) / maker.risk_aversion
        return
    centre[0] = maker.anchor * quote.fair + (1.0 - maker.anchor) * seen
    centre[0] *= 1.0 - maker.skew * min(1.0, max(-1.0, held))
    half[0] = centre[0] * maker.half_spread


# Bring one market's quotes up to date: no side that it has withdrawn or that would add to a full inventory; never crossing what it
# sees. O(levels).
cdef inline void maker_requote(State* state, Agent* agent, Maker* maker, Quote* quote, bint returns) noexcept nogil:
    cdef Market* market = market_at(state, quote.market)
    cdef int64_t seen = believed_half_ticks(market), bid, ask, target, tolerance
    cdef int64_t bid_bound = market.book.price_max, ask_bound = market.book.price_min
    cdef double centre = 0.0, half = 0.0, away, step
    cdef qty_t qty = quote.qty_lots
    cdef uint32_t cause = agent.landmark if returns else market.touch_mover.cause    # G-5
    cdef slot_t mass_quote = NIL
    cdef int level, side
    if quote.fair == 0.0 or seen == NO_PRICE:
        return
    maker_centre(state, maker, quote, 0.5 * <double>seen, &centre, &half)
    half *= maker_spread(state, maker)
    step = centre * maker.spacing
    tolerance = round_half_up(half * maker.tolerance)
    bid = book_best(&market.book, 0)
    ask = book_best(&market.book, 1)
    if ask != NO_PRICE:
        bid_bound = ask - 1
    if bid != NO_PRICE:
        ask_bound = bid + 1
    if maker.has_returned:
        qty = max64(1, round_half_up(<double>qty * maker_size(state, maker)))
    if maker.sends_mass_quotes:
        mass_quote = mass_quote_open(state, cause)
        if mass_quote == NIL:
            return
    for side in range(2):
        if maker.state == MAKER_WITHDRAWN and (side == 0 or maker.leaves_both) \
                or (quote.known_lots if side == 0 else -quote.known_lots) >= quote.inventory_max:
            continue
        for level in range(maker.level_count):
            away = half + level * step
            if side == 0:
                target = min64(round_down(centre - away), bid_bound)
            else:
                target = max64(-round_down(-centre - away), ask_bound)
            target = max64(market.book.price_min, min64(target, market.book.price_max))
            quote_level(state, agent, quote, side, level, target, qty, tolerance, mass_quote, cause)
    if mass_quote != NIL:
        mass_quote_send(state, agent, quote_sender(agent, quote), mass_quote, quote.left_ms)


# ---- leaving and coming back ----

# One rule fired: its bids (or all quotes) leave on all of its markets, each cancel with its own latency. O(markets x levels).
cdef inline void maker_withdraw(State* state, Agent* agent, Maker* maker, Quote* seen) noexcept nogil:
    cdef slot_t slot = maker.quotes
    cdef Quote* quote
    cdef int level, side
    cdef uint32_t cause = seen.adl_landmark if seen.is_closed else market_at(state, seen.market).touch_mover.cause    # G-5
    maker.state = MAKER_WITHDRAWN
    maker.return_at_ms = state.now_ms + maker.return_after_ms
    agent.landmark = venue_landmark(state, LANDMARK_WITHDRAWAL, seen.market, agent.account, cause,
                                    believed_half_ticks(market_at(state, seen.market)) >> 1)
    while slot != NIL:
        quote = quote_at(state, slot)
        for side in range(2 if maker.leaves_both else 1):
            for level in range(maker.level_count):
                quote_cancel(state, agent, quote, &quote.order[side][level], NIL, agent.landmark)
        slot = quote.next


cdef inline void maker_forget_adl(State* state, Maker* maker) noexcept nogil:
    """What ADL took before it came back makes it leave no more. O(markets)."""
    cdef slot_t slot = maker.quotes
    while slot != NIL:
        quote_at(state, slot).is_closed = 0
        slot = quote_at(state, slot).next


cdef inline void maker_return(State* state, Agent* agent, Maker* maker) noexcept nogil:
    maker.state = MAKER_QUOTING
    maker.has_returned = 1
    maker.is_slow = 0
    maker_forget_adl(state, maker)
    maker.returned_ms = state.now_ms
    agent.landmark = venue_landmark(state, LANDMARK_RETURN, quote_at(state, maker.quotes).market, agent.account, agent.landmark, 0)


# A maker wakes (phase 9): look at every market, leave or return, requote, sleep. O(markets x levels).
cdef inline void maker_wake(State* state, uint32_t number) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Maker* maker = maker_at(state, agent.row)
    cdef slot_t slot = maker.quotes
    cdef Quote* worried = NULL
    cdef bint returns = 0
    while slot != NIL:
        if maker_look(state, agent, maker, quote_at(state, slot)) and worried == NULL:
            worried = quote_at(state, slot)
        slot = quote_at(state, slot).next
    if maker.quotes != NIL:
        if worried == NULL and maker.state == MAKER_QUOTING and maker_is_pressed(state, agent, maker):
            worried = quote_at(state, maker.quotes)
        if maker.state == MAKER_QUOTING and worried != NULL:
            maker_withdraw(state, agent, maker, worried)
        elif maker.state == MAKER_WITHDRAWN and state.now_ms >= maker.return_at_ms:
            maker_return(state, agent, maker)
            returns = 1
    slot = maker.quotes
    while slot != NIL:
        maker_requote(state, agent, maker, quote_at(state, slot), returns)
        slot = quote_at(state, slot).next
    agent_sleep(state, agent, number, maker.wake_every_ms)


# ---- what it is told ----

cdef inline Quoted* quoted_find(Maker* maker, Quote* quote, int8_t side, int64_t number) noexcept nogil:
    """Its order of a number, NULL if it does not count on it any more. O(levels)."""
    cdef int level, s = 0 if side == SIDE_BUY else 1
    for level in range(maker.level_count):
        if quote.order[s][level].number == number and quote.order[s][level].slot != NIL:
            return &quote.order[s][level]
    return NULL


# A notice reaches a maker (phase 9): a fill or a transfer changes what it holds, an order that has ended is quoted anew at its next look. O(markets + levels).
cdef inline void maker_hear(State* state, Notice* notice) noexcept nogil:
    cdef Maker* maker = maker_at(state, agent_at(state, notice.agent).row)
    cdef slot_t slot = maker.quotes
    cdef Quote* quote
    cdef Quoted* order
    while slot != NIL and quote_at(state, slot).market != notice.market:
        slot = quote_at(state, slot).next
    if slot == NIL:
        return
    quote = quote_at(state, slot)
    if notice.kind == NOTICE_TRANSFER:
        quote.known_lots += notice.side * notice.lots
        if maker.leaves_adl and notice.reason == TRANSFER_ADL:
            quote.is_closed = 1
            quote.adl_landmark = notice.cause
        return
    order = quoted_find(maker, quote, notice.side, notice.number)
    if notice.kind == NOTICE_FILL:
        quote.known_lots += notice.side * notice.lots
        if order != NULL:
            order.lots -= notice.lots
            if order.lots <= 0:
                order.slot = NIL
    elif notice.kind == NOTICE_ACK:
        maker.is_slow = order != NULL and state.now_ms - order.left_ms > maker.latency_ms
    elif order != NULL:
        order.slot = NIL
