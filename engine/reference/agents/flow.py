"""Zero-intelligence flow after Cont, Stoikov and Talreja (2010): rule A-3.

Stands on `base`, `rng`.

::

    one Poisson process of all arrivals -> side, kind by its share -> market order, or limit at a distance + a timer
    timer of the highest cancel rate -> cancelled with the share of the rate at its distance, else wait again
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from engine.reference import rng
from engine.reference.agents.base import Agent, Touch
from engine.reference.links import KIND, LIFE, WAKE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ARRIVALS_AT_ONCE = 4096


class Flow(Agent):
    """Be the whole crowd of a market; rates per ms and side, of a cancel per ms and order."""

    def __init__(
        self,
        seed: int,
        key: int,
        *,
        market: int,
        market_rate: float,
        limit_rates: Sequence[float],
        cancel_rates: Sequence[float],
        qty_min: int,
        qty_max: int,
        anchor_ticks: int,
        price_bounds: tuple[int, int] = (1, 2**31 - 1),
        **ways: Any,
    ) -> None:
        super().__init__(seed, key, **ways)
        self.market, self.anchor_ticks, self.price_bounds = market, anchor_ticks, price_bounds
        self.market_rate, self.limit_rates, self.cancel_rates = market_rate, limit_rates, cancel_rates
        self.qty = qty_min, qty_max
        self.total_rate = 2.0 * market_rate
        for rate in limit_rates:
            self.total_rate += 2.0 * rate
        self.at_ms: float | None = None
        self.resting: set[int] = set()  # numbers of its orders in the book: who drives it says so
        self._open: dict[int, tuple[int, int, int]] = {}  # number -> side, price, arrival
        self._due: list[tuple[int, int, int]] = []  # time, seq, number of an order or 0 for the next arrival
        self._seq = 0
        self._schedule(self.wake_ms, 0)

    def decide(self, now_ms: int, seen: Mapping[int, Touch], /) -> None:
        """Do everything that is due: arrivals and timers, in the order in which they were scheduled."""
        while self._due[0][0] <= now_ms:
            number = heappop(self._due)[2]
            if number:
                self._timer(now_ms, seen[self.market], number)
            else:
                self._arrivals(now_ms, seen[self.market])
        self.wake_ms = self._due[0][0]

    def _schedule(self, due_ms: int, number: int) -> None:
        self._seq += 1
        heappush(self._due, (due_ms, self._seq, number))

    def _arrivals(self, now_ms: int, touch: Touch) -> None:
        k = 0
        if self.at_ms is None:
            self.at_ms = now_ms + rng.exponential(self.draws.bits(WAKE, now_ms, 0), 1.0 / self.total_rate)
            k = 1
        while rng.round_half_up(self.at_ms) <= now_ms and k < ARRIVALS_AT_ONCE:
            self._send(now_ms, touch, k)
            self.at_ms += rng.exponential(self.draws.bits(WAKE, now_ms, k), 1.0 / self.total_rate)
            k += 1
        self._schedule(max(now_ms + 1, rng.round_half_up(self.at_ms)), 0)

    def _send(self, now_ms: int, touch: Touch, k: int) -> None:
        """Send arrival k of this millisecond: a market order, or a limit at a distance by its share."""
        at = rng.uniform01(self.draws.bits(KIND, now_ms, k)) * self.total_rate * 0.5
        side, qty = self.drawn_side(now_ms, k), self.drawn_lots(now_ms, *self.qty, k)
        if at < self.market_rate:
            self.place(now_ms, self.market, side, None, qty)
            return
        at -= self.market_rate
        distance = 1
        for rate in self.limit_rates[:-1]:
            if at < rate:
                break
            at -= rate
            distance += 1
        price = self._opposite(touch, side) - side * distance
        if not self.price_bounds[0] <= price <= self.price_bounds[1]:
            return
        order = self.place(now_ms, self.market, side, price, qty, immediate=False)
        self._open[order.number] = side, price, order.due_ms
        self._arm(now_ms, self.left_ms(now_ms, self.market), order.number, k)

    def _opposite(self, touch: Touch, side: int) -> int:
        """Return the opposite best; with that side empty one tick behind the own best, or the anchor."""
        opposite, own = (touch.ask, touch.bid) if side == 1 else (touch.bid, touch.ask)
        if opposite is not None:
            return opposite
        return self.anchor_ticks if own is None else own + side

    def _arm(self, now_ms: int, from_ms: int, number: int, k: int) -> None:
        """Set an order's timer of the highest cancel rate; drawn about the order's number."""
        highest = max(self.cancel_rates)
        if highest > 0.0:
            wait = rng.exponential(self.draws.bits(LIFE, now_ms, k, number), 1.0 / highest)
            self._schedule(from_ms + max(1, rng.round_half_up(wait)), number)

    def _timer(self, now_ms: int, touch: Touch, number: int) -> None:
        """Cancel an order with the share of the rate at its distance now, or wait again."""
        side, price, due_ms = self._open[number]
        if due_ms > now_ms:
            self._arm(now_ms, now_ms, number, 0)
            return
        if number not in self.resting:
            del self._open[number]
            return
        distance = max(1, min(abs(self._opposite(touch, side) - price), len(self.cancel_rates)))
        at = rng.uniform01(self.draws.bits(KIND, now_ms, 0, number)) * max(self.cancel_rates)
        if at < self.cancel_rates[distance - 1]:
            self.cancel(now_ms, self.market, number)
        else:
            self._arm(now_ms, now_ms, number, 0)
