# Integer arithmetic with named rounding, checked products, bit scans.
#
# Stands on: types. Promises: no undefined behaviour for any input; a divisor of zero gives 0 and never traps
# (callers validate divisors at the border); rounding is in the name. The only kernel file with bare C operators.

from engine.native.types cimport *

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    typedef __int128 engine_i128;
    static inline int engine_ctz64(uint64_t x) { return __builtin_ctzll(x); }
    static inline int engine_top_bit64(uint64_t x) { return 63 - __builtin_clzll(x); }
    static inline int engine_mul_overflows(int64_t a, int64_t b, int64_t *out) { return __builtin_mul_overflow(a, b, out); }
    static inline int engine_add_overflows(int64_t a, int64_t b, int64_t *out) { return __builtin_add_overflow(a, b, out); }
    /* a macro: gcc 12 takes a function that only prefetches for pure and deletes its calls */
    #define engine_prefetch(p) __builtin_prefetch((p), 1, 3)
    #define engine_keep() __asm__ volatile("")    /* in a function that does: its calls stay */
    static inline uint64_t engine_mul_high(uint64_t a, uint64_t b) { return (uint64_t)(((unsigned __int128)a * b) >> 64); }
    static inline uint64_t engine_per_million(uint64_t n) { return n / 1000000; }    /* the divisor known: no division is left */
    #define engine_unlikely(x) __builtin_expect(!!(x), 0)
    #define engine_likely(x) __builtin_expect(!!(x), 1)
    /* q = floor(a * b / c), c > 0; 1 if it does not fit */
    static inline int engine_mul_div_floor(int64_t a, int64_t b, int64_t c, int64_t *out) {
        if (c <= 0) { *out = 0; return 1; }
        engine_i128 n = (engine_i128)a * b, q = n / c;
        if (n % c < 0) q--;
        if (q > INT64_MAX || q < INT64_MIN) { *out = 0; return 1; }
        *out = (int64_t)q; return 0;
    }
    static inline int engine_mul_div_ceil(int64_t a, int64_t b, int64_t c, int64_t *out) {
        if (c <= 0) { *out = 0; return 1; }
        engine_i128 n = (engine_i128)a * b, q = n / c;
        if (n % c > 0) q++;
        if (q > INT64_MAX || q < INT64_MIN) { *out = 0; return 1; }
        *out = (int64_t)q; return 0;
    }
    /* q = floor(a * b * c / (d * e)), d, e > 0; |a * b * c| and d * e must fit in 127 bits; 1 if q does not fit */
    static inline int engine_mul3_div2_floor(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t *out) {
        if (d <= 0 || e <= 0) { *out = 0; return 1; }
        engine_i128 n = (engine_i128)a * b * c, m = (engine_i128)d * e, q = n / m;
        if (n % m < 0) q--;
        if (q > INT64_MAX || q < INT64_MIN) { *out = 0; return 1; }
        *out = (int64_t)q; return 0;
    }
    /* q = floor(a * b * c / (d * e + f)), d * e + f > 0; |a * b * c| and d * e + f must fit in 127 bits; 1 if q does not fit */
    static inline int engine_mul3_div_sum_floor(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t *out) {
        engine_i128 n = (engine_i128)a * b * c, m = (engine_i128)d * e + f, q;
        *out = 0;
        if (m <= 0) return 1;
        q = n / m;
        if (n % m < 0) q--;
        if (q > INT64_MAX || q < INT64_MIN) return 1;
        *out = (int64_t)q; return 0;
    }
    /* A 128-bit sum is kept as two words, so that a record that holds one needs no alignment of its own. */
    /* sum = floor(sum * a / c), c > 0; the product must fit in 127 bits */
    static inline void engine_wide_fade(int64_t *sum, int64_t a, int64_t c) {
        engine_i128 s, n;
        if (c <= 0) return;
        memcpy(&s, sum, 16);
        n = s * a; s = n / c;
        if (n % c < 0) s--;
        memcpy(sum, &s, 16);
    }
    static inline void engine_wide_add_product(int64_t *sum, int64_t a, int64_t b) {
        engine_i128 s;
        memcpy(&s, sum, 16);
        s += (engine_i128)a * b;
        memcpy(sum, &s, 16);
    }
    /* sum / c to the nearest whole number, half up; c > 0 */
    static inline int64_t engine_wide_ratio_nearest(const int64_t *sum, int64_t c) {
        engine_i128 s, n, d = (engine_i128)2 * c, q;
        if (c <= 0) return 0;
        memcpy(&s, sum, 16);
        n = 2 * s + c; q = n / d;
        if (n % d < 0) q--;
        return (int64_t)q;
    }
    /* round half up of 10^9 * exp(-a / b), 0 <= a, 0 < b: a Taylor series of exp(-x / 32) in units of 10^-18, squared five times.
       From 22 b on it is 0 (exp(-22) = 2.8 * 10^-10). */
    static inline int64_t engine_exp_ppb(int64_t a, int64_t b) {
        const engine_i128 one = (engine_i128)1000000000 * 1000000000;
        engine_i128 x, term = one, sum = one;
        if (b <= 0 || a / b >= 22) return 0;
        x = (engine_i128)a * one / b / 32;
        for (int k = 1; term > 0 && k < 40; k++) { term = term * x / one / k; sum += k & 1 ? -term : term; }
        for (int k = 0; k < 5; k++) sum = sum * sum / one;
        return (int64_t)((sum + 500000000) / 1000000000);
    }
    /* sign of a*b - c*d, exactly */
    static inline int engine_cmp_products(int64_t a, int64_t b, int64_t c, int64_t d) {
        engine_i128 x = (engine_i128)a * b, y = (engine_i128)c * d;
        return (x > y) - (x < y);
    }
    static inline int64_t engine_floor_div(int64_t a, int64_t b) {
        if (b <= 0) return 0;
        int64_t q = a / b; return (a % b < 0) ? q - 1 : q;
    }
    static inline int64_t engine_ceil_div(int64_t a, int64_t b) {
        if (b <= 0) return 0;
        int64_t q = a / b; return (a % b > 0) ? q + 1 : q;
    }
    """
    int ctz64 "engine_ctz64"(uint64_t) noexcept nogil             # lowest set bit; x != 0
    int top_bit64 "engine_top_bit64"(uint64_t) noexcept nogil     # highest set bit; x != 0
    bint mul_overflows "engine_mul_overflows"(int64_t, int64_t, int64_t*) noexcept nogil
    bint add_overflows "engine_add_overflows"(int64_t, int64_t, int64_t*) noexcept nogil
    void prefetch "engine_prefetch"(const void*) noexcept nogil
    void keep "engine_keep"() noexcept nogil
    uint64_t mul_high "engine_mul_high"(uint64_t, uint64_t) noexcept nogil
    # floor(n / 10^6). Cannot fail.
    uint64_t per_million "engine_per_million"(uint64_t) noexcept nogil
    bint unlikely "engine_unlikely"(bint) noexcept nogil
    bint likely "engine_likely"(bint) noexcept nogil
    # floor(a*b/c) and ceil(a*b/c) through 128 bits, c > 0. Return 1 (and 0 in *out) when the result does not fit.
    bint mul_div_floor "engine_mul_div_floor"(int64_t, int64_t, int64_t, int64_t*) noexcept nogil
    bint mul_div_ceil "engine_mul_div_ceil"(int64_t, int64_t, int64_t, int64_t*) noexcept nogil
    # floor(a*b*c/(d*e)), d, e > 0. Needs: |a*b*c| and d*e below 2^127. Returns 1 (and 0 in *out) when the result does not fit.
    bint mul3_div2_floor "engine_mul3_div2_floor"(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t*) noexcept nogil
    # floor(a*b*c/(d*e + f)), d*e + f > 0. Needs: |a*b*c| and d*e + f below 2^127. Returns 1 (and 0 in *out) when the result does not fit.
    bint mul3_div_sum_floor "engine_mul3_div_sum_floor"(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t*) noexcept nogil
    # A 128-bit sum in two words: sum = floor(sum*a/c); sum += a*b; sum / c to the nearest, half up. c > 0 (else unchanged, 0). Needs: what is
    # computed stays below 2^127, and the ratio in int64. Cannot fail.
    void wide_fade "engine_wide_fade"(int64_t*, int64_t, int64_t) noexcept nogil
    void wide_add_product "engine_wide_add_product"(int64_t*, int64_t, int64_t) noexcept nogil
    int64_t wide_ratio_nearest "engine_wide_ratio_nearest"(const int64_t*, int64_t) noexcept nogil
    # 10^9 * exp(-a/b), rounded half up, for a >= 0; divisor > 0 (0 otherwise). Cannot fail.
    int64_t exp_ppb "engine_exp_ppb"(int64_t, int64_t) noexcept nogil
    # sign of a*b - c*d through 128 bits. Cannot fail.
    int cmp_products "engine_cmp_products"(int64_t, int64_t, int64_t, int64_t) noexcept nogil
    # Divisor > 0 (0 otherwise). floor favours the payer, ceil the receiver. Cannot fail.
    int64_t floor_div "engine_floor_div"(int64_t, int64_t) noexcept nogil
    int64_t ceil_div "engine_ceil_div"(int64_t, int64_t) noexcept nogil


cdef inline int64_t min64(int64_t a, int64_t b) noexcept nogil:
    return a if a < b else b


cdef inline int64_t max64(int64_t a, int64_t b) noexcept nogil:
    return a if a > b else b


cdef inline int64_t abs64(int64_t a) noexcept nogil:
    return -a if a < 0 else a


cdef inline int64_t add_saturating(int64_t a, int64_t b) noexcept nogil:
    """a + b, held within +-2^62. Needs |a|, |b| <= 2^62."""
    cdef int64_t bound = <int64_t>1 << 62
    return min64(bound, max64(-bound, a + b)) if not ((a > 0 and b > bound - a) or (a < 0 and b < -bound - a)) else (
        bound if a > 0 else -bound)


cdef inline uint64_t next_pow2(uint64_t n) noexcept nogil:
    """Smallest power of two >= n (1 for 0). Needs n <= 2^63. Cannot fail."""
    cdef uint64_t p = 1
    while p < n:
        p <<= 1
    return p
