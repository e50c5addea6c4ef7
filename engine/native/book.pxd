# Book: two ladders and the names of their orders; place, cancel, match.
#
#   BookPools (shared by all books of a world)            Book (one per market)
#     orders  hot records   [ caller's slots | engine's ]   ladder[0] bids, ladder[1] asks
#     cold    ids, owners' links, cause, generation         bounds, last price, counters
#     ids     order_id -> slot      heads  owner -> its newest order      fills  output rows
#
# Stands on: ladder, idmap, columns, digest. Promises (docs/rules.md M-1 .. M-14): a command is checked, its memory
# reserved, and only then is anything written; a rejected command leaves the digest as it was. No function here
# fails half way. Never crossed at rest.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.bitset cimport bits_has
from engine.native.columns cimport *
from engine.native.digest cimport *
from engine.native.idmap cimport *
from engine.native.ladder cimport *
from engine.native.slab cimport *

# Columns of a fill row. A world's trades table appends its own columns behind these.
cdef enum FillColumn:
    FILL_COMMAND = 0         # int32 row of the batch
    FILL_MAKER = 1           # int64 maker's name
    FILL_TAKER = 2           # int64 taker's name
    FILL_PRICE = 3           # int32 ticks
    FILL_QTY = 4             # int64 lots
    FILL_MAKER_OWNER = 5     # int32
    FILL_TAKER_OWNER = 6     # int32
    FILL_COLUMNS = 7

cdef extern from *:
    """
    #include <stdint.h>
    static const int64_t ENGINE_SIDE_QTY_MAX = (int64_t)1 << 61;   /* U-3 */
    static const int64_t ENGINE_NO_PRICE = (int64_t)1 << 40;       /* D-2: the word for "no price" */
    """
    const int64_t SIDE_QTY_MAX "ENGINE_SIDE_QTY_MAX"
    const int64_t NO_PRICE "ENGINE_NO_PRICE"

cdef enum:
    GENERATION_MASK = 0x7FFFFFFF   # 31 bits, so that a handle is never negative (M-7)

# The cold half of an order: what matching does not touch. 32 bytes.
cdef struct OrderCold:
    int64_t id               # order_id, handle or local number (a slot-named order's name is its slot)
    slot_t owner_next        # older order of the same owner, NIL at the end
    slot_t owner_prev        # newer one, NIL at the head
    uint32_t cause           # landmark that it answers
    uint32_t generation      # times an order with a handle gave this slot back, mod 2^31
    int64_t reserved_word    # room for iceberg and expiry

cdef struct BookPools:
    LadderPools ladders
    Slab orders              # Order; [0, slots) belong to the caller and never enter the free list
    Slab cold                # OrderCold, same slots as orders
    Slab heads               # slot_t per owner: newest resting order, NIL if none
    IdMap ids                # order_id -> slot, resting orders only
    Table fills              # FILL_* columns first
    int32_t slots            # caller's slots
    int32_t owners           # valid owners are 0 .. owners - 1

cdef struct Book:
    Ladder ladder[2]         # [0] bids, [1] asks
    price_t price_min        # U-2
    price_t price_max
    qty_t qty_max
    int64_t notional_max
    int64_t last_price       # ticks of the last trade, NO_PRICE before the first
    int64_t trade_count
    uint64_t traded_lots     # mod 2^64


cdef inline bint pools_add_owners(BookPools* pools, int32_t owners) noexcept nogil:
    """Make owners 0 .. owners - 1 valid. 0 if done, 1 if there is no memory."""
    cdef int32_t _
    if owners <= pools.owners:
        return 0
    if slab_reserve(&pools.heads, owners - pools.owners):
        return 1
    for _ in range(pools.owners, owners):
        (<slot_t*>slab_at(&pools.heads, slab_take(&pools.heads)))[0] = NIL
    pools.owners = owners
    return 0


cdef inline bint pools_expect(BookPools* pools, uint32_t orders) noexcept nogil:
    """Make room, and touch it, for `orders` engine-named orders at rest together. 1 if there is no memory."""
    cdef uint64_t capacity = 64
    while capacity < 2 * (<uint64_t>orders + 1):
        capacity *= 2
    if slab_grow(&pools.orders, <uint64_t>pools.orders.count + orders) or slab_grow(&pools.cold, pools.orders.capacity):
        return 1
    slab_touch(&pools.orders)
    slab_touch(&pools.cold)
    return idmap_grow(&pools.ids, capacity)


cdef inline bint pools_init(BookPools* pools, int32_t slots, int32_t owners, const uint8_t* fill_widths,
                            int32_t fill_columns, uint32_t fill_shift) noexcept nogil:
    """Make the pools. 0 if done, 1 if there is no memory (release is then still due)."""
    pools_init_ladders(&pools.ladders)
    slab_init(&pools.orders, sizeof(Order), 8)      # the free link is Order.next
    slab_init(&pools.cold, sizeof(OrderCold), 8)
    slab_init(&pools.heads, sizeof(slot_t), 0)
    idmap_init(&pools.ids)
    table_init(&pools.fills, fill_widths, fill_columns, fill_shift)
    pools.slots = slots
    pools.owners = 0
    if slots:
        if slab_grow(&pools.orders, slots) or slab_grow(&pools.cold, pools.orders.capacity):
            return 1
        slab_touch(&pools.orders)
    pools.orders.count = slots
    return pools_add_owners(pools, owners)


cdef inline void pools_release(BookPools* pools) noexcept nogil:
    slab_release(&pools.ladders.pages)
    slab_release(&pools.ladders.levels)
    slab_release(&pools.ladders.nodes)
    slab_release(&pools.orders)
    slab_release(&pools.cold)
    slab_release(&pools.heads)
    idmap_release(&pools.ids)
    table_release(&pools.fills)


cdef inline void book_init(Book* book, uint32_t market) noexcept nogil:
    """Make an empty book; the caller sets the bounds."""
    ladder_init(&book.ladder[0], 0, market * 2)
    ladder_init(&book.ladder[1], 1, market * 2 + 1)
    book.last_price = NO_PRICE
    book.trade_count = 0
    book.traded_lots = 0


cdef inline Order* order_at(BookPools* pools, slot_t slot) noexcept nogil:
    return <Order*>(pools.orders.base) + slot


cdef inline OrderCold* cold_at(BookPools* pools, slot_t slot) noexcept nogil:
    return <OrderCold*>(pools.cold.base) + slot


cdef inline slot_t* head_at(BookPools* pools, int32_t owner) noexcept nogil:
    return <slot_t*>(pools.heads.base) + owner


cdef inline bint pools_reserve_order(BookPools* pools) noexcept nogil:
    """Make sure that one engine slot can be taken. 0 if so, 1 if there is no memory."""
    if slab_reserve(&pools.orders, 1):
        return 1
    if unlikely(pools.cold.capacity < pools.orders.capacity):
        pools.cold.count = pools.orders.count    # the copy must keep every record that may be in use
        return slab_grow(&pools.cold, pools.orders.capacity)
    return 0


cdef inline uint32_t order_naming(Order* order) noexcept nogil:
    return (order.flags & ORDER_NAMING_MASK) >> ORDER_NAMING_SHIFT


cdef inline int64_t order_id(BookPools* pools, slot_t slot, Order* order) noexcept nogil:
    """The name that stands in fills and queries (M-6)."""
    if (order.flags & ORDER_NAMING_MASK) == (NAMED_SLOT << ORDER_NAMING_SHIFT):
        return slot
    return cold_at(pools, slot).id


# ---- owners' lists: cancel-all of an owner costs its own orders ----

cdef inline void owner_link(BookPools* pools, int32_t owner, slot_t slot) noexcept nogil:
    cdef slot_t* head = head_at(pools, owner)
    cdef OrderCold* cold = cold_at(pools, slot)
    cold.owner_prev = NIL
    cold.owner_next = head[0]
    if head[0] != NIL:
        cold_at(pools, head[0]).owner_prev = slot
    head[0] = slot


cdef inline void owner_unlink(BookPools* pools, int32_t owner, slot_t slot) noexcept nogil:
    cdef OrderCold* cold = cold_at(pools, slot)
    if cold.owner_prev != NIL:
        cold_at(pools, cold.owner_prev).owner_next = cold.owner_next
    else:
        head_at(pools, owner)[0] = cold.owner_next
    if cold.owner_next != NIL:
        cold_at(pools, cold.owner_next).owner_prev = cold.owner_prev


# ---- checks ----

cdef inline int check_shape(PlaceCommand* command) noexcept nogil:
    """Side, type, time in force and their combination (M-5); fills in a default time in force."""
    if unlikely(command.side != SIDE_BUY and command.side != SIDE_SELL):
        return REJECT_BAD_SIDE
    if unlikely(command.order_type != TYPE_LIMIT and command.order_type != TYPE_MARKET):
        return REJECT_BAD_ORDER_TYPE
    if unlikely(command.time_in_force > TIF_IOC):
        return REJECT_BAD_TIME_IN_FORCE
    if command.time_in_force == TIF_DEFAULT:
        command.time_in_force = TIF_GTC if command.order_type == TYPE_LIMIT else TIF_IOC
    elif unlikely(command.order_type == TYPE_MARKET and command.time_in_force == TIF_GTC):
        return REJECT_ILLEGAL_COMBINATION
    return REJECT_NONE


cdef inline int check_bounds(Book* book, PlaceCommand* command) noexcept nogil:
    """Price, quantity and notional bounds (U-2)."""
    cdef int64_t notional
    if command.order_type == TYPE_LIMIT:
        if unlikely(command.price_ticks < book.price_min or command.price_ticks > book.price_max):
            return REJECT_PRICE_OUT_OF_BOUNDS
        if unlikely(command.qty_lots <= 0):
            return REJECT_QTY_NOT_POSITIVE
        if unlikely(command.qty_lots > book.qty_max):
            return REJECT_QTY_OUT_OF_BOUNDS
        if unlikely(mul_overflows(abs64(command.price_ticks), command.qty_lots, &notional) or notional > book.notional_max):
            return REJECT_NOTIONAL_OUT_OF_BOUNDS
        return REJECT_NONE
    if unlikely(command.qty_lots <= 0):
        return REJECT_QTY_NOT_POSITIVE
    if unlikely(command.qty_lots > book.qty_max):
        return REJECT_QTY_OUT_OF_BOUNDS
    return REJECT_NONE


cdef inline int check_name(BookPools* pools, PlaceCommand* command) noexcept nogil:
    """Owner and name (M-6, M-9)."""
    if unlikely(command.owner < NO_OWNER or command.owner >= pools.owners):
        return REJECT_OWNER_OUT_OF_RANGE
    if command.naming == NAMED_SLOT:
        if unlikely(command.name < 0 or command.name >= pools.slots):
            return REJECT_SLOT_OUT_OF_RANGE
        if unlikely(order_at(pools, <slot_t>command.name).leaves_lots != 0):
            return REJECT_SLOT_IN_USE
    elif command.naming == NAMED_ORDER_ID:
        if unlikely(idmap_get(&pools.ids, command.name) != NIL):
            return REJECT_DUPLICATE_ORDER_ID
    return REJECT_NONE


# Whether a place command is legal (M-10). Writes nothing but the command's default. Cannot fail. O(1).
cdef inline int book_check(BookPools* pools, Book* book, PlaceCommand* command) noexcept nogil:
    cdef int reason = check_shape(command)
    if unlikely(reason):
        return reason
    reason = check_bounds(book, command)
    if unlikely(reason):
        return reason
    reason = check_name(pools, command)
    if unlikely(reason):
        return reason
    if command.time_in_force == TIF_GTC:
        if unlikely(book.ladder[command.side == SIDE_SELL].qty_lots > SIDE_QTY_MAX - command.qty_lots):
            return REJECT_SIDE_FULL
    return REJECT_NONE


# ---- matching ----

# An engine slot goes back to the free list; a handle of its order, if it had one, dies (M-7). Cannot fail. O(1).
cdef inline void slot_return(BookPools* pools, slot_t slot, uint32_t naming) noexcept nogil:
    order_at(pools, slot).leaves_lots = 0
    if naming != NAMED_ORDER_ID:
        cold_at(pools, slot).generation = (cold_at(pools, slot).generation + 1) & GENERATION_MASK
    slab_give(&pools.orders, slot)


# A resting order ends: its name (`id`), owner's link and slot go. Needs: it is out of its level. Cannot fail. O(1).
# An order named by order_id has no handle to kill: its cold record is not touched here (M-7), which saves a miss.
cdef inline void order_end(BookPools* pools, slot_t slot, Order* order, int64_t id) noexcept nogil:
    cdef uint32_t naming = order_naming(order)
    order.leaves_lots = 0
    if order.owner != NO_OWNER:
        owner_unlink(pools, order.owner, slot)
    if naming == NAMED_SLOT:
        return
    if naming == NAMED_ORDER_ID:
        idmap_remove(&pools.ids, id)
    slot_return(pools, slot, naming)


cdef inline void fill_record(BookPools* pools, PlaceCommand* command, int64_t taker, int64_t maker, int32_t maker_owner,
                             price_t price, qty_t qty) noexcept nogil:
    """Write one fill row. Needs: the row is reserved. Cannot fail."""
    cdef Table* fills = &pools.fills
    cdef int64_t row = fills.row_count, within = row & (((<int64_t>1) << fills.shift) - 1)
    cdef char* chunk = fills.chunks[row >> fills.shift]
    # table_cell with the widths of FILL_* known to the compiler: 7 stores instead of 7 look-ups (cascade flow: -9 % time)
    (<int32_t*>chunk)[within] = command.command
    (<int64_t*>(chunk + (<int64_t>4 << fills.shift)))[within] = maker
    (<int64_t*>(chunk + (<int64_t>12 << fills.shift)))[within] = taker
    (<int32_t*>(chunk + (<int64_t>20 << fills.shift)))[within] = price
    (<int64_t*>(chunk + (<int64_t>24 << fills.shift)))[within] = qty
    (<int32_t*>(chunk + (<int64_t>32 << fills.shift)))[within] = maker_owner
    (<int32_t*>(chunk + (<int64_t>36 << fills.shift)))[within] = command.owner
    fills.row_count = row + 1


# Trade `want` lots through the opposite levels up to `limit_key`, oldest first in each (M-1, M-2). Returns what is
# left. Needs: want > 0 and min(want, orders opposite) fill rows reserved. Cannot fail. O(orders met).
cdef inline qty_t book_match(BookPools* pools, Book* book, PlaceCommand* command, int64_t taker, int64_t limit_key) noexcept nogil:
    cdef Ladder* ladder = &book.ladder[command.side == SIDE_BUY]
    cdef Order* orders = <Order*>pools.orders.base
    cdef Order* maker
    cdef Level* level
    cdef qty_t want = command.qty_lots, take
    cdef slot_t slot, next_slot
    cdef price_t price = 0
    cdef int64_t maker_id
    cdef uint32_t level_index
    # invariant: every level better than best_key is empty; lots taken so far = qty_lots - want
    while want > 0 and ladder.best_key <= limit_key:
        price = ladder_price(ladder, <uint32_t>ladder.best_key)
        level_index = ladder.best_level
        level = level_at(&pools.ladders, level_index)
        slot = level.head
        # invariant: slot is the oldest resting order of the level; all before it are filled and gone
        while True:
            maker = &orders[slot]
            prefetch(&orders[maker.next])
            take = min64(maker.leaves_lots, want)
            maker_id = order_id(pools, slot, maker)
            fill_record(pools, command, taker, maker_id, maker.owner, price, take)
            book.trade_count += 1
            level.qty_lots -= take
            want -= take
            if take < maker.leaves_lots:
                maker.leaves_lots -= take
                maker.prev = NIL
                break
            next_slot = maker.next
            order_end(pools, slot, maker, maker_id)
            ladder.order_count -= 1
            slot = next_slot
            if slot == NIL:
                break
            if want == 0:
                orders[slot].prev = NIL
                break
        level.head = slot
        if level.qty_lots == 0:
            ladder_level_emptied(&pools.ladders, ladder, level_index, <uint32_t>ladder.best_key)
    take = command.qty_lots - want
    if take:
        ladder.qty_lots -= take
        book.traded_lots += <uint64_t>take
        book.last_price = price
    return want


cdef inline int64_t crossing_key(Book* book, PlaceCommand* command) noexcept nogil:
    """Largest key of the opposite ladder that the command may trade at."""
    if command.order_type == TYPE_MARKET:
        return KEY_NONE - 1
    return ladder_key(&book.ladder[command.side == SIDE_BUY], command.price_ticks)


cdef inline bint place_reserve(BookPools* pools, Book* book, PlaceCommand* command, bint crosses, bint takes_slot,
                               uint32_t* level) noexcept nogil:
    """Reserve a place's worst case (M-14): slot, id entry, level page, fill rows. 1 if there is no memory."""
    cdef Ladder* own
    cdef Ladder* opposite
    cdef uint32_t key
    cdef slot_t page
    if takes_slot and unlikely(pools_reserve_order(pools)):
        return 1
    if command.naming == NAMED_ORDER_ID and unlikely(idmap_reserve(&pools.ids)):
        return 1
    if command.time_in_force == TIF_GTC:
        own = &book.ladder[command.side == SIDE_SELL]
        key = ladder_key(own, command.price_ticks)
        page = ladder_page(&pools.ladders, own, key, 1)
        if unlikely(page == NIL):
            return 1
        level[0] = page * PAGE_LEVELS + (key & 255)
    if crosses:
        opposite = &book.ladder[command.side == SIDE_BUY]
        if unlikely(table_reserve(&pools.fills, min64(opposite.order_count, command.qty_lots))):
            return 1
    return 0


# Rest what is left of an order at the back of its level. Needs: slot and level reserved. Cannot fail. O(1).
cdef inline void book_rest(BookPools* pools, Book* book, PlaceCommand* command, slot_t slot, uint32_t level, int64_t id,
                           qty_t leaves) noexcept nogil:
    cdef bint asks = command.side == SIDE_SELL
    cdef Ladder* ladder = &book.ladder[asks]
    cdef Order* order = order_at(pools, slot)
    cdef OrderCold* cold
    order.leaves_lots = leaves
    order.level = level
    order.price_ticks = command.price_ticks
    order.owner = command.owner
    order.flags = (<uint32_t>command.naming << ORDER_NAMING_SHIFT) | asks
    ladder_append(&pools.ladders, ladder, <Order*>pools.orders.base, slot, ladder_key(ladder, command.price_ticks))
    if command.naming != NAMED_SLOT:
        cold = cold_at(pools, slot)
        cold.id = id
        cold.cause = command.cause
        if command.naming == NAMED_ORDER_ID:
            idmap_insert(&pools.ids, id, slot)
    if command.owner != NO_OWNER:
        owner_link(pools, command.owner, slot)


# Execute a checked place command. `sent_slot`: the slot reserved at send (LOCAL naming), else NIL. Returns a reject
# reason (only NO_MEMORY, book unchanged) or NONE with *out filled in. O(orders met).
cdef inline int book_place(BookPools* pools, Book* book, PlaceCommand* command, slot_t sent_slot, Outcome* out) noexcept nogil:
    cdef int64_t limit_key = crossing_key(book, command)
    cdef bint crosses = book.ladder[command.side == SIDE_BUY].best_key <= limit_key
    cdef bint takes_slot = command.naming == NAMED_ORDER_ID or command.naming == NAMED_HANDLE
    cdef uint32_t level = 0
    cdef qty_t left = command.qty_lots
    cdef slot_t slot
    cdef int64_t id = command.name
    if unlikely(place_reserve(pools, book, command, crosses, takes_slot, &level)):
        return REJECT_NO_MEMORY
    if takes_slot:
        slot = slab_take(&pools.orders)
        if command.naming == NAMED_HANDLE:
            id = (<int64_t>cold_at(pools, slot).generation << 32) | (slot - <slot_t>pools.slots)
    elif command.naming == NAMED_SLOT:
        slot = <slot_t>command.name
    else:
        slot = sent_slot
    if crosses:
        left = book_match(pools, book, command, id, limit_key)
    out.id = id
    out.filled_lots = command.qty_lots - left
    if left > 0 and command.time_in_force == TIF_GTC:
        book_rest(pools, book, command, slot, level, id, left)
        out.leaves_lots = left
        out.cancelled_lots = 0
        out.slot = slot
    else:
        out.leaves_lots = 0
        out.cancelled_lots = left
        out.slot = NIL
        if command.naming != NAMED_SLOT:
            slot_return(pools, slot, command.naming)
    return REJECT_NONE


# Slot of a resting order by its name, NIL if there is none (M-8). Cannot fail. O(1).
cdef inline slot_t book_find(BookPools* pools, int64_t name, uint32_t naming) noexcept nogil:
    cdef slot_t slot
    if naming == NAMED_ORDER_ID:
        return idmap_get(&pools.ids, name)
    if naming == NAMED_SLOT:
        if name < 0 or name >= pools.slots:
            return NIL
        slot = <slot_t>name
    else:
        slot = <uint32_t>name
        if name < 0 or slot >= pools.orders.count - <uint32_t>pools.slots:
            return NIL
        slot += <slot_t>pools.slots
        if cold_at(pools, slot).generation != <uint32_t>(name >> 32):
            return NIL
        if order_naming(order_at(pools, slot)) != naming:
            return NIL
    return slot if order_at(pools, slot).leaves_lots else NIL


# Take a resting order off. Needs: book_find gave the slot for the name `id`. Cannot fail. O(1).
cdef inline void book_remove(BookPools* pools, Book* book, slot_t slot, int64_t id, Outcome* out) noexcept nogil:
    cdef Order* order = order_at(pools, slot)
    out.id = id
    out.filled_lots = 0
    out.leaves_lots = 0
    out.cancelled_lots = order.leaves_lots
    out.slot = NIL
    ladder_unlink(&pools.ladders, &book.ladder[order.flags & ORDER_SELL], <Order*>pools.orders.base, slot)
    order_end(pools, slot, order, id)


# Cancel by name. Returns a reject reason; on reject the book is unchanged. O(1).
cdef inline int book_cancel(BookPools* pools, Book* book, int64_t name, uint32_t naming, Outcome* out) noexcept nogil:
    cdef slot_t slot
    if naming == NAMED_SLOT and unlikely(name < 0 or name >= pools.slots):
        return REJECT_SLOT_OUT_OF_RANGE
    slot = book_find(pools, name, naming)
    if unlikely(slot == NIL):
        return REJECT_UNKNOWN_ORDER
    book_remove(pools, book, slot, name, out)
    return REJECT_NONE


# ---- queries ----

cdef inline int64_t book_best(Book* book, bint asks) noexcept nogil:
    """Best price of a side, NO_PRICE if it is empty."""
    if book.ladder[asks].best_key == KEY_NONE:
        return NO_PRICE
    return ladder_price(&book.ladder[asks], <uint32_t>book.ladder[asks].best_key)


cdef inline qty_t book_depth_to(BookPools* pools, Book* book, bint asks, price_t worst) noexcept nogil:
    """Lots resting on a side from its best price to `worst`, both included. O(levels met)."""
    cdef Ladder* ladder = &book.ladder[asks]
    cdef int64_t key = ladder.best_key, last = ladder_key(ladder, worst)
    cdef uint32_t level = ladder.best_level
    cdef qty_t total = 0
    while key <= last:
        total += level_at(&pools.ladders, level).qty_lots
        key = ladder_next(&pools.ladders, ladder, key + 1, &level)
    return total


cdef inline uint64_t book_digest(BookPools* pools, Book* book) noexcept nogil:
    """State digest (D-2). O(orders)."""
    cdef uint64_t h = digest_begin(DIGEST_BOOK)
    cdef Ladder* ladder
    cdef Order* order
    cdef int64_t key
    cdef uint32_t level = 0
    cdef slot_t slot
    cdef int side
    for side in range(2):
        ladder = &book.ladder[side]
        key = ladder.best_key
        level = ladder.best_level
        while key != KEY_NONE:
            slot = level_at(&pools.ladders, level).head
            while slot != NIL:
                order = order_at(pools, slot)
                h = digest_word(h, order.price_ticks)
                h = digest_word(h, order.leaves_lots)
                h = digest_word(h, order_id(pools, slot, order))
                h = digest_word(h, order.owner)
                slot = order.next
            key = ladder_next(&pools.ladders, ladder, key + 1, &level)
        h = digest_word(h, -2)
    h = digest_word(h, book.last_price)
    h = digest_word(h, book.trade_count)
    return digest_word(h, <int64_t>book.traded_lots)
