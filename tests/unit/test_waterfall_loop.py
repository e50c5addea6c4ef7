"""The loop closed: several cross at once, their orders move the mark, a stop fires, others cross (X-3, X-4, H-2)."""

import numpy as np
import pytest
from worldkit import BUY, LIQUIDATION, PERCENT, QUOTE, SELL, landmarks, opened

from engine.forest import LandmarkKind
from engine.lineage import Lineage

PRICE = 1_000
FUND, RICH = 1, 10**9


class Street:
    """A perpetual whose mark is its own book's, with bids from 1,000 down and four longs over it."""

    def __init__(self, levels=40, **policy):
        self.twin = opened(seed=5)
        self.world = self.twin.native
        self.market = self.world.add_perpetual(QUOTE, atoms_per_tick_lot=1, maintenance_ppm=5 * PERCENT)
        self.maker, self.seller, self.other = (self.account(RICH) for _ in range(3))
        self.longs = [self.account(10 * margin) for margin in (100, 99, 130, 135)]
        self.stopped = self.account(5_000)
        self.world.set_policy(0, **{"stage_ppm": 10**6, "interval_ms": 2, **policy})
        self.world.record(waterfall=True)
        self.world.publish(self.market, PRICE)
        for account in (*self.longs, self.stopped):
            self.world.open_trade(self.market, account, self.other, 10, PRICE)
        for step in range(levels):
            self.world.send_order(self.maker, self.market, BUY, PRICE - 5 * step, 5, at_ms=1)
        self.world.send_order(self.maker, self.market, SELL, PRICE + 1, 5, at_ms=1)
        self.world.add_mark(self.market, every_ms=1, lag_ms=0)

    def account(self, atoms):
        account = self.world.add_accounts(1)
        self.world.deposit(account, QUOTE, atoms)
        return account

    def stop(self, price):
        """Let the last long wait with a stop-loss."""
        crowd = self.world.add_crowd("stops", self.stopped, 1)
        one = np.array([self.stopped], np.int32)
        self.world.add_plans(crowd, "stop", one, np.array([self.market], np.uint16), np.array([price], np.int64))

    def fall(self, lots, until_ms=200):
        self.world.run(10, check=True)
        self.world.send_order(self.seller, self.market, SELL, None, lots, at_ms=20)
        self.world.run(until_ms, check=True)
        self.world.check_invariants()

    def position(self, account):
        return self.world.position(account, self.market)[0]


def test_two_cross_at_once_a_stop_fires_and_two_more_follow():
    street = Street()
    street.stop(925)
    street.fall(60)
    begun = landmarks(street.twin, LIQUIDATION)
    first, second, third, fourth = street.longs
    # in one phase 4, the poorer one first.
    assert [row[1] for row in begun[:2]] == [second, first]
    assert begun[0][0] == begun[1][0]
    assert [row[1] for row in begun[2:]] == [third, fourth]
    assert [street.position(account) for account in (*street.longs, street.stopped)] == [0] * 5
    lineage = Lineage(street.world)
    generations = [row.generation for row in lineage.of_kind(LandmarkKind.LIQUIDATION)]
    assert generations[:2] == [1, 1]
    assert (
        min(generations[2:]) >= 2
    )  # the mark that found them was moved by the orders of the first two, or by the stop


def test_without_the_stop_the_chain_ends_with_two():
    street = Street()
    street.fall(60)
    assert sorted(row[1] for row in landmarks(street.twin, LIQUIDATION)) == street.longs[:2]
    assert [street.position(account) for account in (*street.longs[2:], street.stopped)] == [10, 10, 10]


@pytest.mark.parametrize("adl", ["binance", "hyperliquid_adjusted", "contracts"])
def test_takeover_fund_and_adl_within_the_loop(adl):
    """Behind 945 stand five lots at 905: the fund takes what is left, and a trade at 870 puts it under water."""
    street = Street(levels=12, order="bankruptcy", steps_most=1, interval_ms=1, takes_over=True, adl=adl, unwind_ms=3)
    street.world.deposit(FUND, QUOTE, 50)
    street.world.send_order(street.maker, street.market, BUY, 905, 5, at_ms=1)
    street.fall(60, until_ms=40)
    assert street.position(FUND) == 35
    assert [street.position(account) for account in street.longs] == [0] * 4
    street.world.send_order(street.maker, street.market, BUY, 870, 1, at_ms=50)
    street.world.send_order(street.seller, street.market, SELL, 870, 1, at_ms=51)
    street.world.run(60, check=True)
    kinds = [LandmarkKind(int(kind)) for kind in street.world.landmarks()["kind"]]
    assert kinds.index(LandmarkKind.TAKEOVER) < kinds.index(LandmarkKind.ADL)
    assert street.position(FUND) == 0
    assert street.world.balance(FUND, QUOTE)[0] >= 0
    assert all(street.position(account) == 0 for account in street.longs)
