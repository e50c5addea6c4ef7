# Open-addressing map from any int64 order id to a slot.
#
# Stands on: types, arith, slab (its allocator). Linear probing, backward-shift deletion, load at most 1/2.
# Four neighbouring ids share a cache line and only the bits above are hashed: ids are mostly consecutive, so the
# map stays as local as an array; regular strides still spread, since the upper bits are multiplied.
# Invariant: every key lies at or after its home with no empty entry between.

from engine.native.types cimport *
from engine.native.arith cimport unlikely
from engine.native.slab cimport alloc_zeroed, free_zeroed

cdef struct IdEntry:
    int64_t key              # order id, any value
    slot_t slot              # the order's slot
    uint32_t used            # 1 live, 0 empty

cdef struct IdMap:
    IdEntry* entries         # mask + 1 of them, or NULL
    uint64_t mask            # capacity - 1, capacity a power of two
    uint64_t count           # live keys
    uint32_t shift           # 64 - log2(capacity) + 2


cdef inline void idmap_init(IdMap* map) noexcept nogil:
    map.entries = NULL
    map.mask = 0
    map.count = 0
    map.shift = 0


cdef inline void idmap_release(IdMap* map) noexcept nogil:
    if map.entries != NULL:
        free_zeroed(map.entries, (map.mask + 1) * sizeof(IdEntry))
    idmap_init(map)


cdef inline uint64_t idmap_home(IdMap* map, int64_t key) noexcept nogil:
    cdef uint64_t upper = (<uint64_t>key >> 2) * <uint64_t>0x9E3779B97F4A7C15
    return ((upper >> map.shift) << 2) | (<uint64_t>key & 3)


cdef inline slot_t idmap_get(IdMap* map, int64_t key) noexcept nogil:
    """Slot of `key`, NIL if unknown. Cannot fail. O(1) expected."""
    cdef uint64_t i
    if map.count == 0:
        return NIL
    i = idmap_home(map, key)
    while map.entries[i].used:
        if map.entries[i].key == key:
            return map.entries[i].slot
        i = (i + 1) & map.mask
    return NIL


cdef inline void idmap_insert(IdMap* map, int64_t key, slot_t slot) noexcept nogil:
    cdef uint64_t i = idmap_home(map, key)
    while map.entries[i].used:
        i = (i + 1) & map.mask
    map.entries[i].key = key
    map.entries[i].slot = slot
    map.entries[i].used = 1
    map.count += 1


cdef inline bint idmap_grow(IdMap* map, uint64_t capacity) noexcept nogil:
    """Move to `capacity` entries, a power of two with room for the keys. 1 if there is no memory (map unchanged)."""
    cdef IdMap bigger
    cdef uint64_t i
    cdef uint32_t bits = 0
    bigger.entries = <IdEntry*>alloc_zeroed(capacity * sizeof(IdEntry))
    if bigger.entries == NULL:
        return 1
    while ((<uint64_t>1) << bits) < capacity:
        bits += 1
    bigger.mask = capacity - 1
    bigger.count = 0
    bigger.shift = 64 - bits + 2
    if map.entries != NULL:
        for i in range(map.mask + 1):
            if map.entries[i].used:
                idmap_insert(&bigger, map.entries[i].key, map.entries[i].slot)
    if map.entries != NULL:
        free_zeroed(map.entries, (map.mask + 1) * sizeof(IdEntry))
    map[0] = bigger
    return 0


cdef inline bint idmap_reserve(IdMap* map) noexcept nogil:
    """Make sure that one insert will succeed. 0 if so, 1 if there is no memory (map unchanged). O(1) amortised."""
    if map.entries != NULL and (map.count + 1) * 2 <= map.mask + 1:
        return 0
    return idmap_grow(map, 64 if map.entries == NULL else (map.mask + 1) * 2)


cdef inline void idmap_remove(IdMap* map, int64_t key) noexcept nogil:
    """Take `key` out. Needs: it is in. Cannot fail. O(1) expected."""
    cdef uint64_t hole = idmap_home(map, key), i, home
    while map.entries[hole].key != key or not map.entries[hole].used:
        if not map.entries[hole].used:
            return
        hole = (hole + 1) & map.mask
    i = hole
    # invariant: entries between hole and i stay where they are; hole is the only gap in the run
    while True:
        i = (i + 1) & map.mask
        if not map.entries[i].used:
            break
        home = idmap_home(map, map.entries[i].key)
        if ((i - home) & map.mask) >= ((i - hole) & map.mask):
            map.entries[hole] = map.entries[i]
            hole = i
    map.entries[hole].used = 0
    map.count -= 1
