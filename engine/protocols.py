"""Lenders as a simulation declares and reads them: terms, rules, what an action did, a loan, a reserve.

Stands on `engine.declared`, `engine.lending` and `engine.units`. `engine.lenders` makes them. All are frozen; numbers
are those of the world, amounts are in units.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import gcd
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.declared import Asset, Market
from engine.errors import InputError
from engine.lending import AaveMarket, CometFactors, LoanTerms, MorphoMarket, RateCurve
from engine.margin import fraction
from engine.schedules import ONE_PPM, share_ppm
from engine.types import ActionReason
from engine.units import Amount, Grid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["ACTIONS", "ALL", "FORMS", "Acted", "Lender", "LenderState", "Loan", "Price", "ReserveState", "Terms"]

FORMS = ("aave", "morpho", "comet", "loan")
ACTIONS = (
    "supply", "withdraw", "borrow", "repay", "mode", "liquidate", "flash_liquidate", "absorb", "buy_collateral",
)  # fmt: skip
"""The kinds of actions at a lender (B-1)."""
ALL = 2**61
"""Atoms of "all"."""
PRICE_MAX = 2**52  # Y-6
HEALTH_MAX = 2**62  # of one who owes nothing (Y-7)
_PER_PPM = Decimal("0.000001")
_RATE = Grid("1E-18")


class Terms(NamedTuple):
    """What counts of a collateral: loan-to-value, liquidation threshold and bonus, as shares (Y-8, Y-10).

    Of a Comet the last one is its penalty, 1 - liquidation factor.

    Examples
    --------
    >>> Terms("0.9", "0.92", "0.04")
    Terms(ltv='0.9', threshold='0.92', bonus='0.04')
    """

    ltv: Amount
    threshold: Amount
    bonus: Amount = 0


def terms_ppm(said: object, field: str) -> tuple[int, int, int]:
    """Return loan-to-value, threshold and bonus in ppm, of terms or of a preset of `engine.lending`.

    Examples
    --------
    >>> from engine import lending
    >>> terms_ppm(lending.aave("USDe"), "USDe"), terms_ppm(lending.morpho(915_000), "USDe")
    ((900000, 920000, 40000), (915000, 915000, 0))
    >>> terms_ppm(("0.8", "0.83"), "ETH"), terms_ppm(lending.loan("Binance BNB"), "BNB")
    ((800000, 830000, 0), (650000, 830000, 0))
    """
    if isinstance(said, AaveMarket):
        return said.ltv_ppm, said.threshold_ppm, said.bonus_ppm
    if isinstance(said, MorphoMarket):
        return said.lltv_ppm, said.lltv_ppm, 0
    if isinstance(said, LoanTerms):
        return said.initial_ppm or said.call_ppm, said.liquidation_ppm, 0
    if isinstance(said, CometFactors):
        raise InputError(field, "Terms, the threshold with them: it is each market's own (engine.lending.comet)", said)
    if not isinstance(said, tuple) or len(said) not in (2, 3):
        raise InputError(field, "Terms, or a preset of engine.lending", said)
    ltv, threshold, bonus = Terms(*said)
    ppm = share_ppm(ltv, f"{field}.ltv"), share_ppm(threshold, f"{field}.threshold"), share_ppm(bonus, f"{field}.bonus")
    if not 0 < ppm[1] or ppm[0] > ppm[1]:
        raise InputError(field, "a threshold above 0 and a loan-to-value of at most that", said)
    return ppm


def curve_ppm(said: object, field: str) -> tuple[int, int, int, int]:
    """Return the numbers of a curve of rates in ppm; None lends for nothing.

    Examples
    --------
    >>> curve_ppm(None, "USDT"), curve_ppm(("0", "0.9", "0.05", "0.5"), "USDT")
    ((0, 1000000, 0, 0), (0, 900000, 50000, 500000))
    """
    if said is None:
        return 0, ONE_PPM, 0, 0
    if isinstance(said, RateCurve):
        return said.numbers
    if not isinstance(said, tuple) or len(said) != 4:
        raise InputError(field, "a RateCurve, (base, kink, slope, steep) as shares, or None", said)
    names = ("base", "kink", "slope", "steep")
    base, kink, slope, steep = (
        Grid("0.000001").count(each, f"{field}.{name}") for name, each in zip(names, said, strict=True)
    )
    return RateCurve(field, base, kink, slope, steep, "declared").numbers


@dataclass(frozen=True)
class Price:
    """What says a reserve's price (Y-16): a fixed number, or a series of a market, which counts as money as it is."""

    fixed: Fraction | None = None
    market: Market | None = None
    series: str = "oracle"

    @classmethod
    def of(cls, said: object, field: str) -> Price:
        """Read a fixed price, a market (its oracle), or (market, series).

        Examples
        --------
        >>> Price.of("1.0", "USDT")
        Price(fixed=Fraction(1, 1), market=None, series='oracle')
        """
        if isinstance(said, Market):
            return cls(market=said)
        if isinstance(said, tuple) and len(said) == 2 and isinstance(said[0], Market):
            if said[1] not in ("oracle", "index", "mark"):
                raise InputError(field, "a market with one of oracle, index, mark", said[1])
            return cls(market=said[0], series=said[1])
        price = fraction(said, field)  # type: ignore[arg-type]  # it says what it expected
        if price <= 0:
            raise InputError(field, "a price above 0, a market, or (market, series)", said)
        return cls(price)

    def ratio(self, asset: Asset, decimals: int, field: str) -> tuple[int, int]:
        """Return (value atoms, atoms of the asset), of each tick where a market says the ticks; lowest terms."""
        step = self.fixed if self.market is None else Fraction(self.market.price.step)
        assert step is not None
        worth, atoms = step.numerator * 10**decimals, step.denominator * 10**asset.decimals
        common = gcd(worth, atoms)
        worth, atoms = worth // common, atoms // common
        if not (1 <= worth <= PRICE_MAX and 1 <= atoms <= PRICE_MAX):
            raise InputError(field, f"a price of at most {PRICE_MAX} atoms for so many", f"{worth} for {atoms}")
        return worth, atoms


@dataclass(frozen=True)
class Lender:
    """A lending protocol, or a centralised lender.

    Parameters
    ----------
    name : str
        Its name.
    number, venue : int
        In the world, and where it stands.
    form : str
        ``"aave"``, ``"morpho"``, ``"comet"`` or ``"loan"``.
    collateral, lent : tuple of Asset
        What may be supplied as collateral, and what is lent.
    modes : mapping of str to int
        Its e-modes.
    value : Grid
        An atom of its values: money.
    """

    name: str
    number: int
    venue: int
    form: str
    collateral: tuple[Asset, ...]
    lent: tuple[Asset, ...]
    modes: Mapping[str, int]
    value: Grid

    def __index__(self) -> int:
        """Stand for the lender's number wherever the core wants one."""
        return self.number

    @property
    def assets(self) -> tuple[Asset, ...]:
        """The assets of its reserves."""
        return tuple(dict.fromkeys((*self.collateral, *self.lent)))

    def mode_name(self, number: int) -> str | None:
        """Return the name of a mode, None of 0."""
        return next((name for name, own in self.modes.items() if own == number), None)


@dataclass(frozen=True)
class Acted:
    """What an action did (B-6).

    Parameters
    ----------
    kind : str
        Which.
    reason : ActionReason
        ``DONE``, or why it was refused; then nothing but accrued interest has changed.
    paid, got : Decimal
        What the account gave and got, in units of the assets that the kind says; 0 of a refusal.
    """

    kind: str
    reason: ActionReason
    paid: Decimal
    got: Decimal

    @property
    def is_done(self) -> bool:
        """Whether it was done."""
        return self.reason is ActionReason.DONE


@dataclass(frozen=True)
class Loan:
    """What an account has at a lender.

    Parameters
    ----------
    supplied, owed : mapping of str to Decimal
        By asset; claims with interest, debts with interest.
    collateral_value, debt_value, room : Decimal or None
        Values in money, and what may still be borrowed; None while a price is unknown.
    health : Decimal or None
        Six places, rounded down; None while a price is unknown, or without a debt.
    level : int
        Y-21: 0 sound; of a protocol 1 liquidatable, of a centralised loan 1 called, 2 liquidated.
    mode : str or None
        Its e-mode.
    """

    supplied: Mapping[str, Decimal]
    owed: Mapping[str, Decimal]
    collateral_value: Decimal | None
    debt_value: Decimal | None
    room: Decimal | None
    health: Decimal | None
    level: int
    mode: str | None

    @classmethod
    def of(cls, told: Mapping[str, Any], lender: Lender, assets: Mapping[int, Asset]) -> Loan:
        """Return a loan of `World.loan` in units."""
        claims = {assets[number]: pair for number, pair in told["assets"].items()}
        health = told["health_ppm"]
        return cls(
            {asset.name: asset.grid.value(claim) for asset, (claim, _) in claims.items() if claim},
            {asset.name: asset.grid.value(owed) for asset, (_, owed) in claims.items() if owed},
            *_values(told, lender),
            None if health is None or health >= HEALTH_MAX else health * _PER_PPM,
            told["level"],
            lender.mode_name(told["mode"]),
        )

    @property
    def leverage(self) -> Decimal | None:
        """Collateral / equity, six places, rounded half even; None without equity or price."""
        if self.collateral_value is None or self.debt_value is None or self.collateral_value <= self.debt_value:
            return None
        return (self.collateral_value / (self.collateral_value - self.debt_value)).quantize(_PER_PPM)


def _values(told: Mapping[str, Any], lender: Lender) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    held, owed, room = (
        None if told[name] is None else lender.value.value(told[name])
        for name in ("collateral_value", "debt_value", "room")
    )
    return held, owed, room


@dataclass(frozen=True)
class ReserveState:
    """A reserve at its last accrual.

    Parameters
    ----------
    supplied, borrowed, cash, kept, deficit : Decimal
        Claims and debts of all, what the lender has, what of it is its own, and debt that nobody will pay.
    rate, utilisation : Decimal
        Borrow rate of a year and share of what is there that is lent, as shares.
    """

    supplied: Decimal
    borrowed: Decimal
    cash: Decimal
    kept: Decimal
    deficit: Decimal
    rate: Decimal
    utilisation: Decimal

    @classmethod
    def of(cls, told: Mapping[str, int], asset: Asset) -> ReserveState:
        """Return a reserve of `World.reserve` in units."""
        names = ("claims", "debt", "cash", "kept", "deficit")
        supplied, borrowed, cash, kept, deficit = (asset.grid.value(told[name]) for name in names)
        return cls(supplied, borrowed, cash, kept, deficit, _RATE.value(told["rate"]), _RATE.value(told["utilisation"]))


@dataclass(frozen=True)
class LenderState:
    """What a lender has and did.

    Parameters
    ----------
    work : int
        Loans that stand at the last level now.
    liquidations : int
        That were done.
    repaid_value : Decimal
        By them, in money.
    reserves : mapping of str to ReserveState
        By asset.
    """

    work: int
    liquidations: int
    repaid_value: Decimal
    reserves: Mapping[str, ReserveState]

    @property
    def deficit(self) -> Mapping[str, Decimal]:
        """Bad debt by asset, where there is any."""
        return {name: each.deficit for name, each in self.reserves.items() if each.deficit}


def unknown(names: Iterable[str], known: Iterable[str], field: str, what: str) -> None:
    """Refuse the first of some names that is not known."""
    listed = list(known)
    for name in names:
        if name not in listed:
            raise InputError(field, f"{what}: {', '.join(listed) or 'none'}", name)
