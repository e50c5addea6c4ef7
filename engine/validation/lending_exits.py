"""Ways out: what a StableSwap pool pays, what a liquidation bot dares, what a synthetic dollar loses by ADL.

Stands on `engine.pools`, `OrderBook`, `engine.bots`, `engine.backing`, `engine.illusion`, `claim`. The exact numbers of
the pool come from its invariant, solved for two coins as a quadratic with sixty digits; those of the bots from the
optimum written out, and from a real book whose depth is linear.
"""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from engine import OrderBook, Side
from engine.backing import backing, backing_loss
from engine.bots import bot_edge, bot_end_impact, bot_profit, bot_size, least_size
from engine.illusion import collateral_illusion
from engine.pools import StableSwapPool
from engine.validation.claim import Claim, claim_lines

if TYPE_CHECKING:
    from engine.validation.line import Line
    from engine.validation.plan import Plan


# ---- StableSwap ------------------------------------------------------------------------------------------------------

MILLION = 10**6 * 10**6  # a million coins of six decimals
EACH, AMPLIFICATION = 50, 200
# millions sold: received, average, marginal price, as printed; the marginal price after 10M as it ought to be
SWAPS = {
    1: ("0.99990", "0.9999", "0.9998"),
    10: ("9.98965", "0.9990", "0.9978"),
    20: ("19.9528", "0.9976", "0.9944"),
    30: ("29.8621", "0.9954", "0.9859"),
    40: ("39.5833", "0.9896", "0.9468"),
}
CORRECTED = "published as 0.9979, as a chord over the last 100,000 would round (0.99786); the slope is 0.997846"


class Curve(NamedTuple):
    """A point of the invariant, in millions: what was received so far, and the slope there."""

    received: Fraction
    slope: Fraction


def stable_curve(sold: int) -> Curve:
    """Solve ``a S + D = a D + D^3 / (4 x y)``, a = 2 A, for y after a sale into two balances of `EACH`; no fee.

    ``y^2 + (x + D/a - D) y = D^3 / (4 a x)``; the slope is ``(a + D^3 / (4 x^2 y)) / (a + D^3 / (4 x y^2))``.
    """
    with localcontext(Context(prec=60)):
        both, x, a = Decimal(2 * EACH), Decimal(EACH + sold), Decimal(2 * AMPLIFICATION)
        linear, constant = x + both / a - both, both**3 / (4 * a * x)
        y = ((linear * linear + 4 * constant).sqrt() - linear) / 2
        slope = (a + both**3 / (4 * x * x * y)) / (a + both**3 / (4 * x * y * y))
        return Curve(Fraction(EACH - y), Fraction(slope))


def check_stable_swap(_plan: Plan) -> list[Line]:
    """Sell into pools of 50 and 50 million, A = 200, without a fee."""
    claims = []
    for sold, (received, average, marginal) in SWAPS.items():
        pool = StableSwapPool(AMPLIFICATION, 0, (1, 1))
        pool.add([EACH * MILLION] * 2)
        out = Fraction(pool.swap(0, 1, sold * MILLION).amount_out, MILLION)
        price = pool.price(0, 1)
        exact = stable_curve(sold)
        note = CORRECTED if sold == 10 else ""
        claims += [
            Claim(f"received for {sold}M, M", out, exact.received, received),
            Claim(f"average of {sold}M", out / sold, exact.received / sold, average),
            Claim(f"price after {sold}M", Fraction(*price) if price else 0, exact.slope, marginal, note=note),
        ]
    return claim_lines("stableswap", claims)


# ---- bots ------------------------------------------------------------------------------------------------------------

DEPTH, GAS = 5 * 10**8, 190
LEVELS, TAKEN = 209, 9
"""Of the book with linear depth: the best sale, 9/209 of the depth, ends at the foot of a level."""


def sold_in_book() -> Fraction:
    """Sell the best size into a real book of linear depth; return what it fetches.

    Levels of equal quantity stand at the middle of equal steps of the price, from 1 down to 0: whole levels fetch
    ``S * (1 - S / (2 k))`` to the last digit. A lot is a `LEVELS`-th of a dollar, a tick half a step.
    """
    book = OrderBook()
    for level in range(LEVELS):
        book.limit(Side.BUY, 2 * (LEVELS - level) - 1, DEPTH)
    book.market(Side.SELL, TAKEN * DEPTH)
    return Fraction(sum(fill.price_ticks * fill.qty_lots for fill in book.last_fills()), 2 * LEVELS * LEVELS)


def check_bots(_plan: Plan) -> list[Line]:
    """Size a bot with an edge of 4.5 %, in the usual depth and in a hundredth of it."""
    edge = bot_edge(50_000, 100_000)
    e, k = Fraction(1045, 1000), Fraction(DEPTH)
    best, most = k * 45_000 / 1_092_025, k * Fraction(2025, 2 * 1_092_025)  # k (e - 1) / e^2, k (e - 1)^2 / (2 e^2)
    size, thin = bot_size(edge, DEPTH), bot_size(edge, Fraction(DEPTH, 100))
    least = least_size(edge, GAS)
    claims = [
        Claim("edge of a bonus of 5 % less a tenth", edge, e, "1.045"),
        Claim("best repayment, M", size / 10**6, best / 10**6, "20.6"),
        Claim("its profit, thousands", bot_profit(size, edge, DEPTH) / 1000, most / 1000, "464"),
        Claim("its profit in a real book, thousands", (sold_in_book() - size) / 1000, most / 1000, "464"),
        Claim("best repayment, depth / 100, thousands", thin / 1000, best / 100_000, "206"),
        Claim("its profit, depth / 100, thousands", bot_profit(thin, edge, DEPTH // 100) / 1000, most / 100_000, "4.6"),
        Claim("price at the end of the sale, % down", 100 * bot_end_impact(edge), Fraction(900, 209), "4.3"),
        Claim("least repayment at 190 of gas", least or 0, Fraction(190_000, 45), "4,222"),
    ]
    return claim_lines("bots", claims)


# ---- the synthetic dollar --------------------------------------------------------------------------------------------

SUPPLY, ENTRY = 10**9, 4000


def check_backing(_plan: Plan) -> list[Line]:
    """Back a billion by coins and a short; close a fifth of it, let the price fall by a tenth."""
    coins = Fraction(SUPPLY, ENTRY)
    fallen = Fraction(ENTRY * 9, 10)
    left = backing(coins, fallen, ENTRY, short=coins * 4 / 5)
    lost = backing_loss(SUPPLY, Fraction(1, 5), Fraction(-1, 10))
    looped, own = [368_928] * 3, [100_000] * 3
    claims = [
        Claim(f"backing at {price}, M", backing(coins, price, ENTRY) / 10**6, 1000) for price in (ENTRY, fallen, 1)
    ]
    claims += [
        Claim("lost where a fifth of the short is gone, M", (SUPPLY - left) / 10**6, 20, "20"),
        Claim("loss in closed form, M", lost / 10**6, 20, "20"),
        Claim("loss of the supply, %", 100 * lost / SUPPLY, 2, "2"),
        Claim("collateral / equity of five loops", collateral_illusion(looped, own), Fraction("3.68928"), "3.689"),
    ]
    return claim_lines("backing", claims)
