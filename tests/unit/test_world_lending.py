"""Lending in a world (Y-15 .. Y-25): stories whose numbers were worked out by hand."""

from __future__ import annotations

import pytest
from lendkit import ALL, COIN, DOLLAR, ONE, TERMS, TICKS, YEAR_MS, Refusal, Town

from engine import _core
from engine.forest import LandmarkKind

MILLION = 10**6
DAY_MS = 86_400_000
OF_4_1 = {"close_value_min": 2_000 * DOLLAR, "left_value_min": 1_000 * DOLLAR}  # v3.3: RULEBOOK 4.1


class TestActions:
    def test_y18_a_supply_is_a_claim_and_comes_back_whole(self):
        town = Town(bank=0)
        account = town.trader(usd=10)
        town.refused(Refusal.LACKING, town.act, account, "supply", 10 * DOLLAR + 1, asset=town.usd)
        assert town.act(account, "supply", 4 * DOLLAR, asset=town.usd) == (0, 4 * DOLLAR, 0)
        assert town.loan(account)["assets"] == {town.usd: (4 * DOLLAR, 0)}
        town.refused(Refusal.SHORT, town.act, account, "withdraw", 4 * DOLLAR + 1, asset=town.usd)
        assert town.act(account, "withdraw", DOLLAR, asset=town.usd) == (0, 0, DOLLAR)
        assert town.act(account, "withdraw", ALL, asset=town.usd) == (0, 0, 3 * DOLLAR)
        town.refused(Refusal.NOTHING, town.act, account, "withdraw", ALL, asset=town.usd)
        assert town.loan(account)["assets"] == {}
        assert town.has(account, town.usd) == 10 * DOLLAR
        town.passes(1)

    def test_y18_a_loan_goes_up_to_the_loan_to_value_and_not_an_atom_further(self):
        town = Town()
        account = town.borrower(1_000, 0)
        town.refused(Refusal.UNHEALTHY, town.act, account, "borrow", 900 * DOLLAR + 1, asset=town.usd)
        assert town.loan(account)["room"] == 900 * DOLLAR
        assert town.act(account, "borrow", 900 * DOLLAR, asset=town.usd) == (0, 0, 900 * DOLLAR)
        assert town.loan(account)["health_ppm"] == 1_022_222  # 920 / 900
        assert town.loan(account)["room"] == 0

    def test_y18_withdrawing_stops_where_health_is_1(self):
        town = Town()
        account = town.borrower(1_000, 460)
        town.refused(Refusal.UNHEALTHY, town.act, account, "withdraw", 500 * COIN + 1, asset=town.coin)
        assert town.act(account, "withdraw", 500 * COIN, asset=town.coin)[2] == 500 * COIN  # 500 * 0.92 = 460
        town.passes(1)
        assert (town.loan(account)["health_ppm"], town.loan(account)["level"]) == (MILLION, 0)
        town.refused(Refusal.UNHEALTHY, town.act, account, "withdraw", 1, asset=town.coin)

    @pytest.mark.parametrize("form", ["comet", "loan"])
    def test_y18_at_the_others_it_stops_at_the_loan_to_value(self, form):
        town = Town(form)
        account = town.borrower(1_000, 450)
        town.refused(Refusal.UNHEALTHY, town.act, account, "withdraw", 500 * COIN + 1, asset=town.coin)
        assert town.act(account, "withdraw", 500 * COIN, asset=town.coin)[2] == 500 * COIN  # 500 * 0.9 = 450

    def test_y18_a_repayment_is_cut_to_what_is_owed(self):
        town = Town()
        account, friend = town.borrower(1_000, 100), town.trader(usd=500)
        assert town.act(friend, "repay", 30 * DOLLAR, asset=town.usd, party=account) == (0, 30 * DOLLAR, 0)
        assert town.act(friend, "repay", 400 * DOLLAR, asset=town.usd, party=account) == (0, 70 * DOLLAR, 0)
        town.refused(Refusal.NOTHING, town.act, friend, "repay", ALL, asset=town.usd, party=account)
        assert town.has(friend, town.usd) == 400 * DOLLAR
        assert town.loan(account)["assets"] == {town.coin: (1_000 * COIN, 0)}
        town.passes(1)

    def test_y18_what_was_lent_out_cannot_be_withdrawn(self):
        town = Town(bank=1_000)
        borrower = town.borrower(1_000, 900)
        town.refused(Refusal.NO_CASH, town.act, town.bank, "withdraw", 100 * DOLLAR + 1, asset=town.usd)
        town.refused(Refusal.NO_CASH, town.act, borrower, "borrow", 100 * DOLLAR + 1, asset=town.usd)
        assert town.act(town.bank, "withdraw", 100 * DOLLAR, asset=town.usd)[2] == 100 * DOLLAR
        assert town.reserve(town.usd)["utilisation"] == ONE

    def test_y18_caps_stop_an_atom_later(self):
        caps = {"price": (1, 1), "lent": True, "supply_cap": 1_000 * DOLLAR, "borrow_cap": 300 * DOLLAR}
        town = Town(bank=0, dollar=caps)
        bank, account = town.trader(usd=2_000), town.borrower(1_000, 0)
        town.refused(Refusal.CAP, town.act, bank, "supply", 1_000 * DOLLAR + 1, asset=town.usd)
        assert town.act(bank, "supply", 1_000 * DOLLAR, asset=town.usd)[0] == 0
        town.refused(Refusal.CAP, town.act, bank, "supply", 1, asset=town.usd)
        town.refused(Refusal.CAP, town.act, account, "borrow", 300 * DOLLAR + 1, asset=town.usd)
        assert town.act(account, "borrow", 300 * DOLLAR, asset=town.usd)[0] == 0
        town.refused(Refusal.CAP, town.act, account, "borrow", 1, asset=town.usd)

    def test_y18_what_is_not_lent_or_not_there_cannot_be_borrowed(self):
        town = Town()
        account = town.borrower(1_000, 0)
        town.refused(Refusal.CLOSED, town.act, account, "borrow", DOLLAR, asset=town.coin)
        town.refused(Refusal.NO_SUCH, town.act, account, "borrow", DOLLAR, asset=town.gas)
        town.refused(Refusal.NOTHING, town.act, account, "borrow", 0, asset=town.usd)
        town.refused(Refusal.UNHEALTHY, town.act, town.trader(), "borrow", 1, asset=town.usd)

    def test_b1_an_account_acts_at_its_own_venue_only(self):
        town = Town()
        stranger = town.world.add_accounts(venue=town.world.add_venue())
        town.world.deposit(stranger, town.usd, DOLLAR)
        town.refused(Refusal.NO_SUCH, town.act, stranger, "supply", DOLLAR, asset=town.usd)


class TestModes:
    COIN_TERMS = {"mode": 1, "mode_terms": (900_000, 930_000, 20_000)}

    def town(self):
        town = Town(
            terms=(700_000, 750_000, 50_000), coin=self.COIN_TERMS, dollar={"price": (1, 1), "lent": True, "mode": 1}
        )
        town.world.add_reserve(town.protocol, town.gas, price=(1, 1), lent=True)
        bank = town.trader(gas=1_000 * DOLLAR)
        assert town.act(bank, "supply", 1_000 * DOLLAR, asset=town.gas)[0] == 0
        return town, town.borrower(1_000, 0)

    def test_y8_a_mode_lends_more_of_its_own_and_nothing_else(self):
        town, account = self.town()
        town.refused(Refusal.UNHEALTHY, town.act, account, "borrow", 700 * DOLLAR + 1, asset=town.usd)
        assert town.act(account, "mode", 1) == (0, 0, 0)
        town.refused(Refusal.CLOSED, town.act, account, "borrow", 1, asset=town.gas)
        assert town.act(account, "borrow", 900 * DOLLAR, asset=town.usd)[0] == 0
        assert (town.loan(account)["mode"], town.loan(account)["health_ppm"]) == (1, 1_033_333)  # 930 / 900

    def test_y18_who_needs_the_mode_cannot_leave_it(self):
        town, account = self.town()
        assert town.act(account, "mode", 1)[0] == 0
        assert town.act(account, "borrow", 800 * DOLLAR, asset=town.usd)[0] == 0
        town.refused(Refusal.UNHEALTHY, town.act, account, "mode", 0)  # 750 < 800
        town.refused(Refusal.CLOSED, town.act, account, "mode", 2)
        town.refused(Refusal.NO_SUCH, town.act, account, "mode", 256)
        assert town.act(account, "repay", 50 * DOLLAR, asset=town.usd)[0] == 0
        assert town.act(account, "mode", 0)[0] == 0  # 750 = 750
        assert town.loan(account)["health_ppm"] == MILLION

    def test_y18_a_debt_of_another_kind_keeps_out_of_the_mode(self):
        town, account = self.town()
        assert town.act(account, "borrow", 10 * DOLLAR, asset=town.gas)[0] == 0
        town.refused(Refusal.CLOSED, town.act, account, "mode", 1)


class TestPrices:
    def test_y16_without_a_publication_there_is_no_borrowing(self):
        town = Town(price=None)
        account = town.borrower(1_000, 0)
        town.refused(Refusal.UNKNOWN_PRICE, town.act, account, "borrow", DOLLAR, asset=town.usd)
        town.publish(TICKS)
        assert town.act(account, "borrow", DOLLAR, asset=town.usd)[0] == 0

    def test_y16_an_old_price_is_unknown_and_a_new_one_decides(self):
        town = Town(coin={"stale_ms": 1_000})
        account, bot = town.borrower(1_000, 900), town.trader(usd=1_000)
        town.passes(1_000)
        assert town.loan(account)["health_ppm"] == 1_022_222
        town.passes(1)
        assert town.loan(account)["health_ppm"] is None
        town.refused(Refusal.UNKNOWN_PRICE, town.act, account, "borrow", 1, asset=town.usd)
        town.refused(Refusal.UNKNOWN_PRICE, town.act, account, "withdraw", 1, asset=town.coin)
        town.refused(Refusal.UNKNOWN_PRICE, town.liquidate, bot, account, 1)
        assert town.act(account, "repay", DOLLAR, asset=town.usd)[0] == 0  # repaying needs no price
        town.falls(9_000)
        assert town.loan(account)["level"] == 1
        assert town.liquidate(bot, account, DOLLAR)[0] == 0

    def test_y16_a_fixed_price_never_moves(self):
        town = Town(coin={"price": (1, 1), "market": None})
        account = town.borrower(1_000, 900)
        town.falls(1)
        assert town.loan(account)["health_ppm"] == 1_022_222


class TestLevels:
    def test_y21_a_price_takes_a_loan_and_gives_it_back(self):
        town = Town()
        account = town.borrower(1_000, 900)
        last = _core.lending_price(1_000 * COIN, TICKS, 900 * DOLLAR, 920_000, at_or_below=False)
        assert last == 9_782  # 900 / 0.92 = 978.26
        for ticks, level in ((last + 1, 0), (last, 1), (last + 1, 0), (last - 500, 1), (last, 1), (last + 1, 0)):
            town.falls(ticks)
            assert (town.loan(account)["level"], town.told()["work"]) == (level, level), ticks
        assert len(town.landmarks(LandmarkKind.LIQUIDATION)) == 2

    def test_y21_the_work_list_is_by_health_then_account(self):
        town = Town()
        # Of two with one health the earlier account is first.
        debts = (880, 900, 890, 900)
        accounts = [town.borrower(1_000, debt) for debt in debts]
        town.falls(9_000)
        fallen = [row[0] for row in town.landmarks(LandmarkKind.LIQUIDATION)]
        assert fallen == [accounts[1], accounts[3], accounts[2], accounts[0]]

    def test_y21_what_an_action_makes_worse_is_seen_in_the_next_check(self):
        town = Town()
        account = town.borrower(1_000, 900)
        town.publish(9_000)  # known at once, looked at in phase 4
        assert town.loan(account)["level"] == 0
        town.passes(1)
        assert town.loan(account)["level"] == 1
        assert town.act(account, "repay", 100 * DOLLAR, asset=town.usd)[0] == 0
        assert (town.loan(account)["level"], town.told()["work"]) == (0, 0)  # 828 > 800: at once

    @pytest.mark.parametrize("short", [False, True])
    def test_y22_a_debt_whose_price_rises(self, short):
        town = Town(coin={"lent": True}, dollar={"price": (1, 1), "lent": True, "terms": (800_000, 850_000, 50_000)})
        holder = town.trader(coin=10_000)
        assert town.act(holder, "supply", 10_000 * COIN, asset=town.coin)[0] == 0
        account = town.trader(usd=1_000)
        assert town.act(account, "supply", 1_000 * DOLLAR, asset=town.usd)[0] == 0
        assert town.act(account, "borrow", (800 if short else 500) * COIN, asset=town.coin)[0] == 0
        for ticks in (10_300, 10_625, 10_626, 10_625, 17_000, 17_001):
            town.falls(ticks)  # 850 / 800 = 1.0625, 850 / 500 = 1.7
            assert town.loan(account)["level"] == (ticks > (10_625 if short else 17_000)), ticks

    def test_y22_an_atom_at_the_price_it_moves_to(self):
        dollar = {"price": (1, 1), "terms": (MILLION, MILLION, 0)}
        coin = {"price": (1, 1), "terms": (0, 0, 0), "lent": True, "curve": (8 * MILLION, MILLION, 0, 0)}
        town = Town(bank=0, dollar=dollar, coin=coin, price=100_000)
        holder, account = town.trader(coin=1), town.trader(usd=1)
        assert town.act(holder, "supply", 1_000, asset=town.coin)[0] == 0
        assert town.act(account, "supply", 330_000, asset=town.usd)[0] == 0
        assert town.act(account, "borrow", 2, asset=town.coin)[0] == 0  # 100,000 dollar atoms each
        town.passes(MILLION)
        assert town.act(holder, "supply", 1, asset=town.coin)[0] == 0  # interest: two atoms and a little are three
        town.falls(112_000)
        assert town.loan(account)["assets"][town.coin] == (0, 3)
        assert town.loan(account)["level"] == 1  # 330,000 < 3 * 112,000


class TestInterest:
    RATE = {"price": (1, 1), "lent": True, "curve": (100_000, 1_000_000, 0, 0)}  # 10 % a year

    def test_y17_time_alone_makes_a_loan_liquidatable(self):
        town = Town(dollar=self.RATE, accrue_ms=DAY_MS)
        account = town.borrower(MILLION, 900_000)
        # 900,000 * (1 + 0.1 / 365)^n > 920,000 first at n = 81
        town.world.run(80 * DAY_MS, check=True)
        assert town.loan(account)["level"] == 0
        town.world.run(81 * DAY_MS - 1, check=True)
        assert town.loan(account)["level"] == 0
        town.world.run(81 * DAY_MS, check=True)
        assert (town.loan(account)["level"], town.told()["work"]) == (1, 1)
        assert [row[0] for row in town.landmarks(LandmarkKind.LIQUIDATION)] == [account]

    def test_y17_without_a_clock_interest_waits_for_an_action(self):
        town = Town(dollar=self.RATE)
        account = town.borrower(MILLION, 900_000)
        town.passes(YEAR_MS)
        assert town.loan(account)["level"] == 0  # at the stored index
        assert town.act(town.bank, "supply", 0, asset=town.usd)[0] == Refusal.NOTHING  # refused before interest
        assert town.reserve(town.usd)["borrow_index"] == ONE
        town.refused(Refusal.HEALTHY, town.liquidate, town.bank, town.borrower(1, 0), 1)
        assert town.reserve(town.usd)["borrow_index"] == ONE + ONE // 10  # simple within an interval
        town.passes(1)
        assert (town.loan(account)["debt_value"], town.loan(account)["level"]) == (990_000 * DOLLAR, 1)

    def test_y4_the_reserve_keeps_its_part_and_suppliers_get_the_rest(self):
        town = Town(dollar=self.RATE | {"reserve_ppm": 200_000}, bank=1_000)
        account = town.borrower(1_000, 500)
        town.passes(YEAR_MS)
        owed = 550 * DOLLAR
        assert town.act(town.trader(usd=600), "repay", ALL, asset=town.usd, party=account) == (0, owed, 0)
        usd = town.reserve(town.usd)
        assert (usd["kept"], usd["claims"], usd["debt"]) == (10 * DOLLAR, 1_040 * DOLLAR, 0)
        assert town.act(town.bank, "withdraw", ALL, asset=town.usd)[2] == 1_040 * DOLLAR
        town.passes(1)

    def test_y17_the_rate_that_stood_counts_until_it_is_touched(self):
        kinked = {"price": (1, 1), "lent": True, "curve": (0, 800_000, 40_000, 600_000)}
        town = Town(dollar=kinked, bank=1_000)
        account = town.borrower(2_000, 400)
        assert town.reserve(town.usd)["rate"] == 20 * 10**15  # 40 % of 80 % of 4 %
        town.passes(YEAR_MS // 2)
        assert town.act(account, "borrow", 500 * DOLLAR, asset=town.usd)[0] == 0
        assert town.loan(account)["debt_value"] == 904 * DOLLAR + 1  # the index, then the new debt: rounded up twice
        # 904 of 1,004 are lent: 4 % + (0.9004 - 0.8) / 0.2 * 60 %
        rate = town.reserve(town.usd)["rate"]
        assert rate // 10**12 == 341_195
        town.passes(YEAR_MS // 2)
        assert town.act(account, "repay", 1, asset=town.usd)[0] == 0
        grown = -(-904 * DOLLAR * rate // (2 * ONE))
        assert abs(town.loan(account)["debt_value"] - (904 * DOLLAR + grown)) <= 1


class TestSnapshot:
    """A world goes on from any moment as it would have."""

    @staticmethod
    def town():
        rate = {"price": (1, 1), "lent": True, "curve": (500_000, 1_000_000, 0, 0), "reserve_ppm": 100_000}
        town = Town(
            "loan", terms=(650_000, 650_000, 0), price=91_000_000, dollar=rate, accrue_ms=7, sale_ms=3, sale_ppm=400_000
        )
        for coins in range(5, 15):
            town.borrower(coins, coins * 5_800)
        town.bids([(70_000_000 - 500_000 * step, 3) for step in range(20)])
        return town

    @staticmethod
    def lives(world, market, step):
        """What happens in a millisecond."""
        ticks = 91_000_000 - min(step, 30) * 800_000 + max(0, step - 45) * 300_000
        world.publish(market, ticks, "oracle")
        world.run(world.now_ms + 1, check=True)

    def test_restored_and_forked_at_every_moment(self):
        town = self.town()
        world, market = town.world, town.market
        copies = {}
        for step in range(60):
            copies[step] = (_core.World.restore(world.snapshot()), world.fork())
            self.lives(world, market, step)
        assert town.told()["liquidations"] == 10
        for step, pair in copies.items():
            for copy in pair:
                for later in range(step, 60):
                    self.lives(copy, market, later)
                assert copy.digest() == world.digest(), step
                assert copy.loans(town.protocol) == world.loans(town.protocol)

    def test_a_liquidation_after_a_restore_is_the_same(self):
        town = Town(**OF_4_1)
        account, bot = town.borrower(MILLION, 900_000), town.trader(usd=MILLION)
        town.falls(9_750)
        other = _core.World.restore(town.world.snapshot())
        done = town.liquidate(bot, account, ALL)
        assert other.act(bot, "liquidate", town.protocol, ALL, asset=town.usd, other=town.coin, party=account) == done
        assert other.digest() == town.world.digest()

    def test_terms_and_forms_are_in_the_snapshot(self):
        for form, terms in (("aave", TERMS), ("morpho", (860_000, 860_000, 0)), ("comet", TERMS), ("loan", TERMS)):
            town = Town(form, terms=terms)
            account = town.borrower(1_000, 800)
            other = _core.World.restore(town.world.snapshot())
            for world in (town.world, other):
                world.publish(town.market, 8_000, "oracle")
                world.run(5, check=True)
            assert other.digest() == town.world.digest()
            assert other.loan(account, town.protocol) == town.loan(account)
