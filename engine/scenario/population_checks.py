"""The rules of a scenario's populations: markets and venues, what their kinds need, links and laws that the world has.

Part of `engine.scenario.checks`: generators of problems, each at its path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.scenario.laws import Choice, Integers, Law, Uniform
from engine.scenario.lender_checks import at_lender, borrowers
from engine.scenario.margin_checks import crowd, mode
from engine.scenario.pool_checks import arbitrageurs
from engine.scenario.problems import NOTHING, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.scenario.checks import Whole
    from engine.scenario.located import Path

__all__ = ["populations"]

DISTANCES_MAX = 64  # of a zero-intelligence flow
LOOKS_IN_WINDOW_MAX = 16  # prices that a maker remembers, half of them for pauses that are shorter than the mean
STOIKOV = ("risk_aversion", "decay", "sigma", "horizon")
NEEDS_PRICE = ("market-maker", "stale", "holders", "hedgers", "zero-intelligence", "crowd")
HOLDS = ("holders", "crowd")  # perpetuals only


def populations(whole: Whole) -> Iterator[Problem]:
    """Refuse unknown markets and assets, and what a kind needs and does not have."""
    for name, population in whole.on("populations").items():
        path = ("populations", name)
        yield from whole.deposits(path, population.brings)
        yield from _population_markets(whole, path, population)
        yield from whole.moment((*path, "start"), population.start)
        event = whole.scenario.events.get(name)
        if event is not None and event.enabled and event.account is None:
            yield Problem(path, "a name that no event with an account of its own has", name, is_key=True)
        yield from _links(path, population)
        yield from _venues(whole, path, population)
        yield from mode(whole, path, population)
        rule = _RULES.get(population.kind)
        if rule is not None:
            yield from rule(whole, path, population)


def _population_markets(whole: Whole, path: Path, population: Any) -> Iterator[Problem]:
    key = next((key for key in ("market", "on", "long", "short") if getattr(population, key, None) is not None), "on")
    traded = population.markets()
    for place, market in enumerate(traded):
        is_one = isinstance(getattr(population, key), str)
        within = market if isinstance(getattr(population, key), dict) else place
        at: Path = (*path, key) if is_one else (*path, key, within)
        found = list(whole.reference(at, "markets", market, kind="perp" if population.kind in HOLDS else ""))
        yield from found
        if market in traded[:place]:
            yield Problem(at, "each market once", market)
        known = whole.scenario.markets.get(market)
        if known is not None and not found and population.kind in NEEDS_PRICE and not known.price:
            yield Problem(("markets", market, "price"), f"an opening price, which {path[1]} needs", NOTHING)
        if population.kind != "arbitrageur" or place == 0:
            yield from whole.at_one_venue(at, whole.stands_at(population), market)
        fields = ("size", "qty") if population.kind == "market-maker" else ("qty", "inventory_max")
        for field in fields:
            yield from whole.amount((*path, field), getattr(population, field, None), market, exact=True)


def _venues(whole: Whole, path: Path, population: Any) -> Iterator[Problem]:
    """V-8: a venue that there is; those who take the other side of positions stand there too."""
    if population.venue is not None:
        yield from whole.reference((*path, "venue"), "venues", population.venue)
    said = getattr(population, "rest", None) or []
    for place, name in enumerate([said] if isinstance(said, str) else said):
        other = whole.scenario.populations.get(name)
        venue, there = whole.stands_at(population), None if other is None else whole.stands_at(other)
        if venue is not None and there is not None and venue != there:
            at: Path = (*path, "rest") if isinstance(said, str) else (*path, "rest", place)
            yield Problem(at, f"a population at {venue}, where these are: give it a venue", f"{name}, at {there}")


def _links(path: Path, population: Any) -> Iterator[Problem]:
    """N-1, R-7: the laws that the world can draw for each message."""
    for link in ("link", "picture"):
        jitter = getattr(population, link).jitter
        if isinstance(jitter, (Integers, Choice)) or getattr(jitter, "max", None) is not None:
            expected = "lognormal, exponential, pareto (all without max) or uniform: it is drawn for each message"
            yield Problem((*path, link, "jitter"), expected, _shown(jitter))


def _shown(law: Law) -> str:
    return f"{law.law} with a max" if getattr(law, "max", None) is not None else law.law


def _holders(whole: Whole, path: Path, holders: Any) -> Iterator[Problem]:
    """L-9: positions are opened as balanced trades, so somebody takes the other side."""
    if (holders.long is None) == (holders.short is None):
        yield Problem(path, "one of long and short", "both" if holders.long else "neither")
    if holders.deposit is not None:
        yield from _deposit(whole, path, holders)
    yield from _rest(whole, path, holders)


def _deposit(whole: Whole, path: Path, holders: Any) -> Iterator[Problem]:
    """C-3: a deposit in another asset counts in unified accounts only, where that is collateral."""
    venue = whole.on("venues").get(whole.stands_at(holders) or next(iter(whole.on("venues")), ""))
    counts = {} if venue is None else venue.collateral
    if holders.margin != "unified":
        yield Problem((*path, "margin"), "unified, where another asset counts as margin", holders.margin)
    elif holders.deposit not in counts:
        yield Problem((*path, "deposit"), f"collateral of its venue: {', '.join(counts)}", holders.deposit)
    else:
        yield from _deposit_price(whole, path, holders, counts[holders.deposit].market)


def _deposit_price(whole: Whole, path: Path, holders: Any, priced_on: str | None) -> Iterator[Problem]:
    held = whole.scenario.markets.get(holders.long or holders.short)
    priced = None if priced_on is None else whole.scenario.markets.get(priced_on)
    if priced_on is None and held is not None and held.quote_asset != holders.deposit:
        expected = f"{held.quote_asset}, what it settles in, or collateral that has a market"
        yield Problem((*path, "deposit"), expected, holders.deposit)
    elif priced is not None and not priced.price and (held is None or held.quote_asset != holders.deposit):
        yield Problem(("markets", priced.name, "price"), f"an opening price, which {path[1]} needs", NOTHING)


def _rest(whole: Whole, path: Path, holders: Any) -> Iterator[Problem]:
    if holders.rest is None:
        expected = "the population that takes the other side: positions are opened as balanced trades (L-9)"
        yield Problem((*path, "rest"), expected, NOTHING)
    elif holders.rest == path[1]:
        yield Problem((*path, "rest"), "another population than itself", holders.rest)
    else:
        yield from whole.reference((*path, "rest"), "populations", holders.rest)


def _hedgers(whole: Whole, path: Path, hedgers: Any) -> Iterator[Problem]:
    """A-9: the hedge is a perpetual, for it is short."""
    yield from whole.reference((*path, "on", 1), "markets", hedgers.on[1], kind="perp")
    yield from _rest(whole, path, hedgers)


def _market_maker(_: Whole, path: Path, makers: Any) -> Iterator[Problem]:
    """A-2: the mode's parameters, and a window that the prices which a maker remembers can fill."""
    if makers.mode == "avellaneda-stoikov":
        for field in STOIKOV:
            if getattr(makers, field) is None:
                yield Problem((*path, field), f"a value, which {makers.mode} needs", NOTHING)
    if makers.leaves is None:
        return
    every = _least(makers.wake_every)
    if every is not None and makers.leaves.within > LOOKS_IN_WINDOW_MAX * every:
        expected = f"at most {LOOKS_IN_WINDOW_MAX} times wake_every, {LOOKS_IN_WINDOW_MAX * every:g}ms"
        yield Problem((*path, "leaves", "within"), expected, f"{makers.leaves.within}ms")
    if makers.leaves.inventory is not None and makers.inventory_max is None:
        yield Problem((*path, "inventory_max"), "a value, of which leaves.inventory is a share", NOTHING)


def _least(number: Any) -> float | None:
    """Return the least that a number may be; None for a law without one."""
    if not isinstance(number, Law):
        return float(number)
    if isinstance(number, Choice):
        return min(map(float, number.values))
    return float(number.low) if isinstance(number, (Uniform, Integers)) else None


def _quantity(path: Path, qty: Any) -> Iterator[Problem]:
    """Refuse a law that the world does not draw for each order."""
    if isinstance(qty, Law) and not isinstance(qty, (Integers, Uniform)):
        yield Problem((*path, "qty"), "integers or uniform: it is drawn for each order", qty.law)


def _noise(_: Whole, path: Path, noise: Any) -> Iterator[Problem]:
    return _quantity(path, noise.qty)


def _zero_intelligence(_: Whole, path: Path, crowd: Any) -> Iterator[Problem]:
    """A-3: a rate of limits and one of cancels for each distance, and something that happens."""
    yield from _quantity(path, crowd.qty)
    distances = len(crowd.limit_rates)
    if distances > DISTANCES_MAX:
        yield Problem((*path, "limit_rates"), f"1 to {DISTANCES_MAX} rates", f"{distances} rates")
    if distances != len(crowd.cancel_rates):
        expected = f"{distances} rates, one for each distance as in limit_rates"
        yield Problem((*path, "cancel_rates"), expected, f"{len(crowd.cancel_rates)} rates")
    if not crowd.market_rate and not any(crowd.limit_rates):
        yield Problem((*path, "limit_rates"), "a positive rate among limit_rates and market_rate", "none")


def _poisson(_: Whole, path: Path, orders: Any) -> Iterator[Problem]:
    yield from _quantity(path, orders.qty)
    if not orders.rate:
        yield Problem((*path, "rate"), "a positive rate (or enabled = false)", "0/s")


def _hawkes(_: Whole, path: Path, orders: Any) -> Iterator[Problem]:
    """A-4: an order brings less than one more on average."""
    yield from _quantity(path, orders.qty)
    if not orders.mu:
        yield Problem((*path, "mu"), "a positive rate: nothing else begins it", "0/s")
    if orders.alpha >= orders.beta:
        expected = f"less than beta ({orders.beta:g}/s): else an order brings one more or more on average, without end"
        yield Problem((*path, "alpha"), expected, f"{orders.alpha:g}/s")


_RULES: dict[str, Callable[[Whole, Path, Any], Iterator[Problem]]] = {
    "borrowers": borrowers,
    "bots": at_lender,
    "crowd": crowd,
    "hedgers": _hedgers,
    "holders": _holders,
    "loopers": at_lender,
    "pool-arbitrageurs": arbitrageurs,
    "market-maker": _market_maker,
    "noise": _noise,
    "zero-intelligence": _zero_intelligence,
    "poisson-orders": _poisson,
    "hawkes-orders": _hawkes,
}
