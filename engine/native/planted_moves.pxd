# Wrong moves in a level's queue and an owner's list, for planted faults that take more than one line. No other code calls them.
#
# Stands on: orders, planted. Promises: sums, links and bits stay right; only the order of things is wrong.

from engine.native.types cimport *
from engine.native.ladder cimport *
from engine.native.orders cimport *


# The youngest order of a level goes to its front. Needs: it has just been appended. Cannot fail. O(1).
cdef inline void youngest_to_front(BookPools* pools, Order* order) noexcept nogil:
    cdef Level* level = level_at(&pools.ladders, order.level)
    cdef slot_t slot = level.tail
    if level.head == slot:
        return
    level.tail = order.prev
    order_at(pools, level.tail).next = NIL
    order.prev = NIL
    order.next = level.head
    order_at(pools, level.head).prev = slot
    level.head = slot


# An order goes to the back of its level. Needs: it stands there. Cannot fail. O(1).
cdef inline void order_to_back(BookPools* pools, Ladder* ladder, slot_t slot) noexcept nogil:
    cdef Order* order = order_at(pools, slot)
    cdef Order* orders = <Order*>pools.orders.base
    ladder_unlink(&pools.ladders, ladder, orders, slot)
    ladder_append(&pools.ladders, ladder, orders, slot, ladder_key(ladder, order.price_ticks), order.level, order.leaves_lots)


cdef inline slot_t oldest_of(BookPools* pools, slot_t slot) noexcept nogil:
    """The oldest open order of an owner, from any of them on. Needs: slot is not NIL."""
    while cold_at(pools, slot).owner_next != NIL:
        slot = cold_at(pools, slot).owner_next
    return slot
