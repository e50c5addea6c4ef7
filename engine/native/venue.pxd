# Venue: the way of a command.
#
#   send -> (link, gateway) -> arrive: frozen? legal? covered? -> journal -> book matches -> ledger settles -> movers -> notices
#
# Stands on: settle, link. Promises: an order's slot is taken when it is sent (V-4); a rejected order changes no balance and no
# book.

from engine.native.types cimport *
from engine.native.account cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.breaker cimport *
from engine.native.clearance cimport *
from engine.native.features cimport fok_is_fillable
from engine.native.match cimport *
from engine.native.orders cimport *
from engine.native.columns cimport *
from engine.native.gate cimport *
from engine.native.isolated cimport *
from engine.native.ladder cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.link cimport *
from engine.native.market cimport *
from engine.native.planted cimport *
from engine.native.risk cimport *
from engine.native.rows cimport *
from engine.native.running cimport step_taken_back
from engine.native.slab cimport *
from engine.native.settle cimport *
from engine.native.state cimport *
from engine.native.unit cimport *


# Make an order that is on its way: its slot and number are taken now (V-4), so that its sender has a name for it. Returns the
# slot, NIL without memory (latched). The quantity is checked on arrival. O(1).
cdef inline slot_t order_prepare(State* state, Sender sender, int8_t side, uint32_t flags, price_t price, qty_t qty, uint32_t cause) noexcept nogil:
    cdef Desk* desk = desk_at(&state.accounts, sender.desk)
    cdef slot_t slot
    cdef Order* order
    cdef OrderCold* cold
    if pools_reserve_order(&state.pools):
        state.fault = FAULT_NO_MEMORY
        return NIL
    slot = slot_take(&state.pools)
    desk.orders_sent += 1
    order = order_at(&state.pools, slot)
    order.leaves_lots = 0
    order.price_ticks = price
    order.owner = <int32_t>sender.account
    order.level = sender.market
    order.flags = flags | ORDER_IN_FLIGHT | (NAMED_LOCAL << ORDER_NAMING_SHIFT) | (ORDER_SELL if side == SIDE_SELL else 0)
    cold = cold_at(&state.pools, slot)
    cold.id = desk.orders_sent
    cold.cause = cause
    cold.word = qty
    return slot


# Send an order that arrives at `due_ms`, without a link: outside orders and the engine's. Returns the slot, NIL without memory
# (latched). Needs: account below pools.owners. O(markets of the account).
cdef inline slot_t venue_send(State* state, uint32_t account, uint32_t market, int8_t side, uint32_t flags, price_t price,
                              qty_t qty, time_ms_t due_ms, uint32_t cause) noexcept nogil:
    cdef Sender sender = sender_of(state, account, market)
    cdef slot_t slot
    if sender.desk == NIL:
        state.fault = FAULT_NO_MEMORY
        return NIL
    slot = order_prepare(state, sender, side, flags, price, qty, cause)
    if slot != NIL:
        venue_schedule(state, due_ms, PHASE_ORDERS, EVENT_ORDER, slot, cold_at(&state.pools, slot).generation, cause)
    return slot


# ---- notices: what an agent hears of its orders (N-4) ----

# Tell the agent of an account, if it hears such things, that something happened to one of its orders. O(markets of the account).
cdef inline void tell(State* state, uint32_t what, uint8_t kind, uint32_t account, uint32_t market, slot_t slot, uint32_t generation,
                      int64_t number, int8_t side, int64_t price, qty_t lots, qty_t leaves, uint32_t cause, int reason) noexcept nogil:
    cdef Agent* agent = hearer(state, account, what)
    cdef Notice* notice
    if agent == NULL:
        return
    notice = notice_send(state, agent, account, market, kind)
    if notice == NULL:
        return
    notice.slot = slot
    notice.generation = generation
    notice.number = number
    notice.side = side
    notice.price_ticks = <price_t>price
    notice.lots = lots
    notice.leaves_lots = leaves
    notice.cause = cause
    notice.reason = <uint8_t>reason


# Tell both sides of a command's fills. A maker is told by its order's number: its slot may be another's by now. O(fills).
cdef inline void tell_fills(State* state, uint32_t market, PlaceCommand* command, slot_t slot, uint32_t generation, int64_t first) noexcept nogil:
    cdef Table* fills = &state.pools.fills
    cdef int64_t row
    cdef qty_t lots, left = command.qty_lots
    cdef price_t price
    for row in range(first, fills.row_count):
        price = (<int32_t*>table_cell(fills, row, FILL_PRICE))[0]
        lots = (<int64_t*>table_cell(fills, row, FILL_QTY))[0]
        left -= lots
        tell(state, HEARS_FILLS, NOTICE_FILL, (<int32_t*>table_cell(fills, row, FILL_MAKER_OWNER))[0], market, NIL, 0,
             (<int64_t*>table_cell(fills, row, FILL_MAKER))[0], -command.side, price, lots, 0, command.cause, 0)
        tell(state, HEARS_FILLS, NOTICE_FILL, command.owner, market, slot, generation, command.name, command.side, price, lots, left,
             command.cause, 0)


# ---- arrivals (phase 8) ----

cdef inline void order_to_command(State* state, slot_t slot, PlaceCommand* command) noexcept nogil:
    cdef Order* order = order_at(&state.pools, slot)
    cdef OrderCold* cold = cold_at(&state.pools, slot)
    command.name = cold.id
    command.qty_lots = cold.word
    command.price_ticks = order.price_ticks
    command.owner = order.owner
    command.cause = cold.cause
    command.command = 0
    command.side = SIDE_SELL if order.flags & ORDER_SELL else SIDE_BUY
    command.order_type = TYPE_MARKET if order.flags & ORDER_IS_MARKET else TYPE_LIMIT
    command.time_in_force = TIF_IOC if order.flags & (ORDER_IS_IOC | ORDER_IS_MARKET) else TIF_GTC
    if unlikely(order.flags & ORDER_IS_FOK):
        command.time_in_force = TIF_FOK
    command.naming = NAMED_LOCAL
    command.flags = command.self_trade = 0
    command.stop_ticks = 0
    command.display_lots = command.expires_ms = 0
    command.home = 0


cdef inline bint is_frozen(State* state, uint32_t account, uint32_t market_id) noexcept nogil:
    """The account, or its isolated position in this market, is in liquidation (V-3)."""
    cdef slot_t slot
    if account_at(&state.accounts, account).liquidation or account_at(&state.accounts, account).mode != MODE_ISOLATED:
        return account_at(&state.accounts, account).liquidation != 0
    slot = holding_at(&state.accounts, holding_find(&state.accounts, account, market_id)).unit
    return slot != NIL and unit_of_state(state, slot).liquidation != 0


cdef inline qty_t engine_lots(State* state, Market* market, uint32_t market_id, PlaceCommand* command) noexcept nogil:
    """Lots that an order of the engine may have as the account stands now: it reduces a position (X-5), or sells what is free (X-13)."""
    cdef qty_t held
    cdef Balance* balance
    if market.kind == MARKET_PERPETUAL:
        held = holding_at(&state.accounts, holding_find(&state.accounts, command.owner, market_id)).position_lots
        return abs64(held) if held and (held > 0) == (command.side == SIDE_SELL) else 0
    if command.side == SIDE_BUY:
        return command.qty_lots
    balance = balance_at(&state.ledger, command.owner, market.base_asset)
    return floor_div(max64(0, balance.atoms - balance.reserved), market.base_atoms_per_lot)


cdef inline void journal_place(State* state, uint32_t market_id, PlaceCommand* command) noexcept nogil:
    venue_journal(state, JOURNAL_PLACE, market_id, command.owner, command.name, command.side, command.order_type,
                  command.time_in_force, command.price_ticks, command.qty_lots)


cdef inline int arrival_check(State* state, Market* market, uint32_t market_id, uint32_t flags, PlaceCommand* command) noexcept nogil:
    """Frozen, capped to the position (engine), halted, legal, covered; writes the journal row in between."""
    cdef int reason
    if flags & ORDER_OF_ENGINE:
        if not planted(SLIP_STEP_FLIPS):
            command.qty_lots = min64(command.qty_lots, engine_lots(state, market, market_id, command))
        if command.qty_lots <= 0:
            return REJECT_QTY_NOT_POSITIVE
    elif is_frozen(state, command.owner, market_id):
        return REJECT_ACCOUNT_FROZEN
    if is_halted(state, market):
        journal_place(state, market_id, command)
        return REJECT_MARKET_HALTED
    if market.kind == MARKET_PERPETUAL and not flags & ORDER_OF_ENGINE:
        if flags & ORDER_REDUCES:
            command.qty_lots = min64(command.qty_lots, reducing_lots(state, holding_at(&state.accounts, holding_find(&state.accounts, command.owner, market_id)), command.side))
            if command.qty_lots == 0:
                return REJECT_NOTHING_TO_REDUCE
        reason = gate_check(state, market, market_id, command)
        if reason != REJECT_NONE:
            return reason
    journal_place(state, market_id, command)
    reason = book_check(&state.pools, &market.book, command)
    if reason != REJECT_NONE:
        return reason
    # M-19: book_place knows no fill-or-kill. Only a step's limit order is one (X-5).
    if unlikely(command.time_in_force == TIF_FOK) and not fok_is_fillable(
            &state.pools, &market.book, command, side_key(command.price_ticks, command.side == SIDE_BUY)):
        return REJECT_FOK_NOT_FILLABLE
    if market.kind == MARKET_SPOT:
        return REJECT_NONE if is_covered(state, market, command) else REJECT_INSUFFICIENT_FUNDS
    if is_within_exposure(state, market, market_id, command):
        return REJECT_NONE
    return REJECT_NOTIONAL_OUT_OF_BOUNDS


# A command of this kind is through: if best bid or ask is another than these keys, it is the market's last mover (G-3), and watchers are told.
cdef inline void touch_follows(State* state, Market* market, uint32_t kind, int32_t account, int64_t number, uint32_t cause, int64_t bid,
                               int64_t ask) noexcept nogil:
    if market.book.ladder[0].best_key == bid and market.book.ladder[1].best_key == ask:
        return
    set_mover(state, &market.touch_mover, kind, account, number, cause)
    note_touch(market, bid, ask)
    if market.watchers != NIL:
        tell_watchers(state, market)


# Take a resting order off, release its reservation, note the mover; `hears`: who is told of it. Needs: it rests. Cannot fail. O(1).
cdef inline void venue_remove(State* state, slot_t slot, uint32_t cause, uint32_t hears) noexcept nogil:
    cdef Order* order = order_at(&state.pools, slot)
    cdef uint32_t market_id = order_market(state, order)
    cdef Market* market = market_at(state, market_id)
    cdef bint asks = order.flags & ORDER_SELL
    cdef int8_t side = SIDE_SELL if asks else SIDE_BUY
    cdef int32_t account = order.owner
    cdef int64_t number = cold_at(&state.pools, slot).id
    cdef int64_t bid = market.book.ladder[0].best_key, ask = market.book.ladder[1].best_key
    venue_journal(state, JOURNAL_CANCEL, market_id, account, number, side, 0, 0, order.price_ticks, order.leaves_lots)
    if market.kind == MARKET_SPOT:
        balance_at(&state.ledger, account, spot_asset(market, side)).reserved -= \
            spot_reservation(market, side, order.leaves_lots, order.price_ticks)
    else:
        work_order(state, market, account, market_id, side, -order.leaves_lots, order.price_ticks)
    note_cancel(state, market_id, account, number, side, order.price_ticks, order.leaves_lots, cause)
    tell(state, hears, NOTICE_CANCEL, account, market_id, slot, cold_at(&state.pools, slot).generation, number, side, order.price_ticks,
         order.leaves_lots, 0, cause, 0)
    book_end(&state.pools, &market.book, slot, number)
    state.cancel_count += 1
    market.cancel_count += 1
    touch_follows(state, market, MOVER_CANCEL, account, number, cause, bid, ask)
    note_book(state, market_id, cause)


# Cancel every resting order of an account, on one market or with NIL on all (X-4, L-11). O(its orders).
cdef inline void venue_cancel_account(State* state, uint32_t account, uint32_t market_id, uint32_t cause) noexcept nogil:
    cdef slot_t slot = head_at(&state.pools, <int32_t>account)[0], next_slot
    while slot != NIL:
        next_slot = cold_at(&state.pools, slot).owner_next
        if market_id == NIL or order_market(state, order_at(&state.pools, slot)) == market_id:
            venue_remove(state, slot, cause, HEARS_ENDS)
        slot = next_slot


# Cancel a unit's orders in phase 8: an isolated position's are those of its market. O(1).
cdef inline void unit_cancels(State* state, Unit* unit, uint32_t cause) noexcept nogil:
    venue_schedule(state, state.now_ms, PHASE_ORDERS, EVENT_CANCEL_ACCOUNT, unit.account,
                   holding_at(&state.accounts, unit.holding).market if unit.holding != NIL else NIL, cause)


cdef inline void venue_rest(State* state, Market* market, uint32_t market_id, PlaceCommand* command, qty_t leaves) noexcept nogil:
    """What came to rest reserves its cover (spot, V-1) or counts as working (perpetual, U-10)."""
    if market.kind == MARKET_PERPETUAL:
        work_order(state, market, command.owner, market_id, command.side, leaves, command.price_ticks)
        return
    balance_at(&state.ledger, command.owner, spot_asset(market, command.side)).reserved += \
        spot_reservation(market, command.side, leaves, command.price_ticks)


cdef inline bint account_is_flat(State* state, uint32_t account, uint32_t asset) noexcept nogil:
    """Whether an account has no position that settles in an asset."""
    cdef slot_t slot = account_at(&state.accounts, account).holdings
    while slot != NIL:
        if holding_at(&state.accounts, slot).position_lots \
                and market_at(state, holding_at(&state.accounts, slot).market).quote_asset == asset:
            return 0
        slot = holding_at(&state.accounts, slot).next_of_account
    return 1


cdef inline void account_defund(State* state, uint32_t account, uint32_t asset, uint32_t market_id, uint32_t cause) noexcept nogil:
    """A loss that ate reserved money takes the account's orders; one that left it, or an isolated margin, flat and negative is covered (V-6)."""
    cdef Balance* balance = balance_at(&state.ledger, account, asset)
    cdef slot_t slot = isolated_unit(state, account, market_id)
    if unlikely(slot != NIL) and isolated_is_under(state, unit_of_state(state, slot)) and unit_of_state(state, slot).liquidation == 0:
        venue_schedule(state, state.now_ms, PHASE_BACKSTOP, EVENT_COVER, account, market_id, cause)
    if balance.atoms >= balance.reserved:
        return
    venue_cancel_account(state, account, NIL, cause)
    if balance.atoms < 0 and not account_at(&state.accounts, account).liquidation \
            and account_at(&state.accounts, account).mode != MODE_UNIFIED and account_is_flat(state, account, asset):
        venue_schedule(state, state.now_ms, PHASE_BACKSTOP, EVENT_COVER, account, market_id, cause)


cdef inline void venue_defund(State* state, Market* market, PlaceCommand* command, int64_t first) noexcept nogil:
    """account_defund for both sides of every fill of a command. O(fills)."""
    cdef int64_t row
    cdef uint32_t market_id = market.book.ladder[0].tag >> 1
    for row in range(first, state.pools.fills.row_count):
        account_defund(state, (<int32_t*>table_cell(&state.pools.fills, row, FILL_MAKER_OWNER))[0], market.quote_asset, market_id, command.cause)
    account_defund(state, command.owner, market.quote_asset, market_id, command.cause)


# ---- reduce-only orders (C-7) ----

cdef inline void venue_shorten(State* state, slot_t slot, qty_t lots, uint32_t cause) noexcept nogil:
    """Take lots off a resting order of a perpetual, which keeps its place. Needs: more are open. Cannot fail."""
    cdef Order* order = order_at(&state.pools, slot)
    cdef uint32_t market_id = order_market(state, order)
    cdef Market* market = market_at(state, market_id)
    cdef int8_t side = SIDE_SELL if order.flags & ORDER_SELL else SIDE_BUY
    cdef int64_t number = cold_at(&state.pools, slot).id
    venue_journal(state, JOURNAL_REDUCE, market_id, order.owner, number, side, 0, 0, order.price_ticks, lots)
    work_order(state, market, <uint32_t>order.owner, market_id, side, -lots, order.price_ticks)
    note_cancel(state, market_id, order.owner, number, side, order.price_ticks, lots, cause)
    tell(state, HEARS_ENDS, NOTICE_CANCEL, <uint32_t>order.owner, market_id, slot, cold_at(&state.pools, slot).generation, number, side,
         order.price_ticks, lots, order.leaves_lots - lots, cause, 0)
    book_reduce(&state.pools, &market.book, slot, lots)
    note_book(state, market_id, cause)


# Cut an account's reduce-only orders in a market, the newest first, until what rests on their side is within the position. O(its orders).
cdef inline outlined_int trim_orders(State* state, uint32_t account, uint32_t market_id, uint32_t cause) noexcept nogil:
    cdef slot_t slot = head_at(&state.pools, <int32_t>account)[0], following, holding_slot = holding_find(&state.accounts, account, market_id)
    cdef Holding* holding = holding_at(&state.accounts, holding_slot)
    cdef Desk* desk = desk_at(&state.accounts, holding.desk)
    cdef Order* order
    cdef qty_t excess
    cdef bint is_sell
    holding.reduces = 0
    while slot != NIL:
        order = order_at(&state.pools, slot)
        following = cold_at(&state.pools, slot).owner_next
        if order.flags & ORDER_REDUCES and order_market(state, order) == market_id:
            is_sell = order.flags & ORDER_SELL
            excess = (desk.ask_lots if is_sell else desk.bid_lots) - max64(0, holding.position_lots if is_sell else -holding.position_lots)
            if excess >= order.leaves_lots:
                venue_remove(state, slot, cause, HEARS_ENDS)
            else:
                if excess > 0:
                    venue_shorten(state, slot, excess, cause)
                holding.reduces = 1
        slot = following
    return 0


# After a command that may have changed an account's position or orders: keep its reduce-only orders within it. O(1) without any.
cdef inline void venue_trim(State* state, uint32_t account, uint32_t market_id, uint32_t cause) noexcept nogil:
    cdef slot_t slot = holding_find(&state.accounts, account, market_id)
    if unlikely(slot != NIL and holding_at(&state.accounts, slot).reduces):
        trim_orders(state, account, market_id, cause)


cdef inline void venue_trim_fills(State* state, uint32_t market_id, PlaceCommand* command, int64_t first) noexcept nogil:
    """venue_trim for the sender of a command and the makers that it met. Fetches nothing where no order was ever reduce-only."""
    cdef int64_t row
    for row in range(first, state.pools.fills.row_count):
        venue_trim(state, <uint32_t>(<int32_t*>table_cell(&state.pools.fills, row, FILL_MAKER_OWNER))[0], market_id, command.cause)
    venue_trim(state, <uint32_t>command.owner, market_id, command.cause)


# ---- the breaker (V-9) ----

# A command has traded: its trades are looked at in their order, and the first that has fallen too far halts the market. O(fills).
cdef inline outlined_int breaker_follows(State* state, uint32_t market_id, PlaceCommand* command, int64_t first) noexcept nogil:
    cdef Market* market = market_at(state, market_id)
    cdef Breaker* breaker = breaker_at(state, market.breaker)
    cdef int64_t row, price, reference
    cdef uint32_t landmark
    breaker_roll(breaker, state.now_ms)
    reference = breaker_reference(breaker, state.now_ms)
    for row in range(first, state.pools.fills.row_count):
        price = (<int32_t*>table_cell(&state.pools.fills, row, FILL_PRICE))[0]
        if not breaker_sees(breaker, &reference, price):
            continue
        breaker_halts(breaker, state.now_ms)
        landmark = venue_landmark(state, LANDMARK_HALT, market_id, -1, command.cause, price)
        if landmark:
            landmark_at(&state.lineage, landmark).mover = market.last_mover
        return 0
    return 0


# The order of a liquidation's step was refused in the millisecond of the halt; a backstop's has no unit. O(markets of the account).
cdef inline outlined_int step_halted(State* state, uint32_t market_id, PlaceCommand* command) noexcept nogil:
    cdef slot_t unit = holding_at(&state.accounts, holding_find(&state.accounts, command.owner, market_id)).unit
    if unit != NIL:
        step_taken_back(state, unit, command.cause)
    return 0


# An order arrives (phase 8): check, match, settle, rest. On reject nothing but counters changes. O(orders met).
cdef inline void venue_order_arrives(State* state, slot_t slot, uint32_t generation) noexcept nogil:
    cdef uint32_t market_id, flags
    cdef Market* market
    cdef PlaceCommand command
    cdef Outcome out
    cdef int64_t bid, ask, last, first = state.pools.fills.row_count
    cdef int reason
    flags = order_at(&state.pools, slot).flags
    market_id = order_at(&state.pools, slot).level
    market = market_at(state, market_id)
    order_to_command(state, slot, &command)
    state.order_count += 1
    market.order_count += 1
    state.forced_count += (flags & ORDER_OF_ENGINE) != 0
    reason = arrival_check(state, market, market_id, flags, &command)
    bid = market.book.ladder[0].best_key
    ask = market.book.ladder[1].best_key
    last = market.book.last_price
    if reason == REJECT_NONE:
        reason = book_place(&state.pools, &market.book, &command, slot, NIL, &out)
    if reason != REJECT_NONE:
        note_arrival(state, market_id, &command, reason, 0, 0)
        state.reject_count[reason] += 1
        tell(state, HEARS_ENDS, NOTICE_REJECT, command.owner, market_id, slot, generation, command.name, command.side, command.price_ticks,
             command.qty_lots, 0, command.cause, reason)
        if unlikely(reason == REJECT_MARKET_HALTED and flags & ORDER_OF_ENGINE) and market.kind == MARKET_PERPETUAL:
            step_halted(state, market_id, &command)
        slot_return(&state.pools, slot, NAMED_LOCAL)
        return
    note_arrival(state, market_id, &command, REJECT_NONE, out.filled_lots, out.leaves_lots)
    if out.leaves_lots:
        venue_rest(state, market, market_id, &command, out.leaves_lots)
        if unlikely(flags & ORDER_REDUCES):
            order_at(&state.pools, slot).flags |= ORDER_REDUCES
            holding_at(&state.accounts, holding_find(&state.accounts, command.owner, market_id)).reduces = 1
            market.reduces = 1
    if out.filled_lots:
        set_mover(state, &market.last_mover, MOVER_TRADE, command.owner, command.name, command.cause)
        extremes_note(&market.last_moves, &market.last_mover, last, market.book.last_price)
        venue_settle(state, market_id, &command, first)
        if unlikely(market.breaker != NIL):
            breaker_follows(state, market_id, &command, first)
    touch_follows(state, market, MOVER_TRADE if out.filled_lots else MOVER_PLACE, command.owner, command.name, command.cause, bid, ask)
    note_book(state, market_id, command.cause)
    if out.filled_lots:
        tell_fills(state, market_id, &command, slot, generation, first)
    if out.leaves_lots:
        tell(state, HEARS_ACKS, NOTICE_ACK, command.owner, market_id, slot, generation, command.name, command.side, command.price_ticks,
             out.leaves_lots, out.leaves_lots, command.cause, 0)
    elif out.cancelled_lots:
        tell(state, HEARS_ACKS, NOTICE_CANCEL, command.owner, market_id, slot, generation, command.name, command.side, command.price_ticks,
             out.cancelled_lots, 0, command.cause, 0)
    if unlikely(flags & ORDER_OF_ENGINE) and out.filled_lots and market.kind == MARKET_PERPETUAL:
        step_filled(state, market_id, &command, first)
    if out.filled_lots and market.kind == MARKET_PERPETUAL:
        venue_defund(state, market, &command, first)
    if unlikely(market.reduces):
        venue_trim_fills(state, market_id, &command, first)
    if not state.records_trades:
        state.pools.fills.row_count = first


# A cancel arrives (phase 8). If the order is still in flight the cancel waits for nobody: it is a miss (V-5). O(1).
cdef inline void venue_cancel_arrives(State* state, slot_t slot, uint32_t generation, uint32_t cause) noexcept nogil:
    if cold_at(&state.pools, slot).generation != generation or order_at(&state.pools, slot).leaves_lots == 0:
        state.cancel_miss_count += 1
        note_miss(state, slot, generation, cause)
        return
    venue_remove(state, slot, cause, HEARS_ACKS)
