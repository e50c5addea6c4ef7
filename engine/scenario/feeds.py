"""A preset of an oracle, as a scenario says it: a feed's name, or a table that says more of it.

A name is ``KIND`` or ``KIND:WHICH``, such as ``"chainlink:ETH/USD"`` or ``"binance-index:WBETH"``; `feed_of` makes the
`engine.feeds.Feed`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from engine import oracles
from engine.errors import InputError
from engine.feeds import WEIGHT_MOST, Feed
from engine.scenario.base import Model, Ref
from engine.scenario.problems import TAG
from engine.scenario.quantities import DURATION, PRICE, share

__all__ = ["FeedField", "FeedTable", "feed_of"]

FeedName = Literal[
    "chainlink:ETH/USD",
    "chainlink:USDC/USD",
    "chainlink:USDT/USD",
    "chainlink:USDe/USD",
    "svr:ETH/USD",
    "svr:USDC/USD",
    "svr:USDT/USD",
    "svr:USDe/USD",
    "hard-link",
    "hyperliquid",
    "binance-index:WBETH",
    "binance-index:BNSOL",
    "binance-index:USDe",
]
_AnchorName = Literal["own_book", "conversion_rate", "redemption_floor"]
_AS_NAME, _AS_TABLE = f"{TAG}name", f"{TAG}table"
_Weight = Annotated[int, Field(strict=True, ge=1, le=WEIGHT_MOST)]


class FeedTable(Model):
    """A feed, and what it leaves open (`engine.oracles`)."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("name",)
    name: FeedName = Field(description="name of the feed, such as chainlink:ETH/USD")
    books: dict[str, Ref] = Field(default_factory=dict, description="markets, by the feed's names of its books")
    gas: Literal["normal", "spike"] | None = Field(None, description="of chainlink and svr: how late a transaction is")
    fallback: Annotated[int, DURATION] | None = Field(None, description="of svr: delay of what nobody bids for")
    won: bool | None = Field(None, strict=True, description="of svr: whether a liquidator wins the auctions")
    price: Annotated[Decimal, PRICE] | None = Field(None, description="of hard-link: a fixed price")
    anchor: _AnchorName | None = Field(None, description="of binance-index: what it rests on; its own book")
    rate: Annotated[Decimal, PRICE] | None = Field(None, description="of binance-index: the conversion rate")
    growth: Annotated[Decimal, share()] | None = Field(None, description="of binance-index: what a day adds to it")
    own_weight: _Weight | None = Field(None, description="of binance-index: with redemption_floor that of its own book")
    redemption_weight: _Weight | None = Field(None, description="of binance-index: that of the redemption price")
    floor: Annotated[Decimal, PRICE] | None = Field(None, description="of binance-index: with redemption_floor")


FeedField = Annotated[
    Annotated[FeedName, Tag(_AS_NAME)] | Annotated[FeedTable, Tag(_AS_TABLE)],
    Discriminator(lambda value: _AS_TABLE if isinstance(value, (dict, Model)) else _AS_NAME),
]

# What each kind of feed takes, by the argument of its preset.
_TAKES = {
    "chainlink": {"gas": "gas"},
    "svr": {"gas": "gas", "fallback_ms": "fallback", "is_won": "won"},
    "hard-link": {"price": "price"},
    "hyperliquid": {},
    "binance-index": {name: name for name in ("anchor", "rate", "growth", "own_weight", "redemption_weight", "floor")},
}
_MAKERS: dict[str, Any] = {
    "chainlink": oracles.chainlink,
    "svr": oracles.svr,
    "hard-link": oracles.hard_link,
    "hyperliquid": oracles.hyperliquid,
    "binance-index": oracles.binance_index,
}


def feed_of(said: str | FeedTable) -> Feed:
    """Return the feed that an oracle says, its books bound to names of markets.

    Raises
    ------
    InputError
        The table says what its feed has no use for, or lacks something; the key is named.

    Examples
    --------
    >>> feed_of("chainlink:ETH/USD").heartbeat_ms
    3600000
    >>> feed_of(FeedTable("binance-index:WBETH", anchor="conversion_rate", rate="1.08")).legs[0].rate
    Decimal('1.08')
    """
    table = FeedTable(name=said) if isinstance(said, str) else said
    kind, _, which = table.name.partition(":")
    takes = _TAKES[kind]
    given = {field: getattr(table, field) for field in table.model_fields_set - {"name", "books"}}
    given = {field: value for field, value in given.items() if value is not None}
    for field in sorted(given.keys() - set(takes.values())):
        raise InputError(field, f"nothing with the feed {table.name}", given[field])
    arguments = {name: given[field] for name, field in takes.items() if field in given}
    feed: Feed = _MAKERS[kind](*([which] if which else []), **arguments)
    return feed.on(table.books) if table.books else feed
