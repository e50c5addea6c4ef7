# Id map: any int64 order id to the slot of its order.
#
#   entries   [ tag | slot + 1 ] ...     home of an id = tag & mask; the id itself stands in the order's record
#
# Stands on: types, arith, slab (its allocator). Eight bytes an entry: the tag is 32 bits of the id, and an id is compared
# with the one in the record only where live ids differ in their upper half (`wide_count`). The tag is the id's lower half
# as it is, so ids that are given out one after the other fill the table like a ring: nothing collides and neighbours
# share cache lines. When ids turn out to collide (strides) the tag is mixed instead (`mixed`), a bijection of 32 bits.
#
# An entry stands at most `reach` behind its home, so a look-up reads reach + 1 entries (one, for consecutive ids), does
# not care about holes, and removing is one store. Measured against 16-byte entries with backward-shift deletion
# (`bench_matcher`, batch by order_id): docs/decisions/0016-order-ids.md.
#
# Invariant: every live id has exactly one entry, at home .. home + reach; slot + 1 = 0 is an empty entry.

from engine.native.types cimport *
from engine.native.arith cimport likely, unlikely
from engine.native.slab cimport alloc_zeroed, free_zeroed

cdef enum:
    REACH_FIRST = 15         # two cache lines
    KEY_STRIDE = 32          # bytes between the keys of two slots

cdef struct IdEntry:
    uint32_t tag             # of the id, see idmap_tag
    uint32_t slot_plus_1     # 0: empty

cdef struct IdMap:
    IdEntry* entries         # mask + 1 of them, or NULL
    uint64_t mask            # capacity - 1, capacity a power of two <= 2^32
    uint64_t count           # live ids
    uint64_t wide_count      # of them, ids outside 0 .. 2^32 - 1
    uint64_t reach           # no entry stands further behind its home
    uint64_t reach_max       # an insert that needs more rebuilds the map first
    bint mixed               # tags are mixed


cdef inline void idmap_init(IdMap* map) noexcept nogil:
    map.entries = NULL
    map.mask = 0
    map.count = map.wide_count = 0
    map.reach = 0
    map.reach_max = REACH_FIRST
    map.mixed = 0


cdef inline void idmap_release(IdMap* map) noexcept nogil:
    if map.entries != NULL:
        free_zeroed(map.entries, (map.mask + 1) * sizeof(IdEntry))
    idmap_init(map)


cdef inline bint id_is_wide(int64_t key) noexcept nogil:
    return (<uint64_t>key >> 32) != 0


cdef inline uint32_t idmap_tag(IdMap* map, int64_t key) noexcept nogil:
    """32 bits of an id; equal ids have equal tags, and so have only they while no live id is wide."""
    cdef uint32_t tag = <uint32_t>key
    if likely(not map.mixed):
        return tag
    tag ^= <uint32_t>((<uint64_t>key >> 32) * <uint64_t>0x9E3779B97F4A7C15 >> 32)
    # the 32-bit finaliser of MurmurHash3: every step can be undone, so narrow ids keep different tags
    tag = (tag ^ (tag >> 16)) * <uint32_t>0x85EBCA6B
    tag = (tag ^ (tag >> 13)) * <uint32_t>0xC2B2AE35
    return tag ^ (tag >> 16)


cdef inline int64_t key_of(const char* keys, slot_t slot) noexcept nogil:
    """The id in a slot's record; `keys` is the address of slot 0's."""
    return (<const int64_t*>(keys + <size_t>slot * KEY_STRIDE))[0]


# Slot of `key`, NIL if unknown. `keys`: see key_of. Cannot fail. O(reach + 1).
cdef inline slot_t idmap_get(IdMap* map, const char* keys, int64_t key) noexcept nogil:
    cdef uint32_t tag
    cdef uint64_t probe, at
    cdef IdEntry entry
    cdef bint must_compare = map.wide_count != 0
    if map.count == 0 or unlikely(id_is_wide(key) and not must_compare):
        return NIL
    tag = idmap_tag(map, key)
    at = tag & map.mask
    # invariant: none of the `probe` entries before `at` is the key's
    for probe in range(map.reach + 1):
        entry = map.entries[at]
        if entry.tag == tag and entry.slot_plus_1 != 0:
            if likely(not must_compare) or key_of(keys, entry.slot_plus_1 - 1) == key:
                return entry.slot_plus_1 - 1
        at = (at + 1) & map.mask
    return NIL


cdef inline bint idmap_hole(IdMap* map, int64_t key, uint64_t* hole) noexcept nogil:
    """Find the empty entry that `key` would take, at most reach_max behind its home. 0 if there is none."""
    cdef uint64_t probe, at
    at = idmap_tag(map, key) & map.mask
    for probe in range(map.reach_max + 1):
        if map.entries[at].slot_plus_1 == 0:
            hole[0] = at
            return 1
        at = (at + 1) & map.mask
    return 0


# Enter `key` at the hole that idmap_reserve found; entries may have been removed since, none inserted. Cannot fail. O(1).
cdef inline void idmap_insert(IdMap* map, int64_t key, slot_t slot, uint64_t hole) noexcept nogil:
    cdef uint32_t tag = idmap_tag(map, key)
    cdef uint64_t distance = (hole - tag) & map.mask
    map.entries[hole].tag = tag
    map.entries[hole].slot_plus_1 = slot + 1
    map.count += 1
    map.wide_count += id_is_wide(key)
    if unlikely(distance > map.reach):
        map.reach = distance


cdef inline int idmap_rebuild(IdMap* map, const char* keys, uint64_t capacity, bint mixed, uint64_t reach_max) noexcept nogil:
    """Move to `capacity` entries. 1 if there is no memory, 2 if an id found no place within reach_max (map unchanged)."""
    cdef IdMap fresh
    cdef uint64_t i, hole = 0
    cdef slot_t slot
    idmap_init(&fresh)
    fresh.entries = <IdEntry*>alloc_zeroed(capacity * sizeof(IdEntry))
    if fresh.entries == NULL:
        return 1
    fresh.mask = capacity - 1
    fresh.mixed = mixed
    fresh.reach_max = reach_max
    if map.entries != NULL:
        for i in range(map.mask + 1):
            if map.entries[i].slot_plus_1 == 0:
                continue
            slot = map.entries[i].slot_plus_1 - 1
            if not idmap_hole(&fresh, key_of(keys, slot), &hole):
                free_zeroed(fresh.entries, capacity * sizeof(IdEntry))
                return 2
            idmap_insert(&fresh, key_of(keys, slot), slot, hole)
        free_zeroed(map.entries, (map.mask + 1) * sizeof(IdEntry))
    map[0] = fresh
    return 0


cdef inline int idmap_grow(IdMap* map, const char* keys) noexcept nogil:
    """Make the map roomier in the cheapest way that helps. 0 if it changed, 1 if there is no memory (map unchanged).

    Crowded: twice the entries. Hardly filled, and yet a run of 16 without a hole: the ids collide, so mix them; and if
    even that does not help (somebody chose his ids for it), let look-ups reach further rather than take more memory.
    """
    cdef uint64_t capacity = map.mask + 1, reach_max = map.reach_max
    cdef bint mixed = map.mixed
    cdef int failed
    # invariant: the map is unchanged; each turn tries a roomier shape than the one before
    while True:
        if map.count * 8 >= capacity:
            capacity *= 2
        elif not mixed:
            mixed = 1
        else:
            reach_max *= 2
        failed = idmap_rebuild(map, keys, capacity, mixed, reach_max)
        if failed != 2:
            return failed


# Make sure that `key` can be entered, at *hole. 0 if so, 1 if there is no memory (map unchanged). O(1) amortised.
cdef inline bint idmap_reserve(IdMap* map, const char* keys, int64_t key, uint64_t* hole) noexcept nogil:
    if unlikely(map.entries == NULL):
        if idmap_rebuild(map, keys, 64, 0, REACH_FIRST):
            return 1
    if unlikely((map.count + 1) * 2 > map.mask + 1):
        if idmap_grow(map, keys):
            return 1
    while unlikely(not idmap_hole(map, key, hole)):
        if idmap_grow(map, keys):
            return 1
    return 0


# Make room for `ids` live ids beforehand. 0 if done, 1 if there is no memory. O(capacity).
cdef inline bint idmap_expect(IdMap* map, const char* keys, uint64_t ids) noexcept nogil:
    cdef uint64_t capacity = 64
    while capacity < 2 * (ids + 1):
        capacity *= 2
    if map.entries != NULL and capacity <= map.mask + 1:
        return 0
    return idmap_rebuild(map, keys, capacity, map.mixed, map.reach_max)


# Take out the id of a slot. Needs: it is in. Cannot fail. O(reach + 1).
cdef inline void idmap_remove(IdMap* map, int64_t key, slot_t slot) noexcept nogil:
    cdef uint64_t at = idmap_tag(map, key) & map.mask
    while map.entries[at].slot_plus_1 != slot + 1:
        at = (at + 1) & map.mask
    map.entries[at].slot_plus_1 = 0
    map.count -= 1
    map.wide_count -= id_is_wide(key)
