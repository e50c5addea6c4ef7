"""Circuit breakers of markets (V-9): boundary tick and millisecond, what passes in a halt, how all orders end."""

from __future__ import annotations

import numpy as np
import pytest
from agentkit import Scripted, add
from lendkit import COIN, DOLLAR
from lendkit import Town as Lending
from worldkit import BASE, BUY, QUOTE, SELL, agree, cancel, landmarks, opened, place, rejects

from engine import InputError, Simulation, _core
from engine.figures import timeline_of
from engine.forest import LandmarkKind
from engine.lineage import Lineage
from engine.margin import AccountMode
from engine.reference.breaker import Breaker, BreakerTerms
from engine.reference.policy import Policy
from engine.scenario import Scenario
from engine.testing.waterfall_twin import WaterfallTwin
from engine.testing.worlds import landmark_rows
from engine.types import RejectReason

HALTED = RejectReason.MARKET_HALTED
HALT = LandmarkKind.HALT
TENTH = 100_000  # ppm
TERMS = {"fall_ppm": TENTH, "within_ms": 800, "halt_ms": 500}  # parts of 100 ms


class Stage:
    """Hold a spot market with a breaker of a tenth, a maker and a taker."""

    def __init__(self, **terms):
        self.twin = opened()
        self.native = self.twin.native
        self.market = self.twin.spot(BASE, QUOTE)
        self.twin.breaker(self.market, **{**TERMS, **terms})
        self.maker, self.taker = (self.twin.account(10**9, 10**9) for _ in range(2))

    def rest(self, side, *prices, lots=1):
        return [place(self.twin, self.maker, self.market, side, price, lots) for price in prices]

    def take(self, side, lots=1, **options):
        place(self.twin, self.taker, self.market, side, None, lots, **options)

    def trade(self, price, at_ms=None):
        """Let one lot trade at a price, the book being empty; in `at_ms` if that is given."""
        if at_ms is not None:
            self.native.run(at_ms - 2)
        self.rest(BUY, price)
        self.take(SELL)

    def halt(self):
        """Halt it at 900 after 1,000; returns the millisecond that is open again."""
        self.trade(1_000)
        self.trade(900)
        assert self.until() == self.native.now_ms + 500
        return self.until()

    def until(self):
        return self.native.breaker(self.market)[1]

    def reference(self):
        return self.native.breaker(self.market)[0]


class TestHalts:
    def test_v9_at_a_tenth_below_and_not_a_tick_above(self):
        stage = Stage()
        stage.trade(1_000)
        stage.trade(901)
        assert (stage.reference(), stage.until()) == (1_000, None)
        stage.trade(900)
        assert (stage.reference(), stage.until()) == (None, 6 + 500)
        assert landmarks(stage.twin, HALT) == [(6, -1, 900)]
        agree(stage.twin)

    def test_v9_where_a_tenth_is_no_whole_tick(self):
        stage = Stage()
        stage.trade(999)  # 899.1
        stage.trade(900)
        assert stage.until() is None
        stage.trade(899)
        assert stage.until() is not None

    def test_v9_from_the_next_command_on_in_the_same_millisecond(self):
        stage = Stage()
        stage.trade(1_000)
        stage.rest(BUY, 900, 890)
        at_ms = stage.native.now_ms + 1
        for lots in (1, 1):
            stage.native.send_order(stage.taker, stage.market, SELL, None, lots, at_ms=at_ms)
        stage.native.run(at_ms)
        assert rejects(stage.twin) == {HALTED: 1}
        assert [order.price_ticks for order in stage.native.orders(stage.market)] == [890]
        agree(stage.twin)

    def test_v9_the_order_that_halts_trades_to_its_end(self):
        stage = Stage()
        stage.rest(BUY, 1_000, 950, 900, 850)
        stage.take(SELL, lots=4)
        assert stage.native.market(stage.market)["last"] == 850
        (row,) = [row for row in landmark_rows(stage.native) if row[1] == HALT]
        number = stage.native.position(stage.taker, stage.market)[2]
        assert row[7] == 900  # the first trade that has fallen far enough
        assert row[8][2:4] == (stage.taker, number)  # its mover
        agree(stage.twin)

    def test_v9_the_cause_is_that_of_the_order_that_traded(self):
        stage = Stage()
        stage.rest(BUY, 1_000, 900, lots=5)
        stage.native.add_agents(
            "shock", stage.taker, 0, market=stage.market, side=SELL, qty_lots=8, start_ms=20, slices=2, every_ms=5
        )
        stage.native.run(30)
        rows = landmark_rows(stage.native)
        (halt,) = [row for row in rows if row[1] == HALT]
        assert rows[halt[5]][1] == LandmarkKind.SHOCK
        assert halt[0] == 25

    def test_v9_a_buyer_halts_it_too(self):
        stage = Stage()
        stage.trade(1_000)
        stage.rest(SELL, 890, 1_100)
        stage.take(BUY, lots=2)
        assert landmarks(stage.twin, HALT)[0][2] == 890
        assert stage.reference() is None  # 1,100 came after it
        agree(stage.twin)

    @pytest.mark.parametrize(("at_ms", "halts"), [(899, True), (900, False)])
    def test_v9_a_trade_counts_in_its_part_and_the_eight_after_it(self, at_ms, halts):
        stage = Stage()
        stage.trade(1_000, at_ms=50)
        stage.trade(900, at_ms=at_ms)
        assert (stage.until() is not None) == halts
        assert stage.reference() == (None if halts else 900)
        agree(stage.twin)

    def test_v9_a_rise_raises_the_reference_and_a_slow_fall_halts_nothing(self):
        stage = Stage()
        price = 1_000
        for step in range(12):
            stage.trade(price, at_ms=100 + 450 * step)
            price -= 40  # two parts in nine: at most 80 in the window
        assert landmarks(stage.twin, HALT) == []
        stage.trade(1_000)
        stage.trade(price + 40)
        assert len(landmarks(stage.twin, HALT)) == 1
        agree(stage.twin)

    def test_v9_opening_trades_are_none(self):
        twin = opened()
        market = twin.perpetual(QUOTE)
        twin.breaker(market, **TERMS)
        long, short = twin.account(10**6), twin.account(10**6)
        twin.native.open_trade(market, long, short, 1, 1_000)
        assert twin.native.breaker(market) == (None, None)
        for side, account in ((BUY, long), (SELL, short)):
            place(twin, account, market, side, 500, 1)
        assert twin.native.breaker(market) == (500, None)
        twin.native.run(2_000)
        assert twin.native.breaker(market) == (None, None)
        agree(twin)


class TestHalted:
    def test_v9_orders_are_refused_until_the_millisecond_in_which_it_is_open_again(self):
        stage = Stage()
        until = stage.halt()
        stage.native.run(until - 2)
        stage.rest(BUY, 880)
        assert (stage.native.now_ms, rejects(stage.twin)) == (until - 1, {HALTED: 1})
        stage.rest(BUY, 880)
        assert [order.price_ticks for order in stage.native.orders(stage.market)] == [880]
        assert rejects(stage.twin) == {HALTED: 1}
        agree(stage.twin)

    def test_v9_cancels_pass_and_resting_orders_stay(self):
        stage = Stage()
        kept, gone = stage.rest(BUY, 500, 499)
        until = stage.halt()
        cancel(stage.twin, gone)
        assert [order.price_ticks for order in stage.native.orders(stage.market)] == [500]
        agree(stage.twin)
        stage.native.run(until - 1)
        stage.take(SELL)
        assert stage.native.market(stage.market)["last"] == 500
        assert stage.native.orders(stage.market) == []
        assert kept is not None

    def test_v9_it_begins_anew_after_a_halt(self):
        stage = Stage()
        stage.native.run(stage.halt())
        stage.trade(700)
        assert (stage.reference(), stage.until()) == (700, None)
        stage.trade(630)
        assert stage.until() is not None
        assert len(landmarks(stage.twin, HALT)) == 2
        agree(stage.twin)

    def test_v9_whatever_is_wrong_with_it_the_halt_is_the_reason(self):
        stage = Stage()
        stage.halt()
        poor = stage.twin.account()
        for price, lots in ((10**6, 1), (2**31 - 1, 2**62), (900, 0)):
            place(stage.twin, poor, stage.market, BUY, price, lots)
        assert rejects(stage.twin) == {HALTED: 3}
        agree(stage.twin)

    def test_v9_other_markets_are_open(self):
        stage = Stage()
        other = stage.twin.spot(BASE, QUOTE)
        stage.halt()
        place(stage.twin, stage.maker, other, BUY, 900, 1)
        assert rejects(stage.twin) == {}
        agree(stage.twin)

    def test_p1_a_mid_is_published_in_a_halt(self):
        stage = Stage()
        perpetual = stage.twin.perpetual(QUOTE)
        stage.rest(BUY, 400)
        low, high = stage.rest(SELL, 1_200, 1_300)
        stage.native.add_index(perpetual, stage.market, every_ms=10, lag_ms=0)
        stage.halt()
        before = stage.native.market(perpetual)["index"]
        cancel(stage.twin, low)
        stage.native.run(stage.native.now_ms + 20)
        assert (before, stage.native.market(perpetual)["index"]) == (800, 850)
        assert high is not None
        agree(stage.twin)

    def test_j3_a_snapshot_in_a_halt_goes_on_as_the_straight_run(self):
        stage = Stage()
        until = stage.halt()
        copy, fork = _core.World.restore(stage.native.snapshot()), stage.native.fork()
        worlds = (stage.native, copy, fork)
        assert len({world.digest() for world in worlds}) == 1
        assert {world.breaker(stage.market) for world in worlds} == {(None, until)}
        for world in worlds:
            for at_ms in (until - 1, until):
                world.send_order(stage.maker, stage.market, BUY, 300, 1, at_ms=at_ms)
            world.run(until + 900, check=True)
        assert len({world.digest() for world in worlds}) == 1
        assert [order.price_ticks for order in fork.orders(stage.market)] == [300]

    def test_j4_a_market_without_a_breaker_has_no_words(self):
        stage, plain = Stage(), opened()
        assert plain.spot(BASE, QUOTE) == stage.market
        assert [plain.account(10**9, 10**9) for _ in range(2)] == [stage.maker, stage.taker]
        assert plain.native.digest() != stage.native.digest()
        agree(stage.twin), agree(plain)


class TestAgents:
    def test_n4_an_agent_hears_of_its_refusal(self):
        stage = Stage()
        hero = Scripted(start=lambda _, context: context.place(stage.market, BUY, 1, 800))
        until = stage.halt()
        add(stage.twin, hero, start_ms=stage.native.now_ms + 10, latency_ms=2)
        stage.native.run(until)
        ((what, _, told),) = [call for call in hero.heard if call[0] in ("reject", "cancel")]
        assert (what, told.reason) == ("reject", HALTED)

    @pytest.mark.parametrize("tolerance", [0.0, 1.0])  # it does not believe that a refused quote stands
    @pytest.mark.parametrize("mass_quotes", [0, 1])
    def test_n5_a_makers_cancels_pass_and_its_quotes_are_refused_one_by_one(self, mass_quotes, tolerance):
        stage = Stage()
        account = stage.twin.account(10**8, 10**8)
        stage.rest(BUY, 100)
        stage.trade(1_000)
        rules = {"wake_every_ms": 20, "half_spread": 0.02, "levels": 2, "anchor": 0.0, "latency_ms": 1}
        rules |= {"mass_quotes": mass_quotes, "tolerance": tolerance}
        maker = stage.native.add_agents("maker", account, 5, **rules)
        stage.native.add_quotes(maker, stage.market, 10)
        stage.native.run(100)

        def quotes():
            return [order for order in stage.native.orders(stage.market) if order.owner == account]

        assert len(quotes()) == 4
        stage.take(SELL, lots=1_000)  # through its quotes down to 100
        until = stage.until()
        assert until is not None
        stage.native.run(until - 1)
        assert quotes() == []
        assert rejects(stage.twin)[HALTED] >= 4
        stage.native.run(until + 100)
        assert len(quotes()) == 4
        agree(stage.twin)

    def test_t6_replayed_orders_are_refused(self):
        stage = Stage()
        until = stage.halt()
        now = stage.native.now_ms
        times = np.array([now + 1, until, until + 1], np.int64)
        columns = {
            "time_ms": times,
            "account": np.full(3, stage.maker, np.int32),
            "kind": np.ones(3, np.uint8),
            "market": np.full(3, stage.market, np.int32),
            "side": np.full(3, BUY, np.int8),
            "price_ticks": np.array([300, 301, 302], np.int32),
            "qty_lots": np.ones(3, np.int64),
        }
        stage.native.add_replay(columns)
        stage.native.run(until + 5)
        assert [order.price_ticks for order in stage.native.orders(stage.market)] == [302, 301]
        assert rejects(stage.twin) == {HALTED: 1}
        agree(stage.twin)


class Village:
    """A member of a crowd who is long 10 with a stop at 950 and 3 ms away; a market that two orders would halt."""

    def __init__(self):
        self.world = world = _core.World(7, stage_ppm=0)
        world.add_asset(2**58)
        self.market = world.add_perpetual(0, atoms_per_tick_lot=1, maintenance_ppm=20_000)
        world.add_breaker(self.market, **TERMS)
        self.other = world.add_accounts()
        world.deposit(self.other, 0, 2**56)
        self.member = world.add_accounts(1, narrow=True)
        world.open_trade(self.market, self.member, self.other, 10, 1_000)
        world.deposit(self.member, 0, 10**6)
        crowd = world.add_crowd("holders", self.member, 1, latency_ms=3)
        where = np.array([self.member], np.int32), np.array([self.market], np.uint16)
        world.add_plans(crowd, "stop", *where, np.array([950], np.int64), None)
        for price, lots in ((1_000, 1), (900, 1), (880, 100)):
            world.send_order(self.other, self.market, BUY, price, lots, at_ms=0)

    def fall(self, at_ms):
        self.world.send_order(self.other, self.market, SELL, None, 2, at_ms=at_ms)

    def mark(self, at_ms, ticks=950):
        rows = np.array([at_ms], np.int64), np.array([self.market], np.uint16), np.array([ticks], np.int64)
        self.world.mark_rounds(*rows)

    def held(self):
        return self.world.position(self.member, self.market)[0]


class TestCrowds:
    def test_h2_a_stop_that_fires_in_a_halt_leaves_when_it_ends(self):
        village = Village()
        village.fall(5)
        village.mark(10)
        village.world.run(507, check=True)
        assert (village.world.breaker(village.market)[1], village.held()) == (None, 10)
        village.world.run(508, check=True)
        assert village.held() == 0  # it left at 505
        assert village.world.counts()["rejects"] == {}

    def test_h2_one_that_is_on_its_way_is_refused_and_not_sent_again(self):
        village = Village()
        village.mark(10)
        village.fall(12)
        village.mark(600, 940)
        village.world.run(2_000, check=True)
        assert (village.held(), village.world.crowd_counts()["orders"]) == (10, 1)
        assert village.world.counts()["rejects"] == {HALTED: 1}


class Cliff:
    """A long of 10 at 1,000 that breaches at 940, a market that two orders halt, and the reference that decides too."""

    def __init__(self, **policy):
        self.twin = WaterfallTwin(1, Policy(**{"stage_ppm": 10**6, "interval_ms": 100, **policy}))
        self.native = self.twin.native
        usd = self.twin.asset()
        self.market = self.twin.perpetual(usd, maintenance=self.twin.schedule([0], [50_000]))
        self.twin.breaker(self.market, **TERMS)
        self.house = self.twin.account(10**9)
        self.long = self.twin.account(1_000)
        self.native.open_trade(self.market, self.long, self.house, 10, 1_000)
        self.native.publish(self.market, 1_000)
        for price in (1_000, 900):
            self.native.send_order(self.house, self.market, BUY, price, 1, at_ms=0)
        self.twin.begin()
        self.run(3)

    def run(self, until_ms):
        assert self.twin.run(until_ms) == []

    def halt(self):
        """Halt it at 4 ms, until 504."""
        self.native.send_order(self.house, self.market, SELL, None, 2, at_ms=4)
        self.run(4)
        assert self.native.breaker(self.market) == (None, 504)

    def breach(self):
        """Publish 940 in the next millisecond: equity 400 of 470."""
        self.twin.mark_round({self.market: 940})
        self.run(self.native.now_ms)

    def told(self, kind):
        """Return (time, value) of landmarks of a kind."""
        return [(row[0], row[7]) for row in landmark_rows(self.native) if row[1] == kind]


class TestLiquidations:
    def test_v9_steps_wait_and_takeover_is_not_due_by_a_halt(self):
        cliff = Cliff(steps_most=1, takes_over=True)
        cliff.halt()
        cliff.breach()
        cliff.run(504)
        assert cliff.told(LandmarkKind.LIQUIDATION) == [(5, 400)]
        assert cliff.told(LandmarkKind.STEP) == []
        assert rejects(cliff.twin) == {}
        cliff.run(1_000)
        assert cliff.told(LandmarkKind.STEP)[0] == (505, 10)
        assert cliff.told(LandmarkKind.TAKEOVER) == [(605, 400)]
        assert cliff.twin.disagreements() == []

    def test_v9_a_step_that_is_on_its_way_does_not_count(self):
        cliff = Cliff(steps_most=1, takes_over=True)
        cliff.native.send_order(cliff.house, cliff.market, SELL, None, 2, at_ms=4)  # arrives before the step's order
        cliff.breach()
        assert cliff.told(LandmarkKind.STEP) == [(4, 10)]
        assert rejects(cliff.twin) == {HALTED: 1}
        cliff.run(1_000)
        assert cliff.told(LandmarkKind.STEP)[:2] == [(4, 10), (504, 10)]
        assert cliff.told(LandmarkKind.TAKEOVER) == [(604, 400)]

    def test_v9_nor_does_it_make_the_next_one_whole(self):
        cliff = Cliff(stage_ppm=200_000, whole_ms=10**6)
        cliff.native.send_order(cliff.house, cliff.market, SELL, None, 2, at_ms=4)
        cliff.breach()
        cliff.run(610)
        assert cliff.told(LandmarkKind.STEP) == [(4, 2), (504, 2), (604, 10)]

    def test_v9_takeovers_go_on_and_the_backstop_waits(self):
        cliff = Cliff(takeover_ppm=10**6, takes_over=True, unwind_ms=50, unwind_ppm=500_000)
        cliff.native.deposit(1, 0, 10**6)
        cliff.halt()
        cliff.breach()
        cliff.run(500)
        assert cliff.told(LandmarkKind.TAKEOVER) == [(6, 400)]
        assert cliff.native.position(1, cliff.market)[0] == 10
        assert cliff.told(LandmarkKind.STEP) == []
        cliff.run(600)
        assert cliff.told(LandmarkKind.STEP) == [(506, 5), (556, 5)]

    def test_x13_a_unified_account_waits_to_sell_and_is_not_taken_over(self):
        twin = WaterfallTwin(1, Policy(stage_ppm=10**6, interval_ms=100, takes_over=True))
        native, usd, coin = twin.native, twin.asset(), twin.asset()
        house, spot = twin.account(10**9, 10**9), twin.spot(coin, usd)
        for asset, market, loan_ppm in ((usd, None, 50_000), (coin, spot, 0)):
            twin.count(asset, market, None, loan_ppm, house, 0)
        twin.breaker(spot, **TERMS)
        native.publish(spot, 1_000, "index")
        account = twin.account(0, 10, mode=AccountMode.UNIFIED)
        native.borrow(account, usd, 8_000)
        native.withdraw(account, usd, 8_000)
        for price, lots in ((1_000, 1), (900, 1), (820, 100)):
            native.send_order(house, spot, BUY, price, lots, at_ms=0)
        native.send_order(house, spot, SELL, None, 2, at_ms=4)
        twin.begin()
        assert twin.run(4) == []
        native.publish(spot, 830, "index")  # 8,300 against 8,000; 400 are required
        assert twin.run(504) == []
        told = [row[:2] for row in landmark_rows(native)]
        assert told.count((5, LandmarkKind.LIQUIDATION)) == 1
        assert {LandmarkKind.STEP, LandmarkKind.TAKEOVER}.isdisjoint(kind for _, kind in told)
        assert twin.run(700) == []
        assert landmarks(twin, LandmarkKind.STEP) == [(505, account, 10)]  # ceil(8,000 / 830)
        assert native.owed(account, usd) == 0
        assert twin.disagreements() == []

    def test_y23_a_forced_sale_fetches_nothing_and_is_tried_again(self):
        town = Lending("loan", terms=(650_000, 650_000, 0), call_ppm=750_000, liquidation_ppm=830_000)
        world, account = town.world, town.borrower(1_000, 650)
        world.add_breaker(town.market, fall_ppm=TENTH, within_ms=1_000, halt_ms=2_500)
        town.bids([(10_000, 1), (9_000, 1), (7_000, 2_000)])
        world.send_order(town.trader(coin=2), town.market, SELL, None, 2, at_ms=world.now_ms + 1)
        town.passes(1)
        until = world.breaker(town.market)[1]
        town.falls(7_000)
        begun = world.now_ms
        town.passes(until - world.now_ms - 1)
        assert town.loan(account)["assets"][town.coin][0] == 1_000 * COIN
        assert world.counts()["rejects"] == {HALTED: 3}
        town.passes(1_000)
        assert town.loan(account)["assets"] == {}
        assert town.has(account, town.usd) == (650 + 50) * DOLLAR  # a thousand at 0.70
        steps = [row[0] for row in landmark_rows(world) if row[1] == LandmarkKind.STEP]
        assert steps == [begun + 1_000 * wait for wait in range(4)]


class TestDeclaring:
    @pytest.mark.parametrize(
        ("field", "wrong"),
        [
            ("fall_ppm", 0), ("fall_ppm", 10**6), ("fall_ppm", 0.1), ("within_ms", 0), ("within_ms", 2**62),
            ("halt_ms", 0), ("halt_ms", -1), ("halt_ms", None), ("market", 1), ("market", -1),
        ],
    )  # fmt: skip
    def test_u7_bad_input_changes_nothing(self, field, wrong):
        twin = opened()
        given = {"market": twin.spot(BASE, QUOTE), **TERMS, field: wrong}
        before = twin.native.digest()
        with pytest.raises(InputError) as error:
            twin.native.add_breaker(given.pop("market"), **given)
        assert error.value.field == field
        assert twin.native.digest() == before

    def test_u7_a_market_has_one_breaker(self):
        stage = Stage()
        with pytest.raises(InputError) as error:
            stage.native.add_breaker(stage.market, **TERMS)
        assert error.value.field == "market"
        assert stage.native.memory()["breakers"][0] == 1

    @pytest.mark.parametrize("fall", [0, 1, "1.5", "-0.1", "0.0000001", "ten"])
    def test_a_simulation_names_the_fall(self, fall):
        sim = Simulation(seed=1)
        usdt = sim.asset("USDT", decimals=6, supply="1000000")
        perp = sim.perpetual("A", usdt, tick="0.01", lot="0.01", maintenance="0.02")
        with pytest.raises(InputError) as error:
            sim.breaker(perp, fall=fall, within_ms=1, halt_ms=1)
        assert error.value.field == "fall"
        assert sim.world.breaker(perp) == (None, None)

    def test_a_simulation_tells_why(self):
        sim = Simulation(seed=1)
        usdt = sim.asset("USDT", decimals=6, supply="1000000")
        perp = sim.perpetual("A", usdt, tick="0.01", lot="0.01", maintenance="0.02")
        maker, taker = sim.account("maker", USDT="1000"), sim.account("taker", USDT="1000")
        sim.breaker(perp, fall="0.1", within_ms=1_000, halt_ms=1_000)
        for price in ("10", "9"):
            sim.place(maker, perp, BUY, price, "1", at_ms=0)
        sim.place(taker, perp, SELL, None, "2", at_ms=1)
        sim.run(until_ms=5)
        assert sim.world.breaker(perp) == (None, 1_001)
        lineage = Lineage(sim)
        (halt,) = lineage.of_kind(HALT)
        assert lineage.why(halt.id) == ["0.001 s  HALT (A at 9.00), moved by the TRADE of taker's order 1 at 0.001 s"]


SCENARIO = """\
name = "halts"
start = "2025-10-10T20:45Z"
duration = "20s"
seed = 7

[assets.EUR]
decimals = 6
supply = "10bn"

[markets.COIN-PERP]
kind = "perp"
settle = "EUR"
tick = "0.001"
lot = "0.001"
price = "10.000"
maintenance = "2%"
breaker = { fall = "5%", within = "2s", halt = "3s" }

[populations.seller]
kind = "account"
brings = { EUR = "100k" }

[events.ladder]
kind = "orders"
account = "seller"
rows = [
    { market = "COIN-PERP", side = "buy", price = "10.000", quantity = "1", at = "0s" },
    { market = "COIN-PERP", side = "buy", price = "9.500", quantity = "1", at = "0s" },
    { market = "COIN-PERP", side = "buy", price = "9.000", quantity = "1", at = "0s" },
    { market = "COIN-PERP", side = "sell", quantity = "2", at = "1s" },
    { market = "COIN-PERP", side = "sell", quantity = "1", at = "3999ms" },
    { market = "COIN-PERP", side = "sell", quantity = "1", at = "4s" },
]
"""


class TestScenarios:
    def test_v9_a_scenario_declares_it_and_tells_of_it(self):
        part = Scenario.from_toml(SCENARIO).run().part
        assert part.figures["halts"] == 1
        assert part.figures["counts"]["rejects"] == {HALTED: 1}
        assert (1.0, "first halt: a market's breaker refuses orders for a while") in timeline_of(part)
        assert part.figures["low"] == 9.0

    def test_the_same_without_it_halts_nothing(self):
        scenario = Scenario.from_toml(SCENARIO.replace("breaker =", "# breaker ="))
        assert "halts" not in scenario.run().part.figures

    @pytest.mark.parametrize(
        ("said", "path"),
        [
            ('{ fall = "0%", within = "2s", halt = "3s" }', "markets.COIN-PERP.breaker.fall"),
            ('{ fall = "5%", within = "0s", halt = "3s" }', "markets.COIN-PERP.breaker.within"),
            ('{ fall = "5%", within = "2s" }', "markets.COIN-PERP.breaker.halt"),
            ('{ fall = "5%", within = "2s", halt = "3s", rise = "5%" }', "markets.COIN-PERP.breaker.rise"),
        ],
    )
    def test_bad_keys_are_named(self, said, path):
        text = SCENARIO.replace('{ fall = "5%", within = "2s", halt = "3s" }', said)
        with pytest.raises(InputError) as error:
            Scenario.from_toml(text)
        assert path in str(error.value)

    def test_what_the_world_refuses_is_named_by_its_path(self):
        text = SCENARIO.replace('fall = "5%"', 'fall = "100%"')
        with pytest.raises(InputError) as error:
            Scenario.from_toml(text).run()
        assert error.value.field == "markets.COIN-PERP.breaker.fall"


def test_the_reference_agrees_with_a_scan_of_all_trades():
    """The highest price of the parts, against every trade of them, over a random walk of prices and times."""
    rng = np.random.default_rng(5)
    breaker, seen, now, price, halts = Breaker(BreakerTerms(20_000, 75, 40)), [], 0, 1_000, 0
    for _ in range(3_000):
        now += int(rng.integers(0, 9))
        price = max(1, price + int(rng.integers(-8, 9)))
        if breaker.is_halted(now):
            continue
        seen.append((now // 10, price))  # parts of ceil(75 / 8) ms
        reference = max(high for part, high in seen if part >= now // 10 - 8)
        falls = price <= reference * 0.98
        assert breaker.traded(now, [price]) == (price if falls else None)
        assert breaker.is_halted(now) == falls
        if falls:
            seen, halts = [], halts + 1
    assert halts > 20
