"""Lenders and blocks, as a scenario says them: what counts as collateral, rates, prices, rules.

Names of presets are ``KIND:WHICH``, such as ``"aave:USDe"``, ``"morpho:0.915"`` or ``"loan:Binance BNB"`` of terms and
``"aave:stablecoin"`` of rates; `terms_of` and `curve_of` make what `Simulation.lending` takes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from engine import lending
from engine.errors import InputError
from engine.protocols import Terms
from engine.scenario.base import Model, Named, Ref
from engine.scenario.problems import TAG, expected_error
from engine.scenario.quantities import AMOUNT, CADENCE, DURATION, PRICE, SUPPLY, Amount, RefusedError, share
from engine.units import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Blocks", "Lender", "LenderPrice", "RateTable", "TermsTable", "curve_of", "rules_of", "terms_of"]

_AS_NAME, _AS_TABLE = f"{TAG}name", f"{TAG}table"
_SHARE = share()
_RATE = share(high="9")
_Share = Annotated[Decimal, _SHARE]
FREE, BORROWED = "free", "borrowed"


class Blocks(Model):
    """Blocks of a venue: its actions wait for the next one and pay gas (B-3 .. B-5)."""

    every: Annotated[int, CADENCE] = Field(12_000, description="time between blocks")
    gas_asset: Ref = Field(description="gas_asset, what gas is paid in")
    gas_limit: int = Field(0, strict=True, ge=0, le=2**50, description="gas of a block, 800000 at least; 0 any")
    base_price: Annotated[Decimal, PRICE] = Field(Decimal(0), description="of a million units of gas, at the start")
    base_least: Annotated[Decimal, PRICE] = Field(Decimal(0), description="and at least")


class TermsTable(Model):
    """What counts of a collateral (Y-8, Y-10); of a Comet the bonus is 1 - liquidation factor."""

    ltv: _Share = Field(description='ltv, up to which may be borrowed, such as "90%"')
    threshold: _Share = Field(description='threshold, where liquidation begins, such as "92%"')
    bonus: _Share = Field(Decimal(0), description="what a liquidator gets on top")


class RateTable(Model):
    """A borrow rate of a year by utilisation, kinked (Y-2)."""

    base: Annotated[Decimal, _RATE] = Field(Decimal(0), description="at no utilisation")
    kink: _Share = Field(description='kink, the utilisation where it bends, such as "92%"')
    slope: Annotated[Decimal, _RATE] = Field(description='slope, what it gains up to there, such as "6.5%"')
    steep: Annotated[Decimal, _RATE] = Field(description='steep, what it gains from there on, such as "35%"')


class LenderPrice(Model):
    """A market whose series prices an asset at a lender (Y-16)."""

    market: Ref = Field(description="market, whose series it is")
    series: Literal["oracle", "index", "mark"] = "oracle"


_TERMS: dict[str, Callable[[str], Any]] = {
    "aave": lending.aave,
    "morpho": lambda text: lending.morpho(Grid("0.000001").count(text, "lltv")),
    "loan": lending.loan,
}


def _named_terms(text: str) -> Any:
    kind, colon, which = text.partition(":")
    if not colon or kind not in _TERMS:
        raise InputError("terms", f"a table, or KIND:WHICH, the kind one of {', '.join(_TERMS)}", text)
    return _TERMS[kind](which)


def _named_rates(text: str) -> Any:
    if text == FREE:
        return None
    kind, colon, which = text.partition(":")
    if not colon or kind != "aave":
        raise InputError("rates", f'"{FREE}", "aave:stablecoin", or a table', text)
    return lending.aave_curve(which)


def _checked_name(read: Callable[[str], object], *also: str) -> BeforeValidator:
    """Refuse a name that no preset has; what is no text is left to the table's model."""

    def check(value: object) -> object:
        try:
            if isinstance(value, str) and value not in also:
                read(value)
        except InputError as error:
            raise expected_error(error.expected, value) from None
        return value

    return BeforeValidator(check)


def _as_table(value: object) -> object:
    """Turn terms that were made in Python into what a file would say."""
    if isinstance(value, Terms):
        return dict(zip(("ltv", "threshold", "bonus"), value, strict=True))
    return value


def _named_or_table(value: object) -> str:
    return _AS_NAME if isinstance(value, str) else _AS_TABLE


TermsField = Annotated[
    Annotated[str, _checked_name(_named_terms), Tag(_AS_NAME)] | Annotated[TermsTable, Tag(_AS_TABLE)],
    Discriminator(_named_or_table),
    BeforeValidator(_as_table),
]
ModeField = Annotated[
    Annotated[str, _checked_name(_named_terms, BORROWED), Tag(_AS_NAME)] | Annotated[TermsTable, Tag(_AS_TABLE)],
    Discriminator(_named_or_table),
    BeforeValidator(_as_table),
]
RatesField = Annotated[
    Annotated[str, _checked_name(_named_rates), Tag(_AS_NAME)] | Annotated[RateTable, Tag(_AS_TABLE)],
    Discriminator(_named_or_table),
]


def _as_price(value: object) -> object:
    """Read a number as a fixed price; a market that was made in Python as its oracle."""
    if isinstance(value, Named):
        return {"market": value.name}
    if isinstance(value, (dict, LenderPrice)):
        return value
    try:
        price = Decimal(PRICE.read(value))
    except RefusedError:
        price = Decimal(0)
    if price <= 0:
        raise expected_error('a price such as "1.00", or a table with a market', value)
    return price


PriceField = Annotated[
    Annotated[Decimal, PRICE, Tag(_AS_NAME)] | Annotated[LenderPrice, Tag(_AS_TABLE)],
    Discriminator(lambda value: _AS_TABLE if isinstance(value, (dict, LenderPrice)) else _AS_NAME),
    BeforeValidator(_as_price),
]


class Lender(Named):
    """A lending protocol, or a centralised lender (Y-15)."""

    form: Literal["aave", "morpho", "comet", "loan"] = Field(description="form, how it liquidates")
    venue: Ref | None = Field(None, description="name of its venue; needed if there are several")
    collateral: dict[str, TermsField] = Field(min_length=1, description="what counts, by asset")
    borrow: dict[str, RatesField] = Field(min_length=1, description='rates of what is lent, by asset: "free", ...')
    oracle: dict[str, PriceField] = Field(default_factory=dict, description="prices, by asset; of what is lent 1")
    stale: Annotated[int, DURATION] = Field(0, description="an older publication is unknown; 0 never")
    modes: dict[str, dict[str, ModeField]] = Field(
        default_factory=dict, description='e-modes by name: what counts there by asset, or "borrowed"'
    )
    supply_caps: dict[str, Annotated[Decimal, SUPPLY]] = Field(default_factory=dict, description="by asset")
    borrow_caps: dict[str, Annotated[Decimal, SUPPLY]] = Field(default_factory=dict, description="by asset")
    kept: _Share = Field(Decimal(0), description="share of the interest that it keeps")
    accrue_every: Annotated[int, DURATION] = Field(0, description="clock of interest; 0: when something is done")
    supplied: dict[str, Annotated[Amount, AMOUNT]] = Field(
        default_factory=dict, description="what the first account of a population supplies at the start"
    )
    sells_on: dict[str, Ref] = Field(default_factory=dict, description="of loan: where each collateral is sold")
    fee: _Share | None = Field(None, description="of aave: its part of the bonus")
    close_factor: _Share | None = Field(None, description="of aave: what may be repaid of all debt")
    full_below: _Share | None = Field(None, description="of aave: health below which all may be")
    close_value_min: Annotated[Decimal, PRICE] | None = Field(None, description="of aave: value below which all may be")
    left_value_min: Annotated[Decimal, PRICE] | None = Field(None, description="of aave: value that is left at least")
    store_front: _Share | None = Field(None, description="of comet: part of the penalty that a buyer gets")
    target: Annotated[Decimal, SUPPLY] | None = Field(None, description="of comet: reserves up to which it sells")
    call: _Share | None = Field(None, description="of loan: LTV of the margin call")
    liquidation: _Share | None = Field(None, description="of loan: LTV of the liquidation")
    sale: _Share | None = Field(None, description="of loan: part of a collateral that a step sells")
    sale_every: Annotated[int, CADENCE] | None = Field(None, description="of loan: pause between the steps")


RULES = {
    "aave": ("fee", "close_factor", "full_below", "close_value_min", "left_value_min"),
    "morpho": (),
    "comet": ("store_front", "target"),
    "loan": ("call", "liquidation", "sale", "sale_every"),
}


def terms_of(said: str | TermsTable) -> Any:
    """Return what `Simulation.lending` takes of a collateral.

    Examples
    --------
    >>> terms_of("aave:USDe").threshold_ppm, terms_of(TermsTable(ltv="80%", threshold="83%"))
    (920000, Terms(ltv=Decimal('0.8'), threshold=Decimal('0.83'), bonus=Decimal('0')))
    """
    return _named_terms(said) if isinstance(said, str) else Terms(said.ltv, said.threshold, said.bonus)


def mode_of(said: Mapping[str, str | TermsTable]) -> dict[str, Any]:
    """Return what `Simulation.lending` takes of a mode."""
    return {asset: None if each == BORROWED else terms_of(each) for asset, each in said.items()}


def curve_of(said: str | RateTable) -> Any:
    """Return what `Simulation.lending` takes of what is lent.

    Examples
    --------
    >>> curve_of("aave:stablecoin").numbers, curve_of("free"), curve_of(RateTable(kink="90%", slope="5%", steep="1"))
    ((0, 920000, 65000, 350000), None, (Decimal('0'), Decimal('0.9'), Decimal('0.05'), Decimal('1')))
    """
    return _named_rates(said) if isinstance(said, str) else (said.base, said.kink, said.slope, said.steep)


def rules_of(lender: Lender) -> dict[str, Any]:
    """Return the rules that a lender says."""
    said = {name: getattr(lender, name) for rules in RULES.values() for name in rules}
    return {name: value for name, value in said.items() if value is not None}
