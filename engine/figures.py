"""Figures of a part and its timeline: lows, counts, liquidations by generation, bad debt, and when what began.

Stands on `engine.lineage`. Reads only.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

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
    kinds = Counter(zip(table["kind"].tolist()[1:], table["generation"].tolist()[1:], strict=True))
    of_kind = {kind: sum(n for (k, _), n in kinds.items() if k == kind) for kind in LandmarkKind}
    generations = sorted((generation, n) for (k, generation), n in kinds.items() if k == LandmarkKind.LIQUIDATION)
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
        "liquidations_by_generation": {str(generation): n for generation, n in generations},
        "liquidation_steps": of_kind[LandmarkKind.STEP],
        "bad_debt": bad_debts[part.market.quote.name],
        "bad_debts": {name: worth for name, worth in bad_debts.items() if worth},
        "invariants": "hold",
        "digest": f"{world.digest():016x}",
    }
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


def timeline_of(part: Part) -> list[tuple[float, str]]:
    """Return the moments of a cascade, in order: shock, withdrawals, liquidations, low, recovery."""
    lineage = part.lineage
    trades = part.simulation.world.trades()
    on_market = trades["market"] == part.market.number
    times, prices = trades["time_ms"][on_market], trades["price_ticks"][on_market]
    rows: list[tuple[float, str]] = []
    names = {
        LandmarkKind.SHOCK: "shock: outside selling starts",
        LandmarkKind.WITHDRAWAL: "withdrawal: a maker cancels its bids on every market",
        LandmarkKind.LIQUIDATION: "liquidation: an account falls below maintenance",
        LandmarkKind.MARGIN_CALL: "margin call: a centralised loan must bring more",
        LandmarkKind.UNWIND: "unwind: a looper leaves",
        LandmarkKind.TAKEOVER: "takeover: a backstop takes an account's positions",
        LandmarkKind.ADL: "ADL: a position is closed against those who hold the other side",
        LandmarkKind.SHARED_LOSS: "shared loss: winners pay for what is lacking",
        LandmarkKind.BAD_DEBT: "bad debt: an account ends under water",
        LandmarkKind.RETURN: "recovery: a maker comes back",
    }
    for kind, text in names.items():
        found = lineage.of_kind(kind)
        if found:
            rows.append((found[0].time_ms / 1000, f"first {text}"))
            if found[-1].time_ms > found[0].time_ms:
                rows.append((found[-1].time_ms / 1000, f"last of {len(found)} ({kind.name.lower()})"))
    for generation, count in lineage.generations().items():
        first = next(row for row in lineage.of_kind(LandmarkKind.LIQUIDATION) if row.generation == generation)
        rows.append((first.time_ms / 1000, f"liquidations of generation {generation} begin ({count} in all)"))
    if len(prices):
        at = int(prices.argmin())
        low, last = part.market.price.value(int(prices[at])), part.market.price.value(int(prices[-1]))
        rows.append((float(times[at]) / 1000, f"LOW {low} ({part.market.name})"))
        rows.append((float(times[-1]) / 1000, f"last trade {last}"))
    return sorted(rows)
