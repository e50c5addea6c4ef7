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

cdef enum OrderType:
    TYPE_LIMIT = 1
    TYPE_MARKET = 2

cdef enum TimeInForce:
    TIF_DEFAULT = 0          # GTC for a limit, IOC for a market order
    TIF_GTC = 1
    TIF_IOC = 2

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

# How an order was named when it was placed (M-6). LOCAL is the simulator's: a number per (account, market).
cdef enum Naming:
    NAMED_SLOT = 0
    NAMED_ORDER_ID = 1
    NAMED_HANDLE = 2
    NAMED_LOCAL = 3

# A place command, as it reaches the book.
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

# What a command did. filled + leaves + cancelled = quantity of the command (place).
cdef struct Outcome:
    int64_t id               # the name that stands in fills
    qty_t filled_lots        # traded as taker
    qty_t leaves_lots        # resting now
    qty_t cancelled_lots     # left without trading
    slot_t slot              # where it rests, NIL otherwise
