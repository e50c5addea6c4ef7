"""Who has leverage at the exchanges: crowds and those on the other side, unified accounts; and venues' own accounts.

Longs are heavy in accounts and leverage; each is matched by a declared short: carry traders who hold spot, the
synthetic dollar's hedge, low-leverage speculators (one population a venue, `shorts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.scenarios.october.books import VENUES, Book
from engine.scenarios.october.buyers import buyers_interest
from engine.scenarios.october.draft import money
from engine.scenarios.october.markets import pegged, perp_name
from engine.scenarios.october.shock import SELLERS_HOLD, sold_of

if TYPE_CHECKING:
    from engine.scenarios.october.draft import Draft

__all__ = ["add_crowds", "add_treasury", "add_unified"]

TAIL, WORTH_MOST = 1.4, 60.0  # largest position of a crowd, of its least: Pareto without an end would be one account


def add_treasury(draft: Draft) -> None:
    """Add who lends at the first venue, the vault, and those who are short."""
    draft.add("populations", "treasury", kind="account", venue="binance", brings={"USDT": "200bn"})
    draft.add(
        "populations",
        "vault",
        kind="account",
        venue="dex",
        brings={"USDT": money(draft.backing * draft["vault"] * 1e6, "")},
    )
    for venue in VENUES:
        count = max(20, min(200, draft.size.accounts // 100))
        equity = _interest(draft, venue) * draft["shorts_equity"] / count
        draft.add(
            "populations",
            f"shorts {venue}",
            kind="account",
            venue=venue,
            count=count,
            brings={"USDT": money(equity, "")},
        )


def _levered(draft: Draft, venue: str) -> dict[str, float]:
    """Return the open interest of each perpetual that is the crowd's: less what sellers and buyers of the dip have."""
    found = {}
    for coin in draft.listed(venue):
        market, share = perp_name(coin.name, venue), draft.share(venue)
        others = buyers_interest(draft, Book(market, venue, coin.name, coin.price, share * coin.depth, coin))
        if venue == "binance":
            others += SELLERS_HOLD * sold_of(draft, coin)
        found[market] = max(0.1 * share * coin.interest, share * coin.interest - others)
    return found


def _interest(draft: Draft, venue: str) -> float:
    return sum(_levered(draft, venue).values())


def _pareto_mean(alpha: float, most: float) -> float:
    """Return the mean of Pareto's law from 1 on, cut at `most`."""
    return float(alpha / (alpha - 1) * (1 - most ** (1 - alpha)) + most ** (1 - alpha))


def add_crowds(draft: Draft) -> None:
    """Add the leveraged accounts of each venue: sizes by Pareto's law, leverage lognormal, one to three positions."""
    whole = sum(_interest(draft, venue) for venue in VENUES)
    for venue in VENUES:
        interest = _interest(draft, venue)
        count = max(50, round(draft.size.accounts * interest / whole))
        # Of the positions a share is short and meets longs of the same crowd; what longs are more, `shorts` take.
        mean = interest / draft["crowd_long"] / (count * 2.0)
        least = mean / _pareto_mean(TAIL, WORTH_MOST)
        draft.add(
            "populations",
            f"crowd {venue}",
            kind="crowd",
            venue=venue,
            count=count,
            on=_levered(draft, venue),
            positions="integers(1, 3)",
            long=f"{draft['crowd_long']:.4f}",
            notional=f"pareto({least:.2f}, {TAIL}, max={least * WORTH_MOST:.2f})",
            leverage=f"lognormal({draft['leverage_' + venue]:.3f}, {draft['leverage_sigma']:.3f}, max=50)",
            rest=[f"shorts {venue}"],
            stop_loss={"share": f"{draft['stops']:.3f}", "distance": "uniform(4%, 40%)"},
        )


def add_unified(draft: Draft) -> None:
    """Add unified accounts at the first venue: long an altcoin's perpetual, margin in WBETH, BNSOL, USDe."""
    if not draft.has("unified"):
        return
    assets = pegged(draft)
    coins = draft.listed("binance")[1:8]
    count = max(4, draft.size.accounts // 4000)
    for asset in assets:
        for coin in coins:
            total = draft["unified_interest"] * coin.interest / len(assets)
            draft.add(
                "populations",
                f"unified {asset} {coin.name}",
                kind="holders",
                venue="binance",
                margin="unified",
                count=count,
                long=perp_name(coin.name, "binance"),
                notional=f"uniform({total / count * 0.5:.2f}, {total / count * 1.5:.2f})",
                leverage=f"uniform(1.5, {draft['unified_leverage']:.2f})",
                deposit=asset,
                rest="shorts binance",
            )
