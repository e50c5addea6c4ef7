"""Every line can fail: each is shown a path that breaks its law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from validationkit import quick_lines

from engine import EventQueue
from engine.reference import EventQueue as ReferenceQueue
from engine.reference import OrderBook as ReferenceBook
from engine.validation import (
    clock_bias,
    events,
    fifo,
    hawkes,
    native_sources,
    poisson_book,
    populations,
    queues,
    superposition,
    ties,
    timers,
)
from engine.validation.clock import COARSE_MS_PER_UNIT, MS_PER_UNIT, to_ms
from engine.validation.draws import Stream
from engine.validation.plan import Plan

PLAN = Plan(events.SEED, quick=True)
SEED = PLAN.seed


def failed(lines):
    return {line.name for line in lines if not line.passed}


def station(name, **wrong):
    """Judge a station that was run with something else than its law says."""
    law = next(law for law in queues.STATIONS if law.name == name)
    path = queues.draw_station(replace(law, **wrong), SEED, queues.CUSTOMERS_QUICK)
    return queues.station_lines(path, law, PLAN)


def one_stay_longer(name):
    """Judge a station where one customer's departure is written down a millisecond late."""
    law = next(law for law in queues.STATIONS if law.name == name)
    path = queues.draw_station(law, SEED, 1000)
    depart = path.depart_ms.copy()
    depart[500] += 1
    return queues.station_lines(replace(path, depart_ms=depart), law, PLAN)


def superposition_of_other_rates():
    rates = (1.2, 0.7, 1.6, 2.1, 1.2, 2.4)
    times, source = superposition.simulate_superposition(rates, SEED, 6000)
    return superposition.superposition_lines(times, source, superposition.RATES)


def crowded_level():
    wrong = replace(populations.MM_INFINITY, cancel_rate=0.6)
    path = populations.simulate_level(wrong, SEED, 15 * populations.SAMPLES_QUICK)
    counts = populations.sample_counts(path, 15 * MS_PER_UNIT)
    return populations.population_lines("mm-infinity", counts, populations.MM_INFINITY)


def eaten_level():
    wrong = replace(populations.BIRTH_DEATH, limit_rate=3.2)
    path = populations.simulate_level(wrong, SEED, populations.CHAIN_UNITS_QUICK)
    window = (MS_PER_UNIT, path.until_ms)
    return populations.occupancy_lines("birth-death", path.change_ms, path.in_level, populations.BIRTH_DEATH, window)


def native_points_of_other_rates():
    times, source = native_sources.simulate_points((1.2, 0.7, 1.6, 2.1, 1.2, 2.4), SEED, 6000)
    return superposition.superposition_lines(times, source, superposition.RATES, "native-poisson")


def native_points_without_excitement():
    units, lines = hawkes.UNITS_QUICK, []
    for law in native_sources.HAWKES_LAWS:
        times, _ = native_sources.simulate_points((law.mu,), SEED, units)
        lines += hawkes.hawkes_lines(times, law, units * MS_PER_UNIT, PLAN)
    return lines


def native_flow_of_other_rates():
    units = 15 * native_sources.LOOKS_QUICK
    near = replace(native_sources.NEAR, limit_rate=3.2)
    far = replace(native_sources.FAR, limit_rate=0.9)
    world, account = native_sources.simulate_flow(SEED, units, near=near, far=far)
    arrivals = native_sources.flow_arrivals(world, account)
    lines = superposition.superposition_lines(*arrivals, superposition.RATES, "native-flow")
    for off, law in enumerate((native_sources.NEAR, native_sources.FAR), start=1):
        path = native_sources.flow_level(world, account, off, units * MS_PER_UNIT)
        lines += native_sources.level_lines(path, law)
    return lines


def native_flow_with_a_late_departure():
    world, account = native_sources.simulate_flow(SEED, 300)
    lines = []
    for off, law in enumerate((native_sources.NEAR, native_sources.FAR), start=1):
        path = native_sources.flow_level(world, account, off, 300 * MS_PER_UNIT)
        depart = path.depart_ms.copy()
        depart[len(depart) // 2] += 1
        lines.append(populations.level_little_line(replace(path, depart_ms=depart), law.name))
    return lines


def level_with_a_late_departure(law):
    path = populations.simulate_level(law, SEED, 100)
    depart = path.depart_ms.copy()
    depart[len(depart) // 2] += 1
    return [populations.level_little_line(replace(path, depart_ms=depart), law.name)]


def hawkes_of_another(number, **wrong):
    law = hawkes.LAWS[number]
    times = hawkes.simulate_hawkes(replace(law, **wrong), SEED, hawkes.UNITS_QUICK)
    return hawkes.hawkes_lines(times, law, hawkes.UNITS_QUICK * MS_PER_UNIT, PLAN)


def books_of_two_seeds():
    first, second = (poisson_book.PoissonBook(seed).run(50) for seed in (1, 2))
    return [poisson_book.same_trades_line(first, second)]


def book_with_fewer_dummies():
    return [poisson_book.dummies_line(poisson_book.PoissonBook(SEED, 100).run(10), 102)]


def book_of_half_the_trades():
    path = poisson_book.PoissonBook(SEED).run(200)
    return [poisson_book.trade_rate_line(replace(path, until_ms=2 * path.until_ms))]


def book_with_a_late_departure():
    path = poisson_book.PoissonBook(SEED).run(50)
    departures = next(iter(path.levels.values())).depart_ms
    inside = next(i for i, at in enumerate(departures) if 5 * MS_PER_UNIT < at < 45 * MS_PER_UNIT)
    departures[inside] += 1
    return [poisson_book.book_level_line(path)]


def time_that_goes_back():
    return [poisson_book.backward_line("poisson-book", np.array([1, 2, 3, 2, 4]))]


def timers_by_time_alone():
    times, priorities, is_doomed = timers.draw_timers(SEED, 5000)
    crowded = times // 100_000 * 100_000
    fired = timers.fire_timers(crowded, np.zeros_like(priorities), is_doomed)
    return [timers.order_line("timers/others moved by a cancelled timer", fired, crowded, priorities, ~is_doomed)]


def one_timer_lost():
    times, priorities, is_doomed = timers.draw_timers(SEED, 5000)
    fired = timers.fire_timers(times, priorities, is_doomed)
    return [timers.order_line("timers/others moved by a cancelled timer", fired[1:], times, priorities, ~is_doomed)]


def ties_last_in_first_out():
    times, priorities = ties.draw_ties(SEED, 2000)
    # Insertion backwards, so of equal ones the last comes first.
    fired = len(times) - 1 - ties.fire_ties(times[::-1], priorities[::-1])
    live = np.ones(len(times), dtype=bool)
    return [timers.order_line("ties/events out of order", fired, times, priorities, live)]


def one_place_sees_another_order():
    return [ties.same_print_line("a", {"here": "a", "there": "b"})]


def orders_that_grow_keep_their_number():
    return fifo.fifo_lines(fifo.simulate_fifo(SEED, 20_000, grow=True))


def one_lot_too_many():
    path = fifo.simulate_fifo(SEED, 2000)
    maker, qty = path.fills[0]
    return fifo.fifo_lines(replace(path, fills=[(maker, qty + 1), *path.fills[1:]]))


def clock_that_rounds_up():
    """Compare with a coarse clock on which every service ends at the next full millisecond."""
    law = queues.STATIONS[0]
    fine = queues.draw_station(law, SEED, queues.CUSTOMERS_QUICK)
    gaps = Stream(SEED, f"validation/{law.name}/gaps").exponentials(queues.CUSTOMERS_QUICK, 2.0)
    services = Stream(SEED, f"validation/{law.name}/services").exponentials(queues.CUSTOMERS_QUICK, 1.0)
    up = np.ceil(services * COARSE_MS_PER_UNIT).astype(np.int64)
    coarse = queues.simulate_station(to_ms(gaps, COARSE_MS_PER_UNIT), up, 1, COARSE_MS_PER_UNIT)
    return clock_bias.clock_bias_lines(fine, coarse, law)


ALL_OF_HAWKES = ("Fano factor, T=1", "Fano factor, T=10", "Fano factor, T=100", "rescaled time, KS")


def named(check, *quantities):
    return {f"{check}/{what}" for what in quantities}


# What is planted, and the lines that must fail.
PLANTED = {
    "superposition of other rates": (
        superposition_of_other_rates,
        named("superposition", "mean gap", "gaps, KS", *(f"share of source {i}" for i in range(6))),
    ),
    "a slow server": (lambda: station("mm1-0.5", service_rate=0.9), named("mm1-0.5", *queues.ALL_OF_MM1)),
    "more customers": (lambda: station("mm1-0.8", arrival_rate=0.9), named("mm1-0.8", *queues.ALL_OF_MM1)),
    "a server less": (lambda: station("mm4", servers=3, arrival_rate=2.9), named("mm4", "P(wait>0)", "Wq")),
    "service by chance": (lambda: station("md1", is_service_constant=False), named("md1", "Wq")),
    "a late departure, M/M/1": (lambda: one_stay_longer("mm1-0.5"), named("mm1-0.5", "little")),
    "a late departure, busy M/M/1": (lambda: one_stay_longer("mm1-0.8"), named("mm1-0.8", "little")),
    "a late departure, M/M/4": (lambda: one_stay_longer("mm4"), named("mm4", "little")),
    "a late departure, M/D/1": (lambda: one_stay_longer("md1"), named("md1", "little")),
    "slow cancels": (crowded_level, named("mm-infinity", "mean", "chi-square")),
    "more limit orders": (eaten_level, named("birth-death", "mean", *(f"P{n}" for n in range(6)))),
    "a late departure, M/M/infinity": (
        lambda: level_with_a_late_departure(populations.MM_INFINITY),
        named("mm-infinity", "little"),
    ),
    "a late departure, birth-death": (
        lambda: level_with_a_late_departure(populations.BIRTH_DEATH),
        named("birth-death", "little"),
    ),
    "strong excitation": (lambda: hawkes_of_another(0, mu=0.2, alpha=0.8), named("hawkes-0.5", *ALL_OF_HAWKES)),
    "weak excitation": (lambda: hawkes_of_another(1, mu=0.5, alpha=0.5), named("hawkes-0.8", *ALL_OF_HAWKES)),
    "more immigrants": (lambda: hawkes_of_another(0, mu=0.6), named("hawkes-0.5", "rate")),
    "more immigrants, strong": (lambda: hawkes_of_another(1, mu=0.25), named("hawkes-0.8", "rate")),
    "dummies that change trades": (books_of_two_seeds, named("poisson-book", "trades changed by dummy timers")),
    "a dummy pair missing": (book_with_fewer_dummies, named("poisson-book", "dummy timers cancelled")),
    "half the trades": (book_of_half_the_trades, named("poisson-book", "trades a minute")),
    "a late departure from a level": (book_with_a_late_departure, named("poisson-book", "levels where Little fails")),
    "time goes back": (time_that_goes_back, named("poisson-book", "steps back in time")),
    "priorities unheard": (timers_by_time_alone, named("timers", "others moved by a cancelled timer")),
    "a timer lost": (one_timer_lost, named("timers", "others moved by a cancelled timer")),
    "last in, first out": (ties_last_in_first_out, named("ties", "events out of order")),
    "another order elsewhere": (one_place_sees_another_order, named("ties", "places with another order")),
    "growing orders": (orders_that_grow_keep_their_number, named("fifo", "fills that passed an older order")),
    "a lot too many": (one_lot_too_many, named("fifo", "makers whose lots do not add up")),
    "a clock that rounds up": (
        clock_that_rounds_up,
        named("clock", "bias of P(wait>0)", "bias of P(wait>1)", "bias of Wq"),
    ),
    "native sources of other rates": (
        native_points_of_other_rates,
        named("native-poisson", "mean gap", "gaps, KS", *(f"share of source {number}" for number in range(6))),
    ),
    "native sources without excitement": (
        native_points_without_excitement,
        named(
            "native-hawkes",
            *(
                f"{law}/{what}"
                for law in ("0.5", "0.8")
                for what in ("rate", *(f"Fano factor, T={window}" for window in (1, 10, 100)), "rescaled time, KS")
            ),
        ),
    ),
    "a native flow of other rates": (
        native_flow_of_other_rates,
        named(
            "native-flow",
            *("mean gap", "gaps, KS", *(f"share of source {number}" for number in range(6))),
            *(f"{level} off/{what}" for level in ("one tick", "two ticks") for what in ("mean", "chi-square")),
        ),
    ),
    "a native order that leaves late": (
        native_flow_with_a_late_departure,
        named("native-flow", "one tick off/little", "two ticks off/little"),
    ),
}
PLANTED_ELSEWHERE = named("timers", "events taken into the past")


@pytest.mark.parametrize("name", PLANTED)
def test_planted_wrong_law_is_seen(name):
    plant, due = PLANTED[name]
    assert due <= failed(plant())


def test_every_line_has_been_seen_to_fail():
    lines = {line.name for check in events.CHECKS for line in quick_lines(check)}
    seen = set.union(*(due for _, due in PLANTED.values()), PLANTED_ELSEWHERE)
    assert lines == seen


class TestBrokenEngines:
    """The same, with the fault in the engine instead of in the path."""

    def test_a_queue_that_takes_the_past(self, monkeypatch):
        class Lenient(ReferenceQueue):
            def schedule(self, time_ms, data=0, *, priority=0):
                return super().schedule(max(time_ms, self.now_ms), data, priority=priority)

        monkeypatch.setattr(timers, "EventQueue", Lenient)
        assert not timers.past_line(SEED, 20).passed

    def test_a_queue_that_leaves_a_trace_of_what_it_refuses(self, monkeypatch):
        class Counting(ReferenceQueue):
            def schedule(self, time_ms, data=0, *, priority=0):
                super().schedule(self.now_ms)
                return super().schedule(time_ms, data, priority=priority)

        monkeypatch.setattr(timers, "EventQueue", Counting)
        assert not timers.past_line(SEED, 20).passed

    def test_a_queue_that_does_not_cancel(self, monkeypatch):
        class Deaf(ReferenceQueue):
            def cancel(self, handle):
                return False

        monkeypatch.setattr(timers, "EventQueue", Deaf)
        times, priorities, is_doomed = timers.draw_timers(SEED, 500)
        fired = timers.fire_timers(times, priorities, is_doomed)
        assert not timers.order_line("x", fired, times, priorities, ~is_doomed).passed

    def test_a_cancel_that_takes_the_neighbour(self, monkeypatch):
        class Clumsy(ReferenceQueue):
            def cancel(self, handle):
                return super().cancel(handle ^ 1)

        monkeypatch.setattr(timers, "EventQueue", Clumsy)
        times, priorities, is_doomed = timers.draw_timers(SEED, 500)
        fired = timers.fire_timers(times, priorities, is_doomed)
        assert not timers.order_line("x", fired, times, priorities, ~is_doomed).passed

    def test_a_book_whose_reduced_orders_lose_their_place(self, monkeypatch):
        class Unfair(ReferenceBook):
            def reduce(self, qty_lots, *, order_id):
                at = next(order for order in self.orders() if order.id == order_id)
                self.cancel(order_id=order_id)
                return self.limit(at.side, at.price_ticks, at.leaves_lots - qty_lots, order_id=order_id)

        monkeypatch.setattr(fifo, "OrderBook", Unfair)
        lines = fifo.fifo_lines(fifo.simulate_fifo(SEED, 500))
        assert "fifo/fills that passed an older order" in failed(lines)

    def test_the_reference_passes_the_same_lines(self, monkeypatch):
        monkeypatch.setattr(timers, "EventQueue", ReferenceQueue)
        monkeypatch.setattr(fifo, "OrderBook", ReferenceBook)
        times, priorities, is_doomed = timers.draw_timers(SEED, 500)
        fired = timers.fire_timers(times, priorities, is_doomed)
        assert timers.order_line("x", fired, times, priorities, ~is_doomed).passed
        assert timers.past_line(SEED, 20).passed
        assert failed(fifo.fifo_lines(fifo.simulate_fifo(SEED, 500))) == set()

    def test_a_level_whose_timers_outlive_their_orders(self, monkeypatch):
        # A fill that leaves its maker's timer pending: the check stops at the timer that finds no order.
        class Forgetful:
            def __init__(self):
                self._queue = EventQueue()
                self.schedule, self.run = self._queue.schedule, self._queue.run

            def cancel(self, handle):
                return True

        monkeypatch.setattr(populations, "EventQueue", Forgetful)
        with pytest.raises(KeyError):
            populations.check_birth_death(PLAN)


class TestNothingIsNoProof:
    """A run in which nothing happened passes no line that counts wrong things."""

    def test_empty_paths_fail(self):
        nothing = np.empty(0, dtype=np.int64)
        path = poisson_book.PoissonBook(SEED).run(0.0001)
        empty = replace(path, trades=path.trades[:0], levels={})
        assert not poisson_book.same_trades_line(empty, empty).passed
        assert not poisson_book.book_level_line(empty).passed
        assert not poisson_book.backward_line("x", nothing).passed
        assert not timers.order_line("x", nothing, nothing, nothing, np.empty(0, dtype=bool)).passed
        assert not ties.same_print_line("a", {}).passed
        assert failed(superposition.superposition_lines(nothing, nothing, superposition.RATES)) >= named(
            "superposition", "mean gap", "share of source 2"
        )
        assert len(failed(hawkes.hawkes_lines(nothing, hawkes.LAWS[0], 10**9, PLAN))) >= 4
        assert not fifo.fifo_lines(fifo.simulate_fifo(SEED, 1))[0].passed
