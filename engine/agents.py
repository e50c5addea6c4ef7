"""Agents in Python: what to subclass.

Stands on nothing of the core; the engine calls the methods that a subclass overrides, and no others. Every method gets
a context (`engine._core.Context`, `ArrayContext`) that says the time, shows the books and sends orders over the
agent's links; it is good within the call only.

Promises: callbacks run between two events, in the order of events (T-1), so the same seed gives the same calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine._core import ActionNotice, AgentNotice, ArrayContext, Context

__all__ = ["Agent", "ArrayAgent"]

_Method = TypeVar("_Method", bound="Callable[..., Any]")


def _default(method: _Method) -> _Method:
    """Mark a method that does nothing: the engine makes no call for one that is not overridden."""
    method.is_default = True  # type: ignore[attr-defined]
    return method


class Agent:
    """One agent with one account. Override what you need.

    Examples
    --------
    >>> from engine import Agent, Side, Simulation
    >>> class Buyer(Agent):
    ...     def on_start(self, context):
    ...         self.bought = 0
    ...         context.place(0, Side.BUY, 3)
    ...     def on_fill(self, context, fill):
    ...         self.bought += fill.lots
    >>> sim = Simulation(seed=1)
    >>> usd, coin = (sim.asset(name, decimals=0, supply=10**9) for name in ("USD", "COIN"))
    >>> market = sim.spot("COIN/USD", coin, usd, tick="1", lot="1")
    >>> ticket = sim.place(sim.account("seller", COIN=5), market, Side.SELL, 100, 5, at_ms=0)
    >>> buyer = Buyer()
    >>> number = sim.add(buyer, sim.account("buyer", USD=1000), latency_ms=2)
    >>> events = sim.run(until_ms=10)
    >>> buyer.bought
    3
    """

    @_default
    def on_start(self, context: Context) -> None:
        """Be called once, at the start."""

    @_default
    def on_wake(self, context: Context) -> None:
        """Be called when a time asked for with `wake_in` or `wake_at` has come."""

    @_default
    def on_book(self, context: Context, market: int) -> None:
        """Be told that the touch of a watched market has changed (N-6)."""

    @_default
    def on_fill(self, context: Context, fill: AgentNotice) -> None:
        """Be told of a fill of an order of this agent."""

    @_default
    def on_cancel(self, context: Context, cancel: AgentNotice) -> None:
        """Be told that an order was taken off, by this agent or by the venue."""

    @_default
    def on_reject(self, context: Context, reject: AgentNotice) -> None:
        """Be told that an order was refused on arrival."""

    @_default
    def on_liquidation(self, context: Context, notice: AgentNotice) -> None:
        """Be told that the liquidation of this agent's account has begun."""

    @_default
    def on_transfer(self, context: Context, transfer: AgentNotice) -> None:
        """Be told that the venue has moved a position of this agent: by ADL, to or from a backstop (L-14)."""

    @_default
    def on_action(self, context: Context, notice: ActionNotice) -> None:
        """Be told what became of an action that this agent has sent (B-8)."""

    @_default
    def on_loan(self, context: Context, protocol: int, level: int) -> None:
        """Be told that a loan of its account stands at a level (Y-21); level 0: of work at a watched lender."""

    @_default
    def on_end(self, context: Context) -> None:
        """Be called when the run has ended; nothing can be sent any more."""


class ArrayAgent:
    """A population that is stepped together, with NumPy: one call for all of its members."""

    @_default
    def on_start(self, context: ArrayContext) -> None:
        """Be called once, at the start."""

    @_default
    def on_wake(self, context: ArrayContext) -> None:
        """Be called when a time asked for with `wake_in` or `wake_at` has come."""

    @_default
    def on_transfer(self, context: ArrayContext, member: int, transfer: AgentNotice) -> None:
        """Be told that the venue has moved a position of a member: by ADL, to or from a backstop (L-14)."""

    @_default
    def on_end(self, context: ArrayContext) -> None:
        """Be called when the run has ended; nothing can be sent any more."""
