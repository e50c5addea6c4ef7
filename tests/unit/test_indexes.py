"""Indexes and oracles of several sources, native and reference: P-11 .. P-14."""

from __future__ import annotations

import numpy as np
import pytest
from pricekit import INDEX, MARK, ORACLE, Tape, follow_index
from worldkit import BASE, BUY, QUOTE, SELL, agree, opened, place

from engine import InputError, _core
from engine.reference import rng
from engine.reference.law import Law
from engine.reference.prices import IndexRule, Sender, Source

PERCENT = 10_000  # ppm
ORACLE_KIND, PUBLICATION_PURPOSE = 3, 12


class World:
    """Hold a perpetual and a few spot markets whose mids are set by hand."""

    def __init__(self, spots=3):
        self.twin = opened()
        self.native = self.twin.native
        self.spots = [self.twin.spot(BASE, QUOTE) for _ in range(spots)]
        self.market = self.twin.perpetual(QUOTE)
        self.trader, self.other = self.twin.account(10**12, 10**9), self.twin.account(10**12, 10**9)
        self.tickets = {}

    def mid(self, spot, price):
        """Quote one tick around a price from the next millisecond on; None takes the quotes off."""
        at_ms = self.native.now_ms + 1
        for ticket in self.tickets.pop(spot, []):
            self.native.send_cancel(ticket, at_ms=at_ms)
        if price is not None:
            sides = ((BUY, price - 1), (SELL, price + 1))
            self.tickets[spot] = [
                self.native.send_order(self.trader, spot, side, limit, 1, at_ms=at_ms) for side, limit in sides
            ]
        self.native.run(at_ms)

    def index(self, **options):
        """Sample every millisecond and say what is published next."""
        self.native.add_index(self.market, every_ms=1, lag_ms=0, **options)

    def next(self):
        self.native.run(self.native.now_ms + 1, check=True)
        return self.native.market(self.market)["index"]


def mids(world, *weights):
    return [{"kind": "mid", "market": spot, "weight": w} for spot, w in zip(world.spots, weights, strict=True)]


def set_mids(world, *prices):
    for spot, price in zip(world.spots, prices, strict=True):
        world.mid(spot, price)


class TestCombining:
    def test_p12_a_weighted_mean_is_rounded_down(self):
        world = World()
        set_mids(world, 100, 101, 104)
        world.index(source=mids(world, 1, 1, 5))
        assert world.next() == 103  # (100 + 101 + 520) / 7 = 103 exactly
        world.mid(world.spots[2], 105)
        assert world.next() == 103  # 726 / 7 = 103.7
        agree(world.twin)

    def test_p12_a_weighted_median(self):
        world = World()
        set_mids(world, 100, 101, 104)
        world.index(source=mids(world, 1, 1, 2), combine="median")
        assert world.next() == 101  # half of the weight, 2 of 4, is at or below it
        world.mid(world.spots[1], None)
        assert world.next() == 104
        agree(world.twin)

    def test_p12_within_the_bound_nothing_is_left_out(self):
        world = World()
        set_mids(world, 1_000, 1_010, 1_050)
        world.index(source=mids(world, 1, 1, 8), outlier_ppm=4 * PERCENT)
        assert world.next() == 1_041  # 1,050 is 40 of 1,010 away, 3.96 %: (1,000 + 1,010 + 8,400) / 10 = 1,041
        agree(world.twin)

    # mids; the value at a bound of 5 %
    OUTLIERS = [
        ((1_000, 1_000, 1_050), 1_016),  # 5 % exactly is none: 3,050 / 3
        ((1_000, 1_000, 1_051), 1_000),  # one is left out
        ((949, 1_000, 1_000), 1_000),
        ((940, 1_000, 1_060), 1_000),  # two: the median of all
        ((940, 1_000, None), 970),  # of two sources nobody can say which is wrong
        ((None, None, 700), 700),
    ]

    @pytest.mark.parametrize(("prices", "value"), OUTLIERS)
    def test_p12_outliers_at_the_bound(self, prices, value):
        world = World()
        set_mids(world, *prices)
        world.index(source=mids(world, 1, 1, 1), outlier_ppm=5 * PERCENT)
        assert world.next() == value
        readings = [(price, 1) for price in prices]
        assert IndexRule(outlier_ppm=5 * PERCENT).value(readings, None) == value
        agree(world.twin)

    def test_p12_the_clamp_holds_each_publication(self):
        world = World(1)
        set_mids(world, 1_000)
        world.index(source=mids(world, 1), clamp_ppm=PERCENT)
        assert world.next() == 1_000  # the first is free
        world.mid(world.spots[0], 500)
        fallen = [world.next() for _ in range(4)]
        assert fallen == [990, 981, 972, 963]  # floor of 1 %: 10, 9, 9, 9
        world.mid(world.spots[0], 2_000)
        assert [world.next() for _ in range(2)] == [963, 972]  # 954 was published while the quotes changed
        agree(world.twin)

    def test_p12_a_clamp_lets_a_tick_through(self):
        world = World(1)
        set_mids(world, 10)
        world.index(source=mids(world, 1), clamp_ppm=1)
        world.next()
        world.mid(world.spots[0], 20)
        assert [world.next() for _ in range(3)] == [11, 12, 13]

    def test_p12_the_floor_is_soft(self):
        world = World(1)
        set_mids(world, 10_000)
        world.index(source=mids(world, 1), floor_ticks=9_000)
        assert world.next() == 10_000
        world.mid(world.spots[0], 6_500)
        assert world.next() == 9_000
        world.mid(world.spots[0], 9_001)
        assert world.next() == 9_001
        agree(world.twin)

    def test_p2_without_a_source_nothing_is_published_and_the_age_shows(self):
        world = World()
        set_mids(world, 100, None, None)
        world.index(source=mids(world, 1, 1, 1))
        assert world.next() == 100
        published_ms = world.native.now_ms
        world.mid(world.spots[0], None)
        published_ms += 1  # the cancels arrived in phase 8, after one more sample
        world.native.run(world.native.now_ms + 50)
        state = world.native.market(world.market)
        assert (state["index"], state["index_ms"]) == (100, published_ms)
        assert world.native.now_ms == published_ms + 50
        agree(world.twin)


class TestSources:
    def test_p11_a_mid_that_vanished_counts_until_it_is_stale(self):
        world = World(2)
        set_mids(world, 100, 200)
        stale, fresh = mids(world, 1, 1)
        world.index(source=[{**stale, "stale_ms": 5}, fresh])
        assert world.next() == 150
        world.mid(world.spots[0], None)  # last seen in this millisecond's sample
        seen_ms = world.native.now_ms
        values = {}
        while world.native.now_ms < seen_ms + 8:
            value = world.next()
            values[world.native.now_ms - seen_ms] = value
        assert values == {1: 150, 2: 150, 3: 150, 4: 150, 5: 150, 6: 200, 7: 200, 8: 200}
        agree(world.twin)

    def test_p11_last_and_index_age_from_their_own_clocks(self):
        world = World(1)
        spot = world.spots[0]
        place(world.twin, world.trader, spot, SELL, 300, 1)
        place(world.twin, world.other, spot, BUY, 300, 1)
        traded_ms = world.native.now_ms
        world.native.publish(spot, 500, "index")  # in the same millisecond
        last = {"kind": "last", "market": spot, "stale_ms": 10}
        index = {"kind": "index", "market": spot, "stale_ms": 20}
        world.index(source=[last, index])
        values = {}
        while world.native.now_ms < traded_ms + 25:
            value = world.next()
            values[world.native.now_ms - traded_ms] = value
        assert {age for age, value in values.items() if value == 400} == set(range(1, 11))
        assert {age for age, value in values.items() if value == 500} == set(
            range(11, 26)
        )  # then it stays, unpublished
        assert world.native.market(world.market)["index_ms"] == traded_ms + 20

    def test_p11_a_path_holds_from_its_times_on(self):
        world = World(1)
        path = {
            "kind": "path",
            "time_ms": np.array([3, 5, 5, 9], np.int64),
            "price_ticks": np.array([10, 20, 30, 40], np.int64),
            "stale_ms": 6,
        }
        world.native.add_oracle(world.market, [path], every_ms=1)
        world.native.run(20)
        published = [(3, 10), (4, 10), *((ms, 30) for ms in range(5, 9)), *((ms, 40) for ms in range(9, 16))]
        table = world.native.prices()
        assert list(zip(table["time_ms"].tolist(), table["price_ticks"].tolist(), strict=True)) == published
        assert set(table["kind"].tolist()) == {ORACLE}
        state = world.native.market(world.market)
        assert (state["oracle"], state["oracle_ms"], state["index"]) == (40, 15, None)
        agree(world.twin)

    def test_p11_a_conversion_rate_times_an_index_grows(self):
        world = World(1)
        world.native.publish(world.spots[0], 4_000, "index")  # ETH in ticks of 1
        rate = {
            "kind": "index", "market": world.spots[0], "numerator": 1_081, "denominator": 1_000,
            "growth_ppb": 80_000, "growth_every_ms": 10, "growth_from_ms": 5,
        }  # fmt: skip
        world.native.add_index(world.market, [{**rate, "numerator": 108_100}], every_ms=1, lag_ms=0)  # ticks of 0.01
        grown = {}
        while world.native.now_ms < 40:
            value = world.next()
            grown[world.native.now_ms] = value
        assert {grown[ms] for ms in range(1, 15)} == {432_400}  # 4,324.00
        assert {grown[ms] for ms in range(15, 25)} == {432_434}  # x 1.00008 = 432,434.592
        assert {grown[ms] for ms in range(35, 41)} == {432_503}  # x 1.00024 = 432,503.776
        agree(world.twin)

    def test_p11_growth_ends_at_eight_times(self):
        world = World(0)
        world.index(source=[{"kind": "fixed", "ticks": 100, "growth_ppb": 10**9, "growth_every_ms": 1}])
        assert [world.next() for _ in range(9)] == [200, 300, 400, 500, 600, 700, 800, 800, 800]

    def test_p11_own_book_of_wbeth_on_10_october(self):
        """20 % WBETHUSDT + 80 % (WBETHETH x ETHUSDT), all from the venue's own books."""
        world = World(3)
        wbeth_usdt, wbeth_eth, eth_usdt = world.spots
        set_mids(world, 4_100, 10_780, 3_800)  # ticks of 1, 0.0001 and 1
        cross = {"kind": "mid", "market": wbeth_eth, "factor": ("mid", eth_usdt), "denominator": 10_000, "weight": 80}
        world.index(source=[{"kind": "mid", "market": wbeth_usdt, "weight": 20}, cross])
        assert world.next() == 4_096  # floor((20 x 4,100 + 80 x floor(4,096.4)) / 100) = floor(4,096.8)
        set_mids(world, 430, 1_800, 3_800)
        assert world.next() == 633  # (20 x 430 + 80 x 684) / 100 = 633.2: the staking token fell by 85 %
        agree(world.twin)

    @pytest.mark.parametrize("ticks", [1, 2**31 - 1])
    def test_p5_a_source_beyond_the_bounds_is_left_out(self, ticks):
        world = World(0)
        beyond = {"numerator": 2} if ticks > 1 else {"denominator": 2}
        world.index(source=[{"kind": "fixed", "ticks": ticks, **beyond}, {"kind": "fixed", "ticks": 7}])
        assert world.next() == 7
        world.index(source=[{"kind": "fixed", "ticks": ticks}])
        assert world.next() == ticks
        agree(world.twin)

    def test_p11_products_are_exact_at_the_largest_numbers(self):
        world = World(1)
        world.native.publish(world.spots[0], 2**31 - 1, "index")
        most = {
            "kind": "fixed", "ticks": 2**31 - 1, "factor": ("index", world.spots[0]), "numerator": 2**31 - 1,
            "denominator": 2**31 - 1, "growth_ppb": 10**9, "growth_every_ms": 1,
        }  # fmt: skip
        small = {**most, "numerator": 1}
        world.index(source=[most, small])
        world.next()
        source = Source(numerator=1, denominator=2**31 - 1, growth_ppb=10**9, growth_every_ms=1)
        source.look(1, 2**31 - 1, factor=2**31 - 1)
        assert source.read(1) is None  # 2 x (2^31 - 1)
        # At 0 ms it had not grown: the smaller one was the largest price that there is, and stays.
        assert source.read(0) == 2**31 - 1
        state = world.native.market(world.market)
        assert (state["index"], state["index_ms"]) == (2**31 - 1, 0)


class TestNativeIsReference:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    @pytest.mark.parametrize(
        ("rule", "sender"),
        [
            (IndexRule(), Sender()),
            (IndexRule(outlier_ppm=30_000), Sender(2_000, 60)),
            (IndexRule(is_median=True), Sender(5_000)),
            (IndexRule(is_median=True, outlier_ppm=20_000, clamp_ppm=7_000, floor_ticks=985), Sender()),
            (IndexRule(clamp_ppm=3_000, floor_ticks=970), Sender(4_000, 12)),
        ],
    )
    def test_p11_p12_p13(self, seed, rule, sender):
        tape = Tape(seed)
        (wild, calm), (market, other) = tape.spots, tape.perpetuals
        growth = {"growth_ppb": 100_000, "growth_every_ms": 7, "growth_from_ms": 100}
        cross = {"kind": "mid", "market": calm, "factor": ("oracle", other)}
        specs = [
            {"kind": "mid", "market": wild, "weight": 3, "stale_ms": 9},
            {"kind": "last", "market": calm, "weight": 2, "stale_ms": 40},
            {"kind": "twap", "market": wild, "window_ms": 30, "stale_ms": 6},
            {**cross, "denominator": 1_000, "weight": 2, "stale_ms": 30},
            {"kind": "index", "market": other, "numerator": 101, "denominator": 100, "stale_ms": 80, **growth},
            {"kind": "fixed", "ticks": 990},
        ]
        tape.native.add_oracle(other, calm, every_ms=20)
        tape.native.add_index(other, wild, every_ms=50, lag_ms=0)
        published, wanted = follow_index(tape, market, specs, rule, sender, every_ms=5, sample_every_ms=3, until_ms=900)
        assert published == wanted
        assert len({ticks for _, ticks in wanted}) > 10
        assert (len(wanted) < 180) == bool(sender.deviation_ppm)
        agree(tape.twin)


class TestSending:
    def test_p13_deviation_at_the_bound_and_heartbeat(self):
        world = World(1)
        steps = [(0, 10_000), (10, 10_049), (20, 10_050), (30, 10_000), (40, 9_999)]
        path = {
            "kind": "path",
            "time_ms": np.array([ms for ms, _ in steps], np.int64),
            "price_ticks": np.array([ticks for _, ticks in steps], np.int64),
        }
        world.native.add_oracle(world.market, [path], every_ms=1, deviation_ppm=5_000, heartbeat_ms=50)
        world.native.run(150)
        table = world.native.prices()
        published = list(zip(table["time_ms"].tolist(), table["price_ticks"].tolist(), strict=True))
        # 0.5 %: 10,049 is not enough, 10,050 is; 10,000 is 0.4975 % below it, 9,999 is 0.507 %. Then the heartbeat.
        assert published == [(0, 10_000), (20, 10_050), (40, 9_999), (90, 9_999), (140, 9_999)]
        sender, held = Sender(5_000, 50), dict(steps)
        prices = [held[max(ms for ms in held if ms <= now_ms)] for now_ms in range(151)]
        assert [(ms, ticks) for ms, ticks in enumerate(prices) if sender.send(ticks, ms)] == published

    @pytest.mark.parametrize("law", [("exponential", 12.0), ("uniform", 0.0, 30.0), ("lognormal", 8.0, 1.0)])
    def test_p13_a_drawn_lag_never_overtakes(self, law):
        world = World(0)
        count = 200
        path = {
            "kind": "path",
            "time_ms": np.arange(count, dtype=np.int64) * 4,
            "price_ticks": np.arange(count, dtype=np.int64) + 1,
        }
        world.native.add_oracle(world.market, [path], every_ms=4, lag_ms=3, latency_law=law)
        world.native.run(2_000)
        key = rng.key_of(rng.stream_of(1, rng.id_key("oracle", ORACLE_KIND)), PUBLICATION_PURPOSE)
        wanted, due_ms, moved = [], 0, 0
        for k in range(count):
            drawn_ms = 4 * k + 3 + Law(*law).ms(rng.bits64(key, 4 * k, 0, world.market))
            moved += drawn_ms < due_ms
            due_ms = max(due_ms, drawn_ms)
            wanted.append((due_ms, k + 1))
        table = world.native.prices()
        published = list(zip(table["time_ms"].tolist(), table["price_ticks"].tolist(), strict=True))
        assert published[:count] == wanted
        assert moved > 10  # some would have overtaken

    def test_p13_a_fork_with_a_new_seed_draws_other_lags(self):
        world = World(0)
        world.native.add_oracle(
            world.market, [{"kind": "fixed", "ticks": 5}], every_ms=10, latency_law=("exponential", 3.0)
        )
        same, other = world.native.fork(), world.native.fork(seed=2)
        times = []
        for native in (world.native, same, other):
            native.run(500)
            times.append(native.prices()["time_ms"].tolist())
        assert times[0] == times[1] != times[2]


class TestPublish:
    def test_p14_each_series_is_its_own(self):
        world = World(1)
        world.native.run(7)
        for ticks, kind in ((11, "index"), (12, "mark"), (13, "oracle")):
            world.native.publish(world.market, ticks, kind)
        state = world.native.market(world.market)
        assert (state["index"], state["mark"], state["oracle"], state["last"]) == (11, 12, 13, None)
        assert (state["index_ms"], state["mark_ms"], state["oracle_ms"]) == (7, 7, 7)
        journal = world.native.journal()
        assert journal["kind"].tolist()[-3:] == [5, 6, 8]
        assert world.native.prices()["kind"].tolist() == [INDEX, MARK, ORACLE]
        agree(world.twin)  # the reference takes the oracle, and the digest holds it
        before = world.native.digest()
        world.native.publish(world.market, 14, "oracle")
        assert world.native.digest() != before
        assert world.twin.disagreements() == []

    def test_p14_the_clocks_go_on(self):
        world = World(1)
        set_mids(world, 100)
        world.index(source=mids(world, 1))
        assert world.next() == 100
        world.native.publish(world.market, 55, "index")
        assert world.native.market(world.market)["index"] == 55
        assert world.next() == 100
        agree(world.twin)

    @pytest.mark.parametrize(
        ("arguments", "field"),
        [
            ({"ticks": 0}, "ticks"),
            ({"ticks": -5}, "ticks"),
            ({"ticks": 2**31}, "ticks"),
            ({"ticks": 1.0}, "ticks"),
            ({"kind": "last"}, "kind"),
            ({"kind": 1}, "kind"),
            ({"market": 9}, "market"),
            ({"market": 0}, "market"),  # a spot market has no mark
        ],
    )
    def test_u7(self, arguments, field):
        world = World(1)
        world.native.publish(world.market, 10)
        before = world.native.snapshot()
        with pytest.raises(InputError) as caught:
            world.native.publish(**{"market": world.market, "ticks": 5, **arguments})
        assert caught.value.field == field
        assert world.native.snapshot() == before


TIMES, TICKS = np.array([1, 2], np.int64), np.array([5, 6], np.int64)
GOOD_SOURCE = {"kind": "mid", "market": 0}


class TestInput:
    BAD_SOURCES = [
        ({"kind": "median"}, "kind"),
        ({"kind": 1}, "kind"),
        ({"market": 5}, "market"),
        ({"market": None}, "market"),
        ({"weight": 0}, "weight"),
        ({"weight": 10**6 + 1}, "weight"),
        ({"weight": 1.0}, "weight"),
        ({"numerator": 0}, "numerator"),
        ({"denominator": 2**31}, "denominator"),
        ({"growth_ppb": 10**9 + 1}, "growth_ppb"),
        ({"growth_ppb": 5}, "growth_every_ms"),  # by how much, but not how often
        ({"growth_from_ms": -1}, "growth_from_ms"),
        ({"stale_ms": -1}, "stale_ms"),
        ({"factor": 1}, "factor"),
        ({"factor": ("twap", 0)}, "factor"),
        ({"factor": ("mid", 5)}, "factor"),
        ({"factor": ("mid", 0, 0)}, "factor"),
        ({"price": 5}, "price"),
        ({"kind": "twap"}, "window_ms"),
        ({"kind": "twap", "window_ms": 0}, "window_ms"),
        ({"kind": "twap", "window_ms": 10**6 + 1}, "window_ms"),  # more than 100,000 samples
        ({"kind": "fixed"}, "ticks"),
        ({"kind": "fixed", "ticks": 0}, "ticks"),
        ({"kind": "fixed", "ticks": 2**31}, "ticks"),
        ({"kind": "path"}, "time_ms"),
        ({"kind": "path", "time_ms": TIMES}, "price_ticks"),
        ({"kind": "path", "time_ms": TIMES, "price_ticks": TICKS[:1]}, "price_ticks"),
        ({"kind": "path", "time_ms": TIMES[::-1].copy(), "price_ticks": TICKS}, "time_ms"),
        ({"kind": "path", "time_ms": TIMES - 5, "price_ticks": TICKS}, "time_ms"),
        ({"kind": "path", "time_ms": TIMES, "price_ticks": TICKS - 5}, "price_ticks"),
        ({"kind": "path", "time_ms": TIMES.astype(np.int32), "price_ticks": TICKS}, "time_ms"),
        ({"kind": "path", "time_ms": TIMES[:0], "price_ticks": TICKS[:0]}, "time_ms"),
    ]

    @pytest.mark.parametrize(("spoiled", "field"), BAD_SOURCES)
    def test_u7_a_source_is_named_by_its_place(self, spoiled, field):
        world = World(1)
        before = world.native.snapshot()
        with pytest.raises(InputError) as caught:
            world.native.add_index(
                world.market, [GOOD_SOURCE, {**GOOD_SOURCE, **spoiled}], every_ms=10, lag_ms=0, sample_every_ms=10
            )
        assert caught.value.field == f"source[1].{field}"
        assert world.native.snapshot() == before

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"source": []}, "source"),
            ({"source": [GOOD_SOURCE] * 33}, "source"),
            ({"source": [5]}, "source[0]"),
            ({"source": None}, "source"),
            ({"source": GOOD_SOURCE}, "source"),  # a mapping alone is no list
            ({"combine": "mode"}, "combine"),
            ({"outlier_ppm": 10**6 + 1}, "outlier_ppm"),
            ({"clamp_ppm": -1}, "clamp_ppm"),
            ({"floor_ticks": 0}, "floor_ticks"),
            ({"deviation_ppm": -1}, "deviation_ppm"),
            ({"heartbeat_ms": 5}, "heartbeat_ms"),  # without a deviation
            ({"sample_every_ms": 0}, "sample_every_ms"),
            ({"latency_law": ("normal", 1.0)}, "latency_law"),
        ],
    )
    @pytest.mark.parametrize("method", ["add_index", "add_oracle"])
    def test_u7(self, method, options, field):
        world = World(1)
        before = world.native.snapshot()
        with pytest.raises(InputError) as caught:
            getattr(world.native, method)(world.market, **{"source": 0, "every_ms": 10, "lag_ms": 0, **options})
        assert caught.value.field == field
        assert world.native.snapshot() == before

    def test_the_most_that_there_may_be_is_good(self):
        world = World(1)
        most = {
            **GOOD_SOURCE, "weight": 10**6, "numerator": 2**31 - 1, "denominator": 2**31 - 1, "growth_ppb": 10**9,
            "growth_every_ms": 1,
        }  # fmt: skip
        world.native.add_index(world.market, [most] * 32, every_ms=1, lag_ms=0)
        set_mids(world, 2**28)
        world.native.run(100, check=True)
        assert world.native.market(world.market)["index"] == 2**28 * 7  # 8 times is beyond 2^31 - 1: it stays
        copy = _core.World.restore(world.native.snapshot())
        assert copy.digest() == world.native.digest()
