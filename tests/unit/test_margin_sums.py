"""Examples of C-9: an account of several markets is spared evaluations, and no decision of C-6 depends on it."""

from __future__ import annotations

import pytest
from marginworldkit import COIN, CROSS, UNIFIED, USD, Stage

from engine.types import RejectReason, Side

BUY, SELL = Side
TOO_LITTLE = RejectReason.INSUFFICIENT_MARGIN
MARKETS = 6  # 20 % of 10 lots at 100 are 200 atoms


class Quoting(Stage):
    """Hold six perpetuals and an account that quotes all of them: it has 200 atoms required in each."""

    def __init__(self, money, *, mode=CROSS, stale_ms=0, unified=False):
        super().__init__(unified=unified, price_stale_ms=stale_ms)
        self.markets = [self.market, *(self.perpetual(price_stale_ms=stale_ms) for _ in range(MARKETS - 1))]
        for market in self.markets:
            self.price(100, market)
        self.account = self.world.account(money, mode=mode)
        for market in self.markets:
            assert self.quote(market) is None

    def quote(self, market, side=BUY, price=90, lots=10):
        return self.send(self.account, side, price, lots, market)

    @property
    def looks(self):
        return self.native.risk_counts()["evaluations"]

    def spared(self, call):
        """Tell whether something needed no evaluation (a debug build does not count the ones that only check)."""
        before = self.looks
        call()
        return self.looks == before

    def arrives(self, market, side=BUY, price=90, lots=10):
        """Send an order without the world's own checks."""
        self.native.send_order(self.account, market, side, price, lots, at_ms=self.native.now_ms + 1)
        self.native.run(self.native.now_ms + 1)


def test_c9_an_order_within_what_is_free_needs_no_evaluation():
    stage = Quoting(MARKETS * 200 + 1_000)
    assert stage.spared(lambda: stage.arrives(stage.markets[3]))
    assert len(stage.resting(stage.account, stage.markets[3])) == 2
    stage.agree()


def test_c9_one_market_or_two_are_evaluated_as_before():
    stage = Stage()
    stage.price(100)
    account = stage.world.account(10_000)
    assert stage.send(account, BUY, 90, 10) is None
    assert stage.send(account, BUY, 90, 10) is None
    assert stage.native.memory()["margin_sums"][0] == 0


@pytest.mark.parametrize(("money", "reason"), [(MARKETS * 200 + 200, None), (MARKETS * 200 + 199, TOO_LITTLE)])
def test_c9_the_last_atom_decides(money, reason):
    stage = Quoting(money)
    assert stage.quote(stage.markets[2]) is reason


def test_c9_a_mark_of_another_market_is_seen():
    stage = Quoting(MARKETS * 200 + 200)
    stage.price(101, stage.markets[5])  # its orders require 202
    assert stage.quote(stage.markets[2]) is TOO_LITTLE
    stage.price(100, stage.markets[5])
    assert stage.quote(stage.markets[2]) is None


def test_c9_what_was_cancelled_elsewhere_is_free_again():
    stage = Quoting(MARKETS * 200)
    ticket = stage.native.send_order(stage.account, stage.markets[4], SELL, 110, 20, at_ms=stage.native.now_ms + 1)
    stage.next()
    assert stage.quote(stage.markets[2]) is TOO_LITTLE  # 20 lots on a side there: 400 are required
    stage.native.send_cancel(ticket, at_ms=stage.native.now_ms + 1)
    stage.next()
    assert stage.quote(stage.markets[2]) is TOO_LITTLE
    stage.native.deposit(stage.account, USD, 200)
    assert stage.quote(stage.markets[2]) is None


def test_c9_a_fill_elsewhere_is_seen():
    stage = Quoting(MARKETS * 200 + 300)
    stage.send(stage.maker, SELL, 90, 10, stage.markets[4])  # its bid at 90: 100 atoms are gained at the mark
    assert stage.quote(stage.markets[2], lots=20) is None  # 400 more are required of 300 + 100
    assert stage.quote(stage.markets[3], lots=1) is TOO_LITTLE
    stage.price(89, stage.markets[4])
    assert stage.quote(stage.markets[3], lots=1) is TOO_LITTLE
    stage.agree()


def test_c9_an_opening_trade_in_a_new_market_is_seen():
    stage = Quoting(MARKETS * 200 + 300)
    new = stage.perpetual()
    stage.price(100, new)
    assert stage.quote(stage.markets[0], lots=1) is None
    stage.native.open_trade(new, stage.account, stage.maker, 15, 100)  # 300 required of 280
    assert stage.quote(stage.markets[1], lots=1) is TOO_LITTLE
    stage.agree()


def test_c9_a_chosen_leverage_is_seen():
    stage = Quoting(MARKETS * 200 + 1_000)
    stage.world.choose(stage.account, 1)  # the whole notional is required
    assert stage.quote(stage.markets[1]) is TOO_LITTLE
    stage.world.choose(stage.account, 0)
    assert stage.quote(stage.markets[1]) is None


def test_c9_a_stale_mark_of_a_position_is_seen():
    stage = Quoting(10**6, stale_ms=100)
    stage.native.open_trade(stage.markets[5], stage.account, stage.maker, 1, 100)
    assert stage.quote(stage.markets[0]) is None
    while stage.native.now_ms < 90:
        stage.next()
    stage.price(100, stage.markets[0])
    assert stage.quote(stage.markets[0]) is None
    while stage.native.now_ms < 120:
        stage.next()
    assert stage.quote(stage.markets[0]) is TOO_LITTLE  # the position's mark is older than 100 ms (C-5)
    stage.price(100, stage.markets[5])
    assert stage.quote(stage.markets[0]) is None


def test_c9_a_unified_account_counts_its_collateral_anew():
    stage = Quoting(MARKETS * 200 + 200, mode=UNIFIED, unified=True)
    assert stage.quote(stage.markets[0]) is None
    assert stage.quote(stage.markets[1]) is TOO_LITTLE
    stage.native.deposit(stage.account, COIN, 3)
    stage.index(100)  # 90 % of 300 atoms
    assert stage.spared(lambda: stage.arrives(stage.markets[1]))
    assert len(stage.resting(stage.account, stage.markets[1])) == 2
    assert stage.quote(stage.markets[2], lots=4) is TOO_LITTLE  # 80 required of 70
    stage.index(104)
    assert stage.quote(stage.markets[2], lots=4) is None
    stage.agree()


def test_c9_a_snapshot_keeps_what_is_kept():
    from engine import _core

    stage = Quoting(MARKETS * 200 + 400)
    copy = _core.World.restore(stage.native.snapshot())
    for world in (stage.native, copy):
        for market in stage.markets[:3]:
            world.send_order(stage.account, market, BUY, 90, 10, at_ms=world.now_ms + 1)
        world.run(world.now_ms + 1, check=True)
    assert copy.digest() == stage.native.digest()
    assert copy.counts()["rejects"] == stage.native.counts()["rejects"]
    assert copy.risk_counts()["evaluations"] == stage.native.risk_counts()["evaluations"]
