# Ladder: the price levels of one side of a book, over the whole 32-bit tick range.
#
#   price --xor--> key (better first: bids flip their bits)     key = [ root 8 | mid 8 | low 8 | page 8 ]
#
#   Node(root) -> Node(mid) -> Node(low) -> page of 256 levels      each with a 256-bit set of what is not empty
#   Level: head -> order -> order -> tail  (oldest first)
#
# Stands on: slab, bitset. One code path serves both sides: with the key the best level is always the *smallest*, so
# matching scans upwards only. A ladder takes memory for the pages that it touches and a sweep costs what it visits.
#
# Invariants: a level is non-empty <=> its bit and the bits on the path to it are set <=> qty_lots > 0;
# level.qty_lots = sum of leaves in its queue; best_key is the smallest non-empty key, KEY_NONE if there is none.

from engine.native.types cimport *
from engine.native.arith cimport likely, prefetch, unlikely
from engine.native.bitset cimport *
from engine.native.planted cimport *
from libc.string cimport memset

from engine.native.slab cimport *

cdef enum:
    PAGE_LEVELS = 256
    PAGE_CACHE = 16          # direct-mapped: 16 pages of 256 ticks cover +-2,000 ticks around the touch

# Order.flags. Bits 4 to 6 are the venue's while an order is in flight (state.pxd).
cdef enum:
    ORDER_SELL = 1           # rests among the asks
    ORDER_NAMING_SHIFT = 1   # two bits of Naming
    ORDER_NAMING_MASK = 6
    ORDER_IN_FLIGHT = 8      # slot reserved at send, not yet arrived
    ORDER_EXTRA = 1 << 8     # has an OrderExtra: iceberg, expiry or stop
    ORDER_ICEBERG = 1 << 9
    ORDER_EXPIRES = 1 << 10
    ORDER_REDUCE_ONLY = 1 << 11
    ORDER_POST_ONLY = 1 << 12
    ORDER_STOP = 1 << 13     # waits for its trigger price, in a trigger ladder
    ORDER_FIRED = 1 << 14    # fired and not run yet, in the book's queue of fired stops
    ORDER_ON_MARK = 1 << 15  # its trigger looks at the mark
    ORDER_SELF_TRADE_SHIFT = 16   # three bits of SelfTradePrevention
    ORDER_SELF_TRADE_MASK = 7 << 16
    ORDER_MEETS_SLOWLY = (1 << 9) | (1 << 11)   # a maker that plain matching hands to meet.pxd

cdef extern from *:
    """
    #define ENGINE_KEY_NONE ((int64_t)1 << 32)
    """
    const int64_t KEY_NONE "ENGINE_KEY_NONE"

# The hot half of an order: what matching touches. 32 bytes, two to a cache line.
cdef struct Order:
    qty_t leaves_lots        # still open, 0 when the slot holds no resting order
    slot_t next              # younger neighbour in the level's queue, or free-list link; NIL at the tail
    slot_t prev              # older neighbour; NIL at the head
    uint32_t level           # index into the levels slab
    price_t price_ticks      # its price
    int32_t owner            # NO_OWNER or owner
    uint32_t flags           # ORDER_*

cdef struct Level:
    slot_t head              # oldest order, valid while qty_lots > 0
    slot_t tail              # youngest order, valid while qty_lots > 0
    qty_t qty_lots           # sum of leaves, 0 = empty level

# A page's bookkeeping, apart from its levels so that those stay contiguous.
cdef struct PageHead:
    Bits256 bits             # non-empty levels
    uint32_t number          # key >> 8
    slot_t low               # the low node above it
    uint32_t ladder_tag      # which ladder owns it (market * 2 + side), for walks that start at an order
    uint32_t pad

cdef struct Node:
    Bits256 bits             # children that hold something
    slot_t parent            # node above, NIL at the root
    uint32_t digit           # its own digit in the parent
    slot_t child[256]        # node or page, NIL = never touched

cdef struct CachedPage:
    uint32_t number          # page number + 1, 0 = empty entry
    uint32_t first_level     # index of its first level

cdef struct LadderPools:
    Slab pages               # PageHead; same slots as levels
    Slab levels              # PAGE_LEVELS Level records per slot
    Slab nodes               # Node

cdef struct Ladder:
    int64_t best_key         # key of the best level, KEY_NONE if empty
    uint32_t best_level      # its index in the levels slab, valid unless KEY_NONE
    uint32_t order_count     # resting orders
    qty_t qty_lots           # sum over the levels, and what icebergs hide behind them (book.pxd)
    uint32_t key_mask        # key = uint32(price) ^ key_mask
    uint32_t tag             # ladder_tag of its pages
    slot_t root              # NIL until the first price
    uint32_t pad
    CachedPage cache[PAGE_CACHE]
    uint64_t pad_[11]        # 256 bytes: a side's ladder is found by a shift


cdef inline void pools_init_ladders(LadderPools* pools) noexcept nogil:
    slab_init(&pools.pages, sizeof(PageHead), 0)
    slab_init(&pools.levels, PAGE_LEVELS * sizeof(Level), 0)
    slab_init(&pools.nodes, sizeof(Node), 0)


cdef inline void ladder_init(Ladder* ladder, bint asks, uint32_t tag) noexcept nogil:
    cdef int i
    ladder.best_key = KEY_NONE
    ladder.best_level = 0
    ladder.order_count = 0
    ladder.qty_lots = 0
    ladder.key_mask = side_key(0, asks)
    ladder.tag = tag
    ladder.root = NIL
    for i in range(PAGE_CACHE):
        ladder.cache[i].number = 0
        ladder.cache[i].first_level = 0


# Key of a price among bids or asks. Asks flip the sign bit, so that int32 order becomes uint32 order; bids flip all the others
# instead. The other side's key of the same price is its complement.
cdef inline uint32_t side_key(price_t price, bint asks) noexcept nogil:
    return <uint32_t>price ^ (<uint32_t>0x7FFFFFFF + <uint32_t>asks)


cdef inline price_t side_price(uint32_t key, bint asks) noexcept nogil:
    """Price of a key among bids or asks: flipping twice is no flip."""
    return <price_t>side_key(<price_t>key, asks)


cdef inline uint32_t ladder_key(Ladder* ladder, price_t price) noexcept nogil:
    return <uint32_t>price ^ ladder.key_mask


cdef inline price_t ladder_price(Ladder* ladder, uint32_t key) noexcept nogil:
    return <price_t>(key ^ ladder.key_mask)


cdef inline Level* level_at(LadderPools* pools, uint32_t level) noexcept nogil:
    return <Level*>(pools.levels.base) + level


cdef inline PageHead* page_at(LadderPools* pools, slot_t page) noexcept nogil:
    return <PageHead*>(pools.pages.base) + page


cdef inline Node* node_at(LadderPools* pools, slot_t node) noexcept nogil:
    return <Node*>(pools.nodes.base) + node


cdef inline slot_t node_new(LadderPools* pools, slot_t parent, uint32_t digit) noexcept nogil:
    """Take a node without children. Needs a reserve before. Cannot fail."""
    cdef slot_t slot = slab_take(&pools.nodes)
    cdef Node* node = node_at(pools, slot)
    cdef int i
    for i in range(4):
        node.bits.word[i] = 0
    for i in range(256):
        node.child[i] = NIL
    node.parent = parent
    node.digit = digit
    if parent != NIL:
        node_at(pools, parent).child[digit] = slot
    return slot


cdef inline slot_t page_new(LadderPools* pools, Ladder* ladder, slot_t low, uint32_t number) noexcept nogil:
    """Take an empty page. Needs a reserve before. Cannot fail."""
    cdef slot_t slot = slab_take(&pools.pages)
    cdef PageHead* page = page_at(pools, slot)
    slab_take(&pools.levels)
    memset(level_at(pools, slot * PAGE_LEVELS), 0, PAGE_LEVELS * sizeof(Level))
    memset(page, 0, sizeof(PageHead))
    page.number = number
    page.low = low
    page.ladder_tag = ladder.tag
    node_at(pools, low).child[number & 255] = slot
    return slot


cdef inline outlined_slot_t ladder_walk(LadderPools* pools, Ladder* ladder, uint32_t number, bint create) noexcept nogil:
    """Page of a number by the tree; NIL if it was never touched (or, creating, if there is no memory)."""
    cdef slot_t node, child
    cdef uint32_t digit
    cdef int shift
    if create and (slab_reserve(&pools.nodes, 3) or slab_reserve(&pools.pages, 1) or slab_reserve(&pools.levels, 1)):
        return NIL
    if ladder.root == NIL:
        if not create:
            return NIL
        ladder.root = node_new(pools, NIL, 0)
    node = ladder.root
    for shift in range(16, 7, -8):
        digit = (number >> shift) & 255
        child = node_at(pools, node).child[digit]
        if child == NIL:
            if not create:
                return NIL
            child = node_new(pools, node, digit)
        node = child
    child = node_at(pools, node).child[number & 255]
    if child == NIL and create:
        child = page_new(pools, ladder, node, number)
    return child


# Page slot of a key through the cache. NIL: never touched (create = 0) or no memory (create = 1). O(1).
cdef inline slot_t ladder_page(LadderPools* pools, Ladder* ladder, uint32_t key, bint create) noexcept nogil:
    cdef uint32_t number = key >> 8
    cdef CachedPage* cached = &ladder.cache[number & (PAGE_CACHE - 1)]
    cdef slot_t page
    if likely(cached.number == number + 1):
        return cached.first_level >> 8
    page = ladder_walk(pools, ladder, number, create)
    if page != NIL:
        cached.number = number + 1
        cached.first_level = page * PAGE_LEVELS
    return page


cdef inline void ladder_mark(LadderPools* pools, slot_t page_slot, uint32_t digit) noexcept nogil:
    """Set the bit of a level that got its first order, and the path above. Cannot fail."""
    cdef PageHead* page = page_at(pools, page_slot)
    cdef bint was_empty = bits_empty(&page.bits)
    cdef Node* node
    bits_add(&page.bits, digit)
    if likely(not was_empty):
        return
    node = node_at(pools, page.low)
    digit = page.number & 255
    while True:
        was_empty = bits_empty(&node.bits)
        bits_add(&node.bits, digit)
        if not was_empty or node.parent == NIL:
            return
        digit = node.digit
        node = node_at(pools, node.parent)


cdef inline void ladder_unmark(LadderPools* pools, slot_t page_slot, uint32_t digit) noexcept nogil:
    """Clear the bit of a level that lost its last order, and the path above where it empties. Cannot fail."""
    cdef PageHead* page = page_at(pools, page_slot)
    cdef Node* node
    if planted(SLIP_LEVEL_BIT_KEPT):
        return
    bits_remove(&page.bits, digit)
    if likely(not bits_empty(&page.bits)):
        return
    node = node_at(pools, page.low)
    digit = page.number & 255
    while True:
        bits_remove(&node.bits, digit)
        if not bits_empty(&node.bits) or node.parent == NIL:
            return
        digit = node.digit
        node = node_at(pools, node.parent)


cdef inline outlined_qty_t ladder_next_far(LadderPools* pools, Ladder* ladder, uint32_t key, uint32_t* level) noexcept nogil:
    """Smallest non-empty key in a page after the one of `key`, KEY_NONE if none; its level in *level. O(depth)."""
    cdef Node* low
    cdef Node* mid
    cdef Node* root
    cdef slot_t slot
    cdef slot_t page
    cdef int32_t digit, i, j
    if ladder.root == NIL:
        return KEY_NONE
    root = node_at(pools, ladder.root)
    i = <int32_t>(key >> 24)
    j = <int32_t>((key >> 16) & 255)
    digit = <int32_t>((key >> 8) & 255) + 1
    digit += planted(SLIP_PAGE_SKIPPED)
    low = NULL
    slot = root.child[i]
    if slot != NIL:
        mid = node_at(pools, slot)
        slot = mid.child[j]
        if slot != NIL:
            low = node_at(pools, slot)
            digit = bits_from(&low.bits, <uint32_t>digit)
        else:
            digit = -1
        if digit < 0:
            low = NULL
            j = bits_from(&mid.bits, <uint32_t>j + 1)
            if j >= 0:
                low = node_at(pools, mid.child[j])
    if low == NULL:
        i = bits_from(&root.bits, <uint32_t>i + 1)
        if i < 0:
            return KEY_NONE
        mid = node_at(pools, root.child[i])
        j = bits_from(&mid.bits, 0)
        low = node_at(pools, mid.child[j])
        digit = -1
    if digit < 0:
        digit = bits_from(&low.bits, 0)
    page = low.child[digit]
    j = bits_from(&page_at(pools, page).bits, 0)
    level[0] = page * PAGE_LEVELS + <uint32_t>j
    return (<int64_t>page_at(pools, page).number << 8) | j


# Smallest non-empty key >= `key`, KEY_NONE if none; its level in *level. Cannot fail. O(1) inside a page.
cdef inline int64_t ladder_next(LadderPools* pools, Ladder* ladder, int64_t key, uint32_t* level) noexcept nogil:
    cdef slot_t page
    cdef int32_t digit
    if key >= KEY_NONE:
        return KEY_NONE
    page = ladder_page(pools, ladder, <uint32_t>key, 0)
    if page != NIL:
        digit = bits_from(&page_at(pools, page).bits, <uint32_t>key & 255)
        if digit >= 0:
            level[0] = page * PAGE_LEVELS + <uint32_t>digit
            return (key & ~<int64_t>255) | digit
    return ladder_next_far(pools, ladder, <uint32_t>key, level)


cdef inline void ladder_level_emptied(LadderPools* pools, Ladder* ladder, uint32_t level, uint32_t key) noexcept nogil:
    """Take an empty level out of the bit sets and move the best on if it was the best. Cannot fail."""
    cdef slot_t page = level >> 8
    cdef PageHead* head = page_at(pools, page)
    cdef int32_t digit
    ladder_unmark(pools, page, level & 255)
    if <int64_t>key != ladder.best_key:
        return
    digit = bits_from(&head.bits, (level & 255) + 1)
    if likely(digit >= 0):
        ladder.best_key = (<int64_t>head.number << 8) | digit
        ladder.best_level = page * PAGE_LEVELS + <uint32_t>digit
    else:
        ladder.best_key = ladder_next_far(pools, ladder, key, &ladder.best_level)


# Put an order at the back of its level. Needs: lots (its leaves) > 0 and level_index (its level) set in the order. Keeps: the
# invariants. Cannot fail. O(1).
cdef inline void ladder_append(LadderPools* pools, Ladder* ladder, Order* orders, slot_t slot, uint32_t key, uint32_t level_index,
                               qty_t lots) noexcept nogil:
    cdef Order* order = &orders[slot]
    cdef Level* level = level_at(pools, level_index)
    order.next = NIL
    if level.qty_lots:
        order.prev = level.tail
        orders[level.tail].next = slot
    else:
        order.prev = NIL
        level.head = slot
        ladder_mark(pools, level_index >> 8, level_index & 255)
        if <int64_t>key < ladder.best_key:
            ladder.best_key = key
            ladder.best_level = level_index
    level.tail = slot
    level.qty_lots += lots
    ladder.qty_lots += lots
    ladder.order_count += 1


# Take an order out of its level. Needs: it rests there. Keeps: the invariants. Cannot fail. O(1).
cdef inline void ladder_unlink(LadderPools* pools, Ladder* ladder, Order* orders, slot_t slot) noexcept nogil:
    cdef Order* order = &orders[slot]
    cdef Level* level = level_at(pools, order.level)
    if order.prev != NIL:
        orders[order.prev].next = order.next
    else:
        level.head = order.next
    if order.next != NIL:
        orders[order.next].prev = order.prev
    else:
        level.tail = order.prev
    level.qty_lots -= order.leaves_lots
    ladder.qty_lots -= order.leaves_lots
    ladder.order_count -= 1
    if planted(SLIP_BEST_KEPT):
        if level.qty_lots == 0:
            ladder_unmark(pools, order.level >> 8, order.level & 255)
            return
    if level.qty_lots == 0:
        ladder_level_emptied(pools, ladder, order.level, ladder_key(ladder, order.price_ticks))
