"""What a position is worth at bankruptcy, and what closing it costs whom: exact closed forms.

Stands on `engine.margin` (numbers) and `engine.errors`. The engine does the same on its grid (X-5, X-7, X-10, X-14):
where it rounds, its rule says which way.

::

    oracle                  fillable price                bankruptcy price
      |--- fee, at most ------|--- left to the account -----|--- the fund pays --->
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from engine.errors import InputError
from engine.margin import Number, fraction

__all__ = ["Fill", "bankruptcy_quote", "fillable_price", "liquidation_fill", "shortfall"]


def bankruptcy_quote(
    net_notional: Number, net_collateral: Number, requirement_part: Number, requirement: Number
) -> Fraction:
    """Return the quote for which a part of an account can be closed so that its share of the collateral is used up.

    ``net_notional - net_collateral * requirement_part / requirement``: X-7's V_i, unrounded. Closing every position at
    it leaves exactly nothing.

    Parameters
    ----------
    net_notional : number
        What the part is worth at the oracle price, quote; below 0 for a short.
    net_collateral : number
        Equity of the whole account, quote; may be below 0.
    requirement_part, requirement : number
        Maintenance of the part, and of the whole account, quote, above 0.

    Returns
    -------
    Fraction

    Raises
    ------
    InputError
        Something is no number, or the requirement is not above 0.

    Notes
    -----
    O(1). Source: the liquidation formulas of dYdX v4.

    Examples
    --------
    A long of 10 at 100 in an account that lacks 500, with 12 of its requirement of 42:

    >>> quote = bankruptcy_quote(1000, -500, 12, 42)
    >>> round(float(quote), 2), round(float(quote / 10), 2)
    (1142.86, 114.29)
    """
    whole = fraction(requirement, "requirement")
    if whole <= 0:
        raise InputError("requirement", "a number above 0", requirement)
    share = fraction(requirement_part, "requirement_part") / whole
    return fraction(net_notional, "net_notional") - fraction(net_collateral, "net_collateral") * share


def fillable_price(
    position: Number,
    oracle: Number,
    maintenance_ratio: Number,
    health: Number,
    *,
    spread: Number = "1.5",
    adjustment: Number = 1,
) -> Fraction:
    """Return the worst price at which dYdX liquidates: the oracle's, and farther from it the worse the account stands.

    ``oracle * (1 - side * a * spread * maintenance_ratio)`` with ``a = clamp(adjustment * (1 - health), 0, 1)``.

    Parameters
    ----------
    position : number
        Quantity, above 0 long, below 0 short.
    oracle : number
        Price, quote.
    maintenance_ratio : number
        Requirement of the position by its notional.
    health : number
        Net collateral of the account by its requirement.
    spread : number
        Spread at a health of 0, in maintenance ratios.
    adjustment : number
        Bankruptcy adjustment; the engine's is 1.

    Returns
    -------
    Fraction

    Raises
    ------
    InputError
        Something is no number, or there is no position.

    Notes
    -----
    O(1). Source: the liquidation formulas of dYdX v4; X-5.

    Examples
    --------
    >>> float(fillable_price(1, 100, "0.012", "0.5"))
    99.1
    >>> float(fillable_price(-1, 100, "0.012", "0.5"))
    100.9
    """
    quantity = fraction(position, "position")
    if not quantity:
        raise InputError("position", "a position other than 0", position)
    raw = fraction(adjustment, "adjustment") * (1 - fraction(health, "health"))
    rate = min(Fraction(1), max(Fraction(0), raw)) * fraction(spread, "spread")
    side = 1 if quantity > 0 else -1
    return fraction(oracle, "oracle") * (1 - side * rate * fraction(maintenance_ratio, "maintenance_ratio"))


@dataclass(frozen=True, slots=True)
class Fill:
    """What a liquidation fill leaves, quote: money and position of the account, what the fund is paid (below 0: pays).

    Parameters
    ----------
    cash, position : Fraction
        Of the account afterwards.
    fund : Fraction
        Change of the insurance fund.
    bad_debt : Fraction
        What the fund could not pay.
    """

    cash: Fraction
    position: Fraction
    fund: Fraction
    bad_debt: Fraction


def liquidation_fill(
    quote_balance: Number,
    position: Number,
    price: Number,
    quantity: Number,
    *,
    fee: Number,
    fund: Number,
) -> Fill:
    """Return what a fill of a liquidated account with one position leaves.

    The fee goes to the fund and is at most what the fill brings above bankruptcy; below it the fund pays what lacks.

    Parameters
    ----------
    quote_balance : number
        Money of the account, the cost of its position taken off, quote.
    position : number
        Quantity, above 0 long, below 0 short.
    price : number
        Of the fill, quote.
    quantity : number
        Of the fill, signed: the other sign than the position's, and no more of it.
    fee : number
        Most that it pays, as a share of what traded.
    fund : number
        What the insurance fund has, at least 0, quote.

    Returns
    -------
    Fill

    Raises
    ------
    InputError
        Something is no number, or the fill does not reduce the position.

    Notes
    -----
    O(1). Source: the liquidation formulas of dYdX v4; X-10 and X-14, where only an account that is flat is paid for.

    Examples
    --------
    >>> fill = liquidation_fill(-9000, 1, 9400, -1, fee="0.01", fund=0)
    >>> str(fill.cash), str(fill.fund)
    ('306', '94')
    >>> fill = liquidation_fill(-9000, 1, 8900, -1, fee="0.01", fund=1000)
    >>> str(fill.cash), str(fill.fund), str(fill.bad_debt)
    ('0', '-100', '0')
    """
    money, held, traded = (
        fraction(quote_balance, "quote_balance"),
        fraction(position, "position"),
        fraction(price, "price"),
    )
    delta = fraction(quantity, "quantity")
    if held * delta >= 0 or abs(delta) > abs(held):
        raise InputError("quantity", f"a quantity that reduces a position of {held}", quantity)
    brought = -delta * traded  # below 0 for a short, which pays
    above = brought - money * delta / held  # at -money / held of each it is bankrupt
    paid = min(max(Fraction(0), above), fraction(fee, "fee") * abs(brought))
    lacks = max(Fraction(0), -above)
    helped = min(lacks, max(Fraction(0), fraction(fund, "fund")))
    return Fill(money + brought - paid + lacks, held + delta, paid - helped, lacks - helped)


def shortfall(position: Number, bankruptcy: Number, price: Number) -> Fraction:
    """Return what a fill beyond the bankruptcy price lacks: what the fund, and then others, have to pay.

    Parameters
    ----------
    position : number
        Quantity that was closed, above 0 long, below 0 short.
    bankruptcy : number
        Bankruptcy price, quote.
    price : number
        Of the fill, quote.

    Returns
    -------
    Fraction
        At least 0.

    Raises
    ------
    InputError
        Something is no number.

    Notes
    -----
    O(1). Source: the paper on auto-deleveraging; X-10.

    Examples
    --------
    >>> float(shortfall("0.4", "0.8747", "0.78")), float(shortfall("-0.4", "0.8747", "0.78"))
    (0.03788, 0.0)
    """
    return max(
        Fraction(0),
        fraction(position, "position") * (fraction(bankruptcy, "bankruptcy") - fraction(price, "price")),
    )
