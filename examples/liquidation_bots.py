"""Who earns in a cascade of loans: one, three or ten liquidation bots, in books of full, a tenth and a hundredth depth.

Borrowers stand on one lender against a token; its oracle reads the token's own book. A sale of a tenth of the bids
takes the price below the first of them. Bots pay in each block for the right to repay, and sell what they get into the
same book. A bot repays no more than it can sell at a gain, so in a thin book its actions are small, many, and late:
loans wait, the price falls on, and the debt that is left when nothing is left to seize is the lenders' loss. More bots
are faster, and pay more of what they earn for gas; for most of them nothing is left.
"""

from __future__ import annotations

from statistics import median

from engine import Side, Simulation, lending, uniform
from engine._core import member_key
from engine.lineage import LandmarkKind, Lineage
from engine.prices import Last

BOTS, DEPTHS = (1, 3, 10), (1, 10, 100)
SALE_MS, END_MS = 20_000, 600_000
BORROWERS, LEVELS, LEVEL_USDT = 120, 100, 60_000


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
        collateral={"COIN": lending.AaveMarket("COIN", 800_000, 830_000, 50_000, "made up", close_value_min=0, left_value_min=0)},
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
    sim.world.add_quotes(range(first, first + 4), spot.number, 10_000 // divisor, inventory_max=400_000 // divisor)
    sim.publish(spot, "10", "oracle")
    # Each has half of what it may lose before it is liquidated, or more.
    for n in range(BORROWERS):
        who = sim.account(f"borrower {n}", COIN="8000")
        assert sim.act(who, "supply", aave, "8000 COIN").is_done
        assert sim.act(who, "borrow", aave, f"{63_900 - 120 * n} USDT").is_done
    accounts = sim.bots(
        "bots", bots, aave, spot, every=uniform("200ms", "1s"), margin="0.002", tip="0.05", gas_asset_price=4_000,
        brings={"USDT": "2000000", "ETH": "10"},
    )  # fmt: skip
    sold = 30 * LEVEL_USDT / 10 / divisor / 10 * 2 + 160_000 / divisor
    seller = sim.account("seller", COIN=f"{sold:.1f}")
    sim.world.add_agents(
        "shock", seller, member_key("seller", 0), market=spot.number, side=Side.SELL,
        qty_lots=spot.lots(f"{sold:.1f}"), slices=20, every_ms=500, start_ms=SALE_MS,
    )  # fmt: skip
    sim.record(actions=True)
    sim.run(until_ms=END_MS)
    sim.world.check_invariants()
    return figures(sim, accounts)


def figures(sim: Simulation, accounts: list[int]) -> dict[str, float]:
    """Return what a run comes to."""
    spot, aave = sim.markets["COIN/USDT"], sim.lenders["aave"]
    usdt, coin, eth = (sim.assets[name] for name in ("USDT", "COIN", "ETH"))
    lineage = Lineage(sim)
    liquidated = {row.id: row for row in lineage.of_kind(LandmarkKind.LIQUIDATION)}
    first: dict[int, int] = {}
    for step in lineage.of_kind(LandmarkKind.STEP):
        if step.parent in liquidated:
            first.setdefault(step.parent, step.time_ms - liquidated[step.parent].time_ms)
    trades, actions = sim.world.trades(), sim.world.table("actions")
    earned = []
    for account in accounts:
        money = usdt.grid.value(sim.world.balance(account, usdt.number)[0]) - 2_000_000
        gas = 10 - eth.grid.value(sim.world.balance(account, eth.number)[0])
        earned.append(float(money - gas * 4_000))
    states = sim.bot_states(accounts).values()
    return {
        "liquidated": len(liquidated),
        "sent": sum(each.sent for each in states),
        "won": sum(each.won for each in states),
        "repaid": float(sim.lender("aave").repaid_value),
        "best": max(earned),
        "all": sum(earned),
        "winners": sum(each > 0 for each in earned),
        "late_s": median(first.values()) / 1_000 if first else float("nan"),
        "latest_s": max(first.values()) / 1_000 if first else float("nan"),
        "untouched": len(liquidated) - len(first),
        "low": float(spot.price.value(int(trades["price_ticks"].min()))),
        "bad_debt": float(sim.lender("aave").deficit.get("USDT", 0)),
        "open": sim.lender("aave").work,
        "gas": int(actions["gas_atoms"].sum()),
    }


for divisor in DEPTHS:
    for bots in BOTS:
        print(divisor, bots, {k: round(v, 2) for k, v in cascade(bots, divisor).items()})
