# Recorder: the tables that a run can fill beside trades and journal, their columns, and which of them are on.
#
#   switches -> a hook asks one of them -> rows.pxd reserves and writes a row     cadence -> an event -> samples.pxd
#
# Stands on: columns, slab. A recorder decides nothing: the digest of a run is the same whatever is on. Its switches and
# cadences go with a snapshot, its rows do not. Promises: rows stand in the order of happening.

from engine.native.types cimport *
from engine.native.columns cimport *
from engine.native.slab cimport *

# What happened to an order; rows of ARRIVED say how it ended at once, the others follow its later life.
cdef enum OrderRowKind:
    ORDER_ARRIVED = 1            # reject_reason 0: accepted; filled and leaves are right after its own matching
    ORDER_CANCELLED = 2          # qty are the lots taken off, which did not trade
    ORDER_MISSED = 3             # a cancel found it still on its way (else the row names nobody: account -1)

cdef enum OrderRowColumn:
    ORDER_TIME = 0               # int64
    ORDER_NUMBER = 1             # int64, -1 for none
    ORDER_PRICE = 2              # int64, NO_PRICE for a market order
    ORDER_QTY = 3                # int64
    ORDER_FILLED = 4             # int64
    ORDER_LEAVES = 5             # int64
    ORDER_ACCOUNT = 6            # int32, -1 for none
    ORDER_CAUSE = 7              # uint32 landmark
    ORDER_MARKET = 8             # uint16, NO_MARKET for none
    ORDER_KIND = 9               # uint8 OrderRowKind
    ORDER_SIDE = 10              # int8
    ORDER_TYPE = 11              # uint8
    ORDER_TIF = 12               # uint8
    ORDER_REJECT = 13            # uint8 reason, 0 for none
    ORDER_COLUMNS = 14

cdef enum QuoteColumn:
    QUOTE_TIME = 0               # int64
    QUOTE_BID = 1                # int64, NO_PRICE for none
    QUOTE_BID_LOTS = 2           # int64, 0 for none
    QUOTE_ASK = 3
    QUOTE_ASK_LOTS = 4
    QUOTE_CAUSE = 5              # uint32 cause of the command that changed it
    QUOTE_MARKET = 6             # uint16
    QUOTE_COLUMNS = 7

cdef enum LevelColumn:
    LEVEL_TIME = 0               # int64
    LEVEL_LOTS = 1               # int64
    LEVEL_PRICE = 2              # int32
    LEVEL_MARKET = 3             # uint16
    LEVEL_RANK = 4               # uint16, 0 is the best
    LEVEL_SIDE = 5               # int8
    LEVEL_COLUMNS = 6

cdef enum AccountColumn:
    ACCOUNT_TIME = 0             # int64
    ACCOUNT_ATOMS = 1            # int64 each, atoms of the asset
    ACCOUNT_RESERVED = 2
    ACCOUNT_EQUITY = 3
    ACCOUNT_MAINTENANCE = 4
    ACCOUNT_NOTIONAL = 5
    ACCOUNT_NUMBER = 6           # int32
    ACCOUNT_LIQUIDATION = 7      # uint32 landmark of the running liquidation, 0 for none
    ACCOUNT_ASSET = 8            # uint16
    ACCOUNT_KNOWN = 9            # uint8: 1 if every position has a mark
    ACCOUNT_COLUMNS = 10

# Why atoms moved. Replayed in order, the rows give every balance and clearing account exactly.
cdef enum MovementKind:
    MOVEMENT_DEPOSIT = 1         # from outside
    MOVEMENT_BASE = 2            # base leg of a spot trade
    MOVEMENT_QUOTE = 3           # its quote leg
    MOVEMENT_FEE = 4
    MOVEMENT_REALISED = 5        # realised PnL against the market's clearing account (L-6)
    MOVEMENT_WRITE_OFF = 6       # L-10
    MOVEMENT_OPENING = 7         # realised PnL of a balanced opening trade (L-9)
    MOVEMENT_WITHDRAWAL = 8      # to outside
    MOVEMENT_LOAN = 9            # from a lender (L-12)
    MOVEMENT_REPAYMENT = 10
    MOVEMENT_FUNDING = 11        # between an account and its market's funding pool (F-3), which stands as CLEARING
    MOVEMENT_INTEREST = 12       # of a liability that nobody lent, to the insurance fund (L-13)
    MOVEMENT_TRANSFER = 13       # realised PnL of a transfer against the market's clearing account (L-14)
    MOVEMENT_TAKEOVER = 14       # what an account had or lacked, to or from the backstop (X-8)
    MOVEMENT_FUND = 15           # the insurance fund pays (X-10)
    MOVEMENT_SHARED_LOSS = 16    # X-10
    MOVEMENT_CLEARANCE = 17      # X-14
    MOVEMENT_GAS = 18            # of an action (B-4)
    MOVEMENT_LENDING = 19        # to or from a protocol (section Y)
    MOVEMENT_POOL = 20           # to or from a pool (Z-16)
    MOVEMENT_ROUTE = 21          # onto a route, off it, or its fee (K-1)
    MOVEMENT_ISSUER = 22         # to or from an issuer; made (from outside) or destroyed (to outside) (I-2, I-4)

cdef enum MovementColumn:
    MOVEMENT_TIME = 0            # int64
    MOVEMENT_ATOMS = 1           # int64, at least 1
    MOVEMENT_PAYER = 2           # int32, OUTSIDE or CLEARING
    MOVEMENT_RECEIVER = 3        # int32
    MOVEMENT_ASSET = 4           # uint16
    MOVEMENT_MARKET = 5          # uint16, NO_MARKET for none
    MOVEMENT_WHY = 6             # uint8 MovementKind
    MOVEMENT_COLUMNS = 7

# What a row of the waterfall table is (X-15).
cdef enum WaterfallKind:
    WATERFALL_STEP = 1           # an order of a step is sent: its lots; equity and requirement before it
    WATERFALL_FILLED = 2         # it has arrived: lots and quote atoms that traded; equity and requirement after it
    WATERFALL_TAKEOVER = 3       # a position moves to the backstop, atoms its value
    WATERFALL_ADL = 4            # or to a candidate, the counterparty
    WATERFALL_REST = 5           # or to the backstop, because nobody took it
    WATERFALL_BALANCE = 6        # money to the backstop, below 0 from it
    WATERFALL_FUND = 7           # the insurance fund pays
    WATERFALL_CLEARANCE = 8      # it is paid
    WATERFALL_SHARE = 9          # the counterparty pays a part of the loss
    WATERFALL_BAD_DEBT = 10

cdef enum WaterfallColumn:
    WATERFALL_TIME = 0           # int64
    WATERFALL_LOTS = 1           # int64
    WATERFALL_ATOMS = 2          # int64: value of the lots, signed like the position; money paid
    WATERFALL_MARK = 3           # int64 ticks, NO_PRICE for none
    WATERFALL_EQUITY = 4         # int64: of the account's unit
    WATERFALL_REQUIREMENT = 5    # int64
    WATERFALL_NOTIONAL = 6       # int64
    WATERFALL_ACCOUNT = 7        # int32: whose liquidation
    WATERFALL_COUNTERPARTY = 8   # int32, -1 for none
    WATERFALL_LANDMARK = 9       # uint32: STEP, TAKEOVER, ADL, ... that it belongs to
    WATERFALL_MARKET = 10        # uint16, NO_MARKET for none
    WATERFALL_ASSET = 11         # uint16: of the atoms
    WATERFALL_KIND = 12          # uint8 WaterfallKind
    WATERFALL_COLUMNS = 13

# A row of the actions table (B-6).
cdef enum ActionColumn:
    ACTED_TIME = 0               # int64
    ACTED_NUMBER = 1             # int64, per account; 0 by the caller of the world
    ACTED_ATOMS = 2              # int64, as asked
    ACTED_PAID = 3               # int64
    ACTED_GOT = 4                # int64
    ACTED_GAS = 5                # int64, atoms of the venue's gas asset
    ACTED_ACCOUNT = 6            # int32
    ACTED_PARTY = 7              # int32
    ACTED_CAUSE = 8              # uint32 landmark that it carried
    ACTED_LANDMARK = 9           # uint32 landmark that it made, 0 none
    ACTED_TARGET = 10            # uint16
    ACTED_ASSET = 11             # uint16
    ACTED_OTHER = 12             # uint16
    ACTED_KIND = 13              # uint8 ActionKind
    ACTED_REASON = 14            # uint8 ActionReason
    ACTED_COLUMNS = 15

# The series of the prices table; the first three are OracleKind.
cdef enum PriceKind:
    PRICE_OF_INDEX = 1
    PRICE_OF_MARK = 2
    PRICE_OF_ORACLE = 3
    PRICE_OF_LAST = 4
    PRICE_OF_MID = 5

cdef enum:
    OUTSIDE = -1                 # payer of a deposit
    CLEARING = -2                # the clearing account of the row's market
    NO_MARKET = 0xFFFF

# Tables and series with a cadence.
cdef enum:
    SAMPLE_SUMMARY = 0           # the samples table: touch, prices and lots within 1 %
    SAMPLE_LEVELS = 1            # the depth table
    SAMPLE_MID = 2               # rows of kind mid in the prices table
    SAMPLE_ACCOUNTS = 3
    SAMPLE_KINDS = 4

cdef enum TouchSwitch:
    TOUCH_PRICES = 1             # a quotes row when a best price changes
    TOUCH_LOTS = 2               # and when the lots at a best price change
    TOUCH_LAST = 4               # a prices row when the last price changes

# What the last row of a market said of its touch. Not part of a snapshot: a restored world starts with a row for each market.
cdef struct TouchSeen:
    int64_t bid_ticks
    int64_t ask_ticks
    qty_t bid_lots
    qty_t ask_lots
    int64_t last_ticks

cdef struct Recorder:
    Table orders                 # ORDER_*
    Table quotes                 # QUOTE_*
    Table levels                 # LEVEL_*: the depth table
    Table accounts               # ACCOUNT_*
    Table movements              # MOVEMENT_*
    Table waterfall              # WATERFALL_*
    Table actions                # ACTED_*
    Slab seen                    # TouchSeen by market, grown when a market is first looked at
    time_ms_t every_ms[4]        # cadence by SAMPLE_*, 0 = off
    uint32_t stamp[4]            # an event of an older stamp belongs to a cadence that was changed
    uint32_t touch               # TouchSwitch bits
    uint32_t depth_levels        # levels a side in the depth table
    bint records_orders
    bint records_movements
    bint records_waterfall
    bint records_actions
    bint all_accounts            # else only those with a position
    bint is_opening              # a balanced opening trade is being booked


cdef inline void recorder_release(Recorder* recorder) noexcept nogil:
    table_release(&recorder.orders)
    table_release(&recorder.quotes)
    table_release(&recorder.levels)
    table_release(&recorder.accounts)
    table_release(&recorder.movements)
    table_release(&recorder.waterfall)
    table_release(&recorder.actions)
    slab_release(&recorder.seen)


cdef inline void recorder_forget(Recorder* recorder) noexcept nogil:
    """Make a copied recorder own no rows; its switches stay."""
    forget_table(&recorder.orders)
    forget_table(&recorder.quotes)
    forget_table(&recorder.levels)
    forget_table(&recorder.accounts)
    forget_table(&recorder.movements)
    forget_table(&recorder.waterfall)
    forget_table(&recorder.actions)
    slab_init(&recorder.seen, sizeof(TouchSeen), 0)
