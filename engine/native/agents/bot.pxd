# Liquidation bot: repays what it can sell the collateral for, and sells it (A-11).
#
#   told of work -> looks at the first loans of the list -> size by depth, capital, close factor -> profit? -> action with a tip -> block
#     -> done: sells what it got (book or pool)        -> refused: somebody was faster, or the price has moved: the gas is gone
#
# Stands on: chain, loan_liquidation, pool_act. It reads the book and the loans as they are when it looks; what it sends arrives later.

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.agent cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.chain cimport *
from engine.native.ladder cimport *
from engine.native.ledger cimport *
from engine.native.link cimport *
from engine.native.loan cimport *
from engine.native.loan_liquidation cimport *
from engine.native.loans cimport *
from engine.native.market cimport *
from engine.native.pool_act cimport *
from engine.native.pools cimport *
from engine.native.rng cimport *
from engine.native.settle cimport *
from engine.native.slab cimport *
from engine.native.state cimport *

cdef enum:
    BOT_STEPS = 48               # of the search for a size in a pool

cdef struct Bot:
    time_ms_t every_ms           # pause between two looks while there is work
    int64_t protocol
    int64_t pool                 # where it sells, -1: in the book
    int64_t scan                 # loans that it looks at
    int64_t is_flash             # it pays with what it seizes (needs a pool)
    double margin                # least gain on the last unit
    atoms_t least_profit         # atoms of the debt
    int64_t tip_ppm              # of the profit, as a tip
    int64_t gas_value            # debt atoms for a million atoms of the gas asset
    atoms_t capital              # most that it has out at once, 0 = its balance
    atoms_t spent                # sent out and not heard of yet
    atoms_t unsold               # collateral atoms that it has to sell
    int64_t sent                 # actions
    int64_t won
    atoms_t repaid
    atoms_t seized
    atoms_t earned               # of flash liquidations
    uint32_t market              # base: the collateral, quote: the debt
    uint32_t open                # actions not heard of yet
    uint32_t is_waiting          # a wake is on its way
    uint32_t is_selling          # an order is
    uint32_t cause               # of what it has to sell

# A place among the bids.
cdef struct BidCursor:
    int64_t key
    qty_t passed                 # lots of the level that are gone over
    uint32_t level
    uint32_t pad

# What a bot has planned in this look.
cdef struct BotLook:
    uint32_t owed_reserve
    uint32_t held_reserve
    uint32_t owed_asset
    uint32_t held_asset
    BidCursor bids               # behind those that earlier plans of this look will take
    atoms_t planned_atoms        # collateral for the pool
    atoms_t money                # what it has left to repay with


cdef inline Bot* bot_at(State* state, uint32_t row) noexcept nogil:
    return <Bot*>(rows_of(state, BEHAVIOUR_BOT).base) + row


cdef inline void bids_begin(Market* market, BidCursor* at) noexcept nogil:
    at.key = market.book.ladder[0].best_key
    at.level = market.book.ladder[0].best_level
    at.passed = 0


# Go over bids at `limit` or better, at most `most` lots: how many there are, *value what they would pay. A look goes over each level once,
# however many loans it plans for: with a walk from the best price for each, a look at 64 loans in a book of 1,500 levels took 1 ms.
cdef inline qty_t bids_take(State* state, Market* market, BidCursor* at, int64_t limit, qty_t most, atoms_t* value) noexcept nogil:
    cdef Ladder* ladder = &market.book.ladder[0]
    cdef qty_t taken = 0, here
    cdef atoms_t part = 0
    value[0] = 0
    while at.key != KEY_NONE and taken < most and ladder_price(ladder, <uint32_t>at.key) >= limit:
        here = min64(level_at(&state.pools.ladders, at.level).qty_lots - at.passed, most - taken)
        if mul_overflows(here * market.atoms_per_tick_lot, ladder_price(ladder, <uint32_t>at.key), &part):
            return taken
        taken += here
        value[0] = add_saturating(value[0], part)
        at.passed += here
        if at.passed >= level_at(&state.pools.ladders, at.level).qty_lots:
            at.passed = 0
            at.key = ladder_next(&state.pools.ladders, ladder, at.key + 1, &at.level)
    return taken


cdef inline atoms_t gas_value(State* state, Bot* row, uint32_t venue, uint32_t kind) noexcept nogil:
    """What an action costs at the base price of now, debt atoms."""
    cdef Chain* chain = chain_at(state, venue)
    cdef atoms_t value = 0
    if chain.every_ms:
        mul_div_ceil(ACTION_GAS[kind] * chain.base_price, row.gas_value, 1000000, &value)
    return value


# ---- size ----

# The part of a whole plan that the book can take at a price that pays (RULEBOOK 4.5): its cover, *proceeds. O(levels).
cdef inline atoms_t cover_for_book(State* state, Bot* row, BotLook* look, LoanPlan* plan, atoms_t* proceeds, BidCursor* at) noexcept nogil:
    cdef Market* market = market_at(state, row.market)
    cdef qty_t lots
    cdef atoms_t got = plan.seizure.seized - plan.seizure.fee, cover = 0, sold
    cdef double least = <double>plan.seizure.repaid * (1.0 + row.margin) * <double>market.base_atoms_per_lot / (<double>got * <double>market.atoms_per_tick_lot)
    cdef int64_t limit
    proceeds[0] = 0
    at[0] = look.bids
    if least >= 2147483647.0:
        return 0
    limit = max64(market.book.price_min, round_half_up(least + 0.5))
    lots = bids_take(state, market, at, limit, floor_div(got, market.base_atoms_per_lot), proceeds)
    if lots < 1:
        return 0
    sold = lots * market.base_atoms_per_lot
    cover = plan.seizure.repaid
    if sold + market.base_atoms_per_lot <= got:
        mul_div_floor(plan.seizure.repaid, sold, got, &cover)
    proceeds[0] -= part_up(proceeds[0], market.taker_fee_ppm)
    return cover


cdef inline atoms_t pool_gain(State* state, Bot* row, BotLook* look, LoanPlan* plan, atoms_t got, atoms_t size, atoms_t before) noexcept nogil:
    """Gain of selling so much of a whole plan into the pool."""
    cdef atoms_t out = 0, cost = 0
    if pool_quote(state, <uint32_t>row.pool, look.held_asset, look.owed_asset, look.planned_atoms + size, &out):
        out = before
    mul_div_ceil(plan.seizure.repaid, size, got, &cost)
    return out - before - cost


# The same for a pool: the size with the largest profit, by thirds (it is concave). O(log of the plan x a quote).
cdef inline atoms_t cover_for_pool(State* state, Bot* row, BotLook* look, LoanPlan* plan, atoms_t* proceeds) noexcept nogil:
    cdef atoms_t got = plan.seizure.seized - plan.seizure.fee, low = 1, high = got, one, other, of_one, of_other, before = 0, cost = 0
    cdef int _
    if look.planned_atoms and pool_quote(state, <uint32_t>row.pool, look.held_asset, look.owed_asset, look.planned_atoms, &before):
        return 0
    for _ in range(BOT_STEPS):
        if high - low < 3:
            break
        one = low + floor_div(high - low, 3)
        other = high - floor_div(high - low, 3)
        of_one = pool_gain(state, row, look, plan, got, one, before)
        of_other = pool_gain(state, row, look, plan, got, other, before)
        if of_one < of_other:
            low = one
        else:
            high = other
    # Thirds end a little short of the whole where the gain rises to its end, and an atom less may leave dust.
    if pool_gain(state, row, look, plan, got, got, before) >= pool_gain(state, row, look, plan, got, high, before):
        high = got
    if pool_quote(state, <uint32_t>row.pool, look.held_asset, look.owed_asset, look.planned_atoms + high, proceeds):
        return 0
    proceeds[0] -= before
    mul_div_floor(plan.seizure.repaid, high, got, &cost)
    return cost


# ---- sending ----

# Look at one loan: send a liquidation if it pays (A-11). Whether something was sent. O(entries, levels).
cdef inline bint bot_try(State* state, uint32_t number, Bot* row, BotLook* look, slot_t slot) noexcept nogil:
    cdef Loan* loan = loan_at(&state.lending, slot)
    cdef uint32_t venue = protocol_at(&state.lending, loan.protocol).venue
    cdef Agent* agent = agent_at(state, number)
    cdef LoanPlan plan
    cdef Action action
    cdef atoms_t cover, offered = ACTION_ALL, proceeds = 0, profit, gas
    cdef BidCursor at = look.bids
    cdef uint8_t kind = ACTION_FLASH_LIQUIDATE if row.is_flash else ACTION_LIQUIDATE_LOAN
    if loan.account == <uint32_t>agent.account or loan_plan(state, slot, look.owed_reserve, look.held_reserve, ACTION_ALL, &plan):
        return 0
    if not row.is_flash and plan.seizure.repaid > look.money:
        offered = look.money
        if offered < 1 or loan_plan(state, slot, look.owed_reserve, look.held_reserve, offered, &plan):
            return 0
    if plan.seizure.seized <= plan.seizure.fee:
        return 0
    cover = cover_for_pool(state, row, look, &plan, &proceeds) if row.pool >= 0 else cover_for_book(state, row, look, &plan, &proceeds, &at)
    if cover < 1:
        return 0
    if cover < plan.seizure.repaid:
        offered = cover
        if loan_plan(state, slot, look.owed_reserve, look.held_reserve, offered, &plan):
            return 0                         # dust would be left
    gas = gas_value(state, row, venue, kind)
    profit = proceeds - plan.seizure.repaid - gas
    if profit <= 0 or profit < row.least_profit:
        return 0
    # What covers everything is offered, not what it comes to: an atom less would leave dust.
    action = action_of(kind, <uint32_t>row.protocol, look.owed_asset, look.held_asset, offered, loan.liquidation)
    action.party = loan.account
    action.least = plan.seizure.seized - plan.seizure.fee if kind == ACTION_LIQUIDATE_LOAN and row.pool < 0 else 0
    action.pool = <uint16_t>max64(0, row.pool)
    if chain_at(state, venue).every_ms:
        action.tip = tip_of(row, profit, kind)
    if action_send(state, number, &action, picture_left_ms(state, agent, row.market)) == 0:
        return 0
    row.sent += 1
    row.open += 1
    if not row.is_flash:
        row.spent += plan.seizure.repaid
        look.money -= plan.seizure.repaid
    look.bids = at
    look.planned_atoms += plan.seizure.seized - plan.seizure.fee
    return 1


cdef inline int64_t tip_of(Bot* row, atoms_t profit, uint32_t kind) noexcept nogil:
    """The tip for a unit of gas that spends a share of the profit."""
    cdef int64_t share = 0, tip = 0
    mul_div_floor(profit, row.tip_ppm, 1000000, &share)
    if mul_div_floor(share, 1000000, max64(1, row.gas_value), &tip):
        return 0
    return min64(floor_div(tip, ACTION_GAS[kind]), <int64_t>1 << 40)


# Look at the head of the work list. O(scan).
cdef inline void bot_look(State* state, uint32_t number, Bot* row) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Protocol* protocol = protocol_at(&state.lending, <uint32_t>row.protocol)
    cdef Market* market = market_at(state, row.market)
    cdef BotLook look
    cdef slot_t slot = protocol.work_first
    cdef int64_t seen = 0
    cdef atoms_t passed = 0
    look.owed_asset = market.quote_asset
    look.held_asset = market.base_asset
    look.owed_reserve = reserve_find(&state.lending, protocol, look.owed_asset)
    look.held_reserve = reserve_find(&state.lending, protocol, look.held_asset)
    bids_begin(market, &look.bids)
    if row.pool < 0:                         # what it has still to sell comes first
        bids_take(state, market, &look.bids, market.book.price_min, floor_div(row.unsold, market.base_atoms_per_lot), &passed)
    look.planned_atoms = row.unsold if row.pool >= 0 else 0
    look.money = funds_free(state, <uint32_t>agent.account, look.owed_asset) - row.spent
    if row.capital:
        look.money = min64(look.money, row.capital - row.spent)
    while slot != NIL and seen < row.scan:
        bot_try(state, number, row, &look, slot)
        slot = loan_at(&state.lending, slot).work_next
        seen += 1


# Sell what it has: whole lots at market, or all of it in the pool. O(1).
cdef inline void bot_sell(State* state, uint32_t number, Bot* row) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Market* market = market_at(state, row.market)
    cdef Action action
    cdef qty_t lots
    if row.is_selling or row.unsold < 1:
        return
    if row.pool >= 0:
        action = action_of(ACTION_SWAP, <uint32_t>row.pool, market.base_asset, market.quote_asset, row.unsold, row.cause)
        row.is_selling = action_send(state, number, &action, state.now_ms) != 0
        return
    lots = min64(floor_div(row.unsold, market.base_atoms_per_lot), market.book.qty_max)
    if lots < 1 or market.book.ladder[0].best_key == KEY_NONE:
        return
    row.is_selling = agent_take(state, agent, row.market, SIDE_SELL, NO_PRICE, lots, state.now_ms, row.cause) != NIL


cdef inline void bot_again(State* state, uint32_t number, Bot* row) noexcept nogil:
    """Ask to be woken, while there is something to do."""
    if row.is_waiting or (row.unsold < 1 and protocol_at(&state.lending, <uint32_t>row.protocol).work_first == NIL):
        return
    row.is_waiting = 1
    agent_wake_at(state, number, state.now_ms + row.every_ms, 1)


# It wakes: sells what is left, looks for work if it has heard of all that it sent. O(scan).
cdef inline void bot_wake(State* state, uint32_t number) noexcept nogil:
    cdef Bot* row = bot_at(state, agent_at(state, number).row)
    row.is_waiting = 0
    bot_sell(state, number, row)
    if row.open == 0:
        bot_look(state, number, row)
    bot_again(state, number, row)


cdef inline void bot_acted(State* state, Notice* notice, Bot* row) noexcept nogil:
    """What became of one of its actions."""
    if notice.side == ACTION_SWAP:
        row.is_selling = 0
        if notice.reason == ACTION_DONE:
            row.unsold = max64(0, row.unsold - notice.leaves_lots)
        return
    row.open -= 1
    if row.open == 0:
        row.spent = 0
    if notice.reason:
        return
    row.won += 1
    row.repaid += notice.leaves_lots
    if notice.side == ACTION_FLASH_LIQUIDATE:
        row.earned += notice.lots
        return
    row.seized += notice.lots
    row.unsold += notice.lots
    row.cause = notice.cause


# A notice reaches it (phase 9): work, what became of an action, a fill. O(scan).
cdef inline void bot_hear(State* state, Notice* notice) noexcept nogil:
    cdef uint32_t number = notice.agent
    cdef Bot* row = bot_at(state, agent_at(state, number).row)
    if notice.kind == NOTICE_LOAN:
        if row.open == 0 and not row.is_waiting:
            bot_look(state, number, row)
    elif notice.kind == NOTICE_ACTION:
        bot_acted(state, notice, row)
        bot_sell(state, number, row)
        if row.open == 0 and notice.reason == ACTION_DONE and not row.is_waiting:
            bot_look(state, number, row)
    elif notice.kind == NOTICE_FILL and notice.market == row.market:
        row.unsold = max64(0, row.unsold - notice.lots * market_at(state, row.market).base_atoms_per_lot)
        row.is_selling = row.is_selling and notice.leaves_lots > 0
    elif notice.kind == NOTICE_CANCEL or notice.kind == NOTICE_REJECT:
        row.is_selling = 0
    bot_again(state, number, row)
