"""Counterfactuals: pairs of one seed, runs shared, any number of workers, what failed; and both verdicts."""

from __future__ import annotations

import io
import json
from fractions import Fraction

import pytest
import tinystory
from rich.console import Console

from engine.counterfactuals import counterfactuals
from engine.errors import InputError
from engine.part import build_part
from engine.pool import Failure
from engine.run import run_part
from engine.scoring import card_of, score
from engine.story_runs import RunTask, StoryRun, run_task, seed_list
from engine.verdict import MEASURED, NEITHER, POPULAR, Rule, judge

SEEDS = 3


@pytest.fixture(scope="module")
def runs():
    return {}


@pytest.fixture(scope="module")
def table(runs):
    def ended(index, total, run):
        assert (run.seed, run.off) not in runs  # no run twice
        runs[run.seed, run.off] = run
        assert len(runs) <= total

    return counterfactuals(tinystory, seeds=SEEDS, workers=1, finished=ended)


class TestPairs:
    def test_the_base_of_every_pair_is_the_run_of_its_seed(self, table, runs):
        for seed in table.seeds:
            assert runs[seed, ()] == run_task(RunTask("tinystory", "small", seed))
        first = [runs[seed, ()].outcomes["fall"] for seed in table.seeds]
        for effects in table.effects.values():
            assert effects["fall"].base == pytest.approx(sum(first) / SEEDS, rel=1e-12)

    def test_a_pair_differs_by_its_switch_alone(self, table, runs):
        for name in tinystory.SWITCHES:
            found = table.effects[name]["liquidations"]
            each = [
                runs[seed, (name,)].outcomes["liquidations"] - runs[seed, ()].outcomes["liquidations"]
                for seed in table.seeds
            ]
            assert found.mean == pytest.approx(sum(each) / SEEDS)
        assert table.effects["longs"]["liquidations"].changed == 0
        assert table.effects["makers-withdraw"]["withdrawals"].changed == 0
        assert table.effects["makers-withdraw"]["withdrawals"].mean < 0

    def test_every_run_is_run_once(self, table, runs):
        # Four switches and the base; of the coalitions of three links those without two or three of them are new.
        assert table.runs == len(runs) == SEEDS * (1 + 4 + 3)

    def test_some_switches_only(self):
        found = counterfactuals(tinystory, seeds=2, switches=["noise"], order_pairs=0, workers=1)
        assert (list(found.effects), found.runs, found.attribution) == (["noise"], 4, {})
        assert found.verdict.answers["withdrawal"] == "untold"

    def test_the_table_is_the_same_for_any_number_of_workers(self, table):
        assert counterfactuals(tinystory, seeds=SEEDS, workers=2) == table

    def test_a_score_is_the_same_for_any_number_of_workers(self):
        assert score(tinystory, seeds=SEEDS, workers=2) == score(tinystory, seeds=SEEDS, workers=1)


class TestAttribution:
    def test_the_shares_add_up_to_the_total(self, table, runs):
        links = tinystory.LINKS
        for name, found in table.attribution.items():
            gone = tuple(each for each in tinystory.SWITCHES if each in links)
            totals = [runs[seed, ()].outcomes[name] - runs[seed, gone].outcomes[name] for seed in table.seeds]
            assert found.total == pytest.approx(sum(totals) / SEEDS)
            assert sum(Fraction(share.share) for share in found.shares) == pytest.approx(found.total)
            assert found.seeds == SEEDS

    def test_a_link_alone_adds_what_its_removal_took(self, table):
        found = table.attribution["liquidations"].to_json()["links"]["longs"]
        effect = table.effects["longs"]["liquidations"]
        assert (found["alone"], found["alone_low"], found["alone_high"]) == (-effect.mean, -effect.high, -effect.low)

    def test_no_liquidation_is_carried_by_who_is_not_needed(self, table):
        shares = {share.link: share.share for share in table.attribution["withdrawals"].shares}
        assert shares["longs"] == 0
        assert shares["makers-withdraw"] + shares["shock"] == 4


class TestFailures:
    def test_a_run_that_fails_loses_its_pair_and_its_shares_only(self, table, monkeypatch):
        scenario = tinystory.scenario

        def broken(scale="small", *, seed, off=(), parameters=None):
            if seed == 20251011 and tuple(off) == ("shock",):
                raise RuntimeError("a story's mistake")
            return scenario(scale, seed=seed, off=off, parameters=parameters)

        monkeypatch.setattr(tinystory, "scenario", broken)
        found = counterfactuals(tinystory, seeds=SEEDS, workers=1)
        assert [str(each) for each in found.failures] == [
            "seed 20251011, without shock: RuntimeError: a story's mistake"
        ]
        assert found.effects["shock"]["fall"].pairs == SEEDS - 1
        assert found.effects["longs"] == table.effects["longs"]
        assert found.seeds == table.seeds

    def test_a_figure_that_is_none_is_told_by_nobody(self, monkeypatch):
        outcomes = tinystory.outcomes
        monkeypatch.setattr(
            tinystory, "outcomes", lambda part: outcomes(part) | {"fall": float("nan"), "fall_spot": None}
        )
        found = counterfactuals(tinystory, seeds=2, switches=["shock"], workers=1)
        assert found.effects["shock"]["fall"].pairs == found.effects["shock"]["fall_spot"].pairs == 0
        assert found.attribution["fall"].to_json()["total"] is None
        json.dumps(found.to_json(), allow_nan=False)

    def test_ctrl_c_leaves_the_seeds_that_are_whole(self, table):
        def ended(index, total, run):
            if run.seed == 20251012 and run.off == ("shock",):
                raise KeyboardInterrupt

        found = counterfactuals(tinystory, seeds=SEEDS, workers=1, finished=ended)
        assert (found.interrupted, found.seeds) == (True, table.seeds[:2])
        assert found.effects["longs"]["fall"].pairs == 2

    @pytest.mark.parametrize(
        ("arguments", "field"),
        [
            ({"scale": "huge"}, "scale"),
            ({"switches": ["gravity"]}, "off"),
            ({"parameters": {"gravity": 1}}, "parameters"),
            ({"seeds": 0}, "seeds"),
            ({"seeds": [1, 1]}, "seeds"),
            ({"order_pairs": -1}, "order_pairs"),
            ({"workers": 0}, "workers"),
        ],
    )
    def test_what_there_is_not_is_refused_before_anything_runs(self, arguments, field):
        with pytest.raises(InputError) as error:
            counterfactuals(tinystory, **arguments)
        assert error.value.field == field

    def test_a_story_without_statistics_is_refused(self):
        with pytest.raises(InputError) as error:
            score("two-venues")
        assert error.value.field == "scenario"


class TestShown:
    def test_json_is_plain(self, table):
        told = json.loads(json.dumps(table.to_json(), allow_nan=False))
        assert told["seeds"] == seed_list(SEEDS)
        entry = told["switches"]["shock"]["outcomes"]["fall"]
        assert set(entry) == {"pairs", "base", "without", "difference", "low", "high", "same_sign"}
        link = told["attribution"]["fall"]["links"]["shock"]
        assert set(link) == {"share", "error", "alone", "alone_low", "alone_high"}
        assert told["orders_per_seed"] == 2
        first = table.rows()[0]
        assert (first["switch"], first["outcome"]) == ("makers-withdraw", "fall")
        effect = told["switches"]["makers-withdraw"]["outcomes"]["fall"]
        assert first["off"] == effect["without"]
        assert (first["difference"], first["low"]) == (effect["difference"], effect["low"])
        assert len(table.rows()) == 4 * 6
        assert told["verdict"]["fits"] in {MEASURED, POPULAR, NEITHER}

    def test_people_see_tables_and_words(self, table):
        console = Console(file=io.StringIO(), width=200)
        console.print(table)
        shown = console.file.getvalue()
        for text in (shown, str(table)):
            assert "makers-withdraw" in text
            assert "Shapley share" in text
            assert table.verdict.words[-1] in text
        assert str(table).count("\n  shock | ") == 2

    def test_a_failure_is_told_to_who_counts(self, monkeypatch):
        monkeypatch.setattr(tinystory, "outcomes", lambda part: {}["nothing"])
        seen = []
        found = counterfactuals(
            tinystory, seeds=1, switches=[], order_pairs=0, workers=1, finished=lambda *run: seen.append(run)
        )
        assert [(index, total, type(entry)) for index, total, entry in seen] == [(0, 1, Failure)]
        assert found.outcomes == []


# ---- the verdict, from made-up runs ----------------------------------------------------------------------------------

RULE = Rule(
    alts_low_minute="alts",
    depeg_low_minutes=("usde", "wbeth"),
    alts_fall="fall",
    loops="loops",
    own_book="own-book",
    withdrawal="withdraw",
)
JITTER = (-0.4, 0.3, 0.1, -0.1, 0.2, -0.1)


def made_up(fall, alts=35.0, usde=55.0, wbeth=56.0, spread=1.0):
    return [
        {"fall": fall + spread * jitter, "alts": alts + jitter, "usde": usde - jitter, "wbeth": wbeth + 2 * jitter}
        for jitter in JITTER
    ]


def verdict(base, *, loops=70.0, own_book=70.0, withdraw=70.0, spread=0.5):
    falls = {"loops": loops, "own-book": own_book, "withdraw": withdraw}
    return judge(RULE, base, {name: made_up(fall, spread=spread) for name, fall in falls.items()})


class TestVerdict:
    def test_the_measured_order_is_reached(self):
        found = verdict(made_up(70.0), loops=69.8, withdraw=40.0)
        assert found.fits == MEASURED
        assert found.answers == {
            "order": "measured",
            "loops": "nothing",
            "own_book": "nothing",
            "withdrawal": "carries",
        }
        assert found.words[0].endswith("the altcoins come first.")
        assert found.words[-1].startswith("The measured order fits")

    @pytest.mark.parametrize("carrier", ["loops", "own_book"])
    def test_the_popular_order_is_reached(self, carrier):
        found = verdict(made_up(70.0, usde=20.0, wbeth=25.0), **{carrier: 45.0})
        assert (found.fits, found.answers["order"], found.answers[carrier]) == (POPULAR, "popular", "carries")
        assert found.words[-1].startswith("The popular order fits")

    @pytest.mark.parametrize(
        ("base", "changes", "why"),
        [
            (made_up(70.0), {"loops": 45.0, "withdraw": 40.0}, "the loops and the makers' withdrawal"),
            (made_up(70.0), {}, "none of the three"),
            (made_up(70.0, usde=20.0, wbeth=25.0), {"withdraw": 40.0}, "the depeg comes first"),
            (made_up(70.0, usde=20.0), {"withdraw": 40.0}, "nothing comes first in all"),
        ],
    )
    def test_anything_else_is_neither_and_says_why(self, base, changes, why):
        found = verdict(base, **changes)
        assert found.fits == NEITHER
        assert why in found.words[-1]

    def test_a_change_below_what_is_material_carries_nothing(self):
        found = verdict(made_up(70.0), loops=69.1, spread=1.0)  # the same jitter: an interval without width
        assert found.answers["loops"] == "nothing"
        assert "less than 1" in found.words[1]
        assert verdict(made_up(70.0), loops=68.9, spread=1.0).answers["loops"] == "carries"

    def test_a_change_within_its_interval_carries_nothing_but_the_withdrawal_must_outweigh_it(self):
        wild = [{"fall": 67.0 + 40 * jitter} for jitter in JITTER]
        without = {"loops": wild, "own-book": made_up(70.0), "withdraw": made_up(66.0)}
        found = judge(RULE, made_up(70.0), without)
        assert (found.answers["loops"], found.fits) == ("nothing", NEITHER)
        assert "its interval holds 0" in found.words[1]
        assert "does not outweigh" in found.words[-1]
        assert judge(RULE, made_up(70.0), without | {"withdraw": made_up(20.0)}).fits == MEASURED

    def test_a_fall_that_is_deeper_without_a_link_is_not_carried_by_it(self):
        assert verdict(made_up(70.0), loops=80.0).answers["loops"] == "nothing"

    def test_too_few_runs_say_nothing(self):
        one = made_up(70.0)[:1]
        found = judge(RULE, one, dict.fromkeys(RULE.switches, one))
        assert found.fits == NEITHER
        assert set(found.answers.values()) == {"untold"}
        assert judge(RULE, one, {}).answers["loops"] == "untold"
        assert judge(RULE, [], {}).fits == NEITHER

    def test_runs_that_tell_nothing_are_said_to(self):
        found = judge(RULE, [{}, {}], {name: [{}, {}] for name in RULE.switches})
        assert (found.fits, set(found.answers.values())) == (NEITHER, {"untold"})
        assert "nothing can be told" in found.words[0]
        assert all("nothing can be told" in told for told in found.words[1:-1])

    def test_runs_that_cannot_tell_are_left_out(self):
        base = [*made_up(70.0), {}]
        without = {name: [*made_up(40.0 if name == "withdraw" else 70.0), {}] for name in RULE.switches}
        assert judge(RULE, base, without).fits == MEASURED

    def test_the_tiny_story_has_one(self, table):
        assert table.verdict.answers["loops"] == "nothing"
        assert len(table.verdict.words) == 5

    def test_a_rule_names_at_least_one_depeg(self):
        for wrong in ((), "usde"):
            with pytest.raises(InputError) as error:
                Rule("a", wrong, "f", "l", "o", "w")
            assert error.value.field == "depeg_low_minutes"


def test_one_run_is_scored_by_its_own_values():
    part = build_part(tinystory.scenario(seed=20251010), "base")
    run_part(part)
    whole, card = score(tinystory, seeds=1, workers=1), card_of(tinystory, part)
    assert (card.lines, card.seeds, card.digests) == (whole.lines, whole.seeds, whole.digests)


def test_a_run_says_all_that_it_depends_on():
    one = run_task(RunTask("tinystory", "small", 5, asks=("outcomes", "statistics")))
    assert isinstance(one, StoryRun)
    assert one == run_task(RunTask("tinystory", "small", 5, asks=("outcomes", "statistics")))
    assert one.digest != run_task(RunTask("tinystory", "small", 6)).digest
    assert one.digest != run_task(RunTask("tinystory", "small", 5, ("noise",))).digest
    assert one.digest != run_task(RunTask("tinystory", "small", 5, parameters={"noise": 5})).digest
    assert one.digest != run_task(RunTask("tinystory", "small", 5, changes={"duration": "8s"})).digest
    assert one.statistics["untold"] is None
    assert one.cpu_s > 0
