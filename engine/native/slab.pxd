# Slab: one array of equal records, named by 32-bit slots, with a LIFO free list.
#
#   base  [ 0 | 1 | 2 | ... | count-1 | (capacity) ]     free_head -> slot -> slot -> NIL
#
# Stands on: types, arith. Invariant: every slot below `count` is either live or on the free list; the link of a
# free record stands in its 4 bytes at `link_offset`. Records hold slots, never pointers, so a slab is saved,
# loaded and forked by copying bytes. Growing moves the base: refetch pointers after any reserve.

from libc.string cimport memcpy, memset

from engine.native.types cimport *
from engine.native.arith cimport max64, unlikely

cdef extern from *:
    """
    #include <stdlib.h>
    #include <string.h>
    #ifdef __linux__
    #include <sys/mman.h>
    #endif
    /* Zeroed memory on a cache line. From 4 MiB on it is mapped on 2 MiB boundaries and may use huge pages (a book of
       300,000 orders is 20 MB: its misses are TLB misses first); pages not touched cost nothing. NULL when there is
       none. Free with the same size. */
    #define ENGINE_MAP_FROM ((size_t)4 << 20)
    #define ENGINE_HUGE ((size_t)2 << 20)
    static void *engine_alloc_zeroed(size_t bytes) {
        void *p = NULL;
        if (bytes == 0) bytes = 64;
    #ifdef __linux__
        if (bytes >= ENGINE_MAP_FROM) {
            size_t want = (bytes + ENGINE_HUGE - 1) & ~(ENGINE_HUGE - 1), skip;
            if (want < bytes) return NULL;
            char *raw = (char *)mmap(NULL, want + ENGINE_HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (raw == (char *)MAP_FAILED) return NULL;
            skip = (ENGINE_HUGE - ((uintptr_t)raw & (ENGINE_HUGE - 1))) & (ENGINE_HUGE - 1);
            if (skip) munmap(raw, skip);
            munmap(raw + skip + want, ENGINE_HUGE - skip);
    #ifdef MADV_HUGEPAGE
            madvise(raw + skip, want, MADV_HUGEPAGE);
    #endif
            return raw + skip;
        }
    #endif
        if (posix_memalign(&p, 64, bytes)) return NULL;
        memset(p, 0, bytes);
        return p;
    }
    static void engine_free_zeroed(void *p, size_t bytes) {
        if (p == NULL) return;
    #ifdef __linux__
        if (bytes >= ENGINE_MAP_FROM) { munmap(p, (bytes + ENGINE_HUGE - 1) & ~(ENGINE_HUGE - 1)); return; }
    #endif
        free(p);
    }
    """
    void* alloc_zeroed "engine_alloc_zeroed"(size_t) noexcept nogil
    void free_zeroed "engine_free_zeroed"(void*, size_t) noexcept nogil

cdef struct Slab:
    char* base               # records, cache-line aligned
    uint32_t stride          # bytes of one record
    uint32_t link_offset     # where a free record keeps its link
    uint32_t count           # slots handed out so far (high-water mark)
    uint32_t capacity        # records that fit
    uint32_t free_head       # first free slot, NIL if none
    uint32_t free_count      # length of the free list


cdef inline void slab_init(Slab* slab, uint32_t stride, uint32_t link_offset) noexcept nogil:
    """Make an empty slab without memory. Cannot fail."""
    slab.base = NULL
    slab.stride = stride
    slab.link_offset = link_offset
    slab.count = 0
    slab.capacity = 0
    slab.free_head = NIL
    slab.free_count = 0


cdef inline void slab_release(Slab* slab) noexcept nogil:
    free_zeroed(slab.base, <size_t>slab.capacity * slab.stride)
    slab.base = NULL
    slab.count = slab.capacity = slab.free_count = 0
    slab.free_head = NIL


cdef inline outlined_int slab_grow(Slab* slab, uint64_t capacity_min) noexcept nogil:
    """Make room for `capacity_min` records, geometrically. 0 if done, 1 if there is no memory (slab unchanged)."""
    cdef uint64_t capacity = slab.capacity * 2 if slab.capacity else 16
    cdef char* base
    if capacity_min >= NIL:
        return 1
    capacity = max64(capacity, capacity_min)
    if capacity >= NIL:
        capacity = NIL - 1
    base = <char*>alloc_zeroed(<size_t>capacity * slab.stride)
    if base == NULL:
        return 1
    if slab.count:
        memcpy(base, slab.base, <size_t>slab.count * slab.stride)
    free_zeroed(slab.base, <size_t>slab.capacity * slab.stride)
    slab.base = base
    slab.capacity = <uint32_t>capacity
    return 0


cdef inline bint slab_grow_to(Slab* slab, uint64_t capacity_min) noexcept nogil:
    """Make room for `capacity_min` records in all. 0 if done, 1 if there is no memory (slab unchanged)."""
    return slab.capacity < capacity_min and slab_grow(slab, capacity_min)


cdef inline void memory_touch(char* base, size_t begin, size_t end) noexcept nogil:
    """Write zeros over zeros from `begin` to `end`: no page, and as far as the caches reach no line, is first met in a hot loop."""
    if end > begin:
        memset(base + begin, 0, end - begin)


cdef inline void slab_touch(Slab* slab) noexcept nogil:
    """Touch the unused part, which holds zeros."""
    memory_touch(slab.base, <size_t>slab.count * slab.stride, <size_t>slab.capacity * slab.stride)


cdef inline bint slab_reserve(Slab* slab, uint32_t more) noexcept nogil:
    """Make sure that `more` slab_take calls will succeed. 0 if so, 1 if there is no memory. O(1) amortised."""
    cdef uint64_t spare = <uint64_t>slab.capacity - slab.count + slab.free_count
    if spare >= more:
        return 0
    return slab_grow(slab, <uint64_t>slab.count + more)


cdef inline void* slab_at(Slab* slab, slot_t slot) noexcept nogil:
    return slab.base + <size_t>slot * slab.stride


# Take a slot: the last one given back, else the next fresh one. Needs a reserve before. Its content is what the
# last owner left (zero if fresh). Cannot fail. O(1).
cdef inline slot_t slab_take(Slab* slab) noexcept nogil:
    cdef slot_t slot = slab.free_head
    if slot != NIL:
        slab.free_head = (<uint32_t*>(slab.base + <size_t>slot * slab.stride + slab.link_offset))[0]
        slab.free_count -= 1
        return slot
    slot = slab.count
    slab.count += 1
    return slot


# Give a slot back. Needs: it is live. Cannot fail. O(1).
cdef inline void slab_give(Slab* slab, slot_t slot) noexcept nogil:
    (<uint32_t*>(slab.base + <size_t>slot * slab.stride + slab.link_offset))[0] = slab.free_head
    slab.free_head = slot
    slab.free_count += 1
