"""What every behaviour has: draws, links, pauses, numbers of its orders.

Stands on `links`, `law`, `rng`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.reference import rng
from engine.reference.law import Law
from engine.reference.links import PICTURE, QTY, SIDE, WAKE, Draws, Link

if TYPE_CHECKING:
    from collections.abc import Mapping


class Touch(NamedTuple):
    """Hold what an agent sees of a market: ticks, None for nothing; lots at the best prices."""

    bid: int | None
    ask: int | None
    last: int | None
    bid_lots: int = 0
    ask_lots: int = 0

    @property
    def believed(self) -> int | None:
        """What it takes the price to be (A-2), half ticks: the mid, or last with a wide spread or an empty side."""
        is_wide = self.bid is None or self.ask is None or (self.ask - self.bid) * 20 > self.ask
        if is_wide and self.last is not None:
            return 2 * self.last
        if self.bid is None or self.ask is None:
            return None
        return self.bid + self.ask


class Message(NamedTuple):
    """Hold one message to a market; `price` None is a market order, `number` names the order (V-4)."""

    due_ms: int
    market: int
    is_cancel: bool
    number: int
    side: int
    price: int | None
    qty: int
    immediate: bool


class ToldKind(IntEnum):
    """Name what a notice is about (N-4)."""

    FILL = 1
    END = 2  # refused, or taken off
    ACK = 4
    TRANSFER = 8  # the venue has moved lots (L-14)


class Told(NamedTuple):
    """Hold one notice."""

    kind: ToldKind
    market: int
    number: int
    side: int
    lots: int
    by_adl: bool = False  # of a transfer

    @property
    def moves_lots(self) -> bool:
        """Whether it changes what the account holds (A-10)."""
        return self.kind in (ToldKind.FILL, ToldKind.TRANSFER)


class Agent(ABC):
    """Wake, look, send, sleep.

    Parameters
    ----------
    seed, key : int
        Of the run, and the member's (R-2).
    start_ms : int
        First wake.
    latency_ms, latency_law, picture_ms, picture_law
        As for `World.add_agents`.
    """

    def __init__(
        self,
        seed: int,
        key: int,
        *,
        start_ms: int = 0,
        latency_ms: int = 1,
        latency_law: tuple[Any, ...] | None = None,
        picture_ms: int = 0,
        picture_law: tuple[Any, ...] | None = None,
    ) -> None:
        self.draws = Draws(rng.stream_of(seed, key))
        self.wake_ms = start_ms
        self.sent: list[Message] = []  # of the running wake
        self.orders_sent: dict[int, int] = {}
        self._least_ms = latency_ms
        self._law = Law(*latency_law) if latency_law else None
        self._picture_ms = picture_ms
        self._picture_law = Law(*picture_law) if picture_law else None
        self._links: dict[int, Link] = {}

    # --- to be overridden ------------------------------------------------------------------------------------------

    @abstractmethod
    def decide(self, now_ms: int, seen: Mapping[int, Touch], /) -> None:
        """Look, send, and set `wake_ms`."""

    def hear(self, now_ms: int, told: Told, /) -> None:  # noqa: B027  # most hear of nothing
        """Take note of a notice."""

    # --- for drivers -----------------------------------------------------------------------------------------------

    def wake(self, now_ms: int, seen: Mapping[int, Touch]) -> list[Message]:
        """Act, and return what was sent, in order."""
        self.sent = []
        self.decide(now_ms, seen)
        return self.sent

    # --- for behaviours --------------------------------------------------------------------------------------------

    def link(self, market: int) -> Link:
        """Return its link to a market."""
        if market not in self._links:
            self._links[market] = Link(self.draws, self._least_ms, self._law, market)
        return self._links[market]

    def left_ms(self, now_ms: int, market: int) -> int:
        """Return when what it sees of a market now has reached it (N-2)."""
        return now_ms + self._picture_ms + self.draws.ms(self._picture_law, PICTURE, now_ms, 0, market)

    def number(self, market: int) -> int:
        """Take the next order number on a market (V-4)."""
        self.orders_sent[market] = self.orders_sent.get(market, 0) + 1
        return self.orders_sent[market]

    def place(
        self, now_ms: int, market: int, side: int, price: int | None, qty: int, *, immediate: bool = True
    ) -> Message:
        """Send an order; what it sees leaves with it."""
        due_ms = self.link(market).arrives(now_ms, self.left_ms(now_ms, market))
        message = Message(due_ms, market, False, self.number(market), side, price, qty, immediate)
        self.sent.append(message)
        return message

    def cancel(self, now_ms: int, market: int, number: int) -> None:
        """Send a cancel."""
        due_ms = self.link(market).arrives(now_ms, self.left_ms(now_ms, market))
        self.sent.append(Message(due_ms, market, True, number, 0, None, 0, False))

    def sleep(self, now_ms: int, every_ms: int) -> None:
        """Pause for a time around `every_ms`: uniform between half of it and one and a half."""
        pause = rng.uniform(self.draws.bits(WAKE, now_ms), 0.5 * every_ms, 1.5 * every_ms)
        self.wake_ms = now_ms + max(1, rng.round_half_up(pause))

    def drawn_side(self, now_ms: int, k: int = 0) -> int:
        """Return a random side: the highest bit says BUY."""
        return 1 if self.draws.bits(SIDE, now_ms, k) >= 2**63 else -1

    def drawn_lots(self, now_ms: int, least: int, most: int, k: int = 0) -> int:
        """Return a uniform quantity, both bounds included."""
        return rng.integers(self.draws.bits(QTY, now_ms, k), least, most)
