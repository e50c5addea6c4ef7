"""The face of pools: opening, adding, swapping, reading; bots and loopers that trade in one."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from engine import ActionReason, InputError, Simulation, Terms
from engine.lineage import LandmarkKind, Lineage
from engine.loops import loop_multiple
from engine.pooling import sqrt_price


def pooled(form="product", **options):
    """A pool of coins of six decimals and dollars of four, ten dollars a coin, and a lender beside it."""
    sim = Simulation(seed=3)
    coin = sim.asset("COIN", decimals=6, supply="1000000000")
    usd = sim.asset("USD", decimals=4, supply="1000000000")
    spot = sim.spot("COIN/USD", coin, usd, tick="0.01", lot="0.01")
    pool = sim.pool("pool", form, (coin, usd), **options)
    maker = sim.account("maker", COIN="1000000", USD="10000000")
    return sim, spot, pool, maker, (coin, usd)


def lent():
    sim, spot, pool, maker, assets = pooled(fee="0.0001")
    assert sim.add_liquidity(maker, pool, {"COIN": 100_000, "USD": 1_000_000}).is_done
    sim.publish(spot, "10", "oracle")
    lender = sim.lending(
        "lender", collateral={"COIN": Terms("0.8", "0.83", "0.05")}, borrow={"USD": None}, oracle={"COIN": spot}
    )
    assert sim.act(sim.account("bank", USD="500000"), "supply", lender, "500000 USD").is_done
    return sim, spot, pool, lender, assets


class TestPools:
    def test_constant_product_in_units(self):
        sim, _, pool, maker, (_, usd) = pooled(fee="0.003")
        assert sim.pool_state(pool).prices == {}  # it is empty
        added = sim.add_liquidity(maker, pool, {"COIN": 1_000, "USD": 10_000})
        assert (added.is_done, added.paid) == (True, 1_000)
        state = sim.pool_state("pool")
        assert state.balances == {"COIN": 1_000, "USD": 10_000}
        assert state.prices == {"COIN": 1, "USD": 10}
        out = sim.swap(maker, pool, "100 COIN", usd)
        e = Fraction(100 * 997, 1_000)  # Z-5
        assert out.got == Decimal(int(Fraction(10_000) * e / (1_000 + e) * 10**4)) / 10**4
        assert (out.paid, sim.pool_state(pool).swaps) == (100, 1)
        assert sim.accounts[pool.account] == "pool"
        gone = sim.remove_liquidity(maker, pool, int(added.got))
        assert gone.is_done
        assert 1_000 < gone.got < 1_100  # all but the locked shares

    def test_a_stable_pool_counts_a_unit_of_each_the_same(self):
        sim, _, pool, maker, (coin, _) = pooled("stable", fee=0)
        sim.add_liquidity(maker, pool, {"COIN": 1_000, "USD": 1_000})
        assert sim.world.pool(pool)["scales"] == (1, 100)
        assert sim.pool_state(pool).prices["USD"] == 1
        assert Decimal("9.9") < sim.swap(maker, pool, "10 USD", coin).got < 10

    def test_a_pool_of_ranges_begins_at_its_price(self):
        sim, _, pool, maker, (coin, usd) = pooled("ranges", price=10, tick_spacing=10)
        assert float(sim.pool_state(pool).prices["USD"]) == pytest.approx(10, rel=1e-9)
        assert sqrt_price(10, (coin, usd)) ** 2 <= Fraction(1, 10) * 2**192 < (sqrt_price(10, (coin, usd)) + 1) ** 2
        assert sim.swap(maker, pool, "1 COIN", usd).reason is ActionReason.POOL_EMPTY

    def test_what_the_rules_refuse_is_an_outcome_with_a_reason(self):
        sim, _, pool, maker, (_, usd) = pooled()
        sim.add_liquidity(maker, pool, {"COIN": 1_000, "USD": 10_000})
        assert sim.swap(maker, pool, "1 COIN", usd, least=10).reason is ActionReason.POOL_BELOW_MINIMUM
        poor = sim.account("poor")
        assert sim.swap("poor", pool, "1 COIN", usd).reason is ActionReason.LACKING
        assert sim.remove_liquidity(poor, pool, 5).reason is ActionReason.POOL_SHARES_SHORT

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"form": "square"}, "form"),
            ({"fee": "0.2"}, "fee_ppm"),
            ({"price": 10}, "price"),
            ({"form": "ranges"}, "price"),
            ({"form": "ranges", "price": -1}, "price"),
            ({"form": "stable", "amplification": 0}, "amplification"),
            ({"amplification": 5}, "amplification"),
            ({"assets": ("COIN",)}, "assets[0]"),
            ({"assets": 5}, "assets"),
            ({"name": "pool"}, "name"),
            ({"name": "maker"}, "name"),
        ],
    )
    def test_what_cannot_be_is_refused_by_its_field_and_leaves_nothing(self, options, field):
        sim, _, _, _, assets = pooled()
        before, accounts = sim.world.digest(), sim.world.account_count
        given = {"name": "other", "form": "product", "assets": assets} | options
        with pytest.raises(InputError) as caught:
            sim.pool(given.pop("name"), given.pop("form"), given.pop("assets"), **given)
        assert caught.value.field == field
        assert (sim.world.digest(), sim.world.account_count, list(sim.pools)) == (before, accounts, ["pool"])

    def test_a_snapshot_and_a_fork_keep_the_pools(self):
        sim, _, pool, maker, _ = pooled()
        sim.add_liquidity(maker, pool, {"COIN": 1_000, "USD": 10_000})
        for copy in (Simulation.restore(sim.snapshot()), sim.fork()):
            assert copy.pool_state("pool") == sim.pool_state(pool)


class TestInPools:
    def test_a_looper_builds_in_a_pool(self):
        sim, spot, pool, lender, _ = lent()
        (looper,) = sim.loopers("looper", 1, lender, spot, pool=pool, brings={"COIN": 100}, loops=3, ltv="0.5")
        sim.run(until_ms=1_000)
        found = float(sim.loan(looper, lender).supplied["COIN"])
        assert sim.pool_state(pool).swaps == 3
        assert found == pytest.approx(100 * float(loop_multiple("0.5", 3)), rel=2e-3)
        assert len(sim.world.trades()) == 0

    def test_a_flash_liquidation_needs_no_capital(self):
        sim, spot, pool, lender, _ = lent()
        who = sim.account("who", COIN="100")
        sim.act(who, "supply", lender, "100 COIN")
        sim.act(who, "borrow", lender, "800 USD")
        (bot,) = sim.bots("bot", 1, lender, spot, pool=pool, flash=True, every="50ms")
        sim.publish(spot, "9.5", "oracle")
        sim.run(until_ms=1_000)
        state = sim.bot_states([bot])[bot]
        assert state.won == 1
        assert state.earned > 0
        assert state.earned == sim.assets["USD"].grid.value(sim.world.balance(bot, 1)[0])
        assert len(Lineage(sim).of_kind(LandmarkKind.STEP)) == 1
