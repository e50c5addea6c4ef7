# Market: a book with its units, fees, prices and movers; and the holdings that accounts have in it.
#
#   account -> holding of market 2 -> holding of market 9 -> NIL            holding -> desk
#                   market 9 -> its newest holding -> older ones -> NIL
#
# Stands on: book, ledger, lineage. A holding is created when an account first sends an order to a market or gets a
# position there; it stands in the account's list (sorted by market) and in the market's. Promises: whoever has a holding has a
# balance row for what the market settles in. Who sends no orders has no desk: a million such accounts fit.

from libc.string cimport memset

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.match cimport *
from engine.native.orders cimport *
from engine.native.ladder cimport KEY_NONE, ladder_price
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.slab cimport *

cdef enum MarketKind:
    MARKET_SPOT = 1
    MARKET_PERPETUAL = 2

# Who moved a price furthest, each way, since it was last sampled (G-4). The sampler only marks it stale, so that several
# samplers in one millisecond see the same; the next move starts anew.
cdef struct Extremes:
    Mover fall
    Mover rise
    int64_t fall_ticks           # size of the largest single fall, 0 = none
    int64_t rise_ticks
    time_ms_t sampled_ms         # when it was marked stale
    bint is_stale
    uint32_t pad

cdef struct Market:
    Book book
    int64_t atoms_per_tick_lot   # quote atoms of one lot at one tick (U-5)
    int64_t base_atoms_per_lot   # spot: base atoms of one lot
    atoms_t clearing             # perpetual: L-6
    atoms_t funding_pool         # perpetual: what rounding left of funding payments (F-3)
    int64_t index_ticks          # published index, NO_PRICE before the first (P-1)
    int64_t mark_ticks           # published mark
    time_ms_t index_ms           # when
    time_ms_t mark_ms
    Mover touch_mover            # last command that changed best bid or ask (G-3)
    Mover last_mover             # last aggressor
    Extremes touch_moves         # of the mid
    Extremes last_moves          # of the last price
    uint32_t landmark_count
    Mover index_mover            # mover behind the published index
    slot_t maintenance           # perpetual: schedule of the maintenance requirement
    slot_t initial               # perpetual: of the initial one, NIL: new positions are not gated
    slot_t collateral            # spot: row of its venue's collateral that its index prices, NIL none
    slot_t settles               # perpetual: row of its venue's collateral that it settles in, NIL none
    time_ms_t price_stale_ms     # a mark or index older than this is unknown, 0 never
    Mover mark_mover             # mover behind the published mark
    uint32_t mark_landmark       # its landmark, 0 until it has found a breach
    uint32_t index_landmark
    uint32_t oracle_landmark
    int64_t oracle_ticks         # published oracle, for collateral and lending (P-1); NO_PRICE before the first
    time_ms_t oracle_ms          # when
    Mover oracle_mover           # mover behind it
    int64_t funding_ppb          # perpetual: rate of the last settlement
    time_ms_t funding_next_ms    # its next settlement
    time_ms_t funding_every_ms   # its funding interval, 0 = none
    int64_t order_count          # orders that arrived
    int64_t cancel_count         # orders cancelled
    int64_t maker_fee_ppm
    int64_t taker_fee_ppm
    uint32_t base_asset          # spot
    uint32_t quote_asset         # quote, or settlement asset of a perpetual
    slot_t holdings              # first holding in this market
    uint32_t kind                # MarketKind
    uint32_t venue               # its venue
    slot_t watchers              # first Watcher of its touch, NIL none
    uint32_t reduces             # a reduce-only order has rested there (C-7)
    uint32_t is_backed           # its venue's backstop may have a position there (X-9)
    slot_t breaker               # its Breaker (V-9), NIL none; every order looks, so it stands where `reduces` does
    uint32_t pad
    slot_t rank_first[2]         # the ranking of its shorts, of its longs (X-12), NIL at its end
    time_ms_t ranked_ms[2]       # when it was made, -1 never
    uint32_t roster_first        # its holdings, one behind the other in State.roster (ranking.pxd)
    uint32_t roster_count
    uint32_t roster_room         # rows of the roster that are its own
    slot_t roster_head           # `holdings` when it was last brought up to date, NIL never
    qty_t open_lots              # perpetual: its open interest, the sum of its longs (L-5)

# What an account does in a market: its orders, and its link there (N-1). One cache line.
cdef struct Desk:
    int64_t orders_sent          # the last order number (V-4)
    qty_t bid_lots               # perpetual: sum of its resting bids (U-10)
    qty_t ask_lots               # and of its asks
    atoms_t working_atoms        # their notional at their own prices, both sides
    time_ms_t out_due_ms         # arrival of the last message to the market: a link is first in, first out
    time_ms_t in_due_ms          # arrival of the last notice from it
    time_ms_t drawn_ms           # millisecond in which `draws` were made
    uint32_t draws               # latencies of messages drawn in it
    uint32_t in_draws            # latencies of notices drawn in it

# What an account has in a market: its position, and where the rest stands.
cdef struct Holding:
    qty_t position_lots          # signed, perpetual only
    atoms_t cost_atoms           # signed sum of price x lots x atoms_per_tick_lot (L-5)
    uint32_t account
    uint16_t market
    uint16_t reduces             # reduce-only orders may rest there (C-7)
    slot_t next_of_account       # next market of the account, ascending
    slot_t next_in_market        # older holding of the market
    slot_t desk                  # its Desk, NIL until the account sends an order there or is told of something
    slot_t trigger[2]            # what a fall, what a rise of its series fires, NIL none (E-1)
    int32_t anchor_ticks         # value of the series when they were set
    slot_t unit                  # what its position is tested with, NIL without one
    slot_t rank_next             # next candidate of its side's ranking (X-12)

cdef struct Account:
    slot_t holdings              # first holding, ascending by market
    uint32_t liquidation         # landmark of the running liquidation, 0 = none
    uint32_t agent               # who is told of its fills, NIL nobody (N-4)
    uint16_t venue               # where it stands
    uint8_t mode                 # AccountMode (risk.pxd)
    uint8_t is_closed            # a pool's, a route's, a cooldown's: it holds what that says, nothing comes or goes by another way (Z-16, K-1)
    slot_t units                 # its first Unit, NIL none
    slot_t loans                 # its first Loan, NIL none (loans.pxd)

cdef enum:
    RECENT_BITS = 14
    WALK_FEW = 4                 # holdings that are walked before the last one is asked

cdef struct Accounts:
    Slab accounts                # Account, same rows as the ledger's
    Slab holdings                # Holding
    Slab desks                   # Desk
    slot_t recent[1 << 14]       # holdings that were looked for behind an account's first one, by a hash: a maker of 1,000 markets is found at once
    slot_t last[1 << 14]         # last holdings of accounts, by a hash: who opens one market after another is found at once


cdef inline void accounts_init(Accounts* accounts) noexcept nogil:
    slab_init(&accounts.accounts, sizeof(Account), 0)
    slab_init(&accounts.holdings, sizeof(Holding), 0)
    slab_init(&accounts.desks, sizeof(Desk), 0)
    memset(accounts.recent, 0, sizeof(accounts.recent))
    memset(accounts.last, 0, sizeof(accounts.last))


cdef inline Account* account_at(Accounts* accounts, uint32_t account) noexcept nogil:
    return <Account*>(accounts.accounts.base) + account


cdef inline Holding* holding_at(Accounts* accounts, slot_t slot) noexcept nogil:
    return <Holding*>(accounts.holdings.base) + slot


cdef inline slot_t* last_of(Accounts* accounts, uint32_t account) noexcept nogil:
    """Where an account's last holding is remembered."""
    return &accounts.last[(account * <uint32_t>0x9E3779B1) >> (32 - RECENT_BITS)]


# An account's last holding, the one of its highest market, if it is remembered; else NIL. Needs: the account has a holding. O(1).
cdef inline slot_t holding_last(Accounts* accounts, uint32_t account) noexcept nogil:
    cdef slot_t slot = last_of(accounts, account)[0]
    return slot if holding_at(accounts, slot).account == account and holding_at(accounts, slot).next_of_account == NIL else <slot_t>NIL


cdef inline slot_t holding_find(Accounts* accounts, uint32_t account, uint32_t market) noexcept nogil:
    """Holding of an account in a market, NIL if there is none. O(1) for its first market, for one behind its last and for what was asked for of late."""
    cdef slot_t slot = account_at(accounts, account).holdings, last
    cdef uint32_t at, steps = 0
    if slot == NIL or holding_at(accounts, slot).market >= market:
        return slot if slot != NIL and holding_at(accounts, slot).market == market else NIL
    at = (account * <uint32_t>0x9E3779B1 ^ market * <uint32_t>0x85EBCA6B) >> (32 - RECENT_BITS)
    if holding_at(accounts, accounts.recent[at]).account == account and holding_at(accounts, accounts.recent[at]).market == market:
        return accounts.recent[at]
    while slot != NIL and holding_at(accounts, slot).market < market:
        slot = holding_at(accounts, slot).next_of_account
        steps += 1
        if steps == WALK_FEW:
            last = holding_last(accounts, account)
            if last != NIL and holding_at(accounts, last).market < market:
                return NIL
    if slot != NIL and holding_at(accounts, slot).market == market:
        accounts.recent[at] = slot
        return slot
    return NIL


cdef inline outlined_slot_t holding_make(Accounts* accounts, Market* market, uint32_t account, uint32_t market_id) noexcept nogil:
    """Make the holding that an account has not had yet in a market; NIL without memory (unchanged). O(1) behind its last one, else O(its markets)."""
    cdef slot_t fresh, last
    cdef slot_t* link
    cdef Holding* holding
    if slab_reserve(&accounts.holdings, 1):
        return NIL
    fresh = slab_take(&accounts.holdings)
    holding = holding_at(accounts, fresh)
    holding.position_lots = holding.cost_atoms = 0
    holding.account = account
    holding.market = <uint16_t>market_id
    holding.desk = holding.trigger[0] = holding.trigger[1] = holding.unit = NIL
    holding.anchor_ticks = 0
    holding.reduces = 0
    link = &account_at(accounts, account).holdings
    last = holding_last(accounts, account) if link[0] != NIL else <slot_t>NIL
    if last != NIL and holding_at(accounts, last).market < market_id:
        link = &holding_at(accounts, last).next_of_account
    while link[0] != NIL and holding_at(accounts, link[0]).market < market_id:
        link = &holding_at(accounts, link[0]).next_of_account
    holding.next_of_account = link[0]
    link[0] = fresh
    if holding.next_of_account == NIL:
        last_of(accounts, account)[0] = fresh
    holding.next_in_market = market.holdings
    market.holdings = fresh
    return fresh


cdef inline void position_change(Market* market, Holding* holding, qty_t lots) noexcept nogil:
    """Change a position; the one place where that is done, so that the open interest follows."""
    market.open_lots -= max64(0, holding.position_lots)
    holding.position_lots += lots
    market.open_lots += max64(0, holding.position_lots)


# Holding of an account in a market, made if need be, and with it the account's balance rows of what the market settles in. NIL if there is
# no memory. Moves balance rows when it makes one: refetch what `balance_at` gave. O(markets and rows of the account).
cdef inline slot_t holding_of(Ledger* ledger, Accounts* accounts, Market* market, uint32_t account, uint32_t market_id) noexcept nogil:
    cdef slot_t slot = holding_find(accounts, account, market_id)
    if slot != NIL:
        return slot
    if ledger_open(ledger, account, market.quote_asset):
        return NIL
    if market.kind == MARKET_SPOT and ledger_open(ledger, account, market.base_asset):
        return NIL
    return holding_make(accounts, market, account, market_id)


cdef inline Desk* desk_at(Accounts* accounts, slot_t slot) noexcept nogil:
    return <Desk*>(accounts.desks.base) + slot


cdef inline outlined_slot_t desk_make(Accounts* accounts, slot_t holding) noexcept nogil:
    """Make the desk that a holding has not had yet; NIL without memory (unchanged). O(1) amortised."""
    cdef slot_t fresh
    if slab_reserve(&accounts.desks, 1):
        return NIL
    fresh = slab_take(&accounts.desks)
    memset(desk_at(accounts, fresh), 0, sizeof(Desk))
    holding_at(accounts, holding).desk = fresh
    return fresh


# Desk of a holding, made if need be. NIL if there is no memory. O(1) amortised.
cdef inline slot_t desk_of(Accounts* accounts, slot_t holding) noexcept nogil:
    cdef slot_t slot = holding_at(accounts, holding).desk
    return slot if likely(slot != NIL) else desk_make(accounts, holding)


cdef inline Desk desk_read(Accounts* accounts, slot_t holding) noexcept nogil:
    """A copy of a holding's desk; zeros without one, or without a holding (NIL)."""
    cdef Desk desk
    if holding == NIL or holding_at(accounts, holding).desk == NIL:
        memset(&desk, 0, sizeof(Desk))
        return desk
    return desk_at(accounts, holding_at(accounts, holding).desk)[0]


cdef inline void market_init(Market* market, uint32_t id) noexcept nogil:
    book_init(&market.book, id)
    market.clearing = 0
    market.index_ticks = market.mark_ticks = market.oracle_ticks = NO_PRICE
    market.index_ms = market.mark_ms = market.oracle_ms = -1
    market.holdings = market.watchers = NIL
    market.landmark_count = 0
    market.is_backed = 0
    market.open_lots = 0
    market.roster_first = market.roster_count = market.roster_room = 0
    market.roster_head = NIL
    market.rank_first[0] = market.rank_first[1] = NIL
    market.ranked_ms[0] = market.ranked_ms[1] = -1
    market.maintenance = market.initial = market.collateral = market.settles = NIL
    market.breaker = NIL


cdef inline void extremes_note(Extremes* extremes, Mover* mover, int64_t before, int64_t after) noexcept nogil:
    """Note a move of a price from one value to another (NO_PRICE: there was none). Cannot fail. O(1)."""
    if before == NO_PRICE or after == NO_PRICE or before == after:
        return
    if extremes.is_stale:
        extremes.is_stale = 0
        extremes.fall_ticks = extremes.rise_ticks = 0
    if before - after > extremes.fall_ticks:
        extremes.fall_ticks = before - after
        extremes.fall = mover[0]
    elif after - before > extremes.rise_ticks:
        extremes.rise_ticks = after - before
        extremes.rise = mover[0]


cdef inline void extremes_mark(Extremes* extremes, time_ms_t now_ms) noexcept nogil:
    """Mark as sampled now, unless it has not moved since it was."""
    if not extremes.is_stale:
        extremes.is_stale = 1
        extremes.sampled_ms = now_ms


# The mover of the largest single move in the direction from `published` to `value` since the last sample; where there
# was none, the last mover. Reads only, but marks the extremes as sampled.
cdef inline Mover extremes_sample(Extremes* extremes, Mover* last, int64_t published, int64_t value, time_ms_t now_ms) noexcept nogil:
    if extremes.is_stale and extremes.sampled_ms != now_ms:
        return last[0]               # nothing has moved since the last sample
    extremes_mark(extremes, now_ms)
    if published != NO_PRICE and value < published and extremes.fall_ticks:
        return extremes.fall
    if published != NO_PRICE and value > published and extremes.rise_ticks:
        return extremes.rise
    return last[0]


cdef inline int64_t touch_value(Market* market, int64_t bid_key, int64_t ask_key) noexcept nogil:
    """The mid of two best keys; the one best price with a side empty, NO_PRICE with both."""
    cdef int64_t bid, ask
    if bid_key == KEY_NONE and ask_key == KEY_NONE:
        return NO_PRICE
    bid = ladder_price(&market.book.ladder[0], <uint32_t>bid_key)
    ask = ladder_price(&market.book.ladder[1], <uint32_t>ask_key)
    if bid_key == KEY_NONE:
        return ask
    if ask_key == KEY_NONE:
        return bid
    return (bid + ask) >> 1


cdef inline int64_t market_mid(Market* market) noexcept nogil:
    """(best bid + best ask) / 2 rounded down, NO_PRICE with one side empty (P-1)."""
    cdef int64_t bid = book_best(&market.book, 0), ask = book_best(&market.book, 1)
    if bid == NO_PRICE or ask == NO_PRICE:
        return NO_PRICE
    return (bid + ask) >> 1      # arithmetic shift: rounds down for negative sums too


cdef inline atoms_t notional_atoms(Market* market, qty_t lots, int64_t price) noexcept nogil:
    """price x lots in quote atoms, saturating at +-2^62 (no legal order or position reaches that, U-2, U-4)."""
    cdef int64_t product, atoms
    if mul_overflows(lots, price, &product) or mul_overflows(product, market.atoms_per_tick_lot, &atoms):
        return -(<int64_t>1 << 62) if (lots < 0) != (price < 0) else <int64_t>1 << 62
    return atoms
