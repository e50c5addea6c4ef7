# Account: positions and the margin of an account.
#
# Stands on: market. Positions are lots and a signed cost; entry prices are derived, never stored (L-5, L-6). Equity and
# maintenance are in atoms of the settlement asset, each term rounded against the account (X-1).

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport NO_PRICE
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.slab cimport *

cdef struct Health:
    atoms_t equity               # balance + unrealised PnL
    atoms_t maintenance          # sum of requirements
    atoms_t notional             # sum of |position| at mark
    slot_t largest               # holding with the largest notional, NIL if there is none with a mark
    bint is_flat                 # no position at all
    bint is_known                # every position has a mark


# Book one side of a perpetual trade into a holding: close against the position first, then open (L-5, L-6). Returns
# the realised PnL, which the caller moves between balance and clearing. Cannot fail. O(1).
cdef inline atoms_t position_apply(Market* market, Holding* holding, int sign, qty_t lots, int64_t price) noexcept nogil:
    cdef qty_t held = abs64(holding.position_lots), closing = 0
    cdef atoms_t released = 0, realised = 0
    cdef int held_sign = 1 if holding.position_lots > 0 else -1
    if held and held_sign != sign:
        closing = min64(lots, held)
        mul_div_ceil(holding.cost_atoms, closing, held, &released)
        realised = held_sign * notional_atoms(market, closing, price) - released
        holding.cost_atoms -= released
        holding.position_lots -= held_sign * closing
    lots -= closing
    holding.position_lots += sign * lots
    holding.cost_atoms += sign * notional_atoms(market, lots, price)
    return realised


# Equity and requirement of an account at the published marks (X-1). Reads only. O(markets of the account).
cdef inline void account_health(Ledger* ledger, Accounts* accounts, Market* markets, uint32_t account, uint32_t settle,
                                Health* out) noexcept nogil:
    cdef slot_t slot = account_at(accounts, account).holdings
    cdef Holding* holding
    cdef Market* market
    cdef atoms_t notional, requirement = 0, largest = -1
    out.equity = balance_at(ledger, account, settle).atoms
    out.maintenance = out.notional = 0
    out.largest = NIL
    out.is_known = out.is_flat = 1
    while slot != NIL:
        holding = holding_at(accounts, slot)
        market = &markets[holding.market]
        if holding.position_lots and market.quote_asset == settle:
            out.is_flat = 0
            if market.mark_ticks == NO_PRICE:
                out.is_known = 0
            else:
                notional = notional_atoms(market, abs64(holding.position_lots), market.mark_ticks)
                mul_div_ceil(notional, market.maintenance_ppm, 1000000, &requirement)
                out.equity = add_saturating(out.equity, notional_atoms(market, holding.position_lots, market.mark_ticks) - holding.cost_atoms)
                out.maintenance = add_saturating(out.maintenance, requirement)
                out.notional = add_saturating(out.notional, notional)
                if notional > largest:
                    largest = notional
                    out.largest = slot
        slot = holding.next_of_account


cdef inline bint health_breaches(Health* health) noexcept nogil:
    """Equity below maintenance, strictly (X-2); an account with an unpublished mark never does."""
    return health.is_known and health.largest != NIL and health.equity < health.maintenance
