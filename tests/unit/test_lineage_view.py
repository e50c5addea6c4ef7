"""The view of a run's causes: landmarks by kind, chains, generations, and the lines of `why`."""

from __future__ import annotations

import pytest

from engine import InputError, Side
from engine.lineage import LandmarkKind, Lineage, Mover, MoverKind
from engine.simulation import Simulation
from engine.testing.worlds import landmark_rows, rows_of, small_world


def fall():
    """Let a shock of 10 lots at 150 ms push one long over the edge; marks at 100, 200, ... ms.

    Bids 98 x 10, 90 x 100; an ask at 102. The shock takes 98, so the mid is (90 + 102) / 2 = 96, the last price 98, the
    mark 96; the long (20 lots at 100) has 260 - 80 = 180 and needs 10 % of 1,920.
    """
    sim = Simulation(seed=1, stage="1", stage_interval_ms=50)
    unit = sim.asset("UNIT", decimals=0, supply=10**12)
    market = sim.perpetual("PERP", unit, tick="1", lot="1", maintenance="0.1")
    sim.world.add_mark(market.number, every_ms=100, lag_ms=0)
    maker, long, seller = (
        sim.account(name, UNIT=units) for name, units in (("maker", 10**9), ("long", 260), ("seller", 10**9))
    )
    for price, quantity in ((98, 10), (90, 100)):
        sim.place(maker, market, Side.BUY, price, quantity, at_ms=0)
    sim.place(maker, market, Side.SELL, 102, 100, at_ms=0)
    sim.world.open_trade(market.number, long, maker, 20, 100)
    sim.world.add_shock(seller, market.number, Side.SELL, 10, at_ms=150)
    sim.run(until_ms=400, check=True)
    return long, seller, sim.world, sim


@pytest.fixture(scope="module")
def story():
    return fall()


@pytest.fixture(scope="module")
def cascade():
    twin = small_world()
    twin.native.run(6_000)
    return twin.native


class TestRows:
    def test_g1_row_0_is_the_background_and_ids_are_rows(self, story):
        lineage = Lineage(story[2])
        assert lineage.landmarks["kind"][0] == LandmarkKind.BACKGROUND
        assert lineage.landmarks["id"].tolist() == list(range(len(lineage.landmarks)))

    def test_rows_are_those_of_the_world(self, cascade):
        lineage = Lineage(cascade)
        raw = landmark_rows(cascade)
        for landmark_id in range(1, len(raw)):
            *row, mover = lineage.landmark(landmark_id)
            assert (landmark_id, *raw[landmark_id][:8]) == tuple(row)
            assert mover == (None if raw[landmark_id][8] is None else Mover(*raw[landmark_id][8]))
        assert {type(lineage.landmark(1).kind), type(lineage.landmark(1).time_ms)} == {LandmarkKind, int}
        assert rows_of(lineage.causes) == rows_of(cascade.causes())

    def test_g1_columns_have_the_width_that_they_need(self, cascade):
        table = Lineage(cascade).landmarks
        assert {name: table[name].dtype.str[1:] for name in table.names} == {
            **dict.fromkeys(("time_ms", "value", "mover_time_ms", "mover_number"), "i8"),
            **dict.fromkeys(("id", "number", "parent", "generation", "mover_cause"), "u4"),
            **dict.fromkeys(("account", "mover_account"), "i4"),
            **dict.fromkeys(("kind", "mover_kind"), "u1"),
            "market": "u2",
        }
        nobody = table["mover_kind"] == MoverKind.NONE
        assert set(table["mover_account"][nobody].tolist()) == {-1}

    def test_of_kind_keeps_the_order_and_leaves_the_background_out(self, cascade):
        lineage = Lineage(cascade)
        found = {kind: lineage.of_kind(kind) for kind in LandmarkKind}
        assert found[LandmarkKind.BACKGROUND] == []
        assert sum(map(len, found.values())) == len(lineage.landmarks) - 1
        for rows in found.values():
            assert [row.id for row in rows] == sorted(row.id for row in rows)

    def test_later_landmarks_do_not_appear(self):
        twin = small_world()
        twin.native.run(1_000)
        early = Lineage(twin.native)
        twin.native.run(6_000)
        assert len(early.landmarks) < len(Lineage(twin.native).landmarks)


class TestChain:
    def test_g5_from_the_step_to_the_shock(self, story):
        lineage = Lineage(story[2])
        (step,) = lineage.of_kind(LandmarkKind.STEP)
        kinds = [row.kind for row in lineage.chain(step.id)]
        assert kinds == [LandmarkKind.STEP, LandmarkKind.LIQUIDATION, LandmarkKind.PUBLICATION, LandmarkKind.SHOCK]

    def test_a_root_is_its_own_chain(self, story):
        lineage = Lineage(story[2])
        (shock,) = lineage.of_kind(LandmarkKind.SHOCK)
        assert lineage.chain(shock.id) == [shock]

    def test_g6_every_chain_ends_at_a_root(self, cascade):
        lineage = Lineage(cascade)
        for row in (lineage.landmark(landmark_id) for landmark_id in range(1, len(lineage.landmarks))):
            chain = lineage.chain(row.id)
            assert chain[0] == row
            assert chain[-1].parent == 0
            assert [upper.id for upper in chain[1:]] == [lower.parent for lower in chain[:-1]]

    @pytest.mark.parametrize("landmark_id", [0, -1, 10**6])
    def test_no_such_landmark(self, story, landmark_id):
        with pytest.raises(InputError, match="landmark_id"):
            Lineage(story[2]).chain(landmark_id)
        with pytest.raises(InputError, match="landmark_id"):
            Lineage(story[2]).why(landmark_id)


class TestGenerations:
    def test_g7_one_generation(self, story):
        assert Lineage(story[2]).generations() == {1: 1}

    def test_g7_counts_are_those_of_the_chains(self, cascade):
        lineage = Lineage(cascade)
        counted: dict[int, int] = {}
        for row in lineage.of_kind(LandmarkKind.LIQUIDATION):
            above = sum(ancestor.kind == LandmarkKind.LIQUIDATION for ancestor in lineage.chain(row.id))
            counted[above] = counted.get(above, 0) + 1
        assert lineage.generations() == counted
        assert list(lineage.generations()) == sorted(counted)
        assert max(counted) >= 2

    def test_a_run_without_liquidations_has_none(self):
        assert Lineage(small_world().native).generations() == {}


class TestWhy:
    def test_the_lines(self, story):
        long, seller, world, _ = story
        lineage = Lineage(world)
        (step,) = lineage.of_kind(LandmarkKind.STEP)
        moved = f"moved by the TRADE of account {seller}'s order 1 at 0.150 s"
        assert lineage.why(step.id) == [
            f"0.200 s  STEP of account {long} (market 0, value {step.value})",
            f"0.200 s  LIQUIDATION of account {long} (market 0, value {lineage.landmark(step.parent).value})",
            f"0.200 s  PUBLICATION (market 0, value 96), {moved}",
            f"0.150 s  SHOCK of account {seller} (market 0, value 10)",
        ]

    def test_the_lines_have_names_and_units_with_a_simulation(self, story):
        lineage = Lineage(story[3])
        (step,) = lineage.of_kind(LandmarkKind.STEP)
        equity = lineage.landmark(step.parent).value
        assert lineage.why(step.id) == [
            f"0.200 s  STEP of long (PERP, {step.value} to trade)",
            f"0.200 s  LIQUIDATION of long (PERP, equity {equity} UNIT)",
            "0.200 s  PUBLICATION (PERP at 96), moved by the TRADE of seller's order 1 at 0.150 s",
            "0.150 s  SHOCK of seller (PERP, 10 to trade)",
        ]

    def test_one_line_for_each_landmark_of_the_chain(self, cascade):
        lineage = Lineage(cascade)
        last = lineage.of_kind(LandmarkKind.LIQUIDATION)[-1]
        lines = lineage.why(last.id)
        assert len(lines) == len(lineage.chain(last.id))
        assert "LIQUIDATION" in lines[0]
