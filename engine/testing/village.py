"""Small worlds whose agents are followed by their twins: a perpetual and a spot market with deep static books.

Stands on `worlds`, `following` and `engine.reference.agents`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from engine import _core
from engine.reference.agents import Agent, Arbitrage, Flow, Maker, Momentum, Noise, Point, Value
from engine.testing.following import Follower, health_of
from engine.testing.worlds import TwinWorld
from engine.types import Side

TWINS: dict[str, Any] = {
    "arbitrage": Arbitrage,
    "flow": Flow,
    "maker": Maker,
    "momentum": Momentum,
    "noise": Noise,
    "point": Point,
    "value": Value,
}
PERPETUAL, SPOT = 0, 1
QUOTE, BASE = 0, 1
PRICE = 10_000
PRICE_MAX = 10**6
RICH = (10**15, 10**14)


class Village:
    """Hold a native world and the twins of its agents.

    Parameters
    ----------
    seed : int
        Key of every draw.
    levels : int
        Of the static book on each side of both markets; 0 leaves them empty.
    step, lots : int
        Ticks between its levels (the best ones are half a step from `PRICE`), lots at each.
    **options : Any
        Further arguments of the world.
    """

    def __init__(self, seed: int = 1, *, levels: int = 30, step: int = 10, lots: int = 50, **options: Any) -> None:
        self.seed = seed
        self.world = TwinWorld(seed, **options)
        self.native = self.world.native
        self.world.asset(10**17), self.world.asset(10**17)
        self.world.perpetual(QUOTE, price_max=PRICE_MAX)
        self.world.spot(BASE, QUOTE, price_max=PRICE_MAX)
        self.twins: dict[int, Agent] = {}
        self.numbers: dict[int, int] = {}  # of the native agents, by account
        self.outside = self.world.account(*RICH)
        for market in (PERPETUAL, SPOT) if levels else ():
            self.stand(market, levels, step=step, lots=lots)

    def stand(self, market: int, levels: int, *, step: int, lots: int, at_ms: int = 0) -> None:
        """Send a static ladder on both sides."""
        for level in range(levels):
            away = step // 2 + step * level
            self.native.send_order(self.outside, market, Side.BUY, PRICE - away, lots, at_ms=at_ms)
            self.native.send_order(self.outside, market, Side.SELL, PRICE + away, lots, at_ms=at_ms)

    def add(self, kind: str, *, ordinal: int = 0, account: int | None = None, **parameters: Any) -> int:
        """Add an agent and its twin; return its account."""
        if account is None:
            account = self.world.account(*RICH)
        key = _core.member_key(kind, ordinal)
        number = self.native.add_agents(kind, account, key, **parameters)
        if kind == "shock":
            return account
        if kind in ("flow", "noise"):
            parameters["price_bounds"] = (1, PRICE_MAX)
        if kind == "maker":
            parameters["health"] = partial(health_of, self.native, account, QUOTE, range(2))
        self.twins[account] = TWINS[kind](self.seed, key, **parameters)
        self.numbers[account] = number
        return account

    def quotes(self, maker: int, *markets: int, qty_lots: int = 30, inventory_max: int = 400) -> Maker:
        """Let a maker quote on markets; return its twin."""
        twin = self.twins[maker]
        assert isinstance(twin, Maker)
        for market in markets:
            self.native.add_quotes(self.numbers[maker], market, qty_lots, inventory_max=inventory_max)
            twin.add_quotes(market, qty_lots, inventory_max, (1, PRICE_MAX))
        return twin

    def followed(self, until_ms: int) -> Follower:
        """Run world and twins; return who followed."""
        follower = Follower(self.native, self.twins, market_count=2)
        follower.run(until_ms)
        return follower

    def disagreements(self, until_ms: int) -> list[str]:
        """Run world and twins; return what the twins say otherwise, and what the reference world does (J-2)."""
        found = self.followed(until_ms).disagreements(until_ms)
        self.native.check_invariants()
        return found + self.world.disagreements()


def crowded_village(seed: int = 1, *, law: tuple[Any, ...] = ("lognormal", 6.0, 0.7), **options: Any) -> Village:
    """Build a village with every behaviour in it, and makers who leave and come back."""
    village = Village(seed, **options)
    way: dict[str, Any] = {
        "latency_ms": 0,
        "latency_law": law,
        "picture_ms": 1,
        "picture_law": ("exponential", 2.0),
    }
    trading = {"qty_min": 1, "qty_max": 20}
    for market in (PERPETUAL, SPOT):
        village.add("noise", ordinal=market, market=market, mean_gap_ms=5.0, **trading, **way)
    village.add("point", market=PERPETUAL, mu=0.02, alpha=0.05, beta=0.1, **trading, **way)
    rates: dict[str, Any] = {
        "market_rate": 0.05,
        "limit_rates": [0.1, 0.05, 0.02],
        "cancel_rates": [0.01, 0.005, 0.001],
    }
    village.add("flow", market=PERPETUAL, **rates, anchor_ticks=PRICE, **trading, **way)
    pause: dict[str, Any] = {"wake_every_ms": 20, "threshold": 0.0005, "qty_lots": 20}
    village.add("momentum", market=PERPETUAL, lookback_ms=50, hold_ms=60, **pause, **way)
    village.add("value", market=SPOT, fair_ticks=PRICE, inventory_max=100, **pause, **way)
    resting: dict[str, Any] = {"fair_ticks": PRICE, "inventory_max": 300, "rests": 1, "calm_ms": 30}
    village.add("value", ordinal=1, market=PERPETUAL, **resting, **pause, **way)
    near: dict[str, Any] = {"mean_gap_ms": 15.0, "slippage": 0.0005}
    village.add("noise", ordinal=2, market=PERPETUAL, **near, **trading, **way)
    village.add("arbitrage", market=PERPETUAL, other=SPOT, inventory_max=200, **pause, **way)
    quoting: dict[str, Any] = {"wake_every_ms": 25, "half_spread": 0.0005, "window_ms": 200, "return_after_ms": 77}
    rules: list[dict[str, Any]] = [
        {"drawdown": 0.001, "levels": 3, "spacing": 0.0005, "return_spread": 3.0, "spread_tau_ms": 100.0},
        {"volatility": 0.002, "leaves_both": 1, "mass_quotes": 1, "return_size": 0.5, "size_tau_ms": 60.0},
        {"slow_ms": 14},
        {"inventory": 0.5, "mode": 1, "sigma": 2.0, "risk_aversion": 0.01, "decay": 0.1},
    ]
    for ordinal, rule in enumerate(rules):
        village.quotes(village.add("maker", ordinal=ordinal, **quoting, **rule, **way), PERPETUAL, SPOT)
    return village
