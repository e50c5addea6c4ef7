"""Collateral rates (haircuts) as venues publish them, and presets of their tables (S-1, S-3, S-6).

Stands on `engine.schedules`. A table is in units of the asset that the collateral is valued in (the quote);
`CollateralTable.atoms` gives the core's floors. Tiers that a venue counts in coins are turned into money once, at a
price that is declared with them (S-6). `is_verified` is False where no source says the number: sweep such a rate.

Examples
--------
>>> from engine import haircuts
>>> pengu = haircuts.binance_pm_pro("PENGU")
>>> pengu.floors[1], pengu.value_ppm
(Decimal('200000'), (1000000, 800000, 700000, 400000, 200000))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.schedules import checked_floors, checked_rates, floor_atoms, money, named, share_ppm
from engine.units import EXACT, Amount

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

__all__ = ["CollateralTable", "binance_pm_pro", "flat", "okx", "portfolio_margin"]


@dataclass(frozen=True)
class CollateralTable:
    """Collateral rates of an asset, by what is held of it.

    Parameters
    ----------
    name : str
        Of the table.
    floors : sequence of number
        Amount at which each tier begins, quote units: first 0, then strictly rising; 1 to 64 of them.
    value_ppm : sequence of int
        What counts of each tier, ppm, not rising.
    source : str
        Where the table is from, and of when.
    is_verified : bool
        Whether a source says these numbers.

    Raises
    ------
    InputError
        The table breaks S-1 or S-3; the row is named.

    Examples
    --------
    >>> CollateralTable("two", (0, 1000), (950_000, 500_000), "made up").atoms(2)
    (0, 100000)
    """

    name: str
    floors: tuple[Decimal, ...]
    value_ppm: tuple[int, ...]
    source: str
    is_verified: bool = True

    def __post_init__(self) -> None:
        floors = checked_floors(self.floors)
        rates = checked_rates(self.value_ppm, "value_ppm", len(floors), rise=False)
        object.__setattr__(self, "floors", floors)  # frozen: this is the only way to keep what was checked
        object.__setattr__(self, "value_ppm", rates)

    def atoms(self, asset_decimals: int) -> tuple[int, ...]:
        """Return the floors in atoms of the asset that the collateral is valued in.

        Parameters
        ----------
        asset_decimals : int
            Its decimals, 0 .. 9.

        Raises
        ------
        InputError
            A floor is no whole number of atoms, or above 2**61.

        Examples
        --------
        >>> binance_pm_pro("1000SATS").atoms(6)[1]
        800000000000
        """
        return floor_atoms(self.floors, asset_decimals)


def flat(rate: Amount) -> CollateralTable:
    """Return one rate for all amounts.

    Parameters
    ----------
    rate : number
        What counts, as a share: 0.95 is a haircut of 5 %. A whole number of ppm.

    Examples
    --------
    >>> flat("0.95").value_ppm
    (950000,)
    """
    return _flat(f"flat {rate}", share_ppm(rate, "rate"), "declared", is_verified=True)


def _flat(name: str, rate_ppm: int, source: str, *, is_verified: bool) -> CollateralTable:
    return CollateralTable(name, checked_floors([0]), (rate_ppm,), source, is_verified)


# ---- Binance ---------------------------------------------------------------------------------------------------------

_PM_PRO: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]] = {
    "PENGU": (
        "Binance PM Pro notices, Aug-Sep 2025",
        (0, 200_000, 400_000, 800_000, 1_000_000),
        (1_000_000, 800_000, 700_000, 400_000, 200_000),
    ),
    "1000SATS": (
        "Binance PM Pro notices, Aug-Sep 2025: the table before that change",
        (0, 800_000, 1_200_000, 4_000_000),
        (1_000_000, 950_000, 750_000, 500_000),
    ),
}


def binance_pm_pro(asset: str) -> CollateralTable:
    """Return a table of Binance's portfolio margin PM Pro, by the USD value held.

    Parameters
    ----------
    asset : str
        ``"PENGU"`` or ``"1000SATS"``.

    Examples
    --------
    >>> binance_pm_pro("PENGU").value_ppm[-1]
    200000
    """
    source, floors, rates = named(_PM_PRO, "asset", asset)
    return CollateralTable(f"Binance PM Pro {asset}", checked_floors(floors), rates, source)


_PORTFOLIO_MARGIN_SOURCE = "Binance portfolio margin notices, Aug-Sep 2025: the rate after the change"
_PORTFOLIO_MARGIN_PPM = {
    "TRX": 850_000,
    "SUI": 700_000,
    "WBTC": 700_000,
    "WLFI": 350_000,
    "BONK": 700_000,
    "ICP": 450_000,
    "WLD": 600_000,
}
# No source says these for 10 Oct 2025.
_PORTFOLIO_MARGIN_ASSUMED_PPM = {"USDe": 980_000, "WBETH": 950_000, "BNSOL": 950_000}


def portfolio_margin(asset: str) -> CollateralTable:
    """Return the single collateral rate of an asset in Binance's portfolio margin.

    Parameters
    ----------
    asset : str
        ``"TRX"``, ``"SUI"``, ``"WBTC"``, ``"WLFI"``, ``"BONK"``, ``"ICP"``, ``"WLD"``; and ``"USDe"``, ``"WBETH"``,
        ``"BNSOL"``, whose rates are assumptions (``is_verified`` is False).

    Examples
    --------
    >>> portfolio_margin("SUI").value_ppm, portfolio_margin("USDe").is_verified
    ((700000,), False)
    """
    rate_ppm = named({**_PORTFOLIO_MARGIN_PPM, **_PORTFOLIO_MARGIN_ASSUMED_PPM}, "asset", asset)
    is_verified = asset in _PORTFOLIO_MARGIN_PPM
    source = _PORTFOLIO_MARGIN_SOURCE if is_verified else "assumed; the rate of 10 Oct 2025 is in no source"
    return _flat(f"Binance PM {asset}", rate_ppm, source, is_verified=is_verified)


# ---- OKX -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _DiscountRates:
    """OKX's discount rates of an asset: three by name, then a fixed step down per tier until nothing counts."""

    rates_ppm: tuple[int, int, int]
    step_ppm: int | None  # None: nothing counts behind the third tier
    coins: tuple[int, ...] | None  # ends of the first three tiers, where a source says them
    source: str
    is_verified: bool = True


_OKX: dict[str, _DiscountRates] = {
    "AGLD": _DiscountRates(
        (900_000, 880_000, 870_000),
        None,
        (1_000, 1_800, 2_800),
        "OKX discount tiers, date unknown; the notice of 9 Jul 2025 has 0.70, 0.50, 0.40, then -0.10",
        is_verified=False,
    ),
    "AVAX": _DiscountRates((900_000, 890_000, 880_000), 20_000, None, "OKX notice of 9 Jul 2025, from 16 Jul 2025"),
    "1INCH": _DiscountRates((700_000, 500_000, 400_000), 100_000, None, "OKX notice of 9 Jul 2025, from 16 Jul 2025"),
    "ARB": _DiscountRates((900_000, 880_000, 840_000), 20_000, None, "OKX notice of 26 Sep 2025, from 13 Oct 2025"),
    "ARB-before": _DiscountRates(
        (850_000, 820_000, 760_000), 30_000, None, "OKX notice of 26 Sep 2025, until 13 Oct 2025"
    ),
}


def okx(asset: str, price: Amount, tier_coins: Sequence[Amount] | None = None) -> CollateralTable:
    """Return OKX's discount rates of an asset, its tiers of coins turned into money at a declared price.

    The price is taken once, here: the tiers do not move when the market does (S-6).

    Parameters
    ----------
    asset : str
        ``"AGLD"``, ``"AVAX"``, ``"1INCH"``, ``"ARB"`` (from 13 Oct 2025 on) or ``"ARB-before"`` (until then).
    price : number
        Quote units that a coin counts for in the tiers' borders.
    tier_coins : sequence of 3 or 4 numbers, optional
        Coins at which the first, second and third tier end, and the size of each tier behind them. Needed for every
        asset but AGLD: the notices leave them out. AGLD has no tier behind the third.

    Raises
    ------
    InputError
        An unknown asset, a price that is not positive, or tiers that are missing, too many or out of order.

    Notes
    -----
    O(tiers).

    Examples
    --------
    >>> inch = okx("1INCH", "0.25", (400_000, 700_000, 900_000, 400_000))
    >>> [(str(floor), rate) for floor, rate in zip(inch.floors, inch.value_ppm)][2:5]
    [('175000.00', 400000), ('225000.00', 300000), ('325000.00', 200000)]
    """
    discount = named(_OKX, "asset", asset)
    coin_price = money(price, "price")
    if coin_price == 0:
        raise InputError("price", "more than 0", price)
    rates = list(discount.rates_ppm)
    while discount.step_ppm is not None and rates[-1] > 0:
        rates.append(max(0, rates[-1] - discount.step_ppm))
    if discount.step_ppm is None:
        rates.append(0)
    coins = _coin_floors(discount, tier_coins, len(rates))
    floors = [EXACT.multiply(floor, coin_price) for floor in coins]
    return CollateralTable(
        f"OKX {asset} at {price}", checked_floors(floors), tuple(rates), discount.source, discount.is_verified
    )


def _coin_floors(discount: _DiscountRates, tier_coins: Sequence[Amount] | None, count: int) -> tuple[Decimal, ...]:
    """Return the floors in coins of as many tiers as there are rates."""
    given = discount.coins if tier_coins is None else tier_coins
    wanted = 3 if discount.step_ppm is None else 4
    if given is None or len(given) != wanted:
        expected = "the ends of the first three tiers" + (" and the size of each further one" if wanted == 4 else "")
        raise InputError("tier_coins", f"{expected}, in coins", given)
    numbers = [money(coin, f"tier_coins[{row}]") for row, coin in enumerate(given)]
    for row, number in enumerate(numbers):
        before = numbers[row - 1] if 0 < row < 3 else 0  # the fourth is a size, no end
        if number <= before:
            raise InputError(f"tier_coins[{row}]", f"more than {before}", given[row])
    floors = [money(0, "tier_coins"), *numbers[:3]]
    while len(floors) < count:
        floors.append(EXACT.add(floors[-1], numbers[3]))
    return tuple(floors)
