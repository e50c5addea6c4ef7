"""Noise and arbitrage: who trades in every book, and who ties the books to one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.scenarios.october.books import books, money_for, token_books
from engine.scenarios.october.draft import money
from engine.scenarios.october.markets import PEGGED, perp_name, spot_name

if TYPE_CHECKING:
    from engine.scenarios.october.assets import Coin
    from engine.scenarios.october.books import Book
    from engine.scenarios.october.draft import Draft

__all__ = ["add_arbitrage", "add_noise"]

TRANSFERS_BACK = "21:51"  # internal transfers were down from 21:18 on (RULEBOOK 9 row 30)
LINK = {"base": "5ms", "jitter": "lognormal(10ms, 0.6)"}
LATER = 100.0  # times the capital, once transfers work again: chosen


def add_noise(draft: Draft) -> None:
    """Add traders who buy and sell at random, by market: a small part of its depth each time."""
    for book in books(draft):
        assert book.coin is not None
        _noise(draft, book, draft.size.noise * draft.pace_ms(book.coin.rank))
    for book in token_books(draft):
        _noise(draft, book, draft.size.token_noise_ms)


def _noise(draft: Draft, book: Book, every_ms: float) -> None:
    lot_worth = book.price * float(draft.sections["markets"][book.market]["lot"])
    most = max(1, round(book.depth * draft["noise_size"] / lot_worth))
    draft.add(
        "populations",
        f"noise {book.market}",
        kind="noise",
        venue=book.venue,
        on=[book.market],
        every=f"{every_ms:.0f}ms",
        qty=f"integers(1, {most})",
        slippage="50bps",
        link={"base": "5ms"},
        brings=money_for(draft, book, 20 * book.depth, 10 * book.depth),
    )


def add_arbitrage(draft: Draft) -> None:
    """Add arbitrageurs: spot against perpetual, venue against venue, the tokens against what they are worth."""
    for coin in draft.listed("binance"):
        own = perp_name(coin.name, "binance")
        _arbitrage(draft, spot_name(coin.name), own, coin, "8bps")
        for venue in ("bybit", "dex"):
            if draft.lists(venue, coin):
                _arbitrage(draft, own, perp_name(coin.name, venue), coin, "8bps")
    _token_arbitrage(draft, "USDe/USDT", "USDe-BYBIT", draft["usde_arbitrage"], pause="uniform(10s, 30s)")
    _token_arbitrage(draft, "USDe-BYBIT", "USDe-CHAIN", 0.2 * draft["usde_arbitrage"])
    for name in ("WBETH", "BNSOL"):
        of, rate, depth = PEGGED[name]
        if name in draft.sections["assets"]:
            _token_arbitrage(draft, spot_name(name), spot_name(of), draft["staking_arbitrage"] * depth, rate)
    eth = draft.coin("ETH")
    _arbitrage(draft, spot_name("ETH"), "ETH-CHAIN", eth, "20bps", part=draft["chain_eth_depth"] * 1e6 / eth.depth)


def _arbitrage(draft: Draft, here: str, there: str, coin: Coin, threshold: str, part: float = 1.0) -> None:
    depth, worth = coin.depth * part, coin.price * float(coin.lot)
    brings: dict[str, str] = {}
    for said in (draft.sections["markets"][market] for market in (here, there)):
        brings[said.get("quote", "USDT")] = money(draft["arbitrage_capital"] * 40 * depth, "")
        if said["kind"] == "spot":
            brings[said["base"]] = f"{draft['arbitrage_capital'] * 10 * depth / coin.price:.3f}"
    draft.add(
        "populations",
        f"arbitrage {here} {there}",
        kind="arbitrageur",
        on=[here, there],
        count=2,
        threshold=threshold,
        qty=max(2, round(0.05 * depth / worth)),
        inventory_max=f"{max(10, round(draft['arbitrage_capital'] * 5 * depth / worth))} lots",
        wake_every="uniform(500ms, 3s)",
        link=LINK,
        brings=brings,
    )


def _token_arbitrage(
    draft: Draft, here: str, there: str, capital: float, rate: str = "1", pause: str = "uniform(2s, 6s)"
) -> None:
    """Add arbitrage of a token: with what it can hold while transfers are down, and with more once they work again.

    Twenty with more send small orders: all see the same gap at once, and together they shall not overshoot it.
    """
    first = draft.sections["markets"][here]
    worth = float(first["price"]) * float(first["lot"])
    small = 0.05 * min(capital, 0.2 * draft["usde_arbitrage"])
    for name, start, times, count, order in (
        ("arbitrage", None, 1.0, 2, 0.05 * capital),
        ("transfers", TRANSFERS_BACK, LATER, 20, small),
    ):
        brings: dict[str, str] = {}
        for market in (here, there):
            said = draft.sections["markets"][market]
            for asset, price in ((said["base"], float(said["price"])), (said["quote"], 1.0)):
                brings[asset] = f"{4 * times * capital * 1e6 / count / price:.3f}"
        draft.add(
            "populations",
            f"{name} {here} {there}",
            kind="arbitrageur",
            on=[here, there],
            count=count,
            start=start,
            threshold="30bps",
            qty=max(1, round(order * 1e6 / worth)),
            inventory_max=f"{max(10, round(times * capital * 1e6 / count / worth))} lots",
            rate=rate,
            wake_every="uniform(1s, 3s)" if start is None else pause,
            link=LINK,
            brings=brings,
        )
