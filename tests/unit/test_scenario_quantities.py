"""Quantities as people write them: exact or refused, and written back to the same value."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.scenario import quantities as q
from engine.scenario.quantities import Amount, RefusedError, moment_ms

START = datetime(2025, 10, 10, 20, 45, tzinfo=UTC)


class TestDurations:
    @pytest.mark.parametrize(
        ("text", "milliseconds"),
        [
            ("5ms", 5),
            ("30s", 30_000),
            ("105min", 6_300_000),
            ("1.5s", 1_500),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1min 30s", 90_000),
            ("2000us", 2),
            ("0ms", 0),
            ("1_000 ms", 1_000),
        ],
    )
    def test_units(self, text, milliseconds):
        assert q.DURATION.read(text) == milliseconds

    @pytest.mark.parametrize(
        "wrong",
        ["5", "5 parsecs", "ms", "", "-5ms", "0.5ms", "1s -5ms", "nan s", 5, 5.0, True, None, [], "9" * 30 + "d"],
    )
    def test_anything_else_is_refused(self, wrong):
        with pytest.raises(RefusedError):
            q.DURATION.read(wrong)

    def test_a_cadence_is_not_zero(self):
        assert q.CADENCE.read("1ms") == 1
        with pytest.raises(RefusedError, match="at least 1ms"):
            q.CADENCE.read("0ms")

    def test_a_latency_may_be_a_fraction(self):
        assert q.LATENCY.read("250us") == 0.25
        assert q.LATENCY.write(0.25) == "250us"

    def test_a_gateway_counts_whole_microseconds(self):
        assert q.SERVICE_US.read("5us") == 5
        with pytest.raises(RefusedError, match="whole microseconds"):
            q.SERVICE_US.read("0.5us")

    @given(st.integers(0, 2**50))
    def test_what_is_written_reads_back(self, milliseconds):
        assert q.DURATION.read(q.DURATION.write(milliseconds)) == milliseconds


class TestMoments:
    def test_a_clock_time_is_the_first_one_at_or_after_the_start(self):
        assert moment_ms(q.MOMENT.read("20:50"), START) == 300_000
        assert moment_ms(q.MOMENT.read("20:45"), START) == 0
        assert moment_ms(q.MOMENT.read("20:44"), START) == 86_400_000 - 60_000  # tomorrow
        assert moment_ms(q.MOMENT.read("20:45:01.250"), START) == 1_250

    def test_a_clock_time_may_be_tomls_own(self):
        assert q.MOMENT.read(time(20, 50)) == "20:50:00"
        assert q.MOMENT.read(time(20, 50, 1, 250_000)) == "20:50:01.250"

    def test_a_duration_counts_from_the_start(self):
        assert moment_ms(q.MOMENT.read("60s"), START) == 60_000

    @pytest.mark.parametrize("wrong", ["24:00", "20:60", "8:5", 12, None, "noon"])
    def test_anything_else_is_refused(self, wrong):
        with pytest.raises(RefusedError):
            q.MOMENT.read(wrong)

    @pytest.mark.parametrize("text", ["2025-10-10T20:45Z", "2025-10-10T20:45:10Z", "2025-10-10T20:45:10.250Z"])
    def test_a_start_reads_back(self, text):
        assert q.START.write(q.START.read(text)) == text

    def test_a_start_without_zone_is_utc_and_another_zone_is_moved(self):
        assert q.START.read("2025-10-10T20:45") == START
        assert q.START.read("2025-10-10T22:45+02:00") == START

    @pytest.mark.parametrize("wrong", ["yesterday", "2025-13-01", 5, None, "2025-10-10T20:45:00.000001Z"])
    def test_another_start_is_refused(self, wrong):
        with pytest.raises(RefusedError):
            q.START.read(wrong)


class TestShares:
    @pytest.mark.parametrize(
        ("value", "number"),
        [
            ("20%", "0.2"),
            ("4bps", "0.0004"),
            ("150ppm", "0.00015"),
            ("0.2", "0.2"),
            (0.2, "0.2"),
            (1, "1"),
            ("0%", "0"),
        ],
    )
    def test_units(self, value, number):
        assert q.share().read(value) == Decimal(number)

    @pytest.mark.parametrize("wrong", ["101%", "-1%", 1.5, "x%", True, None, "5 %%", float("nan")])
    def test_out_of_range_or_no_share(self, wrong):
        with pytest.raises(RefusedError, match="from 0% to 100%"):
            q.share().read(wrong)

    def test_a_bound_that_does_not_belong(self):
        with pytest.raises(RefusedError, match="above 0%"):
            q.share(above=True).read("0%")

    @given(st.integers(0, 10**6))
    def test_what_is_written_reads_back(self, ppm):
        number = Decimal(ppm) / 10**6
        assert q.share().read(q.share().write(number)) == number


class TestAmounts:
    @pytest.mark.parametrize(
        ("value", "number", "unit"),
        [
            ("250k USDT", "250000", "USDT"),
            ("1.2bn", "1200000000", ""),
            ("40M USDT", "40000000", "USDT"),
            ("2.5 ATOM", "2.5", "ATOM"),
            ("9695.33", "9695.33", ""),
            (3, "3", ""),
            ("10 k", "10000", ""),
        ],
    )
    def test_units(self, value, number, unit):
        assert q.AMOUNT.read(value) == Amount(Decimal(number), unit)

    @pytest.mark.parametrize("wrong", ["USDT", "", "-1 USDT", 0, "1m USDT x", None, True, "1e40"])
    def test_anything_else_is_refused(self, wrong):
        with pytest.raises(RefusedError):
            q.AMOUNT.read(wrong)

    def test_a_bare_quantity_of_an_agent_is_whole_lots(self):
        assert q.QTY.read(1000) == Amount(Decimal(1000), "lots")
        assert q.QTY.write(q.QTY.read(1000)) == 1000
        assert q.QTY.read("2.5 ATOM") == Amount(Decimal("2.5"), "ATOM")
        with pytest.raises(RefusedError, match="whole lots"):
            q.QTY.read("2.5")

    @given(st.decimals(Decimal("0.001"), Decimal(10**15), places=3), st.sampled_from(["", "USDT", "ATOM"]))
    def test_what_is_written_reads_back(self, number, unit):
        amount = Amount(number, unit)
        assert q.AMOUNT.read(q.AMOUNT.write(amount)) == amount


class TestRates:
    def test_units(self):
        assert q.RATE.read("30/s") == 30.0
        assert q.RATE.read("30/min") == 0.5
        assert q.RATE.read("2/ms") == 2000.0

    @pytest.mark.parametrize("wrong", ["30", 30, "-1/s", "1/fortnight", "1e99/s"])
    def test_anything_else_is_refused(self, wrong):
        with pytest.raises(RefusedError):
            q.RATE.read(wrong)

    @given(st.floats(0, 1e9))
    def test_what_is_written_reads_back(self, rate):
        assert q.RATE.read(q.RATE.write(rate)) == rate


class TestPricesAndNumbers:
    def test_a_price_keeps_its_digits(self):
        assert q.PRICE.write(q.PRICE.read("4.000")) == "4.000"
        with pytest.raises(RefusedError):
            q.PRICE.read("-1")

    def test_a_step_is_positive(self):
        assert q.STEP.read("0.001") == Decimal("0.001")
        with pytest.raises(RefusedError):
            q.STEP.read("0")

    def test_a_number_may_be_scaled(self):
        assert q.NUMBER.read("2k") == 2000.0
        assert q.number_between(0, 1).read(0.5) == 0.5
        with pytest.raises(RefusedError, match="from 0 to 1"):
            q.number_between(0, 1).read(2)
