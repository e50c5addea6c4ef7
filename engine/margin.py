"""Margin as people declare it: account modes, ladders of boundaries, and the closed forms of a liquidation price.

Stands on `engine.errors` and `engine.units`; the compiled core is not imported here.

::

    equity / requirement        1.50            1.20                 1.05
    actions               none   |     WARN      |    REDUCE_ONLY     |    LIQUIDATE        (binance_portfolio_margin)
    state                  0     |      1        |         2          |        3

Promises: a ladder that exists is legal (C-4): its ratios fall, its actions do not become milder. The closed forms are
exact fractions, so they have no rounding to name; C-8 says what the engine does on its grid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from engine.errors import InputError
from engine.units import Amount, exact

if TYPE_CHECKING:
    from collections.abc import Sequence

PPM = 10**6
# 1000 times the requirement; far above what any venue warns at, and its product with 2^61 fits in 128 bits.
RATIO_PPM_MAX = 1000 * PPM

Number = Amount | Fraction
"""A number of a closed form: what `engine.units` takes, a `Fraction`, or the text of one (``"10000/19"``)."""

_Member = TypeVar("_Member", bound=IntEnum)


class AccountMode(IntEnum):
    """Name which money backs which positions of an account (C-1)."""

    CASH = 0
    ISOLATED = 1
    CROSS = 2
    UNIFIED = 3


class MarginAction(IntEnum):
    """Name what a venue does to a margin unit that is beyond a boundary (C-4)."""

    WARN = 1
    REDUCE_ONLY = 2
    CANCEL = 3
    LIQUIDATE = 4


class Comparator(IntEnum):
    """Name whether a ratio exactly on a boundary is beyond it (C-4)."""

    BELOW = 0
    AT_OR_BELOW = 1


# --- ladders --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Boundary:
    """Declare one boundary of a ladder (C-4).

    Parameters
    ----------
    action : MarginAction
        What happens to a unit that is beyond it.
    ratio_ppm : int
        Equity / requirement at the boundary, ppm, 1 .. 10^9.
    comparator : Comparator
        Whether the ratio itself is beyond.

    Raises
    ------
    InputError
        A value is not one of these.

    Examples
    --------
    >>> Boundary(MarginAction.WARN, 3_000_000)
    Boundary(action=<MarginAction.WARN: 1>, ratio_ppm=3000000, comparator=<Comparator.BELOW: 0>)
    """

    action: MarginAction
    ratio_ppm: int
    comparator: Comparator = Comparator.BELOW

    def __post_init__(self) -> None:
        """Refuse what is no boundary; whole numbers that name an action or a comparator become it."""
        object.__setattr__(self, "action", _member(MarginAction, self.action, "action"))
        object.__setattr__(self, "comparator", _member(Comparator, self.comparator, "comparator"))
        if type(self.ratio_ppm) is not int or not 1 <= self.ratio_ppm <= RATIO_PPM_MAX:
            raise InputError("ratio_ppm", f"an integer from 1 to {RATIO_PPM_MAX}", self.ratio_ppm)


@dataclass(frozen=True, slots=True)
class Ladder:
    """Declare the boundaries of a venue, best first (C-4).

    Parameters
    ----------
    boundaries : tuple of Boundary
        At least one; ratios fall, actions never become milder. Left out: liquidation `BELOW` 1.0.

    Raises
    ------
    InputError
        There is none, or their order is another one.

    Examples
    --------
    >>> [boundary.ratio_ppm for boundary in Ladder().boundaries]
    [1000000]
    """

    boundaries: tuple[Boundary, ...] = field(default_factory=lambda: (Boundary(MarginAction.LIQUIDATE, PPM),))

    def __post_init__(self) -> None:
        """Refuse what is no ladder."""
        try:
            boundaries = tuple(self.boundaries)
        except TypeError:
            raise InputError("boundaries", "boundaries, best first", self.boundaries) from None
        object.__setattr__(self, "boundaries", boundaries)
        if not boundaries or not all(isinstance(boundary, Boundary) for boundary in boundaries):
            raise InputError("boundaries", "at least one Boundary and nothing else", boundaries)
        for better, worse in pairwise(boundaries):
            if worse.ratio_ppm >= better.ratio_ppm:
                raise InputError("boundaries", f"a ratio_ppm below {better.ratio_ppm}", worse.ratio_ppm)
            if worse.action < better.action:
                raise InputError("boundaries", f"an action no milder than {better.action.name}", worse.action.name)


def binance_futures() -> Ladder:
    """Return the ladder of Binance futures: liquidation when the margin balance is below the requirement.

    Source: the venue's liquidation protocol.

    Examples
    --------
    >>> binance_futures() == Ladder()
    True
    """
    return Ladder()


def binance_portfolio_margin() -> Ladder:
    """Return the ladder of Binance Portfolio Margin on uniMMR.

    A liquidation cancels the account's orders before anything else, so 1.05 is one boundary. Source: the venue's rules
    of Portfolio Margin, table of uniMMR.

    Examples
    --------
    >>> [(boundary.action.name, boundary.ratio_ppm) for boundary in binance_portfolio_margin().boundaries]
    [('WARN', 1500000), ('REDUCE_ONLY', 1200000), ('LIQUIDATE', 1050000)]
    """
    at_or_below = Comparator.AT_OR_BELOW
    return Ladder(
        (
            Boundary(MarginAction.WARN, 1_500_000, at_or_below),
            Boundary(MarginAction.REDUCE_ONLY, 1_200_000, at_or_below),
            Boundary(MarginAction.LIQUIDATE, 1_050_000, at_or_below),
        )
    )


def bybit() -> Ladder:
    """Return the ladder of Bybit's unified account: liquidation when the maintenance rate reaches 100 %.

    The venue's limits on the *initial* rate decide which orders pass (C-6); they are no boundaries. Source: the venue's
    help pages.

    Examples
    --------
    >>> bybit().boundaries[0].comparator.name
    'AT_OR_BELOW'
    """
    return Ladder((Boundary(MarginAction.LIQUIDATE, PPM, Comparator.AT_OR_BELOW),))


def okx() -> Ladder:
    """Return the ladder of OKX's multi-currency margin: a warning at 300 %, liquidation when the ratio reaches 100 %.

    The warning level is not verified. Source: the venue's help pages.

    Examples
    --------
    >>> [boundary.ratio_ppm for boundary in okx().boundaries]
    [3000000, 1000000]
    """
    return Ladder(
        (
            Boundary(MarginAction.WARN, 3_000_000, Comparator.AT_OR_BELOW),
            Boundary(MarginAction.LIQUIDATE, PPM, Comparator.AT_OR_BELOW),
        )
    )


def hyperliquid() -> Ladder:
    """Return the ladder of Hyperliquid: liquidation when the account value is below the requirement.

    The backstop at two thirds of the requirement is a stage of the liquidation, not a boundary. Source: the venue's
    documentation.

    Examples
    --------
    >>> hyperliquid() == Ladder()
    True
    """
    return Ladder()


def dydx() -> Ladder:
    """Return the ladder of dYdX v4: liquidation when net collateral is below the requirement.

    Source: the chain's subaccounts and clob modules.

    Examples
    --------
    >>> dydx() == Ladder()
    True
    """
    return Ladder()


# --- closed forms ---------------------------------------------------------------------------------------------------


def liquidation_price(
    position: Number, entry: Number, collateral: Number, tiers: Number | Sequence[tuple[Number, Number]]
) -> Fraction | None:
    """Return the price at which the equity of one linear position equals its requirement (isolated, Binance).

    ``(collateral + cum - position * entry) / (|position| * rate - position)``, by the tier in which the notional at
    that price lies; ``cum`` makes the requirement continuous over the tiers.

    Parameters
    ----------
    position : number
        Quantity, above 0 long, below 0 short.
    entry : number
        Its average price, quote.
    collateral : number
        Money that backs it, quote.
    tiers : number or list of (number, number)
        Maintenance rate, or (lowest notional, rate) of each tier, the first from 0; rates 0 .. 1.

    Returns
    -------
    Fraction or None
        None if no price above 0 does it. There is never more than one: no rate takes more than the price gives.

    Raises
    ------
    InputError
        Something is no number, the position or a tier is none.

    Notes
    -----
    O(tiers). Source: the venue's tables of brackets, `docs/rules.md` C-8.

    Examples
    --------
    A long of 10 at 120,000 with 60,000, in the third tier of BTCUSDT:

    >>> tiers = [(0, "0.004"), (50_000, "0.005"), (600_000, "0.0065"), (3_000_000, "0.01")]
    >>> round(float(liquidation_price(10, 120_000, 60_000, tiers)), 2)
    114650.23
    >>> round(float(liquidation_price(-10, 110_000, 110_000, tiers)), 2)
    120312.97
    """
    q, money = _position(position), fraction(collateral, "collateral")
    worth = q * fraction(entry, "entry")
    cum = before = Fraction(0)
    rows = _tiers(tiers)
    for (floor, rate), (ceiling, _) in pairwise([*rows, (None, Fraction(0))]):
        assert floor is not None
        cum += floor * (rate - before)
        before = rate
        slope = abs(q) * rate - q
        price = (money + cum - worth) / slope if slope else Fraction(0)
        if price > 0 and floor <= price * abs(q) and (ceiling is None or price * abs(q) <= ceiling):
            return price
    return None


def liquidation_price_from_mark(
    position: Number, mark: Number, margin_available: Number, maintenance_ratio: Number
) -> Fraction | None:
    """Return the price at which an account has no margin left, all but one position fixed (Hyperliquid's formula).

    ``mark - side * margin_available / |position| / (1 - ratio * side)``.

    Parameters
    ----------
    position : number
        Quantity, above 0 long, below 0 short.
    mark : number
        Price now, quote.
    margin_available : number
        Account value - requirement, both at the mark and over all positions that share the account, quote.
    maintenance_ratio : number
        Requirement / notional of this position, 0 .. 1.

    Returns
    -------
    Fraction or None
        None if no price above 0 does it.

    Raises
    ------
    InputError
        Something is no number, or the position is none.

    Notes
    -----
    O(1). Source: the venue's documentation of liquidations.

    Examples
    --------
    A long of 10 at 120,000, account value 60,000, rate 1.25 %: the requirement is 15,000.

    >>> round(float(liquidation_price_from_mark(10, 120_000, 45_000, "0.0125")), 2)
    115443.04
    """
    q, rate = _position(position), _rate(maintenance_ratio, "maintenance_ratio")
    slope = q - abs(q) * rate  # what a step of the price adds to the margin
    if not slope:
        return None
    price = fraction(mark, "mark") - fraction(margin_available, "margin_available") / slope
    return price if price > 0 else None


def bankruptcy_price(position: Number, entry: Number, collateral: Number) -> Fraction:
    """Return the price at which one linear position has lost its collateral; not above 0 if none can.

    Parameters
    ----------
    position : number
        Quantity, above 0 long, below 0 short.
    entry : number
        Its average price, quote.
    collateral : number
        Money that backs it, quote.

    Returns
    -------
    Fraction
        ``entry - collateral / position``.

    Raises
    ------
    InputError
        Something is no number, or the position is none.

    Examples
    --------
    >>> bankruptcy_price(10, 120_000, 60_000), bankruptcy_price(-10, 110_000, 110_000)
    (Fraction(114000, 1), Fraction(121000, 1))
    """
    return fraction(entry, "entry") - fraction(collateral, "collateral") / _position(position)


def leverage_after_shock(leverage: Number, collateral_share: Number, shock: Number) -> Fraction:
    """Return the leverage of an account whose collateral has fallen, its positions unchanged: ``L / (1 - s * d)``.

    Parameters
    ----------
    leverage : number
        Notional / equity before.
    collateral_share : number
        Collateral that falls / equity before.
    shock : number
        Its fall, 0 .. 1.

    Returns
    -------
    Fraction
        Notional / equity after.

    Raises
    ------
    InputError
        Something is no number, or no equity is left.

    Examples
    --------
    Twice becomes three to four times when all equity is collateral that falls by a third to a half:

    >>> leverage_after_shock(2, 1, "1/3"), leverage_after_shock(2, 1, "0.5")
    (Fraction(3, 1), Fraction(4, 1))
    """
    left = 1 - fraction(collateral_share, "collateral_share") * fraction(shock, "shock")
    if left <= 0:
        raise InputError("shock", "a loss that leaves equity", shock)
    return fraction(leverage, "leverage") / left


# --- checks ---------------------------------------------------------------------------------------------------------


def _member(kind: type[_Member], value: object, name: str) -> _Member:
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return kind(value)
    except ValueError:
        pass
    raise InputError(name, f"a {kind.__name__}", value)


def fraction(value: Number, name: str) -> Fraction:
    """Return a number as a fraction; texts may be decimal or ``p/q``."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, str) and "/" in value:
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            raise InputError(name, "a number or a fraction", value) from None
    number: Decimal = exact(value, name)
    return Fraction(number)


def _position(value: Number) -> Fraction:
    position = fraction(value, "position")
    if not position:
        raise InputError("position", "a position other than 0", value)
    return position


def _rate(value: Number, name: str) -> Fraction:
    rate = fraction(value, name)
    if not 0 <= rate <= 1:
        raise InputError(name, "a rate from 0 to 1", value)
    return rate


def _tiers(tiers: Number | Sequence[tuple[Number, Number]]) -> list[tuple[Fraction, Fraction]]:
    if isinstance(tiers, (int, float, str, Decimal, Fraction)):
        return [(Fraction(0), _rate(tiers, "tiers"))]
    try:
        rows = [(fraction(floor, "tiers"), _rate(rate, "tiers")) for floor, rate in tiers]
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("tiers", "a rate, or pairs of lowest notional and rate", tiers) from None
    floors = [floor for floor, _ in rows]
    if not floors or floors[0] != 0 or any(b <= a for a, b in pairwise(floors)):
        raise InputError("tiers", "lowest notionals that rise from 0", tiers)
    return rows
