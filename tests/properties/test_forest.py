"""The shape and the figures of random forests agree with a twin in plain Python that walks every way (G-6 .. G-13)."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.cascade import endogenous_share, generation_sizes, lag_ms_max, reproduction, shares_by_root
from engine.forest import Forest, LandmarkKind

ONE_PPM = 10**6
LIQUIDATION, PUBLICATION, STEP = LandmarkKind.LIQUIDATION, LandmarkKind.PUBLICATION, LandmarkKind.STEP
NEVER_MS = 2**50  # later than every child


class Plan(NamedTuple):
    """Kinds and times by landmark, row 0 the background; of each landmark its causes as {parent: weight_ppm}."""

    kinds: list[int]
    times_ms: list[int]
    causes: list[dict[int, int]]

    def forest(self) -> Forest:
        rows = [(child, parent, weight) for child, of in enumerate(self.causes) for parent, weight in of.items()]
        child, parent, weight_ppm = zip(*rows, strict=True) if rows else ((), (), ())
        return Forest(self.kinds, self.times_ms, child=child, parent=parent, weight_ppm=weight_ppm)


@st.composite
def plans(draw, causes_max=3, names_background=True) -> Plan:
    """Draw a forest: liquidations are frequent, and causes are near, so that chains get long.

    It is small, because the twin walks every way, and ways grow with the power of the landmarks.
    """
    kinds = [0, *draw(st.lists(st.sampled_from([1, 2, 3, 4, 5, 5, 5, 6, 7]), min_size=1, max_size=14))]
    gaps_ms = draw(st.lists(st.integers(0, 30), min_size=len(kinds), max_size=len(kinds)))
    causes: list[dict[int, int]] = [{}]
    for child in range(1, len(kinds)):
        oldest = max(0 if names_background else 1, child - 6)
        candidates = st.integers(oldest, child - 1) if oldest < child else st.nothing()
        parents = draw(st.lists(candidates, unique=True, max_size=causes_max)) if oldest < child else []
        cuts = draw(
            st.lists(st.integers(1, ONE_PPM - 1), unique=True, min_size=len(parents) - 1, max_size=len(parents) - 1)
            if len(parents) > 1
            else st.just([])
        )
        edges = [0, *sorted(cuts), ONE_PPM]
        causes.append({parent: edges[i + 1] - edges[i] for i, parent in enumerate(parents)})
    return Plan(kinds, np.cumsum(gaps_ms).tolist(), causes)


# ---- the twin ----


def heaviest(plan, landmark) -> int:
    return min(plan.causes[landmark], key=lambda parent: (-plan.causes[landmark][parent], parent), default=0)


def chain(plan, landmark) -> list[int]:
    """Return the landmark and its ancestors along heaviest causes."""
    found = []
    while landmark:
        found.append(landmark)
        landmark = heaviest(plan, landmark)
    return found


def ways_up(plan, landmark, weight=Fraction(1)):
    """Yield (ancestor, weight of this way) for every way from a landmark to each of its ancestors."""
    for parent, weight_ppm in plan.causes[landmark].items():
        yield parent, weight * Fraction(weight_ppm, ONE_PPM)
        yield from ways_up(plan, parent, weight * Fraction(weight_ppm, ONE_PPM))


def ways_to_liquidations(plan, landmark, weight=Fraction(1)):
    """Yield (liquidation, weight of this way) for every way up that ends at the first liquidation on it."""
    for parent, weight_ppm in plan.causes[landmark].items():
        share = weight * Fraction(weight_ppm, ONE_PPM)
        if plan.kinds[parent] == LIQUIDATION:
            yield parent, share
        else:
            yield from ways_to_liquidations(plan, parent, share)


def liquidations(plan) -> list[int]:
    return [landmark for landmark, kind in enumerate(plan.kinds) if kind == LIQUIDATION]


def links(plan) -> Counter:
    found: Counter = Counter()
    for child in liquidations(plan):
        for parent, weight in ways_to_liquidations(plan, child):
            found[child, parent] += weight
    return found


def non_roots(plan) -> set[int]:
    """Return the liquidations with a liquidation among their ancestors."""
    return {
        child
        for child in liquidations(plan)
        if any(plan.kinds[ancestor] == LIQUIDATION for ancestor, _ in ways_up(plan, child))
    }


def root_shares(plan, amounts) -> dict[int, Fraction]:
    found: Counter = Counter()
    for landmark, amount in enumerate(amounts):
        ends = [(landmark, Fraction(1))] if not plan.causes[landmark] else ways_up(plan, landmark)
        for root, weight in ends:
            if not plan.causes[root]:
                found[0 if plan.kinds[root] == PUBLICATION else root] += amount * weight
    return {root: share / sum(amounts) for root, share in found.items() if share}


# A liquidation goes back to two of the same generation by ways that meet again above a publication with two causes.
MEETING = Plan(
    kinds=[0, 1, 5, 6, 5, 6, 4, 2, 5],
    times_ms=[0, 1, 2, 2, 3, 3, 9, 9, 12],
    causes=[
        *({}, {}, {1: ONE_PPM}, {2: ONE_PPM}, {1: ONE_PPM}, {4: ONE_PPM}),
        *({3: 600_000, 5: 400_000}, {6: 500_000, 0: 500_000}, {6: 250_000, 7: 750_000}),
    ],
)


class TestShape:
    @given(plan=plans())
    @example(plan=MEETING)
    def test_g6_the_heaviest_cause_is_the_parent_and_ties_go_to_the_lower_number(self, plan):
        forest = plan.forest()
        assert forest.heaviest.tolist() == [heaviest(plan, landmark) for landmark in range(len(plan.kinds))]
        for landmark, causes in enumerate(plan.causes):
            assert dict(forest.causes_of(landmark)) == causes
            assert [parent for parent, _ in forest.causes_of(landmark)][:1] == [heaviest(plan, landmark)][: len(causes)]

    @given(plan=plans())
    def test_g7_the_generation_is_one_more_than_the_liquidations_above_along_heaviest_causes(self, plan):
        forest = plan.forest()
        for landmark in range(1, len(plan.kinds)):
            above = [ancestor for ancestor in chain(plan, landmark)[1:] if plan.kinds[ancestor] == LIQUIDATION]
            assert forest.generation[landmark] == (plan.kinds[landmark] == LIQUIDATION) + len(above)
            assert forest.depth[landmark] == len(chain(plan, landmark)) - 1
            assert forest.root[landmark] == chain(plan, landmark)[-1]
        sizes = Counter(int(forest.generation[landmark]) for landmark in liquidations(plan))
        assert generation_sizes(forest) == dict(sizes)

    @given(plan=plans())
    @example(plan=MEETING)
    def test_g8_an_ancestor_weighs_what_all_ways_to_it_weigh_together(self, plan):
        forest = plan.forest()
        for landmark in range(1, len(plan.kinds)):
            wanted: Counter = Counter()
            for ancestor, weight in ways_up(plan, landmark):
                wanted[ancestor] += weight
            found = forest.ancestors(landmark)
            assert found == pytest.approx({ancestor: float(weight) for ancestor, weight in wanted.items()})
            assert list(found) == sorted(found, reverse=True)

    @given(plan=plans())
    @example(plan=MEETING)
    def test_children_are_those_who_name_it_as_a_cause(self, plan):
        forest = plan.forest()
        for landmark in range(len(plan.kinds)):
            wanted = [child for child, causes in enumerate(plan.causes) if landmark in causes]
            assert forest.children(landmark).tolist() == wanted

    @given(plan=plans(), data=st.data())
    def test_the_order_of_the_rows_changes_nothing(self, plan, data):
        rows = [(child, parent, weight) for child, of in enumerate(plan.causes) for parent, weight in of.items()]
        turned = data.draw(st.permutations(rows))
        child, parent, weight_ppm = zip(*turned, strict=True) if turned else ((), (), ())
        other = Forest(plan.kinds, plan.times_ms, child=child, parent=parent, weight_ppm=weight_ppm)
        forest = plan.forest()
        assert other.heaviest.tolist() == forest.heaviest.tolist()
        assert other.links.weight.tolist() == pytest.approx(forest.links.weight.tolist())


class TestFigures:
    @given(plan=plans())
    @example(plan=MEETING)
    def test_g8_links_join_liquidations_of_the_next_generation_by_weight(self, plan):
        found = plan.forest().links
        pairs = zip(found.child.tolist(), found.parent.tolist(), strict=True)
        assert dict(zip(pairs, found.weight.tolist(), strict=True)) == pytest.approx(
            {pair: float(weight) for pair, weight in links(plan).items()}
        )

    @given(plan=plans())
    @example(plan=MEETING)
    def test_g9_the_endogenous_share_counts_those_with_a_liquidation_above(self, plan):
        count = len(liquidations(plan))
        wanted = len(non_roots(plan)) / count if count else None
        assert endogenous_share(plan.forest()) == wanted
        assert wanted is None or wanted < 1

    @given(plan=plans(), window=st.integers(1, 60), horizon=st.integers(0, 200), end_ms=st.integers(0, 800))
    @example(plan=MEETING, window=2, horizon=8, end_ms=12)
    def test_g10_reproduction_is_children_within_the_horizon_per_head(self, plan, window, horizon, end_ms):
        found = reproduction(plan.forest(), window=window, horizon=horizon, end_ms=end_ms)
        heads = Counter(plan.times_ms[landmark] // window * window for landmark in liquidations(plan))
        caused: Counter = Counter()
        for (child, parent), weight in links(plan).items():
            if plan.times_ms[child] - plan.times_ms[parent] <= horizon:
                caused[plan.times_ms[parent] // window * window] += weight
        seen = sorted(start for start in heads if start + window - 1 + horizon <= end_ms)
        assert found.start_ms.tolist() == seen
        assert found.liquidations.tolist() == [heads[start] for start in seen]
        assert found.ratio.tolist() == pytest.approx([float(caused[start] / heads[start]) for start in seen])
        assert (found.windows_left_out, found.liquidations_left_out) == (
            len(heads) - len(seen),
            sum(heads.values()) - sum(heads[start] for start in seen),
        )

    @given(plan=plans(causes_max=1), window=st.integers(1, 100))
    def test_g10_weighted_by_windows_it_sums_to_the_liquidations_that_are_no_roots(self, plan, window):
        found = reproduction(plan.forest(), window=window, end_ms=NEVER_MS)
        assert (found.ratio * found.liquidations).sum() == pytest.approx(len(non_roots(plan)))
        assert found.liquidations_left_out == found.windows_left_out == 0

    @given(plan=plans(), window=st.integers(1, 100))
    @example(plan=MEETING, window=3)
    def test_g10_with_several_causes_it_sums_to_the_weight_of_the_links(self, plan, window):
        forest = plan.forest()
        found = reproduction(forest, window=window, end_ms=NEVER_MS)
        assert (found.ratio * found.liquidations).sum() == pytest.approx(float(sum(links(plan).values())))
        lags = [plan.times_ms[child] - plan.times_ms[parent] for child, parent in links(plan)]
        assert found.horizon_ms == lag_ms_max(forest) == max(lags, default=0)

    @given(plan=plans(), data=st.data())
    @example(plan=MEETING, data=None)
    def test_g13_shares_by_root_sum_to_one_and_are_those_of_all_ways(self, plan, data):
        if data is None:
            amounts = [kind == LIQUIDATION for kind in plan.kinds]
        else:
            lots = st.lists(st.integers(0, 1_000), min_size=len(plan.kinds) - 1, max_size=len(plan.kinds) - 1)
            amounts = [0, *data.draw(lots.filter(any))]
        found = shares_by_root(plan.forest(), np.array(amounts, dtype=float))
        assert sum(found.values()) == pytest.approx(1)
        assert found == pytest.approx({root: float(share) for root, share in root_shares(plan, amounts).items()})
        assert list(found.values()) == sorted(found.values(), reverse=True)


def test_the_meeting_ways_by_hand():
    forest = MEETING.forest()
    # 8 goes to 6 with 0.25 and to 7 with 0.75, whose half goes to 6: 0.625 at 6, of which 0.6 to liquidation 2.
    found = forest.links
    assert list(zip(found.child.tolist(), found.parent.tolist(), strict=True)) == [(8, 2), (8, 4)]
    assert found.weight.tolist() == pytest.approx([0.375, 0.25])
    assert forest.ancestors(8) == pytest.approx(
        {7: 0.75, 6: 0.625, 5: 0.25, 4: 0.25, 3: 0.375, 2: 0.375, 1: 0.625, 0: 0.375}
    )
    assert endogenous_share(forest) == 1 / 3
