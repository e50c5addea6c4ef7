"""A whole book of Poisson clocks, after Cont, Stoikov and Talreja (2010), on the event queue and the real matcher.

Stands on `EventQueue`, `OrderBook`, `clock`, `draws`, `little`, `line`, `plan`. One source per (side, distance) of
limit orders, the distance counted from the opposite best; one of market orders per side; one timer per resting order
that cancels it, removed when the order is filled. Orders are of one lot. An order keeps the cancel rate of the distance
at which it was placed (in the paper the rate follows the distance, so figures of the stationary book are not compared
here).

Beside the book's own events the queue may carry dummy timers that nobody answers: in pairs, of which the one that fires
first cancels the other.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine import EventQueue, OrderBook, Side
from engine.validation.clock import MS_PER_UNIT
from engine.validation.draws import Stream
from engine.validation.line import Line
from engine.validation.little import little_line
from engine.validation.statistics import as_ints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine._core import QueuedEvent
    from engine.validation.plan import Plan

Ints = NDArray[np.int64]

LIMIT_RATES = (1.85, 1.51, 1.09, 0.88, 0.77)
"""Limit orders a minute at distance 1 .. 5; further off ``1.92 distance^-0.52``."""

CANCEL_RATES = (0.71, 0.81, 0.68, 0.56, 0.47)
"""Cancels a minute of each order at distance 1 .. 5 and further."""

MARKET_RATE = 0.94
DISTANCE_MAX = 60
MIDDLE_TICKS = 100_000
MINUTES, MINUTES_QUICK = 5_000, 200
DUMMIES, DUMMIES_QUICK = 100_000, 20_000

# The word that an event carries: a source's number, `_CANCEL` + order, or `_DUMMY` + number.
_CANCEL = 1 << 32
_DUMMY = 1 << 48
_MARKET = 0  # in place of a distance


def limit_rate(distance: int) -> float:
    """Return limit orders a minute at a distance from the opposite best, ticks."""
    return LIMIT_RATES[distance - 1] if distance <= len(LIMIT_RATES) else 1.92 * distance**-0.52


def cancel_rate(distance: int) -> float:
    """Return cancels a minute of an order at a distance from the opposite best, ticks."""
    return CANCEL_RATES[min(distance, len(CANCEL_RATES)) - 1]


@dataclass
class LevelRecord:
    """One price of the book: its count after each event there, and its orders' stays; times in ms."""

    change_ms: array[int] = field(default_factory=lambda: array("q"))
    in_level: array[int] = field(default_factory=lambda: array("q"))
    arrival_ms: array[int] = field(default_factory=lambda: array("q"))
    depart_ms: array[int] = field(default_factory=lambda: array("q"))


@dataclass(frozen=True)
class BookPath:
    """What a run left: trades as rows (time_ms, price_ticks, maker, taker), the fired times, the levels by price."""

    trades: Ints
    fired_ms: Ints
    levels: dict[int, LevelRecord]
    dummies_fired: int
    dummies_cancelled: int
    until_ms: int


class PoissonBook:
    """Run the book.

    Parameters
    ----------
    seed : int
        Key of the draws.
    dummies : int
        Dummy timers, an even number; they draw from streams of their own.
    """

    def __init__(self, seed: int, dummies: int = 0) -> None:
        self._seed = seed
        self._dummies = dummies
        self._queue, self._book = EventQueue(), OrderBook()
        self._sources = [(side, distance) for side in Side for distance in range(DISTANCE_MAX + 1)]
        self._gaps: list[Iterator[int]] = []
        self._lives = Stream(seed, "validation/poisson-book/lives").endless_waits_ms(1.0, MS_PER_UNIT)
        self._timers: dict[int, int] = {}
        self._places: dict[int, tuple[int, int]] = {}  # order: its price, its place in the price's record
        self._orders = 0
        self._trades, self._fired = array("q"), array("q")
        self._levels: dict[int, LevelRecord] = {}
        self._dummy_handles: list[int] = []
        self._dummies_fired = self._dummies_cancelled = 0

    def run(self, minutes: float) -> BookPath:
        """Run from a filled book for some minutes of model time.

        Parameters
        ----------
        minutes : float
            Units of model time.

        Returns
        -------
        BookPath
        """
        self._until = round(minutes * MS_PER_UNIT)
        self._schedule_dummies()
        self._fill()
        for number, (_, distance) in enumerate(self._sources):
            rate = limit_rate(distance) if distance else MARKET_RATE
            stream = Stream(self._seed, "validation/poisson-book/sources", number)
            self._gaps.append(stream.endless_waits_ms(1.0 / rate, MS_PER_UNIT))
            self._queue.schedule(next(self._gaps[number]), number)
        self._queue.run(self._until, self._fire)
        trades = as_ints(self._trades).reshape(-1, 4)
        return BookPath(
            trades=trades,
            fired_ms=as_ints(self._fired),
            levels=self._levels,
            dummies_fired=self._dummies_fired,
            dummies_cancelled=self._dummies_cancelled,
            until_ms=self._until,
        )

    def _fire(self, event: QueuedEvent) -> None:
        now, what = event.time_ms, event.data
        self._fired.append(now)
        if what >= _DUMMY:
            self._fire_dummy(what - _DUMMY)
        elif what >= _CANCEL:
            self._cancel(what - _CANCEL, now)
        else:
            side, distance = self._sources[what]
            self._queue.schedule(now + next(self._gaps[what]), what)
            if distance == _MARKET:
                self._take(side, now)
            else:
                opposite = self._book.best_ask if side == Side.BUY else self._book.best_bid
                if opposite is not None:
                    self._place(side, opposite - side * distance, distance, now)

    def _fill(self) -> None:
        """Begin near equilibrium: as many orders at each distance as cancels alone would leave."""
        for distance in range(1, DISTANCE_MAX + 1):
            for _ in range(round(limit_rate(distance) / cancel_rate(distance))):
                self._place(Side.BUY, MIDDLE_TICKS + 1 - distance, distance, 0)
                self._place(Side.SELL, MIDDLE_TICKS + distance, distance, 0)

    def _place(self, side: Side, price_ticks: int, distance: int, now: int) -> None:
        order = self._orders
        self._orders += 1
        self._book.limit(side, price_ticks, 1, order_id=order)
        life = round(next(self._lives) / cancel_rate(distance))
        self._timers[order] = self._queue.schedule(now + life, _CANCEL + order)
        record = self._levels.setdefault(price_ticks, LevelRecord())
        self._places[order] = (price_ticks, len(record.arrival_ms))
        record.arrival_ms.append(now)
        record.depart_ms.append(self._until)
        self._count(price_ticks, now)

    def _take(self, side: Side, now: int) -> None:
        taker = self._orders
        self._orders += 1
        if self._book.market(side, 1, order_id=taker).filled_lots:
            fill = self._book.last_fills()[0]
            self._trades.extend((now, fill.price_ticks, fill.maker_id, taker))
            self._queue.cancel(self._timers.pop(fill.maker_id))
            self._gone(fill.maker_id, now)

    def _cancel(self, order: int, now: int) -> None:
        del self._timers[order]
        if self._book.cancel(order_id=order).accepted:
            self._gone(order, now)

    def _gone(self, order: int, now: int) -> None:
        price_ticks, place = self._places.pop(order)
        self._levels[price_ticks].depart_ms[place] = now
        self._count(price_ticks, now)

    def _count(self, price_ticks: int, now: int) -> None:
        record = self._levels[price_ticks]
        record.change_ms.append(now)
        record.in_level.append(len(self._book.queue(price_ticks)))

    def _schedule_dummies(self) -> None:
        """Spread the dummies over the run, over priorities around the book's own, before anything else is scheduled."""
        stream = Stream(self._seed, "validation/poisson-book/dummies")
        times = np.floor(stream.uniforms(self._dummies) * self._until).astype(np.int64)
        priorities = (np.arange(self._dummies) % 3 - 1).astype(np.int16)
        first = self._queue.schedule_batch(times, _DUMMY + np.arange(self._dummies), priorities)
        self._dummy_handles = [first + i for i in range(self._dummies)]

    def _fire_dummy(self, number: int) -> None:
        self._dummies_fired += 1
        self._dummies_cancelled += self._queue.cancel(self._dummy_handles[number ^ 1])


def book_level_line(path: BookPath) -> Line:
    """Compare count over time and stays (Little) at every price that ever held an order.

    Returns
    -------
    Line
        Measured: how many prices differ.
    """
    begin, end = path.until_ms // 10, path.until_ms - path.until_ms // 10
    different = orders = 0
    for record in path.levels.values():
        counted = (as_ints(record.change_ms), as_ints(record.in_level))
        stays = (as_ints(record.arrival_ms), as_ints(record.depart_ms))
        different += not little_line("", counted, stays, (begin, end)).passed
        orders += len(record.arrival_ms)
    note = f"{orders} orders at {len(path.levels)} prices"
    # A run without a level has shown nothing.
    measured = float(different) if path.levels else float("nan")
    return Line("poisson-book/levels where Little fails", measured, 0.0, 0.0, "exact", len(path.levels), note)


def same_trades_line(path: BookPath, with_dummies: BookPath) -> Line:
    """Compare the trades of a run without and with dummy timers, byte by byte.

    Returns
    -------
    Line
        Measured: trades that differ, those that only one run has included.
    """
    ours, theirs = path.trades, with_dummies.trades
    both = min(len(ours), len(theirs))
    different = int((ours[:both] != theirs[:both]).any(axis=1).sum()) + abs(len(ours) - len(theirs))
    note = f"{with_dummies.dummies_fired} dummy timers fired, {with_dummies.dummies_cancelled} cancelled"
    measured = float(different) if both else float("nan")
    return Line("poisson-book/trades changed by dummy timers", measured, 0.0, 0.0, "byte-identical", both, note)


def dummies_line(path: BookPath, dummies: int) -> Line:
    """Compare the cancelled dummy timers with half of all: in each pair the first to fire cancels the other."""
    cancelled = float(path.dummies_cancelled)
    return Line("poisson-book/dummy timers cancelled", cancelled, 0.5 * dummies, 0.0, "half of them", dummies)


def backward_line(name: str, fired_ms: Ints) -> Line:
    """Count the events that fired before their predecessor."""
    backwards = int((np.diff(fired_ms) < 0).sum())
    measured = float(backwards) if len(fired_ms) else float("nan")
    return Line(f"{name}/steps back in time", measured, 0.0, 0.0, "none", len(fired_ms))


def trade_rate_line(path: BookPath) -> Line:
    """Compare trades a minute with the rate of market orders: the book is never empty, so each one trades."""
    minutes = path.until_ms / MS_PER_UNIT
    expected = 2.0 * MARKET_RATE
    band = 4.0 * (expected / minutes) ** 0.5
    return Line("poisson-book/trades a minute", len(path.trades) / minutes, expected, band, "4 s.e.", len(path.trades))


def check_poisson_book(plan: Plan) -> list[Line]:
    """Run the book without and with dummy timers."""
    minutes = plan.size(MINUTES, MINUTES_QUICK)
    alone = PoissonBook(plan.seed).run(minutes)
    beside = PoissonBook(plan.seed, plan.size(DUMMIES, DUMMIES_QUICK)).run(minutes)
    return [
        same_trades_line(alone, beside),
        dummies_line(beside, plan.size(DUMMIES, DUMMIES_QUICK)),
        trade_rate_line(alone),
        book_level_line(alone),
        backward_line("poisson-book", beside.fired_ms),
    ]
