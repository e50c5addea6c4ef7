# Liquidations of lending protocols on Python's integers (Y-10 .. Y-14). Nothing here has state.

from engine.native.lending_math cimport *


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
    collateral : list or tuple of (int, int, int, int, int)
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
    for row, given in enumerate(border_rows(collateral, "collateral")):
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
