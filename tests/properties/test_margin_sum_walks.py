"""What is kept of a unit between its orders changes no decision about them (C-9, C-6).

The walks of the triggers' tests, with orders in the foreground: accounts of many markets quote, cancel, are filled and
pushed to the edge of what they afford. Each order's fate is the scan's, and after every event the world's own checks
hold what is kept against an evaluation.
"""

from __future__ import annotations

import pytest

from engine import InvariantError
from engine.testing.margin_walks import COIN, ORDINARY, TINY, USD, Walk
from engine.types import RejectReason

SHAPES = {"ordinary": ORDINARY, "tiny": TINY}
STEPS = 12
ACCOUNTS = 5
REFUSED = RejectReason.INSUFFICIENT_MARGIN


class QuotingWalk(Walk):
    """Let a few accounts of many markets order most of the time."""

    SETTLES = (USD,) * 6
    STALE_MS = (0,)  # a mark that goes stale has an example of its own (unit/test_margin_sums.py)

    def __init__(self, seed, shape):
        super().__init__(seed, shape, ACCOUNTS)
        self.fates = set()
        for account in self.accounts:
            for market in self.perpetuals:
                self.native.send_order(account, market, 1, 1, 1, at_ms=self.native.now_ms + 1)  # a holding everywhere
            if self.rng.random() < 0.5:
                self.native.deposit(account, USD, self.notional(self.perpetuals[0], self.shape.lots[1]))
        self.native.run(self.native.now_ms + 1, check=True)
        self.world.differences()

    def order(self):
        before = self.native.counts()["rejects"].get(REFUSED, 0)
        super().order()
        self.fates.add(self.native.counts()["rejects"].get(REFUSED, 0) > before)

    def cancel(self):
        """Cancel one of the last orders, if it rests still."""
        if self.tickets:
            self.native.send_cancel(self.rng.choice(self.tickets[-8:]), at_ms=self.native.now_ms + 1)
            self.native.run(self.native.now_ms + 1, check=True)

    def trade(self):
        for _ in range(self.rng.randint(1, 12)):
            self.rng.choice((self.order, self.order, self.order, self.cancel, self.quote))()
            self.native.run(self.native.now_ms + 1, check=True)  # the margin check of what has been filled
            found = self.world.differences()
            if found:
                return found
        return []

    def run(self, steps):
        for _ in range(steps):
            found = self.trade() or (self.advance() if self.rng.random() < 0.5 else [])
            if found:
                return found
        return self.end()


class OneElsewhereWalk(QuotingWalk):
    """Let one market settle in an asset with a price of its own: a unified account that comes there keeps nothing."""

    SETTLES = (USD, USD, USD, USD, COIN)


def walked(kind, shape, seed, steps=STEPS):
    """Return what a walk finds, whether it was accepted and refused, and how many units had something kept."""
    walk = kind(seed, SHAPES[shape])
    try:
        found = walk.run(steps)
    except (AssertionError, InvariantError) as error:
        found = [repr(error)]
    return found, walk.fates, walk.native.memory()["margin_sums"][0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [QuotingWalk, OneElsewhereWalk])
def test_c9_every_order_is_accepted_or_refused_as_by_an_evaluation(kind, shape):
    fates, kept = set(), 0
    for seed in range(8):
        found, own, count = walked(kind, shape, seed)
        assert found == []
        fates |= own
        kept += count
    assert fates == {True, False}
    assert kept > ACCOUNTS


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [QuotingWalk, OneElsewhereWalk])
def test_c9_many_walks(kind, shape):
    found = {seed: walked(kind, shape, seed, 100)[0] for seed in range(1_000, 1_060)}
    assert {seed: lines for seed, lines in found.items() if lines} == {}
