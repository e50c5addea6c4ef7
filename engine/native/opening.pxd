# Opening: balanced trades outside the book, without fees (L-9).
#
# Stands on: venue. Promises: one that is refused changes nothing.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.arming cimport *
from engine.native.book cimport *
from engine.native.market cimport *
from engine.native.risk cimport *
from engine.native.settle cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *
from engine.native.venue cimport *

cdef enum OpeningFault:
    OPENING_GOOD = 0
    OPENING_MARKET = 1           # no perpetual
    OPENING_VENUE = 2            # an account of another venue
    OPENING_SELF = 3             # buyer and seller are one
    OPENING_LOTS = 4
    OPENING_PRICE = 5
    OPENING_NOTIONAL = 6
    OPENING_EXPOSURE = 7         # U-10
    OPENING_CASH = 8             # an account that may not hold this perpetual
    OPENING_ACCOUNT = 9          # no trader


cdef inline bint is_trader(State* state, uint32_t account) noexcept nogil:
    """Whether an account is there and is none of a venue's own (V-7), nor a pool's or route's (Z-16, K-1)."""
    cdef uint32_t i
    if account >= state.ledger.account_count or account < SYSTEM_ACCOUNTS or account_at(&state.accounts, account).is_closed:
        return 0
    for i in range(1, state.venues.count):
        if account - venue_at(state, i).accounts < SYSTEM_ACCOUNTS:
            return 0
    return 1


cdef inline int opening_side(State* state, uint32_t market_id, uint32_t account, qty_t lots, atoms_t worth) noexcept nogil:
    """Why an account may not take a side of an opening trade, OPENING_GOOD if it may."""
    cdef slot_t slot
    cdef Desk desk
    if not is_trader(state, account):
        return OPENING_ACCOUNT
    if account_at(&state.accounts, account).venue != market_at(state, market_id).venue:
        return OPENING_VENUE
    if not may_hold(state, account, market_at(state, market_id)):
        return OPENING_CASH
    slot = holding_find(&state.accounts, account, market_id)
    if lots > EXPOSURE_MAX or worth > EXPOSURE_MAX:
        return OPENING_EXPOSURE
    if slot == NIL:
        return OPENING_GOOD
    desk = desk_read(&state.accounts, slot)
    if abs64(holding_at(&state.accounts, slot).position_lots) + desk.bid_lots + desk.ask_lots > EXPOSURE_MAX - lots \
            or worth > EXPOSURE_MAX - abs64(holding_at(&state.accounts, slot).cost_atoms) - desk.working_atoms:
        return OPENING_EXPOSURE
    return OPENING_GOOD


# Why a trade cannot be opened, OPENING_GOOD if it can; *seller_is_wrong says which side an account's fault is of. O(markets of both).
cdef inline outlined_int opening_fault(State* state, uint32_t market_id, uint32_t buyer, uint32_t seller, qty_t lots, int64_t price,
                                       bint* seller_is_wrong) noexcept nogil:
    cdef Market* market
    cdef int64_t product
    cdef int fault
    seller_is_wrong[0] = 0
    if market_id >= state.markets.count or market_at(state, market_id).kind != MARKET_PERPETUAL:
        return OPENING_MARKET
    market = market_at(state, market_id)
    if lots < 1 or lots > market.book.qty_max:
        return OPENING_LOTS
    if price < market.book.price_min or price > market.book.price_max:
        return OPENING_PRICE
    if mul_overflows(lots, price, &product) or product > market.book.notional_max:
        return OPENING_NOTIONAL
    fault = opening_side(state, market_id, buyer, lots, notional_atoms(market, lots, price))
    if fault:
        return fault
    fault = opening_side(state, market_id, seller, lots, notional_atoms(market, lots, price))
    seller_is_wrong[0] = fault != OPENING_GOOD
    if fault == OPENING_GOOD and buyer == seller:
        return OPENING_SELF
    return fault


# Open a trade that opening_fault has found good; openings_end ends the call. Without memory the fault is latched. O(markets of both accounts).
cdef inline outlined_int opening_make(State* state, uint32_t market_id, uint32_t buyer, uint32_t seller, qty_t lots, int64_t price) noexcept nogil:
    cdef Market* market = market_at(state, market_id)
    if holding_open(state, buyer, market_id) == NIL or holding_open(state, seller, market_id) == NIL:
        state.fault = FAULT_NO_MEMORY
        return 0
    state.recorder.is_opening = 1
    settle_side(state, market, buyer, market_id, 1, lots, price, 0)
    settle_side(state, market, seller, market_id, -1, lots, price, 0)
    state.recorder.is_opening = 0
    venue_journal(state, JOURNAL_OPEN, market_id, <int32_t>buyer, seller, 0, 0, 0, price, lots)
    account_defund(state, buyer, market.quote_asset, market_id, 0)
    account_defund(state, seller, market.quote_asset, market_id, 0)
    venue_trim(state, buyer, market_id, 0)
    venue_trim(state, seller, market_id, 0)
    return 0


# All opening trades of a call are booked: look at the units of both sides, each once (E-4). O(units and their markets).
cdef inline outlined_int openings_end(State* state) noexcept nogil:
    cdef uint32_t* later = <uint32_t*>state.risk.later.base
    cdef uint32_t i, count = state.risk.later.count
    state.recorder.is_opening = 1
    for i in range(count):
        units_ahead(state, later, i, count)
        unit_of_state(state, later[i]).flags &= ~UNIT_LATER
        unit_wrote(state, later[i])
    state.recorder.is_opening = 0
    state.risk.later.count = 0
    return 0
