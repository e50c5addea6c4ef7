# Arbitrageur: sells where it is dear and buys where it is cheap, between two markets (A-6).
#
# Stands on: agent. It compares best bid and best ask as it sees them, and takes on both with limits at those prices, so that it pays no
# more than it saw; one leg may miss, and then it holds a position until the gap turns.

from engine.native.types cimport *
from engine.native.agent cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.link cimport *
from engine.native.slab cimport *
from engine.native.state cimport *

cdef struct Arbitrage:
    time_ms_t wake_every_ms
    double threshold             # gap that pays, share of the price
    double price_ratio           # ticks of the second market for a tick of the first
    double lots_ratio            # lots of the second market for a lot of the first
    qty_t qty_lots               # most lots of the first market at once
    qty_t inventory_max          # lots of the first market held, either way, beyond which it adds nothing
    qty_t known_lots             # of the first market, as it has been told
    uint32_t market              # the first
    uint32_t other               # the second
    int64_t other_account        # for the second, where that is at another venue


cdef inline Arbitrage* arbitrage_at(State* state, uint32_t row) noexcept nogil:
    return <Arbitrage*>(rows_of(state, BEHAVIOUR_ARBITRAGE).base) + row


# Sell on the first market and buy on the second (`side` SELL), or the other way round, if the gap pays. O(1).
cdef inline void arbitrage_try(State* state, Agent* agent, Arbitrage* row, int8_t side) noexcept nogil:
    cdef Market* first = market_at(state, row.market)
    cdef Market* second = market_at(state, row.other)
    cdef bint buys = side == SIDE_BUY
    cdef int64_t here = book_best(&first.book, buys), there = book_best(&second.book, 1 - buys)
    cdef qty_t lots
    cdef double gap
    if here == NO_PRICE or there == NO_PRICE or here <= 0 or there <= 0:
        return
    gap = <double>there / (<double>here * row.price_ratio) - 1.0
    gap = gap if buys else -gap
    if gap < row.threshold:
        return
    lots = round_half_up(<double>lots_at_best(state, second, 1 - buys) / row.lots_ratio)
    lots = min64(row.qty_lots, min64(lots_at_best(state, first, buys), lots))
    lots = min64(lots, row.inventory_max - side * row.known_lots)
    if lots < 1 or round_half_up(<double>lots * row.lots_ratio) < 1:
        return
    agent_take(state, agent, row.market, side, here, lots, picture_left_ms(state, agent, row.market), second.touch_mover.cause)
    agent_take_for(state, agent, <uint32_t>row.other_account, row.other, -side, there, round_half_up(<double>lots * row.lots_ratio),
                   picture_left_ms(state, agent, row.other), first.touch_mover.cause)


cdef inline void arbitrage_wake(State* state, uint32_t number) noexcept nogil:
    """It wakes: look for a gap either way. O(1)."""
    cdef Agent* agent = agent_at(state, number)
    cdef Arbitrage* row = arbitrage_at(state, agent.row)
    arbitrage_try(state, agent, row, SIDE_SELL)
    arbitrage_try(state, agent, row, SIDE_BUY)
    agent_sleep(state, agent, number, row.wake_every_ms)


cdef inline void arbitrage_hear(State* state, Notice* notice) noexcept nogil:
    """It is told of a fill or a transfer."""
    cdef Arbitrage* row = arbitrage_at(state, agent_at(state, notice.agent).row)
    if moves_lots(notice) and notice.market == row.market:
        row.known_lots += notice.side * notice.lots
