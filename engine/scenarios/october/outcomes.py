"""What counterfactuals compare: lows, forced volume, bad debt, who bore it, and how the cascade fed itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.bearing import WaterfallKind
from engine.lineage import LandmarkKind
from engine.scenarios.october.markets import spot_name

if TYPE_CHECKING:
    from engine.part import Part
    from engine.scenarios.october.measure import Day

__all__ = ["outcomes_of"]

WINDOW, HORIZON = "1min", "5min"
LEAST_COHORT = 20  # liquidations of a window below which its R says nothing


def outcomes_of(part: Part, day: Day) -> dict[str, float | None]:
    """Return every outcome that the run's tables can tell; falls in %, times in minutes after 20:45, money in M USD."""
    found = _falls(day) if {"trades", "samples"} <= day.told else {}
    if {"trades", "waterfall"} <= day.told:
        found["forced"] = float(day.liquidated["usd"].sum()) / 1e6
    if "waterfall" in day.told:
        for name, kind in (("takeovers", WaterfallKind.TAKEOVER), ("adl", WaterfallKind.ADL)):
            found[name] = float(day.moved(kind)["usd"].sum()) / 1e6
    found["bad debt"] = bad_debt(day)
    found["lending"] = sum(float(day.simulation.lender(name).repaid_value) for name in day.simulation.lenders) / 1e6
    found["withdrawals"] = float((day.world.landmarks()["kind"] == LandmarkKind.WITHDRAWAL).sum())
    found["peak R"] = _peak(part)
    return found


def _falls(day: Day) -> dict[str, float | None]:
    """Return how far majors, altcoins and tokens fell, and when."""
    found: dict[str, float | None] = {}
    for name in ("BTC", "ETH"):
        found[f"fall {name}"] = _fall(day, name)
    alts = [coin.name for coin in day.coins if coin.kind != "major"]
    told = [(_fall(day, name), low[1]) for name in alts if (low := day.low(spot_name(name))) is not None]
    if told:
        found["fall alts"] = float(np.median([fall for fall, _ in told]))
        found["low alts"] = float(np.median([minute for _, minute in told]))
    for name in ("USDe", "WBETH"):
        low = day.low(spot_name(name))
        if low is not None:
            found[f"fall {name}"], found[f"low {name}"] = _fall(day, name), low[1]
    return found


def _fall(day: Day, asset: str) -> float | None:
    """Return how far an asset fell in spot from the first touch, %."""
    market = spot_name(asset)
    low = day.low(market)
    if low is None:
        return None
    opening = 0.5 * (day.series(market, "best_bid")[0] + day.series(market, "best_ask")[0])
    return float(100 * (1 - low[0] / (opening * float(day.simulation.markets[market].price.step))))


def bad_debt(day: Day) -> float:
    """Return the bad debt of all venues and the deficits of all lenders, M USD."""
    dollars = [day.simulation.assets[name] for name in ("USDT", "USDC")]
    debtors = [first + 2 for first in day.simulation.own_accounts.values()]  # V-8
    venues = -sum(day.world.balance(debtor, asset.number)[0] for debtor in debtors for asset in dollars) / 1e6
    lenders = sum(
        float(worth)
        for name in day.simulation.lenders
        for asset, worth in day.simulation.lender(name).deficit.items()
        if asset in ("USDT", "USDC")
    )
    return (venues + lenders) / 1e6


def _peak(part: Part) -> float | None:
    """Return the largest cohort reproduction of a minute with enough liquidations (G-10)."""
    rows = part.lineage.reproduction(window=WINDOW, horizon=HORIZON)
    enough = rows.liquidations >= LEAST_COHORT
    return float(rows.ratio[enough].max()) if enough.any() else None
