"""The rules of a scenario that no object knows alone: names that exist, grids that fit, sides that add up.

Each rule is a generator of problems over the objects that could be read; what could not be read counts as existing, so
that one mistake is told once. What is switched off is not looked at, and nothing that is on may need it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.scenario.laws import Law
from engine.scenario.lender_checks import lenders
from engine.scenario.liquidation_checks import liquidations
from engine.scenario.margin_checks import collateral, perpetual
from engine.scenario.oracle_checks import feed, outages
from engine.scenario.pool_checks import pools
from engine.scenario.population_checks import populations
from engine.scenario.problems import NOTHING, Problem
from engine.scenario.words import one_of
from engine.units import EXACT, whole_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.scenario.located import Path
    from engine.scenario.quantities import Amount
    from engine.scenario.scenario import Scenario

__all__ = ["Whole", "check_whole"]

ATOMS_MAX = 2**61
HALF_DAY_MS = 43_200_000
LOTS = "lots"
VARIANT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]*")  # it names a folder of the run


# Which section a key's name or names are of, for objects that could not be read as a whole.
REFERENCES = {
    **dict.fromkeys(("market", "source", "on", "long", "short"), "markets"),
    **dict.fromkeys(("account", "rest"), "populations"),
    **dict.fromkeys(("base", "quote", "settle", "brings"), "assets"),
    "venue": "venues",
    "lender": "lenders",
    "pool": "pools",
}


def check_whole(
    scenario: Scenario, names: dict[str, set[str]], broken: list[tuple[Path, dict[str, Any]]] | None = None
) -> list[Problem]:
    """Return everything that is wrong between a scenario's objects.

    Parameters
    ----------
    scenario : Scenario
        Its sections hold what could be read.
    names : dict
        All names of each section, those that could not be read included.
    broken : list of (path, data), optional
        The objects that could not be read: of them only the names of others are looked at.

    Returns
    -------
    list of Problem
    """
    whole = Whole(scenario, names)
    rules = (
        assets,
        markets,
        collateral,
        liquidations,
        oracles,
        lenders,
        pools,
        populations,
        events,
        supplies,
        record,
        parts,
    )
    problems = [problem for rule in rules for problem in rule(whole)]
    return problems + [problem for path, data in broken or () for problem in _raw_references(whole, path, data)]


def _raw_references(whole: Whole, path: Path, data: dict[str, Any]) -> Iterator[Problem]:
    if data.get("enabled") is False:
        return
    for key, section in REFERENCES.items():
        value = data.get(key)
        if data.get("kind") == "crowd" and key == "long":
            continue  # a share there
        if isinstance(value, str):
            yield from whole.reference((*path, key), section, value)
        elif isinstance(value, (list, dict)):
            for place, name in enumerate(value):
                if isinstance(name, str):
                    yield from whole.reference((*path, key, name if isinstance(value, dict) else place), section, name)


class Whole:
    """A scenario's objects that are on, and the questions that the rules ask."""

    def __init__(self, scenario: Scenario, names: dict[str, set[str]]) -> None:
        self.scenario = scenario
        self.names = names
        self._on: dict[str, dict[str, Any]] = {}

    def on(self, section: str) -> dict[str, Any]:
        """Return the objects of a section that are switched on; each section is looked through once."""
        if section not in self._on:
            held = getattr(self.scenario, section).items()
            self._on[section] = {name: each for name, each in held if each.enabled}
        return self._on[section]

    def reference(self, path: Path, section: str, name: object, *, kind: str = "") -> Iterator[Problem]:
        """Refuse a name that is not there, is switched off, or is of another kind."""
        found = getattr(self.scenario, section).get(name)
        if found is None:
            if name not in self.names[section]:
                yield Problem(path, f"a name of {section}, {one_of(sorted(self.names[section]), name)}", name)
        elif not found.enabled:
            yield Problem(path, f"a name of {section} that is enabled", f"{name}, which is switched off")
        elif kind and found.kind != kind:
            yield Problem(path, f"a {kind} market", f"{name}, a {found.kind} market")

    def on_grid(self, path: Path, number: Decimal, market: object, step_of: str) -> Iterator[Problem]:
        """Refuse a number that lies between two ticks or lots of a market."""
        found = self.scenario.markets.get(str(market))
        if found is not None:
            step = getattr(found, step_of)
            try:
                if not whole_steps(number, step, step_of)[1]:
                    yield Problem(path, f"a multiple of the {step_of} {step}", number)
            except InputError as error:
                yield Problem(path, error.expected, number)

    def amount(self, path: Path, amount: object, market: object, *, exact: bool = False) -> Iterator[Problem]:
        """Refuse an amount in a unit that a market does not trade, or (if `exact`) one between two lots."""
        found = self.scenario.markets.get(str(market))
        if isinstance(amount, Law):
            for each in amount.arguments:
                yield from self.amount(path, each, market)
            return
        unit = getattr(amount, "unit", None)
        if found is None or unit is None:
            return
        units = [found.base_asset, found.quote_asset, LOTS]
        if unit and unit not in units:
            yield Problem(path, f"an amount of {one_of(units, unit)}", amount)
        elif exact and unit in ("", found.base_asset):
            number: Amount = amount  # type: ignore[assignment]
            yield from self.on_grid(path, number.number, market, "lot")
        elif unit == found.quote_asset and not found.price:
            yield Problem(("markets", str(market)), f"a price, since {path[1]} gives an amount of {unit}", NOTHING)

    def deposits(self, path: Path, brings: dict[str, Any]) -> Iterator[Problem]:
        """Refuse deposits of assets that there are not, or between two atoms."""
        for asset, amount in brings.items():
            yield from self.reference((*path, "brings", asset), "assets", asset)
            found = self.scenario.assets.get(asset)
            if found is not None and isinstance(amount, Decimal):
                atom = Decimal(1).scaleb(-found.decimals)
                if not whole_steps(amount, atom, "brings")[1]:
                    yield Problem((*path, "brings", asset), f"whole atoms of {atom} {asset}", amount)

    def moment(self, path: Path, moment: int | str) -> Iterator[Problem]:
        """Refuse a clock time just before the start: it would be the next day's, after the end."""
        duration: Any = self.scenario.duration  # None where it could not be read
        start: Any = self.scenario.start
        if not isinstance(moment, str) or duration is None or start is None:
            return
        if self.scenario.time_ms(moment) > max(duration, HALF_DAY_MS):
            yield Problem(path, f"a clock time after the start, {start:%H:%M:%S}", moment)

    def venue_of(self, market: object) -> str | None:
        """Return the name of a market's venue; None if it cannot be known, or does not matter: there is one only."""
        found, venues = self.scenario.markets.get(str(market)), self.on("venues")
        return None if found is None or len(venues) < 2 else found.venue

    def stands_at(self, population: Any) -> str | None:
        """Return the name of the venue of a population's accounts, likewise."""
        venues, traded = self.on("venues"), population.markets()
        if len(venues) < 2:
            return None
        return population.venue or (self.venue_of(traded[0]) if traded else next(iter(venues)))

    def at_one_venue(
        self, path: Path, venue: str | None, market: object, who: str = "its accounts"
    ) -> Iterator[Problem]:
        """V-8: refuse a market of another venue than that where the accounts are."""
        there = self.venue_of(market)
        if venue is not None and there is not None and there != venue:
            expected = f"a market of {venue}, where {who} are (an account trades at its own venue only)"
            yield Problem(path, expected, f"{market}, of {there}")


def assets(whole: Whole) -> Iterator[Problem]:
    """U-4: the supply is whole atoms, at most 2^61."""
    for name, asset in whole.on("assets").items():
        atoms, is_whole = whole_steps(asset.supply, Decimal(1).scaleb(-asset.decimals), "supply")
        if not is_whole or not 1 <= atoms <= ATOMS_MAX:
            most = Decimal(ATOMS_MAX).scaleb(-asset.decimals)
            yield Problem(
                ("assets", name, "supply"), f"whole atoms, at most {most:f} with these decimals", asset.supply
            )


def markets(whole: Whole) -> Iterator[Problem]:
    """Refuse unknown assets and venues, and steps that do not fit them (U-5)."""
    venues = whole.on("venues")
    for name, market in whole.on("markets").items():
        path = ("markets", name)
        if market.venue is not None:
            yield from whole.reference((*path, "venue"), "venues", market.venue)
        elif len(venues) > 1:
            yield Problem((*path, "venue"), f"one of the venues {', '.join(venues)}", NOTHING)
        quote_key, quote = ("settle" if market.kind == "perp" else "quote"), market.quote_asset
        if not quote:
            yield Problem((*path, "quote"), "the asset in which prices are", NOTHING)
            continue
        yield from whole.reference((*path, quote_key), "assets", quote)
        if market.kind == "spot":
            yield from whole.reference((*path, "base"), "assets", market.base_asset)
            if market.base_asset == quote:
                yield Problem((*path, "quote"), "another asset than the base", quote)
        if market.kind == "perp":
            yield from perpetual(path, market)
        yield from _grids(whole, path, market)


def _grids(whole: Whole, path: Path, market: Any) -> Iterator[Problem]:
    quote = whole.scenario.assets.get(market.quote_asset)
    if quote is not None:
        atom = Decimal(1).scaleb(-quote.decimals)
        if not whole_steps(EXACT.multiply(market.tick, market.lot), atom, "tick")[1]:
            expected = f"tick x lot to be whole atoms of {market.quote_asset} ({atom:f})"
            yield Problem((*path, "tick"), expected, f"{market.tick} x {market.lot}")
    base = whole.scenario.assets.get(market.base_asset) if market.kind == "spot" else None
    if base is not None:
        atom = Decimal(1).scaleb(-base.decimals)
        if not whole_steps(market.lot, atom, "lot")[1]:
            yield Problem((*path, "lot"), f"whole atoms of {market.base_asset} ({atom:f})", market.lot)
    for field in ("price", "price_min"):
        price = getattr(market, field, None)
        if price is not None:
            yield from whole.on_grid((*path, field), price, path[1], "tick")
    if market.price is not None and market.price == 0:
        yield Problem((*path, "price"), "a positive price", market.price)


def oracles(whole: Whole) -> Iterator[Problem]:
    """P-3, P-11: an index has a feed, a source or several, a mark is of a perpetual."""
    for name, oracle in whole.on("oracles").items():
        path = ("oracles", name)
        yield from whole.reference(
            (*path, "market"), "markets", oracle.market, kind="perp" if oracle.kind == "mark" else ""
        )
        yield from _sources(whole, path, oracle)
        yield from outages(whole, path, oracle)
        if oracle.kind == "mark":
            yield from _mark_rule(path, oracle)
            continue
        if oracle.feed is not None:
            yield from feed(whole, path, oracle)
        elif (oracle.source is None) != bool(oracle.sources):
            yield Problem((*path, "source"), "one of source and sources", "both" if oracle.sources else "neither")
        if oracle.source is not None:
            yield from whole.reference((*path, "source"), "markets", oracle.source)
        if oracle.floor is not None:
            yield from whole.on_grid((*path, "floor"), oracle.floor, oracle.market, "tick")
        if oracle.heartbeat and not oracle.deviation and oracle.feed is None:
            yield Problem((*path, "deviation"), "a deviation, since there is a heartbeat", NOTHING)


# What each kind of source must have, and what it has no use for.
SOURCE_NEEDS = {
    **dict.fromkeys(("mid", "last", "index", "oracle"), ("market",)),
    "twap": ("market", "window"),
    "path": ("at", "prices"),
    "fixed": ("price",),
    "rate": ("rate",),
}
SOURCE_TAKES = {
    **dict.fromkeys(("mid", "last", "index", "oracle", "twap"), ("times", "stale")),
    "path": ("stale",),
    "fixed": (),
    "rate": ("market", "growth", "growth_every", "stale"),
}


def _sources(whole: Whole, path: Path, oracle: Any) -> Iterator[Problem]:
    """Refuse a source that lacks what its kind needs, or says what its kind has no use for."""
    for place, source in enumerate(oracle.sources):
        at = (*path, "sources", place)
        said = source.model_fields_set
        for field in SOURCE_NEEDS[source.kind]:
            if field not in said:
                yield Problem((*at, field), f"what a {source.kind} source needs", NOTHING)
        for field in sorted(said - {"kind", "weight", *SOURCE_NEEDS[source.kind], *SOURCE_TAKES[source.kind]}):
            yield Problem((*at, field), f"nothing with a {source.kind} source", getattr(source, field))
        for field in ("market", "times"):
            if getattr(source, field) is not None:
                yield from whole.reference((*at, field), "markets", getattr(source, field))
        if len(source.at) != len(source.prices):
            yield Problem((*at, "prices"), f"{len(source.at)} prices, one for each time", len(source.prices))
        for k, moment in enumerate(source.at):
            yield from whole.moment((*at, "at", k), moment)
        for field, prices in (("price", [source.price]), ("prices", source.prices)):
            for price in prices:
                if price is not None:
                    yield from whole.on_grid((*at, field), price, oracle.market, "tick")


def _mark_rule(path: Path, oracle: Any) -> Iterator[Problem]:
    """Refuse what a mark's rule has no use for."""
    takes = {"binance": {"window", "sample_every"}, "bybit": {"window", "sample_every"}, "hyperliquid": {"sources"}}
    for field in ("window", "sample_every", "sources"):
        if field in oracle.model_fields_set and field not in takes.get(oracle.rule, set()):
            yield Problem((*path, field), f"nothing with the rule {oracle.rule}", getattr(oracle, field))


def events(whole: Whole) -> Iterator[Problem]:
    """Refuse unknown markets and accounts, and orders that do not fit their market's grid."""
    for name, event in whole.on("events").items():
        path = ("events", name)
        yield from whole.moment((*path, "at"), event.at)
        yield from whole.deposits(path, event.brings)
        if event.account is not None:
            yield from whole.reference((*path, "account"), "populations", event.account)
            if event.brings:
                yield Problem((*path, "brings"), "nothing: its account is a population's", ", ".join(event.brings))
            actor = whole.scenario.populations.get(event.account)
            venue = whole.stands_at(actor) if actor is not None else None
        else:
            # Rows may be a long file: they are read for their market only where it matters.
            traded = event.markets(whole.scenario.folder) if len(whole.on("venues")) > 1 else []
            venue = whole.venue_of(traded[0]) if traded else None
        if event.kind == "shock":
            yield from _shock(whole, path, event, venue)
        else:
            yield from _orders(whole, path, event, venue)


def _shock(whole: Whole, path: Path, shock: Any, venue: str | None) -> Iterator[Problem]:
    yield from whole.reference((*path, "market"), "markets", shock.market)
    yield from whole.at_one_venue((*path, "market"), venue, shock.market, f"those of {shock.account}")
    if (shock.sell is None) == (shock.buy is None):
        yield Problem(path, "one of sell and buy", "both" if shock.sell else "neither")
    for key in ("sell", "buy"):
        yield from whole.amount((*path, key), getattr(shock, key), shock.market)
    if shock.over and shock.slice_count > shock.over:
        yield Problem((*path, "slices"), "at most one order each millisecond", shock.slice_count)


def _orders(whole: Whole, path: Path, event: Any, venue: str | None) -> Iterator[Problem]:
    from engine.scenario.events import read_rows

    if isinstance(event.rows, str):
        rows, problems = read_rows(event.rows, whole.scenario.folder)
        for problem in problems:
            yield Problem((*path, "rows"), problem.expected, problem.was)
    else:
        rows = event.rows
    if event.market is not None:
        yield from whole.reference((*path, "market"), "markets", event.market)
    for place, row in enumerate(map(event.whole, rows)):
        at: Path = (*path, "rows") if isinstance(event.rows, str) else (*path, "rows", place)
        yield from _row(whole, at, row)
        who = f"those of {event.account}" if event.account else "that of its first row"
        yield from whole.at_one_venue((*at, "market"), venue, row.market, who)


def _row(whole: Whole, at: Path, row: Any) -> Iterator[Problem]:
    if row.market is None:
        yield Problem((*at, "market"), "a market, here or for the whole event", NOTHING)
        return
    if row.side is None:
        yield Problem((*at, "side"), "buy or sell, here or for the whole event", NOTHING)
    yield from whole.reference((*at, "market"), "markets", row.market)
    yield from whole.amount((*at, "quantity"), row.quantity, row.market, exact=True)
    if row.price is not None:
        yield from whole.on_grid((*at, "price"), row.price, row.market, "tick")


def supplies(whole: Whole) -> Iterator[Problem]:
    """U-4: what is brought is not more than there may be; laws, and holders' margin, are known when they are drawn."""
    brought: dict[str, Decimal] = {}
    for name, venue in whole.on("venues").items():
        for amount in venue.insurance_fund:
            asset = whole.scenario.assets.get(amount.unit)
            brought[amount.unit] = EXACT.add(brought.get(amount.unit, Decimal(0)), amount.number)
            if asset is not None and brought[amount.unit] > asset.supply:
                expected = f"at most the supply of {amount.unit}, {asset.supply:f}"
                yield Problem(("venues", name, "insurance_fund"), expected, str(amount))
    for section in ("populations", "events"):
        for name, each in whole.on(section).items():
            count = getattr(each, "count", 1) if getattr(each, "kind", "") != "stale" else 1
            for asset, amount in each.brings.items():
                found = whole.scenario.assets.get(asset)
                if found is None or not isinstance(amount, Decimal):
                    continue
                before = brought.get(asset, Decimal(0))
                brought[asset] = EXACT.add(before, EXACT.multiply(amount, count))
                if before <= found.supply < brought[asset]:
                    expected = (
                        f"at most the {found.supply - before:f} {asset} that its supply has left, for {count} in all"
                    )
                    yield Problem(
                        (section, name, "brings", asset), expected, f"{amount:f} each" if count > 1 else amount
                    )


def record(whole: Whole) -> Iterator[Problem]:
    """Refuse sizes of quotes that are not recorded."""
    kept = getattr(whole.scenario, "record", None)
    if kept is not None and kept.quote_sizes and not kept.quotes:
        yield Problem(("record", "quote_sizes"), "quotes = true too", "quotes = false")


def parts(whole: Whole) -> Iterator[Problem]:
    """Refuse variants that there are not."""
    from engine.scenario.scenario import BASE

    known = [BASE, *sorted(whole.names["variants"])]
    for place, name in enumerate(getattr(whole.scenario, "parts", [])):
        if name not in known:
            yield Problem(("parts", place), one_of(known, name), name)
        elif name in whole.scenario.parts[:place]:
            yield Problem(("parts", place), "each part once", name)
    for name, variant in whole.on("variants").items():
        if not VARIANT_NAME.fullmatch(name):
            yield Problem(("variants", name), "a name of letters, digits, blanks, . _ + and -", name, is_key=True)
        if name == BASE:
            yield Problem(("variants", name), f"another name: {BASE} is the scenario itself", name, is_key=True)
        if variant.extends is not None and variant.extends not in known:
            yield Problem(("variants", name, "extends"), one_of(known, variant.extends), variant.extends)
