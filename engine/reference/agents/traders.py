"""Those who take: momentum (A-5), arbitrage (A-6), value (A-7), noise (A-8).

Stands on `base`, `rng`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.reference import rng
from engine.reference.agents.base import Agent, Told, ToldKind, Touch
from engine.reference.links import WAKE

if TYPE_CHECKING:
    from collections.abc import Mapping

MOMENTUM_SAMPLES = 64
LOTS_MAX = 2**61


class Momentum(Agent):
    """Follow a move, close after a time (A-5)."""

    def __init__(
        self,
        seed: int,
        key: int,
        *,
        market: int,
        wake_every_ms: int,
        lookback_ms: int,
        hold_ms: int,
        threshold: float,
        qty_lots: int,
        **ways: Any,
    ) -> None:
        super().__init__(seed, key, **ways)
        self.market, self.wake_every_ms, self.lookback_ms, self.hold_ms = market, wake_every_ms, lookback_ms, hold_ms
        self.threshold, self.qty_lots = threshold, qty_lots
        self.known_lots = 0
        self.close_at_ms: int | None = None  # while it is in
        self.samples: list[tuple[int, int]] = []  # time, price

    def decide(self, now_ms: int, seen: Mapping[int, Touch], /) -> None:
        """Remember the price; close what is due, or follow a move."""
        price = seen[self.market].believed
        if price is not None and price > 0:
            past = [ticks for time_ms, ticks in self.samples if time_ms <= now_ms - self.lookback_ms]
            self.samples = [*self.samples, (now_ms, price)][-MOMENTUM_SAMPLES:]
            if self.close_at_ms is not None:
                if now_ms >= self.close_at_ms:
                    self._close(now_ms)
            elif past and price != past[-1] and abs(price - past[-1]) >= self.threshold * past[-1]:
                self.close_at_ms = now_ms + self.hold_ms
                self.place(now_ms, self.market, 1 if price > past[-1] else -1, None, self.qty_lots)
        self.sleep(now_ms, self.wake_every_ms)

    def _close(self, now_ms: int) -> None:
        self.close_at_ms = None
        if self.known_lots:
            self.place(now_ms, self.market, -1 if self.known_lots > 0 else 1, None, abs(self.known_lots))

    def hear(self, _now_ms: int, told: Told, /) -> None:
        """Count what it got."""
        if told.moves_lots and told.market == self.market:
            self.known_lots += told.side * told.lots


class Value(Agent):
    """Buy well below a price that it believes in, sell well above it (A-7)."""

    def __init__(
        self,
        seed: int,
        key: int,
        *,
        market: int,
        wake_every_ms: int,
        threshold: float,
        fair_ticks: int,
        qty_lots: int,
        inventory_max: int = LOTS_MAX,
        rests: bool = False,
        calm_ms: int = 0,
        **ways: Any,
    ) -> None:
        super().__init__(seed, key, **ways)
        self.market, self.wake_every_ms, self.rests = market, wake_every_ms, rests
        self.resting: tuple[int, int] | None = None  # number and open lots of its order in the book
        self.calm_ms = calm_ms
        self.lowest: tuple[int, int] | None = None  # lowest price that it has seen, half ticks, and when
        self.low = rng.round_half_up(fair_ticks * (1.0 - threshold))
        self.high = rng.round_half_up(fair_ticks * (1.0 + threshold))
        self.qty_lots, self.inventory_max = qty_lots, inventory_max
        self.known_lots = 0

    def decide(self, now_ms: int, seen: Mapping[int, Touch], /) -> None:
        """Take what is cheap, else give what is dear."""
        touch = seen[self.market]
        waits = self._waits(now_ms, touch.believed)
        if self.rests:
            self._rest(now_ms, touch.believed, waits)
        elif touch.ask is not None and touch.ask <= self.low and not waits:
            self._take(now_ms, 1, self.low)
        elif touch.bid is not None and touch.bid >= self.high:
            self._take(now_ms, -1, self.high)
        self.sleep(now_ms, self.wake_every_ms)

    def _take(self, now_ms: int, side: int, limit: int) -> None:
        lots = min(self.qty_lots, self.inventory_max - side * self.known_lots)
        if lots > 0:
            self.place(now_ms, self.market, side, limit, lots)

    def _waits(self, now_ms: int, price: int | None) -> bool:
        """Return whether the price has fallen too lately for it to buy; note a new low."""
        if price is not None and (self.lowest is None or price < self.lowest[0]):
            self.lowest = price, now_ms
        return self.calm_ms > 0 and now_ms - (self.lowest[1] if self.lowest else 0) < self.calm_ms

    def _rest(self, now_ms: int, price: int | None, waits: bool) -> None:
        """Leave an order at the bound that the price, in half ticks, has reached; one at a time."""
        if price is None or self.resting is not None or 2 * self.low < price < 2 * self.high:
            return
        side, limit = (1, self.low) if price <= 2 * self.low else (-1, self.high)
        lots = min(self.qty_lots, self.inventory_max - side * self.known_lots)
        if lots > 0 and not (waits and side == 1):
            self.resting = self.place(now_ms, self.market, side, limit, lots, immediate=False).number, lots

    def hear(self, _now_ms: int, told: Told, /) -> None:
        """Count what it holds; forget an order that has ended."""
        if told.market != self.market:
            return
        if told.moves_lots:
            self.known_lots += told.side * told.lots
        if self.resting is not None and told.number == self.resting[0] and told.kind is not ToldKind.TRANSFER:
            left = self.resting[1] - told.lots if told.kind is ToldKind.FILL else 0
            self.resting = (told.number, left) if left > 0 else None


class Arbitrage(Agent):
    """Sell where it is dear and buy where it is cheap, between two markets (A-6)."""

    def __init__(
        self,
        seed: int,
        key: int,
        *,
        market: int,
        other: int,
        wake_every_ms: int,
        threshold: float,
        qty_lots: int,
        price_ratio: float = 1.0,
        lots_ratio: float = 1.0,
        inventory_max: int = LOTS_MAX,
        **ways: Any,
    ) -> None:
        super().__init__(seed, key, **ways)
        self.market, self.other, self.wake_every_ms, self.threshold = market, other, wake_every_ms, threshold
        self.qty_lots, self.inventory_max = qty_lots, inventory_max
        self.price_ratio, self.lots_ratio = price_ratio, lots_ratio
        self.known_lots = 0

    def decide(self, now_ms: int, seen: Mapping[int, Touch], /) -> None:
        """Look for a gap, either way."""
        first, second = seen[self.market], seen[self.other]
        self._try(now_ms, -1, (first.bid, first.bid_lots), (second.ask, second.ask_lots))
        self._try(now_ms, 1, (first.ask, first.ask_lots), (second.bid, second.bid_lots))
        self.sleep(now_ms, self.wake_every_ms)

    def _try(self, now_ms: int, side: int, here: tuple[int | None, int], there: tuple[int | None, int]) -> None:
        """Trade on the first market and the other way on the second, if the gap pays."""
        if not here[0] or not there[0]:
            return
        gap = there[0] / (here[0] * self.price_ratio) - 1.0
        if side * gap < self.threshold:
            return
        in_reach = rng.round_half_up(there[1] / self.lots_ratio)
        lots = min(self.qty_lots, here[1], in_reach, self.inventory_max - side * self.known_lots)
        other_lots = rng.round_half_up(lots * self.lots_ratio)
        if lots >= 1 and other_lots >= 1:
            self.place(now_ms, self.market, side, here[0], lots)
            self.place(now_ms, self.other, -side, there[0], other_lots)

    def hear(self, _now_ms: int, told: Told, /) -> None:
        """Count what it holds of the first market."""
        if told.moves_lots and told.market == self.market:
            self.known_lots += told.side * told.lots


class Noise(Agent):
    """Send orders on a random side, of a random size, at exponential times (A-8)."""

    def __init__(
        self,
        seed: int,
        key: int,
        *,
        market: int,
        mean_gap_ms: float,
        qty_min: int,
        qty_max: int,
        slippage: float = 0.0,
        price_bounds: tuple[int, int] = (1, 2**31 - 1),
        **ways: Any,
    ) -> None:
        super().__init__(seed, key, **ways)
        self.market, self.mean_gap_ms, self.slippage, self.price_bounds = market, mean_gap_ms, slippage, price_bounds
        self.qty = qty_min, qty_max
        self.has_begun = False

    def decide(self, now_ms: int, seen: Mapping[int, Touch], /) -> None:
        """Send one order, not at the first wake; then an exponential pause."""
        if self.has_begun:
            self._trade(now_ms, seen)
        self.has_begun = True
        pause = rng.exponential(self.draws.bits(WAKE, now_ms), self.mean_gap_ms)
        self.wake_ms = now_ms + max(1, rng.round_half_up(pause))

    def _trade(self, now_ms: int, seen: Mapping[int, Touch]) -> None:
        """Send a market order, or one that goes no further than its slippage from the price that it sees."""
        side, limit = self.drawn_side(now_ms), None
        if self.slippage > 0.0:
            price = seen[self.market].believed  # half ticks
            if price is None:
                return
            low, high = self.price_bounds
            limit = max(low, min(rng.round_half_up(0.5 * price * (1.0 + side * self.slippage)), high))
        self.place(now_ms, self.market, side, limit, self.drawn_lots(now_ms, *self.qty))
