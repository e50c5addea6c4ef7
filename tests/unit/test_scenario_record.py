"""What `[record]` says is what the world records; a run folder takes the rows that memory does not keep."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from scenariokit import SMALL

import engine as en
from engine import InputError, cli
from engine.run import run_scenario
from engine.runfolder import RunFolder
from engine.scenario import Scenario

EVERYTHING = {
    "orders": True,
    "quotes": True,
    "quote_sizes": True,
    "last": True,
    "mid_every": "500ms",
    "depth_every": "1s",
    "depth_levels": 3,
    "accounts_every": "2s",
    "accounts": "all",
    "movements": True,
}


@pytest.fixture(scope="module")
def everything():
    return run_scenario(Scenario.from_toml(SMALL).but({f"record.{name}": value for name, value in EVERYTHING.items()}))


class TestSwitches:
    def test_they_are_those_of_the_world(self):
        recording = Scenario.from_toml(SMALL).simulation().world.recording()
        assert set(recording) == set(en.Record().switches())
        assert recording["samples_every_ms"] == 1_000  # as the file says
        assert (recording["trades"], recording["journal"], recording["orders"]) == (True, True, False)

    def test_every_table_has_rows_and_the_run_is_the_same(self, everything):
        for name in ("trades", "orders", "quotes", "depth", "samples", "prices", "accounts", "movements", "journal"):
            assert len(everything.tables[name]) > 0, name
        assert set(everything.prices["kind"].tolist()) == {1, 2, 4, 5}
        assert everything.depth["level"].max() == 2
        assert everything.digest == run_scenario(Scenario.from_toml(SMALL)).digest

    def test_movements_begin_with_the_first_deposit(self, everything):
        moved, sim = everything.movements, everything.part.simulation
        account = next(number for number, name in sim.accounts.items() if name == "noise 0")
        of_eur = moved["asset"] == 0
        got = moved["atoms"][of_eur & (moved["receiver"] == account)].sum()
        paid = moved["atoms"][of_eur & (moved["payer"] == account)].sum()
        assert got - paid == sim.world.balance(account, 0)[0]

    def test_what_is_off_has_no_rows(self):
        off = Scenario.from_toml(SMALL).but({"record.trades": False, "record.journal": False})
        run = run_scenario(off)
        assert len(run.trades) == len(run.journal) == 0
        assert run.figures["counts"]["trades"] > 0
        assert run.figures["low"] is None

    @pytest.mark.parametrize(
        ("path", "value", "said"),
        [
            ("record.quote_sizes", True, "record.quote_sizes: expected quotes = true too"),
            ("record.accounts", "some", "record.accounts"),
            ("record.depth_levels", 0, "record.depth_levels"),
            ("record.spill", -1, "record.spill"),
            ("record.depth_every", 250, "record.depth_every: expected a duration"),
        ],
    )
    def test_a_wrong_one_is_named(self, path, value, said):
        with pytest.raises(InputError, match=said):
            Scenario.from_toml(SMALL).but({path: value})


class TestSpill:
    def run(self, tmp_path, spill):
        (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
        args = ["run", tmp_path / "small.toml", "--out", tmp_path / "out", "--json", "--set", f"record.spill={spill}"]
        done = CliRunner().invoke(cli.main, [*map(str, args), "--set", "populations.noise.every=1ms"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def test_a_table_that_grows_large_goes_to_the_folder_while_the_run_goes_on(self, tmp_path):
        told = self.run(tmp_path, 8_192)
        journal = pq.ParquetFile(tmp_path / "out" / "base" / "journal.parquet")
        assert journal.num_row_groups > 2
        trades = pq.read_metadata(tmp_path / "out" / "base" / "trades.parquet").num_rows
        assert trades == told["figures"]["base"]["counts"]["trades"]
        assert told["figures"]["base"]["low"] < 10
        assert list((tmp_path / "out").rglob(".*")) == []

    def test_with_and_without_it_the_folder_says_the_same(self, tmp_path):
        read = []
        for spill in (8_192, 0):
            told = self.run(tmp_path, spill)
            rows = {
                name: pq.read_table(tmp_path / "out" / "base" / f"{name}.parquet") for name in told["tables"]["base"]
            }
            read.append((told["digest"], told["timeline"], told["tables"], rows))
        assert read[0][:3] == read[1][:3]
        for name, rows in read[0][3].items():
            assert rows.cast(read[1][3][name].schema).equals(read[1][3][name]), name

    def test_an_interrupted_part_keeps_what_it_has_spilled(self, tmp_path, monkeypatch):
        from engine import runfolder
        from engine.run import carry_out, new_result

        monkeypatch.setattr(runfolder, "EVENTS_AFTER_CTRL_C", 0)
        many = {"record.spill": 1, "populations.noise.every": "1ms"}
        result, folder = new_result(Scenario.from_toml(SMALL).but(many)), RunFolder(tmp_path)

        def stop(part):
            if part.simulation.world.counts()["events"] > 30_000:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            carry_out(result, built=folder.spill_part, watch=stop)
        result.interrupted = True
        folder.close(result)
        told = json.loads((tmp_path / "run.json").read_text())
        assert "journal" in told["tables"]["base"]
        assert "landmarks" not in told["tables"]["base"]
        rows = pq.read_metadata(tmp_path / "base" / "trades.parquet").num_rows
        assert rows == told["figures"]["base"]["counts"]["trades"] > 0


def test_run_json_counts_each_kind_of_message_and_says_what_was_run():
    told = run_scenario(Scenario.from_toml(SMALL).but({"populations.makers.mass_quotes": True})).to_json()
    counts = told["figures"]["base"]["counts"]
    for kind in ("orders", "cancels", "cancel_misses", "trades", "events", "notices", "mass_quotes"):
        assert counts[kind] >= 0
    assert counts["notices"] > counts["mass_quotes"] > 0
    assert set(told) >= {"seed", "digest", "scenario_digest", "versions"}
