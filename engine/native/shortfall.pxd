# Shortfall: who pays for what a flat account lacks (X-10, L-10): the insurance fund, those who profit if losses are shared, bad debt.
#
#   lacks D -> fund: min(D, what it has) -> shared: by profit, capped -> bad debt: the rest, never netted silently
#
# Stands on: transfer, bankruptcy. Promises: the fund's balance does not fall below 0; nobody pays more of a shared loss than it has won.

from libc.stdlib cimport qsort

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.arming cimport *
from engine.native.bankruptcy cimport *
from engine.native.book cimport NO_PRICE
from engine.native.health cimport *
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.payment cimport *
from engine.native.policy cimport *
from engine.native.ranking cimport *
from engine.native.recorder cimport *
from engine.native.risk cimport *
from engine.native.rows cimport *
from engine.native.running cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.transfer cimport *
from engine.native.unit cimport *
from engine.native.venue cimport *
from engine.native.waterfall cimport *

# A holder who profits, and what it can bear of a shared loss.
cdef struct Winner:
    atoms_t most                 # b_i
    slot_t holding
    uint32_t account


# What a backstop, or fund, is worth in a settlement asset (UNIFIED: of the unit that it is to help: all assets). O(markets of it).
cdef inline atoms_t backstop_worth(State* state, uint32_t account, uint32_t asset, bint all_assets) noexcept nogil:
    cdef bint is_known = 1
    return account_worth(state, account) if all_assets else asset_net(state, account, asset, &is_known)


# The insurance fund pays towards what a unit (or, slot NIL, a flat account) lacks of an asset. Returns what it paid. O(markets of the fund).
cdef inline atoms_t fund_pays(State* state, uint32_t account, slot_t slot, uint32_t asset, atoms_t lacking, uint32_t market, uint32_t landmark) noexcept nogil:
    cdef Policy* policy = policy_of(state, account)
    cdef uint32_t fund = fund_of(state, account_at(&state.accounts, account).venue)
    cdef bint is_known = 1
    cdef Unit* unit = unit_of_state(state, slot) if slot != NIL else NULL
    cdef Run* run = run_of(state, unit) if unit != NULL and unit.liquidation and unit.allowance_atoms != NO_RUN else NULL
    cdef atoms_t most = min64(lacking, balance_at(&state.ledger, fund, asset).atoms)
    if account_at(&state.accounts, fund).holdings != NIL:
        most = min64(most, asset_net(state, fund, asset, &is_known))
    if policy.fund_most:
        most = min64(most, policy.fund_most - (run.fund_paid if run != NULL else 0))
    if most <= 0:
        return 0
    if run != NULL and not planted(SLIP_FUND_PAYS_AGAIN):
        run.fund_paid += most
    pay(state, fund, NIL, account, slot, asset, most, NO_MARKET, PAYMENT_FUND)
    note_waterfall(state, WATERFALL_FUND, market, asset, <int32_t>account, <int32_t>fund, 0, most, NULL, landmark)
    return most


# ---- shared losses ----

cdef inline int compare_winners(const void* x, const void* y) noexcept nogil:
    return -1 if (<const Winner*>x).account < (<const Winner*>y).account else 1


# The most that a holder can bear of a loss shared in its market: its unrealised profit there, as far as its unit has it. O(its markets).
cdef inline atoms_t winner_most(State* state, Market* market, Holding* holding) noexcept nogil:
    cdef Health health
    cdef Collateral* row
    cdef atoms_t profit
    if holding.position_lots == 0 or holding.unit == NIL \
            or (unit_of_state(state, holding.unit).liquidation and not planted(SLIP_LOSS_SHARED_WITH_LIQUIDATED)) \
            or market.mark_ticks == NO_PRICE:
        return 0
    profit = notional_atoms(market, holding.position_lots, market.mark_ticks) - holding.cost_atoms
    if profit <= 0:
        return 0
    unit_health(state, holding.unit, &health)
    if not health.is_known:
        return 0
    if account_at(&state.accounts, holding.account).mode == MODE_UNIFIED and market.settles != NIL:
        row = collateral_at(&state.risk, market.settles)
        if row.market != NIL:
            return profit if worth_ceil(state, row, profit) <= health.equity else 0
    return max64(0, min64(profit, health.equity))


# Who can bear a loss in a market, by account. 0 without memory (latched). O(holders).
cdef inline bint winners_collect(State* state, uint32_t market_id, Slab* winners, atoms_t* total) noexcept nogil:
    cdef Slab holders
    cdef Winner* winner
    cdef atoms_t most
    cdef uint32_t i
    cdef slot_t slot
    cdef bint is_good
    total[0] = 0
    slab_init(&holders, 4, 0)
    is_good = holders_collect(state, market_id, 1, &holders) and holders_collect(state, market_id, 0, &holders) \
        and slab_reserve(winners, holders.count) == 0
    for i in range(holders.count if is_good else 0):
        holders_ahead(state, &holders, i)
        slot = (<uint32_t*>holders.base)[i]
        most = winner_most(state, market_at(state, market_id), holding_at(&state.accounts, slot))
        if most > 0:
            winner = <Winner*>slab_at(winners, slab_take(winners))
            winner.most = most
            winner.holding = slot
            winner.account = holding_at(&state.accounts, slot).account
            total[0] = add_saturating(total[0], most)
    slab_release(&holders)
    if not is_good:
        state.fault = FAULT_NO_MEMORY
        return 0
    if winners.count > 1:
        qsort(winners.base, winners.count, sizeof(Winner), &compare_winners)
    return 1


# Share what a unit lacks among the winners of a market (X-10). Returns what they paid. O(holders log holders).
cdef inline atoms_t share_loss(State* state, uint32_t account, slot_t slot, uint32_t market_id, atoms_t lacking, uint32_t parent) noexcept nogil:
    cdef Slab winners
    cdef Winner* winner
    cdef uint32_t asset = market_at(state, market_id).quote_asset, i, landmark
    cdef atoms_t total, paid, left, part
    slab_init(&winners, sizeof(Winner), 0)
    if not winners_collect(state, market_id, &winners, &total) or total == 0:
        slab_release(&winners)
        return 0
    paid = min64(lacking, total)
    landmark = venue_landmark(state, LANDMARK_SHARED_LOSS, market_id, <int32_t>account, parent, paid)
    left = paid
    for i in range(winners.count):
        winner = <Winner*>slab_at(&winners, i)
        mul_div_floor(paid, winner.most, total, &part)
        winner.most = part
        left -= part
    for i in range(winners.count):
        winner = <Winner*>slab_at(&winners, i)
        part = winner.most + (1 if left > 0 and not planted(SLIP_SHARED_ATOMS_KEPT) else 0)
        left -= 1 if left > 0 else 0
        if part:
            pay(state, winner.account, holding_at(&state.accounts, winner.holding).unit, account, slot, asset, part, NO_MARKET, PAYMENT_SHARE)
            note_waterfall(state, WATERFALL_SHARE, market_id, asset, <int32_t>account, <int32_t>winner.account, 0, part, NULL, landmark)
            unit_wrote(state, holding_at(&state.accounts, winner.holding).unit)
            account_defund(state, winner.account, asset, market_id, landmark)
    slab_release(&winners)
    return paid


# ---- bad debt ----

# Bring what is below 0 to exactly 0 from the bad-debt account of the account's venue: a balance with what is owed, or (`unit`) an isolated
# margin (L-10).
cdef inline void write_off(State* state, uint32_t account, uint32_t asset, uint32_t market_id, Unit* unit, atoms_t lacking, uint32_t parent) noexcept nogil:
    cdef uint32_t payer = venue_of(state, market_id).accounts + ACCOUNT_BAD_DEBT, landmark
    cdef bint is_margin = unit != NULL and unit.holding != NIL
    if lacking <= 0:
        return
    landmark = venue_landmark(state, LANDMARK_BAD_DEBT, market_id, <int32_t>account, parent, lacking)
    venue_journal(state, JOURNAL_WRITE_OFF, asset, <int32_t>account, payer, is_margin, 0, 0, market_id if is_margin else 0, lacking)
    note_waterfall(state, WATERFALL_BAD_DEBT, market_id, asset, <int32_t>account, <int32_t>payer, 0, lacking, NULL, landmark)
    if not is_margin:
        move_atoms(state, MOVEMENT_WRITE_OFF, NO_MARKET, payer, account, asset, lacking)
        return
    balance_at(&state.ledger, payer, asset).atoms -= lacking
    unit.margin_atoms += lacking
    note_movement(state, MOVEMENT_WRITE_OFF, market_id, <int32_t>payer, <int32_t>account, asset, lacking)


# Cover what an account lacks of an asset: fund (unless it has paid already), loss shared in that asset, bad debt. `slot`: its unit, NIL
# without. O(holders of the market where losses are shared).
cdef inline void lacking_cover(State* state, uint32_t account, slot_t slot, uint32_t asset, uint32_t market_id, atoms_t lacking, bint from_fund, uint32_t parent) noexcept nogil:
    if lacking > 0 and from_fund:
        lacking -= fund_pays(state, account, slot, asset, lacking, market_id, parent)
    if lacking > 0 and policy_of(state, account).shares_losses and market_at(state, market_id).quote_asset == asset:
        lacking -= share_loss(state, account, slot, market_id, lacking, parent)
    write_off(state, account, asset, market_id, unit_of_state(state, slot) if slot != NIL else NULL, lacking, parent)


# Cover what is below 0 of a flat unit: its isolated margin or its balance; or of a flat account without one (slot NIL). O(as lacking_cover).
cdef inline outlined_int shortfall_cover(State* state, uint32_t account, slot_t slot, uint32_t asset, uint32_t market_id, bint from_fund, uint32_t parent) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot) if slot != NIL else NULL
    cdef atoms_t money = unit.margin_atoms if unit != NULL and unit.holding != NIL else balance_at(&state.ledger, account, asset).atoms
    lacking_cover(state, account, slot, asset, market_id, -money, from_fund, parent)
    return 0
