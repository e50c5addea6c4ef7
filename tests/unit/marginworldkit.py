"""What the examples of margin units share: a world with a perpetual, a spot market and a rich maker."""

from __future__ import annotations

import pytest
from worldkit import PERCENT, agree, place, rejects

from engine import InputError
from engine.margin import AccountMode
from engine.testing.margins import MarginWorld
from engine.types import RejectReason

USD, COIN = 0, 1
RICH = 10**9
CASH, ISOLATED, CROSS, UNIFIED = AccountMode


class Stage:
    """Hold a perpetual in dollars, a maker who is rich, and a spot market whose index prices a coin.

    Maintenance is 10 %, the initial requirement 20 %; a lot is worth an atom at a tick.
    """

    def __init__(self, *, ladder=None, initial=True, unified=False, **options):
        stale_ms = options.pop("price_stale_ms", 0)
        self.world = MarginWorld(ladder=ladder, **options)
        self.native = self.world.native
        assert (self.world.asset(10**15), self.world.asset(10**15)) == (USD, COIN)
        self.initial = self.world.schedule([0], [20 * PERCENT]) if initial else None
        self.spot = self.world.spot(COIN, USD)
        self.market = self.perpetual(price_stale_ms=stale_ms)
        self.maker = self.world.account(RICH, RICH)
        if unified:
            self.world.count(USD, loan_ppm=5 * PERCENT, lender=self.maker)
            value = self.world.schedule([0], [90 * PERCENT], kind="value")
            self.world.count(COIN, self.spot, value=value, loan_ppm=10 * PERCENT, lender=self.maker)

    def perpetual(self, settle=USD, **options):
        return self.world.perpetual(settle, maintenance_ppm=10 * PERCENT, initial=self.initial, **options)

    def price(self, ticks, market=None, series="mark"):
        self.native.publish(self.market if market is None else market, ticks, series)
        self.next()

    def index(self, ticks):
        self.price(ticks, self.spot, "index")

    def next(self):
        self.native.run(self.native.now_ms + 1, check=True)

    def long(self, atoms, lots=10, price=100, *, market=None, mode=CROSS):
        account = self.world.account(atoms, mode=mode)
        self.native.open_trade(self.market if market is None else market, account, self.maker, lots, price)
        return account

    def send(self, account, side, price, lots, market=None, **options):
        """Send an order; returns its reason if its account may not send it."""
        before = rejects(self.world)
        place(self.world, account, self.market if market is None else market, side, price, lots, **options)
        after = rejects(self.world)
        new = [RejectReason(reason) for reason in after if after[reason] > before.get(reason, 0)]
        return new[0] if new else None

    def resting(self, account, market=None):
        orders = self.native.orders(self.market if market is None else market)
        return [(int(order.side), order.price_ticks, order.leaves_lots) for order in orders if order.owner == account]

    def unit(self, account, market=None):
        rows = [row for row in self.world.rows() if row["account"] == account]
        return next(row for row in rows if market is None or row["market"] == market)

    def agree(self):
        assert self.world.differences() == []
        agree(self.world)


def refused(field, call, *arguments, **options):
    with pytest.raises(InputError) as error:
        call(*arguments, **options)
    assert error.value.field == field
