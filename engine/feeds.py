"""A feed: what an oracle reads, by names of books, and how often and how late it publishes.

Stands on `engine.prices`. `engine.oracles` has feeds as they were; `Simulation.index` and `Simulation.oracle` take one
in place of sources.

::

    Leg, Leg, ... -> Feed -- on(books), but(changes) --> resolve(markets) -> sources of engine.prices
                                                         options          -> every_ms, lag_ms, deviation, ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engine.declared import Market, share_ppm
from engine.errors import InputError
from engine.prices import ConversionRate, Fixed, Mid, Series, Source, Twap
from engine.schedules import named, whole

if TYPE_CHECKING:
    from engine.units import Amount

__all__ = ["MS_MOST", "WEIGHT_MOST", "Bound", "Feed", "Leg"]

MS_MOST = 2**40
WEIGHT_MOST = 10**6
Bound = Market | Source | str
"""What a feed reads in place of a book that it names: a market, its name, or any source."""


@dataclass(frozen=True)
class Leg:
    """One thing that a feed reads.

    Parameters
    ----------
    book : str, optional
        Name of a book, such as ``"WBETH/ETH"``; its mid is taken. One of `book` and `rate`.
    weight : int
        Share in mean and median, 1 to 10^6.
    times : str, optional
        Name of a book whose mid is a factor.
    rate : Amount, optional
        A conversion rate; without `times` a price that never changes, such as one of redemption.
    growth : Amount
        What a day adds to the rate, a share of it.
    is_optional : bool
        Whether the feed does without it where there is no such book.
    """

    book: str | None = None
    weight: int = 1
    times: str | None = None
    rate: Amount | None = None
    growth: Amount = 0
    is_optional: bool = False

    def __post_init__(self) -> None:
        whole(self.weight, "weight", 1, WEIGHT_MOST)
        if (self.book is None) == (self.rate is None):
            raise InputError("book", "one of book and rate", "neither" if self.book is None else "both")

    @property
    def books(self) -> tuple[str, ...]:
        """Names of the books that it reads."""
        return tuple(name for name in (self.book, self.times) if name is not None)


@dataclass(frozen=True)
class Feed:
    """What publishes an index or oracle: what it reads, when it publishes, and who says so.

    Parameters
    ----------
    name : str
        Of the feed.
    legs : sequence of Leg
        What it reads.
    source : str
        Where the numbers are from.
    unverified : tuple of str
        The numbers that no source says.
    every_ms, lag_ms : int
        Time between samples, and from sample to publication, ms.
    combine : str
        ``"mean"`` or ``"median"``, by weight (P-12).
    deviation, heartbeat_ms : Amount, int
        Published after a move by this share, or so long after the last sample that was; 0: every sample, never by age.
    latency_law : tuple, optional
        Law of what comes on top of the lag (P-13): name and parameters, ms.
    floor : Amount, optional
        Least value.
    stale_ms : int, optional
        Age from which on a book is left out, ms; by default a mid counts only while it is there.
    spare : tuple of str
        Books that it does not read as it is, and would with another anchor: `on` takes them all the same.
    bound : mapping of str to Market, str or Source
        What stands for the books that it names; set with `on`.

    Raises
    ------
    InputError
        Something is out of its bounds; it is named.

    Examples
    --------
    >>> Feed("own", (Leg("ETH/USDT"),), "made up", every_ms=0)
    Traceback (most recent call last):
    engine.errors.InputError: every_ms: expected an integer between 1 and 1099511627776, was 0
    """

    name: str
    legs: tuple[Leg, ...]
    source: str
    unverified: tuple[str, ...] = ()
    every_ms: int = 1_000
    lag_ms: int = 0
    combine: str = "mean"
    deviation: Amount = 0
    heartbeat_ms: int = 0
    latency_law: tuple[Any, ...] | None = None
    floor: Amount | None = None
    stale_ms: int | None = None
    spare: tuple[str, ...] = ()
    bound: Mapping[str, Bound | Sequence[Bound]] | None = None

    def __post_init__(self) -> None:
        if not self.legs or not all(isinstance(leg, Leg) for leg in self.legs):
            raise InputError("legs", "at least one Leg", self.legs)
        whole(self.every_ms, "every_ms", 1, MS_MOST)
        for name in ("lag_ms", "heartbeat_ms"):
            whole(getattr(self, name), name, 0, MS_MOST)
        share_ppm(self.deviation, "deviation")
        if self.combine not in ("mean", "median"):
            raise InputError("combine", "mean or median", self.combine)

    @property
    def is_verified(self) -> bool:
        """Whether a source says every number."""
        return not self.unverified

    @property
    def books(self) -> tuple[str, ...]:
        """Names of the books that it reads, each once."""
        return tuple(dict.fromkeys(name for leg in self.legs for name in leg.books))

    @property
    def options(self) -> dict[str, Any]:
        """What `Simulation.index` and `Simulation.oracle` take beside the sources."""
        said = ("every_ms", "lag_ms", "combine", "deviation", "heartbeat_ms", "latency_law")
        return {name: getattr(self, name) for name in said} | ({} if self.floor is None else {"floor": self.floor})

    def but(self, **changes: Any) -> Feed:
        """Return it with other parameters.

        Examples
        --------
        >>> from engine.oracles import chainlink
        >>> chainlink("ETH/USD").but(lag_ms=60_000, latency_law=None).lag_ms
        60000
        """
        for name in changes:
            named(self.__dataclass_fields__, "but", name)
        return replace(self, **changes)

    def on(self, books: Mapping[str, Bound | Sequence[Bound]]) -> Feed:
        """Return it with other markets or sources for the books that it names.

        Parameters
        ----------
        books : mapping of str to Market, str, Source, or a sequence of these
            By the feed's name of the book; a market's name will do. Several stand side by side, with that weight each.

        Raises
        ------
        InputError
            The feed reads no book of that name.

        Examples
        --------
        >>> from engine.oracles import chainlink
        >>> from engine.prices import Path
        >>> history = Path([0, 60_000], ["4100", "3900"])
        >>> chainlink("ETH/USD").on({"ETH/USD": history}).resolve({})
        (Path(times_ms=[0, 60000], prices=['4100', '3900'], weight=1, stale_ms=None),)
        """
        for name in books:
            named(dict.fromkeys(self.books + self.spare), "books", name)
        return replace(self, bound={**(self.bound or {}), **books})

    def resolve(self, markets: Mapping[str, Market]) -> tuple[Source, ...]:
        """Return the sources that it reads among some markets.

        Parameters
        ----------
        markets : mapping of str to Market
            By name, such as `Simulation.markets`.

        Returns
        -------
        tuple of Source
            As `Simulation.index` takes them. O(legs).

        Raises
        ------
        InputError
            A book is not there; it is named.
        """
        sources = tuple(source for leg in self.legs for source in self._sources(leg, markets))
        if not sources:
            raise InputError(f"books of {self.name}", f"at least one of {', '.join(self.books)}", "none")
        return sources

    def _sources(self, leg: Leg, markets: Mapping[str, Market]) -> list[Source]:
        factor = None if leg.times is None else self._series(leg.times, markets)
        if leg.book is None:
            assert leg.rate is not None
            if factor is None:
                return [Fixed(leg.rate, leg.weight)]
            return [ConversionRate(leg.rate, factor, leg.weight, growth=leg.growth, stale_ms=self.stale_ms)]
        found = self._found(leg.book, markets, is_optional=leg.is_optional)
        return [self._weighted(each, leg, factor) for each in found]

    def _weighted(self, found: Market | Source, leg: Leg, factor: Series | None) -> Source:
        if isinstance(found, Market):
            return Mid(found, leg.weight, self.stale_ms, factor)
        if factor is None:
            return replace(found, weight=leg.weight)
        if not isinstance(found, Series | Twap):
            raise InputError(
                f"books.{leg.book}", f"a market, or a price of one: it is multiplied by {leg.times}", found
            )
        return replace(found, weight=leg.weight, times=factor)

    def _series(self, book: str, markets: Mapping[str, Market]) -> Series:
        """Return the price that is a factor."""
        found = self._found(book, markets)
        if len(found) == 1 and isinstance(found[0], Market):
            return Mid(found[0])
        if len(found) == 1 and isinstance(found[0], Series):
            return found[0]
        raise InputError(f"books.{book}", "one market, or one price of it: it is a factor", found)

    def _found(self, book: str, markets: Mapping[str, Market], *, is_optional: bool = False) -> list[Market | Source]:
        """Return what stands for a book."""
        bound = (self.bound or {}).get(book, book)
        several = bound if isinstance(bound, Sequence) and not isinstance(bound, str) else [bound]
        found: list[Market | Source] = []
        for each in several:
            if isinstance(each, str) and each in markets:
                found.append(markets[each])
            elif isinstance(each, Market | Source):
                found.append(each)
            elif each is not book or not is_optional:
                raise InputError(f"books.{book}", "a market, the name of one, or a source", each)
        return found
