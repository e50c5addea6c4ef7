"""The way between an agent and a market, and the entrance of a venue: rules N-1 .. N-4.

Stands on `law` and `rng`.

::

    agent --- least + law ---> (gateway) ---> market          orders, cancels, mass quotes
    agent <-- least + law --- market                          notices

Promises: each way of a link is first in, first out; a draw depends on the agent, the millisecond, the market and how
many messages of this link went before in this millisecond, on nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.reference import rng

if TYPE_CHECKING:
    from engine.reference.law import Law

LATENCY, WAKE, SIDE, QTY, NOTICE, PICTURE, LIFE, KIND = range(2, 10)  # purposes of draws


@dataclass(frozen=True)
class Draws:
    """Give an agent's draws by their purpose (R-3); `stream` is its key (R-2)."""

    stream: int

    def bits(self, purpose: int, time_ms: int, k: int = 0, subject: int = 0) -> int:
        """Return 64 bits."""
        return rng.bits64(rng.key_of(self.stream, purpose), time_ms, k, subject)

    def ms(self, law: Law | None, purpose: int, time_ms: int, k: int, subject: int) -> int:
        """Return what a law adds, 0 without one."""
        return 0 if law is None else law.ms(self.bits(purpose, time_ms, k, subject))


@dataclass
class Way:
    """Be one direction of a link: count the messages of a millisecond, let none overtake."""

    draws: Draws
    least_ms: int
    law: Law | None
    purpose: int
    market: int
    drawn_ms: int = -1
    k: int = 0
    due_ms: int = 0

    def due(self, now_ms: int, left_ms: int, least_ms: int) -> int:
        """Return when a message that is sent now and leaves at `left_ms` arrives."""
        if self.drawn_ms != now_ms:
            self.drawn_ms, self.k = now_ms, 0
        taken_ms = self.least_ms + self.draws.ms(self.law, self.purpose, now_ms, self.k, self.market)
        self.k += 1
        self.due_ms = max(self.due_ms, left_ms + max(least_ms, taken_ms))
        return self.due_ms


class Link:
    """Carry the messages between one agent and one market.

    Parameters
    ----------
    draws : Draws
        The agent's.
    least_ms : int
        Least time of a message, either way.
    law : Law or None
        What comes on top.
    market : int
        Its number, the subject of the draws.
    """

    def __init__(self, draws: Draws, least_ms: int, law: Law | None, market: int) -> None:
        self._out = Way(draws, least_ms, law, LATENCY, market)
        self._back = Way(draws, least_ms, law, NOTICE, market)

    def arrives(self, now_ms: int, left_ms: int) -> int:
        """Return when a message that is sent now and leaves at `left_ms` reaches the market; 1 ms at least (N-1)."""
        return self._out.due(now_ms, left_ms, 1)

    def heard(self, now_ms: int) -> int:
        """Return when a notice of what happens now reaches the agent (N-4)."""
        return self._back.due(now_ms, now_ms, 0)


@dataclass
class Gateway:
    """Serve messages one after the other (N-3).

    Examples
    --------
    >>> gateway = Gateway(service_us=400)
    >>> [gateway.done_ms(5) for _ in range(6)]  # two and a half a millisecond: done at 5.4, 5.8, 6.2, 6.6, 7.0, 7.4
    [5, 5, 6, 6, 6, 7]
    """

    service_us: int
    free_us: int = field(default=0)

    def done_ms(self, arrives_ms: int) -> int:
        """Return the millisecond in which a message that arrives now is executed; its end belongs to it."""
        self.free_us = max(self.free_us, arrives_ms * 1000) + self.service_us
        return max(arrives_ms, -(-self.free_us // 1000) - 1)
