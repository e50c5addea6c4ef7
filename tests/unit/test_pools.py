"""Pools (Z-1 .. Z-15), each test on the reference and on the native engine."""

from __future__ import annotations

import importlib
from decimal import Decimal, localcontext

import numpy as np
import pytest
from poolkit import MODULES, exact_invariant, share_fields, swap_fields

from engine.errors import InputError
from engine.types import PoolReason

MILLION = 10**6 * 10**6  # a million coins of six decimals
ONE = 2**96
MAX = 2**61


@pytest.fixture
def pools(engine_name):
    return importlib.import_module(MODULES[engine_name])


def stable(pools, *, amplification=200, fee_ppm=0, each=50 * MILLION, coins=2, scales=None):
    pool = pools.StableSwapPool(amplification, fee_ppm, scales or (1,) * coins)
    assert pool.add([each] * coins).accepted
    return pool


def product(pools, balances=(1_000_000, 2_000_000), fee_ppm=3_000):
    pool = pools.ConstantProductPool(fee_ppm)
    assert pool.add(list(balances)).accepted
    return pool


def ranges(pools, *, fee_ppm=3_000, tick=0, spacing=60, liquidity=10**12):
    pool = pools.ConcentratedPool(pools.sqrt_price_at(tick), fee_ppm, spacing)
    assert pool.add(-600, 600, liquidity).accepted
    return pool


class TestStable:
    # Pool 50M/50M, A = 200, no fee: sold, received, average, marginal price. The exact price after 10M is 0.997846.
    @pytest.mark.parametrize(
        ("sold", "received", "average", "marginal"),
        [
            (1, "0.99990", "0.9999", "0.9998"),
            (10, "9.98965", "0.9990", "0.9978"),
            (20, "19.9528", "0.9976", "0.9944"),
            (30, "29.8621", "0.9954", "0.9859"),
            (40, "39.5833", "0.9896", "0.9468"),
        ],
    )
    def test_z8_worked_table(self, pools, sold, received, average, marginal):
        """The last digit is that of ordinary rounding."""
        pool = stable(pools)
        outcome = pool.swap(0, 1, sold * MILLION)
        above, below = pool.price(0, 1)
        out = Decimal(outcome.amount_out) / MILLION
        assert out.quantize(Decimal(received)) == Decimal(received)
        assert (out / sold).quantize(Decimal(average)) == Decimal(average)
        assert (Decimal(above) / below).quantize(Decimal(marginal)) == Decimal(marginal)

    def test_z8_fee_comes_off_the_coin_bought_rounded_up(self, pools):
        gross = stable(pools).quote(0, 1, MILLION).amount_out
        outcome = stable(pools, fee_ppm=400).swap(0, 1, MILLION)
        fee = -(-gross * 400 // 10**6)
        assert swap_fields(outcome) == (MILLION, gross - fee, fee, PoolReason.NONE)

    def test_z7_newton_stops_beside_the_exact_invariant(self, pools):
        pool = stable(pools)
        pool.swap(0, 1, 40 * MILLION)
        exact = exact_invariant(list(pool.balances), 200)
        assert exact <= pool.invariant() <= exact + 1

    def test_z7_balanced_pool_is_its_sum_and_its_price_one(self, pools):
        pool = stable(pools, coins=4)
        assert pool.invariant() == pool.shares == 200 * MILLION
        assert pool.price(3, 1) == (1, 1)

    def test_z9_scales_bring_decimals_together(self, pools):
        """A coin of six decimals and one of nine: an atom of the first counts a thousand."""
        pool = pools.StableSwapPool(200, 0, (1_000, 1))
        assert pool.add([10**12, 10**15]).shares == 2 * 10**15
        assert pool.price(0, 1) == (1_000, 1)
        outcome = pool.swap(1, 0, 10**9)
        assert outcome.amount_out == 999_999  # one dollar less what rounding and slope take
        assert pool.swap(1, 0, 999).reason == PoolReason.NOTHING_OUT

    def test_z9_a_swap_that_would_empty_one_side_is_refused(self, pools):
        pool = stable(pools, each=10**9, amplification=1)
        before = pool.digest()
        assert pool.swap(0, 1, 2**60).reason == PoolReason.BEYOND_POOL
        assert pool.swap(0, 1, MAX).reason == PoolReason.BALANCE_OUT_OF_BOUNDS
        assert pool.swap(0, 1, 1).reason == PoolReason.NOTHING_OUT
        assert pool.digest() == before

    def test_z10_even_deposit_is_free_and_uneven_is_charged(self, pools):
        pool = stable(pools, fee_ppm=400)
        even = pool.add([MILLION, MILLION])
        assert even.fees == (0, 0)
        assert 2 * MILLION - 4 <= even.shares <= 2 * MILLION
        uneven = pool.add([2 * MILLION, 0])
        assert 0 < uneven.fees[0]
        assert 0 < uneven.fees[1]
        assert uneven.shares < 2 * MILLION - sum(uneven.fees) + 4
        assert uneven.amounts == (2 * MILLION, 0)

    def test_z10_remove_pays_a_part_rounded_down_and_all_pays_all(self, pools):
        pool = stable(pools, each=1_001)
        assert share_fields(pool.remove(1_001)) == (1_001, (500, 500), (0, 0), 0)
        assert pool.remove(1_002).reason == PoolReason.SHARES_SHORT
        assert pool.remove(1_001).amounts == (501, 501)
        assert pool.balances == (0, 0)
        assert pool.price(0, 1) is None
        assert pool.swap(0, 1, 5).reason == PoolReason.EMPTY
        assert pool.add([5, 0]).reason == PoolReason.EMPTY

    def test_z10_one_coin_for_shares_pays_less_than_a_swap_of_both(self, pools):
        alone, both = stable(pools, fee_ppm=400), stable(pools, fee_ppm=400)
        outcome = alone.remove_one(20 * MILLION, 1)
        parts = both.remove(20 * MILLION).amounts
        swapped = parts[1] + both.swap(0, 1, parts[0]).amount_out
        assert outcome.amounts[0] == 0
        assert abs(outcome.amounts[1] - swapped) < swapped // 10_000  # the same but for how the fee is counted
        assert outcome.fees[1] > 0
        assert alone.remove_one(alone.shares, 0).reason == PoolReason.BEYOND_POOL
        assert alone.remove_one(alone.shares + 1, 0).reason == PoolReason.SHARES_SHORT


class TestProduct:
    def test_z5_by_hand(self, pools):
        pool = product(pools)
        effective = 10_000 * 997_000
        out = 2_000_000 * effective // (1_000_000 * 10**6 + effective)
        assert swap_fields(pool.swap(0, 1, 10_000)) == (10_000, out, 30, 0)
        assert pool.balances == (1_010_000, 2_000_000 - out)
        assert pool.invariant() == 1_010_000 * (2_000_000 - out)

    def test_z4_price_is_a_ratio_in_lowest_terms(self, pools):
        assert product(pools).price(0, 1) == (2, 1)
        assert product(pools).price(1, 0) == (1, 2)

    def test_z6_first_deposit_locks_a_thousand_shares(self, pools):
        pool = pools.ConstantProductPool()
        assert pool.add([1_000, 1_000]).reason == PoolReason.NOTHING_OUT
        assert pool.add([10**6, 10**6]).shares == 10**6 - 1_000
        assert pool.remove(10**6 - 999).reason == PoolReason.SHARES_SHORT
        assert pool.remove(10**6 - 1_000).amounts == (10**6 - 1_000, 10**6 - 1_000)
        assert pool.balances == (1_000, 1_000)

    def test_z6_a_deposit_takes_the_proportion_rounded_up(self, pools):
        pool = product(pools, (1_000_000, 3_000_000))
        shares = pool.shares
        outcome = pool.add([1_000, 10**6])
        assert outcome.shares == 1_000 * shares // 1_000_000
        assert outcome.amounts == tuple(-(-outcome.shares * x // shares) for x in (1_000_000, 3_000_000))

    def test_z5_bounds_and_minimum(self, pools):
        pool = product(pools)
        before = pool.digest()
        assert pool.swap(0, 1, 10_000, amount_out_min=19_744).reason == PoolReason.BELOW_MINIMUM
        assert pool.swap(0, 1, MAX).reason == PoolReason.BALANCE_OUT_OF_BOUNDS
        assert pool.swap(1, 0, 1).reason == PoolReason.NOTHING_OUT
        assert pool.add([MAX, MAX]).reason == PoolReason.BALANCE_OUT_OF_BOUNDS
        assert pool.digest() == before
        assert pool.swap(0, 1, 10_000, amount_out_min=19_743).accepted
        assert pools.ConstantProductPool().swap(0, 1, 5).reason == PoolReason.EMPTY
        assert pools.ConstantProductPool().price(0, 1) is None


class TestRanges:
    @pytest.mark.parametrize(
        ("tick", "expected"),  # the values that TickMath of Uniswap v3 publishes
        [
            (0, ONE),
            (50, 79426470787362580746886972461),
            (-50, 79030349367926598376800521322),
            (100, 79625275426524748796330556128),
            (50_000, 965075977353221155028623082916),
            (-50_000, 6504256538020985011912221507),
            (250_000, 21246587762933397357449903968194344),
        ],
    )
    def test_z11_square_roots(self, pools, tick, expected):
        assert pools.sqrt_price_at(tick) == expected

    def test_z11_square_roots_are_right_to_their_last_digits(self, pools):
        with localcontext() as context:
            context.prec = 100
            for tick in (-400_000, -123_457, -1, 1, 99_999, 400_000):
                exact = (Decimal("1.0001") ** tick).sqrt() * ONE
                assert abs(pools.sqrt_price_at(tick) / exact - 1) < Decimal(2) ** -60

    def test_z12_amounts_of_a_position(self, pools):
        """Below the price only coin 1, above it only coin 0, around it both; each rounded up."""
        pool = ranges(pools)
        low, high = pools.sqrt_price_at(-600), pools.sqrt_price_at(600)
        assert pool.balances == (-(-(10**12) * (high - ONE) * ONE // (ONE * high)), -(-(10**12) * (ONE - low) // ONE))
        assert pool.add(60, 120, 10**9).amounts[1] == 0
        assert pool.add(-120, -60, 10**9).amounts[0] == 0
        assert pool.liquidity == 10**12

    def test_z13_within_a_tick(self, pools):
        """d(sqrt P) = dy / L; dx = L (1/sqrt P_b - 1/sqrt P_a)."""
        pool, liquidity, amount = ranges(pools, fee_ppm=0), 10**12, 10**9
        outcome = pool.swap(1, 0, amount)
        rise = amount * ONE // liquidity
        assert pool.sqrt_price == ONE + rise
        assert outcome.amount_out == liquidity * rise * ONE // (ONE * (ONE + rise))

    def test_z13_initialised_ticks_are_crossed_in_order(self, pools):
        pool = ranges(pools)
        pool.add(-120, 120, 10**12)
        pool.add(-60, 60, 10**12)
        assert pool.liquidity == 3 * 10**12
        seen = []
        for _ in range(13):
            pool.swap(0, 1, 2 * 10**9)
            seen.append(pool.liquidity)
        assert seen == sorted(seen, reverse=True)
        assert set(seen) == {3 * 10**12, 2 * 10**12, 10**12}

    def test_z13_a_tick_is_active_at_its_own_price_from_both_sides(self, pools):
        """Falling exactly onto a tick leaves its range active; the next atom leaves it."""
        pool = ranges(pools, fee_ppm=0)
        pool.add(-60, 60, 10**12)
        target = pools.sqrt_price_at(-60)
        exact = -(-2 * 10**12 * (ONE - target) * ONE // (ONE * target))
        pool.swap(0, 1, exact)
        assert (pool.sqrt_price, pool.liquidity) == (target, 2 * 10**12)
        pool.swap(0, 1, 100)
        assert pool.liquidity == 10**12
        pool.swap(1, 0, 1_000)
        assert pool.liquidity == 2 * 10**12

    @pytest.mark.parametrize(("more", "active"), [(-1, 15), (0, 15), (1, 15), (2, 10), (3, 10)])
    def test_z13_what_is_too_little_to_leave_a_tick_is_all_fee(self, pools, more, active):
        pool = pools.ConcentratedPool(pools.sqrt_price_at(5), 500, 10)
        pool.add(-100, 0, 10**9, 1)
        pool.add(0, 100, 10**9, 2)
        down = 250_083  # takes s from tick 5 to tick 0, fee included; an atom more is taken, and does not move s
        assert pool.swap(0, 1, down + more).fee == 126 + max(0, min(more, 1))
        assert (pool.sqrt_price == ONE) == (more in (0, 1))
        pool.add(0, 100, 5 * 10**8, 3)
        assert pool.liquidity == active * 10**8  # at the tick the range above it is active
        pool.swap(1, 0, 10**5)
        fees = 0
        for position in ((0, 100, 5 * 10**8, 3), (0, 100, 10**9, 2), (-100, 0, 10**9, 1)):
            outcome = pool.remove(*position)
            assert outcome.accepted
            fees += outcome.fees[0]
        assert fees <= 127
        assert pool.liquidity == 0
        assert min(pool.balances) >= 0

    def test_z13_beyond_the_last_tick_is_refused(self, pools):
        pool = ranges(pools)
        before = pool.digest()
        assert pool.swap(0, 1, 10**12).reason == PoolReason.BEYOND_POOL
        assert pool.swap(0, 1, 1).reason == PoolReason.NOTHING_OUT
        assert pool.digest() == before
        assert pools.ConcentratedPool(ONE).swap(0, 1, 5).reason == PoolReason.EMPTY

    def test_z14_fees_go_to_the_active_ranges_by_liquidity(self, pools):
        pool = ranges(pools)
        pool.add(-60, 60, 3 * 10**12, owner=7)
        pool.add(60, 120, 10**12, owner=8)
        fee = pool.swap(0, 1, 10**9).fee
        assert pool.remove(-60, 60, 0, owner=7).fees == (fee * 3 // 4 - 1, 0)  # growth and share are rounded down
        assert pool.remove(-600, 600, 0).fees == (fee // 4 - 1, 0)
        assert pool.remove(60, 120, 0, owner=8).fees == (0, 0)
        assert pool.remove(-60, 60, 1, owner=8).reason == PoolReason.SHARES_SHORT
        assert pool.remove(-60, 60, 3 * 10**12 + 1, owner=7).reason == PoolReason.SHARES_SHORT

    def test_z14_bounds(self, pools):
        pool = ranges(pools, spacing=1)
        before = pool.digest()
        assert pool.add(-600, 600, MAX).reason == PoolReason.LIQUIDITY_OUT_OF_BOUNDS
        assert pool.add(-400_000, 0, 2**60).accepted
        assert pool.remove(-400_000, 0, 2**60).accepted
        assert pool.add(-400_000, -399_000, 2**60).accepted
        assert pool.remove(-400_000, -399_000, 2**60).accepted
        far = pools.ConcentratedPool(pools.sqrt_price_at(-400_000), 0, 1)
        assert far.add(-399_999, 400_000, 2**60).reason == PoolReason.BALANCE_OUT_OF_BOUNDS
        assert pool.balances[0] > 0
        assert before != pool.digest()  # roundings stay in the pool

    def test_z14_the_ticks_have_a_ceiling(self, pools):
        pool = pools.ConcentratedPool(ONE, 0, 1)
        for at in range(512):
            assert pool.add(2 * at, 2 * at + 1, 1).accepted
        before = pool.digest()
        assert pool.add(-5, 0, 1).reason == PoolReason.TICKS_FULL
        assert pool.digest() == before
        assert pool.add(0, 1_023, 1).accepted

    def test_z4_price(self, pools):
        pool = ranges(pools)
        assert pool.price(0, 1) == (1, 1)
        pool.swap(1, 0, 10**9)
        above, below = pool.price(0, 1)
        assert pool.price(1, 0) == (below, above)
        assert above > below


class TestInput:
    SWAPS = [
        ("sold", (2, 1, 5)),
        ("sold", (-1, 1, 5)),
        ("sold", (0.0, 1, 5)),
        ("sold", (True, 1, 5)),
        ("bought", (0, 0, 5)),
        ("bought", (0, "1", 5)),
        ("amount_in", (0, 1, 0)),
        ("amount_in", (0, 1, -5)),
        ("amount_in", (0, 1, MAX + 1)),
        ("amount_in", (0, 1, 10**40)),
        ("amount_in", (0, 1, 1.5)),
        ("amount_in", (0, 1, None)),
    ]

    @pytest.mark.parametrize(("field", "arguments"), SWAPS)
    @pytest.mark.parametrize("build", [stable, product, ranges], ids=["stable", "product", "ranges"])
    def test_swaps(self, pools, build, field, arguments):
        pool = build(pools)
        before = pool.digest()
        for call in (pool.swap, pool.quote):
            with pytest.raises(InputError) as caught:
                call(*arguments)
            assert caught.value.field == field
        assert pool.digest() == before

    @pytest.mark.parametrize(
        ("field", "amounts"),
        [
            ("amounts", [1]),
            ("amounts", [1, 2, 3]),
            ("amounts", [0, 0]),
            ("amounts", 5),
            ("amounts", None),
            ("amounts[1]", [1, -1]),
            ("amounts[0]", [MAX + 1, 1]),
            ("amounts[1]", [1, 1.0]),
        ],
    )
    @pytest.mark.parametrize("build", [stable, product], ids=["stable", "product"])
    def test_deposits(self, pools, build, field, amounts):
        pool = build(pools)
        before = pool.digest()
        with pytest.raises(InputError) as caught:
            pool.add(amounts)
        assert caught.value.field == field
        assert pool.digest() == before

    @pytest.mark.parametrize(
        ("field", "call"),
        [
            ("lower", (-61, 60, 5)),
            ("upper", (-60, 61, 5)),
            ("upper", (60, 60, 5)),
            ("upper", (60, -60, 5)),
            ("lower", (-400_020, 60, 5)),
            ("liquidity", (-60, 60, -1)),
            ("liquidity", (-60, 60, MAX + 1)),
            ("owner", (-60, 60, 5, -1)),
            ("owner", (-60, 60, 5, 2**31)),
        ],
    )
    def test_positions(self, pools, field, call):
        pool = ranges(pools)
        before = pool.digest()
        for method in (pool.add, pool.remove):
            with pytest.raises(InputError) as caught:
                method(*call)
            assert caught.value.field == field
        with pytest.raises(InputError):
            pool.add(-60, 60, 0)
        assert pool.digest() == before

    @pytest.mark.parametrize(
        ("field", "build"),
        [
            ("fee_ppm", lambda pools: pools.ConstantProductPool(100_001)),
            ("fee_ppm", lambda pools: pools.ConstantProductPool(-1)),
            ("amplification", lambda pools: pools.StableSwapPool(0)),
            ("amplification", lambda pools: pools.StableSwapPool(1_000_001)),
            ("scales", lambda pools: pools.StableSwapPool(5, 0, (1,))),
            ("scales", lambda pools: pools.StableSwapPool(5, 0, (1,) * 5)),
            ("scales", lambda pools: pools.StableSwapPool(5, 0, 2)),
            ("scales[1]", lambda pools: pools.StableSwapPool(5, 0, (1, 0))),
            ("sqrt_price", lambda pools: pools.ConcentratedPool(pools.sqrt_price_at(400_000) + 1)),
            ("sqrt_price", lambda pools: pools.ConcentratedPool(pools.sqrt_price_at(-400_000) - 1)),
            ("sqrt_price", lambda pools: pools.ConcentratedPool(1.0)),
            ("sqrt_price", lambda pools: pools.ConcentratedPool(True)),
            ("sqrt_price", lambda pools: pools.ConcentratedPool(np.array([1.0]))),
            ("tick_spacing", lambda pools: pools.ConcentratedPool(ONE, 0, 0)),
            ("tick", lambda pools: pools.sqrt_price_at(400_001)),
            ("tick", lambda pools: pools.sqrt_price_at(True)),
        ],
    )
    def test_pools(self, pools, field, build):
        with pytest.raises(InputError) as caught:
            build(pools)
        assert caught.value.field == field
