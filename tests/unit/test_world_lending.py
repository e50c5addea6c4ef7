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
