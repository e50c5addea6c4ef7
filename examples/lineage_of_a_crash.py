"""Print the lineage of a crash: generations, reproduction, amplification, shares by root, and why the last one fell."""

from __future__ import annotations

from engine.lineage import LandmarkKind, Lineage
from engine.scenarios import load

# Makers who withdraw their bids when the price falls too fast.
sim = load("atom-flash-crash").variant("endogenous").simulation()
sim.run(until_ms=90_000)  # the outside sale starts at 60,000 ms

lineage = Lineage(sim)
print("liquidations by generation:", lineage.generations())
print(f"endogenous share: {lineage.endogenous_share():.1%} have a liquidation behind them (no branching ratio)")
print("reproduction, by seconds:")
print(lineage.reproduction(window="1s"))

amplification = lineage.amplification()
for market in sim.markets.values():
    if market.number in amplification.lots:
        volume = amplification.lots[market.number]
        forced, outside = market.quantity.value(volume.forced), market.quantity.value(volume.exogenous)
        print(f"{market.name}: {forced} forced, {outside} from outside: amplification {volume.ratio:.2f}")

print("forced volume by root:")
for root, share in lineage.root_shares().items():
    row = lineage.landmark(root) if root else None
    name = f"{row.kind.name} by '{sim.accounts[row.account]}' at {row.time_ms / 1000} s" if row else "background"
    print(f"  {share:.1%}  {name}".replace("%", " %"))

last = lineage.of_kind(LandmarkKind.LIQUIDATION)[-1]
print(f"why was '{sim.accounts[last.account]}' liquidated at {last.time_ms / 1000} s? (newest first)")
for line in lineage.why(last.id):
    print("  " + line)
