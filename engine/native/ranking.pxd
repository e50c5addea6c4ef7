# Ranking: who is closed first when a position has to go, among those who hold the other side of a market (X-12).
#
#   holders of the side -> score in ppb, one rule each -> sorted, hung one behind the other (Holding.rank_next)
#
# Stands on: bankruptcy, policy. A ranking stands for its millisecond or `rank_ms`; each candidate is looked at again when its turn comes.

from libc.stdlib cimport qsort
from libc.string cimport memcpy

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.bankruptcy cimport *
from engine.native.book cimport NO_PRICE
from engine.native.health cimport *
from engine.native.ledger cimport *
from engine.native.margin_sums cimport unit_standing
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.policy cimport *
from engine.native.risk cimport *
from engine.native.rng cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *

cdef enum:
    SIDE_OF_SHORTS = 0           # Market.rank_first, by the candidates' side
    SIDE_OF_LONGS = 1
    CANDIDATE_MANY = 16          # markets from which on a candidate's sums are kept for the next ranking
    UNRANKED_MOST = 500          # candidates that ADL without a ranking looks at for a position
    ROSTER_AHEAD = 16            # holdings fetched ahead
    HOLDERS_AHEAD = 6            # units fetched ahead

# A holder of the other side, and what the rules look at.
cdef struct Candidate:
    int64_t score                # higher first
    atoms_t pnl                  # unrealised, in this market
    atoms_t equity               # of its unit, as its venue computes it
    atoms_t requirement
    slot_t holding
    uint32_t account


# Whether a holding is a candidate on a side (1 longs), and then what it has: in a unit that is known, not in liquidation, not under water.
# Needs: the market has a mark. O(markets of its account).
cdef inline bint candidate_look(State* state, Market* market, slot_t slot, bint longs, Candidate* out) noexcept nogil:
    cdef Holding* holding = holding_at(&state.accounts, slot)
    cdef Health health
    if holding.position_lots == 0 or (holding.position_lots > 0) != longs or holding.unit == NIL \
            or (unit_of_state(state, holding.unit).liquidation and not planted(SLIP_LIQUIDATED_IS_MET)):
        return 0
    unit_standing(state, holding.unit, CANDIDATE_MANY, &health)
    if not health.is_known or health.equity < 0:
        return 0
    out.pnl = notional_atoms(market, holding.position_lots, market.mark_ticks) - holding.cost_atoms
    out.equity = health.equity
    out.requirement = health.requirement
    out.holding = slot
    out.account = holding.account
    return 1


# ---- who holds a market ----

# Bring a market's roster up to date: all its holdings in one stretch, so that a walk can fetch ahead (the list from one to the next costs a
# miss each: a third of a cascade's time). 0 without memory, and then nothing is lost. O(holdings made since), amortised.
cdef inline bint roster_update(State* state, Market* market) noexcept nogil:
    cdef Slab* roster = &state.roster
    cdef slot_t slot = market.holdings
    cdef uint32_t fresh = 0, room, first
    while slot != NIL and slot != market.roster_head:
        fresh += 1
        slot = holding_at(&state.accounts, slot).next_in_market
    if fresh == 0:
        return 1
    if market.roster_count + fresh > market.roster_room:
        room = 2 * (market.roster_count + fresh)
        if slab_grow_to(roster, <uint64_t>roster.count + room):
            return 0
        first = roster.count
        roster.count += room
        memcpy(<uint32_t*>(roster.base) + first, <uint32_t*>(roster.base) + market.roster_first, market.roster_count * 4)
        market.roster_first = first
        market.roster_room = room
    slot = market.holdings
    while fresh:
        fresh -= 1
        (<uint32_t*>(roster.base))[market.roster_first + market.roster_count] = slot
        market.roster_count += 1
        slot = holding_at(&state.accounts, slot).next_in_market
    market.roster_head = market.holdings
    return 1


# The holdings of a market with a unit and a position on a side (1 longs, 0 shorts). 0 without memory. O(holdings of the market).
cdef inline bint holders_collect(State* state, uint32_t market_id, bint longs, Slab* out) noexcept nogil:
    cdef Market* market = market_at(state, market_id)
    cdef uint32_t i
    cdef uint32_t* row
    cdef Holding* holding
    if not roster_update(state, market) or slab_reserve(out, market.roster_count):
        return 0
    row = <uint32_t*>(state.roster.base) + market.roster_first
    for i in range(market.roster_count):
        if i + ROSTER_AHEAD < market.roster_count:
            prefetch(holding_at(&state.accounts, row[i + ROSTER_AHEAD]))
        holding = holding_at(&state.accounts, row[i])
        if holding.position_lots and (holding.position_lots > 0) == longs and holding.unit != NIL:
            (<uint32_t*>out.base)[slab_take(out)] = row[i]
    return 1


cdef inline void holders_ahead(State* state, Slab* holders, uint32_t i) noexcept nogil:
    """Fetch what the evaluations after this one read, stage by stage: units, then accounts and purses, then balances and first holdings."""
    cdef uint32_t* row = <uint32_t*>holders.base
    cdef uint32_t account
    if i + 3 * HOLDERS_AHEAD < holders.count:
        prefetch(unit_of_state(state, holding_at(&state.accounts, row[i + 3 * HOLDERS_AHEAD]).unit))
        account = holding_at(&state.accounts, row[i + 3 * HOLDERS_AHEAD]).account
        prefetch(account_at(&state.accounts, account))
        prefetch(purse_at(&state.ledger, account))
    if i + HOLDERS_AHEAD < holders.count:
        account = holding_at(&state.accounts, row[i + HOLDERS_AHEAD]).account
        if account_at(&state.accounts, account).holdings != NIL:
            prefetch(holding_at(&state.accounts, account_at(&state.accounts, account).holdings))
        if purse_at(&state.ledger, account).first != NIL:
            prefetch(balance_row(&state.ledger, purse_at(&state.ledger, account).first))
    keep()


# ---- scores ----

cdef inline int64_t ratio_ppb(int64_t a, int64_t b) noexcept nogil:
    """floor(a * 10^9 / max(1, b)), held at +-2^62."""
    cdef int64_t out
    if mul_div_floor(a, 1000000000, max64(1, b), &out) or abs64(out) > MONEY_BOUND:
        return MONEY_BOUND if a > 0 else -MONEY_BOUND
    return out


cdef inline int64_t product_ppb(int64_t a, int64_t b) noexcept nogil:
    """floor(a * b / 10^9), held at +-2^62."""
    cdef int64_t out
    if mul_div_floor(a, b, 1000000000, &out) or abs64(out) > MONEY_BOUND:
        return MONEY_BOUND if (a > 0) == (b > 0) else -MONEY_BOUND
    return out


cdef inline atoms_t wallet_of(State* state, Candidate* candidate) noexcept nogil:
    """The money of a candidate's unit without unrealised PnL (UNIFIED: without that of this market)."""
    cdef Unit* unit = unit_of_state(state, holding_at(&state.accounts, candidate.holding).unit)
    if unit.holding != NIL:
        return unit.margin_atoms
    if account_at(&state.accounts, unit.account).mode == MODE_UNIFIED:
        return candidate.equity - candidate.pnl
    return balance_at(&state.ledger, unit.account, unit.asset).atoms


# The score of a candidate under a rule (X-12); unranked: the distance from the account that was drawn. O(1).
cdef inline int64_t candidate_score(State* state, uint32_t rule, Market* market, Candidate* candidate, uint32_t drawn) noexcept nogil:
    cdef Holding* holding = holding_at(&state.accounts, candidate.holding)
    cdef atoms_t notional = abs64(notional_atoms(market, holding.position_lots, market.mark_ticks)), cost = abs64(holding.cost_atoms)
    cdef int64_t profit, leverage = ratio_ppb(notional, candidate.equity)
    if rule == ADL_BINANCE:
        profit = ratio_ppb(max64(0, candidate.pnl), wallet_of(state, candidate))
        return product_ppb(profit, ratio_ppb(candidate.requirement, candidate.equity) if candidate.equity > 0 else 0)
    if rule == ADL_HYPERLIQUID or (rule == ADL_HYPERLIQUID_ADJUSTED and holding.position_lots > 0):
        return product_ppb(ratio_ppb(notional, cost), leverage)
    if rule == ADL_HYPERLIQUID_ADJUSTED:
        return product_ppb(ratio_ppb(cost, notional), leverage)
    if rule == ADL_BYBIT:
        return product_ppb(ratio_ppb(candidate.pnl, cost), leverage)
    if rule == ADL_UNRANKED:
        return -<int64_t>(candidate.account - drawn if candidate.account >= drawn else candidate.account + state.ledger.account_count - drawn)
    return 0


# ---- the list ----

cdef inline int compare_candidates(const void* x, const void* y) noexcept nogil:
    """Higher score first, ties by account id."""
    cdef const Candidate* a = <const Candidate*>x
    cdef const Candidate* b = <const Candidate*>y
    if a.score != b.score:
        return -1 if a.score > b.score else 1
    if planted(SLIP_TIES_BY_SLOT):
        return -1 if a.holding < b.holding else 1
    return -1 if a.account < b.account else 1


# All candidates of a side of a market, in the order of a rule. 0 without memory (latched). O(holders log holders, and their markets).
cdef inline bint candidates_collect(State* state, uint32_t market_id, bint longs, uint32_t rule, Slab* out) noexcept nogil:
    cdef Market* market = market_at(state, market_id)
    cdef Slab holders
    cdef Candidate candidate
    cdef uint64_t bits
    cdef uint32_t drawn = 0, i
    cdef bint is_good
    if rule == ADL_UNRANKED and not planted(SLIP_DRAW_FORGOTTEN):
        bits = draw_bits_on(stream_of(state.seed, policy_at(state, market.venue).draw_key), PURPOSE_ADL, state.now_ms, 0 if longs else 1, market_id)
        drawn = <uint32_t>integer_below(bits, state.ledger.account_count)
    slab_init(&holders, 4, 0)
    is_good = holders_collect(state, market_id, longs, &holders) and slab_reserve(out, holders.count) == 0
    for i in range(holders.count if is_good else 0):
        holders_ahead(state, &holders, i)
        if candidate_look(state, market, (<uint32_t*>holders.base)[i], longs, &candidate):
            candidate.score = candidate_score(state, rule, market, &candidate, drawn)
            (<Candidate*>slab_at(out, slab_take(out)))[0] = candidate
    slab_release(&holders)
    if not is_good:
        state.fault = FAULT_NO_MEMORY
        return 0
    if out.count > 1:
        qsort(out.base, out.count, sizeof(Candidate), &compare_candidates)
    return 1


cdef inline void ranking_hang(State* state, uint32_t market_id, bint longs, Slab* ranked) noexcept nogil:
    """Candidates, best first, become the ranking of a side from now on. O(candidates)."""
    cdef slot_t* link = &market_at(state, market_id).rank_first[longs]
    cdef uint32_t i
    for i in range(ranked.count):
        link[0] = (<Candidate*>slab_at(ranked, i)).holding
        link = &holding_at(&state.accounts, link[0]).rank_next
    link[0] = NIL
    market_at(state, market_id).ranked_ms[longs] = state.now_ms


cdef inline bint ranking_stands(State* state, uint32_t market_id, bint longs, time_ms_t rank_ms) noexcept nogil:
    """Whether the ranking of a side may still be used: it is young enough, and not used up unless it is of this millisecond."""
    cdef Market* market = market_at(state, market_id)
    if market.ranked_ms[longs] < 0 or state.now_ms - market.ranked_ms[longs] > rank_ms + planted(SLIP_RANKING_OUTLIVES):
        return 0
    return market.rank_first[longs] != NIL or market.ranked_ms[longs] == state.now_ms


# Make the ranking of a side unless one stands. O(holders log holders) then.
cdef inline void ranking_make(State* state, uint32_t market_id, bint longs, Policy* policy) noexcept nogil:
    cdef Slab ranked
    if ranking_stands(state, market_id, longs, policy.rank_ms):
        return
    slab_init(&ranked, sizeof(Candidate), 0)
    if candidates_collect(state, market_id, longs, policy.adl, &ranked):
        ranking_hang(state, market_id, longs, &ranked)
    slab_release(&ranked)
