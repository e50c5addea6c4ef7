"""Borrowers, deposits in other collateral, rates, slippage, patience and opening prices in scenarios: what they build.

What the agents then do is in test_agents_traders.py, test_agents_sources.py and test_agents_maker.py.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from scenariokit import SMALL
from test_scenario_lending import LENT
from test_scenario_lending import place_of as located
from test_scenario_margin import TEXT as MARGIN

from engine import InputError, ScenarioError
from engine.lineage import LandmarkKind
from engine.run import run_scenario
from engine.scenario import Scenario

WEAK = """
[populations.weak]
kind = "borrowers"
count = 20
venue = "chain"
lender = "aave"
borrow = "USDT"
ltv = "uniform(50%, 89%)"
brings = { USDe = "uniform(1000, 2000)" }
"""
CENT = Decimal("0.01")


def members(sim, name):
    return [number for number, own in sim.accounts.items() if own.split(" ")[0] == name]


def refused(text, path, said, words=None):
    """Check that a text is refused at a path with some words, and at the place of others."""
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_toml(text)
    lines = [line for line in caught.value.lines() if f" {path}: " in line]
    assert any(said in line for line in lines), caught.value.lines()
    if words is not None:
        assert any(f":{located(text, words)} " in line for line in lines), lines


class TestBorrowers:
    def test_they_supply_all_and_owe_their_share_of_it_which_is_gone(self):
        scenario = Scenario.from_toml(LENT + WEAK)
        sim = scenario.simulation()
        shares = set()
        for account in members(sim, "weak"):
            loan = sim.loan(account, "aave")
            assert set(loan.supplied) == {"USDe"}
            assert set(loan.owed) == {"USDT"}
            shares.add(loan.owed["USDT"] / loan.supplied["USDe"])  # the opening price is 1
            for asset in ("USDe", "USDT"):
                assert sim.world.balance(account, sim.assets[asset].number) == (0, 0)
        assert len(shares) == 20
        assert Decimal("0.49") < min(shares) < Decimal("0.6")
        assert Decimal("0.8") < max(shares) <= Decimal("0.89")
        sim.world.check_invariants()

    def test_a_given_share_is_a_given_debt_at_opening_prices(self):
        text = LENT.replace('price = "1.0000"', 'price = "0.9500"') + WEAK.replace('"uniform(50%, 89%)"', '"70%"')
        sim = Scenario.from_toml(text.replace('"uniform(1000, 2000)"', '"1000.0001"')).simulation()
        for account in members(sim, "weak"):
            assert sim.loan(account, "aave").owed == {"USDT": Decimal("665.0000")}  # 665.00006..., rounded down

    def test_what_is_owed_has_its_price_too(self):
        """Half of what is brought, worth 1,000 at 4 money, is 125 of what is worth 4 itself."""
        text = LENT.replace(
            'oracle = { USDe = { market = "USDe/USDT" }, USDT = "1" }', 'oracle = { USDe = "1", USDT = "4" }'
        )
        text = text.replace("[populations.loopers]\n", "[populations.loopers]\nenabled = false\n")
        weak = WEAK.replace('"uniform(50%, 89%)"', '"50%"').replace('"uniform(1000, 2000)"', '"1000"')
        sim = Scenario.from_toml(text + weak).simulation()
        loan = sim.loan(members(sim, "weak")[0], "aave")
        assert loan.owed == {"USDT": Decimal(125)}
        assert loan.debt_value / loan.collateral_value == Decimal("0.5")

    def test_an_asset_that_is_lent_costs_one_if_nothing_is_said(self):
        text = LENT.replace(', USDT = "1" }\nmodes', " }\nmodes")
        sim = Scenario.from_toml(text + WEAK.replace('"uniform(50%, 89%)"', '"50%"')).simulation()
        loan = sim.loan(members(sim, "weak")[0], "aave")
        assert abs(loan.owed["USDT"] - loan.supplied["USDe"] / 2) < Decimal("0.0002")

    def test_nobody_owes_at_a_share_of_nothing(self):
        sim = Scenario.from_toml(LENT + WEAK.replace('"uniform(50%, 89%)"', '"0%"')).simulation()
        assert all(sim.loan(account, "aave").owed == {} for account in members(sim, "weak"))

    def test_they_do_nothing_and_are_liquidated_when_their_collateral_falls(self):
        text = LENT.replace("[populations.loopers]\n", "[populations.loopers]\nenabled = false\n")
        run = run_scenario(Scenario.from_toml(text + WEAK.replace("uniform(50%, 89%)", "uniform(80%, 89%)")))
        figures, sim = run.part.figures, run.part.simulation
        assert figures["invariants"] == "hold"
        assert figures["lenders"]["aave"]["liquidations"] > 0
        assert figures["unwinds"] == 0
        table = sim.world.table("actions")
        weak = members(sim, "weak")
        later = table["account"][table["time_ms"] > 0].tolist()
        assert later != []
        assert not set(later) & set(weak)  # others do all that is done
        marks = sim.world.landmarks()
        assert set(weak) & set(marks["account"][marks["kind"] == LandmarkKind.LIQUIDATION].tolist())

    def test_what_is_written_is_read(self):
        scenario = Scenario.from_toml(LENT + WEAK)
        again = Scenario.from_toml(scenario.to_toml())
        assert again == scenario
        assert again.simulation().world.digest() == scenario.simulation().world.digest()

    def test_another_population_changes_no_draw_of_theirs(self):
        alone = Scenario.from_toml(LENT + WEAK).simulation()
        beside = Scenario.from_toml(LENT + WEAK.replace("weak", "other") + WEAK).simulation()
        debts = [[sim.loan(account, "aave").owed for account in members(sim, "weak")] for sim in (alone, beside)]
        assert debts[0] == debts[1]

    @pytest.mark.parametrize(
        ("old", "new", "path", "said", "words"),
        [
            ('lender = "aave"', 'lender = "ave"', "weak.lender", "a name of lenders, one of aave", '"ave"'),
            ('borrow = "USDT"', 'borrow = "ETH"', "weak.borrow", "what it lends: USDT", '"ETH"\nltv'),
            ('brings = { USDe = "uniform(1000, 2000)" }\n', "", "weak.brings", "collateral: USDe", None),
            ("{ USDe =", "{ ETH =", "weak.brings.ETH", "what counts there: USDe", 'ETH = "uniform(1000'),
            ('"uniform(50%, 89%)"', '"150%"', "weak.ltv", "from 0% to 100%", '"150%"'),
            ('ltv = "uniform(50%, 89%)"\n', "", "weak.ltv", "ltv, what each has borrowed", None),
            ('venue = "chain"', 'venue = "chin"', "weak.venue", "a name of venues", '"chin"'),
        ],
    )
    def test_a_mistake_is_told_where_it_stands(self, old, new, path, said, words):
        assert old in WEAK
        refused(LENT + WEAK.replace(old, new), f"populations.{path}", said, words)

    def test_they_stand_at_the_venue_of_the_lender(self):
        text = LENT.replace('form = "stable"', 'form = "stable"\nvenue = "chain"') + "\n[venues.cex]\n"
        refused(
            text + WEAK.replace('venue = "chain"', 'venue = "cex"'),
            "populations.weak.venue",
            "chain, where the lender is",
        )
        assert Scenario.from_toml(text + WEAK).populations["weak"].venue == "chain"
        alone = Scenario.from_toml(LENT + WEAK.replace('venue = "chain"\n', ""))  # the only venue needs no word
        assert len(members(alone.simulation(), "weak")) == 20

    def test_they_need_an_opening_price_of_what_they_bring(self):
        text = LENT.replace('price = "1.0000"\n', "").replace(
            "[populations.loopers]\n", "[populations.loopers]\nenabled = false\n"
        )
        refused(text.replace("[populations.old]\n", "[populations.old]\nenabled = false\n") + WEAK,
                "markets.USDe/USDT.price", "an opening price, at which weak borrowed")  # fmt: skip

    @pytest.mark.parametrize(
        ("old", "new", "path", "was"),
        [
            ('"uniform(50%, 89%)"', '"95%"', "populations.weak.ltv", "0.95: UNHEALTHY"),
            ("count = 20", "count = 40000", "populations.weak.ltv", "NO_CASH"),
        ],
    )
    def test_what_the_lender_refuses_is_told_at_the_field(self, old, new, path, was):
        scenario = Scenario.from_toml(LENT.replace("60M USDT", "20M USDT") + WEAK.replace(old, new))
        with pytest.raises(InputError) as caught:
            scenario.simulation()
        assert caught.value.field == path
        assert was in str(caught.value.was)


DEPOSIT = 'leverage = 5\ndeposit = "COIN"\nmargin = "unified"\n'
PLEDGED = MARGIN.replace("leverage = 5\n", DEPOSIT).replace(
    '[markets."COIN/USDT"]\nkind = "spot"\n', '[markets."COIN/USDT"]\nkind = "spot"\nprice = "80"\n'
)


class TestDeposits:
    def test_a_deposit_is_worth_notional_by_leverage_at_opening_prices(self):
        sim = Scenario.from_toml(PLEDGED).simulation()
        coin, usdt = sim.assets["COIN"], sim.assets["USDT"]
        for account in members(sim, "longs"):
            assert sim.world.balance(account, usdt.number)[0] == 0
            # 2,000 by 5 is 400, at 80 five coins.
            assert coin.grid.value(sim.world.balance(account, coin.number)[0]) == 5
        sim.publish(sim.markets["COIN/USDT"], "80", "index")
        sim.publish(sim.markets["COIN-PERP"], "100")
        told = sim.margin(members(sim, "longs")[0])
        assert told.equity == 400 * Decimal("0.7")  # it counts with its haircut

    def test_in_what_the_perpetual_settles_in_it_is_as_ever(self):
        plain, said = (
            Scenario.from_toml(text).simulation()
            for text in (
                PLEDGED.replace('deposit = "COIN"\n', ""),
                PLEDGED.replace('deposit = "COIN"', 'deposit = "USDT"'),
            )
        )
        assert plain.world.digest() == said.world.digest()
        usdt = said.assets["USDT"]
        assert usdt.grid.value(said.world.balance(members(said, "longs")[0], usdt.number)[0]) == 400

    def test_it_falls_with_its_collateral(self):
        """The perpetual stays; its margin falls from 400 to 40, below what a venue asks of 2,000 (C-3)."""
        sim = Scenario.from_toml(PLEDGED).simulation()
        for step, price in enumerate(("80", "40", "2")):
            sim.publish(sim.markets["COIN-PERP"], "100")
            sim.publish(sim.markets["COIN/USDT"], price, "index")
            sim.run(until_ms=500 + 500 * step)
        kinds = sim.world.landmarks()["kind"].tolist()
        assert kinds.count(LandmarkKind.LIQUIDATION) == 2
        sim.world.check_invariants()

    def test_what_is_written_is_read(self):
        scenario = Scenario.from_toml(PLEDGED)
        again = Scenario.from_toml(scenario.to_toml())
        assert again == scenario
        assert again.simulation().world.digest() == scenario.simulation().world.digest()

    @pytest.mark.parametrize(
        ("old", "new", "path", "said", "words"),
        [
            (
                DEPOSIT,
                'leverage = 5\ndeposit = "COIN"\n',
                "populations.longs.margin",
                "unified, where another asset",
                None,
            ),
            (
                '"COIN"\nmargin = "unified"\n',
                '"COIN"\nmargin = "isolated"\n',
                "populations.longs.margin",
                "unified, where",
                None,
            ),
            (
                'deposit = "COIN"',
                'deposit = "GOLD"',
                "populations.longs.deposit",
                "collateral of its venue: COIN, USDT",
                '"GOLD"',
            ),
            ('price = "80"\n', "", "markets.COIN/USDT.price", "an opening price, which longs needs", None),
        ],
    )
    def test_a_mistake_is_told_where_it_stands(self, old, new, path, said, words):
        assert old in PLEDGED
        refused(PLEDGED.replace(old, new), path, said, words)

    def test_the_unit_of_account_has_no_price_where_the_perpetual_settles_in_another(self):
        text = PLEDGED.replace('deposit = "COIN"', 'deposit = "USDT"').replace(
            'kind = "perp"\nsettle = "USDT"\ntick = "0.01"\nlot = "0.01"\nprice = "100"\ntiers',
            'kind = "perp"\nsettle = "COIN"\ntick = "0.01"\nlot = "0.01"\nprice = "100"\ntiers',
        )
        refused(
            text,
            "populations.longs.deposit",
            "COIN, what it settles in, or collateral that has a market",
            '"USDT"\nmargin',
        )


class TestOpeningPrices:
    ORACLES = """
[oracles.index]
kind = "index"
market = "COIN/USDT"
source = "COIN/USDT"
[oracles.mark]
kind = "mark"
market = "COIN-PERP"
"""

    @staticmethod
    def published(text):
        """Return (index of the spot market, marks of both perpetuals) of the world as it is built."""
        sim = Scenario.from_toml(text).simulation()
        spot, perp, other = (
            sim.world.market(sim.markets[name].number) for name in ("COIN/USDT", "COIN-PERP", "OTHER-PERP")
        )
        return spot["index"], perp["mark"], other["mark"]

    def test_c5_marks_of_what_is_gated_and_indexes_of_collateral_stand_from_the_start(self):
        assert self.published(PLEDGED + self.ORACLES) == (8_000, 10_000, None)  # nobody publishes OTHER-PERP's mark

    def test_c5_nothing_is_published_that_no_oracle_publishes(self):
        assert self.published(PLEDGED) == (None, None, None)
        off = self.ORACLES.replace('kind = "mark"', 'kind = "mark"\nenabled = false')
        assert self.published(PLEDGED + off) == (8_000, None, None)

    def test_c5_what_gates_nothing_has_no_mark_before_its_first_publication(self):
        plain = PLEDGED.replace('tiers = "hyperliquid:BTC"', 'maintenance = "1.25%"')
        assert self.published(plain + self.ORACLES) == (8_000, None, None)
        flat = plain.replace('maintenance = "1.25%"', 'maintenance = "1.25%"\ninitial = "2.5%"')
        assert self.published(flat + self.ORACLES) == (8_000, 10_000, None)

    def test_c5_without_an_opening_price_there_is_none_to_publish(self):
        text = MARGIN.replace("[populations.longs]\n", "[populations.longs]\nenabled = false\n")
        assert self.published(text + self.ORACLES)[0] is None

    def test_c6_a_first_order_on_a_gated_perpetual_is_taken(self):
        order = (
            '\n[events.first]\nkind = "orders"\naccount = "desk"\nrows = [["0ms", "COIN-PERP", "sell", "101", "1"]]\n'
        )
        for oracles, refusals in ((self.ORACLES, 0), ("", 1)):
            sim = Scenario.from_toml(PLEDGED + oracles + order).simulation()
            sim.run(until_ms=1)
            assert sum(sim.world.counts()["rejects"].values()) == refusals


class TestAgents:
    """Each word reaches the agents: the run differs, and what the rule forbids is not sent."""

    @staticmethod
    def orders(scenario, name, until_ms=10_000):
        """Return (side, price, time in force) of the orders of a population, and the simulation."""
        sim = scenario.simulation()
        sim.world.run(until_ms)
        sim.world.check_invariants()
        own, table = set(members(sim, name)), sim.world.journal()
        rows = zip(*(table[key].tolist() for key in ("kind", "account", "side", "price", "time_in_force")), strict=True)
        return [row[2:] for row in rows if row[0] == 3 and row[1] in own], sim

    def test_a8_noise_within_a_slippage_sends_limits(self):
        plain = Scenario.from_toml(SMALL)
        sent, _ = self.orders(plain, "noise")
        near, _ = self.orders(plain.but({"populations.noise.slippage": "10bps"}), "noise")
        assert {price for _, price, _ in sent} == {0}
        assert 0 not in {price for _, price, _ in near}
        assert all(abs(price - 10_000) < 6_000 for _, price, _ in near)

    VALUE = """
[populations.believers]
kind = "value"
market = "COIN-PERP"
fair = "10.000"
threshold = "1%"
qty = "1 COIN"
wake_every = "50ms"
brings = { EUR = "1M", COIN = "100k" }
"""

    def test_a7_value_rests_at_its_bound_and_waits_for_a_calm(self):
        base = Scenario.from_toml(SMALL + self.VALUE)
        taken, _ = self.orders(base, "believers")
        assert {tif for _, _, tif in taken} == {2}
        rests, _ = self.orders(base.but({"populations.believers.rests": True}), "believers")
        assert {(side, price, tif) for side, price, tif in rests} <= {(1, 9_900, 1), (-1, 10_100, 1)} | {
            (1, 9_900, 0),
            (-1, 10_100, 0),
        }
        assert rests != []
        for word in (True, False):
            changes = {"populations.believers.rests": word, "populations.believers.calm": "10min"}
            careful, _ = self.orders(base.but(changes), "believers")
            assert 1 not in {side for side, _, _ in careful}  # it never buys

    def test_a2_makers_grow_back(self):
        base = Scenario.from_toml(SMALL).but(
            {"populations.makers.returns": {"after": "1s", "size": "10%", "size_recovery": "0ms"}}
        )
        grows = base.but({"populations.makers.returns.size_recovery": "2s"})

        def quoted(scenario):
            sim = scenario.simulation()
            sim.world.run(20_000)
            assert sim.world.landmarks()["kind"].tolist().count(LandmarkKind.RETURN) > 0
            table, own = sim.world.journal(), members(sim, "makers")
            placed = (table["kind"] == 3) & np.isin(table["account"], own)
            return table["qty"][placed][0], table["qty"][placed][-1]

        assert [last / first for first, last in (quoted(base),)] == [0.1]
        first, last = quoted(grows)
        assert 0.9 < last / first < 1

    def test_a6_a_rate_is_what_one_of_the_first_is_worth_of_the_second(self):
        """A token of two coins: twice the price is no gap, and two lots there offset one here."""
        text = SMALL.replace("[populations.longs]\n", "[populations.longs]\nenabled = false\n")
        pair = """
[markets.PAIR]
kind = "spot"
venue = "cex"
base = "PAIR"
quote = "EUR"
tick = "0.001"
lot = "0.001"
price = "20.000"

[assets.PAIR]
decimals = 3
supply = "1M"

[populations.between]
kind = "arbitrageur"
on = ["PAIR", "COIN/EUR"]
threshold = "5bps"
qty = 1000
rate = "2"
wake_every = "100ms"
brings = { EUR = "1M", COIN = "10k", PAIR = "10k" }

[events.pair]
kind = "orders"
brings = { EUR = "100k", PAIR = "1000" }
rows = [["0ms", "PAIR", "buy", "BID", "100"], ["0ms", "PAIR", "sell", "ASK", "100"]]
"""
        level = Scenario.from_toml(text + pair.replace("BID", "19.96").replace("ASK", "20.04"))
        assert self.orders(level, "between", 3_000)[0] == []
        dear = Scenario.from_toml(text + pair.replace("BID", "20.30").replace("ASK", "20.40"))
        sent, sim = self.orders(dear, "between", 3_000)
        assert sent[0][:2] == (-1, 20_300)
        table, (account,) = sim.world.journal(), members(sim, "between")
        own = (table["kind"] == 3) & (table["account"] == account)
        assert table["market"][own][:2].tolist() == [sim.markets[name].number for name in ("PAIR", "COIN/EUR")]
        assert table["qty"][own][:2].tolist() == [1_000, 2_000]
        assert self.orders(dear.but({"populations.between.rate": "2.035"}), "between", 3_000)[0] == []

    @pytest.mark.parametrize(
        ("path", "value", "said"),
        [
            ("populations.noise.slippage", "150%", "noise.slippage: expected a share"),
            ("populations.noise.slippage", "-1bps", "noise.slippage: expected a share"),
            ("populations.believers.rests", "yes", "believers.rests: "),
            ("populations.believers.rests", 1, "believers.rests: "),
            ("populations.believers.calm", "5 parsecs", "believers.calm: expected a duration"),
            ("populations.believers.calm", "-1ms", "believers.calm: "),
            (
                "populations.makers.returns",
                {"size_recovery": "soon"},
                "makers.returns.size_recovery: expected a duration",
            ),
            ("populations.makers.returns", {"size_recovery": "-1s"}, "makers.returns.size_recovery: "),
            ("populations.tied.rate", "0", "tied.rate: expected a ratio"),
            ("populations.tied.rate", "-2", "tied.rate: expected a ratio"),
            ("populations.tied.rate", "one", "tied.rate: expected a ratio"),
            ("populations.tied.rate", "1e9", "tied.rate: expected a ratio"),
        ],
    )
    def test_bad_values_are_refused_by_name(self, path, value, said):
        tied = (
            '\n[populations.tied]\nkind = "arbitrageur"\non = ["COIN/EUR", "COIN-PERP"]\nthreshold = "5bps"\nqty = 1\n'
        )
        with pytest.raises(InputError, match=said):
            Scenario.from_toml(SMALL + self.VALUE + tied).but({path: value})
