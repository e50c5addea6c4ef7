"""A book seen from outside: what it showed before and after each command, and the life of each of its orders.

Stands on the public face of the book only; what an order has entered, traded and lost is counted here from the results
and tables (M-13, M-33), and so are the positions (M-26).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from engine.testing import strategies as flow
from engine.testing.views import positions_view
from engine.types import CommandKind, OrderType, SelfTradePrevention, TimeInForce

POSITION_LIMIT = 2**62  # M-26
_DEFAULT_TIMES_IN_FORCE = {
    OrderType.LIMIT: TimeInForce.GTC,
    OrderType.MARKET: TimeInForce.IOC,
    OrderType.STOP: TimeInForce.IOC,
    OrderType.STOP_LIMIT: TimeInForce.GTC,
}


@dataclass
class Life:
    """One order from its acceptance on: its terms, and the lots that came and went."""

    terms: flow.Row
    entered: int
    traded: int = 0
    cancelled: int = 0
    has_fired: bool = False

    @property
    def has_limit(self):
        return self.terms.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)

    @property
    def is_stop(self):
        return self.terms.order_type in (OrderType.STOP, OrderType.STOP_LIMIT)

    @property
    def time_in_force(self):
        return self.terms.time_in_force or _DEFAULT_TIMES_IN_FORCE[self.terms.order_type]

    @property
    def may_rest(self):
        return self.has_limit and self.time_in_force in (TimeInForce.GTC, TimeInForce.GTT)

    @property
    def has_prevention(self):
        return self.terms.self_trade_prevention != SelfTradePrevention.NONE and self.terms.owner >= 0

    def has(self, flag):
        return bool(self.terms.flags & int(flag))

    def reaches(self, price_ticks):
        """Whether its limit allows a trade at a price."""
        return not self.has_limit or self.terms.side * (self.terms.price_ticks - price_ticks) >= 0


class View(NamedTuple):
    """What a book shows."""

    orders: list
    stops: list
    last_price: int | None
    mark_price: int | None
    now_ms: int
    state: int
    digest: int
    positions: list

    def open_lots(self):
        """Open lots by id; an id stands for one order only."""
        lots = {order.id: order.leaves_lots + order.hidden_lots for order in self.orders}
        lots |= {stop.id: stop.leaves_lots for stop in self.stops}
        assert len(lots) == len(self.orders) + len(self.stops)
        return lots


class Seen(NamedTuple):
    """One command, what the book showed before and after it, and what it said."""

    row: flow.Row
    id: int
    result: object
    before: View
    after: View
    fills: list
    cancels: list
    triggers: list


class Watched:
    """Send commands to a book, and keep what became of its orders.

    ``lives`` are of the orders that were open before the last command or came with it, by id.
    """

    def __init__(self, book, shape, naming):
        self.book = book
        self.shape = shape
        self.naming = naming
        self.lives = {}
        self.ended = {}  # the last life under an id
        self.positions = dict.fromkeys(range(shape.owners), 0)
        self.positions_before = dict(self.positions)
        self.are_told = False
        self.totals = {"entered": 0, "traded": 0, "cancelled": 0}
        self.view = self.looked()

    def looked(self):
        book = self.book
        return View(
            book.orders(),
            book.stops(),
            book.last_price,
            book.mark_price,
            book.now_ms,
            book.state,
            book.digest(),
            positions_view(book, self.shape.owners),
        )

    def walk(self, rows):
        """Send commands that have a scalar method, one by one."""
        for row in filter(flow.is_scalar, rows):
            yield self.sent(self.aimed(row))

    def aimed(self, row):
        """A small number as a handle stands for some order that is open."""
        if self.naming != "handle" or row.kind == CommandKind.PLACE or not 0 <= row.name < 6:
            return row
        opened = sorted(self.view.open_lots())
        return row._replace(name=opened[row.name % len(opened)]) if opened else row

    def sent(self, row):
        before, open_before = self.view, self.view.open_lots()
        self.ended |= {name: life for name, life in self.lives.items() if name not in open_before}
        self.lives = {name: self.lives[name] for name in open_before}
        result = flow.sent(self.book, row, self.naming)
        tables = (self.book.last_fills(), self.book.last_cancels(), self.book.last_triggers())
        self.view = self.looked()
        seen = Seen(row, result.id, result, before, self.view, *tables)
        if result.accepted:
            self._count(seen, open_before)
        return seen

    def _count(self, seen, open_before):
        row, result = seen.row, seen.result
        if row.kind == CommandKind.PLACE:
            self.lives[seen.id] = Life(row, 0)
            self._entered(seen.id, row.qty_lots)
        elif row.kind in (CommandKind.CANCEL, CommandKind.REDUCE):
            self._cancelled(row.name, result.cancelled_lots)
        elif row.kind == CommandKind.REPLACE:
            self._replaced(row, open_before[row.name])
        elif row.kind == CommandKind.POSITION:
            self.are_told = True
            self.positions[row.owner] = row.qty_lots
        self.positions_before = dict(self.positions)
        for fill in seen.fills:
            for name in (fill.maker_id, fill.taker_id):
                self.lives[name].traded += fill.qty_lots
            self.totals["traded"] += fill.qty_lots
            self.traded(self.positions, fill)
        for cancel in seen.cancels:
            self._cancelled(cancel.id, cancel.qty_lots)
        for trigger in seen.triggers:
            assert not self.lives[trigger.id].has_fired
            self.lives[trigger.id].has_fired = True

    def traded(self, positions, fill):
        """Count a fill in positions, once one has been told (M-26)."""
        side = self.lives[fill.maker_id].terms.side
        for owner, signed in ((fill.maker_owner, side), (fill.taker_owner, -side)):
            if self.are_told and owner >= 0:
                lots = positions[owner] + signed * fill.qty_lots
                positions[owner] = min(max(lots, -POSITION_LIMIT), POSITION_LIMIT)

    def _entered(self, name, qty_lots):
        self.lives[name].entered += qty_lots
        self.totals["entered"] += qty_lots

    def _cancelled(self, name, qty_lots):
        self.lives[name].cancelled += qty_lots
        self.totals["cancelled"] += qty_lots

    def _replaced(self, row, open_lots):
        life = self.lives[row.name]
        keeps_place = row.price_ticks == life.terms.price_ticks and row.qty_lots < open_lots  # M-16
        life.terms = life.terms._replace(price_ticks=row.price_ticks)
        self._cancelled(row.name, open_lots - row.qty_lots if keeps_place else open_lots)
        if not keeps_place:
            self._entered(row.name, row.qty_lots)

    def takers(self, seen):
        """The lives of the orders that arrived in a command: its own, and the stops that ran."""
        if not seen.result.accepted:
            return {}
        names = [trigger.id for trigger in seen.triggers if not trigger.reject_reason]
        is_arrival = seen.row.kind == CommandKind.PLACE and not self.lives[seen.id].is_stop
        if is_arrival or seen.row.kind == CommandKind.REPLACE:
            names.append(seen.id)
        return {name: self.lives[name] for name in names}
