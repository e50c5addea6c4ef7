# Account: what a trade does to a position.
#
# Stands on: market. Positions are lots and a signed cost; entry prices are derived, never stored (L-5, L-6).

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.market cimport *

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
        position_change(market, holding, -held_sign * closing)
    lots -= closing
    position_change(market, holding, sign * lots)
    holding.cost_atoms += sign * notional_atoms(market, lots, price)
    return realised
