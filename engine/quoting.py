"""Quotes of a market maker in closed form: Avellaneda and Stoikov; Gueant, Lehalle and Fernandez-Tapia.

Stands on `math`. Agents quote by the first (A-2, `mode = "avellaneda-stoikov"`), in whole ticks; here are its numbers
before they are rounded, and those of the market that never ends. Floats: quotes are decisions, not money.

Model: the price is a Brownian motion of `sigma` for the square root of a unit of time; an order at a distance d from it
is filled at the rate ``A * exp(-k * d)``; the maker maximises exponential utility with risk aversion g.

Examples
--------
>>> from engine import quoting
>>> for held in (0, 5, -5):
...     bid, ask = quoting.stoikov_quotes(100, held, risk_aversion=0.1, sigma=2, decay=1.5, time_left=1)
...     print(f"{bid:.2f} {ask:.2f} {ask - bid:.2f}")
99.15 100.85 1.69
97.15 98.85 1.69
101.15 102.85 1.69
"""

from __future__ import annotations

import math
import numbers
from typing import NamedTuple

from engine.errors import InputError

__all__ = ["Quotes", "gueant_quotes", "stoikov_quotes"]


class Quotes(NamedTuple):
    """A bid and an ask, in the unit of the price."""

    bid: float
    ask: float


def stoikov_quotes(
    price: float, held: float, *, risk_aversion: float, sigma: float, decay: float, time_left: float
) -> Quotes:
    """Return the quotes of a maker whose market ends: ``r = s - q g sigma^2 (T - t)``, half the spread around it.

    Parameters
    ----------
    price : float
        s, the mid.
    held : float
        q, inventory in units of the quoted size, below 0 short.
    risk_aversion : float
        g, above 0.
    sigma : float
        Price for the square root of a unit of time, 0 and more.
    decay : float
        k, per price, above 0.
    time_left : float
        T - t, units of time, 0 and more.

    Returns
    -------
    Quotes
        Their spread is ``g sigma^2 (T - t) + (2 / g) ln(1 + g / k)``, whatever is held.

    Raises
    ------
    InputError
        Something is out of its bounds; it is named.

    Notes
    -----
    O(1). Source: Avellaneda, Stoikov (2008), Quantitative Finance 8(3).

    Examples
    --------
    >>> stoikov_quotes(100, 0, risk_aversion=0.1, sigma=20, decay=1.5, time_left=1).ask - 100 > 20
    True
    """
    _check(risk_aversion=risk_aversion, decay=decay)
    _check(low=0.0, sigma=sigma, time_left=time_left)
    _check(low=None, price=price, held=held)
    risk = risk_aversion * sigma * sigma * time_left
    centre, half = price - held * risk, 0.5 * risk + _monopoly(risk_aversion, decay)
    return Quotes(centre - half, centre + half)


def gueant_quotes(
    price: float, held: float, *, risk_aversion: float, sigma: float, decay: float, rate: float
) -> Quotes:
    """Return the quotes of a maker whose market never ends, approximately.

    ``half spread = (1/g) ln(1 + g/k) + (1 +- 2 q)/2 * sqrt(sigma^2 g / (2 k A) * (1 + g/k)^(1 + k/g))``, plus for the
    bid, minus for the ask.

    Parameters
    ----------
    price, held, risk_aversion, sigma, decay : float
        As for `stoikov_quotes`.
    rate : float
        A, fills per unit of time at distance 0, above 0.

    Returns
    -------
    Quotes

    Raises
    ------
    InputError
        Something is out of its bounds; it is named.

    Notes
    -----
    O(1). The exact quotes come from the ground state of a tridiagonal matrix; this replaces it by a bell curve, which
    is near for small inventories and small ``sigma^2 g``. Source: Gueant, Lehalle, Fernandez-Tapia (2013), Mathematics
    and Financial Economics 7(4).

    Examples
    --------
    >>> quotes = gueant_quotes(100, 0, risk_aversion=0.01, sigma=0.3, decay=0.3, rate=0.9)
    >>> round(100 - quotes.bid, 3), round(quotes.ask - 100, 3)
    (3.313, 3.313)
    """
    _check(risk_aversion=risk_aversion, decay=decay, rate=rate)
    _check(low=0.0, sigma=sigma)
    _check(low=None, price=price, held=held)
    growth = (1.0 + decay / risk_aversion) * math.log1p(risk_aversion / decay)
    tilt = sigma * math.sqrt(risk_aversion / (2.0 * decay * rate)) * math.exp(0.5 * growth)
    base = _monopoly(risk_aversion, decay)
    return Quotes(price - base - (0.5 + held) * tilt, price + base + (0.5 - held) * tilt)


def _monopoly(risk_aversion: float, decay: float) -> float:
    """Return the half spread that the fear of inventory adds nothing to."""
    return math.log1p(risk_aversion / decay) / risk_aversion


def _check(*, low: float | None = math.ulp(0.0), **values: object) -> None:
    """Raise unless all are finite numbers, not below a bound; without one any will do."""
    for name, value in values.items():
        bound = "" if low is None else ", 0 and more" if low == 0.0 else " above 0"
        number = math.nan if isinstance(value, bool) or not isinstance(value, numbers.Real) else float(value)
        if not math.isfinite(number) or (low is not None and number < low):
            raise InputError(name, f"a finite number{bound}", value)
