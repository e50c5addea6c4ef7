"""docs/scenarios.md does what it says: the file is whole, the Python runs, the errors are those that are printed."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from engine import cli
from engine.adl import ADL_RULES
from engine.liquidation import POLICIES
from engine.policy import Policy
from engine.run import run_scenario
from engine.scenario import Scenario
from engine.scenario.agents import Leaves, Link, MarketMaker, PopulationBase, Returns
from engine.scenario.base import Model
from engine.scenario.crowds import POPULATION_KINDS, Crowd, DipBuy, StopLoss, TopUp
from engine.scenario.events import OrderRow, Orders, Shock
from engine.scenario.laws import LAWS
from engine.scenario.markets import (
    Breaker,
    Gateway,
    IndexOracle,
    Liquidation,
    MarkOracle,
    Perp,
    PriceOracle,
    PriceSource,
    Spot,
)
from engine.scenario.record import Record

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")


def block(words):
    """Return the first block that opens with some words."""
    found, *_ = re.findall(rf"^```{words}\n(.*?)^```$", PAGE, re.M | re.S)
    return found


def test_the_whole_file_runs_and_tells_its_story():
    sc = Scenario.from_toml(block("toml"))
    figures = run_scenario(sc, parts=["base", "calm", "makers-stay"]).measured()
    assert {part["invariants"] for part in figures.values()} == {"hold"}
    assert figures["base"]["liquidations"] > figures["calm"]["liquidations"] == 0
    assert figures["base"]["withdrawals"] > figures["makers-stay"]["withdrawals"] == 0
    assert figures["base"]["low"] < 1 < 3.8 < figures["makers-stay"]["low"]


def models_of(scenario):
    """Yield every object that a scenario holds, with what it says and what it leaves out."""
    for section in ("venues", "markets", "oracles", "populations", "events"):
        yield from getattr(scenario, section).values()


def said(scenario):
    """Return the keys that are said of each model of a scenario, of the models within it too."""
    keys = {}

    def look(model):
        keys.setdefault(type(model), set()).update(model.model_fields_set)
        for name in model.model_fields_set:
            value = getattr(model, name)
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, Model):
                    look(each)

    for model in models_of(scenario):
        look(model)
    return keys


def test_the_examples_of_kinds_run_and_say_everything_that_can_be_said():
    python = '[populations.python]\nkind = "python"\non = ["ATOM/USDT"]\nagent = "scenarioagents:Buyer"\n'
    scenario = Scenario.from_toml(block("toml") + block("toml lenders") + block("toml kinds") + python)
    part = run_scenario(scenario).part
    assert part.figures["invariants"] == "hold"
    keys = said(scenario)
    assert {population.kind for population in scenario.populations.values()} == set(POPULATION_KINDS)
    general = set(PopulationBase.model_fields)
    for kind, model in POPULATION_KINDS.items():
        missing = set(model.model_fields) - keys[model] - general
        assert missing == ({"parameters"} if kind == "python" else set()), kind
    assert general - {"enabled", "kind"} <= keys[MarketMaker] | keys[Crowd] | {"count"}
    for model in (
        Leaves,
        Returns,
        Link,
        Gateway,
        Breaker,
        Liquidation,
        Shock,
        Orders,
        OrderRow,
        Spot,
        Perp,
        IndexOracle,
        PriceOracle,
        PriceSource,
        MarkOracle,
        StopLoss,
        DipBuy,
        TopUp,
    ):
        optional = {
            "breaker",
            "enabled",
            "kind",
            "sell",
            "maker_fee",
            "base",
            "brings",
            "account",
            "lag",
            "price_min",
            "venue",
        }
        optional |= {"source"} if model is PriceOracle else {"times"} if model is PriceSource else set()
        optional |= set(Liquidation.model_fields) - {"stage", "stage_min", "every"} if model is Liquidation else set()
        assert set(model.model_fields) - keys[model] <= optional, model


def test_every_population_of_the_examples_acts():
    scenario = Scenario.from_toml(block("toml") + block("toml lenders") + block("toml kinds"))
    part = run_scenario(scenario).part
    placed = set(part.journal["account"][part.journal["kind"] == 3].tolist())
    acting = {name.split(" ")[0] for number, name in part.simulation.accounts.items() if number in placed}
    kinds = {
        "careful",
        "stoikov",
        "crowd",
        "arrivals",
        "excited",
        "noise",
        "followers",
        "between",
        "believers",
        "old",
        "whale",
        "masses",
    }
    assert kinds <= acting


def test_every_switch_of_the_record_is_on_the_page():
    scenario = Scenario.from_toml(block("toml").replace('[record]\nsamples_every = "250ms"\n', block("toml record")))
    assert scenario.record.model_fields_set == set(Record.model_fields)
    tables = run_scenario(scenario).tables
    assert all(len(tables[name]) > 0 for name in ("orders", "quotes", "depth", "samples", "accounts", "movements"))


def test_every_key_of_a_liquidation_and_every_preset_is_on_its_page():
    page = (Path(__file__).resolve().parents[2] / "docs" / "liquidation.md").read_text(encoding="utf-8")
    table = page.split("## A policy of your own")[1].split("## Rules")[0]
    assert {key for key in set(Liquidation.model_fields) - {"preset"} if f"`{key}`" not in table} == set()
    assert {field for field in Policy.__dataclass_fields__ if f"`{field}`" not in table} == set()
    assert {name for name in POLICIES if name not in page or f'"{name}"' not in PAGE} == set()
    assert {name for name in ADL_RULES if f"`{name}`" not in page} == set()


def test_the_python_runs():
    exec(compile(block("python"), "docs/scenarios.md", "exec"), {"__name__": "page"})


def test_the_errors_are_what_check_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("broken.toml").write_text(block("toml broken"), encoding="utf-8")
    done = CliRunner().invoke(cli.main, ["check", "broken.toml"])
    assert done.exit_code == 2
    assert done.stderr == block("text errors")


def test_every_kind_and_every_law_is_on_the_page():
    for kind in POPULATION_KINDS:
        assert f"| `{kind}`" in PAGE
    for law in LAWS:
        assert f'| `"{law}(' in PAGE
