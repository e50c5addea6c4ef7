"""A small scenario with a bit of everything that runs, as text."""

from __future__ import annotations

SMALL = """\
name = "two-markets"
start = "2025-10-10T20:45Z"
duration = "20s"
seed = 7

[assets.EUR]
decimals = 6
supply = "10bn"

[assets.COIN]
decimals = 3
supply = "10bn"

[venues.cex]
liquidation = { stage = "20%", stage_min = 10, every = "500ms" }

[markets."COIN/EUR"]
kind = "spot"
venue = "cex"
tick = "0.001"
lot = "0.001"
price = "10.000"

[markets.COIN-PERP]
kind = "perp"
venue = "cex"
settle = "EUR"
tick = "0.001"
lot = "0.001"
price = "10.000"
maintenance = "2%"
taker_fee = "5bps"

[oracles.index]
kind = "index"
market = "COIN-PERP"
source = "COIN/EUR"
every = "500ms"

[oracles.mark]
kind = "mark"
market = "COIN-PERP"
every = "500ms"
lag = "50ms"

[populations.opener]
kind = "account"
brings = { EUR = "100k", COIN = "10k" }

[populations.makers]
kind = "market-maker"
count = 4
on = ["COIN-PERP", "COIN/EUR"]
half_spread = "uniform(6bps, 10bps)"
size = "20k EUR"
inventory_max = 6
link = { jitter = { law = "lognormal", median = "5ms", sigma = 0.5 } }
leaves = { drawdown = "0.5%", within = "1s" }
brings = { EUR = "10M", COIN = "1M" }

[populations.old-spot]
kind = "stale"
market = "COIN/EUR"
count = 100
distance = "uniform(2%, 60%)"
notional = "2k"
brings = { EUR = "10M", COIN = "1M" }

[populations.old-perp]
kind = "stale"
market = "COIN-PERP"
count = 100
distance = "uniform(2%, 60%)"
notional = "2k"
brings = { EUR = "10M", COIN = "1M" }

[populations.shorts]
kind = "account"
brings = { EUR = "20M" }

[populations.longs]
kind = "holders"
count = 100
long = "COIN-PERP"
leverage = "uniform(5, 20)"
notional = "pareto(2k, 1.5, max=20k)"
rest = "shorts"

[populations.noise]
kind = "noise"
count = 2
on = ["COIN/EUR", "COIN-PERP"]
every = "100ms"
qty = "integers(10, 500)"
link = { base = "2ms" }
brings = { EUR = "1M", COIN = "100k" }

[events.opening]
kind = "orders"
account = "opener"
rows = [
    ["0ms", "COIN/EUR", "buy", "9.99", "10"],
    ["0ms", "COIN/EUR", "sell", "10.01", "10"],
    ["0ms", "COIN-PERP", "buy", "9.99", "10"],
    ["0ms", "COIN-PERP", "sell", "10.01", "10"],
]

[events.fall]
kind = "shock"
market = "COIN-PERP"
at = "20:45:05"
sell = "2M EUR"
over = "1s"
brings = { EUR = "10M" }

[events.fall-spot]
kind = "shock"
market = "COIN/EUR"
at = "5s"
sell = "100k COIN"
over = "1s"
brings = { COIN = "1M" }

[record]
samples_every = "1s"

[variants.calm]
summary = "without the sale"
set = { "events.fall.enabled" = false, "events.fall-spot.enabled" = false }

[variants.brave]
summary = "makers who stay"
set = { "populations.makers.leaves.drawdown" = "0%" }

[variants.brave-and-slow]
extends = "brave"
set = { "oracles.mark.every" = "2s" }
"""


def changed(*pairs: tuple[str, str]) -> str:
    """Return the text with some of it replaced; each must be there."""
    text = SMALL
    for old, new in pairs:
        if old not in text:
            raise ValueError(f"the small scenario has no {old!r}")
        text = text.replace(old, new, 1)
    return text
