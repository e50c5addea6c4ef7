"""The native sources obey their laws: Poisson and Hawkes arrivals (A-4), and a zero-intelligence flow (A-3).

Stands on `World`, `clock`, `hawkes`, `populations`, `superposition`, `line`, `plan`. The agents run in a native world;
what is judged is when their orders and cancels reached the books, as the journal says. One millisecond of latency on
10^6 a unit is nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine import _core
from engine.reference.world import JournalKind
from engine.types import OrderType, Side
from engine.validation import hawkes, populations, superposition
from engine.validation.clock import MS_PER_UNIT

if TYPE_CHECKING:
    from engine.validation.line import Line
    from engine.validation.plan import Plan

Ints = NDArray[np.int64]

ARRIVALS, ARRIVALS_QUICK = 1_000_000, 50_000
LOOKS, LOOKS_QUICK = 10_000, 1_500
WALL_LOTS = 2**40
WALL_BID, WALL_ASK = 999, 1000

HAWKES_LAWS = tuple(replace(law, name=law.name.replace("hawkes-", "native-hawkes/")) for law in hawkes.LAWS)
NEAR = populations.LevelLaw("native-flow/one tick off", 1.85, 0.0, 0.71)
FAR = populations.LevelLaw("native-flow/two ticks off", 1.51, 0.0, 0.68)
MARKET_RATE = 0.94
"""Of the flow, a side: with those of `NEAR` and `FAR` the rates of `superposition.RATES`."""


def native_world(seed: int, markets: int) -> tuple[_core.World, int]:
    """Open a world of perpetual markets and an account that trades on all; return both."""
    world = _core.World(seed, record_trades=False)
    asset = world.add_asset(2**61)
    account = world.add_accounts()
    world.deposit(account, asset, 2**60)
    for _ in range(markets):
        world.add_perpetual(asset, atoms_per_tick_lot=1, maintenance_ppm=0)
    return world, account


def rows_of_account(world: _core.World, account: int, *names: str) -> list[Ints]:
    """Return columns of an account's journal rows, as int64."""
    journal = world.journal()
    mine = np.asarray(journal["account"]) == account
    kind = np.asarray(journal["kind"])
    mine &= (kind == JournalKind.PLACE) | (kind == JournalKind.CANCEL)
    return [np.asarray(journal[name])[mine].astype(np.int64) for name in names]


def simulate_points(rates: tuple[float, ...], seed: int, units: float, **excitement: float) -> tuple[Ints, Ints]:
    """Run native point processes, each on a market of its own.

    Parameters
    ----------
    rates : tuple of float
        Base rate of each, per unit.
    seed : int
        Of the world.
    units : float
        How long, units of model time.
    **excitement : float
        `alpha` and `beta`, per unit; without them Poisson.

    Returns
    -------
    tuple of array
        (times, ms; source of each), int64.
    """
    world, account = native_world(seed, len(rates))
    excitement_ms = {name: rate / MS_PER_UNIT for name, rate in excitement.items()}
    for market, rate in enumerate(rates):
        key = _core.member_key("validation/point", market)
        terms: dict[str, Any] = {"mu": rate / MS_PER_UNIT, "qty_min": 1, "qty_max": 1, **excitement_ms}
        world.add_agents("point", account, key, market=market, **terms)
    world.run(round(units * MS_PER_UNIT))
    times, source = rows_of_account(world, account, "time_ms", "market")
    return times, source


def simulate_flow(
    seed: int, units: float, *, near: populations.LevelLaw = NEAR, far: populations.LevelLaw = FAR
) -> tuple[_core.World, int]:
    """Run a native flow between two walls; return the world and the flow's account."""
    world, outside = native_world(seed, 1)
    account = world.add_accounts()
    world.deposit(account, 0, 2**59)
    world.send_order(outside, 0, Side.BUY, WALL_BID, WALL_LOTS, at_ms=0)
    world.send_order(outside, 0, Side.SELL, WALL_ASK, WALL_LOTS, at_ms=0)
    rates: dict[str, Any] = {
        "market_rate": MARKET_RATE / MS_PER_UNIT,
        "limit_rates": [law.limit_rate / MS_PER_UNIT for law in (near, far)],
        "cancel_rates": [law.cancel_rate / MS_PER_UNIT for law in (near, far)],
    }
    key = _core.member_key("validation/flow", 0)
    world.add_agents("flow", account, key, market=0, qty_min=1, qty_max=1, anchor_ticks=WALL_ASK, **rates)
    world.run(round(units * MS_PER_UNIT))
    return world, account


def flow_arrivals(world: _core.World, account: int) -> tuple[Ints, Ints]:
    """Return the flow's arrivals and which of its six clocks each one is: buys at 0, 2, 4, sells at 1, 3, 5."""
    times, kind, side, price, order_type = rows_of_account(
        world, account, "time_ms", "kind", "side", "price", "order_type"
    )
    came = kind == JournalKind.PLACE
    off = np.where(side == Side.BUY, WALL_ASK - price, price - WALL_BID)
    source = np.where(order_type == OrderType.MARKET, 0, 2 * off) + (side == Side.SELL)
    return times[came], source[came]


def flow_level(world: _core.World, account: int, off: int, until_ms: int) -> populations.LevelPath:
    """Return what happened at the flow's bids a distance off the ask; no trade reaches them behind the wall."""
    times, kind, side, price, number, order_type = rows_of_account(
        world, account, "time_ms", "kind", "side", "price", "number", "order_type"
    )
    here = (
        (side == Side.BUY)
        & (price == WALL_ASK - off)
        & ((kind == JournalKind.CANCEL) | (order_type == OrderType.LIMIT))
    )
    came, left = here & (kind == JournalKind.PLACE), here & (kind == JournalKind.CANCEL)
    in_level = np.cumsum(np.where(kind[here] == JournalKind.PLACE, 1, -1))
    depart = np.full(int(came.sum()), until_ms, dtype=np.int64)
    depart[np.searchsorted(number[came], number[left])] = times[left]
    return populations.LevelPath(times[here], in_level, times[came], depart, 0, until_ms)


def level_lines(path: populations.LevelPath, law: populations.LevelLaw) -> list[Line]:
    """Judge one level of the flow: independent looks, and Little."""
    counts = populations.sample_counts(path, populations.SAMPLE_EVERY_UNITS * MS_PER_UNIT)
    return [*populations.population_lines(law.name, counts, law), populations.level_little_line(path, law.name)]


def check_native_poisson(plan: Plan) -> list[Line]:
    """Run six sources and judge what came."""
    rates = superposition.RATES
    units = plan.size(ARRIVALS, ARRIVALS_QUICK) / sum(rates)
    return superposition.superposition_lines(*simulate_points(rates, plan.seed, units), rates, "native-poisson")


def check_native_hawkes(plan: Plan) -> list[Line]:
    """Run both Hawkes laws and judge them."""
    units, lines = plan.size(hawkes.UNITS, hawkes.UNITS_QUICK), []
    for law in HAWKES_LAWS:
        times, _ = simulate_points((law.mu,), plan.seed, units, alpha=law.alpha, beta=law.beta)
        lines += hawkes.hawkes_lines(times, law, units * MS_PER_UNIT, plan)
    return lines


def check_native_flow(plan: Plan) -> list[Line]:
    """Run a flow, and judge its arrivals and the lives of its orders."""
    units = populations.SAMPLE_EVERY_UNITS * plan.size(LOOKS, LOOKS_QUICK)
    world, account = simulate_flow(plan.seed, units)
    lines = superposition.superposition_lines(*flow_arrivals(world, account), superposition.RATES, "native-flow")
    for off, law in enumerate((NEAR, FAR), start=1):
        lines += level_lines(flow_level(world, account, off, units * MS_PER_UNIT), law)
    return lines
