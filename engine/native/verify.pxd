# Walk a whole world and name the first broken invariant.
#
# Stands on: kernel, verify_book. Reads only. For tests and debug builds: O(state).

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.book_digest cimport *
from engine.native.breaker cimport *
from engine.native.orders cimport *
from engine.native.digest cimport *
from engine.native.kernel cimport *
from engine.native.ladder cimport *
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.slab cimport *
from engine.native.settle cimport spot_reservation
from engine.native.state cimport *
from engine.native.unit cimport *
from engine.native.verify_lending cimport verify_lending
from engine.native.verify_margin cimport verify_units
from engine.native.world_extras cimport extras_digest, extras_verify
from engine.native.verify_book cimport *


cdef inline int verify_positions(State* state) noexcept nogil:
    """Per perpetual market: lots sum to 0, longs to the open interest, clearing + costs to 0 (L-7); a funding pool only keeps (F-3)."""
    cdef uint32_t m
    cdef slot_t slot
    cdef int64_t lots, cost, longs
    for m in range(state.markets.count):
        lots = cost = longs = 0
        slot = market_at(state, m).holdings
        while slot != NIL:
            lots += holding_at(&state.accounts, slot).position_lots
            longs += max64(0, holding_at(&state.accounts, slot).position_lots)
            cost += holding_at(&state.accounts, slot).cost_atoms
            slot = holding_at(&state.accounts, slot).next_in_market
        if lots != 0 or longs != market_at(state, m).open_lots or cost + market_at(state, m).clearing != 0 or market_at(state, m).funding_pool < 0:
            return FAULT_POSITIONS
    return FAULT_NONE


cdef inline int verify_balances(State* state) noexcept nogil:
    """Per asset: balances + clearing + funding pools + isolated margins = deposits - withdrawals, and what is owed is lent (L-2, L-12)."""
    cdef uint32_t asset, account, m
    cdef int64_t total, owed
    for asset in range(state.ledger.assets.count):
        total = owed = 0
        for account in range(state.ledger.account_count):
            total += balance_at(&state.ledger, account, asset).atoms
            owed += balance_at(&state.ledger, account, asset).owed
        for m in range(state.markets.count):
            if market_at(state, m).kind == MARKET_PERPETUAL and market_at(state, m).quote_asset == asset:
                total += market_at(state, m).clearing + market_at(state, m).funding_pool
        for m in range(state.risk.units.count):
            if unit_of_state(state, m).asset == asset:
                total += unit_of_state(state, m).margin_atoms
        if owed != 0 or total != asset_at(&state.ledger, asset).net_deposits:
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
        market = market_at(state, order_market(state, order))
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


cdef inline bint rows_are_sound(State* state, uint32_t account) noexcept nogil:
    """Whether an account's rows are there: wide one an asset in their order, narrow ascending."""
    cdef Ledger* ledger = &state.ledger
    cdef Purse* purse = purse_at(ledger, account)
    cdef slot_t slot = purse.first
    cdef uint32_t asset, least = 0
    if purse.is_wide:
        for asset in range(ledger.assets.count):
            if slot + asset >= ledger.balances.count or balance_row(ledger, slot + asset).asset != asset:
                return 0
        return slot != NOTHING
    # invariant: the rows before `slot` are of assets below `least`, ascending
    while slot != NIL:
        if slot == NOTHING or slot >= ledger.balances.count or balance_row(ledger, slot).asset < least \
                or balance_row(ledger, slot).asset >= ledger.assets.count:
            return 0
        least = balance_row(ledger, slot).asset + 1
        slot = balance_row(ledger, slot).next
    return 1


cdef inline int verify_rows(State* state) noexcept nogil:
    """NOTHING is zero, every account's rows are in order, and who has a holding has the rows that it settles in."""
    cdef uint32_t account, i
    cdef Balance* nothing
    cdef Market* market
    if state.ledger.account_count == 0:
        return FAULT_NONE
    nothing = balance_row(&state.ledger, NOTHING)
    if nothing.atoms or nothing.reserved or nothing.owed:
        return FAULT_ROWS
    for account in range(state.ledger.account_count):
        if not rows_are_sound(state, account):
            return FAULT_ROWS
    for i in range(state.accounts.holdings.count):
        account = holding_at(&state.accounts, i).account
        market = market_at(state, holding_at(&state.accounts, i).market)
        if balance_at(&state.ledger, account, market.quote_asset) == nothing \
                or market.kind == MARKET_SPOT and balance_at(&state.ledger, account, market.base_asset) == nothing:
            return FAULT_ROWS
    return FAULT_NONE


cdef inline int verify_working(State* state) noexcept nogil:
    """Every desk's lots and atoms are those of the account's resting orders on that perpetual (U-10)."""
    cdef uint32_t i, market_id
    cdef slot_t slot
    cdef Holding* holding
    cdef Market* market
    cdef Order* order
    cdef Desk desk
    for i in range(state.accounts.holdings.count):
        holding = holding_at(&state.accounts, i)
        market = market_at(state, holding.market)
        desk = desk_read(&state.accounts, i)
        slot = head_at(&state.pools, <int32_t>holding.account)[0] if market.kind == MARKET_PERPETUAL else NIL
        while slot != NIL:
            order = order_at(&state.pools, slot)
            market_id = order_market(state, order)
            if market_id == holding.market:
                if order.flags & ORDER_SELL:
                    desk.ask_lots -= order.leaves_lots
                else:
                    desk.bid_lots -= order.leaves_lots
                desk.working_atoms -= notional_atoms(market, order.leaves_lots, order.price_ticks)
            slot = cold_at(&state.pools, slot).owner_next
        if desk.bid_lots or desk.ask_lots or desk.working_atoms:
            return FAULT_WORKING
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
    fault = verify_rows(state)
    if fault == FAULT_NONE:
        fault = verify_positions(state)
    if fault == FAULT_NONE:
        fault = verify_balances(state)
    if fault == FAULT_NONE:
        fault = verify_reserved(state)
    if fault == FAULT_NONE:
        fault = verify_working(state)
    if fault == FAULT_NONE:
        fault = verify_units(state)
    if fault == FAULT_NONE:
        fault = verify_lending(state)
    if fault == FAULT_NONE:
        fault = extras_verify(state)
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
            if balance_at(&state.ledger, i, asset).owed:
                h = digest_word(digest_word(h, -8), balance_at(&state.ledger, i, asset).owed)
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
        if market.funding_pool:
            h = digest_word(digest_word(h, -9), market.funding_pool)
        if market.breaker != NIL:
            h = breaker_digest(h, breaker_at(state, market.breaker), state.now_ms)
    for i in range(state.ledger.account_count):
        slot = account_at(&state.accounts, i).holdings
        while slot != NIL:
            holding = holding_at(&state.accounts, slot)
            if holding.position_lots or holding.cost_atoms or (holding.unit != NIL and unit_of_state(state, holding.unit).margin_atoms):
                h = digest_word(h, holding.account)
                h = digest_word(h, holding.market)
                h = digest_word(h, holding.position_lots)
                h = digest_word(h, holding.cost_atoms)
                if holding.unit != NIL and unit_of_state(state, holding.unit).margin_atoms:
                    h = digest_word(digest_word(h, -10), unit_of_state(state, holding.unit).margin_atoms)
            slot = holding.next_of_account
    return extras_digest(state, h)
