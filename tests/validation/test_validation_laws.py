"""The engine obeys the laws; what each law expects is what was published (validation set V5)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from validationkit import quick_lines

from engine.validation import (
    clock,
    clock_bias,
    events,
    hawkes,
    little,
    poisson_book,
    populations,
    queues,
    superposition,
)
from engine.validation.plan import Plan

HALF_DIGIT = 0.51


def printed(text):
    """Return a printed number and half a unit of its last digit."""
    return pytest.approx(float(text), abs=HALF_DIGIT * 10.0 ** -len(text.partition(".")[2]))


class TestPublishedNumbers:
    @pytest.mark.parametrize(
        ("name", "numbers"),
        [
            ("mm1-0.5", {"L": "1", "Lq": ".5", "W": "2", "Wq": "1", "P(wait>1)": ".30327"}),
            ("mm1-0.8", {"L": "4", "Lq": "3.2", "W": "5", "Wq": "4", "P(wait>1)": ".65498"}),
            ("mm4", {"P(wait>0)": ".50943", "Wq": ".50943"}),
            ("md1", {"Wq": "2.0"}),
        ],
    )
    def test_stations(self, name, numbers):
        law = next(law for law in queues.STATIONS if law.name == name)
        assert set(law.quantities) == set(numbers)
        for what, text in numbers.items():
            assert law.expected()[what] == printed(text)

    def test_erlang_c_of_one_server_is_its_load(self):
        assert queues.erlang_c(1, 0.3) == pytest.approx(0.3)

    def test_mm_infinity(self):
        assert populations.MM_INFINITY.mean() == printed("1.60294")
        mean = 1.09 / 0.68
        poisson = [math.exp(-mean) * mean**n / math.factorial(n) for n in range(5)]
        assert populations.MM_INFINITY.probabilities(30)[:5].tolist() == pytest.approx(poisson)

    def test_birth_death(self):
        shares = populations.BIRTH_DEATH.probabilities(30)
        assert populations.BIRTH_DEATH.mean() == printed("1.61686")
        for share, text in zip(shares, [".25316", ".28385", ".22251", ".13408", ".06562", ".02704"], strict=False):
            assert share == printed(text)
        assert shares.sum() == pytest.approx(1.0)

    def test_the_last_cell_holds_the_tail(self):
        shares = populations.BIRTH_DEATH.probabilities(3)
        assert shares[2] == pytest.approx(1 - 0.25316 - 0.28385, abs=2e-5)

    @pytest.mark.parametrize(
        # The published 3.4048 for the first law at T = 10 is a slip of the pen for 3.4040: the formula that gives the
        # other five numbers to every digit gives 3.404043.
        ("number", "window", "text"),
        [
            (0, 1, "1.6392"),
            (0, 10, "3.4040"),
            (0, 100, "3.9400"),
            (1, 1, "3.2477"),
            (1, 10, "14.624"),
            (1, 100, "23.80"),
        ],
    )
    def test_hawkes(self, number, window, text):
        law = hawkes.LAWS[number]
        assert law.rate == pytest.approx(1.0)
        assert law.fano(window) == printed(text)

    def test_superposition(self):
        rates = superposition.RATES
        assert sum(rates) == pytest.approx(8.60)
        assert [rate / sum(rates) for rate in rates[::2]] == [printed(t) for t in (".10930", ".21512", ".17558")]
        assert 1 / sum(rates) == printed(".116279")

    @pytest.mark.parametrize(("distance", "rate"), [(1, 1.85), (5, 0.77), (6, 1.92 * 6**-0.52), (60, 1.92 * 60**-0.52)])
    def test_poisson_book_rates(self, distance, rate):
        assert poisson_book.limit_rate(distance) == pytest.approx(rate)

    def test_bands_are_the_published_ones(self):
        assert [law.band_share for law in queues.STATIONS] == [0.03, 0.05, 0.04, 0.04]
        assert [(law.rate_band, law.fano_band) for law in hawkes.LAWS] == [(0.02, 0.06), (0.04, 0.12)]
        assert queues.CUSTOMERS == 10**6


class TestClock:
    def test_a_gap_is_rounded_half_up(self):
        assert clock.to_ms(np.array([0.0, 0.4999e-6, 0.5e-6, 1.5e-6, 2.0])).tolist() == [0, 0, 1, 2, 2_000_000]

    def test_a_fine_lattice_is_the_continuous_queue(self):
        exact = clock_bias.lattice_queue(0.8, 1.0, 10**6)
        assert (exact.waits, exact.waits_over_one) == (pytest.approx(0.8, abs=1e-6), pytest.approx(0.65498, abs=1e-5))

    def test_a_coarse_lattice_by_iteration(self):
        # Lindley's recursion on distributions, steps of a tenth of a unit, until it stands still.
        steps, per_unit = 900, 10
        edges = (np.arange(steps + 1) - 0.5) / per_unit
        gap, service = (np.diff(1 - np.exp(-rate * np.maximum(edges, 0.0))) for rate in (0.5, 1.0))
        net = np.convolve(service, gap[::-1])  # index steps - 1 is 0
        wait = np.zeros(steps)
        wait[0] = 1.0
        for _ in range(400):
            walked = np.convolve(wait, net)
            wait = np.concatenate([[walked[:steps].sum()], walked[steps : 2 * steps - 1]])
        exact = clock_bias.lattice_queue(0.5, 1.0, per_unit)
        assert 1 - wait[0] == pytest.approx(exact.waits, abs=1e-9)
        assert wait[per_unit + 1 :].sum() == pytest.approx(exact.waits_over_one, abs=1e-9)
        assert wait @ np.arange(steps) / per_unit == pytest.approx(exact.mean_wait, abs=1e-8)

    def test_a_second_a_unit_costs_a_quarter_of_a_thousandth(self):
        # The share that waits longer than a unit is too small by lambda h / 2 = 2.5e-4 of itself; the mean is not.
        coarse = clock_bias.lattice_queue(0.5, 1.0, clock.COARSE_MS_PER_UNIT)
        assert coarse.waits_over_one / (0.5 * math.exp(-0.5)) - 1 == pytest.approx(-2.5e-4, rel=1e-3)
        assert abs(coarse.mean_wait - 1.0) < 1e-7


class TestStation:
    def test_a_story_of_three_customers(self):
        # They come at 10, 11 and 30; the first is served 5 ms, the second 4, the third 1.
        path = queues.simulate_station(np.array([10, 1, 19]), np.array([5, 4, 1]), 1, 1)
        assert path.arrival_ms.tolist() == [10, 11, 30]
        assert path.start_ms.tolist() == [10, 15, 30]
        assert path.depart_ms.tolist() == [15, 19, 31]
        assert path.change_ms.tolist() == [10, 11, 15, 19, 30, 31]
        assert path.in_system.tolist() == [1, 2, 1, 0, 1, 0]
        assert queues.measure_station(path) == {
            "L": (5 * 1 + 8) / 30,  # 1 from 10 to 11, 2 to 15, 1 to 19
            "Lq": 4 / 30,
            "W": (5 + 8 + 1) / 3,
            "Wq": 4 / 3,
            "P(wait>0)": 1 / 3,
            "P(wait>1)": 1 / 3,
        }

    def test_two_servers_may_overtake(self):
        path = queues.simulate_station(np.array([10, 1, 1]), np.array([50, 5, 5]), 2, 1)
        assert path.start_ms.tolist() == [10, 11, 16]
        assert path.depart_ms.tolist() == [60, 16, 21]

    def test_little_counts_the_residues(self):
        # One stays 0 .. 10, one 4 .. 20; of the window 5 .. 15 they fill 5 and 10, and nobody arrives in it.
        counted = np.array([0, 4, 10, 20]), np.array([1, 2, 1, 0])
        line = little.little_line("x", counted, (np.array([0, 4]), np.array([10, 20])), (5, 15))
        assert (line.measured, line.expected, line.n) == (1.5, 1.5, 0)


class TestHawkes:
    def test_compensator_by_hand(self):
        # Arrivals at 1 and 2: mu + 0 until the first; then the first's kernel, alpha / beta (1 - e^-beta).
        law = hawkes.HawkesLaw("x", 0.5, 0.3, 2.0, 0, 0)
        gaps = hawkes.compensator_gaps(np.array([1, 2, 4]) * clock.MS_PER_UNIT, law)
        third = 0.5 * 2 + 0.15 * (1 + math.exp(-2)) * (1 - math.exp(-4))
        assert gaps.tolist() == pytest.approx([0.5, 0.5 + 0.15 * (1 - math.exp(-2)), third])

    def test_no_kernel_is_poisson(self):
        law = hawkes.HawkesLaw("validation-poisson", 1.0, 0.0, 1.0, 0, 0)
        assert law.fano(10.0) == 1.0
        times = hawkes.simulate_hawkes(law, events.SEED, 20_000)
        assert [line.name for line in superposition.poisson_lines("x", times, 1.0) if not line.passed] == []


class TestPoissonBook:
    def test_a_seed_gives_the_same_run_and_another_another(self):
        first, again, other = (poisson_book.PoissonBook(seed).run(30) for seed in (1, 1, 2))
        assert first.trades.tobytes() == again.trades.tobytes() != other.trades.tobytes()

    def test_trades_name_their_makers(self):
        trades = poisson_book.PoissonBook(3).run(100).trades
        makers = trades[:, 2].tolist()
        assert len(makers) > 100
        assert len(set(makers)) == len(makers)  # of one lot each


@pytest.mark.parametrize("name", events.CHECKS)
def test_quick_lines_pass(name):
    lines = quick_lines(name)
    assert lines
    assert all(line.name.startswith(f"{name}/") for line in lines)
    assert [line for line in lines if not line.passed] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", events.CHECKS)
def test_lines_pass_at_full_size(name):
    lines = events.CHECKS[name](Plan(events.SEED))
    assert lines
    assert [line for line in lines if not line.passed] == []


def test_a_run_repeats_itself_to_the_last_bit():
    for name in ("mm4", "birth-death", "hawkes-0.8", "superposition"):
        once, other = (tuple(events.CHECKS[name](Plan(seed, quick=True))) for seed in (events.SEED, 8))
        assert once == quick_lines(name)
        assert once != other
