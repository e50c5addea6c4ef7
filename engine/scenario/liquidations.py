"""How a venue liquidates, as a scenario says it: a preset's name, or a table that changes some of a preset.

A key of the table is a field of `engine.policy.Policy`, but for `preset`, and `stage_min`, which is its
`stage_lots_min`. `liquidation_of` makes the policy.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from engine.liquidation import policy_named
from engine.policy import Policy
from engine.scenario.base import Model
from engine.scenario.problems import TAG, expected_error
from engine.scenario.quantities import AMOUNT, CADENCE, DURATION, Amount, Quantity, RefusedError, scaled, share
from engine.scenario.quantities import write_scaled as _write

__all__ = ["FundField", "Liquidation", "LiquidationField", "liquidation_of"]

PolicyName = Literal[
    "plain",
    "noted",
    "staged",
    "binance-futures",
    "binance-portfolio-margin",
    "bybit",
    "okx",
    "hyperliquid",
    "dydx",
]
_RuleName = Literal["binance", "hyperliquid", "hyperliquid_adjusted", "bybit", "contracts", "pnl", "unranked", "none"]
_MONEY_TEXT = 'an amount of the venue\'s money such as "100k", at least 0'
_AS_NAME, _AS_TABLE = f"{TAG}name", f"{TAG}table"


def _read_money(value: object) -> Decimal:
    number = scaled(value, _MONEY_TEXT)
    if number < 0:
        raise RefusedError(_MONEY_TEXT)
    return number


_Money = Annotated[Decimal, Quantity(_read_money, _write, {"type": ["string", "number"], "description": _MONEY_TEXT})]
_Share = Annotated[Decimal, share()]
_Ratio = Annotated[Decimal, share(high="1000")]


class Liquidation(Model):
    """How an account below maintenance is reduced (X-4), and who bears what is left; the rest is the preset's."""

    preset: PolicyName = Field("plain", description="the policy that the other keys change")
    stage: _Share | None = Field(None, description="share of a position that a step closes; 0: only noted")
    stage_min: int | None = Field(None, strict=True, ge=1, le=2**61, description="least lots of a step")
    every: Annotated[int, CADENCE] | None = Field(None, description="time between steps")
    step_least: _Money | None = Field(None, description="what a step is worth at least")
    step_most: _Money | None = Field(None, description="what a step is worth at most; 0 any")
    large: _Money | None = Field(None, description="positions worth no more go whole; 0: all are staged")
    whole_for: Annotated[int, DURATION] | None = Field(None, description="so long after a partial step steps are whole")
    size: Literal["share", "tier"] | None = Field(None, description="a share, or down to a lower maintenance tier")
    tiers_down: int | None = Field(None, strict=True, ge=1, le=64, description="tiers at a time")
    order: Literal["market", "band", "bankruptcy", "fillable"] | None = Field(None, description="limit of the orders")
    is_fok: bool | None = Field(None, strict=True, description="orders are whole or nothing")
    band: _Share | None = Field(None, description="of band: distance from the mark")
    spread: _Ratio | None = Field(None, description="of fillable: distance at no health, in maintenance ratios")
    steps_most: int | None = Field(None, strict=True, ge=0, le=65535, description="then takeover is due; 0 never so")
    takeover: _Share | None = Field(None, description="it is due below this share of the requirement")
    tier_least: int | None = Field(None, strict=True, ge=0, le=64, description="lower tiers are taken over at once")
    takes_over: bool | None = Field(None, strict=True, description="the fund, or a backstop, takes positions")
    fee: _Share | None = Field(None, description="clearance fee to the fund")
    fund_most: _Money | None = Field(None, description="most that the fund pays for one liquidation; 0 any")
    adl: _RuleName | None = Field(None, description="rule of auto-deleveraging, or none")
    close: Literal["bankruptcy", "mark"] | None = Field(None, description="at which value it closes")
    cancels_orders: bool | None = Field(None, strict=True, description="it takes off the orders of whom it meets")
    rank_for: Annotated[int, DURATION] | None = Field(None, description="how long a ranking stands")
    shares_losses: bool | None = Field(None, strict=True, description="what lacks is shared by those with profit")
    backstop_least: _Money | None = Field(None, description="a backstop worth less is relieved of its positions")
    unwind_every: Annotated[int, CADENCE] | None = Field(None, description="a backstop trades out: cadence")
    unwind: _Share | None = Field(None, description="and share of a position")
    unwind_band: _Share | None = Field(None, description="and distance from the mark")
    sells: Literal["haircut_liquidity", "pro_rata", "custom"] | None = Field(None, description="which assets go first")
    sell_order: list[str] | None = Field(None, description="of custom: names of assets, first to go first")


def _as_table(value: object) -> object:
    """Turn a policy that was made in Python into what a file would say."""
    if not isinstance(value, Policy):
        return value
    said = value.said()
    if callable(said.get("adl")):
        raise expected_error("a rule of auto-deleveraging by name: a function is no data", str(said["adl"]))
    for field in ("every", "whole_for", "rank_for", "unwind_every"):
        if field in said:
            said[field] = f"{said[field]}ms"
    if "stage_lots_min" in said:
        said["stage_min"] = said.pop("stage_lots_min")
    if "sell_order" in said:
        said["sell_order"] = list(said["sell_order"])
    return said


def _named_or_table(value: object) -> str:
    return _AS_NAME if isinstance(value, str) else _AS_TABLE


LiquidationField = Annotated[
    Annotated[PolicyName, Tag(_AS_NAME)] | Annotated[Liquidation, Tag(_AS_TABLE)],
    Discriminator(_named_or_table),
    BeforeValidator(_as_table),
]


def _as_list(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


FundField = Annotated[list[Annotated[Amount, AMOUNT]], BeforeValidator(_as_list)]
"""What an insurance fund begins with: one amount with its asset, or a list of them."""


def liquidation_of(said: str | Liquidation) -> Policy:
    """Return the policy that a venue says.

    Parameters
    ----------
    said : str or Liquidation
        A preset's name, or a table.

    Returns
    -------
    Policy

    Raises
    ------
    InputError
        The table makes no policy; the key is named.

    Examples
    --------
    >>> liquidation_of("noted"), liquidation_of(Liquidation(preset="dydx", adl="pnl", stage_min=5)).adl
    (Policy(stage=0), 'pnl')
    """
    if isinstance(said, str):
        return policy_named(said)
    changes = {name: getattr(said, name) for name in said.model_fields_set if name != "preset"}
    changes = {name: value for name, value in changes.items() if value is not None}
    if "stage_min" in changes:
        changes["stage_lots_min"] = changes.pop("stage_min")
    if changes.get("adl") == "none":
        changes["adl"] = None
    if "sell_order" in changes:
        changes["sell_order"] = tuple(changes["sell_order"])
    return policy_named(said.preset).but(**changes)
