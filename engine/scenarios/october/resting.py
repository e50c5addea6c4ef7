"""Orders that nobody withdraws: thin old bids far below, and bands of larger ones; what is left without makers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.scenarios.october.books import books, money_for, token_books

if TYPE_CHECKING:
    from engine.scenarios.october.books import Book
    from engine.scenarios.october.draft import Draft

__all__ = ["add_stale"]

OLD = "uniform(2%, 97%)"
WATCHED = ("BTC", "ETH", "SOL", "XRP", "DOGE")  # whose depth was measured: three times as many orders, each a third
TAIL, LEAST, MOST, BAND_MOST = 1.667, 0.4, 40.0, 6.0  # of sizes: Pareto's law with a mean of 1


def add_stale(draft: Draft) -> None:
    """Add the old orders of every book, and before them its band."""
    for book in books(draft) + token_books(draft):
        band = _band_of(draft, book)
        if band is not None:
            _band(draft, book, *band)
        count = draft.size.stale * (3 if book.asset in WATCHED else 1)
        each = book.depth * draft["stale_majors" if book.is_major else "stale_depth"] * 95 / count
        brings = money_for(draft, book, 3 * each * count, 3 * each * count)
        if not draft.has("stale-bids"):
            count, each = 2, each * 1e-3
        _rest(draft, f"stale {book.market}", book, OLD, count, each, MOST, brings)


def _rest(
    draft: Draft, name: str, book: Book, distance: str, count: int, each: float, most: float, brings: dict[str, str]
) -> None:
    """Add resting orders of unequal size, `each` on the average and at most so many times that."""
    draft.add(
        "populations",
        name,
        kind="stale",
        venue=book.venue,
        market=book.market,
        count=count,
        distance=distance,
        asks_farther="1%",
        notional=f"pareto({each * LEAST:.2f}, {TAIL}, max={each * most:.2f})",
        brings=brings,
    )


def _band_of(draft: Draft, book: Book) -> tuple[str, str, int] | None:
    """Return the parameter, the distance and the number of a book's larger resting orders."""
    if book.is_major:
        return "walls", "uniform(2.5%, 18%)", 16
    if not draft.has("stale-bids") or book.market == "USDe-CHAIN":
        return None
    if book.asset == "USDe":
        return "usde_bids", "uniform(5%, 45%)", 24
    return "token_bids" if book.coin is None else "deep_bids", "uniform(55%, 93%)", 24


def _band(draft: Draft, book: Book, name: str, distance: str, count: int) -> None:
    """Add resting bids in a band, and asks as far above; few and of unequal size, so there are gaps."""
    whole = book.depth * draft[name]
    brings = money_for(draft, book, 3 * whole, 3 * whole)
    _rest(draft, f"{name.replace('_', ' ')} {book.market}", book, distance, count, whole / count, BAND_MOST, brings)
