# Lending arithmetic: rates, indexes, scaled balances and health on Python's integers (Y-1 .. Y-9). Nothing here has state.

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


cdef object border_rows(object value, str field):
    if not isinstance(value, (list, tuple)):
        raise bad_input(field, "a list or tuple of rows", value)
    return value


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
    collateral : list or tuple of (int, int, int, int)
        Atoms, price, unit - `price` value atoms for `unit` atoms - and liquidation threshold in ppm, for an account in an e-mode
        the mode's. With loan-to-value ratios instead, `lending_room` says what may be borrowed.
    debts : list or tuple of (int, int, int)
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
    for row, given in enumerate(border_rows(collateral, "collateral")):
        amount = border_amount(given, f"collateral[{row}]", 4)
        if health_add_collateral(&health, &amount, border_ppm(given[3], f"collateral[{row}].threshold_ppm")):
            raise too_large(f"collateral[{row}]", "a value")
    for row, given in enumerate(border_rows(debts, "debts")):
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
