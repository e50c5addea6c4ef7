"""A market maker: a ladder on each of its markets, one risk budget over all of them: rule A-2.

Stands on `base`, `fmath`, `rng`.

::

    wake: look at every market -> a rule fires? cancel on all of them : is it time to return? -> bring quotes up to date
    notice: a fill changes what it believes to hold, an order that has ended is quoted anew at its next look
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from engine.reference import rng
from engine.reference.agents.base import Agent, Message, Told, ToldKind, Touch
from engine.reference.fmath import exp, log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SAMPLES = 32
LADDER, STOIKOV = 0, 1
BIDS, ASKS = 0, 1
LOTS_MAX = 2**61


@dataclass(frozen=True, kw_only=True)
class MakerTerms:
    """Hold the parameters of a maker, named as `World.add_agents` names them; a rule of 0 is off."""

    wake_every_ms: int
    levels: int = 1
    half_spread: float = 0.0
    spacing: float = 0.0
    tolerance: float = 0.5
    anchor: float = 0.0
    fair_tau_ms: float = 60000.0
    skew: float = 0.0
    mode: int = LADDER
    risk_aversion: float = 0.1
    decay: float = 1.5
    sigma: float = 0.0
    horizon_s: float = 1.0
    mass_quotes: int = 0
    drawdown: float = 0.0
    volatility: float = 0.0
    window_ms: int = 1000
    inventory: float = 0.0
    margin_ratio: float = 0.0
    slow_ms: int = 0
    leaves_both: int = 0
    leaves_adl: int = 0
    return_after_ms: int = 1000
    return_size: float = 1.0
    return_spread: float = 1.0
    spread_tau_ms: float = 0.0
    size_tau_ms: float = 0.0


@dataclass
class Standing:
    """Hold one of its orders, as far as it knows."""

    number: int
    price: int
    lots: int
    left_ms: int


@dataclass
class Quote:
    """Hold one of its markets."""

    market: int
    qty_lots: int
    inventory_max: int
    price_bounds: tuple[int, int]
    fair: float = 0.0  # 0 before the first look
    seen_ms: int = 0
    known_lots: int = 0
    was_closed: bool = False  # ADL took lots of it, and it has not answered yet
    samples: list[tuple[int, int]] = field(default_factory=list)  # time, price in half ticks
    orders: dict[tuple[int, int], Standing] = field(default_factory=dict)  # by side and level


class Maker(Agent):
    """Quote on its markets.

    Parameters
    ----------
    seed, key : int
        Of the run, and the member's.
    health : callable, optional
        Returns (equity, notional) of the account now, None while a mark is missing; for `margin_ratio`.
    **parameters
        Of `MakerTerms` and `Agent`.
    """

    def __init__(
        self,
        seed: int,
        key: int,
        *,
        health: Callable[[], tuple[int, int] | None] | None = None,
        **parameters: Any,
    ) -> None:
        own = {name: parameters.pop(name) for name in tuple(parameters) if name in MakerTerms.__dataclass_fields__}
        super().__init__(seed, key, **parameters)
        self.terms = MakerTerms(**own)
        self.health = health
        self.quotes: list[Quote] = []
        self.is_withdrawn = False
        self.is_slow = False
        self.return_at_ms = 0
        self.returned_ms: int | None = None
        self.withdrawals: list[tuple[int, int]] = []  # time, market
        self.returns_ms: list[int] = []

    def add_quotes(
        self,
        market: int,
        qty_lots: int,
        inventory_max: int = LOTS_MAX,
        price_bounds: tuple[int, int] = (1, 2**31 - 1),
    ) -> None:
        """Quote on a market from now on."""
        self.quotes.append(Quote(market, qty_lots, inventory_max, price_bounds))

    # --- looking ---------------------------------------------------------------------------------------------------

    def decide(self, now_ms: int, seen: Mapping[int, Touch], /) -> None:
        """Look, leave or return, requote, sleep."""
        worried = [quote.market for quote in self.quotes if self._look(now_ms, quote, seen[quote.market].believed)]
        if not self.is_withdrawn and (worried or self._is_pressed()):
            self._withdraw(now_ms, worried[0] if worried else self.quotes[0].market)
        elif self.is_withdrawn and now_ms >= self.return_at_ms:
            self.is_withdrawn = self.is_slow = False
            for quote in self.quotes:
                quote.was_closed = False
            self.returned_ms = now_ms
            self.returns_ms.append(now_ms)
        for quote in self.quotes:
            self._requote(now_ms, quote, seen[quote.market])
        self.sleep(now_ms, self.terms.wake_every_ms)

    def _look(self, now_ms: int, quote: Quote, price: int | None) -> bool:
        """Update the fair value and the samples of a market; return whether one of its rules fires."""
        terms = self.terms
        if price is None or price <= 0:
            return quote.was_closed
        if quote.fair == 0.0:
            quote.fair = 0.5 * price
        elif terms.anchor > 0.0:
            quote.fair += (0.5 * price - quote.fair) * (1.0 - exp(-(now_ms - quote.seen_ms) / terms.fair_tau_ms))
        quote.seen_ms = now_ms
        quote.samples = [*quote.samples, (now_ms, price)][-SAMPLES:]
        window = [ticks for time_ms, ticks in quote.samples if time_ms >= now_ms - terms.window_ms]
        is_full = terms.inventory > 0.0 and abs(quote.known_lots) >= terms.inventory * quote.inventory_max
        has_fallen = terms.drawdown > 0.0 and (max(window) - price) / max(window) >= terms.drawdown
        is_wild = terms.volatility > 0.0 and volatility_of(window) >= terms.volatility
        return quote.was_closed or is_full or has_fallen or is_wild

    def _is_pressed(self) -> bool:
        """Return whether a rule about the whole account fires."""
        if self.terms.slow_ms and self.is_slow:
            return True
        health = self.health() if self.health and self.terms.margin_ratio else None
        return health is not None and health[1] > 0 and health[0] < self.terms.margin_ratio * health[1]

    # --- leaving ---------------------------------------------------------------------------------------------------

    def _withdraw(self, now_ms: int, market: int) -> None:
        """Cancel its bids, or all, on all of its markets, each with a latency of its own."""
        self.is_withdrawn = True
        self.return_at_ms = now_ms + self.terms.return_after_ms
        self.withdrawals.append((now_ms, market))
        for quote in self.quotes:
            for side, level in sorted(quote.orders):
                if side == BIDS or self.terms.leaves_both:
                    self.cancel(now_ms, quote.market, quote.orders.pop((side, level)).number)

    # --- quoting ---------------------------------------------------------------------------------------------------

    def targets(self, now_ms: int, quote: Quote, touch: Touch) -> tuple[dict[tuple[int, int], int], int]:
        """Return the price of each side and level that it wants, and how far one may be from it."""
        terms = self.terms
        assert touch.believed is not None
        centre, half = self._centre(quote, 0.5 * touch.believed)
        half *= self._widening(now_ms)
        wanted: dict[tuple[int, int], int] = {}
        for side in (BIDS, ASKS):
            adds = quote.known_lots if side == BIDS else -quote.known_lots
            if (self.is_withdrawn and (side == BIDS or terms.leaves_both)) or adds >= quote.inventory_max:
                continue
            for level in range(terms.levels):
                away = half + level * (centre * terms.spacing)
                if side == BIDS:
                    target = math.floor(centre - away)
                    target = target if touch.ask is None else min(target, touch.ask - 1)
                else:
                    target = math.ceil(centre + away)
                    target = target if touch.bid is None else max(target, touch.bid + 1)
                low, high = quote.price_bounds
                wanted[side, level] = max(low, min(target, high))
        return wanted, rng.round_half_up(half * terms.tolerance)

    def _centre(self, quote: Quote, price: float) -> tuple[float, float]:
        """Return centre and half spread, ticks."""
        terms = self.terms
        if terms.mode == STOIKOV:
            risk = terms.risk_aversion * terms.sigma * terms.sigma * terms.horizon_s
            centre = price - quote.known_lots / quote.qty_lots * risk
            return centre, 0.5 * risk + log(1.0 + terms.risk_aversion / terms.decay) / terms.risk_aversion
        held = max(-1.0, min(1.0, quote.known_lots / quote.inventory_max))
        centre = terms.anchor * quote.fair + (1.0 - terms.anchor) * price
        centre *= 1.0 - terms.skew * held
        return centre, centre * terms.half_spread

    def _widening(self, now_ms: int) -> float:
        """Return the factor on its spread, decaying to 1 after a return."""
        terms = self.terms
        if self.returned_ms is None or terms.return_spread == 1.0:
            return 1.0
        if terms.spread_tau_ms == 0.0:
            return terms.return_spread
        return 1.0 + (terms.return_spread - 1.0) * exp(-(now_ms - self.returned_ms) / terms.spread_tau_ms)

    def _size(self, now_ms: int) -> float:
        """Return the share of its quantity that it quotes after a return, growing to 1."""
        terms = self.terms
        assert self.returned_ms is not None
        if terms.size_tau_ms == 0.0:
            return terms.return_size
        return 1.0 - (1.0 - terms.return_size) * exp(-(now_ms - self.returned_ms) / terms.size_tau_ms)

    def _requote(self, now_ms: int, quote: Quote, touch: Touch) -> None:
        """Keep the quotes that are near their targets; cancel the others and send them anew."""
        if quote.fair == 0.0 or touch.believed is None:
            return
        qty = quote.qty_lots
        if self.returned_ms is not None:
            qty = max(1, rng.round_half_up(qty * self._size(now_ms)))
        wanted, tolerance = self.targets(now_ms, quote, touch)
        before = len(self.sent)
        for (side, level), target in wanted.items():
            standing = quote.orders.get((side, level))
            if standing and abs(standing.price - target) <= tolerance:
                continue
            if standing:
                self._send(now_ms, quote, standing.number, None)
            way = 1 if side == BIDS else -1
            number = self.number(quote.market)
            self._send(now_ms, quote, number, (way, target, qty))
            left_ms = self.left_ms(now_ms, quote.market)
            quote.orders[side, level] = Standing(number, target, qty, left_ms)
        if self.terms.mass_quotes and len(self.sent) > before:
            # N-5: all of them travel as one message, with one latency.
            due_ms = self.link(quote.market).arrives(now_ms, self.left_ms(now_ms, quote.market))
            self.sent[before:] = [message._replace(due_ms=due_ms) for message in self.sent[before:]]

    def _send(self, now_ms: int, quote: Quote, number: int, order: tuple[int, int, int] | None) -> None:
        """Send a cancel or an order; those of a mass quote get their arrival later."""
        due_ms = 0
        if not self.terms.mass_quotes:
            due_ms = self.link(quote.market).arrives(now_ms, self.left_ms(now_ms, quote.market))
        side, price, qty = order or (0, 0, 0)
        cell = None if order is None else price
        self.sent.append(Message(due_ms, quote.market, order is None, number, side, cell, qty, False))

    # --- what it is told -------------------------------------------------------------------------------------------

    def hear(self, now_ms: int, told: Told, /) -> None:
        """Note a fill; forget an order that has ended; note how long an order took."""
        quote = next((quote for quote in self.quotes if quote.market == told.market), None)
        if quote is None:
            return
        if told.moves_lots:
            quote.known_lots += told.side * told.lots
        if told.kind is ToldKind.TRANSFER:
            quote.was_closed |= told.by_adl and bool(self.terms.leaves_adl)
            return
        cell = next((cell for cell, standing in quote.orders.items() if standing.number == told.number), None)
        if told.kind is ToldKind.ACK:
            self.is_slow = cell is not None and now_ms - quote.orders[cell].left_ms > self.terms.slow_ms
            return
        if cell is None:
            return
        quote.orders[cell].lots -= told.lots if told.kind is ToldKind.FILL else quote.orders[cell].lots
        if quote.orders[cell].lots <= 0:
            del quote.orders[cell]


def volatility_of(prices: list[int]) -> float:
    """Return the root of the summed squared returns between neighbours.

    Examples
    --------
    >>> round(volatility_of([100, 103, 103]), 9)
    0.03
    """
    total = 0.0
    for before, here in pairwise(prices):
        move = (here - before) / before
        total += move * move
    return math.sqrt(total)
