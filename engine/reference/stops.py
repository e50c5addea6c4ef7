"""The stops: those that wait for a trigger price, and those that have been reached and have not run (M-24, M-25).

Stands on sortedcontainers and `order`.

::

    kind = (on mark or on last, side) -> SortedDict   next to fire first: key = (side * stop_ticks, seq)
    reached ones -> fired, one queue for all kinds, which runs from the left

Promises: the lots of a kind are those of its waiting stops; a stop is in one place only.
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from sortedcontainers import SortedDict

from engine.reference.order import Order, Stand
from engine.types import Side

if TYPE_CHECKING:
    from collections.abc import Iterator


class StopKind(NamedTuple):
    """Tell apart the four kinds of waiting stops."""

    on_mark: bool
    side: int


# D-2: the order in which they are written out.
STOP_KINDS = (
    StopKind(on_mark=False, side=Side.BUY),
    StopKind(on_mark=False, side=Side.SELL),
    StopKind(on_mark=True, side=Side.BUY),
    StopKind(on_mark=True, side=Side.SELL),
)


def kind_of(stop: Order) -> StopKind:
    """Return which kind a stop is of."""
    return StopKind(stop.is_on_mark, stop.side)


class Stops:
    """Keep the stops of a book."""

    def __init__(self) -> None:
        self.lots = dict.fromkeys(STOP_KINDS, 0)  # of the waiting ones (U-3)
        self.fired: deque[Order] = deque()  # the next to run first
        self._waiting: dict[StopKind, Any] = {kind: SortedDict() for kind in STOP_KINDS}

    def __len__(self) -> int:
        """Return the number of stops, waiting and fired."""
        return len(self.fired) + sum(map(len, self._waiting.values()))

    def waiting(self, kind: StopKind) -> list[Order]:
        """Return the waiting stops of a kind, the next to fire first."""
        return list(self._waiting[kind].values())

    def __iter__(self) -> Iterator[Order]:
        """Walk all stops in the order of D-2."""
        return chain(*(self._waiting[kind].values() for kind in STOP_KINDS), self.fired)

    def add(self, stop: Order) -> None:
        """Let a stop wait (M-24)."""
        stop.stand = Stand.WAITING
        self._waiting[kind_of(stop)][_key(stop)] = stop
        self.lots[kind_of(stop)] += stop.shown_lots

    def cut(self, stop: Order, qty_lots: int) -> None:
        """Take lots off a stop; with the last one it leaves (M-8, M-15)."""
        stop.shown_lots -= qty_lots
        if stop.stand is Stand.WAITING:
            self.lots[kind_of(stop)] -= qty_lots
            if stop.shown_lots == 0:
                del self._waiting[kind_of(stop)][_key(stop)]
        elif stop.shown_lots == 0:
            # By identity: two orders may be equal only if they are the same one, but comparing fields is slower.
            self.fired = deque(other for other in self.fired if other is not stop)
        if stop.shown_lots == 0:
            stop.stand = Stand.ARRIVING

    def fire(self, kind: StopKind, price_ticks: int) -> None:
        """Move what a price reaches to the end of the fired queue (M-24, M-25)."""
        waiting = self._waiting[kind]
        while waiting and self.next_is_reached(kind, price_ticks):
            _, stop = waiting.popitem(0)
            self.lots[kind] -= stop.shown_lots
            stop.stand = Stand.FIRED
            self.fired.append(stop)

    def next_is_reached(self, kind: StopKind, price_ticks: int) -> bool:
        """Tell whether a price reaches any waiting stop of a kind: a buy at or below it, a sell at or above (M-24)."""
        waiting = self._waiting[kind]
        return bool(waiting) and waiting.peekitem(0)[0][0] <= kind.side * price_ticks

    def first_broken(self, price_min: int, price_max: int) -> str | None:
        """Return the first invariant that does not hold, or None. O(stops)."""
        for kind in STOP_KINDS:
            stops = self.waiting(kind)
            if any(kind_of(stop) != kind or stop.stand is not Stand.WAITING for stop in stops):
                return f"stops: one of another kind waits among {kind}"
            if list(self._waiting[kind]) != [_key(stop) for stop in stops]:
                return f"M-25: the stops of {kind} are not in the order in which they fire"
            if self.lots[kind] != sum(stop.shown_lots for stop in stops):
                return f"stops: the lots of {kind} are not the sum of its stops'"
        for stop in self.fired:
            if stop.stand is not Stand.FIRED:
                return f"stops: {stop} has been fired and stands elsewhere"
        for stop in self:
            if not stop.is_stop or stop.shown_lots < 1 or stop.hidden_lots:
                return f"M-24: {stop} is no stop with lots"
            if not price_min <= stop.stop_ticks <= price_max:
                return f"M-24: {stop}: the trigger is outside {price_min} .. {price_max}"
        return None


def _key(stop: Order) -> tuple[int, int]:
    # M-25: buys by rising, sells by falling trigger price, then the order of placing.
    return stop.side * stop.stop_ticks, stop.seq
