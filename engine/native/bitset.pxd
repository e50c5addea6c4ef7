# A set of 0..255 as four words: one digit of the radix tree over prices.
#
# Stands on: arith.

from engine.native.types cimport *
from engine.native.arith cimport ctz64

cdef struct Bits256:
    uint64_t word[4]


cdef inline void bits_add(Bits256* bits, uint32_t i) noexcept nogil:
    bits.word[i >> 6] |= (<uint64_t>1) << (i & 63)


cdef inline void bits_remove(Bits256* bits, uint32_t i) noexcept nogil:
    bits.word[i >> 6] &= ~((<uint64_t>1) << (i & 63))


cdef inline bint bits_has(Bits256* bits, uint32_t i) noexcept nogil:
    return (bits.word[i >> 6] >> (i & 63)) & 1


cdef inline bint bits_empty(Bits256* bits) noexcept nogil:
    return (bits.word[0] | bits.word[1] | bits.word[2] | bits.word[3]) == 0


cdef inline int32_t bits_from(Bits256* bits, uint32_t i) noexcept nogil:
    """Smallest member >= i, or -1. `i` may be 256. Cannot fail."""
    cdef uint32_t w = i >> 6
    cdef uint64_t m
    if w > 3:
        return -1
    m = bits.word[w] & (~(<uint64_t>0) << (i & 63))
    # invariant: no member in [i, 64*w) and m holds the members of word w that are >= i
    while m == 0:
        w += 1
        if w > 3:
            return -1
        m = bits.word[w]
    return <int32_t>(w * 64) + ctz64(m)
