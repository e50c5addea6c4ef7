"""What backs a synthetic dollar: coins, and a short of as many; and what ADL of that short costs.

Stands on `engine.margin` for exact numbers. Coins held and coins short cancel: the backing is worth the same at every
price. Where a part of the short is closed from outside, that part of the coins stands alone from then on.

Examples
--------
A billion, a fifth of the short closed by ADL, then a fall of a tenth: 20 million gone, 2 % of the supply.

>>> from engine import backing
>>> lost = backing.backing_loss(10**9, "0.2", "-0.1")
>>> lost, lost / 10**9
(Fraction(20000000, 1), Fraction(1, 50))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.margin import fraction

if TYPE_CHECKING:
    from fractions import Fraction

    from engine.margin import Number

__all__ = ["backing", "backing_loss"]


def backing(coins: Number, price: Number, entry: Number, *, short: Number | None = None, cash: Number = 0) -> Fraction:
    """Return what coins, a short and money are worth: ``S * p + cash - q * (p - p0)``.

    Parameters
    ----------
    coins : number
        S, coins held, 0 and more.
    price : number
        p, now, 0 and more.
    entry : number
        p0, price at which the short was opened, 0 and more.
    short : number, optional
        q, coins sold short, 0 and more; as many as are held by default.
    cash : number
        Money, realised profit of closed shorts with it; below 0 is a debt.

    Returns
    -------
    Fraction
        Money. With q = S it is ``S * p0 + cash``, whatever the price.

    Raises
    ------
    InputError
        Something is out of its bounds; it is named.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> [int(backing(250_000, price, 4000)) for price in (4000, 3600, 40)]
    [1000000000, 1000000000, 1000000000]
    >>> int(backing(250_000, 3600, 4000, short=200_000))  # a fifth was closed at 4000
    980000000
    """
    held, now = _amount(coins, "coins"), _amount(price, "price")
    sold = held if short is None else _amount(short, "short")
    return held * now + fraction(cash, "cash") - sold * (now - _amount(entry, "entry"))


def backing_loss(value: Number, closed: Number, change: Number) -> Fraction:
    """Return what a backing loses where a part of its short was closed and the price has moved since.

    Parameters
    ----------
    value : number
        Worth of the coins when the part was closed, money, 0 and more.
    closed : number
        Part of the short that was closed, a share of it, 0 .. 1.
    change : number
        Of the price since, a share of it, -1 and more; below 0 is a fall.

    Returns
    -------
    Fraction
        Money, ``-closed * value * change``: above 0 a loss, below 0 what a rise has brought.

    Raises
    ------
    InputError
        Something is out of its bounds; it is named.

    Notes
    -----
    O(1). What the closed part had earned until then is cash and stays.

    Examples
    --------
    >>> backing_loss(1000, "0.2", "-0.1"), backing_loss(1000, "0.2", "0.1"), backing_loss(1000, 0, -1)
    (Fraction(20, 1), Fraction(-20, 1), Fraction(0, 1))
    """
    share, moved = fraction(closed, "closed"), fraction(change, "change")
    if not 0 <= share <= 1:
        raise InputError("closed", "a share from 0 to 1", closed)
    if moved < -1:
        raise InputError("change", "a change of -1 and more", change)
    return -share * _amount(value, "value") * moved


def _amount(value: Number, name: str) -> Fraction:
    amount = fraction(value, name)
    if amount < 0:
        raise InputError(name, "an amount of 0 and more", value)
    return amount
