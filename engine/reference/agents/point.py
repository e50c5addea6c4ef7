"""Market orders at the times of a Poisson or Hawkes process: rule A-4.

Stands on `base`, `rng`, `fmath`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.reference import rng
from engine.reference.agents.base import Agent, Touch
from engine.reference.fmath import exp, log
from engine.reference.links import WAKE

if TYPE_CHECKING:
    from collections.abc import Mapping

ARRIVALS_AT_ONCE = 4096


class Point(Agent):
    """Send at the times of a process of intensity mu + sum of alpha e^(-beta (t - t_i)); rates per ms."""

    def __init__(
        self,
        seed: int,
        key: int,
        *,
        market: int,
        mu: float,
        qty_min: int,
        qty_max: int,
        alpha: float = 0.0,
        beta: float = 1.0,
        side: int = 0,
        **ways: Any,
    ) -> None:
        super().__init__(seed, key, **ways)
        self.market, self.side = market, side
        self.mu, self.alpha, self.beta = mu, alpha, beta
        self.qty = qty_min, qty_max
        self.excited = 0.0  # the rate above mu, just before the next order
        self.at_ms: float | None = None

    def decide(self, now_ms: int, _seen: Mapping[int, Touch], /) -> None:
        """Send every order whose time rounds to now or before."""
        k = 0
        if self.at_ms is None:
            self.at_ms = now_ms + self._gap(now_ms, 0)
            k = 1
        while rng.round_half_up(self.at_ms) <= now_ms and k < ARRIVALS_AT_ONCE:
            side = self.side or self.drawn_side(now_ms, k)
            self.place(now_ms, self.market, side, None, self.drawn_lots(now_ms, *self.qty, k))
            self.excited += self.alpha
            self.at_ms += self._gap(now_ms, k)
            k += 1
        self.wake_ms = max(now_ms + 1, rng.round_half_up(self.at_ms))

    def _gap(self, now_ms: int, k: int) -> float:
        """Draw the time to the next order: the earlier of the base's and the excitement's (Dassios and Zhao 2013)."""

        def log_uniform(draw: int) -> float:
            return log(rng.uniform01(self.draws.bits(WAKE, now_ms, draw)))

        gap = -log_uniform(2 * k) / self.mu
        if self.excited > 0.0:
            share = 1.0 + self.beta * log_uniform(2 * k + 1) / self.excited
            if share > 0.0:  # else the excitement dies without an order
                gap = min(gap, -log(share) / self.beta)
            self.excited *= exp(-self.beta * gap)
        return gap
