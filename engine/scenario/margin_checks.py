"""The rules of a scenario's margin: requirements, ladders, collateral, account modes, and crowds.

Part of `engine.scenario.checks`: generators of problems, each at its path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.scenario.margins import ladder_of, tiers_of, value_of
from engine.scenario.problems import NOTHING, Problem
from engine.scenario.words import one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.scenario.checks import Whole
    from engine.scenario.located import Path

__all__ = ["collateral", "crowd", "mode", "perpetual"]


def _table(path: Path, make: Callable[[Any], object], said: Any) -> Iterator[Problem]:
    """Refuse a table that its own rules refuse: tiers that jump, ratios that rise."""
    try:
        make(said)
    except InputError as error:
        yield Problem(path, f"{error.field}: {error.expected}", error.was)


def perpetual(path: Path, market: Any) -> Iterator[Problem]:
    """Refuse requirements that are said twice or not at all, and tables that are none (S-1, S-3)."""
    if (market.maintenance is None) == (market.tiers is None):
        said = "neither" if market.tiers is None else "both"
        yield Problem((*path, "maintenance"), "one of maintenance and tiers", NOTHING if said == "neither" else said)
    if market.tiers is not None:
        yield from _table((*path, "tiers"), tiers_of, market.tiers)
        if market.initial is not None:
            yield Problem((*path, "initial"), "nothing: the tiers have initial rates", market.initial)
    elif market.initial is not None and market.maintenance is not None and market.initial < market.maintenance:
        yield Problem((*path, "initial"), f"at least the maintenance rate {market.maintenance}", market.initial)


def collateral(whole: Whole) -> Iterator[Problem]:
    """Refuse ladders that are none, and collateral that cannot be priced (C-3, C-4)."""
    for name, venue in whole.on("venues").items():
        path: Path = ("venues", name)
        if venue.ladder is not None:
            yield from _ladder((*path, "ladder"), venue.ladder)
        units = [asset for asset, said in venue.collateral.items() if said.market is None]
        if venue.collateral and len(units) != 1:
            expected = "one asset without a market: the unit of account"
            yield Problem((*path, "collateral"), expected, ", ".join(units) or "none")
        for asset, said in venue.collateral.items():
            yield from _collateral(whole, (*path, "collateral", asset), name, said, units)


def _ladder(path: Path, said: Any) -> Iterator[Problem]:
    yield from _table(path, ladder_of, said)
    if not isinstance(said, str):
        actions = [step.action for step in said]
        if actions and (actions[-1] != "liquidate" or "liquidate" in actions[:-1]):
            yield Problem(path, "liquidate last, and only there", ", ".join(actions))


def _collateral(whole: Whole, path: Path, venue: str, said: Any, units: list[str]) -> Iterator[Problem]:
    asset = str(path[-1])
    yield from whole.reference(path, "assets", asset)
    yield from _table((*path, "value"), value_of, said.value)
    if said.lender is not None:
        yield from whole.reference((*path, "lender"), "populations", said.lender)
    if said.market is None:
        return
    found = list(whole.reference((*path, "market"), "markets", said.market, kind="spot"))
    yield from found
    market = whole.scenario.markets.get(said.market)
    if market is None or found:
        return
    if market.base_asset != asset or (len(units) == 1 and market.quote_asset != units[0]):
        expected = f"a spot market of {asset} against {units[0] if units else 'the unit of account'}"
        yield Problem((*path, "market"), expected, said.market)
    if len(whole.on("venues")) > 1 and market.venue != venue:
        yield Problem((*path, "market"), f"a market of {venue}", f"{said.market}, of {market.venue}")


# ---- accounts --------------------------------------------------------------------------------------------------------


def mode(whole: Whole, path: Path, population: Any) -> Iterator[Problem]:
    """Refuse a mode that the venue has not, or that cannot hold what is traded (C-1)."""
    venues = whole.on("venues")
    name = whole.stands_at(population) or next(iter(venues), None)
    venue = venues.get(name) if name is not None else None
    if population.margin == "unified" and (venue is None or not venue.collateral):
        yield Problem((*path, "margin"), "another mode: its venue says no collateral", "unified")
    if population.margin == "cash":
        for market in population.markets():
            found = whole.scenario.markets.get(market)
            if found is not None and found.kind == "perp":
                yield Problem((*path, "margin"), f"a mode that holds perpetuals such as {market}", "cash")
                return


def crowd(whole: Whole, path: Path, said: Any) -> Iterator[Problem]:
    """H-1 .. H-4: markets that somebody takes, a counterparty that is another, top-ups that can happen."""
    if said.brings:
        yield Problem((*path, "brings"), "nothing: its members bring their margin", ", ".join(said.brings))
    if not any(said.on.values()):
        yield Problem((*path, "on"), "a weight above 0", "none")
    for place, other in enumerate(said.rest):
        at: Path = (*path, "rest", place)
        if other == path[1]:
            yield Problem(at, "another population than itself", other)
        else:
            yield from whole.reference(at, "populations", other)
    if said.top_up is not None:
        yield from _top_up(whole, (*path, "top_up"), said)


def _top_up(whole: Whole, path: Path, said: Any) -> Iterator[Problem]:
    top_up, venues = said.top_up, whole.on("venues")
    if top_up.reserve is not None:
        yield from whole.reference((*path, "reserve"), "populations", top_up.reserve)
        if top_up.reserve == path[1]:
            yield Problem((*path, "reserve"), "another population than itself", top_up.reserve)
    elif said.margin != "isolated":
        expected = f"a population that pays: what {said.margin} accounts have counts already"
        yield Problem((*path, "reserve"), expected, NOTHING)
    venue = venues.get(whole.stands_at(said) or next(iter(venues), ""))
    if venue is None or venue.ladder is None:
        yield Problem((*path, "when"), "a venue with a ladder that has such a boundary", NOTHING)
        return
    try:
        ladder = ladder_of(venue.ladder)
    except InputError:
        return  # told where it stands
    actions = [boundary.action.name.lower().replace("_", "-") for boundary in ladder.boundaries]
    if top_up.when not in actions:
        yield Problem((*path, "when"), f"an action of the venue's ladder, {one_of(actions, top_up.when)}", top_up.when)
