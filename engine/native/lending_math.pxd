# Lending: rates, indexes, scaled balances, health, and what a liquidation repays and seizes (Y-1 .. Y-14).
#
#   cash, debt --utilisation--> rate --linear step--> index --scaled * index--> claim (down), owed (up) --price--> health --> liquidation
#
# Stands on: arith, wide. Pure arithmetic without state: amounts, indexes and sums come in, numbers and a reason go out. Promises: every product
# is exact (128 bits, 256 where an index or two prices meet); nothing is written unless the reason is LENDING_OK. The caller has checked
# the ranges that the fields below name.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.wide cimport *

cdef extern from *:
    """
    #include <stdint.h>
    static const int64_t ENGINE_LENDING_ONE = 1000000000000000000;
    static const int64_t ENGINE_LENDING_YEAR_MS = 31536000000;
    static const int64_t ENGINE_LENDING_AMOUNT_MAX = (int64_t)1 << 61;
    static const int64_t ENGINE_LENDING_PRICE_MAX = (int64_t)1 << 52;
    static const int64_t ENGINE_LENDING_RATE_MAX = 9000000000000000000;
    static const int64_t ENGINE_LENDING_HELD_AT = (int64_t)1 << 62;
    static const int64_t ENGINE_LENDING_PER_PPM = 1000000000000;
    static const int64_t ENGINE_MORPHO_FACTOR_MAX = 1150000000000000000;
    """
    const int64_t LENDING_ONE "ENGINE_LENDING_ONE"                       # an index of 1, a share of all, a rate of 100 % a year
    const int64_t LENDING_YEAR_MS "ENGINE_LENDING_YEAR_MS"               # 365 days
    const int64_t LENDING_AMOUNT_MAX "ENGINE_LENDING_AMOUNT_MAX"         # of atoms, scaled or not, and of values
    const int64_t LENDING_PRICE_MAX "ENGINE_LENDING_PRICE_MAX"           # of a price and its unit
    const int64_t LENDING_RATE_MAX "ENGINE_LENDING_RATE_MAX"             # of the three rates of a curve together
    const int64_t LENDING_HELD_AT "ENGINE_LENDING_HELD_AT"               # what is told in ppm is held here (Y-7)
    const int64_t LENDING_PER_PPM "ENGINE_LENDING_PER_PPM"               # 10^-18 in a ppm
    const int64_t MORPHO_FACTOR_MAX "ENGINE_MORPHO_FACTOR_MAX"

cdef enum:
    LENDING_MILLION = 1000000
    LENDING_INDEX_BITS = 96          # an index is at most 2^96 (Y-1)
    MORPHO_CURSOR_PPM = 300000

# Why nothing was done.
cdef enum LendingReason:
    LENDING_OK = 0
    LENDING_TOO_LARGE = 1            # a result is beyond its bound
    LENDING_SHORT = 2                # more is asked for than there is
    LENDING_HEALTHY = 3              # no liquidation is due
    LENDING_NOTHING = 4              # nothing to repay, or nothing to seize
    LENDING_DUST = 5                 # too little would be left
    LENDING_CLOSED = 6               # the storefront sells nothing

cdef struct LendingCurve:            # rates of a year by utilisation (Y-2)
    int64_t base_ppm                 # at 0
    int64_t kink_ppm                 # 1 .. 10^6
    int64_t slope_ppm                # what the rate gains up to the kink
    int64_t steep_ppm                # what it gains from there to 1; the three rates together at most 9 * 10^6

cdef struct LendingPool:             # all suppliers and all borrowers of a reserve
    Wide supply_index                # 1 .. 2^96, 10^-18
    Wide borrow_index                # 1 .. 2^96, 10^-18
    int64_t scaled_supply            # 0 .. 2^61
    int64_t scaled_debt              # 0 .. 2^61

cdef struct LendingAmount:           # of an asset, with its price (Y-6)
    atoms_t atoms                    # 0 .. 2^61
    int64_t price                    # value atoms for `unit` atoms, 1 .. 2^52
    int64_t unit                     # 1 .. 2^52

cdef struct LendingHealth:           # of an account (Y-7)
    Wide weighted                    # sum of collateral value * threshold in ppm
    atoms_t collateral_value         # 0 .. 2^61
    atoms_t debt_value               # 0 .. 2^61

cdef struct LendingTerms:            # of a liquidation at Aave (Y-10)
    int64_t bonus_ppm                # 0 .. 10^6
    int64_t fee_ppm                  # the protocol's part of the bonus, 0 .. 10^6
    int64_t close_ppm                # of all debt, 0 .. 10^6
    int64_t full_below_ppm           # health at or below which all may be repaid, 0 .. 10^9
    atoms_t close_value_min          # below it, of debt or collateral, all may be repaid
    atoms_t left_value_min           # what must be left of both, or nothing of one

cdef struct Seizure:                 # what a liquidation does
    atoms_t repaid                   # of the debt
    atoms_t seized                   # of the collateral, with the fee
    atoms_t fee                      # of the collateral, to the protocol
    atoms_t deficit                  # debt that is left and never will be paid
    bint is_bare                     # no collateral is left anywhere

cdef struct Absorption:              # what absorb does, atoms of the base (Y-13)
    atoms_t credit                   # what the collateral counts
    atoms_t left                     # of it to the account, beyond its debt
    atoms_t loss                     # the reserves', of what it does not cover


# ---- wide numbers ----------------------------------------------------------------------------------------------------


cdef inline Wide wide_of(int64_t number) noexcept nogil:
    """A number of 0 and more."""
    return wide_product(<uint64_t>number, 1)


# a*b/c as an amount, rounded as asked. LENDING_TOO_LARGE beyond 2^61, and then 0 in *out.
cdef inline int lending_ratio(Wide a, Wide b, Wide c, bint up, int64_t* out) noexcept nogil:
    cdef Wide ratio
    out[0] = 0
    if wide_mul_div(a, b, c, up, &ratio) or wide_compare(ratio, wide_of(LENDING_AMOUNT_MAX)) > 0:
        return LENDING_TOO_LARGE
    out[0] = <int64_t>ratio.low
    return LENDING_OK


cdef inline bint index_fits(Wide index) noexcept nogil:
    """At most 2^96 (Y-1)."""
    cdef Wide most = Wide(low=0, high=<uint64_t>1 << (LENDING_INDEX_BITS - 64))
    return wide_compare(index, most) <= 0


# ---- rates and indexes -----------------------------------------------------------------------------------------------


# The part of a reserve that is lent, 10^-18, rounded up: 0 .. 10^18 (Y-2). Cannot fail.
cdef inline int64_t lending_utilisation_of(atoms_t cash, atoms_t debt) noexcept nogil:
    cdef int64_t utilisation
    mul_div_ceil(debt, LENDING_ONE, cash + debt, &utilisation)
    return utilisation


# Rate of a year, 10^-18, rounded up (Y-2). Cannot fail.
cdef inline int64_t lending_rate_of(const LendingCurve* curve, int64_t utilisation) noexcept nogil:
    cdef int64_t kink = curve.kink_ppm * LENDING_PER_PPM, gain
    if utilisation <= kink:
        mul_div_ceil(utilisation, curve.slope_ppm, curve.kink_ppm, &gain)
        return curve.base_ppm * LENDING_PER_PPM + gain
    mul_div_ceil(utilisation - kink, curve.steep_ppm, LENDING_MILLION - curve.kink_ppm, &gain)
    return (curve.base_ppm + curve.slope_ppm) * LENDING_PER_PPM + gain


# The linear step over dt_ms >= 0 (Y-3): *growth and *grown. LENDING_TOO_LARGE beyond the bound of an index.
cdef inline int index_step(Wide index, int64_t rate, int64_t dt_ms, bint up, Wide* growth, Wide* grown) noexcept nogil:
    cdef Wide time = wide_product(<uint64_t>rate, <uint64_t>dt_ms)
    cdef Wide year = wide_product(<uint64_t>LENDING_ONE, <uint64_t>LENDING_YEAR_MS)
    if wide_mul_div(index, time, year, up, growth) or wide_add(index, growth[0], grown) or not index_fits(grown[0]):
        return LENDING_TOO_LARGE
    return LENDING_OK


# Accrue interest over dt_ms (Y-4); *kept is the reserve's. Otherwise than LENDING_OK the pool is unchanged.
cdef inline int lending_accrue(LendingPool* pool, int64_t rate, int64_t dt_ms, int64_t reserve_ppm, atoms_t* kept) noexcept nogil:
    cdef Wide one = wide_of(LENDING_ONE), growth, borrow, risen, supply = pool.supply_index
    cdef atoms_t interest, claims
    kept[0] = 0
    if (index_step(pool.borrow_index, rate, dt_ms, True, &growth, &borrow)
            or lending_ratio(wide_of(pool.scaled_debt), growth, one, False, &interest)
            or lending_ratio(wide_of(pool.scaled_supply), supply, one, True, &claims)):
        return LENDING_TOO_LARGE
    if not claims:
        pool.borrow_index = borrow
        kept[0] = interest
        return LENDING_OK
    mul_div_ceil(interest, reserve_ppm, LENDING_MILLION, kept)
    if (wide_mul_div(supply, wide_of(interest - kept[0]), wide_of(claims), False, &risen) or wide_add(supply, risen, &supply)
            or not index_fits(supply)):
        kept[0] = 0
        return LENDING_TOO_LARGE
    pool.supply_index = supply
    pool.borrow_index = borrow
    return LENDING_OK


# ---- scaled balances -------------------------------------------------------------------------------------------------


# scaled * index: a claim rounded down, what is owed rounded up (Y-5). LENDING_TOO_LARGE beyond 2^61.
cdef inline int scaled_atoms(int64_t scaled, Wide index, bint up, atoms_t* out) noexcept nogil:
    return lending_ratio(wide_of(scaled), index, wide_of(LENDING_ONE), up, out)


# Add a deposit (`up` False) or a loan (True) to a scaled balance (Y-5). LENDING_TOO_LARGE: unchanged.
cdef inline int scaled_add(int64_t* scaled, Wide index, atoms_t atoms, bint up) noexcept nogil:
    cdef int64_t more
    cdef atoms_t claim
    if lending_ratio(wide_of(atoms), wide_of(LENDING_ONE), index, up, &more):
        return LENDING_TOO_LARGE
    more += scaled[0]
    if more > LENDING_AMOUNT_MAX or scaled_atoms(more, index, up, &claim):
        return LENDING_TOO_LARGE
    scaled[0] = more
    return LENDING_OK


# Take a withdrawal from a scaled supply; the whole claim leaves 0 (Y-5). LENDING_SHORT beyond the claim: unchanged.
cdef inline int scaled_withdraw(int64_t* scaled, Wide index, atoms_t atoms) noexcept nogil:
    cdef int64_t less
    cdef atoms_t claim
    cdef int reason = scaled_atoms(scaled[0], index, False, &claim)
    if reason:
        return reason
    if atoms > claim:
        return LENDING_SHORT
    if atoms == 0:
        return LENDING_OK
    less = scaled[0]
    if atoms < claim:
        lending_ratio(wide_of(atoms), wide_of(LENDING_ONE), index, True, &less)     # below the claim, so at most what is there
    scaled[0] -= less
    return LENDING_OK


# Take a repayment from a scaled debt, cut to what is owed: *paid (Y-5). LENDING_TOO_LARGE: unchanged.
cdef inline int scaled_repay(int64_t* scaled, Wide index, atoms_t atoms, atoms_t* paid) noexcept nogil:
    cdef int64_t less
    cdef atoms_t owed
    cdef int reason = scaled_atoms(scaled[0], index, True, &owed)
    paid[0] = 0
    if reason:
        return reason
    paid[0] = min64(atoms, owed)
    less = scaled[0]
    if paid[0] < owed:
        lending_ratio(wide_of(paid[0]), wide_of(LENDING_ONE), index, False, &less)
    scaled[0] -= less
    return LENDING_OK


# The supply index after suppliers have borne a loss (Y-12). LENDING_SHORT if they claim less: *index unchanged.
cdef inline int index_lose(Wide* index, int64_t scaled_supply, atoms_t loss) noexcept nogil:
    cdef atoms_t claims
    cdef int reason = scaled_atoms(scaled_supply, index[0], False, &claims)
    if reason:
        return reason
    if loss > claims:
        return LENDING_SHORT
    if loss:
        wide_mul_div(index[0], wide_of(claims - loss), wide_of(claims), False, index)
    return LENDING_OK


# ---- health ----------------------------------------------------------------------------------------------------------


# What an amount is worth: collateral rounded down, debt up (Y-6). LENDING_TOO_LARGE beyond 2^61.
cdef inline int lending_value(const LendingAmount* amount, bint up, atoms_t* out) noexcept nogil:
    return lending_ratio(wide_of(amount.atoms), wide_of(amount.price), wide_of(amount.unit), up, out)


# Count one collateral, with the threshold that holds for this account (Y-8: its e-mode's). LENDING_TOO_LARGE: unchanged.
cdef inline int health_add_collateral(LendingHealth* health, const LendingAmount* amount, int64_t threshold_ppm) noexcept nogil:
    cdef atoms_t value
    if lending_value(amount, False, &value) or value > LENDING_AMOUNT_MAX - health.collateral_value:
        return LENDING_TOO_LARGE
    health.collateral_value += value
    wide_add(health.weighted, wide_product(<uint64_t>value, <uint64_t>threshold_ppm), &health.weighted)
    return LENDING_OK


# Count one debt. LENDING_TOO_LARGE: unchanged.
cdef inline int health_add_debt(LendingHealth* health, const LendingAmount* amount) noexcept nogil:
    cdef atoms_t value
    if lending_value(amount, True, &value) or value > LENDING_AMOUNT_MAX - health.debt_value:
        return LENDING_TOO_LARGE
    health.debt_value += value
    return LENDING_OK


# Sign of the health factor minus `ppm` (Y-7). Cannot fail.
cdef inline int health_compare(const LendingHealth* health, int64_t ppm) noexcept nogil:
    return wide_compare(health.weighted, wide_product(<uint64_t>health.debt_value, <uint64_t>ppm))


# Health factor in ppm, rounded down, held at 2^62 (Y-7). Cannot fail.
cdef inline int64_t health_ppm(const LendingHealth* health) noexcept nogil:
    cdef Wide ratio
    if (wide_mul_div(health.weighted, wide_of(1), wide_of(health.debt_value), False, &ratio)
            or wide_compare(ratio, wide_of(LENDING_HELD_AT)) > 0):
        return LENDING_HELD_AT
    return <int64_t>ratio.low


# LTV in ppm, rounded up, held at 2^62 (Y-7). Cannot fail.
cdef inline int64_t health_ltv_ppm(const LendingHealth* health) noexcept nogil:
    cdef int64_t ratio
    if health.debt_value == 0:
        return 0
    if mul_div_ceil(health.debt_value, LENDING_MILLION, health.collateral_value, &ratio):
        return LENDING_HELD_AT
    return min64(ratio, LENDING_HELD_AT)


# How much more may be borrowed; the thresholds are loan-to-value ratios here (Y-8). Cannot fail.
cdef inline atoms_t health_room(const LendingHealth* health) noexcept nogil:
    cdef atoms_t most
    lending_ratio(health.weighted, wide_of(1), wide_of(LENDING_MILLION), False, &most)
    return max64(0, most - health.debt_value)


# The highest price of one collateral at which it is liquidated, held at 2^52; 0: none is (Y-9). Needs atoms, debt and threshold above 0.
cdef inline int64_t lending_price_of(atoms_t atoms, int64_t unit, atoms_t debt_value, int64_t threshold_ppm, bint at_or_below) noexcept nogil:
    cdef Wide value, price, million = wide_of(LENDING_MILLION)
    wide_mul_div(wide_of(debt_value), million, wide_of(threshold_ppm), not at_or_below, &value)
    if at_or_below:
        wide_add(value, wide_of(1), &value)          # the lowest value that is safe
    if (wide_mul_div(value, wide_of(unit), wide_of(atoms), True, &price)
            or wide_compare(price, wide_of(LENDING_PRICE_MAX)) > 0):
        return LENDING_PRICE_MAX
    return <int64_t>price.low - 1


# ---- Aave ------------------------------------------------------------------------------------------------------------


# An amount of the debt asset in atoms of the collateral, rounded down (Y-10). LENDING_TOO_LARGE beyond 2^61.
cdef inline int lending_exchange(const LendingAmount* paid, const LendingAmount* bought, atoms_t atoms, atoms_t* out) noexcept nogil:
    return lending_ratio(wide_product(<uint64_t>atoms, <uint64_t>paid.price), wide_of(bought.unit),
                         wide_product(<uint64_t>bought.price, <uint64_t>paid.unit), False, out)


# What of a debt may be repaid (Y-10), given the values of debt and collateral. Cannot fail.
cdef inline atoms_t aave_repayable(const LendingAmount* debt, const LendingHealth* health, const LendingTerms* terms,
                                   atoms_t owed_value, atoms_t held_value) noexcept nogil:
    cdef int64_t half
    cdef atoms_t most
    if min64(owed_value, held_value) < terms.close_value_min or health_compare(health, terms.full_below_ppm) <= 0:
        return debt.atoms
    mul_div_floor(health.debt_value, terms.close_ppm, LENDING_MILLION, &half)
    if mul_div_floor(half, debt.unit, debt.price, &most):
        return debt.atoms
    return min64(most, debt.atoms)


# What is seized for `out.repaid`; where that is more than there is, all of it, and what is repaid for that (Y-10). Cannot fail.
cdef inline void aave_seize(const LendingAmount* collateral, const LendingAmount* debt, int64_t bonus_ppm, Seizure* out) noexcept nogil:
    cdef int64_t factor_ppm = LENDING_MILLION + bonus_ppm
    cdef Wide price = wide_product(<uint64_t>debt.price, <uint64_t>collateral.unit)
    cdef atoms_t base
    if not (lending_exchange(debt, collateral, out.repaid, &base) or mul_div_floor(base, factor_ppm, LENDING_MILLION, &out.seized)
            or out.seized > collateral.atoms):
        return
    out.seized = collateral.atoms
    wide_mul_div(price, wide_of(factor_ppm), wide_of(1), False, &price)           # at most 2^125
    lending_ratio(wide_product(<uint64_t>collateral.atoms, <uint64_t>collateral.price),
                  wide_product(<uint64_t>debt.unit, LENDING_MILLION), price, True, &out.repaid)


# Whether something of both is left, and of one of them too little (Y-10). The values before fitted, so these do. Cannot fail.
cdef inline bint aave_leaves_dust(const LendingAmount* collateral, const LendingAmount* debt, const Seizure* seizure,
                                  atoms_t value_min) noexcept nogil:
    cdef LendingAmount held = collateral[0], owed = debt[0]
    cdef atoms_t held_value, owed_value
    held.atoms -= seizure.seized
    owed.atoms -= seizure.repaid
    if held.atoms == 0 or owed.atoms == 0:
        return False
    lending_value(&held, False, &held_value)
    lending_value(&owed, True, &owed_value)
    return min64(held_value, owed_value) < value_min


# Liquidate at Aave (Y-10): `cover` atoms of the debt are offered. Needs: both amounts are part of the health. O(1).
cdef inline int aave_liquidate(const LendingAmount* collateral, const LendingAmount* debt, atoms_t cover, const LendingHealth* health,
                               const LendingTerms* terms, Seizure* out) noexcept nogil:
    cdef Seizure seizure
    cdef atoms_t held_value, owed_value, without_bonus
    if lending_value(collateral, False, &held_value) or lending_value(debt, True, &owed_value):
        return LENDING_TOO_LARGE
    if health_compare(health, LENDING_MILLION) >= 0:
        return LENDING_HEALTHY
    seizure.repaid = min64(cover, aave_repayable(debt, health, terms, owed_value, held_value))
    if seizure.repaid == 0 or collateral.atoms == 0:
        return LENDING_NOTHING
    aave_seize(collateral, debt, terms.bonus_ppm, &seizure)
    if aave_leaves_dust(collateral, debt, &seizure, terms.left_value_min):
        return LENDING_DUST
    mul_div_floor(seizure.seized, LENDING_MILLION, LENDING_MILLION + terms.bonus_ppm, &without_bonus)
    mul_div_ceil(seizure.seized - without_bonus, terms.fee_ppm, LENDING_MILLION, &seizure.fee)
    seizure.is_bare = seizure.seized == collateral.atoms and held_value == health.collateral_value
    seizure.deficit = debt.atoms - seizure.repaid if seizure.is_bare else 0
    out[0] = seizure
    return LENDING_OK


# ---- Morpho ----------------------------------------------------------------------------------------------------------


# The liquidation incentive factor, 10^-18, rounded down (Y-12). Cannot fail.
cdef inline int64_t morpho_factor_of(int64_t lltv_ppm) noexcept nogil:
    cdef int64_t factor
    mul_div_floor(LENDING_ONE, LENDING_PER_PPM, LENDING_PER_PPM - MORPHO_CURSOR_PPM * (LENDING_MILLION - lltv_ppm), &factor)
    return min64(factor, MORPHO_FACTOR_MAX)


# Liquidate at Morpho (Y-12): `cover` atoms of the loan are offered; the collateral's price is in them. O(1).
cdef inline int morpho_liquidate(const LendingAmount* collateral, atoms_t owed, atoms_t cover, int64_t lltv_ppm, Seizure* out) noexcept nogil:
    cdef int64_t factor = morpho_factor_of(lltv_ppm)
    cdef atoms_t value, quoted, needed
    if lending_value(collateral, False, &value):
        return LENDING_TOO_LARGE
    if cmp_products(value, lltv_ppm, owed, LENDING_MILLION) >= 0:
        return LENDING_HEALTHY
    if collateral.atoms == 0:
        return LENDING_NOTHING
    out.repaid = min64(cover, owed)
    mul_div_floor(out.repaid, factor, LENDING_ONE, &quoted)
    if mul_div_floor(quoted, collateral.unit, collateral.price, &out.seized) or out.seized > collateral.atoms:
        out.seized = collateral.atoms
        mul_div_ceil(collateral.atoms, collateral.price, collateral.unit, &quoted)
        mul_div_ceil(quoted, LENDING_ONE, factor, &needed)
        out.repaid = min64(out.repaid, needed)
    out.fee = 0
    out.is_bare = out.seized == collateral.atoms
    out.deficit = owed - out.repaid if out.is_bare else 0
    return LENDING_OK


# ---- Compound v3, centralised loans ----------------------------------------------------------------------------------


# What a collateral counts when it is absorbed, in value atoms, rounded down (Y-13). The value has been counted in a health, so it fits.
cdef inline atoms_t comet_credit(const LendingAmount* amount, int64_t factor_ppm) noexcept nogil:
    cdef atoms_t value, credit
    lending_value(amount, False, &value)
    mul_div_floor(value, factor_ppm, LENDING_MILLION, &credit)
    return credit


# Absorb an account whose collateral counts `credit_value` in all, and whose one debt is in the health (Y-13). O(1).
cdef inline int comet_absorption(const LendingAmount* debt, const LendingHealth* health, atoms_t credit_value, Absorption* out) noexcept nogil:
    cdef atoms_t credit
    if health_compare(health, LENDING_MILLION) >= 0:
        return LENDING_HEALTHY
    if lending_ratio(wide_of(credit_value), wide_of(debt.unit), wide_of(debt.price), False, &credit):
        return LENDING_TOO_LARGE
    out.credit = credit
    out.left = max64(0, credit - debt.atoms)
    out.loss = max64(0, debt.atoms - credit)
    return LENDING_OK


# What a payment of the base buys at the storefront (Y-13). LENDING_SHORT: more than is held. O(1).
cdef inline int comet_buy(const LendingAmount* paid, const LendingAmount* held, int64_t store_front_ppm, int64_t factor_ppm,
                          atoms_t* out) noexcept nogil:
    cdef int64_t share = LENDING_PER_PPM - store_front_ppm * (LENDING_MILLION - factor_ppm)
    cdef atoms_t atoms
    out[0] = 0
    if (lending_exchange(paid, held, paid.atoms, &atoms) or mul_div_floor(atoms, LENDING_PER_PPM, share, &atoms)
            or atoms > held.atoms):
        return LENDING_SHORT
    out[0] = atoms
    return LENDING_OK


# 0, or 1 at or above the LTV of a margin call, 2 at or above that of liquidation (Y-14). Cannot fail.
cdef inline int loan_level_of(const LendingHealth* health, int64_t call_ppm, int64_t liquidation_ppm) noexcept nogil:
    cdef int level = 0
    if health.debt_value == 0:
        return 0
    level += cmp_products(health.debt_value, LENDING_MILLION, health.collateral_value, call_ppm) >= 0
    level += cmp_products(health.debt_value, LENDING_MILLION, health.collateral_value, liquidation_ppm) >= 0
    return level
