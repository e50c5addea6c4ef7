"""Presets of oracles: what they read, how they publish, and what one switch does to an index."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path as FilePath

import pytest

from engine import InputError, Scenario, Simulation, oracles
from engine.oracles import (
    Anchor,
    Feed,
    Leg,
    binance_index,
    chainlink,
    hard_link,
    hyperliquid,
    hyperliquid_mark,
    svr,
)
from engine.prices import ConversionRate, Fixed, IndexOf, Mid, Path, Twap
from engine.scenario.feeds import FeedTable
from engine.types import Side

ORACLE = 3


class Desk:
    """Hold Binance's three books of a staking token, one of USDe, and a perpetual."""

    def __init__(self):
        self.sim = sim = Simulation(seed=1)
        supply = "1000000000"
        self.usdt = sim.asset("USDT", decimals=6, supply=supply)
        eth, wbeth, usde = (sim.asset(name, decimals=8, supply=supply) for name in ("ETH", "WBETH", "USDe"))
        self.own = sim.spot("WBETH/USDT", wbeth, self.usdt, tick="0.01", lot="0.001")
        self.cross = sim.spot("WBETH/ETH", wbeth, eth, tick="0.0001", lot="0.001")
        self.base = sim.spot("ETH/USDT", eth, self.usdt, tick="0.01", lot="0.001")
        self.usde = sim.spot("USDe/USDT", usde, self.usdt, tick="0.0001", lot="0.01")
        self.perp = sim.perpetual("WBETH-PERP", self.usdt, tick="0.1", lot="0.001", maintenance="0.02")
        self.trader = sim.account("trader", USDT="10000000", ETH="10000", WBETH="10000", USDe="10000")
        self.tickets = {}

    def quote(self, market, bid, ask):
        """Stand alone around a price from the next millisecond on."""
        at_ms = self.sim.world.now_ms + 1
        for ticket in self.tickets.pop(market.name, ()):
            self.sim.cancel(ticket, at_ms=at_ms)
        self.tickets[market.name] = [
            self.sim.place(self.trader, market, side, price, "0.1", at_ms=at_ms)
            for side, price in ((Side.BUY, bid), (Side.SELL, ask))
        ]

    def later(self, market, ms=10, series="index"):
        """Return what is published some milliseconds later."""
        self.sim.run(until_ms=self.sim.world.now_ms + ms)
        ticks = self.sim.world.market(market)[series]
        return None if ticks is None else market.price.value(ticks)

    def published(self, market):
        table = self.sim.world.prices()
        rows = zip(*(table[name].tolist() for name in ("market", "kind", "time_ms", "price_ticks")), strict=True)
        return [row[2:] for row in rows if row[:2] == (market.number, ORACLE)]


# ---- own books, and what replaced them -------------------------------------------------------------------------------


class TestStakingToken:
    """WBETH falls 89 % in its own books, while ETH and the conversion rate stand."""

    def fall(self, feed):
        desk = Desk()
        desk.quote(desk.base, "3799.00", "3801.00")
        desk.quote(desk.own, "4099.00", "4101.00")
        desk.quote(desk.cross, "1.0789", "1.0791")
        desk.sim.index(desk.own, feed, every_ms=5)
        before = desk.later(desk.own)
        desk.quote(desk.own, "450.50", "451.50")  # 11 % of 4,100
        desk.quote(desk.cross, "0.1185", "0.1187")
        return before, desk.later(desk.own)

    def test_before_the_index_follows_its_own_books(self):
        before, after = self.fall(binance_index("WBETH"))
        assert before == Decimal("4100.16")  # (20 x 4,100 + 80 x 1.0790 x 3,800) / 100
        assert after == Decimal("450.74")  # (20 x 451 + 80 x 0.1186 x 3,800) / 100 = 450.744
        assert 1 - after / before > Decimal("0.89")

    def test_after_it_stays(self):
        before, after = self.fall(binance_index("WBETH", day="after", rate="1.0790"))
        assert before == after == Decimal("4100.20")  # 1.0790 x 3,800

    def test_one_number_is_the_switch(self):
        told = [self.fall(binance_index("WBETH", anchor=anchor, rate="1.0790", floor="3000")) for anchor in range(3)]
        assert [after for _, after in told] == [
            Decimal("450.74"),
            Decimal("4100.20"),
            Decimal(3_000),  # (451 + 4,100.20) / 2 = 2,275.6, held at the floor
        ]
        by_name = self.fall(binance_index("WBETH", anchor="redemption_floor", rate="1.0790"))[1]
        assert by_name == Decimal("2275.60")
        for anchor, feed in ((0, binance_index("WBETH")), (1, binance_index("WBETH", day="after", rate="1.0790"))):
            assert binance_index("WBETH", anchor=Anchor(anchor), rate="1.0790") == feed

    def test_the_rate_grows_by_the_day(self):
        desk = Desk()
        desk.quote(desk.base, "4000.00", "4000.00")
        feed = binance_index("WBETH", day="after", rate="1.08", growth="0.0001")
        (source,) = feed.resolve(desk.sim.markets)
        assert source == ConversionRate("1.08", Mid(desk.base), 1, growth="0.0001")

    @pytest.mark.parametrize(("asset", "weights"), [("WBETH", [20, 80]), ("BNSOL", [30, 70])])
    def test_weights_of_the_notice(self, asset, weights):
        feed = binance_index(asset, day="before")
        assert [leg.weight for leg in feed.legs] == weights
        assert feed.is_verified
        assert feed.source.startswith("Binance, notice of 6 October 2025")
        assert feed.books == (f"{asset}/USDT", f"{asset}/{feed.books[2][:3]}", feed.books[2])


class TestUsde:
    def fall(self, **terms):
        desk = Desk()
        desk.quote(desk.usde, "0.6499", "0.6501")
        desk.sim.index(desk.usde, binance_index("USDe", **terms), every_ms=5)
        return desk.later(desk.usde)

    def test_own_book_against_redemption_and_floor(self):
        assert self.fall(day="before") == Decimal("0.65")
        assert self.fall(day="after") == Decimal("0.90")  # (0.65 + 1) / 2 = 0.825, held at the floor
        assert self.fall(day="after", floor="0.5") == Decimal("0.825")
        assert self.fall(day="after", own_weight=1, redemption_weight=6) == Decimal("0.95")
        assert self.fall(anchor="conversion_rate") == 1
        assert self.fall(anchor="conversion_rate", rate="0.9995") == Decimal("0.9995")

    def test_what_nobody_says_is_named(self):
        assert binance_index("USDe").is_verified
        assert binance_index("USDe", day="after").unverified == ("weights", "floor")
        assert binance_index("USDe", anchor=1).unverified == ("rule",)
        assert binance_index("WBETH", anchor=2, rate="1").unverified == ("rule", "weights", "floor")


# ---- Chainlink -------------------------------------------------------------------------------------------------------


def fed(feed, times_ms, prices, until_ms, **options):
    """Return what a feed of a path publishes on ETH/USDT."""
    desk = Desk()
    (book,) = feed.books
    desk.sim.oracle(desk.base, feed.on({book: Path(times_ms, prices)}), **options)
    desk.sim.run(until_ms=until_ms)
    return desk.published(desk.base)


class TestChainlink:
    HOUR_MS = 3_600_000

    def test_deviation_and_heartbeat_of_eth(self):
        prices = ["4000", "3980.01", "3980", "3961"]
        sent = fed(chainlink("ETH/USD"), [0, 60_000, 120_000, 180_000], prices, 2 * self.HOUR_MS, latency_law=None)
        # 19.99 of 4,000 is less than 0.5 %, 20 is 0.5 %; 19 of 3,980 is 0.48 %: told by the heartbeat.
        assert sent == [(0, 400_000), (120_000, 398_000), (120_000 + self.HOUR_MS, 396_100)]

    def test_heartbeat_of_a_stablecoin(self):
        day_ms = 86_400_000
        feed = chainlink("USDC/USD").but(every_ms=60_000)
        sent = fed(feed, [0, 60_000], ["1", "0.99"], 2 * day_ms, latency_law=None, deviation="0.02")
        assert sent == [(0, 100), (day_ms, 99), (2 * day_ms, 99)]

    @pytest.mark.parametrize(("gas", "least_ms", "most_ms"), [("normal", 12_000, 36_000), ("spike", 60_000, 180_000)])
    def test_how_late_it_is(self, gas, least_ms, most_ms):
        times_ms = [200_000 * k for k in range(40)]
        prices = [str(4_000 + 400 * (k % 2)) for k in range(40)]  # each a move of 9 % or more
        feed = chainlink("ETH/USD", gas=gas)
        sent = [ms for ms, _ in fed(feed, times_ms, prices, 8_000_000, heartbeat_ms=0)]
        late = [sent_ms - ms for sent_ms, ms in zip(sent, times_ms, strict=True)]
        assert least_ms <= min(late)
        assert max(late) <= most_ms
        assert max(late) - min(late) > (most_ms - least_ms) / 2

    def test_in_an_outage_a_crash_is_not_told(self):
        prices = ["4000", "2000", "3990"]
        silent = fed(
            chainlink("ETH/USD"),
            [0, 600_000, 1_200_000],
            prices,
            3_000_000,
            latency_law=None,
            outages=[(300_000, 1_500_000)],
        )
        assert silent == [(0, 400_000)]  # 3,990 is within 0.5 % again when it is back
        heard = fed(chainlink("ETH/USD"), [0, 600_000, 1_200_000], prices, 3_000_000, latency_law=None)
        assert [ticks for _, ticks in heard] == [400_000, 200_000, 399_000]

    def test_svr_is_later_by_its_fallback(self):
        options = {"latency_law": None, "until_ms": 100_000}
        path = ([0, 50_000], ["4000", "3000"])
        plain = fed(chainlink("ETH/USD"), *path, **options)
        assert fed(svr("ETH/USD", is_won=True), *path, **options) == plain
        late = fed(svr("ETH/USD", fallback_ms=7_000), *path, **options)
        assert late == [(ms + 7_000, ticks) for ms, ticks in plain]
        assert "lag_ms" in svr("ETH/USD").unverified

    def test_several_books_are_a_median(self):
        desk = Desk()
        feed = chainlink("ETH/USD").on({"ETH/USD": [Fixed("4000"), "ETH/USDT", Fixed("3000")]})
        desk.quote(desk.base, "3899.00", "3901.00")
        desk.sim.oracle(desk.base, feed, every_ms=5, latency_law=None)
        desk.sim.run(until_ms=4)
        assert desk.later(desk.base, series="oracle") == 3_900

    def test_what_is_verified(self):
        assert chainlink("ETH/USD").unverified == ("every_ms", "latency_law")
        assert "deviation" in chainlink("USDC/USD").unverified
        assert {"deviation", "heartbeat_ms"} <= set(chainlink("USDe/USD").unverified)
        assert (chainlink("USDe/USD").deviation, chainlink("USDe/USD").heartbeat_ms) == ("0.0025", 86_400_000)


def test_aave_prices_usde_by_the_feed_of_usdt():
    desk = Desk()
    desk.quote(desk.usde, "0.6499", "0.6501")
    desk.sim.oracle(desk.usde, hard_link(price="1"), latency_law=None)
    assert desk.later(desk.usde, series="oracle") == 1  # whatever its book says
    desk.sim.oracle(desk.usde, hard_link().on({"USDT/USD": Fixed("0.9990")}), latency_law=None)
    assert desk.later(desk.usde, series="oracle") == Decimal("0.999")


# ---- Hyperliquid -----------------------------------------------------------------------------------------------------


class TestHyperliquid:
    def test_weighted_median_each_three_seconds(self):
        desk = Desk()
        mids = {"binance": 4_000, "okx": 4_010, "bybit": 4_020, "kraken": 4_030, "gate": 3_000, "mexc": 2_000}
        desk.sim.oracle(desk.base, hyperliquid({venue: Fixed(mid) for venue, mid in mids.items()}))
        desk.sim.run(until_ms=6_500)
        # Weights 3, 2, 2, 1, 1, 1, of which half is 5: 2,000 and 3,000 are 2, 4,000 makes 5.
        assert desk.published(desk.base) == [(ms, 400_000) for ms in (0, 3_000, 6_000)]

    def test_all_weights_of_the_documents(self):
        feed = hyperliquid()
        assert [leg.weight for leg in feed.legs] == [3, 2, 2, 1, 1, 1, 1, 1]
        assert feed.is_verified
        with pytest.raises(InputError, match=r"^books of Hyperliquid oracle: expected at least one of binance, okx"):
            feed.resolve({})

    def test_the_mark_of_the_rulebook(self):
        """107,500 with an average basis of -900, own book 104,800, other perpetuals 106,200: the mark is 106,200."""
        desk = Desk()
        perp = desk.sim.perpetual("BTC-PERP", desk.usdt, tick="1", lot="0.001", maintenance="0.02")
        prices = {"binance": 106_200, "okx": 106_100, "bybit": 106_300, "gate": 100_000, "mexc": 110_000}
        rule = hyperliquid_mark({venue: Fixed(price) for venue, price in prices.items()})
        assert [source.weight for source in rule.others] == [3, 2, 2, 1, 1]
        desk.quote(perp, "106500", "106700")
        desk.sim.run(until_ms=1)
        desk.sim.publish(perp, "107500", "oracle")
        desk.sim.mark(perp, rule)
        assert desk.later(perp, 600_000, "mark") == 106_500  # 106,600 with the basis, own touch 106,500, others 106,200
        desk.quote(perp, "104800", "105300")
        # One more sample of a basis moves its average of -900 by 31: 106,569, 104,800 and 106,200.
        assert desk.later(perp, 3_001, "mark") == 106_200

    def test_a_venue_without_a_weight_is_refused(self):
        with pytest.raises(InputError, match=r"^others: expected one of binance, okx, bybit, gate, mexc, was kraken"):
            hyperliquid_mark({"kraken": Fixed("1")})
        with pytest.raises(InputError, match=r"^others.okx: expected a market or a source"):
            hyperliquid_mark({"okx": "BTC-PERP"})


# ---- feeds -----------------------------------------------------------------------------------------------------------


class TestFeeds:
    def test_books_are_found_by_name_or_told(self):
        desk = Desk()
        feed = binance_index("WBETH")
        wanted = (Mid(desk.own, 20), Mid(desk.cross, 80, times=Mid(desk.base)))
        assert feed.resolve(desk.sim.markets) == wanted
        told = feed.on({"ETH/USDT": IndexOf(desk.base)}).on({"WBETH/USDT": "USDe/USDT", "WBETH/ETH": desk.own})
        assert told.resolve(desk.sim.markets) == (
            Mid(desk.usde, 20),
            Mid(desk.own, 80, times=IndexOf(desk.base)),
        )
        assert feed.bound is None

    def test_options_of_the_feed_and_of_the_call(self):
        desk = Desk()
        desk.sim.oracle(desk.base, hyperliquid({"okx": Fixed("1")}), every_ms=1_000)
        desk.sim.run(until_ms=2_000)
        assert [ms for ms, _ in desk.published(desk.base)] == [0, 1_000, 2_000]
        feed = Feed("own", (Leg(rate="3"),), "made up", lag_ms=5, floor="4")
        assert feed.options["lag_ms"] == 5
        desk.sim.oracle(desk.usde, feed)
        assert desk.later(desk.usde, 6, "oracle") == 4
        assert "floor" not in feed.but(floor=None).options

    @pytest.mark.parametrize(
        ("make", "field"),
        [
            (lambda: binance_index("CBETH"), "asset"),
            (lambda: binance_index(["WBETH"]), "asset"),
            (lambda: binance_index("WBETH", day="today"), "day"),
            (lambda: binance_index("WBETH", day="after"), "rate"),
            (lambda: binance_index("WBETH", day="after", anchor=1), "anchor"),
            (lambda: binance_index("WBETH", anchor=3), "anchor"),
            (lambda: binance_index("WBETH", anchor=True), "anchor"),
            (lambda: binance_index("WBETH", anchor="books"), "anchor"),
            (lambda: binance_index("USDe", day="after", own_weight=0), "weight"),
            (lambda: binance_index("USDe", day="after", redemption_weight=10**6 + 1), "weight"),
            (lambda: chainlink("BTC/USD"), "pair"),
            (lambda: chainlink("ETH/USD", gas="high"), "gas"),
            (lambda: svr("ETH/USD", fallback_ms=-1), "fallback_ms"),
            (lambda: svr("ETH/USD", fallback_ms=1.5), "fallback_ms"),
            (lambda: hard_link(to="DAI/USD"), "pair"),
            (lambda: hyperliquid({"coinbase": Fixed("1")}), "books"),
            (lambda: chainlink("ETH/USD").but(lag_ms=-1), "lag_ms"),
            (lambda: chainlink("ETH/USD").but(deviation="2"), "deviation"),
            (lambda: chainlink("ETH/USD").but(combine="mode"), "combine"),
            (lambda: chainlink("ETH/USD").but(legs=()), "legs"),
            (lambda: chainlink("ETH/USD").but(every=5), "but"),
            (lambda: Leg(), "book"),
            (lambda: Leg("A", rate="1"), "book"),
        ],
    )
    def test_u7(self, make, field):
        with pytest.raises(InputError) as caught:
            make()
        assert caught.value.field == field

    def test_u7_books_that_are_not_there(self):
        desk = Desk()
        before = desk.sim.snapshot()
        for feed, field in (
            (binance_index("BNSOL"), "books.BNSOL/USDT"),
            (chainlink("ETH/USD"), "books.ETH/USD"),
            (chainlink("ETH/USD").on({"ETH/USD": "ETH"}), "books.ETH/USD"),
            (chainlink("ETH/USD").on({"ETH/USD": 5}), "books.ETH/USD"),
            (binance_index("WBETH").on({"ETH/USDT": Fixed("4000")}), "books.ETH/USDT"),  # no factor
            (binance_index("WBETH").on({"WBETH/ETH": Twap(desk.own, 5_000)}), None),
            (binance_index("WBETH").on({"WBETH/ETH": Fixed("1.08")}), "books.WBETH/ETH"),
            (hyperliquid({"okx": "ETH"}), "books.okx"),
        ):
            if field is None:
                assert feed.resolve(desk.sim.markets)[1].times == Mid(desk.base)
                continue
            with pytest.raises(InputError) as caught:
                desk.sim.index(desk.base, feed)
            assert caught.value.field == field
        assert desk.sim.snapshot() == before


# ---- scenarios -------------------------------------------------------------------------------------------------------

TEXT = """\
name = "feeds"
start = "2025-10-10T20:45Z"
duration = "60s"
seed = 1

[assets.USDT]
decimals = 6
supply = "10bn"

[assets.ETH]
decimals = 9
supply = "1bn"

[assets.WBETH]
decimals = 6
supply = "10bn"

[markets."WBETH/USDT"]
kind = "spot"
tick = "0.01"
lot = "0.001"

[markets."WBETH in ETH"]
kind = "spot"
base = "WBETH"
quote = "ETH"
tick = "0.0001"
lot = "0.001"

[markets."ETH/USDT"]
kind = "spot"
tick = "0.01"
lot = "0.001"

[oracles.wbeth]
kind = "index"
market = "WBETH/USDT"
outages = [["20:45:20", "20:45:40"], ["45s", "46s"]]

[oracles.wbeth.feed]
name = "binance-index:WBETH"
books = { "WBETH/ETH" = "WBETH in ETH" }
rate = "1.0790"
floor = "3000"

[oracles.eth]
kind = "oracle"
market = "ETH/USDT"
feed = "chainlink:ETH/USD"
source = "ETH/USDT"
jitter = "uniform(1s, 1s)"
heartbeat = "20s"

[events.books]
kind = "orders"
brings = { USDT = "1M", ETH = "1000", WBETH = "1000" }
rows = [
    ["0ms", "ETH/USDT", "buy", "3799", "1"],
    ["0ms", "ETH/USDT", "sell", "3801", "1"],
    ["0ms", "WBETH/USDT", "buy", "450.50", "1"],
    ["0ms", "WBETH/USDT", "sell", "451.50", "1"],
    ["0ms", "WBETH in ETH", "buy", "0.1185", "1"],
    ["0ms", "WBETH in ETH", "sell", "0.1187", "1"],
]

[variants.fixed]
set = { "oracles.wbeth.feed.anchor" = "conversion_rate" }

[variants.floored]
set = { "oracles.wbeth.feed.anchor" = "redemption_floor" }
"""


def changed(old, new):
    assert old in TEXT
    return TEXT.replace(old, new, 1)


class TestScenario:
    @pytest.mark.parametrize(("part", "index"), [("base", 45_074), ("fixed", 410_020), ("floored", 300_000)])
    def test_one_key_is_the_switch(self, part, index):
        scenario = Scenario.from_toml(TEXT)
        sim = (scenario if part == "base" else scenario.variant(part)).simulation()
        sim.run(until_ms=5_000)
        assert sim.world.market(sim.markets["WBETH/USDT"])["index"] == index

    def test_outages_jitter_and_what_replaces_the_feed(self):
        sim = Scenario.from_toml(TEXT).simulation()
        sim.run(until_ms=60_000)
        table = sim.world.prices()
        rows = list(zip(*(table[name].tolist() for name in ("market", "time_ms")), strict=True))
        index = [ms for market, ms in rows if market == sim.markets["WBETH/USDT"].number]
        assert index == [1_000 * k for k in range(1, 61) if k not in (*range(20, 40), 45)]
        # Its first sample with books is that of 1 s; the law is 1 s, and the heartbeat 20 s.
        assert [ms for market, ms in rows if market == sim.markets["ETH/USDT"].number] == [2_000, 22_000, 42_000]

    def test_it_is_written_as_it_was_read(self):
        scenario = Scenario.from_toml(TEXT)
        again = Scenario.from_toml(scenario.to_toml())
        assert again == scenario
        assert again.oracles["wbeth"].outages == [["20:45:20", "20:45:40"], [45_000, 46_000]]
        runs = [each.simulation() for each in (scenario, again)]
        for sim in runs:
            sim.run(until_ms=3_000)
        assert runs[0].world.digest() == runs[1].world.digest()

    WRONG = [
        ('"binance-index:WBETH"', '"binance-index:CBETH"', r"oracles.wbeth.feed.name: expected .*binance-index:WBETH"),
        ('feed = "chainlink:ETH/USD"', 'feed = "chainlink"', r"oracles.eth.feed: expected .*chainlink:ETH/USD"),
        ('rate = "1.0790"', 'gas = "spike"', r"oracles.wbeth.feed.gas: expected nothing with the feed binance-index"),
        ('rate = "1.0790"', 'anchor = "conversion_rate"', r"oracles.wbeth.feed.rate: expected a conversion rate"),
        ('"WBETH/ETH" = "WBETH in ETH"', '"WBETH/ETH" = "NONE"', r"feed.books.WBETH/ETH: expected a name of markets"),
        (
            '"WBETH/ETH" = "WBETH in ETH"',
            '"A" = "WBETH in ETH"',
            r"oracles.wbeth.feed.books: expected one of WBETH/USDT",
        ),
        (
            'books = { "WBETH/ETH" = "WBETH in ETH" }\n',
            "",
            r"oracles.wbeth.feed: expected a market WBETH/ETH, or books",
        ),
        (
            'feed = "chainlink:ETH/USD"\nsource = "ETH/USDT"',
            'feed = "chainlink:ETH/USD"',
            r"eth.feed: expected a market",
        ),
        (
            'feed = "chainlink:ETH/USD"',
            'feed = "hyperliquid"',
            r"oracles.eth.source: expected nothing: the books of Hyp",
        ),
        (
            'feed = "chainlink:ETH/USD"\nsource = "ETH/USDT"',
            'feed = "hyperliquid"',
            r"eth.feed: expected books for some",
        ),
        ('jitter = "uniform(1s, 1s)"', 'jitter = "pareto(1s, 2, max=3s)"', r"oracles.eth.jitter: expected lognormal"),
        ('["45s", "46s"]', '["45s"]', r"oracles.wbeth.outages\[1\]: expected at least 2"),
        ('["45s", "46s"]', '["45s", "45s"]', r"oracles.wbeth.outages\[1\]\[1\]: expected an end after"),
        ('["45s", "46s"]', '["30s", "46s"]', r"oracles.wbeth.outages\[1\]\[0\]: expected a beginning at 40s or later"),
        (
            '["45s", "46s"]',
            '["20:40", "46s"]',
            r"oracles.wbeth.outages\[1\]\[0\]: expected a clock time after the start",
        ),
        ('rate = "1.0790"\nfloor = "3000"', 'rate = "1"\nfloor = "0.005"\nanchor = "redemption_floor"', r"multiple of"),
    ]

    @pytest.mark.parametrize(("old", "new", "said"), WRONG)
    def test_what_is_wrong_is_named(self, old, new, said):
        with pytest.raises(InputError, match=said):
            Scenario.from_toml(changed(old, new)).simulation()


def test_every_feed_and_every_key_is_on_its_page():
    docs = FilePath(__file__).resolve().parents[2] / "docs"
    page = (docs / "scenarios.md").read_text(encoding="utf-8")
    table = page.split("| key of the table |")[1].split("\n\n")[0]
    assert {key for key in set(FeedTable.model_fields) - {"name"} if f"`{key}`" not in table} == set()
    presets = (docs / "oracles.md").read_text(encoding="utf-8")
    assert {name for name in oracles.__all__ if name not in ("Anchor", "Leg") and name not in presets} == set()
    assert {each.name.lower() for each in Anchor if f"`{each.name.lower()}` ({each.value})" not in presets} == set()
