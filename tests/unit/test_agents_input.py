"""What `add_agents` refuses: with the parameter's name, and without a trace (U-7)."""

from __future__ import annotations

import pytest

from engine import InputError, _core
from engine.testing.worlds import TwinWorld

NOISE = {"market": 0, "mean_gap_ms": 5.0, "qty_min": 1, "qty_max": 2}
VALUE = {"market": 0, "wake_every_ms": 5, "threshold": 0.1, "fair_ticks": 100, "qty_lots": 1}
FLOW = {
    "market": 0,
    "market_rate": 0.1,
    "limit_rates": [0.1],
    "cancel_rates": [0.1],
    "qty_min": 1,
    "qty_max": 1,
    "anchor_ticks": 5,
}
LAWS = (5, "fixed", (), ("fixed",), ("fixed", 1.0, 2.0, 3.0), ("normal", 1.0), ([1], 2.0), (None, 2.0), ("fixed", "3"))
NUMBERS = (("fixed", float("nan")), ("fixed", -1.0), ("pareto", 1.0), ("pareto", 0.0, 1.0), ("uniform", 3.0, 2.0))


def refusals():
    for law in (*LAWS, *NUMBERS):
        yield "noise", "latency_law", {**NOISE, "latency_law": law}
        yield "noise", "picture_law", {**NOISE, "picture_law": law}
        yield "noise", "picture_law", {**NOISE, "latency_law": ("fixed", 77.0), "picture_law": law}
    for rates in (None, "ab", ["x"], [[1]], [], [-0.1], [float("nan")], [0.1] * 65):
        yield "flow", "limit_rates|cancel_rates", {**FLOW, "limit_rates": rates}
        yield "flow", "cancel_rates", {**FLOW, "cancel_rates": rates}
    yield "flow", "limit_rates", {**FLOW, "market_rate": 0.0, "limit_rates": [0.0]}
    yield ["noise"], "kind", NOISE
    yield None, "kind", NOISE
    yield "whale", "kind", NOISE
    yield "noise", "qty_min", {**NOISE, "qty_min": [1, 2]}
    yield "maker", "mode", {"wake_every_ms": 5, "mode": 2}
    yield "maker", "window_ms", {"wake_every_ms": 5, "drawdown": 0.1, "window_ms": 81}
    yield "maker", "window_ms", {"wake_every_ms": 5, "volatility": 0.1, "window_ms": 81}
    yield "shock", "slices", {"market": 0, "side": 1, "qty_lots": 2, "slices": 3}
    for slippage in (-0.1, 1.1, float("nan"), "near"):
        yield "noise", "slippage", {**NOISE, "slippage": slippage}
    for name, wrong in (("rests", 2), ("rests", -1), ("rests", 0.5), ("calm_ms", -1), ("calm_ms", 2**42 + 1)):
        yield "value", name, {**VALUE, name: wrong}
    for size_tau_ms in (-1.0, 2e12, float("nan")):
        yield "maker", "size_tau_ms", {"wake_every_ms": 5, "size_tau_ms": size_tau_ms}
    yield "point", "alpha", {"market": 0, "mu": 0.1, "alpha": 0.2, "beta": 0.2, "qty_min": 1, "qty_max": 1}


@pytest.mark.parametrize(("kind", "names", "parameters"), list(refusals()), ids=str)
def test_u7_a_refused_population_names_its_parameter_and_leaves_no_trace(kind, names, parameters):
    twin = TwinWorld()
    twin.asset()
    twin.perpetual(0)
    account = twin.account(10)
    before = twin.native.snapshot()
    with pytest.raises(InputError, match=rf"^({names})[ :]"):
        twin.native.add_agents(kind, account, 1, **parameters)
    assert twin.native.snapshot() == before


def test_a_window_is_bounded_only_where_a_rule_looks_at_it():
    twin = TwinWorld()
    twin.asset()
    for window_ms in (80, 1_000):
        accepted = {"wake_every_ms": 5, "inventory": 0.5, "window_ms": window_ms}
        twin.native.add_agents("maker", twin.account(10), 1, **accepted)
    twin.native.add_agents("maker", twin.account(10), 1, wake_every_ms=5, drawdown=0.1, window_ms=80)
    with pytest.raises(InputError, match="kind"):
        _core.World.agent_parameters(["maker"])


def test_an_account_has_one_agent_that_hears_of_fills_and_any_number_of_deaf_ones():
    twin = TwinWorld()
    twin.asset()
    twin.perpetual(0)
    account = twin.account(10)
    for key in range(3):
        twin.native.add_agents("noise", account, key, **NOISE)
    twin.native.add_agents("maker", account, 7, wake_every_ms=5, window_ms=50)
    with pytest.raises(InputError, match="accounts"):
        twin.native.add_agents("maker", account, 8, wake_every_ms=5, window_ms=50)
    with pytest.raises(InputError, match="accounts"):
        twin.native.add_agents("noise", [account, account], 8, **NOISE)
