"""Figures of a cascade on forests and trades made by hand: G-8 .. G-13, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from engine import InputError
from engine.cascade import (
    Volume,
    amplification,
    duration_ms,
    endogenous_share,
    generation_sizes,
    lag_ms_max,
    reproduction,
    shares_by_root,
)
from engine.forest import Forest
from engine.forest import LandmarkKind as K

ONE_PPM = 10**6
#  1 SHOCK <- 2, 3 LIQUIDATION; 2 <- 4 STEP <- 5, 6 LIQUIDATION; 5 <- 7 STEP <- 8 LIQUIDATION
KINDS = [
    K.BACKGROUND,
    K.SHOCK,
    K.LIQUIDATION,
    K.LIQUIDATION,
    K.STEP,
    K.LIQUIDATION,
    K.LIQUIDATION,
    K.STEP,
    K.LIQUIDATION,
]
TIMES_MS = [0, 500, 1_000, 1_900, 1_900, 2_000, 2_500, 2_500, 3_600]
CAUSES = {"child": [2, 3, 4, 5, 6, 7, 8], "parent": [1, 1, 2, 4, 4, 5, 7]}


@pytest.fixture
def cascade():
    return Forest(KINDS, TIMES_MS, **CAUSES)


class TestReproduction:
    def test_g10_by_hand(self, cascade):
        found = reproduction(cascade, window="1s", end_ms=10_000)
        # 1 .. 2 s: 2 and 3, which caused 5 and 6; 2 .. 3 s: 5 and 6, which caused 8; 3 .. 4 s: 8, which caused nobody.
        assert found.start_ms.tolist() == [1_000, 2_000, 3_000]
        assert found.ratio.tolist() == [2 / 2, 1 / 2, 0 / 1]
        assert found.horizon_ms == 1_600  # from 5 at 2,000 to 8 at 3,600
        assert found.mean == 3 / 5

    @pytest.mark.parametrize(("end_ms", "windows"), [(5_599, 3), (5_598, 2), (4_599, 2), (4_598, 1)])
    def test_g10_a_window_needs_its_last_ms_and_the_horizon_to_have_passed(self, cascade, end_ms, windows):
        found = reproduction(cascade, window=1_000, end_ms=end_ms)  # 3,999 + 1,600 = 5,599; 2,999 + 1,600 = 4,599
        assert len(found) == windows
        assert found.windows_left_out == 3 - windows
        assert found.liquidations_left_out == 5 - int(found.liquidations.sum())

    def test_g10_children_beyond_the_horizon_count_for_no_window(self, cascade):
        found = reproduction(cascade, window="1s", horizon="1.5s", end_ms=10_000)
        assert found.ratio.tolist() == [2 / 2, 0 / 2, 0 / 1]  # 6 comes exactly 1,500 ms after 2
        assert reproduction(cascade, window="1s", horizon=1_499, end_ms=10_000).ratio.tolist() == [1 / 2, 0 / 2, 0 / 1]

    def test_what_is_left_out_is_said(self, cascade):
        found = reproduction(cascade, window="1s", end_ms=4_000)
        wide = "windows of 1000 ms, children within 1600 ms; too close to the end at 4000 ms and left out:"
        assert str(found).splitlines() == [
            "1.000 s  R = 1.000 (2.00 caused by 2)",
            f"{wide} 2 windows with 3 liquidations",
        ]
        assert reproduction(cascade, window="1s", end_ms=3_000).mean is None

    def test_a_forest_without_liquidations(self):
        quiet = Forest([K.BACKGROUND, K.SHOCK], [0, 1], child=[], parent=[])
        assert len(reproduction(quiet, window=1, end_ms=0)) == 0
        assert (lag_ms_max(quiet), generation_sizes(quiet), endogenous_share(quiet)) == (0, {}, None)
        assert shares_by_root(quiet, np.zeros(2)) == {}

    def test_the_farthest_horizon_overflows_nothing(self, cascade):
        assert len(reproduction(cascade, window=2**62, horizon=2**62, end_ms=2**62)) == 0

    @pytest.mark.parametrize(
        "window", [0, -1, 1.0, True, None, "1", "s", "1 day", "0.5ms", "-1s", "nan s", 2**63, "9" * 40 + "s"]
    )
    def test_a_window_that_is_no_time_is_refused(self, cascade, window):
        with pytest.raises(InputError, match="window"):
            reproduction(cascade, window=window, end_ms=10_000)
        with pytest.raises(InputError, match="horizon"):
            reproduction(cascade, window=1, horizon=-1, end_ms=10_000)

    @pytest.mark.parametrize(
        ("text", "ms"), [("1s", 1_000), ("250ms", 250), ("0.25 s", 250), ("2min", 120_000), ("1h", 3_600_000), (7, 7)]
    )
    def test_a_duration_has_a_unit_or_is_in_ms(self, text, ms):
        assert duration_ms(text, "window", least=1) == ms


class TestShares:
    def test_g9_of_five_liquidations_two_are_roots(self, cascade):
        assert endogenous_share(cascade) == 1 - 2 / 5

    def test_g9_a_lighter_cause_makes_a_liquidation_endogenous_too(self):
        kinds = [K.BACKGROUND, K.SHOCK, K.LIQUIDATION, K.STEP, K.LIQUIDATION]
        forest = Forest(
            kinds, range(5), child=[2, 3, 4, 4], parent=[1, 2, 1, 3], weight_ppm=[ONE_PPM, ONE_PPM, 900_000, 100_000]
        )
        assert forest.generation[4] == 1  # G-7: along the heaviest
        assert endogenous_share(forest) == 1 / 2
        assert reproduction(forest, window=10, end_ms=100).ratio.tolist() == pytest.approx([0.1 / 2])

    def test_g13_a_publication_that_background_moved_hands_its_share_to_the_background(self):
        kinds = [K.BACKGROUND, K.WITHDRAWAL, K.PUBLICATION, K.PUBLICATION, K.STEP, K.STEP]
        forest = Forest(kinds, range(6), child=[3, 4, 5], parent=[1, 2, 3])
        assert shares_by_root(forest, np.array([0, 0, 0, 0, 30.0, 10.0])) == {0: 0.75, 1: 0.25}

    def test_g13_a_cause_may_name_the_background(self):
        forest = Forest(
            [K.BACKGROUND, K.SHOCK, K.STEP], [0, 1, 2], child=[2, 2], parent=[0, 1], weight_ppm=[400_000, 600_000]
        )
        assert shares_by_root(forest, np.array([0, 0, 5.0])) == {1: 0.6, 0: 0.4}


class TestBraid:
    def test_g8_ways_that_meet_again_are_one_however_many_they_are(self):
        # Two withdrawals a level, each caused by both of the level below: 2^60 ways from the last to the first.
        levels = 60
        kinds = [K.BACKGROUND, K.LIQUIDATION, *[K.WITHDRAWAL] * (2 * levels), K.LIQUIDATION]
        rows = [(2, 1, ONE_PPM), (3, 1, ONE_PPM)]
        for left in range(4, len(kinds), 2):
            upper = [left, left + 1] if left + 1 < len(kinds) else [left]
            rows += [(child, parent, ONE_PPM // 2) for child in upper for parent in (left - 2, left - 1)]
        child, parent, weight_ppm = zip(*rows, strict=True)
        forest = Forest(kinds, range(len(kinds)), child=child, parent=parent, weight_ppm=weight_ppm)
        last = len(kinds) - 1
        links = forest.links
        assert (links.child.tolist(), links.parent.tolist()) == ([last], [1])
        assert links.weight.tolist() == pytest.approx([1.0])
        assert forest.ancestors(last)[1] == pytest.approx(1.0)
        assert shares_by_root(forest, np.eye(len(kinds))[last]) == pytest.approx({1: 1.0})


class TestAmplification:
    def columns(self, **changes):
        columns = {
            "market": np.array([0, 0, 1, 1], np.uint16),
            "qty_lots": np.array([10, 5, 8, 100], np.int64),
            "notional_atoms": np.array([1_000, 400, 640, 10_000], np.int64),
            "is_forced": np.array([False, True, True, False]),
            "is_exogenous": np.array([True, False, False, False]),
            "quote_asset": {0: 3, 1: 3},
        }
        return {**columns, **changes}

    def test_g12_by_market_in_lots_and_in_all_in_atoms(self):
        found = amplification(**self.columns())
        assert found.lots == {0: Volume(5, 10), 1: Volume(8, 0)}
        assert (found.lots[0].ratio, found.lots[1].ratio) == (0.5, None)
        assert found.atoms == {3: Volume(1_040, 1_000)}
        assert found.ratio == 1.04

    def test_g12_two_assets_have_no_common_ratio(self):
        found = amplification(**self.columns(quote_asset={0: 3, 1: 4}))
        assert found.atoms == {3: Volume(400, 1_000), 4: Volume(640, 0)}
        assert found.ratio is None

    def test_u1_sums_beyond_int64_are_exact(self):
        huge = np.full(4, 2**61 + 1, np.int64)
        found = amplification(**self.columns(notional_atoms=huge, is_forced=np.full(4, True)))
        assert found.atoms[3].forced == 4 * (2**61 + 1)

    def test_without_trades_there_is_nothing(self):
        nothing = {name: column[:0] for name, column in self.columns().items() if name != "quote_asset"}
        found = amplification(**nothing, quote_asset={})
        assert (found.lots, found.atoms, found.ratio) == ({}, {}, None)


class TestRefused:
    @pytest.mark.parametrize(
        ("field", "changes"),
        [
            ("kind", {"kind": []}),
            ("kind", {"kind": [K.SHOCK, *KINDS[1:]]}),
            ("kind", {"kind": [*KINDS[:-1], 12]}),
            ("kind", {"kind": [float(kind) for kind in KINDS]}),
            ("time_ms", {"time_ms": TIMES_MS[1:]}),
            ("time_ms", {"time_ms": [TIMES_MS]}),
            ("time_ms", {"time_ms": [*TIMES_MS[:-1], 2_499]}),
            ("time_ms", {"time_ms": np.array([*TIMES_MS[:-1], 2**63], np.uint64)}),
            ("child", {"child": [0, *CAUSES["child"][1:]]}),
            ("child", {"child": [*CAUSES["child"][:-1], 9]}),
            ("parent", {"parent": [*CAUSES["parent"][:-1], 8]}),
            ("parent", {"parent": [-1, *CAUSES["parent"][1:]]}),
            ("parent", {"parent": CAUSES["parent"][1:]}),
            ("weight_ppm", {"weight_ppm": [ONE_PPM] * 6 + [ONE_PPM - 1]}),
            ("weight_ppm", {"weight_ppm": [ONE_PPM] * 6 + [ONE_PPM + 1]}),
            ("weight_ppm", {"weight_ppm": [0] + [ONE_PPM] * 6}),
        ],
    )
    def test_a_column_that_does_not_fit_is_named(self, field, changes):
        columns = {"kind": KINDS, "time_ms": TIMES_MS, **CAUSES, **changes}
        with pytest.raises(InputError, match=f"^{field}: expected"):
            Forest(columns.pop("kind"), columns.pop("time_ms"), **columns)

    @pytest.mark.parametrize("landmark_id", [0, -1, 9, True, 1.0, None, "1"])
    def test_no_such_landmark(self, cascade, landmark_id):
        with pytest.raises(InputError, match="landmark_id"):
            cascade.ancestors(landmark_id)

    def test_columns_are_copied_and_closed(self):
        times = np.array(TIMES_MS)
        forest = Forest(KINDS, times, **CAUSES)
        times[1] = 10**6
        assert forest.time_ms[1] == TIMES_MS[1]
        with pytest.raises(ValueError, match="read-only"):
            forest.time_ms[1] = 0
