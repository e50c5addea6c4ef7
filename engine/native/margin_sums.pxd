# Margin sums: what the positions and orders of a unit come to, kept from one of its orders to the next (C-9).
#
#   Unit.sums -> MarginSums (pnl, notional, initial, ..) = sum of MarginShares          MarginShare: one market, at the mark `ticks`, `lots` counted
#
# Stands on: health. A maker of 1,000 markets would pay 30 us for every quote if C-6 were evaluated anew. Between its orders few things change: marks
# (a share at another mark is found by comparing), its positions (whoever moves one says so), its resting orders. Of those only more matter,
# and more come through the gate only: a share counts at least as many lots as rest, so what is kept is exact or against the account, and
# what it lets pass an evaluation would let pass. Balances, collateral and debts are read anew each time.

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
from engine.native.triggers cimport *
from engine.native.unit cimport *

cdef enum:
    SUMS_FROM = 3                # holdings of an account from which on sums are worth their memory

cdef extern from *:
    """
    #define ENGINE_SUMS_MOST ((int64_t)1 << 60)
    #ifndef ENGINE_DEBUG
    #define ENGINE_DEBUG 0
    #endif
    """
    const int64_t SUMS_MOST "ENGINE_SUMS_MOST"          # sums within it are sums of an evaluation too: nothing has been held at a bound
    const bint IS_DEBUG "ENGINE_DEBUG"


cdef inline MarginSums* sums_at(State* state, slot_t slot) noexcept nogil:
    return <MarginSums*>(state.risk.sums.base) + slot


cdef inline MarginShare* margin_share_at(State* state, uint32_t i) noexcept nogil:
    return <MarginShare*>(state.risk.shares.base) + i


cdef inline int32_t series_mark(State* state, uint32_t market) noexcept nogil:
    """The published mark, -1 before the first: the same as `Market.mark_ticks`, from a denser array."""
    return series_at(&state.risk.triggers, 2 * market + SERIES_MARK).value


# ---- one market ----

# What a share comes to at the mark of now, with `share.lots` counted. 0 if a position there has no mark. O(tiers).
cdef inline bint margin_share_count(State* state, Unit* unit, MarginShare* share) noexcept nogil:
    cdef Holding* holding = holding_at(&state.accounts, share.holding)
    cdef Market* market = market_at(state, share.market)
    cdef atoms_t value
    share.ticks = series_mark(state, share.market)
    share.pnl = share.notional = share.requirement = share.initial = 0
    if share.ticks < 0:
        return holding.position_lots == 0
    if holding.position_lots:
        value = notional_atoms(market, holding.position_lots, share.ticks)
        share.pnl = value - holding.cost_atoms
        share.notional = abs64(value)
        share.requirement = schedule_ceil(&state.risk.schedules, market.maintenance, share.notional)
    if share.lots and is_gated(market, unit):
        share.initial = initial_at(state, market, unit, share.lots, share.ticks)
    return 1


# Bring a share up to date: at the mark of now, with at least `lots` counted. O(tiers).
cdef inline void margin_share_renew(State* state, Unit* unit, MarginSums* sums, MarginShare* share, qty_t lots) noexcept nogil:
    cdef Market* market = market_at(state, share.market)
    sums.pnl -= share.pnl
    sums.notional -= share.notional
    sums.requirement -= share.requirement
    sums.initial -= share.initial
    share.lots = lots
    if not margin_share_count(state, unit, share):
        sums.is_kept = 0
    if market.price_stale_ms and holding_at(&state.accounts, share.holding).position_lots:
        sums.known_until_ms = min64(sums.known_until_ms, market.mark_ms + market.price_stale_ms)
    sums.pnl += share.pnl
    sums.notional += share.notional
    sums.requirement += share.requirement
    sums.initial += share.initial


# The share of a market, NULL without one. O(log markets).
cdef inline MarginShare* margin_share_find(State* state, MarginSums* sums, uint32_t market) noexcept nogil:
    cdef uint32_t low = sums.first, high = sums.first + sums.count, middle
    # invariant: shares below `low` are of lower markets, those from `high` on of this one or higher ones
    while low < high:
        middle = (low + high) >> 1
        if margin_share_at(state, middle).market < market:
            low = middle + 1
        else:
            high = middle
    if low < sums.first + sums.count and margin_share_at(state, low).market == market:
        return margin_share_at(state, low)
    return NULL


# ---- keeping ----

cdef inline void sums_forget(State* state, slot_t unit) noexcept nogil:
    """Something has changed that is not followed: the next evaluation begins anew."""
    if unit != NIL and unit_of_state(state, unit).sums != NIL and not planted(SLIP_SUMS_KEPT):
        sums_at(state, unit_of_state(state, unit).sums).is_kept = 0


# A position has traded, or was moved. The command may not be through: what rests of it is still counted. O(log markets).
cdef inline outlined_int sums_traded(State* state, Unit* unit, Holding* holding) noexcept nogil:
    cdef MarginSums* sums
    cdef MarginShare* share
    if unit.sums == NIL or planted(SLIP_SUMS_TRADE_UNSEEN):
        return 0
    sums = sums_at(state, unit.sums)
    if not sums.is_kept:
        return 0
    share = margin_share_find(state, sums, holding.market)
    if share == NULL:
        sums.is_kept = 0
    else:
        margin_share_renew(state, unit, sums, share, max64(share.lots, lots_with_orders(state, holding)))
    return 0


cdef inline bint is_share(State* state, Unit* unit, Holding* holding) noexcept nogil:
    """Whether a holding's position and orders are tested with a unit of several."""
    cdef Market* market = market_at(state, holding.market)
    return market.kind == MARKET_PERPETUAL and (account_at(&state.accounts, unit.account).mode == MODE_UNIFIED or market.quote_asset == unit.asset)


# Room for the shares of a unit: a stretch of its own, twice as long as the last one. 0 without memory. O(1) amortised.
cdef inline bint sums_room(State* state, MarginSums* sums, uint32_t count) noexcept nogil:
    if count <= sums.room:
        return 1
    if slab_reserve(&state.risk.shares, 2 * count):
        return 0
    sums.first = state.risk.shares.count
    sums.room = 2 * count
    state.risk.shares.count += 2 * count
    return 1


cdef inline uint32_t shares_needed(State* state, Unit* unit) noexcept nogil:
    """Markets whose positions and orders are tested with a unit; NIL if one settles in another asset than a unified account's own."""
    cdef slot_t slot = account_at(&state.accounts, unit.account).holdings
    cdef uint32_t count = 0
    cdef Holding* holding
    while slot != NIL:
        holding = holding_at(&state.accounts, slot)
        if is_share(state, unit, holding):
            if market_at(state, holding.market).quote_asset != unit.asset:
                return NIL
            count += 1
        slot = holding.next_of_account
    return count


cdef inline void sums_clear(MarginSums* sums) noexcept nogil:
    sums.pnl = sums.notional = sums.requirement = sums.initial = 0
    sums.count = 0
    sums.known_until_ms = <int64_t>1 << 62
    sums.is_kept = 1


# Count every market anew. Needs: room. O(markets of the account).
cdef inline void sums_count(State* state, Unit* unit, MarginSums* sums) noexcept nogil:
    cdef slot_t slot = account_at(&state.accounts, unit.account).holdings
    cdef Holding* holding
    cdef MarginShare* share
    sums_clear(sums)
    sums.marks_seen = state.risk.marks
    # invariant: the holdings before `slot` are in the sums
    while slot != NIL:
        holding = holding_at(&state.accounts, slot)
        if is_share(state, unit, holding):
            share = margin_share_at(state, sums.first + sums.count)
            share.pnl = share.notional = share.requirement = share.initial = 0
            share.holding = slot
            share.market = holding.market
            margin_share_renew(state, unit, sums, share, lots_with_orders(state, holding))
            sums.count += 1
        slot = holding.next_of_account


# An order has passed an evaluation: keep the sums that would have spared it. Without memory nothing is kept. O(markets of the account).
cdef inline outlined_int sums_keep(State* state, slot_t slot) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef uint32_t count = shares_needed(state, unit)
    cdef MarginSums* sums
    sums_forget(state, slot)
    if count == NIL or (unit.sums == NIL and count < SUMS_FROM):
        return 0
    if unit.sums == NIL:
        if slab_reserve(&state.risk.sums, 1):
            return 0
        unit.sums = slab_take(&state.risk.sums)
        sums = sums_at(state, unit.sums)
        sums.first = sums.room = 0
    sums = sums_at(state, unit.sums)
    if sums_room(state, sums, count):
        sums_count(state, unit, sums)
    return 0


# ---- asking ----

# Bring the shares of all markets with another mark than before up to date, and that of `market` with its orders of now (NIL: of none).
# O(markets of the account) if a mark has been published since the last time, a few cycles each; else O(log markets). 0 if the sums are not
# known.
cdef inline bint sums_renew(State* state, Unit* unit, MarginSums* sums, uint32_t market) noexcept nogil:
    cdef uint32_t i
    cdef MarginShare* share
    if not sums.is_kept or (state.now_ms > sums.known_until_ms and not planted(SLIP_SUMS_OUTLIVE)):
        return 0
    if sums.marks_seen != state.risk.marks:
        sums.marks_seen = state.risk.marks
        for i in range(sums.first, sums.first + sums.count):
            share = margin_share_at(state, i)
            if share.ticks != series_mark(state, share.market) and not planted(SLIP_SUMS_MARK_UNSEEN):
                margin_share_renew(state, unit, sums, share, share.lots)
    if market != NIL:
        share = margin_share_find(state, sums, market)
        if share == NULL:
            return 0
        margin_share_renew(state, unit, sums, share, lots_with_orders(state, holding_at(&state.accounts, share.holding)))
    return sums.is_kept and abs64(sums.pnl) <= SUMS_MOST and sums.notional <= SUMS_MOST and sums.initial <= SUMS_MOST


# Health of a unified account of which all positions settle in the unit of account, from its sums. O(collateral of the venue).
cdef inline void sums_unified(State* state, Unit* unit, MarginSums* sums, Health* out) noexcept nogil:
    cdef slot_t slot = rules_of(state, unit.account).collateral, touched = NIL, holding = NIL
    cdef Collateral* row
    state.risk.stamp += 1
    # invariant: of the collateral before `slot` what an evaluation would count is counted
    while slot != NIL:
        row = collateral_at(&state.risk, slot)
        if row.market != NIL:
            holding = holding_find(&state.accounts, unit.account, row.market)
        if row.asset == unit.asset:
            collateral_touch(state, unit, slot, &touched)
            row.net = add_saturating(row.net, sums.pnl)
            row.requirement = sums.requirement
            row.initial = sums.initial
            collateral_count(state, row, out)
        elif row.market != NIL and holding != NIL:
            collateral_touch(state, unit, slot, &touched)
            row.holding = holding
            collateral_count(state, row, out)
        slot = row.next


# Equity and notional of a unit as an evaluation finds them, and what it must have or more (C-9). 0: its sums do not say. O(markets of the account),
# a few cycles each.
cdef inline bint sums_health(State* state, slot_t slot, uint32_t market, Health* out) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef MarginSums* sums
    if unit.sums == NIL:
        return 0
    sums = sums_at(state, unit.sums)
    if not sums_renew(state, unit, sums, market):
        return 0
    health_begin(state, out)
    if account_at(&state.accounts, unit.account).mode == MODE_UNIFIED:
        sums_unified(state, unit, sums, out)
    else:
        out.equity = balance_at(&state.ledger, unit.account, unit.asset).atoms + sums.pnl
        out.requirement = sums.requirement
        out.initial = sums.initial
    out.notional = sums.notional
    out.initial = max64(out.initial, out.requirement)
    return 1


# Whether a unit's sums say that it affords what rests with it, and this loss beside (C-6). 0: they do not say so. O(markets of the account), a few
# cycles each.
cdef inline outlined_int sums_afford(State* state, slot_t slot, uint32_t market, atoms_t loss) noexcept nogil:
    cdef Health health
    return sums_health(state, slot, market, &health) and health.is_known and health.equity - loss >= health.initial


cdef inline bint is_as_evaluated(State* state, slot_t slot, Health* out) noexcept nogil:
    """Whether an evaluation finds what sums have said. For debug builds: it does not count among the evaluations that were needed."""
    cdef int64_t needed = state.risk.evaluation_count
    cdef Health whole
    unit_health(state, slot, &whole)
    state.risk.evaluation_count = needed
    return whole.equity == out.equity and whole.notional == out.notional and whole.requirement == out.requirement and whole.is_known == out.is_known


# Equity, notional and maintenance requirement of a unit, as unit_health finds them; of one with many markets the sums are kept, so that the next
# one who asks need not evaluate it. Not within a command of its account. O(markets of the account), a few cycles each where they are kept.
cdef inline outlined_int unit_standing(State* state, slot_t slot, uint32_t markets_least, Health* out) noexcept nogil:
    if sums_health(state, slot, NIL, out):
        if IS_DEBUG and not is_as_evaluated(state, slot, out):
            state.fault = FAULT_MARGIN
        return 0
    unit_health(state, slot, out)
    if out.is_known and state.risk.terms_end - state.risk.terms_first >= markets_least:
        sums_keep(state, slot)
    return 0


# As account_health, likewise. Not within a command of this account. O(markets of the account), a few cycles each where sums are kept.
cdef inline outlined_int account_standing(State* state, uint32_t account, uint32_t asset, Health* out) noexcept nogil:
    cdef slot_t slot = unit_find(state, account, asset)
    if slot == NIL:
        return account_health(state, account, asset, out)
    return unit_standing(state, slot, 0, out)


# ---- checking ----

# Whether what is kept of a unit is what its positions come to at the marks of its shares, with no fewer lots than rest. O(markets of the account).
cdef inline bint sums_hold(State* state, slot_t slot) noexcept nogil:
    cdef Unit* unit = unit_of_state(state, slot)
    cdef slot_t at = account_at(&state.accounts, unit.account).holdings
    cdef MarginSums* sums
    cdef MarginShare* share
    cdef Holding* holding
    cdef Market* market
    cdef atoms_t pnl = 0, notional = 0, requirement = 0, initial = 0, value
    if unit.sums == NIL or not sums_at(state, unit.sums).is_kept:
        return 1
    sums = sums_at(state, unit.sums)
    while at != NIL:
        holding = holding_at(&state.accounts, at)
        at = holding.next_of_account
        if not is_share(state, unit, holding):
            continue
        market = market_at(state, holding.market)
        share = margin_share_find(state, sums, holding.market)
        if share == NULL:
            if holding.position_lots or (is_gated(market, unit) and lots_with_orders(state, holding)):
                return 0
            continue
        if (is_gated(market, unit) and share.lots < lots_with_orders(state, holding)) or (share.ticks < 0 and holding.position_lots):
            return 0
        value = notional_atoms(market, holding.position_lots, max64(0, share.ticks))
        pnl += value - holding.cost_atoms
        notional += abs64(value)
        requirement += schedule_ceil(&state.risk.schedules, market.maintenance, abs64(value))
        if is_gated(market, unit) and share.ticks >= 0:
            initial += initial_at(state, market, unit, share.lots, share.ticks)
    return pnl == sums.pnl and notional == sums.notional and requirement == sums.requirement and initial == sums.initial
