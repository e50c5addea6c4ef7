# Orders: the records of open orders, their names and their owners.
#
#   orders   32 bytes each   [ caller's slots 0 .. slots - 1 | engine's: hot, cold, hot, cold, ... ]
#   cold     32 bytes each   [ caller's slots ]                      touched for owners and features only
#
# An engine order is one cache line: its hot half in an even record, its cold half in the next one. A caller's order is
# half a line, since its name is its slot and nothing else is asked of most of them; what it needs beyond stands in `cold`
# under the same slot. (By order_id, deep book: one line instead of two for each order that comes or ends.)
#
# Stands on: ladder, idmap, columns. Promises (docs/rules.md M-6, M-7, M-9): engine slots are recycled last-in first-out;
# a handle dies with its order; taking off everything of an owner costs its own orders.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.columns cimport *
from engine.native.idmap cimport *
from engine.native.ladder cimport *
from engine.native.planted cimport *
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

cdef enum:
    GENERATION_MASK = 0x7FFFFFFF   # 31 bits, so that a handle is never negative (M-7)
    FREE_AHEAD = 6                 # free records that are fetched before they are taken

# The cold half of an order: what matching does not touch. 32 bytes.
cdef struct OrderCold:
    int64_t id               # order_id, handle or local number (a slot-named order's name is its slot); idmap reads it here
    slot_t owner_next        # older order of the same owner, NIL at the end
    slot_t owner_prev        # newer one, NIL at the head
    uint32_t cause           # landmark that it answers
    uint32_t generation      # times an order with a handle gave this slot back, mod 2^31
    int64_t word             # in flight: its lots; with ORDER_EXTRA: its slot in `extras`

# What only some orders have (ORDER_EXTRA). 48 bytes.
cdef struct OrderExtra:
    qty_t hidden_lots        # of an iceberg, behind the shown slice
    qty_t display_lots       # slice of an iceberg, 0 for none
    time_ms_t expires_ms     # GTT, else -1
    uint32_t stamp           # tells this use of the record from others: an expiry event carries it
    price_t stop_ticks       # trigger price
    price_t price_ticks      # limit of a waiting STOP_LIMIT, 0 of a STOP
    slot_t link              # free list
    uint8_t order_type       # of a waiting stop: OrderType
    uint8_t time_in_force    # of a waiting stop, never TIF_DEFAULT
    uint8_t pad[6]

cdef struct BookPools:
    LadderPools ladders
    Slab orders              # Order, and the cold halves of engine orders
    Slab free_slots          # slot_t: engine slots given back, the last one on top
    Slab cold                # OrderCold of the caller's slots
    Slab extras              # OrderExtra
    Slab heads               # slot_t per owner: newest open order, NIL if none
    Slab positions           # int64 per owner: lots, once a book tracks them (M-26)
    IdMap ids                # order_id -> slot, open orders only
    Table fills              # FILL_* columns first
    Table cancels            # CANCELLED_* (book.pxd)
    Table triggers           # TRIGGERED_* (book.pxd)
    int32_t slots            # caller's slots
    int32_t owners           # valid owners are 0 .. owners - 1
    slot_t engine_base       # first engine slot: `slots`, made even
    uint32_t stamp_next      # of OrderExtra
    int64_t expiring_count   # open orders with an expiry


# ---- memory ----

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


cdef inline outlined_int pools_grow_orders(BookPools* pools, uint64_t more) noexcept nogil:
    """Make room for `more` engine slots, and for giving all of them back. 1 if there is no memory."""
    if slab_grow_to(&pools.orders, <uint64_t>pools.orders.count + 2 * more):
        return 1
    return slab_grow_to(&pools.free_slots, (pools.orders.capacity - pools.engine_base) >> 1)


cdef inline bint pools_init(BookPools* pools, int32_t slots, int32_t owners, const uint8_t* fill_widths,
                            int32_t fill_columns, uint32_t fill_shift) noexcept nogil:
    """Make the pools. 0 if done, 1 if there is no memory (release is then still due)."""
    pools_init_ladders(&pools.ladders)
    slab_init(&pools.orders, sizeof(Order), 8)      # has no free list of its own: two records make a slot
    slab_init(&pools.free_slots, sizeof(slot_t), 0)
    slab_init(&pools.cold, sizeof(OrderCold), 8)
    slab_init(&pools.extras, sizeof(OrderExtra), 36)
    slab_init(&pools.heads, sizeof(slot_t), 0)
    slab_init(&pools.positions, sizeof(int64_t), 0)
    idmap_init(&pools.ids)
    table_init(&pools.fills, fill_widths, fill_columns, fill_shift)
    table_init(&pools.cancels, NULL, 0, 0)
    table_init(&pools.triggers, NULL, 0, 0)
    pools.slots = slots
    pools.owners = 0
    pools.engine_base = (<slot_t>slots + 1) & ~<slot_t>1
    pools.stamp_next = 0
    pools.expiring_count = 0
    if slots:
        if slab_grow(&pools.orders, pools.engine_base) or slab_grow(&pools.cold, pools.engine_base):
            return 1
        slab_touch(&pools.orders)
    pools.orders.count = pools.engine_base
    pools.cold.count = pools.engine_base
    # the slab may have room for engine slots already, and every one must find its way back
    return pools_grow_orders(pools, 0) or pools_add_owners(pools, owners)


cdef inline void pools_release(BookPools* pools) noexcept nogil:
    slab_release(&pools.ladders.pages)
    slab_release(&pools.ladders.levels)
    slab_release(&pools.ladders.nodes)
    slab_release(&pools.orders)
    slab_release(&pools.free_slots)
    slab_release(&pools.cold)
    slab_release(&pools.extras)
    slab_release(&pools.heads)
    slab_release(&pools.positions)
    idmap_release(&pools.ids)
    table_release(&pools.fills)
    table_release(&pools.cancels)
    table_release(&pools.triggers)


# ---- records ----

cdef inline Order* order_at(BookPools* pools, slot_t slot) noexcept nogil:
    return <Order*>(pools.orders.base) + slot


cdef inline OrderCold* cold_at(BookPools* pools, slot_t slot) noexcept nogil:
    if slot >= pools.engine_base:
        return <OrderCold*>(order_at(pools, slot) + 1)
    return <OrderCold*>(pools.cold.base) + slot


cdef inline OrderExtra* extra_at(BookPools* pools, slot_t slot) noexcept nogil:
    """The extra of an order. Needs: ORDER_EXTRA."""
    return <OrderExtra*>(pools.extras.base) + cold_at(pools, slot).word


cdef inline slot_t* head_at(BookPools* pools, int32_t owner) noexcept nogil:
    return <slot_t*>(pools.heads.base) + owner


cdef inline int64_t* position_at(BookPools* pools, int32_t owner) noexcept nogil:
    return <int64_t*>(pools.positions.base) + owner


cdef inline const char* order_keys(BookPools* pools) noexcept nogil:
    """Where the id map finds the ids: OrderCold.id is the first word of the record behind the hot one."""
    return pools.orders.base + sizeof(Order)


cdef inline qty_t order_hidden(BookPools* pools, slot_t slot) noexcept nogil:
    """Hidden lots of an order, 0 for all but icebergs."""
    if likely(not order_at(pools, slot).flags & ORDER_ICEBERG):
        return 0
    return extra_at(pools, slot).hidden_lots


cdef inline uint32_t order_naming(Order* order) noexcept nogil:
    return (order.flags & ORDER_NAMING_MASK) >> ORDER_NAMING_SHIFT


cdef inline int64_t order_id(BookPools* pools, slot_t slot, Order* order) noexcept nogil:
    """The name that stands in fills and queries (M-6)."""
    if (order.flags & ORDER_NAMING_MASK) == (NAMED_SLOT << ORDER_NAMING_SHIFT):
        return slot
    return cold_at(pools, slot).id


# ---- features: as a command says them, as an order keeps them ----

cdef inline uint32_t feature_flags(PlaceCommand* command) noexcept nogil:
    """Order.flags of a command's features."""
    cdef uint32_t flags = <uint32_t>command.self_trade << ORDER_SELF_TRADE_SHIFT
    if command.flags & FLAG_POST_ONLY:
        flags |= ORDER_POST_ONLY
    if command.flags & FLAG_REDUCE_ONLY:
        flags |= ORDER_REDUCE_ONLY
    if command.flags & FLAG_TRIGGER_ON_MARK:
        flags |= ORDER_ON_MARK
    if command.display_lots:
        flags |= ORDER_ICEBERG | ORDER_EXTRA
    if command.time_in_force == TIF_GTT:
        flags |= ORDER_EXPIRES | ORDER_EXTRA
    return flags


cdef inline uint8_t order_said_flags(Order* order) noexcept nogil:
    """OrderFlag bits of the command that placed an order."""
    cdef uint8_t said = FLAG_POST_ONLY if order.flags & ORDER_POST_ONLY else FLAG_NONE
    said |= FLAG_REDUCE_ONLY if order.flags & ORDER_REDUCE_ONLY else FLAG_NONE
    return said | (FLAG_TRIGGER_ON_MARK if order.flags & ORDER_ON_MARK else FLAG_NONE)


cdef inline uint8_t order_self_trade(Order* order) noexcept nogil:
    """SelfTradePrevention of the command that placed an order."""
    return (order.flags & ORDER_SELF_TRADE_MASK) >> ORDER_SELF_TRADE_SHIFT


# ---- engine slots ----
#
# Free slots stand in an array, not in a list through the records: after a burst of cancels such a list runs through the whole
# slab, a cache miss a record that nothing can foresee (cascade flow by order_id: 11 % of the time). Of the array, what will
# be taken next is known and fetched.

cdef inline bint pools_reserve_order(BookPools* pools) noexcept nogil:
    """Make sure that one engine slot can be taken, and given back. 0 if so, 1 if there is no memory."""
    if likely(pools.free_slots.count != 0 or pools.orders.count + 2 <= pools.orders.capacity):
        return 0
    return pools_grow_orders(pools, 1)


cdef inline bint pools_expect(BookPools* pools, uint32_t orders) noexcept nogil:
    """Make room, and touch it, for `orders` engine-named orders at rest together. 1 if there is no memory."""
    if pools_grow_orders(pools, orders):
        return 1
    slab_touch(&pools.orders)
    return idmap_expect(&pools.ids, order_keys(pools), orders) != 0


# Take an engine slot: the last one given back, else the next fresh one (M-7). Needs a reserve before. Cannot fail. O(1).
cdef inline slot_t slot_take(BookPools* pools) noexcept nogil:
    cdef slot_t* free_slots = <slot_t*>pools.free_slots.base
    cdef uint32_t top = pools.free_slots.count
    cdef slot_t slot
    if top != 0:
        prefetch(order_at(pools, free_slots[max64(<int64_t>top - FREE_AHEAD, 0)]))
        pools.free_slots.count = top - 1
        return free_slots[top - 1]
    slot = pools.orders.count
    pools.orders.count += 2
    return slot


# An engine slot is free again; a handle of its order, if it had one, dies (M-7). Cannot fail. O(1).
cdef inline void slot_return(BookPools* pools, slot_t slot, uint32_t naming) noexcept nogil:
    cdef OrderCold* cold
    order_at(pools, slot).leaves_lots = 0
    if naming != NAMED_ORDER_ID:
        cold = cold_at(pools, slot)
        cold.generation = (cold.generation + 1) & GENERATION_MASK
        if planted(SLIP_GENERATION_KEPT):
            cold.generation -= 1
    (<slot_t*>pools.free_slots.base)[pools.free_slots.count] = slot
    pools.free_slots.count += 1


cdef inline int64_t slot_handle(BookPools* pools, slot_t slot) noexcept nogil:
    """The handle of the order that holds an engine slot now (M-7)."""
    return (<int64_t>cold_at(pools, slot).generation << 32) | ((slot - pools.engine_base) >> 1)


# ---- extras ----

# Give an order an empty extra. Needs: one reserved. Cannot fail. O(1).
cdef inline OrderExtra* extra_take(BookPools* pools, slot_t slot) noexcept nogil:
    cdef slot_t taken = slab_take(&pools.extras)
    cdef OrderExtra* extra = <OrderExtra*>(pools.extras.base) + taken
    cold_at(pools, slot).word = taken
    extra.hidden_lots = extra.display_lots = 0
    extra.expires_ms = -1
    extra.stop_ticks = extra.price_ticks = 0
    extra.order_type = extra.time_in_force = 0
    extra.stamp = pools.stamp_next
    pools.stamp_next += 1
    return extra


cdef inline void extra_give(BookPools* pools, slot_t slot) noexcept nogil:
    """Take an order's extra back. Needs: ORDER_EXTRA. Cannot fail."""
    extra_at(pools, slot).expires_ms = -2    # no expiry event finds it any more
    if order_at(pools, slot).flags & ORDER_EXPIRES:
        pools.expiring_count -= 1
    slab_give(&pools.extras, <slot_t>cold_at(pools, slot).word)


# ---- owners' lists: cancelling everything of an owner costs its own orders ----

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


# ---- beginning and end of an open order ----

# Enter a slot's order under its name and owner. Needs: leaves, owner and naming bits set; for an order_id its entry in
# the id map. Cannot fail. O(1).
cdef inline void order_begin(BookPools* pools, slot_t slot, Order* order, int64_t id, uint32_t cause, uint32_t naming,
                             IdEntry* entry) noexcept nogil:
    cdef OrderCold* cold
    if naming != NAMED_SLOT:
        cold = cold_at(pools, slot)
        cold.id = id
        cold.cause = cause
        if naming == NAMED_ORDER_ID:
            idmap_insert(&pools.ids, entry, id, slot)
    if order.owner != NO_OWNER:
        owner_link(pools, order.owner, slot)


# An open order whose entry in the id map is known (NULL for none) ends: its name, extra, owner's link and slot go. Needs: it is
# out of its level or queue. Cannot fail. O(1).
cdef inline void order_end_entry(BookPools* pools, slot_t slot, Order* order, uint32_t naming, IdEntry* entry) noexcept nogil:
    order.leaves_lots = 0
    if unlikely(order.flags & ORDER_EXTRA):
        extra_give(pools, slot)
    if order.owner != NO_OWNER:
        owner_unlink(pools, order.owner, slot)
    if naming == NAMED_SLOT:
        return
    if naming == NAMED_ORDER_ID:
        idmap_remove(&pools.ids, entry)
    slot_return(pools, slot, naming)


# As order_end_entry, by the order's id.
cdef inline void order_end(BookPools* pools, slot_t slot, Order* order, int64_t id) noexcept nogil:
    cdef uint32_t naming = order_naming(order)
    cdef IdEntry* entry = NULL
    if naming == NAMED_ORDER_ID:
        entry = idmap_entry_of(&pools.ids, id, slot)
    order_end_entry(pools, slot, order, naming, entry)


# Slot of an open order by its name, NIL if there is none (M-8). Cannot fail. O(1).
cdef inline slot_t order_find(BookPools* pools, int64_t name, uint32_t naming) noexcept nogil:
    cdef slot_t slot
    if naming == NAMED_ORDER_ID:
        return idmap_get(&pools.ids, order_keys(pools), name)
    if naming == NAMED_SLOT:
        if name < 0 or name >= pools.slots:
            return NIL
        slot = <slot_t>name
    else:
        if name < 0 or <uint64_t><uint32_t>name * 2 >= pools.orders.count - pools.engine_base:
            return NIL
        slot = pools.engine_base + 2 * <slot_t><uint32_t>name
        if cold_at(pools, slot).generation != <uint32_t>(name >> 32):
            return NIL
        if order_naming(order_at(pools, slot)) != naming:
            return NIL
    return slot if order_at(pools, slot).leaves_lots else NIL
