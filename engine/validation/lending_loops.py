"""Loops: what deposit, borrow, deposit again comes to, when it is liquidated, when it is gone, what it earns.

Stands on the core's lending arithmetic, `engine.lending`, `engine.loops`, `claim`. The engine walks: room to borrow
after every deposit, highest price of a liquidation, a year's growth of both indexes. The closed forms of `engine.loops`
judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from engine import _core, lending
from engine.loops import liquidation_fall, loop_carry, loop_multiple, zero_equity_fall
from engine.validation.claim import Claim, claim_lines

if TYPE_CHECKING:
    from engine.validation.line import Line
    from engine.validation.plan import Plan

USD = 10**6
"""Atoms of a dollar, of value and of a coin."""

ONE, ONE_PPM = 10**18, 10**6
START = 100_000
FINE = 10**15  # prices are told in this many parts of a dollar
YEAR_MS = 365 * 86_400_000


@dataclass(frozen=True)
class Position:
    """A loop: coins deposited and dollars owed, atoms."""

    collateral: int
    debt: int

    def health(self, price: Fraction, threshold_ppm: int) -> tuple[int, int, int]:
        """Return what the engine says of it at a price (Y-7)."""
        held = (self.collateral, price.numerator, price.denominator, threshold_ppm)
        return _core.lending_health([held], [(self.debt, 1, 1)])

    def values(self, price: Fraction) -> tuple[Fraction, Fraction]:
        """Return what collateral and debt are worth at a price, dollars."""
        worth, _, owed = self.health(price, 0)
        return Fraction(worth, USD), Fraction(owed, USD)

    def opens_at(self, threshold_ppm: int, *, at_or_below: bool = False) -> Fraction:
        """Return the highest price at which it can be liquidated (Y-9), dollars."""
        return Fraction(_core.lending_price(self.collateral, FINE, self.debt, threshold_ppm, at_or_below), FINE)

    @property
    def gone_at(self) -> Fraction:
        """The price at which its debt is its whole collateral: liquidated at an LTV of 1."""
        return self.opens_at(ONE_PPM, at_or_below=True)


def walk_loop(ltv_ppm: int, loops: int | None) -> Position:
    """Deposit `START` dollars' worth, borrow the whole room (Y-8), deposit that; None: until there is no room."""
    collateral, debt = START * USD, 0
    walked = 0
    while loops is None or walked < loops:
        room = _core.lending_room(_core.lending_health([(collateral, 1, 1, ltv_ppm)], [(debt, 1, 1)]))
        if not room:
            break
        collateral, debt, walked = collateral + room, debt + room, walked + 1
        if walked > 1000:
            raise RuntimeError("the loop has no limit")
    return Position(collateral, debt)


# ---- the loop at 80 % ------------------------------------------------------------------------------------------------

LTV_PPM, THRESHOLD_PPM = 800_000, 830_000
# loops: collateral, debt, leverage, fall that leaves no equity, fall to a health of 1, as printed
TABLE: dict[int | None, tuple[str, str, str, str, str]] = {
    0: ("100,000", "0", "1.000", "", ""),
    1: ("180,000", "80,000", "1.800", ".556", ".465"),
    2: ("244,000", "144,000", "2.440", ".410", ".289"),
    3: ("295,200", "195,200", "2.952", ".339", ".203"),
    4: ("336,160", "236,160", "3.362", ".297", ".154"),
    5: ("368,928", "268,928", "3.689", ".271", ".122"),
    None: ("500,000", "400,000", "", "", ""),
}
FIVE_LOOPS_OPEN_AT = {830_000: ".878246", 850_000: ".857582", 900_000: ".809938", 950_000: ".767310"}
ATOM = Fraction(1, USD)


def check_loop(_plan: Plan) -> list[Line]:
    """Walk the loop at 80 %: the published table, and what a fall does to five loops."""
    claims = []
    for loops, (collateral, debt, leverage, zero, opens) in TABLE.items():
        position, multiple = walk_loop(LTV_PPM, loops), loop_multiple("0.8", loops)
        name = "limit" if loops is None else f"{loops} loops"
        held, owed = position.values(Fraction(1))
        claims += [
            Claim(f"{name}, collateral", held, START * multiple, collateral, ATOM),
            Claim(f"{name}, debt", owed, START * (multiple - 1), debt, ATOM),
            Claim(f"{name}, leverage", held / START, multiple, leverage),
        ]
        if loops == 0:
            continue  # nothing is owed: no fall ends it
        fall = 1 - position.opens_at(THRESHOLD_PPM)
        claims += [
            Claim(f"{name}, fall to no equity", 1 - position.gone_at, zero_equity_fall(multiple), zero),
            Claim(f"{name}, fall to liquidation", fall, liquidation_fall(multiple, "0.83"), opens),
        ]
    return claim_lines("loop", claims + _five_loops())


def _five_loops() -> list[Claim]:
    position, multiple = walk_loop(LTV_PPM, 5), loop_multiple("0.8", 5)
    held, owed = position.values(Fraction(3, 4))
    left = START * (multiple * Fraction(3, 4) - (multiple - 1))
    fall, cut = 100 * (1 - position.gone_at), "published as 27.1055: cut, not rounded"
    claims = [
        Claim("price of no equity after five loops", position.gone_at, 1 - zero_equity_fall(multiple), ".728944"),
        Claim("fall of no equity after five loops, %", fall, 100 / multiple, "27.1056", note=cut),
        Claim("equity left at a fall of 25 %", held - owed, left, "7,768", ATOM),
    ]
    for threshold_ppm, printed in FIVE_LOOPS_OPEN_AT.items():
        exact = (multiple - 1) / (multiple * Fraction(threshold_ppm, ONE_PPM))
        name = f"liquidation opens, threshold {threshold_ppm // 10_000} %"
        claims.append(Claim(name, position.opens_at(threshold_ppm), exact, printed))
    return claims


# ---- the e-mode ------------------------------------------------------------------------------------------------------

# loops: leverage, fall that leaves no equity, fall to a health of 1, as printed
EMODE: dict[int | None, tuple[str, str, str]] = {
    5: ("4.686", ".213", ".145"),
    10: ("6.862", ".146", ".071"),
    None: ("10", ".10", ".022"),
}


def check_emode(_plan: Plan) -> list[Line]:
    """Walk the loop with the parameters of Aave's e-mode for Ethena's assets, 90 % and 92 %."""
    market = lending.aave("sUSDe Stablecoins")
    claims = []
    for loops, (leverage, zero, opens) in EMODE.items():
        position, multiple = walk_loop(market.ltv_ppm, loops), loop_multiple("0.9", loops)
        name = "limit" if loops is None else f"{loops} loops"
        fall = 1 - position.opens_at(market.threshold_ppm)
        # The limit in whole atoms is ten atoms of room short; 1e-9 of a fall of 2 % is less than that of leverage.
        claims += [
            Claim(f"{name}, leverage", position.values(Fraction(1))[0] / START, multiple, leverage),
            Claim(f"{name}, fall to no equity", 1 - position.gone_at, zero_equity_fall(multiple), zero),
            Claim(f"{name}, fall to liquidation", fall, liquidation_fall(multiple, "0.92"), opens),
        ]
    return claim_lines("e-mode", claims)


# ---- carry -----------------------------------------------------------------------------------------------------------


def walk_carry(position: Position, earned: Fraction, paid: Fraction) -> Fraction:
    """Let a year pass over deposit and debt, a linear step each (Y-3, Y-5); return the gain, a share of the equity."""
    supply = _core.lending_grown(ONE, int(earned * ONE), YEAR_MS, False)
    borrow = _core.lending_grown(ONE, int(paid * ONE), YEAR_MS, True)
    claimed = _core.lending_claim(position.collateral, supply) - position.collateral
    owed = _core.lending_owed(position.debt, borrow) - position.debt
    return Fraction(claimed - owed, position.collateral - position.debt)


def check_carry(_plan: Plan) -> list[Line]:
    """Let five loops earn 12 % and pay 6.5 %, then 8 %."""
    position, multiple = walk_loop(LTV_PPM, 5), loop_multiple("0.8", 5)
    earned = Fraction(12, 100)
    claims = []
    for paid, printed in ((Fraction(65, 1000), "26.8"), (Fraction(8, 100), "22.8")):
        measured = 100 * walk_carry(position, earned, paid)
        exact = 100 * loop_carry(multiple, earned, paid)
        claims.append(Claim(f"five loops at 12 %, borrowed at {float(100 * paid):g} %, %", measured, exact, printed))
    return claim_lines("carry", claims)
