"""Liquidations of lending protocols as a readable program (rules Y-10, Y-12 .. Y-14).

Stands on `lending`. Promises: what is refused comes back as a reason, ``None`` if it went through, and then nothing
else is set; the same numbers as the native functions of these names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.reference.inputs import IntRange, checked_int
from engine.reference.lending import (
    AMOUNT,
    AMOUNT_MAX,
    MILLION,
    ONE,
    SHARE,
    Amount,
    Health,
    bounded,
    ceil_div,
    checked_amount,
    checked_health,
    checked_row,
    checked_rows,
    collateral_value,
    debt_value,
    lending_is_below,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_COVER = IntRange(1, AMOUNT_MAX)
MORPHO_CURSOR_PPM = 300_000
MORPHO_FACTOR_MAX = 115 * ONE // 100
_TERMS = ("bonus_ppm", "fee_ppm", "close_ppm", "full_below_ppm", "close_value_min", "left_value_min")

Seizure = tuple[str | None, int, int, int, int, bool]
"""Reason, repaid, seized with the fee, fee, deficit, whether the account is bare."""


def aave_liquidation(
    collateral: Amount, debt: Amount, cover: int, health: Health, terms: tuple[int, int, int, int, int, int]
) -> Seizure:
    """Return what a liquidation repays and seizes at Aave (Y-10).

    Parameters
    ----------
    collateral, debt : (atoms, price, unit)
        Of the account, in the two reserves that the liquidator names.
    cover : int
        Debt that he offers to repay, atoms.
    health : (collateral value, value * threshold, debt value)
        Of the whole account.
    terms : tuple of int
        Bonus and protocol fee (ppm), close factor (ppm), health at or below which all may be repaid (ppm), the two
        minimum values.

    Examples
    --------
    >>> health = (975_000, 975_000 * 920_000, 900_000)
    >>> terms = (40_000, 100_000, 500_000, 950_000, 2_000, 1_000)
    >>> aave_liquidation((1_000_000, 975, 1000), (900_000, 1, 1), 900_000, health, terms)
    (None, 450000, 479999, 1847, 0, False)
    """
    collateral, debt = checked_amount("collateral", collateral), checked_amount("debt", debt)
    cover = checked_int("cover", cover, _COVER)
    health = checked_health("health", health)
    bonus, fee_ppm, close, full_below, close_min, left_min = _checked_terms(terms)
    worth, owed = collateral_value("collateral", collateral), debt_value("debt", debt)
    if worth > health[0] or owed > health[2]:
        raise InputError("health", "values of the whole account, these two among them", health)
    if not lending_is_below(health, MILLION):
        return _refused("healthy")
    most = debt[0]
    above = health[1] > full_below * health[2]
    if above and worth >= close_min and owed >= close_min:
        most = min(most, health[2] * close // MILLION * debt[2] // debt[1])
    repaid = min(cover, most)
    if not repaid or not collateral[0]:
        return _refused("nothing")
    repaid, seized = _aave_seized(collateral, debt, repaid, MILLION + bonus)
    left, kept = (debt[0] - repaid, *debt[1:]), (collateral[0] - seized, *collateral[1:])
    if left[0] and kept[0] and min(debt_value("debt", left), collateral_value("collateral", kept)) < left_min:
        return _refused("dust")
    fee = ceil_div((seized - seized * MILLION // (MILLION + bonus)) * fee_ppm, MILLION)
    is_bare = not kept[0] and worth == health[0]
    return None, repaid, seized, fee, left[0] if is_bare else 0, is_bare


def _aave_seized(collateral: Amount, debt: Amount, cover: int, factor_ppm: int) -> tuple[int, int]:
    """Return what is repaid and what is seized for it, at most all of the collateral."""
    held, price, unit = collateral
    _, debt_price, debt_unit = debt
    base = cover * debt_price * unit // (price * debt_unit)
    seized = base * factor_ppm // MILLION
    if seized <= held:
        return cover, seized
    return ceil_div(held * price * debt_unit * MILLION, debt_price * unit * factor_ppm), held


def _checked_terms(terms: tuple[int, ...]) -> list[int]:
    bounds = [SHARE] * 3 + [IntRange(0, 10**9)] + [AMOUNT] * 2
    given = zip(_TERMS, checked_row("terms", terms, 6), bounds, strict=True)
    return [checked_int(f"terms.{name}", number, bound) for name, number, bound in given]


def _refused(reason: str) -> Seizure:
    return reason, 0, 0, 0, 0, False


# ---- Morpho ----------------------------------------------------------------------------------------------------------


def morpho_factor(lltv_ppm: int) -> int:
    """Return the liquidation incentive factor, in 10^-18, rounded down (Y-12).

    Examples
    --------
    >>> morpho_factor(385_000) / 10**18, round(morpho_factor(860_000) / 10**18, 4)
    (1.15, 1.0438)
    """
    lltv_ppm = checked_int("lltv_ppm", lltv_ppm, SHARE)
    divisor = MILLION**2 - MORPHO_CURSOR_PPM * (MILLION - lltv_ppm)
    return min(MORPHO_FACTOR_MAX, ONE * MILLION**2 // divisor)


def morpho_liquidation(collateral: Amount, owed: int, cover: int, lltv_ppm: int) -> tuple[str | None, int, int, int]:
    """Return reason, repaid, seized and bad debt of a liquidation at Morpho (Y-12).

    Parameters
    ----------
    collateral : (atoms, price, unit)
        Of the borrower, its price in atoms of the loan.
    owed, cover : int
        Debt, and what of it is offered to be repaid, atoms of the loan.
    lltv_ppm : int
        The market's liquidation LTV.

    Examples
    --------
    >>> morpho_liquidation((1_000_000, 1, 1), 870_000, 100_000, 860_000)
    (None, 100000, 104384, 0)
    """
    held, price, unit = collateral = checked_amount("collateral", collateral)
    owed, cover = checked_int("owed", owed, AMOUNT), checked_int("cover", cover, _COVER)
    factor = morpho_factor(lltv_ppm)
    if collateral_value("collateral", collateral) * lltv_ppm >= owed * MILLION:
        return "healthy", 0, 0, 0
    if not held:
        return "nothing", 0, 0, 0
    repaid = min(cover, owed)
    seized = repaid * factor // ONE * unit // price
    if seized > held:
        seized = held
        repaid = min(repaid, ceil_div(ceil_div(held * price, unit) * ONE, factor))
    return None, repaid, seized, owed - repaid if seized == held else 0


# ---- Compound v3 -----------------------------------------------------------------------------------------------------


def comet_absorb(
    collateral: Sequence[tuple[int, int, int, int, int]], debt: Amount
) -> tuple[str | None, int, int, int]:
    """Return reason, credit, what is left to the account, and loss of the reserves, atoms of the base (Y-13).

    Parameters
    ----------
    collateral : sequence of (atoms, price, unit, threshold_ppm, factor_ppm)
        Everything the account has, with liquidation threshold and liquidation factor.
    debt : (atoms, price, unit)
        What it owes of the base.

    Examples
    --------
    >>> comet_absorb([(1000, 1, 1, 850_000, 930_000)], (900, 1, 1))
    (None, 930, 30, 0)
    """
    weighted = worth = credit = 0
    for row, given in enumerate(checked_rows("collateral", collateral)):
        field = f"collateral[{row}]"
        *amount, threshold, factor = checked_row(field, given, 5)
        value = collateral_value(field, checked_amount(field, tuple(amount)))
        weighted += value * checked_int(f"{field}.threshold_ppm", threshold, SHARE)
        credit += value * checked_int(f"{field}.factor_ppm", factor, SHARE) // MILLION
        worth = bounded(field, worth + value, AMOUNT_MAX, "a value")
    owed, price, unit = debt = checked_amount("debt", debt)
    if weighted >= debt_value("debt", debt) * MILLION:
        return "healthy", 0, 0, 0
    atoms = bounded("debt", credit * unit // price, AMOUNT_MAX, "a credit")
    return None, atoms, max(0, atoms - owed), max(0, owed - atoms)


def comet_quote(
    paid: Amount, held: Amount, reserves: int, target: int, store_front_ppm: int, factor_ppm: int
) -> tuple[str | None, int]:
    """Return reason and atoms of a seized asset that a payment buys (Y-13).

    Parameters
    ----------
    paid, held : (atoms, price, unit)
        The payment in the base; what the protocol has of the asset.
    reserves, target : int
        The protocol's reserves of the base, and from what on nothing is sold, atoms.
    store_front_ppm, factor_ppm : int
        Part of the penalty that the buyer gets, and the asset's liquidation factor.

    Examples
    --------
    >>> comet_quote((958, 1, 1), (5000, 1, 1), 0, 1, 600_000, 930_000)      # a discount of 4.2 %
    (None, 1000)
    """
    paid, held = checked_amount("paid", paid), checked_amount("held", held)
    reserves, target = checked_int("reserves", reserves, AMOUNT), checked_int("target", target, AMOUNT)
    store_front = checked_int("store_front_ppm", store_front_ppm, SHARE)
    penalty = MILLION - checked_int("factor_ppm", factor_ppm, SHARE)
    if reserves >= target:
        return "closed", 0
    atoms = paid[0] * paid[1] * held[2] // (held[1] * paid[2])
    share = MILLION**2 - store_front * penalty
    if atoms * MILLION**2 >= (held[0] + 1) * share:  # more than held, or given away
        return "short", 0
    return None, atoms * MILLION**2 // share


# ---- centralised loans -----------------------------------------------------------------------------------------------


def loan_level(health: Health, call_ppm: int, liquidation_ppm: int) -> int:
    """Return 0, or 1 at or above the LTV of a margin call, 2 at or above that of liquidation (Y-14).

    Examples
    --------
    >>> [loan_level((worth, 0, 10_000), 750_000, 830_000) for worth in (13_334, 13_333, 12_048)]
    [0, 1, 2]
    """
    collateral, _, debt = checked_health("health", health)
    call = checked_int("call_ppm", call_ppm, IntRange(1, MILLION))
    liquidation = checked_int("liquidation_ppm", liquidation_ppm, IntRange(call, MILLION))
    if not debt:
        return 0
    return sum(debt * MILLION >= collateral * ltv for ltv in (call, liquidation))
