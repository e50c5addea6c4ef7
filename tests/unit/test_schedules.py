"""S-1 .. S-5: requirements and values tier by tier, on both engines; the published tables to the last digit."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from schedulekit import BRACKETS, HELD_AT, SCHEDULES, USDT, exact_amount, floors_of

from engine import InputError, haircuts, tiers
from engine._core import Schedule
from engine.reference import schedule as reference


@pytest.fixture
def schedule_class(engine_name):
    return SCHEDULES[engine_name]


def published(schedule_class, symbol):
    rows = BRACKETS[symbol]
    return schedule_class(floors_of(rows), [rate for _, _, rate, _ in rows])


class TestAmounts:
    def test_s1_tiers_are_charged_slice_by_slice(self, schedule_class):
        margin = schedule_class([0, 100, 300], [10_000, 50_000, 100_000])
        assert margin.requirement(100) == 1  # 100 * 1 %
        assert margin.requirement(300) == 11  # 1 + 200 * 5 %
        assert margin.requirement(400) == 21  # 11 + 100 * 10 %

    def test_s2_a_requirement_is_rounded_up_a_value_down_and_once(self, schedule_class):
        # Each tier leaves half an atom: 1 * 0.5 + 1 * 0.5 is one atom, not two.
        schedule = schedule_class([0, 1], [500_000, 500_000])
        assert (schedule.requirement(1), schedule.value(1)) == (1, 0)
        assert (schedule.requirement(2), schedule.value(2)) == (1, 1)
        assert (schedule.requirement(3), schedule.value(3)) == (2, 1)

    def test_s2_whole_results_are_not_rounded(self, schedule_class):
        schedule = schedule_class([0], [250_000])
        assert schedule.requirement(4) == schedule.value(4) == 1

    def test_s1_the_fraction_of_a_base_is_kept(self, schedule_class):
        # Three borders with a third of an atom and more behind each: 1/3 + 1/3 + 1/3 in ppm.
        floors, rates = [0, 1, 2, 3], [333_333, 333_333, 333_334, 333_334]
        schedule = schedule_class(floors, rates)
        assert schedule.value(2) == 0
        assert schedule.value(3) == schedule.requirement(3) == 1

    def test_s5_the_rate_at_a_border_is_the_higher_tiers(self, schedule_class):
        schedule = schedule_class([0, 100], [5_000, 10_000])
        assert [schedule.rate(v) for v in (0, 99, 100, 101, 2**63 - 1)] == [5_000, 5_000, 10_000, 10_000, 10_000]

    def test_nothing_asks_for_nothing(self, schedule_class):
        schedule = schedule_class([0, 10], [0, 10**6])
        assert schedule.requirement(0) == schedule.value(0) == schedule.requirement(10) == 0
        assert schedule.requirement(11) == 1

    @pytest.mark.parametrize("v", [2**43 - 1, 2**43, 2**43 + 1, 2**44 - 1, 2**45 - 1, 2**61, 2**62 - 1, 2**62])
    @pytest.mark.parametrize("rate", [1, 333_333, 999_999, 10**6])
    def test_s1_long_amounts_are_exact(self, schedule_class, v, rate):
        schedule = schedule_class([0], [rate])
        whole = Fraction(v * rate, 10**6)
        assert schedule.requirement(v) == whole.__ceil__()
        assert schedule.value(v) == whole.__floor__()

    def test_s2_results_are_held_at_the_bound(self, schedule_class):
        everything = schedule_class([0], [10**6])
        assert everything.requirement(HELD_AT - 1) == HELD_AT - 1
        assert everything.requirement(HELD_AT) == everything.value(HELD_AT) == HELD_AT
        assert everything.requirement(HELD_AT + 1) == everything.value(2**63 - 1) == HELD_AT
        half = schedule_class([0], [500_000])
        assert half.requirement(2**63 - 1) == HELD_AT  # 2^62 - 1/2
        assert half.value(2**63 - 1) == HELD_AT - 1

    def test_sixty_four_tiers(self, schedule_class):
        floors, rates = [7 * row for row in range(64)], [1_000 * row for row in range(64)]
        schedule = schedule_class(floors, rates)
        for v in (0, 6, 7, 8, 440, 441, 442, 10_000):
            assert schedule.requirement(v) == exact_amount(floors, rates, v).__ceil__()
            assert schedule.rate(v) == min(v // 7, 63) * 1_000


class TestPublishedTables:
    @pytest.mark.parametrize("symbol", BRACKETS)
    def test_s4_the_cum_column_follows(self, schedule_class, symbol):
        schedule = published(schedule_class, symbol)
        for cap, _, rate, cum in BRACKETS[symbol]:
            notional = cap * USDT  # the last amount of its tier
            assert notional * rate // 10**6 - schedule.requirement(notional) == cum * USDT

    @pytest.mark.parametrize("symbol", BRACKETS)
    def test_s4_requirement_is_notional_times_rate_less_cum(self, schedule_class, symbol):
        schedule = published(schedule_class, symbol)
        begin = 0
        for cap, _, rate, cum in BRACKETS[symbol]:
            end = cap * USDT
            for notional in (begin, begin + 1, (begin + end) // 2 + 12_345, end - 1, end):
                assert schedule.requirement(notional) == -(-notional * rate // 10**6) - cum * USDT
            begin = end

    @pytest.mark.parametrize("symbol", BRACKETS)
    def test_s4_at_a_border_both_rows_agree(self, symbol):
        rows = BRACKETS[symbol]
        for (cap, _, rate, cum), (_, _, next_rate, next_cum) in pairwise(rows):
            assert cap * USDT * rate - cum * USDT * 10**6 == cap * USDT * next_rate - next_cum * USDT * 10**6

    @pytest.mark.parametrize("symbol", BRACKETS)
    def test_preset_equals_the_table(self, symbol):
        rows, preset = BRACKETS[symbol], tiers.binance(symbol)
        assert list(preset.atoms(6)) == floors_of(rows)
        assert list(preset.maintenance_ppm) == [rate for _, _, rate, _ in rows]
        assert list(preset.initial_ppm) == [-(-(10**6) // leverage) for _, leverage, _, _ in rows]

    @pytest.mark.parametrize("symbol", BRACKETS)
    def test_s4_reference_takes_the_table_as_published(self, symbol):
        rows = BRACKETS[symbol]
        schedule = reference.Schedule.from_caps([(cap * USDT, rate, cum * USDT) for cap, _, rate, cum in rows])
        assert list(schedule.floors) == floors_of(rows)

    @pytest.mark.parametrize("symbol", BRACKETS)
    @pytest.mark.parametrize("slip", [-1, 1])
    def test_s4_one_atom_in_any_cum_is_found(self, symbol, slip):
        for row in range(1, len(BRACKETS[symbol])):
            rows = [(cap * USDT, rate, cum * USDT) for cap, _, rate, cum in BRACKETS[symbol]]
            cap, rate, cum = rows[row]
            rows[row] = (cap, rate, cum + slip)
            with pytest.raises(InputError) as error:
                reference.Schedule.from_caps(rows)
            assert (error.value.field, error.value.was) == (f"cum[{row}]", cum + slip)
            assert error.value.expected == f"{cum}, so that the table does not jump (S-4)"

    def test_s4_a_cum_of_the_first_row_is_refused(self):
        with pytest.raises(InputError, match=r"cum\[0\]: expected 0, .* was 5"):
            reference.Schedule.from_caps([(100, 10_000, 5)])

    def test_s4_a_cum_between_two_atoms_is_named_exactly(self):
        with pytest.raises(InputError, match=r"cum\[1\]: expected 0.0015, "):
            reference.Schedule.from_caps([(3, 1_000, 0), (10, 1_500, 0)])  # 3 * 500 ppm

    @pytest.mark.parametrize("caps", [(100, 100), (100, 99), (0, 100)])
    def test_s4_caps_rise(self, caps):
        with pytest.raises(InputError, match=r"caps\["):
            reference.Schedule.from_caps([(caps[0], 10_000, 0), (caps[1], 10_000, 0)])


def lowest_notional(schedule, holds):
    """Return the lowest notional, in atoms, at which `holds(notional, requirement)`; it holds from there on up."""
    low, high = 0, 10**13
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle, schedule.requirement(middle)) else (middle + 1, high)
    return low


class TestWorkedExamples:
    def test_long_ten_btc_isolated(self, schedule_class):
        # Long 10 BTC at 120,000 with 60,000: equity is N - 1,140,000.
        schedule = published(schedule_class, "BTCUSDT")
        notional = lowest_notional(schedule, lambda n, margin: n - 1_140_000 * USDT >= margin)
        assert round(Fraction(notional, 10 * USDT), 2) == Fraction("114650.23")
        assert schedule.rate(notional) == 6_500  # tier 3
        assert round(Fraction(schedule.requirement(notional), USDT), 2) == Fraction("6502.26")
        assert notional - 1_140_000 * USDT == schedule.requirement(notional)

    def test_short_ten_btc(self, schedule_class):
        # Short 10 BTC at 110,000 with 110,000: equity is 1,210,000 - N.
        schedule = published(schedule_class, "BTCUSDT")
        notional = lowest_notional(schedule, lambda n, margin: 1_210_000 * USDT - n < margin)
        assert round(Fraction(notional, 10 * USDT), 2) == Fraction("120312.97")

    def test_hyperliquid_long_ten_btc(self, schedule_class):
        table = tiers.hyperliquid("BTC")
        schedule = schedule_class(table.atoms(6), table.maintenance_ppm)
        assert schedule.requirement(1_200_000 * USDT) == 15_000 * USDT
        notional = lowest_notional(schedule, lambda n, margin: n - 1_140_000 * USDT >= margin)
        assert round(Fraction(notional, 10 * USDT), 2) == Fraction("115443.04")

    def test_pengu_to_the_last_digit(self, schedule_class):
        table = haircuts.binance_pm_pro("PENGU")
        schedule = schedule_class(table.atoms(6), table.value_ppm, kind="value")
        # 200k * 100 % + 200k * 80 % + 400k * 70 % + 200k * 40 % = 720k, then 20 %
        assert schedule.value(1_000_000 * USDT) == 720_000 * USDT
        assert schedule.value(1_234_567_891_234) == 766_913_578_246  # 720,000 + 234,567.891234 * 20 % = 46,913.5782468
        assert schedule.value(199_999_999_999) == 199_999_999_999
        assert schedule.value(300_000_000_001) == 280_000_000_000  # 200k + 100,000.000001 * 80 %

    def test_one_rate_haircut(self, schedule_class):
        table = haircuts.portfolio_margin("WBETH")
        schedule = schedule_class(table.atoms(6), table.value_ppm, kind="value")
        assert schedule.value(40_000_000 * USDT) == 38_000_000 * USDT  # 10,000 WBETH at 4,000, 95 %


REFUSED = [
    ([], [], "requirement", "floors", 0),
    ([0], [], "requirement", "rates", 0),
    ([0] * 65, [1] * 65, "requirement", "floors", 65),
    ([1], [1], "requirement", "floors[0]", 1),
    ([0, 10, 10], [1, 2, 3], "requirement", "floors[2]", 10),
    ([0, 10, 9], [1, 2, 3], "requirement", "floors[2]", 9),
    ([0, -1], [1, 2], "requirement", "floors[1]", -1),
    ([0, 2**61 + 1], [1, 2], "requirement", "floors[1]", 2**61 + 1),
    ([0, 2**70], [1, 2], "requirement", "floors[1]", 2**70),
    ([0, 5.0], [1, 2], "requirement", "floors[1]", 5.0),
    ([0, True], [1, 2], "requirement", "floors[1]", True),
    ([0], [10**6 + 1], "requirement", "rates[0]", 10**6 + 1),
    ([0], [-1], "value", "rates[0]", -1),
    ([0, 5], [1], "requirement", "rates", 1),
    ([0, 5], [1, 2, 3], "requirement", "rates", 3),
    ([0, 5, 7], [1, 3, 2], "requirement", "rates[2]", 2),
    ([0, 5, 7], [3, 2, 4], "value", "rates[2]", 4),
    ([0], [1], "haircut", "kind", "haircut"),
    ([0], [1], None, "kind", None),
]


class TestRefused:
    @pytest.mark.parametrize(("floors", "rates", "kind", "field", "was"), REFUSED)
    def test_s1_s3_bad_tables(self, schedule_class, floors, rates, kind, field, was):
        with pytest.raises(InputError) as error:
            schedule_class(floors, rates, kind=kind)
        assert error.value.field == field
        assert str(was) in str(error.value.was)

    @pytest.mark.parametrize(("floors", "rates", "kind"), [row[:3] for row in REFUSED])
    def test_both_engines_expect_the_same(self, floors, rates, kind):
        said = []
        for schedule_class in SCHEDULES.values():
            with pytest.raises(InputError) as error:
                schedule_class(floors, rates, kind=kind)
            said.append(error.value.expected.replace(" between 0 and ", " in 0 .. "))
        assert said[0] == said[1]

    def test_s1_the_bounds_themselves_are_taken(self, schedule_class):
        schedule = schedule_class([0, 2**61], [0, 10**6])
        assert schedule.requirement(2**61) == 0
        assert schedule.requirement(2**61 + 5) == 5

    def test_s3_equal_rates_are_taken_as_either_kind(self, schedule_class):
        for kind in ("requirement", "value"):
            assert schedule_class([0, 5], [7, 7], kind=kind).rate(5) == 7

    @pytest.mark.parametrize("reading", ["requirement", "value", "rate"])
    @pytest.mark.parametrize("v", [-1, 2**63, 1.5, "7", None, True])
    def test_u7_bad_amounts(self, schedule_class, reading, v):
        schedule = schedule_class([0], [1])
        with pytest.raises(InputError, match=r"^v: "):
            getattr(schedule, reading)(v)


class TestArrays:
    """Of the native class only: the reference takes one amount at a time."""

    def test_a_column_is_row_by_row_the_scalar(self):
        schedule = Schedule([0, 100, 300], [10_000, 50_000, 100_000])
        amounts = np.array([0, 1, 99, 100, 101, 299, 300, 301, 2**43 + 300, 2**62, 2**63 - 1])
        for reading in (schedule.requirement, schedule.value, schedule.rate):
            column = reading(amounts)
            assert column.dtype == np.int64
            assert column.tolist() == [reading(int(v)) for v in amounts]

    def test_an_empty_column(self):
        assert Schedule([0], [1]).value(np.empty(0, dtype=np.int64)).tolist() == []

    def test_numpy_integers_are_amounts(self):
        assert Schedule([0], [10**6]).value(np.int64(7)) == Schedule([0], [10**6]).value(np.array(7)) == 7

    @pytest.mark.parametrize(
        "amounts",
        [np.zeros(3), np.zeros((2, 2), np.int64), np.zeros(4, np.int64)[::2], np.array([5, -1]), np.zeros(2, np.int32)],
    )
    def test_u7_bad_columns(self, amounts):
        with pytest.raises(InputError, match=r"^v: "):
            Schedule([0], [1]).requirement(amounts)

    def test_columns_make_a_table(self):
        made = Schedule(np.array([0, 50]), np.array([1_000, 2_000]))
        assert made.requirement(10_000) == Schedule((0, 50), (1_000, 2_000)).requirement(10_000)

    @pytest.mark.parametrize(
        "floors", [np.array([0.0]), np.array([[0]]), np.zeros(65, np.int64), np.array(0), "0", {0}]
    )
    def test_u7_bad_floors(self, floors):
        with pytest.raises(InputError, match=r"^floors: "):
            Schedule(floors, [1])

    def test_lowest_and_highest_rate(self):
        falling = Schedule([0, 5, 9], [900_000, 400_000, 20], kind="value")
        assert (falling.lowest_ppm, falling.highest_ppm) == (20, 900_000)
        rising = Schedule([0, 5, 9], [0, 4, 10**6])
        assert (rising.lowest_ppm, rising.highest_ppm) == (0, 10**6)
