"""How large a run was: its messages by market, makers, orders of liquidations, and what it cost the machine.

Stands on `engine.part`. Reads only. Seconds and memory are measured: they differ from run to run and are part of no
digest.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from engine.part import Part
    from engine.scenario import Scenario
    from engine.simulation import Simulation

    Array = np.ndarray[Any, Any]

__all__ = ["EARLY_MS", "Gauge", "makers_least", "messages_of"]

EARLY_MS = 600_000  # of these first minutes the messages are counted apart


def messages_of(simulation: Simulation) -> Array:
    """Return the book messages of each market so far: orders that arrived, and cancels. O(markets).

    Returns
    -------
    numpy.ndarray of int64, shape (markets, 2)

    Examples
    --------
    >>> from engine import Side, Simulation
    >>> sim = Simulation(seed=1)
    >>> usdt, atom = (sim.asset(name, decimals=6, supply="1000000") for name in ("USDT", "ATOM"))
    >>> spot, maker = sim.spot("ATOM/USDT", atom, usdt, tick="0.001", lot="1"), sim.account("maker", USDT="100")
    >>> ticket = sim.place(maker, spot, Side.BUY, "4.000", "5", at_ms=0)
    >>> sim.cancel(ticket, at_ms=1)
    >>> events = sim.run(until_ms=2)
    >>> messages_of(sim).tolist()
    [[1, 1]]
    """
    states = [simulation.world.market(market.number) for market in simulation.markets.values()]
    return np.array([(state["arrived"], state["cancelled"]) for state in states], dtype=np.int64).reshape(-1, 2)


def makers_least(scenario: Scenario) -> int:
    """Return the market makers of the market that has the fewest."""
    populations = [each for each in scenario.populations.values() if each.enabled and each.kind == "market-maker"]
    makers: Counter[str] = Counter()
    for population in populations:
        makers.update(dict.fromkeys(population.markets(), population.count))
    return min((makers[name] for name, market in scenario.markets.items() if market.enabled), default=0)


def _peak_mb() -> float | None:
    """Return the most memory that the process has had resident up to now, MB; None where nobody counts it."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


@dataclass
class Gauge:
    """Measure a part while it is built and run; made before it is built.

    Parameters
    ----------
    scenario : Scenario
        What the part is made from.
    """

    scenario: Scenario
    build_s: float = 0.0
    early: Array | None = None
    early_ms: int = 0
    _since: float = field(default_factory=time.process_time, repr=False)

    def built(self) -> None:
        """Note that the part is built."""
        self.build_s, self._since = time.process_time() - self._since, time.process_time()

    def passes(self, part: Part) -> None:
        """Note the messages so far, if the first minutes are not over."""
        now_ms = part.simulation.world.now_ms
        if now_ms <= EARLY_MS:
            self.early, self.early_ms = messages_of(part.simulation), now_ms

    def read(self, part: Part) -> dict[str, Any]:
        """Return the part's size as plain data.

        Returns
        -------
        dict
            ``markets``, ``accounts``, ``makers_least`` (on one market), ``events``, ``forced_orders``; ``messages``:
            ``all``, ``orders``, ``cancels``, by market ``least``, ``mean`` and ``most`` a second, and ``early``: the
            fewest of a market in the first minutes; ``build_s``, ``run_s`` (CPU) and ``peak_mb``.
        """
        world = part.simulation.world
        run_s, counts, messages = time.process_time() - self._since, world.counts(), messages_of(part.simulation)
        a_second = messages.sum(axis=1) * 1000 / max(1, world.now_ms)
        return {
            "markets": len(messages),
            "accounts": world.account_count,
            "makers_least": makers_least(self.scenario),
            "events": counts["events"],
            "forced_orders": counts["forced"],
            "messages": {
                "all": int(messages.sum()),
                "orders": counts["orders"],
                "cancels": counts["cancels"],
                "least": round(float(a_second.min()), 3),
                "mean": round(float(a_second.mean()), 3),
                "most": round(float(a_second.max()), 3),
                "early": {
                    "until_ms": self.early_ms,
                    "least": 0 if self.early is None else int(self.early.sum(axis=1).min()),
                },
            },
            "build_s": round(self.build_s, 3),
            "run_s": round(run_s, 3),
            "peak_mb": _peak_mb(),
        }
