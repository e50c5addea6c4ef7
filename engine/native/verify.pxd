# Walk a whole world and name the first broken invariant.
#
# Stands on: kernel, verify_book. Reads only. For tests and debug builds: O(state).

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.book_digest cimport *
from engine.native.orders cimport *
from engine.native.digest cimport *
from engine.native.kernel cimport *
from engine.native.ladder cimport *
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.slab cimport *
from engine.native.settle cimport spot_reservation
from engine.native.state cimport *
from engine.native.verify_book cimport *


cdef inline int verify_positions(State* state) noexcept nogil:
    """Per perpetual market: lots sum to 0, clearing + costs to 0 (L-7)."""
    cdef uint32_t m
    cdef slot_t slot
    cdef int64_t lots, cost
    for m in range(state.markets.count):
        lots = cost = 0
        slot = market_at(state, m).holdings
        while slot != NIL:
            lots += holding_at(&state.accounts, slot).position_lots
            cost += holding_at(&state.accounts, slot).cost_atoms
            slot = holding_at(&state.accounts, slot).next_in_market
        if lots != 0 or cost + market_at(state, m).clearing != 0:
            return FAULT_POSITIONS
    return FAULT_NONE


cdef inline int verify_balances(State* state) noexcept nogil:
    """Per asset: balances + clearing = deposits - withdrawals (L-2)."""
    cdef uint32_t asset, account, m
    cdef int64_t total
    for asset in range(state.ledger.assets.count):
        total = 0
        for account in range(state.ledger.account_count):
            total += balance_at(&state.ledger, account, asset).atoms
        for m in range(state.markets.count):
            if market_at(state, m).kind == MARKET_PERPETUAL and market_at(state, m).quote_asset == asset:
                total += market_at(state, m).clearing
        if total != asset_at(&state.ledger, asset).net_deposits:
            return FAULT_CONSERVATION
    return FAULT_NONE


cdef inline int64_t reserved_by_orders(State* state, uint32_t account, uint32_t asset) noexcept nogil:
    """What an account's resting spot orders reserve of an asset (V-1)."""
    cdef slot_t slot = head_at(&state.pools, <int32_t>account)[0]
    cdef Order* order
    cdef Market* market
    cdef int64_t total = 0
    while slot != NIL:
        order = order_at(&state.pools, slot)
        market = market_at(state, page_at(&state.pools.ladders, order.level >> 8).ladder_tag >> 1)
        if market.kind == MARKET_SPOT:
            if order.flags & ORDER_SELL and market.base_asset == asset:
                total += spot_reservation(market, SIDE_SELL, order.leaves_lots, order.price_ticks)
            elif not order.flags & ORDER_SELL and market.quote_asset == asset:
                total += spot_reservation(market, SIDE_BUY, order.leaves_lots, order.price_ticks)
        slot = cold_at(&state.pools, slot).owner_next
    return total


cdef inline int verify_reserved(State* state) noexcept nogil:
    """Every balance's reserved part is what its orders reserve."""
    cdef uint32_t account, asset
    for account in range(state.ledger.account_count):
        for asset in range(state.ledger.assets.count):
            if balance_at(&state.ledger, account, asset).reserved != reserved_by_orders(state, account, asset):
                return FAULT_RESERVED
    return FAULT_NONE


# The first broken invariant of a world, FAULT_NONE if there is none. Reads only. O(state).
cdef inline int world_verify(WorldData* world) noexcept nogil:
    cdef State* state = &world.state
    cdef uint32_t m
    cdef int fault
    if pages_verify(&state.pools):
        return FAULT_BOOK
    for m in range(state.markets.count):
        if book_verify(&state.pools, &market_at(state, m).book):
            return FAULT_BOOK
    fault = verify_positions(state)
    if fault == FAULT_NONE:
        fault = verify_balances(state)
    if fault == FAULT_NONE:
        fault = verify_reserved(state)
    return fault


# State digest of a world (J-4). O(state).
cdef inline uint64_t world_digest(WorldData* world) noexcept nogil:
    cdef State* state = &world.state
    cdef uint64_t h = digest_word(digest_begin(DIGEST_WORLD), state.now_ms)
    cdef uint32_t i, asset
    cdef Market* market
    cdef Holding* holding
    cdef slot_t slot
    for asset in range(state.ledger.assets.count):
        h = digest_word(h, asset_at(&state.ledger, asset).net_deposits)
    for i in range(state.ledger.account_count):
        for asset in range(state.ledger.assets.count):
            h = digest_word(h, balance_at(&state.ledger, i, asset).atoms)
            h = digest_word(h, balance_at(&state.ledger, i, asset).reserved)
    for i in range(state.markets.count):
        market = market_at(state, i)
        h = digest_word(h, market.clearing)
        h = digest_word(h, market.book.last_price)
        h = digest_word(h, market.index_ticks)
        h = digest_word(h, market.mark_ticks)
        h = digest_word(h, market.book.trade_count)
        h = digest_word(h, <int64_t>book_digest(&state.pools, &market.book))
        if market.oracle_ticks != NO_PRICE:      # a word only where there is something to say
            h = digest_word(digest_word(h, -7), market.oracle_ticks)
    for i in range(state.ledger.account_count):
        slot = account_at(&state.accounts, i).holdings
        while slot != NIL:
            holding = holding_at(&state.accounts, slot)
            if holding.position_lots or holding.cost_atoms:
                h = digest_word(h, holding.account)
                h = digest_word(h, holding.market)
                h = digest_word(h, holding.position_lots)
                h = digest_word(h, holding.cost_atoms)
            slot = holding.next_of_account
    return h
