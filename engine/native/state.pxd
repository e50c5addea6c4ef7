# State: the State struct, its events, and the two things that every floor above does: schedule and journal.
#
#   State   books, ledger, accounts, markets, venues | agents' heads, laws, notices, mass quotes | queue | tables
#
# Stands on: account, prices, queue, law, recorder. A State holds by value everything that a command touches. Without memory a fault is
# latched and the world refuses to go on; nothing is lost silently.

from engine.native.types cimport *
from engine.native.account cimport *
from engine.native.actions cimport *
from engine.native.arith cimport *
from engine.native.book cimport *
from engine.native.breaker cimport *
from engine.native.match cimport *
from engine.native.orders cimport *
from engine.native.columns cimport *
from engine.native.crowd cimport *
from engine.native.issuers cimport *
from engine.native.ladder cimport *
from engine.native.law cimport *
from engine.native.ledger cimport *
from engine.native.lineage cimport *
from engine.native.loans cimport *
from engine.native.market cimport *
from engine.native.policy cimport *
from engine.native.pools cimport *
from engine.native.prices cimport *
from engine.native.queue cimport *
from engine.native.recorder cimport *
from engine.native.risk cimport *
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
    EVENT_CANCEL_ACCOUNT = 3     # a account, b market, NIL all of them
    EVENT_SAMPLE_PRICE = 4       # a oracle
    EVENT_PUBLISH = 5            # a publication
    EVENT_CHECK = 6              # the units that are due, then the loans
    EVENT_STEP = 7               # a unit
    EVENT_COVER = 8              # a account, b asset, cause a landmark of the market that pays (VENUE_PAYS)
    EVENT_WAKE = 9               # a agent, b what its behaviour makes of it
    EVENT_NOTICE = 10            # a notice
    EVENT_MASS_QUOTE = 11        # a mass quote
    EVENT_SAMPLE = 12            # a SAMPLE_*, b stamp
    EVENT_REPLAY = 13            # a replay: its next rows are external input now
    EVENT_REPLAY_ROWS = 14       # a replay: they arrive
    EVENT_TIMER = 15             # a slot, b generation, cause the agent: an order of a flow has lived
    EVENT_PREMIUM = 16           # a funding: a premium sample
    EVENT_FUNDING = 17           # a funding: its market settles
    EVENT_INTEREST = 18          # a collateral, b its venue
    EVENT_TOP_UP = 20            # a top-up, b unit: its money comes
    EVENT_TAKEOVER = 21          # a unit
    EVENT_ADL = 22               # a unit
    EVENT_UNWIND = 23            # a venue: its backstop trades out
    EVENT_BACKSTOP = 24          # a venue: is its backstop worth enough?
    EVENT_RELIEF = 25            # a venue, b asset: its backstop is relieved of what settles there
    EVENT_ACTION = 26            # an action arrives at its venue
    EVENT_BLOCK = 27             # a venue
    EVENT_ACCRUE = 29            # a protocol: its clock of interest
    EVENT_SALE = 30              # a protocol: a step of its forced sale
    EVENT_ARRIVAL = 31           # a transit

# Event.kind: the kind, whether it stands before a gateway still, and of which venue (N-3).
cdef enum:
    KIND_BITS = 6
    KIND_MASK = 63
    KIND_AT_GATE = 64
    KIND_VENUE_SHIFT = 7
    VENUES_MAX = 500

cdef enum Fault:
    FAULT_NONE = 0
    FAULT_NO_MEMORY = 1
    FAULT_BOOK = 2
    FAULT_CONSERVATION = 3
    FAULT_POSITIONS = 4
    FAULT_EVENT = 5
    FAULT_RESERVED = 6
    FAULT_ROWS = 7               # of balances: NOTHING is written to, or an account's rows are out of order
    FAULT_WORKING = 8            # a desk's lots or atoms are not those of the resting orders
    FAULT_MARGIN = 9             # a unit's state or triggers are not what its evaluation says
    FAULT_LENDING = 10           # a reserve's claims, sums or cash, or a loan's level or triggers (Y-20, Y-21)
    FAULT_POOLS = 11             # a pool's balances are not what its account has (Z-16)
    FAULT_ISSUERS = 12           # what is on its way, or a token's supply (K-1, I-3)

cdef enum:
    ORDER_IS_MARKET = 16         # flags of an order in flight, beside those of the ladder
    ORDER_IS_IOC = 32
    ORDER_OF_ENGINE = 64         # the liquidation engine's: passes a frozen account, only reduces (X-5)
    ORDER_REDUCES = 128          # reduce-only, kept by the venue (C-7)
    ORDER_IS_FOK = 1 << 20       # beyond the ladder's

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
    JOURNAL_WRITE_OFF = 7        # account, asset in `market`, atoms in `qty`, payer in `number`; of an isolated margin: side 1, its market in `price`
    JOURNAL_ORACLE = 8
    JOURNAL_WITHDRAW = 9         # account, asset in `market`, atoms in `qty`
    JOURNAL_BORROW = 10          # account, asset in `market`, atoms in `qty`, lender in `number`
    JOURNAL_REPAY = 11
    JOURNAL_MARGIN = 12          # account, market, atoms in `qty` from its balance to its isolated margin there
    JOURNAL_INTEREST = 13        # account, asset in `market`, atoms in `qty`, lender or insurance fund in `number`, rate in `price` (ppb)
    JOURNAL_FUNDING = 14         # market, rate in `number` (ppb), price; 0 and 0: an interval was skipped
    JOURNAL_REDUCE = 15          # as CANCEL, of `qty` lots
    JOURNAL_LEVERAGE = 16        # of an isolated position: account, market, 10^6 / leverage in `qty`, 0 none
    JOURNAL_TRANSFER = 17        # L-14: giver in `account`, receiver in `number`, market, lots in `qty`, value in `price`, sign in `side`, why in `order_type`
    JOURNAL_PAYMENT = 18         # payer in `account`, receiver in `number`, asset in `market`, atoms in `qty`, why in `order_type`; `side`: + 1 into the
    # receiver's isolated margin, + 2 out of the payer's, its market in `price`
    JOURNAL_ACTION = 19          # B-9
    JOURNAL_ACCRUE = 20          # protocol in `market` (Y-17)
    JOURNAL_SALE = 21            # protocol in `market`, borrower in `account`: side 1 a step begins, -1 it is settled (Y-23)
    JOURNAL_ARRIVAL = 22         # K-4, I-4
    JOURNAL_POOL = 23            # Z-17: pool in `market`, account; `order_type` 1: a coin's atoms in `qty`, its number in `number`; 2, 3: a range added,
    # removed: liquidity in `qty`, lower in `price`, upper in `number`

# Why the venue moved a position, or money.
cdef enum TransferReason:
    TRANSFER_TAKEOVER = 1        # to the backstop (X-8)
    TRANSFER_ADL = 2             # to a candidate (X-11)
    TRANSFER_REST = 3            # to the backstop: nobody else could take it (X-11)
    PAYMENT_BALANCE = 4          # what an account had or lacked, to or from the backstop (X-8)
    PAYMENT_FUND = 5             # of the insurance fund (X-10)
    PAYMENT_SHARE = 6            # of a loss that is shared (X-10)
    PAYMENT_CLEARANCE = 7        # fee to the insurance fund (X-14)
    TRANSFER_SETTLED = 8         # from a backstop to itself: a gain is realised at mark (X-9)
    PAYMENT_GAS = 9              # of an action (B-4)

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
    PRICE_KIND = 4               # uint8 PriceKind (recorder.pxd)
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
    DEPTH_OPEN_LOTS = 8
    DEPTH_MARKET = 9             # uint16
    DEPTH_COLUMNS = 10

# A place with an entrance and accounts of its own (N-3); how it liquidates stands in its Policy.
cdef struct Venue:
    int64_t service_us           # the gateway's time for a message, 0 = no queue
    int64_t free_us              # when it has done what stands before it
    time_ms_t held_ms            # the last millisecond for which it has held a message back
    int64_t message_count        # messages that came through it
    uint32_t accounts            # its own: fees, insurance fund, bad debt (V-7)
    uint32_t has_gateway         # messages pass it, even while it takes no time: some may wait there still
    uint32_t taken               # landmark by which its backstop took something last, 0 none
    uint32_t taken_market        # and the market of it
    uint32_t unwinds             # its backstop trades out: a step is queued
    uint32_t is_looked_at        # a look at its backstop is queued

# Behaviours of agents, a file of agents/ each.
cdef enum Behaviour:
    BEHAVIOUR_SHOCK = 0
    BEHAVIOUR_NOISE = 1
    BEHAVIOUR_MAKER = 2
    BEHAVIOUR_FLOW = 3
    BEHAVIOUR_POINT = 4          # market orders of a Poisson or Hawkes process
    BEHAVIOUR_MOMENTUM = 5
    BEHAVIOUR_ARBITRAGE = 6
    BEHAVIOUR_VALUE = 7
    BEHAVIOUR_PYTHON = 8
    BEHAVIOUR_HEDGE = 9
    BEHAVIOUR_BOT = 10
    BEHAVIOUR_LOOPER = 11
    BEHAVIOUR_POOL_ARBITRAGE = 12
    BEHAVIOURS = 13

cdef enum:
    HEARS_FILLS = 1
    HEARS_ENDS = 2               # refusals, and cancels that it did not send
    HEARS_ACKS = 4               # acceptances and its own cancels
    HEARS_BOOK = 8               # changes of a touch, where it subscribed
    HEARS_TRANSFERS = 16         # positions that the venue moved; who hears of fills hears of these too
    HEARS_ACTIONS = 32           # what became of its actions
    HEARS_LOANS = 64             # margin calls of its own loans

# The head of every agent: who it is and how far away. Its behaviour's record stands in a slab of that behaviour.
cdef struct Agent:
    uint64_t stream              # key of its draws (R-2)
    time_ms_t base_ms            # least time of a message, either way
    slot_t law                   # Law of what comes on top, NIL none
    slot_t picture_law           # Law of the way of what it sees when it wakes, NIL none (N-2)
    time_ms_t picture_ms         # least time of that
    int32_t account
    uint32_t behaviour           # Behaviour
    uint32_t row                 # its record
    uint32_t landmark            # the last one of its own, 0 none
    uint32_t hears               # HEARS_*
    slot_t desk                  # link of its actions (B-2), NIL until the first

cdef enum NoticeKind:
    NOTICE_FILL = 1
    NOTICE_REJECT = 2            # `reason` says why
    NOTICE_CANCEL = 3            # taken off, by whomever
    NOTICE_ACK = 4               # it rests
    NOTICE_BOOK = 5              # the touch of a market has changed
    NOTICE_LIQUIDATION = 6       # the account's liquidation has begun
    NOTICE_MARGIN = 7            # it stands beyond another boundary of its venue's ladder than before
    NOTICE_ACTION = 9            # an action was executed: `leaves_lots` paid, `lots` got, `reason`; `side` its kind, `market` its target
    NOTICE_LOAN = 10             # a loan's level changed, or there is work at a protocol: `side` the level, `market` the protocol
    NOTICE_TRANSFER = 8          # the venue has moved a position of it (L-14): `side` and `lots` as of a trade, `reason` a TransferReason

# What a venue tells an agent; on its way until its event (N-4).
cdef struct Notice:
    time_ms_t time_ms            # when it happened
    int64_t number               # the order's number
    qty_t lots                   # filled, refused or cancelled
    qty_t leaves_lots            # open afterwards
    slot_t slot                  # the order
    uint32_t generation
    uint32_t agent
    uint32_t market
    price_t price_ticks
    uint32_t cause
    int8_t side
    uint8_t kind                 # NoticeKind
    uint8_t reason               # RejectReason
    uint8_t pad

# An agent that wants to know when a market's touch changes: one notice at a time is on its way to it (N-6).
cdef struct Watcher:
    uint32_t agent
    uint32_t market
    uint32_t is_told             # a notice is on its way
    slot_t next                  # next watcher of the market

# One row of replayed data, and the order that it placed (T-6).
cdef struct ReplayRow:
    time_ms_t time_ms
    qty_t qty_lots
    price_t price_ticks
    int32_t account
    int32_t ref                  # cancel: the row, within its replay, that placed the order
    slot_t slot                  # place: its order
    uint32_t generation
    uint16_t market
    int8_t side
    uint8_t kind                 # CommandKind: PLACE or CANCEL
    uint32_t flags               # ORDER_IS_MARKET, ORDER_IS_IOC
    uint32_t is_done

# A cursor over its rows: no event stands in the queue but that of its next millisecond.
cdef struct Replay:
    uint32_t first               # its first row
    uint32_t count
    uint32_t next                # rows done
    uint32_t pad

cdef enum:
    MASS_QUOTE_MOST = 64         # messages in one

cdef struct MassItem:
    slot_t slot
    uint32_t generation
    uint32_t is_cancel

# Cancels and orders of one agent for one market that travel as one event; each is a message of its own there (N-5).
cdef struct MassQuote:
    slot_t next                  # free list
    uint32_t count
    uint32_t cause
    uint32_t pad
    MassItem item[MASS_QUOTE_MOST]

cdef struct State:
    BookPools pools              # pools.fills is the trades table
    Ledger ledger
    Accounts accounts
    Risk risk
    Crowds crowds                # holders without an agent
    Slab policies                # Policy, a row a venue
    Slab runs                    # Run: liquidations that are running
    Slab sell_order              # uint32 assets, in the order of SELL_CUSTOM
    Slab roster                  # uint32 holdings: of each market that was ranked a stretch (ranking.pxd)
    Lending lending
    Pools amm                    # pools of coins
    Issuers issuers              # and routes
    Slab chains                  # Chain, a row a venue
    Slab actions                 # Action on its way, or waiting for a block
    Lineage lineage
    Queue queue
    Slab markets                 # Market
    Slab fundings                # Funding (funding.pxd), of the perpetuals that have one
    Slab publications            # Publication in transit
    Slab oracles                 # Oracle
    Feeds feeds                  # their sources, windows and paths
    Slab venues                  # Venue
    Slab agents                  # Agent
    Slab laws                    # Law
    Slab notices                 # Notice
    Slab mass_quotes             # MassQuote
    Slab watchers                # Watcher
    Slab replays                 # Replay
    Slab replay_rows             # ReplayRow
    Slab rows[BEHAVIOURS]        # records of each behaviour
    Slab quotes                  # a maker's markets (agents/maker)
    Table journal
    Table prices
    Table depth                  # the samples table: DEPTH_*
    Recorder recorder            # the other tables, and what is on
    uint64_t seed
    time_ms_t now_ms
    int64_t event_count
    int64_t order_count          # orders that arrived
    int64_t forced_count         # of which venues sent in liquidations
    int64_t cancel_count         # orders cancelled
    int64_t notice_count         # notices sent
    int64_t mass_quote_count     # events that carried several messages
    int64_t cancel_miss_count    # V-5
    int64_t reject_count[64]     # by reason
    int32_t phase                # running phase
    int32_t fault                # Fault, latched: the world refuses to go on
    bint records_journal
    bint records_trades
    Slab breakers                # Breaker, of the markets that have one


cdef inline Market* market_at(State* state, uint32_t market) noexcept nogil:
    return <Market*>(state.markets.base) + market


cdef inline uint32_t order_market(State* state, Order* order) noexcept nogil:
    """The market where an order rests."""
    return page_at(&state.pools.ladders, order.level >> 8).ladder_tag >> 1


cdef inline Breaker* breaker_at(State* state, slot_t slot) noexcept nogil:
    return <Breaker*>(state.breakers.base) + slot


cdef inline bint is_halted(State* state, const Market* market) noexcept nogil:
    """Whether a market's breaker refuses orders now (V-9)."""
    return unlikely(market.breaker != NIL) and breaker_is_halted(breaker_at(state, market.breaker), state.now_ms)


cdef inline Venue* venue_at(State* state, uint32_t venue) noexcept nogil:
    return <Venue*>(state.venues.base) + venue


cdef inline Policy* policy_at(State* state, uint32_t venue) noexcept nogil:
    return <Policy*>(state.policies.base) + venue


cdef inline Chain* chain_at(State* state, uint32_t venue) noexcept nogil:
    return <Chain*>(state.chains.base) + venue


cdef inline Action* action_at(State* state, slot_t slot) noexcept nogil:
    return <Action*>(state.actions.base) + slot


cdef inline uint32_t fees_of(State* state, uint32_t venue) noexcept nogil:
    """The fee account of a venue (V-7)."""
    return venue_at(state, venue).accounts + ACCOUNT_FEES


cdef inline uint32_t fund_of(State* state, uint32_t venue) noexcept nogil:
    """The insurance fund of a venue (V-7)."""
    return venue_at(state, venue).accounts + ACCOUNT_INSURANCE


cdef inline uint32_t backstop_of(State* state, uint32_t venue) noexcept nogil:
    """The account that takes over at a venue (X-8)."""
    return policy_at(state, venue).backstop if policy_at(state, venue).backstop != NIL else fund_of(state, venue)


cdef inline Run* run_at(State* state, slot_t slot) noexcept nogil:
    return <Run*>(state.runs.base) + slot


cdef inline Venue* venue_of(State* state, uint32_t market) noexcept nogil:
    """The venue of a market."""
    return venue_at(state, market_at(state, market).venue)


cdef inline Agent* agent_at(State* state, uint32_t agent) noexcept nogil:
    return <Agent*>(state.agents.base) + agent


cdef inline Slab* rows_of(State* state, int behaviour) noexcept nogil:
    """The records of a behaviour."""
    return &state.rows[behaviour]


cdef inline Notice* notice_at(State* state, slot_t slot) noexcept nogil:
    return <Notice*>(state.notices.base) + slot


cdef inline Watcher* watcher_at(State* state, slot_t slot) noexcept nogil:
    return <Watcher*>(state.watchers.base) + slot


cdef inline MassQuote* mass_quote_at(State* state, slot_t slot) noexcept nogil:
    return <MassQuote*>(state.mass_quotes.base) + slot


# Schedule an event of this millisecond's run; an effect for a phase at or before the running one is due in the next
# millisecond (T-3). Returns the due time. Without memory the fault is latched. O(1) amortised.
cdef inline time_ms_t venue_schedule(State* state, time_ms_t due_ms, int16_t phase, uint16_t kind, uint32_t a, uint32_t b,
                                     uint32_t cause) noexcept nogil:
    cdef Event event
    if due_ms <= state.now_ms:
        due_ms = state.now_ms + (phase <= state.phase)
    event.time_ms = due_ms
    event.priority = phase
    event.kind = kind
    event.a = a
    event.b = b
    event.cause = cause
    if queue_schedule(&state.queue, &event):
        state.fault = FAULT_NO_MEMORY
    return due_ms


cdef inline uint32_t venue_landmark(State* state, uint16_t kind, uint32_t market, int32_t account, uint32_t parent, int64_t value) noexcept nogil:
    """Record a landmark of a market; 0 and a latched fault without memory."""
    cdef uint32_t slot
    market_at(state, market).landmark_count += 1
    slot = lineage_add(&state.lineage, state.now_ms, kind, <uint16_t>market, market_at(state, market).landmark_count, account, parent, value)
    if slot == 0:
        state.fault = FAULT_NO_MEMORY
    return slot


cdef inline void venue_journal(State* state, uint8_t kind, uint32_t market, int32_t account, int64_t number, int8_t side,
                               uint8_t order_type, uint8_t tif, int64_t price, int64_t qty) noexcept nogil:
    """Write one row (J-1); without memory the fault is latched."""
    cdef Table* table = &state.journal
    cdef int64_t row = table.row_count
    if not state.records_journal:
        return
    if table_reserve(table, 1):
        state.fault = FAULT_NO_MEMORY
        return
    (<int64_t*>table_cell(table, row, JOURNAL_TIME))[0] = state.now_ms
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
