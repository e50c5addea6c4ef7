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
    from engine.lineage import Lineage
    from engine.simulation import Simulation

_core.install(InputError, InvariantError, AgentError, Fill, RestingOrder, Cancel, Trigger, WaitingStop)
check_sources(_core.source_digest())

_LATER = {
    "Agent": "engine.agents",
    "ArrayAgent": "engine.agents",
    "EventQueue": "engine._core",
    "Lineage": "engine.lineage",
    "OrderBook": "engine._core",
    "Simulation": "engine.simulation",
    "World": "engine._core",
}

__all__ = [
    "Agent",
    "AgentError",
    "ArrayAgent",
    "CancelReason",
    "CommandKind",
    "EventQueue",
    "InputError",
    "InvariantError",
    "Lineage",
    "MarketState",
    "OrderBook",
    "OrderFlag",
    "OrderType",
    "RejectReason",
    "SelfTradePrevention",
    "Side",
    "Simulation",
    "TimeInForce",
    "World",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
