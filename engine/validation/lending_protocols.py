"""Protocols at work: Aave's liquidation and rates, Morpho's incentive, Compound's penalty, levels of centralised loans.

Stands on `engine.lending` and the core's lending arithmetic, `claim`. Parameters are the presets' own.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from engine import _core, lending
from engine.validation.claim import Claim, claim_lines

if TYPE_CHECKING:
    from engine.validation.line import Line
    from engine.validation.plan import Plan

USD = 10**6
ATOM = Fraction(1, USD)
ONE, ONE_PPM = 10**18, 10**6
FINE = 10**9  # prices are looked for in this many parts of a dollar


# ---- Aave ------------------------------------------------------------------------------------------------------------

HELD, OWED = 1_000_000, 900_000  # USDe, USDC


def usde_liquidation(market: lending.AaveMarket, price: Fraction) -> tuple[lending.Seizure, tuple[int, int, int]]:
    """Liquidate a million USDe against 900,000 USDC at a price; return what happened and the health before."""
    collateral, debt = (HELD * USD, price.numerator, price.denominator), (OWED * USD, 1, 1)
    health = _core.lending_health([(*collateral, market.threshold_ppm)], [debt])
    return market.liquidation(collateral, debt, OWED * USD, health, value_decimals=6), health


def found_covering_price(market: lending.AaveMarket) -> Fraction:
    """Return the lowest price at which closing the whole debt leaves no deficit, by bisection."""
    whole = replace(market, full_below_ppm=ONE_PPM)  # all may be repaid
    low, high = FINE // 2, FINE * 97 // 100
    # At `low` there is a deficit, at `high` there is none.
    for price, lacks in ((low, True), (high, False)):
        if bool(usde_liquidation(whole, Fraction(price, FINE))[0].deficit) != lacks:
            raise ValueError("no price between 0.5 and 0.97 at which the collateral stops covering")
    while high - low > 1:
        middle = (low + high) // 2
        lacks = usde_liquidation(whole, Fraction(middle, FINE))[0].deficit > 0
        low, high = (middle, high) if lacks else (low, middle)
    return Fraction(high, FINE)


def check_aave(_plan: Plan) -> list[Line]:
    """Liquidate a million USDe at 0.975, and find where the collateral stops covering."""
    market, price = lending.aave("USDe"), Fraction(975, 1000)
    done, before = usde_liquidation(market, price)
    bare, _ = usde_liquidation(replace(market, bonus_ppm=0), price)
    left, owed = HELD * USD - done.seized, OWED * USD - done.repaid
    after = _core.lending_health([(left, price.numerator, price.denominator, market.threshold_ppm)], [(owed, 1, 1)])
    base = Fraction(450_000) / price
    seized = base * Fraction(104, 100)
    fee = (seized - base) / 10
    healthy = (HELD - seized) * price * Fraction(92, 100) / 450_000
    claims = [
        Claim("health before", _health(before), Fraction(897, 900), ".99667"),
        Claim("repaid", Fraction(done.repaid, USD), 450_000, "450,000", ATOM),
        Claim("collateral for what was repaid", Fraction(bare.seized, USD), base, "461,538.46", ATOM),
        Claim("seized", Fraction(done.seized, USD), seized, "480,000", ATOM),
        Claim("protocol's fee", Fraction(done.fee, USD), fee, "1,846.15", ATOM),
        Claim("liquidator's part", Fraction(done.seized - done.fee, USD), seized - fee, "478,153.85", ATOM),
        Claim("health after", _health(after), healthy, "1.0365"),
        Claim("deficit", Fraction(done.deficit, USD), 0, "0"),
        Claim(
            "price that stops covering, found",
            found_covering_price(market),
            Fraction(936, 1000),
            ".936",
            Fraction(1, FINE),
        ),
        Claim(
            "price that stops covering, formula",
            lending.covering_price(HELD, OWED, market.bonus_ppm),
            Fraction(936, 1000),
            ".936",
        ),
    ]
    return claim_lines("aave", claims)


def _health(health: tuple[int, int, int]) -> Fraction:
    _, weighted, debt = health
    return Fraction(weighted, ONE_PPM * debt)


# per cent lent: per cent a year, as printed
KINK = {70: "4.95", 92: "6.5", 95: "19.6", 99: "37.1", 100: "41.5"}


def check_interest(_plan: Plan) -> list[Line]:
    """Ask for the rate of a reserve of 100 dollars of which so many are lent."""
    curve = lending.aave_curve("stablecoin")
    kink, slope, steep = Fraction(92, 100), Fraction(65, 1000), Fraction(35, 100)
    claims = []
    for percent, printed in KINK.items():
        lent = _core.lending_utilisation((100 - percent) * USD, percent * USD)
        used = Fraction(percent, 100)
        exact = used / kink * slope if used <= kink else slope + (used - kink) / (1 - kink) * steep
        rate = Fraction(100 * _core.lending_rate(lent, *curve.numbers), ONE)
        claims.append(Claim(f"rate at {percent} % lent, %", rate, 100 * exact, printed))
    return claim_lines("interest", claims)


# ---- Morpho, Compound, loans -----------------------------------------------------------------------------------------

FACTORS = {
    385_000: "1.15",
    625_000: "1.1268",
    770_000: "1.0741",
    860_000: "1.0438",
    915_000: "1.0262",
    945_000: "1.0168",
    965_000: "1.0106",
}


def check_morpho(_plan: Plan) -> list[Line]:
    """Compare the incentive of every market, asked for and as a liquidation pays it."""
    claims = []
    for lltv_ppm, printed in FACTORS.items():
        exact = min(Fraction(115, 100), 1 / (1 - Fraction(3, 10) * (1 - Fraction(lltv_ppm, ONE_PPM))))
        held = HELD * USD
        owed = held * lltv_ppm // ONE_PPM + 1
        _, repaid, seized, _ = _core.morpho_liquidation((held, 1, 1), owed, owed // 2, lltv_ppm)
        name = f"lltv {lltv_ppm / ONE_PPM:g}"
        claims += [
            Claim(f"{name}, factor", Fraction(lending.morpho(lltv_ppm).factor, ONE), exact, printed),
            Claim(f"{name}, seized for one repaid", Fraction(seized, repaid), exact, printed),
        ]
    return claim_lines("morpho", claims)


def check_compound(_plan: Plan) -> list[Line]:
    """Absorb an account that is deep in debt; buy what was seized with a dollar."""
    factors = lending.comet()
    held = (HELD * USD, 1, 1)
    _, credit, _, _ = _core.comet_absorb([(*held, 900_000, factors.liquidation_ppm)], (HELD * USD, 1, 1))
    paid = 958 * USD
    _, bought = _core.comet_quote((paid, 1, 1), held, 0, 1, factors.store_front_ppm, factors.liquidation_ppm)
    penalty, discount = Fraction(7), Fraction(42, 10)
    claims = [
        Claim("borrower's penalty, %", 100 * factors.penalty, penalty, "7"),
        Claim("borrower's penalty as absorbed, %", 100 * (1 - Fraction(credit, held[0])), penalty, "7"),
        Claim("buyer's discount, %", 100 * factors.discount, discount, "4.2"),
        Claim("buyer's discount as sold, %", 100 * (1 - Fraction(paid, bought)), discount, "4.2"),
    ]
    return claim_lines("compound", claims)


def check_loans(_plan: Plan) -> list[Line]:
    """Find the prices at which 1.7 BTC against 10,000 dollars are called and liquidated, and look on both sides."""
    terms, coins, owed = lending.loan("Binance BNB"), 170_000_000, 10_000 * USD  # satoshi, atoms
    unit = 10**8
    claims = []
    for name, ltv_ppm, printed, level in (
        ("margin call", terms.call_ppm, "7,843", 1),
        ("liquidation", terms.liquidation_ppm, "7,087", 2),
    ):
        price = _core.lending_price(coins, unit, owed, ltv_ppm, True)
        exact = Fraction(10_000) / (Fraction(ltv_ppm, ONE_PPM) * Fraction(17, 10))
        claims.append(Claim(f"price of the {name}", Fraction(price, USD), exact, printed, ATOM))
        for where, at, expected in (("at", price, level), ("above", price + 1, level - 1)):
            health = _core.lending_health([(coins, at, unit, 0)], [(owed, 1, 1)])
            found = _core.loan_level(health, terms.call_ppm, terms.liquidation_ppm)
            claims.append(Claim(f"level {where} the price of the {name}", found, expected))
    return claim_lines("loans", claims)
