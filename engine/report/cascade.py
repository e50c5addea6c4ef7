"""The cascade on the page: generations, reproduction by windows, and where forced volume goes back to.

Stands on `engine.lineage` and `engine.cascade`, which define the figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.report.series import Chart, Series
from engine.report.tables import percent, plural

if TYPE_CHECKING:
    from engine.report.view import View

__all__ = ["generations", "reproduction", "shares"]

WINDOWS_MS = (100, 500, 1_000, 5_000, 10_000, 60_000, 600_000)
WINDOWS_MAX = 400
ROOTS_SHOWN = 8


def generations(view: View) -> Chart:
    """Return how many liquidations each generation has."""
    sizes = view.lineage.generations()
    share = view.lineage.endogenous_share()
    told = (
        "Liquidations by generation, along heaviest causes (rule G-7). "
        + ("" if share is None else f"{percent(share)} have a liquidation behind them: the endogenous share (G-9), ")
        + ("" if share is None else "which is below 1 in every finite run and no branching ratio.")
    )
    series = [Series("liquidations", list(sizes), list(sizes.values()), style={"color": 1})]
    missing = "" if sizes else "nobody was liquidated in this run"
    return Chart(
        "generations", "Generations", "liquidations", told, series, "bars", missing, {"x": "generation", "plain": True}
    )


def reproduction(view: View) -> Chart:
    """Return the cohort reproduction R(t), in the narrowest window of which there are at most 400."""
    width = next((each for each in WINDOWS_MS if view.end_ms <= each * WINDOWS_MAX), 3_600_000)
    found = view.lineage.reproduction(width)
    ratio = [round(value, 6) for value in found.ratio.tolist()]
    series = [Series("R(t)", found.start_ms.tolist(), ratio, style={"color": 0, "stems": True})]
    mean = "" if found.mean is None else f" Over all of them R is {found.mean:.3f}."
    told = (
        f"Liquidations of the next generation that those of a window of {width / 1000:g} s caused, per head, by weight "
        f"(rule G-10); children count within {found.horizon_ms / 1000:g} s.{mean} "
        f"Left out, since their children may be still to come: {plural(found.liquidations_left_out, 'liquidation')} in "
        f"{plural(found.windows_left_out, 'window')} at the end. Above the line at 1 the cascade grows."
    )
    missing = ""
    if not len(found):
        missing = (
            f"the children of all {found.liquidations_left_out} liquidations may be still to come at the end of the run"
            if found.liquidations_left_out
            else "nobody was liquidated in this run"
        )
    return Chart(
        "reproduction", "Reproduction R(t)", "R", told, series, missing=missing, options={"line_at": 1, "plain": True}
    )


def shares(view: View) -> tuple[list[tuple[str, float]], str]:
    """Return which share of the forced volume goes back to which root, and what is to be said of it (G-13)."""
    try:
        found = view.lineage.root_shares()
    except InputError:
        return [], "forced volume is in several assets: Lineage.root_shares(market) tells it of one market"
    if not found:
        return [], "no order of a liquidation traded, or trades are not recorded"
    rows = [(_root(view, root), share) for root, share in list(found.items())[:ROOTS_SHOWN]]
    rest = 1 - sum(share for _, share in rows)
    if len(found) > ROOTS_SHOWN:
        rows.append((f"{len(found) - ROOTS_SHOWN} other roots", rest))
    return rows, ""


def _root(view: View, root: int) -> str:
    if root == 0:
        return "background: no landmark stands behind it"
    row = view.lineage.landmark(root)
    whose = f" of {view.account(row.account)}" if row.account >= 0 else ""
    market = view.by_number.get(row.market)
    where = "" if market is None else f", {market.name}"
    return f"{row.kind.name}{whose} at {view.clock(row.time_ms)}{where}"
