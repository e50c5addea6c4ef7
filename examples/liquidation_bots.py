"""Who earns in a cascade of loans: one, three or ten liquidation bots, in books of full, a tenth and a hundredth depth.

Borrowers stand on one lender against a token; its oracle reads the token's own book. A sale, as large as the book is
deep, takes the price below the first of them. Bots pay in each block for the right to repay, and sell what they get
into the same book. A bot repays no more than it can sell at a gain, so in a thin book it does little, and late: loans
wait, the price falls on, and what is owed beyond the collateral is the lenders' loss, booked or still to come. Of
several bots one wins a loan, and all pay for the gas.
"""

from __future__ import annotations

from statistics import median

from engine import Side, Simulation, lending, uniform
from engine._core import member_key
from engine.lineage import LandmarkKind, Lineage
from engine.prices import Last

BOTS, DEPTHS = (1, 3, 10), (1, 10, 100)
SALE_MS, END_MS = 20_000, 600_000
MONEY, GAS, ETH_USDT = 2_000_000, 10, 4_000  # what a bot brings, and what its gas is worth
BORROWERS, LEVELS, LEVEL_USDT = 240, 100, 60_000


def cascade(bots: int, divisor: int) -> dict[str, float]:
    """Return who earned what, how late, how low and the bad debt, with so many bots in a book so thin."""
    sim = Simulation(seed=3)
    coin, usdt = (sim.asset(name, decimals=4, supply="1000000000") for name in ("COIN", "USDT"))
    eth = sim.asset("ETH", decimals=9, supply="1000000")
    spot = sim.spot("COIN/USDT", coin, usdt, tick="0.001", lot="0.1")
    sim.oracle(spot, Last(spot), every_ms=1_000, lag_ms=200)
    sim.blocks(0, every="2s", gas_asset=eth, gas_limit=15_000_000, base_price="0.01", base_least="0.001")
    aave = sim.lending(
        "aave",
        collateral={
            "COIN": lending.AaveMarket("COIN", 800_000, 830_000, 50_000, "made up", close_value_min=0, left_value_min=0)
        },
        borrow={"USDT": lending.aave_curve("stablecoin")},
        oracle={"COIN": spot},
    )
    assert sim.act(sim.account("bank", USDT="20000000"), "supply", aave, "20000000 USDT").is_done
    # Bids of one depth down to a half of the price, the asks far above.
    street = sim.account("street", USDT="50000000", COIN="1000")
    for level in range(LEVELS):
        price = 10 - 0.05 * level
        sim.place(street, spot, Side.BUY, f"{price:.3f}", f"{LEVEL_USDT / divisor / 10:.1f}", at_ms=0)
    sim.place(street, spot, Side.SELL, "10.001", "100", at_ms=0)
    # Makers refill what is taken, around the last prices, in the same proportion.
    makers = [sim.account(f"maker {n}", USDT="50000000", COIN="100000") for n in range(4)]
    first = sim.world.add_agents(
        "maker", makers, [member_key("maker", n) for n in range(4)], wake_every_ms=1_000, levels=8,
        half_spread=0.002, spacing=0.004, skew=0.02, anchor=0.5, fair_tau_ms=120_000.0,
    )  # fmt: skip
    sim.world.add_quotes(range(first, first + 4), spot.number, 4_000 // divisor, inventory_max=400_000 // divisor)
    sim.publish(spot, "10", "oracle")
    # The first may lose 4 % before it is liquidated, the last a quarter.
    for n in range(BORROWERS):
        who = sim.account(f"borrower {n}", COIN="8000")
        assert sim.act(who, "supply", aave, "8000 COIN").is_done
        assert sim.act(who, "borrow", aave, f"{63_900 - 60 * n} USDT").is_done
    accounts = sim.bots(
        "bots", bots, aave, spot, every=uniform("200ms", "1s"), least_gain="0.002", tip="0.05",
        gas_asset_price=ETH_USDT, brings={"USDT": MONEY, "ETH": GAS},
    )  # fmt: skip
    sold = (6 * LEVEL_USDT / 10 + 120_000) / divisor
    seller = sim.account("seller", COIN=f"{sold:.1f}")
    sim.world.add_agents(
        "shock", seller, member_key("seller", 0), market=spot.number, side=Side.SELL,
        qty_lots=spot.lots(f"{sold:.1f}"), slices=20, every_ms=500, start_ms=SALE_MS,
    )  # fmt: skip
    sim.run(until_ms=END_MS)
    sim.world.check_invariants()
    return figures(sim, accounts)


def figures(sim: Simulation, accounts: list[int]) -> dict[str, float]:
    """Return what a run comes to."""
    spot, aave, lineage = sim.markets["COIN/USDT"], sim.lenders["aave"], Lineage(sim)
    usdt, eth = sim.assets["USDT"], sim.assets["ETH"]
    begun = {row.id: row.time_ms for row in lineage.of_kind(LandmarkKind.LIQUIDATION)}
    late: dict[int, int] = {}
    for step in lineage.of_kind(LandmarkKind.STEP):
        if step.parent in begun:  # the first step after each
            late.setdefault(step.parent, step.time_ms - begun[step.parent])
    earned = []
    for account in accounts:
        money = usdt.grid.value(sim.world.balance(account, usdt.number)[0]) - MONEY
        gas = GAS - eth.grid.value(sim.world.balance(account, eth.number)[0])
        earned.append(float(money - gas * ETH_USDT))
    loans = sim.loans(aave).values()
    state, states = sim.lender("aave"), sim.bot_states(accounts).values()
    return {
        "begun": len({row.account for row in lineage.of_kind(LandmarkKind.LIQUIDATION)}),
        "sent": sum(each.sent for each in states),
        "won": sum(each.won for each in states),
        "repaid": float(state.repaid_value),
        "best": max(earned),
        "all": sum(earned),
        "late": median(late.values()) / 1_000,
        "low": float(spot.price.value(int(sim.world.trades()["price_ticks"].min()))),
        "bad_debt": float(state.deficit.get("USDT", 0)),
        "waiting": state.work,
        "under": float(sum(max(0, each.debt_value - each.collateral_value) for each in loans)),
    }


print("depth  bots  loans  sent  won     repaid  best bot  all bots  late, s    low  bad debt  waiting  under water")
found = {}
for divisor in DEPTHS:
    for bots in BOTS:
        found[divisor, bots] = run = cascade(bots, divisor)
        print(
            f"1/{divisor:<3}  {bots:4}  {run['begun']:5}  {run['sent']:4}  {run['won']:3}  {run['repaid']:9,.0f}"
            f"  {run['best']:8,.0f}  {run['all']:8,.0f}  {run['late']:7.1f}  {run['low']:5.2f}  {run['bad_debt']:8,.0f}"
            f"  {run['waiting']:7}  {run['under']:11,.0f}"
        )

for bots in BOTS:
    full, tenth, hundredth = (found[divisor, bots] for divisor in DEPTHS)
    lost = [each["bad_debt"] + each["under"] for each in (full, tenth, hundredth)]
    # In a thin book less is repaid, and lenders lose, whether it is booked or not.
    assert min(full["repaid"], tenth["repaid"]) > hundredth["repaid"]
    assert full["low"] > 8 > max(tenth["low"], hundredth["low"])
    assert lost[0] == 0 < min(lost[1:])
    assert full["waiting"] == 0 < min(tenth["waiting"], hundredth["waiting"])
    assert tenth["late"] > full["late"]
# One bot keeps what it earns; ten send more for less each.
for divisor in DEPTHS:
    alone, crowd = found[divisor, 1], found[divisor, 10]
    assert alone["best"] > crowd["best"]
    assert alone["all"] > crowd["all"]
    assert alone["sent"] < crowd["sent"]
