"""Fork a hundred futures from the moment before a shock, each with draws of its own: how low could it have gone?"""

from __future__ import annotations

from statistics import quantiles

from engine import Side, _core
from engine.simulation import Simulation

sim = Simulation(seed=1, stage="0.5", stage_interval_ms=200)
usd = sim.asset("USD", decimals=6, supply="1000000000")
perp = sim.perpetual("COIN-PERP", usd, tick="0.01", lot="0.001", maintenance="0.03")
sim.world.add_mark(perp.number, every_ms=250, lag_ms=50)
stale, short, whale, noise = (sim.account(name, USD=10**7) for name in ("stale", "short", "whale", "noise"))
for step in range(1, 90):  # bids and asks that never move
    sim.place(stale, perp, Side.BUY, 100 - step, "40", at_ms=0)
    sim.place(stale, perp, Side.SELL, 100 + step, "40", at_ms=0)
for i in range(4):  # makers who cancel their bids when the price falls 2 % within 0.8 s
    maker = sim.world.add_agents(
        "maker", sim.account(f"maker {i}", USD=10**7), _core.member_key("makers", i), levels=3, half_spread=0.001,
        spacing=0.002, wake_every_ms=100, window_ms=800, drawdown=0.02, return_after_ms=3000, return_size=0.5,
        anchor=0.3, fair_tau_ms=5000.0, latency_ms=0, latency_law=("lognormal", 20.0, 0.8),
    )  # fmt: skip
    sim.world.add_quotes(maker, perp.number, perp.lots("30"), inventory_max=perp.lots("300"))
for i in range(60):  # longs of 20 coins, leverage 3 to 14
    long = sim.account(f"long {i}", USD=2000 // (3 + i // 5))
    sim.world.open_trade(perp.number, long, short, perp.lots("20"), perp.ticks("100"))
key = _core.member_key("noise", 0)  # whose draws these are
sim.world.add_agents(
    "noise", noise, key, market=perp.number, mean_gap_ms=40, qty_min=1000, qty_max=20_000, latency_ms=5
)
sim.world.add_agents(
    "shock",
    whale,
    0,
    market=perp.number,
    side=Side.SELL,
    qty_lots=perp.lots("1400"),
    start_ms=5000,
    slices=10,
    every_ms=50,
)
sim.run(until_ms=4_999)
lows = []
for seed in range(100):
    future = sim.world.fork(seed=seed)  # the past is shared, every draw from here on is new
    future.run(15_000)
    lows.append(float(perp.price.value(int(future.trades()["price_ticks"].min()))))
cuts = quantiles(lows, n=20, method="inclusive")
print(f"lows of {len(lows)} futures, USD: {min(lows)} to {max(lows)}")
for share, low in ((5, cuts[0]), (25, cuts[4]), (50, cuts[9]), (75, cuts[14]), (95, cuts[18])):
    print(f"  {share:2d} % are at or below {low:.2f}")
print(f"the past is unharmed: it stands at {sim.world.now_ms} ms, digest {sim.world.digest():016x}")
