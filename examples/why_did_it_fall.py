"""Ask a liquidation of the third generation what caused it, down to the outside shock."""

from __future__ import annotations

from engine.lineage import LandmarkKind, Lineage
from engine.part import build_part
from engine.scenarios import load

part = build_part(
    load("atom-flash-crash"), "endogenous"
)  # makers who withdraw their bids when the price falls too fast
sim = part.simulation
sim.run(until_ms=70_000)  # the outside sale starts at 60,000 ms

lineage = Lineage(sim)
print(f"low of {part.market.name} so far: {part.low} USDT")
for generation, count in lineage.generations().items():
    print(f"  generation {generation}: {count} liquidations")

liquidations = lineage.of_kind(LandmarkKind.LIQUIDATION)
third = next(row for row in liquidations if row.generation == 3)
print(f"why was '{sim.accounts[third.account]}' liquidated at {third.time_ms / 1000} s? (newest first)")
for line in lineage.why(third.id):
    print("  " + line)

chain = lineage.chain(third.id)
root = chain[-1]
print(f"{len(chain) - 1} causes back: {root.kind.name} by '{sim.accounts[root.account]}' at {root.time_ms / 1000} s")
