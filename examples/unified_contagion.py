"""One token falls, and another one that nobody attacked falls after it: contagion through unified accounts.

A market maker borrows dollars against a token that is sold off and against a healthy one. When the first falls, its
account is liquidated, and what the engine sells is what can be sold best: the healthy token, into the healthy token's
own book. Others who borrowed against that token, and never had the first one, are liquidated next.
"""

from __future__ import annotations

from engine import Side, Simulation, haircuts
from engine._core import member_key
from engine.lineage import LandmarkKind, Lineage
from engine.prices import Last

sim = Simulation(seed=7)
usdt = sim.asset("USDT", decimals=6, supply="1000000000")
sick, sound = (sim.asset(name, decimals=3, supply="1000000000") for name in ("SICK", "SOUND"))
spots = {name: sim.spot(f"{name.name}/USDT", name, usdt, tick="0.01", lot="0.001") for name in (sick, sound)}
lender = sim.account("lender", USDT="5000000")
sim.collateral(0, usdt, lender=lender, loan="0.05")
for token, market in spots.items():
    sim.collateral(0, token, market=market, value=haircuts.flat("0.8"))
    sim.index(market, Last(market), every_ms=1_000)
    # Both at 100 dollars; the sick token's book is thin.
    street = sim.account(f"{token.name} street", USDT="20000000", **{token.name: "1000"})
    depth = "20" if token is sick else "60"
    for step in range(80):
        sim.place(street, market, Side.BUY, f"{100 - 0.5 * step:.2f}", depth, at_ms=0)
    opener = sim.account(f"{token.name} opener", **{token.name: "1"})
    sim.place(opener, market, Side.SELL, None, "1", at_ms=1)
sim.world.set_policy(0, stage_ppm=1_000_000, interval_ms=1_000, sells="haircut_liquidity")
sim.run(until_ms=2_000)


def leveraged(name: str, loan: str, **tokens: str) -> int:
    """Open a unified account that has borrowed against its tokens, and spent the loan elsewhere."""
    account = sim.account(name, mode="unified", **tokens)
    sim.world.borrow(account, usdt.number, usdt.atoms(loan))
    sim.world.withdraw(account, usdt.number, usdt.atoms(loan))
    return account


maker = leveraged("maker", "140000", SICK="1000", SOUND="1000")
others = [leveraged(f"holder {n}", str(6_200 + 100 * n), SOUND="100") for n in range(10)]
seller = sim.account("seller", SICK="900")
sim.world.add_agents(
    "shock", seller, member_key("seller", 0), market=spots[sick].number, side=Side.SELL,
    qty_lots=spots[sick].lots("900"), slices=9, every_ms=500, start_ms=5_000,
)  # fmt: skip


def index(token: object) -> str:
    """Return a token's index, USDT."""
    return str(spots[token].price.value(sim.world.market(spots[token])["index"]))


print("  time     SICK    SOUND  liquidated")
for at_ms in range(4_000, 21_000, 2_000):
    sim.run(until_ms=at_ms)
    hit = len(Lineage(sim).of_kind(LandmarkKind.LIQUIDATION))
    print(f"{at_ms / 1000:5.0f}s  {index(sick):>7}  {index(sound):>7}  {hit:10}")
sim.world.check_invariants()

lineage = Lineage(sim)
liquidations = lineage.of_kind(LandmarkKind.LIQUIDATION)
print("liquidations by generation:", lineage.generations())
print(f"why was '{sim.accounts[liquidations[-1].account]}' liquidated, who never had SICK? (newest first)")
for line in lineage.why(liquidations[-1].id):
    print("  " + line)
root = lineage.chain(liquidations[-1].id)[-1]
print(f"the root of it: {root.kind.name} by '{sim.accounts[root.account]}' at {root.time_ms / 1000} s")

# The maker is first, and what it sold is the healthy token; everybody else follows from that.
assert liquidations[0].account == maker
assert {row.account for row in liquidations[1:]} <= set(others)
assert len(liquidations) > 2
steps = [row for row in lineage.of_kind(LandmarkKind.STEP) if row.account == maker]
assert steps[0].market == spots[sound].number
for row in liquidations[1:]:
    ancestors = [lineage.landmark(number) for number in lineage.ancestors(row.id)]
    assert any(each.kind == LandmarkKind.STEP and each.account == maker for each in ancestors)
    assert lineage.chain(row.id)[-1].kind == LandmarkKind.SHOCK
