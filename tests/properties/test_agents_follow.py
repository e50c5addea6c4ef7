"""Every native behaviour sends what its twin sends, draw by draw and message by message (A-2 .. A-8, N-1 .. N-5).

Villages are drawn: behaviours with parameters and ways of their own meet in two markets. What reached the books, when,
at which price and for how many lots, is compared with what the twins say.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.reference.agents import Maker
from engine.reference.links import Gateway
from engine.testing.village import PERPETUAL, PRICE, SPOT, Village, crowded_village
from engine.types import Side

END_MS = 600

laws = st.one_of(
    st.none(),
    st.tuples(st.just("fixed"), st.floats(0.0, 9.0)),
    st.tuples(st.just("uniform"), st.floats(0.0, 5.0), st.floats(5.0, 30.0)),
    st.tuples(st.just("exponential"), st.floats(0.1, 20.0)),
    st.tuples(st.just("lognormal"), st.floats(0.1, 20.0), st.floats(0.0, 2.0)),
    st.tuples(st.just("pareto"), st.floats(0.1, 5.0), st.floats(0.7, 4.0)),
)
ways = st.fixed_dictionaries(
    {
        "latency_ms": st.sampled_from([0, 0, 1, 7]),
        "latency_law": laws,
        "picture_ms": st.sampled_from([0, 0, 3]),
        "picture_law": laws,
    }
)
markets = st.sampled_from([PERPETUAL, SPOT])
wakes = st.sampled_from([1, 13, 40])
sizes = {"qty_min": st.integers(1, 5), "qty_max": st.integers(5, 25)}


def rates(most):
    return st.lists(st.floats(0.0, most), min_size=3, max_size=3)


SOURCES = {
    "noise": st.fixed_dictionaries(
        {
            "market": markets,
            "mean_gap_ms": st.floats(1.0, 60.0),
            "slippage": st.sampled_from([0.0, 0.0005, 0.01, 1.0]),
            **sizes,
        }
    ),
    "point": st.fixed_dictionaries(
        {
            "market": markets,
            "mu": st.floats(0.001, 0.3),
            "alpha": st.sampled_from([0.0, 0.05, 0.09]),
            "beta": st.just(0.1),
            "side": st.integers(-1, 1),
            **sizes,
        }
    ),
    "flow": st.fixed_dictionaries(
        {
            "market": markets,
            "market_rate": st.floats(0.0, 0.1),
            "limit_rates": rates(0.1).map(lambda found: [*found[:2], found[2] + 0.01]),
            "cancel_rates": rates(0.03),
            "anchor_ticks": st.just(PRICE),
            **sizes,
        }
    ),
    "momentum": st.fixed_dictionaries(
        {
            "market": markets,
            "wake_every_ms": wakes,
            "lookback_ms": st.integers(1, 80),
            "hold_ms": st.integers(1, 80),
            "threshold": st.sampled_from([0.0, 0.0005, 0.002]),
            "qty_lots": st.integers(1, 60),
        }
    ),
    "value": st.fixed_dictionaries(
        {
            "market": markets,
            "wake_every_ms": wakes,
            "threshold": st.sampled_from([0.0, 0.0005, 0.002]),
            "fair_ticks": st.integers(PRICE - 20, PRICE + 20),
            "qty_lots": st.integers(1, 60),
            "inventory_max": st.integers(1, 300),
            "rests": st.integers(0, 1),
            "calm_ms": st.sampled_from([0, 0, 1, 40, 150]),
        }
    ),
    "arbitrage": st.fixed_dictionaries(
        {
            "market": st.just(PERPETUAL),
            "other": st.just(SPOT),
            "wake_every_ms": wakes,
            "threshold": st.sampled_from([0.0, 0.0005, 0.002]),
            "price_ratio": st.sampled_from([1.0, 0.999]),
            "lots_ratio": st.sampled_from([1.0, 0.4, 2.5]),
            "qty_lots": st.integers(1, 60),
            "inventory_max": st.integers(1, 300),
        }
    ),
}
shares = st.sampled_from([0.0, 0.0005, 0.002])
makers = st.fixed_dictionaries(
    {
        "wake_every_ms": st.sampled_from([8, 13, 40]),
        "levels": st.integers(1, 3),
        "half_spread": shares,
        "spacing": shares,
        "tolerance": st.sampled_from([0.0, 0.5, 1.0]),
        "anchor": st.sampled_from([0.0, 0.3, 1.0]),
        "fair_tau_ms": st.sampled_from([1.0, 300.0]),
        "skew": st.sampled_from([0.0, 0.01]),
        "mode": st.integers(0, 1),
        "risk_aversion": st.sampled_from([0.01, 0.1]),
        "decay": st.sampled_from([0.05, 1.5]),
        "sigma": st.sampled_from([0.0, 2.0]),
        "mass_quotes": st.integers(0, 1),
        "drawdown": st.sampled_from([0.0, 0.001, 0.003]),
        "volatility": st.sampled_from([0.0, 0.001, 0.004]),
        "window_ms": st.integers(1, 128),
        "inventory": st.sampled_from([0.0, 0.3, 1.0]),
        "slow_ms": st.sampled_from([0, 5, 20]),
        "leaves_both": st.integers(0, 1),
        "return_after_ms": st.integers(1, 200),
        "return_size": st.sampled_from([0.01, 0.5, 1.0]),
        "return_spread": st.sampled_from([1.0, 3.0]),
        "spread_tau_ms": st.sampled_from([0.0, 50.0]),
        "size_tau_ms": st.sampled_from([0.0, 50.0]),
    }
)
population = st.lists(
    st.sampled_from(sorted(SOURCES)).flatmap(lambda kind: st.tuples(st.just(kind), SOURCES[kind], ways)), max_size=5
)
quoting = st.lists(
    st.tuples(makers, ways, st.sampled_from([(PERPETUAL,), (SPOT, PERPETUAL)]), st.sampled_from([60, 10**6])),
    max_size=2,
)


@given(seed=st.integers(0, 2**64 - 1), crowd=population, quoting=quoting)
def test_a2_to_a8_what_reaches_the_books_is_what_the_twins_sent(seed, crowd, quoting):
    village = Village(seed)
    for ordinal, (terms, way, where, inventory_max) in enumerate(quoting):
        maker = village.add("maker", ordinal=ordinal, **terms, **way)
        village.quotes(maker, *where, inventory_max=inventory_max)
    for ordinal, (kind, parameters, way) in enumerate(crowd):
        village.add(kind, ordinal=100 + ordinal, **parameters, **way)
    trader = village.add("noise", market=PERPETUAL, mean_gap_ms=10.0, qty_min=1, qty_max=40)
    follower = village.followed(END_MS)
    assert follower.disagreements(END_MS) == []
    assert follower.arrivals(trader, PERPETUAL) != []
    assert village.native.counts()["rejects"] == {}
    village.native.check_invariants()


def test_a_crowd_of_everything_is_followed_and_every_maker_leaves_and_returns():
    village = crowded_village()
    follower = village.followed(3_000)
    assert follower.disagreements(3_000) == []
    for account, twin in village.twins.items():
        assert len(follower.sent[account]) > 5, twin
        if isinstance(twin, Maker):
            assert twin.withdrawals, twin.terms
            assert twin.returns_ms, twin.terms
    assert village.native.counts()["cancel_misses"] > 10


@pytest.mark.parametrize("account_from_last", [1, 3, 5, 7, 9])
def test_a_twin_of_another_seed_is_found_out(account_from_last):
    village = crowded_village()
    account = sorted(village.twins)[-account_from_last]
    stranger = crowded_village(seed=2)
    village.twins[account] = stranger.twins[account]
    assert village.followed(400).disagreements(400) != []


def through_a_gateway(follower, account, service_us):
    """Let the messages of an agent queue at a gateway in the order of their arrival, a mass quote as one (N-3)."""
    gateway, done = Gateway(service_us), {}
    twin, sent = follower.twins[account], follower.sent[account]
    queue = sorted(range(len(sent)), key=lambda place: (sent[place].due_ms, place))
    for place in queue:
        name = place
        if twin.terms.mass_quotes:
            name = (follower.sent_ms[account][place], sent[place].market)
        if name not in done:
            done[name] = gateway.done_ms(sent[place].due_ms)
        sent[place] = sent[place]._replace(due_ms=done[name])


@pytest.mark.parametrize("mass_quotes", [0, 1])
@pytest.mark.parametrize("service_us", [300, 1_000, 2_700])
def test_n3_cancels_orders_and_mass_quotes_of_a_maker_queue_at_the_gateway(service_us, mass_quotes):
    village = Village(8)
    village.native.set_gateway(0, service_us)
    quoting = {"wake_every_ms": 12, "levels": 3, "half_spread": 0.0005, "spacing": 0.0005, "tolerance": 0.0}
    way = {"latency_ms": 0, "latency_law": ("uniform", 1.0, 9.0)}
    maker = village.add("maker", mass_quotes=mass_quotes, **quoting, **way)
    village.quotes(maker, PERPETUAL, SPOT, inventory_max=10**6)
    for step in range(60):
        for market in (PERPETUAL, SPOT):
            side = Side.BUY if (step * 7 + market) % 3 else Side.SELL
            village.native.send_order(village.outside, market, side, None, 20 + step, at_ms=5 + 9 * step)
    follower = village.followed(END_MS)
    through_a_gateway(follower, maker, service_us)
    assert len(follower.sent[maker]) > 200
    assert follower.disagreements(END_MS) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 25))
def test_a_crowd_of_everything_is_followed_for_long_under_any_seed(seed):
    village = crowded_village(seed)
    assert village.followed(6_000).disagreements(6_000) == []
    assert village.world.disagreements() == []
