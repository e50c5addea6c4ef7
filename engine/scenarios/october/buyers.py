"""Buyers of the dip: they believe in the price before the fall, and have so much money.

Quick ones wait a little below, deep ones far below, late ones until it has been calm. The late and the deep are short
of the perpetuals before (others without leverage are long), so what they buy closes a position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.scenarios.october.assets import BETAS
from engine.scenarios.october.books import books
from engine.scenarios.october.draft import money
from engine.scenarios.october.shock import SPOT_PART, sold_of

if TYPE_CHECKING:
    from engine.scenarios.october.books import Book
    from engine.scenarios.october.draft import Draft

__all__ = ["add_buyers", "add_redeemers", "add_unlevered", "buyers_interest"]

LATE_PAUSE_S = 30.0
REDEEMERS = 20  # parties that may mint and redeem: unverified
HOLDERS = 8  # accounts on the other side of a market's late, or deep, buyers


def add_buyers(draft: Draft) -> None:
    """Add the buyers of every book."""
    for book in books(draft):
        assert book.coin is not None
        kind, beta, pause = book.kind, BETAS.get(book.asset, 1.0), draft[f"pause_{book.kind}"]
        # Those who buy at once follow the crowd even more than those far below.
        quick = book.depth * draft[f"buyers_{kind}"] * book.coin.following**2
        deep, late = deep_capital(draft, book), book.depth * draft[f"late_{kind}"]
        if book.is_major:
            floor = draft["floor_majors"]
            _buyers(draft, book, "buyers", quick, pause, _between(2, 8, beta), 8)
            _buyers(draft, book, "deep buyers", deep, pause, _between(8 * floor, 14 * floor, beta), 48)
        else:
            _buyers(draft, book, "buyers", quick, pause, _between(10, 50), 6)
            _buyers(draft, book, "deep buyers", deep, pause, _between(45, 90), 8)
        threshold, count = ("uniform(1%, 8%)", 8) if book.is_major else ("uniform(5%, 40%)", 6)
        _buyers(draft, book, "late buyers", late, LATE_PAUSE_S, threshold, count, f"{draft['late_calm']:.0f}s")


def add_redeemers(draft: Draft) -> None:
    """Add those who may redeem USDe at the issuer: they buy it on the chain a little below par (RULEBOOK 6)."""
    capital = draft["redeemers"]
    draft.add(
        "populations",
        "redeemers USDe-CHAIN",
        kind="value",
        venue="chain",
        count=REDEEMERS,
        market="USDe-CHAIN",
        fair="1",
        threshold="uniform(0.2%, 0.6%)",
        qty="1M USDC",
        inventory_max=money(capital * 1e6 / REDEEMERS, "USDC"),
        wake_every="lognormal(4s, 0.5)",
        brings={"USDC": money(2e6 * capital / REDEEMERS, "")},
        link={"base": "1s"},
        rests=True,
    )


def _between(low: float, high: float, beta: float = 1.0) -> str:
    return f"uniform({low * beta:.2f}%, {high * beta:.2f}%)"


def _buyers(
    draft: Draft,
    book: Book,
    name: str,
    capital: float,
    pause_s: float,
    threshold: str,
    count: int,
    calm: str | None = None,
) -> None:
    market = draft.sections["markets"][book.market]
    least = book.price * float(market["lot"])
    draft.add(
        "populations",
        f"{name} {book.market}",
        kind="value",
        venue=book.venue,
        count=count,
        market=book.market,
        fair=market["price"],
        threshold=threshold,
        qty=money(max(capital / count / 4, 2 * least), "USDT"),
        inventory_max=money(max(capital / count, 4 * least), "USDT"),
        wake_every=f"lognormal({1000 * pause_s:.0f}ms, 0.5)",
        brings={"USDT": money(20 * capital / count + 1000, "")},
        link={"base": "50ms"},
        rests=True,
        calm=calm,
    )


# ---- the other side --------------------------------------------------------------------------------------------------


def deep_capital(draft: Draft, book: Book) -> float:
    """Return what buyers far below have, USD: by what risk-off selling sells of the asset there."""
    coin = draft.coin(book.asset)
    part = SPOT_PART if book.market.endswith("/USDT") else draft.share(book.venue)
    return draft[f"deep_{book.kind}"] * coin.following * part * sold_of(draft, coin)


def buyers_interest(draft: Draft, book: Book) -> float:
    """Return what late and deep buyers of a perpetual are short of before, USD."""
    return (book.depth * draft[f"late_{book.kind}"] + deep_capital(draft, book)) * draft["buyers_short"]


def add_unlevered(draft: Draft) -> None:
    """Add the longs without leverage on the other side of the buyers' shorts: they hold."""
    for book in books(draft):
        if book.market.endswith("/USDT"):
            continue
        capital = {"late": book.depth * draft[f"late_{book.kind}"], "deep": deep_capital(draft, book)}
        for name, worth in capital.items():
            draft.add(
                "populations",
                f"holders {name} {book.market}",
                kind="holders",
                venue=book.venue,
                count=HOLDERS,
                long=book.market,
                notional=f"{worth * draft['buyers_short'] / HOLDERS:.2f}",
                leverage=1,
                rest=f"{name} buyers {book.market}",
            )
