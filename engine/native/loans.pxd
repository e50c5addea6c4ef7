# Loans: the records of lending protocols in a world (Y-15 .. Y-22): protocols, reserves, loans, entries.
#
#   Protocol -> reserves [ 0 | 1 | 2 ]           Account.loans -> Loan (at a protocol) -> Entry (of a reserve) -> Entry -> NIL
#                    price: fixed or a market's series                    its triggers wait on the reserve's price and index
#
# Stands on: lending_math, market, triggers. Records and the ways from one to another; no rule.

from engine.native.types cimport *
from engine.native.lending_math cimport *
from engine.native.slab cimport *
from engine.native.triggers cimport *

cdef enum ProtocolForm:
    FORM_AAVE = 1
    FORM_MORPHO = 2
    FORM_COMET = 3
    FORM_LOAN = 4

cdef enum:
    RESERVES_MOST = 16           # of a protocol
    PRICE_FIXED = 0              # Reserve.price_kind, beside OracleKind
    INDEX_PPM_MOST = 2000000000  # of an index in a world (Y-17)
    LOAN_PRICE = 0               # series of a reserve: 3 * reserve + LOAN_*
    LOAN_DEBT = 1
    LOAN_SUPPLY = 2
    LOAN_AHEAD = 8               # loans fetched ahead by a check

# How an asset counts: outside a mode, or in it.
cdef struct ReserveTerms:
    int64_t ltv_ppm
    int64_t threshold_ppm
    int64_t bonus_ppm            # Comet: 10^6 - liquidation factor

cdef struct Reserve:
    LendingPool pool
    LendingCurve curve
    int64_t rate                 # of a year, 10^-18, since the last accrual
    time_ms_t accrued_ms
    int64_t reserve_ppm          # part of the interest that is kept
    atoms_t kept                 # the protocol's
    atoms_t deficit              # debt that nobody will pay
    atoms_t supply_cap           # claims of all, 2^61 any
    atoms_t borrow_cap
    int64_t price                # PRICE_FIXED: value atoms; else of a tick
    int64_t unit                 # for so many atoms of the asset
    time_ms_t stale_ms
    ReserveTerms own
    ReserveTerms moded
    uint32_t asset
    uint32_t protocol
    uint32_t market              # whose series prices it
    uint32_t price_kind          # PRICE_FIXED, or OracleKind
    uint32_t mode                # of which it is part, 0 none
    uint32_t is_lent
    slot_t next_priced           # next reserve that the same series prices
    uint32_t sale_market         # where a centralised lender sells it, NIL nowhere

cdef struct Protocol:
    LendingTerms terms           # Aave; bonus from the reserve
    int64_t call_ppm             # centralised loan
    int64_t liquidation_ppm
    int64_t store_front_ppm      # Comet
    atoms_t target               # Comet: no collateral is sold while reserves are at or above it
    int64_t sale_ppm             # part of a collateral that a step sells
    time_ms_t sale_ms            # pause between the steps of a sale
    time_ms_t accrue_ms          # clock of interest, 0 none
    int64_t liquidation_count
    atoms_t repaid_value         # by liquidations, value atoms
    uint32_t venue
    uint32_t account             # its cash
    uint32_t seller              # centralised loan: whose orders sell, NIL none
    uint32_t form
    uint32_t reserve_first
    uint32_t reserve_count
    slot_t work_first            # loans at the last level, by arrival; NIL none
    slot_t work_last
    uint32_t work_count
    slot_t watchers              # first ProtocolWatcher, NIL none
    slot_t sold                  # loan that is being sold, NIL none
    uint32_t sold_reserve
    uint32_t sale_is_queued
    uint32_t pad

cdef struct Loan:
    slot_t first                 # Entry, ascending by reserve; NIL none
    slot_t next_of_account       # next loan of the account, ascending by protocol
    slot_t work_next             # on the work list
    slot_t work_prev
    uint32_t account
    uint32_t protocol
    uint32_t liquidation         # landmark of its last fall to the last level, 0 none
    uint8_t level
    uint8_t mode
    uint8_t is_working           # on the work list
    uint8_t is_due               # on the due list

cdef struct Entry:
    int64_t scaled_supply
    int64_t scaled_debt
    slot_t next                  # of the loan
    uint32_t reserve
    slot_t trigger[2]            # of its price: TRIGGER_FALL, TRIGGER_RISE
    slot_t index_trigger[2]      # of the index of debt, of supply
    int32_t anchor_ticks         # value of the price's series when they were set

# An agent that wants to know when there is work at a protocol: one notice at a time is on its way.
cdef struct ProtocolWatcher:
    uint32_t agent
    uint32_t protocol
    slot_t next
    uint32_t is_told

cdef struct Lending:
    Slab protocols
    Slab reserves
    Slab loans
    Slab entries
    Slab watchers
    Slab due                     # uint32: loans whose trigger has fired
    Slab series_first            # uint32, by series 3 * market + kind - 1: first reserve that it prices, NIL
    Triggers triggers            # three series a reserve: LOAN_PRICE, LOAN_DEBT and LOAN_SUPPLY (indexes in ppm)
    int64_t check_count          # loans evaluated
    int64_t arm_count


cdef inline void lending_init(Lending* lending) noexcept nogil:
    slab_init(&lending.protocols, sizeof(Protocol), 0)
    slab_init(&lending.reserves, sizeof(Reserve), 0)
    slab_init(&lending.loans, sizeof(Loan), 0)
    slab_init(&lending.entries, sizeof(Entry), 16)
    slab_init(&lending.watchers, sizeof(ProtocolWatcher), 0)
    slab_init(&lending.due, 4, 0)
    slab_init(&lending.series_first, 4, 0)
    triggers_init(&lending.triggers)
    lending.check_count = lending.arm_count = 0


cdef inline Protocol* protocol_at(Lending* lending, uint32_t protocol) noexcept nogil:
    return <Protocol*>(lending.protocols.base) + protocol


cdef inline Reserve* reserve_at(Lending* lending, uint32_t reserve) noexcept nogil:
    return <Reserve*>(lending.reserves.base) + reserve


cdef inline Loan* loan_at(Lending* lending, slot_t slot) noexcept nogil:
    return <Loan*>(lending.loans.base) + slot


cdef inline Entry* entry_at(Lending* lending, slot_t slot) noexcept nogil:
    return <Entry*>(lending.entries.base) + slot


# The reserve of an asset at a protocol, NIL if it has none. O(reserves).
cdef inline uint32_t reserve_find(Lending* lending, Protocol* protocol, uint32_t asset) noexcept nogil:
    cdef uint32_t i
    for i in range(protocol.reserve_first, protocol.reserve_first + protocol.reserve_count):
        if reserve_at(lending, i).asset == asset:
            return i
    return NIL


# The entry of a loan in a reserve, NIL if it has none. O(entries).
cdef inline slot_t entry_find(Lending* lending, Loan* loan, uint32_t reserve) noexcept nogil:
    cdef slot_t slot = loan.first
    while slot != NIL and entry_at(lending, slot).reserve < reserve:
        slot = entry_at(lending, slot).next
    return slot if slot != NIL and entry_at(lending, slot).reserve == reserve else NIL
