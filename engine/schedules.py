"""What tiers and haircuts share: tables in units of money, checked and turned into the core's integers (S-1, S-3, S-7).

Stands on `engine.units` and `engine.errors`. Promises: exact or refused; nothing is rounded here but a leverage's
rate, and that upwards.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, TypeVar

from engine.errors import InputError
from engine.units import EXACT, Amount, Grid, exact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

TIERS_MAX = 64
ONE_PPM = 10**6
LEVERAGE_MAX = 1000
DECIMALS_MAX = 9  # U-4
AMOUNT_MAX = 2**61  # S-1: no floor lies above it in atoms, so none does in units
_PPM = Grid("0.000001")
_FINEST = Grid("0.000000001")

_Entry = TypeVar("_Entry")


def whole(value: object, field: str, low: int, high: int) -> int:
    """Return an integer between two bounds.

    Raises
    ------
    InputError
        It is none, or a bool, or out of bounds.

    Examples
    --------
    >>> whole(6, "decimals", 0, 9)
    6
    """
    expected = f"an integer between {low} and {high}"
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # that it may fail is the point
    except TypeError:
        raise InputError(field, expected, value) from None
    if isinstance(value, bool) or not low <= number <= high:
        raise InputError(field, expected, value)
    return number


def share_ppm(share: Amount, field: str) -> int:
    """Return a share of 0 .. 1 in ppm.

    Raises
    ------
    InputError
        It is no number in 0 .. 1, or not a whole number of ppm.

    Examples
    --------
    >>> share_ppm("0.0065", "rate")
    6500
    """
    ppm = _PPM.count(share, field)
    if not 0 <= ppm <= ONE_PPM:
        raise InputError(field, "a share between 0 and 1", share)
    return ppm


def leverage_ppm(leverage: int, field: str, *, parts: int = 1) -> int:
    """Return the rate 1 / (leverage x parts) in ppm, rounded up: against the account (S-7).

    Examples
    --------
    >>> leverage_ppm(75, "leverage"), leverage_ppm(3, "leverage", parts=2)
    (13334, 166667)
    """
    return -(-ONE_PPM // (whole(leverage, field, 1, LEVERAGE_MAX) * parts))


def money(value: Amount, field: str) -> Decimal:
    """Return an amount of 0 .. 2^61 units as an exact number of at most nine decimals, as an asset may have (U-4).

    Raises
    ------
    InputError
        It is no number, out of bounds or finer.

    Examples
    --------
    >>> money("0.50", "cap")
    Decimal('0.50')
    """
    nanos = _FINEST.count(value, field)
    if not 0 <= nanos <= AMOUNT_MAX * 10**DECIMALS_MAX:
        raise InputError(field, "an amount between 0 and 2^61", value)
    return exact(value, field)


def checked_floors(floors: Sequence[Amount], field: str = "floors") -> tuple[Decimal, ...]:
    """Return the floors of a table as exact numbers, if they begin at 0 and rise strictly (S-1).

    Raises
    ------
    InputError
        There are none or too many, or one is no number or out of order; it is named.

    Examples
    --------
    >>> checked_floors([0, "0.5", 20])
    (Decimal('0'), Decimal('0.5'), Decimal('20'))
    """
    if not 1 <= len(floors) <= TIERS_MAX:
        raise InputError(field, f"1 to {TIERS_MAX} tiers", len(floors))
    numbers = tuple(money(floor, f"{field}[{row}]") for row, floor in enumerate(floors))
    if numbers[0] != 0:
        raise InputError(f"{field}[0]", "0", floors[0])
    for row in range(1, len(numbers)):
        if numbers[row] <= numbers[row - 1]:
            raise InputError(f"{field}[{row}]", f"more than {numbers[row - 1]}, the one before it", floors[row])
    return numbers


def checked_rates(rates: Sequence[int], field: str, count: int, *, rise: bool) -> tuple[int, ...]:
    """Return the rates of a table, ppm, if they only rise or only fall (S-3).

    Raises
    ------
    InputError
        There is not one for each tier, or one is out of bounds or goes the wrong way; it is named.

    Examples
    --------
    >>> checked_rates([5000, 10_000], "maintenance_ppm", 2, rise=True)
    (5000, 10000)
    """
    if len(rates) != count:
        raise InputError(field, f"{count} rates, one for each floor", len(rates))
    numbers = tuple(whole(rate, f"{field}[{row}]", 0, ONE_PPM) for row, rate in enumerate(rates))
    for row in range(1, count):
        before = numbers[row - 1]
        if rise and numbers[row] < before:
            raise InputError(f"{field}[{row}]", f"at least {before}: these rates do not fall", numbers[row])
        if not rise and numbers[row] > before:
            raise InputError(f"{field}[{row}]", f"at most {before}: these rates do not rise", numbers[row])
    return numbers


def floor_atoms(floors: Sequence[Decimal], asset_decimals: int) -> tuple[int, ...]:
    """Return floors in atoms of an asset, for the core.

    Parameters
    ----------
    floors : sequence of Decimal
        In units of the asset.
    asset_decimals : int
        Its decimals, 0 .. 9.

    Raises
    ------
    InputError
        A floor is no whole number of atoms, or above 2**61.

    Notes
    -----
    O(tiers).

    Examples
    --------
    >>> from decimal import Decimal
    >>> floor_atoms([Decimal(0), Decimal("50000")], 6)
    (0, 50000000000)
    """
    grid = Grid(str(EXACT.scaleb(1, -whole(asset_decimals, "asset_decimals", 0, DECIMALS_MAX))))
    atoms = tuple(grid.count(floor, f"floors[{row}]") for row, floor in enumerate(floors))
    if atoms[-1] > AMOUNT_MAX:
        raise InputError(f"floors[{len(atoms) - 1}]", "at most 2^61 atoms", f"{floors[-1]} units")
    return atoms


def named(table: Mapping[str, _Entry], field: str, name: object) -> _Entry:
    """Return the entry of a preset.

    Raises
    ------
    InputError
        There is none of that name; the names that there are stand in the message.

    Examples
    --------
    >>> named({"BTC": 1}, "coin", "btc")
    Traceback (most recent call last):
    engine.errors.InputError: coin: expected one of BTC, was btc
    """
    if not isinstance(name, str) or name not in table:
        raise InputError(field, f"one of {', '.join(table)}", name)
    return table[name]
