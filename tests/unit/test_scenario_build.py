"""What a scenario becomes in the native world. The kinds of populations have a file of their own."""

from __future__ import annotations

import pytest
from scenariokit import SMALL, changed

from engine import InputError, _core
from engine.lineage import LandmarkKind, Lineage
from engine.part import build_part
from engine.run import run_scenario
from engine.scenario import Scenario


@pytest.fixture(scope="module")
def small():
    return Scenario.from_toml(SMALL)


def journal_of(sim):
    table = sim.world.journal()
    return [
        dict(zip(table.names, row, strict=True))
        for row in zip(*(table[name].tolist() for name in table.names), strict=True)
    ]


class TestWorld:
    def test_accounts_are_numbered_in_the_order_of_the_file(self, small):
        names = list(small.simulation().accounts.values())
        assert names[:4] == ["fees", "insurance fund", "bad debt", "opener"]
        assert names[4:8] == ["makers 0", "makers 1", "makers 2", "makers 3"]
        assert names[8:12] == ["old-spot", "old-perp", "shorts", "longs 0"]
        assert names[-4:] == ["noise 0", "noise 1", "fall", "fall-spot"]

    def test_holders_are_balanced_and_leveraged_as_drawn(self, small):
        sim = small.simulation()
        perp = sim.markets["COIN-PERP"]
        longs = [number for number, name in sim.accounts.items() if name.startswith("longs ")]
        shorts = next(number for number, name in sim.accounts.items() if name == "shorts")
        lots = [sim.world.position(account, perp.number)[0] for account in longs]
        assert sum(lots) == -sim.world.position(shorts, perp.number)[0] > 0
        leverages = _core.draw_law("uniform", 5.0, 20.0, small.seed, "longs", 100, 0)
        for account, leverage, held in zip(longs, leverages, lots, strict=True):
            deposit, _ = sim.world.balance(account, perp.quote.number)
            worth = held * 10_000 * perp.atoms_per_tick_lot
            assert worth / deposit == pytest.approx(leverage, rel=1e-3)

    def test_a_short_holder_is_the_seller(self, small):
        sim = Scenario.from_toml(changed(('long = "COIN-PERP"', 'short = "COIN-PERP"'))).simulation()
        shorts = next(number for number, name in sim.accounts.items() if name == "shorts")
        assert sim.world.position(shorts, sim.markets["COIN-PERP"].number)[0] > 0

    def test_a_shock_sells_its_amount_in_slices(self, small):
        part = build_part(small, "base")
        part.simulation.run(until_ms=part.until_ms)
        world = part.simulation.world
        assert len(Lineage(world).of_kind(LandmarkKind.SHOCK)) == 2
        account = next(number for number, name in part.simulation.accounts.items() if name == "fall")
        orders = [row for row in journal_of(part.simulation) if row["account"] == account and row["kind"] == 3]
        assert len(orders) == 10  # one each 100 ms of the second
        assert orders[0]["time_ms"] == 5_000
        assert sum(row["qty"] for row in orders) == 200_000_000  # 2 M EUR at 10.000: 200,000 COIN

    def test_rows_arrive_at_their_place_and_are_cancelled(self):
        row = '{ at = "3ms", side = "buy", price = "9.5", quantity = "1", cancel_after = "2ms" }'
        event = (
            '[events.rows]\nkind = "orders"\naccount = "opener"\nmarket = "COIN/EUR"\nat = "1s"\nevery = "10ms"\n'
            f"rows = [{row}, {row}]\n"
        )
        sim = Scenario.from_toml(SMALL + event).simulation()
        sim.run(until_ms=1_100)
        opener = next(number for number, name in sim.accounts.items() if name == "opener")
        told = [
            (row["time_ms"], row["kind"]) for row in journal_of(sim) if row["account"] == opener and row["time_ms"] > 0
        ]
        assert told == [(1_003, 3), (1_005, 4), (1_013, 3), (1_015, 4)]

    def test_a_parameter_that_is_a_law_is_drawn_for_each_member(self):
        def depth(text):
            sim = Scenario.from_toml(text).simulation()
            sim.run(until_ms=1_000)
            return sim.world.depth(0)

        fixed = changed(('"uniform(6bps, 10bps)"', '"8bps"'))
        assert depth(SMALL) != depth(fixed)
        assert depth(SMALL) == depth(
            changed(('"uniform(6bps, 10bps)"', '{ law = "uniform", low = "6bps", high = 0.001 }'))
        )

    def test_deposits_may_be_drawn(self):
        sim = Scenario.from_toml(
            changed(('brings = { EUR = "1M", COIN', 'brings = { EUR = "pareto(1M, 2)", COIN'))
        ).simulation()
        noise = [number for number, name in sim.accounts.items() if name.startswith("noise ")]
        one, other = (sim.world.balance(account, 0)[0] for account in noise)
        assert one != other
        assert min(one, other) >= 10**12

    def test_stale_orders_rest_on_the_side_that_is_asked_for(self):
        stale = (
            '[populations.old]\nkind = "stale"\nmarket = "COIN/EUR"\nside = "buy"\ncount = 20\n'
            'distance = "uniform(5%, 50%)"\nnotional = "1k"\nbrings = { EUR = "1M" }\n'
        )
        sim = Scenario.from_toml(SMALL + stale).simulation()
        sim.run(until_ms=0)
        old = next(number for number, name in sim.accounts.items() if name == "old")
        orders = [order for order in sim.world.orders(0) if order.owner == old]
        assert len(orders) == 20
        assert {order.side for order in orders} == {1}
        assert all(5_000 <= order.price_ticks <= 9_500 for order in orders)

    def test_a_draw_of_one_population_is_no_matter_of_another(self):
        more = SMALL.replace("[populations.noise]", '[populations.more]\nkind = "account"\n\n[populations.noise]')
        sims = [Scenario.from_toml(text).simulation() for text in (SMALL, more)]
        positions = [
            [sim.world.position(number, 1)[:2] for number, name in sim.accounts.items() if name.startswith("longs")]
            for sim in sims
        ]
        assert positions[0] == positions[1]


class TestRun:
    def test_any_scenario_runs_and_reports(self, small):
        result = run_scenario(small, parts=["base", "calm", "brave"])
        out = result.to_json()
        assert list(out["figures"]) == ["base", "calm", "brave"]
        for figures in out["figures"].values():
            assert figures["invariants"] == "hold"
            assert set(figures["lows"]) == {"COIN/EUR", "COIN-PERP"}
        assert out["figures"]["base"]["low"] == out["figures"]["base"]["lows"]["COIN-PERP"] < 10
        assert out["figures"]["base"]["liquidations"] > out["figures"]["calm"]["liquidations"] == 0
        assert out["figures"]["base"]["withdrawals"] > out["figures"]["brave"]["withdrawals"] == 0
        assert result.timeline_part == "base"
        assert any(what.startswith("first shock") for _, what in result.timeline)

    def test_a_scenario_has_its_base_as_its_part(self, small):
        assert list(run_scenario(small).parts) == ["base"]

    def test_somebody_who_watches_changes_no_byte(self, small):
        from engine.run import carry_out, new_result

        seen = []
        watched = new_result(small)
        carry_out(watched, watch=lambda part: seen.append(part.simulation.world.now_ms))
        assert watched.digest == run_scenario(small).digest
        assert seen == sorted(seen)
        assert seen[-1] == small.duration

    @pytest.mark.parametrize("parts", [[], ["calm", "calm"], ["mad"]])
    def test_parts_are_variants_each_once(self, small, parts):
        with pytest.raises(InputError):
            run_scenario(small, parts=parts)
