# Issuers and routes: the records of what makes and destroys tokens (section I), and of what carries assets between venues (section K).
#
# Stands on: slab.

from engine.native.types cimport *
from engine.native.slab cimport *

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

cdef struct Route:
    Allotment cap
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
    slot_t first                 # transits in the order of departure, NIL none
    uint64_t key                 # of its draws
    time_ms_t drawn_ms
    uint32_t draws
    uint32_t pad

# Atoms on their way: on a route, or cooling down at an issuer.
cdef struct Transit:
    atoms_t atoms
    time_ms_t due_ms
    uint32_t account             # receiver
    uint32_t route               # or issuer
    uint32_t is_cooldown
    slot_t next                  # free-list link while unused
    uint32_t cause
    uint32_t pad

cdef struct Issuer:
    Allotment mint_cap
    Allotment redeem_cap
    int64_t rate_ppb             # backing atoms for 10^9 token atoms
    int64_t growth_ppb
    time_ms_t growth_ms
    time_ms_t grown_ms           # the rate is of then
    int64_t mint_ppm
    int64_t redeem_ppm
    atoms_t minted
    atoms_t redeemed
    time_ms_t cooldown_ms
    int64_t shares               # staked tokens in being
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
