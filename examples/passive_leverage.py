"""Leverage that rises by itself: a market maker's collateral falls, its rule fires, its quotes leave every market.

The maker has a unified account: a token that counts 80 % and some dollars back its shorts on three perpetuals, twice
the equity. It does nothing wrong: its positions do not move and nobody trades with it. Somebody sells the token into
the token's own book, the index follows, and leverage goes from 2 to more than 3: L' = L / (1 - s d), s the share of the
collateral in the equity, d its fall. At 30 % equity by notional its rule cancels both sides on all three markets.
"""

from __future__ import annotations

from fractions import Fraction

from engine import Side, Simulation, haircuts
from engine._core import member_key
from engine.lineage import LandmarkKind, Lineage
from engine.margin import leverage_after_shock
from engine.tiers import flat

sim = Simulation(seed=4, ladder="binance-portfolio-margin")
usdt = sim.asset("USDT", decimals=6, supply="1000000000")
token = sim.asset("COIN", decimals=3, supply="1000000000")
spot = sim.spot("COIN/USDT", token, usdt, tick="0.01", lot="0.001")
perps = {  # price, and what the maker is short
    sim.perpetual("BTC-PERP", usdt, tick="0.1", lot="0.001", tiers=flat("0.02", initial="0.04")): ("100000", "0.8"),
    sim.perpetual("ETH-PERP", usdt, tick="0.01", lot="0.001", tiers=flat("0.02", initial="0.04")): ("4000", "20"),
    sim.perpetual("SOL-PERP", usdt, tick="0.001", lot="0.01", tiers=flat("0.02", initial="0.04")): ("200", "200"),
}
sim.collateral(0, usdt)
sim.collateral(0, token, market=spot, value=haircuts.flat("0.8"))

maker = sim.account("maker", 0, mode="unified", COIN="1000", USDT="20000")
street = sim.account("street", USDT="50000000", COIN="500000")
local = sim.account("token maker", USDT="1000000", COIN="10000")
seller = sim.account("seller", COIN="100000")

# The token's book: a small maker around the last price, and bids further down that have stood there for long.
sim.place(street, spot, Side.BUY, "99.90", "50", at_ms=0)
sim.place(street, spot, Side.SELL, "100.10", "50", at_ms=0)
for dollars in range(30, 99):
    sim.place(street, spot, Side.BUY, str(dollars), "300", at_ms=0)
sim.world.add_agents(
    "maker", local, member_key("token maker", 0), wake_every_ms=100, half_spread=0.001, anchor=0.0, levels=2
)
sim.world.add_quotes([0], spot.number, [spot.lots("20")])
sim.index(spot, spot, every_ms=1_000)

# The maker: short on three perpetuals since before, one quote of each side on each, a rule on its margin ratio.
for perp, (price, size) in perps.items():
    sim.publish(perp, price)
    sim.world.open_trade(perp, street, maker, perp.lots(size), perp.ticks(price))
    for side, away in ((Side.BUY, -10), (Side.SELL, 10)):
        sim.world.send_order(street, perp, side, perp.ticks(price) + away, perp.lots("0.1"), at_ms=0)
number = sim.world.add_agents(
    "maker", maker, member_key("maker", 0), wake_every_ms=200, half_spread=0.0005, levels=1, anchor=0.0,
    margin_ratio=0.3, leaves_both=1, return_after_ms=3_600_000, start_ms=1_000, latency_law=("lognormal", 8.0, 0.5),
)  # fmt: skip
for perp, (_, size) in perps.items():
    sim.world.add_quotes([number], perp.number, [perp.lots(size) // 100])

for second in range(5, 44):
    sim.place(seller, spot, Side.SELL, None, "480", at_ms=second * 1_000)


def quotes() -> list[int]:
    """Count the maker's quotes on each perpetual: all that rests there but two orders of the street."""
    return [sim.world.market(perp)["orders"] - 2 for perp in perps]


def index() -> Fraction:
    """Return the token's index, USDT."""
    return Fraction(sim.world.market(spot)["index"]) * Fraction(spot.price.step)


print("  time     index  collateral counted   equity  leverage  quotes on " + ", ".join(perp.name for perp in perps))
start = None
for at_ms in range(3_000, 48_000, 3_000):
    sim.run(until_ms=at_ms)
    told = sim.margin(maker)
    if start is None:
        start, index_before, resting = told, index(), quotes()
    print(
        f"{at_ms / 1000:5.0f}s  {float(index()):8.2f}  {float(1000 * index() * 4 / 5):18,.0f}  {told.equity:8,.0f}"
        f"  {told.leverage:8.2f}  {', '.join(map(str, quotes()))}"
    )

# What the formula says, with shares of the first line and the fall of the index.
share = 1000 * index_before * 4 / 5 / Fraction(start.equity)
fall = 1 - index() / index_before
before, after = (Fraction(each.notional) / Fraction(each.equity) for each in (start, told))
expected = leverage_after_shock(before, share, fall)
formula = f"{float(before):.3f} / (1 - {float(share):.3f} x {float(fall):.3f})"
print(f"L' = {formula} = {float(expected):.6f}, in the book {float(after):.6f}")
assert abs(after - expected) < Fraction(1, 10**6)  # atoms are rounded, nothing else
assert before < Fraction("2.1")
assert 3 < after < 4
assert resting == [2, 2, 2]  # a quote of each side on every market
assert quotes() == [0, 0, 0]

lineage = Lineage(sim)
(left,) = lineage.of_kind(LandmarkKind.WITHDRAWAL)
print(f"the maker's rule fired at {left.time_ms / 1000:.1f} s; nobody was liquidated: {sim.margin(maker).state}")
assert not lineage.of_kind(LandmarkKind.LIQUIDATION)
