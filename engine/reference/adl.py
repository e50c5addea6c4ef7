"""Whom auto-deleveraging meets first, and how much each takes: rules X-11 and X-12.

Stands on nothing of the world: candidates are plain numbers.

::

    a position has to go -> candidates of the other side -> score, higher first       (one after the other)
                                                         -> weights and caps, filled  (all at once)

Promises: pure functions of plain integers. Scores are in ppb, every division rounds down.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

PPB = 10**9
SCORE_MOST = 2**62
PRO_RATA = ("contracts", "pnl")
UNRANKED_MOST = 500  # candidates that are looked at for a position
PURPOSE_ADL = 13


class Candidate(NamedTuple):
    """Hold a holder of the other side; money in atoms, equity and requirement those of its unit."""

    account: int
    lots: int  # signed
    cost: int
    pnl: int  # unrealised, in this market
    value: int  # |notional| at mark
    equity: int
    requirement: int
    wallet: int  # W of X-12


def _ppb(dividend: int, divisor: int) -> int:
    """Return a ratio in ppb; a divisor below 1 counts as 1."""
    return _bounded(dividend * PPB // max(1, divisor))


def _times(a: int, b: int) -> int:
    return _bounded(a * b // PPB)


def _bounded(score: int) -> int:
    return min(max(score, -SCORE_MOST), SCORE_MOST)


def score(rule: str, who: Candidate) -> int:
    """Return the score of a candidate under a rule (X-12), ppb.

    Examples
    --------
    A profit of 500 on a wallet of 100, 20 of 600 required: 5 x 0.0333.

    >>> score("binance", Candidate(7, -1, -900, 500, 400, 600, 20, 100))
    166666665
    """
    leverage = _ppb(who.value, who.equity)
    if rule == "binance":
        risk = _ppb(who.requirement, who.equity) if who.equity > 0 else 0
        return _times(_ppb(max(0, who.pnl), who.wallet), risk)
    if rule == "hyperliquid" or (rule == "hyperliquid_adjusted" and who.lots > 0):
        return _times(_ppb(who.value, abs(who.cost)), leverage)
    if rule == "hyperliquid_adjusted":
        return _times(_ppb(abs(who.cost), who.value), leverage)
    if rule == "bybit":
        return _times(_ppb(who.pnl, abs(who.cost)), leverage)
    raise ValueError(rule)


def ranked(rule: str, candidates: Sequence[Candidate]) -> list[int]:
    """Return the accounts of candidates, best first; ties by account."""
    return [who.account for who in sorted(candidates, key=lambda who: (-score(rule, who), who.account))]


def unranked(candidates: Sequence[Candidate], drawn: int) -> list[int]:
    """Return the accounts of candidates from a drawn one on, once around."""
    accounts = sorted(who.account for who in candidates)
    return [each for each in accounts if each >= drawn] + [each for each in accounts if each < drawn]


class Share(NamedTuple):
    """Hold what a candidate weighs, and what it can take at most, lots."""

    account: int
    weight: int
    cap: int


def water_fill(shares: Sequence[Share], lots: int) -> dict[int, int]:
    """Give lots out over weights and caps (X-12): min(cap, eta * weight), rounded down, then a lot each by account.

    Parameters
    ----------
    shares : sequence of Share
        Weights and caps at least 1.
    lots : int
        To be given out.

    Returns
    -------
    dict of int to int
        Lots by account; their sum is `lots`, or that of all caps if it is less.

    Examples
    --------
    Twelve lots over weights 1, 1, 2 where the last can take three only: eta is 4.5, and the half lot goes to the first.

    >>> water_fill([Share(3, 1, 9), Share(4, 1, 9), Share(5, 2, 3)], 12)
    {3: 5, 4: 4, 5: 3}
    """
    level = _level(shares, lots)
    given = {each.account: min(each.cap, each.weight * level.numerator // level.denominator) for each in shares}
    left = min(lots, sum(each.cap for each in shares)) - sum(given.values())
    for each in sorted(shares):
        if left and given[each.account] < each.cap:
            given[each.account] += 1
            left -= 1
    return given


def _level(shares: Sequence[Share], lots: int) -> Fraction:
    """Return eta: the caps bind one after the other, in the order of cap / weight."""
    level, used, weights = Fraction(0), Fraction(0), sum(each.weight for each in shares)
    for each in sorted(shares, key=lambda each: Fraction(each.cap, each.weight)):
        full = Fraction(each.cap, each.weight)
        if used + (full - level) * weights >= lots:
            return level + (lots - used) / weights
        used += (full - level) * weights
        level = full
        weights -= each.weight
    return level
