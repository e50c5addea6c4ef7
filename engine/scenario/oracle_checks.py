"""The rules of a scenario's feeds and outages: books that exist, windows in order.

Part of `engine.scenario.checks`: generators of problems, each at its path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.scenario.feeds import feed_of
from engine.scenario.problems import Problem
from engine.scenario.quantities import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.feeds import Feed
    from engine.scenario.checks import Whole
    from engine.scenario.located import Path

__all__ = ["feed", "outages"]


def feed(whole: Whole, path: Path, oracle: Any) -> Iterator[Problem]:
    """Refuse a feed that lacks something, whose books are not there, or that is told twice what it reads."""
    at: Path = (*path, "feed")
    try:
        made = feed_of(oracle.feed)
    except InputError as error:
        yield Problem(at if isinstance(oracle.feed, str) else (*at, *error.field.split(".")), error.expected, error.was)
        return
    yield from _grid(whole, path, oracle, made)
    if oracle.source is not None or oracle.sources:
        yield from _replaced(path, oracle, made)
        return
    yield from _books(whole, at, made)


def _grid(whole: Whole, path: Path, oracle: Any, made: Feed) -> Iterator[Problem]:
    """Refuse a price of a feed that lies between two ticks of the market."""
    prices = [leg.rate for leg in made.legs if leg.rate is not None and leg.times is None]
    for price in [*prices, *([] if made.floor is None else [made.floor])]:
        yield from whole.on_grid((*path, "feed"), price, oracle.market, "tick")  # type: ignore[arg-type]


def _replaced(path: Path, oracle: Any, made: Feed) -> Iterator[Problem]:
    key = "sources" if oracle.sources else "source"
    if oracle.source is not None and oracle.sources:
        yield Problem((*path, "source"), "one of source and sources", "both")
    if len(made.books) != 1 or made.bound:
        expected = f"nothing: the books of {made.name} are said in the feed's own table"
        yield Problem((*path, key), expected, oracle.source or f"{len(oracle.sources)} sources")


def _books(whole: Whole, at: Path, made: Feed) -> Iterator[Problem]:
    bound = made.bound or {}
    for book, market in bound.items():
        yield from whole.reference((*at, "books", book), "markets", market)
    needed = {name for leg in made.legs if not leg.is_optional for name in leg.books}
    markets = whole.names["markets"]
    for book in (each for each in made.books if each in needed and each not in bound):
        if book in markets:
            yield from whole.reference(at, "markets", book)
        else:
            yield Problem(at, f'a market {book}, or books = {{ "{book}" = MARKET }}', "no such market")
    if made.books and not needed and not bound.keys() | (markets & set(made.books)):
        yield Problem(at, f"books for some of {', '.join(made.books)}", "none")


def outages(whole: Whole, path: Path, oracle: Any) -> Iterator[Problem]:
    """P-16: windows that have a length, in order and apart."""
    start: Any = whole.scenario.start
    if start is None:
        return  # it could not be read, and that is told
    before_ms = 0
    for place, window in enumerate(oracle.outages):
        at: Path = (*path, "outages", place)
        for side, moment in enumerate(window):
            yield from whole.moment((*at, side), moment)
        from_ms, to_ms = (whole.scenario.time_ms(moment) for moment in window)
        if from_ms < before_ms:
            yield Problem((*at, 0), f"a beginning at {format_duration(before_ms)} or later", window[0])
        if to_ms <= from_ms:
            yield Problem((*at, 1), f"an end after {window[0]}", window[1])
        before_ms = max(before_ms, to_ms)
