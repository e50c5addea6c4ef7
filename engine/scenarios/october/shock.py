"""What comes from outside: risk-off selling after the headline, by windows, and its decay.

The only external input besides the outage windows: market orders, each asset's part by its beta to the risk factor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.scenarios.october.draft import money
from engine.scenarios.october.markets import perp_name

if TYPE_CHECKING:
    from engine.scenarios.october.draft import Draft

__all__ = ["WINDOWS", "add_shock"]

# from, to, share of the whole: the headline at 20:50 (RULEBOOK 9 row 3), the equity index's slide that gathers pace, and
# its decay. The shares are chosen; their sum is 1.
WINDOWS = (("20:50", "21:08", 0.25), ("21:08", "21:16", 0.45), ("21:16", "21:20", 0.20), ("21:20", "21:30", 0.10))


def add_shock(draft: Draft) -> None:
    """Sell every perpetual of the first venue by its open interest, and the dex's majors."""
    for coin in draft.listed("binance"):
        market = perp_name(coin.name, "binance")
        whole = draft["risk_off_majors" if coin.kind == "major" else "risk_off_alts"] * coin.interest
        draft.add("populations", f"seller {coin.name}", kind="account", venue="binance", brings={"USDT": money(3 * whole, "")})
        for number, (begin, end, share) in enumerate(WINDOWS):
            minutes = _minutes(end) - _minutes(begin)
            draft.add(
                "events",
                f"risk-off {coin.name} {number}",
                kind="shock",
                market=market,
                account=f"seller {coin.name}",
                at=begin,
                over=f"{minutes}min",
                slices=minutes * 12,
                sell=money(whole * share),
            )


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return 60 * int(hours) + int(minutes)
