"""Populations: one declaration for many agents of a kind, with a distribution wherever a number may stand.

A parameter that is a law is drawn once per member, keyed by the population's name, the member's ordinal and the
parameter's place in `DRAWN` (R-2): adding a population changes no draw of another one.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema

from engine.agents import Agent, ArrayAgent
from engine.errors import InputError
from engine.scenario.base import Model, Named
from engine.scenario.laws import Drawn, Law
from engine.scenario.margins import Mode
from engine.scenario.markets import Ref
from engine.scenario.problems import expected_error
from engine.scenario.quantities import (
    CADENCE,
    DURATION,
    LATENCY,
    MOMENT,
    POSITIVE,
    PRICE,
    QTY,
    RATE,
    RATIO,
    SUPPLY,
    Amount,
    number_between,
    share,
)

__all__ = [
    "AGENT_KINDS",
    "Account",
    "Arbitrageur",
    "HawkesOrders",
    "Hedgers",
    "Holders",
    "Leaves",
    "Link",
    "MarketMaker",
    "Momentum",
    "Noise",
    "PoissonOrders",
    "PopulationBase",
    "PythonAgents",
    "Returns",
    "Stale",
    "Value",
    "ZeroIntelligence",
    "when",
]

COUNT_MAX = 2**30
_SHARE = share()
_HALF = share(high="0.5")
DrawnShare = Annotated[Decimal | Law, Drawn(_SHARE)]
DrawnHalf = Annotated[Decimal | Law, Drawn(_HALF)]
DrawnCadence = Annotated[int | Law, Drawn(CADENCE)]
DrawnLatency = Annotated[float | Law, Drawn(LATENCY)]
DrawnQty = Annotated[Amount | Law, Drawn(QTY)]
DrawnWorth = Annotated[Decimal | Law, Drawn(SUPPLY)]
Side = Literal["buy", "sell", "both"]


class Link(Model):
    """The way of a message to the venue: a fixed part and a law of the rest."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("base", "jitter")
    base: Annotated[int, DURATION] = Field(0, description="fixed part")
    jitter: DrawnLatency | None = Field(None, description="what comes on top, drawn for each message")


class Leaves(Model):
    """When a maker withdraws its bids: any of these, whichever comes first."""

    drawdown: DrawnShare | None = Field(None, description="a price has fallen by this share")
    within: Annotated[int, CADENCE] = Field(1000, description="window of the fall")
    volatility: DrawnShare | None = Field(None, description="realised volatility over the window")
    inventory: DrawnShare | None = Field(None, description="share of inventory_max")
    margin_ratio: DrawnShare | None = Field(None, description="equity by notional falls below this")
    latency: DrawnLatency | None = Field(None, description="the venue takes longer than this")
    adl: bool = Field(False, strict=True, description="it was auto-deleveraged")
    sides: Literal["bids", "both"] = Field("bids", description="what it withdraws")


class Returns(Model):
    """How a maker that left comes back."""

    after: DrawnCadence = Field(60_000, description="time until it comes back")
    size: DrawnShare = Field(Decimal(1), description="share of its size then")
    spread: Annotated[float, number_between(1, 1000)] = Field(1.0, description="multiple of its half spread then")
    spread_decay: Annotated[int, DURATION] = Field(0, description="time in which that multiple falls to 1")
    size_recovery: Annotated[int, DURATION] = Field(0, description="time in which the size grows back; 0ms: never")


def when(**rules: Any) -> Leaves:
    """Return the rules by which a maker leaves.

    Examples
    --------
    >>> when(drawdown="1%", within="1s").within
    1000
    """
    return Leaves(**rules)


class PopulationBase(Named):
    """What every population has."""

    kind: str
    DRAWN: ClassVar[tuple[str, ...]] = ()  # parameters that a law may give, in the order of their draws
    count: int = Field(1, strict=True, ge=1, le=COUNT_MAX, description="members")
    brings: dict[str, Annotated[Decimal | Law, Drawn(SUPPLY)]] = Field(
        default_factory=dict, description="deposit of each member, by asset"
    )
    link: Link = Link()
    picture: Link = Field(default_factory=Link, description="the way of what they see when they wake (N-2)")
    venue: Ref | None = Field(None, description="where its accounts are; by default where its first market is")
    margin: Mode = Field("cross", description="which money backs which positions of its accounts (C-1)")
    start: Annotated[int | str, MOMENT] = Field(0, description="when its members begin")

    def __rmul__(self, count: int) -> Self:
        """Return a population of that many: ``12 * MarketMaker(...)``."""
        if isinstance(count, bool) or not isinstance(count, int):
            return NotImplemented
        if not 1 <= count <= COUNT_MAX:
            raise InputError("count", f"a whole number from 1 to {COUNT_MAX}", count)
        return self.model_copy(update={"count": count})

    def markets(self) -> list[str]:
        """Names of the markets on which its members trade."""
        return []


class _OnOne(PopulationBase):
    POSITIONAL: ClassVar[tuple[str, ...]] = ("market",)
    market: Ref = Field(description="market, on which they trade")

    def markets(self) -> list[str]:
        """Names of the markets on which its members trade."""
        return [self.market]


class _OnSeveral(PopulationBase):
    POSITIONAL: ClassVar[tuple[str, ...]] = ("on",)
    on: list[Ref] = Field(min_length=1, description="on, a list of markets")

    def markets(self) -> list[str]:
        """Names of the markets on which its members trade."""
        return list(self.on)


class MarketMaker(_OnSeveral):
    """Quote several levels on each side of one or more markets; leave, and come back."""

    DRAWN = (
        "half_spread",
        "spacing",
        "skew",
        "anchor",
        "leaves.drawdown",
        "returns.after",
        "returns.size",
        "wake_every",
        "size",
        "leaves.volatility",
        "leaves.inventory",
        "leaves.margin_ratio",
        "leaves.latency",
        "tolerance",
    )
    kind: Literal["market-maker"] = "market-maker"
    levels: int = Field(5, strict=True, ge=1, le=8, description="quotes on each side")
    half_spread: DrawnHalf = Field(Decimal("0.0008"), description="distance of the best quote from its centre")
    spacing: DrawnHalf = Field(Decimal("0.0016"), description="distance between levels")
    size: DrawnQty = Field(description='size of each level, such as "62.5k USDT" or whole lots')
    tolerance: DrawnShare = Field(
        Decimal("0.5"), description="how far a quote may be from its target, as a share of the half spread"
    )
    skew: DrawnHalf = Field(Decimal(0), description="how far a full inventory moves the centre")
    anchor: DrawnShare = Field(Decimal("0.25"), description="weight of its slow fair value in the centre")
    fair_tau: Annotated[int, CADENCE] = Field(120_000, description="memory of its fair value")
    wake_every: DrawnCadence = Field(150, description="mean time between looks")
    mode: Literal["ladder", "avellaneda-stoikov"] = "ladder"
    risk_aversion: Annotated[float, POSITIVE] | None = Field(None, description="gamma, avellaneda-stoikov only")
    decay: Annotated[float, POSITIVE] | None = Field(None, description="k, avellaneda-stoikov only")
    sigma: Annotated[float, POSITIVE] | None = Field(
        None, description="ticks by the square root of a second, avellaneda-stoikov only"
    )
    horizon: Annotated[int, CADENCE] | None = Field(None, description="avellaneda-stoikov only")
    mass_quotes: bool = Field(False, strict=True, description="one message for all quotes")
    inventory_max: Annotated[float, number_between(0.001, 1e9)] | None = Field(
        None, description="inventory at which it stops to bid (offer), in multiples of its size"
    )
    leaves: Leaves | None = Field(None, description="when it withdraws; never by default")
    returns: Returns = Returns()


class ZeroIntelligence(_OnOne):
    """Limit orders, market orders and cancels as Poisson processes, by distance from the best price."""

    kind: Literal["zero-intelligence"] = "zero-intelligence"
    limit_rates: list[Annotated[float, RATE]] = Field(min_length=1, description="limit_rates, one for each distance")
    market_rate: Annotated[float, RATE] = Field(description='market_rate, such as "2/s"')
    cancel_rates: list[Annotated[float, RATE]] = Field(min_length=1, description="cancel_rates, one for each distance")
    qty: DrawnQty = Field(description="qty, lots or a law of lots")


class PoissonOrders(_OnOne):
    """Market orders at exponential times."""

    kind: Literal["poisson-orders"] = "poisson-orders"
    rate: Annotated[float, RATE] = Field(description='rate, such as "30/s"')
    side: Side = "both"
    qty: DrawnQty = Field(description="qty, lots or a law of lots")


class HawkesOrders(_OnOne):
    """Market orders that excite one another: intensity mu + sum of alpha exp(-beta age)."""

    kind: Literal["hawkes-orders"] = "hawkes-orders"
    mu: Annotated[float, RATE] = Field(description='mu, the base rate, such as "1/s"')
    alpha: Annotated[float, RATE] = Field(description='alpha, what an order adds to the rate, such as "0.5/s"')
    beta: Annotated[float, RATE] = Field(description='beta, how fast that decays, such as "1/s"')
    side: Side = "both"
    qty: DrawnQty = Field(description="qty, lots or a law of lots")


class Noise(_OnSeveral):
    """Orders on a random side at exponential times; the members take the markets in turn."""

    DRAWN = ("every",)
    kind: Literal["noise"] = "noise"
    every: Annotated[float | Law, Drawn(LATENCY)] = Field(description='every, the mean gap, such as "250ms"')
    slippage: Annotated[Decimal, _SHARE] = Field(
        Decimal(0), description="how far from the price that they see they go at most; 0: market orders"
    )
    qty: DrawnQty = Field(description="qty, lots or a law of lots")


class Momentum(_OnOne):
    """Buy what has risen and sell what has fallen."""

    DRAWN = ("threshold", "lookback", "hold", "wake_every", "qty")
    kind: Literal["momentum"] = "momentum"
    lookback: DrawnCadence = Field(description='lookback, such as "30s"')
    threshold: DrawnShare = Field(description='threshold of the move, such as "1%"')
    hold: DrawnCadence = Field(60_000, description="time that it holds what it has bought")
    qty: DrawnQty = Field(description="qty, lots or a law of lots")
    wake_every: DrawnCadence = Field(1000, description="mean time between looks")


class Arbitrageur(PopulationBase):
    """Buy on the cheaper of two markets and sell on the dearer one."""

    DRAWN = ("threshold", "wake_every", "qty")
    kind: Literal["arbitrageur"] = "arbitrageur"
    on: list[Ref] = Field(min_length=2, max_length=2, description="on, the two markets")
    threshold: DrawnShare = Field(description='threshold of the gap, such as "10bps"')
    qty: DrawnQty = Field(description="qty, lots or a law of lots")
    wake_every: DrawnCadence = Field(100, description="mean time between looks")
    inventory_max: Annotated[Amount, QTY] | None = Field(None, description="the most that it is long or short")
    rate: Annotated[Decimal, RATIO] = Field(
        Decimal(1), description="what one of the first is worth of the second, such as a conversion rate"
    )

    def markets(self) -> list[str]:
        """Names of the markets on which its members trade."""
        return list(self.on)


class Value(_OnOne):
    """Buy below a fair price and sell above it; with `rests` by an order that waits in the book (A-7)."""

    DRAWN = ("fair", "threshold", "wake_every", "qty")
    kind: Literal["value"] = "value"
    fair: Annotated[Decimal | Law, Drawn(PRICE)] = Field(description='fair, the price it believes in, such as "4.00"')
    threshold: DrawnShare = Field(Decimal("0.01"), description="how far a price must be from it")
    qty: DrawnQty = Field(description="qty, lots or a law of lots")
    wake_every: DrawnCadence = Field(1000, description="mean time between looks")
    inventory_max: Annotated[Amount, QTY] | None = Field(None, description="the most that it is long or short")
    rests: bool = Field(False, strict=True, description="it leaves its order at its bound once the price is there")
    calm: Annotated[int, DURATION] = Field(0, description="how old the lowest price must be before it buys; 0: any age")


class Hedgers(PopulationBase):
    """Hold one market, be short as much of a perpetual, and trade again when a leg is taken (A-9).

    Both legs stand at the start: of a spot market each is given its lots of the base asset, and positions are opened
    as balanced trades against another population (L-9). What it brings is the margin.
    """

    DRAWN = ("qty", "react", "tolerance")
    kind: Literal["hedgers"] = "hedgers"
    on: list[Ref] = Field(
        min_length=2, max_length=2, description="on, the market that it holds and the perpetual that hedges it"
    )
    qty: DrawnQty = Field(description='qty, what each holds, such as "10 COIN"')
    rest: Ref | None = Field(None, description="population that takes the other side of the positions")
    react: DrawnCadence = Field(2000, description="mean time between hearing of a difference and trading it")
    tolerance: DrawnQty = Field(Amount(Decimal(1), "lots"), description="difference that it acts on, of the perpetual")
    mode: Literal["rehedge", "unwind"] = Field("rehedge", description="trades the leg that was taken, or the other")

    def markets(self) -> list[str]:
        """Names of the markets on which its members trade."""
        return list(self.on)


class Holders(PopulationBase):
    """Hold a leveraged position on a perpetual, opened as a balanced trade against another population (L-9).

    Each member's deposit is its notional by its leverage, so it brings nothing else; a unified account may have it in
    an asset that counts there as collateral.
    """

    DRAWN = ("leverage", "notional")
    kind: Literal["holders"] = "holders"
    long: Ref | None = Field(None, description="perpetual of which they are long")
    short: Ref | None = Field(None, description="perpetual of which they are short")
    notional: DrawnWorth = Field(description='notional of each, such as "pareto(1500, 1.4)"')
    leverage: Annotated[float | Law, Drawn(number_between(0.001, 1000))] = Field(
        description='leverage of each, such as "uniform(2, 12)"'
    )
    deposit: Ref | None = Field(
        None, description="collateral of the venue in which the deposit is; what the perpetual settles in by default"
    )
    rest: Ref | None = Field(None, description="population that takes the other side")

    def markets(self) -> list[str]:
        """Names of the markets on which its members trade."""
        return [name for name in (self.long, self.short) if name is not None]


class Stale(_OnOne):
    """Resting orders that nobody withdraws, all of one account; `count` of them on each side."""

    DRAWN = ("distance", "notional")
    kind: Literal["stale"] = "stale"
    side: Side = "both"
    distance: DrawnShare = Field(description='distance from the opening price, such as "uniform(2%, 95%)"')
    asks_farther: Annotated[Decimal, _SHARE] = Field(Decimal(0), description="what the asks' distance has on top")
    notional: DrawnWorth = Field(description='notional of each order, such as "pareto(6k, 1.5)"')


class Account(PopulationBase):
    """Do nothing of their own: events and other populations act through them."""

    kind: Literal["account"] = "account"


_AGENT = r"^[\w.]+:\w+$"


def _agent_of(value: object) -> object:
    """Read ``module:Class``; in Python also a class, of which the name is kept, or an agent, which is kept as it is."""
    if isinstance(value, type) and "." not in value.__qualname__:
        return f"{value.__module__}:{value.__name__}"
    if isinstance(value, (Agent, ArrayAgent)) or (isinstance(value, str) and re.match(_AGENT, value)):
        return value
    raise expected_error('a class, as "my_module:MyAgent" or itself if it is at the top of its module', value)


class PythonAgents(_OnSeveral):
    """Agents of a Python class.

    In Python `agent` may also be an agent that is made already: each member of each run gets a copy of it. Such a
    scenario cannot be written as TOML.
    """

    kind: Literal["python"] = "python"
    agent: Annotated[
        Any, BeforeValidator(_agent_of), WithJsonSchema({"type": "string", "pattern": _AGENT}, mode="validation")
    ] = Field(description='agent, such as "my_module:MyAgent"')
    parameters: dict[str, Any] = Field(default_factory=dict, description="arguments of the class")


AgentPopulation = (
    MarketMaker
    | ZeroIntelligence
    | PoissonOrders
    | HawkesOrders
    | Noise
    | Momentum
    | Arbitrageur
    | Value
    | Hedgers
    | Holders
    | Stale
    | Account
    | PythonAgents
)

AGENT_KINDS: dict[str, type[PopulationBase]] = {
    "market-maker": MarketMaker,
    "zero-intelligence": ZeroIntelligence,
    "poisson-orders": PoissonOrders,
    "hawkes-orders": HawkesOrders,
    "noise": Noise,
    "momentum": Momentum,
    "arbitrageur": Arbitrageur,
    "value": Value,
    "hedgers": Hedgers,
    "holders": Holders,
    "stale": Stale,
    "account": Account,
    "python": PythonAgents,
}
