"""Figures of a part and its timeline: lows, counts, liquidations by generation, bad debt, and when what began.

Stands on `engine.lineage`. Reads only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import InvariantError
from engine.lineage import LandmarkKind

if TYPE_CHECKING:
    from decimal import Decimal

    from engine.part import Part

__all__ = ["part_figures", "timeline_of"]


def part_figures(part: Part, *, lows: bool = True) -> dict[str, Any]:
    """Return one part's figures: lows, counts, liquidations by generation, bad debt, digest, invariants.

    Without `lows` they are None: the only figures that need every trade.
    """
    world = part.simulation.world
    table = world.landmarks()
    kinds = table["kind"]
    of_kind = dict(
        zip(LandmarkKind, np.bincount(kinds[1:].astype(np.intp), minlength=len(LandmarkKind)).tolist(), strict=True)
    )
    generations = np.unique(table["generation"][kinds == LandmarkKind.LIQUIDATION], return_counts=True)
    debtors = [first + 2 for first in part.simulation.own_accounts.values()]  # V-8: each venue has its bad-debt account
    bad_debts = {
        name: float(asset.grid.value(-sum(world.balance(debtor, asset.number)[0] for debtor in debtors)))
        for name, asset in part.simulation.assets.items()
    }
    low_of = part.lows if lows else dict.fromkeys(part.simulation.markets)
    figures: dict[str, Any] = {
        "market": part.market.name,
        "low": _float(low_of[part.market.name]),
        "lows": {name: _float(low) for name, low in low_of.items()},
        "now_ms": world.now_ms,
        "counts": world.counts(),
        "withdrawals": of_kind[LandmarkKind.WITHDRAWAL],
        "returns": of_kind[LandmarkKind.RETURN],
        "liquidations": of_kind[LandmarkKind.LIQUIDATION],
        "liquidations_by_generation": {
            str(generation): count for generation, count in zip(*(each.tolist() for each in generations), strict=True)
        },
        "liquidation_steps": of_kind[LandmarkKind.STEP],
        "bad_debt": bad_debts[part.market.quote.name],
        "bad_debts": {name: worth for name, worth in bad_debts.items() if worth},
        "invariants": "hold",
        "digest": f"{world.digest():016x}",
    }
    if of_kind[LandmarkKind.HALT]:
        figures["halts"] = of_kind[LandmarkKind.HALT]
    if part.simulation.lenders:
        figures["margin_calls"], figures["unwinds"] = of_kind[LandmarkKind.MARGIN_CALL], of_kind[LandmarkKind.UNWIND]
        figures["lenders"] = {name: _lender(part, name) for name in part.simulation.lenders}
    try:
        world.check_invariants()  # last: a world that fails here answers nothing any more
    except InvariantError as error:
        figures["invariants"] = str(error)
    return figures


def _lender(part: Part, name: str) -> dict[str, Any]:
    """Return what a lender did, and what its borrowers owe beyond their collateral, money."""
    state, loans = part.simulation.lender(name), part.simulation.loans(part.simulation.lenders[name]).values()
    known = [(each.collateral_value, each.debt_value) for each in loans]
    under = sum(owed - held for held, owed in known if held is not None and owed is not None and owed > held)
    return {
        "liquidations": state.liquidations,
        "repaid": float(state.repaid_value),
        "deficit": {asset: float(worth) for asset, worth in state.deficit.items()},
        "waiting": state.work,
        "under_water": float(under),
    }


def _float(price: Decimal | None) -> float | None:
    return None if price is None else float(price)


_MOMENTS = {
    LandmarkKind.SHOCK: "shock: outside selling starts",
    LandmarkKind.WITHDRAWAL: "withdrawal: a maker cancels its bids on every market",
    LandmarkKind.HALT: "halt: a market's breaker refuses orders for a while",
    LandmarkKind.LIQUIDATION: "liquidation: an account falls below maintenance",
    LandmarkKind.MARGIN_CALL: "margin call: a centralised loan must bring more",
    LandmarkKind.UNWIND: "unwind: a looper leaves",
    LandmarkKind.TAKEOVER: "takeover: a backstop takes an account's positions",
    LandmarkKind.ADL: "ADL: a position is closed against those who hold the other side",
    LandmarkKind.SHARED_LOSS: "shared loss: winners pay for what is lacking",
    LandmarkKind.BAD_DEBT: "bad debt: an account ends under water",
    LandmarkKind.RETURN: "recovery: a maker comes back",
}


def timeline_of(part: Part) -> list[tuple[float, str]]:
    """Return the moments of a cascade, in order: shock, withdrawals, liquidations, low, recovery."""
    table = part.simulation.world.landmarks()
    kinds, times_ms = table["kind"], table["time_ms"]
    rows: list[tuple[float, str]] = []
    for kind, text in _MOMENTS.items():
        found = np.flatnonzero(kinds == kind)
        if len(found):
            first_ms, last_ms = int(times_ms[found[0]]), int(times_ms[found[-1]])
            rows.append((first_ms / 1000, f"first {text}"))
            if last_ms > first_ms:
                rows.append((last_ms / 1000, f"last of {len(found)} ({kind.name.lower()})"))
    own = np.flatnonzero(kinds == LandmarkKind.LIQUIDATION)
    columns = np.unique(table["generation"][own], return_index=True, return_counts=True)
    for generation, place, count in zip(*(column.tolist() for column in columns), strict=True):
        time_s = int(times_ms[own[place]]) / 1000
        rows.append((time_s, f"liquidations of generation {generation} begin ({count} in all)"))
    return sorted(rows + _extremes(part))


def _extremes(part: Part) -> list[tuple[float, str]]:
    """Return the low of the part's own market and its last trade."""
    trades = part.simulation.world.trades()
    own = np.flatnonzero(trades["market"] == part.market.number)
    if not len(own):
        return []
    times_ms, prices = trades["time_ms"][own], trades["price_ticks"][own]
    at = int(prices.argmin())
    low, last = part.market.price.value(int(prices[at])), part.market.price.value(int(prices[-1]))
    return [
        (float(times_ms[at]) / 1000, f"LOW {low} ({part.market.name})"),
        (float(times_ms[-1]) / 1000, f"last trade {last}"),
    ]
