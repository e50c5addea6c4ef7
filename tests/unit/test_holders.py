"""Holders without an agent: stops, dips and top-ups in a world (H-2 .. H-4), against the reference and by example."""

from __future__ import annotations

import numpy as np
import pytest

from engine import InputError, Side, _core
from engine.forest import LandmarkKind
from engine.margin import MarginAction
from engine.reference import crowd as reference
from engine.reference.law import Law
from engine.reference.rng import bits64, id_key, key_of, stream_of
from engine.testing.worlds import TwinWorld

SUPPLY = 2**58
USD = 0
PLACE = 3  # of the journal
LATENCY = 2  # purpose
NAME, SEED = "holders", 7
WARN, LIQUIDATE = int(MarginAction.WARN), int(MarginAction.LIQUIDATE)
CROSS, ISOLATED = 2, 1


def column(values, dtype):
    return np.array(values, dtype=dtype)


class Village:
    """A perpetual at 1,000 ticks, a counterparty with a deep book of bids and asks, and members with positions."""

    def __init__(self, lots, money=1_000_000, *, mode=CROSS, maintenance_ppm=20_000, initial_ppm=None, stage_ppm=0):
        self.world = _core.World(SEED, stage_ppm=stage_ppm)
        self.world.add_asset(SUPPLY)
        self.world.set_ladder(0, [(WARN, 2_000_000, True), (LIQUIDATE, 1_000_000, False)])
        initial = None if initial_ppm is None else self.world.add_schedule((0,), (initial_ppm,))
        self.market = self.world.add_perpetual(
            USD, atoms_per_tick_lot=1, maintenance_ppm=maintenance_ppm, initial=initial
        )
        self.other, self.bank = self.world.add_accounts(), self.world.add_accounts()
        self.world.deposit(self.other, USD, SUPPLY // 2)
        self.first = self.world.add_accounts(len(lots), narrow=True, mode=mode)
        self.members = list(range(self.first, self.first + len(lots)))
        for account, held in zip(self.members, lots, strict=True):
            if held:
                pair = (account, self.other) if held > 0 else (self.other, account)
                self.world.open_trade(self.market, *pair, abs(held), 1_000)
            self.world.deposit(account, USD, money)

    def crowd(self, **options):
        return self.world.add_crowd(NAME, self.first, len(self.members), **options)

    def plans(self, number, kind, rows, lots=None):
        accounts, prices = zip(*rows, strict=True)
        self.world.add_plans(
            number,
            kind,
            column(accounts, np.int32),
            column([self.market] * len(rows), np.uint16),
            column(prices, np.int64),
            None if lots is None else column(lots, np.int64),
        )

    def mark(self, at_ms, ticks):
        self.world.mark_rounds(column([at_ms], np.int64), column([self.market], np.uint16), column([ticks], np.int64))

    def book(self):
        """Rest much on both sides of 1,000."""
        self.world.send_order(self.other, self.market, Side.BUY, 900, 10**6, at_ms=self.world.now_ms)
        self.world.send_order(self.other, self.market, Side.SELL, 1_100, 10**6, at_ms=self.world.now_ms)

    def placed(self):
        """Return (time, account, side x lots) of the members' orders as they arrived."""
        journal = self.world.journal()
        names = ("time_ms", "account", "side", "qty", "kind")
        rows = zip(*(journal[name].tolist() for name in names), strict=True)
        return [
            (time, who, side * lots) for time, who, side, lots, kind in rows if kind == PLACE and who in self.members
        ]

    def lots(self, account):
        return self.world.position(account, self.market)[0]


def latency_ms(account, first, now_ms, law, market):
    """Draw the latency of a member's first message of a millisecond (N-1, R-2)."""
    key = key_of(stream_of(SEED, id_key(NAME, account - first)), LATENCY)
    return law.ms(bits64(key, now_ms, 0, market))


class TestPlans:
    MARKS = ((1, 1_000), (5, 990), (9, 1_010), (14, 960), (20, 955), (31, 1_060), (33, 1_075), (40, 940), (47, 1_000))

    def test_h2_h3_orders_are_those_of_the_reference(self):
        """Twelve longs and shorts with stops all around, dips among them; nobody trades, so that positions stay."""
        lots = [5, -3, 8, -1, 2, 9, -7, 4, -6, 1, 3, -2]
        village = Village(lots)
        number = village.crowd(latency_ms=3, latency_law=("lognormal", 4.0, 0.8))
        draws = np.random.default_rng(11)  # prices of the plans; any would do
        stops = [(who, int(draws.integers(935, 1_080))) for who in village.members]
        dips = [(who, int(draws.integers(935, 1_000))) for who in village.members[::2]]
        village.plans(number, "stop", stops)
        village.plans(number, "dip", dips, lots=[7] * len(dips))
        kinds = [reference.STOP_LONG if held > 0 else reference.STOP_SHORT for held in lots]
        plans = [
            reference.PlanTerms(who, village.market, kind, price)
            for (who, price), kind in zip(stops, kinds, strict=True)
        ] + [reference.PlanTerms(who, village.market, reference.DIP, price, 7) for who, price in dips]
        positions = dict(zip(village.members, lots, strict=True))
        marks = [(time_ms, village.market, ticks) for time_ms, ticks in self.MARKS]
        decided = reference.orders(plans, marks, lambda account, _: positions[account])
        assert len(decided) > 10
        for time_ms, ticks in self.MARKS:
            village.mark(time_ms, ticks)
        village.world.run(2_000, check=True)
        law, link, expected = Law("lognormal", 4.0, 0.8), {}, []
        for time_ms, who, market, signed in decided:
            due_ms = time_ms + max(1, 3 + latency_ms(who, village.first, time_ms, law, market))
            link[who] = max(link.get(who, 0), due_ms)  # N-1: first in, first out
            expected.append((link[who], who, signed))
        assert sorted(village.placed()) == sorted(expected)
        counts = village.world.crowd_counts()
        assert counts["orders"] == len(expected)
        assert counts["plans"] == len(plans) == counts["waiting"] + len(decided)

    def test_h2_a_stop_closes_what_there_is_and_only_reduces(self):
        village = Village([10])
        village.book()
        village.plans(village.crowd(), "stop", [(village.first, 950)])
        village.mark(1, 1_000)
        village.world.send_order(village.first, village.market, Side.SELL, 900, 6, at_ms=2)  # he sells six himself
        village.mark(3, 951)
        assert village.lots(village.first) == 4
        village.mark(4, 950)
        village.world.run(20, check=True)
        assert village.lots(village.first) == 0
        assert village.placed()[-1] == (5, village.first, -4)
        village.mark(21, 940)  # it has fired
        village.world.run(40, check=True)
        assert village.world.crowd_counts()["orders"] == 1

    def test_h2_the_cause_is_the_publication(self):
        village = Village([10])
        village.book()
        village.plans(village.crowd(), "stop", [(village.first, 950)])
        village.mark(3, 949)
        village.world.run(20)
        trades, landmarks = village.world.trades(), village.world.landmarks()
        (cause,) = set(trades["cause"].tolist())
        assert landmarks["kind"][cause] == LandmarkKind.PUBLICATION
        assert (landmarks["time_ms"][cause], landmarks["value"][cause]) == (3, 949)

    def test_h2_a_position_that_has_gone_or_turned_is_left_alone(self):
        village = Village([10, 10])
        village.book()
        village.plans(village.crowd(), "stop", [(village.first, 950), (village.first + 1, 950)])
        village.mark(1, 1_000)
        for account, lots in ((village.first, 10), (village.first + 1, 15)):
            village.world.send_order(account, village.market, Side.SELL, None, lots, at_ms=2)
        village.mark(3, 940)
        village.world.run(20, check=True)
        assert [village.lots(who) for who in village.members] == [0, -5]
        assert village.world.crowd_counts() == {
            "crowds": 1, "plans": 2, "waiting": 0, "orders": 0, "top_ups": 0, "missing": 0,
        }  # fmt: skip

    def test_h2_an_account_in_liquidation_does_nothing(self):
        village = Village([10], money=300)  # 10 lots at 1,000 need 200
        village.plans(village.crowd(), "stop", [(village.first, 980)])
        village.mark(1, 970)
        village.world.run(20, check=True)
        assert village.world.in_liquidation(village.first)
        assert village.world.crowd_counts()["orders"] == 0

    def test_h3_a_dip_buys_once_and_the_gate_may_refuse_it(self):
        rich, poor = 10**6, 60
        for money, refused in ((rich, 0), (poor, 1)):
            village = Village([0], money=money, initial_ppm=50_000)
            village.mark(0, 1_000)  # the book's own orders are gated too
            village.book()
            village.plans(village.crowd(), "dip", [(village.first, 990)], lots=[20])
            village.mark(1, 991)
            village.mark(2, 990)
            village.mark(3, 980)
            village.world.run(20, check=True)
            assert village.lots(village.first) == (0 if refused else 20)
            rejects = village.world.counts()["rejects"]
            assert sum(rejects.values()) == refused
            assert village.world.crowd_counts()["orders"] == 1

    def test_h2_plans_of_one_mark_act_in_their_order(self):
        village = Village([1] * 40)
        village.book()
        who = list(reversed(village.members))
        village.plans(village.crowd(), "stop", [(each, 940 + each % 7) for each in who])
        village.mark(1, 900)
        village.world.run(20, check=True)
        assert [account for _, account, _ in village.placed()] == who

    def test_e1_plans_that_nothing_reaches_change_nothing(self):
        """Plans hang among the units' triggers; far ones are never looked at, and the same accounts are liquidated."""
        seen = []
        for with_plans in (False, True):
            village = Village([10] * 30, money=1_000)
            for place, account in enumerate(village.members):
                village.world.deposit(account, USD, 1 + place * 40)
            if with_plans:
                village.plans(village.crowd(), "stop", [(who, 700) for who in village.members] * 20)
            for at_ms, ticks in ((1, 1_000), (2, 930), (3, 900), (4, 850), (5, 870), (6, 820)):
                village.mark(at_ms, ticks)
            village.world.run(20, check=True)
            landmarks = village.world.landmarks()
            seen.append((village.world.digest(), [landmarks[name].tolist() for name in landmarks.names]))
        assert seen[0] == seen[1]
        assert seen[0][1][landmarks.names.index("kind")].count(LandmarkKind.LIQUIDATION) > 10

    def test_j3_a_copy_goes_on_as_the_original(self):
        village = Village([5, -5, 5, -5])
        village.book()
        village.plans(
            village.crowd(latency_law=("exponential", 5.0)), "stop", [(who, 1_000) for who in village.members]
        )
        copy = _core.World.restore(village.world.snapshot())
        forked = village.world.fork(seed=99)
        times, ticks = column([2, 4, 6], np.int64), column([1_001, 999, 1_000], np.int64)
        for world in (village.world, copy, forked):
            world.mark_rounds(times, column([village.market] * 3, np.uint16), ticks)
            world.run(500, check=True)
        assert copy.digest() == village.world.digest()
        assert copy.crowd_counts() == village.world.crowd_counts() == forked.crowd_counts()
        arrivals = [
            [
                t
                for t, kind in zip(w.journal()["time_ms"].tolist(), w.journal()["kind"].tolist(), strict=True)
                if kind == PLACE
            ]
            for w in (copy, forked)
        ]
        assert arrivals[0] != arrivals[1]  # another seed, other latencies


class TestTopUps:
    """Ten lots at 1,000 with 1,000: the requirement is 2 % of the notional, the warning at twice that."""

    def village(self, times=1, atoms=500, reserve_atoms=10_000, after_ms=5, **options):
        village = Village([10], money=1_000, **options)
        if reserve_atoms:
            village.world.deposit(village.bank, USD, reserve_atoms)
        number = village.crowd(top_up_state=1, top_up_after_ms=after_ms, reserve=village.bank)
        village.world.add_top_ups(number, column([village.first], np.int32), column([atoms], np.int64), times)
        return village

    def balance(self, village, account):
        return village.world.balance(account, USD)[0]

    def test_h4_the_money_comes_a_delay_after_the_state(self):
        village = self.village()
        village.mark(1, 938)  # equity 380, requirement 187.6: not yet, 2 x 188 = 376
        village.mark(2, 937)  # 370 <= 376
        assert self.balance(village, village.first) == 1_000
        assert village.world.margin(village.first).state == 1
        village.world.run(6)
        assert self.balance(village, village.first) == 1_000
        village.world.run(7, check=True)
        assert (self.balance(village, village.first), self.balance(village, village.bank)) == (1_500, 9_500)
        assert village.world.margin(village.first).state == 0
        assert village.world.crowd_counts()["top_ups"] == 1

    def test_h4_no_more_often_than_declared(self):
        village = self.village(times=2)
        for at_ms, ticks in ((2, 937), (20, 885), (40, 833)):
            village.mark(at_ms, ticks)
            village.world.run(at_ms + 10, check=True)
        assert self.balance(village, village.first) == 2_000
        assert village.world.crowd_counts()["top_ups"] == 2
        assert village.world.margin(village.first).state == 1  # 330 <= 2 x 167

    def test_h4_while_it_stands_there_the_next_one_follows(self):
        village = self.village(times=5, atoms=50)
        village.mark(2, 930)  # 300 of 2 x 186: fifty are not enough, a hundred are
        village.world.run(100, check=True)
        assert self.balance(village, village.first) == 1_100
        assert village.world.margin(village.first).state == 0

    def test_h4_a_reserve_that_is_empty_pays_nothing(self):
        village = self.village(reserve_atoms=499, times=3)
        village.mark(2, 937)
        village.world.run(50, check=True)
        assert (self.balance(village, village.first), self.balance(village, village.bank)) == (1_000, 499)
        assert village.world.crowd_counts()["missing"] == 1

    def test_h4_too_late_is_too_late(self):
        village = self.village()
        village.mark(2, 937)
        village.mark(4, 910)  # 100 of 182
        assert village.world.in_liquidation(village.first)
        village.world.run(50, check=True)
        assert self.balance(village, village.first) == 1_000

    def test_h4_an_isolated_position_is_paid_from_its_own_balance(self):
        village = Village([10], money=1_500, mode=ISOLATED)
        village.world.add_margin(village.first, village.market, 1_000)
        number = village.crowd(top_up_state=1, top_up_after_ms=1)
        village.world.add_top_ups(number, column([village.first], np.int32), column([300], np.int64), 2)
        village.mark(2, 937)
        village.world.run(50, check=True)
        assert self.balance(village, village.first) == 200
        assert village.world.margin(village.first, market=village.market).equity == 670
        village.mark(60, 905)  # 350 of 2 x 181: 200 are left, 300 are asked for
        village.world.run(90, check=True)
        assert self.balance(village, village.first) == 200
        assert village.world.crowd_counts()["missing"] == 1

    def test_l2_nothing_appears(self):
        village = self.village(times=2)
        before = village.world.net_deposits(USD)
        village.mark(2, 937)
        village.world.run(50, check=True)
        assert village.world.net_deposits(USD) == before


class TestRefused:
    @pytest.fixture
    def village(self):
        return Village([5, -5, 0])

    def refused(self, village, field, act):
        before = village.world.digest(), village.world.crowd_counts(), village.world.memory()
        with pytest.raises(InputError) as caught:
            act()
        assert caught.value.field == field
        assert (village.world.digest(), village.world.crowd_counts(), village.world.memory()) == before

    @pytest.mark.parametrize(
        ("field", "options"),
        [
            ("name", {"name": ""}),
            ("name", {"name": 5}),
            ("first", {"first": 0}),
            ("count", {"count": 0}),
            ("count", {"count": 4}),
            ("latency_ms", {"latency_ms": -1}),
            ("latency_law", {"latency_law": ("cauchy", 1.0)}),
            ("top_up_state", {"top_up_state": 0}),
            ("top_up_after_ms", {"top_up_after_ms": -1}),
            ("reserve", {"reserve": 5}),
            ("reserve", {"reserve": 10**6}),
        ],
    )
    def test_a_crowd(self, village, field, options):
        given = {"name": NAME, "first": village.first, "count": 3, **options}
        self.refused(village, field, lambda: village.world.add_crowd(**given))

    def test_crowds_do_not_overlap(self, village):
        village.world.add_crowd("a", village.first, 2)
        self.refused(village, "first", lambda: village.world.add_crowd("b", village.first + 1, 1))
        assert village.world.add_crowd("b", village.first + 2, 1) == 1

    @pytest.mark.parametrize(
        ("field", "options"),
        [
            ("crowd", {"crowd": 1}),
            ("kind", {"kind": "panic"}),
            ("qty_lots", {"qty_lots": column([1, 1], np.int64)}),
            ("qty_lots", {"kind": "dip"}),
            ("accounts", {"accounts": column([5, 6], np.int64)}),
            ("accounts[1]", {"accounts": column([5, 8], np.int32)}),
            ("accounts[1]", {"accounts": column([5, 7], np.int32)}),  # it holds nothing that a stop could close
            ("markets[0]", {"markets": column([1, 0], np.uint16)}),
            ("markets", {"markets": column([0], np.uint16)}),
            ("price_ticks[1]", {"price_ticks": column([900, 0], np.int64)}),
            ("price_ticks[0]", {"price_ticks": column([2**31 - 1, 900], np.int64)}),
            ("qty_lots[1]", {"kind": "dip", "qty_lots": column([1, 0], np.int64)}),
        ],
    )
    def test_plans(self, village, field, options):
        assert village.first == 5
        number = village.crowd()
        given = {
            "crowd": number,
            "kind": "stop",
            "accounts": column([5, 6], np.int32),
            "markets": column([0, 0], np.uint16),
            "price_ticks": column([900, 1_100], np.int64),
            **options,
        }
        self.refused(village, field, lambda: village.world.add_plans(**given))

    @pytest.mark.parametrize(
        ("field", "accounts", "atoms", "times"),
        [
            ("accounts[1]", [6, 5], [1, 1], 1),
            ("accounts[1]", [5, 5], [1, 1], 1),
            ("accounts[0]", [4, 5], [1, 1], 1),
            ("atoms[1]", [5, 6], [1, 0], 1),
            ("atoms", [5, 6], [1], 1),
            ("times", [5, 6], [1, 1], 0),
            ("times", [5, 6], [1, 1], 65_536),
        ],
    )
    def test_top_ups(self, village, field, accounts, atoms, times):
        number = village.crowd(reserve=village.bank)
        arguments = (number, column(accounts, np.int32), column(atoms, np.int64), times)
        self.refused(village, field, lambda: village.world.add_top_ups(*arguments))

    def test_a_cross_account_cannot_top_up_from_itself(self, village):
        number = village.crowd()
        arguments = (number, column([5], np.int32), column([1], np.int64), 1)
        self.refused(village, "accounts[0]", lambda: village.world.add_top_ups(*arguments))


class TestReplay:
    @pytest.mark.parametrize("mode", [CROSS, ISOLATED])
    def test_j2_the_reference_replays_what_holders_did(self, mode):
        twin = TwinWorld()
        usd = twin.asset(10**15)
        twin.native.set_ladder(0, [(WARN, 2_000_000, True), (LIQUIDATE, 1_000_000, False)])
        market = twin.perpetual(usd, maintenance_ppm=20_000)
        other, bank = twin.account(10**12), twin.account(10**6)
        members = [twin.account(1_500, mode=mode) for _ in range(6)]
        lots = [10, 10, 10, -10, 8, -6]
        for account, held in zip(members, lots, strict=True):
            pair = (account, other) if held > 0 else (other, account)
            if mode == ISOLATED:
                twin.native.set_leverage(account, 10, market=market)
            twin.native.open_trade(market, *pair, abs(held), 1_000)
        number = twin.native.add_crowd(NAME, members[0], 6, top_up_after_ms=3, reserve=bank)
        prices = column([970, 880, 890, 1_020, 960, 1_045], np.int64)
        everybody, markets = column(members, np.int32), column([market] * 6, np.uint16)
        twin.native.add_plans(number, "stop", everybody, markets, prices)
        twin.native.add_plans(number, "dip", everybody, markets, prices - 90, column([2] * 6, np.int64))
        twin.native.add_top_ups(number, everybody, column([150] * 6, np.int64), 2)
        for side, price in ((Side.BUY, 860), (Side.SELL, 1_140)):
            twin.native.send_order(other, market, side, price, 10**4, at_ms=0)
        for at_ms, price in ((1, 1_000), (20, 950), (40, 900), (60, 870), (80, 1_050)):
            twin.native.run(at_ms, check=True)
            twin.native.publish(market, price, "mark")
        twin.native.run(300, check=True)
        counts = twin.native.crowd_counts()
        assert counts["orders"] > 4
        assert counts["top_ups"] > 0
        assert len(twin.native.trades()) > 4
        assert twin.disagreements() == []
