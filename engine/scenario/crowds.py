"""Crowds: very many leveraged accounts as one declaration, without an agent each (H-1 .. H-4).

`engine.scenario.holders` draws their columns and opens them; what they do afterwards (stop-losses, top-ups, purchases
of a dip) is the core's.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from engine.scenario.agents import AGENT_KINDS, AgentPopulation, DrawnShare, DrawnWorth, PopulationBase
from engine.scenario.base import Model, Named
from engine.scenario.borrowers import Borrowers, Bots, Loopers, PoolArbitrageurs
from engine.scenario.laws import Drawn, Law
from engine.scenario.markets import Ref
from engine.scenario.quantities import DURATION, POSITIVE, number_between, share

__all__ = ["POPULATION_KINDS", "Crowd", "DipBuy", "Population", "StopLoss", "TopUp"]

_SHARE = share()
_Share = Annotated[Decimal, _SHARE]


def _weights(value: object) -> object:
    """Read a list of markets as equal weights."""
    if isinstance(value, (list, tuple)):
        return {(each.name or each) if isinstance(each, Named) else each: 1.0 for each in value}
    return value


class StopLoss(Model):
    """Close a position with a reduce-only market order when the mark has gone against it (H-2)."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("share", "distance")
    share: _Share = Field(Decimal(1), description="share of the members who have one, on each position")
    distance: DrawnShare = Field(description='distance from the opening price, such as "uniform(3%, 15%)"')


class DipBuy(Model):
    """Buy once when the mark has fallen below the opening price (H-3)."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("share", "fall", "worth")
    share: _Share = Field(Decimal(1), description="share of the members who do, on the market of their first position")
    fall: DrawnShare = Field(description='fall from the opening price, such as "uniform(2%, 10%)"')
    worth: DrawnWorth = Field(description='worth, the amount that each buys for, such as "500"')


class TopUp(Model):
    """Bring more margin when the account stands badly (H-4)."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("share",)
    share: _Share = Field(Decimal(1), description="share of the members who do")
    when: Literal["warn", "reduce-only", "cancel"] = Field(
        "warn", description="action of the ladder that it stands beyond"
    )
    amount: DrawnShare = Field(
        Decimal("0.1"), description="what each brings at a time, as a share of its first deposit"
    )
    times: int = Field(1, strict=True, ge=1, le=65_535, description="how often")
    after: Annotated[int, DURATION] = Field(0, description="time from the state to the money")
    reserve: Ref | None = Field(
        None, description="population whose first account pays; isolated members pay themselves"
    )


class Crowd(PopulationBase):
    """Hold leveraged positions, each its own size, leverage, side and market, opened as balanced trades (L-9).

    Longs and shorts of the crowd are each other's counterparties; what remains is taken by the populations of `rest`. A
    member's deposit is its notional by its leverage, so it brings nothing else.
    """

    POSITIONAL: ClassVar[tuple[str, ...]] = ("on",)
    kind: Literal["crowd"] = "crowd"
    on: Annotated[
        dict[str, Annotated[float, POSITIVE]],
        BeforeValidator(_weights, json_schema_input_type=dict[str, float] | list[str]),
    ] = Field(min_length=1, description="on, perpetuals with weights, or a list of them")
    positions: Annotated[int | Law, Drawn(number_between(1, 64))] = Field(
        1, description='positions of each, on different markets, such as "integers(1, 2)"'
    )
    long: _Share = Field(Decimal("0.5"), description="share of the positions that are long")
    notional: DrawnWorth = Field(description='notional of each position, such as "pareto(1500, 1.4)"')
    leverage: Annotated[float | Law, Drawn(number_between(0.001, 1000))] = Field(
        description='leverage of each member, such as "lognormal(5, 0.5)"'
    )
    rest: list[Ref] = Field(default_factory=list, description="populations that take what the crowd's sides leave over")
    stop_loss: StopLoss | None = None
    top_up: TopUp | None = None
    dip_buy: DipBuy | None = None

    def markets(self) -> list[str]:
        """Names of the markets on which its members trade."""
        return list(self.on)


Population = Annotated[
    AgentPopulation | Crowd | Borrowers | Bots | Loopers | PoolArbitrageurs, Field(discriminator="kind")
]
POPULATION_KINDS: dict[str, type[PopulationBase]] = {
    **AGENT_KINDS,
    "crowd": Crowd,
    "borrowers": Borrowers,
    "bots": Bots,
    "loopers": Loopers,
    "pool-arbitrageurs": PoolArbitrageurs,
}
