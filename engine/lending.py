"""Lending protocols: parameters as they were published, for the core's arithmetic (section Y).

Stands on `engine.schedules`, `engine.units` and the core's `aave_liquidation`, `morpho_liquidation` and the like.
Presets carry their source; `is_verified` is False where no source says the number: sweep such a one.

Examples
--------
A million USDe against 900,000 USDC, the mode's threshold, at 0.975:

>>> from engine import lending
>>> from engine._core import lending_health
>>> market = lending.aave("USDe")
>>> usde, usdc = (1_000_000 * 10**6, 975, 1000), (900_000 * 10**6, 1, 1)
>>> health = lending_health([(*usde, market.threshold_ppm)], [usdc])
>>> done = market.liquidation(usde, usdc, 900_000 * 10**6, health, value_decimals=6)
>>> done.repaid // 10**6, round(done.seized / 10**6, 2), round((done.seized - done.fee) / 10**6, 2)
(450000, 480000.0, 478153.85)
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from engine._core import aave_liquidation, morpho_factor
from engine.errors import InputError
from engine.schedules import ONE_PPM, named, whole

if TYPE_CHECKING:
    from engine.margin import Number

__all__ = [
    "AaveMarket",
    "CometFactors",
    "LoanTerms",
    "MorphoMarket",
    "RateCurve",
    "Seizure",
    "aave",
    "aave_curve",
    "comet",
    "covering_price",
    "loan",
    "morpho",
    "toxic_ltv",
]

RATES_MAX_PPM = 9 * 10**6  # Y-2
_AMOUNT = tuple[int, int, int]


class Seizure(NamedTuple):
    """What a liquidation at Aave does (Y-10), atoms; with a reason nothing is done.

    ``reason`` is None, ``"healthy"``, ``"nothing"`` or ``"dust"``. ``seized`` counts the ``fee``; ``deficit`` is debt
    that nobody will pay, and ``is_bare`` says that no collateral is left anywhere.
    """

    reason: str | None
    repaid: int
    seized: int
    fee: int
    deficit: int
    is_bare: bool


def _check_shares(owner: object, *names: str, low: int = 0) -> None:
    for name in names:
        whole(getattr(owner, name), name, low, ONE_PPM)


@dataclass(frozen=True)
class AaveMarket:
    """Risk parameters of a collateral at Aave, of its own or of an e-mode.

    Parameters
    ----------
    name : str
        Of the asset or the mode.
    ltv_ppm, threshold_ppm : int
        What may be borrowed against it, and where a liquidation begins, ppm; the first is not above the second.
    bonus_ppm : int
        What a liquidator gets on top, ppm.
    source : str
        Where the numbers are from.
    is_verified : bool
        Whether a source says them.
    fee_ppm : int
        The protocol's part of the bonus, ppm.
    close_ppm : int
        Close factor, ppm of all debt.
    full_below_ppm : int
        Health at or below which all may be repaid, ppm.
    close_value_min, left_value_min : int
        Values below which all may be repaid, and which must be left of both sides, base currency; 0 before v3.3.

    Raises
    ------
    InputError
        Something is out of its bounds; it is named.

    Notes
    -----
    Source of the defaults: Aave v3.3.

    Examples
    --------
    >>> AaveMarket("own", 800_000, 830_000, 50_000, "made up", close_value_min=0, left_value_min=0).terms(6)
    (50000, 100000, 500000, 950000, 0, 0)
    """

    name: str
    ltv_ppm: int
    threshold_ppm: int
    bonus_ppm: int
    source: str
    is_verified: bool = True
    fee_ppm: int = 100_000
    close_ppm: int = 500_000
    full_below_ppm: int = 950_000
    close_value_min: int = 2_000
    left_value_min: int = 1_000

    def __post_init__(self) -> None:
        _check_shares(self, "ltv_ppm", "threshold_ppm", "bonus_ppm", "fee_ppm", "close_ppm", "full_below_ppm")
        if self.ltv_ppm > self.threshold_ppm:
            raise InputError("ltv_ppm", f"at most the threshold, {self.threshold_ppm}", self.ltv_ppm)
        for name in ("close_value_min", "left_value_min"):
            whole(getattr(self, name), name, 0, 2**31)

    def terms(self, value_decimals: int) -> tuple[int, int, int, int, int, int]:
        """Return the terms of `aave_liquidation`.

        Parameters
        ----------
        value_decimals : int
            Decimals of the value atoms, 0 .. 9.

        Examples
        --------
        >>> aave("sUSDe Stablecoins").terms(2)
        (40000, 100000, 500000, 950000, 200000, 100000)
        """
        scale = 10 ** whole(value_decimals, "value_decimals", 0, 9)
        minima = self.close_value_min * scale, self.left_value_min * scale
        return (self.bonus_ppm, self.fee_ppm, self.close_ppm, self.full_below_ppm, *minima)

    def liquidation(
        self, collateral: _AMOUNT, debt: _AMOUNT, cover: int, health: _AMOUNT, *, value_decimals: int
    ) -> Seizure:
        """Return what a liquidation repays and seizes (Y-10); arguments as for `engine._core.aave_liquidation`."""
        return Seizure(*aave_liquidation(collateral, debt, cover, health, self.terms(value_decimals)))


_AAVE_DIFF = "bgd-labs aave-proposals-v3, e-mode of Ethena's assets"
_AAVE: dict[str, tuple[int, int, int, str, bool]] = {
    "sUSDe Stablecoins": (900_000, 920_000, 40_000, _AAVE_DIFF, True),
    "PT-sUSDe Jul-25": (900_000, 920_000, 30_000, _AAVE_DIFF, True),
    "PT-USDe Jul-25": (910_000, 930_000, 33_000, _AAVE_DIFF, True),
    "PT-eUSDe Aug-25": (901_000, 922_000, 35_000, _AAVE_DIFF, True),
    "PT-USDe Feb-26": (885_000, 905_000, 41_000, "Aave governance; driven by a risk oracle", True),
    "USDe e-mode": (900_000, 930_000, 20_000, "assumed; e-mode 11 exists, its values are in no source", False),
    "USDe": (900_000, 920_000, 40_000, "as the e-mode sUSDe Stablecoins, of which USDe is taken to be part", False),
}


def aave(name: str) -> AaveMarket:
    """Return the parameters of a collateral at Aave v3.3, October 2025.

    Parameters
    ----------
    name : str
        ``"sUSDe Stablecoins"``, ``"PT-sUSDe Jul-25"``, ``"PT-USDe Jul-25"``, ``"PT-eUSDe Aug-25"``,
        ``"PT-USDe Feb-26"``; and ``"USDe e-mode"``, ``"USDe"``, which are assumptions (``is_verified`` is False).

    Raises
    ------
    InputError
        There is none of that name.

    Notes
    -----
    O(1). The protocol's fee is a tenth of the bonus.

    Examples
    --------
    >>> aave("PT-USDe Jul-25").threshold_ppm, aave("USDe e-mode").is_verified
    (930000, False)
    """
    ltv, threshold, bonus, source, is_verified = named(_AAVE, "name", name)
    return AaveMarket(name, ltv, threshold, bonus, source, is_verified)


@dataclass(frozen=True)
class RateCurve:
    """Borrow rate of a year by utilisation, kinked (Y-2).

    Parameters
    ----------
    name : str
        Of the curve.
    base_ppm, slope_ppm, steep_ppm : int
        Rate at 0, and what it gains up to the kink and from there to 1, ppm; 9 * 10^6 together at most.
    kink_ppm : int
        Where it bends, ppm, 1 .. 10^6.
    source : str
        Where the numbers are from.
    is_verified : bool
        Whether a source says all of them.

    Raises
    ------
    InputError
        Something is out of its bounds; it is named.

    Examples
    --------
    >>> from engine._core import lending_rate
    >>> lending_rate(920_000 * 10**12, *RateCurve("own", 0, 920_000, 65_000, 350_000, "made up").numbers) / 10**18
    0.065
    """

    name: str
    base_ppm: int
    kink_ppm: int
    slope_ppm: int
    steep_ppm: int
    source: str
    is_verified: bool = True

    def __post_init__(self) -> None:
        for name in ("base_ppm", "slope_ppm", "steep_ppm"):
            whole(getattr(self, name), name, 0, RATES_MAX_PPM)
        _check_shares(self, "kink_ppm", low=1)
        total = self.base_ppm + self.slope_ppm + self.steep_ppm
        if total > RATES_MAX_PPM:
            raise InputError("steep_ppm", f"rates of at most {RATES_MAX_PPM} ppm together", total)

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        """What `lending_rate` takes behind the utilisation."""
        return self.base_ppm, self.kink_ppm, self.slope_ppm, self.steep_ppm


_CURVE_SOURCE = "Aave governance: target rate, and second slope of Nov 2024; the kink of 92 % is assumed"
_CURVES = {
    "stablecoin": (0, 920_000, 65_000, 350_000),
    "stablecoin after 25 Oct 2025": (0, 920_000, 60_000, 350_000),
}


def aave_curve(name: str) -> RateCurve:
    """Return the borrow rate of USDC and USDT at Aave; its kink is an assumption.

    Parameters
    ----------
    name : str
        ``"stablecoin"`` or ``"stablecoin after 25 Oct 2025"``.

    Examples
    --------
    >>> aave_curve("stablecoin").numbers
    (0, 920000, 65000, 350000)
    """
    return RateCurve(name, *named(_CURVES, "name", name), _CURVE_SOURCE, is_verified=False)


@dataclass(frozen=True)
class MorphoMarket:
    """A market of Morpho: its liquidation LTV says the incentive (Y-12).

    Parameters
    ----------
    lltv_ppm : int
        Liquidation LTV, ppm.
    source : str
        Where the number is from.

    Examples
    --------
    >>> round(MorphoMarket(915_000, "made up").factor / 10**18, 4)
    1.0262
    """

    lltv_ppm: int
    source: str

    def __post_init__(self) -> None:
        _check_shares(self, "lltv_ppm")

    @property
    def factor(self) -> int:
        """The liquidation incentive factor, in 10^-18."""
        return morpho_factor(self.lltv_ppm)


_LLTVS = (385_000, 625_000, 770_000, 860_000, 915_000, 945_000, 965_000)


def morpho(lltv_ppm: int) -> MorphoMarket:
    """Return a market of Morpho Blue with one of the LLTVs that its owner has enabled.

    Parameters
    ----------
    lltv_ppm : int
        385,000, 625,000, 770,000, 860,000, 915,000, 945,000 or 965,000 ppm; `MorphoMarket` takes any other.

    Raises
    ------
    InputError
        It is none of them.

    Examples
    --------
    >>> round(morpho(770_000).factor / 10**18, 4)
    1.0741
    """
    if whole(lltv_ppm, "lltv_ppm", 0, ONE_PPM) not in _LLTVS:
        raise InputError("lltv_ppm", f"one of {', '.join(map(str, _LLTVS))}", lltv_ppm)
    return MorphoMarket(lltv_ppm, "morpho-org/morpho-blue 3085651")


@dataclass(frozen=True)
class CometFactors:
    """Factors of a collateral at Compound v3 (Y-13).

    Parameters
    ----------
    liquidation_ppm : int
        Liquidation factor: what of a value counts when it is absorbed, ppm.
    store_front_ppm : int
        Part of the penalty that a buyer gets, ppm.
    source : str
        Where the numbers are from.

    Examples
    --------
    >>> CometFactors(930_000, 600_000, "made up").discount
    Fraction(21, 500)
    """

    liquidation_ppm: int
    store_front_ppm: int
    source: str

    def __post_init__(self) -> None:
        _check_shares(self, "liquidation_ppm", "store_front_ppm")

    @property
    def penalty(self) -> Fraction:
        """What an absorbed borrower loses of a value."""
        return Fraction(ONE_PPM - self.liquidation_ppm, ONE_PPM)

    @property
    def discount(self) -> Fraction:
        """What a buyer at the storefront saves."""
        return self.penalty * Fraction(self.store_front_ppm, ONE_PPM)


def comet() -> CometFactors:
    """Return the factors of Compound v3's usual example; the threshold is a parameter of each market.

    Examples
    --------
    >>> float(comet().penalty), float(comet().discount)
    (0.07, 0.042)
    """
    return CometFactors(930_000, 600_000, "compound-finance/comet d5a30b0")


@dataclass(frozen=True)
class LoanTerms:
    """LTVs of a centralised loan (Y-14).

    Parameters
    ----------
    name : str
        Of venue and collateral.
    initial_ppm, call_ppm, liquidation_ppm : int
        Up to which it may begin, and at or above which it is called and liquidated, ppm, not falling. The first may be
        None where no source says it.
    source : str
        Where the numbers are from.
    is_verified : bool
        Whether a source says them.

    Raises
    ------
    InputError
        Something is out of its bounds; it is named.

    Examples
    --------
    >>> LoanTerms("own", 650_000, 750_000, 740_000, "made up")
    Traceback (most recent call last):
    engine.errors.InputError: liquidation_ppm: expected an integer between 750000 and 1000000, was 740000
    """

    name: str
    initial_ppm: int | None
    call_ppm: int
    liquidation_ppm: int
    source: str
    is_verified: bool = True

    def __post_init__(self) -> None:
        low = 1 if self.initial_ppm is None else whole(self.initial_ppm, "initial_ppm", 1, ONE_PPM)
        whole(self.call_ppm, "call_ppm", low, ONE_PPM)
        whole(self.liquidation_ppm, "liquidation_ppm", self.call_ppm, ONE_PPM)


_LOANS: dict[str, tuple[int | None, int, int, str, bool]] = {
    "Binance BNB": (650_000, 750_000, 830_000, "Binance API documentation, example of a flexible loan", True),
    "Binance 2020": (None, 750_000, 830_000, "Binance's text of 2020, quoted in a forum", True),
    "Binance BTC": (780_000, 850_000, 910_000, "assumed; in no source", False),
    "Binance ETH": (780_000, 850_000, 910_000, "assumed; in no source", False),
    "Bybit ETH PRO1": (800_000, 870_000, 950_000, "Bybit API documentation, example of a loan", True),
}


def loan(name: str) -> LoanTerms:
    """Return the LTVs of a centralised loan.

    Parameters
    ----------
    name : str
        ``"Binance BNB"``, ``"Binance 2020"``, ``"Bybit ETH PRO1"``; and ``"Binance BTC"``, ``"Binance ETH"``, which are
        assumptions (``is_verified`` is False).

    Examples
    --------
    >>> loan("Bybit ETH PRO1").liquidation_ppm, loan("Binance BTC").is_verified
    (950000, False)
    """
    return LoanTerms(name, *named(_LOANS, "name", name))


# ---- closed forms ----------------------------------------------------------------------------------------------------


def toxic_ltv(bonus_ppm: int) -> Fraction:
    """Return the LTV from which on a liquidation no longer lowers it (Y-11).

    Examples
    --------
    >>> round(float(toxic_ltv(50_000)), 6)
    0.952381
    """
    return Fraction(ONE_PPM, ONE_PPM + whole(bonus_ppm, "bonus_ppm", 0, ONE_PPM))


def covering_price(collateral: Number, debt: Number, bonus_ppm: int) -> Fraction:
    """Return the price below which seizing the collateral, with the bonus, no longer covers the debt (Y-11).

    Parameters
    ----------
    collateral, debt : number
        Quantity and value.
    bonus_ppm : int
        Of the liquidator, ppm.

    Raises
    ------
    InputError
        Something is no number, or there is no collateral.

    Examples
    --------
    >>> float(covering_price(1_000_000, 900_000, 40_000))
    0.936
    """
    from engine.margin import fraction

    held = fraction(collateral, "collateral")
    if held <= 0:
        raise InputError("collateral", "a quantity above 0", collateral)
    return fraction(debt, "debt") / held / toxic_ltv(bonus_ppm)
