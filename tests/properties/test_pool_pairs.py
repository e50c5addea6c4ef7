"""Random pools, extremes included: native equals reference, and what the rules promise of every command holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from poolkit import PRODUCT, RANGES, STABLE, Pair, risen

from engine.types import PoolReason

MAX = 2**61
ACCEPTED = PoolReason.NONE


def sizes(most_bits=61, least=1):
    """Numbers of every length, the bounds among them."""
    by_length = st.integers(0, most_bits - 1).flatmap(lambda bits: st.integers(2**bits, 2 ** (bits + 1)))
    return st.one_of(by_length, st.sampled_from([1, 2, 3, 999, 1_000, 1_001, 2**most_bits])).map(
        lambda size: max(least, min(size, 2**most_bits))
    )


FEES = st.sampled_from([0, 1, 100, 400, 3_000, 100_000])


def parts(total):
    """Parts of a number from an atom to a bit more than all of it."""
    return st.integers(1, 1_100_000).map(lambda ppm: max(1, min(MAX, total * ppm // 10**6)))


@st.composite
def stable_pools(draw, *, fees=FEES):
    """A pool of two to four coins, its balances up to 2^20 apart."""
    count = draw(st.integers(2, 4))
    scales = draw(st.lists(st.sampled_from([1, 1, 1, 10, 1_000, 10**9]), min_size=count, max_size=count))
    amplification = draw(st.sampled_from([1, 2, 10, 200, 2_000, 10**6]))
    pool = Pair(STABLE, amplification, draw(fees), tuple(scales))
    most = draw(sizes(59)) // max(scales) + 1
    apart = draw(st.lists(st.integers(0, 20), min_size=count, max_size=count))
    pool.add([max(1, (most >> bits) + draw(st.integers(-2, 2))) for bits in apart])
    return pool, amplification, scales


@st.composite
def product_pools(draw):
    pool = Pair(PRODUCT, draw(FEES))
    pool.add([draw(sizes()), draw(sizes())])
    return pool


TICKS = st.one_of(st.integers(-30, 30), st.integers(-6_666, 6_666), st.sampled_from([-6_666, 6_666])).map(
    lambda step: step * 60
)


@st.composite
def range_pools(draw, *, fees=FEES):
    """A pool with one to five ranges, around its price or not."""
    import engine._core as core

    start = draw(st.one_of(st.integers(-30, 30), st.integers(-400_000, 400_000)))
    pool = Pair(RANGES, core.sqrt_price_at(start), draw(fees), 60)
    ranges = []
    for owner in range(draw(st.integers(1, 5))):
        lower, upper = sorted(draw(st.lists(TICKS, min_size=2, max_size=2, unique=True)))
        liquidity = draw(sizes(60))
        if pool.add(lower, upper, liquidity, owner)[3] == ACCEPTED:
            ranges.append((lower, upper, liquidity, owner))
    return pool, ranges


def scaled(pool, scales):
    return [balance * scale for balance, scale in zip(pool.balances, scales, strict=True)]


class TestStable:
    @given(data=st.data())
    def test_native_equals_reference_and_d_never_falls(self, data):
        """Every command, in any order; Pair compares results, balances and digests."""
        pool, amplification, scales = data.draw(stable_pools())
        for _ in range(data.draw(st.integers(1, 6))):
            before, shares = scaled(pool, scales), pool.shares
            coins = data.draw(st.permutations(range(len(scales))))
            kind = data.draw(st.sampled_from(["swap", "swap", "add", "remove", "remove_one"]))
            if kind == "swap":
                amount = data.draw(st.one_of(sizes(), parts(pool.balances[coins[0]] or 1)))
                quoted = pool.quote(coins[0], coins[1], amount)
                assert pool.swap(coins[0], coins[1], amount) == quoted
                if quoted[3] == ACCEPTED:
                    assert risen(before, scaled(pool, scales), amplification)
            elif kind == "add":
                amounts = [data.draw(st.one_of(st.just(0), parts(balance or 1))) for balance in pool.balances]
                if any(amounts):
                    pool.add(amounts)
            elif shares:
                burnt = data.draw(parts(shares))
                if kind == "remove":
                    pool.remove(burnt)
                else:
                    pool.remove_one(burnt, coins[0])
            if shares and pool.shares:
                # D / shares has not risen for those who came and not fallen for those who stayed
                held = [x * pool.shares for x in before], [x * shares for x in scaled(pool, scales)]
                assert risen(*held, amplification)
                pool.price(coins[0], coins[1])
                pool.invariant()

    @given(data=st.data())
    def test_there_and_back_never_gains(self, data):
        pool, _, _ = data.draw(stable_pools(fees=st.just(0)))
        amount = data.draw(parts(pool.balances[0] or 1))
        there = pool.swap(0, 1, amount)
        if there[3] == ACCEPTED:
            back = pool.swap(1, 0, there[1])
            assert back[1] <= amount

    @given(data=st.data())
    def test_a_split_swap_is_no_better_than_one(self, data):
        """The parts round more often, each time for the pool; `slack` is what a single swap may lose by it."""
        pool, _, scales = data.draw(stable_pools(fees=st.just(0)))
        amount = data.draw(parts(pool.balances[0] or 1)) + 1
        first = data.draw(st.integers(1, amount - 1))
        if amount > MAX:
            return
        whole = pool.quote(0, 1, amount)
        one = pool.swap(0, 1, first)
        two = pool.swap(0, 1, amount - first)
        if whole[3] == one[3] == two[3] == ACCEPTED:
            assert one[1] + two[1] <= whole[1] + slack(pool, scales)


def slack(pool, scales):
    """What D + 1 and y - 2 of a single swap may cost it: three scaled units at the price of the coin that is bought."""
    above, below = pool.price(0, 1)
    return (3 + 3 * above * scales[1] // (below * scales[0])) // scales[1] + 2


class TestProduct:
    @given(data=st.data())
    def test_native_equals_reference_and_the_product_never_falls(self, data):
        pool = data.draw(product_pools())
        for _ in range(data.draw(st.integers(1, 6))):
            (x, y), shares = pool.balances, pool.shares
            sold = data.draw(st.integers(0, 1))
            kind = data.draw(st.sampled_from(["swap", "swap", "add", "remove"]))
            if kind == "swap":
                amount = data.draw(st.one_of(sizes(), parts(pool.balances[sold] or 1)))
                quoted = pool.quote(sold, 1 - sold, amount)
                assert pool.swap(sold, 1 - sold, amount) == quoted
                assert pool.invariant() >= x * y
            elif kind == "add":
                pool.add([data.draw(st.one_of(sizes(), parts(balance or 1))) for balance in (x, y)])
            else:
                pool.remove(data.draw(parts(shares or 1)))
            if shares:
                assert pool.invariant() * shares**2 >= x * y * pool.shares**2
                pool.price(sold, 1 - sold)

    @given(data=st.data())
    def test_there_and_back_never_gains(self, data):
        pool = data.draw(product_pools())
        amount = data.draw(parts(pool.balances[0] or 1))
        there = pool.swap(0, 1, amount)
        if there[3] == ACCEPTED:
            assert pool.swap(1, 0, there[1])[1] <= amount

    @given(data=st.data())
    def test_a_split_swap_is_no_better_than_one(self, data):
        """Rounding down twice never beats rounding down once: not by an atom."""
        pool = data.draw(product_pools())
        amount = data.draw(parts(pool.balances[0] or 1)) + 1
        first = data.draw(st.integers(1, amount - 1))
        if amount > MAX:
            return
        whole = pool.quote(0, 1, amount)
        one = pool.swap(0, 1, first)
        two = pool.swap(0, 1, amount - first)
        if whole[3] == one[3] == two[3] == ACCEPTED and pool.pools[1].fee_ppm == 0:
            assert one[1] + two[1] <= whole[1]


class TestRanges:
    @given(data=st.data())
    def test_native_equals_reference_and_the_balances_cover_everything(self, data):
        """Afterwards every position leaves with its fees, and what stays is not negative."""
        pool, ranges = data.draw(range_pools())
        for _ in range(data.draw(st.integers(1, 6))):
            sold = data.draw(st.integers(0, 1))
            amount = data.draw(st.one_of(sizes(), parts(pool.balances[1 - sold] or 1)))
            kind = data.draw(st.sampled_from(["swap", "swap", "swap", "fees", "part"]))
            if kind == "swap":
                quoted = pool.quote(sold, 1 - sold, amount)
                assert pool.swap(sold, 1 - sold, amount) == quoted
            elif ranges:
                at = data.draw(st.integers(0, len(ranges) - 1))
                lower, upper, liquidity, owner = ranges[at]
                taken = 0 if kind == "fees" else data.draw(st.integers(0, liquidity))
                assert pool.remove(lower, upper, taken, owner)[0] == taken
                ranges[at] = (lower, upper, liquidity - taken, owner)
            pool.price(sold, 1 - sold)
            pool.invariant()
        for lower, upper, liquidity, owner in ranges:
            if liquidity:
                assert pool.remove(lower, upper, liquidity, owner)[0] == liquidity
        assert min(pool.balances) >= 0
        assert pool.invariant() == 0

    @given(data=st.data())
    def test_there_and_back_never_gains(self, data):
        pool, _ = data.draw(range_pools())
        sold = data.draw(st.integers(0, 1))
        amount = data.draw(st.one_of(sizes(), parts(pool.balances[sold] or 1)))
        there = pool.swap(sold, 1 - sold, amount)
        if there[3] == ACCEPTED:
            assert pool.swap(1 - sold, sold, there[1])[1] <= amount

    @given(data=st.data())
    def test_a_split_swap_is_no_better_than_one(self, data):
        """A swap rounds once in each stretch between ticks, so the parts may gain at most that."""
        pool, ranges = data.draw(range_pools(fees=st.just(0)))
        sold = data.draw(st.integers(0, 1))
        amount = data.draw(st.one_of(sizes(60), parts(pool.balances[sold] or 1))) + 1
        first = data.draw(st.integers(1, amount - 1))
        if amount > MAX:
            return
        whole = pool.quote(sold, 1 - sold, amount)
        one = pool.swap(sold, 1 - sold, first)
        two = pool.swap(sold, 1 - sold, amount - first)
        if whole[3] == one[3] == two[3] == ACCEPTED:
            above, below = pool.pools[0].price(sold, 1 - sold)
            assert one[1] + two[1] <= whole[1] + (1 + above // below) * (2 * len(ranges) + 2)


@settings(max_examples=20)
@given(tick=st.integers(-400_000, 400_000))
def test_square_roots_agree_and_rise(tick):
    import engine._core as core
    from engine.reference.pools import sqrt_price_at

    assert core.sqrt_price_at(tick) == sqrt_price_at(tick)
    if tick < 400_000:
        assert core.sqrt_price_at(tick) < core.sqrt_price_at(tick + 1)


@pytest.mark.parametrize(
    "balances",
    [[314323191952656768, 709437403153665, 2301437574109], [142377, 142377, 1, 1], [58380, 1, 1, 1], [1672, 1, 1]],
)
@pytest.mark.parametrize("amplification", [1, 2, 3, 4])
def test_newton_ends_where_the_plain_one_swings(balances, amplification):
    """Dividing in the order of the coins, or waiting for a step of 1, never ends here (Z-7)."""
    pool = Pair(STABLE, amplification, 0, (1,) * len(balances))
    assert pool.add(balances)[3] == ACCEPTED
