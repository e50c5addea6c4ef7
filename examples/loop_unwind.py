"""Five hundred loops on one lender, and one switch: what the lender takes for the price of the token.

Loopers buy a synthetic dollar, supply it, borrow dollars, and buy more: on the real book, step by step, before anything
happens. Then somebody sells two million of it. With the *own book* as oracle the lender sees the price that the sale
has made: loops are liquidated, bots sell what they get into the same book, and the next loops follow; the rest flees.
With the *redemption value* as oracle (the token can be redeemed at 1, as USDe could) the lender sees nothing, and
nobody has to sell, though the peg trades as low as the sale takes it. Both runs have the same seed and the same people.

Illusion is gross collateral / net equity of the loops; cover is what bids within 2 % pay / the coins that would have to
be sold to repay all loops. Both are there to be seen before the fall.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction

from engine import Side, Simulation, integers, lending, uniform
from engine._core import member_key
from engine.lineage import LandmarkKind, Lineage
from engine.prices import Fixed, Mid

LOOPERS, SALE_MS, END_MS = 500, 120_000, 420_000
ORACLES = ("own book", "redemption value")


def street(oracle: str) -> Simulation:
    """Return the street: a book, a lender, makers, redeemers, bots, and loopers who are about to build."""
    sim = Simulation(seed=5)
    usde, usdt = (sim.asset(name, decimals=4, supply="1000000000") for name in ("USDe", "USDT"))
    eth = sim.asset("ETH", decimals=9, supply="1000000")
    peg = sim.spot("USDe/USDT", usde, usdt, tick="0.0001", lot="1")
    source = Mid(peg, stale_ms=10**9) if oracle == "own book" else Fixed("1")  # the one switch
    sim.oracle(peg, source, every_ms=1_000, lag_ms=200)
    sim.blocks(0, every="2s", gas_asset=eth, gas_limit=60_000_000, base_price="0.02", base_least="0.001")
    aave = sim.lending(
        "aave",
        collateral={"USDe": lending.aave("USDe")},
        borrow={"USDT": lending.aave_curve("stablecoin")},
        oracle={"USDe": peg},
        accrue_every="12s",
    )
    assert sim.act(sim.account("bank", USDT="60000000"), "supply", aave, "60000000 USDT").is_done
    # Who mints sells at a little above 1, as much as the loops want; old bids lie below.
    sim.place(sim.account("issuer", USDe="60000000"), peg, Side.SELL, "1.0003", "60000000", at_ms=0)
    old = sim.account("old bids", USDT="30000000")
    for step in range(80):
        sim.place(old, peg, Side.BUY, f"{0.9995 - 0.006 * step:.4f}", "100000", at_ms=0)

    def agents(kind: str, count: int, **parameters: object) -> int:
        accounts = [sim.account(f"{kind} {n}", USDT="5000000", USDe="500000") for n in range(count)]
        return sim.world.add_agents(kind, accounts, [member_key(kind, n) for n in range(count)], **parameters)

    maker = agents(
        "maker", 6, wake_every_ms=300, levels=5, half_spread=0.0004, spacing=0.0008, skew=0.002,
        drawdown=0.005, window_ms=3_000, return_after_ms=30_000, return_size=0.5, return_spread=5.0,
    )  # fmt: skip
    sim.world.add_quotes(range(maker, maker + 6), peg.number, 20_000, inventory_max=400_000)
    agents(
        "value", 2, market=peg.number, wake_every_ms=5_000, fair_ticks=peg.ticks("1"), threshold=0.02,
        qty_lots=40_000, inventory_max=5_000_000,
    )  # fmt: skip
    sim.loopers(
        "loopers",
        LOOPERS,
        aave,
        peg,
        every=uniform("500ms", "2s"),
        brings={"USDe": uniform(2_000, 8_000), "ETH": "10"},
        loops=integers(6, 12),
        ltv=uniform(0.8, 0.9),
        slippage="0.002",
        flee_health="1.01",
        keep_health="1",
        options={"start_ms": 3_000},
    )
    sim.bots(
        "bots", 3, aave, peg, every="1s", least_gain="0.001", tip="0.1", gas_asset_price=4_000, capital=150_000,
        brings={"USDT": "2000000", "ETH": "100"},
    )  # fmt: skip
    whale = sim.account("whale", USDe="2000000")
    sim.world.add_agents(
        "shock", whale, member_key("whale", 0), market=peg.number, side=Side.SELL,
        qty_lots=peg.lots("2000000"), slices=60, every_ms=500, start_ms=SALE_MS,
    )  # fmt: skip
    return sim


def told(value: object, form: str) -> str:
    """Return a figure, or a dash for none."""
    return "-".rjust(len(format(0.0, form))) if value is None else format(float(value), form)


found = {}
for oracle in ORACLES:
    sim = street(oracle)
    peg, aave = sim.markets["USDe/USDT"], sim.lenders["aave"]
    print(f"oracle: {oracle}")
    print("  time    bid    loops  liquidatable   gross, M   debt, M  illusion   cover")
    samples = []
    sim.run(until_ms=SALE_MS - 30_000)
    for sample in sim.exits(aave, peg, every_ms=30_000, until_ms=END_MS):
        samples.append(sample)
        print(
            f"  {sample.time_ms / 1000:3.0f}s  {told(sample.bid, '6.4f')}  {sample.loans:5}  {sample.work:12}  "
            f"{sample.gross / 10**6:9.2f}  {sample.debt / 10**6:8.2f}  {told(sample.illusion, '8.2f')}"
            f"  {told(sample.cover, '6.4f')}"
        )
    sim.world.check_invariants()
    trades, state, lineage = sim.world.trades(), sim.lender("aave"), Lineage(sim)
    low = peg.price.value(int(trades["price_ticks"].min()))
    liquidated = lineage.of_kind(LandmarkKind.LIQUIDATION)
    bad_debt = state.deficit.get("USDT", 0)
    fled = len(lineage.of_kind(LandmarkKind.UNWIND))
    print(
        f"  {len(liquidated)} loops liquidatable, {state.liquidations} liquidations of {state.repaid_value:,.0f} USDT,"
        f" bad debt {bad_debt:,.0f}, {fled} fled; low of the peg {low}"
    )
    stages = Counter(each.stage for each in sim.looper_states(sim.world.accounts_of("looper")).values())
    print(f"  loopers at the end: {dict(sorted(stages.items()))}")
    if liquidated:
        reproduction = lineage.reproduction(10_000, horizon=20_000)
        shown = ", ".join(f"{each:.2f}" for each in reproduction.ratio if each == each)
        print(f"  by generation {lineage.generations()}, endogenous share {lineage.endogenous_share():.2f}")
        print(f"  R(t) of windows of 10 s, horizon 20 s: {shown}")
        print("  why was the last of the latest generation liquidated? (newest first)")
        latest = max(liquidated, key=lambda row: (row.generation, row.time_ms))
        for line in lineage.why(latest.id):
            print("    " + line)
    found[oracle] = (samples, liquidated, bad_debt, low)

own, redemption = (found[oracle] for oracle in ORACLES)
# Before the sale it is the same street: five coins stand for each one that is owned, and the book takes one of ten.
for samples, *_ in found.values():
    before = samples[0]
    assert before.loans == LOOPERS
    assert before.illusion is not None
    assert before.illusion > 5
    assert before.cover is not None
    assert before.cover < Fraction(1, 10)
# Its own book: the sale liquidates some, their liquidations the others, and lenders lose.
assert len(own[1]) > LOOPERS * 9 // 10
assert max(row.generation for row in own[1]) >= 3
assert own[2] > 1_000_000
# Redemption value: the peg trades low, and comes back; nobody is liquidated.
assert (redemption[1], redemption[2]) == ([], 0)
assert own[3] < Decimal("0.6") < redemption[3] < Decimal("0.93")
assert redemption[0][-1].bid > Decimal("0.99")
assert redemption[0][-1].loans == LOOPERS
print(f"low of the peg {own[3]} with its own book as oracle, {redemption[3]} with the redemption value")
