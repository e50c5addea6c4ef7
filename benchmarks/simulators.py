"""Other simulators of agents and books that are installed here, and how they are driven.

crowdbook is a command (of the package `crowdbook-engine`, Python 3.12 and later, or built from its source), found on
PATH or beside this interpreter; bourse is a package with an environment that agents step through.
"""

from __future__ import annotations

import csv
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from drivers import BOURSE, why_missing

if TYPE_CHECKING:
    from collections.abc import Iterator

CROWDBOOK = "crowdbook"
REQUESTS = ("new", "cancel", "modify")  # kinds of a row of crowdbook's log that an agent asked for
BOURSE_SEED, BOURSE_TICKS, BOURSE_LOTS, BOURSE_TICK = 101, (10, 100), (20, 50), 2
BOURSE_CANCELLED = 3  # status of an order

# As near to the engine's one market as crowdbook gets: makers who keep one quote a side by modifying it, noise that
# places, cancels and takes, and latencies of 5 ms each way.
SCENARIO = """
seed = 11
duration = "{seconds}s"
reference_price = 20000
[[agents]]
type = "market_maker"
name = "maker"
count = 20
risk_aversion = 0.004
volatility = 2.5
intensity = 0.8
quote_size = 8
max_inventory = 150
requote_interval = "100ms"
latency = {{ to_exchange = "5ms", from_exchange = "5ms", jitter = "2ms" }}
account = {{ max_position = 170, max_order_quantity = 8 }}
[[agents]]
type = "zero_intelligence"
name = "noise"
count = 100
limit_rate = 0.5
market_rate = 0.1
cancel_rate = 0.25
max_offset = 12
latency = {{ to_exchange = "5ms", from_exchange = "5ms", jitter = "2ms" }}
account = {{ max_position = 1000, max_order_quantity = 10 }}
"""


class PeerRun(NamedTuple):
    """A run of a peer: CPU seconds, what it did by kind, and what does not agree in what it tells of itself."""

    seconds: float
    kinds: dict[str, int]
    differences: list[str]


# ---- crowdbook -------------------------------------------------------------------------------------------------------


def crowdbook_command() -> str | None:
    """Find the command; None if it is not installed."""
    return shutil.which(CROWDBOOK) or shutil.which(CROWDBOOK, path=str(Path(sys.executable).parent))


def why_no_crowdbook() -> str | None:
    """Say why crowdbook cannot be run here; None if it can."""
    if crowdbook_command() is None:
        return (
            f"{CROWDBOOK} is not installed (no such command; from Python 3.12 pip install 'firesale[peers]' brings it)"
        )
    return None


def spawn(command: list[str]) -> float:
    """Run a command to its end and return its own CPU seconds, start included."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{command[0]} ended with exit status {process.returncode}: {output.read()[-400:]!r}")
    return usage.ru_utime + usage.ru_stime


def crowdbook_kinds(scenario: Path) -> dict[str, int]:
    """Run a scenario with its log and count the log's rows by kind."""
    log = scenario.with_suffix(".csv")
    spawn([str(crowdbook_command()), "run", str(scenario), "--log", str(log)])
    with log.open(newline="", encoding="utf-8") as rows:
        kind = next(rows).rstrip("\n").split(",").index("kind")
        return dict(Counter(row[kind] for row in csv.reader(rows)))


def crowdbook_runs(seconds: int, runs: int) -> Iterator[PeerRun]:
    """Run crowdbook for so many simulated seconds, without a log, whenever the next run is asked for.

    What it did is counted in another, untimed run with a log.
    """
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder, "scenario.toml")
        scenario.write_text(SCENARIO.format(seconds=seconds), encoding="utf-8")
        kinds = crowdbook_kinds(scenario)
        differences = crowdbook_differences(kinds)
        for _ in range(runs):
            yield PeerRun(spawn([str(crowdbook_command()), "run", str(scenario)]), kinds, differences)


def crowdbook_differences(kinds: dict[str, int]) -> list[str]:
    """A trade joins two orders, and the log has a row for each of the three."""
    fills, trades = kinds.get("filled", 0), kinds.get("trade", 0)
    return [] if fills == 2 * trades > 0 else [f"fills: expected {2 * trades}, was {fills}"]


# ---- bourse ----------------------------------------------------------------------------------------------------------


def why_no_bourse() -> str | None:
    """Say why bourse cannot be run here; None if it can."""
    return why_missing(BOURSE)


def run_bourse_agents(agents: int, steps: int) -> PeerRun:
    """Step Python agents of bourse: each is called in each step and sends an order or a cancel in every other."""
    bourse = importlib.import_module("bourse")
    random_agents = importlib.import_module("bourse.step_sim.agents")
    env = bourse.core.StepEnv(BOURSE_SEED, 0, BOURSE_TICK, 100_000)
    population = [
        random_agents.RandomAgent(number, 0.5, BOURSE_TICKS, BOURSE_LOTS, BOURSE_TICK) for number in range(agents)
    ]
    start = time.thread_time()
    bourse.step_sim.run(env, population, steps, BOURSE_SEED, show_progress=False)
    return bourse_run(env, time.thread_time() - start, agents * steps)


def run_bourse_arrays(agents: int, steps: int) -> PeerRun:
    """Step a population of bourse that sends its orders as arrays, one of each agent in each step."""
    bourse = importlib.import_module("bourse")
    random_agents = importlib.import_module("bourse.step_sim.agents")
    env = bourse.core.StepEnvNumpy(BOURSE_SEED, 0, BOURSE_TICK, 100_000)
    population = random_agents.NumpyRandomAgents(agents, BOURSE_TICKS, BOURSE_LOTS, BOURSE_TICK)
    draws = np.random.default_rng(BOURSE_SEED)
    start = time.thread_time()
    for _ in range(steps):
        env.submit_instructions(population.update(draws, env.level_2_data()))
        env.step()
    return bourse_run(env, time.thread_time() - start, agents * steps)


def bourse_run(env: Any, seconds: float, calls: int) -> PeerRun:
    """Count what the environment has recorded; every trade's lots are taken from two orders."""
    orders, trades = env.get_orders(), env.get_trades()
    cancels = sum(order[1] == BOURSE_CANCELLED for order in orders)
    kinds = {"calls": calls, "orders": len(orders), "cancels": cancels, "trades": len(trades)}
    filled = sum(order[5] - order[4] for order in orders)
    traded = sum(trade[3] for trade in trades)
    differences = [] if filled == 2 * traded > 0 else [f"lots taken from orders: expected {2 * traded}, was {filled}"]
    return PeerRun(seconds, kinds, differences)
