"""The rules of a scenario's liquidations: policies that can be, funds that are whole atoms, backstops that stand there.

Part of `engine.scenario.checks`: generators of problems, each at its path.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.scenario.liquidations import liquidation_of
from engine.scenario.problems import NOTHING, Problem
from engine.units import whole_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.policy import Policy
    from engine.scenario.checks import Whole
    from engine.scenario.located import Path

__all__ = ["liquidations"]

KEYS = {"stage_lots_min": "stage_min"}  # of a scenario, where they are not the policy's


def liquidations(whole: Whole) -> Iterator[Problem]:
    """Refuse policies that are none, funds of what there is not, and backstops that cannot take over (X-8)."""
    for name, venue in whole.on("venues").items():
        path: Path = ("venues", name)
        policy = None
        try:
            policy = liquidation_of(venue.liquidation)
        except InputError as error:
            field, _, place = error.field.partition("[")
            at: Path = (*path, "liquidation", KEYS.get(field, field))
            yield Problem((*at, int(place[:-1])) if place else at, error.expected, error.was)
        if policy is not None:
            yield from _policy(whole, (*path, "liquidation"), policy)
        yield from _fund(whole, (*path, "insurance_fund"), venue.insurance_fund)
        if venue.backstop is not None:
            yield from _backstop(whole, (*path, "backstop"), name, venue, policy)


def _policy(whole: Whole, path: Path, policy: Policy) -> Iterator[Problem]:
    """Refuse assets that there are not."""
    for place, asset in enumerate(policy.sell_order):
        yield from whole.reference((*path, "sell_order", place), "assets", asset)


def _fund(whole: Whole, path: Path, amounts: list[Any]) -> Iterator[Problem]:
    seen = set()
    for place, amount in enumerate(amounts):
        at: Path = (*path, place) if len(amounts) > 1 else path
        if not amount.unit:
            yield Problem(at, 'an amount with its asset, such as "1.23bn USDT"', str(amount))
            continue
        yield from whole.reference(at, "assets", amount.unit)
        if amount.unit in seen:
            yield Problem(at, "each asset once", str(amount))
        seen.add(amount.unit)
        asset = whole.scenario.assets.get(amount.unit)
        if asset is not None:
            atom = Decimal(1).scaleb(-asset.decimals)
            if not whole_steps(amount.number, atom, "insurance_fund")[1]:
                yield Problem(at, f"whole atoms of {atom} {amount.unit}", str(amount))


def _backstop(whole: Whole, path: Path, name: str, venue: Any, policy: Policy | None) -> Iterator[Problem]:
    if policy is not None and not policy.takes_over:
        yield Problem(path, "nothing: the liquidation takes nothing over", venue.backstop)
    found = list(whole.reference(path, "populations", venue.backstop))
    yield from found
    population = whole.scenario.populations.get(venue.backstop)
    if population is None or found:
        return
    stands_at = whole.stands_at(population)
    if stands_at is not None and stands_at != name:
        yield Problem(path, f"a population of {name}", f"{venue.backstop}, of {stands_at}")
    if population.margin != "cross":
        yield Problem(path, "a population whose margin is cross", f"{venue.backstop}, {population.margin}")
    if not population.brings:
        yield Problem(("populations", venue.backstop, "brings"), "capital of the backstop's own", NOTHING)
