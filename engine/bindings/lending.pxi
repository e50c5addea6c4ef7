# Lending arithmetic: the functions of rules Y-1 .. Y-14 on Python's integers. Nothing here has state.

from engine.native.lending_math cimport *


# An unsigned integer of up to 128 bits.
cdef Wide border_wide(object value, str field, object low, object high) except *:
    cdef str expected = f"an integer between {low} and {high}"
    cdef uint64_t low_word, high_word
    if isinstance(value, (bool, float)):
        raise bad_input(field, expected, value)
    try:
        number = value.__index__()
    except (AttributeError, TypeError):
        raise bad_input(field, expected, value) from None
    if not low <= number <= high:
        raise bad_input(field, expected, value)
    low_word, high_word = number & 0xFFFFFFFFFFFFFFFF, number >> 64
    return Wide(low=low_word, high=high_word)


cdef object wide_int(Wide number):
    """The integer."""
    return (<object>number.high << 64) | number.low


cdef Wide border_index(object value, str field) except *:
    return border_wide(value, field, 1, <object>1 << LENDING_INDEX_BITS)     # an object: C has no number of 96 bits


cdef inline int64_t border_atoms(object value, str field) except? -1:
    return border_int(value, field, 0, LENDING_AMOUNT_MAX)


cdef inline int64_t border_ppm(object value, str field) except? -1:
    return border_int(value, field, 0, LENDING_MILLION)


cdef object too_large(str field, str what):
    """The error for a result beyond its bound."""
    return bad_input(field, f"{what} within its bound (Y-1, Y-5, Y-6)", "more")


cdef tuple border_row(object value, str field, int count):
    if not isinstance(value, tuple) or len(value) != count:
        raise bad_input(field, f"a tuple of {count} integers", value)
    return <tuple>value


cdef LendingAmount border_amount(object value, str field, int count=3) except *:
    """The first three of a tuple of `count`: atoms, price, unit."""
    cdef tuple row = border_row(value, field, count)
    cdef LendingAmount amount
    amount.atoms = border_atoms(row[0], f"{field}.atoms")
    amount.price = border_int(row[1], f"{field}.price", 1, LENDING_PRICE_MAX)
    amount.unit = border_int(row[2], f"{field}.unit", 1, LENDING_PRICE_MAX)
    return amount


cdef LendingHealth border_health(object value) except *:
    cdef tuple row = border_row(value, "health", 3)
    cdef LendingHealth health
    health.collateral_value = border_atoms(row[0], "health.collateral_value")
    health.weighted = border_wide(row[1], "health.weighted", 0, LENDING_AMOUNT_MAX * <object>LENDING_MILLION)
    health.debt_value = border_atoms(row[2], "health.debt_value")
    return health


cdef object lending_reason(int reason):
    """The word for a refusal, None where there was none."""
    return (None, "too_large", "short", "healthy", "nothing", "dust", "closed")[reason]


# ---- rates and indexes ----


def lending_utilisation(cash, debt):
    """Return the part of a reserve that is lent, in 10**-18, rounded up (rule Y-2).

    Parameters
    ----------
    cash, debt : int
        What is there and what is lent, atoms, 0 .. 2**61.

    Returns
    -------
    int
        0 .. 10**18.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> from engine._core import lending_utilisation
    >>> lending_utilisation(30, 70)
    700000000000000000
    """
    return lending_utilisation_of(border_atoms(cash, "cash"), border_atoms(debt, "debt"))


def lending_rate(utilisation, base_ppm, kink_ppm, slope_ppm, steep_ppm):
    """Return the rate of a year at a utilisation, in 10**-18, rounded up (rule Y-2).

    Parameters
    ----------
    utilisation : int
        In 10**-18.
    base_ppm, slope_ppm, steep_ppm : int
        Rate at 0, and what it gains up to the kink and from there to 1, ppm; 9 * 10**6 together at most.
    kink_ppm : int
        Where it bends, ppm, 1 .. 10**6.

    Returns
    -------
    int

    Raises
    ------
    InputError
        Something is out of its bounds.

    Notes
    -----
    O(1). Source: Aave's interest rate strategy.

    Examples
    --------
    >>> from engine._core import lending_rate
    >>> lending_rate(950_000 * 10**12, 0, 920_000, 65_000, 350_000) / 10**18
    0.19625
    """
    cdef LendingCurve curve
    cdef int64_t used = border_int(utilisation, "utilisation", 0, LENDING_ONE), rate_max = floor_div(LENDING_RATE_MAX, LENDING_PER_PPM)
    curve.base_ppm = border_int(base_ppm, "base_ppm", 0, rate_max)
    curve.kink_ppm = border_int(kink_ppm, "kink_ppm", 1, LENDING_MILLION)
    curve.slope_ppm = border_int(slope_ppm, "slope_ppm", 0, rate_max)
    curve.steep_ppm = border_int(steep_ppm, "steep_ppm", 0, rate_max)
    if curve.base_ppm + curve.slope_ppm + curve.steep_ppm > rate_max:
        raise bad_input("steep_ppm", f"rates of at most {rate_max} ppm together", curve.base_ppm + curve.slope_ppm + curve.steep_ppm)
    return lending_rate_of(&curve, used)


def lending_grown(index, rate, dt_ms, up):
    """Return an index after one linear step (rule Y-3).

    Parameters
    ----------
    index : int
        In 10**-18, 1 .. 2**96.
    rate : int
        Of a year, in 10**-18, 0 .. 9 * 10**18.
    dt_ms : int
        Milliseconds, 0 and more.
    up : bool
        Rounded up (a debt's) or down (a supply's).

    Returns
    -------
    int

    Raises
    ------
    InputError
        The index would pass 2**96, or something is out of its bounds.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> from engine._core import lending_grown
    >>> lending_grown(10**18, 5 * 10**16, 365 * 86_400_000, True)
    1050000000000000000
    """
    cdef Wide growth, grown
    cdef Wide wide = border_index(index, "index")
    cdef int64_t yearly = border_int(rate, "rate", 0, LENDING_RATE_MAX), span = border_int(dt_ms, "dt_ms", 0, INT64_MAX_)
    if index_step(wide, yearly, span, border_bool(up, "up"), &growth, &grown):
        raise too_large("dt_ms", "an index")
    return wide_int(grown)


def lending_accrued(supply_index, borrow_index, scaled_supply, scaled_debt, rate, dt_ms, reserve_ppm):
    """Return both indexes of a reserve after an accrual, and what the reserve keeps (rule Y-4).

    Parameters
    ----------
    supply_index, borrow_index : int
        In 10**-18, 1 .. 2**96.
    scaled_supply, scaled_debt : int
        Of all suppliers and all borrowers, 0 .. 2**61.
    rate : int
        That borrowers pay in a year, in 10**-18.
    dt_ms : int
        Milliseconds since the last accrual.
    reserve_ppm : int
        What the reserve keeps of the interest, ppm.

    Returns
    -------
    tuple of int
        Supply index, borrow index, atoms kept.

    Raises
    ------
    InputError
        A result would be beyond its bound, or something is out of its bounds.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> from engine._core import lending_accrued
    >>> lending_accrued(10**18, 10**18, 1000, 800, 10**17, 365 * 86_400_000, 100_000)    # 80 of interest, 8 kept
    (1072000000000000000, 1100000000000000000, 8)
    """
    cdef LendingPool pool
    cdef atoms_t kept
    pool.supply_index = border_index(supply_index, "supply_index")
    pool.borrow_index = border_index(borrow_index, "borrow_index")
    pool.scaled_supply = border_atoms(scaled_supply, "scaled_supply")
    pool.scaled_debt = border_atoms(scaled_debt, "scaled_debt")
    cdef int64_t yearly = border_int(rate, "rate", 0, LENDING_RATE_MAX), span = border_int(dt_ms, "dt_ms", 0, INT64_MAX_)
    if lending_accrue(&pool, yearly, span, border_ppm(reserve_ppm, "reserve_ppm"), &kept):
        raise too_large("dt_ms", "an accrual")
    return wide_int(pool.supply_index), wide_int(pool.borrow_index), kept


def lending_after_loss(scaled, index, loss):
    """Return the supply index after suppliers have borne a loss, pro rata (rule Y-12).

    Parameters
    ----------
    scaled, index : int
        Of all suppliers.
    loss : int
        Atoms, at most what they claim.

    Returns
    -------
    int

    Raises
    ------
    InputError
        The loss is larger, or something is out of its bounds.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> from engine._core import lending_after_loss
    >>> lending_after_loss(1000, 10**18, 250)
    750000000000000000
    """
    cdef int64_t supply = border_atoms(scaled, "scaled")
    cdef Wide wide = border_index(index, "index")
    cdef int reason = index_lose(&wide, supply, border_atoms(loss, "loss"))
    if reason == LENDING_TOO_LARGE:
        raise too_large("scaled", "a claim")
    if reason == LENDING_SHORT:
        raise bad_input("loss", "at most what suppliers claim", loss)
    return wide_int(wide)


# ---- scaled balances ----


cdef object scaled_read(object scaled, object index, bint up):
    cdef int64_t balance = border_atoms(scaled, "scaled")
    cdef atoms_t atoms
    if scaled_atoms(balance, border_index(index, "index"), up, &atoms):
        raise too_large("scaled", "an amount")
    return atoms


cdef object scaled_more(object scaled, object index, object atoms, bint up):
    cdef int64_t balance = border_atoms(scaled, "scaled")
    cdef Wide wide = border_index(index, "index")
    if scaled_add(&balance, wide, border_atoms(atoms, "atoms"), up):
        raise too_large("atoms", "a balance")
    return balance


def lending_claim(scaled, index):
    """Return what a scaled supply may claim, atoms, rounded down (rule Y-5); arguments as for `lending_repay`."""
    return scaled_read(scaled, index, False)


def lending_owed(scaled, index):
    """Return what a scaled debt owes, atoms, rounded up (rule Y-5); arguments as for `lending_repay`."""
    return scaled_read(scaled, index, True)


def lending_deposit(scaled, index, atoms):
    """Return the scaled supply after a deposit (rule Y-5); arguments as for `lending_repay`."""
    return scaled_more(scaled, index, atoms, False)


def lending_borrow(scaled, index, atoms):
    """Return the scaled debt after a loan (rule Y-5); arguments as for `lending_repay`."""
    return scaled_more(scaled, index, atoms, True)


def lending_withdraw(scaled, index, atoms):
    """Return the scaled supply after a withdrawal; more than the claim raises InputError (rule Y-5). Arguments as for `lending_repay`."""
    cdef int64_t balance = border_atoms(scaled, "scaled")
    cdef Wide wide = border_index(index, "index")
    cdef int reason = scaled_withdraw(&balance, wide, border_atoms(atoms, "atoms"))
    if reason == LENDING_TOO_LARGE:
        raise too_large("scaled", "a claim")
    if reason == LENDING_SHORT:
        raise bad_input("atoms", "at most the claim", atoms)
    return balance


def lending_repay(scaled, index, atoms):
    """Return the scaled debt after a repayment, and what was paid: at most what is owed (rule Y-5).

    Parameters
    ----------
    scaled : int
        The balance, 0 .. 2**61.
    index : int
        In 10**-18, 1 .. 2**96.
    atoms : int
        0 .. 2**61.

    Returns
    -------
    tuple of int
        Scaled debt, atoms paid.

    Raises
    ------
    InputError
        A balance would be beyond its bound, or something is out of its bounds.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> from engine._core import lending_owed, lending_repay
    >>> lending_owed(333, 105 * 10**16), lending_repay(333, 105 * 10**16, 100), lending_repay(333, 105 * 10**16, 400)
    (350, (238, 100), (0, 350))
    """
    cdef int64_t balance = border_atoms(scaled, "scaled")
    cdef Wide wide = border_index(index, "index")
    cdef atoms_t paid
    if scaled_repay(&balance, wide, border_atoms(atoms, "atoms"), &paid):
        raise too_large("scaled", "a debt")
    return balance, paid


# ---- health ----


def lending_health(collateral, debts):
    """Return collateral value, value x threshold, and debt value of an account (rule Y-7).

    Parameters
    ----------
    collateral : sequence of (int, int, int, int)
        Atoms, price, unit - `price` value atoms for `unit` atoms - and liquidation threshold in ppm, for an account in an e-mode
        the mode's. With loan-to-value ratios instead, `lending_room` says what may be borrowed.
    debts : sequence of (int, int, int)
        Atoms, price, unit.

    Returns
    -------
    tuple of int
        Values in value atoms; the second one times 10**6.

    Raises
    ------
    InputError
        A value would pass 2**61, or a row is out of its bounds; it is named.

    Notes
    -----
    O(rows).

    Examples
    --------
    >>> from engine._core import lending_health, lending_health_ppm, lending_is_below, lending_ltv_ppm
    >>> health = lending_health([(1_000_000, 975, 1000, 920_000)], [(900_000, 1, 1)])
    >>> health, lending_health_ppm(health), lending_ltv_ppm(health), lending_is_below(health, 1_000_000)
    ((975000, 897000000000, 900000), 996666, 923077, True)
    """
    cdef LendingHealth health = LendingHealth(Wide(0, 0), 0, 0)
    cdef LendingAmount amount
    for row, given in enumerate(collateral):
        amount = border_amount(given, f"collateral[{row}]", 4)
        if health_add_collateral(&health, &amount, border_ppm(given[3], f"collateral[{row}].threshold_ppm")):
            raise too_large(f"collateral[{row}]", "a value")
    for row, given in enumerate(debts):
        amount = border_amount(given, f"debts[{row}]")
        if health_add_debt(&health, &amount):
            raise too_large(f"debts[{row}]", "a value")
    return health.collateral_value, wide_int(health.weighted), health.debt_value


def lending_health_ppm(health):
    """Return the health factor, ppm, rounded down and held at 2**62, which also means no debt (rule Y-7); of what `lending_health` returns."""
    cdef LendingHealth account = border_health(health)
    return health_ppm(&account)


def lending_ltv_ppm(health):
    """Return debt by collateral, ppm, rounded up and held at 2**62 (rule Y-7); of what `lending_health` returns."""
    cdef LendingHealth account = border_health(health)
    return health_ltv_ppm(&account)


def lending_is_below(health, ppm):
    """Tell exactly whether a health factor is below a bound in ppm; a liquidation begins below 10**6 (rule Y-7)."""
    cdef LendingHealth account = border_health(health)
    return health_compare(&account, border_int(ppm, "ppm", 0, 1000000000)) < 0


def lending_room(health):
    """Return how much more may be borrowed, value atoms, where `lending_health` was given loan-to-value ratios (rule Y-8)."""
    cdef LendingHealth account = border_health(health)
    return health_room(&account)


def lending_price(atoms, unit, debt_value, threshold_ppm, at_or_below):
    """Return the highest price at which an account with one collateral is liquidated, or a loan called (rule Y-9).

    Parameters
    ----------
    atoms, unit : int
        Of the collateral, and for how many of them the price is.
    debt_value : int
        Value atoms, 1 .. 2**61.
    threshold_ppm : int
        Liquidation threshold, or LTV of a loan's call, ppm, 1 .. 10**6.
    at_or_below : bool
        Whether equality counts.

    Returns
    -------
    int
        Held at 2**52; 0: no price is.

    Raises
    ------
    InputError
        Something is out of its bounds.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> from engine._core import lending_price
    >>> lending_price(17, 10, 10_000, 750_000, True)      # 1.7 coins; the call of a loan of 10,000
    7843
    """
    cdef int64_t held = border_int(atoms, "atoms", 1, LENDING_AMOUNT_MAX), of_price = border_int(unit, "unit", 1, LENDING_PRICE_MAX)
    cdef int64_t owed = border_int(debt_value, "debt_value", 1, LENDING_AMOUNT_MAX)
    cdef int64_t threshold = border_int(threshold_ppm, "threshold_ppm", 1, LENDING_MILLION)
    return lending_price_of(held, of_price, owed, threshold, border_bool(at_or_below, "at_or_below"))


# ---- liquidations ----


cdef LendingTerms border_terms(object value) except *:
    cdef tuple row = border_row(value, "terms", 6)
    cdef LendingTerms terms
    terms.bonus_ppm = border_ppm(row[0], "terms.bonus_ppm")
    terms.fee_ppm = border_ppm(row[1], "terms.fee_ppm")
    terms.close_ppm = border_ppm(row[2], "terms.close_ppm")
    terms.full_below_ppm = border_int(row[3], "terms.full_below_ppm", 0, 1000000000)
    terms.close_value_min = border_atoms(row[4], "terms.close_value_min")
    terms.left_value_min = border_atoms(row[5], "terms.left_value_min")
    return terms


def aave_liquidation(collateral, debt, cover, health, terms):
    """Return what a liquidation at Aave repays and seizes (rule Y-10).

    Parameters
    ----------
    collateral, debt : (int, int, int)
        Atoms, price, unit in the two reserves that the liquidator names.
    cover : int
        Debt that he offers to repay, atoms, 1 and more.
    health : (int, int, int)
        Of the whole account, from `lending_health`.
    terms : (int, int, int, int, int, int)
        Bonus, protocol fee of it, close factor, health at or below which all may be repaid (ppm); the two minimum values (value atoms).
        `engine.lending.AaveMarket.terms` makes them.

    Returns
    -------
    tuple
        Reason of a refusal or None, atoms repaid, seized (fee included), fee, deficit, and whether no collateral is left anywhere.

    Raises
    ------
    InputError
        Something is out of its bounds, or the health is not that of an account with these two.

    Notes
    -----
    O(1). Source: aave-v3-origin.

    Examples
    --------
    >>> from engine._core import aave_liquidation
    >>> health, terms = (975_000, 975_000 * 920_000, 900_000), (40_000, 100_000, 500_000, 950_000, 2_000, 1_000)
    >>> aave_liquidation((1_000_000, 975, 1000), (900_000, 1, 1), 900_000, health, terms)
    (None, 450000, 479999, 1847, 0, False)
    """
    cdef LendingAmount held = border_amount(collateral, "collateral"), owed = border_amount(debt, "debt")
    cdef atoms_t offered = border_int(cover, "cover", 1, LENDING_AMOUNT_MAX), held_value, owed_value
    cdef LendingHealth account = border_health(health)
    cdef LendingTerms agreed = border_terms(terms)
    cdef Seizure out = Seizure(0, 0, 0, 0, False)
    if lending_value(&held, False, &held_value):
        raise too_large("collateral", "a value")
    if lending_value(&owed, True, &owed_value):
        raise too_large("debt", "a value")
    if held_value > account.collateral_value or owed_value > account.debt_value:
        raise bad_input("health", "values of the whole account, these two among them", health)
    reason = lending_reason(aave_liquidate(&held, &owed, offered, &account, &agreed, &out))
    return reason, out.repaid, out.seized, out.fee, out.deficit, bool(out.is_bare)


def morpho_factor(lltv_ppm):
    """Return Morpho's liquidation incentive factor of a market, in 10**-18, rounded down (rule Y-12).

    Examples
    --------
    >>> from engine._core import morpho_factor
    >>> morpho_factor(385_000) / 10**18, round(morpho_factor(860_000) / 10**18, 4)
    (1.15, 1.0438)
    """
    return morpho_factor_of(border_ppm(lltv_ppm, "lltv_ppm"))


def morpho_liquidation(collateral, owed, cover, lltv_ppm):
    """Return what a liquidation at Morpho repays and seizes (rule Y-12).

    Parameters
    ----------
    collateral : (int, int, int)
        Atoms, price, unit; the price in atoms of the loan.
    owed, cover : int
        The debt, and what is offered of it (1 and more), atoms of the loan.
    lltv_ppm : int
        Liquidation LTV of the market, ppm.

    Returns
    -------
    tuple
        Reason of a refusal or None, atoms repaid, seized, bad debt.

    Raises
    ------
    InputError
        Something is out of its bounds.

    Notes
    -----
    O(1). Source: morpho-blue.

    Examples
    --------
    >>> from engine._core import morpho_liquidation
    >>> morpho_liquidation((1_000_000, 1, 1), 870_000, 100_000, 860_000)
    (None, 100000, 104384, 0)
    """
    cdef LendingAmount held = border_amount(collateral, "collateral")
    cdef atoms_t debt = border_atoms(owed, "owed"), offered = border_int(cover, "cover", 1, LENDING_AMOUNT_MAX)
    cdef Seizure out = Seizure(0, 0, 0, 0, False)
    cdef int reason = morpho_liquidate(&held, debt, offered, border_ppm(lltv_ppm, "lltv_ppm"), &out)
    if reason == LENDING_TOO_LARGE:
        raise too_large("collateral", "a value")
    return lending_reason(reason), out.repaid, out.seized, out.deficit


def comet_absorb(collateral, debt):
    """Return what an absorption at Compound v3 counts, leaves and loses (rule Y-13).

    Parameters
    ----------
    collateral : sequence of (int, int, int, int, int)
        All that the account has: atoms, price, unit, liquidation threshold and liquidation factor (ppm).
    debt : (int, int, int)
        Atoms, price, unit of the base.

    Returns
    -------
    tuple
        Reason of a refusal or None; credit, what is left to the account, loss of the reserves: atoms of the base.

    Raises
    ------
    InputError
        A value would be beyond its bound, or something is out of its bounds.

    Notes
    -----
    O(rows). Source: comet.

    Examples
    --------
    >>> from engine._core import comet_absorb
    >>> comet_absorb([(1000, 1, 1, 850_000, 930_000)], (900, 1, 1)), comet_absorb([(1000, 1, 1, 850_000, 930_000)], (950, 1, 1))
    ((None, 930, 30, 0), (None, 930, 0, 20))
    """
    cdef LendingHealth health = LendingHealth(Wide(0, 0), 0, 0)
    cdef LendingAmount amount
    cdef atoms_t credit_value = 0
    cdef int64_t threshold, factor
    cdef Absorption out = Absorption(0, 0, 0)
    for row, given in enumerate(collateral):
        amount = border_amount(given, f"collateral[{row}]", 5)
        threshold = border_ppm(given[3], f"collateral[{row}].threshold_ppm")
        factor = border_ppm(given[4], f"collateral[{row}].factor_ppm")
        if health_add_collateral(&health, &amount, threshold):
            raise too_large(f"collateral[{row}]", "a value")
        credit_value += comet_credit(&amount, factor)
    amount = border_amount(debt, "debt")
    if health_add_debt(&health, &amount):
        raise too_large("debt", "a value")
    cdef int reason = comet_absorption(&amount, &health, credit_value, &out)
    if reason == LENDING_TOO_LARGE:
        raise too_large("debt", "a credit")
    return lending_reason(reason), out.credit, out.left, out.loss


def comet_quote(paid, held, reserves, target, store_front_ppm, factor_ppm):
    """Return how much of a seized asset a payment buys at Compound v3's storefront (rule Y-13).

    Parameters
    ----------
    paid, held : (int, int, int)
        Atoms, price, unit of the payment in the base, and of what the protocol has of the asset.
    reserves, target : int
        Reserves of the base, and from what on nothing is sold, atoms.
    store_front_ppm : int
        Part of the penalty that goes to the buyer, ppm.
    factor_ppm : int
        The asset's liquidation factor, ppm.

    Returns
    -------
    tuple
        ``"closed"``, ``"short"`` (more than there is) or None; atoms.

    Raises
    ------
    InputError
        Something is out of its bounds.

    Notes
    -----
    O(1). Source: comet.

    Examples
    --------
    >>> from engine._core import comet_quote
    >>> comet_quote((958, 1, 1), (5000, 1, 1), 0, 1, 600_000, 930_000)      # a discount of 4.2 %
    (None, 1000)
    """
    cdef LendingAmount payment = border_amount(paid, "paid"), asset = border_amount(held, "held")
    cdef atoms_t reserve = border_atoms(reserves, "reserves"), enough = border_atoms(target, "target"), atoms
    cdef int64_t store_front = border_ppm(store_front_ppm, "store_front_ppm"), factor = border_ppm(factor_ppm, "factor_ppm")
    if reserve >= enough:
        return lending_reason(LENDING_CLOSED), 0
    return lending_reason(comet_buy(&payment, &asset, store_front, factor, &atoms)), atoms


def loan_level(health, call_ppm, liquidation_ppm):
    """Return how a centralised loan stands: 0, 1 at a margin call, 2 at liquidation (rule Y-14).

    Parameters
    ----------
    health : (int, int, int)
        From `lending_health`, the debt with its interest.
    call_ppm, liquidation_ppm : int
        LTVs at or above which it is called and liquidated, ppm, the second not below the first.

    Returns
    -------
    int

    Raises
    ------
    InputError
        Something is out of its bounds.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> from engine._core import loan_level
    >>> [loan_level((worth, 0, 10_000), 750_000, 830_000) for worth in (13_334, 13_333, 12_048)]
    [0, 1, 2]
    """
    cdef LendingHealth account = border_health(health)
    cdef int64_t call = border_int(call_ppm, "call_ppm", 1, LENDING_MILLION)
    return loan_level_of(&account, call, border_int(liquidation_ppm, "liquidation_ppm", call, LENDING_MILLION))
