"""Funding in a world, rule by rule (F-1 .. F-6), native and replayed."""

from __future__ import annotations

import pytest
from worldkit import BASE, BUY, CANCEL_ROW, LIQUIDATION, QUOTE, SELL, agree, journal, landmarks, opened

from engine import InputError, _core
from engine.funding import FundingRule, binance, hyperliquid
from engine.reference.world import JournalKind, MarketTerms

HOUR = 3_600_000
PPB = 10**9
INDEX = 100_000  # ticks: one is 10 ppm of it
CLEARING = -2  # the payer or receiver of a movement
FUNDING_MOVEMENT = 11


class Perpetual:
    """Hold a perpetual with index, mark and oracle of 100,000 ticks, a quoter and two sides of a position."""

    def __init__(self, *, lots=7, funds=10**9, **options):
        self.twin = opened()
        self.native = self.twin.native
        self.market = self.twin.perpetual(QUOTE, **options)
        self.quoter = self.twin.account(10**15 // 4)
        self.long, self.short = self.twin.account(funds), self.twin.account(funds)
        if lots:
            self.native.open_trade(self.market, self.long, self.short, lots, INDEX)
        self.publish(index=INDEX, mark=INDEX, oracle=INDEX)

    def publish(self, **prices):
        for kind, ticks in prices.items():
            self.native.publish(self.market, ticks, kind)

    def quote(self, bid=None, ask=None, lots=1_000):
        """Quote from the next millisecond on; the order of both sides is the quoter's."""
        at_ms = self.native.now_ms + 1
        for side, price in ((BUY, bid), (SELL, ask)):
            if price is not None:
                self.native.send_order(self.quoter, self.market, side, price, lots, at_ms=at_ms)
        self.native.run(at_ms, check=True)

    def fund(self, every_ms=8 * HOUR, **terms):
        options = {"impact_atoms": INDEX, "sample_ms": every_ms, **terms}
        self.native.add_funding(self.market, every_ms=every_ms, **options)

    def atoms(self, account):
        return self.native.balance(account, QUOTE)[0]

    def rate(self):
        return self.native.funding(self.market)[0]


def funding_rows(twin):
    """Return (time_ms, rate, price) of the settlements in the journal."""
    return [(row[0], row[2], row[4]) for row in journal(twin, JournalKind.FUNDING)]


class TestRate:
    """F-2 through a real book: the impact bid or ask makes the premium."""

    @pytest.mark.parametrize(
        ("bid", "ask", "hours", "ppb"),
        [
            (INDEX + 100, None, 8, 500_000),  # P = +0.10 %: 0.05 %
            (INDEX - 2_100, INDEX - 2_000, 8, -19_500_000),  # P = -2.00 %: -1.95 %
            (INDEX + 20, None, 8, 100_000),  # P = 0.02 %: 0.01 %
            (INDEX + 100, None, 4, 250_000),
            (INDEX + 100, None, 1, 62_500),
            (INDEX - 5, INDEX + 5, 8, 100_000),  # no premium: the interest
            (None, None, 8, 100_000),
        ],
    )
    def test_f1_f2_worked_numbers(self, bid, ask, hours, ppb):
        world = Perpetual()
        world.quote(bid, ask)
        world.fund(hours * HOUR)
        world.native.run(hours * HOUR, check=True)
        assert world.rate() == ppb
        assert funding_rows(world.twin) == [(hours * HOUR, ppb, INDEX)]
        agree(world.twin)

    def test_f4_the_impact_walks_level_by_level(self):
        world = Perpetual()
        world.quote(INDEX + 300, None, lots=1)
        world.quote(INDEX + 100, None, lots=1_000)
        world.fund(impact_atoms=2 * INDEX + 400, clamp_ppb=0)  # a lot at each of two prices: INDEX + 200
        world.native.run(8 * HOUR, check=True)
        # (2 INDEX + 400) / 2 lots, the second one a whole one: P = 200 ticks = 0.2 %, without interest.
        assert world.rate() == 2_000_000
        agree(world.twin)

    def test_f4_a_side_that_is_worth_less_counts_nothing(self):
        for impact, ppb in ((INDEX + 300, 3_000_000), (INDEX + 301, 0)):
            world = Perpetual()
            world.quote(INDEX + 300, None, lots=1)
            world.fund(impact_atoms=impact, clamp_ppb=0)
            world.native.run(8 * HOUR, check=True)
            assert world.rate() == ppb
            agree(world.twin)

    @pytest.mark.parametrize(
        ("side", "prices", "ppb"), [(BUY, (1_002, 1_001), 1_777_777), (SELL, (998, 999), -1_777_777)]
    )
    def test_f4_impact_prices_are_rounded_towards_no_premium(self, side, prices, ppb):
        world = Perpetual(worth=7, lots=0)
        world.publish(index=1_000)
        for price in prices:
            world.native.send_order(world.quoter, world.market, side, price, 1, at_ms=1)
        world.native.run(1, check=True)
        # A lot of 7 atoms a tick, and two sevenths of another: 16/9 ticks of premium, 1,777,777.8 ppb.
        # Below, F-1's own rounding alone would give -1,777,778.
        world.fund(impact_atoms=7 * prices[0] + 2 * prices[1], clamp_ppb=0)
        world.native.run(8 * HOUR, check=True)
        assert world.rate() == ppb
        agree(world.twin)

    @pytest.mark.parametrize(
        ("side", "price", "index", "ppb"),
        [(BUY, 2**31 - 1, 1, PPB), (SELL, 1, 2**31 - 1, -PPB), (SELL, 2**31 - 1, 1, 0)],
    )
    def test_f4_the_largest_prices_and_impacts(self, side, price, index, ppb):
        world = Perpetual(lots=0)
        world.publish(index=index)
        world.native.send_order(world.quoter, world.market, side, price, 2**55 // price, at_ms=1)
        world.native.run(1, check=True)
        world.fund(impact_atoms=2**55 // price * price, clamp_ppb=0)  # to the last lot
        world.native.run(8 * HOUR, check=True)
        assert world.rate() == ppb  # 2^31 times the index is cut to the cap; (2^31 - 2) / (2^31 - 1) rounds down to -1
        agree(world.twin)

    def test_f1_samples_weigh_the_time_until_the_next_one(self):
        world = Perpetual()
        world.fund(1_000, sample_ms=250, clamp_ppb=0)
        world.native.run(500)
        world.quote(INDEX + 100)  # at 501: the sample of 750 sees it
        world.native.run(1_000, check=True)
        # First sample at 1 ms (phase 3 of 0 is over): 0 until 751, then 0.1 % for 249 of 999 ms; 1 s of 8 h.
        mean = 1_000_000 * 249 // 999
        assert world.rate() == (mean * 1_000 * 2 + 8 * HOUR) // (2 * 8 * HOUR)
        agree(world.twin)

    def test_f4_the_last_sample_goes_on_over_a_settlement(self):
        world = Perpetual()
        world.quote(INDEX + 100)
        world.fund(8 * HOUR, sample_ms=10 * 8 * HOUR)
        world.native.run(16 * HOUR, check=True)
        assert [row[1] for row in funding_rows(world.twin)] == [500_000, 500_000]
        agree(world.twin)

    def test_f2_capped_either_way(self):
        for bid, ask, ppb in ((INDEX * 2, None, 40_000_000), (None, INDEX // 2, -40_000_000)):
            world = Perpetual()
            world.quote(bid, ask)
            world.native.add_funding(world.market, **hyperliquid().core(INDEX))
            world.native.run(HOUR, check=True)
            assert world.rate() == ppb
            agree(world.twin)

    def test_hyperliquid_pays_an_eighth_on_the_oracle(self):
        world = Perpetual(lots=10)
        world.quote(INDEX + 100)
        world.publish(index=INDEX * 2, mark=INDEX * 3)  # neither is looked at
        world.native.add_funding(world.market, **hyperliquid().core(INDEX))
        world.native.run(HOUR, check=True)
        assert funding_rows(world.twin) == [(HOUR, 62_500, INDEX)]
        assert world.atoms(world.long) == 10**9 - 63  # 62.5
        assert world.atoms(world.short) == 10**9 + 62
        agree(world.twin)


class TestPayments:
    def test_f3_payer_up_receiver_down_and_the_pool_keeps_the_rest(self):
        world = Perpetual(lots=0)
        others = [world.twin.account(10**9) for _ in range(3)]
        for account in others:
            world.native.open_trade(world.market, world.long, account, 5, INDEX)
        world.native.record(movements=True)
        world.fund(interest_ppb=1_000)  # 15 lots pay 1.5, each of the three receives 0.5
        world.native.run(8 * HOUR, check=True)
        assert world.atoms(world.long) == 10**9 - 2
        assert [world.atoms(account) for account in others] == [10**9] * 3
        assert world.native.funding(world.market) == (1_000, 16 * HOUR, 2)
        moved = world.native.table("movements")
        rows = list(zip(*(moved[name].tolist() for name in ("payer", "receiver", "atoms", "kind")), strict=True))
        assert rows == [(world.long, CLEARING, 2, FUNDING_MOVEMENT)]
        world.native.run(24 * HOUR, check=True)
        assert world.native.funding(world.market)[2] == 6
        agree(world.twin)

    def test_f3_shorts_pay_below_zero(self):
        world = Perpetual(lots=7)
        world.fund(interest_ppb=-100_000)
        world.native.run(8 * HOUR, check=True)
        assert world.atoms(world.short) == 10**9 - 70  # 7 x 100,000 x 0.01 %
        assert world.atoms(world.long) == 10**9 + 70
        agree(world.twin)

    def test_f5_the_order_is_that_of_the_accounts(self):
        totals = set()
        for reverse in (False, True):
            world = Perpetual(lots=0)
            takers = [world.twin.account(10**9) for _ in range(20)]
            for i, account in enumerate(reversed(takers) if reverse else takers):
                world.native.open_trade(world.market, account, world.short, 3 + (account - takers[0]), INDEX + i)
            world.native.record(movements=True)
            world.fund(interest_ppb=3_333)
            world.native.run(8 * HOUR, check=True)
            table = world.native.table("movements")
            totals.add(tuple(zip(*(table[name].tolist() for name in ("payer", "receiver", "atoms")), strict=True)))
            agree(world.twin)
        (rows,) = totals
        accounts = [max(payer, receiver) for payer, receiver, _ in rows]
        assert accounts == sorted(accounts)
        assert len(rows) == 21

    def test_f3_on_what_is_held_at_the_time(self):
        world = Perpetual(lots=7)
        world.fund(1_000, interest_ppb=PPB, clamp_ppb=PPB, first_ms=100)
        world.native.run(99)
        assert world.atoms(world.long) == 10**9
        world.native.open_trade(world.market, world.short, world.long, 7, INDEX)  # closed
        world.native.run(10_000, check=True)
        assert (world.atoms(world.long), world.atoms(world.short)) == (10**9, 10**9)
        assert [row[0] for row in funding_rows(world.twin)] == list(range(100, 10_000, 1_000))
        agree(world.twin)

    def test_f5_first_settlement_is_the_next_whole_multiple(self):
        world = Perpetual()
        world.native.run(1_500)
        world.fund(1_000)
        assert world.native.funding(world.market)[1] == 2_000
        world.native.run(3_999, check=True)
        assert [row[0] for row in funding_rows(world.twin)] == [2_000, 3_000]

    def test_f5_an_isolated_position_pays_from_its_margin(self):
        world = Perpetual(lots=0)
        alone = world.native.add_accounts(mode=1)
        world.native.deposit(alone, QUOTE, 10**6)
        world.native.set_leverage(alone, 10, market=world.market)
        world.native.open_trade(world.market, alone, world.short, 7, INDEX)
        balance = world.atoms(alone)
        assert balance == 10**6 - 70_000
        world.fund()
        world.native.run(8 * HOUR, check=True)
        table = world.native.margin_units()
        (margin,) = (
            row for row, mode in zip(table["margin_atoms"].tolist(), table["mode"].tolist(), strict=True) if mode == 1
        )
        assert (world.atoms(alone), margin) == (balance, 70_000 - 70)
        assert world.atoms(world.short) == 10**9 + 70
        assert world.native.funding(world.market)[2] == 0

    def test_v6_a_payer_left_with_less_than_it_has_reserved_loses_its_orders(self):
        world = Perpetual(lots=7, funds=10**6)
        spot = world.twin.spot(BASE, QUOTE)
        world.native.send_order(world.long, spot, BUY, 999_931, 1, at_ms=1)  # leaves 69 atoms
        world.native.send_order(world.long, world.market, BUY, 1_000, 1, at_ms=1)
        world.native.send_order(world.short, spot, BUY, 10**6, 1, at_ms=2)  # receives 70: keeps its order
        world.fund()  # 70 atoms
        world.native.run(8 * HOUR - 1, check=True)
        assert world.native.balance(world.long, QUOTE) == (10**6, 999_931)
        world.native.run(8 * HOUR, check=True)
        assert world.native.balance(world.long, QUOTE) == (10**6 - 70, 0)
        assert [row[:2] for row in journal(world.twin, CANCEL_ROW)] == [(8 * HOUR, world.long)] * 2
        assert world.native.balance(world.short, QUOTE) == (10**6 + 70, 10**6)
        agree(world.twin)


class TestBreach:
    """E-4, G-15: funding lowers a surplus; the margin check of the same millisecond finds it, and it is a root."""

    def held(self, extra):
        # 7 lots at 100,000: requirement 5 % = 35,000; 70 atoms of funding.
        world = Perpetual(lots=7, funds=35_000 + 70 + extra)
        world.fund()
        world.native.run(8 * HOUR - 1, check=True)
        assert not world.native.in_liquidation(world.long)
        world.native.run(8 * HOUR, check=True)
        return world

    def test_equal_to_the_requirement_is_healthy(self):
        world = self.held(0)
        assert not world.native.in_liquidation(world.long)
        assert landmarks(world.twin, LIQUIDATION) == []
        agree(world.twin)

    def test_one_atom_less_is_found_in_the_same_millisecond(self):
        world = self.held(-1)
        assert world.native.in_liquidation(world.long)
        assert landmarks(world.twin, LIQUIDATION) == [(8 * HOUR, world.long, 34_999)]
        table = world.native.landmarks()
        assert table["parent"].tolist()[-2] == 0  # before the step's
        agree(world.twin)

    def test_who_receives_gets_its_surplus_back(self):
        world = Perpetual(lots=7, funds=35_000 - 1 + 70)
        world.fund(interest_ppb=-100_000)
        world.native.run(8 * HOUR, check=True)
        assert world.native.in_liquidation(world.short)
        assert not world.native.in_liquidation(world.long)
        assert world.native.margin(world.long).equity == 35_000 - 1 + 140
        agree(world.twin)

    def test_an_account_in_liquidation_pays_on(self):
        world = Perpetual(lots=7, funds=35_000)
        world.quote(None, INDEX * 2)
        world.publish(mark=INDEX - 1)
        world.fund(1_000, interest_ppb=PPB, clamp_ppb=PPB)  # 34,722 ppb each second: 24.3 atoms
        world.native.run(2_500, check=True)  # no bid: its steps fill nothing
        assert world.native.in_liquidation(world.long)
        assert (world.atoms(world.long), world.atoms(world.short)) == (35_000 - 2 * 25, 35_000 + 2 * 24)
        agree(world.twin)


class TestSkipped:
    """F-6: nothing is settled without a price, and the journal says so."""

    def test_without_a_sample(self):
        world = Perpetual(lots=0)
        market = world.twin.perpetual(QUOTE)
        world.native.open_trade(market, world.long, world.short, 7, INDEX)
        world.native.publish(market, INDEX, "mark")
        world.native.add_funding(market, every_ms=1_000, impact_atoms=1, sample_ms=100)
        world.native.run(1_000, check=True)  # no index
        assert funding_rows(world.twin) == [(1_000, 0, 0)]
        world.native.publish(market, INDEX, "index")
        world.native.run(2_000, check=True)
        assert [row[0::2] for row in funding_rows(world.twin)] == [(1_000, 0), (2_000, INDEX)]
        agree(world.twin)

    def test_without_a_mark(self):
        twin = opened()
        market = twin.perpetual(QUOTE)
        long, short = twin.account(10**9), twin.account(10**9)
        twin.native.open_trade(market, long, short, 7, INDEX)
        twin.native.publish(market, INDEX, "index")
        twin.native.add_funding(market, **binance(cap="0.02", every_ms=1_000).core(1))
        twin.native.run(1_000, check=True)
        assert funding_rows(twin) == [(1_000, 0, 0)]
        assert twin.native.balance(long, QUOTE) == (10**9, 0)
        agree(twin)

    def test_with_a_stale_mark_the_rate_stays(self):
        world = Perpetual(lots=0)
        twin = world.twin
        market = twin.native.add_perpetual(QUOTE, atoms_per_tick_lot=1, maintenance_ppm=50_000, price_stale_ms=1_500)
        twin.terms.append(MarketTerms(QUOTE, 1))
        world.native.open_trade(market, world.long, world.short, 7, INDEX)
        for kind in ("index", "mark"):
            world.native.publish(market, INDEX, kind)
        world.native.add_funding(market, every_ms=1_500, impact_atoms=1, sample_ms=500, interest_ppb=PPB, clamp_ppb=PPB)
        world.native.run(1_500, check=True)  # its age is 1,500: fresh still
        rate = world.native.funding(market)[0]
        paid = world.atoms(world.long)
        assert rate == 52_083  # 1.5 s of 8 h: 52,083.3
        world.native.run(3_000, check=True)
        assert [row[2] for row in funding_rows(twin)] == [INDEX, 0]
        assert (world.native.funding(market)[0], world.atoms(world.long)) == (rate, paid)
        world.native.publish(market, INDEX, "mark")
        world.native.run(4_500, check=True)
        assert [row[2] for row in funding_rows(twin)] == [INDEX, 0, INDEX]
        agree(twin)

    def test_beyond_the_bound_of_what_settles(self):
        twin = opened()
        market = twin.perpetual(QUOTE, worth=2**20)
        long, short = twin.account(10**9), twin.account(10**9)
        twin.native.open_trade(market, long, short, 2**20, 1)
        twin.native.add_funding(market, every_ms=1_000, impact_atoms=1, interest_ppb=0, clamp_ppb=0)
        for kind in ("index", "mark"):
            twin.native.publish(market, 2**20, kind)  # twice 2^60
        twin.native.run(1_000)
        for kind in ("index", "mark"):
            twin.native.publish(market, 2**20 + 1, kind)
        twin.native.run(2_000)
        assert [row[2] for row in funding_rows(twin)] == [2**20, 0]
        agree(twin)

    def test_beyond_the_bound_of_all_payments(self):
        twin = opened(stage_ppm=0)
        market = twin.perpetual(QUOTE, worth=2**20, maintenance_ppm=0)
        long, short = twin.account(10**9), twin.account(10**9)
        twin.native.open_trade(market, long, short, 2**20, 1)
        twin.native.add_funding(market, every_ms=8 * HOUR, impact_atoms=1, interest_ppb=PPB, clamp_ppb=PPB)
        for kind in ("index", "mark"):
            twin.native.publish(market, 2**17, kind)  # 2^57 to pay, the bound is 2^58 and two atoms
        twin.native.run(40 * HOUR)
        assert [row[1] for row in funding_rows(twin)] == [PPB] * 3 + [0] * 2
        assert twin.native.balance(short, QUOTE)[0] == 10**9 + 3 * 2**57
        agree(twin)


class TestSnapshot:
    def test_j3_in_the_middle_of_an_interval(self):
        world = Perpetual()
        world.fund(1_000, sample_ms=90, clamp_ppb=0)
        world.quote(INDEX + 100)
        world.native.run(430)
        copy = _core.World.restore(world.native.snapshot())
        for native in (world.native, copy):
            native.run(700)
            native.publish(world.market, INDEX + 50, "index")
            native.run(5_000, check=True)
        assert copy.digest() == world.native.digest()
        assert copy.funding(world.market) == world.native.funding(world.market)
        assert world.native.memory()["fundings"][0] == 1


class TestInput:
    GOOD = {"every_ms": 1_000, "impact_atoms": 1}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("every_ms", 0),
            ("every_ms", 2**60),
            ("every_ms", "1 s"),
            ("impact_atoms", 0),
            ("impact_atoms", 2**61 + 1),
            ("impact_atoms", 1.5),
            ("sample_ms", 0),
            ("interest_ppb", PPB + 1),
            ("interest_ppb", -PPB - 1),
            ("clamp_ppb", -1),
            ("cap_ppb", -1),
            ("cap_ppb", PPB + 1),
            ("on", "index"),
            ("on", None),
            ("first_ms", 0),
            ("first_ms", -1),
        ],
    )
    def test_a_wrong_field_is_named_and_nothing_changes(self, field, value):
        world = Perpetual()
        before = world.native.snapshot()
        with pytest.raises(InputError, match=field):
            world.native.add_funding(world.market, **{**self.GOOD, field: value})
        assert world.native.snapshot() == before

    def test_spot_markets_have_none(self):
        world = Perpetual()
        spot = world.twin.spot(BASE, QUOTE)
        with pytest.raises(InputError, match="market: expected a perpetual"):
            world.native.add_funding(spot, **self.GOOD)
        with pytest.raises(InputError, match="market: expected a perpetual"):
            world.native.funding(spot)

    def test_only_one_funding_a_market(self):
        world = Perpetual()
        assert world.native.funding(world.market) == (0, None, 0)
        world.native.set_funding(world.market, 77, next_ms=5, every_ms=10)
        world.native.add_funding(world.market, **self.GOOD)
        assert world.native.funding(world.market) == (77, 1_000, 0)
        with pytest.raises(InputError, match="market: expected one without funding"):
            world.native.add_funding(world.market, **self.GOOD)
        with pytest.raises(InputError, match="market: expected one whose funding is not settled here"):
            world.native.set_funding(world.market, 0, next_ms=1, every_ms=1)

    @pytest.mark.parametrize(
        ("field", "options"),
        [
            ("every_ms", {"every_ms": 0}),
            ("sample_ms", {"sample_ms": True}),
            ("interest", {"interest": "-1.1"}),
            ("clamp", {"clamp": "0.0000000001"}),
            ("cap", {"cap": "1.5"}),
            ("on", {"on": "last"}),
        ],
    )
    def test_a_wrong_preset_is_named(self, field, options):
        with pytest.raises(InputError, match=field):
            FundingRule(**{"every_ms": 1_000, **options})
