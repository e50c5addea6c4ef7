# Liquidation, preset "plain" (X-1 .. X-6): margin check, staged reduction into the live book, write-off.
#
#   mark published -> phase 4: who breaches? sorted by (margin ratio, account) -> phase 5: step -> phase 8: cancel, market order
#                                                                     ^------ stage_interval_ms ------'
# Stands on: venue. Promises: nobody is liquidated who does not breach at the step's marks; a step reduces and never
# flips; the engine reaches a book only by putting commands into the queue.

from libc.stdlib cimport qsort

from engine.native.types cimport *
from engine.native.account cimport *
from engine.native.arith cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.prices cimport Publication
from engine.native.publish cimport publication_at
from engine.native.recorder cimport *
from engine.native.rows cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.venue cimport *

# One account that a margin check found, with what orders it.
cdef struct Breach:
    atoms_t equity
    atoms_t notional         # > 0
    uint32_t account
    uint32_t pad


cdef inline int compare_breaches(const void* x, const void* y) noexcept nogil:
    """Margin ratio ascending, then account id (X-3); ratios by cross-multiplication."""
    cdef const Breach* a = <const Breach*>x
    cdef const Breach* b = <const Breach*>y
    cdef int order = cmp_products(a.equity, b.notional, b.equity, a.notional)
    if order:
        return order
    return -1 if a.account < b.account else 1


cdef inline bint collect_breaches(State* state, uint32_t market_id, Slab* found) noexcept nogil:
    """Every healthy-until-now account with a position in the market that breaches. 1 without memory."""
    cdef Market* market = market_at(state, market_id)
    cdef slot_t slot = market.holdings
    cdef Holding* holding
    cdef Health health
    cdef Breach* breach
    while slot != NIL:
        holding = holding_at(&state.accounts, slot)
        if holding.position_lots and not account_at(&state.accounts, holding.account).liquidation:
            account_health(&state.ledger, &state.accounts, <Market*>state.markets.base, holding.account, market.quote_asset, &health)
            if health_breaches(&health):
                if slab_reserve(found, 1):
                    return 1
                breach = <Breach*>slab_at(found, slab_take(found))
                breach.equity = health.equity
                breach.notional = health.notional
                breach.account = holding.account
        slot = holding.next_in_market
    return 0


# Margin check of a market after a mark (phase 4). Each account found gets a landmark and a step in phase 5, the worst
# first. O(positions of the market): the exact trigger index takes this scan's place in a later version.
cdef inline void liquidation_check(State* state, uint32_t market_id, slot_t publication_slot) noexcept nogil:
    cdef Slab found
    cdef uint32_t i, published, liquidation
    cdef Breach* breach
    cdef Publication publication = publication_at(state, publication_slot)[0]
    slab_give(&state.publications, publication_slot)
    slab_init(&found, sizeof(Breach), 0)
    if collect_breaches(state, market_id, &found):
        state.fault = FAULT_NO_MEMORY
    elif found.count:
        qsort(found.base, found.count, sizeof(Breach), &compare_breaches)
        published = venue_landmark(state, LANDMARK_PUBLICATION, market_id, -1, publication.mover.cause, publication.price_ticks)
        landmark_at(&state.lineage, published).mover = publication.mover
        for i in range(found.count):
            breach = <Breach*>slab_at(&found, i)
            liquidation = venue_landmark(state, LANDMARK_LIQUIDATION, market_id, <int32_t>breach.account, published, breach.equity)
            account_at(&state.accounts, breach.account).liquidation = liquidation
            tell(state, HEARS_ENDS, NOTICE_LIQUIDATION, breach.account, market_id, NIL, 0, 0, 0, publication.price_ticks, 0, 0, liquidation, 0)
            venue_schedule(state, state.now_ms, PHASE_LIQUIDATION, EVENT_STEP, breach.account, market_id, liquidation)
    slab_release(&found)


# A liquidation step (phase 5): leave if healthy or flat, else cancel the account's orders and send one market order that
# reduces its largest position (X-4, X-5). O(markets of the account).
cdef inline void liquidation_step(State* state, uint32_t account, uint32_t market_id) noexcept nogil:
    cdef uint32_t settle = market_at(state, market_id).quote_asset, step, landmark = account_at(&state.accounts, account).liquidation
    cdef Health health
    cdef Holding* holding
    cdef Venue* venue
    cdef qty_t held, stage = 0
    account_health(&state.ledger, &state.accounts, <Market*>state.markets.base, account, settle, &health)
    if health.is_flat:
        if health.equity < 0:
            venue_schedule(state, state.now_ms, PHASE_BACKSTOP, EVENT_COVER, account, market_id, landmark)
        else:
            account_at(&state.accounts, account).liquidation = 0
        return
    if not health.is_known:          # wait for the mark (X-2)
        venue_schedule(state, state.now_ms + venue_of(state, market_id).stage_interval_ms, PHASE_LIQUIDATION, EVENT_STEP, account, market_id, landmark)
        return
    if not health_breaches(&health):
        account_at(&state.accounts, account).liquidation = 0
        return
    holding = holding_at(&state.accounts, health.largest)
    held = abs64(holding.position_lots)
    venue = venue_of(state, holding.market)
    mul_div_ceil(held, venue.stage_ppm, 1000000, &stage)
    stage = min64(min64(max64(stage, venue.stage_lots_min), held), market_at(state, holding.market).book.qty_max)
    step = venue_landmark(state, LANDMARK_STEP, holding.market, <int32_t>account, landmark, stage)
    venue_schedule(state, state.now_ms, PHASE_ORDERS, EVENT_CANCEL_ACCOUNT, account, 0, step)
    venue_send(state, account, holding.market, SIDE_SELL if holding.position_lots > 0 else SIDE_BUY,
               ORDER_IS_MARKET | ORDER_OF_ENGINE, 0, stage, state.now_ms, step)
    venue_schedule(state, state.now_ms + venue_of(state, market_id).stage_interval_ms, PHASE_LIQUIDATION, EVENT_STEP, account, market_id, landmark)


# A flat account under water is brought to exactly 0 from the bad-debt account (phase 6, L-10). O(1).
cdef inline void liquidation_cover(State* state, uint32_t account, uint32_t market_id, uint32_t cause) noexcept nogil:
    cdef uint32_t settle = market_at(state, market_id).quote_asset, landmark = account_at(&state.accounts, account).liquidation
    cdef uint32_t payer
    cdef atoms_t shortfall = -balance_at(&state.ledger, account, settle).atoms
    if landmark and landmark != cause:
        return                           # another liquidation has begun since, and will see to it
    if not account_is_flat(state, account, settle):
        if landmark:                     # a position was opened since: go on liquidating
            venue_schedule(state, state.now_ms, PHASE_LIQUIDATION, EVENT_STEP, account, market_id, landmark)
        return
    account_at(&state.accounts, account).liquidation = 0
    if shortfall <= 0:
        return
    venue_landmark(state, LANDMARK_BAD_DEBT, market_id, <int32_t>account, landmark if landmark else cause, shortfall)
    payer = venue_of(state, market_id).accounts + ACCOUNT_BAD_DEBT
    venue_journal(state, JOURNAL_WRITE_OFF, settle, <int32_t>account, payer, 0, 0, 0, 0, shortfall)
    move_atoms(state, MOVEMENT_WRITE_OFF, NO_MARKET, payer, account, settle, shortfall)
