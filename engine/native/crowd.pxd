# Crowd: the records of holders without an agent: what they do when a price, or their margin, says so (H-1 .. H-4).
#
#   Crowd: accounts first .. first + count - 1        Plan: one order that waits for a mark        TopUp: money that waits for a state
#
# Stands on: slab, triggers. A plan waits in the trigger index of margin units, under the number PLAN_TAG | its row. Who has neither plan
# nor top-up has no record here: a million accounts fit.

from engine.native.types cimport *
from engine.native.slab cimport *
from engine.native.triggers cimport *

cdef enum:
    PLAN_TAG = 0x80000000        # of a trigger's unit: it is a plan's row

cdef enum PlanKind:
    PLAN_STOP_LONG = 1           # closes a long when the mark is at or below its price
    PLAN_STOP_SHORT = 2          # closes a short when the mark is at or above
    PLAN_DIP = 3                 # buys its lots when the mark is at or below

cdef struct Plan:
    qty_t lots                   # of PLAN_DIP; a stop closes what there is
    slot_t trigger               # NIL: it has fired
    uint32_t account
    uint32_t crowd
    uint16_t market
    uint16_t kind                # PlanKind

cdef struct TopUp:
    atoms_t atoms                # of each
    uint32_t account
    uint16_t left                # how many more
    uint16_t is_coming           # one is scheduled

cdef struct Crowd:
    uint64_t name                # fnv1a64 of its name: a member's draws (R-2)
    time_ms_t base_ms            # least latency of a message
    time_ms_t top_up_after_ms    # from the state to the money
    slot_t law                   # what comes on top of base_ms, NIL none
    uint32_t first               # its first account
    uint32_t count
    uint32_t top_up_first        # its rows of TopUp, ascending by account
    uint32_t top_up_count
    uint32_t top_up_state        # boundaries that a unit stands beyond, at least, for a top-up
    uint32_t reserve             # account that pays them, NIL: each from its own balance (isolated margin)
    uint32_t route               # over which the reserve's money comes (K-5), NIL at once

cdef struct Crowds:
    Slab rows                    # Crowd, ascending by account
    Slab plans                   # Plan
    Slab top_ups                 # TopUp
    Slab fired                   # uint32: plans of this margin check
    int64_t order_count          # orders that plans have sent
    int64_t top_up_count         # top-ups paid
    int64_t missing_count        # top-ups for which the reserve had too little


cdef inline void crowds_init(Crowds* crowds) noexcept nogil:
    slab_init(&crowds.rows, sizeof(Crowd), 0)
    slab_init(&crowds.plans, sizeof(Plan), 0)
    slab_init(&crowds.top_ups, sizeof(TopUp), 0)
    slab_init(&crowds.fired, 4, 0)
    crowds.order_count = crowds.top_up_count = crowds.missing_count = 0


cdef inline Crowd* crowd_at(Crowds* crowds, uint32_t row) noexcept nogil:
    return <Crowd*>(crowds.rows.base) + row


cdef inline Plan* plan_at(Crowds* crowds, uint32_t row) noexcept nogil:
    return <Plan*>(crowds.plans.base) + row


cdef inline TopUp* top_up_at(Crowds* crowds, uint32_t row) noexcept nogil:
    return <TopUp*>(crowds.top_ups.base) + row


# The crowd of an account, NIL if it is in none. O(log crowds).
cdef inline uint32_t crowd_find(Crowds* crowds, uint32_t account) noexcept nogil:
    cdef uint32_t low = 0, high = crowds.rows.count, middle
    # invariant: crowds below `low` begin at or before the account, those from `high` on behind it
    while low < high:
        middle = (low + high) >> 1
        if crowd_at(crowds, middle).first <= account:
            low = middle + 1
        else:
            high = middle
    if low == 0 or account - crowd_at(crowds, low - 1).first >= crowd_at(crowds, low - 1).count:
        return NIL
    return low - 1


# The top-up of an account of a crowd, NIL without one. O(log top-ups).
cdef inline uint32_t top_up_find(Crowds* crowds, Crowd* crowd, uint32_t account) noexcept nogil:
    cdef uint32_t low = crowd.top_up_first, high = crowd.top_up_first + crowd.top_up_count, middle
    # invariant: rows of the crowd below `low` are of lower accounts, those from `high` on are not
    while low < high:
        middle = (low + high) >> 1
        if top_up_at(crowds, middle).account < account:
            low = middle + 1
        else:
            high = middle
    if low == crowd.top_up_first + crowd.top_up_count or top_up_at(crowds, low).account != account:
        return NIL
    return low
