# exp, log and the normal quantile: the same bits on every machine (R-6).
#
# Stands on: types. Written in + - * / sqrt and exact exponent changes of IEEE doubles, in a fixed order; compiled with
# -ffp-contract=off, so nothing is fused. tests/unit/test_fmath.py compares bit by bit with engine/reference/fmath.py. Used by random
# laws and agents' decisions only, never for prices, quantities or money.

from libc.math cimport frexp, ldexp, sqrt

from engine.native.types cimport *

cdef extern from *:
    """
    #include <math.h>
    static const double ENGINE_EXP_SERIES[12] = {
        1.60590438368216133221e-10, 2.08767569878681001846e-09, 2.50521083854417202238e-08, 2.75573192239858882758e-07,
        2.75573192239858925110e-06, 2.48015873015873015658e-05, 1.98412698412698412526e-04, 1.38888888888888894189e-03,
        8.33333333333333321769e-03, 4.16666666666666643537e-02, 1.66666666666666657415e-01, 5.00000000000000000000e-01};
    static const double ENGINE_LOG_SERIES[11] = {
        8.69565217391304323683e-02, 9.52380952380952328085e-02, 1.05263157894736836262e-01, 1.17647058823529410106e-01,
        1.33333333333333331483e-01, 1.53846153846153854696e-01, 1.81818181818181823228e-01, 2.22222222222222209886e-01,
        2.85714285714285698425e-01, 4.00000000000000022204e-01, 6.66666666666666629659e-01};
    static const double ENGINE_QUANTILE_A[6] = {-3.969683028665376e01, 2.209460984245205e02, -2.759285104469687e02,
        1.383577518672690e02, -3.066479806614716e01, 2.506628277459239e00};
    static const double ENGINE_QUANTILE_B[5] = {-5.447609879822406e01, 1.615858368580409e02, -1.556989798598866e02,
        6.680131188771972e01, -1.328068155288572e01};
    static const double ENGINE_QUANTILE_C[6] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e00,
        -2.549732539343734e00, 4.374664141464968e00, 2.938163982698783e00};
    static const double ENGINE_QUANTILE_D[4] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e00,
        3.754408661907416e00};
    static const double ENGINE_LN2_HIGH = 6.93147180369123816490e-01, ENGINE_LN2_LOW = 1.90821492927058770002e-10;
    static const double ENGINE_INV_LN2 = 1.44269504088896338700e00, ENGINE_SQRT_HALF = 7.07106781186547524401e-01;
    static const double ENGINE_EXP_MAX = 7.09782712893383973096e02, ENGINE_EXP_MIN = -7.45133219101941108420e02;
    static const double ENGINE_TAIL = 0.02425, ENGINE_UNIFORM_STEP = 0x1p-52;
    static const double ENGINE_INF = INFINITY, ENGINE_NAN = NAN;
    """
    const double* EXP_SERIES "ENGINE_EXP_SERIES"
    const double* LOG_SERIES "ENGINE_LOG_SERIES"
    const double* QUANTILE_A "ENGINE_QUANTILE_A"
    const double* QUANTILE_B "ENGINE_QUANTILE_B"
    const double* QUANTILE_C "ENGINE_QUANTILE_C"
    const double* QUANTILE_D "ENGINE_QUANTILE_D"
    const double LN2_HIGH "ENGINE_LN2_HIGH"
    const double LN2_LOW "ENGINE_LN2_LOW"
    const double INV_LN2 "ENGINE_INV_LN2"
    const double SQRT_HALF "ENGINE_SQRT_HALF"
    const double EXP_MAX "ENGINE_EXP_MAX"
    const double EXP_MIN "ENGINE_EXP_MIN"
    const double QUANTILE_TAIL "ENGINE_TAIL"
    const double UNIFORM_STEP "ENGINE_UNIFORM_STEP"
    const double INF "ENGINE_INF"
    const double NAN_ "ENGINE_NAN"


cdef inline double horner(const double* coefficients, int count, double x) noexcept nogil:
    cdef double total = coefficients[0]
    cdef int i
    for i in range(1, count):
        total = total * x + coefficients[i]
    return total


cdef inline double fexp(double x) noexcept nogil:
    """e to the power of x; infinite above 709.78, 0 below -745.13."""
    cdef double half, r_high, r_low, r, lost, tail
    cdef int k
    if x != x:
        return x
    if x > EXP_MAX:
        return INF
    if x < EXP_MIN:
        return 0.0
    half = 0.5 if x >= 0.0 else -0.5
    k = <int>(x * INV_LN2 + half)
    r_high = x - k * LN2_HIGH
    r_low = k * LN2_LOW
    r = r_high - r_low
    lost = (r_high - r) - r_low
    tail = r * r * horner(EXP_SERIES, 12, r) + lost
    return ldexp(1.0 + (r + tail), k)


cdef inline double flog(double x) noexcept nogil:
    """Natural logarithm; -inf at 0, NaN below."""
    cdef double m, f, s, z, remainder
    cdef int e = 0
    if x != x or x == INF:
        return x
    if x < 0.0:
        return NAN_
    if x == 0.0:
        return -INF
    m = frexp(x, &e)
    if m < SQRT_HALF:
        m = m + m
        e = e - 1
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    remainder = z * horner(LOG_SERIES, 11, z)
    return e * LN2_HIGH - ((s * (f - remainder) - e * LN2_LOW) - f)


cdef inline double quantile_tail(double p) noexcept nogil:
    cdef double q = sqrt(-2.0 * flog(p))
    return horner(QUANTILE_C, 6, q) / (horner(QUANTILE_D, 4, q) * q + 1.0)


cdef inline double normal_quantile(double p) noexcept nogil:
    """x such that a standard normal number is below x with probability p (Acklam); NaN outside 0 .. 1."""
    cdef double q, r
    if not (p >= 0.0 and p <= 1.0):
        return NAN_
    if p == 0.0:
        return -INF
    if p == 1.0:
        return INF
    if p < QUANTILE_TAIL:
        return quantile_tail(p)
    if p > 1.0 - QUANTILE_TAIL:
        return -quantile_tail(1.0 - p)
    q = p - 0.5
    r = q * q
    return horner(QUANTILE_A, 6, r) * q / (horner(QUANTILE_B, 5, r) * r + 1.0)
