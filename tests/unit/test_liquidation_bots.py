"""Liquidation bots in a world (A-11): the size of the closed form, what stops them, competition, flash liquidations."""

from __future__ import annotations

from fractions import Fraction

import pytest
from lendkit import COIN, DOLLAR, SELL, TICKS, Refusal, Town

from engine import _core
from engine.bots import bot_edge, bot_end_impact, bot_size
from engine.forest import LandmarkKind

EDGE = bot_edge(40_000, 100_000)  # 1.036
PRICE = 9_700
LIQUIDATE, FLASH, SWAP = 6, 7, 10


class Street(Town):
    """One large loan that 0.97 makes liquidatable, and bots."""

    def __init__(self, *, coin=50_000_000, debt=45_000_000, **options):
        super().__init__(bank=10**8, **options)
        self.owing = self.borrower(coin, debt)
        self.world.record(actions=True, trades=True)

    def bot(self, usd=10**8, gas=10**15, latency_ms=10, **parameters):
        account = self.trader(usd=usd, gas=gas)
        self.world.add_agents(
            "bot",
            [account],
            [_core.member_key("bot", account)],
            market=self.market,
            protocol=self.protocol,
            latency_ms=latency_ms,
            **{"every_ms": 100, **parameters},
        )
        return account

    def linear(self, lots, levels=1_000, best=PRICE - 1):
        """Rest so many coins on each tick below the price; return what moves it by all of itself, dollars."""
        self.bids([(best - step, lots) for step in range(levels)])
        return Fraction(lots * PRICE * PRICE, TICKS)

    def did(self, account):
        return self.world.bots([account])[account]

    def actions(self, *names):
        rows = self.world.table("actions")
        return list(zip(*(rows[name].tolist() for name in names), strict=True))


class TestSize:
    @pytest.mark.parametrize("lots", [1, 100, 5_000])
    def test_a11_its_cover_is_the_closed_form(self, lots):
        street = Street()
        bot = street.bot()
        depth = street.linear(lots)
        street.falls(PRICE)
        street.passes(40)
        [(kind, repaid, seized, reason)] = street.actions("kind", "paid_atoms", "got_atoms", "reason")
        assert (kind, reason) == (LIQUIDATE, 0)
        level = Fraction(lots * PRICE, TICKS)  # dollars of one level: a book of ticks is a staircase
        best = bot_size(EDGE, depth)
        assert abs(Fraction(repaid, DOLLAR) - best) <= level
        assert abs(Fraction(seized * PRICE, COIN * TICKS) - best * EDGE) <= level
        assert street.did(bot)["repaid"] == repaid

    def test_a11_a_hundredth_of_the_depth_is_a_hundredth_of_the_size(self):
        repaid = []
        for lots in (5_000, 50):
            street = Street()
            street.bot()
            street.linear(lots)
            street.falls(PRICE)
            street.passes(40)
            repaid.append(street.actions("paid_atoms")[0][0])
        assert abs(Fraction(repaid[0], 100) - repaid[1]) <= 2  # atoms

    def test_a11_its_sale_moves_the_price_by_the_end_impact(self):
        street = Street()
        bot = street.bot()
        street.linear(5_000)
        street.falls(PRICE)
        street.passes(200)
        moved = 1 - Fraction(int(street.world.trades()["price_ticks"].min()), PRICE)
        assert abs(moved - bot_end_impact(EDGE)) < Fraction(1, PRICE)  # a tick
        assert street.did(bot)["unsold"] < COIN
        assert street.has(bot, street.usd) > 10**8 * DOLLAR

    def test_a11_what_it_has_planned_already_is_not_there_for_the_next_loan(self):
        street = Street(coin=1_000, debt=900)
        others = [street.borrower(1_000, 900) for _ in range(9)]
        bot = street.bot()
        street.linear(3)  # 337 levels of 3 pay: 1,011 coins; a loan gives 450 / 0.97 * 1.036 = 480.6
        street.falls(PRICE)
        street.passes(40)
        did = street.did(bot)
        assert (did["sent"], did["won"]) == (3, 3)
        assert 1_011 * COIN <= did["seized"] <= 1_013 * COIN  # with fractions of lots
        assert len(others) == 9
        street.passes(300)
        assert int(street.world.trades()["price_ticks"].min()) == 9_362  # the fractions made a lot more

    def test_a11_capital_and_balance_are_its_bounds(self):
        for options, most in (({"capital": 10_000 * DOLLAR}, 10_000), ({"usd": 7_000}, 7_000)):
            street = Street()
            bot = street.bot(**options)
            street.linear(5_000)
            street.falls(PRICE)
            street.passes(40)
            assert 0 <= most * DOLLAR - street.did(bot)["repaid"] <= DOLLAR

    def test_a11_a_margin_makes_it_smaller(self):
        street = Street()
        street.bot(margin=0.01)
        depth = street.linear(5_000)
        street.falls(PRICE)
        street.passes(40)
        # The last unit pays 1 %: as if the edge were 1.036 / 1.01.
        least = EDGE / Fraction(101, 100)
        sold = depth * bot_end_impact(least)
        [(seized,)] = street.actions("got_atoms")
        assert abs(Fraction(seized * PRICE, COIN * TICKS) - sold) <= 5_000


class TestProfit:
    @pytest.mark.parametrize(("best", "acts"), [(9_363, True), (9_362, False)])
    def test_a11_it_sells_where_the_last_unit_pays_only(self, best, acts):
        street = Street(coin=10**6, debt=900_000)
        bot = street.bot()
        street.bids([(best, 500_000)])
        street.falls(PRICE)
        street.passes(500)
        assert (street.did(bot)["sent"] > 0) == acts  # 0.97 / 1.036 = 0.93629
        assert (street.loan(street.owing)["level"] == 0) == acts

    def test_a11_without_bids_it_waits_for_them(self):
        street = Street(coin=1_000, debt=900)
        bot = street.bot()
        street.falls(PRICE)
        street.passes(1_000)
        assert street.did(bot)["sent"] == 0
        street.bids([(9_600, 1_000)])
        street.passes(200)
        assert street.did(bot)["won"] == 1

    def test_a11_the_least_profit_and_the_gas_are_asked_for(self):
        # 450 dollars repaid; of 480.618 coins 480 can be sold: at 0.96 for 460.8, a profit of 10.8
        for least, acts in ((10_800_000, True), (10_800_001, False)):
            street = Street(coin=1_000, debt=900)
            bot = street.bot(least_profit=least)
            street.bids([(9_600, 1_000)])
            street.falls(PRICE)
            street.passes(300)
            assert (street.did(bot)["won"] == 1) == acts, least
        for base, acts in ((20, True), (22, False)):  # 500,000 of gas at 20 millionths: 10 dollars
            street = Street(coin=1_000, debt=900)
            bot = street.bot()
            street.world.set_blocks(0, every_ms=100, gas_asset=street.gas, base_price=base)
            street.bids([(9_600, 1_000)])
            street.falls(PRICE)
            street.passes(500)
            assert (street.did(bot)["won"] == 1) == acts, base

    def test_a11_the_healthy_are_let_alone(self):
        street = Street(coin=1_000, debt=900)
        bot = street.bot()
        street.bids([(9_790, 1_000)])
        street.falls(9_790)
        street.passes(1_000)
        assert street.did(bot)["sent"] == 0


class TestCompetition:
    def test_a11_the_higher_tip_wins_and_the_other_pays_its_gas_for_nothing(self):
        street = Street(coin=1_000, debt=900)
        mean, keen = street.bot(tip_ppm=100_000), street.bot(tip_ppm=200_000)
        street.world.set_blocks(0, every_ms=1_000, gas_asset=street.gas, base_price=1)
        street.bids([(9_650, 5_000)])
        street.falls(PRICE)
        street.world.run(1_000, check=True)
        names = ("account", "reason", "gas_atoms")
        [(first, done, dear), (second, late, cheap)] = street.actions(*names)
        assert (first, done) == (keen, 0)
        assert (second, late) == (mean, Refusal.HEALTHY)
        assert dear > cheap > 500_000
        assert street.has(mean, street.gas) == 10**15 - cheap
        assert street.has(mean, street.usd) == 10**8 * DOLLAR
        street.passes(2_000)
        assert [street.did(bot)["won"] for bot in (mean, keen)] == [0, 1]

    def test_a11_without_blocks_the_nearer_one_wins(self):
        street = Street(coin=1_000, debt=900)
        far, near = street.bot(latency_ms=50), street.bot(latency_ms=5)
        street.bids([(9_650, 5_000)])
        street.falls(PRICE)
        street.passes(500)
        assert [street.did(bot)["won"] for bot in (far, near)] == [0, 1]
        assert street.world.check_invariants() is None

    def test_a11_the_tip_is_its_part_of_the_profit(self):
        street = Street(coin=1_000, debt=900)
        street.bot(tip_ppm=500_000)
        street.world.set_blocks(0, every_ms=100, gas_asset=street.gas, base_price=2)
        street.bids([(9_650, 5_000)])
        street.falls(PRICE)
        street.passes(200)
        [(repaid, got, gas)] = street.actions("paid_atoms", "got_atoms", "gas_atoms")
        profit = got // COIN * 965_000 - repaid - 500_000 * 2  # whole lots at 0.965
        assert gas == 500_000 * (2 + profit // 2 // 500_000)

    def test_a11_it_leaves_its_own_loan_alone(self):
        street = Street(coin=1_000, debt=900)
        street.world.add_agents(
            "bot", [street.owing], [5], market=street.market, protocol=street.protocol, every_ms=100, latency_ms=1
        )
        street.bids([(9_650, 5_000)])
        street.falls(PRICE)
        street.passes(500)
        assert street.did(street.owing)["sent"] == 0


class TestPools:
    def street(self, *, coins=100_000, **options):
        street = Street(coin=1_000, debt=900, **options)
        street.pool = street.world.add_pool("product", [street.coin, street.usd], fee_ppm=0)
        keeper = street.trader(usd=coins * PRICE // TICKS, coin=coins)
        amounts = [coins * COIN, coins * PRICE // TICKS * DOLLAR]
        assert street.world.add_coins(keeper, street.pool, amounts)[0] == 0
        return street

    def test_a11_a_flash_liquidation_needs_no_money_at_all(self):
        street = self.street()
        bot = street.bot(usd=0, gas=0, flash=1, pool=street.pool)
        street.falls(PRICE)
        street.passes(100)
        did = street.did(bot)
        [(kind, repaid, earned, reason)] = street.actions("kind", "paid_atoms", "got_atoms", "reason")
        assert (kind, reason) == (FLASH, 0)
        assert 0 <= 450 * DOLLAR - repaid <= 1_000  # where an atom's gain is lost in rounding the search stops
        # 480.618557 coins are seized beside the fee, and go into 100,000 : 97,000
        got = Fraction(repaid * TICKS, PRICE) * EDGE
        assert abs(earned - (97_000 * DOLLAR * got / (100_000 * COIN + got) - repaid)) <= 3
        assert (did["won"], did["earned"], did["unsold"]) == (1, earned, 0)
        assert street.has(bot, street.usd) == earned
        assert street.has(bot, street.coin) == 0
        assert street.loan(street.owing)["level"] == 0

    def test_a11_in_a_thin_pool_it_takes_what_pays_best(self):
        street = self.street(coins=1_000)
        bot = street.bot(usd=0, gas=0, flash=1, pool=street.pool)
        street.falls(PRICE)
        street.passes(40)
        [(repaid,), *_] = street.actions("paid_atoms")
        # x * y = k: most is earned where the pool's price is p / e, at 1,000 * (sqrt(1.036) - 1) = 17.84 coins
        got = 1_000 * (1.036**0.5 - 1)
        assert abs(repaid / DOLLAR - got * 0.97 / 1.036) < 0.05  # flat at its top
        assert street.did(bot)["earned"] > 0

    def test_a11_a_loan_that_must_be_closed_whole_is_closed_through_a_pool_too(self):
        street = self.street(close_value_min=2_000 * DOLLAR, left_value_min=1_000 * DOLLAR)
        bot = street.bot(usd=0, gas=0, flash=1, pool=street.pool)
        street.falls(PRICE)
        street.passes(500)
        assert street.did(bot)["won"] == 1
        assert street.loan(street.owing)["debt_value"] == 0

    def test_a11_it_may_pay_with_money_and_sell_in_the_pool(self):
        street = self.street()
        bot = street.bot(usd=1_000, pool=street.pool)
        street.falls(PRICE)
        street.passes(100)
        assert [row[0] for row in street.actions("kind")] == [LIQUIDATE, SWAP]
        assert street.did(bot)["unsold"] == 0
        assert street.has(bot, street.coin) == 0
        assert 1_010 * DOLLAR < street.has(bot, street.usd) < 1_020 * DOLLAR  # 466.2 - 450 less the slope

    def test_a11_where_the_pool_is_too_cheap_nothing_is_done(self):
        street = self.street()
        seller = street.trader(coin=2_000)
        swap = {"asset": street.coin, "other": street.usd}
        assert street.world.act(seller, "swap", street.pool, 2_000 * COIN, **swap)[0] == 0  # 4 % down
        bots = [street.bot(usd=0, gas=0, flash=1, pool=street.pool), street.bot(pool=street.pool)]
        street.falls(PRICE)
        street.passes(500)
        assert [street.did(bot)["sent"] for bot in bots] == [0, 0]
        buyer = street.trader(usd=2_000)
        assert street.world.act(buyer, "swap", street.pool, 1_900 * DOLLAR, asset=street.usd, other=street.coin)[0] == 0
        street.passes(300)
        assert sum(street.did(bot)["won"] for bot in bots) == 1


class TestLineage:
    def test_y25_its_sale_is_caused_by_its_step(self):
        street = Street(coin=1_000, debt=900)
        bot = street.bot()
        street.bids([(9_650, 5_000)])
        street.falls(PRICE)
        street.passes(100)
        [(_, _, step, parent)] = street.landmarks(LandmarkKind.STEP)
        assert [row[2] for row in street.landmarks(LandmarkKind.LIQUIDATION)] == [parent]
        trades = street.world.trades()
        sold = trades["aggressor_side"] == SELL
        assert sold.all()
        assert set(trades["cause"].tolist()) == {step}
        assert street.did(bot)["won"] == 1
