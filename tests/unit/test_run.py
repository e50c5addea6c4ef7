"""A run of a scenario: parts, digest, figures, timeline, and what Ctrl-C leaves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine import InputError, InvariantError
from engine import run as engine_run
from engine.figures import part_figures, timeline_of
from engine.part import Part, build_part
from engine.run import RunResult, carry_out, new_result, run_scenario
from engine.scenarios import check_name, load, names, story_of, summary_of
from engine.testing.worlds import landmark_rows

NAME = "atom-flash-crash"
MASK64 = 2**64 - 1


def folded(digests):
    h = 0xCBF29CE484222325
    for digest in digests:
        h = ((h ^ digest) * 0x9E3779B97F4A7C15) & MASK64
        h ^= h >> 32
    return f"{h:016x}"


@pytest.fixture(scope="module")
def result():
    return run_scenario(NAME)


class BrokenWorld:
    """Fail the check of the invariants, and answer nothing after that, as the native world does."""

    now_ms = 5

    def __init__(self):
        self.is_broken = False

    def answer(self, value):
        if self.is_broken:
            raise InvariantError("it refuses to go on")
        return value

    def check_invariants(self):
        self.is_broken = True
        raise InvariantError("sums differ (L-2)")

    def balance(self, account, asset):
        return self.answer((-3, 0))

    def landmarks(self):
        return self.answer({"kind": np.zeros(1), "generation": np.zeros(1)})

    def counts(self):
        return self.answer({})

    def digest(self):
        return self.answer(0xABC)


class TestScenarios:
    def test_names_and_summaries(self):
        assert NAME in names()
        for name in names():
            scenario = load(name)
            assert scenario.name == name
            assert scenario.summary == summary_of(name) != ""

    def test_a_story_is_one_that_is_shipped(self):
        assert story_of(None) is None
        assert story_of(NAME).TIMELINE_PART == "endogenous"
        with pytest.raises(InputError, match="story: expected a story that is shipped"):
            story_of("os")

    @pytest.mark.parametrize("act", [load, check_name, run_scenario, new_result])
    def test_an_unknown_name_lists_the_known_ones(self, act):
        with pytest.raises(InputError, match="one of atom-flash-crash, october-2025, two-venues, was atom-flash"):
            act("atom-flash")

    @pytest.mark.parametrize("seed", [1.5, "1", True])
    def test_u7_the_seed_is_an_integer(self, seed):
        with pytest.raises(InputError, match="seed"):
            run_scenario(NAME, seed=seed)


class TestDigest:
    def test_the_parts_are_folded_in_order(self, result):
        digests = [part.simulation.world.digest() for part in result.parts.values()]
        assert list(result.parts) == ["exact", "exact-limit", "same-sell", "endogenous", "makers-stayed"]
        assert result.digest == folded(digests)
        assert result.digest != folded(reversed(digests))
        assert result.to_json()["digest"] == result.digest

    def test_no_part_no_word(self):
        assert RunResult(NAME, 1).digest == folded([])

    def test_another_seed_another_digest(self):
        class EnoughError(Exception):
            pass

        def stop(name, part):
            if name == "exact":
                raise EnoughError

        digests = set()
        for seed in (1, 2):
            some = new_result(NAME, seed)
            with pytest.raises(EnoughError):
                carry_out(some, finished=stop)
            digests.add(some.digest)
        assert len(digests) == 2


class TestFigures:
    def test_what_the_issue_asks_for(self, result):
        out = result.to_json()
        assert out["prints_equal"] == 71
        assert out["low"]["exact"] < out["low"]["endogenous"] < out["low"]["makers_stayed"]
        assert list(out["low"]) == ["exact", "endogenous", "makers_stayed"]
        assert (out["scenario"], out["seed"], out["interrupted"]) == (NAME, load(NAME).seed, False)
        assert {part["invariants"] for part in out["figures"].values()} == {"hold"}

    def test_json_takes_it_all_and_gives_it_back(self, result):
        out = result.to_json()
        assert json.loads(json.dumps(out))["figures"].keys() == out["figures"].keys()

    def test_part_figures_agree_with_the_world(self, result):
        part = result.parts["endogenous"]
        figures, world = part_figures(part), part.simulation.world
        assert figures["now_ms"] == part.until_ms == world.now_ms
        assert figures["digest"] == f"{world.digest():016x}"
        assert figures["counts"]["trades"] == len(world.trades())
        assert figures["low"] == float(part.low)
        assert figures["liquidations"] == sum(figures["liquidations_by_generation"].values()) >= 20
        assert list(figures["liquidations_by_generation"]) == sorted(figures["liquidations_by_generation"], key=int)
        kinds = [row[1] for row in landmark_rows(world)]
        assert [figures[name] for name in ("withdrawals", "returns", "liquidations", "liquidation_steps")] == [
            kinds.count(kind) for kind in (2, 3, 5, 6)
        ]
        bad_debt = -world.balance(2, part.market.quote.number)[0]
        assert figures["bad_debt"] == bad_debt / 10**6 > 0

    def test_a_part_without_a_trade_has_no_low(self):
        part = build_part(load(NAME), "exact")
        assert part_figures(part)["low"] is None
        assert part_figures(part)["lows"] == {"ATOM/USDT": None}

    def test_a_broken_invariant_is_a_figure_and_the_digest_is_from_before(self, result):
        real = result.parts["exact"]
        stub = BrokenWorld()

        class Broken:
            known = {"assets": real.simulation.assets, "lenders": {}, "own_accounts": {0: 0}}
            simulation = type("Simulation", (), {"world": stub, **known})
            market, lows = real.market, {real.market.name: None}

        some = RunResult(NAME, 1, parts={"broken": Broken()})
        out = some.to_json()
        assert stub.is_broken
        assert out["figures"]["broken"]["invariants"] == "sums differ (L-2)"
        assert out["figures"]["broken"]["digest"] == f"{0xABC:016x}"
        assert out["digest"] == folded([0xABC])


class TestTimeline:
    def test_moments_are_in_order_and_tell_the_story(self, result):
        times = [time_s for time_s, _ in result.timeline]
        assert times == sorted(times)
        told = [what for _, what in result.timeline]
        story = ["first shock", "first withdrawal", "first liquidation", "LOW", "first recovery"]
        at = [next(i for i, what in enumerate(told) if what.startswith(word)) for word in story]
        assert at == sorted(at)
        low = result.story_figures["low"]["endogenous"]
        assert any(what.startswith("LOW") and float(what.split()[1]) == low for what in told)
        assert result.to_json()["timeline"] == [{"time_s": t, "what": what} for t, what in result.timeline]

    def test_a_part_where_nothing_happened_has_no_moments(self):
        assert timeline_of(build_part(load(NAME), "exact")) == []


class TestInterrupt:
    @pytest.mark.parametrize("at", ["exact", "same-sell", "makers-stayed"])
    def test_the_parts_before_it_stay_readable(self, result, at):
        def interrupt(part):
            if part == at:
                raise KeyboardInterrupt

        cut = run_scenario(NAME, progress=interrupt)
        done = list(result.parts)[: list(result.parts).index(at)]
        assert cut.interrupted
        assert list(cut.parts) == done
        out = cut.to_json()
        assert out["interrupted"] is True
        assert out["figures"] == {name: result.to_json()["figures"][name] for name in done}
        assert "prints_equal" not in out

    def test_the_running_part_is_there_with_what_it_did(self, monkeypatch):
        class Stops:
            """Stand in for a simulation; run half of it, then be interrupted."""

            def __init__(self, simulation):
                self.world = simulation.world

            def run(self, *, until_ms):
                self.world.run(until_ms // 2)
                raise KeyboardInterrupt

        def stops(name, simulation, until_ms, spill_rows):
            if name == "same-sell":
                simulation.run = Stops(simulation).run
            return Part(name, simulation, until_ms, spill_rows)

        monkeypatch.setattr(engine_run, "Part", stops)
        cut = run_scenario(NAME)
        assert cut.interrupted
        assert list(cut.parts) == ["exact", "exact-limit", "same-sell"]
        assert cut.to_json()["figures"]["same-sell"]["now_ms"] == 5_000  # of 10,000

    def test_finished_is_called_after_each_part_before_the_next(self):
        seen = []
        done = new_result(NAME, 1)
        carry_out(
            done,
            progress=lambda name: seen.append(("begins", name)),
            finished=lambda name, part: seen.append(("ended", name, part.simulation.world.now_ms == part.until_ms)),
        )
        want = []
        for name in done.parts:
            want += [("begins", name), ("ended", name, True)]
        assert seen == want
