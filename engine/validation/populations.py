"""The number of orders at one level of a real book: births, exponential lives, and market orders that eat the oldest.

Stands on `EventQueue`, `OrderBook`, `clock`, `draws`, `little`, `statistics`, `line`, `plan`. Limit orders of one lot
arrive at rate lambda; each has a timer of rate theta that cancels it; market orders of one lot arrive at rate mu. A
fill cancels the timer of its maker. What is counted is the book's own number of resting orders, read after every event.

* no market orders (a level that no trade reaches): M/M/infinity, the number is Poisson with mean lambda / theta;
* with market orders: a birth-death chain with death rate ``mu + n theta`` above its floor of 0.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine import EventQueue, OrderBook, Side
from engine.validation.clock import MS_PER_UNIT
from engine.validation.draws import Stream
from engine.validation.line import Line
from engine.validation.little import little_line
from engine.validation.statistics import (
    BATCHES,
    as_ints,
    batch_means,
    chi_square,
    chi_square_critical,
    chi_square_tail,
    time_area,
)

if TYPE_CHECKING:
    from engine._core import QueuedEvent
    from engine.validation.plan import Plan

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PRICE_TICKS = 100
TAIL_MIN = 0.001
"""The chi-square test refuses what comes less often than this."""

SAMPLE_EVERY_UNITS = 15
"""Between two looks at M/M/infinity: e^(-0.68 * 15) = 4e-5 is left of the past, so looks count as independent."""

SAMPLES, SAMPLES_QUICK = 50_000, 5_000
CHAIN_UNITS, CHAIN_UNITS_QUICK = 300_000, 30_000
WARM_UP_UNITS = 30
_LIMIT, _MARKET = -1, -2


@dataclass(frozen=True)
class LevelLaw:
    """Describe one level; rates per unit: of limit orders, of market orders, of each order's cancel."""

    name: str
    limit_rate: float
    market_rate: float
    cancel_rate: float

    def probabilities(self, count: int) -> Floats:
        """Return P(n orders) for n = 0 .. count - 1, the last with all above.

        Parameters
        ----------
        count : int
            Number of cells.

        Returns
        -------
        array of float64, shape (count,)
            Adding up to 1.

        Notes
        -----
        Source: detailed balance, ``P(n) / P(n - 1) = lambda / (mu + n theta)``.

        Examples
        --------
        >>> BIRTH_DEATH.probabilities(40)[:3].round(5).tolist()
        [0.25316, 0.28385, 0.22251]
        """
        terms = [1.0]
        while len(terms) < count or terms[-1] > 1e-18:
            terms.append(terms[-1] * self.limit_rate / (self.market_rate + len(terms) * self.cancel_rate))
        whole = math.fsum(terms)
        head = [term / whole for term in terms[: count - 1]]
        return np.array([*head, 1.0 - math.fsum(head)])

    def mean(self) -> float:
        """Return the mean number of orders.

        Examples
        --------
        >>> round(BIRTH_DEATH.mean(), 5), round(MM_INFINITY.mean(), 5)
        (1.61686, 1.60294)
        """
        shares = self.probabilities(200)
        return float(np.dot(np.arange(len(shares)), shares))


MM_INFINITY = LevelLaw("mm-infinity", 1.09, 0.0, 0.68)
BIRTH_DEATH = LevelLaw("birth-death", 1.85, 0.94, 0.71)


@dataclass(frozen=True)
class LevelPath:
    """What happened at a level; times in ms.

    ``in_level[i]`` is the book's count from ``change_ms[i]`` on; orders are in the order of their arrival, and one that
    rests at the end departs when the run ends.
    """

    change_ms: Ints
    in_level: Ints
    arrival_ms: Ints
    depart_ms: Ints
    trade_count: int
    until_ms: int


def simulate_level(law: LevelLaw, seed: int, units: float) -> LevelPath:
    """Run one level of a real book on the event queue.

    Parameters
    ----------
    law : LevelLaw
        Rates; the name is part of the draws' key.
    seed : int
        Key of the draws.
    units : float
        How long, units of model time.

    Returns
    -------
    LevelPath

    Notes
    -----
    O(n) events, each with one command to the book.
    """
    queue, book = EventQueue(), OrderBook()
    schedule = queue.schedule
    who = f"validation/{law.name}"
    limit_gaps = Stream(seed, f"{who}/limits").endless_waits_ms(1.0 / law.limit_rate, MS_PER_UNIT)
    lives = Stream(seed, f"{who}/lives").endless_waits_ms(1.0 / law.cancel_rate, MS_PER_UNIT)
    arrival, depart = array("q"), array("q")
    change, in_level = array("q"), array("q")
    timers: dict[int, int] = {}
    until = round(units * MS_PER_UNIT)

    def fire(event: QueuedEvent) -> None:
        now, what = event.time_ms, event.data
        if what == _LIMIT:
            order = len(arrival)
            arrival.append(now)
            depart.append(until)
            book.limit(Side.BUY, PRICE_TICKS, 1, order_id=order)
            timers[order] = schedule(now + next(lives), order)
            schedule(now + next(limit_gaps), _LIMIT)
        elif what == _MARKET:
            if book.market(Side.SELL, 1).filled_lots:
                maker = book.last_fills()[0].maker_id
                queue.cancel(timers.pop(maker))
                depart[maker] = now
            schedule(now + next(market_gaps), _MARKET)
        else:
            # A cancel that the book refused would leave this stay open, and Little's law would fail.
            if book.cancel(order_id=what).accepted:
                depart[what] = now
            del timers[what]
        change.append(now)
        in_level.append(book.order_count)

    schedule(next(limit_gaps), _LIMIT)
    if law.market_rate:
        market_gaps = Stream(seed, f"{who}/markets").endless_waits_ms(1.0 / law.market_rate, MS_PER_UNIT)
        schedule(next(market_gaps), _MARKET)
    queue.run(until, fire)
    counted, stays = (as_ints(change), as_ints(in_level)), (as_ints(arrival), as_ints(depart))
    return LevelPath(*counted, *stays, book.trade_count, until)


def population_lines(name: str, counts: Ints, law: LevelLaw) -> list[Line]:
    """Judge independent looks at a level: mean and chi-square.

    Parameters
    ----------
    name : str
        First part of the lines' names.
    counts : array of int64, shape (n,)
        Orders at each look.
    law : LevelLaw
        What it should obey.

    Returns
    -------
    list of Line
    """
    cells = max(int(counts.max(initial=0)) + 1, 12)
    shares = law.probabilities(cells)
    statistic, degrees = chi_square(np.bincount(counts, minlength=cells), shares)
    expected = law.mean()
    variance = float(np.dot((np.arange(cells) - expected) ** 2, shares))
    band = 4.0 * math.sqrt(variance / len(counts))
    note = f"{degrees} degrees of freedom, p = {chi_square_tail(statistic, degrees):.4f}"
    critical = chi_square_critical(TAIL_MIN, degrees)
    return [
        Line(f"{name}/mean", float(counts.mean()), expected, band, "4 s.e.", len(counts)),
        Line(f"{name}/chi-square", statistic, 0.0, critical, f"p > {TAIL_MIN:g}", len(counts), note),
    ]


def occupancy_lines(
    name: str, change_ms: Ints, in_level: Ints, law: LevelLaw, window_ms: tuple[int, int]
) -> list[Line]:
    """Judge a level's path over time: mean and P(0) .. P(5), by the means of equal stretches.

    Parameters
    ----------
    name : str
        First part of the lines' names.
    change_ms, in_level : array of int64, shape (n,)
        When the count changed, and what it was from then on.
    law : LevelLaw
        What it should obey.
    window_ms : tuple of int
        Begin and end, ms.

    Returns
    -------
    list of Line
    """
    begin, end = window_ms
    edges = np.linspace(begin, end, BATCHES + 1).astype(np.int64).tolist()
    stretches = list(pairwise(edges))

    def line(what: str, path: Ints, expected: float) -> Line:
        shares = np.array([time_area(change_ms, path, a, b) / (b - a) for a, b in stretches])
        measured, error = batch_means(shares, BATCHES)
        return Line(f"{name}/{what}", measured, expected, 4.0 * error, "4 s.e., batch means", len(change_ms))

    shares = law.probabilities(200)
    lines = [line("mean", in_level, law.mean())]
    lines += [line(f"P{n}", (in_level == n).astype(np.int64), float(shares[n])) for n in range(6)]
    return lines


def level_little_line(path: LevelPath, name: str) -> Line:
    """Compare the level's count over time with its orders' stays (Little)."""
    begin, end = path.until_ms // 10, path.until_ms - path.until_ms // 10
    counted, stays = (path.change_ms, path.in_level), (path.arrival_ms, path.depart_ms)
    return little_line(f"{name}/little", counted, stays, (begin, end))


def sample_counts(path: LevelPath, every_ms: int) -> Ints:
    """Look at a level's count every so often, from the first interval's end on."""
    looks = np.arange(every_ms, path.until_ms + 1, every_ms)
    return path.in_level[np.searchsorted(path.change_ms, looks, side="right") - 1]


def check_mm_infinity(plan: Plan) -> list[Line]:
    """Run a level that no trade reaches."""
    law = MM_INFINITY
    path = simulate_level(law, plan.seed, SAMPLE_EVERY_UNITS * plan.size(SAMPLES, SAMPLES_QUICK))
    counts = sample_counts(path, SAMPLE_EVERY_UNITS * MS_PER_UNIT)
    return [*population_lines(law.name, counts, law), level_little_line(path, law.name)]


def check_birth_death(plan: Plan) -> list[Line]:
    """Run a level that market orders eat."""
    law = BIRTH_DEATH
    path = simulate_level(law, plan.seed, plan.size(CHAIN_UNITS, CHAIN_UNITS_QUICK))
    window = (WARM_UP_UNITS * MS_PER_UNIT, path.until_ms)
    lines = occupancy_lines(law.name, path.change_ms, path.in_level, law, window)
    return [*lines, level_little_line(path, law.name)]
