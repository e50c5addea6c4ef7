"""Liquidation bots over time (A-11): counts that add up, money that works again, a sale that makes the next wave."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from lendkit import BUY, COIN, DOLLAR, TICKS, Refusal, Town

from engine import Agent
from engine.bots import bot_edge, bot_size
from engine.forest import LandmarkKind
from engine.testing.worlds import landmark_rows

EDGE = bot_edge(40_000, 100_000)  # 1.036
LIMIT = 9_653  # ticks: 1 / 1.036 is 0.96525
RICH = 10**8
MILLION = 10**6
CURED = 930_000  # half of it repaid leaves (1,000,000 - 483,600) * 92 % above 465,000
LIQUIDATE, FLASH = 6, 7
LIQUIDATE_GAS = 500_000


class Hunt(Town):
    """A loan of a million coins, made at 1.10 and due at 1, and bids of `lots` on each tick from 1 down."""

    def __init__(self, lots=1_000, *, debt=950_000, **options):
        super().__init__(bank=RICH, price=11_000, **options)
        self.world.record(actions=True, trades=True)
        self.lots = lots
        self.bids([(TICKS - level, lots) for level in range(1_000)])
        self.owing = self.borrower(MILLION, debt)
        self.passes(10)

    def bot(self, usd=RICH, gas=0, **parameters):
        account = self.trader(usd=usd, gas=gas)
        terms = {"market": self.market, "protocol": self.protocol, "every_ms": 100, **parameters}
        self.world.add_agents("bot", account, account, **terms)
        return account

    def wait(self, ms):
        self.falls(TICKS)
        self.passes(ms)
        return self

    def did(self, account):
        return self.world.bots([account])[account]

    def liquidations(self):
        """Return (account, reason, repaid, seized) of what bots sent, in order."""
        table = self.world.table("actions")
        names = ("kind", "account", "reason", "paid_atoms", "got_atoms")
        rows = zip(*(table[name].tolist() for name in names), strict=True)
        return [row[1:] for row in rows if row[0] in (LIQUIDATE, FLASH)]


class TestByHand:
    """475,000 may be repaid (half, at a health above 0.95) for 494,000 coins less a fee of 1,900."""

    WHOLE, GOT = 475_000 * DOLLAR, 492_100 * COIN

    @pytest.mark.parametrize("lots", [10, 100, 1_000])
    def test_a11_cover_seizure_and_gain_to_the_atom(self, lots):
        hunt = Hunt(lots)
        bot = hunt.bot()
        hunt.wait(10)
        assert ceil(TICKS / EDGE) == LIMIT
        sold = (TICKS - LIMIT + 1) * lots  # 348 levels
        cover = self.WHOLE * sold // (self.GOT // COIN)
        base = cover * 104 // 100
        fee = ceil(Fraction(base - base * 100 // 104, 10))
        assert hunt.liquidations()[0] == (bot, 0, cover, base - fee)
        assert abs(cover - bot_size(EDGE, TICKS * lots * DOLLAR)) <= lots * DOLLAR  # within a level
        # What it got is an atom or two short of whole lots: one lot stays behind, unsold but for its last atom.
        whole, rest = divmod(base - fee, COIN)
        assert (whole, hunt.did(bot)["unsold"]) == (sold - 1, rest)
        fetched = (sum(range(LIMIT, TICKS + 1)) * lots - LIMIT) * 100
        assert hunt.has(bot, hunt.usd) == RICH * DOLLAR - cover + fetched

    def test_a11_the_close_factor_bounds_it_in_a_deep_book(self):
        hunt = Hunt(10_000, debt=CURED)
        bot = hunt.bot()
        hunt.wait(10)
        assert hunt.liquidations() == [(bot, 0, 465_000 * DOLLAR, 481_740 * COIN)]  # times 1.036
        assert hunt.loan(hunt.owing)["level"] == 0
        # 48 whole levels and 1,740 coins of the next
        fetched = (sum(range(9_953, TICKS + 1)) * 10_000 + 9_952 * 1_740) * 100
        assert hunt.has(bot, hunt.usd) == (RICH - 465_000) * DOLLAR + fetched
        assert hunt.has(bot, hunt.coin) == 0


class TestMoney:
    @pytest.mark.parametrize("capital", [10_000, 77])
    def test_a11_its_capital_works_again_and_again(self, capital):
        hunt = Hunt(100)
        hunt.bot(capital=capital * DOLLAR)
        hunt.wait(20_000)
        paid = [row[2] for row in hunt.liquidations() if row[1] == 0]
        assert len(paid) > 3
        assert paid[0] == max(paid) == capital * DOLLAR
        assert hunt.world.market(hunt.market)["best_bid"] >= LIMIT - 1

    def test_a11_what_it_earns_works_too(self):
        hunt = Hunt()
        bot = hunt.bot(5_000)
        hunt.wait(10)
        assert hunt.liquidations()[0] == (bot, 0, 5_000 * DOLLAR, 5_180 * COIN)
        hunt.passes(20_000)
        paid = [row[2] for row in hunt.liquidations()]
        top = paid.index(max(paid))
        assert paid[: top + 1] == sorted(paid[: top + 1])
        assert max(paid) > 10_000 * DOLLAR  # doubled
        assert hunt.world.market(hunt.market)["best_bid"] <= 9_660  # until the depth is used

    def test_a11_with_nothing_it_stays_away_and_does_not_spin(self):
        hunt = Hunt()
        bot = hunt.bot(0)
        hunt.falls(TICKS)
        events = hunt.world.run(hunt.world.now_ms + 10_000, check=True)
        assert hunt.did(bot)["sent"] == 0
        assert hunt.loan(hunt.owing)["level"] == 1
        assert 90 <= events <= 110  # a look every 100 ms

    @pytest.mark.parametrize(("value", "sent"), [(2_000, 1), (2_000_000_000, 0)])
    def test_a11_gas_counts_what_it_is_worth(self, value, sent):
        hunt = Hunt(10)
        hunt.world.set_blocks(0, every_ms=200, gas_asset=hunt.gas, base_price=1_000)
        bot = hunt.bot(gas=10**12, gas_value=value)
        # 5 * 10^8 atoms of gas are worth a dollar, or a million; the profit is some 60 dollars.
        hunt.wait(200 - hunt.world.now_ms - 1)
        assert hunt.did(bot)["sent"] == sent
        assert hunt.has(bot, hunt.gas) == 10**12 - sent * LIQUIDATE_GAS * 1_000


class TestCounts:
    def test_a11_counts_agree_with_the_actions_table(self):
        hunt = Hunt(2_000, debt=CURED)
        hunt.bids([(8_000, 10**6)])  # they all count on the same bids: somebody sells at a loss
        terms = ({"latency_ms": 2, "capital": 40_000 * DOLLAR}, {"usd": 30_000}, {"scan": 1}, {"latency_ms": 30})
        bots = [hunt.bot(**each) for each in terms]
        debts = [(1_000, 950), (20_000, 19_000), (300_000, 285_000)]
        for coins, debt in debts:
            hunt.borrower(coins, debt)
        whale = hunt.trader(usd=10**7)
        for step in range(20):
            hunt.world.send_order(whale, hunt.market, BUY, 9_900, 9_000, at_ms=100 + 97 * step)
        hunt.wait(10_000)
        for bot in bots:
            mine = [row for row in hunt.liquidations() if row[0] == bot]
            won = [row for row in mine if row[1] == 0]
            did = hunt.did(bot)
            assert did["sent"] == len(mine) > 0
            assert (did["won"], did["repaid"]) == (len(won), sum(row[2] for row in won))
            assert did["seized"] == sum(row[3] for row in won)
            assert did["unsold"] == hunt.has(bot, hunt.coin) < COIN  # less than a lot
        assert {row[1] for row in hunt.liquidations()} > {0}  # somebody came too late
        assert hunt.told()["liquidations"] == sum(hunt.did(bot)["won"] for bot in bots)
        owed = (CURED + sum(debt for _, debt in debts)) * DOLLAR
        reserve = hunt.reserve(hunt.usd)
        assert owed - reserve["debt"] - reserve["deficit"] == sum(hunt.did(bot)["repaid"] for bot in bots)

    @pytest.mark.parametrize("scan", [1, 3])
    def test_a11_it_looks_at_so_many_loans_at_once(self, scan):
        hunt = Hunt(10_000, debt=980_000)
        for _ in range(4):
            hunt.borrower(1_000, 985)
        bot = hunt.bot(scan=scan)
        hunt.wait(2)
        assert hunt.did(bot)["sent"] == scan

    def test_a11_of_four_one_wins_and_three_pay_for_nothing(self):
        hunt = Hunt(10_000, debt=CURED)
        hunt.world.set_blocks(0, every_ms=200, gas_asset=hunt.gas, base_price=2)
        tips = (0, 100_000, 300_000, 200_000)
        bots = [hunt.bot(gas=10**12, tip_ppm=tip, latency_ms=1 + 10 * place) for place, tip in enumerate(tips)]
        hunt.wait(150 - hunt.world.now_ms)
        assert hunt.world.blocks(0)["waiting"] == 4
        hunt.passes(200)
        order = [bots[2], bots[3], bots[1], bots[0]]  # by tip, however late they came
        assert [row[:2] for row in hunt.liquidations()] == [(order[0], 0)] + [(b, Refusal.HEALTHY) for b in order[1:]]
        hunt.passes(5_000)
        assert [(hunt.did(bot)["sent"], hunt.did(bot)["won"]) for bot in bots] == [(1, 0), (1, 0), (1, 1), (1, 0)]
        gas = [10**12 - hunt.has(bot, hunt.gas) for bot in bots]
        assert gas[0] == 2 * LIQUIDATE_GAS
        assert gas[0] < gas[1] < gas[3] < gas[2]
        assert hunt.has(0, hunt.gas) == sum(gas)
        for loser in order[1:]:
            assert (hunt.has(loser, hunt.usd), hunt.has(loser, hunt.coin)) == (RICH * DOLLAR, 0)
        assert hunt.has(order[0], hunt.usd) > RICH * DOLLAR


class TestWaves:
    """The oracle follows the last trade: the sale of the first loan's coins brings down a second one."""

    def cascade(self):
        hunt = Hunt()
        second = hunt.borrower(MILLION, 900_000)  # due below 0.9783
        bot = hunt.bot()
        hunt.world.add_oracle(hunt.market, [{"kind": "last", "market": hunt.market}], every_ms=1_000, lag_ms=0)
        return hunt.wait(500), second, bot

    def test_y25_the_sale_carries_the_step(self):
        hunt, _, bot = self.cascade()
        rows = landmark_rows(hunt.world)
        steps = [number for number, row in enumerate(rows) if row[1] == LandmarkKind.STEP]
        [(account, _, fallen, _)] = hunt.landmarks(LandmarkKind.LIQUIDATION)
        assert {(rows[step][4], rows[step][5]) for step in steps} == {(hunt.owing, fallen)} == {(account, fallen)}
        trades = hunt.world.trades()
        sold = zip(*(trades[name].tolist() for name in ("taker_account", "cause", "qty_lots")), strict=True)
        first = [row for row in sold if row[1] == steps[0]]
        assert {row[0] for row in first} == {bot}
        assert sum(row[2] for row in first) == hunt.liquidations()[0][3] // COIN == 347_999
        assert set(trades["cause"].tolist()) == set(steps)

    def test_g7_the_next_publication_descends_from_it(self):
        hunt, second, _ = self.cascade()
        assert hunt.loan(second)["level"] == 0
        hunt.passes(10_000)
        rows = landmark_rows(hunt.world)
        fallen = [(number, row) for number, row in enumerate(rows) if row[1] == LandmarkKind.LIQUIDATION]
        assert [(row[4], row[6]) for _, row in fallen[:2]] == [(hunt.owing, 1), (second, 2)]
        publication = rows[fallen[1][1][5]]
        assert (publication[1], publication[7]) == (LandmarkKind.PUBLICATION, LIMIT)
        step = rows[publication[5]]
        assert (step[1], step[4], step[5], step[6]) == (LandmarkKind.STEP, hunt.owing, fallen[0][0], 1)
        assert any(row[1] == LandmarkKind.STEP and row[4] == second and row[6] == 2 for row in rows)


class Watcher(Agent):
    """Keep what it is told of work."""

    def __init__(self):
        self.told = []

    def on_loan(self, context, protocol, level):
        self.told.append((context.time_ms, protocol, level))


def test_y21_a_python_watcher_hears_of_the_same_work():
    hunt = Hunt()
    agent, account = Watcher(), hunt.trader()
    hunt.world.add_python(agent, account, 9, latency_ms=3)
    hunt.world.watch_protocol(account, hunt.protocol)
    hunt.passes(5)
    hunt.falls(TICKS)
    fallen = hunt.world.now_ms
    hunt.passes(50)
    assert agent.told == [(fallen + 3, hunt.protocol, 0)]
