"""Run one vector of a ``lending_*`` kind: exact rationals put on the engine's integers (section Y).

Stands on the functions of section Y, native or the reference's (`lending_of`), and on the tools of `margin_vectors`.

``lending_health`` (Y-7). ``lending_liquidation`` (Y-10, both minimum values 0 as in Aave before v3.3; a bad debt is
what is owed when the one collateral is gone). ``lending_index`` (Y-3, Y-5; one index for a debt and for a deposit, and
so run with both roundings).

Promises: a unit is chosen so fine that every number is whole on it, and then compared exactly. A share that is no whole
number of ppm is rounded down, an index or a rate finer than 10^-18 both ways: the outcome's note says so, and what was
rounded is compared to that precision.
"""

from __future__ import annotations

from fractions import Fraction
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from engine.testing.margin_vectors import Compared, Outcome, denominator, rational

if TYPE_CHECKING:
    from collections.abc import Callable

    Vector = dict[str, Any]

__all__ = ["LENDING_KINDS", "lending_of", "lending_outcome"]

ONE = 10**18
ONE_PPM = 10**6
FULL_BELOW_PPM, CLOSE_PPM = 950_000, 500_000  # Aave v3


def lending_of(*, reference: bool) -> Any:
    """Return what has the functions of section Y: the core, or both modules of the reference in one."""
    if not reference:
        return import_module("engine._core")
    modules = import_module("engine.reference.lending"), import_module("engine.reference.lending_liquidation")
    return SimpleNamespace(**{name: value for module in modules for name, value in vars(module).items()})


def _ppm(value: Any) -> tuple[int, bool]:
    """Return a share in ppm, rounded down, and whether it was."""
    ppm = rational(value) * ONE_PPM
    return int(ppm), ppm.denominator != 1


def _rounded(*flags: bool) -> str:
    return "a share was rounded down to ppm" if any(flags) else ""


def _price(price: Fraction, atoms_of_1: int, values_of_1: int) -> tuple[int, int]:
    """Return price and unit for atoms of which `atoms_of_1` are a unit (Y-6)."""
    whole = price * values_of_1
    return whole.numerator, atoms_of_1 * whole.denominator


# --- lending_health -------------------------------------------------------------------------------------------------


def health_outcome(vector: Vector, lending: Any) -> Outcome:
    """Compare the health factor, and whether it is below 1."""
    given, compared = vector["input"], Compared(vector["expect"])
    held = [(rational(row["qty"]), rational(row["price"]), _ppm(row["liq_threshold"])) for row in given["collateral"]]
    owed = [(rational(row["qty"]), rational(row["price"])) for row in given["debt"]]
    scale = denominator([qty * price for qty, price, _ in held] + [qty * price for qty, price in owed])
    rows = []
    for qty, price, (threshold, _) in held:
        atoms = qty.denominator
        rows.append((int(qty * atoms), *_price(price, atoms, scale), threshold))
    debts = [(int(qty * qty.denominator), *_price(price, qty.denominator, scale)) for qty, price in owed]
    health = lending.lending_health(rows, debts)
    _, weighted, debt = health
    is_rounded = [flag for *_, (_, flag) in held]
    factor = Fraction(weighted, debt * ONE_PPM) if debt else None
    slack = Fraction(sum(health[:1]), debt * ONE_PPM) if debt and any(is_rounded) else Fraction(0)
    compared.within("health_factor", factor, slack)
    compared.exactly("liquidatable", lending.lending_is_below(health, ONE_PPM))
    return compared.outcome(_rounded(*is_rounded))


# --- lending_liquidation --------------------------------------------------------------------------------------------


def liquidation_outcome(vector: Vector, lending: Any) -> Outcome:
    """Compare what a liquidation repays and seizes, and what is left."""
    given, compared = vector["input"], Compared(vector["expect"])
    prices = rational(given["price_c"]), rational(given["price_d"])
    scale = denominator(prices)
    collateral = (given["collateral"], *_price(prices[0], 1, scale))
    debt = (given["debt"], *_price(prices[1], 1, scale))
    (threshold, is_rounded), (bonus, bonus_rounded) = _ppm(given["threshold"]), _ppm(given["bonus"])
    health = lending.lending_health([(*collateral, threshold)], [debt])
    terms = (bonus, 0, CLOSE_PPM, FULL_BELOW_PPM, 0, 0)
    reason, repaid, seized, _, _, is_bare = lending.aave_liquidation(collateral, debt, given["cover"], health, terms)
    is_partial = health[1] > FULL_BELOW_PPM * health[2]
    factor = Fraction(CLOSE_PPM if is_partial else ONE_PPM, ONE_PPM) if reason != "healthy" else Fraction(0)
    compared.exactly("ok", reason is None)
    compared.exactly("close_factor", factor)
    compared.exactly("repaid", Fraction(repaid))
    compared.exactly("seized", Fraction(seized))
    compared.exactly("debt_after", Fraction(debt[0] - repaid))
    compared.exactly("collateral_after", Fraction(collateral[0] - seized))
    compared.exactly("bad_debt", Fraction(debt[0] - repaid if is_bare else 0))
    return compared.outcome(_rounded(is_rounded, bonus_rounded))


# --- lending_index --------------------------------------------------------------------------------------------------


def index_outcome(vector: Vector, lending: Any) -> Outcome:
    """Compare the index after each step, and what a balance owes and may claim by the last one.

    Both directions of rounding are run; where the steps are whole in 10^-18 they are one.
    """
    given, compared = vector["input"], Compared(vector["expect"])
    ray = Fraction(int(given["ray"]))
    up = down = ONE
    found, is_exact = [], True
    for step in given["steps"]:
        rate = int(step["rate"]) / ray * ONE
        is_exact = is_exact and rate.denominator == 1
        dt_ms = int(step["seconds"]) * 1000
        up = lending.lending_grown(up, -(-rate.numerator // rate.denominator), dt_ms, True)
        down = lending.lending_grown(down, rate.numerator // rate.denominator, dt_ms, False)
        found.append((down, up))
    is_exact = is_exact and up == down
    wanted = vector["expect"].get("index", [])
    if is_exact:
        compared.exactly("index", [str(low * ray / ONE) for low, _ in found])
    else:
        inside = len(wanted) == len(found) and all(
            low - 1 < int(number) / ray * ONE < high + 1 for number, (low, high) in zip(wanted, found, strict=True)
        )
        compared.exactly("index", wanted if inside else [str(low * ray / ONE) for low, _ in found])
    compared.exactly("debt", Fraction(lending.lending_owed(given["scaled_balance"], up)))
    compared.exactly("deposit", Fraction(lending.lending_claim(given["scaled_balance"], down)))
    return compared.outcome("" if is_exact else "an index of 10^-18 lies between two roundings")


# --- the kinds ------------------------------------------------------------------------------------------------------

_RUNNERS: dict[str, Callable[[Vector, Any], Outcome]] = {
    "lending_health": health_outcome,
    "lending_liquidation": liquidation_outcome,
    "lending_index": index_outcome,
}
LENDING_KINDS = frozenset(_RUNNERS)


def lending_outcome(vector: Vector, lending: Any) -> Outcome:
    """Run one vector of a kind in `LENDING_KINDS`.

    Parameters
    ----------
    vector : dict
        The vector.
    lending : object
        What `lending_of` returns.

    Returns
    -------
    Outcome
        No differences when the vector passes.
    """
    return _RUNNERS[vector["kind"]](vector, lending)
