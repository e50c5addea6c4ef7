# Lineage: landmarks and their causes (G-1 .. G-7).
#
#   trade --cause--> STEP --parent--> LIQUIDATION --> PUBLICATION --> (what moved it: WITHDRAWAL) --> SHOCK --> 0
#
# Stands on: slab. A cause is a 32-bit landmark slot, 0 is "background". Landmarks are state (they are needed to
# answer "why" after a fork), and are numbered per market, so another market changes no row of mine.

from engine.native.types cimport *
from engine.native.slab cimport *

cdef enum LandmarkKind:
    LANDMARK_BACKGROUND = 0
    LANDMARK_SHOCK = 1
    LANDMARK_WITHDRAWAL = 2
    LANDMARK_RETURN = 3
    LANDMARK_PUBLICATION = 4
    LANDMARK_LIQUIDATION = 5
    LANDMARK_STEP = 6
    LANDMARK_BAD_DEBT = 7
    LANDMARK_MARGIN_STATE = 8    # a unit stands beyond another boundary of its ladder (C-4); value: how many it is beyond
    LANDMARK_TAKEOVER = 9        # a backstop took a unit's positions (X-8); value: its worth, atoms
    LANDMARK_ADL = 10            # a position is closed against others (X-11); value: lots
    LANDMARK_SHARED_LOSS = 11    # a loss is shared (X-10); value: atoms
    LANDMARK_MARGIN_CALL = 12    # a loan is called (Y-21); value: collateral - debt, value atoms
    LANDMARK_UNWIND = 13         # a loop is left (A-12); value: debt, atoms
    LANDMARK_HALT = 14           # a market's breaker halts it (V-9); value: the price, ticks

cdef enum MoverKind:
    MOVER_NONE = 0
    MOVER_PLACE = 1
    MOVER_CANCEL = 2
    MOVER_TRADE = 3

cdef enum:
    WEIGHT_ONE_PPM = 1000000

# Who last moved a price: the command behind a best bid or ask, or the last aggressor (G-3).
cdef struct Mover:
    time_ms_t time_ms        # when it did
    int64_t number           # its order's number, per (account, market)
    int32_t account          # its sender
    uint32_t cause           # the cause that the command carried
    uint32_t kind            # MoverKind
    uint32_t pad

cdef struct Landmark:
    time_ms_t time_ms
    int64_t value            # ticks (publication, withdrawal), lots (step, shock), atoms (equity at liquidation, bad debt)
    Mover mover              # publication: the command that moved it; else zero
    uint32_t parent          # heaviest cause, 0 = root
    uint32_t generation      # G-7
    uint32_t number          # counts per market from 1
    int32_t account          # whom it concerns, -1 nobody
    uint16_t market
    uint16_t kind            # LandmarkKind
    uint32_t pad

cdef struct CauseRow:
    uint32_t child
    uint32_t parent
    uint32_t weight_ppm
    uint32_t pad

cdef struct Lineage:
    Slab landmarks           # Landmark; slot 0 is the background
    Slab causes              # CauseRow


cdef inline Landmark* landmark_at(Lineage* lineage, uint32_t slot) noexcept nogil:
    return <Landmark*>(lineage.landmarks.base) + slot


cdef inline bint lineage_init(Lineage* lineage) noexcept nogil:
    """Make an empty lineage with its background. 0 if done, 1 if there is no memory."""
    slab_init(&lineage.landmarks, sizeof(Landmark), 0)
    slab_init(&lineage.causes, sizeof(CauseRow), 0)
    if slab_reserve(&lineage.landmarks, 64) or slab_reserve(&lineage.causes, 64):
        return 1
    slab_take(&lineage.landmarks)
    landmark_at(lineage, 0).account = -1
    return 0


# Record a landmark with one cause. Returns its slot, or 0 if there is no memory (nothing recorded). O(1) amortised.
cdef inline uint32_t lineage_add(Lineage* lineage, time_ms_t time_ms, uint16_t kind, uint16_t market, uint32_t number,
                                 int32_t account, uint32_t parent, int64_t value) noexcept nogil:
    cdef uint32_t slot
    cdef Landmark* landmark
    cdef CauseRow* row
    if slab_reserve(&lineage.landmarks, 1) or slab_reserve(&lineage.causes, 1):
        return 0
    slot = slab_take(&lineage.landmarks)
    landmark = landmark_at(lineage, slot)
    landmark.time_ms = time_ms
    landmark.value = value
    landmark.parent = parent
    landmark.generation = landmark_at(lineage, parent).generation + (kind == LANDMARK_LIQUIDATION)
    landmark.number = number
    landmark.account = account
    landmark.market = market
    landmark.kind = kind
    landmark.mover.kind = MOVER_NONE
    if parent:
        row = <CauseRow*>slab_at(&lineage.causes, slab_take(&lineage.causes))
        row.child = slot
        row.parent = parent
        row.weight_ppm = WEIGHT_ONE_PPM
    return slot


# Give a part of a landmark's weight to another cause. `earlier`: shares given of it already; it is the last landmark recorded, with a
# parent. 0 if done, 1 without memory. O(1) amortised.
cdef inline bint lineage_share(Lineage* lineage, uint32_t child, uint32_t earlier, uint32_t parent, uint32_t weight_ppm) noexcept nogil:
    cdef CauseRow* row
    if slab_reserve(&lineage.causes, 1):
        return 1
    row = <CauseRow*>slab_at(&lineage.causes, lineage.causes.count - 1 - earlier)
    row.weight_ppm -= weight_ppm
    row = <CauseRow*>slab_at(&lineage.causes, slab_take(&lineage.causes))
    row.child = child
    row.parent = parent
    row.weight_ppm = weight_ppm
    return 0
