"""Loopers in a world (A-12): the loop of RULEBOOK 6 step by step, reasons to leave, and the way out."""

from __future__ import annotations

import pytest
from lendkit import ALL, BUY, COIN, DOLLAR, SELL, TICKS, Town

from engine import _core
from engine.forest import LandmarkKind
from engine.loops import liquidation_fall, loop_multiple

TERMS = (800_000, 830_000, 50_000)
# RULEBOOK 6: coins and debt after each loop of 100,000 at 80 %.
STEPS = [
    (100_000, 0),
    (180_000, 80_000),
    (244_000, 144_000),
    (295_200, 195_200),
    (336_160, 236_160),
    (368_928, 268_928),
]


class Street(Town):
    """A deep book at 1 and somebody with 100,000 coins who loops."""

    def __init__(self, form="aave", *, terms=TERMS, **options):
        super().__init__(form, terms=terms, bank=10**7, **options)
        self.maker = self.trader(usd=10**8, coin=10**8)

    def quotes(self, bid, ask, coins=10**7):
        """Rest one deep bid and one deep ask; None leaves a side empty."""
        for side, ticks in ((BUY, bid), (SELL, ask)):
            if ticks is not None:
                self.world.send_order(self.maker, self.market, side, ticks, coins, at_ms=self.world.now_ms)
        self.passes(1)

    def looper(self, coin=100_000, latency_ms=10, **parameters):
        account = self.trader(coin=coin)
        self.world.add_agents(
            "looper",
            [account],
            [_core.member_key("looper", account)],
            market=self.market,
            protocol=self.protocol,
            latency_ms=latency_ms,
            **{"every_ms": 1_000, "loops": 5, "ltv_ppm": 800_000, "slippage_ppm": 0, **parameters},
        )
        return account

    def stands(self, account):
        """Return its stage, its steps, and what it has at the protocol in whole coins and dollars."""
        told = self.world.loopers([account])[account]
        assets = self.loan(account)["assets"]
        held, owed = assets.get(self.coin, (0, 0))[0], assets.get(self.usd, (0, 0))[1]
        return told["stage"], told["steps"], (held // COIN, owed // DOLLAR)

    def is_clean(self, account):
        """It is out, owes nothing, has nothing there, and less than a lot in hand."""
        assert self.world.loopers([account])[account]["stage"] == "out"
        assert self.loan(account)["assets"] == {}
        assert self.has(account, self.coin) < COIN
        return self.has(account, self.usd)


class TestBuilding:
    @pytest.mark.parametrize("loops", range(6))
    def test_a12_the_table_of_the_rulebook(self, loops):
        street = Street()
        street.quotes(9_999, TICKS)
        account = street.looper(loops=loops)
        street.passes(1_000)
        assert street.stands(account) == ("holds", loops, STEPS[loops])
        assert STEPS[loops][0] == 100_000 * loop_multiple("0.8", loops)

    def test_a12_its_liquidation_point_is_the_closed_form(self):
        street = Street()
        street.quotes(9_999, TICKS)
        account = street.looper()
        street.passes(1_000)
        fall = liquidation_fall(loop_multiple("0.8", 5), "0.83")
        last = int(TICKS * (1 - fall))  # 12.2 %: 0.8782
        assert last == 8_782
        for ticks, level in ((last + 1, 0), (last, 1)):
            street.falls(ticks)
            assert street.loan(account)["level"] == level

    def test_a12_an_order_goes_no_further_than_its_slippage(self):
        street = Street()
        street.quotes(9_999, TICKS, coins=1_000)
        dear = street.trader(coin=10**6)
        for ticks, coins in ((10_050, 500), (10_051, 10**6)):
            street.world.send_order(dear, street.market, SELL, ticks, coins, at_ms=street.world.now_ms)
        street.passes(1)
        street.looper(slippage_ppm=5_000, loops=1)  # up to 1.005
        street.passes(1_000)
        trades = street.world.trades()
        assert trades["price_ticks"].tolist() == [10_000, 10_050]
        assert trades["qty_lots"].tolist() == [1_000, 500]

    def test_a12_no_asks_no_loop(self):
        street = Street()
        street.quotes(9_999, None)
        account = street.looper()
        street.passes(1_000)
        assert street.stands(account) == ("holds", 0, (100_000, 80_000))
        assert street.has(account, street.usd) == 80_000 * DOLLAR

    def test_a12_it_stops_where_the_lender_does(self):
        street = Street(dollar={"price": (1, 1), "lent": True, "borrow_cap": 150_000 * DOLLAR})
        street.quotes(9_999, TICKS)
        account = street.looper()
        street.passes(1_000)
        assert street.stands(account) == ("holds", 2, STEPS[2])

    def test_a12_in_a_pool_it_loops_too(self):
        street = Street()
        pool = street.world.add_pool("stable", [street.coin, street.usd], amplification=500, fee_ppm=0)
        assert street.world.add_coins(street.maker, pool, [5 * 10**7 * COIN, 5 * 10**7 * DOLLAR])[0] == 0
        street.quotes(9_999, TICKS)
        account = street.looper(pool=pool)
        street.passes(1_000)
        stage, steps, (held, owed) = street.stands(account)
        assert (stage, steps) == ("holds", 5)
        assert (abs(held - 368_928), abs(owed - 268_928)) < (10, 10)
        assert len(street.world.trades()["qty_lots"]) == 0

    def test_a12_one_that_is_built_only_holds(self):
        street = Street()
        street.quotes(9_999, TICKS)
        account = street.looper(built=1)
        assert street.act(account, "supply", 100_000 * COIN, asset=street.coin)[0] == 0
        street.passes(5_000)
        assert street.stands(account) == ("holds", 0, (100_000, 0))


class TestLeaving:
    def built(self, form="aave", **parameters):
        options = parameters.pop("town", {})
        street = Street(form, **options)
        street.quotes(9_999, TICKS)
        account = street.looper(**parameters)
        street.passes(1_500)
        assert street.stands(account) == ("holds", 5, STEPS[5])
        return street, account

    @staticmethod
    def leaves(street, account, least):
        """It sells all it needs to at 0.9999 and is left with about 100,000."""
        street.passes(60_000)
        left = street.is_clean(account)
        assert least * DOLLAR <= left <= 100_000 * DOLLAR
        assert [row[0] for row in street.landmarks(LandmarkKind.UNWIND)] == [account]
        return left

    def test_a12_by_its_health(self):
        street, account = self.built(flee_health_ppm=1_050_000)
        # 368,928 * 0.83 / 268,928 = 1.13863; below 1.05 at a price of 0.92216
        street.falls(9_222)
        street.passes(1_000)
        assert street.stands(account) == ("holds", 5, STEPS[5])
        street.falls(9_221)
        street.passes(1_000)
        assert street.stands(account)[0] == "leaves"
        # 368,928 coins at 0.9999 less the debt
        assert self.leaves(street, account, 99_960) == 368_928 * 999_900 - 268_928 * DOLLAR

    def test_a12_by_the_peg(self):
        street, account = self.built(flee_ticks=9_990)
        whale = street.trader(coin=2 * 10**7)
        street.world.send_order(whale, street.market, SELL, 9_999, 10**7, at_ms=street.world.now_ms)
        street.quotes(9_979, 9_990)  # the bid at 0.9999 is gone: the mid is 0.99845
        street.passes(60_000)
        left = street.is_clean(account)
        assert left == 368_928 * 997_900 - 268_928 * DOLLAR

    def test_a12_the_peg_is_seen_not_the_oracle(self):
        street, account = self.built(flee_ticks=9_990)
        street.falls(9_500)
        street.passes(20_000)
        assert street.stands(account) == ("holds", 5, STEPS[5])

    def test_a12_by_the_rate(self):
        curve = {"price": (1, 1), "lent": True, "curve": (0, 900_000, 50_000, 900_000)}
        street, account = self.built(town={"dollar": curve, "terms": (850_000, 880_000, 50_000)}, flee_rate_ppm=60_000)
        assert street.stands(account)[0] == "holds"
        other = street.trader(coin=10**8)
        assert street.act(other, "supply", 10**8 * COIN, asset=street.coin)[0] == 0
        assert street.act(other, "borrow", 9_700_000 * DOLLAR, asset=street.usd)[0] == 0  # almost all
        street.passes(1_000)
        assert street.stands(account)[0] == "leaves"
        self.leaves(street, account, 99_900)

    def test_a12_by_a_margin_call(self):
        town = {"terms": (800_000, 800_000, 0), "call_ppm": 810_000, "liquidation_ppm": 900_000}
        street, account = self.built("loan", town=town)
        street.falls(8_999)  # 268,928 / 0.81 / 368,928 = 0.89995
        street.passes(100)
        assert street.stands(account)[0] == "leaves"
        [(_, _, called, _)] = street.landmarks(LandmarkKind.MARGIN_CALL)
        assert [row[3] for row in street.landmarks(LandmarkKind.UNWIND)] == [called]
        street.passes(10_000)
        assert street.stands(account)[2] == STEPS[5]  # nothing may be withdrawn beyond the initial LTV
        street.falls(9_500)
        self.leaves(street, account, 99_960)

    def test_a12_a_part_at_a_time_and_out_all_the_same(self):
        street, account = self.built(flee_health_ppm=1_050_000, share_ppm=500_000)
        fast, other = self.built(flee_health_ppm=1_050_000)
        for each, who in ((street, account), (fast, other)):
            each.falls(9_200)
            self.leaves(each, who, 99_960)
        sold = [int((each.world.trades()["aggressor_side"] == SELL).sum()) for each in (street, fast)]
        assert sold[0] > sold[1]

    def test_a12_without_bids_it_waits_and_goes_on(self):
        street = Street()
        street.quotes(None, TICKS)
        account = street.looper(flee_health_ppm=1_200_000)
        street.passes(30_000)
        stage, _, (_, owed) = street.stands(account)
        assert (stage, owed) == ("leaves", 268_928)
        street.quotes(9_999, None)
        street.passes(60_000)
        assert street.is_clean(account) == 368_928 * 999_900 - 268_928 * DOLLAR

    def test_a12_liquidated_before_it_could_leave_it_ends_without_debt(self):
        street, account = self.built(flee_health_ppm=1_050_000)
        liquidator = street.trader(usd=10**6)
        street.falls(8_000)
        for _ in range(4):
            street.act(liquidator, "liquidate", ALL, asset=street.usd, other=street.coin, party=account)
        street.passes(120_000)
        assert street.loan(account)["debt_value"] == 0

    def test_a12_through_a_snapshot_in_every_stage(self):
        street = Street()
        street.quotes(9_999, TICKS)
        account = street.looper(flee_health_ppm=1_100_000)
        copies = []
        for step in range(80):
            if step == 40:
                street.publish(9_500)
            street.passes(25)
            copies.append((_core.World.restore(street.world.snapshot()), step))
        for copy, step in copies[::7]:
            for later in range(step + 1, 80):
                if later == 40:
                    copy.publish(street.market, 9_500, "oracle")
                copy.run(copy.now_ms + 25, check=True)
            assert copy.digest() == street.world.digest()
            assert copy.loopers([account]) == street.world.loopers([account])
