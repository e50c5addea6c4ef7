"""Lenders, blocks and pools in scenarios: TOML and Python one to one, located errors, what a run tells of them."""

from __future__ import annotations

import pytest

import engine as en
from engine import InputError, ScenarioError, Terms
from engine.run import run_scenario
from engine.scenario import Scenario

LENT = """\
name = "loops"
start = "2025-10-10T20:45Z"
duration = "90s"
seed = 1

[assets.USDT]
decimals = 4
supply = "10bn"
[assets.USDe]
decimals = 4
supply = "10bn"
[assets.ETH]
decimals = 9
supply = "1M"

[venues.chain]
blocks = { every = "2s", gas_asset = "ETH", gas_limit = 60000000, base_price = "0.02", base_least = "0.001" }

[markets."USDe/USDT"]
kind = "spot"
venue = "chain"
tick = "0.0001"
lot = "1"
price = "1.0000"

[oracles.peg]
kind = "oracle"
market = "USDe/USDT"
sources = [{ kind = "last", market = "USDe/USDT" }]

[lenders.aave]
form = "aave"
venue = "chain"
collateral = { USDe = "aave:USDe" }
borrow = { USDT = "aave:stablecoin" }
oracle = { USDe = { market = "USDe/USDT" }, USDT = "1" }
modes = { stable = { USDe = { ltv = "91%", threshold = "93%", bonus = "2%" }, USDT = "borrowed" } }
accrue_every = "12s"
supplied = { bank = "60M USDT" }

[pools.curve]
form = "stable"
assets = ["USDe", "USDT"]
amplification = 200
fee = "4bps"
supplied = { bank = { USDe = "1M", USDT = "1M" } }

[populations.bank]
kind = "account"
venue = "chain"
brings = { USDT = "100M", USDe = "2M" }

[populations.old]
kind = "stale"
market = "USDe/USDT"
count = 200
distance = "uniform(0.1%, 40%)"
notional = "20k"
brings = { USDT = "20M", USDe = "60M" }

[populations.loopers]
kind = "loopers"
count = 50
lender = "aave"
on = "USDe/USDT"
ltv = "uniform(85%, 90%)"
loops = "integers(8, 12)"
built = true
flee_health = 1.01
brings = { USDe = "uniform(2000, 8000)", ETH = "10" }

[populations.bots]
kind = "bots"
count = 3
lender = "aave"
on = "USDe/USDT"
every = "uniform(500ms, 1s)"
gas_asset_price = "4000"
tip = "10%"
brings = { USDT = "2M", ETH = "100" }

[events.sale]
kind = "shock"
market = "USDe/USDT"
at = "20s"
sell = "900k USDe"
over = "20s"
brings = { USDe = "2M" }

[record]
actions = true
"""


def changed(*pairs):
    text = LENT
    for old, new in pairs:
        assert text.count(old) == 1, (text.count(old), old)
        text = text.replace(old, new)
    return text


def place_of(text, words, offset=0):
    """Return LINE:COL of the first place of some words."""
    at = text.index(words) + offset
    return f"{text.count(chr(10), 0, at) + 1}:{at - text.rfind(chr(10), 0, at)}"


class TestARun:
    def test_loops_are_liquidated_and_the_figures_say_so(self):
        run = run_scenario(Scenario.from_toml(LENT))
        figures = run.part.figures
        assert figures["invariants"] == "hold"
        lender = figures["lenders"]["aave"]
        assert figures["liquidations"] > 10
        assert lender["liquidations"] > 0
        assert lender["repaid"] > 0
        assert figures["unwinds"] > 0
        assert figures["margin_calls"] == 0
        assert (run.tables["actions"]["kind"] == 6).sum() >= lender["liquidations"]

    def test_a_variant_with_a_fixed_price_liquidates_nobody(self):
        scenario = Scenario.from_toml(LENT).but({"lenders.aave.oracle.USDe": "1"})
        figures = run_scenario(scenario).part.figures
        assert figures["liquidations"] == figures["lenders"]["aave"]["liquidations"] == figures["unwinds"] == 0
        assert figures["low"] < 0.95

    def test_a_scenario_without_lenders_has_no_such_figures(self):
        text = changed(("[populations.loopers]", "[populations.loopers]\nenabled = false"),
                       ("[populations.bots]", "[populations.bots]\nenabled = false"),
                       ("[lenders.aave]", "[lenders.aave]\nenabled = false"))  # fmt: skip
        assert "lenders" not in run_scenario(Scenario.from_toml(text)).part.figures

    def test_what_is_supplied_and_cannot_be_is_told_at_its_path(self):
        scenario = Scenario.from_toml(changed(("60M USDT", "200M USDT")))
        with pytest.raises(InputError) as caught:
            scenario.simulation()
        assert str(caught.value).startswith("lenders.aave.supplied.bank.supply: expected what it takes")
        assert caught.value.was == "LACKING"


class TestOneToOne:
    def test_toml_and_back(self):
        scenario = Scenario.from_toml(LENT)
        again = Scenario.from_toml(scenario.to_toml())
        assert again == scenario
        until = {"until_ms": 30_000}
        sims = [each.simulation() for each in (scenario, again)]
        assert all(each.run(**until) > 0 for each in sims)
        assert sims[0].world.digest() == sims[1].world.digest()

    def test_python_says_the_same(self):
        scenario = Scenario("small", start="2025-10-10T20:45Z", duration="10s", seed=1)
        eth = scenario.asset("ETH", decimals=9, supply="1M")
        chain = scenario.exchange("chain", blocks=en.Blocks(gas_asset=eth, base_price="0.02"))
        peg = chain.spot("USDe/USDT", tick="0.0001", lot="0.01", price="1")
        bank = scenario.add(en.Account(brings={"USDT": "1M", "USDe": "1M"}, venue="chain"), "bank")
        aave = scenario.lender(
            "aave",
            en.Lender(
                form="aave",
                venue="chain",
                collateral={"USDe": Terms("90%", "92%", "4%")},
                borrow={"USDT": "free"},
                oracle={"USDe": peg},
                supplied={"bank": "500k USDT"},
            ),
        )
        curve = scenario.pool(
            "curve", en.Pool(form="stable", assets=["USDe", "USDT"], supplied={"bank": {"USDe": "1k", "USDT": "1k"}})
        )
        scenario.add(3 * en.Loopers(aave, peg, built=True, brings={"USDe": "1000", "ETH": "1"}))
        scenario.add(en.Bots(aave, peg, pool=curve, flash=True, gas_asset_price="4000", brings={"ETH": "1"}))
        scenario.add(en.PoolArbitrageurs(curve, peg, threshold="10bps", brings={"USDT": "10k", "ETH": "1"}))
        assert bank.name == "bank"
        assert Scenario.from_toml(scenario.to_toml()) == scenario
        sim = scenario.simulation()
        assert len(sim.loans("aave")) == 4  # the bank's claim too
        assert sim.pool_state("curve").balances == {"USDe": 1_000, "USDT": 1_000}
        assert list(sim.gas_assets.values()) == [sim.assets["ETH"]]

    @pytest.mark.parametrize(("method", "section"), [("lender", "oracle"), ("pool", "asset")])
    def test_what_is_no_lender_or_pool_is_refused(self, method, section):
        scenario = Scenario("small", start="2025-10-10T20:45Z", duration="10s", seed=1)
        with pytest.raises(InputError, match=f"expected a {method} such as"):
            getattr(scenario, method)("mine", section)


# What is wrong, the path that is named, what is said, and the words at whose place it is said.
CASES = [
    ('form = "aave"', 'form = "bank"', "lenders.aave.form", "one of aave, morpho, comet, loan", '"bank"'),
    ('"aave:USDe"', '"aave:GOLD"', "lenders.aave.collateral.USDe", "", '"aave:GOLD"'),
    ('"aave:USDe"', '"morpho:0.9"', "lenders.aave.collateral.USDe", "", '"morpho:0.9"'),
    ('"aave:USDe"', '{ ltv = "95%", threshold = "90%" }', "lenders.aave.collateral.USDe", "threshold above 0", "{ ltv"),
    ('"aave:USDe"', '{ ltv = "95%" }', "lenders.aave.collateral.USDe.threshold", "where liquidation begins", "USDe ="),
    ('{ USDe = "aave:USDe" }', '{ GOLD = "aave:USDe" }', "lenders.aave.collateral.GOLD", "a name of assets", '"aave:U'),
    ('"aave:stablecoin"', '"aave:gold"', "lenders.aave.borrow.USDT", "", '"aave:gold"'),
    ('"aave:stablecoin"', '{ kink = "0%", slope = "1%", steep = "1%" }', "lenders.aave.borrow.USDT.kink", "above 0",
     '"0%"'),
    ('oracle = { USDe = { market = "USDe/USDT" }, USDT = "1" }', 'oracle = { USDT = "1" }', "lenders.aave.oracle",
     "a price of USDe", '{ USDT = "1" }'),
    ('{ market = "USDe/USDT" }, USDT = "1"', '{ market = "USDe" }', "lenders.aave.oracle.USDe.market",
     "a name of markets", '"USDe" }'),
    ('{ market = "USDe/USDT" }, USDT', '{ market = "USDe/USDT", series = "mark" }, USDT',
     "lenders.aave.oracle.USDe.series", "oracle or index", '"mark"'),
    ('USDT = "1" }\nmodes', 'USDT = "0" }\nmodes', "lenders.aave.oracle.USDT", "a price such as", '"0" }'),
    ('USDT = "borrowed"', 'ETH = "borrowed"', "lenders.aave.modes.stable.ETH", "an asset of the lender", 'ETH = "borr'),
    ('bank = "60M USDT"', 'bank = "60M ETH"', "lenders.aave.supplied.bank", "an amount of one of", '"60M ETH"'),
    ('bank = "60M USDT"', 'bonk = "60M USDT"', "lenders.aave.supplied.bonk", "a name of populations", '"60M USDT"'),
    ('accrue_every = "12s"', 'call = "75%"', "lenders.aave.call", "no rule of aave", '"75%"'),
    ('accrue_every = "12s"', 'sells_on = { USDe = "USDe/USDT" }', "lenders.aave.sells_on", "sells nothing",
     '{ USDe = "USDe/USDT" }'),
    ('gas_asset = "ETH"', 'gas_asset = "GAS"', "venues.chain.blocks.gas_asset", "a name of assets", '"GAS"'),
    ("gas_limit = 60000000", "gas_limit = 5", "venues.chain.blocks.gas_limit", "at least 800000", "5, base"),
    ('base_price = "0.02"', 'base_price = "0.0000002"', "venues.chain.blocks.base_price", "a multiple of 0.001",
     '"0.0000002"'),
    ('base_least = "0.001"', 'base_least = "1"', "venues.chain.blocks.base_least", "at most the base_price",
     '"1" }\n\n[markets'),
    ('form = "stable"', 'form = "square"', "pools.curve.form", "one of product, stable, ranges", '"square"'),
    ('form = "stable"', 'form = "product"', "pools.curve.amplification", "nothing with the form product",
     "amplification"),
    ('["USDe", "USDT"]', '["USDe", "USDe"]', "pools.curve.assets[1]", "each asset once", '"USDe"]'),
    ('USDe = "1M", USDT = "1M"', 'USDe = "1M", ETH = "1M"', "pools.curve.supplied.bank.ETH", "an asset of the pool",
     'ETH = "1M" } }'),
    ('kind = "bots"\ncount = 3\nlender = "aave"', 'kind = "bots"\ncount = 3\nlender = "ave"', "populations.bots.lender",
     "a name of lenders", '"ave"'),
    ('gas_asset_price = "4000"\n', "", "populations.bots.gas_asset_price", "what gas is worth", "bots]"),
    ('tip = "10%"', "flash = true", "populations.bots.pool", "a pool to sell in", "bots]"),
    ('tip = "10%"', 'pool = "carve"', "populations.bots.pool", "did you mean curve", '"carve"'),
    ('brings = { USDe = "uniform(2000, 8000)", ETH = "10" }', 'brings = { ETH = "10" }', "populations.loopers.brings",
     "USDe to begin with", '{ ETH = "10" }'),
    ("flee_health = 1.01", "flee_health = -1", "populations.loopers.flee_health", "a number such as", "-1\nbrings"),
    ('price = "1.0000"\n', "", "markets.USDe/USDT.price", "at which loopers bought", '"USDe/USDT"]'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "path", "said", "words"), CASES, ids=[f"{case[2]} {i}" for i, case in enumerate(CASES)]
)
def test_what_is_wrong_is_told_where_it_stands(old, new, path, said, words, tmp_path):
    text = changed((old, new))
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_toml(file)
    lines = [line.removeprefix(f"{tmp_path}/mine.toml:") for line in caught.value.lines()]
    (line,) = [line for line in lines if line.split(" ")[1] == f"{path}:" and said in line]
    assert line.startswith(f"{place_of(text, words)} "), line
