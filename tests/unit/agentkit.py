"""What the stories of Python agents share: agents that keep what they are told, and a small spot world for them."""

from __future__ import annotations

from worldkit import BASE, BUY, QUOTE, SELL, opened

from engine import Agent, ArrayAgent, _core

SPOT = 0
START_MS = 10  # when an agent of a story is started: the book stands


class Scripted(Agent):
    """Keep every call with its moment, and do what the story says: `Scripted(start=lambda agent, context: ...)`."""

    def __init__(self, **acts):
        self.acts = acts
        self.heard = []

    def _called(self, what, context, *told):
        self.heard.append((what, context.time_ms, *told))
        if what in self.acts:
            self.acts[what](self, context, *told)

    def on_start(self, context):
        self._called("start", context)

    def on_wake(self, context):
        self._called("wake", context)

    def on_book(self, context, market):
        self._called("book", context, market)

    def on_fill(self, context, fill):
        self._called("fill", context, fill)

    def on_cancel(self, context, cancel):
        self._called("cancel", context, cancel)

    def on_reject(self, context, reject):
        self._called("reject", context, reject)

    def on_liquidation(self, context, notice):
        self._called("liquidation", context, notice)

    def on_transfer(self, context, transfer):
        self._called("transfer", context, transfer)

    def on_end(self, context):
        self._called("end", context)

    def times(self, *kinds):
        """Return (what, when) of the calls of some kinds, of all by default."""
        return [call[:2] for call in self.heard if not kinds or call[0] in kinds]


class ScriptedArray(ArrayAgent):
    """The same for a population."""

    def __init__(self, **acts):
        self.acts = acts
        self.heard = []

    def _called(self, what, context):
        self.heard.append((what, context.time_ms))
        if what in self.acts:
            self.acts[what](self, context)

    def on_start(self, context):
        self._called("start", context)

    def on_wake(self, context):
        self._called("wake", context)

    def on_end(self, context):
        self._called("end", context)


class Quoter(Agent):
    """Quote both sides of a market around its touch, anew every few milliseconds; count what it is told. Pickles."""

    def __init__(self, market, qty_lots, pause_ms=20):
        self.market, self.qty_lots, self.pause_ms = market, qty_lots, pause_ms
        self.held_lots = self.told = 0
        self.mine = []

    def on_start(self, context):
        self.on_wake(context)

    def on_wake(self, context):
        bid, ask = context.touch(self.market)
        for order in self.mine:
            context.cancel(order)
        middle = 1000 if bid is None or ask is None else (bid + ask) // 2
        away = 1 + int(context.uniform() * 6)
        self.mine = [
            context.place(self.market, BUY, self.qty_lots, middle - away),
            context.place(self.market, SELL, self.qty_lots, middle + away),
        ]
        context.wake_in(self.pause_ms + int(context.uniform() * self.pause_ms))

    def on_book(self, context, market):
        self.told += 1

    def on_fill(self, context, fill):
        self.held_lots += fill.side * fill.lots


class Crowd(ArrayAgent):
    """A population whose members now and then trade a few lots, and cancel what they quoted before. Pickles."""

    def __init__(self, market, pause_ms=30):
        self.market, self.pause_ms = market, pause_ms
        self.members = self.tickets = None
        self.calls = 0

    def on_start(self, context):
        context.wake_in(1)

    def on_wake(self, context):
        import numpy as np

        self.calls += 1
        if self.tickets is not None:
            context.cancel(self.market, self.members, self.tickets)
        self.members = np.flatnonzero(context.uniform() < 0.5)
        sides = np.where(context.uniform()[self.members] < 0.5, BUY, SELL).astype(np.int8)
        prices = (1000 - 4 * sides.astype(np.int32)).astype(np.int32)
        self.tickets = context.place(self.market, self.members, sides, np.full(len(sides), 3), prices)
        context.wake_in(self.pause_ms)


def spot_world(seed=1, *, levels=((99, 10), (98, 10)), **options):
    """Open a spot market with a standing book around 100: bids as given, asks mirrored."""
    twin = opened(seed=seed, **options)
    assert twin.spot(BASE, QUOTE) == SPOT
    standing = twin.account(10**9, 10**9)
    for price, lots in levels:
        twin.native.send_order(standing, SPOT, BUY, price, lots, at_ms=0)
        twin.native.send_order(standing, SPOT, SELL, 200 - price, lots, at_ms=0)
    return twin


def add(twin, agent, *deposits, start_ms=START_MS, name="hero", **options):
    """Open an account for an agent and add it; returns the account."""
    account = twin.account(*(deposits or (10**6, 10**6)))
    twin.native.add_python(agent, account, _core.member_key(name, 0), name=name, start_ms=start_ms, **options)
    return account
