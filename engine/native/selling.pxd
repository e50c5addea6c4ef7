# Selling: a unified account in liquidation repays what it can and sells assets, each into its own book, for what it lacks (X-13).
#
#   repay what is there -> L = what is lacking, in the unit of account -> market sells by the policy's order -> market buys of what is owed
#
# Stands on: stage, running, venue. Promises: nothing is sold that the account has not free; the orders go through the queue.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.bankruptcy cimport *
from engine.native.book cimport *
from engine.native.funds cimport *
from engine.native.health cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.policy cimport *
from engine.native.recorder cimport *
from engine.native.risk cimport *
from engine.native.running cimport *
from engine.native.schedule cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *
from engine.native.venue cimport *
from engine.native.waterfall cimport *

cdef enum:
    LIQUID_SHARE = 20            # bids within 1 / 20 of the best count as liquidity


cdef inline atoms_t free_atoms(State* state, uint32_t account, uint32_t asset) noexcept nogil:
    """What an account has of an asset that is neither promised nor owed."""
    cdef Balance* balance = balance_at(&state.ledger, account, asset)
    return balance.atoms - balance.reserved - max64(0, balance.owed)


# Repay, asset by asset, what is owed and there. Returns whether anything was. O(assets).
cdef inline bint repay_all(State* state, uint32_t account) noexcept nogil:
    cdef uint32_t asset
    cdef Balance* balance
    cdef atoms_t atoms
    cdef bint has_repaid = 0
    for asset in range(state.ledger.assets.count):
        balance = balance_at(&state.ledger, account, asset)
        atoms = min64(balance.owed, balance.atoms - balance.reserved)
        if atoms > 0 and funds_repay(state, account, asset, atoms) == FUNDS_DONE:
            has_repaid = 1
    return has_repaid


# What an account lacks of all assets, in atoms of the unit of account, rounded up. Needs: their prices are known. O(collateral).
cdef inline atoms_t lacking_worth(State* state, uint32_t account) noexcept nogil:
    cdef slot_t slot = rules_of(state, account).collateral
    cdef Collateral* row
    cdef Balance* balance
    cdef atoms_t worth = 0
    while slot != NIL:
        row = collateral_at(&state.risk, slot)
        balance = balance_at(&state.ledger, account, row.asset)
        if balance.owed > balance.atoms:
            worth = add_saturating(worth, worth_ceil(state, row, balance.owed - balance.atoms))
        slot = row.next
    return worth


cdef inline Market* price_market(State* state, Collateral* row) noexcept nogil:
    """The market where an asset is sold, NULL where it has none or its index is unknown."""
    cdef Market* market
    if row.market == NIL:
        return NULL
    market = market_at(state, row.market)
    return market if is_fresh(state, market, market.index_ticks, market.index_ms) and notional_atoms(market, 1, market.index_ticks) > 0 else NULL


# Lots of an asset that can be sold now: free, in its price market, where somebody bids. 0 if none. O(1).
cdef inline qty_t lots_sellable(State* state, uint32_t account, Collateral* row) noexcept nogil:
    cdef Market* market = price_market(state, row)
    if market == NULL or market.book.ladder[0].best_key == KEY_NONE:
        return 0
    return min64(floor_div(max64(0, free_atoms(state, account, row.asset)), market.base_atoms_per_lot), market.book.qty_max)


cdef inline atoms_t value_counted(State* state, Collateral* row, atoms_t atoms) noexcept nogil:
    """What atoms of an asset count for, in the unit of account, haircut included."""
    cdef atoms_t value = worth_floor(state, row, atoms)
    return schedule_floor(&state.risk.schedules, row.value, value) if row.value != NIL and value > 0 else value


# Value counted x what the bids near the best would pay, in 10^6. O(levels).
cdef inline int64_t ease_of_sale(State* state, uint32_t account, Collateral* row) noexcept nogil:
    cdef Market* market = price_market(state, row)
    cdef int64_t best = book_best(&market.book, 0), ease
    cdef qty_t bids = book_depth_to(&state.pools, &market.book, 0, <price_t>max64(best - floor_div(abs64(best), LIQUID_SHARE), market.book.price_min))
    if mul_div_floor(value_counted(state, row, free_atoms(state, account, row.asset)), notional_atoms(market, bids, market.index_ticks), 1000000, &ease):
        return MONEY_BOUND
    return ease


# ---- the order of sale ----

cdef inline int64_t place_in_order(State* state, Policy* policy, uint32_t asset) noexcept nogil:
    """Place of an asset in the declared order; behind all of them, by number, where it is not named."""
    cdef uint32_t i
    cdef uint32_t* order = <uint32_t*>state.sell_order.base
    if policy.first_sold != NIL:
        for i in range(order[policy.first_sold]):
            if order[policy.first_sold + 1 + i] == asset:
                return i
    return (<int64_t>1 << 32) + asset


# The asset to sell first, NIL if none can be sold. Ties: the lower number. O(collateral x levels).
cdef inline slot_t first_to_sell(State* state, Policy* policy, Unit* unit) noexcept nogil:
    cdef slot_t slot = rules_of(state, unit.account).collateral, best = NIL
    cdef int64_t most = 0, score
    cdef Collateral* row
    while slot != NIL:
        row = collateral_at(&state.risk, slot)
        if row.asset != unit.asset and lots_sellable(state, unit.account, row) > 0:
            score = -place_in_order(state, policy, row.asset) if policy.sells == SELL_CUSTOM else ease_of_sale(state, unit.account, row)
            if best == NIL or score > most or (score == most and row.asset < collateral_at(&state.risk, best).asset):
                most = score
                best = slot
        slot = row.next
    return best


# ---- orders ----

cdef inline void sale_send(State* state, Unit* unit, uint32_t market_id, int8_t side, qty_t lots, Health* health) noexcept nogil:
    cdef uint32_t step
    if is_halted(state, market_at(state, market_id)):    # it waits, as if it had sent something (V-9)
        return
    step = venue_landmark(state, LANDMARK_STEP, market_id, <int32_t>unit.account, unit.liquidation, lots)
    note_waterfall(state, WATERFALL_STEP, market_id, market_at(state, market_id).base_asset, <int32_t>unit.account, -1, lots, 0, health, step)
    venue_send(state, unit.account, market_id, side, ORDER_IS_MARKET | ORDER_OF_ENGINE, 0, lots, state.now_ms, step)


cdef inline void sell_worth(State* state, Unit* unit, Collateral* row, atoms_t target, Health* health) noexcept nogil:
    """Sell as much of an asset as is worth a target, in lots, rounded up, as far as it is there."""
    cdef Market* market = price_market(state, row)
    cdef qty_t lots = min64(lots_sellable(state, unit.account, row), ceil_div(target, notional_atoms(market, 1, market.index_ticks)))
    if planted(SLIP_SALE_ROUNDED_DOWN):
        lots = min64(lots, floor_div(target, notional_atoms(market, 1, market.index_ticks)))
    if lots > 0:
        sale_send(state, unit, row.market, SIDE_SELL, lots, health)


# Sell of every asset its share of what is lacking, by value. Returns whether there was one. O(collateral).
cdef inline bint sell_pro_rata(State* state, Unit* unit, atoms_t lacking, Health* health) noexcept nogil:
    cdef slot_t slot = rules_of(state, unit.account).collateral
    cdef Collateral* row
    cdef atoms_t total = 0, target
    while slot != NIL:
        row = collateral_at(&state.risk, slot)
        if row.asset != unit.asset and lots_sellable(state, unit.account, row) > 0:
            total = add_saturating(total, max64(0, worth_floor(state, row, free_atoms(state, unit.account, row.asset))))
        slot = row.next
    if total == 0:
        return 0
    slot = rules_of(state, unit.account).collateral
    while slot != NIL:
        row = collateral_at(&state.risk, slot)
        if row.asset != unit.asset and lots_sellable(state, unit.account, row) > 0:
            if mul_div_ceil(lacking, max64(0, worth_floor(state, row, free_atoms(state, unit.account, row.asset))), total, &target):
                target = MONEY_BOUND
            sell_worth(state, unit, row, target, health)
        slot = row.next
    return 1


# Buy back, by number of the asset, what is lacking, with what is free of the unit of account. Returns whether anything was. O(assets x collateral).
cdef inline bint buy_back(State* state, Unit* unit, Health* health) noexcept nogil:
    cdef atoms_t free = free_atoms(state, unit.account, unit.asset), worth
    cdef uint32_t asset
    cdef slot_t slot
    cdef Collateral* row
    cdef Market* market
    cdef Balance* balance
    cdef qty_t lots
    cdef bint has_bought = 0
    for asset in range(state.ledger.assets.count):
        balance = balance_at(&state.ledger, unit.account, asset)
        slot = collateral_find(&state.risk, account_at(&state.accounts, unit.account).venue, asset)
        if asset == unit.asset or balance.owed <= balance.atoms or slot == NIL:
            continue
        row = collateral_at(&state.risk, slot)
        market = price_market(state, row)
        if market == NULL or market.book.ladder[1].best_key == KEY_NONE:
            continue
        worth = notional_atoms(market, 1, market.index_ticks)
        lots = min64(ceil_div(balance.owed - balance.atoms, market.base_atoms_per_lot), min64(floor_div(max64(0, free), 2 * worth), market.book.qty_max))
        if lots > 0:
            sale_send(state, unit, row.market, SIDE_BUY, lots, health)
            free -= 2 * worth * lots
            has_bought = 1
    return has_bought


# Send the sales and purchases of a step. Returns whether any was sent. Needs: nothing more can be repaid. O(collateral x levels).
cdef inline outlined_int unit_sells(State* state, slot_t slot, Health* health) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef Policy* policy = policy_of(state, unit.account)
    cdef atoms_t lacking = lacking_worth(state, unit.account)
    cdef slot_t first
    cdef bint has_sent = 0
    if lacking <= 0:
        return 0
    if policy.sells == SELL_PRO_RATA:
        has_sent = sell_pro_rata(state, unit, lacking, health)
    else:
        first = first_to_sell(state, policy, unit)
        if first != NIL:
            sell_worth(state, unit, collateral_at(&state.risk, first), lacking, health)
            has_sent = 1
    return buy_back(state, unit, health) or has_sent
