# Funding: what longs pay shorts, and when the other way round, settled at its time for every position at once (F-1 .. F-6, decision 24).
#
#   book, base --impact prices--> sample --time-weighted mean--> rate --(phase 3)--> payer --ceil--> market.funding_pool --floor--> receiver
#
# Stands on: venue. Promises: payments and pool sum to 0, and the pool never pays; who pays is looked at in the same event; the order in
# which positions came to be changes nothing.

from libc.stdlib cimport qsort

from engine.native.types cimport *
from engine.native.account cimport *
from engine.native.arith cimport *
from engine.native.arming cimport *
from engine.native.averages cimport PPB
from engine.native.book cimport NO_PRICE
from engine.native.columns cimport *
from engine.native.health cimport is_fresh
from engine.native.ladder cimport *
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.recorder cimport *
from engine.native.risk cimport *
from engine.native.rows cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *
from engine.native.publish cimport backstop_look
from engine.native.venue cimport *

cdef enum:
    MICRO = 1000000              # impact prices are in millionths of a tick
    EIGHT_HOURS_MS = 28800000    # what an interest is for (F-2)
    PAY_AHEAD = 8                # positions fetched ahead: a payment is three misses long

cdef extern from *:
    """
    #include <stdint.h>
    static const int64_t ENGINE_SETTLED_MOST = (int64_t)1 << 61;
    static const int64_t ENGINE_PAID_MOST = (int64_t)1 << 60;
    """
    const int64_t SETTLED_MOST "ENGINE_SETTLED_MOST"    # F-6: sum of |positions| at a settlement's price
    const int64_t PAID_MOST "ENGINE_PAID_MOST"          # and the bound of all payments of a market

# How a market settles funding, and its running interval. Invariant: premium is the sum of sample x time up to sampled_ms, weight_ms that time.
cdef struct Funding:
    time_ms_t every_ms           # from one settlement to the next
    time_ms_t sample_ms          # cadence of the samples
    atoms_t impact_atoms         # what a sample sells and buys
    int64_t interest_ppb         # per 8 h
    int64_t clamp_ppb            # how far the interest may pull the rate from the premium
    int64_t cap_ppb              # of one settlement, either way
    int64_t premium[2]           # a 128-bit number
    time_ms_t weight_ms
    int64_t sample_ppb           # the last sample
    time_ms_t sampled_ms         # since when it is not in the sum yet, -1 before the first
    atoms_t paid_bound           # no more than this can ever have been paid here
    uint32_t market
    uint32_t on_oracle           # price and base are the oracle, else the mark and the index

# A position that settles. Sorted by account.
cdef struct Settling:
    uint32_t account
    slot_t holding


cdef inline Funding* funding_at(State* state, uint32_t slot) noexcept nogil:
    return <Funding*>(state.fundings.base) + slot


# The funding of a market, NIL without one. For declarations: O(fundings).
cdef inline slot_t funding_of(State* state, uint32_t market) noexcept nogil:
    cdef uint32_t slot
    for slot in range(state.fundings.count):
        if funding_at(state, slot).market == market:
            return slot
    return NIL


# ---- premium (F-1, F-4) ----

# Average price of selling into the bids (buying from the asks) so many atoms' worth, in millionths of a tick, rounded towards no premium;
# -1 where less is shown. With L lots at whole levels and `left` atoms at price p it is impact / (w * L + left / p). O(levels met).
cdef inline int64_t impact_price(State* state, Market* market, bint asks, atoms_t impact) noexcept nogil:
    cdef Ladder* ladder = &market.book.ladder[asks]
    cdef int64_t key = ladder.best_key, price, average = 0
    cdef uint32_t level = ladder.best_level
    cdef atoms_t left = impact, worth
    cdef qty_t lots = 0, shown
    # invariant: `lots` stand at the levels before `key`, worth impact - left
    while key != KEY_NONE:
        price = ladder_price(ladder, <uint32_t>key)
        shown = level_at(&state.pools.ladders, level).qty_lots
        worth = notional_atoms(market, shown, price)
        if worth >= left:
            mul3_div_sum_floor(-impact if asks else impact, price, MICRO, lots * market.atoms_per_tick_lot, price, left, &average)
            return -average if asks else average
        left -= worth
        lots += shown
        key = ladder_next(&state.pools.ladders, ladder, key + 1, &level)
    return -1


# What the premium is measured against; NO_PRICE unless it is published and fresh (C-5).
cdef inline int64_t funding_base(State* state, Funding* funding, Market* market) noexcept nogil:
    cdef int64_t ticks = market.oracle_ticks if funding.on_oracle else market.index_ticks
    return ticks if is_fresh(state, market, ticks, market.oracle_ms if funding.on_oracle else market.index_ms) else NO_PRICE


cdef inline void premium_accrue(Funding* funding, time_ms_t now_ms) noexcept nogil:
    """The last sample has counted until now."""
    if funding.sampled_ms >= 0:
        wide_add_product(funding.premium, funding.sample_ppb, now_ms - funding.sampled_ms)
        funding.weight_ms += now_ms - funding.sampled_ms
        funding.sampled_ms = now_ms


# Take a premium sample, if there is something to measure against, and come again. O(levels met).
cdef inline void funding_sample(State* state, uint32_t slot) noexcept nogil:
    cdef Funding* funding = funding_at(state, slot)
    cdef Market* market = market_at(state, funding.market)
    cdef int64_t base = funding_base(state, funding, market), bid, ask, premium = 0
    venue_schedule(state, state.now_ms + funding.sample_ms, PHASE_FUNDING, EVENT_PREMIUM, slot, 0, 0)
    if base == NO_PRICE:
        return
    bid = impact_price(state, market, 0, funding.impact_atoms)
    ask = impact_price(state, market, 1, funding.impact_atoms)
    if bid >= 0:
        premium = max64(0, bid - base * MICRO)
    if ask >= 0:
        premium -= max64(0, base * MICRO - ask)
    premium_accrue(funding, state.now_ms)
    mul_div_floor(premium, PPB / MICRO, base, &funding.sample_ppb)
    funding.sampled_ms = state.now_ms


# ---- rate (F-2) ----

cdef inline int64_t premium_mean(Funding* funding) noexcept nogil:
    """P_avg, rounded down. Needs: weight_ms > 0."""
    cdef int64_t mean[2]
    mean[0] = funding.premium[0]
    mean[1] = funding.premium[1]
    wide_fade(mean, 1, funding.weight_ms)
    return mean[0]                       # a mean of int64 is one: the low word says it


# Rate of one settlement, rounded to nearest, half away from zero, within the cap (F-2). Cannot fail. O(1).
cdef inline int64_t funding_rate(Funding* funding) noexcept nogil:
    cdef int64_t mean = premium_mean(funding), rate, twice
    rate = mean + max64(-funding.clamp_ppb, min64(funding.interest_ppb - mean, funding.clamp_ppb))
    if mul_div_floor(abs64(rate), 2 * funding.every_ms, EIGHT_HOURS_MS, &twice) or twice > 2 * funding.cap_ppb:
        twice = 2 * funding.cap_ppb
    return -((twice + 1) >> 1) if rate < 0 else (twice + 1) >> 1


# ---- settlement (F-3, F-5, F-6) ----

cdef inline int compare_settling(const void* x, const void* y) noexcept nogil:
    cdef uint32_t a = (<const Settling*>x).account, b = (<const Settling*>y).account
    return (a > b) - (a < b)             # an account has one holding in a market


# List the market's positions by account, with the sum of what they are worth. 1 without memory (latched), or if the sum is beyond the
# bound. O(holdings of the market, and sorting them).
cdef inline bint positions_list(State* state, Market* market, int64_t price, Slab* rows, atoms_t* total) noexcept nogil:
    cdef slot_t slot = market.holdings
    cdef Holding* holding
    cdef Settling* row
    total[0] = 0
    while slot != NIL:
        holding = holding_at(&state.accounts, slot)
        if holding.position_lots:
            if slab_reserve(rows, 1):
                state.fault = FAULT_NO_MEMORY
                return 1
            row = <Settling*>slab_at(rows, slab_take(rows))
            row.account = holding.account
            row.holding = slot
            total[0] = add_saturating(total[0], abs64(notional_atoms(market, holding.position_lots, price)))
        slot = holding.next_in_market
    if rows.count > 1:
        qsort(rows.base, rows.count, sizeof(Settling), &compare_settling)
    return total[0] > SETTLED_MOST


# One position pays `rate` on its worth: the payer rounded up, the receiver (below 0) rounded down (F-3). Cannot fail. O(markets and
# orders of the account).
cdef inline void funding_pay(State* state, Market* market, uint32_t market_id, slot_t slot, int64_t price, int64_t rate) noexcept nogil:
    cdef Holding* holding = holding_at(&state.accounts, slot)
    cdef uint32_t account = holding.account
    cdef slot_t unit = holding.unit
    cdef bint is_isolated = unit != NIL and unit_of_state(state, unit).holding != NIL
    cdef atoms_t paid = 0
    mul_div_ceil(notional_atoms(market, holding.position_lots, price), rate, PPB, &paid)
    if paid == 0:
        return
    market.funding_pool += paid
    if is_isolated:
        unit_of_state(state, unit).margin_atoms -= paid
    else:
        balance_at(&state.ledger, account, market.quote_asset).atoms -= paid
    note_movement(state, MOVEMENT_FUNDING, market_id, <int32_t>account, CLEARING, market.quote_asset, paid)
    if unit != NIL:
        unit_wrote(state, unit)
    elif paid > 0 and balance_at(&state.ledger, account, market.quote_asset).atoms < 0:
        backstop_look(state, market.venue)   # it realises gains, or is relieved (X-9)
    if paid > 0 and not is_isolated:
        account_defund(state, account, market.quote_asset, market_id, 0)


cdef inline void pay_ahead(State* state, Slab* rows, uint32_t i) noexcept nogil:
    """Fetch what the payments after this one touch: holdings two stages before their units and balances."""
    cdef Settling* row = <Settling*>(rows.base)
    if i + 2 * PAY_AHEAD < rows.count:
        prefetch(holding_at(&state.accounts, row[i + 2 * PAY_AHEAD].holding))
        prefetch(account_at(&state.accounts, row[i + 2 * PAY_AHEAD].account))
        prefetch(purse_at(&state.ledger, row[i + 2 * PAY_AHEAD].account))
    if i + PAY_AHEAD < rows.count:
        prefetch(balance_row(&state.ledger, purse_at(&state.ledger, row[i + PAY_AHEAD].account).first))
        if holding_at(&state.accounts, row[i + PAY_AHEAD].holding).unit != NIL:
            prefetch(unit_of_state(state, holding_at(&state.accounts, row[i + PAY_AHEAD].holding).unit))


# Settle an interval that can be settled, from the list of positions; 0, and nothing has moved, if its bound would be passed (F-6).
# O(positions and their accounts' markets).
cdef inline bint positions_pay(State* state, Funding* funding, int64_t price, Slab* rows, atoms_t total) noexcept nogil:
    cdef Market* market = market_at(state, funding.market)
    cdef Settling* row = <Settling*>(rows.base)
    cdef int64_t rate = funding_rate(funding)
    cdef atoms_t bound = 0
    cdef uint32_t i
    mul_div_ceil(total, abs64(rate), PPB, &bound)
    bound += rows.count
    if bound > PAID_MOST - funding.paid_bound:
        return 0
    funding.paid_bound += bound
    market.funding_ppb = rate
    venue_journal(state, JOURNAL_FUNDING, funding.market, -1, rate, 0, 0, 0, price, 0)
    for i in range(rows.count):
        pay_ahead(state, rows, i)
        funding_pay(state, market, funding.market, row[i].holding, price, rate)
    return 1


# A market's funding time (phase 3): settle its interval or skip it, and begin the next one. O(positions and their accounts' markets).
cdef inline void funding_settle(State* state, uint32_t slot) noexcept nogil:
    cdef Funding* funding = funding_at(state, slot)
    cdef Market* market = market_at(state, funding.market)
    cdef int64_t price = market.oracle_ticks if funding.on_oracle else market.mark_ticks
    cdef atoms_t total
    cdef bint is_settled = 0
    cdef Slab rows
    premium_accrue(funding, state.now_ms)
    slab_init(&rows, sizeof(Settling), 0)
    if funding.weight_ms > 0 and is_fresh(state, market, price, market.oracle_ms if funding.on_oracle else market.mark_ms) \
            and not positions_list(state, market, price, &rows, &total):
        is_settled = positions_pay(state, funding, price, &rows, total)
    slab_release(&rows)
    if not is_settled:
        venue_journal(state, JOURNAL_FUNDING, funding.market, -1, 0, 0, 0, 0, 0, 0)
    funding.premium[0] = funding.premium[1] = 0
    funding.weight_ms = 0
    market.funding_next_ms = venue_schedule(state, state.now_ms + funding.every_ms, PHASE_FUNDING, EVENT_FUNDING, slot, 0, 0)


# Begin a market's funding: `draft` is checked, its memory is reserved. Returns its slot. O(1).
cdef inline slot_t funding_begin(State* state, const Funding* draft, time_ms_t first_ms) noexcept nogil:
    cdef slot_t slot = slab_take(&state.fundings)
    cdef Market* market = market_at(state, draft.market)
    funding_at(state, slot)[0] = draft[0]
    funding_at(state, slot).sampled_ms = -1
    market.funding_every_ms = draft.every_ms
    venue_schedule(state, state.now_ms, PHASE_FUNDING, EVENT_PREMIUM, slot, 0, 0)
    market.funding_next_ms = venue_schedule(state, first_ms, PHASE_FUNDING, EVENT_FUNDING, slot, 0, 0)
    return slot
