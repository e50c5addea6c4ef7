# Snapshot: save, load and fork a world by copying its slabs (J-3).
#
#   [Header][World struct, pointers zeroed][slab 0 bytes][slab 1 bytes] ... [checksum]
#
# Stands on: kernel. Output tables are not state and start empty in a restored world; everything that decides the
# future is. Position-independent: a restored world runs on as the original does.

from libc.string cimport memcpy

from engine.native.types cimport *
from engine.native.columns cimport *
from engine.native.idmap cimport *
from engine.native.kernel cimport *
from engine.native.orders cimport pools_grow_orders
from engine.native.recorder cimport recorder_forget
from engine.native.slab cimport *
from engine.native.state cimport State

cdef enum:
    SNAPSHOT_VERSION = 10

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #define ENGINE_SNAPSHOT_MAGIC 0x31574c5345524946LL   /* "FIRESLW1" */
    /* 64 bits over a byte string; it finds damage, it is no signature. Four lanes, since one is a chain of multiplications: of a
       snapshot of 101 MB (1 M orders) it takes 9 ms instead of 33. */
    #define ENGINE_LANE(h, w) h = ((h) ^ (w)) * 0x9E3779B97F4A7C15ULL, h ^= (h) >> 32
    static uint64_t engine_checksum(const char *p, uint64_t n) {
        uint64_t h = 0xcbf29ce484222325ULL ^ n, a = h, b = ~h, c = h + 1, w[4];
        for (; n >= 32; p += 32, n -= 32) {
            memcpy(w, p, 32);
            ENGINE_LANE(h, w[0]); ENGINE_LANE(a, w[1]); ENGINE_LANE(b, w[2]); ENGINE_LANE(c, w[3]);
        }
        memset(w, 0, 32); if (n) memcpy(w, p, n);
        ENGINE_LANE(h, w[0]); ENGINE_LANE(a, w[1]); ENGINE_LANE(b, w[2]); ENGINE_LANE(c, w[3]);
        ENGINE_LANE(h, a); ENGINE_LANE(h, b); ENGINE_LANE(h, c);
        return h;
    }
    """
    const int64_t SNAPSHOT_MAGIC "ENGINE_SNAPSHOT_MAGIC"
    uint64_t checksum "engine_checksum"(const char*, uint64_t) noexcept nogil

cdef struct SnapshotHeader:
    int64_t magic
    uint64_t bytes_total         # whole snapshot, checksum included
    uint32_t version
    uint32_t world_bytes         # sizeof(WorldData): another build's layout is refused

cdef enum SnapshotFault:
    SNAPSHOT_SOUND = 0
    SNAPSHOT_SHORT = 1
    SNAPSHOT_FOREIGN = 2
    SNAPSHOT_OTHER_VERSION = 3
    SNAPSHOT_OTHER_LAYOUT = 4
    SNAPSHOT_LENGTH = 5
    SNAPSHOT_DAMAGED = 6
    SNAPSHOT_NO_MEMORY = 7


cdef inline uint64_t slab_bytes(Slab* slab) noexcept nogil:
    return <uint64_t>slab.count * slab.stride


cdef inline uint64_t snapshot_bytes(WorldData* world) noexcept nogil:
    """Length of a snapshot of this world. O(1)."""
    cdef uint64_t total = sizeof(SnapshotHeader) + sizeof(WorldData) + 8
    cdef int i
    for i in range(WORLD_SLABS):
        total += slab_bytes(world_slab(world, i))
    return total


cdef inline void world_forget_pointers(WorldData* world) noexcept nogil:
    """Make a copied World struct own nothing: bases and tables empty, counts and free lists kept."""
    cdef int i
    for i in range(WORLD_SLABS):
        world_slab(world, i).base = NULL
        world_slab(world, i).capacity = 0
    idmap_init(&world.state.pools.ids)
    forget_table(&world.state.pools.fills)
    forget_table(&world.state.pools.cancels)
    forget_table(&world.state.pools.triggers)
    forget_table(&world.state.journal)
    forget_table(&world.state.prices)
    forget_table(&world.state.depth)
    recorder_forget(&world.state.recorder)
    world.state.queue.live = NULL
    world.state.queue.live_left = NULL
    world.state.queue.live_blocks = 0


# Write a snapshot of snapshot_bytes() bytes. The world is unchanged. Cannot fail. O(state).
cdef inline void snapshot_save(WorldData* world, char* out) noexcept nogil:
    cdef SnapshotHeader* header = <SnapshotHeader*>out
    cdef uint64_t total, sum
    cdef char* at = out + sizeof(SnapshotHeader)
    cdef Slab* slab
    cdef int i
    total = snapshot_bytes(world)
    header.magic = SNAPSHOT_MAGIC
    header.bytes_total = total
    header.version = SNAPSHOT_VERSION
    header.world_bytes = sizeof(WorldData)
    memcpy(at, world, sizeof(WorldData))
    world_forget_pointers(<WorldData*>at)
    at += sizeof(WorldData)
    for i in range(WORLD_SLABS):
        slab = world_slab(world, i)
        if slab.count:
            memcpy(at, slab.base, slab_bytes(slab))
        at += slab_bytes(slab)
    sum = checksum(out, total - 8)
    memcpy(at, &sum, 8)


cdef inline int snapshot_check(const char* data, uint64_t length) noexcept nogil:
    """Why a byte string is no snapshot of this build, SNAPSHOT_SOUND if it is one."""
    cdef const SnapshotHeader* header = <const SnapshotHeader*>data
    cdef uint64_t sum
    cdef WorldData* world
    if length < sizeof(SnapshotHeader) + sizeof(WorldData) + 8:
        return SNAPSHOT_SHORT
    if header.magic != SNAPSHOT_MAGIC:
        return SNAPSHOT_FOREIGN
    if header.version != SNAPSHOT_VERSION:
        return SNAPSHOT_OTHER_VERSION
    if header.world_bytes != sizeof(WorldData):
        return SNAPSHOT_OTHER_LAYOUT
    if header.bytes_total != length:
        return SNAPSHOT_LENGTH
    memcpy(&sum, data + length - 8, 8)
    if sum != checksum(data, length - 8):
        return SNAPSHOT_DAMAGED
    world = <WorldData*>(data + sizeof(SnapshotHeader))
    if snapshot_bytes(world) != length:
        return SNAPSHOT_LENGTH
    return SNAPSHOT_SOUND


# Fill an empty World from a snapshot. Returns a SnapshotFault; on a fault `world` holds nothing to use but may be
# released. O(state).
cdef inline int snapshot_load(WorldData* world, const char* data, uint64_t length) noexcept nogil:
    cdef int fault = snapshot_check(data, length), i
    cdef const char* at = data + sizeof(SnapshotHeader)
    cdef Slab* slab
    cdef uint32_t count
    if fault:
        return fault
    memcpy(world, at, sizeof(WorldData))
    at += sizeof(WorldData)
    for i in range(WORLD_SLABS):
        slab = world_slab(world, i)
        count = slab.count
        if count == 0:
            continue
        slab.count = 0                   # nothing to copy while growing
        if slab_grow(slab, count):
            slab.count = count
            return SNAPSHOT_NO_MEMORY
        slab.count = count
        memcpy(slab.base, at, slab_bytes(slab))
        at += slab_bytes(slab)
    if pools_grow_orders(&world.state.pools, 0):     # every slot can be given back again
        return SNAPSHOT_NO_MEMORY
    return SNAPSHOT_SOUND
