"""The arithmetic of lending as a readable program: indexes, scaled balances, health (rules Y-1 .. Y-9).

Stands on `inputs` (the border). Liquidations: `lending_liquidation`.

::

    atoms   --deposit: floor(n / J)-->   scaled   --claim: floor(scaled * J)-->   atoms
    atoms   --borrow:  ceil(n / I)--->   scaled   --owed:  ceil(scaled * I)--->   atoms

Promises: the same numbers and the same refusals as the native functions of these names; plain integers, nothing is
changed in place, and every rounding is against the account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.reference.inputs import IntRange, checked_flag, checked_int

if TYPE_CHECKING:
    from collections.abc import Sequence

ONE = 10**18  # an index of 1, a share of all, a rate of 100 % a year
MILLION = 10**6
YEAR_MS = 365 * 24 * 3600 * 1000
AMOUNT_MAX = 2**61
INDEX_MAX = 2**96
PRICE_MAX = 2**52
RATE_MAX = 9 * ONE
HELD_AT = 2**62  # Y-7

AMOUNT = IntRange(0, AMOUNT_MAX)
SHARE = IntRange(0, MILLION)
_INDEX = IntRange(1, INDEX_MAX)
_PRICE = IntRange(1, PRICE_MAX)
_WEIGHTED = IntRange(0, AMOUNT_MAX * MILLION)

Amount = tuple[int, int, int]
"""Atoms, price, unit: `price` value atoms for `unit` atoms (Y-6)."""
Health = tuple[int, int, int]
"""Collateral value, collateral value * threshold in ppm, debt value (Y-7)."""


def ceil_div(number: int, divisor: int) -> int:
    """Return the quotient rounded up."""
    return -(-number // divisor)


def bounded(field: str, number: int, most: int, what: str) -> int:
    """Return a result that is within its bound, or raise `InputError` naming what made it too large."""
    if number > most:
        raise InputError(field, f"{what} of at most 2^{most.bit_length() - 1}", "more")
    return number


def checked_amount(field: str, given: Sequence[int]) -> Amount:
    """Return atoms, price and unit (Y-6)."""
    atoms, price, unit = checked_row(field, given, 3)
    return (
        checked_int(f"{field}.atoms", atoms, AMOUNT),
        checked_int(f"{field}.price", price, _PRICE),
        checked_int(f"{field}.unit", unit, _PRICE),
    )


def checked_row(field: str, given: Sequence[int], count: int) -> tuple[int, ...]:
    """Return a tuple of so many entries, which are not looked at."""
    if not isinstance(given, tuple) or len(given) != count:
        raise InputError(field, f"a tuple of {count} integers", given)
    return given


def checked_rows(field: str, given: Sequence[tuple[int, ...]]) -> Sequence[tuple[int, ...]]:
    """Return a list or tuple, whose entries are not looked at."""
    if not isinstance(given, (list, tuple)):
        raise InputError(field, "a list or tuple of rows", given)
    return given


def checked_health(field: str, given: Health) -> Health:
    """Return what `lending_health` has made."""
    collateral, weighted, debt = checked_row(field, given, 3)
    return (
        checked_int(f"{field}.collateral_value", collateral, AMOUNT),
        checked_int(f"{field}.weighted", weighted, _WEIGHTED),
        checked_int(f"{field}.debt_value", debt, AMOUNT),
    )


def collateral_value(field: str, amount: Amount) -> int:
    """Return what collateral is worth, rounded down (Y-6)."""
    atoms, price, unit = amount
    return bounded(field, atoms * price // unit, AMOUNT_MAX, "a value")


def debt_value(field: str, amount: Amount) -> int:
    """Return what a debt is worth, rounded up (Y-6)."""
    atoms, price, unit = amount
    return bounded(field, ceil_div(atoms * price, unit), AMOUNT_MAX, "a value")


# ---- rates and indexes -----------------------------------------------------------------------------------------------


def lending_utilisation(cash: int, debt: int) -> int:
    """Return the part of a reserve that is lent, in 10^-18, rounded up (Y-2).

    Examples
    --------
    >>> lending_utilisation(30, 70)
    700000000000000000
    """
    cash, debt = checked_int("cash", cash, AMOUNT), checked_int("debt", debt, AMOUNT)
    return ceil_div(debt * ONE, cash + debt) if debt else 0


def lending_rate(utilisation: int, base_ppm: int, kink_ppm: int, slope_ppm: int, steep_ppm: int) -> int:
    """Return the rate of a year, in 10^-18, rounded up (Y-2).

    Examples
    --------
    >>> lending_rate(950_000 * 10**12, 0, 920_000, 65_000, 350_000) / 10**18
    0.19625
    """
    utilisation = checked_int("utilisation", utilisation, IntRange(0, ONE))
    rates = IntRange(0, RATE_MAX // 10**12)
    base, kink = checked_int("base_ppm", base_ppm, rates), checked_int("kink_ppm", kink_ppm, IntRange(1, MILLION))
    slope, steep = checked_int("slope_ppm", slope_ppm, rates), checked_int("steep_ppm", steep_ppm, rates)
    if base + slope + steep > rates.high:
        raise InputError("steep_ppm", f"rates of at most {rates.high} ppm together", base + slope + steep)
    beyond = utilisation - kink * 10**12
    if beyond <= 0:
        return base * 10**12 + ceil_div(utilisation * slope, kink)
    return (base + slope) * 10**12 + ceil_div(beyond * steep, MILLION - kink)


def lending_grown(index: int, rate: int, dt_ms: int, up: bool) -> int:  # as the native one
    """Return an index after one linear step (Y-3), rounded up for debt or down for supply.

    Examples
    --------
    >>> lending_grown(10**18, 5 * 10**16, 365 * 86_400_000, True)
    1050000000000000000
    """
    index = checked_int("index", index, _INDEX)
    growth = (
        index * checked_int("rate", rate, IntRange(0, RATE_MAX)) * checked_int("dt_ms", dt_ms, IntRange(0, 2**63 - 1))
    )
    growth = ceil_div(growth, ONE * YEAR_MS) if checked_flag("up", up) else growth // (ONE * YEAR_MS)
    return bounded("dt_ms", index + growth, INDEX_MAX, "an index")


def lending_accrued(
    supply_index: int,
    borrow_index: int,
    scaled_supply: int,
    scaled_debt: int,
    rate: int,
    dt_ms: int,
    reserve_ppm: int,
) -> tuple[int, int, int]:
    """Return both indexes after an accrual, and the atoms that the reserve keeps (Y-4).

    Examples
    --------
    >>> lending_accrued(10**18, 10**18, 1000, 800, 10**17, 365 * 86_400_000, 100_000)
    (1072000000000000000, 1100000000000000000, 8)
    """
    supply_index = checked_int("supply_index", supply_index, _INDEX)
    borrow_index = checked_int("borrow_index", borrow_index, _INDEX)
    scaled_supply = checked_int("scaled_supply", scaled_supply, AMOUNT)
    scaled_debt = checked_int("scaled_debt", scaled_debt, AMOUNT)
    grown = lending_grown(borrow_index, rate, dt_ms, up=True)
    reserve_ppm = checked_int("reserve_ppm", reserve_ppm, SHARE)
    interest = bounded("dt_ms", scaled_debt * (grown - borrow_index) // ONE, AMOUNT_MAX, "interest")
    if not scaled_supply:
        return supply_index, grown, interest
    kept = ceil_div(interest * reserve_ppm, MILLION)
    claims = bounded("dt_ms", ceil_div(scaled_supply * supply_index, ONE), AMOUNT_MAX, "a claim")
    risen = supply_index + supply_index * (interest - kept) // claims
    return bounded("dt_ms", risen, INDEX_MAX, "an index"), grown, kept


def lending_after_loss(scaled: int, index: int, loss: int) -> int:
    """Return the supply index after suppliers have borne a loss, pro rata (Y-12).

    Examples
    --------
    >>> lending_after_loss(1000, 10**18, 250)
    750000000000000000
    """
    claims = lending_claim(scaled, index)
    if checked_int("loss", loss, AMOUNT) > claims:
        raise InputError("loss", f"at most {claims}, what suppliers claim", loss)
    return index * (claims - loss) // claims if loss else index


# ---- scaled balances (Y-5) -------------------------------------------------------------------------------------------


def lending_claim(scaled: int, index: int) -> int:
    """Return what a scaled supply may claim, rounded down."""
    scaled, index = checked_int("scaled", scaled, AMOUNT), checked_int("index", index, _INDEX)
    return bounded("scaled", scaled * index // ONE, AMOUNT_MAX, "a claim")


def lending_owed(scaled: int, index: int) -> int:
    """Return what a scaled debt owes, rounded up.

    Examples
    --------
    >>> lending_owed(333, 105 * 10**16), lending_claim(333, 105 * 10**16)
    (350, 349)
    """
    scaled, index = checked_int("scaled", scaled, AMOUNT), checked_int("index", index, _INDEX)
    return bounded("scaled", ceil_div(scaled * index, ONE), AMOUNT_MAX, "a debt")


def lending_deposit(scaled: int, index: int, atoms: int) -> int:
    """Return the scaled supply after a deposit."""
    scaled, index = checked_int("scaled", scaled, AMOUNT), checked_int("index", index, _INDEX)
    more = scaled + checked_int("atoms", atoms, AMOUNT) * ONE // index
    bounded("atoms", max(more, more * index // ONE), AMOUNT_MAX, "a balance")
    return more


def lending_withdraw(scaled: int, index: int, atoms: int) -> int:
    """Return the scaled supply after a withdrawal; the whole claim leaves 0, more is refused."""
    claim = lending_claim(scaled, index)
    if checked_int("atoms", atoms, AMOUNT) > claim:
        raise InputError("atoms", f"at most the claim of {claim}", atoms)
    if atoms == claim:
        return 0 if atoms else scaled  # an amount of 0 is no withdrawal of everything
    return scaled - ceil_div(atoms * ONE, index)


def lending_borrow(scaled: int, index: int, atoms: int) -> int:
    """Return the scaled debt after a loan."""
    scaled, index = checked_int("scaled", scaled, AMOUNT), checked_int("index", index, _INDEX)
    more = scaled + ceil_div(checked_int("atoms", atoms, AMOUNT) * ONE, index)
    bounded("atoms", max(more, ceil_div(more * index, ONE)), AMOUNT_MAX, "a balance")
    return more


def lending_repay(scaled: int, index: int, atoms: int) -> tuple[int, int]:
    """Return the scaled debt after a repayment and what was paid, at most what is owed.

    Examples
    --------
    >>> lending_repay(333, 105 * 10**16, 400), lending_repay(333, 105 * 10**16, 100)
    ((0, 350), (238, 100))
    """
    owed = lending_owed(scaled, index)
    paid = min(checked_int("atoms", atoms, AMOUNT), owed)
    return (0 if paid == owed else scaled - paid * ONE // index), paid


# ---- health ----------------------------------------------------------------------------------------------------------


def lending_health(collateral: Sequence[tuple[int, int, int, int]], debts: Sequence[Amount]) -> Health:
    """Return collateral value, value * threshold and debt value of an account (Y-7).

    Examples
    --------
    >>> lending_health([(1_000_000, 975, 1000, 920_000)], [(900_000, 1, 1)])
    (975000, 897000000000, 900000)
    """
    worth = weighted = owed = 0
    for row, given in enumerate(checked_rows("collateral", collateral)):
        *amount, threshold = checked_row(f"collateral[{row}]", given, 4)
        value = collateral_value(f"collateral[{row}]", checked_amount(f"collateral[{row}]", tuple(amount)))
        weighted += value * checked_int(f"collateral[{row}].threshold_ppm", threshold, SHARE)
        worth = bounded(f"collateral[{row}]", worth + value, AMOUNT_MAX, "a value")
    for row, debt in enumerate(checked_rows("debts", debts)):
        owed += debt_value(f"debts[{row}]", checked_amount(f"debts[{row}]", debt))
        bounded(f"debts[{row}]", owed, AMOUNT_MAX, "a value")
    return worth, weighted, owed


def lending_health_ppm(health: Health) -> int:
    """Return the health factor in ppm, rounded down and held at 2^62, which also means no debt (Y-7)."""
    _, weighted, debt = checked_health("health", health)
    return min(weighted // debt, HELD_AT) if debt else HELD_AT


def lending_ltv_ppm(health: Health) -> int:
    """Return debt by collateral in ppm, rounded up and held at 2^62 (Y-7)."""
    collateral, _, debt = checked_health("health", health)
    if not debt:
        return 0
    return min(ceil_div(debt * MILLION, collateral), HELD_AT) if collateral else HELD_AT


def lending_is_below(health: Health, ppm: int) -> bool:
    """Tell whether the health factor is below a bound, exactly; 10^6 is where a liquidation begins (Y-7)."""
    _, weighted, debt = checked_health("health", health)
    return weighted < checked_int("ppm", ppm, IntRange(0, 10**9)) * debt


def lending_room(health: Health) -> int:
    """Return how much more may be borrowed, where the thresholds given were loan-to-value ratios (Y-8)."""
    _, weighted, debt = checked_health("health", health)
    return max(0, weighted // MILLION - debt)


def lending_price(atoms: int, unit: int, debt_value: int, threshold_ppm: int, at_or_below: bool) -> int:
    """Return the highest price at which one collateral is liquidated, 0 if there is none (Y-9).

    Examples
    --------
    >>> lending_price(17, 10, 10_000, 750_000, True)      # 1.7 coins; the call of a loan of 10,000
    7843
    """
    atoms = checked_int("atoms", atoms, IntRange(1, AMOUNT_MAX))
    unit = checked_int("unit", unit, _PRICE)
    limit = checked_int("debt_value", debt_value, IntRange(1, AMOUNT_MAX)) * MILLION
    threshold = checked_int("threshold_ppm", threshold_ppm, IntRange(1, MILLION))
    value = limit // threshold if checked_flag("at_or_below", at_or_below) else ceil_div(limit, threshold) - 1
    return min(ceil_div((value + 1) * unit, atoms) - 1, PRICE_MAX)
