# Draws for set-up and for the tests that compare with the reference.

from engine.native.fmath cimport fexp, flog
from engine.native.fmath cimport normal_quantile as native_quantile
from engine.native.rng cimport *


def exp(double x):
    """Return e to the power of x with the bits that the engine uses everywhere (rule R-6)."""
    return fexp(x)


def log(double x):
    """Return the natural logarithm with the bits that the engine uses everywhere (rule R-6)."""
    return flog(x)


def quantile(double p):
    """Return the standard normal quantile with the bits that the engine uses everywhere (rule R-6)."""
    return native_quantile(p)


cdef bytes border_name(object value, str field):
    """The UTF-8 bytes of a name."""
    if not isinstance(value, str):
        raise bad_input(field, "a string", value)
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise bad_input(field, "a string that UTF-8 can hold", value) from None


def member_key(population, ordinal):
    """Return the key of one member of a population (rule R-2).

    Parameters
    ----------
    population : str
        Name of the population.
    ordinal : int
        The member's place in it, from 0.

    Returns
    -------
    int
        64 bits.
    """
    cdef bytes name = border_name(population, "population")
    cdef uint64_t place = <uint64_t>border_int(ordinal, "ordinal", 0, INT64_MAX_)
    return mix64(fnv1a64(name, len(name)) + place * GOLDEN)


cdef uint64_t border_word(object value, str field) except? 1:
    """Any integer mod 2^64."""
    if isinstance(value, (bool, float)) or not hasattr(value, "__index__"):
        raise bad_input(field, "an integer", value)
    return value.__index__() & 0xFFFFFFFFFFFFFFFF


def draw(seed, key, purpose, time_ms, k):
    """Return 64 bits of the keyed generator (rule R-3).

    Parameters
    ----------
    seed, key : int
        The run's seed and a `member_key`.
    purpose, time_ms, k : int
        What the draw is for, when, and the how-manieth (from 0).

    Returns
    -------
    int
        64 bits.
    """
    return draw_bits(stream_of(border_word(seed, "seed"), border_word(key, "key")), border_int(purpose, "purpose", 0, INT64_MAX_),
                     border_int(time_ms, "time_ms", 0, INT64_MAX_), <uint32_t>border_int(k, "k", 0, 0xFFFFFFFF))


cdef tuple _DRAWN_LAWS = ("uniform", "lognormal", "pareto", "exponential")


def draw_law(law, first, second, seed, population, count, k):
    """Draw one number of a law for each member of a population (rule R-5).

    Parameters
    ----------
    law : str
        ``uniform`` (low, high), ``lognormal`` (median, sigma), ``pareto`` (minimum, alpha) or ``exponential`` (mean, unused).
    first, second : float
        Its parameters.
    seed : int
        The run's seed.
    population : str
        Name of the population.
    count : int
        Members.
    k : int
        Which of the members' parameters this is.

    Returns
    -------
    list of float
        One per member, in order.

    Notes
    -----
    O(count).
    """
    cdef uint64_t run_seed = border_word(seed, "seed"), bits
    cdef uint32_t which = <uint32_t>border_int(k, "k", 0, 0xFFFFFFFF)
    cdef int64_t i, n = border_int(count, "count", 0, 0x7FFFFFFF)
    cdef bytes name = border_name(population, "population")
    cdef double a = border_float(first, "first", -1e300, 1e300), b = border_float(second, "second", -1e300, 1e300)
    cdef uint64_t base = fnv1a64(name, len(name))
    cdef list values = []
    for i in range(n):
        bits = draw_bits(stream_of(run_seed, mix64(base + <uint64_t>i * GOLDEN)), PURPOSE_POPULATION, 0, which)
        if law == "uniform":
            values.append(law_uniform(bits, a, b))
        elif law == "lognormal":
            values.append(law_lognormal(bits, a, b))
        elif law == "pareto":
            values.append(law_pareto(bits, a, b))
        elif law == "exponential":
            values.append(law_exponential(bits, a))
        else:
            raise bad_input("law", "uniform, lognormal, pareto or exponential", law)
    return values


def draw_column(law, first, second, seed, population, start, count, k):
    """Draw one number of a law for members of a population, as a column (rule R-5): `draw_law` for very many.

    Parameters
    ----------
    law, first, second, seed, population, k
        As for `draw_law`.
    start, count : int
        The first member's ordinal, and how many.

    Returns
    -------
    ColumnTable
        ``value``, float64, in order.

    Notes
    -----
    O(count).
    """
    cdef uint64_t run_seed = border_word(seed, "seed"), bits
    cdef uint32_t which = <uint32_t>border_int(k, "k", 0, 0xFFFFFFFF)
    cdef int64_t i, begin = border_int(start, "start", 0, 0x7FFFFFFF), n = border_int(count, "count", 0, 0x7FFFFFFF)
    cdef bytes name = border_name(population, "population")
    cdef double a = border_float(first, "first", -1e300, 1e300), b = border_float(second, "second", -1e300, 1e300), value
    cdef uint64_t base = fnv1a64(name, len(name))
    cdef uint8_t width = 8
    cdef Table table
    if law not in _DRAWN_LAWS:
        raise bad_input("law", "uniform, lognormal, pareto or exponential", law)
    cdef int kind = _DRAWN_LAWS.index(law)
    open_table(&table, &width, 1, n)
    with nogil:
        for i in range(n):
            bits = draw_bits(stream_of(run_seed, mix64(base + <uint64_t>(begin + i) * GOLDEN)), PURPOSE_POPULATION, 0, which)
            if kind == 0:
                value = law_uniform(bits, a, b)
            elif kind == 1:
                value = law_lognormal(bits, a, b)
            elif kind == 2:
                value = law_pareto(bits, a, b)
            else:
                value = law_exponential(bits, a)
            (<double*>table_cell(&table, i, 0))[0] = value
    return adopt_table(&table, ("value",), ("f8",))
