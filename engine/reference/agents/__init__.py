"""The behaviours of the agents as readable programs: rules A-2 .. A-8, N-1, N-2, N-4.

Stands on `links`, `law`, `rng`, `fmath`; on no book: who drives a twin says what it sees (`Touch`) and hears (`Told`).

::

    base     what every agent has: draws, links, pauses, numbers of its orders
    maker    A-2     flow  A-3     point  A-4     traders  A-5 .. A-8

Promises: a twin that sees what a native agent saw sends the same messages, which arrive in the same milliseconds.
Floats are reckoned in the order in which the rules are written down, so that both have the same bits.
"""

from engine.reference.agents.base import Agent, Message, Told, ToldKind, Touch
from engine.reference.agents.flow import Flow
from engine.reference.agents.maker import Maker
from engine.reference.agents.point import Point
from engine.reference.agents.traders import Arbitrage, Momentum, Noise, Value

__all__ = [
    "Agent",
    "Arbitrage",
    "Flow",
    "Maker",
    "Message",
    "Momentum",
    "Noise",
    "Point",
    "Told",
    "ToldKind",
    "Touch",
    "Value",
]
