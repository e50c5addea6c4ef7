"""Links, gateways and mass quotes as stories, and a native law draw by draw: R-7, N-1 .. N-5.

What a message took is read from the journal: a point process tells when it sent, its twin which draw each message has.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worldkit import opened

from engine import _core
from engine.reference import rng
from engine.reference.agents import Point
from engine.reference.law import Law
from engine.reference.links import LATENCY, Gateway, Link
from engine.testing.following import touch_of
from engine.testing.village import PERPETUAL, SPOT, Village
from engine.testing.worlds import rows_of
from engine.types import Side

PLACE = 3
BUSY = {"mu": 0.7, "alpha": 0.0, "qty_min": 1, "qty_max": 3}  # often several messages in one millisecond

LAWS = [
    ("fixed", 2.4),
    ("fixed", 2.5),
    ("uniform", 0.0, 0.0),
    ("uniform", 3.0, 40.0),
    ("exponential", 0.01),
    ("exponential", 25.0),
    ("lognormal", 8.0, 0.5),
    ("lognormal", 300.0, 3.0),
    ("lognormal", 5.0, 0.0),
    ("pareto", 1.0, 1.1),
    ("pareto", 2.0, 0.3),
]


def placed(native, market):
    """Return (account, arrival) of every order that reached a market, in order."""
    table = native.journal()
    names = ("account", "time_ms")
    rows = zip(table["kind"].tolist(), table["market"].tolist(), *(table[name].tolist() for name in names), strict=True)
    return [row[2:] for row in rows if row[:2] == (PLACE, market)]


def sends(seed, until_ms, *, ordinal=0, **parameters):
    """Return the milliseconds in which a point process sends, by its twin."""
    twin = Point(seed, _core.member_key("point", ordinal), market=PERPETUAL, **parameters)
    found = []
    while twin.wake_ms <= until_ms:
        now_ms = twin.wake_ms
        found += [now_ms] * len(twin.wake(now_ms, {}))
    return found


class TestLaws:
    """R-7: a law over milliseconds, drawn by a table."""

    @pytest.mark.parametrize("law", LAWS, ids=str)
    def test_r7_each_message_takes_what_its_own_draw_says(self, law):
        # FIFO would hide a draw behind the one before it, so the first message of each of many senders is looked at.
        village = Village(3, levels=0)
        accounts = [village.world.account(*((10**12,) * 2)) for _ in range(300)]
        keys = [_core.member_key("point", ordinal) for ordinal in range(300)]
        terms = {"market": PERPETUAL, "mu": 0.02, "qty_min": 1, "qty_max": 1}
        village.native.add_agents("point", accounts, keys, latency_ms=0, latency_law=law, **terms)
        village.native.run(100)
        first = {}
        for account, arrival in placed(village.native, PERPETUAL):
            first.setdefault(account, arrival)
        checked = 0
        for account, key, ordinal in zip(accounts, keys, range(300), strict=True):
            sent = sends(3, 100, ordinal=ordinal, mu=0.02, qty_min=1, qty_max=1)[:1]
            for now_ms in sent:
                bits = rng.bits64(rng.key_of(rng.stream_of(3, key), LATENCY), now_ms, 0, PERPETUAL)
                due_ms = now_ms + max(1, Law(*law).ms(bits))
                assert (first.get(account) == due_ms) if due_ms <= 100 else account not in first
                checked += 1
        assert checked > 200

    @given(bits=st.integers(0, 2**64 - 1), law=st.sampled_from(LAWS))
    def test_r7_the_table_changes_no_value_of_a_monotone_law(self, bits, law):
        assert Law(*law).ms(bits) == Law(*law).exact_ms(bits)

    def test_r7_a_value_stays_within_its_bounds(self):
        assert Law("pareto", 1e9, 1e-9).ms(1) == 10**9
        assert Law("exponential", 1e-9).ms(2**63) == 0

    def test_r7_half_a_millisecond_is_rounded_up(self):
        assert [Law("fixed", ms).ms(0) for ms in (0.49, 0.5, 1.5, 2.4999)] == [0, 1, 2, 2]


class TestFirstInFirstOut:
    """N-1: one latency for each message, none overtakes on its link."""

    @pytest.mark.parametrize("law", LAWS, ids=str)
    def test_n1_a_message_waits_for_those_before_it_on_its_link(self, law):
        village = Village(5, levels=0)
        account = village.add("point", market=PERPETUAL, latency_ms=0, latency_law=law, **BUSY)
        village.native.run(300)
        sent = sends(5, 300, **BUSY)
        assert max(sent.count(now_ms) for now_ms in sent) > 2  # several draws of one millisecond
        link = Link(village.twins[account].draws, 0, Law(*law), PERPETUAL)
        wanted = [link.arrives(now_ms, now_ms) for now_ms in sent]
        assert wanted == sorted(wanted)
        assert [time_ms for _, time_ms in placed(village.native, PERPETUAL)] == [ms for ms in wanted if ms <= 300]

    @pytest.mark.parametrize(
        ("latency_ms", "law", "took_ms"), [(0, None, 1), (1, None, 1), (0, ("fixed", 1.0), 1), (2, ("fixed", 3.0), 5)]
    )
    def test_n1_a_message_takes_the_least_time_and_the_law_and_one_millisecond_in_any_case(
        self, latency_ms, law, took_ms
    ):
        village = Village(5, levels=0)
        village.add("point", market=PERPETUAL, latency_ms=latency_ms, latency_law=law, **BUSY)
        village.native.run(200)
        arrivals = [time_ms for _, time_ms in placed(village.native, PERPETUAL)]
        assert arrivals == [sent + took_ms for sent in sends(5, 200, **BUSY) if sent + took_ms <= 200]

    def test_n1_another_market_changes_no_latency_on_the_first(self):
        def arrivals(markets):
            village = Village(5, levels=30)
            quoting = {"wake_every_ms": 9, "half_spread": 0.001, "tolerance": 0.0, "levels": 3, "spacing": 0.001}
            maker = village.add("maker", latency_ms=0, latency_law=("lognormal", 9.0, 1.0), **quoting)
            village.quotes(maker, *markets)
            village.add("noise", market=PERPETUAL, mean_gap_ms=6.0, qty_min=1, qty_max=60)
            village.native.run(600)
            table = village.native.journal()
            return [row for row in rows_of(table) if row[table.names.index("market")] == PERPETUAL]

        assert arrivals([SPOT, PERPETUAL]) == arrivals([PERPETUAL])
        assert len(arrivals([PERPETUAL])) > 100

    def test_n1_an_order_from_outside_arrives_when_it_is_said_to(self):
        twin = opened()
        market = twin.perpetual(0)
        trader = twin.account(10**6)
        for at_ms in (9, 7, 7, 0):
            twin.native.send_order(trader, market, Side.BUY, 100, 1, at_ms=at_ms)
        twin.native.run(20)
        assert [time_ms for _, time_ms in placed(twin.native, market)] == [0, 7, 7, 9]


class TestPicture:
    """N-2: a decision is about the book of the wake, but leaves when the picture has arrived."""

    @pytest.mark.parametrize("law", [None, ("fixed", 4.0), ("exponential", 6.0)])
    @pytest.mark.parametrize("picture_ms", [0, 5])
    def test_n2_a_message_leaves_when_the_picture_has_arrived(self, picture_ms, law):
        village = Village(5, levels=0)
        way = {"latency_ms": 2, "picture_ms": picture_ms, "picture_law": law}
        account = village.add("point", market=PERPETUAL, **way, **BUSY)
        village.native.run(200)
        draws, wanted = village.twins[account].draws, 0
        arrivals = []
        for now_ms in sends(5, 200, **BUSY):
            seen_ms = now_ms + picture_ms + (0 if law is None else Law(*law).ms(draws.bits(7, now_ms, 0, PERPETUAL)))
            wanted = max(wanted, seen_ms + 2)  # FIFO holds among pictures too
            arrivals.append(wanted)
        assert [time_ms for _, time_ms in placed(village.native, PERPETUAL)] == [ms for ms in arrivals if ms <= 200]

    def test_n2_it_answers_the_book_of_its_wake_not_that_of_the_picture_s_arrival(self):
        village = Village(5, levels=1)  # best ask 10,005, 50 lots
        village.add(
            "value", market=PERPETUAL, wake_every_ms=1_000, threshold=0.0, fair_ticks=10_005, qty_lots=7, picture_ms=40
        )
        # It sees the ask at 0 ms; a better one comes at 20 ms, which it cannot know of: it asks for 7 at 10,005.
        village.native.send_order(village.outside, PERPETUAL, Side.SELL, 10_002, 3, at_ms=20)
        village.native.run(60)
        trades = village.native.trades()
        assert list(zip(trades["price_ticks"].tolist(), trades["qty_lots"].tolist(), strict=True)) == [
            (10_002, 3),
            (10_005, 4),
        ]
        assert trades["time_ms"].tolist() == [41, 41]


def queue_of(native_without, service_us, until_ms):
    """Return (account, executed) of what reached a market, had it gone through a gateway: the twin of N-3."""
    gateway = Gateway(service_us)
    done = [(account, gateway.done_ms(time_ms)) for account, time_ms in placed(native_without, PERPETUAL)]
    return [(account, time_ms) for account, time_ms in done if time_ms <= until_ms]


class TestGateway:
    """N-3: one queue for all messages of links to a venue."""

    @staticmethod
    def crowd(service_us, *, mu=0.5, senders=4):
        village = Village(9, levels=0)
        if service_us:
            village.native.set_gateway(0, service_us)
        for ordinal in range(senders):
            way = {"latency_ms": ordinal, "latency_law": ("exponential", 4.0)}
            village.add(
                "point", ordinal=ordinal, market=PERPETUAL, mu=mu, alpha=0.05, beta=0.1, qty_min=1, qty_max=3, **way
            )
        return village

    @given(
        service_us=st.sampled_from([1, 137, 250, 400, 500, 600, 999, 1_000, 1_001, 1_500, 2_000, 7_300]),
        mu=st.sampled_from([0.02, 0.2, 1.0]),
    )
    @settings(max_examples=25)
    def test_n3_the_queue_s_twin_says_when_and_in_which_order_everything_is_executed(self, service_us, mu):
        without, through = self.crowd(0, mu=mu), self.crowd(service_us, mu=mu)
        without.native.run(150)
        through.native.run(150)
        assert placed(through.native, PERPETUAL) == queue_of(without.native, service_us, 150)

    def test_n3_a_message_that_arrives_does_not_overtake_one_that_is_being_served(self):
        # Two messages meet at the gate and one is held until the next millisecond; the third arrives in that
        # millisecond but was sent long before the second was held. Found as: the third was executed first.
        village = Village(9, levels=0)
        village.native.set_gateway(0, 600)
        quoting = {"wake_every_ms": 10**6, "half_spread": 0.01}
        village.native.send_order(village.outside, PERPETUAL, Side.BUY, 9_900, 5, at_ms=0)
        village.native.send_order(village.outside, PERPETUAL, Side.SELL, 10_100, 5, at_ms=0)
        early = village.add("maker", ordinal=1, start_ms=1, latency_ms=20, **quoting)  # at the gate at 21 ms
        late = village.add("maker", ordinal=2, start_ms=10, latency_ms=10, **quoting)  # at the gate at 20 ms
        for maker in (early, late):
            village.quotes(maker, PERPETUAL)
        village.native.run(30)
        rows = [row for row in placed(village.native, PERPETUAL) if row[0] != village.outside]
        # served until 20.6, 21.2, 21.8, 22.4 ms
        assert rows == [(late, 20), (late, 21), (early, 21), (early, 22)]

    def test_n3_the_delay_grows_with_the_backlog_of_a_burst(self):
        without, through = self.crowd(0, mu=2.0), self.crowd(1_000, mu=2.0)
        without.native.run(100)
        through.native.run(500)
        arrivals = [time_ms for _, time_ms in placed(without.native, PERPETUAL)]
        executed = [time_ms for _, time_ms in placed(through.native, PERPETUAL)]
        delays = [done - arrival for done, arrival in zip(executed, arrivals, strict=False)]
        assert delays[0] == 0
        assert max(delays[:50]) < max(delays[50:200]) < max(delays[200:])
        assert executed == sorted(executed)
        assert len(set(executed)) == len(executed)  # one a millisecond

    def test_n3_a_gate_without_a_queue_delays_nobody(self):
        without, through = self.crowd(0), self.crowd(1)
        without.native.run(100)
        through.native.run(100)
        assert placed(through.native, PERPETUAL) == placed(without.native, PERPETUAL)

    def test_n3_the_end_of_a_millisecond_belongs_to_it(self):
        assert Gateway(1_000).done_ms(5) == 5
        assert Gateway(1_001).done_ms(5) == 6

    def test_n3_orders_from_outside_pass_the_queue_by(self):
        village = self.crowd(50_000, mu=2.0)  # twenty a second: hopelessly behind
        village.native.send_order(village.outside, PERPETUAL, Side.BUY, 9_000, 5, at_ms=60)
        village.native.run(100)
        rows = placed(village.native, PERPETUAL)
        assert (village.outside, 60) in rows
        assert len(rows) == 1 + len([time_ms for time_ms in range(100) if time_ms % 50 == 0 and time_ms])

    def test_n3_a_gate_that_is_closed_down_still_lets_nobody_overtake(self):
        # The venue speeds up while messages wait; those behind them on the same link stay behind.
        village = self.crowd(5_000, mu=1.0, senders=1)
        village.native.run(40)
        village.native.set_gateway(0, 0)
        village.native.run(600)
        numbers = village.native.journal()["number"].tolist()
        assert numbers == sorted(numbers)


class TestMassQuotes:
    """N-5: cancels and orders of one market that travel as one event."""

    @staticmethod
    def quoted(mass_quotes, law=("fixed", 3.0), **options):
        village = Village(4, levels=20, **options)
        quoting = {
            "wake_every_ms": 20,
            "half_spread": 0.001,
            "levels": 4,
            "spacing": 0.0005,
            "tolerance": 0.1,
            "anchor": 0.2,
        }
        for ordinal in range(3):
            maker = village.add("maker", ordinal=ordinal, latency_law=law, mass_quotes=mass_quotes, **quoting)
            village.quotes(maker, PERPETUAL, SPOT)
        for market in (PERPETUAL, SPOT):
            village.add("noise", ordinal=market, market=market, mean_gap_ms=4.0, qty_min=1, qty_max=60)
        return village

    def test_n5_with_a_fixed_latency_the_books_are_those_of_one_event_a_message(self):
        together, apart = self.quoted(1), self.quoted(0)
        for village in (together, apart):
            village.native.run(1_000, check=True)
        assert together.native.digest() == apart.native.digest()
        assert rows_of(together.native.trades()) == rows_of(apart.native.trades())
        assert together.native.orders(PERPETUAL) == apart.native.orders(PERPETUAL)
        assert together.native.counts()["orders"] == apart.native.counts()["orders"] > 1_000
        assert together.native.counts()["events"] < 0.6 * apart.native.counts()["events"]

    def test_n5_all_messages_of_a_mass_quote_have_one_latency(self):
        village = self.quoted(1, law=("exponential", 9.0))
        assert village.disagreements(600) == []

    def test_n5_a_message_of_a_mass_quote_is_refused_by_itself(self):
        # The spot ask needs base that the maker has not; its bid beside it is accepted.
        village = Village(4, levels=20)
        account = village.world.account(10**12)
        maker = village.native.add_agents("maker", account, 1, wake_every_ms=50, half_spread=0.001, mass_quotes=1)
        village.native.add_quotes(maker, SPOT, 10)
        village.native.run(10)
        assert village.native.counts()["rejects"] == {17: 1}  # INSUFFICIENT_FUNDS
        assert [order[1] for order in village.native.orders(SPOT) if order[4] == account] == [Side.BUY]


def test_n4_the_harness_reads_the_touch_as_an_agent_does():
    village = Village(1, levels=2)
    village.native.run(0)
    assert touch_of(village.native, PERPETUAL) == (9_995, 10_005, None, 50, 50)
