"""The set "lending" of `firesale validate`: the engine passes, the reference passes, and every line can fail."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from functools import cache

import pytest
from click.testing import CliRunner

from engine import _core, cli, lending
from engine.reference import OrderBook as ReferenceBook
from engine.reference.pools import StableSwapPool as ReferencePool
from engine.testing.lending_vectors import lending_of
from engine.validation import lending as chosen
from engine.validation import lending_exits, lending_loops, lending_spread
from engine.validation.claim import Claim, claim_lines
from engine.validation.plan import Plan

PLAN = Plan(chosen.SEED)


def lines_of(name):
    return chosen.CHECKS[name](PLAN)


def failed(name):
    """Return the lines of a check that fail; one that breaks off fails as a whole, as in the command."""
    try:
        return {line.name for line in lines_of(name) if not line.passed}
    except (ValueError, RuntimeError, ZeroDivisionError, OverflowError):
        return {f"{name}/runs"}


def invoked(*args):
    return CliRunner().invoke(cli.main, ["validate", "lending", *args])


# ---- the engine, and the reference -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", chosen.CHECKS)
def test_the_engine_passes(name):
    lines = lines_of(name)
    assert [line for line in lines if not line.passed] == []
    assert all(line.name.startswith(f"{name}/") for line in lines)
    assert len({line.name for line in lines}) == len(lines)
    assert all(line.band <= max(1.01e-9 * abs(line.expected), 1.01e-6) for line in lines)  # or one smallest unit


@pytest.mark.parametrize("name", chosen.CHECKS)
def test_the_reference_passes_the_same_lines(monkeypatch, name):
    reference = lending_of(reference=True)
    for function in [name for name in dir(_core) if hasattr(reference, name)]:
        monkeypatch.setattr(_core, function, getattr(reference, function))
    for function in ("aave_liquidation", "morpho_factor"):
        monkeypatch.setattr(lending, function, getattr(reference, function))
    monkeypatch.setattr(lending_exits, "StableSwapPool", ReferencePool)
    monkeypatch.setattr(lending_exits, "OrderBook", ReferenceBook)
    assert failed(name) == set()
    assert len(lines_of(name)) > 2


def test_the_command():
    result = invoked("--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["what"], told["failed"]) == ("lending", [])
    assert list(dict.fromkeys(line["check"] for line in told["lines"])) == list(chosen.CHECKS)
    for line in told["lines"]:
        assert {"name", "measured", "expected", "band", "pass"} <= set(line)
        assert line["pass"] is (abs(line["measured"] - line["expected"]) <= line["band"])


def test_the_command_exits_with_1_where_the_engine_is_wrong(monkeypatch):
    true = _core.lending_room
    monkeypatch.setattr(_core, "lending_room", lambda health: true(health) * 99 // 100)
    result = invoked("--json", "--only", "loop", "--only", "loans")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert "loop/1 loops, collateral" in told["failed"]
    assert [name for name in told["failed"] if not name.startswith("loop/")] == []


PUBLISHED = {
    "loop": {
        "limit, collateral": 500_000,
        "5 loops, collateral": 368_928,
        "5 loops, debt": 268_928,
        "price of no equity after five loops": 0.728944,
        "equity left at a fall of 25 %": 7_768,
        "liquidation opens, threshold 83 %": 0.878246,
        "liquidation opens, threshold 95 %": 0.767310,
    },
    "fixed-spread": {
        "row 1, one call's profit": 336,
        "row 1, two calls' profit": 446.526316,
        "row 2, r1": 833.333333,
        "row 3, r2": 381_089.494163,
        "row 3, two calls' profit": 22_945.525292,
    },
    "toxic": {"frontier found, bonus 4.5 %": 0.956938, "LTV after a call at 0.93": 0.951894},
    "aave": {"seized": 480_000, "liquidator's part": 478_153.846154, "health after": 1.036533},
    "stableswap": {"price after 10M": 0.997846, "received for 40M, M": 39.583333},
    "bots": {"best repayment, M": 20.603924, "its profit, thousands": 463.588288},
    "backing": {"loss in closed form, M": 20},
}


@pytest.mark.parametrize("check", PUBLISHED)
def test_lines_expect_what_was_published(check):
    expected = {line.name.removeprefix(f"{check}/"): line.expected for line in lines_of(check)}
    for name, number in PUBLISHED[check].items():
        assert expected[name] == pytest.approx(number, abs=5.1e-7)


# ---- a wrong engine --------------------------------------------------------------------------------------------------


def scaled(value, part):
    """Return a number a little too large: by a part of it, an integer by two units at least."""
    if isinstance(value, int):
        return value + max(2, value // part)
    return value * (1 + Fraction(1, part))


def wrong(owner, name, index=None):
    """Plant a function whose number, or the number at an index of its tuple, is too large."""

    def plant(monkeypatch, part):
        true = getattr(owner, name)

        def planted(*args, **options):
            told = true(*args, **options)
            if index is None:
                return scaled(told, part)
            return (*told[:index], scaled(told[index], part), *told[index + 1 :])

        monkeypatch.setattr(owner, name, planted)

    return plant


def other_terms(monkeypatch, part):
    """Plant a liquidation that pays another bonus than its terms say."""
    true = lending.aave_liquidation
    monkeypatch.setattr(
        lending,
        "aave_liquidation",
        lambda held, owed, cover, health, terms: true(held, owed, cover, health, (terms[0] + 10, *terms[1:])),
    )


def other_deficit(monkeypatch, part):
    """Plant a deficit where half of the debt is still owed."""
    true = lending.aave_liquidation

    def planted(held, owed, cover, health, terms):
        done = true(held, owed, cover, health, terms)
        return done if done[1] > cover // 2 else (*done[:4], done[4] + 1, done[5])

    monkeypatch.setattr(lending, "aave_liquidation", planted)


def less_lent(monkeypatch, part):
    true = _core.lending_utilisation
    monkeypatch.setattr(_core, "lending_utilisation", lambda *args: true(*args) * (part - 1) // part)


def other_comet(monkeypatch, part):
    factors = lending.CometFactors(930_000 - 10**6 // part - 1, 600_000, "planted")
    monkeypatch.setattr(lending, "comet", lambda: factors)


def other_stop(monkeypatch, part):
    """Plant a first call that ends ten atoms early."""
    true = lending_spread.last_open_cover
    monkeypatch.setattr(lending_spread, "last_open_cover", lambda *args: true(*args) - 10)


def other_pool(monkeypatch, part):
    true = lending_exits.StableSwapPool
    monkeypatch.setattr(
        lending_exits, "StableSwapPool", lambda a, fee, scales: true(a - 20, fee + 10**6 // part, scales)
    )


def deep_book(monkeypatch, part):
    """Plant a book that fills a lot more than it should, at the best price."""

    class Planted(ReferenceBook):
        def last_fills(self):
            fills = super().last_fills()
            return [fills[0]._replace(qty_lots=scaled(fills[0].qty_lots, part)), *fills[1:]]

    monkeypatch.setattr(lending_exits, "OrderBook", Planted)


PLANTS = {
    **{name: wrong(_core, name) for name in ("lending_room", "lending_price", "lending_grown", "lending_claim")},
    **{name: wrong(_core, name) for name in ("lending_owed", "lending_rate", "loan_level")},
    "lending_utilisation": less_lent,
    **{f"lending_health {part}": wrong(_core, "lending_health", part) for part in range(3)},
    **{f"aave_liquidation {part}": wrong(lending, "aave_liquidation", part) for part in range(1, 5)},
    "aave_liquidation terms": other_terms,
    "aave_liquidation deficit": other_deficit,
    "morpho_liquidation": wrong(_core, "morpho_liquidation", 2),
    "morpho_factor": wrong(lending, "morpho_factor"),
    "comet_absorb": wrong(_core, "comet_absorb", 1),
    "comet_quote": wrong(_core, "comet_quote", 1),
    "comet": other_comet,
    "toxic_ltv": wrong(lending, "toxic_ltv"),
    "covering_price": wrong(lending, "covering_price"),
    "first call": other_stop,
    "StableSwapPool": other_pool,
    "OrderBook": deep_book,
    **{
        name: wrong(lending_exits, name)
        for name in ("bot_edge", "bot_size", "bot_profit", "bot_end_impact", "least_size")
    },
    **{name: wrong(lending_exits, name) for name in ("backing", "backing_loss", "collateral_illusion")},
    **{
        name: wrong(lending_loops, name)
        for name in ("loop_multiple", "zero_equity_fall", "liquidation_fall", "loop_carry")
    },
}
SLIGHT, GROSS = 10**7, 20  # parts: 1e-7, five percent


@cache
def found(plant, part):
    """Return the lines of the whole set that fail with a plant."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        PLANTS[plant](monkeypatch, part)
        return frozenset(name for check in chosen.CHECKS for name in failed(check))


@pytest.mark.parametrize("plant", PLANTS)
def test_a_slight_fault_is_found(plant):
    assert found(plant, SLIGHT)  # 1e-7 of a number is far beyond its band


def test_no_line_is_left_out():
    every = {line.name for name in chosen.CHECKS for line in lines_of(name)}
    seen = {name for plant in PLANTS for part in (SLIGHT, GROSS) for name in found(plant, part)}
    assert every - seen == set()


def test_an_atom_beside_the_number_is_a_slip():
    true = lending_spread.last_open_cover
    market, account = lending_spread.spread_market(750_000, 80_000), lending_spread.Account(10_500, 8_400)
    cover = true(account, market)
    assert account.called(market, cover)[0].is_open(market)
    assert not account.called(market, cover + 1)[0].is_open(market)


# ---- claims ----------------------------------------------------------------------------------------------------------


class TestClaims:
    def test_the_band_is_a_part_of_the_number_or_a_unit(self):
        exact, beside = Fraction(10**9), Fraction(10**9 + 1)
        assert Claim("x", beside, exact).line("c").passed
        assert not Claim("x", beside + Fraction(1, 100), exact).line("c").passed
        assert Claim("x", Fraction(3), Fraction(2), unit=1).line("c").passed
        assert not Claim("x", Fraction(301, 100), Fraction(2), unit=1).line("c").passed
        assert not Claim("x", Fraction(1, 10**12), 0).line("c").passed

    @pytest.mark.parametrize(
        ("measured", "printed", "is_so"),
        [
            ("0.7285", ".729", True),
            ("0.7284999", ".729", False),
            ("2763.1578946", "2,763.157895", True),
            ("2763.1578944", "2,763.157895", False),
            ("336.5", "336", True),
            ("336.51", "336", False),
            ("1", "", True),
        ],
    )
    def test_a_printed_number_is_met_within_half_of_its_last_digit(self, measured, printed, is_so):
        assert Claim("x", Fraction(measured), 1, printed).is_as_printed is is_so

    def test_missed_numbers_are_counted_and_none_is_no_proof(self):
        claims = [Claim("a", 1, 1, "1"), Claim("b", 3, 3, "2"), Claim("c", 5, 5)]
        count = claim_lines("check", claims)[-1]
        assert (count.measured, count.n, count.note, count.passed) == (1.0, 2, "missed: b", False)
        nothing = claim_lines("check", claims[2:])[-1]
        assert math.isnan(nothing.measured)
        assert not nothing.passed
