"""Prices as people declare them: `Simulation.index`, `.oracle`, `.mark`, `.publish`, and a scenario's."""

from __future__ import annotations

from fractions import Fraction

import pytest
from scenariokit import SMALL

from engine import InputError, Scenario, Simulation
from engine.prices import (
    Binance,
    Bybit,
    ConversionRate,
    Fixed,
    Hyperliquid,
    IndexOf,
    Last,
    Median,
    Mid,
    OracleOf,
    Path,
    Twap,
    conversion_rate,
    core_sources,
    own_book,
    redemption,
)
from engine.types import Side


class Desk:
    """Hold WBETH/USDT, WBETH/ETH and ETH/USDT in ticks of their own, and a perpetual in coarser ones."""

    def __init__(self):
        self.sim = sim = Simulation(seed=1)
        self.usdt = sim.asset("USDT", decimals=6, supply="1000000000")
        self.eth = sim.asset("ETH", decimals=8, supply="1000000000")
        self.wbeth = sim.asset("WBETH", decimals=8, supply="1000000000")
        self.own = sim.spot("WBETH/USDT", self.wbeth, self.usdt, tick="0.01", lot="0.001")
        self.cross = sim.spot("WBETH/ETH", self.wbeth, self.eth, tick="0.0001", lot="0.001")
        self.base = sim.spot("ETH/USDT", self.eth, self.usdt, tick="0.01", lot="0.001")
        self.perp = sim.perpetual("WBETH-PERP", self.usdt, tick="0.1", lot="0.001", maintenance="0.02")
        self.trader = sim.account("trader", USDT="10000000", ETH="10000", WBETH="10000")

    def quote(self, market, bid, ask):
        for side, price in ((Side.BUY, bid), (Side.SELL, ask)):
            self.sim.place(self.trader, market, side, price, "0.001", at_ms=self.sim.world.now_ms + 1)

    def price(self, series="index"):
        ticks = self.sim.world.market(self.perp)[series]
        return None if ticks is None else self.perp.price.value(ticks)


class TestSources:
    def test_ticks_of_different_markets_are_converted_exactly(self):
        desk = Desk()
        given = core_sources(
            [
                Mid(desk.own, 2),
                Mid(desk.cross, times=Mid(desk.base)),
                ConversionRate("1.0781", IndexOf(desk.base)),
                ConversionRate("4100.5"),
                Twap(desk.base, 5_000, stale_ms=7),
            ],
            desk.perp,
        )
        ratios = [Fraction(each["numerator"], each["denominator"]) for each in given]
        assert ratios == [
            Fraction(1, 10),
            Fraction(1, 10**5),  # 0.0001 x 0.01 / 0.1
            Fraction(10_781, 10**5),
            Fraction(41_005),  # of a price of one tick
            Fraction(1, 10),
        ]
        assert given[1]["factor"] == ("mid", desk.base.number)
        assert given[3] | {"numerator": 0} == {
            "kind": "fixed",
            "ticks": 1,
            "weight": 1,
            "numerator": 0,
            "denominator": 1,
        }
        assert (given[4]["window_ms"], given[4]["stale_ms"]) == (5_000, 7)

    def test_own_book_of_10_october_and_its_fix(self):
        desk = Desk()
        desk.sim.index(desk.perp, own_book(desk.own, cross=desk.cross, base=Mid(desk.base)), every_ms=5)
        desk.quote(desk.own, "430.00", "430.20")
        desk.quote(desk.cross, "0.1134", "0.1136")
        desk.quote(desk.base, "3800.00", "3800.20")
        desk.sim.run(until_ms=5)
        # 20 % of 430.10 and 80 % of 0.1135 x 3,800.10 = 431.31135, each in whole ticks of 0.1 rounded down
        assert str(desk.price()) == "431.0"
        desk.sim.publish(desk.base, "3800.10", "index")
        desk.sim.index(desk.perp, conversion_rate("1.0781", IndexOf(desk.base)), every_ms=5)
        desk.sim.run(until_ms=11)
        assert str(desk.price()) == "4096.8"  # 1.0781 x 3,800.10 = 4,096.887...

    def test_a_redemption_price_and_a_floor(self):
        desk = Desk()
        desk.quote(desk.own, "649.90", "650.10")
        desk.sim.index(desk.perp, redemption(desk.own, "1000"), every_ms=5, floor="900")
        desk.sim.run(until_ms=5)
        assert str(desk.price()) == "900.0"  # (650 + 1,000) / 2 = 825

    def test_paths_last_and_growth(self):
        desk = Desk()
        desk.sim.oracle(desk.perp, Path([0, 3, 8], ["4000", "4000.1", "3999.9"]), every_ms=1)
        seen = []
        for until_ms in (2, 4, 9):
            desk.sim.run(until_ms=until_ms)
            seen.append(str(desk.price("oracle")))
        assert seen == ["4000.0", "4000.1", "3999.9"]
        desk.sim.index(
            desk.perp,
            [ConversionRate("2", OracleOf(desk.perp), growth="0.5", growth_every_ms=2), Last(desk.own)],
            every_ms=1,
        )
        desk.sim.run(until_ms=11)
        assert str(desk.price()) == str(desk.perp.price.value(39_999 * 3))

    @pytest.mark.parametrize(
        ("sources", "field"),
        [
            ([Fixed("4000.05")], r"sources\[0\].price"),
            ([Fixed("1"), 5], r"sources\[1\]"),
            ([Path([0], ["0.05"])], r"sources\[0\].prices"),
            ([ConversionRate("0")], r"sources\[0\].rate"),
            ([ConversionRate("1.00000000000001")], r"sources\[0\]"),
            ([ConversionRate("1", growth="0.0000000001")], r"sources\[0\].growth"),
            ([], "source"),
        ],
    )
    def test_u7(self, sources, field):
        desk = Desk()
        with pytest.raises(InputError, match=f"^{field}: expected"):
            desk.sim.index(desk.perp, sources)
        with pytest.raises(InputError, match="market"):
            desk.sim.index("WBETH-PERP", Fixed("1"))
        for share in ("outlier", "clamp", "deviation"):
            with pytest.raises(InputError, match=f"^{share}: expected"):
                desk.sim.index(desk.perp, Fixed("1"), **{share: "1.5"})


class TestMarks:
    @pytest.mark.parametrize(
        ("rule", "every_ms", "wanted"),
        [
            (None, 1_000, "4000.0"),  # the lower one of index and mid
            (Median(), 1_000, "4000.0"),
            (Binance(), 1_000, "4000.0"),
            (Binance(window=30, sample_every_ms=5_000), 1_000, "4000.0"),
            (Bybit(), 1_000, "4000.0"),
            (Hyperliquid(), 3_000, "4005.0"),  # its touch: without an oracle and others only that exists
        ],
    )
    def test_each_rule_has_its_own_clock(self, rule, every_ms, wanted):
        desk = Desk()
        desk.sim.publish(desk.perp, "4000", "index")
        desk.quote(desk.perp, "4005.0", "4015.0")
        desk.sim.run(until_ms=10)
        desk.sim.mark(desk.perp, rule)
        desk.sim.run(until_ms=7_000)
        table = desk.sim.world.prices()
        times = table["time_ms"][table["kind"] == 2].tolist()
        assert times == list(range(11, 7_000, every_ms))
        assert str(desk.price("mark")) == wanted

    def test_hyperliquid_takes_other_perpetuals_in_their_ticks(self):
        desk = Desk()
        other = desk.sim.perpetual("OTHER-PERP", desk.usdt, tick="0.01", lot="0.001", maintenance="0.02")
        desk.quote(other, "4099.99", "4100.01")
        desk.sim.mark(desk.perp, Hyperliquid([Mid(other, 3)]), every_ms=5)
        desk.sim.run(until_ms=5)
        assert str(desk.price("mark")) == "4100.0"

    def test_u7_a_rule_is_a_rule(self):
        desk = Desk()
        with pytest.raises(InputError, match=r"^rule: expected"):
            desk.sim.mark(desk.perp, "binance")
        with pytest.raises(InputError, match=r"^market: expected a perpetual"):
            desk.sim.mark(desk.own, Binance())


COARSE = '[markets.COARSE]\nkind = "spot"\nbase = "COIN"\nquote = "EUR"\nvenue = "cex"\ntick = "0.01"\nlot = "1"\n'


class TestScenario:
    def test_an_index_takes_a_source_of_another_tick(self):
        coarse = Scenario.from_toml(SMALL + COARSE).but({"oracles.index.source": "COARSE"})
        sim = coarse.simulation()
        market, perp = sim.markets["COARSE"], sim.markets["COIN-PERP"]
        trader = sim.account("trader", EUR="1000", COIN="10")
        sim.place(trader, market, Side.BUY, "3.99", "1", at_ms=0)
        sim.place(trader, market, Side.SELL, "4.01", "1", at_ms=0)
        sim.run(until_ms=3_000)
        assert sim.world.market(perp)["index"] == 4_000  # 400 ticks of 0.01 are 4,000 of 0.001

    def test_source_and_sources_publish_the_same(self):
        plain = Scenario.from_toml(SMALL)
        source = plain.oracles["index"].source
        listed = Scenario.from_toml(SMALL.replace(f'source = "{source}"', f'sources = [{{ market = "{source}" }}]'))
        assert listed.oracles["index"].source is None
        digests = set()
        for scenario in (plain, listed):
            sim = scenario.simulation()
            sim.run(until_ms=3_000)
            digests.add(sim.world.digest())
        assert len(digests) == 1

    @pytest.mark.parametrize(
        ("sources", "said"),
        [
            ('[{ kind = "twap", market = "COIN/EUR" }]', r"sources\[0\].window: expected what a twap source needs"),
            ('[{ kind = "fixed", price = "1", window = "5s" }]', r"sources\[0\].window: expected nothing with a fixed"),
            ('[{ market = "NOWHERE" }]', r"sources\[0\].market: expected a name of markets"),
            ('[{ kind = "path", at = ["0s"], prices = [] }]', r"sources\[0\].prices: expected 1 prices"),
            ('[{ kind = "fixed", price = "1.00005" }]', r"sources\[0\].price: expected a multiple of the tick"),
            ('[{ kind = "median", market = "COIN/EUR" }]', r"sources.0..kind"),
            ("[]", "source: expected one of source and sources, was .?neither"),
        ],
    )
    def test_what_is_wrong_is_named(self, sources, said):
        source = Scenario.from_toml(SMALL).oracles["index"].source
        text = SMALL.replace(f'source = "{source}"', f"sources = {sources}")
        with pytest.raises(InputError, match=said):
            Scenario.from_toml(text)

    def test_a_mark_says_only_what_its_rule_uses(self):
        with pytest.raises(InputError, match=r"oracles.mark.window: expected nothing with the rule median"):
            Scenario.from_toml(SMALL).but({"oracles.mark.window": 30})
        binance = Scenario.from_toml(SMALL).but({"oracles.mark.rule": "binance"})
        assert binance.but({"oracles.mark.window": 5}).oracles["mark"].window == 5
