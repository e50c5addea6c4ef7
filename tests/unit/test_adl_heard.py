"""Those whom ADL meets hear of it and answer: makers, traders, hedgers, Python agents (A-2, A-10, N-4, X-11)."""

from __future__ import annotations

import pytest
from agentkit import Scripted
from worldkit import BASE, BUY, QUOTE, SELL, WITHDRAWAL, opened

from engine import ArrayAgent
from engine.bearing import budget_atoms, haircuts, hedges_broken
from engine.forest import LandmarkKind
from engine.lineage import Lineage
from engine.testing.worlds import landmark_rows
from engine.waterfall import Waterfall

LOTS, PRICE, FALLEN = 100, 1_000, 850
AT_MS = 100  # the mark falls; the long is found at once, taken over never, and closed a millisecond later
CLOSED_MS = AT_MS + 1
WORTH, DEFICIT = LOTS * FALLEN, 5_000  # 10,000 of margin, 15,000 lost
RICH = 10**9
ADL, BY_ADL = 10, 2


class Story:
    """A long of 100 lots that ADL closes at 900 against whoever is short; the book is the outside's."""

    def __init__(self, **policy):
        self.twin = twin = opened()
        self.native = native = twin.native
        native.record(waterfall=True, movements=True)
        self.perp = twin.perpetual(QUOTE, price_max=10_000)
        self.spot = twin.spot(BASE, QUOTE, price_max=10_000)
        self.outside = twin.account(RICH, RICH)
        self.long = twin.account(10_000, 0)
        native.set_policy(0, **{"takeover_ppm": 10**6, "adl": "binance", **policy})
        native.publish(self.perp, PRICE)

    def short(self, account, lots=LOTS):
        self.native.open_trade(self.perp, self.long, account, lots, PRICE)
        return account

    def book(self, at_ms=0, price=PRICE, lots=500):
        for market in (self.perp, self.spot):
            for side, away in ((BUY, -1), (SELL, 1)):
                self.native.send_order(self.outside, market, side, price + away, lots, at_ms=at_ms)

    def fall(self, until_ms):
        self.native.run(AT_MS - 1)
        self.native.publish(self.perp, FALLEN)
        self.native.run(until_ms)
        self.native.check_invariants()

    def held(self, account):
        return self.native.position(account, self.perp)[0]

    def adl_landmark(self):
        (number,) = [i for i, row in enumerate(landmark_rows(self.native)) if row[1] == ADL]
        return number

    def sent(self, account, *, after_ms=AT_MS):
        table = self.native.journal()
        names = ("time_ms", "market", "side", "qty", "kind", "account")
        rows = zip(*(table[name].tolist() for name in names), strict=True)
        return [row[:4] for row in rows if row[4:] == (3, account) and row[0] > after_ms]


class TestPython:
    def test_n4_it_is_told_side_lots_price_reason_and_landmark_a_way_back_later(self):
        story, told = Story(), []
        account = story.short(story.twin.account(RICH, 0))
        agent = Scripted(transfer=lambda _, context, transfer: told.append((context.time_ms, transfer)))
        story.native.add_python(agent, account, 1, latency_ms=7)
        story.fall(300)
        ((at_ms, transfer),) = told
        assert at_ms == CLOSED_MS + 7
        assert (transfer.kind, transfer.time_ms, transfer.market, transfer.order) == (8, CLOSED_MS, story.perp, None)
        # It was short and the position that it took is long: a purchase, at (85,000 + 5,000) / 100.
        assert (transfer.side, transfer.lots, transfer.price_ticks, transfer.reason) == (BUY, LOTS, 900, BY_ADL)
        assert transfer.cause == story.adl_landmark()
        assert story.held(account) == 0
        assert [call[0] for call in agent.heard] == ["start", "transfer"]

    def test_n4_who_was_closed_is_told_too(self):
        story, told = Story(), []
        story.short(story.twin.account(RICH, 0))
        agent = Scripted(transfer=lambda _, context, transfer: told.append((transfer.side, transfer.lots)))
        story.native.add_python(agent, story.long, 1)
        story.fall(300)
        assert told == [(SELL, LOTS)]

    def test_n4_an_array_with_an_on_transfer_is_told_by_member(self):
        story = Story()
        members = [story.twin.account(RICH, 0) for _ in range(3)]
        for account, lots in zip(members, (0, 60, 40), strict=True):
            if lots:
                story.short(account, lots)
        agent = Members()
        story.native.add_python(agent, members, [1, 2, 3], as_array=True)
        story.fall(300)
        assert sorted(agent.told) == [(1, BUY, 60), (2, BUY, 40)]

    def test_n4_an_array_without_one_hears_of_nothing_and_shares_its_accounts(self):
        story = Story()
        account = story.short(story.twin.account(RICH, 0))
        heard = Scripted()
        story.native.add_python(heard, account, 1)
        story.native.add_python(ArrayAgent(), [account], [2], as_array=True)
        story.fall(300)
        assert [call[0] for call in heard.heard] == ["start", "transfer"]


class Members(ArrayAgent):
    """Keep what each member is told."""

    def __init__(self):
        self.told = []

    def on_transfer(self, context, member, transfer):
        self.told.append((member, transfer.side, transfer.lots))


class TestMaker:
    TERMS = {"wake_every_ms": 20, "half_spread": 0.01, "leaves_both": 1, "return_after_ms": 200}

    def story(self, *, inventory_max=10**6, **terms):
        story = Story()
        account = story.short(story.twin.account(RICH, RICH))
        number = story.native.add_agents("maker", account, 1, **{**self.TERMS, **terms})
        for market in (story.perp, story.spot):
            story.native.add_quotes(number, market, 10, inventory_max=inventory_max)
        story.book(lots=1)
        return story, account

    def test_a2_one_with_the_rule_leaves_all_its_markets_because_of_the_adl_and_comes_back(self):
        story, account = self.story(leaves_adl=1)
        story.fall(AT_MS + 60)
        assert [order for market in (0, 1) for order in story.native.orders(market) if order.owner == account] == []
        (left,) = [row for row in landmark_rows(story.native) if row[1] == WITHDRAWAL]
        assert (left[4], left[5], left[2]) == (account, story.adl_landmark(), story.perp)
        assert CLOSED_MS < left[0] <= CLOSED_MS + 1 + 30  # at the first look after it has heard
        story.native.run(1_000)
        assert {order.owner for order in story.native.orders(story.spot)} == {story.outside, account}
        assert len([row for row in landmark_rows(story.native) if row[1] == WITHDRAWAL]) == 1

    def test_a2_one_without_it_stays(self):
        story, _ = self.story()
        story.fall(1_000)
        assert [row for row in landmark_rows(story.native) if row[1] == WITHDRAWAL] == []

    def test_a10_the_lots_count_in_its_inventory(self):
        # It takes a hundred lots back and sells ten or twenty: with a lower bound it sends no bid anew.
        for inventory_max, moves in ((60, False), (LOTS + 1, True)):
            story, account = self.story(inventory_max=inventory_max)
            story.native.run(AT_MS - 1)
            story.fall(AT_MS + 1)
            story.native.run(AT_MS + 3)
            story.book(at_ms=AT_MS + 4, price=PRICE + 300, lots=1)
            story.native.send_order(story.outside, story.perp, BUY, PRICE + 200, 30, at_ms=AT_MS + 5)
            story.native.run(AT_MS + 200)
            own = [order for order in story.native.orders(story.perp) if order.owner == account and order.side == BUY]
            assert (own[0].price_ticks > PRICE) is moves


class TestTraders:
    def test_a10_momentum_takes_nothing_back_that_adl_has_closed(self):
        for adl, closes in (("binance", False), (None, True)):
            story = Story(adl=adl, takeover_ppm=10**6 if adl else None, stage_ppm=250_000 if adl else 0)
            account = story.twin.account(RICH, 0)
            terms = {"wake_every_ms": 5, "lookback_ms": 20, "hold_ms": 300, "threshold": 0.005, "qty_lots": LOTS}
            story.native.add_agents("momentum", account, 1, market=story.perp, **terms)
            story.native.send_order(story.outside, story.perp, SELL, PRICE + 1, LOTS, at_ms=0)
            story.native.send_order(story.outside, story.perp, BUY, PRICE - 1, LOTS, at_ms=0)
            # The bid of the long, to whom it sells when the price has fallen by a hundredth.
            story.native.send_order(story.outside, story.perp, SELL, PRICE - 9, 1, at_ms=40)
            story.native.run(41)
            story.native.send_order(story.long, story.perp, BUY, PRICE - 11, LOTS, at_ms=42)
            story.native.send_order(story.outside, story.perp, SELL, None, LOTS, at_ms=43)
            story.native.run(90)
            assert story.held(account) < 0
            story.fall(1_000)
            assert bool(story.sent(account, after_ms=AT_MS + 50)) is closes


class TestHedger:
    @pytest.mark.parametrize(("mode", "market", "side"), [(0, "perp", SELL), (1, "spot", SELL)])
    def test_a9_it_is_left_naked_and_trades_again_because_of_the_adl(self, mode, market, side):
        story = Story()
        account = story.short(story.twin.account(RICH, LOTS))
        story.native.add_agents("hedge", account, 1, market=story.spot, other=story.perp, react_ms=50, mode=mode)
        story.book()
        story.fall(AT_MS + 1)
        assert story.held(account) == 0
        story.native.run(1_000)
        assert [row[1:] for row in story.sent(account)] == [(getattr(story, market), side, LOTS)]
        assert story.held(account) == (-LOTS if mode == 0 else 0)
        trades = story.native.trades()
        assert [cause for cause, taker in zip(trades["cause"].tolist(), trades["taker_account"].tolist(), strict=True)
                if taker == account] == [story.adl_landmark()]  # fmt: skip
        assert story.native.balance(account, BASE)[0] == (LOTS if mode == 0 else 0)


class TestFigures:
    def test_x11_the_counterparties_bear_the_deficit_and_no_more(self):
        story = Story()
        hedger, other = story.twin.account(RICH, 60), story.twin.account(RICH, 0)
        story.short(hedger, 60), story.short(other, 40)
        story.native.add_agents("hedge", hedger, 1, market=story.spot, other=story.perp, react_ms=50)
        story.fall(AT_MS + 10)
        table = story.native.table("waterfall")
        found = haircuts(table, {story.perp: 1})
        assert dict(zip(found.account.tolist(), found.atoms.tolist(), strict=True)) == {hedger: 3_000, other: 2_000}
        assert budget_atoms(table) == {QUOTE: DEFICIT}
        assert hedges_broken(table, [hedger]).lots == {(hedger, story.perp): 60}
        waterfall = Waterfall(story.native)
        assert waterfall.hedgers == [hedger]
        assert waterfall.overshoot == 1.0
        # Sold at 1,000, closed at 900 where the mark was 850: 5 of 15 a lot are gone.
        assert waterfall.haircuts.share == pytest.approx([1 / 3, 1 / 3])
        assert len(waterfall.hedges_broken) == 1
        assert waterfall.counts() == {"adl": 2}
        assert repr(waterfall) == "Waterfall(2 adl)"
        assert "overshoot 1.000" in str(waterfall)

    def test_x11_at_the_mark_nobody_is_cut_and_what_lacks_is_bad_debt(self):
        story = Story(close="mark")
        story.short(story.twin.account(RICH, 0))
        story.fall(AT_MS + 10)
        waterfall = Waterfall(story.native)
        assert (waterfall.haircuts.atoms.tolist(), waterfall.budget_atoms, waterfall.overshoot) == (
            [0], {QUOTE: DEFICIT}, 0.0,
        )  # fmt: skip
        assert waterfall.counts() == {"adl": 1, "bad_debt": 1}

    def test_x10_shared_losses_are_haircuts(self):
        story = Story(close="mark", shares_losses=True)
        for lots in (90, 10):
            story.short(story.twin.account(RICH, 0), lots)
        other = story.twin.account(RICH, 0)
        story.native.open_trade(story.perp, story.outside, other, 50, PRICE)  # short with a profit; ADL spares it
        story.fall(AT_MS + 10)
        waterfall = Waterfall(story.native)
        assert sum(waterfall.haircuts.shared_atoms.tolist()) == DEFICIT
        assert waterfall.overshoot == 1.0
        assert other in waterfall.haircuts.account.tolist()

    def test_the_fund_s_path_is_its_balance(self):
        story = Story()
        story.native.deposit(1, QUOTE, 3_000)
        story.short(story.twin.account(RICH, 0))
        story.fall(AT_MS + 10)
        waterfall = Waterfall(story.native)
        path = waterfall.fund_path(1, QUOTE)
        assert path.atoms.tolist() == [3_000, 0]
        assert path.end_atoms == story.native.balance(1, QUOTE)[0]
        assert waterfall.budget_atoms == {QUOTE: DEFICIT - 3_000}
        assert waterfall.haircuts.total_atoms == {QUOTE: DEFICIT - 3_000}

    def test_g5_the_lineage_goes_from_the_rehedge_to_the_adl_and_on(self):
        story = Story()
        story.short(story.twin.account(RICH, 0))
        story.fall(AT_MS + 10)
        kinds = [row.kind for row in Lineage(story.native).chain(story.adl_landmark())]
        assert kinds == [LandmarkKind.ADL, LandmarkKind.LIQUIDATION, LandmarkKind.PUBLICATION]
