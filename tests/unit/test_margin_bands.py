"""Bands of margin units, worked out by hand (E-1 .. E-5); that they are right: properties/test_margin_walks.py."""

from __future__ import annotations

import pytest
from marginworldkit import COIN, UNIFIED, USD, Stage
from worldkit import PERCENT

from engine.margin import Boundary, Comparator, Ladder, MarginAction
from engine.testing.margins import MarginWorld


class TestBands:
    def test_e1_the_bands_of_an_account_are_those_of_its_series(self):
        stage = Stage()
        account = stage.long(1_000)
        assert stage.native.bands(account) == [(stage.market, "mark", 2**31 - 2, None)]  # unknown: any publication
        stage.price(100)
        # Equity 1,000 and 100 required; a fall takes 10 a tick and gives 1 back: 900 / 9 = 100 ticks.
        assert stage.native.bands(account) == []
        stage.native.withdraw(account, USD, 500)
        # 400 to lose, less the atom that rounding can take, at 10 - 1 a tick: 44 ticks, and due one further down.
        assert stage.native.bands(account) == [(stage.market, "mark", 100 - 44 - 1, None)]

    def test_e1_one_tick_inside_the_band_nobody_is_looked_at(self):
        stage = Stage()
        account = stage.long(500)
        stage.price(100)
        assert stage.native.bands(account) == [(stage.market, "mark", 55, None)]
        before = stage.native.risk_counts()["pops"]
        stage.price(56)
        assert stage.native.risk_counts()["pops"] == before
        stage.price(55)
        assert stage.native.risk_counts()["pops"] == before + 1
        assert stage.native.in_liquidation(account)  # with one position and one tier it is the liquidation price
        stage.agree()

    @pytest.mark.parametrize(("ratio_ppm", "has_high"), [(1_000_000, False), (1_050_000, False), (1_250_000, True)])
    def test_e5_a_long_fears_a_rise_where_its_requirement_can_outgrow_its_gain(self, ratio_ppm, has_high):
        world = MarginWorld(ladder=Ladder((Boundary(MarginAction.LIQUIDATE, ratio_ppm),)))
        assert world.asset(10**12) == USD
        steep = world.schedule([0, 10_000], [10 * PERCENT, 90 * PERCENT])  # 0.9 * 1.25 is above 1
        market, maker = world.perpetual(USD, maintenance=steep), world.account(10**9)
        account = world.account(400)
        world.native.open_trade(market, account, maker, 10, 100)
        world.native.publish(market, 100)
        world.native.run(1, check=True)
        ((_, _, low, high),) = world.native.bands(account)
        assert (low is not None, high is not None) == (True, has_high)
        assert world.differences() == []

    def test_e3_where_roundings_can_take_more_than_is_left_any_move_is_looked_at(self):
        # A long of one lot at 2: 2 left against 1 required, at or below 1.5. At 3 it has 3 against 2, and is beyond.
        boundary = Boundary(MarginAction.WARN, 1_500_000, Comparator.AT_OR_BELOW)
        world = MarginWorld(ladder=Ladder((boundary, Boundary(MarginAction.LIQUIDATE, 1_000_000))))
        assert world.asset(10**9) == USD
        market, maker, account = (
            world.perpetual(USD, maintenance_ppm=50 * PERCENT),
            world.account(100),
            world.account(2),
        )
        world.native.open_trade(market, account, maker, 1, 2)
        for ticks in (2, 3):
            world.native.publish(market, ticks)
            world.native.run(world.native.now_ms + 1, check=True)
            assert world.differences() == []
        assert world.native.margin(account).state == 1

    def test_e3_a_rounded_atom_of_another_asset_is_worth_what_it_can_be_in_the_box(self):
        # A short of 10 in coins, each worth 80,000: 800 now, 900 at the end of a box of an eighth, where the first atom
        # is required: 90,000. Left are 110,080,096; a box of an eighth takes 110,000,000 of it, and that atom the rest.
        world = MarginWorld()
        assert (world.asset(10**15), world.asset(10**15)) == (USD, COIN)
        spot = world.spot(COIN, USD, worth=1_000)
        flat = world.schedule([0, 8_999], [0, 1])
        market, maker = world.perpetual(COIN, maintenance=flat), world.account(0, 10**9)
        world.count(USD)
        world.count(COIN, spot)
        account = world.account(270_080_096, mode=UNIFIED)
        world.native.open_trade(market, maker, account, 10, 600)
        world.native.publish(spot, 80, "index")
        world.native.publish(market, 800)
        world.native.run(1, check=True)
        health = world.native.margin(account)
        assert (health.equity, health.requirement) == (110_080_096, 0)
        ((row, unit),) = [pair for pair in world.units() if pair[1].account == account]
        assert world.corner_differences(row, unit, []) == []
        bands = {series: high for _, series, _, high in world.native.bands(account)}
        assert bands == {"index": 90, "mark": 900}  # one tick less than an eighth
