# Wide whole numbers: 128 bits as a value, up to 320 bits within a quotient.
#
#   a * b / c        a, c < 2^128, b < 2^64             one machine product where it fits, else three words by two
#   words / words    up to 5 words by up to 4           long division (Knuth, TAOCP 2, 4.3.1, algorithm D), words of 64 bits, low first
#
# Stands on: types. Promises: no undefined behaviour for any input; a divisor of zero and a quotient of more than 128 bits are told, never
# trapped; rounding is in the name. Every loop is bounded by the number of words.

from engine.native.types cimport *

cdef extern from *:
    """
    #include <stdint.h>
    typedef unsigned __int128 engine_u128;
    static inline uint64_t engine_low(engine_u128 a) { return (uint64_t)a; }
    static inline uint64_t engine_high(engine_u128 a) { return (uint64_t)(a >> 64); }
    static inline engine_u128 engine_joined(uint64_t low, uint64_t high) { return (engine_u128)high << 64 | low; }

    /* The normalised step of algorithm D: u (n + 1 words) / v (m >= 2 words, top bit set); u becomes the remainder. */
    static inline void engine_long_division(uint64_t *u, int n, const uint64_t *v, int m, uint64_t *q) {
        for (int j = n - m; j >= 0; j--) {
            engine_u128 top = engine_joined(u[j + m - 1], u[j + m]), guess, rest, borrow = 0, carry = 0;
            guess = u[j + m] >= v[m - 1] ? (engine_u128)UINT64_MAX : top / v[m - 1];
            rest = top - guess * v[m - 1];
            for (int k = 0; k < 2 && rest <= UINT64_MAX && guess * v[m - 2] > engine_joined(u[j + m - 2], (uint64_t)rest); k++) {
                guess--; rest += v[m - 1];
            }
            for (int i = 0; i < m; i++) {
                engine_u128 part = guess * v[i] + carry, less;
                carry = part >> 64;
                less = (engine_u128)u[i + j] - (uint64_t)part - borrow;
                u[i + j] = (uint64_t)less; borrow = less >> 64 & 1;
            }
            engine_u128 less = (engine_u128)u[j + m] - carry - borrow;
            u[j + m] = (uint64_t)less;
            if (less >> 64 & 1) {               /* one too many: give it back */
                guess--; carry = 0;
                for (int i = 0; i < m; i++) {
                    engine_u128 sum = (engine_u128)u[i + j] + v[i] + carry;
                    u[i + j] = (uint64_t)sum; carry = sum >> 64;
                }
                u[j + m] += (uint64_t)carry;
            }
            q[j] = (uint64_t)guess;
        }
    }
    /* out = a / b, up or down; a has n <= 5 words, b has m <= 4. 1 if b is 0 or the quotient does not fit. Out of line: gcc had
       copied it to 227 places (docs/decisions/0001). */
    static __attribute__((noinline)) int engine_words_ratio(const uint64_t *a, int n, const uint64_t *b, int m, int up, engine_u128 *out) {
        uint64_t u[6] = {0}, v[4] = {0}, q[6] = {0}, rest = 0;
        engine_u128 quotient;
        *out = 0;
        while (m > 0 && b[m - 1] == 0) m--;
        while (n > 0 && a[n - 1] == 0) n--;
        if (m == 0) return 1;
        if (m == 1) {
            for (int i = n - 1; i >= 0; i--) {
                engine_u128 top = engine_joined(a[i], rest);
                q[i] = (uint64_t)(top / b[0]); rest = (uint64_t)(top % b[0]);
            }
        } else if (n < m) {
            for (int i = 0; i < n; i++) rest |= a[i];
        } else {
            int shift = __builtin_clzll(b[m - 1]);
            for (int i = m - 1; i >= 0; i--) v[i] = b[i] << shift | (shift && i ? b[i - 1] >> (64 - shift) : 0);
            u[n] = shift ? a[n - 1] >> (64 - shift) : 0;
            for (int i = n - 1; i >= 0; i--) u[i] = a[i] << shift | (shift && i ? a[i - 1] >> (64 - shift) : 0);
            engine_long_division(u, n, v, m, q);
            for (int i = 0; i < m; i++) rest |= u[i];
        }
        if (q[2] | q[3] | q[4]) return 1;
        quotient = engine_joined(q[0], q[1]);
        if (up && rest) { if (quotient == ~(engine_u128)0) return 1; quotient++; }
        *out = quotient; return 0;
    }
    /* out = a * b, na + nb words */
    static inline void engine_words_product(const uint64_t *a, int na, const uint64_t *b, int nb, uint64_t *out) {
        for (int i = 0; i < na + nb; i++) out[i] = 0;
        for (int i = 0; i < na; i++) {
            uint64_t carry = 0;
            for (int j = 0; j < nb; j++) {
                engine_u128 sum = (engine_u128)a[i] * b[j] + out[i + j] + carry;
                out[i + j] = (uint64_t)sum; carry = (uint64_t)(sum >> 64);
            }
            out[i + nb] = carry;
        }
    }
    static inline int engine_u128_mul_div(engine_u128 a, uint64_t b, engine_u128 c, int up, engine_u128 *out) {
        engine_u128 n, high;
        uint64_t words[3], by[2];
        if (c == 0) { *out = 0; return 1; }
        if (!__builtin_mul_overflow(a, (engine_u128)b, &n)) {
            *out = n / c + (up && n % c != 0);
            return 0;
        }
        n = (engine_u128)engine_low(a) * b; high = (engine_u128)engine_high(a) * b + engine_high(n);
        words[0] = engine_low(n); words[1] = engine_low(high); words[2] = engine_high(high);
        by[0] = engine_low(c); by[1] = engine_high(c);
        return engine_words_ratio(words, 3, by, 2, up, out);
    }
    /* floor(a * b / 2^128) */
    static inline engine_u128 engine_u128_mul_high(engine_u128 a, engine_u128 b) {
        uint64_t x[2] = {engine_low(a), engine_high(a)}, y[2] = {engine_low(b), engine_high(b)}, z[4];
        engine_words_product(x, 2, y, 2, z);
        return engine_joined(z[2], z[3]);
    }
    /* The same as a record of two words, which needs no alignment of its own. */
    typedef struct { uint64_t low, high; } engine_wide;
    static inline engine_u128 engine_wide_get(engine_wide a) { return engine_joined(a.low, a.high); }
    static inline engine_wide engine_wide_set(engine_u128 a) { engine_wide w = {engine_low(a), engine_high(a)}; return w; }
    static inline engine_wide engine_wide_product(uint64_t a, uint64_t b) { return engine_wide_set((engine_u128)a * b); }
    static inline int engine_wide_compare(engine_wide a, engine_wide b) {
        engine_u128 x = engine_wide_get(a), y = engine_wide_get(b);
        return (x > y) - (x < y);
    }
    static inline int engine_wide_add(engine_wide a, engine_wide b, engine_wide *out) {
        engine_u128 x = engine_wide_get(a), sum = x + engine_wide_get(b);
        *out = engine_wide_set(sum); return sum < x;
    }
    static inline int engine_wide_mul_div(engine_wide a, engine_wide b, engine_wide c, int up, engine_wide *out) {
        engine_u128 n, d = engine_wide_get(c), q = 0;
        int fault = 0;
        out->low = out->high = 0;
        if (d == 0) return 1;
        if (!__builtin_mul_overflow(engine_wide_get(a), engine_wide_get(b), &n)) {
            q = n / d + (up && n % d != 0);
        } else {
            uint64_t x[2] = {a.low, a.high}, y[2] = {b.low, b.high}, z[2] = {c.low, c.high}, words[4];
            engine_words_product(x, 2, y, 2, words);
            fault = engine_words_ratio(words, 4, z, 2, up, &q);
        }
        if (!fault) *out = engine_wide_set(q);
        return fault;
    }
    static inline uint64_t engine_u128_root(engine_u128 a) {
        engine_u128 root = 0;
        for (int bit = 63; bit >= 0; bit--) {
            engine_u128 more = root | (engine_u128)1 << bit;
            if (more * more <= a) root = more;
        }
        return (uint64_t)root;
    }
    """
    ctypedef unsigned long long u128_t "engine_u128"         # 128 bits; cast operands to it before they are multiplied
    uint64_t wide_low "engine_low"(u128_t) noexcept nogil
    uint64_t wide_high "engine_high"(u128_t) noexcept nogil
    u128_t wide_joined "engine_joined"(uint64_t low, uint64_t high) noexcept nogil
    # a * b / c, rounded up or down. Returns 1 (and 0 in *out) when c is 0 or the quotient does not fit.
    bint u128_mul_div "engine_u128_mul_div"(u128_t a, uint64_t b, u128_t c, bint up, u128_t* out) noexcept nogil
    # floor(a * b / 2^128). Cannot fail.
    u128_t u128_mul_high "engine_u128_mul_high"(u128_t, u128_t) noexcept nogil
    # A number of 128 bits as a record.
    ctypedef struct Wide "engine_wide":
        uint64_t low
        uint64_t high
    Wide wide_product "engine_wide_product"(uint64_t, uint64_t) noexcept nogil            # Cannot fail.
    int wide_compare "engine_wide_compare"(Wide, Wide) noexcept nogil                     # sign of a - b. Cannot fail.
    bint wide_add "engine_wide_add"(Wide, Wide, Wide*) noexcept nogil                     # 1 if the sum does not fit
    # a * b / c, rounded down, or up where the flag says so. 1 (and 0 in *out) if c is 0 or the result does not fit.
    bint wide_mul_div "engine_wide_mul_div"(Wide, Wide, Wide, bint, Wide*) noexcept nogil
    # floor(sqrt(a)). Cannot fail. 64 steps.
    uint64_t u128_root "engine_u128_root"(u128_t) noexcept nogil
    # Words, low first: out (na + nb words) = a * b; a (n <= 5) / b (m <= 4), rounded up or down, 1 as above.
    void words_product "engine_words_product"(const uint64_t* a, int na, const uint64_t* b, int nb, uint64_t* out) noexcept nogil
    bint words_ratio "engine_words_ratio"(const uint64_t* a, int n, const uint64_t* b, int m, bint up, u128_t* out) noexcept nogil
