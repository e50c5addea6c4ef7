"""Liquidations of the four forms of lenders in a world (Y-10 .. Y-14, Y-19, Y-23, Y-25), by hand-computed numbers."""

from __future__ import annotations

import pytest
from lendkit import ALL, COIN, DOLLAR, ONE, Refusal, Town

from engine.forest import LandmarkKind

MILLION = 10**6
OF_4_1 = {"close_value_min": 2_000 * DOLLAR, "left_value_min": 1_000 * DOLLAR}  # v3.3: RULEBOOK 4.1


class TestAave:
    def test_y10_the_example_of_the_rulebook_to_the_last_digit(self):
        town = Town(**OF_4_1)
        account, bot = town.borrower(MILLION, 900_000), town.trader(usd=MILLION)
        town.refused(Refusal.HEALTHY, town.liquidate, bot, account, ALL)
        town.falls(9_750)
        assert town.loan(account)["health_ppm"] == 996_666  # 975,000 * 0.92 / 900,000
        # Half of the debt: 450,000; base 461,538.461538; with 4 % 479,999.999999, of which 1,846.153847 are the fee.
        assert town.liquidate(bot, account, ALL) == (0, 450_000 * DOLLAR, 478_153_846_152)
        assert town.reserve(town.coin)["kept"] == 1_846_153_847
        assert town.loan(account)["assets"] == {town.coin: (520_000_000_001, 0), town.usd: (0, 450_000 * DOLLAR)}
        assert (town.loan(account)["health_ppm"], town.loan(account)["level"]) == (1_036_533, 0)
        assert (town.has(bot, town.usd), town.has(bot, town.coin)) == (550_000 * DOLLAR, 478_153_846_152)
        town.refused(Refusal.HEALTHY, town.liquidate, bot, account, 1)
        told = town.told()
        assert (told["liquidations"], told["repaid_value"], told["work"]) == (1, 450_000 * DOLLAR, 0)
        town.passes(1)

    @pytest.mark.parametrize(("ticks", "rises"), [(9_370, 1), (9_360, 0), (9_350, -1)])
    def test_y11_health_rises_above_threshold_times_bonus_only(self, ticks, rises):
        town = Town(**OF_4_1)
        account, bot = town.borrower(MILLION, 900_000), town.trader(usd=MILLION)
        town.falls(ticks)
        before = town.loan(account)
        assert town.liquidate(bot, account, 100_000 * DOLLAR)[:2] == (0, 100_000 * DOLLAR)
        after = town.loan(account)
        # 0.936 = 0.9 * 1.04: there a liquidation takes what it pays off.
        gain = after["collateral_value"] * before["debt_value"] - before["collateral_value"] * after["debt_value"]
        atom = 2 * before["debt_value"]  # two atoms of collateral are rounding
        assert (gain > atom) - (gain < -atom) == rises
        town.passes(1)

    @pytest.mark.parametrize(("ticks", "repaid"), [(8_900, 3_500), (8_800, 7_000)])
    def test_y10_all_of_it_below_095(self, ticks, repaid):
        town = Town(terms=(700_000, 750_000, 50_000), **OF_4_1)
        account, bot = town.borrower(10_000, 7_000), town.trader(usd=10_000)
        town.falls(ticks)  # 0.89: 0.9536; 0.88: 0.9429
        assert town.liquidate(bot, account, ALL)[:2] == (0, repaid * DOLLAR)
        assert (town.loan(account)["debt_value"], town.loan(account)["level"]) == ((7_000 - repaid) * DOLLAR, 0)
        town.passes(1)

    def test_y10_no_dust_is_left(self):
        town = Town(**OF_4_1)
        account, bot = town.borrower(2_100, 1_890), town.trader(usd=10_000)
        town.falls(9_750)
        town.refused(Refusal.DUST, town.liquidate, bot, account, 890 * DOLLAR + 1)  # 1,000 less an atom stays owed
        assert (
            town.world.fork().act(
                bot, "liquidate", town.protocol, 890 * DOLLAR, asset=town.usd, other=town.coin, party=account
            )[0]
            == 0
        )
        assert town.liquidate(bot, account, ALL)[:2] == (0, 1_890 * DOLLAR)  # less than 2,000: all of it
        # 1,890 / 0.975 * 1.04 = 2,016 coins; 84 are left.
        assert town.loan(account)["assets"] == {town.coin: (84 * COIN + 1, 0)}
        assert town.loan(account)["level"] == 0

    def test_y10_a_bare_loan_is_burned_and_booked_as_deficit(self):
        town = Town(**OF_4_1)
        account, bot = town.borrower(MILLION, 900_000), town.trader(usd=MILLION)
        town.falls(9_200)  # 0.9404: all may be repaid, and 1,017,391 coins would be seized
        # All million coins are worth 920,000: 884,615.384616 of debt. Fee: a tenth of 38,461.538462 coins.
        assert town.liquidate(bot, account, ALL) == (0, 884_615_384_616, 996_153_846_153)
        assert town.reserve(town.coin)["kept"] == 3_846_153_847
        usd = town.reserve(town.usd)
        assert (usd["deficit"], usd["debt"], usd["claims"]) == (15_384_615_384, 0, MILLION * DOLLAR)
        assert town.loan(account)["assets"] == {}
        [(_, value, _, parent)] = town.landmarks(LandmarkKind.BAD_DEBT)
        [(_, _, step, _)] = town.landmarks(LandmarkKind.STEP)
        assert (value, parent) == (15_384_615_384, step)
        town.passes(1)

    def test_y19_bare_in_one_debt_burns_all_of_them(self):
        town = Town(terms=(800_000, 850_000, 50_000))
        town.world.add_reserve(town.protocol, town.gas, price=(2, 1), lent=True)
        bank = town.trader(gas=10_000 * DOLLAR)
        assert town.act(bank, "supply", 10_000 * DOLLAR, asset=town.gas)[0] == 0
        account, bot = town.borrower(1_000, 400), town.trader(usd=10_000)
        assert town.act(account, "borrow", 200 * DOLLAR, asset=town.gas)[0] == 0  # worth 400
        town.falls(4_000)  # worth 400 in all: 380.95 of the dollars take it
        assert town.liquidate(bot, account, ALL)[:2] == (0, 380_952_381)
        assert town.reserve(town.usd)["deficit"] == 400 * DOLLAR - 380_952_381
        assert town.reserve(town.gas)["deficit"] == 200 * DOLLAR
        assert town.loan(account)["debt_value"] == 0
        [(_, value, _, _)] = town.landmarks(LandmarkKind.BAD_DEBT)
        assert value == 19_047_619 + 400 * DOLLAR
        town.passes(1)

    def test_y19_what_a_liquidator_may_be_refused_for(self):
        town = Town()
        account, bot = town.borrower(1_000, 900), town.trader(usd=100)
        town.falls(9_500)
        town.refused(Refusal.NOTHING, town.liquidate, bot, account, 0)
        town.refused(Refusal.LACKING, town.liquidate, bot, account, ALL)
        town.refused(Refusal.NO_SUCH, town.liquidate, bot, bot, ALL)
        town.refused(Refusal.NO_SUCH, town.act, bot, "liquidate", ALL, asset=town.gas, other=town.coin, party=account)
        town.refused(Refusal.NOTHING, town.act, bot, "liquidate", 1, asset=town.coin, other=town.usd, party=account)
        town.refused(Refusal.CLOSED, town.act, bot, "absorb", party=account)
        # 95 / 0.95 = 100, with 4 % 104, less a tenth of 4
        got = 104 * COIN - 400_000
        town.refused(Refusal.BELOW_MINIMUM, town.liquidate, bot, account, 95 * DOLLAR, least=got + 1)
        assert town.liquidate(bot, account, 95 * DOLLAR, least=got) == (0, 95 * DOLLAR, got)

    def test_y19_collateral_that_was_lent_out_cannot_be_seized(self):
        town = Town(coin={"lent": True}, dollar={"price": (1, 1), "lent": True, "terms": (900_000, 950_000, 0)})
        account, other, bot = town.borrower(1_000, 900), town.trader(usd=10_000), town.trader(usd=1_000)
        assert town.act(other, "supply", 10_000 * DOLLAR, asset=town.usd)[0] == 0
        assert town.act(other, "borrow", 950 * COIN, asset=town.coin)[0] == 0
        town.falls(9_700)
        town.refused(Refusal.NO_CASH, town.liquidate, bot, account, 100 * DOLLAR)
        assert town.liquidate(bot, account, 40 * DOLLAR)[0] == 0

    def test_y25_a_step_lies_below_its_liquidation_and_that_below_the_price(self):
        town = Town()
        account, bot = town.borrower(1_000, 900), town.trader(usd=1_000)
        town.falls(9_750)
        [(who, value, fallen, published)] = town.landmarks(LandmarkKind.LIQUIDATION)
        assert (who, value) == (account, 75 * DOLLAR)  # 975 - 900
        assert [row[2] for row in town.landmarks(LandmarkKind.PUBLICATION)] == [published]
        assert town.liquidate(bot, account, 10 * DOLLAR)[0] == 0
        assert [row[1::2] for row in town.landmarks(LandmarkKind.STEP)] == [(10 * DOLLAR, fallen)]


class TestMorpho:
    FACTOR = ONE * 1_000 // 958  # 1 / (1 - 0.3 * 0.14)

    def town(self):
        town = Town("morpho", terms=(860_000, 860_000, 0))
        return town, town.borrower(1_000, 850), town.trader(usd=1_000)

    def test_y12_any_part_may_be_repaid_at_the_incentive(self):
        town, account, bot = self.town()
        town.falls(9_884)  # 850.024
        town.refused(Refusal.HEALTHY, town.liquidate, bot, account, 1)
        town.falls(9_800)  # 842.8
        # 500 * 1.043841 = 521.920668 dollars, at 0.98 are 532.572110 coins
        assert self.FACTOR == 1_043_841_336_116_910_229
        assert town.liquidate(bot, account, 500 * DOLLAR) == (0, 500 * DOLLAR, 532_572_110)
        assert town.loan(account)["assets"] == {town.coin: (467_427_890, 0), town.usd: (0, 350 * DOLLAR)}
        town.passes(1)

    def test_y12_what_is_left_is_lost_by_the_suppliers_at_once(self):
        town, account, bot = self.town()
        town.falls(7_000)
        # 700 / 1.043841 = 670.600001 repaid for all coins; 179.399999 of a million is lost
        assert town.liquidate(bot, account, ALL) == (0, 670_600_001, 1_000 * COIN)
        usd = town.reserve(town.usd)
        assert (usd["deficit"], usd["debt"], usd["supply_index"]) == (0, 0, 999_820_600_001_000_000)
        assert usd["claims"] == MILLION * DOLLAR - 179_399_999
        [(_, value, _, _)] = town.landmarks(LandmarkKind.BAD_DEBT)
        assert value == 179_399_999
        assert town.act(town.bank, "withdraw", ALL, asset=town.usd)[2] == MILLION * DOLLAR - 179_399_999
        town.passes(1)


class TestComet:
    def town(self, ticks, **options):
        town = Town("comet", terms=(900_000, 920_000, 70_000), **options)
        account = town.borrower(MILLION, 900_000)
        town.refused(Refusal.HEALTHY, town.act, town.bank, "absorb", party=account)
        town.falls(ticks)
        assert town.act(town.bank, "absorb", party=account)[0] == 0
        return town, account

    def test_y13_absorbed_and_what_is_beyond_the_debt_stays_the_accounts(self):
        town, account = self.town(9_750)  # 975,000 * 0.93 = 906,750
        assert town.loan(account)["assets"] == {town.usd: (6_750 * DOLLAR, 0)}
        assert town.reserve(town.coin)["kept"] == MILLION * COIN
        assert town.reserve(town.usd)["deficit"] == 906_750 * DOLLAR
        assert town.landmarks(LandmarkKind.BAD_DEBT) == []
        town.refused(Refusal.HEALTHY, town.act, town.bank, "absorb", party=account)
        assert town.act(account, "withdraw", ALL, asset=town.usd) == (0, 0, 6_750 * DOLLAR)
        town.passes(1)

    def test_y13_what_lacks_is_the_reserves_loss(self):
        town, account = self.town(9_000)  # 900,000 * 0.93 = 837,000
        assert town.loan(account)["assets"] == {}
        assert town.reserve(town.usd)["deficit"] == 900_000 * DOLLAR
        assert [row[1] for row in town.landmarks(LandmarkKind.BAD_DEBT)] == [63_000 * DOLLAR]
        town.passes(1)

    def test_y13_the_storefront_sells_until_the_reserves_are_filled(self):
        town, _ = self.town(9_750)
        buyer = town.trader(usd=2 * MILLION)

        def buy(dollars, **options):
            return town.act(buyer, "buy_collateral", dollars, asset=town.usd, other=town.coin, **options)

        # 0.6 of 7 % off: a coin costs 0.975 * 0.958 = 0.93405
        town.refused(Refusal.BELOW_MINIMUM, buy, 93_405 * DOLLAR, least=100_000 * COIN + 1)
        assert buy(93_405 * DOLLAR) == (0, 93_405 * DOLLAR, 100_000 * COIN)
        usd, coin = town.reserve(town.usd), town.reserve(town.coin)
        assert (usd["deficit"], usd["kept"]) == ((906_750 - 93_405) * DOLLAR, 0)
        assert (coin["kept"], coin["claims"]) == (900_000 * COIN, 0)
        town.refused(Refusal.SHORT, buy, 900_000 * DOLLAR)  # 963,545 coins
        assert buy(813_345 * DOLLAR)[0] == 0
        assert (town.reserve(town.usd)["deficit"], town.reserve(town.usd)["kept"]) == (0, 0)
        town.refused(Refusal.CLOSED, buy, DOLLAR)
        town.refused(Refusal.NO_SUCH, town.act, buyer, "buy_collateral", 1, asset=town.usd, other=town.usd)
        town.passes(1)

    def test_y13_with_a_target_it_goes_on_selling(self):
        town, _ = self.town(9_750, target_atoms=10 * DOLLAR)
        buyer = town.trader(usd=2 * MILLION)
        options = {"asset": town.usd, "other": town.coin}
        assert town.act(buyer, "buy_collateral", 906_759 * DOLLAR, **options)[0] == 0
        assert (town.reserve(town.usd)["deficit"], town.reserve(town.usd)["kept"]) == (0, 9 * DOLLAR)
        assert town.act(buyer, "buy_collateral", DOLLAR, **options)[0] == 0
        town.refused(Refusal.CLOSED, town.act, buyer, "buy_collateral", DOLLAR, **options)

    def test_y19_nobody_else_absorbs(self):
        town, account = self.town(9_750)
        town.refused(Refusal.CLOSED, town.liquidate, town.bank, account, 1)
        town.refused(Refusal.NO_SUCH, town.act, town.bank, "absorb", party=town.trader())


class TestLoan:
    """RULEBOOK 4.4: 1.7 coins against 10,000 at 75 and 83 %: 7,843 and 7,087; ten times that, for whole coins."""

    CALL, LAST = 78_431_372, 70_871_722  # ticks: 100,000 / 0.75 / 17 and 100,000 / 0.83 / 17, down

    def town(self, bids, **options):
        town = Town(
            "loan", terms=(650_000, 650_000, 0), price=91_000_000, call_ppm=750_000, liquidation_ppm=830_000, **options
        )
        account = town.borrower(17, 100_000)
        self.buyer = town.bids(bids)
        return town, account

    def test_y14_called_then_sold_into_the_book_and_the_rest_is_the_borrowers(self):
        town, account = self.town([(70_000_000, 20)])
        for ticks, level in (
            (self.CALL + 1, 0),
            (self.CALL, 1),
            (self.CALL + 1, 0),
            (self.CALL, 1),
            (self.LAST + 1, 1),
        ):
            town.falls(ticks)
            assert town.loan(account)["level"] == level, ticks
        assert [row[0] for row in town.landmarks(LandmarkKind.MARGIN_CALL)] == [account, account]
        assert town.told()["work"] == 0
        town.falls(self.LAST)
        town.passes(1)
        assert town.loan(account)["assets"] == {}
        assert town.has(account, town.usd) == (100_000 + 19_000) * DOLLAR  # 17 * 7,000 - 100,000
        assert town.has(self.buyer, town.coin) == 17 * COIN
        told = town.told()
        assert (told["work"], told["liquidations"], told["repaid_value"]) == (0, 1, 100_000 * DOLLAR)
        assert town.reserve(town.usd)["cash"] == MILLION * DOLLAR
        assert town.has(told["seller"], town.coin) == town.has(told["seller"], town.usd) == 0

    def test_y23_half_a_collateral_is_enough(self):
        town, account = self.town([(70_000_000, 20)], sale_ppm=500_000)
        town.falls(self.LAST)
        town.passes(1)
        # 8 whole coins of 8.5 fetch 56,000: LTV 44,000 / 63,784
        assert town.loan(account)["assets"] == {town.coin: (9 * COIN, 0), town.usd: (0, 44_000 * DOLLAR)}
        assert (town.loan(account)["level"], town.told()["work"]) == (0, 0)
        town.passes(1_000)
        assert town.has(self.buyer, town.coin) == 8 * COIN

    def test_y23_what_the_sale_does_not_cover_is_bad_debt(self):
        town, account = self.town([(50_000_000, 20)])
        town.falls(self.LAST)
        town.passes(2)
        assert town.loan(account)["assets"] == {}
        assert town.reserve(town.usd)["deficit"] == 15_000 * DOLLAR  # 100,000 - 17 * 5,000
        assert [row[:2] for row in town.landmarks(LandmarkKind.BAD_DEBT)] == [(account, 15_000 * DOLLAR)]
        assert (town.told()["work"], town.reserve(town.usd)["claims"]) == (0, MILLION * DOLLAR)

    def test_y23_without_bids_the_collateral_comes_back_and_is_offered_again(self):
        town, account = self.town([(70_000_000, 5)], sale_ms=100)
        town.falls(self.LAST)
        town.passes(1)
        assert town.loan(account)["assets"][town.coin] == (12 * COIN, 0)
        assert (town.loan(account)["debt_value"], town.loan(account)["level"]) == (65_000 * DOLLAR, 1)  # 76 %: enough
        town.falls(self.LAST - 6_000_000)  # 64,872 dollars: 83.5 %
        town.passes(50)
        assert town.loan(account)["assets"][town.coin] == (12 * COIN, 0)
        self.buyer = town.bids([(60_000_000, 12)])
        town.passes(900)  # an empty book is asked once a second
        assert town.loan(account)["assets"][town.coin] == (12 * COIN, 0)
        town.passes(150)
        assert town.loan(account)["assets"] == {}
        assert town.has(account, town.usd) == (100_000 + 7_000) * DOLLAR  # 12 * 6,000 - 65,000

    def test_y23_a_fraction_of_a_lot_is_kept_and_the_debt_is_burned(self):
        town = Town("loan", terms=(650_000, 650_000, 0), call_ppm=750_000, liquidation_ppm=830_000)
        account = town.trader(coin=1)
        assert town.act(account, "supply", COIN // 2, asset=town.coin)[0] == 0
        assert town.act(account, "borrow", DOLLAR // 4, asset=town.usd)[0] == 0
        town.falls(5_000)
        town.passes(1)
        assert town.loan(account)["assets"] == {}
        assert town.reserve(town.coin)["kept"] == COIN // 2
        assert town.reserve(town.usd)["deficit"] == DOLLAR // 4

    def test_y23_one_loan_at_a_time(self):
        town, first = self.town([(70_000_000, 100)])
        second = town.borrower(17, 100_000)
        town.publish(self.LAST)
        for loans in ([0, 17], [0, 0]):
            town.passes(1)
            held = [town.loan(account)["assets"].get(town.coin, (0, 0))[0] for account in (first, second)]
            assert held == [coins * COIN for coins in loans]
        assert town.told()["liquidations"] == 1  # the second one's coins are out
        town.passes(1)
        assert [town.loan(account)["assets"] for account in (first, second)] == [{}, {}]
        assert town.has(self.buyer, town.coin) == 34 * COIN

    def test_y19_it_is_not_liquidated_by_others(self):
        town, account = self.town([(1, 1)])
        town.refused(Refusal.CLOSED, town.liquidate, town.bank, account, 1)
