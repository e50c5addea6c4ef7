"""What longs pay shorts, and when the other way round: rules F-1 .. F-4.

Stands on `ledger` (`ceil_div`).

::

    levels --F-4--> impact prices, index --F-1--> samples --mean--> P_avg --F-2--> rate
    rate --F-3--> payer --ceil--> pool --floor--> payee

Promises: plain integers, rates in ppb (10^-9). Payments and the pool's part sum to 0, and the pool never pays.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.reference.ledger import ceil_div

if TYPE_CHECKING:
    from collections.abc import Sequence

PPB = 10**9
MICRO = 10**6  # impact prices are in millionths of a tick
INTEREST_PPB = 100_000  # 0.01 % per 8 h
CLAMP_PPB = 500_000  # 0.05 %
EIGHT_HOURS_MS = 8 * 3_600_000


def impact_price(
    levels: Sequence[tuple[int, int]], impact_atoms: int, atoms_per_tick_lot: int, *, is_ask: bool
) -> int | None:
    """Return the average price of trading so many atoms' worth into one side of a book (F-4), millionths of a tick.

    Parameters
    ----------
    levels : sequence of (int, int)
        (price in ticks, lots shown), the best one first.
    impact_atoms : int
        What is sold into bids, or buys from asks, quote atoms.
    atoms_per_tick_lot : int
        The market's w.
    is_ask : bool
        Whether these are asks: rounded up, else down.

    Returns
    -------
    int or None
        None where the levels are worth less.

    Examples
    --------
    >>> impact_price([(100, 2), (90, 10)], 290, 1, is_ask=False)  # 2 lots at 100 and 1 at 90
    96666666
    >>> impact_price([(100, 2)], 201, 1, is_ask=False) is None
    True
    """
    left, lots = Fraction(impact_atoms), Fraction(0)
    for price_ticks, shown_lots in levels:
        taken = min(Fraction(shown_lots), left / (price_ticks * atoms_per_tick_lot))
        lots += taken
        left -= taken * price_ticks * atoms_per_tick_lot
        if left == 0:
            average = Fraction(impact_atoms * MICRO, atoms_per_tick_lot) / lots
            return ceil_div(average.numerator, average.denominator) if is_ask else floor(average)
    return None


def premium_ppb(impact_bid_ticks: int | None, impact_ask_ticks: int | None, index_ticks: int) -> int:
    """Return a premium sample (F-1), ppb of the index, rounded down.

    Parameters
    ----------
    impact_bid_ticks, impact_ask_ticks : int or None
        Average prices at which the impact notional sells and buys; None where the book is too thin.
    index_ticks : int
        The index in the same unit, at least 1.

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


class FundingInterval:
    """Take the premium samples of a market, and give the rate at the end of each interval (F-4).

    Parameters
    ----------
    every_ms : int
        The interval, ms.
    impact_atoms : int
        What a sample sells and buys, quote atoms.
    atoms_per_tick_lot : int
        The market's w.
    interest_ppb, clamp_ppb, cap_ppb : int, int, int or None
        As for `funding_rate_ppb`.

    Examples
    --------
    >>> interval = FundingInterval(EIGHT_HOURS_MS, 100, 1)
    >>> interval.settle(5) is None  # nothing was sampled
    True
    >>> interval.sample(5, [(10_010, 1)], [(10_011, 1)], 10_000)
    >>> interval.settle(10), interval.settle(20)  # the last sample goes on counting
    (500000, 500000)
    """

    def __init__(
        self,
        every_ms: int,
        impact_atoms: int,
        atoms_per_tick_lot: int,
        *,
        interest_ppb: int = INTEREST_PPB,
        clamp_ppb: int = CLAMP_PPB,
        cap_ppb: int | None = None,
    ) -> None:
        self.every_ms, self.impact_atoms, self.worth = every_ms, impact_atoms, atoms_per_tick_lot
        self.interest_ppb, self.clamp_ppb, self.cap_ppb = interest_ppb, clamp_ppb, cap_ppb
        self.samples: list[tuple[int, int]] = []

    def sample(
        self,
        time_ms: int,
        bids: Sequence[tuple[int, int]],
        asks: Sequence[tuple[int, int]],
        base_ticks: int | None,
    ) -> None:
        """Take a sample, unless there is nothing to measure against; one of the same time is replaced."""
        if base_ticks is None:
            return
        bid, ask = (
            impact_price(side, self.impact_atoms, self.worth, is_ask=is_ask)
            for side, is_ask in ((bids, False), (asks, True))
        )
        self.samples = [sample for sample in self.samples if sample[0] != time_ms]
        self.samples.append((time_ms, premium_ppb(bid, ask, base_ticks * MICRO)))

    def settle(self, time_ms: int) -> int | None:
        """Return the rate, ppb, and begin the next interval; None without a sample before this time."""
        before = [sample for sample in self.samples if sample[0] < time_ms]
        if not before:
            return None
        mean = premium_mean_ppb(before, time_ms)
        self.samples = [(time_ms, self.samples[-1][1])]
        return funding_rate_ppb(
            mean,
            self.every_ms,
            interest_ppb=self.interest_ppb,
            clamp_ppb=self.clamp_ppb,
            cap_ppb=self.cap_ppb,
        )
