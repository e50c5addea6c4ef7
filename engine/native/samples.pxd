# Samples: the tables with a cadence, looked at in phase 9 (observers).
#
# Stands on: rows, publish, account. Each cadence is an event that schedules the next one; an event whose stamp is not the
# recorder's belongs to a cadence that was changed, and dies. Promises: reads only, tables apart.

from engine.native.types cimport *
from engine.native.account cimport *
from engine.native.arith cimport *
from engine.native.health cimport *
from engine.native.book cimport *
from engine.native.columns cimport *
from engine.native.ladder cimport *
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.publish cimport sample_depth
from engine.native.recorder cimport *
from engine.native.rows cimport *
from engine.native.slab cimport *
from engine.native.state cimport *


# The best levels of one side of a market, best first. O(levels).
cdef inline void sample_levels(State* state, uint32_t market_id, int side) noexcept nogil:
    cdef Table* table = &state.recorder.levels
    cdef Ladder* ladder = &market_at(state, market_id).book.ladder[side]
    cdef int64_t key = ladder.best_key, row
    cdef uint32_t level = ladder.best_level, rank = 0
    # invariant: `rank` levels better than `key` are written
    while key != KEY_NONE and rank < state.recorder.depth_levels:
        row = row_begin(state, table)
        if row < 0:
            return
        put8(table, row, LEVEL_TIME, state.now_ms)
        put8(table, row, LEVEL_LOTS, level_at(&state.pools.ladders, level).qty_lots)
        put4(table, row, LEVEL_PRICE, ladder_price(ladder, <uint32_t>key))
        put2(table, row, LEVEL_MARKET, market_id)
        put2(table, row, LEVEL_RANK, rank)
        put1(table, row, LEVEL_SIDE, SIDE_SELL if side else SIDE_BUY)
        table.row_count = row + 1
        rank += 1
        key = ladder_next(&state.pools.ladders, ladder, key + 1, &level)


cdef inline bint account_has_position(State* state, uint32_t account) noexcept nogil:
    cdef slot_t slot = account_at(&state.accounts, account).holdings
    while slot != NIL:
        if holding_at(&state.accounts, slot).position_lots:
            return 1
        slot = holding_at(&state.accounts, slot).next_of_account
    return 0


# One row for an account and an asset, unless it has neither balance nor position there. O(markets of the account).
cdef inline void sample_account(State* state, uint32_t account, uint32_t asset) noexcept nogil:
    cdef Table* table = &state.recorder.accounts
    cdef Balance* balance = balance_at(&state.ledger, account, asset)
    cdef Health health
    cdef int64_t row
    account_health(state, account, asset, &health)
    if health.is_flat and balance.atoms == 0 and balance.reserved == 0:
        return
    row = row_begin(state, table)
    if row < 0:
        return
    put8(table, row, ACCOUNT_TIME, state.now_ms)
    put8(table, row, ACCOUNT_ATOMS, balance.atoms)
    put8(table, row, ACCOUNT_RESERVED, balance.reserved)
    put8(table, row, ACCOUNT_EQUITY, health.equity)
    put8(table, row, ACCOUNT_MAINTENANCE, health.requirement)
    put8(table, row, ACCOUNT_NOTIONAL, health.notional)
    put4(table, row, ACCOUNT_NUMBER, account)
    put4(table, row, ACCOUNT_LIQUIDATION, account_at(&state.accounts, account).liquidation)
    put2(table, row, ACCOUNT_ASSET, asset)
    put1(table, row, ACCOUNT_KNOWN, health.is_known)
    table.row_count = row + 1


# Every account, or those with a position, asset by asset; of a narrow one the assets that it has a row for, since it has nothing of the
# others and no position there either. O(rows of balances).
cdef inline void sample_accounts(State* state) noexcept nogil:
    cdef Purse* purse
    cdef slot_t slot
    cdef uint32_t account, asset
    for account in range(state.ledger.account_count):
        if not state.recorder.all_accounts and not account_has_position(state, account):
            continue
        purse = purse_at(&state.ledger, account)
        if purse.is_wide:
            for asset in range(state.ledger.assets.count):
                sample_account(state, account, asset)
            continue
        slot = purse.first
        while slot != NIL:
            sample_account(state, account, balance_row(&state.ledger, slot).asset)
            slot = balance_row(&state.ledger, slot).next


# One look of a cadence, and the next one. Cannot fail; without memory the fault is latched.
cdef inline void record_sample(State* state, uint32_t kind, uint32_t stamp) noexcept nogil:
    cdef Recorder* recorder = &state.recorder
    cdef uint32_t market
    if stamp != recorder.stamp[kind] or recorder.every_ms[kind] == 0:
        return
    if kind == SAMPLE_ACCOUNTS:
        sample_accounts(state)
    else:
        for market in range(state.markets.count):
            if kind == SAMPLE_SUMMARY:
                sample_depth(state, market)
            elif kind == SAMPLE_LEVELS:
                sample_levels(state, market, 0)
                sample_levels(state, market, 1)
            else:
                write_price(state, market, PRICE_OF_MID, market_mid(market_at(state, market)), market_at(state, market).touch_mover.cause)
    venue_schedule(state, state.now_ms + recorder.every_ms[kind], PHASE_OBSERVERS, EVENT_SAMPLE, kind, stamp, 0)


# Change a cadence, 0 for off: looks at its whole multiples from now on. Cannot fail.
cdef inline void sample_every(State* state, uint32_t kind, time_ms_t every_ms) noexcept nogil:
    cdef Recorder* recorder = &state.recorder
    cdef time_ms_t due_ms
    if every_ms == recorder.every_ms[kind]:
        return
    recorder.every_ms[kind] = every_ms
    recorder.stamp[kind] += 1
    if every_ms:
        due_ms = ceil_div(state.now_ms, every_ms) * every_ms
        if due_ms == state.now_ms and state.phase >= PHASE_OBSERVERS:
            due_ms += every_ms               # the observers of this millisecond have had their turn
        venue_schedule(state, due_ms, PHASE_OBSERVERS, EVENT_SAMPLE, kind, recorder.stamp[kind], 0)
