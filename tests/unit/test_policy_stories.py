"""One fall at a venue with each preset: who takes what, at which value, and who pays, by hand.

A long of 1,500 at 100 with 20,000 stands against shorts of 500 (a maker, with 9 M) and 1,000 (a winner, with 50,000).
300 are bid at 90, 100 at 80. At a mark of 88.5 its equity is 2,750, its requirement 0.05 * 132,750 - 3,500 = 3,137.5;
later the mark is 84.5.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine import Side, Simulation, liquidation, tiers

STEP, FILLED, TAKEOVER, ADL, REST, BALANCE, FUND, CLEARANCE, SHARE, BAD_DEBT = range(1, 11)
COLUMNS = ("time_ms", "kind", "qty_lots", "atoms", "counterparty")
TIERS = [(50_000, 50, "0.01", 0), (100_000, 25, "0.02", 500), (10**9, 10, "0.05", 3_500)]
UNIT = 10**6


class Fall:
    """Hold the simulation after the fall, and its waterfall in rows."""

    def __init__(self, policy, *, fund=500, capital=1_000, is_backstop=False):
        sim = self.sim = Simulation(seed=1)
        self.usdt = sim.asset("USDT", decimals=6, supply="100000000000")
        self.venue = sim.venue("dex", liquidation=policy)
        sim.record(waterfall=True)
        table = tiers.from_caps("three", TIERS, "made up")
        self.perp = sim.perpetual("C", self.usdt, tick="0.01", lot="0.01", tiers=table, venue=self.venue)
        money = {"trader": 20_000, "maker": 9_000_000, "winner": 50_000, "vault": capital}
        self.trader, self.maker, self.winner, self.vault = (
            sim.account(name, self.venue, USDT=amount) for name, amount in money.items()
        )
        if is_backstop:
            sim.backstop(self.venue, self.vault)
        sim.fund(self.venue, self.usdt, fund)
        for short, coins in ((self.maker, "500"), (self.winner, "1000")):
            sim.world.open_trade(self.perp, self.trader, short, self.perp.lots(coins), self.perp.ticks("100"))
        for price, coins in (("90", "300"), ("80", "100")):
            sim.place(self.maker, self.perp, Side.BUY, price, coins, at_ms=0)
        sim.run(until_ms=1)
        self.at("91.5", until_ms=10)
        assert self.rows() == []
        self.at("88.5", until_ms=1_500)

    def at(self, price, *, until_ms):
        self.sim.publish(self.perp, price)
        self.sim.run(until_ms=until_ms, check=True)

    def rows(self):
        """Return time, kind, lots, atoms and counterparty of each row of the trader's liquidation."""
        table = self.sim.tables.waterfall
        is_own = table["account"] == self.trader
        return list(zip(*(table[name][is_own].tolist() for name in COLUMNS), strict=True))

    @property
    def fund(self):
        return self.sim.insurance_fund(self.venue, self.usdt)

    @property
    def bad_debt(self):
        return self.sim.world.balance(self.sim.own_accounts[self.venue] + 2, self.usdt.number)[0]

    def left(self):
        return self.sim.world.balance(self.trader, self.usdt.number)[0], self.position(self.trader)

    def position(self, account):
        return self.sim.world.position(account, self.perp)[0]


def test_noted_sends_nothing():
    fall = Fall("noted")
    assert (fall.rows(), fall.position(fall.trader)) == ([], 150_000)


@pytest.mark.parametrize("name", ["plain", "staged"])
def test_plain_sells_a_quarter_each_second_at_any_price(name):
    fall = Fall(name)
    # ceil(150,000 / 4), into all that is bid: 300 at 90 and 75 at 80.
    assert fall.rows() == [(11, STEP, 37_500, 0, -1), (11, FILLED, 37_500, 33_000 * UNIT, -1)]
    fall.at("84.5", until_ms=1_501)
    assert fall.rows()[2:] == [(1_501, STEP, 28_125, 0, -1), (1_501, FILLED, 2_500, 2_000 * UNIT, -1)]
    assert (fall.fund, fall.bad_debt) == (500, 0)  # as long as it is not flat nobody pays


@pytest.mark.parametrize("name", ["binance-futures", "binance-portfolio-margin"])
def test_binance_sends_one_order_then_closes_against_the_best_ranked(name):
    fall = Fall(name)
    # Down to the second tier, below 100,000 at 88.5: floor(99,999.999999 / 0.885) = 112,994 lots stay. The limit is its
    # bankruptcy price, 100 - 20,000 / 1,500 = 86.67; 300 at 90 are above it. 0.5 % of 27,000 go to the fund.
    assert fall.rows() == [
        (11, STEP, 37_006, 0, -1),
        (11, FILLED, 30_000, 27_000 * UNIT, -1),
        (11, CLEARANCE, 0, 135 * UNIT, fall.sim.own_accounts[fall.venue] + 1),
    ]
    fall.at("84.5", until_ms=3_000)
    # Equity 20,000 - 3,000 - 135 - 1,200 * 15.5 = -1,735: more than the fund's 635, which is paid; the rest, 1,100, is
    # borne by those who are closed: 1,200 at 84.5 + 1,100 / 1,200. The winner is ranked before the maker.
    *_, paid, first, second = fall.rows()
    assert paid[1:4] == (FUND, 0, 635 * UNIT)
    value = 1_200 * 84_500_000 + 1_100 * UNIT
    assert first[1:] == (ADL, 100_000, value * 100_000 // 120_000, fall.winner)
    assert second[1:] == (ADL, 20_000, value - first[3], fall.maker)
    assert (fall.left(), fall.fund, fall.bad_debt) == ((0, 0), 0, 0)


def test_binance_takes_over_what_the_fund_can_bear():
    fall = Fall("binance-futures", fund=5_000)
    fall.at("84.5", until_ms=1_600)
    kinds = [row[1] for row in fall.rows()]
    assert kinds[-2:] == [STEP, TAKEOVER]
    # All of it at its bankruptcy value: 1,200 at 84.5 - (-1,735).
    assert fall.rows()[-1][2:4] == (120_000, 1_200 * 84_500_000 + 1_735 * UNIT)
    assert (fall.left(), fall.bad_debt) == ((0, 0), 0)
    assert fall.position(fall.sim.own_accounts[fall.venue] + 1) == 120_000


def test_bybit_fills_all_of_a_tier_or_nothing():
    fall = Fall("bybit")
    # 37,006 lots at 86.67 or better are not there: killed, each second.
    assert fall.rows() == [(11, STEP, 37_006, 0, -1), (1_011, STEP, 37_006, 0, -1)]
    fall.at("84.5", until_ms=3_000)
    # Equity 20,000 - 1,500 * 15.5 = -3,250, the fund has 500; 1,500 at 84.5 + 2,750 / 1,500.
    *_, paid, first, second = fall.rows()
    assert paid[1:4] == (FUND, 0, 500 * UNIT)
    value = 1_500 * 84_500_000 + 2_750 * UNIT
    assert (first[1:3], second[1:3]) == ((ADL, 100_000), (ADL, 50_000))
    assert first[3] + second[3] == value
    assert (first[4], second[4]) == (fall.winner, fall.maker)
    assert (fall.left(), fall.fund, fall.bad_debt) == ((0, 0), 0, 0)


def test_okx_goes_two_tiers_down_and_waits_a_minute():
    fall = Fall("okx")
    # Below 50,000 at 88.5: floor(49,999.999999 / 0.885) = 56,497 lots stay.
    assert fall.rows() == [(11, STEP, 93_503, 0, -1), (11, FILLED, 30_000, 27_000 * UNIT, -1)]
    fall.at("84.5", until_ms=60_010)
    assert len(fall.rows()) == 2
    fall.sim.run(until_ms=60_011, check=True)
    assert [row[:2] for row in fall.rows()[2:]] == [(60_011, FUND), (60_011, ADL), (60_011, ADL)]
    assert (fall.left(), fall.bad_debt) == ((0, 0), 0)


def test_hyperliquid_sells_a_fifth_then_closes_at_mark():
    fall = Fall("hyperliquid")
    # More than 100,000: 20 % at the market, 300 at 90.
    assert fall.rows() == [(11, STEP, 30_000, 0, -1), (11, FILLED, 30_000, 27_000 * UNIT, -1)]
    fall.at("84.5", until_ms=3_000)
    # Equity 20,000 - 3,000 - 1,200 * 15.5 = -1,600: the fund pays 500; closed at mark, the rest is bad debt.
    *_, paid, first, second, lost = fall.rows()
    assert paid[1:4] == (FUND, 0, 500 * UNIT)
    assert first[1:] == (ADL, 100_000, 1_000 * 84_500_000, fall.winner)
    assert second[1:] == (ADL, 20_000, 200 * 84_500_000, fall.maker)
    assert lost[1:4] == (BAD_DEBT, 0, 1_100 * UNIT)
    assert (fall.left(), fall.fund, fall.bad_debt) == ((0, 0), 0, -1_100 * UNIT)


def test_hyperliquid_a_vault_with_capital_takes_over_below_two_thirds():
    fall = Fall("hyperliquid", capital=10_000, is_backstop=True)
    fall.at("84.5", until_ms=1_600)
    (*_, moved) = [row for row in fall.rows() if row[1] == TAKEOVER]
    assert moved[2:] == (120_000, 1_200 * 84_500_000 + 1_600 * UNIT, fall.vault)
    assert (fall.left(), fall.fund, fall.bad_debt) == ((0, 0), 500, 0)
    assert fall.position(fall.vault) == 120_000
    # 10,000 - 1,600 of worth at 84.5; at 77 it is 8,400 - 9,000, and it is relieved of all.
    fall.at("77", until_ms=1_601)
    assert fall.position(fall.vault) == 0


def test_dydx_sells_a_tenth_at_the_fillable_price():
    fall = Fall("dydx")
    # ceil(150,000 / 10); 1.5 % of 13,500 would be 202.5, which its equity can pay.
    assert fall.rows()[:2] == [(11, STEP, 15_000, 0, -1), (11, FILLED, 15_000, 13_500 * UNIT, -1)]
    assert fall.rows()[2][1:4] == (CLEARANCE, 0, Decimal("202.5") * UNIT)
    fall.at("84.5", until_ms=3_000)
    # 20,000 - 1,500 - 202.5 - 1,350 * 15.5 = -2,627.5; the fund has 702.5, 1,925 are borne by those who are closed.
    closed = [row for row in fall.rows() if row[1] == ADL]
    assert sum(row[2] for row in closed) == 135_000
    assert sum(row[3] for row in closed) == 1_350 * 84_500_000 + 1_925 * UNIT
    assert {row[4] for row in closed} == {fall.winner, fall.maker}
    assert (fall.left(), fall.fund, fall.bad_debt) == ((0, 0), 0, 0)


def test_a_loss_can_be_shared_instead():
    fall = Fall(liquidation.staged(1, every="10s", shares_losses=True))
    # All at the market: 300 at 90 and 100 at 80; 1,100 are left at 100.
    assert fall.rows()[1][1:4] == (FILLED, 40_000, 35_000 * UNIT)
    fall.sim.place(fall.maker, fall.perp, Side.BUY, "80", "1100", at_ms=fall.sim.world.now_ms)
    fall.at("84.5", until_ms=20_010)
    assert fall.left()[0] == -7_000 * UNIT  # 20,000 - 3,000 - 2,000 - 1,100 * 20, until it is looked at again
    fall.sim.run(until_ms=20_011, check=True)
    # The fund pays 500, the winner's profit of 15,500, and the maker's if he has any, the rest.
    shares = {row[4]: row[3] for row in fall.rows() if row[1] == SHARE}
    assert sum(shares.values()) == 6_500 * UNIT
    assert fall.winner in shares
    assert (fall.left(), fall.fund, fall.bad_debt) == ((0, 0), 0, 0)


def test_a_rule_of_python_says_who_is_first():
    seen = []

    def maker_first(columns):
        seen.append((sorted(columns["account"].tolist()), columns["mark_ticks"]))
        return [1, 0] if columns["account"][0] == fall.winner else [0, 1]

    fall = Fall(liquidation.staged(0.1, every="10s", adl=maker_first, close="mark"))
    fall.at("84.5", until_ms=11_000)
    closed = [(row[4], row[2]) for row in fall.rows() if row[1] == ADL]
    assert [account for account, _ in closed] == [fall.maker, fall.winner]
    assert sum(lots for _, lots in closed) == 135_000
    assert seen[0] == (sorted([fall.maker, fall.winner]), 8_450)
