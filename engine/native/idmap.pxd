# Id map: any int64 order id to the slot of its order.
#
#   entries   [ tag | slot + 1 ] ...     the id itself stands in the order's record
#
# Stands on: types, arith, slab (its allocator). Eight bytes an entry: the tag is the lower half of the id, and where tags agree
# the id is compared with the one in the record, which lies in the cache line that the caller wants anyway. The home of an
# id is its lower half modulo the capacity, so ids that are given out one after the other fill the table like a ring:
# nothing collides and neighbours share cache lines. When ids turn out to collide (many short runs, strides) their upper
# bits are scattered over the table.
#
# An entry stands at most `reach` behind its home, so a look-up reads reach + 1 entries (one, for consecutive ids), does
# not care about holes, and removing is one store. Measured: docs/decisions/0016-hot-path.md.
#
# Invariant: every live id has exactly one entry, at home .. home + reach; slot + 1 = 0 is an empty entry.

from engine.native.types cimport *
from engine.native.arith cimport likely, unlikely
from engine.native.planted cimport *
from engine.native.slab cimport alloc_zeroed, free_zeroed, memory_touch

cdef extern from *:
    """
    /* a map without memory looks into this one: never written, so every look-up misses */
    static uint64_t engine_no_id;
    #define ENGINE_SCATTER 0x9E3779B97F4A7C15ULL   /* 2^64 / golden ratio, odd */
    """
    void* NO_ENTRIES "(&engine_no_id)"
    const uint64_t SCATTER "ENGINE_SCATTER"

cdef enum:
    REACH_FIRST = 15         # two cache lines
    KEY_STRIDE = 32          # bytes between the keys of two slots
    CAPACITY_FIRST = 64

cdef struct IdEntry:
    uint32_t tag             # lower half of the id
    uint32_t slot_plus_1     # 0: empty

cdef struct IdMap:
    IdEntry* entries         # mask + 1 of them; NO_ENTRIES without memory
    uint64_t mask            # capacity - 1, capacity a power of two <= 2^32
    uint64_t count           # live ids
    uint64_t limit           # at so many ids the map must grow first: half the capacity
    uint64_t reach           # no entry stands further behind its home
    uint64_t reach_max       # an insert that needs more rebuilds the map first
    uint64_t scatter         # 0 while ids behave, else SCATTER
    uint32_t rebuilds        # homes computed before the last one are stale
    uint32_t pad


cdef inline void idmap_init(IdMap* map) noexcept nogil:
    map.entries = <IdEntry*>NO_ENTRIES
    map.mask = 0
    map.count = map.limit = 0
    map.reach = 0
    map.reach_max = REACH_FIRST
    map.scatter = 0
    map.rebuilds = 0


cdef inline void idmap_release(IdMap* map) noexcept nogil:
    if map.entries != <IdEntry*>NO_ENTRIES:
        free_zeroed(map.entries, (map.mask + 1) * sizeof(IdEntry))
    idmap_init(map)


# Home of an id. Scattered, runs of 4,096 ids stay together, and of the product the upper half is taken, for the lower one of an
# id that is a multiple of a large power of two is 0.
cdef inline uint64_t idmap_home(IdMap* map, int64_t key) noexcept nogil:
    if likely(map.scatter == 0):
        return <uint64_t>key & map.mask
    return (<uint64_t>key + (((<uint64_t>key >> 12) * map.scatter) >> 32)) & map.mask


cdef inline int64_t key_of(const char* keys, slot_t slot) noexcept nogil:
    """The id in a slot's record; `keys` is the address of slot 0's."""
    return (<const int64_t*>(keys + <size_t>slot * KEY_STRIDE))[0]


cdef inline bint entry_is(IdEntry* entry, const char* keys, int64_t key) noexcept nogil:
    if planted(SLIP_ID_LOW_HALF):
        return entry.tag == <uint32_t>key and entry.slot_plus_1 != 0
    return entry.tag == <uint32_t>key and entry.slot_plus_1 != 0 and key_of(keys, entry.slot_plus_1 - 1) == key


# Entry of `key`, NULL if it is unknown. `keys`: see key_of; `home`: idmap_home of the key. Cannot fail. O(reach + 1).
cdef inline IdEntry* idmap_seek(IdMap* map, const char* keys, int64_t key, uint64_t home) noexcept nogil:
    cdef IdEntry* entry = &map.entries[home]
    cdef uint64_t distance
    if likely(entry_is(entry, keys, key)):
        return entry
    # invariant: none of the entries before home + distance is the key's
    for distance in range(1, map.reach + 1):
        if planted(SLIP_ID_REACH_SHORT):
            if distance == map.reach:
                return NULL
        entry = &map.entries[(home + distance) & map.mask]
        if entry_is(entry, keys, key):
            return entry
    return NULL


cdef inline slot_t idmap_get(IdMap* map, const char* keys, int64_t key) noexcept nogil:
    """Slot of `key`, NIL if it is unknown."""
    cdef IdEntry* entry = idmap_seek(map, keys, key, idmap_home(map, key))
    return NIL if entry == NULL else entry.slot_plus_1 - 1


cdef inline IdEntry* idmap_hole(IdMap* map, int64_t key, uint64_t* distance) noexcept nogil:
    """The empty entry that `key` would take, at most reach_max behind its home; NULL if there is none."""
    cdef uint64_t home = idmap_home(map, key), step
    cdef IdEntry* entry
    for step in range(map.reach_max + 1):
        entry = &map.entries[(home + step) & map.mask]
        if entry.slot_plus_1 == 0:
            distance[0] = step
            return entry
    return NULL


cdef inline outlined_int idmap_rebuild(IdMap* map, const char* keys, uint64_t capacity, uint64_t scatter, uint64_t reach_max) noexcept nogil:
    """Move to `capacity` entries. 1 if there is no memory, 2 if an id found no place within reach_max (map unchanged)."""
    cdef IdMap fresh
    cdef IdEntry* entry
    cdef uint64_t i, distance = 0
    idmap_init(&fresh)
    fresh.entries = <IdEntry*>alloc_zeroed(capacity * sizeof(IdEntry))
    if fresh.entries == NULL:
        return 1
    fresh.mask = capacity - 1
    fresh.limit = capacity >> 1
    fresh.count = map.count
    fresh.scatter = scatter
    fresh.rebuilds = map.rebuilds + 1
    fresh.reach_max = reach_max
    for i in range(map.mask + 1):
        if map.entries[i].slot_plus_1 == 0:
            continue
        entry = idmap_hole(&fresh, key_of(keys, map.entries[i].slot_plus_1 - 1), &distance)
        if entry == NULL:
            free_zeroed(fresh.entries, capacity * sizeof(IdEntry))
            return 2
        entry[0] = map.entries[i]
        if distance > fresh.reach:
            fresh.reach = distance
    if map.entries != <IdEntry*>NO_ENTRIES:
        free_zeroed(map.entries, (map.mask + 1) * sizeof(IdEntry))
    map[0] = fresh
    return 0


cdef inline outlined_int idmap_grow(IdMap* map, const char* keys) noexcept nogil:
    """Make the map roomier in the cheapest way that helps. 0 if it changed, 1 if there is no memory (map unchanged).

    Crowded: twice the entries. Hardly filled, and yet a run of 16 without a hole: the ids collide, so scatter them; and if
    even that does not help (somebody chose his ids for it), let look-ups reach further rather than take more memory.
    """
    cdef uint64_t capacity = map.mask + 1, reach_max = map.reach_max
    cdef uint64_t scatter = map.scatter
    cdef int failed
    if capacity < CAPACITY_FIRST:
        return idmap_rebuild(map, keys, CAPACITY_FIRST, 0, REACH_FIRST)
    # invariant: the map is unchanged; each turn tries a roomier shape than the one before
    while True:
        if map.count * 8 >= capacity:
            capacity *= 2
        elif not scatter:
            scatter = SCATTER
        else:
            reach_max *= 2
        failed = idmap_rebuild(map, keys, capacity, scatter, reach_max)
        if failed != 2:
            return failed


# The entry's index for a key whose home is taken, or for a map that must grow first; -1 without memory. O(1) amortised.
cdef inline outlined_qty_t idmap_reserve_far(IdMap* map, const char* keys, int64_t key) noexcept nogil:
    cdef uint64_t distance = 0
    cdef IdEntry* entry
    if map.count >= map.limit and idmap_grow(map, keys):
        return -1
    entry = idmap_hole(map, key, &distance)
    while entry == NULL:
        if idmap_grow(map, keys):
            return -1
        entry = idmap_hole(map, key, &distance)
    if distance > map.reach:
        map.reach = distance
    return entry - map.entries


# The entry that idmap_insert shall take, NULL if there is no memory (no id is lost then). It stays right while ids are only
# taken out. O(1) amortised.
cdef inline IdEntry* idmap_reserve(IdMap* map, const char* keys, int64_t key, uint64_t home) noexcept nogil:
    cdef IdEntry* entry = &map.entries[home]
    cdef int64_t index
    if likely(map.count < map.limit and entry.slot_plus_1 == 0):
        return entry
    index = idmap_reserve_far(map, keys, key)
    return NULL if index < 0 else &map.entries[index]


# Enter `key` at the entry that idmap_reserve gave. Cannot fail. O(1).
cdef inline void idmap_insert(IdMap* map, IdEntry* entry, int64_t key, slot_t slot) noexcept nogil:
    entry.tag = <uint32_t>key
    entry.slot_plus_1 = slot + 1
    map.count += 1


# Make room for `ids` live ids beforehand. 0 if done, 1 if there is no memory. O(capacity).
cdef inline bint idmap_expect(IdMap* map, const char* keys, uint64_t ids) noexcept nogil:
    cdef uint64_t capacity = CAPACITY_FIRST
    while capacity < 2 * (ids + 1):
        capacity *= 2
    if capacity <= map.mask + 1:
        return 0
    if idmap_rebuild(map, keys, capacity, map.scatter, map.reach_max):
        return 1
    if map.count == 0:
        memory_touch(<char*>map.entries, 0, capacity * sizeof(IdEntry))
    return 0


# Take an entry out. Cannot fail. O(1).
cdef inline void idmap_remove(IdMap* map, IdEntry* entry) noexcept nogil:
    entry.slot_plus_1 = 0
    map.count -= 1


# The entry of an id whose slot is known. Needs: it is in. Cannot fail. O(reach + 1).
cdef inline IdEntry* idmap_entry_of(IdMap* map, int64_t key, slot_t slot) noexcept nogil:
    cdef uint64_t at = idmap_home(map, key)
    while unlikely(map.entries[at].slot_plus_1 != slot + 1):
        at = (at + 1) & map.mask
    return &map.entries[at]
