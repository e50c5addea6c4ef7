# Triggers: who must be looked at again when a price reaches a value (E-1, E-6).
#
#   Series (a priced variable)   nearest[0]: highest `at` of those that a fall fires      nearest[1]: lowest of those that a rise fires
#      root[side] -> TriggerRoot: 16 buckets an octave -> TriggerPage: 64 buckets -> TriggerPage ...   a bucket: a list of triggers, in no order
#
# Stands on: slab, arith. A move that reaches no trigger costs two comparisons, whatever hangs there. A bucket that is found crowded
# while it is looked through is cut into 64 (until it is one tick wide), so a look reads at most TRIGGER_CROWD triggers beside
# those it takes. Invariants: a set bit <=> a list or a page that is not empty; nearest[side] is the nearest trigger or nearer to the
# value than it (an unlink leaves it). Triggers are taken off when they fire; who owns one sets it anew.

from libc.string cimport memset

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.slab cimport *

cdef enum:
    TRIGGER_CROWD = 24           # triggers in a bucket that are read without cutting it
    PACE_SHIFT = 3
    TRIGGER_NONE_DOWN = -1       # no fall fires anything
    TRIGGER_NONE_UP = 0x7FFFFFFF  # no rise does; a trigger above the highest price is not set
    TRIGGER_ROOT_WORDS = 7
    TRIGGER_ROOT_BUCKETS = 448           # values below 2^31: 16 of one tick, then 16 an octave
    TRIGGER_PAGE_BUCKETS = 64
    TRIGGER_IN_ROOT = 0x80000000         # bucket: TRIGGER_IN_ROOT | root * 512 + i, or page * 64 + i

cdef enum:
    TRIGGER_FALL = 0                # fires at a value <= at
    TRIGGER_RISE = 1                # fires at a value >= at

cdef struct Trigger:
    int32_t at                   # value that fires it
    slot_t next                  # of its bucket
    slot_t prev                  # NIL: the first
    uint32_t bucket              # where it hangs, NIL nowhere
    uint32_t unit                # who is looked at (the owner's number for it)

cdef struct Series:
    int32_t nearest[2]           # TRIGGER_FALL, TRIGGER_RISE
    slot_t root[2]               # NIL until the first trigger
    int32_t value                # last value, -1 before the first
    int32_t pace[2]              # how far it falls and rises at a move of late, 2^-20 of its value (E-8)
    uint32_t pad

cdef struct TriggerRoot:
    uint64_t used[TRIGGER_ROOT_WORDS]    # bucket has something
    uint64_t paged[TRIGGER_ROOT_WORDS]   # and it is a page
    slot_t child[TRIGGER_ROOT_BUCKETS]

cdef struct TriggerPage:
    uint64_t used
    uint64_t paged
    uint32_t parent              # the bucket that it stands in
    uint32_t shift               # a bucket is 2^shift ticks wide
    slot_t child[TRIGGER_PAGE_BUCKETS]

cdef struct Triggers:
    Slab triggers
    Slab series
    Slab roots
    Slab pages
    int64_t pop_count            # triggers that have fired
    int64_t look_count           # triggers read to find them


cdef inline void triggers_init(Triggers* triggers) noexcept nogil:
    slab_init(&triggers.triggers, sizeof(Trigger), 4)
    slab_init(&triggers.series, sizeof(Series), 0)
    slab_init(&triggers.roots, sizeof(TriggerRoot), 0)
    slab_init(&triggers.pages, sizeof(TriggerPage), 16)
    triggers.pop_count = triggers.look_count = 0


cdef inline Trigger* trigger_at(Triggers* triggers, slot_t slot) noexcept nogil:
    return <Trigger*>(triggers.triggers.base) + slot


cdef inline Series* series_at(Triggers* triggers, uint32_t series) noexcept nogil:
    return <Series*>(triggers.series.base) + series


cdef inline TriggerRoot* trigger_root(Triggers* triggers, slot_t slot) noexcept nogil:
    return <TriggerRoot*>(triggers.roots.base) + slot


cdef inline TriggerPage* trigger_page(Triggers* triggers, slot_t slot) noexcept nogil:
    return <TriggerPage*>(triggers.pages.base) + slot


cdef inline bint triggers_add_series(Triggers* triggers, uint32_t count) noexcept nogil:
    """Add series without triggers. 0 if done, 1 if there is no memory."""
    cdef Series* series
    cdef uint32_t _
    if slab_reserve(&triggers.series, count):
        return 1
    for _ in range(count):
        series = series_at(triggers, slab_take(&triggers.series))
        series.nearest[TRIGGER_FALL] = TRIGGER_NONE_DOWN
        series.nearest[TRIGGER_RISE] = TRIGGER_NONE_UP
        series.root[TRIGGER_FALL] = series.root[TRIGGER_RISE] = NIL
        series.value = -1
        series.pace[TRIGGER_FALL] = series.pace[TRIGGER_RISE] = 0
    return 0


# ---- buckets ----

cdef inline uint32_t trigger_root_index(int32_t at) noexcept nogil:
    """Bucket of a value >= 0 in a root: 16 of one tick, then 16 to an octave."""
    cdef uint32_t value = <uint32_t>at, octave
    if value < 16:
        return value
    octave = top_bit64(value)            # 4 .. 30
    return ((octave - 3) << 4) + ((value >> (octave - 4)) & 15)


cdef inline uint32_t trigger_root_shift(uint32_t index) noexcept nogil:
    """Width of a root's bucket, as a power of two."""
    return (index >> 4) - 1 if index >= 32 else 0


cdef inline uint32_t trigger_page_index(TriggerPage* page, int32_t at, uint32_t width) noexcept nogil:
    """Bucket of a value in a page that stands in a bucket 2^width wide."""
    return (<uint32_t>at >> page.shift) & (((<uint32_t>1) << (width - page.shift)) - 1)


cdef inline slot_t* bucket_head(Triggers* triggers, uint32_t bucket) noexcept nogil:
    if bucket & TRIGGER_IN_ROOT:
        return &trigger_root(triggers, (bucket & ~<uint32_t>TRIGGER_IN_ROOT) >> 9).child[bucket & 511]
    return &trigger_page(triggers, bucket >> 6).child[bucket & 63]


cdef inline uint32_t bucket_shift(Triggers* triggers, uint32_t bucket) noexcept nogil:
    if bucket & TRIGGER_IN_ROOT:
        return trigger_root_shift(bucket & 511)
    return trigger_page(triggers, bucket >> 6).shift


cdef inline bint bucket_use(Triggers* triggers, uint32_t bucket) noexcept nogil:
    """Mark a bucket as used; whether it was already."""
    cdef uint64_t bit = <uint64_t>1 << (bucket & 63), before
    cdef uint64_t* word
    if bucket & TRIGGER_IN_ROOT:
        word = &trigger_root(triggers, (bucket & ~<uint32_t>TRIGGER_IN_ROOT) >> 9).used[(bucket & 511) >> 6]
    else:
        word = &trigger_page(triggers, bucket >> 6).used
    before = word[0] & bit
    word[0] |= bit
    return before != 0


cdef inline void bucket_paged(Triggers* triggers, uint32_t bucket, slot_t page) noexcept nogil:
    """A bucket holds a page from now on."""
    cdef uint64_t bit = <uint64_t>1 << (bucket & 63)
    bucket_head(triggers, bucket)[0] = page
    if bucket & TRIGGER_IN_ROOT:
        trigger_root(triggers, (bucket & ~<uint32_t>TRIGGER_IN_ROOT) >> 9).paged[(bucket & 511) >> 6] |= bit
    else:
        trigger_page(triggers, bucket >> 6).paged |= bit


# A bucket has become empty; a page that has nothing left goes, and the bucket in which it stood with it. O(depth).
cdef inline void bucket_empty(Triggers* triggers, uint32_t bucket) noexcept nogil:
    cdef uint64_t bit = <uint64_t>1 << (bucket & 63)
    cdef uint32_t parent
    cdef TriggerRoot* root
    cdef TriggerPage* page
    while not bucket & TRIGGER_IN_ROOT:
        page = trigger_page(triggers, bucket >> 6)
        page.used &= ~bit
        page.paged &= ~bit
        if page.used:
            return
        parent = page.parent
        slab_give(&triggers.pages, bucket >> 6)
        bucket = parent
        bit = <uint64_t>1 << (bucket & 63)
    root = trigger_root(triggers, (bucket & ~<uint32_t>TRIGGER_IN_ROOT) >> 9)
    root.used[(bucket & 511) >> 6] &= ~bit
    root.paged[(bucket & 511) >> 6] &= ~bit


# The bucket where a value hangs. Needs: the root is there. O(depth).
cdef inline uint32_t bucket_find(Triggers* triggers, slot_t root_slot, int32_t at) noexcept nogil:
    cdef TriggerRoot* root = trigger_root(triggers, root_slot)
    cdef TriggerPage* page
    cdef uint32_t index = trigger_root_index(at), width = trigger_root_shift(index), bucket
    cdef slot_t slot
    bucket = <uint32_t>TRIGGER_IN_ROOT | (root_slot << 9) | index
    if not (root.paged[index >> 6] >> (index & 63)) & 1:
        return bucket
    slot = root.child[index]
    while True:                          # invariant: `slot` is the page of a bucket 2^width wide that holds the value
        page = trigger_page(triggers, slot)
        index = trigger_page_index(page, at, width)
        if not (page.paged >> index) & 1:
            return (slot << 6) | index
        width = page.shift
        slot = page.child[index]


# The outermost bucket of a root on a side: the highest for TRIGGER_FALL, the lowest for TRIGGER_RISE; NIL if nothing hangs there. O(depth).
cdef inline uint32_t bucket_outermost(Triggers* triggers, slot_t root_slot, int side) noexcept nogil:
    cdef TriggerRoot* root
    cdef TriggerPage* page
    cdef slot_t slot
    cdef int word
    cdef uint32_t index
    if root_slot == NIL:
        return NIL
    root = trigger_root(triggers, root_slot)
    word = TRIGGER_ROOT_WORDS - 1 if side == TRIGGER_FALL else 0
    while 0 <= word < TRIGGER_ROOT_WORDS and root.used[word] == 0:
        word += -1 if side == TRIGGER_FALL else 1
    if word < 0 or word == TRIGGER_ROOT_WORDS:
        return NIL
    index = top_bit64(root.used[word]) if side == TRIGGER_FALL else ctz64(root.used[word])
    if not (root.paged[word] >> index) & 1:
        return <uint32_t>TRIGGER_IN_ROOT | (root_slot << 9) | (<uint32_t>word << 6) | index
    slot = root.child[(<uint32_t>word << 6) | index]
    while True:
        page = trigger_page(triggers, slot)
        index = top_bit64(page.used) if side == TRIGGER_FALL else ctz64(page.used)
        if not (page.paged >> index) & 1:
            return (slot << 6) | index
        slot = page.child[index]


# ---- links ----

cdef inline void trigger_link(Triggers* triggers, slot_t slot, uint32_t bucket) noexcept nogil:
    """Hang a trigger into a list bucket, in front."""
    cdef Trigger* trigger = trigger_at(triggers, slot)
    cdef slot_t* head = bucket_head(triggers, bucket)
    trigger.bucket = bucket
    trigger.prev = NIL
    trigger.next = head[0] if bucket_use(triggers, bucket) else NIL
    if trigger.next != NIL:
        trigger_at(triggers, trigger.next).prev = slot
    head[0] = slot


# Take a trigger off its list; `nearest` may stay nearer than it need be. Cannot fail. O(1), and the depth if it was the last of a page.
cdef inline void trigger_unlink(Triggers* triggers, slot_t slot) noexcept nogil:
    cdef Trigger* trigger = trigger_at(triggers, slot)
    if trigger.bucket == NIL:
        return
    if trigger.next != NIL:
        trigger_at(triggers, trigger.next).prev = trigger.prev
    if trigger.prev != NIL:
        trigger_at(triggers, trigger.prev).next = trigger.next
    elif trigger.next != NIL:
        bucket_head(triggers, trigger.bucket)[0] = trigger.next
    else:
        bucket_empty(triggers, trigger.bucket)
    trigger.bucket = NIL


cdef inline void series_near(Series* series, int side, int32_t at) noexcept nogil:
    """A trigger hangs at `at` now."""
    if side == TRIGGER_FALL:
        if at > series.nearest[TRIGGER_FALL]:
            series.nearest[TRIGGER_FALL] = at
    elif at < series.nearest[TRIGGER_RISE]:
        series.nearest[TRIGGER_RISE] = at


# Make sure that a trigger can be set on a side of a series, and that *slot names one. 0 if so, 1 without memory. O(1).
cdef inline bint trigger_reserve(Triggers* triggers, slot_t* slot, uint32_t series, int side) noexcept nogil:
    cdef slot_t root = series_at(triggers, series).root[side]
    cdef Trigger* trigger
    if root == NIL:
        if slab_reserve(&triggers.roots, 1) or triggers.roots.count >= (1 << 21):
            return 1
        root = slab_take(&triggers.roots)
        memset(trigger_root(triggers, root), 0, sizeof(TriggerRoot))
        series_at(triggers, series).root[side] = root
    if slot[0] == NIL:
        if slab_reserve(&triggers.triggers, 1):
            return 1
        slot[0] = slab_take(&triggers.triggers)
        trigger = trigger_at(triggers, slot[0])
        trigger.bucket = NIL
    return 0


# Set a trigger of `unit` at a value >= 0 (fall) or below 2^31 - 1 (rise); *slot is its record, made if NIL. One that hangs already
# moves. 0 if done, 1 without memory. O(depth).
cdef inline bint trigger_set(Triggers* triggers, slot_t* slot, uint32_t series, int side, int32_t at, uint32_t unit) noexcept nogil:
    cdef Trigger* trigger
    cdef uint32_t bucket
    if trigger_reserve(triggers, slot, series, side):
        return 1
    trigger = trigger_at(triggers, slot[0])
    bucket = bucket_find(triggers, series_at(triggers, series).root[side], at)
    trigger.unit = unit
    trigger.at = at
    if trigger.bucket != bucket:
        trigger_unlink(triggers, slot[0])
        # the unlink may have given back the page of `bucket`: look again
        trigger_link(triggers, slot[0], bucket_find(triggers, series_at(triggers, series).root[side], at))
    series_near(series_at(triggers, series), side, at)
    return 0


cdef inline void trigger_drop(Triggers* triggers, slot_t* slot) noexcept nogil:
    """Take a trigger off and give its record back; NIL stays NIL. Cannot fail."""
    if slot[0] != NIL:
        trigger_unlink(triggers, slot[0])
        slab_give(&triggers.triggers, slot[0])
        slot[0] = NIL


# ---- a move ----

# Cut a crowded bucket into a page of up to 64. Without memory it stays as it is: slower, as exact. O(triggers in it).
cdef inline outlined_int bucket_cut(Triggers* triggers, uint32_t bucket) noexcept nogil:
    cdef uint32_t width = bucket_shift(triggers, bucket)
    cdef slot_t slot = bucket_head(triggers, bucket)[0], page_slot, following
    cdef TriggerPage* page
    if width == 0 or slab_reserve(&triggers.pages, 1) or triggers.pages.count >= (1 << 25):
        return 1
    page_slot = slab_take(&triggers.pages)
    page = trigger_page(triggers, page_slot)
    page.used = page.paged = 0
    page.parent = bucket
    page.shift = width - 6 if width > 6 else 0
    bucket_paged(triggers, bucket, page_slot)
    # invariant: what came before `slot` hangs in the page
    while slot != NIL:
        following = trigger_at(triggers, slot).next
        trigger_link(triggers, slot, (page_slot << 6) | trigger_page_index(page, trigger_at(triggers, slot).at, width))
        slot = following
    return 0


# Take what has fired off one bucket and note its units; returns how many are left, and the nearest of them. O(triggers in it).
cdef inline uint32_t bucket_take(Triggers* triggers, uint32_t bucket, int side, int32_t value, Slab* due, int32_t* nearest) noexcept nogil:
    cdef slot_t slot = bucket_head(triggers, bucket)[0], following
    cdef Trigger* trigger
    cdef uint32_t left = 0
    cdef int32_t best = TRIGGER_NONE_DOWN if side == TRIGGER_FALL else TRIGGER_NONE_UP
    while slot != NIL:
        trigger = trigger_at(triggers, slot)
        following = trigger.next
        if following != NIL:
            prefetch(trigger_at(triggers, following))
        triggers.look_count += 1
        if (trigger.at >= value) if side == TRIGGER_FALL else (trigger.at <= value):
            if slab_reserve(due, 1):
                return NIL
            (<uint32_t*>(due.base))[slab_take(due)] = trigger.unit
            trigger_unlink(triggers, slot)
            triggers.pop_count += 1
        else:
            left += 1
            if (trigger.at > best) if side == TRIGGER_FALL else (trigger.at < best):
                best = trigger.at
        slot = following
    nearest[0] = best
    return left


# Fire what a side has at a value or nearer: append the units to `due` (Slab of uint32), which may name one more than once.
# 0 if done, 1 without memory. O(fired + TRIGGER_CROWD + depth).
cdef inline outlined_int series_fire(Triggers* triggers, uint32_t series, int side, int32_t value, Slab* due) noexcept nogil:
    cdef uint32_t bucket, left
    cdef int32_t nearest
    # invariant: what is nearer than the outermost bucket has fired
    while True:
        bucket = bucket_outermost(triggers, series_at(triggers, series).root[side], side)
        if bucket == NIL:
            series_at(triggers, series).nearest[side] = TRIGGER_NONE_DOWN if side == TRIGGER_FALL else TRIGGER_NONE_UP
            return 0
        left = bucket_take(triggers, bucket, side, value, due, &nearest)
        if left == NIL:
            return 1
        if left == 0:
            continue
        if left > TRIGGER_CROWD:
            bucket_cut(triggers, bucket)
        series_at(triggers, series).nearest[side] = nearest
        return 0


# Note a move for the pace: an average over about eight moves each way. Cannot fail. O(1).
cdef inline void series_pace(Series* series, int32_t value) noexcept nogil:
    cdef int32_t step = 0
    cdef int64_t move = <int64_t>value - series.value
    if series.value > 0 and value > 0:
        step = <int32_t>min64(1 << 20, floor_div(abs64(move) << 20, series.value))
        series.pace[TRIGGER_FALL] += ((step if move < 0 else 0) - series.pace[TRIGGER_FALL]) >> PACE_SHIFT
        series.pace[TRIGGER_RISE] += ((step if move > 0 else 0) - series.pace[TRIGGER_RISE]) >> PACE_SHIFT
    series.value = value


# A series has a new value >= 0. 0 if done, 1 without memory. O(1) if no trigger is reached.
cdef inline bint series_move(Triggers* triggers, uint32_t series, int32_t value, Slab* due) noexcept nogil:
    cdef Series* row = series_at(triggers, series)
    if value != row.value:
        series_pace(row, value)
    if likely(value > row.nearest[TRIGGER_FALL] and value < row.nearest[TRIGGER_RISE]):
        return 0
    if value <= row.nearest[TRIGGER_FALL] and series_fire(triggers, series, TRIGGER_FALL, value, due):
        return 1
    row = series_at(triggers, series)
    return value >= row.nearest[TRIGGER_RISE] and series_fire(triggers, series, TRIGGER_RISE, value, due)
