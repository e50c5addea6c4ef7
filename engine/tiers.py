"""Margin tiers as venues publish them, and presets of their tables (S-1, S-3, S-4, S-7).

Stands on `engine.schedules`. A table is in units of the quote; `TierTable.atoms` gives the core's floors. The last tier
has no end here: what a venue lets one account hold is a limit of the market. Presets carry their source and its date;
venues change their tables often.

Examples
--------
>>> from engine import tiers
>>> btc = tiers.binance("BTCUSDT")
>>> btc.floors[:3], btc.maintenance_ppm[:3], btc.initial_ppm[:3]
((Decimal('0'), Decimal('50000'), Decimal('600000')), (4000, 5000, 6500), (8000, 10000, 13334))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.schedules import (
    TIERS_MAX,
    checked_floors,
    checked_rates,
    floor_atoms,
    leverage_ppm,
    money,
    named,
    share_ppm,
)
from engine.units import EXACT, Amount, exact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

__all__ = ["TierTable", "binance", "dydx", "flat", "from_caps", "hyperliquid", "hyperliquid_flat"]

CapRow = tuple[Amount, int, Amount, Amount]
"""A published row: notional at which the tier ends, maximum leverage, maintenance rate as a share, amount deducted."""


@dataclass(frozen=True)
class TierTable:
    """Margin tiers of a market, by notional.

    Parameters
    ----------
    name : str
        Of the table.
    floors : sequence of number
        Notional at which each tier begins, quote units: first 0, then strictly rising; 1 to 64 of them.
    maintenance_ppm, initial_ppm : sequence of int
        Rates of each tier, ppm, not falling.
    source : str
        Where the table is from, and of when.

    Raises
    ------
    InputError
        The table breaks S-1 or S-3; the row is named.

    Examples
    --------
    >>> table = TierTable("two", (0, "1000.5"), (10_000, 20_000), (20_000, 40_000), "made up")
    >>> table.atoms(2)
    (0, 100050)
    """

    name: str
    floors: tuple[Decimal, ...]
    maintenance_ppm: tuple[int, ...]
    initial_ppm: tuple[int, ...]
    source: str

    def __post_init__(self) -> None:
        floors = checked_floors(self.floors)
        checked = {
            "floors": floors,
            "maintenance_ppm": checked_rates(self.maintenance_ppm, "maintenance_ppm", len(floors), rise=True),
            "initial_ppm": checked_rates(self.initial_ppm, "initial_ppm", len(floors), rise=True),
        }
        for field, value in checked.items():
            object.__setattr__(self, field, value)  # frozen: this is the only way to keep what was checked

    def atoms(self, asset_decimals: int) -> tuple[int, ...]:
        """Return the floors in atoms of the quote asset.

        Parameters
        ----------
        asset_decimals : int
            Decimals of the quote asset, 0 .. 9.

        Raises
        ------
        InputError
            A floor is no whole number of atoms, or above 2**61.

        Examples
        --------
        >>> binance("ENAUSDT").atoms(6)[1]
        10000000000
        """
        return floor_atoms(self.floors, asset_decimals)


def from_caps(name: str, rows: Sequence[CapRow], source: str) -> TierTable:
    """Make a table of rows (cap, maximum leverage, maintenance rate, cum) as venues publish them (S-4).

    Parameters
    ----------
    name, source : str
        As for `TierTable`.
    rows : sequence of (number, int, number, number)
        Notional at which the tier ends and deduction in quote units; rate as a share: 0.004 is 0.4 %.

    Raises
    ------
    InputError
        A ``cum`` does not follow from the rows before it, so that the table would jump there; or what `TierTable`
        refuses.

    Notes
    -----
    O(rows).

    Examples
    --------
    >>> from_caps("mine", [(50_000, 100, "0.004", 0), (600_000, 50, "0.005", 50)], "made up").maintenance_ppm
    (4000, 5000)
    >>> from_caps("mine", [(50_000, 100, "0.004", 0), (600_000, 50, "0.005", 51)], "made up")
    Traceback (most recent call last):
    engine.errors.InputError: cum[1]: expected 50, so that the table does not jump (S-4), was 51
    """
    if not 1 <= len(rows) <= TIERS_MAX:
        raise InputError("rows", f"1 to {TIERS_MAX} tiers", len(rows))
    caps = [money(row[0], f"caps[{number}]") for number, row in enumerate(rows)]
    for number, cap in enumerate(caps):
        before = caps[number - 1] if number else 0
        if cap <= before:
            raise InputError(f"caps[{number}]", f"more than {before}, where the tier begins", rows[number][0])
    leverages = [leverage_ppm(row[1], f"leverage[{number}]") for number, row in enumerate(rows)]
    rates = [share_ppm(row[2], f"rate[{number}]") for number, row in enumerate(rows)]
    table = TierTable(name, checked_floors([0, *caps[:-1]]), tuple(rates), tuple(leverages), source)
    _check_cums(table, [row[3] for row in rows])
    return table


def _check_cums(table: TierTable, cums: Sequence[Amount]) -> None:
    expected = exact(0, "cum")
    for row, cum in enumerate(cums):
        if row:
            step_ppm = table.maintenance_ppm[row] - table.maintenance_ppm[row - 1]
            expected = EXACT.add(expected, EXACT.scaleb(EXACT.multiply(table.floors[row], step_ppm), -6))
        if exact(cum, f"cum[{row}]") != expected:
            raise InputError(
                f"cum[{row}]", f"{EXACT.normalize(expected):f}, so that the table does not jump (S-4)", cum
            )


def flat(rate: Amount, *, initial: Amount | None = None) -> TierTable:
    """Return one tier for all sizes.

    Parameters
    ----------
    rate : number
        Maintenance rate as a share, a whole number of ppm.
    initial : number, optional
        Initial rate; else the same.

    Examples
    --------
    >>> flat("0.05").maintenance_ppm
    (50000,)
    """
    maintenance = share_ppm(rate, "rate")
    first = maintenance if initial is None else share_ppm(initial, "initial")
    return TierTable(f"flat {rate}", checked_floors([0]), (maintenance,), (first,), "declared")


# ---- Binance ---------------------------------------------------------------------------------------------------------

_BINANCE_SOURCE = "Binance USD-M brackets, public dump of 24 Oct 2024; those of Oct 2025 differ in places"
_BINANCE: dict[str, tuple[CapRow, ...]] = {
    "BTCUSDT": (
        (50_000, 125, "0.004", 0),
        (600_000, 100, "0.005", 50),
        (3_000_000, 75, "0.0065", 950),
        (12_000_000, 50, "0.01", 11_450),
        (70_000_000, 25, "0.02", 131_450),
        (100_000_000, 20, "0.025", 481_450),
        (230_000_000, 10, "0.05", 2_981_450),
        (480_000_000, 5, "0.1", 14_481_450),
        (600_000_000, 4, "0.125", 26_481_450),
        (800_000_000, 3, "0.15", 41_481_450),
        (1_200_000_000, 2, "0.25", 121_481_450),
        (1_800_000_000, 1, "0.5", 421_481_450),
    ),
    "SOLUSDT": (
        (20_000, 100, "0.005", 0),
        (100_000, 75, "0.0065", 30),
        (800_000, 50, "0.01", 380),
        (4_000_000, 25, "0.02", 8_380),
        (8_000_000, 20, "0.025", 28_380),
        (40_000_000, 10, "0.05", 228_380),
        (80_000_000, 5, "0.1", 2_228_380),
        (100_000_000, 4, "0.125", 4_228_380),
        (200_000_000, 2, "0.25", 16_728_380),
        (400_000_000, 1, "0.5", 66_728_380),
    ),
    "ATOMUSDT": (
        (10_000, 75, "0.006", 0),
        (50_000, 50, "0.01", 40),
        (80_000, 40, "0.015", 290),
        (200_000, 25, "0.02", 690),
        (600_000, 20, "0.025", 1_690),
        (2_000_000, 10, "0.05", 16_690),
        (4_000_000, 5, "0.1", 116_690),
        (5_000_000, 4, "0.125", 216_690),
        (12_000_000, 2, "0.25", 841_690),
        (20_000_000, 1, "0.5", 3_841_690),
    ),
    "ENAUSDT": (
        (10_000, 75, "0.01", 0),
        (80_000, 50, "0.015", 50),
        (400_000, 25, "0.02", 450),
        (800_000, 20, "0.025", 2_450),
        (4_000_000, 10, "0.05", 22_450),
        (8_000_000, 5, "0.1", 222_450),
        (10_000_000, 4, "0.125", 422_450),
        (20_000_000, 2, "0.25", 1_672_450),
        (40_000_000, 1, "0.5", 6_672_450),
    ),
}


def binance(symbol: str) -> TierTable:
    """Return the brackets of a Binance USD-M perpetual.

    Parameters
    ----------
    symbol : str
        ``"BTCUSDT"``, ``"SOLUSDT"``, ``"ATOMUSDT"`` or ``"ENAUSDT"``.

    Examples
    --------
    >>> binance("ATOMUSDT").maintenance_ppm[0]
    6000
    """
    return from_caps(f"Binance {symbol}", named(_BINANCE, "symbol", symbol), _BINANCE_SOURCE)


# ---- Hyperliquid -----------------------------------------------------------------------------------------------------

_HYPERLIQUID_SOURCE = "Hyperliquid documentation, page margin tiers, 2025"
_LARGE_ALTS = """DOGE kPEPE SUI WLD TRUMP LTC ENA POPCAT WIF AAVE kBONK LINK CRV AVAX ADA UNI NEAR TIA APT BCH HYPE
FARTCOIN"""
_SMALL_ALTS = "OP ARB LDO TON MKR ONDO JUP INJ kSHIB SEI TRX BNB DOT"
# Coin: notional at which the second tier begins (USDC), maximum leverage of the first and of the second tier.
_HYPERLIQUID: dict[str, tuple[int, int, int]] = {
    "BTC": (150_000_000, 40, 20),
    "ETH": (100_000_000, 25, 15),
    "SOL": (70_000_000, 20, 10),
    "XRP": (40_000_000, 20, 10),
    **dict.fromkeys(_LARGE_ALTS.split(), (20_000_000, 10, 5)),
    **dict.fromkeys(_SMALL_ALTS.split(), (3_000_000, 10, 5)),
}


def hyperliquid(coin: str) -> TierTable:
    """Return the margin tiers of a Hyperliquid perpetual; the maintenance rate is half the initial rate.

    Parameters
    ----------
    coin : str
        As Hyperliquid writes it: ``"BTC"``, ``"ENA"``, ``"kPEPE"``. For a coin without tiers of its own there is
        `hyperliquid_flat`.

    Examples
    --------
    >>> hyperliquid("ETH").maintenance_ppm
    (20000, 33334)
    """
    border, first, second = named(_HYPERLIQUID, "coin", coin)
    return _by_leverage(f"Hyperliquid {coin}", [0, border], [first, second])


def hyperliquid_flat(max_leverage: int) -> TierTable:
    """Return the one tier of a Hyperliquid perpetual that has no tiers of its own: 3 to 10 times as a rule.

    Parameters
    ----------
    max_leverage : int
        Of the asset.

    Examples
    --------
    >>> hyperliquid_flat(3).maintenance_ppm
    (166667,)
    """
    return _by_leverage(f"Hyperliquid {max_leverage}x", [0], [max_leverage])


def _by_leverage(name: str, floors: Sequence[int], leverages: Sequence[int]) -> TierTable:
    maintenance = tuple(leverage_ppm(leverage, "max_leverage", parts=2) for leverage in leverages)
    initial = tuple(leverage_ppm(leverage, "max_leverage") for leverage in leverages)
    return TierTable(name, checked_floors(floors), maintenance, initial, _HYPERLIQUID_SOURCE)


# ---- dYdX ------------------------------------------------------------------------------------------------------------

_DYDX_SOURCE = "dYdX v4 testing genesis (v4-chain 84d4664); governance values of the main network may differ"
# Initial rate and the maintenance share of it, ppm. That the initial rate rises with open interest is not in the table.
_DYDX: dict[str, tuple[int, int]] = {
    "large-cap": (20_000, 600_000),
    "mid-cap": (50_000, 600_000),
    "small-cap": (100_000, 500_000),
    "long-tail": (200_000, 500_000),
    "safety": (1_000_000, 200_000),
}


def dydx(tier: str) -> TierTable:
    """Return a liquidity tier of dYdX v4: one rate for all sizes, before the increase with open interest.

    Parameters
    ----------
    tier : str
        ``"large-cap"``, ``"mid-cap"``, ``"small-cap"``, ``"long-tail"`` or ``"safety"``.

    Examples
    --------
    >>> dydx("large-cap").initial_ppm, dydx("large-cap").maintenance_ppm
    ((20000,), (12000,))
    """
    initial, part = named(_DYDX, "tier", tier)
    return TierTable(f"dYdX {tier}", checked_floors([0]), (-(-initial * part // 10**6),), (initial,), _DYDX_SOURCE)
