"""Firesale: a discrete-event order-book and liquidation engine with a native core.

The names below are loaded when they are first used, so that ``import engine`` stays quick and free of everything that
only the command line or the reports need. `docs/architecture.md` is the map.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine import _core
from engine._build import VERSION as __version__
from engine._build import check_sources
from engine.errors import AgentError, InputError, InvariantError
from engine.records import Cancel, Fill, RestingOrder, Trigger, WaitingStop
from engine.types import (
    ActionReason,
    CancelReason,
    CommandKind,
    MarketState,
    OrderFlag,
    OrderType,
    RejectReason,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

if TYPE_CHECKING:
    from engine._core import EventQueue, OrderBook, World
    from engine.agents import Agent, ArrayAgent
    from engine.comparison import Comparison, compare
    from engine.haircuts import CollateralTable
    from engine.lineage import Lineage
    from engine.margin import AccountMode, Boundary, Comparator, Ladder, MarginAction
    from engine.policy import Policy
    from engine.protocols import Terms
    from engine.scenario.agents import (
        Account,
        Arbitrageur,
        HawkesOrders,
        Hedgers,
        Holders,
        Leaves,
        Link,
        MarketMaker,
        Momentum,
        Noise,
        PoissonOrders,
        PythonAgents,
        Returns,
        Stale,
        Value,
        ZeroIntelligence,
        when,
    )
    from engine.scenario.borrowers import Bots, Loopers, PoolArbitrageurs
    from engine.scenario.crowds import Crowd, DipBuy, StopLoss, TopUp
    from engine.scenario.events import OrderRow, Orders, Shock
    from engine.scenario.laws import choice, exponential, integers, lognormal, pareto, uniform
    from engine.scenario.lenders import Blocks, Lender
    from engine.scenario.liquidations import Liquidation
    from engine.scenario.margins import Collateral, LadderStep
    from engine.scenario.markets import (
        Asset,
        Gateway,
        IndexOracle,
        MarkOracle,
        Perp,
        PriceOracle,
        PriceSource,
        Spot,
        Venue,
    )
    from engine.scenario.pools import Pool, PoolRange
    from engine.scenario.problems import ScenarioError
    from engine.scenario.record import Record
    from engine.scenario.scenario import Scenario, Variant
    from engine.simulation import Simulation
    from engine.tiers import TierTable

_core.install(InputError, InvariantError, AgentError, Fill, RestingOrder, Cancel, Trigger, WaitingStop)
check_sources(_core.source_digest())

_LATER = {
    "Account": "engine.scenario.agents",
    "AccountMode": "engine.margin",
    "Agent": "engine.agents",
    "Arbitrageur": "engine.scenario.agents",
    "ArrayAgent": "engine.agents",
    "Asset": "engine.scenario.markets",
    "Blocks": "engine.scenario.lenders",
    "Bots": "engine.scenario.borrowers",
    "Boundary": "engine.margin",
    "Collateral": "engine.scenario.margins",
    "CollateralTable": "engine.haircuts",
    "Comparator": "engine.margin",
    "Comparison": "engine.comparison",
    "Crowd": "engine.scenario.crowds",
    "DipBuy": "engine.scenario.crowds",
    "EventQueue": "engine._core",
    "Gateway": "engine.scenario.markets",
    "HawkesOrders": "engine.scenario.agents",
    "Hedgers": "engine.scenario.agents",
    "Holders": "engine.scenario.agents",
    "IndexOracle": "engine.scenario.markets",
    "Ladder": "engine.margin",
    "LadderStep": "engine.scenario.margins",
    "Leaves": "engine.scenario.agents",
    "Lender": "engine.scenario.lenders",
    "Lineage": "engine.lineage",
    "Link": "engine.scenario.agents",
    "Liquidation": "engine.scenario.liquidations",
    "Loopers": "engine.scenario.borrowers",
    "MarginAction": "engine.margin",
    "MarketMaker": "engine.scenario.agents",
    "MarkOracle": "engine.scenario.markets",
    "Momentum": "engine.scenario.agents",
    "Noise": "engine.scenario.agents",
    "OrderBook": "engine._core",
    "OrderRow": "engine.scenario.events",
    "Orders": "engine.scenario.events",
    "Perp": "engine.scenario.markets",
    "PoissonOrders": "engine.scenario.agents",
    "Pool": "engine.scenario.pools",
    "PoolArbitrageurs": "engine.scenario.borrowers",
    "PoolRange": "engine.scenario.pools",
    "Policy": "engine.policy",
    "PriceOracle": "engine.scenario.markets",
    "PriceSource": "engine.scenario.markets",
    "PythonAgents": "engine.scenario.agents",
    "Record": "engine.scenario.record",
    "Returns": "engine.scenario.agents",
    "Scenario": "engine.scenario.scenario",
    "ScenarioError": "engine.scenario.problems",
    "Shock": "engine.scenario.events",
    "Simulation": "engine.simulation",
    "Spot": "engine.scenario.markets",
    "Stale": "engine.scenario.agents",
    "StopLoss": "engine.scenario.crowds",
    "Terms": "engine.protocols",
    "TierTable": "engine.tiers",
    "TopUp": "engine.scenario.crowds",
    "Value": "engine.scenario.agents",
    "Variant": "engine.scenario.scenario",
    "Venue": "engine.scenario.markets",
    "World": "engine._core",
    "ZeroIntelligence": "engine.scenario.agents",
    "choice": "engine.scenario.laws",
    "compare": "engine.comparison",
    "exponential": "engine.scenario.laws",
    "integers": "engine.scenario.laws",
    "lognormal": "engine.scenario.laws",
    "pareto": "engine.scenario.laws",
    "uniform": "engine.scenario.laws",
    "when": "engine.scenario.agents",
}

__all__ = [
    "Account",
    "AccountMode",
    "ActionReason",
    "Agent",
    "AgentError",
    "Arbitrageur",
    "ArrayAgent",
    "Asset",
    "Blocks",
    "Bots",
    "Boundary",
    "CancelReason",
    "Collateral",
    "CollateralTable",
    "CommandKind",
    "Comparator",
    "Comparison",
    "Crowd",
    "DipBuy",
    "EventQueue",
    "Gateway",
    "HawkesOrders",
    "Hedgers",
    "Holders",
    "IndexOracle",
    "InputError",
    "InvariantError",
    "Ladder",
    "LadderStep",
    "Leaves",
    "Lender",
    "Lineage",
    "Link",
    "Liquidation",
    "Loopers",
    "MarginAction",
    "MarkOracle",
    "MarketMaker",
    "MarketState",
    "Momentum",
    "Noise",
    "OrderBook",
    "OrderFlag",
    "OrderRow",
    "OrderType",
    "Orders",
    "Perp",
    "PoissonOrders",
    "Policy",
    "Pool",
    "PoolArbitrageurs",
    "PoolRange",
    "PriceOracle",
    "PriceSource",
    "PythonAgents",
    "Record",
    "RejectReason",
    "Returns",
    "Scenario",
    "ScenarioError",
    "SelfTradePrevention",
    "Shock",
    "Side",
    "Simulation",
    "Spot",
    "Stale",
    "StopLoss",
    "Terms",
    "TierTable",
    "TimeInForce",
    "TopUp",
    "Value",
    "Variant",
    "Venue",
    "World",
    "ZeroIntelligence",
    "__version__",
    "choice",
    "compare",
    "exponential",
    "integers",
    "lognormal",
    "pareto",
    "uniform",
    "when",
]


# Tables and rules, by their module's name.
_MODULES = (
    "adl",
    "backing",
    "bots",
    "haircuts",
    "illusion",
    "lending",
    "liquidation",
    "loops",
    "margin",
    "prices",
    "quoting",
    "tiers",
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"engine.{name}")
    if name not in _LATER:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
