"""The books of the day: each market with its venue, opening price and usual depth; and the first orders in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.scenarios.october.draft import money
from engine.scenarios.october.markets import PEGGED, pegged, pegged_price, perp_name, spot_name

if TYPE_CHECKING:
    from engine.scenarios.october.assets import Coin
    from engine.scenarios.october.draft import Draft

__all__ = ["VENUES", "Book", "books", "money_for", "open_books", "token_books"]

VENUES = ("binance", "bybit", "dex")
SPOT_DEPTH = 0.3  # of the perpetual's: unverified


@dataclass(frozen=True)
class Book:
    """A market as its traders see it.

    Parameters
    ----------
    market, venue, asset : str
    price : float
        At 20:45, in the quote asset.
    depth : float
        Usual resting value within 1 %, a side.
    coin : Coin, optional
        Its row of the law; of a token's book none.
    """

    market: str
    venue: str
    asset: str
    price: float
    depth: float
    coin: Coin | None = None

    @property
    def is_major(self) -> bool:
        """Whether it is of BTC, ETH or SOL, wherever it stands."""
        return self.asset in ("BTC", "ETH", "SOL")

    @property
    def kind(self) -> str:
        """Ending of the parameters of its kind: ``majors`` or ``alts``."""
        return "majors" if self.is_major else "alts"


def books(draft: Draft) -> list[Book]:
    """Return every book of the assets at the exchanges: spot, then the perpetuals of each venue."""
    found = [
        Book(spot_name(coin.name), "binance", coin.name, float(coin.opening), SPOT_DEPTH * coin.depth, coin)
        for coin in draft.coins
    ]
    for venue in VENUES:
        for coin in draft.listed(venue):
            depth = draft.share(venue) * coin.depth
            found.append(Book(perp_name(coin.name, venue), venue, coin.name, float(coin.opening), depth, coin))
    return found


def token_books(draft: Draft) -> list[Book]:
    """Return the books of USDe, WBETH and BNSOL, and those of the chain."""
    found = [
        Book(spot_name(name), "binance", name, float(pegged_price(draft, name)), PEGGED[name][2] * 1e6)
        for name in pegged(draft)
    ]
    eth = draft.coin("ETH")
    found.append(Book("USDe-BYBIT", "bybit", "USDe", 1.0, draft["bybit_usde_depth"] * 1e6))
    found.append(Book("USDe-CHAIN", "chain", "USDe", 1.0, draft["chain_usde_depth"] * 1e6))
    found.append(Book("ETH-CHAIN", "chain", "ETH", eth.high * draft["open_majors"], draft["chain_eth_depth"] * 1e6))
    return found


def money_for(draft: Draft, book: Book, quote: float, base: float) -> dict[str, str]:
    """Return a deposit: so much of the quote asset, and in a spot market as much worth of the base."""
    said = draft.sections["markets"][book.market]
    brings = {said.get("quote", "USDT"): money(quote, "")}
    if said["kind"] == "spot":
        brings[said["base"]] = f"{base / book.price:.3f}"
    return brings


def open_books(draft: Draft) -> None:
    """Open every book with a small order each side: makers quote around what they see."""
    by_venue: dict[str, list[dict[str, Any]]] = {}
    for market, said in draft.sections["markets"].items():
        price, tick = float(said["price"]), float(said["tick"])
        digits = max(0, len(said["tick"].partition(".")[2]))
        for side, away in (("buy", -2 * tick), ("sell", 2 * tick)):
            row = {"market": market, "side": side, "price": f"{price + away:.{digits}f}", "quantity": said["lot"]}
            by_venue.setdefault(said["venue"], []).append(row)
    for venue, rows in by_venue.items():
        brings = {"USDT": "100000", "USDC": "100000"}
        for row in rows:
            said = draft.sections["markets"][row["market"]]
            if said["kind"] == "spot":
                brings[said["base"]] = said["lot"]
        draft.add("events", f"opening {venue}", kind="orders", brings=brings, rows=rows)
