"""Liquidation bots in closed form: how much one repays, what it earns, how far its sale pushes the price.

Stands on `engine.margin` for exact numbers. A bot repays d, receives collateral worth ``S = d * e`` with the edge
``e = 1 + bonus * (1 - fee)``, and sells it into a book of linear depth k: an amount S moves the price by a share S / k
and fetches ``S * (1 - S / (2 k))``.

Promises: exact fractions, or whole numbers where the docstring says so. A bot acts on a profit above its tip only.

Examples
--------
An edge of 4.5 % and five million for each percent; then a hundredth of that depth:

>>> from engine import bots
>>> for depth in (5 * 10**8, 5 * 10**6):
...     size = bots.bot_size("1.045", depth)
...     print(round(size), round(bots.bot_profit(size, "1.045", depth)))
20603924 463588
206039 4636
>>> round(float(bots.bot_end_impact("1.045")), 4), int(bots.least_size("1.045", 190))
(0.0431, 4222)
"""

from __future__ import annotations

from fractions import Fraction
from math import floor, isqrt
from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.margin import fraction
from engine.schedules import ONE_PPM, whole

if TYPE_CHECKING:
    from engine.margin import Number

__all__ = ["bot_edge", "bot_end_impact", "bot_profit", "bot_size", "least_size", "worthwhile_sizes"]


def bot_edge(bonus_ppm: int, fee_ppm: int = 0) -> Fraction:
    """Return what a liquidator receives for one unit repaid: ``1 + bonus * (1 - fee)``.

    Parameters
    ----------
    bonus_ppm : int
        Of the liquidation, ppm.
    fee_ppm : int
        The protocol's part of the bonus, ppm.

    Raises
    ------
    InputError
        One is no integer between 0 and 10^6.

    Notes
    -----
    O(1). Source: Aave v3 (Y-10).

    Examples
    --------
    >>> bot_edge(50_000, 100_000)
    Fraction(209, 200)
    """
    kept = ONE_PPM - whole(fee_ppm, "fee_ppm", 0, ONE_PPM)
    return 1 + Fraction(whole(bonus_ppm, "bonus_ppm", 0, ONE_PPM) * kept, ONE_PPM**2)


def bot_profit(repaid: Number, edge: Number, depth: Number, gas: Number = 0) -> Fraction:
    """Return what is left of a liquidation: ``S * (1 - S / (2 k)) - d - gas``.

    Parameters
    ----------
    repaid : number
        d, money.
    edge : number
        e, 1 and more.
    depth : number
        k, money by which a sale moves the price by all of itself.
    gas : number
        What the transaction costs, money.

    Returns
    -------
    Fraction
        Below 0 where the bot would lose.

    Raises
    ------
    InputError
        Something is out of its bounds, or more is sold than the book bids for (S > k).

    Notes
    -----
    O(1).

    Examples
    --------
    >>> bot_profit(100, "1.1", 1210, 1)
    Fraction(4, 1)
    """
    owed, times, book = _amount(repaid, "repaid"), _edge(edge), _depth(depth)
    sold = owed * times
    if sold > book:
        raise InputError("repaid", f"at most depth / edge, {book / times}", repaid)
    return sold * (1 - sold / (2 * book)) - owed - _amount(gas, "gas")


def bot_size(edge: Number, depth: Number) -> Fraction:
    """Return the repayment of the largest profit: ``k * (e - 1) / e^2``; it scales with the depth.

    Parameters
    ----------
    edge, depth : number
        As for `bot_profit`.

    Raises
    ------
    InputError
        Something is out of its bounds; it is named.

    Notes
    -----
    O(1). The derivative of `bot_profit` is 0 there.

    Examples
    --------
    >>> bot_size("1.1", 1210)
    Fraction(100, 1)
    """
    times = _edge(edge)
    return _depth(depth) * (times - 1) / times**2


def bot_end_impact(edge: Number) -> Fraction:
    """Return how far a sale of the best size has moved the price at its end: ``(e - 1) / e``, whatever the depth.

    Parameters
    ----------
    edge : number
        e, 1 and more.

    Raises
    ------
    InputError
        It is below 1, or no number.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> bot_end_impact("1.1")
    Fraction(1, 11)
    """
    times = _edge(edge)
    return (times - 1) / times


def least_size(edge: Number, gas: Number) -> Fraction | None:
    """Return the repayment whose bonus pays the gas where the sale moves nothing: ``gas / (e - 1)``.

    Parameters
    ----------
    edge : number
        e, 1 and more.
    gas : number
        What the transaction costs, money.

    Returns
    -------
    Fraction or None
        None where no size does, for there is no bonus. `worthwhile_sizes` knows of the book.

    Raises
    ------
    InputError
        Something is out of its bounds; it is named.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> least_size("1.045", 190)
    Fraction(38000, 9)
    """
    times, cost = _edge(edge), _amount(gas, "gas")
    if times == 1:
        return None if cost else Fraction(0)
    return cost / (times - 1)


def worthwhile_sizes(edge: Number, depth: Number, cost: Number = 0) -> tuple[int, int] | None:
    """Return the smallest and the largest whole repayment whose profit is above a cost.

    Parameters
    ----------
    edge, depth : number
        As for `bot_profit`.
    cost : number
        Gas and the tip that the bot insists on, money.

    Returns
    -------
    tuple of int, or None
        None where no whole repayment pays.

    Raises
    ------
    InputError
        Something is out of its bounds; it is named.

    Notes
    -----
    O(1): the roots of a parabola by an integer square root, then exact profits beside them.

    Examples
    --------
    >>> worthwhile_sizes("1.045", 5 * 10**8, 190)
    (4223, 41203625)
    >>> worthwhile_sizes("1.045", 5 * 10**5, 500) is None
    True
    """
    times, book, floor_cost = _edge(edge), _depth(depth), _amount(cost, "cost")
    bend, gain = times**2 / (2 * book), times - 1

    def pays(repaid: int) -> bool:
        return repaid * (gain - bend * repaid) > floor_cost

    under = gain**2 - 4 * bend * floor_cost
    if under <= 0:
        return None
    bits = 64 + book.numerator.bit_length()  # so fine that the root is less than a whole repayment off
    root = Fraction(isqrt((under.numerator << 2 * bits) // under.denominator), 2**bits)
    low, high = floor((gain - root) / (2 * bend)), floor((gain + root) / (2 * bend)) + 1
    low, high = max(low - 1, 0), min(high + 1, floor(book / times))  # no more than the book bids for
    while low < high and not pays(low):
        low += 1  # a step or two
    while high > low and not pays(high):
        high -= 1
    return (low, high) if pays(low) else None


def _amount(value: Number, name: str) -> Fraction:
    amount = fraction(value, name)
    if amount < 0:
        raise InputError(name, "an amount of 0 and more", value)
    return amount


def _depth(depth: Number) -> Fraction:
    book = fraction(depth, "depth")
    if book <= 0:
        raise InputError("depth", "an amount above 0", depth)
    return book


def _edge(edge: Number) -> Fraction:
    times = fraction(edge, "edge")
    if times < 1:
        raise InputError("edge", "1 and more: what is received for one unit repaid", edge)
    return times
