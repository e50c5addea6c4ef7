# ADL: positions that nobody takes over are closed against those who hold the other side (X-11).
#
#   position i, h lots, value V -> candidates by rule: n_k lots at floor(V * n_k / h) -> what is left: to the backstop, at mark
#
# Stands on: ranking, takeover. Promises: no candidate's equity falls below 0 by it; lots of the market still sum to 0; the giver ends
# with what its bankruptcy value leaves.

from libc.stdlib cimport qsort
from libc.string cimport memset

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.bankruptcy cimport *
from engine.native.book cimport NO_PRICE
from engine.native.funds cimport *
from engine.native.health cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.policy cimport *
from engine.native.ranking cimport *
from engine.native.recorder cimport *
from engine.native.risk cimport *
from engine.native.running cimport *
from engine.native.shortfall cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.takeover cimport *
from engine.native.transfer cimport *
from engine.native.unit cimport *
from engine.native.venue cimport *
from engine.native.waterfall cimport *

# What is still to be closed of a position.
cdef struct Closing:
    slot_t holding               # the giver's
    uint32_t market
    qty_t left
    atoms_t value                # what that is to fetch, signed
    int32_t giver
    int32_t sign
    uint32_t asset
    uint32_t parent
    uint32_t landmark            # 0 until somebody takes something
    Health* said                 # its rows of the table say this of the giver

# A share of a position by capped water-filling.
cdef struct Share:
    qty_t cap
    int64_t weight
    qty_t lots
    slot_t holding
    uint32_t account


# Lots that a candidate can take without its equity falling below 0 (X-11). Needs: candidate_look of it. O(1).
cdef inline qty_t candidate_room(State* state, Closing* closing, Candidate* candidate) noexcept nogil:
    cdef Market* market = market_at(state, closing.market)
    cdef Holding* holding = holding_at(&state.accounts, candidate.holding)
    cdef qty_t most = min64(closing.left, abs64(holding.position_lots))
    cdef atoms_t loss = closing.value - notional_atoms(market, closing.sign * closing.left, market.mark_ticks)
    cdef int64_t room
    if loss <= 0 or planted(SLIP_ROOM_IGNORES_EQUITY):
        return most
    if account_at(&state.accounts, candidate.account).mode == MODE_UNIFIED and market.settles != NIL:
        loss = worth_ceil(state, collateral_at(&state.risk, market.settles), loss)
    if mul_div_floor(candidate.equity, closing.left, loss, &room):
        return most
    return min64(most, room)


# One candidate takes lots: it is told, and its orders go if the policy says so. O(its markets and orders).
cdef inline void adl_fill(State* state, Closing* closing, slot_t slot, qty_t lots, Policy* policy) noexcept nogil:
    cdef uint32_t account = holding_at(&state.accounts, slot).account
    cdef atoms_t value = closing.value
    if closing.landmark == 0:
        closing.landmark = venue_landmark(state, LANDMARK_ADL, closing.market, closing.giver, closing.parent, closing.left)
    if lots < closing.left:
        mul_div_floor(closing.value, lots, closing.left, &value)
        if planted(SLIP_VALUE_ROUNDED_UP):
            mul_div_ceil(closing.value, lots, closing.left, &value)
    note_waterfall(state, WATERFALL_ADL, closing.market, closing.asset, closing.giver, <int32_t>account, closing.sign * lots, value, closing.said,
                   closing.landmark)
    transfer(state, closing.market, closing.holding, slot, closing.sign, lots, value, closing.landmark, TRANSFER_ADL)
    closing.value -= value
    closing.left -= lots
    if policy.cancels_orders:
        venue_schedule(state, state.now_ms, PHASE_ORDERS, EVENT_CANCEL_ACCOUNT, account, closing.market, closing.landmark)


# ---- one after the other ----

# Close against a ranking until nothing or nobody is left. Who can take nothing, or has nothing more, leaves the ranking. O(candidates met).
cdef inline void adl_in_turn(State* state, Closing* closing, Policy* policy) noexcept nogil:
    cdef Market* market = market_at(state, closing.market)
    cdef bint longs = closing.sign < 0
    cdef Candidate candidate
    cdef slot_t slot
    cdef qty_t lots
    cdef uint32_t met = 0
    ranking_make(state, closing.market, longs, policy)
    # invariant: the first of the ranking is the best one that has not been met
    while closing.left > 0:
        if market.rank_first[longs] == NIL:
            if ranking_stands(state, closing.market, longs, policy.rank_ms):
                return
            ranking_make(state, closing.market, longs, policy)
            continue
        if policy.adl == ADL_UNRANKED and met >= UNRANKED_MOST:
            return
        met += 1
        slot = market.rank_first[longs]
        lots = candidate_room(state, closing, &candidate) if candidate_look(state, market, slot, longs, &candidate) else 0
        if lots > 0:
            adl_fill(state, closing, slot, lots, policy)
        if closing.left > 0 or holding_at(&state.accounts, slot).position_lots == 0:
            market.rank_first[longs] = holding_at(&state.accounts, slot).rank_next


# ---- pro rata ----

cdef inline int compare_fullness(const void* x, const void* y) noexcept nogil:
    """By the level at which the cap binds, cap / weight; ties by account id."""
    cdef const Share* a = <const Share*>x
    cdef const Share* b = <const Share*>y
    cdef int order = cmp_products(a.cap, b.weight, b.cap, a.weight)
    if order:
        return order
    return -1 if a.account < b.account else 1


cdef inline int compare_accounts(const void* x, const void* y) noexcept nogil:
    return -1 if (<const Share*>x).account < (<const Share*>y).account else 1


# Give `lots` out over shares by capped water-filling: min(cap, eta * weight), rounded down, then a lot each by account id. O(n log n).
cdef inline void water_fill(Slab* shares, qty_t lots) noexcept nogil:
    cdef Share* share = <Share*>shares.base
    cdef uint32_t i, n = shares.count
    cdef int64_t weights = 0
    cdef qty_t left = lots, given = 0
    if n == 0:
        return
    qsort(share, n, sizeof(Share), &compare_fullness)
    for i in range(n):
        weights = add_saturating(weights, share[i].weight)
    # invariant: shares before i are full; `left` lots are to go over `weights`
    for i in range(n):
        if cmp_products(share[i].cap, weights, left, share[i].weight) <= 0:
            share[i].lots = share[i].cap
            left -= share[i].cap
            weights -= share[i].weight
        else:
            mul_div_floor(left, share[i].weight, max64(1, weights), &share[i].lots)
    qsort(share, n, sizeof(Share), &compare_accounts)
    for i in range(n):
        given += share[i].lots
    if planted(SLIP_REMAINDER_TO_LAST):
        i = n
        while i > 0:
            i -= 1
            if given < lots and share[i].lots < share[i].cap:
                share[i].lots += 1
                given += 1
    for i in range(n):
        if given < lots and share[i].lots < share[i].cap:
            share[i].lots += 1
            given += 1


# The candidates of a position with weights and caps (X-12 `contracts`, `pnl`). 0 without memory (latched). O(holders).
cdef inline bint shares_collect(State* state, Closing* closing, Policy* policy, Slab* shares) noexcept nogil:
    cdef Slab found
    cdef Candidate* candidate
    cdef Share* share
    cdef Market* market = market_at(state, closing.market)
    cdef atoms_t loss = closing.value - notional_atoms(market, closing.sign * closing.left, market.mark_ticks)
    cdef int64_t most
    cdef uint32_t i
    cdef bint is_good
    slab_init(&found, sizeof(Candidate), 0)
    is_good = candidates_collect(state, closing.market, closing.sign < 0, policy.adl, &found) and slab_reserve(shares, found.count) == 0
    for i in range(found.count if is_good else 0):
        candidate = <Candidate*>slab_at(&found, i)
        share = <Share*>slab_at(shares, slab_take(shares))
        share.holding = candidate.holding
        share.account = candidate.account
        share.lots = 0
        share.cap = max64(0, candidate_room(state, closing, candidate))
        share.weight = abs64(holding_at(&state.accounts, candidate.holding).position_lots)
        if policy.adl == ADL_PNL:
            share.weight = max64(0, candidate.pnl)
            if loss > 0 and not mul_div_floor(share.weight, closing.left, loss, &most):
                share.cap = min64(share.cap, most)
        if share.weight == 0 or share.cap == 0:
            shares.count -= 1
    slab_release(&found)
    return is_good


cdef inline void adl_pro_rata(State* state, Closing* closing, Policy* policy) noexcept nogil:
    """Close against all candidates at once, by weight. O(holders log holders)."""
    cdef Slab shares
    cdef Share* share
    cdef Candidate candidate
    cdef uint32_t i
    cdef qty_t lots
    slab_init(&shares, sizeof(Share), 0)
    if shares_collect(state, closing, policy, &shares):
        water_fill(&shares, closing.left)
        for i in range(shares.count):
            share = <Share*>slab_at(&shares, i)
            if share.lots and candidate_look(state, market_at(state, closing.market), share.holding, closing.sign < 0, &candidate):
                lots = min64(share.lots, candidate_room(state, closing, &candidate))
                if lots > 0:
                    adl_fill(state, closing, share.holding, lots, policy)
    slab_release(&shares)


# ---- a position, an account ----

# Close one position by ADL; what is left over moves to the backstop at mark, unless it is the backstop's own. O(candidates).
cdef inline void adl_position(State* state, Part* part, uint32_t asset, Policy* policy, uint32_t venue, Health* said, uint32_t parent) noexcept nogil:
    cdef Holding* holding = holding_at(&state.accounts, part.holding)
    cdef uint32_t giver = holding.account
    cdef Closing closing
    cdef slot_t receiver
    closing.holding = part.holding
    closing.market = part.market
    closing.left = abs64(holding.position_lots)
    closing.value = part.value
    closing.giver = <int32_t>giver
    closing.sign = 1 if holding.position_lots > 0 else -1
    closing.asset = asset
    closing.parent = parent
    closing.landmark = 0
    closing.said = said
    if policy.adl == ADL_CONTRACTS or policy.adl == ADL_PNL:
        adl_pro_rata(state, &closing, policy)
    elif policy.adl != ADL_NONE:
        adl_in_turn(state, &closing, policy)
    if closing.landmark:
        parent = closing.landmark
    if closing.left == 0 or giver == backstop_of(state, venue):
        return
    receiver = backstop_holding(state, venue, part.market)
    if receiver == NIL:
        return
    closing.value = notional_atoms(market_at(state, part.market), closing.sign * closing.left, market_at(state, part.market).mark_ticks)
    note_waterfall(state, WATERFALL_REST, part.market, asset, <int32_t>giver, <int32_t>backstop_of(state, venue), closing.sign * closing.left, closing.value, said, parent)
    transfer(state, part.market, part.holding, receiver, closing.sign, closing.left, closing.value, parent, TRANSFER_REST)
    backstop_took(state, venue, part.market, parent)


# Close all positions of an account (or the isolated one) that settle in an asset; together they bear `equity`, unless they go at mark.
cdef inline void adl_positions(State* state, uint32_t account, slot_t only, uint32_t asset, atoms_t equity, bint at_mark, uint32_t parent) noexcept nogil:
    cdef uint32_t venue, i
    cdef Slab parts
    cdef Health said
    memset(&said, 0, sizeof(Health))
    said.equity = equity
    slab_init(&parts, sizeof(Part), 0)
    if parts_collect(state, account, only, asset, &parts) and parts.count:
        venue = market_at(state, part_at(&parts, 0).market).venue
        if not at_mark:
            parts_share(&parts, equity)
        for i in range(parts.count):
            adl_position(state, part_at(&parts, i), asset, policy_at(state, venue), venue, &said, parent)
    slab_release(&parts)


# What a unified account still lacks, asset by asset, once nothing of it can be sold: fund, shared loss, bad debt; what is owed is repaid,
# what is left of its assets moves to the backstop.
cdef inline void cover_unified(State* state, slot_t slot, uint32_t market, uint32_t cause) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef uint32_t account = unit.account, asset
    for asset in range(state.ledger.assets.count):
        lacking_cover(state, account, slot, asset, market, balance_lacking(state, account, asset), 1, cause)
        take_balance(state, account, backstop_of(state, account_at(&state.accounts, account).venue), asset, cause)


# ADL of a unit that no backstop took (phase 7), then what it still lacks (X-11, X-10). O(candidates, markets of the account).
cdef inline outlined_int unit_adl(State* state, slot_t slot, uint32_t cause) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef uint32_t account = unit.account, market = landmark_at(&state.lineage, cause).market, asset
    cdef Policy* policy = policy_of(state, account)
    cdef bint is_unified = account_at(&state.accounts, account).mode == MODE_UNIFIED, had_positions
    cdef atoms_t worth
    cdef Health health
    if unit.liquidation != cause or cause == 0:
        return 0
    unit_health(state, slot, &health)
    had_positions = health.largest != NIL
    worth = unit_worth(state, unit, &health)
    for asset in range(state.ledger.assets.count if is_unified else 1):
        if not is_unified:
            asset = unit.asset
        adl_positions(state, account, unit.holding, asset, worth if asset == unit.asset else 0, policy.closes_at_mark or worth >= 0 or asset != unit.asset, cause)
    if is_unified and had_positions:
        venue_schedule(state, state.now_ms, PHASE_LIQUIDATION, EVENT_STEP, slot, 0, cause)
        return 0
    if is_unified:
        cover_unified(state, slot, market, cause)
    else:
        shortfall_cover(state, account, slot, unit.asset, market, 0, cause)
    unit_health(state, slot, &health)
    liquidation_ends(state, slot, &health)
    return 0


# A backstop that is worth too little is relieved of what settles in an asset (phase 7): at its bankruptcy value, or at mark. O(candidates).
cdef inline outlined_int backstop_relief(State* state, uint32_t venue, uint32_t asset, uint32_t cause) noexcept nogil:
    cdef uint32_t account = backstop_of(state, venue), fund = fund_of(state, venue), market = venue_at(state, venue).taken_market
    cdef bint is_known = 1
    cdef atoms_t worth = asset_net(state, account, asset, &is_known)
    if not is_known or worth >= policy_at(state, venue).under_atoms or account_is_flat(state, account, asset):
        return 0
    adl_positions(state, account, NIL, asset, worth, policy_at(state, venue).closes_at_mark or worth >= 0, cause)
    backstop_settles(state, venue, asset, cause)
    if balance_at(&state.ledger, account, asset).atoms < 0:
        shortfall_cover(state, account, NIL, asset, market, account != fund, cause)
    return 0


# The first market and side of an account's positions in an asset (`only`: of that holding) whose ranking has to be asked of Python; NIL if
# none. O(markets of the account).
cdef inline uint32_t python_asked(State* state, uint32_t account, slot_t only, bint* longs) noexcept nogil:
    cdef slot_t slot = only if only != NIL else account_at(&state.accounts, account).holdings
    cdef Holding* holding
    cdef Policy* policy = policy_of(state, account)
    while slot != NIL and policy.adl == ADL_PYTHON:
        holding = holding_at(&state.accounts, slot)
        longs[0] = holding.position_lots < 0
        if holding.position_lots and market_at(state, holding.market).mark_ticks != NO_PRICE \
                and not ranking_stands(state, holding.market, longs[0], policy.rank_ms):
            return holding.market
        if only != NIL:
            break
        slot = holding.next_of_account
    return NIL
