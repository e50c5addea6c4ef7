"""Auto-deleveraging: who is closed, how much of them, and how a loss is shared; exact closed forms.

Stands on `engine.margin` (numbers) and `engine.errors`; the compiled core is not imported here. The engine ranks by the
same rules with whole ppb (X-12); here nothing is rounded unless a function says so.

::

    lots that nobody took --> candidates, ranked or weighted --> their caps --> who is closed by how much
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.margin import Number, fraction
from engine.schedules import named, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

__all__ = [
    "ADL_RULES",
    "binance_score",
    "bybit_score",
    "checked_rule",
    "hyperliquid_score",
    "shared_loss",
    "taken_in_order",
    "water_filling",
    "water_filling_lots",
]

AdlRule = str
"""A name of `ADL_RULES`, or in Python a function of the candidates' columns."""

ADL_RULES: dict[str, str] = {
    "binance": "profit by wallet, times requirement by equity",
    "hyperliquid": "mark by entry, times notional by account value, for both sides as the venue's documents write it",
    "hyperliquid_adjusted": "the same, with entry by mark for shorts",
    "bybit": "profit by cost, times notional by equity",
    "contracts": "pro rata by lots",
    "pnl": "pro rata by profit, of which alone it is taken",
    "unranked": "by account from a drawn one on, at most 500",
}
LOTS_MAX = 2**61


def checked_rule(rule: object, field: str = "adl") -> str | Callable[[dict[str, Any]], Any] | None:
    """Return a rule that a policy takes: None, a name of `ADL_RULES` or a function.

    Parameters
    ----------
    rule : object
        What was given.
    field : str
        What it is called in an error.

    Returns
    -------
    str, callable or None

    Raises
    ------
    InputError
        It is none of these.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> checked_rule("bybit"), checked_rule(None)
    ('bybit', None)
    >>> checked_rule("lifo")
    Traceback (most recent call last):
    engine.errors.InputError: adl: expected one of binance, hyperliquid, hyperliquid_adjusted, bybit, contracts, pnl, \
unranked, was lifo
    """
    if rule is None:
        return None
    if callable(rule):
        return rule
    named(ADL_RULES, field, rule)
    return str(rule)


# --- scores ---------------------------------------------------------------------------------------------------------


def binance_score(pnl: Number, wallet: Number, requirement: Number) -> Fraction:
    """Return Binance's score of a position: its profit in terms of the wallet, times how near it is to liquidation.

    ``max(0, pnl) / max(1, wallet) * requirement / (wallet + pnl)``, 0 where that denominator is not above 0.

    Parameters
    ----------
    pnl : number
        Unrealised profit, settlement units.
    wallet : number
        Balance without it, settlement units.
    requirement : number
        Maintenance margin, settlement units.

    Returns
    -------
    Fraction

    Raises
    ------
    InputError
        Something is no number.

    Notes
    -----
    O(1). Source: the venue's page on auto-deleveraging; X-12. The engine's wallet is an atom at least, not a unit.

    Examples
    --------
    The third is closed first, then the first:

    >>> people = [(500_000, 100_000, 20_000), (2_000_000, 5_000_000, 60_000), (50_000, 10_000, 4_000)]
    >>> [round(float(binance_score(*each)), 4) for each in people]
    [0.1667, 0.0034, 0.3333]
    """
    profit, money = fraction(pnl, "pnl"), fraction(wallet, "wallet")
    equity = money + profit
    if equity <= 0:
        return Fraction(0)
    return max(Fraction(0), profit) / max(Fraction(1), money) * fraction(requirement, "requirement") / equity


def hyperliquid_score(
    position: Number, mark: Number, entry: Number, account_value: Number, *, adjusted: bool = False
) -> Fraction:
    """Return Hyperliquid's score: mark by entry, times leverage.

    Parameters
    ----------
    position : number
        Quantity, above 0 long, below 0 short.
    mark, entry : number
        Prices, quote, above 0.
    account_value : number
        Equity of the account, quote, above 0.
    adjusted : bool
        Entry by mark for shorts: as the venue writes it, a short's score falls as its profit grows.

    Returns
    -------
    Fraction

    Raises
    ------
    InputError
        Something is no number, or not above 0.

    Notes
    -----
    O(1). Source: the venue's documentation of auto-deleveraging; X-12.

    Examples
    --------
    Three shorts at 106,400; the leverage decides, either way:

    >>> shorts = [(-10, 122_000, 600_000), (-100, 118_000, 20_000_000), (-50, 108_000, 250_000)]
    >>> scores = [hyperliquid_score(q, 106_400, entry, value) for q, entry, value in shorts]
    >>> [round(float(score), 3) for score in scores]
    [1.547, 0.48, 20.965]
    >>> scores = [hyperliquid_score(q, 106_400, entry, value, adjusted=True) for q, entry, value in shorts]
    >>> [round(float(score), 3) for score in scores]
    [2.033, 0.59, 21.6]
    """
    quantity = fraction(position, "position")
    price, cost = _above_0(mark, "mark"), _above_0(entry, "entry")
    gain = cost / price if adjusted and quantity < 0 else price / cost
    return gain * abs(quantity) * price / _above_0(account_value, "account_value")


def bybit_score(position: Number, mark: Number, entry: Number, equity: Number) -> Fraction:
    """Return Bybit's score: profit rate times effective leverage.

    Parameters
    ----------
    position : number
        Quantity, above 0 long, below 0 short.
    mark, entry : number
        Prices, quote, above 0.
    equity : number
        Of the account, quote, above 0.

    Returns
    -------
    Fraction

    Raises
    ------
    InputError
        Something is no number, or not above 0.

    Notes
    -----
    O(1). Source: the venue's help pages on auto-deleveraging; X-12.

    Examples
    --------
    >>> bybit_score(2, 110, 100, 44), bybit_score(-2, 110, 100, 44)
    (Fraction(1, 2), Fraction(-1, 2))
    """
    quantity, price, cost = fraction(position, "position"), _above_0(mark, "mark"), _above_0(entry, "entry")
    if not quantity:
        return Fraction(0)
    rate = (price - cost) / cost * (1 if quantity > 0 else -1)
    return rate * abs(quantity) * price / _above_0(equity, "equity")


# --- who is closed by how much --------------------------------------------------------------------------------------


def taken_in_order(quantity: Number, sizes: Sequence[Number]) -> tuple[list[Fraction], Fraction]:
    """Return what is taken of each candidate, best first, and what nobody takes.

    Parameters
    ----------
    quantity : number
        To be closed, at least 0.
    sizes : sequence of number
        Most that each can take, best first, at least 0.

    Returns
    -------
    list of Fraction, Fraction

    Raises
    ------
    InputError
        Something is no number, or below 0.

    Notes
    -----
    O(candidates).

    Examples
    --------
    >>> taken_in_order(7, [5, 5]), taken_in_order(7, [5])
    (([Fraction(5, 1), Fraction(2, 1)], Fraction(0, 1)), ([Fraction(5, 1)], Fraction(2, 1)))
    """
    left = _not_below_0(quantity, "quantity")
    taken = []
    for place, size in enumerate(sizes):
        taken.append(min(left, _not_below_0(size, f"sizes[{place}]")))
        left -= taken[-1]
    return taken, left


def water_filling(budget: Number, weights: Sequence[Number], caps: Sequence[Number]) -> list[Fraction]:
    """Share a budget in proportion to weights, nobody above his cap: ``min(cap, eta * weight)``.

    Parameters
    ----------
    budget : number
        What is shared, at least 0; what the caps leave goes to nobody.
    weights, caps : sequence of number
        One for each, at least 0.

    Returns
    -------
    list of Fraction
        They sum up to the budget, or to the caps of those with a weight if these are less.

    Raises
    ------
    InputError
        Something is no number, below 0, or there are more of one than of the other.

    Notes
    -----
    O(n log n): by ascending cap / weight, eta grows until the budget is used up. Source: Drift and Paradex, as the
    paper on auto-deleveraging writes it; X-12.

    Examples
    --------
    The first is full at 10, the others share what is left of 40 by their weights:

    >>> [str(share) for share in water_filling(40, [2, 1, 1], [10, 100, 100])]
    ['10', '15', '15']
    """
    shares, limits, left = _weighed(budget, weights, caps)
    rows = sorted((limits[i] / shares[i], i) for i in range(len(shares)) if shares[i])
    rest, level, eta = sum((share for share in shares if share), Fraction(0)), Fraction(0), None
    for full_at, i in rows:
        needed = (full_at - level) * rest
        if needed >= left:
            eta = level + left / rest
            break
        left, level, rest = left - needed, full_at, rest - shares[i]
    if eta is None:
        return [limit if share else Fraction(0) for share, limit in zip(shares, limits, strict=True)]
    return [min(limit, eta * share) for share, limit in zip(shares, limits, strict=True)]


def water_filling_lots(lots: int, weights: Sequence[int], caps: Sequence[int]) -> list[int]:
    """Share whole lots likewise: ``min(cap, floor(eta * weight))``, then a lot each in order while any is left (X-12).

    Parameters
    ----------
    lots : int
        To be closed.
    weights, caps : sequence of int
        One for each candidate, by account; who has no weight takes none.

    Returns
    -------
    list of int

    Raises
    ------
    InputError
        Something is no whole number from 0 to 2^61, or there are more of one than of the other.

    Notes
    -----
    O(n log n).

    Examples
    --------
    >>> water_filling_lots(10, [1, 1, 1], [9, 9, 2]), water_filling_lots(10, [5, 0], [4, 9])
    ([4, 4, 2], [4, 0])
    """
    whole(lots, "lots", 0, LOTS_MAX)
    for field, numbers in (("weights", weights), ("caps", caps)):
        for place, number in enumerate(numbers):
            whole(number, f"{field}[{place}]", 0, LOTS_MAX)
    taken = [share.numerator // share.denominator for share in water_filling(lots, weights, caps)]
    left = lots - sum(taken)
    # What the floors have left is less than a lot each, so one round is enough.
    for i in range(len(taken)):
        if left and weights[i] and taken[i] < caps[i]:
            taken[i] += 1
            left -= 1
    return taken


# --- shared losses --------------------------------------------------------------------------------------------------


def shared_loss(loss: int, profits: Sequence[int]) -> list[int]:
    """Share a loss among profits, nobody above his own: ``floor`` of the proportion, then an atom each in order (X-10).

    Parameters
    ----------
    loss : int
        What lacks after the fund, atoms.
    profits : sequence of int
        What each can give, by account, atoms; who has nothing above 0 gives nothing.

    Returns
    -------
    list of int
        They sum up to ``min(loss, sum of profits)``; what they do not cover is bad debt.

    Raises
    ------
    InputError
        A number is none, or out of bounds.

    Notes
    -----
    O(n). Source: the socialised loss of earlier years, as OKX had it: (loss - reserve) / net profit of all.

    Examples
    --------
    >>> shared_loss(15, [30, 60]), shared_loss(16, [30, 60]), shared_loss(100, [30, -5, 60])
    ([5, 10], [6, 10], [30, 0, 60])
    """
    whole(loss, "loss", 0, LOTS_MAX)
    claims = [max(0, whole(each, f"profits[{place}]", -LOTS_MAX, LOTS_MAX)) for place, each in enumerate(profits)]
    total = sum(claims)
    paid = min(loss, total)
    shares = [paid * claim // total if total else 0 for claim in claims]
    left = paid - sum(shares)
    for i, claim in enumerate(claims):
        if left and shares[i] < claim:
            shares[i] += 1
            left -= 1
    return shares


# --- checks ---------------------------------------------------------------------------------------------------------


def _above_0(value: Number, field: str) -> Fraction:
    number = fraction(value, field)
    if number <= 0:
        raise InputError(field, "a number above 0", value)
    return number


def _not_below_0(value: Number, field: str) -> Fraction:
    number = fraction(value, field)
    if number < 0:
        raise InputError(field, "a number of at least 0", value)
    return number


def _weighed(
    budget: Number, weights: Sequence[Number], caps: Sequence[Number]
) -> tuple[list[Fraction], list[Fraction], Fraction]:
    if len(weights) != len(caps):
        raise InputError("caps", f"{len(weights)} of them, one for each weight", len(caps))
    shares = [_not_below_0(each, f"weights[{place}]") for place, each in enumerate(weights)]
    limits = [_not_below_0(each, f"caps[{place}]") for place, each in enumerate(caps)]
    return shares, limits, _not_below_0(budget, "budget")
