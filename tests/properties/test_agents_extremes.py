"""No legal parameter breaks a world: every field of every behaviour at its bounds, and the reference agrees (J-2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import InputError, _core
from engine.testing.village import PERPETUAL, PRICE, RICH, SPOT, Village
from engine.types import Side

KINDS = ("maker", "noise", "point", "flow", "momentum", "arbitrage", "value", "hedge", "shock")
LAWS = (
    None,
    ("fixed", 1e9),
    ("pareto", 1e9, 1e-9),
    ("lognormal", 1e-9, 1e9),
    ("exponential", 1e9),
    ("uniform", 0.0, 1e9),
    ("fixed", 0.0),
)


@st.composite
def populations(draw):
    """Draw a behaviour and its parameters: each at a bound, at its default, or moderate."""
    kind = draw(st.sampled_from(KINDS))
    found = {}
    for name, (low, high, default) in _core.World.agent_parameters(kind).items():
        if name in ("market", "other"):
            found[name] = PERPETUAL if (name == "market") != (kind == "hedge") else SPOT
        elif name in ("limit_rates", "cancel_rates"):
            rates = st.sampled_from([0.0, 1e-300, 0.05, 1e6])
            found[name] = draw(st.lists(rates, min_size=2, max_size=2))
        elif name == "other_account":
            continue
        elif name == "side":
            found[name] = draw(st.sampled_from([Side.BUY, Side.SELL]))
        else:
            values = [low, high] + [value for value in (default, type(low)(1), type(low)(20)) if value is not None]
            found[name] = draw(st.sampled_from([value for value in values if low <= value <= high]))
    way = {
        "latency_ms": draw(st.sampled_from([0, 1, 2**42])),
        "latency_law": draw(st.sampled_from(LAWS)),
        "picture_ms": draw(st.sampled_from([0, 1, 2**42])),
        "picture_law": draw(st.sampled_from(LAWS)),
    }
    return kind, {**found, **(way if draw(st.booleans()) else {})}


@given(crowd=st.lists(populations(), min_size=1, max_size=3), service_us=st.sampled_from([0, 1, 10**9]))
def test_no_legal_parameter_breaks_a_world(crowd, service_us):
    village = Village(3)
    village.native.set_gateway(0, service_us)
    for ordinal, (kind, parameters) in enumerate(crowd):
        account = village.world.account(*(10**14, 10**13))
        before = village.native.snapshot()
        try:
            number = village.native.add_agents(kind, account, ordinal, **parameters)
        except InputError:
            assert village.native.snapshot() == before  # two fields that do not go together
            continue
        if kind == "maker":
            for market in (PERPETUAL, SPOT):
                village.native.add_quotes(number, market, 30, inventory_max=parameters["levels"] * 100)
    village.native.run(40, events=3_000)
    village.native.check_invariants()
    assert village.world.disagreements() == []
    copy = _core.World.restore(village.native.snapshot())
    for native in (village.native, copy):
        native.run(60, events=500)
    assert copy.digest() == village.native.digest()


@pytest.mark.parametrize("kind", KINDS)
def test_the_extremes_are_those_of_the_table_of_parameters(kind):
    for name, (low, high, default) in _core.World.agent_parameters(kind).items():
        if low is None:
            assert name in {"market", "other", "limit_rates", "cancel_rates"}
        else:
            assert low < high
            assert default is None or low <= default <= high


def test_times_beyond_every_run_are_scheduled_and_never_come():
    village = Village(1)
    village.native.add_agents(
        "noise", village.world.account(*RICH), 1, market=PERPETUAL, mean_gap_ms=1e12, qty_min=1, qty_max=1
    )
    rates = {"market_rate": 0.0, "limit_rates": [1e-300], "cancel_rates": [1e-300]}
    flow = {"market": PERPETUAL, "qty_min": 1, "qty_max": 1, "anchor_ticks": PRICE, **rates}
    village.native.add_agents("flow", village.world.account(*RICH), 2, **flow)
    village.native.run(10**6)
    assert village.native.counts()["trades"] == 0
    assert village.native.counts()["pending"] >= 2
