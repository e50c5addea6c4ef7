"""october-2025 at its small scale: it runs, it is the same each time, and every switch does what it says.

Nothing here hangs on a number of the calibration. The whole day runs once; what only needs the fall runs its first 45
minutes. Bands and lists are those of the issue that asked for the scenario.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from engine import InputError, cli
from engine.lineage import LandmarkKind
from engine.report.page import Page
from engine.run import run_scenario
from engine.scenario import Scenario
from engine.scenarios import generator_of, load, names, path_of
from engine.scenarios import october_2025 as story
from engine.scorecard import factor

NAME = "october-2025"
ROOT = Path(__file__).resolve().parents[2]
FALL = "45min"  # makers have left, and whoever could not stand the fall is liquidated
START = f"{math.ceil(story.PARAMETERS['slide'].value) + 2}min"  # the first makers have left
FIRST = 0  # the number of the first venue
LIQUIDATE = 6  # of the table of actions, docs/tables.md
PEGGED = ("USDe/USDT", "WBETH/USDT", "BNSOL/USDT")


@cache
def scenario(*off, scale="small"):
    return story.scenario(scale, off=off)


@cache
def run_of(*off):
    """Return a run of the first minutes."""
    return run_scenario(scenario(*off).but({"duration": FALL}))


def fall(*off):
    """Return its part."""
    return run_of(*off).part


@pytest.fixture(scope="module")
def day():
    """Return the run of the whole day."""
    return run_scenario(scenario())


def landmarks(part, kind, venue=None):
    """Count the landmarks of a kind, at all venues or at one."""
    table, sim = part.simulation.world.landmarks(), part.simulation
    rows = table["kind"] == kind
    if venue is not None:
        rows &= np.isin(table["market"], [each.number for each in sim.markets.values() if each.venue == venue])
    return int(rows.sum())


class TestItRuns:
    def test_every_identity_holds_at_the_end(self, day):
        assert day.part.figures["invariants"] == "hold"
        day.part.simulation.world.check_invariants()
        assert day.part.figures["now_ms"] == 105 * 60_000

    def test_the_chain_is_there(self, day):
        for kind in ("WITHDRAWAL", "RETURN", "LIQUIDATION", "STEP", "TAKEOVER", "ADL", "MARGIN_CALL", "UNWIND"):
            assert landmarks(day.part, LandmarkKind[kind]) > 0, kind
        assert landmarks(day.part, LandmarkKind.HALT) == 0

    def test_no_link_of_the_chain_comes_before_the_selling(self, day):
        table = day.part.simulation.world.landmarks()
        first = min(
            event.at
            for event in scenario().events.values()
            if event.kind == "shock" and event.name.startswith("risk-off")
        )
        for kind in (LandmarkKind.WITHDRAWAL, LandmarkKind.TAKEOVER, LandmarkKind.ADL, LandmarkKind.UNWIND):
            assert table["time_ms"][table["kind"] == kind].min() > first

    def test_statistics_are_those_that_are_declared(self, day):
        found = story.statistics(day.part)
        assert list(found) == [statistic.name for statistic in story.STATISTICS]
        assert len(set(found)) == len(story.STATISTICS)
        assert all(value is None or math.isfinite(value) for value in found.values())
        assert sum(value is not None for value in found.values()) > 0.8 * len(found)
        assert day.story_figures["statistics"] == found
        json.dumps(found)

    def test_outcomes_are_numbers(self, day):
        found = story.outcomes(day.part)
        assert set(story.MAIN_OUTCOMES) <= set(found)
        assert all(value is None or math.isfinite(value) for value in found.values())
        assert found["forced"] > 0
        assert found["withdrawals"] == landmarks(day.part, LandmarkKind.WITHDRAWAL)
        for name in (story.VERDICT.alts_low_minute, story.VERDICT.alts_fall, *story.VERDICT.depeg_low_minutes):
            assert found[name] is not None

    def test_people_are_told_of_every_statistic_that_could_be_told(self, day):
        told = story.people(day)
        assert len(told) == 1 + sum(value is not None for value in day.story_figures["statistics"].values())


@cache
def told_of(duration, **record):
    """Return the statistics of a run of some minutes that records less."""
    changes = {f"record.{name}": value for name, value in record.items()}
    run = run_scenario(scenario().but({"duration": duration, **changes}))
    assert story.people(run)
    json.dumps(run.story_figures, allow_nan=False)
    outcomes = story.outcomes(run.part)
    assert ("forced" in outcomes) == ({"trades", "waterfall"} <= story.day_of(run.part).told)
    assert outcomes["bad debt"] >= 0
    return run.story_figures["statistics"]


class TestWhatCannotBeTold:
    """A short run, or one that records less: None, no failure and no number of something else."""

    @pytest.mark.parametrize("duration", ["1ms", "1s", "30s", "3min"])
    def test_a_run_that_ends_early(self, duration):
        found = told_of(duration)
        assert found["forced"] is None
        assert found["mark_above"] is None
        assert found["fund_used"] == 0

    @pytest.mark.parametrize(
        ("record", "value", "untold"),
        [
            ("trades", False, {"fall_btc", "forced", "peak_minute", "mark_gap_sol", "usde_low"}),
            ("waterfall", False, {"forced", "dex_takeovers", "dex_adl", "adl_after"}),
            ("actions", False, {"aave_usde"}),
            (
                "samples_every",
                "0ms",
                {"btc_after_hour", "depth_eth", "interest_all", "mark_gap_sol", "deviation_begins"},
            ),
        ],
    )
    def test_a_table_that_is_not_recorded(self, record, value, untold):
        found = told_of(START, **{record: value})
        whole = told_of(START)
        told = {name for name, each in found.items() if each is not None}
        assert not told & untold
        assert told <= {name for name, each in whole.items() if each is not None}
        assert {name: found[name] for name in told} == {name: whole[name] for name in told}


class TestItIsTheSame:
    SCRIPT = (
        "from engine.run import run_scenario\n"
        "from engine.scenarios import october_2025\n"
        f"print(run_scenario(october_2025.scenario().but({{'duration': '{START}'}})).digest)\n"
    )

    def test_the_same_seed_gives_the_same_digest_here_from_the_file_and_elsewhere(self):
        short = {"duration": START}
        digests = {run_scenario(each.but(short)).digest for each in (story.scenario(), load(NAME))}
        done = subprocess.run(
            [sys.executable, "-c", self.SCRIPT],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "12345"},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        digests.add(done.stdout.strip())
        assert len(digests) == 1
        assert run_scenario(story.scenario(seed=7).but(short)).digest not in digests

    def test_the_file_is_the_first_scale_written(self):
        assert NAME in names()
        assert generator_of(NAME) is story
        written = path_of(NAME).read_text(encoding="utf-8")
        assert written == scenario().to_toml(), "python -m engine.scenarios.october writes it anew"
        assert Scenario.from_toml(written) == scenario()

    def test_seed_and_order_of_the_switches_are_all_that_is_said(self):
        assert story.scenario(seed=3) == scenario().but({"seed": 3})
        assert scenario("loops", "bots") == scenario("bots", "loops")


# ---- switches --------------------------------------------------------------------------------------------------------


def difference(off):
    """Return what a switch changes in the small scale: {section: {name: keys that differ; None if one has it not}}."""
    on, without = scenario().to_data(), scenario(off).to_data()
    assert {key for key in on if on[key] != without.get(key)} <= {
        "venues",
        "markets",
        "oracles",
        "populations",
        "events",
        "lenders",
    }
    found = {}
    for section in ("venues", "markets", "oracles", "populations", "events", "lenders", "pools", "assets"):
        one, other = on.get(section, {}), without.get(section, {})
        for name in {*one, *other}:
            if name not in one or name not in other:
                found.setdefault(section, {})[name] = None
            elif one[name] != other[name]:
                keys = {*one[name], *other[name]}
                found.setdefault(section, {})[name] = {
                    key for key in keys if one[name].get(key) != other[name].get(key)
                }
    return found


def kinds(sc):
    return Counter(population.kind for population in sc.populations.values())


class TestSwitches:
    def test_every_switch_is_looked_at_here(self):
        tested = {name.removeprefix("test_without_").replace("_", "-") for name in vars(type(self))}
        assert set(story.SWITCHES) <= tested
        assert set(story.LINKS) <= set(story.SWITCHES)
        assert len(story.LINKS) == 6

    @pytest.mark.parametrize("name", story.SWITCHES)
    def test_it_changes_something_and_leaves_a_valid_scenario(self, name):
        assert difference(name) != {}
        assert scenario(name).simulation().world.now_ms == 0

    def test_without_makers_withdraw(self):
        changed = difference("makers-withdraw")
        assert list(changed) == ["populations"]
        assert set(map(frozenset, changed["populations"].values())) == {frozenset({"leaves", "inventory_max"})}
        assert landmarks(fall("makers-withdraw"), LandmarkKind.WITHDRAWAL) == 0
        assert landmarks(fall("makers-withdraw"), LandmarkKind.RETURN) == 0
        assert landmarks(fall(), LandmarkKind.WITHDRAWAL) > 0

    def test_without_unified(self):
        assert any(population.margin == "unified" for population in scenario().populations.values())
        assert not any(population.margin == "unified" for population in scenario("unified").populations.values())
        changed = difference("unified")
        assert list(changed) == ["populations"]
        for name, keys in changed["populations"].items():
            assert keys is None or keys == {"margin", "brings"}, name
            assert "unified" in name

    def test_without_own_book(self):
        def indexes(sc):
            return {each.market: each for each in sc.oracles.values() if each.kind == "index" and each.market in PEGGED}

        assert all(each.source == market for market, each in indexes(scenario()).items())
        for market, each in indexes(scenario("own-book")).items():
            assert each.source is None
            assert [source.kind for source in each.sources] == ["fixed" if market == "USDe/USDT" else "rate"]
        assert difference("own-book") == {
            "oracles": {f"index {market}": {"source", "sources"} for market in indexes(scenario())}
        }

    def test_without_loops(self, day):
        assert kinds(scenario())["loopers"] > 0
        assert kinds(scenario("loops"))["loopers"] == 0
        assert landmarks(fall("loops"), LandmarkKind.UNWIND) == 0
        assert landmarks(day.part, LandmarkKind.UNWIND) > 0

    def test_without_bots(self):
        def liquidated(part):
            table, sim = part.simulation.world.table("actions"), part.simulation
            done = table["account"][(table["kind"] == LIQUIDATE) & (table["reason"] == 0)]
            return {sim.accounts[account].split(" ")[0] for account in done.tolist()}

        assert liquidated(fall()) == {"bots"}
        assert liquidated(fall("bots")) == set()
        assert kinds(scenario("bots"))["bots"] == 0
        assert {name.split(" ")[0] for name in difference("bots")["populations"]} == {"bots"}

    def test_without_all_at_once(self):
        assert landmarks(fall(), LandmarkKind.TAKEOVER, FIRST) > 0
        assert landmarks(fall("all-at-once"), LandmarkKind.TAKEOVER, FIRST) == 0
        assert landmarks(fall("all-at-once"), LandmarkKind.STEP, FIRST) > landmarks(fall(), LandmarkKind.STEP, FIRST)
        assert difference("all-at-once") == {"venues": {"binance": {"liquidation"}}}

    def test_without_ranked_adl(self):
        changed = difference("ranked-adl")
        assert list(changed) == ["venues"]
        assert set(map(tuple, changed["venues"].values())) == {("liquidation",)}
        policies = [venue.liquidation for venue in scenario("ranked-adl").venues.values() if venue.name != "chain"]
        assert {policy.adl for policy in policies} == {"contracts"}
        assert {venue.liquidation.adl for venue in scenario().venues.values() if venue.name != "chain"} == {None}

    def test_without_ring_fenced(self):
        changed = difference("ring-fenced")
        assert changed.pop("populations") == {"vault": {"brings"}}
        assert list(changed) == ["venues"]
        assert set(map(tuple, changed["venues"].values())) == {("insurance_fund",)}
        for name in changed["venues"]:
            (fenced,), (large,) = (sc.venues[name].insurance_fund for sc in (scenario(), scenario("ring-fenced")))
            assert large.number == 10 * fenced.number
        fenced, large = (sc.populations["vault"].brings["USDT"] for sc in (scenario(), scenario("ring-fenced")))
        assert large == 10 * fenced

    def test_without_stale_bids(self):
        """The few orders that are left keep the books from being empty: a thousandth of a dollar for a dollar."""

        def worth(sc):
            far = [
                each for each in sc.populations.values() if each.kind == "stale" and not each.name.startswith("walls")
            ]
            return sum(each.count * float(each.notional.max) for each in far)

        assert 0 < worth(scenario("stale-bids")) < 1e-3 * worth(scenario())
        for name, keys in difference("stale-bids")["populations"].items():
            assert keys is None or keys <= {"count", "notional", "brings"}, name

    def test_without_no_breaker(self):
        assert all(market.breaker is None for market in scenario().markets.values())
        changed = difference("no-breaker")
        assert list(changed) == ["markets"]
        assert set(map(tuple, changed["markets"].values())) == {("breaker",)}
        assert landmarks(fall(), LandmarkKind.HALT) == 0
        assert landmarks(fall("no-breaker"), LandmarkKind.HALT) > 0
        self.told_of_each_kind(run_of("no-breaker"))

    @staticmethod
    def told_of_each_kind(run):
        """A report tells one landmark of each kind that there is (with a breaker: halts too)."""
        for kind in LandmarkKind:
            for landmark in run.part.lineage.of_kind(kind)[:1] if kind else ():
                links = Page(run.part, run, landmark=landmark.id).chain.links
                assert (links[-1].kind, len(links[-1].text) > 20) == (kind.name, True)

    def test_without_hard_link(self):
        assert list(difference("hard-link")) == ["oracles"]
        ((name, _),) = difference("hard-link")["oracles"].items()
        linked, free = scenario().oracles[name], scenario("hard-link").oracles[name]
        assert linked.market == free.market == "USDe-CHAIN"
        assert [(source.kind, source.price) for source in linked.sources] == [("fixed", 1)]
        assert free.source == "USDe/USDT"

    def test_without_risk_off_first(self):
        def sold(sc):
            return {each.market for each in sc.events.values() if each.kind == "shock"}

        assert len(sold(scenario())) > 10
        assert sold(scenario("risk-off-first")) == {"USDe/USDT"}
        for name in difference("risk-off-first")["populations"]:
            assert "seller" in name, name

    def test_a_name_that_is_none_is_refused(self):
        for said, field, was in (
            ({"off": ["loop"]}, "off", "loop"),
            ({"off": "loops"}, "off", "loops"),
            ({"parameters": {"open_bct": 1.0}}, "parameters", "open_bct"),
            ({"scale": "huge"}, "scale", "huge"),
        ):
            with pytest.raises(InputError) as caught:
                story.scenario(**said)
            assert (caught.value.field, caught.value.was) == (field, was)

    def test_a_parameter_out_of_its_range_is_refused(self):
        for name, parameter in story.PARAMETERS.items():
            if parameter.high is not None:
                with pytest.raises(InputError, match=f"^{name}: expected a number in "):
                    story.scenario(parameters={name: parameter.high * 1.01 + 1})

    def test_every_fitted_parameter_reaches_the_scenario(self):
        for name, parameter in story.PARAMETERS.items():
            if parameter.fitted:
                value = parameter.low if parameter.value != parameter.low else parameter.high
                assert story.scenario(parameters={name: value}) != scenario(), name


# ---- lists and bands -------------------------------------------------------------------------------------------------


class TestLists:
    def test_few_are_fitted_and_many_are_free(self):
        fitted = [parameter for parameter in story.PARAMETERS.values() if parameter.fitted]
        assert 0 < len(fitted) <= 10
        assert len(story.STATISTICS) >= 25
        assert sum(not statistic.fitted for statistic in story.STATISTICS) >= 15
        assert any(statistic.fitted for statistic in story.STATISTICS)

    def test_bands_are_those_that_were_fixed_before(self):
        for statistic in story.STATISTICS:
            name, band = statistic.name, statistic.band
            if band.kind == "points":  # prices, falls, shares
                assert band.width == 5, name
            elif band.kind == "minutes":
                assert band.width == 2, name
            elif name.startswith("depth_"):
                assert band == factor(3), name
            elif band.kind == "factor":  # volumes, counts, open interest, the fund
                assert band == factor(1.5), name
                assert statistic.unit == "M USD" or name.startswith("interest_"), name
            else:
                assert (band.kind, statistic.measured) == ("exact", True), name

    def test_every_figure_says_where_it_comes_from(self):
        for each in (*story.STATISTICS, *story.PARAMETERS.values()):
            assert len(each.source) > 8, each.name
        assert all(parameter.unit for parameter in story.PARAMETERS.values())


# ---- scales ----------------------------------------------------------------------------------------------------------

COUNTS = {"small": (20, 40, 3_000), "medium": (90, 150, 10**5), "full": (1_000, 1_300, 1_600_000)}


@pytest.mark.parametrize("scale", story.SCALES)
def test_a_scale_is_valid_and_as_large_as_it_says(scale):
    sc = scenario(scale=scale)
    least, most, accounts = COUNTS[scale]
    assert least <= len(sc.markets) <= most
    crowds = sum(each.count for each in sc.populations.values() if each.kind == "crowd")
    assert abs(crowds / accounts - 1) < 0.01
    makers = Counter()
    for each in sc.populations.values():
        if each.kind == "market-maker":
            makers.update(dict.fromkeys(each.on, each.count))
    assert min(makers[name] for name in sc.markets) >= 3


@pytest.mark.parametrize("scale", story.SCALES[1:])
def test_a_market_is_the_same_at_every_scale(scale):
    small, large = scenario().markets, scenario(scale=scale).markets
    assert set(small) <= set(large)
    for name, market in small.items():
        assert (market.venue, market.tick, market.lot, market.price) == (
            large[name].venue, large[name].tick, large[name].lot, large[name].price,
        )  # fmt: skip


# ---- commands --------------------------------------------------------------------------------------------------------


class TestCommands:
    def test_score_tells_every_statistic(self, day):
        args = ["score", NAME, "--seeds", "2", "--workers", "1", "--json"]
        done = CliRunner().invoke(cli.main, args)
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)
        assert [each["name"] for each in told["statistics"]] == [each.name for each in story.STATISTICS]
        assert told["seeds"] == [story.SEED, story.SEED + 1]
        assert told["digests"][0] == day.part.figures["digest"]
        assert told["failed"] == []
        first = {each["name"]: each["per_seed"][0] for each in told["statistics"]}
        assert first == story.statistics(day.part)
        assert told["totals"]["free"] == sum(not each.fitted for each in story.STATISTICS)

    def test_counterfactuals_compare_two_switches(self, monkeypatch):
        two = ("makers-withdraw", "risk-off-first")
        monkeypatch.setattr(story, "SWITCHES", {name: story.SWITCHES[name] for name in two})
        monkeypatch.setattr(story, "LINKS", two)
        args = [
            "run",
            NAME,
            "--counterfactuals",
            "--seeds",
            "2",
            "--workers",
            "1",
            "--json",
            "--no-out",
            "--set",
            f"duration={START}",
        ]
        done = CliRunner().invoke(cli.main, args)
        assert done.exit_code == 0, done.output
        table = json.loads(done.stdout)["counterfactuals"]
        assert list(table["switches"]) == list(two)
        assert table["failed"] == []
        for name in two:
            told = table["switches"][name]["outcomes"]
            assert set(story.MAIN_OUTCOMES) <= set(told)
            assert told["withdrawals"]["base"] > told["withdrawals"]["without"] == 0, name
        sold = table["switches"]["risk-off-first"]["outcomes"]["forced"]
        assert sold["base"] > sold["without"]
        shares = table["attribution"]["fall BTC"]
        assert sum(each["share"] for each in shares["links"].values()) == pytest.approx(shares["total"])
        assert table["verdict"] is not None
