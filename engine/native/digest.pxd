# The state digest, version 1 (D-1): 64 bits over a sequence of 64-bit words, order-sensitive.
#
# Stands on: types. It detects differences; it is no cryptographic hash.

from engine.native.types cimport *

cdef enum:
    DIGEST_VERSION = 1
    DIGEST_BOOK = 1
    DIGEST_QUEUE = 2
    DIGEST_WORLD = 3
    DIGEST_POOL = 4

cdef inline uint64_t digest_word(uint64_t h, int64_t word) noexcept nogil:
    h = (h ^ <uint64_t>word) * <uint64_t>0x9E3779B97F4A7C15
    return h ^ (h >> 32)


cdef inline uint64_t digest_begin(int64_t kind) noexcept nogil:
    return digest_word(digest_word(<uint64_t>0xcbf29ce484222325, DIGEST_VERSION), kind)
