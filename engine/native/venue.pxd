# Venue: everything that a command touches on its way, and the way itself.
#
#   send -> (latency) -> arrive: frozen? legal? covered? -> journal -> book matches -> ledger settles -> movers -> recorder
#
# Stands on: account, prices, queue. Promises: an order's slot is taken when it is sent (V-4); a rejected order changes
# no balance and no book; after each command L-2 and L-7 hold. Only this floor schedules events and writes tables.

from engine.native.types cimport *
from engine.native.account cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.columns cimport *
from engine.native.ladder cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.prices cimport *
from engine.native.queue cimport *
from engine.native.slab cimport *

cdef enum Phase:
    PHASE_EXTERNAL = 1
    PHASE_PRICES = 2
    PHASE_FUNDING = 3
    PHASE_MARGIN = 4
    PHASE_LIQUIDATION = 5
    PHASE_BACKSTOP = 6
    PHASE_ADL = 7
    PHASE_ORDERS = 8
    PHASE_OBSERVERS = 9

cdef enum EventKind:
    EVENT_ORDER = 1              # a slot, b generation
    EVENT_CANCEL = 2             # a slot, b generation
    EVENT_CANCEL_ACCOUNT = 3     # a account
    EVENT_SAMPLE_PRICE = 4       # a oracle
    EVENT_PUBLISH = 5            # a publication
    EVENT_CHECK = 6              # a market, b publication
    EVENT_STEP = 7               # a account
    EVENT_COVER = 8              # a account
    EVENT_SHOCK = 9              # a shock
    EVENT_MAKER = 10             # a maker
    EVENT_NOISE = 11             # a noise trader
    EVENT_SAMPLE_DEPTH = 12

cdef enum Fault:
    FAULT_NONE = 0
    FAULT_NO_MEMORY = 1
    FAULT_BOOK = 2
    FAULT_CONSERVATION = 3
    FAULT_POSITIONS = 4
    FAULT_EVENT = 5
    FAULT_RESERVED = 6

cdef extern from *:
    """
    #include <stdint.h>
    static const int64_t ENGINE_EXPOSURE_MAX = (int64_t)1 << 56;   /* U-10: 72 billion units of 6 decimals */
    """
    const int64_t EXPOSURE_MAX "ENGINE_EXPOSURE_MAX"

cdef enum:
    ORDER_IS_MARKET = 16         # flags of an order in flight, beside those of the ladder
    ORDER_IS_IOC = 32
    ORDER_OF_ENGINE = 64         # the liquidation engine's: passes a frozen account, only reduces (X-5)

# Columns of the trades table behind FILL_*: when, why, where, and the aggressor's side.
cdef enum TradeColumn:
    TRADE_TIME = 7               # int64
    TRADE_CAUSE = 8              # uint32 landmark
    TRADE_MARKET = 9             # uint16
    TRADE_SIDE = 10              # int8
    TRADE_COLUMNS = 11

cdef enum JournalKind:
    JOURNAL_DEPOSIT = 1          # account, asset in `market`, atoms in `qty`
    JOURNAL_OPEN = 2             # buyer in `account`, seller in `number`
    JOURNAL_PLACE = 3
    JOURNAL_CANCEL = 4
    JOURNAL_INDEX = 5
    JOURNAL_MARK = 6
    JOURNAL_WRITE_OFF = 7        # account, asset in `market`, atoms in `qty`
    JOURNAL_SHIFT = 13           # 8,192 rows a chunk

cdef enum JournalColumn:
    JOURNAL_TIME = 0             # int64
    JOURNAL_NUMBER = 1           # int64
    JOURNAL_QTY = 2              # int64
    JOURNAL_PRICE = 3            # int64
    JOURNAL_ACCOUNT = 4          # int32
    JOURNAL_MARKET = 5           # uint16
    JOURNAL_KIND = 6             # uint8
    JOURNAL_SIDE = 7             # int8
    JOURNAL_TYPE = 8             # uint8
    JOURNAL_TIF = 9              # uint8
    JOURNAL_COLUMNS = 10

cdef enum PriceColumn:
    PRICE_TIME = 0               # int64
    PRICE_TICKS = 1              # int64
    PRICE_CAUSE = 2              # uint32
    PRICE_MARKET = 3             # uint16
    PRICE_KIND = 4               # uint8 OracleKind
    PRICE_COLUMNS = 5

cdef enum DepthColumn:
    DEPTH_TIME = 0               # int64
    DEPTH_BID = 1                # int64 each, NO_PRICE for none
    DEPTH_ASK = 2
    DEPTH_LAST = 3
    DEPTH_INDEX = 4
    DEPTH_MARK = 5
    DEPTH_BID_LOTS = 6           # int64, within 1 % of the mid (of the last price with one side empty)
    DEPTH_ASK_LOTS = 7
    DEPTH_MARKET = 8             # uint16
    DEPTH_COLUMNS = 9

cdef struct Venue:
    BookPools pools              # pools.fills is the trades table
    Ledger ledger
    Accounts accounts
    Lineage lineage
    Queue queue
    Slab markets                 # Market
    Slab publications            # Publication in transit
    Slab oracles                 # Oracle
    Table journal
    Table prices
    Table depth
    uint64_t seed
    time_ms_t now_ms
    time_ms_t depth_every_ms     # cadence of the depth table, 0 = off
    time_ms_t stage_interval_ms  # X-4
    int64_t stage_ppm
    qty_t stage_lots_min
    int64_t event_count
    int64_t order_count          # orders that arrived
    int64_t cancel_count         # cancels that found their order
    int64_t cancel_miss_count    # V-5
    int64_t reject_count[32]     # by reason
    int32_t phase                # running phase
    int32_t fault                # Fault, latched: the world refuses to go on
    bint records_journal
    bint records_trades


cdef inline Market* market_at(Venue* venue, uint32_t market) noexcept nogil:
    return <Market*>(venue.markets.base) + market


# Schedule an event of this millisecond's run; an effect for a phase at or before the running one is due in the next
# millisecond (T-3). Returns the due time. Without memory the fault is latched. O(1) amortised.
cdef inline time_ms_t venue_schedule(Venue* venue, time_ms_t due_ms, int16_t phase, uint16_t kind, uint32_t a, uint32_t b,
                                     uint32_t cause) noexcept nogil:
    cdef Event event
    if due_ms <= venue.now_ms:
        due_ms = venue.now_ms + (phase <= venue.phase)
    event.time_ms = due_ms
    event.priority = phase
    event.kind = kind
    event.a = a
    event.b = b
    event.cause = cause
    if queue_schedule(&venue.queue, &event):
        venue.fault = FAULT_NO_MEMORY
    return due_ms


cdef inline uint32_t venue_landmark(Venue* venue, uint16_t kind, uint32_t market, int32_t account, uint32_t parent, int64_t value) noexcept nogil:
    """Record a landmark of a market; 0 and a latched fault without memory."""
    cdef uint32_t slot
    market_at(venue, market).landmark_count += 1
    slot = lineage_add(&venue.lineage, venue.now_ms, kind, <uint16_t>market, market_at(venue, market).landmark_count, account, parent, value)
    if slot == 0:
        venue.fault = FAULT_NO_MEMORY
    return slot


# ---- journal ----

cdef inline void venue_journal(Venue* venue, uint8_t kind, uint32_t market, int32_t account, int64_t number, int8_t side,
                               uint8_t order_type, uint8_t tif, int64_t price, int64_t qty) noexcept nogil:
    """Write one row (J-1); without memory the fault is latched."""
    cdef Table* table = &venue.journal
    cdef int64_t row = table.row_count
    if not venue.records_journal:
        return
    if table_reserve(table, 1):
        venue.fault = FAULT_NO_MEMORY
        return
    (<int64_t*>table_cell(table, row, JOURNAL_TIME))[0] = venue.now_ms
    (<int64_t*>table_cell(table, row, JOURNAL_NUMBER))[0] = number
    (<int64_t*>table_cell(table, row, JOURNAL_QTY))[0] = qty
    (<int64_t*>table_cell(table, row, JOURNAL_PRICE))[0] = price
    (<int32_t*>table_cell(table, row, JOURNAL_ACCOUNT))[0] = account
    (<uint16_t*>table_cell(table, row, JOURNAL_MARKET))[0] = <uint16_t>market
    (<uint8_t*>table_cell(table, row, JOURNAL_KIND))[0] = kind
    (<int8_t*>table_cell(table, row, JOURNAL_SIDE))[0] = side
    (<uint8_t*>table_cell(table, row, JOURNAL_TYPE))[0] = order_type
    (<uint8_t*>table_cell(table, row, JOURNAL_TIF))[0] = tif
    table.row_count = row + 1


# ---- sending ----

# Send an order: take its slot and number, schedule its arrival (V-4). Returns the slot, NIL without memory (latched).
# Needs: owner below pools.owners, qty > 0. O(markets of the account).
cdef inline slot_t venue_send(Venue* venue, uint32_t account, uint32_t market, int8_t side, uint32_t flags, price_t price,
                              qty_t qty, time_ms_t due_ms, uint32_t cause) noexcept nogil:
    cdef slot_t holding_slot = holding_of(&venue.accounts, market_at(venue, market), account, market)
    cdef slot_t slot
    cdef Order* order
    cdef OrderCold* cold
    cdef Holding* holding
    if holding_slot == NIL or pools_reserve_order(&venue.pools):
        venue.fault = FAULT_NO_MEMORY
        return NIL
    slot = slab_take(&venue.pools.orders)
    holding = holding_at(&venue.accounts, holding_slot)
    holding.orders_sent += 1
    order = order_at(&venue.pools, slot)
    order.leaves_lots = 0
    order.price_ticks = price
    order.owner = <int32_t>account
    order.level = market
    order.flags = flags | ORDER_IN_FLIGHT | (NAMED_LOCAL << ORDER_NAMING_SHIFT) | (ORDER_SELL if side == SIDE_SELL else 0)
    cold = cold_at(&venue.pools, slot)
    cold.id = holding.orders_sent
    cold.cause = cause
    cold.reserved_word = qty
    venue_schedule(venue, due_ms, PHASE_ORDERS, EVENT_ORDER, slot, cold.generation, cause)
    return slot


cdef inline bint order_is_alive(Venue* venue, slot_t slot, uint32_t generation) noexcept nogil:
    """Whether an order that was sent is still on its way or resting."""
    return cold_at(&venue.pools, slot).generation == generation


cdef inline void slot_give_back(Venue* venue, slot_t slot) noexcept nogil:
    order_at(&venue.pools, slot).leaves_lots = 0
    cold_at(&venue.pools, slot).generation = (cold_at(&venue.pools, slot).generation + 1) & GENERATION_MASK
    slab_give(&venue.pools.orders, slot)


# ---- cover (V-1, V-2) ----

cdef inline atoms_t base_atoms(Market* market, qty_t lots) noexcept nogil:
    cdef int64_t atoms
    if mul_overflows(lots, market.base_atoms_per_lot, &atoms):
        return <int64_t>1 << 62
    return atoms


cdef inline atoms_t spot_reservation(Market* market, int8_t side, qty_t lots, int64_t price) noexcept nogil:
    """What a spot order of this size must have free, in quote (buy) or base (sell) atoms."""
    if side == SIDE_BUY:
        return notional_atoms(market, lots, price)
    return base_atoms(market, lots)


cdef inline atoms_t cost_to_take(Venue* venue, Market* market, qty_t lots) noexcept nogil:
    """Exact quote atoms that a market buy of `lots` would pay as the book stands. O(levels met)."""
    cdef Ladder* asks = &market.book.ladder[1]
    cdef int64_t key = asks.best_key
    cdef uint32_t level = asks.best_level
    cdef atoms_t cost = 0
    cdef qty_t take
    while lots > 0 and key != KEY_NONE:
        take = min64(lots, level_at(&venue.pools.ladders, level).qty_lots)
        if add_overflows(cost, notional_atoms(market, take, ladder_price(asks, <uint32_t>key)), &cost):
            return <int64_t>1 << 62
        lots -= take
        key = ladder_next(&venue.pools.ladders, asks, key + 1, &level)
    return cost


cdef inline bint is_within_exposure(Venue* venue, Market* market, uint32_t market_id, PlaceCommand* command) noexcept nogil:
    """Whether position, resting orders and this order stay within the bound of a position, in lots and atoms (U-10)."""
    cdef Holding* holding = holding_at(&venue.accounts, holding_find(&venue.accounts, command.owner, market_id))
    cdef atoms_t worth
    if command.qty_lots > EXPOSURE_MAX - abs64(holding.position_lots) - holding.working_lots:
        return 0
    worth = notional_atoms(market, command.qty_lots, market.book.price_max if command.order_type == TYPE_MARKET else command.price_ticks)
    if worth > EXPOSURE_MAX and command.order_type == TYPE_MARKET and command.side == SIDE_BUY:
        worth = cost_to_take(venue, market, command.qty_lots)
    elif worth > EXPOSURE_MAX and command.order_type == TYPE_MARKET:
        worth = notional_atoms(market, command.qty_lots, max64(0, book_best(&market.book, 0))) if book_best(&market.book, 0) != NO_PRICE else 0
    return worth <= EXPOSURE_MAX - abs64(holding.cost_atoms) - holding.working_atoms


cdef inline bint is_covered(Venue* venue, Market* market, PlaceCommand* command) noexcept nogil:
    cdef uint32_t asset = market.quote_asset if command.side == SIDE_BUY else market.base_asset
    cdef Balance* balance = balance_at(&venue.ledger, command.owner, asset)
    cdef atoms_t need
    if command.side == SIDE_BUY and command.order_type == TYPE_MARKET:
        need = cost_to_take(venue, market, command.qty_lots)
    else:
        need = spot_reservation(market, command.side, command.qty_lots, command.price_ticks)
    return need <= balance.atoms - balance.reserved


# ---- settlement ----

cdef inline void pay_fee(Venue* venue, uint32_t account, uint32_t asset, atoms_t base, int64_t fee_ppm) noexcept nogil:
    """ceil(base * fee_ppm / 10^6) from the account to the fees account (L-4, L-8)."""
    cdef atoms_t fee = 0
    if fee_ppm == 0:
        return
    mul_div_ceil(base, fee_ppm, 1000000, &fee)
    ledger_move(&venue.ledger, account, ACCOUNT_FEES, asset, fee)


cdef inline void settle_spot(Venue* venue, Market* market, uint32_t buyer, uint32_t seller, qty_t lots, int64_t price,
                             bint maker_buys) noexcept nogil:
    """Move base and quote, release the maker's reservation, take the fees (L-3, L-4, V-1)."""
    cdef atoms_t base = base_atoms(market, lots), quote = notional_atoms(market, lots, price)
    if maker_buys:
        balance_at(&venue.ledger, buyer, market.quote_asset).reserved -= quote
    else:
        balance_at(&venue.ledger, seller, market.base_asset).reserved -= base
    ledger_move(&venue.ledger, seller, buyer, market.base_asset, base)
    ledger_move(&venue.ledger, buyer, seller, market.quote_asset, quote)
    pay_fee(venue, buyer, market.base_asset, base, market.maker_fee_ppm if maker_buys else market.taker_fee_ppm)
    pay_fee(venue, seller, market.quote_asset, quote, market.taker_fee_ppm if maker_buys else market.maker_fee_ppm)


cdef inline void work_order(Venue* venue, Market* market, uint32_t account, uint32_t market_id, qty_t lots, int64_t price) noexcept nogil:
    """Note lots that come to rest (> 0) or stop resting (< 0) on a perpetual."""
    cdef Holding* holding = holding_at(&venue.accounts, holding_find(&venue.accounts, account, market_id))
    holding.working_lots += lots
    holding.working_atoms += notional_atoms(market, lots, price)


cdef inline void settle_side(Venue* venue, Market* market, uint32_t account, uint32_t market_id, int sign, qty_t lots,
                             int64_t price, int64_t fee_ppm) noexcept nogil:
    """One side of a perpetual trade: position, realised PnL against clearing, fee (L-5 .. L-8)."""
    cdef slot_t slot = holding_find(&venue.accounts, account, market_id)
    cdef atoms_t realised
    realised = position_apply(market, holding_at(&venue.accounts, slot), sign, lots, price)
    balance_at(&venue.ledger, account, market.quote_asset).atoms += realised
    market.clearing -= realised
    pay_fee(venue, account, market.quote_asset, notional_atoms(market, lots, price), fee_ppm)


# Settle the fill rows first .. row_count - 1 of one command and complete them as trade rows. Cannot fail. O(fills).
cdef inline void venue_settle(Venue* venue, uint32_t market_id, PlaceCommand* command, int64_t first) noexcept nogil:
    cdef Market* market = market_at(venue, market_id)
    cdef Table* fills = &venue.pools.fills
    cdef int64_t row, number = market.book.trade_count - (fills.row_count - first)
    cdef int32_t maker
    cdef int64_t price
    cdef qty_t lots
    cdef bint taker_buys = command.side == SIDE_BUY
    # invariant: rows first .. row - 1 are settled
    for row in range(first, fills.row_count):
        number += 1
        maker = (<int32_t*>table_cell(fills, row, FILL_MAKER_OWNER))[0]
        price = (<int32_t*>table_cell(fills, row, FILL_PRICE))[0]
        lots = (<int64_t*>table_cell(fills, row, FILL_QTY))[0]
        (<int32_t*>table_cell(fills, row, FILL_COMMAND))[0] = <int32_t>number
        (<int64_t*>table_cell(fills, row, TRADE_TIME))[0] = venue.now_ms
        (<uint32_t*>table_cell(fills, row, TRADE_CAUSE))[0] = command.cause
        (<uint16_t*>table_cell(fills, row, TRADE_MARKET))[0] = <uint16_t>market_id
        (<int8_t*>table_cell(fills, row, TRADE_SIDE))[0] = command.side
        if market.kind == MARKET_SPOT:
            if taker_buys:
                settle_spot(venue, market, command.owner, maker, lots, price, 0)
            else:
                settle_spot(venue, market, maker, command.owner, lots, price, 1)
        else:
            work_order(venue, market, maker, market_id, -lots, price)
            settle_side(venue, market, maker, market_id, -command.side, lots, price, market.maker_fee_ppm)
            settle_side(venue, market, command.owner, market_id, command.side, lots, price, market.taker_fee_ppm)


cdef inline void set_mover(Venue* venue, Mover* mover, uint32_t kind, int32_t account, int64_t number, uint32_t cause) noexcept nogil:
    mover.time_ms = venue.now_ms
    mover.number = number
    mover.account = account
    mover.cause = cause
    mover.kind = kind


cdef inline void note_touch(Market* market, int64_t bid_key, int64_t ask_key) noexcept nogil:
    """The best bid or ask has moved from these keys to what the book says now; the mover is set."""
    extremes_note(&market.touch_moves, &market.touch_mover, touch_value(market, bid_key, ask_key),
                  touch_value(market, market.book.ladder[0].best_key, market.book.ladder[1].best_key))


# ---- arrivals (phase 8) ----

cdef inline void order_to_command(Venue* venue, slot_t slot, PlaceCommand* command) noexcept nogil:
    cdef Order* order = order_at(&venue.pools, slot)
    cdef OrderCold* cold = cold_at(&venue.pools, slot)
    command.name = cold.id
    command.qty_lots = cold.reserved_word
    command.price_ticks = order.price_ticks
    command.owner = order.owner
    command.cause = cold.cause
    command.command = 0
    command.side = SIDE_SELL if order.flags & ORDER_SELL else SIDE_BUY
    command.order_type = TYPE_MARKET if order.flags & ORDER_IS_MARKET else TYPE_LIMIT
    command.time_in_force = TIF_IOC if order.flags & (ORDER_IS_IOC | ORDER_IS_MARKET) else TIF_GTC
    command.naming = NAMED_LOCAL


cdef inline int arrival_check(Venue* venue, Market* market, uint32_t market_id, uint32_t flags, PlaceCommand* command) noexcept nogil:
    """Frozen, capped to the position (engine), legal, covered; writes the journal row in between."""
    cdef slot_t slot
    cdef qty_t held
    cdef int reason
    if flags & ORDER_OF_ENGINE:
        slot = holding_find(&venue.accounts, command.owner, market_id)
        held = holding_at(&venue.accounts, slot).position_lots
        if held == 0 or (held > 0) == (command.side == SIDE_BUY):
            return REJECT_QTY_NOT_POSITIVE       # nothing left to reduce (X-5)
        command.qty_lots = min64(command.qty_lots, abs64(held))
    elif account_at(&venue.accounts, command.owner).liquidation:
        return REJECT_ACCOUNT_FROZEN
    venue_journal(venue, JOURNAL_PLACE, market_id, command.owner, command.name, command.side, command.order_type,
                  command.time_in_force, command.price_ticks, command.qty_lots)
    reason = book_check(&venue.pools, &market.book, command)
    if reason != REJECT_NONE:
        return reason
    if market.kind == MARKET_SPOT:
        return REJECT_NONE if is_covered(venue, market, command) else REJECT_INSUFFICIENT_FUNDS
    if flags & ORDER_OF_ENGINE or is_within_exposure(venue, market, market_id, command):
        return REJECT_NONE
    return REJECT_NOTIONAL_OUT_OF_BOUNDS


# Take a resting order off, release its reservation, note the mover. Needs: it rests. Cannot fail. O(1).
cdef inline void venue_remove(Venue* venue, slot_t slot, uint32_t cause) noexcept nogil:
    cdef Order* order = order_at(&venue.pools, slot)
    cdef uint32_t market_id = page_at(&venue.pools.ladders, order.level >> 8).ladder_tag >> 1
    cdef Market* market = market_at(venue, market_id)
    cdef bint asks = order.flags & ORDER_SELL
    cdef int8_t side = SIDE_SELL if asks else SIDE_BUY
    cdef int32_t account = order.owner
    cdef int64_t number = cold_at(&venue.pools, slot).id
    cdef int64_t bid = market.book.ladder[0].best_key, ask = market.book.ladder[1].best_key
    cdef Outcome out
    venue_journal(venue, JOURNAL_CANCEL, market_id, account, number, side, 0, 0, order.price_ticks, order.leaves_lots)
    if market.kind == MARKET_SPOT:
        balance_at(&venue.ledger, account, market.base_asset if asks else market.quote_asset).reserved -= \
            spot_reservation(market, side, order.leaves_lots, order.price_ticks)
    else:
        work_order(venue, market, account, market_id, -order.leaves_lots, order.price_ticks)
    book_remove(&venue.pools, &market.book, slot, &out)
    venue.cancel_count += 1
    if market.book.ladder[0].best_key != bid or market.book.ladder[1].best_key != ask:
        set_mover(venue, &market.touch_mover, MOVER_CANCEL, account, number, cause)
        note_touch(market, bid, ask)


# Cancel every resting order of an account, on all its markets (X-4). O(its orders).
cdef inline void venue_cancel_account(Venue* venue, uint32_t account, uint32_t cause) noexcept nogil:
    cdef slot_t slot = head_at(&venue.pools, <int32_t>account)[0], next_slot
    while slot != NIL:
        next_slot = cold_at(&venue.pools, slot).owner_next
        venue_remove(venue, slot, cause)
        slot = next_slot


cdef inline void venue_rest(Venue* venue, Market* market, uint32_t market_id, PlaceCommand* command, qty_t leaves) noexcept nogil:
    """What came to rest reserves its cover (spot, V-1) or counts as working (perpetual, U-10)."""
    if market.kind == MARKET_PERPETUAL:
        work_order(venue, market, command.owner, market_id, leaves, command.price_ticks)
        return
    balance_at(&venue.ledger, command.owner, market.quote_asset if command.side == SIDE_BUY else market.base_asset).reserved += \
        spot_reservation(market, command.side, leaves, command.price_ticks)


cdef inline bint account_is_flat(Venue* venue, uint32_t account) noexcept nogil:
    cdef slot_t slot = account_at(&venue.accounts, account).holdings
    while slot != NIL:
        if holding_at(&venue.accounts, slot).position_lots:
            return 0
        slot = holding_at(&venue.accounts, slot).next_of_account
    return 1


cdef inline void account_defund(Venue* venue, uint32_t account, uint32_t asset, uint32_t market_id, uint32_t cause) noexcept nogil:
    """A loss that ate reserved money takes the account's orders; one that left a flat account negative is covered (V-6)."""
    cdef Balance* balance = balance_at(&venue.ledger, account, asset)
    if balance.atoms >= balance.reserved:
        return
    venue_cancel_account(venue, account, cause)
    if balance.atoms < 0 and not account_at(&venue.accounts, account).liquidation and account_is_flat(venue, account):
        venue_schedule(venue, venue.now_ms, PHASE_BACKSTOP, EVENT_COVER, account, market_id, cause)


cdef inline void venue_defund(Venue* venue, Market* market, PlaceCommand* command, int64_t first) noexcept nogil:
    """account_defund for both sides of every fill of a command. O(fills)."""
    cdef int64_t row
    cdef uint32_t market_id = market.book.ladder[0].tag >> 1
    for row in range(first, venue.pools.fills.row_count):
        account_defund(venue, (<int32_t*>table_cell(&venue.pools.fills, row, FILL_MAKER_OWNER))[0], market.quote_asset, market_id, command.cause)
    account_defund(venue, command.owner, market.quote_asset, market_id, command.cause)


# An order arrives (phase 8): check, match, settle, rest. On reject nothing but counters changes. O(orders met).
cdef inline void venue_order_arrives(Venue* venue, slot_t slot, uint32_t generation) noexcept nogil:
    cdef uint32_t market_id, flags
    cdef Market* market
    cdef PlaceCommand command
    cdef Outcome out
    cdef int64_t bid, ask, last, first = venue.pools.fills.row_count
    cdef int reason
    if cold_at(&venue.pools, slot).generation != generation:
        venue.fault = FAULT_EVENT
        return
    flags = order_at(&venue.pools, slot).flags
    market_id = order_at(&venue.pools, slot).level
    market = market_at(venue, market_id)
    order_to_command(venue, slot, &command)
    venue.order_count += 1
    reason = arrival_check(venue, market, market_id, flags, &command)
    bid = market.book.ladder[0].best_key
    ask = market.book.ladder[1].best_key
    last = market.book.last_price
    if reason == REJECT_NONE:
        reason = book_place(&venue.pools, &market.book, &command, slot, &out)
    if reason != REJECT_NONE:
        venue.reject_count[reason] += 1
        slot_give_back(venue, slot)
        return
    if out.leaves_lots:
        venue_rest(venue, market, market_id, &command, out.leaves_lots)
    if out.filled_lots:
        set_mover(venue, &market.last_mover, MOVER_TRADE, command.owner, command.name, command.cause)
        extremes_note(&market.last_moves, &market.last_mover, last, market.book.last_price)
        venue_settle(venue, market_id, &command, first)
    if market.book.ladder[0].best_key != bid or market.book.ladder[1].best_key != ask:
        set_mover(venue, &market.touch_mover, MOVER_TRADE if out.filled_lots else MOVER_PLACE, command.owner, command.name, command.cause)
        note_touch(market, bid, ask)
    if out.filled_lots and market.kind == MARKET_PERPETUAL:
        venue_defund(venue, market, &command, first)
    if not venue.records_trades:
        venue.pools.fills.row_count = first


# A cancel arrives (phase 8). If the order is still in flight the cancel waits for nobody: it is a miss (V-5). O(1).
cdef inline void venue_cancel_arrives(Venue* venue, slot_t slot, uint32_t generation, uint32_t cause) noexcept nogil:
    if cold_at(&venue.pools, slot).generation != generation or order_at(&venue.pools, slot).leaves_lots == 0:
        venue.cancel_miss_count += 1
        return
    venue_remove(venue, slot, cause)


# ---- prices (phase 2) ----

cdef inline Publication* publication_at(Venue* venue, slot_t slot) noexcept nogil:
    return <Publication*>(venue.publications.base) + slot


cdef inline Oracle* oracle_at(Venue* venue, uint32_t slot) noexcept nogil:
    return <Oracle*>(venue.oracles.base) + slot


# A value becomes the published index or mark; a mark queues its margin check for phase 4 (P-2, P-4). O(1).
cdef inline void venue_publish(Venue* venue, slot_t slot) noexcept nogil:
    cdef Publication* publication = publication_at(venue, slot)
    cdef Market* market = market_at(venue, publication.market)
    cdef Table* table = &venue.prices
    cdef int64_t row = table.row_count
    venue_journal(venue, JOURNAL_INDEX if publication.kind == ORACLE_INDEX else JOURNAL_MARK, publication.market, -1, 0, 0, 0, 0,
                  publication.price_ticks, 0)
    if table_reserve(table, 1):
        venue.fault = FAULT_NO_MEMORY
        return
    (<int64_t*>table_cell(table, row, PRICE_TIME))[0] = venue.now_ms
    (<int64_t*>table_cell(table, row, PRICE_TICKS))[0] = publication.price_ticks
    (<uint32_t*>table_cell(table, row, PRICE_CAUSE))[0] = publication.mover.cause
    (<uint16_t*>table_cell(table, row, PRICE_MARKET))[0] = <uint16_t>publication.market
    (<uint8_t*>table_cell(table, row, PRICE_KIND))[0] = <uint8_t>publication.kind
    table.row_count = row + 1
    if publication.kind == ORACLE_INDEX:
        market.index_ticks = publication.price_ticks
        market.index_ms = venue.now_ms
        market.index_mover = publication.mover
        slab_give(&venue.publications, slot)
    else:
        market.mark_ticks = publication.price_ticks
        market.mark_ms = venue.now_ms
        venue_schedule(venue, venue.now_ms, PHASE_MARGIN, EVENT_CHECK, publication.market, slot, publication.mover.cause)


# An oracle samples its source; the value is published after its lag, and the next sample scheduled (P-2). O(1).
cdef inline void venue_sample_price(Venue* venue, uint32_t oracle_slot) noexcept nogil:
    cdef Oracle* oracle = oracle_at(venue, oracle_slot)
    cdef Publication sample
    cdef bint known
    cdef slot_t slot
    sample.market = oracle.market
    sample.kind = oracle.kind
    if oracle.kind == ORACLE_INDEX:
        known = index_sample(market_at(venue, oracle.source), market_at(venue, oracle.market).index_ticks, &sample)
    else:
        known = mark_sample(market_at(venue, oracle.market), &sample)
    venue_schedule(venue, venue.now_ms + oracle.every_ms, PHASE_PRICES, EVENT_SAMPLE_PRICE, oracle_slot, 0, 0)
    if not known:
        return
    if slab_reserve(&venue.publications, 1):
        venue.fault = FAULT_NO_MEMORY
        return
    slot = slab_take(&venue.publications)
    publication_at(venue, slot)[0] = sample
    if oracle.lag_ms == 0:
        venue_publish(venue, slot)
    else:
        venue_schedule(venue, venue.now_ms + oracle.lag_ms, PHASE_PRICES, EVENT_PUBLISH, slot, 0, 0)


# ---- observers (phase 9) ----

cdef inline void sample_depth(Venue* venue, uint32_t market_id) noexcept nogil:
    cdef Market* market = market_at(venue, market_id)
    cdef Table* table = &venue.depth
    cdef int64_t row = table.row_count, middle = market_mid(market), within
    if table_reserve(table, 1):
        venue.fault = FAULT_NO_MEMORY
        return
    if middle == NO_PRICE:
        middle = market.book.last_price
    (<int64_t*>table_cell(table, row, DEPTH_TIME))[0] = venue.now_ms
    (<int64_t*>table_cell(table, row, DEPTH_BID))[0] = book_best(&market.book, 0)
    (<int64_t*>table_cell(table, row, DEPTH_ASK))[0] = book_best(&market.book, 1)
    (<int64_t*>table_cell(table, row, DEPTH_LAST))[0] = market.book.last_price
    (<int64_t*>table_cell(table, row, DEPTH_INDEX))[0] = market.index_ticks
    (<int64_t*>table_cell(table, row, DEPTH_MARK))[0] = market.mark_ticks
    (<int64_t*>table_cell(table, row, DEPTH_BID_LOTS))[0] = 0
    (<int64_t*>table_cell(table, row, DEPTH_ASK_LOTS))[0] = 0
    if middle != NO_PRICE:
        within = ceil_div(abs64(middle), 100)
        (<int64_t*>table_cell(table, row, DEPTH_BID_LOTS))[0] = book_depth_to(
            &venue.pools, &market.book, 0, <price_t>max64(middle - within, market.book.price_min))
        (<int64_t*>table_cell(table, row, DEPTH_ASK_LOTS))[0] = book_depth_to(
            &venue.pools, &market.book, 1, <price_t>min64(middle + within, market.book.price_max))
    (<uint16_t*>table_cell(table, row, DEPTH_MARKET))[0] = <uint16_t>market_id
    table.row_count = row + 1


cdef inline void venue_sample_depth(Venue* venue) noexcept nogil:
    """One row per market, and the next sample."""
    cdef uint32_t market
    for market in range(venue.markets.count):
        sample_depth(venue, market)
    venue_schedule(venue, venue.now_ms + venue.depth_every_ms, PHASE_OBSERVERS, EVENT_SAMPLE_DEPTH, 0, 0, 0)
