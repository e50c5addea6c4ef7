"""What a run hands back: tables, lineage, figures; runs side by side; a simulation that knows its clock and its end."""

from __future__ import annotations

import pickle

import pytest
from scenarioagents import Broken, Buyer, Crowd
from scenariokit import SMALL

import engine as en
from engine import AgentError, InputError
from engine.part import Part
from engine.run import run_scenario
from engine.scenario import Scenario

TABLES = ("trades", "orders", "quotes", "depth", "samples", "prices", "accounts", "movements", "journal", "landmarks")


@pytest.fixture(scope="module")
def small():
    return Scenario.from_toml(SMALL)


@pytest.fixture(scope="module")
def run(small):
    return small.run()


@pytest.fixture(scope="module")
def calm(small):
    return small.but({"events.*.enabled": False}).run()


class TestRun:
    def test_a_run_of_one_part_has_its_tables_lineage_and_figures(self, run):
        part = run["base"]
        for name in TABLES:
            assert (
                len(getattr(run, name))
                == len(getattr(part, name))
                == len(part.tables[name] if name != "landmarks" else part.landmarks)
            )
        assert len(run.trades) == run.figures["counts"]["trades"] > 0
        assert sum(run.lineage.generations().values()) == run.figures["liquidations"] > 0
        assert run.figures["digest"] == part.digest == f"{part.simulation.world.digest():016x}"
        assert run.part is part

    def test_a_run_of_several_parts_asks_which_one(self, small):
        both = small.run(parts=["base", "calm"])
        assert len(both["calm"].trades) < len(both["base"].trades)
        for name in ("trades", "lineage", "figures"):
            with pytest.raises(InputError, match="one of the run's parts"):
                getattr(both, name)
        with pytest.raises(InputError, match="part: expected one of base, calm"):
            both["clam"]

    def test_the_digest_is_the_same_each_time(self, small, run):
        assert small.run().digest == run.digest == run_scenario(small).digest


class TestCompare:
    def test_figures_stand_side_by_side(self, run, calm):
        both = en.compare(run, calm)
        assert both.names == ("run 1", "run 2")
        assert both["low COIN-PERP"] == (run.figures["low"], calm.figures["low"])
        assert both["liquidations"][0] > both["liquidations"][1] == 0
        assert both["digest"] == (run["base"].digest, calm["base"].digest)
        assert {"trades", "withdrawals", "notices", "cancel_misses"} < set(both.rows)
        assert "liquidations" in both.changed

    def test_a_table_for_people_and_one_for_machines(self, run, calm):
        both = en.compare(run, calm, names=["sale", "calm"])
        lines = str(both).splitlines()
        assert lines[0].split() == ["sale", "calm"]
        assert any(line.split() == ["liquidations", *map(str, both["liquidations"])] for line in lines)
        assert both.to_json()["figures"]["trades"] == list(both["trades"])

    def test_the_parts_of_one_run_keep_their_names(self, small):
        assert en.compare(small.run(parts=["calm", "brave"])).names == ("calm", "brave")

    def test_parts_and_runs_mix(self, run, calm):
        assert en.compare(run["base"], calm)["trades"] == en.compare(run, calm)["trades"]

    def test_what_is_no_run_is_refused(self, run, calm):
        for wrong, said in (((run,), "at least two"), ((run, 1), "results of a run")):
            with pytest.raises(InputError, match=said):
                en.compare(*wrong)
        with pytest.raises(InputError, match="names: expected one for each of the 2 parts"):
            en.compare(run, calm, names=["one"])
        with pytest.raises(InputError, match="figure: expected one of low"):
            en.compare(run, calm)["lows"]


class TestSimulation:
    def test_it_runs_until_a_clock_time_and_then_to_the_end(self, small, run):
        sim = small.simulation()
        sim.run(until="20:45:05")
        assert sim.world.now_ms == 5_000
        sim.run(until="7s")
        assert sim.world.now_ms == 7_000
        part = sim.run()
        assert isinstance(part, Part)
        assert (part.digest, len(part.trades)) == (run["base"].digest, len(run.trades))
        assert part.figures["liquidations"] == run.figures["liquidations"]

    def test_futures_are_forked_before_the_sale(self, small, run):
        sim = small.simulation()
        sim.run(until="20:45:04")
        futures = [sim.fork(seed=seed).run() for seed in range(3)]
        assert len({part.digest for part in futures}) == 3
        assert sim.fork().run().digest == sim.run().digest == run["base"].digest

    def test_a_restored_one_knows_its_clock_too(self, small, run):
        sim = small.simulation()
        sim.run(until="3s")
        again = en.Simulation.restore(sim.snapshot())
        again.run(until="20:45:10")
        assert again.world.now_ms == 10_000
        assert again.run().digest == run["base"].digest

    @pytest.mark.parametrize(
        ("times", "said"),
        [
            ({"until": "noon"}, "until: expected a duration such as"),
            ({"until": "1s", "until_ms": 1}, "one of until and until_ms"),
        ],
    )
    def test_a_time_that_is_none_is_refused(self, small, times, said):
        with pytest.raises(InputError, match=said):
            small.simulation().run(**times)

    def test_one_of_its_own_has_no_clock_and_no_end(self):
        sim = en.Simulation(seed=1)
        for times in ({"until": "20:45"}, {}):
            with pytest.raises(InputError, match="only a scenario's simulation"):
                sim.run(**times)
        sim.run(until="1s")
        assert sim.world.now_ms == 1_000


class TestPythonAgents:
    """A class by its name or itself, or an agent that is made already."""

    MONEY = {"EUR": "1M", "COIN": "100k"}

    def with_agent(self, agent, **options):
        scenario = Scenario.from_toml(SMALL)
        scenario.add(agent, "mine", on=["COIN/EUR"], brings=self.MONEY, **options)
        return scenario

    def with_class(self, **fields):
        scenario = Scenario.from_toml(SMALL)
        scenario.add(en.PythonAgents(["COIN/EUR"], brings=self.MONEY, **fields), "mine")
        return scenario

    def test_a_class_is_data(self):
        scenario = self.with_class(agent=Buyer, parameters={"lots": 7})
        assert scenario.populations["mine"].agent == "scenarioagents:Buyer"
        assert Scenario.from_toml(scenario.to_toml()) == scenario
        assert (
            scenario.run().digest == self.with_class(agent="scenarioagents:Buyer", parameters={"lots": 7}).run().digest
        )

    def test_an_agent_runs_as_a_copy_and_hears_of_the_end(self):
        mine = Buyer(lots=7)
        scenario = self.with_agent(mine)
        one = scenario.run()
        assert (mine.bought, mine.has_ended) == (0, False)  # it is a copy that runs
        assert one.digest == scenario.run().digest == self.with_class(agent=Buyer, parameters={"lots": 7}).run().digest
        assert scenario.but({"populations.mine.link": {"base": "3ms"}}).run().digest != one.digest
        assert pickle.loads(pickle.dumps(scenario)).run().digest == one.digest

    def test_the_end_of_a_run_is_told_once(self):
        ends = []

        class Watcher(en.Agent):
            def on_end(self, context):
                ends.append(context.time_ms)

            def __deepcopy__(self, _):
                return self

        sim = self.with_agent(Watcher()).simulation()
        sim.run(until="5s")
        assert ends == []
        sim.run()
        sim.run()
        assert ends == [20_000]

    def test_an_array_runs_for_all_members(self):
        scenario = self.with_agent(Crowd(), count=4)
        journal = scenario.run().journal
        mine = [n for n, name in scenario.simulation().accounts.items() if name.startswith("mine")]
        assert len(mine) == 4
        assert all((journal["account"] == account).sum() > 0 for account in mine)

    def test_an_agent_that_is_made_is_no_data(self):
        scenario = self.with_agent(Buyer())
        with pytest.raises(InputError, match=r"populations.mine.agent: expected a class"):
            scenario.to_toml()
        assert scenario.run().to_json()["scenario_digest"] is None

    def test_what_is_no_agent_is_refused(self):
        class Local(en.Agent):
            pass

        for wrong in (Local, 1, "no class"):
            with pytest.raises(InputError, match="agent: expected a class"):
                self.with_class(agent=wrong)
        with pytest.raises(InputError, match="options: expected none but for a Python agent"):
            Scenario.from_toml(SMALL).add(en.Account(), on=["COIN/EUR"])

    def test_its_own_mistake_is_told_with_its_name(self):
        with pytest.raises(AgentError, match=r"'mine'.*ZeroDivisionError: a mistake of mine"):
            self.with_class(agent=Broken).run()
