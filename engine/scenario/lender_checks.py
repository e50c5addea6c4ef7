"""The rules of a scenario's lenders: assets, markets and venues that there are, prices, rules that the form knows.

Part of `engine.scenario.checks`: generators of problems, each at its path.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.protocols import terms_ppm
from engine.scenario.lenders import BORROWED, RULES, LenderPrice, curve_of, rules_of, terms_of
from engine.scenario.pool_checks import at_pool
from engine.scenario.problems import NOTHING, Problem
from engine.scenario.words import one_of
from engine.units import whole_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.scenario.checks import Whole
    from engine.scenario.located import Path

__all__ = ["at_lender", "borrowers", "lenders"]

GAS_MIN = 800_000  # B-4
RESERVES_MAX = 16  # Y-15


def lenders(whole: Whole) -> Iterator[Problem]:
    """Refuse lenders that cannot be opened, and blocks that cannot be (B-3, Y-15)."""
    for name, venue in whole.on("venues").items():
        if venue.blocks is not None:
            yield from _blocks(whole, ("venues", name, "blocks"), venue.blocks)
    for name, lender in whole.on("lenders").items():
        path: Path = ("lenders", name)
        yield from _venue(whole, path, lender)
        yield from _assets(whole, path, lender)
        yield from _terms(path, lender)
        yield from _prices(whole, path, lender)
        yield from _form(whole, path, lender)
        yield from _supplied(whole, path, lender)


def _blocks(whole: Whole, path: Path, blocks: Any) -> Iterator[Problem]:
    yield from whole.reference((*path, "gas_asset"), "assets", blocks.gas_asset)
    if 0 < blocks.gas_limit < GAS_MIN:
        yield Problem((*path, "gas_limit"), f"0, or at least {GAS_MIN}, what the dearest action uses", blocks.gas_limit)
    if blocks.base_least > blocks.base_price:
        yield Problem((*path, "base_least"), f"at most the base_price {blocks.base_price:f}", blocks.base_least)
    asset = whole.scenario.assets.get(blocks.gas_asset)
    for field in ("base_price", "base_least"):
        step = Decimal(10**6).scaleb(-asset.decimals) if asset is not None else Decimal(0)
        if step and not whole_steps(getattr(blocks, field), step, field)[1]:
            expected = f"a multiple of {step:f} {blocks.gas_asset} for a million units of gas"
            yield Problem((*path, field), expected, getattr(blocks, field))


def _venue(whole: Whole, path: Path, lender: Any) -> Iterator[Problem]:
    venues = whole.on("venues")
    if lender.venue is not None:
        yield from whole.reference((*path, "venue"), "venues", lender.venue)
    elif len(venues) > 1:
        yield Problem((*path, "venue"), f"one of the venues {', '.join(venues)}", NOTHING)


def _own(lender: Any) -> list[str]:
    return list(dict.fromkeys((*lender.collateral, *lender.borrow)))


def _assets(whole: Whole, path: Path, lender: Any) -> Iterator[Problem]:
    """Refuse assets that there are not, or that the lender has not."""
    own = _own(lender)
    if len(own) > RESERVES_MAX:
        yield Problem((*path, "collateral"), f"at most {RESERVES_MAX} assets, with those that are lent", len(own))
    for key in ("collateral", "borrow"):
        for asset in getattr(lender, key):
            yield from whole.reference((*path, key, asset), "assets", asset)
    seen: dict[str, str] = {}
    tables = {key: getattr(lender, key) for key in ("oracle", "supply_caps", "borrow_caps", "sells_on")}
    rows: list[tuple[Path, str]] = [((key,), asset) for key, table in tables.items() for asset in table]
    for mode, members in lender.modes.items():
        rows += [(("modes", mode), asset) for asset in members]
        for asset in members:
            if asset in seen:
                yield Problem((*path, "modes", mode, asset), f"an asset of one mode, it is in {seen[asset]}", asset)
            seen[asset] = mode
    for keys, asset in rows:
        if asset not in own:
            yield Problem((*path, *keys, asset), f"an asset of the lender, {one_of(own, asset)}", asset, is_key=True)


def _terms(path: Path, lender: Any) -> Iterator[Problem]:
    """Refuse thresholds below a loan-to-value, and curves that are none."""
    rows: list[tuple[Path, Any]] = [(("collateral", asset), said) for asset, said in lender.collateral.items()]
    for mode, members in lender.modes.items():
        rows += [(("modes", mode, asset), said) for asset, said in members.items() if said != BORROWED]
    for keys, said in rows:
        try:
            terms_ppm(terms_of(said), str(keys[-1]))
        except InputError as error:
            yield Problem((*path, *keys), error.expected, error.was)
    for asset, said in lender.borrow.items():
        if not isinstance(said, str) and not said.kink:
            yield Problem((*path, "borrow", asset, "kink"), "a kink above 0", said.kink)
        elif not isinstance(said, str) and sum(curve_of(said)) - said.kink > 9:
            yield Problem((*path, "borrow", asset), "rates of at most 900% together", NOTHING)


def _prices(whole: Whole, path: Path, lender: Any) -> Iterator[Problem]:
    for asset in lender.collateral:
        if asset not in lender.oracle and asset not in lender.borrow:
            yield Problem((*path, "oracle"), f"a price of {asset}", NOTHING)
    for asset, said in lender.oracle.items():
        if isinstance(said, LenderPrice):
            yield from whole.reference((*path, "oracle", asset, "market"), "markets", said.market)
            market = whole.scenario.markets.get(said.market)
            if said.series == "mark" and market is not None and market.kind != "perp":
                yield Problem((*path, "oracle", asset, "series"), "oracle or index: a spot market has no mark", "mark")


def _form(whole: Whole, path: Path, lender: Any) -> Iterator[Problem]:
    """Refuse what a form does not do (Y-12 .. Y-14)."""
    for name in rules_of(lender):
        if name not in RULES[lender.form]:
            yield Problem((*path, name), f"nothing: it is no rule of {lender.form}", getattr(lender, name))
    if lender.form == "comet" and len(lender.borrow) > 1:
        yield Problem((*path, "borrow"), "one asset, a Comet's base", ", ".join(lender.borrow))
    if lender.form == "morpho":
        for asset in lender.borrow:
            if lender.oracle.get(asset, 1) != 1:
                yield Problem((*path, "oracle", asset), "1: values at Morpho are in the loan", lender.oracle[asset])
            if asset in lender.collateral:
                yield Problem((*path, "collateral", asset), "another asset: what is lent bears losses", asset)
    call, last = lender.call or Decimal("0.75"), lender.liquidation or Decimal("0.83")
    is_said = lender.call is not None or lender.liquidation is not None
    if is_said and call > last:
        yield Problem((*path, "call"), f"at most the LTV of the liquidation, {last:f}", lender.call)
    yield from _sales(whole, path, lender)


def _sales(whole: Whole, path: Path, lender: Any) -> Iterator[Problem]:
    if lender.form != "loan":
        if lender.sells_on:
            yield Problem(
                (*path, "sells_on"), f"nothing: {lender.form} sells nothing itself", ", ".join(lender.sells_on)
            )
        return
    for asset in lender.collateral:
        name = lender.sells_on.get(asset)
        if name is None:
            yield Problem((*path, "sells_on"), f"a spot market of {asset}", NOTHING)
            continue
        yield from whole.reference((*path, "sells_on", asset), "markets", name, kind="spot")
        market = whole.scenario.markets.get(name)
        if market is not None and market.base_asset != asset:
            yield Problem((*path, "sells_on", asset), f"a spot market of {asset}", name)
        yield from whole.at_one_venue((*path, "sells_on", asset), stands_at(whole, lender), name, "the lender's loans")


def _supplied(whole: Whole, path: Path, lender: Any) -> Iterator[Problem]:
    for name, amount in lender.supplied.items():
        at: Path = (*path, "supplied", name)
        yield from whole.reference(at, "populations", name)
        if amount.unit not in _own(lender):
            yield Problem(at, f"an amount of {one_of(_own(lender), amount.unit)}", str(amount))
            continue
        asset = whole.scenario.assets.get(amount.unit)
        if asset is not None and not whole_steps(amount.number, Decimal(1).scaleb(-asset.decimals), "supplied")[1]:
            yield Problem(at, f"whole atoms of {amount.unit}", str(amount))
        population = whole.scenario.populations.get(name)
        venue, there = stands_at(whole, lender), None if population is None else whole.stands_at(population)
        if venue is not None and there is not None and venue != there:
            yield Problem(at, f"a population at {venue}, where the lender is", f"{name}, at {there}")


def stands_at(whole: Whole, lender: Any) -> str | None:
    """Return the name of a lender's venue; None if it cannot be known, or does not matter."""
    return lender.venue if len(whole.on("venues")) > 1 else None


def at_lender(whole: Whole, path: Path, population: Any) -> Iterator[Problem]:
    """A-11, A-12: a lender of what the market trades, at its venue; a price of gas where there is gas."""
    yield from at_pool(whole, path, population)
    found = list(whole.reference((*path, "lender"), "lenders", population.lender))
    yield from found
    yield from whole.reference((*path, "on"), "markets", population.on, kind="spot")
    lender, market = whole.scenario.lenders.get(population.lender), whole.scenario.markets.get(population.on)
    if lender is None or found or market is None or market.kind != "spot":
        return
    for asset in (market.base_asset, market.quote_asset):
        if asset not in _own(lender):
            yield Problem((*path, "on"), f"a market of the lender's assets, {', '.join(_own(lender))}", population.on)
            return
    yield from whole.at_one_venue((*path, "on"), stands_at(whole, lender), population.on, "the lender's loans")
    venues = whole.on("venues")
    venue = venues.get(stands_at(whole, lender) or next(iter(venues), ""))
    has_blocks = venue is not None and venue.blocks is not None
    if population.kind == "bots" and has_blocks != (population.gas_asset_price is not None):
        expected = "what gas is worth, since its venue has blocks" if has_blocks else "nothing: its venue has no blocks"
        yield Problem((*path, "gas_asset_price"), expected, population.gas_asset_price or NOTHING)
    if population.kind == "loopers" and population.built and not market.price:
        yield Problem(("markets", population.on, "price"), f"an opening price, at which {path[1]} bought", NOTHING)
    token = market.base_asset
    if population.kind == "loopers" and token not in population.brings:
        yield Problem((*path, "brings"), f"{token} to begin with", ", ".join(population.brings) or NOTHING)


def borrowers(whole: Whole, path: Path, population: Any) -> Iterator[Problem]:
    """Refuse borrowers at no lender, at another venue, of what it does not lend, against what does not count."""
    found = list(whole.reference((*path, "lender"), "lenders", population.lender))
    yield from found
    lender = whole.scenario.lenders.get(population.lender)
    if lender is None or found:
        return
    if whole.stands_at(population) != stands_at(whole, lender):
        yield Problem((*path, "venue"), f"{stands_at(whole, lender)}, where the lender is", whole.stands_at(population))
    if population.borrow not in lender.borrow:
        yield Problem((*path, "borrow"), f"what it lends: {', '.join(lender.borrow)}", population.borrow)
    if not population.brings:
        yield Problem((*path, "brings"), f"collateral: {', '.join(lender.collateral)}", NOTHING)
    for asset in population.brings:
        if asset not in lender.collateral:
            yield Problem(
                (*path, "brings", asset), f"what counts there: {', '.join(lender.collateral)}", asset, is_key=True
            )
    for asset in (*population.brings, population.borrow):
        said = lender.oracle.get(asset)
        market = whole.scenario.markets.get(said.market) if isinstance(said, LenderPrice) else None
        if market is not None and not market.price:
            expected = f"an opening price, at which {path[1]} borrowed"
            yield Problem(("markets", market.name, "price"), expected, NOTHING)
