"""Five rules of auto-deleveraging on one crash: forked from the second before it, so that all differ by the rule only.

Leveraged longs fall with the price, makers withdraw their bids, a small fund takes positions over until it has nothing
left, and then ADL closes them against those who are short: bears, and hedgers who hold the coin itself. A hedger who
loses its short is naked, and sells its coin: ADL sends forced sales back into the books.

At the bankruptcy value ADL takes what was missing, whatever the rule: an overshoot of 1 against the mark of the moment.
Seen from the low it is many times that: what the shorts would still have earned, had they been left alone. The rule
decides from whom: how many, how much from one, and whose hedges.
"""

from __future__ import annotations

from engine.scenario import Scenario
from engine.waterfall import Waterfall

CRASH_MS, END_MS = 20_000, 60_000
MARK = 2  # kind of a price
FUND_USDT = 20_000
RULES = ("binance", "hyperliquid_adjusted", "bybit", "contracts", "pnl")
POLICY = {
    "stage_ppm": 250_000,
    "interval_ms": 500,
    "steps_most": 3,
    "takeover_ppm": 666_667,  # of the maintenance requirement, as Hyperliquid writes it
    "takes_over": True,
    "unwind_ms": 1_000,
    "unwind_ppm": 50_000,
}
SCENARIO = Scenario.from_toml("""
name = "adl-laboratory"
start = "2025-10-10T21:00Z"
duration = "60s"
seed = 11

[assets.USDT]
decimals = 6
supply = "100bn"
[assets.COIN]
decimals = 3
supply = "10bn"

[venues.cex]
liquidation = { stage = "25%", stage_min = 1, every = "500ms" }

[markets."COIN/USDT"]
kind = "spot"
venue = "cex"
tick = "0.001"
lot = "0.001"
price = "10.000"
[markets.COIN-PERP]
kind = "perp"
venue = "cex"
settle = "USDT"
tick = "0.001"
lot = "0.001"
price = "10.000"
maintenance = "3%"
taker_fee = "5bps"

[oracles.index]
kind = "index"
market = "COIN-PERP"
source = "COIN/USDT"
every = "500ms"
[oracles.mark]
kind = "mark"
market = "COIN-PERP"
every = "500ms"
lag = "50ms"

[populations."old bids"]
kind = "stale"
count = 400
market = "COIN-PERP"
distance = "uniform(0.5%, 60%)"
notional = "pareto(1k, 1.5, max=20k)"
brings = { USDT = "1bn", COIN = "100M" }
[populations."old spot bids"]
kind = "stale"
count = 400
market = "COIN/USDT"
distance = "uniform(0.5%, 60%)"
notional = "pareto(1k, 1.5, max=20k)"
brings = { USDT = "1bn", COIN = "100M" }
[populations.makers]
kind = "market-maker"
count = 6
on = ["COIN-PERP", "COIN/USDT"]
size = "4k USDT"
inventory_max = 10
link = { jitter = "lognormal(10ms, 0.5)" }
leaves = { drawdown = "0.6%", within = "1s", adl = true, sides = "both" }
returns = { after = "15s", size = "25%", spread = 3, spread_decay = "10s" }
brings = { USDT = "10M", COIN = "5M" }
[populations.arbitrage]
kind = "arbitrageur"
count = 2
on = ["COIN-PERP", "COIN/USDT"]
threshold = "20bps"
qty = "500 COIN"
inventory_max = "100k COIN"
brings = { USDT = "10M", COIN = "5M" }
[populations.opener]
kind = "account"
brings = { USDT = "1000", COIN = "100" }
[populations.treasury]
kind = "account"
brings = { USDT = "50M" }
[populations.longs]
kind = "holders"
count = 400
long = "COIN-PERP"
leverage = "uniform(4, 20)"
notional = "pareto(2k, 1.4, max=60k)"
rest = "bears"
[populations.bears]
kind = "account"
count = 40
brings = { USDT = "pareto(2k, 0.8, max=400k)" }
[populations."old bears"]
kind = "account"
count = 40
brings = { USDT = "pareto(1k, 0.8, max=200k)" }
[populations.hedgers]
kind = "hedgers"
count = 25
on = ["COIN/USDT", "COIN-PERP"]
qty = "uniform(500 COIN, 4000 COIN)"
rest = "treasury"
react = "exponential(1500ms)"
mode = "unwind"
brings = { USDT = "pareto(2k, 1.2, max=40k)" }
[populations.whale]
kind = "account"
brings = { USDT = "10M", COIN = "1M" }

[events.opening]
kind = "orders"
account = "opener"
at = "0s"
rows = [
    { market = "COIN-PERP", side = "buy", price = "9.995", quantity = "10" },
    { market = "COIN-PERP", side = "sell", price = "10.005", quantity = "10" },
    { market = "COIN/USDT", side = "buy", price = "9.995", quantity = "10" },
    { market = "COIN/USDT", side = "sell", price = "10.005", quantity = "10" },
]
[events.crash]
kind = "shock"
account = "whale"
market = "COIN-PERP"
at = "20s"
sell = "80k COIN"
over = "6s"
slices = 24
[events."crash of spot"]
kind = "shock"
account = "whale"
market = "COIN/USDT"
at = "20s"
sell = "80k COIN"
over = "6s"
slices = 24
""")

sim = SCENARIO.simulation()
usdt, perp = sim.assets["USDT"], sim.markets["COIN-PERP"]
fund = next(number for number, name in sim.accounts.items() if name.startswith("insurance fund"))
sim.world.deposit(fund, usdt.number, usdt.atoms(FUND_USDT))
# Who was short long before sold dearer; so rules that look at profits and rules that look at leverage differ.
treasury = next(number for number, name in sim.accounts.items() if name == "treasury")
old = [number for number, name in sim.accounts.items() if name.startswith("old bears")]
for ordinal, account in enumerate(old):
    sim.world.open_trade(perp, treasury, account, perp.lots(500), perp.ticks("10.5") + 100 * ordinal)
sim.record(waterfall=True, movements=True)
sim.run(until_ms=CRASH_MS - 1_000)

before = sim.world.digest()
print(f"each forked at {sim.world.now_ms / 1000:.0f} s, digest {before:016x}; the fund has {FUND_USDT:,} USDT")
print(
    "rule                    low  takeovers  ADL met  overshoot  from the low  largest cut  hedges broken  toxic steps"
)
found = {}
for rule in RULES:
    fork = sim.fork()
    assert fork.world.digest() == before  # the same state, to the bit
    fork.record(waterfall=True, movements=True)
    fork.world.set_policy(0, **POLICY, adl=rule)
    fork.run(until_ms=END_MS)
    fork.world.check_invariants()  # lots sum to 0, money to what was deposited
    found[rule] = waterfall = Waterfall(fork)
    prices, trades = fork.tables.prices, fork.tables.trades
    low = perp.price.value(int(trades["price_ticks"][trades["market"] == perp.number].min()))
    low_mark = int(prices["price_ticks"][(prices["kind"] == MARK) & (prices["time_ms"] >= CRASH_MS)].min())
    from_low = (
        sum(waterfall.haircuts_at({perp.number: low_mark}).adl_atoms.tolist()) / waterfall.budget_atoms[usdt.number]
    )
    largest = usdt.grid.value(waterfall.haircuts.largest_atoms)
    toxic, hedges = waterfall.toxic_steps, waterfall.hedges_broken
    print(
        f"{rule:20}  {low}  {waterfall.counts()['takeover']:9}  {len(waterfall.haircuts):7}  {waterfall.overshoot:9.3f}"
        f"  {from_low:12.1f}  {largest:11,.0f}  {len(hedges):13}  {toxic.toxic:4} of {toxic.steps}"
    )

for waterfall in found.values():
    assert waterfall.overshoot == 1
    assert sum(waterfall.haircuts.atoms.tolist()) == waterfall.budget_atoms[usdt.number]  # to the atom
    assert len(waterfall.hedges_broken) > 0
# Who closes in turn spares most; who shares meets everybody who is short.
assert all(len(found[shared].haircuts) > len(found["binance"].haircuts) for shared in ("contracts", "pnl"))
first = found["binance"].first_adl_after_ms
print(f"with the rule of binance the first ADL came {first} ms after the first takeover")
