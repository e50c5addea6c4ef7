# Looper: borrows against a token to buy more of it, step by step, holds, and leaves in steps (A-12).
#
#   supply -> borrow -> buy -> supply -> ... -> hold -- health, peg or rate beyond its bounds, or called --> withdraw -> sell -> repay -> ... -> out
#
# Stands on: chain, loan. One message on its way at a time: what it does next follows from what it hears of the last.

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.agent cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.chain cimport *
from engine.native.ledger cimport *
from engine.native.lending_math cimport *
from engine.native.lineage cimport *
from engine.native.link cimport *
from engine.native.loan cimport *
from engine.native.loans cimport *
from engine.native.market cimport *
from engine.native.orders cimport cold_at
from engine.native.pool_act cimport *
from engine.native.settle cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.wide cimport *

cdef enum LooperState:
    LOOPER_BUILDS = 0
    LOOPER_HOLDS = 1
    LOOPER_LEAVES = 2
    LOOPER_OUT = 3

cdef enum:
    HOURS_OF_A_YEAR = 8760

# What it waits to hear of.
cdef enum LooperWait:
    WAITS_NOTHING = 0
    WAITS_SUPPLY = 1
    WAITS_BORROW = 2
    WAITS_TRADE = 3              # an order, or a swap
    WAITS_WITHDRAW = 4
    WAITS_REPAY = 5

cdef struct Looper:
    int64_t protocol
    int64_t pool                 # where it trades, -1: in the book
    int64_t loops                # steps that it builds
    int64_t ltv_ppm              # what a step borrows of what the last one supplied
    int64_t slippage_ppm         # above the ask, for what it buys
    time_ms_t every_ms           # pause between two looks while it holds
    int64_t flee_health_ppm      # it leaves below this health
    int64_t flee_ticks           # below this price in its market, 0 never
    int64_t flee_rate_ppm        # above this rate of a year
    int64_t keep_ppm             # health that a withdrawal leaves at least
    int64_t share_ppm            # part of what it could withdraw that a step withdraws
    int64_t is_built             # it begins holding what was declared
    int64_t done                 # steps built
    int64_t number               # of its order
    atoms_t added                # what the last step supplied
    qty_t open_lots              # of its order
    uint32_t market              # base: the token, quote: what it borrows
    uint32_t stage               # LooperState
    uint32_t waits               # LooperWait
    uint32_t cause               # of its leaving
    uint32_t is_waiting          # a wake is on its way
    uint32_t pad


cdef inline Looper* looper_at(State* state, uint32_t row) noexcept nogil:
    return <Looper*>(rows_of(state, BEHAVIOUR_LOOPER).base) + row


cdef inline Entry* looper_entry(State* state, Agent* agent, Looper* row, bint is_debt) noexcept nogil:
    """Its entry in the token, or in what it borrows; NULL if it has none."""
    cdef Protocol* protocol = protocol_at(&state.lending, <uint32_t>row.protocol)
    cdef Market* market = market_at(state, row.market)
    cdef slot_t loan = loan_find(state, <uint32_t>agent.account, <uint32_t>row.protocol), slot
    if loan == NIL:
        return NULL
    slot = entry_find(&state.lending, loan_at(&state.lending, loan), reserve_find(&state.lending, protocol, market.quote_asset if is_debt else market.base_asset))
    return NULL if slot == NIL else entry_at(&state.lending, slot)


# ---- messages ----

cdef inline void looper_act(State* state, uint32_t number, Looper* row, uint8_t kind, bint is_debt, atoms_t atoms, uint32_t waits) noexcept nogil:
    cdef Market* market = market_at(state, row.market)
    cdef Action action = action_of(kind, <uint32_t>row.protocol, market.quote_asset if is_debt else market.base_asset, 0, atoms, row.cause)
    action.party = <uint32_t>agent_at(state, number).account
    row.waits = waits
    action_send(state, number, &action, state.now_ms)


# Trade in its pool, or in its book up to a limit (NO_PRICE none). Whether anything was sent.
cdef inline bint looper_trade(State* state, uint32_t number, Looper* row, int8_t side, atoms_t atoms) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Market* market = market_at(state, row.market)
    cdef Action action
    cdef int64_t limit = NO_PRICE, cost = 0
    cdef qty_t lots
    cdef slot_t slot
    if row.pool >= 0:
        if atoms < 1:
            return 0
        action = action_of(ACTION_SWAP, <uint32_t>row.pool, market.quote_asset if side == SIDE_BUY else market.base_asset,
                           market.base_asset if side == SIDE_BUY else market.quote_asset, atoms, row.cause)
        row.waits = WAITS_TRADE
        return action_send(state, number, &action, state.now_ms) != 0
    if side == SIDE_BUY:
        limit = book_best(&market.book, 1)
        if limit == NO_PRICE:
            return 0
        limit = min64(market.book.price_max, limit + ceil_div(limit * row.slippage_ppm, 1000000))
        if mul_overflows(limit, market.atoms_per_tick_lot, &cost):
            return 0
        lots = floor_div(atoms, max64(1, cost))
    else:
        lots = floor_div(atoms, market.base_atoms_per_lot)
        if market.book.ladder[0].best_key == KEY_NONE:
            return 0
    lots = min64(lots, market.book.qty_max)
    if lots < 1:
        return 0
    slot = agent_take(state, agent, row.market, side, limit, lots, state.now_ms, row.cause)
    if slot == NIL:
        return 0
    row.number = cold_at(&state.pools, slot).id
    row.open_lots = lots
    row.waits = WAITS_TRADE
    return 1


cdef inline void looper_sleep(State* state, uint32_t number, Looper* row) noexcept nogil:
    if not row.is_waiting and row.stage != LOOPER_OUT:
        row.is_waiting = 1
        agent_wake_at(state, number, state.now_ms + row.every_ms, 1)


# ---- building ----

cdef inline void looper_holds(State* state, uint32_t number, Looper* row) noexcept nogil:
    row.stage = LOOPER_HOLDS
    row.waits = WAITS_NOTHING
    looper_sleep(state, number, row)


# Supply what it has of the token; with nothing to supply it holds.
cdef inline void looper_supply(State* state, uint32_t number, Looper* row) noexcept nogil:
    cdef Market* market = market_at(state, row.market)
    row.added = funds_free(state, <uint32_t>agent_at(state, number).account, market.base_asset)
    if row.added < 1:
        looper_holds(state, number, row)
    else:
        looper_act(state, number, row, ACTION_SUPPLY, 0, row.added, WAITS_SUPPLY)


# How much more it may owe, atoms, an hour's interest on its debt left out: the action arrives later. Whether it is known. O(entries).
cdef inline bint looper_room(State* state, Agent* agent, Looper* row, int64_t rate, const LendingAmount* money, atoms_t* room) noexcept nogil:
    cdef slot_t slot = loan_find(state, <uint32_t>agent.account, <uint32_t>row.protocol)
    cdef LendingHealth health
    cdef int64_t interest = 0
    if slot == NIL or loan_health(state, loan_at(&state.lending, slot), 1, &health) or mul_div_ceil(health.debt_value, rate, LENDING_ONE, &interest):
        return 0
    room[0] = max64(0, health_room(&health) - ceil_div(interest, HOURS_OF_A_YEAR))
    return not mul_div_floor(room[0], money.unit, money.price, room)


# Borrow against what the last step supplied; after the last step, or where nothing comes of it, it holds.
cdef inline void looper_borrow(State* state, uint32_t number, Looper* row) noexcept nogil:
    cdef Protocol* protocol = protocol_at(&state.lending, <uint32_t>row.protocol)
    cdef Market* market = market_at(state, row.market)
    cdef LendingAmount token, money
    cdef atoms_t atoms = 0, room = 0
    cdef uint32_t held = reserve_find(&state.lending, protocol, market.base_asset), owed = reserve_find(&state.lending, protocol, market.quote_asset)
    if row.done >= row.loops or held == NIL or owed == NIL \
            or reserve_price(state, reserve_at(&state.lending, held), &token.price, &token.unit) \
            or reserve_price(state, reserve_at(&state.lending, owed), &money.price, &money.unit) \
            or lending_exchange(&token, &money, row.added, &atoms) or mul_div_floor(atoms, row.ltv_ppm, 1000000, &atoms) or atoms < 1:
        looper_holds(state, number, row)
        return
    if looper_room(state, agent_at(state, number), row, reserve_at(&state.lending, owed).rate, &money, &room):
        atoms = min64(atoms, room)
    if atoms < 1:
        looper_holds(state, number, row)
        return
    looper_act(state, number, row, ACTION_BORROW, 1, atoms, WAITS_BORROW)


# ---- leaving ----

# What of its collateral may go so that its health is keep_ppm still, times its share; all of it without debt. O(entries).
cdef inline atoms_t looper_free(State* state, Agent* agent, Looper* row, Entry* held) noexcept nogil:
    cdef slot_t slot = loan_find(state, <uint32_t>agent.account, <uint32_t>row.protocol)
    cdef Loan* loan = loan_at(&state.lending, slot)
    cdef Reserve* reserve = reserve_at(&state.lending, held.reserve)
    cdef LendingHealth health
    cdef Wide needed
    cdef atoms_t over = 0, claim = entry_claim(state, held), free_atoms = 0
    cdef int64_t price, unit, threshold = terms_of(loan, reserve).threshold_ppm
    if not loan_owes(state, loan):
        return claim
    if loan_health(state, loan, 0, &health) or reserve_price(state, reserve, &price, &unit) or threshold == 0:
        return 0
    needed = wide_product(<uint64_t>health.debt_value, <uint64_t>row.keep_ppm)
    if wide_compare(health.weighted, needed) <= 0:
        return 0
    if wide_mul_div(health.weighted, wide_of(1), wide_of(threshold), False, &needed) or mul_div_ceil(health.debt_value, row.keep_ppm, threshold, &over):
        return 0
    over = min64(<int64_t>needed.low, LENDING_AMOUNT_MAX) - over
    if over < 1 or mul_div_floor(over, unit, price, &free_atoms):
        return 0
    free_atoms = min64(free_atoms, claim)
    mul_div_floor(free_atoms, row.share_ppm, 1000000, &free_atoms)
    return free_atoms


# The next step out: repay with what it has, else withdraw what may go, else wait; without debt and collateral it is out. O(entries).
cdef inline void looper_leave(State* state, uint32_t number, Looper* row) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Market* market = market_at(state, row.market)
    cdef Entry* held = looper_entry(state, agent, row, 0)
    cdef Entry* owed = looper_entry(state, agent, row, 1)
    cdef bint owes = owed != NULL and owed.scaled_debt > 0
    cdef atoms_t money = funds_free(state, <uint32_t>agent.account, market.quote_asset), atoms
    row.waits = WAITS_NOTHING
    if owes and money >= 1:
        looper_act(state, number, row, ACTION_REPAY, 1, money, WAITS_REPAY)
        return
    if looper_trade(state, number, row, SIDE_SELL, funds_free(state, <uint32_t>agent.account, market.base_asset)) and row.waits:
        return
    atoms = 0 if held == NULL or held.scaled_supply == 0 else looper_free(state, agent, row, held)
    if atoms >= 1 and (not owes or row.pool >= 0 or atoms >= market.base_atoms_per_lot or atoms == entry_claim(state, held)):
        looper_act(state, number, row, ACTION_WITHDRAW, 0, atoms, WAITS_WITHDRAW)
        return
    if not owes and (held == NULL or held.scaled_supply == 0) \
            and funds_free(state, <uint32_t>agent.account, market.base_asset) < (1 if row.pool >= 0 else market.base_atoms_per_lot):
        row.stage = LOOPER_OUT               # what makes no lot it keeps
        return
    looper_sleep(state, number, row)


# Whether it has a reason to leave: health, peg, rate. O(entries).
cdef inline bint looper_flees(State* state, Agent* agent, Looper* row) noexcept nogil:
    cdef slot_t slot = loan_find(state, <uint32_t>agent.account, <uint32_t>row.protocol)
    cdef Market* market = market_at(state, row.market)
    cdef Entry* owed = looper_entry(state, agent, row, 1)
    cdef LendingHealth health
    cdef int64_t seen = believed_half_ticks(market)
    if slot == NIL or owed == NULL or owed.scaled_debt == 0:
        return 0
    if row.flee_ticks and seen != NO_PRICE and seen < 2 * row.flee_ticks:
        return 1
    if row.flee_rate_ppm and reserve_at(&state.lending, owed.reserve).rate > row.flee_rate_ppm * LENDING_PER_PPM:
        return 1
    return row.flee_health_ppm and not loan_health(state, loan_at(&state.lending, slot), 0, &health) \
        and health_compare(&health, row.flee_health_ppm) < 0


# It leaves: a landmark below whoever last moved its market, or below `cause`. O(1).
cdef inline void looper_begins_leaving(State* state, uint32_t number, Looper* row, uint32_t cause) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Entry* owed = looper_entry(state, agent, row, 1)
    cdef Market* market = market_at(state, row.market)
    row.stage = LOOPER_LEAVES
    row.cause = venue_landmark(state, LANDMARK_UNWIND, row.market, agent.account, cause if cause else market.touch_mover.cause,
                               0 if owed == NULL else entry_owed(state, owed))
    agent.landmark = row.cause
    if row.waits == WAITS_NOTHING:
        looper_leave(state, number, row)


# ---- being woken, and told ----

cdef inline void looper_wake(State* state, uint32_t number) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Looper* row = looper_at(state, agent.row)
    row.is_waiting = 0
    if row.waits != WAITS_NOTHING:
        return
    if row.stage == LOOPER_BUILDS:
        if row.is_built:
            looper_holds(state, number, row)
        else:
            looper_supply(state, number, row)
    elif row.stage == LOOPER_HOLDS:
        if looper_flees(state, agent, row):
            looper_begins_leaving(state, number, row, 0)
        else:
            looper_sleep(state, number, row)
    elif row.stage == LOOPER_LEAVES:
        looper_leave(state, number, row)


# What it waited for has happened, or failed: the next thing. O(entries).
cdef inline void looper_goes_on(State* state, uint32_t number, Looper* row, bint is_done) noexcept nogil:
    cdef Market* market = market_at(state, row.market)
    cdef uint32_t was = row.waits
    row.waits = WAITS_NOTHING
    if row.stage == LOOPER_LEAVES:
        if is_done:
            looper_leave(state, number, row)
        else:
            looper_sleep(state, number, row)
    elif row.stage != LOOPER_BUILDS:
        looper_sleep(state, number, row)
    elif not is_done:
        looper_holds(state, number, row)
    elif was == WAITS_SUPPLY:
        looper_borrow(state, number, row)
    elif was == WAITS_BORROW:
        if not looper_trade(state, number, row, SIDE_BUY, funds_free(state, <uint32_t>agent_at(state, number).account, market.quote_asset)):
            looper_holds(state, number, row)
    else:
        row.done += 1
        looper_supply(state, number, row)


# A notice reaches it (phase 9). O(entries).
cdef inline void looper_hear(State* state, Notice* notice) noexcept nogil:
    cdef uint32_t number = notice.agent
    cdef Looper* row = looper_at(state, agent_at(state, number).row)
    if notice.kind == NOTICE_ACTION:
        if row.waits != WAITS_NOTHING:
            looper_goes_on(state, number, row, notice.reason == ACTION_DONE)
    elif notice.kind == NOTICE_LOAN:
        if notice.side == 1 and row.stage == LOOPER_HOLDS and protocol_at(&state.lending, <uint32_t>row.protocol).form == FORM_LOAN:
            looper_begins_leaving(state, number, row, notice.cause)
    elif row.waits == WAITS_TRADE and row.pool < 0 and notice.market == row.market and notice.number == row.number:
        if notice.kind == NOTICE_FILL:
            row.open_lots -= notice.lots
        elif notice.kind == NOTICE_CANCEL or notice.kind == NOTICE_REJECT:
            row.open_lots = 0
        if row.open_lots == 0:
            looper_goes_on(state, number, row, 1)
