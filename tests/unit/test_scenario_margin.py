"""Margin in scenarios: ladders, tiers, collateral and modes as data, and every mistake where it stands."""

from __future__ import annotations

from decimal import Decimal

import pytest

import engine as en
from engine.margin import bybit
from engine.scenario.problems import ScenarioError
from engine.scenario.scenario import Scenario

TEXT = """\
name = "margin"
start = "2025-10-10T20:45Z"
duration = "10s"
seed = 3
[assets.USDT]
decimals = 6
supply = "100bn"
[assets.COIN]
decimals = 6
supply = "100bn"
[venues.cex]
ladder = "bybit"
collateral = { COIN = { market = "COIN/USDT", value = "binance-pm:SUI" }, USDT = { loan = "5%", lender = "bank" } }
[markets."COIN/USDT"]
kind = "spot"
tick = "0.01"
lot = "0.001"
[markets.COIN-PERP]
kind = "perp"
settle = "USDT"
tick = "0.01"
lot = "0.01"
price = "100"
tiers = "hyperliquid:BTC"
price_stale = "3s"
[markets.OTHER-PERP]
kind = "perp"
settle = "USDT"
tick = "0.01"
lot = "0.01"
price = "100"
maintenance = "2%"
initial = "5%"
[populations.desk]
kind = "account"
margin = "unified"
brings = { USDT = "1000", COIN = "20" }
[populations.bank]
kind = "account"
brings = { USDT = "1M" }
[populations.longs]
kind = "holders"
count = 2
long = "COIN-PERP"
leverage = 5
notional = "2k"
rest = "desk"
"""
LADDER = """ladder = [
    { action = "warn", ratio = "1.5" },
    { action = "reduce-only", ratio = "120%", comparator = "at-or-below" },
    { action = "liquidate", ratio = 1.05 },
]"""


def numbers(sim):
    return {name: number for number, name in sim.accounts.items()}


def test_everything_is_declared_as_it_is_said():
    sim = Scenario.from_toml(TEXT).simulation()
    accounts = numbers(sim)
    assert sim.ladders == {0: bybit()}
    assert (
        accounts["bank"] < accounts["desk"]
    )  # who lends is opened first: what counts is declared before anybody is unified
    perp, spot = sim.markets["COIN-PERP"], sim.markets["COIN/USDT"]
    sim.publish(spot, "10", "index")
    sim.publish(perp, "100")
    told = sim.margin(accounts["desk"])
    assert told.equity == 1000 + 200 * Decimal("0.7")
    assert told.requirement == 4000 * Decimal("0.0125")
    assert told.initial == 4000 * Decimal("0.025")
    sim.borrow(accounts["desk"], sim.assets["USDT"], "10")
    assert sim.margin(accounts["desk"]).requirement == told.requirement + Decimal("0.5")
    sim.run(until_ms=3_001)
    assert not sim.margin(accounts["desk"]).is_known


def test_what_is_written_is_read():
    tables = (
        ('ladder = "bybit"', LADDER),
        ('"hyperliquid:BTC"', '{ floors = ["0", "50k"], maintenance = ["1%", "2.5%"], initial = ["2%", "10%"] }'),
        ('"binance-pm:SUI"', '{ floors = [0, "200k"], shares = ["95%", 0.5] }'),
    )
    text = TEXT
    for old, new in ((None, None), *tables):
        text = text if old is None else text.replace(old, new)
        scenario = Scenario.from_toml(text)
        again = Scenario.from_toml(scenario.to_toml())
        assert again == scenario
        assert again.simulation().world.digest() == scenario.simulation().world.digest()
    sim = scenario.simulation()
    assert [boundary.ratio_ppm for boundary in sim.ladders[0].boundaries] == [1_500_000, 1_200_000, 1_050_000]
    sim.publish(sim.markets["COIN-PERP"], "1000")
    assert sim.margin(numbers(sim)["longs 0"]).requirement == 20_000 * Decimal("0.01")


def test_initial_rates_are_twice_those_of_maintenance_if_not_given():
    text = TEXT.replace('"hyperliquid:BTC"', '{ floors = ["0"], maintenance = ["3%"] }')
    sim = Scenario.from_toml(text).simulation()
    sim.publish(sim.markets["COIN-PERP"], "100")
    told = sim.margin(numbers(sim)["longs 0"])
    assert (told.requirement, told.initial) == (60, 120)


def test_a_file_without_a_word_of_margin_is_as_before():
    text = (
        TEXT.replace('ladder = "bybit"\n', "")
        .replace('margin = "unified"\n', "")
        .replace('tiers = "hyperliquid:BTC"', 'maintenance = "1.25%"')
    )
    lines = [line for line in text.splitlines() if not line.startswith(("collateral", "initial", "price_stale"))]
    sim = Scenario.from_toml("\n".join(lines)).simulation()
    assert sim.ladders == {}
    assert list(numbers(sim))[3:] == ["desk", "bank", "longs 0", "longs 1"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"bybit"', '"bibit"', "venues.cex.ladder: expected one of binance-futures"),
        ('"bybit"', "5", "venues.cex.ladder: expected one of binance-futures"),
        ('"bybit"', "[]", "venues.cex.ladder: expected boundaries"),
        ('"bybit"', '[{ action = "warn", ratio = 1 }]', "venues.cex.ladder: expected liquidate last"),
        ('"bybit"', '[{ action = "panic", ratio = 1 }]', "venues.cex.ladder[0].action: expected one of warn"),
        ('"bybit"', '[{ action = "liquidate", ratio = 0 }]', "venues.cex.ladder[0].ratio: expected a share"),
        ('"bybit"', '[{ action = "liquidate", ratio = "0.00000001" }]', "venues.cex.ladder: expected ladder[0].ratio"),
        (
            '"bybit"',
            '[{ action = "warn", ratio = 1 }, { action = "liquidate", ratio = 2 }]',
            "venues.cex.ladder: expected boundaries: a ratio_ppm below 1000000",
        ),
        ('"hyperliquid:BTC"', '"hyperliquid:BTX"', "markets.COIN-PERP.tiers: expected one of BTC"),
        ('"hyperliquid:BTC"', '"hyper:BTC"', "markets.COIN-PERP.tiers: expected VENUE:WHICH, the venue one of binance"),
        ('"hyperliquid:BTC"', '"flat:200%"', "markets.COIN-PERP.tiers: expected a share"),
        ('"hyperliquid:BTC"', '"hyperliquid-flat:many"', "markets.COIN-PERP.tiers: expected a whole leverage"),
        (
            '"hyperliquid:BTC"',
            '{ floors = ["0", "1k"], maintenance = ["2%", "1%"] }',
            "markets.COIN-PERP.tiers: expected maintenance[1]: at least 20000",
        ),
        (
            '"hyperliquid:BTC"',
            '{ floors = ["1k"], maintenance = ["2%"] }',
            "markets.COIN-PERP.tiers: expected floors[0]: 0",
        ),
        (
            '"hyperliquid:BTC"',
            '{ floors = ["0"], maintenance = ["2%"], initial = ["1%"] }',
            "markets.COIN-PERP.tiers: expected initial[0]: at least the maintenance rate",
        ),
        ('tiers = "hyperliquid:BTC"\n', "", "markets.COIN-PERP.maintenance: expected one of maintenance and tiers"),
        ('"hyperliquid:BTC"', '"hyperliquid:BTC"\nmaintenance = "1%"', "COIN-PERP.maintenance: expected one of"),
        ('"hyperliquid:BTC"', '"hyperliquid:BTC"\ninitial = "1%"', "markets.COIN-PERP.initial: expected nothing"),
        ('initial = "5%"', 'initial = "1%"', "markets.OTHER-PERP.initial: expected at least the maintenance rate"),
        ('"binance-pm:SUI"', '"binance-pm:SUX"', "venues.cex.collateral.COIN.value: expected one of"),
        ('"binance-pm:SUI"', '"two"', "venues.cex.collateral.COIN.value: expected a share"),
        (
            '"binance-pm:SUI"',
            '{ floors = [0, 1], shares = [0.5, 0.6] }',
            "venues.cex.collateral.COIN.value: expected shares[1]: at most 500000",
        ),
        ('market = "COIN/USDT", value', 'market = "COIN/EUR", value', "collateral.COIN.market: expected a name"),
        ('market = "COIN/USDT", value', 'market = "COIN-PERP", value', "collateral.COIN.market: expected a spot"),
        ('market = "COIN/USDT", value', "value", "venues.cex.collateral: expected one asset without a market"),
        ("COIN = { market", "EUR = { market", "venues.cex.collateral.EUR: expected a name of assets"),
        ('lender = "bank"', 'lender = "bink"', "venues.cex.collateral.USDT.lender: expected a name of populations"),
        ('margin = "unified"', 'margin = "united"', "populations.desk.margin: expected one of cash, isolated"),
        ('kind = "holders"', 'kind = "holders"\nmargin = "cash"', "longs.margin: expected a mode that holds"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_where_it_stands(old, new, said):
    assert old in TEXT
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_toml(TEXT.replace(old, new))
    lines = caught.value.lines()
    assert any(said in line for line in lines), lines
    assert all(line.split(":")[1].isdecimal() for line in lines)


def test_a_unified_account_needs_collateral_that_is_declared():
    lines = [line for line in TEXT.splitlines() if not line.startswith("collateral")]
    with pytest.raises(ScenarioError, match=r"desk\.margin: expected another mode: its venue says no collateral"):
        Scenario.from_toml("\n".join(lines))


def test_tables_made_in_python_are_what_a_file_says():
    sc = Scenario("python", start="2025-10-10T20:45Z", duration="10s", seed=3)
    unit = {"USDT": {}, "COIN": {"market": "COIN/USDT", "value": en.haircuts.binance_pm_pro("PENGU")}}
    cex = sc.exchange("cex", ladder=en.margin.okx(), collateral=unit)
    cex.spot("COIN/USDT", tick="0.01", lot="0.001", price="100")
    perp = cex.perp("COIN-PERP", settle="USDT", tick="0.01", lot="0.01", price="100", tiers=en.tiers.binance("SOLUSDT"))
    crowd = 50 * en.Crowd(
        on=[perp], notional=en.pareto("1k", 1.5, "100k"), leverage=en.uniform(2, 5), stop_loss=en.StopLoss(1, "5%")
    )
    sc.add(crowd, "masses", rest=en.Account(margin="unified", brings={"USDT": "10M"}))
    sim = sc.simulation()
    assert sim.ladders == {0: en.margin.okx()}
    assert sim.world.crowd_counts()["plans"] == 50
    sim.publish(sim.markets["COIN-PERP"], "100")
    assert sim.margin(numbers(sim)["masses 0"]).state == "free"
    again = Scenario.from_toml(sc.to_toml())
    assert again == sc
    assert again.simulation().world.digest() == sc.simulation().world.digest()
