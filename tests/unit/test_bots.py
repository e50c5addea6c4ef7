"""Liquidation bots and loops in closed form: worked examples to the last digit, and what makes them true."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import InputError, OrderBook, Side, bots, lending, loops

EDGE, DEPTH = Fraction("1.045"), 5 * 10**8


class TestWorkedExample:
    def test_the_edge_of_aave(self):
        market = lending.aave("USDe")
        assert bots.bot_edge(50_000, 100_000) == EDGE
        assert bots.bot_edge(market.bonus_ppm, market.fee_ppm) == Fraction("1.036")
        assert bots.bot_edge(0) == 1

    def test_usual_depth(self):
        size = bots.bot_size(EDGE, DEPTH)
        # 5e8 * 0.045 / 1.092025, and half of 5e8 * (0.045 / 1.045)^2
        assert size == Fraction(22_500_000) / Fraction("1.092025")
        assert round(float(size), 2) == 20_603_923.90
        assert round(float(bots.bot_profit(size, EDGE, DEPTH)), 2) == 463_588.29

    def test_a_hundredth_of_the_depth_is_a_hundredth_of_both(self):
        size = bots.bot_size(EDGE, DEPTH)
        thin = bots.bot_size(EDGE, DEPTH // 100)
        assert thin == size / 100
        assert bots.bot_profit(thin, EDGE, DEPTH // 100) * 100 == bots.bot_profit(size, EDGE, DEPTH)
        assert round(float(bots.bot_profit(thin, EDGE, DEPTH // 100)), 2) == 4_635.88

    def test_gas(self):
        # 500,000 units at 100 gwei of an ether at 3,800
        gas = Fraction(500_000 * 100, 10**9) * 3_800
        assert gas == 190
        assert bots.least_size(EDGE, gas) == Fraction(190_000, 45)
        assert int(bots.least_size(EDGE, gas)) == 4_222

    def test_the_end_of_the_sale(self):
        size = bots.bot_size(EDGE, DEPTH)
        assert bots.bot_end_impact(EDGE) == size * EDGE / DEPTH == Fraction(9, 209)

    def test_without_an_edge_there_is_no_bot(self):
        assert bots.bot_size(1, DEPTH) == bots.bot_end_impact(1) == 0
        assert bots.least_size(1, 190) is None
        assert bots.least_size(1, 0) == 0
        assert bots.worthwhile_sizes(1, DEPTH) is None


class TestInARealBook:
    @given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 10**6))
    def test_a_sale_of_whole_levels_fetches_what_the_formula_says(self, levels, taken, lots):
        """Equal levels at the middle of equal steps from 1 down to 0: a book of depth levels x lots."""
        taken = min(levels, taken)
        book = OrderBook()
        for level in range(levels):
            book.limit(Side.BUY, 2 * (levels - level) - 1, lots)
        book.market(Side.SELL, taken * lots)
        fetched = Fraction(sum(fill.price_ticks * fill.qty_lots for fill in book.last_fills()), 2 * levels)
        repaid = taken * lots / EDGE
        assert bots.bot_profit(repaid, EDGE, levels * lots, gas=7) == fetched - repaid - 7


edges = st.fractions(1, 2, max_denominator=1000)
depths = st.integers(1, 10**12)


class TestProperties:
    @given(edges, depths, st.fractions(0, 1, max_denominator=10**6))
    def test_no_other_size_earns_more(self, edge, depth, part):
        best = bots.bot_size(edge, depth)
        assert bots.bot_profit(best, edge, depth) == depth * ((edge - 1) / edge) ** 2 / 2
        assert bots.bot_profit(part * depth / edge, edge, depth) <= bots.bot_profit(best, edge, depth)

    @given(edges, depths, st.integers(0, 10**6))
    def test_the_worthwhile_sizes_end_where_they_say(self, edge, depth, cost):
        sizes = bots.worthwhile_sizes(edge, depth, cost)
        if sizes is None:
            best = bots.bot_size(edge, depth)
            near = {int(best), int(best) + 1}
            assert all(size * edge > depth or bots.bot_profit(size, edge, depth, cost) <= 0 for size in near)
            return
        low, high = sizes
        assert bots.bot_profit(low, edge, depth, cost) > 0
        assert bots.bot_profit(high, edge, depth, cost) > 0
        assert low == 0 or bots.bot_profit(low - 1, edge, depth, cost) <= 0
        assert (high + 1) * edge > depth or bots.bot_profit(high + 1, edge, depth, cost) <= 0

    @given(st.integers(2, 10**6), st.integers(0, 10**3))
    @example(2, 674)  # the impact alone moves the least size by more than one
    def test_a_deeper_book_comes_nearer_to_the_least_size(self, depth, cost):
        sizes = bots.worthwhile_sizes(EDGE, depth * 10**9, cost)
        least = bots.least_size(EDGE, cost)
        assert sizes is not None
        assert sizes[0] > least
        # Impact costs d^2 e^2 / (2 k), so the root lies d^2 e^2 / (2 k (e - 1)) further out, to first order.
        assert sizes[0] <= least + 1 + (least * EDGE) ** 2 / (depth * 10**9 * (EDGE - 1))

    def test_a_depth_of_many_digits_is_no_long_walk(self):
        low, high = bots.worthwhile_sizes(EDGE, 10**60, 190)
        assert low == 4_223
        assert bots.bot_profit(high, EDGE, 10**60, 190) > 0 >= bots.bot_profit(high + 1, EDGE, 10**60, 190)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: bots.bot_edge(10**6 + 1), "bonus_ppm"),
        (lambda: bots.bot_edge(1, 0.5), "fee_ppm"),
        (lambda: bots.bot_size("0.99", 1), "edge"),
        (lambda: bots.bot_size(1, 0), "depth"),
        (lambda: bots.bot_profit(-1, 1, 1), "repaid"),
        (lambda: bots.bot_profit(11, "1.1", 12), "repaid"),
        (lambda: bots.bot_profit(1, "1.1", 12, -1), "gas"),
        (lambda: bots.bot_end_impact("x"), "edge"),
        (lambda: bots.least_size(2, -1), "gas"),
        (lambda: bots.worthwhile_sizes(2, 5, -1), "cost"),
        (lambda: loops.loop_multiple(1, 2), "ltv"),
        (lambda: loops.loop_multiple("-0.1", 2), "ltv"),
        (lambda: loops.loop_multiple("0.8", -1), "loops"),
        (lambda: loops.loop_multiple("0.8", 10**9), "loops"),
        (lambda: loops.zero_equity_fall("0.9"), "multiple"),
        (lambda: loops.liquidation_fall(2, 0), "threshold"),
        (lambda: loops.liquidation_fall(2, "1.1"), "threshold"),
        (lambda: loops.loop_carry(2, "x", 0), "earned"),
        (lambda: loops.loop_carry(2, 0, None), "paid"),
    ],
)
def test_bad_input_is_named(call, field):
    with pytest.raises(InputError) as raised:
        call()
    assert str(raised.value).startswith(f"{field}: expected")


class TestLoops:
    @pytest.mark.parametrize(
        ("count", "multiple", "gone", "opens"),
        [
            (1, "1.8", "0.556", "0.465"),
            (2, "2.44", "0.410", "0.289"),
            (3, "2.952", "0.339", "0.203"),
            (4, "3.3616", "0.297", "0.154"),
            (5, "3.68928", "0.271", "0.122"),
        ],
    )
    def test_the_table(self, count, multiple, gone, opens):
        found = loops.loop_multiple("0.8", count)
        assert found == Fraction(multiple)
        assert round(float(loops.zero_equity_fall(found)), 3) == float(gone)
        assert round(float(loops.liquidation_fall(found, "0.83")), 3) == float(opens)

    @given(st.fractions(0, Fraction(99, 100), max_denominator=100), st.integers(0, 60))
    def test_it_is_the_sum_of_the_deposits(self, ltv, count):
        assert loops.loop_multiple(ltv, count) == sum(ltv**step for step in range(count + 1))
        assert loops.loop_multiple(ltv, count) <= loops.loop_multiple(ltv, None)

    def test_without_debt_nothing_is_liquidated(self):
        assert loops.liquidation_fall(loops.loop_multiple("0.8", 0), "0.83") == 1

    def test_a_loop_above_its_threshold_is_open_as_it_was_built(self):
        assert loops.liquidation_fall(loops.loop_multiple("0.8", None), "0.75") < 0

    @given(st.fractions(0, Fraction(9, 10), max_denominator=100), st.integers(1, 20))
    def test_equity_is_gone_and_health_is_1_where_it_says(self, ltv, count):
        multiple = loops.loop_multiple(ltv, count)
        price = 1 - loops.zero_equity_fall(multiple)
        assert multiple * price == multiple - 1
        price = 1 - loops.liquidation_fall(multiple, "0.95")
        assert multiple * price * Fraction("0.95") == multiple - 1

    def test_carry(self):
        five = loops.loop_multiple("0.8", 5)
        assert loops.loop_carry(five, "0.12", "0.065") == Fraction("0.2679104")
        assert loops.loop_carry(five, "0.12", "0.08") == Fraction("0.2275712")
