"""Figures of the waterfall on tables made by hand: each on both sides of its bounds (X-10, X-11, X-15)."""

from __future__ import annotations

import numpy as np
import pytest

from engine import InputError
from engine.bearing import (
    WaterfallKind,
    budget_atoms,
    first_adl_after_ms,
    forced_volume,
    fund_path,
    haircuts,
    hedges_broken,
    overshoot,
    toxic_steps,
)

STEP, FILLED, TAKEOVER, ADL, REST, BALANCE, FUND, CLEARANCE, SHARE, BAD_DEBT = map(int, WaterfallKind)
NAMES = (
    "kind", "time_ms", "account", "counterparty", "market", "asset", "qty_lots", "atoms", "mark_ticks",
    "equity_atoms", "requirement_atoms", "notional_atoms", "landmark",
)  # fmt: skip
NO_PRICE, NO_MARKET = 2**40, 65535


def table(*rows):
    """Make a table; what a row does not say is 0."""
    return {name: np.array([row.get(name, 0) for row in rows], np.int64) for name in NAMES}


def adl(counterparty, lots, atoms, *, mark=100, market=0, **more):
    return {
        "kind": ADL, "counterparty": counterparty, "qty_lots": lots, "atoms": atoms, "mark_ticks": mark,
        "market": market, "account": 1, **more,
    }  # fmt: skip


class TestHaircuts:
    def test_of_a_long_closed_above_the_mark_the_counterparty_pays_the_difference(self):
        # Ten lots at a mark of 100, two atoms a tick lot: worth 2,000, paid for 2,300.
        found = haircuts(table(adl(7, 10, 2_300)), {0: 2})
        assert (found.account.tolist(), found.atoms.tolist(), found.lots.tolist()) == ([7], [300], [10])

    def test_of_a_short_closed_below_the_mark_he_gets_less(self):
        found = haircuts(table(adl(7, -10, -700)), {0: 1})  # the position is worth -1,000
        assert found.atoms.tolist() == [300]

    def test_better_than_the_mark_is_a_gain_and_counts_in_no_total(self):
        found = haircuts(table(adl(7, 10, 900), adl(8, 10, 1_250)), {0: 1})
        assert found.account.tolist() == [8, 7]
        assert found.atoms.tolist() == [250, -100]
        assert found.total_atoms == {0: 250}
        assert found.largest_atoms == 250

    def test_several_fills_and_shared_losses_of_one_account_are_one_row(self):
        share = {"kind": SHARE, "counterparty": 7, "atoms": 40, "market": NO_MARKET, "mark_ticks": NO_PRICE}
        found = haircuts(table(adl(7, 10, 1_100), adl(7, 5, 510), share), {0: 1})
        assert (found.adl_atoms.tolist(), found.shared_atoms.tolist(), found.atoms.tolist()) == ([110], [40], [150])
        assert found.lots.tolist() == [15]

    def test_assets_are_kept_apart(self):
        found = haircuts(table(adl(7, 1, 130), adl(7, 1, 110, market=1, asset=3)), {0: 1, 1: 1})
        assert found.total_atoms == {0: 30, 3: 10}

    def test_as_a_share_of_the_profit_at_the_mark(self):
        # Realised 60 where the mark would have given 90: a third is gone. Account 8 had no profit.
        found = haircuts(table(adl(7, 1, 130), adl(8, 1, 110)), {0: 1}, realised_atoms={(7, 0): 60, (8, 0): -10})
        assert found.profit_atoms.tolist() == [90, 0]
        assert found.share[0] == pytest.approx(1 / 3)
        assert np.isnan(found.share[1])
        assert np.isnan(haircuts(table(adl(7, 1, 130)), {0: 1}).share[0])

    def test_against_a_later_price_it_is_what_was_taken(self):
        # A long closed against a short at the mark: nothing lost then; forty lower the short would have earned 400.
        rows = table(adl(7, 10, 1_000))
        assert haircuts(rows, {0: 1}).atoms.tolist() == [0]
        assert haircuts(rows, {0: 1}, marks_ticks={0: 60}).atoms.tolist() == [400]

    def test_a_market_without_a_worth_is_named(self):
        with pytest.raises(InputError, match="worth_atoms: expected a value for every market with ADL, was 4"):
            haircuts(table(adl(7, 1, 1, market=4)), {0: 1})

    def test_sums_are_exact_beyond_a_float(self):
        found = haircuts(table(adl(7, 1, 2**60 + 1), adl(7, 1, 2**60)), {0: 1})
        assert found.atoms.tolist() == [2**61 + 1 - 200]

    def test_nothing_is_a_result(self):
        found = haircuts(table(), {})
        assert (len(found), found.largest_atoms, found.total_atoms) == (0, 0, {})


class TestBudget:
    def test_it_is_what_the_equity_lacked_before_the_first_fill(self):
        rows = table(adl(7, 1, 1, equity_atoms=-50), adl(8, 1, 1, equity_atoms=-20), {"kind": FUND, "atoms": 9})
        assert budget_atoms(rows) == {0: 50}

    def test_another_liquidation_or_another_time_adds(self):
        rows = table(
            adl(7, 1, 1, equity_atoms=-50, time_ms=5),
            adl(7, 1, 1, equity_atoms=-30, time_ms=6),
            adl(7, 1, 1, equity_atoms=-20, time_ms=6, account=2),
            adl(7, 1, 1, equity_atoms=40, time_ms=7),
        )
        assert budget_atoms(rows) == {0: 100}

    def test_what_is_shared_or_stays_is_lacking_too_but_once(self):
        shared = [{"kind": SHARE, "account": 1, "counterparty": 7 + i, "atoms": 30} for i in (0, 1)]
        rest = {"kind": BAD_DEBT, "account": 1, "atoms": 15}
        assert budget_atoms(table(*shared, rest)) == {0: 75}
        assert budget_atoms(table(adl(7, 1, 1, equity_atoms=-80), *shared, rest)) == {0: 80}

    @pytest.mark.parametrize(
        ("haircut", "budget", "ratio"),
        [({0: 150}, {0: 100}, 1.5), ({}, {0: 100}, 0.0), ({0: 5}, {}, None), ({0: 5}, {0: 0}, None),
         ({0: 5, 1: 5}, {0: 5, 1: 5}, None), ({0: 5}, {0: 5, 1: 0}, 1.0)],
    )  # fmt: skip
    def test_overshoot_is_their_ratio_if_there_is_one(self, haircut, budget, ratio):
        assert overshoot(haircut, budget) == ratio


class TestHedges:
    def test_only_hedgers_count_and_each_once(self):
        rows = table(adl(7, 10, 1), adl(7, 5, 1, market=1), adl(8, 3, 1), {"kind": TAKEOVER, "counterparty": 9})
        found = hedges_broken(rows, {7, 9})
        assert found.accounts == [7]
        assert found.lots == {(7, 0): 10, (7, 1): 5}
        assert str(found) == "1 hedges broken, 15 lots"
        assert len(hedges_broken(rows, ())) == 0


def step(landmark, equity, notional, after, market=0):
    sent = {"kind": STEP, "landmark": landmark, "market": market, "equity_atoms": equity, "notional_atoms": notional}
    if after is None:
        return [sent]
    return [sent, {**sent, "kind": FILLED, "equity_atoms": after[0], "notional_atoms": after[1]}]


class TestToxicSteps:
    @pytest.mark.parametrize(
        ("after", "is_toxic"),
        [((20, 500), False), ((19, 500), True), ((21, 500), False), ((40, 1000), False), ((39, 1000), True)],
    )
    def test_the_ratio_of_40_to_1000_may_not_fall(self, after, is_toxic):
        assert toxic_steps(table(*step(3, 40, 1000, after))).toxic == is_toxic

    @pytest.mark.parametrize(("equity", "is_toxic"), [(-5, False), (-4, False), (-6, True)])
    def test_a_step_that_leaves_nothing_is_told_by_its_equity(self, equity, is_toxic):
        assert toxic_steps(table(*step(3, -5, 1000, (equity, 0)))).toxic == is_toxic

    def test_orders_of_one_landmark_are_paired_in_order_by_market(self):
        first, second = step(3, 40, 1000, (10, 500)), step(3, 10, 500, (10, 100))
        other = step(3, 50, 100, (50, 50), market=1)
        found = toxic_steps(table(first[0], other[0], first[1], second[0], other[1], second[1]))
        assert (found.steps, found.toxic, found.landmarks) == (3, 1, (3,))
        assert found.share == pytest.approx(1 / 3)

    def test_what_has_not_arrived_is_no_step(self):
        found = toxic_steps(table(*step(3, 40, 1000, None)))
        assert (found.steps, found.share) == (0, None)

    def test_ratios_are_compared_exactly(self):
        big = 2**60
        assert toxic_steps(table(*step(3, big, big, (big - 1, big)))).toxic == 1
        assert toxic_steps(table(*step(3, big, big, (big - 1, big - 1)))).toxic == 0


class TestTimes:
    def test_a_fund_s_balance_at_the_end_of_each_ms(self):
        rows = {
            "time_ms": [1, 1, 4, 5, 6, 7], "payer": [-1, 9, 2, 2, 2, 3], "receiver": [2, 2, 5, 5, 2, 4],
            "asset": [0, 0, 0, 1, 0, 0], "atoms": [100, 5, 30, 99, 7, 8],
        }  # fmt: skip
        path = fund_path({name: np.array(column) for name, column in rows.items()}, 2, 0, opening_atoms=10)
        assert list(zip(path.time_ms.tolist(), path.atoms.tolist(), strict=True)) == [(1, 115), (4, 85)]
        assert (path.low_atoms, path.end_atoms) == (85, 85)

    def test_a_fund_that_nothing_moved_has_an_empty_path(self):
        rows = {name: np.array([], np.int64) for name in ("time_ms", "payer", "receiver", "asset", "atoms")}
        path = fund_path(rows, 2, 0)
        assert (len(path), path.low_atoms, path.end_atoms) == (0, None, None)

    def test_from_the_first_takeover_to_the_first_adl(self):
        rows = [{"kind": ADL, "time_ms": 170}, {"kind": TAKEOVER, "time_ms": 120}, {"kind": TAKEOVER, "time_ms": 100}]
        assert first_adl_after_ms(table(*rows)) == 70
        assert first_adl_after_ms(table(*rows[:1])) is None
        assert first_adl_after_ms(table(*rows[1:])) is None

    def test_forced_volume_by_window_asset_and_way(self):
        rows = table(
            {"kind": FILLED, "time_ms": 999, "atoms": 5},
            {"kind": FILLED, "time_ms": 1_000, "atoms": -7},
            {"kind": TAKEOVER, "time_ms": 1_999, "atoms": 11, "asset": 1},
            {"kind": REST, "time_ms": 1_999, "atoms": -2, "asset": 1},
            {"kind": ADL, "time_ms": 1_500, "atoms": -13},
            {"kind": STEP, "time_ms": 9_000, "atoms": 100},
        )
        found = forced_volume(rows)
        assert list(zip(found.start_ms.tolist(), found.asset.tolist(), strict=True)) == [(0, 0), (1000, 0), (1000, 1)]
        assert (found.book_atoms, found.takeover_atoms, found.adl_atoms) == ([5, 7, 0], [0, 0, 13], [0, 13, 0])
        assert len(forced_volume(rows, window="2s")) == 2
        assert len(forced_volume(table())) == 0

    def test_a_window_of_nothing_is_refused(self):
        with pytest.raises(InputError, match="window: expected whole ms, at least 1"):
            forced_volume(table(), window=0)
