"""What longs pay shorts, and when the other way round: rules F-1 .. F-3.

Stands on `ledger` (`ceil_div`).

::

    impact prices, index --F-1--> samples --mean--> P_avg --F-2--> rate --F-3--> payer --ceil--> pool --floor--> payee

Promises: plain integers, rates in ppb (10^-9). Payments and the pool's part sum to 0, and the pool never pays.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.reference.ledger import ceil_div

if TYPE_CHECKING:
    from collections.abc import Sequence

PPB = 10**9
INTEREST_PPB = 100_000  # 0.01 % per 8 h
CLAMP_PPB = 500_000  # 0.05 %
EIGHT_HOURS_MS = 8 * 3_600_000


def premium_ppb(impact_bid_ticks: int | None, impact_ask_ticks: int | None, index_ticks: int) -> int:
    """Return a premium sample (F-1), ppb of the index, rounded down.

    Parameters
    ----------
    impact_bid_ticks, impact_ask_ticks : int or None
        Average prices at which the impact notional sells and buys, ticks; None where the book is too thin.
    index_ticks : int
        The index, ticks, at least 1.

    Raises
    ------
    InputError
        There is no index to divide by.

    Examples
    --------
    >>> premium_ppb(1_001, 1_002, 1_000), premium_ppb(990, 997, 1_000), premium_ppb(999, 1_001, 1_000)
    (1000000, -3000000, 0)
    """
    if index_ticks < 1:
        raise InputError("index_ticks", "at least 1", index_ticks)
    above = 0 if impact_bid_ticks is None else max(0, impact_bid_ticks - index_ticks)
    below = 0 if impact_ask_ticks is None else max(0, index_ticks - impact_ask_ticks)
    return (above - below) * PPB // index_ticks


def premium_mean_ppb(samples: Sequence[tuple[int, int]], end_ms: int) -> int:
    """Return the time-weighted mean of premium samples (F-1), ppb, rounded down.

    Parameters
    ----------
    samples : sequence of (int, int)
        (time in ms, premium in ppb), times rising; each counts until the next one.
    end_ms : int
        End of the interval, after the last sample.

    Raises
    ------
    InputError
        There is no sample, or the times do not rise up to the end.

    Examples
    --------
    >>> premium_mean_ppb([(0, 300), (10, -100)], 40)  # 10 ms of 300, 30 ms of -100
    0
    """
    times = [*(time_ms for time_ms, _ in samples), end_ms]
    if len(times) < 2 or any(later <= time_ms for time_ms, later in pairwise(times)):
        raise InputError("samples", "times that rise up to the end", times)
    weighted = sum(premium * (later - time_ms) for (time_ms, premium), later in zip(samples, times[1:], strict=True))
    return weighted // (end_ms - times[0])


def half_away(dividend: int, divisor: int) -> int:
    """Return the quotient rounded to nearest, a half away from zero; the divisor is above 0."""
    nearest = (2 * abs(dividend) + divisor) // (2 * divisor)
    return nearest if dividend >= 0 else -nearest


def funding_rate_ppb(
    premium_mean: int,
    interval_ms: int,
    *,
    interest_ppb: int = INTEREST_PPB,
    clamp_ppb: int = CLAMP_PPB,
    cap_ppb: int | None = None,
) -> int:
    """Return the funding rate of one settlement (F-2), ppb.

    Parameters
    ----------
    premium_mean : int
        P_avg, ppb.
    interval_ms : int
        Time between two settlements, ms.
    interest_ppb : int
        I, ppb per 8 h.
    clamp_ppb : int
        How far the interest may pull the rate from the premium, ppb.
    cap_ppb : int or None
        The venue's cap on the rate of one settlement, either way, ppb.

    Returns
    -------
    int
        Above 0: longs pay.

    Examples
    --------
    A premium of 0.10 %: 0.05 % over eight hours, and an eighth of it when paid hourly.

    >>> funding_rate_ppb(1_000_000, EIGHT_HOURS_MS), funding_rate_ppb(1_000_000, 3_600_000)
    (500000, 62500)
    """
    pull = min(max(interest_ppb - premium_mean, -clamp_ppb), clamp_ppb)
    rate = half_away((premium_mean + pull) * interval_ms, EIGHT_HOURS_MS)
    return rate if cap_ppb is None else min(max(rate, -cap_ppb), cap_ppb)


def funding_payments(
    positions: Sequence[int], price_ticks: int, atoms_per_tick_lot: int, rate_ppb: int
) -> tuple[list[int], int]:
    """Return what each position gets, and what stays in the market's funding pool (F-3).

    Parameters
    ----------
    positions : sequence of int
        Lots, long above 0.
    price_ticks : int
        Mark or oracle, ticks.
    atoms_per_tick_lot : int
        The market's w.
    rate_ppb : int
        The rate of this settlement, ppb.

    Returns
    -------
    list of int
        Atoms that each balance changes by; a payer's is below 0.
    int
        What the pool gains; all together sum to 0.

    Examples
    --------
    >>> funding_payments([3, -1, -2], 1_001, 1, 1_000_000)  # 3.003 paid, 1.001 and 2.002 received
    ([-4, 1, 2], 1)
    """
    # -ceil(x) is minus a payer's payment rounded up, and a receiver's |x| rounded down.
    changes = [-ceil_div(lots * price_ticks * atoms_per_tick_lot * rate_ppb, PPB) for lots in positions]
    return changes, -sum(changes)
