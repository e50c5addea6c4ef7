"""The story of `atom_flash_crash.toml`: its own figures, beside those that every run has.

Stands on the parts that a run has done; a part that was not run leaves its figures out.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import InputError

if TYPE_CHECKING:
    from engine.part import Part
    from engine.run import RunResult

__all__ = ["PICTURE_PARTS", "TIMELINE_PART", "figures", "people", "prints", "prints_equal"]

TIMELINE_PART = "endogenous"
PICTURE_PARTS = ("endogenous", "makers-stayed")  # what fell, and its calm twin
PRINTS_FILE = Path(__file__).parent / "data" / "atom_prints.csv"
REPLAYS = ("exact", "exact-limit")


def prints() -> list[tuple[str, str]]:
    """Return the 71 real prints, (price, quantity) in USDT and ATOM, in order.

    ATOM/USDT on Binance, 10 October 2025, 21:20:37.689 UTC, from the repository yanagihalab/atom-flash-crash-research,
    CC BY 4.0. All printed in one microsecond: one seller of 9,695.33 ATOM walked a book in which only stale bids were
    left.
    """
    with PRINTS_FILE.open(newline="", encoding="utf-8") as file:
        return [(row["price"], row["quantity"]) for row in csv.DictReader(file)]


def prints_equal(part: Part) -> int:
    """Count the prints that the fills equal, in order, in price and quantity; 0 if there are more fills than prints."""
    trades = part.simulation.world.trades()
    fills = list(zip(trades["price_ticks"].tolist(), trades["qty_lots"].tolist(), strict=True))
    try:
        real = [(part.market.ticks(price), part.market.lots(quantity)) for price, quantity in prints()]
    except InputError:
        return 0  # a copy of the scenario with coarser steps than the real prints
    if len(fills) != len(real):
        return 0
    return sum(fill == each for fill, each in zip(fills, real, strict=True))


def _low(done: dict[str, Part], name: str) -> float:
    return float(done[name].low or 0)


def figures(done: dict[str, Part]) -> dict[str, Any]:
    """Return what `run.json` holds of this scenario alone."""
    found: dict[str, Any] = {}
    replays = [done[name] for name in REPLAYS if name in done]
    if replays:
        found["prints_equal"] = min(map(prints_equal, replays))
        trades = replays[0].simulation.world.trades()
        proceeds = int(np.sum(trades["price_ticks"].astype(np.int64) * trades["qty_lots"]))
        found["proceeds_usdt"] = str(Decimal(proceeds).scaleb(-6))
    lows = {"exact": "exact", "endogenous": "endogenous", "makers_stayed": "makers-stayed"}
    found["low"] = {key: _low(done, name) for key, name in lows.items() if name in done}
    if "same-sell" in done:
        found["low_same_sell_with_makers"] = _low(done, "same-sell")
    return found


def people(result: RunResult) -> list[str]:
    """Return what people are told of the lows."""
    parts, low, told = result.measured(), result.story_figures["low"], ["lows, USDT"]
    if "exact" in parts:
        equal, proceeds = result.story_figures["prints_equal"], result.story_figures["proceeds_usdt"]
        note = f"{equal} of {len(prints())} prints equal, {proceeds} USDT"
        told.append(_line("the real sell into stale bids", low["exact"], note))
    if "endogenous" in parts:
        cascade = parts["endogenous"]
        generations = cascade["liquidations_by_generation"]
        note = f"{cascade['liquidations']} liquidations by generation {generations}"
        told.append(_line("grown: makers leave, longs fall", low["endogenous"], note))
    if "makers-stayed" in parts:
        note = f"{parts['makers-stayed']['liquidations']} liquidations"
        told.append(_line("the same seed, makers who stay", low["makers_stayed"], note))
    if "same-sell" in parts:
        told.append(f"  (the real sell, makers' quotes there: {result.story_figures['low_same_sell_with_makers']})")
    return told


def _line(what: str, price: float, note: str) -> str:
    return f"  {what:<32}{price:>10}   ({note})"
