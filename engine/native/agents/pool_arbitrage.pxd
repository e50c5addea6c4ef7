# Pool arbitrageur: brings a pool to a book's touch, and takes the other side there (A-13).
#
#   wake: touch, pool -> steps of a lot of which the last still pays -> swap (an action) -- told --> order at the price seen
#
# Stands on: agent, chain. One swap at a time is on its way; the order follows when it was told what the swap gave, so a swap that fails
# costs no more than gas. The order may miss, and then it holds what it bought.

from libc.string cimport memset

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.agent cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.chain cimport *
from engine.native.isolated cimport funds_free
from engine.native.link cimport *
from engine.native.market cimport *
from engine.native.pool_act cimport *
from engine.native.pools cimport *
from engine.native.rng cimport round_half_up
from engine.native.slab cimport *
from engine.native.state cimport *

cdef enum:
    STEPS_MOST = 1 << 30         # of a swap: at most 30 halvings

cdef struct PoolArbitrage:
    time_ms_t wake_every_ms
    double threshold             # gap that pays, share of the price
    double slippage              # share of what it saw that the swap may give less
    int64_t pool
    int64_t base                 # assets of the pool: what the market trades
    int64_t quote                # and what it is paid in
    atoms_t atoms_max            # base atoms of a swap
    int64_t tip
    int64_t other_account        # for the market, where that is at another venue
    int64_t price_ticks          # of the order that follows the swap on its way
    uint32_t market
    uint32_t cause               # of that order
    uint32_t is_waiting          # a swap is on its way
    int8_t side                  # of that order

# A swap in equal steps, each of which has to pay.
cdef struct PoolSteps:
    atoms_t given                # sold in a step
    atoms_t least                # what a step must bring
    atoms_t most                 # what all may bring together
    int64_t count_most
    uint32_t pool
    uint32_t sold                # assets
    uint32_t bought


cdef inline PoolArbitrage* pool_arbitrage_at(State* state, uint32_t row) noexcept nogil:
    return <PoolArbitrage*>(rows_of(state, BEHAVIOUR_POOL_ARBITRAGE).base) + row


# Whether the last of so many steps pays, and what they bring is not too much. O(what the pool takes). Needs: count >= 1.
cdef inline bint steps_pay(State* state, const PoolSteps* steps, int64_t count) noexcept nogil:
    cdef atoms_t before = 0, now = 0
    if pool_quote(state, steps.pool, steps.sold, steps.bought, count * steps.given, &now) or now > steps.most:
        return 0
    if count > 1:
        pool_quote(state, steps.pool, steps.sold, steps.bought, (count - 1) * steps.given, &before)
    return now - before >= steps.least


# How many steps pay: a pool gives less for each than for the one before, so halving finds the last. O(log steps x what the pool takes).
cdef inline int64_t steps_that_pay(State* state, const PoolSteps* steps) noexcept nogil:
    cdef int64_t low = 1, high = steps.count_most + 1, middle
    if steps.count_most < 1 or not steps_pay(state, steps, 1):
        return 0
    while high - low > 1:                # `low` steps pay, `high` do not or are too many
        middle = (low + high) >> 1
        if steps_pay(state, steps, middle):
            low = middle
        else:
            high = middle
    return low


# The most lots that the market's side can bear: what stands at the touch, atoms_max, and of another account what that has. O(markets of
# that account).
cdef inline int64_t book_lots(State* state, Agent* agent, PoolArbitrage* row, int8_t side, atoms_t worth) noexcept nogil:
    cdef Market* market = market_at(state, row.market)
    cdef bint sells = side == SIDE_SELL
    cdef int64_t lots = min64(lots_at_best(state, market, not sells), floor_div(row.atoms_max, market.base_atoms_per_lot))
    cdef atoms_t free
    if row.other_account != agent.account:
        free = funds_free(state, <uint32_t>row.other_account, market.base_asset if sells else market.quote_asset)
        lots = min64(lots, floor_div(free, market.base_atoms_per_lot if sells else worth))
    return min64(lots, STEPS_MOST)


# The steps of a swap whose other side is `side` in the book, at a touch where a lot is worth `worth`. 0 if there is nothing to do.
cdef inline bint steps_begin(State* state, Agent* agent, PoolArbitrage* row, int8_t side, atoms_t worth, PoolSteps* steps) noexcept nogil:
    cdef Market* market = market_at(state, row.market)
    cdef bint sells = side == SIDE_SELL
    cdef double asked = <double>worth / (1.0 + row.threshold) if sells else <double>worth * (1.0 + row.threshold)
    cdef int64_t lots = book_lots(state, agent, row, side, worth)
    if lots < 1 or asked > <double>POOL_AMOUNT_MAX:
        return 0
    steps.pool = <uint32_t>row.pool
    steps.sold, steps.bought = <uint32_t>(row.quote if sells else row.base), <uint32_t>(row.base if sells else row.quote)
    if sells:                            # a step buys a lot at least, for what it fetches less the threshold
        steps.given, steps.least = max64(1, round_half_up(asked)), market.base_atoms_per_lot
        if mul_overflows(lots + 1, market.base_atoms_per_lot, &steps.most):
            return 0
        steps.most -= 1
    else:                                # a step sells a lot, for what it costs and the threshold
        steps.given, steps.least, steps.most = market.base_atoms_per_lot, max64(1, round_half_up(asked)), POOL_AMOUNT_MAX
    steps.count_most = min64(lots, floor_div(funds_free(state, <uint32_t>agent.account, steps.sold), steps.given))
    return steps.count_most > 0


# Send the swap that brings the pool to the touch on one side of the book, if the gap pays. 1 if it was sent. O(log lots x what the pool takes).
cdef inline bint pool_arbitrage_try(State* state, uint32_t number, int8_t side) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef PoolArbitrage* row = pool_arbitrage_at(state, agent.row)
    cdef Market* market = market_at(state, row.market)
    cdef int64_t price = book_best(&market.book, side == SIDE_BUY), count
    cdef PoolSteps steps
    cdef Action action
    cdef atoms_t got = 0
    memset(&steps, 0, sizeof(PoolSteps))
    if price == NO_PRICE or price <= 0 or not steps_begin(state, agent, row, side, price * market.atoms_per_tick_lot, &steps):
        return 0
    count = steps_that_pay(state, &steps)
    if count == 0:
        return 0
    pool_quote(state, steps.pool, steps.sold, steps.bought, count * steps.given, &got)
    action = action_of(ACTION_SWAP, steps.pool, steps.sold, steps.bought, count * steps.given, market.touch_mover.cause)
    action.party, action.tip = <uint32_t>agent.account, row.tip
    action.least = max64(0, got - round_half_up(<double>got * row.slippage))
    row.side, row.price_ticks, row.cause = side, price, world_pool_at(&state.amm, steps.pool).cause
    row.is_waiting = 1
    action_send(state, number, &action, picture_left_ms(state, agent, row.market))
    return 1


cdef inline void pool_arbitrage_wake(State* state, uint32_t number) noexcept nogil:
    """It wakes: look for a gap either way, unless a swap is on its way."""
    cdef Agent* agent = agent_at(state, number)
    cdef PoolArbitrage* row = pool_arbitrage_at(state, agent.row)
    if not row.is_waiting and not pool_arbitrage_try(state, number, SIDE_SELL):
        pool_arbitrage_try(state, number, SIDE_BUY)
    agent_sleep(state, agent, number, row.wake_every_ms)


cdef inline void pool_arbitrage_hear(State* state, Notice* notice) noexcept nogil:
    """It is told what became of its swap: take the other side in the book. O(markets of the account)."""
    cdef Agent* agent = agent_at(state, notice.agent)
    cdef PoolArbitrage* row = pool_arbitrage_at(state, agent.row)
    cdef int64_t lots
    if notice.kind != NOTICE_ACTION:
        return
    row.is_waiting = 0
    lots = floor_div(notice.lots if row.side == SIDE_SELL else notice.leaves_lots, market_at(state, row.market).base_atoms_per_lot)
    if notice.reason == ACTION_DONE and lots > 0:
        agent_take_for(state, agent, <uint32_t>row.other_account, row.market, row.side, row.price_ticks, lots, state.now_ms, row.cause)
