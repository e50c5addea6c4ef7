"""Landmarks and causes: G-1 .. G-7."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from engine import _core
from engine.testing.worlds import TwinWorld, landmark_rows, rows_of, small_world
from engine.types import Side

BUY, SELL = Side.BUY, Side.SELL
QUOTE, BASE = 0, 1
SHOCK, WITHDRAWAL, RETURN, PUBLICATION, LIQUIDATION, STEP, BAD_DEBT = range(1, 8)
MOVED_BY_PLACE, MOVED_BY_CANCEL, MOVED_BY_TRADE = 1, 2, 3
INDEX_ROW, MARK_ROW = 1, 2
JOURNAL_PLACE = 3
ALL_PPM = 10**6


class Mover(NamedTuple):
    time_ms: int
    kind: int
    account: int
    number: int
    cause: int


class Landmark(NamedTuple):
    time_ms: int
    kind: int
    market: int
    number: int
    account: int
    parent: int
    generation: int
    value: int
    mover: Mover | None


def landmarks(native) -> list[Landmark]:
    return [Landmark(*row[:8], None if row[8] is None else Mover(*row[8])) for row in landmark_rows(native)]


def first(rows, kind, account=None) -> int:
    """Return the slot of the first landmark of a kind, and of an account if one is given."""
    return next(
        slot for slot, row in enumerate(rows) if row.kind == kind and (account is None or row.account == account)
    )


def trade_causes(native) -> dict[int, set[int]]:
    """Return the takers' accounts by the cause of their trades."""
    table = native.trades()
    found: dict[int, set[int]] = {}
    for cause, taker in zip(table["cause"].tolist(), table["taker_account"].tolist(), strict=True):
        found.setdefault(cause, set()).add(taker)
    return found


class Cascade:
    """Let a shock at 150 ms push one long over the edge, whose sale pushes a second one.

    Bids 98 x 10, 90 x 20, 80 x 20, 70 x 100; an ask at 102; marks at 100, 200, 300 ms of mid and last. At 100 the mark
    is 100. The shock takes 98: mid (90 + 102) / 2 = 96, last 98, mark 96. The first long (20 lots at 100) sells
    through 90: mid (80 + 102) / 2 = 91, last 90, mark 90.
    """

    def __init__(self):
        twin = TwinWorld(stage_ppm=ALL_PPM, stage_interval_ms=50)
        twin.asset()
        self.native = twin.native
        self.market = market = twin.perpetual(QUOTE, maintenance_ppm=100_000)
        self.native.add_mark(market, every_ms=100, lag_ms=0)
        maker, short = twin.account(10**9), twin.account(10**9)
        for price, qty in ((98, 10), (90, 20), (80, 20), (70, 100)):
            self.native.send_order(maker, market, BUY, price, qty, at_ms=0)
        self.native.send_order(maker, market, SELL, 102, 100, at_ms=0)
        # At 96 the first has lost 80 and needs ceil(192): 260 - 80 = 180 is too little. The second has 110 of 96.
        self.early, self.late = twin.account(260), twin.account(150)
        self.native.open_trade(market, self.early, short, 20, 100)
        self.native.open_trade(market, self.late, short, 10, 100)
        self.seller = twin.account(10**9)
        self.native.add_agents("shock", self.seller, 0, market=market, side=SELL, qty_lots=10, start_ms=150)
        self.twin = twin
        self.native.run(400, check=True)
        self.rows = landmarks(self.native)


class TestChain:
    def test_g5_g7_shock_publication_liquidation_step_publication_liquidation(self):
        cascade = Cascade()
        rows = cascade.rows
        shock = first(rows, SHOCK)
        liquidated, second = first(rows, LIQUIDATION, cascade.early), first(rows, LIQUIDATION, cascade.late)
        published, again = rows[liquidated].parent, rows[second].parent
        step = first(rows, STEP, cascade.early)
        assert rows[shock][:8] == (150, SHOCK, cascade.market, 1, cascade.seller, 0, 0, 10)
        assert (rows[published].kind, rows[published].value, rows[published].parent) == (PUBLICATION, 96, shock)
        assert rows[step].parent == liquidated
        assert (rows[again].kind, rows[again].value, rows[again].parent) == (PUBLICATION, 90, step)
        assert [rows[slot].generation for slot in (shock, published, liquidated, step, again, second)] == [
            0,
            0,
            1,
            1,
            1,
            2,
        ]
        assert cascade.twin.disagreements() == []

    def test_g3_g4_the_mover_is_the_one_behind_the_chosen_component(self):
        cascade = Cascade()
        rows = cascade.rows
        by_mid, by_last = [row for row in rows if row.kind == PUBLICATION]
        # 96 was the mid: the touch moved when the shock took 98. 90 was the last price: the aggressor was the engine.
        assert by_mid.mover == Mover(150, MOVED_BY_TRADE, cascade.seller, 1, first(rows, SHOCK))
        assert by_last.mover == Mover(200, MOVED_BY_TRADE, cascade.early, 1, first(rows, STEP))

    def test_g2_g5_trades_carry_the_cause_of_their_order(self):
        cascade = Cascade()
        causes = trade_causes(cascade.native)
        rows = cascade.rows
        assert causes == {
            first(rows, SHOCK): {cascade.seller},
            first(rows, STEP, cascade.early): {cascade.early},
            first(rows, STEP, cascade.late): {cascade.late},
        }

    def test_g2_publications_carry_a_cause_and_the_first_is_background(self):
        cascade = Cascade()
        table = cascade.native.prices()
        shock, step = first(cascade.rows, SHOCK), first(cascade.rows, STEP)
        assert table["price_ticks"].tolist()[:3] == [100, 96, 90]
        assert table["cause"].tolist()[:3] == [0, shock, step]

    def test_g1_a_publication_is_a_landmark_only_if_it_found_a_breach(self):
        cascade = Cascade()
        assert len(cascade.native.prices()) == 4  # at 100, 200, 300, 400
        assert [row.time_ms for row in cascade.rows if row.kind == PUBLICATION] == [200, 300]

    def test_g5_bad_debt_descends_from_its_liquidation(self):
        twin = TwinWorld(stage_ppm=ALL_PPM, stage_interval_ms=5)
        twin.asset()
        market = twin.perpetual(QUOTE)
        twin.native.add_mark(market, every_ms=10, lag_ms=0)
        maker, account = twin.account(10**6), twin.account(1)
        twin.native.send_order(maker, market, BUY, 79, 10, at_ms=1)
        twin.native.send_order(maker, market, SELL, 81, 10, at_ms=1)
        twin.native.open_trade(market, account, maker, 10, 100)
        twin.native.run(20, check=True)
        rows = landmarks(twin.native)
        debt = rows[first(rows, BAD_DEBT)]
        assert debt[:8] == (15, BAD_DEBT, market, 4, account, first(rows, LIQUIDATION), 1, 209)  # 1 - 10 x 21


class Withdrawal:
    """Let a shock on the spot market drive a maker out of both; the perpetual's mid falls without a trade.

    The perpetual has a static bid of 900 and ask of 1,010, the maker's bid of 998 above it: when that leaves, the mid
    falls from 1,000 to (900 + 1,002) / 2 = 951.
    """

    def __init__(self):
        twin = TwinWorld()
        twin.asset(), twin.asset()
        self.native = twin.native
        self.spot, self.perpetual = twin.spot(BASE, QUOTE), twin.perpetual(QUOTE, maintenance_ppm=100_000)
        self.native.add_mark(self.perpetual, every_ms=1, lag_ms=0)
        static = twin.account(10**9, 10**6)
        for market in (self.spot, self.perpetual):
            self.native.send_order(static, market, BUY, 800, 10_000, at_ms=0)
            self.static_bid = self.native.send_order(static, market, BUY, 900, 10_000, at_ms=0)
            self.native.send_order(static, market, SELL, 1_010, 10_000, at_ms=0)
            # It gives the maker's first look a mid of 1,000, and is gone before the shock.
            self.native.send_cancel(self.native.send_order(static, market, BUY, 990, 10, at_ms=0), at_ms=300)
        self.maker_account = twin.account(10**9, 10**6)
        self.maker = self.native.add_agents(
            "maker",
            self.maker_account,
            _core.member_key("makers", 0),
            wake_every_ms=20,
            window_ms=200,
            return_after_ms=600,
            latency_ms=0,
            latency_law=("lognormal", 0.001, 0.0),
            half_spread=0.002,
            spacing=0.0,
            levels=1,
            anchor=0.0,
            fair_tau_ms=1_000.0,
            drawdown=0.02,
            return_size=0.5,
        )
        self.native.add_quotes(self.maker, self.spot, 50)
        self.native.add_quotes(self.maker, self.perpetual, 50)
        self.seller = twin.account(0, 10**6)
        self.native.add_agents("shock", self.seller, 0, market=self.spot, side=SELL, qty_lots=5_000, start_ms=550)
        self.twin = twin


class TestMakers:
    @pytest.fixture
    def told(self):
        story = Withdrawal()
        story.native.run(540, check=True)
        return story

    def test_g3_g5_a_cancel_moves_the_mark_without_a_trade(self, told):
        native = told.native
        assert native.depth(told.perpetual, 1) == ([(998, 50)], [(1_002, 50)])  # the maker's
        told.native.run(700, check=True)
        rows = landmarks(native)
        withdrawal = first(rows, WITHDRAWAL)
        assert (rows[withdrawal].account, rows[withdrawal].market) == (told.maker_account, told.spot)
        assert rows[withdrawal].parent == first(rows, SHOCK)  # G-5: the last mover of the market it looked at
        assert native.market(told.perpetual)["trades"] == 0
        table = native.prices()
        published = list(zip(*(table[name].tolist() for name in ("time_ms", "price_ticks", "cause")), strict=True))
        caused = [row for row in published if row[2] == withdrawal]
        # The cancel is 1 ms on its way and arrives in phase 8, so the mark of the millisecond after shows it.
        assert caused[0] == (rows[withdrawal].time_ms + 2, (900 + 1_002) // 2, withdrawal)
        assert told.twin.disagreements() == []

    def test_g4_the_publication_that_liquidates_names_the_cancel(self, told):
        native = told.native
        mark = native.market(told.perpetual)["mark"]
        short = told.twin.account(10**9)
        assert mark == 1_000
        account = told.twin.account(100 * mark // 10)  # healthy by a hair: equity = maintenance
        native.open_trade(told.perpetual, account, short, 100, mark)
        native.run(700, check=True)
        rows = landmarks(native)
        published = rows[first(rows, PUBLICATION)]
        assert published.mover is not None
        assert published.mover.kind == MOVED_BY_CANCEL
        assert published.mover.account == told.maker_account
        assert published.parent == published.mover.cause == first(rows, WITHDRAWAL)
        assert rows[first(rows, LIQUIDATION, account)].parent == first(rows, PUBLICATION)
        assert told.twin.disagreements() == []

    def test_g1_a_return_descends_from_its_withdrawal(self, told):
        told.native.run(3_000, check=True)
        rows = landmarks(told.native)
        returned = rows[first(rows, RETURN)]
        assert returned.parent == first(rows, WITHDRAWAL)
        assert returned.time_ms >= rows[returned.parent].time_ms + 600

    def test_g5_the_first_quotes_after_a_return_have_it_as_cause(self, told):
        probe = Withdrawal()
        probe.native.run(3_000)
        seen = landmarks(probe.native)
        return_ms = seen[first(seen, RETURN)].time_ms
        # In that millisecond, before the maker looks, the static bid leaves: what it bids then is the best.
        told.native.send_cancel(told.static_bid, at_ms=return_ms)
        told.native.run(3_000, check=True)
        rows = landmarks(told.native)
        returned = first(rows, RETURN)
        assert rows[returned].time_ms == return_ms
        table = told.native.prices()
        caused = zip(table["time_ms"].tolist(), table["cause"].tolist(), strict=True)
        assert min(time_ms for time_ms, cause in caused if cause == returned) == return_ms + 2

    def test_the_return_size_holds_from_the_first_return_on(self, told):
        told.native.run(3_000, check=True)
        rows = landmarks(told.native)
        withdrawn_ms, return_ms = rows[first(rows, WITHDRAWAL)].time_ms, rows[first(rows, RETURN)].time_ms
        journal = told.native.journal()
        names = ("account", "kind", "time_ms", "qty")
        sent = [
            (time_ms - 1, qty)  # it is 1 ms on its way
            for account, kind, time_ms, qty in zip(*(journal[name].tolist() for name in names), strict=True)
            if account == told.maker_account and kind == JOURNAL_PLACE
        ]
        assert {qty for time_ms, qty in sent if time_ms < withdrawn_ms} == {50}
        assert {qty for time_ms, qty in sent if withdrawn_ms <= time_ms < return_ms} == {
            50
        }  # withdrawn, it still offers
        assert {qty for time_ms, qty in sent if time_ms >= return_ms} == {25}


class Falling:
    """Hold a perpetual whose mark is its mid (nothing has traded): sampled and published every 100 ms.

    `breached` opens a long that any fall of the mark liquidates, so that the next publication becomes a landmark with
    its mover. Every order is sent by an account of its own; the story says who.
    """

    def __init__(self, *, lag_ms=0):
        self.twin = TwinWorld()
        self.twin.asset(), self.twin.asset()
        self.native = self.twin.native
        self.market = self.perpetual(lag_ms=lag_ms)
        self.tickets: dict[int, int] = {}

    def perpetual(self, *, lag_ms=0):
        market = self.twin.perpetual(QUOTE, maintenance_ppm=100_000)
        self.native.add_mark(market, every_ms=100, lag_ms=lag_ms)
        return market

    def place(self, side, price, qty=1, *, at_ms, market=None):
        """Let a new account send an order; return the account."""
        account = self.twin.account(10**9, 10**6)
        market = self.market if market is None else market
        self.tickets[account] = self.native.send_order(account, market, side, price, qty, at_ms=at_ms)
        return account

    def cancel(self, account, *, at_ms):
        self.native.send_cancel(self.tickets[account], at_ms=at_ms)

    def breached(self):
        """Open a long at the mark whose collateral just covers the maintenance."""
        mark = self.native.market(self.market)["mark"]
        self.native.open_trade(self.market, self.twin.account(mark), self.twin.account(10**9), 10, mark)

    def publication(self):
        rows = landmarks(self.native)
        assert self.twin.disagreements() == []
        return rows[first(rows, PUBLICATION)]


class TestLargestMover:
    @pytest.mark.parametrize("middle_price", [95, 86])
    def test_g4_of_two_falls_the_largest_wins_whichever_came_first(self, middle_price):
        story = Falling()
        story.place(SELL, 110, at_ms=1)
        story.place(BUY, 80, at_ms=1)
        middle, best = story.place(BUY, middle_price, at_ms=1), story.place(BUY, 101, at_ms=1)
        story.native.run(100, check=True)
        story.breached()
        story.cancel(best, at_ms=110)
        story.cancel(middle, at_ms=120)
        story.native.run(200, check=True)
        published = story.publication()
        assert published.value == (80 + 110) // 2
        # The mid falls from 105 to 102 to 95, or from 105 to 98 to 95.
        wanted = {95: Mover(120, MOVED_BY_CANCEL, middle, 1, 0), 86: Mover(110, MOVED_BY_CANCEL, best, 1, 0)}
        assert published.mover == wanted[middle_price]

    def test_g4_a_rise_does_not_hide_a_fall(self):
        story = Falling()
        story.place(SELL, 104, at_ms=1)
        story.place(BUY, 80, at_ms=1)
        middle, best = story.place(BUY, 92, at_ms=1), story.place(BUY, 100, at_ms=1)
        story.native.run(100, check=True)
        story.breached()
        story.cancel(best, at_ms=110)  # the mid: 102 -> 98
        story.cancel(middle, at_ms=120)  # -> 92
        story.place(BUY, 94, at_ms=130)  # -> 99: the last mover, and the largest move of all
        story.native.run(200, check=True)
        published = story.publication()
        assert (published.value, published.mover) == (99, Mover(120, MOVED_BY_CANCEL, middle, 1, 0))

    def test_g4_one_command_is_one_step_of_the_last_price(self):
        story = Falling()
        story.place(SELL, 140, 100, at_ms=1)
        for price, qty in ((100, 1), (99, 1), (98, 1), (90, 1), (88, 9)):
            story.place(BUY, price, qty, at_ms=1)
        story.place(SELL, None, 1, at_ms=2)  # last 100, below the mid of (99 + 140) / 2
        story.native.run(100, check=True)
        assert story.native.market(story.market)["mark"] == 100
        story.breached()
        sweeper = story.place(SELL, None, 3, at_ms=110)  # 99, 98, 90: a fall of 10 in one step
        story.place(SELL, None, 1, at_ms=120)  # 88
        story.native.run(200, check=True)
        published = story.publication()
        assert (published.value, published.mover) == (88, Mover(110, MOVED_BY_TRADE, sweeper, 1, 0))

    def test_g4_with_one_side_empty_the_mid_counts_as_the_other_sides_best(self):
        story = Falling()
        story.place(BUY, 100, at_ms=1)
        low = story.place(SELL, 104, at_ms=1)
        story.native.run(100, check=True)
        story.breached()
        story.cancel(low, at_ms=110)  # 102 -> 100: a fall of 2
        late = story.place(SELL, 103, at_ms=120)  # 100 -> 101: a rise, and the last mover
        story.native.run(200, check=True)
        published = story.publication()
        assert (published.value, published.mover) == (101, Mover(110, MOVED_BY_CANCEL, low, 1, 0))
        assert published.mover.account != late

    def test_g4_where_nothing_moved_that_way_the_last_mover_is_named(self):
        story = Falling()
        spot = story.twin.spot(BASE, QUOTE)
        story.native.add_index(story.market, spot, every_ms=50, lag_ms=0)
        story.place(SELL, 110, at_ms=1)
        story.place(BUY, 110, at_ms=1)  # last 110
        story.place(BUY, 70, at_ms=2)
        riser = story.place(SELL, 110, at_ms=3)  # mid 90, up from the bid alone
        story.place(SELL, 101, at_ms=1, market=spot)
        story.place(BUY, 59, at_ms=1, market=spot)
        best = story.place(BUY, 99, at_ms=1, market=spot)  # index 100: the median
        story.native.run(100, check=True)
        assert story.native.market(story.market)["mark"] == 100
        story.breached()
        story.cancel(best, at_ms=140)  # index 80 from 150 on; the perpetual itself is quiet
        story.native.run(200, check=True)
        published = story.publication()
        assert (published.value, published.mover) == (90, Mover(3, MOVED_BY_PLACE, riser, 1, 0))

    def test_g4_two_samplers_of_one_millisecond_see_the_same_mover(self):
        story = Falling()
        other = story.twin.perpetual(QUOTE)
        story.native.add_index(other, story.market, every_ms=100, lag_ms=0)
        story.place(SELL, 110, 100, at_ms=1)
        for price in (100, 98, 80):
            story.place(BUY, price, at_ms=1)
        story.native.run(100, check=True)
        story.breached()
        story.native.add_agents(
            "shock", story.twin.account(10**6), 0, market=story.market, side=SELL, qty_lots=2, start_ms=150
        )  # the mid: 105 -> 95
        story.place(BUY, 81, at_ms=160)  # background, and the last mover
        story.native.run(200, check=True)
        shock = first(landmarks(story.native), SHOCK)
        table = story.native.prices()
        columns = (table[name].tolist() for name in ("time_ms", "kind", "market", "price_ticks", "cause"))
        rows = [row[1:] for row in zip(*columns, strict=True) if row[0] == 200]
        # The mark was declared, so it is sampled, before the index.
        assert rows == [(MARK_ROW, story.market, 95, shock), (INDEX_ROW, other, 95, shock)]
        assert story.publication().parent == shock


@pytest.fixture(scope="module")
def world():
    twin = small_world()
    twin.native.run(6_000)
    return twin


class TestWhole:
    def test_the_story_is_rich_enough(self, world):
        kinds = {row.kind for row in landmarks(world.native)}
        assert kinds >= {SHOCK, WITHDRAWAL, RETURN, PUBLICATION, LIQUIDATION, STEP}

    def test_g6_weights_sum_to_a_million_and_parents_come_first(self, world):
        rows = landmarks(world.native)
        weights: dict[int, int] = {}
        heaviest: dict[int, tuple[int, int]] = {}
        for child, parent, weight_ppm in rows_of(world.native.causes()):
            assert 0 < parent < child
            assert rows[parent].time_ms <= rows[child].time_ms
            weights[child] = weights.get(child, 0) + weight_ppm
            heaviest[child] = max(heaviest.get(child, (0, 0)), (weight_ppm, parent))
        assert set(weights.values()) == {ALL_PPM}
        # A landmark with a parent has causes, a root has none.
        assert set(weights) == {slot for slot, row in enumerate(rows) if row.parent}
        assert {slot: parent for slot, (_, parent) in heaviest.items()} == {
            slot: row.parent for slot, row in enumerate(rows) if row.parent
        }

    def test_g1_numbers_count_per_market(self, world):
        counts: dict[int, int] = {}
        for row in landmarks(world.native)[1:]:
            counts[row.market] = counts.get(row.market, 0) + 1
            assert row.number == counts[row.market]

    def test_g5_kinds_have_the_parents_that_the_rule_names(self, world):
        rows = landmarks(world.native)
        for row in rows[1:]:
            if row.kind in (LIQUIDATION, STEP, BAD_DEBT, RETURN):
                wanted = {LIQUIDATION: PUBLICATION, STEP: LIQUIDATION, BAD_DEBT: LIQUIDATION, RETURN: WITHDRAWAL}
                assert rows[row.parent].kind == wanted[row.kind]
            if row.kind == SHOCK:
                assert row.parent == 0
            if row.kind == PUBLICATION:
                assert row.mover is not None
                assert row.parent == row.mover.cause

    def test_g7_generations_count_the_liquidations_above(self, world):
        rows = landmarks(world.native)
        for row in rows[1:]:
            above, slot = 0, row.parent
            while slot:
                above += rows[slot].kind == LIQUIDATION
                slot = rows[slot].parent
            assert row.generation == above + (row.kind == LIQUIDATION)

    def test_g2_every_cause_is_a_landmark_of_its_time_or_before(self, world):
        rows = landmarks(world.native)
        for table in (world.native.trades(), world.native.prices()):
            for time_ms, cause in zip(table["time_ms"].tolist(), table["cause"].tolist(), strict=True):
                assert 0 <= cause < len(rows)
                assert rows[cause].time_ms <= time_ms
