"""two-venues shows what it tells: an arbitrageur ties two prices together, until the gateway of one venue clogs.

Each figure stands beside the same seed with one change.
"""

from __future__ import annotations

import numpy as np
import pytest

import engine as en
from engine.run import run_scenario
from engine.scenarios import load

NAME = "two-venues"
NO_PRICE = 2**40
SALE_MS = (30_000, 45_000)  # it is sold over ten seconds
POPULATIONS = (
    "makers",
    "crowd",
    "excited",
    "followers",
    "believers",
    "side makers",
    "stoikov",
    "side orders",
    "arbitrageur",
)


class Probe(en.Agent):
    """Send a bid far below the market and its cancel each 250 ms, and note how long it takes to be told of its end."""

    def __init__(self):
        self.sent_ms, self.delays = None, []

    def on_start(self, context):
        context.wake_in(250)

    def on_wake(self, context):
        if self.sent_ms is None:
            self.sent_ms = context.time_ms
            context.cancel(context.place(self.markets[0].number, en.Side.BUY, 1, 1))
        context.wake_in(250)

    def on_cancel(self, context, _):
        self.delays.append((self.sent_ms, context.time_ms - self.sent_ms))
        self.sent_ms = None


@pytest.fixture(scope="module")
def run():
    return run_scenario(NAME)


@pytest.fixture(scope="module")
def calm():
    return run_scenario(NAME, parts=["calm"])["calm"]


def mids(part):
    """Return the middles of both books in ticks at each sample of the sale's time."""
    samples = part.samples
    during = (samples["time_ms"] >= SALE_MS[0]) & (samples["time_ms"] < SALE_MS[1])
    found = []
    for market in (0, 1):
        rows = during & (samples["market"] == market)
        bids, asks = samples["best_bid"][rows], samples["best_ask"][rows]
        assert not ((bids == NO_PRICE) | (asks == NO_PRICE)).any()  # both sides are quoted throughout
        found.append((bids + asks) / 2)
    return found


def gap(part):
    here, there = mids(part)
    return float(np.abs(here - there).mean())


def orders_by_population(part):
    journal, counts = part.journal, dict.fromkeys(POPULATIONS, 0)
    for account, name in part.simulation.accounts.items():
        own = name.removesuffix(" there").rstrip("0123456789").strip().removesuffix(" there")
        if own in counts:
            counts[own] += int(((journal["account"] == account) & (journal["kind"] == 3)).sum())
    return counts


class TestMechanism:
    def test_every_population_takes_part(self, run):
        assert min(orders_by_population(run["base"]).values()) > 0

    def test_the_gap_between_the_venues_is_larger_without_the_arbitrageur(self, run):
        assert gap(run["no-arbitrageur"]) > 5 * gap(run["base"])

    def test_without_the_arbitrageur_the_sale_does_not_reach_the_other_venue(self, run):
        _, alone = mids(run["no-arbitrageur"])
        _, tied = mids(run["base"])
        assert alone.min() > 9_900  # within 1 %
        assert tied.min() < 9_850

    def test_a_clogged_gateway_keeps_the_venues_apart_longer(self, run):
        assert gap(run["base"]) > 1.5 * gap(run["fast-gateway"])

    def test_makers_who_hear_too_late_leave_a_slow_gateway_only(self, run):
        assert run["base"].figures["withdrawals"] > 0
        assert run["fast-gateway"].figures["withdrawals"] == 0

    def test_nothing_clogs_while_nobody_sells(self, calm):
        assert calm.figures["withdrawals"] == 0

    def test_messages_wait_at_the_slow_gateway_when_the_sale_comes(self):
        seen = []

        class Told(Probe):
            def on_end(self, context):
                seen.append(self.delays)

        for changes in ({}, {"venues.side.gateway.service": "20us"}):
            scenario = load(NAME).but(changes)
            scenario.add(Told(), "probe", on=["COIN-SIDE"], brings={"USD": "1000"})
            scenario.run(parts=["base"])
        slow, fast = seen
        worst = [max(delay for sent, delay in delays if sent < SALE_MS[0]) for delays in seen]
        assert max(worst) < 200  # before the sale, whatever the gateway
        assert max(delay for _, delay in slow) > 10 * max(delay for _, delay in fast)


def test_it_is_conserved_and_the_same_each_time(run):
    assert all(figures["invariants"] == "hold" for figures in run.measured().values())
    assert run_scenario(NAME).digest == run.digest
