"""Vectors of the liquidation waterfall: both sides, planted errors, and what no world can run."""

from __future__ import annotations

import copy

import pytest

from engine import World
from engine.testing.waterfall_vectors import WATERFALL_KINDS, waterfall_outcome

FILL = {
    "quote_balance": "-9000",
    "position": "1",
    "fill_price": "9400",
    "fill_qty": "-1",
    "max_liquidation_fee": "1/100",
    "insurance_fund": "0",
}
QUOTE = {"quote_balance": "-9500", "position": "1", "oracle": "10000", "maintenance_ratio": "1/20", "delta": "-1/2"}
FILLABLE = {
    "quote_balance": "-9750",
    "position": "1",
    "oracle": "10000",
    "maintenance_ratio": "1/20",
    "bankruptcy_adjustment": "1",
    "spread_to_maintenance": "1/2",
}
HOLDERS = [
    {"id": 1, "cash": "100", "pos": "5", "entry": "80"},
    {"id": 2, "cash": "400", "pos": "5", "entry": "100"},
    {"id": 3, "cash": "50", "pos": "-9", "entry": "110"},
]
ADL = {"accounts": HOLDERS, "mark": "120", "quantity_to_deleverage": "7", "counter_side": "long"}
SHORTS = [
    {"id": 1, "cash": "1/2", "pos": "-3/2", "entry": "7/4"},
    {"id": 2, "cash": "8", "pos": "-5", "entry": "2"},
    {"id": 3, "cash": "1/2", "pos": "-3/2", "entry": "7/4"},
]
LOSS = {"insurance_fund": 30, "losses": [20, 25], "winner_pnl": {"a": 30, "b": 60}}

# Kind, input, expectation, and whether a world has to have run it.
CASES = {
    "a long above bankruptcy": (
        "perp_liquidation_fill",
        FILL,
        {"cash_after": "306", "position_after": "0", "insurance_delta": "94"},
        True,
    ),
    "a fee capped by what is left": (
        "perp_liquidation_fill",
        {**FILL, "fill_price": "9050"},
        {"cash_after": "0", "position_after": "0", "insurance_delta": "50"},
        True,
    ),
    "exactly at bankruptcy": (
        "perp_liquidation_fill",
        {**FILL, "fill_price": "9000"},
        {"cash_after": "0", "position_after": "0", "insurance_delta": "0"},
        True,
    ),
    "a short below": (  # bankrupt at 5500, bought at 5600: lacks 2 * 100
        "perp_liquidation_fill",
        {
            **FILL,
            "quote_balance": "11000",
            "position": "-2",
            "fill_price": "5600",
            "fill_qty": "2",
            "insurance_fund": "201",
        },
        {"cash_after": "0", "position_after": "0", "insurance_delta": "-200"},
        True,
    ),
    "a fund that has less": (
        "perp_liquidation_fill",
        {**FILL, "fill_price": "8900", "insurance_fund": "99/2"},
        {"cash_after": "0", "position_after": "0", "insurance_delta": "-99/2"},
        True,
    ),
    "a part": (  # 400 above bankruptcy for each, half of it
        "perp_liquidation_fill",
        {**FILL, "fill_qty": "-1/2"},
        {"cash_after": "-4347", "position_after": "1/2", "insurance_delta": "47"},
        False,
    ),
    "half of a long": ("perp_bankruptcy_quote", QUOTE, {"bankruptcy_quote_delta": "4750"}, True),
    "a third of a short under water": (  # equity 31000 - 3 * 10500 = -500
        "perp_bankruptcy_quote",
        {**QUOTE, "quote_balance": "31000", "position": "-3", "oracle": "10500", "delta": "1"},
        {"bankruptcy_quote_delta": "-31000/3"},
        True,
    ),
    "half way": ("perp_fillable_price", FILLABLE, {"fillable_price": "9875"}, True),
    "a short below 0": (  # the spread is whole: 10000 * (1 + 1.5 * 0.05)
        "perp_fillable_price",
        {**FILLABLE, "quote_balance": "9900", "position": "-1", "spread_to_maintenance": "3/2"},
        {"fillable_price": "10750"},
        True,
    ),
    "healthy": ("perp_fillable_price", {**FILLABLE, "quote_balance": "-9000"}, {"fillable_price": "10000"}, False),
    "longs": ("perp_adl", ADL, {"deleveraged": [[1, "5"], [2, "2"]], "unfilled": "0"}, True),
    "too many": (
        "perp_adl",
        {**ADL, "quantity_to_deleverage": "21/2"},
        {"deleveraged": [[1, "5"], [2, "5"]], "unfilled": "1/2"},
        True,
    ),
    "shorts, a tie by account": (  # equity 5/4 and 1.875 / 1.25 of leverage twice, 13 and 5 / 13
        "perp_adl",
        {"accounts": SHORTS, "mark": "5/4", "quantity_to_deleverage": "2", "counter_side": "short"},
        {"deleveraged": [[1, "3/2"], [3, "1/2"]], "unfilled": "0"},
        True,
    ),
    "a loss": ("perp_socialised_loss", LOSS, {"from_fund": 30, "haircut_total": 15, "fund_after": 0}, True),
    "a fund that is enough": (
        "perp_socialised_loss",
        {**LOSS, "insurance_fund": 50},
        {"from_fund": 45, "haircut_total": 0, "fund_after": 5},
        True,
    ),
    "more than there is": (
        "perp_socialised_loss",
        {**LOSS, "insurance_fund": 0, "losses": [70, 40, 1]},
        {"from_fund": 0, "haircut_total": 90, "fund_after": 0},
        True,
    ),
}


def vector(name):
    kind, given, expect, _ = CASES[name]
    return {"id": name, "kind": kind, "input": copy.deepcopy(given), "expect": copy.deepcopy(expect)}


@pytest.fixture(params=["native", "closed form"])
def world(request):
    return World if request.param == "native" else None


@pytest.mark.parametrize("name", CASES)
def test_passes(world, name):
    outcome = waterfall_outcome(vector(name), world)
    assert outcome.differences == []
    if world is not None:
        assert ("closed form only" not in outcome.note) == CASES[name][3], outcome.note


@pytest.mark.parametrize("name", CASES)
def test_a_planted_error_fails(world, name):
    for field, value in CASES[name][2].items():
        planted = vector(name)
        planted["expect"][field] = value[:-1] if isinstance(value, list) else "1000001/7"
        assert any(line.startswith(f"{field}: expected") for line in waterfall_outcome(planted, world).differences)


def test_an_unknown_field_of_the_expectation_fails(world):
    planted = vector("a loss")
    planted["expect"]["fund_befor"] = 30
    assert "unknown" in waterfall_outcome(planted, world).differences[0]


def test_every_kind_is_here():
    assert {kind for kind, *_ in CASES.values()} == WATERFALL_KINDS
