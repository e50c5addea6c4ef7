"""Marks by rule, native and reference: P-5 .. P-10, P-15; the plain one is in test_world_risk.py."""

from __future__ import annotations

import pytest
from pricekit import INDEX, MARK, ORACLE, Tape
from worldkit import BASE, BUY, LIQUIDATION, PUBLICATION, QUOTE, SELL, agree, landmarks, opened, place

from engine import InputError, _core
from engine.reference.prices import (
    Ema,
    Window,
    basis_mark,
    decay_ppb,
    funded_index,
    hyperliquid_mark,
    median,
    weighted_median,
)
from engine.testing.worlds import landmark_rows

HOUR_MS = 3_600_000
CENT = 100  # ticks of a whole unit, where a tick is 0.01
MOVED_BY_CANCEL, MOVED_BY_TRADE = 2, 3


class Book:
    """Hold a perpetual whose prices are set by hand."""

    def __init__(self):
        self.twin = opened()
        self.native = self.twin.native
        self.market = self.twin.perpetual(QUOTE)
        self.first, self.second = self.twin.account(10**12), self.twin.account(10**12)

    def last(self, price):
        place(self.twin, self.first, self.market, SELL, price, 1)
        place(self.twin, self.second, self.market, BUY, price, 1)

    def quote(self, bid, ask, market=None):
        market = self.market if market is None else market
        place(self.twin, self.first, market, BUY, bid, 1)
        place(self.twin, self.first, market, SELL, ask, 1)

    def mark(self):
        return self.native.market(self.market)["mark"]


class TestWorkedNumbers:
    """The rulebook's examples, in ticks of 0.01."""

    @pytest.mark.parametrize(
        ("last", "mark"),
        [(103_900 * CENT, 105_150 * CENT), (107_000 * CENT, 10_599_006), (105_500 * CENT, 105_500 * CENT)],
    )
    def test_p9_binance(self, last, mark):
        book = Book()
        book.last(last)
        book.quote(105_150 * CENT - 5, 105_150 * CENT + 5)  # basis -850
        book.native.publish(book.market, 106_000 * CENT, "index")
        book.native.add_mark(book.market, every_ms=1_000, lag_ms=0, rule="basis", sample_every_ms=1_000)
        sampled_ms = book.native.now_ms + 1  # phase 2 of this millisecond is over
        next_ms = sampled_ms + 5 * HOUR_MS // 2  # 2.5 hours of 8 are left
        book.native.set_funding(book.market, -300_000, next_ms=next_ms, every_ms=8 * HOUR_MS)
        book.native.run(sampled_ms, check=True)
        assert funded_index(106_000 * CENT, -300_000, next_ms - sampled_ms, 8 * HOUR_MS) == 10_599_006  # 105,990.06
        assert book.mark() == mark
        agree(book.twin)

    def test_p9_bybit_spreads_the_rate_over_eight_hours(self):
        book = Book()
        book.last(107_000 * CENT)  # above P1, and P2 = 105,150 below it: the mark is P1
        book.quote(105_150 * CENT - 5, 105_150 * CENT + 5)
        book.native.publish(book.market, 106_000 * CENT, "index")
        book.native.add_mark(book.market, every_ms=1_000, lag_ms=0, rule="basis", window=300, interval_ms=8 * HOUR_MS)
        sampled_ms = book.native.now_ms + 1
        book.native.set_funding(book.market, -300_000, next_ms=sampled_ms + 5 * HOUR_MS // 2, every_ms=4 * HOUR_MS)
        book.native.run(sampled_ms)
        assert book.mark() == 10_599_006  # 106,000 x (1 - 0.0003 x 2.5/8); with its own 4 h it would be 105,980.12

    def test_p10_hyperliquid(self):
        book = Book()
        other = book.twin.perpetual(QUOTE)
        book.quote(106_199 * CENT, 106_201 * CENT, market=other)
        book.last(104_800 * CENT)
        book.native.publish(book.market, 107_500 * CENT, "oracle")
        bid = book.native.send_order(book.first, book.market, BUY, 106_599 * CENT, 1, at_ms=book.native.now_ms + 1)
        ask = book.native.send_order(book.first, book.market, SELL, 106_601 * CENT, 1, at_ms=book.native.now_ms + 1)
        book.native.run(book.native.now_ms + 1)
        book.native.add_mark(
            book.market,
            every_ms=3_000,
            lag_ms=0,
            rule="hyperliquid",
            sample_every_ms=10_000,
            source=[{"kind": "mid", "market": other, "weight": 3}],
        )
        start_ms = book.native.now_ms + 1
        book.native.run(start_ms + 1)
        for ticket in (bid, ask):
            book.native.send_cancel(ticket, at_ms=start_ms + 2)
        book.native.send_order(book.first, book.market, BUY, 104_800 * CENT, 1, at_ms=start_ms + 2)
        book.native.send_order(book.first, book.market, SELL, 105_300 * CENT, 1, at_ms=start_ms + 2)
        book.native.run(start_ms + 3_000, check=True)
        # oracle 107,500 with the average basis -900; touch median(104,800, 105,300, 104,800); the other venue 106,200.
        assert book.mark() == 106_200 * CENT
        agree(book.twin)


class TestMedian:
    def test_p6_lower_of_two_and_weights(self):
        assert median(3, None, 1) == 1
        assert median(None, None) is None
        assert weighted_median([(10, 3), (20, 3)]) == 10  # half of the weight is at or below 10
        assert weighted_median([(10, 3), (20, 4)]) == 20
        assert weighted_median([(10, 3), (None, 9), (20, 2), (30, 2)]) == 20

    @pytest.mark.parametrize("weights", [(1, 1, 1), (3, 2, 2), (5, 1, 1), (1, 4, 2), (1, 1, 2)])
    def test_p10_other_perpetuals_by_weight(self, weights):
        book = Book()
        prices = (900, 1_000, 1_100)
        source = [{"kind": "fixed", "ticks": p, "weight": w} for p, w in zip(prices, weights, strict=True)]
        book.native.add_mark(book.market, every_ms=3, lag_ms=0, rule="hyperliquid", source=source)
        book.native.run(5)
        assert book.mark() == weighted_median(zip(prices, weights, strict=True))


def average_marks(every_ms, tau_ms, samples):
    """Run a mark that is oracle + average basis: touch 1 below it, another perpetual far above it.

    Bid and last stay at 1 and the ask moves, so the mid does and median(bid, ask, last) does not.
    """
    book = Book()
    native, market = book.native, book.market
    book.last(1)
    native.send_order(book.first, market, BUY, 1, 1, at_ms=native.now_ms + 1)
    native.publish(market, 5_000, "oracle")
    start_ms = native.now_ms + 2
    native.run(start_ms - 1)
    native.add_mark(
        market, every_ms=every_ms, lag_ms=0, rule="hyperliquid", basis_tau_ms=tau_ms,
        source=[{"kind": "fixed", "ticks": 2**31 - 1}],
    )  # fmt: skip
    average, ticket, marks, wanted = Ema(tau_ms, every_ms), None, [], []
    for k in range(samples):
        now_ms = start_ms + k * every_ms
        native.run(now_ms - 1)
        state = native.market(market)
        native.run(now_ms, check=k % 50 == 0)
        if state["best_ask"] is not None:
            average.add((1 + state["best_ask"]) // 2 - 5_000, now_ms)
        if average.weight:
            wanted.append(5_000 + average.value())
            marks.append(book.mark())
        if ticket is not None:
            native.send_cancel(ticket, at_ms=now_ms + 1)
        ticket = None
        if k % 5 != 3 and not 50 <= k < 90:  # some samples lack a mid: the next one has a greater dt
            ticket = native.send_order(book.first, market, SELL, 3 + (k * k * 7_919) % 20_011, 1, at_ms=now_ms + 1)
    agree(book.twin)
    return marks, wanted


class TestAverages:
    @pytest.mark.parametrize(
        ("every_ms", "tau_ms"),
        [(3_000, 150_000), (3_000, 30_000), (1, 86_400_000), (7, 13), (9, 90), (1_000, 1), (40_000, 2_500)],
    )
    def test_p8_an_average_follows_the_reference_to_the_last_tick(self, every_ms, tau_ms):
        marks, wanted = average_marks(every_ms, tau_ms, 120)
        assert len(marks) > 100
        assert marks == wanted
        assert len(set(marks)) > 20 or tau_ms > 10**6  # it moves

    def test_p8_a_constant_stays_itself_below_zero_too(self):
        for sample in (-900, 900, 2**31 - 1, 1 - 2**31, 0):
            average = Ema(150_000, 3_000)
            for k in range(400):
                average.add(sample, 3_000 * k)
                assert average.value() == sample

    def test_p8_decay_is_the_table_of_the_rulebook(self):
        # exp(-k * 3 / 150) in 10^-9: e^-0.02, e^-1, e^-20, and nothing from 22 tau on
        assert [decay_ppb(3_000 * k, 150_000) for k in (1, 50, 1_000, 1_100)] == [980198673, 367879441, 2, 0]

    def test_p7_window_mean_rounds_down_below_zero(self):
        window = Window(3)
        assert window.mean() is None
        for sample, mean in ((-1, -1), (-2, -2), (None, -2), (5, 0), (-6, -1), (-6, -3)):
            window.add(sample)
            assert window.mean() == mean


def random_basis(tape, window, sample_every_ms, every_ms, interval_ms):
    """Compare every mark of rule basis in a random world; return how many there were."""
    market, native, samples = tape.perpetuals[0], tape.native, Window(window)
    native.set_funding(market, -7_000_000, next_ms=900, every_ms=1_000)
    native.add_mark(
        market, every_ms=every_ms, lag_ms=0, rule="basis", window=window, sample_every_ms=sample_every_ms,
        interval_ms=interval_ms,
    )  # fmt: skip
    native.run(0)
    wanted = []
    for now_ms, books in tape.steps(1_200):
        seen = books[market]
        if now_ms % sample_every_ms == 0 and seen.mid is not None and seen.index is not None:
            samples.add(seen.mid - seen.index)
        if now_ms % every_ms == 0:
            funded = funded_index(seen.index, -7_000_000, 900 - now_ms, interval_ms or 1_000)
            mark = basis_mark(funded, seen.index, samples.mean(), seen.last)
            wanted += [] if mark is None else [(now_ms, mark)]
        if tape.random.random() < 0.1:  # it counts from the next millisecond on
            native.publish(market, 1_000 + tape.random.randint(-80, 80), "index")
    assert tape.published(market, MARK) == wanted
    agree(tape.twin)
    return [mark for _, mark in wanted]


class TestNativeIsReference:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    @pytest.mark.parametrize(
        ("window", "sample_every_ms", "every_ms", "interval_ms"),
        [(30, 1, 1, 0), (30, 5, 1, 0), (7, 3, 10, 4_000), (1, 10, 3, 0)],
    )
    def test_p9_basis(self, seed, window, sample_every_ms, every_ms, interval_ms):
        marks = random_basis(Tape(seed), window, sample_every_ms, every_ms, interval_ms)
        assert len(marks) > 100
        assert len(set(marks)) > 30

    @pytest.mark.parametrize("seed", [1, 2, 3, 4])
    @pytest.mark.parametrize(("every_ms", "sample_every_ms", "alone"), [(3, 3, False), (2, 7, False), (3, 2, True)])
    def test_p10_hyperliquid(self, seed, every_ms, sample_every_ms, alone):
        tape = Tape(seed)
        native, (market, other) = tape.native, tape.perpetuals
        source = [
            {"kind": "mid", "market": other, "weight": 3, "stale_ms": 4},
            {"kind": "last", "market": other, "weight": 2, "stale_ms": 30},
            {"kind": "mid", "market": tape.spots[0], "weight": 2},
        ]
        options = {"every_ms": every_ms, "sample_every_ms": sample_every_ms, "source": [] if alone else source}
        native.add_mark(market, lag_ms=0, rule="hyperliquid", basis_tau_ms=40, touch_tau_ms=15, **options)
        native.run(0)
        basis, touches = Ema(40, sample_every_ms), Ema(15, sample_every_ms)
        wanted, fourth, mid_seen = [], 0, (None, 0)
        for now_ms, books in tape.steps(900):
            seen, there, spot = books[market], books[other], books[tape.spots[0]]
            touch = median(seen.best_bid, seen.best_ask, seen.last)
            if now_ms % sample_every_ms == 0:
                if seen.mid is not None and seen.oracle is not None:
                    basis.add(seen.mid - seen.oracle, now_ms)
                touches.add(touch, now_ms)
            if now_ms % every_ms == 0:
                mid_seen = (there.mid, now_ms) if there.mid is not None else mid_seen
                mid = mid_seen[0] if now_ms - mid_seen[1] <= 4 else None
                last = there.last if now_ms - there.last_ms <= 30 else None
                others = [] if alone else [(mid, 3), (last, 2), (spot.mid, 2)]
                fourth += [touch, weighted_median(others), seen.oracle].count(None) == 1
                mark = hyperliquid_mark(seen.oracle, basis.value(), touch, others, touches.value())
                wanted += [] if mark is None else [(now_ms, mark)]
            if now_ms > 300 and tape.random.random() < 0.1:
                native.publish(market, 1_000 + tape.random.randint(-80, 80), "oracle")
        assert tape.published(market, MARK) == wanted
        assert fourth > 20  # with two components the average of the touch joined them
        agree(tape.twin)

    def test_p5_a_mark_below_one_tick_is_held_there(self):
        book = Book()
        book.native.publish(book.market, 1_000, "index")
        book.quote(1, 3)
        book.native.add_mark(book.market, every_ms=1, lag_ms=0, rule="basis")
        book.native.run(book.native.now_ms + 2)
        book.native.publish(book.market, 10, "index")  # mean basis -998 and an index of 10: P2 = -988, P1 = 10
        book.native.run(book.native.now_ms + 1)
        assert (book.mark(), basis_mark(10, 10, -998, None)) == (1, 1)


class TestSnapshot:
    @pytest.mark.parametrize("rule", ["basis", "hyperliquid"])
    def test_j3_in_the_midst_of_a_window(self, rule):
        def tape():
            made = Tape(9)
            options = {"source": [{"kind": "twap", "market": 0, "window_ms": 25}]} if rule == "hyperliquid" else {}
            for market in made.perpetuals:
                made.native.add_mark(market, every_ms=4, lag_ms=3, rule=rule, sample_every_ms=3, window=11, **options)
                made.native.add_index(market, [{"kind": "twap", "market": 1, "window_ms": 40}], every_ms=5, lag_ms=0)
                made.native.add_oracle(market, 0, every_ms=5, clamp_ppm=9_000)
            for at_ms in range(1, 300):
                made.move(at_ms)
            return made

        straight = tape()
        straight.native.run(400)
        pieces = tape()
        rows = {key: [] for key in ((m, kind) for m in pieces.perpetuals for kind in (INDEX, MARK, ORACLE))}
        for until_ms in (7, 50, 51, 123, 400):
            pieces.native = _core.World.restore(pieces.native.snapshot())
            pieces.native.run(until_ms, check=until_ms < 100)
            for key, found in rows.items():
                found += pieces.published(*key)
        assert pieces.native.digest() == straight.native.digest()
        for key, found in rows.items():
            assert len(found) > 40
            assert found == straight.published(*key)


class TestMovers:
    """P-15, G-4: whose command stands behind a mark that found a breach."""

    @staticmethod
    def mover(native):
        """Return the mover of the one publication that found a breach."""
        (mover,) = [row[8] for row in landmark_rows(native) if row[1] == PUBLICATION]
        return mover

    def long(self, book, collateral):
        """Open a long of 10 lots at 1,000; maintenance is 5 %."""
        account = book.twin.account(collateral)
        book.native.open_trade(book.market, account, book.second, 10, 1_000)
        return account

    def test_p15_a_basis_takes_the_mover_of_its_last_sample(self):
        book = Book()
        native, leaver = book.native, book.twin.account(10**6)
        long = self.long(book, 1_590)
        native.publish(book.market, 1_000, "index")
        book.last(800)
        place(book.twin, book.first, book.market, BUY, 760, 1)
        place(book.twin, book.first, book.market, SELL, 1_010, 1)
        ticket = place(book.twin, leaver, book.market, BUY, 990, 1)
        native.add_mark(book.market, every_ms=10, lag_ms=0, rule="basis", window=1)
        native.run(native.now_ms + 2, check=True)
        assert book.mark() == 1_000
        left_ms = native.now_ms + 3
        native.send_cancel(ticket, at_ms=left_ms)
        native.run(native.now_ms + 10, check=True)
        # P1 = 1,000, last 800, P2 = mid = (760 + 1,010) / 2: 440 are less than 5 % of 8,850.
        assert book.mark() == 885
        assert native.in_liquidation(long)
        assert self.mover(native) == (left_ms, MOVED_BY_CANCEL, leaver, 1, 0)
        agree(book.twin)

    def test_p15_a_mean_takes_the_source_that_pulled_most(self):
        twin = opened()
        native = twin.native
        calm, wild, market = twin.spot(BASE, QUOTE), twin.spot(BASE, QUOTE), twin.perpetual(QUOTE)
        quoter, leaver = twin.account(10**6, 10**3), twin.account(10**6, 10**3)
        other, long = twin.account(10**6, 10**3), twin.account(1_450)
        for spot in (calm, wild):
            native.send_order(quoter, spot, BUY, 600, 1, at_ms=1)
            native.send_order(quoter, spot, SELL, 1_010, 1, at_ms=1)
            native.send_order(other, spot, BUY, 990, 1, at_ms=1)
        ticket = native.send_order(leaver, wild, BUY, 991, 1, at_ms=1)
        native.open_trade(market, long, other, 10, 1_000)
        sources = [{"kind": "mid", "market": spot, "weight": 1} for spot in (calm, wild)]
        native.add_index(market, sources, every_ms=10, lag_ms=0)
        native.add_mark(market, every_ms=10, lag_ms=0, rule="basis")
        native.run(10)
        assert native.market(market)["mark"] == 1_000
        wall = native.send_order(quoter, wild, SELL, 995, 1, at_ms=11)  # pulls a little
        native.send_order(other, calm, BUY, 992, 1, at_ms=12)  # pulls up
        native.run(15)
        assert wall is not None
        native.send_cancel(ticket, at_ms=16)
        native.send_order(leaver, wild, SELL, 990, 1, at_ms=17)  # takes other's bid: only 600 is left
        native.run(20, check=True)
        # calm (992 + 1,010) / 2 = 1,001, wild (600 + 995) / 2 = 797; at 899 the 440 left are less than 449.5
        assert native.market(market)["mark"] == 899
        assert native.in_liquidation(long)
        assert self.mover(native) == (17, MOVED_BY_TRADE, leaver, 2, 0)
        assert [row[1] for row in landmarks(twin, LIQUIDATION)] == [long]
        agree(twin)

    def test_p14_p15_nobody_moves_a_value_from_outside(self):
        book = Book()
        long = self.long(book, 1_500)
        book.native.publish(book.market, 1_000)
        book.native.run(10, check=True)
        assert not book.native.in_liquidation(long)
        book.native.publish(book.market, 500)
        assert book.mark() == 500
        assert not book.native.in_liquidation(long)  # phase 4 of this millisecond is over
        book.native.run(11, check=True)
        assert book.native.in_liquidation(long)
        assert self.mover(book.native) is None
        assert landmarks(book.twin, PUBLICATION) == [(11, -1, 500)]
        agree(book.twin)


class TestInput:
    BAD = [
        ({"rule": "mean"}, "rule"),
        ({"rule": None}, "rule"),
        ({"window": 0}, "window"),
        ({"window": 100_001}, "window"),
        ({"sample_every_ms": 0}, "sample_every_ms"),
        ({"basis_tau_ms": 0}, "basis_tau_ms"),
        ({"touch_tau_ms": 86_400_001}, "touch_tau_ms"),
        ({"interval_ms": -1}, "interval_ms"),
        ({"source": [{"kind": "fixed", "ticks": 5}]}, "source"),  # it has no use for them
        ({"rule": "hyperliquid", "source": [{"kind": "fixed"}]}, "source[0].ticks"),
        ({"rule": "hyperliquid", "source": 0}, "source"),
        ({"latency_law": ("fixed", -1.0)}, "latency_law a"),
    ]

    @pytest.mark.parametrize(("options", "field"), BAD)
    def test_u7(self, options, field):
        book = Book()
        before = book.native.snapshot()
        with pytest.raises(InputError) as caught:
            book.native.add_mark(book.market, every_ms=1, lag_ms=0, **options)
        assert caught.value.field == field
        assert book.native.snapshot() == before
