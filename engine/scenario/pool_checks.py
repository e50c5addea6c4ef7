"""The rules of a scenario's pools: coins that there are, what the form takes, what is added, who trades there.

Part of `engine.scenario.checks`: generators of problems, each at its path.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.scenario.problems import NOTHING, Problem
from engine.scenario.words import one_of
from engine.units import whole_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.scenario.checks import Whole
    from engine.scenario.located import Path

__all__ = ["arbitrageurs", "at_pool", "pools"]

# What a form takes beside its coins, fee and venue.
TAKES = {
    "product": ("supplied",),
    "stable": ("amplification", "supplied"),
    "ranges": ("price", "tick_spacing", "ranges"),
}


def pools(whole: Whole) -> Iterator[Problem]:
    """Refuse pools that cannot be opened, and coins that cannot be added (Z-16)."""
    venues = whole.on("venues")
    for name, pool in whole.on("pools").items():
        path: Path = ("pools", name)
        if pool.venue is not None:
            yield from whole.reference((*path, "venue"), "venues", pool.venue)
        elif len(venues) > 1:
            yield Problem((*path, "venue"), f"one of the venues {', '.join(venues)}", NOTHING)
        for place, asset in enumerate(pool.assets):
            yield from whole.reference((*path, "assets", place), "assets", asset)
            if asset in pool.assets[:place]:
                yield Problem((*path, "assets", place), "each asset once", asset)
        yield from _form(path, pool)
        yield from _supplied(whole, path, pool)
        yield from _ranges(whole, path, pool)


def _form(path: Path, pool: Any) -> Iterator[Problem]:
    if pool.form != "stable" and len(pool.assets) > 2:
        yield Problem((*path, "assets"), "two assets: only a stable pool has more", len(pool.assets))
    for field in ("amplification", "price", "tick_spacing", "supplied", "ranges"):
        if field in pool.model_fields_set and field not in TAKES[pool.form]:
            yield Problem((*path, field), f"nothing with the form {pool.form}", field, is_key=True)
    if pool.form == "ranges" and not pool.price:
        yield Problem((*path, "price"), "a first price above 0", NOTHING if pool.price is None else pool.price)


def _supplied(whole: Whole, path: Path, pool: Any) -> Iterator[Problem]:
    for name, amounts in pool.supplied.items():
        at: Path = (*path, "supplied", name)
        yield from _adder(whole, at, pool, name)
        for asset, amount in amounts.items():
            if asset not in pool.assets:
                yield Problem((*at, asset), f"an asset of the pool, {one_of(pool.assets, asset)}", asset, is_key=True)
                continue
            found = whole.scenario.assets.get(asset)
            if found is not None and not whole_steps(amount, Decimal(1).scaleb(-found.decimals), "supplied")[1]:
                yield Problem((*at, asset), f"whole atoms of {asset}", amount)


def _ranges(whole: Whole, path: Path, pool: Any) -> Iterator[Problem]:
    spacing = pool.tick_spacing or 60
    for place, said in enumerate(pool.ranges):
        at: Path = (*path, "ranges", place)
        yield from _adder(whole, (*at, "account"), pool, said.account)
        if said.lower >= said.upper:
            yield Problem((*at, "upper"), f"a tick above the lower one, {said.lower}", said.upper)
        for field in ("lower", "upper"):
            if getattr(said, field) % spacing:
                yield Problem((*at, field), f"a multiple of the spacing, {spacing}", getattr(said, field))


def _adder(whole: Whole, at: Path, pool: Any, name: str) -> Iterator[Problem]:
    yield from whole.reference(at, "populations", name)
    population = whole.scenario.populations.get(name)
    venue, there = _stands_at(whole, pool), None if population is None else whole.stands_at(population)
    if venue is not None and there is not None and venue != there:
        yield Problem(at, f"a population at {venue}, where the pool is", f"{name}, at {there}")


def _stands_at(whole: Whole, pool: Any) -> str | None:
    return pool.venue if len(whole.on("venues")) > 1 else None


def at_pool(whole: Whole, path: Path, population: Any) -> Iterator[Problem]:
    """Refuse a pool that has not what the market trades, or stands elsewhere."""
    if population.pool is None:
        if getattr(population, "flash", False):
            yield Problem((*path, "pool"), "a pool to sell in: a book is no part of the action", NOTHING)
        return
    found = list(whole.reference((*path, "pool"), "pools", population.pool))
    yield from found
    pool, market = whole.scenario.pools.get(population.pool), whole.scenario.markets.get(population.on)
    if pool is None or found or market is None:
        return
    for asset in (market.base_asset, market.quote_asset):
        if asset not in pool.assets:
            yield Problem((*path, "pool"), f"a pool with {asset}, which {population.on} trades", population.pool)
            return
    yield from whole.at_one_venue((*path, "on"), _stands_at(whole, pool), population.on, "the pool's actions")


def arbitrageurs(whole: Whole, path: Path, population: Any) -> Iterator[Problem]:
    """A-13: a pool, and a spot market of its coins."""
    yield from whole.reference((*path, "on"), "markets", population.on, kind="spot")
    yield from at_pool(whole, path, population)
