# Isolated: the money of one position (L-11): it comes from the balance as the position grows and goes back as it shrinks.
#
# Stands on: arming. A loss stays within it: a position that is closed under water leaves its margin below 0, and L-10 covers that, not
# the balance.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.health cimport *
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.risk cimport *
from engine.native.schedule cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *


cdef inline slot_t isolated_unit(State* state, uint32_t account, uint32_t market_id) noexcept nogil:
    """The unit of an isolated position, NIL where the account has none there. O(markets of the account)."""
    cdef slot_t slot = NIL
    if account_at(&state.accounts, account).mode == MODE_ISOLATED:
        slot = holding_find(&state.accounts, account, market_id)
    return holding_at(&state.accounts, slot).unit if slot != NIL else NIL


cdef inline bint isolated_is_under(State* state, Unit* unit) noexcept nogil:
    """An isolated position is closed and has lost more than its margin: L-10 covers that, not the balance."""
    return unit.margin_atoms < 0 and holding_at(&state.accounts, unit.holding).position_lots == 0


cdef inline atoms_t isolated_need(State* state, Market* market, Unit* unit, qty_t lots, int64_t price) noexcept nogil:
    """Margin of so many lots at a price: the initial requirement, the share that the chosen leverage asks; with neither, all of it."""
    if is_gated(market, unit):
        return initial_at(state, market, unit, lots, price)
    return notional_atoms(market, lots, price)


cdef inline void isolated_move(State* state, Unit* unit, atoms_t atoms) noexcept nogil:
    """Move atoms from the balance to the margin, or back. Cannot fail."""
    unit.margin_atoms += atoms
    balance_at(&state.ledger, unit.account, unit.asset).atoms -= atoms


# An isolated position has traded from `before` lots to what it is now, and its realised PnL is in its margin: what was closed releases
# its share of the margin (floor), what was opened brings its own as far as the balance has it. Cannot fail. O(tiers).
cdef inline outlined_int isolated_settle(State* state, Market* market, Unit* unit, qty_t before, int64_t price) noexcept nogil:
    cdef qty_t now = holding_at(&state.accounts, unit.holding).position_lots, held = abs64(before), kept
    cdef Balance* balance = balance_at(&state.ledger, unit.account, unit.asset)
    cdef atoms_t share = 0
    kept = min64(held, abs64(now)) if (now > 0) == (before > 0) else 0
    if held > kept and unit.margin_atoms > 0:
        mul_div_floor(unit.margin_atoms, held - kept, held, &share)
        isolated_move(state, unit, -share)
    if abs64(now) > kept:
        share = isolated_need(state, market, unit, abs64(now), price) - isolated_need(state, market, unit, kept, price)
        isolated_move(state, unit, max64(0, min64(share, balance.atoms - balance.reserved)))
    return 0


# What an isolated account's resting orders will bring into margins, beyond what its positions have. O(markets of the account).
cdef inline atoms_t isolated_promised(State* state, uint32_t account, uint32_t asset) noexcept nogil:
    cdef slot_t slot = account_at(&state.accounts, account).units
    cdef Unit* unit
    cdef Holding* holding
    cdef Market* market
    cdef atoms_t promised = 0
    cdef int64_t mark
    while slot != NIL:
        unit = unit_of_state(state, slot)
        slot = unit.next
        if unit.holding == NIL or unit.asset != asset:
            continue
        holding = holding_at(&state.accounts, unit.holding)
        market = market_at(state, holding.market)
        mark = market.mark_ticks
        if holding.desk == NIL or mark == NO_PRICE:
            continue
        promised = add_saturating(promised, isolated_need(state, market, unit, lots_with_orders(state, holding), mark)
                                  - isolated_need(state, market, unit, abs64(holding.position_lots), mark))
    return promised


# What an account has free of an asset: neither reserved by spot orders (V-1) nor promised to isolated positions (L-11). O(1), ISOLATED: O(its
# positions).
cdef inline atoms_t funds_free(State* state, uint32_t account, uint32_t asset) noexcept nogil:
    cdef Balance* balance = balance_at(&state.ledger, account, asset)
    cdef atoms_t free = balance.atoms - balance.reserved
    if account_at(&state.accounts, account).mode == MODE_ISOLATED:
        free -= isolated_promised(state, account, asset)
    return free
