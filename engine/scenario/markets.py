"""What is traded and where: assets, venues, markets, oracles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from engine.scenario.base import Model, Named, Ref
from engine.scenario.feeds import FeedField
from engine.scenario.laws import Drawn, Law
from engine.scenario.lenders import Blocks
from engine.scenario.liquidations import FundField, Liquidation, LiquidationField
from engine.scenario.margins import Collateral, LadderField, TiersField
from engine.scenario.quantities import CADENCE, DURATION, LATENCY, MOMENT, PRICE, SERVICE_US, STEP, SUPPLY, share

__all__ = [
    "MARKET_KINDS",
    "ORACLE_KINDS",
    "Asset",
    "Breaker",
    "Gateway",
    "IndexOracle",
    "Liquidation",
    "MarkOracle",
    "Market",
    "Perp",
    "PriceOracle",
    "PriceSource",
    "Ref",
    "Spot",
    "Venue",
]


_SHARE = share()


class Asset(Named):
    """An asset: how finely it divides, and the most of it that there may be (U-4)."""

    decimals: int = Field(strict=True, ge=0, le=9, description="decimals, a whole number from 0 to 9")
    supply: Annotated[Decimal, SUPPLY] = Field(description='supply, such as "10bn"')


class Gateway(Model):
    """The venue's door."""

    service: Annotated[int, SERVICE_US] = Field(0, description="time that the gateway takes for a message, us")


class Venue(Named):
    """A venue: its gateway, how it liquidates, and what it has for that."""

    gateway: Gateway = Gateway()
    liquidation: LiquidationField = Field("plain", description="how it liquidates: a preset's name, or a table")
    insurance_fund: FundField = Field(
        default_factory=list, description='what its insurance fund begins with, such as "1.23bn USDT"'
    )
    backstop: Ref | None = Field(
        None, description="population whose first account takes positions over; the insurance fund by default"
    )
    ladder: LadderField | None = Field(
        None, description="what happens as margin falls: a venue's name or steps, best first; liquidation below 1"
    )
    collateral: dict[str, Collateral] = Field(
        default_factory=dict,
        description="what counts in unified accounts, by asset; the one without a market is the unit",
    )
    blocks: Blocks | None = Field(None, description="its actions wait for blocks and pay gas; none by default")


class Breaker(Model):
    """A market's circuit breaker: it refuses orders for a while after a fall (V-9)."""

    fall: Annotated[Decimal, share(above=True)] = Field(description='fall below the highest trade price, such as "10%"')
    within: Annotated[int, CADENCE] = Field(description="how long a trade counts for that price")
    halt: Annotated[int, CADENCE] = Field(description="how long orders are refused")


class _Market(Named, ABC):
    venue: Ref | None = Field(None, description="name of its venue; needed if there are several")
    tick: Annotated[Decimal, STEP] = Field(description='tick, the smallest price step, such as "0.001"')
    lot: Annotated[Decimal, STEP] = Field(description='lot, the smallest quantity step, such as "0.001"')
    price: Annotated[Decimal, PRICE] | None = Field(None, description="opening price, for the populations")
    base: Ref | None = Field(None, description="asset that is bought and sold")
    breaker: Breaker | None = Field(None, description="orders are refused for a while after a fall; never by default")

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
    maintenance: Annotated[Decimal, _SHARE] | None = Field(None, description='maintenance margin, such as "1.5%"')
    initial: Annotated[Decimal, _SHARE] | None = Field(
        None, description="initial margin; without it new positions are not gated"
    )
    tiers: TiersField | None = Field(
        None, description='in place of both: "binance:ATOMUSDT", "hyperliquid:BTC", "flat:2%" or a table'
    )
    price_stale: Annotated[int, DURATION] = Field(0, description="a mark older than this is unknown; 0 never")
    taker_fee: Annotated[Decimal, _SHARE] = Decimal(0)
    maker_fee: Annotated[Decimal, _SHARE] = Decimal(0)

    @property
    def quote_asset(self) -> str:
        """Name of the asset in which prices are."""
        return self.settle


Market = Annotated[Spot | Perp, Field(discriminator="kind")]


class PriceSource(Model):
    """One source of an index, an oracle or a mark (P-11); the ratio of ticks is worked out."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("market",)
    kind: Literal["mid", "last", "index", "oracle", "twap", "path", "fixed", "rate"] = "mid"
    market: Ref | None = Field(None, description="market whose price it is; of rate the one whose index is converted")
    weight: int = Field(1, strict=True, ge=1, le=10**6, description="share in mean and median")
    stale: Annotated[int, DURATION] | None = Field(None, description="age from which on it is left out")
    times: Ref | None = Field(None, description="market whose mid is a factor")
    window: Annotated[int, CADENCE] | None = Field(None, description="of twap: what the mean is taken over")
    price: Annotated[Decimal, PRICE] | None = Field(None, description="of fixed: the price")
    rate: Annotated[Decimal, PRICE] | None = Field(None, description='of rate: the conversion rate, such as "1.081"')
    growth: Annotated[Decimal, _SHARE] = Field(Decimal(0), description="of rate: what each interval adds to it")
    growth_every: Annotated[int, CADENCE] = Field(86_400_000, description="of rate: the interval")
    at: list[Annotated[int | str, MOMENT]] = Field(default_factory=list, description="of path: when each price begins")
    prices: list[Annotated[Decimal, PRICE]] = Field(default_factory=list, description="of path: the prices")


class _Oracle(Named):
    POSITIONAL: ClassVar[tuple[str, ...]] = ("market",)
    market: Ref = Field(description="market, whose price it publishes")
    every: Annotated[int, CADENCE] = Field(1000, description="time between samples")
    lag: Annotated[int, DURATION] = Field(0, description="time from sample to publication")
    jitter: Annotated[float | Law, Drawn(LATENCY)] | None = Field(
        None, description="what comes on top of the lag, drawn for each publication"
    )
    outages: list[Annotated[list[Annotated[int | str, MOMENT]], Field(min_length=2, max_length=2)]] = Field(
        default_factory=list, description='windows in which it is silent, such as [["30s", "45s"]]'
    )


class _Sourced(_Oracle):
    feed: FeedField | None = Field(None, description="a preset: its name, or a table; other keys change it")
    source: Ref | None = Field(None, description="source, the market that is sampled")
    sources: list[PriceSource] = Field(default_factory=list, max_length=32, description="or several sources")
    combine: Literal["mean", "median"] = Field("mean", description="how they become one value")
    sample_every: Annotated[int, CADENCE] | None = Field(None, description="time between samples of a twap")
    outlier: Annotated[Decimal, _SHARE] = Field(Decimal(0), description="distance from the median of all, 0 for any")
    clamp: Annotated[Decimal, _SHARE] = Field(Decimal(0), description="largest move of a publication, 0 for any")
    floor: Annotated[Decimal, PRICE] | None = Field(None, description="least value")
    deviation: Annotated[Decimal, _SHARE] = Field(Decimal(0), description="move that is published, 0 for every sample")
    heartbeat: Annotated[int, DURATION] = Field(0, description="published after this all the same, 0 for never")


class IndexOracle(_Sourced):
    """Publish a market's index: the mid of another market, or several sources (P-3, P-12)."""

    kind: Literal["index"] = "index"


class PriceOracle(_Sourced):
    """Publish a market's oracle, which collateral and lending read (P-12, P-13)."""

    kind: Literal["oracle"] = "oracle"


class MarkOracle(_Oracle):
    """Publish a market's mark by a rule (P-3, P-9, P-10)."""

    kind: Literal["mark"] = "mark"
    rule: Literal["median", "binance", "bybit", "hyperliquid"] = "median"
    window: int | None = Field(
        None, strict=True, ge=1, le=10**5, description="of binance and bybit: samples of the basis"
    )
    sample_every: Annotated[int, CADENCE] | None = Field(None, description="of binance and bybit: time between them")
    sources: list[PriceSource] = Field(
        default_factory=list, max_length=32, description="of hyperliquid: other perpetuals"
    )


Oracle = Annotated[IndexOracle | PriceOracle | MarkOracle, Field(discriminator="kind")]

MARKET_KINDS: dict[str, type[Named]] = {"spot": Spot, "perp": Perp}
ORACLE_KINDS: dict[str, type[Named]] = {"index": IndexOracle, "oracle": PriceOracle, "mark": MarkOracle}
