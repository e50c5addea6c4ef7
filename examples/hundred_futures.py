"""Fork a hundred futures from the second before a sale, each with draws of its own: how low could it have gone?"""

from __future__ import annotations

from statistics import quantiles

from engine.scenarios import load

sim = load("two-venues").simulation()
sim.run(until="20:45:29")  # the sale comes at 20:45:30
lows = []
for seed in range(100):
    future = sim.fork(seed=seed)  # the past is shared, every draw from here on is new
    lows.append(float(future.run().lows["COIN-SIDE"] or 0))  # to the scenario's end

cuts = quantiles(lows, n=20, method="inclusive")
print(f"lows of {len(lows)} futures on the other venue, USD: {min(lows)} to {max(lows)}")
for share, low in ((5, cuts[0]), (25, cuts[4]), (50, cuts[9]), (75, cuts[14]), (95, cuts[18])):
    print(f"  {share:2d} % are at or below {low:.3f}")
print(f"the past is unharmed: it stands at {sim.world.now_ms} ms, digest {sim.world.digest():016x}")
