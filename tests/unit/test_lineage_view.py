"""The view of a run's causes: landmarks by kind, chains, generations, and the lines of `why`."""

from __future__ import annotations

from collections import Counter

import pytest

from engine import InputError, Side
from engine.cascade import Volume
from engine.forest import Forest
from engine.lineage import LandmarkKind, Lineage, Mover, MoverKind
from engine.liquidation import staged
from engine.simulation import Simulation
from engine.testing.worlds import TwinWorld, landmark_rows, rows_of, small_world


def fall():
    """Let a shock of 10 lots at 150 ms push one long over the edge; marks at 100, 200, ... ms.

    Bids 98 x 10, 90 x 100; an ask at 102. The shock takes 98, so the mid is (90 + 102) / 2 = 96, the last price 98, the
    mark 96; the long (20 lots at 100) has 260 - 80 = 180 and needs 10 % of 1,920.
    """
    sim = Simulation(seed=1, liquidation=staged(1, every=50))
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
    sim.world.add_agents("shock", seller, 0, market=market.number, side=Side.SELL, qty_lots=10, start_ms=150)
    sim.run(until_ms=400, check=True)
    return long, seller, sim.world, sim


def quiet_fall():
    """Let an outsider's cancel at 150 ms take the mid from 100 to (80 + 102) / 2 = 91; nothing trades before it."""
    sim = Simulation(seed=1, liquidation=staged(1, every=50))
    unit = sim.asset("UNIT", decimals=0, supply=10**12)
    market = sim.perpetual("PERP", unit, tick="1", lot="1", maintenance="0.1")
    sim.world.add_mark(market.number, every_ms=100, lag_ms=0)
    standing, long, outsider = (
        sim.account(name, UNIT=units) for name, units in (("standing", 10**9), ("long", 260), ("outsider", 10**9))
    )
    sim.cancel(sim.place(outsider, market, Side.BUY, 98, 10, at_ms=0), at_ms=150)
    sim.place(standing, market, Side.BUY, 80, 100, at_ms=0)
    sim.place(standing, market, Side.SELL, 102, 100, at_ms=0)
    sim.world.open_trade(market.number, long, standing, 20, 100)
    sim.run(until_ms=240, check=True)
    return sim, outsider


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

    def test_g14_a_cancel_from_outside_is_no_withdrawal(self):
        sim, outsider = quiet_fall()
        (step,) = Lineage(sim).of_kind(LandmarkKind.STEP)
        published = Lineage(sim).why(step.id)[-1]
        assert published == ("0.200 s  PUBLICATION (PERP at 91), moved by the CANCEL of outsider's order 1 at 0.150 s")
        assert sim.accounts[outsider] == "outsider"

    def test_g6_several_causes_are_named_with_their_weights(self, story):
        lineage = Lineage(story[3])
        shock, publication, liquidation, step = range(1, 5)
        lineage.forest = Forest(
            lineage.landmarks["kind"],
            lineage.landmarks["time_ms"],
            child=[publication, publication, liquidation, step, step],
            parent=[shock, 0, publication, liquidation, shock],
            weight_ppm=[700_000, 300_000, 10**6, 999_999, 1],
        )
        lines = lineage.why(step)
        assert lines[0].endswith(
            "; caused by 99.9999 % the LIQUIDATION of long at 0.200 s, 0.0001 % the SHOCK of seller at 0.150 s"
        )
        assert "caused by" not in lines[1]
        assert lines[2].endswith("; caused by 70 % the SHOCK of seller at 0.150 s, 30 % the background")
        assert lineage.ancestors(step)[shock] == pytest.approx(0.999999 * 0.7 + 0.000001)


class TestFamily:
    def test_parents_and_children_are_two_sides_of_one_table(self, cascade):
        lineage = Lineage(cascade)
        pairs = {(row[0], row[1]) for row in rows_of(lineage.causes)}
        ids = range(1, len(lineage.landmarks))
        assert {(child, parent) for child in ids for parent, _ in lineage.parents(child)} == pairs
        assert {(child.id, parent) for parent in ids for child in lineage.children(parent)} == pairs

    def test_g6_g7_the_tree_is_that_of_the_recorded_parents_and_generations(self, cascade):
        lineage = Lineage(cascade)
        tree = lineage.tree()
        assert tree["parent"].tolist() == lineage.landmarks["parent"].tolist()
        assert tree["generation"].tolist() == lineage.landmarks["generation"].tolist()
        for landmark_id in range(1, len(lineage.landmarks)):
            chain = lineage.chain(landmark_id)
            assert (tree["root"][landmark_id], tree["depth"][landmark_id]) == (chain[-1].id, len(chain) - 1)
            # One cause each: every ancestor has the whole weight.
            assert lineage.ancestors(landmark_id) == {row.id: 1.0 for row in chain[1:]}

    @pytest.mark.parametrize("ask", ["landmark", "children", "parents", "ancestors"])
    def test_no_such_landmark(self, story, ask):
        lineage = Lineage(story[2])
        for landmark_id in (0, -1, 10**6, True, "1"):
            with pytest.raises(InputError, match="landmark_id"):
                getattr(lineage, ask)(landmark_id)


class TestFigures:
    def test_one_long_falls_to_one_shock(self, story):
        lineage = Lineage(story[3])
        (shock,) = lineage.of_kind(LandmarkKind.SHOCK)
        assert lineage.endogenous_share() == 0
        found = lineage.reproduction("100ms")
        assert (found.ratio.tolist(), found.horizon_ms, found.end_ms) == ([0.0], 0, 400)
        assert lineage.root_shares() == lineage.root_shares(0) == {shock.id: 1.0}

    def test_g12_amplification_is_counted_on_the_trades(self, story):
        # The shock sells 10 at 98; the step sells the long's 20 at 90.
        found = Lineage(story[2]).amplification()
        assert found.lots == {0: Volume(20, 10)}
        assert found.atoms == {0: Volume(20 * 90, 10 * 98)}
        assert found.ratio == 1_800 / 980

    def test_g11_forced_and_exogenous_are_the_trades_of_the_landmarks_own_accounts(self, cascade):
        rows = landmark_rows(cascade)
        table = cascade.trades()
        names = ("market", "qty_lots", "cause", "taker_account")
        sums: Counter[tuple[int, int]] = Counter()
        for market, lots, cause, taker in zip(*(table[name].tolist() for name in names), strict=True):
            kind, account = rows[cause][1], rows[cause][4]
            if kind in (LandmarkKind.STEP, LandmarkKind.SHOCK):
                sums[market, kind if account == taker else -1] += lots
        inherited = [sums.pop(key) for key in list(sums) if key[1] == -1]
        assert inherited  # a maker that answered the shock crossed: that is neither
        found = Lineage(cascade).amplification().lots
        assert set(found) == {market for market, _ in sums}
        for market, volume in found.items():
            assert volume == Volume(sums[market, LandmarkKind.STEP], sums[market, LandmarkKind.SHOCK])

    def test_g9_g13_of_a_whole_run(self, cascade):
        lineage = Lineage(cascade)
        chains = [lineage.chain(row.id) for row in lineage.of_kind(LandmarkKind.LIQUIDATION)]
        roots = [chain for chain in chains if all(row.kind != LandmarkKind.LIQUIDATION for row in chain[1:])]
        assert lineage.endogenous_share() == pytest.approx(1 - len(roots) / len(chains))
        shares = lineage.root_shares()
        assert sum(shares.values()) == pytest.approx(1)
        kinds = {lineage.landmark(root).kind for root in shares if root}
        assert kinds <= {LandmarkKind.SHOCK, LandmarkKind.WITHDRAWAL}
        found = lineage.reproduction("100ms", horizon=0)
        assert found.liquidations.sum() + found.liquidations_left_out == len(chains)

    def test_a_run_without_trades_has_no_volume(self):
        world = small_world(record_trades=False).native
        world.run(6_000)
        lineage = Lineage(world)
        assert lineage.generations()
        assert (lineage.amplification().lots, lineage.root_shares()) == ({}, {})

    def test_volume_in_two_assets_needs_a_market(self):
        twin = TwinWorld(stage_ppm=10**6, stage_interval_ms=50)
        for asset, worth in ((twin.asset(10**15), 1), (twin.asset(10**15), 3)):
            market = twin.perpetual(asset, worth=worth)
            maker = twin.account(10**9, 10**9)
            twin.native.add_mark(market, every_ms=10, lag_ms=0)
            twin.native.send_order(maker, market, Side.BUY, 89, 1_000, at_ms=1)
            twin.native.send_order(maker, market, Side.SELL, 91, 1_000, at_ms=1)
            twin.native.open_trade(market, twin.account(105, 3 * 105), maker, 10, 100)
        twin.native.run(200)
        lineage = Lineage(twin.native)
        assert [volume.forced for volume in lineage.amplification().atoms.values()] == [10 * 89, 10 * 89 * 3]
        with pytest.raises(InputError, match="market"):
            lineage.root_shares()
        assert lineage.root_shares(0) == lineage.root_shares(1) == {0: 1.0}  # nothing but background moved the marks
        with pytest.raises(InputError, match="market"):
            lineage.root_shares(2)
