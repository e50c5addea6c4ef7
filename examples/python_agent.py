"""A dip buyer in Python among native agents: it watches the touch, buys a fall, and offers what it got, dearer."""

from __future__ import annotations

from engine import Agent, Side
from engine.scenarios import load


class DipBuyer(Agent):
    """Take the ask once it is 0.3 % below the highest bid seen."""

    high = bought_lots = 0

    def on_book(self, context, market):  # the touch has changed; several changes may come as one call
        bid, ask = context.touch(market)
        self.high = max(self.high, bid or 0)
        if ask and ask < self.high * 0.997 and not context.orders:
            context.place(market, Side.BUY, 500, ask, immediate=True)

    def on_fill(self, context, fill):  # heard of a latency after the trade
        if fill.side == Side.BUY:
            self.bought_lots += fill.lots
            context.place(fill.market, Side.SELL, fill.lots, fill.price_ticks * 1002 // 1000)

    def on_end(self, context):
        usd, coin = (context.balance(asset)[0] for asset in (0, 1))
        print(f"bought {self.bought_lots} lots of a fall; at the end {usd / 1e6:,.2f} USD and {coin / 1e3} COIN")


scenario = load("two-venues")
scenario.add(DipBuyer(), "hero", on=["COIN-MAIN"], brings={"USD": "100k"}, link={"base": "3ms"})
scenario.simulation().run()
