# Queue: events in total order (time_ms, priority, seq).
#
#   wheel 0   1,024 slots of 1 ms        the running second        slot: chunk -> chunk (7 events each, oldest first)
#   wheel 1   1,024 slots of 1,024 ms    the running 17 minutes
#   wheel 2   1,024 slots of 17 min      the running 12 days
#   far       a binary heap              everything later
#   rare      a binary heap              every event whose priority is not `bulk_priority` (or behind the cursor)
#
# Stands on: slab, digest. The wheels hold events of one priority (a simulator's orders), so a slot's FIFO is seq order.
# That survives pouring a coarse slot into a finer wheel because a slot is poured *before* anything can be inserted for
# its range: an event goes to wheel k only when it shares the cursor's epoch there.
# Measured (hold model): chunks of 7 events instead of linked nodes are 0.9x at 10,000 pending and 3x at 1,000,000.
#
# Invariants: cursor_ms <= time of every event in the wheels, so an event behind the cursor (which goes to `rare`) never
# ties with one in a wheel.

from libc.stdlib cimport calloc, free, qsort, realloc
from libc.string cimport memset

from engine.native.types cimport *
from engine.native.arith cimport ctz64, likely, prefetch, unlikely
from engine.native.digest cimport *
from engine.native.slab cimport *

cdef enum:
    WHEEL_BITS = 10
    WHEEL_SLOTS = 1024
    WHEEL_WORDS = 16
    WHEELS = 3
    CHUNK_EVENTS = 7
    LIVE_BITS = 4096         # handles per block of the live-handle table

cdef extern from *:
    """
    #include <stdint.h>
    #define ENGINE_TIME_MAX ((int64_t)1 << 62)
    #define ENGINE_TIME_NONE INT64_MAX
    """
    const int64_t TIME_MAX "ENGINE_TIME_MAX"
    const int64_t TIME_NONE "ENGINE_TIME_NONE"

# One event, 32 bytes.
cdef struct Event:
    time_ms_t time_ms        # due
    int64_t seq              # how many were scheduled before it: settles ties; the handle
    uint32_t a               # payload: first word (kernel: what it concerns)
    uint32_t b               # payload: second word
    uint32_t cause           # landmark behind it, 0 background
    int16_t priority         # phase in a simulator; smaller first
    uint16_t kind            # kernel: which handler

# 256 bytes, header first: in the fine wheel most slots hold one event, and it shares the header's cache line.
cdef struct Chunk:
    slot_t next              # younger chunk, NIL; free-list link
    uint32_t count           # events written
    uint32_t read            # events taken
    uint32_t pad
    Event event[CHUNK_EVENTS]
    uint32_t pad_[4]

cdef struct WheelSlot:
    slot_t head              # oldest chunk, NIL if empty
    slot_t tail              # youngest chunk

cdef struct Wheel:
    WheelSlot slot[WHEEL_SLOTS]
    uint64_t bits[WHEEL_WORDS]   # non-empty slots

cdef struct Queue:
    Wheel wheel[WHEELS]
    Slab chunks              # Chunk
    Slab rare                # heap of Event, count = its size
    Slab far                 # heap of Event, count = its size
    time_ms_t now_ms         # time of the last event taken, or where run() left it
    time_ms_t cursor_ms      # where wheel 0 is read
    int64_t seq_next         # events scheduled so far
    int64_t pending_count    # live events
    int64_t dead_count       # cancelled events still lying in a wheel or heap
    uint64_t** live          # blocks of LIVE_BITS bits: 1 = that seq is pending; NULL array when untracked
    uint16_t* live_left      # live events of each block
    int64_t live_blocks      # length of both arrays
    int16_t bulk_priority    # the priority that the wheels serve
    bint tracked             # handles can be cancelled


cdef inline void queue_init(Queue* queue, time_ms_t start_ms, int16_t bulk_priority, bint tracked) noexcept nogil:
    """Make an empty queue without memory. Cannot fail."""
    cdef int k
    memset(queue, 0, sizeof(Queue))
    for k in range(WHEELS):
        memset(queue.wheel[k].slot, 0xFF, sizeof(WheelSlot) * WHEEL_SLOTS)
    slab_init(&queue.chunks, sizeof(Chunk), 0)
    slab_init(&queue.rare, sizeof(Event), 0)
    slab_init(&queue.far, sizeof(Event), 0)
    queue.now_ms = queue.cursor_ms = start_ms
    queue.bulk_priority = bulk_priority
    queue.tracked = tracked


cdef inline void queue_release(Queue* queue) noexcept nogil:
    cdef int64_t i
    slab_release(&queue.chunks)
    slab_release(&queue.rare)
    slab_release(&queue.far)
    for i in range(queue.live_blocks):
        free(queue.live[i])
    free(queue.live)
    free(queue.live_left)
    queue.live = NULL
    queue.live_left = NULL
    queue.live_blocks = 0


# ---- live handles: one bit per event, blocks freed when their last event has fired ----

cdef inline bint live_reserve(Queue* queue, int64_t seq) noexcept nogil:
    """Make room for the bit of `seq`. 0 if done, 1 if there is no memory."""
    cdef int64_t block = seq >> 12, blocks, i
    cdef uint64_t** live
    cdef uint16_t* left
    if block >= queue.live_blocks:
        blocks = block + 1 + (block >> 1)
        live = <uint64_t**>realloc(queue.live, <size_t>blocks * sizeof(uint64_t*))
        if live == NULL:
            return 1
        queue.live = live
        left = <uint16_t*>realloc(queue.live_left, <size_t>blocks * sizeof(uint16_t))
        if left == NULL:
            return 1
        queue.live_left = left
        for i in range(queue.live_blocks, blocks):
            live[i] = NULL
            left[i] = 0
        queue.live_blocks = blocks
    if queue.live[block] == NULL:
        queue.live[block] = <uint64_t*>calloc(LIVE_BITS >> 6, sizeof(uint64_t))
        if queue.live[block] == NULL:
            return 1
    return 0


cdef inline bint live_has(Queue* queue, int64_t seq) noexcept nogil:
    cdef int64_t block = seq >> 12
    if seq < 0 or seq >= queue.seq_next or queue.live[block] == NULL:
        return 0
    return (queue.live[block][(seq & (LIVE_BITS - 1)) >> 6] >> (seq & 63)) & 1


cdef inline void live_set(Queue* queue, int64_t seq) noexcept nogil:
    queue.live[seq >> 12][(seq & (LIVE_BITS - 1)) >> 6] |= (<uint64_t>1) << (seq & 63)
    queue.live_left[seq >> 12] += 1


# Clear the bit of a pending seq; 0 if it was not set (cancelled before). Needs: seq was scheduled. O(1).
cdef inline bint live_take(Queue* queue, int64_t seq) noexcept nogil:
    cdef int64_t block = seq >> 12
    cdef uint64_t* word
    cdef uint64_t bit = (<uint64_t>1) << (seq & 63)
    if unlikely(queue.live[block] == NULL):
        return 0
    word = &queue.live[block][(seq & (LIVE_BITS - 1)) >> 6]
    if unlikely(not word[0] & bit):
        return 0
    word[0] ^= bit
    queue.live_left[block] -= 1
    if unlikely(queue.live_left[block] == 0) and block < (queue.seq_next - 1) >> 12:
        free(queue.live[block])
        queue.live[block] = NULL
    return 1


# ---- heaps ----

cdef inline bint event_before(Event* x, Event* y) noexcept nogil:
    if x.time_ms != y.time_ms:
        return x.time_ms < y.time_ms
    if x.priority != y.priority:
        return x.priority < y.priority
    return x.seq < y.seq


cdef inline void heap_push(Slab* heap, Event* event) noexcept nogil:
    """Add an event. Needs a reserve before. Cannot fail. O(log n)."""
    cdef Event* at = <Event*>heap.base
    cdef uint32_t i = heap.count, up
    heap.count += 1
    # invariant: every event outside the path i -> root keeps the heap order
    while i > 0:
        up = (i - 1) >> 1
        if not event_before(event, &at[up]):
            break
        at[i] = at[up]
        i = up
    at[i] = event[0]


cdef inline void heap_pop(Slab* heap, Event* out) noexcept nogil:
    """Take the first event. Needs count > 0. Cannot fail. O(log n)."""
    cdef Event* at = <Event*>heap.base
    cdef Event last
    cdef uint32_t i = 0, child
    out[0] = at[0]
    heap.count -= 1
    if heap.count == 0:
        return
    last = at[heap.count]
    # invariant: i is a hole; everything above it is in order
    while True:
        child = 2 * i + 1
        if child >= heap.count:
            break
        if child + 1 < heap.count and event_before(&at[child + 1], &at[child]):
            child += 1
        if not event_before(&at[child], &last):
            break
        at[i] = at[child]
        i = child
    at[i] = last


# ---- wheels ----

cdef inline Chunk* chunk_at(Queue* queue, slot_t chunk) noexcept nogil:
    return <Chunk*>(queue.chunks.base) + chunk


# slab_take and slab_give with the record's type known: no multiplication by a loaded stride (a hold takes and gives two).
cdef inline slot_t chunk_take(Queue* queue) noexcept nogil:
    cdef slot_t slot = queue.chunks.free_head
    cdef Chunk* chunk
    if likely(slot != NIL):
        chunk = chunk_at(queue, slot)
        queue.chunks.free_head = chunk.next
        queue.chunks.free_count -= 1
    else:
        slot = queue.chunks.count
        queue.chunks.count += 1
        chunk = chunk_at(queue, slot)
    chunk.next = NIL
    chunk.count = chunk.read = 0
    return slot


cdef inline void chunk_give(Queue* queue, slot_t slot) noexcept nogil:
    chunk_at(queue, slot).next = queue.chunks.free_head
    queue.chunks.free_head = slot
    queue.chunks.free_count += 1


cdef inline int32_t wheel_next(Wheel* wheel, uint32_t start) noexcept nogil:
    """First non-empty slot >= start, -1 if none. `start` may be 1,024."""
    cdef uint32_t w = start >> 6
    cdef uint64_t m
    if w >= WHEEL_WORDS:
        return -1
    m = wheel.bits[w] & (~(<uint64_t>0) << (start & 63))
    while m == 0:
        w += 1
        if w >= WHEEL_WORDS:
            return -1
        m = wheel.bits[w]
    return <int32_t>(w * 64) + ctz64(m)


cdef inline void wheel_append(Queue* queue, Wheel* wheel, uint32_t index, Event* event) noexcept nogil:
    """Put an event at the back of a slot. Needs one chunk reserved. Cannot fail. O(1)."""
    cdef WheelSlot* slot = &wheel.slot[index]
    cdef Chunk* chunk
    cdef slot_t fresh
    if slot.head == NIL:
        fresh = chunk_take(queue)
        slot.head = slot.tail = fresh
        chunk = chunk_at(queue, fresh)
        wheel.bits[index >> 6] |= (<uint64_t>1) << (index & 63)
    else:
        chunk = chunk_at(queue, slot.tail)
        if chunk.count == CHUNK_EVENTS:
            fresh = chunk_take(queue)
            chunk.next = fresh
            slot.tail = fresh
            chunk = chunk_at(queue, fresh)
    chunk.event[chunk.count] = event[0]
    chunk.count += 1


cdef inline void wheel_insert(Queue* queue, Event* event) noexcept nogil:
    """Put an event into the finest wheel whose running range holds its time. Needs: one does, and a chunk. Cannot fail."""
    cdef int64_t differs = event.time_ms ^ queue.cursor_ms
    if differs < (<int64_t>1 << WHEEL_BITS):
        wheel_append(queue, &queue.wheel[0], event.time_ms & (WHEEL_SLOTS - 1), event)
    elif differs < (<int64_t>1 << (2 * WHEEL_BITS)):
        wheel_append(queue, &queue.wheel[1], (event.time_ms >> WHEEL_BITS) & (WHEEL_SLOTS - 1), event)
    else:
        wheel_append(queue, &queue.wheel[2], (event.time_ms >> (2 * WHEEL_BITS)) & (WHEEL_SLOTS - 1), event)


# Put an event where its time belongs. 0 if done; 1 if a heap had no memory (nothing changed). Needs a chunk for it in
# reserve (wheels_reserve). O(1) for the wheels, O(log n) for the heaps.
cdef inline bint queue_insert(Queue* queue, Event* event) noexcept nogil:
    cdef int64_t differs = event.time_ms ^ queue.cursor_ms
    # a time behind the cursor: a search that found nothing due has moved it into a range that had begun
    if unlikely(event.priority != queue.bulk_priority or event.time_ms < queue.cursor_ms):
        if slab_reserve(&queue.rare, 1):
            return 1
        heap_push(&queue.rare, event)
    elif likely(differs < (<int64_t>1 << (3 * WHEEL_BITS))):
        wheel_insert(queue, event)
    else:
        if slab_reserve(&queue.far, 1):
            return 1
        heap_push(&queue.far, event)
    return 0


cdef inline bint wheels_reserve(Queue* queue) noexcept nogil:
    """A chunk for every event that waits and one more, so that neither this insert nor a later pour can fail."""
    if likely(queue.chunks.capacity > <uint64_t>queue.pending_count + queue.dead_count + 2):
        return 0
    return slab_grow(&queue.chunks, <uint64_t>queue.pending_count + queue.dead_count + 16)


cdef inline bint queue_reserve(Queue* queue) noexcept nogil:
    """Make sure that scheduling one event will succeed, whenever it is due. 1 if there is no memory (queue unchanged)."""
    return wheels_reserve(queue) or slab_reserve(&queue.rare, 1) or slab_reserve(&queue.far, 1) \
        or (queue.tracked and live_reserve(queue, queue.seq_next))


# Schedule an event; event.seq is assigned. Needs: now_ms <= event.time_ms <= TIME_MAX. Returns 0, or 1 if there is no
# memory (queue unchanged). O(1) for the bulk priority, O(log n) for others and the far future.
cdef inline bint queue_schedule(Queue* queue, Event* event) noexcept nogil:
    if unlikely(wheels_reserve(queue)):
        return 1
    if queue.tracked and unlikely(live_reserve(queue, queue.seq_next)):
        return 1
    event.seq = queue.seq_next
    if unlikely(queue_insert(queue, event)):
        return 1
    if queue.tracked:
        live_set(queue, queue.seq_next)
    queue.seq_next += 1
    queue.pending_count += 1
    return 0


cdef inline void wheel_pour(Queue* queue, int k, uint32_t index) noexcept nogil:
    """Empty a slot of wheel k into the finer wheels, oldest first. The cursor must already stand in its range."""
    cdef WheelSlot* slot = &queue.wheel[k].slot[index]
    cdef slot_t chunk_slot = slot.head, next_slot
    cdef Chunk* chunk
    cdef uint32_t i
    slot.head = slot.tail = NIL
    queue.wheel[k].bits[index >> 6] &= ~((<uint64_t>1) << (index & 63))
    # invariant: chunks before chunk_slot have been poured; a chunk is given back after its events were copied out
    while chunk_slot != NIL:
        chunk = chunk_at(queue, chunk_slot)
        next_slot = chunk.next
        if next_slot != NIL:
            prefetch(chunk_at(queue, next_slot))
        for i in range(chunk.read, chunk.count):
            # the slab has room (wheels_reserve), so it does not move; the range has begun, so no heap is needed
            wheel_insert(queue, &chunk.event[i])
        chunk_give(queue, chunk_slot)
        chunk_slot = next_slot


# Move the cursor to the next occupied millisecond of the wheels, but never into a range that starts after `limit_ms`.
# Returns that time, or TIME_NONE if the wheels hold nothing that can be known to be due by `limit_ms`. O(1) amortised.
cdef inline time_ms_t wheel_advance(Queue* queue, time_ms_t limit_ms) noexcept nogil:
    cdef int32_t index
    cdef time_ms_t start
    cdef Event event
    while True:
        index = wheel_next(&queue.wheel[0], queue.cursor_ms & (WHEEL_SLOTS - 1))
        if likely(index >= 0):
            return (queue.cursor_ms & ~(<int64_t>WHEEL_SLOTS - 1)) | index
        index = wheel_next(&queue.wheel[1], (queue.cursor_ms >> WHEEL_BITS) & (WHEEL_SLOTS - 1))
        if index >= 0:
            start = ((queue.cursor_ms >> (2 * WHEEL_BITS)) << (2 * WHEEL_BITS)) | (<int64_t>index << WHEEL_BITS)
            if start > limit_ms:
                return TIME_NONE
            queue.cursor_ms = start
            wheel_pour(queue, 1, <uint32_t>index)
            continue
        index = wheel_next(&queue.wheel[2], (queue.cursor_ms >> (2 * WHEEL_BITS)) & (WHEEL_SLOTS - 1))
        if index >= 0:
            start = ((queue.cursor_ms >> (3 * WHEEL_BITS)) << (3 * WHEEL_BITS)) | (<int64_t>index << (2 * WHEEL_BITS))
            if start > limit_ms:
                return TIME_NONE
            queue.cursor_ms = start
            wheel_pour(queue, 2, <uint32_t>index)
            continue
        if queue.far.count == 0:
            return TIME_NONE
        start = ((<Event*>queue.far.base)[0].time_ms >> (3 * WHEEL_BITS)) << (3 * WHEEL_BITS)
        if start > limit_ms:
            return TIME_NONE
        queue.cursor_ms = start
        while queue.far.count and ((<Event*>queue.far.base)[0].time_ms ^ start) < (<int64_t>1 << (3 * WHEEL_BITS)):
            heap_pop(&queue.far, &event)
            queue_insert(queue, &event)


cdef inline void wheel_take(Queue* queue, time_ms_t time_ms, Event* out) noexcept nogil:
    """Take the oldest event of a wheel-0 slot. Needs: it holds one. Cannot fail. O(1)."""
    cdef uint32_t index = time_ms & (WHEEL_SLOTS - 1)
    cdef WheelSlot* slot = &queue.wheel[0].slot[index]
    cdef slot_t chunk_slot = slot.head
    cdef Chunk* chunk = chunk_at(queue, chunk_slot)
    out[0] = chunk.event[chunk.read]
    chunk.read += 1
    if chunk.read == chunk.count:
        slot.head = chunk.next
        chunk_give(queue, chunk_slot)
        if slot.head == NIL:
            queue.wheel[0].bits[index >> 6] &= ~((<uint64_t>1) << (index & 63))
    queue.cursor_ms = time_ms


# Take the first event due at or before `limit_ms`. Returns 1 and *out, or 0 if there is none (now_ms unchanged).
# O(1) amortised for the bulk priority, O(log n) for rare ones.
cdef inline bint queue_take(Queue* queue, time_ms_t limit_ms, Event* out) noexcept nogil:
    cdef time_ms_t rare_ms, wheel_ms, bound
    # invariant: every event taken in this call was a cancelled one
    while True:
        rare_ms = (<Event*>queue.rare.base)[0].time_ms if queue.rare.count else TIME_NONE
        bound = rare_ms if rare_ms < limit_ms else limit_ms
        wheel_ms = wheel_advance(queue, bound)
        if wheel_ms > bound and rare_ms > limit_ms:
            return 0
        if wheel_ms < rare_ms or (wheel_ms == rare_ms
                                  and queue.bulk_priority < (<Event*>queue.rare.base)[0].priority):
            wheel_take(queue, wheel_ms, out)
        else:
            heap_pop(&queue.rare, out)
        if queue.tracked:
            if unlikely(not live_take(queue, out.seq)):
                queue.dead_count -= 1
                continue
        queue.pending_count -= 1
        queue.now_ms = out.time_ms
        return 1


# ---- walking everything: peek, digest, compaction ----

cdef inline bint queue_collect(Queue* queue, Event* out) noexcept nogil:
    """Copy all live events, in no order, to `out` (pending_count of them). 1 if the count does not agree."""
    cdef int64_t n = 0
    cdef int k
    cdef uint32_t i, index
    cdef slot_t slot
    cdef Chunk* chunk
    cdef Slab* heap
    for k in range(WHEELS):
        for index in range(WHEEL_SLOTS):
            slot = queue.wheel[k].slot[index].head
            while slot != NIL:
                chunk = chunk_at(queue, slot)
                for i in range(chunk.read, chunk.count):
                    if not queue.tracked or live_has(queue, chunk.event[i].seq):
                        if n == queue.pending_count:
                            return 1
                        out[n] = chunk.event[i]
                        n += 1
                slot = chunk.next
    for k in range(2):
        heap = &queue.rare if k == 0 else &queue.far
        for i in range(heap.count):
            if not queue.tracked or live_has(queue, (<Event*>heap.base)[i].seq):
                if n == queue.pending_count:
                    return 1
                out[n] = (<Event*>heap.base)[i]
                n += 1
    return n != queue.pending_count


cdef inline int compare_events(const void* x, const void* y) noexcept nogil:
    return -1 if event_before(<Event*>x, <Event*>y) else 1


cdef inline void queue_sort(Event* events, int64_t count) noexcept nogil:
    """Sort events into firing order. O(n log n)."""
    qsort(events, <size_t>count, sizeof(Event), &compare_events)


cdef inline void queue_clear_events(Queue* queue) noexcept nogil:
    """Forget every event, dead or live, keeping counters and handles. For compaction only."""
    cdef int k
    for k in range(WHEELS):
        memset(queue.wheel[k].slot, 0xFF, sizeof(WheelSlot) * WHEEL_SLOTS)
        memset(queue.wheel[k].bits, 0, sizeof(uint64_t) * WHEEL_WORDS)
    queue.chunks.count = 0
    queue.chunks.free_head = NIL
    queue.chunks.free_count = 0
    queue.rare.count = queue.far.count = 0
    queue.dead_count = 0


# Cancel by handle. 1 if it was pending, else 0 and nothing changes. The event stays as a dead one until it would fire
# or the dead outnumber the living (queue_compact). O(1).
cdef inline bint queue_cancel(Queue* queue, int64_t seq) noexcept nogil:
    if not queue.tracked or not live_has(queue, seq):
        return 0
    live_take(queue, seq)
    queue.pending_count -= 1
    queue.dead_count += 1
    return 1


cdef inline void queue_compact(Queue* queue, Event* scratch) noexcept nogil:
    """Throw the dead events away. `scratch` has room for pending_count events. Order is kept. O(n log n)."""
    cdef int64_t i
    if queue_collect(queue, scratch):
        return
    queue_sort(scratch, queue.pending_count)
    queue_clear_events(queue)
    for i in range(queue.pending_count):
        queue_insert(queue, &scratch[i])
