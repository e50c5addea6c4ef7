"""Liquidations at a fixed spread: two calls earn more than one, and beyond a frontier each makes the account worse.

Stands on `engine.lending` and the core's lending arithmetic, `claim`, `line`. Every call is `AaveMarket.liquidation`
(Y-10) in whole atoms, with the terms of the published model: no fee, no minima, half of the debt a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from engine import _core, lending
from engine.validation.claim import Claim, claim_lines
from engine.validation.line import Line

if TYPE_CHECKING:
    from engine.validation.plan import Plan

ONE_PPM = 10**6
NANO = 10**9
"""Atoms of a dollar, and of the collateral, whose price is 1."""

CLOSE = Fraction(1, 2)


def spread_market(threshold_ppm: int, bonus_ppm: int) -> lending.AaveMarket:
    """Return the published model as a market: half of the debt at any health, no fee, no dust."""
    return lending.AaveMarket(
        "fixed spread",
        0,
        threshold_ppm,
        bonus_ppm,
        "Qin et al. (2021)",
        fee_ppm=0,
        full_below_ppm=0,
        close_value_min=0,
        left_value_min=0,
    )


@dataclass(frozen=True)
class Account:
    """Collateral and debt, atoms of one price."""

    collateral: int
    debt: int

    def health(self, market: lending.AaveMarket) -> tuple[int, int, int]:
        """Return its health at a market (Y-7)."""
        return _core.lending_health([(self.collateral, 1, 1, market.threshold_ppm)], [(self.debt, 1, 1)])

    def is_open(self, market: lending.AaveMarket) -> bool:
        """Whether it can be liquidated."""
        return _core.lending_is_below(self.health(market), ONE_PPM)

    def called(self, market: lending.AaveMarket, cover: int) -> tuple[Account, int, int]:
        """Liquidate up to a cover; return what is left, what was repaid, and what the caller has gained."""
        held, owed = (self.collateral, 1, 1), (self.debt, 1, 1)
        done = market.liquidation(held, owed, cover, self.health(market), value_decimals=0)
        if done.reason is not None:
            raise ValueError(f"the liquidation was refused: {done.reason}")
        return Account(self.collateral - done.seized, self.debt - done.repaid), done.repaid, done.seized - done.repaid


def last_open_cover(account: Account, market: lending.AaveMarket) -> int:
    """Return a cover that leaves an account liquidatable though an atom more would not; by bisection."""
    low, high = 0, account.debt // 2
    if not account.called(market, 1)[0].is_open(market) or account.called(market, high)[0].is_open(market):
        raise ValueError("no call ends at a health of 1")
    # A cover of `low` leaves the account open, one of `high` does not.
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if account.called(market, middle)[0].is_open(market) else (low, middle)
    return low


# ---- one call and two ------------------------------------------------------------------------------------------------

# collateral, debt, threshold and bonus ppm; one call's profit, r1, r2, two calls' profit as printed
ROWS = [
    (10_500, 8_400, 750_000, 80_000, "336", "2,763.157895", "2,818.421053", "446.526316"),
    (10_000, 8_100, 800_000, 100_000, "405", "833.333333", "3,633.333333", "446.666667"),
    (1_000_000, 840_000, 830_000, 50_000, "21,000", "77,821.011673", "381,089.494163", "22,945.525292"),
]


def check_fixed_spread(_plan: Plan) -> list[Line]:
    """Liquidate three accounts in one call and in two, of which the first stops an atom short of a health of 1."""
    claims, stops = [], []
    for number, (collateral, debt, threshold_ppm, bonus_ppm, one, first, second, two) in enumerate(ROWS, 1):
        market, account = spread_market(threshold_ppm, bonus_ppm), Account(collateral * NANO, debt * NANO)
        _, _, at_once = account.called(market, account.debt)
        cover = last_open_cover(account, market)
        left, repaid, gain = account.called(market, cover)
        after, again, more = left.called(market, left.debt)
        stops.append(_stop_line(number, account, market, cover))

        threshold, bonus = Fraction(threshold_ppm, ONE_PPM), Fraction(bonus_ppm, ONE_PPM)
        r1 = (debt - threshold * collateral) / (1 - threshold * (1 + bonus))
        r2 = CLOSE * (debt - r1)
        gained = bonus * CLOSE * debt
        name, atom = f"row {number}", Fraction(1, NANO)
        claims += [
            Claim(f"{name}, one call's profit", Fraction(at_once, NANO), gained, one, atom),
            Claim(f"{name}, r1", Fraction(repaid, NANO), r1, first, atom),
            Claim(f"{name}, r2", Fraction(again, NANO), r2, second, atom),
            Claim(f"{name}, two calls' profit", Fraction(gain + more, NANO), bonus * (r1 + r2), two, atom),
            Claim(f"{name}, gain of the second way", Fraction(gain + more - at_once, NANO), bonus * CLOSE * r1),
            Claim(f"{name}, debt left", Fraction(after.debt, NANO), (1 - CLOSE) * (debt - r1), "", atom),
        ]
    return claim_lines("fixed-spread", claims) + stops


def _stop_line(number: int, account: Account, market: lending.AaveMarket, cover: int) -> Line:
    """Count what is wrong with the end of the first call: it must leave the account open, an atom more must not."""
    wrong = (not account.called(market, cover)[0].is_open(market)) + account.called(market, cover + 1)[0].is_open(
        market
    )
    wrong += cover > CLOSE * account.debt
    note = "open at r1, not an atom further; r1 within the close factor"
    return Line(f"fixed-spread/row {number}, slips at the first call's end", float(wrong), 0.0, 0.0, "exact", 3, note)


# ---- the toxic frontier ----------------------------------------------------------------------------------------------

FRONTIER = {45_000: ".956938", 50_000: ".952381", 80_000: ".925926", 100_000: ".909091"}
STEPS = {880_000: ".852713", 930_000: ".951894"}
STEP_BONUS_PPM = 100_000
HELD = 10**15


def found_frontier(bonus_ppm: int) -> Fraction:
    """Return the highest LTV at which a call does not raise the LTV, by bisection over the debt in atoms."""
    market = spread_market(10_000, bonus_ppm)
    low, high = HELD // 2, HELD

    def rises(debt: int) -> bool:
        left, _, _ = Account(HELD, debt).called(market, debt)
        return left.debt * HELD > debt * left.collateral

    if rises(low) or not rises(high):
        raise ValueError("no frontier between an LTV of 0.5 and 1")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rises(middle) else (middle, high)
    return Fraction(low, HELD)


def check_toxic(_plan: Plan) -> list[Line]:
    """Find the frontier by calls, compare the formula, take one step on either side of it and one on it."""
    claims = []
    for bonus_ppm, printed in FRONTIER.items():
        exact = 1 / (1 + Fraction(bonus_ppm, ONE_PPM))
        name = f"bonus {bonus_ppm / 10_000:g} %"
        claims += [
            Claim(f"frontier found, {name}", found_frontier(bonus_ppm), exact, printed),
            Claim(f"toxic_ltv, {name}", lending.toxic_ltv(bonus_ppm), exact, printed),
        ]
    market, spread = spread_market(10_000, STEP_BONUS_PPM), 1 + Fraction(STEP_BONUS_PPM, ONE_PPM)
    for ltv_ppm, printed in STEPS.items():
        left, _, _ = Account(HELD, HELD * ltv_ppm // ONE_PPM).called(market, HELD)
        ltv = Fraction(ltv_ppm, ONE_PPM)
        x = CLOSE * ltv
        exact = (ltv - x) / (1 - spread * x)
        claims.append(Claim(f"LTV after a call at {float(ltv)}", Fraction(left.debt, left.collateral), exact, printed))
    on_it, _, _ = Account(11 * HELD // 10, HELD).called(market, HELD)
    unchanged = Fraction(on_it.debt, on_it.collateral)
    claims.append(Claim("LTV after a call at 1/1.1", unchanged, 1 / spread, note="unchanged"))
    return claim_lines("toxic", claims)
