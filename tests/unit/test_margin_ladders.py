"""Ladders of margin boundaries and how they are declared: rules C-4, C-5."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError

import pytest
from marginkit import PPM, held

from engine import margin as face
from engine.errors import InputError
from engine.margin import AccountMode, Boundary, Comparator, Ladder, MarginAction
from engine.reference.margin import Health, equity, health
from engine.reference.margin_ladder import next_state, state, surplus


@pytest.mark.parametrize(
    ("ladder", "at_the_requirement"),
    [
        (face.binance_futures(), 0),
        (face.hyperliquid(), 0),
        (face.dydx(), 0),
        (face.bybit(), 1),
        (face.okx(), 2),
        (face.binance_portfolio_margin(), 3),
    ],
)
def test_comparators_at_exact_equality(ladder, at_the_requirement):
    worst = len(ladder.boundaries)
    assert state(Health(1_000, 1_000), ladder) == at_the_requirement
    assert state(Health(999, 1_000), ladder) == worst
    assert state(Health(-1, 0), ladder) == worst
    assert state(Health(0, 0), ladder) == 0  # nothing is required
    assert state(Health(10**12, 1), ladder) == 0


@pytest.mark.parametrize(
    ("equity_atoms", "expected"),
    [(1_501, 0), (1_500, 1), (1_201, 1), (1_200, 2), (1_051, 2), (1_050, 3), (1_000, 3), (-1, 3)],
)
def test_portfolio_margin_by_ratio(equity_atoms, expected):
    assert state(Health(equity_atoms, 1_000), face.binance_portfolio_margin()) == expected


def test_okx_warns_at_three_times_the_requirement():
    assert [state(Health(worth, 100), face.okx()) for worth in (301, 300, 101, 100)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("comparator", "first_beyond"),
    [(Comparator.BELOW, 1), (Comparator.AT_OR_BELOW, 1)],
)
def test_a_bound_between_two_atoms(comparator, first_beyond):
    """1.05 times 1 is 1.05: 1 is beyond it by either comparator, 2 by neither."""
    boundary = Boundary(MarginAction.LIQUIDATE, 1_050_000, comparator)
    assert surplus(Health(first_beyond, 1), boundary) == -1
    assert surplus(Health(first_beyond + 1, 1), boundary) == 0


def test_a_unit_that_is_unknown_keeps_its_state():
    unknown = health(0, [held(1, 100, None), held(1, 100, 50)])
    assert unknown is None
    assert [next_state(before, unknown, face.okx()) for before in (0, 1, 2)] == [0, 1, 2]
    assert next_state(0, Health(-1, 0), face.okx()) == 2
    assert next_state(2, Health(10, 1), face.okx()) == 0


def test_a_flat_holding_needs_no_mark():
    assert health(7, [held(0, 100, None)]) == (7, 0)
    with pytest.raises(InputError, match="mark_ticks: expected a mark"):
        equity(7, [held(1, 100, None)])


class TestDeclarations:
    def test_numbers_are_stable(self):
        assert [int(mode) for mode in AccountMode] == [0, 1, 2, 3]
        assert [mode.name for mode in AccountMode] == ["CASH", "ISOLATED", "CROSS", "UNIFIED"]
        assert {action.name: int(action) for action in MarginAction} == {
            "WARN": 1,
            "REDUCE_ONLY": 2,
            "CANCEL": 3,
            "LIQUIDATE": 4,
        }

    def test_are_frozen_values(self):
        ladder = face.okx()
        with pytest.raises(FrozenInstanceError):
            ladder.boundaries = ()
        assert copy.deepcopy(ladder) == pickle.loads(pickle.dumps(ladder)) == ladder
        assert hash(ladder) == hash(face.okx())

    def test_numbers_become_members(self):
        boundary = Boundary(4, PPM, 1)
        assert boundary.action is MarginAction.LIQUIDATE
        assert boundary.comparator is Comparator.AT_OR_BELOW
        assert Ladder([boundary]) == face.bybit()

    @pytest.mark.parametrize("action", [0, 5, "WARN", None, True, 1.0])
    def test_unknown_actions_are_refused(self, action):
        with pytest.raises(InputError, match="action: expected a MarginAction"):
            Boundary(action, PPM)

    @pytest.mark.parametrize("ratio_ppm", [0, -1, 10**9 + 1, 1.5, "1", None, True])
    def test_bad_ratios_are_refused(self, ratio_ppm):
        with pytest.raises(InputError, match="ratio_ppm: expected an integer from 1"):
            Boundary(MarginAction.WARN, ratio_ppm)

    @pytest.mark.parametrize("comparator", [2, -1, "below", None, False])
    def test_unknown_comparators_are_refused(self, comparator):
        with pytest.raises(InputError, match="comparator: expected a Comparator"):
            Boundary(MarginAction.WARN, PPM, comparator)

    @pytest.mark.parametrize(
        "boundaries",
        [
            (),
            5,
            (Boundary(1, 2 * PPM), None),
            (Boundary(1, PPM), Boundary(4, PPM)),  # ratios fall
            (Boundary(1, PPM), Boundary(4, 2 * PPM)),
            (Boundary(4, 2 * PPM), Boundary(1, PPM)),  # actions do not become milder
        ],
    )
    def test_bad_ladders_are_refused(self, boundaries):
        with pytest.raises(InputError, match="boundaries: expected"):
            Ladder(boundaries)

    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ((float("nan"), 1, 1, 0), "position"),
            ((1, "x", 1, 0), "entry"),
            ((1, 1, "1/0", 0), "collateral"),
            ((1, 1, None, 0), "collateral"),
            ((1, 1, 1, 2), "tiers"),
            ((1, 1, 1, [(1, 0)]), "tiers"),
            ((1, 1, 1, [(0, 0), (0, 0)]), "tiers"),
            ((1, 1, 1, [(0, 0, 0)]), "tiers"),
            ((1, 1, 1, []), "tiers"),
            ((1, 1, 1, None), "tiers"),
        ],
    )
    def test_bad_numbers_of_closed_forms_are_named(self, given, named):
        with pytest.raises(InputError) as caught:
            face.liquidation_price(*given)
        assert caught.value.field == named
