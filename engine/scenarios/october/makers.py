"""Market makers: unified and plain ones, who leave; small ones, who do not; and those of the tokens' books.

Makers quote groups of markets under one risk budget, so a fall in one of them empties all. Half of the first venue's
usual depth is quoted by makers with a unified account (collateral that may fall), half by makers with money of their
own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.scenarios.october.books import VENUES, books, money_for, token_books
from engine.scenarios.october.draft import money
from engine.scenarios.october.markets import pegged_price

if TYPE_CHECKING:
    from engine.scenarios.october.books import Book
    from engine.scenarios.october.draft import Draft

__all__ = ["add_makers"]

LEVELS = 5
HALF_SPREAD = {"major": "2bps", "large": "4bps", "alt": "8bps"}
SPACING = {"major": "18bps", "large": "19bps", "alt": "20bps"}  # five levels make the 1 % in which depth is measured
SMALL_PACE_MS = 400
SMALL_INVENTORY = 20_000  # sizes: they buy all the way down, and hardly anything
LINK = {"base": "2ms", "jitter": "lognormal(6ms, 0.6)"}
UNLIMITED = 100  # sizes, twenty usual depths: more than is sold in any market
UNIFIED_PARTS = {"USDe": 0.2, "WBETH": 0.2, "BNSOL": 0.1}  # of a unified maker's equity; half is money: unverified


def add_makers(draft: Draft) -> None:
    """Add the makers of each group of markets of a venue, then those of the tokens."""
    for venue in VENUES:
        own = [book for book in books(draft) if book.venue == venue]
        for number, group in enumerate(_groups(draft, own)):
            for form in ("unified", "plain", "small") if venue == "binance" else ("plain", "small"):
                _makers(draft, venue, number, group, form)
    for book in token_books(draft):
        _token_makers(draft, book)


def _groups(draft: Draft, own: list[Book]) -> list[list[Book]]:
    """Split a venue's books into groups: each major alone with its perpetual, then altcoins by rank."""
    by_asset: dict[str, list[Book]] = {}
    for book in own:
        by_asset.setdefault(book.asset, []).append(book)
    names = list(by_asset)
    majors, others = names[:3], names[3:]
    sets = [[name] for name in majors]
    sets += [others[at : at + draft.size.group] for at in range(0, len(others), draft.size.group)]
    return [[book for name in each for book in by_asset[name]] for each in sets if each]


def _makers(draft: Draft, venue: str, number: int, group: list[Book], form: str) -> None:
    coin = draft.coin(group[0].asset)
    count = 1 if form == "small" else draft.size.makers
    part = _part(draft, venue, form)
    total = sum(book.depth for book in group) * part / count
    pace_ms = SMALL_PACE_MS if form == "small" else max(1, draft.pace_ms(coin.rank))
    sizes: dict[int, list[Book]] = {}
    for book in group:
        sizes.setdefault(round(book.depth * part / count / LEVELS), []).append(book)
    for place, (size, own) in enumerate(sizes.items()):
        draft.add(
            "populations",
            f"makers {form} {venue} {number}.{place}",
            kind="market-maker",
            count=count,
            venue=venue,
            margin="unified" if form == "unified" and draft.has("unified") else "cross",
            on=[book.market for book in own],
            levels=LEVELS,
            tolerance=draft.size.tolerance,
            size=money(size),
            half_spread=HALF_SPREAD[coin.kind],
            spacing=SPACING[coin.kind],
            skew="20bps",
            anchor="3%",
            fair_tau="45min",
            wake_every=f"uniform({round(0.8 * pace_ms)}ms, {round(1.2 * pace_ms) + 1}ms)",
            inventory_max=SMALL_INVENTORY if form == "small" else _inventory(draft),
            mass_quotes=True,
            link=LINK,
            leaves=None if form == "small" else _leaves(draft, pace_ms),
            returns=_returns(draft),
            brings=_capital(draft, form, own, total),
        )


def _inventory(draft: Draft) -> float:
    """Return at how many sizes a maker quotes no further: else it quotes on, whatever it holds."""
    return draft["maker_inventory"] if draft.has("makers-withdraw") else UNLIMITED


def _part(draft: Draft, venue: str, form: str) -> float:
    """Return which part of a market's usual depth such makers quote."""
    unified = draft["unified_depth"] if venue == "binance" else 0.0
    parts = {"unified": unified, "small": draft["small_depth"]}
    return parts.get(form, 1.0 - (draft["small_depth"] + unified))


def _leaves(draft: Draft, pace_ms: int) -> dict[str, Any] | None:
    """Return when they leave: a fall within a second or, of the slow, three looks; a low margin; ADL (RULEBOOK 8)."""
    if not draft.has("makers-withdraw"):
        return None
    return {
        "drawdown": f"{draft['leave_fall']:.4f}",
        "within": f"{min(max(1000, 3 * pace_ms), 12 * pace_ms)}ms",  # a maker remembers 16 looks
        "margin_ratio": f"{draft['leave_margin']:.3f}",
        "adl": True,
        "sides": "both",
    }


def _returns(draft: Draft) -> dict[str, Any]:
    """Return how makers come back: after 5 to 15 minutes, a quarter of their size, five spreads (RULEBOOK 8)."""
    recovery = f"{draft['recovery']:.0f}min"
    return {
        "after": "uniform(5min, 15min)",
        "size": "25%",
        "size_recovery": recovery,
        "spread": 5,
        "spread_decay": recovery,
    }


def _capital(draft: Draft, form: str, own: list[Book], total: float) -> dict[str, str]:
    """Return what a maker brings: base to sell, and money, or collateral that may fall, behind it."""
    brings: dict[str, str] = {}
    times = 100 if form == "small" else 1
    for book in own:
        if book.market.endswith("/USDT"):
            base = times * 10 * total / len(own) / book.price
            brings[book.asset] = f"{base:.3f}"
    if form != "unified" or not draft.has("unified"):
        return {**brings, "USDT": money(20 * times * total, "")}
    worth = draft["maker_equity"] * LEVELS * total
    brings["USDT"] = money(0.5 * worth, "")
    for name, part in UNIFIED_PARTS.items():
        if name in draft.sections["assets"]:
            brings[name] = f"{worth * part / float(pegged_price(draft, name)):.3f}"
    return brings


def _token_makers(draft: Draft, book: Book) -> None:
    """Add makers of a token's book: they stay, and stop to bid once they hold as much as they can."""
    quote = draft.sections["markets"][book.market]["quote"]
    draft.add(
        "populations",
        f"makers {book.market}",
        kind="market-maker",
        count=3,
        venue=book.venue,
        on=[book.market],
        levels=LEVELS,
        tolerance=draft.size.tolerance,
        size=f"{round(book.depth / 3 / LEVELS)} {quote}",
        half_spread="2bps",
        spacing="18bps",
        skew="20bps",
        anchor="5%",
        fair_tau="60min",
        wake_every="uniform(1500ms, 3s)",
        inventory_max=draft["pegged_inventory"],
        mass_quotes=True,
        link=LINK,
        returns=_returns(draft),
        brings=money_for(draft, book, 10 * book.depth, 10 * book.depth),
    )
