# Fixed-width types, sentinels, enums and the records that travel between floors.
#
# Stands on: nothing. Promises: every number of an enum equals the one of engine/types.py
# (tests/test_tidy.py compares them) and the rules' list in docs/rules.md.

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

ctypedef int64_t time_ms_t   # milliseconds since the scenario's start
ctypedef int32_t price_t     # ticks
ctypedef int64_t qty_t       # lots
ctypedef int64_t atoms_t     # money: atoms of one asset
ctypedef uint32_t slot_t     # index into a slab; NIL is "none"

cdef extern from *:
    """
    /* Return types that say how a function is compiled. gcc judges by size alone; these know what is hot: the plain order is
       compiled into each of its loops, whatever is rarer stays out of them and out of their registers
       (docs/decisions/0016). The attribute has no meaning where Cython declares a variable of the type. */
    #define ENGINE_INLINED(type) __attribute__((always_inline)) type
    #define ENGINE_OUTLINED(type) __attribute__((noinline)) type
    #define ENGINE_INLINED_INT ENGINE_INLINED(int)
    #define ENGINE_INLINED_QTY ENGINE_INLINED(int64_t)
    #define ENGINE_OUTLINED_INT ENGINE_OUTLINED(int)
    #define ENGINE_OUTLINED_SLOT ENGINE_OUTLINED(uint32_t)
    #define ENGINE_OUTLINED_QTY ENGINE_OUTLINED(int64_t)
    """
    ctypedef int inlined_int "ENGINE_INLINED_INT"
    ctypedef int64_t inlined_qty_t "ENGINE_INLINED_QTY"
    ctypedef int outlined_int "ENGINE_OUTLINED_INT"
    ctypedef uint32_t outlined_slot_t "ENGINE_OUTLINED_SLOT"
    ctypedef int64_t outlined_qty_t "ENGINE_OUTLINED_QTY"

cdef extern from *:
    """
    #define ENGINE_NIL ((uint32_t)0xFFFFFFFF)
    """
    const slot_t NIL "ENGINE_NIL"   # no slot: the only sentinel of slot_t

cdef enum:
    NO_OWNER = -1            # an order without an owner

cdef enum Side:
    SIDE_BUY = 1
    SIDE_SELL = -1

cdef enum CommandKind:
    KIND_PLACE = 1
    KIND_CANCEL = 2
    KIND_REDUCE = 3
    KIND_REPLACE = 4
    KIND_CANCEL_OWNER = 5
    KIND_CLEAR = 6
    KIND_MARK = 7
    KIND_POSITION = 8
    KIND_CLOCK = 9
    KIND_STATE = 10

cdef enum OrderType:
    TYPE_LIMIT = 1
    TYPE_MARKET = 2
    TYPE_STOP = 3
    TYPE_STOP_LIMIT = 4

cdef enum TimeInForce:
    TIF_DEFAULT = 0          # GTC for an order with a limit, IOC for one without
    TIF_GTC = 1
    TIF_IOC = 2
    TIF_FOK = 3
    TIF_GTT = 4

cdef enum OrderFlag:
    FLAG_NONE = 0
    FLAG_POST_ONLY = 1
    FLAG_REDUCE_ONLY = 2
    FLAG_TRIGGER_ON_MARK = 4

cdef enum SelfTradePrevention:
    STP_NONE = 0
    STP_CANCEL_TAKER = 1
    STP_CANCEL_MAKER = 2
    STP_CANCEL_BOTH = 3
    STP_DECREMENT = 4

cdef enum MarketState:
    STATE_OPEN = 0
    STATE_CANCEL_ONLY = 1
    STATE_HALTED = 2
    STATE_AUCTION = 3

cdef enum CancelReason:
    CANCEL_UNFILLED = 1
    CANCEL_SELF_TRADE = 2
    CANCEL_EXPIRED = 3
    CANCEL_REDUCE_ONLY = 4
    CANCEL_OWNER = 5
    CANCEL_CLEARED = 6
    CANCEL_STOP_REFUSED = 7

cdef enum PoolReason:
    POOL_NONE = 0
    POOL_EMPTY = 1
    POOL_BEYOND_POOL = 2
    POOL_NOTHING_OUT = 3
    POOL_BELOW_MINIMUM = 4
    POOL_BALANCE_OUT_OF_BOUNDS = 5
    POOL_SHARES_SHORT = 6
    POOL_LIQUIDITY_OUT_OF_BOUNDS = 7
    POOL_TICKS_FULL = 8
    POOL_NO_CONVERGENCE = 9

cdef enum RejectReason:
    REJECT_NONE = 0
    REJECT_BAD_KIND = 1
    REJECT_BAD_SIDE = 2
    REJECT_BAD_ORDER_TYPE = 3
    REJECT_BAD_TIME_IN_FORCE = 4
    REJECT_ILLEGAL_COMBINATION = 5
    REJECT_PRICE_OUT_OF_BOUNDS = 6
    REJECT_QTY_NOT_POSITIVE = 7
    REJECT_QTY_OUT_OF_BOUNDS = 8
    REJECT_NOTIONAL_OUT_OF_BOUNDS = 9
    REJECT_OWNER_OUT_OF_RANGE = 10
    REJECT_SLOT_OUT_OF_RANGE = 11
    REJECT_SLOT_IN_USE = 12
    REJECT_DUPLICATE_ORDER_ID = 13
    REJECT_UNKNOWN_ORDER = 14
    REJECT_SIDE_FULL = 15
    REJECT_NO_MEMORY = 16
    REJECT_INSUFFICIENT_FUNDS = 17
    REJECT_ACCOUNT_FROZEN = 18
    REJECT_BAD_FLAGS = 19
    REJECT_BAD_SELF_TRADE_PREVENTION = 20
    REJECT_DISPLAY_OUT_OF_BOUNDS = 21
    REJECT_TRIGGER_OUT_OF_BOUNDS = 22
    REJECT_EXPIRY_NOT_AHEAD = 23
    REJECT_POST_ONLY_WOULD_CROSS = 24
    REJECT_FOK_NOT_FILLABLE = 25
    REJECT_NOTHING_TO_REDUCE = 26
    REJECT_REDUCE_TOO_LARGE = 27
    REJECT_MARKET_STATE = 28
    REJECT_STOP_WAITING = 29
    REJECT_BOOK_CROSSED = 30
    REJECT_TIME_OUT_OF_RANGE = 31
    REJECT_BAD_STATE = 32
    REJECT_INSUFFICIENT_MARGIN = 33
    REJECT_ACCOUNT_REDUCE_ONLY = 34
    REJECT_CASH_ACCOUNT = 35
    REJECT_MARKET_HALTED = 36

# How an order was named when it was placed (M-6). LOCAL is the simulator's: a number per (account, market).
cdef enum Naming:
    NAMED_SLOT = 0
    NAMED_ORDER_ID = 1
    NAMED_HANDLE = 2
    NAMED_LOCAL = 3

# A place command, as it reaches the book. The last five fields are 0 in a plain order, and the plain path of book.pxd
# does not read them.
cdef struct PlaceCommand:
    int64_t name             # slot_id, order_id, local number, or unused (handle)
    qty_t qty_lots           # > 0 after the checks
    price_t price_ticks      # not looked at for a market order
    int32_t owner            # NO_OWNER or 0 .. owners - 1
    uint32_t cause           # landmark that this order answers, 0 background
    int32_t command          # row of the batch, for the fill's `command` column
    int8_t side              # SIDE_BUY or SIDE_SELL
    uint8_t order_type       # OrderType
    uint8_t time_in_force    # TimeInForce
    uint8_t naming           # Naming
    uint8_t flags            # OrderFlag bits
    uint8_t self_trade       # SelfTradePrevention
    price_t stop_ticks       # trigger price of a stop
    qty_t display_lots       # shown lots of an iceberg, 0 none
    time_ms_t expires_ms     # GTT
    uint64_t home            # named by order_id: where the id map looks for it (idmap_home), computed once per command

# What a command did. filled + leaves + cancelled = quantity of the command (place).
cdef struct Outcome:
    int64_t id               # the name that stands in fills
    qty_t filled_lots        # traded as taker
    qty_t leaves_lots        # open now: resting, hidden or waiting
    qty_t cancelled_lots     # left without trading
    slot_t slot              # where it rests or waits, NIL otherwise
