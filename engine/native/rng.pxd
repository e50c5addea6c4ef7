# Keyed random draws (R-1 .. R-5): Philox4x32-10 by (seed, who, what for, when, how-manieth).
#
# Stands on: types, arith, fmath. No state: a draw depends on its key and counter only, so two runs that differ by one
# switch share every draw that occurs in both, and a fork with a new seed differs from its first millisecond on.

from libc.math cimport floor

from engine.native.types cimport *
from engine.native.arith cimport mul_high
from engine.native.fmath cimport UNIFORM_STEP, fexp, flog, normal_quantile

cdef extern from *:
    """
    #include <stdint.h>
    #define ENGINE_GOLDEN 0x9E3779B97F4A7C15ULL
    static inline uint64_t engine_mix64(uint64_t z) {
        z ^= z >> 30; z *= 0xBF58476D1CE4E5B9ULL; z ^= z >> 27; z *= 0x94D049BB133111EBULL; return z ^ (z >> 31);
    }
    /* the inverse of mix64: a fork with a new seed replaces the seed's part of a stored stream */
    static inline uint64_t engine_unmix64(uint64_t z) {
        z ^= (z >> 31) ^ (z >> 62); z *= 0x319642B2D24D8EC3ULL; z ^= (z >> 27) ^ (z >> 54); z *= 0x96DE1B173F119089ULL;
        return z ^ (z >> 30) ^ (z >> 60);
    }
    static inline void engine_philox(uint32_t c[4], uint32_t k0, uint32_t k1) {
        for (int round = 0; round < 10; round++) {
            uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
            uint32_t n0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
            c[1] = (uint32_t)p1; c[3] = (uint32_t)p0; c[0] = n0; c[2] = n2;
            k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
        }
    }
    """
    uint64_t GOLDEN "ENGINE_GOLDEN"
    uint64_t mix64 "engine_mix64"(uint64_t) noexcept nogil
    uint64_t unmix64 "engine_unmix64"(uint64_t) noexcept nogil
    void philox "engine_philox"(uint32_t*, uint32_t, uint32_t) noexcept nogil

# What a draw is for. Numbers are part of the reproducibility promise: never reuse one.
cdef enum Purpose:
    PURPOSE_POPULATION = 1   # a member's parameters; k counts the parameters
    PURPOSE_LATENCY = 2      # an order's way to the venue
    PURPOSE_WAKE = 3         # when to look again
    PURPOSE_SIDE = 4
    PURPOSE_QTY = 5
    PURPOSE_NOTICE = 6       # a notice's way back from the venue
    PURPOSE_PICTURE = 7      # the way of what an agent sees when it wakes
    PURPOSE_LIFE = 8         # when an order of a flow is cancelled
    PURPOSE_KIND = 9         # which of several things happens
    PURPOSE_PRICE = 10
    PURPOSE_PYTHON = 11      # whatever a Python agent asks for
    PURPOSE_PUBLICATION = 12  # how late a published price is
    PURPOSE_ADL = 13         # where ADL without a ranking begins
    PURPOSE_TRANSFER = 14    # how long a transfer is on its way
    PURPOSE_VALIDATION = 101     # the laws of engine.validation


cdef inline uint64_t fnv1a64(const unsigned char* data, Py_ssize_t length) noexcept nogil:
    cdef uint64_t h = <uint64_t>0xCBF29CE484222325
    cdef Py_ssize_t i
    for i in range(length):
        h = (h ^ data[i]) * <uint64_t>0x100000001B3
    return h


cdef inline uint64_t stream_of(uint64_t seed, uint64_t id_key) noexcept nogil:
    return mix64(mix64(seed + GOLDEN) ^ id_key)


cdef inline uint64_t draw_bits_on(uint64_t stream, int64_t purpose, time_ms_t time_ms, uint32_t k, uint32_t subject) noexcept nogil:
    """64 bits: draw `k` of a purpose in a millisecond, about one of several subjects (R-3). Cannot fail."""
    cdef uint64_t key = mix64(stream + <uint64_t>purpose * GOLDEN)
    cdef uint32_t words[4]
    words[0] = <uint32_t>time_ms
    words[1] = <uint32_t>(<uint64_t>time_ms >> 32)
    words[2] = k
    words[3] = subject
    philox(words, <uint32_t>key, <uint32_t>(key >> 32))
    return words[0] | (<uint64_t>words[1] << 32)


cdef inline uint64_t draw_bits(uint64_t stream, int64_t purpose, time_ms_t time_ms, uint32_t k) noexcept nogil:
    """64 bits: draw `k` of a purpose in a millisecond (R-3). Cannot fail."""
    return draw_bits_on(stream, purpose, time_ms, k, 0)


cdef inline double uniform01(uint64_t bits) noexcept nogil:
    return (<double>(bits >> 12) + 0.5) * UNIFORM_STEP


cdef inline uint64_t integer_below(uint64_t bits, uint64_t n) noexcept nogil:
    return mul_high(bits, n)


cdef inline double law_uniform(uint64_t bits, double a, double b) noexcept nogil:
    return a + (b - a) * uniform01(bits)


cdef inline double law_exponential(uint64_t bits, double mean) noexcept nogil:
    return -mean * flog(uniform01(bits))


cdef inline double law_pareto(uint64_t bits, double minimum, double alpha) noexcept nogil:
    return minimum * fexp(-flog(uniform01(bits)) / alpha)


cdef inline double law_lognormal(uint64_t bits, double median, double sigma) noexcept nogil:
    return median * fexp(sigma * normal_quantile(uniform01(bits)))


cdef inline int64_t round_down(double x) noexcept nogil:
    """floor(x), held within +-2^62 (a NaN gives 0)."""
    if x != x:
        return 0
    if x >= 4.6e18:
        return <int64_t>1 << 62
    if x <= -4.6e18:
        return -(<int64_t>1 << 62)
    return <int64_t>floor(x)


cdef inline int64_t round_half_up(double x) noexcept nogil:
    """floor(x + 0.5), held within +-2^62 (a NaN gives 0)."""
    return round_down(x + 0.5)
