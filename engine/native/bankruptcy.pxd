# Bankruptcy: what each position of a unit must fetch so that closing all of them leaves exactly nothing (X-7).
#
#   V_i = N_i - s_i      s_i = ceil(E * M_i / sum M), the last one what is left of E
#
# Stands on: health. Reads only; the parts stand in a slab of the caller, by market.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport NO_PRICE
from engine.native.health cimport *
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.risk cimport *
from engine.native.schedule cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *

# A position and its share of what all of them have to bear.
cdef struct Part:
    slot_t holding
    uint32_t market
    atoms_t notional             # signed, at mark
    atoms_t weight               # requirement; notional where no part has one
    atoms_t value                # V_i, signed


cdef inline Part* part_at(Slab* parts, uint32_t i) noexcept nogil:
    return <Part*>(parts.base) + i


# The positions of an account that settle in an asset (`only` NIL), or the one of a holding, valued at mark. 0 without memory (latched).
# Needs: they have marks. O(markets of the account).
cdef inline bint parts_collect(State* state, uint32_t account, slot_t only, uint32_t asset, Slab* parts) noexcept nogil:
    cdef slot_t slot = only if only != NIL else account_at(&state.accounts, account).holdings
    cdef Holding* holding
    cdef Market* market
    cdef Part* part
    # invariant: the positions before `slot` are in the parts
    while slot != NIL:
        holding = holding_at(&state.accounts, slot)
        market = market_at(state, holding.market)
        if holding.position_lots and market.quote_asset == asset:
            if slab_reserve(parts, 1):
                state.fault = FAULT_NO_MEMORY
                return 0
            part = part_at(parts, slab_take(parts))
            part.holding = slot
            part.market = holding.market
            part.notional = part.value = notional_atoms(market, holding.position_lots, market.mark_ticks)
            part.weight = schedule_ceil(&state.risk.schedules, market.maintenance, abs64(part.notional))
        if only != NIL:
            return 1
        slot = holding.next_of_account
    return 1


# Share E over parts that were collected (X-7). O(parts).
cdef inline void parts_share(Slab* parts, atoms_t equity) noexcept nogil:
    cdef uint32_t i
    cdef atoms_t total = 0, share, left = equity
    for i in range(parts.count):
        total = add_saturating(total, part_at(parts, i).weight)
    if total == 0:
        for i in range(parts.count):
            part_at(parts, i).weight = abs64(part_at(parts, i).notional)
            total = add_saturating(total, part_at(parts, i).weight)
    # invariant: `left` is what the parts from i on have to bear
    for i in range(parts.count):
        share = left
        if i + 1 < parts.count or planted(SLIP_LAST_PART_SHARED):
            mul_div_ceil(equity, part_at(parts, i).weight, max64(1, total), &share)
            if planted(SLIP_PART_ROUNDED_DOWN):
                mul_div_floor(equity, part_at(parts, i).weight, max64(1, total), &share)
        left -= share
        part_at(parts, i).value = part_at(parts, i).notional - share


# What an account has of an asset, all told: balance - owed + unrealised PnL of what settles in it; a position without a mark counts 0.
# *is_known says whether all have one. O(markets of the account).
cdef inline atoms_t asset_net(State* state, uint32_t account, uint32_t asset, bint* is_known) noexcept nogil:
    cdef slot_t slot = account_at(&state.accounts, account).holdings
    cdef Holding* holding
    cdef Market* market
    cdef Balance* balance = balance_at(&state.ledger, account, asset)
    cdef atoms_t net = balance.atoms - balance.owed
    while slot != NIL:
        holding = holding_at(&state.accounts, slot)
        market = market_at(state, holding.market)
        if holding.position_lots and market.kind == MARKET_PERPETUAL and market.quote_asset == asset:
            if is_fresh(state, market, market.mark_ticks, market.mark_ms):
                net = add_saturating(net, notional_atoms(market, holding.position_lots, market.mark_ticks) - holding.cost_atoms)
            else:
                is_known[0] = 0
        slot = holding.next_of_account
    return net


# What an account is worth in a venue's unit of account, all its collateral at index and without haircut; what has no fresh index counts 0.
# O(collateral of the venue x markets of the account).
cdef inline atoms_t account_worth(State* state, uint32_t account) noexcept nogil:
    cdef slot_t slot = rules_of(state, account).collateral
    cdef Collateral* row
    cdef Market* market
    cdef atoms_t worth = 0
    cdef bint is_known = 1
    while slot != NIL:
        row = collateral_at(&state.risk, slot)
        market = market_at(state, row.market) if row.market != NIL else NULL
        if market == NULL or is_fresh(state, market, market.index_ticks, market.index_ms):
            worth = add_saturating(worth, worth_floor(state, row, asset_net(state, account, row.asset, &is_known)))
        slot = row.next
    return worth


# What a unit is worth without haircut, after its evaluation: its equity, or (UNIFIED) all it has at index. O(collateral x markets).
cdef inline atoms_t unit_worth(State* state, Unit* unit, Health* health) noexcept nogil:
    if account_at(&state.accounts, unit.account).mode == MODE_UNIFIED:
        return account_worth(state, unit.account)
    return health.equity
