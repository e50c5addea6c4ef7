"""Liquidation in scenarios: presets, overrides, funds and backstops as data, and every mistake where it stands."""

from __future__ import annotations

from decimal import Decimal

import pytest

import engine as en
from engine.liquidation import POLICIES, hyperliquid, policy_named, staged
from engine.scenario.problems import ScenarioError
from engine.scenario.scenario import Scenario

TEXT = """\
name = "waterfall"
start = "2025-10-10T20:45Z"
duration = "10s"
seed = 3
[assets.USDT]
decimals = 6
supply = "100bn"
[venues.cex]
liquidation = "hyperliquid"
insurance_fund = "1.23bn USDT"
backstop = "vault"
[markets.COIN-PERP]
kind = "perp"
settle = "USDT"
tick = "0.01"
lot = "0.01"
price = "100"
maintenance = "2%"
[populations.longs]
kind = "holders"
count = 2
long = "COIN-PERP"
leverage = 5
notional = "2k"
rest = "rest"
[populations.rest]
kind = "account"
brings = { USDT = "1M" }
[populations.vault]
kind = "account"
brings = { USDT = "8.1M" }
"""
TABLE = (
    'liquidation = { preset = "hyperliquid", stage = "10%", stage_min = 3, every = "2s", large = "50k", adl = "pnl" }'
)


def changed(old, new):
    assert old in TEXT
    return TEXT.replace(old, new)


def numbers(sim):
    return {name: number for number, name in sim.accounts.items()}


def test_everything_is_declared_as_it_is_said():
    sim = Scenario.from_toml(TEXT).simulation()
    assert sim.policies == {0: hyperliquid()}
    assert sim.insurance_fund(0, sim.assets["USDT"]) == Decimal(1230000000)
    assert sim.backstops == {0: numbers(sim)["vault"]}


def test_a_table_changes_some_of_its_preset():
    sim = Scenario.from_toml(changed('liquidation = "hyperliquid"', TABLE)).simulation()
    assert sim.policies[0] == hyperliquid(every="2s", adl="pnl").but(stage="0.1", stage_lots_min=3, large=50_000)


def test_every_preset_is_read_by_name_and_a_rule_is_taken_away():
    for name in POLICIES:
        text = changed('backstop = "vault"\n', "").replace('"hyperliquid"', f'"{name}"')
        assert Scenario.from_toml(text).venues["cex"].liquidation == name
        text = text.replace(f'"{name}"', f'{{ preset = "{name}", adl = "none" }}')
        if name == "dydx":  # nothing else happens there when takeover is due
            with pytest.raises(ScenarioError, match=r"venues\.cex\.liquidation\.takes_over"):
                Scenario.from_toml(text)
            continue
        assert Scenario.from_toml(text).simulation().policies[0] == policy_named(name).but(adl=None)


def test_what_is_written_is_read():
    for text in (TEXT, changed('liquidation = "hyperliquid"', TABLE)):
        scenario = Scenario.from_toml(text)
        again = Scenario.from_toml(scenario.to_toml())
        assert again == scenario
        assert again.simulation().policies == scenario.simulation().policies
        assert again.simulation().world.digest() == scenario.simulation().world.digest()


def test_a_path_changes_a_preset():
    scenario = Scenario.from_toml(changed('liquidation = "hyperliquid"', TABLE))
    assert scenario.but({"venues.cex.liquidation.adl": "bybit"}).simulation().policies[0].adl == "bybit"
    assert Scenario.from_toml(TEXT).but({"venues.cex.liquidation": "bybit"}).simulation().policies[0].is_fok
    with pytest.raises(ScenarioError, match=r"venues\.cex\.liquidation\.adl"):
        Scenario.from_toml(TEXT).but({"venues.cex.liquidation.adl": "bybit"})


def test_a_policy_made_in_python_is_written():
    policy = staged("0.10", 5, "2s", band="0.01", adl="pnl", rank_for="10s")
    sc = en.Scenario("mine", start="2025-10-10T20:45Z", duration="1s", seed=1)
    venue = sc.exchange("cex", liquidation=policy, insurance_fund=["5 USDT", "1k EUR"])
    for name in ("USDT", "EUR"):
        sc.asset(name)
    venue.perp("COIN-PERP", settle="USDT", tick="0.01", lot="0.01", maintenance="2%")
    sc.add(en.Account(brings={"USDT": 1}), "someone")
    sim = Scenario.from_toml(sc.to_toml()).simulation()
    assert sim.policies[0] == sc.simulation().policies[0] == policy
    assert [sim.insurance_fund(0, asset) for asset in sim.assets.values()] == [5, 1000]
    with pytest.raises(ScenarioError, match="by name: a function is no data"):
        en.Venue(liquidation=policy.but(adl=lambda columns: []))


WRONG = {
    # what is changed: (old, new), path, words
    "a name": ('= "hyperliquid"', '= "hyperliquit"', "venues.cex.liquidation", "hyperliquid"),
    "a key": ('= "hyperliquid"', "= { stages = 1 }", "venues.cex.liquidation.stages", "did you mean stage"),
    "a preset": ('= "hyperliquid"', '= { preset = "ftx" }', "venues.cex.liquidation.preset", "binance-futures"),
    "a rule": ('= "hyperliquid"', '= { preset = "dydx", adl = "lifo" }', "venues.cex.liquidation.adl", "unranked"),
    "an amount": (
        '= "hyperliquid"',
        '= { preset = "hyperliquid", large = "-1" }',
        "venues.cex.liquidation.large",
        "at least 0",
    ),
    "a lot": (
        '= "hyperliquid"',
        '= { preset = "hyperliquid", stage_min = 0 }',
        "venues.cex.liquidation.stage_min",
        "at least 1",
    ),
    "a rule that is never due": (
        '= "hyperliquid"\ninsurance_fund = "1.23bn USDT"\nbackstop = "vault"',
        '= { adl = "pnl" }',
        "venues.cex.liquidation.adl",
        "a takeover that can be due",
    ),
    "a band without one": (
        '= "hyperliquid"',
        '= { preset = "hyperliquid", band = "1%" }',
        "venues.cex.liquidation.band",
        'with order "band"',
    ),
    "an asset to sell": (
        '= "hyperliquid"',
        '= { preset = "hyperliquid", sells = "custom", sell_order = ["USDT", "USDX"] }',
        "venues.cex.liquidation.sell_order[1]",
        "did you mean USDT",
    ),
    "a fund of nothing": ('"1.23bn USDT"', '"1.23bn"', "venues.cex.insurance_fund", "an amount with its asset"),
    "a fund of what there is not": ('"1.23bn USDT"', '"1.23bn USDC"', "venues.cex.insurance_fund", "did you mean USDT"),
    "a fund between two atoms": ('"1.23bn USDT"', '"0.0000001 USDT"', "venues.cex.insurance_fund", "whole atoms"),
    "a fund twice": ('"1.23bn USDT"', '["1 USDT", "2 USDT"]', "venues.cex.insurance_fund[1]", "each asset once"),
    "a fund of more than there is": (
        '"1.23bn USDT"',
        '"101bn USDT"',
        "venues.cex.insurance_fund",
        "at most the supply",
    ),
    "nobody": ('backstop = "vault"', 'backstop = "valt"', "venues.cex.backstop", "did you mean vault"),
    "a backstop of a venue that has none": ('"hyperliquid"', '"dydx"', "venues.cex.backstop", "takes nothing over"),
    "a backstop without capital": (
        'brings = { USDT = "8.1M" }',
        "",
        "populations.vault.brings",
        "capital of the backstop's own",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_told_where_it_stands(case, tmp_path):
    old, new, path, words = WRONG[case]
    file = tmp_path / "wrong.toml"
    file.write_text(changed(old, new), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_toml(file)
    (line,) = caught.value.lines()
    assert path in line
    assert words in line
    assert line.partition(" ")[0].count(":") == 2  # FILE:LINE:COL
