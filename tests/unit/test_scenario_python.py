"""Scenarios in Python: nouns and verbs, the same models, and a round trip through TOML."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from scenariokit import SMALL

import engine as en
from engine import InputError, ScenarioError


def made():
    """Build a scenario as docs/scenarios.md does."""
    sc = en.Scenario("october", start="2025-10-10T20:45Z", duration="10s", seed=20251010)
    cex = sc.exchange("cex", liquidation=en.Liquidation(stage="10%", stage_min=10))
    spot = cex.spot("ATOM/USDT", tick="0.001", lot="0.001", price="4.000")
    perp = cex.perp("ATOM-PERP", index=spot, tick="0.001", lot="0.001", price="4.000", maintenance="1.5%")
    money = {"USDT": "10M", "ATOM": "1M"}
    link = en.Link(jitter=en.lognormal("12ms", 0.6))
    leaves = en.when(drawdown="0.5%", within="1s")
    sc.add(4 * en.MarketMaker([perp, spot], size="20k USDT", leaves=leaves, link=link, brings=money))
    sc.add(
        50 * en.Holders(long=perp, notional=en.pareto("2k", alpha=1.3, max="20k"), leverage=en.uniform(3, 20)),
        name="longs",
        rest=2 * en.Account(brings={"USDT": "20M"}),
    )
    sc.add(2 * en.Noise([spot, perp], every="100ms", qty=en.integers(10, 500), brings=money), "noise")
    opening = [
        [t, m, s, p, "10"] for t, m in (("0ms", spot), ("0ms", perp)) for s, p in (("buy", "3.998"), ("sell", "4.002"))
    ]
    sc.at("0s", en.Orders(opening, brings={"USDT": "1000", "ATOM": "1000"}))
    sc.at("20:45:05", en.Shock(perp, sell="100k USDT", over="1s", brings={"USDT": "1M"}))
    return sc


class TestMaking:
    def test_it_runs_and_writes_itself(self):
        sc = made()
        assert en.Scenario.from_toml(sc.to_toml()) == sc
        result = sc.run()
        figures = result.measured()["base"]
        assert (figures["invariants"], figures["now_ms"]) == ("hold", 10_000)
        assert figures["counts"]["trades"] > 0
        assert en.Scenario.from_toml(sc.to_toml()).run().digest == result.digest

    def test_objects_have_names_and_defaults_of_their_kind(self):
        sc = made()
        assert list(sc.populations) == ["market-maker", "rest of longs", "longs", "noise"]
        assert list(sc.oracles) == ["index ATOM-PERP", "mark ATOM-PERP"]
        assert list(sc.events) == ["orders", "shock"]
        assert list(sc.assets) == ["USDT", "ATOM"]
        assert sc.markets["ATOM-PERP"].settle == "USDT"
        assert sc.populations["longs"].name == "longs"

    def test_a_number_times_a_population(self):
        makers = en.MarketMaker(["a"], size=1)
        assert (12 * makers).count == 12
        assert makers.count == 1
        with pytest.raises(TypeError):
            _ = 1.5 * makers
        with pytest.raises(InputError, match="count: expected a whole number from 1"):
            _ = 0 * makers

    def test_an_object_is_an_object_wherever_a_name_may_stand(self):
        sc = made()
        assert sc.populations["market-maker"].on == ["ATOM-PERP", "ATOM/USDT"]
        again = sc.but({"populations.market-maker.on": [sc.markets["ATOM/USDT"]]})
        assert again.populations["market-maker"].on == ["ATOM/USDT"]

    def test_names_are_used_once(self):
        sc = made()
        with pytest.raises(InputError, match="populations name: expected a new, non-empty name, was noise"):
            sc.add(en.Account(), "noise")

    def test_an_oracle_is_declared_by_name(self):
        sc = made()
        sc.oracle("slow mark", en.MarkOracle("ATOM-PERP", every="5s"))
        assert sc.check().oracles["slow mark"].every == 5_000
        with pytest.raises(InputError, match="oracle: expected an oracle"):
            sc.oracle("x", en.Account())

    def test_what_is_no_population_or_event_is_refused(self):
        sc = made()
        with pytest.raises(InputError, match="population"):
            sc.add(en.Shock("ATOM-PERP", sell="1"))
        with pytest.raises(InputError, match="event"):
            sc.at("1s", en.Account())
        with pytest.raises(InputError, match="rest: expected nothing but for Holders"):
            sc.add(en.Account(), rest=en.Account())

    def test_a_model_tells_all_that_is_wrong_with_it(self):
        with pytest.raises(ScenarioError) as caught:
            en.MarketMaker(["a"], levels=9, half_spred="8bps")
        assert {str(problem).partition(":")[0] for problem in caught.value.problems} == {"levels", "half_spred", "size"}
        with pytest.raises(TypeError, match="takes 1 positional"):
            en.MarketMaker(["a"], "b")
        with pytest.raises(TypeError, match="given on twice"):
            en.MarketMaker(["a"], on=["b"])

    def test_a_scenario_that_is_not_whole_is_not_built(self):
        sc = made()
        sc.add(en.Noise(["X/Y"], every="1s", qty=1))
        with pytest.raises(ScenarioError, match=r"populations.noise-2.on\[0\]" if "noise" in sc.populations else "on"):
            sc.simulation()


class TestBut:
    def test_a_copy_changes_and_the_original_does_not(self):
        sc = en.Scenario.from_toml(SMALL)
        other = sc.but({"populations.makers.half_spread": "8bps", "duration": "5s"})
        assert (other.duration, sc.duration) == (5_000, 20_000)
        assert other.but({"populations.makers.half_spread": "uniform(6bps, 10bps)", "duration": "20s"}) == sc

    def test_models_and_laws_are_values(self):
        sc = en.Scenario.from_toml(SMALL)
        other = sc.but(
            {"populations.makers.leaves": en.when(drawdown="2%"), "populations.noise.qty": en.integers(1, 2)}
        )
        assert float(other.populations["makers"].leaves.drawdown) == 0.02
        assert other.populations["noise"].qty == en.Scenario.from_toml(other.to_toml()).populations["noise"].qty

    def test_numbers_of_numpy_are_numbers(self):
        sc = en.Scenario.from_toml(SMALL)
        other = sc.but({"populations.makers.levels": np.int64(3), "populations.makers.skew": np.float64(0.01)})
        assert (other.populations["makers"].levels, float(other.populations["makers"].skew)) == (3, 0.01)
        assert en.Scenario.from_toml(other.to_toml()) == other

    def test_a_scenario_travels_to_another_process(self):
        sc = en.Scenario.from_toml(SMALL).variant("brave")
        assert pickle.loads(pickle.dumps(sc)) == copy.deepcopy(sc) == sc

    def test_every_wrong_path_is_told(self):
        sc = en.Scenario.from_toml(SMALL)
        with pytest.raises(ScenarioError) as caught:
            sc.but({"populations.maker.count": 3, "": 1, "seed.x": 1})
        assert len(caught.value.problems) == 3

    def test_what_a_path_gives_is_checked(self):
        with pytest.raises(ScenarioError, match=r"populations\.makers\.levels: expected at most 8, was 99"):
            en.Scenario.from_toml(SMALL).but({"populations.makers.levels": 99})

    def test_a_variant_is_but_by_name(self):
        sc = en.Scenario.from_toml(SMALL)
        assert sc.variant("base") is sc
        assert sc.variant("calm") == sc.but({"events.fall.enabled": False, "events.fall-spot.enabled": False})
        slow = sc.variant("brave-and-slow")
        assert (slow.oracles["mark"].every, float(slow.populations["makers"].leaves.drawdown)) == (2_000, 0.0)
        with pytest.raises(InputError, match="variant: expected one of base, calm"):
            sc.variant("mad")


class TestImport:
    def test_every_lazy_name_is_there(self):
        for name in en.__all__:
            assert getattr(en, name) is not None
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = en.nothing
