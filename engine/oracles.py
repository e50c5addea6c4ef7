"""Presets of oracles: what a feed reads, and how often and how late it publishes, as it was in October 2025.

Stands on `engine.prices`. A feed names the books that it reads; `Simulation.index` and `Simulation.oracle` take it in
place of sources and look the books up by name, or it is told with `on` which markets they are. Feeds carry their
source; `unverified` names the numbers that no source says: sweep those.

::

    chainlink(pair), svr(pair), hard_link() -> oracle
    binance_index(asset), hyperliquid()     -> index, oracle        hyperliquid_mark(others) -> mark

Examples
--------
USDe at 0.65 in Binance's own book, and the same index with the fix that came afterwards:

>>> from engine import Side, Simulation, oracles
>>> def index(anchor):
...     sim = Simulation(seed=1)
...     usdt = sim.asset("USDT", decimals=6, supply="1000000000")
...     usde = sim.asset("USDe", decimals=6, supply="1000000000")
...     book = sim.spot("USDe/USDT", usde, usdt, tick="0.0001", lot="1")
...     trader = sim.account("trader", USDT="1000", USDe="1000")
...     sim.index(book, oracles.binance_index("USDe", anchor=anchor), every_ms=10)
...     for side, price in ((Side.BUY, "0.6499"), (Side.SELL, "0.6501")):
...         _ = sim.place(trader, book, side, price, "10", at_ms=0)
...     _ = sim.run(until_ms=10)
...     return book.price.value(sim.world.market(book)["index"])
>>> str(index("own_book")), str(index("conversion_rate")), str(index("redemption_floor"))
('0.6500', '1.0000', '0.9000')
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from engine.declared import Market, share_ppm
from engine.errors import InputError
from engine.prices import ConversionRate, Fixed, Hyperliquid, Mid, Series, Source, Twap
from engine.schedules import named, whole

if TYPE_CHECKING:
    from engine.units import Amount

__all__ = [
    "Anchor",
    "Feed",
    "Leg",
    "binance_index",
    "chainlink",
    "hard_link",
    "hyperliquid",
    "hyperliquid_mark",
    "svr",
]

MS_MOST = 2**40
WEIGHT_MOST = 10**6
Bound = Market | Source | str
"""What a feed reads in place of a book that it names: a market, its name, or any source."""


# ---- feeds -----------------------------------------------------------------------------------------------------------


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
            raise InputError(f"books.{leg.book}", f"a market, or a price of one: it is multiplied by {leg.times}", found)
        return replace(found, weight=leg.weight, times=factor)

    def _series(self, book: str, markets: Mapping[str, Market]) -> Series:
        """Return the price that is a factor."""
        found = self._found(book, markets)
        if len(found) == 1 and isinstance(found[0], Market):
            return Mid(found[0])
        if len(found) == 1 and isinstance(found[0], Series):
            return found[0]
        raise InputError(f"books.{book}", "one market, or one price of it: it is a factor", found)

    def _found(
        self, book: str, markets: Mapping[str, Market], *, is_optional: bool = False
    ) -> list[Market | Source]:
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


# ---- Chainlink and Aave ----------------------------------------------------------------------------------------------

_LATENCIES = {"normal": ("uniform", 12_000.0, 36_000.0), "spike": ("uniform", 60_000.0, 180_000.0)}
_LATE = ("every_ms", "latency_law")
_STABLE = "0.0025"
# deviation, heartbeat in seconds, source, what it does not say
_CHAINLINK: dict[str, tuple[str, int, str, tuple[str, ...]]] = {
    "ETH/USD": ("0.005", 3_600, "note of an audit on the mainnet feed", ()),
    "USDC/USD": (_STABLE, 86_400, "configuration of the mainnet feed", ("deviation",)),
    "USDT/USD": (_STABLE, 86_400, "as USDC/USD", ("deviation", "heartbeat_ms")),
    "USDe/USD": (_STABLE, 86_400, "as USDC/USD", ("deviation", "heartbeat_ms")),
}


def chainlink(pair: str, *, gas: str = "normal") -> Feed:
    """Return a push feed of Chainlink on Ethereum: published after a move, or a heartbeat, and late.

    Parameters
    ----------
    pair : str
        ``"ETH/USD"``, ``"USDC/USD"``, ``"USDT/USD"`` or ``"USDe/USD"``: the feed, and the book that it reads. Say with
        `Feed.on` which market or markets that is; of several the median is taken.
    gas : str
        ``"normal"``: a transaction is there 12 to 36 s later; ``"spike"``: 60 to 180 s.

    Raises
    ------
    InputError
        There is no feed or state of that name.

    Notes
    -----
    An update is sent when the price has moved by the deviation since the last one, or at the heartbeat (P-13). No source
    says how late they were on 10 October 2025.

    Examples
    --------
    >>> feed = chainlink("ETH/USD")
    >>> feed.deviation, feed.heartbeat_ms, feed.unverified
    ('0.005', 3600000, ('every_ms', 'latency_law'))
    """
    deviation, heartbeat_s, source, unverified = named(_CHAINLINK, "pair", pair)
    return Feed(
        f"Chainlink {pair}",
        (Leg(pair),),
        source,
        unverified + _LATE,
        combine="median",
        deviation=deviation,
        heartbeat_ms=1_000 * heartbeat_s,
        latency_law=named(_LATENCIES, "gas", gas),
    )


def svr(pair: str, *, fallback_ms: int = 12_000, is_won: bool = False, gas: str = "normal") -> Feed:
    """Return Chainlink's feed of Aave whose updates are auctioned first (smart value recapture).

    Parameters
    ----------
    pair : str
        As for `chainlink`.
    fallback_ms : int
        How much later than the plain feed an update counts that nobody bids for, ms.
    is_won : bool
        Whether a liquidator wins the auction: its update counts as soon as the plain feed's.
    gas : str
        As for `chainlink`.

    Notes
    -----
    Aave governance says that there is such a delay, not how long it is: sweep it. All updates of a run are won, or none.

    Examples
    --------
    >>> svr("ETH/USD", fallback_ms=5_000).lag_ms, svr("ETH/USD", is_won=True).lag_ms
    (5000, 0)
    """
    whole(fallback_ms, "fallback_ms", 0, MS_MOST)
    plain = chainlink(pair, gas=gas)
    return plain.but(
        name=f"Chainlink SVR {pair}",
        source=f"Aave governance; {plain.source}",
        unverified=("lag_ms", *plain.unverified),
        lag_ms=0 if is_won else fallback_ms,
    )


def hard_link(*, to: str = "USDT/USD", price: Amount | None = None) -> Feed:
    """Return Aave's price of USDe: the feed of another asset, whatever the books of USDe say.

    Parameters
    ----------
    to : str
        The feed, as for `chainlink`.
    price : Amount, optional
        A fixed price in place of it, for a world in which the other asset is the unit of account.

    Notes
    -----
    Aave governance, 2025: USDe is priced by the USDT/USD feed.

    Examples
    --------
    >>> hard_link(price="1").resolve({})
    (Fixed(price='1', weight=1),)
    """
    plain = chainlink(to)
    legs = plain.legs if price is None else (Leg(rate=price),)
    return plain.but(name=f"Aave USDe by {to}", source=f"Aave governance; {plain.source}", legs=legs)


# ---- Hyperliquid -----------------------------------------------------------------------------------------------------

_SPOTS = {"binance": 3, "okx": 2, "bybit": 2, "kraken": 1, "kucoin": 1, "gate": 1, "mexc": 1, "hyperliquid": 1}
_PERPS = {"binance": 3, "okx": 2, "bybit": 2, "gate": 1, "mexc": 1}


def hyperliquid(books: Mapping[str, Bound] | None = None) -> Feed:
    """Return Hyperliquid's oracle: the weighted median of spot mids each 3 s.

    Parameters
    ----------
    books : mapping of str to Market, str or Source
        The spot book of each venue: ``binance`` (weight 3), ``okx``, ``bybit`` (2), ``kraken``, ``kucoin``, ``gate``,
        ``mexc``, ``hyperliquid`` (1). What is not there has no weight.

    Notes
    -----
    Hyperliquid's documents. Validators see the same books here, so the median over them is this one.

    Examples
    --------
    >>> from engine.prices import Fixed
    >>> feed = hyperliquid({"binance": Fixed("100"), "gate": Fixed("90")})
    >>> [source.weight for source in feed.resolve({})], feed.every_ms, feed.is_verified
    ([3, 1], 3000, True)
    """
    legs = tuple(Leg(venue, weight, is_optional=True) for venue, weight in _SPOTS.items())
    feed = Feed("Hyperliquid oracle", legs, "Hyperliquid documents, oracle", every_ms=3_000, combine="median")
    return feed if books is None else feed.on(books)


def hyperliquid_mark(others: Mapping[str, Market | Source] | None = None) -> Hyperliquid:
    """Return Hyperliquid's rule of a mark with the weights of the other venues' perpetuals (P-10).

    Parameters
    ----------
    others : mapping of str to Market or Source
        The perpetual of each venue: ``binance`` (weight 3), ``okx``, ``bybit`` (2), ``gate``, ``mexc`` (1).

    Raises
    ------
    InputError
        A venue has no weight there, or something is no market and no source.

    Notes
    -----
    Hyperliquid's documents.

    Examples
    --------
    >>> from engine.prices import Fixed
    >>> [source.weight for source in hyperliquid_mark({"okx": Fixed("100"), "mexc": Fixed("90")}).others]
    [2, 1]
    """
    sources: list[Source] = []
    for venue, other in (others or {}).items():
        weight = named(_PERPS, "others", venue)
        if not isinstance(other, Market | Source):
            raise InputError(f"others.{venue}", "a market or a source", other)
        sources.append(Mid(other, weight) if isinstance(other, Market) else replace(other, weight=weight))
    return Hyperliquid(sources)


# ---- Binance's indexes -----------------------------------------------------------------------------------------------


class Anchor(IntEnum):
    """What an index rests on: the switch of the counterfactuals."""

    OWN_BOOK = 0
    CONVERSION_RATE = 1
    REDEMPTION_FLOOR = 2


_NOTICE = "Binance, notice of 6 October 2025 on the WBETHUSDT and BNSOLUSDT price indexes"
_COMPENSATION = "Binance, compensation notices of 12 and 13 October 2025"
_COUNTERFACTUAL = "no venue's rule: a counterfactual"
_BASES = {"WBETH": "ETH/USDT", "BNSOL": "SOL/USDT", "USDe": None}  # what a conversion rate is multiplied by
_OWN = {
    "WBETH": (Leg("WBETH/USDT", 20), Leg("WBETH/ETH", 80, "ETH/USDT")),
    "BNSOL": (Leg("BNSOL/USDT", 30), Leg("BNSOL/SOL", 70, "SOL/USDT")),
    "USDe": (Leg("USDe/USDT"),),
}
_FIXES = {"WBETH": Anchor.CONVERSION_RATE, "BNSOL": Anchor.CONVERSION_RATE, "USDe": Anchor.REDEMPTION_FLOOR}
_REDEMPTION = "1"  # of USDe, less the cost of doing it
SOFT_FLOOR = "0.9"  # of USDe; no source says it


def anchor_of(asset: str, day: str | None, anchor: Anchor | str | int | None) -> Anchor:
    """Return what an index rested on that day, or the anchor that was said instead.

    Examples
    --------
    >>> anchor_of("USDe", "after", None).name, anchor_of("USDe", None, 1).name
    ('REDEMPTION_FLOOR', 'CONVERSION_RATE')
    """
    fix = named(_FIXES, "asset", asset)
    if anchor is None:
        return named({"before": Anchor.OWN_BOOK, "after": fix}, "day", "before" if day is None else day)
    if day is not None:
        raise InputError("anchor", "one of day and anchor", "both")
    if isinstance(anchor, str):
        return Anchor[named({each.name.lower(): each.name for each in Anchor}, "anchor", anchor)]
    return Anchor(whole(anchor, "anchor", 0, len(Anchor) - 1))


def binance_index(
    asset: str,
    *,
    day: str | None = None,
    anchor: Anchor | str | int | None = None,
    rate: Amount | None = None,
    growth: Amount = 0,
    own_weight: int = 1,
    redemption_weight: int = 1,
    floor: Amount | None = None,
) -> Feed:
    """Return Binance's price index of an asset that broke on 10 October 2025, as it was or as it became.

    Parameters
    ----------
    asset : str
        ``"WBETH"``, ``"BNSOL"`` or ``"USDe"``.
    day : str, optional
        ``"before"``: the venue's own books (the default); ``"after"``: with the fix of that asset.
    anchor : Anchor, str or int, optional
        In place of the day: ``"own_book"`` (0), ``"conversion_rate"`` (1) or ``"redemption_floor"`` (2). Any asset takes
        any, so one switch turns a whole study; what an anchor has no use for is left aside.
    rate : Amount, optional
        Conversion rate of a staking token, needed off its own book; of USDe the redemption price, 1 by default.
    growth : Amount
        What a day adds to the conversion rate, a share of it.
    own_weight, redemption_weight : int
        Weights of own book and redemption price with the anchor ``"redemption_floor"``.
    floor : Amount, optional
        Least value with that anchor; of USDe 0.9 by default, of a staking token none.

    Raises
    ------
    InputError
        Names the argument.

    Notes
    -----
    Before: WBETHUSDT 20 % and WBETHETH x ETHUSDT 80 %, all of them Binance's own books; BNSOLUSDT 30 % and 70 %; USDe its
    own book. After: the first weight is 0 and the conversion rate stands for the second book. USDe: the redemption
    price in the weights, and a least value; neither is known.

    Examples
    --------
    >>> [(leg.book, leg.weight, leg.times) for leg in binance_index("WBETH").legs]
    [('WBETH/USDT', 20, None), ('WBETH/ETH', 80, 'ETH/USDT')]
    >>> after = binance_index("WBETH", day="after", rate="1.08")
    >>> [(leg.rate, leg.times) for leg in after.legs], after.is_verified
    ([('1.08', 'ETH/USDT')], True)
    >>> binance_index("USDe", day="after").unverified
    ('weights', 'floor')
    """
    chosen = anchor_of(asset, day, anchor)
    own, base = _OWN[asset], _BASES[asset]
    feed = Feed(
        f"Binance index of {asset}, {chosen.name.lower()}",
        own,
        _COMPENSATION if asset == "USDe" else _NOTICE,
        spare=tuple(name for leg in own for name in leg.books),
    )
    if chosen is Anchor.OWN_BOOK:
        return feed
    if rate is None and asset != "USDe":
        raise InputError("rate", f"a conversion rate of {asset}", rate)
    redeemed = Leg(times=base, rate=_REDEMPTION if rate is None else rate, growth=growth)
    if chosen is not _FIXES[asset]:
        feed = feed.but(source=_COUNTERFACTUAL, unverified=("rule",))
    if chosen is Anchor.CONVERSION_RATE:
        return feed.but(legs=(redeemed,))
    return feed.but(
        legs=(Leg(own[0].book, own_weight), replace(redeemed, weight=redemption_weight)),
        unverified=(*feed.unverified, "weights", "floor"),
        floor=SOFT_FLOOR if floor is None and asset == "USDe" else floor,
    )
