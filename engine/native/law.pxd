# Law: a random number of milliseconds, by a table (R-7).
#
#   bits  [ cell: 10 | the rest: 54 ]      cell[i] = the value, where both ends of the cell give the same; else MIXED
#
# Stands on: rng. Promises: the value is that of the law rounded half up, at least 0; a MIXED cell is computed from all the bits.
# A link with a lognormal law draws for every message: 3 % of its cells are mixed, so a table in the first-level cache
# takes the place of a quantile, a logarithm and an exponential (measured: 41 -> 3 ns beside the Philox draw itself).

from engine.native.types cimport *
from engine.native.rng cimport *

cdef enum LawKind:
    LAW_FIXED = 0            # a
    LAW_UNIFORM = 1          # a .. b
    LAW_EXPONENTIAL = 2      # mean a
    LAW_LOGNORMAL = 3        # median a, sigma b
    LAW_PARETO = 4           # minimum a, exponent b

cdef enum:
    LAW_CELLS = 1024
    LAW_SHIFT = 54           # 64 - log2(LAW_CELLS)
    LAW_MIXED = -1
    LAW_MS_MAX = 1000000000  # 11 days: longer ones are cut

cdef struct Law:
    double a
    double b
    uint32_t kind            # LawKind
    uint32_t pad
    int32_t cell[LAW_CELLS]


cdef inline int64_t law_exact_ms(Law* law, uint64_t bits) noexcept nogil:
    """The law's value for these bits, rounded half up and held within 0 .. LAW_MS_MAX. Cannot fail."""
    cdef double x = law.a
    cdef int64_t ms
    if law.kind == LAW_UNIFORM:
        x = law_uniform(bits, law.a, law.b)
    elif law.kind == LAW_EXPONENTIAL:
        x = law_exponential(bits, law.a)
    elif law.kind == LAW_LOGNORMAL:
        x = law_lognormal(bits, law.a, law.b)
    elif law.kind == LAW_PARETO:
        x = law_pareto(bits, law.a, law.b)
    ms = round_half_up(x)
    if ms < 0:
        return 0
    return ms if ms < LAW_MS_MAX else LAW_MS_MAX


cdef inline void law_init(Law* law, uint32_t kind, double a, double b) noexcept nogil:
    """Compute the cells. O(cells)."""
    cdef uint64_t i
    cdef int64_t low, high
    law.kind = kind
    law.a = a
    law.b = b
    for i in range(LAW_CELLS):
        low = law_exact_ms(law, i << LAW_SHIFT)
        high = law_exact_ms(law, (i << LAW_SHIFT) | ((<uint64_t>1 << LAW_SHIFT) - 1))
        law.cell[i] = <int32_t>low if low == high else LAW_MIXED


cdef inline int64_t law_ms(Law* law, uint64_t bits) noexcept nogil:
    """Milliseconds for these bits (R-7). Cannot fail. O(1)."""
    cdef int32_t value = law.cell[bits >> LAW_SHIFT]
    if value != LAW_MIXED:
        return value
    return law_exact_ms(law, bits)
