# Settle: may an order be carried, and what its fills move.
#
# Stands on: state, rows. Spot orders are covered by what is free (V-1, V-2), perpetual ones stay within the exposure bound (U-10);
# fills move atoms, positions, realised PnL and fees (L-3 .. L-8). Promises: nothing here fails half way, and after each
# command L-2 and L-7 hold.

from engine.native.types cimport *
from engine.native.account cimport *
from engine.native.arith cimport *
from engine.native.arming cimport *
from engine.native.allowance cimport *
from engine.native.book cimport *
from engine.native.match cimport *
from engine.native.orders cimport *
from engine.native.columns cimport *
from engine.native.isolated cimport *
from engine.native.ladder cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.recorder cimport *
from engine.native.risk cimport *
from engine.native.rows cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.unit cimport *

cdef extern from *:
    """
    #include <stdint.h>
    static const int64_t ENGINE_EXPOSURE_MAX = (int64_t)1 << 56;   /* U-10: 72 billion units of 6 decimals */
    """
    const int64_t EXPOSURE_MAX "ENGINE_EXPOSURE_MAX"


cdef inline atoms_t base_atoms(Market* market, qty_t lots) noexcept nogil:
    cdef int64_t atoms
    if mul_overflows(lots, market.base_atoms_per_lot, &atoms):
        return <int64_t>1 << 62
    return atoms


cdef inline uint32_t spot_asset(Market* market, int8_t side) noexcept nogil:
    """The asset that a spot order promises: the quote for a buy, the base for a sell."""
    return market.quote_asset if side == SIDE_BUY else market.base_asset


cdef inline atoms_t spot_reservation(Market* market, int8_t side, qty_t lots, int64_t price) noexcept nogil:
    """What a spot order of this size must have free, in quote (buy) or base (sell) atoms."""
    if side == SIDE_BUY:
        return notional_atoms(market, lots, price)
    return base_atoms(market, lots)


cdef inline atoms_t cost_to_take(State* state, Market* market, qty_t lots) noexcept nogil:
    """Exact quote atoms that a market buy of `lots` would pay as the book stands. O(levels met)."""
    cdef Ladder* asks = &market.book.ladder[1]
    cdef int64_t key = asks.best_key
    cdef uint32_t level = asks.best_level
    cdef atoms_t cost = 0
    cdef qty_t take
    while lots > 0 and key != KEY_NONE:
        take = min64(lots, level_at(&state.pools.ladders, level).qty_lots)
        if add_overflows(cost, notional_atoms(market, take, ladder_price(asks, <uint32_t>key)), &cost):
            return <int64_t>1 << 62
        lots -= take
        key = ladder_next(&state.pools.ladders, asks, key + 1, &level)
    return cost


cdef inline atoms_t order_worth(State* state, Market* market, PlaceCommand* command) noexcept nogil:
    """The most that an order can add to a cost: a buy its limit or exact cost, a sell its limit or the best bid (U-10)."""
    cdef int64_t bid = book_best(&market.book, 0), price = 0
    if command.side == SIDE_BUY and command.order_type == TYPE_MARKET:
        return cost_to_take(state, market, command.qty_lots)
    if command.order_type == TYPE_LIMIT:
        price = command.price_ticks
    if command.side == SIDE_SELL and bid != NO_PRICE:
        price = max64(price, bid)
    return notional_atoms(market, command.qty_lots, price)


cdef inline bint is_within_exposure(State* state, Market* market, uint32_t market_id, PlaceCommand* command) noexcept nogil:
    """Whether position, resting orders and this order stay within the bound, in lots and atoms (U-10)."""
    cdef Holding* holding = holding_at(&state.accounts, holding_find(&state.accounts, command.owner, market_id))
    cdef Desk* desk = desk_at(&state.accounts, holding.desk)         # it has sent this order
    if command.order_type == TYPE_MARKET and (holding.position_lots > 0) == (command.side == SIDE_SELL) \
            and command.qty_lots <= abs64(holding.position_lots):
        return 1                     # it only reduces
    if command.qty_lots > EXPOSURE_MAX - abs64(holding.position_lots) - desk.bid_lots - desk.ask_lots:
        return 0
    return order_worth(state, market, command) <= EXPOSURE_MAX - abs64(holding.cost_atoms) - desk.working_atoms


cdef inline bint is_covered(State* state, Market* market, PlaceCommand* command) noexcept nogil:
    cdef Balance* balance = balance_at(&state.ledger, command.owner, spot_asset(market, command.side))
    cdef atoms_t need
    if command.side == SIDE_BUY and command.order_type == TYPE_MARKET:
        need = cost_to_take(state, market, command.qty_lots)
    else:
        need = spot_reservation(market, command.side, command.qty_lots, command.price_ticks)
    return need <= balance.atoms - balance.reserved


# ---- settlement ----

cdef inline void pay_fee(State* state, uint32_t market, uint32_t account, uint32_t asset, atoms_t base, int64_t fee_ppm) noexcept nogil:
    """ceil(base * fee_ppm / 10^6) from the account to the fees account of the market's venue (L-4, L-8)."""
    cdef atoms_t fee = 0
    if fee_ppm == 0:
        return
    mul_div_ceil(base, fee_ppm, 1000000, &fee)
    move_atoms(state, MOVEMENT_FEE, market, account, fees_of(state, market_at(state, market).venue), asset, fee)


cdef inline void balances_wrote(State* state, Market* market, uint32_t account) noexcept nogil:
    """Both assets of a spot market have changed hands: a unified account has one unit for them, others one each."""
    balance_wrote(state, account, market.quote_asset)
    if account_at(&state.accounts, account).mode != MODE_UNIFIED:
        balance_wrote(state, account, market.base_asset)


cdef inline void settle_spot(State* state, Market* market, uint32_t market_id, uint32_t buyer, uint32_t seller, qty_t lots,
                             int64_t price, bint maker_buys) noexcept nogil:
    """Move base and quote, release the maker's reservation, take the fees (L-3, L-4, V-1)."""
    cdef atoms_t base = base_atoms(market, lots), quote = notional_atoms(market, lots, price)
    if maker_buys:
        balance_at(&state.ledger, buyer, market.quote_asset).reserved -= quote
    else:
        balance_at(&state.ledger, seller, market.base_asset).reserved -= base
    move_atoms(state, MOVEMENT_BASE, market_id, seller, buyer, market.base_asset, base)
    move_atoms(state, MOVEMENT_QUOTE, market_id, buyer, seller, market.quote_asset, quote)
    pay_fee(state, market_id, buyer, market.base_asset, base, market.maker_fee_ppm if maker_buys else market.taker_fee_ppm)
    pay_fee(state, market_id, seller, market.quote_asset, quote, market.taker_fee_ppm if maker_buys else market.maker_fee_ppm)
    balances_wrote(state, market, buyer)
    balances_wrote(state, market, seller)


cdef inline void work_order(State* state, Market* market, uint32_t account, uint32_t market_id, int8_t side, qty_t lots,
                            int64_t price) noexcept nogil:
    """Note lots that come to rest (> 0) or stop resting (< 0) on a side of a perpetual. Needs: the account has sent an order there."""
    cdef Desk* desk = desk_at(&state.accounts, holding_at(&state.accounts, holding_find(&state.accounts, account, market_id)).desk)
    if side == SIDE_BUY:
        desk.bid_lots += lots
    else:
        desk.ask_lots += lots
    desk.working_atoms += notional_atoms(market, lots, price)


cdef inline void settle_side(State* state, Market* market, uint32_t account, uint32_t market_id, int sign, qty_t lots,
                             int64_t price, int64_t fee_ppm) noexcept nogil:
    """One side of a perpetual trade: position, realised PnL against clearing, fee (L-5 .. L-8)."""
    cdef slot_t slot = holding_find(&state.accounts, account, market_id)
    cdef Holding* holding = holding_at(&state.accounts, slot)
    cdef qty_t before = holding.position_lots
    cdef atoms_t realised
    cdef Unit* unit = unit_of_state(state, holding.unit) if holding.unit != NIL else NULL
    realised = position_apply(market, holding, sign, lots, price)
    market.clearing -= realised
    if unit != NULL and unit.holding != NIL:
        unit.margin_atoms += realised
        isolated_settle(state, market, unit, before, price)
    else:
        balance_at(&state.ledger, account, market.quote_asset).atoms += realised
    note_realised(state, market_id, account, market.quote_asset, realised)
    pay_fee(state, market_id, account, market.quote_asset, notional_atoms(market, lots, price), fee_ppm)
    if holding.unit != NIL:
        unit_traded(state, slot, before, price, fee_ppm)


# Settle the fill rows first .. row_count - 1 of one command and complete them as trade rows. Cannot fail. O(fills).
cdef inline void venue_settle(State* state, uint32_t market_id, PlaceCommand* command, int64_t first) noexcept nogil:
    cdef Market* market = market_at(state, market_id)
    cdef Table* fills = &state.pools.fills
    cdef int64_t row, number = market.book.trade_count - (fills.row_count - first)
    cdef int32_t maker
    cdef int64_t price
    cdef qty_t lots
    cdef bint taker_buys = command.side == SIDE_BUY
    # invariant: rows first .. row - 1 are settled
    for row in range(first, fills.row_count):
        number += 1
        maker = (<int32_t*>table_cell(fills, row, FILL_MAKER_OWNER))[0]
        prefetch(account_at(&state.accounts, <uint32_t>maker))       # whom to tell: on its way while the trade is settled
        price = (<int32_t*>table_cell(fills, row, FILL_PRICE))[0]
        lots = (<int64_t*>table_cell(fills, row, FILL_QTY))[0]
        (<int32_t*>table_cell(fills, row, FILL_COMMAND))[0] = <int32_t>number
        (<int64_t*>table_cell(fills, row, TRADE_TIME))[0] = state.now_ms
        (<uint32_t*>table_cell(fills, row, TRADE_CAUSE))[0] = command.cause
        (<uint16_t*>table_cell(fills, row, TRADE_MARKET))[0] = <uint16_t>market_id
        (<int8_t*>table_cell(fills, row, TRADE_SIDE))[0] = command.side
        if market.kind == MARKET_SPOT:
            if taker_buys:
                settle_spot(state, market, market_id, command.owner, maker, lots, price, 0)
            else:
                settle_spot(state, market, market_id, maker, command.owner, lots, price, 1)
            prefetch(holding_at(&state.accounts, account_at(&state.accounts, <uint32_t>maker).holdings))
        else:
            work_order(state, market, maker, market_id, -command.side, -lots, price)
            settle_side(state, market, maker, market_id, -command.side, lots, price, market.maker_fee_ppm)
            settle_side(state, market, command.owner, market_id, command.side, lots, price, market.taker_fee_ppm)


cdef inline void set_mover(State* state, Mover* mover, uint32_t kind, int32_t account, int64_t number, uint32_t cause) noexcept nogil:
    mover.time_ms = state.now_ms
    mover.number = number
    mover.account = account
    mover.cause = cause
    mover.kind = kind


cdef inline void note_touch(Market* market, int64_t bid_key, int64_t ask_key) noexcept nogil:
    """The best bid or ask has moved from these keys to what the book says now; the mover is set."""
    extremes_note(&market.touch_moves, &market.touch_mover, touch_value(market, bid_key, ask_key),
                  touch_value(market, market.book.ladder[0].best_key, market.book.ladder[1].best_key))
