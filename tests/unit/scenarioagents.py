"""Python agents for scenarios under test: one that buys now and then, and a population that does so together."""

from __future__ import annotations

import numpy as np

from engine import Agent, ArrayAgent, Side


class Buyer(Agent):
    """Buy some lots on its first market at a pace."""

    def __init__(self, lots=10, every_ms=500):
        self.lots, self.every_ms, self.bought, self.has_ended = lots, every_ms, 0, False

    def on_start(self, context):
        context.wake_in(self.every_ms)

    def on_wake(self, context):
        context.place(self.markets[0].number, Side.BUY, self.lots)
        context.wake_in(self.every_ms)

    def on_fill(self, context, fill):
        self.bought += fill.lots

    def on_end(self, context):
        self.has_ended = True


class Crowd(ArrayAgent):
    """All members buy one lot each second."""

    def on_start(self, context):
        context.wake_in(1_000)

    def on_wake(self, context):
        members = np.arange(context.count, dtype=np.int64)
        ones = np.ones(context.count, dtype=np.int64)
        context.place(self.markets[0].number, members, ones.astype(np.int8), ones)
        context.wake_in(1_000)


class Broken(Agent):
    """Fail at its first wake."""

    def on_start(self, context):
        raise ZeroDivisionError("a mistake of mine")
