# Risk: the records behind margin: units, ladders, collateral, and what an evaluation leaves for the triggers.
#
#   Account.units -> Unit -> Unit            MarginRules[venue]: boundaries, best first        Collateral: an asset that counts at a venue
#
# Stands on: market, schedule, triggers. A *unit* is what is tested together (C-2): all positions of an account that settle in an
# asset (CROSS), one position (ISOLATED), all that the account has (UNIFIED).

from engine.native.types cimport *
from engine.native.ledger cimport *
from engine.native.market cimport *
from engine.native.schedule cimport *
from engine.native.slab cimport *
from engine.native.triggers cimport *

cdef enum AccountMode:
    MODE_CASH = 0                # spot only
    MODE_ISOLATED = 1            # each position has money of its own
    MODE_CROSS = 2               # the positions that settle in an asset share its balance
    MODE_UNIFIED = 3             # all collateral counts

cdef enum MarginAction:
    ACTION_NONE = 0
    ACTION_WARN = 1
    ACTION_REDUCE_ONLY = 2       # only what reduces is accepted
    ACTION_CANCEL = 3            # and its orders are taken off
    ACTION_LIQUIDATE = 4

cdef enum:
    LADDER_MOST = 8              # boundaries of a venue
    UNIT_STAMPED = 1             # flags of a unit: it stands on the list of this round
    UNIT_LATER = 2               # it is looked at when all opening trades of a call are booked
    UNIT_WRITE = 4               # counts writes since a price last made it due, up to three: then it gets an allowance (E-7)
    UNIT_WRITES = 12
    SERIES_MARK = 0              # series of a market: 2 * market + SERIES_*
    SERIES_INDEX = 1

# A unit is beyond a boundary when equity * 10^6 < ratio_ppm * requirement, or <= with at_or_below (C-4).
cdef struct Boundary:
    int64_t ratio_ppm
    uint32_t action              # MarginAction
    uint32_t at_or_below

# The margin rules of a venue.
cdef struct MarginRules:
    Boundary boundary[LADDER_MOST]
    uint32_t count               # boundaries, at least 1; the last one liquidates
    uint32_t unit_asset          # UNIFIED: what equity is counted in, NIL until declared
    uint32_t collateral          # first Collateral of the venue, NIL none
    uint32_t pad

# An asset that counts at a venue (C-3), and the sums of the evaluation that is running.
cdef struct Collateral:
    int64_t loan_ppm             # requirement of a liability, ppm of it
    int64_t loan_rate_ppb        # interest on a liability, each interval (L-13), 0 none
    time_ms_t loan_every_ms      # the interval
    uint32_t asset
    uint32_t market              # the spot market whose index prices it, NIL: it is the unit of account
    slot_t value                 # schedule of what counts, NIL all of it
    uint32_t lender              # the account that lends it, NIL nobody
    slot_t next                  # of the venue
    slot_t touched_next          # scratch from here on: next one that this unit touches
    slot_t holding               # the unit's holding in `market`, NIL none
    int64_t stamp                # evaluation that has touched it
    atoms_t net                  # e_a: balance - owed + unrealised PnL, atoms of the asset
    atoms_t liability            # owed and what the balance lacks, atoms of the asset
    atoms_t requirement          # maintenance of the positions that settle in it
    atoms_t initial              # their initial requirement
    atoms_t exposure             # UNIFIED: sum of |positions| that settle in it, atoms of the unit of account
    int64_t positions            # how many

cdef struct Unit:
    atoms_t margin_atoms         # ISOLATED: its own money, part of the ledger (L-11)
    atoms_t allowance_atoms      # what writes may still cost before every trigger is set anew (E-7); in liquidation the slot of its Run
    uint32_t account
    uint32_t liquidation         # landmark of its running liquidation, 0 = none
    slot_t holding               # ISOLATED: its position; else NIL
    slot_t next                  # next unit of the account
    uint16_t asset               # CROSS, ISOLATED: settlement asset; UNIFIED: the unit of account
    uint8_t state                # boundaries that it is beyond, 0 = free
    uint8_t flags                # UNIT_*
    uint32_t leverage_ppm        # initial requirement is at least this share of the notional: 1 / chosen leverage; 0 none
    slot_t sums                  # what its orders are tested with (C-9), NIL none
    uint32_t pad

# What a market adds to the sums of a unit (C-9).
cdef struct MarginShare:
    atoms_t pnl
    atoms_t notional             # of the position
    atoms_t requirement
    atoms_t initial              # of `lots`
    qty_t lots                   # worst case lots with the resting orders, or more
    slot_t holding
    uint32_t market
    int32_t ticks                # mark at which they are, -1 none
    uint32_t pad

cdef struct MarginSums:
    atoms_t pnl                  # of all shares
    atoms_t notional
    atoms_t requirement
    atoms_t initial
    time_ms_t known_until_ms     # later some mark may be stale (C-5)
    int64_t marks_seen           # Risk.marks when marks were compared last
    uint32_t first               # its shares, ascending by market: a stretch of Risk.shares
    uint32_t count
    uint32_t room
    uint32_t is_kept             # 0: an evaluation is needed

cdef enum TermKind:
    TERM_LONG = 1
    TERM_SHORT = 2
    TERM_COLLATERAL = 3          # all that one index prices

# What one series can do to a unit.
cdef struct Term:
    atoms_t amount               # position: |notional|; collateral: |net value|. Atoms of the unit's asset
    atoms_t notional             # position: |notional| in settlement atoms, where its tier is looked up
    atoms_t requirement          # collateral: requirement that its index prices, at ratio 1
    atoms_t exposure             # collateral: |positions| that settle in it: its net may change sign with them
    atoms_t fall                 # what a full relative fall of the series can take from the surplus, at most (arming.pxd)
    atoms_t rise                 # and a rise
    atoms_t took                 # what its move since the bands were set has taken (margin_check.pxd)
    slot_t holding
    uint32_t series
    int32_t ticks                # value of the series now
    int32_t lowest_ppm           # position: lowest rate of its schedule
    int32_t highest_ppm          # position: highest one
    int32_t rate_ppm             # position: rate of the tier that it is in; collateral: highest share that counts
    int32_t floor_ppm            # least share that a gain counts
    int32_t low                  # band: fires at or below, -1 never
    int32_t high                 # fires at or above, TRIGGER_NONE_UP never
    slot_t schedule              # position: maintenance
    uint8_t kind                 # TermKind
    uint8_t is_negative          # collateral: its net value is below 0
    uint8_t is_product           # position: settles in an asset that has a price of its own
    uint8_t weight               # share of the budget that its series gets (E-8)

cdef struct Risk:
    Triggers triggers
    Schedules schedules
    Slab units                   # Unit
    Slab rules                   # MarginRules, a row a venue
    Slab collateral              # Collateral
    Slab sums                    # MarginSums
    Slab shares                  # MarginShare
    Slab terms                   # Term: of the evaluation that is running
    Slab due                     # uint32: units whose trigger has fired, or that a write has put beyond a boundary
    Slab later                   # uint32: units to be looked at when a call's opening trades are booked
    uint32_t terms_first         # terms of the last evaluation: terms_first .. terms_end - 1
    uint32_t terms_end
    uint32_t terms_kept          # terms below it belong to evaluations whose changes are still to be made
    int64_t marks                # marks published
    int64_t stamp                # evaluations begun: marks what they touch
    int64_t evaluation_count
    int64_t arm_count            # units whose triggers were set
    int64_t spare_count          # writes that an allowance has paid for
    uint32_t check_is_queued     # a margin check stands in the queue


cdef inline void risk_init(Risk* risk) noexcept nogil:
    triggers_init(&risk.triggers)
    schedules_init(&risk.schedules)
    slab_init(&risk.units, sizeof(Unit), 24)
    slab_init(&risk.rules, sizeof(MarginRules), 0)
    slab_init(&risk.collateral, sizeof(Collateral), 0)
    slab_init(&risk.sums, sizeof(MarginSums), 0)
    slab_init(&risk.shares, sizeof(MarginShare), 0)
    slab_init(&risk.terms, sizeof(Term), 0)
    slab_init(&risk.due, 4, 0)
    slab_init(&risk.later, 4, 0)
    risk.marks = risk.stamp = risk.evaluation_count = risk.arm_count = risk.spare_count = 0
    risk.check_is_queued = 0
    risk.terms_first = risk.terms_end = risk.terms_kept = 0


cdef inline void rules_begin(MarginRules* rules) noexcept nogil:
    """A venue that has declared nothing: one boundary, equity below maintenance (X-2)."""
    rules.count = 1
    rules.boundary[0].ratio_ppm = 1000000
    rules.boundary[0].action = ACTION_LIQUIDATE
    rules.boundary[0].at_or_below = 0
    rules.unit_asset = rules.collateral = NIL


cdef inline Unit* unit_at(Risk* risk, slot_t slot) noexcept nogil:
    return <Unit*>(risk.units.base) + slot


cdef inline MarginRules* rules_at(Risk* risk, uint32_t venue) noexcept nogil:
    return <MarginRules*>(risk.rules.base) + venue


cdef inline Collateral* collateral_at(Risk* risk, slot_t slot) noexcept nogil:
    return <Collateral*>(risk.collateral.base) + slot


cdef inline Term* term_at(Risk* risk, uint32_t i) noexcept nogil:
    return <Term*>(risk.terms.base) + i


# The row of an asset among a venue's collateral, NIL if it does not count there. O(collateral of the venue).
cdef inline slot_t collateral_find(Risk* risk, uint32_t venue, uint32_t asset) noexcept nogil:
    cdef slot_t slot = rules_at(risk, venue).collateral
    while slot != NIL and collateral_at(risk, slot).asset != asset:
        slot = collateral_at(risk, slot).next
    return slot
