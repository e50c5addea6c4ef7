"""What comes from outside: risk-off selling after the headline, by windows, and its decay.

The only external input besides the outage windows: market orders, each asset's part by its beta to the risk factor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.scenarios.october.assets import BETAS
from engine.scenarios.october.draft import money
from engine.scenarios.october.markets import PEGGED, pegged_price, perp_name, spot_name

if TYPE_CHECKING:
    from engine.scenarios.october.assets import Coin
    from engine.scenarios.october.draft import Draft

__all__ = ["SELLERS_HOLD", "SPOT_PART", "add_shock", "sold_of"]

SELLERS_HOLD = 1.05  # of what they sell: the rest they keep
HEADLINE = 5.0  # minutes after 20:45 (RULEBOOK 9 row 3)
SLICES = 240  # a minute: nearly a flow
SPOT_PART = 0.3  # sold in spot, by what is sold of the perpetual: as the depths


def sold_of(draft: Draft, coin: Coin) -> float:
    """What is sold of an asset in all, USD."""
    share = draft["risk_off_majors" if coin.kind == "major" else "risk_off_alts"]
    return share * BETAS.get(coin.name, 1.0) * coin.interest


def _windows(draft: Draft) -> list[tuple[float, float, float]]:
    """Return begin and end, minutes after 20:45, and share: a drift from the headline on, then the slide."""
    slide = draft["slide"]
    return [
        (HEADLINE, slide, 0.06),
        (slide, slide + 5, 0.45),
        (slide + 5, slide + 8, 0.43),
        (slide + 8, slide + 18, 0.06),
    ]


def add_shock(draft: Draft) -> None:
    """Sell at the first venue, each asset's perpetual and its spot by their depths; in the popular story USDe alone."""
    if not draft.has("risk-off-first"):
        _sell_usde(draft)
        return
    for coin in draft.coins:
        whole = sold_of(draft, coin)
        if draft.lists("binance", coin):
            # They close longs that the buyers of the dip are short of, so that open interest falls with it.
            market = perp_name(coin.name, "binance")
            draft.add(
                "populations",
                f"seller {coin.name}",
                kind="holders",
                venue="binance",
                long=market,
                notional=f"{whole * SELLERS_HOLD:.2f}",
                leverage=1,
                rest=f"deep buyers {market}",
            )
            _sell(draft, market, f"seller {coin.name}", whole)
        brings = {coin.name: f"{2 * SPOT_PART * whole / coin.price:.3f}"}
        draft.add("populations", f"spot seller {coin.name}", kind="account", venue="binance", brings=brings)
        _sell(draft, spot_name(coin.name), f"spot seller {coin.name}", SPOT_PART * whole)
    sell_pegged(draft)


def _sell_usde(draft: Draft) -> None:
    """Sell USDe from the headline on: 90 M are cited (RULEBOOK 6)."""
    draft.add("populations", "seller USDe", kind="account", venue="binance", brings={"USDe": "100M"})
    draft.add(
        "events",
        "unwind USDe",
        kind="shock",
        market=spot_name("USDe"),
        account="seller USDe",
        at=f"{round(HEADLINE * 60000) + 1700}ms",
        over="20min",
        slices=240,
        sell="90M USDe",
    )


def sell_pegged(draft: Draft) -> None:
    """Sell the staking tokens as ETH and SOL are sold, by their depth."""
    for name in ("WBETH", "BNSOL"):
        of, _, depth = PEGGED[name]
        coin = next((each for each in draft.coins if each.name == of), None)
        if coin is None:
            continue
        whole = sold_of(draft, coin) * depth * 1e6 / coin.depth * draft["risk_off_pegged"]
        price = float(pegged_price(draft, name))
        brings = {name: f"{2 * whole / price:.3f}"}
        draft.add("populations", f"spot seller {name}", kind="account", venue="binance", brings=brings)
        _sell(draft, spot_name(name), f"spot seller {name}", whole)


def _sell(draft: Draft, market: str, account: str, whole: float) -> None:
    said = draft.sections["markets"][market]
    lots = whole / (float(said["price"]) * float(said["lot"]))
    for number, (begin, end, share) in enumerate(_windows(draft)):
        slices = min(SLICES * (end - begin), 0.9 * share * lots)  # at least a lot each
        draft.add(
            "events",
            f"risk-off {market} {number}",
            kind="shock",
            market=market,
            account=account,
            at=f"{round(begin * 60000) + 1700}ms",  # not in step with the clocks of oracles and samples
            over=f"{round((end - begin) * 60)}s",
            slices=max(1, int(slices)),
            sell=money(whole * share),
        )
