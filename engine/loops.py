"""Leverage loops in closed form: deposit, borrow a share of it, deposit that, again (rule Y-8 is the step).

Stands on `engine.margin` for exact numbers. `engine._core.lending_room` walks the same loop in whole atoms;
`engine.validation.lending_loops` holds one against the other.

Promises: exact fractions; a price is told as a fall from 1, the price at which the loop was built.

Examples
--------
Five loops at 80 %: leverage 3.69, gone at a fall of 27.1 %, but liquidated at 12.2 % already, and what it earns a year:

>>> from engine import loops
>>> multiple = loops.loop_multiple("0.8", 5)
>>> round(float(multiple), 5), round(float(loops.zero_equity_fall(multiple)), 6)
(3.68928, 0.271056)
>>> round(float(loops.liquidation_fall(multiple, "0.83")), 6)
0.121754
>>> round(float(loops.loop_carry(multiple, "0.12", "0.065")), 4)
0.2679
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.margin import fraction
from engine.schedules import whole

if TYPE_CHECKING:
    from fractions import Fraction

    from engine.margin import Number

__all__ = ["liquidation_fall", "loop_carry", "loop_multiple", "zero_equity_fall"]

LOOPS_MAX = 10_000


def loop_multiple(ltv: Number, loops: int | None) -> Fraction:
    """Return collateral / equity of a loop: ``(1 - l^(n+1)) / (1 - l)``.

    Parameters
    ----------
    ltv : number
        What is borrowed of each deposit, a share of it, 0 and more, below 1.
    loops : int, optional
        How often is borrowed and deposited again, 0 .. 10,000; None for the limit.

    Returns
    -------
    Fraction
        1 and more; the debt is this less 1, in units of the equity.

    Raises
    ------
    InputError
        Something is out of its bounds; it is named.

    Notes
    -----
    O(log loops) products of numbers that grow with `loops`. Source: geometric series.

    Examples
    --------
    >>> loop_multiple("0.8", 1), loop_multiple("0.8", None)
    (Fraction(9, 5), Fraction(5, 1))
    """
    share = fraction(ltv, "ltv")
    if not 0 <= share < 1:
        raise InputError("ltv", "a share from 0 to below 1", ltv)
    if loops is None:
        return 1 / (1 - share)
    return (1 - share ** (whole(loops, "loops", 0, LOOPS_MAX) + 1)) / (1 - share)


def zero_equity_fall(multiple: Number) -> Fraction:
    """Return the fall of the collateral's price that leaves no equity: ``1 / T``.

    Parameters
    ----------
    multiple : number
        Collateral / equity, 1 and more.

    Raises
    ------
    InputError
        It is below 1, or no number.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> zero_equity_fall("1.8")
    Fraction(5, 9)
    """
    return 1 / _multiple(multiple)


def liquidation_fall(multiple: Number, threshold: Number) -> Fraction:
    """Return the fall at which the health of a loop is 1: ``1 - (T - 1) / (T * t)``.

    Parameters
    ----------
    multiple : number
        Collateral / equity, 1 and more.
    threshold : number
        Liquidation threshold, a share above 0, at most 1.

    Returns
    -------
    Fraction
        1 without debt; below 0 where the loop could be liquidated as it was built.

    Raises
    ------
    InputError
        Something is out of its bounds; it is named.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> round(float(liquidation_fall(loop_multiple("0.9", 10), "0.92")), 4)
    0.0714
    """
    share, times = fraction(threshold, "threshold"), _multiple(multiple)
    if not 0 < share <= 1:
        raise InputError("threshold", "a share above 0, at most 1", threshold)
    return 1 - (times - 1) / (times * share)


def loop_carry(multiple: Number, earned: Number, paid: Number) -> Fraction:
    """Return what a loop earns a year, as a share of its equity: ``T * earned - (T - 1) * paid``.

    Parameters
    ----------
    multiple : number
        Collateral / equity, 1 and more.
    earned, paid : number
        Rate of a year on the collateral and on the debt.

    Raises
    ------
    InputError
        Something is no number, or the multiple is below 1.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> loop_carry("1.8", "0.1", "0.05")
    Fraction(7, 50)
    """
    times = _multiple(multiple)
    return times * fraction(earned, "earned") - (times - 1) * fraction(paid, "paid")


def _multiple(multiple: Number) -> Fraction:
    times = fraction(multiple, "multiple")
    if times < 1:
        raise InputError("multiple", "collateral / equity of 1 and more", multiple)
    return times
