"""What is traded and where: assets, venues, markets, oracles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from engine.scenario.base import Model, Named
from engine.scenario.quantities import CADENCE, DURATION, PRICE, SERVICE_US, STEP, SUPPLY, share

__all__ = [
    "MARKET_KINDS",
    "ORACLE_KINDS",
    "Asset",
    "Gateway",
    "IndexOracle",
    "Liquidation",
    "MarkOracle",
    "Market",
    "Perp",
    "Ref",
    "Spot",
    "Venue",
]


def _name_of(value: object) -> object:
    return (value.name or value) if isinstance(value, Named) else value


Ref = Annotated[str, BeforeValidator(_name_of), Field(min_length=1)]
"""The name of another object; in Python the object itself will do."""

_SHARE = share()
_POSITIVE_SHARE = share(above=True)


class Asset(Named):
    """An asset: how finely it divides, and the most of it that there may be (U-4)."""

    decimals: int = Field(strict=True, ge=0, le=9, description="decimals, a whole number from 0 to 9")
    supply: Annotated[Decimal, SUPPLY] = Field(description='supply, such as "10bn"')


class Gateway(Model):
    """The venue's door."""

    service: Annotated[int, SERVICE_US] = Field(0, description="time that the gateway takes for a message, us")


class Liquidation(Model):
    """How an account below maintenance is reduced (X-4)."""

    stage: Annotated[Decimal, _POSITIVE_SHARE] = Field(
        Decimal("0.25"), description="share of a position that a step closes"
    )
    stage_min: int = Field(1, strict=True, ge=1, le=2**61, description="least lots of a step")
    every: Annotated[int, CADENCE] = Field(1000, description="time between steps")


class Venue(Named):
    """A venue: its gateway and its liquidation rule."""

    gateway: Gateway = Gateway()
    liquidation: Liquidation = Liquidation()


class _Market(Named, ABC):
    venue: Ref | None = Field(None, description="name of its venue; needed if there are several")
    tick: Annotated[Decimal, STEP] = Field(description='tick, the smallest price step, such as "0.001"')
    lot: Annotated[Decimal, STEP] = Field(description='lot, the smallest quantity step, such as "0.001"')
    price: Annotated[Decimal, PRICE] | None = Field(None, description="opening price, for the populations")
    base: Ref | None = Field(None, description="asset that is bought and sold")

    @property
    @abstractmethod
    def quote_asset(self) -> str:
        """Name of the asset in which prices are."""

    @property
    def base_asset(self) -> str:
        """Name of what is traded; for a perpetual only a unit."""
        return self.base or self.name.partition("/" if "/" in self.name else "-")[0]


class Spot(_Market):
    """A spot market; base and quote are read from a name such as ATOM/USDT if they are not given."""

    kind: Literal["spot"] = "spot"
    quote: Ref | None = Field(None, description="asset in which prices are")
    price_min: Annotated[Decimal, PRICE] | None = Field(None, description="least legal price; one tick by default")
    maker_fee: Annotated[Decimal, _SHARE] = Decimal(0)
    taker_fee: Annotated[Decimal, _SHARE] = Decimal(0)

    @property
    def quote_asset(self) -> str:
        """Name of the asset in which prices are."""
        return self.quote or self.name.partition("/")[2]


class Perp(_Market):
    """A linear perpetual (X-1)."""

    kind: Literal["perp"] = "perp"
    settle: Ref = Field(description="settle, the asset of collateral and PnL")
    maintenance: Annotated[Decimal, _SHARE] = Field(description='maintenance margin, such as "1.5%"')
    taker_fee: Annotated[Decimal, _SHARE] = Decimal(0)
    maker_fee: Annotated[Decimal, _SHARE] = Decimal(0)

    @property
    def quote_asset(self) -> str:
        """Name of the asset in which prices are."""
        return self.settle


Market = Annotated[Spot | Perp, Field(discriminator="kind")]


class _Oracle(Named):
    POSITIONAL: ClassVar[tuple[str, ...]] = ("market",)
    market: Ref = Field(description="market, whose price it publishes")
    every: Annotated[int, CADENCE] = Field(1000, description="time between samples")
    lag: Annotated[int, DURATION] = Field(0, description="time from sample to publication")


class IndexOracle(_Oracle):
    """Publish the mid of another market as a market's index (P-3)."""

    kind: Literal["index"] = "index"
    source: Ref = Field(description="source, the market that is sampled")


class MarkOracle(_Oracle):
    """Publish the median of index, own mid and own last as a market's mark (P-3)."""

    kind: Literal["mark"] = "mark"


Oracle = Annotated[IndexOracle | MarkOracle, Field(discriminator="kind")]

MARKET_KINDS: dict[str, type[Named]] = {"spot": Spot, "perp": Perp}
ORACLE_KINDS: dict[str, type[Named]] = {"index": IndexOracle, "mark": MarkOracle}
