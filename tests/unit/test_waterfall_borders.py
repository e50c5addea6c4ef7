"""Borders of the waterfall on which random worlds hardly ever stand, from both sides; both engines agree (X-6, X-8)."""

from __future__ import annotations

import pytest

from engine import _core
from engine.reference.policy import Policy
from engine.testing.waterfall_twin import WaterfallTwin

IS_CHECKED = "BORDER_COUNTS_LOW" in _core.planted_faults()
FUND = 1


class Fall:
    """Hold a long of some lots that a fall of the mark has brought beyond its last boundary, 5 % and then 10 %."""

    def __init__(self, *, lots, entry, mark, money, fund=0, **policy):
        declared = {"stage_ppm": 10**6, "interval_ms": 100, "takes_over": True, "adl": "binance", **policy}
        self.twin = twin = WaterfallTwin(1, Policy(**declared))
        usd = twin.asset()
        self.market = twin.perpetual(usd, maintenance=twin.schedule([0, 1_000], [50_000, 100_000]))
        twin.native.publish(self.market, entry, "mark")
        self.trader, other = twin.account(money), twin.account(10**6)
        if fund:
            twin.native.deposit(FUND, usd, fund)
        twin.native.open_trade(self.market, self.trader, other, lots, entry)
        twin.begin()
        twin.native.publish(self.market, mark, "mark")
        self.found = twin.run(5)

    @property
    def lots_left(self):
        return self.twin.native.position(self.trader, self.market)[0]

    @property
    def steps(self):
        """Return the lots of the steps."""
        return [mark.value for mark in self.twin.reference.landmarks if mark.kind == "STEP"]

    def has(self, name):
        return self.twin.reached[f"{name} CROSS"] > 0


# 10 lots from 100 to 85 lose 150: with 100 of money E = -50, and the fund is worth 50 or an atom less.
LOSS = {"lots": 10, "entry": 100, "mark": 85, "money": 100, "takeover_ppm": 10**6}


class TestTakeover:
    def test_x8_a_backstop_may_be_left_with_exactly_nothing(self):
        fall = Fall(**LOSS, fund=50)
        assert fall.found == []
        assert (fall.has("TAKEOVER"), fall.has("ADL"), fall.lots_left) == (True, False, 0)
        assert fall.twin.native.position(FUND, fall.market)[0] == 10

    def test_x8_an_atom_below_nothing_is_not_taken_the_fund_pays_and_adl_closes(self):
        fall = Fall(**LOSS, fund=49)
        assert fall.found == []
        assert (fall.has("TAKEOVER"), fall.has("FUND"), fall.has("ADL"), fall.lots_left) == (False, True, True, 0)
        assert fall.twin.native.position(FUND, fall.market)[0] == 0


# Two tiers, the second from 1,000 on; the losses leave less than 5 %.
AT_BORDER = {"lots": 10, "entry": 104, "mark": 100, "money": 85}  # 10 x 100 = 1,000, equity 45
BELOW = {"lots": 9, "entry": 115, "mark": 111, "money": 70}  # 9 x 111 = 999, equity 34


class TestTiers:
    def test_x6_a_notional_at_the_border_is_in_the_higher_tier_and_steps(self):
        fall = Fall(**AT_BORDER, tier_least=2)
        assert fall.found == []
        assert (fall.has("TAKEOVER"), fall.steps) == (False, [10])

    def test_x6_an_atom_below_the_border_is_in_the_lower_tier_and_is_taken_over(self):
        fall = Fall(**BELOW, tier_least=2)
        assert fall.found == []
        assert (fall.has("TAKEOVER"), fall.steps) == (True, [])

    @pytest.mark.parametrize(("where", "lots"), [(AT_BORDER, 1), (BELOW, 9)])
    def test_x5_a_step_by_tier_leaves_the_tier_of_the_border(self, where, lots):
        fall = Fall(**where, size="tier")
        assert fall.found == []
        assert fall.steps == [lots]


class TestFaults:
    @pytest.mark.skipif(not IS_CHECKED, reason="this core was built without FIRESALE_FAULTS=1")
    @pytest.mark.parametrize(
        ("fault", "story"),
        [
            ("TAKEN_AT_A_LOSS", {**LOSS, "fund": 49}),
            ("BORDER_COUNTS_LOW", {**AT_BORDER, "tier_least": 2}),
            ("BORDER_COUNTS_LOW", {**AT_BORDER, "size": "tier"}),
        ],
    )
    def test_a_slip_at_a_border_is_found_out(self, fault, story):
        _core.plant(fault)
        try:
            assert Fall(**story).found != []
        finally:
            _core.plant(None)
