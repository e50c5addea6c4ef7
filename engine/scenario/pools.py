"""Pools, as a scenario says them: form, coins, fee, and what is added at the start (Z-16, Z-17)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from engine.scenario.base import Model, Named, Ref
from engine.scenario.quantities import PRICE, SUPPLY, share

__all__ = ["Pool", "PoolRange"]

TICK_MAX = 400_000  # Z-11
_FEE = share(high="0.1")


class PoolRange(Model):
    """Liquidity between two ticks, added at the start (Z-14)."""

    account: Ref = Field(description="account, a population whose first account adds it")
    lower: int = Field(strict=True, ge=-TICK_MAX, le=TICK_MAX, description="lower, a tick")
    upper: int = Field(strict=True, ge=-TICK_MAX, le=TICK_MAX, description="upper, a tick")
    liquidity: int = Field(strict=True, ge=1, le=2**61, description="liquidity, as Z-12 counts it")


class Pool(Named):
    """A pool of coins at a venue."""

    form: Literal["product", "stable", "ranges"] = Field(description="form, what kind of pool")
    venue: Ref | None = Field(None, description="name of its venue; needed if there are several")
    assets: list[Ref] = Field(min_length=2, max_length=4, description="assets, its coins")
    fee: Annotated[Decimal, _FEE] = Field(Decimal("0.003"), description="of a swap")
    amplification: int | None = Field(None, strict=True, ge=1, le=10**6, description="of stable; 100 by default")
    price: Annotated[Decimal, PRICE] | None = Field(None, description="of ranges: of the first coin, in the second")
    tick_spacing: int | None = Field(None, strict=True, ge=1, le=16_384, description="of ranges; 60 by default")
    supplied: dict[str, dict[str, Annotated[Decimal, SUPPLY]]] = Field(
        default_factory=dict, description="amounts by asset that the first account of a population adds at the start"
    )
    ranges: list[PoolRange] = Field(default_factory=list, description="of ranges: what is added at the start")
