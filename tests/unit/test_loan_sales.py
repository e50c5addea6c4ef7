"""Forced sales of a centralised lender (Y-14, Y-21, Y-23): who is told, steps into a real book, what is left."""

from __future__ import annotations

import pytest
from lendkit import BUY, COIN, DOLLAR, TICKS, Town

from engine import Agent, _core
from engine.forest import LandmarkKind
from engine.testing.worlds import landmark_rows

PAUSE = 1_000  # Y-23: after a step that fetched nothing
CALL, LAST = 8_666, 7_831  # ticks: 650 / 0.75 and 650 / 0.83 dollars for a thousand coins, down


class Desk(Town):
    """A desk that lends 65 %, calls at 75 % and sells at 83 %; whoever borrows brings a thousand coins at 1."""

    def __init__(self, **options):
        terms = {"call_ppm": 750_000, "liquidation_ppm": 830_000, **options}
        super().__init__("loan", terms=(650_000, 650_000, 0), **terms)

    def owing(self, account):
        """What it has there: coins and dollars, atoms."""
        assets = self.loan(account)["assets"]
        return assets.get(self.coin, (0, 0))[0], assets.get(self.usd, (0, 0))[1]

    def steps(self):
        """Return (time, account, lots) of the steps."""
        return [(row[0], row[4], row[7]) for row in landmark_rows(self.world) if row[1] == LandmarkKind.STEP]

    def bid(self, account, ticks, coins, at_ms):
        self.world.send_order(account, self.market, BUY, ticks, coins, at_ms=at_ms)

    def seller_is_empty(self):
        seller = self.told()["seller"]
        return self.has(seller, self.coin) == self.has(seller, self.usd) == 0


class Debtor(Agent):
    """Keep what it is told of its loan; called, it repays what the story says."""

    def __init__(self, town, repays=0):
        self.town, self.repays, self.told, self.acted = town, repays, [], []

    def on_loan(self, context, protocol, level):
        self.told.append((context.time_ms, protocol, level))
        if self.repays and level == 1:
            context.send_action("repay", self.town.protocol, self.repays * DOLLAR, asset=self.town.usd)

    def on_action(self, context, notice):
        self.acted.append((context.time_ms, notice.reason, notice.paid))


class TestTold:
    def story(self, repays=0):
        desk = Desk()
        account = desk.borrower(1_000, 650)
        agent = Debtor(desk, repays)
        desk.world.add_python(agent, account, 1, latency_ms=5)
        desk.passes(10)
        return desk, account, agent

    def test_y21_a_borrower_is_told_of_the_call_and_of_the_end(self):
        desk, account, agent = self.story()
        desk.falls(CALL + 1)
        assert desk.loan(account)["level"] == 0
        desk.falls(CALL)
        called = desk.world.now_ms
        assert [row[:2] for row in desk.landmarks(LandmarkKind.MARGIN_CALL)] == [(account, (866_600 - 650_000) * 1_000)]
        desk.passes(20)
        assert agent.told == [(called + 5, desk.protocol, 1)]
        desk.falls(LAST + 1)
        desk.passes(20)
        assert len(agent.told) == 1  # called once
        desk.falls(LAST)
        fallen = desk.world.now_ms
        desk.passes(20)
        assert agent.told[1:] == [(fallen + 5, desk.protocol, 2)]

    def test_y21_who_repays_in_time_keeps_the_collateral(self):
        desk, account, agent = self.story(repays=200)
        desk.falls(CALL)
        called = desk.world.now_ms
        desk.passes(20)
        assert agent.acted == [(called + 15, 0, 200 * DOLLAR)]  # told, sent, told
        assert desk.owing(account) == (1_000 * COIN, 450 * DOLLAR)
        assert desk.loan(account)["level"] == 0
        desk.falls(LAST)
        desk.passes(1_000)
        assert (desk.steps(), desk.told()["liquidations"]) == ([], 0)

    def test_y21_too_little_is_not_enough(self):
        desk, account, agent = self.story(repays=1)
        desk.falls(CALL - 10)  # 649 / 0.8656 are 74.98 %
        desk.passes(20)
        assert desk.loan(account)["level"] == 0
        again, other, _ = self.story(repays=1)
        again.falls(CALL - 20)  # 649 / 0.8646: 75.06 %
        again.passes(20)
        assert again.loan(other)["level"] == 1
        assert len(agent.told) == 1


class TestSteps:
    def test_y23_a_tenth_at_a_time_until_it_stands(self):
        desk = Desk(sale_ppm=100_000, sale_ms=500)
        account = desk.borrower(1_000, 650)
        buyer = desk.bids([(7_000, 2_000)])
        desk.falls(7_000)
        begun = desk.world.now_ms
        desk.passes(20_000)
        claim, debt, steps = 1_000, 650 * DOLLAR, []
        while debt * 1_000_000 >= claim * 700_000 * 830_000:  # the rule, in whole lots
            lots = claim // 10
            steps.append((begun + 500 * len(steps), account, lots))
            claim, debt = claim - lots, debt - lots * 700_000
        assert desk.steps() == steps
        assert [lots for _, _, lots in steps] == [100, 90, 81, 72, 65, 59, 53, 48, 43]
        assert desk.owing(account) == (claim * COIN, debt) == (389 * COIN, 222_300_000)
        assert desk.has(buyer, desk.coin) == 611 * COIN
        told = desk.told()
        assert (told["liquidations"], told["repaid_value"], told["work"]) == (9, 427_700_000, 0)
        assert desk.reserve(desk.usd)["cash"] == (10**6 - 650) * DOLLAR + 427_700_000
        assert desk.loan(account)["level"] == 1  # 81.6 %: called still

    def test_y23_a_step_sells_a_lot_at_least(self):
        desk = Desk(sale_ppm=1, sale_ms=2)
        account = desk.borrower(1_000, 650)
        desk.bids([(LAST, 1_000)])
        desk.falls(LAST)
        desk.passes(6)
        # 650 / 783.1 is 83.003 %; a coin less each way and it is 82.99 %.
        assert [row[2] for row in desk.steps()] == [1]
        assert desk.owing(account) == (999 * COIN, 650 * DOLLAR - LAST * 100)

    def test_y23_without_a_pause_a_step_each_millisecond(self):
        desk = Desk(sale_ppm=300_000, sale_ms=1)
        account = desk.borrower(1_000, 650)
        desk.bids([(7_000, 2_000)])
        desk.falls(7_000)
        begun = desk.world.now_ms
        desk.passes(50)
        assert desk.steps() == [(begun, account, 300), (begun + 1, account, 210), (begun + 2, account, 147)]
        assert desk.owing(account) == (343 * COIN, (650_000 - 657 * 700) * 1_000)

    def test_y23_down_the_levels_of_the_book_and_the_rest_is_the_borrowers(self):
        desk = Desk()
        account = desk.borrower(1_000, 650)
        desk.bids([(7_800 - 50 * level, 100) for level in range(20)])
        desk.falls(LAST)
        desk.passes(1)
        # 100 coins at each of 0.7800, 0.7750 .. 0.7350: 757.50 dollars
        assert desk.owing(account) == (0, 0)
        assert desk.has(account, desk.usd) == 650 * DOLLAR + 107_500_000
        assert desk.world.market(desk.market)["last"] == 7_350
        assert desk.seller_is_empty()

    def test_y23_what_is_worth_most_is_sold_first(self):
        desk = Desk(sale_ms=10)
        world = desk.world
        other = world.add_spot(desk.gas, desk.usd, atoms_per_tick_lot=100, base_atoms_per_lot=COIN)
        world.add_reserve(desk.protocol, desk.gas, price=(1, 1), terms=(650_000, 650_000, 0), sale_market=other)
        account = desk.trader(coin=600, gas=500 * COIN)
        for asset, coins in ((desk.coin, 600), (desk.gas, 500)):
            assert desk.act(account, "supply", coins * COIN, asset=asset)[0] == 0
        assert desk.act(account, "borrow", 700 * DOLLAR, asset=desk.usd)[0] == 0
        buyer = desk.bids([(5_000, 600)])
        world.deposit(buyer, desk.usd, 500 * DOLLAR)
        world.send_order(buyer, other, BUY, 9_000, 500, at_ms=world.now_ms)
        desk.falls(5_000)  # 300 and 500 against 700: 87.5 %
        desk.passes(30)
        assert [row[2] for row in desk.steps()] == [500, 600]
        trades = world.trades()
        sold = zip(trades["market"].tolist(), trades["qty_lots"].tolist(), strict=True)
        assert list(sold) == [(other, 500), (desk.market, 600)]
        # 450 leave 250 against 300, 83.3 %: the coins fetch 300.
        assert desk.loan(account)["assets"] == {}
        assert desk.has(account, desk.usd) == (700 + 50) * DOLLAR
        assert desk.reserve(desk.usd)["deficit"] == 0


class TestUnsold:
    @pytest.mark.parametrize(("sale_ms", "every"), [(1, PAUSE), (100, PAUSE), (5_000, 5_000)])
    def test_y23_without_bids_it_comes_back_and_is_offered_again(self, sale_ms, every):
        desk = Desk(sale_ms=sale_ms)
        account = desk.borrower(1_000, 650)
        desk.passes(10)
        desk.falls(LAST)
        begun = desk.world.now_ms
        assert desk.owing(account) == (0, 650 * DOLLAR)  # on its way
        desk.passes(1)
        assert desk.owing(account) == (1_000 * COIN, 650 * DOLLAR)
        events = desk.world.run(begun + 60_000 - 1, check=True)
        assert desk.steps() == [(begun + every * step, account, 1_000) for step in range(60_000 // every)]
        assert events <= 5 * 60_000 // every
        assert desk.seller_is_empty()
        assert desk.owing(account) == (1_000 * COIN, 650 * DOLLAR)
        desk.bids([(7_000, 1_000)])
        desk.passes(every + 1)
        assert desk.owing(account) == (0, 0)
        assert desk.has(account, desk.usd) == (650 + 50) * DOLLAR

    def test_y23_a_part_is_sold_and_the_rest_comes_back(self):
        desk = Desk(sale_ms=100)
        account = desk.borrower(1_000, 650)
        buyer = desk.bids([(7_000, 150)])
        desk.falls(7_000)
        begun = desk.world.now_ms
        desk.passes(1)
        assert desk.owing(account) == (850 * COIN, (650 - 105) * DOLLAR)  # 91.6 %
        desk.world.deposit(buyer, desk.usd, 10**4 * DOLLAR)
        desk.bid(buyer, 7_000, 400, begun + 50)
        desk.passes(100)
        assert desk.owing(account) == (450 * COIN, (545 - 280) * DOLLAR)  # 84.1 %
        desk.passes(100)  # nobody bids
        assert desk.owing(account) == (450 * COIN, 265 * DOLLAR)
        desk.bid(buyer, 7_000, 1_000, begun + 700)
        desk.passes(1_000)
        assert desk.steps() == [
            (begun + at, account, lots) for at, lots in ((0, 1_000), (100, 850), (200, 450), (200 + PAUSE, 450))
        ]
        assert desk.owing(account) == (0, 0)
        assert desk.has(account, desk.usd) == (650 + 315 - 265) * DOLLAR

    def test_y23_when_all_is_sold_the_lender_bears_the_rest(self):
        desk = Desk(sale_ppm=500_000, sale_ms=10)
        account = desk.borrower(1_000, 650)
        desk.bids([(6_000, 600), (1_000, 10_000)])
        desk.falls(6_000)
        desk.passes(500)
        lots = [row[2] for row in desk.steps()]
        assert lots == [500, 250, 125, 62, 31, 16, 8, 4, 2, 1, 1]  # halves, a lot at least
        fetched = 600 * 600_000 + 400 * 100_000
        assert desk.reserve(desk.usd)["deficit"] == 650 * DOLLAR - fetched == 250 * DOLLAR
        last = max(number for number, row in enumerate(landmark_rows(desk.world)) if row[1] == LandmarkKind.STEP)
        [(who, value, number, parent)] = desk.landmarks(LandmarkKind.BAD_DEBT)
        [(_, _, liquidation, _)] = desk.landmarks(LandmarkKind.LIQUIDATION)
        assert (who, value, parent) == (account, 250 * DOLLAR, liquidation)
        assert number > last
        assert desk.loan(account)["assets"] == {}
        assert desk.has(account, desk.usd) == 650 * DOLLAR
        assert desk.reserve(desk.usd)["claims"] == 10**6 * DOLLAR  # suppliers are told what they had


class TestMany:
    def test_y23_in_turn_the_worst_first(self):
        desk = Desk(sale_ppm=500_000, sale_ms=100)
        better = desk.borrower(1_000, 640)
        worse = desk.borrower(1_000, 650)
        desk.bids([(7_000, 5_000)])
        desk.falls(7_000)
        begun = desk.world.now_ms
        assert desk.told()["work"] == 2
        desk.passes(5_000)
        # Half sold, 300 against 350 are 85.7 %, 290 are 82.9 %.
        assert desk.steps() == [(begun, worse, 500), (begun + 100, better, 500), (begun + 200, worse, 250)]
        assert desk.owing(worse) == (250 * COIN, 125 * DOLLAR)
        assert desk.owing(better) == (500 * COIN, 290 * DOLLAR)
        assert desk.told()["work"] == 0

    def test_y23_what_one_fetches_is_not_the_others(self):
        desk = Desk(sale_ms=3)
        debts = [650, 649, 648, 640]
        accounts = [desk.borrower(1_000, debt) for debt in debts]
        desk.bids([(7_000, 1_500), (6_900, 10_000)])
        desk.falls(7_000)
        desk.passes(100)
        assert [row[1] for row in desk.steps()] == accounts
        fetched = [700, 350 + 345, 690, 690]
        for account, debt, money in zip(accounts, debts, fetched, strict=True):
            assert desk.has(account, desk.usd) == (debt + money - debt) * DOLLAR
        assert desk.reserve(desk.usd)["cash"] == 10**6 * DOLLAR
        assert desk.seller_is_empty()

    def test_y23_its_sale_is_its_step_and_the_next_publication_descends_from_it(self):
        desk = Desk()
        world = desk.world
        first, second = desk.borrower(1_000, 650), desk.borrower(1_000, 620)  # the second below 0.7469
        desk.bids([*((7_800 - 50 * level, 100) for level in range(10)), (7_300, 1_000)])
        world.add_oracle(desk.market, [{"kind": "last", "market": desk.market}], every_ms=1_000, lag_ms=0)
        desk.falls(LAST)
        desk.passes(500)
        assert [desk.owing(account) for account in (first, second)] == [(0, 0), (1_000 * COIN, 620 * DOLLAR)]
        desk.passes(1_000)
        rows = landmark_rows(world)
        fallen = [(number, row) for number, row in enumerate(rows) if row[1] == LandmarkKind.LIQUIDATION]
        assert [(row[4], row[6]) for _, row in fallen] == [(first, 1), (second, 2)]
        publication = rows[fallen[1][1][5]]
        assert (publication[1], publication[7]) == (LandmarkKind.PUBLICATION, 7_350)
        step = rows[publication[5]]
        assert (step[1], step[4], step[5]) == (LandmarkKind.STEP, first, fallen[0][0])
        causes = set(world.trades()["cause"].tolist())
        assert causes == {number for number, row in enumerate(rows) if row[1] == LandmarkKind.STEP}
        assert desk.has(second, desk.usd) == (620 + 730 - 620) * DOLLAR


class TestRecovery:
    """Nobody bids, so the loan stays on the list until something else helps."""

    def story(self):
        desk = Desk()
        account = desk.borrower(1_000, 650)
        desk.falls(7_000)
        desk.passes(400)
        assert (len(desk.steps()), desk.told()["work"], desk.loan(account)["level"]) == (1, 1, 2)
        return desk, account

    @pytest.mark.parametrize(("ticks", "level"), [(LAST + 1, 1), (CALL + 1, 0)])
    def test_y21_by_the_price(self, ticks, level):
        desk, account = self.story()
        desk.falls(ticks)
        assert (desk.told()["work"], desk.loan(account)["level"]) == (0, level)
        desk.bids([(9_000, 5_000)])
        desk.passes(10_000)
        assert len(desk.steps()) == 1
        assert desk.owing(account) == (1_000 * COIN, 650 * DOLLAR)

    @pytest.mark.parametrize("kind", ["repay", "supply"])
    def test_y21_by_what_the_borrower_brings(self, kind):
        desk, account = self.story()
        if kind == "repay":
            assert desk.act(account, "repay", 200 * DOLLAR, asset=desk.usd)[0] == 0  # 450 / 700
        else:
            desk.world.deposit(account, desk.coin, 500 * COIN)
            assert desk.act(account, "supply", 500 * COIN, asset=desk.coin)[0] == 0  # 650 / 1,050
        assert desk.told()["work"] == 0
        desk.passes(10_000)
        assert len(desk.steps()) == 1
        assert desk.loan(account)["level"] == 0

    def test_y21_and_falls_again(self):
        desk, account = self.story()
        desk.falls(TICKS)
        desk.passes(5_000)
        desk.bids([(7_000, 1_000)])
        desk.falls(7_000)
        desk.passes(10)
        assert len(desk.landmarks(LandmarkKind.LIQUIDATION)) == 2
        assert [row[2] for row in desk.steps()] == [1_000, 1_000]
        assert desk.has(account, desk.usd) == 700 * DOLLAR


def test_j3_in_every_millisecond_of_a_sale():
    desk = Desk(sale_ppm=300_000, sale_ms=3)
    accounts = [desk.borrower(1_000, debt) for debt in (650, 645)]
    desk.bids([(7_000, 800), (6_500, 150)])
    desk.publish(7_000)
    copies = []
    for _ in range(20):
        desk.passes(1)
        copies += [_core.World.restore(desk.world.snapshot()), desk.world.fork()]
    desk.passes(3_000)
    assert {row[1] for row in desk.steps()} == set(accounts)
    for copy in copies:
        copy.run(desk.world.now_ms, check=True)
        assert copy.digest() == desk.world.digest()
