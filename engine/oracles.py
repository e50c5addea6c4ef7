"""Presets of oracles: what a feed reads, and how often and how late it publishes, as it was in October 2025.

Stands on `engine.feeds`. A feed names the books that it reads; `Simulation.index` and `Simulation.oracle` take it in
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

from dataclasses import replace
from enum import IntEnum
from typing import TYPE_CHECKING

from engine.declared import Market
from engine.errors import InputError
from engine.feeds import MS_MOST, Bound, Feed, Leg
from engine.prices import Hyperliquid, Mid, Source
from engine.schedules import named, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    An update is sent when the price has moved by the deviation since the last one, or at the heartbeat (P-13). No
    source says how late they were on 10 October 2025.

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
    Aave governance says that there is such a delay, not how long it is: sweep it. All of a run are won or none is.

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
        In place of the day: ``"own_book"`` (0), ``"conversion_rate"`` (1) or ``"redemption_floor"`` (2). Any asset
        takes any, so one switch turns a whole study; what an anchor has no use for is left aside.
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
    Before: WBETHUSDT 20 % and WBETHETH x ETHUSDT 80 %, all of them Binance's own books; BNSOLUSDT 30 % and 70 %; USDe
    its own book. After: the first weight is 0 and the conversion rate stands for the second book. USDe: the redemption
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
