# Issuers and routes: the records of what makes and destroys tokens (section I), and of what carries assets between venues (section K).
#
#   Route, Issuer: way.first -> Transit <-> Transit <-> ... <- way.last          by departure; each has an event that lets it arrive
#
# Stands on: slab, arith.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.averages cimport PPB
from engine.native.slab cimport *

cdef extern from *:
    """
    #define ENGINE_RATE_GROWTH_MOST ((int64_t)7000000000)
    """
    const int64_t RATE_GROWTH_MOST "ENGINE_RATE_GROWTH_MOST"      # ppb, as of a source (P-11)

# [from, to) ms in which a route, or an issuer, does nothing.
cdef struct Outage:
    time_ms_t from_ms
    time_ms_t to_ms

# At most so many atoms in each window of so many ms since 0.
cdef struct Allotment:
    atoms_t most                 # 0 = any
    time_ms_t every_ms
    time_ms_t window             # the window that `used` belongs to
    atoms_t used

# What is on its way, by departure.
cdef struct Transits:
    slot_t first                 # NIL: nothing
    slot_t last

cdef struct Route:
    Allotment cap
    Transits way
    atoms_t fee_atoms
    time_ms_t least_ms
    int64_t transfer_count
    uint32_t venue               # where it begins
    uint32_t to_venue
    uint32_t account             # what is on its way
    uint32_t asset
    slot_t law                   # Law of the delay on top, NIL none
    uint32_t outage_first        # its Outages, ascending
    uint32_t outage_count
    uint32_t draws               # in the millisecond drawn_ms
    uint64_t key                 # of its draws
    time_ms_t drawn_ms

# Atoms on their way: on a route, or cooling down at an issuer.
cdef struct Transit:
    atoms_t atoms
    time_ms_t due_ms
    uint32_t account             # receiver
    uint32_t route               # or issuer
    uint32_t is_cooldown
    slot_t next                  # by departure; free-list link while unused
    slot_t previous
    uint32_t top_up              # TopUp that it is of, NIL none (K-5)
    slot_t unit                  # and what that is for
    uint32_t cause
    uint32_t pad

cdef struct Issuer:
    Allotment mint_cap
    Allotment redeem_cap
    Transits way                 # what cools down
    int64_t rate_ppb             # backing atoms for 10^9 token atoms, at since_ms
    int64_t growth_ppb           # of it, each growth_ms
    time_ms_t growth_ms          # 0 = it does not grow
    time_ms_t since_ms
    int64_t mint_ppm             # fees
    int64_t redeem_ppm
    atoms_t minted               # tokens in all
    atoms_t redeemed
    time_ms_t cooldown_ms
    uint32_t venue
    uint32_t account             # trades, holds the backing
    uint32_t vault               # the staked tokens, NIL: there is no staking
    uint32_t cooling             # tokens that cool down
    uint32_t backing
    uint32_t token
    uint32_t staked
    uint32_t is_listed           # only listed accounts mint and redeem
    uint32_t listed_first        # uint32 accounts, ascending
    uint32_t listed_count
    uint32_t outage_first
    uint32_t outage_count

cdef struct Issuers:
    Slab issuers                 # Issuer
    Slab routes                  # Route
    Slab transits                # Transit
    Slab outages                 # Outage
    Slab listed                  # uint32


cdef inline void issuers_begin(Issuers* issuers) noexcept nogil:
    slab_init(&issuers.issuers, sizeof(Issuer), 0)
    slab_init(&issuers.routes, sizeof(Route), 0)
    slab_init(&issuers.transits, sizeof(Transit), <uint32_t><size_t>&(<Transit*>NULL).next)
    slab_init(&issuers.outages, sizeof(Outage), 0)
    slab_init(&issuers.listed, 4, 0)


cdef inline Issuer* issuer_at(Issuers* issuers, uint32_t issuer) noexcept nogil:
    return <Issuer*>(issuers.issuers.base) + issuer


cdef inline Route* route_at(Issuers* issuers, uint32_t route) noexcept nogil:
    return <Route*>(issuers.routes.base) + route


cdef inline Transit* transit_at(Issuers* issuers, slot_t slot) noexcept nogil:
    return <Transit*>(issuers.transits.base) + slot


cdef inline Outage* outage_at(Issuers* issuers, uint32_t row) noexcept nogil:
    return <Outage*>(issuers.outages.base) + row


# The first time from `at_ms` on that no window holds: `at_ms` itself outside of all. O(windows).
cdef inline time_ms_t outage_end(Issuers* issuers, uint32_t first, uint32_t count, time_ms_t at_ms) noexcept nogil:
    cdef uint32_t i
    for i in range(first, first + count):
        if outage_at(issuers, i).from_ms <= at_ms < outage_at(issuers, i).to_ms:
            at_ms = outage_at(issuers, i).to_ms
    return at_ms


# What an allotment has left now; only where it has a limit. O(1).
cdef inline atoms_t allotment_left(Allotment* allotment, time_ms_t now_ms) noexcept nogil:
    return allotment.most - (allotment.used if allotment.window == floor_div(now_ms, allotment.every_ms) else 0)


cdef inline bint allotment_fits(Allotment* allotment, time_ms_t now_ms, atoms_t atoms) noexcept nogil:
    return allotment.most == 0 or atoms <= allotment_left(allotment, now_ms)


cdef inline void allotment_use(Allotment* allotment, time_ms_t now_ms, atoms_t atoms) noexcept nogil:
    """Needs: it fits. Cannot fail."""
    if allotment.most == 0:
        return
    allotment.used = allotment.most - allotment_left(allotment, now_ms) + atoms
    allotment.window = floor_div(now_ms, allotment.every_ms)


# What 10^9 atoms of the token are worth now, atoms of backing, rounded down (I-1). O(1).
cdef inline int64_t issuer_rate(Issuer* issuer, time_ms_t now_ms) noexcept nogil:
    cdef int64_t grown = 0, rate = 0
    if issuer.growth_ms and mul_overflows(issuer.growth_ppb, floor_div(now_ms - issuer.since_ms, issuer.growth_ms), &grown):
        grown = RATE_GROWTH_MOST
    mul_div_floor(issuer.rate_ppb, PPB + min64(grown, RATE_GROWTH_MOST), PPB, &rate)
    return rate
