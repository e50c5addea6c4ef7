"""Populations at lenders and pools: borrowers, liquidation bots, loopers, arbitrageurs of pools (A-11 .. A-13).

`engine.scenario.build_lenders` makes their columns. The places of `DRAWN` are those of `engine.borrowers`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from engine.scenario.agents import DrawnCadence, DrawnShare, DrawnWorth, PopulationBase
from engine.scenario.base import Ref  # noqa: TC001  # pydantic reads it when the program runs
from engine.scenario.laws import Drawn, Law
from engine.scenario.quantities import PRICE, number_between, share

__all__ = ["Borrowers", "Bots", "Loopers", "PoolArbitrageurs"]

_LOOPS = number_between(0, 64)
_HEALTH = number_between(0, 1000)
_RATE = share(high="9")


class _AtLender(PopulationBase):
    POSITIONAL: ClassVar[tuple[str, ...]] = ("lender", "on")
    lender: Ref = Field(description="lender, where they act")
    on: Ref = Field(description="on, the spot market of the token against what is borrowed")
    pool: Ref | None = Field(None, description="pool where they trade in place of the market")

    def markets(self) -> list[str]:
        """Names of the markets on which its members trade."""
        return [self.on]


class Bots(_AtLender):
    """Repay loans that may be liquidated, and sell what they get (A-11); what they bring is what they repay with."""

    DRAWN = ("every", "least_gain", "least_profit", "tip", "gas_asset_price", "capital")
    kind: Literal["bots"] = "bots"
    every: DrawnCadence = Field(100, description="pause between looks while there is work")
    flash: bool = Field(False, strict=True, description="they repay with what they seize, in one action; needs a pool")
    scan: int = Field(16, strict=True, ge=1, le=2**20, description="loans that a look goes through")
    least_gain: DrawnShare = Field(Decimal(0), description="on the last unit that one sells")
    least_profit: DrawnWorth | None = Field(None, description="of an action, an amount of the debt")
    tip: DrawnShare = Field(Decimal(0), description="share of the profit that goes to the block")
    gas_asset_price: Annotated[Decimal | Law, Drawn(PRICE)] | None = Field(
        None, description="what a unit of the gas asset is worth in the debt; needed where there are blocks"
    )
    capital: DrawnWorth | None = Field(None, description="most that one has out at once; all that it has by default")


class PoolArbitrageurs(PopulationBase):
    """Bring a pool to the touch of a spot market, and take the other side in the book (A-13)."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("pool", "on")
    DRAWN = ("wake_every", "threshold", "most", "slippage")
    kind: Literal["pool-arbitrageurs"] = "pool-arbitrageurs"
    pool: Ref = Field(description="pool, which they bring to the market")
    on: Ref = Field(description="on, a spot market of the pool's coins")
    wake_every: DrawnCadence = Field(100, description="mean time between looks")
    threshold: DrawnShare = Field(description='threshold, the gap that pays beyond the pool\'s fee, such as "10bps"')
    most: DrawnWorth | None = Field(None, description="of the base, that a swap sells or buys at most")
    slippage: DrawnShare = Field(Decimal(0), description="what a swap may give less than it saw")

    def markets(self) -> list[str]:
        """Names of the markets on which its members trade."""
        return [self.on]


class Loopers(_AtLender):
    """Supply, borrow, buy more, again; hold; leave when health, peg or rate are beyond their bounds (A-12)."""

    DRAWN = ("every", "loops", "ltv", "slippage", "flee_health", "flee_price", "flee_rate", "keep_health", "share")
    kind: Literal["loopers"] = "loopers"
    every: DrawnCadence = Field(1000, description="pause between looks while they hold")
    loops: Annotated[int | float | Law, Drawn(_LOOPS)] = Field(5, description="steps that each builds")
    ltv: DrawnShare = Field(Decimal("0.8"), description="what a step borrows of what the last one supplied")
    slippage: DrawnShare = Field(Decimal("0.005"), description="above the ask, for what it buys")
    flee_health: Annotated[float | Law, Drawn(_HEALTH)] | None = Field(None, description="it leaves below this health")
    flee_price: Annotated[Decimal | Law, Drawn(PRICE)] | None = Field(None, description="and below this price")
    flee_rate: Annotated[Decimal | Law, Drawn(_RATE)] | None = Field(None, description="and above this borrow rate")
    keep_health: Annotated[float | Law, Drawn(number_between(1, 1000))] = Field(
        1.001, description="health that a withdrawal leaves"
    )
    share: DrawnShare = Field(Decimal(1), description="part of what may go that a step of leaving takes")
    built: bool = Field(
        False, strict=True, description="their loops stand at the start, bought elsewhere at the opening price"
    )


class Borrowers(PopulationBase):
    """Have borrowed against what they bring, and do nothing more: the lender calls and liquidates them.

    Each supplies all that it brings and borrows a share of what that is worth at the opening prices, which it has spent
    elsewhere.
    """

    POSITIONAL: ClassVar[tuple[str, ...]] = ("lender",)
    DRAWN = ("ltv",)
    kind: Literal["borrowers"] = "borrowers"
    lender: Ref = Field(description="lender, where they have borrowed")
    borrow: Ref = Field(description="borrow, the asset that they owe")
    ltv: DrawnShare = Field(description='ltv, what each has borrowed of what it brings, such as "uniform(40%, 70%)"')
