"""A dip buyer in Python among native makers and noise traders: it watches the touch, buys falls, sells the recovery."""

from __future__ import annotations

from engine import Agent, Side, Simulation, _core


class DipBuyer(Agent):
    """Bid below the highest price seen; offer what was bought, dearer."""

    def __init__(self, market):
        self.market, self.high, self.bought_lots, self.sold_lots = market, 0, 0, 0

    def on_book(self, context, market):  # the touch has changed; several changes may come as one call
        bid, ask = context.touch(market)
        self.high = max(self.high, bid or 0)
        if ask and ask < self.high * 0.995 and not context.orders:
            context.place(market, Side.BUY, 500, ask, immediate=True)

    def on_fill(self, context, fill):  # heard of a latency after the trade
        if fill.side == Side.BUY:
            self.bought_lots += fill.lots
            context.place(self.market, Side.SELL, fill.lots, fill.price_ticks * 1002 // 1000)
        else:
            self.sold_lots += fill.lots


sim = Simulation(seed=7)
usd = sim.asset("USD", decimals=6, supply="1000000000")
coin = sim.asset("COIN", decimals=3, supply="1000000000")
spot = sim.spot("COIN/USD", coin, usd, tick="0.01", lot="0.001")
sim.place(sim.account("founder", USD=10**6, COIN=10**4), spot, Side.BUY, 99, 10**3, at_ms=0)
sim.place(sim.account("miner", USD=10**6, COIN=10**4), spot, Side.SELL, 101, 10**3, at_ms=0)
for i in range(3):
    maker = sim.world.add_agents(
        "maker", sim.account(f"maker {i}", USD=10**6, COIN=10**4), _core.member_key("makers", i), levels=4,
        half_spread=0.001, spacing=0.001, skew=0.002, wake_every_ms=100, latency_law=("lognormal", 5.0, 0.5),
    )  # fmt: skip
    sim.world.add_quotes(maker, spot.number, 2_000, inventory_max=100_000)
noise = sim.account("noise", USD=10**7, COIN=10**5)
law = {"market": spot.number, "mean_gap_ms": 30.0, "qty_min": 100, "qty_max": 4_000}
sim.world.add_agents("noise", noise, _core.member_key("noise", 0), **law)
account = sim.account("hero", USD=10**5)
hero = DipBuyer(spot.number)
sim.add(hero, account, watches=[spot], latency_ms=3)
sim.run(until_ms=120_000)
sim.finish()
atoms = sim.world.balance(account, usd.number)[0] - 10**5 * 10**6
left = sim.world.balance(account, coin.number)[0]
print(f"bought {hero.bought_lots} lots of dips, sold {hero.sold_lots}")
worth = atoms + left * spot.atoms_per_tick_lot * sim.world.market(spot.number)["last"]
print(f"earned {usd.grid.value(worth)} USD in two minutes, {left} lots left at the last price")
