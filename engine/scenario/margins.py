"""How margin works at a venue, as a scenario says it: ladders, tiers and collateral, by a preset's name or as a table.

A name is ``VENUE:WHICH``, such as ``"binance:ATOMUSDT"``, ``"hyperliquid:BTC"`` or ``"flat:2%"``. Names are looked up
when the scenario is read, so a wrong one is told where it stands; `ladder_of`, `tiers_of`, `value_of` make the tables
of `engine.margin`, `engine.tiers` and `engine.haircuts`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from engine import haircuts, tiers
from engine.errors import InputError
from engine.margin import Boundary, Comparator, Ladder, MarginAction
from engine.scenario.base import Model
from engine.scenario.problems import TAG, expected_error
from engine.scenario.quantities import Quantity, RefusedError, scaled, share, write_scaled
from engine.scenario.words import one_of
from engine.schedules import checked_floors, checked_rates
from engine.venues import ladder_named

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Collateral",
    "CollateralTiers",
    "LadderField",
    "LadderStep",
    "Mode",
    "TierRows",
    "TiersField",
    "ladder_of",
    "tiers_of",
    "value_of",
]

PPM = 10**6
Mode = Literal["cash", "isolated", "cross", "unified"]
LadderName = Literal["binance-futures", "binance-portfolio-margin", "bybit", "okx", "hyperliquid", "dydx"]
_FLOOR_TEXT = 'an amount such as "200k", at least 0'


def _read_floor(value: object) -> Decimal:
    number = scaled(value, _FLOOR_TEXT)
    if number < 0:
        raise RefusedError(_FLOOR_TEXT)
    return number


_FLOOR = Quantity(_read_floor, write_scaled, {"type": ["string", "number"], "description": _FLOOR_TEXT})
_SHARE = share()
_RATIO = share(high="1000", above=True)
_AS_NAME, _AS_TABLE = f"{TAG}name", f"{TAG}table"
_Share = Annotated[Decimal, _SHARE]


def _share_of(ppm: int) -> Decimal:
    return (Decimal(ppm) / PPM).normalize()


def _as_rows(value: object) -> object:
    """Turn a table that was made in Python into what a file would say."""
    if isinstance(value, Ladder):
        return [
            {
                "action": boundary.action.name.lower().replace("_", "-"),
                "ratio": _share_of(boundary.ratio_ppm),
                "comparator": boundary.comparator.name.lower().replace("_", "-"),
            }
            for boundary in value.boundaries
        ]
    if isinstance(value, tiers.TierTable):
        rates = {"maintenance": value.maintenance_ppm, "initial": value.initial_ppm}
        return {"floors": list(value.floors), **{key: [_share_of(ppm) for ppm in each] for key, each in rates.items()}}
    if isinstance(value, haircuts.CollateralTable):
        return {"floors": list(value.floors), "shares": [_share_of(ppm) for ppm in value.value_ppm]}
    return value


def _named_or_table(value: object) -> str:
    return _AS_TABLE if isinstance(value, (dict, list, Model)) else _AS_NAME


# ---- ladders ---------------------------------------------------------------------------------------------------------


class LadderStep(Model):
    """One boundary of a ladder (C-4): what happens to an account whose equity by requirement falls there."""

    action: Literal["warn", "reduce-only", "cancel", "liquidate"] = Field(description="action, such as reduce-only")
    ratio: Annotated[Decimal, _RATIO] = Field(description='ratio of equity and requirement, such as "1.05" or "105%"')
    comparator: Literal["below", "at-or-below"] = "below"


LadderField = Annotated[
    Annotated[LadderName, Tag(_AS_NAME)] | Annotated[list[LadderStep], Tag(_AS_TABLE)],
    Discriminator(_named_or_table),
    BeforeValidator(_as_rows),
]


def ladder_of(said: str | list[LadderStep]) -> Ladder:
    """Return the ladder that a venue says.

    Examples
    --------
    >>> steps = [LadderStep(action="warn", ratio="1.5"), LadderStep(action="liquidate", ratio="105%")]
    >>> [boundary.ratio_ppm for boundary in ladder_of(steps).boundaries]
    [1500000, 1050000]
    """
    if isinstance(said, str):
        return ladder_named(said)
    rows = []
    for place, step in enumerate(said):
        ratio_ppm = step.ratio * PPM
        if ratio_ppm != int(ratio_ppm):
            raise InputError(f"ladder[{place}].ratio", "a whole number of ppm", step.ratio)
        action = MarginAction[step.action.upper().replace("-", "_")]
        rows.append(Boundary(action, int(ratio_ppm), Comparator[step.comparator.upper().replace("-", "_")]))
    return Ladder(tuple(rows))


# ---- tiers -----------------------------------------------------------------------------------------------------------


class TierRows(Model):
    """Margin tiers of a perpetual, row by row (S-1, S-3): where each begins, and its rates."""

    floors: list[Annotated[Decimal, _FLOOR]] = Field(description='floors, notionals such as ["0", "50k"]')
    maintenance: list[_Share] = Field(description='maintenance, a rate for each floor, such as ["0.4%", "0.5%"]')
    initial: list[_Share] = Field(
        default_factory=list, description="initial rates; twice those of maintenance if not given"
    )


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise InputError("leverage", "a whole leverage such as 10", text)
    return int(text)


_TIERS: dict[str, Callable[[str], tiers.TierTable]] = {
    "binance": tiers.binance,
    "hyperliquid": tiers.hyperliquid,
    "hyperliquid-flat": lambda text: tiers.hyperliquid_flat(_whole(text)),
    "dydx": tiers.dydx,
    "flat": lambda text: tiers.flat(_read_share(text)),
}
_VALUES: dict[str, Callable[[str], haircuts.CollateralTable]] = {
    "binance-pm": haircuts.portfolio_margin,
    "binance-pm-pro": haircuts.binance_pm_pro,
    "flat": lambda text: haircuts.flat(_read_share(text)),
}


def _read_share(text: str) -> Decimal:
    try:
        return Decimal(_SHARE.read(text))
    except RefusedError as refused:
        raise InputError("rate", refused.expected, text) from None


def _preset(presets: dict[str, Any], text: str) -> Any:
    """Return the table of a name such as ``binance:ATOMUSDT``."""
    venue, colon, which = text.partition(":")
    if not colon or venue not in presets:
        raise InputError("name", f"VENUE:WHICH, the venue {one_of(presets, venue)}", text)
    return presets[venue](which)


def _is_preset(presets: dict[str, Any]) -> BeforeValidator:
    """Refuse a name that no preset has; what is no text is left to the table's model."""

    def check(value: object) -> object:
        try:
            if isinstance(value, str):
                _preset(presets, value)
        except InputError as error:
            raise expected_error(error.expected, value) from None
        return value

    return BeforeValidator(check)


TiersField = Annotated[
    Annotated[str, _is_preset(_TIERS), Tag(_AS_NAME)] | Annotated[TierRows, Tag(_AS_TABLE)],
    Discriminator(_named_or_table),
    BeforeValidator(_as_rows),
]


def _rates(shares: list[Decimal], field: str, count: int, *, rise: bool) -> tuple[int, ...]:
    """Return shares in ppm, in the order that a table must have."""
    ppm = [each * PPM for each in shares]
    for place, each in enumerate(ppm):
        if each != int(each):
            raise InputError(f"{field}[{place}]", "a whole number of ppm", shares[place])
    return checked_rates([int(each) for each in ppm], field, count, rise=rise)


def tiers_of(said: str | TierRows) -> tiers.TierTable:
    """Return the margin tiers that a perpetual says.

    Examples
    --------
    >>> tiers_of("hyperliquid:BTC").maintenance_ppm, tiers_of(TierRows(floors=["0"], maintenance=["2%"])).initial_ppm
    ((12500, 25000), (40000,))
    """
    if isinstance(said, str):
        table: tiers.TierTable = _preset(_TIERS, said)
        return table
    floors = checked_floors(said.floors)
    maintenance = _rates(said.maintenance, "maintenance", len(floors), rise=True)
    twice = [min(Decimal(1), 2 * rate) for rate in said.maintenance]
    initial = _rates(said.initial or twice, "initial", len(floors), rise=True)
    for place, (first, later) in enumerate(zip(initial, maintenance, strict=True)):
        if first < later:
            raise InputError(f"initial[{place}]", f"at least the maintenance rate, {later} ppm", first)
    return tiers.TierTable("declared", floors, maintenance, initial, "the scenario")


# ---- collateral ------------------------------------------------------------------------------------------------------


class CollateralTiers(Model):
    """What counts of a collateral, row by row (S-1, S-3): where each tier begins, and the share of it that counts."""

    floors: list[Annotated[Decimal, _FLOOR]] = Field(description='floors, amounts of the unit such as ["0", "200k"]')
    shares: list[_Share] = Field(description='shares, one for each floor, such as ["100%", "80%"]')


def _share_or_preset(value: object) -> object:
    """Read a share of any kind, or a preset's name."""
    if isinstance(value, str) and ":" in value:
        try:
            _preset(_VALUES, value)
        except InputError as error:
            raise expected_error(error.expected, value) from None
        return value
    try:
        return Decimal(_SHARE.read(value))
    except RefusedError as refused:
        expected = f"{refused.expected}, or a name such as binance-pm:SUI"
        raise expected_error(expected, value) from None


ValueField = Annotated[
    Annotated[Decimal | str, BeforeValidator(_share_or_preset), Tag(_AS_NAME)]
    | Annotated[CollateralTiers, Tag(_AS_TABLE)],
    Discriminator(_named_or_table),
    BeforeValidator(_as_rows),
]


class Collateral(Model):
    """An asset that counts in a venue's unified accounts (C-3); the one without a market is the unit of account."""

    market: str | None = Field(None, min_length=1, description="spot market, against the unit, whose index prices it")
    value: ValueField | None = Field(None, description='what counts of it: "95%", "binance-pm:SUI" or a table; all')
    loan: _Share = Field(Decimal(0), description="maintenance of what is owed of it")
    lender: str | None = Field(None, min_length=1, description="population whose first account lends it")


def value_of(said: Decimal | str | CollateralTiers | None) -> haircuts.CollateralTable | None:
    """Return what counts of a collateral.

    Examples
    --------
    >>> value_of(Decimal("0.95")).value_ppm, value_of("binance-pm:SUI").value_ppm, value_of(None)
    ((950000,), (700000,), None)
    """
    if said is None:
        return None
    if isinstance(said, str):
        table: haircuts.CollateralTable = _preset(_VALUES, said)
        return table
    if isinstance(said, Decimal):
        return haircuts.flat(said)
    floors = checked_floors(said.floors)
    return haircuts.CollateralTable(
        "declared", floors, _rates(said.shares, "shares", len(floors), rise=False), "the scenario"
    )
